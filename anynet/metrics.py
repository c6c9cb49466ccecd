"""Metrics: what outputs say, how often they are right, and how good they are in other respects.

Outputs are (n, n_out). Everything stays on the device as arrays; nothing here waits for
it. Targets y are labels (n,) or have the shape of the outputs. A metric is a line of a table:
sums, counted in whole numbers where they are counts, which the device computes; what they make,
which Python does, exactly; and whether more of it is better.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from array_api_compat import device

from anynet.checks import NAMES, as_code, check_own, is_name, value_of
from anynet.typing import Array, Namespace

__all__ = ["METRICS", "TASKS", "Answers", "Metric", "chosen", "confusion_matrix", "decide", "get", "is_right"]

TASKS = {
    "classification": "the strongest output, or for one output whether it exceeds the middle of its range",
    "multilabel": "for each output, whether it exceeds the middle of its range",
    "regression": "the outputs themselves; of one output (n,)",
}
REACH = {  # between which numbers outputs lie, by the name of the output activation; any other may be anything
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "step": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, math.inf),
    "softplus": (0.0, math.inf),
    "elu": (-1.0, math.inf),
}
FORMER_NAMES = {"multi_label": "multilabel"}


def reach(output: str) -> tuple[float, float]:
    """Return between which numbers an output activation's values lie, by its name."""
    return REACH.get(output, (-math.inf, math.inf))


def threshold(output: str) -> float:
    """Return from where on an output says yes: the middle of its range, so that what lies nearest is told; else 1/2."""
    middle = sum(reach(output)) / 2
    return middle if math.isfinite(middle) else 0.5


def decide(xp: Namespace, outputs: Array, task: str, threshold: float = 0.5) -> Array:
    """Return what outputs say for a task.

    Args:
        xp: The array namespace.
        outputs: Of a network, (n, n_out).
        task: A name of `TASKS`.
        threshold: What an output exceeds that says yes: 1/2 between 0 and 1, 0 between -1 and 1.

    Returns:
        Labels (n,) for classification, zeros and ones (n, n_out) for multilabel, the outputs
        for regression, (n,) if there is one.

    Example:
        >>> import array_api_compat.numpy as xp
        >>> decide(xp, xp.asarray([[0.1, 0.9], [0.8, 0.3]]), "classification")
        array([1, 0])
    """
    if task == "regression":
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs
    if task == "classification" and outputs.shape[1] > 1:
        return xp.argmax(outputs, axis=1)
    is_whole = not xp.isdtype(outputs.dtype, "real floating")  # targets: the standard compares them with whole numbers
    fires = xp.astype(outputs > (math.floor(threshold) if is_whole else threshold), xp.int32)
    return fires if task == "multilabel" else fires[:, 0]


def is_right(xp: Namespace, outputs: Array, y: Array, task: str, threshold: float = 0.5) -> Array:
    """Return for each example whether the outputs answer it rightly.

    Args:
        xp: The array namespace.
        outputs: Of a network, (n, n_out).
        y: Labels (n,) or targets (n, n_out).
        task: "classification", or "multilabel", where all labels of an example must be right.
        threshold: As in `decide`.

    Returns:
        Booleans (n,).

    Example:
        >>> import array_api_compat.numpy as xp
        >>> is_right(xp, xp.asarray([[0.1, 0.9], [0.8, 0.3]]), xp.asarray([1, 1]), "classification")
        array([ True, False])
    """
    given = decide(xp, outputs, task, threshold)
    if y.ndim == 1:
        return given == xp.astype(y, given.dtype)
    expected = decide(xp, y, task, threshold)
    return xp.all(given == expected, axis=1) if task == "multilabel" else given == expected


def confusion_matrix(xp: Namespace, predicted: Array, y: Array, n_classes: int) -> Array:
    """Return how often each class was taken for each.

    Args:
        xp: The array namespace.
        predicted: The labels that were given, (n,).
        y: The labels that are right, (n,).
        n_classes: How many classes there are; labels from it on, or below 0, are not counted.

    Returns:
        int32 (n_classes, n_classes): entry (i, j) counts the examples of class i that are
        predicted to be of class j; the diagonal is what is right.

    Example:
        >>> import array_api_compat.numpy as xp
        >>> confusion_matrix(xp, xp.asarray([0, 1, 1]), xp.asarray([0, 0, 1]), 2).tolist()
        [[1, 1], [0, 1]]
    """
    classes = xp.arange(n_classes, dtype=xp.int32, device=device(y))
    total = xp.zeros((n_classes, n_classes), dtype=xp.int32, device=device(y))
    # One-hot rows as floats, and their product: not every library multiplies integer matrices on a GPU. A float32
    # counts to 2**24, so that more rows are taken in parts.
    for start in range(0, y.shape[0], 2**22):
        rows = slice(start, min(start + 2**22, y.shape[0]))
        true, taken = (xp.astype(xp.astype(a[rows], xp.int32)[:, None] == classes, xp.float32) for a in (y, predicted))
        total = total + xp.astype(true.T @ taken, xp.int32)
    return total


# Metrics: numbers of a whole data set.


class Answers(NamedTuple):
    """What a network answers to the examples of a data set, and what is right: what metrics are computed from.

    Args:
        outputs: Of the network, (n, n_out).
        targets: Of the same shape and dtype; of labels one-hot rows.
        decided: What the outputs say: labels (n,), or zeros and ones (n, n_out) of a multi-label task, int32.
            Of a regression, the outputs.
        expected: What they should say, likewise.
        n_classes: How many classes, or labels, are told apart.
        weights: How much each example counts, (n,) of mean 1; None where all count alike.

    Example:
        >>> import array_api_compat.numpy as xp
        >>> outputs, targets = xp.asarray([[0.1, 0.9]]), xp.asarray([[1.0, 0.0]])
        >>> Answers.of(xp, outputs, targets, targets, "classification").decided
        array([1], dtype=int32)
    """

    outputs: Array
    targets: Array
    decided: Array
    expected: Array
    n_classes: int
    weights: Array | None = None

    def per_row(self, xp: Namespace, a: Array) -> Array:
        """Return numbers, or whether something holds, (n, ...), times the weights of examples, where there are some."""
        if self.weights is None:
            return a
        weights = xp.reshape(self.weights, (-1, *(1,) * (a.ndim - 1)))
        return xp.astype(a, weights.dtype) * weights

    @classmethod
    def of(
        cls, xp: Namespace, outputs: Array, y: Array, targets: Array, task: str, threshold: float = 0.5
    ) -> "Answers":
        """Return the answers that outputs are; y are labels (n,) or targets, the other arguments those of `decide`."""
        is_labels = task == "classification" and y.ndim == 1
        decided, expected = (decide(xp, a, task, threshold) for a in (outputs, targets))
        if task != "regression":
            decided, expected = (xp.astype(a, xp.int32) for a in (decided, y if is_labels else expected))
        n_out = outputs.shape[1]
        return cls(outputs, targets, decided, expected, n_out if task == "multilabel" else max(n_out, 2))


@dataclass(frozen=True)
class Metric:
    """How good a network's answers are, as one number.

    Args:
        name: What it is called, in tables, reports and errors.
        compute: `compute(xp, answers)` of the `Answers` to a whole data set: the number, an array of
            no dimensions, which stays on the device. With `value`, several, (k,).
        more_is_better: Whether more of it is better, as of accuracy, or less, as of an error.
        value: `value(numbers, n)`, of what compute returned as Python's numbers, whole ones exact, and
            how many examples there are: the metric. None takes the number itself.
        lacks: `lacks(task, n_out)` returns what the metric expects of a network and one of this task and
            so many outputs has not, as text; None where it suits.
        weighs: Whether compute lets each example count as its weight says, where `answers.weights` are
            given, as validation data may have them.

    Example:
        >>> furthest = Metric(
        ...     "furthest", lambda xp, given: xp.max(xp.abs(given.outputs - given.targets)), more_is_better=False
        ... )
        >>> from anynet import Network
        >>> sorted(Network([2, 1], output="identity").score([[0.0, 1.0]], [3.0], ["r2", furthest]))
        ['furthest', 'r2']
    """

    name: str
    compute: Callable[[Namespace, Answers], Array]
    more_is_better: bool
    value: Callable[[Sequence[float], int], float] | None = None
    lacks: Callable[[str, int], str | None] | None = None
    weighs: bool = False

    def __post_init__(self) -> None:
        if not is_name(self.name):  # a history that bears it could not be read again
            raise ValueError(f"name: expected one of {NAMES}, got {as_code(self.name)}. Rename the metric.")
        check_own(self, ("compute",), ("value", "lacks"))


def _no_right_answers(task: str, n_out: int) -> str | None:
    return "a network whose answers are right or wrong" if task == "regression" else None


def _no_classes(task: str, n_out: int) -> str | None:
    return "a network that classifies" if task != "classification" else None


def _not_one_output(task: str, n_out: int) -> str | None:
    return "a network of one output that tells two classes apart" if task != "classification" or n_out > 1 else None


def _n_right(xp: Namespace, given: Answers) -> Array:
    right = given.decided == given.expected
    return _count(xp, given, xp.all(right, axis=1) if right.ndim == 2 else right)


def _count(xp: Namespace, given: Answers, holds: Array) -> Array:
    """Return of how many examples something holds, or the sum of their weights."""
    return xp.count_nonzero(holds) if given.weights is None else xp.sum(given.per_row(xp, holds))


def _share(numbers: Sequence[float], n: int) -> float:
    return numbers[0] / n


def _n_among_first(xp: Namespace, given: Answers, k: int) -> Array:
    """Return for how many the right output is among the k strongest; of equal ones the first is the stronger."""
    classes = xp.arange(given.n_classes, dtype=xp.int32, device=device(given.outputs))
    is_own, is_before = given.expected[:, None] == classes, classes < given.expected[:, None]
    own = xp.sum(xp.where(is_own, given.outputs, xp.zeros_like(given.outputs)), axis=1, keepdims=True)
    stronger = (given.outputs > own) | ((given.outputs == own) & is_before)
    return _count(xp, given, xp.sum(xp.astype(stronger, xp.int32), axis=1) < k)


def _top(k: int) -> Metric:
    def lacks(task: str, n_out: int) -> str | None:
        return None if task == "classification" and n_out >= k > 0 else f"a network that has an output for {k} classes"

    return Metric(f"top_{k}", lambda xp, given: _n_among_first(xp, given, k), True, _share, lacks, weighs=True)


def _per_class(xp: Namespace, given: Answers) -> Array:
    """Return, for each class, how often it is decided for rightly, decided for, and expected: whole numbers (3 k,)."""
    decided, expected, k = given.decided, given.expected, given.n_classes
    if decided.ndim == 2:
        return xp.concat([xp.sum(given.per_row(xp, a), axis=0) for a in (decided * expected, decided, expected)])
    if given.weights is not None:
        classes = xp.arange(k, dtype=xp.int32, device=device(decided))
        is_decided, is_expected = decided[:, None] == classes, expected[:, None] == classes
        each = (is_decided & is_expected, is_decided, is_expected)
        return xp.concat([xp.sum(given.per_row(xp, a), axis=0) for a in each])
    edges = xp.arange(k + 1, dtype=xp.int32, device=device(decided))
    wrong = xp.astype(decided != expected, xp.int32)
    places = [xp.searchsorted(xp.sort(a), edges) for a in (expected + k * wrong, decided, expected)]
    return xp.concat([p[1:] - p[:-1] for p in places])


def _precision(right: float, decided: float, expected: float) -> float:
    return right / decided if decided else 0.0


def _recall(right: float, decided: float, expected: float) -> float:
    return right / expected if expected else 0.0


def _f1(right: float, decided: float, expected: float) -> float:
    return 2 * right / (decided + expected) if decided + expected else 0.0


def _classes(numbers: Sequence[float]) -> list[tuple[float, float, float]]:
    k = len(numbers) // 3
    return list(zip(numbers[:k], numbers[k : 2 * k], numbers[2 * k :], strict=True))


def _mean(values: Iterable[float]) -> float:
    each = list(values)
    return math.fsum(each) / len(each)


def _macro(of_class: Callable[..., float]) -> Callable[[Sequence[float], int], float]:
    """Return the mean over the classes that are decided for or expected at all."""
    return lambda numbers, n: _mean(of_class(*each) for each in _classes(numbers) if any(each))


def _of_class(name: str, of_class: Callable[..., float]) -> Callable[[int], Metric]:
    def make(c: int) -> Metric:
        def lacks(task: str, n_out: int) -> str | None:
            n = n_out if task == "multilabel" else max(n_out, 2)
            return f"a network that has a class {c}, counted from 0" if task == "regression" or c >= n else None

        return Metric(f"{name}_{c}", _per_class, True, lambda numbers, n: of_class(*_classes(numbers)[c]), lacks, True)

    return make


def _balanced(numbers: Sequence[float], n: int) -> float:
    return _mean(_recall(*each) for each in _classes(numbers) if each[2])


def _mean_squared_error(xp: Namespace, given: Answers) -> Array:
    return xp.mean(given.per_row(xp, (given.outputs - given.targets) ** 2))


def _mean_absolute_error(xp: Namespace, given: Answers) -> Array:
    return xp.mean(given.per_row(xp, xp.abs(given.outputs - given.targets)))


def _squares(xp: Namespace, given: Answers) -> Array:
    """Return for each output the sum of squared errors, then that of squared distances from the mean: (2 n_out,)."""
    errors, distances = given.outputs - given.targets, given.targets - given.targets[:1, ...]
    distances = distances - xp.mean(given.per_row(xp, distances), axis=0)  # a constant's are exactly 0
    return xp.concat([xp.sum(given.per_row(xp, a * a), axis=0) for a in (errors, distances)])


def _r2(numbers: Sequence[float], n: int) -> float:
    k = len(numbers) // 2
    pairs = zip(numbers[:k], numbers[k:], strict=True)
    return _mean(1.0 - error / total if total else float(error == 0) for error, total in pairs)


def _twice_the_ranks(xp: Namespace, given: Answers) -> Array:
    """Return of the examples of class 1 the sum of twice their ranks, less 1, in digits to 256, and their number: (4,).

    The rank of equals is the mean of theirs. In digits, because no sum then exceeds 32 bits.
    """
    scores, is_one = given.outputs[:, 0], given.expected
    in_order = xp.sort(scores)
    ranks = xp.searchsorted(in_order, scores) + xp.searchsorted(in_order, scores, side="right")
    ranks = ranks * xp.astype(is_one, ranks.dtype)
    return xp.stack(
        [xp.sum(a) for a in (ranks // 65536, ranks // 256 % 256, ranks % 256, xp.astype(is_one, ranks.dtype))]
    )


def _roc_auc(numbers: Sequence[float], n: int) -> float:
    high, middle, low, n_ones = numbers
    if n_ones in (0, n):
        raise ValueError(
            "roc_auc: expected examples of both classes, got those of one. Leave the metric out, or add some."
        )
    twice = high * 65536 + middle * 256 + low + n_ones
    return (twice - n_ones * (n_ones + 1)) / (2 * n_ones * (n - n_ones))


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", _n_right, True, _share, _no_right_answers, weighs=True),
        Metric("balanced_accuracy", _per_class, True, _balanced, _no_classes, weighs=True),
        Metric("precision", _per_class, True, _macro(_precision), _no_right_answers, weighs=True),
        Metric("recall", _per_class, True, _macro(_recall), _no_right_answers, weighs=True),
        Metric("f1", _per_class, True, _macro(_f1), _no_right_answers, weighs=True),
        Metric("roc_auc", _twice_the_ranks, True, _roc_auc, _not_one_output),
        Metric("mean_squared_error", _mean_squared_error, False, weighs=True),
        Metric("mean_absolute_error", _mean_absolute_error, False, weighs=True),
        Metric("r2", _squares, True, _r2, weighs=True),
    )
}
NUMBERED: dict[str, Callable[[int], Metric]] = {  # "top_3": of that name, and a number
    "top": _top,
    "precision": _of_class("precision", _precision),
    "recall": _of_class("recall", _recall),
    "f1": _of_class("f1", _f1),
}
USUAL = {  # of a task, where none are named
    "classification": ("accuracy",),
    "multilabel": ("accuracy", "f1"),
    "regression": ("mean_squared_error", "r2"),
}


def get(metric: str | Metric) -> Metric:
    """Return a metric by its name, or the value itself.

    Args:
        metric: A name of `METRICS`; "top_3", the share for which the right class is among the three
            strongest outputs; "precision_0", "recall_0" or "f1_0", those of class 0 alone, where
            "precision", "recall" and "f1" are means over all classes that occur; or a `Metric` of
            your own.

    Returns:
        The metric.

    Raises:
        ValueError: There is none of that name; the error lists those that exist.
        TypeError: It is neither a name nor a value.

    Example:
        >>> get("top_3").more_is_better
        True
    """
    numbered = re.fullmatch(r"([a-z0-9]+)_(0|[1-9]\d{0,8})", metric) if isinstance(metric, str) else None
    if numbered and numbered[1] in NUMBERED:
        return NUMBERED[numbered[1]](int(numbered[2]))
    return value_of(METRICS | {f"{name}_1": make(1) for name, make in NUMBERED.items()}, metric, Metric, "metrics")


def chosen(metrics: Any, task: str, n_out: int) -> tuple[Metric, ...]:
    """Return the metrics that a user asks for, found to suit a network.

    Args:
        metrics: One as for `get`, or several in a list; None for those that are usual.
        task: Of the network.
        n_out: How many outputs it has.

    Returns:
        The metrics.

    Raises:
        ValueError: One does not exist, does not suit, or bears the name of another.
        TypeError: One is neither a name nor a value.

    Example:
        >>> [metric.name for metric in chosen(["top_2", "f1"], "classification", 10)]
        ['top_2', 'f1']
    """
    metrics = USUAL[task] if metrics is None else metrics
    given = metrics if isinstance(metrics, Iterable) and not isinstance(metrics, str) else [metrics]
    found = tuple(map(get, given))
    for metric in found:
        lacks = metric.lacks and metric.lacks(task, n_out)
        if lacks:
            outputs = f"{n_out} output{'s' * (n_out != 1)}"
            raise ValueError(f"metrics: {metric.name} expected {lacks}, got one of {outputs} whose task is {task}.")
    names = [metric.name for metric in found]
    if len(set(names)) < len(names):
        raise ValueError(f"metrics: expected different names, got {', '.join(names)}. Rename one, or ask once.")
    return found
