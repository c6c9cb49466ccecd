"""The book's mnist.pkl.gz: what it holds is read, and what is anything else is refused."""

import gzip
import pickle
import random
from collections import Counter

import numpy as np
import pytest
from hostile import N_MUTATED, book, file_of, is_same, mutated, outcome, report, saitos_weights
from python2_pickle import dumps

from anynet import datasets
from anynet.datasets.mnist_pickle import read_mnist_pickle


def test_the_books_file(tmp_path):
    pairs = book()
    path = file_of(tmp_path, gzip.compress(dumps(pairs)), "mnist.pkl.gz")
    assert is_same(pickle.loads(gzip.decompress(path.read_bytes()), encoding="latin1"), pairs)  # the file is a true one
    loaded = datasets.load_data(path)
    assert is_same(loaded, pairs)
    assert [(x.dtype, y.dtype) for x, y in loaded] == [(np.float32, np.int64)] * 3
    training, validation, test = datasets.load_data_wrapper(path)
    assert (len(training), training[0][0].shape, training[0][1].shape) == (3, (784, 1), (10, 1))
    assert [y for _, y in validation] == pairs[1][1].tolist()
    assert np.array_equal(test[2][0][:, 0], pairs[2][0][2])


BOOKS = {
    "two pairs": dumps(book()[:2]),
    "no pairs": dumps(tuple(x for x, _ in book())),
    "one array": dumps(book()[0][0]),
    "a dict": pickle.dumps(saitos_weights((3, 2)), protocol=2),
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
    "pixels to just above 1": dumps(((np.full((3, 784), 1.01, "f4"), np.zeros(3, int)),) * 3),
    "pixels to 255": dumps(((np.full((3, 784), 255, "f4"), np.zeros(3, int)),) * 3),
}


@pytest.mark.parametrize("what", BOOKS)
def test_what_is_not_the_books_file_is_refused(tmp_path, what):
    path = file_of(tmp_path, BOOKS[what])
    assert outcome(lambda: read_mnist_pickle(path), str(path)) == "refused"


@pytest.mark.parametrize(
    ("times", "harmless", "is_read"), [(1, 0, True), (2, 0, True), (3, 0, False), (3, 2**25, True)]
)
def test_an_image_that_comes_many_times_is_copied_no_more_than_twice(tmp_path, monkeypatch, times, harmless, is_read):
    monkeypatch.setattr("anynet.datasets.mnist_pickle.HARMLESS_BYTES", harmless)
    pairs = [(times * list(x), times * list(y)) for x, y in book()]
    path = file_of(tmp_path, pickle.dumps(pairs, 2))
    if is_read:
        assert len(datasets.load_data(path)[0][0]) == 3 * times
    else:
        with pytest.raises(ValueError, match="training_data: expected different images, got 3 that come 9 times"):
            datasets.load_data(path)


def test_a_digit_that_no_array_holds_is_refused(tmp_path):
    pairs = [(list(x), [2**63, *y[1:].tolist()]) for x, y in book()]
    with pytest.raises(ValueError, match="training_data: expected y of the shape"):
        datasets.load_data(file_of(tmp_path, pickle.dumps(pairs, 2)))


def test_a_missing_file_is_an_os_error(tmp_path):
    for load in (datasets.load_data, datasets.load_data_wrapper, read_mnist_pickle):
        with pytest.raises(FileNotFoundError):
            load(tmp_path / "missing")
        with pytest.raises(IsADirectoryError):
            load(tmp_path)


def test_the_books_file_is_bounded(tmp_path):
    data = dumps(book())
    path = file_of(tmp_path, gzip.compress(data))
    for load in (datasets.load_data, datasets.load_data_wrapper):
        load(path, len(data))
        with pytest.raises(ValueError, match=f"expected at most {len(data) - 1} bytes once unpacked"):
            load(path, len(data) - 1)


@pytest.mark.slow
def test_mutated_books(tmp_path):
    whole = dumps(book())
    rng = random.Random(2)
    counts = Counter()
    for _ in range(N_MUTATED):
        data = mutated(whole, rng)
        path = file_of(tmp_path, data)

        def agrees(result, data=data):
            return is_same(result, pickle.loads(data, encoding="latin1"))

        counts[outcome(lambda path=path: datasets.load_data(path), str(path), agrees)] += 1
    report("the book's pickle", counts)
