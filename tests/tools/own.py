"""What a user of the library may bring along: layers, formulas and optimizers that no table holds."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from anynet import Activation, Cost, Initializer, Layer, Optimizer

LEAKY = Activation(
    "leaky_relu",
    lambda xp, z: xp.maximum(z, 0.01 * z),
    lambda xp, z, a: xp.where(z > 0, xp.ones_like(z), xp.full_like(z, 0.01)),
)
SMOOTH = Cost(  # about |a - y| far from it, about its square near it
    "smooth",
    "identity",
    lambda xp, z, a, y: xp.sum(xp.sqrt(1.0 + (a - y) * (a - y)) - 1.0, axis=1),
    lambda xp, z, a, y: (a - y) / xp.sqrt(1.0 + (a - y) * (a - y)),
    0.1,
)
SMALL = Initializer("small", lambda fan_in, fan_out: 0.1 + 0.01 * fan_in, 0.2)


@dataclass(frozen=True)
class Momentum(Optimizer):
    """One slot, one number."""

    learning_rate: float
    slots = 1

    def numbers(self, step):
        return (self.learning_rate,)

    @staticmethod
    def rule(xp, p, g, v, rate):
        v = 0.9 * v + g
        return p - rate * v, v


@dataclass(frozen=True)
class Adam(Optimizer):
    """Two slots, and two numbers that change from step to step."""

    learning_rate: float
    slots = 2

    def numbers(self, step):
        return self.learning_rate / (1 - 0.9 ** (step + 1)), 1 - 0.999 ** (step + 1)

    @staticmethod
    def rule(xp, p, g, m, v, rate, correction):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        return p - rate * m / (xp.sqrt(v / correction) + 1e-8), m, v


@dataclass(frozen=True)
class NumPyRate(Optimizer):
    """Gradient descent whose rate is a number of NumPy's, or no tuple at all."""

    bare: bool = False

    def numbers(self, step):
        return 0.1 if self.bare else (np.float64(0.1),)

    @staticmethod
    def rule(xp, p, g, rate):
        return (p - rate * g,)


@dataclass(frozen=True)
class Halve(Layer):
    """Neither parameters, nor state, nor an activation."""

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, xp, parameters, state, a, training, noise):
        return 0.5 * a, None, state

    def backward(self, xp, parameters, residuals, delta):
        return (), 0.5 * delta


class Scale(NamedTuple):
    scale: Any


class Running(NamedTuple):
    running: Any


@dataclass(frozen=True)
class Centre(Layer):
    """A parameter of a name of its own, a state, and an activation of its own."""

    activation: Any = "identity"

    def output_shape(self, input_shape):
        return input_shape

    def parameter_shapes(self, input_shape):
        return Scale(input_shape), Running(input_shape)

    def initialize(self, input_shape, rng):
        return Scale(np.ones(input_shape)), Running(np.zeros(input_shape))

    def forward(self, xp, parameters, state, a, training, noise):
        if not training:
            return parameters.scale * (a - state.running), None, state
        mean = xp.mean(a, axis=0)
        centred = a - mean
        return parameters.scale * centred, centred, Running(0.9 * state.running + 0.1 * mean)

    def backward(self, xp, parameters, residuals, delta):
        error = delta * parameters.scale
        gradients = Scale(xp.sum(delta * residuals, axis=0))
        return gradients, error - xp.mean(error, axis=0)


@dataclass(frozen=True)
class Noisy(Layer):
    """Noise in training, as dropout has it."""

    def output_shape(self, input_shape):
        return input_shape

    def noise(self, input_shape, n, rng):
        return (rng.random((n, *input_shape)) < 0.7) / 0.7

    def forward(self, xp, parameters, state, a, training, noise):
        return (a, None, state) if noise is None else (a * noise, noise, state)

    def backward(self, xp, parameters, residuals, delta):
        return (), delta if residuals is None else delta * residuals
