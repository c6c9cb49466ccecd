"""JSON of strangers: parsed where what it makes in memory stays near to what it is as text."""

import json
from typing import Any

MAX_LENGTH = 2**23  # characters: a hundred thousand columns of a table take half of it
MAX_PARTS = 2**20  # values, each with what parts it from the next: such columns take four each
MAX_DIGITS = 100  # of a whole number: the state of a random stream has forty


def check(text: str, share: int = 1) -> None:
    """Raise ValueError if a text in JSON is longer, or in more parts, than any that is read; or than a share of it."""
    if len(text) > MAX_LENGTH // share:
        raise ValueError(f"JSON of {len(text):,} characters, more than {MAX_LENGTH // share:,}")
    if sum(map(text.count, "[{:,")) > MAX_PARTS // share:
        raise ValueError(f"JSON of more than {MAX_PARTS // share:,} values")


def parsed(text: str) -> Any:
    """Return what a text in JSON says.

    Raises:
        ValueError: It is none, is too long, or holds a whole number of more digits than any that is honest.
        RecursionError: It nests too deep.
    """
    check(text)
    return json.loads(text, parse_int=_whole)


def _whole(digits: str) -> int:
    """Return a whole number; Python makes none of many digits, and says so in other words."""
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a whole number of {len(digits):,} digits")
    return int(digits)
