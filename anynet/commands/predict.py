"""`anynet predict`: say which digits pictures show, or what a network answers to rows of data."""

import argparse
import json
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import numpy as np

from anynet.checks import whole_number
from anynet.commands import errors, options
from anynet.commands.data import RESIZED, add_target, n_classes_of
from anynet.commands.errors import UsageError
from anynet.commands.inputs import inputs_of
from anynet.commands.terminal import OutputError, called, say, tell
from anynet.datasets import images
from anynet.ensemble import Ensemble
from anynet.network import Network
from anynet.typing import HostArray

LEADING = 3  # so many outputs are shown for an image, if no other number is asked for


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    options.add_saved_network(parser)
    what = "a picture (PNG, JPEG, ...), or an IDX file of a digit; or rows in an .npz of x, a CSV or an IDX file"
    parser.add_argument("images", nargs="+", metavar="IMAGE", help=f"{what}; - is standard input")
    options.add_combine(parser)
    add_target(parser)
    options.add_names(parser)
    leading = f"how many outputs are shown, the answer's and those of the runners-up ({LEADING})"
    parser.add_argument("--top", type=options.whole, metavar="N", help=leading)
    parser.add_argument("--json", action="store_true", help="print one JSON object per image or row")


def run(arguments: argparse.Namespace) -> None:
    """Print a line per image or row; what is none is told, and the others follow."""
    if arguments.top is not None and arguments.json:
        raise UsageError("--top: expected no --json beside it, which prints all outputs, got both. Leave one out.")
    leading = whole_number("top", LEADING if arguments.top is None else arguments.top)
    paths = [arguments.file, *takewhile(options.is_network, arguments.images)]
    pictures = arguments.images[len(paths) - 1 :]
    net = options.load_together(paths, arguments)
    if not pictures:
        raise UsageError("IMAGE: expected a picture or rows to answer to, got a saved network. Name one behind it.")
    one, arguments.file = options.one_of(net), ", ".join(paths)
    names = options.names(arguments.names, one.class_names, n_classes_of(one))
    if arguments.top is not None and net.task == "regression":
        raise UsageError("--top: expected a network that tells classes apart, got one of values. Leave it out.")
    codes = []
    with options.threads(arguments.threads, one.backend), called(images.RESIZE, RESIZED):
        for path in pictures:
            try:
                for name, x in inputs_of(one, path, arguments):
                    _tell(net, names, name, x, None if arguments.json else leading)
            except (OSError, ValueError) as error:
                if isinstance(error, (BrokenPipeError, OutputError)) or not errors.is_for_the_user(error):
                    raise
                codes.append(errors.tell(error, arguments))
    if codes:
        kind = UsageError if errors.USAGE in codes else ValueError
        raise kind(f"{len(codes)} of {len(pictures)} files could not be read as what the network takes.")


def _kind_of_outputs(net: Network | Ensemble) -> str:
    """Return what outputs are called."""
    if isinstance(net, Ensemble) and net.combine == "votes":
        return "votes"
    networks = net.networks if isinstance(net, Ensemble) else (net,)
    return "probabilities" if all(each.architecture.output_name == "softmax" for each in networks) else "outputs"


def _tell(net: Network | Ensemble, names: Sequence[str] | None, name: str, x: HostArray, top: int | None) -> None:
    """Print what the network answers, and so many leading outputs, or all as JSON."""
    outputs, kind = net.feedforward(x)[0], _kind_of_outputs(net)
    if net.task == "classification" and len(outputs) == 1:  # it tells the second class from the first
        lowest = -1 if net.architecture.output_name == "tanh" and kind != "votes" else 0
        outputs = np.array([1 + lowest - outputs[0], outputs[0]])
    names = names or [str(i) for i in range(len(outputs))]
    leading = np.argsort(-outputs)[:top]
    answer: Any = names[leading[0]]
    if net.task == "regression":
        answer = [float(f"{value:.6g}") for value in outputs]
    elif net.task == "multilabel":
        answer = [name for name, fires in zip(names, net.predict(x)[0], strict=True) if fires]
    if top is None:
        values = {names[i]: round(float(outputs[i]), 6) for i in range(len(outputs))}
        tell(json.dumps({"image": name, "answer": answer, kind: values}))
    elif net.task == "regression":
        say(f"{name}: {', '.join(map(str, answer))}")
    else:
        shares = ", ".join(f"{names[i]} {100 * outputs[i]:.1f} %" for i in leading)
        say(f"{name}: {answer if isinstance(answer, str) else ', '.join(answer) or 'none'}  ({kind}: {shares})")
