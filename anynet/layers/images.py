"""What layers on images have in common: their shapes are checked, sizes are pairs, and zeros go round them."""

import math
from collections.abc import Sequence
from typing import Any

from anynet.checks import as_code, whole_number
from anynet.typing import Array, Namespace, Shape
from anynet.windows import Pair, put

PADDINGS = ("valid", "same")


def pair_of(where: str, name: str, given: Any) -> Pair:
    """Return a size, a number or (rows, columns), as a pair; ValueError or TypeError if it is none."""
    sizes = tuple(given) if isinstance(given, (tuple, list)) else (given, given)
    if len(sizes) != 2:
        raise ValueError(f"{where}: expected a {name} that is a number or (rows, columns), got {as_code(given)}.")
    rows, columns = (whole_number(where, n, limits=f"a {name} of at least 1") for n in sizes)
    return rows, columns


def image_of(layer: Any, shape: Shape) -> tuple[int, int, int]:
    """Return the height, width and channels that a layer gets; ValueError if these are no images."""
    if len(shape) != 3:
        cure = "Give the network images, and let it stand before what makes rows of them."
        cure = f"Give {(*shape, 1)} for images of one channel." if len(shape) == 2 else cure
        raise ValueError(
            f"{type(layer).__name__}: expected images (height, width, channels), got the shape {shape}. {cure}"
        )
    height, width, channels = shape
    return height, width, channels


def check_holds(layer: Any, shape: Shape, image: Sequence[int], what: str, size: Pair, cure: str) -> None:
    """Raise ValueError unless what is laid on an image, once there are zeros round it, is not larger."""
    if any(n < k for n, k in zip(image, size, strict=True)):
        channels, *turned = shape
        if turned[0] == turned[1] and channels in (1, 3, 4):
            cure = f"It looks channels-first: give {(*turned, channels)}."
        raise ValueError(
            f"{type(layer).__name__}: expected an image as large as its {what}, {size}, got the shape {shape}. {cure}"
        )


def margins(image: Shape, size: Pair, stride: Pair, padding: str) -> tuple[Pair, Pair]:
    """Return how many zeros go (before, after) the rows and the columns of an image.

    Example:
        >>> margins((6, 5, 1), (3, 3), (2, 1), "same")
        ((0, 1), (1, 1))
    """
    if padding == "valid":
        return (0, 0), (0, 0)
    missing = [max((math.ceil(n / s) - 1) * s + k - n, 0) for n, k, s in zip(image, size, stride, strict=False)]
    rows, columns = ((m // 2, m - m // 2) for m in missing)
    return rows, columns


def padded(xp: Namespace, a: Array, around: tuple[Pair, Pair]) -> Array:
    """Return images with zeros round them."""
    for axis, (before, after) in enumerate(around, 1):
        n = a.shape[axis]
        a = put(xp, a, axis, range(before, before + n), before + n + after) if before + after > 0 else a
    return a
