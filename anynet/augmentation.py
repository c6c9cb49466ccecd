"""Augmentation: what is done to a chunk's inputs on the host before a network learns from them, anew in each epoch.

A transform is called with x, (n, *input_shape) in its own dtype, and a generator of NumPy, and returns as many
rows of the same shape. Those here are frozen values, of images; several are applied in order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from anynet.checks import whole_number
from anynet.data import check_finite
from anynet.typing import Generator, HostArray

__all__ = ["Shift"]

Transform: TypeAlias = Callable[[HostArray, Generator], HostArray]


@dataclass(frozen=True)
class Shift:
    """Move each image up, down, left or right by up to so many pixels, or not at all; what comes in is 0.

    All of these 4 * pixels + 1 ways are as likely. With 1 they are those by which the book
    expands its training data (Nielsen, chapter 3).

    Args:
        pixels: How far at most, from 1.

    Raises:
        ValueError: It is below 1.
        TypeError: It is no whole number.

    Example:
        >>> images = np.eye(3)[None]
        >>> Shift(pixels=1)(images, np.random.default_rng(2)).shape
        (1, 3, 3)
    """

    pixels: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "pixels", whole_number("pixels", self.pixels))

    def __call__(self, x: HostArray, rng: Generator) -> HostArray:
        """Return the images, moved."""
        images = images_of(x)
        ways = [(0, 1), *((by, axis) for axis in (1, 2) for k in range(1, self.pixels + 1) for by in (-k, k))]
        drawn, moved = rng.integers(0, len(ways), len(images)), images.copy()
        for way, (by, axis) in enumerate(ways[1:], 1):
            rows = np.flatnonzero(drawn == way)
            moved[rows] = _moved(images[rows], by, axis)
        return moved.reshape(x.shape)


AUGMENTATIONS: dict[str, Callable[[int], Transform]] = {"shift": Shift}


def _moved(images: HostArray, by: int, axis: int) -> HostArray:
    """Return images moved along an axis."""
    size, moved = images.shape[axis], np.zeros_like(images)
    stays = max(size - abs(by), 0)
    here, there = (slice(0, stays), slice(size - stays, size))[:: 1 if by > 0 else -1]
    before = (slice(None),) * axis
    moved[(*before, there)] = images[(*before, here)]
    return moved


def images_of(x: HostArray) -> HostArray:
    """Return rows of x as images (n, height, width, channels); ValueError if they are none."""
    if x.ndim in (3, 4):
        return x[..., None] if x.ndim == 3 else x
    side = round(x.shape[1] ** 0.5) if x.ndim == 2 else 0
    if side * side != x.shape[-1]:
        raise ValueError(
            f"transform: expected images, (n, h, w), (n, h, w, c) or squares in flat rows, got {x.shape}. Make a "
            "network that takes images: Network([(h, w), ...])."
        )
    return x.reshape(-1, side, side, 1)


def checked(transform: Any) -> tuple[Transform, ...]:
    """Return the transforms that a user asks for, one or several in a list; TypeError if something is none."""
    if transform is None:
        return ()
    given = tuple(transform) if isinstance(transform, Sequence) and not isinstance(transform, str) else (transform,)
    for one in given:
        if not callable(one) or isinstance(one, type):
            made = f"the class {one.__name__}. Make a value of it: {one.__name__}()" if isinstance(one, type) else one
            raise TypeError(
                f"transform: expected a function of x and a generator of random numbers, or several, got {made}."
            )
    return given


def applied(transforms: Sequence[Transform], x: HostArray, rng: Generator) -> HostArray:
    """Return rows of x as they are learnt from, found to be as many, of the same shape and dtype.

    Raises:
        ValueError: A transform returns something else.
    """
    for transform in transforms:
        made = np.asarray(transform(x, rng))
        if made.shape != x.shape:
            raise ValueError(f"transform: expected as many rows of the same shape, {x.shape}, got {made.shape}.")
        if made.dtype != x.dtype and not (made.dtype.kind == x.dtype.kind == "f"):
            raise ValueError(
                f"transform: expected numbers of x's dtype, {x.dtype}, got {made.dtype}. Return made.astype(x.dtype): "
                "uint8 means pixels from 0 to 255, and floats mean what they say."
            )
        check_finite(made, "transform")
        x = made.astype(x.dtype, copy=False)
    return x
