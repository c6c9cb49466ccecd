"""Standard input, named `-` where a command takes a file: `cat digit.png | anynet predict network.npz -`.

Readers look into a file more than once, which a pipe does not allow. So what arrives is put
into a temporary file, which is called "standard input" in all that is printed.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from anynet import signals
from anynet.commands.errors import UsageError
from anynet.commands.terminal import called
from anynet.formats.bounded import MAX_BYTES
from anynet.formats.replacing import temporary_file

NAME = "standard input"
_FILES = ("file", "files", "images", "data")  # the arguments that name files to be read


@contextmanager
def taken_for_a_dash(arguments: argparse.Namespace) -> Iterator[None]:
    """Let `-` among the files to be read stand for standard input, for a `with` statement.

    Raises:
        UsageError: It is asked for twice, or is a terminal.
        ValueError: Nothing arrives, or too much.
    """
    given = {name: value for name in _FILES if (value := getattr(arguments, name, None)) is not None}
    n = sum((value == "-") if isinstance(value, str) else value.count("-") for value in given.values())
    if n == 0:
        yield
        return
    if n > 1:
        raise UsageError(f"-: expected it once, for {NAME} can be read once, got it {n} times. Name the other file.")
    content = _arrived()
    with signals.handled(_stop), temporary_file(content) as path:
        for name, value in given.items():
            setattr(arguments, name, _replaced(value, str(path)))
        with called(str(path), NAME):
            yield


def _replaced(value: Any, path: str) -> Any:
    """Return what was typed for an argument, with the path for `-`."""
    if isinstance(value, str):
        return path if value == "-" else value
    return [path if word == "-" else word for word in value]


def _arrived() -> bytes:
    """Return all that arrives on standard input."""
    if sys.stdin is None or sys.stdin.isatty():
        got = "a terminal" if sys.stdin else "none"
        raise UsageError(f"-: expected a file on {NAME}, got {got}. Add < FILE, or name the file.")
    content = sys.stdin.buffer.read(MAX_BYTES + 1)
    if not content:
        raise ValueError(f"{NAME}: expected a file, got nothing. See whether what stands before the pipe has failed.")
    if len(content) > MAX_BYTES:
        raise ValueError(f"{NAME}: expected at most {MAX_BYTES:,} bytes, got more. Name the file instead.")
    return content


def _stop(number: int, frame: object) -> NoReturn:
    """End in good order, so that no temporary file is left."""
    raise KeyboardInterrupt(number)
