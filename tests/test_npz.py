"""Archives of arrays: written whole or not at all, and read with no trust in what they declare."""

import io
import itertools
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from anynet.formats import npz


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
        (archive(npy(says((4,), "|O"), bytes(32))), "got 'x.npy' of object"),
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
