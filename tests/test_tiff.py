"""TIFF files: what Pillow is given of one, and what is bounded where libtiff unpacks it."""

import io
import struct

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
