"""CSV: a table of numbers and of texts, and a column of what is to be learnt from them.

Commas, semicolons or tabs part the values, whichever the first line has most of. The first
line is a header if none of its values is a number, that of the target not looked at; if it
names the target of numbers; or if it counts its columns, four or more, as pandas does. What
stands first in a column says whether it is one of numbers, or of texts, which are categories.
"""

import csv
import io
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from anynet.checks import MAX_NAME, as_code, is_name, no_name, path_shown, shown, typed_number
from anynet.formats.bounded import MAX_BYTES, read_bytes
from anynet.formats.columns import MAX_CATEGORIES, Column, Columns, called, numbered
from anynet.typing import HostArray

MISSING = ("", "nan")
MAX_LINE = 2**22  # characters: a hundred thousand columns


class Table(NamedTuple):
    """What a table holds.

    `x` are the inputs, (n, n_in) float64, made of `columns`; `target` are the texts of the
    target, n of them, or None where there is none, and `lines` those of the file they stand in.
    """

    x: HostArray
    target: list[str] | None
    columns: Columns
    lines: Sequence[int]


def read(
    path: str | Path,
    target: str | int = -1,
    n_features: int | None = None,
    columns: Columns | None = None,
    max_bytes: int = MAX_BYTES,
) -> Table:
    """Return what a table holds.

    Args:
        path: The file, UTF-8, plain or gzipped.
        target: The column of the targets, by its name in the header or by its number from 0; a
            negative one counts from the end.
        n_features: If the table has just so many columns, none of them is the target; all are numbers.
        columns: What a network has learnt from: these are found by their names where there is a
            header, and their categories are those that there were.
        max_bytes: How many bytes, once unpacked, may arrive.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no table, has no such column, or a value in it is none of its column's.
    """
    data, path = read_bytes(path, max_bytes), path_shown(path)
    rows = _rows(data, path)
    begin = [(line, [cell.strip() for cell in cells]) for line, cells in islice(rows, 2)]
    if not begin:
        raise ValueError(f"{path}: expected a CSV file, got an empty one.")
    first = begin[0][1]
    column = None if len(first) == (n_features if columns is None else len(columns)) else _column(target, first, path)
    is_header = _is_header(first, begin[-1][1], column) and not _is_row_of(columns, first, column)
    if is_header:
        _check_names(first, column, path)
    elif column is not None and _number_of(target) is None:
        raise ValueError(f"target: expected the number of a column, for {path} has no header, got {as_code(target)}.")
    names = list(first) if is_header else [None] * len(first)
    inputs = _inputs(names, column, columns, path)
    asked = columns
    if asked is None:
        row = (begin[is_header:] or begin)[0][1]
        are_texts = [n_features is None and i < len(row) and not is_number(row[i]) for i in inputs]
        asked = tuple(Column(names[i], () if is_text else None) for i, is_text in zip(inputs, are_texts, strict=True))
    layout = _Layout(path, len(first), inputs, asked, None if column in inputs else column)
    return _filled(chain(begin[is_header:], rows), layout)


class _Layout(NamedTuple):
    """Where what stands in a line: inputs, and the target; a column without a category has yet to tell its own."""

    path: str | Path
    n_cells: int
    inputs: list[int]
    columns: Columns
    target: int | None

    def places(self, of_texts: bool) -> list[int]:
        """Return the columns of texts, or those of numbers, by their numbers in a line."""
        both = zip(self.inputs, self.columns, strict=True)
        return [i for i, column in both if (column.categories is not None) == of_texts]

    def fault(self, line: int, place: int, expected: str, cell: str, cure: str) -> ValueError:
        """Return the error of a value, which names its line and column."""
        name = called(self.columns[self.inputs.index(place)].name, place)
        return ValueError(f"{self.path}: line {line}: expected {expected} in the column {name}, got {cell}. {cure}.")

    def no_number(self, line: int, place: int, cell: str) -> ValueError:
        """Return the error of a cell in a column of numbers."""
        if cell.casefold() in MISSING:
            return self.missing(line, place)
        return self.fault(line, place, "a number", repr(cell[:40]), "Leave the line out, or make numbers of all")

    def missing(self, line: int, place: int) -> ValueError:
        """Return the error of a cell without a value."""
        return self.fault(line, place, "a value", "none", "Fill it in, or leave the line out")


def _check_names(first: list[str], column: int | None, path: str | Path) -> None:
    """Check a header."""
    features = [name for i, name in enumerate(first) if i != column]
    if not all(features):
        raise ValueError(
            f"{path}: line 1: expected a name for each column, got none for column {first.index('')}. Name it; if it "
            "only counts the rows, it is no feature, and pandas leaves it out by to_csv(path, index=False)."
        )
    faulty = [name for name in features if not is_name(name)]
    if faulty:
        raise ValueError(
            f"{path}: line 1: expected printable names of columns, of at most {MAX_NAME} characters, got "
            f"{no_name(faulty[0])}. Rename it."
        )
    if len(set(features)) < len(features):
        twice = Counter(features).most_common(1)[0][0]
        raise ValueError(f"{path}: line 1: expected different names of columns, got {twice!r} twice. Rename one.")


def _is_row_of(columns: Columns | None, first: list[str], column: int | None) -> bool:
    """Return whether a line without numbers is an example of columns that have none."""
    cells = [cell for i, cell in enumerate(first) if i != column]
    return columns is not None and all(
        cell in (known.categories or ()) for cell, known in zip(cells, columns, strict=False)
    )


def _inputs(names: Sequence[str | None], column: int | None, columns: Columns | None, path: str | Path) -> list[int]:
    """Return the numbers of the columns that are inputs, from 0, in their order."""
    features = [i for i in range(len(names)) if i != column]
    if columns is None:
        return features
    if None not in names and all(known.name is not None for known in columns):
        place = {name: i for i, name in reversed(list(enumerate(names)))}
        missing = [str(known.name) for known in columns if known.name not in place]
        if missing:
            raise ValueError(
                f"{path}: line 1: expected a column {missing[0]}, as the network has learnt from one, got "
                f"{shown(', '.join(map(str, names)), 100)}. Add it, or name it so."
            )
        return [place[known.name] for known in columns]
    if len(features) != len(columns):
        raise ValueError(
            f"{path}: expected {len(columns)} columns, as the network has learnt from, got {len(features)}"
            f"{' and the target' * (column is not None)}. Give those that it takes."
        )
    return features


def _is_header(first: list[str], second: list[str], column: int | None) -> bool:
    """Return whether the first line holds the names of the columns, and not an example."""
    if not any(is_number(cell) for i, cell in enumerate(first) if i != column):
        below = any(is_number(cell) for i, cell in enumerate(second) if i != column)
        return below or column is None or not is_number(first[column])
    begin = not first[0]  # behind the index, which has no name
    counted = [i for i, cell in enumerate(first) if cell == str(i - begin)]
    if len(counted) >= 4 and set(range(begin, len(first))) <= {*counted, column}:
        return True
    if column is None or not first[column] or len(second) != len(first):
        return False
    return not is_number(first[column]) and is_number(second[column])


def _rows(data: bytearray, path: str | Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of the line, its values) of each line that is not blank; the text is decoded piece by piece."""
    first = data[: 2**20].lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")[0].decode("utf-8", "replace")
    text = io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline="")
    n_read = 0

    def lines() -> Iterator[str]:
        nonlocal n_read
        while line := text.readline(MAX_LINE + 1):
            n_read += len(line)
            if n_read > MAX_LINE:
                raise ValueError(f"{path}: expected lines of at most {MAX_LINE:,} characters, got a longer one.")
            yield line

    parser = csv.reader(lines(), delimiter=max(",;\t", key=first.count), skipinitialspace=True)
    try:
        for cells in parser:
            n_read = 0
            if "".join(cells).strip():
                yield parser.line_num, cells
    except UnicodeDecodeError:
        raise ValueError(f"{path}: expected a CSV file in UTF-8, got other bytes. Save it in UTF-8.") from None
    except csv.Error as error:
        raise ValueError(f"{path}: line {parser.line_num}: expected values, got what is none: {error}.") from None


def _column(target: str | int, first: list[str], path: str | Path) -> int:
    """Return the number of the target's column, from 0."""
    if target in first:
        return first.index(str(target))
    number = _number_of(target)
    if number is None or not -len(first) <= number < len(first):
        raise ValueError(
            f"target: expected a column of {path}, {shown(', '.join(first[:10]), 100)}, or its number, "
            f"0 to {len(first) - 1}, got {as_code(target)}."
        )
    return number % len(first)


def _number_of(target: str | int) -> int | None:
    try:
        return int(typed_number(str(target), is_whole=True))
    except ValueError:
        return None


def is_number(cell: str) -> bool:
    """Return whether a cell is a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def are_texts(cells: Sequence[str]) -> bool:
    """Return whether cells, among which there is a text, are meant as texts: fewer than half of them are numbers."""
    return 2 * sum(n for cell, n in Counter(cells).items() if is_number(cell)) < len(cells)


def _filled(rows: Iterable[tuple[int, list[str]]], layout: _Layout) -> Table:
    """Return the table of rows."""
    path, n_cells, _, columns, target = layout
    are_numbers, texts = layout.places(of_texts=False), {i: list[str]() for i in layout.places(of_texts=True)}
    numbers, lines = array("d"), array("q")
    targets: list[str] = []
    once: dict[str, str] = {}  # each text, however often it comes
    known: dict[str, str] = {}  # each target, likewise
    are_open = all(not column.categories for column in columns)
    for line, cells in rows:
        if len(cells) != n_cells:
            raise ValueError(f"{path}: line {line}: expected {n_cells} values, as in the first, got {len(cells)}.")
        try:
            numbers.extend(map(float, map(cells.__getitem__, are_numbers)))
        except ValueError:
            i = next(i for i in are_numbers if not is_number(cells[i]))
            raise layout.no_number(line, i, cells[i].strip()) from None
        for i, column in texts.items():
            cell = cells[i].strip()
            column.append(once.setdefault(cell, cell))
        if target is not None:
            cell = cells[target].strip()
            targets.append(known.setdefault(cell, cell))
        lines.append(line)
        if are_open and len(once) > MAX_CATEGORIES * len(texts):  # then a column has too many, whatever follows
            break
    x = np.asarray(numbers).reshape(len(lines), len(are_numbers))
    _check_finite(x, layout, lines)
    if texts:
        columns = _with_categories(texts, layout, lines)
        x = _joined(x, texts, layout, columns)
    return Table(x, None if target is None else targets, columns, lines)


def _check_finite(x: HostArray, layout: _Layout, lines: Sequence[int]) -> None:
    """Check numbers: NaN is how some programs write that there is none."""
    if np.isfinite(x).all():
        return
    row, j = (int(i) for i in np.argwhere(~np.isfinite(x))[0])
    line, place = lines[row], layout.places(of_texts=False)[j]
    if np.isnan(x[row, j]):
        raise layout.missing(line, place)
    raise layout.fault(line, place, "a finite number", f"{x[row, j]}", "Correct it, or leave the line out")


def _with_categories(texts: dict[int, list[str]], layout: _Layout, lines: Sequence[int]) -> Columns:
    """Return the columns with the categories of those that had yet to tell theirs, each text found to be one."""
    columns, places = list(layout.columns), {i: place for place, i in enumerate(layout.inputs)}
    for i, cells in texts.items():
        name, known = columns[places[i]]
        _check_texts(i, cells, layout, lines)
        categories = known or _categories(i, cells, name, layout, lines)
        unknown = set(cells) - set(categories)
        if unknown:
            row = next(row for row, cell in enumerate(cells) if cell in unknown)
            expected = f"one of the categories that the network has learnt from, {', '.join(categories)[:100]},"
            raise layout.fault(lines[row], i, expected, repr(cells[row][:40]), "Leave the line out")
        columns[places[i]] = Column(name, categories)
    return tuple(columns)


def _categories(i: int, cells: list[str], name: str | None, layout: _Layout, lines: Sequence[int]) -> tuple[str, ...]:
    """Return the categories of column i, whose first cell is a text."""
    categories = tuple(sorted(set(cells)))
    if cells and not are_texts(cells):
        row = next(row for row, cell in enumerate(cells) if not is_number(cell))
        raise layout.no_number(lines[row], i, cells[row])
    if name in categories:
        raise ValueError(
            f"{layout.path}: line 1: expected the names of the columns, got {name!r}, which stands below it too. "
            "Put a line with names first."
        )
    if len(categories) > MAX_CATEGORIES:
        raise ValueError(
            f"{layout.path}: expected at most {MAX_CATEGORIES:,} categories in the column {called(name, i)}, got "
            "more. Leave the column out, or group them."
        )
    return categories


def _check_texts(i: int, cells: list[str], layout: _Layout, lines: Sequence[int]) -> None:
    """Check the cells of column i: none is missing, and all can be shown."""
    faulty = {cell for cell in set(cells) if cell.casefold() in MISSING or not is_name(cell)}
    for line, cell in zip(lines, cells if faulty else [], strict=False):
        if cell.casefold() in MISSING:
            raise layout.missing(line, i)
        if cell in faulty:
            expected = f"a printable text of at most {MAX_NAME} characters"
            raise layout.fault(line, i, expected, repr(cell[:20]), "Rename it")


def _joined(numbers: HostArray, texts: dict[int, list[str]], layout: _Layout, columns: Columns) -> HostArray:
    """Return the inputs, (n, n_in): those of each column beside those of the one before."""
    n, n_texts = len(numbers), sum(columns[place].width for place, i in enumerate(layout.inputs) if i in texts)
    if 8 * n * n_texts > MAX_BYTES:
        raise ValueError(
            f"{layout.path}: expected texts that make at most {MAX_BYTES // 8:,} numbers, one for each category and "
            f"line, got {n_texts:,} categories in {n:,} lines. Leave columns of many texts out, or group them."
        )
    x, of_numbers, begin = np.zeros((n, numbers.shape[1] + n_texts)), iter(numbers.T), 0
    for i, column in zip(layout.inputs, columns, strict=True):
        if column.categories is None:
            x[:, begin] = next(of_numbers)
        else:
            x[np.arange(n), begin + numbered(texts[i], column.categories)] = 1
        begin += column.width
    return x
