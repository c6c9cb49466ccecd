"""`anynet evaluate`: count right answers of saved networks, class by class, or tell the error of their values."""

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
from anynet.ensemble import Ensemble
from anynet.network import Network
from anynet.shortening import MARK, shortened
from anynet.typing import HostArray

BLOCK = 1_000  # examples at a time
IN_A_TABLE, LISTED = 20, 20  # classes whose confusions make a table that can be read, and confusions of more
NAME = 12  # columns of a terminal, for the name of a class


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    several = "a saved network, such as train wrote, or several that answer together; - is standard input"
    parser.add_argument("files", nargs="*", metavar="FILE", help=several)
    options.add_combine(parser)
    options.add_backend(parser)
    add_data(parser, "MNIST's test images")
    options.add_names(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> None:
    """Print how many answers are right, and what is taken for what."""
    _find_network_after_data(arguments)
    net = options.load_together(arguments.files, arguments)
    one, arguments.file = options.one_of(net), ", ".join(arguments.files)
    names = options.names(arguments.names, one.class_names, n_classes_of(one))
    data = data_to_judge_by(arguments, one)
    with options.threads(arguments.threads, one.backend):
        result, confusion = _judged(net, data)
    if arguments.json:
        matrix = {} if confusion is None else {"confusion": confusion.tolist()}
        judged = {"file": arguments.file} if len(arguments.files) == 1 else {"files": arguments.files}
        tell(json.dumps(judged | result | {"classes": names} | matrix))
        return
    if "right" in result:
        say(f"{arguments.file}: {result['right']} / {result['total']} right, {100 * result['accuracy']:.2f} %")
    else:
        cost = f", cost {result['cost']:.6g}" if "cost" in result else ""
        error = f"mean squared error {result['mean_squared_error']:.6g}{cost}"
        say(f"{arguments.file}: {error}, over {result['total']} examples")
    if confusion is not None:
        _tell_confusion(confusion, [str(name) for name in names or range(len(confusion))])


def _judged(net: Network | Ensemble, data: Dataset) -> tuple[dict[str, Any], HostArray | None]:
    """Return figures by name, and for a classification what is taken for what."""
    total = len(data)
    if net.task == "regression":
        y = data.y.reshape(total, -1)
        sums = [0.0, 0.0]
        for begin in range(0, total, BLOCK):
            rows = slice(begin, begin + BLOCK)
            outputs, n = net.feedforward(data.x[rows]), len(y[rows])
            sums[0] += n * float(np.mean((outputs - y[rows]) ** 2))
            if isinstance(net, Network):  # several have no cost together
                sums[1] += n * net.gradients(data.x[rows], y[rows])[0]
        cost = {"cost": sums[1] / total} if isinstance(net, Network) else {}
        return {"total": total} | cost | {"mean_squared_error": sums[0] / total}, None
    if net.task == "multilabel":
        right = net.evaluate(data)
        return {"right": right, "total": total, "accuracy": right / total}, None
    confusion = net.confusion_matrix(data)
    right = int(np.trace(confusion))
    return {"right": right, "total": total, "accuracy": right / total}, confusion


def _find_network_after_data(arguments: argparse.Namespace) -> None:
    """Let the network be the last of the files after `--data`, which takes all that follow, if it is none before."""
    if not arguments.files and len(arguments.data or ()) > 1:
        *arguments.data, last = arguments.data
        arguments.files = [last]
    if not arguments.files:
        raise UsageError("FILE: expected a saved network, such as train wrote, got none. Name it.")


def _tell_confusion(confusion: HostArray, names: Sequence[str]) -> None:
    """Print what is taken for what: the matrix, or, of many classes, what is so most often."""
    if len(names) <= IN_A_TABLE:
        tell("\n" + _table(confusion, names, width()))
        say("(rows: what they are; columns: what they are taken for)")
        return
    wrong = confusion * ~np.eye(len(names), dtype=bool)
    pairs = [np.unravel_index(place, wrong.shape) for place in np.argsort(-wrong, axis=None, kind="stable")[:LISTED]]
    for i, j in pairs:
        if wrong[i, j]:
            say(f"  {names[i]} -> {names[j]}: {wrong[i, j]:,}")
    n = np.count_nonzero(wrong)
    say(f"(what they are -> what they are taken for, {min(n, LISTED)} of {n:,} confusions; --json prints all)")


def _table(confusion: HostArray, class_names: Sequence[str], columns: int | None) -> str:
    """Return a confusion matrix as text, its columns in so many parts, one below the other, that each fits."""
    mark = MARK if as_shown(MARK) == MARK else ".."
    names = shortened([as_shown(name) for name in class_names], NAME, columns_of, mark)
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
