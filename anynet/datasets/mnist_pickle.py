"""The book's mnist.pkl.gz: three pairs of arrays, pickled by Python 2 and gzipped (Nielsen, mnist_loader).

Each pair is (x, y): x (n, 784) float32, pixels divided by 256, and y (n,) int64, the digits.
In the file of expand_mnist.py, the first pair is two lists, of 250,000 images and digits. A file is
read as data, by a room that trusts no pickle.
"""

from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from anynet.checks import LARGEST, path_shown
from anynet.formats import pickle
from anynet.formats.bounded import HARMLESS_BYTES, MAX_BYTES
from anynet.typing import HostArray

PARTS = ("training_data", "validation_data", "test_data")
N_IN, N_DIGITS = 784, 10


def read_mnist_pickle(path: str | Path, max_bytes: int = MAX_BYTES) -> tuple[tuple[HostArray, HostArray], ...]:
    """Read the book's file, without unpickling it.

    Args:
        path: The book's mnist.pkl.gz, or the same unpacked.
        max_bytes: How many bytes, once unpacked, may arrive. The default, 512 MiB, holds the
            book's file twice and bounds what a hostile one can cost.

    Returns:
        (training_data, validation_data, test_data), each a pair (x, y): x (n, 784) of
        floats from 0 to 1, y (n,) of whole numbers, the digits.

    Raises:
        OSError: The file cannot be read.
        ValueError: It holds anything else, or more than `max_bytes` once unpacked.
    """
    content, where = pickle.load(path, max_bytes), path_shown(path)
    if not isinstance(content, (tuple, list)) or len(content) != len(PARTS):
        raise ValueError(f"{where}: expected three pairs (x, y), got {_described(content)}. {_CURE}")
    return tuple(_checked(pair, f"{where}: {part}") for part, pair in zip(PARTS, content, strict=True))


_CURE = "Give the book's mnist.pkl.gz."


def _checked(pair: Any, where: str) -> tuple[HostArray, HostArray]:
    """Return a pair (x, y), found to be one of the book's."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise ValueError(f"{where}: expected a pair (x, y), got {_described(pair)}. {_CURE}")
    x, y = (_joined(values, where) for values in pair)
    if not _is_array(x, "f", 2) or x.shape[1] != N_IN:
        raise ValueError(f"{where}: expected x of the shape (n, {N_IN}), floats, got {_described(x)}. {_CURE}")
    if not _is_array(y, "iu", 1) or len(y) != len(x):
        raise ValueError(f"{where}: expected y of the shape ({len(x)},), whole numbers, got {_described(y)}. {_CURE}")
    if not (x.min() >= 0 and x.max() <= 1):  # false for NaN too
        raise ValueError(f"{where}: expected pixels from 0 to 1 in x, got {x.min()} to {x.max()}. {_CURE}")
    if not (y.min() >= 0 and y.max() < N_DIGITS):
        raise ValueError(f"{where}: expected digits from 0 to 9 in y, got {y.min()} to {y.max()}. {_CURE}")
    return x, y


def _joined(values: Any, where: str) -> Any:
    """Return a list of images as an array of rows, one of digits as an array; anything else as it is."""
    if not isinstance(values, list) or not values:
        return values
    kinds = {(type(value), getattr(value, "shape", ()), getattr(value, "dtype", None)) for value in values}
    if all(shape == () for _, shape, _ in kinds) and all(_is_int64(value) for value in values):
        return np.asarray(values, np.int64)
    if len(kinds) > 1 or not isinstance(values[0], np.ndarray):
        return values
    n_bytes, n_different = values[0].nbytes, len({id(value) for value in values})
    if n_bytes * len(values) > max(HARMLESS_BYTES, 2 * n_bytes * n_different):  # a file names an image at two bytes
        raise ValueError(f"{where}: expected different images, got {n_different:,} that come {len(values):,} times.")
    return np.stack(values)


def _is_int64(value: Any) -> bool:
    return isinstance(value, Integral) and -LARGEST <= int(value) <= LARGEST


def _is_array(a: Any, kinds: str, ndim: int) -> bool:
    """Return whether a value is an array of one of the kinds of dtype, and of so many dimensions."""
    return isinstance(a, np.ndarray) and a.dtype.kind in kinds and a.ndim == ndim


def _described(value: Any) -> str:
    """Return what a value is, for errors."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of the shape {value.shape}"
    return f"{len(value)} values" if isinstance(value, (tuple, list, dict)) else type(value).__name__
