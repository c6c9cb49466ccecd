"""What a user hands over, checked: names and values of a table, whole numbers, positive ones.

Every error says where, what was expected, what came, and what to do. Numbers come back as
Python's own: one of NumPy would promote float32 arrays to float64, and JSON takes none.
"""

import difflib
import math
import re
import sys
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
MAX_NAME = 200  # characters of a name of a class, a column or a category
NAMES = f"printable names of at most {MAX_NAME} characters"
MAX_NAMES = 2**20  # of all names of classes, which a file holds in a header of bounded length
LARGEST = 2**63 - 1  # of what is counted
MAX_SHOWN = 2_000  # characters of a message
MAX_DIGITS = 100  # of a number that is typed
_WHOLE = re.compile("[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|inf|infinity|nan)", re.IGNORECASE)
_read: ContextVar[str] = ContextVar("_read", default="")
_JOINERS = str.maketrans("", "", "\u200c\u200d")  # Persian and emoji are written with them, and no terminal obeys them


def look_up(table: Mapping[str, T], name: object, what: str) -> T:
    """Return `table[name]`.

    Args:
        table: What exists, by name.
        name: The name that was given.
        what: What is named, for errors.

    Raises:
        TypeError: The name is no string.
        ValueError: The table lacks it; the error lists the names that exist, and the nearest.
    """
    if not isinstance(name, str):
        raise TypeError(f"{what}: expected a name, got {as_code(name)}. Give one of {_listed(table)}.")
    if name not in table:
        raise ValueError(f"{what}: expected one of {_listed(table)}, got {as_code(name)}.{_nearest(table, name)}")
    return table[name]


def value_of(table: Mapping[str, T], given: object, kind: type[T], what: str) -> T:
    """Return a value that was given itself, or by its name in a table.

    Args:
        table: What exists, by name.
        given: A name, or a value of that kind, a user's own say.
        kind: The class of values.
        what: What is asked for, for errors.

    Raises:
        TypeError: It is neither, a class instead of a value say.
        ValueError: The table lacks the name.
    """
    if isinstance(given, kind):
        return given
    if isinstance(given, str):
        return look_up(table, given, what)
    if isinstance(given, type):
        got = f"the class {given.__name__}. Make a value of it: {given.__name__}(...)"
    else:
        got = f"{as_code(given)}. Give one of {_listed(table)}, or a value of your own"
    raise TypeError(f"{what}: expected a name or a value {kind.__name__}(...), got {got}.")


def whole_number(argument: str, number: object, least: int = 1, most: int = LARGEST, limits: str = "") -> int:
    """Return a whole number as Python's, found to lie between two bounds.

    Args:
        argument: Its name, for errors.
        number: What was given.
        least: The smallest that will do.
        most: The largest.
        limits: How errors put the bounds, where "1 to 10" says too little.

    Raises:
        TypeError: It is no whole number.
        ValueError: It lies outside.
    """
    if isinstance(number, bool) or not isinstance(number, Integral):
        raise TypeError(f"{argument}: expected a whole number, got {as_code(number)} of type {type(number).__name__}.")
    if not least <= int(number) <= most:
        is_open = most == LARGEST and int(number) < least
        limits = limits or (f"at least {least}" if is_open else f"{least} to {most}")
        raise ValueError(f"{argument}: expected {limits}, got {as_code(number)}.")
    return int(number)


def positive_number(argument: str, number: object) -> float:
    """Return a number above 0 as Python's float; raises as `number_in` does."""
    return number_in(argument, number, "a finite number above 0", lambda n: n > 0)


def number_in(argument: str, number: object, domain: str, lies_in: Callable[[float], bool]) -> float:
    """Return a finite number as Python's float, found to lie in a domain.

    Args:
        argument: Its name, for errors.
        number: What was given.
        domain: What is expected, in words: "a finite number above 0".
        lies_in: `lies_in(number)` says whether it will do.

    Raises:
        TypeError: It is no number.
        ValueError: It is not finite, or lies outside.
    """
    if isinstance(number, bool) or not isinstance(number, Real):
        raise TypeError(f"{argument}: expected a number, got {as_code(number)}.")
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if not (math.isfinite(value) and lies_in(value)):
        raise ValueError(f"{argument}: expected {domain}, got {as_code(number)}.")
    return value


def typed_number(text: str, is_whole: bool = False) -> float:
    """Return a number that was typed, in the digits 0 to 9, which Python's own reading has others beside.

    Args:
        text: What was typed.
        is_whole: Whether only a whole number will do, which then comes as an int.

    Raises:
        ValueError: It is no such number, or has hundreds of digits.
    """
    text = text.strip()
    if len(text) > MAX_DIGITS or not (_WHOLE if is_whole else _NUMBER).fullmatch(text):
        raise ValueError(f"expected a {'whole ' * is_whole}number, got {as_code(text)}")
    return int(text) if is_whole else float(text)


def check_own(value: Any, functions: Iterable[str], perhaps: Iterable[str] = ()) -> None:
    """Check what a value that a user has made is to have: a name, and functions.

    Args:
        value: An activation, say.
        functions: The names of its attributes that are functions.
        perhaps: Those of some that may be None.

    Raises:
        TypeError: The name is no text, or one of them is no function.
    """
    if not isinstance(value.name, str):
        raise TypeError(f"name: expected a text, got {as_code(value.name)}.")
    for argument in (*functions, *perhaps):
        given = getattr(value, argument)
        if not callable(given) and (given is not None or argument in functions):
            raise TypeError(f"{argument}: expected a function, got {as_code(given)}.")


def check_network(given: object) -> None:
    """Check that something is a network, or an ensemble, as its attributes say; TypeError otherwise."""
    if not hasattr(given, "architecture"):
        raise TypeError(f"net: expected a network, got {as_code(given)}. Network.load opens a file.")


def names_of_classes(given: Any, n: int | None = None) -> tuple[str, ...] | None:
    """Return names of classes as text, found to be such as a file of a network takes; None for None.

    Args:
        given: A sequence of names of any kind, in the order of the labels.
        n: How many there should be; None is any number.

    Raises:
        TypeError: It is no sequence, or one text.
        ValueError: There are others than n, two are the same, or one cannot be shown on a terminal.
    """
    if given is None:
        return None
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        kind = "the text " if isinstance(given, (str, bytes)) else ""
        raise TypeError(f"class_names: expected a sequence of names, got {kind}{as_code(given)}.")
    try:
        names = tuple(map(str, given))
    except ValueError:  # a whole number of more digits than Python writes
        raise ValueError(f"class_names: expected {NAMES}, got {as_code(given)}. Rename them.") from None
    if n is not None and len(names) != n:
        some = shown(", ".join(names[:10]), 200, in_one_line=True)
        raise ValueError(f"class_names: expected {n}, as many as the network tells apart, got {len(names)}: {some}.")
    if len(set(names)) < len(names):
        raise ValueError(
            f"class_names: expected different names, got {as_code(Counter(names).most_common(1)[0][0])} twice."
        )
    text = "".join(names)
    if len(text) > MAX_NAMES or len(names) + sum(map(text.count, "[{:,")) > MAX_NAMES // 4:
        raise ValueError(
            f"class_names: expected at most {MAX_NAMES:,} characters in all, got {len(text):,} in {len(names):,}. "
            "Shorten them."
        )
    for name in names:
        if name and not is_name(name):
            raise ValueError(f"class_names: expected {NAMES}, got {no_name(name)}. Rename it.")
    return names


def is_name(text: object) -> bool:
    """Return whether this can be a name of a class, a column or a category: it can be shown, and is not too long."""
    return isinstance(text, str) and 0 < len(text) <= MAX_NAME and is_printable(text)


def no_name(text: str) -> str:
    """Return a text that is no name, for a message, and why it is none."""
    if not text:
        return "one of no characters"
    culprit = next((c for c in text if not is_printable(c)), None)
    if culprit is None:
        return f"{text[:20]!r}..., of {len(text)}"
    called = unicodedata.name(culprit, "a control character" if unicodedata.category(culprit) == "Cc" else "")
    return f"{text[:20]!r}, which holds U+{ord(culprit):04X}{f' ({called.lower()})' if called else ''}"


def is_printable(text: str) -> bool:
    """Return whether a terminal shows a text, and obeys none of it; surrogates and private characters are not shown."""
    return text.isprintable() or text.translate(_JOINERS).isprintable()


def shown(text: str, most: int = MAX_SHOWN, in_one_line: bool = False) -> str:
    """Return a text that may be a stranger's so that a terminal shows all of it, and obeys none; cut, if it is long.

    Args:
        text: In lines, perhaps.
        most: How many characters of it are shown.
        in_one_line: Escape the ends of lines as well: a name with one in it would say what it likes in our place.
    """
    text = text if len(text) <= most else f"{text[:most]}..."
    if is_printable(text):
        return text
    kept = "" if in_one_line else "\n"
    return "".join(c if c in kept or is_printable(c) else ascii(c)[1:-1] for c in text)


def path_of(given: object, argument: str = "path") -> Path:
    """Return a path that was given, of a file or a folder that can be.

    Raises:
        TypeError: It is none.
        ValueError: No file can have that name.
    """
    if not isinstance(given, (str, PathLike)):
        raise TypeError(f"{argument}: expected a path, got {as_code(given)}. Give the name of a file as text.")
    path = Path(given)
    if "\0" in str(path):
        raise ValueError(f"{argument}: expected a name that a file can have, got {no_name(str(path))}. Rename it.")
    return path


def path_shown(path: object) -> str:
    """Return a path, or a name of a file, in one line that a terminal shows all of, and obeys none."""
    return shown(str(path), in_one_line=True)


@contextmanager
def reading(path: object) -> Iterator[None]:
    """Let warnings of a library that is given an open file be told with its path, for a `with` statement."""
    token = _read.set(path_shown(path))
    try:
        yield
    finally:
        _read.reset(token)


def file_read() -> str:
    """Return the path of the file that a library is reading; empty if none is."""
    return _read.get()


def warn(message: str) -> None:
    """Warn whoever called anynet: the line that is named is the nearest one outside of it."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "anynet":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


def _listed(table: Mapping[str, Any]) -> str:
    return ", ".join(table)


def as_code(value: object) -> str:
    """Return a value as code writes it, for a message."""
    try:
        return shown(repr(value), 100)
    except ValueError:  # a whole number of more digits than Python writes
        return f"one of {type(value).__name__} of many digits"


def _nearest(table: Mapping[str, Any], name: str) -> str:
    nearest = difflib.get_close_matches(name[:MAX_NAME].lower(), table, n=1)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""
