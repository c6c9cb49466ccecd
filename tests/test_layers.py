"""Layers: one that is added works everywhere, whatever it holds; nothing but its own file knows it."""

import pickle
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import own
import pytest
import recipes
from compare import assert_on, relative_difference
from conftest import need

from anynet import SGD, Dense, Layer, Network, backprop
from anynet.activations import ACTIVATIONS
from anynet.backends import get as get_backend
from anynet.layers import LAYERS
from anynet.trees import arrays_of, map_arrays
from anynet.typing import Batch

OWN = {"Halve": own.Halve, "Centre": own.Centre, "Noisy": own.Noisy}
N = 23  # in mini-batches of 5, the last of 3


@pytest.fixture
def registered(monkeypatch):
    """The layers of own.py, as if they had been added to the table."""
    for name, kind in OWN.items():
        monkeypatch.setitem(LAYERS, name, kind)


def data(seed=5, n=N, n_in=4, n_out=3):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, n_in)), np.arange(n) % n_out


def net_of(*layers, backend="numpy", **keywords):
    return Network([4, 6, *layers, 3], backend, dtype="float64", seed=3, **keywords)


def learnt(net):
    return [net.backend.to_numpy(a) for a in arrays_of([net.parameters, net.state])]


def is_same(net, other):
    return all(np.array_equal(a, b) for a, b in zip(learnt(net), learnt(other), strict=True))


# Of each kind that the table holds, and of each of our own.


@pytest.mark.parametrize("kind", [*LAYERS.values(), *OWN.values()], ids=lambda kind: kind.__name__)
class TestEveryKind:
    def test_it_is_a_frozen_value(self, kind):
        layer = recipes.layer_of(kind)
        assert layer == recipes.layer_of(kind)
        assert hash(layer) == hash(recipes.layer_of(kind))
        with pytest.raises(AttributeError):
            layer.units = 7
        assert pickle.loads(pickle.dumps(layer)) == layer

    def test_shapes_are_those_that_are_made(self, kind, rng):
        layer = recipes.layer_of(kind)
        shape = next(shape for shape in recipes.SHAPES if recipes.takes(layer, shape))
        drawn, asked = layer.initialize(shape, rng), layer.parameter_shapes(shape)
        for values, shapes in zip(drawn, asked, strict=True):
            assert type(values) is type(shapes)
            assert [a.shape for a in values] == list(shapes)
        xp = get_backend("numpy").xp
        for training in (False, True):
            z, _, state = layer.forward(xp, *drawn, rng.standard_normal((7, *shape)), training, None)
            assert z.shape == (7, *layer.output_shape(shape))
            assert [a.shape for a in state] == list(asked[1])

    def test_it_trains_saves_loads_moves_and_pickles(self, kind, registered, tmp_path, rng):
        net = Network(recipes.sizes_with(kind), seed=2, output="softmax")
        x, y = recipes.inputs_for(net, 12, rng), np.arange(12) % 2
        before = learnt(net)
        net.fit((x, y), epochs=2, batch_size=5)
        assert not all(np.array_equal(a, b) for a, b in zip(learnt(net), before, strict=True))
        loaded = Network.load(net.save(tmp_path / "net"))
        for other in (loaded, net.to("numpy"), pickle.loads(pickle.dumps(net))):
            assert is_same(other, net)
            assert other.architecture == net.architecture
            assert np.array_equal(other.feedforward(x), net.feedforward(x))


def test_a_layers_value_stands_among_sizes_and_takes_what_is_the_networks():
    net = Network([4, Dense(5, activation="relu"), Dense(6), 3], hidden="tanh", output="softmax", initializer="he")
    assert [layer.activation for layer in net.layers] == ["relu", "tanh", "softmax"]
    assert [layer.initializer for layer in net.layers] == ["he"] * 3
    assert Network([4, Dense(3, initializer="xavier")]).layers[0].initializer == "xavier"


# Without parameters.


@pytest.mark.slow_on("jax")
def test_a_layer_without_parameters_trains_saves_and_loads(backend, registered, tmp_path):
    net, plain = net_of(own.Halve(), backend=backend), net_of(own.Halve())
    for n in (net, plain):
        n.fit(data(), epochs=2, batch_size=5, optimizer=SGD(0.5))
    assert net.parameters[1] == ()
    assert net.sizes == [4, 6, 6, 3]
    for a, b in zip(learnt(net), learnt(plain), strict=True):
        assert relative_difference(a, b) <= 1e-12
    loaded = Network.load(net.save(tmp_path / "net"), net.backend)
    assert is_same(loaded, net)
    with np.load(tmp_path / "net.npz") as file:
        assert set(file.files) == {"s", "w1", "b1", "w2", "b2", "header"}


def test_halving_is_halving():
    """The same as weights of half the size above it."""
    net, reference = net_of(own.Halve()), net_of()
    reference.weights = [net.weights[0], 0.5 * net.weights[1]]
    reference.biases = net.biases
    x, _ = data()
    assert relative_difference(net.feedforward(x), reference.feedforward(x)) <= 1e-14


# With a parameter of a name of its own, and a state.


@pytest.mark.slow_on("jax")
def test_a_state_is_updated_in_training_and_used_in_evaluation(backend, registered, tmp_path):
    net, plain = net_of(own.Centre(), backend=backend), net_of(own.Centre())
    assert not backend.to_numpy(net.state[1].running).any()
    for n in (net, plain):
        n.fit(data(), epochs=2, batch_size=5, optimizer=SGD(0.5), validation=data())
    assert_on(backend, net.parameters[1].scale, (6,))
    assert_on(backend, net.state[1].running, (6,))
    assert not np.array_equal(backend.to_numpy(net.parameters[1].scale), np.ones(6))
    assert backend.to_numpy(net.state[1].running).all()
    for a, b in zip(learnt(net), learnt(plain), strict=True):
        assert relative_difference(a, b) <= 1e-10
    loaded = Network.load(net.save(tmp_path / "net"), net.backend)
    with np.load(tmp_path / "net.npz") as file:
        assert {"layer2_scale", "layer2_running"} < set(file.files)
    for other in (loaded, net.to(backend), net.to("numpy"), pickle.loads(pickle.dumps(net))):
        assert is_same(other, net)


def test_evaluation_uses_the_running_mean_and_leaves_it():
    net = net_of(own.Centre())
    x, y = data()
    net.fit((x, y), epochs=1, batch_size=5)
    (w1, w2), (b1, b2) = net.weights, net.biases
    hidden = 1 / (1 + np.exp(-(x @ w1.T + b1.T)))
    centred = net.parameters[1].scale * (hidden - net.state[1].running)
    expected = 1 / (1 + np.exp(-(centred @ w2.T + b2.T)))
    before = learnt(net)
    assert relative_difference(net.feedforward(x), expected) <= 1e-12
    net.evaluate((x, y)), net.gradients(x, y), net.confusion_matrix((x, y))
    assert all(np.array_equal(a, b) for a, b in zip(learnt(net), before, strict=True))


def test_the_running_mean_is_that_of_the_mini_batches_in_their_order():
    net = net_of(own.Centre())
    x, y = data()
    net.update_mini_batch((x, y), 1e-300)  # nothing is learnt
    hidden = net.activations(x)[0]
    assert relative_difference(net.state[1].running, 0.1 * hidden.mean(axis=0)) <= 1e-12
    net.update_mini_batch((x[:5], y[:5]), 1e-300)
    expected = 0.09 * hidden.mean(axis=0) + 0.1 * hidden[:5].mean(axis=0)
    assert relative_difference(net.state[1].running, expected) <= 1e-12


def test_a_training_that_fails_brings_the_state_back_too():
    net = net_of(own.Centre(), output="identity", hidden="relu")
    x, y = data()
    net.fit((x, np.eye(3)[y]), epochs=1, batch_size=5, optimizer=SGD(0.01))
    before = learnt(net)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError):
        net.fit((x, np.eye(3)[y]), epochs=2, batch_size=5, optimizer=SGD(1e200))
    assert all(np.array_equal(a, b) for a, b in zip(learnt(net), before, strict=True))


# With noise.


def by_hand(net, x, y, size, rate):
    """Train an epoch of a NumPy network in a plain loop: the order first, then noise for all of its rows."""
    order = net.streams.order.permutation(len(x))
    noise = own.Noisy().noise((6,), len(x), net.streams.noise)
    targets = np.eye(3)[y]
    for start in range(0, len(x), size):
        rows = order[start : start + size]
        batch = Batch(x[rows], targets[rows], (None, noise[start : start + size], None, None))
        _, gradients, _ = backprop.backprop(
            net.backend.xp, net.architecture.stages, net.cost, net.parameters, net.state, batch
        )
        parameters = recipes.combined(lambda p, g: p - rate * g, net.parameters, gradients)
        net.train_state = net.train_state._replace(parameters=parameters)


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("limit", [None, 0], ids=["resident", "streamed"])
def test_noise_reaches_the_right_rows(backend, limit):
    net, expected = net_of(own.Noisy(), own.Halve(), backend=backend), net_of(own.Noisy(), own.Halve())
    x, y = data()
    net.fit((x, y), epochs=1, batch_size=5, optimizer=SGD(0.5), memory_limit=limit)
    by_hand(expected, x, y, 5, 0.5)
    for a, b in zip(learnt(net), learnt(expected), strict=True):
        assert relative_difference(a, b) <= 1e-12


def test_noise_on_jax_reaches_the_right_rows():
    """In its quickest form, for the test above takes seconds there."""
    need("jax")
    net, expected = net_of(own.Noisy(), own.Halve(), backend="jax"), net_of(own.Noisy(), own.Halve())
    x, y = data()
    net.fit((x, y), epochs=1, batch_size=5, optimizer=SGD(0.5))
    by_hand(expected, x, y, 5, 0.5)
    assert all(relative_difference(a, b) <= 1e-12 for a, b in zip(learnt(net), learnt(expected), strict=True))


def test_noise_does_not_reorder_the_data():
    noisy, quiet = net_of(own.Noisy()), net_of()
    for net in (noisy, quiet):
        net.fit(data(), epochs=2, batch_size=5)
    orders = [pickle.dumps(net.streams.order) for net in (noisy, quiet)]
    assert orders[0] == orders[1]
    assert pickle.dumps(noisy.streams.noise) != pickle.dumps(quiet.streams.noise)


@pytest.mark.slow_on("jax")
def test_there_is_no_noise_in_gradients_and_evaluation(backend):
    noisy, quiet = net_of(own.Noisy(), backend=backend), net_of(backend=backend)
    x, y = data()
    before = pickle.dumps(noisy.streams.noise)
    assert noisy.gradients(x, y)[0] == pytest.approx(quiet.gradients(x, y)[0], rel=1e-14)
    assert relative_difference(noisy.feedforward(x), quiet.feedforward(x)) <= 1e-14
    assert noisy.evaluate((x, y)) == quiet.evaluate((x, y))
    assert pickle.dumps(noisy.streams.noise) == before


@pytest.mark.slow_on("jax")
def test_a_step_by_hand_has_noise_as_well(backend):
    net, plain = net_of(own.Noisy(), backend=backend), net_of(own.Noisy())
    x, y = data()
    noise = own.Noisy().noise((6,), N, net.to("numpy").streams.noise)
    net.update_mini_batch((x, y), 0.5)
    batch = Batch(x, np.eye(3)[y], (None, noise, None))
    _, gradients, _ = backprop.backprop(
        plain.backend.xp, plain.architecture.stages, plain.cost, plain.parameters, plain.state, batch
    )
    expected = recipes.combined(lambda p, g: p - 0.5 * g, plain.parameters, gradients)
    for a, b in zip(learnt(net), arrays_of(expected), strict=True):
        assert relative_difference(a, b) <= 1e-12


# The activation on top.


@dataclass(frozen=True)
class Own(own.Halve):
    activation: Any = "relu"


def test_a_layer_has_the_activation_that_it_says_and_without_a_field_none():
    net = Network([4, Own(), own.Halve(), Own("tanh"), 3], hidden="sigmoid")
    assert [f and f.name for _, f in net.architecture.stages] == ["relu", None, "tanh", "sigmoid"]
    x, _ = data()
    first, second, *_ = net.activations(x)
    assert np.array_equal(first, np.maximum(np.float32(0.5) * x.astype(np.float32), 0))
    assert np.array_equal(second, np.float32(0.5) * first)


@pytest.mark.parametrize("name", [name for name, f in ACTIVATIONS.items() if not f.is_for_outputs_only])
def test_a_field_that_is_none_takes_the_networks(name):
    net = Network([4, Own(None), Own(None), 3], hidden=name)
    assert [f.name for _, f in net.architecture.stages] == [name, name, "sigmoid"]


def test_the_last_that_takes_one_has_that_of_the_output():
    net = Network([4, 3, own.Halve()], hidden="relu", output="tanh")
    assert [f and f.name for _, f in net.architecture.stages] == ["tanh", None]
    assert net.task == "regression"  # what comes out is as the last layer made it
    assert net.cost.output == "identity"


# What is no layer.


@dataclass
class Changeable(Layer):
    factor: float = 0.5
    output_shape, forward, backward = own.Halve.output_shape, own.Halve.forward, own.Halve.backward


def test_dense_says_what_it_takes():
    with pytest.raises(ValueError, match="Dense: expected at least 1 neuron, got 0"):
        Dense(0)
    with pytest.raises(TypeError, match=r"Dense: expected a whole number, got 2.5"):
        Dense(2.5)
    with pytest.raises(ValueError, match=r"Dense: expected inputs of one dimension, got the shape \(2, 3\).* 6"):
        Dense(3).output_shape((2, 3))


@pytest.mark.parametrize("layer", [Dense(3, activation=["relu"]), Own(activation=[]), Changeable()])
def test_a_layer_that_cannot_be_hashed_is_refused(layer):
    with pytest.raises(TypeError, match=r"sizes: expected layers that are frozen values, got .* Make it a dataclass"):
        Network([4, layer, 2])


def test_a_layer_must_say_how_it_computes():
    class Nothing(Layer):
        def output_shape(self, input_shape):
            return input_shape

    with pytest.raises(TypeError, match="abstract"):
        Nothing()


def test_states_and_parameters_are_copied_to_the_device(backend):
    net = net_of(own.Centre(), backend=backend)
    for array in arrays_of([net.parameters, net.state]):
        assert_on(backend, array, tuple(array.shape))
    assert map_arrays(lambda a: 0, net.state) == [(), own.Running(0), ()]


@dataclass(frozen=True)
class Pool(Layer):
    """A hyper-parameter that is a tuple, one of NumPy's, and nothing learnt."""

    size: tuple = (2, 2)
    factor: float = 1.0

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, xp, parameters, state, a, training, noise):
        return a, None, state

    def backward(self, xp, parameters, residuals, delta):
        return (), delta


class Same(NamedTuple):
    scale: Any


FAULTS = [  # what a layer makes, what it says that it makes, and what is wrong
    ((Same(np.ones(3)), ()), ((), ()), "to tell of the same named tuples"),
    (((), ()), (Same((1,)), ()), "to tell of the same named tuples"),
    (((1.0,), ()), ((), ()), "tuple without names"),
    ((Same(np.ones(3)), Same(np.ones(3))), (Same((3,)), Same((3,))), "different names for parameters and state"),
]


@dataclass(frozen=True)
class Faulty(Pool):
    """What it makes is not what it says, or is no named tuple, or has one name twice."""

    fault: int = 0

    def initialize(self, input_shape, rng):
        return FAULTS[self.fault][0]

    def parameter_shapes(self, input_shape):
        return FAULTS[self.fault][1]


def test_tuples_and_numbers_of_numpy_are_saved(monkeypatch, tmp_path):
    monkeypatch.setitem(LAYERS, "Pool", Pool)
    net = Network([4, Pool((3, 5), np.float32(0.5)), 2])
    loaded = Network.load(net.save(tmp_path / "net"))
    assert loaded.layers[0] == Pool((3, 5), 0.5)


def test_a_hyper_parameter_that_no_file_takes_is_refused(monkeypatch, tmp_path):
    monkeypatch.setitem(LAYERS, "Pool", Pool)
    with pytest.raises(ValueError, match=r"save: expected what anynet's tables hold, got .* in a layer"):
        Network([4, Pool(Dense(3)), 2]).save(tmp_path / "net")


@pytest.mark.parametrize("fault", range(len(FAULTS)))
def test_what_a_layer_makes_is_what_it_says(fault):
    with pytest.raises(TypeError, match=FAULTS[fault][2]):
        Network([4, Faulty(fault=fault), 2])
