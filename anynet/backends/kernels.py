"""A program as CuPy runs it best: in few launches, into storage that is made once.

Operations that are element-wise and of one shape become one generated kernel, as far as products
and sums let them meet, as late as they can; kernels of several shapes share a launch where none
of them broadcasts. What has no expression in cuda.py is a call of CuPy's own function.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import array_api_compat.numpy as on_host
import numpy as np

from anynet.backends.cuda import CUDA, TYPES
from anynet.backends.cuda_windows import COMPOSED
from anynet.operations import DTYPES, NUMBER, dtype_name, is_number
from anynet.tracing import VIEWS, Program, Symbol, call_of, owner
from anynet.typing import Array, Shape

_REDUCTIONS = {"sum", "prod", "max", "min", "mean", "all", "any"}
_MOST_OPERATIONS = 256  # of a kernel: the time to compile one grows faster than its text
_MOST_BYTES = 3500  # of a kernel's arguments, of which CUDA takes 4096

Group = list[Symbol]  # element-wise operations of one shape, in order


class Plan:
    """Which operations of a program are launched together, and in which order.

    Args:
        program: What is computed.
    """

    def __init__(self, program: Program) -> None:
        self.constants: list[Symbol] = []  # of nothing that comes in
        self.host: list[Symbol] = []  # of numbers alone, which Python computes
        self.launched: list[Symbol] = []
        self.numbers = {id(s) for s in program.arguments if s.dtype == NUMBER}
        self.elementwise: set[int] = set()
        self._results = {id(r) for r in program.results}
        self._users: dict[int, list[Symbol]] = {id(s): [] for s in program.operations}
        for s in program.operations:
            for a in s.args:
                self._users.get(id(a), []).append(s)
            if not any(isinstance(a, Symbol) for a in s.args):
                self.constants.append(s)
            elif not any(self.is_array(a) for a in s.args):
                self.host.append(s)
                self.numbers.add(id(s))
            else:
                self.launched.append(s)
                if {s.dtype, *map(dtype_name, filter(self.is_array, s.args))} <= TYPES.keys():
                    self.elementwise |= {id(s)} if s.name in CUDA[self.wanted(s)[-1]] else set()

    def is_array(self, a: Any) -> bool:
        """Return whether an argument has its numbers on the device."""
        return id(a) not in self.numbers and hasattr(a, "dtype") and not is_number(a)

    def wanted(self, s: Symbol) -> list[str]:
        """Return in which dtype an element-wise operation takes each of its arguments."""
        own = [dtype_name(a) if self.is_array(a) else "bool" for a in s.args]
        highest = max(own, key=DTYPES.index)  # a number is of the arrays' dtype
        return own if s.name == "astype" else [own[0], s.dtype, s.dtype] if s.name == "where" else [highest] * len(own)

    def launches(self) -> Iterator[Symbol | list[Group]]:
        """Yield, in order, operations that are calls or views, and groups that are one kernel."""
        for stage in self._stages():
            groups: dict[Shape, Group] = {}
            for s in stage:
                if id(s) in self.elementwise:
                    groups.setdefault(s.shape, []).append(s)
            shared: list[Group] = []
            for group in groups.values():
                pieces = self._pieces(group)
                if len(pieces) > 1 or not self._is_flat(group):
                    yield from ([piece] for piece in pieces)
                    continue
                if shared and sum(map(self._n_bytes, [*shared, group])) > _MOST_BYTES:
                    yield shared
                    shared = []
                shared.append(group)
            if shared:
                yield shared
            yield from (s for s in stage if id(s) not in self.elementwise)

    def borders(self, group: Group) -> tuple[list[Array], Group]:
        """Return the arrays that a group takes, and those of its own that others need."""
        inside = {id(s) for s in group}
        taken = {id(a): a for s in group for a in s.args if id(a) not in inside and self.is_array(a)}
        needed = [s for s in group if id(s) in self._results or any(id(u) not in inside for u in self._users[id(s)])]
        return list(taken.values()), needed

    def _stages(self) -> list[list[Symbol]]:
        """Return what may be launched beside each other, after what comes before."""
        stage: dict[int, int] = {}
        for s in self.launched:
            stage[id(s)] = max(stage.get(id(a), -1) + self._gap(a, s) for a in s.args)
        last = max(stage.values(), default=0)
        for s in reversed(self.launched):  # as late as possible: so updates meet at the end
            if id(s) in self.elementwise or s.name in VIEWS:
                alone = last if s.name in VIEWS or self._is_flat([s]) else stage[id(s)]
                stage[id(s)] = min((stage[id(u)] - self._gap(s, u) for u in self._users[id(s)]), default=alone)
        stages: list[list[Symbol]] = [[] for _ in range(-1, last + 1)]
        for s in self.launched:
            stages[stage[id(s)] + 1].append(s)
        return stages

    def _gap(self, a: Any, s: Symbol) -> int:
        """Return how many stages an operation is after its argument at least."""
        is_together = id(a) in self.elementwise and id(s) in self.elementwise and a.shape == s.shape
        return 0 if is_together or s.name in VIEWS else 1

    def _is_flat(self, group: Group) -> bool:
        return all(a.shape == group[0].shape for a in self.borders(group)[0])

    def _n_bytes(self, group: Group) -> int:
        return sum(map(len, self.borders(group))) * (16 + 16 * len(group[0].shape))

    def _pieces(self, group: Group) -> list[Group]:
        """Return a group, halved until a kernel can take it."""
        pieces, left = [], [group]
        while left:
            piece = left.pop()
            if len(piece) == 1 or (len(piece) <= _MOST_OPERATIONS and self._n_bytes(piece) <= _MOST_BYTES):
                pieces.append(piece)
            else:
                left += [piece[len(piece) // 2 :], piece[: len(piece) // 2]]
        return pieces


class Kernel:
    """The text of a kernel, as it is written; several groups are told apart by their sizes.

    Args:
        plan: What its groups are of.
        groups: What it computes.
    """

    def __init__(self, plan: Plan, groups: list[Group]) -> None:
        self.plan, self.groups, self.is_shared = plan, groups, len(groups) > 1
        self.inputs: dict[tuple[int, str], Any] = {}  # by identity and dtype
        self.outs: list[Symbol] = []
        self._names: dict[int, str] = {}  # of what has been computed
        self._body = "".join(map(self._of_group, groups))

    def compiled(self) -> Callable[..., None]:
        """Return a function of the inputs and of the arrays that it writes."""
        import cupy

        raw = "raw " if self.is_shared else ""
        ins = [
            f"{raw if self.plan.is_array(a) else ''}{dtype} x{i}"
            for i, ((_, dtype), a) in enumerate(self.inputs.items())
        ]
        outs = [f"{raw}{s.dtype} y{i}" for i, s in enumerate(self.outs)]
        name = f"anynet_{self.groups[0][0].name}_to_{self.groups[-1][-1].name}"
        kernel = cupy.ElementwiseKernel(", ".join(ins), ", ".join(outs), self._body, name)
        return partial(kernel, size=max(group[0].size for group in self.groups)) if raw else kernel

    def _of_group(self, group: Group) -> str:
        lines, index = [], "[i]" if self.is_shared else ""
        for s in group:
            wanted = self.plan.wanted(s)
            value = CUDA[wanted[-1]][s.name].format(*map(self._value, s.args, wanted))
            self._names[id(s)] = name = f"t{len(self._names)}"
            lines.append(f"{TYPES[s.dtype]} {name} = {value};")
        for s in self.plan.borders(group)[1]:
            lines.append(f"y{len(self.outs)}{index} = {self._names[id(s)]};")
            self.outs.append(s)
        text = "\n".join(lines)
        return f"if (i < {self._input(group[0].size, 'int64')}) {{\n{text}\n}}\n" if self.is_shared else text

    def _value(self, a: Any, wanted: str) -> str:
        """Return how an argument is written in a dtype."""
        if isinstance(a, (int, float)) and abs(a) < 2**31:
            return f"({TYPES[wanted]})({float.__repr__(a) if isinstance(a, float) else int.__repr__(a)})"
        is_array = self.plan.is_array(a)
        dtype = dtype_name(a) if is_array else wanted
        name = self._names.get(id(a)) or self._input(a, dtype) + ("[i]" if is_array and self.is_shared else "")
        return name if dtype == wanted else f"({TYPES[wanted]}){name}"

    def _input(self, a: Any, dtype: str) -> str:
        """Return the name of what the kernel is handed, a size too: its text is one for all sizes of a batch."""
        self.inputs.setdefault((id(a), dtype), a)
        return f"x{list(self.inputs).index((id(a), dtype))}"


class Call(NamedTuple):
    """A function of what is in some places: its result gets a place, or it writes into the last of them."""

    function: Callable[..., Any]
    places: list[int]
    out: int | None = None


def _do(calls: list[Call], values: list[Any]) -> None:
    for function, places, out in calls:
        value = function(*[values[place] for place in places])
        if out is not None:
            values[out] = value


class CudaLine:
    """The launches of a program, and the storage that they need.

    Args:
        program: What it computes.
        size: None for a line that is run with the arguments, and returns the results. Else it is a
            loop, `run(storage, held, new, rows, numbers)`, with so many rows in a step.
        n_held: How many of the arguments are held: the first.
    """

    def __init__(self, program: Program, size: int | None = None, n_held: int = 0) -> None:
        self.program, self.size, self.n_held = program, size, n_held
        self._known: list[Any] = []  # by place; None is not known before
        self._places: dict[int, int] = {}  # of symbols, and of what the formula brought along
        self._buffers: list[tuple[Shape, str]] = []
        self._stored: dict[int, int] = {}  # place -> buffer
        self._free: dict[tuple[Shape, str], list[int]] = {}
        self._once: list[Call] = []  # for a storage,
        self._of_held: list[Call] = []  # when others are held,
        self._each: list[Call] = []  # and in each step
        self._views: dict[int, list[Call]] = {}  # in which of them each is
        for symbol in program.arguments:
            self._place(symbol)
        self._new = [self._new_place() for _ in range(n_held)]
        self._homes: dict[int, int] = {id(r): k for k, r in reversed(list(enumerate(program.results[:n_held])))}
        self._write(Plan(program))
        self._results = [self._place(r) for r in program.results]  # numbers among them, which have a place only now
        ends = zip(self._results, self._new, strict=False)
        self._ends = [(place, end) for place, end in ends if place != end]
        self.n_bytes = sum(math.prod(s) * np.dtype(d).itemsize for s, d in self._buffers) if size else 0

    def make(self) -> Any:
        """Return the storage of a loop; that of a call comes from CuPy's pool, which knows of streams, each time."""
        return self._made() if self.size else None

    def run(self, storage: Any, *arguments: Any) -> Any:
        """Return the results for the arguments; a loop writes them to what is new, and returns none."""
        if self.size:
            return self._loop(storage, *arguments)
        values = self._made()
        values[: len(arguments)] = arguments
        _do(self._each, values)
        return [values[place] for place in self._results]

    def _made(self) -> list[Any]:
        import cupy

        values, buffers = self._known.copy(), [cupy.empty(*buffer) for buffer in self._buffers]
        for place, buffer in self._stored.items():
            values[place] = buffers[buffer]
        _do(self._once, values)
        return values

    def _loop(self, values: list[Any], held: Any, new: Any, rows: Any, numbers: Any) -> None:
        given = list(enumerate(self.program.arguments))[self.n_held :]
        of_rows = [place for place, s in given if s.dtype != NUMBER]
        of_numbers = [place for place, s in given if s.dtype == NUMBER]
        for place, array in zip(self._new, new, strict=True):
            values[place] = array
        n_steps = -(-len(rows[0]) // self.size)  # type: ignore[operator]
        for step, numbers_of_step in enumerate(numbers[:n_steps]):
            if step < 2:
                values[: self.n_held] = new if step else held
                _do(self._of_held, values)
            for place, array in zip(of_rows, rows, strict=True):
                values[place] = array[step * self.size : (step + 1) * self.size]  # type: ignore[operator]
            for place, number in zip(of_numbers, numbers_of_step, strict=True):
                values[place] = number
            _do(self._each, values)
            ends = [(values[place], values[end]) for place, end in self._ends if values[place] is not values[end]]
            for value, end in [(value.copy(), end) for value, end in ends] if len(ends) > 1 else ends:
                end[...] = value  # a copy of each first: one may be where another goes

    # What is called, in order.

    def _write(self, plan: Plan) -> None:
        import array_api_compat.cupy as xp

        for s in plan.constants:
            self._known[self._place(s)] = call_of(xp, s)(*s.args)
        for s in plan.host:
            f = partial(_number, call_of(on_host, s))
            self._each.append(Call(f, list(map(self._place, s.args)), self._place(s)))
        launches = list(plan.launches())
        taken = [
            [a for group in launch for s in group for a in s.args] if isinstance(launch, list) else launch.args
            for launch in launches
        ]
        self._last = {id(owner(a)): i for i, args in enumerate(taken) for a in args}
        self._last |= {id(owner(r)): len(launches) for r in self.program.results}
        for i, launch in enumerate(launches):
            if isinstance(launch, list):
                self._kernel(i, Kernel(plan, launch))
            elif launch.name in VIEWS:
                self._view(launch, xp)
            else:
                self._call(i, launch, xp)
            for root in {id(owner(a)) for a in taken[i]}:
                buffer = self._stored.get(self._places.get(root, -1))
                if self._last[root] == i and buffer is not None:
                    self._free.setdefault(self._buffers[buffer], []).append(buffer)

    def _kernel(self, i: int, kernel: Kernel) -> None:
        ins = list(kernel.inputs.values())
        shown = {id(owner(a)) for a in ins if a is not owner(a)}  # no place to write to, where others are read
        outs = [self._store(s, i + 1, shown) for s in kernel.outs]
        self._each.append(Call(kernel.compiled(), [*map(self._place, ins), *outs]))

    def _view(self, s: Symbol, xp: Any) -> None:
        base, root = s.args[0], self._places.get(id(owner(s)))
        if s.name == "reshape" and base is not owner(s):  # it may be a copy
            calls = self._each
        elif base is not owner(s):
            calls = self._views[id(base)]
        else:
            calls = self._once if root in self._stored else self._of_held if root in range(self.n_held) else self._each
        self._views[id(s)] = calls
        calls.append(Call(call_of(xp, s), [self._place(base)], self._place(s)))

    def _call(self, i: int, s: Symbol, xp: Any) -> None:
        """Write a call, of a product or a sum into storage."""
        import cupy

        places, how = list(map(self._place, s.args)), s.how
        is_product = s.name == "matmul" and all(len(a.shape) == 2 and dtype_name(a) == s.dtype for a in s.args)
        if is_product or s.name in _REDUCTIONS:
            self._each.append(Call(partial(_into, getattr(cupy, s.name), how), [*places, self._store(s, i, set())]))
        elif s.name in COMPOSED:
            self._each.append(Call(partial(COMPOSED[s.name], **how), [*places, self._store(s, i, set())]))
        else:
            self._each.append(Call(call_of(xp, s), places, self._place(s)))

    def _store(self, s: Symbol, until: int, shown: set[int]) -> int:
        """Return the place of a result: over the old value that nobody reads from then on, or of storage."""
        home = self._homes.get(id(s))
        if home is not None:
            old = id(self.program.arguments[home])
            if self._last.get(old, -1) < until and old not in shown:
                self._places[id(s)] = self._new[home]
                return self._places[id(s)]
        place, kind = self._place(s), (s.shape, s.dtype)
        if not self._free.get(kind):
            self._buffers.append(kind)
            self._free[kind] = [len(self._buffers) - 1]
        self._stored[place] = self._free[kind].pop()
        return place

    def _place(self, a: Any) -> int:
        if id(a) not in self._places:
            self._places[id(a)] = self._new_place(None if isinstance(a, Symbol) else a)
        return self._places[id(a)]

    def _new_place(self, value: Any = None) -> int:
        self._known.append(value)
        return len(self._known) - 1


def _number(f: Callable[..., Any], *numbers: Any) -> Any:
    """Return as a number of Python what a function of the host makes of some."""
    return np.asarray(f(*numbers)).item()


def _into(f: Callable[..., Any], how: dict[str, Any], *arrays: Array) -> None:
    f(*arrays[:-1], out=arrays[-1], **how)
