"""Metrics: what outputs say, and how often they are right.

Outputs are (n, n_out). Everything stays on the device as arrays; nothing here waits for
it. Targets y are labels (n,) or have the shape of the outputs.
"""

from array_api_compat import device

from anynet.backends import Array, Namespace

TASKS = {
    "classification": "the strongest output, or for one output whether it exceeds 1/2",
    "multi_label": "for each output, whether it exceeds 1/2",
    "regression": "the outputs themselves",
}


def answers(xp: Namespace, outputs: Array, task: str) -> Array:
    """Return what the outputs say for a task of `TASKS`.

    Labels (n,), or for "multi_label" zeros and ones (n, n_out), or for "regression" the
    outputs.
    """
    if task == "regression":
        return outputs
    if task == "classification" and outputs.shape[1] > 1:
        return xp.argmax(outputs, axis=1)
    half = 0.5 if xp.isdtype(outputs.dtype, "real floating") else 0  # of whole targets, 0 and 1, as the standard asks
    fires = xp.astype(outputs > half, xp.int32)
    return fires if task == "multi_label" else fires[:, 0]


def count_correct(xp: Namespace, outputs: Array, y: Array, task: str) -> Array:
    """Return how many examples are answered rightly, as a 0-d integer array.

    A "multi_label" answer is right if all of its labels are.
    """
    given = answers(xp, outputs, task)
    if y.ndim == 1:
        return xp.count_nonzero(given == xp.astype(y, given.dtype))
    expected = answers(xp, y, task)
    if task == "multi_label":
        return xp.count_nonzero(xp.all(given == expected, axis=1))
    return xp.count_nonzero(given == expected)


def confusion_matrix(xp: Namespace, predicted: Array, y: Array, n_classes: int) -> Array:
    """Return how often each class was taken for each: int32 (n_classes, n_classes).

    Entry (i, j) counts the examples of class i, by their labels y (n,), that are predicted
    (n,) to be of class j; the diagonal is what is right. Labels that are not from 0 to
    n_classes - 1 are not counted. Exact up to 2**24 in an entry.
    """
    classes = xp.arange(n_classes, dtype=xp.int32, device=device(y))
    # One-hot rows as floats, and their product: not every library multiplies integer matrices on a GPU.
    true, taken = (xp.astype(xp.astype(a, xp.int32)[:, None] == classes, xp.float32) for a in (y, predicted))
    return xp.astype(true.T @ taken, xp.int32)
