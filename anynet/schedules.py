"""Schedules: how the learning rate changes while a network learns.

A schedule is a frozen value that stands where a learning rate does, `Adam(Cosine(0.01))`. It says
the rate of each step as a Python float, worked out on the host. Lengths are in steps (mini-batches)
or in epochs, whichever is named; where neither is, they are those of the whole training. Before
training starts, `settled` makes steps of them.

`Plateau` depends on how training goes besides. It holds none of that: a small state is handed to it
and comes back, which a checkpoint can keep.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from anynet.checks import number_in, positive_number, whole_number

__all__ = [
    "SCHEDULES",
    "Constant",
    "Cosine",
    "Exponential",
    "Linear",
    "OneCycle",
    "Plateau",
    "Schedule",
    "StepDecay",
    "Warmup",
    "Watched",
]


class Watched(NamedTuple):
    """What `Plateau` has seen so far: numbers alone, which JSON takes.

    Args:
        drops: How often the rate was lowered.
        best: The lowest cost so far.
        waited: How many epochs have passed since, or since the rate was lowered.

    Example:
        >>> Plateau(0.1).after_epoch(Watched(0, 1.0, 0), 2.0)
        Watched(drops=0, best=1.0, waited=1)
    """

    drops: int = 0
    best: float = math.inf
    waited: int = 0


class Schedule(ABC):
    """What training asks of a schedule, a frozen dataclass.

    Example:
        >>> @dataclass(frozen=True)
        ... class Halving(Schedule):
        ...     rate: float
        ...
        ...     def at(self, step):
        ...         return self.rate / (1 + step)
        >>> Halving(0.1).at(1)
        0.05
    """

    @abstractmethod
    def at(self, step: int) -> float:
        """Return the learning rate of a step.

        Args:
            step: How many steps were taken before, from 0.

        Raises:
            ValueError: Lengths are not in steps; see `settled`.
        """

    def settled(self, steps_per_epoch: int, total_steps: int, watched: Watched | None = None) -> "Schedule":
        """Return the schedule with its lengths in steps, as it stands in one epoch of a training.

        Args:
            steps_per_epoch: How many steps an epoch takes.
            total_steps: How many the whole training takes.
            watched: What `after_epoch` returned last; None before the first epoch.
        """
        return self

    @property
    def is_tied_to_length(self) -> bool:
        """Whether it depends on how long the whole training is."""
        return False

    def after_epoch(self, watched: Watched | None, cost: float) -> Watched | None:
        """Return what there is to remember after an epoch.

        Args:
            watched: What it returned after the one before; None after the first.
            cost: How the epoch ended: less is better, NaN is never better.
        """
        return None


@dataclass(frozen=True)
class Constant(Schedule):
    """One rate throughout; useful behind a `Warmup`.

    Args:
        rate: The learning rate, finite and above 0.

    Example:
        >>> Constant(0.1).at(1000)
        0.1
    """

    rate: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", positive_number("rate", self.rate))

    def at(self, step: int) -> float:
        """Return the rate."""
        return self.rate


@dataclass(frozen=True)
class _Long(Schedule):
    """A schedule with a rate and a length."""

    rate: float
    steps: int | None = field(default=None, kw_only=True)
    epochs: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", positive_number("rate", self.rate))
        _check_length(self, self.steps, self.epochs)

    def settled(self, steps_per_epoch: int, total_steps: int, watched: Watched | None = None) -> Schedule:
        """Return it with its length in steps."""
        steps = _in_steps(self.steps, self.epochs, steps_per_epoch)
        return replace(self, steps=total_steps if steps is None else steps, epochs=None)

    @property
    def is_tied_to_length(self) -> bool:
        """Whether no length was named."""
        return self.steps is None and self.epochs is None

    @property
    def _n(self) -> int:
        """The length in steps."""
        return _settled_length(self, self.steps)


@dataclass(frozen=True)
class _ToEnd(_Long):
    """One that comes to an end, where it stays."""

    end: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "end", _at_least_0("end", self.end))


@dataclass(frozen=True)
class StepDecay(_Long):
    """A staircase: rate * factor^k after k lengths.

    Args:
        rate: The first learning rate, finite and above 0.
        factor: What each length multiplies it by, finite and above 0.
        steps: The length of a stair in steps, at least 1.
        epochs: Its length in epochs, in the place of `steps`. One of the two is needed.

    Example:
        >>> [StepDecay(0.1, 0.5, steps=2).at(step) for step in range(5)]
        [0.1, 0.1, 0.05, 0.05, 0.025]
    """

    factor: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "factor", positive_number("factor", self.factor))
        if self.is_tied_to_length:
            raise ValueError("StepDecay: expected a length, got none. Write steps=... or epochs=...")

    def at(self, step: int) -> float:
        """Return rate * factor^floor(step / length)."""
        return self.rate * math.pow(self.factor, step // self._n)


@dataclass(frozen=True)
class Exponential(_Long):
    """A smooth decay, or growth: rate * factor^(step / length), which goes on behind the length.

    Args:
        rate: The first learning rate, finite and above 0.
        factor: What a length multiplies it by, finite and above 0.
        steps: The length in steps, at least 1.
        epochs: The length in epochs, in the place of `steps`. Without either it is the training's.

    Example:
        >>> [round(Exponential(0.1, 0.25, steps=2).at(step), 6) for step in range(3)]
        [0.1, 0.05, 0.025]
    """

    factor: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "factor", positive_number("factor", self.factor))

    def at(self, step: int) -> float:
        """Return rate * factor^(step / length)."""
        return self.rate * math.pow(self.factor, step / self._n)


@dataclass(frozen=True)
class Linear(_ToEnd):
    """A straight line from a rate to its end, where it stays.

    Args:
        rate: The first learning rate, finite and above 0.
        end: The last, finite and at least 0.
        steps: The length in steps, at least 1: that many steps lie before the first at the end.
        epochs: The length in epochs, in the place of `steps`. Without either it is the training's.

    Example:
        >>> [round(Linear(0.1, steps=4).at(step), 6) for step in range(6)]
        [0.1, 0.075, 0.05, 0.025, 0.0, 0.0]
    """

    def at(self, step: int) -> float:
        """Return the rate at a step."""
        return _between(self.rate, self.end, min(step / self._n, 1.0))


@dataclass(frozen=True)
class Cosine(_ToEnd):
    """Half a cosine from a rate to its end, where it stays.

    Args:
        rate: The first learning rate, finite and above 0.
        end: The last, finite and at least 0.
        steps: The length in steps, at least 1: that many steps lie before the first at the end.
        epochs: The length in epochs, in the place of `steps`. Without either it is the training's.

    Example:
        >>> [round(Cosine(0.1, steps=4).at(step), 9) for step in range(6)]
        [0.1, 0.085355339, 0.05, 0.014644661, 0.0, 0.0]

    References:
        Loshchilov and Hutter, *SGDR* (2017), equation 5, without restarts.
    """

    def at(self, step: int) -> float:
        """Return the rate at a step."""
        return _between(self.rate, self.end, _eased(min(step / self._n, 1.0)))


@dataclass(frozen=True)
class OneCycle(_Long):
    """Up from rate / 25 to the rate, and down to rate / 250,000 at the last step, each by half a cosine.

    Args:
        rate: The highest learning rate, finite and above 0.
        rise: The share of the length that it rises for, above 0 and below 1.
        steps: The length in steps, at least 1.
        epochs: The length in epochs, in the place of `steps`. Without either it is the training's.

    Example:
        >>> [round(OneCycle(0.1, steps=10).at(step), 4) for step in range(10)]
        [0.004, 0.052, 0.1, 0.095, 0.0812, 0.0611, 0.0389, 0.0188, 0.005, 0.0]

    References:
        Smith and Topin, *Super-Convergence* (2018), as PyTorch's OneCycleLR has it by default.
    """

    rise: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        is_share = "a number above 0 and below 1", lambda share: 0 < share < 1
        object.__setattr__(self, "rise", number_in("rise", self.rise, *is_share))

    def at(self, step: int) -> float:
        """Return the rate at a step."""
        last = self._n - 1
        top = max(self.rise * self._n - 1.0, 0.0)
        low, lowest = self.rate / 25, self.rate / 250_000
        if step < top:
            return _between(low, self.rate, _eased(step / top))
        return _between(self.rate, lowest, _eased(min((step - top) / (last - top), 1.0) if last > top else 0.0))


@dataclass(frozen=True)
class Warmup(Schedule):
    """A slow start in front of a schedule, which begins when it is over.

    The rates rise in equal steps to the first of what follows, and never are 0.

    Args:
        then: The schedule that follows, or a learning rate.
        steps: How many steps it takes, at least 1.
        epochs: How many epochs, in the place of `steps`. One of the two is needed.

    Example:
        >>> [round(Warmup(0.1, steps=4).at(step), 6) for step in range(6)]
        [0.025, 0.05, 0.075, 0.1, 0.1, 0.1]

    References:
        Goyal et al., *Accurate, Large Minibatch SGD* (2017), section 2.2.
    """

    then: "Schedule | float"
    steps: int | None = field(default=None, kw_only=True)
    epochs: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.then, Schedule):
            object.__setattr__(self, "then", Constant(positive_number("then", self.then)))
        _check_length(self, self.steps, self.epochs)
        if self.steps is None and self.epochs is None:
            raise ValueError("Warmup: expected a length, got none. Write steps=... or epochs=...")

    @property
    def _then(self) -> Schedule:
        assert isinstance(self.then, Schedule)
        return self.then

    def at(self, step: int) -> float:
        """Return the rate at a step."""
        n = _settled_length(self, self.steps)
        return self._then.at(0) * ((step + 1) / n) if step < n else self._then.at(step - n)

    def settled(self, steps_per_epoch: int, total_steps: int, watched: Watched | None = None) -> Schedule:
        """Return it with its length in steps; what follows has the rest of the training."""
        steps = _in_steps(self.steps, self.epochs, steps_per_epoch) or 1
        then = self._then.settled(steps_per_epoch, max(total_steps - steps, 1), watched)
        return replace(self, then=then, steps=steps, epochs=None)

    @property
    def is_tied_to_length(self) -> bool:
        """Whether what follows is."""
        return self._then.is_tied_to_length

    def after_epoch(self, watched: Watched | None, cost: float) -> Watched | None:
        """Return what there is to remember after an epoch."""
        return self._then.after_epoch(watched, cost)


@dataclass(frozen=True)
class Plateau(Schedule):
    """A lower rate whenever the cost stops falling, for epoch after epoch.

    The cost is that of the validation data, or where there are none, of each epoch's last
    mini-batch.

    Args:
        rate: The first learning rate, finite and above 0.
        factor: What it is multiplied by, above 0 and below 1.
        patience: How many epochs in a row may pass without improvement; the next that does lowers
            the rate. A whole number, at least 0.
        threshold: By how much more than that a cost must lie below the best to improve on it,
            finite and at least 0.

    Example:
        >>> plateau, watched = Plateau(0.1, patience=0), None
        >>> for cost in (1.0, 1.5):
        ...     watched = plateau.after_epoch(watched, cost)
        >>> round(plateau.settled(100, 1000, watched).at(200), 6)
        0.01
    """

    rate: float
    factor: float = 0.1
    patience: int = 10
    threshold: float = 0.0

    def __post_init__(self) -> None:
        is_share = "a number above 0 and below 1", lambda share: 0 < share < 1
        object.__setattr__(self, "rate", positive_number("rate", self.rate))
        object.__setattr__(self, "factor", number_in("factor", self.factor, *is_share))
        object.__setattr__(self, "patience", whole_number("patience", self.patience, least=0))
        object.__setattr__(self, "threshold", _at_least_0("threshold", self.threshold))

    def at(self, step: int) -> float:
        """Return the first rate: that of a later epoch is said by what `settled` returns."""
        return self.rate

    def settled(self, steps_per_epoch: int, total_steps: int, watched: Watched | None = None) -> Schedule:
        """Return the rate of the epoch that follows what was watched."""
        return replace(self, rate=self.rate * self.factor ** (watched or Watched()).drops)

    def after_epoch(self, watched: Watched | None, cost: float) -> Watched:
        """Return how often the rate is lowered after an epoch, the best cost, and how long it waited."""
        drops, best, waited = watched or Watched()
        if cost < best - self.threshold:
            return Watched(drops, cost, 0)
        return Watched(drops + 1, best, 0) if waited >= self.patience else Watched(drops, best, waited + 1)


SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "step": StepDecay,
    "exponential": Exponential,
    "linear": Linear,
    "cosine": Cosine,
    "one_cycle": OneCycle,
    "warmup": Warmup,
    "plateau": Plateau,
}


def _check_length(schedule: Schedule, steps: int | None, epochs: int | None) -> None:
    """Raise ValueError or TypeError unless a length is a whole number of steps or epochs, and not both."""
    if steps is not None and epochs is not None:
        raise ValueError(f"{type(schedule).__name__}: expected steps or epochs, got both. Leave one out.")
    for argument, n in (("steps", steps), ("epochs", epochs)):
        if n is not None:
            object.__setattr__(schedule, argument, whole_number(argument, n))


def _in_steps(steps: int | None, epochs: int | None, steps_per_epoch: int) -> int | None:
    return steps if epochs is None else epochs * steps_per_epoch


def _settled_length(schedule: Schedule, steps: int | None) -> int:
    if steps is None:
        raise ValueError(
            f"{type(schedule).__name__}: expected its length in steps, got {schedule}. "
            "Ask settled(steps_per_epoch, total_steps), which knows it."
        )
    return steps


def _at_least_0(argument: str, number: float) -> float:
    return number_in(argument, number, "a finite number, at least 0", lambda n: n >= 0)


def _between(start: float, end: float, share: float) -> float:
    """Return what lies so far on the way from start to end; at 1 it is the end itself."""
    return start * (1.0 - share) + end * share


def _eased(share: float) -> float:
    """Return a share of the way as half a cosine has it: slowly at first, and at last."""
    return (1.0 - math.cos(math.pi * share)) / 2.0
