"""Files: named arrays and a header, to disk and back. It knows no network.

A file is an uncompressed `.npz`, which `np.load` reads; the header is JSON in an entry of
its own. Nothing is ever pickled. Writing is atomic: whatever happens meanwhile, the path
holds either the old file or the new one, whole.
"""

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

HostArray = np.ndarray[Any, Any]

HEADER = "header"


def write(path: str | Path, arrays: Mapping[str, Any], header: Mapping[str, Any]) -> Path:
    """Write named arrays, or what NumPy makes of them, and a header; return the path.

    As with `np.savez`, ".npz" is added to a name that lacks it. Raises OSError if the
    file cannot be written; what was at the path is then still there.
    """
    path = with_suffix(path)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            np.savez(file, allow_pickle=False, **arrays, **{HEADER: np.array(json.dumps(header))})
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).chmod(_mode(path))
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    return path


def with_suffix(path: str | Path) -> Path:
    """Return the path with ".npz" added if it ends otherwise."""
    path = Path(path)
    return path if path.suffix == ".npz" else path.with_name(path.name + ".npz")


def _mode(path: Path) -> int:
    """Return the permissions of the file that is replaced, or of a new file."""
    if path.exists():
        return path.stat().st_mode & 0o7777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def read(path: str | Path) -> tuple[dict[str, HostArray], dict[str, Any] | None]:
    """Return the arrays in an `.npz` file by name, and its header, None if it has none.

    Raises OSError if the file cannot be read, ValueError if it is no such file or would
    need pickle.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: expected an .npz file of plain arrays, got {error}.") from None
    header = arrays.pop(HEADER, None)
    return arrays, None if header is None else _parsed(header, path)


def _parsed(header: HostArray, path: str | Path) -> dict[str, Any]:
    try:
        parsed = json.loads(str(header))
    except ValueError as error:
        raise ValueError(f"{path}: expected a header of JSON, got {error}.") from None
    if not isinstance(parsed, dict):
        raise ValueError(f"{path}: expected a header of JSON, an object, got {type(parsed).__name__}.")
    return parsed
