"""What is traced once, and kept: a step, and a formula, as a library runs its program.

The library brings what makes lines of a program. Here is when they are made, and what happens
where none can be: the formula is then called as it is written, and a warning says why.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from anynet.backends.errors import culprit_of, first_line
from anynet.backends.interface import Noise, Run, Step, bind_namespace, formed, take_steps
from anynet.checks import warn
from anynet.operations import TraceError, dtype_name
from anynet.tracing import HOW_TO, Program, Symbol, traced
from anynet.trees import arrays_of, filled, map_arrays
from anynet.typing import Array, Batch, Namespace, Numbers, Order, TrainState, Tree

if TYPE_CHECKING:
    from anynet.backends import Backend

_KEPT = 64  # steps, formulas, and shapes of one
_SMALL, _MOST_SPARE = 2**20, 2**24  # bytes of storage that a formula keeps between two calls: fresh memory is slow
_LARGE_KEPT = 4


class Line(Protocol):
    """A program as a library runs it."""

    n_bytes: int  # of its storage

    def make(self) -> Any:
        """Return storage, for one run at a time."""

    def run(self, storage: Any, *arguments: Any) -> Any:
        """Return the results for arguments.

        Of a loop there are four, and no results: `held`, `new`, `rows`, `numbers`. It takes a step
        per mini-batch of the rows; the first reads what is held, all write to `new`, which later
        ones read.
        """


# (program, rows of a mini-batch, how many arguments are held); no rows: no loop
MakeLine = Callable[[Program, int | None, int], Line]


def scan(make: MakeLine, backend: "Backend", step: Step, converts: bool = False) -> Run:
    """Return a run that takes a chunk's mini-batches through the lines of a step, or the loop if there are none.

    Lines that convert take x as it is, and make inputs of a mini-batch while it is in the cache.
    """
    xp, lines = backend.xp, _loops(make, backend, step, converts)
    storage: dict[Line, Any] = {}
    chunk: Any = None

    def run(
        train_state: TrainState,
        data: tuple[Array, Array],
        order: Order | None,
        noise: Noise,
        numbers: Sequence[Numbers],
        size: int,
    ) -> TrainState:
        nonlocal chunk  # kept until the next is there: see `loop`
        chunk = Batch(*formed(backend, step, data, order, not converts), noise)
        held, rows, n = arrays_of(train_state), arrays_of(chunk), chunk.x.shape[0]
        n_whole = n - n % size
        parts = [part for part in ((0, n_whole, size), (n_whole, n, n - n_whole)) if part[0] < part[1]]
        found = [lines.find(of := (train_state, _first_rows(chunk, k), numbers[0]), arrays_of(of)) for _, _, k in parts]
        if None in found:
            if converts:
                chunk = chunk._replace(x=step.inputs(xp, chunk.x))
            train_state = take_steps(xp, step, train_state, chunk, numbers, size)
            lines.tell()
            return train_state
        new = [xp.empty(tuple(a.shape), dtype=a.dtype, device=backend.device) for a in held]
        for (line, _), (start, stop, k) in zip(found, parts, strict=True):
            if line not in storage:
                storage[line] = line.make()
            if start == 0:  # what was handed over is not written into
                line.run(storage[line], held, new, [a[:k, ...] for a in rows], numbers[:1])
                start = k
            line.run(storage[line], new, new, [a[start:stop, ...] for a in rows], numbers[start // size :])
        after: TrainState = filled(found[0][1], new)
        return after

    return run


def held_bytes(
    make: MakeLine,
    backend: "Backend",
    step: Step,
    train_state: TrainState,
    batch: Batch,
    numbers: Numbers,
    converts: bool = False,
) -> int:
    """Return the bytes of storage that such a step takes; 0 where it cannot be traced."""
    arguments = train_state, batch, numbers
    found = _loops(make, backend, step, converts).find(arguments, arrays_of(arguments))
    return found[0].n_bytes if found else 0


def compiled(make: MakeLine, backend: "Backend", f: Callable[..., Tree]) -> Callable[..., Tree]:
    """Return f(xp, ...) as a line per shape of its arguments, or with the namespace bound if there is none."""
    lines, slowly = kept_lines(make, backend, f), bind_namespace(backend, f)

    def run(*arguments: Tree) -> Tree:
        arrays = arrays_of(arguments)
        found = lines.find(arguments, arrays)
        if found is None:
            result = slowly(*arguments)
            lines.tell()
            return result
        line, symbols, spare = found
        storage = spare.pop() if spare else line.make()
        values = line.run(storage, *arrays)
        _keep(spare, storage, line.n_bytes)
        return filled(symbols, values)

    return run


_large: deque[deque[Any]] = deque()  # where large storage was put last


def _keep(spare: deque[Any], storage: Any, n_bytes: int) -> None:
    """Put storage where the next call finds it, no two threads in one; what is large only for those called last."""
    if n_bytes > _MOST_SPARE:
        return
    spare.append(storage)
    if n_bytes > _SMALL:
        _large.append(spare)
        while len(_large) > _LARGE_KEPT:
            other = _large.popleft()
            if all(other is not one for one in _large):
                other.clear()


def _first_rows(tree: Tree, n: int) -> Tree:
    return map_arrays(lambda a: a[:n, ...], tree)


@lru_cache(_KEPT)
def _loops(make: MakeLine, backend: "Backend", step: Step, converts: bool) -> "_Lines":
    """Return the lines of a step: find(train_state, batch, numbers) -> (line, result)."""

    def whole(xp: Namespace, train_state: TrainState, batch: Batch, numbers: Numbers) -> TrainState:
        return step(xp, train_state, batch._replace(x=step.inputs(xp, batch.x)) if converts else batch, numbers)

    def make_line(train_state: TrainState, batch: Batch, numbers: Numbers) -> tuple[Line, Tree]:
        program, result = traced(whole, train_state, batch, numbers)
        held, after = arrays_of(train_state), arrays_of(result)
        if [(tuple(a.shape), dtype_name(a)) for a in held] != [_form(a) for a in after]:
            raise TraceError("what is learnt changes its form from step to step")
        return make(program, batch.x.shape[0], len(held)), result

    return _Lines(backend, make_line)


def _form(a: Any) -> Any:
    return (a.shape, a.dtype) if isinstance(a, Symbol) else None


@lru_cache(_KEPT)
def kept_lines(make: MakeLine, backend: "Backend", f: Callable[..., Tree]) -> "_Lines":
    """Return the lines of a formula: find(*arguments) -> (line, result, spare storage)."""

    def make_line(*arguments: Tree) -> tuple[Line, Tree, deque[Any]]:
        program, result = traced(f, *arguments)
        return make(program, None, 0), result, deque()

    return _Lines(backend, make_line)


class _Lines:
    """The lines of a step or a formula, each made once per shapes and dtypes, and kept."""

    def __init__(self, backend: "Backend", make_line: Callable[..., Any]) -> None:
        self._backend, self._make_line = backend, make_line
        self._found: dict[Any, Any] = {}
        self._reason: TraceError | None = None  # why there is none, until it is told

    def find(self, arguments: Tree, arrays: list[Array]) -> Any:
        """Return what was made for such arguments, whose arrays these are; None where nothing can be traced."""
        key = tuple([(a.shape, a.dtype) if hasattr(a, "shape") else None for a in arrays])
        if key not in self._found:
            try:
                made = self._make_line(*arguments)
            except TraceError as error:
                made, self._reason = None, error
            if len(self._found) >= _KEPT:
                self._found.pop(next(iter(self._found)))
            self._found[key] = made
        return self._found[key]

    def tell(self) -> None:
        """Warn once of what was computed as it is written; had that failed, its own error would have told."""
        if self._reason is not None:
            culprit, reason, self._reason = culprit_of(self._reason) or "a formula", first_line(self._reason), None
            warn(
                f"{self._backend.label}: expected formulas that can be traced, got {culprit}: {reason}. It is computed "
                f"as it is written, call by call, and more slowly. {HOW_TO}"
            )
