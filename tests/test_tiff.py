"""TIFF files: what Pillow is given of one, and what is bounded where libtiff unpacks it."""

import io
import struct
import zlib

import numpy as np
import pytest
from test_decoding import COLOUR, GREYS, LAST_SCAN, PROGRESSIVE, tiff, written

from anynet.datasets import read_images
from anynet.formats import decoding
from anynet.formats import tiff as room


def test_of_a_tiff_nothing_but_what_tells_of_pixels_is_handed_out():
    kept = {256, 257, 258, 259, 262, 273, 277, 278}
    data = tiff(*[(tag, 7, 40, 8) for tag in (700, 34675, 50000)], (274, 4, 1, 6), (306, 2, 40, 8), (274, 4, 1, 8))
    assert set(decoding.looked_at(io.BytesIO(data)).opened().tag_v2) == kept
    other = tiff((257, 4, 1, 6), (257, 4, 1, 99))
    look = decoding.looked_at(io.BytesIO(other))
    assert look.opened().size == (8, 6)
    entries = room.Directory(look.stream).entries
    assert entries["count"][entries["tag"] == 257].tolist() == [1, 0]


def test_a_tiff_is_turned_as_remarks_say_where_it_does_not(tmp_path):
    path = tmp_path / "picture.tif"
    remarks = b'<x tiff:Orientation="6"/>'
    path.write_bytes(tiff((700, 1, len(remarks), 56), content=remarks))
    assert np.array_equal(read_images(path)[0], np.rot90(GREYS, -1))
    path.write_bytes(tiff((700, 1, len(remarks), 56), (274, 3, 1, 1), content=remarks))
    assert np.array_equal(read_images(path)[0], GREYS)


def test_of_packed_tiff_files_remarks_and_scans_are_bounded(tmp_path, monkeypatch):
    path = tmp_path / "picture.tif"
    path.write_bytes(written(COLOUR, "TIFF", compression="tiff_lzw", tiffinfo={700: bytes(400)}))
    monkeypatch.setattr(room, "MAX_REMARKS", 399)
    with pytest.raises(ValueError, match=r"at most 399 bytes beside packed pixels, got 4\d\d\. Save it without layers"):
        read_images(path)
    packed = PROGRESSIVE[:-2] + LAST_SCAN * 9 + PROGRESSIVE[-2:]
    layout = [(262, 3, 1, 6), (258, 3, 3, 56), (277, 3, 1, 3), (273, 4, 1, 62), (279, 4, 1, len(packed))]
    path.write_bytes(tiff(*layout, compression=7, content=struct.pack("<3H", 8, 8, 8) + packed))
    n_scans = packed.count(b"\xff\xda")
    monkeypatch.setattr(room, "MAX_SCANNED", 48 * (n_scans - 1))
    read_images(path)
    monkeypatch.setattr(room, "MAX_SCANNED", 48 * (n_scans - 1) - 1)
    with pytest.raises(ValueError, match=f"at most {n_scans - 2} more scans than strips .*, got {n_scans - 1}"):
        read_images(path)


PACKED = zlib.compress(GREYS.tobytes())
IN_ONE = {"compression": 8, "rows": 2**32 - 1, "starts": 56, "lengths": len(PACKED)}  # a strip of all rows, as many say
AS_PLANES = struct.pack("<9H", 8, 8, 8, *[8] * 3, *[48] * 3)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "data",
    [
        tiff(**IN_ONE, content=PACKED),
        tiff(
            (258, 3, 3, 56),
            (273, 3, 3, 62),
            (279, 3, 3, 68),
            (262, 3, 1, 2),
            (277, 3, 1, 3),
            (284, 3, 1, 2),
            content=AS_PLANES,
        ),
    ],
)
def test_all_rows_may_be_in_one_strip_and_each_channel_in_its_own(data, tmp_path):
    path = tmp_path / "picture.tif"
    path.write_bytes(data)
    assert np.array_equal(read_images(path)[0], GREYS)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "data",
    [
        *[tiff()[:-n] for n in (1, 4, 5)],  # the last is where the next directory is
        tiff((258, 3, 3, 10_000)),
        tiff(**IN_ONE | {"starts": 10_000}, content=PACKED),
        tiff(**IN_ONE | {"lengths": 10_000}, content=PACKED[:-9]),
    ],
)
def test_what_begins_or_ends_behind_the_end_is_called_truncated(data, tmp_path):
    path = tmp_path / "picture.tif"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"picture\.tif: expected an image .*, got a truncated TIFF picture"):
        read_images(path)


def test_of_strips_as_many_have_to_be_told_as_lengths(tmp_path):
    path = tmp_path / "picture.tif"
    told = [(273, 3, 2, 56), (279, 3, 3, 60)]
    path.write_bytes(tiff(*told, rows=1, compression=8, content=struct.pack("<5H", 8, 8, 48, 48, 48)))
    with pytest.raises(ValueError, match=r"picture\.tif: expected an image .*, got a damaged TIFF picture"):
        read_images(path)


def test_what_a_strip_takes_is_that_of_all_channels_in_all_their_bits(tmp_path):
    path = tmp_path / "picture.tif"
    size = {"width": 2**13, "height": 2**12, "rows": 2**12, "compression": 8}
    path.write_bytes(tiff((258, 3, 4, 56), (277, 3, 1, 4), content=struct.pack("<4H", *[16] * 4), **size))
    with pytest.raises(ValueError, match="at most 201,326,592 bytes in a strip or tile, got 268,435,456"):
        read_images(path)


@pytest.mark.parametrize(
    "data",
    [
        tiff(compression=7, lengths=0),
        tiff(compression=7, left_out=[279]),
        tiff((273, 3, 6, 56), (279, 3, 6, 68), content=struct.pack("<12H", *[8] * 6, *[48] * 6), rows=1, compression=7),
    ],
)
def test_jpeg_in_tiff_files_has_parts_of_its_own(data):
    with pytest.raises(ValueError, match="strips or tiles that are not as they should be"):
        room.looked_at(io.BytesIO(data))
