"""The book's mnist_loader.py under its own names, and the file that expand_mnist.py makes."""

import gzip
import pickle

import numpy as np
import pytest
from hostile import file_of

from anynet import datasets
from anynet.books import mnist_loader, network


def expanded(n):
    """Return what expand_mnist.py makes of n images: lists of five times as many, each moved by a pixel."""
    train, validation, test = ((x[:n], y[:n]) for x, y in datasets.load_data())
    images, digits = [], []
    for x, y in zip(*train, strict=True):
        moved = [np.roll(x.reshape(28, 28), d, axis).reshape(784) for d, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1))]
        images += [x, *moved]
        digits += [y] * 5
    return [images, digits], validation, test


def test_its_names_and_shapes():
    training_data, validation_data, test_data = mnist_loader.load_data_wrapper()
    assert [len(part) for part in (training_data, validation_data, test_data)] == [50_000, 10_000, 10_000]
    x, y = training_data[0]
    assert (x.shape, y.shape, y.argmax()) == ((784, 1), (10, 1), 5)
    assert np.array_equal(mnist_loader.vectorized_result(5), y)
    assert (test_data[0][1], mnist_loader.load_data()[0][0].shape) == (7, (50_000, 784))


@pytest.mark.parametrize("protocol", range(6))
def test_the_file_of_expand_mnist(tmp_path, protocol):
    parts = expanded(40)
    path = file_of(tmp_path, gzip.compress(pickle.dumps(parts, protocol)), "mnist_expanded.pkl.gz")
    (x, y), (x_validation, _), _ = mnist_loader.load_data(path)
    assert np.array_equal(x, np.stack(parts[0][0]))
    assert np.array_equal(y, parts[0][1])
    assert np.array_equal(x_validation, parts[1][0])
    training_data, _, test_data = mnist_loader.load_data_wrapper(path)
    assert len(training_data) == 200
    net = network.Network([784, 10])
    net.SGD(training_data, 1, 10, 3.0, test_data=test_data)


@pytest.mark.slow
def test_many_images_one_by_one_are_read(tmp_path):
    """More instructions than any other pickle may have: each image is an array of its own."""
    parts = expanded(2_000)
    path = file_of(tmp_path, pickle.dumps(parts, 2), "mnist_expanded.pkl")
    assert len(mnist_loader.load_data(path)[0][1]) == 10_000


@pytest.mark.parametrize(
    ("images", "digits", "message"),
    [
        (
            [np.zeros(784, "f4"), np.zeros(783, "f4")],
            [0, 1],
            r"expected x of the shape \(n, 784\), floats, got 2 values",
        ),
        ([np.zeros(784, "f4")] * 2, [0, 10], "expected digits from 0 to 9 in y, got 0 to 10"),
        ([np.zeros(784, "f4")] * 2, [0], r"expected y of the shape \(2,\), whole numbers"),
        ([np.zeros(784, "f4")] * 2, [0, np.zeros(3)], r"expected y of the shape \(2,\), whole numbers, got 2 values"),
        ([], [], r"expected x of the shape \(n, 784\), floats, got 0 values"),
    ],
)
def test_other_lists_are_refused(tmp_path, images, digits, message):
    path = file_of(tmp_path, pickle.dumps(([images, digits], *expanded(2)[1:]), 2))
    with pytest.raises(ValueError, match=message):
        mnist_loader.load_data(path)
