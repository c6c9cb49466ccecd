"""Where training starts: initial weights and biases, drawn on the host.

An initializer returns, for weights of shape (n_out, ...) whose rows see `fan_in` inputs,
float64 arrays in NumPy; the backend takes them from there, so the same seed starts every
library from identical bits.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from anynet.checks import look_up

HostArray = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Initializer:
    """A named way to start: the standard deviation of weights, by fan, and of biases."""

    name: str
    weights_std: Callable[[int, int], float]  # (fan_in, fan_out) -> standard deviation
    biases_std: float

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> tuple[HostArray, HostArray]:
        """Return normal weights of that shape, and biases of shape (shape[0],)."""
        biases = self.biases_std * rng.standard_normal(shape[0])
        weights = self.weights_std(fan_in, fan_out) * rng.standard_normal(shape)
        return weights, biases


INITIALIZERS = {
    initializer.name: initializer
    for initializer in (
        # Nielsen, chapter 3: a weighted input of standard deviation about 1.
        Initializer("scaled_normal", lambda fan_in, fan_out: 1 / math.sqrt(fan_in), 1.0),
        # Nielsen, chapter 1: network.py as it stands.
        Initializer("standard_normal", lambda fan_in, fan_out: 1.0, 1.0),
        # Glorot and Bengio (2010), equation 12, in its normal form.
        Initializer("xavier", lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out)), 0.0),
        # He et al. (2015), equation 10: for ReLU.
        Initializer("he", lambda fan_in, fan_out: math.sqrt(2 / fan_in), 0.0),
    )
}


def get(name: str) -> Initializer:
    """Return the initializer of that name; ValueError lists those that exist."""
    return look_up(INITIALIZERS, name, "initializer")
