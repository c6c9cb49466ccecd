"""Derivatives: reverse mode over what was traced, an operation at a time.

Backpropagation (Nielsen, chapter 2) is the chain rule for networks; this is the chain rule for any
formula. `gradients` walks back from a cost through the operations that led to it: g is dC/d(out), and
a line of the table says what that makes of each argument. What comes out are symbols as well, so that
a gradient is one more formula, which any library runs. Derivatives of a second order are not offered.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from anynet.operations import OPERATIONS, TraceError
from anynet.tracing import Symbol, Trace
from anynet.typing import Array
from anynet.windows import put, taps_of


def gradients(of: Symbol, with_respect_to: Sequence[Symbol], seed: Symbol | None = None) -> list[Symbol]:
    """Return the derivatives of a cost, in the trace that it belongs to.

    Args:
        of: The cost, of no dimensions; with a seed, any array of floats.
        with_respect_to: Symbols of the same trace, of floats.
        seed: In the shape of `of`, what its elements weigh: dC/d(of), if C is made of it further on.

    Returns:
        For each symbol a derivative of its shape and dtype; zeros where `of` does not hang on it.

    Raises:
        TraceError: `of` is no cost, a symbol holds no floats, an operation has no derivative, or
            `of` is made of derivatives.

    Example:
        >>> trace = Trace()
        >>> x = trace.argument((3,), "float64")
        >>> (g,) = gradients(trace.sum(x * x), [x])
        >>> g.shape
        (3,)
    """
    _check(of, with_respect_to, seed)
    trace, first = of.trace, len(of.trace.symbols)
    path = _path(of, with_respect_to)
    on_path = {id(symbol) for symbol in path}
    found: dict[int, Array] = {id(of): trace.ones_like(of) if seed is None else seed}
    for symbol in reversed(path):
        for i, a in enumerate(symbol.args):
            if id(a) in on_path and id(symbol) in found and (rule := _rule(symbol, i)):
                contribution = _fitted(trace, rule(trace, found[id(symbol)], symbol, *symbol.args), a)
                found[id(a)] = found[id(a)] + contribution if id(a) in found else contribution
    derivatives = [found[id(s)] if id(s) in found else trace.zeros_like(s) for s in with_respect_to]
    made = {id(symbol) for symbol in trace.symbols[first:] if symbol.name != "zeros_like"}
    trace.derived |= made & {id(g) for g in derivatives}
    return derivatives


def _check(of: Any, with_respect_to: Sequence[Any], seed: Symbol | None) -> None:
    if not isinstance(of, Symbol) or of.dtype not in _FLOATS or (seed is None and of.shape != ()):
        got = f"{of.dtype} of the shape {of.shape}" if isinstance(of, Symbol) else type(of).__name__
        raise TraceError(
            f"grad: expected a cost, one array of floats without dimensions, got {got}. "
            "Take the sum or the mean of what has more."
        )
    for symbol in with_respect_to:
        if symbol.dtype not in _FLOATS:
            raise TraceError(
                f"grad: expected an array of floats to differentiate by, got {symbol.dtype}. Convert it first."
            )


def _path(of: Symbol, with_respect_to: Sequence[Symbol]) -> list[Symbol]:
    """Return the symbols that stand between, both ends included, in the order of their making."""
    below, needed, path = {id(symbol) for symbol in with_respect_to}, {id(of)}, []
    for symbol in of.trace.symbols:
        if symbol.dtype in _FLOATS and symbol.name not in CONSTANT and any(id(a) in below for a in symbol.args):
            below.add(id(symbol))
    for symbol in reversed(of.trace.symbols):
        if id(symbol) in needed:
            if id(symbol) in of.trace.derived:
                raise TraceError(
                    "grad: expected a cost made of arrays, got one made of gradients. "
                    "Derivatives of a second order are not offered."
                )
            needed.update(id(a) for a in symbol.args if isinstance(a, Symbol))
            path += [symbol] if id(symbol) in below else []
    return path[::-1]


def _rule(symbol: Symbol, i: int) -> Any:
    """Return what an operation makes of g for its argument i."""
    if symbol.name not in DERIVATIVES:
        raise TraceError(f"grad: expected operations that have a derivative, got {symbol.name}. Write it otherwise.")
    rules = DERIVATIVES[symbol.name]
    return rules[i] if isinstance(rules, tuple) else partial(rules, i)


def _fitted(xp: Trace, g: Symbol, a: Symbol) -> Symbol:
    """Return g in the shape and dtype of a: summed over what a was broadcast along."""
    more = g.ndim - a.ndim
    axes = tuple(i for i, n in enumerate(g.shape) if i < more or a.shape[i - more] != n)
    g = xp.sum(g, axis=axes) if axes else g
    g = xp.reshape(g, a.shape) if g.shape != a.shape else g
    return xp.astype(g, a.dtype) if g.dtype != a.dtype else g


# The rules that take more than a line: (xp, g, out, *args) -> dC/d(arg). xp is the trace that out belongs to.


def _larger(sign: int, i: int, xp: Trace, g: Array, out: Array, *ab: Any) -> Array:
    a, b = ab[i], ab[1 - i]
    return xp.where(a < b if sign > 0 else a > b, 0.0, xp.where(a == b, 0.5 * g, g))


def _base(xp: Trace, g: Array, out: Array, a: Any, b: Any) -> Array:
    if isinstance(b, (int, float)):
        return g * b * a ** (b - 1 if b != 0 else 0)
    b = xp.zeros_like(out) + b
    return g * b * a ** xp.where(b == 0, 0.0, b - 1)  # 0 where b is, and never 0 / 0


def _exponent(xp: Trace, g: Array, out: Array, a: Any, b: Any) -> Array:
    a = xp.zeros_like(out) + a
    return g * out * xp.log(xp.where(a == 0, 1.0, a))  # 0 ** b stays 0


def _kept(xp: Trace, s: Array, out: Array, a: Any) -> Array:
    """Return s, which has the shape of a reduction, with the axes that it lost."""
    shape, _ = OPERATIONS[out.name](a, axis=out.how.get("axis"), keepdims=True)
    return xp.reshape(s, shape)


def _mean(xp: Trace, g: Array, out: Array, a: Any) -> Array:
    n = max(a.size // max(out.size, 1), 1)
    return xp.broadcast_to(_kept(xp, g * (1.0 / n), out, a), a.shape)


def _extreme(xp: Trace, g: Array, out: Array, a: Any) -> Array:
    is_it = xp.astype(a == _kept(xp, out, out, a), a.dtype)
    return _kept(xp, g, out, a) * is_it / xp.sum(is_it, axis=out.how.get("axis"), keepdims=True)  # ties share


def _prod(xp: Trace, g: Array, out: Array, a: Any) -> Array:
    how = out.how | {"keepdims": True}
    zeros, others = xp.sum(xp.astype(a == 0, a.dtype), **how), xp.where(a == 0, 1.0, a)
    product = _kept(xp, g, out, a) * xp.prod(others, **how)
    return xp.where(a == 0, xp.where(zeros == 1, product, 0.0), xp.where(zeros == 0, product / others, 0.0))


def _matmul(i: int, xp: Trace, g: Array, out: Array, a: Any, b: Any) -> Array:
    is_vector = len(a.shape) == 1, len(b.shape) == 1
    a, g = (xp.expand_dims(a, axis=0), xp.expand_dims(g, axis=g.ndim - 1 + is_vector[1])) if is_vector[0] else (a, g)
    b, g = (xp.expand_dims(b, axis=1), xp.expand_dims(g, axis=-1)) if is_vector[1] else (b, g)
    if i == 0:
        return g @ xp.matrix_transpose(b)  # (m, n) @ (n, k)
    product = xp.matrix_transpose(a) @ g  # (k, m) @ (m, n)
    return xp.reshape(product, product.shape[:-1]) if is_vector[1] else product


def _take(xp: Trace, g: Array, out: Array, a: Array, indices: Any) -> Array:
    """Return the product with 1 where an index, in a row, is that of a column: g may come to one place often."""
    at, k = out.how.get("axis", 0) % a.ndim, math.prod(indices.shape)
    if k == 0 or a.size == 0:
        return xp.zeros_like(a)
    n, axes = a.shape[at], (*range(at), *range(at + 1, a.ndim), at)
    rows = xp.reshape(xp.astype(indices, "int32"), (k, 1))
    columns = xp.zeros_like(rows[:1, 0])  # counted by doubling, on the device of the indices
    while columns.size < n:
        columns = xp.concat([columns, columns + columns.size])
    is_there = xp.astype(xp.where(rows < 0, rows + n, rows) == columns[:n], g.dtype)
    g = xp.permute_dims(xp.reshape(g, (*a.shape[:at], k, *a.shape[at + 1 :])), axes)  # (..., k)
    return xp.permute_dims(g @ is_there, tuple(map(axes.index, range(a.ndim))))  # (..., n), and back


def _getitem(xp: Trace, g: Array, out: Array, a: Any) -> Array:
    if g.size == 0:
        return xp.zeros_like(a)
    key = [k for k in out.how["key"] if k is not None]
    at = next((i for i, k in enumerate(key) if k is ...), len(key))
    rest = [slice(None)] * (a.ndim - len(key) + (at < len(key)))
    keys = [*key[:at], *rest, *key[at + 1 :]]
    places = [
        range(n)[k if isinstance(k, slice) else slice(k % n, k % n + 1)] for n, k in zip(a.shape, keys, strict=True)
    ]
    g = xp.reshape(g, tuple(map(len, places)))
    for axis, (n, where) in enumerate(zip(a.shape, places, strict=True)):
        g = put(xp, g, axis, where, n) if where != range(n) else g
    return g


def _concat(i: int, xp: Trace, g: Array, out: Array, *arrays: Any) -> Array:
    at = out.how.get("axis", 0) % out.ndim
    start = sum(a.shape[at] for a in arrays[:i])
    return g[(*(slice(None),) * at, slice(start, start + arrays[i].shape[at]), ...)]


def _stack(i: int, xp: Trace, g: Array, out: Array, *arrays: Any) -> Array:
    return g[(*(slice(None),) * (out.how.get("axis", 0) % out.ndim), i, ...)]


def _windows(xp: Trace, g: Array, out: Array, a: Any) -> Array:
    down, across = out.how["size"]
    taps = [g[:, :, :, i, j, :] for i in range(down) for j in range(across)]
    return xp.overlap_add(*taps, **out.how, shape=a.shape)


def _overlap_add(i: int, xp: Trace, g: Array, out: Array, *taps: Any) -> Array:
    return g[list(taps_of(out.shape[1:3], out.how["size"], out.how["stride"]))[i]]


def _permute_dims(xp: Trace, g: Array, out: Array, a: Any) -> Array:
    axes = [axis % a.ndim for axis in out.how["axes"]]
    return xp.permute_dims(g, tuple(map(axes.index, range(a.ndim))))


_FLOATS = ("float32", "float64")
# Floats come out, but always the same ones around a place.
CONSTANT = {"ceil", "floor", "floor_divide", "full_like", "ones_like", "round", "sign", "trunc", "zeros_like"}

# What has one array: (xp, g, out, a) -> dC/da.
_OF_ONE: dict[str, Callable[..., Array]] = {
    "abs": lambda xp, g, out, a: g * xp.sign(a),
    "acos": lambda xp, g, out, a: -g / xp.sqrt((1.0 - a) * (1.0 + a)),
    "acosh": lambda xp, g, out, a: g / (xp.sqrt(a - 1.0) * xp.sqrt(a + 1.0)),
    "asin": lambda xp, g, out, a: g / xp.sqrt((1.0 - a) * (1.0 + a)),
    "asinh": lambda xp, g, out, a: g / xp.hypot(a, 1.0),
    "astype": lambda xp, g, out, a: g,
    "atan": lambda xp, g, out, a: g / (a * a + 1.0),
    "atanh": lambda xp, g, out, a: g / ((1.0 - a) * (1.0 + a)),
    "broadcast_to": lambda xp, g, out, a: g,
    "cos": lambda xp, g, out, a: -g * xp.sin(a),
    "cosh": lambda xp, g, out, a: g * xp.sinh(a),
    "exp": lambda xp, g, out, a: g * out,
    "expand_dims": lambda xp, g, out, a: xp.reshape(g, a.shape),
    "expm1": lambda xp, g, out, a: g * (out + 1.0),
    "getitem": _getitem,
    "log": lambda xp, g, out, a: g / a,
    "log10": lambda xp, g, out, a: g / (a * math.log(10)),
    "log1p": lambda xp, g, out, a: g / (a + 1.0),
    "log2": lambda xp, g, out, a: g / (a * math.log(2)),
    "matrix_transpose": lambda xp, g, out, a: xp.matrix_transpose(g),
    "max": _extreme,
    "mean": _mean,
    "min": _extreme,
    "negative": lambda xp, g, out, a: -g,
    "permute_dims": _permute_dims,
    "positive": lambda xp, g, out, a: g,
    "prod": _prod,
    "reciprocal": lambda xp, g, out, a: -g * out * out,
    "reshape": lambda xp, g, out, a: xp.reshape(g, a.shape),
    "sin": lambda xp, g, out, a: g * xp.cos(a),
    "sinh": lambda xp, g, out, a: g * xp.cosh(a),
    "sqrt": lambda xp, g, out, a: 0.5 * g / out,
    "square": lambda xp, g, out, a: 2.0 * g * a,
    "squeeze": lambda xp, g, out, a: xp.reshape(g, a.shape),
    "sum": lambda xp, g, out, a: xp.broadcast_to(_kept(xp, g, out, a), a.shape),
    "tan": lambda xp, g, out, a: g * (out * out + 1.0),
    "tanh": lambda xp, g, out, a: g * (1.0 - out * out),
    "windows": _windows,
}
# A rule for each argument, None where it passes nothing; or one that is told for which.
DERIVATIVES: dict[str, Any] = {name: (rule,) for name, rule in _OF_ONE.items()} | {
    "add": (lambda xp, g, out, a, b: g, lambda xp, g, out, a, b: g),
    "atan2": (
        lambda xp, g, out, a, b: g * b / (a * a + b * b),
        lambda xp, g, out, a, b: -g * a / (a * a + b * b),
    ),
    "clip": (
        lambda xp, g, out, a, low, high: xp.where((a >= low) & (a <= high), g, 0.0),
        lambda xp, g, out, a, low, high: xp.where((a < low) & (low <= high), g, 0.0),
        lambda xp, g, out, a, low, high: xp.where((a > high) | (low > high), g, 0.0),
    ),
    "concat": _concat,
    "copysign": (lambda xp, g, out, a, b: g * xp.sign(a) * xp.sign(out), None),
    "divide": (lambda xp, g, out, a, b: g / b, lambda xp, g, out, a, b: -g * out / b),
    "hypot": (lambda xp, g, out, a, b: g * (a / out), lambda xp, g, out, a, b: g * (b / out)),
    "logaddexp": lambda i, xp, g, out, *ab: g * xp.exp(ab[i] - out),
    "matmul": _matmul,
    "maximum": partial(_larger, 1),
    "minimum": partial(_larger, -1),
    "multiply": (lambda xp, g, out, a, b: g * b, lambda xp, g, out, a, b: g * a),
    "overlap_add": _overlap_add,
    "pow": (_base, _exponent),
    "remainder": (lambda xp, g, out, a, b: g, lambda xp, g, out, a, b: -g * xp.floor(a / b)),
    "stack": _stack,
    "subtract": (lambda xp, g, out, a, b: g, lambda xp, g, out, a, b: -g),
    "take": (_take, None),
    "where": (None, lambda xp, g, out, c, a, b: xp.where(c, g, 0.0), lambda xp, g, out, c, a, b: xp.where(c, 0.0, g)),
}
