"""Duels and races of two contestants, and the rows of numbers that come of them.

In a duel two take turns, A B A B, after a warm-up each, a block of training steps or of answers per turn: what the
machine does besides weighs on both sides. In a race two train, an epoch each in turn, until both know enough.
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from peers import CONTESTANTS
from recipe import Recipe
from report import Row
from stage import Stage

MOST_EPOCHS = 40
N_TRAINING = 50_000
# So that --quick is quick on a busy machine too, with fewer pairs, and a race that may not arrive.
LONGEST_QUICK_DUEL_S, LONGEST_QUICK_RACE_S = 2.0, 10.0
ENOUGH_IF_QUICK = 0.95  # of the validation images


@dataclass(frozen=True)
class Settings:
    """What the command line asked for, of what is installed."""

    quick: bool
    threads: int
    dtype: str
    pairs: int
    ours: Sequence[str]
    peers: Sequence[str]
    enough: float = 0.975  # of the validation images, for a race to be over

    def choose(self, pairings: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """Return who of ours meets whom: those of the pairings that are wanted, none without a rival."""
        chosen = {
            ours: [name for name in rivals if name in self.peers]
            for ours, rivals in pairings.items()
            if ours in self.ours
        }
        return {ours: rivals for ours, rivals in chosen.items() if rivals}


@dataclass
class Side:
    """One side of a duel: who, the seconds of each block, and how it stood at the end."""

    name: str
    seconds: list[float] = field(default_factory=list)
    accuracy: float | None = None
    peak_mb: float | None = None


# A turn is a question to a stage that is answered in seconds; it may differ from block to block.
Turn = Callable[[int], tuple[Any, ...]]


def duel(settings: Settings, stages: tuple[Stage, Stage], turn: Turn) -> tuple[Side, Side]:
    """Let two contestants take turns, each in its own process, and return both sides."""
    sides = Side(stages[0].name), Side(stages[1].name)
    for stage in stages:
        stage.wait()
    begin = time.perf_counter()
    for k in range(settings.pairs + 1):
        if settings.quick and k > 2 and time.perf_counter() - begin > LONGEST_QUICK_DUEL_S:
            break
        for side, stage in zip(sides, stages, strict=True):
            side.seconds.append(stage.ask(*turn(k)))
    for side, stage in zip(sides, stages, strict=True):
        del side.seconds[0]  # the warm-up
        side.peak_mb, side.accuracy = stage.ask("peak_memory"), stage.ask("accuracy")
    return sides


def ratio_row(ours: Side, theirs: Side) -> Row:
    """Return how many times as long as ours their side takes, and how much that varies."""
    ratios = [b / a for a, b in zip(ours.seconds, theirs.seconds, strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return {"ratio": statistics.median(ratios), "quartiles": (low, high), "pairs": len(ratios)}


def side_row(side: Side, per: int, against: str) -> Row:
    """Return a side's own numbers, its time per step or call, and which of ours it is or meets."""
    seconds = statistics.median(side.seconds) / per
    who = CONTESTANTS[side.name].label
    numbers = {"seconds": seconds, "accuracy": side.accuracy, "peak_mb": side.peak_mb}
    return {"who": who, "name": side.name, "against": against} | numbers


def duels(settings: Settings, recipe: Recipe, pairings: Mapping[str, Sequence[str]], turn: Turn, per: int) -> list[Row]:
    """Return for each of ours a row, and a row for each of its rivals after a duel with it."""
    recipe = replace(recipe, dtype=settings.dtype)
    rows = []
    for ours, rivals in settings.choose(pairings).items():
        rows += duels_of(settings, recipe, ours, rivals, turn, per)
    return rows


def duels_of(settings: Settings, recipe: Recipe, ours: str, rivals: list[str], turn: Turn, per: int) -> list[Row]:
    """Return a row for one of ours, and one for each of its rivals."""
    rows, duels_of_ours = [], []
    with Stage(ours, recipe, settings.threads) as our_stage:
        for name in rivals:
            with Stage(name, recipe, settings.threads) as stage:
                our_stage.ask("restart", recipe.seed)
                mine, theirs = duel(settings, (our_stage, stage), turn)
            duels_of_ours.append(mine)
            rows.append(side_row(theirs, per, ours) | ratio_row(mine, theirs))
    # The first duel's peak: after it, its accuracy has been asked for, which takes memory of its own.
    mine = replace(duels_of_ours[0], seconds=[s for side in duels_of_ours for s in side.seconds])
    return [side_row(mine, per, ours), *rows]


def first_steps(settings: Settings, recipe: Recipe, pairings: Mapping[str, Sequence[str]]) -> list[Row]:
    """Return rows of the seconds of a first mini-batch, each in a fresh process in which the library is awake."""
    recipe, rows = replace(recipe, dtype=settings.dtype), []
    for ours, rivals in settings.choose(pairings).items():
        sides = [Side(name) for name in (ours, *rivals)]
        for _ in range(2 if settings.quick else 5):
            for side in sides:
                with Stage(side.name, recipe, settings.threads) as stage:
                    side.seconds.append(stage.ask("first_step"))
        rows += [side_row(sides[0], 1, ours)]
        rows += [side_row(side, 1, ours) | ratio_row(sides[0], side) for side in sides[1:]]
    return rows


@dataclass
class Runner:
    """One side of a race: how far it is, in seconds of training and in epochs."""

    stage: Stage
    goal: float
    seconds: float = 0.0
    epochs: int = 0
    accuracy: float = 0.0

    @property
    def has_arrived(self) -> bool:
        return self.accuracy >= self.goal

    def run(self) -> None:
        """Train for an epoch, unless the goal is reached."""
        if not self.has_arrived:
            self.seconds += self.stage.ask("train", 0, N_TRAINING)
            self.epochs += 1
            self.accuracy = self.stage.ask("accuracy")


def races(settings: Settings, recipe: Recipe, names: tuple[str, str], cold: bool) -> list[Row]:
    """Return two rows of a few races from different seeds: ours, and the rival's with the ratio if all arrived.

    Of training alone, after a warm-up that compiles what is to be compiled; `cold` leaves that out, and the seconds of
    fresh processes count what they compile.
    """
    recipe = replace(recipe, dtype=settings.dtype)
    goal, longest = (ENOUGH_IF_QUICK, LONGEST_QUICK_RACE_S) if settings.quick else (settings.enough, math.inf)
    finished = [
        race(settings, replace(recipe, seed=seed), names, goal, longest, cold)
        for seed in range(1 if settings.quick else 5)
    ]
    sides, rows = [], []
    for name, runners in zip(names, zip(*finished, strict=True), strict=True):
        side = Side(name, [r.seconds for r in runners], statistics.median(r.accuracy for r in runners))
        sides.append(side)
        rows.append(side_row(side, 1, names[0]) | {"epochs": statistics.median(r.epochs for r in runners)})
    if all(runner.has_arrived for runners in finished for runner in runners):
        rows[1] |= ratio_row(sides[0], sides[1])
    return rows


def race(
    settings: Settings, recipe: Recipe, names: tuple[str, str], goal: float, longest: float, cold: bool
) -> tuple[Runner, Runner]:
    """Train both, an epoch each in turn, from the same weights, until both arrive or it has taken too long."""
    with (
        Stage(names[0], recipe, settings.threads) as ours,
        Stage(names[1], recipe, settings.threads) as theirs,
    ):
        for stage in (ours, theirs):
            stage.wait()
            if not cold:
                stage.ask("train", 0, 100 * recipe.batch_size)
                stage.ask("restart", recipe.seed)
        runners, begin = (Runner(ours, goal), Runner(theirs, goal)), time.perf_counter()
        for _ in range(MOST_EPOCHS):
            if time.perf_counter() - begin > longest:
                break
            for runner in runners:
                runner.run()
    return runners
