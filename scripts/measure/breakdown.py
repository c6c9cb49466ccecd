"""Show where the time goes: within a training step, and around training.

    python scripts/measure/breakdown.py

An epoch runs plainly and watched, in turns. Watched, the calls that a step makes are timed one by one; what they leave
of the plain step is the loop between them, less what the watching adds to each (0.1 us). The bare matrix products of
the same step run apart, and are part of what the layers take. All times are medians.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from peers import BareProducts
from recipe import BOOK, COMMAND, WIDE, Recipe
from report import readable

from anynet import SGD, Network, batches, datasets

REPEATS = 7
PLAIN, PRODUCTS, LOOP = "a step", "of which bare matrix products", "the loop between them"


class Watch:
    """The seconds that functions take, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def over(self, name: str, f: Callable[..., Any]) -> Callable[..., Any]:
        """Return f, its calls timed under that name."""
        self.seconds.setdefault(name, 0.0)

        def watched(*args: Any) -> Any:
            begin = time.perf_counter()
            result = f(*args)
            self.seconds[name] += time.perf_counter() - begin
            return result

        return watched

    def over_items(self, name: str, f: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """Return f, which returns an iterator, the making of each item timed under that name."""

        def watched(*args: Any) -> Iterator[Any]:
            following = self.over(name, partial(next, f(*args), None))
            while (item := following()) is not None:
                yield item

        return watched


def watched_epoch(net: Network, data: datasets.Dataset, recipe: Recipe) -> dict[str, float]:
    """Train the network for an epoch, and leave it watched; return the seconds of the parts of its steps."""
    watch, optimizer = Watch(), SGD(recipe.learning_rate)
    making = watch.over_items("forming the batches", batches.shuffled)
    net.layers = [
        SimpleNamespace(forward=watch.over("layers", layer.forward), backward=watch.over("layers", layer.backward))
        for layer in net.layers
    ]
    net._values = [watch.over("activations and their derivatives", f) for f in net._values]
    net._derivatives = [watch.over("activations and their derivatives", f) for f in net._derivatives]
    net._delta = watch.over("the cost's error", net._delta)
    updating = SimpleNamespace(initialize=optimizer.initialize, update=watch.over("the optimizer", optimizer.update))
    with patch.object(batches, "shuffled", making):
        net.fit(data, 1, recipe.batch_size, updating, progress=False)
    return watch.seconds


def parts_of_step(recipe: Recipe, steps: int) -> dict[str, float]:
    """Return the seconds of a step, of its parts, of the loop between them, and of its bare products."""
    train, _, _ = datasets.mnist()
    n = steps * recipe.batch_size
    data = datasets.Dataset(train.x[:n], train.y[:n])
    net, floor = recipe.network(), BareProducts(recipe, data)
    found: list[dict[str, float]] = []
    for _ in range(REPEATS + 1):
        fit = partial(net.fit, data, 1, recipe.batch_size, SGD(recipe.learning_rate), progress=False)
        plain = seconds_of(fit, repeats=1)
        parts = watched_epoch(net.to("numpy"), data, recipe)
        products = seconds_of(partial(floor.train, 0, n), repeats=1)
        found.append({PLAIN: plain, **parts, LOOP: plain - sum(parts.values()), PRODUCTS: products})
    del found[0]  # the warm-up
    return {name: statistics.median(parts[name] for parts in found) / steps for name in found[0]}


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
            "an epoch": seconds_of(lambda: net.fit(train, 1, progress=False)),
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


def print_table(title: str, rows: dict[str, float]) -> None:
    print(f"\n{title}")
    for name, seconds in rows.items():
        print(f"  {name:<32}{readable(seconds):>10}")


if __name__ == "__main__":
    for recipe, steps in ((BOOK, 5000), (WIDE, 100)):
        print_table(f"A step of {list(recipe.sizes)}, batch {recipe.batch_size}", parts_of_step(recipe, steps))
    print_table("Around training, [784, 30, 10]", around_training())
