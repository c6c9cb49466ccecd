"""Files from strangers, and saving that is cut short: nothing crashes, runs code, or is lost."""

import io
import json
import os
import pickle
import resource
import signal
import struct
import subprocess
import sys
import time
import warnings
import zipfile
from collections import Counter

import numpy as np
import pytest

from anynet import Network

pytestmark = pytest.mark.slow

N_MUTATED = 400


@pytest.fixture
def whole(tmp_path):
    """The bytes of a small network's file."""
    return Network([6, 5, 3], output="softmax").save(tmp_path / "whole.npz").read_bytes()


def archive(entries, compression=zipfile.ZIP_STORED):
    """Return the bytes of a zip archive of (name, bytes) entries."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as z:
        warnings.simplefilter("ignore")  # that a name stands twice
        for name, data in entries:
            z.writestr(name, data)
    return buffer.getvalue()


def npy(array, allow_pickle=False):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=allow_pickle)
    return buffer.getvalue()


def npy_that_says(shape, data=b"", descr="<f4"):
    """Return an array's bytes whose header may lie about its shape or its dtype."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def entries_of(whole):
    with zipfile.ZipFile(io.BytesIO(whole)) as z:
        return {name: z.read(name) for name in z.namelist()}


def with_header(whole, **changes):
    entries = entries_of(whole)
    header = json.loads(str(np.load(io.BytesIO(entries["header.npy"]))))
    header |= changes
    entries["header.npy"] = npy(np.array(json.dumps(header)))
    return archive(entries.items())


class Runs:
    """An object whose unpickling would run a command."""

    def __reduce__(self):
        return os.system, ("touch it-ran",)


def crafted(whole):
    """Return files that are wrong in one way each, by name."""
    entries = entries_of(whole)

    def replaced(**changed):
        return archive((entries | {f"{name}.npy": data for name, data in changed.items()}).items())

    def layers(**changed):
        return with_header(whole, layers=[{"kind": "Dense", "units": 5} | changed])

    huge = npy_that_says((10**12,), b"")
    return {
        "nothing": b"",
        "text": b"hello, world",
        "a pickle": pickle.dumps(Runs()),
        "an archive of nothing": archive([]),
        "a foreign archive": archive([("readme.txt", b"hello")]),
        "an object array": replaced(w1=npy(np.array([Runs()], object), allow_pickle=True)),
        "an array that says it holds objects": replaced(w1=npy_that_says((5, 6), b"x" * 240, "|O")),
        "structured numbers": replaced(w1=npy(np.zeros((5, 6), [("a", "f4")]))),
        "complex numbers": replaced(w1=npy(np.zeros((5, 6), complex))),
        "integers as weights": replaced(w1=npy(np.zeros((5, 6), int))),
        "text as weights": replaced(w1=npy(np.zeros((5, 6), "U3"))),
        "a shape of a trillion": replaced(w1=huge),
        "a shape that is too large by one": replaced(w1=npy_that_says((5, 7), b"\0" * 120)),
        "a negative shape": replaced(w1=npy_that_says((-5, -6), b"\0" * 120)),
        "a shape beyond 64 bits": replaced(w1=npy_that_says((2**70, 0), b"")),
        "a shape of text": replaced(w1=npy_that_says("('5', 6)", b"\0" * 120)),
        "a header that is code": replaced(w1=npy_that_says("__import__('os').system('touch it-ran')", b"")),
        "a header without end": replaced(w1=b"\x93NUMPY\x01\x00\xff\xff" + b"{" * 100),
        "an unknown version of npy": replaced(w1=b"\x93NUMPY\x09\x00" + b"\0" * 100),
        "no npy at all": replaced(w1=b"hello"),
        "weights of another shape": replaced(w1=npy(np.zeros((5, 7), "f4"))),
        "biases of another shape": replaced(b1=npy(np.zeros((4, 1), "f4"))),
        "a name twice": archive([*entries.items(), ("w1.npy", entries["w1.npy"])]),
        "a missing array": archive((name, data) for name, data in entries.items() if name != "w2.npy"),
        "an entry beside the folder": archive([("../w1.npy", entries["w1.npy"])]),
        "a megabyte that inflates to one gigabyte": archive(
            [("w1.npy", npy_that_says((2**28,), bytes(2**30)))], zipfile.ZIP_DEFLATED
        ),
        "an unusual compression": archive(entries.items(), zipfile.ZIP_LZMA),
        "a header that is no JSON": replaced(header=npy(np.array("{"))),
        "a header that is a list": replaced(header=npy(np.array("[1]"))),
        "a header of numbers": replaced(header=npy(np.arange(3))),
        "a header nested ten thousand deep": replaced(header=npy(np.array("[" * 10_000))),
        "a newer format": with_header(whole, format_version=2),
        "a version that is text": with_header(whole, format_version="one"),
        "layers that are no list": with_header(whole, layers=7),
        "layers that are no objects": with_header(whole, layers=[7]),
        "no layers": with_header(whole, layers=[]),
        "an unknown layer": layers(kind="Conv9D"),
        "a layer that is a list": layers(kind=["Dense"]),
        "an unknown hyper-parameter": layers(colour="blue"),
        "a trillion units": layers(units=10**12),
        "half a unit": layers(units=0.5),
        "an unknown activation": layers(activation="gelu"),
        "an activation that is a number": layers(activation=3),
        "an input of text": with_header(whole, input_shape="six"),
        "a negative input": with_header(whole, input_shape=[-6]),
        "an input of other dimensions": with_header(whole, input_shape=[3, 3]),
        "ten million layers": with_header(whole, layers=[{"kind": "Dense", "units": 1}] * 100_000),
        "an unknown cost": with_header(whole, cost="cubic"),
        "a cost that is a list": with_header(whole, cost=["quadratic"]),
        "an illegal pair": with_header(whole, cost="quadratic"),
        "an unknown task": with_header(whole, task="guess"),
        "an unknown dtype": with_header(whole, dtype="float16"),
        "a dtype that is an object": with_header(whole, dtype={}),
        "classes that are numbers": with_header(whole, classes=[1, 2, 3]),
        "classes that are too few": with_header(whole, classes=["a"]),
        "classes that are one text": with_header(whole, classes="abc"),
        "classes that move the cursor": with_header(whole, classes=["a\x1b[2J", "b", "c"]),
        "classes that fill the screen": with_header(whole, classes=["a" * 10_000, "b", "c"]),
        "sizes of two dimensions": archive([("s.npy", npy(np.ones((2, 2), int))), ("w1.npy", entries["w1.npy"])]),
        "sizes that are not whole": archive([("s.npy", npy([6.5, 3.0])), *list(entries.items())[1:-1]]),
    }


def mutated(whole, rng):
    """Return the file with some bytes changed, cut out, doubled, or the end cut off."""
    data = bytearray(whole)
    for _ in range(int(rng.integers(1, 5))):
        i = int(rng.integers(len(data)))
        kind = rng.integers(5)
        if kind == 0:
            data[i] = int(rng.integers(256))
        elif kind == 1:
            data[i] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            del data[i : i + int(rng.integers(1, 40))]
        elif kind == 3:
            data[i:i] = data[i : i + int(rng.integers(1, 40))]
        else:
            del data[max(i, 50) :]
    return bytes(data)


def outcome(path):
    """Return what becomes of a file: "accepted", "refused", or anything else by name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net = Network.load(path)
        net.feedforward(np.zeros(net.sizes[0]))
        return "accepted"
    except ValueError as error:
        message = str(error)
        assert message.startswith(f"{path}: "), message
        assert "\n" not in message
        assert len(message) < 600
        return "refused"
    except Exception as error:
        return repr(error)


def peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_crafted_files_are_refused_in_one_line(whole, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "crafted.npz"
    outcomes = {}
    for name, data in crafted(whole).items():
        path.write_bytes(data)
        del data
        before = peak_megabytes()
        outcomes[name] = outcome(path)
        assert peak_megabytes() - before < 200, name
    print(f"{len(outcomes)} crafted files: {dict(Counter(outcomes.values()))}")
    assert {name: o for name, o in outcomes.items() if o != "refused"} == {}
    assert not (tmp_path / "it-ran").exists()


def test_mutated_files_are_refused_or_whole(whole, tmp_path):
    rng = np.random.default_rng(7)
    path = tmp_path / "mutated.npz"
    before, begin = peak_megabytes(), time.perf_counter()
    counts = Counter()
    for _ in range(N_MUTATED):
        path.write_bytes(mutated(whole, rng))
        counts[outcome(path)] += 1
    print(f"{N_MUTATED} mutated files: {dict(counts)}")
    assert set(counts) <= {"refused", "accepted"}
    assert counts["refused"] > N_MUTATED / 2
    assert peak_megabytes() - before < 200
    assert time.perf_counter() - begin < 120  # no hang


def test_nan_among_the_parameters_is_allowed_with_a_warning(tmp_path):
    net = Network([2, 1])
    net.weights = [[[np.nan, 1.0]]]
    path = net.save(tmp_path / "net.npz")
    with pytest.warns(UserWarning, match="NaN or infinite numbers among the parameters"):
        assert np.isnan(Network.load(path).weights[0][0, 0])


def test_numbers_too_large_for_float32_are_warned_of(tmp_path):
    net = Network([2, 1], dtype="float64")
    net.weights = [[[1e300, 1.0]]]
    path = net.save(tmp_path / "net.npz")
    assert Network.load(path).weights[0][0, 0] == 1e300
    with pytest.warns(UserWarning, match="NaN or infinite numbers among the parameters"):
        assert np.isinf(Network.load(path, dtype="float32").weights[0][0, 0])


def test_compressed_archives_of_ordinary_networks_open(tmp_path, rng):
    net = Network([30, 20, 10])
    with np.load(net.save(tmp_path / "net.npz")) as saved:
        np.savez_compressed(tmp_path / "small.npz", **saved)
    assert np.array_equal(Network.load(tmp_path / "small.npz").weights[0], net.weights[0])


SAVE_LOOP = """
import sys
from anynet import Network
nets = [Network([200, 100, 10], seed=s) for s in (0, 1)]
print("ready", flush=True)
while True:
    for net in nets:
        net.save(sys.argv[1])
"""


def kill_while_saving(path, moments, rng):
    """Kill a process that saves all the time at random moments; return how many files were lost."""
    lost = 0
    for _ in range(moments):
        with subprocess.Popen(
            [sys.executable, "-c", SAVE_LOOP, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            process.stdout.readline()
            time.sleep(rng.uniform(0.0, 0.03))
            process.send_signal(signal.SIGKILL)
        try:
            Network.load(path)
        except (OSError, ValueError):
            lost += 1
    return lost


def test_a_process_killed_while_saving_loses_nothing(tmp_path, rng):
    path = Network([200, 100, 10]).save(tmp_path / "net.npz")
    assert kill_while_saving(path, int(os.environ.get("ANYNET_KILLS", "8")), rng) == 0


def test_a_full_disk_while_saving_leaves_the_old_file(tmp_path):
    """The limit on a file's size stands in for a full disk: writing fails in the middle."""
    path = Network([20, 10], seed=1).save(tmp_path / "net.npz")
    before = path.read_bytes()
    code = (
        "import resource, signal, sys\n"
        "from anynet import Network\n"
        "net = Network([2000, 100, 10])\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    net.save(sys.argv[1])\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == "File too large\n"
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
