"""Notebooks: what is shown there as it was meant, a text by its lines and a table as a table.

Whatever a user can name, a layer say, is escaped: a browser would obey it.
"""

from collections.abc import Sequence
from html import escape


class Shown(str):
    """A text that a notebook, and Python's prompt, shows by its lines and not by its escapes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self)}</pre>"


def table(rows: Sequence[Sequence[str]], caption: str) -> str:
    """Return rows, of which the first names the columns, and what is said of them as HTML."""
    head, *body = [[escape(cell) for cell in row] for row in rows]
    lines = [_row(head, "th"), *(_row(row, "td") for row in body)]
    return f"<table><caption>{escape(caption)}</caption>{''.join(lines)}</table>"


def _row(cells: Sequence[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"
