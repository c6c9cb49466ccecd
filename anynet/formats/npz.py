"""NPZ: named arrays and a header, to disk and back. It knows no network.

A file is an uncompressed `.npz`, which `np.load` reads; the header is JSON in an entry of
its own. Nothing is ever pickled. Writing is atomic: whatever happens meanwhile, the path
holds either the old file or the new one, whole. Reading trusts nothing: what an archive
declares is checked before any of it is unpacked.
"""

import json
import math
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from anynet.formats.bounded import Source, binary, check_inflation
from anynet.formats.contents import got
from anynet.formats.replacing import replace_file
from anynet.typing import HostArray

HEADER = "header"

_NPY_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_ARRAY_KINDS = "biufU"  # numbers, and the text of the header


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
    np.savez(file, allow_pickle=False, **arrays, **{HEADER: np.array(json.dumps(header))})


def with_suffix(path: str | Path) -> Path:
    """Return the path with ".npz" added if it ends otherwise.

    Args:
        path: The file that is to be written.

    Raises:
        ValueError: It names no file, such as "", ".." or "folder/".
    """
    is_folder = str(path).endswith(tuple(filter(None, (os.sep, os.altsep))))
    if is_folder or Path(path).name in ("", ".."):
        raise ValueError(f"path: expected the name of a file, got {str(path)!r}. Give one such as network.npz.")
    path = Path(path)
    return path if path.suffix == ".npz" else path.with_name(path.name + ".npz")


def read(path: Source, names: Sequence[str] | None = None) -> tuple[dict[str, HostArray], dict[str, Any] | None]:
    """Return the arrays in an `.npz` file, and its header.

    Everything that the file declares is checked before anything large is unpacked.

    Args:
        path: The file, compressed or not.
        names: The arrays to unpack; by default all. Names that the file lacks are passed over.

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
            with zipfile.ZipFile(file) as archive:
                entries = _declared(archive, file.seek(0, os.SEEK_END))
                wanted = entries if names is None else entries.keys() & set(names)
                arrays = {name: _unpacked(archive, entries[name]) for name in wanted}
            header = arrays.pop(HEADER, None)
            return arrays, None if header is None else _parsed(header)
        except _DAMAGE as error:
            raise ValueError(f"{path}: expected an .npz file of plain arrays, {_got(file, error)}") from None


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
    MemoryError,
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
    message = " ".join(str(error).split())[:200].rstrip(".")
    return message or type(error).__name__


@dataclass(frozen=True)
class _Entry:
    """What an archive declares of one array."""

    member: zipfile.ZipInfo
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool
    begin: int  # of the numbers, in bytes from the start of the member


def _declared(archive: zipfile.ZipFile, file_size: int) -> dict[str, _Entry]:
    """Return what an archive says that it holds, checked to be possible."""
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        raise ValueError(f"the name {max(names, key=names.count)!r} twice")
    total = sum(member.file_size for member in members)
    check_inflation(total, file_size)
    return {member.filename.removesuffix(".npy"): _entry(archive, member) for member in members}


def _entry(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> _Entry:
    """Return what a member of an archive declares, read from its first bytes alone."""
    if not member.filename.endswith(".npy"):
        raise ValueError(f"{member.filename!r}, which is no .npy array")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member.filename!r} in an unusual compression")
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        if version not in _NPY_HEADERS:
            raise ValueError(f"version {version} of the .npy format")
        shape, is_fortran, dtype = _NPY_HEADERS[version](stream)
        begin = stream.tell()
    if dtype.kind not in _ARRAY_KINDS:
        why = "is bytes: save names with .astype(str)" if dtype.kind == "S" else "would need pickle or is no number"
        raise ValueError(f"{member.filename!r} of {dtype}, which {why}")
    expected = begin + math.prod(shape) * dtype.itemsize
    if any(n < 0 for n in shape) or expected != member.file_size:
        raise ValueError(f"{member.filename!r} of the shape {shape} in {member.file_size} bytes instead of {expected}")
    return _Entry(member, shape, dtype, is_fortran, begin)


def _unpacked(archive: zipfile.ZipFile, entry: _Entry) -> HostArray:
    """Return the array of an entry, in the byte order of this machine."""
    data = archive.read(entry.member)  # to its end, so that the checksum is verified
    array = np.frombuffer(data, entry.dtype, offset=entry.begin)
    array = array.reshape(entry.shape, order="F" if entry.is_fortran else "C")
    return array.astype(entry.dtype.newbyteorder("="), copy=False)


def _parsed(header: HostArray) -> dict[str, Any]:
    """Return the header in its array of text."""
    if header.dtype.kind != "U" or header.shape != ():
        raise ValueError(f"a header of {header.dtype} and the shape {header.shape} instead of one text")
    parsed = json.loads(str(header))
    if not isinstance(parsed, dict):
        raise ValueError(f"a header that is a {type(parsed).__name__} instead of a JSON object")
    return parsed
