"""NPZ: named arrays and a header, to disk and back. It knows no network.

A file is an uncompressed `.npz`, which `np.load` reads; the header is JSON in an entry of
its own. Nothing is ever pickled. Writing is atomic: whatever happens meanwhile, the path
holds either the old file or the new one, whole. Reading trusts nothing: what an archive
declares is checked before any of it is unpacked.
"""

import math
import os
import re
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from json import dumps
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from anynet.checks import as_code, path_of, path_shown, shown
from anynet.formats import json
from anynet.formats.bounded import Source, binary, check_inflation, is_of_the_system
from anynet.formats.byte_order import native
from anynet.formats.contents import got
from anynet.formats.replacing import replace_file
from anynet.typing import HostArray

HEADER = "header"

_ENTRIES = "entries"  # of the header: the names of all others, so that one that is lost is missed
_MAX_DIRECTORY = 2**21  # bytes: thirty thousand entries
_MAX_HEAD = 2**14  # bytes in which an array says what it is
_PIECE = 2**20  # bytes that are unpacked at a time
_MAX_DIMENSIONS = 64  # of an array of NumPy
_PLAIN = frozenset(["?", "b1", "f2", "f4", "f8", *(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8))])
_FOREIGN = {"O": "object", "M": "datetime64", "m": "timedelta64", "V": "records", "c": "complex", "f": "float"}

_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4}  # of what an array says, by the version of the format
_NPY = re.compile(
    rb"""\s*+\{(?:\s*+(?:
        'descr'\s*+:\s*+(?:'(?P<order>[<>|=]?)(?P<kind>[?biufcmMOSUV])(?P<size>[0-9]{0,10})(?:(?<=[Mm]8)\[[^\]']{0,20}\])?'
            |\[[^\[\]]*+\])
        |'fortran_order'\s*+:\s*+(?P<is_fortran>True|False)
        |'shape'\s*+:\s*+\((?P<shape>(?:\s*+-?[0-9]{1,30}+L?\s*+,)*+(?:\s*+-?[0-9]{1,30}+L?)?+)\s*+\)
    )\s*+,?+)*+\s*+\}\s*+""",
    re.VERBOSE,
)


def write(path: str | Path, arrays: Mapping[str, Any], header: Mapping[str, Any]) -> Path:
    """Write named arrays and a header into a file, whole or not at all.

    Args:
        path: The file; as with `np.savez`, ".npz" is added to a name that lacks it. What is
            there is replaced, and its permissions are kept.
        arrays: The arrays, or what NumPy makes arrays of, by name.
        header: What JSON takes; it becomes a text in an entry called `HEADER`.

    Returns:
        The path of the file, with its ".npz".

    Raises:
        OSError: The file cannot be written; what was at the path is then still there.
        ValueError: The path names no file, or an array would need pickle.
        TypeError: JSON does not take the header.
    """
    path = with_suffix(path)
    replace_file(path, partial(write_into, arrays=arrays, header=header))
    return path


def write_into(file: BinaryIO, arrays: Mapping[str, Any], header: Mapping[str, Any]) -> None:
    """Write named arrays and a header into an open file; the arguments, and what is raised, are those of `write`."""
    text = dumps({**header, _ENTRIES: list(arrays)}, ensure_ascii=False)
    try:
        json.check(text)
    except ValueError as error:
        raise ValueError(f"header: expected what is read again, got {error}. Shorten names of classes.") from None
    np.savez(file, allow_pickle=False, **{HEADER: np.array(text)}, **arrays)  # it comes first


def with_suffix(path: str | Path) -> Path:
    """Return the path with ".npz" added if it ends otherwise.

    Args:
        path: The file that is to be written.

    Raises:
        ValueError: It names no file, such as "", ".." or "folder/".
    """
    given, path = path, path_of(path)
    is_folder = str(given).endswith(tuple(filter(None, (os.sep, os.altsep))))
    if is_folder or path.name in ("", ".."):
        raise ValueError(f"path: expected the name of a file, got {as_code(str(given))}. Give one such as network.npz.")
    return path if path.suffix == ".npz" else path.with_name(path.name + ".npz")


def read(path: Source, names: Collection[str] | None = None) -> tuple[dict[str, HostArray], dict[str, Any] | None]:
    """Return the arrays in an `.npz` file, and its header.

    Everything that the file declares is checked before anything large is unpacked.

    Args:
        path: The file, compressed or not.
        names: The arrays to unpack; by default all. Names that the file lacks are passed over,
            and other entries are not looked at.

    Returns:
        The arrays by name, in the byte order of this machine, and the header, which is None
        if the file has none, or if `names` leaves it out.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It is no such file, is damaged, would need pickle, declares what is not
            there, or would inflate beyond measure.
    """
    with binary(path) as file:
        try:
            with zipfile.ZipFile(_Measured(file)) as archive:
                entries = _declared(archive, file.seek(0, os.SEEK_END), names)
                _check_header(entries.get(HEADER))
                arrays = {name: _unpacked(archive, entry) for name, entry in entries.items()}
            header = arrays.pop(HEADER, None)
            return arrays, None if header is None else _parsed(header, arrays if names is None else None)
        except _DAMAGE as error:
            if is_of_the_system(error):
                raise
            raise ValueError(
                f"{path_shown(path)}: expected an .npz file of plain arrays, {_got(file, error)}"
            ) from None


class _Measured:
    """An open file, of which no more is read at once than the directory of an archive may be long."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.seek, self.tell, self.seekable = file, file.seek, file.tell, file.seekable

    def read(self, n: int = -1) -> bytes:
        """Return the next n bytes, or all that are left."""
        data = self.file.read(_MAX_DIRECTORY + 1 if n < 0 else min(n, _MAX_DIRECTORY + 1))
        if len(data) > _MAX_DIRECTORY:
            raise ValueError("more entries than any file of arrays has")
        return data


# What zipfile, zlib and NumPy raise when a file is not what it seems.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    OSError,  # seeking to where a damaged directory points
    SyntaxError,
    UnicodeError,
)


def _got(file: BinaryIO, error: BaseException) -> str:
    """Return what came instead of a whole archive, and what to do."""
    file.seek(0)
    head = file.read(1000)
    if not head.startswith(b"PK"):
        return got(head, "Give one that np.savez or save wrote")
    if "not a zip file" in str(error):  # it lacks its end
        return "got one that is cut short. Fetch it again."
    return f"got {_described(error)}."


def _described(error: BaseException) -> str:
    """Return what an error says, in one short line."""
    message = shown(" ".join(str(error)[:1000].split()), 200).rstrip(".")
    return message or type(error).__name__


@dataclass(frozen=True)
class _Entry:
    """What an archive declares of one array."""

    member: zipfile.ZipInfo
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool
    begin: int  # of the numbers, in bytes from the start of the member
    data: bytearray | None  # all of it, where it is short


def _declared(archive: zipfile.ZipFile, file_size: int, wanted: Collection[str] | None) -> dict[str, _Entry]:
    """Return what an archive says that it holds, of what is wanted, checked to be possible."""
    members = archive.infolist()
    if members and min(member.header_offset for member in members) > 0:
        raise ValueError("one whose first entry is not in its directory")
    if wanted is not None:
        members = [member for member in members if member.filename.removesuffix(".npy") in wanted]
    counts = Counter(member.filename.removesuffix(".npy") for member in members)
    if len(counts) < len(members):
        raise ValueError(f"the name {counts.most_common(1)[0][0][:80]!r} twice")
    check_inflation(sum(member.file_size for member in members), file_size)
    return {member.filename.removesuffix(".npy"): _entry(archive, member) for member in members}


def _entry(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> _Entry:
    """Return what a member of an archive declares, read from its first bytes alone."""
    name = repr(member.filename[:80])
    if not member.filename.endswith(".npy"):
        raise ValueError(f"{name}, which is no .npy array")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} in an unusual compression")
    with _opened(archive, member) as stream:
        head = stream.read(_MAX_HEAD)
    shape, dtype, is_fortran, begin = _said(head, name)
    expected = begin + math.prod(shape) * dtype.itemsize
    if any(n < 0 for n in shape) or expected != member.file_size:
        described = f"{name} of the shape {str(shape)[:80]} in {member.file_size} bytes"
        raise ValueError(f"{described} instead of {str(expected)[:40]}")
    return _Entry(member, shape, dtype, is_fortran, begin, bytearray(head) if len(head) < _MAX_HEAD else None)


def _said(head: bytes, name: str) -> tuple[tuple[int, ...], np.dtype[Any], bool, int]:
    """Return the shape, the dtype and the order that an array's first bytes say, and where its numbers begin.

    NumPy would read them as Python, whose parsers warn and fail in many ways.
    """
    if head[:6] != b"\x93NUMPY":
        raise ValueError(f"{name} without the magic bytes of an .npy array")
    version = head[6], head[7]
    if version not in _LENGTH_BYTES:
        raise ValueError(f"version {version} of the .npy format")
    at = 8 + _LENGTH_BYTES[version]
    begin = at + int.from_bytes(head[8:at], "little")
    found = _NPY.fullmatch(head[at:begin].replace(b'"', b"'"))
    if begin > len(head) or found is None or None in (found["shape"], found["is_fortran"]):
        raise ValueError(f"{name}, which does not say what it is")
    shape = tuple(int(n) for n in re.findall(rb"-?[0-9]+", found["shape"]))
    if len(shape) > _MAX_DIMENSIONS:
        raise ValueError(f"{name} of {len(shape)} dimensions")
    order, kind, size = ((found[part] or b"").decode() for part in ("order", "kind", "size"))
    return shape, _dtype(order, kind or "O", size, name), found["is_fortran"] == b"True", begin


def _dtype(order: str, kind: str, size: str, name: str) -> np.dtype[Any]:
    """Return the dtype of numbers or of text; NumPy hears of no other, for it divides by what some of them say."""
    if kind + size in _PLAIN or (kind == "U" and 0 < len(size) < 9):
        return np.dtype(order + kind + size)
    if kind == "S":
        raise ValueError(f"{name} of {order}S{size}, which is bytes: save names with .astype(str)")
    bits = str(8 * int(size)) if kind in "cf" and size else ""
    raise ValueError(f"{name} of {_FOREIGN.get(kind, kind + size)}{bits}, which would need pickle or is no number")


def _check_header(entry: _Entry | None) -> None:
    """Check that a header is one text, and no longer than a header is."""
    if entry is None:
        return
    if entry.dtype.kind != "U" or entry.shape != ():
        raise ValueError(f"a header of {entry.dtype} and the shape {str(entry.shape)[:80]} instead of one text")
    if entry.dtype.itemsize > 4 * json.MAX_LENGTH:
        raise ValueError(f"a header of {entry.dtype.itemsize // 4} characters")


def _unpacked(archive: zipfile.ZipFile, entry: _Entry) -> HostArray:
    """Return the array of an entry, in the byte order of this machine."""
    data = _bytes_of(archive, entry.member) if entry.data is None else entry.data
    if len(data) != entry.member.file_size:
        raise ValueError(f"{entry.member.filename[:80]!r} of another length than the directory says")
    if entry.dtype.kind == "U":
        codes = np.frombuffer(data, np.dtype("u4").newbyteorder(entry.dtype.byteorder), offset=entry.begin)
        if codes.size and codes.max() > sys.maxunicode:
            raise ValueError(f"text in {entry.member.filename[:80]!r} that is none")
    array = native(np.frombuffer(data, entry.dtype, offset=entry.begin))
    return array.reshape(entry.shape, order="F" if entry.is_fortran else "C")


def _bytes_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytearray:
    """Return the bytes of a member, whose checksum is verified; at most one more than the directory says."""
    data = bytearray()
    with _opened(archive, member) as stream:
        while piece := stream.read(_PIECE):
            data += piece
    return data


def _opened(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    """Return a member, opened so that one byte more than the directory says is read, if there is one."""
    member.file_size += 1
    try:
        return archive.open(member)
    finally:
        member.file_size -= 1


def _parsed(header: HostArray, arrays: Collection[str] | None) -> dict[str, Any]:
    """Return the header in its array of text, found to name no arrays but those that there are, if they are known."""
    told = json.parsed(str(header))
    if not isinstance(told, dict):
        raise ValueError(f"a header that is a {type(told).__name__} instead of a JSON object")
    named = told.pop(_ENTRIES, [])  # earlier versions have not written them
    missing = [name for name in named if name not in arrays] if arrays is not None else []
    if missing:
        raise ValueError(f"no entry {str(missing[0])[:80]!r}, which its header names")
    return told
