"""Pickles read as data: every protocol, no name but NumPy's, nothing that only announces itself."""

import gzip
import io
import pickle
import random
import struct
from collections import Counter

import numpy as np
import pytest
from hostile import MB, N_MUTATED, book, is_same, mutated, outcome, report, saitos_weights
from python2_pickle import dumps

from anynet.formats.bounded import Reader
from anynet.formats.pickle import load
from anynet.formats.pickle import read as read_from


def read(data):
    return read_from(Reader(io.BytesIO(data), "file"))


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
    assert is_same(loaded, values)
    arrays = [a for a in loaded.values() if isinstance(a, np.ndarray)]
    assert all(a.flags.writeable and a.flags.aligned and a.dtype.isnative for a in arrays)


def test_bytes_that_two_arrays_are_made_of_are_swapped_for_each_alone():
    big_endian = b"cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    data = b"\x96" + struct.pack("<Q", 16) + struct.pack(">2d", 1, 2) + b"\x94"
    array = b"cnumpy._core.numeric\n_frombuffer\n(%b" + big_endian + b"K\x02\x85U\x01CtR"
    one, other = read(b"\x80\x05(" + array % data + array % b"h\0" + b"t.")
    assert one.tolist() == other.tolist() == [1, 2]


def test_a_file_gzipped_or_not(tmp_path):
    values = {"W1": np.arange(6, dtype="f4").reshape(2, 3)}
    for pack in (bytes, gzip.compress):
        (tmp_path / "file").write_bytes(pack(pickle.dumps(values)))
        assert is_same(load(tmp_path / "file"), values)
    with pytest.raises(ValueError, match="expected at most 99 bytes once unpacked"):
        load(tmp_path / "file", 99)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "missing")


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
    "a shape of numbers of many digits": array_of(shape=b"(" + 32 * (b"\x8a\xff" + 254 * b"\xff" + b"\x7f") + b"t"),
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


LONG = [what for what in CRAFTED_PICKLES if "0,000" in what]  # a second each, to be refused


@pytest.mark.parametrize(
    "what", [pytest.param(what, marks=[pytest.mark.slow] * (what in LONG)) for what in CRAFTED_PICKLES]
)
def test_crafted_pickles_are_refused(what):
    assert outcome(lambda: read(CRAFTED_PICKLES[what]), "file") == "refused"


def test_a_good_pickle_in_the_form_of_the_crafted_ones():
    assert read(array_of()).tobytes() == b"abcd"


# Many files, mutated at random from a fixed seed.


OPCODES = b"(.NKMJUTXRbtcqhr)]}ausel\x80\x81\x82\x85\x86\x87\x88\x89\x8c\x8e\x93\x94\x95\x96"


def stdlib_agrees(data):
    """Return an oracle: the standard library reads the same from a pickle that was accepted."""
    return lambda result: is_same(result, pickle.loads(data, encoding="latin1"))


@pytest.mark.slow
def test_mutated_pickles():
    rng = random.Random(1)
    seeds = [dumps(book()), dumps((np.arange(3), np.ones((2, 2), "f4"))), array_of()]
    seeds += [pickle.dumps(saitos_weights((3, 2, 2)), protocol=protocol) for protocol in range(6)]
    counts = Counter()
    for i in range(N_MUTATED * 2):
        data = mutated(seeds[i % len(seeds)], rng, OPCODES if i % 2 else None)
        counts[outcome(lambda data=data: read(data), "file", stdlib_agrees(data))] += 1
    report("pickle", counts)
