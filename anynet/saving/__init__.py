"""Saving: networks to files and back, a file here for each program whose files are read.

What a file is, its first bytes tell. No file is trusted, and nothing is ever unpickled.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from anynet.checks import path_of, path_shown, warn
from anynet.formats.bounded import GZIP_MAGIC, MAX_BYTES, Held, Source, binary, opened
from anynet.saving import native, network2, saito
from anynet.saving.native import write, write_into
from anynet.saving.saved import SavedNetwork
from anynet.trees import arrays_of, map_arrays

__all__ = ["PROGRAMS", "SavedNetwork", "read", "write", "write_into"]

# Asked in this order, whether a file that begins so is theirs.
PROGRAMS: dict[str, tuple[Callable[[bytes, bool], bool], Callable[[Source, int], SavedNetwork]]] = {
    "network2": (network2.is_mine, network2.read),
    "saito": (saito.is_mine, saito.read),
    "native": (native.is_mine, native.read),
}


def read(path: str | Path | BinaryIO, max_bytes: int = MAX_BYTES, dtype: str | None = None) -> SavedNetwork:
    """Return the network in a file of any of the programs, checked.

    Args:
        path: The file, by the name that it was saved by: ".npz" may be left out. Or one that is open for reading
            bytes.
        max_bytes: How much may be unpacked of another program's file.
        dtype: What its arrays come in; None is the file's own.

    Raises:
        OSError: It cannot be read.
        ValueError: It holds no network.
    """
    source = Held(path, max_bytes) if hasattr(path, "read") else _as_saved(path)  # type: ignore[arg-type]
    saved = _reader_of(source)(source, max_bytes)
    return _in_dtype(saved, dtype, source)


def _as_saved(path: str | Path) -> Path:
    """Return the file that saving by this name has written, or the path itself if there is none.

    What was saved last by a name is found by it, though an older file bears the bare name.
    """
    path = path_of(path)
    saved = path.parent / f"{path.name}.npz"
    if path.suffix == ".npz" or path.name in ("", "..") or not saved.is_file():
        return path
    if path.is_file():
        told = path_shown(path), path_shown(saved)
        warn(f"{told[0]}: there is {told[1]} too, which save({path.name!r}) writes; that one is opened.")
    return saved


def _reader_of(path: Source) -> Callable[[Source, int], SavedNetwork]:
    with binary(path) as file:
        is_packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    with opened(path) as reader:
        head = bytes(reader.peek()[:64])
    return next(read for is_mine, read in PROGRAMS.values() if is_mine(head, is_packed))


def _in_dtype(saved: SavedNetwork, dtype: str | None, path: Source) -> SavedNetwork:
    """Return the network with its arrays in a dtype, and warn if numbers are then not finite."""
    dtype = dtype or saved.dtype
    with np.errstate(over="ignore"):  # what is too large for float32 is told of here
        parameters, state = map_arrays(lambda a: a.astype(dtype, copy=False), (saved.parameters, saved.state))
    if not all(np.isfinite(a).all() for a in arrays_of(parameters)):
        warn(f"{path_shown(path)}: there are NaN or infinite numbers among the parameters.")
    return replace(saved, dtype=dtype, parameters=parameters, state=state)
