"""`anynet evaluate`: count the right answers of a saved network, class by class."""

import argparse
import json
from collections.abc import Sequence

import numpy as np

from anynet.commands import options
from anynet.commands.data import add_data, data_to_judge_by
from anynet.commands.terminal import say
from anynet.typing import HostArray


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    options.add_saved_network(parser)
    add_data(parser, "MNIST's test images")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> None:
    """Print how many answers are right, and what is taken for what."""
    net = options.load_network(arguments)
    data = data_to_judge_by(arguments)
    with options.threads(arguments.threads, net.backend):
        confusion = net.confusion_matrix(data)
    right, total = int(np.trace(confusion)), int(confusion.sum())
    if arguments.json:
        result = {"file": arguments.file, "right": right, "total": total, "accuracy": right / total}
        print(json.dumps(result | {"confusion": confusion.tolist()}))
        return
    say(f"{arguments.file}: {right} / {total} right, {100 * right / total:.2f} %")
    print("\n" + _table(confusion, net.class_names))


def _table(confusion: HostArray, class_names: Sequence[str] | None) -> str:
    """Return a confusion matrix as text: rows are what the digits are, columns what they were taken for."""
    names = [str(name)[:12] for name in class_names or range(len(confusion))]
    side = max(map(len, names))
    width = max(side, len(str(confusion.max())))
    lines = [" " * side + "".join(f" {name:>{width}}" for name in names)]
    lines += [
        f"{name:>{side}}" + "".join(f" {n or '.':>{width}}" for n in row)
        for name, row in zip(names, confusion, strict=True)
    ]
    return "\n".join(lines) + "\n(rows: what they are; columns: what they are taken for)"
