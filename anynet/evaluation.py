"""Evaluation: a network over data, block by block, as sums on the device.

A block has so many rows that the widest array made of it stays small, whatever the network
and the data are. What is asked of a block is a frozen value, by which a library keeps what
it compiles for it.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, NamedTuple

from array_api_compat import array_namespace

from anynet import backprop, batches, data, metrics
from anynet.architecture import Architecture
from anynet.backends import Backend
from anynet.data import DeviceData, Streamed
from anynet.metrics import Metric
from anynet.parameters import all_finite
from anynet.trees import map_arrays
from anynet.typing import Array, Batch, HostArray, Namespace, Parameters, Tree

Learnt = tuple[Parameters, list[Any]]  # parameters and state


class Trained(NamedTuple):
    """A network as it is asked: where it lives, what it is, and what it has learnt."""

    backend: Backend
    architecture: Architecture
    parameters: Parameters
    state: list[Any]

    @property
    def learnt(self) -> Learnt:
        """What a compiled question is handed."""
        return self.parameters, self.state

    def ask(self, question: Callable[[Architecture, str], Any]) -> Callable[..., Tree]:
        """Return what answers a question such as `Outputs`, as the library computes it best."""
        return self.backend.compile(_put(question, self.architecture, self.backend.dtype))


@dataclass(frozen=True)
class Outputs:
    """The outputs of a network for rows of x."""

    architecture: Architecture
    dtype: str

    def __call__(self, xp: Namespace, learnt: Learnt, x: Array) -> Array:
        return backprop.output(xp, self.architecture.stages, *learnt, data.inputs(xp, x, self.dtype))[1]


@dataclass(frozen=True)
class Activations:
    """What each layer makes of rows of x."""

    architecture: Architecture
    dtype: str

    def __call__(self, xp: Namespace, learnt: Learnt, x: Array) -> list[Array]:
        stages = self.architecture.stages
        return [a for _, a, _, _ in backprop.forward(xp, stages, *learnt, data.inputs(xp, x, self.dtype))]


@dataclass(frozen=True)
class Verdicts:
    """For each of some examples, whether the answer is right, and the cost, None where there is none."""

    architecture: Architecture
    dtype: str

    def __call__(
        self, xp: Namespace, learnt: Learnt, x: Array, y: Array, targets: Array
    ) -> tuple[Array | None, Array | None]:
        task, cost = self.architecture.task, self.architecture.cost
        z, a = backprop.output(xp, self.architecture.stages, *learnt, data.inputs(xp, x, self.dtype))
        right = None if task == "regression" else metrics.is_right(xp, a, y, task, self.architecture.threshold)
        return right, cost and cost.value(xp, z, a, targets)


@dataclass(frozen=True)
class MeanGradients:
    """The mean cost of a batch and its gradients, as in training but without noise."""

    architecture: Architecture
    dtype: str

    def __call__(self, xp: Namespace, learnt: Learnt, x: Array, targets: Array) -> tuple[Array, list[Any]]:
        stages, cost = self.architecture.stages, self.architecture.learnable_cost()
        batch = Batch(data.inputs(xp, x, self.dtype), targets)
        (z, a), gradients, _ = backprop.backprop(xp, stages, cost, *learnt, batch)
        return xp.mean(cost.value(xp, z, a, targets)), gradients


@lru_cache(64)
def _put(question: Callable[[Architecture, str], Any], architecture: Architecture, dtype: str) -> Any:
    """Return a question, put to an architecture: the same value for the same, so that it is quickly recognised."""
    return question(architecture, dtype)


def over_rows(question: Callable[[Architecture, str], Any], net: Trained, x: Array | Streamed) -> Tree:
    """Return what a question answers for rows x, block by block; what lies on the host comes back there."""
    answer, n = net.ask(question), x.shape[0]
    if isinstance(x, Streamed) or not net.backend.is_native(x):
        answer = partial(_from_host, answer, net.backend)
    length = net.backend.rows_within(batches.BLOCK_BYTES, net.architecture.working_shape)
    if n <= length:
        return answer(net.learnt, x if not isinstance(x, Streamed) else batches.rows(x, 0, n))
    return _joined([answer(net.learnt, batches.rows(x, start, start + length)) for start in range(0, n, length)])


def _joined(parts: list[Tree]) -> Tree:
    """Return arrays, or lists of arrays, with their rows one after the other."""
    if isinstance(parts[0], list):
        return [_joined(list(columns)) for columns in zip(*parts, strict=True)]
    return array_namespace(*parts).concat(parts, axis=0)


def _from_host(answer: Callable[..., Tree], backend: Backend, learnt: Learnt, rows: HostArray) -> Tree:
    """Return the answer for host rows, as host arrays."""
    n = len(rows)
    missing = backend.padded_rows(n) - n
    if missing > 0:
        rows = array_namespace(rows).concat([rows, *[rows[-1:, ...]] * missing])
    given = answer(learnt, backend.asarray(rows))
    return map_arrays(lambda a: backend.to_numpy(a)[:n], given)


class Totals(NamedTuple):
    """Sums over a data set, 0-d arrays on the device; None where the network has no such thing."""

    n_correct: Any
    cost: Any
    right: Any = None  # the sum of the weights of those that are answered rightly, where they have some


def totals(net: Trained, examples: DeviceData) -> Totals:
    """Return how many answers are right, and the sum of the costs, weighted where examples have weights."""
    backend, architecture, verdicts = net.backend, net.architecture, net.ask(Verdicts)
    xp = backend.xp
    n_correct: Any = None
    cost: Any = None
    weight_right: Any = None
    seen = 0
    for x, y in batches.in_order(backend, examples, architecture.working_shape):
        targets = data.targets(xp, y, architecture.n_out, backend.dtype, backend.device)
        right, costs = verdicts(net.learnt, x, y if architecture.task == "classification" else targets, targets)
        if right is not None:
            n_correct = xp.count_nonzero(right) + (0 if n_correct is None else n_correct)
        if examples.weights is not None:
            weights = examples.weights[seen : seen + x.shape[0]]
            seen += x.shape[0]
            costs = None if costs is None else costs * weights
            if right is not None:
                part = xp.sum(xp.where(right, weights, xp.zeros_like(weights)))
                weight_right = part + (0.0 if weight_right is None else weight_right)
        if costs is not None:
            cost = xp.sum(costs) + (0.0 if cost is None else cost)
    return Totals(n_correct, cost, weight_right)


class Measured(NamedTuple):
    """How an epoch ended: numbers of Python."""

    is_finite: bool
    n_correct: int | None
    cost: float  # the mean over the last examples of training
    validation_cost: float | None  # the mean over the validation data
    besides: list[float]
    scores: Mapping[str, float] = MappingProxyType({})  # metrics on the validation data, by name
    training_cost: float | None = None  # the mean over all training data
    accuracy: float | None = None  # on validation data that have weights, weighted


def measure(
    net: Trained,
    validation: DeviceData | None,
    last: tuple[Array, Array],
    besides: Array | None = None,
    training: DeviceData | None = None,
) -> Measured:
    """Return whether parameters and costs are finite, and how the network does.

    The device is waited for once.

    Args:
        net: The network.
        validation: On which to count right answers, and to take the mean cost; None has neither.
        last: Some examples (x, y) on the device, whose mean cost is taken.
        besides: Numbers, (n,), that are to be read along.
        training: All training data, if their mean cost is to be taken as well.
    """
    backend, xp, dtype = net.backend, net.backend.xp, getattr(net.backend.xp, net.backend.dtype)
    found = {"finite": xp.astype(backend.compile(all_finite)(net.learnt), dtype), "cost": _mean_cost(net, *last)}
    if validation is not None:
        n_correct, cost, right = totals(net, validation)
        found["validation_cost"] = cost / len(validation)
        if right is not None:
            found["accuracy"] = right / len(validation)
        if n_correct is not None:  # in two parts: a float32 alone counts to 2**24
            found["high"], found["low"] = (xp.astype(part, dtype) for part in (n_correct // 2**16, n_correct % 2**16))
    if training is not None:
        found["training_cost"] = totals(net, training).cost / len(training)
    numbers_there = xp.stack(list(found.values()))
    if besides is not None:
        numbers_there = xp.concat([numbers_there, besides])
    read = backend.to_numpy(numbers_there).tolist()
    numbers = dict(zip(found, read, strict=False))
    is_finite = numbers.pop("finite") == 1.0 and all(map(math.isfinite, numbers.values()))
    n_correct = int(numbers["high"]) * 2**16 + int(numbers["low"]) if is_finite and "high" in numbers else None
    measured = Measured(is_finite, n_correct, numbers["cost"], numbers.get("validation_cost"), read[len(found) :])
    return measured._replace(training_cost=numbers.get("training_cost"), accuracy=numbers.get("accuracy"))


def _mean_cost(net: Trained, x: Array, y: Array) -> Array:
    """Return the mean cost of examples on the device, (0-d), by inference."""
    backend, architecture = net.backend, net.architecture
    targets = data.targets(backend.xp, y, architecture.n_out, backend.dtype, backend.device)
    _, costs = net.ask(Verdicts)(net.learnt, x, y if architecture.task == "classification" else targets, targets)
    return backend.xp.mean(costs)


def confusion_matrix(net: Trained, examples: DeviceData) -> HostArray:
    """Return how often each class was taken for each, NumPy integers (n_classes, n_classes)."""
    backend, architecture, outputs = net.backend, net.architecture, net.ask(Outputs)
    xp, task, threshold = backend.xp, architecture.task, architecture.threshold
    integer = xp.__array_namespace_info__().default_dtypes()["integral"]  # 64 bits, where the library has them
    total: Any = 0
    for x, y in batches.in_order(backend, examples, architecture.working_shape):
        labels = y if y.ndim == 1 else metrics.decide(xp, y, task, threshold)
        predicted = metrics.decide(xp, outputs(net.learnt, x), task, threshold)
        total += xp.astype(metrics.confusion_matrix(xp, predicted, labels, architecture.n_classes), integer)
    return backend.to_numpy(total)


class Figures(NamedTuple):
    """Metrics that are computed, but not waited for: numbers (k,) on the device, and what makes values of them."""

    numbers: Array
    read: Callable[[Sequence[float]], dict[str, float]]


def figures(net: Trained, examples: DeviceData, chosen: Sequence[Metric]) -> Figures:
    """Return metrics of the network's answers to all of the examples, to be read together with whatever else."""
    answers = _answers(net, examples)
    parts = [(metric, *_as_floats(net.backend, metric, metric.compute(net.backend.xp, answers))) for metric in chosen]

    def read(numbers: Sequence[float]) -> dict[str, float]:
        found, left = {}, list(numbers)
        for metric, _, are_counts, k in parts:
            mine, left = left[:k], left[k:]
            if are_counts:
                mine = [int(high) * 2**16 + int(low) for high, low in zip(mine[: k // 2], mine[k // 2 :], strict=True)]
            found[metric.name] = float(metric.value(mine, len(examples)) if metric.value else mine[0])
        return found

    return Figures(net.backend.xp.concat([floats for _, floats, _, _ in parts]), read)


def _as_floats(backend: Backend, metric: Metric, given: Any) -> tuple[Array, bool, int]:
    """Return what a metric has computed as (k,) floats, whether they are counts, and k; counts come in two parts."""
    xp, dtype = backend.xp, getattr(backend.xp, backend.dtype)
    if not backend.is_native(given):
        given = backend.copy_to_device(given)
    if metric.value is None and math.prod(given.shape) != 1:
        raise ValueError(
            f"metrics: expected one number from {metric.name}, got an array of the shape {tuple(given.shape)}. "
            "Take its mean, or say by value= what the numbers make."
        )
    a = xp.reshape(given, (-1,))
    if xp.isdtype(a.dtype, "real floating"):
        return xp.astype(a, dtype), False, a.shape[0]
    a = xp.astype(a, xp.int32) if xp.isdtype(a.dtype, "bool") else a  # a float32 alone counts to 2**24
    return xp.concat([xp.astype(part, dtype) for part in (a // 2**16, a % 2**16)]), True, 2 * a.shape[0]


def _answers(net: Trained, examples: DeviceData) -> metrics.Answers:
    """Return the network's answers to all of the examples, on the device."""
    backend, architecture, outputs = net.backend, net.architecture, net.ask(Outputs)
    blocks = [(outputs(net.learnt, x), y) for x, y in batches.in_order(backend, examples, architecture.working_shape)]
    made, y = (parts[0] if len(parts) == 1 else backend.xp.concat(list(parts)) for parts in zip(*blocks, strict=True))
    targets = data.targets(backend.xp, y, architecture.n_out, backend.dtype, backend.device)
    answers = metrics.Answers.of(backend.xp, made, y, targets, architecture.task, architecture.threshold)
    return answers._replace(weights=examples.weights)


def scores(net: Trained, examples: DeviceData, chosen: Sequence[Metric]) -> dict[str, float]:
    """Return metrics of the network's answers to all of the examples, by name; the device is waited for once."""
    if not chosen:
        return {}
    numbers, read = figures(net, examples, chosen)
    return read(net.backend.to_numpy(numbers).tolist())


@dataclass(frozen=True, eq=False)
class Arriving:
    """What arrives at a layer from all of the examples, in blocks, which are computed whenever they are asked for."""

    net: Trained
    examples: DeviceData
    layer: int

    def __iter__(self) -> Iterator[Array]:
        backend, architecture, learnt = self.net.backend, self.net.architecture, self.net.learnt
        for x, _ in batches.in_order(backend, self.examples, architecture.working_shape):
            a = data.inputs(backend.xp, x, backend.dtype)
            if self.layer > 0:
                _, a = backprop.output(backend.xp, architecture.stages[: self.layer], *learnt, a)
            yield a


def prepared(net: Trained, examples: DeviceData) -> list[Any]:
    """Return the state of each layer before a training on these examples, those in front of it prepared already."""
    state = list(net.state)
    for l, (layer, _) in enumerate(net.architecture.stages):
        arriving = Arriving(net._replace(state=state), examples, l)
        state[l] = layer.prepare(net.backend.xp, state[l], arriving)
    return state


def decisions(net: Trained, x: Array | Streamed) -> Array:
    """Return what the network answers to rows x, as its task says."""
    outputs = over_rows(Outputs, net, x)
    return metrics.decide(array_namespace(outputs), outputs, net.architecture.task, net.architecture.threshold)


def gradients(net: Trained, examples: DeviceData) -> tuple[float, list[Any]]:
    """Return the mean cost of all of the examples, and its gradients on the device."""
    backend = net.backend
    batches.check_sizes(net.architecture, len(examples), len(examples))
    x, y = batches.block(backend, examples, 0, len(examples))
    targets = data.targets(backend.xp, y, net.architecture.n_out, backend.dtype, backend.device)
    cost, found = net.ask(MeanGradients)(net.learnt, x, targets)
    return float(cost), found
