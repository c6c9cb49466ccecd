"""Metrics: what outputs say, and how often they are right.

Outputs are (n, n_out). Everything stays on the device as arrays; nothing here waits for
it. Targets y are labels (n,) or have the shape of the outputs.
"""

import math

from array_api_compat import device

from anynet.typing import Array, Namespace

__all__ = ["TASKS", "confusion_matrix", "decide", "is_right"]

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
