"""Standardisation: scales against NumPy's, learnt once, and raw features that a network then learns from."""

import pickle
import warnings

import numpy as np
import pytest
from compare import assert_on, relative_difference

from anynet import SGD, Dense, Layer, Network, Standardize, batches

HARMLESS = SGD(1e-3)


def examples(rng, n=203):
    x = rng.standard_normal((n, 5)) * [1e-3, 1.0, 5.0, 300.0, 1.0] + [0.0, 1000.0, -5.0, 1e4, 0.0]
    x[:, 4] = 0.1  # constant
    return x, np.arange(n) % 2


def scales(net):
    return net.backend.to_numpy(net.state[0].mean), net.backend.to_numpy(net.state[0].std)


@pytest.fixture
def in_blocks(monkeypatch):
    monkeypatch.setattr(batches, "BLOCK_BYTES", 50 * 5 * 8)


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("limit", [None, 0], ids=["resident", "streamed"])
def test_mean_and_deviation_are_those_of_the_training_data(backend, limit, rng, in_blocks):
    x, y = examples(rng)
    net = Network([5, Standardize(), 3, 2], backend)
    assert np.array_equal(net.activations(x)[0], x)  # nothing is known yet
    net.fit(x, y, epochs=1, optimizer=HARMLESS, memory_limit=limit)
    mean, std = scales(net)
    assert_on(backend, net.state[0].mean, (5,))
    assert relative_difference(mean, x.mean(axis=0)) <= 1e-14
    assert std[:4] == pytest.approx(x.std(axis=0)[:4], rel=1e-12)
    assert std[4] == 1.0
    z = net.activations(x)[0]
    assert z.mean(axis=0) == pytest.approx(np.zeros(5), abs=1e-12)
    assert z.std(axis=0) == pytest.approx([1, 1, 1, 1, 0], abs=1e-12)


@pytest.mark.slow_on("jax")
def test_float32_does_as_well_as_its_inputs(backend32, rng):
    x, y = examples(rng)
    x = x.astype(np.float32)
    net = Network([5, Standardize(), 2], backend32)
    net.fit(x, y, epochs=1, optimizer=HARMLESS)
    exact = x.astype(np.float64)
    mean, std = scales(net)
    assert mean == pytest.approx(exact.mean(axis=0), rel=1e-6, abs=1e-6)
    assert std[:4] == pytest.approx(exact.std(axis=0)[:4], rel=1e-5)
    assert std[4] == 1.0
    assert net.activations(x)[0][:, 4].tolist() == pytest.approx([0.0] * len(x), abs=1e-7)


def test_squares_do_not_overflow(rng):
    x = np.asarray([[-2e30, 1e-30], [2e30, 3e-30]] * 10)
    net = Network([2, Standardize(), 2])
    net.fit(x, np.arange(20) % 2, epochs=1, optimizer=HARMLESS)
    assert scales(net)[1] == pytest.approx([2e30, 1e-30], rel=1e-6)


def test_it_is_learnt_once_on_the_first_fit(rng, tmp_path):
    x, y = examples(rng)
    net = Network([5, Standardize(), 2])
    net.fit(x, y, epochs=1, optimizer=HARMLESS)
    before = scales(net)
    loaded = Network.load(net.save(tmp_path / "net"))
    for other in (net, loaded, net.to("numpy"), pickle.loads(pickle.dumps(net))):
        other.fit(x * 1.1, y, epochs=1, optimizer=HARMLESS)
        assert all(map(np.array_equal, scales(other), before))
    with np.load(tmp_path / "net.npz") as file:
        assert {"layer1_mean", "layer1_std", "layer1_examples"} < set(file.files)
        assert file["layer1_examples"].tolist() == [203]


def test_what_training_does_not_change_is_not_learnt_by_asking(rng):
    x, y = examples(rng)
    net = Network([5, Standardize(), 2])
    net.evaluate(x, y), net.gradients(x, y), net.feedforward(x), net.update_mini_batch((x, y), 1e-9)
    assert scales(net)[1].tolist() == [1] * 5


def test_a_first_training_that_fails_leaves_the_network_as_it_was(rng):
    x, y = examples(rng)
    net = Network([5, Standardize(), 1], output="identity")
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="as it was before training"):
        net.fit(x, y, epochs=1, optimizer=SGD(1e30))
    assert scales(net)[1].tolist() == [1] * 5


def test_pixels_are_standardised_as_numbers_from_zero_to_one(rng):
    x = rng.integers(0, 256, (60, 9)).astype(np.uint8)
    net = Network([9, Standardize(), 2], dtype="float64")
    net.fit(x, np.arange(60) % 2, epochs=1)
    assert scales(net)[0] == pytest.approx((x / 255.0).mean(axis=0), rel=1e-12)
    assert scales(net)[1] == pytest.approx((x / 255.0).std(axis=0), rel=1e-12)


def test_further_in_it_learns_what_arrives_there(rng):
    x, y = examples(rng)
    net = Network([5, Standardize(), Dense(4, activation="tanh"), Standardize(), 2], dtype="float64")
    start = net.to("numpy")
    net.fit(x, y, epochs=1, optimizer=SGD(1e-300))
    start.train_state = start.train_state._replace(state=[net.state[0], *start.state[1:]])
    arriving = start.activations(x)[1]
    assert net.state[2].mean == pytest.approx(arriving.mean(axis=0), abs=1e-12)
    assert net.state[2].std == pytest.approx(arriving.std(axis=0), rel=1e-12)


def test_a_layer_of_ones_own_without_backward_is_prepared_as_well(rng):
    class Largest(Standardize):
        backward = Layer.backward

        def prepare(self, xp, state, chunks):
            largest = [xp.max(xp.abs(a), axis=0) for a in chunks]
            return state._replace(std=xp.max(xp.stack(largest), axis=0))

    x, y = examples(rng)
    net = Network([5, Largest(), 2], dtype="float64")
    net.fit(x, y, epochs=1, optimizer=HARMLESS)
    assert np.array_equal(net.state[0].std, np.abs(x).max(axis=0))


def breast_cancer():
    pytest.importorskip("sklearn")
    from sklearn.datasets import load_breast_cancer

    return load_breast_cancer(return_X_y=True)


def told(net, x, y, **keywords):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net.fit(x, y, progress=False, **keywords)
    return [str(warning.message) for warning in caught]


def test_raw_features_are_learnt_from_and_the_cure_is_named():
    x, y = breast_cancer()
    cure = "Network([n, Standardize(), ...])"
    assert any(cure in text for text in told(Network([30, 10, 1]), x[::2], y[::2], epochs=1))
    net = Network([30, Standardize(), 10, 1])
    assert told(net, x[::2], y[::2], epochs=30, optimizer=SGD(1.0)) == []
    assert net.accuracy(x[1::2], y[1::2]) >= 0.94
