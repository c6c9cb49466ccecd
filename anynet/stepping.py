"""Steps: what one mini-batch does to a network, and what takes the mini-batches of a chunk through it.

The step is a value, by which a library keeps what it makes of it. Which chunks there are, and for how long, is
training's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from anynet import backprop, batches, data
from anynet.architecture import Architecture
from anynet.backends import Backend
from anynet.checks import as_code
from anynet.data import DeviceData
from anynet.optimizers import Optimizer
from anynet.random import Streams
from anynet.regularization import NOTHING, Regularization
from anynet.splitting import WHOLE, Split
from anynet.typing import Array, Batch, Namespace, Numbers, Rule, Shape, TrainState
from anynet.weighting import ALIKE, Weights

Noise = tuple[Array | None, ...]  # per layer
RunChunk = Callable[[TrainState, batches.Chunk, Noise, Optimizer, int, int], TrainState]


@dataclass(frozen=True)
class Step:
    """The step of a network under an optimizer's rule: a value, by which what is compiled is kept."""

    architecture: Architecture
    rule: Rule
    dtype: str
    regularizers: tuple[str, ...] = ()
    is_weighted: bool = False  # then the weights of examples come behind the noise of layers
    weighs_labels: bool = False  # and those of what says yes, (n, n_out), behind them
    split: Split = WHOLE

    @property
    def widest_shape(self) -> Shape:
        """The shape of the largest array that one example becomes."""
        return self.architecture.widest_shape

    def inputs(self, xp: Namespace, x: Array) -> Array:
        """Return rows of x as the network takes them."""
        return data.inputs(xp, x, self.dtype)

    def targets(self, xp: Namespace, y: Array, device: Any) -> Array:
        """Return labels or targets as targets (n, n_out)."""
        return data.targets(xp, y, self.architecture.n_out, self.dtype, device)

    @property
    def part_size(self) -> int | None:
        """From how many examples of a mini-batch gradients are taken at a time; None: from all."""
        return self.split.size

    @property
    def threads(self) -> int:
        """On how many threads they may be, side by side."""
        return self.split.threads

    def gradients(self, xp: Namespace, train_state: TrainState, batch: Batch, n: int, numbers: Numbers) -> list[Any]:
        """Return those of a part of a mini-batch of n examples, in their mean; no layer has a state that it changes."""
        cost, batch = self._told(batch)
        of_part = (train_state.parameters, train_state.state), batch, n, numbers, self.regularizers, self.split.frozen
        return backprop.part_gradients(xp, self.architecture.stages, cost, *of_part)[0]

    def applied(self, xp: Namespace, train_state: TrainState, gradients: list[Any], numbers: Numbers) -> TrainState:
        """Return the train state after a step along the sum of gradients of parts."""
        total, how = backprop.added(gradients), (numbers, self.regularizers, self.split.frozen)
        return backprop.applied(xp, self.rule, train_state, total, train_state.state, *how)

    def __call__(self, xp: Namespace, train_state: TrainState, batch: Batch, numbers: Numbers) -> TrainState:
        """Return the train state after a mini-batch."""
        cost, batch = self._told(batch)
        of_step = self.rule, train_state, batch, numbers, self.regularizers, self.split.size, self.split.frozen
        return backprop.step(xp, self.architecture.stages, cost, *of_step)

    def _told(self, batch: Batch) -> tuple[Any, Batch]:
        """Return the cost, and a mini-batch whose weights stand in their own places."""
        noise = list(batch.noise)
        label_weights = noise.pop() if self.weighs_labels else None
        weights = noise.pop() if self.is_weighted else None
        cost = self.architecture.cost  # a network without one is told so long before
        return cost, Batch(batch.x, batch.y, tuple(noise), weights, label_weights)


def take_steps(
    backend: Backend,
    architecture: Architecture,
    optimizer: Optimizer,
    compiled: bool = True,
    regularization: Regularization = NOTHING,
    n: int = 1,
    weights: Weights = ALIKE,
    split: Split = WHOLE,
) -> RunChunk:
    """Return what takes a chunk's mini-batches through the step, as the library runs it best, or one by one.

    There are n examples to train on.
    """
    step = Step(architecture, optimizer.rule, backend.dtype, regularization.names, *weights.are_given, split)
    run = backend.scan(step, compiled)
    strengths = regularization.numbers(n)

    def run_chunk(
        train_state: TrainState, chunk: batches.Chunk, noise: Noise, optimizer: Optimizer, n_steps: int, size: int
    ) -> TrainState:
        numbers = [as_floats(optimizer, n_steps + i) + strengths for i in range(-(-chunk.n // size))]
        return run(train_state, chunk.data, chunk.order, noise, numbers, size)

    return run_chunk


def as_floats(optimizer: Optimizer, step: int) -> Numbers:
    """Return the numbers of a step as Python's: one of NumPy would make float32 arrays float64."""
    numbers = optimizer.numbers(step)
    try:
        return tuple(map(float, numbers))
    except (TypeError, ValueError, OverflowError):
        raise TypeError(
            f"optimizer: expected numbers(step) to return a tuple of floats, got {as_code(numbers)}."
        ) from None


def step_once(
    backend: Backend,
    architecture: Architecture,
    optimizer: Optimizer,
    streams: Streams,
    examples: DeviceData,
    train_state: TrainState,
) -> TrainState:
    """Return the train state after one step on all of the examples; the optimizer has no slots to go on from."""
    architecture.learnable_cost()
    n = len(examples)
    batches.check_sizes(architecture, n, n)
    chunk = batches.Chunk(batches.block(backend, examples, 0, n), None, n)
    noise = noise_for(backend, architecture, streams, n)
    run_chunk = take_steps(backend, architecture, optimizer)
    after = run_chunk(train_state._replace(optimizer=()), chunk, noise, optimizer, 0, n)
    return after._replace(optimizer=train_state.optimizer)


def noise_for(backend: Backend, architecture: Architecture, streams: Streams, n: int) -> Noise:
    """Return the random numbers that each layer needs for n examples, on the device; None for those that need none."""
    stages, shapes = architecture.stages, pairwise(architecture.shapes)
    drawn = [layer.noise(shape, n, streams.noise) for (layer, _), (shape, _) in zip(stages, shapes, strict=True)]
    return tuple(None if r is None else backend.copy_to_device(r, "noise") for r in drawn)
