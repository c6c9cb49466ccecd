"""How errors are told: a user's mistake in one line, and a mistake of ours as what it is.

A refusal, which says what was expected and what to do, comes from a `raise` in a file of
anynet. What the interpreter or a library raises by itself, whatever its words, is a bug.
"""

import argparse
import sys
import traceback
from collections.abc import Collection
from contextlib import suppress
from opcode import opmap

from anynet.checks import path_shown, shown
from anynet.commands.terminal import as_called

FAILURE, USAGE, OUR_MISTAKE = 1, 2, 70  # the last is EX_SOFTWARE of sysexits.h

_REFUSALS = (ValueError, TypeError, ImportError, RuntimeError, FloatingPointError)
_CIRCUMSTANCES = (OSError, MemoryError)  # a file that is not there, a machine that is full: whoever raises them


class UsageError(Exception):
    """A mistake in what was typed, as opposed to a failure of what it asked for."""


def is_for_the_user(error: BaseException) -> bool:
    """Return whether an error tells a user what to do, rather than us that we are wrong."""
    if isinstance(error, (UsageError, *_CIRCUMSTANCES)):
        return True
    return isinstance(error, _REFUSALS) and _is_refusal(error)


def _is_refusal(error: BaseException) -> bool:
    """Return whether a `raise` in a file of anynet is where an error began.

    Its words would not tell: Python too says "expected 2, got 3", of what we unpack wrongly.
    """
    if error.__traceback__ is None:
        return False
    end = error.__traceback__
    while end.tb_next is not None:
        end = end.tb_next
    package = str(end.tb_frame.f_globals.get("__name__")).partition(".")[0]
    return package == "anynet" and end.tb_frame.f_code.co_code[end.tb_lasti] == opmap["RAISE_VARARGS"]


def tell(error: Exception, arguments: argparse.Namespace) -> int:
    """Print an error, and return the exit code that goes with it: wrong usage where it is about what was typed.

    Args:
        error: What went wrong.
        arguments: What was typed, as far as it has been read. Where a refusal begins with the
            name of an argument, the option is named: `--batch-size` for `batch_size`.
    """
    if arguments.traceback:
        traceback.print_exception(error)
    if is_for_the_user(error):
        words = _with_option(error, vars(arguments))
        complain(words)
        return USAGE if isinstance(error, UsageError) or words.startswith("--") else FAILURE
    what = f"{type(error).__name__}: {words_of(error)}".rstrip(".")
    cure = "Report it, with the lines above" if arguments.traceback else "Run again with --traceback, and report it"
    complain(f"this is a mistake of anynet's own, not yours: {what}. {cure}.")
    return OUR_MISTAKE


def _with_option(error: Exception, options: Collection[str]) -> str:
    """Return the words of an error, which name an option where the error names its argument."""
    words = words_of(error)
    argument, colon, rest = words.partition(":")
    name = argument.replace(" ", "_")
    is_option = isinstance(error, (ValueError, TypeError)) and name in options
    return f"--{name.replace('_', '-')}{colon}{rest}" if is_option else words


def complain(sentence: str) -> None:
    """Print a line on standard error, if that takes one."""
    with suppress(OSError):
        print(f"anynet: {shown(as_called(sentence), in_one_line=True)}", file=sys.stderr)


def words_of(error: Exception) -> str:
    """Return what an error says, in one line."""
    if isinstance(error, IsADirectoryError) and error.filename is not None:
        return f"{error.filename}: expected a file, got a folder. Name a file in it."
    if isinstance(error, OSError) and error.filename is not None:
        return f"{path_shown(error.filename)}: {error.strerror}."
    return " ".join(str(error).split()) or type(error).__name__
