"""Norms: what comes in is brought to mean 0 and variance 1, then scaled and shifted as it has been learnt."""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, NamedTuple

from anynet.activations import Activation
from anynet.checks import as_code
from anynet.layers.layer import Layer
from anynet.typing import Array, Generator, Namespace, Shape


class NormParameters(NamedTuple):
    """What a norm has learnt; no penalty or decay touches it."""

    scale: Array  # (channels,)
    shift: Array  # (channels,)


class Running(NamedTuple):
    """What a batch norm has seen of its inputs; no gradient moves it."""

    running_mean: Array  # (channels,)
    running_variance: Array  # (channels,)


def _checked(name: str, what: str, value: Any, most: float) -> float:
    """Return a number above 0 as Python's; TypeError or ValueError if it is none."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number:
        raise TypeError(f"{name}: expected {what}, a number, got {as_code(value)}.")
    if not 0.0 < value <= most:
        raise ValueError(f"{name}: expected {what} above 0 and at most {most:g}, got {as_code(value)}.")
    return float(value)


def _normalized(xp: Namespace, a: Array, mean: Array, variance: Array, eps: float, parameters: NormParameters) -> Array:
    return (a - mean) / xp.sqrt(variance + eps) * parameters.scale + parameters.shift


@dataclass(frozen=True)
class Norm(Layer):
    """What norms have in common: a scale and a shift for each channel, that is, along the last axis.

    A convolution directly before one leaves its activation to it.
    """

    eps: float = 1e-5
    activation: str | Activation | None = None  # type: ignore[misc]
    is_norm: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "eps", _checked(type(self).__name__, "eps", self.eps, 1.0))

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's."""
        return input_shape

    def parameter_shapes(self, input_shape: Shape) -> tuple[NormParameters, Any]:
        """Return a scale and a shift for each channel, and no state."""
        return NormParameters(input_shape[-1:], input_shape[-1:]), ()

    def initialize(self, input_shape: Shape, rng: Generator) -> tuple[NormParameters, Any]:
        """Return what leaves the normalized values as they are; nothing is drawn."""
        zeros = rng.standard_normal((0, input_shape[-1])).sum(axis=0)  # of the host's
        return NormParameters(zeros + 1.0, zeros), ()


@dataclass(frozen=True)
class BatchNorm(Norm):
    """Brings each channel to mean 0 and variance 1 over a mini-batch, and over all places of its images.

    In training, by the batch's own mean and variance, the biased one (divided by n). Where the network is
    asked, by running ones: running <- momentum running + (1 - momentum) batch, with the unbiased variance
    (divided by n - 1). So it couples the examples of a batch: what comes of one hangs on the others, such a
    batch cannot be split into micro-batches, and one in which a channel has a single value is refused.

    Args:
        momentum: Which share of the running values stays in each step. While `fit(average=...)` averages the
            parameters, the average lags behind those that the running values are of, unless both have one share.
        eps: Added to the variance.
        activation: A name or an `Activation`. None is that of hidden layers if a convolution that says
            none stands directly before, else none.

    Raises:
        ValueError: A number lies outside of what it may be.
        TypeError: It is no number.

    Example:
        >>> from anynet import BatchNorm, Conv2D, Network
        >>> net = Network([(28, 28, 1), Conv2D(8, 3), BatchNorm(), 10], hidden="relu", output="softmax")

    References:
        Ioffe and Szegedy, *Batch Normalization*, 2015.
    """

    momentum: float = 0.9
    couples: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "momentum", _checked("BatchNorm", "momentum", self.momentum, 1.0))

    def least_examples(self, input_shape: Shape) -> int:
        """Return two where an example has one value of each channel: one alone has no variance."""
        return 2 if math.prod(input_shape[:-1]) == 1 else 1

    def remark(self, input_shape: Shape) -> str:
        """Return that it couples."""
        return "couples the examples of a batch"

    def parameter_shapes(self, input_shape: Shape) -> tuple[NormParameters, Running]:
        """Return a scale and a shift for each channel, and a mean and a variance."""
        channels = input_shape[-1:]
        return NormParameters(channels, channels), Running(channels, channels)

    def initialize(self, input_shape: Shape, rng: Generator) -> tuple[NormParameters, Running]:
        """Return what leaves values as they are; nothing is drawn."""
        parameters, _ = super().initialize(input_shape, rng)
        return parameters, Running(parameters.shift, parameters.scale)

    def forward(
        self, xp: Namespace, parameters: NormParameters, state: Running, a: Array, training: bool, noise: None
    ) -> tuple[Array, None, Running]:
        """Return the normalized input, by the batch in training, else by what was seen before."""
        if not training:
            return _normalized(xp, a, *state, self.eps, parameters), None, state
        axes = tuple(range(a.ndim - 1))
        n = math.prod(a.shape[:-1])
        mean = xp.mean(a, axis=axes)
        variance = xp.mean((a - mean) ** 2, axis=axes)
        keep, unbiased = self.momentum, variance * (n / (n - 1))
        running = Running(
            keep * state.running_mean + (1.0 - keep) * mean,
            keep * state.running_variance + (1.0 - keep) * unbiased,
        )
        return _normalized(xp, a, mean, variance, self.eps, parameters), None, running


@dataclass(frozen=True)
class LayerNorm(Norm):
    """Brings each example to mean 0 and variance 1 along its last axis: its values, or the channels of each place.

    Args:
        eps: Added to the variance.
        activation: A name or an `Activation`. None is that of hidden layers if a convolution that says
            none stands directly before, else none.

    Raises:
        ValueError: eps is not above 0.
        TypeError: It is no number.

    Example:
        >>> from anynet import LayerNorm, Network
        >>> net = Network([4, 8, LayerNorm(), 3])

    References:
        Ba, Kiros and Hinton, *Layer Normalization*, 2016.
    """

    def forward(
        self, xp: Namespace, parameters: NormParameters, state: Any, a: Array, training: bool, noise: None
    ) -> tuple[Array, None, Any]:
        """Return the normalized input."""
        mean = xp.mean(a, axis=-1, keepdims=True)
        variance = xp.mean((a - mean) ** 2, axis=-1, keepdims=True)
        return _normalized(xp, a, mean, variance, self.eps, parameters), None, state
