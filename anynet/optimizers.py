"""Optimizers: how gradients change the parameters.

An optimizer is the rule for one array, `rule(xp, p, g, *slots, *numbers) -> (p, *slots)`,
and one function, `parameters.updated`, walks the tree of parameters for all of them. `slots`
are arrays of its own per parameter, as momentum has one; `numbers` are what changes from step to
step, Python floats worked out on the host, so that no rate is ever compiled into a program. A
rule marked `with_decay` is told 0 as its last number where an array is no weight.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from anynet.checks import as_code, look_up, number_in, positive_number
from anynet.parameters import with_decay
from anynet.schedules import Schedule, Watched
from anynet.trees import map_arrays
from anynet.typing import Array, Namespace, Numbers, Parameters, Tree

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adam",
    "AdamW",
    "Momentum",
    "Nesterov",
    "Optimizer",
    "RMSProp",
    "get",
    "initialize",
]


class Optimizer(ABC):
    """What training asks of an optimizer, a frozen dataclass of hyper-parameters.

    One that has a field `learning_rate`, and takes it from `rate(step)`, takes schedules too.

    Example:
        >>> @dataclass(frozen=True)
        ... class Signs(Optimizer):
        ...     learning_rate: float | Schedule
        ...     slots = 1
        ...
        ...     def numbers(self, step):
        ...         return (self.rate(step),)
        ...
        ...     @staticmethod
        ...     def rule(xp, p, g, v, rate):
        ...         v = 0.9 * v + g
        ...         return p - rate * xp.sign(v), v
        >>> Signs(0.1).numbers(0)
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

    @property
    def schedule(self) -> Schedule | None:
        """The schedule of its learning rate; None where that is a number."""
        rate = getattr(self, "learning_rate", None)
        return rate if isinstance(rate, Schedule) else None

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, a number or as its schedule says.

        Args:
            step: How many steps were taken before, from 0.
        """
        return self.learning_rate if self.schedule is None else self.schedule.at(step)  # type: ignore[attr-defined]

    def settled(self, steps_per_epoch: int, total_steps: int, watched: Watched | None = None) -> "Optimizer":
        """Return the optimizer as it is in one epoch of a training: see `Schedule.settled`.

        Args:
            steps_per_epoch: How many steps an epoch takes.
            total_steps: How many the whole training takes.
            watched: What the schedule's `after_epoch` returned last; None before the first epoch.
        """
        if self.schedule is None:
            return self
        return replace(self, learning_rate=self.schedule.settled(steps_per_epoch, total_steps, watched))  # type: ignore[type-var]


def _check(optimizer: Any, **domains: Any) -> None:
    """Make the hyper-parameters of an optimizer Python's floats; raises as `number_in` does."""
    if optimizer.schedule is None:
        object.__setattr__(optimizer, "learning_rate", positive_number("learning_rate", optimizer.learning_rate))
    for name, domain in domains.items():
        object.__setattr__(optimizer, name, number_in(name, getattr(optimizer, name), *domain))


_SHARE = "a number from 0 up to, but not including, 1", lambda beta: 0 <= beta < 1
_ABOVE_0 = "a finite number above 0", lambda eps: eps > 0
_AT_LEAST_0 = "a finite number, at least 0", lambda decay: decay >= 0


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent: p <- p - learning_rate * dC/dp.

    Args:
        learning_rate: The step size, finite and above 0, or a `Schedule`. It has no default: what
            suits depends on the cost (3.0 and 0.5 in the book, with mini-batches of 10).

    Raises:
        ValueError: The learning rate is not finite, or not above 0.
        TypeError: It is no number.

    Example:
        >>> SGD(3).learning_rate
        3.0

    References:
        Nielsen, *Neural Networks and Deep Learning*, equations 20 and 21.
    """

    learning_rate: float | Schedule

    def __post_init__(self) -> None:
        _check(self)

    def numbers(self, step: int) -> Numbers:
        """Return the learning rate."""
        return (self.rate(step),)

    @staticmethod
    def rule(xp: Namespace, p: Array, g: Array, rate: float) -> tuple[Array]:
        """Return (p - rate * g,)."""
        return (p - rate * g,)


@dataclass(frozen=True)
class Momentum(Optimizer):
    """Gradient descent with momentum: v <- beta * v + dC/dp, p <- p - learning_rate * v.

    v sums gradients, not steps: another rate multiplies all of it.

    Args:
        learning_rate: The step size, finite and above 0, or a `Schedule`.
        beta: What is kept of v in each step, from 0 up to, but not including, 1.

    Raises:
        ValueError: A number is out of its domain.
        TypeError: It is no number.

    Example:
        >>> Momentum(0.1).numbers(0)
        (0.1, 0.9)

    References:
        Polyak, *Some methods of speeding up the convergence of iteration methods* (1964), in the
        form of Sutskever et al. (2013) but for the rate, which stands outside as in PyTorch's SGD.
    """

    learning_rate: float | Schedule = 0.01
    beta: float = 0.9
    slots = 1

    def __post_init__(self) -> None:
        _check(self, beta=_SHARE)

    def numbers(self, step: int) -> Numbers:
        """Return the rate and beta."""
        return self.rate(step), self.beta

    @staticmethod
    def rule(xp: Namespace, p: Array, g: Array, v: Array, rate: float, beta: float) -> tuple[Array, Array]:
        """Return (p, v)."""
        v = beta * v + g
        return p - rate * v, v


@dataclass(frozen=True)
class Nesterov(Optimizer):
    """Nesterov's momentum: v <- beta * v + dC/dp, p <- p - learning_rate * (dC/dp + beta * v).

    Args:
        learning_rate: The step size, finite and above 0, or a `Schedule`.
        beta: What is kept of v in each step, from 0 up to, but not including, 1.

    Raises:
        ValueError: A number is out of its domain.
        TypeError: It is no number.

    Example:
        >>> Nesterov(0.1).numbers(0)
        (0.1, 0.9)

    References:
        Nesterov (1983), as Bengio, Boulanger-Lewandowski and Pascanu, *Advances in optimizing
        recurrent networks* (2013), section 3.5, write it: p stands where the gradient is taken.
        With the rate outside v, as in PyTorch's SGD(nesterov=True).
    """

    learning_rate: float | Schedule = 0.01
    beta: float = 0.9
    slots = 1

    def __post_init__(self) -> None:
        _check(self, beta=_SHARE)

    def numbers(self, step: int) -> Numbers:
        """Return the rate and beta."""
        return self.rate(step), self.beta

    @staticmethod
    def rule(xp: Namespace, p: Array, g: Array, v: Array, rate: float, beta: float) -> tuple[Array, Array]:
        """Return (p, v)."""
        v = beta * v + g
        return p - rate * (g + beta * v), v


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """Gradients divided by their size of late: p <- p - learning_rate * g / (sqrt(v) + eps).

    v is a mean of squares: v <- beta * v + (1 - beta) * g^2.

    Args:
        learning_rate: The step size, finite and above 0, or a `Schedule`.
        beta: What is kept of v in each step, from 0 up to, but not including, 1.
        eps: What is added to the root, finite and above 0.

    Raises:
        ValueError: A number is out of its domain.
        TypeError: It is no number.

    Example:
        >>> RMSProp().learning_rate
        0.001

    References:
        Tieleman and Hinton, *Lecture 6.5* (2012), not centred, without momentum, eps outside the
        root as in PyTorch's RMSprop, whose `alpha` is `beta` here and 0.99 by default.
    """

    learning_rate: float | Schedule = 0.001
    beta: float = 0.9
    eps: float = 1e-8
    slots = 1

    def __post_init__(self) -> None:
        _check(self, beta=_SHARE, eps=_ABOVE_0)

    def numbers(self, step: int) -> Numbers:
        """Return the rate, 1 - beta, and eps."""
        return self.rate(step), 1.0 - self.beta, self.eps

    @staticmethod
    def rule(xp: Namespace, p: Array, g: Array, v: Array, rate: float, share: float, eps: float) -> tuple[Array, Array]:
        """Return (p, v); v is drawn towards g^2 by a share of the way."""
        v = v + share * (g * g - v)
        return p - rate * g / (xp.sqrt(v) + eps), v


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: m and v are means of g and g^2, p <- p - learning_rate * m' / (sqrt(v') + eps).

    m' and v' are corrected for having started at 0: m / (1 - beta1^t) and v / (1 - beta2^t) in
    step t, from 1.

    Args:
        learning_rate: The step size, finite and above 0, or a `Schedule`.
        beta1: What is kept of m in each step, from 0 up to, but not including, 1.
        beta2: What is kept of v, likewise.
        eps: What is added to the root, finite and above 0.

    Raises:
        ValueError: A number is out of its domain.
        TypeError: It is no number.

    Example:
        >>> Adam().learning_rate
        0.001

    References:
        Kingma and Ba, *Adam* (2015), algorithm 1; computed in the order that stands before its
        section 2.1, with eps scaled alike, so that both corrections are numbers of the host.
    """

    learning_rate: float | Schedule = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    slots = 2

    def __post_init__(self) -> None:
        _check(self, beta1=_SHARE, beta2=_SHARE, eps=_ABOVE_0)

    def numbers(self, step: int) -> Numbers:
        """Return the rate and eps, both corrected, 1 - beta1 and 1 - beta2."""
        root = math.sqrt(1.0 - self.beta2 ** (step + 1))
        rate = self.rate(step) * root / (1.0 - self.beta1 ** (step + 1))
        return rate, self.eps * root, 1.0 - self.beta1, 1.0 - self.beta2

    @staticmethod
    def rule(
        xp: Namespace, p: Array, g: Array, m: Array, v: Array, rate: float, eps: float, share1: float, share2: float
    ) -> tuple[Array, Array, Array]:
        """Return (p, m, v); m and v are drawn towards g and g^2, each by its share of the way."""
        m = m + share1 * (g - m)
        v = v + share2 * (g * g - v)
        return p - rate * m / (xp.sqrt(v) + eps), m, v


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: before its step, weights lose learning_rate * decay of what they are.

    Weights and kernels alone decay, never biases nor a norm's scale and shift.

    Args:
        learning_rate: The step size, finite and above 0, or a `Schedule`.
        beta1: As in `Adam`.
        beta2: As in `Adam`.
        eps: As in `Adam`.
        decay: How fast weights decay, finite and at least 0.

    Raises:
        ValueError: A number is out of its domain.
        TypeError: It is no number.

    Example:
        >>> AdamW().decay
        0.01

    References:
        Loshchilov and Hutter, *Decoupled Weight Decay Regularization* (2019), algorithm 2, with
        the decay multiplied by the learning rate as in PyTorch's AdamW.
    """

    decay: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(self, decay=_AT_LEAST_0)

    def numbers(self, step: int) -> Numbers:
        """Return those of Adam, and what a weight loses of itself."""
        return *super().numbers(step), self.rate(step) * self.decay

    @staticmethod
    @with_decay
    def rule(xp: Namespace, p: Array, g: Array, m: Array, v: Array, *numbers: float) -> tuple[Array, Array, Array]:
        """Return (p, m, v): Adam's, from weights that have decayed."""
        *adams, decay = numbers
        return Adam.rule(xp, p - decay * p, g, m, v, *adams)


OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "rmsprop": RMSProp,
    "adam": Adam,
    "adamw": AdamW,
}


def get(optimizer: str | Optimizer, learning_rate: float) -> Optimizer:
    """Return an optimizer by its name, or the value itself.

    Args:
        optimizer: A name of `OPTIMIZERS`, or a value such as `SGD(0.5)`.
        learning_rate: What sgd is made with, or another that has no usual rate of its own. The
            others have theirs.

    Returns:
        The optimizer.

    Raises:
        ValueError: There is none of that name; the error lists those that exist.
        TypeError: It is neither a name nor a value, a class say.

    Example:
        >>> get("sgd", 0.5), get("momentum", 0.5)
        (SGD(learning_rate=0.5), Momentum(learning_rate=0.01, beta=0.9))
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, str):
        made = look_up(OPTIMIZERS, optimizer, "optimizer")
        has_usual_rate = hasattr(made, "learning_rate")  # a field's default is an attribute of the class
        return made() if has_usual_rate else made(learning_rate)  # type: ignore[call-arg]
    raise TypeError(f"optimizer: expected a name or a value such as SGD(0.5), got {as_code(optimizer)}.")


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
