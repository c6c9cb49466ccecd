"""Derived formulas: what an activation, a cost or a layer leaves unsaid, against what is written by hand."""

import pickle
from dataclasses import dataclass

import array_api_compat.numpy as xp
import numpy as np
import own
import pytest
import recipes
from compare import relative_difference
from recipes import DIFFERENTIABLE, PAIRS, targets_for

from anynet import SGD, Layer, Network
from anynet.activations import ACTIVATIONS, Activation
from anynet.costs import COSTS, Cost
from anynet.derivatives import gradients
from anynet.derived import backward_of, delta_of, derivative_of, is_elementwise, within
from anynet.layers import LAYERS
from anynet.operations import TraceError
from anynet.tracing import Trace, replay, traced
from anynet.trees import arrays_of, map_arrays

ELEMENTWISE = [name for name in DIFFERENTIABLE if name != "softmax"]
LAYERS_AND_OWN = {**LAYERS, "own: no parameters": own.Halve, "own: state": own.Centre, "own: noise": own.Noisy}


def on(backend, tree):
    return map_arrays(lambda a: backend.asarray(np.asarray(a)), tree)


@pytest.mark.parametrize("f", [*map(ACTIVATIONS.get, ELEMENTWISE), own.LEAKY], ids=[*ELEMENTWISE, "leaky"])
def test_the_derivative_of_each_activation(f, backend, rng):
    z = backend.asarray(np.concatenate([10 * rng.standard_normal((4, 3)), [[-700.0, 700.0, 30.0]]]))
    a = f.value(backend.xp, z)
    with backend.active():
        found = derivative_of(f.value)(backend.xp, z, a)
        expected = f.derivative(backend.xp, z, a) * backend.xp.ones_like(z)
    assert relative_difference(backend.to_numpy(found), backend.to_numpy(expected)) <= 1e-12


@pytest.mark.parametrize(("output", "cost"), [pair for pair in PAIRS if COSTS[pair].delta])
def test_the_delta_of_each_cost(output, cost, backend, rng):
    of_pair, f = COSTS[output, cost], ACTIVATIONS[output]
    z, y = backend.asarray(3 * rng.standard_normal((5, 3))), backend.asarray(targets_for(of_pair, 5, 3, rng))
    a = f.value(backend.xp, z)
    with backend.active():
        found = delta_of(of_pair.value, f.value)(backend.xp, z, a, y)
        expected = of_pair.delta(backend.xp, z, a, y)
    assert relative_difference(backend.to_numpy(found), backend.to_numpy(expected)) <= 1e-12


@pytest.mark.parametrize("kind", [name for name, kind in LAYERS_AND_OWN.items() if kind.backward is not Layer.backward])
def test_the_backward_of_each_layer(kind, backend, rng):
    layer = recipes.layer_of(LAYERS_AND_OWN[kind])
    shape = next(shape for shape in recipes.SHAPES if recipes.takes(layer, shape))
    parameters, state = layer.initialize(shape, rng)
    a, delta = rng.standard_normal((4, *shape)), rng.standard_normal((4, *layer.output_shape(shape)))
    parameters, state, a, delta = on(backend, [parameters, state, a, delta])
    drawn = layer.noise(shape, 4, rng)
    noise = None if drawn is None else backend.copy_to_device(drawn)  # as a training does
    with backend.active():
        found, error = backward_of(layer.forward, True)(backend.xp, parameters, state, a, noise, delta)
        _, residuals, _ = layer.forward(backend.xp, parameters, state, a, True, noise)
        expected, expected_error = layer.backward(backend.xp, parameters, residuals, delta)
    assert type(found) is type(expected)
    for g, e in zip(arrays_of([found, error]), arrays_of([expected, expected_error]), strict=True):
        assert relative_difference(backend.to_numpy(g), backend.to_numpy(e)) <= 1e-12


def test_without_a_noise_or_a_state_there_are_none(rng):
    a, delta = rng.standard_normal((2, 4, 3))
    parameters, error = backward_of(own.Noisy().forward, True)(xp, (), (), a, None, delta)
    assert parameters == ()
    np.testing.assert_array_equal(error, delta)


def test_a_derived_formula_in_a_trace_is_as_one_that_is_written(rng):
    z = rng.standard_normal((4, 3))
    swish = lambda xp, z: z / (1.0 + xp.exp(-z))  # noqa: E731

    def f(xp, z):
        a = swish(xp, z)
        return a, derivative_of(swish)(xp, z, a)

    program, _ = traced(f, z)
    assert [s.name for s in program.operations].count("exp") == 1  # what both need is computed once
    s = 1 / (1 + np.exp(-z))
    _, found = replay(xp, program, [z])
    np.testing.assert_allclose(found, s + z * s * (1 - s), rtol=1e-13)


def test_an_array_given_twice_is_two_and_one_made_of_another_no_function_of_it():
    def product(xp, a, b):
        return gradients(xp.sum(a * b), [a])[0]

    def of_three(xp, x):
        return within(xp, product, x, x), within(xp, product, 2.0 * x, x), within(xp, product, x, 2.0 * x)

    x = np.asarray([1.0, 2.0, 3.0])
    program, _ = traced(of_three, x)
    assert len(program.arguments) == 1
    for found, expected in zip(replay(xp, program, [x]), (x, x, 2.0 * x), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_what_a_formula_finds_around_it_is_constant():
    def f(xp, x):
        return within(xp, lambda xp, a: gradients(xp.sum(a * x + xp.exp(x) * a), [a])[0], x)

    x = np.asarray([0.5, 2.0])
    program, _ = traced(f, x)
    np.testing.assert_allclose(replay(xp, program, [x])[0], x + np.exp(x), rtol=1e-15)


def test_numbers_and_arrays_that_are_no_symbols_enter_as_well():
    raw = np.asarray([4.0, 5.0])

    def f(xp, x, rate):
        return within(
            xp, lambda xp, a, *rest: gradients(xp.sum(rest[0] * a * rest[1] * rest[2]), [a])[0], x, raw, 2.0, rate
        )

    program, _ = traced(f, np.ones(2), 0.1)
    np.testing.assert_array_equal(replay(xp, program, [np.ones(2), 3.0])[0], raw * 6.0)


def test_a_second_order_is_refused_through_a_derived_formula_too():
    trace = Trace()
    z = trace.argument((2, 3), "float64")
    slope = derivative_of(ACTIVATIONS["tanh"].value)(trace, z, None)
    with pytest.raises(TraceError, match="Derivatives of a second order are not offered"):
        gradients(trace.sum(slope), [z])


def test_derived_formulas_are_values():
    """A network that has one is compared, kept by what is compiled, and sent to another process."""
    value = ACTIVATIONS["tanh"].value
    assert derivative_of(value) == derivative_of(value) != derivative_of(ACTIVATIONS["relu"].value)
    assert hash(delta_of(COSTS[PAIRS[0]].value, value)) == hash(delta_of(COSTS[PAIRS[0]].value, value))
    assert pickle.loads(pickle.dumps(derivative_of(value))) == derivative_of(value)


def test_programs_are_kept_by_shapes_and_dtypes_and_not_without_end():
    calls = []

    def value(xp, z):
        calls.append(z.shape)
        return z * z

    derivative = derivative_of(value)
    for _ in range(3):
        for dtype in ("float32", "float64"):
            for n in (1, 2):
                z = np.full((n, 2), 3.0, dtype)
                found = derivative(xp, z, z * z)
                assert found.dtype == dtype
                assert found.tolist() == [[6.0, 6.0]] * n
    assert len(calls) == 8  # each traced, and once more to see whether it is a formula
    for n in range(1, 200):
        derivative(xp, np.zeros((n, 2)), np.zeros((n, 2)))
    from anynet import derived

    assert len(derived.PROGRAMS) <= 64


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((ACTIVATIONS[name].value, name != "softmax") for name in ACTIVATIONS),
        (own.LEAKY.value, True),
        (lambda xp, z: xp.where(z > 0, z, xp.astype(z > -1.0, z.dtype) * xp.asin(0.1 * xp.clip(z, -1.0, 1.0))), True),
        (lambda xp, z: z - xp.mean(z), False),
        (lambda xp, z: z[::-1, ...], False),
        (lambda xp, z: xp.reshape(z, (3, 2)), False),
        (lambda xp, z: z[:, :1] + z, False),
        (lambda xp, z: xp.zeros_like(z[0, ...]), False),
        (lambda xp, z: 1.0, False),
    ],
)
def test_which_formulas_are_elementwise(value, expected):
    assert is_elementwise(value) is expected


def test_a_formula_that_decides_by_a_value_is_not_judged():
    with pytest.raises(TraceError, match="a value is asked for"):
        is_elementwise(lambda xp, z: z if z[0, 0] > 0 else -z)


# What a user leaves unsaid.


def swish(xp, z):
    return z / (1.0 + xp.exp(-z))


def swish_derivative(xp, z, a):
    s = 1.0 / (1.0 + xp.exp(-z))
    return s + z * s * (1.0 - s)


@dataclass(frozen=True)
class ForwardAlone(Layer):
    """z = tanh(a) * scale, and no backward."""

    def output_shape(self, input_shape):
        return input_shape

    def parameter_shapes(self, input_shape):
        return own.Scale(input_shape), ()

    def initialize(self, input_shape, rng):
        return own.Scale(np.full(input_shape, 0.8)), ()

    def forward(self, xp, parameters, state, a, training, noise):
        return xp.tanh(a) * parameters.scale, None, state


@dataclass(frozen=True)
class WithBoth(ForwardAlone):
    def backward(self, xp, parameters, residuals, delta):
        t = xp.tanh(residuals)
        return own.Scale(xp.sum(delta * t, axis=0)), delta * parameters.scale * (1.0 - t * t)

    def forward(self, xp, parameters, state, a, training, noise):
        return xp.tanh(a) * parameters.scale, a, state


def quartic(xp, z, a, y):
    return xp.sum((a - y) ** 4, axis=1)


def quartic_delta(xp, z, a, y):
    return 4.0 * (a - y) ** 3 * a * (1.0 - a)


SAID = {"sizes": [5, 4, WithBoth(), 3], "hidden": Activation("swish", swish, swish_derivative)}
SAID["cost"] = Cost("quartic", "sigmoid", quartic, quartic_delta)
UNSAID = {
    "sizes": [5, 4, ForwardAlone(), 3],
    "hidden": Activation("swish", swish),
    "cost": Cost("quartic", "sigmoid", quartic),
}


def test_a_network_of_values_alone_trains_as_one_with_all_derivatives(backend, rng):
    x, y = rng.normal(size=(23, 5)), rng.uniform(size=(23, 3))
    nets = [Network(**how, backend=backend, seed=1) for how in (SAID, UNSAID)]
    for net in nets:
        net.fit(x, y, epochs=3, batch_size=5, optimizer=SGD(0.3))
    for a, b in zip(*(arrays_of(net.parameters) for net in nets), strict=True):
        np.testing.assert_allclose(backend.to_numpy(a), backend.to_numpy(b), rtol=0, atol=1e-12)
    assert nets[1].layers[1] == ForwardAlone()
    assert "ForwardAlone" in nets[1].summary()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: Activation("mine", lambda xp, z: np.sinh(z)),
            r"activation: expected a derivative for mine.*learns=False",
        ),
        (lambda: Activation("mine", lambda xp, z: z - xp.max(z)), r"an element of its value depends on several"),
        (lambda: Activation("mine", lambda xp, z: z if float(z[0, 0]) > 0 else -z), r"a value is asked for"),
        (
            lambda: Network([2, 1], cost=Cost("mine", "sigmoid", lambda xp, z, a, y: np.abs(a))),
            r"cost: expected a delta",
        ),
        (lambda: Network([4, Sorting(), 2]), r"Sorting: expected a backward, or a forward that .*Write its backward"),
    ],
)
def test_where_the_graph_cannot_derive_the_constructor_refuses(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@dataclass(frozen=True)
class Sorting(own.Halve):
    backward = Layer.backward

    def forward(self, xp, parameters, state, a, training, noise):
        return xp.sort(a, axis=1), None, state


def test_an_activation_that_does_not_learn_needs_no_derivative():
    rounded = Activation("rounded", lambda xp, z: xp.round(z), learns=False)
    assert rounded.derivative is None
    net = Network([2, 3, 1], hidden_activation=rounded)
    net.predict([[0.0, 1.0]])
    with pytest.raises(ValueError, match="useful derivative, got rounded"):
        net.fit([[0.0, 1.0]], [1])
