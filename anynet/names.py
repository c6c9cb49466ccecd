"""Things that are called by name: one literal table each, and one way to look them up."""

import difflib
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def look_up(table: Mapping[str, T], name: object, what: str) -> T:
    """Return `table[name]`.

    Raises TypeError if the name is no string, and ValueError, with the names that exist
    and the nearest of them, if the table lacks it. `what` says what is named.
    """
    if not isinstance(name, str):
        raise TypeError(f"{what}: expected a name, got {name!r}. Give one of {_listed(table)}.")
    if name not in table:
        raise ValueError(f"{what}: expected one of {_listed(table)}, got {name!r}.{_nearest(table, name)}")
    return table[name]


def _listed(table: Mapping[str, T]) -> str:
    return ", ".join(table)


def _nearest(table: Mapping[str, T], name: str) -> str:
    nearest = difflib.get_close_matches(name.lower(), table, n=1)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""
