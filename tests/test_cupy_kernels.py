"""What CuPy makes of a program: few launches, the numbers of NumPy, and nothing written where somebody else reads."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import array_api_compat.numpy as npx
import cuda_device
import numpy as np
import pytest

from anynet import backends
from anynet.backends import interface
from anynet.backends.cuda import CUDA
from anynet.backends.kernels import CudaLine, Plan
from anynet.backends.traced import compiled, scan
from anynet.tracing import traced
from anynet.trees import arrays_of, map_arrays
from anynet.typing import Batch, TrainState

cp = cuda_device.require()
import array_api_compat.cupy as cpx  # noqa: E402

if cuda_device.is_emulated():
    import emulated_cuda
on_emulator = pytest.mark.skipif(not cuda_device.is_emulated(), reason="counts on the emulated device")


# The step of a network, as plain as can be.


class Weights(NamedTuple):
    weights: Any
    biases: Any


def sigmoid(xp, z):
    return 0.5 * xp.tanh(0.5 * z) + 0.5


def softmax(xp, z):
    e = xp.exp(z - xp.max(z, axis=-1, keepdims=True))
    return e / xp.sum(e, axis=-1, keepdims=True)


def relu(xp, z):
    return xp.maximum(z, 0.0)


SLOPES = {
    "sigmoid": (sigmoid, lambda xp, z, a: a * (1.0 - a)),
    "relu": (relu, lambda xp, z, a: xp.astype(z > 0.0, z.dtype)),
}


def gradients(xp, hidden, output, parameters, batch):
    """Return dC/dp of the cross-entropy; noise, where there is some, is a mask of the layer's outputs."""
    f, slope = SLOPES[hidden]
    a, passes = batch.x, []
    for l, p in enumerate(parameters):
        z = a @ p.weights.T + p.biases
        is_last = l == len(parameters) - 1
        activated = output(xp, z) if is_last else f(xp, z)
        mask = batch.noise[l] if batch.noise else None
        passes.append((a, z, activated, mask))
        a = activated if mask is None else activated * mask
    found = [None] * len(parameters)
    delta = (a - batch.y) * (1.0 / a.shape[0])
    for l in reversed(range(len(parameters))):
        found[l] = Weights(delta.T @ passes[l][0], xp.sum(delta, axis=0))
        error = delta @ parameters[l].weights
        if l > 0:
            _, z, activated, mask = passes[l - 1]
            delta = (error if mask is None else error * mask) * slope(xp, z, activated)
    return found


def each(f, *trees):
    return [Weights(*map(f, *ps)) for ps in zip(*trees, strict=True)]


@dataclass(frozen=True)
class PlainStep:
    """A step of SGD or Adam, as a library is handed it."""

    hidden: str = "sigmoid"
    output: Any = sigmoid
    rule: str = "sgd"
    widest_shape = (784,)
    threads = 1

    def inputs(self, xp, x):
        return x

    def targets(self, xp, y, device):
        return y

    def __call__(self, xp, train_state, batch, numbers):
        parameters, state, slots = train_state
        found = gradients(xp, self.hidden, self.output, parameters, batch)
        if self.rule == "sgd":
            (rate,) = numbers
            return TrainState(each(lambda p, g: p - rate * g, parameters, found), state, slots)
        rate, first, second = numbers
        m = each(lambda m, g: 0.9 * m + 0.1 * g, slots[0], found)
        v = each(lambda v, g: 0.999 * v + 0.001 * (g * g), slots[1], found)
        correct = rate / (1.0 - first)

        def update(p, m, v):
            return p - correct * m / (xp.sqrt(v / (1.0 - second)) + 1e-8)

        return TrainState(each(update, parameters, m, v), state, (m, v))

    def numbers(self, t):
        return (0.1,) if self.rule == "sgd" else (0.001, 0.9**t, 0.999**t)


def start(sizes, step, n, dropout=False, dtype="float64"):
    """Return a train state, data and noise of NumPy."""
    rng = np.random.default_rng(1)

    def new(*shape):
        return (rng.standard_normal(shape) / math.sqrt(shape[-1])).astype(dtype)

    parameters = [Weights(new(m, k), new(m)) for k, m in pairwise(sizes)]
    zeros = each(np.zeros_like, parameters)
    slots = (zeros, each(np.copy, zeros)) if step.rule == "adam" else ()
    x, y = rng.random((n, sizes[0])).astype(dtype), np.eye(sizes[-1], dtype=dtype)[rng.integers(sizes[-1], size=n)]
    masks = [(rng.random((n, m)) < 0.8).astype(dtype) / 0.8 if dropout else None for m in sizes[1:-1]]
    return TrainState(parameters, [None] * len(parameters), slots), (x, y), (*masks, None)


def on_device(tree):
    return map_arrays(cp.asarray, tree)


def cupy(dtype="float64"):
    return backends.get("cupy", dtype=dtype)


def train(run, begin, n, size, step):
    state, data, noise = begin
    numbers = [step.numbers(t) for t in range(1, 1 - (-n // size))]
    return run(state, data, None, noise, numbers, size)


NETWORKS = [
    ([20, 30, 10], PlainStep(), False),
    ([20, 16, 16, 10], PlainStep("relu", softmax, "adam"), True),
]


@pytest.mark.parametrize(("sizes", "step", "dropout"), NETWORKS, ids=["sgd", "adam, dropout, softmax"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_200_steps_are_those_of_numpy_and_a_shorter_one_at_the_end(sizes, step, dropout, dtype):
    n = 200 * 8 + 3
    begin = start(sizes, step, n, dropout, dtype)
    expected = train(interface.loop(backends.get("numpy", dtype=dtype), step), begin, n, 8, step)
    theirs = on_device(begin)
    kept = [a.copy() for a in arrays_of(theirs)]
    got = train(scan(CudaLine, cupy(dtype), step), theirs, n, 8, step)
    assert type(got) is TrainState
    assert type(got.parameters[0]) is Weights
    for a, b in zip(arrays_of(got), arrays_of(expected), strict=True):
        assert str(a.dtype) == dtype
        assert np.max(np.abs(a.get() - b)) <= (1e-10 if dtype == "float64" else 1e-4)
    for a, b in zip(arrays_of(theirs), kept, strict=True):
        np.testing.assert_array_equal(a.get(), b.get())


@on_emulator
@pytest.mark.parametrize(("sizes", "step", "dropout"), NETWORKS, ids=["sgd", "adam, dropout, softmax"])
def test_the_numbers_are_those_of_the_loop_to_the_last_bit(sizes, step, dropout):
    n, begin = 43, on_device(start(sizes, step, 43, dropout, "float32"))
    got = train(scan(CudaLine, cupy("float32"), step), begin, n, 8, step)
    expected = train(interface.loop(cupy("float32"), step), begin, n, 8, step)
    for a, b in zip(arrays_of(got), arrays_of(expected), strict=True):
        np.testing.assert_array_equal(a.get(), b.get())


BUDGETS = [
    ([784, 30, 10], PlainStep(), False, 4, 7),
    ([784, 512, 512, 10], PlainStep(), False, 6, 11),
    ([784, 100, 10], PlainStep("relu", softmax, "adam"), True, 6, 9),
]


@on_emulator
@pytest.mark.parametrize(("sizes", "step", "dropout", "launches", "products_and_sums"), BUDGETS)
def test_a_step_launches_few_kernels_and_copies_nothing(sizes, step, dropout, launches, products_and_sums):
    begin = on_device(start(sizes, step, 60, dropout, "float32"))
    run = scan(CudaLine, cupy("float32"), step)
    train(run, begin, 60, 10, step)
    counts = []
    for n in (30, 60):
        few = on_device(start(sizes, step, n, dropout, "float32"))
        with emulated_cuda.count() as counted:
            train(run, few, n, 10, step)
        assert counted.h2d == counted.d2h == counted.syncs == 0
        kernels = Counter(counted.kernels)
        ours = sum(k for name, k in kernels.items() if name.startswith("anynet"))
        counts.append((counted.launches + counted.d2d + counted.gemms, ours))
    total, ours = ((b - a) / 3 for a, b in zip(*counts, strict=True))
    assert (ours, total - ours) == (launches, products_and_sums)


# What is held, in whatever form.


@dataclass(frozen=True)
class Formula:
    """A step that is f(xp, *arrays, x) -> arrays."""

    f: Callable
    widest_shape = (4,)
    threads = 1

    def inputs(self, xp, x):
        return x

    def targets(self, xp, y, device):
        return y

    def __call__(self, xp, train_state, batch, numbers):
        return TrainState(list(self.f(xp, *train_state.parameters, batch.x)), [], ())


def turned(xp, a):
    return xp.reshape(xp.reshape(xp.permute_dims(a, (1, 0)), (2, 8)), (4, 4))


def across_later(xp, a, b, x):
    both = a + b
    across, product = xp.permute_dims(both, (1, 0)), both @ x
    return across @ (product @ x), b + xp.sum(x)


HELD = {
    "unchanged": lambda xp, a, b, x: (a, b + xp.sum(x)),
    "swapped": lambda xp, a, b, x: (b, a),
    "turned round": lambda xp, a, b, x: (b + xp.sum(x), a),
    "the old one kept": lambda xp, a, b, x: (a * 0.5 + xp.sum(x), a),
    "twice the same": lambda xp, a, b, x: (a + b, a + b),
    "read as it lies across": lambda xp, a, b, x: (a - 0.5 * xp.permute_dims(a, (1, 0)), b + a),
    "across and later": lambda xp, a, b, x: (a * 0.5 + x, b + xp.sum(xp.permute_dims(a, (1, 0)) @ x, axis=0)),
    "a view that outlives": across_later,
    "a view": lambda xp, a, b, x: (xp.permute_dims(a + x, (1, 0)), xp.permute_dims(b, (1, 0))),
    "reshaped": lambda xp, a, b, x: (turned(xp, a + b), turned(xp, a) + b),
    "a row of itself": lambda xp, a, b, x: (a + a[0], b + a[:, 0:1] + xp.max(b, axis=1, keepdims=True)),
    "a product": lambda xp, a, b, x: (a @ b, b @ x),
    "a sum where nobody reads": lambda xp, a, b, x: (xp.broadcast_to(xp.sum(x, axis=0), (4, 4)), b + a),
    "fallen back": lambda xp, a, b, x: (xp.concat([a[:2], b[:2]]), xp.take(b, xp.argmax(x, axis=1), axis=0)),
}


@pytest.mark.parametrize("name", HELD)
def test_what_is_held_is_read_before_it_is_written_over(name):
    step, rng = Formula(HELD[name]), np.random.default_rng(3)
    begin = TrainState([rng.standard_normal((4, 4)), rng.standard_normal((4, 4)).T], [], ())
    x = rng.standard_normal((16, 4))
    numbers = [()] * 4
    expected = interface.loop(backends.get("numpy"), step)(begin, (x, x), None, (), numbers, 4)
    theirs = on_device((begin, x))
    got = scan(CudaLine, cupy(), step)(theirs[0], (theirs[1], theirs[1]), None, (), numbers, 4)
    for a, b in zip(arrays_of(got), arrays_of(expected), strict=True):
        np.testing.assert_allclose(a.get(), b, rtol=1e-12, atol=1e-12)
    for a, b in zip(arrays_of(theirs[0]), arrays_of(begin), strict=True):
        np.testing.assert_array_equal(a.get(), b)


def test_the_first_step_reads_what_is_held_and_later_ones_what_is_new():
    def step(xp, a, x):
        return [a @ xp.permute_dims(a, (1, 0)) + x]

    a, x, new = cp.asarray([[1.0, 2.0], [3.0, 5.0]]), cp.ones((6, 2)), cp.empty((2, 2))
    program, _ = traced(step, a, x[:2])
    line = CudaLine(program, 2, 1)
    line.run(line.make(), [a], [new], [x], [()] * 3)
    expected = a.get()
    for _ in range(3):
        expected = expected @ expected.T + 1.0
    np.testing.assert_allclose(new.get(), expected, rtol=1e-14)
    assert line.n_bytes == 4 * 8


def test_the_updates_of_all_parameters_are_one_launch():
    step = PlainStep("relu", softmax, "adam")
    state, data, noise = start([6, 5, 4, 3], step, 2)
    program, _ = traced(step, state, Batch(*data, noise), step.numbers(1))
    *_, last = Plan(program).launches()
    assert sorted(group[0].shape for group in last) == sorted(a.shape for a in arrays_of(state.parameters))


# Values.

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.3, -2.5, 1.5, 3.0, 1e30, -1e30, 1e-30, 88.0, math.inf, -math.inf, math.nan]
INTEGERS = [0, 1, 2, 3, 7, 100, 127]
ROUNDED = {"acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cos", "cosh", "exp", "expm1", "hypot", "log"}
ROUNDED |= {"log10", "log1p", "log2", "logaddexp", "pow", "sin", "sinh", "sqrt", "tan", "tanh"}  # in the last bits
OWN = {"floor_divide", "remainder"}  # where a number is infinite, or zero divides, CuPy has its own view


def values(dtype):
    if dtype == "bool":
        return np.array([True, False])
    if "float" in dtype:
        return np.array(SPECIAL, dtype)
    return np.array(INTEGERS + ([] if dtype.startswith("u") else [-1, -2, -7, -128]), dtype)


def arity(name):
    form = CUDA["float64"].get(name) or CUDA["int32"][name]
    return 3 if "{2}" in form else 2 if "{1}" in form else 1


def asked(xp, name, dtype, a, b, c):
    """Return an operation of arrays."""
    if name == "astype":
        return xp.astype(a, xp.float64)
    if name == "where":
        return xp.where(a > b if dtype != "bool" else a, b, c)
    return getattr(xp, name)(*(a, b, c)[: arity(name)])


def everything(dtype):
    def f(xp, a, b, c):
        return [asked(xp, name, dtype, a, b, c) for name in CUDA[dtype]]

    return f


def compare(name, dtype, got, expected, on_cupy):
    assert got.shape == expected.shape
    got = got.get()
    if name in OWN:
        expected = on_cupy.get()
    assert str(got.dtype) == str(expected.dtype), name
    if name in ROUNDED:
        np.testing.assert_allclose(got, expected, rtol=3e-6 if dtype == "float32" else 1e-13, err_msg=name)
    else:
        np.testing.assert_array_equal(got, expected, err_msg=name)
    if "float" in str(got.dtype) and name != "clip":  # between 0.0 and -0.0 it has no rule
        is_number = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(got)[is_number], np.signbit(expected)[is_number], err_msg=name)


ARGUMENTS = {
    "broadcast": lambda v: (v[:, None], v[None, :], v[::-1][None, :]),
    "of one shape": lambda v: (np.repeat(v, len(v)), np.tile(v, len(v)), np.tile(v[::-1], len(v))),
    "not contiguous": lambda v: (
        np.repeat(v[:, None], len(v), 1).T,
        np.repeat(v, 2 * len(v))[::2].reshape(len(v), -1),
        v,
    ),
    "without dimensions": lambda v: (v[1], v[0], v[1]),
    "empty": lambda v: (v[:0], v[:0], v[:0]),
}


@pytest.mark.parametrize("how", ARGUMENTS)
@pytest.mark.parametrize("dtype", CUDA)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_operation_has_the_values_of_numpy(dtype, how):
    arrays = [np.asarray(a) for a in ARGUMENTS[how](values(dtype))]
    theirs = [cp.asarray(a) if a.ndim else cp.asarray(a[None])[0] for a in arrays]  # CuPy fills in -0.0 as 0.0
    f = everything(dtype)
    got = compiled(CudaLine, cupy(), f)(*theirs)
    for name, value in zip(CUDA[dtype], got, strict=True):
        expected = asked(npx, name, dtype, *arrays)
        on_cupy = asked(cpx, name, dtype, *theirs) if name in OWN else None
        compare(name, dtype, value, expected, on_cupy)


def test_numbers_and_constants_are_of_the_dtype_of_arrays():
    constants = [0.1, -0.0, 1e-8, 1e30, 1e300, -1e300, math.inf, -math.inf, math.nan, 3, -7, 2**40, True]

    def f(xp, a, b, rate):
        half = rate * 0.5 - 1.0
        whole = [b + k for k in (3, -7, 2**40)] + [b > -7]
        chosen = xp.where(rate > 0.2, a, 1.0 / a)
        return [a * k for k in constants] + [a * half, half / a, a - rate**2, a > rate, chosen, half] + whole

    a, b = np.array([0.3, 1.0, 7.0], "float32"), np.array([1, 2, 3])
    with np.errstate(all="ignore"):
        expected = f(npx, a, b, 0.7)
        got = compiled(CudaLine, cupy(), f)(cp.asarray(a), cp.asarray(b), 0.7)
    for value, right in zip(got, expected, strict=True):
        assert getattr(value, "dtype", None) == getattr(right, "dtype", None)
        np.testing.assert_array_equal(value.get() if hasattr(value, "get") else value, right)


def test_arrays_that_a_formula_brings_along_are_read_where_they_are():
    ours = cp.arange(3.0)
    run = compiled(CudaLine, cupy(), lambda xp, a: (a * ours, a + 1.0))
    a = cp.ones(3)
    np.testing.assert_array_equal(run(a)[0].get(), [0.0, 1.0, 2.0])
    ours[0] = 5.0
    np.testing.assert_array_equal(run(a)[0].get(), [5.0, 1.0, 2.0])
    with pytest.raises(TypeError), cupy().active():
        compiled(CudaLine, cupy(), lambda xp, a: a * np.ones(3))(a)


def test_what_has_no_expression_is_called():
    def f(xp, a, i):
        b = xp.concat([a, a * 2.0])
        return [
            xp.take(b, i, axis=0) + 1.0,
            xp.argmax(b, axis=1),
            xp.ones_like(b) - b,
            xp.mean(b, axis=(0, 1)),
            i**2,
            xp.stack([a, a + 1.0])[1, :, ::2] * 2.0,
            xp.any(b > 3.0, axis=0),
            xp.arange(3, dtype=xp.int64) + i,
            b @ a[0],
            xp.astype(xp.astype(b, xp.int8), xp.bool),
        ]

    a, i = np.linspace(0.0, 4.0, 9).reshape(3, 3), np.array([5, 0, 2])
    got = compiled(CudaLine, cupy(), f)(cp.asarray(a), cp.asarray(i))
    for value, right in zip(got, f(npx, a, i), strict=True):
        assert value.dtype == right.dtype
        np.testing.assert_allclose(value.get(), right, rtol=1e-14)


@pytest.mark.filterwarnings("ignore:.*can be traced.*no standard says")
def test_what_has_no_dtype_is_computed_as_it_is_written():
    run = compiled(CudaLine, cupy("float32"), lambda xp, a: a * xp.where(a > 0, 1.0, 0.0))
    a = cp.asarray([2.0, -3.0], "float32")
    np.testing.assert_array_equal(run(a).get(), [2.0, 0.0])
    assert run(a).dtype == (a * cp.where(a > 0, 1.0, 0.0)).dtype


# Calls.


def test_results_are_new_with_each_call():
    run = compiled(CudaLine, cupy(), lambda xp, a: [a + 1.0, xp.permute_dims((a + 1.0) @ a, (1, 0)), a])
    ones = cp.ones((2, 2))
    first = run(ones)
    run(ones * 5.0)
    np.testing.assert_array_equal(first[0].get(), np.full((2, 2), 2.0))
    np.testing.assert_array_equal(first[1].get(), np.full((2, 2), 4.0))
    assert first[2] is ones


@on_emulator
def test_copies_of_a_tree_are_one_launch():
    tree = [cp.arange(float(n)) for n in (3, 4, 5)]
    run = compiled(CudaLine, cupy(), lambda xp, tree: [xp.astype(a, a.dtype, copy=True) for a in tree])
    run(tree)
    with emulated_cuda.count() as counted:
        copies = run(tree)
    assert counted.launches + counted.d2d == 1
    for a, b in zip(copies, tree, strict=True):
        assert a is not b
        np.testing.assert_array_equal(a.get(), b.get())


def test_no_kernel_is_compiled_anew_for_another_size_of_a_batch(monkeypatch):
    def watched(*text):
        texts.append([part.replace(repr(1.0 / n), "1 / n") for part in text])
        return make(*text)

    texts, make = [], cp.ElementwiseKernel
    monkeypatch.setattr(cp, "ElementwiseKernel", watched)
    step = PlainStep("relu", softmax, "adam")
    for n in (3, 7):
        begin = on_device(start([6, 5, 4, 3], step, n, dropout=True))
        train(scan(CudaLine, cupy(), step), begin, n, n, step)
    assert texts[: len(texts) // 2] == texts[len(texts) // 2 :] != []


# As large as may be.


def test_a_kernel_takes_no_more_arguments_than_cuda_does():
    def f(xp, *arrays):
        return [a - 0.1 * b for a, b in pairwise(arrays)]

    for shapes in ([(4, 5)] * 300, [(n, 2, 1, 3) for n in range(1, 200)]):
        arrays = [np.ones(shape) for shape in shapes]
        if len(set(shapes)) > 1:
            program, _ = traced(lambda xp, *arrays: [a * 0.1 for a in arrays], *arrays)
        else:
            program, _ = traced(f, *arrays)
        plan = Plan(program)
        for groups in plan.launches():
            n_bytes = sum((16 + 16 * a.ndim) for group in groups for side in plan.borders(group) for a in side)
            assert n_bytes <= 4096
    theirs = [cp.full((4, 5), float(n)) for n in range(300)]
    for n, value in enumerate(compiled(CudaLine, cupy(), f)(*theirs)):
        np.testing.assert_allclose(value.get(), np.full((4, 5), n - 0.1 * (n + 1.0)), atol=1e-12)


def long(xp, a, n):
    for i in range(n):
        a = a + (i % 2) * 1e-6
    return a


def test_a_long_formula_is_several_kernels():
    got = compiled(CudaLine, cupy(), lambda xp, a: long(xp, a, 2_000))(cp.zeros(3))
    np.testing.assert_allclose(got.get(), np.full(3, 1e-3), rtol=1e-9)


@pytest.mark.slow
def test_a_hundred_thousand_operations_meet_no_limit():
    got = compiled(CudaLine, cupy(), lambda xp, a: long(xp, a, 100_000))(cp.zeros(3))
    np.testing.assert_allclose(got.get(), np.full(3, 5e-2), rtol=1e-9)
