"""`anynet predict`: say which digits pictures show, or what a network answers to rows of data."""

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from anynet import datasets
from anynet.checks import whole_number
from anynet.commands import errors, options
from anynet.commands.data import RESIZED, add_target, n_classes_of
from anynet.commands.terminal import OutputError, called, say, tell
from anynet.datasets import images, loading
from anynet.network import Network
from anynet.typing import HostArray

LEADING = 3  # so many outputs are shown for an image, if no other number is asked for
N_PIXELS = 28 * 28


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    options.add_saved_network(parser)
    what = "a picture (PNG, JPEG, ...), or an IDX file of a digit; or rows in an .npz of x, a CSV or an IDX file"
    parser.add_argument("images", nargs="+", metavar="IMAGE", help=f"{what}; - is standard input")
    add_target(parser)
    options.add_names(parser)
    leading = f"how many outputs are shown, the answer's and those of the runners-up ({LEADING})"
    parser.add_argument("--top", type=int, default=LEADING, metavar="N", help=leading)
    parser.add_argument("--json", action="store_true", help="print one JSON object per image or row")


def run(arguments: argparse.Namespace) -> None:
    """Print a line per image or row; what is none is told, and the others follow."""
    whole_number("top", arguments.top)
    net = options.load_network(arguments)
    names = options.names(arguments.names, net.class_names, n_classes_of(net))
    codes = []
    with options.threads(arguments.threads, net.backend), called(images.RESIZE, RESIZED):
        for path in arguments.images:
            try:
                for name, x in _inputs(net, path, arguments):
                    _tell(net, names, name, x, arguments)
            except (OSError, ValueError) as error:
                if isinstance(error, (BrokenPipeError, OutputError)) or not errors.is_for_the_user(error):
                    raise
                codes.append(errors.tell(error, arguments))
    if codes:
        kind = errors.UsageError if errors.USAGE in codes else ValueError
        raise kind(f"{len(codes)} of {len(arguments.images)} files could not be read as what the network takes.")


def _inputs(net: Network, path: str, arguments: argparse.Namespace) -> Iterator[tuple[str, HostArray]]:
    """Yield (name, inputs (1, n_in)) of each image or row in a file."""
    kind = loading.kind(path)
    takes_digits = net.pictures is None and net.sizes[0] == N_PIXELS and net.task == "classification"
    if kind in ("npz", "csv") or (kind == "idx" and not takes_digits):
        x = loading.read_inputs(path, net.sizes[0], arguments.target, net.columns)
        yield from ((f"{path}[{i}]", row[None]) for i, row in enumerate(x))
        return
    if net.pictures is not None:
        yield path, datasets.read_images(path, net.pictures)
        return
    if not takes_digits:
        raise ValueError(
            f"{path}: expected an .npz, CSV or IDX file of rows, for {arguments.file} takes no images of 28 x 28 "
            f"to classify, but {net.sizes[0]} numbers for {net.task}, {loading.instead(path)}"
        )
    digits = datasets.read_images(path)
    for i, image in enumerate(digits):
        name = path if len(digits) == 1 else f"{path}[{i}]"
        try:
            framed = datasets.to_mnist(image).reshape(1, -1)
        except ValueError as error:
            if not errors.is_for_the_user(error):
                raise
            raise ValueError(f"{name}: {error}") from None
        yield name, framed


def _tell(net: Network, names: Sequence[str] | None, name: str, x: HostArray, arguments: Any) -> None:
    """Print what the network answers, and its leading outputs."""
    outputs = net.feedforward(x)[0]
    if net.task == "classification" and len(outputs) == 1:  # it tells the second class from the first
        lowest = -1 if net.architecture.output_name == "tanh" else 0
        outputs = np.array([1 + lowest - outputs[0], outputs[0]])
    names = names or [str(i) for i in range(len(outputs))]
    leading = np.argsort(-outputs)[: arguments.top]
    kind = "probabilities" if net.architecture.output_name == "softmax" else "outputs"
    answer: Any = names[leading[0]]
    if net.task == "regression":
        answer = [float(f"{value:.6g}") for value in outputs]
    elif net.task == "multilabel":
        answer = [name for name, fires in zip(names, net.predict(x)[0], strict=True) if fires]
    if arguments.json:
        values = {names[i]: round(float(outputs[i]), 6) for i in range(len(outputs))}
        tell(json.dumps({"image": name, "answer": answer, kind: values}))
    elif net.task == "regression":
        say(f"{name}: {', '.join(map(str, answer))}")
    else:
        shares = ", ".join(f"{names[i]} {100 * outputs[i]:.1f} %" for i in leading)
        say(f"{name}: {answer if isinstance(answer, str) else ', '.join(answer) or 'none'}  ({kind}: {shares})")
