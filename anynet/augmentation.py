"""Augmentation: what is done to a chunk's inputs on the host before a network learns from them, anew in each epoch.

A transform is called with x, (n, *input_shape) in its own dtype, and a generator of NumPy, and returns as many
rows of the same shape. Those here are frozen values, of images; several are applied in order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from anynet.checks import as_code, look_up, number_in, typed_number, whole_number
from anynet.data import check_finite
from anynet.typing import Generator, HostArray

__all__ = ["Brightness", "Flip", "Rotate", "Scale", "Shift"]

Transform: TypeAlias = Callable[[HostArray, Generator], HostArray]

STEPS = (
    32  # to either side, so finely is a range of angles or factors cut, so that images that draw the same go together
)


@dataclass(frozen=True)
class Shift:
    """Move each image up, down, left or right by up to so many pixels, or not at all; what comes in is 0.

    All of these 4 * pixels + 1 ways are as likely. With 1 they are those by which the book
    expands its training data (Nielsen, chapter 3).

    Args:
        pixels: How far at most, 1 to 1000, and less than a side of the images.

    Raises:
        ValueError: It is out of these bounds.
        TypeError: It is no whole number.

    Example:
        >>> images = np.eye(3)[None]
        >>> Shift(pixels=1)(images, np.random.default_rng(2)).shape
        (1, 3, 3)
    """

    pixels: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "pixels", whole_number("pixels", self.pixels, most=1000))

    def __call__(self, x: HostArray, rng: Generator) -> HostArray:
        """Return the images, moved."""
        images = images_of(x)
        _check_leaves(self, images, lambda side: side > self.pixels)
        ways = [(0, 1), *((by, axis) for axis in (1, 2) for k in range(1, self.pixels + 1) for by in (-k, k))]
        drawn, moved = rng.integers(0, len(ways), len(images)), images.copy()
        for way, (by, axis) in enumerate(ways[1:], 1):
            rows = np.flatnonzero(drawn == way)
            moved[rows] = _moved(images[rows], by, axis)
        return moved.reshape(x.shape)


@dataclass(frozen=True)
class Rotate:
    """Turn each image about its middle by up to so many degrees, either way; what comes in repeats the edge.

    The angle is one of 65 in equal steps, all as likely.

    Args:
        degrees: How far at most, above 0 and up to 180.

    Raises:
        ValueError: It is out of these bounds.
        TypeError: It is no number.

    Example:
        >>> Rotate(degrees=10)(np.ones((2, 3, 3)), np.random.default_rng(0)).shape
        (2, 3, 3)
    """

    degrees: float = 10

    def __post_init__(self) -> None:
        _check(self, "degrees", 180)

    def __call__(self, x: HostArray, rng: Generator) -> HostArray:
        """Return the images, turned."""
        angles = np.deg2rad(np.linspace(-self.degrees, self.degrees, 2 * STEPS + 1))
        return _resampled(x, rng, [((np.cos(a), np.sin(a)), (-np.sin(a), np.cos(a))) for a in angles])


@dataclass(frozen=True)
class Scale:
    """Make what each image shows larger or smaller about its middle, by up to so many per cent.

    The factor is one of 65 in equal steps, all as likely; what comes in repeats the edge.

    Args:
        percent: How much at most, above 0 and below 100, and such that a pixel is left of each side.

    Raises:
        ValueError: It is out of these bounds.
        TypeError: It is no number.

    Example:
        >>> Scale(percent=10)(np.ones((2, 3, 3)), np.random.default_rng(0)).shape
        (2, 3, 3)
    """

    percent: float = 10

    def __post_init__(self) -> None:
        _check(self, "percent", 99)

    def __call__(self, x: HostArray, rng: Generator) -> HostArray:
        """Return the images, larger or smaller."""
        _check_leaves(self, images_of(x), lambda side: (100 - self.percent) * side >= 100)
        factors = 1 + np.linspace(-self.percent, self.percent, 2 * STEPS + 1) / 100
        return _resampled(x, rng, [((1 / factor, 0.0), (0.0, 1 / factor)) for factor in factors])


@dataclass(frozen=True)
class Brightness:
    """Make each image lighter or darker: its pixels are multiplied by a factor of up to so many per cent from 1.

    Bytes stay within 0 to 255; other numbers may come out above 1.

    Args:
        percent: How much at most, above 0 and up to 100.

    Raises:
        ValueError: It is out of these bounds.
        TypeError: It is no number.

    Example:
        >>> Brightness(percent=20)(np.ones((2, 3, 3)), np.random.default_rng(0)).shape
        (2, 3, 3)
    """

    percent: float = 20

    def __post_init__(self) -> None:
        _check(self, "percent", 100)

    def __call__(self, x: HostArray, rng: Generator) -> HostArray:
        """Return the images, lighter or darker."""
        factors = 1 + self.percent / 100 * (2 * rng.random(len(x), np.float32) - 1)
        return _as(x.dtype, x * factors.reshape(-1, *[1] * (x.ndim - 1)))


@dataclass(frozen=True)
class Flip:
    """Turn left and right around in every second image, at random; not for what has a right way round, as digits do.

    Example:
        >>> Flip()(np.ones((2, 3, 3)), np.random.default_rng(0)).shape
        (2, 3, 3)
    """

    def __call__(self, x: HostArray, rng: Generator) -> HostArray:
        """Return the images, some of them the other way round."""
        made = images_of(x).copy()
        rows = np.flatnonzero(rng.random(len(x)) < 0.5)
        made[rows] = made[rows][:, :, ::-1]
        return made.reshape(x.shape)


AUGMENTATIONS: dict[str, Callable[..., Transform]] = {
    "shift": Shift,
    "rotate": Rotate,
    "scale": Scale,
    "brightness": Brightness,
    "flip": Flip,
}


def typed(text: str) -> tuple[Transform, ...]:
    """Return transforms as they are typed: names with their numbers, if they take one, and commas between them.

    Raises:
        ValueError: There is none of such a name, or it takes another number.

    Example:
        >>> typed("shift 1, flip")
        (Shift(pixels=1), Flip())
    """
    return tuple(_typed(*one.split(maxsplit=1)) for one in text.split(",") if one.strip()) or (_typed(text),)


def _typed(name: str, number: str | None = None) -> Transform:
    make = look_up(AUGMENTATIONS, name, "augment")
    field = next(iter(getattr(make, "__dataclass_fields__", {})), None)
    if (field is None) != (number is None):
        takes = f"a number after {name}, {name} 10 say" if field else f"{name} alone"
        raise ValueError(f"augment: expected {takes}, got {(number or name)[:40]!r}.")
    if number is None:
        return make()
    try:
        return make(typed_number(number, is_whole="." not in number))
    except (ValueError, TypeError) as error:
        words = str(error) if str(error).startswith(f"{field}: ") else f"expected a number, got {number[:40]!r}."
        raise ValueError(f"augment: {name}: {words}") from None


def _check(value: Any, field: str, most: float) -> None:
    number = number_in(field, getattr(value, field), f"above 0 and up to {most}", lambda number: 0 < number <= most)
    object.__setattr__(value, field, number)


def _check_leaves(transform: Transform, images: HostArray, leaves: Callable[[int], bool]) -> None:
    """Raise ValueError unless a transform leaves a pixel at least of the shorter side of images."""
    height, width = images.shape[1:3]
    if not leaves(min(height, width)):
        raise ValueError(
            f"transform: expected one that leaves something of images of {height} x {width} pixels, got {transform}. "
            "Take a smaller number."
        )


def _resampled(x: HostArray, rng: Generator, ways: Sequence[Any]) -> HostArray:
    """Return images, each taken apart in one of some ways, (2, 2) matrices, all as likely.

    A way says how far down and across, from the middle, a pixel comes from, per pixel that it lies down and across.
    """
    images = images_of(x)
    n, height, width, channels = images.shape
    flat, drawn = images.reshape(n, height * width, channels), rng.integers(0, len(ways), n)
    made = np.empty_like(flat)
    for way in np.unique(drawn):
        rows = np.flatnonzero(drawn == way)
        given, total = flat[rows], np.zeros((len(rows), *flat.shape[1:]), np.result_type(x, np.float32))
        for pixels, shares in _neighbours(height, width, ways[way]):
            total += given.take(pixels, axis=1) * shares[:, None]
        made[rows] = _as(x.dtype, total)
    return made.reshape(x.shape)


def _neighbours(height: int, width: int, way: Any) -> list[tuple[HostArray, HostArray]]:
    """Return which four pixels each of an image is made of, and the share of each, (height * width,) both."""
    down, across = (np.arange(side, dtype=np.float32) - (side - 1) / 2 for side in (height, width))
    found = []
    for (by_down, by_across), side in zip(way, (height, width), strict=True):
        place = np.float32(by_down) * down[:, None] + np.float32(by_across) * across + np.float32((side - 1) / 2)
        place = np.clip(place, 0, side - 1).ravel()
        first = np.minimum(place.astype(np.int64), max(side - 2, 0))
        found.append([(first, 1 - (place - first)), (np.minimum(first + 1, side - 1), place - first)])
    return [(row * width + column, a * b) for row, a in found[0] for column, b in found[1]]


def _as(dtype: Any, a: HostArray) -> HostArray:
    """Return numbers in a dtype, rounded if it has whole numbers, and within those that bytes have."""
    if dtype.kind in "iu":
        a = np.rint(np.clip(a, 0, 255) if dtype == np.uint8 else a)
    return np.asarray(a, dtype)


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
            made = as_code(one)
            if isinstance(one, type):
                made = f"the class {one.__name__}. Make a value of it: {one.__name__}()"
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
