"""The network: layers, and what they have learnt.

`Network` ties layers, a cost, an optimizer and a backend together. Backpropagation is here,
in matrix form over a mini-batch, its lines marked with the book's equations BP1 to BP4
(Nielsen, chapter 2). Inside, data are batch-first, x (n, n_in) and y (n, n_out), and live
on the backend's device; at the door NumPy arrays, single examples and the book's column
vectors will do as well. No array library is named here.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import partial, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from anynet import activations, backends, batches, brains, costs, metrics, random, training
from anynet.backends import Array, Backend, as_it_is
from anynet.batches import Batch, Placed
from anynet.brains import Brain
from anynet.checks import look_up
from anynet.datasets import Dataset, as_dataset
from anynet.formats.bounded import MAX_BYTES
from anynet.layers import Shape, map_arrays, read_sizes
from anynet.optimizers import SGD, Optimizer, check_optimizer
from anynet.progress import shown
from anynet.training import Report

P = ParamSpec("P")
R = TypeVar("R")

BOOK_LEARNING_RATES = {"quadratic": 3.0, "cross_entropy": 0.5}


def _no_derivative(*_: Array) -> Array:
    raise AssertionError("networks that cannot learn are refused before")


def _on_device(method: Callable[Concatenate["Network", P], R]) -> Callable[Concatenate["Network", P], R]:
    """Return the method of a network, run with its backend active."""

    @wraps(method)
    def run(self: "Network", /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.backend.active():
            return method(self, *args, **kwargs)

    return run


class Network:
    """A feedforward network, as in Nielsen's network.py, on any array library.

    `sizes` begins with the input, a number of values or a shape; each number after it is a
    dense layer of so many neurons, and layer values may stand among them. `backend`,
    `device` and `dtype` are those of `backends.get`; what it returned may be `backend`, which
    then decides all three. The same `seed` starts every backend from identical bits, and
    None from chance. `hidden` and `output` name the activations
    (`activations.ACTIVATIONS`); `cost` None is cross_entropy for softmax, else quadratic
    (`costs.COSTS`); `initializer` names one of `initializers.INITIALIZERS`; `task`, one of
    `metrics.TASKS`, says what `predict` returns: regression for identity outputs, else
    classification, unless told otherwise. Raises ValueError for what does not exist.

    >>> Network([784, 30, 10]).sizes
    [784, 30, 10]
    """

    def __init__(
        self,
        sizes: Sequence[Any],
        backend: str | Backend = "numpy",
        device: Any = None,
        dtype: str = "float32",
        seed: int | None = 0,
        *,
        hidden: str = "sigmoid",
        output: str = "sigmoid",
        cost: str | None = None,
        initializer: str = "scaled_normal",
        task: str | None = None,
    ) -> None:
        for name in (hidden, output):  # unknown ones are refused even where no layer takes them
            activations.get(name)
        input_shape, self.layers = read_sizes(sizes, hidden, output, initializer)
        self._activations = [activations.get(layer.activation or "identity") for layer in self.layers]
        for f in self._activations[:-1]:
            if f.is_for_outputs_only:
                raise ValueError(f"hidden: expected an activation for hidden layers, got {f.name}, for outputs only.")
        output = self._activations[-1].name
        self.cost = costs.get(cost, output)
        self.task = task or ("regression" if output == "identity" else "classification")
        look_up(metrics.TASKS, self.task, "task")
        self.classes: tuple[str, ...] | None = None

        self.backend = backend if isinstance(backend, Backend) else backends.get(backend, device, dtype)
        self.streams = random.spawn(seed)
        self.shapes: list[Shape] = [input_shape]
        self.parameters: list[Any] = []
        self.state: list[Any] = []
        for layer in self.layers:
            self.shapes.append(layer.output_shape(self.shapes[-1]))
            parameters, state = layer.initialize(self.shapes[-2], self.streams.initial)
            self.parameters.append(map_arrays(self.backend.parameter, parameters))
            self.state.append(map_arrays(self.backend.parameter, state))
        self._bind()

    def _bind(self) -> None:
        """Take the formulas as the backend computes them best, fused where it can."""
        self._values, self._derivatives = [], []
        for f in self._activations:
            take = self.backend.fuse if f.fusible else as_it_is
            self._values.append(take(f.value))
            self._derivatives.append(take(f.derivative or _no_derivative))
        self._delta = self.backend.fuse(self.cost.delta) if self.cost else _no_derivative

    # The mathematics. Here x and y are on the device, batch-first, in the backend's dtype.

    def _forward(self, a: Array) -> Iterator[tuple[Array, Array]]:
        """Yield each layer's weighted input z and activation a, the output's last."""
        xp = self.backend.xp
        for layer, value, p, s in zip(self.layers, self._values, self.parameters, self.state, strict=True):
            z, _, _ = layer.forward(xp, p, s, a, False, None)
            a = value(xp, z)
            yield z, a

    def _output(self, x: Array) -> Array:
        for _, a in self._forward(x):  # noqa: B007
            pass
        return a

    def _check_can_learn(self) -> None:
        for f in self._activations:
            if f.derivative is None and not f.is_for_outputs_only:
                raise ValueError(
                    f"fit: expected activations with a useful derivative, got {f.name}. Such a network computes "
                    "with the weights it is given, but cannot learn. Take sigmoid, say."
                )

    def _check_can_be_right(self) -> None:
        if self.task == "regression":
            raise ValueError(
                "evaluate: expected a network whose answers are right or wrong, got one whose task is "
                "regression. Compare feedforward(x) with y."
            )

    def _backpropagate(self, x: Array, y: Array, is_training: bool) -> tuple[Array, Array, list[Any], list[Any]]:
        """Return z and a of the output, the gradients of the mean cost, and the next state."""
        xp, parameters = self.backend.xp, self.parameters
        a, zs, outputs, memories, state = x, [], [], [], []
        for layer, value, p, s in zip(self.layers, self._values, parameters, self.state, strict=True):
            z, memory, s = layer.forward(xp, p, s, a, is_training, None)
            a = value(xp, z)
            zs.append(z)
            outputs.append(a)
            memories.append(memory)
            state.append(s)

        gradients: list[Any] = [()] * len(memories)
        delta = self._delta(xp, z, a, y)  # BP1
        delta *= 1.0 / x.shape[0]  # of the mean: folded in here, where the array is smallest
        for l in range(len(memories) - 1, -1, -1):
            gradients[l], error = self.layers[l].backward(xp, parameters[l], memories[l], delta, l > 0)  # BP3, BP4
            if l > 0:
                delta = error * self._derivatives[l - 1](xp, zs[l - 1], outputs[l - 1])  # BP2
        return z, a, gradients, state

    def _step(self, batch: Batch, optimizer: Optimizer, optimizer_state: Any) -> Any:
        """Learn from one mini-batch (x, y), and return the optimizer's next state."""
        _, _, gradients, self.state = self._backpropagate(*batch, True)
        self.parameters, optimizer_state = optimizer.update(
            self.backend.xp, self.parameters, gradients, optimizer_state, self.backend.fuse
        )
        return optimizer_state

    # Today's face.

    def fit(
        self,
        data: Any,
        epochs: int = 30,
        batch_size: int = 10,
        optimizer: Optimizer | None = None,
        *,
        validation: Any = None,
        progress: bool | None = None,
        memory_limit: int | None = None,
    ) -> list[Report]:
        """Train, and return the report of each epoch.

        `data` and `validation` are a `Dataset`, an (x, y) pair of arrays, or the book's list
        of column pairs; each report's `metrics` say how the network does on the validation
        data. `optimizer` None is SGD at the book's learning rate for the cost. `progress`
        None draws a bar on a terminal only. Training goes on from where the network stands.

        Data stay on the device as long as training lasts; what does not fit there is
        streamed from the host, a chunk of mini-batches at a time, with the same results.
        `memory_limit` bounds, in bytes, the x and y of both data sets that are put on the
        device to stay, the training data first; parameters, chunks and the order of an epoch
        are not counted, nor arrays of the backend that are handed in.

        Raises ValueError or TypeError for data or numbers that do not suit,
        FloatingPointError if the parameters become NaN or infinite, and MemoryError if the
        device has no room for a chunk; the network then keeps what it has learnt.
        """
        reports = self.training(data, epochs, batch_size, optimizer, validation=validation, memory_limit=memory_limit)
        return [report for report in shown(reports, progress) if report.metrics is not None]

    @_on_device
    def training(
        self,
        data: Any,
        epochs: int = 30,
        batch_size: int = 10,
        optimizer: Optimizer | None = None,
        *,
        validation: Any = None,
        memory_limit: int | None = None,
    ) -> Iterator[Report]:
        """Check the data, and return an iterator that trains while it is consumed.

        It yields a `Report` per chunk of mini-batches; the last one of an epoch carries the
        metrics. Whoever iterates may look at the network, save it, or stop, in between.
        Arguments are as in `fit`.
        Raises FloatingPointError at the end of an epoch whose parameters are not finite,
        with the network as it was before that epoch.
        """
        self._check_can_learn()
        optimizer = optimizer or SGD(self.book_learning_rate)
        check_optimizer(optimizer)
        room = batches.room_within(memory_limit)
        examples = self._placed(data, room)
        held_out = None if validation is None else self._placed(validation, room - examples.kept)
        training.check_counts(epochs, batch_size, len(examples))
        batches.warn_of_pixels(examples)
        if examples.classes and len(examples.classes) == max(self._n_out, 2):  # one output tells two classes apart
            self.classes = examples.classes
        optimizer_state = optimizer.initialize(self.backend.xp, self.parameters)
        last_good = self._snapshot()

        def step(batch: Batch) -> None:
            nonlocal optimizer_state
            optimizer_state = self._step(batch, optimizer, optimizer_state)

        def measure(epoch: int) -> dict[str, float]:
            nonlocal last_good
            is_finite, measured = self._measured(held_out)
            if not is_finite:
                self.parameters, self.state = last_good
                raise FloatingPointError(
                    f"epoch {epoch}: expected finite parameters and costs, got NaN or infinity. Most often the "
                    f"learning rate is too large; here the optimizer is {optimizer}. The network is as it was "
                    "before this epoch."
                )
            last_good = self._snapshot()
            return measured

        reports = training.run(
            epochs,
            len(examples),
            chunks=lambda: batches.shuffled(self.backend, examples, batch_size, self._n_out, self.streams.order),
            step=step,
            synchronize=self.backend.synchronize,
            measure=measure,
        )
        return self.backend.each(reports)

    @_on_device
    def predict(self, x: Any) -> Array:
        """Return what the network answers to x: labels (n,), or as its `task` says.

        x is as in `feedforward`, and so is what comes back. Raises ValueError for NaN.
        """
        batch, leave = self._enter(x)
        batches.check_finite(batch, "x")
        return leave(metrics.answers(self.backend.xp, self._outputs(batch), self.task))

    @_on_device
    def feedforward(self, x: Any) -> Array:
        """Return the outputs of the network for x.

        x (n, n_in) gives (n, n_out); one example (n_in,) gives (n_out,); the book's column
        (n_in, 1) gives (n_out, 1). uint8 means pixels and is scaled to [0, 1]. Arrays of
        the backend come back as such, anything else as NumPy arrays.
        """
        batch, leave = self._enter(x)
        return leave(self._outputs(batch))

    @_on_device
    def activations(self, x: Any) -> list[Array]:
        """Return one array per layer after the input, the output last; x as in `feedforward`."""
        batch, leave = self._enter(x)
        return [leave(a) for _, a in self._forward(batches.inputs(self.backend, batch))]

    @_on_device
    def gradients(self, x: Any, y: Any) -> tuple[float, list[Any]]:
        """Return (cost, gradients) of the mean cost over a batch x with its y.

        The gradients mirror `parameters`: for each layer an entry with the fields `weights`
        and `biases`, or () for a layer without. Nothing of the network changes.
        """
        xp = self.backend.xp
        self._check_can_learn()
        batch, _ = self._enter(x)
        examples = self._placed(Dataset(batch, self._rows_of(y, batch.shape[0])))
        y = batches.targets(self.backend, examples.y, self._n_out)
        z, a, gradients, _ = self._backpropagate(batches.inputs(self.backend, examples.x), y, False)
        cost = float(xp.mean(self._cost_of(z, a, y)))
        return cost, gradients if self.backend.owns(x) else self._on_host(gradients)

    def accuracy(self, data: Any) -> float:
        """Return the share of the examples that the network answers rightly, in [0, 1]."""
        examples = self._placed(data)
        return self.evaluate(examples) / len(examples)

    def to(self, backend: str | Backend, device: Any = None, dtype: str | None = None) -> "Network":
        """Return the same network on another backend, device or dtype; None keeps the dtype.

        The random streams go along as they stand; the network itself is untouched.
        """
        moved = object.__new__(type(self))  # copy() would take the arrays to the host and back
        moved.__dict__.update(self.__dict__)
        dtype = dtype or self.backend.dtype
        moved.backend = backend if isinstance(backend, Backend) else backends.get(backend, device, dtype)
        moved.streams = deepcopy(self.streams)
        moved.parameters = [map_arrays(moved.backend.parameter, p) for p in self._on_host(self.parameters)]
        moved.state = [map_arrays(moved.backend.parameter, s) for s in self._on_host(self.state)]
        moved._bind()
        return moved

    def summary(self) -> str:
        """Return the layers, the shapes of their outputs and their parameters as a table."""
        counts = [sum(math.prod(array.shape) for array in p) for p in self.parameters]
        rows = [("layer", "output", "activation", "parameters"), ("input", str(self.shapes[0]), "", "")]
        for layer, f, shape, count in zip(self.layers, self._activations, self.shapes[1:], counts, strict=True):
            rows.append((type(layer).__name__, str(shape), f.name, f"{count:,}"))
        lines = [f"{kind:<10}{shape:<16}{f:<12}{count:>12}" for kind, shape, f, count in rows]
        total = f"{sum(counts):,} parameters of {self.backend.dtype} on {self.backend.place}, cost {self._cost_name}"
        return "\n".join([*lines, total])

    def __repr__(self) -> str:
        return f"<Network {self.sizes} on {self.backend.place}, {self.backend.dtype}>"

    # The book's face.

    @property
    def sizes(self) -> list[int]:
        """How many values go in, and come out of each layer."""
        return [math.prod(shape) for shape in self.shapes]

    @property
    def num_layers(self) -> int:
        """The number of layers, the input counted, as in the book."""
        return len(self.shapes)

    @property
    def weights(self) -> tuple[Array, ...]:
        """The weights (n_out, n_in) of each layer that has some, as NumPy copies.

        Assigning checks the shapes and copies in.
        """
        return tuple(self.backend.to_numpy(p.weights) for p in self.parameters if p)

    @weights.setter
    def weights(self, new: Sequence[Any]) -> None:
        self._assign("weights", new)

    @property
    def biases(self) -> tuple[Array, ...]:
        """The biases of each layer that has some, columns (n_out, 1), as NumPy copies.

        Assigning checks the shapes and copies in.
        """
        return tuple(self.backend.to_numpy(p.biases)[:, None] for p in self.parameters if p)

    @biases.setter
    def biases(self, new: Sequence[Any]) -> None:
        self._assign("biases", new)

    def SGD(self, training_data: Any, epochs: int, mini_batch_size: int, eta: float, test_data: Any = None) -> None:
        """Train by stochastic gradient descent and print a line per epoch, as in the book.

        Data are as in `fit`. The line is "Epoch 0: 9045 / 10000", the right answers among
        the test data, or "Epoch 0 complete" without them.
        """
        if test_data is not None:
            self._check_can_be_right()
        test = None if test_data is None else as_dataset(test_data)
        for report in self.training(training_data, epochs, mini_batch_size, SGD(eta), validation=test):
            if report.metrics is None:
                continue
            if test is None:
                print(f"Epoch {report.epoch} complete")
            else:
                right = round(report.metrics["validation_accuracy"] * len(test))
                print(f"Epoch {report.epoch}: {right} / {len(test)}")

    @_on_device
    def update_mini_batch(self, mini_batch: Any, eta: float) -> None:
        """Take one step of gradient descent on the mean cost of a mini-batch of pairs (x, y)."""
        self._check_can_learn()
        examples = self._placed(mini_batch)
        x, y = batches.block(self.backend, examples, 0, len(examples))
        self._step((x, batches.targets(self.backend, y, self._n_out)), SGD(eta), ())

    def backprop(self, x: Any, y: Any) -> tuple[list[Array], list[Array]]:
        """Return (nabla_b, nabla_w), the gradient of the cost of one example.

        x is a column (n_in, 1) and y a column (n_out, 1) or a digit. The gradients have the
        shapes of `biases` and `weights`.
        """
        _, gradients = self.gradients(x, y)
        return [g.biases[:, None] for g in gradients if g], [g.weights for g in gradients if g]

    @_on_device
    def confusion_matrix(self, data: Any) -> Array:
        """Return how often each class was taken for each, NumPy integers (n_classes, n_classes).

        Entry (i, j) counts the examples of class i that the network takes for class j.
        Raises ValueError unless its task is classification.
        """
        if self.task != "classification":
            raise ValueError(
                f"confusion_matrix: expected a network that classifies, got one whose task is {self.task}."
            )
        xp, n_classes = self.backend.xp, max(self._n_out, 2)
        total = 0
        for x, y in batches.in_order(self.backend, self._placed(data)):
            labels = y if y.ndim == 1 else metrics.answers(xp, y, self.task)
            predicted = metrics.answers(xp, self._output(x), self.task)
            total += metrics.confusion_matrix(xp, predicted, labels, n_classes)
        return self.backend.to_numpy(total)

    @_on_device
    def evaluate(self, test_data: Any) -> int:
        """Return for how many of the examples the network's answer is right."""
        self._check_can_be_right()
        correct, _ = self._totals(self._placed(test_data))
        return int(correct)

    @_on_device
    def cost_derivative(self, output_activations: Array, y: Array) -> Array:
        """Return dC/da = a - y, the derivative of the quadratic cost of one example.

        Raises ValueError for another cost: its error is taken from z, where it is simpler.
        """
        if self.cost is None or self.cost.name != "quadratic":
            raise ValueError(
                f"cost_derivative: expected the quadratic cost, got {self._cost_name}. Use backprop(x, y)."
            )
        return output_activations - y

    # Files.

    def load_weights(self, path: str | Path, max_bytes: int = MAX_BYTES) -> None:
        """Take over the weights and biases in a file, any that `load` opens, and nothing else of it.

        Raises OSError if it cannot be read, ValueError unless the sizes are the same,
        MemoryError if the device is full; the network is then as it was.
        """
        brain, before = brains.read(path, max_bytes, arrays_only=True, dtype=self.backend.dtype), self.parameters
        try:
            self.weights, self.biases = brain.weights, brain.biases
        except (ValueError, MemoryError) as error:  # out of memory between the two, say
            self.parameters = before
            raise type(error)(f"{path}: {error}") from None

    def save(self, path: str | Path) -> Path:
        """Write the network to an `.npz` file, atomically, and return its path.

        `np.load` reads it: `s` holds the sizes, `w1`, `b1`, `w2`, `b2`, ... weights (n_out,
        n_in) and biases (n_out, 1), `header` a description in JSON. It opens on any backend.
        Raises OSError if it cannot be written.
        """
        brain = Brain(
            self.shapes[0],
            self.layers,
            self._cost_name,
            self.task,
            self.backend.dtype,
            self.classes,
            self.weights,
            self.biases,
        )
        return brains.write(path, brain)

    @classmethod
    def load(
        cls,
        path: str | Path,
        backend: str | Backend = "numpy",
        device: Any = None,
        dtype: str | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> "Network":
        """Return the network in a file, on any backend; dtype None is the file's.

        An archive of `s`, `w1`, `b1`, ... without a header, as saved by hand from the book's
        network, is taken for sigmoid activations and a quadratic cost, with a warning.
        network2's JSON files (Nielsen) and sample_weight.pkl (Saito) open too; of these, at
        most `max_bytes` are unpacked. No file is trusted, and nothing is unpickled. Raises
        OSError if the file cannot be read, ValueError if it holds no network.
        """
        if isinstance(backend, Backend):
            dtype = backend.dtype
        elif dtype is not None:
            backend = backends.get(backend, device, dtype)
        brain = brains.read(path, max_bytes, dtype=dtype)
        if not isinstance(backend, Backend):
            backend = backends.get(backend, device, brain.dtype)
        try:
            net = cls([brain.input_shape, *brain.layers], backend, cost=brain.cost, task=brain.task)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}: {error}") from None
        net.classes = brain.classes
        net.weights, net.biases = brain.weights, brain.biases
        return net

    def __getstate__(self) -> dict[str, Any]:
        """Pickle arrays as NumPy arrays, and no compiled formula: not every library's can be pickled."""
        kept = {
            name: value for name, value in self.__dict__.items() if name not in ("_values", "_derivatives", "_delta")
        }
        return kept | {"parameters": self._on_host(self.parameters), "state": self._on_host(self.state)}

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        self.__dict__.update(attributes)
        self.parameters = [map_arrays(self.backend.parameter, p) for p in self.parameters]
        self.state = [map_arrays(self.backend.parameter, s) for s in self.state]
        self._bind()

    # The door, and what the faces share.

    @property
    def _cost_name(self) -> str | None:
        return self.cost.name if self.cost else None

    @property
    def book_learning_rate(self) -> float:
        """The learning rate that the book uses with the network's cost (chapters 1 and 3)."""
        return BOOK_LEARNING_RATES[self._cost_name or "quadratic"]

    @property
    def _n_out(self) -> int:
        return math.prod(self.shapes[-1])

    @_on_device
    def _placed(self, data: Any, room: float = math.inf) -> Placed:
        """Return data in any of their forms, checked and on the device, as far as there is room."""
        if isinstance(data, Placed):
            return data
        classifies = self.task == "classification"
        return batches.placed(
            self.backend,
            as_dataset(data),
            self.shapes[0],
            self._n_out,
            room,
            classifies,
            partial(costs.check_targets, self.cost),
        )

    def _enter(self, x: Any) -> tuple[Array, Callable[[Array], Array]]:
        """Return x as a batch on the device, in its own dtype, and a way back to its form."""
        xp, shape = self.backend.xp, self.shapes[0]
        is_native = self.backend.owns(x)
        x = self.backend.asarray(x)
        given, is_one, is_column = tuple(x.shape), False, False
        if given[1:] != shape:
            n_in = math.prod(shape)
            is_one, is_column = given in (shape, (n_in,)), given == (n_in, 1)
            x = xp.reshape(x, (1, *shape)) if is_one or is_column else batches.shaped(xp, x, shape)

        def leave(result: Array) -> Array:
            if is_one or (is_column and result.ndim == 1):
                result = result[0, ...]
            elif is_column:
                result = result.T
            return result if is_native else self.backend.to_numpy(result)

        return x, leave

    def _rows_of(self, y: Any, n: int) -> Array:
        """Return y on the device as n rows: that of one example may be a digit or a column."""
        y = self.backend.asarray(y, "y")
        if n != 1 or tuple(y.shape) in ((1,), (1, self._n_out)):
            return y
        return self.backend.xp.reshape(y, (1, -1) if len(y.shape) > 0 else (1,))

    def _outputs(self, x: Array) -> Array:
        """Return the outputs for a batch on the device, in its own dtype, block by block."""
        if x.shape[0] == 1:
            return self._output(batches.inputs(self.backend, x))
        rows = batches.rows_within(batches.BLOCK_BYTES, self.backend, self.shapes[0])
        blocks = (batches.rows(x, i, i + rows) for i in range(0, max(1, x.shape[0]), rows))  # one of no rows too
        outputs = [self._output(batches.inputs(self.backend, block)) for block in blocks]
        return self.backend.xp.concat(outputs, axis=0)

    def _totals(self, data: Placed) -> tuple[Array, Array]:
        """Return (right answers, sum of costs) over placed data, as 0-d arrays on the device."""
        xp = self.backend.xp
        correct, cost = 0, 0.0
        for x, y in batches.in_order(self.backend, data):
            *_, (z, a) = self._forward(x)
            targets = batches.targets(self.backend, y, self._n_out)
            correct += metrics.count_correct(xp, a, y if self.task == "classification" else targets, self.task)
            if self.cost is not None:
                cost += xp.sum(self._cost_of(z, a, targets))
        return correct, cost

    def _measured(self, validation: Placed | None) -> tuple[bool, dict[str, float]]:
        """Return whether parameters and metrics are finite, and the metrics of the validation data.

        The device is waited for once.
        """
        xp, dtype = self.backend.xp, getattr(self.backend.xp, self.backend.dtype)
        finite = [xp.all(xp.isfinite(array)) for p in self.parameters for array in p]
        found = [xp.astype(xp.all(xp.stack(finite)), dtype)]
        if validation is not None:
            correct, cost = self._totals(validation)
            found += [xp.astype(correct, dtype) / len(validation), cost / len(validation)]
        is_finite, *values = self.backend.to_numpy(xp.stack(found)).tolist()
        named = dict(zip(("validation_accuracy", "validation_cost"), values, strict=False))
        if self.task == "regression":
            named.pop("validation_accuracy", None)
        return is_finite == 1.0 and all(map(math.isfinite, values)), named

    def _cost_of(self, z: Array, a: Array, y: Array) -> Array:
        """Return the cost of each example (n,), given z and a of the output."""
        assert self.cost is not None, "only networks that can learn have a cost"
        return self.cost.value(self.backend.xp, z, a, y)

    def _snapshot(self) -> tuple[list[Any], list[Any]]:
        """Return copies of the parameters and the state, on the device."""
        copy_of = self.backend.parameter
        return [map_arrays(copy_of, p) for p in self.parameters], [map_arrays(copy_of, s) for s in self.state]

    def _assign(self, field: str, new: Any) -> None:
        learned = [getattr(p, field) for p in self.parameters if p]
        try:
            arrays = list(new)
        except TypeError:
            raise TypeError(
                f"{field}: expected {len(learned)} arrays, one per layer, got {type(new).__name__}. Give a list."
            ) from None
        if len(arrays) != len(learned):
            raise ValueError(
                f"{field}: expected {len(learned)} arrays, one per layer, got {len(arrays)}. "
                f"Give those of a network of the sizes {self.sizes}."
            )
        checked = iter([self._fitting(f"{field}[{i}]", a, learned[i]) for i, a in enumerate(arrays)])
        self.parameters = [p._replace(**{field: next(checked)}) if p else p for p in self.parameters]

    def _fitting(self, argument: str, new: Any, current: Array) -> Array:
        """Return a copy of `new` on the device, checked to have the shape of `current`."""
        array, shape = self.backend.parameter(new, argument), tuple(current.shape)
        if tuple(array.shape) == (*shape, 1):  # the book's column of biases
            array = array[..., 0]
        if tuple(array.shape) != shape:
            is_transposed = len(shape) == 2 and tuple(array.shape) == shape[::-1]
            cure = "Transpose it" if is_transposed else f"Give that of a network of the sizes {self.sizes}"
            raise ValueError(f"{argument}: expected the shape {shape}, got {tuple(array.shape)}. {cure}.")
        return array

    def _on_host(self, parts: Sequence[Any]) -> list[Any]:
        return [map_arrays(self.backend.to_numpy, part) for part in parts]
