"""`anynet curves`: draw what a training told of its epochs."""

import argparse
from pathlib import Path

from anynet import history
from anynet.commands import drawing
from anynet.commands.terminal import say, tell

DEFAULT_OUTPUT = Path("curves.png")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    lines = "lines of JSON, such as train --history wrote; - is standard input"
    parser.add_argument("file", metavar="HISTORY", help=lines)
    drawing.add_picture(parser, DEFAULT_OUTPUT)


def run(arguments: argparse.Namespace) -> None:
    """Draw the costs and the other metrics over the epochs, and print their table."""
    output = drawing.picture(arguments.output, DEFAULT_OUTPUT)
    told = history.read(arguments.file)
    if not told:
        raise ValueError(f"{arguments.file}: expected at least one epoch, got none. Let train write it by --history.")
    tell(str(told))
    with drawing.saved(output):
        told.plot(output)
    say(f"Saved the picture to {output.name}")
