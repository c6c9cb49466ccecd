"""Symptoms: each is told once, with its cure, where a network does not learn, and never where it does."""

import warnings

import numpy as np
import pytest
from recipes import clusters

from anynet import SGD, Network, datasets, symptoms
from anynet.data import to_device
from anynet.evaluation import Trained

sklearn_datasets = pytest.importorskip("sklearn.datasets")


def told(net, x, y, **keywords):
    """Return the first words of what is warned of while a network is trained."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net.fit(x, y, progress=False, **keywords)
    return [str(warning.message).partition(":")[0] for warning in caught]


def symptoms_of(net, x, y):
    """Return what is found in a network: (size, narrowest, widest, difference, from_ends, *silences)."""
    trained = Trained(net.backend, net.architecture, net.parameters, net.state)
    data = to_device(net.backend, (x, y), net.architecture)
    return net.backend.to_numpy(symptoms.look(trained, data.x, data.y)).tolist()


# What is found.


@pytest.mark.slow_on("jax")
def test_what_is_found_is_what_plain_numpy_finds(backend, rng):
    net = Network([3, 6, 5, 2], backend, hidden="relu")
    net.biases = [np.array([0, -99, 0, -99, -99, 0])[:, None], np.zeros((5, 1)), np.zeros((2, 1))]
    x, y = rng.standard_normal((64, 3)) * [1, 10, 100], np.arange(64) % 2
    x[:40, 1] = 0.0  # a feature that is mostly 0 has no scale
    varies = np.ptp(x, axis=0)
    first, second, outputs = net.activations(x)
    expected = [
        np.sqrt(np.mean(x**2)),
        varies[0],
        varies[2],
        np.ptp(outputs, axis=0).max(),
        np.minimum(outputs, 1 - outputs).max(),
        (np.abs(first).max(axis=0) == 0).mean(),
        (np.abs(second).max(axis=0) == 0).mean(),
    ]
    assert 0.0 < expected[-2] < 1.0
    assert symptoms_of(net, x, y) == pytest.approx(expected, rel=1e-10)


def test_outputs_of_regression_are_measured_by_their_targets(backend, rng):
    net = Network([3, 1], backend, output="identity")
    x = rng.standard_normal((64, 3))
    outputs = net.feedforward(x)
    found = symptoms_of(net, x, outputs * 50 + 3)
    assert found[3] == pytest.approx(1 / 50)
    assert found[4] == np.inf
    assert symptoms_of(net, x, np.full((64, 1), 3.0))[3] == 1.0  # no target differs
    assert symptoms_of(net, x[:1].repeat(64, axis=0), outputs)[3] == 1.0  # no input does


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_no_scale_overflows(backend32, scale, rng):
    x = rng.standard_normal((64, 3)) * scale
    found = symptoms_of(Network([3, 2], backend32), x, np.arange(64) % 2)
    varies = np.ptp(x, axis=0)
    assert found[:3] == pytest.approx([np.sqrt(np.mean(x**2)), varies.min(), varies.max()], rel=1e-5)


# What is told, and what is not.


def features(name):
    x, y = getattr(sklearn_datasets, f"load_{name}")(return_X_y=True)
    return x, y


@pytest.mark.parametrize("name", ["breast_cancer", "wine"])
def test_raw_features_are_told_of_once_and_so_are_outputs_that_do_not_differ(name):
    x, y = features(name)
    net = Network([x.shape[1], 30, y.max() + 1])
    assert told(net, x, y, epochs=10) == ["x", "outputs"]
    standardised = (x - x.mean(axis=0)) / x.std(axis=0)
    assert told(Network(net.sizes), standardised, y, epochs=10) == []


def test_raw_values_of_a_regression_are_told_of():
    x, y = sklearn_datasets.load_diabetes(return_X_y=True, scaled=False)
    assert "x" in told(Network([10, 5, 1], output="identity"), x, y, epochs=1, optimizer=SGD(1e-6))


def test_ages_and_incomes_are_told_of(rng):
    x = np.stack([rng.uniform(18, 80, 200), rng.lognormal(10, 0.5, 200)], axis=1)
    assert told(Network([2, 3]), x, np.arange(200) % 3, epochs=1)[0] == "x"


def test_features_of_very_different_scales_are_told_of(rng):
    x, y = clusters(rng)
    x[:, 3] *= 1e-4
    with pytest.warns(
        UserWarning, match=r"x: expected features of one scale, got some that vary by 0.000\d+ and some by"
    ):
        Network([12, 4]).fit(x, y, epochs=1, optimizer=SGD(0.1))


@pytest.mark.parametrize("limit", [None, 0], ids=["resident", "streamed"])
def test_inputs_on_a_device_are_looked_at_after_the_first_epoch(limit, rng):
    torch = pytest.importorskip("torch")
    x, y = torch.asarray(rng.standard_normal((60, 5)) * 300), torch.asarray(np.arange(60) % 2)
    net = Network([5, 2], "torch")
    with pytest.warns(UserWarning, match="x: expected inputs of about 1"):
        next(net.iter_fit(x, y, epochs=2, optimizer=SGD(1e-9), memory_limit=limit))


def harmless(rng):
    digits, labels = features("digits")
    train = datasets.mnist()[0]
    words = rng.poisson(30 / np.arange(1, 301), (300, 300))
    return {
        "iris": features("iris"),
        "digits, 0 to 16": (digits, labels),
        "pixels": (train.x[:500], train.y[:500]),
        "pixels from 0 to 1": (train.x[:500] / 255.0, train.y[:500]),
        "counts of words": (words, rng.integers(0, 2, 300)),
        "one-hot": (np.eye(50)[rng.integers(0, 50, 300)], rng.integers(0, 2, 300)),
        "two examples": (rng.standard_normal((2, 5000)), np.array([0, 1])),
        "a constant beside": (np.hstack([clusters(rng)[0], np.full((200, 1), 0.1)]), clusters(rng)[1]),
    }


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_what_is_in_order_is_not_told_of(output, rng):
    for name, (x, y) in harmless(rng).items():
        net = Network([x.shape[1], 10, int(y.max()) + 1], output=output)
        assert told(net, x, y, epochs=2) == [], name


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sizes", [[784, 30, 10], [784, 30, 30, 10], [784, 10]], ids=str)
def test_the_books_networks_are_not_told_of(sizes, seed):
    train = datasets.mnist()[0]
    assert told(Network(sizes, seed=seed), train.x[:10_000], train.y[:10_000], epochs=2) == []


@pytest.mark.slow
def test_relu_at_the_books_rate_is_told_of():
    """It sticks at 11 %."""
    train, _, test = datasets.mnist()
    net = Network([784, 30, 10], hidden="relu", initializer="lecun_normal")
    with pytest.warns(
        UserWarning, match=r"outputs: .*the network is stuck.*smaller learning rate.*SGD\(learning_rate=3.0"
    ):
        net.fit(train.x[:10_000], train.y[:10_000], epochs=2, optimizer=SGD(3.0))
    assert net.accuracy(test) < 0.15


@pytest.mark.parametrize("dead", [8, 9])
def test_units_that_never_fire_are_told_of(backend32, dead, rng):
    net = Network([12, 10, 4], backend32, hidden="relu")
    net.biases = [np.where(np.arange(10) < dead, -99, 0)[:, None], np.zeros((4, 1))]
    x, y = clusters(rng)
    found = told(net, x, y, epochs=3, optimizer=SGD(0.01))
    assert found == (["layer 1"] if dead == 9 else [])


def test_a_network_that_has_not_begun_is_given_time(rng):
    """Outputs that hardly differ are told of where they are saturated, or after many steps."""
    doctor = symptoms.Doctor(Network([3, 2]).architecture, SGD(1.0), 100)
    plateau, saturated, same = ([1, 1, 1, d, e] for d, e in ((0.01, 0.1), (0.01, 0.001), (1e-6, 0.1)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        doctor.judge(plateau, 5000, is_last=False)
        doctor.judge(plateau, 999, is_last=True)
    for found, n_steps, is_last in ((plateau, 1000, True), (saturated, 10, False), (same, 10, False)):
        with pytest.warns(UserWarning, match="outputs"):
            symptoms.Doctor(Network([3, 2]).architecture, SGD(1.0), 100).judge(found, n_steps, is_last)
