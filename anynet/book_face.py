"""The book's face: what Nielsen's network.py can be asked to do, on top of today's.

`Network` is a `BookFace`, which is a `Brain`. What it trains by, and takes gradients by, stands in network.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from anynet import evaluation, parameters, stepping
from anynet.backends import on_device
from anynet.brain import Brain
from anynet.data import DeviceData, Streamed, by_name, to_batch, to_device, warn_of_scale
from anynet.evaluation import Trained
from anynet.examples import Dataset, as_dataset
from anynet.formats import columns, pictures
from anynet.history import Report
from anynet.optimizers import SGD
from anynet.parameters import as_column
from anynet.progress import epoch_line
from anynet.typing import Array, ArrayLike, HostArray


class BookFace(Brain):
    """A network as the book's program asks it, and how data come in at its door."""

    iter_fit: Callable[..., Iterator[Report]]
    gradients: Callable[..., tuple[float, list[Any]]]

    def SGD(self, training_data: Any, epochs: int, mini_batch_size: int, eta: float, test_data: Any = None) -> None:
        """Train by stochastic gradient descent and print "Epoch 0: 9045 / 10000" per epoch, as in the book.

        Args:
            training_data: As in `fit`.
            epochs: How often every example is seen.
            mini_batch_size: How many examples a step learns from.
            eta: The learning rate.
            test_data: Whose right answers are counted; None prints "Epoch 0 complete".
        """
        test = None if test_data is None else as_dataset(test_data)
        if test is not None:
            self.architecture.check_can_be_right()
        how: dict[str, Any] = {"epochs": epochs, "batch_size": mini_batch_size, "optimizer": SGD(eta)}
        for report in self.iter_fit(training_data, validation=test, **how):
            if report.is_epoch_end:
                print(epoch_line(report, len(test or ())))

    @on_device
    def update_mini_batch(self, mini_batch: Any, eta: float) -> None:
        """Take one step of gradient descent on the mean cost of a mini-batch.

        Args:
            mini_batch: A list of pairs (x, y), or data as in `fit`.
            eta: The learning rate.
        """
        made_of = self.backend, self.architecture, SGD(eta), self.streams
        self.train_state = stepping.step_once(*made_of, self._to_device(mini_batch), self.train_state)

    def backprop(self, x: ArrayLike, y: ArrayLike) -> tuple[list[Array], list[Array]]:
        """Return (nabla_b, nabla_w), the gradient of the cost of one example, as `biases` and `weights`.

        Args:
            x: A column (n_in, 1).
            y: A column (n_out, 1), or a digit.
        """
        _, gradients = self.gradients(x, y)
        nabla_b = [as_column(biases) for biases in parameters.field_of(gradients, "biases")]
        return nabla_b, parameters.field_of(gradients, "weights")

    @on_device
    def evaluate(self, x: Any, y: Any = None) -> int:
        """Return for how many of the examples the network's answer is right.

        Args:
            x: As in `fit`.
            y: Likewise.
        """
        self.architecture.check_can_be_right()
        return int(evaluation.totals(self._trained, self._to_device(x, y)).n_correct)

    def accuracy(self, x: Any, y: Any = None) -> float:
        """Return the share of the examples that the network answers rightly, in [0, 1].

        Args:
            x: As in `fit`.
            y: Likewise.
        """
        examples = self._to_device(x, y)
        return self.evaluate(examples) / len(examples)

    @on_device
    def confusion_matrix(self, x: Any, y: Any = None) -> HostArray:
        """Return how often each class (rows) was taken for each (columns), NumPy integers.

        Args:
            x: As in `fit`.
            y: Likewise.
        """
        self.architecture.check_classifies("confusion_matrix")
        return evaluation.confusion_matrix(self._trained, self._to_device(x, y))

    @on_device
    def cost_derivative(self, output_activations: Array, y: Array) -> Array:
        """Return dC/da = a - y, the derivative of the quadratic cost of one example; ValueError for another cost."""
        self.architecture.check_quadratic()
        return output_activations - y

    # The door.

    @property
    def _trained(self) -> Trained:
        return Trained(self.backend, self.architecture, self.parameters, self.state)

    def _by_name(self, data: Dataset, class_names: Any = None, like: Dataset | None = None) -> Dataset:
        """Return data whose classes have the network's numbers, found to be made as those that it has learnt from.

        `like` are those that it is about to learn from.
        """
        table = self.columns or (None if like is None else like.columns)
        seen = self.pictures or (None if like is None else like.pictures)
        columns.check_same(data.columns, table)
        pictures.check_same(data.pictures, seen)
        if (data.columns, data.pictures) != (table, seen):
            data = replace(data, columns=table, pictures=seen)
        return by_name(data, self.class_names or class_names, self.architecture)

    @on_device
    def _to_device(self, data: Any, y: Any = None) -> DeviceData:
        if isinstance(data, DeviceData):
            return data
        named = self._by_name(as_dataset(data, y))
        return to_device(self.backend, named, self.architecture, learnt_scale=self.input_scale)

    def _to_batch(self, x: ArrayLike) -> tuple[Array | Streamed, Callable[[Array], Array]]:
        batch, restore = to_batch(self.backend, x, self.architecture.input_shape)
        if self.input_scale is not None:
            warn_of_scale(batch, self.input_scale)
        return batch, restore
