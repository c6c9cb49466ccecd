"""Pictures, read from files as arrays of pixels.

An image is (height, width) uint8, 0 black to 255 white; several are (n, height, width).
IDX files are opened here, anything else through Pillow, which is imported when first
needed. What a picture shows is not looked at here (`framing.py`).
"""

import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from anynet.formats.contents import got, kind_of
from anynet.formats.idx import is_idx, read_idx
from anynet.typing import HostArray

# What Pillow may open. Its other formats are rare, and some (EPS) call programs.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
MAX_PIXELS = 2**26  # 67 million: 200 MB once unpacked in colour


def read_images(path: str | Path) -> HostArray:
    """Read the images in a file.

    Args:
        path: An IDX file of uint8, plain or gzipped, or a picture in one of `FORMATS`. Of a
            picture, colours become luminance, what is transparent is laid on white, or on black
            where that alone shows it, greys of 16 or 32 bits become bytes, 0 to 255 as well as
            their whole range, and the orientation in its EXIF data is followed. Of several
            pictures in one file, as in an animation, the first is taken.

    Returns:
        The images, (n, height, width) uint8, 0 black to 255 white; n is 1 for a picture.

    Raises:
        OSError: The file cannot be read.
        ImportError: The file is no IDX file, and Pillow, which reads the others, is not installed.
        ValueError: It holds no image, or one of more than `MAX_PIXELS`.

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
    with Path(path).open("rb") as file:
        if not is_idx(file.read(4)):
            file.seek(0)
            return _read_picture(file, path)[None]
    images = read_idx(path)
    if images.dtype != np.uint8 or images.ndim not in (2, 3) or 0 in images.shape:
        raise ValueError(
            f"{path}: expected images, (n, height, width) of uint8, got {images.dtype} of the shape {images.shape}."
        )
    return images if images.ndim == 3 else images[None]


def _read_picture(file: BinaryIO, path: str | Path) -> HostArray:
    """Return the first picture in a file, (height, width) uint8, through Pillow."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("Pillow is not installed. Install it with: pip install 'anynet-nn[images]'") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large images, which are refused here, and of odd metadata
            with Image.open(file, formats=FORMATS) as picture:  # reads no more than the header
                size = f"{picture.width} x {picture.height}"
                if picture.width * picture.height <= MAX_PIXELS:
                    return _luminance(picture)
    except Image.DecompressionBombError:  # Pillow's own limit, far above ours
        size = "several times as many"
    except Exception as error:  # what a decoder may raise when it meets foreign bytes is not documented
        raise ValueError(f"{path}: expected an image ({', '.join(FORMATS)} or IDX), {_got(file, error)}") from None
    raise ValueError(f"{path}: expected an image of at most {MAX_PIXELS:,} pixels, got {size}. Scale it down first.")


def _got(file: BinaryIO, error: Exception) -> str:
    """Return what came instead of a whole picture, and what to do."""
    file.seek(0)
    head = file.read(1000)
    kind = kind_of(head).removeprefix("a ")
    if "truncated" in str(error).lower():
        return f"got a truncated {kind if kind.endswith('picture') else 'picture'}. Fetch it again."
    if kind.endswith("picture"):
        return f"got a damaged {kind}. Fetch it again."
    return got(head, "Give a picture")


def _luminance(picture: Any) -> HostArray:
    """Return the greys of an open picture, (height, width) uint8, as it is to be seen."""
    from PIL import ImageOps

    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith(("I", "F")):  # numbers beyond bytes, which Pillow would clip at 255
        return _scaled(np.asarray(picture, np.float32))
    if picture.has_transparency_data:
        on_white, on_black = (_laid_on(paper, picture) for paper in ("white", "black"))
        return on_black if 4 * np.ptp(on_white) < np.ptp(on_black) else on_white  # white ink is seen on black
    if picture.mode not in ("1", "L"):
        picture = picture.convert("RGB")
    return np.array(picture.convert("L"))


def _laid_on(paper: str, picture: Any) -> HostArray:
    """Return the greys of a picture that is transparent in parts, laid on a colour."""
    from PIL import Image

    picture = picture.convert("RGBA")
    greys = Image.alpha_composite(Image.new("RGBA", picture.size, paper), picture).convert("RGB").convert("L")
    return np.array(greys)


def _scaled(greys: HostArray) -> HostArray:
    """Return greys of any numbers as bytes: the least of the usual ranges that holds them is theirs."""
    white = next((white for white in (1, 255, 65535) if greys.max() <= white), 2**31 - 1)
    return np.asarray(np.clip(greys * np.float32(255 / white), 0, 255), np.uint8)
