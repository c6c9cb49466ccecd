"""`anynet curves`: draw what a training told of its epochs."""

import argparse
from pathlib import Path

from anynet import history
from anynet.commands import options
from anynet.commands.terminal import say, tell

DEFAULT_OUTPUT = Path("curves.png")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add = parser.add_argument
    add("file", metavar="HISTORY", help="lines of JSON, such as train --history wrote; - is standard input")
    where = f"where to save the picture (PNG, PDF, SVG); by default {DEFAULT_OUTPUT}, numbered if it exists"
    add("--output", "--out", metavar="FILE", help=where)


def run(arguments: argparse.Namespace) -> None:
    """Draw the costs and the other metrics over the epochs, and print their table."""
    given = arguments.output
    output = options.free_path(DEFAULT_OUTPUT) if given is None else options.picture_path(given)
    told = history.read(arguments.file)
    if not told:
        raise ValueError(f"{arguments.file}: expected at least one epoch, got none. Let train write it by --history.")
    tell(str(told))
    with options.drawing(output):
        told.plot(output)
    say(f"Saved the picture to {output}")
