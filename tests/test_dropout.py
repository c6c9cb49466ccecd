"""Dropout: shares and scales of the masks, nothing of it in evaluation, and data in the order of a network without."""

import pickle

import numpy as np
import pytest
from compare import relative_difference

from anynet import Dropout, Network


def examples(n=23):
    return np.random.default_rng(5).standard_normal((n, 4)), np.arange(n) % 3


def net_of(*layers, backend="numpy", **keywords):
    return Network([4, 6, *layers, 3], backend, dtype="float64", seed=3, **keywords)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_masks_are_zero_or_make_up_for_what_is_dropped(rate, rng):
    layer = Dropout(rate)
    kept = layer.noise((50, 2), 1000, rng)
    mask, _, _ = layer.forward(np, (), (), np.ones((1000, 50, 2)), True, kept.astype("float64"))
    assert mask.shape == (1000, 50, 2)
    assert set(np.unique(mask)) == ({1.0} if rate == 0.0 else {0.0, 1.0 / (1.0 - rate)})
    assert (mask == 0).mean() == pytest.approx(rate, abs=5 * np.sqrt(rate * (1 - rate) / mask.size) + 1e-12)


def test_masks_differ_from_example_to_example_and_from_step_to_step(rng):
    masks = Dropout(0.5).noise((64,), 20, rng), Dropout(0.5).noise((64,), 20, rng)
    assert len(np.unique(np.concatenate(masks), axis=0)) == 40


@pytest.mark.slow_on("jax")
def test_a_step_drops_what_the_stream_of_noise_says(backend):
    """Against a network whose weights behind the layer are those of the mask: for one example that is the same."""
    x, y = examples(1)
    net, reference = net_of(Dropout(0.5), backend=backend, hidden="relu"), net_of(hidden="relu")
    mask = Dropout(0.5).noise((6,), 1, net.to("numpy").streams.noise) * 2.0
    reference.weights = [reference.weights[0], reference.weights[1] * mask]
    net.update_mini_batch((x, y), 0.5)
    _, (hidden, outer) = reference.gradients(x, y)
    before = net_of(hidden="relu")
    assert relative_difference(net.weights[0], before.weights[0] - 0.5 * hidden.weights) <= 1e-12
    assert relative_difference(net.weights[1], before.weights[1] - 0.5 * outer.weights * mask) <= 1e-12


def test_dropout_does_not_reorder_the_data():
    dropping, plain = net_of(Dropout(0.5), Dropout(0.2)), net_of()
    for net in (dropping, plain):
        net.fit(examples(), epochs=2, batch_size=5)
    assert pickle.dumps(dropping.streams.order) == pickle.dumps(plain.streams.order)
    assert pickle.dumps(dropping.streams.noise) != pickle.dumps(plain.streams.noise)
    assert not np.array_equal(dropping.weights[0], plain.weights[0])


def test_a_rate_of_zero_is_no_dropout_at_all():
    nothing, plain = net_of(Dropout(0)), net_of()
    for net in (nothing, plain):
        net.fit(examples(), epochs=2, batch_size=5)
    for a, b in zip(nothing.weights, plain.weights, strict=True):
        assert relative_difference(a, b) <= 1e-14


@pytest.mark.slow_on("jax")
def test_nothing_is_dropped_where_the_network_is_asked(backend):
    dropping, plain = net_of(Dropout(0.9), backend=backend), net_of(backend=backend)
    x, y = examples()
    assert np.array_equal(dropping.feedforward(x), plain.feedforward(x))
    assert dropping.evaluate((x, y)) == plain.evaluate((x, y))
    assert relative_difference(dropping.gradients(x, y)[1][0].weights, plain.gradients(x, y)[1][0].weights) <= 1e-14


def test_it_is_saved_shown_and_moved(tmp_path):
    net = net_of(Dropout(0.25))
    assert "Dropout" in net.summary()
    assert "86" not in net.summary().splitlines()[3]  # it has no parameters
    loaded = Network.load(net.save(tmp_path / "net"))
    for other in (loaded, net.to("numpy", dtype="float32"), pickle.loads(pickle.dumps(net))):
        assert other.layers[1] == Dropout(0.25)


@pytest.mark.parametrize("rate", [1, 1.0, -0.1, 50, float("nan")])
def test_rates_that_are_none(rate):
    with pytest.raises(ValueError, match=r"Dropout: expected a rate from 0 to below 1, got .* Dropout\(0.5\) drops"):
        Dropout(rate)


@pytest.mark.parametrize("rate", ["half", None, True])
def test_what_is_no_rate(rate):
    with pytest.raises(TypeError, match="Dropout: expected a rate, a number from 0 to below 1, got"):
        Dropout(rate)
