"""Variables: arrays that have a type and perhaps a name, shared ones that hold a value, and how they are printed."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np

from anynet import backends
from anynet.backends import Backend
from anynet.expressions import PYTHON, Expression, Spelling, written
from anynet.operations import dtype_name
from anynet.typing import Array, ArrayLike, HostArray

config = SimpleNamespace(floatX="float64")  # what T.vector, T.matrix and quotients of whole numbers are of

_KINDS = ("scalar", "vector", "matrix", "tensor3", "tensor4")  # by the number of dimensions


@dataclass(frozen=True)
class TensorType:
    """What a variable may stand for. Called with a name, it makes one.

    Args:
        dtype: By its name; "floatX" is what `config.floatX` says when the variable is made.
        ndim: How many dimensions.
    """

    dtype: str
    ndim: int

    def __call__(self, name: str | None = None) -> "Variable":
        """Return a variable of this type."""
        dtype = config.floatX if self.dtype == "floatX" else self.dtype
        return Variable("argument", name=name, type=TensorType(dtype, self.ndim))

    def __str__(self) -> str:
        return f"TensorType({self.dtype}, {_KINDS[self.ndim] if self.ndim < len(_KINDS) else f'{self.ndim}D'})"

    def placed(self, x: ArrayLike, where: str, backend: Backend, downcast: bool = False) -> Array:
        """Return a copy of x on a backend, as this type has it.

        Numbers and lists are taken if the dtype holds them; floats are rounded to float32. An array is taken if
        all numbers of its dtype are: one of int64 for float64, but not for float32.

        Args:
            x: A number, a list or an array.
            where: Its name, for errors.
            backend: Where to.
            downcast: Whether to convert whatever comes.

        Raises:
            TypeError: The dtype does not hold it, or it has other dimensions.
        """
        a = backend.checked(x, where)
        if len(a.shape) != self.ndim:
            raise TypeError(f"{where}: expected {self}, got an array of the shape {tuple(a.shape)}. Reshape it.")
        if not downcast and not np.can_cast(dtype_name(a), self.dtype) and (hasattr(x, "dtype") or self._differs(a)):
            raise TypeError(
                f"{where}: expected {self}, got {dtype_name(a)}, which has numbers that {self.dtype} does not hold. "
                f"Convert it, or say allow_input_downcast=True."
            )
        if isinstance(a, np.ndarray):
            return backend.asarray(np.array(a, self.dtype), where)
        return backend.xp.astype(a, getattr(backend.xp, self.dtype), copy=True)

    def _differs(self, a: HostArray) -> bool:
        with np.errstate(invalid="ignore"):
            return not np.issubdtype(self.dtype, np.floating) and not np.array_equal(a.astype(self.dtype), a)


class Variable(Expression):
    """An array of Theano's language: a variable, or what comes of some. Made by types, operators and functions.

    Args:
        operation: As in `Expression`.
        args: Likewise; arrays and lists among them become constants.
        how: Likewise.
        name: What it is called; of what comes of others, a note.
        type: Of a variable.
    """

    __slots__ = ("type",)
    __hash__ = object.__hash__
    __eq__ = object.__eq__  # T.eq compares; == says whether two are the same, as in Theano, whose dictionaries need it
    __ne__ = object.__ne__

    def __init__(
        self,
        operation: str,
        args: tuple[Any, ...] = (),
        how: dict[str, Any] | None = None,
        name: str | None = None,
        type: TensorType | None = None,  # noqa: A002 - as Theano has it
    ) -> None:
        super().__init__(operation, args, how, name)
        self.type = type

    def record(self, name: str, *args: Any, **how: Any) -> Any:
        return expression(name, *args, **how)

    def __getitem__(self, key: Any) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        return Variable("getitem", (self,), {"key": tuple(operand(k) if _is_listed(k) else k for k in keys)})

    def __str__(self) -> str:
        return pp(self) if self.operation != "argument" or self.name else f"<{self.type}>"

    def _refusal(self) -> TypeError:
        return TypeError(
            f"theano: expected an expression, got a decision, number or loop that hangs on the values of "
            f"{_short(self)}. There are none before a function of it is called: write T.switch(condition, a, b)."
        )

    def __iter__(self) -> NoReturn:
        raise self._refusal()

    T = property(lambda self: self.record("T", self))
    shape = property(lambda self: self.record("shape", self))
    size = property(lambda self: self.record("size", self))
    ndim = property(lambda self: self.type.ndim if self.type else self.record("ndim", self))
    dtype = property(lambda self: self.type.dtype if self.type else self.record("dtype", self))

    def sum(self, axis: Any = None, keepdims: bool = False) -> "Variable":
        return reduced("sum", self, axis, keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> "Variable":
        return reduced("mean", self, axis, keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> "Variable":
        return reduced("prod", self, axis, keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> "Variable":
        return reduced("max", self, axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> "Variable":
        return reduced("min", self, axis, keepdims)

    def argmax(self, axis: Any = None, keepdims: bool = False) -> "Variable":
        return reduced("argmax", self, axis, keepdims)

    def argmin(self, axis: Any = None, keepdims: bool = False) -> "Variable":
        return reduced("argmin", self, axis, keepdims)

    def dot(self, other: Any) -> "Variable":
        return expression("matmul", self, other)

    def reshape(self, *shape: Any) -> "Variable":
        return expression("reshape", self, shape=shape[0] if len(shape) == 1 else shape)

    def flatten(self, ndim: int = 1) -> "Variable":
        return expression("flatten", self, ndim=ndim)

    def astype(self, dtype: Any) -> "Variable":
        return expression("astype", self, dtype=str(np.dtype(dtype)) if not isinstance(dtype, Variable) else dtype)


def _short(x: Any) -> str:
    text = pp(x)
    return text if len(text) < 80 else f"{text[:80]}..."


class Constant(Variable):
    """An array that stands in a formula."""

    __slots__ = ("value",)

    def __init__(self, value: HostArray) -> None:
        text = np.array2string(value, separator=", ").replace("\n", "")
        super().__init__("argument", name=f"TensorConstant{{{text}}}", type=TensorType(str(value.dtype), value.ndim))
        self.value = value


class Shared(Variable):
    """A variable that has a value, which functions use and update. Made by `shared`."""

    __slots__ = ("_value",)

    def __init__(self, value: HostArray, name: str | None) -> None:
        super().__init__("argument", name=name, type=TensorType(str(value.dtype), value.ndim))
        self._value: Array = value

    def get_value(self, borrow: bool = False) -> HostArray:
        """Return the value, as a NumPy array of its own.

        Args:
            borrow: Taken for Theano's sake; it is a copy either way.
        """
        return backends.to_numpy(self._value)

    def set_value(self, value: ArrayLike, borrow: bool = False) -> None:
        """Give it another value of its type.

        Args:
            value: A number, a list or an array.
            borrow: Taken for Theano's sake; it is copied either way.

        Raises:
            TypeError: It is of another type.
        """
        assert self.type is not None
        host = backends.to_numpy(value) if hasattr(value, "dtype") else value
        self._value = self.type.placed(host, str(self), backends.get("numpy", dtype="float64"))

    def on(self, backend: Backend) -> Array:
        """Return the value on a backend, where it then stays."""
        if not backend.is_native(self._value) or self._value.device != backend.device:
            self._value = backend.asarray(backends.to_numpy(self._value), str(self))
        return self._value

    def hold(self, value: Array) -> None:
        """Take what a function has computed."""
        self._value = value


def shared(value: ArrayLike, name: str | None = None, borrow: bool = False) -> Shared:
    """Return a variable that has a value, which functions use and update.

    Args:
        value: A number, a list or an array, which is copied; floats are float64, whole numbers int64, unless an
            array says otherwise.
        name: What it is called.
        borrow: Taken for Theano's sake; it is copied either way.

    Returns:
        The variable; `get_value()` and `set_value(value)` are its value's door.

    Raises:
        TypeError: The value holds no real numbers.

    Example:
        >>> state = shared(0, name="state")
        >>> state.get_value()
        array(0)
    """
    checked = backends.get("numpy", dtype="float64").checked(backends.to_numpy(value), name or "shared")
    return Shared(np.array(checked), name)


def _is_listed(x: Any) -> bool:
    return isinstance(x, (list, np.ndarray))


def operand(x: Any) -> Any:
    """Return what stands in an expression as an operand: lists and arrays are constants."""
    x = x.item() if isinstance(x, np.generic) else x
    if isinstance(x, (Variable, bool, int, float)):
        return x
    if backends.library_of(x) is None and not isinstance(x, (list, tuple)):
        raise TypeError(f"theano: expected variables, numbers and arrays in an expression, got {type(x).__name__}.")
    return Constant(np.array(backends.get("numpy", dtype="float64").checked(backends.to_numpy(x), "constant")))


def expression(name: str, *args: Any, **how: Any) -> Variable:
    """Return what an operation makes of some arguments."""
    operands = [operand(a) for a in args]
    if not any(isinstance(a, Variable) for a in operands):
        operands[0] = Constant(np.asarray(operands[0]))
    return Variable(name, tuple(operands), how)


def reduced(name: str, x: Any, axis: Any, keepdims: bool) -> Variable:
    """Return a reduction; what is not asked for is not written down."""
    axes = {} if axis is None else {"axis": tuple(axis) if isinstance(axis, (list, tuple)) else axis}
    return expression(name, x, **axes, **({"keepdims": True} if keepdims else {}))


class _Theanos(Spelling):
    def parts(self, e: Expression) -> list[Any]:
        if e.operation == "gradient":
            of, i = e.args[0].how["of"], e.how["i"]
            return ["grad(", of.cost, ", ", of.wrt[i], ")"]
        return [f"<{e.type}>"] if isinstance(e, Variable) and _is_nameless(e) else super().parts(e)


def _is_nameless(e: Variable) -> bool:
    return e.operation == "argument" and not e.name


_SIGNS = ("add", "subtract", "multiply", "divide", "floor_divide", "remainder", "pow")
_SPELLED = _Theanos(
    {name: PYTHON.patterns[name] for name in (*_SIGNS, "negative", "bitwise_and", "bitwise_or", "bitwise_xor")}
    | {"abs": "|{0}|", "matmul": "({0} \\dot {1})", "T": "{0}.T", "shape": "{0}.shape"},
    {
        "less": "lt",
        "less_equal": "le",
        "greater": "gt",
        "greater_equal": "ge",
        "equal": "eq",
        "not_equal": "neq",
        "square": "sqr",
        "sign": "sgn",
        "where": "switch",
        "bitwise_invert": "invert",
    },
    "TensorConstant{{0}}",
)


def pp(x: Any) -> str:
    r"""Return an expression as text, as Theano spells it.

    Args:
        x: The expression.

    Returns:
        Its text; numbers are `TensorConstant{2}`, a gradient is `grad(cost, w)`.

    Raises:
        TypeError: It is no expression.
        ValueError: It is too long for anyone to read.

    Example:
        >>> x, y = TensorType("float64", 2)("x"), TensorType("float64", 2)("y")
        >>> print(pp(x.dot(y)), pp(abs(x - y)), pp(x * 2))
        (x \dot y) |(x - y)| (x * TensorConstant{2})
    """
    if not isinstance(x, Variable):
        raise TypeError(f"pp: expected an expression, got {type(x).__name__}. Print what the function was made of.")
    return written(x, _SPELLED)
