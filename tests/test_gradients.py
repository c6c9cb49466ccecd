"""Gradients, against three oracles: a plain-Python loop, finite differences, autograd."""

import itertools

import numpy as np
import oracle
import pytest
from compare import assert_on, relative_difference
from conftest import need

from anynet import Network
from anynet.activations import ACTIVATIONS
from anynet.costs import COSTS

HIDDEN = [name for name, f in ACTIVATIONS.items() if f.derivative is not None]
PAIRS = list(COSTS)
SHAPES = {1: [4, 3], 2: [4, 5, 3], 4: [4, 5, 4, 6, 3]}


def make(sizes, backend, hidden, output, cost, seed=1):
    return Network(sizes, backend, seed=seed, hidden=hidden, output=output, cost=cost)


def targets_for(output, cost, n, n_out, rng):
    """Return targets (n, n_out) that the pair allows, none of them a plain one-hot row."""
    y = rng.uniform(0.1, 0.9, (n, n_out))
    return y / y.sum(axis=1, keepdims=True) if output == "softmax" else y


@pytest.mark.parametrize(("output", "cost"), PAIRS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_gradients_equal_the_plain_loop(backend, hidden, output, cost, rng):
    net = make([4, 5, 6, 3], backend, hidden, output, cost)
    x = rng.standard_normal((7, 4))
    y = targets_for(output, cost, 7, 3, rng)
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


@pytest.mark.parametrize(("output", "cost"), PAIRS)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("depth", SHAPES)
def test_gradients_equal_finite_differences_along_a_random_direction(depth, hidden, output, cost, rng):
    net = make(SHAPES[depth], "numpy", hidden, output, cost).to("numpy", dtype="float64")
    x = rng.standard_normal((6, 4))
    y = targets_for(output, cost, 6, 3, rng)
    _, gradients = net.gradients(x, y)
    directions = [[rng.standard_normal(a.shape) for a in p] for p in net.parameters]
    slope = sum(
        np.vdot(g, d) for gs, ds in zip(gradients, directions, strict=True) for g, d in zip(gs, ds, strict=True)
    )

    def cost_at(t):
        moved = net.to("numpy")
        moved.weights = [w + t * d[0] for w, d in zip(net.weights, directions, strict=True)]
        moved.biases = [b + t * d[1][:, None] for b, d in zip(net.biases, directions, strict=True)]
        return moved.gradients(x, y)[0]

    h = 1e-5
    # Central differences err by h^2 C'''/6, about 1e-10 here, and by rounding, 1e-16 / h.
    # A kink of ReLU within h of the point would show as a much larger difference.
    assert (cost_at(h) - cost_at(-h)) / (2 * h) == pytest.approx(slope, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("output", "cost"), PAIRS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_gradients_equal_autograd(hidden, output, cost, rng):
    need("torch")
    import torch

    net = make([5, 7, 6, 4], "numpy", hidden, output, cost).to("numpy", dtype="float64")
    x = rng.standard_normal((9, 5))
    y = targets_for(output, cost, 9, 4, rng)
    value, gradients = net.gradients(x, y)

    functions = {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "identity": lambda z: z,
        "softmax": lambda z: torch.softmax(z, dim=1),
    }
    weights = [torch.tensor(w, requires_grad=True) for w in net.weights]
    biases = [torch.tensor(b[:, 0], requires_grad=True) for b in net.biases]
    a, t = torch.tensor(x), torch.tensor(y)
    for w, b, name in zip(weights, biases, [hidden, hidden, output], strict=True):
        a = functions[name](a @ w.T + b)
    if cost == "quadratic":
        total = 0.5 * ((a - t) ** 2).sum()
    elif output == "softmax":
        total = -(t * torch.log(a)).sum()
    else:
        total = torch.nn.functional.binary_cross_entropy(a, t, reduction="sum")
    (total / 9).backward()

    assert value == pytest.approx(total.item() / 9, rel=1e-12)
    for g, w, b in zip(gradients, weights, biases, strict=True):
        assert relative_difference(g.weights, w.grad.numpy()) <= 1e-12
        assert relative_difference(g.biases, b.grad.numpy()) <= 1e-12


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
