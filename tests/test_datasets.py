"""Data sets: the embedded MNIST, the book's shapes, IDX files."""

import gzip
import struct

import numpy as np
import pytest

from anynet import Dataset, datasets


def test_mnist_is_the_real_one(mnist):
    train, _, test = mnist
    assert [len(d) for d in mnist] == [50_000, 10_000, 10_000]
    for d in mnist:
        assert d.x.shape[1:] == (784,)
        assert d.x.dtype == np.uint8
        assert d.y.dtype == np.int64
        assert d.classes == tuple("0123456789")
    assert train.y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]  # as in the book's first picture
    assert test.y[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    # LeCun gives the test set's counts per digit.
    assert np.bincount(test.y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert train.x[0].sum() == 27525


def test_embedded_data_are_read_only(mnist):
    with pytest.raises(ValueError, match="read-only"):
        mnist[0].x[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        mnist[0].y[0] = 1


def test_a_damaged_file_is_found(monkeypatch):
    import importlib

    digits = importlib.import_module("anynet.datasets.mnist")

    monkeypatch.setitem(digits._SHA256, "t10k-labels-idx1-ubyte", "0" * 64)
    with pytest.raises(ValueError, match=r"t10k-labels-idx1-ubyte\.gz: expected the published file"):
        datasets.mnist()


def test_load_data_has_the_books_shapes(mnist):
    parts = datasets.load_data()
    assert [x.shape for x, _ in parts] == [(50_000, 784), (10_000, 784), (10_000, 784)]
    for (x, y), d in zip(parts, mnist, strict=True):
        assert x.dtype == np.float32
        assert np.array_equal(y, d.y)
        assert np.array_equal(x[:50], (d.x[:50] / 255).astype(np.float32))


def test_load_data_wrapper_has_the_books_shapes(mnist):
    training_data, validation_data, test_data = datasets.load_data_wrapper()
    assert [len(d) for d in (training_data, validation_data, test_data)] == [50_000, 10_000, 10_000]
    x, y = training_data[0]
    assert x.shape == (784, 1)
    assert y.tolist() == [[0.0]] * 5 + [[1.0]] + [[0.0]] * 4
    x, y = test_data[3]
    assert x.shape == (784, 1)
    assert y == 0


def idx(array, code):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize(("dtype", "code"), [("u1", 8), ("i1", 9), ("i2", 11), ("i4", 12), ("f4", 13), ("f8", 14)])
@pytest.mark.parametrize("packed", [False, True])
def test_read_idx(dtype, code, packed, tmp_path, rng):
    array = rng.integers(0, 100, (3, 4, 2)).astype(dtype)
    data = idx(array, code)
    path = tmp_path / "data"
    path.write_bytes(gzip.compress(data) if packed else data)
    read = datasets.read_idx(path)
    assert read.dtype == array.dtype
    assert np.array_equal(read, array)


def zipped(data):
    return gzip.compress(data, mtime=0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected an IDX file, got bytes that begin with nothing"),
        (b"hello", "expected an IDX file"),
        (b"\0\0\7\1\0\0\0\1\0", "expected an IDX file"),
        (idx(np.zeros((2, 2), "u1"), 8)[:-1], "expected 4 bytes at byte 12, got 3: the file ends there"),
        (idx(np.zeros((2, 2), "u1"), 8) + b"x", "expected the end of the file at byte 16, got more"),
        (b"\0\0\x08\x02\0\0", "expected 8 bytes at byte 4, got 2"),
        (zipped(b"x" * 100), "expected an IDX file, got bytes that begin with 78787878"),
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


def test_a_data_set_knows_its_length_and_checks_its_rows():
    assert len(Dataset(np.zeros((3, 2)), np.zeros(3))) == 3
    with pytest.raises(ValueError, match="y: expected labels"):
        Dataset(np.zeros((3, 2)), np.zeros((3, 1, 1)))
