"""What each library does in its own way: the fields that its file fills in.

The rest of anynet sees `Backend` alone. Nothing here, and nothing in a library's file, is a
formula: those are written once, elsewhere, against the namespace.
"""

from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from anynet.typing import Array, Batch, DeviceLike, Fuse, HostArray, Namespace, Numbers, Order, Shape, TrainState, Tree

if TYPE_CHECKING:
    from anynet.backends import Backend


class Step(Hashable, Protocol):
    """A training step as a library is handed it: a hashable value, by which what is compiled is kept."""

    @property
    def widest_shape(self) -> Shape:
        """The shape of the largest array that one example becomes."""

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
    """Return what is given: what `fuse` is where nothing is compiled."""
    return f


def bind_namespace(backend: "Backend", f: Callable[..., Tree]) -> Callable[..., Tree]:
    """Return f(xp, ...) with its namespace bound: what `compile` is where nothing is compiled."""
    return partial(f, backend.xp)


def loop(backend: "Backend", step: Step) -> Run:
    """Return a run that takes mini-batches one by one: what `scan` is where nothing is compiled."""
    xp, device = backend.xp, backend.device
    chunk: Any = None

    def run(
        train_state: TrainState,
        data: tuple[Array, Array],
        order: Order | None,
        noise: Noise,
        numbers: Sequence[Numbers],
        size: int,
    ) -> TrainState:
        if order is not None:
            chosen = order.indices[order.start : order.stop]
            data = xp.take(data[0], chosen, axis=0), xp.take(data[1], chosen, axis=0)
        # Many mini-batches are converted together: a few calls for a hundred steps. The last chunk is let go when the
        # next is there: in between, the system would take its memory back, and a wide step would be 5 % slower.
        nonlocal chunk
        chunk = x, y = step.inputs(xp, data[0]), step.targets(xp, data[1], device)
        n = x.shape[0]
        is_quiet = all(r is None for r in noise)
        for start, numbers_of_step in zip(range(0, n, size), numbers, strict=True):
            rows = slice(start, min(start + size, n))  # the standard allows no slice past the end
            drawn = noise if is_quiet else tuple([r if r is None else r[rows, ...] for r in noise])
            batch = Batch(x[rows, ...], y[rows, ...], drawn)
            train_state = step(xp, train_state, batch, numbers_of_step)
        return train_state

    return run


_NO_CONTEXT: AbstractContextManager[Any] = nullcontext()


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
    plain: Callable[[Array], Array] = identity  # without what a subclass or a recorded gradient adds
    active: Callable[["Backend"], AbstractContextManager[Any]] = lambda backend: _NO_CONTEXT
    fuse: Fuse = identity
    compile: Callable[["Backend", Callable[..., Tree]], Callable[..., Tree]] = bind_namespace
    scan: Callable[["Backend", Step], Run] = loop
    chunk_bytes: int = 2**21  # of converted inputs: training is fastest where a chunk stays in the L2 cache
    padded_rows: Callable[[int], int] = identity  # so many rows are handed to what is compiled, for n
    threads_can_be_set: bool = True  # by threadpoolctl


def no_such_device(name: str, device: object, existing: str) -> ValueError:
    """Return the error for a device that does not exist."""
    return ValueError(f"device: expected {existing} for {name}, got {device!r}.")


def missing(package: str, extra: str) -> ImportError:
    """Return the error for a library that is not installed."""
    return ImportError(f"{package} is not installed. Install it with: pip install '{extra}'")


def first_line(error: Exception) -> str:
    """Return what an error says in its first line, without a full stop."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def as_numpy(x: Any, argument: str) -> HostArray:
    """Return what NumPy makes of x, in the machine's byte order; TypeError if it is no real numbers."""
    try:
        a = np.asarray(x)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{argument}: expected numbers in equal rows, got {error}.") from None
    check_real(np, a, argument)
    return a.astype(a.dtype.newbyteorder("="), copy=False)


def check_real(xp: Namespace, x: Array, argument: str) -> None:
    """Raise TypeError unless an array holds real numbers."""
    if not _is_real(xp, x.dtype):
        raise TypeError(
            f"{argument}: expected real numbers, got an array of {x.dtype}. Convert it to a float dtype first."
        )


@lru_cache(256)  # to ask takes as long as an operation
def _is_real(xp: Namespace, dtype: Any) -> bool:
    kind = getattr(dtype, "kind", None)
    return kind in "biuf" if kind else bool(xp.isdtype(dtype, ("bool", "integral", "real floating")))
