"""The fully connected layer: each neuron sees every input."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from anynet import initializers
from anynet.activations import Activation
from anynet.checks import whole_number
from anynet.initializers import Initializer
from anynet.layers.layer import Layer
from anynet.typing import Array, Generator, Namespace, Shape


class DenseParameters(NamedTuple):
    """What a dense layer has learnt; gradients have the same form."""

    weights: Array  # (n_out, n_in)
    biases: Array  # (n_out,)


@dataclass(frozen=True)
class Dense(Layer):
    """A fully connected layer: z = a W^T + b.

    Args:
        units: How many neurons it has, at least 1.
        activation: A name of `activations.ACTIVATIONS` or an `Activation`. None takes the
            network's: that of hidden layers, or in the last layer that of the output.
        initializer: A name of `initializers.INITIALIZERS` or an `Initializer`. None takes the
            network's.

    Raises:
        ValueError: There are fewer units than 1.
        TypeError: `units` is no whole number.

    Example:
        >>> from anynet import Network
        >>> Network([784, Dense(30, activation="relu"), 10]).sizes
        [784, 30, 10]

    References:
        Nielsen, *Neural Networks and Deep Learning*, chapter 2, equations BP3 and BP4.
    """

    units: int
    activation: str | Activation | None = None  # type: ignore[misc]
    initializer: str | Initializer | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", whole_number("Dense", self.units, limits="at least 1 neuron"))

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (units,)."""
        if len(input_shape) != 1:
            raise ValueError(
                f"Dense: expected inputs of one dimension, got the shape {input_shape}. "
                f"Give the number of inputs, {math.prod(input_shape)}."
            )
        return (self.units,)

    def parameter_shapes(self, input_shape: Shape) -> tuple[DenseParameters, tuple[()]]:
        """Return weights (units, n_in) and biases (units,), and no state."""
        return DenseParameters((self.units, math.prod(input_shape)), (self.units,)), ()

    def initialize(self, input_shape: Shape, rng: Generator) -> tuple[DenseParameters, tuple[()]]:
        """Return weights and biases as the initializer draws them."""
        (n_in,) = input_shape
        initializer = initializers.get(self.initializer or "lecun_normal")
        weights, biases = initializer.draw(rng, (self.units, n_in), fan_in=n_in, fan_out=self.units)
        return DenseParameters(weights, biases), ()

    def forward(
        self, xp: Namespace, parameters: DenseParameters, state: Any, a: Array, training: bool, noise: None
    ) -> tuple[Array, Array, Any]:
        """Return (z, a, state): backward needs what came in."""
        weights, biases = parameters
        z = a @ weights.T + biases  # (n, n_in) @ (n_in, n_out) = (n, n_out)
        return z, a, state

    def backward(
        self, xp: Namespace, parameters: DenseParameters, residuals: Array, delta: Array
    ) -> tuple[DenseParameters, Array]:
        """Return the gradients, summed over the batch, and dC/da."""
        gradients = DenseParameters(
            delta.T @ residuals,  # BP4: (n_out, n) @ (n, n_in) = (n_out, n_in)
            xp.sum(delta, axis=0),  # BP3: (n_out,)
        )
        return gradients, delta @ parameters.weights  # (n, n_out) @ (n_out, n_in)
