"""The IDX format, in which MNIST was published (LeCun, Cortes and Burges, 1998).

Two zero bytes, one byte for the type, one for the number of dimensions, the dimensions as
big-endian 32-bit integers, then the numbers, big-endian, the last dimension fastest.
"""

import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from anynet.files import check_inflation

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_LONGEST_HEADER = 4 + 4 * 255


def read_idx(path: str | Path) -> np.ndarray[Any, Any]:
    """Return the array in an IDX file, plain or gzipped, as a read-only NumPy array.

    Raises OSError if the file cannot be read, ValueError if it is no whole IDX file.
    """
    return parse_idx(read_bytes(path), str(path))


def read_bytes(path: str | Path) -> bytes:
    """Return the bytes of an IDX file, unpacked if it is gzipped; ValueError if it is damaged.

    No more is unpacked than the header declares, whatever the rest would inflate to.
    """
    data = Path(path).read_bytes()
    if not data.startswith(_GZIP_MAGIC):
        return data
    unpacker = zlib.decompressobj(wbits=31)  # 31: a gzip member; its checksum is verified
    try:
        begin = unpacker.decompress(data, _LONGEST_HEADER)
        _, _, expected = parse_header(begin, str(path))
        _check_inflation(path, expected, len(data))
        rest = unpacker.decompress(unpacker.unconsumed_tail, max(1, expected - len(begin) + 1))
    except zlib.error as error:
        raise ValueError(f"{path}: expected a whole gzip file, got {error}. Download it anew.") from None
    if not unpacker.eof:
        found = "more" if len(begin) + len(rest) > expected else "a file that ends too early"
        raise ValueError(f"{path}: expected {expected} bytes in a gzip file, got {found}. Download it anew.")
    return begin + rest


def _check_inflation(path: str | Path, unpacked: int, packed: int) -> None:
    try:
        check_inflation(unpacked, packed)
    except ValueError as error:
        raise ValueError(f"{path}: expected data, got {error}.") from None


def is_idx(head: bytes) -> bool:
    """Tell whether a file that begins with these 4 bytes is IDX, or gzipped, which IDX files often are."""
    return head.startswith(_GZIP_MAGIC) or (
        len(head) == 4 and head[:2] == b"\0\0" and head[2] in _TYPES and head[3] > 0
    )


def parse_idx(data: bytes, name: str) -> np.ndarray[Any, Any]:
    """Return the array that the bytes of an IDX file hold; `name` is for errors."""
    dtype, shape, expected = parse_header(data, name)
    if len(data) != expected:
        raise ValueError(f"{name}: expected {expected} bytes for the shape {shape}, got {len(data)}. Download it anew.")
    array = np.frombuffer(data, dtype, offset=4 + 4 * len(shape)).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def parse_header(data: bytes, name: str) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Return (dtype, shape, bytes of the whole file) as the beginning of an IDX file declares them."""
    begin = 4 + 4 * data[3] if len(data) >= 4 else 4
    if len(data) < begin or data[:2] != b"\0\0" or data[2] not in _TYPES:
        raise ValueError(f"{name}: expected an IDX file, got bytes that begin with {data[:4].hex() or 'nothing'}.")
    dtype = np.dtype(_TYPES[data[2]])
    shape = tuple(int.from_bytes(data[i : i + 4], "big") for i in range(4, begin, 4))
    return dtype, shape, begin + math.prod(shape) * dtype.itemsize
