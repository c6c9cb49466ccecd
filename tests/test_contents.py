"""What a file is, by its first bytes; and that every reader tells it where it expected something else."""

import gzip
import io
import pickle

import numpy as np
import pytest
from idx_writer import idx

from anynet import Network
from anynet.checks import is_name
from anynet.datasets import load_data, read_data, read_idx
from anynet.formats import npz
from anynet.formats.contents import kind_of


def saved(save, *arrays, **named):
    buffer = io.BytesIO()
    save(buffer, *arrays, **named)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "👨\u200d👩",
        "prix\u00a0net",
        "12\u202f°C",
        "\u200f\u05d0\u05d1",
        "co\xadop",
    ],
)
def test_text_is_told_by_its_controls_alone(name, tmp_path):
    assert kind_of(f"{name},b,y\n1,2,0\n".encode()) == "a CSV file"
    assert kind_of(f"{name} \x85".encode()).startswith("bytes that begin with")
    (tmp_path / "table").write_text(f"{name},b,y\n1,2,0\n3,4,1\n", "utf-8")
    if is_name(name):
        assert read_data(tmp_path / "table").columns[0].name == name
    else:  # which is told as that
        with pytest.raises(ValueError, match=r"line 1: expected printable names of columns.* which holds U\+"):
            read_data(tmp_path / "table")


FILES = {
    "a web page": b"<!DOCTYPE html>\n<html lang=en><title>Sign in, please</title>",
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "a PNG picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "a JPEG picture": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "an HDF5 file": b"\x89HDF\r\n\x1a\n",
    "a PDF": b"%PDF-1.7",
    "an .npy array": saved(np.save, np.ones(3)),
    "an XML file": b"<?xml version='1.0'?><error/>",
    "an empty file": b"",
}
READERS = {
    "npz": npz.read,
    "idx": read_idx,
    "pickle": load_data,
    "data": read_data,
    "network": Network.load,
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_tells_what_came_instead(kind, reader, tmp_path):
    path = tmp_path / "download"
    for data in {FILES[kind], *([gzip.compress(FILES[kind])] if reader in ("idx", "pickle", "data") else [])}:
        path.write_bytes(data)
        with pytest.raises(ValueError, match=f"got {kind}\\. ") as caught:
            READERS[reader](path)
        assert str(caught.value).startswith(f"{path}: expected a")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reader", ["idx", "pickle", "data", "network"])
def test_a_gzip_file_cut_short_is_told_as_that(reader, tmp_path, rng):
    whole = gzip.compress(idx(rng.integers(0, 256, (50, 28, 28)).astype("u1")))
    path = tmp_path / "images"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"expected a whole gzip file, got a truncated one|got an IDX file"):
        read_data(path, path) if reader == "data" else READERS[reader](path)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", [([1], 2), [1.5, "a"], {"W1": 1.5}])
def test_no_pickle_is_taken_for_something_else(protocol, value, tmp_path):
    """By the reader of pickles; those of the first protocols look like text."""
    head = pickle.dumps(value, protocol)
    assert kind_of(head) in ("a pickle", "text", "a CSV file") or kind_of(head).startswith("bytes")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"a,b\n1,2", "a CSV file"),
        (b"\xef\xbb\xbfa;b\r\n", "a CSV file"),
        (b"hello", "text"),
        ("\u00e9".encode() * 99 + b"\xc3", "text"),
        ("\u00e9t\u00e9,1\n".encode("latin-1") * 9, "text that is not in UTF-8"),
        ("a,b\n".encode("utf-16"), "text that is not in UTF-8"),
        (bytes(range(128, 200)), "bytes that begin with 80818283"),
        (b'{"a": 1}', "a JSON file"),
        (b"\1\2\3\4\5", "bytes that begin with 01020304"),
        (b"PK\3\4", "a zip archive"),
        (b"\0\0\x08\3\0\0\0\1", "an IDX file"),
        (b"\0\0\x08\0", "bytes that begin with 00000800"),
        (b"\x1f\x8b\x08", "a gzip file"),
        (b"II*\0", "a TIFF picture"),
        (b"MM\0+\0\x08\0\0", "a TIFF picture"),
        (b"II+\0\x08\0\0\0", "a TIFF picture"),
    ],
)
def test_kinds(head, kind):
    assert kind_of(head) == kind


@pytest.mark.parametrize("reader", ["data", "network"])
@pytest.mark.parametrize(
    "data",
    [
        saved(np.savez, y=np.ones(3)),
        saved(np.savez, w1=np.ones(3), header=np.array("{}")),
        saved(np.savez, header=np.array('{"format_version": 1, "layers": 3, "input_shape": 2}')),
        saved(np.savez, x=np.array([b"a"]), s=np.array([1j])),
        b"PK nothing",
        b"nothing",
        b"a,a,y\n1,2,0\n",
        b"a,b,y\n1,2,0\n1,,0\n",
        b"a,b,y\n1,2,0\n1,2\n",
        b"a,b,y\n1,2,0\n1,2,0\n\xff",
    ],
    ids=range(10),
)
def test_a_file_name_in_an_error_is_obeyed_by_no_terminal(data, reader, tmp_path):
    path = tmp_path / "a\x1b[31m\nb"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"a\\x1b\[31m\\nb: .*expected") as caught:
        READERS[reader](path)
    assert str(caught.value).isprintable()
