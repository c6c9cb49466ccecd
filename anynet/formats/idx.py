"""The IDX format, in which MNIST was published (LeCun, Cortes and Burges, 1998).

Two zero bytes, one byte for the type, one for the number of dimensions, the dimensions as
big-endian 32-bit integers, then the numbers, big-endian, the last dimension fastest.
"""

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np

from anynet.checks import LARGEST, path_shown
from anynet.formats.bounded import GZIP_MAGIC, MAX_BYTES, Reader, check_inflation, opened
from anynet.formats.byte_order import native
from anynet.formats.contents import got
from anynet.typing import HostArray

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_DIMENSIONS = 64  # of an array of NumPy


def read_idx(path: str | Path, max_bytes: int = MAX_BYTES, sha256: str | None = None) -> HostArray:
    """Return the array in an IDX file, the format in which MNIST was published.

    No more is unpacked than the header declares, and at most `max_bytes`.

    Args:
        path: The file, plain or gzipped.
        max_bytes: How many bytes, once unpacked, may arrive. The default, 512 MiB, holds
            MNIST nine times and bounds what a small hostile file can cost.
        sha256: What the unpacked file must hash to, in hexadecimal; by default it is not hashed.

    Returns:
        The array, of the shape and the type that the header declares, in the byte order of
        this machine, and read-only.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no whole IDX file, has more than `max_bytes`, would inflate beyond
            measure, or does not hash to `sha256`.

    Example:
        >>> import pathlib, tempfile
        >>> from anynet import datasets
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "labels"
        ...     size = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
        ...     datasets.read_idx(path)
        array([5, 0, 4], dtype=uint8)

    References:
        LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998.
    """
    with opened(path, max_bytes) as reader:
        packed = Path(path).stat().st_size
        head, dtype, shape = _read_header(reader)
        n_bytes = math.prod(shape) * dtype.itemsize
        try:
            check_inflation(n_bytes, packed)
        except ValueError as error:
            raise ValueError(f"{path_shown(path)}: expected an IDX file, got {error}.") from None
        data = reader.take(n_bytes)
        reader.finish()
    if sha256 is not None:
        digest = hashlib.sha256(head)
        digest.update(data)
        if digest.hexdigest() != sha256:
            raise ValueError(
                f"{path_shown(path)}: expected the published file, got other contents. Install anynet-nn anew."
            )
    array = native(np.frombuffer(data, dtype)).reshape(shape)
    array.flags.writeable = False
    return array


def _read_header(reader: Reader) -> tuple[bytes, np.dtype[Any], tuple[int, ...]]:
    """Return (the header itself, dtype, shape)."""
    begin = bytes(reader.peek()[:1000])
    if not _is_header(begin[:4]):
        raise ValueError(f"{reader.name}: expected an IDX file, {got(begin, 'Fetch the data again')}")
    head = bytes(reader.take(4))
    dimensions = bytes(reader.take(4 * head[3]))
    shape = tuple(int.from_bytes(dimensions[i : i + 4], "big") for i in range(0, len(dimensions), 4))
    dtype = np.dtype(_TYPES[head[2]])
    if 0 in shape and math.prod(n or 1 for n in shape) > LARGEST // dtype.itemsize:  # which NumPy makes no array of
        raise ValueError(f"{reader.name}: expected an IDX file, got dimensions that none has. Fetch the data again.")
    return head + dimensions, dtype, shape


def is_idx(head: bytes) -> bool:
    """Return whether a file is IDX, or gzipped, which IDX files often are.

    Args:
        head: The first 4 bytes of the file.
    """
    return head.startswith(GZIP_MAGIC) or _is_header(head)


def _is_header(head: bytes) -> bool:
    """Return whether these bytes begin an IDX file of a known type and a possible number of dimensions."""
    return len(head) == 4 and head[:2] == b"\0\0" and head[2] in _TYPES and 0 < head[3] <= _MOST_DIMENSIONS
