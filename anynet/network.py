"""The network: the face of everything else.

`Network` holds an architecture, a backend, what it has learnt, its random streams and the
names of its classes; it checks what comes in at the door and hands on. The mathematics is in
backprop.py, the journeys in training.py and evaluation.py.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from anynet import backends, evaluation, optimizers, parameters, random, saving, training
from anynet.activations import Activation
from anynet.architecture import Architecture, build
from anynet.backends import Backend
from anynet.costs import Cost
from anynet.data import Dataset, DeviceData, as_dataset, check_finite, rows_of, to_batch, to_device
from anynet.formats.bounded import MAX_BYTES
from anynet.initializers import Initializer
from anynet.layers import Layer
from anynet.optimizers import SGD, Optimizer
from anynet.parameters import map_arrays
from anynet.progress import with_progress
from anynet.random import Streams
from anynet.saving import SavedNetwork
from anynet.training import Report
from anynet.typing import Array, ArrayLike, DeviceLike, HostArray, Parameters, Shape, TrainState

__all__ = ["Network"]

P = ParamSpec("P")
R = TypeVar("R")


def _on_device(method: Callable[Concatenate["Network", P], R]) -> Callable[Concatenate["Network", P], R]:
    """Return the method of a network, run with its backend active."""

    @wraps(method)
    def run(self: "Network", /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.backend.active():
            return method(self, *args, **kwargs)

    return run


class Network:
    """A feedforward network, as in Nielsen's network.py, on any array library.

    Args:
        sizes: The input, a number of values or a shape; then each number is a dense layer of
            so many neurons, and layer values may stand among them.
        backend: Which library computes: a name of `backends.get`, or what it returned, which
            then decides device and dtype too.
        device: An index or what the library calls it; None is the library's default.
        dtype: float32, which is twice as fast and enough to train by, or float64.
        seed: Of all that is random. The same one starts every backend from identical bits;
            None starts from chance.
        hidden_activation: Of the layers before the last, a name of `activations.ACTIVATIONS`
            or an `Activation`. sigmoid is the book's.
        output_activation: Of the last layer; softmax is for outputs only.
        cost: A name of `costs.COSTS` or a `Cost`. None is cross_entropy for softmax, else
            quadratic.
        initializer: A name of `initializers.INITIALIZERS` or an `Initializer`; lecun_normal is
            the book's improved start (chapter 3).
        task: A name of `metrics.TASKS`: what `predict` returns. None is regression for
            identity outputs, else classification.
        hidden: Short for `hidden_activation`.
        output: Short for `output_activation`.

    Raises:
        ValueError: Something named does not exist, or the parts do not go together.
        TypeError: Something is of another kind than it should be.
        ImportError: The backend's library is not installed.

    Example:
        >>> Network([784, 30, 10]).sizes
        [784, 30, 10]
    """

    architecture: Architecture
    backend: Backend
    train_state: TrainState
    streams: Streams
    class_names: tuple[str, ...] | None

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
        architecture = build(sizes, hidden, output, cost, initializer, task)
        streams = random.spawn(seed)
        chosen = backend if isinstance(backend, Backend) else backends.get(backend, device, dtype)
        self._hold(architecture, chosen, architecture.initialize(streams.initial), streams, None)

    def _hold(
        self,
        architecture: Architecture,
        backend: Backend,
        learnt: tuple[Parameters, list[Any]],
        streams: Streams,
        class_names: tuple[str, ...] | None,
    ) -> "Network":
        """Hold all that makes a network, its arrays copied to the device."""
        self.architecture, self.backend, self.streams, self.class_names = architecture, backend, streams, class_names
        parameters, state = map_arrays(backend.copy_to_device, learnt)
        self.train_state = TrainState(parameters, state, ())
        return self

    # Today's face.

    def fit(
        self,
        data: Any,
        epochs: int = 30,
        batch_size: int = 10,
        optimizer: str | Optimizer | None = None,
        *,
        validation: Any = None,
        progress: bool | None = None,
        memory_limit: int | None = None,
    ) -> list[Report]:
        """Train, and return the report of each epoch.

        Training goes on from where the network stands, with an optimizer that starts afresh.
        Data stay on the device as long as training lasts; what does not fit there is streamed
        from the host, a chunk of mini-batches at a time, with the same results.

        Args:
            data: A `Dataset`, an (x, y) pair of arrays, or the book's list of column pairs.
            epochs: How often every example is seen, at least 1; 30 as in the book.
            batch_size: How many examples a step learns from, at least 1; 10 as in the book.
            optimizer: How it learns; None is SGD at the book's learning rate for the cost.
            validation: Data in any of these forms: each report's `metrics` say how the network
                does on them.
            progress: Whether to draw a bar; None draws one on a terminal only.
            memory_limit: In bytes, of the x and y of both data sets that are put on the device
                to stay, the training data first. Parameters, chunks, blocks of evaluation and
                the order of an epoch are not counted, nor arrays of the backend. None is as
                much as fits.

        Returns:
            A `Report` per epoch.

        Raises:
            ValueError: Data or numbers do not suit; or the network cannot learn.
            TypeError: They are of another kind.
            FloatingPointError: Parameters or costs became NaN or infinite; the network is then
                as it was before that epoch.
            MemoryError: The device has no room for a chunk; what was learnt is kept.

        Example:
            >>> import numpy as np
            >>> x, y = np.eye(4), np.arange(4) % 2
            >>> [report] = Network([4, 3, 2]).fit((x, y), epochs=1, batch_size=2, validation=(x, y))
            >>> sorted(report.metrics)
            ['validation_accuracy', 'validation_cost']
        """
        reports = self.iter_fit(data, epochs, batch_size, optimizer, validation=validation, memory_limit=memory_limit)
        return [report for report in with_progress(reports, progress) if report.is_epoch_end]

    @_on_device
    def iter_fit(
        self,
        data: Any,
        epochs: int = 30,
        batch_size: int = 10,
        optimizer: str | Optimizer | None = None,
        *,
        validation: Any = None,
        memory_limit: int | None = None,
    ) -> Iterator[Report]:
        """Check the data, and return an iterator that trains while it is consumed.

        It yields a `Report` per chunk of mini-batches; the last one of an epoch carries the
        metrics. Whoever iterates may look at the network, save it, or stop, in between.
        Arguments and errors are those of `fit`.
        """
        rule = optimizers.get(optimizer, self.book_learning_rate)
        journey = training.prepare(
            self.backend, self.architecture, rule, self.streams, data, epochs, batch_size, validation, memory_limit
        )
        names = journey.examples.class_names
        if names and len(names) == self.architecture.n_classes:
            self.class_names = names
        self.train_state = training.start(self.backend, rule, self.train_state)
        return self.backend.iterate_active(training.run(journey, self.train_state, self._keep))

    def _keep(self, train_state: TrainState) -> None:
        self.train_state = train_state

    @_on_device
    def predict(self, x: ArrayLike) -> Array:
        """Return what the network answers to x.

        Args:
            x: As in `feedforward`.

        Returns:
            Labels (n,), or as its `task` says, in the kind of array that came in.

        Raises:
            ValueError: x has another shape, or holds NaN or infinity.

        Example:
            >>> Network([2, 3]).predict([[0.0, 1.0]]).shape
            (1,)
        """
        batch, restore = self._batch(x)
        check_finite(batch, "x")
        return restore(evaluation.decisions(self.backend, self.architecture, self._learnt, batch))

    @_on_device
    def feedforward(self, x: ArrayLike) -> Array:
        """Return the outputs of the network for x.

        Args:
            x: Inputs (n, n_in); one example (n_in,), or the book's column (n_in, 1). uint8
                means pixels, and is scaled to [0, 1]. What is larger than the device is worked
                off in blocks.

        Returns:
            (n, n_out), (n_out,) or (n_out, 1). Arrays of the backend come back as such,
            anything else as NumPy arrays.

        Raises:
            ValueError: x has another shape.
            TypeError: It is an array of another library, or of no real numbers.

        Example:
            >>> Network([2, 3]).feedforward([[0.0, 1.0]]).shape
            (1, 3)
        """
        batch, restore = self._batch(x)
        return restore(evaluation.over_rows(evaluation.Outputs, self.backend, self.architecture, self._learnt, batch))

    @_on_device
    def activations(self, x: ArrayLike) -> list[Array]:
        """Return what each layer after the input makes of x, the output last.

        Args:
            x: As in `feedforward`.

        Returns:
            An array (n, ...) per layer.

        Example:
            >>> [a.shape for a in Network([2, 4, 3]).activations([[0.0, 1.0]])]
            [(1, 4), (1, 3)]
        """
        batch, restore = self._batch(x)
        question = evaluation.Activations
        return [
            restore(a) for a in evaluation.over_rows(question, self.backend, self.architecture, self._learnt, batch)
        ]

    @_on_device
    def gradients(self, x: ArrayLike, y: ArrayLike) -> tuple[float, list[Any]]:
        """Return the mean cost over a batch, and its gradients. Nothing of the network changes.

        Args:
            x: As in `feedforward`.
            y: Labels (n,) or targets (n, n_out); of one example a digit or a column too.

        Returns:
            (cost, gradients): the gradients mirror `parameters`, an entry per layer with the
            fields `weights` and `biases`, `()` for one without.

        Raises:
            ValueError: The network cannot learn, or x and y do not suit.

        Example:
            >>> cost, gradients = Network([2, 3]).gradients([[0.0, 1.0]], [2])
            >>> gradients[0].weights.shape
            (3, 2)
        """
        self.architecture.learnable_cost()
        batch, _ = self._batch(x)
        labels = rows_of(self.backend, y, batch.shape[0], self.architecture.n_out)
        examples = self._to_device(Dataset(self.backend.asarray(batch), labels))
        cost, gradients = evaluation.gradients(self.backend, self.architecture, self._learnt, examples)
        return cost, gradients if self.backend.is_native(x) else map_arrays(self.backend.to_numpy, gradients)

    def accuracy(self, data: Any) -> float:
        """Return the share of the examples that the network answers rightly, in [0, 1].

        Args:
            data: As in `fit`.

        Raises:
            ValueError: Its task is regression, or the data do not suit.
        """
        examples = self._to_device(data)
        return self.evaluate(examples) / len(examples)

    def to(self, backend: str | Backend, device: DeviceLike = None, dtype: str | None = None) -> "Network":
        """Return the same network on another backend; the network itself is untouched.

        Args:
            backend: As in the constructor.
            device: Likewise.
            dtype: Likewise; None keeps the network's.

        Returns:
            A network with arrays of its own; the random streams go along as they stand.

        Example:
            >>> Network([2, 3]).to("numpy", dtype="float64").backend.dtype
            'float64'
        """
        chosen = backend if isinstance(backend, Backend) else backends.get(backend, device, dtype or self.backend.dtype)
        moved = object.__new__(type(self))
        return moved._hold(self.architecture, chosen, self._on_host(), deepcopy(self.streams), self.class_names)

    def summary(self) -> str:
        """Return the layers, the shapes of their outputs and their parameters as a table."""
        total = f"{parameters.count(self.parameters):,} parameters of {self.backend.dtype} on {self.backend.label}"
        return f"{self.architecture.table()}\n{total}, cost {self.architecture.cost_name}"

    def __repr__(self) -> str:
        return f"<Network {self.sizes} on {self.backend.label}, {self.backend.dtype}>"

    # What it is made of.

    @property
    def parameters(self) -> Parameters:
        """What gradients move, where it lives: a named tuple per layer, `()` for one without."""
        return self.train_state.parameters

    @property
    def state(self) -> list[Any]:
        """What the layers carry that no gradient moves, where it lives."""
        return self.train_state.state

    @property
    def _learnt(self) -> tuple[Parameters, list[Any]]:
        return self.train_state.parameters, self.train_state.state

    @property
    def layers(self) -> list[Layer]:
        """The layers, with the activations and initializers that they take."""
        return [layer for layer, _ in self.architecture.stages]

    @property
    def shapes(self) -> list[Shape]:
        """The shape of one example, and of what each layer makes of it."""
        return self.architecture.shapes

    @property
    def cost(self) -> Cost | None:
        """The cost; None for a network that cannot learn."""
        return self.architecture.cost

    @property
    def task(self) -> str:
        """What `predict` returns: a name of `metrics.TASKS`."""
        return self.architecture.task

    @property
    def book_learning_rate(self) -> float:
        """The learning rate that the book uses with the network's cost (chapters 1 and 3)."""
        return self.architecture.learnable_cost().learning_rate

    # The book's face.

    @property
    def sizes(self) -> list[int]:
        """How many values go in, and come out of each layer."""
        return list(self.architecture.sizes)

    @property
    def num_layers(self) -> int:
        """The number of layers, the input counted, as in the book."""
        return len(self.architecture.shapes)

    @property
    def weights(self) -> tuple[HostArray, ...]:
        """The weights (n_out, n_in) of each layer that has some, as NumPy copies.

        Assigning checks the shapes and copies in.
        """
        return tuple(map(self.backend.to_numpy, parameters.field_of(self.parameters, "weights")))

    @weights.setter
    def weights(self, new: Sequence[ArrayLike]) -> None:
        self._assign("weights", new)

    @property
    def biases(self) -> tuple[HostArray, ...]:
        """The biases of each layer that has some, columns (n_out, 1), as NumPy copies.

        Assigning checks the shapes and copies in.
        """
        return tuple(self.backend.to_numpy(b)[:, None] for b in parameters.field_of(self.parameters, "biases"))

    @biases.setter
    def biases(self, new: Sequence[ArrayLike]) -> None:
        self._assign("biases", new)

    def _assign(self, field: str, new: Sequence[ArrayLike]) -> None:
        assigned = parameters.with_field(self.parameters, field, new, self.backend.copy_to_device, self.sizes)
        self.train_state = self.train_state._replace(parameters=assigned)

    def SGD(self, training_data: Any, epochs: int, mini_batch_size: int, eta: float, test_data: Any = None) -> None:
        """Train by stochastic gradient descent and print a line per epoch, as in the book.

        The line is "Epoch 0: 9045 / 10000", the right answers among the test data, or
        "Epoch 0 complete" without them.

        Args:
            training_data: As in `fit`.
            epochs: How often every example is seen.
            mini_batch_size: How many examples a step learns from.
            eta: The learning rate.
            test_data: As in `fit`.

        Raises:
            ValueError: As in `fit`, or with test data for a task whose answers are not right or wrong.
        """
        test = None if test_data is None else as_dataset(test_data)
        if test is not None:
            self.architecture.check_can_be_right()
        for report in self.iter_fit(training_data, epochs, mini_batch_size, SGD(eta), validation=test):
            if report.is_epoch_end:
                print(
                    f"Epoch {report.epoch}" + (" complete" if test is None else f": {report.n_correct} / {len(test)}")
                )

    @_on_device
    def update_mini_batch(self, mini_batch: Any, eta: float) -> None:
        """Take one step of gradient descent on the mean cost of a mini-batch.

        Args:
            mini_batch: A list of pairs (x, y), or data as in `fit`.
            eta: The learning rate.
        """
        examples = self._to_device(mini_batch)
        self.train_state = training.step_once(
            self.backend, self.architecture, SGD(eta), self.train_state, examples, self.streams
        )

    def backprop(self, x: ArrayLike, y: ArrayLike) -> tuple[list[Array], list[Array]]:
        """Return (nabla_b, nabla_w), the gradient of the cost of one example.

        Args:
            x: A column (n_in, 1).
            y: A column (n_out, 1), or a digit.

        Returns:
            Gradients in the shapes of `biases` and `weights`.
        """
        _, gradients = self.gradients(x, y)
        nabla_b = [biases[:, None] for biases in parameters.field_of(gradients, "biases")]
        return nabla_b, parameters.field_of(gradients, "weights")

    @_on_device
    def confusion_matrix(self, data: Any) -> HostArray:
        """Return how often each class was taken for each.

        Args:
            data: As in `fit`.

        Returns:
            NumPy integers (n_classes, n_classes): entry (i, j) counts the examples of class i
            that the network takes for class j.

        Raises:
            ValueError: Its task is not classification, or the data do not suit.
        """
        if self.task != "classification":
            raise ValueError(
                f"confusion_matrix: expected a network that classifies, got one whose task is {self.task}."
            )
        examples = self._to_device(data)
        return evaluation.confusion_matrix(self.backend, self.architecture, self._learnt, examples)

    @_on_device
    def evaluate(self, test_data: Any) -> int:
        """Return for how many of the examples the network's answer is right.

        Args:
            test_data: As in `fit`.

        Raises:
            ValueError: Its task is regression, or the data do not suit.
        """
        self.architecture.check_can_be_right()
        examples = self._to_device(test_data)
        return int(evaluation.totals(self.backend, self.architecture, self._learnt, examples).n_correct)

    @_on_device
    def cost_derivative(self, output_activations: Array, y: Array) -> Array:
        """Return dC/da = a - y, the derivative of the quadratic cost of one example.

        Raises:
            ValueError: The cost is another: its error is taken from z, where it is simpler.
        """
        name = self.architecture.cost_name
        if name != "quadratic":
            raise ValueError(f"cost_derivative: expected the quadratic cost, got {name}. Use backprop(x, y).")
        return output_activations - y

    # Files.

    def load_weights(self, path: str | Path, max_bytes: int = MAX_BYTES) -> None:
        """Take over the weights and biases in a file, and nothing else of it.

        Args:
            path: Any file that `load` opens.
            max_bytes: As in `load`.

        Raises:
            OSError: It cannot be read.
            ValueError: The sizes are not the same; the network is then as it was.
            MemoryError: The device is full; likewise.
        """
        saved, before = saving.read(path, max_bytes, self.backend.dtype), self.train_state
        try:
            self.weights = parameters.field_of(saved.parameters, "weights")
            self.biases = parameters.field_of(saved.parameters, "biases")
        except (ValueError, MemoryError) as error:  # out of memory between the two, say
            self.train_state = before
            raise type(error)(f"{path}: {error}") from None

    def save(self, path: str | Path) -> Path:
        """Write the network to an `.npz` file, atomically.

        `np.load` reads it: `s` holds the sizes, `w1`, `b1`, `w2`, `b2`, ... weights (n_out,
        n_in) and biases (n_out, 1), `header` a description in JSON. It opens on any backend.

        Args:
            path: The file; ".npz" is added to a name that lacks it.

        Returns:
            The path of the file.

        Raises:
            OSError: It cannot be written; what was there is then still there.
            ValueError: The network holds an activation, cost, initializer or layer of your own,
                which no file can bring along.
        """
        return saving.write(
            path, SavedNetwork(self.architecture, self.backend.dtype, self.class_names, *self._on_host())
        )

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
            path: An `.npz` that `save` wrote, or `np.savez` by hand from the book's network
                (sigmoid and the quadratic cost are then assumed, with a warning); network2's
                JSON (Nielsen); sample_weight.pkl (Saito).
            backend: As in the constructor.
            device: Likewise.
            dtype: Likewise; None is the file's.
            max_bytes: Of other programs' files, at most so much is unpacked; 512 MiB.

        Raises:
            OSError: The file cannot be read.
            ValueError: It holds no network.
        """
        if isinstance(backend, Backend):
            dtype = backend.dtype
        elif dtype is not None:
            backend = backends.get(backend, device, dtype)
        saved = saving.read(path, max_bytes, dtype)
        if saved.assumption:
            warnings.warn(f"{path}: {saved.assumption}.", stacklevel=2)
        chosen = backend if isinstance(backend, Backend) else backends.get(backend, device, saved.dtype)
        net, learnt = object.__new__(cls), (saved.parameters, saved.state)
        return net._hold(saved.architecture, chosen, learnt, random.spawn(0), saved.class_names)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle arrays as NumPy arrays: not every library's can be pickled."""
        return self.__dict__ | {"train_state": map_arrays(self.backend.to_numpy, self.train_state)}

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        self.__dict__.update(attributes)
        self.train_state = map_arrays(self.backend.copy_to_device, self.train_state)

    # The door.

    def _batch(self, x: ArrayLike) -> tuple[Array, Callable[[Array], Array]]:
        return to_batch(self.backend, x, self.architecture.input_shape)

    @_on_device
    def _to_device(self, data: Any) -> DeviceData:
        return to_device(self.backend, data, self.architecture)

    def _on_host(self) -> tuple[Parameters, list[Any]]:
        learnt: tuple[Parameters, list[Any]] = map_arrays(self.backend.to_numpy, self._learnt)
        return learnt
