"""The terminal: what is printed for people to read, and what for programs."""

import shutil
import sys
import textwrap


class OutputError(OSError):
    """Standard output takes no more: no fault of what was asked, and nothing to go on with."""


def tell(line: str) -> None:
    """Print a line as it stands, and at once.

    Raises:
        OutputError: It cannot be written, for the disk is full, say.
        BrokenPipeError: Its reader, such as `head`, has seen enough.
    """
    try:
        print(line, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.errno, error.strerror) from None


def say(text: str, hanging: int = 2) -> None:
    """Print, folded to the width of the terminal where there is one, and at once; what is folded hangs so far."""
    columns = width()
    if columns is not None:
        wrapper = textwrap.TextWrapper(  # what is to be copied, a path or an option, stays whole
            columns, subsequent_indent=hanging * " ", break_on_hyphens=False, break_long_words=False
        )
        text = "\n".join(map(wrapper.fill, text.split("\n")))
    tell(text)


def width() -> int | None:
    """Return how many columns the terminal has; None if the output goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def be_silent(text: str) -> None:
    """Print nothing."""
