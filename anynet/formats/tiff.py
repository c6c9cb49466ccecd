"""TIFF files, and EXIF data, which are written alike: what their directory says, and what decoding them may take."""

import io
import math
import re
from typing import BinaryIO, Literal, cast

import numpy as np

from anynet.formats.parts import MAX_HELD, Part, check_most, count, in_parts
from anynet.typing import HostArray

MAGIC = rb"II[*+]\0|MM\0[*+]"
MAX_ENTRIES = 1_000  # of a directory: a camera's has some dozens
MAX_PARTS = 2**16  # strips or tiles, for which Pillow takes a hundred thousandth of a second each
MAX_VALUES = 2**12  # of what else Pillow reads, as numbers of Python's; a palette has three times 256
MAX_REMARKS = 2**26  # bytes of all else, which libtiff reads, and copies
MAX_SPARE = 2**25  # pixels that are unpacked beyond those of the picture
MAX_SCANNED = 2**29  # pixels of JPEG that are gone over again
JPEG = 7
_SIZES = np.array([0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 0])  # of a value, by the kinds of entries
_SINGLE = (256, 257, 259, 262, 266, 274, 277, 278, 284, 296, 322, 323)  # tags that are one whole number
_STARTS, _LENGTHS = (273, 324), (279, 325)  # of strips, and of tiles
_LISTS = (258, 320, 338, 339)  # bits, a palette, what else each pixel has, kinds of numbers
_READ = tuple({*_SINGLE, *_STARTS, *_LISTS} - {274})  # by Pillow, which would hold a picture twice to turn it
_WHOLE = (3, 4, 16)  # kinds of whole numbers from 0
_TURNED = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')  # in the remarks of programs, where EXIF data say nothing


class Directory:
    """The first directory of a file, or of EXIF data: what it says, by tags; nothing where it is cut."""

    def __init__(self, file: BinaryIO) -> None:
        self._n_bytes = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(16)
        self._order: Literal["<", ">"] = "<" if head.startswith(b"II") else ">"
        self._file, big = file, b"+" in head[2:4]
        word, width = ("u8", 8) if big else ("u4", 4)
        table = np.dtype([("tag", "u2"), ("kind", "u2"), ("count", word), ("value", word)]).newbyteorder(self._order)
        self.entries = np.zeros(0, table)
        start = min(self._number(head[width : 2 * width]), self._n_bytes)  # far beyond no file can be looked for
        file.seek(start)
        n = self._number(file.read(8 if big else 2))
        self.begin = start + (8 if big else 2)
        content = file.read(min(n, 2**16) * table.itemsize + width)  # where the next one is stands behind it
        if 0 < n < 2**16 and len(content) == n * table.itemsize + width:
            self.entries = np.frombuffer(content[:-width], table)

    def _number(self, content: bytes) -> int:
        return int.from_bytes(content, "little" if self._order == "<" else "big")

    def sizes(self) -> HostArray:
        """Return how many bytes each entry has elsewhere; 0 where its values stand in it."""
        n_bytes = self.entries["count"].astype(float) * _SIZES.take(self.entries["kind"], mode="clip")
        return np.where(n_bytes > self.entries["value"].dtype.itemsize, n_bytes, 0)

    def ends(self) -> float:
        """Return where the last of those ends."""
        sizes = self.sizes()
        return float(np.where(sizes > 0, self.entries["value"] + sizes, 0).max(initial=0))

    def content(self, tag: int, most: int) -> bytes:
        """Return the bytes of a tag, no more than so many; none of what is cut."""
        entries = self.entries[self.entries["tag"] == tag]
        if not len(entries):
            return b""
        n_bytes = int(entries["count"][0]) * int(_SIZES.take(entries["kind"][0], mode="clip"))
        content, wanted = entries["value"][:1].tobytes(), min(n_bytes, most)
        if n_bytes > len(content):
            self._file.seek(min(int(entries["value"][0]), self._n_bytes))
            content = self._file.read(wanted)
        return content[:wanted] if len(content) >= wanted else b""

    def numbers(self, tag: int) -> HostArray:
        """Return the whole numbers of a tag; none of what is cut, or has no such."""
        entries = self.entries[self.entries["tag"] == tag]
        if not len(entries) or entries["kind"][0] not in _WHOLE or entries["count"][0] > 2**20:
            return np.zeros(0, np.int64)
        size = int(_SIZES[entries["kind"][0]])
        return np.frombuffer(self.content(tag, 2**20 * size), f"{self._order}u{size}").astype(np.int64)

    def number(self, tag: int, default: int) -> int:
        """Return the first whole number of a tag."""
        return int(next(iter(self.numbers(tag)), default))

    def strips(self) -> tuple[HostArray, HostArray]:
        """Return where the strips or tiles begin, and how many bytes they have; nothing if none is said."""
        kind = int(not (self.entries["tag"] == _STARTS[0]).any())
        starts, lengths = self.numbers(_STARTS[kind]), self.numbers(_LENGTHS[kind])
        return (starts, lengths) if len(starts) == len(lengths) else (np.zeros(0, np.int64), np.zeros(0, np.int64))


def orientation(exif: bytes, remarks: bytes = b"") -> int:
    """Return how a picture is to be turned to be seen, as EXIF data say or, where they do not, other remarks."""
    directory = None
    if exif:
        directory = Directory(cast(BinaryIO, io.BytesIO(re.sub(rb"^(Exif\0\0)+", b"", exif))))
    return _turned(directory, remarks)


def _turned(directory: Directory | None, remarks: bytes) -> int:
    said = re.search(_TURNED, remarks)
    found = int(said[1]) if said else 1
    found = found if directory is None else directory.number(274, found)
    return found if 1 <= found <= 8 else 1


def looked_at(file: BinaryIO) -> tuple[BinaryIO, int, int]:
    """Return what Pillow is to read of a file, how the picture is to be turned, and what unpacking it holds besides.

    Raises:
        BrokenError: It would take more than a picture may.
        ValueError: It is a damaged one.
    """
    directory, n_bytes = Directory(file), file.seek(0, io.SEEK_END)
    if not len(directory.entries) or directory.ends() > n_bytes:
        raise ValueError("truncated")
    _check_entries(directory, n_bytes)
    held = _held(directory, file)
    read = directory.entries.copy()
    first = np.zeros(len(read), bool)
    first[np.unique(read["tag"], return_index=True)[1]] = True
    read["count"][~(first & np.isin(read["tag"], _READ))] = 0
    parts: list[Part] = [(0, directory.begin), read.tobytes(), (directory.begin + read.nbytes, n_bytes)]
    return in_parts(file, parts), _turned(directory, directory.content(700, 2**16)), held


def _check_entries(directory: Directory, n_bytes: int) -> None:
    """Check that entries are such as Pillow does not warn of, and goes through quickly."""
    tags, kinds, counts = (directory.entries[name] for name in ("tag", "kind", "count"))
    check_most(len(tags), MAX_ENTRIES, "entries")
    sizes = directory.sizes()
    are_wrong = np.isin(tags, (*_SINGLE, 282, 283)) & (counts != 1)  # resolutions, which are fractions, among them
    are_wrong |= np.isin(tags, (*_SINGLE, *_STARTS, 258)) & ~np.isin(kinds, _WHOLE)
    are_wrong |= np.isin(tags, _LISTS) & (counts > MAX_VALUES)
    if are_wrong.any() or sizes.sum() > n_bytes:
        raise ValueError("entries that are not as they should be")
    if directory.number(259, 1) != 1:
        remarks = int(sizes[~np.isin(tags, (*_READ, *_LENGTHS))].sum())
        check_most(remarks, MAX_REMARKS, "bytes beside packed pixels", "Save it without layers and remarks")


def _held(directory: Directory, file: BinaryIO) -> int:
    """Return how many bytes unpacking a picture's strips or tiles holds besides, which are found not to be too many."""
    width, height, n_samples = (directory.number(tag, 1) for tag in (256, 257, 277))
    across, down = directory.number(322, width), directory.number(323, min(directory.number(278, height), height))
    n_layers = max(1, n_samples) if directory.number(284, 1) == 2 else 1
    n_parts = math.ceil(width / max(1, across)) * math.ceil(height / max(1, down)) * n_layers
    check_most(n_parts, MAX_PARTS, "strips or tiles", "Save it in larger ones")
    n_told = int(directory.entries["count"][np.isin(directory.entries["tag"], _STARTS)].max(initial=0))
    check_most(n_told, n_parts, "parts of so many pixels")
    most = 4 * width * height * n_layers + MAX_SPARE
    check_most(n_parts * across * down, most, "pixels in strips or tiles", "Save it in smaller ones")
    if directory.number(259, 1) == 1:
        return 0
    n_bits = int(directory.numbers(258).max(initial=8))
    held = across * down * max(4, n_samples * n_bits // 8)  # once unpacked
    check_most(held, MAX_HELD, "bytes in a strip or tile", "Save it in smaller ones")
    if directory.number(259, 1) == JPEG:
        _check_scans(directory, file, n_parts, across * down)
    return held


def _check_scans(directory: Directory, file: BinaryIO, n_parts: int, n_pixels: int) -> None:
    """Check that JPEG in strips or tiles of so many pixels does not go over them again and again."""
    starts, lengths = directory.strips()
    if not len(lengths) or lengths.min() < 1 or lengths.sum() > file.seek(0, io.SEEK_END):
        raise ValueError("strips or tiles that are not as they should be")
    ends = (starts + lengths).tolist()
    more = sum(count(b"\xff\xda", file, *part) for part in zip(starts.tolist(), ends, strict=True)) - n_parts
    check_most(more, MAX_SCANNED // max(1, n_pixels), f"more scans than strips or tiles, of {n_pixels:,} pixels")


def ends_early(file: BinaryIO) -> bool:
    """Return whether a file ends before its last strip or tile does."""
    starts, lengths = Directory(file).strips()
    return file.seek(0, io.SEEK_END) < int((starts + lengths).max(initial=0))
