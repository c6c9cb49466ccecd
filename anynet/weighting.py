"""Weights of examples and of labels: how much each counts in training.

They are divided once by their mean over the training data, and a batch's cost is its weighted sum
divided by its number of examples: so weights mean the same at every size of batch, and a batch
of zeros moves nothing. Of a multi-label task class_weight is that of each label's positive term, as it stands.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from anynet.checks import as_code
from anynet.costs import has_positive_terms
from anynet.examples import Dataset, as_dataset
from anynet.typing import ArrayLike, HostArray

if TYPE_CHECKING:
    from anynet.architecture import Architecture


class Weights(NamedTuple):
    """How much what counts in training; None where all count alike."""

    examples: HostArray | None = None  # (n,) of mean 1
    labels: HostArray | None = None  # (n_out,) of what says yes to each label
    validation: HostArray | None = None  # (n,) of mean 1, of the validation data

    @property
    def are_given(self) -> tuple[bool, bool]:
        """Which of them there are."""
        return self.examples is not None, self.labels is not None

    def of(self, rows: Any) -> list[HostArray]:
        """Return those that there are, a row for each of some examples (n,)."""
        of_labels = [] if self.labels is None else [np.tile(self.labels, (len(rows), 1))]
        return of_labels if self.examples is None else [self.examples[rows], *of_labels]


ALIKE = Weights()


def weights_for(
    architecture: "Architecture",
    n: int,
    read_y: Callable[[], HostArray],
    sample_weight: ArrayLike | None,
    class_weight: str | Mapping[Any, float] | None,
    class_names: tuple[str, ...] | None,
) -> Weights:
    """Return how much what counts in the training of a network.

    Args:
        architecture: Of the network.
        n: How many examples there are.
        read_y: Returns their labels (n,) or targets (n, n_out), if they are asked for.
        sample_weight: As in `fit`.
        class_weight: Likewise.
        class_names: Of the classes, or labels.

    Raises:
        ValueError: As by `weights_of`; or the cost has no positive terms to weigh.
        TypeError: As by `weights_of`.
    """
    n_classes, y = architecture.n_classes, None if class_weight is None else read_y()
    if class_weight is not None and y is not None and architecture.task == "multilabel":
        if not has_positive_terms(architecture.cost):
            raise ValueError(
                "class_weight: expected, of a multi-label task, a cost whose positive terms it weighs, cross_entropy "
                f"of sigmoid outputs, got {architecture.cost_name} of {architecture.output_name}. Give the network "
                'cost="cross_entropy", or give sample_weight.'
            )
        positives = (np.bincount(y, minlength=n_classes) if y.ndim == 1 else (y > 0.5).sum(axis=0)).astype("float64")
        balanced = np.where((positives == 0) | (positives == n), 1.0, (n - positives) / np.maximum(positives, 1))
        labels = _by_class(class_weight, positives, balanced, class_names)
        return Weights(weights_of(sample_weight, None, n, None, n_classes), labels)
    if y is not None and y.ndim == 2:
        y = y[:, 0].astype("int64") if y.shape[1] == 1 and architecture.task == "classification" else None
    return Weights(weights_of(sample_weight, class_weight, n, y, n_classes, class_names))


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
        counts = np.bincount(labels, minlength=n_classes)
        balanced = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
        weights = weights * _by_class(class_weight, counts, balanced, class_names)[labels]
    return _of_mean_1(weights, "sample_weight")


def with_weights(validation: Any) -> tuple[Dataset, HostArray | None]:
    """Return data to be judged by, and what their examples count, (n,) of mean 1; None where all count alike.

    Args:
        validation: As for `as_dataset`; or (x, y, weights).

    Raises:
        ValueError: Weights are not one per example, not finite, below 0 or all 0.
        TypeError: They are no numbers, or the data no data.

    Example:
        >>> data, weights = with_weights(([[0.0], [1.0]], [0, 1], [1, 3]))
        >>> len(data), weights.tolist()
        (2, [0.5, 1.5])
    """
    are_pairs = isinstance(validation, tuple) and all(isinstance(each, tuple) and len(each) == 2 for each in validation)
    if not isinstance(validation, tuple) or len(validation) != 3 or are_pairs:
        return as_dataset(validation), None
    data = as_dataset(*validation[:2])
    return data, _of_mean_1(_checked(validation[2], len(data), "validation weights"), "validation weights")


def _of_mean_1(weights: HostArray, argument: str) -> HostArray:
    mean = weights.mean()
    if mean == 0:
        raise ValueError(f"{argument}: expected some above 0, got 0 for all examples.")
    return np.asarray(weights / mean)


def _checked(given: ArrayLike, n: int, argument: str = "sample_weight") -> HostArray:
    try:
        weights = np.asarray(given, dtype="float64")
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{argument}: expected {n} numbers, got {type(given).__name__}.") from None
    if weights.shape != (n,):
        raise ValueError(f"{argument}: expected the shape ({n},), one per example, got {weights.shape}.")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError(f"{argument}: expected finite numbers from 0, got others.")
    return weights


def _by_class(
    class_weight: str | Mapping[Any, float], counts: HostArray, balanced: HostArray, names: tuple[str, ...] | None
) -> HostArray:
    """Return a weight per class, of which there are so many examples; "balanced" are those that are known."""
    n_classes = len(counts)
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(f'class_weight: expected "balanced" or a number per class, got {as_code(class_weight)}.')
        return balanced
    if not isinstance(class_weight, Mapping):
        raise TypeError(f'class_weight: expected "balanced" or a dict, got {type(class_weight).__name__}.')
    numbers = dict(zip(names or (), range(n_classes), strict=False)) | {k: k for k in range(n_classes)}
    unknown = [k for k in class_weight if k not in numbers]
    if unknown:
        raise ValueError(f"class_weight: expected classes of the network, got {', '.join(map(as_code, unknown[:10]))}.")
    given = {numbers[k]: weight for k, weight in class_weight.items()}
    missing = [k for k in range(n_classes) if k not in given and counts[k]]
    if missing:
        told = ", ".join(names[k] if names else str(k) for k in missing[:10])
        raise ValueError(f"class_weight: expected a number for each class, got none for {told}.")
    return _checked([given.get(k, 0.0) for k in range(n_classes)], n_classes, "class_weight")
