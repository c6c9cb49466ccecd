"""The network: the face of everything else.

`Network` is a `Brain`, which holds an architecture, a backend, what it has learnt, its random streams and the names of
its classes, and a `BookFace`, which is asked as the book's is; here stand today's journeys. It checks what comes in at
the door and hands on. The mathematics is in backprop.py, the journeys themselves in training.py and evaluation.py.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from anynet import backends, evaluation, random, training
from anynet.activations import Activation
from anynet.architecture import build
from anynet.backends import Backend, on_device
from anynet.book_face import BookFace
from anynet.brain import made_of
from anynet.callbacks import Checkpoint, EarlyStopping
from anynet.checks import as_code
from anynet.costs import Cost
from anynet.data import Streamed, check_finite, rows_of, to_device
from anynet.examples import Dataset, as_dataset
from anynet.gradient_check import check_gradients
from anynet.history import History, Report
from anynet.initializers import Initializer
from anynet.metrics import Metric, chosen
from anynet.optimizers import Optimizer
from anynet.progress import collect, with_progress
from anynet.rate_finder import find_learning_rate
from anynet.trees import map_arrays
from anynet.typing import Array, ArrayLike, DeviceLike, TrainState
from anynet.weighting import with_weights

__all__ = ["Network"]


class Network(BookFace):
    """A feedforward network, as in Nielsen's network.py, on any array library.

    Args:
        sizes: The input, a number of values or a shape; then each number is a dense layer of
            so many neurons, and layer values may stand among them.
        backend: Which library computes: a name, or what `backends.get` returned, which decides
            device and dtype too.
        device: An index or what the library calls it; None is the library's default.
        dtype: float32, which is twice as fast and enough to train by, or float64.
        seed: Starts every backend from identical bits; None starts from chance. A training ends at the same ones
            again on the same machine, backend and number of threads: see `threads` of `fit`.
        hidden_activation: Before the last layer: a name of `activations.ACTIVATIONS` or an
            `Activation`. sigmoid is the book's. `hidden` for short.
        output_activation: Of the last layer, likewise. `output` for short.
        cost: A name of `costs.COSTS` or a `Cost`; None: cross_entropy for softmax, else quadratic.
        initializer: A name of `initializers.INITIALIZERS` or an `Initializer`; None is what suits the activation:
            he_normal for relu and its kind, glorot_normal for tanh, else lecun_normal, the book's of chapter 3.
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
        initializer: str | Initializer | None = None,
        task: str | None = None,
        hidden: str | Activation | None = None,
        output: str | Activation | None = None,
    ) -> None:
        hidden = hidden_activation if hidden is None else hidden
        output = output_activation if output is None else output
        architecture, streams = build(sizes, hidden, output, cost, initializer, task), random.spawn(seed)
        start = TrainState(*architecture.initialize(streams.initial), ())
        self.__setstate__(made_of(architecture, backends.get(backend, device, dtype), start, streams))

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
        threads: int | None = None,
        compiled: bool = True,
        label_smoothing: float | None = None,
        l1: float | None = None,
        l2: float | None = None,
        clip_norm: float | None = None,
        average: float | None = None,
        sample_weight: ArrayLike | None = None,
        class_weight: Any = None,
        micro_batch_size: int | None = None,
        freeze: Sequence[int] = (),
        metrics: str | Metric | Sequence[str | Metric] = (),
        training_cost: bool = False,
        shuffle: bool = True,
        transform: Any = None,
        callbacks: Sequence[Callable[[Report, "Network"], Any]] = (),
        early_stopping: EarlyStopping | None = None,
        checkpoint: Checkpoint | None = None,
        resume: str | Path | None = None,
        history_file: str | Path | None = None,
    ) -> History:
        """Train from where the network stands, and return the report of each epoch.

        Args:
            x: Inputs (n, n_in), or in the place of x and y a `Dataset`, an (x, y) pair, or the book's list of column
                pairs. What does not fit the device is streamed from the host, with the same results.
            y: Labels (n,), names of classes, or targets (n, n_out). All else goes by its name.
            epochs: How often every example is seen; 30 as in the book.
            batch_size: How many examples a step learns from; None is 10 as in the book. Where there
                are fewer, all of them are one batch.
            optimizer: How it learns, started afresh: a name of `optimizers.OPTIMIZERS`, or a value.
                None is SGD at the book's learning rate where the network is one of the book's,
                sigmoid throughout, else Adam.
            validation: What each report's `metrics` are about, in one argument, an (x, y) pair
                say; without it they are the cost of each epoch's last mini-batch. A triple
                (x, y, weights) has weights (n,) from 0, by which its cost, accuracy and metrics
                are weighted means; no weights of the training data touch it.
            progress: Whether to draw a bar; None draws one on a terminal only.
            memory_limit: In bytes, of what a step holds for itself and, of x and y, is put on the
                device to stay, the training data first; None is as much as fits. Parameters,
                chunks, blocks of evaluation and arrays of the backend are not counted.
            threads: On how many threads matrices are multiplied. None is one where the products
                of a step are small, so that training is quick beside other work too, else what
                the library is set to. Another number may give other last digits.
            compiled: Whether formulas are traced or compiled, as the library runs them best. False
                calls them step by step, more slowly: for who debugs one with prints.
            label_smoothing: A share of each target that goes to all outputs alike, in training only.
            l1: The book's lambda of lambda / n * sum(|w|), on the mean cost of n training examples.
            l2: That of lambda / (2 n) * sum(w^2). Neither touches biases.
            clip_norm: The norm down to which all gradients together are scaled where it is larger.
            average: Which share of a moving average of all parameters stays in each step, 0.999 say:
                the average is what is validated, and what the network holds in the end.
            sample_weight: How much each training example counts, (n,) from 0; they are divided by their mean.
            class_weight: Likewise for each class, by its number or name; or "balanced". Of a multi-label task, how
                much the positive term of each label's cost counts, not divided by anything: "balanced" is the
                number of examples without the label by that of those with it, 1 where all have it or none.
            micro_batch_size: From how many examples of a batch gradients are taken at a time, to be added up: for
                batches that fill the memory. None is all, but for convolutions on NumPy, which are faster in parts.
            freeze: The positions, as `summary()` numbers them, of layers that stay as they are.
            metrics: What to take of the validation data besides, as in `score`.
            training_cost: Whether reports tell the cost over all training data too, as the epoch leaves the network:
                without dropout, penalties, smoothing and weights. It takes as long as validation on these data.
            shuffle: Whether each epoch takes the examples in a fresh order, or as they stand.
            transform: What is done to inputs before they are learnt from, anew in each epoch: called with a chunk's
                x, (n, *input_shape) of NumPy in its own dtype, and a generator of random numbers, it returns as
                many rows of the same shape. `augmentation.Shift(pixels=1)`, or several values or functions in
                a list, in order. x then stays on the host. It touches training alone.
            callbacks: Called with each report and the network; one that raises stops training, as Ctrl-C does.
            early_stopping: When to stop before the end; what stays is the best epoch's, after an interrupt too.
            checkpoint: Where to write, and how often, where training stands. Ctrl-C and SIGTERM
                then wait until a chunk of mini-batches is over, and for its checkpoint.
            resume: The folder of such checkpoints, to go on from the newest that is whole, to the same bits as if
                training had never been stopped; `epochs` is the total. It starts afresh where it is empty or absent.
            history_file: Where to write a line of JSON after each epoch.

        Returns:
            A `Report` per epoch: a list, and lists by name, that prints as a table and can be
            drawn. It stays as `history`, and what stops training carries it too.

        Raises:
            ValueError: Data or numbers do not suit, the network cannot learn, or a checkpoint
                is of another training, or damaged.
            TypeError: They are of another kind.
            FloatingPointError: Parameters or costs became NaN or infinite; the network is then
                as it was before that epoch.
            MemoryError: The device has no room for a chunk; what was learnt is kept.
            OSError: A checkpoint cannot be written, or read; those that were there still are.

        Example:
            >>> x, y = [[1.0, 0.0], [0.0, 1.0]], [0, 1]
            >>> [report] = Network([2, 3, 2]).fit(x, y, epochs=1, batch_size=2, validation=(x, y))
            >>> sorted(report.metrics)
            ['cost', 'validation_accuracy', 'validation_cost']
        """
        how = {name: value for name, value in locals().items() if name != "self"}
        return self._fit(**how)

    def partial_fit(
        self, x: Any, y: Any = None, *, epochs: int = 1, optimizer: Optimizer | None = None, **how: Any
    ) -> History:
        """Train on with the optimizer as the last training has left it, its slots, steps and schedule.

        What layers have learnt from the training data before stays. A network that has not been
        trained yet begins, as by `fit`.

        Args:
            x: As in `fit`.
            y: Likewise.
            epochs: How often every example is seen.
            optimizer: One of the same class in the place of the last, with another rate say;
                None is that of the last training.
            **how: All else that `fit` takes.

        Returns:
            As by `fit`, and so is what is raised.

        Example:
            >>> net = Network([2, 3, 2])
            >>> for _ in range(3):
            ...     history = net.partial_fit([[1.0, 0.0], [0.0, 1.0]], [0, 1], batch_size=2)
        """
        return self._fit(x, y, epochs=epochs, optimizer=optimizer, learnt=self.learnt, **how)

    def _fit(self, x: Any, y: Any, progress: bool | None = None, callbacks: Sequence[Any] = (), **how: Any) -> History:
        if not isinstance(callbacks, Iterable) or not all(map(callable, callbacks)):
            raise TypeError(f"callbacks: expected functions of a report and the network, got {as_code(callbacks)}.")
        reports = with_progress(self.iter_fit(x, y, **how), progress)
        return collect(reports, self.history, callbacks, self, how.get("checkpoint") is not None)

    @on_device
    def iter_fit(self, /, x: Any, y: Any = None, **how: Any) -> Iterator[Report]:
        """Check the arguments, those of `fit`, and return an iterator that trains while it is consumed.

        It yields a `Report` per chunk of mini-batches; in between one may look, save, or stop.

        Args:
            x: As in `fit`.
            y: Likewise.
            **how: All else that `fit` takes, but for `progress` and `callbacks`.
        """
        known = signature(self.fit).parameters.keys() - {"progress", "callbacks"} | {"learnt"}
        for unknown in how.keys() - known:
            raise TypeError(
                f"fit: expected arguments that it has, got {as_code(unknown)}. help(Network.fit) lists them."
            )
        data = as_dataset(x, y)
        data = self._by_name(data, like=data)
        names = data.class_names if len(data.class_names or ()) == self.architecture.n_classes else self.class_names
        if how.get("validation") is not None:
            judged_by, how["validation_weight"] = with_weights(how["validation"])
            how["validation"] = self._by_name(judged_by, data.class_names, data)
        journey = training.arranged(self.backend, self.architecture, self.streams, data, names, **how)
        seen, self.class_names, self.history = journey.examples, journey.conduct.class_names, History()
        self.input_scale, self.is_column = seen.scale, seen.is_column
        self.columns, self.pictures = seen.columns, seen.pictures
        return self.backend.iterate_active(training.run(journey, self, self.history))

    @on_device
    def predict(self, x: ArrayLike) -> Array:
        """Return what the network answers to x: labels (n,), or as its `task` says.

        The values of a regression with one output are (n,) too, and one number for one example;
        where the network learnt from y as a column (n, 1), they are a column.

        Args:
            x: As in `feedforward`.

        Raises:
            ValueError: x has another shape, or holds NaN or infinity.
        """
        batch, restore = self._to_batch(x)
        if not isinstance(batch, Streamed):  # which is checked as it is read
            check_finite(batch, "x")
        decided = evaluation.decisions(self._trained, batch)
        return restore(decided[:, None] if self.is_column and self.task == "regression" else decided)

    def predict_names(self, x: ArrayLike) -> str | tuple[str, ...]:
        """Return the name of the class that the network takes each example for; of one example alone its name.

        Args:
            x: As in `feedforward`.

        Raises:
            ValueError: The network knows no names of classes, or its answers are no classes.

        Example:
            >>> net = Network([2, 2])
            >>> net.class_names = ("no", "yes")
            >>> net.predict_names([[0.0, 1.0]]) in (("no",), ("yes",))
            True
        """
        self.architecture.check_classifies("predict_names")
        names = self.class_names
        if names is None:
            raise ValueError(
                "predict_names: expected a network that knows the names of its classes, got one that does not. Train "
                "it on names, or assign them in the order of the labels: net.class_names = (...)."
            )
        labels = backends.to_numpy(self.predict(x))
        return names[int(labels)] if labels.ndim == 0 else tuple(names[int(label)] for label in labels)

    @on_device
    def feedforward(self, x: ArrayLike) -> Array:
        """Return the outputs for x, (n, n_out), (n_out,) or (n_out, 1), in the kind of array that came in.

        Args:
            x: Inputs (n, n_in), one example (n_in,), or the book's column (n_in, 1). uint8
                means pixels; what is on another scale than what the network has learnt from is
                warned of. On the host it may be larger than the device.

        Raises:
            ValueError: x has another shape.
            TypeError: It is an array of another library, or of no numbers.

        Example:
            >>> Network([2, 3]).feedforward([[0.0, 1.0]]).shape
            (1, 3)
        """
        batch, restore = self._to_batch(x)
        return restore(evaluation.over_rows(evaluation.Outputs, self._trained, batch))

    @on_device
    def activations(self, x: ArrayLike) -> list[Array]:
        """Return what each layer after the input makes of x, the output last.

        Args:
            x: As in `feedforward`.
        """
        batch, restore = self._to_batch(x)
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
        batch, _ = self._to_batch(x)
        rows = batch.read(slice(None)) if isinstance(batch, Streamed) else batch
        labels = rows_of(self.backend, y, batch.shape[0], self.architecture.n_out, self.class_names)
        named = self._by_name(Dataset(self.backend.asarray(rows), labels))
        examples = to_device(self.backend, named, self.architecture)
        cost, gradients = evaluation.gradients(self._trained, examples)
        return cost, gradients if self.backend.is_native(x) else map_arrays(self.backend.to_numpy, gradients)

    check_gradients = check_gradients
    find_learning_rate = find_learning_rate

    @on_device
    def score(
        self, x: Any, y: Any = None, metrics: str | Metric | Sequence[str | Metric] | None = None
    ) -> dict[str, float]:
        """Return how good the network's answers to some examples are, by the names of metrics.

        Args:
            x: As in `fit`.
            y: Likewise.
            metrics: Names as for `metrics.get`, or values `Metric`. None: of a regression the mean
                squared error and R2, of a multi-label task accuracy and F1, else accuracy.

        Example:
            >>> net = Network([2, 3])
            >>> sorted(net.score([[0.0, 1.0], [1.0, 0.0]], [0, 1], ["accuracy", "top_2"]))
            ['accuracy', 'top_2']
        """
        wanted = chosen(metrics, self.architecture.task, self.architecture.n_out)
        return evaluation.scores(self._trained, self._to_device(x, y), wanted)
