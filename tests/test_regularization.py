"""Regularization: penalties, clipping and smoothing, each where it acts and by its own number."""

import numpy as np
import pytest
from compare import relative_difference

from anynet import SGD, Network
from anynet.backends.numpy import NumpyLine
from anynet.layers.dense import DenseParameters
from anynet.regularization import Regularization, clipped, regularized, smoothed


def on(backend, *arrays):
    return [backend.copy_to_device(np.asarray(a, float)) for a in arrays]


def test_clipping_is_to_one_unit_in_the_last_place(backend):
    [(g, h)] = clipped(backend.xp, [tuple(on(backend, [3.0, 0.0], [4.0]))], 1.0)
    for value, exact in zip((*backend.to_numpy(g), *backend.to_numpy(h)), (0.6, 0.0, 0.8), strict=True):
        assert abs(value - exact) <= np.spacing(exact)


@pytest.mark.parametrize("scale", [1e-300, 1e-8, 1.0, 1e200])
def test_clipping_scales_what_is_too_long_and_nothing_else(backend, scale):
    given = on(backend, [3.0 * scale, 0.0], [[4.0 * scale]])
    same = clipped(backend.xp, [tuple(given)], 5.5 * scale)
    assert [backend.to_numpy(a).tolist() for a in same[0]] == [backend.to_numpy(a).tolist() for a in given]
    shorter = clipped(backend.xp, [tuple(given)], 2.5 * scale)
    assert [backend.to_numpy(a).tolist() for a in shorter[0]] == [[1.5 * scale, 0.0], [[2.0 * scale]]]


def test_gradients_of_zero_stay_zero(backend):
    [(g,)] = clipped(backend.xp, [tuple(on(backend, np.zeros((2, 3))))], 1.0)
    assert not backend.to_numpy(g).any()


def test_penalties_touch_weights_alone(backend):
    w, b, g, h = on(backend, [[2.0, -3.0]], [5.0], [[0.5, 0.5]], [0.25])
    parameters, gradients = [DenseParameters(w, b), ()], [DenseParameters(g, h), ()]
    [(l2, biases), nothing] = regularized(backend.xp, parameters, gradients, ("l2",), (0.1,))
    assert backend.to_numpy(l2) == pytest.approx(np.asarray([[0.7, 0.2]]))
    assert (backend.to_numpy(biases).tolist(), nothing) == ([0.25], ())
    [(l1, _), _] = regularized(backend.xp, parameters, gradients, ("l1",), (0.1,))
    assert backend.to_numpy(l1) == pytest.approx(np.asarray([[0.6, 0.4]]))


def test_smoothed_targets(backend):
    (y,) = on(backend, [[0.0, 1.0, 0.0, 0.0]])
    shares = smoothed(backend.xp, "softmax", y, ("label_smoothing",), (0.1,))
    answers = smoothed(backend.xp, "sigmoid", y, ("label_smoothing",), (0.1,))
    assert backend.to_numpy(shares) == pytest.approx(np.asarray([[0.025, 0.925, 0.025, 0.025]]))
    assert backend.to_numpy(answers) == pytest.approx(np.asarray([[0.05, 0.95, 0.05, 0.05]]))


def test_the_cost_of_a_smoothed_target():
    z, y = np.asarray([[1.0, 2.0, 0.0, -1.0]]), np.asarray([[0.0, 1.0, 0.0, 0.0]])
    a = np.exp(z) / np.exp(z).sum()
    cost = Network([2, 4], output="softmax").cost
    plain, soft = (
        float(cost.value(np, z, a, t)[0]) for t in (y, smoothed(np, "softmax", y, ("label_smoothing",), (0.1,)))
    )
    assert (plain, soft) == pytest.approx((0.440189698561, 0.590189698561), abs=1e-12)


REGULARIZED = {"l1": 3.0, "l2": 5.0, "clip_norm": 0.05, "label_smoothing": 0.2}


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_training_is_that_of_a_plain_loop(backend, output, rng):
    """The loop: Nielsen's update with lambda / n, in NumPy."""
    x, y = rng.normal(size=(20, 5)), rng.integers(0, 3, 20)
    net = Network([5, 4, 3], backend, output=output, cost="cross_entropy", seed=1)
    plain = Network([5, 4, 3], output=output, cost="cross_entropy", dtype="float64", seed=1)
    order = np.random.default_rng(0)
    state = net.streams.order.bit_generator.state
    net.fit(x, y, epochs=1, batch_size=20, optimizer=SGD(0.5), **REGULARIZED)
    del order, state
    targets = np.eye(3)[y]
    e = REGULARIZED["label_smoothing"]
    targets = targets * (1 - e) + e * (1 / 3 if output == "softmax" else 0.5)
    _, gradients = plain.gradients(x, targets)
    weights = [g.weights + 5.0 / 20 * w for g, w in zip(gradients, plain.weights, strict=True)]
    weights = [g + 3.0 / 20 * np.sign(w) for g, w in zip(weights, plain.weights, strict=True)]
    biases = [g.biases for g in gradients]
    norm = np.sqrt(sum((g**2).sum() for g in (*weights, *biases)))
    scale = min(1.0, 0.05 / norm)
    for got, w, g in zip(net.weights, plain.weights, weights, strict=True):
        assert relative_difference(got, w - 0.5 * scale * g) <= 1e-10
    for got, b, g in zip(net.biases, plain.biases, biases, strict=True):
        assert relative_difference(got, b - 0.5 * scale * g[:, None]) <= 1e-10


def test_another_number_compiles_nothing_anew(rng, monkeypatch):
    x, y = rng.normal(size=(20, 5)), rng.integers(0, 3, 20)
    net = Network([5, 4, 3])
    net.fit(x, y, epochs=1, l2=1.0, clip_norm=2.0)
    monkeypatch.setattr(NumpyLine, "__init__", None)
    net.fit(x, y, epochs=1, l2=0.5, clip_norm=3.0)


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({"l2": -1.0}, ValueError, r"l2: expected a finite number above 0, got -1.0"),
        ({"l1": "much"}, TypeError, r"l1: expected a number, got 'much'"),
        ({"clip_norm": float("inf")}, ValueError, r"clip_norm: expected a finite number above 0"),
        ({"label_smoothing": 1.0}, ValueError, r"label_smoothing: expected a share above 0 and below 1, got 1"),
    ],
)
def test_numbers_out_of_their_domain(how, error, words):
    with pytest.raises(error, match=words):
        Network([2, 3]).fit([[0.0, 1.0]], [1], epochs=1, batch_size=1, **how)


def test_smoothing_is_for_outputs_that_are_shares():
    with pytest.raises(ValueError, match=r"label_smoothing: expected an output of softmax or sigmoid, got tanh"):
        Network([2, 3], output="tanh").fit([[0.0, 1.0]], [1], epochs=1, batch_size=1, label_smoothing=0.1)


def test_without_any_it_is_none():
    assert Regularization().names == ()
