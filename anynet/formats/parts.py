"""Parts of a picture's file, handed to a decoder as if they were all of it; and how what is too much is refused."""

import io
from bisect import bisect_right
from itertools import accumulate
from typing import Any, BinaryIO, TypeAlias, cast

MAX_HELD = 192 * 2**20  # bytes that a decoder may hold: 50 million pixels in colour, as the largest phones take
Part: TypeAlias = tuple[int, int] | bytes  # from where to where in the file; or what stands in the place of it


class BrokenError(ValueError):
    """A file holds no whole picture, or none that may be read."""


def check_most(found: int, most: int, of_what: str, advice: str = "Save it anew") -> None:
    """Raise a `BrokenError` if a file holds more of something than it may."""
    if found > most:
        raise too_many(f"{found:,}", most, of_what, advice)


def too_many(found: str, most: int, of_what: str, advice: str = "Save it anew") -> BrokenError:
    """Return what says that a file holds more of something than it may."""
    return BrokenError(f"expected at most {most:,} {of_what}, got {found}. {advice}.")


def count(marker: bytes, file: BinaryIO, start: int, end: int) -> int:
    """Return how often a marker of two bytes stands in a file, between two places."""
    n, last = 0, b""
    file.seek(start)
    while block := file.read(min(2**16, max(0, end - file.tell()))):
        n += (last + block).count(marker)
        last = block[-1:]
    return n


class _Parts(io.RawIOBase):
    """Parts of a file, as if nothing lay between them."""

    def __init__(self, file: BinaryIO, parts: list[Part]) -> None:
        super().__init__()
        self._file, self._at = file, 0
        self._parts: list[tuple[BinaryIO, int, int]] = []
        for part in parts:
            source, start, end = (io.BytesIO(part), 0, len(part)) if isinstance(part, bytes) else (file, *part)
            if self._parts and (file, start) == (source, self._parts[-1][2]) and self._parts[-1][0] is file:
                self._parts[-1] = file, self._parts[-1][1], end
            else:
                self._parts.append((source, start, end))
        self._ends = list(accumulate(end - start for _, start, end in self._parts))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:  # libtiff goes through the file itself
        return self._file.fileno()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at}.get(whence, sum(self._ends[-1:])))
        return self._at

    def readinto(self, buffer: Any) -> int:
        found = bisect_right(self._ends, self._at)
        if found == len(self._ends):
            return 0
        left = self._ends[found] - self._at
        source, _, end = self._parts[found]
        source.seek(end - left)
        content = source.read(min(len(buffer), left))
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)


def in_parts(file: BinaryIO, parts: list[Part]) -> BinaryIO:
    """Return parts of a file as a file."""
    return cast(BinaryIO, io.BufferedReader(_Parts(file, parts)))
