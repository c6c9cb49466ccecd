"""Mutated files for every reader: `python scripts/attack/files.py 200000 1` changes so many, with that seed.

Each is refused by one line of ours that names it, or read; nothing takes more than 200 MB or a second of a processor,
warns in the words of a library, or writes to the terminal what a terminal obeys. What libtiff writes by itself is
counted. Kinds that are named behind the seed are changed alone: `images`.
"""

import collections
import gzip
import io
import json
import os
import pickle
import random
import struct
import sys
import tempfile
import time
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "tools"))

from costs_of import can_be_measured, costs_of
from hostile import book, mutated, saitos_weights
from idx_writer import idx

from anynet import Checkpoint, Network, datasets, history
from anynet.commands import config, errors
from anynet.saving import checkpoint

MB, SECONDS = 200, 1.0


def written(make):
    buffer = io.BytesIO()
    make(buffer)
    return buffer.getvalue()


def networks(folder):
    net = Network([4, 3, 2], output="softmax", seed=1)
    net.class_names = "yes", "no"
    native = net.save(folder / "net").read_bytes()
    arrays = [*net.weights, *net.biases]
    document = {"sizes": net.sizes, "weights": [w.tolist() for w in net.weights], "cost": "CrossEntropyCost"}
    text = json.dumps(document | {"biases": [b.tolist() for b in net.biases]}).encode()
    named = {"s": net.sizes} | {
        f"{k}{i}": a for k, of in (("w", net.weights), ("b", net.biases)) for i, a in enumerate(of, 1)
    }
    yield from (
        native,
        text,
        gzip.compress(text),
        written(lambda f: np.savez(f, **named)),
        written(lambda f: np.savez(f, *arrays)),
    )
    with np.load(io.BytesIO(native)) as saved:
        yield written(lambda f: np.savez_compressed(f, **saved))
    for protocol in range(6):
        data = pickle.dumps(saitos_weights([4, 3, 2]), protocol)
        yield from (data, gzip.compress(data))


def tables(folder):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((12, 4)), np.arange(12) % 3
    yield written(lambda f: np.savez(f, x=x, y=y))
    yield written(
        lambda f: np.savez_compressed(f, x=x, y=np.array(["a", "b", "c"])[y], classes=["a", "b", "c"], other=[b"x"])
    )
    lines = [
        "size,colour,kind",
        *(f"{a:.3f},{'red' if a > 0 else 'blue'},{k}" for a, k in zip(x[:, 0], y, strict=True)),
    ]
    for text in ("\n".join(lines), "\r\n".join(lines).replace(",", ";"), "\n".join(lines[1:])):
        yield from (text.encode(), gzip.compress(text.encode()))


def images(folder):
    from PIL import Image

    greys = np.random.default_rng(0).integers(0, 256, (9, 12, 4), dtype=np.uint8)
    turned = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    for mode, kinds in {
        "RGB": "PNG JPEG BMP PPM TIFF WEBP",
        "L": "PNG GIF PPM TIFF",
        "RGBA": "PNG TIFF WEBP",
        "1": "PPM BMP",
    }.items():
        picture = Image.fromarray(greys).convert(mode)
        for kind in kinds.split():
            extras = [{}]
            extras += [{"compression": name} for name in ("tiff_lzw", "tiff_deflate", "packbits")] * (kind == "TIFF")
            extras += [{"exif": turned}] * (kind in ("JPEG", "WEBP"))
            for how in extras:
                yield written(lambda f, p=picture, k=kind, h=how: p.save(f, k, **h))
    yield b"P3 2 2 255 # text\n" + b" 7" * 12
    yield idx(greys[..., 0])
    yield gzip.compress(idx(greys))


def books(folder):
    for protocol in (0, 2, 4):
        data = pickle.dumps(book(2), protocol)
        yield from (data, gzip.compress(data, 1))


def checkpoints(folder):
    rng = np.random.default_rng(0)
    Network([4, 3, 2], seed=1).fit(
        rng.standard_normal((20, 4)), np.arange(20) % 2, epochs=2, checkpoint=Checkpoint(folder / "run")
    )
    yield checkpoint.numbered(folder / "run")[4].read_bytes()


def histories(folder):
    rng = np.random.default_rng(0)
    Network([4, 2], seed=1).fit(
        rng.standard_normal((20, 4)), np.arange(20) % 2, epochs=3, history_file=folder / "lines"
    )
    yield (folder / "lines").read_bytes()


def options(folder):
    yield b'epochs = 3\nlearning-rate = 0.1\nquiet = true\nmetrics = ["precision", "recall"]\nnames = "a,b"\n'


def read_options(path):
    from anynet.commands import _parser

    parser = _parser(["train"])
    config._read(str(path), config._known(next(iter(parser._subparsers._group_actions)).choices["train"]))


READERS = {
    networks: Network.load,
    tables: datasets.read_data,
    images: datasets.read_images,
    books: datasets.load_data,
    checkpoints: checkpoint.read,
    histories: history.read,
    options: read_options,
}


ODD = (None, True, -1, 0, 2**63, 10**30, 10**4000, 1.5, float("nan"), "", "\x1b[31m", "9" * 5000, [], {}, [[]])


def within(data, rng):
    """Return a file changed: as it stands or, of what is packed, what is in it, so that checksums are right."""
    if data.startswith(b"PK") and b"header.npy" in data and rng.random() < 0.4:
        return with_another_header(data, rng)
    if data.startswith(b"PK") and rng.random() < 0.7:
        buffer = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", rng.choice([0, 8])) as new:
            chosen = rng.choice(old.namelist())
            for name in old.namelist():
                content = old.read(name)
                new.writestr(name, mutated(content, rng) if name == chosen else content)
        return buffer.getvalue()
    if data.startswith(b"\x1f\x8b") and rng.random() < 0.7:
        return gzip.compress(mutated(gzip.decompress(data), rng), 1)
    if data.startswith(b"\x89PNG") and rng.random() < 0.7:  # whose chunks have checksums
        return with_checksums(mutated(data, rng))
    return mutated(data, rng)


def with_another_header(data, rng):
    """Return an archive with a value of its header left out, or another."""
    with np.load(io.BytesIO(data)) as saved:
        entries = dict(saved)
    header = json.loads(str(entries["header"]))
    holder, key = rng.choice(list(places(header)))
    holder[key] = rng.choice(ODD)
    if rng.random() < 0.2:
        del holder[key]
    return written(lambda f: np.savez(f, **(entries | {"header": np.array(json.dumps(header))})))


def places(value):
    """Yield (list or object, index or key) of each value in one of JSON."""
    if isinstance(value, (list, dict)):
        for key, each in list(enumerate(value) if isinstance(value, list) else value.items()):
            yield value, key
            yield from places(each)


def with_checksums(data):
    at, data = 8, bytearray(data)
    while at + 12 <= len(data):
        (n,) = struct.unpack(">I", data[at : at + 4])
        if at + 12 + n > len(data):
            break
        data[at + 8 + n : at + 12 + n] = struct.pack(">I", zlib.crc32(data[at + 4 : at + 8 + n]))
        at += 12 + n
    return bytes(data)


def judged(path, read, told):
    """Return what became of a file, and what is wrong with that, if anything is."""
    os.ftruncate(told, 0)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        begin = time.process_time()
        megabytes, _, result = costs_of(lambda: read(path))
        seconds = time.process_time() - begin
    faults = []
    if isinstance(result, Exception):
        became, words = "refused", str(result)
        if not isinstance(result, (ValueError, errors.UsageError)):
            faults.append(f"{type(result).__name__}: {words[:200]}")
        elif str(path) not in words[:100] or "expected" not in words:
            faults.append(f"words that are not ours: {words[:200]!r}")
        errors.complain(words)
    else:
        became = "read"
    for warning in warned:
        errors.complain(str(warning.message))
        if warning.filename not in (__file__, costs_of.__code__.co_filename):  # ours name who called anynet
            faults.append(f"a warning: {str(warning.message)[:200]}")
    if megabytes > MB or seconds > SECONDS:
        faults.append(f"{megabytes:.0f} MB in {seconds:.2f} s")
    said = os.pread(told, 2**20, 0)
    lines = [line for line in said.split(b"\n") if line and not line.startswith(b"anynet: ")]
    if (
        any(byte < 32 and byte != 10 for line in said.split(b"\n") if line not in lines for byte in line)
        or len(said) > 2**18
    ):
        faults.append(f"written to the terminal: {said[:200]!r}")
    return became, faults, len(lines)


def main(n, seed, kinds):
    rng, counts, faulty, foreign = random.Random(seed), collections.Counter(), 0, 0
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        readers = {make: read for make, read in READERS.items() if not kinds or make.__name__ in kinds}
        originals = [(make.__name__, read, data) for make, read in readers.items() for data in make(folder)]
        told, terminal = os.open(folder / "told", os.O_RDWR | os.O_CREAT | os.O_APPEND), os.dup(2)
        path = folder / "file.npz"
        for _, read, data in originals:
            path.write_bytes(data)
            read(path)  # imports what it needs, before anything is measured
        os.dup2(told, 2)
        sys.stderr = os.fdopen(os.dup(told), "w", buffering=1)
        try:
            for i in range(n):
                name, read, data = rng.choice(originals)
                changed = within(data, rng)
                path.write_bytes(changed)
                became, faults, lines = judged(path, read, told)
                counts[name, became], foreign = counts[name, became] + 1, foreign + lines
                if faults:
                    faulty += 1
                    kept = Path(tempfile.gettempdir()) / f"attack-{seed}-{i}"
                    kept.write_bytes(changed)
                    print(f"{kept}: {name}: {'; '.join(faults)}", flush=True)
                if i % 20_000 == 19_999:
                    print(f"{i + 1} files, {faulty} faults", flush=True)
        finally:
            os.dup2(terminal, 2)
    print(f"{n} files, seed {seed}: {faulty} faults; {foreign} lines of libraries on standard error")
    for (name, became), count in sorted(counts.items()):
        print(f"  {name}: {count} {became}")
    return faulty


if __name__ == "__main__":
    if not can_be_measured():
        sys.exit("the peak of a process's memory is told by Linux alone")
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]) > 0)
