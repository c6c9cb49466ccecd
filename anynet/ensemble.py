"""Ensembles: several networks that were trained apart, and answer together."""

from collections.abc import Iterable, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from array_api_compat import numpy as xp

from anynet import metrics as measures
from anynet.architecture import Architecture
from anynet.backends import Backend, to_numpy
from anynet.checks import as_code, look_up, path_shown
from anynet.data import by_name
from anynet.examples import as_dataset
from anynet.formats import columns, pictures
from anynet.formats.columns import Columns
from anynet.formats.pictures import Pictures
from anynet.metrics import Answers, Metric
from anynet.network import Network
from anynet.targets import checked
from anynet.typing import ArrayLike, DeviceLike, HostArray

__all__ = ["Ensemble"]

COMBINE = {"average": "the mean of their outputs", "votes": "for each class the share of those that answer with it"}


class Ensemble:
    """Networks that answer together, and better than most of them alone, for they err in different places.

    Args:
        networks: At least one; they take the same inputs, have the same task, and tell the same
            classes apart, in the same order.
        combine: "average": the mean of their outputs decides; "votes": the answer of most of them
            does, and of equally many for the lowest class, or against a label.

    Raises:
        ValueError: They do not go together, or there are none.
        TypeError: One is no network.

    Example:
        >>> from anynet import Network
        >>> both = Ensemble([Network([2, 3], seed=1), Network([2, 3], seed=2)])
        >>> both.feedforward([[0.0, 1.0]]).shape
        (1, 3)
    """

    def __init__(self, networks: Sequence[Network], combine: str = "average") -> None:
        if isinstance(networks, (Network, str, bytes, Path)) or not isinstance(networks, Iterable):
            files = " Ensemble.load opens files." * isinstance(networks, (str, bytes, Path))
            raise TypeError(
                f"networks: expected several in a list, got {as_code(networks)} alone. Write [it, ...].{files}"
            )
        self.networks = tuple(networks)
        for net in self.networks:
            if not isinstance(net, Network):
                raise TypeError(f"networks: expected networks, got {as_code(net)}. Ensemble.load opens files.")
        look_up(COMBINE, combine, "combine")
        if not self.networks:
            raise ValueError("networks: expected at least one, got none.")
        _check_go_together(self.networks, [f"number {number}" for number in range(1, len(self.networks) + 1)])
        if combine == "votes" and self.task == "regression":
            raise ValueError('combine: expected "average" for networks that answer with values, got "votes".')
        self.combine = combine

    @classmethod
    def load(
        cls,
        paths: Sequence[str | Path],
        backend: str | Backend = "numpy",
        device: DeviceLike = None,
        combine: str = "average",
    ) -> "Ensemble":
        """Return the ensemble of the networks in some files.

        Args:
            paths: Several of what `Network.load` opens.
            backend: As for a `Network`.
            device: Likewise.
            combine: As in the constructor.

        Raises:
            OSError: A file cannot be read.
            ValueError: One holds no network, or they do not go together.
            TypeError: It is one path, and not several in a list.
        """
        if isinstance(paths, (str, bytes, Path)) or not isinstance(paths, Iterable):
            raise TypeError(f"paths: expected several in a list, got {as_code(paths)} alone. Write [it, ...].")
        files = list(paths)
        networks = [Network.load(path, backend, device) for path in files]
        _check_go_together(networks, [path_shown(path) for path in files])
        return cls(networks, combine)

    @property
    def architecture(self) -> Architecture:
        """That of the first network; the task, and what outputs mean, is the same of all."""
        return self.networks[0].architecture

    @property
    def task(self) -> str:
        """What `predict` returns: a name of `metrics.TASKS`."""
        return self.architecture.task

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the classes, in the order of their labels; None if no network knows any."""
        return next((net.class_names for net in self.networks if net.class_names is not None), None)

    @property
    def columns(self) -> Columns | None:
        """What the columns of a table are made into, if the networks have learnt from one."""
        return self.networks[0].columns

    @property
    def pictures(self) -> Pictures | None:
        """What is done to pictures, if the networks have learnt from some."""
        return self.networks[0].pictures

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of an example and of the outputs for it."""
        return self.architecture.shapes[0], self.architecture.shapes[-1]

    def __repr__(self) -> str:
        return f"<Ensemble of {len(self.networks)} networks, by {self.combine}>"

    def feedforward(self, x: ArrayLike) -> HostArray:
        """Return what the networks put out together for x, float64 of NumPy: means, or shares of the votes.

        Args:
            x: As for `Network.feedforward`; the form of the outputs is the same too.
        """
        if self.combine == "average":
            outputs = [np.asarray(to_numpy(net.feedforward(x)), np.float64) for net in self.networks]
            return np.asarray(np.mean(outputs, axis=0))
        cast = np.asarray([to_numpy(net.predict(x)) for net in self.networks])  # (networks, n), or with all labels
        if self.task == "multilabel":
            return np.asarray(cast.mean(axis=0))
        n_out = self.architecture.n_out
        shares: HostArray = (cast[..., None] == (np.arange(n_out) if n_out > 1 else 1)).mean(axis=0)
        return shares[:, None] if self._is_column(x) else shares

    def predict(self, x: ArrayLike) -> HostArray:
        """Return what the networks answer to x together: labels (n,), or as the `task` says.

        Args:
            x: As in `feedforward`.
        """
        outputs = self.feedforward(x)
        decided = self._decided(outputs.reshape(-1, self.architecture.n_out))
        if self.networks[0].is_column and self.task == "regression":
            decided = decided[:, None]
        return decided[0] if outputs.ndim == 1 or self._is_column(x) else decided

    def predict_names(self, x: ArrayLike) -> str | tuple[str, ...]:
        """Return the name of the class that the networks take each example for; of one example alone its name.

        Args:
            x: As in `feedforward`.

        Raises:
            ValueError: They know no names of classes, or their answers are no classes.
        """
        self.architecture.check_classifies("predict_names")
        names, labels = self.class_names, self.predict(x)
        if names is None:
            raise ValueError("predict_names: expected networks that know the names of their classes, got none.")
        return names[int(labels)] if labels.ndim == 0 else tuple(names[int(label)] for label in labels)

    def evaluate(self, x: Any, y: Any = None) -> int:
        """Return for how many of the examples the answer of all together is right.

        Args:
            x: As for `Network.fit`.
            y: Likewise.
        """
        self.architecture.check_can_be_right()
        answers = self._answers(x, y)
        right = answers.decided == answers.expected
        return int(np.count_nonzero(right.all(axis=1) if right.ndim == 2 else right))

    def accuracy(self, x: Any, y: Any = None) -> float:
        """Return the share of the examples that are answered rightly, in [0, 1].

        Args:
            x: As for `Network.fit`.
            y: Likewise.
        """
        return self.evaluate(x, y) / len(as_dataset(x, y))

    def confusion_matrix(self, x: Any, y: Any = None) -> HostArray:
        """Return how often each class (rows) was taken for each (columns), NumPy integers.

        Args:
            x: As for `Network.fit`.
            y: Likewise.
        """
        self.architecture.check_classifies("confusion_matrix")
        answers = self._answers(x, y)
        found: HostArray = measures.confusion_matrix(xp, answers.decided, answers.expected, self.architecture.n_classes)
        return found.astype(np.int64)

    def score(
        self, x: Any, y: Any = None, metrics: str | Metric | Sequence[str | Metric] | None = None
    ) -> dict[str, float]:
        """Return how good the answers of all together are, by the names of metrics.

        Args:
            x: As for `Network.fit`.
            y: Likewise.
            metrics: As for `Network.score`.

        Example:
            >>> from anynet import Network
            >>> net = Network([2, 3])
            >>> x, y = [[0.0, 1.0], [1.0, 0.0]], [0, 1]
            >>> Ensemble([net, net]).score(x, y) == net.score(x, y)
            True
        """
        wanted = measures.chosen(metrics, self.task, self.architecture.n_out)
        answers, found = self._answers(x, y), {}
        for metric in wanted:
            numbers = np.asarray(to_numpy(metric.compute(xp, answers))).reshape(-1).tolist()
            found[metric.name] = float(metric.value(numbers, len(answers.outputs)) if metric.value else numbers[0])
        return found

    def _is_column(self, x: Any) -> bool:
        """Return whether x is one example as the book's column."""
        shape, example = np.shape(x), self.architecture.input_shape
        return bool(shape == (prod(example), 1) and shape[1:] != example)

    def _decided(self, rows: HostArray) -> HostArray:
        threshold = self.architecture.threshold if self.combine == "average" else 0.5  # of the shares of votes
        decided: HostArray = measures.decide(xp, rows, self.task, threshold)
        return decided

    def _answers(self, x: Any, y: Any) -> Answers:
        """Return what all together answer to a data set, and what is right."""
        given, n_out = as_dataset(x, y), self.architecture.n_out
        columns.check_same(given.columns, self.columns)
        pictures.check_same(given.pictures, self.pictures)
        data = by_name(given, self.class_names, self.architecture)
        outputs = self.feedforward(data.x).reshape(-1, n_out)
        labels = checked(xp, to_numpy(data.y), self.architecture)
        targets = np.eye(n_out)[labels] if labels.ndim == 1 else np.asarray(labels, np.float64)
        answers = Answers.of(xp, outputs, labels, targets, self.task, self.architecture.threshold)
        return (
            answers if self.task == "regression" else answers._replace(decided=self._decided(outputs).astype(np.int32))
        )


def _check_go_together(networks: Sequence[Network], called: Sequence[str]) -> None:
    """Raise ValueError unless networks can answer together; it names two that cannot, and what they differ in."""
    named = 0  # the first that knows the names of its classes
    for i, net in enumerate(networks):
        if networks[named].class_names is None:
            named = i
        names = networks[named].class_names
        is_other_order = names is not None and net.class_names is not None and sorted(names) == sorted(net.class_names)
        classes = "order of classes" if is_other_order else "classes", named, names, net.class_names or names
        besides = zip(_BESIDES, _besides(networks[0]), _besides(net), strict=True)
        for what, first, wanted, got in (*((what, 0, *both) for what, *both in besides), classes):
            if wanted != got:
                raise ValueError(
                    f"networks: expected such as go together, the {what} of {called[i]} as of {called[first]}, "
                    f"{_told(wanted)}, got {_told(got)}. Leave one of the two out."
                )


_BESIDES = ("task", "pictures", "columns", "number of inputs", "number of outputs", "range of outputs")


def _besides(net: Network) -> tuple[Any, ...]:
    """Return what networks have to share besides the names of their classes."""
    of = net.architecture
    return of.task, net.pictures, net.columns, of.sizes[0], of.n_out, _range(of)


def _range(architecture: Architecture) -> str:
    low, high = architecture.reach
    return f"from {low:g} to {high:g}"


def _told(value: Any) -> str:
    """Return in a line what networks differ in."""
    if value is None:
        return "none"
    if isinstance(value, Pictures):
        return pictures.told(value)
    if isinstance(value, tuple) and isinstance(value[0], columns.Column):
        return columns.told(value)[:100]
    return ", ".join(value)[:100] if isinstance(value, tuple) else str(value)
