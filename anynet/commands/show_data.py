"""`anynet show-data`: draw a contact sheet of data, and of what augmentation makes of them."""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from anynet import augmentation, plots, random
from anynet.checks import whole_number
from anynet.commands import drawing, options
from anynet.commands.data import add_data_to_show, data_to_show
from anynet.commands.errors import UsageError
from anynet.commands.terminal import say
from anynet.datasets import Dataset
from anynet.examples import rows_at

DEFAULT_OUTPUT = Path("data.png")
PER_ROW = 10  # an example, and what is made of it


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    add_data_to_show(parser)
    add = parser.add_argument
    shown = f"how many, evenly from the first to the last (60; with --augment {PER_ROW}, {PER_ROW - 1} made of each)"
    add("--count", type=options.whole, metavar="N", help=shown)
    add("--augment", metavar="HOW", help=f"{options.AUGMENT}: what would be learnt from stands behind each (nothing)")
    add("--seed", type=options.whole, metavar="N", help="of what --augment makes of them (0)")
    drawing.add_picture(parser, DEFAULT_OUTPUT)


def run(arguments: argparse.Namespace) -> None:
    """Draw them, and tell how many there are."""
    transforms = None if arguments.augment is None else augmentation.typed(arguments.augment)
    if arguments.seed is not None and transforms is None:
        raise UsageError(
            "--seed: expected --augment beside it, without which nothing is drawn, got none. Leave it out."
        )
    usual = 60 if transforms is None else PER_ROW
    n = whole_number("count", usual if arguments.count is None else arguments.count)
    output = drawing.picture(arguments.output, DEFAULT_OUTPUT)
    data = data_to_show(arguments)
    shown = data[plots.evenly(len(data), n)]
    sheet = shown if transforms is None else _augmented(shown, transforms, arguments.seed or 0)
    with drawing.saved(output):
        plots.contact_sheet(sheet, len(sheet), output, None if transforms is None else PER_ROW)
    say(f"{len(shown):,} of {len(data):,} examples. Saved the picture to {output.name}")


def _augmented(data: Dataset, transforms: tuple[augmentation.Transform, ...], seed: int) -> Dataset:
    """Return each example, followed by what is made of it."""
    rows, chance = np.repeat(np.arange(len(data)), PER_ROW), random.spawn(seed).augmentation
    x = rows_at(data.x, rows)
    try:
        made = augmentation.applied(transforms, x, chance)
    except ValueError as error:
        raise UsageError(f"--augment: {error}") from None
    made[::PER_ROW] = x[::PER_ROW]
    return replace(data, x=made, y=data.y[rows])
