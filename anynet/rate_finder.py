"""A learning rate, found by trying: a mini-batch for each of many rates, from far too small to far too large.

It works on a copy of the network. After each step the cost of the same examples is taken, so that what changes it is
the step, and not by which examples it is judged.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from anynet import batches, evaluation, optimizers, stepping, training
from anynet.backends import on_device
from anynet.backends.errors import calm
from anynet.backends.threads import iterate
from anynet.checks import as_code
from anynet.data import by_name
from anynet.evaluation import Trained
from anynet.examples import as_dataset
from anynet.formats import columns, pictures
from anynet.optimizers import Optimizer
from anynet.training import Training

LOWEST, HIGHEST, STEPS = 1e-6, 10.0, 120
JUDGED_BY = 1_000  # examples, at most
TOO_MUCH = 1.5  # times the cost at the start: it has diverged
SMOOTHED_OVER = 11  # costs


@dataclass(frozen=True)
class FoundRate:
    """What rates did to the cost, and which is suggested; it prints as a text.

    Args:
        rates: Each a fixed factor above the one before, as far as the cost did not diverge.
        costs: After a step at each of them, the mean over the same examples.
        suggestion: The rate at which the cost, smoothed, falls most steeply; None if it nowhere falls.

    Example:
        >>> print(FoundRate((0.1, 1.0), (0.5, 0.25), 0.1))
        learning rate 0.1: there the cost falls most steeply; it is lowest, 0.25, at 1 (2 rates from 0.1 to 1)
    """

    rates: tuple[float, ...]
    costs: tuple[float, ...]
    suggestion: float | None

    def __str__(self) -> str:
        tried = f"{len(self.rates)} rates from {self.rates[0]:.2g} to {self.rates[-1]:.2g}"
        if self.suggestion is None:
            return f"no learning rate: the cost falls at none of {tried}"
        lowest = min(self.costs)
        at = self.rates[self.costs.index(lowest)]
        return (
            f"learning rate {self.suggestion:.2g}: there the cost falls most steeply; "
            f"it is lowest, {lowest:.3g}, at {at:.2g} ({tried})"
        )


@on_device
def find_learning_rate(
    net: Any, x: Any, y: Any = None, *, batch_size: int | None = None, optimizer: str | Optimizer | None = None
) -> FoundRate:
    """Try learning rates from 1e-6 to 10 on a copy of the network, and suggest one.

    Each is tried for one mini-batch, the next from where the last has led. The network, its random
    streams and what its optimizer remembers stay as they are. What is suggested is safe to begin
    with; where the cost is lowest, the rate is about as large as it may be.

    Args:
        net: The network.
        x: As in `fit`.
        y: Likewise.
        batch_size: Likewise; a larger batch takes a larger rate.
        optimizer: Likewise, started afresh; another than the one that is trained by takes other
            rates. The rates tried stand in the place of its own.

    Returns:
        The rates, the cost after each, and a suggestion.

    Raises:
        ValueError: Data do not suit the network, or the cost is not finite from the start.
        TypeError: The optimizer has no learning rate.

    Example:
        >>> from anynet import Network
        >>> found = Network([2, 3, 2]).find_learning_rate([[1.0, 0.0], [0.0, 1.0]], [0, 1])
        >>> 0.1 < found.suggestion < 10
        True
    """
    architecture, copy = net.architecture, net.to(net.backend)
    default = architecture.default_optimizer if optimizer is None else optimizer
    chosen = optimizers.get(default, architecture.book_learning_rate)
    if not hasattr(chosen, "learning_rate"):
        raise TypeError(f"optimizer: expected one that has a learning_rate, got {as_code(chosen)}. Take another.")
    given = as_dataset(x, y)
    columns.check_same(given.columns, net.columns or given.columns)
    pictures.check_same(given.pictures, net.pictures)
    data = by_name(given, net.class_names, architecture)
    made_of = copy.backend, architecture, copy.streams, data, net.class_names
    journey = training.arranged(*made_of, optimizer=_at(chosen, LOWEST), batch_size=batch_size)
    costs: list[float] = []
    with calm():  # where it diverges
        for cost in iterate(copy.backend, journey.threads, _costs(journey, copy)):
            if not cost <= TOO_MUCH * (costs[0] if costs else math.inf):
                break
            costs.append(cost)
    if len(costs) < 2:
        raise ValueError(
            "find_learning_rate: expected a network whose cost is finite, and stays so for a step at a rate of "
            f"{LOWEST:g}, got one that does not. Make a new network, and look at x."
        )
    rates = _rates()[: len(costs) - 1]
    return FoundRate(tuple(rates), tuple(costs[1:]), _steepest(rates, costs))


def _at(optimizer: Optimizer, rate: float) -> Optimizer:
    """Return the optimizer at a rate."""
    return replace(optimizer, learning_rate=rate)  # type: ignore[type-var]


def _rates() -> list[float]:
    decades = math.log10(HIGHEST / LOWEST)
    return [LOWEST * 10 ** (decades * i / (STEPS - 1)) for i in range(STEPS)]


def _costs(journey: Training, copy: Any) -> Iterator[float]:
    """Yield the cost before the first step, and after a step at each rate."""
    backend, architecture, n = journey.backend, journey.architecture, len(journey.examples)
    judged_by = batches.tail(backend, next(_chunks(journey, min(n, JUDGED_BY))), JUDGED_BY)
    made_of = backend, architecture
    state = evaluation.prepared(Trained(*made_of, copy.parameters, copy.state), journey.examples)
    slots = optimizers.initialize(backend.xp, journey.optimizer, copy.parameters)
    now = copy.train_state._replace(state=state, optimizer=slots)
    run_chunk = stepping.take_steps(*made_of, journey.optimizer, split=journey.split)
    yield _cost(journey, now, judged_by)
    for i, (rate, chunk) in enumerate(zip(_rates(), _chunks(journey, journey.batch_size), strict=False)):
        noise = stepping.noise_for(*made_of, journey.streams, chunk.n)
        now = run_chunk(now, chunk, noise, _at(journey.optimizer, rate), i, chunk.n)
        yield _cost(journey, now, judged_by)


def _cost(journey: Training, now: Any, judged_by: tuple[Any, Any]) -> float:
    """Return the mean cost, NaN where parameters are not finite."""
    trained = Trained(journey.backend, journey.architecture, now.parameters, now.state)
    measured = evaluation.measure(trained, None, judged_by)
    return measured.cost if measured.is_finite else math.nan


def _chunks(journey: Training, size: int) -> Iterator[batches.Chunk]:
    """Yield mini-batches of a size, one by one, epoch after epoch."""
    while True:
        yield from batches.shuffled(journey.backend, journey.examples, size, None, journey.streams.order)


def _steepest(rates: list[float], costs: list[float]) -> float | None:
    """Return the rate at which costs, the first of which is that before all steps, fall most; None if they do not.

    They are smoothed, and looked at down to the lowest: behind it they may fall again, by chance.
    """
    half = SMOOTHED_OVER // 2
    windows = [costs[max(0, i - half) : i + half + 1] for i in range(len(costs))]
    smooth = [sum(window) / len(window) for window in windows]
    down = smooth[: smooth.index(min(smooth)) + 1]
    falls = [before - after for before, after in pairwise(down)]
    return rates[falls.index(max(falls))] if falls else None
