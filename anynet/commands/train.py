"""`anynet train`: train a network and save it."""

import argparse
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from anynet import agreement, augmentation, history, optimizers, random, signals, symptoms
from anynet.callbacks import Checkpoint, EarlyStopping
from anynet.checks import look_up, path_shown, shown, whole_number
from anynet.commands import config, errors, networks, options, terminal
from anynet.commands.data import Asked, TrainingData, add_data, add_pictures, classes_told, training_data
from anynet.commands.errors import UsageError
from anynet.commands.keeping import keep
from anynet.costs import COSTS
from anynet.datasets import Dataset
from anynet.examples import rows_at
from anynet.formats import columns, pictures
from anynet.formats.replacing import replace_file
from anynet.history import Report
from anynet.metrics import METRICS
from anynet.network import Network
from anynet.optimizers import OPTIMIZERS, Optimizer
from anynet.progress import epoch_line, metrics_line, with_progress
from anynet.schedules import SCHEDULES, Constant, Schedule, StepDecay, Warmup
from anynet.training import BATCH_SIZE

RATE_FOR_VALUES = 0.01  # the book, whose outputs are sigmoids, has none: its 3.0 diverges where they have no bounds
STAIR = 10  # epochs of --schedule step
NEVER = 10**9  # epochs: as long as nobody waits

# What who has a file and options is told, for what symptoms say to who has an array and arguments.
STANDARDISE = "A network hardly learns from them. Let it bring them to one scale by itself: train with --standardize."
FIRING = "with a smaller --learning-rate, or with --hidden-activation tanh"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.description = (
        "Without options: the book's network, [784, 30, 10], on the 50,000 training images of MNIST. "
        "Defaults stand in parentheses."
    )
    run_file = "TOML of options, such as epochs = 30; what is typed wins, and what came of both stands in OUTPUT.toml"
    parser.add_argument("--config", action=config.FromFile, metavar="FILE", help=run_file)
    dry = "check everything, train on one batch, and write nothing"
    options.add_switch(parser.add_argument, "--dry-run", dry)
    data = parser.add_argument_group("data")
    add_data(data, "MNIST")
    add_pictures(data)
    options.add_names(data)
    kept = "share of --data that is kept to judge by; by default none, and nothing is judged"
    data.add_argument("--validation-fraction", type=options.number, metavar="F", help=kept)
    networks.add_network(parser.add_argument_group("network").add_argument)
    training = parser.add_argument_group("training").add_argument
    _add_training(training)
    _add_regularization(training)
    where = parser.add_argument_group("where it computes")
    options.add_backend(where)
    limit = "of data kept on the device, such as 100MB; the rest is streamed (as much as fits)"
    where.add_argument("--memory-limit", type=options.n_bytes, metavar="SIZE", help=limit)
    _add_output(parser.add_argument_group("output").add_argument)


def _add_training(add: Callable[..., Any]) -> None:
    add("--epochs", type=options.whole, default=30, metavar="N", help="passes over the training data (30)")
    add("--batch-size", type=options.whole, metavar="N", help="examples in a mini-batch (10)")
    micro = "of a mini-batch whose gradients are taken at a time, where all of them fill the memory (all)"
    add("--micro-batch-size", type=options.whole, metavar="N", help=micro)
    rates = ", ".join(networks.each(f"{cost.learning_rate} with {cost.name}" for cost in COSTS.values()))
    rates += f"; {RATE_FOR_VALUES} for values; of other optimizers 0.001, with momentum 0.01"
    suits = "sgd for sigmoid throughout, for values, or where a rate is given; else adam"
    frozen = "positions of layers that stay as they are, as anynet info FILE numbers them, such as '1, 2' (none)"
    add("--freeze", type=options.positions, metavar="N,...", help=frozen)
    add("--optimizer", metavar="NAME", help=f"{', '.join(OPTIMIZERS)}; by default what suits: {suits}")
    add("--learning-rate", "--eta", type=options.number, metavar="RATE", help=f"step size; by default {rates}")
    kinds = ", ".join(name for name in SCHEDULES if name != "warmup")
    add("--schedule", metavar="NAME", help=f"how the rate changes: {kinds} (constant)")
    length = "of the schedule; of a stair, for step (all of the training; 10 for step)"
    add("--schedule-epochs", type=options.whole, metavar="N", help=length)
    stop = "stop after so many epochs in a row without a better one (never); MNIST's validation images then judge them"
    add("--early-stopping", type=options.whole, metavar="N", help=stop)
    add("--checkpoint", metavar="FOLDER", help="where to write after each epoch where training stands (nowhere)")
    add("--resume", metavar="FOLDER", help="of checkpoints: go on from the newest, as if never stopped")
    add("--history", metavar="FILE", help="where to write a line of JSON after each epoch (nowhere)")
    add("--warmup-steps", type=options.whole, metavar="N", help="mini-batches in which the rate rises at first (none)")


def _add_regularization(add: Callable[..., Any]) -> None:
    add("--l1", type=options.number, metavar="LAMBDA", help="of a penalty on weights, lambda / n * sum(|w|) (none)")
    add("--l2", type=options.number, metavar="LAMBDA", help="likewise, lambda / (2 n) * sum(w^2) (none)")
    add(
        "--clip-norm",
        type=options.number,
        metavar="NORM",
        help="to which gradients are scaled down where theirs is larger",
    )
    average = "share of a moving average that stays in each step, such as 0.999: it is judged, and saved (no average)"
    add("--average", type=options.number, metavar="SHARE", help=average)
    smooth = "share of a target that goes to all outputs alike, above 0 and below 1 (none)"
    add("--label-smoothing", type=options.number, metavar="SHARE", help=smooth)
    add("--class-weight", metavar="balanced", help="let all classes count alike, however rare they are")
    names = f"what to judge each epoch by besides: {', '.join(METRICS)}, top_3, f1_0 (class 0) and their like"
    add("--metrics", nargs="+", metavar="NAME", help=names)
    options.add_switch(add, "--training-cost", "tell the cost over all training data of each epoch too")
    add("--augment", metavar="HOW", help=f"{options.AUGMENT}; anew in each epoch (nothing)")
    options.add_switch(add, "--shuffle", "take the examples of each epoch in a fresh order, or as they stand (fresh)")


def _add_output(add: Callable[..., Any]) -> None:
    file = f"where to save the network; by default {options.DEFAULT_OUTPUT}, numbered if it exists"
    add("--output", "--out", metavar="FILE", help=file)
    options.add_switch(add, "--force", "replace files that exist")
    options.add_switch(add, "--quiet", "print nothing but errors")


@terminal.called(symptoms.STANDARDISE, STANDARDISE)
@terminal.called(symptoms.STANDARDISE_FIRST, "Train with --standardize")
@terminal.called(symptoms.WITH_HE_NORMAL, FIRING)
def run(arguments: argparse.Namespace) -> None:
    """Train, tell how it goes, and save what was learnt, whatever happens."""
    say = terminal.be_silent if arguments.quiet else terminal.say
    output = options.output_path(arguments.output, arguments.force)
    goes_on = _check_paths(arguments, output)
    data = training_data(arguments)
    net = networks.network_of(arguments, data.train, data.asked or Asked(1))
    _check_goes_together(arguments, net, data)
    how = _how(arguments, net, data)
    if arguments.dry_run:  # which writes nothing, and checks all else of it
        how |= {"checkpoint": None, "history_file": None}
    reports = net.iter_fit(data.train, **how)
    with options.threads(arguments.threads, net.backend), signals.held_back() as check_for_interrupt:
        sizes = ", ".join("x".join(map(str, shape)) for shape in net.shapes)
        say(f"Training [{sizes}] on {net.backend.label}, {net.backend.dtype}; output: {output}")
        say(f"{len(data.train):,} examples")
        if data.train.columns is not None:
            say(columns.told(data.train.columns))
        if data.train.pictures is not None:
            say(f"Pictures: {pictures.told(data.train.pictures)}; classes: {classes_told(data.train)}")
        if data.asked is not None and data.asked.remark is not None:
            say(data.asked.remark)
        if arguments.dry_run:
            say(_tried(net, data.train, how))
        else:
            if arguments.history is not None and not (arguments.force or goes_on):
                replace_file(Path(arguments.history), lambda file: None, is_new=True)  # its name is taken by one run
            _train(arguments, net, data, reports, output, say, check_for_interrupt)


def _train(
    arguments: argparse.Namespace,
    net: Network,
    data: TrainingData,
    reports: Iterator[Report],
    output: Path,
    say: Callable[[str], None],
    check_for_interrupt: signals.Interrupts,
) -> None:
    """Let the network learn, and save it, whatever happens."""
    ends: list[Report] = []
    report: Report | None = None
    try:
        # It is closed at once, whatever happens: then the best is taken, and a checkpoint written.
        with closing(with_progress(reports, False if arguments.quiet else None, keep=False)) as watched:
            for report in watched:
                if report.is_epoch_end:
                    ends.append(report)
                    say(_line(report, data, arguments.metrics or ()))
                check_for_interrupt()
    except (KeyboardInterrupt, Exception) as stopped:  # whatever it is, what was learnt is worth keeping
        check_for_interrupt.hold_all()
        is_interrupt = isinstance(stopped, KeyboardInterrupt)
        # What is not finite takes back the epoch that it stops.
        # One that is learnt is kept though its line, or its checkpoint, could not be written.
        is_unwritten = isinstance(stopped, (OSError, ValueError, MemoryError)) and len(net.history) > 0
        if ends or is_unwritten or not (report is None or isinstance(stopped, FloatingPointError)):
            path, (epoch, _, _) = _save(net, output, arguments), _saved(list(net.history) or ends, data)
            kept = f"{f'The network of {epoch},' if data.chooses and ends else 'What was learnt so far'} is in {path}."
        else:
            kept = "Nothing was learnt, and nothing saved."
        if is_interrupt and arguments.checkpoint is not None:
            kept += f" To go on, add --resume {arguments.checkpoint}."
        with suppress(OSError):  # of a terminal that has gone away
            print(f"{'Interrupted' if is_interrupt else 'Stopped'}. {shown(kept, in_one_line=True)}", file=sys.stderr)
        check_for_interrupt()
        raise
    check_for_interrupt.hold_all()
    path = _save(net, output, arguments)
    try:
        for line in _summary(list(net.history) or ends, data, path):
            say(line)
    finally:
        check_for_interrupt()


def _tried(net: Network, train: Dataset, how: dict[str, Any]) -> str:
    """Train on one batch, and return what is said of it."""
    n = min(how["batch_size"] or BATCH_SIZE, len(train))
    batch = train[:n]
    how = how | {"batch_size": n, "validation": None if how["validation"] is None else batch, "resume": None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is to be said of all the data has been
        report = next(net.iter_fit(batch, **how))
    cost = (report.metrics or {})["cost"]
    return f"Dry run: one batch of {n} was trained on, to a cost of {cost:.4g}, and nothing was written."


def _save(net: Network, path: Path, arguments: argparse.Namespace) -> Path:
    """Save the network, under a number if another run has taken the path since this one began; options beside it."""
    replaces = arguments.force is True
    saved = keep(net.save, path, replaces)
    if arguments.config is not None:
        try:
            config.write_resolved(arguments.resolved, saved, is_new=not replaces)
        except Exception as error:  # which the network, that is kept, has no part in
            why = errors.words_of(error).rstrip(".")
            errors.complain(f"{why}. So the options were not written; the network is in {path_shown(saved)}.")
    return saved


def _summary(ends: list[Report], data: TrainingData, path: Path) -> list[str]:
    """Return how fast it went, and of which epoch the network is that was saved: that which was chosen, or the last."""
    seconds, examples = sum(report.seconds for report in ends), sum(report.total for report in ends)
    speed = f"{seconds:.1f} s of training, {examples / seconds:,.0f} examples per second"
    said, kind, besides = _saved(ends, data)
    return [speed, f"Saved the network of {said}{kind and f', {kind}'}, to {path}{besides}"]


def _saved(ends: list[Report], data: TrainingData) -> tuple[str, str, str]:
    """Return which epoch is saved, which it is among them, and what is to be said of a better one."""
    if not ends or data.held_out is None:
        return f"epoch {ends[-1].epoch}" if ends else "no epoch", "the last" * (len(ends) > 1), ""
    figures = [_figure(report, data.n_held_out) for report in ends]
    best = min(range(len(ends)), key=lambda i: _badness(ends[i]))
    saved = best if data.chooses else len(ends) - 1
    is_best = _badness(ends[best]) == _badness(ends[saved])
    kinds = ["the last"] * (not data.chooses) + ["the best"] * is_best
    besides = "" if is_best else f"; the best epoch was {ends[best].epoch}, {figures[best]}"
    said = f"epoch {ends[saved].epoch}, {figures[saved]} on {data.held_out_name}"
    return said, " and ".join(kinds) * (len(ends) > 1), besides


def _line(report: Report, data: TrainingData, metrics: Sequence[str]) -> str:
    """Return the line of an epoch: the book's and metrics, or the cost where there is nothing to judge by."""
    if data.held_out is None:
        return metrics_line(report, columns=80)
    found = report.metrics or {}
    besides = {name: found[f"validation_{name}"] for name in metrics}
    besides |= {name: value for name, value in found.items() if name == "training_cost"}
    return ", ".join([epoch_line(report, data.n_held_out), *(f"{name} {v:.4g}" for name, v in besides.items())])


def _figure(report: Report, n_held_out: int) -> str:
    """Return how an epoch did on the data to judge by, as its line says it."""
    return epoch_line(report, n_held_out).partition(": ")[2]


def _badness(report: Report) -> float:
    """Return what is lower the better an epoch did: fewer right answers are worse, or a higher cost."""
    return -report.n_correct if report.n_correct is not None else (report.metrics or {})["validation_cost"]


def _check_paths(arguments: argparse.Namespace, output: Path) -> bool:
    """Check all but the output that is to be written, before anything is; return whether a history is there already."""
    resolved, lines, folder = config.resolved_path(output), arguments.history, arguments.checkpoint
    named = {"--output": output, "--config": arguments.config and resolved, "--history": lines, "--checkpoint": folder}
    options.check_differ({option: Path(path) for option, path in named.items() if path is not None})
    if arguments.config is not None and not arguments.force and os.path.lexists(resolved):
        raise UsageError(f"--config: expected to write the options anew, got {resolved}, which exists. Add --force.")
    if lines is not None:
        if options.is_folder(lines):
            raise UsageError(f"--history: expected a file, got the folder {lines!r}. Name a file in it.")
        options.check_file("--history", Path(lines), arguments.force or arguments.resume is not None)
        if Path(lines).exists() and not arguments.force:
            history.read(lines)  # to go on with: no other file is written over
    if arguments.checkpoint is not None:
        folder = Path(arguments.checkpoint)
        options.check_folder("--checkpoint", next(p for p in (folder, *folder.absolute().parents) if p.exists()))
        agreement.check_free(Checkpoint(folder), arguments.resume)
    return lines is not None and Path(lines).exists()


def _check_goes_together(arguments: argparse.Namespace, net: Network, data: TrainingData) -> None:
    """Check options that not every network or data have a use for."""
    if arguments.metrics and data.held_out is None:
        raise UsageError("--metrics: expected data to judge each epoch by, got none. Add --validation-fraction 0.2.")
    if arguments.augment is not None:
        shape = data.train.x.shape[1:]
        if len(shape) < 2 and math.isqrt(shape[0]) ** 2 != shape[0]:
            raise UsageError(f"--augment: expected square images in rows, got {shape[0]} numbers. Leave it out.")
        transforms = augmentation.typed(arguments.augment)
        try:  # on the first of them, before anything is written
            augmentation.applied(
                transforms, rows_at(data.train.x, slice(0, 1)), random.spawn(arguments.seed).augmentation
            )
        except ValueError as error:
            raise UsageError(f"--augment: {error}") from None
    weight, has_classes = arguments.class_weight, net.task == "classification" and data.train.y.ndim == 1
    if weight not in (None, "balanced"):
        raise UsageError(f"--class-weight: expected balanced, got {weight!r}.")
    if weight is not None and not has_classes:
        raise UsageError("--class-weight: expected data of one class per example, got others. Leave it out.")


def _optimizer(arguments: argparse.Namespace, net: Network) -> Optimizer:
    """Return the optimizer that was asked for, or that suits, with its schedule."""
    name, rate = arguments.optimizer, arguments.learning_rate
    for_sgd = RATE_FOR_VALUES if net.task == "regression" else net.book_learning_rate
    if name is None and rate is None and net.task != "regression":
        optimizer: Any = net.architecture.default_optimizer
    else:
        optimizer = optimizers.get("sgd" if name is None else name, for_sgd)
    if rate is not None:
        optimizer = replace(optimizer, learning_rate=rate)
    scheduled: Optimizer = replace(optimizer, learning_rate=_schedule(arguments, optimizer.learning_rate))
    return scheduled


def _schedule(arguments: argparse.Namespace, rate: float) -> Schedule | float:
    """Return the schedule that was asked for, which begins with a rate; without one the rate."""
    name, epochs, warmup = arguments.schedule or "constant", arguments.schedule_epochs, arguments.warmup_steps
    kind: Any = look_up({name: kind for name, kind in SCHEDULES.items() if kind is not Warmup}, name, "schedule")
    if epochs is None and kind is StepDecay:
        epochs = STAIR
    if epochs is None:
        schedule = rate if kind is Constant else kind(rate)
    elif any(field.name == "epochs" for field in fields(kind)):
        schedule = kind(rate, epochs=whole_number("schedule_epochs", epochs))
    else:
        raise UsageError(f"--schedule-epochs: expected a schedule that has a length, got {name}. Leave it out.")
    return schedule if warmup is None else Warmup(schedule, steps=whole_number("warmup_steps", warmup))


def _early_stopping(arguments: argparse.Namespace, net: Network) -> EarlyStopping:
    """Return what chooses the epoch that is saved, and perhaps stops: by right answers, where answers are right."""
    patience = NEVER if arguments.early_stopping is None else whole_number("early_stopping", arguments.early_stopping)
    return EarlyStopping(patience, "validation_cost" if net.task == "regression" else "validation_accuracy")


def _how(arguments: argparse.Namespace, net: Network, data: TrainingData) -> dict[str, Any]:
    """Return how to train, as the arguments of `Network.fit`."""
    as_typed = ["epochs", "batch_size", "resume", "memory_limit", "threads", "class_weight"]
    as_typed += ["l1", "l2", "clip_norm", "label_smoothing", "average", "micro_batch_size"]
    return {name: getattr(arguments, name) for name in as_typed} | {
        "optimizer": _optimizer(arguments, net),
        "validation": data.held_out,
        "early_stopping": _early_stopping(arguments, net) if data.chooses else None,
        "checkpoint": None if arguments.checkpoint is None else Checkpoint(arguments.checkpoint),
        "history_file": arguments.history,
        "freeze": arguments.freeze or (),
        "metrics": arguments.metrics or (),
        "training_cost": arguments.training_cost is True,
        "transform": None if arguments.augment is None else augmentation.typed(arguments.augment),
        "shuffle": arguments.shuffle is not False,
    }
