"""Backpropagation: a network's calculus, and nothing else.

Everything here is a pure function: xp, and frozen values, come in; new values go out. The
four equations are the book's (Nielsen, chapter 2), in matrix form over a mini-batch of n
examples: `delta` is dC/dz, (n, n_out) of its layer; x is (n, n_in), y (n, n_out). So a
library can be handed the step, and compile it. Where it runs, on which data, and for how
long, is for other rooms.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from anynet.parameters import updated
from anynet.regularization import regularized, smoothed
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
) -> Iterator[tuple[Array, Array, Any, Any]]:
    """Yield (z, a, residuals, state) of each stage, the output's last: z = a W^T + b, a = f(z)."""
    for (layer, f), p, s, r in zip(stages, parameters, state, noise or (None,) * len(stages)):  # noqa: B905 - checked
        z, residuals, s = layer.forward(xp, p, s, a, training, r)
        a = f.value(xp, z) if f else z
        yield z, a, residuals, s


def output(xp: Namespace, stages: Stages, parameters: Parameters, state: list[Any], a: Array) -> tuple[Array, Array]:
    """Return z and a of the output; what comes before is let go on the way."""
    for z, a, _, _ in forward(xp, stages, parameters, state, a):  # noqa: B020
        last = z, a
    return last


def backprop(
    xp: Namespace, stages: Stages, cost: "Cost", parameters: Parameters, state: list[Any], batch: Batch
) -> tuple[tuple[Array, Array], list[Any], list[Any]]:
    """Return z and a of the output, the gradients of the mean cost, and the next state."""
    x, y, noise, weights = batch
    passes = list(forward(xp, stages, parameters, state, x, True, noise))
    gradients: list[Any] = [()] * len(stages)
    z, a, residuals, _ = last = passes[-1]
    delta = cost.delta(xp, z, a, y) * (1.0 / x.shape[0])  # type: ignore[misc]  # BP1: (n, n_out), of the mean
    if weights is not None:
        delta = delta * weights[:, None]
    for l in range(len(stages) - 1, -1, -1):
        gradients[l], error = stages[l].layer.backward(xp, parameters[l], residuals, delta)  # BP3, BP4
        if l > 0:
            f, (z, a, residuals, _) = stages[l - 1].activation, passes[l - 1]
            delta = error * f.derivative(xp, z, a) if f else error  # type: ignore[misc]  # BP2: (n, n_in)
    return last[:2], gradients, [s for _, _, _, s in passes]


def step(
    xp: Namespace,
    stages: Stages,
    cost: "Cost",
    rule: Rule,
    train_state: TrainState,
    batch: Batch,
    numbers: Numbers,
    regularizers: Sequence[str] = (),
) -> TrainState:
    """Return the train state after one mini-batch: p <- what the optimizer makes of p and dC/dp.

    Of the numbers the last are those of the regularizers.
    """
    parameters, state, slots = train_state
    numbers, strengths = numbers[: len(numbers) - len(regularizers)], numbers[len(numbers) - len(regularizers) :]
    batch = batch._replace(y=smoothed(xp, cost.output, batch.y, regularizers, strengths))
    _, gradients, state = backprop(xp, stages, cost, parameters, state, batch)
    gradients = regularized(xp, parameters, gradients, regularizers, strengths)
    parameters, slots = updated(xp, rule, parameters, gradients, slots, numbers)
    return TrainState(parameters, state, slots)
