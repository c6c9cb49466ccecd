"""Which data a command works on: MNIST, or files of the user's, and what y asks of a network."""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from anynet import datasets, random, signals
from anynet.commands import options
from anynet.commands.errors import UsageError
from anynet.commands.terminal import hush_libtiff
from anynet.datasets import Dataset, folders, images, loading
from anynet.formats.pictures import FITS, MODES, Pictures
from anynet.network import Network

FILES = "an .npz of x and y, a CSV file, IDX files of images and of labels, the book's mnist.pkl.gz, or a folder"
FILES += " that has a folder of pictures for each class, or train/ and test/ with such"
# What who has options is told, for what a reader of pictures says to who has arguments, before and after a training.
RESIZE, RESIZED = "Read all in one size: --image-size 32, say", "Bring it to that size first"
# Whole numbers are values, not classes, if there are more of them than this, and fewer examples of each than that.
FEW_CLASSES, EXAMPLES_OF_A_CLASS = 20, 10


class TrainingData(NamedTuple):
    """The data to train on, those to judge by if there are any, and what these are called."""

    train: Dataset
    held_out: Dataset | None = None
    held_out_name: str = ""
    asked: "Asked | None" = None
    chooses: bool = False  # whether they choose the epoch that is saved

    @property
    def n_held_out(self) -> int:
        """How many there are to judge by."""
        return 0 if self.held_out is None else len(self.held_out)


class Asked(NamedTuple):
    """What y asks of a network: how many outputs, of which activation, for which task; a remark says what was taken."""

    n_outputs: int
    output_activation: str = "sigmoid"
    task: str | None = None
    remark: str | None = None


def add_data(parser: Any, default: str) -> None:
    """Add `--data`, `--target` and `--skip-broken`."""
    parser.add_argument("--data", nargs="+", metavar="FILE", help=f"{FILES}; - is standard input ({default})")
    _add_how(parser)


def add_data_to_show(parser: Any) -> None:
    """Add the files of data, and how they are read."""
    parser.add_argument("data", nargs="+", metavar="FILE", help=f"{FILES}; - is standard input")
    _add_how(parser)
    add_pictures(parser)


def _add_how(parser: Any) -> None:
    add_target(parser)
    options.add_switch(parser.add_argument, "--skip-broken", "leave out pictures of a folder that cannot be read")


def add_target(parser: Any) -> None:
    """Add `--target`."""
    column = "column of y in a CSV file: its name, or its number from 0 (the last); texts in others are categories"
    parser.add_argument("--target", metavar="COLUMN", help=column)


def add_pictures(parser: Any) -> None:
    """Add what is done to the pictures of a folder."""
    side = "to which pictures of a folder are brought: a side, or HEIGHTxWIDTH (theirs, where all have one)"
    parser.add_argument("--image-size", type=_size, metavar="SIZE", help=side)
    parser.add_argument("--image-mode", choices=tuple(MODES), help="of pictures (colour)")
    fit = "how one of other proportions is brought to a size: by its middle, or by all of it, distorted (crop)"
    parser.add_argument("--image-fit", choices=FITS, help=fit)


def column_of(arguments: argparse.Namespace) -> str:
    """Return which column of a table is y: by default the last."""
    return "-1" if arguments.target is None else str(arguments.target)


def _size(text: str) -> int | tuple[int, int]:
    sides = re.split("[x\xd7,]", text.lower())  # the comma is that of a file of options
    if len(sides) > 2 or not all(re.fullmatch("0*[1-9][0-9]{0,7}", side) for side in sides):
        raise argparse.ArgumentTypeError(f"expected a number of pixels, or two such as 32x48, got {text[:100]!r}")
    return (int(sides[0]), int(sides[1])) if len(sides) == 2 else int(sides[0])


def check_options(arguments: argparse.Namespace) -> None:
    """Raise UsageError for an option that the data have no use for."""
    files = arguments.data
    for folder in (file for file in files or () if Path(file).is_dir()):
        if len(files) > 1:
            raise UsageError(
                f"--data: expected one folder, or files, got {len(files)} with the folder {folder} among them. Name it "
                "alone."
            )
    is_folder = files is not None and _is_folder(files)
    for name in () if is_folder else ("image_size", "image_mode", "image_fit", "skip_broken"):
        if getattr(arguments, name, None) not in (None, False):
            _refuse(name, "a folder of pictures as data", files)
    if arguments.target is not None and (files is None or is_folder or loading.kind(files[0]) != "csv"):
        _refuse("target", "a CSV file as data", files)
    if getattr(arguments, "image_fit", None) is not None and arguments.image_size is None:
        raise UsageError("--image-fit: expected a size to bring pictures to, got none. Add --image-size 32, say.")


def _refuse(name: str, expected: str, files: Sequence[str] | None) -> NoReturn:
    got = "MNIST" if files is None else ", ".join(files)
    raise UsageError(f"--{name.replace('_', '-')}: expected {expected}, got {got}. Leave it out.")


def training_data(arguments: argparse.Namespace) -> TrainingData:
    """Return the data to train on, MNIST's or those of `--data`, and what they ask of a network."""
    check_options(arguments)
    fraction, output, sizes = arguments.validation_fraction, arguments.output_activation, arguments.sizes
    if arguments.data is None or _is_book(arguments.data):
        if fraction is not None:
            raise ValueError("--validation-fraction: expected other --data with it, for MNIST has its own test images.")
        asked = Asked(10, output or "sigmoid")
        parts = datasets.mnist() if arguments.data is None else _book(arguments.data[0])
        train, validation, test = (_renamed(data, arguments.names, asked) for data in parts)
        if arguments.early_stopping is not None:  # what test images choose, they cannot judge
            return TrainingData(train, validation, "the validation images", asked, chooses=True)
        return TrainingData(train, test, "the test images", asked)
    pair = folders.train_and_test(arguments.data[0]) if _is_folder(arguments.data) else None
    read = _of_pictures(arguments, pair[0]) if pair else _read(arguments)
    data, asked = asked_of(read, sizes, output)
    data = _renamed(data, arguments.names, asked)
    if fraction is None and pair and arguments.early_stopping is None:
        test = _of_pictures(arguments, pair[1], read.class_names, read.pictures)
        return TrainingData(data, _renamed(test, arguments.names, asked), "the test images", asked)
    if fraction is None:
        if arguments.early_stopping is not None:
            raise UsageError(
                "--early-stopping: expected data to judge each epoch by, got none. Add --validation-fraction 0.2, say."
            )
        return TrainingData(data, asked=asked)
    train, held_out = datasets.split(data, fraction, random.spawn(arguments.seed).split)
    return TrainingData(train, held_out, "the validation data", asked, chooses=True)


def data_to_judge_by(arguments: argparse.Namespace, net: Network) -> Dataset:
    """Return the data to judge a network by, MNIST's test images or those of `--data`, classes numbered as by it."""
    check_options(arguments)
    if arguments.data is None:
        data = datasets.mnist()[2]
        if net.sizes[0] != data.x.shape[1] or net.task == "regression":
            answers = "values" if net.task == "regression" else "classes"
            raise UsageError(
                f"--data: expected data for a network that takes {net.sizes[0]} numbers and answers with {answers}, "
                "got none, and MNIST's test images are no such data. Name the file."
            )
    elif _is_folder(arguments.data):
        return _pictures_to_judge_by(arguments, net)
    else:
        data = _book(arguments.data[0])[2] if _is_book(arguments.data) else _read(arguments, net.columns)
    return _named(data, net)


def _pictures_to_judge_by(arguments: argparse.Namespace, net: Network) -> Dataset:
    """Return those in a folder, or in `test` in it, as the network has seen those that it has learnt from."""
    [path] = arguments.data
    if net.pictures is None:
        raise UsageError(
            f"--data: expected a file, for {arguments.file} has not learnt from a folder of pictures, and does not say "
            f"what is to be done to some, got the folder {path}. Save x and y with np.savez, or train on a folder."
        )
    pair = folders.train_and_test(path)
    return _of_pictures(arguments, pair[1] if pair else path, net.class_names, net.pictures)


def data_to_show(arguments: argparse.Namespace) -> Dataset:
    """Return the data to draw: of a folder with `train` and `test` the former, of the book's file the training data."""
    check_options(arguments)
    if _is_book(arguments.data):
        return _book(arguments.data[0])[0]
    pair = folders.train_and_test(arguments.data[0]) if _is_folder(arguments.data) else None
    return _of_pictures(arguments, pair[0]) if pair else _read(arguments)


def _renamed(data: Dataset, names: tuple[str, ...] | None, asked: "Asked") -> Dataset:
    """Return the data, their classes called as `--names` says, if it does."""
    n_classes = None if asked.output_activation == "identity" else max(asked.n_outputs, 2)
    return replace(data, class_names=options.names(names, data.class_names, n_classes))


def _read(arguments: argparse.Namespace, columns: Any = None) -> Dataset:
    """Return the data set in the files that were named; columns of a table are those of a network, if it has some."""
    if len(arguments.data) > 2:
        raise ValueError("--data: expected one file, or IDX files of images and of labels, got more files.")
    path, *labels = arguments.data
    if _is_folder(arguments.data):
        return _of_pictures(arguments, path)
    if labels and loading.kind(path) in ("npz", "csv", "pickle"):
        raise ValueError(f"--data: expected {path} alone, for it holds its own y, got {labels[0]} too. Leave that out.")
    data = datasets.read_data(path, labels[0] if labels else None, column_of(arguments), columns)
    is_column = data.y.ndim == 2 and data.y.shape[1] == 1
    return replace(data, y=data.y[:, 0]) if is_column else data


def _is_folder(files: Sequence[str]) -> bool:
    return len(files) == 1 and Path(files[0]).is_dir()


def _of_pictures(
    arguments: argparse.Namespace,
    path: str | Path,
    class_names: Sequence[str] | None = None,
    pictures: Pictures | None = None,
) -> Dataset:
    """Return the pictures in a folder, in memory or on disk: as was typed, or as is known of others."""
    how: dict[str, Any] = {
        "skip_broken": arguments.skip_broken is True,
        "memory_limit": getattr(arguments, "memory_limit", None),
    }
    how["progress"] = False if getattr(arguments, "quiet", False) else None
    if pictures is None:
        size, mode, fit = arguments.image_size, arguments.image_mode or "colour", arguments.image_fit or "crop"
        how |= {"size": size, "mode": mode, "fit": fit}
    hush_libtiff()
    try:
        with _told_if_interrupted():
            return datasets.image_folder(path, class_names=class_names, pictures=pictures, **how)
    except ValueError as error:
        if images.RESIZE not in str(error):
            raise
        raise ValueError(str(error).replace(images.RESIZE, RESIZED if pictures else RESIZE)) from None


@contextmanager
def _told_if_interrupted() -> Iterator[None]:
    """Say that an interrupt ends what may have taken minutes, for a `with` statement."""
    try:
        with signals.handled(_stop):
            yield
    except KeyboardInterrupt:
        with suppress(OSError):  # of a terminal that has gone away
            print("Interrupted.", file=sys.stderr)
        raise


def _stop(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt(number)


def _is_book(files: Sequence[str]) -> bool:
    return len(files) == 1 and not _is_folder(files) and loading.kind(files[0]) == "pickle"


def _book(path: str) -> list[Dataset]:
    """Return the three parts of the book's file."""
    return [Dataset(x, y, _texts(range(10))) for x, y in datasets.load_data(path)]


def classes_told(data: Dataset) -> str:
    """Return the names of classes, and how many examples there are of each; of many the first ten."""
    counts = [f"{name} ({n:,})" for name, n in data.counts().items()]
    return f"{', '.join(counts[:10])}{', ...' * (len(counts) > 10)}"


def n_classes_of(net: Network) -> int | None:
    """Return how many classes a network tells apart; None if it answers with values."""
    return None if net.task == "regression" else net.architecture.n_classes


# What y asks of a network.


def asked_of(data: Dataset, sizes: Sequence[int] | None, output: str | None) -> tuple[Dataset, Asked]:
    """Return the data, their classes numbered from 0 and named, and what they ask of a network.

    Args:
        data: As they came.
        sizes: Of the network, if they are given: labels within them stay as they are.
        output: The output activation, if it is given: then whole numbers are labels, or for identity values.
    """
    y, chosen = data.y, output or "sigmoid"
    if data.class_names is not None and y.ndim == 1:
        _check_classes(data.class_names)
        return data, Asked(len(data.class_names), chosen, "classification")
    if y.ndim == 2:
        if output is None and (y.min() < 0 or y.max() > 1):
            return data, _values(f"y has {y.shape[1]} columns of numbers from {y.min():g} to {y.max():g}", y.shape[1])
        return data, Asked(y.shape[1], chosen)
    labels, numbers = np.unique(y, return_inverse=True)
    are_whole = y.dtype.kind in "biu" or bool((labels == np.round(labels)).all())
    are_many = len(labels) > FEW_CLASSES and len(y) < EXAMPLES_OF_A_CLASS * len(labels)
    if output == "identity" or (output is not None and not are_whole):
        return data, Asked(1, chosen)
    if output is None and (not are_whole or are_many):
        return data, _values(f"y has {len(labels)} different values among {len(y):,} examples", 1)
    if sizes is not None and (sizes[-1] == 1 or 0 <= labels[0] <= labels[-1] < sizes[-1]):
        return data, Asked(sizes[-1], chosen)
    _check_classes(labels)
    if np.array_equal(labels, np.arange(len(labels))):
        return data, Asked(len(labels), chosen)
    return replace(data, y=numbers, class_names=_texts(labels)), Asked(len(labels), chosen)


def _check_classes(classes: Any) -> None:
    if len(classes) < 2:
        raise ValueError(f"y: expected at least two classes, got only {classes[0]}. Add examples of another.")


def _values(found: str, n_outputs: int) -> Asked:
    remark = f"{found}: they are taken for values (regression, identity output). For classes, give --output-activation."
    return Asked(n_outputs, "identity", "regression", remark)


def _texts(labels: Any) -> tuple[str, ...]:
    """Return whole numbers as names."""
    return tuple(str(int(label)) for label in labels)


def _named(data: Dataset, net: Network) -> Dataset:
    """Return the data with their classes numbered as by the network, by name; as they are where there are no names."""
    names, y, given = net.class_names, data.y, data.class_names
    if names is None or y.ndim != 1:
        return data
    if given is None:
        labels, numbers = np.unique(y, return_inverse=True)
        if (labels != np.round(labels)).any() or not (options.are_numbers(names) or len(labels) == len(names)):
            return data
        y, given = numbers, _texts(labels)
    if options.are_numbers(given) and not options.are_numbers(names) and len(given) == len(names):
        given = names  # in the order of the numbers, as --names gave them
    place = {name: i for i, name in enumerate(names)}
    unknown = [name for name in given if name not in place]
    if unknown:
        raise ValueError(f"y: expected classes among {', '.join(names)[:100]}, got {unknown[0]}. Leave it out.")
    numbered = np.array([place[name] for name in given])[y.astype(np.int64)]
    return replace(data, y=numbered, class_names=names)
