"""Nielsen's network.py (Neural Networks and Deep Learning, chapters 1 and 2), under its names, on any array library.

`import anynet.books.network as network` is the one line of a reader's program that changes. Where nothing of it is
overridden, mini-batches go through the library's step; where `cost_derivative`, `backprop` or `update_mini_batch` is,
the book's own loop runs through what the reader wrote. The book shuffles the list of examples; here an order is drawn,
and the list stays as it is.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import array_api_compat.numpy as xp
import numpy as np

from anynet import activations, data, evaluation, parameters, random
from anynet.backends import Backend, is_on_host, library_of, on_device
from anynet.books.live import LiveNetwork
from anynet.checks import number_in, whole_number
from anynet.data import DeviceData
from anynet.examples import as_dataset
from anynet.initializers import Initializer
from anynet.layers.dense import DenseParameters
from anynet.optimizers import SGD, Optimizer
from anynet.regularization import NOTHING, Regularization, regularized
from anynet.typing import Array, ArrayLike, DeviceLike, HostArray, Numbers

__all__ = ["Network", "np", "sigmoid", "sigmoid_prime"]


@dataclass(frozen=True)
class _Descent(Optimizer):
    """Gradient descent at any eta: at 0 too, where nothing is learnt."""

    eta: float

    def numbers(self, step: int) -> Numbers:
        return (self.eta,)

    rule = staticmethod(SGD.rule)


class Network(LiveNetwork):
    """The book's network: sigmoid throughout, the quadratic cost, float64, normal weights and biases of variance 1.

    It has today's face as well, `fit` say. On NumPy `weights` and `biases` are lists of the arrays themselves.

    Args:
        sizes: How many values go in, and how many neurons each layer has.
        backend: As in `anynet.Network`.
        device: Likewise.
        dtype: float64 as in the book, or float32.
        seed: Of its start and of the order of examples; None is chance, as in the book.
        initializer: Where it starts, as in `anynet.Network`; None is the book's of chapter 1.

    Raises:
        ValueError: Something named does not exist, or a size is below 1.
        TypeError: Something is of another kind than it should be.

    Example:
        >>> net = Network([2, 3, 1])
        >>> net.num_layers, [w.shape for w in net.weights], [b.shape for b in net.biases]
        (3, [(3, 2), (1, 3)], [(3, 1), (1, 1)])
        >>> net.weights[0][0, 0] = 0.5
    """

    book: ClassVar[type["Network"]]  # of the room: what its subclasses define anew is the reader's

    def __init__(
        self,
        sizes: Sequence[int],
        backend: str | Backend = "numpy",
        device: DeviceLike = None,
        dtype: str = "float64",
        seed: int | None = None,
        *,
        initializer: str | Initializer | None = None,
    ) -> None:
        super().__init__(sizes, backend, device, dtype, seed, initializer=initializer or "standard_normal")

    def feedforward(self, a: ArrayLike) -> Array:
        """Return the output (n_out, 1) for a column (n_in, 1), or (n_out, n) for a matrix of n columns.

        Args:
            a: The input. What has one dimension is one example, and comes back so.

        Raises:
            ValueError: It has another shape, that of rows say.
        """
        a = a if library_of(a) else np.asarray(a)
        if len(a.shape) != 2:
            return super().feedforward(a)
        n_in = self.architecture.sizes[0]
        if a.shape[0] != n_in:
            cure = " These are rows: hand over a.T." if a.shape[1] == n_in else ""
            raise ValueError(f"a: expected columns, ({n_in}, 1) or ({n_in}, n), got {tuple(a.shape)}.{cure}")
        return super().feedforward(a.T).T

    def SGD(self, training_data: Any, epochs: int, mini_batch_size: int, eta: float, test_data: Any = None) -> None:
        """Train by stochastic gradient descent and print "Epoch 0: 9045 / 10000" per epoch, as in the book.

        Args:
            training_data: A list of pairs (x, y), or a `zip` of them.
            epochs: How often every example is seen; 0 is never.
            mini_batch_size: How many examples a step learns from; where there are fewer, all of them.
            eta: The learning rate.
            test_data: Pairs of a column x and a digit, whose right answers are counted; None, or none of them,
                prints "Epoch 0 complete".

        Raises:
            ValueError: Shapes or numbers are not what is expected.
            TypeError: They are of another kind.
        """
        test = self._asked(test_data, "evaluate", "feedforward")
        for epoch in self._epochs(training_data, epochs, mini_batch_size, eta):
            judged = f": {self.evaluate(test)} / {len(test)}" if test else " complete"
            print(f"Epoch {epoch}{judged}")

    def update_mini_batch(self, mini_batch: Any, eta: float) -> None:
        """Take one step of gradient descent on the mean cost of a mini-batch (equations 20 and 21).

        Args:
            mini_batch: A list of pairs (x, y).
            eta: The learning rate.
        """
        self._descend(mini_batch, eta)

    def backprop(self, x: ArrayLike, y: ArrayLike) -> tuple[list[HostArray], list[HostArray]]:
        """Return (nabla_b, nabla_w), the gradient of the cost of one example, as `biases` and `weights`.

        It is computed on the host, and the error of the output comes from `cost_derivative` where that is overridden.

        Args:
            x: A column (n_in, 1).
            y: A column (n_out, 1), or a digit.

        Raises:
            ValueError: One has another shape.
        """
        a, y = self._column("x", x, self.architecture.sizes[0]), self._target(y)
        weights, functions = (
            self.weights,
            [stage.activation or activations.identity for stage in self.architecture.stages],
        )
        layers = [(None, a)]
        for w, b, f in zip(weights, self.biases, functions, strict=True):
            z = np.dot(w, a) + b
            a = f.value(xp, z)
            layers.append((z, a))
        delta = self._output_error(z, a, y)  # BP1
        nabla_b, nabla_w = [delta], [np.dot(delta, layers[-2][1].T)]  # BP3, BP4
        for l in range(len(weights) - 1, 0, -1):
            z, a = layers[l]
            delta = np.dot(weights[l].T, delta) * functions[l - 1].derivative(xp, z, a)  # type: ignore[misc]  # BP2
            nabla_b.append(delta)
            nabla_w.append(np.dot(delta, layers[l - 1][1].T))
        return nabla_b[::-1], nabla_w[::-1]

    def evaluate(self, test_data: Any, y: Any = None) -> int:
        """Return for how many of the examples the network's answer is right.

        Args:
            test_data: Pairs of a column x and a digit; or data as in `fit`.
            y: As in `fit`.
        """
        pairs = listed(test_data) if y is None else as_dataset(test_data, y)
        if isinstance(pairs, list) and not pairs:
            return 0
        if self._overrides("feedforward"):
            return sum(int(np.argmax(self.feedforward(x)) == digit) for x, digit in columns(pairs))
        return super().evaluate(pairs)

    def accuracy(self, x: Any, y: Any = None) -> float:
        """Return the share of the examples that the network answers rightly, in [0, 1]; as in `anynet.Network`."""
        data = as_dataset(x, y)
        return self.evaluate(data) / len(data)

    # What stands behind it.

    def _overrides(self, *names: str) -> bool:
        """Return whether a reader has written one of some methods anew, in a subclass or on the network."""
        own = self.__dict__
        return any(name in own or getattr(type(self), name) is not getattr(self.book, name) for name in names)

    def _output_error(self, z: HostArray, a: HostArray, y: HostArray) -> HostArray:
        """Return BP1 for one example, by the reader's `cost_derivative` if there is one."""
        if not self._overrides("cost_derivative"):
            cost = self.architecture.cost or self.architecture.learnable_cost()
            return cost.delta(xp, z, a, y)  # type: ignore[misc, no-any-return]
        derivative = self.architecture.stages[-1].activation.derivative(xp, z, a)  # type: ignore[misc, union-attr]
        error = self.cost_derivative(a, y)
        if np.shape(error) != a.shape:
            raise ValueError(f"cost_derivative: expected a column {a.shape} to be returned, got {np.shape(error)}.")
        delta: HostArray = np.asarray(error) * derivative
        return delta

    @property
    def _takes_steps(self) -> bool:
        """Whether mini-batches may go through the library's step: a reader has written nothing that goes into it."""
        return not self._overrides("update_mini_batch") and self._has_gradients

    @property
    def _has_gradients(self) -> bool:
        """Whether the library's gradients are those of the network."""
        return not self._overrides("backprop", "cost_derivative")

    def _column(self, name: str, given: ArrayLike, n: int) -> HostArray:
        """Return a column (n, 1) in the network's dtype, on the host."""
        dtype = self.backend.dtype
        column = given if type(given) is np.ndarray and given.dtype == dtype else self._converted(name, given)
        if column.shape != (n, 1):
            raise ValueError(f"{name}: expected a column ({n}, 1), got the shape {column.shape}.")
        return column

    def _converted(self, name: str, given: ArrayLike) -> HostArray:
        a = self.backend.checked(given, name)
        return data.inputs(xp, a if is_on_host(a) else self.backend.to_numpy(a), self.backend.dtype)  # type: ignore[no-any-return]

    def _target(self, y: ArrayLike) -> HostArray:
        """Return y as a column (n_out, 1): that of a digit has a 1 there."""
        n_out = self.architecture.n_out
        if getattr(y, "shape", ()) in ((), (1,)) and n_out > 1:
            label = whole_number("y", int(y), 0, n_out - 1)
            one_hot: HostArray = np.eye(n_out, dtype=self.backend.dtype)[:, [label]]
            return one_hot
        return self._column("y", y, n_out)

    def _asked(self, pairs: Any, *methods: str) -> Any:
        """Return data as they are asked for epoch after epoch: pairs for a reader's methods, else on the device."""
        found = listed(pairs)
        return found if not found or self._overrides(*methods) else self._to_device(found)

    def _epochs(
        self, training_data: Any, epochs: int, mini_batch_size: int, eta: float, *others: Any, l2: float | None = None
    ) -> Generator[int, None, None]:
        """Train, and yield the number of each epoch when it is over; what follows eta is for `update_mini_batch`."""
        n_epochs, size = whole_number("epochs", epochs, least=0), whole_number("mini_batch_size", mini_batch_size)
        checked_eta, given = _finite("eta", eta), listed(training_data)
        if n_epochs > 0 and self._takes_steps:
            examples = as_dataset(given)
            how: dict[str, Any] = {"batch_size": min(size, len(examples)), "optimizer": _Descent(checked_eta), "l2": l2}
            for report in self.iter_fit(examples, epochs=n_epochs, **how):
                if report.is_epoch_end:
                    yield report.epoch
            return
        pairs = columns(given)
        for epoch in range(n_epochs):
            order = random.order(len(pairs), self.streams.order)
            for k in range(0, len(pairs), size):
                self.update_mini_batch([pairs[i] for i in order[k : k + size]], eta, *others)
            yield epoch

    @on_device
    def _descend(self, mini_batch: Any, eta: float, regularization: Regularization = NOTHING, n: int = 1) -> None:
        """Take a step on a mini-batch; there are n examples to train on."""
        xp, learnt, rate, strengths = self.backend.xp, self.train_state, _finite("eta", eta), regularization.numbers(n)
        if not self._has_gradients:
            self._descend_by_loop(columns(listed(mini_batch)), rate, 1.0 - rate * sum(strengths))
            return
        _, gradients = evaluation.gradients(self._trained, self._to_device(listed(mini_batch)))
        gradients = regularized(xp, learnt.parameters, gradients, regularization.names, strengths)
        stepped, _ = parameters.updated(xp, SGD.rule, learnt.parameters, gradients, (), (rate,))
        self.train_state = learnt._replace(parameters=stepped)

    def _descend_by_loop(self, pairs: list[tuple[Any, Any]], eta: float, decay: float) -> None:
        """Take a step by what `backprop` gives for each example: w <- decay * w - eta / n * nabla_w, b without decay.

        The sums become the parameters in place: at these sizes, new arrays take longer than the arithmetic.
        """
        weights, biases, dtype = self.weights, self.biases, self.backend.dtype
        nabla_b, nabla_w = ([np.zeros(a.shape, dtype) for a in arrays] for arrays in (biases, weights))
        for i, (x, y) in enumerate(pairs):
            of_b, of_w = self.backprop(x, y)
            if i == 0:
                _check_nablas("nabla_b", of_b, nabla_b)
                _check_nablas("nabla_w", of_w, nabla_w)
            for total, one in zip(nabla_b + nabla_w, [*of_b, *of_w], strict=True):
                total += one
        for total in nabla_b + nabla_w:
            total *= -eta / len(pairs)
        for total, b in zip(nabla_b, biases, strict=True):
            total += b
        for total, w in zip(nabla_w, weights, strict=True):
            total += w if decay == 1.0 else decay * w
        place = self.backend.asarray
        stepped = [DenseParameters(place(w), place(b[:, 0])) for b, w in zip(nabla_b, nabla_w, strict=True)]
        self.train_state = self.train_state._replace(parameters=stepped)


Network.book = Network


def _check_nablas(name: str, made: Sequence[Any], like: Sequence[HostArray]) -> None:
    """Raise ValueError unless a reader's `backprop` has returned an array of the right shape for each layer."""
    expected, got = [a.shape for a in like], [np.shape(a) for a in made]
    if got != expected:
        raise ValueError(f"backprop: expected {name} to be a list of the shapes {expected}, got {got}.")


def _finite(name: str, number: object) -> float:
    return number_in(name, number, "a finite number", lambda n: True)


def listed(pairs: Any) -> Any:
    """Return pairs as a list, those of `zip` too; data in one of today's forms as a `Dataset`, what is placed as it is.

    Args:
        pairs: Of a column x and whatever y is; None is None.

    Raises:
        TypeError: They are nothing of the kind.
        ValueError: They are an iterator with none left.
    """
    if pairs is None or isinstance(pairs, (list, DeviceData)):
        return pairs
    if not isinstance(pairs, Iterator):
        return as_dataset(pairs)
    if not (found := list(pairs)):
        raise ValueError(
            "data: expected pairs (x, y), got an iterator with none left: it can be read once. Make a list of it: "
            "list(zip(...))."
        )
    return found


def columns(pairs: Any) -> list[tuple[Any, Any]]:
    """Return data that were listed as pairs of a column x, and y as a column or a digit.

    Args:
        pairs: A list of pairs, or a `Dataset`.

    Raises:
        ValueError: There are none.
    """
    if not isinstance(pairs, list):
        return [(x.reshape(-1, 1), y.reshape(-1, 1) if y.ndim else y) for x, y in zip(pairs.x, pairs.y, strict=True)]
    if not pairs:
        raise ValueError("data: expected at least one pair (x, y), got an empty list.")
    return pairs


def sigmoid(z: ArrayLike) -> Any:
    """Return 1 / (1 + exp(-z)) (equation 3).

    Args:
        z: A number, or an array of any library.

    Example:
        >>> float(sigmoid(0.0))
        0.5
    """
    return activations.sigmoid(z if library_of(z) else np.asarray(z))[()]


def sigmoid_prime(z: ArrayLike) -> Any:
    """Return the derivative of `sigmoid`, a (1 - a) with a = sigmoid(z).

    Args:
        z: As for `sigmoid`.

    Example:
        >>> float(sigmoid_prime(0.0))
        0.25
    """
    return activations.sigmoid.derivative(xp, z, sigmoid(z))  # type: ignore[misc]
