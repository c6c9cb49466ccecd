"""A program as a straight line of calls into storage that is made once.

A library says how its functions are called, and which of them write to where they are told to.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from anynet.operations import DTYPES, NUMBER
from anynet.tracing import VIEWS, Program, Symbol, call_of, owner
from anynet.typing import Namespace

_TRANSPOSES = ("permute_dims", "matrix_transpose")
_BYTES = {dtype: int("".join(filter(str.isdigit, dtype)) or "8") // 8 for dtype in DTYPES}


class StraightLine(ABC):
    """The straight line of a program, as a function of Python.

    Args:
        program: What it computes.
        size: None for a line that is run with the arguments, and returns the results. Else it is
            a loop, `run(storage, held, new, rows, numbers)`: so many of the rows are a step's, as a
            tuple of the numbers is, and what is held becomes the results, which are written to
            `new`; later steps read and write there.
        n_held: How many of the arguments are held: the first.
    """

    def __init__(self, program: Program, size: int | None = None, n_held: int = 0) -> None:
        self.program, self.size, self.n_held = program, size, n_held
        self.xp = self.namespace()
        self._env = self.names()
        self._constants = {id(value): name for name, value in self._env.items()}
        self._names = {id(s): f"a{i}" for i, s in enumerate(program.arguments)}
        self._last = {id(owner(a)): i for i, s in enumerate(program.operations) for a in s.args}
        self._last |= {id(owner(r)): len(program.operations) for r in program.results}
        self._held = {id(s) for s in program.arguments[:n_held]}
        self.n_bytes = 0
        self._filled: set[str] = set()
        self._memory: dict[int, str] = {}  # of which roots storage is in use, and which
        self._free: dict[Any, list[str]] = {}
        self._kept: list[str] = []  # lines that make the storage,
        self._views: dict[int, list[str]] = {}  # in which lines each is made
        self._before: list[str] = []  # that stand before the loop,
        self._body: list[str] = []  # and in it
        for i, symbol in enumerate(program.operations):
            self._write(i, symbol)
        self.source = self._looped() if size else self._called()
        exec(compile(self.source, "<a line of anynet>", "exec"), self._env)
        self.make, self.run = self._env["make"], self._env["run"]

    # What a library says.

    @abstractmethod
    def namespace(self) -> Namespace:
        """Return the library's array API namespace."""

    @abstractmethod
    def names(self) -> dict[str, Any]:
        """Return what lines may name: empty(shape, dtype), copyto(to, array), copy(array), and what `calls` needs."""

    @abstractmethod
    def calls(self, symbol: Symbol, args: list[str]) -> tuple[list[str], str]:
        """Return the lines that write an operation's result to OUT, if there are such, and what returns it."""

    @abstractmethod
    def is_elementwise(self, symbol: Symbol) -> bool:
        """Return whether the lines may write over an argument of theirs."""

    def axes_in_memory(self, symbol: Symbol) -> tuple[int, ...] | None:
        """Return the order in which the axes of a result's storage lie in memory; None is their own."""
        return None

    def constant(self, value: Any, name: str = "constant") -> str:
        """Return the name of something that is known before the line runs."""
        name = self._constants.setdefault(id(value), name if name not in self._env else f"{name}_{len(self._env)}")
        self._env[name] = value
        return name

    def filled(self, number: str, dtype: str) -> str:
        """Return the name of a number as an array without dimensions, which is filled where it is first needed."""
        name = f"{number}_{dtype}"
        if name not in self._filled:
            self._filled.add(name)
            self._kept.append(f"{name} = empty((), {dtype!r})")
            self._body.append(f"{name}.fill({number})")
        return name

    # What the line says.

    def _called(self) -> str:
        arguments = ["storage", *(f"a{i}" for i in range(len(self.program.arguments)))]
        body = [*self._before, *self._body, f"return {_tuple(map(self._of, self.program.results))}"]
        return self._source(", ".join(arguments), body)

    def _looped(self) -> str:
        held = [f"a{i}" for i in range(self.n_held)]
        others = self.program.arguments[self.n_held :]
        rows = [self._names[id(s)] for s in others if s.dtype != NUMBER]
        numbers = [self._names[id(s)] for s in others if s.dtype == NUMBER]
        new = [f"o{k}" for k in range(self.n_held)]
        step = [f"{a} = rows_of_{a}[at : at + {self.size}]" for a in rows] + self._body
        step += self._ends()
        body = [f"{_tuple(held)} = held", f"{_tuple(new)} = new", f"{_tuple(f'rows_of_{a}' for a in rows)} = rows"]
        body += [
            *self._before,
            f"for at, {_tuple(numbers)} in zip(range(0, len(rows_of_{rows[0]}), {self.size}), numbers):",
        ]
        return self._source("storage, held, new, rows, numbers", [*body, *(f"    {line}" for line in step)])

    def _ends(self) -> list[str]:
        """Return the lines that bring to their places those results that were not written there."""
        copies, ends = [], []
        for k, result in enumerate(self.program.results):
            made, old = self._of(result), self.program.arguments[k]
            if id(owner(result)) in self._held and result is not old:  # two that change places, say
                copies.append(f"t{k} = copy({made})")
                made = f"t{k}"
            if made != f"o{k}":
                ends.append(f"copyto(o{k}, {made})")
        return copies + ends

    def _source(self, arguments: str, body: list[str]) -> str:
        made = _tuple(line.partition(" = ")[0] for line in self._kept)
        make = ["def make():", *(f"    {line}" for line in self._kept), f"    return {made}"]
        known = ", ".join(f"{name}={name}" for name in self._env)  # as locals they are found sooner
        run = [f"def run({arguments}, {known}):", f"    {made} = storage", *(f"    {line}" for line in body)]
        return "\n".join([*make, *run])

    # One operation after the other.

    def _write(self, i: int, symbol: Symbol) -> None:
        if not any(isinstance(a, Symbol) for a in symbol.args):
            self._names[id(symbol)] = self.constant(call_of(self.xp, symbol)(*symbol.args))
        elif symbol.name in VIEWS:
            self._show(symbol)
        else:
            self._compute(i, symbol)
        for root in {id(owner(a)): owner(a) for a in symbol.args if isinstance(a, Symbol)}.values():
            if self._last[id(root)] == i and id(root) in self._memory:
                self._free.setdefault(self._kind(root), []).append(self._memory.pop(id(root)))

    def _show(self, symbol: Symbol) -> None:
        """Write a view; of storage, of what is held, and of views of them, it is made once."""
        base = symbol.args[0]
        self._names[id(symbol)] = name = f"v{len(self._names)}"
        is_flipped = len(symbol.shape) == 2 and symbol.how.get("axes", (1, 0)) == (1, 0) and symbol.name in _TRANSPOSES
        view = ".T" if is_flipped else ""
        call = "" if is_flipped else self.constant(call_of(self.xp, symbol), symbol.name)
        line = f"{name} = {call}({self._of(base)}){view}"
        lines = self._kept if id(base) in self._memory else self._before if id(base) in self._held else self._body
        if symbol.name != "reshape":  # a view that is reshaped may be copied
            lines = self._views.get(id(base), lines)
        lines.append(line)
        self._views[id(symbol)] = lines

    def _compute(self, i: int, symbol: Symbol) -> None:
        """Write a call that computes something new, into storage where it can be told to."""
        into, fresh = self.calls(symbol, [self._of(a) for a in symbol.args])
        is_handed_out = not self.size and self._last.get(id(symbol)) == len(self.program.operations)
        if is_handed_out or not into:
            self._names[id(symbol)] = name = f"s{len(self._names)}"
            self._body.append(f"{name} = {fresh}")
            return
        out = self._home(i, symbol) if self.is_elementwise(symbol) else None
        if out is None:
            dying = [a for a in symbol.args if self._dies(a, i, symbol)]
            free = self._free.get(self._kind(symbol))
            if dying and self.is_elementwise(symbol):
                out = self._memory.pop(id(dying[0]))
            elif free:
                out = free.pop()
            else:
                out = f"m{len(self._kept)}"
                self._kept.append(f"{out} = {self._storage(symbol)}")
                self.n_bytes += symbol.size * _BYTES[symbol.dtype]
            self._memory[id(symbol)] = out
        self._names[id(symbol)] = out
        self._body += [line.replace("OUT", out) for line in into]

    def _home(self, i: int, symbol: Symbol) -> str | None:
        """Return where the value lives that a result takes the place of, if nobody needs that any more."""
        for k, (old, result) in enumerate(
            zip(self.program.arguments[: self.n_held], self.program.results, strict=False)
        ):
            is_free = self.size and self._last.get(id(old), -1) <= i and not _is_shown(old, symbol)
            if result is symbol and is_free:
                return f"o{k}"
        return None

    def _dies(self, a: Any, i: int, symbol: Symbol) -> bool:
        """Return whether an argument's own storage is free after this operation, and fits its result."""
        is_own = id(a) in self._memory and self._last[id(a)] == i
        return is_own and self._kind(a) == self._kind(symbol) and not _is_shown(a, symbol)

    def _kind(self, symbol: Symbol) -> Any:
        """Return what storage has to be like to hold a result."""
        return symbol.shape, symbol.dtype, self.axes_in_memory(symbol)

    def _storage(self, symbol: Symbol) -> str:
        """Return what makes storage for a result."""
        axes = self.axes_in_memory(symbol)
        if axes is None:
            return f"empty({symbol.shape}, {symbol.dtype!r})"
        shape = tuple(symbol.shape[i] for i in axes)
        return f"empty({shape}, {symbol.dtype!r}).transpose({tuple(map(axes.index, range(len(axes))))})"

    def _of(self, a: Any) -> str:
        """Return how an argument is written."""
        if isinstance(a, Symbol):
            return self._names[id(a)]
        return (
            repr(a) if isinstance(a, (bool, int)) or (isinstance(a, float) and math.isfinite(a)) else self.constant(a)
        )


def _is_shown(a: Symbol, symbol: Symbol) -> bool:
    """Return whether an operation sees an array in another form than its own: then it may not write over it."""
    return any(owner(other) is a and other is not a for other in symbol.args)


def _tuple(names: Iterable[str]) -> str:
    return "(" + "".join(f"{name}, " for name in names) + ")"
