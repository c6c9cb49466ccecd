"""Pictures, read from files as arrays of pixels.

An image is (height, width) uint8, 0 black to 255 white, or (height, width, channels); several
have a leading n. IDX files are opened here, anything else through Pillow, which is imported
when first needed. What a picture shows is not looked at here (`framing.py`).
"""

import math
import re
from collections.abc import Callable
from functools import partial
from io import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from anynet.checks import path_shown, reading
from anynet.formats.bounded import regular
from anynet.formats.contents import ELSEWHERE, got, kind_of
from anynet.formats.idx import is_idx, read_idx
from anynet.formats.pictures import MAX_PIXELS, Pictures
from anynet.typing import HostArray

# What Pillow may open. Its other formats are rare, and some (EPS) call programs.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
# What who has options in the place of arguments is told in other words.
RESIZE = "Read all in one size: size=32, say"
MAX_SIDE = 2**16  # pixels: Pillow keeps a pointer for each row
MAX_DECODED = {"WEBP": 2**24}  # pixels of formats whose decoders hold a picture five times
STRIP = 2**20  # pixels that are laid on paper at a time
_TIFF = (b"II*\0", b"MM\0*")
_SIZES = np.array([0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8])  # bytes of a value, by the kinds of entries of TIFF
_PPM_HEAD = re.compile(rb"P[1-6fF](?:(?:\s|#[^\r\n]*+[\r\n])++[0-9]++){2}\s")


class BrokenError(ValueError):
    """A file holds no whole picture."""


def read_images(path: str | Path, pictures: Pictures | None = None) -> HostArray:
    """Read the images in a file.

    Args:
        path: An IDX file of uint8, plain or gzipped, or a picture in one of `FORMATS`. Of a
            picture, colours become luminance, what is transparent is laid on white, or on black
            where that alone shows it, and the orientation in its EXIF data is followed. Of greys
            of 16 bits the upper 8 are taken, whatever the picture makes of them; of 32 bits, or
            floats, white is the end of the least usual range that holds them: 1, 255, 65535 or
            2**31 - 1. Of several pictures in one file, as in an animation, the first is taken.
        pictures: What is done to the pictures of a network, `net.pictures`; then the file is a
            picture, which comes as that network has seen those that it has learnt from: as of
            `image_folder`, which takes floats from 0 to 1, and no whole numbers of 32 bits.

    Returns:
        The images, (n, height, width) uint8, 0 black to 255 white; n is 1 for a picture. Where
        `pictures` are given, (1, height, width, channels).

    Raises:
        OSError: The file cannot be read.
        ImportError: The file is no IDX file, and Pillow, which reads the others, is not installed.
        ValueError: It holds no image, or one of more than 67 million pixels, or of another size
            than `pictures` admit.

    Example:
        >>> import pathlib, tempfile
        >>> from anynet import datasets
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "picture.pgm"
        ...     size = path.write_bytes(b"P5 3 2 255 " + bytes([0, 50, 100, 150, 200, 250]))
        ...     datasets.read_images(path)
        array([[[  0,  50, 100],
                [150, 200, 250]]], dtype=uint8)
    """
    with regular(path) as file:
        if pictures is not None:
            return read_picture(file, path, pictures)[None]
        if not is_idx(file.read(4)):
            file.seek(0)
            return _converted(file, path, _luminance)[None]
    images = read_idx(path)
    if images.dtype != np.uint8 or images.ndim not in (2, 3) or 0 in images.shape:
        raise ValueError(
            f"{path_shown(path)}: expected images, (n, height, width) of uint8, got {images.dtype} of the shape "
            f"{images.shape}."
        )
    return images if images.ndim == 3 else images[None]


def read_picture(file: BinaryIO, path: str | Path, pictures: Pictures) -> HostArray:
    """Return the first picture in an open file as an image (height, width, channels) uint8, as `pictures` say.

    Raises:
        OSError: The file cannot be read.
        ImportError: Pillow is not installed.
        ValueError: It holds no whole picture, or one of a size that it should not have.
        TypeError: `pictures` are none.
    """
    if not isinstance(pictures, Pictures):
        raise TypeError(f"pictures: expected net.pictures, got {str(pictures)[:100]}. A size is for image_folder.")
    pixels = _converted(file, path, partial(_fitted, pictures=pictures))
    if pixels.shape[:2] != pictures.shape[:2]:
        height, width = pixels.shape[:2]
        raise ValueError(
            f"{path_shown(path)}: expected {pictures.height} x {pictures.width} pixels, as others have, got "
            f"{height} x {width}. {RESIZE}."
        )
    return pixels.reshape(pictures.shape)


def size_of(file: BinaryIO, path: str | Path, mode: str) -> tuple[int, int]:
    """Return the (height, width) of the picture in an open file, as it is to be seen; errors as of `read_picture`."""
    height, width, *_ = _converted(file, path, partial(_fitted, pictures=Pictures(1, 1, mode))).shape
    return height, width


def _converted(file: BinaryIO, path: str | Path, convert: Callable[[Any], HostArray]) -> HostArray:
    """Return what is made of the first picture in a file, opened through Pillow."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("Pillow is not installed. Install it with: pip install 'anynet-nn[images]'") from None
    try:
        _check_head(file)
        with reading(path), Image.open(file, formats=FORMATS) as picture:  # reads no more than the header
            size, most = f"{picture.width} x {picture.height}", MAX_DECODED.get(picture.format, MAX_PIXELS)
            if max(picture.size) > MAX_SIDE:
                most = 0
            if picture.width * picture.height <= most:
                _check_tiles(picture)
                return convert(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # Pillow's own limits, far above ours
        size, most = "several times as many", MAX_PIXELS
    except BrokenError as error:
        raise BrokenError(f"{path_shown(path)}: {error}") from None
    except Exception as error:  # what a decoder may raise when it meets foreign bytes is not documented
        expected = f"an image ({', '.join(FORMATS)} or IDX)"
        raise BrokenError(f"{path_shown(path)}: expected {expected}, {_got(file, error)}") from None
    limit = f"sides of at most {MAX_SIDE:,}" if most == 0 else f"at most {most:,}"
    raise BrokenError(f"{path_shown(path)}: expected an image of {limit} pixels, got {size}. Scale it down first.")


def _check_head(file: BinaryIO) -> None:
    """Check that a PPM file says soon what it is, for Pillow reads its comments byte by byte, and that a TIFF goes on.

    Of a table that is cut Pillow would warn.
    """
    head = file.read(1000)
    if head.startswith(_TIFF) and _reach_of_tiff(file, head)[0] >= file.seek(0, SEEK_END):
        raise ValueError("truncated")
    file.seek(0)
    if re.match(rb"P[1-6fF]\s", head) and not _PPM_HEAD.match(head):
        raise ValueError("no size among the first bytes")


def _check_tiles(picture: Any) -> None:
    """Check that the tiles of which a TIFF file is made are not larger than it is: a decoder holds one of them."""
    sides = [getattr(picture, "tag_v2", {}).get(tag, 0) for tag in (322, 323)]
    if not all(isinstance(side, int) for side in sides) or sides[0] * sides[1] > max(
        4 * math.prod(picture.size), STRIP
    ):
        raise ValueError(f"tiles of {sides} pixels")


def _got(file: BinaryIO, error: Exception) -> str:
    """Return what came instead of a whole picture, and what to do."""
    file.seek(0)
    head = file.read(1000)
    kind = kind_of(head)
    is_cut = "truncated" in str(error).lower() or _ends_early(file, head)
    if kind in ELSEWHERE or not (is_cut or kind.endswith("picture")):
        return got(head, "Give a picture")
    kind = kind.removeprefix("a ") if kind.endswith("picture") else "picture"
    return f"got a {'truncated' if is_cut else 'damaged'} {kind}. Fetch it again."


def _ends_early(file: BinaryIO, head: bytes) -> bool:
    """Return whether a picture ends before it says that it does."""
    n_bytes = file.seek(0, SEEK_END)
    file.seek(max(0, n_bytes - 1000))
    tail = file.read().rstrip(b"\0")
    if head.startswith(b"RIFF"):
        return n_bytes < 8 + int.from_bytes(head[4:8], "little")
    if head.startswith(_TIFF):
        return n_bytes < _reach_of_tiff(file, head)[1]
    if head.startswith(b"\x89PNG"):
        return head[12:16] == b"IHDR" and b"IEND" not in tail
    return head.startswith(b"GIF8") and not tail.endswith(b";")


def _reach_of_tiff(file: BinaryIO, head: bytes) -> tuple[float, float]:
    """Return how far a TIFF file has to reach: at least, to where its last pixels begin, and to the end of all."""
    order: Literal["<", ">"] = "<" if head.startswith(b"II") else ">"
    start, n = np.frombuffer(head[4:8].ljust(4, b"\xff"), f"{order}u4"), np.zeros(1, int)
    file.seek(int(start[0]))
    if len(n_entries := file.read(2)) == 2:
        n = np.frombuffer(n_entries, f"{order}u2")
    table = np.dtype([("tag", "u2"), ("kind", "u2"), ("count", "u4"), ("value", "u4")]).newbyteorder(order)
    content = file.read(int(n[0]) * table.itemsize)
    if n[0] == 0 or len(content) < n[0] * table.itemsize:
        return math.inf, math.inf
    entries = np.frombuffer(content, table)
    n_bytes = entries["count"].astype(np.int64) * _SIZES.take(entries["kind"], mode="clip")
    end = int(np.where(n_bytes > 4, entries["value"] + n_bytes, 0).max())
    tags = (273, 279) if (entries["tag"] == 273).any() else (324, 325)  # where strips, or tiles, are, and their bytes
    starts, lengths = (_whole_numbers(file, entries[entries["tag"] == tag], order) for tag in tags)
    if len(starts) != len(lengths) or not len(starts):
        return (math.inf if end > file.seek(0, SEEK_END) else 0), end
    return int(starts.max()), max(end, int((starts + lengths).max()))


def _whole_numbers(file: BinaryIO, entries: HostArray, order: str) -> HostArray:
    """Return the whole numbers of the first of some entries of a TIFF file; none of what is cut, or has no such."""
    if not len(entries) or entries["kind"][0] not in (3, 4) or entries["count"][0] > STRIP:
        return np.zeros(0, np.int64)
    size = int(_SIZES[entries["kind"][0]])
    n_bytes, content = int(entries["count"][0]) * size, entries["value"][:1].tobytes()
    if n_bytes > len(content):
        file.seek(int(entries["value"][0]))
        content = file.read(n_bytes)
    whole = content[:n_bytes] if len(content) >= n_bytes else b""
    return np.frombuffer(whole, f"{order}u{size}").astype(np.int64)


def _luminance(picture: Any) -> HostArray:
    """Return the greys of an open picture, (height, width) uint8, as it is to be seen, by itself."""
    return np.array(_as_seen(picture, "L", _by_their_range))


def _fitted(picture: Any, pictures: Pictures) -> HostArray:
    """Return an open picture as an image, (height, width) or (height, width, 3) uint8, in the size that is asked for.

    Where no fit is said, it stays in its own.
    """
    from PIL import Image, ImageOps

    size = pictures.width, pictures.height
    if pictures.fit is not None:  # of a JPEG as few pixels are unpacked as will do, for twice as many in each direction
        picture.draft(None, (2 * max(size), 2 * max(size)))
    picture = _as_seen(picture, "L" if pictures.mode == "grey" else "RGB", _by_their_depth)
    if pictures.fit == "crop":
        picture = ImageOps.fit(picture, size, Image.Resampling.BILINEAR)
    elif pictures.fit == "squeeze":
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    return np.array(picture)


def _as_seen(picture: Any, mode: str, scaled: Callable[[HostArray], HostArray]) -> Any:
    """Return an open picture upright, on paper where it is transparent, in Pillow's mode L or RGB.

    `scaled` makes bytes of greys of 32 bits or floats, of which no depth says what is white.
    """
    from PIL import Image, ImageOps

    is_deep, shift = picture.mode.startswith(("I", "F")), _bits_of_white(picture) - 8
    ImageOps.exif_transpose(picture, in_place=True)
    if is_deep:  # numbers beyond bytes, which Pillow would clip at 255
        greys = np.asarray(picture)
        deep = greys.dtype.kind == "f" or shift > 8
        picture = Image.fromarray(scaled(greys) if deep else np.clip(greys >> shift, 0, 255).astype(np.uint8))
    elif picture.has_transparency_data:
        contrasts = [_contrast(_laid_on(paper, picture, "L")) for paper in ("white", "black")]
        picture = _laid_on("black" if 4 * contrasts[0] < contrasts[1] else "white", picture, mode)  # white ink is seen
    elif picture.mode not in ("1", "L"):
        picture = picture.convert("RGB")
    return picture.convert(mode)


def _laid_on(paper: str, picture: Any, mode: str) -> Any:
    """Return a picture that is transparent in parts, laid on a colour, in Pillow's mode L or RGB; strip by strip."""
    from PIL import Image

    laid, height = Image.new(mode, picture.size, paper), max(1, STRIP // picture.width)
    for top in range(0, picture.height, height):
        strip = picture.crop((0, top, picture.width, min(top + height, picture.height))).convert("RGBA")
        laid.paste(strip.convert(mode), (0, top), strip.getchannel("A"))
    return laid


def _contrast(greys: Any) -> int:
    """Return how far the lightest and the darkest grey of a picture lie apart."""
    darkest, lightest = greys.getextrema()
    return int(lightest - darkest)


def _bits_of_white(picture: Any) -> int:
    """Return of how many bits the white of an open picture of whole numbers is, as its file says."""
    tags = getattr(picture, "tag_v2", {})  # of a TIFF file; a PNG of numbers has 16 bits, and a PPM is brought to them
    [bits, *_], [kind, *_] = tags.get(258, (16,)), tags.get(339, (1,))
    return int(bits) - int(kind == 2)  # whose other half is below 0


def _by_their_range(greys: HostArray) -> HostArray:
    """Return greys of any numbers as bytes: the least of the usual ranges that holds them is theirs."""
    white = next((white for white in (1, 255, 65535) if greys.max() <= white), 2**31 - 1)
    return np.asarray(np.clip(np.asarray(greys, np.float32) * np.float32(255 / white), 0, 255), np.uint8)


def _by_their_depth(greys: HostArray) -> HostArray:
    """Return greys from 0 to 1 as bytes; others may be of any range, and one picture does not say that of all."""
    if greys.dtype.kind != "f":
        raise BrokenError("expected greys of 8 or 16 bits, or floats, got 32 bits, of any range. Save it with 16.")
    if not (greys.min() >= 0 and greys.max() <= 1):  # false for NaN too
        got = f"{greys.min():.6g} to {greys.max():.6g}"
        raise BrokenError(f"expected floats from 0 to 1, got {got}. Divide by what is white, for all pictures alike.")
    return np.asarray(greys * np.float32(255), np.uint8)
