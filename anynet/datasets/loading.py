"""A user's own data, from disk: an `.npz` of x and y, or a pair of IDX files.

What a file declares is checked before its contents are unpacked, and nothing is unpickled.
"""

import math
import os
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from anynet.datasets.dataset import Dataset
from anynet.datasets.idx import check_inflation, is_idx, read_idx

HostArray = np.ndarray[Any, Any]

_ZIP_MAGIC = b"PK"
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others inflate without a limit
_NPY_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}

# What zipfile, zlib and NumPy raise when a file is not what it seems.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, ValueError, EOFError, KeyError, IndexError, TypeError, OverflowError),
    *(NotImplementedError, RuntimeError, OSError, SyntaxError, MemoryError),
)


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
    with Path(path).open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                x, y = (_read_member(archive, name, os.fstat(file.fileno()).st_size) for name in ("x", "y"))
        except _DAMAGE as error:
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            raise ValueError(
                f"{path}: expected an .npz file of x and y, got {reason}. Save it with np.savez(path, x=x, y=y)."
            ) from None
    return _checked(x, y, path)


def _read_member(archive: zipfile.ZipFile, name: str, file_size: int) -> HostArray:
    """Return the array of that name, once its header has told what reading it would bring."""
    names = [member.filename.removesuffix(".npy") for member in archive.infolist()]
    if names.count(name) != 1:
        raise ValueError(f"{names.count(name) or 'no'} {name} among {', '.join(names) or 'nothing'}")
    member = archive.infolist()[names.index(name)]
    if member.compress_type not in _COMPRESSIONS:
        raise ValueError(f"{name} in an unusual compression")
    check_inflation(name, member.file_size, min(member.compress_size, file_size))
    with archive.open(member) as file:
        shape, dtype = _read_npy_header(file)
        declared = file.tell() + math.prod(shape) * dtype.itemsize
    if dtype.kind not in "biuf":
        raise ValueError(f"{name} of {dtype} instead of real numbers")
    if min(shape, default=0) < 0 or declared != member.file_size:
        raise ValueError(f"{name} of the shape {shape} in {member.file_size:,} bytes instead of {declared:,}")
    with archive.open(member) as file:
        array: HostArray = npy.read_array(file, allow_pickle=False)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read_npy_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(file)
    if version not in _NPY_HEADERS:
        raise ValueError(f"version {version} of the .npy format")
    shape, _, dtype = _NPY_HEADERS[version](file)
    return shape, dtype


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
