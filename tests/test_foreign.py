"""Files from strangers: pickles, gzip and JSON, rebuilt byte for byte, mutated and crafted.

Every file must load rightly or be refused by one clear line; none may run code, hang or
take memory that it only announces. What loads is held against the standard library.
"""

import gzip
import io
import json
import pickle
import random
import re
import struct
import sys
import time
import tracemalloc
import zlib
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from python2_pickle import dumps

from anynet import datasets, foreign
from anynet.formats import pickle as pickles
from anynet.formats.bounded import Reader, read_bytes

MB = 2**20


def read(data):
    return pickles.read(Reader(io.BytesIO(data), "file"))


def book(n=3, seed=0):
    """Return three small pairs as in the book's file."""
    rng = np.random.default_rng(seed)
    return tuple((rng.integers(0, 256, (n, 784)).astype("f4") / 256, rng.integers(0, 10, n)) for _ in range(3))


def brain(sizes, seed=0, dtype="f4"):
    """Return small weights as in Saito's file."""
    rng = np.random.default_rng(seed)
    layers = list(enumerate(pairwise(sizes), 1))
    weights = {f"W{i}": rng.standard_normal(shape).astype(dtype) for i, shape in layers}
    return weights | {f"b{i}": rng.standard_normal(shape[1]).astype(dtype) for i, shape in layers}


def network2(sizes=(3, 4, 2), seed=0, cost="CrossEntropyCost"):
    """Return what network2 saves, before it becomes JSON."""
    rng = np.random.default_rng(seed)
    return {
        "sizes": list(sizes),
        "weights": [rng.standard_normal((b, a)).tolist() for a, b in pairwise(sizes)],
        "biases": [rng.standard_normal((b, 1)).tolist() for b in sizes[1:]],
        "cost": cost,
    }


def file_of(tmp_path, data, name="file"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


# The formats.


def test_the_books_file(tmp_path):
    pairs = book()
    path = file_of(tmp_path, gzip.compress(dumps(pairs)), "mnist.pkl.gz")
    assert_same(pickle.loads(gzip.decompress(path.read_bytes()), encoding="latin1"), pairs)  # the file is a true one
    loaded = datasets.load_data(path)
    assert_same(loaded, pairs)
    assert [(x.dtype, y.dtype) for x, y in loaded] == [(np.float32, np.int64)] * 3
    training, validation, test = datasets.load_data_wrapper(path)
    assert (len(training), training[0][0].shape, training[0][1].shape) == (3, (784, 1), (10, 1))
    assert [y for _, y in validation] == pairs[1][1].tolist()
    assert np.array_equal(test[2][0][:, 0], pairs[2][0][2])


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol(protocol):
    values = {
        "W1": np.arange(6, dtype="f4").reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "big_endian": np.arange(3, dtype=">f8"),
        "bytes": np.arange(256, dtype="u1"),
        "one": np.array(3.5),
        "scalar": np.float32(2.5),
        "others": [1, (2, "x"), None, True, -5, 2**40, b"abc", {}],
    }
    loaded = read(pickle.dumps(values, protocol=protocol))
    assert_same(loaded, values)
    arrays = [a for a in loaded.values() if isinstance(a, np.ndarray)]
    assert all(a.flags.writeable and a.flags.aligned and a.dtype.isnative for a in arrays)


@pytest.mark.parametrize("protocol", range(6))
def test_saitos_weights(tmp_path, protocol):
    content = brain((784, 50, 100, 10))
    data = pickle.dumps(content, protocol=protocol).replace(b"numpy._core.", b"numpy.core.")  # as NumPy 1 wrote it
    if protocol > 3:
        data = pickle.dumps(content, protocol=protocol)
    path = file_of(tmp_path, data, "sample_weight.pkl")
    assert foreign.is_foreign(path)
    arrays, description = foreign.read(path)
    assert description == {
        "sizes": [784, 50, 100, 10],
        "hidden": "sigmoid",
        "output": "softmax",
        "cost": "cross_entropy",
        "dtype": "float32",
    }
    assert list(arrays) == ["w1", "w2", "w3", "b1", "b2", "b3"]
    for i in (1, 2, 3):
        assert np.array_equal(arrays[f"w{i}"], content[f"W{i}"].T)
        assert np.array_equal(arrays[f"b{i}"], content[f"b{i}"][:, None])


@pytest.mark.parametrize("order", [("sizes", "weights", "biases", "cost"), ("biases", "cost", "weights", "sizes")])
@pytest.mark.parametrize("indent", [None, 1])
def test_network2s_json(tmp_path, order, indent):
    content = network2((20, 7, 5, 3), cost="QuadraticCost")
    text = json.dumps({key: content[key] for key in order}, indent=indent)
    path = file_of(tmp_path, text.encode(), "net.json")
    assert foreign.is_foreign(path)
    arrays, description = foreign.read(path)
    assert description == {
        "sizes": [20, 7, 5, 3],
        "hidden": "sigmoid",
        "output": "sigmoid",
        "cost": "quadratic",
        "dtype": "float64",
    }
    for i in (1, 2, 3):
        assert arrays[f"w{i}"].tolist() == content["weights"][i - 1]  # to the last bit
        assert arrays[f"b{i}"].tolist() == content["biases"][i - 1]


def test_a_native_file_is_not_foreign(tmp_path):
    np.savez(tmp_path / "swb.npz", s=[1, 2])
    assert not foreign.is_foreign(tmp_path / "swb.npz")


def assert_same(a, b):
    assert is_same(a, b)


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


# What is refused, with the reason.

NAMES = [
    "os.system",
    "posix.system",
    "nt.system",
    "builtins.eval",
    "builtins.exec",
    "builtins.getattr",
    "builtins.__import__",
    "builtins.bytearray",
    "__builtin__.eval",
    "__builtin__.apply",
    "subprocess.Popen",
    "commands.getoutput",
    "functools.partial",
    "functools.reduce",
    "operator.attrgetter",
    "operator.methodcaller",
    "importlib.import_module",
    "runpy.run_path",
    "pickle.loads",
    "copyreg._reconstructor",
    "copyreg.__newobj__",
    "copy_reg._reconstructor",
    "codecs.decode",
    "_codecs.decode",
    "types.CodeType",
    "types.FunctionType",
    "webbrowser.open",
    "numpy.load",
    "numpy.fromfile",
    "numpy.memmap",
    "numpy.zeros",
    "numpy.ndarray.tofile",
    "numpy.dtype.type",
    "numpy.f2py.compile",
    "numpy.f2py.diagnose.run_command",
    "numpy.testing._private.utils.runstring",
    "numpy.core.multiarray.fromfile",
    "numpy.core.multiarray._reconstruct.__globals__",
    "numpy.matrixlib.defmatrix.matrix",
    "numpy.ma.core._mareconstruct",
    "anynet.formats.pickle._Machine",
]


def named(name):
    """Return pickles that reach for a name and call it, by each instruction that can."""
    module, _, attribute = name.rpartition(".")
    command = b"X\x04\x00\x00\x00boom"
    by_line = f"{module}\n{attribute}\n".encode()
    by_stack = b"".join(b"\x8c" + bytes([len(s)]) + s for s in (module.encode(), attribute.encode()))
    return {
        "GLOBAL": b"\x80\x02c" + by_line + command + b"\x85R.",
        "STACK_GLOBAL": b"\x80\x04" + by_stack + b"\x93" + command + b"\x85R.",
        "INST": b"(" + command + b"i" + by_line + b".",
        "OBJ": b"(c" + by_line + command + b"o.",
        "NEWOBJ": b"\x80\x02c" + by_line + command + b"\x85\x81.",
        "NEWOBJ_EX": b"\x80\x04" + by_stack + b"\x93" + command + b"\x85}\x92.",
        "BUILD": b"\x80\x02c" + by_line + b"}" + command + b"Nsb.",
        "within": dumps(book())[:-1] + b"c" + by_line + command + b"\x85R.",
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_refused_before_anything_runs(name):
    for instruction, data in named(name).items():
        with pytest.raises(ValueError, match="expected a pickle of plain NumPy arrays") as caught:
            read(data)
        assert f"names {name}," in str(caught.value), instruction


def array_of(
    shape=b"K\x01\x85", code=b"f4", order=b"<", data=b"abcd", tail=b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00"
):
    """Return a pickle of one array, whose parts may lie."""
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
        + shape
        + b"cnumpy\ndtype\nU" + bytes([len(code)]) + code + b"K\x00K\x01\x87R(K\x03U\x01" + order + tail + b"tb\x89"
        + b"T" + struct.pack("<I", len(data)) + data + b"tb."
    )  # fmt: skip


DTYPE = b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
BIG_ENDIAN = DTYPE.replace(b"<", b">")
BUFFER = b"\x80\x05cnumpy._core.numeric\n_frombuffer\n(C\x04abcd"
TB = b"\x8a\x06" + (10**12).to_bytes(6, "little")  # LONG1

CRAFTED_PICKLES = {
    "a shape of 10**12": array_of(shape=TB + b"\x85"),
    "a shape whose size overflows": array_of(shape=TB + TB + TB + b"\x87"),
    "a shape that overflows to the right size": array_of(
        shape=b"\x8a\x09" + (2**63 + 1).to_bytes(9, "little") + b"K\x02\x86", data=b"abcdabcd"
    ),
    "a shape below zero": array_of(shape=b"J\xff\xff\xff\xffJ\xff\xff\xff\xff\x86"),
    "a shape of zero": array_of(shape=b"K\x00\x85", data=b""),
    "a shape of booleans": array_of(shape=b"\x88\x85"),
    "a shape of text": array_of(shape=b"U\x01a\x85"),
    "a shape that is a number": array_of(shape=b"K\x01"),
    "a shape that is a list": array_of(shape=b"]K\x01a"),
    "a shape of 300 dimensions": array_of(shape=b"(" + b"K\x01" * 300 + b"t"),
    "fewer bytes than the shape": array_of(data=b"abc"),
    "more bytes than the shape": array_of(data=b"abcde"),
    "objects": array_of(code=b"O8", order=b"|", data=b"abcdabcd"),
    "objects by another name": array_of(code=b"O"),
    "a structured dtype": array_of(code=b"V4"),
    "a dtype of fields": array_of(tail=b"N(U\x01atU\x01aNs}J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00"),
    "a dtype with flags": array_of(tail=b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3f"),
    "a dtype with a size": array_of(tail=b"NNNK\x04K\x04K\x00"),
    "a dtype with a subarray": array_of(tail=b"U\x02O8K\x01\x85\x86NNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00"),
    "text": array_of(code=b"U1"),
    "dates": array_of(code=b"M8[ns]"),
    "complex numbers": array_of(code=b"c8", data=b"abcdabcd"),
    "booleans": array_of(code=b"b1", data=b"\x02"),
    "long doubles": array_of(code=b"f16", data=b"abcd" * 4),
    "several dtypes in one": array_of(code=b"f4,O"),
    "no byte order": array_of(order=b"?"),
    "a byte order for bytes": array_of(code=b"u1", data=b"a"),
    "an array that is never filled": array_of()[:-1].rsplit(b"(K\x01", 1)[0] + b".",
    "an array that is filled twice": array_of()[:-1] + b"(K\x01K\x01\x85" + DTYPE + b"\x89U\x04abcdtb.",
    "an array rebuilt as another type": array_of().replace(b"U\x01b\x87", b"U\x01q\x87"),
    "a dtype that is built twice": array_of().replace(DTYPE, DTYPE + DTYPE[DTYPE.index(b"(") :]),
    "a bare dtype": b"\x80\x02" + DTYPE + b".",
    "a bare name": b"cnumpy\nndarray\n.",
    "a call of ndarray": b"cnumpy\nndarray\n" + TB + b"\x85\x85R.",
    "a call of text": b"U\x05printU\x01a\x85R.",
    "a call of an array": array_of()[:-1] + b"(tR.",
    "a call with no tuple": b"cnumpy\ndtype\nU\x02f4R.",
    "a subclass rebuilt": b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\ndtype\nK\x00\x85U\x01b\x87R.",
    "an array rebuilt at a size": b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + TB + b"\x85U\x01b\x87R.",
    "dtype of a dict": b"cnumpy\ndtype\n}\x85R.",
    "dtype aligned": b"cnumpy\ndtype\nU\x02f4K\x01K\x01\x87R.",
    "a scalar with too few bytes": b"cnumpy.core.multiarray\nscalar\n" + DTYPE + b"U\x01a\x86R.",
    "a scalar of text": b"cnumpy.core.multiarray\nscalar\n" + DTYPE + b"X\x04\x00\x00\x00abcd\x86R.",
    "a buffer of a lying shape": BUFFER + DTYPE + TB + b"\x85U\x01CtR.",
    "a buffer in no order": BUFFER + DTYPE + b"K\x01\x85U\x01KtR.",
    "the codec hex": b"c_codecs\nencode\nX\x02\x00\x00\x0000U\x03hex\x86R.",
    "the codec bz2": b"c_codecs\nencode\nX\x02\x00\x00\x0000U\x03bz2\x86R.",
    "text that is no latin1": b"c_codecs\nencode\nX\x03\x00\x00\x00\xe2\x82\xacU\x06latin1\x86R.",
    "text that is no UTF-8": b"X\x01\x00\x00\x00\xff.",
    "text with half an escape": b"V\\u12\n.",
    "a long text, wide": b"X\x00\x00\x10\x00" + b"a" * (MB - 4) + "\U0001f600".encode() + b".",
    "an extension of one byte": b"\x82\x01.",
    "an extension of two bytes": b"\x83\x01\x00.",
    "an extension of four bytes": b"\x84\x01\x00\x00\x00.",
    "a persistent name": b"Pposix.system\n.",
    "a persistent object": b"U\x01aQ.",
    "an empty set": b"\x8f.",
    "a frozen set": b"(K\x01\x91.",
    "a buffer from elsewhere": b"\x80\x05\x97.",
    "a float": b"G\x00\x00\x00\x00\x00\x00\x00\x00.",
    "an unknown instruction": b"\xff.",
    "protocol 6": b"\x80\x06N.",
    "protocol 255": b"\x80\xffN.",
    "the wrong order": b".",
    "nothing": b"",
    "nothing but a protocol": b"\x80\x02",
    "two values": b"NN.",
    "a mark left": b"(N.",
    "no mark": b"Nt.",
    "more after the end": array_of() + b"N.",
    "an empty stack": b"\x85.",
    "a pop through a mark": b"N(\x85.",
    "a memo entry that is missing": b"h\x07.",
    "a memo entry far away": b"j\xff\xff\xff\xff.",
    "a key far away in the memo": b"Nr\xff\xff\xff\x7f" * 2 + b".",
    "a key below zero in the memo": b"Np-1\n" + b".",
    "a string of 4 GB": b"T\xff\xff\xff\xffabc",
    "a string of 400 MB": b"T\x00\x00\x00\x18abc",
    "text of 2 GB": b"X\xff\xff\xff\x7fabc",
    "bytes of 2**62": b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b"abc",
    "a bytearray of 2**64": b"\x80\x05\x96" + b"\xff" * 8 + b"abc",
    "a frame of 2**62": b"\x80\x04\x95" + (2**62).to_bytes(8, "little") + b"N.",
    "a number of 2 GB": b"\x8b\xff\xff\xff\x7f\x01.",
    "a number of many digits": b"I" + b"9" * 100_000 + b"\n.",
    "a number in hex": b"I0x10\n.",
    "a number with underscores": b"I1_0\n.",
    "a whole number that says it is long": b"I1L\n.",
    "a number of letters": b"Labc\n.",
    "a number on an endless line": b"I" + b"1" * 100_000,
    "a string without quotes": b"Sabc\n.",
    "a string half quoted": b"S'abc\n.",
    "a string with an unknown escape": b"S'\\q'\n.",
    "a string that ends in a backslash": b"S'\\'\n.",
    "tuples 50,000 deep": b")" + b"\x85" * 50_000 + b".",
    "lists 20,000 deep": b"]" * 20_000 + b"a" * 19_999 + b".",
    "a dict whose key is tuples 50,000 deep": b"})" + b"\x85" * 50_000 + b"Ns.",
    "a dict whose key is a dict": b"}}Ns.",
    "a dict whose key is an array": b"}" + array_of()[2:-1] + b"Ns.",
    "a dict with a key twice": b"}(U\x01aNU\x01aNu.",
    "a dict with half an item": b"}(U\x01au.",
    "a list in itself": b"]q\x00h\x00a.",
    "a tuple in itself": b"]q\x00h\x00\x85a.",
    "a list of 2**60": b"]q\x00" + b"h\x00h\x00\x86q\x00" * 60 + b".",
    "items for a tuple": b")Na.",
    "items for a dict": b"}Na.",
    "keys for a list": b"]U\x01aNs.",
    "200,000 instructions": b"(" + b"N" * 200_000 + b"t.",
    "200,000 dicts": b"(" + b"}" * 200_000 + b"t.",
    "200,000 marks": b"(" * 200_000 + b".",
    "one array in a thousand": b"(T\x00\x00\x10\x00" + b"a" * MB + b"q\x01" + BIG_ENDIAN + b"q\x02"
    + b"cnumpy._core.numeric\n_frombuffer\n(h\x01h\x02J\x00\x00\x04\x00\x85U\x01CtR" * 1000 + b"t.",
    "one text encoded a thousand times": b"(X\x00\x00\x10\x00" + b"a" * MB + b"q\x01"
    + b"c_codecs\nencode\nh\x01U\x06latin1\x86R" * 1000 + b"t.",
    "a name without an end": b"cposix\nsystem",
    "a name of a megabyte": b"c" + b"a" * MB + b"\n" + b"b" * MB + b"\n.",
    "a name with newlines to come": b"\x80\x04\x8c\x04a\nb\rU\x01c\x93.",
    "a name that is no text": b"\x80\x04K\x01K\x02\x93.",
    "text and nothing else": b"Epoch 0: 9045 / 10000\n",
    "zeros": bytes(10_000),
}  # fmt: skip


@pytest.mark.parametrize("what", CRAFTED_PICKLES)
def test_crafted_pickles_are_refused(what):
    assert outcome(lambda: read(CRAFTED_PICKLES[what]), "file") == "refused"


def test_good_files_in_the_form_of_the_crafted_ones(tmp_path):
    assert read(array_of()).tobytes() == b"abcd"
    for number in ("-0", "0.0", "1E5", "1e-400", "12.5e+2"):
        path = file_of(tmp_path, with_weight(number).encode())
        assert foreign.read(path)[0]["w1"][0, 0] == float(number)


BOOKS = {
    "two pairs": dumps(book()[:2]),
    "no pairs": dumps(tuple(x for x, _ in book())),
    "one array": dumps(book()[0][0]),
    "a dict": pickle.dumps(brain((3, 2)), protocol=2),
    "columns": dumps(((np.ones((3, 785), "f4"), np.zeros(3, int)),) * 3),
    "images": dumps(((np.ones((3, 28, 28), "f4"), np.zeros(3, int)),) * 3),
    "pixels as bytes": dumps(((np.ones((3, 784), "u1"), np.zeros(3, int)),) * 3),
    "too few labels": dumps(((np.ones((3, 784), "f4"), np.zeros(2, int)),) * 3),
    "labels as floats": dumps(((np.ones((3, 784), "f4"), np.zeros(3)),) * 3),
    "labels one-hot": dumps(((np.ones((3, 784), "f4"), np.zeros((3, 10), int)),) * 3),
    "a label of 10": dumps(((np.ones((3, 784), "f4"), np.full(3, 10)),) * 3),
    "a label below 0": dumps(((np.ones((3, 784), "f4"), np.full(3, -1)),) * 3),
    "NaN": dumps(((np.full((3, 784), np.nan, "f4"), np.zeros(3, int)),) * 3),
    "infinity": dumps(((np.full((3, 784), np.inf, "f4"), np.zeros(3, int)),) * 3),
    "pixels to 255": dumps(((np.full((3, 784), 255, "f4"), np.zeros(3, int)),) * 3),
}


@pytest.mark.parametrize("what", BOOKS)
def test_what_is_not_the_books_file_is_refused(tmp_path, what):
    path = file_of(tmp_path, BOOKS[what])
    assert outcome(lambda: datasets.load_data(path), str(path)) == "refused"


def changed(content, **changes):
    return {key: value for key, value in (content | changes).items() if value is not None}


BRAINS = {
    "an empty dict": {},
    "a tuple": (1, 2),
    "one weight missing": changed(brain((5, 4, 3)), W2=None),
    "one bias missing": changed(brain((5, 4, 3)), b1=None),
    "another name": changed(brain((5, 4, 3)), gamma1=np.ones(4)),
    "a gap": {"W1": np.ones((5, 4)), "b1": np.ones(4), "W3": np.ones((4, 3)), "b3": np.ones(3)},
    "weights that do not fit": changed(brain((5, 4, 3)), W2=np.ones((5, 3))),
    "a bias that does not fit": changed(brain((5, 4, 3)), b2=np.ones(4)),
    "a bias that is a column": changed(brain((5, 4, 3)), b2=np.ones((3, 1))),
    "weights of one dimension": changed(brain((5, 4, 3)), W1=np.ones(20)),
    "kernels": changed(brain((5, 4, 3)), W1=np.ones((5, 2, 2))),
    "whole numbers": changed(brain((5, 4, 3)), W1=np.ones((5, 4), int)),
    "NaN": changed(brain((5, 4, 3)), W1=np.full((5, 4), np.nan)),
    "infinity": changed(brain((5, 4, 3)), b1=np.full(4, -np.inf)),
    "text": changed(brain((5, 4, 3)), b1="b1"),
    "1,100 layers": brain((1,) * 1_101),
}


@pytest.mark.parametrize("what", BRAINS)
def test_what_are_not_saitos_weights_is_refused(tmp_path, what):
    path = file_of(tmp_path, pickle.dumps(BRAINS[what], protocol=3))
    assert outcome(lambda: foreign.read(path), str(path)) == "refused"


GOOD_JSON = json.dumps(network2())


def edited(old, new):
    assert old in GOOD_JSON
    return GOOD_JSON.replace(old, new, 1)


def with_weight(number):
    """Return a file whose first weight is replaced."""
    return re.sub(r'(?<="weights": \[\[\[)[^,]*', number, GOOD_JSON)


def json_of(**changes):
    return json.dumps(changed(network2(), **changes))


CRAFTED_JSON = {
    "ten million layers": '{"sizes": [' + "1," * 9_999_999 + '1], "weights": [], "biases": []}',
    "a million layers, whole": '{"sizes": [' + "1," * 999_999 + '1], "weights": [' + "[[0]]," * 999_998
    + '[[0]]], "biases": [' + "[[0]]," * 999_998 + '[[0]]], "cost": "QuadraticCost"}',
    "1,001 layers": json.dumps(network2((1,) * 1_002)),
    "no layers": json_of(sizes=[3], weights=[], biases=[]),
    "no sizes": json_of(sizes=None),
    "no weights": json_of(weights=None),
    "no biases": json_of(biases=None),
    "no cost": json_of(cost=None),
    "empty sizes": json_of(sizes=[]),
    "sizes of billions": json_of(sizes=[999_999_999, 999_999_999]),
    "sizes of many digits": json_of(sizes=[int("9" * 4_000), 2]),
    "a size of 0": json_of(sizes=[3, 0, 2]),
    "a size below 0": json_of(sizes=[3, -4, 2]),
    "a size of 4.0": json_of(sizes=[3, 4.0, 2]),
    "a size that is true": json_of(sizes=[3, True, 2]),
    "a size that is text": json_of(sizes=[3, "4", 2]),
    "sizes in sizes": json_of(sizes=[[3], [4], [2]]),
    "sizes of another network": json_of(sizes=[3, 5, 2]),
    "one size too many": json_of(sizes=[3, 4, 2, 1]),
    "one size too few": json_of(sizes=[3, 4]),
    "weights transposed": json_of(weights=[np.ones((3, 4)).tolist(), np.ones((4, 2)).tolist()]),
    "weights flat": json_of(weights=[[1.0] * 12, [1.0] * 8]),
    "weights one too many": json_of(weights=[*network2()["weights"], [[1.0]]]),
    "weights as an object": json_of(weights={"0": 1}),
    "weights as text": json_of(weights="weights"),
    "weights of null": json_of(weights=[None, None]),
    "a row too short": json_of(weights=[[[1.0] * 2] * 4, [[1.0] * 4] * 2]),
    "a row too long": json_of(weights=[[[1.0] * 4] * 4, [[1.0] * 4] * 2]),
    "a row that is empty": json_of(weights=[[[]] * 4, [[1.0] * 4] * 2]),
    "a weight that is text": json_of(weights=[[["1"] * 3] * 4, [[1.0] * 4] * 2]),
    "a weight that is true": json_of(weights=[[[True] * 3] * 4, [[1.0] * 4] * 2]),
    "biases flat": json_of(biases=[[1.0] * 4, [1.0] * 2]),
    "biases in rows": json_of(biases=[[[1.0] * 4], [[1.0] * 2]]),
    "NaN": json_of(weights=[np.full((4, 3), np.nan).tolist(), np.ones((2, 4)).tolist()]),
    "infinity": json_of(biases=[np.full((4, 1), np.inf).tolist(), np.ones((2, 1)).tolist()]),
    "minus infinity": json_of(biases=[np.full((4, 1), -np.inf).tolist(), np.ones((2, 1)).tolist()]),
    "1e999": with_weight("1e999"),
    "a number beyond floats": with_weight("9" * 400),
    "an exponent of many digits": with_weight("1e" + "9" * 100_000),
    "a number of a megabyte": with_weight("0." + "1" * MB),
    "a number in hex": with_weight("0x10"),
    "a number with a plus": with_weight("+1"),
    "a number with zeros first": with_weight("01"),
    "a number without digits": with_weight("-"),
    "a number that ends in a point": with_weight("1."),
    "a number with underscores": with_weight("1_0"),
    "two commas": edited(", ", ",, "),
    "a comma at the end": edited("]]]", "]],]"),
    "a comma after all": GOOD_JSON[:-1] + ",}",
    "more after the end": GOOD_JSON + "{}",
    "two networks": GOOD_JSON + GOOD_JSON,
    "lists a million deep": edited('"weights": [', '"weights": ' + "[" * 1_000_000),
    "lists a million deep, alone": "[" * 1_000_000,
    "objects 100,000 deep": '{"weights":' * 100_000,
    "a million empty lists": edited('"weights": [', '"weights": [' + "[]," * 1_000_000),
    "a key twice": GOOD_JSON[:-1] + ', "cost": "QuadraticCost"}',
    "sizes twice": GOOD_JSON[:-1] + ', "sizes": [3, 4, 2]}',
    "weights twice": GOOD_JSON[:-1] + ', "weights": ' + json.dumps(network2()["weights"]) + "}",
    "another key": json_of(epochs=30),
    "a key with an escape": edited('"cost"', '"c\\u006fst"'),
    "a key without quotes": edited('"cost"', "cost"),
    "a key in single quotes": edited('"cost"', "'cost'"),
    "a key of a megabyte": edited('"cost"', '"' + "c" * MB + '"'),
    "an unknown cost": json_of(cost="LogLikelihoodCost"),
    "a cost that calls": json_of(cost="__import__('os').system('boom')"),
    "a cost that is a list": json_of(cost=["QuadraticCost"]),
    "a cost that is null": edited('"CrossEntropyCost"', "null"),
    "sizes within the cost": json_of(sizes=None, cost='"sizes": [3, 4, 2]'),
    "a list": f"[{GOOD_JSON}]",
    "an empty object": "{}",
    "an empty list": "[]",
    "null": "null",
    "a comment": edited("{", "{// sizes\n"),
    "a byte order mark": "\ufeff" + GOOD_JSON,
    "nothing but spaces": " " * MB,
    "spaces and a brace": " " * MB + "{",
    "nothing": "",
    "a zero byte": edited(", ", ",\0 "),
}  # fmt: skip


@pytest.mark.parametrize("what", CRAFTED_JSON)
def test_crafted_json_is_refused(tmp_path, what):
    path = file_of(tmp_path, CRAFTED_JSON[what].encode())
    assert outcome(lambda: foreign.read(path), str(path)) == "refused"


@pytest.mark.parametrize(
    ("what", "place"),
    [
        ("a row too short", r"expected 3 numbers at weights\[0\]\[0\], byte \d+, got 2"),
        ("NaN", r"expected a number at weights\[0\]\[0\], byte \d+, got 'NaN, NaN, NaN\], \[NaN'"),
        ("ten million layers", "expected 2 to 1000 sizes at sizes, byte 11, got 10000000"),
        ("sizes of billions", "expected sizes of at most .* weights and biases at sizes"),
        ("a cost that calls", 'at cost, byte .*, got "__import__'),
        ("a key twice", "expected each key once at cost, byte .*, got cost twice"),
        ("no cost", "expected the keys sizes, weights, biases, cost at byte .*, got none named cost"),
    ],
)
def test_json_is_refused_with_the_place(tmp_path, what, place):
    with pytest.raises(ValueError, match=place):
        foreign.read(file_of(tmp_path, CRAFTED_JSON[what].encode()))


def test_utf16_is_refused(tmp_path):
    path = file_of(tmp_path, GOOD_JSON.encode("utf-16"))
    assert outcome(lambda: foreign.read(path), str(path)) == "refused"


def member(data):
    return gzip.compress(data, 1, mtime=0)


BOOK = dumps(book())
PACKED = member(BOOK)
BOMB = member(bytes(20 * MB))
CRAFTED_GZIP = {
    "a bomb": BOMB,
    "a bomb in a pickle": member(b"\x80\x02T" + struct.pack("<I", 20 * MB) + bytes(20 * MB)),
    "a bomb in a bomb": member(BOMB),
    "truncated in the header": member(BOOK)[:5],
    "truncated in the data": member(BOOK)[: len(member(BOOK)) // 2],
    "truncated in the checksum": member(BOOK)[:-6],
    "truncated by a byte": member(BOOK)[:-1],
    "nothing after the magic": b"\x1f\x8b",
    "a wrong checksum": member(BOOK)[:-8] + bytes(4) + member(BOOK)[-4:],
    "a wrong length": member(BOOK)[:-4] + bytes(4),
    "another method": b"\x1f\x8b\x09" + member(BOOK)[3:],
    "reserved flags": b"\x1f\x8b\x08\xe0" + member(BOOK)[4:],
    "a name without an end": b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * MB,
    "a second member": member(BOOK) + member(BOOK),
    "a thousand members": member(b"") * 1_000,
    "bytes after the end": member(BOOK) + b"more",
    "a zlib stream": zlib.compress(BOOK),
    "nothing in it": member(b""),
    "text in it": member(b"Epoch 0: 9045 / 10000\n"),
    "gzip in gzip": member(member(BOOK)),
}


@pytest.mark.parametrize("what", CRAFTED_GZIP)
def test_crafted_gzip_is_refused(tmp_path, what):
    path = file_of(tmp_path, CRAFTED_GZIP[what])
    assert outcome(lambda: datasets.load_data(path, max_bytes=MB), str(path)) == "refused"


def test_a_bomb_is_refused_by_its_bound(tmp_path):
    path = file_of(tmp_path, BOMB)
    with pytest.raises(ValueError, match=f"expected at most {MB} bytes once unpacked, got .* larger max_bytes"):
        read_bytes(path, MB)
    assert len(read_bytes(path, 20 * MB)) == 20 * MB
    with pytest.raises(ValueError, match="expected at most"):
        read_bytes(path, 20 * MB - 1)


def test_a_plain_file_is_bounded_too(tmp_path):
    path = file_of(tmp_path, b"0" * 100)
    assert len(read_bytes(path, 100)) == 100
    with pytest.raises(ValueError, match="expected at most 99 bytes"):
        read_bytes(path, 99)
    with pytest.raises(ValueError, match="max_bytes: expected at least 1, got 0"):
        read_bytes(path, 0)


def test_the_arrays_of_json_are_bounded_too(tmp_path):
    path = file_of(tmp_path, GOOD_JSON.encode())
    foreign.read(path, len(GOOD_JSON) + 8 * 26)
    with pytest.raises(ValueError, match="larger max_bytes"):
        foreign.read(path, len(GOOD_JSON) + 8 * 26 - 1)


def test_a_missing_file_is_an_os_error(tmp_path):
    for load in (datasets.load_data, foreign.read, foreign.is_foreign):
        with pytest.raises(FileNotFoundError):
            load(tmp_path / "missing")
        with pytest.raises(IsADirectoryError):
            load(tmp_path)


# Many files, mutated at random from a fixed seed.


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


N_MUTATED = 400
OPCODES = b"(.NKMJUTXRbtcqhr)]}ausel\x80\x81\x82\x85\x86\x87\x88\x89\x8c\x8e\x93\x94\x95\x96"


def stdlib_agrees(data):
    """Return an oracle: the standard library reads the same from a pickle that was accepted."""
    return lambda result: is_same(result, pickle.loads(data, encoding="latin1"))


def json_agrees(data):
    def agrees(result):
        arrays, description = result
        content = json.loads(data)
        named = {f"w{i}": np.array(w, float) for i, w in enumerate(content["weights"], 1)}
        named |= {f"b{i}": np.array(b, float) for i, b in enumerate(content["biases"], 1)}
        return is_same(arrays, named) and description["sizes"] == content["sizes"]

    return agrees


def test_mutated_pickles():
    rng = random.Random(1)
    seeds = [BOOK, dumps((np.arange(3), np.ones((2, 2), "f4"))), array_of()]
    seeds += [pickle.dumps(brain((3, 2, 2)), protocol=protocol) for protocol in range(6)]
    counts = Counter()
    for i in range(N_MUTATED * 2):
        data = mutated(seeds[i % len(seeds)], rng, OPCODES if i % 2 else None)
        counts[outcome(lambda data=data: read(data), "file", stdlib_agrees(data))] += 1
    report("pickle", counts)


def test_mutated_books(tmp_path):
    rng = random.Random(2)
    counts = Counter()
    for _ in range(N_MUTATED):
        data = mutated(BOOK, rng)
        path = file_of(tmp_path, data)
        counts[outcome(lambda path=path: datasets.load_data(path), str(path), stdlib_agrees(data))] += 1
    report("the book's pickle", counts)


def test_mutated_gzip(tmp_path):
    rng = random.Random(3)
    counts = Counter()
    for i in range(N_MUTATED):
        # A change anywhere, in the header alone, or beneath the gzip.
        packed = PACKED
        data = [mutated(packed, rng), mutated(packed[:10], rng) + packed[10:], member(mutated(BOOK, rng))][i % 3]
        path = file_of(tmp_path, data)

        def agrees(result, data=data):
            return is_same(result, pickle.loads(gzip.decompress(data), encoding="latin1"))

        counts[outcome(lambda path=path: datasets.load_data(path), str(path), agrees)] += 1
    report("gzip", counts)


def test_mutated_json(tmp_path):
    rng = random.Random(4)
    counts = Counter()
    for i in range(N_MUTATED):
        data = mutated(GOOD_JSON.encode(), rng, b'0123456789.-eE,[]{}": \n' if i % 2 else None)
        path = file_of(tmp_path, data)
        counts[outcome(lambda path=path: foreign.read(path), str(path), json_agrees(data))] += 1
    report("JSON", counts)


def report(what, counts):
    print(f"{what}: {counts.total()} mutated files: {dict(counts)}")
    assert set(counts) <= {"refused", "accepted rightly"}, counts
    assert counts["refused"] > 0
    assert counts["accepted rightly"] > 0
