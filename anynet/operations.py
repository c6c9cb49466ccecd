"""Operations: what can be traced, the standard's functions and windows, and what each makes of shapes and dtypes.

Its arguments are arrays, or whatever else has a shape and a dtype, and numbers.
"""

import math
import operator
import sys
from collections.abc import Callable
from itertools import zip_longest
from typing import Any, NamedTuple

from anynet.typing import Shape
from anynet.windows import Pair, places

NUMBER = "number"  # the dtype of a Python number that is known when the program runs
_KINDS = {  # as the standard calls them
    "bool": ("bool",),
    "unsigned integer": ("uint8", "uint16", "uint32", "uint64"),
    "signed integer": ("int8", "int16", "int32", "int64"),
    "real floating": ("float32", "float64"),
}
DTYPES = [name for kind in _KINDS.values() for name in kind]  # of one kind, the wider ones come later
_FLOATS = _KINDS["real floating"]


def isdtype(dtype: str, kind: str | tuple[str, ...]) -> bool:
    """Return whether a dtype is of a kind, as the standard's `isdtype` does."""
    kinds = {**_KINDS, "integral": (*_KINDS["unsigned integer"], *_KINDS["signed integer"])}
    kinds["numeric"] = (*kinds["integral"], *_FLOATS)
    return any(dtype == k or dtype in kinds.get(k, ()) for k in (kind if isinstance(kind, tuple) else (kind,)))


class FloatInfo(NamedTuple):
    """What the standard's `finfo` says of a dtype."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float


FINFO = {
    "float32": FloatInfo(32, 2.0**-23, (2.0 - 2.0**-23) * 2.0**127, -(2.0 - 2.0**-23) * 2.0**127, 2.0**-126),
    "float64": FloatInfo(64, 2.0**-52, sys.float_info.max, -sys.float_info.max, 2.0**-1022),
}


class TraceError(TypeError):
    """A formula asks for what is not known before there are values."""


def is_number(a: Any) -> bool:
    """Return whether a is a number, known now or when the program runs, and no array."""
    return isinstance(a, (bool, int, float)) or (isinstance(a.dtype, str) and a.dtype == NUMBER)


def dtype_name(a: Any) -> str:
    """Return the name of an array's dtype, as the standard has it."""
    return str(a.dtype).rpartition(".")[2]


def _shape(a: Any) -> Shape:
    return () if is_number(a) else tuple(a.shape)


def broadcast(*shapes: Shape) -> Shape:
    """Return the shape that several broadcast to."""
    together: list[int] = []
    for sizes in zip_longest(*(shape[::-1] for shape in shapes), fillvalue=1):
        different = set(sizes) - {1}
        if len(different) > 1:
            raise TraceError(f"the shapes {', '.join(map(str, shapes))} do not go together")
        together.append(different.pop() if different else 1)
    return tuple(together[::-1])


def _promoted(*args: Any) -> str:
    """Return the dtype of arrays and numbers together, as far as the standard says."""
    dtypes = {dtype_name(a) for a in args if not is_number(a)}
    if not dtypes:
        return NUMBER
    highest = max(dtypes, key=DTYPES.index)
    kinds = [kind for kind in _KINDS.values() if dtypes & set(kind)]
    numbers = [a for a in args if is_number(a)]
    fits = highest in _FLOATS or not any(not isinstance(a, int) for a in numbers)
    if (
        len(kinds) > 1
        or not dtypes <= set(DTYPES)
        or not fits
        or (highest == "bool" and not all(map(_is_bool, numbers)))
    ):
        raise TraceError(f"of which dtype {', '.join(sorted(dtypes))} and {numbers} are together, no standard says")
    return highest


def _is_bool(a: Any) -> bool:
    return isinstance(a, bool)


def _elementwise(*args: Any) -> tuple[Shape, str]:
    return broadcast(*map(_shape, args)), _promoted(*args)


def _of_floats(*args: Any) -> tuple[Shape, str]:
    shape, dtype = _elementwise(*args)
    if dtype not in _FLOATS:
        raise TraceError(f"an array of floats is needed, where there is one of {dtype}")
    return shape, dtype


def _quotient(*args: Any) -> tuple[Shape, str]:
    return ((), NUMBER) if all(map(is_number, args)) else _of_floats(*args)


def _decision(*args: Any) -> tuple[Shape, str]:
    return _elementwise(*args)[0], "bool"


def _chosen(condition: Any, a: Any, b: Any, /) -> tuple[Shape, str]:
    if is_number(a) and is_number(b):
        raise TraceError(f"of which dtype a choice between the numbers {a} and {b} is, no standard says")
    return broadcast(*map(_shape, (condition, a, b))), _promoted(a, b)


def _axes(a: Any, axis: Any) -> list[int]:
    given = range(len(a.shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return [i % len(a.shape) for i in given]


def _reduced(a: Any, /, *, axis: Any = None, keepdims: bool = False) -> tuple[Shape, str]:
    gone = _axes(a, axis)
    return tuple(1 if i in gone else n for i, n in enumerate(a.shape) if keepdims or i not in gone), dtype_name(a)


def _averaged(a: Any, /, *, axis: Any = None, keepdims: bool = False) -> tuple[Shape, str]:
    return _reduced(a, axis=axis, keepdims=keepdims)[0], _of_floats(a)[1]


def _summed(a: Any, /, *, axis: Any = None, keepdims: bool = False) -> tuple[Shape, str]:
    widest = dtype_name(a) in ("int64", "uint64")  # a sum of other whole numbers has another dtype than they
    return (_reduced if widest else _averaged)(a, axis=axis, keepdims=keepdims)


def _judged(a: Any, /, *, axis: Any = None, keepdims: bool = False) -> tuple[Shape, str]:
    return _reduced(a, axis=axis, keepdims=keepdims)[0], "bool"


def _found(a: Any, /, *, axis: Any = None, keepdims: bool = False) -> tuple[Shape, str]:
    return _reduced(a, axis=axis, keepdims=keepdims)[0], "int64"


def _product(a: Any, b: Any, /) -> tuple[Shape, str]:
    left, right = (1, *a.shape) if len(a.shape) == 1 else a.shape, (*b.shape, 1) if len(b.shape) == 1 else b.shape
    if not left or not right or left[-1] != right[-2]:
        raise TraceError(f"the shapes {tuple(a.shape)} and {tuple(b.shape)} are no product")
    rows = () if len(a.shape) == 1 else (left[-2],)
    columns = () if len(b.shape) == 1 else (right[-1],)
    return (*broadcast(tuple(left[:-2]), tuple(right[:-2])), *rows, *columns), _promoted(a, b)


def _permuted(a: Any, /, axes: tuple[int, ...]) -> tuple[Shape, str]:
    return tuple(a.shape[i] for i in axes), dtype_name(a)


def _transposed(a: Any, /) -> tuple[Shape, str]:
    return _permuted(a, _last_swapped(len(a.shape)))


def _last_swapped(ndim: int) -> tuple[int, ...]:
    return (*range(ndim - 2), ndim - 1, ndim - 2)


def _reshaped(a: Any, /, shape: Shape) -> tuple[Shape, str]:
    n, rest = math.prod(a.shape), -math.prod(shape)
    return tuple(n // max(rest, 1) if size == -1 else size for size in shape), dtype_name(a)


def _expanded(a: Any, /, axis: int = 0) -> tuple[Shape, str]:
    at = axis % (len(a.shape) + 1)
    return (*a.shape[:at], 1, *a.shape[at:]), dtype_name(a)


def _squeezed(a: Any, /, axis: Any) -> tuple[Shape, str]:
    return tuple(n for i, n in enumerate(a.shape) if i not in _axes(a, axis)), dtype_name(a)


def _broadcasted(a: Any, /, shape: Shape) -> tuple[Shape, str]:
    return tuple(shape), dtype_name(a)


def _converted(a: Any, /, dtype: str) -> tuple[Shape, str]:
    return _shape(a), dtype


def _taken(a: Any, indices: Any, /, axis: int = 0) -> tuple[Shape, str]:
    at = axis % len(a.shape)
    return (*a.shape[:at], *indices.shape, *a.shape[at + 1 :]), dtype_name(a)


def _indexed(a: Any, /, key: tuple[Any, ...]) -> tuple[Shape, str]:
    n_named = sum(k is not None and k is not ... for k in key)
    rest = [slice(None)] * (len(a.shape) - n_named)
    at = next((i for i, k in enumerate(key) if k is ...), len(key))
    sizes, shape = iter(a.shape), []
    for k in (*key[:at], *rest, *key[at + 1 :]):
        if k is None:
            shape.append(1)
        elif isinstance(k, slice):
            shape.append(len(range(next(sizes))[k]))
        elif isinstance(k, int) and not isinstance(k, bool):
            range(next(sizes))[k]
        else:
            raise TraceError(f"an array is indexed by {type(k).__name__}, and not by whole numbers and slices")
    return tuple(shape), dtype_name(a)


def _joined(*arrays: Any, axis: int = 0) -> tuple[Shape, str]:
    shape, at = list(arrays[0].shape), axis % len(arrays[0].shape)
    shape[at] = sum(a.shape[at] for a in arrays)
    return tuple(shape), _promoted(*arrays)


def _stacked(*arrays: Any, axis: int = 0) -> tuple[Shape, str]:
    shape, at = arrays[0].shape, axis % (len(arrays[0].shape) + 1)
    return (*shape[:at], len(arrays), *shape[at:]), _promoted(*arrays)


def _windowed(a: Any, /, *, size: Pair, stride: Pair) -> tuple[Shape, str]:
    n, height, width, channels = a.shape
    return (n, *places((height, width), size, stride), *size, channels), dtype_name(a)


def _overlapped(*taps: Any, size: Pair, stride: Pair, shape: Shape) -> tuple[Shape, str]:
    return tuple(shape), _promoted(*taps)


def _like(a: Any, /, fill_value: float = 0.0, *, dtype: str | None = None) -> tuple[Shape, str]:
    return tuple(a.shape), dtype or dtype_name(a)


def _counted(start: int, /, stop: int | None = None, step: int = 1, *, dtype: str) -> tuple[Shape, str]:
    return (len(range(start, stop, step) if stop is not None else range(start)),), dtype


def _filled(shape: Any, fill_value: float = 0.0, *, dtype: str) -> tuple[Shape, str]:
    return tuple(shape) if isinstance(shape, (tuple, list)) else (shape,), dtype


OPERATORS: dict[str, Callable[..., Any]] = {  # of Python, by what the standard calls their functions
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "pow": operator.pow,
    "matmul": operator.matmul,
    "negative": operator.neg,
    "abs": operator.abs,
    "less": operator.lt,
    "less_equal": operator.le,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "bitwise_xor": operator.xor,
    "bitwise_invert": operator.invert,
}

OPERATIONS: dict[str, Any] = {  # the standard's functions -> shape and dtype
    name: rule
    for rule, names in {
        _elementwise: "abs add bitwise_and bitwise_invert bitwise_or bitwise_xor clip floor_divide maximum minimum "
        "multiply negative positive pow remainder sign square subtract",
        _quotient: "divide",
        _of_floats: "acos acosh asin asinh atan atan2 atanh ceil copysign cos cosh exp expm1 floor hypot log log10 "
        "log1p log2 logaddexp reciprocal round sin sinh sqrt tan tanh trunc",
        _decision: "equal greater greater_equal isfinite isinf isnan less less_equal logical_and logical_not "
        "logical_or logical_xor not_equal signbit",
        _chosen: "where",
        _reduced: "max min",
        _averaged: "mean",
        _summed: "prod sum",
        _judged: "all any",
        _found: "argmax argmin",
        _product: "matmul",
        _permuted: "permute_dims",
        _transposed: "matrix_transpose",
        _reshaped: "reshape",
        _expanded: "expand_dims",
        _squeezed: "squeeze",
        _broadcasted: "broadcast_to",
        _converted: "astype",
        _taken: "take",
        _indexed: "getitem",
        _joined: "concat",
        _stacked: "stack",
        _windowed: "windows",
        _overlapped: "overlap_add",
        _like: "zeros_like ones_like full_like",
        _filled: "zeros ones full",
        _counted: "arange",
    }.items()
    for name in names.split()
}
