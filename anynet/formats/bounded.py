"""Reading what nobody vouches for: a file's bytes in order, unpacked if gzipped, up to a bound.

A few bytes of gzip can hold gigabytes of zeros, and a file can announce more than it holds.
So nothing is set aside for what is announced: memory grows with what arrives, and stops
growing at `max_bytes`. What the bytes mean is for other rooms.
"""

import errno
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, BytesIO, FileIO
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from anynet.checks import path_of, path_shown, whole_number

MAX_BYTES = 512 * 2**20  # once unpacked: nine times MNIST, and what any laptop has
GZIP_MAGIC = b"\x1f\x8b"
# Deflate packs a thousandfold at most, images of pen strokes tenfold, one-hot labels fiftyfold:
# what would inflate beyond both of these is made to do harm.
MAX_INFLATION = 200
HARMLESS_BYTES = 2**25

_CHUNK = 2**16


class Reader:
    """The bytes of an open file, one after the other, unpacked if they are gzipped.

    What is wrong with the bytes is told by a ValueError that begins with the name of the file.

    Args:
        file: The file, opened for reading bytes; it is read from where it stands, which is its beginning.
        name: What the file is called in errors.
        max_bytes: How many bytes, once unpacked, may arrive. The default, 512 MiB, holds
            MNIST nine times and bounds what a small hostile file can cost.

    Attributes:
        name: As given.
        max_bytes: As given.
        position: The number of bytes already taken, after unpacking.

    Raises:
        ValueError: `max_bytes` is below 1.
    """

    def __init__(self, file: BinaryIO, name: str, max_bytes: int = MAX_BYTES) -> None:
        self.name = name
        self.max_bytes = whole_number("max_bytes", max_bytes)
        self.position = 0
        self._chunks = _unpacked(file, name)
        self._chunk = b""
        self._at = 0  # how much of the chunk is taken
        self._arrived = 0

    def take(self, n: int) -> bytearray:
        """Return the next bytes, and go on to those that follow.

        Args:
            n: How many.

        Returns:
            n bytes, in memory that belongs to the caller.

        Raises:
            ValueError: The file ends before, is damaged, or exceeds its bound.
        """
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
        """Return the bytes up to the next newline, which is taken too and left out.

        Raises:
            ValueError: The file ends without a newline, is damaged, or exceeds its bound.
        """
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
        """Return some of the bytes that come next, without taking them.

        Returns:
            At least one byte, at most a chunk; none at the end of the file.

        Raises:
            ValueError: The file is damaged, or exceeds its bound.
        """
        if self._at == len(self._chunk):
            self._next_chunk()
        return self._chunk[self._at :]

    def rest(self) -> bytearray:
        """Return all bytes that are left.

        Raises:
            ValueError: The file is damaged, or exceeds its bound.
        """
        rest = bytearray(self._chunk[self._at :])
        while self._next_chunk():
            rest += self._chunk
        self._at = len(self._chunk)
        self.position += len(rest)
        return rest

    def finish(self) -> None:
        """Check that the file ends here, and, if it is gzipped, its checksum.

        Raises:
            ValueError: Bytes are left, or the checksum is wrong.
        """
        if self.peek():
            raise ValueError(f"{self.name}: expected the end of the file at byte {self.position}, got more bytes.")

    def _next_chunk(self) -> bool:
        """Go on to the next chunk that is not empty; return False at the end of the file."""
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


class Held(BytesIO):
    """What there was to read in an open file, from where it stood; a path in its place is a text likewise.

    Args:
        file: Opened for reading bytes.
        max_bytes: How many there may be.

    Raises:
        TypeError: It is no such file.
        ValueError: There are more.
    """

    def __init__(self, file: BinaryIO, max_bytes: int = MAX_BYTES) -> None:
        self.path = str(getattr(file, "name", type(file).__name__))
        data = file.read(whole_number("max_bytes", max_bytes) + 1)
        if not isinstance(data, (bytes, bytearray)):
            raise TypeError(
                f"{self.path}: expected a file opened for reading bytes, got {type(data).__name__}. Open it so: "
                'open(path, "rb").'
            )
        if len(data) > max_bytes:
            raise ValueError(
                f"{self.path}: expected at most {max_bytes} bytes, got more. If you trust the file, give a larger "
                "max_bytes."
            )
        super().__init__(data)

    def __str__(self) -> str:
        return self.path


Source = str | Path | Held


class _Named(FileIO):
    """An open file, which an error names that is met in the middle of it."""

    def __init__(self, descriptor: int, path: Path) -> None:
        super().__init__(descriptor)
        self._path = str(path)

    def readinto(self, buffer: Any) -> int | None:
        """Read what comes next into a buffer."""
        with self._named():
            return super().readinto(buffer)

    def readall(self) -> bytes:
        """Return all that is left."""
        with self._named():
            return super().readall()

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._path) from None


@contextmanager
def binary(source: Source) -> Iterator[BinaryIO]:
    """Open a file for reading bytes, for a `with` statement; what is held already is given from its beginning.

    Raises:
        MemoryError: There is no room for what is read within that statement.
    """
    with told_as_no_room(source):
        if isinstance(source, Held):
            source.seek(0)
            yield source
        else:
            with regular(source) as file:
                yield file


def is_of_the_system(error: BaseException) -> bool:
    """Return whether a file that was opened here could not be read, whatever is in it."""
    return isinstance(error, OSError) and error.filename is not None


@contextmanager
def told_as_no_room(source: Source) -> Iterator[None]:
    """Let a MemoryError name the file that is read within a `with` statement: it is not damaged."""
    try:
        yield
    except MemoryError:
        raise MemoryError(
            f"{path_shown(source)}: expected room in memory for what it holds, got none. Close other programs."
        ) from None


def regular(path: str | Path) -> BinaryIO:
    """Open a file for reading bytes; a pipe or a device, which need not end, is refused before anything is read.

    Raises:
        OSError: It cannot be opened.
        ValueError: It is no regular file.
        TypeError: The path is none.
    """
    path = path_of(path)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return BufferedReader(_Named(descriptor, path))
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise ValueError(f"{path_shown(path)}: expected a file, got a pipe or a device. Save what it holds in a file.")


@contextmanager
def opened(path: Source, max_bytes: int = MAX_BYTES) -> Iterator[Reader]:
    """Open a file as a `Reader`, for a `with` statement.

    Args:
        path: The file, plain or gzipped.
        max_bytes: How many bytes, once unpacked, may arrive; `Reader` says why there is a bound.

    Yields:
        The reader, at the beginning of the file, which is closed at the end of the `with`.

    Raises:
        OSError: The file cannot be opened or read.
        ValueError: `max_bytes` is below 1.
    """
    with binary(path) as file:
        yield Reader(file, path_shown(path), max_bytes)


def read_bytes(path: str | Path, max_bytes: int = MAX_BYTES) -> bytearray:
    """Return the bytes of a file, unpacked if it is gzipped.

    Args:
        path: The file, plain or gzipped.
        max_bytes: How many bytes, once unpacked, may arrive; `Reader` says why there is a bound.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file is damaged, or has more than `max_bytes` once unpacked.
    """
    with opened(path, max_bytes) as reader:
        return reader.rest()


def check_inflation(unpacked: int, packed: int) -> None:
    """Check that packed bytes declare no more unpacked ones than honest data come to.

    Args:
        unpacked: The number of bytes that a file says it holds once unpacked.
        packed: The number of bytes that the file has.

    Raises:
        ValueError: There would be more than `HARMLESS_BYTES`, and more than `MAX_INFLATION`
            times the packed ones.
    """
    if unpacked > max(HARMLESS_BYTES, MAX_INFLATION * packed):
        raise ValueError(f"{packed:,} bytes that would inflate to {unpacked:,}; if they are yours, save them unpacked")


def _unpacked(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield the bytes of a file, chunk by chunk; a chunk may be empty."""
    is_gzip = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    file.seek(0)
    if is_gzip:
        yield from _inflated(file, name)
    else:
        while chunk := file.read(_CHUNK):
            yield chunk


def _inflated(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield the bytes in a gzip file, chunk by chunk, and verify its checksum at the end."""
    n_packed, n_unpacked = file.seek(0, os.SEEK_END), 0
    file.seek(0)
    inflater = zlib.decompressobj(wbits=31)  # 31: a gzip member; its checksum is verified
    try:
        while not inflater.eof:
            packed = inflater.unconsumed_tail or file.read(_CHUNK)
            block = inflater.decompress(packed, _CHUNK)
            if not packed and not block:
                raise ValueError(f"{name}: expected a whole gzip file, got a truncated one. Fetch it again.")
            n_unpacked += len(block)
            try:
                check_inflation(n_unpacked, n_packed)
            except ValueError as error:
                raise ValueError(f"{name}: expected honest data, got {error}.") from None
            yield block
    except zlib.error as error:
        raise ValueError(f"{name}: expected a whole gzip file, got {error}. Fetch it again.") from None
    if inflater.unused_data or file.read(1):
        raise ValueError(f"{name}: expected one gzip file, got more bytes after its end.")
