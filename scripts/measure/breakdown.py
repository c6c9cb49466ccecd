"""Show where the time goes: within a training step, and around training.

    python scripts/measure/breakdown.py

A step on NumPy is a straight line of calls. It runs plainly, and with a clock after each line of it, in turns; what the
clock itself takes is told apart, and left out. Beside it stand what is no line of the step, and the bare matrix
products of the same step, which run apart. All times are medians.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from peers import BareProducts
from recipe import BOOK, COMMAND, WIDE, Recipe
from report import readable

from anynet import SGD, Dataset, Network, datasets
from anynet.backends import Backend, traced
from anynet.backends.interface import formed
from anynet.backends.numpy import NumpyLine
from anynet.operations import NUMBER
from anynet.tracing import Program, Symbol

REPEATS = 7
FORMING, LINES, LOOP = "forming the mini-batches", "the lines of the step", "the loop round them"
BETWEEN = "orders, numbers and reports"
PLAIN, PRODUCTS = "a step, unwatched", "its bare matrix products"
TICK = "    note(clock())"


class WatchedLine(NumpyLine):
    """The line of a step, with a clock after each of its lines.

    Of a step there are two ticks more than lines: between the first two is nothing but the clock.
    """

    def names(self) -> dict[str, Any]:
        self.ticks: list[float] = []
        return super().names() | {"clock": time.perf_counter, "note": self.ticks.append}

    def calls(self, symbol: Symbol, args: list[str]) -> tuple[list[str], str]:
        into, fresh = super().calls(symbol, args)
        shapes = f"  # {' '.join(map(_shown, symbol.args))}"
        return [line + shapes for line in into], fresh + shapes

    def _source(self, arguments: str, body: list[str]) -> str:
        self.lines = [line.strip() for line in body if line.startswith(" ")]
        ticks = [[TICK] if line.startswith(" ") else [TICK] * 2 if line.startswith("for ") else [] for line in body]
        return super()._source(arguments, [x for line, then in zip(body, ticks, strict=True) for x in (line, *then)])

    def seconds(self) -> np.ndarray:
        """Return the median of what each line takes, the clock not counted."""
        took = np.diff(np.reshape(self.ticks, (-1, len(self.lines) + 2)), axis=1)
        clock, *lines = np.median(took, axis=0)
        return np.maximum(np.asarray(lines) - clock, 0.0)


def _shown(a: Any) -> str:
    return str(a.shape) if isinstance(a, Symbol) and a.dtype != NUMBER else getattr(a, "dtype", repr(a))


class Watch:
    """What a training on a watched backend took, in all of its steps."""

    def __init__(self) -> None:
        self.running = self.forming = 0.0
        self.lines: list[WatchedLine] = []

    def line(self, program: Program, size: int | None, n_held: int) -> WatchedLine:
        """Return the line of a program, which is remembered."""
        self.lines.append(WatchedLine(program, size, n_held))
        return self.lines[-1]

    @property
    def ticking(self) -> float:
        """The seconds from the first tick of each step to its last, the clock counted."""
        ticks = [np.reshape(line.ticks, (-1, len(line.lines) + 2)) for line in self.lines]
        return float(sum(np.sum(each[:, -1] - each[:, 0]) for each in ticks))


@dataclass(frozen=True)
class WatchedBackend(Backend):
    """NumPy, on which steps are watched. What forms their batches is timed by doing it once more beforehand."""

    watch: Watch = field(default_factory=Watch, compare=False, repr=False)

    def scan(self, step: Any, compiled: bool = True) -> Any:
        run = traced.scan(self.watch.line, self, step, converts=True)

        def watched(train_state: Any, data: Any, order: Any, *others: Any) -> Any:
            begin = time.perf_counter()
            formed(self, step, data, order, converted=False)
            middle = time.perf_counter()
            train_state = run(train_state, data, order, *others)
            self.watch.forming += middle - begin
            self.watch.running += time.perf_counter() - middle
            return train_state

        return watched


def epoch(net: Network, data: Dataset, recipe: Recipe) -> float:
    """Train for an epoch, and return its seconds: evaluation is not counted."""
    optimizer = SGD(recipe.learning_rate)
    (report,) = net.fit(data, epochs=1, batch_size=recipe.batch_size, optimizer=optimizer, progress=False)
    return report.seconds


def watched_epoch(data: Dataset, recipe: Recipe) -> tuple[Network, WatchedLine, dict[str, float]]:
    """Train a new network for an epoch, watched; return it, the line of its step, and the seconds of a step's parts."""
    watch, plain = Watch(), recipe.network().backend
    net = recipe.network(WatchedBackend(plain.name, plain.xp, plain.device, plain.dtype, watch))
    steps, seconds = len(data) // recipe.batch_size, epoch(net, data, recipe)
    (line,) = watch.lines  # of one size of mini-batches
    parts = {
        FORMING: watch.forming / steps,
        LINES: float(np.sum(line.seconds())),
        LOOP: (watch.running - watch.forming - watch.ticking) / steps,
        BETWEEN: (seconds - watch.running - watch.forming) / steps,
    }
    return net, line, parts


def step_by_line(recipe: Recipe, steps: int) -> tuple[list[tuple[str, float]], dict[str, float]]:
    """Return the lines of a step with their seconds, and the seconds of its parts, plainly, and of its products."""
    train, _, _ = datasets.mnist()
    n = steps * recipe.batch_size
    data = Dataset(train.x[:n], train.y[:n])
    net, floor = recipe.network(), BareProducts(recipe, data)
    of_lines, of_parts = [], []
    for _ in range(REPEATS + 1):
        plain = epoch(net, data, recipe) / steps
        _, line, parts = watched_epoch(data, recipe)
        products = seconds_of(partial(floor.train, 0, n), repeats=1) / steps
        of_lines.append(line.seconds())
        of_parts.append(parts | {PLAIN: plain, PRODUCTS: products})
    del of_lines[0], of_parts[0]  # the warm-up
    medians = {name: statistics.median(parts[name] for parts in of_parts) for name in of_parts[0]}
    return list(zip(line.lines, map(float, np.median(of_lines, axis=0)), strict=True)), medians


def around_training() -> dict[str, float]:
    """Return the seconds of what surrounds training, from the start of Python to the whole command."""
    train, _, test = datasets.mnist()
    net, one = Network([784, 30, 10]), test.x[:1]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/network.npz"
        return {
            "Python and NumPy": process("-c", "import numpy"),
            "and anynet": process("-c", "from anynet import Network, datasets"),
            "loading MNIST": seconds_of(datasets.mnist),
            "an epoch": seconds_of(lambda: net.fit(train, epochs=1, progress=False)),
            "evaluating 10,000 images": seconds_of(lambda: net.evaluate(test), number=3),
            "outputs for 10,000 images": seconds_of(lambda: net.feedforward(test.x), number=3),
            "outputs for one image": seconds_of(lambda: net.feedforward(one), number=1000),
            "saving": seconds_of(lambda: net.save(path), number=10),
            "loading the network": seconds_of(lambda: Network.load(path), number=10),
            "anynet train --epochs 1": process("-m", "anynet", *COMMAND, path),
        }


def seconds_of(f: Callable[[], Any], number: int = 1, repeats: int = REPEATS) -> float:
    """Return what a call of f takes: the median over some repeats of so many calls."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        for _ in range(number):
            f()
        times.append((time.perf_counter() - begin) / number)
    return statistics.median(times)


def process(*arguments: str) -> float:
    """Return what Python takes with those arguments, from start to end."""
    return seconds_of(lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True))


def print_lines(lines: Sequence[tuple[str, float]]) -> None:
    whole = sum(seconds for _, seconds in lines)
    print("  a: what comes in, m: storage, v: a view, o: what is learnt; then the shapes")
    for line, seconds in lines:
        code, _, shapes = line.partition("  # ")
        print(f"{readable(seconds):>10}{seconds / whole:>6.0%}  {code:<36}{shapes}".rstrip())


def print_table(title: str, rows: dict[str, float]) -> None:
    print(f"\n{title}")
    for name, seconds in rows.items():
        print(f"  {name:<32}{readable(seconds):>10}")


if __name__ == "__main__":
    for recipe, steps in ((BOOK, 5000), (WIDE, 100)):
        lines, parts = step_by_line(recipe, steps)
        print_table(f"A step of {list(recipe.sizes)}, batch {recipe.batch_size}, on NumPy", parts)
        print_lines(lines)
    print_table("Around training, [784, 30, 10]", around_training())
