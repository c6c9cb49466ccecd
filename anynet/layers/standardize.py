"""Standardisation: each input, less its mean over the training data, in units of its standard deviation."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from anynet.layers.layer import Layer
from anynet.typing import Array, Generator, Namespace, Shape


class Scales(NamedTuple):
    """What a standardising layer knows of its inputs; no gradient moves it."""

    mean: Array  # the input's shape
    std: Array  # likewise; 1 where an input is constant
    examples: Array  # (1,): how many they are taken from, 0 before the first training


@dataclass(frozen=True)
class Standardize(Layer):
    """Brings each input to mean 0 and standard deviation 1: z = (a - mean) / std.

    Both are taken from the training data, once, before the first epoch of the first training; from
    then on they belong to the network, and are saved with it. A later training, `load` before it or
    not, changes nothing: what the network has learnt rests on them. Until then, and in steps by hand
    (`update_mini_batch`), the inputs go through as they are. An input that is constant comes out as 0.

    Example:
        >>> import numpy as np
        >>> from anynet import Network
        >>> x, y = np.asarray([[1000.0, 1.0], [1004.0, 3.0], [1008.0, 5.0]]), [0, 1, 1]
        >>> net = Network([2, Standardize(), 3, 2])
        >>> history = net.fit(x, y, epochs=1)
        >>> net.state[0].mean.tolist()
        [1004.0, 3.0]
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's."""
        return input_shape

    def parameter_shapes(self, input_shape: Shape) -> tuple[tuple[()], Scales]:
        """Return no parameters, and a mean and a standard deviation of each input."""
        return (), Scales(input_shape, input_shape, (1,))

    def initialize(self, input_shape: Shape, rng: Generator) -> tuple[tuple[()], Scales]:
        """Return what leaves inputs as they are; nothing is drawn."""
        mean = rng.standard_normal((0, *input_shape)).sum(axis=0)  # zeros of the host's
        return (), Scales(mean, mean + 1.0, mean.reshape(-1)[:1] * 0.0)

    def prepare(self, xp: Namespace, state: Scales, chunks: Iterable[Array]) -> Scales:
        """Return mean and standard deviation over all chunks, if there are none yet."""
        if float(state.examples[0]) > 0.0:
            return state
        n, total, first, span = 0, state.mean * 0.0, None, state.std * 0.0
        for a in chunks:  # less the first example: sums stay small, and what is constant is exactly 0
            first = a[0, ...] if first is None else first
            difference = a - first
            n, total = n + a.shape[0], total + xp.sum(difference, axis=0)
            span = xp.maximum(span, xp.max(xp.abs(difference), axis=0))
        mean, varies = total / n, span > 0.0
        span = xp.where(varies, span, xp.ones_like(span))  # no square overflows
        squares = state.mean * 0.0
        for a in chunks:
            distance = (a - first - mean) / span
            squares = squares + xp.sum(distance * distance, axis=0)
        std = xp.where(varies, span * xp.sqrt(squares / n), xp.ones_like(span))
        return Scales(first + mean, std, xp.full_like(state.examples, float(n)))

    def forward(
        self, xp: Namespace, parameters: Any, state: Scales, a: Array, training: bool, noise: None
    ) -> tuple[Array, Array, Scales]:
        """Return the standardised input, and the standard deviations for backward."""
        return (a - state.mean) / state.std, state.std, state

    def backward(self, xp: Namespace, parameters: Any, residuals: Array, delta: Array) -> tuple[tuple[()], Array]:
        """Return the error of what came in."""
        return (), delta / residuals
