"""A user's own data, from disk: an `.npz` of x and y, or a pair of IDX files.

What a file declares is checked before its contents are unpacked, and nothing is unpickled.
"""

import math
from pathlib import Path

from anynet.data import Dataset, check_finite
from anynet.formats import npz
from anynet.formats.idx import is_idx, read_idx
from anynet.typing import HostArray

_ZIP_MAGIC = b"PK"


def read_data(path: str | Path, labels_path: str | Path | None = None) -> Dataset:
    """Read a data set from disk: an `.npz` of x and y, or a pair of IDX files.

    What a file is, its first bytes say, whatever its name.

    Args:
        path: An `.npz` file with the arrays x (n, ...) and y (n,) or (n, n_out), or an IDX
            file of images (n, height, width), plain or gzipped.
        labels_path: The IDX file of the labels (n,) that go with IDX images. By default
            there is none, for an `.npz` file holds its own.

    Returns:
        The data set. x is as in the `.npz` file, or (n, height * width); bytes mean pixels.

    Raises:
        OSError: A file cannot be read.
        ValueError: A file is of neither kind, is damaged, holds no finite numbers or arrays
            that do not fit one another; or there are labels too few or too many.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from anynet import datasets
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "xor.npz"
        ...     np.savez(path, x=[[0, 0], [0, 1], [1, 0], [1, 1]], y=[0, 1, 1, 0])
        ...     data = datasets.read_data(path)
        >>> data.x.shape, data.y.tolist()
        ((4, 2), [0, 1, 1, 0])
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
    """Read a data set from an `.npz` file.

    Args:
        path: The file, as `np.savez(path, x=x, y=y)` writes it, compressed or not. Other
            arrays in it are left alone.

    Returns:
        The data set of the arrays x (n, ...) and y (n,) or (n, n_out).

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no `.npz` file or damaged; x or y is missing, is not of real, finite
            numbers, or does not fit the other.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from anynet import datasets
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "line.npz"
        ...     np.savez(path, x=[[0.0], [1.0], [2.0]], y=[[1.0], [3.0], [5.0]])
        ...     data = datasets.read_npz_dataset(path)
        >>> data.x.shape, data.y.shape
        ((3, 1), (3, 1))
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
    """Return the data set of a file of images and one of labels."""
    x, y = read_idx(path), read_idx(labels_path)
    if x.ndim < 2:
        raise ValueError(f"{path}: expected images, (n, height, width), got the shape {x.shape}. Name them first.")
    if y.ndim != 1:
        raise ValueError(f"{labels_path}: expected labels, (n,), got the shape {y.shape}. Name them second.")
    return _checked(x.reshape(len(x), math.prod(x.shape[1:])), y, path)


def _checked(x: HostArray, y: HostArray, path: str | Path) -> Dataset:
    """Return the data set of two arrays; what is wrong with them is told with the path."""
    for name, array in (("x", x), ("y", y)):
        check_finite(array, f"{path}: {name}")
    if x.size == 0:
        raise ValueError(f"{path}: x: expected examples of at least one number, got the shape {x.shape}.")
    try:
        return Dataset(x, y)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
