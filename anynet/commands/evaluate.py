"""`anynet evaluate`: count the right answers of a saved network, class by class."""

import argparse
import json
from collections.abc import Sequence

import numpy as np

from anynet.commands import options
from anynet.commands.data import add_data, data_to_judge_by
from anynet.commands.errors import UsageError
from anynet.commands.terminal import say, tell, width
from anynet.typing import HostArray


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    options.add_saved_network(parser, nargs="?")
    add_data(parser, "MNIST's test images")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> None:
    """Print how many answers are right, and what is taken for what."""
    _find_network_after_data(arguments)
    net = options.load_network(arguments)
    data = data_to_judge_by(arguments)
    with options.threads(arguments.threads, net.backend):
        confusion = net.confusion_matrix(data)
    right, total = int(np.trace(confusion)), int(confusion.sum())
    if arguments.json:
        result = {"file": arguments.file, "right": right, "total": total, "accuracy": right / total}
        tell(json.dumps(result | {"confusion": confusion.tolist()}))
        return
    say(f"{arguments.file}: {right} / {total} right, {100 * right / total:.2f} %")
    tell("\n" + _table(confusion, net.class_names, width()))
    say("(rows: what they are; columns: what they are taken for)")


def _find_network_after_data(arguments: argparse.Namespace) -> None:
    """Let the network be the last of the files after `--data`, which takes all that follow, if it is none before."""
    if arguments.file is None and len(arguments.data or ()) > 1:
        *arguments.data, arguments.file = arguments.data
    if arguments.file is None:
        raise UsageError("FILE: expected a saved network, such as train wrote, got none. Name it.")


def _table(confusion: HostArray, class_names: Sequence[str] | None, columns: int | None) -> str:
    """Return a confusion matrix as text, its columns in so many parts, one below the other, that each fits."""
    names = [str(name)[:12] for name in class_names or range(len(confusion))]
    side = max(map(len, names))
    cell = 1 + max(side, len(str(confusion.max())))
    step = len(names) if columns is None else max(1, (columns - side) // cell)
    parts = []
    for begin in range(0, len(names), step):
        part = slice(begin, begin + step)
        rows = zip(names, confusion[:, part], strict=True)
        parts += [" " * side + "".join(f"{name:>{cell}}" for name in names[part])]
        parts += [f"{name:>{side}}" + "".join(f"{n or '.':>{cell}}" for n in row) for name, row in rows]
        parts += [""]
    return "\n".join(parts[:-1])
