"""Archives of arrays: written whole or not at all, and read with no trust in what they declare."""

import io
import itertools
import re
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import greedy
import numpy as np
import pytest

from anynet.formats import json, npz


@pytest.mark.parametrize("dtype", ["u1", "f4", ">f8", "f2", "?", "<U3"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_is_written_is_read(dtype, order, tmp_path, rng):
    array = np.asarray(rng.integers(0, 100, (4, 3, 2)), dtype, order=order)
    header = {"version": 1, "names": ["a", "b"], "none": None}
    path = npz.write(tmp_path / "file", {"a": array, "b": [1, 2], "c": 3.5}, header)
    assert path == tmp_path / "file.npz"
    arrays, read = npz.read(path)
    assert read == header
    assert arrays.keys() == {"a", "b", "c"}
    assert arrays["a"].dtype == array.dtype.newbyteorder("=")
    assert np.array_equal(arrays["a"], array)
    assert arrays["b"].tolist() == [1, 2]
    assert arrays["c"] == 3.5
    with np.load(path, allow_pickle=False) as loaded:
        assert np.array_equal(loaded["a"], array)


def test_only_what_is_named_is_unpacked(tmp_path):
    path = npz.write(tmp_path / "file", {"a": [1], "b": [2]}, {})
    assert npz.read(path, ("b", "absent")) == ({"b": np.array([2])}, None)
    np.savez(path, a=[1])
    assert npz.read(path)[1] is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a", "a.npz"), ("a.npz", "a.npz"), ("a.npy", "a.npy.npz"), ("folder.npz/a", "folder.npz/a.npz")],
)
def test_the_suffix_is_added_where_it_lacks(path, expected):
    assert npz.with_suffix(path) == Path(expected)


@pytest.mark.parametrize("path", ["", ".", "..", "folder/", "a/.."])
def test_what_names_no_file(path):
    with pytest.raises(ValueError, match="path: expected the name of a file, got"):
        npz.with_suffix(path)


# Writing.


def test_a_folder_that_is_missing_is_told_by_its_name(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such folder; create it first.*absent"):
        npz.write(tmp_path / "absent" / "x.npz", {}, {})


def test_the_writer_never_pickles(tmp_path):
    with pytest.raises(ValueError, match="allow_pickle=False"):
        npz.write(tmp_path / "x.npz", {"a": np.array([object()])}, {})
    assert list(tmp_path.iterdir()) == []


# Reading: what an archive declares is checked before it is unpacked.


def test_npz_of_the_second_version_of_npy(tmp_path):
    pair = np.arange(6, dtype="u1").reshape(2, 3), np.array([1.5, 2])
    with zipfile.ZipFile(tmp_path / "own.npz", "w") as archive:
        for name, array in zip("xy", pair, strict=True):
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, array, version=(2, 0))
    arrays, _ = npz.read(tmp_path / "own.npz")
    assert np.array_equal(arrays["x"], pair[0])
    assert np.array_equal(arrays["y"], pair[1])


def test_what_python_2_wrote_is_read_without_a_word(tmp_path):
    header = b"{'shape': (2L, 3L,), \"descr\": '>i2', 'fortran_order': True}   \n"
    data = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + np.arange(6, dtype=">i2").tobytes()
    (tmp_path / "own.npz").write_bytes(archive(data))
    assert npz.read(tmp_path / "own.npz")[0]["x"].tolist() == [[0, 2, 4], [1, 3, 5]]


def test_every_bit_of_what_an_array_says_may_flip(tmp_path):
    whole = io.BytesIO()
    np.save(whole, np.arange(12.0).reshape(3, 4))
    path, refused = tmp_path / "own.npz", []
    for i in range(8 * 100):
        data = bytearray(whole.getvalue())
        data[i // 8] ^= 1 << i % 8
        path.write_bytes(archive(bytes(data)))
        with suppress(ValueError):
            npz.read(path)
            continue
        refused.append(i)
    assert 400 < len(refused) < 800


def test_entries_that_nobody_asked_for_are_left_alone(tmp_path):
    others = {"bytes": np.array([b"a"]), "day": np.array("2020-01-01", "M8[D]"), "records": np.zeros(2, "i4,f4")}
    np.savez(tmp_path / "own.npz", x=[1], y=[2], objects=np.array([object()]), **others)
    arrays, header = npz.read(tmp_path / "own.npz", names=("x", "y"))
    assert (sorted(arrays), header) == (["x", "y"], None)
    with zipfile.ZipFile(tmp_path / "own.npz", "a") as z:
        z.writestr("readme.txt", "hello")
    assert sorted(npz.read(tmp_path / "own.npz", names=("x", "y"))[0]) == ["x", "y"]
    with pytest.raises(ValueError, match=r"got '(bytes|objects)\.npy' of"):
        npz.read(tmp_path / "own.npz")


def without(data, *names):
    """Return an archive whose directory lacks entries, which still lie in it."""
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        kept = {info.filename: info.header_offset for info in z.infolist() if info.filename not in names}
        at = z.start_dir
    directory = b""
    for piece in re.split(rb"(?=PK\x01\x02)", data[at : data.rindex(b"PK\5\6")])[1:]:
        if piece[46 : 46 + struct.unpack("<H", piece[28:30])[0]].decode() in kept:
            directory += piece
    end = struct.pack("<HHHHIIH", 0, 0, len(kept), len(kept), len(directory), at, 0)
    return data[:at] + directory + b"PK\5\6" + end


def test_the_header_comes_first_and_names_all_others(tmp_path):
    path = npz.write(tmp_path / "net", {"s": [3, 2], "w1": [[1.0]]}, {"a": 1})
    assert zipfile.ZipFile(path).namelist() == ["header.npy", "s.npy", "w1.npy"]
    data = path.read_bytes()
    for names, message in (
        (["w1.npy"], "got no entry 'w1', which its header names"),
        (["header.npy"], "got one whose first entry is not in its directory"),
    ):
        path.write_bytes(without(data, *names))
        assert len(zipfile.ZipFile(path).namelist()) == 2
        with pytest.raises(ValueError, match=message):
            npz.read(path)
    path.write_bytes(without(data))
    assert npz.read(path)[1] == {"a": 1}


def test_a_directory_that_tells_less_than_there_is_is_refused(tmp_path):
    path = tmp_path / "own.npz"
    path.write_bytes(greedy.lying_directory(2**21))
    with pytest.raises(ValueError, match=r"expected an \.npz file of plain arrays, got "):
        npz.read(path)
    path.write_bytes(greedy.many_names(60_000))
    with pytest.raises(ValueError, match="got more entries than any file of arrays has"):
        npz.read(path)


def test_a_header_is_no_longer_than_one_that_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(json, "MAX_LENGTH", 1100)
    path = npz.write(tmp_path / "net", {"s": [3, 2]}, {"a": 1000 * "b"})
    assert npz.read(path)[1] == {"a": 1000 * "b"}
    with pytest.raises(ValueError, match=r"header: expected what is read again, got JSON of 1,1[0-9]{2} characters"):
        npz.write(path, {"s": [3, 2]}, {"a": 1100 * "b"})
    for save in (np.savez, np.savez_compressed):
        save(path, header=np.array('{"a": "' + 1100 * "b" + '"}'))
        with pytest.raises(ValueError, match="got a header of 1109 characters"):
            npz.read(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" + "[]," * 2**19 + "[]]", "got JSON of more than 1,048,576 values"),
        ('{"a": ' + "9" * 101 + "}", "got a whole number of 101 digits"),
        ("[" * 100_000, "got maximum recursion depth exceeded"),
    ],
    ids=itertools.count(),
)
def test_a_header_that_would_take_much_is_refused(text, message, tmp_path):
    np.savez(tmp_path / "own.npz", header=np.array(text))
    with pytest.raises(ValueError, match=message):
        npz.read(tmp_path / "own.npz")


def test_as_many_columns_as_a_table_may_have_fit_into_a_header(tmp_path):
    columns = [[f"column {i} of them", ["a", "b"]] for i in range(100_000)]
    path = npz.write(tmp_path / "net", {}, {"columns": columns})
    assert npz.read(path)[1] == {"columns": columns}


def test_numbers_that_are_whole_and_long_are_read(tmp_path):
    path = npz.write(tmp_path / "net", {}, {"a": [10**99, -(2**64)]})
    assert npz.read(path)[1] == {"a": [10**99, -(2**64)]}


def test_large_data_that_pack_well_are_no_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr("anynet.formats.bounded.HARMLESS_BYTES", 1000)
    np.savez_compressed(tmp_path / "own.npz", x=np.zeros((20, 300), "u1"))
    assert npz.read(tmp_path / "own.npz")[0]["x"].shape == (20, 300)


def npy(header, contents=b"", version=b"\1\0"):
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header.encode() + contents


def archive(x, compression=zipfile.ZIP_STORED, **others):
    buffer = io.BytesIO()
    good = io.BytesIO()
    np.save(good, np.zeros(4))
    with zipfile.ZipFile(buffer, "w", compression) as z:
        for name, data in {"x": x, "y": good.getvalue(), **others}.items():
            z.writestr(f"{name}.npy", data)
    return buffer.getvalue()


def says(shape, descr="<f8"):
    return f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK nothing", "expected an .npz file of plain arrays, got one that is cut short. Fetch it again."),
        (archive(b"hello"), "got .*magic"),
        (archive(npy(says((4, 3)), bytes(96), b"\3\0")), r"got version \(3, 0\) of the .npy format"),
        (archive(npy("no header\n")), "got "),
        (archive(npy(says((4, 4)), bytes(96))), "got 'x.npy' of the shape .4, 4. in .* bytes instead of"),
        (archive(npy(says((-4, -3)), bytes(96))), "got 'x.npy' of the shape .-4, -3."),
        (archive(npy(says((2**70, 3)), bytes(96))), "got 'x.npy' of the shape"),
        (archive(npy(says(f"({10**30},)"), bytes(96))), "got 'x.npy', which does not say what it is"),
        (archive(npy(says("(" + f"{10**29}," * 64 + ")"), bytes(96))), "got 'x.npy' of the shape"),
        (archive(npy(says("(" + "1," * 65 + ")"), bytes(8))), "got 'x.npy' of 65 dimensions"),
        (archive(npy(says((4,), "M8[D/0]"), bytes(32))), "got 'x.npy' of datetime64, which"),  # NumPy divides
        (archive(npy(says((4,), "<m8[s/0]"), bytes(32))), "got 'x.npy' of timedelta64, which"),
        (archive(npy(says((4,), "<f8[D/0]"), bytes(32))), "got 'x.npy', which does not say what it is"),
        (archive(npy(says((4,), "<f3"), bytes(32))), "got 'x.npy' of float24, which"),
        (archive(npy(says((4,), "<i16"), bytes(32))), "got 'x.npy' of i16, which"),
        (archive(npy(says((4,), "<U4294967297"), bytes(32))), "got 'x.npy' of U4294967297, which"),
        (archive(npy(says((4,), "|O"), bytes(32))), "got 'x.npy' of object"),
        (archive(npy(says((4,), "<f16"), b"\xff" * 64)), "got 'x.npy' of (float128|longdouble|float64), which"),
        (archive(npy(says((1,), "<U1"), b"\0\0\x11\0")), "got text in 'x.npy' that is none"),
        (archive(npy(says((1,), ">U1"), b"\0\x11\0\0")), "got text in 'x.npy' that is none"),
        (archive(npy(says((4,)) + " " * 2**15, bytes(32))), "got 'x.npy', which does not say what it is"),
        (archive(npy("{'descr': '<f8', 'shape': (4,)}", bytes(32))), "got 'x.npy', which does not say what it is"),
        (archive(npy(says((4, 3)), bytes(96)), zipfile.ZIP_LZMA), "got 'x.npy' in an unusual compression"),
        (archive(npy(says((10**6, 10)), bytes(8 * 10**7)), zipfile.ZIP_DEFLATED), "would inflate to 80,0"),
        (archive(npy(says((4, 3)), bytes(96)))[:-30], "got one that is cut short. Fetch it again."),
        (archive(npy(says((4, 3)), b"\7" * 96)).replace(b"\7" * 96, b"\6" * 96), "got Bad CRC-32"),
    ],
    ids=itertools.count(),  # an archive's bytes hold the time of day, which makes no steady name
)
def test_archives_from_strangers(data, message, tmp_path):
    path = tmp_path / "own.npz"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message) as caught:
        npz.read(path, ("x", "y"))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_short_array_is_opened_once_and_a_long_one_twice(tmp_path, monkeypatch):
    opened, once = [], zipfile.ZipFile.open
    path = npz.write(tmp_path / "net", {"s": [3, 2], "w1": np.ones((100, 100)), "b1": [[1.0]]}, {"a": 1})
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda z, member: opened.append(member.filename) or once(z, member))
    arrays, header = npz.read(path)
    assert (arrays["w1"].sum(), arrays["s"].tolist(), header) == (10_000, [3, 2], {"a": 1})
    assert sorted(opened) == ["b1.npy", "header.npy", "s.npy", "w1.npy", "w1.npy"]


@pytest.mark.parametrize("n", [2**14 - 129, 2**14 - 128, 2**14 - 127])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_about_as_long_as_what_is_read_first(n, save, tmp_path):
    x = np.arange(n).astype("u1")
    save(tmp_path / "own.npz", x=x)
    assert np.array_equal(npz.read(tmp_path / "own.npz")[0]["x"], x)


@pytest.mark.parametrize("error", [MemoryError(), OSError(5, "Input/output error", "x.npz")], ids=["room", "disk"])
def test_what_the_system_refuses_is_no_damage(error, tmp_path, monkeypatch):
    path = npz.write(tmp_path / "x", {"x": np.zeros(3)}, {})
    monkeypatch.setattr(npz, "_unpacked", raising(error))
    with pytest.raises(type(error), match=r"x\.npz"):
        npz.read(path)


def raising(error):
    def raises(*_):
        raise error

    return raises
