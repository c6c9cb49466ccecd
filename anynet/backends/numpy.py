"""NumPy: the host itself. Nothing is moved, and nothing has to be waited for."""

import math
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import numpy as standard

from anynet.backends import parts, traced
from anynet.backends.dtypes import STANDARD, named, widened
from anynet.backends.errors import no_such_device
from anynet.backends.interface import Library, Run, Step
from anynet.backends.line import StraightLine
from anynet.operations import NUMBER, is_number
from anynet.tracing import Symbol, call_of
from anynet.typing import Batch, DeviceLike, HostArray, Namespace, Numbers, Shape, TrainState
from anynet.windows import Pair, taps_of

if TYPE_CHECKING:
    from anynet.backends import Backend


def _load(dtype: str) -> Namespace:
    return standard


def _device(xp: Namespace, device: DeviceLike) -> Any:
    if device not in (None, "cpu"):
        raise no_such_device("numpy", device, "None or 'cpu'")
    return "cpu"


_INFINITIES = {"inf": np.inf, "minus_inf": -np.inf}


class NumpyLine(StraightLine):
    """The line of a program: bit for bit what the same functions give, called one by one.

    But for what adds in another order: a sum over a batch is a product with ones here, three times as
    fast; what kernels see of few channels lies element by element, and their product adds as it lies;
    and where windows overlap, their elements are added one after the other.
    """

    def namespace(self) -> Namespace:
        """Return NumPy's."""
        return standard

    def names(self) -> dict[str, Any]:
        """Return what moves numbers, and `where`."""
        return {
            "empty": np.empty,
            "copy": np.array,
            "copyto": np.copyto,
            "where": np.where,
            "dot": np.dot,
        } | _INFINITIES

    def is_elementwise(self, symbol: Symbol) -> bool:
        """Return whether it is one of NumPy's universal functions."""
        return isinstance(getattr(np, symbol.name, None), np.ufunc) and symbol.name != "matmul"

    def axes_in_memory(self, symbol: Symbol) -> tuple[int, ...] | None:
        """Return that windows of a few channels lie element by element: a copy of long rows is four times as fast."""
        if symbol.name != "windows" or symbol.shape[-1] > _FEW_CHANNELS:
            return None
        matrix = math.prod(symbol.shape[:3]), math.prod(symbol.shape[3:])
        users = [s for s in self.program.operations if any(a is symbol for a in s.args)]
        return (3, 4, 5, 0, 1, 2) if all(s.name == "reshape" and s.shape == matrix for s in users) else None

    def calls(self, symbol: Symbol, args: list[str]) -> tuple[list[str], str]:
        """Return what writes an operation's result to OUT, if there is such, and what returns it."""
        name, how = symbol.name, symbol.how
        if symbol.dtype == NUMBER or name == "pow":  # `**` is several functions
            return [], f"{self.constant(call_of(standard, symbol), name)}({', '.join(args)})"
        if name == "matmul" or self.is_elementwise(symbol):
            args = [self._as_array(a, written, symbol) for a, written in zip(symbol.args, args, strict=True)]
            if self._is_by_channel(symbol):
                return self._by_channel(symbol, args)
            if self._is_limited(symbol):
                low, high = (args[1], "inf") if name == "maximum" else ("minus_inf", args[1])
                call = f"{self.constant(np.clip, 'clip')}({args[0]}, {low}, {high}"
                return [f"{call}, out=OUT)"], f"{call})"
            call = f"{self.constant(getattr(np, name), name)}({', '.join(args)}"
            by = "out=" if name in ("maximum", "minimum") else ""  # NumPy wants it so; by position is faster
            return [f"{call}, {by}OUT)"], f"{call})"
        if name == "astype":
            return [f"copyto(OUT, {args[0]}, 'unsafe')"], f"copy({args[0]}, {symbol.dtype!r})"
        if name == "where":
            return [f"copyto(OUT, {args[2]})", f"copyto(OUT, {args[1]}, where={args[0]})"], f"where({', '.join(args)})"
        if name == "sum" and len(symbol.args[0].shape) == 2 and how == {"axis": 0}:
            ones = self.constant(np.ones(symbol.args[0].shape[0], symbol.dtype), "ones")
            return [f"dot({ones}, {args[0]}, OUT)"], f"dot({ones}, {args[0]})"  # of a vector, faster than matmul
        if name in _COMPOSED:
            call = f"{self.constant(_COMPOSED[name](**how), name)}({', '.join(args)}"
            return [f"{call}, out=OUT)"], f"{call}, out=empty({symbol.shape}, {symbol.dtype!r}))"
        if name in ("concat", "stack"):
            call = f"{self.constant(getattr(np, _JOINS[name]), name)}(({', '.join(args)},), {how.get('axis', 0)}"
            return [f"{call}, OUT)"], f"{call})"
        if name in _REDUCTIONS:
            reduce, axis, keepdims = _REDUCTIONS[name], how.get("axis"), how.get("keepdims", False)
            call = f"{self.constant(reduce, name)}({args[0]}, {axis}, None, %s, {keepdims})"
            return [call % "OUT"], call % "None"
        return [], f"{self.constant(call_of(standard, symbol), name)}({', '.join(args)})"

    def _is_limited(self, symbol: Symbol) -> bool:
        """Return whether many floats are compared with one number, which clip does faster."""
        is_one = symbol.name in ("maximum", "minimum") and is_number(symbol.args[1])
        return is_one and symbol.size >= _MANY and symbol.dtype.startswith("float")

    def _is_by_channel(self, symbol: Symbol) -> bool:
        """Return whether the same few numbers meet the last axis of many rows: NumPy would loop over each row."""
        if len(symbol.args) != 2 or symbol.size < _MANY or any(map(is_number, symbol.args)):
            return False
        a, b = symbol.args
        is_own = a.shape == symbol.shape and id(a) in self._memory and self.axes_in_memory(a) is None
        return is_own and b.shape == a.shape[-1:] and b.shape[0] < _SHORT

    def _by_channel(self, symbol: Symbol, args: list[str]) -> tuple[list[str], str]:
        """Return what meets several rows at a time with the numbers, as often one after the other."""
        n, numbers = symbol.shape[-1], symbol.args[1]
        times = next(k for k in range(_MANY // n, 0, -1) if symbol.size // n % k == 0)
        tiled = f"tiled{len(self._kept)}"
        self._kept += [f"{tiled} = empty({(times, n)}, {numbers.dtype!r})", f"flat_{tiled} = {tiled}.reshape(-1)"]
        shape, f = (-1, times * n), self.constant(getattr(np, symbol.name), symbol.name)
        call = f"{f}({args[0]}.reshape({shape}), flat_{tiled}, out=OUT.reshape({shape}))"
        return [f"copyto({tiled}, {args[1]})", call], f"{f}({', '.join(args)})"

    def _as_array(self, a: Any, written: str, symbol: Symbol) -> str:
        """Return how a number beside floats is written: as an array, for converting it costs more than small sums."""
        dtype = next((other.dtype for other in symbol.args if isinstance(other, Symbol) and not is_number(other)), "")
        if not is_number(a) or not dtype.startswith("float"):
            return written
        if isinstance(a, Symbol):
            return self.filled(written, dtype)
        return self.constant(_as_array(a, repr(a), dtype), "number")


_MANY = 2**12  # elements, from which on it pays to spare NumPy its slow loops
_SHORT = 128  # numbers: rows of more are quick enough one by one
_FEW_CHANNELS = 3


@cache
def _as_array(number: float, digits: str, dtype: str) -> HostArray:  # by its digits: 0.0 and -0.0 are equal
    return np.asarray(number, dtype)


def _windows(size: Pair, stride: Pair) -> Callable[..., HostArray]:
    """Return what writes all windows of images: one copy, from a view in which they overlap."""

    def write(a: HostArray, out: HostArray) -> HostArray:
        n, by_row, by_column, by_channel = a.strides
        strides = n, by_row * stride[0], by_column * stride[1], by_row, by_column, by_channel
        np.copyto(out, np.lib.stride_tricks.as_strided(a, out.shape, strides))
        return out

    return write


def _overlap_add(size: Pair, stride: Pair, shape: Shape) -> Callable[..., HostArray]:
    """Return what writes the sum of the elements of windows, each where it was taken from."""
    places = list(taps_of(shape[1:3], size, stride))
    overlaps = size[0] > stride[0] or size[1] > stride[1]

    def write(*taps: HostArray, out: HostArray) -> HostArray:
        out.fill(0)
        for tap, place in zip(taps, places, strict=True):
            there = out[place]
            if overlaps:
                np.add(there, tap, there)
            else:
                np.copyto(there, tap)
        return out

    return write


_COMPOSED: dict[str, Any] = {"windows": _windows, "overlap_add": _overlap_add}
_JOINS = {"concat": "concatenate", "stack": "stack"}
_REDUCTIONS = {
    "sum": np.add.reduce,
    "prod": np.multiply.reduce,
    "max": np.maximum.reduce,
    "min": np.minimum.reduce,
    "all": np.logical_and.reduce,
    "any": np.logical_or.reduce,
    "mean": np.mean,
}


def _scan(backend: "Backend", step: Step) -> Run:
    """Return what takes mini-batches through the lines of a step, or their parts through those of threads."""
    return parts.scan(NumpyLine, backend, step) if step.threads > 1 else traced.scan(NumpyLine, backend, step, True)


def _held_bytes(backend: "Backend", step: Step, train_state: TrainState, batch: Batch, numbers: Numbers) -> int:
    """Return the bytes of storage that the lines of a step take, a part's on each thread."""
    return step.threads * traced.held_bytes(NumpyLine, backend, step, train_state, batch, numbers, True)


_DTYPES = STANDARD | named("float16", "longdouble")

LIBRARY = Library(
    name="numpy",
    load=_load,
    device=_device,
    device_name=str,
    is_array=lambda x: isinstance(x, np.ndarray),
    from_numpy=lambda backend, x: x,
    plain=lambda x, argument: widened(np.asarray(x)),
    dtypes=lambda: _DTYPES,
    out_of_memory=("Unable to allocate",),
    to_numpy=np.array,
    compile=partial(traced.compiled, NumpyLine),
    scan=_scan,
    held_bytes=_held_bytes,
    window_bytes=2**21,  # measured: from twice as many bytes on, a step takes an eighth longer
)
