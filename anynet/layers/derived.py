"""What a layer leaves unsaid: backward, taken from its forward by the graph."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from anynet.derived import Outline, backward_of, why_not
from anynet.layers.layer import Layer
from anynet.typing import Array, Generator, HostArray, Namespace, Shape


@dataclass(frozen=True)
class WithBackward(Layer):
    """A layer that has no `backward` of its own, as one that has.

    Args:
        layer: The layer itself.
    """

    layer: Layer

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the layer's."""
        return self.layer.output_shape(input_shape)

    def parameter_shapes(self, input_shape: Shape) -> tuple[Any, Any]:
        """Return the layer's."""
        return self.layer.parameter_shapes(input_shape)

    def initialize(self, input_shape: Shape, rng: Generator) -> tuple[Any, Any]:
        """Return the layer's."""
        return self.layer.initialize(input_shape, rng)

    def noise(self, input_shape: Shape, n: int, rng: Generator) -> HostArray | None:
        """Return the layer's."""
        return self.layer.noise(input_shape, n, rng)

    def prepare(self, xp: Namespace, state: Any, chunks: Iterable[Array]) -> Any:
        """Return the layer's."""
        return self.layer.prepare(xp, state, chunks)

    def forward(
        self, xp: Namespace, parameters: Any, state: Any, a: Array, training: bool, noise: Array | None
    ) -> tuple[Array, Any, Any]:
        """Return what the layer does, and all that it was handed: backward takes it from there."""
        z, _, after = self.layer.forward(xp, parameters, state, a, training, noise)
        return z, (training, (state, a, noise)), after

    def backward(self, xp: Namespace, parameters: Any, residuals: Any, delta: Array) -> tuple[Any, Array]:
        """Return the gradients that the layer's forward implies."""
        training, moment = residuals
        gradients, error = backward_of(self.layer.forward, training)(xp, parameters, *moment, delta)
        return gradients, error

    def check(self, input_shape: Shape) -> None:
        """Raise ValueError if forward is no formula that the graph can derive."""
        parameters, state = (_outlines(shapes) for shapes in self.parameter_shapes(input_shape))
        a, delta = (Outline((2, *shape), "float64") for shape in (input_shape, self.output_shape(input_shape)))
        reason = why_not(backward_of(self.layer.forward, True), parameters, state, a, None, delta)
        if reason is not None:
            raise ValueError(
                f"{type(self.layer).__name__}: expected a backward, or a forward that it can be derived from, got one "
                f"that cannot: {reason}. Write its backward, see anynet.Layer."
            )


def _outlines(shapes: Any) -> Any:
    """Return a named tuple of shapes as one of arrays."""
    outlines = [Outline(tuple(shape), "float64") for shape in shapes]
    return type(shapes)(*outlines) if outlines else ()


def with_backward(layer: Layer) -> Layer:
    """Return a layer, or what stands for one that has no `backward` of its own."""
    return WithBackward(layer) if type(layer).backward is Layer.backward else layer
