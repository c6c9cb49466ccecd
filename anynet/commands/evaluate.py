"""`anynet evaluate`: count the right answers of a saved network, class by class, or tell the error of its values."""

import argparse
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from anynet.commands import options
from anynet.commands.data import add_data, data_to_judge_by, n_classes_of
from anynet.commands.errors import UsageError
from anynet.commands.terminal import as_shown, columns_of, say, tell, to_the_right, width
from anynet.datasets import Dataset
from anynet.network import Network
from anynet.typing import HostArray

BLOCK = 1_000  # examples at a time


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    options.add_saved_network(parser, nargs="?")
    add_data(parser, "MNIST's test images")
    options.add_names(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> None:
    """Print how many answers are right, and what is taken for what."""
    _find_network_after_data(arguments)
    net = options.load_network(arguments)
    names = options.names(arguments.names, net.class_names, n_classes_of(net))
    data = data_to_judge_by(arguments, net)
    with options.threads(arguments.threads, net.backend):
        result, confusion = _judged(net, data)
    if arguments.json:
        matrix = {} if confusion is None else {"confusion": confusion.tolist()}
        tell(json.dumps({"file": arguments.file} | result | matrix))
        return
    if "right" in result:
        say(f"{arguments.file}: {result['right']} / {result['total']} right, {100 * result['accuracy']:.2f} %")
    else:
        error, cost = result["mean_squared_error"], result["cost"]
        say(f"{arguments.file}: mean squared error {error:.6g}, cost {cost:.6g}, over {result['total']} examples")
    if confusion is not None:
        tell("\n" + _table(confusion, names, width()))
        say("(rows: what they are; columns: what they are taken for)")


def _judged(net: Network, data: Dataset) -> tuple[dict[str, Any], HostArray | None]:
    """Return figures by name, and for a classification what is taken for what."""
    total = len(data)
    if net.task == "regression":
        y = data.y.reshape(total, -1)
        sums = [0.0, 0.0]
        for begin in range(0, total, BLOCK):
            rows = slice(begin, begin + BLOCK)
            outputs, n = net.feedforward(data.x[rows]), len(y[rows])
            sums[0] += n * net.gradients(data.x[rows], y[rows])[0]
            sums[1] += n * float(np.mean((outputs - y[rows]) ** 2))
        return {"total": total, "cost": sums[0] / total, "mean_squared_error": sums[1] / total}, None
    if net.task == "multilabel":
        right = net.evaluate(data)
        return {"right": right, "total": total, "accuracy": right / total}, None
    confusion = net.confusion_matrix(data)
    right = int(np.trace(confusion))
    return {"right": right, "total": total, "accuracy": right / total}, confusion


def _find_network_after_data(arguments: argparse.Namespace) -> None:
    """Let the network be the last of the files after `--data`, which takes all that follow, if it is none before."""
    if arguments.file is None and len(arguments.data or ()) > 1:
        *arguments.data, arguments.file = arguments.data
    if arguments.file is None:
        raise UsageError("FILE: expected a saved network, such as train wrote, got none. Name it.")


def _table(confusion: HostArray, class_names: Sequence[str] | None, columns: int | None) -> str:
    """Return a confusion matrix as text, its columns in so many parts, one below the other, that each fits."""
    names = [as_shown(str(name)[:12]) for name in class_names or range(len(confusion))]
    side = max(map(columns_of, names))
    cell = 1 + max(side, len(str(confusion.max())))
    step = len(names) if columns is None else max(1, (columns - side) // cell)
    parts = []
    for begin in range(0, len(names), step):
        part = slice(begin, begin + step)
        rows = zip(names, confusion[:, part], strict=True)
        parts += [" " * side + "".join(to_the_right(name, cell) for name in names[part])]
        parts += [to_the_right(name, side) + "".join(f"{n or '.':>{cell}}" for n in row) for name, row in rows]
        parts += [""]
    return "\n".join(parts[:-1])
