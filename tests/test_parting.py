"""Data parted in two: every example once, and each class in its proportion."""

import numpy as np
import pytest
from recipes import clusters

from anynet import Dataset, random
from anynet.datasets import split


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


def test_a_split_takes_data_in_any_form_and_a_seed(rng):
    x, y = clusters(rng, n=40)
    parts = [split(Dataset(x, y), 0.25, 3), split((x, y), 0.25, 3), split(x, y, 0.25, 3)]
    for train, validation in parts:
        assert np.array_equal(train.x, parts[0][0].x)
        assert np.array_equal(validation.y, parts[0][1].y)
    assert len(split(x, y, 0.25)[1]) == 10


@pytest.mark.parametrize(
    ("counts", "fraction", "held_out"),
    [
        ((33, 33, 32, 2), 0.3, (10, 10, 9, 1)),
        ((60, 36, 4), 0.2, (12, 7, 1)),
        ((60, 36, 4), 0.02, None),  # no room for one of each
        ((97, 2, 1), 0.5, (49, 1, 0)),
        ((98, 2), 0.99, None),
    ],
)
def test_each_class_is_shared_out_whatever_the_seed(counts, fraction, held_out):
    y = np.repeat(np.arange(len(counts)), counts)
    names = np.array(list("dcba"))[y]
    forms = [y, y[:, None], y.astype(float), np.eye(len(counts))[y], names]
    for seed in range(20):
        for form in forms:
            train, validation = split(Dataset(np.arange(len(y))[:, None], form), fraction, seed)
            assert len(validation) == round(len(y) * fraction)
            assert sorted([*train.x[:, 0], *validation.x[:, 0]]) == list(range(len(y)))
            if held_out is not None:
                assert tuple(np.bincount(y[validation.x[:, 0]], minlength=len(counts))) == held_out


def test_values_are_split_as_they_come(rng):
    y = rng.standard_normal(50)
    train, validation = split(Dataset(np.arange(50)[:, None], y), 0.2, 0)
    assert sorted([*train.y, *validation.y]) == sorted(y)


def test_a_seed_chooses_rows_by_the_stream_that_is_for_that():
    data = Dataset(np.arange(40.0)[:, None], np.arange(40) % 2)
    by_seed, by_stream = (split(data, 0.25, rng)[1].x.ravel().tolist() for rng in (7, random.spawn(7).split))
    assert by_seed == by_stream
    assert by_seed != split(data, 0.25, random.spawn(7).order)[1].x.ravel().tolist()
