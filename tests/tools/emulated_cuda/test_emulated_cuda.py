"""The emulated CUDA device itself: CuPy on it against NumPy, in some 1,200 cases, and what it must refuse."""

import os
import pickle
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import array_api_compat
import array_api_compat.numpy as xnp
import cuda_device
import numpy as np
import pytest

import emulated_cuda

cp = cuda_device.require(emulated_only=True)
import array_api_compat.cupy as xcp  # noqa: E402
import cupy.cublas  # noqa: E402

PACKAGE_ROOT = Path(emulated_cuda.__file__).parents[1]
FLOATS = ("float32", "float64")
NUMERIC = ("uint8", "int32", "int64", "float16", "float32", "float64")
DTYPES = ("bool", "int8", *NUMERIC)
TOLERANCE = {"float16": 2e-3, "float32": 3e-6, "float64": 1e-13, "complex64": 3e-6, "complex128": 1e-13}
LAYOUTS = {  # a host array -> a view of it; applied on the host and on the device alike
    "plain": lambda a: a,
    "transposed": lambda a: a.T,
    "reversed": lambda a: a[::-1],
    "every second": lambda a: a[:, ::2],
    "row": lambda a: a[2],
    "0-d": lambda a: a[1, 2],
    "empty": lambda a: a[:0],
    "empty columns": lambda a: a[:, 3:3],
    "3-d": lambda a: a.reshape(2, 3, 8),
    "4-d swapped": lambda a: a.reshape(2, 3, 2, 4).transpose(2, 0, 3, 1),
}


def host(dtype, shape=(6, 8), seed=0, low=-4, high=5):
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.startswith(("int", "uint")):
        return rng.integers(max(low, 0) if dtype[0] == "u" else low, high, shape).astype(dtype)
    if dtype.startswith("complex"):
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)
    return (rng.standard_normal(shape) * 1.5).astype(dtype)


def assert_same(got, want, tolerance=None):
    if isinstance(want, (tuple, list)):
        assert len(got) == len(want)
        for one, other in zip(got, want, strict=True):
            assert_same(one, other, tolerance)
        return
    assert isinstance(got, cp.ndarray), type(got)
    want = np.asarray(want)
    assert got.dtype == want.dtype, (got.dtype, want.dtype)
    assert got.shape == want.shape, (got.shape, want.shape)
    rtol = TOLERANCE.get(str(want.dtype), 0) if tolerance is None else tolerance
    np.testing.assert_allclose(cp.asnumpy(got), want, rtol=rtol, atol=rtol)


def check(function, *arrays, layout=lambda a: a, tolerance=None):
    with np.errstate(all="ignore"):
        want = function(xnp, *map(layout, arrays))
    assert_same(function(xcp, *(layout(xcp.asarray(a)) for a in arrays)), want, tolerance)


UNARY = [
    "abs",
    "sign",
    "square",
    "negative",
    "positive",
    "isnan",
    "isfinite",
    "isinf",
    "floor",
    "ceil",
    "round",
    "trunc",
]
UNARY_FLOAT = ["exp", "expm1", "tanh", "sin", "cos", "tan", "sinh", "cosh", "atan", "asinh", "reciprocal", "signbit"]
UNARY_POSITIVE = ["log", "log1p", "log2", "log10", "sqrt"]
BINARY = [
    "add",
    "subtract",
    "multiply",
    "maximum",
    "minimum",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["exp", "tanh", "abs", "square"])
def test_unary_layouts(name, dtype, layout):
    check(lambda xp, a: getattr(xp, name)(a), host(dtype), layout=LAYOUTS[layout])


ROUNDING = ("floor", "ceil", "round", "trunc")  # of integers, CuPy and NumPy give different dtypes


@pytest.mark.parametrize(
    ("name", "dtype"), [(n, d) for n in UNARY for d in NUMERIC if n not in ROUNDING or d.startswith("float")]
)
def test_unary(name, dtype):
    check(lambda xp, a: getattr(xp, name)(a), host(dtype))


@pytest.mark.parametrize("dtype", ["float16", *FLOATS])
@pytest.mark.parametrize("name", UNARY_FLOAT + UNARY_POSITIVE)
def test_unary_float(name, dtype):
    function = (lambda xp, a: 1 / a) if name == "reciprocal" else (lambda xp, a: getattr(xp, name)(a))
    values = host(dtype)
    check(function, abs(values) + values.dtype.type(0.1) if name in UNARY_POSITIVE else values)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", NUMERIC)
def test_binary_layouts(dtype, layout):
    check(
        lambda xp, a, b: [a + b, a * b, xp.maximum(a, b), a < b],
        host(dtype),
        host(dtype, seed=1),
        layout=LAYOUTS[layout],
    )


@pytest.mark.parametrize("dtype", NUMERIC)
@pytest.mark.parametrize("name", BINARY)
def test_binary(name, dtype):
    check(lambda xp, a, b: getattr(xp, name)(a, b), host(dtype), host(dtype, seed=1))


@pytest.mark.parametrize("left", DTYPES)
@pytest.mark.parametrize("right", DTYPES)
def test_promotion(left, right):
    check(lambda xp, a, b: [a + b, xp.where(a > b, a, b), a * b], host(left), host(right, seed=1))


@pytest.mark.parametrize("dtype", ["float16", *FLOATS])
def test_division_power_logaddexp(dtype):
    check(
        lambda xp, a, b: [
            a / b,
            a**2,
            xp.pow(xp.abs(a), b),
            a**0.5,
            xp.logaddexp(a, b),
            xp.atan2(a, b),
            xp.hypot(a, b),
            xp.remainder(a, b),
            xp.copysign(a, b),
        ],
        host(dtype),
        host(dtype, seed=1),
        tolerance=5e-3 if dtype == "float16" else 1e-5 if dtype == "float32" else 1e-12,
    )


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_integer_arithmetic(dtype):
    check(
        lambda xp, a, b: [a // b, a % b, a & b, a | b, a ^ b, ~a, a << 1, a >> 1, a / b, a**2],
        host(dtype, low=0, high=100),
        host(dtype, seed=1, low=1, high=7),
    )


def test_special_values():
    values = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e300, -1e-300, 1.0])
    for dtype in ("float16", "float32", "float64"):
        with np.errstate(over="ignore"):
            v = values.astype(dtype)
        check(
            lambda xp, a: [
                xp.isnan(a),
                xp.isinf(a),
                xp.isfinite(a),
                xp.exp(a),
                xp.sign(a),
                xp.maximum(a, 0.0),
                xp.minimum(a, 0.0),
                xp.max(a),
                xp.min(a),
                xp.argmax(a),
                xp.argmin(a),
                xp.sum(a),
                a * 0,
                xp.any(a),
                xp.all(a),
                xp.signbit(a),
                xp.sqrt(abs(a)),
                xp.log(abs(a)),
                xp.tanh(a),
            ],
            v,
        )


@pytest.mark.parametrize("old", DTYPES)
@pytest.mark.parametrize("new", DTYPES)
def test_astype(old, new):
    values = host(old, low=0, high=90)
    check(lambda xp, a: xp.astype(a, getattr(xp, new, new)), abs(values) if "float" in old else values)


def test_half_conversions_are_exact():
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    wide = cp.asarray(halves).astype(cp.float32).get()
    np.testing.assert_array_equal(wide, halves.astype(np.float32))
    between = (wide[:-1] + wide[1:]) / 2  # ties, and values next to them
    rng = np.random.default_rng(0)
    values = np.concatenate(
        [
            between,
            np.nextafter(between, np.float32(np.inf)),
            np.nextafter(between, np.float32(-np.inf)),
            rng.integers(0, 1 << 32, 100_000, dtype=np.uint32).view(np.float32),
        ]
    )
    with np.errstate(all="ignore"):
        want = values.astype(np.float16)
    np.testing.assert_array_equal(cp.asarray(values).astype(cp.float16).get(), want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_creation(dtype):
    def create(xp):
        dt = getattr(xp, dtype, dtype)
        some = xp.asarray([[1, 0, 1], [0, 1, 1]], dtype=dt)
        return [
            xp.zeros((2, 3), dtype=dt),
            xp.ones((0, 3), dtype=dt),
            xp.full((2, 2), 1, dtype=dt),
            xp.zeros_like(some),
            xp.ones_like(some),
            xp.full_like(some, 1),
            xp.asarray(3, dtype=dt),
            some,
            xp.eye(3, dtype=dt),
            xp.eye(3, 4, k=1, dtype=dt),
            xp.tril(xp.ones((4, 3), dtype=dt), k=-1),
            xp.triu(some),
        ]

    assert_same(create(xcp), create(xnp))


def test_ranges():
    def create(xp):
        return [
            xp.arange(5),
            xp.arange(2, 10, 3, dtype=xp.int32),
            xp.arange(0.0, 1.0, 0.25),
            xp.arange(0),
            xp.arange(10, 0, -3),
            xp.linspace(0, 1, 7),
            xp.linspace(0, 1, 7, endpoint=False, dtype=xp.float32),
            *xp.meshgrid(xp.arange(3), xp.arange(4), indexing="ij"),
        ]

    assert_same(create(xcp), create(xnp))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float32", "float64"])
def test_broadcasting(dtype):
    for shapes in [
        ((3, 1), (1, 4)),
        ((4,), (2, 3, 4)),
        ((), (3,)),
        ((1,), (0,)),
        ((2, 1, 3), (4, 1)),
        ((5, 1, 1, 2), (3, 1)),
    ]:
        a, b = (host(dtype, shape, seed) for seed, shape in enumerate(shapes))
        check(lambda xp, a, b: [xp.add(a, b), a == b, xp.where(a > b, a, b), *xp.broadcast_arrays(a, b)], a, b)
    check(lambda xp, a: xp.broadcast_to(a, (4, 3, 2)) + a, host(dtype, (3, 1)))


INDEXING = {
    "row": lambda a: a[1],
    "rows": lambda a: a[1:4],
    "columns": lambda a: a[:, 2],
    "negative": lambda a: a[-2, -1],
    "strided": lambda a: a[1::2, ::3],
    "backwards": lambda a: a[::-1, ::-2],
    "ellipsis": lambda a: a[..., 0],
    "newaxis": lambda a: a[:, None, :],
    "empty": lambda a: a[3:3],
    "flat": lambda a: a.reshape(-1)[5:40:7],
}


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float32"])
@pytest.mark.parametrize("index", INDEXING)
def test_slices(index, dtype):
    check(lambda xp, a: INDEXING[index](a), host(dtype))
    check(lambda xp, a: xp.asarray(INDEXING[index](a), copy=True), host(dtype))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32", "float64"])
def test_setitem(dtype):
    def assign(xp, a, b):
        a = xp.asarray(a, copy=True)
        a[0] = 1
        a[1:3, ::2] = b[:2, :4]
        a[:, -1] = b[:, 0]
        a[..., 3] = a[..., 4]
        a[a == b] = 0
        a[2:2] = b[2:2]
        a[xp.asarray([3, 5]), :] = b[xp.asarray([1, 0]), :]
        a[xp.asarray([0, 1]), xp.asarray([6, 5])] = 1
        a[b > 0] = b[b > 0]
        return a

    check(assign, host(dtype), host(dtype, seed=1))


@pytest.mark.parametrize("size", [0, 1, 5, 31, 32, 33, 100, 511, 512, 513, 1024, 1025, 5000, 70_000, 300_000])
def test_boolean_mask_and_nonzero(size):
    a, mask = host("float32", (size,)), host("float32", (size,), seed=1) > 0.5

    def run(xp, a, mask):
        changed = xp.asarray(a, copy=True)
        changed[mask] = -1
        return [a[mask], changed, *xp.nonzero(mask), xp.count_nonzero(mask), a[a > 100], xp.where(mask, a, 0.0)]

    check(run, a, mask)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32", "float64"])
def test_masks_in_2d(dtype):
    check(
        lambda xp, a, b: [a[a > b], a[xp.any(a > b, axis=1)], a[:, xp.all(a == a, axis=0)], *xp.nonzero(a)],
        host(dtype, (40, 30)),
        host(dtype, (40, 30), 1),
    )


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32", "float64"])
def test_take(dtype):
    def run(xp, a, i, j):
        return [
            xp.take(a, i, axis=0),
            xp.take(a, i, axis=1),
            a[i],
            a[i, :],
            a[:, i],
            a[i, i],
            xp.take_along_axis(a, j, axis=1),
            xp.take(a[::2, ::-1], xp.asarray([2, 0]), axis=0),
            xp.take(a, j, axis=0),
        ]

    check(run, host(dtype), np.array([3, 0, 5, 3]), np.random.default_rng(0).integers(0, 6, (6, 3)))


MANIPULATION = {
    "reshape": lambda xp, a: xp.reshape(a, (4, -1)),
    "reshape transposed": lambda xp, a: xp.reshape(a.T, (4, 12)),
    "concat 0": lambda xp, a: xp.concat([a, a[:2], a[:0]], axis=0),
    "concat 1": lambda xp, a: xp.concat([a, a[:, ::2]], axis=1),
    "concat flat": lambda xp, a: xp.concat([a, a], axis=None),
    "stack": lambda xp, a: xp.stack([a, a[::-1]], axis=1),
    "permute": lambda xp, a: xp.permute_dims(xp.reshape(a, (2, 3, 8)), (2, 0, 1)),
    "flip": lambda xp, a: xp.flip(a, axis=1),
    "flip all": lambda xp, a: xp.flip(a),
    "roll": lambda xp, a: xp.roll(a, 2, axis=0),
    "roll flat": lambda xp, a: xp.roll(a, -3),
    "squeeze": lambda xp, a: xp.squeeze(xp.expand_dims(a, axis=1), axis=1),
    "moveaxis": lambda xp, a: xp.moveaxis(a, 0, 1),
    "tile": lambda xp, a: xp.tile(a, (2, 1, 2)),
    "repeat": lambda xp, a: xp.repeat(a, 2, axis=1),
    "pad": lambda xp, a: xp.pad(a, ((1, 2), (0, 3))),
    "pad value": lambda xp, a: xp.pad(a, 1, constant_values=1),
    "pad edge": lambda xp, a: xp.pad(a, 2, mode="edge"),
    "unstack": lambda xp, a: list(xp.unstack(a)),
    "matrix_transpose": lambda xp, a: xp.matrix_transpose(xp.reshape(a, (2, 3, 8))),
    "copy": lambda xp, a: xp.asarray(a, copy=True),
    "windows": lambda xp, a: xp.stack([a[i : i + 4, j : j + 6] for i in range(3) for j in range(3)]),
}


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32"])
@pytest.mark.parametrize("name", MANIPULATION)
def test_manipulation(name, dtype):
    check(MANIPULATION[name], host(dtype))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (0, 1, 2)])
@pytest.mark.parametrize(
    ("name", "dtype"),
    [(n, d) for n in ("sum", "prod", "max", "min", "any", "all") for d in ("int64", *FLOATS)]
    + [(n, d) for n in ("mean", "var", "std") for d in FLOATS],  # floating point only in the standard
)
def test_reductions(name, dtype, axis, keepdims):
    values = host(dtype, (5, 7, 4)) if name != "prod" else host(dtype, (3, 4, 2))
    check(
        lambda xp, a: getattr(xp, name)(a, axis=axis, keepdims=keepdims),
        values,
        tolerance={"float32": 1e-5, "float64": 1e-12}.get(dtype),
    )


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "float16", "float32", "float64"])
def test_reduction_layouts(dtype, layout):
    def run(xp, a):
        out = [xp.sum(a), xp.any(a), xp.all(a)]
        if a.ndim and a.size:
            out += [xp.max(a, axis=0), xp.min(a, axis=-1), xp.argmax(a, axis=0), xp.argmin(a, axis=-1), xp.argmax(a)]
        if a.ndim:
            out += [xp.sum(a, axis=0), xp.sum(a, axis=-1, keepdims=True)]
        return out

    check(run, host(dtype), layout=LAYOUTS[layout], tolerance={"float16": 2e-2, "float32": 1e-5}.get(dtype))


@pytest.mark.parametrize(
    "shape", [(1,), (1000,), (33, 1), (1, 77), (300, 257), (70_000,), (3, 50, 60), (2000, 3), (3, 2000)]
)
def test_reduction_sizes(shape):
    def run(xp, a):
        return [
            xp.sum(a),
            xp.max(a),
            xp.argmax(a),
            xp.mean(a),
            xp.var(a),
            xp.sum(a, axis=0),
            xp.max(a, axis=-1),
            xp.argmin(a, axis=-1),
            xp.std(a, axis=0, correction=0),
            xp.mean(a, axis=-1),
        ]

    check(run, host("float64", shape), tolerance=1e-11)


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("shape", [(5,), (1000,), (5000,), (6, 8), (3, 4, 5)])
def test_cumulative(shape, dtype):
    values = host(dtype, shape)
    tolerance = {"float32": 2e-4, "float64": 1e-11}.get(dtype)
    for axis in range(len(shape)):
        check(lambda xp, a, axis=axis: xp.cumulative_sum(a, axis=axis), values, tolerance=tolerance)
    check(lambda xp, a: [xp.cumsum(a), xp.cumprod(a[:3])], values, tolerance=tolerance)


MATMUL_SHAPES = [
    ((3, 4), (4, 5)),
    ((1, 7), (7, 1)),
    ((4,), (4,)),
    ((4,), (4, 3)),
    ((3, 4), (4,)),
    ((2, 3, 4), (2, 4, 5)),
    ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((2, 3, 2, 4), (2, 3, 4, 3)),
    ((0, 4), (4, 5)),
    ((3, 0), (0, 5)),
    ((65, 130), (130, 70)),
]


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float16", "float32", "float64", "complex128"])
@pytest.mark.parametrize("shapes", MATMUL_SHAPES, ids=str)
def test_matmul(shapes, dtype):
    a, b = (host(dtype, shape, seed) for seed, shape in enumerate(shapes))
    check(lambda xp, a, b: a @ b, a, b, tolerance={"float16": 3e-2, "float32": 1e-4, "float64": 1e-12}.get(dtype))


@pytest.mark.parametrize("dtype", ["int64", *FLOATS])
def test_matmul_layouts(dtype):
    def run(xp, a, b, c):
        return [
            a.T @ b.T,
            a.T @ c,
            b @ a,
            b[:, ::2] @ a[::2],
            a[::-1].T @ c,
            xp.matmul(a[1:], b[:, 1:]),
            xp.tensordot(a, b, axes=1),
            xp.tensordot(a, c, axes=((0,), (0,))),
            xp.vecdot(a, c[:, : a.shape[1]]),
            xp.matrix_transpose(a) @ c,
        ]

    check(
        run,
        host(dtype, (6, 8)),
        host(dtype, (8, 6), 1),
        host(dtype, (6, 9), 2),
        tolerance=1e-4 if dtype == "float32" else 1e-12,
    )


@pytest.mark.parametrize("dtype", ["int64", *FLOATS])
def test_tensordot_einsum_vecdot(dtype):
    a, b = host(dtype, (3, 4, 5)), host(dtype, (4, 5, 2), 1)

    def run(xp, a, b):
        return [
            xp.tensordot(a, b, axes=2),
            xp.tensordot(a, b, axes=((1, 2), (0, 1))),
            xp.tensordot(a, a, axes=((0, 1, 2),) * 2),
            xp.vecdot(a, a),
            xp.vecdot(a, a, axis=0),
            xp.einsum("ijk,jkl->il", a, b),
            xp.einsum("ijk,ijk->i", a, a),
            xp.einsum("ijk->kji", a),
            xp.tensordot(a, b, axes=0),
        ]

    check(run, a, b, tolerance=1e-4 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float32", "float64"])
def test_clip(dtype):
    check(
        lambda xp, a: [xp.clip(a, 1, 3), xp.clip(a, min=1), xp.clip(a, max=2), xp.clip(a, a[0], a[1] + a[0])],
        host(dtype, (30, 25)),
    )
    assert_same(cp.clip(cp.asarray(host(dtype)), 1, 3), np.clip(host(dtype), 1, 3))


@pytest.mark.parametrize("dtype", ["int64", "float16", "float32", "float64"])
def test_in_place(dtype):
    def run(xp, a, b):
        a = xp.asarray(a, copy=True)
        view = a[::2]
        a += b
        a *= 2
        view -= b[1::2]
        a[1] += 3
        if "float" in dtype:
            a /= 4
            a **= 2
        return [a, view]

    check(run, host(dtype), host(dtype, seed=1), tolerance=1e-2 if dtype == "float16" else None)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(0,), (1,), (100,), (7, 9), (2, 3, 4)])
def test_sorting(shape, dtype):
    def run(xp, a):
        out = [xp.sort(a, axis=axis) for axis in range(a.ndim)] + [xp.sort(a, descending=True)]
        return [*out, xp.argsort(a, stable=True)]

    check(run, host(dtype, shape, high=120))


def test_unique_and_search():
    a = host("int64", (50,))
    check(lambda xp, a: [xp.unique_values(a), *xp.unique_counts(a), *xp.unique_inverse(a)], a)
    check(lambda xp, a: [xp.searchsorted(xp.asarray([-2, 0, 2]), a)], a)
    assert_same(cp.lexsort(cp.asarray([[1, 0, 1], [2, 2, 1]])), np.lexsort([[1, 0, 1], [2, 2, 1]]))
    assert_same(cp.bincount(cp.asarray(a + 4)), np.bincount(a + 4))


def test_sort_with_nan():
    a = np.array([3.0, np.nan, -1.0, np.inf, -np.inf, 0.0])
    check(lambda xp, a: [xp.sort(a), xp.argsort(a)], a)


def test_complex():
    for dtype in ("complex64", "complex128"):
        check(
            lambda xp, a, b: [
                a + b,
                a * b,
                a / b,
                xp.exp(a),
                xp.abs(a),
                xp.conj(a),
                xp.real(a),
                xp.imag(a),
                xp.sum(a),
                xp.mean(a, axis=0),
                a == b,
            ],
            host(dtype),
            host(dtype, seed=1),
            tolerance=1e-5 if dtype == "complex64" else 1e-12,
        )


def test_user_kernels():
    a, b = host("float32"), host("float32", seed=1)
    x, y = cp.asarray(a), cp.asarray(b)
    relu = cp.ElementwiseKernel("T x", "T y", "y = x > 0 ? x : (T)0", "relu")
    assert_same(relu(x), np.maximum(a, 0))
    assert_same(relu(x[:, ::2]), np.maximum(a[:, ::2], 0))
    norm = cp.ReductionKernel("T x", "T y", "x * x", "a + b", "y = sqrt(a)", "0", "norm")
    assert_same(norm(x, axis=1), np.sqrt((a * a).sum(axis=1)), 1e-5)
    fused = cp.fuse(kernel_name="axpb")(lambda p, q: p * 2 + cp.exp(q))
    assert_same(fused(x, y), a * 2 + np.exp(b), 1e-5)
    fused_sum = cp.fuse(kernel_name="sumsq")(lambda p: cp.sum(p * p))
    assert_same(fused_sum(x), (a * a).sum(), 1e-5)
    with pytest.raises(cp.cuda.compiler.CompileException, match=r"g..?oid|not declared|expected"):
        cp.fuse()(lambda p: p * 2)(x)  # a kernel called <lambda>: NVRTC refuses it too
    cp.add.at(x, (cp.asarray([0, 0, 1]),), 1.0)
    np.add.at(a, (np.array([0, 0, 1]),), 1.0)
    assert_same(x, a)


RAW = r"""
extern "C" __global__ void block_sums(const float* x, float* out, int n) {
    extern __shared__ float part[];
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    part[threadIdx.x] = i < n ? x[i] : 0.0f;
    __syncthreads();
    for (int step = blockDim.x / 2; step > 0; step /= 2) {
        if (threadIdx.x < step) part[threadIdx.x] += part[threadIdx.x + step];
        __syncthreads();
    }
    if (threadIdx.x == 0) out[blockIdx.x] = part[0];
}
extern "C" __global__ void warp_sums(const int* x, int* out, unsigned* votes) {
    int v = x[threadIdx.x];
    unsigned vote = __ballot_sync(0xffffffffu, v > 0);
    for (int step = 16; step > 0; step /= 2) v += __shfl_down_sync(0xffffffffu, v, step);
    if (threadIdx.x % 32 == 0) { out[threadIdx.x / 32] = v; votes[threadIdx.x / 32] = vote; }
}
extern "C" __global__ void grid3(int* out) {
    int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    int i = block * blockDim.x * blockDim.y * blockDim.z + thread;
    atomicAdd(&out[i], i);
}
__global__ void mangled(int* out) { out[0] = 1; }
template <class T, int n> __global__ void fill_with(T* out) { out[threadIdx.x] = (T)n; }
"""


def test_raw_kernels():
    module = cp.RawModule(code=RAW, options=("-std=c++17",))
    x = host("float32", (1000,))
    out = cp.zeros(8, dtype=cp.float32)
    module.get_function("block_sums")((8,), (128,), (cp.asarray(x), out, np.int32(1000)), shared_mem=512)
    assert_same(out, np.pad(x, (0, 24)).reshape(8, 128).sum(axis=1), 1e-4)
    v = host("int32", (96,))
    sums, votes = cp.zeros(3, dtype=cp.int32), cp.zeros(3, dtype=cp.uint32)
    module.get_function("warp_sums")((1,), (96,), (cp.asarray(v), sums, votes))
    assert_same(sums, v.reshape(3, 32).sum(axis=1).astype(np.int32))
    assert_same(votes, ((v.reshape(3, 32) > 0) * (1 << np.arange(32, dtype=np.uint64))).sum(axis=1).astype(np.uint32))
    out = cp.zeros(2 * 3 * 4 * 5 * 2 * 3, dtype=cp.int32)
    module.get_function("grid3")((2, 3, 4), (5, 2, 3), (out,))
    assert_same(out, np.arange(out.size, dtype=np.int32))
    with pytest.raises(RuntimeError, match="NOT_FOUND"):
        module.get_function("mangled")
    with pytest.raises(RuntimeError, match="NOT_FOUND"):
        module.get_function("no_such_kernel")


def test_kernel_templates():
    module = cp.RawModule(
        code=RAW, options=("-std=c++17",), name_expressions=["fill_with<float, 7>", "fill_with<long long, 3>"]
    )
    a, b = cp.zeros(4, dtype=cp.float32), cp.zeros(4, dtype=cp.int64)
    module.get_function("fill_with<float, 7>")((1,), (4,), (a,))
    module.get_function("fill_with<long long, 3>")((1,), (4,), (b,))
    assert_same([a, b], [np.full(4, 7, np.float32), np.full(4, 3)])


# ---- negative controls: the comparison must be able to fail, and errors must be exceptions ---------------------
def test_wrong_kernel_is_detected():
    wrong = cp.ElementwiseKernel("T x", "T y", "y = 1 / (1 + exp(x))", "wrong_sigmoid")  # sign lost
    a = host("float32")
    with pytest.raises(AssertionError):
        assert_same(wrong(cp.asarray(a)), 1 / (1 + np.exp(-a)))


def test_misspelt_function():
    kernel = cp.RawKernel('extern "C" __global__ void f(float* x) { x[0] = sgimoid(x[0]); }', "f")
    with pytest.raises(cp.cuda.compiler.CompileException, match="sgimoid"):
        kernel((1,), (1,), (cp.zeros(1, dtype=cp.float32),))


def test_deadlock_is_reported():
    source = (
        'extern "C" __global__ void f(int* x) { if (threadIdx.x < 3) __syncwarp(0xf); else __syncthreads(); x[0] = 1; }'
    )
    with pytest.raises(RuntimeError, match="deadlock"):
        cp.RawKernel(source, "f")((1,), (4,), (cp.zeros(1, dtype=cp.int32),))
    test_raw_kernels()  # and the device is still usable


def test_kernel_assert():
    kernel = cp.RawKernel('extern "C" __global__ void f(int* x) { assert(x[0] == 0); }', "f")
    kernel((1,), (1,), (cp.zeros(1, dtype=cp.int32),))
    with pytest.raises(RuntimeError, match="assertion failed"):
        kernel((1,), (1,), (cp.ones(1, dtype=cp.int32),))


@pytest.mark.parametrize("block", [(2048,), (64, 64), (1, 1, 128)])
def test_bad_launch(block):
    kernel = cp.RawKernel('extern "C" __global__ void f(int* x) {}', "f")
    with pytest.raises(RuntimeError, match="INVALID_VALUE"):
        kernel((1,), block, (cp.zeros(1, dtype=cp.int32),))


# ---- the device ------------------------------------------------------------------------------------------------
def test_devices():
    assert cp.is_available()
    assert cp.cuda.runtime.getDeviceCount() == 2
    for bad in (2, 99, -5):
        with pytest.raises(cp.cuda.runtime.CUDARuntimeError) as error:
            cp.cuda.Device(bad).use()
        assert error.value.status == 101
    with cp.cuda.Device(1):
        b = cp.arange(3)
    assert b.device.id == 1
    assert cp.cuda.runtime.getDevice() == 0
    with pytest.raises(ValueError, match="device"):
        b + cp.arange(3)
    assert cp.asnumpy(cp.asarray(b)).tolist() == [0, 1, 2]
    assert array_api_compat.to_device(cp.arange(3), cp.cuda.Device(1)).device.id == 1
    assert isinstance(array_api_compat.to_device(b, "cpu"), np.ndarray)
    assert cp.cuda.Device(0).compute_capability == "80"
    assert cp.cuda.Device(0).attributes["WarpSize"] == 32
    assert b"Emulated" in cp.cuda.runtime.getDeviceProperties(0)["name"]
    assert len(xcp.__array_namespace_info__().devices()) == 2


def test_memory_pool():
    pool = cp.cuda.MemoryPool()
    with cp.cuda.using_allocator(pool.malloc):
        pool.set_limit(size=1 << 20)
        with pytest.raises(cp.cuda.memory.OutOfMemoryError, match="limit"):
            cp.zeros(1 << 20)
        a = cp.zeros(1000)
        assert pool.used_bytes() == 8192
        del a
        pool.free_all_blocks()
        assert pool.total_bytes() == 0
    with pytest.raises(cp.cuda.memory.OutOfMemoryError):
        cp.empty(9 << 30, dtype=cp.uint8)
    free, total = cp.cuda.Device().mem_info
    assert 0 < free <= total


def test_fresh_memory_is_poisoned():
    with cp.cuda.using_allocator(cp.cuda.MemoryPool().malloc):
        floats, integers = cp.empty(100), cp.empty(100, dtype=cp.int32)
        assert cp.isnan(floats).all()
        assert (integers == -1).all()


def test_streams_and_events():
    stream, start, end = cp.cuda.Stream(non_blocking=True), cp.cuda.Event(), cp.cuda.Event()
    with stream:
        start.record()
        a = cp.arange(1000).sum()
        end.record()
    stream.wait_event(end)
    end.synchronize()
    stream.synchronize()
    assert int(a) == 499500
    assert stream.done
    assert cp.cuda.get_elapsed_time(start, end) > 0


def test_transfers():
    a = np.arange(12, dtype=np.float32).reshape(3, 4)
    d = cp.asarray(a)
    assert_same(d, a)
    assert_same(cp.asarray(a[:, ::2]), a[:, ::2])
    assert_same(cp.asarray(np.asfortranarray(a)), a)
    d.set(a + 1)
    np.testing.assert_array_equal(d.get(), a + 1)
    out = np.empty_like(a)
    d.get(out=out)
    np.testing.assert_array_equal(out, a + 1)
    np.testing.assert_array_equal(np.from_dlpack(d, device="cpu", copy=True), a + 1)
    assert_same(cp.from_dlpack(d), a + 1)
    with pytest.raises(TypeError):
        np.asarray(d)
    with pytest.raises(TypeError):
        d + a
    with pytest.raises(cp.cuda.runtime.CUDARuntimeError):
        cp.cuda.runtime.memcpy(d.data.ptr, a.ctypes.data, 1 << 40, 1)
    assert float(d[0, 0]) == 1.0
    assert bool((d > 0).all())
    assert d.tolist() == (a + 1).tolist()
    assert_same(pickle.loads(pickle.dumps(d)), a + 1)


def test_counters():
    a, w = cp.ones((8, 8), dtype=cp.float32), cp.ones((8, 8), dtype=cp.float32)
    with emulated_cuda.count() as c:
        b = a @ w + 1
        b.get()
        cp.asarray(np.ones(3))
        b.copy()
        cp.cuda.Device().synchronize()
        cp.sort(b)
    assert (c.gemms, c.h2d, c.d2h) == (1, 1, 1)
    assert c.d2h_bytes == 256
    assert c.h2d_bytes == 24
    assert c.syncs >= 1
    assert c.launches == sum(n for name, n in c.kernels.items() if "::" not in name)
    assert any("add" in name for name in c.kernels)
    assert c.kernels["thrust::sort"] == 1
    with emulated_cuda.count() as c:
        pass
    assert c.launches == 0
    assert not c.kernels


# ---- random numbers and refusals ------------------------------------------------------------------------------
def test_random():
    rng = cp.random.default_rng(3)
    a = rng.standard_normal((2000,), dtype=cp.float32)
    assert a.dtype == cp.float32
    assert abs(float(a.mean())) < 0.1
    assert abs(float(a.std()) - 1) < 0.1
    assert_same(cp.random.default_rng(5).integers(0, 9, size=10), np.random.default_rng(5).integers(0, 9, size=10))
    assert rng.uniform(-1, 1, size=5).dtype == cp.float64
    assert cp.random.default_rng(rng) is rng


@pytest.mark.parametrize(
    "call",
    [
        lambda: cp.linalg.svd(cp.eye(3)),
        lambda: cp.linalg.inv(cp.eye(3)),
        lambda: cp.fft.fft(cp.ones(8)),
        lambda: cp.linalg.qr(cp.eye(3)),
        lambda: cp.random.XORWOW(1),
        lambda: cp.random.randn(3),
        lambda: cp.random.seed(1),
        lambda: cp.random.default_rng(0).vonmises(1, 1),
        lambda: cp.cuda.cub.device_reduce(cp.ones(3), 0, None),
        lambda: cp.cuda.runtime.graphLaunch(1, 1),
        lambda: cp.cuda.Stream(non_blocking=True).begin_capture(),
        lambda: cupy.cublas.nrm2(cp.ones(3)),
    ],
)
def test_refusals(call, capfd):
    with pytest.raises(Exception) as error:  # noqa: PT011 - each library has its own; the words count
        call()
    assert "emulated_cuda does not emulate" in str(error.value) + capfd.readouterr().err


# ---- whole networks ------------------------------------------------------------------------------------------
def softmax_loss(xp, z, target):
    shifted = z - xp.max(z, axis=1, keepdims=True)
    log_p = shifted - xp.log(xp.sum(xp.exp(shifted), axis=1, keepdims=True))
    return -xp.sum(target * log_p) / z.shape[0], (xp.exp(log_p) - target) / z.shape[0]


def one_hot(xp, labels, dtype):
    return xp.astype(labels[:, None] == xp.arange(10, dtype=labels.dtype)[None, :], dtype)


def train_mlp(xp, dtype, steps=50):
    rng, dt = np.random.default_rng(0), getattr(xp, dtype)

    def put(array):
        return xp.asarray(array.astype(dtype))

    x, labels = put(rng.standard_normal((256, 784))), xp.asarray(rng.integers(0, 10, 256))
    w1, w2 = put(rng.standard_normal((784, 30)) / 28), put(rng.standard_normal((30, 10)) / 5)
    b1, b2 = xp.zeros((1, 30), dtype=dt), xp.zeros((1, 10), dtype=dt)
    losses = []
    for _ in range(steps):
        batch = xp.asarray(rng.permutation(256)[:32])
        xb, target = xp.take(x, batch, axis=0), one_hot(xp, xp.take(labels, batch, axis=0), dt)
        hidden = 1 / (1 + xp.exp(-(xb @ w1 + b1)))
        loss, dz = softmax_loss(xp, hidden @ w2 + b2, target)
        dh = (dz @ w2.T) * hidden * (1 - hidden)
        w2 -= 0.5 * (hidden.T @ dz)
        b2 -= 0.5 * xp.sum(dz, axis=0, keepdims=True)
        w1 -= 0.5 * (xb.T @ dh)
        b1 -= 0.5 * xp.sum(dh, axis=0, keepdims=True)
        losses.append(loss)
    return [float(loss) for loss in losses], w1


def train_conv(xp, steps=50):
    """5x5 convolution (im2col by slices), ReLU, 2x2 max pooling, dense layer."""
    rng = np.random.default_rng(1)
    images, labels = xp.asarray(rng.standard_normal((64, 12, 12))), xp.asarray(rng.integers(0, 10, 64))
    kernels, dense = xp.asarray(rng.standard_normal((25, 4)) / 5), xp.asarray(rng.standard_normal((64, 10)) / 8)
    losses = []
    for step in range(steps):
        batch = slice(16 * (step % 4), 16 * (step % 4) + 16)
        x, target = images[batch, ...], one_hot(xp, labels[batch], xp.float64)
        columns = xp.stack([x[:, i : i + 8, j : j + 8] for i in range(5) for j in range(5)], axis=-1)
        z = xp.reshape(columns, (-1, 25)) @ kernels
        active = xp.reshape(xp.maximum(z, 0.0), (16, 4, 2, 4, 2, 4))
        pooled = xp.max(active, axis=(2, 4), keepdims=True)
        flat = xp.reshape(pooled, (16, 64))
        loss, dz = softmax_loss(xp, flat @ dense, target)
        d_pooled = xp.reshape(dz @ dense.T, pooled.shape)
        d_active = xp.where(active == pooled, d_pooled, 0.0) * xp.astype(active > 0, xp.float64)
        d_kernels = xp.reshape(columns, (-1, 25)).T @ xp.reshape(d_active, (-1, 4))
        dense = dense - 0.2 * (flat.T @ dz)
        kernels = kernels - 0.2 * d_kernels
        losses.append(float(loss))
    return losses, kernels


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 2e-4)])
def test_mlp_training(dtype, tolerance):
    losses, weights = train_mlp(xcp, dtype)
    expected_losses, expected_weights = train_mlp(xnp, dtype)
    assert expected_losses[-1] < 0.5 * expected_losses[0]
    np.testing.assert_allclose(losses, expected_losses, rtol=tolerance)
    assert_same(weights, expected_weights, tolerance)


def test_conv_training():
    losses, kernels = train_conv(xcp)
    expected_losses, expected_kernels = train_conv(xnp)
    assert expected_losses[-1] < 0.7 * expected_losses[0]
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-10)
    assert_same(kernels, expected_kernels, 1e-10)


# ---- the command line -------------------------------------------------------------------------------------------
def run_script(tmp_path, body, *command):
    script = tmp_path / "test_script.py"
    script.write_text(textwrap.dedent(body))
    command = command or (str(script), "argument")
    return subprocess.run(
        [sys.executable, "-m", "emulated_cuda", *(str(script) if c == "SCRIPT" else c for c in command)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
    )


@pytest.mark.parametrize(
    ("ending", "code"), [("", 0), ("sys.exit(3)", 3), ("raise ValueError('x')", 1), ("sys.exit('no')", 1)]
)
def test_exit_codes(tmp_path, ending, code):
    result = run_script(tmp_path, f"import sys, cupy\nprint((cupy.arange(4) * 2).sum(), sys.argv[1])\n{ending}")
    assert (result.returncode, result.stdout) == (code, "12 argument\n"), result.stderr


def test_pytest_under_the_emulator(tmp_path):
    body = """
        import cupy
        def test_good(): assert int(cupy.arange(4).sum()) == 6
        def test_bad(): assert int(cupy.arange(4).sum()) == 7
    """
    result = run_script(tmp_path, body, "-m", "pytest", "-q", "SCRIPT")
    assert (result.returncode, "1 failed, 1 passed" in result.stdout) == (1, True), result.stdout + result.stderr
    result = run_script(tmp_path, body, "-m", "pytest", "-q", "SCRIPT", "-k", "good")
    assert (result.returncode, "1 passed" in result.stdout) == (0, True), result.stdout + result.stderr


def test_too_late_to_install(tmp_path):
    code = "import cupy, emulated_cuda; emulated_cuda.install()"
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_ROOT)},
    )
    assert result.returncode == 1
    assert "before cupy is imported" in result.stderr


def test_why_not(monkeypatch):
    assert emulated_cuda.why_not() is None
    monkeypatch.setattr(emulated_cuda.build, "COMPILER", ["no-such-compiler", "-m64"])
    assert "no-such-compiler" in emulated_cuda.why_not()
    monkeypatch.setattr(emulated_cuda.metadata, "version", lambda name: "13.0.0")
    assert f"pip install cupy-cuda12x=={emulated_cuda.SUPPORTED_CUPY}" in emulated_cuda.why_not()


def test_the_project_installs_the_supported_cupy():
    extras = tomllib.loads((PACKAGE_ROOT.parents[1] / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["emulated-cuda"] == [f"cupy-cuda12x=={emulated_cuda.SUPPORTED_CUPY}"]
