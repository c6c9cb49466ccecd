"""A user's own data, from disk: an `.npz` of x and y, or a pair of IDX files.

What a file declares is checked before its contents are unpacked, and nothing is unpickled.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from anynet.datasets.dataset import Dataset
from anynet.formats import npz
from anynet.formats.idx import is_idx, read_idx

HostArray = np.ndarray[Any, Any]

_ZIP_MAGIC = b"PK"


def read_data(path: str | Path, labels_path: str | Path | None = None) -> Dataset:
    """Return the data set in an `.npz` with x and y, or in an IDX file and that of its labels.

    What a file is, its first bytes tell. Images (n, height, width) of an IDX file become
    (n, height * width). Raises OSError if a file cannot be read, ValueError if it holds no
    finite numbers of fitting shapes.
    """
    with Path(path).open("rb") as file:
        head = file.read(4)
    if is_idx(head):
        if labels_path is None:
            raise ValueError(f"{path}: expected a file of labels with this IDX file of images, got none. Name both.")
        return _read_idx_pair(path, labels_path)
    if not head.startswith(_ZIP_MAGIC):
        raise ValueError(
            f"{path}: expected an .npz file with x and y, or an IDX file, "
            f"got bytes that begin with {head.hex() or 'nothing'}. Save the data with np.savez(path, x=x, y=y)."
        )
    if labels_path is not None:
        raise ValueError(f"{labels_path}: expected no file of labels, for {path} holds its own y. Leave it out.")
    return read_npz_dataset(path)


def read_npz_dataset(path: str | Path) -> Dataset:
    """Return the arrays x (n, ...) and y (n,) or (n, n_out) of an `.npz` file as a Dataset.

    Other arrays in it are left alone. Raises OSError if the file cannot be read,
    ValueError unless both are there, of real, finite numbers, and as long as one another.
    """
    arrays, _ = npz.read(path, names=("x", "y"))
    for name in ("x", "y"):
        if name not in arrays:
            raise ValueError(
                f"{path}: expected arrays x and y, got no {name}. Save them with np.savez(path, x=x, y=y)."
            )
        if arrays[name].dtype.kind not in "biuf":
            raise ValueError(f"{path}: {name}: expected real numbers, got {arrays[name].dtype}. Convert it first.")
    return _checked(arrays["x"], arrays["y"], path)


def _read_idx_pair(path: str | Path, labels_path: str | Path) -> Dataset:
    x, y = read_idx(path), read_idx(labels_path)
    if x.ndim < 2:
        raise ValueError(f"{path}: expected images, (n, height, width), got the shape {x.shape}. Name them first.")
    if y.ndim != 1:
        raise ValueError(f"{labels_path}: expected labels, (n,), got the shape {y.shape}. Name them second.")
    return _checked(x.reshape(len(x), math.prod(x.shape[1:])), y, path)


def _checked(x: HostArray, y: HostArray, path: str | Path) -> Dataset:
    for name, array in (("x", x), ("y", y)):
        if not np.isfinite(array).all():
            raise ValueError(f"{path}: {name}: expected finite numbers, got NaN or infinity. Clean the data first.")
    if x.size == 0:
        raise ValueError(f"{path}: x: expected examples of at least one number, got the shape {x.shape}.")
    try:
        return Dataset(x, y)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
