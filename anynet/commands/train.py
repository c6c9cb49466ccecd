"""`anynet train`: train a network and save it."""

import argparse
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from anynet import signals
from anynet.activations import ACTIVATIONS
from anynet.backends import DTYPES
from anynet.commands import options, terminal
from anynet.commands.data import TrainingData, add_data, n_outputs, training_data
from anynet.commands.errors import usage_errors
from anynet.costs import COSTS
from anynet.datasets import Dataset
from anynet.network import Network
from anynet.optimizers import SGD
from anynet.progress import epoch_line, with_progress
from anynet.training import Report


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.description = (
        "Without options: the book's network, [784, 30, 10], on the 50,000 training images of MNIST. "
        "Defaults stand in parentheses."
    )
    data = parser.add_argument_group("data")
    add_data(data, "MNIST")
    data.add_argument("--validation-fraction", type=float, metavar="F", help="share of --data that is kept to judge by")
    _add_network(parser.add_argument_group("network").add_argument)
    _add_training(parser.add_argument_group("training").add_argument)
    where = parser.add_argument_group("where it computes")
    options.add_backend(where)
    limit = "of data kept on the device, such as 100MB; the rest is streamed (as much as fits)"
    where.add_argument("--memory-limit", type=options.n_bytes, metavar="SIZE", help=limit)
    _add_output(parser.add_argument_group("output").add_argument)


def _add_network(add: Callable[..., Any]) -> None:
    hidden = ", ".join(name for name, f in ACTIVATIONS.items() if not f.is_for_outputs_only)
    costs = " or ".join(_each(cost.name for cost in COSTS.values()))
    add("--sizes", type=int, nargs="+", metavar="N", help="inputs, then neurons of each layer (784 30 10)")
    add("--hidden-activation", default="sigmoid", metavar="NAME", help=f"{hidden} (sigmoid)")
    outputs = ", ".join(_each(cost.output for cost in COSTS.values()))
    add("--output-activation", default="sigmoid", metavar="NAME", help=f"of the last layer: {outputs} (sigmoid)")
    add("--cost", metavar="NAME", help=f"{costs}; by default what suits the output")
    add("--dtype", default="float32", metavar="NAME", help=f"{' or '.join(DTYPES)} (float32)")
    add("--seed", type=int, default=0, metavar="N", help="of initial values and order (0)")


def _add_training(add: Callable[..., Any]) -> None:
    add("--epochs", type=int, default=30, metavar="N", help="passes over the training data (30)")
    add("--batch-size", type=int, default=10, metavar="N", help="examples in a mini-batch (10)")
    rates = ", ".join(_each(f"{cost.learning_rate} with {cost.name}" for cost in COSTS.values()))
    add("--learning-rate", "--eta", type=float, metavar="RATE", help=f"step size; by default {rates}")


def _add_output(add: Callable[..., Any]) -> None:
    file = f"where to save the network; by default {options.DEFAULT_OUTPUT}, numbered if it exists"
    add("--output", "--out", metavar="FILE", help=file)
    add("--force", action="store_true", help="replace the file if it exists")
    add("--quiet", action="store_true", help="print nothing but errors")


def _each(names: Iterable[str]) -> list[str]:
    """Return the names in their order, each once."""
    return list(dict.fromkeys(names))


def run(arguments: argparse.Namespace) -> None:
    """Train, tell how it goes, and save what was learnt, whatever happens."""
    say = terminal.be_silent if arguments.quiet else terminal.say
    with usage_errors():
        output = options.output_path(arguments.output, arguments.force)
        data = training_data(arguments)
        net = _network(arguments, data.train)
        reports = _reports(arguments, net, data)
    with options.threads(arguments.threads, net.backend), signals.held_back() as check_for_interrupt:
        say(f"Training {net.sizes} on {net.backend.label}, {net.backend.dtype}")
        say(f"{len(data.train):,} examples; output: {output}")
        ends = []
        try:
            for report in with_progress(reports, False if arguments.quiet else None, keep=False):
                if report.is_epoch_end:
                    ends.append(report)
                    say(epoch_line(report, data.n_held_out))
                check_for_interrupt()
        except (KeyboardInterrupt, Exception) as stopped:  # whatever it is, what was learnt is worth keeping
            path = _save(net, output, arguments.force)
            why = "Interrupted" if isinstance(stopped, KeyboardInterrupt) else "Stopped"
            print(f"{why}. What was learnt so far is in {path}.", file=sys.stderr)
            raise
        path = _save(net, output, arguments.force)
        say(f"{_summary(ends, data)}\nSaved the network to {path}")
        check_for_interrupt()


def _save(net: Network, path: Path, force: bool) -> Path:
    """Save the network, under a number if another run has taken the path since this one began."""
    return net.save(path if force else options.free_path(path))


def _summary(ends: list[Report], data: TrainingData) -> str:
    """Return which epoch was the best, where that can be said, and how fast they went."""
    right = [report.n_correct for report in ends if report.n_correct is not None]
    best = ""
    if right:
        epoch = right.index(max(right))
        best = f"Best: {right[epoch]} / {data.n_held_out}, epoch {epoch}, chosen on {data.held_out_name}\n"
    seconds, examples = sum(report.seconds for report in ends), sum(report.total for report in ends)
    return f"{best}{seconds:.1f} s of training, {examples / seconds:,.0f} examples per second"


def _network(arguments: argparse.Namespace, train: Dataset) -> Network:
    """Return a network before training, of the sizes that were given or that suit the data."""
    return Network(
        arguments.sizes or [math.prod(train.x.shape[1:]), 30, n_outputs(train.y, arguments.output_activation)],
        arguments.backend,
        arguments.device,
        arguments.dtype,
        arguments.seed,
        hidden_activation=arguments.hidden_activation,
        output_activation=arguments.output_activation,
        cost=arguments.cost,
    )


def _reports(arguments: argparse.Namespace, net: Network, data: TrainingData) -> Iterator[Report]:
    """Return the iterator that trains."""
    rate = arguments.learning_rate
    return net.iter_fit(
        data.train,
        arguments.epochs,
        arguments.batch_size,
        SGD(net.book_learning_rate if rate is None else rate),
        validation=data.held_out,
        memory_limit=arguments.memory_limit,
    )
