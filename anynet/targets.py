"""Targets: one rule for what y may be, in whatever form it comes.

For several outputs y is labels, (n,) or (n, 1), or targets (n, n_out). One output tells two
classes apart, or meets a value. What the outputs cannot reach is refused, because a network
would be judged by it, and could never be right.
"""

from typing import TYPE_CHECKING

from array_api_compat import device

from anynet.typing import Array, Namespace

if TYPE_CHECKING:
    from anynet.architecture import Architecture

_VALUES = 'For values (regression) take output="identity"'


def checked(xp: Namespace, y: Array, architecture: "Architecture") -> Array:
    """Return finite numbers y as labels (n,) or as targets (n, n_out).

    Of two classes, 0 and 1, that an output tells apart whose ends are -1 and 1 (tanh), the
    targets are these ends: then what lies nearest is told from one threshold.

    Raises:
        ValueError: They are not what the network can be asked for.
    """
    n_out = architecture.n_out
    if xp.isdtype(y.dtype, "bool"):
        y = xp.astype(y, xp.int32)
    is_column = y.ndim == 2 and y.shape[1] == 1
    if y.ndim == 2 and y.shape[1] != n_out and not (is_column and architecture.task != "regression"):
        raise ValueError(f"y: expected targets of the shape (n, {n_out}), got {tuple(y.shape)}.")
    if n_out > 1 and (y.ndim == 1 or is_column):
        y = labels(xp, xp.reshape(y, (-1,)), n_out)
        if not (architecture.task == "multilabel" and architecture.threshold == 0.0):
            return y
        y = xp.astype(y[:, None] == xp.arange(n_out, dtype=y.dtype, device=device(y)), y.dtype)
    elif y.ndim == 1:
        y = y[:, None]
    return _reached(xp, y, architecture)


def _reached(xp: Namespace, y: Array, architecture: "Architecture") -> Array:
    """Return targets (n, n_out), found to be within the reach of the outputs."""
    low, high = float(xp.min(y)), float(xp.max(y))
    lowest, highest = architecture.reach
    tells_two = architecture.task == "multilabel" or (architecture.task == "classification" and architecture.n_out == 1)
    if tells_two and (low < 0.0 or high > 1.0 or lowest < 0.0) and _are_whole(xp, y):
        y = _ends(xp, y, low, high, architecture)
    if architecture.cost is not None:
        architecture.cost.check_targets(y)
    slack = 1e-6 * max(1.0, highest - lowest) if lowest < highest < float("inf") else 0.0  # of rounding, in float32
    if low < lowest - slack or high > highest + slack:
        raise ValueError(
            f"y: expected targets from {lowest:g} to {highest:g}, which {architecture.output_name} outputs reach, "
            f"got numbers from {low:g} to {high:g}. {_VALUES}, or scale y."
        )
    return y


def _ends(xp: Namespace, y: Array, low: float, high: float, architecture: "Architecture") -> Array:
    """Return whole numbers that tell two classes apart as the ends of what an output reaches."""
    are_ends_of_tanh = architecture.threshold == 0.0
    may_be_negative = are_ends_of_tanh or not architecture.has_known_cost
    are_three = low < 0 and bool(xp.any(y == 0))
    if low < (-1.0 if may_be_negative else 0.0) or high > 1.0 or are_three:
        raise ValueError(
            f"y: expected 0 and 1{', or -1 and 1' * may_be_negative}, for one output tells two classes apart, "
            f"got numbers from {low:g} to {high:g}. {_cure(low, high)}, or take an output for each. {_VALUES}."
        )
    if low < 0 or not are_ends_of_tanh:
        return y
    return 2 * (xp.astype(y, xp.int32) if xp.isdtype(y.dtype, "integral") else y) - 1


def _cure(low: float, high: float) -> str:
    if (low, high) == (-1.0, 1.0):
        return "Take (y + 1) / 2"
    return "Number the classes from 0, y - 1" if (low, high) == (1.0, 2.0) else "Number the classes from 0"


def labels(xp: Namespace, y: Array, n: int) -> Array:
    """Return labels (n,) of n classes as int32; ValueError if they are not whole or out of range."""
    low, high = float(xp.min(y)), float(xp.max(y))
    if low < 0 or high >= n or not _are_whole(xp, y):
        cure = (
            f"Number the classes from 0: {'y - 1' if low == 1 and high == n else 'np.unique(y, return_inverse=True)'}"
        )
        raise ValueError(
            f"y: expected whole labels from 0 to {n - 1}, as many as there are outputs, "
            f"got numbers from {low:g} to {high:g} of dtype {y.dtype}. "
            f"{cure if _are_whole(xp, y) else _VALUES}."
        )
    return xp.astype(y, xp.int32)


def _are_whole(xp: Namespace, y: Array) -> bool:
    return xp.isdtype(y.dtype, "integral") or not bool(xp.any(xp.round(y) != y))


def renumbered(
    xp: Namespace, y: Array, given: tuple[str, ...], names: tuple[str, ...], architecture: "Architecture"
) -> Array:
    """Return y, numbered by the names `given`, numbered by `names`, which has all of them.

    Args:
        xp: The array namespace.
        y: Labels or targets.
        given: What they are numbered by.
        names: What they are to be numbered by.
        architecture: Of the network that they are for.
    """
    if y.ndim == 2 and y.shape[1] > 1:  # an output for each
        place = {name: i for i, name in enumerate(given)}
        order = xp.asarray([place[name] for name in names], dtype=xp.int32, device=device(y))
        return xp.take(y, order, axis=1)
    if architecture.n_out == 1 and len(given) == 2:  # the two change places
        y = y if xp.isdtype(y.dtype, "real floating") else xp.astype(y, xp.int32)
        return -y if float(xp.min(y)) < 0 else 1 - y
    place = {name: i for i, name in enumerate(names)}
    table = xp.asarray([place[name] for name in given], dtype=xp.int32, device=device(y))
    return xp.take(table, labels(xp, xp.reshape(y, (-1,)), len(given)), axis=0)
