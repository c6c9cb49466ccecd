"""What a file is, by its first bytes: for readers, and to tell what came where something else was expected.

Downloads end as the page about the file, clones as the pointer to it, and names lie.
"""

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anynet.formats.bounded import Reader

LFS, PAGE = b"version https://git-lfs", re.compile(rb"\s*<(?:!doctype html|html|head|body)\b", re.IGNORECASE)
ELSEWHERE = {  # what is read by other programs, or was meant to be another file
    "a Git LFS pointer": "The data are elsewhere: fetch them with git lfs pull",
    "a web page": "Download the file itself, not the page about it",
    "an HDF5 file": "Read it with h5py, and hand over the arrays, or save them with np.savez(path, x=x, y=y)",
    "text that is not in UTF-8": "Save it in UTF-8",
    "a HEIC picture": "Make a JPEG picture of it: phones have a setting for that, and programs that show it can",
    "an AVIF picture": "Make a JPEG or PNG picture of it",
    "an .npy array": "Save x and y in one file: np.savez(path, x=x, y=y)",
}
_MAGIC = {
    b"PK": "a zip archive",
    b"\x1f\x8b": "a gzip file",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"II*\0": "a TIFF picture",
    b"MM\0*": "a TIFF picture",
    b"II+\0": "a TIFF picture",
    b"MM\0+": "a TIFF picture",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "an .npy array",
    b"%PDF": "a PDF",
    b"PAR1": "a Parquet file",
    b"\xd0\xcf\x11\xe0": "an Excel file",
    b"<?xml": "an XML file",
}
_BOXED = {b"heic": "a HEIC picture", b"heix": "a HEIC picture", b"mif1": "a HEIC picture", b"avif": "an AVIF picture"}
_BMP, _WEBP = re.compile(rb"BM.{4}\0{4}", re.DOTALL), re.compile(rb"RIFF.{4}WEBP", re.DOTALL)
_IDX = re.compile(rb"\0\0[\x08\x09\x0b-\x0e][\x01-\x40]")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_CONTROL = re.compile(rb"[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PICKLE = re.compile(rb"\x80[\x02-\x05]|\(l?p?\d*\n?\(|\(dp?\d*\n|cnumpy|\}q")


def kind_of(head: bytes) -> str:
    r"""Return what a file is, with its article; bytes that say nothing as themselves.

    Args:
        head: Its first bytes, some hundred of them.

    Example:
        >>> kind_of(b"<!DOCTYPE html><title>MNIST"), kind_of(b"a,b,label\n1,2,0\n")
        ('a web page', 'a CSV file')
    """
    if not head:
        return "an empty file"
    if head.startswith(LFS):
        return "a Git LFS pointer"
    if PAGE.match(head):
        return "a web page"
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if head[4:8] == b"ftyp" and head[8:12] in _BOXED:
        return _BOXED[head[8:12]]
    if _BMP.match(head) or _WEBP.match(head):
        return "a BMP picture" if head.startswith(b"BM") else "a WebP picture"
    if _IDX.match(head):
        return "an IDX file"
    if _PICKLE.match(head):
        return "a pickle"
    return _kind_of_text(head) or f"bytes that begin with {head[:4].hex()}"


def _kind_of_text(head: bytes) -> str | None:
    """Return which kind of text it is; None if it is none."""
    text = head.decode("utf-8-sig", "ignore")  # its last character may be cut
    is_utf_8 = len(text.encode()) >= len(head) - 6
    if head.startswith(_UTF_16) or (not is_utf_8 and not _CONTROL.search(head) and 2 * len(text) > len(head)):
        return "text that is not in UTF-8"
    if not is_utf_8 or not all(c in "\r\n\t" or unicodedata.category(c) != "Cc" for c in text):
        return None
    if text.lstrip()[:1] in ("{", "["):
        return "a JSON file"
    first = text.lstrip().partition("\n")[0]
    return "a CSV file" if any(mark in first for mark in ",;\t") else "text"


def got(head: bytes, cure: str) -> str:
    """Return how an error ends that met something else than it expected: what it is, and what to do.

    Args:
        head: The first bytes of the file.
        cure: What to do if nothing better is known.
    """
    kind = kind_of(head)
    return f"got {kind}. {ELSEWHERE.get(kind, cure)}."


def refuse_others(reader: "Reader") -> "Reader":
    """Return an open file at its beginning, found to be nothing that a pickle surely is not; else ValueError.

    Args:
        reader: Of the file. What pickles of the first protocols look like is text, or a table.
    """
    head = bytes(reader.peek()[:1000])
    if kind_of(head) in {*_MAGIC.values(), *ELSEWHERE, "an IDX file", "a JSON file", "an empty file"}:
        raise ValueError(f"{reader.name}: expected a pickle of plain NumPy arrays, {got(head, 'Give another file')}")
    return reader
