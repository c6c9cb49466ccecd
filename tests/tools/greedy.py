"""Files that are small, and made to take much of whoever reads them; each with what it honestly declares, in MB."""

import gzip
import io
import json
import struct
import zipfile
import zlib

import numpy as np

MB = 2**20


def npy(shape, data, descr="|i1", version=b"\1\0"):
    head = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    length = struct.pack("<H" if version == b"\1\0" else "<I", len(head))
    return b"\x93NUMPY" + version + length + head + data


def archive(**entries):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in entries.items():
            z.writestr(f"{name}.npy", data)
    return buffer.getvalue()


def text(value):
    return npy((), np.array(value).tobytes(), f"<U{len(value)}")


def archive_of_header(text):
    """Return an archive, not packed, of a header."""
    buffer = io.BytesIO()
    np.savez(buffer, header=np.array(text))
    return buffer.getvalue()


def lying_directory(n_bytes=400 * MB):
    """Return an archive of a member that inflates to so many bytes, of which the directory tells a thousand."""
    told = npy((1000,), bytes(1000))
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = deflate.compress(told) + b"".join(deflate.compress(bytes(MB)) for _ in range(n_bytes // MB))
    packed += deflate.flush()
    common = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, zlib.crc32(told), len(packed), len(told), 5, 0)
    local = b"PK\3\4" + common + b"s.npy" + packed
    directory = b"PK\1\2" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"s.npy"
    return local + directory + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(directory), len(local), 0)


def many_names(n):
    """Return an archive whose directory has n names of one and the same entry."""
    local = b"PK\3\4" + struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0, 0, 0, 0, 9, 0) + b"0000000.x"
    common = struct.pack("<HHHHHHIIIHH", 20, 20, 0, 0, 0, 0, 0, 0, 0, 9, 0) + struct.pack("<HHHII", 0, 0, 0, 0, 0)
    directory = b"".join(b"PK\1\2" + common + b"%07d.x" % i for i in range(n))
    end = struct.pack("<HHHHIIH", 0, 0, min(n, 65535), min(n, 65535), len(directory), len(local), 0)
    return local + directory + b"PK\5\6" + end


def networks():
    """Yield (name, bytes, megabytes that it declares) of files that pretend to be networks."""
    header = {"format_version": 1, "input_shape": [1], "cost": "quadratic", "task": None, "dtype": "float32"}
    header["classes"] = None
    yield "thirty million sizes", archive(s=npy((30 * MB,), bytes([1]) * (30 * MB))), 30
    layers = json.dumps(header | {"layers": [{"kind": "Flatten"}] * 200_000})
    yield "two hundred thousand layers", archive(header=text(layers)), 4 * len(layers) / MB
    nested = json.dumps(header | {"layers": []})[:-1] + ', "x": [' + "[]," * 600_000 + "0]}"
    yield "a million lists in JSON", archive(header=text(nested)), 4 * len(nested) / MB
    yield "a header that is too long", archive(header=text('"' + 5_000_000 * " " + '"')), 20
    yield "a directory that lies", lying_directory(), 0
    yield "a million names", many_names(1_000_000), 0
    yield "thirty thousand names", many_names(30_000), 0
    yield "an array that says what it is for long", archive(s=npy((1,), b"\1")[:-3] + 30 * MB * b" "), 30
    yield "a long header of an array", archive(s=npy((30 * MB,), b"", version=b"\2\0") + 30 * MB * b" "), 30
    lists = b"\x80\x02(" + b"]" * 300_000 + 30 * MB * b"0" + b"t."
    yield "lists in a pickle", gzip.compress(lists), 0
    yield (
        "a pickle of one string used many times",
        gzip.compress(b"\x80\x02T" + struct.pack("<I", 30 * MB) + bytes(30 * MB) + b"q\0(" + b"h\0" * 90_000 + b"t."),
        30,
    )
    n = 3 * MB
    row = b"[" + b"0," * (n - 1) + b"0]"
    yield (
        "JSON of zeros",
        gzip.compress(b'{"sizes": [%d, 1], "weights": [[%s]], "biases": [[[0]]]}' % (n, row)),
        8 * n / MB + 6,
    )
    yield "JSON of spaces", gzip.compress(b'{"sizes": [2, 1], ' + 30 * MB * b" "), 30
    shared = (
        b"\x80\x02(("
        + 10 * b"K\x01"
        + b"lq\0"
        + b"".join(b"(" + 10 * bytes([104, i]) + b"lq" + bytes([i + 1]) for i in range(17))
    )
    yield "lists that are met ten times at each of seventeen levels", shared + b"t.", 0
    yield "a header that is as long as its file", archive_of_header("[" + "[]," * 3_000_000 + "[]]"), 36
    yield "a bomb", gzip.compress(200 * MB * b"]"), 0


def tables():
    yield "a table of short lines", gzip.compress(b"0,1\n" * 500_000), 12
    yield "a table that is one line", gzip.compress(30 * MB * b","), 30
    row = ",".join(f"{chr(97 + i % 26)}%d" for i in range(600))
    yield (
        "a table of texts that all differ",
        "\n".join(f"{row % ((j,) * 600)},{j % 2}" for j in range(1000)).encode(),
        12,
    )
    yield "a long target among short ones", b"a,t\n1," + 130_000 * b"x" + b"\n" + 5000 * b"1,b\n", 0
    yield "a table of one cell", gzip.compress(30 * MB * b"0"), 30
    yield "an IDX file that declares what it has not", gzip.compress(b"\0\0\x08\1" + struct.pack(">I", 500 * MB)), 0
    yield "a data set of one long array that says nothing", archive(x=npy((1, 30 * MB), b"")), 30


def png(width, height, kind=0, n_channels=1, bits=8):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    deflate, row = zlib.compressobj(1), bytes(1 + width * n_channels * bits // 8)
    rows = b"".join(deflate.compress(row * max(1, MB // len(row))) for _ in range(height // max(1, MB // len(row)) + 1))
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows + deflate.flush()) + chunk(b"IEND", b"")


def tiff(size, tile):
    """Return a TIFF file of one tile, deflated."""
    packed = zlib.compress(bytes(tile * tile))
    tags = [(256, 4, size), (257, 4, size), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1)]
    tags += [(322, 4, tile), (323, 4, tile), (324, 4, 8), (325, 4, len(packed))]
    fields = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed + struct.pack("<H", len(tags)) + fields + bytes(4)


def pictures():
    """Yield files of pictures; what they declare is a byte for each pixel, as they are handed out in grey."""
    from PIL import Image

    def saved(mode, size, kind, **options):
        buffer = io.BytesIO()
        Image.new(mode, size).save(buffer, kind, **options)
        return buffer.getvalue()

    yield "a comment of 20 MB", b"P5\n#" + 20 * MB * b"c" + b"\n3 2\n255\n" + bytes(6), 0
    yield "many comments", b"P2 2 2 255\n" + b"#c\n" * 2**20 + b"1 1 1 1", 0
    yield "a tile of a gigabyte", tiff(16, 2**15), 0
    yield "a line of pixels from top to bottom", png(1, 2**26 - 1), 0
    yield "a picture that is transparent", png(8192, 6000, 6, 4), 47
    yield "a picture of 16 bits", png(8192, 8191, bits=16), 64
    yield "a picture of floats", saved("F", (8192, 6000), "TIFF", compression="tiff_deflate"), 47
    yield "a progressive picture", saved("RGB", (8192, 2457), "JPEG", progressive=True, subsampling=0), 19
    yield "a WebP picture", saved("RGBA", (3160, 3160), "WEBP", lossless=True, method=0), 9.5
    yield "a GIF picture", saved("P", (8192, 8191), "GIF"), 64
