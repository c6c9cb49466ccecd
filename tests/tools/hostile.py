"""Files as strangers make them: small true ones, changed at random, and what becomes of each when it is read.

A file must load rightly or be refused by one clear line; none may run code, hang or take
memory that it only announces. What loads is held against the standard library.
"""

import sys
import time
import tracemalloc
from itertools import pairwise

import numpy as np

MB = 2**20
N_MUTATED = 400


def file_of(folder, data, name="file"):
    path = folder / name
    path.write_bytes(data)
    return path


def book(n=3, seed=0):
    """Return three small pairs as in the book's file, before they become a pickle."""
    rng = np.random.default_rng(seed)
    return tuple((rng.integers(0, 256, (n, 784)).astype("f4") / 256, rng.integers(0, 10, n)) for _ in range(3))


def saitos_weights(sizes, seed=0, dtype="f4"):
    """Return small weights as in Saito's file, before they become a pickle."""
    rng = np.random.default_rng(seed)
    layers = list(enumerate(pairwise(sizes), 1))
    weights = {f"W{i}": rng.standard_normal(shape).astype(dtype) for i, shape in layers}
    return weights | {f"b{i}": rng.standard_normal(shape[1]).astype(dtype) for i, shape in layers}


def changed(content, **changes):
    """Return a dict with some of its values changed, those that become None left out."""
    return {key: value for key, value in (content | changes).items() if value is not None}


def is_same(a, b):
    """Whether two structures hold the same, arrays bit for bit."""
    if isinstance(b, np.ndarray):
        return (
            isinstance(a, np.ndarray)
            and a.shape == b.shape
            and a.dtype == b.dtype.newbyteorder("=")
            and bool((a == b).all() or a.astype(b.dtype).tobytes() == b.tobytes())
        )
    if isinstance(b, dict):
        return isinstance(a, dict) and list(a) == list(b) and all(is_same(a[key], b[key]) for key in b)
    if isinstance(b, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(is_same, a, b))
    return type(a) is type(b) and bool(a == b)


def described(saved):
    """Return what a file says of a network, its arrays left out: sizes, activations, cost and dtype."""
    architecture = saved.architecture
    activations = [stage.activation.name for stage in architecture.stages]
    return list(architecture.sizes), activations, architecture.cost_name, saved.dtype


def outcome(load, name, oracle=None):
    """Return what became of a file: "refused", "accepted rightly", or what is wrong."""
    sys.modules.pop("pickletools", None)
    modules = set(sys.modules)
    tracemalloc.start()
    begin = time.perf_counter()
    try:
        result = load()
    except (ValueError, OSError) as error:
        message = str(error)
        is_clear = message.startswith(name) and "expected" in message and message.isprintable() and len(message) < 1000
        became = "refused" if is_clear else f"refused by {message!r}"
    except BaseException as error:  # that it may be anything is the point
        became = f"crashed by {error!r}"
    else:
        became = None
    imported = set(sys.modules) - modules  # here, for the oracle imports what it likes
    if became is None:
        became = "accepted rightly" if oracle is not None and oracle(result) else "accepted wrongly"
    seconds = time.perf_counter() - begin
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    if peak > 100 * MB or seconds > 20:
        return f"{became}, with {peak // MB} MB in {seconds:.1f} s"
    imported = {name for name in imported if not name.startswith(("pickletools", "encodings"))}
    return f"{became}, importing {imported}" if imported else became


def mutated(data, rng, alphabet=None):
    """Return the data with one to four small changes."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        i = rng.randrange(len(data)) if rng.random() < 0.5 else rng.randrange(min(len(data), 400))
        j = min(len(data), i + rng.choice([1, 2, 4, 50]))
        fresh = bytes(rng.choice(alphabet or range(256)) for _ in range(j - i))
        match rng.randrange(7):
            case 0:
                data[i:j] = fresh
            case 1:
                data[i:i] = fresh
            case 2:
                del data[i:j]
            case 3:
                data[i:i] = data[i:j]
            case 4:
                data[i] ^= 1 << rng.randrange(8)
            case 5:
                data[i:j] = rng.choice([b"\xff", b"\0", b"\x7f"]) * (j - i)
            case 6:
                del data[i:]
        data = data or bytearray(b"\0")
    return bytes(data)


def report(what, counts):
    """Say what became of many files, and check that nothing else did."""
    print(f"{what}: {counts.total()} mutated files: {dict(counts)}")
    assert set(counts) <= {"refused", "accepted rightly"}, counts
    assert counts["refused"] > 0
    assert counts["accepted rightly"] > 0
