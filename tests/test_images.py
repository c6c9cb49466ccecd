"""Pictures from disk: every format, every mode, and what is no picture."""

import gzip
import sys
import warnings
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from struct import pack
from typing import Any

import numpy as np
import pytest
from idx_writer import idx
from PIL import Image, ImageFile

from anynet.datasets import read_images
from anynet.formats.pictures import Pictures
from anynet.typing import HostArray


def saved(path: Path, picture: Image.Image, **options: Any) -> Path:
    picture.save(path, **options)
    return path


@pytest.fixture
def gradient() -> HostArray:
    return np.arange(6 * 8, dtype=np.uint8).reshape(6, 8) * 5


@pytest.mark.parametrize("kind", ["png", "bmp", "gif", "pgm", "tiff", "webp"])
def test_formats(kind: str, tmp_path: Path, gradient: HostArray) -> None:
    options = {"lossless": True} if kind == "webp" else {}
    read = read_images(saved(tmp_path / f"a.{kind}", Image.fromarray(gradient), **options))
    assert read.dtype == np.uint8
    assert np.array_equal(read, gradient[None])


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16"])
def test_modes(mode: str, tmp_path: Path) -> None:
    half = np.zeros((6, 8), np.uint8)
    half[:, 4:] = 255
    picture = Image.fromarray(half.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(half).convert(mode)
    kind = "tiff" if mode == "CMYK" else "png"
    assert np.array_equal(read_images(saved(tmp_path / f"a.{kind}", picture))[0], half)


GREY, COLOUR = Pictures(6, 8, "grey"), Pictures(6, 8)


def deep(path: Path, greys: HostArray, bits: int = 16, kind: int = 1) -> Path:
    """Write a TIFF file by hand: greys of so many bits, of the kind 1 (from 0), 2 (with a sign) or 3 (floats)."""
    if bits == 12:
        pairs = greys.reshape(-1, 2).astype(int)
        packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], axis=1)
        content = packed.astype(np.uint8).tobytes()
    else:
        content = greys.astype(f"<{'_uif'[kind]}{bits // 8}").tobytes()
    height, width = greys.shape
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: len(content)}
    entries = [pack("<HHII", tag, 4, 1, value) for tag, value in sorted((tags | {339: kind}).items())]
    table = pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    path.write_bytes(b"II*\0" + pack("<I", 8 + len(content)) + content + table)
    return path


def pgm(path: Path, greys: HostArray, white: int, kind: bytes = b"P5") -> Path:
    values = np.repeat(greys, 3) if kind == b"P6" else greys
    path.write_bytes(kind + b" 8 6 %d " % white + values.astype(">u2" if white > 255 else "u1").tobytes())
    return path


@pytest.mark.parametrize("pictures", [None, GREY, COLOUR])
@pytest.mark.parametrize("top", [250, 260, 4095, 65535])
def test_greys_of_sixteen_bits_are_read_alike_whatever_the_lightest_of_them(
    top: int, pictures: Pictures | None, tmp_path: Path
) -> None:
    greys = np.linspace(0, top, 48).astype(np.uint16).reshape(6, 8)
    picture = Image.fromarray(greys)
    files = [saved(tmp_path / f"a.{ending}", picture) for ending in ("png", "tif")]
    for path in [*files, pgm(tmp_path / "a.pgm", greys, 65535), deep(tmp_path / "b.tif", greys)]:
        read = read_images(path, pictures)[0]
        assert np.array_equal(read.reshape(6, 8, -1)[..., 0], greys >> 8), path
    colour = read_images(deep_colour(tmp_path / "c.png", greys), COLOUR)[0]
    assert np.array_equal(colour, (greys >> 8)[..., None].repeat(3, axis=2))


def deep_colour(path: Path, greys: HostArray) -> Path:
    """Write a PNG file of 16 bits per colour, which Pillow reads, but does not write."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return pack(">I", len(content)) + name + content + pack(">I", zlib.crc32(name + content))

    height, width = greys.shape
    rows = b"".join(b"\0" + np.repeat(row, 3).astype(">u2").tobytes() for row in greys)
    head = chunk(b"IHDR", pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return path


def test_the_range_is_that_of_the_files_depth(tmp_path: Path) -> None:
    for bits, kind, white in ((12, 1, 4095), (16, 2, 32767)):
        greys = np.linspace(0, white, 48).astype(int).reshape(6, 8)
        for some in (greys, greys // 100):
            path = deep(tmp_path / "a.tif", some, bits, kind)
            assert np.array_equal(read_images(path, GREY)[0, ..., 0], some * 256 // (white + 1))
    below = deep(tmp_path / "b.tif", np.full((6, 8), -5), 16, 2)
    assert (read_images(below, GREY) == 0).all()
    for white in (100, 1000, 4095):
        greys = np.linspace(0, white, 48).astype(int).reshape(6, 8)
        for kind in (b"P5", b"P6"):
            read = read_images(pgm(tmp_path / "a.ppm", greys, white, kind), COLOUR)[0, ..., 0]
            assert np.abs(read - 255 * greys / white).max() < 1


def test_of_pictures_of_a_network_floats_lie_between_0_and_1_and_no_range_is_guessed(tmp_path: Path) -> None:
    greys = np.linspace(0, 0.25, 48, dtype=np.float32).reshape(6, 8)
    read = read_images(deep(tmp_path / "a.tif", greys, 32, 3), GREY)[0, ..., 0]
    assert np.array_equal(read, np.floor(255 * greys))
    for greys, told in ((np.full((6, 8), 1.5), "1.5 to 1.5"), (np.full((6, 8), np.nan), "nan to nan")):
        with pytest.raises(ValueError, match=rf"b.tif: expected floats from 0 to 1, got {told}\. Divide"):
            read_images(deep(tmp_path / "b.tif", greys, 32, 3), GREY)
    with pytest.raises(ValueError, match=r"c.tif: expected greys of 8 or 16 bits, or floats, got 32 bits, .* Save it"):
        read_images(saved(tmp_path / "c.tif", Image.fromarray(np.ones((6, 8), np.int32))), GREY)


@pytest.mark.parametrize(("dtype", "white"), [("i4", 255), ("i4", 65535), ("i4", 2**31 - 1), ("f4", 1), ("f4", 255)])
def test_greys_beyond_sixteen_bits_are_taken_by_their_range(
    dtype: str, white: int, tmp_path: Path, gradient: HostArray
) -> None:
    greys = gradient.astype(np.float64) - gradient.min()
    greys /= greys.max()
    path = saved(tmp_path / "a.tif", Image.fromarray((greys * white).astype(dtype)))
    assert np.abs(read_images(path)[0] - 255 * greys).max() <= 1


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_white_ink_on_transparency_is_seen(mode: str, tmp_path: Path) -> None:
    ink = np.zeros((6, 8), np.uint8)
    ink[2:4, 2:6] = 255
    if mode == "P":
        path = saved(tmp_path / "a.gif", Image.fromarray(ink).convert("P"), transparency=0)
    else:
        path = saved(
            tmp_path / "a.png",
            Image.merge(mode, [Image.new("L", (8, 6), 255)] * (len(mode) - 1) + [Image.fromarray(ink)]),
        )
    assert np.array_equal(read_images(path)[0], ink)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(mode: str, tmp_path: Path) -> None:
    if mode == "P":
        path = saved(tmp_path / "a.png", Image.new("P", (4, 4), 0), transparency=0)
    else:
        path = saved(tmp_path / "a.png", Image.new(mode, (4, 4), 0))
    assert np.all(read_images(path) == 255)


def test_orientation_is_followed(tmp_path: Path, gradient: HostArray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate clockwise to see it upright
    path = saved(tmp_path / "a.png", Image.fromarray(gradient), exif=exif)
    assert np.array_equal(read_images(path)[0], np.rot90(gradient, -1))


@pytest.fixture(scope="module")
def digits() -> HostArray:
    return np.random.default_rng(0).integers(0, 256, (4, 28, 28)).astype(np.uint8)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_files(pack: Callable[[bytes], bytes], tmp_path: Path, digits: HostArray) -> None:
    path = tmp_path / "digits"
    path.write_bytes(pack(idx(digits[:3])))
    assert np.array_equal(read_images(path), digits[:3])
    path.write_bytes(pack(idx(digits[0])))
    assert np.array_equal(read_images(path), digits[:1])


def test_idx_files_of_labels_are_no_images(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    path.write_bytes(idx(np.zeros(5, np.uint8)))
    with pytest.raises(ValueError, match=r"labels: expected images, .* got uint8 of the shape \(5,\)"):
        read_images(path)


def test_idx_files_need_no_pillow(tmp_path: Path, digits: HostArray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    path = tmp_path / "digits"
    path.write_bytes(idx(digits[:3]))
    assert len(read_images(path)) == 3
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ImportError, match=r"pip install 'anynet-nn\[images\]'"):
        read_images(path)


def cut(kind: str, length: int = 1000) -> bytes:
    file = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 50)).astype(np.uint8)).save(file, kind)
    return file.getvalue()[:length]


@pytest.mark.parametrize(
    ("contents", "found"),
    [
        (b"", "an empty file"),
        (b"no image", "text"),
        (b"\0\0\x01\0", "bytes that begin with 00000100"),
        (cut("PNG"), "a truncated PNG picture"),
        (cut("JPEG"), "a truncated JPEG picture"),
        (cut("GIF"), "a truncated GIF picture"),
        (cut("BMP"), "a truncated BMP picture"),
        (cut("TIFF"), "a truncated TIFF picture"),
        (cut("WEBP"), "a truncated WebP picture"),
        (cut("PNG", 60), "a truncated PNG picture"),
        (cut("GIF", 60), "a truncated GIF picture"),
        (b"\0\0\0\x18ftypheic" + bytes(50), "a HEIC picture. Make a JPEG picture of it"),
        (b"\0\0\0\x18ftypavif" + bytes(50), "an AVIF picture. Make a JPEG or PNG picture of it"),
        (cut("JPEG", 20), "a truncated JPEG picture"),
        (cut("JPEG", 20) + bytes(2000), "a damaged JPEG picture"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a damaged PNG picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "text"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
    ],
)
def test_what_is_no_image_is_refused(contents: bytes, found: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(contents)
    with pytest.raises(ValueError, match=rf"picture.png: expected an image \(PNG, .* or IDX\), got {found}[.:]"):
        read_images(path)


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize("writer", ["raw", "tiff_lzw", "group4", "at its end"])
@pytest.mark.parametrize("share", [0.02, 0.03, 0.1, 0.5, 0.95])
def test_a_tiff_that_is_cut_anywhere_is_called_truncated_without_a_warning(
    share: float, writer: str, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    greys = np.random.default_rng(0).integers(0, 2**16, (60, 60)).astype(np.uint16)
    path = tmp_path / "a.tif"
    if writer == "at its end":
        deep(path, greys)
    else:
        greys = (greys % 2 == 1) if writer == "group4" else greys
        saved(path, Image.fromarray(greys), compression=writer)
    whole = path.read_bytes()
    assert read_images(path).shape == (1, 60, 60)
    path.write_bytes(whole[: round(share * len(whole))])
    with pytest.raises(ValueError, match=r"a.tif: expected an image .*, got a truncated TIFF picture"):
        read_images(path)
    assert not recwarn


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow's, which has to be asked here
def test_a_tiff_whose_last_values_are_cut_is_called_truncated(tmp_path: Path) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 60)).astype(np.uint8))
    path = saved(tmp_path / "a.tif", picture, compression="jpeg")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="got a truncated TIFF picture"):
        read_images(path)


def test_a_path_in_an_error_is_shown_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x\n\x1b[31m.png"
    path.write_bytes(b"")
    for pictures in (None, GREY):
        with pytest.raises(ValueError, match=r"x\\n\\x1b\[31m\.png: expected an image") as told:
            read_images(path, pictures)
        assert str(told.value).isprintable()


@pytest.mark.parametrize("side", [8200, 14_000])  # just above our limit, and above Pillow's own
def test_huge_images_are_refused_before_they_are_unpacked(side: int, tmp_path: Path) -> None:
    path = saved(tmp_path / "bomb.png", Image.new("1", (side, side)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"bomb.png: expected an image of at most 67,108,864 pixels, got"):
            read_images(path)


def test_paths_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_images(tmp_path / "absent.png")
    with pytest.raises(IsADirectoryError):
        read_images(tmp_path)


def test_nothing_that_threads_share_is_touched(
    tmp_path: Path, gradient: HostArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "picture.png", Image.fromarray(gradient))
    before = list(warnings.filters)
    with monkeypatch.context() as patched:
        patched.setattr(warnings, "catch_warnings", None)
        assert read_images(path).shape[0] == 1
    assert warnings.filters == before


@pytest.mark.parametrize("error", [MemoryError(), OSError(5, "Input/output error", "a.png")], ids=["room", "disk"])
def test_what_the_system_refuses_is_no_damage(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "a.png")

    def load(_: Any) -> None:
        raise error

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(type(error), match=r"a\.png"):
        read_images(tmp_path / "a.png")
