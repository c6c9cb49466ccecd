"""Pictures, read from files as arrays of pixels.

An image is (height, width) uint8, 0 black to 255 white, or (height, width, channels); several
have a leading n. IDX files are opened here, anything else through Pillow, which is imported
when first needed. What a picture shows is not looked at here (`framing.py`).
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from anynet.formats.contents import ELSEWHERE, got, kind_of
from anynet.formats.idx import is_idx, read_idx
from anynet.formats.pictures import MAX_PIXELS, Pictures
from anynet.typing import HostArray

# What Pillow may open. Its other formats are rare, and some (EPS) call programs.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
# What who has options in the place of arguments is told in other words.
RESIZE = "Read all in one size: size=32, say"


class BrokenError(ValueError):
    """A file holds no whole picture."""


def read_images(path: str | Path, pictures: Pictures | None = None) -> HostArray:
    """Read the images in a file.

    Args:
        path: An IDX file of uint8, plain or gzipped, or a picture in one of `FORMATS`. Of a
            picture, colours become luminance, what is transparent is laid on white, or on black
            where that alone shows it, greys of 16 or 32 bits become bytes, 0 to 255 as well as
            their whole range, and the orientation in its EXIF data is followed. Of several
            pictures in one file, as in an animation, the first is taken.
        pictures: What is done to the pictures of a network, `net.pictures`; then the file is a
            picture, which comes as that network has seen those that it has learnt from.

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
    with Path(path).open("rb") as file, quietly():
        if pictures is not None:
            return read_picture(file, path, pictures)[None]
        if not is_idx(file.read(4)):
            file.seek(0)
            return _converted(file, path, _luminance)[None]
    images = read_idx(path)
    if images.dtype != np.uint8 or images.ndim not in (2, 3) or 0 in images.shape:
        raise ValueError(
            f"{path}: expected images, (n, height, width) of uint8, got {images.dtype} of the shape {images.shape}."
        )
    return images if images.ndim == 3 else images[None]


def read_picture(file: BinaryIO, path: str | Path, pictures: Pictures) -> HostArray:
    """Return the first picture in an open file as an image (height, width, channels) uint8, as `pictures` say.

    Raises:
        OSError: The file cannot be read.
        ImportError: Pillow is not installed.
        ValueError: It holds no whole picture, or one of a size that it should not have.
    """
    pixels = _converted(file, path, partial(_fitted, pictures=pictures))
    if pixels.shape[:2] != pictures.shape[:2]:
        height, width = pixels.shape[:2]
        raise ValueError(
            f"{path}: expected {pictures.height} x {pictures.width} pixels, as others have, got {height} x {width}. "
            f"{RESIZE}."
        )
    return pixels.reshape(pictures.shape)


def size_of(file: BinaryIO, path: str | Path) -> tuple[int, int]:
    """Return the (height, width) of the picture in an open file, as it is to be seen; errors as of `read_picture`."""
    height, width = _converted(file, path, _luminance).shape
    return height, width


@contextmanager
def quietly() -> Iterator[None]:
    """Let Pillow not warn, of large images, which are refused here, and of odd metadata; not for threads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _converted(file: BinaryIO, path: str | Path, convert: Callable[[Any], HostArray]) -> HostArray:
    """Return what is made of the first picture in a file, opened through Pillow."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("Pillow is not installed. Install it with: pip install 'anynet-nn[images]'") from None
    try:
        with Image.open(file, formats=FORMATS) as picture:  # reads no more than the header
            size = f"{picture.width} x {picture.height}"
            if picture.width * picture.height <= MAX_PIXELS:
                return convert(picture)
    except Image.DecompressionBombError:  # Pillow's own limit, far above ours
        size = "several times as many"
    except Exception as error:  # what a decoder may raise when it meets foreign bytes is not documented
        raise BrokenError(f"{path}: expected an image ({', '.join(FORMATS)} or IDX), {_got(file, error)}") from None
    raise BrokenError(f"{path}: expected an image of at most {MAX_PIXELS:,} pixels, got {size}. Scale it down first.")


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
    if head.startswith((b"II*\0", b"MM\0*")):  # what the table at the end describes
        return n_bytes <= int.from_bytes(head[4:8], "little" if head.startswith(b"II") else "big")
    if head.startswith(b"\x89PNG"):
        return head[12:16] == b"IHDR" and b"IEND" not in tail
    return head.startswith(b"GIF8") and not tail.endswith(b";")


def _luminance(picture: Any) -> HostArray:
    """Return the greys of an open picture, (height, width) uint8, as it is to be seen."""
    return np.array(_as_seen(picture, "L"))


def _fitted(picture: Any, pictures: Pictures) -> HostArray:
    """Return an open picture as an image, (height, width) or (height, width, 3) uint8, in the size that is asked for.

    Where no fit is said, it stays in its own.
    """
    from PIL import Image, ImageOps

    size = pictures.width, pictures.height
    if pictures.fit is not None:  # of a JPEG as few pixels are unpacked as will do, for twice as many in each direction
        picture.draft(None, (2 * max(size), 2 * max(size)))
    picture = _as_seen(picture, "L" if pictures.mode == "grey" else "RGB")
    if pictures.fit == "crop":
        picture = ImageOps.fit(picture, size, Image.Resampling.BILINEAR)
    elif pictures.fit == "squeeze":
        picture = picture.resize(size, Image.Resampling.BILINEAR)
    return np.array(picture)


def _as_seen(picture: Any, mode: str) -> Any:
    """Return an open picture upright, on paper where it is transparent, in Pillow's mode L or RGB."""
    from PIL import Image, ImageOps

    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith(("I", "F")):  # numbers beyond bytes, which Pillow would clip at 255
        picture = Image.fromarray(_scaled(np.asarray(picture, np.float32)))
    elif picture.has_transparency_data:
        on_white, on_black = (_laid_on(paper, picture) for paper in ("white", "black"))
        contrasts = [int(np.ptp(np.asarray(laid.convert("L")))) for laid in (on_white, on_black)]
        picture = on_black if 4 * contrasts[0] < contrasts[1] else on_white  # white ink is seen on black
    elif picture.mode not in ("1", "L"):
        picture = picture.convert("RGB")
    return picture.convert(mode)


def _laid_on(paper: str, picture: Any) -> Any:
    """Return a picture that is transparent in parts, laid on a colour."""
    from PIL import Image

    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, paper), picture).convert("RGB")


def _scaled(greys: HostArray) -> HostArray:
    """Return greys of any numbers as bytes: the least of the usual ranges that holds them is theirs."""
    white = next((white for white in (1, 255, 65535) if greys.max() <= white), 2**31 - 1)
    return np.asarray(np.clip(greys * np.float32(255 / white), 0, 255), np.uint8)
