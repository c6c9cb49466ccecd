"""The IDX format, in which MNIST was published (LeCun, Cortes and Burges, 1998).

Two zero bytes, one byte for the type, one for the number of dimensions, the dimensions as
big-endian 32-bit integers, then the numbers, big-endian, the last dimension fastest.
"""

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np

from anynet.formats.bounded import MAX_BYTES, Reader, opened
from anynet.formats.npz import check_inflation

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_MOST_DIMENSIONS = 64  # of an array of NumPy


def read_idx(path: str | Path, max_bytes: int = MAX_BYTES, sha256: str | None = None) -> np.ndarray[Any, Any]:
    """Return the array in an IDX file, plain or gzipped, as a read-only NumPy array.

    No more is unpacked than the header declares, and at most `max_bytes`. `sha256` is what
    the unpacked file must hash to, if that is known. Raises OSError if the file cannot be
    read, ValueError if it is no whole IDX file, or another than expected.
    """
    packed = Path(path).stat().st_size
    with opened(path, max_bytes) as reader:
        head, dtype, shape = _read_header(reader)
        n_bytes = math.prod(shape) * dtype.itemsize
        try:
            check_inflation(n_bytes, packed)
        except ValueError as error:
            raise ValueError(f"{path}: expected an IDX file, got {error}.") from None
        data = reader.take(n_bytes)
        reader.finish()
    if sha256 is not None:
        digest = hashlib.sha256(head)
        digest.update(data)
        if digest.hexdigest() != sha256:
            raise ValueError(f"{path}: expected the published file, got other contents. Install anynet-nn anew.")
    array = np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
    array.flags.writeable = False
    return array


def _read_header(reader: Reader) -> tuple[bytes, np.dtype[Any], tuple[int, ...]]:
    """Return (the header itself, dtype, shape)."""
    begin = reader.peek()[:4]
    if not _is_header(begin):
        raise ValueError(f"{reader.name}: expected an IDX file, got bytes that begin with {begin.hex() or 'nothing'}.")
    head = bytes(reader.take(4))
    dimensions = bytes(reader.take(4 * head[3]))
    shape = tuple(int.from_bytes(dimensions[i : i + 4], "big") for i in range(0, len(dimensions), 4))
    return head + dimensions, np.dtype(_TYPES[head[2]]), shape


def is_idx(head: bytes) -> bool:
    """Tell whether a file that begins with these 4 bytes is IDX, or gzipped, which IDX files often are."""
    return head.startswith(_GZIP_MAGIC) or _is_header(head)


def _is_header(head: bytes) -> bool:
    return len(head) == 4 and head[:2] == b"\0\0" and head[2] in _TYPES and 0 < head[3] <= _MOST_DIMENSIONS
