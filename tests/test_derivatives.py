"""Derivatives: each operation's against finite differences and PyTorch, then what is composed of them."""

import math
import random

import array_api_compat.numpy as xp
import numpy as np
import pytest
from compare import relative_difference
from conftest import need
from recipes import FOR_HIDDEN, PAIRS, targets_for

from anynet import Network
from anynet.activations import ACTIVATIONS
from anynet.costs import COSTS
from anynet.derivatives import CONSTANT, DERIVATIVES, gradients
from anynet.operations import OPERATIONS, TraceError
from anynet.tracing import Symbol, Trace, replay, traced
from anynet.trees import arrays_of
from anynet.windows import overlap_add, windows

A = np.linspace(0.1, 0.9, 6).reshape(2, 3)
B = np.linspace(0.95, 0.25, 6).reshape(2, 3)
C = np.linspace(-1.0, 1.4, 24).reshape(4, 3, 2)
ROWS = np.asarray([1, 0, 1, 1])
IMAGES = np.linspace(0.1, 0.9, 60).reshape(2, 3, 5, 2)
TAPS = list(np.linspace(0.1, 0.9, 96).reshape(6, 2, 2, 2, 2))  # of windows (2, 3), at 2 x 2 places

# name -> formulas in which it stands, and their arrays; element-wise functions of one or two arrays aside.
FORMULAS = {
    "acosh": (lambda xp, a: xp.acosh(a + 1.0), A),
    "asin": (lambda xp, c: xp.asin(0.7 * c), C),
    "astype": (lambda xp, a: a * xp.astype(a, xp.float64, copy=False) * xp.astype(a > 0.3, a.dtype), A),
    "broadcast_to": (lambda xp, a: [xp.broadcast_to(a, (4, 2, 3)), xp.broadcast_to(a[:, :1], (2, 3))], A),
    "clip": (
        lambda xp, a, b: [
            xp.clip(a, 0.2, 0.6),
            xp.clip(xp.exp(a), b, b + 0.5),
            xp.clip(a, b - 0.3, 0.95),
            xp.clip(a, b - 0.3, 0.4),
            xp.clip(a, 0.55, b),
        ],
        A,
        B,
    ),
    "concat": (
        lambda xp, a, b: [xp.concat([a, b, a], axis=1), xp.concat([a, 2.0 * b]), xp.concat([a, a], axis=-1)],
        A,
        B,
    ),
    "expand_dims": (lambda xp, a: [xp.expand_dims(a, axis=-1), xp.expand_dims(a, axis=1)], A),
    "getitem": (
        lambda xp, c: [
            *(
                c[0, ...],
                c[:, 1, :],
                c[..., ::2, 0],
                c[None, 1, -2:, :],
                c[-1, 2, 1],
                c[1::2, 0:2, :],
                c[1:4:2, ..., None, 1],
            ),
            *(c[3:1, ...], c[..., -1], c[:, :, :], c[0:4:3, 1:3:2, :], c[..., -2:-1]),
        ],
        C,
    ),
    "matmul": (
        lambda xp, a, b, c: [
            *(a @ b.T, a[0, ...] @ b.mT, a @ b[0, ...], a[0, ...] @ b[1, ...], a @ a.T),
            *(a @ c, c @ a, a[0, ...] @ c, c @ b[:, 0], xp.matmul(c, c.mT), c[None, ...] @ c[:, None, :2, :].mT),
        ],
        A,
        B,
        C,
    ),
    "matrix_transpose": (lambda xp, c: xp.matrix_transpose(c), C),
    "permute_dims": (lambda xp, c: [xp.permute_dims(c, (1, 2, 0)), xp.permute_dims(c, (2, 0, 1))], C),
    "pow": (
        lambda xp, a, b: [a**b, a**0.5, a**2, a**0, 0.5**a, xp.pow(a, b), xp.pow(a, 3.0), xp.pow(2.0, a), (a - b) ** 3],
        A,
        B,
    ),
    "remainder": (lambda xp, c, b: [c % 0.45, c[..., 1] % 0.3, xp.remainder(b, 0.4), (b + 1.03) % b], C, B),
    "reshape": (lambda xp, a: [xp.reshape(a, (3, -1)), xp.reshape(a.T, (6,))], A),
    "squeeze": (lambda xp, a: [xp.squeeze(a[:, None, :], axis=1), xp.squeeze(a[None, :, None, :], axis=(0, 2))], A),
    "stack": (lambda xp, a, b: [xp.stack([a, b, a], axis=-1), xp.stack([a, b]), xp.stack([b, a], axis=1)], A, B),
    "take": (
        lambda xp, a, c, rows: [
            *(xp.take(a, rows, axis=0), xp.take(c, rows, axis=1), xp.take(c, rows, axis=-1)),
            xp.take(c[0, 1, ...], rows, axis=0),
        ],
        A,
        C,
        ROWS,
    ),
    "windows": (lambda xp, a: [windows(xp, a, (2, 3), (1, 2)), windows(xp, a, (2, 2), (1, 3))], IMAGES),
    "overlap_add": (lambda xp, *taps: overlap_add(xp, taps, (2, 3), (1, 2), (2, 3, 5, 2)), *TAPS),
    "where": (
        lambda xp, a, b: [xp.where(a > b, a, 0.0), xp.where(a > 0.5, b, a * a), xp.where(a < b, 1.0, b[0, ...])],
        A,
        B,
    ),
    **{
        name: (
            lambda xp, c, name=name: [
                getattr(xp, name)(c, **how)
                for how in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": 1}, {"keepdims": True})
            ],
            C + 0.013,
        )
        for name in ("sum", "mean", "prod", "max", "min")
    },
}

TWO = {"add", "subtract", "multiply", "divide", "maximum", "minimum", "atan2", "copysign", "hypot", "logaddexp"}
WITHOUT_AUTOGRAD = {"floor_divide"}  # in PyTorch


def formula_of(name):
    if name in FORMULAS:
        return FORMULAS[name]
    if name in TWO | {"floor_divide"}:
        return lambda xp, a, b: [getattr(xp, name)(a, b), getattr(xp, name)(b, a + 0.5)], A, B
    return lambda xp, a: getattr(xp, name)(a), A


def weighted(f, *arrays):
    """Return a cost of the results of f, each of whose elements counts by a weight of its own."""
    weights = [np.cos(np.arange(r.size) + 0.5).reshape(r.shape) for r in arrays_of(f(xp, *arrays))]

    def cost(xp, *given):
        return sum(xp.sum(r * w) for r, w in zip(arrays_of(f(xp, *given[len(weights) :])), given, strict=False))

    return cost, weights


def floats(arrays):
    return [i for i, a in enumerate(arrays) if a.dtype.kind == "f"]


def by_graph(cost, *arrays, weights=()):
    """Return the derivatives by each array of floats, as the graph finds them and NumPy computes them."""
    n = len(weights)

    def derivatives(xp, *given):
        return gradients(cost(xp, *given), [given[n + i] for i in floats(arrays)])

    program, _ = traced(derivatives, *weights, *arrays)
    return replay(xp, program, [*weights, *arrays])


def by_differences(cost, *arrays, weights=(), h=1e-5):
    found = [np.zeros(arrays[i].shape) for i in floats(arrays)]
    for derivative, i in zip(found, floats(arrays), strict=True):
        for at in np.ndindex(arrays[i].shape):
            ahead, behind = ([np.array(a) for a in arrays] for _ in range(2))
            ahead[i][at] += h
            behind[i][at] -= h
            derivative[at] = (cost(xp, *weights, *ahead) - cost(xp, *weights, *behind)) / (2 * h)
    return found


def by_torch(cost, *arrays, weights=()):
    need("torch")
    import array_api_compat.torch
    import torch

    given = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    value = cost(array_api_compat.torch, *map(torch.tensor, weights), *given)
    wanted = [given[i] for i in floats(arrays)]
    if not value.requires_grad:
        return [np.zeros(tuple(a.shape)) for a in wanted]
    found = torch.autograd.grad(value, wanted, allow_unused=True)
    return [np.zeros(tuple(a.shape)) if g is None else g.numpy() for a, g in zip(wanted, found, strict=True)]


def difference(found, expected):
    """Return the largest difference, relative to what is largest where that is more than 1."""
    largest = max((float(np.abs(e).max()) for e in expected if e.size), default=0.0)
    each = zip(found, expected, strict=True)
    return max((float(np.abs(g - e).max()) for g, e in each if e.size), default=0.0) / max(largest, 1.0)


def assert_equal_to_both(f, *arrays, is_in_torch=True):
    cost, weights = weighted(f, *arrays)
    found = by_graph(cost, *arrays, weights=weights)
    assert [(g.shape, g.dtype) for g in found] == [(arrays[i].shape, arrays[i].dtype) for i in floats(arrays)]
    assert difference(found, by_differences(cost, *arrays, weights=weights)) <= 1e-6
    if is_in_torch:
        assert difference(found, by_torch(cost, *arrays, weights=weights)) <= 1e-10


def test_each_operation_that_floats_come_out_of_and_go_into_has_a_rule_or_is_constant():
    """The others return truth, places, or what no array goes into."""
    of_no_floats = {name for name in OPERATIONS if name.startswith(("bitwise_", "logical_", "arg", "is"))}
    of_no_floats |= {"all", "any", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "signbit"}
    of_no_floats |= {"zeros", "ones", "full", "arange"}
    assert set(OPERATIONS) == set(DERIVATIVES) | CONSTANT | of_no_floats
    assert not set(DERIVATIVES) & (CONSTANT | of_no_floats)


@pytest.mark.parametrize("name", sorted({*DERIVATIVES, *CONSTANT} - {"zeros_like", "ones_like", "full_like"}))
def test_each_operation_against_differences_and_pytorch(name):
    f, *arrays = formula_of(name)
    program, _ = traced(f, *arrays)
    assert name in {symbol.name for symbol in program.operations}
    assert_equal_to_both(f, *arrays, is_in_torch=name not in WITHOUT_AUTOGRAD)


SHAPES = [((2, 3), (3,)), ((2, 1), (3,)), ((), (2, 3)), ((4, 1, 3), (2, 1)), ((1, 3), (1, 1))]  # that go together


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("name", sorted(TWO | {"pow", "remainder"}))
def test_what_is_broadcast_is_summed(name, shapes):
    a, b = (
        np.linspace(low, low + 0.6, math.prod(shape)).reshape(shape)
        for low, shape in zip((0.31, 0.43), shapes, strict=True)
    )
    assert_equal_to_both(lambda xp, a, b: [getattr(xp, name)(a, b), getattr(xp, name)(b, a)], a, b)


@pytest.mark.parametrize("shapes", SHAPES)
def test_choices_and_limits_that_are_broadcast(shapes):
    a, b = (
        np.linspace(low, low + 0.6, math.prod(shape)).reshape(shape)
        for low, shape in zip((0.31, 0.43), shapes, strict=True)
    )
    assert_equal_to_both(lambda xp, a, b, c: [xp.where(a > c, a, b), xp.where(b < c, c, a)], a, b, np.asarray(0.4))
    # PyTorch has no gradients of broadcast limits.
    assert_equal_to_both(lambda xp, a, b, c: xp.clip(a, b, 0.7 + c), a, b, np.asarray(0.4), is_in_torch=False)


@pytest.mark.parametrize("name", sorted(TWO | {"pow", "remainder"}))
def test_numbers_beside_arrays(name):
    """Numbers known when the formula is traced, on either side, and numbers known later."""
    is_in_torch = name != "remainder"  # of a number, it has no derivative there
    assert_equal_to_both(lambda xp, a: getattr(xp, name)(a, 0.47), A)
    if name in ("add", "subtract", "multiply", "divide", "pow", "remainder"):
        assert_equal_to_both(lambda xp, a: [eval(OPERATORS[name], {"a": a, "rate": 2.57})], A, is_in_torch=is_in_torch)
        later, _ = traced(lambda xp, a, rate: gradients(xp.sum(eval(OPERATORS[name])), [a]), A, 0.1)
        cost = lambda xp, a: xp.sum(eval(OPERATORS[name], {"a": a, "rate": 2.57}))  # noqa: E731
        assert difference(replay(xp, later, [A, 2.57]), by_graph(cost, A)) <= 1e-15


OPERATORS = {
    "add": "(1.0 - rate) + a",
    "subtract": "rate - a - rate",
    "multiply": "rate * a * rate",
    "divide": "rate / a + a / rate",
    "pow": "rate**a * a**rate",
    "remainder": "rate % a + a % (rate - 2.24)",
}


def test_the_gradient_of_a_tie_is_shared():
    a = np.asarray([[0.5, 0.2, 0.5], [0.1, 0.1, 0.1]])
    b = np.asarray([[0.5, 0.3, 0.1], [0.1, 0.0, 0.2]])

    def f(xp, a, b):
        return [
            xp.max(a, axis=1),
            xp.min(a, axis=0),
            xp.max(a),
            xp.min(a),
            xp.maximum(a, b),
            xp.minimum(a, b),
            abs(a - b),
        ]

    cost, weights = weighted(f, a, b)
    found = by_graph(cost, a, b, weights=weights)
    assert difference(found, by_torch(cost, a, b, weights=weights)) <= 1e-15


@pytest.mark.parametrize("zeros", [(), (1,), (1, 3), (0, 1, 2, 3)])
def test_a_product_with_zeros_among_its_factors(zeros):
    a = np.asarray([0.5, 2.0, -1.5, 3.0])
    a[list(zeros)] = 0.0
    assert_equal_to_both(lambda xp, a: [xp.prod(a), xp.prod(xp.reshape(a, (2, 2)), axis=1)], a)


def test_powers_of_zero_and_to_zero():
    a, b = np.asarray([0.0, 0.0, 0.0, 2.0, 2.0]), np.asarray([2.0, 1.0, 0.0, 0.0, 2.0])
    cost = lambda xp, a, b: xp.sum(a**b + a**0 + a**1 + a**2)  # noqa: E731
    found, expected = by_graph(cost, a, b), by_torch(cost, a, b)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-15)
    np.testing.assert_allclose(found[1][[0, 1, 3, 4]], expected[1][[0, 1, 3, 4]], rtol=1e-15)
    assert found[1][2] == 0.0  # 0 ** b has a jump at 0: PyTorch says minus infinity


def test_slices_that_go_backwards():
    """Which PyTorch does not have."""
    f = lambda xp, c: [c[::-1, 1, :], c[3:0:-2, ::-1, 0], c[..., ::-1], c[-1:0:-3, :, :]]  # noqa: E731
    assert_equal_to_both(f, C, is_in_torch=False)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64"])
def test_indices_of_any_dtype_some_of_which_count_from_the_end(dtype):
    rows = np.asarray([3, 0, 2, 3] if dtype == "uint8" else [-1, 0, 2, 3], dtype)
    assert_equal_to_both(lambda xp, c, rows: xp.take(c, rows, axis=0), C, rows, is_in_torch=False)
    long = np.linspace(0.0, 1.0, 300)  # more than an index of 8 bits can name
    (found,) = by_graph(lambda xp, a, rows: xp.sum(xp.take(a, rows, axis=0)), long, np.abs(rows))
    assert found.tolist() == np.bincount(np.abs(rows), minlength=300).tolist()


def test_an_index_that_is_an_array():
    f = lambda xp, c, rows: [c[rows], c[rows[1]], c[:, 0, 1][rows]]  # noqa: E731
    cost, weights = weighted(f, C, ROWS)
    found = by_graph(cost, C, ROWS, weights=weights)
    assert difference(found, by_differences(cost, C, ROWS, weights=weights)) <= 1e-6


def test_float32_stays_and_meets_float64():
    a = A.astype("float32")
    cost = lambda xp, a, b: xp.sum(xp.astype(a, xp.float64) * b + a * xp.astype(b, xp.float32) + a * b)  # noqa: E731
    found, expected = by_graph(cost, a, B), by_torch(cost, a, B)
    for g, e in zip(found, expected, strict=True):
        assert g.dtype == e.dtype
        np.testing.assert_allclose(g, e, rtol=1e-6)
    (found,) = by_graph(lambda xp, a: xp.mean(xp.exp(0.5 * a) / (1 + a**2)), a)
    assert found.dtype == np.float32


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (2, 0)])
def test_empty_arrays_and_those_without_dimensions(shape):
    a = np.full(shape, 0.7)

    def f(xp, a):
        of_all = (
            xp.sum(xp.exp(a)) + xp.prod(a) + xp.sum(xp.reshape(a, (-1,))[0:0]) + xp.sum(xp.concat([a[None, ...]] * 2))
        )
        along = [xp.sum(a, axis=0), xp.mean(xp.stack([a, a]), axis=0)] if a.ndim else [xp.mean(a), xp.max(a)]
        return [of_all, *along]

    assert_equal_to_both(f, a)


def test_no_rows_taken_and_none_to_take_from():
    none = np.zeros((0,), "int64")
    (found,) = by_graph(lambda xp, a, rows: xp.sum(xp.take(a, rows, axis=0)), A, none)
    assert found.tolist() == np.zeros((2, 3)).tolist()


def test_random_formulas_against_pytorch():
    rng = random.Random(7)
    ones = [
        "exp(-{})",
        "tanh({})",
        "sin({})",
        "log({} ** 2 + 1.5)",
        "sqrt(abs({}) + 0.3)",
        "square({})",
        "mean({}, axis=0)",
    ]
    twos = ["{} + {}", "{} * {}", "{} - {}", "{} / (1.5 + {} ** 2)", "xp.maximum({}, {})", "xp.where(a > 0.4, {}, {})"]

    def formula(depth):
        if depth == 0:
            return rng.choice(["a", "b", "a[:, 1:2]", "b[0, ...]", "0.7"])
        if rng.random() < 0.4:
            return "xp." + rng.choice(ones).format(f"({formula(depth - 1)} + 0.0 * a)")
        return "(" + rng.choice(twos).format(formula(depth - 1), formula(depth - 1)) + ")"

    for _ in range(60):
        source = f"lambda xp, a, b: xp.sum({formula(5)} * a)"
        cost = eval(source.replace("xp.abs", "abs").replace("(abs", "(xp.abs"))
        assert difference(by_graph(cost, A, B), by_torch(cost, A, B)) <= 1e-10, source


@pytest.mark.parametrize("n", [2_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_twenty_thousand_operations_meet_no_limit(n):
    trace = Trace()
    x = trace.argument((2,), "float64")
    a = x
    for i in range(n):
        a = a * (1.0 + 1e-6 * (i % 7)) + 1e-6 * (i % 5)
    (g,) = gradients(trace.sum(a), [x])
    (value,) = replay(xp, trace.program([g]), [np.ones(2)])
    expected = math.exp(sum(math.log1p(1e-6 * (i % 7)) for i in range(n)))
    np.testing.assert_allclose(value, expected, rtol=1e-10)


def test_what_is_used_often_is_summed_and_what_is_not_used_is_zero():
    cost = lambda xp, a, b: xp.sum(a * a * a + a)  # noqa: E731
    found = by_graph(cost, A, B)
    np.testing.assert_allclose(found[0], 3 * A**2 + 1, rtol=1e-15)
    assert found[1].tolist() == np.zeros((2, 3)).tolist()


def test_a_symbol_on_the_way_counts_as_any():
    trace = Trace()
    x = trace.argument((3,), "float64")
    middle = x * x
    of_x, of_middle = gradients(trace.sum(trace.exp(middle)), [x, middle])
    values = replay(xp, trace.program([of_x, of_middle]), [A[0]])
    np.testing.assert_allclose(values, [2 * A[0] * np.exp(A[0] ** 2), np.exp(A[0] ** 2)], rtol=1e-15)


def test_a_seed_weighs_the_elements():
    def product(xp, a, b, v):
        return gradients(xp.tanh(a @ b.T), [a, b], seed=v)

    v = np.asarray([[0.3, -1.0], [2.0, 0.7]])
    program, _ = traced(product, A, B, v)
    expected = by_torch(lambda xp, v, a, b: xp.sum(v * xp.tanh(a @ b.T)), A, B, weights=[v])
    assert difference(replay(xp, program, [A, B, v]), expected) <= 1e-14


def test_only_what_leads_from_one_to_the_other_is_differentiated():
    program, _ = traced(lambda xp, a, b: gradients(xp.sum(xp.exp(a) * xp.sin(b)), [a]), A, B)
    assert "cos" not in {symbol.name for symbol in program.operations}


@pytest.mark.parametrize(("output", "cost"), PAIRS)
@pytest.mark.parametrize("hidden", FOR_HIDDEN)
def test_backpropagation_is_the_gradient_of_a_network_written_out(hidden, output, cost, rng):
    """BP1 to BP4, which the network computes, are the chain rule of this."""
    net = Network([4, 3, 2], dtype="float64", seed=1, hidden=hidden, output=output, cost=cost)
    x = rng.standard_normal((5, 4))
    y = targets_for(net.cost, 5, 2, rng)

    def mean_cost(xp, w1, b1, w2, b2, *_):
        a = ACTIVATIONS[hidden].value(xp, x @ w1.T + b1)
        z = a @ w2.T + b2
        return xp.mean(COSTS[output, cost].value(xp, z, ACTIVATIONS[output].value(xp, z), y))

    found = by_graph(mean_cost, *arrays_of(net.parameters))
    _, expected = net.gradients(x, y)
    for g, e in zip(found, arrays_of(expected), strict=True):
        assert relative_difference(g, e) <= 1e-12


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (
            lambda xp, a: a,
            r"^grad: expected a cost, one array of floats without dimensions, got float64 of the shape \(2, 3\)",
        ),
        (lambda xp, a: xp.argmax(a), "got int64 of the shape"),
        (lambda xp, a: 3.0, "got float"),
        (lambda xp, a: gradients(xp.sum(a * a), [a])[0][0, 0], "Derivatives of a second order are not offered"),
        (lambda xp, a: xp.sum(gradients(xp.sum(xp.exp(a)), [a])[0] * a), "got one made of gradients"),
    ],
)
def test_what_has_no_gradient_is_refused(f, reason):
    with pytest.raises(TraceError, match=reason):
        by_graph(f, A)


def test_what_is_differentiated_by_holds_floats():
    trace = Trace()
    rows, a = trace.argument((2,), "int64"), trace.argument((2,), "float64")
    with pytest.raises(TraceError, match=r"^grad: expected an array of floats to differentiate by, got int64"):
        gradients(trace.sum(a), [rows])


def test_an_operation_without_a_rule_is_named(monkeypatch):
    monkeypatch.delitem(DERIVATIVES, "tanh")
    with pytest.raises(TraceError, match=r"^grad: expected operations that have a derivative, got tanh"):
        by_graph(lambda xp, a: xp.sum(xp.tanh(a)), A)


def test_several_gradients_of_one_trace_and_what_looks_like_one_is_none():
    """The cosine that a first gradient made is no derivative of the second cost."""
    trace = Trace()
    x = trace.argument((3,), "float64")
    gradients(trace.sum(trace.sin(x)), [x])
    gradients(trace.sum(trace.argument((3,), "float64")), [x])  # zeros
    (g,) = gradients(trace.sum(trace.cos(x) + trace.zeros_like(x)), [x])
    assert isinstance(g, Symbol)
    np.testing.assert_allclose(replay(xp, trace.program([g]), [A[0], A[0]]), [-np.sin(A[0])])
