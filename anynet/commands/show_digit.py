"""`anynet show-digit`: draw an image of MNIST, with its label, in the terminal."""

import argparse
from pathlib import Path

from anynet import plots
from anynet.commands.errors import UsageError
from anynet.commands.options import is_folder
from anynet.commands.terminal import say, tell
from anynet.datasets.mnist import mnist_test_images, mnist_training_images
from anynet.typing import HostArray


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add = parser.add_argument
    add("index", type=int, metavar="INDEX", help="which of the 10,000 test images, from 0")
    add("--train", action="store_true", help="of the 60,000 training images")
    add("--output", "--out", metavar="FILE", help="save it as a picture too (PNG, PDF, SVG; needs matplotlib)")


def run(arguments: argparse.Namespace) -> None:
    """Draw an image, and save it as a picture if asked to."""
    kind, (x, y) = ("training", mnist_training_images()) if arguments.train else ("test", mnist_test_images())
    i, output = arguments.index, _picture(arguments.output)
    if output is not None and is_folder(arguments.output):
        raise UsageError(f"--output: expected a file, got the folder {arguments.output!r}. Name a file in it.")
    if not 0 <= i < len(x):
        raise UsageError(f"INDEX: expected 0 to {len(x) - 1}, for there are {len(x):,} {kind} images, got {i}.")
    if output is not None and output.exists():
        raise UsageError(f"--output: expected a new file, got {output}, which exists. Give another name.")
    say(f"{kind} image {i}: {y[i]}")
    tell(plots.as_text(x[i]))
    if output is not None:
        _save(x[i], y[i], output)
        say(f"Saved the picture to {output}")


def _picture(name: str | None) -> Path | None:
    """Return the file to save to, with the ending that matplotlib adds to a name without one."""
    if name is None:
        return None
    path = Path(name)
    return path if path.suffix or not path.name else path.with_suffix(".png")


def _save(image: HostArray, label: int, path: Path) -> None:
    """Save an image as a picture, in the format that the name of the file tells."""
    try:
        plots.show(image, [label], path)
    except ValueError as error:  # matplotlib knows which formats it writes
        raise ValueError(f"--output: expected the name of a picture, got {path}. {error}.") from error
