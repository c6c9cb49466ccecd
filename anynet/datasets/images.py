"""Pictures, read from files as arrays of pixels.

An image is (height, width) uint8, 0 black to 255 white, or (height, width, channels); several
have a leading n. IDX files are opened here, anything else through Pillow, which is imported
when first needed. What a picture shows is not looked at here (`framing.py`).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from anynet.checks import as_code, path_shown, reading
from anynet.formats.bounded import is_of_the_system, regular, told_as_no_room
from anynet.formats.contents import ELSEWHERE, got, kind_of
from anynet.formats.decoding import check_held, check_size, ends_early, looked_at
from anynet.formats.idx import is_idx, read_idx
from anynet.formats.parts import BrokenError as BrokenError
from anynet.formats.pictures import Pictures
from anynet.typing import HostArray

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
# What who has options in the place of arguments is told in other words.
RESIZE = "Read all in one size: size=32, say"
STRIP = 2**18  # pixels that are converted at a time
_ALONE = Pictures(1, 1, "grey")  # what is done to a picture of no network
_AS_STORED: dict[int, Callable[[HostArray], HostArray]] = {  # views of an upright picture, by what EXIF data say of it
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: np.rot90(upright),
    7: lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    8: lambda upright: np.rot90(upright, -1),
}


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
        ValueError: It holds no image, or one of more than 67 million pixels (in colour 50, in some
            kinds of file fewer), or one that would take long to read, or is of another size than
            `pictures` admit.

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
            return _converted(file, path, _ALONE, _by_their_range)[None, ..., 0]
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
        raise TypeError(f"pictures: expected net.pictures, got {as_code(pictures)}. A size is for image_folder.")
    pixels = _converted(file, path, pictures)
    if pixels.shape[:2] != pictures.shape[:2]:
        height, width = pixels.shape[:2]
        raise ValueError(
            f"{path_shown(path)}: expected {pictures.height} x {pictures.width} pixels, as others have, got "
            f"{height} x {width}. {RESIZE}."
        )
    return pixels.reshape(pictures.shape)


def size_of(file: BinaryIO, path: str | Path, mode: str) -> tuple[int, int]:
    """Return the (height, width) of the picture in an open file, as it is to be seen; errors as of `read_picture`."""
    height, width, _ = _converted(file, path, Pictures(1, 1, mode)).shape
    return height, width


def _converted(file: BinaryIO, path: str | Path, pictures: Pictures, by: "_Scale | None" = None) -> HostArray:
    """Return the first picture in a file, opened through Pillow, as an image (height, width, channels) uint8."""
    try:
        import PIL  # noqa: F401
    except ImportError:
        raise ImportError("Pillow is not installed. Install it with: pip install 'anynet-nn[images]'") from None
    try:
        with reading(path), told_as_no_room(path):
            return _fitted(_unpacked(file, pictures, by or _by_their_depth), pictures)
    except BrokenError as error:
        raise BrokenError(f"{path_shown(path)}: {error}") from None
    except MemoryError:
        raise
    except Exception as error:  # what a decoder may raise when it meets foreign bytes is not documented
        if is_of_the_system(error):
            raise
        expected = f"an image ({', '.join(FORMATS)} or IDX)"
        raise BrokenError(f"{path_shown(path)}: expected {expected}, {_got(file, error)}") from None


def _got(file: BinaryIO, error: Exception) -> str:
    """Return what came instead of a whole picture, and what to do."""
    file.seek(0)
    head = file.read(1000)
    kind = kind_of(head)
    is_cut = "truncated" in str(error).lower() or ends_early(file, head)
    if kind in ELSEWHERE or not (is_cut or kind.endswith("picture")):
        return got(head, "Give a picture")
    kind = kind.removeprefix("a ") if kind.endswith("picture") else "picture"
    return f"got a {'truncated' if is_cut else 'damaged'} {kind}. Fetch it again."


def _unpacked(file: BinaryIO, pictures: Pictures, by: "_Scale") -> Any:
    """Return the first picture in a file, upright, on paper where it is transparent: an array, or Pillow's if it is so.

    It is gone through strip by strip: what Pillow converts as a whole it holds twice.
    """
    look, mode = looked_at(file), "L" if pictures.mode == "grey" else "RGB"
    picture = look.opened()
    check_size(picture)
    declared = picture.size
    if pictures.fit is not None:  # of a JPEG as few pixels are unpacked as will do, for twice as many in each direction
        picture.draft(None, (2 * max(pictures[:2]), 2 * max(pictures[:2])))
    check_held(picture, look, declared, 4 if pictures.fit is not None and mode == "RGB" else 1)  # as _fitted does
    picture.load()
    if (
        pictures.fit is not None
        and picture.mode == mode
        and look.orientation == 1
        and not picture.has_transparency_data
    ):
        return picture
    height, width = picture.height, picture.width
    if look.orientation > 4:
        height, width = width, height
    upright = np.empty((height, width, len(mode) if mode == "RGB" else 1), np.uint8)
    stored, to_bytes = _AS_STORED[look.orientation](upright), _to_bytes(picture, mode, by)
    for top, strip in _strips(picture):
        content = to_bytes(strip)
        stored[top : top + strip.height] = content if content.ndim == 3 else content[..., None]
    return upright


def _strips(picture: Any) -> Iterator[tuple[int, Any]]:
    """Yield a picture in strips, and where each begins."""
    height = max(1, STRIP // picture.width)
    for top in range(0, picture.height, height):
        yield top, picture.crop((0, top, picture.width, min(top + height, picture.height)))


def _to_bytes(picture: Any, mode: str, by: "_Scale") -> Callable[[Any], HostArray]:
    """Return what makes bytes, (height, width) or (height, width, 3), of a strip of a picture."""
    if picture.mode.startswith(("I", "F")):  # numbers beyond bytes, which Pillow would clip at 255
        shift = _bits_of_white(picture) - 8
        if picture.mode != "F" and shift <= 8:
            return lambda strip: np.clip(np.asarray(strip) >> shift, 0, 255)
        ends = [(greys.min(), greys.max()) for greys in (np.asarray(strip) for _, strip in _strips(picture))]
        return by(np.min(ends), np.max(ends), picture.mode == "F")
    if picture.has_transparency_data:
        contrasts = [_contrast(paper, picture) for paper in ("white", "black")]
        paper = "black" if 4 * contrasts[0] < contrasts[1] else "white"  # white ink is seen
        return lambda strip: np.asarray(_laid_on(paper, strip, mode))
    return lambda strip: np.asarray((strip if picture.mode in ("1", "L", mode) else strip.convert("RGB")).convert(mode))


def _fitted(unpacked: Any, pictures: Pictures) -> HostArray:
    """Return a picture as an image, (height, width, channels) uint8, in the size that is asked for.

    Where no fit is said, it stays in its own.
    """
    from PIL import Image, ImageOps

    if isinstance(unpacked, np.ndarray):
        if pictures.fit is None:
            return unpacked
        unpacked = Image.fromarray(unpacked if unpacked.shape[-1] == 3 else unpacked[..., 0])
    size = pictures.width, pictures.height
    if pictures.fit == "crop":
        fitted = ImageOps.fit(unpacked, size, Image.Resampling.BILINEAR)
    else:
        fitted = unpacked.resize(size, Image.Resampling.BILINEAR)
    return np.array(fitted).reshape(pictures.shape)


def _laid_on(paper: str, picture: Any, mode: str) -> Any:
    """Return a picture that is transparent in parts, laid on a colour, in Pillow's mode L or RGB."""
    from PIL import Image

    laid, picture = Image.new(mode, picture.size, paper), picture.convert("RGBA")
    laid.paste(picture.convert(mode), (0, 0), picture.getchannel("A"))
    return laid


def _contrast(paper: str, picture: Any) -> int:
    """Return how far the lightest and the darkest grey of a picture that is laid on a colour lie apart."""
    ends = [_laid_on(paper, strip, "L").getextrema() for _, strip in _strips(picture)]
    return int(max(lightest for _, lightest in ends) - min(darkest for darkest, _ in ends))


def _bits_of_white(picture: Any) -> int:
    """Return of how many bits the white of an open picture of whole numbers is, as its file says."""
    tags = getattr(picture, "tag_v2", {})  # of a TIFF file; a PNG of numbers has 16 bits, and a PPM is brought to them
    [bits, *_], [kind, *_] = tags.get(258, (16,)), tags.get(339, (1,))
    return int(bits) - int(kind == 2)  # whose other half is below 0


_Scale = Callable[
    [Any, Any, bool], Callable[[Any], HostArray]
]  # of the least and the greatest, and whether they are floats


def _by_their_range(least: Any, greatest: Any, are_floats: bool) -> Callable[[Any], HostArray]:
    """Return what makes bytes of greys of any numbers: the least of the usual ranges that holds them is theirs."""
    white = next((white for white in (1, 255, 65535) if greatest <= white), 2**31 - 1)
    factor = np.float32(255 / white)
    return lambda strip: np.asarray(np.clip(np.asarray(strip, np.float32) * factor, 0, 255), np.uint8)


def _by_their_depth(least: Any, greatest: Any, are_floats: bool) -> Callable[[Any], HostArray]:
    """Return what makes bytes of greys from 0 to 1; others may be of any range, as one picture cannot say."""
    if not are_floats:
        raise BrokenError("expected greys of 8 or 16 bits, or floats, got 32 bits, of any range. Save it with 16.")
    if not (least >= 0 and greatest <= 1):  # false for NaN too
        got = f"{least:.6g} to {greatest:.6g}"
        raise BrokenError(f"expected floats from 0 to 1, got {got}. Divide by what is white, for all pictures alike.")
    return lambda strip: np.asarray(np.asarray(strip) * np.float32(255), np.uint8)
