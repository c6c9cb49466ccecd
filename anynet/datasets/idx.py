"""The IDX format, in which MNIST was published (LeCun, Cortes and Burges, 1998).

Two zero bytes, one byte for the type, one for the number of dimensions, the dimensions as
big-endian 32-bit integers, then the numbers, big-endian, the last dimension fastest.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from anynet.reader import MAX_BYTES, read_bytes

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | Path, max_bytes: int = MAX_BYTES) -> np.ndarray[Any, Any]:
    """Return the array in an IDX file, plain or gzipped, as a read-only NumPy array.

    Raises OSError if the file cannot be read, ValueError if it is no whole IDX file or has
    more than `max_bytes` once unpacked.
    """
    return parse_idx(read_bytes(path, max_bytes), str(path))


def parse_idx(data: bytes | bytearray, name: str) -> np.ndarray[Any, Any]:
    """Return the array that the bytes of an IDX file hold; `name` is for errors."""
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES:
        raise ValueError(f"{name}: expected an IDX file, got bytes that begin with {data[:4].hex() or 'nothing'}.")
    dtype, ndim = np.dtype(_TYPES[data[2]]), data[3]
    begin = 4 + 4 * ndim
    shape = tuple(int.from_bytes(data[i : i + 4], "big") for i in range(4, begin, 4))
    expected = begin + math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise ValueError(f"{name}: expected {expected} bytes for the shape {shape}, got {len(data)}.")
    array = np.frombuffer(data, dtype, offset=begin).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
    array.flags.writeable = False
    return array
