"""Data sets: rows that belong together, parted at random."""

import numpy as np
import pytest

from anynet import Dataset
from anynet.datasets import split


def test_a_data_set_knows_its_length_and_checks_its_rows():
    assert len(Dataset(np.zeros((3, 2)), np.zeros(3))) == 3
    with pytest.raises(ValueError, match="y: expected labels"):
        Dataset(np.zeros((3, 2)), np.zeros((3, 1, 1)))


def test_split_parts_the_examples(rng):
    data = Dataset(np.arange(20)[:, None], np.arange(20), tuple("ab"))
    train, validation = split(data, 0.3, rng)
    assert (len(train), len(validation)) == (14, 6)
    assert sorted([*train.y, *validation.y]) == list(range(20))
    assert train.y.tolist() != list(range(6, 20))
    for part in (train, validation):
        assert np.array_equal(part.x[:, 0], part.y)
        assert part.class_names == data.class_names == ("a", "b")
    again, _ = split(data, 0.3, np.random.default_rng(20260101))
    assert np.array_equal(again.y, train.y)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan"), 0.01, 0.99])
def test_fractions_that_leave_nothing(fraction, rng):
    with pytest.raises(ValueError, match="validation fraction: expected a number between 0 and 1 that leaves examples"):
        split(Dataset(np.ones((10, 1)), np.ones(10)), fraction, rng)
