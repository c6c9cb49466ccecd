"""Data parted in two, to learn from and to be judged by."""

from dataclasses import replace
from typing import Any

import numpy as np

from anynet import random
from anynet.backends import library_of
from anynet.checks import as_code
from anynet.datasets.folders import PicturesOnDisk
from anynet.examples import Dataset, as_dataset, rows_at
from anynet.typing import HostArray


def split(data: Any, fraction: Any, rng: Any = None, *more: Any) -> tuple[Dataset, Dataset]:
    """Return (train, validation), chosen at random; each class is shared out in the same proportion.

    A class of two examples or more is on both sides, if the validation data have room for one
    of each, and never on that of the validation data alone.

    Args:
        data: As for `as_dataset`, in memory or on disk; x and y are copied, but for pictures that
            are on disk, which stay there.
        fraction: The share of the examples that is for validation, between 0 and 1.
        rng: Where the choice comes from: a generator of NumPy, or a seed; None is chance.
        more: `split(x, y, fraction, rng)` will do too.

    Returns:
        Two data sets that have every example once.

    Raises:
        ValueError: The fraction leaves no example on one side.

    Example:
        >>> data = Dataset(np.ones((10, 3)), np.arange(10) % 2)
        >>> [len(part) for part in split(data, 0.2, np.random.default_rng(0))]
        [8, 2]
    """
    if more or not isinstance(fraction, (int, float, np.number)):
        data, fraction, rng = (data, fraction), rng, more[0] if more else None
    data = as_dataset(data)
    n = len(data)
    is_share = isinstance(fraction, (float, np.floating)) and 0 < fraction < 1
    n_validation = round(n * float(fraction)) if is_share else 0
    if not 0 < n_validation < n:
        raise ValueError(
            f"validation fraction: expected a number between 0 and 1 that leaves examples on either side, "
            f"got {as_code(fraction)} of {n} examples. Take 0.1, say, or more data."
        )
    chance = rng if hasattr(rng, "permutation") else random.spawn(rng).split
    order = chance.permutation(n)
    is_held_out = _held_out(_classes(data.y), order, n_validation)
    validation, train = (
        replace(data, x=_taken(data.x, rows), y=rows_at(data.y, rows))
        for rows in (order[is_held_out], order[~is_held_out])
    )
    return train, validation


def _taken(x: Any, rows: HostArray) -> Any:
    return x.chosen(rows) if isinstance(x, PicturesOnDisk) else rows_at(x, rows)


def _classes(y: Any) -> HostArray:
    """Return a number for each example's class; zeros where y holds values, or hardly two of a kind."""
    rows = np.asarray(y) if library_of(y) == "numpy" else np.zeros((len(y), 2))
    if rows.ndim == 2 and rows.shape[1] > 1:  # one-hot rows
        rows = rows.argmax(axis=1)
    rows = rows.ravel()
    found, numbers, counts = np.unique(rows, return_inverse=True, return_counts=True)
    are_classes = 2 * len(found) <= len(rows) and bool((found == np.round(found)).all())
    return numbers if are_classes and counts.size > 1 else np.zeros(len(rows), int)


def _held_out(classes: HostArray, order: HostArray, n_held_out: int) -> HostArray:
    """Return which places of an order are held out, so many in all, of each class its share."""
    counts = np.bincount(classes)
    share = counts * (n_held_out / len(order))
    least, most = np.minimum(counts // 2, 1), counts - 1
    if least.sum() > n_held_out:
        least = 0 * counts
    if most.sum() < n_held_out:
        most = counts
    taken = np.clip(np.floor(share).astype(int), least, most)
    while taken.sum() != n_held_out:
        if taken.sum() < n_held_out:
            taken[np.where(taken < most, share - taken, -np.inf).argmax()] += 1
        else:
            taken[np.where(taken > least, share - taken, np.inf).argmin()] -= 1
    is_held_out, in_order = np.zeros(len(order), bool), classes[order]
    for c, n in enumerate(taken):
        is_held_out[np.flatnonzero(in_order == c)[:n]] = True
    return is_held_out
