"""Dropout: in training, some of the values are left out by chance."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

from anynet.checks import as_code
from anynet.layers.layer import Layer
from anynet.typing import Array, Generator, HostArray, Namespace, Shape


def _checked(rate: Any) -> float:
    """Return a rate as Python's float; TypeError or ValueError if it is none."""
    is_number = isinstance(rate, Real) and not isinstance(rate, bool)
    if not is_number:
        raise TypeError(f"Dropout: expected a rate, a number from 0 to below 1, got {as_code(rate)}.")
    if not 0.0 <= rate < 1.0:
        raise ValueError(
            f"Dropout: expected a rate from 0 to below 1, got {as_code(rate)}. It is the share that is left out: "
            "Dropout(0.5) drops one half."
        )
    return float(rate)


@dataclass(frozen=True)
class Dropout(Layer):
    """Sets a share of its inputs to 0 in training, anew for each example, and the others 1 / (1 - rate) times as large.

    So the mean of what comes out is that of what came in, and nothing is left to be done where the
    network is asked: there, all goes through as it is. The masks are drawn from a random stream of
    their own: a network sees its examples in the same order with it and without.

    Args:
        rate: The share that is left out, from 0 to below 1.

    Raises:
        ValueError: The rate lies outside.
        TypeError: It is no number.

    Example:
        >>> from anynet import Network
        >>> Network([784, 100, Dropout(0.5), 10]).sizes
        [784, 100, 100, 10]

    References:
        Srivastava et al., *Dropout: A Simple Way to Prevent Neural Networks from Overfitting*, 2014; here "inverted".
    """

    rate: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", _checked(self.rate))

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's."""
        return input_shape

    def noise(self, input_shape: Shape, n: int, rng: Generator) -> HostArray:
        """Return masks (n, *input_shape): whether each value is kept."""
        kept: HostArray = rng.random((n, *input_shape), dtype="float32") < 1.0 - self.rate
        return kept

    def forward(
        self, xp: Namespace, parameters: Any, state: Any, a: Array, training: bool, noise: Array | None
    ) -> tuple[Array, Array | None, Any]:
        """Return the masked input; without a mask, as in evaluation, the input itself."""
        mask = None if noise is None else noise * (1.0 / (1.0 - self.rate))
        return (a if mask is None else a * mask), mask, state

    def backward(
        self, xp: Namespace, parameters: Any, residuals: Array | None, delta: Array
    ) -> tuple[tuple[()], Array]:
        """Return the error through the same mask."""
        return (), delta if residuals is None else delta * residuals
