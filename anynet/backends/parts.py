"""Parts of a mini-batch side by side: each thread takes some, and one step is made of their gradients.

That is faster than to share out each product, for all else of a part is done beside the others as well.
Parts are added in their order, so that the same number of threads gives the same bits. Matrices have to be
multiplied on one thread meanwhile, see `threads.ONE_EACH`.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anynet.backends.interface import Noise, Run, Step, formed
from anynet.backends.traced import Line, MakeLine, kept_lines
from anynet.trees import arrays_of, filled, map_arrays
from anynet.typing import Array, Batch, Namespace, Numbers, Order, TrainState, Tree

if TYPE_CHECKING:
    from anynet.backends import Backend


@dataclass(frozen=True)
class _Gradients:
    """Those of a part of a mini-batch of n examples, by a step: a value, by which its line is kept."""

    step: Step
    n: int

    def __call__(self, xp: Namespace, train_state: TrainState, batch: Batch, numbers: Numbers) -> list[Any]:
        batch = batch._replace(x=self.step.inputs(xp, batch.x))
        return self.step.gradients(xp, train_state, batch, self.n, numbers)


@dataclass(frozen=True)
class _Applied:
    """What a step makes of the gradients of parts: a value, likewise."""

    step: Step

    def __call__(
        self, xp: Namespace, train_state: TrainState, gradients: list[list[Any]], numbers: Numbers
    ) -> TrainState:
        return self.step.applied(xp, train_state, gradients, numbers)


class _Formula:
    """A formula as lines with storage of their own for each thread, or called as it is written."""

    def __init__(self, make: MakeLine, backend: "Backend", f: Any) -> None:
        self._lines, self._f, self._xp = kept_lines(make, backend, f), f, backend.xp
        self._storage: dict[tuple[Line, int], Any] = {}

    def __call__(self, thread: int, *arguments: Tree) -> Tree:
        arrays = arrays_of(arguments)
        found = self._lines.find(arguments, arrays)
        if found is None:
            result = self._f(self._xp, *arguments)
            self._lines.tell()
            return result
        line, symbols, _ = found
        if (line, thread) not in self._storage:
            self._storage[line, thread] = line.make()
        return filled(symbols, line.run(self._storage[line, thread], *arrays))


def _rows(batch: Batch, start: int, stop: int) -> Batch:
    rows: Batch = map_arrays(lambda a: a[start:stop], batch)
    return rows


def scan(make: MakeLine, backend: "Backend", step: Step) -> Run:
    """Return a run that takes the parts of each mini-batch of a chunk side by side."""
    updates, gradients, threads = _Formula(make, backend, _Applied(step)), {}, step.threads
    pool = ThreadPoolExecutor(threads - 1, "anynet")

    def take_step(train_state: TrainState, batch: Batch, numbers: Numbers) -> TrainState:
        n, size = batch.x.shape[0], step.part_size or batch.x.shape[0]
        if n not in gradients:
            gradients[n] = _Formula(make, backend, _Gradients(step, n))
        parts = [_rows(batch, start, start + size) for start in range(0, n, size)]
        found: list[Any] = [None] * len(parts)

        def take(thread: int) -> None:
            for i in range(thread, len(parts), threads):
                found[i] = gradients[n](thread, train_state, parts[i], numbers)

        others = [pool.submit(copy_context().run, take, thread) for thread in range(1, threads)]
        take(0)
        for other in others:
            other.result()
        after: TrainState = updates(0, train_state, found, numbers)
        return after

    def run(
        train_state: TrainState,
        data: tuple[Array, Array],
        order: Order | None,
        noise: Noise,
        numbers: Sequence[Numbers],
        size: int,
    ) -> TrainState:
        chunk = Batch(*formed(backend, step, data, order, False), noise)
        for start, numbers_of_step in zip(range(0, chunk.x.shape[0], size), numbers, strict=True):
            train_state = take_step(train_state, _rows(chunk, start, start + size), numbers_of_step)
        return train_state

    return run
