"""MNIST: the real one, read-only, and in the forms of both books."""

import importlib

import numpy as np
import pytest

from anynet import datasets


def test_mnist_is_the_real_one(mnist):
    train, _, test = mnist
    assert [len(d) for d in mnist] == [50_000, 10_000, 10_000]
    for d in mnist:
        assert d.x.shape[1:] == (784,)
        assert d.x.dtype == np.uint8
        assert d.y.dtype == np.int64
        assert d.class_names == tuple("0123456789")
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
    module = importlib.import_module("anynet.datasets.mnist")  # anynet.datasets.mnist is the function
    monkeypatch.setitem(module._SHA256, "t10k-labels-idx1-ubyte", "0" * 64)
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
