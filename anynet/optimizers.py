"""Optimizers: how gradients change the parameters.

An optimizer is a frozen value of hyper-parameters and a pure function from (parameters,
gradients, state) to (parameters, state). State mirrors the parameters' structure, so it
can be saved. The step may reuse the storage of the arrays it is handed, by augmented
assignment whose result is stored back: in place where arrays are mutable, a new array
where they are not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol

from anynet.backends import Array, Fuse, Namespace


class Optimizer(Protocol):
    """What training asks of an optimizer."""

    def initialize(self, xp: Namespace, parameters: Sequence[Any]) -> Any:
        """Return the state before the first step."""

    def update(
        self, xp: Namespace, parameters: Sequence[Any], gradients: Sequence[Any], state: Any, fuse: Fuse
    ) -> tuple[list[Any], Any]:
        """Return the next (parameters, state); `fuse` is the backend's."""


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent: p <- p - learning_rate * dC/dp (Nielsen, equations 20-21).

    Raises ValueError unless the learning rate is finite and positive, TypeError if it is no
    number.
    """

    learning_rate: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "learning_rate", _positive("learning_rate", self.learning_rate))

    def initialize(self, xp: Namespace, parameters: Sequence[Any]) -> tuple[()]:
        return ()

    def update(
        self,
        xp: Namespace,
        parameters: Sequence[Any],
        gradients: Sequence[Any],
        state: tuple[()],
        fuse: Fuse,
    ) -> tuple[list[Any], tuple[()]]:
        descend, rate = fuse(_descend), self.learning_rate
        return [
            type(ps)(*[descend(xp, p, g, rate) for p, g in zip(ps, gs, strict=True)])
            for ps, gs in zip(parameters, gradients, strict=True)
        ], state


def _descend(xp: Namespace, parameter: Array, gradient: Array, learning_rate: float) -> Array:
    gradient *= learning_rate  # the storage of both is the step's to reuse
    parameter -= gradient
    return parameter


def _positive(name: str, number: object) -> float:
    """Return the number as Python's: one of NumPy would silently promote float32 arrays to float64."""
    if isinstance(number, bool) or not isinstance(number, Real):
        raise TypeError(f"{name}: expected a number, got {number!r}.")
    value = float(number)
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name}: expected a finite number above 0, got {number!r}.")
    return value


def check_optimizer(optimizer: object) -> None:
    """Raise TypeError unless it is an optimizer, as opposed to its name or its class."""
    if isinstance(optimizer, type) or not hasattr(optimizer, "update"):
        raise TypeError(f"optimizer: expected a value such as SGD(0.5), got {optimizer!r}.")
