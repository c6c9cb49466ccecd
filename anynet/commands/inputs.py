"""What a network is to answer to: pictures and rows in files, made its inputs as it has learnt from such."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from anynet import datasets
from anynet.checks import path_shown
from anynet.commands import errors
from anynet.commands.data import column_of
from anynet.commands.errors import UsageError
from anynet.commands.terminal import hush_libtiff
from anynet.datasets import loading
from anynet.network import Network
from anynet.typing import HostArray

N_PIXELS = 28 * 28


def inputs_of(net: Network, path: str, arguments: argparse.Namespace) -> Iterator[tuple[str, HostArray]]:
    """Yield (name, inputs (1, n_in)) of each image or row in a file."""
    if Path(path).is_dir():
        raise ValueError(
            f"{path_shown(path)}: expected a picture, or a file of rows, got a folder. Name files in it; or judge by "
            f"all of them: anynet evaluate FILE --data {path_shown(path)}."
        )
    kind = loading.kind(path)
    if arguments.target is not None and kind != "csv":
        raise UsageError(f"--target: expected a CSV file, got {path_shown(path)}. Leave it out.")
    takes_digits = net.pictures is None and net.sizes[0] == N_PIXELS and net.task == "classification"
    if kind in ("npz", "csv") or (kind == "idx" and not takes_digits):
        x = loading.read_inputs(path, net.sizes[0], column_of(arguments), net.columns)
        yield from ((f"{path}[{i}]", row[None]) for i, row in enumerate(x))
        return
    hush_libtiff()
    if net.pictures is not None:
        yield path, datasets.read_images(path, net.pictures)
        return
    if not takes_digits:
        raise ValueError(
            f"{path}: expected an .npz, CSV or IDX file of rows, for {arguments.file} takes no images of 28 x 28 "
            f"to classify, but {net.sizes[0]} numbers for {net.task}, {loading.instead(path)}"
        )
    digits = datasets.read_images(path)
    for i, image in enumerate(digits):
        name = path if len(digits) == 1 else f"{path}[{i}]"
        try:
            framed = datasets.to_mnist(image).reshape(1, -1)
        except ValueError as error:
            if not errors.is_for_the_user(error):
                raise
            raise ValueError(f"{name}: {error}") from None
        yield name, framed
