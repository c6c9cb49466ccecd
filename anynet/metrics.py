"""Metrics: what outputs say, and how often they are right.

Outputs are (n, n_out). Everything stays on the device as arrays; nothing here waits for
it. Targets y are labels (n,) or have the shape of the outputs.
"""

from array_api_compat import device

from anynet.typing import Array, Namespace

__all__ = ["TASKS", "confusion_matrix", "decide", "is_right"]

TASKS = {
    "classification": "the strongest output, or for one output whether it exceeds 1/2",
    "multilabel": "for each output, whether it exceeds 1/2",
    "regression": "the outputs themselves",
}
FORMER_NAMES = {"multi_label": "multilabel"}


def decide(xp: Namespace, outputs: Array, task: str) -> Array:
    """Return what outputs say for a task.

    Args:
        xp: The array namespace.
        outputs: Of a network, (n, n_out).
        task: A name of `TASKS`.

    Returns:
        Labels (n,) for classification, zeros and ones (n, n_out) for multilabel, the outputs
        for regression.

    Example:
        >>> import array_api_compat.numpy as xp
        >>> decide(xp, xp.asarray([[0.1, 0.9], [0.8, 0.3]]), "classification")
        array([1, 0])
    """
    if task == "regression":
        return outputs
    if task == "classification" and outputs.shape[1] > 1:
        return xp.argmax(outputs, axis=1)
    half = 0.5 if xp.isdtype(outputs.dtype, "real floating") else 0  # of whole targets, 0 and 1, as the standard asks
    fires = xp.astype(outputs > half, xp.int32)
    return fires if task == "multilabel" else fires[:, 0]


def is_right(xp: Namespace, outputs: Array, y: Array, task: str) -> Array:
    """Return for each example whether the outputs answer it rightly.

    Args:
        xp: The array namespace.
        outputs: Of a network, (n, n_out).
        y: Labels (n,) or targets (n, n_out).
        task: "classification", or "multilabel", where all labels of an example must be right.

    Returns:
        Booleans (n,).

    Example:
        >>> import array_api_compat.numpy as xp
        >>> is_right(xp, xp.asarray([[0.1, 0.9], [0.8, 0.3]]), xp.asarray([1, 1]), "classification")
        array([ True, False])
    """
    given = decide(xp, outputs, task)
    if y.ndim == 1:
        return given == xp.astype(y, given.dtype)
    expected = decide(xp, y, task)
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
        predicted to be of class j; the diagonal is what is right. Exact up to 2**24 in an entry.

    Example:
        >>> import array_api_compat.numpy as xp
        >>> confusion_matrix(xp, xp.asarray([0, 1, 1]), xp.asarray([0, 0, 1]), 2).tolist()
        [[1, 1], [0, 1]]
    """
    classes = xp.arange(n_classes, dtype=xp.int32, device=device(y))
    # One-hot rows as floats, and their product: not every library multiplies integer matrices on a GPU.
    true, taken = (xp.astype(xp.astype(a, xp.int32)[:, None] == classes, xp.float32) for a in (y, predicted))
    return xp.astype(true.T @ taken, xp.int32)
