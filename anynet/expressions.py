"""Expressions: what is said of arrays of which nothing is known but their names.

A symbol of `tracing.py` knows its shape and dtype; an expression is what there is before that: `pp` hands them
to a function, and the languages of `books/` consist of them. Each remembers by which operation it came from others,
so that it can be written down, and computed once there are values. No depth is too deep: nothing here recurs.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Number
from types import EllipsisType
from typing import Any, TypeAlias

from anynet.tracing import Operand

LONGEST_EXPRESSION = 100_000  # characters: what is used twice is written twice, and that can double without end


class Expression(Operand):
    """An array that has a name, or comes from others.

    Args:
        operation: As the standard calls it; "argument" for what has a name alone.
        args: Expressions, numbers and what else the operation takes.
        how: Its keywords.
        name: Of an argument.
    """

    __slots__ = ("args", "how", "name", "operation")

    def __init__(
        self, operation: str, args: tuple[Any, ...] = (), how: dict[str, Any] | None = None, name: str | None = None
    ) -> None:
        self.operation, self.args, self.how, self.name = operation, args, how or {}, name

    def record(self, name: str, *args: Any, **how: Any) -> Any:
        return type(self)(name, args, how)

    def __getitem__(self, key: Any) -> Any:
        return self.record("getitem", self, key=key if isinstance(key, tuple) else (key,))

    def __pos__(self) -> Any:
        return self.record("positive", self)

    def __lshift__(self, other: Any) -> Any:
        return self.record("bitwise_left_shift", self, other)

    def __rlshift__(self, other: Any) -> Any:
        return self.record("bitwise_left_shift", other, self)

    def __rshift__(self, other: Any) -> Any:
        return self.record("bitwise_right_shift", self, other)

    def __rrshift__(self, other: Any) -> Any:
        return self.record("bitwise_right_shift", other, self)


@dataclass(frozen=True)
class Spelling:
    """How expressions are written.

    Args:
        patterns: Operations that have a form of their own: "({0} + {1})".
        names: What others are called, where that is not their name.
        constant: The pattern of a number that is computed with.
    """

    patterns: Mapping[str, str]
    names: Mapping[str, str]
    constant: str = "{0}"

    def parts(self, e: Expression) -> list[Any]:
        """Return the text of an expression, in whose place other expressions stand."""
        if e.operation == "argument":
            return [str(e.name)]
        args = [self._constant(a) for a in e.args]
        if e.operation == "getitem":
            return [*args[0], "[", *_listed([_written(k) for k in e.how["key"]]), "]"]
        pattern = self.patterns.get(e.operation)
        if pattern is not None and not e.how and pattern.count("{") == len(args):
            pieces = re.split(r"\{(\d)\}", pattern)
            return [part for i, piece in enumerate(pieces) for part in (args[int(piece)] if i % 2 else [piece])]
        keywords = [[f"{key}=", *_written(value)] for key, value in e.how.items()]
        return [self.names.get(e.operation, e.operation), "(", *_listed([*args, *keywords]), ")"]

    def _constant(self, a: Any) -> list[Any]:
        written = _written(a)
        is_number = not isinstance(a, Expression) and (isinstance(a, Number) or hasattr(a, "item"))
        return [self.constant.replace("{0}", written[0])] if is_number else written


def _listed(parts: list[list[Any]]) -> list[Any]:
    return [piece for i, part in enumerate(parts) for piece in ([", ", *part] if i else part)]


def _written(x: Any) -> list[Any]:
    """Return an expression as it is, anything else as text, with expressions in it; TypeError where there is none."""
    match x:
        case Expression():
            return [x]
        case Number():
            return [repr(x.item() if hasattr(x, "item") else x)]  # 2.0, not np.float64(2.0)
        case str() | None | EllipsisType():
            return ["..." if x is ... else repr(x)]
        case slice():
            parts = [[] if part is None else _written(part) for part in (x.start, x.stop, x.step)]
            return [*parts[0], ":", *parts[1], *([":", *parts[2]] if x.step is not None else [])]
        case list():
            return ["[", *_listed([_written(part) for part in x]), "]"]
        case tuple():
            return ["(", *_listed([_written(part) for part in x]), ")"]
    if getattr(x, "shape", None) == () and hasattr(x, "item"):  # a number, as a library has it
        return [repr(x.item())]
    raise TypeError(
        f"pp: expected operators and functions between the arguments and plain numbers, got {type(x).__name__}. "
        "Make it an argument of the function, and it gets a name."
    )


_INFIX = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "floor_divide": "//",
    "remainder": "%",
    "pow": "**",
    "matmul": "@",
    "bitwise_and": "&",
    "bitwise_or": "|",
    "bitwise_xor": "^",
    "bitwise_left_shift": "<<",
    "bitwise_right_shift": ">>",
    "less": "<",
    "less_equal": "<=",
    "equal": "==",
    "not_equal": "!=",
    "greater": ">",
    "greater_equal": ">=",
}
ATTRIBUTES = ("T", "mT", "dtype", "device", "shape", "ndim", "size")  # each an operation of its own
PYTHON = Spelling(
    {name: f"({{0}} {sign} {{1}})" for name, sign in _INFIX.items()}
    | {"negative": "(-{0})", "positive": "(+{0})", "bitwise_invert": "(~{0})"}
    | {name: f"{{0}}.{name}" for name in ATTRIBUTES},
    {},
)


def within(x: Any) -> Iterator[Expression]:
    """Yield the expressions in an argument: itself, or those in a list, tuple, slice or dictionary."""
    if isinstance(x, Expression):
        yield x
    elif isinstance(x, (list, tuple)):
        for part in x:
            yield from within(part)
    elif isinstance(x, slice):
        yield from within((x.start, x.stop, x.step))
    elif isinstance(x, dict):
        yield from within(list(x.values()))


def _comes_from(e: Expression) -> Iterable[Expression]:
    return within((e.how, e.args))


def in_order(
    results: Iterable[Expression],
    known: Iterable[int] = (),
    comes_from: Callable[[Expression], Iterable[Expression]] = _comes_from,
) -> list[Expression]:
    """Return what leads to some expressions, each once and after what it comes from.

    Args:
        results: The expressions, which are among what is returned.
        known: The ids of those that are not asked for, nor what they come from.
        comes_from: What an expression comes from; its arguments, unless told otherwise.
    """
    order, seen = [], set(known)
    stack = [(e, False) for e in results]
    while stack:
        e, is_done = stack.pop()
        if is_done:
            order.append(e)
        elif id(e) not in seen:
            seen.add(id(e))
            stack.append((e, True))
            stack += [(part, False) for part in comes_from(e)]
    return order


Form: TypeAlias = tuple[str, tuple[Any, ...], dict[str, Any]]  # operation, args, how


def _as_it_stands(e: Expression) -> Form:
    return e.operation, e.args, e.how


def evaluated(
    results: Any,
    known: Mapping[int, Any],
    compute: Callable[..., Any],
    form: Callable[[Expression], Form] = _as_it_stands,
) -> Any:
    """Return what expressions, in lists, tuples or alone, are worth.

    Args:
        results: The expressions.
        known: The values of the arguments, and of what else has one, by their ids.
        compute: `compute(operation, *args, **how)`, with values in the place of expressions.
        form: By what operation an expression is computed; by its own, unless told otherwise.
    """
    values = dict(known)
    for e in in_order(within(results), known, lambda e: within(form(e)[1:])):
        operation, args, how = form(e)
        values[id(e)] = compute(operation, *_filled(args, values), **_filled(how, values))
    return _filled(results, values)


def _filled(x: Any, values: Mapping[int, Any]) -> Any:
    if isinstance(x, Expression):
        return values[id(x)]
    if isinstance(x, (list, tuple)):
        return type(x)([_filled(part, values) for part in x])
    if isinstance(x, slice):
        return slice(*_filled((x.start, x.stop, x.step), values))
    return {key: _filled(value, values) for key, value in x.items()} if isinstance(x, dict) else x


def written(x: Any, spelling: Spelling = PYTHON) -> str:
    """Return an expression as text.

    Args:
        x: An expression; or a number, or what else stands in one.
        spelling: Whose.

    Raises:
        TypeError: It holds what has no text.
        ValueError: It is too long for anyone to read.

    Example:
        >>> x = Expression("argument", name="x")
        >>> written(1 / (1 + x**2))
        '(1 / (1 + (x ** 2)))'
    """
    length: dict[int, int] = {}
    for e in in_order(within(x), comes_from=lambda e: within(spelling.parts(e))):
        length[id(e)] = sum(len(p) if isinstance(p, str) else length[id(p)] for p in spelling.parts(e))
        if length[id(e)] > LONGEST_EXPRESSION:
            raise ValueError(
                f"pp: expected an expression of at most {LONGEST_EXPRESSION:,} characters, got {length[id(e)]:,}. "
                "Print a smaller part of the function."
            )
    text, left = [], _written(x)[::-1]
    while left:
        part = left.pop()
        if isinstance(part, str):
            text.append(part)
        else:
            left += spelling.parts(part)[::-1]
    return "".join(text)
