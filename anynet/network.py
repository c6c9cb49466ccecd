"""The network: the face of everything else.

`Network` holds an architecture, a backend, what it has learnt, its random streams and the
names of its classes; it checks what comes in at the door and hands on. The mathematics is in
backprop.py, the journeys in training.py and evaluation.py.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from operator import attrgetter
from pathlib import Path
from typing import Any

from anynet import backends, evaluation, optimizers, parameters, random, saving, training
from anynet.activations import Activation
from anynet.architecture import Architecture, build
from anynet.backends import Backend, on_device
from anynet.checks import warn
from anynet.costs import Cost
from anynet.data import DeviceData, Streamed, by_name, check_finite, rows_of, to_batch, to_device
from anynet.evaluation import Trained
from anynet.examples import Dataset, as_dataset
from anynet.formats.bounded import MAX_BYTES
from anynet.initializers import Initializer
from anynet.optimizers import SGD, Optimizer
from anynet.parameters import as_column, map_arrays
from anynet.progress import epoch_line, with_progress
from anynet.random import Streams
from anynet.saving import SavedNetwork
from anynet.training import Report
from anynet.typing import Array, ArrayLike, DeviceLike, HostArray, TrainState

__all__ = ["Network"]


def _made_of(
    architecture: Architecture,
    backend: Backend,
    train_state: TrainState,
    streams: Streams,
    class_names: tuple[str, ...] | None = None,
) -> dict[str, Any]:
    """Return all that a network holds, by name."""
    return locals() | {"history": []}


def _field(name: str, doc: str) -> Any:
    """Return the property of a field of each layer's parameters, read and assigned as NumPy arrays."""

    def read(net: "Network") -> tuple[HostArray, ...]:
        arrays = map(net.backend.to_numpy, parameters.field_of(net.parameters, name))
        return parameters.read_only(map(as_column, arrays) if name == "biases" else arrays)

    def assign(net: "Network", new: Sequence[ArrayLike]) -> None:
        assigned = parameters.with_field(net.parameters, name, new, net.backend.copy_to_device, net.sizes)
        net.train_state = net.train_state._replace(parameters=assigned)

    return property(read, assign, doc=doc)


class Network:
    """A feedforward network, as in Nielsen's network.py, on any array library.

    Args:
        sizes: The input, a number of values or a shape; then each number is a dense layer of
            so many neurons, and layer values may stand among them.
        backend: Which library computes: a name, or what `backends.get` returned, which decides
            device and dtype too.
        device: An index or what the library calls it; None is the library's default.
        dtype: float32, which is twice as fast and enough to train by, or float64.
        seed: Starts every backend from identical bits; None starts from chance.
        hidden_activation: Before the last layer: a name of `activations.ACTIVATIONS` or an
            `Activation`. sigmoid is the book's. `hidden` for short.
        output_activation: Of the last layer, likewise. `output` for short.
        cost: A name of `costs.COSTS` or a `Cost`; None: cross_entropy for softmax, else quadratic.
        initializer: A name of `initializers.INITIALIZERS` or an `Initializer`; lecun_normal is
            the book's improved start (chapter 3).
        task: A name of `metrics.TASKS`; None: regression for identity outputs, else classification.
        hidden: As `hidden_activation`.
        output: As `output_activation`.

    Raises:
        ValueError: Something named does not exist, or the parts do not go together.
        TypeError: Something is of another kind than it should be.

    Example:
        >>> Network([784, 30, 10]).sizes
        [784, 30, 10]
    """

    architecture: Architecture
    backend: Backend
    train_state: TrainState
    streams: Streams
    class_names: tuple[str, ...] | None
    history: list[Report]  # of the last `fit`

    def __init__(
        self,
        sizes: Sequence[Any],
        backend: str | Backend = "numpy",
        device: DeviceLike = None,
        dtype: str = "float32",
        seed: int | None = 0,
        *,
        hidden_activation: str | Activation = "sigmoid",
        output_activation: str | Activation = "sigmoid",
        cost: str | Cost | None = None,
        initializer: str | Initializer = "lecun_normal",
        task: str | None = None,
        hidden: str | Activation | None = None,
        output: str | Activation | None = None,
    ) -> None:
        hidden = hidden_activation if hidden is None else hidden
        output = output_activation if output is None else output
        architecture, streams = build(sizes, hidden, output, cost, initializer, task), random.spawn(seed)
        start = TrainState(*architecture.initialize(streams.initial), ())
        self.__setstate__(_made_of(architecture, backends.get(backend, device, dtype), start, streams))

    parameters = property(attrgetter("train_state.parameters"), doc="What gradients move: a named tuple per layer.")
    state = property(attrgetter("train_state.state"), doc="What the layers carry that no gradient moves.")
    layers = property(attrgetter("architecture.layers"), doc="The layers, activations and initializers filled in.")
    shapes = property(attrgetter("architecture.shapes"), doc="Of one example, and of what each layer makes of it.")
    cost = property(attrgetter("architecture.cost"), doc="The `Cost`; None for a network that cannot learn.")
    task = property(attrgetter("architecture.task"), doc="What `predict` returns: a name of `metrics.TASKS`.")

    # Today's face.

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 30,
        batch_size: int | None = None,
        optimizer: str | Optimizer | None = None,
        validation: Any = None,
        progress: bool | None = None,
        memory_limit: int | None = None,
    ) -> list[Report]:
        """Train from where the network stands, and return the report of each epoch.

        Args:
            x: Inputs (n, n_in), or in the place of x and y a `Dataset`, an (x, y) pair, or the
                book's list of column pairs. What does not fit the device is streamed from the
                host, with the same results.
            y: Labels (n,), names of classes, or targets (n, n_out). All else goes by its name.
            epochs: How often every example is seen; 30 as in the book.
            batch_size: How many examples a step learns from; None is 10 as in the book. Where there
                are fewer, all of them are one batch.
            optimizer: How it learns, started afresh; None is SGD at the book's learning rate.
            validation: What each report's `metrics` are about, in one argument, an (x, y) pair
                say; None measures nothing.
            progress: Whether to draw a bar; None draws one on a terminal only.
            memory_limit: In bytes, of x and y that are put on the device to stay, the training
                data first; None is as much as fits. Parameters, chunks, blocks of evaluation and
                arrays of the backend are not counted.

        Returns:
            A `Report` per epoch. They stay in `history`, and what stops training carries them as
            its own `history`.

        Raises:
            ValueError: Data or numbers do not suit, or the network cannot learn.
            TypeError: They are of another kind.
            FloatingPointError: Parameters or costs became NaN or infinite; the network is then
                as it was before that epoch.
            MemoryError: The device has no room for a chunk; what was learnt is kept.

        Example:
            >>> x, y = [[1.0, 0.0], [0.0, 1.0]], [0, 1]
            >>> [report] = Network([2, 3, 2]).fit(x, y, epochs=1, batch_size=2, validation=(x, y))
            >>> sorted(report.metrics)
            ['validation_accuracy', 'validation_cost']
        """
        how: dict[str, Any] = {
            "epochs": epochs,
            "batch_size": batch_size,
            "optimizer": optimizer,
            "memory_limit": memory_limit,
        }
        reports = self.iter_fit(x, y, validation=validation, **how)
        self.history = []
        return training.collect(with_progress(reports, progress), self.history)

    @on_device
    def iter_fit(
        self,
        x: Any,
        y: Any = None,
        *,
        epochs: int = 30,
        batch_size: int | None = None,
        optimizer: str | Optimizer | None = None,
        validation: Any = None,
        memory_limit: int | None = None,
    ) -> Iterator[Report]:
        """Check the arguments, those of `fit`, and return an iterator that trains while it is consumed.

        It yields a `Report` per chunk of mini-batches; in between one may look, save, or stop.
        """
        how = optimizers.get(optimizer, self.book_learning_rate)
        made_of = self.backend, self.architecture, how, self.streams
        data = self._by_name(as_dataset(x, y))
        validation = None if validation is None else self._by_name(as_dataset(validation), data.class_names)
        journey = training.prepare(*made_of, data, epochs, batch_size, validation, memory_limit)
        if data.class_names and len(data.class_names) == self.architecture.n_classes:
            self.class_names = data.class_names
        return self.backend.iterate_active(training.run(journey, self))

    @on_device
    def predict(self, x: ArrayLike) -> Array:
        """Return what the network answers to x: labels (n,), or as its `task` says.

        The values of a regression with one output are (n,) too, and one number for one example.

        Args:
            x: As in `feedforward`.

        Raises:
            ValueError: x has another shape, or holds NaN or infinity.
        """
        batch, restore = to_batch(self.backend, x, self.architecture.input_shape)
        if not isinstance(batch, Streamed):  # which is checked as it is read
            check_finite(batch, "x", self.backend.dtype)
        return restore(evaluation.decisions(self._trained, batch))

    @on_device
    def feedforward(self, x: ArrayLike) -> Array:
        """Return the outputs for x, (n, n_out), (n_out,) or (n_out, 1), in the kind of array that came in.

        Args:
            x: Inputs (n, n_in), one example (n_in,), or the book's column (n_in, 1). uint8
                means pixels. On the host it may be larger than the device.

        Raises:
            ValueError: x has another shape.
            TypeError: It is an array of another library, or of no numbers.

        Example:
            >>> Network([2, 3]).feedforward([[0.0, 1.0]]).shape
            (1, 3)
        """
        batch, restore = to_batch(self.backend, x, self.architecture.input_shape)
        return restore(evaluation.over_rows(evaluation.Outputs, self._trained, batch))

    @on_device
    def activations(self, x: ArrayLike) -> list[Array]:
        """Return what each layer after the input makes of x, the output last.

        Args:
            x: As in `feedforward`.
        """
        batch, restore = to_batch(self.backend, x, self.architecture.input_shape)
        return [restore(a) for a in evaluation.over_rows(evaluation.Activations, self._trained, batch)]

    @on_device
    def gradients(self, x: ArrayLike, y: ArrayLike) -> tuple[float, list[Any]]:
        """Return (cost, gradients) of the mean cost over a batch; the gradients mirror `parameters`.

        Args:
            x: As in `feedforward`.
            y: Labels (n,), names of classes, or targets (n, n_out); of one example a digit or a
                column too.
        """
        self.architecture.learnable_cost()
        batch, _ = to_batch(self.backend, x, self.architecture.input_shape)
        rows = batch.read(slice(None)) if isinstance(batch, Streamed) else batch
        labels = rows_of(self.backend, y, batch.shape[0], self.architecture.n_out, self.class_names)
        examples = self._to_device(Dataset(self.backend.asarray(rows), labels))
        cost, gradients = evaluation.gradients(self._trained, examples)
        return cost, gradients if self.backend.is_native(x) else map_arrays(self.backend.to_numpy, gradients)

    def accuracy(self, x: Any, y: Any = None) -> float:
        """Return the share of the examples that the network answers rightly, in [0, 1].

        Args:
            x: As in `fit`.
            y: Likewise.
        """
        examples = self._to_device(x, y)
        return self.evaluate(examples) / len(examples)

    def to(self, backend: str | Backend, device: DeviceLike = None, dtype: str | None = None) -> "Network":
        """Return a copy of the network on another backend, its streams as they stand.

        Args:
            backend: As in the constructor.
            device: Likewise.
            dtype: Likewise; None keeps the network's.
        """
        chosen = backends.get(backend, device, dtype or self.backend.dtype)
        moved = object.__new__(type(self))
        moved.__setstate__(self.__getstate__() | {"backend": chosen, "streams": deepcopy(self.streams)})
        return moved

    def summary(self) -> str:
        """Return the layers, the shapes of their outputs and their parameters as a table."""
        total = f"{parameters.count(self.parameters):,} parameters of {self.backend.dtype} on {self.backend.label}"
        return f"{self.architecture.table()}\n{total}, cost {self.architecture.cost_name}"

    def __repr__(self) -> str:
        return f"<Network {self.sizes} on {self.backend.label}, {self.backend.dtype}>"

    # The book's face.

    sizes = property(lambda net: list(net.architecture.sizes), doc="How many values go in, and come out of each layer.")
    book_learning_rate = property(attrgetter("architecture.book_learning_rate"), doc="Of its cost (chapters 1 and 3).")
    num_layers = property(lambda net: len(net.shapes), doc="The number of layers, the input counted.")

    weights = _field(
        "weights", "Of each layer that has some, (n_out, n_in), as read-only NumPy copies; assigning copies in."
    )
    biases = _field(
        "biases", "Of each layer that has some, columns (n_out, 1): read-only NumPy copies; assigning copies in."
    )

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
        self.train_state = training.step_once(*made_of, self._to_device(mini_batch), self.train_state)

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

    @on_device
    def confusion_matrix(self, x: Any, y: Any = None) -> HostArray:
        """Return how often each class (rows) was taken for each (columns), NumPy integers.

        Args:
            x: As in `fit`.
            y: Likewise.
        """
        self.architecture.check_classifies()
        return evaluation.confusion_matrix(self._trained, self._to_device(x, y))

    @on_device
    def cost_derivative(self, output_activations: Array, y: Array) -> Array:
        """Return dC/da = a - y, the derivative of the quadratic cost of one example; ValueError for another cost."""
        self.architecture.check_quadratic()
        return output_activations - y

    def load_weights(self, path: str | Path, max_bytes: int = MAX_BYTES) -> None:
        """Take over the weights and biases in a file, and nothing else of it.

        Args:
            path: Any file that `load` opens; the sizes must be the same.
            max_bytes: As in `load`.
        """
        saved, before = saving.read(path, max_bytes, self.backend.dtype), self.train_state
        try:
            self.weights = parameters.field_of(saved.parameters, "weights")
            self.biases = parameters.field_of(saved.parameters, "biases")
        except (ValueError, MemoryError) as error:  # out of memory between the two, say
            self.train_state = before
            raise type(error)(f"{path}: {error}") from None

    def save(self, path: str | Path) -> Path:
        """Write the network to an `.npz` file, atomically, and return its path.

        For `np.load` it holds sizes `s`, weights `w1`, ..., biases `b1`, ..., and a JSON `header`.

        Args:
            path: The file; ".npz" is added to a name that lacks it.

        Raises:
            OSError: It cannot be written; what was there is then still there.
            ValueError: The network holds a formula of your own, which no file can bring along.
        """
        parameters, state, _ = map_arrays(self.backend.to_numpy, self.train_state)
        saved = SavedNetwork(self.architecture, self.backend.dtype, self.class_names, parameters, state)
        return saving.write(path, saved)

    @classmethod
    def load(
        cls,
        path: str | Path,
        backend: str | Backend = "numpy",
        device: DeviceLike = None,
        dtype: str | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> "Network":
        """Return the network in a file. No file is trusted, and nothing is unpickled.

        Args:
            path: What `save` wrote, ".npz" or not, or `np.savez` by hand from the book's network;
                network2's JSON (Nielsen); sample_weight.pkl (Saito).
            backend: As in the constructor.
            device: Likewise.
            dtype: Likewise; None is the file's.
            max_bytes: At most so much is unpacked of other programs' files; 512 MiB.

        Raises:
            OSError: The file cannot be read.
            ValueError: It holds no network.
        """
        saved = saving.read(path, max_bytes, backend.dtype if isinstance(backend, Backend) else dtype)
        if saved.assumption:
            warn(f"{path}: {saved.assumption}.")
        chosen, start = backends.get(backend, device, saved.dtype), TrainState(saved.parameters, saved.state, ())
        net = object.__new__(cls)
        net.__setstate__(_made_of(saved.architecture, chosen, start, random.spawn(0), saved.class_names))
        return net

    def __getstate__(self) -> dict[str, Any]:  # as NumPy arrays: not every library's can be pickled
        return self.__dict__ | {"train_state": map_arrays(self.backend.to_numpy, self.train_state)}

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        self.__dict__.update(attributes)
        self.train_state = map_arrays(self.backend.copy_to_device, self.train_state)

    @property
    def _trained(self) -> Trained:
        return Trained(self.backend, self.architecture, self.parameters, self.state)

    def _by_name(self, data: Dataset, class_names: tuple[str, ...] | None = None) -> Dataset:
        return by_name(data, self.class_names or class_names, self.architecture)

    @on_device
    def _to_device(self, data: Any, y: Any = None) -> DeviceData:
        if isinstance(data, DeviceData):
            return data
        return to_device(self.backend, self._by_name(as_dataset(data, y)), self.architecture)
