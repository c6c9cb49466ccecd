"""What Theano's operations are in the standard's functions, which refuse what Theano converts.

Whole numbers and floats meet in a dtype that holds both, as NumPy promotes them: int32 and float32 in float64. A
number of Python has the smallest dtype that holds it, so 2 and 0.5 change no array of floats; 0.1 makes float32
arrays float64 unless `config.floatX` is "float32".
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from anynet import activations
from anynet.books.theano.variables import Variable, config
from anynet.derivatives import gradients
from anynet.derived import Derived
from anynet.expressions import Expression, Form, evaluated, in_order
from anynet.operations import OPERATORS, TraceError, broadcast, dtype_name, isdtype
from anynet.tracing import Trace
from anynet.typing import Array, Namespace


class Cost:
    """What is differentiated, by what, and the variables that it hangs on besides."""

    def __init__(self, cost: Variable, wrt: Sequence[Variable]) -> None:
        self.cost, self.wrt = cost, tuple(wrt)
        known = [id(w) for w in self.wrt]
        self.others = tuple([e for e in in_order([cost], known) if e.operation == "argument" and id(e) not in known])

    def gradients(self, xp: Trace, *values: Array) -> list[Array]:
        """Return the gradients, in a trace."""
        known = {id(e): value for e, value in zip((*self.wrt, *self.others), values, strict=True)}
        return gradients(values_of(xp, self.cost, known), values[: len(self.wrt)])


def values_of(xp: Namespace, results: Any, known: dict[int, Array]) -> Any:
    """Return the values of expressions, where those of some are known by their ids."""
    return evaluated(results, known, partial(_compute, xp, list(known.values())), partial(_steady, known))


def _steady(known: dict[int, Array], e: Expression) -> Form:
    """Return how an expression is computed: as Theano did it, logarithms of what rounds to 0 or 1 before that."""
    if e.operation == "log" and isinstance(e.args[0], Expression):
        inner, left = e.args[0], 0.0
        if id(inner) not in known and inner.operation == "softmax":
            return "log_softmax", inner.args, {}
        if id(inner) not in known and inner.operation == "subtract" and _is_one(inner.args[0]):
            inner, left = inner.args[1], 1.0  # log(1 - sigmoid)
        if (found := _exponent(known, inner)) is not None:
            u, sign = found
            return "log_sigmoid", (u,), {"sign": sign if left else -sign}
    return e.operation, e.args, e.how


def _is_one(x: Any) -> bool:
    return not isinstance(x, Expression) and x == 1


def _exponent(known: dict[int, Array], e: Any) -> tuple[Any, float] | None:
    """Return (u, sign) if an expression is 1 / (1 + exp(-sign * u)); None if it is not, or if a part has a value."""
    if not isinstance(e, Expression) or id(e) in known:
        return None
    if e.operation == "sigmoid":
        return e.args[0], 1.0
    if e.operation != "divide" or not _is_one(e.args[0]) or not isinstance(e.args[1], Expression):
        return None
    total = e.args[1]
    parts = [a for a in total.args if not _is_one(a)]
    if id(total) in known or total.operation != "add" or len(parts) != 1 or not isinstance(parts[0], Expression):
        return None
    return (parts[0].args[0], -1.0) if parts[0].operation == "exp" and id(parts[0]) not in known else None


def _compute(xp: Namespace, arrays: list[Array], operation: str, *args: Any, **how: Any) -> Any:
    """Return the value of an operation.

    Args:
        xp: The namespace of the arrays.
        arrays: Some that are there: what is made anew is made of one of them, on its device.
        operation: As the expression has it.
        *args: Values of its arguments.
        **how: Its keywords.
    """
    if operation == "arange":
        return _counted(xp, arrays, **how)
    if operation in _RULES:
        return _RULES[operation](xp, *args, **how)
    if operation in _OF_FLOATS:
        return getattr(xp, operation)(_floating(xp, args[0]))
    alike = _alike(xp, *args)
    return OPERATORS[operation](*alike) if operation in OPERATORS else getattr(xp, operation)(*alike, **how)


def _name(a: Any) -> str:
    """Return the dtype of an array, or the smallest that holds a number."""
    if isinstance(a, bool):
        return "bool"
    if isinstance(a, int):
        return str(np.min_scalar_type(a if a < 0 else -a - 1))
    if isinstance(a, float):
        return "float32" if config.floatX == "float32" or a != a or float(np.float32(a)) == a else "float64"
    return dtype_name(a)


def _cast(xp: Namespace, a: Any, dtype: str) -> Any:
    return a if dtype_name(a) == dtype else xp.astype(a, getattr(xp, dtype))


def _alike(xp: Namespace, *args: Any) -> list[Any]:
    """Return arrays in one dtype, and numbers as they are."""
    dtype = str(np.result_type(*map(_name, args)))
    number: Any = {"f": float, "b": bool}.get(np.dtype(dtype).kind, int)
    numbers = (bool, int, float)
    return [number(a) if isinstance(a, numbers) else _cast(xp, a, dtype) for a in args]


def _floating(xp: Namespace, a: Array) -> Array:
    return _cast(xp, a, str(np.result_type(dtype_name(a), "float32")))


def _divide(xp: Namespace, a: Any, b: Any) -> Any:
    if all(np.dtype(_name(x)).kind != "f" for x in (a, b)):
        a, b = (float(x) if isinstance(x, (bool, int)) else _cast(xp, x, config.floatX) for x in (a, b))
    a, b = _alike(xp, a, b)
    return a / b


def _dot(xp: Namespace, a: Any, b: Any) -> Array:
    a, b = _alike(xp, a, b)
    if any(isinstance(x, (bool, int, float)) or x.ndim == 0 for x in (a, b)):
        return a * b
    if max(a.ndim, b.ndim) > 2:
        raise TraceError(
            f"dot: expected vectors and matrices, got the shapes {tuple(a.shape)}, {tuple(b.shape)}. Reshape."
        )
    return a @ b


def _pow(xp: Namespace, a: Any, b: Any) -> Any:
    alike = _alike(xp, a, b)
    return alike[0] ** (b if isinstance(b, int) else alike[1])  # a whole power, by which libraries multiply


def _sum(name: str, xp: Namespace, a: Array, **how: Any) -> Array:
    whole = isdtype(dtype_name(a), ("bool", "integral"))
    return getattr(xp, name)(_cast(xp, a, "int64") if whole else a, **how)


def _mean(xp: Namespace, a: Array, **how: Any) -> Array:
    whole = isdtype(dtype_name(a), ("bool", "integral"))
    return xp.mean(_cast(xp, a, "float64") if whole else a, **how)


def _switch(xp: Namespace, condition: Any, a: Any, b: Any) -> Array:
    if isinstance(condition, (bool, int, float)):
        return a if condition else b
    condition = condition if dtype_name(condition) == "bool" else condition != 0
    dtype = str(np.result_type(_name(a), _name(b)))
    if all(isinstance(x, (bool, int, float)) for x in (a, b)):
        a = xp.zeros_like(_cast(xp, condition, dtype)) + a
    return xp.where(condition, *_alike(xp, a, b))


def _transposed(xp: Namespace, a: Array) -> Array:
    return xp.permute_dims(a, tuple(range(a.ndim))[::-1])


def _flatten(xp: Namespace, a: Array, ndim: int) -> Array:
    return xp.reshape(a, (*a.shape[: ndim - 1], -1))


def _astype(xp: Namespace, a: Array, dtype: str) -> Array:
    return _cast(xp, a, dtype)


def _like(name: str, xp: Namespace, a: Array, dtype: str | None = None) -> Array:
    return getattr(xp, name)(a, dtype=getattr(xp, dtype or dtype_name(a)))


def _counted(
    xp: Namespace, arrays: list[Array], start: Any, stop: Any = None, step: Any = 1, dtype: str = "int64"
) -> Array:
    """Return whole numbers, counted by doubling on the device where the arrays are."""
    try:
        numbers = range(start, stop, step) if stop is not None else range(start)
    except TypeError:
        raise TraceError("arange: expected numbers, or sizes of a shape, got values of an array.") from None
    base = next((a for a in arrays if 0 not in a.shape), None)
    if base is None or not numbers:
        return xp.arange(start, stop, step, dtype=getattr(xp, dtype))
    zeros = xp.zeros_like(base, dtype=getattr(xp, dtype))
    counted = xp.reshape(zeros, (-1,))[:1]
    while counted.shape[0] < len(numbers):
        counted = xp.concat([counted, counted + counted.shape[0]])
    counted = counted[: len(numbers)]
    return counted if (numbers.start, numbers.step) == (0, 1) else counted * numbers.step + numbers.start


def _getitem(xp: Namespace, a: Any, key: tuple[Any, ...]) -> Any:
    """Return elements: by numbers and slices, and by arrays of whole numbers that stand side by side."""
    if isinstance(a, tuple):  # a shape
        return a[key[0]]
    if any(isinstance(k, slice) and not _is_plain(k) for k in key):
        raise TraceError(
            "theano: expected slices between numbers or sizes of a shape, got one between values. Hand over the rows."
        )
    arrays = [i for i, k in enumerate(key) if hasattr(k, "dtype")]
    if not arrays:
        return a[key if _has(key, ...) or sum(k is not None for k in key) == a.ndim else (*key, ...)]
    first, last = arrays[0], arrays[-1]
    if _has(key, ...) or _has(key, None) or any(isinstance(k, slice) for k in key[first:last]):
        raise TraceError("theano: expected indices that are arrays to stand side by side, got others between them.")
    while first > 0 and isinstance(key[first - 1], int):
        first -= 1
    while last + 1 < len(key) and isinstance(key[last + 1], int):
        last += 1
    others = tuple(k if not first <= i <= last else slice(None) for i, k in enumerate(key))
    if any(isinstance(k, int) for k in others):
        raise TraceError("theano: expected all indices side by side, got numbers apart from arrays.")
    a = a[others if len(others) == a.ndim else (*others, ...)]
    return _taken(xp, a, first, key[first : last + 1])


def _is_plain(k: slice) -> bool:
    return all(part is None or isinstance(part, int) for part in (k.start, k.stop, k.step))


def _has(key: tuple[Any, ...], what: Any) -> bool:
    return any(k is what for k in key)  # an array compared would be an array


def _taken(xp: Namespace, a: Array, first: int, indices: tuple[Any, ...]) -> Array:
    """Return elements of some axes, which become one, by their places."""
    places: Any = 0
    for k, n in zip(indices, a.shape[first:], strict=False):
        if isinstance(k, int):
            places = places * n + (k % n)
        elif not isdtype(dtype_name(k), "integral"):
            raise TraceError(f"theano: expected whole numbers as indices, got an array of {dtype_name(k)}.")
        else:
            k = _cast(xp, k, "int64")
            places = places * n + xp.where(k < 0, k + n, k)
    before, after = tuple(a.shape[:first]), tuple(a.shape[first + len(indices) :])
    sizes = broadcast(*(tuple(k.shape) for k in indices if not isinstance(k, int)))
    taken = xp.take(xp.reshape(a, (*before, -1, *after)), xp.reshape(places, (-1,)), axis=first)
    return xp.reshape(taken, (*before, *sizes, *after))


def _log_sigmoid(xp: Namespace, u: Array, sign: float) -> Array:
    """Return log(1 / (1 + exp(sign * u)))."""
    u = sign * _floating(xp, u)
    return -xp.logaddexp(u, xp.zeros_like(u))


def _log_softmax(xp: Namespace, a: Array) -> Array:
    a = _floating(xp, a)
    a = xp.reshape(a, (1, -1)) if a.ndim == 1 else a
    a = a - xp.max(a, axis=-1, keepdims=True)
    return a - xp.log(xp.sum(xp.exp(a), axis=-1, keepdims=True))


def _softmax(xp: Namespace, a: Array) -> Array:
    a = _floating(xp, a)
    return activations.softmax.value(xp, xp.reshape(a, (1, -1)) if a.ndim == 1 else a)  # a row, as Theano has it


def _binary_crossentropy(xp: Namespace, output: Array, target: Any) -> Array:
    output, target = _alike(xp, _floating(xp, output), target)
    return -(target * xp.log(output) + (1.0 - target) * xp.log(1.0 - output))


def _categorical_crossentropy(xp: Namespace, output: Array, target: Array) -> Array:
    """Return a cost per row; targets are rows, or the numbers of classes."""
    if target.ndim == output.ndim:
        output, target = _alike(xp, output, target)
        return -xp.sum(target * xp.log(output), axis=-1)
    return -xp.log(_getitem(xp, output, (_counted(xp, [target], target.shape[0]), target)))


def _gradients(of: Cost, xp: Trace, *values: Array) -> list[Array]:
    return of.gradients(xp, *values)


_OF_FLOATS = {"exp", "log", "log2", "log10", "log1p", "expm1", "sqrt", "ceil", "floor", "round"}
_OF_FLOATS |= {"sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"}
_RULES: dict[str, Callable[..., Any]] = {
    "T": _transposed,
    "astype": _astype,
    "binary_crossentropy": _binary_crossentropy,
    "categorical_crossentropy": _categorical_crossentropy,
    "divide": _divide,
    "dtype": lambda xp, a: _name(a),
    "flatten": _flatten,
    "getitem": _getitem,
    "gradient": lambda xp, found, i: found[i],
    "gradients": lambda xp, *values, of: Derived(_gradients, (of,))(xp, *values),
    "log_sigmoid": _log_sigmoid,
    "log_softmax": _log_softmax,
    "matmul": _dot,
    "mean": _mean,
    "ndim": lambda xp, a: a.ndim,
    "ones_like": partial(_like, "ones_like"),
    "pow": _pow,
    "prod": partial(_sum, "prod"),
    "reshape": lambda xp, a, shape: xp.reshape(a, tuple(shape) if isinstance(shape, (list, tuple)) else (shape,)),
    "shape": lambda xp, a: tuple(a.shape),
    "sigmoid": lambda xp, a: activations.sigmoid.value(xp, _floating(xp, a)),
    "size": lambda xp, a: int(np.prod(a.shape)),
    "softmax": _softmax,
    "sum": partial(_sum, "sum"),
    "where": _switch,
    "zeros_like": partial(_like, "zeros_like"),
}
