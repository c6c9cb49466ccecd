"""The compiled function: sessions with printed results, on every library, and their expressions."""

import inspect
import random

import numpy as np
import pytest
from compare import assert_on
from conftest import need

from anynet import activations
from anynet.formula import array_namespace, function, grad, pp


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


def test_a_function_is_compiled_once_for_all_calls(backend):
    seen = []

    def f(x):
        seen.append(x)
        return x * 2

    doubled = function(f, backend)
    assert [doubled(i) for i in range(3)] == [0.0, 2.0, 4.0]
    # JAX traces it once; where anynet traces it does so twice, to see that it does the same; else it is called.
    times = {"jax": 1, "numpy": 2, "cupy": 2, "torch": 2}
    assert len(seen) == times.get(backend.name, 3)


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
        (lambda x: (x << 2) + (1 >> x) + +x, "(((x << 2) + (1 >> x)) + (+x))"),
        (lambda x: array_namespace(x).flip(x) @ x.mT, "(flip(x) @ x.mT)"),
        (lambda x: 3, "3"),
        (activations.sigmoid, "(1.0 / (1.0 + exp(minimum((-z), 709.0))))"),
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


# Gradients.

W, X = np.asarray([1.0, -2.0, 0.5]), np.linspace(-1.0, 1.0, 12).reshape(4, 3)


def logistic_cost(w, x, y=1.0):
    xp = array_namespace(x)
    return xp.mean(xp.log1p(xp.exp(-y * (x @ w))))


def slope_by_hand(w, x, y=1.0):
    return np.mean(-y * x / (1 + np.exp(y * (x @ w)))[:, None], axis=0)


def test_the_gradient_of_a_cost_of_arrays(backend):
    w, x = backend.asarray(W), backend.asarray(X)
    with backend.active():
        of_w = grad(logistic_cost)(w, x)
        both = grad(logistic_cost, (1, 0))(w, x, y=-1.0)
    assert_on(backend, of_w, (3,))
    np.testing.assert_allclose(backend.to_numpy(of_w), slope_by_hand(W, X), rtol=1e-12)
    assert isinstance(both, tuple)
    assert_on(backend, both[0], (4, 3))
    np.testing.assert_allclose(backend.to_numpy(both[1]), slope_by_hand(W, X, -1.0), rtol=1e-12)


def test_the_gradient_compiled(backend):
    f = function(grad(logistic_cost), backend)
    np.testing.assert_allclose(f(W, X), slope_by_hand(W, X), rtol=1e-12)
    np.testing.assert_allclose(f(x=X.tolist(), w=[1, -2, 0.5], y=-1), slope_by_hand(W, X, -1), rtol=1e-12)
    cube = function(lambda x: (x**3, grad(lambda x: x**3)(x), 2 * grad(lambda t: t * x)(x)), backend)
    assert cube(2) == (8.0, 12.0, 4.0)
    assert grad(function(logistic_cost, backend))(W, X).tolist() == grad(logistic_cost)(W, X).tolist()


def test_rows_taken_along_the_way_on_every_device(backend):
    x, rows = backend.asarray(X), backend.xp.asarray(np.asarray([3, 0, 3]), device=backend.device)
    with backend.active():
        found = grad(lambda x, rows: array_namespace(x).sum(array_namespace(x).take(x, rows, axis=0)[:, 1:]))(x, rows)
    expected = [[0, 1, 1], [0, 0, 0], [0, 0, 0], [0, 2, 2]]
    assert backend.to_numpy(found).tolist() == expected


def test_the_gradient_by_numbers_and_lists():
    found = grad(lambda x, n=3: x**n)(2)
    assert (found.shape, found.dtype, found.item()) == ((), np.float64, 12.0)
    assert grad(lambda x, y: array_namespace(x).sum(x * y))([1, 2], [3, 4]).tolist() == [3.0, 4.0]
    x = np.asarray([1.0, 2.0], "float32")
    assert grad(lambda t, x: array_namespace(x).sum(t * x))(0.5, x).dtype == np.float32


def test_a_formula_is_read_anew_in_each_call():
    factor = 2.0

    def f(x, powers):
        return sum(array_namespace(x).sum(factor * x**n) for n in range(powers))

    assert grad(f)(np.ones(2), 2).tolist() == [2.0, 2.0]
    factor = 3.0
    assert grad(f)(np.ones(2), 3).tolist() == [9.0, 9.0]


def test_a_gradient_is_an_array_of_its_own_and_leaves_its_arguments_alone():
    x, y = np.ones(3), np.ones(3)
    one, other = grad(lambda x, y: array_namespace(x).sum(x + y), (0, 1))(x, y)
    one += 1.0
    assert (other.tolist(), x.tolist(), y.tolist()) == ([1.0] * 3,) * 3


def test_a_tensor_that_records_its_gradients_is_taken_as_any():
    need("torch")
    import torch

    x = torch.ones(3, dtype=torch.float64, requires_grad=True)
    assert grad(lambda x: array_namespace(x).sum(x * x))(x).tolist() == [2.0] * 3


def test_a_gradient_has_the_name_and_the_arguments_of_its_function():
    assert str(inspect.signature(grad(logistic_cost))) == "(w, x, y=1.0)"
    assert grad(logistic_cost).__name__ == "logistic_cost"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: grad(lambda x: x)(np.ones(3)),
            TypeError,
            r"^grad: expected a cost, .* float64 of the shape \(3,\)\. Take",
        ),
        (lambda: grad(lambda x: (x, x))(1.0), TypeError, "^grad: expected a cost, .* got tuple"),
        (lambda: grad(lambda x: None)(1.0), TypeError, "^grad: expected a cost, .* got NoneType"),
        (lambda: grad(lambda x: x if x > 0 else -x)(1.0), TypeError, "^grad: .* a value is asked for .*xp.where"),
        (lambda: grad(lambda x: np.sum(x))(np.ones(2)), TypeError, "^grad: expected a function that can be traced"),
        (
            lambda: grad(lambda x, y: 2 * y)(np.asarray(1), np.ones(())),
            TypeError,
            "^grad: expected an array of floats .* got int64",
        ),
        (lambda: grad(grad(lambda x: x * x))(1.0), TypeError, "Derivatives of a second order are not offered"),
        (lambda: function(grad(grad(lambda x: x * x)))(1.0), TypeError, "second order"),
        (lambda: grad(lambda x: x, 1), ValueError, r"^grad: expected argnums from 0 to 0, for \(x\), got 1"),
        (lambda: grad(lambda x: x, (0, -1)), ValueError, "got -1"),
        (lambda: grad(lambda x: x, "x"), ValueError, "got 'x'"),
        (lambda: grad(lambda *x: x), TypeError, r"^grad: .* got \*x"),
        (lambda: grad(3), TypeError, "^grad: expected a Python function"),
        (lambda: grad(lambda x: x)(), TypeError, "^grad: expected the arguments"),
        (lambda: pp(grad(lambda x: x)), TypeError, "^pp: expected a function without gradients"),
        (lambda: grad(lambda x: x)("three"), TypeError, "^x: expected real numbers"),
    ],
)
def test_what_has_no_gradient_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_arrays_of_two_libraries_have_no_gradient_together():
    strict = function(lambda x: x, "array_api_strict").backend.asarray(np.ones(3))
    with pytest.raises(TypeError, match=r"^grad: expected arrays of one library, got some of numpy, array_api_strict"):
        grad(lambda x, y: array_namespace(x).sum(x * y))(np.ones(3), strict)
