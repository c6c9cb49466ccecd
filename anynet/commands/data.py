"""Which data a command works on: MNIST, or files of the user's."""

import argparse
from collections.abc import Sequence
from typing import Any, NamedTuple

from anynet import datasets, random
from anynet.datasets import Dataset

MANY_LABELS = 1_000  # more than there are examples would be a mistake


class TrainingData(NamedTuple):
    """The data to train on, those to judge by if there are any, and what these are called."""

    train: Dataset
    held_out: Dataset | None = None
    held_out_name: str = ""

    @property
    def n_held_out(self) -> int:
        """How many there are to judge by."""
        return 0 if self.held_out is None else len(self.held_out)


def add_data(parser: Any, default: str) -> None:
    """Add `--data`."""
    files = f"an .npz of x and y, or IDX files of images and of labels ({default})"
    parser.add_argument("--data", nargs="+", metavar="FILE", help=files)


def training_data(arguments: argparse.Namespace) -> TrainingData:
    """Return the data to train on: MNIST's, or those of `--data`."""
    if arguments.data is None:
        if arguments.validation_fraction is not None:
            raise ValueError("--validation-fraction: expected --data with it, for MNIST has its own test images.")
        train, _, test = datasets.mnist()
        return TrainingData(train, test, "the test images")
    data = _read(arguments.data)
    if arguments.validation_fraction is None:
        return TrainingData(data)
    train, held_out = datasets.split(data, arguments.validation_fraction, random.spawn(arguments.seed).split)
    return TrainingData(train, held_out, "the validation data")


def data_to_judge_by(arguments: argparse.Namespace) -> Dataset:
    """Return the data to judge a network by: MNIST's test images, or those of `--data`."""
    return datasets.mnist()[2] if arguments.data is None else _read(arguments.data)


def _read(files: Sequence[str]) -> Dataset:
    """Return the data set in the files that were named."""
    if len(files) > 2:
        raise ValueError("--data: expected one .npz file, or IDX files of images and of labels, got more files.")
    return datasets.read_data(*files)


def n_outputs(y: Any, output_activation: str) -> int:
    """Return how many outputs suit y: its columns, or one for values, or one per label."""
    if y.ndim == 2:
        return int(y.shape[1])
    if output_activation == "identity":
        return 1
    highest = int(y.max())
    if highest >= max(len(y), MANY_LABELS):
        raise ValueError(
            f"y: expected labels from 0 on, without large gaps, got {highest} among {len(y):,} examples. "
            "Number the classes, or give the --sizes."
        )
    return max(1, highest + 1)
