"""`anynet show-digit`: draw an image of MNIST, with its label, in the terminal."""

import argparse

from anynet import plots
from anynet.commands import drawing, options
from anynet.commands.errors import UsageError
from anynet.commands.terminal import say, tell
from anynet.datasets.mnist import mnist_test_images, mnist_training_images


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add = parser.add_argument
    add("index", type=options.whole, metavar="INDEX", help="which of the 10,000 test images, from 0")
    add("--train", action="store_true", help="of the 60,000 training images")
    add("--output", "--out", metavar="FILE", help="save it as a picture too (PNG, PDF, SVG; needs matplotlib)")


def run(arguments: argparse.Namespace) -> None:
    """Draw an image, and save it as a picture if asked to."""
    kind, (x, y) = ("training", mnist_training_images()) if arguments.train else ("test", mnist_test_images())
    i, output = arguments.index, None if arguments.output is None else drawing.picture_of(arguments.output)
    if not 0 <= i < len(x):
        raise UsageError(f"INDEX: expected 0 to {len(x) - 1}, for there are {len(x):,} {kind} images, got {i}.")
    say(f"{kind} image {i}: {y[i]}")
    tell(plots.as_text(x[i]))
    if output is not None:
        with drawing.saved(output):
            plots.show(x[i], [y[i]], output)
        say(f"Saved the picture to {output.name}")
