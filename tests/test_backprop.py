"""Gradients, against three oracles: a plain-Python loop, finite differences, automatic derivatives."""

import itertools

import numpy as np
import oracle
import own
import pytest
import recipes
from compare import assert_on, relative_difference
from conftest import need
from hypothesis import given, settings
from hypothesis import strategies as st
from recipes import FOR_HIDDEN, PAIRS, targets_for

from anynet import Network, backprop
from anynet.activations import ACTIVATIONS
from anynet.costs import COSTS
from anynet.layers import LAYERS
from anynet.trees import arrays_of, map_arrays
from anynet.typing import Batch

SHAPES = {1: [4, 3], 2: [4, 5, 3], 4: [4, 5, 4, 6, 3]}
# The oracles that were written by hand, for what they know by name.
BY_HAND = [name for name in FOR_HIDDEN if oracle.knows_activation(name)]
PAIRS_BY_HAND = [(output, cost) for output, cost in PAIRS if oracle.knows_cost(cost, output)]
TORCH = {
    "sigmoid": lambda torch: torch.sigmoid,
    "tanh": lambda torch: torch.tanh,
    "relu": lambda torch: torch.relu,
    "identity": lambda torch: lambda z: z,
    "softmax": lambda torch: lambda z: torch.softmax(z, dim=1),
}


def make(sizes, backend, hidden, output, cost, seed=1):
    parts = {"hidden": hidden, "output": output, "cost": cost}
    # With biases of 0 a unit behind silent ones lies on its kink, where no difference is a slope.
    return Network(sizes, backend, dtype="float64", seed=seed, initializer="lecun_normal", **parts)


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize(("output", "cost"), PAIRS_BY_HAND)
@pytest.mark.parametrize("hidden", BY_HAND)
def test_gradients_equal_the_plain_loop(backend, hidden, output, cost, rng):
    net = make([4, 5, 6, 3], backend, hidden, output, cost)
    x = rng.standard_normal((7, 4))
    y = targets_for(net.cost, 7, 3, rng)
    value, gradients = net.gradients(backend.asarray(x), backend.asarray(y))

    weights = [w.tolist() for w in net.weights]
    biases = [b[:, 0].tolist() for b in net.biases]
    names = [hidden, hidden, output]
    expected, nabla_w, nabla_b = oracle.mean_gradients(weights, biases, names, cost, x.tolist(), y.tolist())

    assert value == pytest.approx(expected, rel=1e-12)
    for g, w, b in zip(gradients, nabla_w, nabla_b, strict=True):
        assert_on(backend, g.weights, np.shape(w))
        assert_on(backend, g.biases, np.shape(b))
        assert relative_difference(backend.to_numpy(g.weights), w) <= 1e-12
        assert relative_difference(backend.to_numpy(g.biases), b) <= 1e-12


def test_the_hand_written_oracles_know_the_books_formulas():
    assert {"sigmoid", "tanh", "relu", "identity"} <= set(BY_HAND)
    assert len(PAIRS_BY_HAND) >= 5
    with pytest.raises(KeyError):
        oracle.cost("a new one", "sigmoid", [0.5], [1.0])
    assert not oracle.knows_cost("cross_entropy", "tanh")


@pytest.mark.parametrize(("output", "cost"), PAIRS_BY_HAND)
@pytest.mark.parametrize("hidden", BY_HAND)
def test_gradients_equal_autograd(hidden, output, cost, rng):
    """With PyTorch's own functions, and its reverse mode: nothing here is the library's."""
    need("torch")
    import torch

    net = make([5, 7, 6, 4], "numpy", hidden, output, cost)
    x = rng.standard_normal((9, 5))
    y = targets_for(net.cost, 9, 4, rng)
    value, gradients = net.gradients(x, y)

    weights = [torch.tensor(w, requires_grad=True) for w in net.weights]
    biases = [torch.tensor(b[:, 0], requires_grad=True) for b in net.biases]
    a, t = torch.tensor(x), torch.tensor(y)
    for w, b, name in zip(weights, biases, [hidden, hidden, output], strict=True):
        a = TORCH[name](torch)(a @ w.T + b)
    of_pairs = {
        ("quadratic", output): lambda: 0.5 * ((a - t) ** 2).sum(),
        ("cross_entropy", "softmax"): lambda: -(t * torch.log(a)).sum(),
        ("cross_entropy", "sigmoid"): lambda: torch.nn.functional.binary_cross_entropy(a, t, reduction="sum"),
    }
    total = of_pairs[cost, output]()
    (total / 9).backward()

    assert value == pytest.approx(total.item() / 9, rel=1e-12)
    for g, w, b in zip(gradients, weights, biases, strict=True):
        assert relative_difference(g.weights, w.grad.numpy()) <= 1e-12
        assert relative_difference(g.biases, b.grad.numpy()) <= 1e-12


# Whatever the tables hold: by differences, and by two automatic derivatives of the forward pass.


def case(net, rng, n=6):
    """Return inputs, targets that the cost allows, and a random direction in the space of the parameters."""
    x, y = recipes.inputs_for(net, n, rng), targets_for(net.cost, n, net.architecture.n_out, rng)
    return x, y, recipes.like(net.parameters, lambda a: rng.standard_normal(a.shape))


@pytest.mark.parametrize(("output", "cost"), PAIRS)
@pytest.mark.parametrize("hidden", FOR_HIDDEN)
@pytest.mark.parametrize("depth", SHAPES)
def test_gradients_equal_finite_differences_along_a_random_direction(depth, hidden, output, cost, rng):
    net = make(SHAPES[depth], "numpy", hidden, output, cost)
    x, y, directions = case(net, rng)
    _, gradients = net.gradients(x, y)
    # A kink of ReLU within h of the point would show as a much larger difference.
    expected = recipes.slope(net, x, y, directions)
    assert recipes.dot(gradients, directions) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def mean_cost(net, xp, x, y):
    """Return the mean cost as a function of the parameters: nothing but the forward pass."""
    architecture = net.architecture

    def f(parameters):
        *_, (z, a, _, _) = backprop.forward(xp, architecture.stages, parameters, net.state, x, True)
        return xp.sum(architecture.cost.value(xp, z, a, y)) * (1.0 / x.shape[0])

    return f


def assert_equals_pytorch(net, rng):
    need("torch")
    import torch

    x, y, _ = case(net, rng)
    _, gradients = net.gradients(x, y)
    moved = net.to("torch")
    f = mean_cost(moved, recipes.Torch(), torch.tensor(x), torch.tensor(y))

    def of_arrays(*arrays):
        given = iter(arrays)
        return f(map_arrays(lambda a: next(given), moved.parameters))

    expected = recipes.torch_gradients(of_arrays, arrays_of(moved.parameters))
    for g, e in zip(arrays_of(gradients), expected, strict=True):
        assert np.allclose(g, e, rtol=1e-10, atol=1e-12)


def assert_equals_jax(net, rng):
    need("jax")
    import jax
    import jax.numpy as xp

    x, y, _ = case(net, rng)
    _, gradients = net.gradients(x, y)
    moved = net.to("jax")
    expected = jax.jit(jax.grad(mean_cost(moved, xp, xp.asarray(x), xp.asarray(y))))(moved.parameters)
    for g, e in zip(arrays_of(gradients), arrays_of(expected), strict=True):
        assert np.allclose(g, e, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("output", "cost"), PAIRS)
@pytest.mark.parametrize("hidden", FOR_HIDDEN)
def test_gradients_equal_those_of_pytorch(hidden, output, cost, rng):
    assert_equals_pytorch(make([4, 5, 4, 3], "numpy", hidden, output, cost), rng)


@pytest.mark.parametrize(("output", "cost"), PAIRS)
def test_gradients_equal_those_of_jax(output, cost, rng):
    hidden = FOR_HIDDEN[PAIRS.index((output, cost)) % len(FOR_HIDDEN)]
    assert_equals_jax(make([4, 5, 4, 3], "numpy", hidden, output, cost), rng)


KINDS = {**LAYERS, "own: no parameters": own.Halve, "own: state": own.Centre, "own: noise": own.Noisy}


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_through_each_kind_of_layer(kind, rng):
    net = Network(recipes.sizes_with(KINDS[kind]), dtype="float64", seed=1, output="identity")
    x, y, directions = case(net, rng)
    _, gradients = net.gradients(x, y)
    assert [type(g) for g in gradients] == [type(p) for p in net.parameters]
    for g, p in zip(arrays_of(gradients), arrays_of(net.parameters), strict=True):
        assert g.shape == p.shape
    expected = recipes.slope(net, x, y, directions)
    assert recipes.dot(gradients, directions) == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert_equals_pytorch(net, rng)
    assert_equals_jax(net, rng)


def test_nothing_in_a_table_escapes_the_oracles():
    """What a network can learn by is differentiated here, by more than one oracle, whatever its name is."""
    assert set(PAIRS) == set(COSTS)
    assert set(KINDS) >= set(LAYERS)
    outputs = {output for output, _ in PAIRS}
    for name, f in ACTIVATIONS.items():
        if name not in FOR_HIDDEN and name not in outputs:
            assert f.derivative is None or f.is_for_outputs_only
            with pytest.raises(ValueError, match=f"activation: expected .*, got {name}"):
                Network([2, 3], output_activation=name).architecture.learnable_cost()


@pytest.mark.slow_on("jax")
def test_users_own_formulas_have_the_same_gradients_everywhere(backend, rng):
    sizes = [4, own.Halve(), 5, own.Centre(), 3]
    keywords = {"seed": 1, "hidden": own.LEAKY, "output": "identity", "cost": own.SMOOTH, "initializer": own.SMALL}
    net, reference = Network(sizes, backend, **keywords), Network(sizes, dtype="float64", **keywords)
    x, y, directions = case(reference, rng)
    value, gradients = net.gradients(x, y)
    expected_value, expected = reference.gradients(x, y)
    assert value == pytest.approx(expected_value, rel=1e-12)
    for g, e in zip(arrays_of(gradients), arrays_of(expected), strict=True):
        assert relative_difference(g, e) <= 1e-12
    slope = recipes.slope(reference, x, y, directions)
    assert recipes.dot(expected, directions) == pytest.approx(slope, rel=1e-6, abs=1e-9)


# Forms, and what the equations owe.


@pytest.mark.parametrize("task", ["labels", "one-hot"])
def test_labels_are_one_hot_rows(backend, task, rng):
    net = Network([4, 3], backend, output="softmax")
    x, labels = rng.standard_normal((5, 4)), np.array([0, 2, 1, 1, 2])
    y = labels if task == "labels" else np.eye(3)[labels]
    cost, gradients = net.gradients(x, y)
    expected_cost, expected = net.gradients(x, np.eye(3)[labels])
    assert cost == expected_cost
    assert all(
        np.array_equal(g, e) for gs, es in zip(gradients, expected, strict=True) for g, e in zip(gs, es, strict=True)
    )


def test_cost_far_out_is_finite_and_right(backend32):
    """At z = +-500 the naive formulas give infinity; the cost is about 500 then."""
    for output in ("sigmoid", "softmax"):
        net = Network([1, 2], backend32, output=output, cost="cross_entropy")
        net.weights, net.biases = [[[500.0], [-500.0]]], [[0.0, 0.0]]
        cost, gradients = net.gradients([[1.0]], [[0.0, 1.0]])
        assert cost == pytest.approx(1000.0)
        assert all(np.isfinite(g).all() for g in itertools.chain.from_iterable(gradients))


def test_nothing_is_multiplied_where_a_layer_has_no_activation():
    """Its error goes on as the layer above returned it: not times 1, not times a derivative."""
    net = Network([3, own.Halve(), own.Noisy(), 2], dtype="float64")
    assert [stage.activation for stage in net.architecture.stages[:2]] == [None, None]
    seen = []

    class Watched(own.Noisy):
        def backward(self, xp, parameters, residuals, delta):
            seen.append(delta)
            return super().backward(xp, parameters, residuals, delta)

    class Source(own.Halve):
        def backward(self, xp, parameters, residuals, delta):
            error = 0.5 * delta
            seen.append(error)
            return (), error

    net = Network([3, Watched(), Source(), 2], "array_api_strict", dtype="float64")  # where nothing is traced
    x, y = np.ones((4, 3)), np.array([0, 1, 1, 0])
    net.gradients(x, y)
    assert seen[1] is seen[0]


@settings(max_examples=10, derandomize=True, deadline=None)
@given(
    st.lists(st.integers(1, 6), min_size=2, max_size=4),
    st.sampled_from(FOR_HIDDEN),
    st.sampled_from(PAIRS),
    st.integers(1, 7),
    st.integers(0, 1000),
)
def test_the_mean_gradient_of_a_split_batch_is_that_of_the_whole(sizes, hidden, pair, n_first, seed):
    rng = np.random.default_rng(seed)
    net = make(sizes, "numpy", hidden, *pair, seed=seed)
    x, y, _ = case(net, rng, n=8)
    whole_cost, whole = net.gradients(x, y)
    parts = [(n_first, net.gradients(x[:n_first], y[:n_first])), (8 - n_first, net.gradients(x[n_first:], y[n_first:]))]
    assert sum(n * cost for n, (cost, _) in parts) / 8 == pytest.approx(whole_cost, rel=1e-10)
    joined = recipes.combined(lambda a, b: (n_first * a + (8 - n_first) * b) / 8, *(g for _, (_, g) in parts))
    for g, e in zip(arrays_of(joined), arrays_of(whole), strict=True):
        assert np.allclose(g, e, rtol=1e-9, atol=1e-12)


@pytest.mark.slow_on("jax")
def test_backprop_is_pure(backend, rng):
    """It returns new arrays, and the state that follows; what it was handed is as it was."""
    net = Network([4, 5, own.Centre(), 3], backend)
    before = [backend.to_numpy(a).copy() for a in arrays_of(list(net.train_state))]
    x, y = (backend.asarray(a) for a in (rng.standard_normal((6, 4)), rng.random((6, 3))))
    (z, a), gradients, state = backprop.backprop(
        backend.xp, net.architecture.stages, net.cost, net.parameters, net.state, Batch(x, y)
    )
    assert_on(backend, z, (6, 3))
    assert_on(backend, a, (6, 3))
    assert [len(g) for g in gradients] == [2, 1, 2]
    assert np.any(backend.to_numpy(state[1].running))
    after = [backend.to_numpy(a) for a in arrays_of(list(net.train_state))]
    assert all(np.array_equal(a, b) for a, b in zip(after, before, strict=True))
