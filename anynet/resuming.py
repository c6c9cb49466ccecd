"""Resuming: where a training stands, written into a folder, and gone on from to the same bits.

What is written is built between two chunks: arrays copied to the host, and the random streams as
they stand; that of the order as it stood when the epoch began, for the order is drawn again.
"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from anynet import augmentation, optimizers, random
from anynet.agreement import exact_on, is_same_folder
from anynet.averaging import ahead_of, averaged, with_ahead, without_average
from anynet.callbacks import Checkpoint, EarlyStopping, Stopping
from anynet.checks import as_code, warn
from anynet.history import History, Lines, Report
from anynet.optimizers import Optimizer
from anynet.parameters import all_finite
from anynet.saving import checkpoint as files
from anynet.saving.checkpoint import Moment
from anynet.saving.saved import SavedNetwork
from anynet.schedules import Watched
from anynet.trees import arrays_of, map_arrays
from anynet.typing import HostArray, TrainState, Tree

if TYPE_CHECKING:
    from anynet.training import Learner, Training


class Learnt(NamedTuple):
    """How far an optimizer has come with a network, beside its slots: what a later training goes on from."""

    optimizer: Optimizer
    n_steps: int = 0
    watched: Watched | None = None  # by its schedule
    is_settled: bool = False  # whether the network holds the average, where there is one

    def goes_on(self, optimizer: Any) -> Optimizer:
        """Return what goes on: the optimizer itself, or another value of its class."""
        own = without_average(self.optimizer)
        if optimizer is not None and type(optimizer) is not type(own):
            raise ValueError(
                f"optimizer: expected one of the class {type(own).__name__}, for its slots go on, got "
                f"{as_code(optimizer)}. Leave it out, or start another afresh: fit(...)."
            )
        return own if optimizer is None else optimizer


@dataclass(frozen=True)
class Conduct:
    """How a training is conducted, but for its steps; the arguments of `Network.fit`.

    `learnt` is what it goes on from that goes on with an optimizer, and `class_names` are those
    that checkpoints hold.
    """

    shuffle: bool = True
    transform: Any = None
    metrics: Any = ()
    training_cost: bool = False
    early_stopping: EarlyStopping | None = None
    checkpoint: Checkpoint | None = None
    resume: str | Path | None = None
    history_file: str | Path | None = None
    learnt: Learnt | None = None
    class_names: tuple[str, ...] | None = None

    @cached_property
    def transforms(self) -> tuple[augmentation.Transform, ...]:
        """What is made of a chunk's x on the host; none where x is learnt from as it stands."""
        return augmentation.checked(self.transform)

    def check(self, names: list[str]) -> None:
        """Check what needs no data; `names` are the metrics that reports will have."""
        for argument in ("shuffle", "training_cost"):
            if not isinstance(given := getattr(self, argument), bool):
                raise TypeError(f"{argument}: expected True or False, got {as_code(given)}.")
        for argument, kind in (("early_stopping", EarlyStopping), ("checkpoint", Checkpoint)):
            given = getattr(self, argument)
            if given is not None and not isinstance(given, kind):
                made = "EarlyStopping(patience=5)" if kind is EarlyStopping else "Checkpoint('run')"
                raise TypeError(f"{argument}: expected a value such as {made}, got {as_code(given)}.")
        if self.early_stopping is not None and self.early_stopping.metric not in names:
            cure = "" if any(name.startswith("validation") for name in names) else " Give validation data."
            got = as_code(self.early_stopping.metric)
            raise ValueError(f"early_stopping: expected a metric among {', '.join(names)}, got {got}.{cure}")


PLAIN = Conduct()


@dataclass(eq=False)
class Course:
    """Where a training stands; it changes, and nothing else does but the learner."""

    training: "Training"
    learner: "Learner"
    history: History
    epoch: int = 0
    examples: int = 0  # seen in it
    seconds: float = 0.0  # of it
    learnt_before: int = 0  # steps of the optimizer, before this training
    stopping: Stopping = field(default_factory=Stopping)
    watched: Watched | None = None
    order: dict[str, Any] | None = None  # the state of its stream when the epoch began
    asked: int = 0  # how many steps into the training it was last asked whether to write
    written: int = -1  # how many steps into the training the last checkpoint is
    lines: Lines | None = None
    last_good: TrainState | None = None  # from before the epoch, if nothing has written into it

    @property
    def n_steps(self) -> int:
        """How many steps into the training it is."""
        return self.epoch * self.steps_per_epoch + -(-self.examples // self.training.batch_size)

    @property
    def steps_per_epoch(self) -> int:
        """How many mini-batches an epoch has."""
        return -(-len(self.training.examples) // self.training.batch_size)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to train."""
        early = self.training.conduct.early_stopping
        return self.epoch >= self.training.epochs or (early is not None and early.is_over(self.stopping))

    @property
    def is_finite(self) -> bool:
        """Whether all parameters of the learner are finite."""
        backend = self.training.backend
        with backend.active():
            return bool(all_finite(backend.xp, self.learner.train_state.parameters))

    @property
    def best(self) -> str | None:
        """Which epoch the learner will be left with; None where nobody looks for the best."""
        return None if self.stopping.epoch is None else f"epoch {self.stopping.epoch}, the best"

    def begin_epoch(self) -> Optimizer:
        """Return the optimizer as it is in this epoch, whose order is about to be drawn."""
        if self.training.conduct.checkpoint is not None:
            self.order = random.states(self.training.streams)["order"]
        total = self.learnt_before + self.training.epochs * self.steps_per_epoch
        return self.training.optimizer.settled(self.steps_per_epoch, total, self.watched)

    def end_chunk(self, n: int) -> None:
        """Say that n examples more have been learnt from."""
        self.examples += n
        self.learner.learnt = Learnt(self.training.optimizer, self.learnt_before + self.n_steps, self.watched)

    def write_if_due(self) -> None:
        """Write a checkpoint if one is due, between two chunks."""
        wanted, epochs = self.training.conduct.checkpoint, None if self.examples else self.epoch
        if wanted is not None and (self.is_over or wanted.is_due(epochs, self.asked, self.n_steps)):
            self.write()
        self.asked = self.n_steps

    def end_epoch(self, report: Report) -> None:
        """Keep the report of an epoch, and all that depends on it; write a checkpoint if one is due."""
        self.history.append(report)
        if self.lines is not None:
            self.lines.append(report)
        early, found = self.training.conduct.early_stopping, report.metrics or {}
        schedule = self.training.optimizer.schedule
        if schedule is not None:
            self.watched = schedule.after_epoch(self.watched, found.get("validation_cost", found["cost"]))
        if early is not None:
            learnt = self.learner.train_state, self.watched
            value, is_more = found[early.metric], self.training.more_is_better(early.metric)
            self.stopping = early.after_epoch(self.stopping, self.epoch, value, learnt, is_more)
        self.epoch, self.examples, self.seconds, self.order = self.epoch + 1, 0, 0.0, None
        self.learner.learnt = Learnt(self.training.optimizer, self.learnt_before + self.n_steps, self.watched)
        self.write_if_due()

    def settle(self) -> None:
        """Leave the learner with the best that was learnt, if somebody looks for it, and with its average.

        Without it, what is not finite gives way to what was there before the epoch.
        """
        learner, optimizer = self.learner, self.training.optimizer
        if self.stopping.epoch is not None:
            learner.train_state, watched = self.stopping.learnt
            n_steps = self.learnt_before + (self.stopping.epoch + 1) * self.steps_per_epoch
            learner.learnt = Learnt(optimizer, n_steps, watched)
        elif self.last_good is not None and not self.is_finite:
            learner.train_state = self.last_good
            warn(
                f"epoch {self.epoch}: expected finite parameters, got NaN or infinity before it was stopped. The "
                "network is as it was before this epoch. Most often the learning rate is too large: take a tenth of it."
            )
        if learner.learnt is not None and learner.learnt.optimizer is optimizer and not learner.learnt.is_settled:
            learner.train_state = averaged(optimizer, learner.train_state)
            learner.learnt = learner.learnt._replace(is_settled=True)

    def write(self) -> None:
        """Write a checkpoint, unless this moment has been written."""
        wanted = self.training.conduct.checkpoint
        if wanted is None or self.written == self.n_steps:
            return
        files.write(Path(wanted.folder), self.n_steps, self._moment(), wanted.keep)
        self.written = self.n_steps

    def _moment(self) -> Moment:
        training, to_numpy = self.training, self.training.backend.to_numpy
        parameters, state, slots = map_arrays(to_numpy, self.learner.train_state)
        made_of = training.architecture, training.backend.dtype, training.conduct.class_names
        streams, (best, watched) = random.states(training.streams), self.stopping.learnt or ((), None)
        seen = training.examples
        return Moment(
            SavedNetwork(*made_of, parameters, state, seen.scale, seen.is_column, seen.columns, seen.pictures),
            arrays_of(slots),
            [to_numpy(a) for a in arrays_of(best)],
            self.epoch,
            self.examples,
            self.seconds,
            self.learnt_before + self.n_steps,
            streams if self.order is None or self.examples == 0 else streams | {"order": self.order},
            [*self.stopping[:4], watched and list(watched)],
            None if self.watched is None else list(self.watched),
            list(self.history),
            training.made_of,
            exact_on(training),
        )


def rate(optimizer: Optimizer, step: int) -> float | None:
    """Return the learning rate of a step; None where a user's own optimizer says none."""
    return None if getattr(optimizer, "learning_rate", None) is None else float(optimizer.rate(step))


def begin(training: "Training", learner: "Learner", history: History) -> Course:
    """Return where a training starts: afresh, with an optimizer that has come so far, or from a checkpoint."""
    course, conduct, parameters = Course(training, learner, history), training.conduct, learner.train_state.parameters
    slots = optimizers.initialize(training.backend.xp, training.optimizer, parameters)
    if training.moment is not None:
        _go_on(course, training.moment, slots)
    else:
        if conduct.learnt is None or len(arrays_of(learner.train_state.optimizer)) != len(arrays_of(slots)):
            learner.train_state = learner.train_state._replace(optimizer=slots)
        else:
            if learner.learnt is not None and learner.learnt.is_settled:
                learner.train_state = averaged(training.optimizer, learner.train_state, sign=-1)
            course.learnt_before, course.watched = conduct.learnt.n_steps, conduct.learnt.watched
        learner.learnt = Learnt(training.optimizer, course.learnt_before, course.watched)
    if conduct.history_file is not None:
        course.lines = Lines(conduct.history_file, history)
    return course


def _go_on(course: Course, moment: Moment, slots: Tree) -> None:
    """Let a training stand where a checkpoint says."""
    training, learner = course.training, course.learner
    random.restore(training.streams, moment.streams)
    course.epoch, course.examples, course.seconds = moment.epoch, moment.examples, moment.seconds
    course.learnt_before = moment.n_steps - course.n_steps
    course.asked = course.n_steps
    course.written = course.n_steps if is_same_folder(training.conduct.checkpoint, training.conduct.resume) else -1
    course.watched = None if moment.watched is None else Watched(*moment.watched)
    course.history.extend(moment.history)
    network, put = moment.network, training.backend.placed
    now = TrainState(network.parameters, network.state, _filled(slots, moment.optimizer, "optimizer"))
    epoch, value, passed, waited, *watched = moment.stopping
    if epoch is not None:
        then = Watched(*watched[0]) if watched and watched[0] else None
        best = map_arrays(put, _best(training, now, moment.best)), then
        course.stopping = Stopping(epoch, value, passed, waited, best)
    learner.train_state = map_arrays(put, now)
    learner.learnt = Learnt(training.optimizer, moment.n_steps, course.watched)


def _best(training: "Training", now: TrainState, arrays: list[HostArray]) -> TrainState:
    """Return the train state of the best epoch; a former version kept no other of its slots than the average."""
    if len(arrays) == len(arrays_of(now)):
        return TrainState(*_filled(now, arrays, "best"))
    kept = *now[:2], ahead_of(training.optimizer, now.optimizer)
    parameters, state, ahead = _filled(kept, arrays, "best")
    return TrainState(parameters, state, with_ahead(now.optimizer, ahead))


def _filled(tree: Tree, arrays: list[HostArray], what: str) -> Tree:
    """Return a tree with other arrays in it, found to be as many, and to have the shapes of its own."""
    own, given = [tuple(a.shape) for a in arrays_of(tree)], [a.shape for a in arrays]
    if own != given or any(a.dtype.kind != "f" for a in arrays):
        raise ValueError(f"resume: expected arrays of floats ({what}) of the shapes {own}, got {given}. Start afresh.")
    rest = iter(arrays)
    return map_arrays(lambda a: next(rest), tree)
