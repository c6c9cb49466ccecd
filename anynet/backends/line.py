"""A program as NumPy runs it best: a straight line of calls into storage that is made once.

The results are, bit for bit, those of the same functions called one by one, but for a sum over
a batch: it is a product with ones here, which is three times as fast and adds in another order.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from array_api_compat import numpy as standard

from anynet.operations import NUMBER
from anynet.tracing import VIEWS, Program, Symbol, call_of, owner

_REDUCTIONS = {
    "sum": np.add.reduce,
    "prod": np.multiply.reduce,
    "max": np.maximum.reduce,
    "min": np.minimum.reduce,
    "all": np.logical_and.reduce,
    "any": np.logical_or.reduce,
    "mean": np.mean,
}


class NumpyLine:
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
        self._env: dict[str, Any] = {"empty": np.empty, "array": np.array, "copyto": np.copyto, "where": np.where}
        self._constants = {id(value): name for name, value in self._env.items()}
        self._names = {id(s): f"a{i}" for i, s in enumerate(program.arguments)}
        self._last = {id(owner(a)): i for i, s in enumerate(program.operations) for a in s.args}
        self._last |= {id(owner(r)): len(program.operations) for r in program.results}
        self._held = {id(s) for s in program.arguments[:n_held]}
        self.n_bytes = 0
        self._memory: dict[int, str] = {}  # of which roots storage is in use, and which
        self._free: dict[Any, list[str]] = {}
        self._kept: list[str] = []  # lines that make the storage,
        self._before: list[str] = []  # that stand before the loop,
        self._body: list[str] = []  # and in it
        for i, symbol in enumerate(program.operations):
            self._write(i, symbol)
        source = self._looped() if size else self._called()
        self.source = source
        known = ", ".join(f"{name}={name}" for name in self._env)  # as locals they are found sooner
        exec(source.replace("KNOWN", known), self._env)
        self.make, self.run = self._env["make"], self._env["run"]

    # What it says.

    def _called(self) -> str:
        arguments = [f"a{i}" for i in range(len(self.program.arguments))]
        body = [*self._before, *self._body, f"return {_tuple(map(self._of, self.program.results))}"]
        return self._source(", ".join(arguments), body)

    def _looped(self) -> str:
        held = [f"a{i}" for i in range(self.n_held)]
        others = self.program.arguments[self.n_held :]
        rows = [self._names[id(s)] for s in others if s.dtype != NUMBER]
        numbers = [self._names[id(s)] for s in others if s.dtype == NUMBER]
        new = [f"o{k}" for k in range(self.n_held)]
        step = [f"{a} = rows_of_{a}[at : at + {self.size}]" for a in rows] + self._body
        step += [
            f"copyto({o}, {self._of(r)})" for o, r in zip(new, self.program.results, strict=True) if self._of(r) != o
        ]
        body = [f"{_tuple(held)} = held", f"{_tuple(new)} = new", f"{_tuple(f'rows_of_{a}' for a in rows)} = rows"]
        body += [
            *self._before,
            f"for at, {_tuple(numbers)} in zip(range(0, len(rows_of_{rows[0]}), {self.size}), numbers):",
        ]
        return self._source("held, new, rows, numbers", [*body, *(f"    {line}" for line in step)])

    def _source(self, arguments: str, body: list[str]) -> str:
        made = _tuple(line.partition(" = ")[0] for line in self._kept)
        make = ["def make():", *(f"    {line}" for line in self._kept), f"    return {made}"]
        run = [f"def run(storage, {arguments}, KNOWN):", f"    {made} = storage", *(f"    {line}" for line in body)]
        return "\n".join([*make, *run])

    # One operation after the other.

    def _write(self, i: int, symbol: Symbol) -> None:
        if not any(isinstance(a, Symbol) for a in symbol.args):
            self._names[id(symbol)] = self._constant(call_of(standard, symbol)(*symbol.args))
        elif symbol.name in VIEWS:
            self._show(symbol)
        else:
            self._compute(i, symbol)
        for root in {id(owner(a)): owner(a) for a in symbol.args if isinstance(a, Symbol)}.values():
            if self._last[id(root)] == i and id(root) in self._memory:
                self._free.setdefault((root.shape, root.dtype), []).append(self._memory.pop(id(root)))

    def _show(self, symbol: Symbol) -> None:
        """Write a view; of storage, and of what is held, it is made once."""
        base = symbol.args[0]
        self._names[id(symbol)] = name = f"v{len(self._names)}"
        f = self._constant(call_of(standard, symbol), symbol.name)
        line = (
            f"{name} = {self._of(base)}.transpose({symbol.how['axes']})"
            if symbol.name == "permute_dims"
            else f"{name} = {f}({self._of(base)})"
        )
        is_whole = base is owner(symbol)  # reshaped, what is no whole array may be copied
        if is_whole and id(base) in self._memory:
            self._kept.append(line)
        elif is_whole and id(base) in self._held:
            self._before.append(line)
        else:
            self._body.append(line)

    def _compute(self, i: int, symbol: Symbol) -> None:
        """Write a call that computes something new, into storage where it can be told to."""
        into, fresh = self._calls(i, symbol)
        is_handed_out = not self.size and self._last.get(id(symbol)) == len(self.program.operations)
        if is_handed_out or not into:
            self._names[id(symbol)] = name = f"s{len(self._names)}"
            self._body.append(f"{name} = {fresh}")
            return
        out = self._home(i, symbol) if _is_elementwise(symbol) else None
        if out is None:
            dying = [a for a in symbol.args if isinstance(a, Symbol) and self._ends(a, i, symbol)]
            free = self._free.get((symbol.shape, symbol.dtype))
            if dying and _is_elementwise(symbol):
                out = self._memory.pop(id(dying[0]))
            elif free:
                out = free.pop()
            else:
                out = f"m{len(self._kept)}"
                self._kept.append(f"{out} = empty({symbol.shape}, {symbol.dtype!r})")
                self.n_bytes += symbol.size * np.dtype(symbol.dtype).itemsize
            self._memory[id(symbol)] = out
        self._names[id(symbol)] = out
        self._body += [line.replace("OUT", out) for line in into]

    def _calls(self, i: int, symbol: Symbol) -> tuple[list[str], str]:
        """Return the lines that write an operation's result to OUT, if there are such, and what returns it."""
        args, name, how = [self._of(a) for a in symbol.args], symbol.name, symbol.how
        if symbol.dtype == NUMBER or name == "pow":  # `**` is several functions
            return [], f"{self._constant(call_of(standard, symbol), symbol.name)}({', '.join(args)})"
        if name == "matmul" or _is_elementwise(symbol):
            call = f"{self._constant(getattr(np, name), name)}({', '.join(args)}"
            by = "out=" if name in ("maximum", "minimum") else ""  # NumPy wants it so; by position is faster
            return [f"{call}, {by}OUT)"], f"{call})"
        if name == "astype":
            return [f"copyto(OUT, {args[0]}, 'unsafe')"], f"array({args[0]}, {symbol.dtype!r})"
        if name == "where":
            return [f"copyto(OUT, {args[2]})", f"copyto(OUT, {args[1]}, where={args[0]})"], f"where({', '.join(args)})"
        if name == "sum" and len(symbol.args[0].shape) == 2 and how == {"axis": 0}:
            ones = self._constant(np.ones(symbol.args[0].shape[0], symbol.dtype), "ones")
            call = f"{self._constant(np.matmul, 'matmul')}({ones}, {args[0]}"
            return [f"{call}, OUT)"], f"{call})"
        if name in _REDUCTIONS:
            reduce, axis, keepdims = _REDUCTIONS[name], how.get("axis"), how.get("keepdims", False)
            call = f"{self._constant(reduce, name)}({args[0]}, {axis}, None, %s, {keepdims})"
            return [call % "OUT"], call % "None"
        return [], f"{self._constant(call_of(standard, symbol), symbol.name)}({', '.join(args)})"

    def _home(self, i: int, symbol: Symbol) -> str | None:
        """Return where the value lives that a result takes the place of, if nobody needs that any more."""
        for k, (old, result) in enumerate(
            zip(self.program.arguments[: self.n_held], self.program.results, strict=False)
        ):
            if result is symbol and self.size and self._last.get(id(old), -1) <= i:
                return f"o{k}"
        return None

    def _ends(self, a: Symbol, i: int, symbol: Symbol) -> bool:
        """Return whether an argument's own storage is free after this operation, and fits its result."""
        return id(a) in self._memory and self._last[id(a)] == i and (a.shape, a.dtype) == (symbol.shape, symbol.dtype)

    def _of(self, a: Any) -> str:
        """Return how an argument is written."""
        if isinstance(a, Symbol):
            return self._names[id(a)]
        return (
            repr(a) if isinstance(a, (bool, int)) or (isinstance(a, float) and math.isfinite(a)) else self._constant(a)
        )

    def _constant(self, value: Any, name: str = "constant") -> str:
        """Return the name of something that is known before the line runs."""
        name = self._constants.setdefault(id(value), name if name not in self._env else f"{name}_{len(self._env)}")
        self._env[name] = value
        return name


def _is_elementwise(symbol: Symbol) -> bool:
    return isinstance(getattr(np, symbol.name, None), np.ufunc) and symbol.name != "matmul"


def _tuple(names: Iterable[str]) -> str:
    return "(" + "".join(f"{name}, " for name in names) + ")"
