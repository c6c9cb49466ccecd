"""Training: chunks of mini-batches go through the step, epoch after epoch, and reports come out.

It prints nothing, and it knows no network: it is handed a train state, and hands on what
becomes of it. Whoever consumes the reports can draw a bar, keep a history, save, or stop.
"""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, Protocol

from anynet import agreement, augmentation, batches, data, evaluation, optimizers, resuming, symptoms
from anynet.architecture import Architecture
from anynet.averaging import averaged, averaging
from anynet.backends import Backend, is_on_host
from anynet.backends.threads import ONE_EACH, Threads, iterate, threads_for
from anynet.checks import warn, whole_number
from anynet.data import DeviceData
from anynet.derived import Outline
from anynet.examples import as_dataset
from anynet.history import History, Report
from anynet.metrics import METRICS, Metric
from anynet.metrics import chosen as metrics_of
from anynet.optimizers import Optimizer
from anynet.random import Streams
from anynet.regularization import NOTHING, Regularization
from anynet.resuming import PLAIN, Conduct, Course, Learnt
from anynet.saving.checkpoint import Moment
from anynet.splitting import WHOLE, Split, split_of
from anynet.stepping import Step, as_floats, noise_for, take_steps
from anynet.symptoms import Doctor
from anynet.typing import Array, ArrayLike, Batch, HostArray, TrainState
from anynet.weighting import Weights, weights_for

BATCH_SIZE = 10  # as in the book


@dataclass(frozen=True, eq=False)
class Training:
    """What a training is made of, but for the train state that it changes."""

    backend: Backend
    architecture: Architecture
    optimizer: Optimizer
    streams: Streams
    batch_size: int
    epochs: int
    examples: DeviceData
    validation: DeviceData | None
    threads: Threads
    compiled: bool
    regularization: Regularization
    weights: Weights
    doctor: Doctor
    conduct: Conduct
    metrics: tuple[Metric, ...]  # of the validation data, besides accuracy and cost
    split: Split = WHOLE
    made_of: dict[str, str] = field(default_factory=dict)  # what a checkpoint must agree with
    moment: Moment | None = None  # a checkpoint to go on from

    def more_is_better(self, name: str) -> bool:
        """Return whether more of a metric of reports is better."""
        known = METRICS | {metric.name: metric for metric in self.metrics}
        return not name.endswith("cost") and known[name.removeprefix("validation_")].more_is_better


def arranged(
    backend: Backend,
    architecture: Architecture,
    streams: Streams,
    data: Any,
    class_names: tuple[str, ...] | None,
    optimizer: str | Optimizer | None = None,
    learnt: Learnt | None = None,
    average: float | None = None,
    **how: Any,
) -> Training:
    """Return a training of the arguments of `Network.fit`, by their names; see `prepare`.

    Args:
        backend: What computes.
        architecture: Of the network.
        streams: Likewise.
        data: To train on.
        class_names: Of the network.
        optimizer: As in `fit`.
        learnt: By which optimizer a network has been trained that goes on with it.
        average: As in `fit`.
        **how: All else.
    """
    if learnt is None:
        default = architecture.default_optimizer if optimizer is None else optimizer
        chosen = optimizers.get(default, architecture.book_learning_rate)
    else:
        chosen = learnt.goes_on(optimizer)
    chosen = averaging(chosen, average, None if learnt is None else learnt.optimizer)
    regularization = Regularization(**_taken(how, Regularization))
    conduct = Conduct(learnt=learnt, class_names=class_names, **_taken(how, Conduct))
    made_of = backend, architecture, chosen, streams, data
    return prepare(*made_of, **how, regularization=regularization, conduct=conduct)


def _taken(how: dict[str, Any], kind: type[Any]) -> dict[str, Any]:
    """Return those of the arguments that a dataclass has, taken out of the others."""
    return {each.name: how.pop(each.name) for each in fields(kind) if each.name in how}


def prepare(
    backend: Backend,
    architecture: Architecture,
    optimizer: Optimizer,
    streams: Streams,
    examples: Any,
    epochs: int = 30,
    batch_size: int | None = None,
    validation: Any = None,
    memory_limit: int | None = None,
    threads: int | None = None,
    compiled: bool = True,
    regularization: Regularization = NOTHING,
    sample_weight: ArrayLike | None = None,
    class_weight: Any = None,
    validation_weight: HostArray | None = None,
    micro_batch_size: int | None = None,
    freeze: Sequence[int] = (),
    conduct: Conduct = PLAIN,
) -> Training:
    """Return a training, its data checked and placed; the arguments, and what is raised, are those of `Network.fit`."""
    architecture.learnable_cost()
    regularization.check(architecture.output_name)
    budget, examples = data.budget_of(memory_limit), as_dataset(examples)
    whole_number("epochs", epochs)
    size = _batch_size(batch_size, len(examples))
    chosen = threads_for(backend, math.inf, threads)
    split = split_of(backend, architecture, size, micro_batch_size, freeze, chosen.number)
    if split.threads == 1:  # then products are all that can be shared
        chosen = threads_for(backend, size * architecture.shared_multiply_adds, threads)
    batches.check_sizes(architecture, len(examples), size, split.frozen)
    if budget < math.inf:
        budget -= _held_bytes(backend, architecture, optimizer, size, split)
    placed = data.to_device(backend, examples, architecture, budget, keeps_x=not conduct.transforms)
    rest = budget - placed.kept
    held_out = None if validation is None else data.to_device(backend, validation, architecture, rest, placed.scale)
    if held_out is not None and validation_weight is not None:
        held_out = replace(held_out, weights=backend.copy_to_device(validation_weight))
    doctor = Doctor(architecture, optimizer, len(placed))
    if data.warn_of_pixels(placed):
        doctor.trust_inputs()
    elif examples.in_memory and is_on_host(examples.x):
        doctor.judge_inputs(examples.x)
    made_of = backend, architecture, optimizer, streams, size, int(epochs), placed, held_out
    asked = sample_weight, class_weight, examples.class_names
    weights = weights_for(architecture, len(placed), partial(_on_host, backend, placed.y), *asked)
    weights = weights._replace(validation=validation_weight)
    wanted = metrics_of(conduct.metrics, architecture.task, architecture.n_out)
    if wanted and held_out is None:
        raise ValueError(f"metrics: expected validation data to take {wanted[0].name} of, got none. Give validation=.")
    if validation_weight is not None and not all(metric.weighs for metric in wanted):
        names = ", ".join(metric.name for metric in wanted if not metric.weighs)
        raise ValueError(
            f"metrics: expected some that weights of examples can count in, got {names}. Leave out either."
        )
    training = Training(*made_of, chosen, compiled, regularization, weights, doctor, conduct, wanted, split)
    conduct.check(_names(training))
    return agreement.found(training, examples, validation)


def _names(training: Training) -> list[str]:
    """Return the names of the metrics that reports will have."""
    costs = [*(["training_cost"] if training.conduct.training_cost else []), "cost"]
    if training.validation is None:
        return costs
    is_regression = training.architecture.task == "regression"
    names = [*([] if is_regression else ["validation_accuracy"]), "validation_cost"]
    return [*dict.fromkeys([*names, *(f"validation_{metric.name}" for metric in training.metrics)]), *costs]


def _on_host(backend: Backend, y: Array | data.Streamed) -> HostArray:
    """Return labels or targets on the host."""
    return y.read(slice(None)) if isinstance(y, data.Streamed) else backend.to_numpy(y)


def _held_bytes(backend: Backend, architecture: Architecture, optimizer: Optimizer, size: int, split: Split) -> int:
    """Return how many bytes the step holds for itself, noise not counted, with mini-batches of a size."""

    def outlines(shapes: list[Any]) -> list[Any]:
        return [type(s)(*[Outline(tuple(shape), backend.dtype) for shape in s]) if s else () for s in shapes]

    parameters, state = map(outlines, architecture.parameter_shapes())
    x, y = (Outline((size, *architecture.shapes[i]), backend.dtype) for i in (0, -1))
    start = TrainState(parameters, state, (parameters,) * optimizer.slots)
    step = Step(architecture, optimizer.rule, backend.dtype, split=split)
    numbers = as_floats(optimizer.settled(1, 1), 0)
    return backend.held_bytes(step, start, Batch(x, y, (None,) * len(architecture.stages)), numbers)


def _batch_size(given: int | None, n: int) -> int:
    """Return how many of n examples a step learns from; of fewer than it would be, all of them, as the book slices."""
    size = BATCH_SIZE if given is None else whole_number("batch_size", given)
    if given is not None and size > n:
        warn(f"batch_size: expected 1 to {n}, as many as there are examples, got {size}. All of them are one batch.")
    return min(size, n)


class Learner(Protocol):
    """Who learns: it holds a train state, which training takes from there and puts back."""

    train_state: TrainState
    learnt: Learnt | None


def run(training: Training, learner: Learner, history: History | None = None) -> Iterator[Report]:
    """Train, and yield a report per chunk of mini-batches; the last one of an epoch carries its metrics.

    Who stops in between finds a checkpoint of that moment, where there are any. However training
    ends, the learner has the best that was learnt where somebody looks for it.

    Args:
        training: What to train, on what, and for how long.
        learner: Whose train state is trained. What is changed in it between two reports is
            trained on.
        history: Where the reports of epochs are kept.

    Raises:
        FloatingPointError: At the end of an epoch parameters or costs are not finite; the
            learner then has the train state from before that epoch.
        OSError: A checkpoint cannot be written.
    """
    kept = History() if history is None else history
    threads = ONE_EACH if training.split.threads > 1 else training.threads
    return iterate(training.backend, threads, _run(training, learner, kept))


def _run(training: Training, learner: Learner, history: History) -> Iterator[Report]:
    """Train, on whatever threads there are."""
    course = resuming.begin(training, learner, history)
    try:
        yield from _epochs(training, learner, course)
    except GeneratorExit:
        if course.is_finite:
            course.write()
        raise
    finally:
        course.settle()


def _epochs(training: Training, learner: Learner, course: Course) -> Iterator[Report]:
    course.last_good = learner.train_state  # no step writes into it
    if training.moment is None and training.conduct.learnt is None:
        learner.train_state = _prepared(training, learner.train_state)
    take_chunk = _taking_chunks(training, learner)
    while not course.is_over:
        epoch, is_last = course.epoch, course.epoch == training.epochs - 1
        report, chunk = yield from _epoch(training, course, take_chunk)
        measured = _measured(training, learner.train_state, chunk, looks=epoch == 0 or is_last)
        if not measured.is_finite:
            learner.train_state = course.last_good
            kept = f"before {'this epoch' if epoch else 'training'}" if course.best is None else f"after {course.best}"
            raise FloatingPointError(
                f"epoch {epoch}: expected finite parameters and costs, got NaN or infinity. Most often the "
                f"learning rate is too large: take a tenth of it. Here the optimizer is {training.optimizer}. "
                f"The network is as it was {kept}."
            )
        if measured.besides:
            training.doctor.judge(measured.besides, course.n_steps, is_last)
        course.last_good = learner.train_state
        report = replace(report, metrics=_metrics(training, measured), n_correct=measured.n_correct, batch_cost=None)
        course.end_epoch(report)
        yield report


def _measured(training: Training, train_state: TrainState, chunk: batches.Chunk, looks: bool) -> evaluation.Measured:
    """Return how an epoch ended that ended with this chunk, and, if somebody looks, what symptoms show."""
    backend, most = training.backend, symptoms.MOST_ROWS
    net = evaluation.Trained(backend, training.architecture, train_state.parameters, train_state.state)
    found = [symptoms.look(net, *batches.tail(backend, chunk, most))] if looks else []
    net = net._replace(parameters=averaged(training.optimizer, train_state).parameters)
    figures = None
    if training.validation is not None and training.metrics:
        figures = evaluation.figures(net, training.validation, training.metrics)
    besides = [*found, figures.numbers] if figures else found
    n_last = (len(training.examples) - 1) % training.batch_size + 1
    last, n_looked = batches.tail(backend, chunk, min(n_last, most)), found[0].shape[0] if found else 0
    joined = backend.xp.concat(besides) if besides else None
    all_examples = training.examples if training.conduct.training_cost else None
    measured = evaluation.measure(net, training.validation, last, joined, all_examples)
    scores = figures.read(measured.besides[n_looked:]) if figures and measured.is_finite else {}
    return measured._replace(besides=measured.besides[:n_looked], scores=scores)


def _prepared(training: Training, train_state: TrainState) -> TrainState:
    """Return a train state whose layers have seen the training data, those that learn their state from them."""
    net = evaluation.Trained(training.backend, training.architecture, train_state.parameters, train_state.state)
    prepared = evaluation.prepared(net, training.examples)
    for l in training.split.frozen:
        prepared[l] = train_state.state[l]
    return train_state._replace(state=prepared)


def _taking_chunks(training: Training, learner: Learner) -> Callable[[batches.Chunk, Optimizer, int], TrainState]:
    """Return what takes the learner through a chunk, some steps into the training."""
    backend, architecture = training.backend, training.architecture
    slots = learner.train_state.optimizer
    how = training.compiled, training.regularization, len(training.examples), training.weights
    run_chunk = take_steps(backend, architecture, training.optimizer, *how, training.split)

    def take_chunk(chunk: batches.Chunk, optimizer: Optimizer, n_steps: int) -> TrainState:
        nonlocal slots
        if learner.train_state.optimizer is not slots:
            raise RuntimeError(
                "fit: expected one training of a network at a time, got another that began before this one ended. "
                "Start this one again."
            )
        noise = noise_for(backend, architecture, training.streams, chunk.n)
        noise = (*noise, *(backend.copy_to_device(w, "weights") for w in training.weights.of(chunk.examples)))
        learner.train_state = run_chunk(learner.train_state, chunk, noise, optimizer, n_steps, training.batch_size)
        slots = learner.train_state.optimizer
        return learner.train_state

    return take_chunk


def _epoch(
    training: Training, course: Course, take_chunk: Callable[[batches.Chunk, Optimizer, int], TrainState]
) -> Generator[Report, None, tuple[Report, batches.Chunk]]:
    """Train to an epoch's end, and yield a report after each chunk but the last: that is returned, and the chunk."""
    backend, size, total = training.backend, training.batch_size, len(training.examples)
    shape, order = training.architecture.widest_shape, training.streams.order if training.conduct.shuffle else None
    optimizer, begin, transforms = course.begin_epoch(), time.perf_counter(), training.conduct.transforms
    augment = partial(augmentation.applied, transforms, rng=training.streams.augmentation) if transforms else None

    def batch_cost() -> float:
        return _batch_cost(training, course.learner.train_state, chunk)

    for chunk in batches.shuffled(backend, training.examples, size, shape, order, course.examples, augment):
        train_state = take_chunk(chunk, optimizer, course.learnt_before + course.n_steps)
        course.end_chunk(chunk.n)
        if course.examples == total:
            backend.synchronize(train_state)  # so that the clock is honest
        course.seconds += time.perf_counter() - begin
        rate = resuming.rate(optimizer, course.learnt_before + course.n_steps - 1)
        so_far = course.epoch, training.epochs, course.examples, total, course.seconds
        report = Report(*so_far, rate=rate, batch_cost=batch_cost)
        if course.examples < total:
            course.write_if_due()
            yield report
        begin = time.perf_counter()
    return report, chunk


def _batch_cost(training: Training, train_state: TrainState, chunk: batches.Chunk) -> float:
    """Return the mean cost over the last mini-batch of a chunk, of which no more than some examples are taken."""
    backend, n = training.backend, min((chunk.n - 1) % training.batch_size + 1, symptoms.MOST_ROWS)
    with backend.active():
        parameters = averaged(training.optimizer, train_state).parameters
        net = evaluation.Trained(backend, training.architecture, parameters, train_state.state)
        return evaluation.measure(net, None, batches.tail(backend, chunk, n)).cost


def _metrics(training: Training, measured: evaluation.Measured) -> dict[str, float]:
    """Return how the network does, by name, on the validation data first."""
    metrics = {}
    if training.validation is not None and measured.n_correct is not None:
        share = measured.n_correct / len(training.validation)
        metrics["validation_accuracy"] = share if measured.accuracy is None else measured.accuracy
    if measured.validation_cost is not None:
        metrics["validation_cost"] = measured.validation_cost
    metrics |= {f"validation_{name}": value for name, value in measured.scores.items()}
    if measured.training_cost is not None:
        metrics["training_cost"] = measured.training_cost
    return metrics | {"cost": measured.cost}
