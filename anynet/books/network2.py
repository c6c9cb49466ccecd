"""Nielsen's network2.py (Neural Networks and Deep Learning, chapter 3), under its names, on any array library.

`import anynet.books.network2 as network2` is the one line of a reader's program that changes. Where no method of it is
overridden and the cost is one of the two, mini-batches go through the library's step, with the library's L2, and costs
are taken from the weighted inputs, where no logarithm is infinite; else through what the reader wrote, one by one.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import array_api_compat.numpy as xp
import numpy as np

from anynet import evaluation, saving
from anynet.architecture import build
from anynet.backends import Backend
from anynet.books import network
from anynet.books.network import sigmoid, sigmoid_prime
from anynet.checks import as_code, number_in, whole_number
from anynet.costs import COSTS
from anynet.data import DeviceData
from anynet.datasets import vectorized_result
from anynet.formats.bounded import MAX_BYTES
from anynet.parameters import field_of
from anynet.regularization import NOTHING, Regularization
from anynet.typing import ArrayLike, DeviceLike, HostArray

__all__ = [
    "CrossEntropyCost",
    "Network",
    "QuadraticCost",
    "load",
    "np",
    "sigmoid",
    "sigmoid_prime",
    "vectorized_result",
]


class QuadraticCost:
    """1/2 ||a - y||^2 (equation 6, for one example).

    Example:
        >>> QuadraticCost.fn(np.array([[1.0], [0.0]]), np.array([[0.0], [0.0]]))
        0.5
    """

    @staticmethod
    def fn(a: HostArray, y: HostArray) -> float:
        """Return the cost of an output a, where y is desired; columns (n_out, 1)."""
        rows = [np.reshape(array, (1, -1)) for array in (a, y)]
        return float(COSTS["sigmoid", "quadratic"].value(xp, rows[0], *rows)[0])

    @staticmethod
    def delta(z: HostArray, a: HostArray, y: HostArray) -> HostArray:
        """Return the error of the output, dC/dz (BP1)."""
        return COSTS["sigmoid", "quadratic"].delta(xp, z, a, y)  # type: ignore[misc, no-any-return]


class CrossEntropyCost:
    """-sum(y ln a + (1 - y) ln(1 - a)) (equation 63, for one example).

    Example:
        >>> CrossEntropyCost.fn(np.array([[1.0], [0.0]]), np.array([[1.0], [0.0]]))
        0.0
    """

    @staticmethod
    def fn(a: HostArray, y: HostArray) -> float:
        """Return the cost of an output a, where y is desired; columns (n_out, 1).

        As in the book, what is 0 ln 0 counts as 0, and an infinite term as the largest float.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(xp.sum(np.nan_to_num(-y * xp.log(a) - (1 - y) * xp.log(1 - a))))

    @staticmethod
    def delta(z: HostArray, a: HostArray, y: HostArray) -> HostArray:
        """Return the error of the output, dC/dz: a - y, whatever z is."""
        return COSTS["sigmoid", "cross_entropy"].delta(xp, z, a, y)  # type: ignore[misc, no-any-return]


_KNOWN = {QuadraticCost: COSTS["sigmoid", "quadratic"], CrossEntropyCost: COSTS["sigmoid", "cross_entropy"]}


class Network(network.Network):
    """The network of chapter 3: sigmoid throughout, cross-entropy, weights scaled to the number of inputs, float64.

    It has the face of `books.network` too, and today's; but `accuracy` is a count here, as in the book.

    Args:
        sizes: How many values go in, and how many neurons each layer has.
        cost: `CrossEntropyCost`, `QuadraticCost`, or a class of your own with `fn(a, y)` and `delta(z, a, y)`.
        backend: As in `anynet.Network`.
        device: Likewise.
        dtype: float64 as in the book, or float32.
        seed: Of its start and of the order of examples; None is chance, as in the book.

    Raises:
        ValueError: Something named does not exist, or a size is below 1.
        TypeError: Something is of another kind than it should be.

    Example:
        >>> net = Network([784, 30, 10], cost=QuadraticCost)
        >>> net.large_weight_initializer()
        >>> net.cost.__name__
        'QuadraticCost'
    """

    def __init__(
        self,
        sizes: Sequence[int],
        cost: Any = CrossEntropyCost,
        *,
        backend: str | Backend = "numpy",
        device: DeviceLike = None,
        dtype: str = "float64",
        seed: int | None = None,
    ) -> None:
        super().__init__(sizes, backend, device, dtype, seed, initializer="lecun_normal")
        self.cost = cost
        if self._overrides("default_weight_initializer"):
            self.default_weight_initializer()

    @property
    def cost(self) -> Any:
        """The class of the cost; assigning another changes what is learnt by."""
        librarys = self.architecture.cost
        return self.__dict__.get("_cost") or next((mine for mine, it in _KNOWN.items() if it == librarys), librarys)

    @cost.setter
    def cost(self, new: Any) -> None:
        if not (callable(getattr(new, "fn", None)) and callable(getattr(new, "delta", None))):
            raise TypeError(
                f"cost: expected CrossEntropyCost, QuadraticCost, or a class with fn(a, y) and delta(z, a, y), "
                f"got {as_code(new)}."
            )
        self.__dict__.update(_cost=new, architecture=replace(self.architecture, cost=_KNOWN.get(new)))

    def default_weight_initializer(self) -> None:
        """Start anew: normal weights of standard deviation 1 / sqrt(n_in), normal biases of variance 1."""
        self._start("lecun_normal")

    def large_weight_initializer(self) -> None:
        """Start anew as in chapter 1: normal weights and biases of variance 1."""
        self._start("standard_normal")

    def _start(self, initializer: str) -> None:
        drawn = build(self.sizes, "sigmoid", "sigmoid", None, initializer, None).initialize(self.streams.initial)[0]
        self.weights, self.biases = (field_of(drawn, name) for name in ("weights", "biases"))

    def SGD(  # type: ignore[override]
        self,
        training_data: Any,
        epochs: int,
        mini_batch_size: int,
        eta: float,
        lmbda: float = 0.0,
        evaluation_data: Any = None,
        monitor_evaluation_cost: bool = False,
        monitor_evaluation_accuracy: bool = False,
        monitor_training_cost: bool = False,
        monitor_training_accuracy: bool = False,
        early_stopping_n: int = 0,
    ) -> tuple[list[float], list[int], list[float], list[int]]:
        """Train by stochastic gradient descent, print what is monitored of each epoch as in the book, and return it.

        Args:
            training_data: A list of pairs of columns (x, y), or a `zip` of them.
            epochs: How often every example is seen; 0 is never.
            mini_batch_size: How many examples a step learns from; where there are fewer, all of them.
            eta: The learning rate.
            lmbda: Of the regularization, lambda / (2 n) * sum(w^2); n is the number of training examples.
            evaluation_data: Pairs of a column x and a digit, of the validation or the test data.
            monitor_evaluation_cost: Whether their cost is monitored.
            monitor_evaluation_accuracy: Whether the right answers among them are.
            monitor_training_cost: Whether the cost of the training data is.
            monitor_training_accuracy: Whether the right answers among these are.
            early_stopping_n: After how many epochs that brought no better accuracy to stop; 0 is never. The accuracy
                is that on the evaluation data, or where it is not monitored, on the training data.

        Returns:
            Four lists, with an entry per epoch if they are monitored: the costs on the evaluation data, the right
            answers among them, the costs on the training data, and the right answers among these.

        Raises:
            ValueError: Shapes or numbers are not what is expected, or there is nothing to monitor.
            TypeError: They are of another kind.
        """
        strength, patience = _regularization(lmbda), whole_number("early_stopping_n", early_stopping_n, least=0)
        monitored = (
            monitor_training_cost,
            monitor_training_accuracy,
            monitor_evaluation_cost,
            monitor_evaluation_accuracy,
        )
        if patience and not any(monitored[1::2]):
            raise ValueError(
                "early_stopping_n: expected an accuracy to stop by, got none that is monitored. Say "
                "monitor_evaluation_accuracy=True."
            )
        found: tuple[list[Any], ...] = [], [], [], []
        pairs = network.listed(training_data)
        monitors = self._monitors(pairs, network.listed(evaluation_data), lmbda, monitored)
        how = mini_batch_size, eta, lmbda, len(pairs)
        with closing(self._epochs(pairs, epochs, *how, l2=strength.l2)) as trained:
            for epoch in trained:
                print(f"Epoch {epoch} training complete")
                for values, (line, ask) in zip(found, monitors, strict=True):
                    if ask is not None:
                        values.append(ask())
                        print(line.format(values[-1]))
                print()
                if patience and _stands_still(found[3] or found[1], patience):
                    break
        return found[2], found[3], found[0], found[1]

    def _monitors(self, pairs: Any, others: Any, lmbda: float, wanted: Sequence[bool]) -> list[tuple[str, Any]]:
        """Return of each of the four figures its line, and what asks for it; None where it is not wanted."""
        methods = "accuracy", "total_cost", "feedforward"
        if (wanted[2] or wanted[3]) and not others:
            raise ValueError("evaluation_data: expected data to monitor, got none. Give validation_data, say.")
        training = self._asked(pairs, *methods) if wanted[0] or wanted[1] else None
        evaluation = self._asked(others, *methods) if wanted[2] or wanted[3] else None
        asks = [
            ("Cost on training data: {}", lambda: self.total_cost(training, lmbda)),
            (f"Accuracy on training data: {{}} / {len(pairs)}", lambda: self.accuracy(training, convert=True)),
            ("Cost on evaluation data: {}", lambda: self.total_cost(evaluation, lmbda, convert=True)),
            (
                f"Accuracy on evaluation data: {{}} / {0 if others is None else len(others)}",
                lambda: self.accuracy(evaluation),
            ),
        ]
        return [(line, ask if is_wanted else None) for (line, ask), is_wanted in zip(asks, wanted, strict=True)]

    def update_mini_batch(self, mini_batch: Any, eta: float, lmbda: float = 0.0, n: int = 1) -> None:
        """Take one step of gradient descent on the regularized cost of a mini-batch.

        Args:
            mini_batch: A list of pairs (x, y).
            eta: The learning rate.
            lmbda: Of the regularization.
            n: How many training examples there are in all.
        """
        self._descend(mini_batch, eta, _regularization(lmbda), whole_number("n", n))

    def accuracy(self, data: Any, convert: bool = False) -> int:
        """Return for how many of the examples the output is largest at the right place: a count, as in the book.

        Args:
            data: Pairs of a column x, and y: a digit, as validation and test data have it.
            convert: Whether y is a column instead, as training data have it.

        Raises:
            ValueError: y is the other one of the two.
        """
        pairs = network.listed(data)
        if self._overrides("feedforward"):
            return super().evaluate([(x, np.argmax(y)) for x, y in network.columns(pairs)] if convert else pairs)
        return 0 if not pairs else super().evaluate(self._judged("accuracy", pairs, convert, "False", "True"))

    def total_cost(self, data: Any, lmbda: float, convert: bool = False) -> float:
        """Return the mean cost of the examples, and lambda / (2 n) * sum(w^2) on top of it, where n is their number.

        Args:
            data: Pairs of columns x and y, as training data have them.
            lmbda: Of the regularization.
            convert: Whether y is a digit instead, as validation and test data have it.

        Raises:
            ValueError: y is the other one of the two, or there are no data.
        """
        pairs, strength = network.listed(data), _at_least_0("lmbda", lmbda)
        if self.architecture.cost is None or self._overrides("feedforward"):
            mean, n = self._mean_cost(network.columns(pairs), convert)
        else:
            examples = self._judged("total_cost", pairs, not convert, "True", "False")
            mean, n = float(evaluation.totals(self._trained, examples).cost) / len(examples), len(examples)
        return mean + 0.5 * (strength / n) * sum(float(np.vdot(w, w)) for w in self.weights)

    def _mean_cost(self, pairs: list[tuple[Any, Any]], convert: bool) -> tuple[float, int]:
        """Return the mean cost of pairs by what the reader has written, and how many there are."""
        outputs = [(self.feedforward(x), self._target(y) if convert else y) for x, y in pairs]
        return sum(float(self.cost.fn(a, y)) for a, y in outputs) / len(pairs), len(pairs)

    def save(self, filename: Any) -> Any:
        """Write the network as JSON, whole or not at all, as network2 does, and return the path.

        Args:
            filename: The file, as it is called: nothing is added to its name. Or one that is open for writing bytes.

        Raises:
            OSError: It cannot be written; what was there is then still there.
        """
        name = getattr(self.cost, "__name__", type(self.cost).__name__)
        return saving.network2.write(filename, self.sizes, self.weights, self.biases, name)

    # What stands behind it.

    def iter_fit(self, /, x: Any, y: Any = None, **how: Any) -> Any:
        """As in `anynet.Network`; ValueError for a cost of a reader's own, by which `SGD` trains."""
        self._check_known("fit")
        return super().iter_fit(x, y, **how)

    def gradients(self, x: ArrayLike, y: ArrayLike) -> tuple[float, list[Any]]:
        """As in `anynet.Network`; ValueError for a cost of a reader's own, by which `backprop` is taken."""
        self._check_known("gradients")
        return super().gradients(x, y)

    def _check_known(self, what: str) -> None:
        if self.architecture.cost is None:
            raise ValueError(
                f"{what}: expected CrossEntropyCost or QuadraticCost, got {as_code(self.cost)}. Train it by SGD, or "
                "make an anynet.Network with an anynet.Cost of it."
            )

    @property
    def _has_gradients(self) -> bool:
        return not self._overrides("backprop") and self.architecture.cost is not None

    def _output_error(self, z: HostArray, a: HostArray, y: HostArray) -> HostArray:
        delta = np.asarray(self.cost.delta(z, a, y))
        if delta.shape != a.shape:
            raise ValueError(f"cost.delta: expected a column {a.shape} to be returned, got {delta.shape}.")
        return delta

    def _asked(self, pairs: Any, *methods: str) -> Any:
        return super()._asked(pairs, *methods) if self.architecture.cost is not None else pairs

    def _judged(self, what: str, data: Any, has_columns: bool, digits: str, columns: str) -> DeviceData:
        """Return examples on the device; ValueError unless their y are columns, or digits, as `convert` says."""
        examples = self._to_device(data)
        if self.architecture.n_out > 1 and has_columns == (len(examples.y.shape) == 1):
            expected, got, cure = ("columns", "digits", digits) if has_columns else ("digits", "columns", columns)
            raise ValueError(f"{what}: expected {expected} as y, got {got}. Say convert={cure}.")
        return examples


Network.book = Network


def _at_least_0(name: str, number: object) -> float:
    return number_in(name, number, "a finite number, at least 0", lambda n: n >= 0)


def _regularization(lmbda: object) -> Regularization:
    strength = _at_least_0("lmbda", lmbda)
    return Regularization(l2=strength) if strength > 0 else NOTHING


def _stands_still(accuracies: list[int], patience: int) -> bool:
    """Return whether so many epochs have brought no better accuracy than those before them, or than none."""
    best = max(accuracies)
    since = len(accuracies) - 1 - accuracies.index(best) if best > 0 else len(accuracies)
    return since >= patience


def load(filename: str | Path, max_bytes: int = MAX_BYTES) -> Network:
    """Return the network in a file that `save`, or the book's network2, has written. No file is trusted.

    Args:
        filename: The file; one that does not say its cost is taken for cross-entropy's, with a warning.
        max_bytes: At most so much is unpacked of it.

    Raises:
        OSError: It cannot be read.
        ValueError: It holds no network of network2.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     load(Network([2, 3, 1]).save(pathlib.Path(folder) / "net")).sizes
        [2, 3, 1]
    """
    return Network.load(filename, max_bytes=max_bytes)
