"""A user's own data, from disk: an `.npz` of x and y, or a pair of IDX files.

What a file declares is checked before its contents are read, and nothing is unpickled.
"""

import math
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
_NPY_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_data(path: str | Path, labels_path: str | Path | None = None) -> Dataset:
    """Return the data set in an `.npz` with x and y, or in an IDX file and that of its labels.

    What a file is, its first bytes tell. Images (n, height, width) of an IDX file become
    (n, height * width). Raises OSError if a file cannot be read, ValueError if it holds no
    finite numbers of fitting shapes.
    """
    with Path(path).open("rb") as file:
        head = file.read(4)
    if head.startswith(_ZIP_MAGIC):
        if labels_path is not None:
            raise ValueError(f"{labels_path}: expected no file of labels, for {path} holds its own. Leave it out.")
        return read_npz_dataset(path)
    if not is_idx(head):
        raise ValueError(
            f"{path}: expected an .npz file with x and y, or an IDX file, "
            f"got bytes that begin with {head.hex() or 'nothing'}. Save the data with np.savez(path, x=x, y=y)."
        )
    if labels_path is None:
        raise ValueError(f"{path}: expected a file of labels with this IDX file, got none. Name both.")
    return _read_idx_dataset(path, labels_path)


def _read_idx_dataset(path: str | Path, labels_path: str | Path) -> Dataset:
    x, y = read_idx(path), read_idx(labels_path)
    if x.ndim < 2:
        raise ValueError(
            f"{path}: expected images, (n, height, width), got the shape {x.shape}. Give the images first."
        )
    if y.ndim != 1:
        raise ValueError(f"{labels_path}: expected labels, (n,), got the shape {y.shape}. Give the labels second.")
    return _dataset(x.reshape(len(x), math.prod(x.shape[1:])), y, path)


def read_npz_dataset(path: str | Path) -> Dataset:
    """Return the arrays x (n, ...) and y (n,) or (n, n_out) of an `.npz` file as a Dataset.

    Other arrays in it are left alone. Raises OSError if the file cannot be read,
    ValueError unless both are there, of real, finite numbers, and as long as one another.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            x, y = (_read_member(archive, name, path) for name in ("x", "y"))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise ValueError(f"{path}: expected a whole .npz file, got {error}. Save it anew.") from None
    return _dataset(x, y, path)


def _read_member(archive: zipfile.ZipFile, name: str, path: str | Path) -> HostArray:
    """Return the array of that name, once its header has told what reading it would bring."""
    members = [info for info in archive.infolist() if info.filename == f"{name}.npy"]
    if len(members) != 1:
        present = ", ".join(sorted({info.filename.removesuffix(".npy") for info in archive.infolist()})) or "nothing"
        raise ValueError(f"{path}: expected one array named {name}, got {present}. Save x and y with np.savez.")
    where, member = f"{path}, {name}", members[0]
    check_inflation(where, member.file_size, min(member.compress_size, Path(path).stat().st_size))
    with archive.open(member) as file:
        dtype, shape = _read_npy_header(file, where)
        declared = file.tell() + math.prod(shape) * dtype.itemsize
    if dtype.kind not in "biuf":
        raise ValueError(f"{where}: expected real numbers, got an array of {dtype}. Convert it first.")
    if declared != member.file_size:
        raise ValueError(
            f"{where}: expected {declared:,} bytes for {shape} of {dtype}, got {member.file_size:,}. Save it anew."
        )
    with archive.open(member) as file:
        array: HostArray = npy.read_array(file, allow_pickle=False)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read_npy_header(file: IO[bytes], where: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    try:
        version = npy.read_magic(file)
        if version not in _NPY_HEADERS:
            raise ValueError(f"version {version} of the format")
        shape, _, dtype = _NPY_HEADERS[version](file)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{where}: expected an array as np.savez writes it, got {reason}. Save it anew.") from None
    return dtype, shape


def _dataset(x: HostArray, y: HostArray, path: str | Path) -> Dataset:
    for name, array in (("x", x), ("y", y)):
        if not np.isfinite(array).all():
            raise ValueError(f"{path}: {name}: expected finite numbers, got NaN or infinity. Clean the data first.")
    try:
        return Dataset(x, y)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
