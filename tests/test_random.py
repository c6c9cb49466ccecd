"""Random streams: one seed, one stream per purpose, and none sees what another draws."""

import numpy as np
import pytest

from anynet import Network, random
from anynet.random import Streams


def first(streams):
    return [stream.standard_normal() for stream in streams]


def test_a_seed_spawns_independent_streams():
    drawn = first(random.spawn(7))
    assert drawn == first(random.spawn(7)) == first(random.spawn(np.int64(7)))
    assert len(set(drawn)) == len(Streams._fields)
    assert drawn != first(random.spawn(8))


def test_streams_are_the_children_of_the_seed_in_their_order():
    """One that is added at the end leaves those before it as they were."""
    children = np.random.SeedSequence(7).spawn(len(Streams._fields) + 1)
    assert first(random.spawn(7)) == [np.random.default_rng(child).standard_normal() for child in children[:-1]]
    assert Streams._fields[:4] == ("initial", "order", "split", "noise")


def test_what_one_draws_changes_nothing_for_the_others():
    drawn, greedy = first(random.spawn(1)), random.spawn(1)
    greedy.noise.standard_normal(1000)
    assert first(greedy)[:3] == drawn[:3]


def test_seed_none_starts_from_chance_and_global_generators_are_untouched():
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    a, b = Network([3, 2], seed=None), Network([3, 2], seed=None)
    assert not np.array_equal(a.weights[0], b.weights[0])
    assert np.array_equal(np.random.get_state()[1], before)


def test_the_same_seed_starts_every_backend_from_identical_bits(backend32):
    reference = Network([20, 10, 5], seed=7)
    net = Network([20, 10, 5], backend32, seed=7)
    assert all(np.array_equal(a, b) for a, b in zip(net.weights, reference.weights, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(net.biases, reference.biases, strict=True))
    assert not np.array_equal(Network([20, 10, 5], seed=8).weights[0], reference.weights[0])


@pytest.mark.parametrize(
    ("seed", "error", "message"),
    [
        (-1, ValueError, "seed: expected a number from 0, got -1"),
        (1.0, TypeError, "seed: expected a whole number or None, got 1.0"),
        ("1", TypeError, "seed: expected a whole number or None, got '1'"),
        (True, TypeError, "seed: expected a whole number or None, got True"),
    ],
)
def test_what_is_no_seed(seed, error, message):
    with pytest.raises(error, match=message):
        random.spawn(seed)
