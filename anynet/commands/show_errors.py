"""`anynet show-errors`: draw pictures that saved networks take for what they are not."""

import argparse
from pathlib import Path

from anynet import plots
from anynet.commands import drawing, options
from anynet.commands.data import add_data, data_to_judge_by
from anynet.commands.terminal import say

DEFAULT_OUTPUT, DRAWN = Path("errors.png"), 50


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    several = "a saved network, such as train wrote, or several that answer together; - is standard input"
    parser.add_argument("files", nargs="+", metavar="FILE", help=several)
    options.add_combine(parser)
    options.add_backend(parser)
    add_data(parser, "MNIST's test images")
    shown = f"how many are drawn at most ({DRAWN})"
    parser.add_argument("--limit", type=options.whole, default=DRAWN, metavar="N", help=shown)
    drawing.add_picture(parser, DEFAULT_OUTPUT)


def run(arguments: argparse.Namespace) -> None:
    """Draw the first pictures that are taken for others, with what they are and what they were taken for."""
    output = drawing.picture(arguments.output, DEFAULT_OUTPUT)
    net = options.load_together(arguments.files, arguments)
    one, arguments.file = options.one_of(net), ", ".join(arguments.files)
    data = data_to_judge_by(arguments, one)
    with options.threads(arguments.threads, one.backend), drawing.saved(output):
        figure = plots.show_errors(net, data, path=output, limit=arguments.limit)
    say(f"{figure.get_suptitle().partition(';')[0]}; saved the picture to {output.name}")
