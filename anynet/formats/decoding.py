"""What a picture's file says of itself, looked at before a decoder is let at it, and what that decoder may take.

Decoders trust files: a few bytes can make them hold gigabytes, or work for minutes. So one gets no more of a file than
pixels are made of, and none of what else it may hold (a camera's remarks, profiles, comments); and what its own manner
of work makes dear is bounded here, format by format. Memory is counted above the pixels as they are handed out, which
are height x width x channels bytes.
"""

import io
import math
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, BinaryIO, Literal, NamedTuple, NoReturn, cast

import numpy as np

from anynet.formats import tiff
from anynet.formats.parts import MAX_HELD, BrokenError, Part, check_most, count, in_parts, too_many
from anynet.formats.pictures import MAX_PIXELS

MAX_SIDE = 2**16  # pixels: Pillow keeps a pointer for each row
MAX_BYTES = 2**30  # of a file: more than 67 million pixels of 16 bits in four channels
MAX_CHUNKS = 100_000  # of PNG or WebP: 67 million pixels are some 25,000 of the usual size
MAX_PACKED = 2**22  # bytes of packed pixels in a chunk that Pillow is given
MAX_SEGMENTS = 5_000  # of JPEG before its first scan; a long profile has some hundred
MAX_TABLES = 2**20  # bytes of those that are needed: Pillow goes through tables in Python
MAX_HEAD = 1_000  # bytes that a PPM takes to say its size, or that lie between two segments of JPEG
MAX_SCANS, MAX_SCANNED = 1_000, 2**29  # of JPEG, and pixels in all of them: each goes over all; a usual one has ten
MAX_BEFORE = 2**20  # bytes before the picture of a GIF: Pillow reads them one by one, in Python
MAX_PLAIN = 3 * 2**20  # bytes of a PPM of digits, which is read in Python
MAX_SCALED = 2**24  # values of a PPM whose white is neither 255 nor 65535: they are held twice more, to be scaled
MAX_RUNS = 2**20  # pixels, and bytes, of a BMP of runs, which is read in Python
_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}  # of a pixel in Pillow's modes; else 4
_BLOCK = re.compile(rb"[!,;]")  # what one of GIF begins with; Pillow leaves out what lies between
_REMARKS = {*range(0xE2, 0xF0), 0xFE} - {0xEE}  # segments of JPEG but for EXIF data, and the two that tell of colours
_MARKER = re.compile(rb"\xff+([^\x00\xff])")
_LENGTHS = {b"IHDR": 13, b"PLTE": 768, b"tRNS": 256}  # the most that each chunk of PNG takes
_PROFILE = b"Raw profile type exif\0"  # as some programs write them into a PNG, in hexadecimal


class Look(NamedTuple):
    """What a look at a file has shown.

    `kind` is the name of Pillow's room, `stream` what it is to read, `orientation` that of EXIF data, from 1 to 8.
    The decoder holds the pixels as Pillow keeps them, so many `times`, and so many bytes `besides`.
    """

    kind: str
    stream: BinaryIO
    orientation: int = 1
    times: int = 1
    besides: float = 0

    def opened(self) -> Any:
        """Open the picture by Pillow's class for its kind: `Image.open` would warn, of sizes say."""
        self.stream.seek(0)
        room = import_module(f"PIL.{self.kind}ImagePlugin")
        picture = getattr(room, f"{self.kind}ImageFile")(self.stream)
        if self.kind == "Tiff":
            picture.is_animated = True  # or Pillow reads all of the EXIF data, and warns of what is wrong with them
        return picture


def looked_at(file: BinaryIO) -> Look:
    """Look at an open file.

    Raises:
        BrokenError: It would take more than a picture may.
        ValueError: It is no picture, or a damaged one.
    """
    file.seek(0)
    head = file.read(MAX_HEAD)
    for magic, look in _KINDS.items():
        if re.match(magic, head, re.DOTALL):
            if magic != tiff.MAGIC:  # which may hold others behind the first one, that are not looked at
                check_most(file.seek(0, io.SEEK_END), MAX_BYTES, "bytes of a picture")
            return look(file, head)
    raise ValueError("no picture")


def check_size(picture: Any) -> None:
    """Check that a picture is no larger than any may be.

    Raises:
        BrokenError: It is.
    """
    if max(picture.size) > MAX_SIDE:
        _too_large(picture.size, f"an image of sides of at most {MAX_SIDE:,} pixels")
    if math.prod(picture.size) > MAX_PIXELS:
        _too_large(picture.size, f"an image of at most {MAX_PIXELS:,} pixels")


def check_held(picture: Any, look: Look, declared: tuple[int, int], least: int = 1) -> None:
    """Check that a decoder will not hold more than it may, for a picture of the size declared; errors as `check_size`.

    What is unpacked can be smaller. `least` is how many bytes of a pixel Pillow will hold once more, afterwards.
    """
    held = look.times * max(least, _BYTES.get(picture.mode, 4)) * math.prod(picture.size) + look.besides
    if held > MAX_HELD:
        most = int(math.prod(declared) * MAX_HELD / held)
        _too_large(declared, f"an image of at most {most:,} pixels of its kind")


def _too_large(size: tuple[int, int], expected: str) -> NoReturn:
    raise BrokenError(f"expected {expected}, got {size[0]} x {size[1]}. Scale it down first.")


def _chunks(file: BinaryIO, at: int, order: Literal["big", "little"]) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, where its content begins, and how long that is) of each chunk of a PNG or WebP file."""
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8:
            return
        name, n_bytes = (head[4:], head[:4]) if order == "big" else (head[:4], head[4:])
        length = int.from_bytes(n_bytes, order)
        yield name, at + 8, length
        at += 8 + (length + 4 if order == "big" else length + length % 2)  # a checksum, or up to an even place
    raise too_many("more", MAX_CHUNKS, "chunks")


def _png(file: BinaryIO, _: bytes) -> Look:
    parts: list[Part] = [(0, 8)]
    exif, profile, remarks = b"", (b"", b""), b""
    for name, start, length in _chunks(file, 8, "big"):
        if length > _LENGTHS.get(name, length):
            raise ValueError("a chunk of another length")
        if name == b"IDAT":
            parts += _packed(start, length)
        elif name in (*_LENGTHS, b"IEND"):
            parts.append((start - 8, start + length + 4))
        elif name in (b"eXIf", b"iTXt", b"tEXt", b"zTXt"):
            file.seek(start)
            content = file.read(min(length, 2**16))
            if name == b"eXIf":
                exif = content
            elif content.startswith(_PROFILE):
                profile = name, content.removeprefix(_PROFILE)
            elif content.startswith(b"XML:com.adobe.xmp"):
                remarks = content
        if name == b"IEND":
            break
    return Look("Png", in_parts(file, parts), tiff.orientation(exif or _profile(*profile), remarks))


def _packed(start: int, length: int) -> Iterator[Part]:
    """Yield a chunk of packed pixels as several, for Pillow holds what is left of one when all rows are there."""
    for at in range(start, start + max(1, length), MAX_PACKED):
        end = min(at + MAX_PACKED, start + length)
        yield struct.pack(">I", end - at) + b"IDAT"
        yield at, end
        yield bytes(4)  # in the place of a checksum, which Pillow passes over


def _profile(name: bytes, text: bytes) -> bytes:
    """Return the EXIF data in a text of a PNG file; nothing if there are none."""
    try:
        text = zlib.decompressobj().decompress(text[1:], 2**18) if name == b"zTXt" else text
        return bytes.fromhex("".join(text.decode("ascii").split("\n")[3:]))
    except (zlib.error, ValueError):
        return b""


def _webp(file: BinaryIO, _: bytes) -> Look:
    said, n_remarks, n_bytes = {b"EXIF": b"", b"XMP ": b"", b"ICCP": b""}, 0, file.seek(0, io.SEEK_END)
    for name, start, length in _chunks(file, 12, "little"):
        if name in said:
            file.seek(start)
            said[name], n_remarks = file.read(min(length, 2**16)), n_remarks + length
    held = 2 * n_bytes + min(n_remarks, n_bytes)  # Pillow reads all, and keeps such remarks
    check_most(held, MAX_HELD, "bytes of WebP to be held, twice those of the file and its remarks")
    return Look("WebP", file, tiff.orientation(said[b"EXIF"], said[b"XMP "]), times=5, besides=held)


def _jpeg(file: BinaryIO, _: bytes) -> Look:
    spans, at, said, frame = [(0, 2)], 2, {b"Exif": b"", b"http": b""}, b""  # remarks of cameras, and of programs
    for _segment in range(MAX_SEGMENTS):
        file.seek(at)
        head = file.read(MAX_HEAD)
        if not (found := _MARKER.search(head)):
            raise ValueError("truncated" if head == b"" else "no marker of a segment")
        at, code = at + found.end() - 2, found[1][0]
        file.seek(at + 2)
        content = file.read(2) if 0xC0 <= code < 0xD0 or code >= 0xDA else b"\0\0"  # others have no length
        end = at + 2 + int.from_bytes(content, "big")
        if code == 0xDA:
            check_most(sum(end - start for start, end in spans), MAX_TABLES, "bytes of tables before the pixels")
            spans.append((at, file.seek(0, io.SEEK_END)))
            besides = _coefficients(file, at, frame)
            return Look("Jpeg", in_parts(file, [*spans]), tiff.orientation(*said.values()), besides=besides)
        if code == 0xE1:
            content = file.read(end - file.tell())
            if said.get(content[:4]) == b"":  # others, of heat say, are those of a maker
                said[content[:4]] = content
        elif code not in _REMARKS:
            spans.append((at, end))
        if 0xC0 <= code < 0xD0 and code not in (0xC4, 0xC8, 0xCC):
            frame = bytes([code]) + file.read(20)
        at = end
    raise too_many("more", MAX_SEGMENTS, "segments before the pixels")


def _coefficients(file: BinaryIO, scan: int, frame: bytes) -> float:
    """Return how many bytes are held until a JPEG of several scans, from that place on, is put together.

    Raises:
        BrokenError: It has too many scans.
    """
    n_components = frame[6] if len(frame) > 6 else 0
    file.seek(scan + 4)
    if frame[:1] not in (b"\xc2", b"\xc6", b"\xca", b"\xce") and file.read(1) == bytes([n_components]):
        return 0  # all in one scan
    height, width = int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big")
    n_scans = count(b"\xff\xda", file, scan, file.seek(0, io.SEEK_END))
    most = min(MAX_SCANS, MAX_SCANNED // max(1, height * width))
    check_most(n_scans, most, f"scans of {width} x {height} pixels", "Save it anew, with fewer")
    sides = [(byte >> 4, byte & 15) for byte in frame[8 : 7 + 3 * n_components : 3]]
    most_in_one = max((h for h, _ in sides), default=1) * max((v for _, v in sides), default=1)
    return 2 * height * width * sum(h * v for h, v in sides) / max(1, most_in_one)


def _bmp(file: BinaryIO, head: bytes) -> Look:
    if int.from_bytes(head[14:18], "little") > MAX_HEAD:
        raise ValueError("a header longer than any")
    width, height = (abs(int.from_bytes(head[at : at + 4], "little", signed=True)) for at in (18, 22))
    if head[14:15] != b"\x0c" and head[30:34] in (b"\1\0\0\0", b"\2\0\0\0"):
        check_most(width * height, MAX_RUNS, "pixels in a BMP of runs", "Save it without, or as a PNG")
        check_most(file.seek(0, io.SEEK_END), MAX_RUNS, "bytes in a BMP of runs", "Save it without, or as a PNG")
    return Look("Bmp", file)


def _gif(file: BinaryIO, head: bytes) -> Look:
    file.seek(0)
    start = file.read(MAX_BEFORE)
    at = 13 + (3 << 1 + (start[10] & 7) if start[10:11] and start[10] & 128 else 0)
    while (found := _BLOCK.search(start, at)) and found[0] == b"!":
        at = found.end() + 1
        while at < len(start) and start[at]:
            at += 1 + start[at]
    at = found.start() if found else len(start)
    if len(start) == MAX_BEFORE and at + 9 > MAX_BEFORE:
        raise too_many("more", MAX_BEFORE, "bytes before the first picture")
    left, top, width, height = np.frombuffer(start[at + 1 : at + 9].ljust(8, b"\0"), "<u2").astype(int)
    size = (
        max(left + width, int.from_bytes(head[6:8], "little")),
        max(top + height, int.from_bytes(head[8:10], "little")),
    )
    if math.prod(size) > MAX_PIXELS:  # which a frame that is larger than the picture can make
        _too_large(size, f"an image of at most {MAX_PIXELS:,} pixels")
    return Look("Gif", file)


_COMMENT = rb"#[^\r\n]*+[\r\n]"
_GAP = rb"(?:\s|" + _COMMENT + rb")++"
_PPM = re.compile(rb"P([1-6f])%b([0-9]++)%b([0-9]++)(?:%b([0-9]++))?\s" % (_GAP, _GAP, _GAP))


def _ppm(file: BinaryIO, head: bytes) -> Look:
    said = _PPM.match(head)
    if not said or (said[4] is None and said[1] in b"2356"):
        raise ValueError("no size among the first bytes")
    kind, size, white = said[1], int(said[2]) * int(said[3]), int(said[4] or 0)
    if kind in b"123":
        n_bytes = file.seek(0, io.SEEK_END)
        check_most(n_bytes, MAX_PLAIN, "bytes of a PPM in digits", "Save it in bytes, as P5 or P6")
        file.seek(0)
        return Look("Ppm", cast(BinaryIO, io.BytesIO(re.sub(_COMMENT, b"", file.read(MAX_PLAIN)))))
    usual = 65535 if white > 255 and kind == b"5" else 255
    if kind not in b"56" or white == usual or not 0 < white < 2**16:
        return Look("Ppm", file)
    n_values = size * (3 if kind == b"6" else 1)
    check_most(n_values, MAX_SCALED, f"values of which {white} is white", f"Save it with {usual}")
    file.seek(said.end())
    values = np.frombuffer(file.read(n_values * (1 + (white > 255))), ">u2" if white > 255 else "u1")
    scale = np.minimum(np.round(np.arange(2**16) / white * usual), usual)  # as Pillow does, value by value in Python
    scaled = scale.astype(">u2" if usual > 255 else "u1")[values].tobytes()
    head = b"P%b %b %b %d " % (kind, said[2], said[3], usual)
    return Look("Ppm", cast(BinaryIO, io.BytesIO(head + scaled)), besides=len(scaled))


def _tiff(file: BinaryIO, _: bytes) -> Look:
    stream, orientation, held = tiff.looked_at(file)
    return Look("Tiff", stream, orientation, besides=held)


def ends_early(file: BinaryIO, head: bytes) -> bool:
    """Return whether the file of a picture ends before it says that it does."""
    n_bytes = file.seek(0, io.SEEK_END)
    file.seek(max(0, n_bytes - 1000))
    tail = file.read().rstrip(b"\0")
    if head.startswith(b"RIFF"):
        return n_bytes < 8 + int.from_bytes(head[4:8], "little")
    if re.match(tiff.MAGIC, head):
        return tiff.ends_early(file)
    if head.startswith(b"\x89PNG"):
        return head[12:16] == b"IHDR" and b"IEND" not in tail
    return head.startswith(b"GIF8") and not tail.endswith(b";")


_KINDS: dict[bytes, Callable[[BinaryIO, bytes], Look]] = {
    rb"\x89PNG\r\n\x1a\n": _png,
    rb"\xff\xd8\xff": _jpeg,
    rb"BM": _bmp,
    rb"GIF8[79]a": _gif,
    rb"P[1-6f]\s": _ppm,
    tiff.MAGIC: _tiff,
    rb"RIFF....WEBP": _webp,
}
