"""Optimizers: how gradients change the parameters.

An optimizer is the rule for one array, `rule(xp, p, g, *slots, *numbers) -> (p, *slots)`,
and one function, `parameters.updated`, walks the tree of parameters for all of them. `slots`
are arrays of its own per parameter, as momentum has one; `numbers` are what changes from step to
step, Python floats worked out on the host, so that no rate is ever compiled into a program.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from anynet.checks import look_up, positive_number
from anynet.trees import map_arrays
from anynet.typing import Array, Namespace, Numbers, Parameters, Tree

__all__ = ["OPTIMIZERS", "SGD", "Optimizer", "get", "initialize"]


class Optimizer(ABC):
    """What training asks of an optimizer, a frozen dataclass of hyper-parameters.

    Example:
        >>> @dataclass(frozen=True)
        ... class Momentum(Optimizer):
        ...     learning_rate: float
        ...     slots = 1
        ...
        ...     def numbers(self, step):
        ...         return (self.learning_rate,)
        ...
        ...     @staticmethod
        ...     def rule(xp, p, g, v, rate):
        ...         v = 0.9 * v + g
        ...         return p - rate * v, v
        >>> Momentum(0.1).numbers(0)
        (0.1,)
    """

    slots: ClassVar[int] = 0
    """How many arrays of its own it keeps per parameter; they start at 0."""

    @abstractmethod
    def numbers(self, step: int) -> Numbers:
        """Return the numbers of a step, Python floats, worked out on the host.

        Args:
            step: How many steps were taken before, from 0.
        """

    @staticmethod
    @abstractmethod
    def rule(xp: Namespace, p: Array, g: Array, *slots_and_numbers: Any) -> tuple[Array, ...]:
        """Return (p, *slots) after a step, of one array of parameters.

        Args:
            xp: The array namespace.
            p: The parameters.
            g: Their gradients, in the same shape.
            *slots_and_numbers: The slots, in the same shape, then the numbers of the step.
        """


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent: p <- p - learning_rate * dC/dp.

    Args:
        learning_rate: The step size, finite and above 0. It has no default: what suits
            depends on the cost (3.0 and 0.5 in the book, with mini-batches of 10).

    Raises:
        ValueError: The learning rate is not finite, or not above 0.
        TypeError: It is no number.

    Example:
        >>> SGD(3).learning_rate
        3.0

    References:
        Nielsen, *Neural Networks and Deep Learning*, equations 20 and 21.
    """

    learning_rate: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "learning_rate", positive_number("learning_rate", self.learning_rate))

    def numbers(self, step: int) -> Numbers:
        """Return the learning rate."""
        return (self.learning_rate,)

    @staticmethod
    def rule(xp: Namespace, p: Array, g: Array, learning_rate: float) -> tuple[Array]:
        """Return (p - learning_rate * g,)."""
        return (p - learning_rate * g,)


OPTIMIZERS: dict[str, Callable[[float], Optimizer]] = {"sgd": SGD}  # by name, made of a learning rate


def get(optimizer: "str | Optimizer | None", learning_rate: float) -> Optimizer:
    """Return an optimizer by its name, or the value itself.

    Args:
        optimizer: A name of `OPTIMIZERS`, or a value such as `SGD(0.5)`; None is sgd.
        learning_rate: What one is made with that is asked for by its name.

    Returns:
        The optimizer.

    Raises:
        ValueError: There is none of that name; the error lists those that exist.
        TypeError: It is neither a name nor a value, a class say.

    Example:
        >>> get("sgd", 0.5)
        SGD(learning_rate=0.5)
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    if optimizer is None or isinstance(optimizer, str):
        return look_up(OPTIMIZERS, optimizer or "sgd", "optimizer")(learning_rate)
    raise TypeError(f"optimizer: expected a name or a value such as SGD(0.5), got {optimizer!r}.")


def initialize(xp: Namespace, optimizer: Optimizer, parameters: Parameters) -> tuple[Tree, ...]:
    """Return the slots of an optimizer before the first step.

    Args:
        xp: The array namespace.
        optimizer: The optimizer.
        parameters: What it will change.

    Returns:
        As many trees of zeros as it has slots, each in the structure of the parameters.

    Example:
        >>> import array_api_compat.numpy as xp
        >>> initialize(xp, SGD(0.5), [(xp.ones(2),)])
        ()
    """
    return tuple(map_arrays(xp.zeros_like, parameters) for _ in range(optimizer.slots))
