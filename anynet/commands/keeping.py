"""Keeping what was learnt: in the file that was named or, where that cannot be written, in another that can."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from anynet.checks import path_shown
from anynet.commands import errors
from anynet.commands.options import DEFAULT_OUTPUT, numbered
from anynet.formats.replacing import replace_file


def keep(write: Callable[[BinaryIO], Any], path: Path, replaces: bool) -> Path:
    """Write a file, and return where: hours of training may be in it, so that no failure is a reason to give up.

    Args:
        write: `write(file)` writes it.
        path: Where to. It is numbered if it exists, however many programs ask for it at once.
        replaces: Write over what is there.

    Raises:
        OSError: It cannot be written anywhere.
        ValueError: Nor where there is no regular file to replace, but a pipe, say.
    """
    try:
        if not replaces:
            return as_new(write, path)
        replace_file(path, write)
        return path
    except Exception as error:  # a disk that is full, a pipe that has the name: whatever it is
        for other in _elsewhere(path):
            try:
                kept = as_new(write, other)
            except Exception:  # the first is told
                continue
            errors.complain(f"{errors.words_of(error).rstrip('.')}. It was written to {path_shown(kept)} instead.")
            return kept
        raise


def as_new(write: Callable[[BinaryIO], Any], path: Path) -> Path:
    """Write a new file by the path, or the first of its numbered forms that is free."""
    for free in numbered(path):
        try:
            replace_file(free, write, is_new=True)
        except FileExistsError:
            continue
        return free
    raise AssertionError("numbers do not end")


def _elsewhere(path: Path) -> Iterator[Path]:
    """Yield other names in the folder, for the name may be what fails, then places in other folders."""
    yield path
    yield path.with_name(DEFAULT_OUTPUT.name)
    for folder in (Path.cwd, Path.home, tempfile.gettempdir):
        try:
            yield Path(folder()).absolute() / DEFAULT_OUTPUT.name
        except (OSError, RuntimeError):  # the current folder is gone, nobody's home is known, or nothing is writable
            continue
