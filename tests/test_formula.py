"""The compiled function: sessions with printed results, on every library, and their expressions."""

import inspect
import random

import numpy as np
import pytest
from conftest import need

from anynet import activations
from anynet.formula import array_namespace, function, pp


def test_scalars(backend):
    f = function(lambda x, y: x + y, backend)
    assert f(2, 3) == 5.0
    assert type(f(2, 3)) is float
    assert pp(f) == "(x + y)"


def test_matrices(backend):
    a, b = np.arange(12).reshape((3, 4)), 10 * np.ones((3, 4))
    total = function(lambda x, y: x + y, backend)(a, b)
    assert type(total) is np.ndarray
    assert total.dtype == np.float64
    assert total.tolist() == [[10.0, 11.0, 12.0, 13.0], [14.0, 15.0, 16.0, 17.0], [18.0, 19.0, 20.0, 21.0]]
    product = function(lambda x, y: x @ y.T, backend)
    assert product(a, b).tolist() == [[60.0] * 3, [220.0] * 3, [380.0] * 3]
    assert pp(product) == "(x @ y.T)"


def test_logistic(backend):
    def logistic(x):
        return 1 / (1 + array_namespace(x).exp(-x))

    expected = [[0.5, 0.73105858], [0.88079708, 0.95257413]]
    np.testing.assert_allclose(function(logistic, backend)([[0, 1], [2, 3]]), expected, rtol=0, atol=5e-9)
    assert function(logistic, backend)(0) == 0.5
    assert pp(logistic) == "(1 / (1 + exp((-x))))"


@pytest.mark.parametrize("kind", [tuple, list])
def test_several_outputs(backend, kind):
    def f(a, b):
        difference = a - b
        return kind((difference, abs(difference), 2 * difference))

    outputs = function(f, backend)(np.ones((2, 2)), np.arange(4).reshape((2, 2)))
    assert isinstance(outputs, tuple)
    assert [o.tolist() for o in outputs] == [[[1, 0], [-1, -2]], [[1, 0], [1, 2]], [[2, 0], [-2, -4]]]
    assert pp(f) == ("(a - b)", "abs((a - b))", "(2 * (a - b))")


def test_names_and_defaults(backend):
    f = function(lambda x, y=1, weight=2: (x + y) * weight, backend)
    assert (f(23, 2), f(23, 2, weight=4), f(23), f(y=2, x=23)) == (50.0, 100.0, 48.0, 50.0)
    assert pp(f) == "((x + y) * weight)"
    assert str(inspect.signature(f)) == "(x, y=1, weight=2)"


def test_dtype(backend, backend32):
    for b in (backend, backend32):
        third = function(lambda x: x / 3, b)([1.0])
        assert third.dtype == b.dtype
        assert third.tolist() == [(np.ones(1, b.dtype) / 3).item()]
    assert function(lambda x: x / 3, "numpy", dtype="float32")([1.0]).dtype == np.float32


def test_arguments_are_left_alone(backend):
    def f(x):
        x += 1
        return x

    x = np.zeros(3)
    assert function(f, backend)(x).tolist() == [1.0, 1.0, 1.0]
    assert x.tolist() == [0.0, 0.0, 0.0]


def test_a_comparison_comes_back_as_a_python_bool(backend):
    assert function(lambda x: x > 1, backend)(2) is True


def test_positional_and_keyword_only_arguments(backend):
    def f(x, /, *, y=1):
        return x - y

    assert function(f, backend)(3, y=2) == 1.0
    assert pp(f) == "(x - y)"


def test_only_jax_compiles_and_once_for_all_calls(backend):
    seen = []

    def f(x):
        seen.append(x)
        return x * 2

    doubled = function(f, backend)
    assert [doubled(i) for i in range(3)] == [0.0, 2.0, 4.0]
    if backend.name != "jax":
        assert len(seen) == 3
        return
    import jax

    assert len(seen) == 1
    assert isinstance(seen[0], jax.core.Tracer)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: -x + 1, "((-x) + 1)"),
        (lambda x: 2.5 - x**2, "(2.5 - (x ** 2))"),
        (lambda x: x * np.float64(2), "(x * 2.0)"),
        (lambda x: np.float64(2) * x, "(2.0 * x)"),
        (lambda x: x[0, ..., 1:, None, ::2], "x[0, ..., 1:, None, ::2]"),
        (lambda x: array_namespace(x).sum(x, axis=(0, 1)), "sum(x, axis=(0, 1))"),
        (lambda x: array_namespace(x).astype(x > 0, x.dtype), "astype((x > 0), x.dtype)"),
        (lambda x: array_namespace(x).where((x < 0) & (x >= -1), 0.0, array_namespace(x).pi * x), None),
        (lambda x: array_namespace(x).concat([x, x]), "concat([x, x])"),
        (lambda x: 3, "3"),
        (activations.sigmoid, "reciprocal((exp(minimum((-z), 709.0)) + 1.0))"),
    ],
)
def test_expressions(f, expected):
    assert pp(f) == (expected or "where(((x < 0) & (x >= -1)), 0.0, (pi * x))")


def test_the_expression_means_what_the_function_computes():
    """Random formulas: evaluating the text with the text's own names gives f's values."""
    rng = random.Random(0)

    def formula(depth):
        if depth == 0:
            return rng.choice(["x", "y", "2", "0.5"])
        kind = rng.randrange(4)
        if kind == 0:
            return f"-{formula(depth - 1)}"
        if kind == 1:
            return f"xp.{rng.choice(['tanh', 'sin', 'abs'])}({formula(depth - 1)} + 0 * x)"
        return f"({formula(depth - 1)} {rng.choice('+-*')} {formula(depth - 1)})"

    for _ in range(100):
        source = formula(4)
        f = eval(f"lambda x, y: (xp := array_namespace(x, y)) and {source}", {"array_namespace": array_namespace})
        names = {"tanh": np.tanh, "sin": np.sin, "abs": np.abs, "x": np.float64(0.3), "y": np.float64(-1.25)}
        assert eval(pp(f), names) == function(f)(0.3, -1.25)


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (lambda x: x if x > 0 else -x, TypeError, "decision"),
        (lambda x: 0 < x < 1, TypeError, "decision"),
        (lambda x: float(x), TypeError, "float"),
        (lambda x: sum(x), TypeError, "loop"),
        (lambda x: 1 in x, TypeError, "decision"),
        (lambda x: x.shape, AttributeError, r"got x\.shape"),
        (lambda x: array_namespace(x).linalg.inv(x), AttributeError, "got linalg"),
        (lambda x: array_namespace(x).einsum("i,i", x, x), AttributeError, "got einsum"),
        (lambda x: x @ np.ones((2, 2)), TypeError, "got ndarray"),
        (lambda x: np.ones((2, 2)) @ x, TypeError, "got ndarray"),
        (lambda x: np.exp(x), TypeError, "ufunc"),
        (lambda x: {"x": x}, TypeError, "got dict"),
        (lambda *x: x[0], TypeError, r"got \*x"),
        (max, TypeError, "Wrap it in a lambda"),
        (3, TypeError, "expected a Python function"),
    ],
)
def test_what_no_expression_says_is_refused(f, error, message):
    with pytest.raises(error, match=message):
        pp(f)


def test_an_expression_that_doubles_without_end_is_refused():
    def f(x):
        for _ in range(1000):
            x = x * x
        return x

    with pytest.raises(ValueError, match="expected an expression of at most 100,000 characters"):
        pp(f)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: function(lambda x, y: x + y)(1),
            TypeError,
            r"^function: expected the arguments \(x, y\), got others: missing a required argument: 'y'",
        ),
        (lambda: function(lambda x: x)(None), TypeError, "^x: expected real numbers"),
        (lambda: function(lambda x: x)([[1], [2, 3]]), ValueError, "^x: expected numbers in equal rows"),
        (lambda: function(lambda x: "x")(1), TypeError, "got str"),
        (lambda: function(lambda x: None)(1), TypeError, "got NoneType"),
        (lambda: function(lambda **x: 1), TypeError, r"got \*\*x"),
        (lambda: function(abs, "tensorflow"), ValueError, "^backend: expected one of"),
    ],
)
def test_what_makes_no_function_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_float64_on_jax_names_the_cure():
    need("jax")
    import jax

    with jax.enable_x64(False), pytest.raises(ValueError, match="jax_enable_x64"):
        function(lambda x: x, "jax")


def test_another_device():
    f = function(lambda x: 1 / (1 + array_namespace(x).exp(-x)), "array_api_strict", device="device1")
    assert f(0) == 0.5
    assert f([0, 0]).tolist() == [0.5, 0.5]
