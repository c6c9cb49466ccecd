"""Pictures from disk: every format, every mode, and what is no picture."""

import gzip
import sys
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idx_writer import idx
from PIL import Image

from anynet.datasets import read_images
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


def test_sixteen_bits_keep_their_greys(tmp_path: Path, gradient: HostArray) -> None:
    picture = Image.fromarray(gradient.astype(np.uint16) * 257)
    assert np.array_equal(read_images(saved(tmp_path / "a.png", picture))[0], gradient)
    darkest_of_white = Image.fromarray(np.array([[255 * 257 - 1, 255 * 257]], np.uint16))
    assert read_images(saved(tmp_path / "b.png", darkest_of_white)).tolist() == [[[254, 255]]]


@pytest.mark.parametrize(
    ("dtype", "white"), [("u2", 255), ("i4", 255), ("i4", 65535), ("i4", 2**31 - 1), ("f4", 1), ("f4", 255)]
)
def test_greys_beyond_bytes_are_taken_by_their_range(
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
        (cut("JPEG", 20), "a damaged JPEG picture"),
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
