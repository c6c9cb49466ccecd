"""Activations: values against hand-written ones, derivatives against differences and two automatic ones."""

import decimal
import math

import numpy as np
import own
import pytest
from array_api_compat import array_namespace
from compare import assert_on, relative_difference
from conftest import need
from recipes import DIFFERENTIABLE, Torch, torch_gradients

from anynet import Activation, Network, activations
from anynet.activations import ACTIVATIONS
from anynet.costs import COSTS

EXTREME = [-1e30, -1e4, -745.0, -1.0, -1e-30, 0.0, 1e-30, 1.0, 745.0, 1e4, 1e30]
POINTS = [[-3.1, -1.2, -0.4], [0.3, 0.9, 2.7]]  # no kink is near


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_finite_input_overflows(name, backend32):
    xp = backend32.xp
    z = backend32.copy_to_device([EXTREME])
    a = ACTIVATIONS[name].value(xp, z)
    assert_on(backend32, a, (1, len(EXTREME)))
    assert np.isfinite(backend32.to_numpy(a)).all()


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_no_derivative_of_a_finite_input_overflows(name, backend32):
    xp, f = backend32.xp, ACTIVATIONS[name]
    z = backend32.copy_to_device([EXTREME])
    slope = z * 0.0 + f.derivative(xp, z, f.value(xp, z))  # a number for all of them will do
    assert_on(backend32, slope, (1, len(EXTREME)))
    assert np.isfinite(backend32.to_numpy(slope)).all()


def test_values(backend):
    z = backend.copy_to_device([[-2.0, 0.0, 3.0]])
    expected = {
        "sigmoid": [1 / (1 + math.exp(2)), 0.5, 1 / (1 + math.exp(-3))],
        "tanh": [math.tanh(-2), 0, math.tanh(3)],
        "relu": [0, 0, 3],
        "leaky_relu": [-0.02, 0, 3],
        "elu": [math.exp(-2) - 1, 0, 3],
        "silu": [-2 / (1 + math.exp(2)), 0, 3 / (1 + math.exp(-3))],
        "gelu": [v / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))) for v in (-2, 0, 3)],
        "softplus": [math.log(1 + math.exp(v)) for v in (-2, 0, 3)],
        "identity": [-2, 0, 3],
        "step": [0, 0, 1],
        "softmax": [math.exp(v) / (math.exp(-2) + 1 + math.exp(3)) for v in (-2, 0, 3)],
    }
    assert set(expected) <= set(ACTIVATIONS)
    for name, values in expected.items():
        a = ACTIVATIONS[name](z)
        assert_on(backend, a, (1, 3))
        assert backend.to_numpy(a)[0].tolist() == pytest.approx(values, rel=1e-13, abs=1e-300)


# Those that PyTorch has by a name: far out as well, where its softplus and gelu, differentiated, become NaN.
OF_TORCH = ["relu", "leaky_relu", "elu", "silu", "gelu", "softplus", "sigmoid", "tanh"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OF_TORCH)
def test_values_and_derivatives_are_those_of_pytorchs_own(name, dtype):
    need("torch")
    import torch

    functional = torch.nn.functional
    how = {"gelu": {"approximate": "tanh"}, "softplus": {"threshold": 40.0}}.get(name, {})
    z = np.concatenate([np.linspace(-12, 12, 1001), [-1e30, -1e4, -745.0, -100.0, -0.0, 0.0, 100.0, 745.0, 1e4, 1e30]])
    z = z.astype(dtype)
    t = torch.tensor(z, requires_grad=True)
    values = getattr(functional, name)(t, **how)
    (slopes,) = torch.autograd.grad(values.sum(), [t])
    slopes = torch.where(t > 99, 1.0, torch.where(t < -99, 0.0, slopes)) if name in ("softplus", "gelu") else slopes
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        a = ACTIVATIONS[name](z)
        slope = ACTIVATIONS[name].derivative(np, z, a)
    eps = np.finfo(dtype).eps
    assert a.dtype == slope.dtype == np.dtype(dtype)
    assert np.allclose(a, values.detach().numpy(), rtol=20 * eps, atol=20 * eps)
    assert np.allclose(slope, slopes.numpy(), rtol=20 * eps, atol=40 * eps)


@pytest.mark.parametrize("name", ["silu", "gelu", "softplus"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_next_to_nothing_far_below_zero_keeps_its_digits(name, dtype):
    z = np.asarray([-4.0, -6.0, -8.0], dtype)
    with decimal.localcontext(prec=60):
        c = decimal.Decimal("0.7978845608028653558798921198687637369517172623298693")
        one, k = decimal.Decimal(1), decimal.Decimal("0.044715")
        exact = {
            "silu": lambda v: v / (one + (-v).exp()),
            "gelu": lambda v: v / (one + (-2 * c * (v + k * v**3)).exp()),
            "softplus": lambda v: (one + v.exp()).ln(),
        }[name]
        expected = [float(exact(decimal.Decimal(v))) for v in z.tolist()]
    assert ACTIVATIONS[name](z).tolist() == pytest.approx(expected, rel=100 * float(np.finfo(dtype).eps))
    far = ACTIVATIONS[name](np.asarray([-1e30, -1e37], dtype))
    assert np.abs(far).max() <= 1e-34


def test_relu_is_flat_at_zero_as_elsewhere(backend):
    z = backend.copy_to_device([[-2.0, 0.0, 3.0]])
    slope = activations.relu.derivative(backend.xp, z, activations.relu(z))
    assert backend.to_numpy(slope)[0].tolist() == [0, 0, 1]


def test_activations_do_not_write_into_z(backend):
    z = backend.copy_to_device([[-2.0, 0.5, 3.0]])
    before = backend.to_numpy(z)
    for f in ACTIVATIONS.values():
        a = f.value(backend.xp, z)
        if f.derivative is not None:
            f.derivative(backend.xp, z, a)
        assert np.array_equal(backend.to_numpy(z), before)


def test_saito_softmax_does_not_overflow(backend):
    a = activations.softmax(backend.copy_to_device([1010.0, 1000.0, 990.0]))
    assert backend.to_numpy(a).tolist() == pytest.approx([0.9999546, 4.5398e-05, 2.0611e-09], rel=1e-4)


# Derivatives: of whatever the table holds.


def derivative(f, xp, z):
    return np.asarray(f.derivative(xp, z, f.value(xp, z))) * np.ones_like(np.asarray(z))


@pytest.mark.parametrize("f", [*map(ACTIVATIONS.get, DIFFERENTIABLE), own.LEAKY], ids=lambda f: f.name)
def test_derivatives_equal_differences(f):
    z, h = np.array(POINTS), 1e-5
    differences = (f(z + h) - f(z - h)) / (2 * h)
    assert relative_difference(derivative(f, array_namespace(z), z), differences) <= 1e-9


@pytest.mark.parametrize("f", [*map(ACTIVATIONS.get, DIFFERENTIABLE), own.LEAKY], ids=lambda f: f.name)
def test_derivatives_equal_those_of_pytorch(f):
    need("torch")
    import torch

    xp, z = Torch(), torch.tensor(POINTS, dtype=torch.float64)
    slope = torch_gradients(lambda z: xp.sum(f.value(xp, z)), [z])[0]
    assert relative_difference(derivative(f, xp, z), slope) <= 1e-14


@pytest.mark.parametrize("f", [*map(ACTIVATIONS.get, DIFFERENTIABLE), own.LEAKY], ids=lambda f: f.name)
def test_derivatives_equal_those_of_jax(f):
    need("jax")
    import jax
    import jax.numpy as xp

    z = xp.asarray(POINTS)
    slope = jax.jit(jax.grad(lambda z: xp.sum(f.value(xp, z))))(z)
    assert relative_difference(derivative(f, xp, z), slope) <= 1e-14


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_activation_that_a_network_learns_by_escapes(name, rng):
    """It has a derivative, and is held against three oracles here; or else hidden layers and costs refuse it."""
    if name in DIFFERENTIABLE:
        return
    x, y = rng.standard_normal((4, 2)), [0, 1, 1, 0]
    with pytest.raises(ValueError, match=f"hidden.*, got {name}|activation: expected ones with .* got {name}"):
        Network([2, 3, 2], hidden_activation=name).gradients(x, y)
    if name not in {output for output, _ in COSTS}:  # whose errors test_costs.py holds against three oracles
        with pytest.raises(ValueError, match=f"activation: expected ones with a useful derivative, got {name}"):
            Network([2, 2], output_activation=name).gradients(x, y)


# By name, or as a value.


def test_a_name_finds_its_value_and_a_value_itself():
    assert all(activations.get(name) is f for name, f in ACTIVATIONS.items())
    assert all(name == f.name for name, f in ACTIVATIONS.items())
    assert activations.get(own.LEAKY) is own.LEAKY


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("sigmod", ValueError, "here: expected one of .* Did you mean 'sigmoid'"),
        (Activation, TypeError, r"here: expected a name or a value Activation\(...\), got the class Activation. Make"),
        (
            None,
            TypeError,
            "here: expected a name or a value .* got None. Give one of sigmoid, .* or a value of your own",
        ),
        (math.tanh, TypeError, "here: expected a name or a value"),
    ],
)
def test_what_is_no_activation(given, error, message):
    with pytest.raises(error, match=message):
        activations.get(given, "here")


def test_activations_are_frozen_values():
    with pytest.raises(AttributeError):
        activations.sigmoid.name = "other"
    assert hash(own.LEAKY) == hash(Activation("leaky_relu", own.LEAKY.value, own.LEAKY.derivative))


def exact_sigmoid(z):
    """Return 1 / (1 + exp(-z)) to 60 digits."""
    with decimal.localcontext(prec=60):
        return 1 / (1 + (-decimal.Decimal(z)).exp())


def furthest(z, a, dtype):
    """Return how many units in the last place values of the sigmoid are off, at most; normal numbers only."""
    found = [0.0]
    for x, y in zip(z.tolist(), a.tolist(), strict=True):
        exact = exact_sigmoid(x)
        if exact >= decimal.Decimal(float(np.finfo(dtype).tiny)):
            unit = decimal.Decimal(float(np.spacing(dtype(float(exact)))))
            found.append(abs(float((decimal.Decimal(y) - exact) / unit)))
    return max(found)


@pytest.mark.parametrize(("dtype", "lowest"), [(np.float32, -87.3), (np.float64, -708.3)])
def test_the_sigmoid_is_exact_in_both_tails(dtype, lowest):
    z = np.concatenate([np.linspace(lowest, 40, 2001), np.linspace(-2, 2, 501)]).astype(dtype)
    a = activations.sigmoid(z)
    assert a.dtype == dtype
    assert furthest(z, a, dtype) <= 4
    slope = activations.sigmoid.derivative(np, z, a)
    exact = np.asarray([float(s * (1 - s)) for s in map(exact_sigmoid, z.tolist())])
    assert np.abs(slope - exact).max() <= 4 * np.spacing(dtype(0.25))


def test_the_sigmoid_of_what_is_far_out_warns_of_nothing(backend32):
    z = backend32.copy_to_device([-1e30, -1e4, -100.0, 100.0, 1e4, 1e30])
    a = backend32.to_numpy(activations.sigmoid(z))
    assert a[3:].tolist() == [1, 1, 1]
    assert (a[:3] >= 0).all()
    assert (a[:3] < 2e-38).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_whole_numbers_are_taken_for_what_they_are(name, backend32):
    f, z = ACTIVATIONS[name], np.asarray([[0, 1, 3]])
    expected = f.value(np, z.astype(np.float64))
    for dtype in ("uint8", "int8", "int32", "int64", "bool"):
        given = backend32.xp.asarray(backend32.copy_to_device(z) != 0 if dtype == "bool" else z.tolist())
        found = f(backend32.xp.astype(given, getattr(backend32.xp, dtype)))
        wanted = f.value(np, (z != 0).astype(np.float64)) if dtype == "bool" else expected
        assert np.allclose(backend32.to_numpy(found), wanted, rtol=1e-6, atol=1e-7), dtype


@pytest.mark.parametrize("z", [0.5, 3, [0.5, 1.0], (1.0, 2.0), None])
def test_what_is_no_array_comes_with_the_cure(z):
    with pytest.raises(TypeError, match=rf"z: expected an array, got {type(z).__name__}. Make one .*np.asarray\(z\)"):
        activations.sigmoid(z)
