"""Batches: a data set becomes mini-batches on a device.

Data are checked once, at the door, and placed on the device in the dtype they came in.
While training, the rows of many mini-batches are gathered, converted and scaled together:
three calls for a hundred steps, and a chunk that stays in the cache. The order is drawn on
the host and moved once per epoch. x is (n, ...) and y (n, n_out) or labels (n,).
"""

import math
import warnings
from collections.abc import Iterator
from itertools import pairwise

from array_api_compat import array_namespace

from anynet import pixels
from anynet.backends import Array, Backend, Namespace
from anynet.datasets import Dataset
from anynet.streams import Generator

CHUNK_BYTES = 2**21  # of converted inputs: a gathered chunk should fit the L2 cache

Batch = tuple[Array, Array]


def placed(backend: Backend, data: Dataset, input_shape: tuple[int, ...], n_out: int) -> Dataset:
    """Return the data checked and on the device: x (n, *input_shape), y labels or targets.

    x stays in its own dtype, and where it is if it is not in memory. Raises ValueError if
    shapes, labels or numbers are not what a network of that shape takes, TypeError for
    arrays of another library or of no real numbers.
    """
    x, y = data.x, backend.asarray(data.y, "y")
    if data.in_memory:
        x = backend.asarray(x, "x")
        check_finite(x, "x")
        x = shaped(backend.xp, x, input_shape)
    elif tuple(x.shape[1:]) != input_shape:
        raise ValueError(f"x: expected the shape (n, {_listed(input_shape)}), got {tuple(x.shape)}.")
    return Dataset(x, _labels_or_targets(backend.xp, y, n_out), data.classes)


def warn_of_pixels(data: Dataset) -> None:
    """Warn if the first examples look as if what uint8 means had been forgotten."""
    x = data.x[: min(100, len(data)), ...] if data.in_memory else data.read(slice(0, 100))
    mistake = pixels.mistaken(x)
    if mistake is not None:
        warnings.warn(mistake, stacklevel=4)


def shaped(xp: Namespace, x: Array, input_shape: tuple[int, ...]) -> Array:
    """Return a batch x as (n, *input_shape), flattened or folded if the numbers suffice."""
    if tuple(x.shape[1:]) == input_shape:
        return x
    if len(x.shape) < 2 or math.prod(x.shape[1:]) != math.prod(input_shape):
        raise ValueError(f"x: expected the shape (n, {_listed(input_shape)}), got {tuple(x.shape)}.")
    return xp.reshape(x, (x.shape[0], *input_shape))


def _labels_or_targets(xp: Namespace, y: Array, n_out: int) -> Array:
    if xp.isdtype(y.dtype, "bool"):
        y = xp.astype(y, xp.int32)
    check_finite(y, "y")
    if y.ndim == 2:
        if y.shape[1] != n_out:
            raise ValueError(f"y: expected targets of the shape (n, {n_out}), got {tuple(y.shape)}.")
        return y
    if n_out == 1:  # values, or 0 and 1
        return y[:, None]
    labels = xp.astype(y, xp.int32)
    low, high = int(xp.min(labels)), int(xp.max(labels))
    if low < 0 or high >= n_out or bool(xp.any(xp.astype(labels, y.dtype) != y)):
        raise ValueError(
            f"y: expected whole labels from 0 to {n_out - 1}, as many as there are outputs, "
            f"got numbers from {low} to {high} of dtype {y.dtype}."
        )
    return labels


def check_finite(a: Array, argument: str) -> None:
    """Raise ValueError if the array holds NaN or infinity; a device waits for this."""
    xp = array_namespace(a)
    if xp.isdtype(a.dtype, "real floating") and not bool(xp.all(xp.isfinite(a))):
        raise ValueError(f"{argument}: expected finite numbers, got NaN or infinity. Clean the data first.")


def _listed(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))


def shuffled(backend: Backend, data: Dataset, batch_size: int, n_out: int, rng: Generator) -> Iterator[list[Batch]]:
    """Yield one epoch of mini-batches (x, targets) in a fresh order, a chunk at a time.

    Inputs come in the backend's dtype, pixels scaled; targets are (batch, n_out). The last
    mini-batch may be smaller.
    """
    n = len(data)
    order = rng.permutation(n)
    placed_order = backend.asarray(order)
    length = max(batch_size, rows_of_chunk(backend, data.x.shape[1:]) // batch_size * batch_size)
    for start in range(0, n, length):
        stop = min(start + length, n)
        chosen = placed_order[start:stop]
        if data.in_memory:
            x = backend.xp.take(data.x, chosen, axis=0)
        else:
            x = backend.asarray(data.read(order[start:stop]))
        x = inputs(backend, x)
        y = targets(backend, backend.xp.take(data.y, chosen, axis=0), n_out)
        edges = [*range(0, stop - start, batch_size), stop - start]
        yield [(x[i:j, ...], y[i:j, ...]) for i, j in pairwise(edges)]


def in_order(backend: Backend, data: Dataset) -> Iterator[Batch]:
    """Yield the data as they stand, (x, y) in blocks that fit the cache; labels stay so."""
    length = rows_of_chunk(backend, data.x.shape[1:])
    for start in range(0, len(data), length):
        stop = min(start + length, len(data))
        x = data.x[start:stop, ...] if data.in_memory else backend.asarray(data.read(slice(start, stop)))
        yield inputs(backend, x), rows(data.y, start, stop)


def inputs(backend: Backend, x: Array) -> Array:
    """Return inputs on the device in the backend's dtype, pixels scaled to [0, 1]."""
    return pixels.to_unit_interval(backend.xp, x, getattr(backend.xp, backend.dtype))


def targets(backend: Backend, y: Array, n_out: int) -> Array:
    """Return y as targets (n, n_out) in the backend's dtype: labels become one-hot rows."""
    xp = backend.xp
    if y.ndim == 1:
        y = y[:, None] == xp.arange(n_out, dtype=y.dtype, device=backend.device)
    return xp.astype(y, getattr(xp, backend.dtype), copy=False)


def rows_of_chunk(backend: Backend, shape: tuple[int, ...]) -> int:
    """Return how many examples of that shape make a chunk of `CHUNK_BYTES`, at least one."""
    bytes_of_example = math.prod(shape) * int(backend.dtype.removeprefix("float")) // 8
    return max(1, CHUNK_BYTES // bytes_of_example)


def rows(a: Array, start: int, stop: int) -> Array:
    """Return the rows from start to stop, or to the end."""
    return a[start : min(stop, a.shape[0]), ...]  # the standard allows no slice past the end
