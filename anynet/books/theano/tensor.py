"""Theano's `tensor`, which programs call T: types, and functions of variables.

>>> import anynet.books.theano.tensor as T
>>> x = T.dmatrix("x")
>>> print(pp(T.sum(T.exp(-x), axis=0)))
sum(exp((-x)), axis=0)
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from anynet.books.theano import nnet
from anynet.books.theano.computing import Cost
from anynet.books.theano.variables import Constant, TensorType, Variable, expression, operand, pp, reduced
from anynet.expressions import in_order
from anynet.typing import ArrayLike

__all__ = ["arange", "as_tensor_variable", "cast", "flatten", "grad", "nnet", "pp", "reshape"]


@dataclass(frozen=True)
class Operation:
    """A function of variables, numbers and arrays.

    Args:
        name: As the standard calls it.
        n: How many it takes.
    """

    name: str
    n: int

    def __call__(self, *args: Any) -> Variable:
        """Return what it makes of its arguments."""
        if len(args) != self.n:
            raise TypeError(f"T.{self.name}: expected {self.n} argument{'s' * (self.n > 1)}, got {len(args)}.")
        return expression(self.name, *args)


@dataclass(frozen=True)
class Reduction:
    """A function that leaves out axes.

    Args:
        name: As the standard calls it.
    """

    name: str

    def __call__(self, x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
        """Return what it makes of x along an axis, several, or all."""
        return reduced(self.name, x, axis, keepdims)


@dataclass(frozen=True)
class Several:
    """What makes several variables of a type.

    Args:
        type: Theirs.
    """

    type: TensorType

    def __call__(self, *names: str) -> list[Variable]:
        """Return a variable per name."""
        return [self.type(name) for name in names]


@dataclass(frozen=True)
class Like:
    """A function that makes an array in the shape of another.

    Args:
        name: As the standard calls it.
    """

    name: str

    def __call__(self, x: Any, dtype: Any = None) -> Variable:
        """Return an array in the shape of x, and in its dtype unless told otherwise."""
        return expression(self.name, x, **({} if dtype is None else {"dtype": str(np.dtype(dtype))}))


_DTYPES = {"": "floatX", "f": "float32", "d": "float64", "b": "int8", "w": "int16", "i": "int32", "l": "int64"}
_SHAPES = {"scalar": "scalars", "vector": "vectors", "matrix": "matrices", "tensor3": "tensor3s", "tensor4": "tensor4s"}
_OF_ONE = {  # the standard's name -> Theano's
    **{name: name for name in ("exp", "log", "log2", "log10", "log1p", "expm1", "sqrt", "round", "ceil", "floor")},
    **{name: name for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "shape")},
    "abs": "abs_",
    "acos": "arccos",
    "asin": "arcsin",
    "atan": "arctan",
    "bitwise_invert": "invert",
    "negative": "neg",
    "sign": "sgn",
    "square": "sqr",
    "T": "transpose",
}
_OF_TWO = {
    "add": "add",
    "subtract": "sub",
    "multiply": "mul",
    "divide": "true_div",
    "floor_divide": "int_div",
    "remainder": "mod",
    "pow": "pow",
    "matmul": "dot",
    "maximum": "maximum",
    "minimum": "minimum",
    "equal": "eq",
    "not_equal": "neq",
    "less": "lt",
    "less_equal": "le",
    "greater": "gt",
    "greater_equal": "ge",
    "bitwise_and": "and_",
    "bitwise_or": "or_",
    "bitwise_xor": "xor",
}
_REDUCTIONS = ("sum", "mean", "prod", "max", "min", "argmax", "argmin", "all", "any")
NAMED: dict[str, Any] = {
    **{p + kind: TensorType(_DTYPES[p], n) for p in _DTYPES for n, kind in enumerate(_SHAPES)},
    **{p + many: Several(TensorType(_DTYPES[p], n)) for p in _DTYPES for n, many in enumerate(_SHAPES.values())},
    **{name: Operation(standard, 1) for standard, name in _OF_ONE.items()},
    **{name: Operation(standard, 2) for standard, name in _OF_TWO.items()},
    **{name: Operation("where", 3) for name in ("switch", "where")},
    **{name: Reduction(name) for name in _REDUCTIONS},
    **{name: Like(name) for name in ("zeros_like", "ones_like")},
}
globals().update(NAMED)
__all__ += list(NAMED)


def reshape(x: Any, shape: Any) -> Variable:
    """Return x in another shape.

    Args:
        x: A variable or an array.
        shape: Whole numbers, or sizes of another's shape; -1 is what is left.

    Example:
        >>> print(pp(reshape(TensorType("float64", 2)("x"), (2, -1))))
        reshape(x, shape=(2, -1))
    """
    return expression("reshape", x, shape=shape)


def flatten(x: Any, ndim: int = 1) -> Variable:
    """Return x with its last axes made one.

    Args:
        x: A variable or an array.
        ndim: How many dimensions it then has.

    Example:
        >>> print(pp(flatten(TensorType("float64", 3)("x"), 2)))
        flatten(x, ndim=2)
    """
    return expression("flatten", x, ndim=ndim)


def cast(x: Any, dtype: Any) -> Variable:
    """Return x in another dtype.

    Args:
        x: A variable or an array.
        dtype: "float64", "int32" and the like.

    Example:
        >>> print(pp(cast(TensorType("float64", 2)("x"), "int32")))
        astype(x, dtype='int32')
    """
    made: Variable = operand(x) if isinstance(operand(x), Variable) else Constant(np.asarray(x))
    return made.astype(dtype)


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: str = "int64") -> Variable:
    """Return whole numbers in a row.

    Args:
        start: The first; the end if nothing else is given.
        stop: Before which they end: a number, or a size of a shape.
        step: From one to the next.
        dtype: Of whole numbers.

    Example:
        >>> print(pp(arange(TensorType("int32", 1)("y").shape[0])))
        arange(start=y.shape[0])
    """
    how = {"stop": stop, "step": step, "dtype": dtype}
    usual = {"stop": None, "step": 1, "dtype": "int64"}
    return Variable("arange", (), {"start": start} | {k: v for k, v in how.items() if v is not usual[k]})


def as_tensor_variable(x: ArrayLike, name: str | None = None) -> Variable:
    """Return x as a variable: itself, or a constant.

    Args:
        x: A variable, a number, a list or an array.
        name: What a constant is called; its numbers, unless told otherwise.

    Example:
        >>> print(pp(as_tensor_variable([1.0, 2.0])))
        TensorConstant{[1., 2.]}
    """
    if isinstance(x, Variable):
        return x
    constant: Variable = operand(np.asarray(x))
    constant.name = name or constant.name
    return constant


def grad(cost: Variable, wrt: Any) -> Any:
    """Return the gradient of a cost, as an expression.

    Args:
        cost: One number, made of variables.
        wrt: By which variable is differentiated, or a list of them.

    Returns:
        An expression in the shape of wrt, or a list of them.

    Raises:
        TypeError: They are no variables; when a function of it is called: the cost has dimensions, wrt holds no
            floats, or the cost is made of gradients.
        ValueError: The cost does not hang on wrt.

    Example:
        >>> x = TensorType("float64", 0)("x")
        >>> print(pp(2 * grad(x**2, x)))
        (TensorConstant{2} * grad((x ** TensorConstant{2}), x))
    """
    several = list(wrt) if isinstance(wrt, (list, tuple)) else [wrt]
    for x in (cost, *several):
        if not isinstance(x, Variable):
            raise TypeError(f"grad: expected a cost and variables, got {type(x).__name__}. Make expressions of them.")
    below = {id(e) for e in in_order([cost])}
    if missing := [str(x) for x in several if id(x) not in below]:
        raise ValueError(
            f"grad: expected a cost that hangs on what it is differentiated by, got one without {missing[0]}."
        )
    of = Cost(cost, several)
    found = Variable("gradients", (*of.wrt, *of.others), {"of": of})
    gradients = [Variable("gradient", (found,), {"i": i}) for i in range(len(several))]
    return gradients if isinstance(wrt, (list, tuple)) else gradients[0]
