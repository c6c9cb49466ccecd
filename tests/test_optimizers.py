"""Optimizers: each is its recurrence, and reaches the minimum of a parabola on every library."""

import math

import numpy as np
import own
import pytest
from compare import assert_on, relative_difference

from anynet import SGD, Network, Optimizer, optimizers
from anynet.layers.dense import DenseParameters
from anynet.optimizers import OPTIMIZERS
from anynet.parameters import updated
from anynet.trees import arrays_of


def parameters(backend, weights, biases):
    return [DenseParameters(backend.copy_to_device(weights), backend.copy_to_device(biases)), ()]


def stepped(backend, optimizer, p, g, slots=None, step=0):
    slots = optimizers.initialize(backend.xp, optimizer, p) if slots is None else slots
    return updated(backend.xp, type(optimizer).rule, p, g, slots, optimizer.numbers(step))


def test_sgd_is_its_recurrence(backend):
    p, g = parameters(backend, [[1.0, 2.0]], [3.0]), parameters(backend, [[10.0, 20.0]], [30.0])
    (dense, nothing), slots = stepped(backend, SGD(0.5), p, g)
    assert backend.to_numpy(dense.weights).tolist() == [[-4.0, -8.0]]
    assert backend.to_numpy(dense.biases).tolist() == [-12.0]
    assert (nothing, slots) == ((), ())


def test_sgd_keeps_float32_with_a_numpy_rate(backend32):
    p, g = parameters(backend32, [[1.0]], [1.0]), parameters(backend32, [[1.0]], [1.0])
    (dense, _), _ = stepped(backend32, SGD(np.float64(0.5)), p, g)
    assert_on(backend32, dense.weights, (1, 1))


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf])
def test_sgd_refuses_rates_that_cannot_learn(rate):
    with pytest.raises(ValueError, match="learning_rate: expected a finite number above 0"):
        SGD(rate)


@pytest.mark.parametrize("rate", ["3", None, True, 1j])
def test_a_learning_rate_is_a_number(rate):
    with pytest.raises(TypeError, match="learning_rate: expected a number, got"):
        SGD(rate)


# Whatever the table holds, and a user's own.

KINDS = {**OPTIMIZERS, "own, one slot": own.Momentum, "own, two slots and numbers": own.Adam}


@pytest.mark.parametrize("name", KINDS)
def test_each_reaches_the_minimum_of_a_parabola(name, backend):
    """Of the sum of (p - target)^2, from a few starting points; gradients are new arrays in each step."""
    optimizer = KINDS[name](0.05)
    p, slots = parameters(backend, [[5.0, -3.0]], [0.25]), None
    targets = [backend.copy_to_device(t) for t in ([[1.0, 2.0]], [-1.0])]
    for step in range(300):
        slopes = [2.0 * (a - t) for a, t in zip(p[0], targets, strict=True)]
        p, slots = stepped(backend, optimizer, p, [DenseParameters(*slopes), ()], slots, step)
    for a, t in zip(arrays_of(p), targets, strict=True):
        assert_on(backend, a, t.shape)
        assert relative_difference(backend.to_numpy(a), backend.to_numpy(t)) <= 1e-2


@pytest.mark.parametrize("name", KINDS)
def test_slots_start_at_zero_in_the_structure_of_the_parameters(name, backend32):
    optimizer = KINDS[name](0.05)
    p = parameters(backend32, [[5.0, -3.0]], [0.25])
    slots = optimizers.initialize(backend32.xp, optimizer, p)
    assert len(slots) == optimizer.slots
    for tree in slots:
        assert [type(part) for part in tree] == [DenseParameters, tuple]
        for slot, like in zip(arrays_of(tree), arrays_of(p), strict=True):
            assert_on(backend32, slot, like.shape)
            assert not backend32.to_numpy(slot).any()


@pytest.mark.parametrize("name", KINDS)
def test_numbers_are_pythons_and_values_hash(name):
    optimizer = KINDS[name](0.05)
    assert all(type(number) is float for step in (0, 1, 10_000) for number in optimizer.numbers(step))
    assert len({len(optimizer.numbers(step)) for step in (0, 1, 10_000)}) == 1
    assert hash(optimizer) == hash(KINDS[name](0.05))
    assert optimizer != KINDS[name](0.06)


# By name, or as a value.


def test_a_name_is_made_of_the_learning_rate_and_a_value_is_itself():
    assert optimizers.get(None, 0.5) == optimizers.get("sgd", 0.5) == SGD(0.5)
    assert all(optimizers.get(name, 0.25) == make(0.25) for name, make in OPTIMIZERS.items())
    mine = own.Momentum(0.1)
    assert optimizers.get(mine, 0.5) is mine


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("sgdd", ValueError, "optimizer: expected one of sgd.*, got 'sgdd'. Did you mean 'sgd'"),
        (SGD, TypeError, r"optimizer: expected a name or a value such as SGD\(0.5\), got <class"),
        (0.5, TypeError, r"optimizer: expected a name or a value such as SGD\(0.5\), got 0.5"),
    ],
)
def test_what_is_no_optimizer(given, error, message):
    with pytest.raises(error, match=message):
        optimizers.get(given, 0.5)


def test_an_optimizer_must_have_numbers_and_a_rule():
    class Half(Optimizer):
        def numbers(self, step):
            return ()

    with pytest.raises(TypeError, match="abstract"):
        Half()


class Bare(Optimizer):
    """An optimizer whose rule returns no tuple."""

    def numbers(self, step):
        return (0.1,)

    @staticmethod
    def rule(xp, p, g, rate):
        return p - rate * g


def test_a_rule_that_returns_no_tuple_is_refused(backend, rng):
    with pytest.raises(TypeError, match=r"optimizer: expected a rule that returns a tuple of p and 0 slots, got"):
        Network([3, 2], backend).fit(
            (rng.standard_normal((4, 3)), [0, 1, 0, 1]), epochs=1, batch_size=2, optimizer=Bare()
        )
