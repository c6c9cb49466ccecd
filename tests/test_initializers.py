"""Initializers: the standard deviations that their sources name, and the same bits from the same stream."""

import math

import numpy as np
import own
import pytest

from anynet import Activation, Dense, Initializer, Network, initializers
from anynet.activations import ACTIVATIONS
from anynet.initializers import FORMER_NAMES, INITIALIZERS


@pytest.mark.parametrize(
    ("name", "weights_std", "biases_std"),
    [
        ("scaled_normal", 1 / 20, 1),
        ("lecun_normal", 1 / 20, 1),
        ("standard_normal", 1, 1),
        ("xavier", math.sqrt(2 / 700), 0),
        ("glorot_normal", math.sqrt(2 / 700), 0),
        ("he", math.sqrt(2 / 400), 0),
        ("he_normal", math.sqrt(2 / 400), 0),
        ("uniform", 1 / math.sqrt(3), 1 / math.sqrt(3)),
    ],
)
def test_initializers_have_their_standard_deviations(name, weights_std, biases_std, rng):
    weights, biases = initializers.get(name).draw(rng, (300, 400), fan_in=400, fan_out=300)
    assert weights.shape == (300, 400)
    assert biases.shape == (300,)
    assert weights.std() == pytest.approx(weights_std, rel=0.02)  # 120,000 draws: 0.2 % is one sigma
    assert biases.std() == pytest.approx(biases_std, rel=0.2)  # 300 draws: 4 % is one sigma
    assert abs(weights.mean()) < 0.02 * weights_std


def test_uniform_is_any_number_from_minus_one_to_one(rng):
    for drawn in initializers.get("uniform").draw(rng, (3000, 40), fan_in=40, fan_out=3000):
        assert -1 <= drawn.min() < -0.99
        assert 0.99 < drawn.max() <= 1
        counts, _ = np.histogram(drawn, 4, (-1, 1))
        assert counts / drawn.size == pytest.approx(0.25, rel=0.1)
    net = Network([400, 300, 10], initializer="uniform")
    assert max(abs(w).max() for w in net.weights) <= 1


@pytest.mark.parametrize("name", INITIALIZERS)
def test_draws_are_float64_and_the_same_from_the_same_stream(name):
    first, again = (
        INITIALIZERS[name].draw(np.random.default_rng(1), (3, 2, 2), fan_in=4, fan_out=12) for _ in range(2)
    )
    for a, b, shape in zip(first, again, ((3, 2, 2), (3,)), strict=True):
        assert a.dtype == np.float64
        assert a.shape == shape
        assert np.array_equal(a, b)


def test_biases_are_drawn_before_weights():
    """The order that the book's network.py has: a start that is kept is the same start."""
    rng = np.random.default_rng(5)
    biases, weights = rng.standard_normal(3), rng.standard_normal((3, 2))
    drawn = INITIALIZERS["standard_normal"].draw(np.random.default_rng(5), (3, 2), fan_in=2, fan_out=3)
    assert np.array_equal(drawn[0], weights)
    assert np.array_equal(drawn[1], biases)


def test_former_names_start_the_same_networks():
    for former, name in FORMER_NAMES.items():
        assert initializers.get(former) is INITIALIZERS[name]
        old, new = Network([4, 3, 2], initializer=former), Network([4, 3, 2], initializer=name)
        assert all(np.array_equal(a, b) for a, b in zip(old.weights, new.weights, strict=True))
        assert old.architecture.stages[0].layer.initializer in (former, name)


def test_a_name_finds_its_value_and_a_value_itself():
    assert all(initializers.get(name) is value and value.name == name for name, value in INITIALIZERS.items())
    assert initializers.get(own.SMALL) is own.SMALL


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("zeros", ValueError, "initializer: expected one of lecun_normal, standard_normal, uniform, glorot_normal"),
        ("he_norma", ValueError, "Did you mean 'he_normal'"),
        (Initializer, TypeError, r"initializer: expected a name or a value Initializer\(...\), got the class"),
        (None, TypeError, "initializer: expected a name or a value"),
    ],
)
def test_what_is_no_initializer(given, error, message):
    with pytest.raises(error, match=message):
        initializers.get(given)


@pytest.mark.parametrize("backend", ["numpy", "array_api_strict"])
def test_a_network_that_the_host_has_no_room_for_is_told_so(backend):
    message = r"initializer: expected room for weights of the shape \(10000000, 10000000\) .* Take a smaller network"
    with pytest.raises(MemoryError, match=message):
        Network([10**7, 10**7], backend)


# What suits an activation.


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name not in ("softmax", "step")])
def test_without_one_named_a_layer_starts_as_suits_its_activation(name):
    """He for relu and its kind, Glorot for tanh; the output follows its own activation."""
    is_relus_kind = name in ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus")
    net = Network([4, 3, 2], hidden=name, output="softmax")
    expected = "he_normal" if is_relus_kind else "glorot_normal" if name == "tanh" else "lecun_normal"
    assert [layer.initializer for layer in net.layers] == [expected, "lecun_normal"]
    assert bool(net.biases[0].any()) == (expected == "lecun_normal")
    named = Network([4, Dense(3, initializer="xavier"), 2], hidden=name, initializer="standard_normal")
    assert [layer.initializer for layer in named.layers] == ["xavier", "standard_normal"]


def test_an_activation_of_ones_own_may_say_what_suits_it():
    mine = Activation("mine", lambda xp, z: xp.maximum(z, 0.5 * z), initializer="glorot_normal")
    assert Network([4, 3, 2], hidden=mine).layers[0].initializer == "glorot_normal"
    assert Network([4, 3, 2]).layers[0].initializer == "lecun_normal"  # the book's
