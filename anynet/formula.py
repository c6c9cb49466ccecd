"""The compiled function: a formula written once, run anywhere, printed, and differentiated.

`function(f)` turns a plain function of arrays into one that takes numbers, nested lists or
NumPy arrays, computes on a backend, and answers in Python numbers or NumPy arrays. `pp(f)`
writes its expression down, by handing f expressions instead of arrays. f uses operators,
`abs`, and the functions of `array_namespace(x)`; no decision in it may hang on a value.

>>> add = function(lambda x, y: x + y)
>>> add(2, 3), pp(add)
(5.0, '(x + y)')
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from anynet import backends
from anynet.backends import Backend
from anynet.checks import as_code
from anynet.derivatives import gradients
from anynet.derived import within
from anynet.expressions import Expression, written
from anynet.operations import OPERATIONS, TraceError
from anynet.tracing import HOW_TO, Symbol, Trace, replay, traced
from anynet.typing import Array

__all__ = ["Function", "array_namespace", "function", "grad", "pp"]


@dataclass(frozen=True, eq=False)
class Function:
    """A function of arrays, compiled for a backend. Made by `function`, called as the plain one."""

    __wrapped__: Callable[..., Any]  # under this name `inspect` and `help` find the parameters and their defaults
    backend: Backend
    _compiled: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return a Python number or a NumPy array, or a tuple of them where f returns several.

        Args:
            *args: Numbers, nested lists, NumPy arrays or arrays of the backend.
            **kwargs: Likewise, by name.

        Raises:
            TypeError: They are not the arguments of f, hold no real numbers, or f returns
                anything but arrays.
        """
        bound = _bound(inspect.signature(self.__wrapped__), args, kwargs, "function")
        for name, x in bound.arguments.items():
            # A copy: what f writes into its arguments is not written into the caller's.
            bound.arguments[name] = self.backend.copy_to_device(x, name)
        with self.backend.active():
            return _one_or_several(self._compiled(*bound.arguments.values()), _on_host)


def function(
    f: Callable[..., Any], backend: str | Backend = "numpy", dtype: str = "float64", device: Any = None
) -> Function:
    """Return f compiled: a function of numbers, lists or NumPy arrays that runs on a backend.

    Args:
        f: A Python function of arrays; its arguments, names and defaults stay as they are.
        backend: As in `backends.get`; "numpy" computes on the spot, "jax" compiles.
        dtype: What the arguments reach f in; float64, as in Theano's session.
        device: As in `backends.get`.

    Returns:
        A `Function`, called as f is.

    Raises:
        TypeError: f is no function, or one whose arguments have no names.
        ValueError: As `backends.get`.
        ImportError: Likewise.

    Example:
        >>> logistic = function(lambda x: 1 / (1 + array_namespace(x).exp(-x)))
        >>> logistic([[0, 1], [2, 3]])
        array([[0.5       , 0.73105858],
               [0.88079708, 0.95257413]])
    """
    signature = _parameters(f, "function")
    backend = backends.get(backend, device, dtype)
    return Function(f, backend, backend.compile(_of_values(f, signature)))


def _of_values(f: Callable[..., Any], signature: inspect.Signature) -> Callable[..., Any]:
    """Return f as a backend compiles it: the namespace comes first, which f finds by itself, then all arguments."""

    def of_values(xp: Any, *values: Array) -> Any:
        bound = inspect.BoundArguments(signature, dict(zip(signature.parameters, values, strict=True)))
        return f(*bound.args, **bound.kwargs)

    return of_values


def grad(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """Return the gradient of f: a function of the same arguments.

    It is called with arrays of any library, or compiled by `function`. Where its argument is a
    number or a nested list, it is made an array of the others' library, or of NumPy. Called as
    it is, it reads f anew each time, with the numbers, lists and names that f finds then.

    Args:
        f: A Python function of arrays that returns a cost, one array without dimensions.
        argnums: By which argument is differentiated, counted from 0; a tuple for several.

    Returns:
        A function whose value is an array in the shape of that argument, or a tuple of them.

    Raises:
        TypeError: f is no function, or one whose arguments have no names; when called: f returns
            no cost, or asks for a value, that argument holds no floats, or f is a gradient itself.
        ValueError: f has no such argument.

    Example:
        >>> cost = lambda w, x: array_namespace(x).sum((x @ w) ** 2)
        >>> grad(cost)(np.asarray([1.0, 2.0]), np.asarray([[1.0, 0.0], [1.0, 1.0]]))
        array([8., 6.])
        >>> function(grad(lambda x: x**3))(2)
        12.0
    """
    f = f.__wrapped__ if isinstance(f, Function) else f
    signature = _parameters(f, "grad")
    names = _names(signature, argnums)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        given = _bound(signature, args, kwargs, "grad").arguments
        if any(isinstance(x, Expression) for x in given.values()):
            raise TypeError("pp: expected a function without gradients, got one that calls grad. Print what it is of.")
        symbols = [x for x in given.values() if isinstance(x, Symbol)]
        xp = symbols[0].trace if symbols else _made_arrays(given, names)
        arrays = {name: x for name, x in given.items() if isinstance(x, Symbol) or backends.library_of(x)}
        if missing := [name for name in names if name not in arrays]:
            raise TraceError(
                f"grad: expected {missing[0]} as an array that is traced, got {as_code(given[missing[0]])}."
            )

        def gradients_of(trace: Trace, *values: Symbol) -> list[Symbol]:
            bound = inspect.BoundArguments(signature, given | dict(zip(arrays, values, strict=True)))
            return gradients(f(*bound.args, **bound.kwargs), [bound.arguments[name] for name in names])

        found = (within if symbols else _computed)(xp, gradients_of, *arrays.values())
        return tuple(found) if isinstance(argnums, tuple) else found[0]

    return gradient


def _names(signature: inspect.Signature, argnums: int | tuple[int, ...]) -> list[str]:
    """Return the names of the arguments by which is differentiated."""
    names = list(signature.parameters)
    for i in argnums if isinstance(argnums, tuple) else (argnums,):
        if not isinstance(i, int) or not 0 <= i < len(names):
            raise ValueError(f"grad: expected argnums from 0 to {len(names) - 1}, for {signature}, got {as_code(i)}.")
    return [names[i] for i in (argnums if isinstance(argnums, tuple) else (argnums,))]


def _made_arrays(given: dict[str, Any], names: list[str]) -> Any:
    """Return the namespace of the arguments, lists and what is differentiated by made arrays of it."""
    arrays = [x for x in given.values() if backends.library_of(x)]
    try:
        xp = array_namespace(*arrays or [np.empty(0)])
    except TypeError:
        libraries = ", ".join(dict.fromkeys(str(backends.library_of(x)) for x in arrays))
        raise TypeError(f"grad: expected arrays of one library, got some of {libraries}. Convert them first.") from None
    where = {"device": device(arrays[0])} if arrays else {}
    for name, x in given.items():
        if not backends.library_of(x) and (name in names or isinstance(x, (list, tuple))):
            host = backends.get("numpy", dtype="float64").copy_to_device(x, name)
            floats = [a.dtype for a in arrays if xp.isdtype(a.dtype, "real floating")]
            given[name] = xp.asarray(host, dtype=floats[0] if floats else xp.float64, **where)
    return xp


def _computed(xp: Any, gradients_of: Callable[..., list[Symbol]], *arrays: Array) -> list[Array]:
    """Return gradients of arrays, as arrays of their own."""
    try:
        program, _ = traced(gradients_of, *arrays)
    except TraceError as error:
        if str(error).startswith("grad:"):
            raise
        raise TraceError(f"grad: expected a function that can be traced, got one in which {error}. {HOW_TO}") from error
    return [1.0 * found for found in replay(xp, program, arrays)]


def pp(f: Callable[..., Any]) -> str | tuple[str, ...]:
    """Return the expression that f computes, fully parenthesised.

    Args:
        f: A plain function or a compiled one.

    Returns:
        Its text; a tuple if f returns several arrays.

    Raises:
        TypeError: f decides by a value, or hands its arguments to something else.
        AttributeError: f asks for what no expression says, a shape say.
        ValueError: The expression is too long for anyone to read.

    Example:
        >>> pp(lambda x, y=1, weight=2: (x + y) * weight)
        '((x + y) * weight)'
    """
    f = f.__wrapped__ if isinstance(f, Function) else f
    signature = _parameters(f, "pp")
    named = inspect.BoundArguments(signature, {name: _Named("argument", name=name) for name in signature.parameters})
    texts: str | tuple[str, ...] = _one_or_several(f(*named.args, **named.kwargs), written)
    return texts


def _parameters(f: Callable[..., Any], where: str) -> inspect.Signature:
    """Return the signature of f; TypeError unless each of its arguments has a name."""
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        raise TypeError(
            f"{where}: expected a Python function of arrays, got {as_code(f)}. Wrap it in a lambda."
        ) from None
    for p in signature.parameters.values():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise TypeError(f"{where}: expected a function whose arguments have names, got {p}. Name each of them.")
    return signature


def _bound(
    signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any], where: str
) -> inspect.BoundArguments:
    """Return the arguments by name, defaults included."""
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{where}: expected the arguments {signature}, got others: {error}.") from None
    bound.apply_defaults()
    return bound


def _one_or_several(result: Any, f: Callable[[Any], Any]) -> Any:
    return tuple(map(f, result)) if isinstance(result, (tuple, list)) else f(result)


def _on_host(result: Array) -> Any:
    """Return an array as a NumPy array, or as a Python number if it has no dimensions."""
    if backends.library_of(result) is None and not isinstance(result, (Number, np.generic)):
        raise TypeError(
            f"function: expected a function that returns an array, or several, got {type(result).__name__}. "
            "Return arrays, in a tuple if there are several."
        )
    array = backends.to_numpy(result)
    return array if array.ndim > 0 else array.item()


# Printing: f is handed expressions, which remember what was asked of them.


class _Named(Expression):
    """An array of which only the expression is known; it follows the array API."""

    __slots__ = ()

    def __array_namespace__(self, *, api_version: str | None = None) -> "_Standard":
        return _Standard()

    def __getattr__(self, name: str) -> Expression:
        if name not in ("T", "mT", "dtype", "device"):
            raise AttributeError(
                f"pp: expected operators and functions of array_namespace({self._text()}), got {self._text()}.{name}. "
                "A symbol stands for an array of any shape and any values."
            )
        return (_DType if name == "dtype" else _Named)(name, (self,))

    def _refusal(self) -> TypeError:
        return TypeError(
            f"pp: expected an expression, got a decision, number or loop that hangs on the values of {self._text()}. "
            "Use where(condition, a, b) of the array namespace, and leave float() and loops out."
        )

    def _text(self) -> str:
        text = written(self)
        return text if len(text) < 80 else f"{text[:80]}..."


class _DType(_Named):
    """The dtype of an array, for which a formula may ask: that which `function` computes in unless told otherwise."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and "float64" in (other.name, self.name)

    def __ne__(self, other: object) -> bool:
        return not self == other


class _Standard:
    """The functions of the array API, each of which says that it was called."""

    __name__ = "symbolic"  # array_api_compat asks for it

    def __getattr__(self, name: str) -> Any:
        if name in _CONSTANTS.split():
            return _Named("argument", name=name)
        if name not in OPERATIONS and name not in _UNTRACED.split():
            raise AttributeError(
                f"pp: expected a function of the array API standard that returns one array, got {name}. "
                "Write the formula with the standard's functions."
            )
        return lambda *args, **how: _Named(name, args, how)


_CONSTANTS = (
    "e inf nan pi newaxis bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128"
)
# Of the array API standard 2024.12 what returns one array and is not traced.
_UNTRACED = (
    "bitwise_left_shift bitwise_right_shift conj imag nextafter real tensordot vecdot cumulative_prod cumulative_sum "
    "std var diff argsort sort count_nonzero searchsorted take_along_axis asarray empty empty_like eye linspace tril "
    "triu flip moveaxis repeat roll tile"
)
