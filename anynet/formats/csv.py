"""CSV: a table of numbers, and a column of what is to be learnt from them.

Commas, semicolons or tabs part the values, whichever the first line has most of. The first
line is a header if none of its values is a number, that of the target not looked at; if it
names the target of numbers; or if it counts its columns, four or more, as pandas does.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from anynet.formats.bounded import MAX_BYTES, read_bytes
from anynet.typing import HostArray


class Table(NamedTuple):
    """The numbers, (n, columns) float64, and the texts of the target, n of them, or None where there is none."""

    x: HostArray
    target: list[str] | None


def read(path: str | Path, target: str | int = -1, n_features: int | None = None, max_bytes: int = MAX_BYTES) -> Table:
    """Return what a table holds.

    Args:
        path: The file, UTF-8, plain or gzipped.
        target: The column of the targets, by its name in the header or by its number from 0; a
            negative one counts from the end.
        n_features: If the table has just so many columns, none of them is the target.
        max_bytes: How many bytes, once unpacked, may arrive.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no table, has no such column, or something in it is no number.
    """
    try:
        text = read_bytes(path, max_bytes).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected a CSV file in UTF-8, got other bytes. Save it in UTF-8.") from None
    rows = _rows(text, path)
    begin = list(islice(rows, 2))
    if not begin:
        raise ValueError(f"{path}: expected a CSV file, got an empty one.")
    first = begin[0][1]
    column = None if len(first) == n_features else _column(target, first, path)
    is_header = _is_header(first, begin[-1][1], column)
    if is_header and any(not name for i, name in enumerate(first) if i != column):
        raise ValueError(
            f"{path}: line 1: expected a name for each column, got none for column {first.index('')}. Name it; if it "
            "only counts the rows, it is no feature, and pandas leaves it out by to_csv(path, index=False)."
        )
    names = first if is_header else [f"number {i}" for i in range(len(first))]
    if not is_header and column is not None and _number_of(target) is None:
        raise ValueError(f"target: expected the number of a column, for {path} has no header, got {target!r}.")
    return _filled(chain(begin[is_header:], rows), names, column, path)


def _is_header(first: list[str], second: list[str], column: int | None) -> bool:
    """Return whether the first line holds the names of the columns, and not an example."""
    if not any(_is_number(cell) for i, cell in enumerate(first) if i != column):
        return True
    begin = not first[0]  # behind the index, which has no name
    counted = [i for i, cell in enumerate(first) if cell == str(i - begin)]
    if len(counted) >= 4 and set(range(begin, len(first))) <= {*counted, column}:
        return True
    if column is None or not first[column] or len(second) != len(first):
        return False
    return not _is_number(first[column]) and _is_number(second[column])


def _rows(text: str, path: str | Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of the line, its values) of each line that is not empty."""
    delimiter = max(",;\t", key=text.lstrip().partition("\n")[0].count)
    parser = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        for cells in parser:
            if any(cell.strip() for cell in cells):
                yield parser.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise ValueError(f"{path}: line {parser.line_num}: expected values, got what is none: {error}.") from None


def _column(target: str | int, first: list[str], path: str | Path) -> int:
    """Return the number of the target's column, from 0."""
    if target in first:
        return first.index(str(target))
    number = _number_of(target)
    if number is None or not -len(first) <= number < len(first):
        raise ValueError(
            f"target: expected a column of {path}, {', '.join(first[:10])[:100]}, or its number, "
            f"0 to {len(first) - 1}, got {target!r}."
        )
    return number % len(first)


def _number_of(target: str | int) -> int | None:
    try:
        return int(target)
    except ValueError:
        return None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _filled(rows: Iterable[tuple[int, list[str]]], names: list[str], column: int | None, path: str | Path) -> Table:
    """Return the table of rows."""
    numbers: list[HostArray] = []
    targets: list[str] = []
    for line, cells in rows:
        if len(cells) != len(names):
            raise ValueError(f"{path}: line {line}: expected {len(names)} values, as in the first, got {len(cells)}.")
        if column is not None:
            targets.append(cells.pop(column))
        try:
            numbers.append(np.array(cells, np.float64))
        except ValueError:
            rest = [name for i, name in enumerate(names) if i != column]
            name, cell = next((n, c) for n, c in zip(rest, cells, strict=True) if not _is_number(c))
            raise ValueError(
                f"{path}: line {line}: expected a number in the column {name}, got {cell[:40]!r}. "
                "Leave it out, or make numbers of it first."
            ) from None
    x = np.stack(numbers) if numbers else np.empty((0, len(names) - (column is not None)))
    return Table(x, None if column is None else targets)
