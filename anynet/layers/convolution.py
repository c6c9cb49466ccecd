"""The convolution: the same few weights look at every place of an image."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from anynet import initializers
from anynet.activations import Activation
from anynet.checks import as_code, whole_number
from anynet.initializers import Initializer
from anynet.layers.images import PADDINGS, check_holds, image_of, margins, padded, pair_of
from anynet.layers.layer import Layer
from anynet.typing import Array, Generator, Namespace, Shape
from anynet.windows import Pair, PairLike, overlap_add, places, windows


class ConvParameters(NamedTuple):
    """What a convolution has learnt; gradients have the same form."""

    weights: Array  # the kernels, (filters, rows, columns, channels)
    biases: Array  # (filters,)


@dataclass(frozen=True)
class Conv2D(Layer):
    """A convolution: each filter's kernel is laid on every place of an image, and their product summed up.

    It is a matrix product: a row for what the kernel sees at a place, a column for each filter. As in
    all libraries of neural networks, kernels are not turned round (it is a cross-correlation).

    Args:
        filters: How many kernels there are, and so channels of what comes out.
        kernel: The size of each, a number or (rows, columns).
        stride: How far it is from a place to the next, likewise.
        padding: "valid" lays kernels within the image; "same" puts zeros round it, so that there are
            size / stride places, rounded up; where their number is odd, the one more is at the bottom
            and at the right.
        activation: As in `Dense`; None takes the network's for hidden layers, or none if a norm
            follows directly, which takes it then.
        initializer: As in `Dense`.

    Raises:
        ValueError: A number is below 1, or the padding unknown.
        TypeError: A number is no whole one.

    Example:
        >>> from anynet import Conv2D, MaxPool2D, Network
        >>> Network([(28, 28, 1), Conv2D(20, 5), MaxPool2D(2), 100, 10]).shapes[1]
        (24, 24, 20)

    References:
        LeCun et al., *Gradient-Based Learning Applied to Document Recognition*, 1998; Nielsen, chapter 6.
    """

    filters: int
    kernel: PairLike
    stride: PairLike = 1
    padding: str = "valid"
    activation: str | Activation | None = None  # type: ignore[misc]
    initializer: str | Initializer | None = None
    gives_way_to_norm: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "filters", whole_number("Conv2D", self.filters, limits="at least 1 filter"))
        object.__setattr__(self, "kernel", pair_of("Conv2D", "kernel", self.kernel))
        object.__setattr__(self, "stride", pair_of("Conv2D", "stride", self.stride))
        if not isinstance(self.padding, str) or self.padding not in PADDINGS:
            raise ValueError(f"Conv2D: expected a padding of {' or '.join(PADDINGS)}, got {as_code(self.padding)}.")

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (down, across, filters)."""
        height, width, _ = image_of(self, input_shape)
        around = self._margins(input_shape)
        image = [n + sum(margin) for n, margin in zip((height, width), around, strict=True)]
        check_holds(self, input_shape, image, "kernel", self.kernel, 'Take a smaller one, or padding="same".')
        return (*places(image, self.kernel, self.stride), self.filters)

    def widest_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of all that the kernel sees, if that is larger than what comes out."""
        output = self.output_shape(input_shape)
        seen = (*output[:2], *self.kernel, input_shape[2])
        return max(seen, output, key=math.prod)

    def parameter_shapes(self, input_shape: Shape) -> tuple[ConvParameters, tuple[()]]:
        """Return kernels (filters, rows, columns, channels) and biases (filters,), and no state."""
        return ConvParameters((self.filters, *self.kernel, input_shape[2]), (self.filters,)), ()

    def initialize(self, input_shape: Shape, rng: Generator) -> tuple[ConvParameters, tuple[()]]:
        """Return kernels and biases as the initializer draws them."""
        (shape, _), _ = self.parameter_shapes(input_shape)
        n_seen, n_places = math.prod(shape[1:]), math.prod(self.kernel)
        initializer = initializers.get(self.initializer or "lecun_normal")
        return ConvParameters(*initializer.draw(rng, shape, fan_in=n_seen, fan_out=self.filters * n_places)), ()

    def forward(
        self, xp: Namespace, parameters: ConvParameters, state: Any, a: Array, training: bool, noise: None
    ) -> tuple[Array, tuple[Array, Array], Any]:
        """Return (z, (a, what the kernels see), state)."""
        kernels, biases = parameters
        seen = windows(xp, padded(xp, a, self._margins(a.shape[1:])), self.kernel, self.stride)
        rows = xp.reshape(seen, (math.prod(seen.shape[:3]), math.prod(seen.shape[3:])))
        z = rows @ xp.reshape(kernels, (self.filters, -1)).T + biases  # as if each place were an example of its own
        return xp.reshape(z, (*seen.shape[:3], self.filters)), (a, rows), state

    def backward(
        self, xp: Namespace, parameters: ConvParameters, residuals: tuple[Array, Array], delta: Array
    ) -> tuple[ConvParameters, Array]:
        """Return the gradients, summed over all places, and dC/da: what each element of a kernel passes back."""
        kernels, (a, rows) = parameters.weights, residuals
        around, (height, width, channels) = self._margins(a.shape[1:]), a.shape[1:]
        n, down, across, filters = delta.shape
        delta = xp.reshape(delta, (n * down * across, filters))
        gradients = ConvParameters(
            xp.reshape((rows.T @ delta).T, kernels.shape),  # BP4
            xp.sum(delta, axis=0),  # BP3
        )
        n_taps = math.prod(self.kernel)
        by_tap = xp.permute_dims(xp.reshape(kernels, (filters, n_taps, channels)), (1, 0, 2))
        errors = xp.reshape(delta @ by_tap, (n_taps, n, down, across, channels))
        (top, bottom), (left, right) = around
        image = n, top + height + bottom, left + width + right, channels
        error = overlap_add(xp, [errors[tap, ...] for tap in range(n_taps)], self.kernel, self.stride, image)
        return gradients, error[:, top : top + height, left : left + width, :]

    def _margins(self, image: Shape) -> tuple[Pair, Pair]:
        return margins(image, self.kernel, self.stride, self.padding)
