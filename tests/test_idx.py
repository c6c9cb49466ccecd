"""IDX files: every type of number, plain and gzipped, and what is no such file."""

import gzip
import hashlib
import struct

import numpy as np
import pytest
from idx_writer import CODES, idx

from anynet import datasets
from anynet.formats.idx import is_idx


@pytest.mark.parametrize(("dtype", "code"), CODES.items())
@pytest.mark.parametrize("packed", [False, True])
def test_read_idx(dtype, code, packed, tmp_path, rng):
    array = rng.integers(0, 100, (3, 4, 2)).astype(dtype)
    data = idx(array, code)
    path = tmp_path / "data"
    path.write_bytes(gzip.compress(data) if packed else data)
    read = datasets.read_idx(path)
    assert read.dtype == array.dtype
    assert np.array_equal(read, array)
    assert read.dtype.isnative
    assert not read.flags.writeable


def zipped(data):
    return gzip.compress(data, mtime=0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected an IDX file, got an empty file"),
        (b"hello", "expected an IDX file"),
        (b"\0\0\7\1\0\0\0\1\0", "expected an IDX file"),
        (idx(np.zeros((2, 2), "u1"), 8)[:-1], "expected 4 bytes at byte 12, got 3: the file ends there"),
        (b"\0\0\x08\4" + 3 * b"\xff\xff\xff\xff" + 4 * b"\0", "expected an IDX file, got dimensions that none has"),
        (idx(np.zeros((2, 2), "u1"), 8) + b"x", "expected the end of the file at byte 16, got more"),
        (b"\0\0\x08\x02\0\0", "expected 8 bytes at byte 4, got 2"),
        (zipped(b"x" * 100), "expected an IDX file, got text"),
        (
            zipped(idx(np.zeros((50, 50), "u1"), 8))[:-9],
            "expected a whole gzip file, got a truncated one",
        ),
        (zipped(idx(np.zeros((50, 50), "u1"), 8) + b"x"), "expected the end of the file at byte 2512, got more"),
        (zipped(idx(np.zeros((50, 50), "u1"), 8))[:-8] + bytes(8), "expected a whole gzip file"),
        (
            zipped(struct.pack(">BBBBII", 0, 0, 8, 2, 2**20, 2**10) + bytes(10**6)),
            "would inflate to 1,073,741,824",
        ),
        (zipped(b"\0\0\x08\xff" + b"\xff" * 1020), "expected an IDX file, got bytes that begin with 000008ff"),
    ],
)
def test_what_is_no_idx_file(data, message, tmp_path):
    path = tmp_path / "data"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message):
        datasets.read_idx(path)


def test_the_hash_of_the_unpacked_file_may_be_demanded(tmp_path):
    data = idx(np.arange(6, dtype="u1").reshape(2, 3))
    (tmp_path / "data").write_bytes(zipped(data))
    read = datasets.read_idx(tmp_path / "data", sha256=hashlib.sha256(data).hexdigest())
    assert read.tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(ValueError, match="data: expected the published file, got other contents"):
        datasets.read_idx(tmp_path / "data", sha256="0" * 64)


def test_what_is_unpacked_is_bounded(tmp_path):
    data = idx(np.zeros((10, 10), "u1"))
    (tmp_path / "data").write_bytes(zipped(data))
    assert datasets.read_idx(tmp_path / "data", len(data)).shape == (10, 10)
    with pytest.raises(ValueError, match=f"expected at most {len(data) - 1} bytes once unpacked"):
        datasets.read_idx(tmp_path / "data", len(data) - 1)
    with pytest.raises(FileNotFoundError):
        datasets.read_idx(tmp_path / "absent")


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\0\0\x08\x01", True),
        (b"\0\0\x0e\x40", True),
        (b"\x1f\x8b\x08\0", True),
        (b"\0\0\x08\x41", False),
        (b"\0\0\x08\0", False),
        (b"\0\0\x0a\x01", False),
        (b"\0\1\x08\x01", False),
        (b"\0\0\x08", False),
        (b"", False),
    ],
)
def test_its_first_bytes_tell_an_idx_file(head, expected):
    assert is_idx(head) is expected
