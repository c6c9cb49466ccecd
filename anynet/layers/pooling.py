"""Pooling: of what lies within a window, one value goes on: the largest, or the mean."""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from anynet.layers.images import check_holds, image_of, pair_of
from anynet.layers.layer import Layer
from anynet.typing import Array, Namespace, Shape
from anynet.windows import PairLike, overlap_add, places, taps_of


@dataclass(frozen=True)
class Pool2D(Layer):
    """What poolings have in common: windows, each channel for itself.

    Args:
        size: Of a window, a number or (rows, columns).
        stride: From one to the next, likewise; None is the size: windows lie side by side.

    Raises:
        ValueError: A number is below 1.
        TypeError: A number is no whole one.
    """

    size: PairLike = 2
    stride: PairLike = None

    def __post_init__(self) -> None:
        name = type(self).__name__
        object.__setattr__(self, "size", pair_of(name, "size", self.size))
        object.__setattr__(self, "stride", pair_of(name, "stride", self.size if self.stride is None else self.stride))

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (down, across, channels); rows and columns that fill no window are left out."""
        height, width, channels = image_of(self, input_shape)
        check_holds(self, input_shape, (height, width), "window", self.size, "Take a smaller one.")
        return (*places((height, width), self.size, self.stride), channels)

    def remark(self, input_shape: Shape) -> str:
        """Return what is left out, if anything is."""
        image = input_shape[:2]
        left = [(n - k) % s for n, k, s in zip(image, self.size, self.stride, strict=True)]
        told = [f"{n} {name}{'s' * (n > 1)}" for n, name in zip(left, ("row", "column"), strict=True) if n]
        return f"{' and '.join(told)} left out" if told else ""

    def _reduced(self, combine: Callable[[Array, Array], Array], a: Array) -> Array:
        """Return what becomes of each window if its rows are combined, and then its columns."""
        down, across = places(a.shape[1:3], self.size, self.stride)
        for axis, n, size, stride in zip((1, 2), (down, across), self.size, self.stride, strict=True):
            before = (slice(None),) * axis
            parts = [a[(*before, slice(i, i + stride * (n - 1) + 1, stride), ...)] for i in range(size)]
            a = reduce(combine, parts)
        return a


@dataclass(frozen=True)
class MaxPool2D(Pool2D):
    """The largest value of each window; of equal ones the error goes to the first alone.

    Args:
        size: Of a window, a number or (rows, columns).
        stride: From one to the next, likewise; None is the size: windows lie side by side. Where
            they do not divide the image, its last rows and columns are left out.

    Example:
        >>> from anynet import MaxPool2D
        >>> MaxPool2D(2).output_shape((5, 4, 3))
        (2, 2, 3)
    """

    def forward(
        self, xp: Namespace, parameters: Any, state: Any, a: Array, training: bool, noise: None
    ) -> tuple[Array, tuple[Array, Array], Any]:
        """Return (z, (a, z), state)."""
        largest = self._reduced(xp.maximum, a)
        return largest, (a, largest), state

    def backward(
        self, xp: Namespace, parameters: Any, residuals: tuple[Array, Array], delta: Array
    ) -> tuple[tuple[()], Array]:
        """Return the error of what came in: the first that is the largest takes it."""
        a, largest = residuals
        *others, _ = taps_of(a.shape[1:3], self.size, self.stride)
        errors = []
        for tap in others:
            errors.append(delta * xp.astype(a[tap] == largest, delta.dtype))
            delta = delta - errors[-1]
        errors.append(delta)  # the last takes what is left
        return (), overlap_add(xp, errors, self.size, self.stride, a.shape)


@dataclass(frozen=True)
class AveragePool2D(Pool2D):
    """The mean of each window.

    Args:
        size: Of a window, a number or (rows, columns).
        stride: From one to the next, likewise; None is the size: windows lie side by side. Where
            they do not divide the image, its last rows and columns are left out.

    Example:
        >>> from anynet import AveragePool2D
        >>> AveragePool2D((2, 1)).output_shape((4, 4, 3))
        (2, 4, 3)
    """

    def forward(
        self, xp: Namespace, parameters: Any, state: Any, a: Array, training: bool, noise: None
    ) -> tuple[Array, Array, Any]:
        """Return (z, a, state): backward needs the form of what came in."""
        total = self._reduced(operator.add, a)
        return total * (1.0 / math.prod(self.size)), a, state

    def backward(self, xp: Namespace, parameters: Any, residuals: Array, delta: Array) -> tuple[tuple[()], Array]:
        """Return the error of what came in: each takes an equal share."""
        n = math.prod(self.size)
        return (), overlap_add(xp, [delta * (1.0 / n)] * n, self.size, self.stride, residuals.shape)


@dataclass(frozen=True)
class GlobalAveragePool2D(Layer):
    """The mean of each channel over the whole image.

    Example:
        >>> from anynet import GlobalAveragePool2D
        >>> GlobalAveragePool2D().output_shape((5, 4, 3))
        (3,)
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (channels,)."""
        return (image_of(self, input_shape)[2],)

    def forward(
        self, xp: Namespace, parameters: Any, state: Any, a: Array, training: bool, noise: None
    ) -> tuple[Array, Array, Any]:
        """Return (z, a, state): backward needs the form of what came in."""
        return xp.mean(a, axis=(1, 2)), a, state

    def backward(self, xp: Namespace, parameters: Any, residuals: Array, delta: Array) -> tuple[tuple[()], Array]:
        """Return the error of what came in: each takes an equal share."""
        n, height, width, channels = residuals.shape
        share = xp.reshape(delta * (1.0 / (height * width)), (n, 1, 1, channels))
        return (), xp.broadcast_to(share, residuals.shape)
