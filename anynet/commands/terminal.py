"""The terminal: what is printed for people to read."""

import shutil
import sys
import textwrap


def say(text: str, hanging: int = 2) -> None:
    """Print, folded to the width of the terminal where there is one, and at once; what is folded hangs so far."""
    if sys.stdout.isatty():
        columns = shutil.get_terminal_size().columns
        wrapper = textwrap.TextWrapper(  # what is to be copied, a path or an option, stays whole
            columns, subsequent_indent=hanging * " ", break_on_hyphens=False, break_long_words=False
        )
        text = "\n".join(map(wrapper.fill, text.split("\n")))
    print(text, flush=True)


def be_silent(text: str) -> None:
    """Print nothing."""
