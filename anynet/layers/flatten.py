"""Flatten: an image, or what else has several dimensions, as one row of numbers."""

import math
from dataclasses import dataclass
from typing import Any

from anynet.layers.layer import Layer
from anynet.typing import Array, Namespace, Shape


@dataclass(frozen=True)
class Flatten(Layer):
    """Lays the values of each example in one row, in their order: rows, columns, channels.

    Between an image and a dense layer a network puts it by itself.

    Example:
        >>> from anynet import Flatten
        >>> Flatten().output_shape((4, 4, 40))
        (640,)
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (n,), the number of values."""
        return (math.prod(input_shape),)

    def forward(
        self, xp: Namespace, parameters: Any, state: Any, a: Array, training: bool, noise: None
    ) -> tuple[Array, Array, Any]:
        """Return (z, a, state): backward needs the form of what came in."""
        return xp.reshape(a, (a.shape[0], math.prod(a.shape[1:]))), a, state

    def backward(self, xp: Namespace, parameters: Any, residuals: Array, delta: Array) -> tuple[tuple[()], Array]:
        """Return the error in the form of what came in."""
        return (), xp.reshape(delta, residuals.shape)
