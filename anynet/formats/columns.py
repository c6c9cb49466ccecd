"""Columns of a table, made inputs: a column of numbers is one, a column of texts one of 0 and 1 per category."""

from itertools import chain
from json import dumps
from typing import NamedTuple

from anynet.checks import MAX_NAME, is_name
from anynet.formats import json

MAX_CATEGORIES = 1_000  # of a column: more have names or days, which tell each row from all others


class Column(NamedTuple):
    """A column of a table, as a network takes it.

    `name` is None where no header gave one; `categories` are the texts in it, in the order of
    their inputs, which is that of code points, or None for a column of numbers.
    """

    name: str | None
    categories: tuple[str, ...] | None = None

    @property
    def width(self) -> int:
        """How many inputs are made of it."""
        return 1 if self.categories is None else len(self.categories)


Columns = tuple[Column, ...]


def told(columns: Columns) -> str:
    """Return in a line which columns are numbers, and what the others' categories are."""
    n_numbers = sum(column.categories is None for column in columns)
    said = [f"{n_numbers} of numbers"] * (n_numbers > 0)
    for place, (name, categories) in enumerate(columns):
        if categories is not None:
            listed = f"{', '.join(categories[:5])}{', ...' * (len(categories) > 5)}"
            said.append(f"{called(name, place)} of {len(categories)} categories ({listed})")
    return f"Columns: {'; '.join(said)}"


def called(name: str | None, place: int) -> str:
    """Return what a column is called: by its name, or by its number."""
    return f"number {place}" if name is None else name


def check_same(given: Columns | None, learnt: Columns | None) -> None:
    """Raise ValueError if a table's inputs are others than those that a network has learnt from."""
    if given is None or (learnt is None and all(column.categories is None for column in given)):
        return
    known = learnt or tuple(Column(column.name) for column in given)
    same = len(given) == len(known) and all(
        a.categories == b.categories and (a.name == b.name or None in (a.name, b.name))
        for a, b in zip(given, known, strict=True)
    )
    if not same:
        want, got = ("none" if each is None else f"{told(each)[9:109]} ({_names(each)})" for each in (learnt, given))
        by_them = "Read the table by them: datasets.read_data(path, columns=net.columns)"
        cure = by_them if learnt else "Give it numbers, or train one on a table such as this"
        raise ValueError(f"x: expected columns as the network has learnt from them, {want}, got {got}. {cure}.")


def _names(columns: Columns) -> str:
    return ", ".join(called(column.name, place) for place, column in enumerate(columns))[:100]


def checked(given: object, n_inputs: int) -> Columns | None:
    """Return columns of a network with so many inputs, from a header in JSON say; None for None.

    Raises:
        ValueError: They can be none of its, or could not be shown on a terminal, which obeys some characters.
    """
    if given is None:
        return None
    if not isinstance(given, (list, tuple)) or not all(map(_is_pair, given)):
        raise ValueError("columns: expected pairs of a name and categories, got others.")
    texts = [*(name for name, _ in given if name is not None), *chain.from_iterable(of or () for _, of in given)]
    if not (all(isinstance(text, str) for text in texts) and all(map(is_name, set(texts)))):
        raise ValueError(f"columns: expected printable names of at most {MAX_NAME} characters, got others.")
    for _, categories in given:
        if categories is not None and (not categories or list(categories) != sorted(set(categories))):
            raise ValueError("columns: expected different categories in the order of their code points, got others.")
    columns = tuple(Column(name, None if texts is None else tuple(texts)) for name, texts in given)
    try:
        json.check(dumps(columns, ensure_ascii=False), share=2)
    except ValueError as error:
        raise ValueError(
            f"columns: expected such as the file of a network holds, a hundred thousand with short names, got "
            f"{len(columns):,}, {error}. Leave some out, or give x and y without columns."
        ) from None
    if sum(column.width for column in columns) != n_inputs:
        raise ValueError(f"columns: expected such as make {n_inputs} inputs, got others.")
    return columns


def _is_pair(each: object) -> bool:
    return isinstance(each, (list, tuple)) and len(each) == 2 and isinstance(each[1], (list, tuple, type(None)))
