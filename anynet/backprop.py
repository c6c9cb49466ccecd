"""Backpropagation: a network's calculus, and nothing else.

Everything here is a pure function: xp, and frozen values, come in; new values go out. The
four equations are the book's (Nielsen, chapter 2), in matrix form over a mini-batch of n
examples: `delta` is dC/dz, (n, n_out) of its layer; x is (n, n_in), y (n, n_out). So a
library can be handed the step, and compile it. Where it runs, on which data, and for how
long, is for other rooms.
"""

import operator
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from anynet.parameters import updated
from anynet.regularization import regularized, smoothed
from anynet.trees import map_arrays
from anynet.typing import Array, Batch, Namespace, Numbers, Parameters, Rule, TrainState

if TYPE_CHECKING:
    from anynet.architecture import Stage
    from anynet.costs import Cost

Stages = Sequence["Stage"]


def forward(
    xp: Namespace,
    stages: Stages,
    parameters: Parameters,
    state: list[Any],
    a: Array,
    training: bool = False,
    noise: Sequence[Array | None] = (),
    frozen: Sequence[int] = (),
) -> Iterator[tuple[Array, Array, Any, Any]]:
    """Yield (z, a, residuals, state) of each stage, the output's last: z = a W^T + b, a = f(z).

    Frozen layers do in training as they do else.
    """
    drawn = noise or (None,) * len(stages)
    for l, ((layer, f), p, s) in enumerate(zip(stages, parameters, state)):  # noqa: B905 - checked
        learns = training and l not in frozen
        z, residuals, s = layer.forward(xp, p, s, a, learns, drawn[l] if learns else None)
        a = f.value(xp, z) if f else z
        yield z, a, residuals, s


def output(xp: Namespace, stages: Stages, parameters: Parameters, state: list[Any], a: Array) -> tuple[Array, Array]:
    """Return z and a of the output; what comes before is let go on the way."""
    for z, a, _, _ in forward(xp, stages, parameters, state, a):  # noqa: B020
        last = z, a
    return last


def backprop(
    xp: Namespace,
    stages: Stages,
    cost: "Cost",
    parameters: Parameters,
    state: list[Any],
    batch: Batch,
    n: int | None = None,
    frozen: Sequence[int] = (),
) -> tuple[tuple[Array, Array], list[Any], list[Any]]:
    """Return z and a of the output, the gradients of the mean cost, and the next state.

    The mean is over n examples, of which these are a part; None: over these.
    """
    x, y, noise, weights, label_weights = batch
    if label_weights is not None:
        cost = cost.with_positive_weights(label_weights)
    passes = list(forward(xp, stages, parameters, state, x, True, noise, frozen))
    gradients: list[Any] = [()] * len(stages)
    z, a, residuals, _ = last = passes[-1]
    delta = cost.delta(xp, z, a, y) * (1.0 / (n or x.shape[0]))  # type: ignore[misc]  # BP1: (n, n_out), of the mean
    if weights is not None:
        delta = delta * weights[:, None]
    for l in range(len(stages) - 1, -1, -1):
        gradients[l], error = stages[l].layer.backward(xp, parameters[l], residuals, delta)  # BP3, BP4
        if l > 0:
            f, (z, a, residuals, _) = stages[l - 1].activation, passes[l - 1]
            delta = error * f.derivative(xp, z, a) if f else error  # type: ignore[misc]  # BP2: (n, n_in)
    return last[:2], gradients, [s for _, _, _, s in passes]


def part_gradients(
    xp: Namespace,
    stages: Stages,
    cost: "Cost",
    learnt: tuple[Parameters, list[Any]],
    part: Batch,
    n: int,
    numbers: Numbers,
    regularizers: Sequence[str] = (),
    frozen: Sequence[int] = (),
) -> tuple[list[Any], list[Any]]:
    """Return the gradients of a part of a mini-batch of n examples, and the next state.

    What is learnt are parameters and state. The gradients of all parts are to be added: each is divided
    by n, for a mean of means would be another.
    """
    _, strengths = _apart(numbers, regularizers)
    part = part._replace(y=smoothed(xp, cost.output, part.y, regularizers, strengths))
    _, gradients, state = backprop(xp, stages, cost, *learnt, part, n, frozen)
    return gradients, state


def parts_of(batch: Batch, size: int) -> list[Batch]:
    """Return the examples of a mini-batch, so many at a time; the last may be fewer."""
    n = batch.x.shape[0]
    if size >= n:
        return [batch]
    return [_rows(batch, start, min(start + size, n)) for start in range(0, n, size)]


def _rows(batch: Batch, start: int, stop: int) -> Batch:
    rows: Batch = map_arrays(lambda a: a[start:stop, ...], batch)
    return rows


def added(gradients: Sequence[list[Any]]) -> list[Any]:
    """Return the sums of gradients, each in the structure of the parameters."""
    total, *others = gradients
    for other in others:
        total = [type(one)(*map(operator.add, one, two)) for one, two in zip(total, other, strict=True)]
    return total


def step(
    xp: Namespace,
    stages: Stages,
    cost: "Cost",
    rule: Rule,
    train_state: TrainState,
    batch: Batch,
    numbers: Numbers,
    regularizers: Sequence[str] = (),
    size: int | None = None,
    frozen: Sequence[int] = (),
) -> TrainState:
    """Return the train state after one mini-batch: p <- what the optimizer makes of p and dC/dp.

    Of the numbers the last are those of the regularizers. The gradients are taken from `size` examples
    at a time, None from all of them, and those of frozen layers not at all.
    """
    n, state = batch.x.shape[0], train_state.state
    total: list[Any] = []
    for part in parts_of(batch, size or n):
        learnt = train_state.parameters, state
        gradients, state = part_gradients(xp, stages, cost, learnt, part, n, numbers, regularizers, frozen)
        total = added([total, gradients]) if total else gradients
    return applied(xp, rule, train_state, total, state, numbers, regularizers, frozen)


def applied(
    xp: Namespace,
    rule: Rule,
    train_state: TrainState,
    gradients: list[Any],
    state: list[Any],
    numbers: Numbers,
    regularizers: Sequence[str] = (),
    frozen: Sequence[int] = (),
) -> TrainState:
    """Return the train state after a step along gradients, of which those of frozen layers count for nothing."""
    parameters, before, slots = train_state
    numbers, strengths = _apart(numbers, regularizers)
    moving, gradients, *moving_slots = (_without(frozen, tree) for tree in (parameters, gradients, *slots))
    gradients = regularized(xp, moving, gradients, regularizers, strengths)
    moved, moved_slots = updated(xp, rule, moving, gradients, tuple(moving_slots), numbers)
    after = [_put_back(frozen, *pair) for pair in zip((moved, *moved_slots), (parameters, *slots), strict=True)]
    return TrainState(after[0], _put_back(frozen, state, before), tuple(after[1:]))


def _apart(numbers: Numbers, regularizers: Sequence[str]) -> tuple[Numbers, Numbers]:
    """Return the numbers of the optimizer, and those of the regularizers, which come last."""
    n = len(numbers) - len(regularizers)
    return numbers[:n], numbers[n:]


def _without(frozen: Sequence[int], layers: Sequence[Any]) -> list[Any]:
    return [() if l in frozen else layer for l, layer in enumerate(layers)]


def _put_back(frozen: Sequence[int], layers: Sequence[Any], before: Sequence[Any]) -> list[Any]:
    return [before[l] if l in frozen else layer for l, layer in enumerate(layers)]
