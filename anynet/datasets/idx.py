"""The IDX format, in which MNIST was published (LeCun, Cortes and Burges, 1998).

Two zero bytes, one byte for the type, one for the number of dimensions, the dimensions as
big-endian 32-bit integers, then the numbers, big-endian, the last dimension fastest.
"""

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: str | Path) -> np.ndarray[Any, Any]:
    """Return the array in an IDX file, plain or gzipped, as a read-only NumPy array.

    Raises OSError if the file cannot be read, ValueError if it is no whole IDX file.
    """
    return parse_idx(read_bytes(path), str(path))


def read_bytes(path: str | Path) -> bytes:
    """Return the bytes of a file, unpacked if it is gzipped; ValueError if it is damaged."""
    data = Path(path).read_bytes()
    if not data.startswith(_GZIP_MAGIC):
        return data
    try:
        return zlib.decompress(data, wbits=31)  # 31: a gzip member; its checksum is verified
    except zlib.error as error:
        raise ValueError(f"{path}: expected a whole gzip file, got {error}.") from None


def parse_idx(data: bytes, name: str) -> np.ndarray[Any, Any]:
    """Return the array that the bytes of an IDX file hold; `name` is for errors."""
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES:
        raise ValueError(f"{name}: expected an IDX file, got bytes that begin with {data[:4].hex() or 'nothing'}.")
    dtype, ndim = np.dtype(_TYPES[data[2]]), data[3]
    begin = 4 + 4 * ndim
    shape = tuple(int.from_bytes(data[i : i + 4], "big") for i in range(4, begin, 4))
    expected = begin + math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise ValueError(f"{name}: expected {expected} bytes for the shape {shape}, got {len(data)}.")
    array = np.frombuffer(data, dtype, offset=begin).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)
