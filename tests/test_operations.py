"""Operations: each, traced, has the shape, the dtype and the values that the library gives it."""

import array_api_compat.numpy as xp
import numpy as np
import pytest

from anynet.operations import OPERATIONS, TraceError
from anynet.tracing import replay, traced
from anynet.trees import arrays_of
from anynet.windows import overlap_add, windows

A = np.linspace(0.1, 0.9, 6).reshape(2, 3)
B = np.linspace(0.9, 0.2, 6).reshape(2, 3)
I = np.arange(6).reshape(2, 3)
ROWS = np.asarray([1, 0, 1])
IMAGES = np.linspace(0.1, 0.9, 60).reshape(2, 3, 5, 2)
TAPS = list(np.linspace(0.1, 0.9, 96).reshape(6, 2, 2, 2, 2))  # of windows (2, 3), at 2 x 2 places

# name -> a formula in which it stands, and its arrays; element-wise functions of one or two arrays of floats aside.
FORMULAS = {
    **{
        name: (lambda xp, a, b, name=name: getattr(xp, name)(a > 0.3, b > 0.5), A, B)
        for name in ("logical_and", "logical_or", "logical_xor")
    },
    "logical_not": (lambda xp, a: xp.logical_not(a > 0.3), A),
    "bitwise_and": (lambda xp, i: i & 3, I),
    "bitwise_or": (lambda xp, i: i | 8, I),
    "bitwise_xor": (lambda xp, i: 5 ^ i, I),
    "bitwise_invert": (lambda xp, i: ~i, I),
    "floor_divide": (lambda xp, i: i // 4, I),
    "remainder": (lambda xp, i: i % 4, I),
    "acosh": (lambda xp, a: xp.acosh(a + 1.0), A),
    "clip": (lambda xp, a: xp.clip(a, 0.2, 0.6), A),
    "where": (lambda xp, a, b: xp.where(a > b, a, 0.0), A, B),
    "matmul": (lambda xp, a, b: (a @ b.T, a[0, ...] @ b.mT, a @ b[0, ...], xp.matmul(xp.stack([a, a]), b.T)), A, B),
    "permute_dims": (lambda xp, a: xp.permute_dims(a, (1, 0)), A),
    "matrix_transpose": (lambda xp, a: xp.matrix_transpose(a), A),
    "reshape": (lambda xp, a: (xp.reshape(a, (3, -1)), xp.reshape(a.T, (6,))), A),
    "expand_dims": (lambda xp, a: xp.expand_dims(a, axis=-1), A),
    "squeeze": (lambda xp, a: xp.squeeze(a[:, None, :], axis=1), A),
    "broadcast_to": (lambda xp, a: xp.broadcast_to(a, (4, 2, 3)), A),
    "astype": (lambda xp, a: (xp.astype(a, xp.float32), xp.astype(a > 0.3, a.dtype)), A),
    "take": (lambda xp, a, rows: (xp.take(a, rows, axis=0), a[rows], a[rows[0]]), A, ROWS),
    "getitem": (lambda xp, a: (a[0, ...], a[:, 1], a[..., ::2], a[None, 1, -2:], a[-1, 2]), A),
    "concat": (lambda xp, a, b: xp.concat([a, b], axis=1), A, B),
    "stack": (lambda xp, a, b: xp.stack([a, b], axis=-1), A, B),
    "windows": (lambda xp, a: (windows(xp, a, (2, 3), (1, 2)), windows(xp, a, (3, 1), (1, 3))), IMAGES),
    "overlap_add": (lambda xp, *taps: overlap_add(xp, taps, (2, 3), (1, 2), (2, 3, 5, 2)), *TAPS),
    "zeros_like": (lambda xp, a: a + xp.zeros_like(a), A),
    "ones_like": (lambda xp, a: a + xp.ones_like(a), A),
    "full_like": (lambda xp, a: a + xp.full_like(a, 2.5), A),
    "zeros": (lambda xp, a: a + xp.zeros(3, dtype=a.dtype), A),
    "ones": (lambda xp, a: a + xp.ones((2, 3), dtype=a.dtype), A),
    "full": (lambda xp, a: a + xp.full((2, 3), 0.5, dtype=a.dtype), A),
    "arange": (lambda xp, i: i + xp.arange(1, 4, dtype=i.dtype), I),
    **{
        name: (lambda xp, a, name=name: (getattr(xp, name)(a > 0.3), getattr(xp, name)(a > 0.3, axis=1)), A)
        for name in ("all", "any")
    },
    **{
        name: (
            lambda xp, a, name=name: [
                getattr(xp, name)(a, **how) for how in ({}, {"axis": 0}, {"axis": -1, "keepdims": True})
            ],
            A,
        )
        for name in ("sum", "mean", "prod", "max", "min", "argmax", "argmin")
    },
}
TWO = {"atan2", "copysign", "hypot", "logaddexp", "maximum", "minimum", "pow", "add", "subtract", "multiply", "divide"}
TWO |= {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}


def formula_of(name):
    if name in FORMULAS:
        return FORMULAS[name]
    if name in TWO:
        return lambda xp, a, b: (getattr(xp, name)(a, b), getattr(xp, name)(a, 0.5)), A, B
    return lambda xp, a: getattr(xp, name)(a), A


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_computes_what_the_library_does(name, dtype):
    f, *arrays = formula_of(name)
    arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]
    program, result = traced(f, *arrays)
    assert name in {symbol.name for symbol in program.operations}
    wanted = arrays_of(f(xp, *arrays))
    for symbol, value, expected in zip(arrays_of(result), replay(xp, program, arrays), wanted, strict=True):
        np.testing.assert_array_equal(value, expected)
        assert (symbol.shape, symbol.dtype) == (expected.shape, str(expected.dtype)) == (value.shape, str(value.dtype))


def test_whole_numbers_are_summed_in_the_widest_dtype_alone():
    assert compute_once(lambda xp, i: (xp.sum(i), xp.prod(i + 1, axis=0)), I) == [15, [4, 10, 18]]
    with pytest.raises(TraceError, match="array of floats"):
        traced(lambda xp, i: xp.sum(i), I.astype("int32"))


def compute_once(f, *arrays):
    program, result = traced(f, *arrays)
    values = replay(xp, program, arrays)
    assert [str(value.dtype) for value in values] == [symbol.dtype for symbol in arrays_of(result)]
    return [value.tolist() for value in values]
