"""Show where the time goes: within a training step, and around training.

    python scripts/measure/breakdown.py

An epoch runs plainly and watched, in turns. The watched network is made of the same values, a layer, an activation, a
cost, an optimizer and a backend, each of which times the calls that a step makes of it. What they leave of the plain
step is the loop between them, less what the watching adds to each (0.1 us). The bare matrix products of the same step
run apart, and are part of what the layers take. All times are medians.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from peers import BareProducts
from recipe import BOOK, COMMAND, WIDE, Recipe
from report import readable

from anynet import SGD, Dataset, Network, datasets
from anynet.activations import Activation
from anynet.backends import Backend
from anynet.layers import Layer

REPEATS = 7
PLAIN, PRODUCTS, LOOP = "a step", "of which bare matrix products", "the loop between them"
FORMING, LAYERS, ACTIVATIONS = "forming the batches", "layers", "activations and their derivatives"
ERROR, OPTIMIZER = "the cost's error", "the optimizer"


class Watch:
    """The seconds that functions take, by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def call(self, name: str, f: Callable[..., Any], *args: Any) -> Any:
        """Return f(*args), timed under that name."""
        begin = time.perf_counter()
        result = f(*args)
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begin
        return result

    def over(self, name: str, f: Callable[..., Any]) -> Callable[..., Any]:
        """Return f, its calls timed under that name."""
        return partial(self.call, name, f)


@dataclass(frozen=True)
class WatchedLayer(Layer):
    """A layer whose forward and backward are timed."""

    inner: Layer
    watch: Watch
    activation: Activation | None = None

    def output_shape(self, input_shape: Any) -> Any:
        return self.inner.output_shape(input_shape)

    def parameter_shapes(self, input_shape: Any) -> Any:
        return self.inner.parameter_shapes(input_shape)

    def initialize(self, input_shape: Any, rng: Any) -> Any:
        return self.inner.initialize(input_shape, rng)

    def forward(self, *args: Any) -> Any:
        return self.watch.call(LAYERS, self.inner.forward, *args)

    def backward(self, *args: Any) -> Any:
        return self.watch.call(LAYERS, self.inner.backward, *args)


@dataclass(frozen=True)
class WatchedStep:
    """A step whose calls are timed, apart from what forms its batches."""

    inner: Any
    watch: Watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, *args: Any) -> Any:
        return self.watch.call(PLAIN, self.inner, *args)


@dataclass(frozen=True)
class WatchedBackend(Backend):
    """A backend that times how it runs a chunk of mini-batches: what is no step forms the batches."""

    watch: Watch = field(default_factory=Watch, compare=False, repr=False)

    def scan(self, step: Any) -> Any:
        return self.watch.over(FORMING, super().scan(WatchedStep(step, self.watch)))


def watched_network(net: Network, seed: int, watch: Watch) -> Network:
    """Return a network of the same values and numbers, each of them watched."""
    stages, cost, plain = net.architecture.stages, net.architecture.cost, net.backend
    layers = []
    for layer, f in stages:
        derivative = f.derivative and watch.over(ACTIVATIONS, f.derivative)
        f = replace(f, value=watch.over(ACTIVATIONS, f.value), derivative=derivative)
        layers.append(WatchedLayer(layer, watch, f))
    backend = WatchedBackend(plain.name, plain.xp, plain.device, plain.dtype, plain.fuse, watch)
    cost = replace(cost, delta=watch.over(ERROR, cost.delta))
    watched = Network([net.shapes[0], *layers], backend, seed=seed, cost=cost)
    watched.weights, watched.biases = net.weights, net.biases
    return watched


def watched_optimizer(learning_rate: float, watch: Watch) -> SGD:
    """Return SGD whose rule is timed."""

    class WatchedSGD(SGD):
        rule = staticmethod(watch.over(OPTIMIZER, SGD.rule))

    return WatchedSGD(learning_rate)


def watched_epoch(net: Network, data: Dataset, recipe: Recipe) -> tuple[Network, dict[str, float]]:
    """Train a watched copy of the network for an epoch; return it, and the seconds of the parts of its steps."""
    watch = Watch()
    watched, optimizer = watched_network(net, recipe.seed, watch), watched_optimizer(recipe.learning_rate, watch)
    watched.fit(data, epochs=1, batch_size=recipe.batch_size, optimizer=optimizer, progress=False)
    seconds = watch.seconds
    seconds[FORMING] -= seconds.pop(PLAIN)
    return watched, {name: seconds[name] for name in (FORMING, LAYERS, ACTIVATIONS, ERROR, OPTIMIZER)}


def parts_of_step(recipe: Recipe, steps: int) -> dict[str, float]:
    """Return the seconds of a step, of its parts, of the loop between them, and of its bare products."""
    train, _, _ = datasets.mnist()
    n = steps * recipe.batch_size
    data = Dataset(train.x[:n], train.y[:n])
    net, floor = recipe.network(), BareProducts(recipe, data)
    found: list[dict[str, float]] = []
    for _ in range(REPEATS + 1):
        fit = partial(
            net.fit, data, epochs=1, batch_size=recipe.batch_size, optimizer=SGD(recipe.learning_rate), progress=False
        )
        plain = seconds_of(fit, repeats=1)
        _, parts = watched_epoch(net, data, recipe)
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


def print_table(title: str, rows: dict[str, float]) -> None:
    print(f"\n{title}")
    for name, seconds in rows.items():
        print(f"  {name:<32}{readable(seconds):>10}")


if __name__ == "__main__":
    for recipe, steps in ((BOOK, 5000), (WIDE, 100)):
        print_table(f"A step of {list(recipe.sizes)}, batch {recipe.batch_size}", parts_of_step(recipe, steps))
    print_table("Around training, [784, 30, 10]", around_training())
