"""`anynet show-layers`: draw what each layer of a saved network makes of a picture."""

import argparse
from itertools import islice
from pathlib import Path

from anynet import plots
from anynet.commands import drawing, options
from anynet.commands.data import RESIZED, add_target
from anynet.commands.inputs import inputs_of
from anynet.commands.terminal import called, say
from anynet.datasets import images

DEFAULT_OUTPUT = Path("layers.png")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    options.add_saved_network(parser)
    what = "a picture (PNG, JPEG, ...), or of a file of several images, or rows, the first; - is standard input"
    parser.add_argument("images", metavar="IMAGE", help=what)
    add_target(parser)
    drawing.add_picture(parser, DEFAULT_OUTPUT)


def run(arguments: argparse.Namespace) -> None:
    """Draw the picture, the maps or activations of each layer, and the answer."""
    output = drawing.picture(arguments.output, DEFAULT_OUTPUT)
    net = options.load_network(arguments)
    with options.threads(arguments.threads, net.backend), called(images.RESIZE, RESIZED):
        [(name, x)] = islice(inputs_of(net, arguments.images, arguments), 1)
        with drawing.saved(output):
            plots.show_layers(net, x, output)
    say(f"Saved the picture of {name} in the layers of {arguments.file} to {output.name}")
