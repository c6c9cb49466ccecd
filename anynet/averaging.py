"""An exponential moving average of the parameters, kept beside them while they learn.

It is a slot more of the optimizer: what the average is ahead of the parameters, which starts at 0 as
slots do. So the average starts where the parameters do, and is theirs and the slot's sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from anynet.checks import number_in
from anynet.optimizers import Optimizer
from anynet.schedules import Watched
from anynet.trees import arrays_of, map_arrays
from anynet.typing import Array, Namespace, Numbers, Rule, TrainState, Tree


@dataclass(frozen=True)
class AveragedRule:
    """The rule of an optimizer of so many slots, and of the average: a <- d a + (1 - d) p."""

    rule: Rule
    slots: int

    @property
    def decays(self) -> bool:
        """Whether the last number is a decay: see `parameters.with_decay`."""
        return getattr(self.rule, "decays", False)

    def __call__(self, xp: Namespace, p: Array, g: Array, ahead: Array, *others: Any) -> tuple[Array, ...]:
        """Return (p, ahead, *slots) after a step."""
        slots, d, numbers = others[: self.slots], others[self.slots], others[self.slots + 1 :]
        stepped = self.rule(xp, p, g, *slots, *numbers)
        if not isinstance(stepped, tuple) or not stepped:
            return stepped  # which `parameters.updated` refuses
        moved, *after = stepped
        return moved, d * (ahead + (p - moved)), *after


@dataclass(frozen=True)
class Averaging(Optimizer):
    """An optimizer that keeps an average of what it moves.

    Args:
        optimizer: What moves it.
        average: Which share of the average stays in a step, above 0 and below 1.
    """

    optimizer: Optimizer
    average: float

    def __post_init__(self) -> None:
        domain = "a share above 0 and below 1, such as 0.999", lambda d: 0 < d < 1
        object.__setattr__(self, "average", number_in("average", self.average, *domain))

    @property
    def slots(self) -> int:  # type: ignore[override]
        """The optimizer's, and one."""
        return 1 + self.optimizer.slots

    @property
    def learning_rate(self) -> Any:
        """The optimizer's; None where it has none."""
        return getattr(self.optimizer, "learning_rate", None)

    @property
    def rule(self) -> Rule:  # type: ignore[override]
        """The optimizer's, and the average's."""
        return AveragedRule(self.optimizer.rule, self.optimizer.slots)

    def numbers(self, step: int) -> Numbers:
        return (self.average, *self.optimizer.numbers(step))

    def rate(self, step: int) -> float:
        return self.optimizer.rate(step)

    def settled(self, steps_per_epoch: int, total_steps: int, watched: Watched | None = None) -> Optimizer:
        return replace(self, optimizer=self.optimizer.settled(steps_per_epoch, total_steps, watched))


def without_average(optimizer: Optimizer) -> Optimizer:
    """Return what moves the parameters, by an optimizer that may average them."""
    return optimizer.optimizer if isinstance(optimizer, Averaging) else optimizer


def averaging(optimizer: Optimizer, average: float | None, before: Optimizer | None) -> Optimizer:
    """Return an optimizer that averages, if that is asked for or was done before.

    Args:
        optimizer: What moves the parameters.
        average: As in `Averaging`; None is as before.
        before: What has trained the network, and is gone on from; None if nothing is.

    Raises:
        ValueError: The average is out of its domain, or to begin in mid-training.
        TypeError: It is no number.
    """
    plain = without_average(optimizer)
    if isinstance(before, Averaging):
        return Averaging(plain, before.average if average is None else average)
    if average is None:
        return plain
    if before is not None:
        raise ValueError("average: expected a training that averages from its start, got one that goes on. Use fit.")
    return Averaging(plain, average)


def ahead_of(optimizer: Optimizer, slots: Tree) -> Tree:
    """Return what the average is ahead of the parameters; nothing where there is none."""
    return slots[0] if isinstance(optimizer, Averaging) else ()


def averaged(optimizer: Optimizer, state: TrainState, sign: int = 1) -> TrainState:
    """Return a train state with the average as its parameters, where there is one.

    Args:
        optimizer: By which it has been trained.
        state: Its parameters are those that steps have moved.
        sign: -1 to return from the average to these.
    """
    ahead = iter(arrays_of(ahead_of(optimizer, state.optimizer)))
    if not isinstance(optimizer, Averaging):
        return state
    return state._replace(parameters=map_arrays(lambda p: p + sign * next(ahead), state.parameters))


def with_ahead(slots: Sequence[Tree], ahead: Tree) -> Tree:
    """Return the slots of an optimizer that averages, another one being ahead; as they are if nothing is."""
    return (ahead, *slots[1:]) if ahead != () else slots
