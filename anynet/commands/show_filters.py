"""`anynet show-filters`: draw what a saved network looks for in pictures."""

import argparse
from pathlib import Path

from anynet import plots
from anynet.commands import drawing
from anynet.commands.terminal import say
from anynet.network import Network

DEFAULT_OUTPUT = Path("filters.png")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("file", metavar="FILE", help="a saved network, such as train wrote; - is standard input")
    drawing.add_picture(parser, DEFAULT_OUTPUT)


def run(arguments: argparse.Namespace) -> None:
    """Draw the kernels of convolutions, or weights that see the picture itself."""
    output = drawing.picture(arguments.output, DEFAULT_OUTPUT)
    net = Network.load(arguments.file)
    with drawing.saved(output):
        plots.show_filters(net, output)
    say(f"Saved the picture to {output.name}")
