"""The terminal: what is printed for people to read, and what for programs."""

import ctypes
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from anynet.checks import shown

_names: dict[str, str] = {}  # a path, or other words -> what is printed instead


class OutputError(OSError):
    """Standard output takes no more: no fault of what was asked, and nothing to go on with."""


@contextmanager
def called(path: str, name: str) -> Iterator[None]:
    """Print another name in the place of a path, or of other words, for the `with` statement, and in its errors."""
    _names[path] = name
    try:
        yield
    except Exception as error:  # is told when the statement is left
        error.args = tuple(as_called(each) if isinstance(each, str) else each for each in error.args)
        raise
    finally:
        del _names[path]


def as_called(text: str) -> str:
    """Return a text as it is printed: some files are called otherwise than by their paths."""
    for path, name in _names.items():
        text = text.replace(path, name)
    return text


def hush_libtiff() -> None:
    """Let libtiff, by which Pillow reads TIFF pictures, print nothing of damaged ones: our own line says what came.

    This is for all of the process, and so for programs alone: who imports anynet may want its words. Where it cannot be
    found in Pillow, it goes on printing.
    """
    with suppress(ImportError, OSError, AttributeError):
        from PIL import _imaging

        ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)


def tell(text: str) -> None:
    """Print a line, or a table of ours in lines, as it stands, and at once.

    Raises:
        OutputError: It cannot be written, for the disk is full, say.
        BrokenPipeError: Its reader, such as `head`, has seen enough.
    """
    try:
        print(shown(as_called(text), sys.maxsize), flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.errno, error.strerror) from None


def say(text: str, hanging: int = 2) -> None:
    """Print a line, folded to the width of the terminal where there is one, and at once; the rest hangs so far."""
    columns, text = width(), shown(as_called(text), sys.maxsize, in_one_line=True)
    if columns is not None:
        wrapper = textwrap.TextWrapper(  # what is to be copied, a path or an option, stays whole
            columns, subsequent_indent=hanging * " ", break_on_hyphens=False, break_long_words=False
        )
        text = wrapper.fill(text)
    tell(text)


def width() -> int | None:
    """Return how many columns the terminal has; None if the output goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def as_shown(text: str) -> str:
    """Return a text as standard output will show it: escaped where its encoding lacks a character."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def columns_of(text: str) -> int:
    """Return how many columns of a terminal a text takes: Chinese characters take two, combining ones none."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.category(c) in ("Mn", "Me", "Cf") for c in text)


def to_the_right(text: str, columns: int) -> str:
    """Return a text after as many blanks as make it end at a column."""
    return " " * (columns - columns_of(text)) + text


def be_silent(text: str) -> None:
    """Print nothing."""
