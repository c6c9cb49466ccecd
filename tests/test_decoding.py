"""What a picture's file may cost: each bound by what is refused, and no decoder warns, or sees what is no picture."""

import io
import struct
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageOps

from anynet.datasets import images, read_images
from anynet.formats import decoding
from anynet.formats.pictures import Pictures

GREYS = np.random.default_rng(0).integers(0, 256, (6, 8)).astype(np.uint8)
IN_32 = Pictures(32, 32, "colour", "crop")


def written(picture, kind, **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name, content=b""):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(*others, after=b"", size=(8, 6)):
    rows = b"".join(b"\0" + row.tobytes() for row in GREYS)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(others) + chunk(b"IDAT", zlib.compress(rows)) + after + chunk(b"IEND")


def directory(entries, start=8):
    return (
        struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries)) + bytes(4)
    )


def tiff(*others, left_out=(), content=b"", **tags):
    known = {"width": 256, "height": 257, "bits": 258, "compression": 259, "rows": 278, "starts": 273, "lengths": 279}
    values = {256: 8, 257: 6, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 6, 279: 48}
    values |= {known[name]: value for name, value in tags.items()}
    entries = [(tag, 4, 1, value) for tag, value in values.items() if tag not in [other[0] for other in others]]
    entries = [entry for entry in entries if entry[0] not in left_out]
    body = GREYS.tobytes() + content
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + directory([*entries, *others])


def in_jpeg(data, *segments):
    return data[:2] + b"".join(segments) + data[2:]


def segment(code, content=b""):
    return struct.pack(">BBH", 255, code, 2 + len(content)) + content


def before_scan(data, *segments):
    at = data.find(b"\xff\xda")
    return data[:at] + b"".join(segments) + data[at:]


def of_size(data, width, height):
    """Return a JPEG that says it has another size."""
    at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def bmp_of_runs(width, height, runs):
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0)
    palette = b"".join(bytes([i, i, i, 0]) for i in range(256))
    return b"BM" + struct.pack("<IHHI", 1078 + len(runs), 0, 0, 1078) + head + palette + runs


GREY = Image.fromarray(GREYS)
COLOUR = Image.fromarray(GREYS.repeat(3, axis=1).reshape(6, 8, 3))
JPEG, PROGRESSIVE = written(GREY, "JPEG"), written(COLOUR, "JPEG", progressive=True, subsampling=0)
_BASELINE = written(COLOUR, "JPEG")
_SCAN = _BASELINE.find(b"\xff\xda")  # of three components, of which the first one alone is told to be in it
IN_TURN = _BASELINE[:_SCAN] + segment(0xDA, bytes([1, 1, 0, 0, 63, 0])) + _BASELINE[_SCAN + 14 :]
LAST_SCAN = PROGRESSIVE[PROGRESSIVE.rfind(b"\xff\xda") : -2]
RUNS = bytes([8, 7, 0, 0] * 6 + [0, 1])
GIF = written(GREY, "GIF")
PALETTE = 13 + (3 << 1 + (GIF[10] & 7))  # where it ends


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (in_jpeg(JPEG, segment(0xFE) * 5_000), r"at most 5,000 segments before the pixels, got more\. Save it anew"),
        (in_jpeg(JPEG, segment(0xE0, bytes(60_000)) * 18), "at most 1,048,576 bytes of tables before the pixels"),
        (in_jpeg(JPEG, b"\xff" * 1_001), "an image .*, got a damaged JPEG picture"),
        (
            PROGRESSIVE[:-2] + LAST_SCAN * 1_000,
            r"at most 1,000 scans of 8 x 6 pixels, got 1,0\d\d\. Save it anew, with",
        ),
        (of_size(PROGRESSIVE[:-2] + LAST_SCAN * 30, 4096, 4096), "at most 32 scans of 4096 x 4096 pixels"),
        (
            of_size(PROGRESSIVE, 8192, 4096),
            r"an image of at most 20,132,\d\d\d pixels of its kind, got 8192 x 4096\. Scale it down",
        ),
        (of_size(written(COLOUR, "JPEG"), 8192, 6145), "an image of at most 50,331,648 pixels of its kind"),
        (png(chunk(b"prVt") * 100_000), r"at most 100,000 chunks, got more"),
        (png(after=chunk(b"prVt") * 100_000), r"at most 100,000 chunks, got more"),
        (png(chunk(b"IDAT") * 100_000), r"at most 100,000 chunks, got more"),
        (png(size=(1, 2**16 + 1)), "an image of sides of at most 65,536 pixels, got 1 x 65537"),
        (png(size=(9_700, 9_700)), "an image of at most 67,108,864 pixels, got 9700 x 9700"),
        (GIF[:PALETTE] + bytes(2**20) + GIF[PALETTE:], "at most 1,048,576 bytes before the first picture, got more"),
        (GIF[:PALETTE] + b"!\xfe" + b"\1c" * 2**19 + b"\0" + GIF[PALETTE:], "at most 1,048,576 bytes before the first"),
        (
            GIF[:PALETTE] + b"," + struct.pack("<HHHH", 0, 0, 9_700, 9_700),
            "an image of at most 67,108,864 pixels, got 9700 x 9700",
        ),
        (
            GIF[:PALETTE] + b"," + struct.pack("<HHHH", 9_600, 9_600, 100, 100),
            "an image of at most 67,108,864 pixels, got 9700 x 9700",
        ),
        (bmp_of_runs(2048, 513, RUNS), r"at most 1,048,576 pixels in a BMP of runs, got 1,050,624\. Save it without"),
        (bmp_of_runs(8, 6, bytes([255, 0]) * 2**19), r"at most 1,048,576 bytes in a BMP of runs, got 1,049,654"),
        (
            b"P2 2 2 255\n" + b"#c\n" * 2**20 + b"1 1 1 1",
            r"at most 3,145,728 bytes of a PPM in digits, got 3,145,746\.",
        ),
        (b"P5 4097 4096 100\n", r"at most 16,777,216 values of which 100 is white, got 16,781,312\. Save it with 255"),
        (b"P6 4096 2048 999\n", r"at most 16,777,216 values of which 999 is white, got 25,165,824\. Save it with 255"),
        (b"P5\n#" + b"c" * 1000 + b"\n8 6\n255\n" + bytes(48), "an image .*, got text"),
        (
            tiff(width=2**14, height=2**13, rows=2**13, compression=8),
            "at most 201,326,592 bytes in a strip or tile, got",
        ),
        (tiff((273, 3, 9, 56), (279, 3, 9, 56), content=bytes(18)), "at most 1 parts of so many pixels, got 9"),
        (tiff(*[(700 + i, 7, 40, 8) for i in range(20)]), "an image .*, got a damaged TIFF picture"),
        (tiff((256, 9, 1, 8)), "an image .*, got a damaged TIFF picture"),
        (tiff((257, 3, 2, 6)), "an image .*, got a damaged TIFF picture"),
        (b"II+\0\x08\0\0\0" + bytes(7) + b"\x7f" + bytes(30), "an image .*, got a truncated TIFF picture"),
        (tiff((700, 7, 400, 8)), "an image .*, got a truncated TIFF picture"),
        (
            tiff((273, 4, 2**20 + 1, 56), left_out=[279], content=bytes(4 * 2**20 + 4)),
            "at most 1 parts of so many pixels, got 1,048,577",
        ),
        (tiff((273, 4, 9, 56), left_out=[279], content=bytes(36)), "at most 1 parts of so many pixels, got 9"),
        (tiff((273, 6, 9, 56), left_out=[279], content=bytes(36)), "an image .*, got a damaged TIFF picture"),
        (
            tiff((322, 4, 1, 1), (323, 4, 1, 1), (324, 4, 1, 8), width=1024, height=1024, left_out=[273, 279]),
            r"at most 65,536 strips or tiles, got 1,048,576\. Save it in larger ones",
        ),
        (
            tiff((322, 4, 1, 1), (323, 4, 1, 2**22), width=2**10, height=1, compression=8),
            r"at most 33,558,528 pixels in strips or tiles, got 4,294,967,296\. Save it in smaller ones",
        ),
        (tiff(*[(40_000 + i, 3, 1, 0) for i in range(1_000)]), "at most 1,000 entries, got 1,009"),
        *[
            (tiff((tag, 3, 4_097, 56), left_out=[258], content=bytes(9_000)), "an image .*, got a damaged TIFF picture")
            for tag in (258, 320, 338, 339)
        ],
        (png(chunk(b"PLTE", bytes(771))), "an image .*, got a damaged PNG picture"),
        (png(chunk(b"tRNS", bytes(257))), "an image .*, got a damaged PNG picture"),
        (png(chunk(b"IHDR", bytes(14))), "an image .*, got a damaged PNG picture"),
        (b"RIFF" + struct.pack("<I", 4) + b"WEBP" + b"abcd\0\0\0\0" * 100_000, "at most 100,000 chunks, got more"),
        (b"P0CMYK 2 2 9\n" + bytes(16), "an image .*, got bytes that begin"),
    ],
)
@pytest.mark.filterwarnings("always")
def test_what_would_take_much_is_refused(data, told, tmp_path, recwarn):
    path = tmp_path / "picture"
    path.write_bytes(data)
    for pictures in (None, IN_32 if "of its kind" not in told else None):  # of a JPEG less is unpacked
        with pytest.raises(ValueError, match=f"picture: expected {told}"):
            read_images(path, pictures)
    assert not recwarn


def test_the_longest_side_and_the_most_pixels_are_admitted():
    decoding.check_size(SimpleNamespace(size=(2**16, 2**10)))


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize(
    "data",
    [
        png(),
        png(chunk(b"prVt") * 99_000),
        png(*[chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**20), 9))] * 99),
        png(chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(2**24), 9))),
        png(chunk(b"acTL", bytes(8))),
        png(chunk(b"eXIf", b"II*\0\x08\0\0\0" + directory([(274, 4, 2, 23)]))),  # of which three bytes are there
        png(
            chunk(b"eXIf", b"II*\0\x08\0\0\0" + directory([(700 + i, 7, 2**20, 8) for i in range(3000)]) + bytes(2**20))
        ),
        written(GREY, "PNG"),
        GIF[:PALETTE] + bytes(1000) + b"!\xfe" + b"\1c" * 1000 + b"\0" + GIF[PALETTE:],
        tiff(),
        written(GREY, "TIFF", big_tiff=True),
        tiff((34665, 4, 1, 8)),  # the pixels, in the place of EXIF data
        b"P2 8 6 255 " + b"".join(b"%d#c\n " % grey for grey in GREYS.ravel()),
        b"P5 #c\r8 #c\n6#c\n\n255\n" + GREYS.tobytes(),
    ],
)
def test_what_a_file_holds_besides_is_left_out(data, tmp_path, recwarn):
    path = tmp_path / "picture"
    path.write_bytes(data)
    assert np.array_equal(read_images(path)[0], GREYS)
    assert not recwarn


@pytest.mark.filterwarnings("always")
def test_remarks_in_a_jpeg_change_nothing(tmp_path, recwarn):
    path = tmp_path / "picture.jpg"
    path.write_bytes(JPEG)
    plain = read_images(path)
    bare = JPEG[:2] + JPEG[20:]  # without a resolution, for which Pillow would look into EXIF data
    broken = b"Exif\0\0II*\0\x08\0\0\0" + directory([(274, 3, 1, 3), *((700 + i, 7, 30_000, 8) for i in range(2500))])
    path.write_bytes(in_jpeg(bare, segment(0xE1, broken), segment(0xE2, b"MPF\0" + bytes(90)), segment(0xFE) * 4_900))
    assert np.array_equal(read_images(path), plain[:, ::-1, ::-1])
    path.write_bytes(in_jpeg(JPEG, b"\xff" * 900, segment(0xFE, b"\xff\xda"), b"junk", b"\xff\xff"))
    assert np.array_equal(read_images(path), plain)
    long = [segment(code, bytes(60_000)) * 20 for code in (*range(0xE1, 0xEE), 0xEF, 0xFE)]
    path.write_bytes(in_jpeg(JPEG, *long, b"\xff\xd0\xff\xd7"))  # of which the last two have no length
    assert np.array_equal(read_images(path), plain)
    assert not recwarn


def test_remarks_of_makers_in_a_jpeg_are_passed_over(tmp_path):
    path = tmp_path / "picture.jpg"
    exif = b"Exif\0\0II*\0\x08\0\0\0" + directory([(274, 3, 1, 3)])
    others = [segment(0xE1, b"FLIR\0\1"), segment(0xE1), segment(0xE1, b"Exif"), segment(0xE1, b"http")]
    path.write_bytes(in_jpeg(JPEG, segment(0xE1, exif), *others))
    with Image.open(io.BytesIO(JPEG)) as picture:
        assert np.array_equal(read_images(path)[0], np.array(picture)[::-1, ::-1])


def test_remarks_in_a_png_are_unpacked_once(tmp_path, monkeypatch):
    path, unpacked = tmp_path / "picture.png", []
    monkeypatch.setattr(decoding, "_profile", lambda *profile: unpacked.append(profile) or b"")
    path.write_bytes(png(*[chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(9)))] * 9))
    read_images(path)
    assert len(unpacked) == 1


def test_pixels_of_a_png_are_handed_out_in_short_chunks(monkeypatch):
    monkeypatch.setattr(decoding, "MAX_PACKED", 7)
    with decoding.looked_at(io.BytesIO(png())).stream as stream:
        content = stream.read()
        assert content.count(b"IDAT") > 5
        assert [len(piece) for piece in content.split(b"IDAT")[1:-1]] == [7 + 4 + 4] * (content.count(b"IDAT") - 1)
        stream.seek(0)
        with Image.open(stream) as picture:
            assert np.array_equal(np.array(picture), GREYS)


def test_a_header_of_a_bmp_is_no_longer_than_any(tmp_path):
    data = bmp_of_runs(8, 6, RUNS)
    with pytest.raises(ValueError, match="a header longer than any"):
        decoding.looked_at(io.BytesIO(data[:14] + struct.pack("<I", 1001) + data[18:]))


def test_files_of_many_bytes_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "picture"
    path.write_bytes(JPEG)
    monkeypatch.setattr(decoding, "MAX_BYTES", len(JPEG) - 1)
    with pytest.raises(ValueError, match=f"at most {len(JPEG) - 1} bytes of a picture, got {len(JPEG)}"):
        read_images(path)
    path.write_bytes(tiff(content=bytes(len(JPEG))))
    read_images(path)


@pytest.mark.parametrize("are_ycck", [False, True])
def test_colours_of_a_jpeg_are_as_its_remarks_on_them_say(are_ycck, tmp_path):
    path = tmp_path / "picture.jpg"
    data = bytearray(written(COLOUR.convert("CMYK"), "JPEG"))
    data[data.find(b"Adobe") + 11] = 2 * are_ycck
    path.write_bytes(data)
    with Image.open(path) as picture:
        seen = np.array(picture.convert("RGB"))
    assert np.array_equal(read_images(path, Pictures(6, 8))[0], seen)


def test_of_a_jpeg_no_more_is_unpacked_than_a_size_needs(tmp_path):
    path = tmp_path / "picture.jpg"
    greys = np.random.default_rng(0).integers(0, 256, (512, 512, 3)).astype(np.uint8)
    path.write_bytes(written(Image.fromarray(greys), "JPEG"))
    with Image.open(path) as picture:
        picture.draft(None, (64, 64))
        assert picture.size == (64, 64)
        seen = np.array(ImageOps.fit(picture, (32, 32), Image.Resampling.BILINEAR))
    assert np.array_equal(read_images(path, IN_32)[0], seen)


TIFF_IN_COLOUR = written(COLOUR, "TIFF")
WEBP = written(COLOUR, "WEBP", lossless=True)
WITH_REMARKS = written(COLOUR, "WEBP", lossless=True, exif=bytes(700), icc_profile=bytes(300))
SOME = Pictures(6, 8, "colour", "crop")


SIXTEEN_BITS = written(Image.fromarray(GREYS.astype(np.uint16)), "PNG")


@pytest.mark.parametrize(
    ("data", "pictures", "held"),
    [
        (png(), None, 48),
        (png(), SOME, 4 * 48),  # the second one that is made smaller
        (written(COLOUR, "PNG"), None, 4 * 48),
        (SIXTEEN_BITS, None, (2 if Image.open(io.BytesIO(SIXTEEN_BITS)).mode == "I;16" else 4) * 48),  # by Pillow's age
        (JPEG, None, 48),
        (PROGRESSIVE, None, (4 + 2 * 3) * 48),  # and whole numbers of two bytes, from which pixels are made
        *[
            (PROGRESSIVE.replace(b"\xff\xc2", bytes([255, code])), None, (4 + 2 * 3) * 48)
            for code in (0xC6, 0xCA, 0xCE)
        ],
        *[(before_scan(PROGRESSIVE, segment(code, bytes(20))), None, (4 + 2 * 3) * 48) for code in (0xC4, 0xC8, 0xCC)],
        (written(COLOUR, "JPEG", progressive=True, subsampling=2), None, (4 + 2 * 1.5) * 48),
        (IN_TURN, None, (4 + 2 * 1.5) * 48),
        (written(COLOUR, "JPEG"), None, 4 * 48),
        (GIF, None, 48),
        (TIFF_IN_COLOUR, None, 4 * 48),
        (written(COLOUR, "TIFF", compression="tiff_lzw"), None, 4 * 48 + 4 * 48),  # and a strip
        (written(COLOUR, "TIFF", exif=b"Exif\0\0II*\0\x08\0\0\0" + directory([(274, 3, 1, 6)])), None, 4 * 48),
        (WEBP, None, 5 * 4 * 48 + 2 * len(WEBP)),
        (WITH_REMARKS, None, 5 * 4 * 48 + 2 * len(WITH_REMARKS) + 1000),
        (b"P5 8 6 100\n" + bytes(48), None, 48 + 48),
    ],
)
def test_what_a_decoder_holds_is_bounded(data, pictures, held, tmp_path, monkeypatch):
    path = tmp_path / "picture"
    path.write_bytes(data)
    monkeypatch.setattr(decoding, "MAX_HELD", held - 1)
    with pytest.raises(ValueError, match=r"at most 4\d pixels of its kind, got (8 x 6|6 x 8)\. Scale it down first"):
        read_images(path, pictures)
    monkeypatch.setattr(decoding, "MAX_HELD", held)
    if not data.startswith(b"\xff\xd8") or data in (JPEG, PROGRESSIVE):  # others are no whole ones
        read_images(path, pictures)


def test_scans_are_counted_wherever_they_begin(tmp_path, monkeypatch):
    path = tmp_path / "picture.jpg"
    start, known = PROGRESSIVE.find(b"\xff\xda"), PROGRESSIVE.count(b"\xff\xda")
    padding = 2**16 - 1 - (len(PROGRESSIVE) - 2 - start)
    path.write_bytes(PROGRESSIVE[:-2] + segment(0xFE, bytes(padding - 4)) + LAST_SCAN + b"\xff\xd9")
    monkeypatch.setattr(decoding, "MAX_SCANS", known)
    with pytest.raises(ValueError, match=f"at most {known} scans of 8 x 6 pixels, got {known + 1}"):
        read_images(path)


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "CMYK", "transparent"])
def test_a_picture_that_has_its_size_is_the_same_when_it_is_brought_to_it(mode, tmp_path):
    path = tmp_path / "picture.tif"
    greys = GREYS.repeat(4, axis=1).reshape(6, 8, 4)
    picture = Image.fromarray(greys).convert("RGB" if mode == "transparent" else mode)
    if mode == "transparent":
        path = tmp_path / "picture.png"
        picture.save(path, transparency=tuple(greys[2, 3, :3].tolist()))
    else:
        picture.save(path)
    plain = read_images(path, Pictures(6, 8))
    assert np.array_equal(read_images(path, SOME), plain)
    assert (plain[0, 2, 3] == 255).all() == (mode == "transparent")


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_pictures_are_turned_as_their_exif_data_say(kind, orientation, tmp_path):
    exif = Image.Exif()
    exif[274], exif[271] = orientation, "a maker"
    path = tmp_path / "picture"
    path.write_bytes(written(COLOUR, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {})))
    with Image.open(path) as picture:
        turned = ImageOps.exif_transpose(picture).convert("RGB")
    height, width = turned.size[::-1]
    assert np.array_equal(read_images(path, Pictures(height, width))[0], np.array(turned))
    assert np.array_equal(read_images(path)[0], np.array(turned.convert("L")))
    fitted = ImageOps.fit(turned, (5, 4), Image.Resampling.BILINEAR)
    if kind != "JPEG":  # of which fewer pixels are unpacked
        assert np.array_equal(read_images(path, Pictures(4, 5, "colour", "crop"))[0], np.array(fitted))


@pytest.mark.parametrize("how", ["remarks", "text", "packed"])
def test_a_png_is_turned_as_programs_write_it(how, tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    text = f"\nexif\n{len(exif.tobytes()):8}\n{exif.tobytes().hex()}\n".encode()
    remarks = b"XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation='1' tiff:Orientation=\"6\"/>"
    name, content = {
        "remarks": (b"iTXt", remarks),
        "text": (b"tEXt", b"Raw profile type exif\0" + text),
        "packed": (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)),
    }[how]
    path = tmp_path / "picture"
    path.write_bytes(png(chunk(name, content)))
    assert np.array_equal(read_images(path)[0], np.rot90(GREYS, -1))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "I", "F"])
@pytest.mark.parametrize("asked", ["grey", "colour"])
def test_a_picture_that_is_gone_through_in_strips_is_as_it_is_in_one(mode, asked, tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    if mode in ("I;16", "I", "F"):
        dtype = {"I;16": "u2", "I": "i4", "F": "f4"}[mode]
        picture = Image.fromarray((rng.random((23, 19)) * (1 if mode == "F" else 40_000)).astype(dtype))
    else:
        picture = Image.fromarray(rng.integers(0, 256, (23, 19, 4)).astype(np.uint8)).convert(mode)
    path = tmp_path / "picture.tif"
    picture.save(path)
    pictures = None if mode == "I" else Pictures(23, 19, asked)
    whole = read_images(path, pictures)
    assert whole.max() > whole.min()
    monkeypatch.setattr(images, "STRIP", 40)
    assert np.array_equal(read_images(path, pictures), whole)
    if mode not in ("RGBA", "LA", "I;16", "I", "F"):
        seen = picture.convert("RGB").convert("L" if asked == "grey" else "RGB")
        assert np.array_equal(whole[0].squeeze(), np.array(seen))


def test_runs_are_read(tmp_path):
    path = tmp_path / "picture.bmp"
    path.write_bytes(bmp_of_runs(8, 6, RUNS))
    assert (read_images(path) == 7).all()


@pytest.mark.parametrize("white", [1, 100, 254, 255, 256, 1000, 65534, 65535])
@pytest.mark.parametrize("kind", ["P5", "P6"])
def test_values_of_any_white_are_as_pillow_reads_them(kind, white, tmp_path):
    values = np.random.default_rng(0).integers(0, white + 1, 48 * (3 if kind == "P6" else 1))
    path = tmp_path / "picture"
    path.write_bytes(f"{kind} 8 6 {white}\n".encode() + values.astype(">u2" if white > 255 else "u1").tobytes())
    with Image.open(path) as picture:
        greys = np.asarray(picture) >> 8 if picture.mode.startswith("I") else np.asarray(picture.convert("L"))
    assert np.array_equal(read_images(path)[0], greys)


def test_a_webp_picture_that_its_decoder_would_hold_five_times_is_refused(tmp_path):
    path = tmp_path / "picture.webp"
    Image.new("RGBA", (4000, 2517)).save(path, lossless=True, method=0)
    with pytest.raises(ValueError, match=r"an image of at most 10,0\d\d,\d\d\d pixels of its kind, got 4000 x 2517"):
        read_images(path)


def test_a_webp_file_is_weighed_before_it_is_read(monkeypatch):
    held = 2 * len(WITH_REMARKS) + 1000
    monkeypatch.setattr(decoding, "MAX_HELD", held)
    decoding.looked_at(io.BytesIO(WITH_REMARKS))
    monkeypatch.setattr(decoding, "MAX_HELD", held - 1)
    with pytest.raises(ValueError, match=f"at most {held - 1:,} bytes of WebP to be held, .* got {held:,}"):
        decoding.looked_at(io.BytesIO(WITH_REMARKS))
