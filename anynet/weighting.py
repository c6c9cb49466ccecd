"""Weights of examples: how much each counts in training.

They are divided once by their mean over the training data, and a batch's cost is its weighted sum
divided by its number of examples: so weights mean the same at every size of batch, and a batch
of zeros moves nothing.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from anynet.typing import ArrayLike, HostArray


def weights_of(
    sample_weight: ArrayLike | None,
    class_weight: str | Mapping[Any, float] | None,
    n: int,
    labels: HostArray | None,
    n_classes: int,
    class_names: tuple[str, ...] | None = None,
) -> HostArray | None:
    """Return how much each example counts, (n,) of mean 1; None where all count alike.

    Args:
        sample_weight: A number from 0 per example, (n,).
        class_weight: A number from 0 for each class, by its number or its name; or "balanced":
            n / (classes * examples of the class), so that all classes count alike.
        n: How many examples there are.
        labels: Their classes (n,); None where the targets tell no class.
        n_classes: How many classes there are.
        class_names: Their names.

    Raises:
        ValueError: Weights are not as many as asked for, not finite, below 0 or all 0; or a class
            has none.
        TypeError: They are of another kind.

    Example:
        >>> weights_of(None, "balanced", 4, np.asarray([0, 0, 0, 1]), 2).tolist()
        [0.6666666666666666, 0.6666666666666666, 0.6666666666666666, 2.0]
    """
    if sample_weight is None and class_weight is None:
        return None
    weights = np.ones(n) if sample_weight is None else _checked(sample_weight, n)
    if class_weight is not None:
        if labels is None:
            raise ValueError(
                "class_weight: expected labels as y, one class per example, got targets. Give sample_weight."
            )
        weights = weights * _by_class(class_weight, labels, n_classes, class_names)[labels]
    mean = weights.mean()
    if mean == 0:
        raise ValueError("sample_weight: expected some above 0, got 0 for all examples.")
    return np.asarray(weights / mean)


def _checked(sample_weight: ArrayLike, n: int) -> HostArray:
    try:
        weights = np.asarray(sample_weight, dtype="float64")
    except (TypeError, ValueError):
        raise TypeError(f"sample_weight: expected {n} numbers, got {type(sample_weight).__name__}.") from None
    if weights.shape != (n,):
        raise ValueError(f"sample_weight: expected the shape ({n},), one per example, got {weights.shape}.")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError("sample_weight: expected finite numbers from 0, got others.")
    return weights


def _by_class(
    class_weight: str | Mapping[Any, float], labels: HostArray, n_classes: int, names: tuple[str, ...] | None
) -> HostArray:
    """Return a weight per class."""
    counts = np.bincount(labels, minlength=n_classes)
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(f'class_weight: expected "balanced" or a number per class, got {class_weight!r}.')
        present = np.count_nonzero(counts)
        return np.asarray(len(labels) / (present * np.maximum(counts, 1)))
    if not isinstance(class_weight, Mapping):
        raise TypeError(f'class_weight: expected "balanced" or a dict, got {type(class_weight).__name__}.')
    numbers = dict(zip(names or (), range(n_classes), strict=False)) | {k: k for k in range(n_classes)}
    unknown = [k for k in class_weight if k not in numbers]
    if unknown:
        raise ValueError(f"class_weight: expected classes of the network, got {', '.join(map(repr, unknown[:10]))}.")
    given = {numbers[k]: weight for k, weight in class_weight.items()}
    missing = [k for k in range(n_classes) if k not in given and counts[k]]
    if missing:
        told = ", ".join(names[k] if names else str(k) for k in missing[:10])
        raise ValueError(f"class_weight: expected a number for each class, got none for {told}.")
    return _checked([given.get(k, 0.0) for k in range(n_classes)], n_classes)
