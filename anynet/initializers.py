"""Where training starts: initial weights and biases, drawn on the host.

An initializer returns, for weights of shape (n_out, ...) whose rows see `fan_in` inputs,
float64 arrays in NumPy; the backend takes them from there, so the same seed starts every
library from identical bits.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from anynet.checks import check_own, number_in, value_of
from anynet.typing import Generator, HostArray, Shape

__all__ = ["INITIALIZERS", "Initializer", "get"]


def _standard_normal(rng: Generator, shape: Shape) -> HostArray:
    return rng.standard_normal(shape)


def _from_minus_one_to_one(rng: Generator, shape: Shape) -> HostArray:
    return rng.uniform(-1.0, 1.0, shape)


@dataclass(frozen=True)
class Initializer:
    """A named way to start: weights and biases of mean 0, normal unless told otherwise.

    Args:
        name: What it is called, in tables, files and errors.
        weights_std: `weights_std(fan_in, fan_out)`, the standard deviation of weights, from
            how many inputs a neuron sees and how many neurons see an input.
        biases_std: The standard deviation of biases; 0 starts them at 0.
        distribution: `distribution(rng, shape)` draws what these multiply; the standard normal
            one unless given. Of another one they are scales.

    Example:
        >>> import numpy as np
        >>> small = Initializer("small", lambda fan_in, fan_out: 0.01, 0.0)
        >>> weights, biases = small.draw(np.random.default_rng(0), (3, 2), fan_in=2, fan_out=3)
        >>> weights.shape, biases.shape
        ((3, 2), (3,))
    """

    name: str
    weights_std: Callable[[int, int], float]
    biases_std: float
    distribution: Callable[[Generator, Shape], HostArray] = _standard_normal

    def __post_init__(self) -> None:
        check_own(self, ("weights_std", "distribution"))
        number_in("biases_std", self.biases_std, "a finite number from 0", lambda n: n >= 0)

    def draw(self, rng: Generator, shape: Shape, fan_in: int, fan_out: int) -> tuple[HostArray, HostArray]:
        """Return initial weights and biases.

        Args:
            rng: The stream of random numbers; biases are drawn from it before weights.
            shape: Of the weights, (n_out, ...).
            fan_in: How many inputs a neuron sees.
            fan_out: How many neurons see an input.

        Returns:
            Weights of that shape and biases (n_out,), float64.

        Raises:
            MemoryError: The host has no room for them.
        """
        try:
            biases = self.biases_std * self.distribution(rng, shape[:1])
            weights = self.weights_std(fan_in, fan_out) * self.distribution(rng, shape)
        except MemoryError as error:
            raise MemoryError(
                f"initializer: expected room for weights of the shape {shape} on the host, where they are drawn, got "
                f"none ({error}). Take a smaller network."
            ) from None
        return weights, biases


INITIALIZERS = {
    initializer.name: initializer
    for initializer in (
        # LeCun et al. (1998), section 4.6, as in Nielsen, chapter 3: a weighted input of standard deviation about 1.
        Initializer("lecun_normal", lambda fan_in, fan_out: 1 / math.sqrt(fan_in), 1.0),
        # Nielsen, chapter 1: network.py as it stands.
        Initializer("standard_normal", lambda fan_in, fan_out: 1.0, 1.0),
        # As the neuron of the simplest kind starts: any number from -1 to 1.
        Initializer("uniform", lambda fan_in, fan_out: 1.0, 1.0, _from_minus_one_to_one),
        # Glorot and Bengio (2010), equation 12, in its normal form.
        Initializer("glorot_normal", lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out)), 0.0),
        # He et al. (2015), equation 10: for ReLU.
        Initializer("he_normal", lambda fan_in, fan_out: math.sqrt(2 / fan_in), 0.0),
    )
}
FORMER_NAMES = {"scaled_normal": "lecun_normal", "xavier": "glorot_normal", "he": "he_normal"}


def get(initializer: str | Initializer) -> Initializer:
    """Return an initializer by its name, or the value itself.

    Args:
        initializer: A name of `INITIALIZERS`, one of its former names (scaled_normal, xavier,
            he), or an `Initializer` of your own.

    Returns:
        The initializer.

    Raises:
        ValueError: There is none of that name; the error lists those that exist.
        TypeError: It is neither a name nor a value.

    Example:
        >>> get("he").name
        'he_normal'
    """
    if isinstance(initializer, str):
        initializer = FORMER_NAMES.get(initializer, initializer)
    return value_of(INITIALIZERS, initializer, Initializer, "initializer")
