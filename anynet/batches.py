"""Batches: an order becomes chunks of mini-batches, and data in order become blocks.

Many mini-batches make a chunk, whose rows are gathered, converted and scaled together, so
that it stays in the cache; the order is drawn on the host and moved once per epoch. Data
that stay on the host are read a chunk, or a block, at a time.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from anynet import random
from anynet.architecture import Architecture
from anynet.backends import Backend
from anynet.data import DeviceData, Streamed
from anynet.typing import Array, Generator, HostArray, Order, Shape

# Of the widest array that a block makes on its way through a network. Measured for 10,000 images and networks of 30 to
# 2048 neurons: blocks in order are fastest where their products are large enough to be worth sharing out among threads.
BLOCK_BYTES = 2**22


class Chunk(NamedTuple):
    """The rows of some mini-batches: data x and y, which of their rows (None: all), how many, and which examples."""

    data: tuple[Array, Array]
    order: Order | None
    n: int
    examples: HostArray | None = None


def check_sizes(architecture: Architecture, n: int, batch_size: int, frozen: Sequence[int] = ()) -> None:
    """Raise ValueError if a layer that is not frozen cannot learn from one of the mini-batches of n examples."""
    left = n % batch_size or batch_size
    for l, (layer, shape) in enumerate(zip(architecture.layers, architecture.shapes, strict=False)):
        least = layer.least_examples(shape)
        if left < least and l not in frozen:
            others = [size for size in range(batch_size + 1, n + 1) if (n % size or size) >= least]
            cure = f"Take another batch_size, {others[0]} say, or leave {left} out" if others else "Give more examples"
            got = f"{n} in batches of {batch_size}, which leave {left}" if left < n else str(n)
            raise ValueError(
                f"batch_size: expected at least {least} examples in each mini-batch, as {type(layer).__name__}, layer "
                f"{l + 1}, sees one value per channel of each, and takes their variance, got {got}. {cure}."
            )


def shuffled(
    backend: Backend,
    data: DeviceData,
    batch_size: int,
    shape: Shape | None,
    rng: Generator | None,
    first: int = 0,
    augment: Callable[[HostArray], HostArray] | None = None,
) -> Iterator[Chunk]:
    """Yield one epoch in a fresh order, a chunk of whole mini-batches at a time; the last may be smaller.

    Args:
        backend: Where they go.
        data: Of which each example comes once.
        batch_size: Of a mini-batch.
        shape: That of the widest array made of an example; None makes a chunk of each mini-batch.
        rng: What draws the order; None takes the examples as they stand.
        first: How many of the epoch are passed over, for they were learnt from before.
        augment: What is made of rows of x on the host, where they are streamed.
    """
    n = len(data)
    order = random.order(n, rng)
    placed_order = backend.asarray(order)
    length = batch_size if shape is None else backend.chunk_rows(shape, batch_size)
    for start in range(first, n, length):
        stop = min(start + length, n)
        rows = Order(placed_order, start, stop)
        if not isinstance(data.x, Streamed) and not isinstance(data.y, Streamed):
            yield Chunk((data.x, data.y), rows, stop - start, order[start:stop])
        else:
            x = _gathered(backend, data.x, rows, order[start:stop], augment)
            y = _gathered(backend, data.y, rows, order[start:stop])
            yield Chunk((x, y), None, stop - start, order[start:stop])


def tail(backend: Backend, chunk: Chunk, n: int) -> tuple[Array, Array]:
    """Return the n examples that a chunk ends with, (x, y), in their own dtypes; of a streamed one only its own."""
    if chunk.order is None:
        x, y = (a[max(0, chunk.n - n) : chunk.n, ...] for a in chunk.data)
    else:
        chosen = chunk.order.indices[max(0, chunk.order.stop - n) : chunk.order.stop]
        x, y = (backend.xp.take(a, chosen, axis=0) for a in chunk.data)
    return x, y


def _gathered(
    backend: Backend,
    a: Array | Streamed,
    rows: Order,
    on_host: HostArray,
    augment: Callable[[HostArray], HostArray] | None = None,
) -> Array:
    """Return the rows of x or y on the device; which ones is known there and on the host."""
    if isinstance(a, Streamed):
        read = a.read(on_host)
        return backend.asarray(augment(read) if augment else read, a.argument)
    return backend.xp.take(a, rows.indices[rows.start : rows.stop], axis=0)


def in_order(backend: Backend, data: DeviceData, shape: Shape) -> Iterator[tuple[Array, Array]]:
    """Yield the data as they stand, (x, y) in blocks; `shape` is that of the widest array made of an example."""
    length = backend.rows_within(BLOCK_BYTES, shape)
    for start in range(0, len(data), length):
        yield block(backend, data, start, start + length)


def block(backend: Backend, data: DeviceData, start: int, stop: int) -> tuple[Array, Array]:
    """Return the examples from start to stop, or to the end, on the device, in their own dtypes."""
    x, y = (
        backend.asarray(rows(a, start, stop), a.argument) if isinstance(a, Streamed) else rows(a, start, stop)
        for a in (data.x, data.y)
    )
    return x, y


def rows(a: Array | Streamed, start: int, stop: int) -> Array:
    """Return the rows from start to stop, or to the end; of what is streamed, on the host."""
    if isinstance(a, Streamed):
        return a.read(slice(start, min(stop, a.shape[0])))
    return a[start : min(stop, a.shape[0]), ...]  # the standard allows no slice past the end
