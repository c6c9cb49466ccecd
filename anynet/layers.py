"""Layers: frozen values that hold hyper-parameters, never arrays.

A layer is five functions. Parameters, state, gradients and what backward needs are handed
in and returned; nothing is kept on the layer. The network applies the layer's activation
to what `forward` returns, and multiplies by its derivative before `backward`, so `delta`
is always dC/dz of this layer. Arrays are batch-first: a (n, n_in), z and delta (n, n_out).
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from numbers import Integral
from typing import Any, ClassVar, NamedTuple, Protocol

from anynet import initializers
from anynet.backends import Array, Namespace
from anynet.checks import look_up
from anynet.random import Generator

Shape = tuple[int, ...]


def map_arrays(f: Callable[[Array], Array], arrays: Any) -> Any:
    """Return parameters, gradients or state of one layer with f applied to each array."""
    return type(arrays)(*map(f, arrays))


class Layer(Protocol):
    """What the network asks of a layer, a frozen dataclass.

    `activation` names what the network applies to z; None takes the network's own.
    `state` is what a layer carries that no gradient moves.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def activation(self) -> str | None: ...

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one example's output, given that of its input."""

    def initialize(self, input_shape: Shape, rng: Generator) -> tuple[Any, Any]:
        """Return (parameters, state) as tuples of host arrays, () for none."""

    def noise(self, input_shape: Shape, n: int, rng: Generator) -> Any:
        """Return the random numbers that n examples need as a host array, or None."""

    def forward(
        self, xp: Namespace, parameters: Any, state: Any, a: Array, training: bool, noise: Any
    ) -> tuple[Array, Any, Any]:
        """Return (z, memory, state): the output, what backward needs, the next state."""

    def backward(
        self, xp: Namespace, parameters: Any, memory: Any, delta: Array, need_input: bool
    ) -> tuple[Any, Array | None]:
        """Return (gradients, dC/da): as the parameters; dC/da is None unless asked for."""


class DenseParameters(NamedTuple):
    """Weights (n_out, n_in) and biases (n_out,); gradients have the same form."""

    weights: Array
    biases: Array


@dataclass(frozen=True)
class Dense:
    """A fully connected layer of `units` neurons: z = a W^T + b.

    `activation` and `initializer` are names; None takes the network's. Raises ValueError
    unless units >= 1, TypeError if it is no whole number.
    """

    units: int
    activation: str | None = None
    initializer: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", _size("Dense", self.units))

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1:
            raise ValueError(
                f"Dense: expected inputs of one dimension, got the shape {input_shape}. "
                f"Give the number of inputs, {math.prod(input_shape)}."
            )
        return (self.units,)

    def initialize(self, input_shape: Shape, rng: Generator) -> tuple[DenseParameters, tuple[()]]:
        (n_in,) = input_shape
        initializer = initializers.get(self.initializer or "scaled_normal")
        weights, biases = initializer.draw(rng, (self.units, n_in), fan_in=n_in, fan_out=self.units)
        return DenseParameters(weights, biases), ()

    def noise(self, input_shape: Shape, n: int, rng: Generator) -> None:
        return None

    def forward(
        self, xp: Namespace, parameters: DenseParameters, state: Any, a: Array, training: bool, noise: Any
    ) -> tuple[Array, Array, Any]:
        weights, biases = parameters
        z = a @ weights.T  # (n, n_out)
        z += biases
        return z, a, state

    def backward(
        self, xp: Namespace, parameters: DenseParameters, memory: Array, delta: Array, need_input: bool
    ) -> tuple[DenseParameters, Array | None]:
        gradients = DenseParameters(delta.T @ memory, xp.sum(delta, axis=0))  # BP4, BP3
        return gradients, (delta @ parameters.weights if need_input else None)


LAYERS = {layer.__name__: layer for layer in (Dense,)}


def read_sizes(sizes: Sequence[Any], hidden: str, output: str, initializer: str) -> tuple[Shape, list[Layer]]:
    """Return the input's shape and the layers that `sizes` stands for.

    The first size is the input, an int or a shape; an int after it is a dense layer, a
    layer is itself. Layers without an activation or initializer are given those named.
    Raises ValueError or TypeError for sizes that make no network.
    """
    if isinstance(sizes, str) or not isinstance(sizes, Iterable):
        raise TypeError(f"sizes: expected a list such as [784, 30, 10], got {sizes!r}.")
    initializers.get(initializer)
    given = list(sizes)
    if len(given) < 2:
        raise ValueError(f"sizes: expected an input and at least one layer, got {given!r}.")
    first, *rest = given
    input_shape = tuple(_size("sizes", n) for n in (first if isinstance(first, (tuple, list)) else (first,)))
    is_layer = [hasattr(layer, "forward") and not isinstance(layer, type) for layer in rest]
    stack = [layer if known else Dense(layer) for layer, known in zip(rest, is_layer, strict=True)]
    activations = [hidden] * (len(stack) - 1) + [output]
    stack = [
        _completed(layer, activation=f, initializer=initializer) for layer, f in zip(stack, activations, strict=True)
    ]
    return input_shape, stack


def described(layer: Layer) -> dict[str, Any]:
    """Return a layer's kind and hyper-parameters, to be written to a file as JSON."""
    return {"kind": type(layer).__name__, **asdict(layer)}


def from_description(description: dict[str, Any]) -> Layer:
    """Return the layer that `described` wrote; ValueError or TypeError if it is none."""
    hyper_parameters = dict(description)
    layer = look_up(LAYERS, hyper_parameters.pop("kind", None), "layer")
    unknown = set(hyper_parameters) - {field.name for field in fields(layer)}
    if unknown:
        raise ValueError(f"layer: {layer.__name__} has no {', '.join(map(str, unknown))}.")
    return layer(**hyper_parameters)


def _completed(layer: Layer, **defaults: str) -> Layer:
    """Return the layer with each of the defaults that it has a field for and left None."""
    missing = {f.name: defaults[f.name] for f in fields(layer) if f.name in defaults and getattr(layer, f.name) is None}
    return replace(layer, **missing)


def _size(where: str, size: object) -> int:
    """Return the size as a Python int, which a file can take: one computed with NumPy is none."""
    if isinstance(size, bool) or not isinstance(size, Integral):
        raise TypeError(f"{where}: expected whole numbers, got {size!r} of type {type(size).__name__}.")
    if size < 1:
        raise ValueError(f"{where}: expected sizes of at least 1, got {size}.")
    return int(size)
