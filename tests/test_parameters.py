"""Trees of arrays: walked, counted, replaced field by field, and never left half changed."""

from typing import Any, NamedTuple

import numpy as np
import own
import pytest
from compare import assert_on

from anynet import Network
from anynet.layers.dense import DenseParameters
from anynet.parameters import all_finite, count, field_of, updated
from anynet.trees import arrays_of, map_arrays
from anynet.typing import TrainState


class Pair(NamedTuple):
    left: Any
    right: Any


TREE = [Pair(np.ones((2, 3)), np.zeros(2)), (), None, [np.ones(1), (np.ones(4), np.asarray(7.0))]]


def test_trees_keep_their_structure():
    mapped = map_arrays(lambda a: a.shape, TREE)
    assert mapped == [Pair((2, 3), (2,)), (), None, [(1,), ((4,), ())]]
    assert type(mapped[0]) is Pair
    assert [a.shape for a in arrays_of(TREE)] == [(2, 3), (2,), (1,), (4,), ()]
    assert count(TREE) == 6 + 2 + 1 + 4 + 1
    state = TrainState([Pair(np.ones(1), np.ones(2))], [()], ())
    assert map_arrays(lambda a: len(a), state) == TrainState([Pair(1, 2)], [()], ())


@pytest.mark.parametrize("wrong", [None, np.nan, np.inf, -np.inf])
def test_one_number_that_is_not_finite_is_found(wrong, backend):
    tree = [
        DenseParameters(backend.copy_to_device([[1.0, 2.0]]), backend.copy_to_device([3.0 if wrong is None else wrong]))
    ]
    found = all_finite(backend.xp, [*tree, ()])
    assert found.shape == ()
    assert bool(found) is (wrong is None)


def test_a_rule_is_applied_to_each_array_with_its_slots(backend):
    xp = backend.xp
    trees = [[Pair(backend.copy_to_device([k]), backend.copy_to_device([10 * k])), ()] for k in (1.0, 2.0, 3.0)]
    p, g, v = trees
    after, (slots,) = updated(xp, lambda xp, p, g, v, rate: (p - rate * g, v + g), p, g, (v,), (0.5,))
    assert [backend.to_numpy(a).tolist() for a in arrays_of(after)] == [[0.0], [0.0]]
    assert [backend.to_numpy(a).tolist() for a in arrays_of(slots)] == [[5.0], [50.0]]
    assert [type(part) for part in after] == [type(part) for part in slots] == [Pair, tuple]


def test_fields_are_those_of_the_layers_that_have_them():
    net = Network([4, own.Halve(), 5, own.Centre(), 3])
    assert [tuple(w.shape) for w in field_of(net.parameters, "weights")] == [(5, 4), (3, 5)]
    assert [tuple(s.shape) for s in field_of(net.parameters, "scale")] == [(5,)]
    assert field_of(net.parameters, "nothing") == []
    net.weights = [np.zeros((5, 4)), np.zeros((3, 5))]
    assert not any(w.any() for w in net.weights)
    assert net.parameters[0] == ()
    assert net.parameters[2].scale.tolist() == [1.0] * 5


# A network's, assigned.


def test_assigned_weights_are_copied_in(backend, rng):
    net = Network([2, 3, 1], backend)
    w, b = [rng.standard_normal((3, 2)), rng.standard_normal((1, 3))], [np.zeros((3, 1)), np.zeros(1)]
    net.weights, net.biases = w, b
    w[0][...] = 7
    assert not (net.weights[0] == 7).any()
    assert_on(backend, net.parameters[0].weights, (3, 2))
    assert_on(backend, net.parameters[1].biases, (1,))


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ([np.ones((3, 2))], r"weights: expected 2 arrays, one per layer, got 1"),
        ([np.ones((3, 2)), np.ones((3, 1))], r"weights\[1\]: expected the shape \(1, 3\), got \(3, 1\). Transpose it"),
        ([np.ones((3, 2)), np.ones((1, 4))], r"weights\[1\]: .* Give that of a network of the sizes \[2, 3, 1\]"),
        ([np.ones((3, 2)), [["a", "b", "c"]]], r"weights\[1\]: expected real numbers"),
        (7, r"weights: expected 2 arrays, one per layer, got int. Give a list"),
    ],
)
def test_assigning_what_does_not_fit(new, message):
    net = Network([2, 3, 1])
    before = net.weights
    with pytest.raises((ValueError, TypeError), match=message):
        net.weights = new
    assert all(np.array_equal(a, b) for a, b in zip(net.weights, before, strict=True))


def test_weights_and_biases_are_copies_in_the_books_shapes(backend):
    net = Network([4, 5, 3], backend)
    assert [w.shape for w in net.weights] == [(5, 4), (3, 5)]
    assert [b.shape for b in net.biases] == [(5, 1), (3, 1)]
    assert isinstance(net.weights, tuple)
    for copies in (net.weights, net.biases):
        with pytest.raises(ValueError, match="read-only"):  # it would change nothing
            copies[0][...] = 9
