"""Callbacks: what watches a training, as frozen values; what they have seen goes in, and comes out anew."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from anynet.checks import as_code, number_in, path_of, whole_number

__all__ = ["Checkpoint", "EarlyStopping"]


class Stopping(NamedTuple):
    """What `EarlyStopping` has seen so far."""

    epoch: int | None = None  # the best
    value: float = math.nan  # its metric
    passed: float = math.nan  # the metric of the last epoch that improved by more than `min_delta`
    waited: int = 0  # epochs since then
    learnt: Any = None  # of the best epoch: its train state, and what the schedule had seen


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when no epoch improves any more, and always end with what the best one had learnt.

    Best is the strictly best epoch, the first among equals, whatever `min_delta`; NaN is never
    better. Training ends with its parameters and state when it is interrupted, too. `partial_fit`
    then goes on as if training had ended with that epoch: what the optimizer remembers, its steps
    and its schedule are kept beside the parameters, and belong to them.

    Args:
        patience: After how many epochs in a row without improvement to stop, at least 1.
        metric: A name among each report's `metrics`.
        min_delta: By how much more than this a metric must be better than at the last
            improvement to count as one; finite and at least 0.

    Raises:
        ValueError: A number lies outside.
        TypeError: It is none.

    Example:
        >>> EarlyStopping(patience=3).metric
        'validation_cost'
    """

    patience: int = 5
    metric: str = "validation_cost"
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "patience", whole_number("patience", self.patience))
        is_delta = "a finite number, at least 0", lambda delta: delta >= 0
        object.__setattr__(self, "min_delta", number_in("min_delta", self.min_delta, *is_delta))
        if not isinstance(self.metric, str):
            raise TypeError(f"metric: expected a name, got {as_code(self.metric)}. Give one such as 'validation_cost'.")

    def after_epoch(
        self, seen: Stopping, epoch: int, value: float, learnt: Any, more_is_better: bool = False
    ) -> Stopping:
        """Return what there is to remember after an epoch.

        Args:
            seen: What it returned after the epoch before; `Stopping()` at first.
            epoch: Which epoch is over.
            value: Its metric.
            learnt: What has been learnt by then, which is kept if it is the best.
            more_is_better: Of the metric.
        """
        sign = -1.0 if more_is_better else 1.0
        passes = seen.epoch is None or sign * value < sign * seen.passed - self.min_delta
        is_best = seen.epoch is None or sign * value < sign * seen.value
        if math.isnan(value) or not is_best:
            return seen._replace(waited=seen.waited + 1)
        waited, passed = (0, value) if passes else (seen.waited + 1, seen.passed)
        return Stopping(epoch, value, passed, waited, learnt)

    def is_over(self, seen: Stopping) -> bool:
        """Return whether patience has come to its end."""
        return seen.waited >= self.patience


@dataclass(frozen=True)
class Checkpoint:
    """Write where training stands into a folder, so that `fit(..., resume=folder)` goes on exactly from there.

    Each is a file that `Network.load` opens too. One is always written at the end of training.

    Args:
        folder: Where; it is made if it is not there. It belongs to one training.
        every: After how many epochs; None: only at the end, and as `every_steps` says.
        every_steps: After how many steps (mini-batches) besides; it is written at the end of the
            chunk of mini-batches in which they are over. None: after none.
        keep: How many are kept, the newest.

    Raises:
        ValueError: A number is below 1, or no folder can have the name.
        TypeError: It is no whole number, or the folder no path.

    Example:
        >>> Checkpoint("run", every=5).keep
        2
    """

    folder: str | Path
    every: int | None = 1
    every_steps: int | None = None
    keep: int = 2

    def __post_init__(self) -> None:
        path_of(self.folder, "folder")
        for name in ("every", "every_steps", "keep"):
            if name == "keep" or getattr(self, name) is not None:
                object.__setattr__(self, name, whole_number(name, getattr(self, name)))

    def is_due(self, epochs: int | None, before: int, now: int) -> bool:
        """Return whether to write.

        Args:
            epochs: How many are over; None within one.
            before: How many steps were taken when it was last asked.
            now: How many have been taken.
        """
        by_epochs = epochs is not None and self.every is not None and epochs % self.every == 0
        return by_epochs or (self.every_steps is not None and now // self.every_steps > before // self.every_steps)
