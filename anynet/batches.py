"""Batches: a data set becomes mini-batches on a device.

Data are checked once, at the door, and placed on the device in the dtype they came in; what
does not fit there is streamed from the host. While training, the rows of many mini-batches
are gathered, converted and scaled together: three calls for a hundred steps, and a chunk
that stays in the cache. The order is drawn on the host and moved once per epoch. x is
(n, ...) and y (n, n_out) or labels (n,).
"""

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral

from array_api_compat import array_namespace

from anynet import pixels
from anynet.backends import Array, Backend, Namespace, is_on_host
from anynet.datasets.dataset import Dataset, Streamed
from anynet.random import Generator

# Of converted inputs. Measured for 10,000 images and networks of 30 to 2048 neurons: training is fastest where a chunk
# fits the L2 cache, and blocks in order where their products are large enough to be worth sharing out among threads.
CHUNK_BYTES, BLOCK_BYTES = 2**21, 2**22

Batch = tuple[Array, Array]


@dataclass(frozen=True, eq=False)
class Placed:
    """A data set, checked, and put where batches are made from it.

    Each of x and y is an array on the device, or `Streamed`: left where it is, and moved a
    chunk at a time. `kept` is how many bytes were put on the device, to stay there.
    """

    x: Array | Streamed
    y: Array | Streamed
    classes: tuple[str, ...] | None
    kept: int

    def __len__(self) -> int:
        return int(self.x.shape[0])


def placed(
    backend: Backend,
    data: Dataset,
    input_shape: tuple[int, ...],
    n_out: int,
    room: float = math.inf,
    classifies: bool = False,
    check_targets: Callable[[Array], None] = lambda y: None,
) -> Placed:
    """Return the data checked and on the device: x (n, *input_shape), y labels or targets.

    x stays in its own dtype. No more than `room` bytes are put on the device, y before x,
    and what does not fit there, or is not in memory, is streamed. Raises ValueError if
    shapes, labels or numbers are not what a network of that shape takes, TypeError for
    arrays of another library or of no real numbers.
    """
    y = backend.admitted(data.y, "y")
    if data.in_memory:
        x = backend.admitted(data.x, "x")
        check_finite(x, "x")
        x = shaped(array_namespace(x), x, input_shape)
    else:
        _check_shape(tuple(data.x.shape), input_shape)
        x = Streamed(data.x, (len(data), *input_shape), "x")
    y = _labels_or_targets(array_namespace(y), y, n_out, classifies)
    if y.ndim == 2:
        check_targets(y)
    y, kept_of_y = _kept(backend, y, "y", room)
    x, kept_of_x = _kept(backend, x, "x", room - kept_of_y)
    return Placed(x, y, data.classes, kept_of_x + kept_of_y)


def _kept(backend: Backend, a: Array | Streamed, argument: str, room: float) -> tuple[Array | Streamed, int]:
    """Return the array on the device if there is room for it, else streamed, and the bytes it takes there."""
    if isinstance(a, Streamed) or not is_on_host(a):  # the latter is on the device from the start
        return a, 0
    if a.nbytes <= room:
        try:
            return backend.asarray(a, argument), a.nbytes
        except MemoryError:  # the device has less room than it was said to have
            pass
    return Streamed(a, tuple(a.shape), argument), 0


def room_within(memory_limit: object) -> float:
    """Return a limit in bytes as a number, infinity for None; ValueError or TypeError if it is none."""
    if memory_limit is None:
        return math.inf
    if isinstance(memory_limit, bool) or not isinstance(memory_limit, Integral):
        raise TypeError(f"memory_limit: expected a whole number of bytes or None, got {memory_limit!r}.")
    if memory_limit < 0:
        raise ValueError(f"memory_limit: expected a number of bytes from 0, got {memory_limit}.")
    return int(memory_limit)


def warn_of_pixels(data: Placed) -> None:
    """Warn if the first examples look as if what uint8 means had been forgotten."""
    first = slice(0, min(100, len(data)))
    mistake = pixels.mistaken(data.x.read(first) if isinstance(data.x, Streamed) else data.x[first, ...])
    if mistake is not None:
        warnings.warn(mistake, stacklevel=4)


def shaped(xp: Namespace, x: Array, input_shape: tuple[int, ...]) -> Array:
    """Return a batch x as (n, *input_shape), flattened or folded if the numbers suffice."""
    if tuple(x.shape[1:]) == input_shape:
        return x
    _check_shape(tuple(x.shape), input_shape)
    return xp.reshape(x, (x.shape[0], *input_shape))


def _check_shape(given: tuple[int, ...], input_shape: tuple[int, ...]) -> None:
    if len(given) < 2 or math.prod(given[1:]) != math.prod(input_shape):
        raise ValueError(f"x: expected the shape (n, {_listed(input_shape)}), got {given}.")


def _labels_or_targets(xp: Namespace, y: Array, n_out: int, classifies: bool) -> Array:
    if xp.isdtype(y.dtype, "bool"):
        y = xp.astype(y, xp.int32)
    check_finite(y, "y")
    if y.ndim == 2:
        if y.shape[1] != n_out:
            raise ValueError(f"y: expected targets of the shape (n, {n_out}), got {tuple(y.shape)}.")
        return y
    if n_out == 1:  # values, or 0 and 1, or -1 and 1 for tanh
        if classifies and xp.isdtype(y.dtype, "integral") and not -1 <= int(xp.min(y)) <= int(xp.max(y)) <= 1:
            raise ValueError(
                f"y: expected 0 and 1, for one output tells two classes apart, got numbers from {int(xp.min(y))} "
                f"to {int(xp.max(y))}. Number the classes from 0, or take an output for each."
            )
        return y[:, None]
    labels = xp.astype(y, xp.int32)
    low, high = float(xp.min(y)), float(xp.max(y))
    if low < 0 or high >= n_out or bool(xp.any(xp.astype(labels, y.dtype) != y)):
        raise ValueError(
            f"y: expected whole labels from 0 to {n_out - 1}, as many as there are outputs, "
            f"got numbers from {low:g} to {high:g} of dtype {y.dtype}."
        )
    return labels


def check_finite(a: Array, argument: str) -> None:
    """Raise ValueError if the array holds NaN or infinity; a device waits for this."""
    xp = array_namespace(a)
    if xp.isdtype(a.dtype, "real floating") and not bool(xp.all(xp.isfinite(a))):
        raise ValueError(f"{argument}: expected finite numbers, got NaN or infinity. Clean the data first.")


def _listed(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))


def shuffled(backend: Backend, data: Placed, batch_size: int, n_out: int, rng: Generator) -> Iterator[list[Batch]]:
    """Yield one epoch of mini-batches (x, targets) in a fresh order, a chunk at a time.

    Inputs come in the backend's dtype, pixels scaled; targets are (batch, n_out). The last
    mini-batch may be smaller.
    """
    n = len(data)
    order = rng.permutation(n)
    placed_order = backend.asarray(order)
    length = max(batch_size, rows_within(CHUNK_BYTES, backend, data.x.shape[1:]) // batch_size * batch_size)
    for start in range(0, n, length):
        stop = min(start + length, n)
        chosen = order[start:stop], placed_order[start:stop]
        x = inputs(backend, _gathered(backend, data.x, *chosen))
        y = targets(backend, _gathered(backend, data.y, *chosen), n_out)
        edges = [*range(0, stop - start, batch_size), stop - start]
        yield [(x[i:j, ...], y[i:j, ...]) for i, j in pairwise(edges)]


def in_order(backend: Backend, data: Placed) -> Iterator[Batch]:
    """Yield the data as they stand, (x, y) in blocks of `BLOCK_BYTES`; labels stay so."""
    length = rows_within(BLOCK_BYTES, backend, data.x.shape[1:])
    for start in range(0, len(data), length):
        yield block(backend, data, start, start + length)


def block(backend: Backend, data: Placed, start: int, stop: int) -> Batch:
    """Return the examples from start to stop, or to the end, inputs as `inputs` and y as it is."""
    x, y = (
        backend.asarray(a.read(slice(start, stop)), a.argument) if isinstance(a, Streamed) else rows(a, start, stop)
        for a in (data.x, data.y)
    )
    return inputs(backend, x), y


def _gathered(backend: Backend, a: Array | Streamed, order: Array, placed_order: Array) -> Array:
    """Return the rows of x or y in that order, on the device; the order is given on the host and there."""
    if isinstance(a, Streamed):
        return backend.asarray(a.read(order), a.argument)
    return backend.xp.take(a, placed_order, axis=0)


def inputs(backend: Backend, x: Array) -> Array:
    """Return inputs on the device in the backend's dtype, pixels scaled to [0, 1]."""
    return pixels.to_unit_interval(backend.xp, x, getattr(backend.xp, backend.dtype))


def targets(backend: Backend, y: Array, n_out: int) -> Array:
    """Return y as targets (n, n_out) in the backend's dtype: labels become one-hot rows."""
    xp = backend.xp
    if y.ndim == 1:
        y = y[:, None] == xp.arange(n_out, dtype=y.dtype, device=backend.device)
    return xp.astype(y, getattr(xp, backend.dtype), copy=False)


def rows_within(nbytes: int, backend: Backend, shape: tuple[int, ...]) -> int:
    """Return how many converted examples of that shape take so many bytes, at least one."""
    bytes_of_example = math.prod(shape) * int(backend.dtype.removeprefix("float")) // 8
    return max(1, nbytes // bytes_of_example)


def rows(a: Array, start: int, stop: int) -> Array:
    """Return the rows from start to stop, or to the end."""
    return a[start : min(stop, a.shape[0]), ...]  # the standard allows no slice past the end
