"""Reading what nobody vouches for: a file's bytes in order, unpacked if gzipped, up to a bound.

A few bytes of gzip can hold gigabytes of zeros, and a file can announce more than it holds.
So nothing is set aside for what is announced: memory grows with what arrives, and stops
growing at `max_bytes`. What the bytes mean is for other rooms.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn

MAX_BYTES = 512 * 2**20

_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 2**16


class Reader:
    """The bytes of an open file, one after the other.

    `name` is for errors; every one is a ValueError that begins with it. `position` counts
    the bytes already taken, after unpacking.
    """

    def __init__(self, file: BinaryIO, name: str, max_bytes: int = MAX_BYTES) -> None:
        if max_bytes < 1:
            raise ValueError(f"max_bytes: expected at least 1, got {max_bytes}.")
        self.name = name
        self.max_bytes = max_bytes
        self.position = 0
        self._chunks = _unpacked(file, name)
        self._chunk = b""
        self._at = 0  # how much of the chunk is taken
        self._arrived = 0

    def take(self, n: int) -> bytearray:
        """Return the next n bytes; ValueError if the file ends before, or exceeds its bound."""
        if self.position + n > self.max_bytes:
            self._exceeded(self.position + n)
        taken = bytearray()
        while len(taken) < n:
            if self._at == len(self._chunk) and not self._next_chunk():
                raise ValueError(
                    f"{self.name}: expected {n} bytes at byte {self.position}, got {len(taken)}: the file ends there. "
                    "It is truncated; fetch it again."
                )
            stop = min(self._at + n - len(taken), len(self._chunk))
            taken += self._chunk[self._at : stop]
            self._at = stop
        self.position += n
        return taken

    def line(self) -> bytearray:
        """Return the bytes up to the next newline, which is taken too and left out."""
        line = bytearray()
        while True:
            if self._at == len(self._chunk) and not self._next_chunk():
                raise ValueError(
                    f"{self.name}: expected a line at byte {self.position}, got one without an end. "
                    "The file is truncated; fetch it again."
                )
            found = self._chunk.find(b"\n", self._at)
            stop = len(self._chunk) if found < 0 else found
            line += self._chunk[self._at : stop]
            if found >= 0:
                self._at = found + 1
                self.position += len(line) + 1
                return line
            self._at = stop

    def peek(self) -> bytes:
        """Return some of the bytes that come next, without taking them; none at the end."""
        if self._at == len(self._chunk):
            self._next_chunk()
        return self._chunk[self._at :]

    def rest(self) -> bytearray:
        """Return all bytes that are left."""
        rest = bytearray(self._chunk[self._at :])
        while self._next_chunk():
            rest += self._chunk
        self._at = len(self._chunk)
        self.position += len(rest)
        return rest

    def finish(self) -> None:
        """Raise ValueError if bytes are left, or if the checksum of a gzip file is wrong."""
        if self.peek():
            raise ValueError(f"{self.name}: expected the end of the file at byte {self.position}, got more bytes.")

    def _next_chunk(self) -> bool:
        """Go on to the next chunk that is not empty; False at the end of the file."""
        for chunk in self._chunks:
            if chunk:
                self._arrived += len(chunk)
                if self._arrived > self.max_bytes:
                    self._exceeded(self._arrived)
                self._chunk, self._at = chunk, 0
                return True
        return False

    def _exceeded(self, n_bytes: int) -> NoReturn:
        raise ValueError(
            f"{self.name}: expected at most {self.max_bytes} bytes once unpacked, got {n_bytes} or more. "
            "If you trust the file, give a larger max_bytes."
        )


@contextmanager
def opened(path: str | Path, max_bytes: int = MAX_BYTES) -> Iterator[Reader]:
    """Open a file as a Reader, for a `with` statement; OSError if it cannot be read."""
    with Path(path).open("rb") as file:
        yield Reader(file, str(path), max_bytes)


def read_bytes(path: str | Path, max_bytes: int = MAX_BYTES) -> bytearray:
    """Return the bytes of a file, unpacked if it is gzipped.

    Raises OSError if it cannot be read, ValueError if it is damaged or has more than
    `max_bytes` once unpacked.
    """
    with opened(path, max_bytes) as reader:
        return reader.rest()


def _unpacked(file: BinaryIO, name: str) -> Iterator[bytes]:
    is_gzip = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    file.seek(0)
    if is_gzip:
        yield from _inflated(file, name)
    else:
        while chunk := file.read(_CHUNK):
            yield chunk


def _inflated(file: BinaryIO, name: str) -> Iterator[bytes]:
    inflater = zlib.decompressobj(wbits=31)  # 31: a gzip member; its checksum is verified
    try:
        while not inflater.eof:
            packed = inflater.unconsumed_tail or file.read(_CHUNK)
            block = inflater.decompress(packed, _CHUNK)
            if not packed and not block:
                raise ValueError(f"{name}: expected a whole gzip file, got a truncated one. Fetch it again.")
            yield block
    except zlib.error as error:
        raise ValueError(f"{name}: expected a whole gzip file, got {error}. Fetch it again.") from None
    if inflater.unused_data or file.read(1):
        raise ValueError(f"{name}: expected one gzip file, got more bytes after its end.")
