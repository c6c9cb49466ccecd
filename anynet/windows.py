"""Windows: what a kernel sees of an image at each of its places, and the way back.

Both are one operation where formulas are traced, and a library may do it its own way; here they are
made of slices, which every library has. Images are (n, height, width, channels).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from anynet.typing import Array, Namespace, Shape

Pair: TypeAlias = tuple[int, int]  # of rows, and of columns
PairLike: TypeAlias = Any  # a pair, or one number for both; layers make pairs of it


def places(image: Sequence[int], size: Pair, stride: Pair) -> Pair:
    """Return at how many places a window fits into an image (height, width), down and across."""
    down, across = ((n - k) // s + 1 for n, k, s in zip(image, size, stride, strict=True))
    return down, across


def taps_of(image: Sequence[int], size: Pair, stride: Pair) -> Iterator[tuple[slice, ...]]:
    """Yield, for each element of a window, row by row, where in the images it lies at all places."""
    down, across = places(image, size, stride)
    for i in range(size[0]):
        for j in range(size[1]):
            rows = slice(i, i + stride[0] * (down - 1) + 1, stride[0])
            yield slice(None), rows, slice(j, j + stride[1] * (across - 1) + 1, stride[1]), slice(None)


def windows(xp: Namespace, a: Array, size: Pair, stride: Pair) -> Array:
    """Return all windows of images, (n, down, across, *size, channels).

    Args:
        xp: The array namespace.
        a: Images (n, height, width, channels).
        size: Of a window, (rows, columns).
        stride: From one to the next, down and across.

    Example:
        >>> import numpy as np
        >>> windows(np, np.asarray([[[[1.0], [2.0], [3.0]]]]), (1, 2), (1, 1))[0, 0, :, 0, :, 0].tolist()
        [[1.0, 2.0], [2.0, 3.0]]
    """
    if _has_own(xp):
        return xp.windows(a, size=size, stride=stride)
    taps = [a[tap] for tap in taps_of(a.shape[1:3], size, stride)]
    n, down, across, channels = taps[0].shape
    return xp.reshape(xp.stack(taps, axis=3), (n, down, across, *size, channels))


def overlap_add(xp: Namespace, taps: Sequence[Array], size: Pair, stride: Pair, shape: Shape) -> Array:
    """Return images in which each element of each window lies where it was taken from; those that meet are added.

    Args:
        xp: The array namespace.
        taps: For each element of a window, row by row, its values at all places, (n, down, across, channels).
        size: As in `windows`.
        stride: Likewise.
        shape: Of the images, (n, height, width, channels).

    Example:
        >>> import numpy as np
        >>> ones = np.ones((1, 1, 2, 1))
        >>> overlap_add(np, [ones, ones], (1, 2), (1, 1), (1, 1, 3, 1))[0, 0, :, 0].tolist()
        [1.0, 2.0, 1.0]
    """
    if _has_own(xp):
        return xp.overlap_add(*taps, size=size, stride=stride, shape=shape)
    strips = [_summed(xp, taps[i * size[1] : (i + 1) * size[1]], 2, stride[1], shape[2]) for i in range(size[0])]
    return _summed(xp, strips, 1, stride[0], shape[1])


def _has_own(xp: Namespace) -> bool:
    """Return whether a namespace has both operations itself: a trace, or what stands for one of a library."""
    return getattr(xp, "has_windows", False)


def _summed(xp: Namespace, parts: Sequence[Array], axis: int, stride: int, length: int) -> Array:
    """Return the sum of some parts, each a place further along an axis, whose elements lie a stride apart there."""
    total, reach = 0.0, stride * (parts[0].shape[axis] - 1) + 1
    for start, part in enumerate(parts):
        total = total + put(xp, part, axis, range(start, start + reach, stride), length)
    return total


def put(xp: Namespace, g: Array, axis: int, where: range, n: int) -> Array:
    """Return g with zeros between and round it, so that along an axis of n it stands where it was taken from."""
    before, after = (slice(None),) * axis, g.shape[axis + 1 :]
    if where.step < 0:
        g, where = g[(*before, slice(None, None, -1), ...)], where[::-1]
    if where.step > 1:
        g = xp.expand_dims(g, axis=axis + 1)
        between = xp.broadcast_to(xp.zeros_like(g), (*g.shape[: axis + 1], where.step - 1, *after))
        g = xp.concat([g, between], axis=axis + 1)
        g = xp.reshape(g, (*g.shape[:axis], len(where) * where.step, *after))[
            (*before, slice(where[-1] - where[0] + 1), ...)
        ]
    zero = xp.zeros_like(g[(*before, slice(1), ...)])
    margins = [xp.broadcast_to(zero, (*g.shape[:axis], m, *after)) for m in (where[0], n - 1 - where[-1])]
    return xp.concat([margins[0], g, margins[1]], axis=axis)


# What the graph knows as one operation each: (xp, arrays, ...) -> array.
COMPOSED: dict[str, Callable[..., Any]] = {
    "windows": lambda xp, arrays, **how: windows(xp, *arrays, **how),
    "overlap_add": overlap_add,
}
