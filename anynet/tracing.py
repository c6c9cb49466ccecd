"""Tracing: what a formula does with its arrays, recorded once and computed later.

A formula written against the array API is called with symbols: arrays whose shape and dtype are
known and whose values are not. Each remembers by which operation it came from others. What
remains is a `Program`: the operations that somebody needs, in order, none done twice. What a
library makes of one stands in its file of backends/; `replay` runs it with any namespace.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

from anynet.operations import DTYPES, FINFO, NUMBER, OPERATIONS, OPERATORS, TraceError, dtype_name, is_number, isdtype
from anynet.trees import arrays_of, map_arrays
from anynet.typing import Array, Namespace, Shape, Tree
from anynet.windows import COMPOSED

VIEWS = {"permute_dims", "matrix_transpose", "reshape", "expand_dims", "squeeze", "broadcast_to", "getitem"}
HOW_TO = (
    "A formula may use operators and the functions of the array API that xp, or array_namespace(x), has, and decide "
    "by xp.where; it cannot ask for a value, as `if`, float() and the functions of one library do."
)


class Operand:
    """What stands where an array would and has no values: operators ask its `record`, and what needs values is refused.

    Here it is a symbol; an expression, of which not even the shape is known, is another.
    """

    __slots__ = ()
    __array_ufunc__ = None  # NumPy leaves its operators to this class, and its functions refuse it
    __hash__ = object.__hash__

    def record(self, name: str, *args: Any, **how: Any) -> Any:
        """Return what stands for the result of an operation."""
        raise NotImplementedError

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise self._refusal()

    def _refusal(self) -> Exception:
        raise NotImplementedError

    __bool__ = __int__ = __float__ = __complex__ = __index__ = __len__ = __iter__ = __contains__ = _refuse
    __array__ = __setitem__ = __dlpack__ = _refuse


class Symbol(Operand):
    """An array that is not computed: it remembers what was asked, and of whom.

    Args:
        trace: What it belongs to.
        name: The operation's, as the standard calls it; "argument" for what comes in.
        args: Symbols, Python numbers and arrays that the formula brought along.
        how: The operation's keywords.
        shape: Known, as `dtype` is.
        dtype: Its name, or `NUMBER`.
    """

    __slots__ = ("args", "dtype", "how", "name", "shape", "trace")

    def __init__(self, trace: "Trace", name: str, args: Any, how: dict[str, Any], shape: Shape, dtype: str) -> None:
        self.trace, self.name, self.args, self.how, self.shape, self.dtype = trace, name, args, how, shape, dtype

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: math.prod(self.shape))
    T = property(lambda self: self.record("permute_dims", self, axes=tuple(range(self.ndim))[::-1]))
    mT = property(lambda self: self.record("matrix_transpose", self))  # noqa: N815 - the standard's name

    def record(self, name: str, *args: Any, **how: Any) -> "Symbol":
        return self.trace.record(name, *args, **how)

    def __array_namespace__(self, *, api_version: str | None = None) -> "Trace":
        return self.trace

    def __getitem__(self, key: Any) -> "Symbol":
        if not isinstance(key, Symbol):
            return self.record("getitem", self, key=key if isinstance(key, tuple) else (key,))
        if key.ndim == 0:
            return self[self.trace.reshape(key, (1,))][0, ...]
        taken: Symbol = self.trace.take(self, key, axis=0)
        return taken

    def _refusal(self) -> TraceError:
        return TraceError(f"a value is asked for that is not known yet, of an array of the shape {self.shape}")


class Program(NamedTuple):
    """What a formula does: from its arguments, by these operations in this order, to its results."""

    arguments: list[Symbol]
    operations: list[Symbol]
    results: list[Any]  # symbols; and numbers and arrays that the formula returned as they are


class Trace:
    """The namespace that a formula is handed while it is traced; it knows all the symbols that were made of it."""

    __name__ = "symbolic"  # array_api_compat asks for it
    has_windows = True

    def __init__(self) -> None:
        self.symbols: list[Symbol] = []
        self.derived: set[int] = set()  # ids of those that are derivatives: none of them is differentiated
        self._known: dict[Any, Symbol] = {}

    def argument(self, shape: Shape, dtype: str) -> Symbol:
        """Return the symbol of what comes in."""
        return self._new("argument", (), {}, tuple(shape), dtype)

    def record(self, name: str, *args: Any, **how: Any) -> Symbol:
        """Return the symbol of an operation; if it was asked for before, the same."""
        key = (name, *map(_identity, args), repr(how))
        if key not in self._known:
            if any(isinstance(a, Symbol) and a.trace is not self for a in args):
                raise TraceError("an array was kept from one call to another")
            self._known[key] = self._new(name, args, how, *OPERATIONS[name](*args, **how))
        return self._known[key]

    def _new(self, name: str, args: Any, how: dict[str, Any], shape: Shape, dtype: str) -> Symbol:
        self.symbols.append(Symbol(self, name, args, how, shape, dtype))
        return self.symbols[-1]

    def __getattr__(self, name: str) -> Any:
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if name not in OPERATIONS:
            raise TraceError(f"{name} is no function that can be traced")
        code = OPERATIONS[name].__code__
        n = code.co_posonlyargcount
        others = code.co_varnames[n : code.co_argcount]  # which may be given by position as well

        def ask(*args: Any, **how: Any) -> Any:
            if code.co_argcount == 0:  # as many arrays as there are, in a list or not
                return self.record(name, *(args[0] if isinstance(args[0], (list, tuple)) else args), **how)
            how |= dict(zip(others, args[n:], strict=False))
            is_itself = name == "astype" and not how.pop("copy", True) and how["dtype"] == args[0].dtype
            return args[0] if is_itself else self.record(name, *args[:n], **how)

        return ask

    def program(self, results: Sequence[Any]) -> Program:
        """Return what leads to some results; what nobody needs is left out."""
        needed = {id(s) for s in results if isinstance(s, Symbol)}
        operations = []
        for symbol in reversed(self.symbols):
            if id(symbol) in needed and symbol.name != "argument":
                operations.append(symbol)
                needed.update(id(a) for a in symbol.args if isinstance(a, Symbol))
        return Program([s for s in self.symbols if s.name == "argument"], operations[::-1], list(results))


def traced(f: Callable[..., Tree], *arguments: Tree) -> tuple[Program, Tree]:
    """Return what a formula does with arguments of these shapes and dtypes, and its result in symbols.

    Args:
        f: `f(xp, *arguments)`, a pure function. It is called twice: what differs is no formula.
        *arguments: Trees of what has a shape and a dtype. A Python number stands for one that is
            known when the program runs.

    Returns:
        The program, whose results are those of the tree in order; and the tree.

    Raises:
        TraceError: f asks for values, or something that cannot be traced.

    Example:
        >>> program, _ = traced(lambda xp, x, rate: x - rate * x, Trace().argument((2,), "float32"), 0.1)
        >>> [symbol.name for symbol in program.operations]
        ['multiply', 'subtract']
    """
    program, result = _traced_once(f, arguments)
    again, _ = _traced_once(f, arguments)
    if _description(program) != _description(again):
        raise TraceError("it does not do the same each time that it is called, or makes arrays by itself")
    return program, result


def _traced_once(f: Callable[..., Tree], arguments: tuple[Tree, ...]) -> tuple[Program, Tree]:
    trace = Trace()

    def enter(a: Any) -> Symbol:
        return trace.argument(*(((), NUMBER) if is_number(a) else (tuple(a.shape), dtype_name(a))))

    try:
        result = f(trace, *map_arrays(enter, arguments))
    except (TraceError, RecursionError):
        raise
    except Exception as error:  # a library's, or Python's: no symbol has what was asked for
        raise TraceError(str(error).replace("'Symbol' object", "an array that is traced")) from error
    return trace.program(arrays_of(result)), result


def _description(program: Program) -> list[Any]:
    """Return what a program does, by which it can be compared."""
    place = {id(s): i for i, s in enumerate([*program.arguments, *program.operations])}
    steps = [(s.name, [place.get(id(a), _identity(a)) for a in s.args], repr(s.how)) for s in program.operations]
    return [*steps, [place.get(id(r), _identity(r)) for r in program.results]]


def _identity(a: Any) -> Any:
    """Return by what an argument is recognised: an array by itself, a number by its type and digits."""
    return (type(a), repr(a)) if isinstance(a, (bool, int, float)) else id(a)


def owner(a: Any) -> Any:
    """Return the array whose numbers a view shows; what is no view is its own."""
    while isinstance(a, Symbol) and a.name in VIEWS:
        a = a.args[0]
    return a


def replay(xp: Namespace, program: Program, values: Sequence[Any]) -> list[Any]:
    """Return the results of a program for values of its arguments, computed with a namespace one by one."""
    known = {id(s): value for s, value in zip(program.arguments, values, strict=True)}
    for symbol in program.operations:
        args = [known[id(a)] if isinstance(a, Symbol) else a for a in symbol.args]
        known[id(symbol)] = call_of(xp, symbol)(*args)
    return [known[id(r)] if isinstance(r, Symbol) else r for r in program.results]


def call_of(xp: Namespace, symbol: Symbol) -> Callable[..., Array]:
    """Return what computes an operation from the values of its arguments."""
    name, how = symbol.name, symbol.how
    how = how | {"dtype": getattr(xp, how["dtype"])} if how.get("dtype") else how
    if name in OPERATORS:  # the formula's own; a library's function may refuse a number in the first place
        return OPERATORS[name]
    if name == "getitem":
        return lambda a: a[how["key"]]
    if name in COMPOSED:
        return lambda *arrays: COMPOSED[name](xp, arrays, **how)
    function = getattr(xp, name)
    if name in ("concat", "stack"):
        return lambda *arrays: function(list(arrays), **how)
    by_position = [how[k] for k in _BY_POSITION.get(name, ())]
    by_name = {k: v for k, v in how.items() if k not in _BY_POSITION.get(name, ())}
    return lambda *args: function(*args, *by_position, **by_name)


_BY_POSITION = {
    "astype": ("dtype",),
    "permute_dims": ("axes",),
    "reshape": ("shape",),
    "squeeze": ("axis",),
    "broadcast_to": ("shape",),
}
_CONSTANTS: dict[str, Any] = {name: name for name in DTYPES} | {
    "pi": math.pi,
    "e": math.e,
    "inf": math.inf,
    "nan": math.nan,
}
_CONSTANTS |= {"newaxis": None, "finfo": FINFO.__getitem__, "isdtype": isdtype}

for _name, _operator in OPERATORS.items():
    _dunder = _operator.__name__.strip("_")
    setattr(Operand, f"__{_dunder}__", lambda a, *b, name=_name: a.record(name, a, *b))
    if _dunder in ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"]:
        setattr(Operand, f"__r{_dunder}__", lambda a, b, name=_name: a.record(name, b, a))
