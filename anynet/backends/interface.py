"""What each library does in its own way: the fields that its file fills in.

The rest of anynet sees `Backend` alone. Nothing here, and nothing in a library's file, is a
formula: those are written once, elsewhere, against the namespace.
"""

from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from anynet.backends.dtypes import STANDARD, DTypes
from anynet.typing import Array, Batch, DeviceLike, HostArray, Namespace, Numbers, Order, Shape, TrainState, Tree

if TYPE_CHECKING:
    from anynet.backends import Backend


class Step(Hashable, Protocol):
    """A training step as a library is handed it: a hashable value, by which what is compiled is kept."""

    @property
    def widest_shape(self) -> Shape:
        """The shape of the largest array that one example becomes."""

    @property
    def part_size(self) -> int | None:
        """From how many examples of a mini-batch gradients are taken at a time; None: from all."""

    @property
    def threads(self) -> int:
        """On how many threads they may be, side by side."""

    def gradients(self, xp: Namespace, train_state: TrainState, batch: Batch, n: int, numbers: Numbers) -> list[Any]:
        """Return those of a part of a mini-batch of n examples."""

    def applied(self, xp: Namespace, train_state: TrainState, gradients: list[Any], numbers: Numbers) -> TrainState:
        """Return the train state after a step along the sum of gradients of parts."""

    def inputs(self, xp: Namespace, x: Array) -> Array:
        """Return rows of x as inputs, in the dtype of the network, pixels scaled."""

    def targets(self, xp: Namespace, y: Array, device: Any) -> Array:
        """Return labels or targets as targets (n, n_out), in the dtype of the network."""

    def __call__(self, xp: Namespace, train_state: TrainState, batch: Batch, numbers: Numbers) -> TrainState:
        """Return the train state after one mini-batch."""


Noise: TypeAlias = tuple[Array | None, ...]
# run(train_state, data, order, noise, numbers, size) -> train_state: see `Backend.scan`
Run: TypeAlias = Callable[[TrainState, tuple[Array, Array], Order | None, Noise, Sequence[Numbers], int], TrainState]


def identity(f: Any) -> Any:
    """Return what is given."""
    return f


def bind_namespace(backend: "Backend", f: Callable[..., Tree]) -> Callable[..., Tree]:
    """Return f(xp, ...) with its namespace bound: what `compile` is where nothing is compiled."""
    return partial(f, backend.xp)


def formed(
    backend: "Backend", step: Step, data: tuple[Array, Array], order: Order | None, converted: bool = True
) -> tuple[Array, Array]:
    """Return x and y of a chunk as the step takes them, many mini-batches in a few calls; or x as it is."""
    xp = backend.xp
    if order is not None:
        chosen = order.indices[order.start : order.stop]
        data = xp.take(data[0], chosen, axis=0), xp.take(data[1], chosen, axis=0)
    x = step.inputs(xp, data[0]) if converted else data[0]
    return x, step.targets(xp, data[1], backend.device)


def loop(backend: "Backend", step: Step) -> Run:
    """Return a run that takes mini-batches one by one: what `scan` is where nothing is compiled."""
    chunk: Any = None

    def run(
        train_state: TrainState,
        data: tuple[Array, Array],
        order: Order | None,
        noise: Noise,
        numbers: Sequence[Numbers],
        size: int,
    ) -> TrainState:
        # The last chunk is let go when the next is there: in between, the system would take its memory back, and a
        # wide step would be 5 % slower.
        nonlocal chunk
        chunk = Batch(*formed(backend, step, data, order), noise)
        return take_steps(backend.xp, step, train_state, chunk, numbers, size)

    return run


def take_steps(
    xp: Namespace, step: Step, train_state: TrainState, chunk: Batch, numbers: Sequence[Numbers], size: int
) -> TrainState:
    """Return the train state after a step for each mini-batch of a chunk, called one by one."""
    x, y, noise = chunk[:3]
    n, is_quiet = x.shape[0], all(r is None for r in noise)
    for start, numbers_of_step in zip(range(0, n, size), numbers, strict=True):
        rows = slice(start, min(start + size, n))  # the standard allows no slice past the end
        drawn = noise if is_quiet else tuple([r if r is None else r[rows, ...] for r in noise])
        train_state = step(xp, train_state, Batch(x[rows, ...], y[rows, ...], drawn), numbers_of_step)
    return train_state


NO_CONTEXT: AbstractContextManager[Any] = nullcontext()


@dataclass(frozen=True)
class Library:
    """An array library: how it is found, how data move, and how it best runs what it is given."""

    name: str
    load: Callable[[str], Namespace]  # dtype -> namespace, proved to work
    device: Callable[[Namespace, DeviceLike], Any]  # what the user calls a device -> what xp takes
    device_name: Callable[[Any], Any]  # and back, to something that pickles
    is_array: Callable[[Any], bool]
    from_numpy: Callable[["Backend", HostArray], Array]
    to_numpy: Callable[[Array], HostArray]
    synchronize: Callable[[Any, Tree], None] = lambda device, made: None
    # (x, argument) -> x without what a subclass or a recorded gradient adds; TypeError for one that no network takes
    plain: Callable[[Array, str], Array] = lambda x, argument: x
    dtypes: Callable[[], DTypes] = lambda: STANDARD  # of the host's, those that from_numpy takes
    out_of_memory: tuple[str, ...] = ()  # the words by which an error says so
    active: Callable[["Backend"], AbstractContextManager[Any]] = lambda backend: NO_CONTEXT
    compile: Callable[["Backend", Callable[..., Tree]], Callable[..., Tree]] = bind_namespace
    scan: Callable[["Backend", Step], Run] = loop
    # (backend, step, train_state, batch, numbers) -> bytes that scanning batches like this one holds besides its arrays
    held_bytes: Callable[["Backend", Step, TrainState, Batch, Numbers], int] = lambda *of_scan: 0
    chunk_bytes: int = 2**21  # of converted inputs: training is fastest where a chunk stays in the L2 cache
    window_bytes: int | None = None  # of what kernels see of a micro-batch; None: training is no faster for small ones
    padded_rows: Callable[[int], int] = identity  # so many rows are handed to what is compiled, for n
    threads_can_be_set: bool = True  # by threadpoolctl
