"""`anynet predict`: say which digits pictures show."""

import argparse
import json

import numpy as np

from anynet import datasets
from anynet.commands import errors, options
from anynet.commands.terminal import OutputError, say, tell
from anynet.network import Network
from anynet.typing import HostArray

LEADING = 3  # so many outputs are shown for an image
N_PIXELS = 28 * 28


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    options.add_saved_network(parser)
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="a picture (PNG, JPEG, ...) or an IDX file")
    parser.add_argument("--json", action="store_true", help="print one JSON object per image")


def run(arguments: argparse.Namespace) -> None:
    """Print a line per image; what is no image is told, and the others follow."""
    net = options.load_network(arguments)
    if net.sizes[0] != N_PIXELS or net.task != "classification":
        raise ValueError(
            f"{arguments.file}: expected a network that classifies images of 28 x 28, got one of {net.sizes[0]} "
            f"inputs whose task is {net.task}."
        )
    failures = 0
    with options.threads(arguments.threads, net.backend):
        for path in arguments.images:
            try:
                _tell_all(net, path, arguments.json)
            except (OSError, ValueError) as error:
                if isinstance(error, (BrokenPipeError, OutputError)) or not errors.is_for_the_user(error):
                    raise
                failures += 1
                errors.tell(error, arguments.traceback)
    if failures:
        raise ValueError(f"{failures} of {len(arguments.images)} files could not be read as images of a digit.")


def _tell_all(net: Network, path: str, as_json: bool) -> None:
    """Print what the network takes each image in a file for."""
    images = datasets.read_images(path)
    for i, image in enumerate(images):
        _tell(net, path if len(images) == 1 else f"{path}[{i}]", image, as_json)


def _tell(net: Network, name: str, image: HostArray, as_json: bool) -> None:
    """Print what the network takes one image for, and its leading outputs."""
    try:
        x = datasets.to_mnist(image).reshape(1, -1)
    except ValueError as error:
        if not errors.is_for_the_user(error):
            raise
        raise ValueError(f"{name}: {error}") from None
    outputs = net.feedforward(x)[0]
    if len(outputs) == 1:  # it tells the second class from the first
        outputs = np.array([1 - outputs[0], outputs[0]])
    names = net.class_names or [str(i) for i in range(len(outputs))]
    leading = np.argsort(-outputs)[:LEADING]
    kind = "probabilities" if net.architecture.output_name == "softmax" else "outputs"
    if as_json:
        values = {names[i]: round(float(outputs[i]), 6) for i in range(len(outputs))}
        tell(json.dumps({"image": name, "answer": names[leading[0]], kind: values}))
    else:
        shares = ", ".join(f"{names[i]} {100 * outputs[i]:.1f} %" for i in leading)
        say(f"{name}: {names[leading[0]]}  ({kind}: {shares})")
