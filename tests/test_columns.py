"""Columns of tables: told in a line, compared, and of a file from strangers only such as can be."""

import pytest

from anynet.formats.columns import Column, check_same, encoded, of_json, told

COLUMNS = (Column("size"), Column("colour", ("blue", "red")))


def test_texts_are_encoded_by_their_categories():
    assert encoded(["red", "blue", "red"], ("blue", "green", "red")).tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (COLUMNS, "Columns: 1 of numbers; colour of 2 categories (blue, red)"),
        (COLUMNS[:1], "Columns: 1 of numbers"),
        ((Column(None), Column(None, tuple("abcdef"))), "1 of numbers; number 1 of 6 categories (a, b, c, d, e, ...)"),
    ],
)
def test_columns_are_told_in_a_line(columns, line):
    assert told(columns).endswith(line)
    assert "\n" not in told(columns)


@pytest.mark.parametrize(
    ("given", "learnt"),
    [
        (None, COLUMNS),
        (None, None),
        (COLUMNS, COLUMNS),
        (COLUMNS[:1], None),
        ((Column(None), Column(None, ("blue", "red"))), COLUMNS),
    ],
)
def test_the_same_columns_pass(given, learnt):
    check_same(given, learnt)


@pytest.mark.parametrize(
    ("given", "learnt"),
    [
        (COLUMNS, None),
        (COLUMNS[::-1], COLUMNS),
        (COLUMNS[:1], COLUMNS),
        ((Column("size"), Column("colour", ("blue", "green"))), COLUMNS),
        ((Column("width"), COLUMNS[1]), COLUMNS),
    ],
)
def test_other_columns_are_told(given, learnt):
    with pytest.raises(ValueError, match=r"x: expected columns as the network has learnt from them, .*columns=net.col"):
        check_same(given, learnt)


def test_what_a_file_says_of_columns_comes_back():
    assert of_json([["size", None], ["colour", ["blue", "red"]]], 3) == COLUMNS
    assert of_json([[None, None]], 1) == (Column(None),)
    assert of_json(None, 3) is None


@pytest.mark.parametrize(
    ("given", "n", "message"),
    [
        ("size", 1, "as pairs"),
        ({"size": None}, 1, "as pairs"),
        (["ab"], 1, "as pairs"),
        ([["size"]], 1, "as pairs"),
        ([[1, None]], 1, "printable names"),
        ([[0, None]], 1, "printable names"),
        ([["", None]], 1, "printable names"),
        ([["\x1b[2J", None]], 1, "printable names"),
        ([["a" * 201, None]], 1, "printable names"),
        ([["a", ["\x07"]]], 1, "printable names"),
        ([["a", [1]]], 1, "printable names"),
        ([["a", "bc"]], 2, "as pairs"),
        ([["a", 2]], 2, "as pairs"),
        ([["a", []]], 0, "different categories"),
        ([["a", ["b", "b"]]], 2, "different categories"),
        ([["a", ["c", "b"]]], 2, "different categories"),
        ([["a", ["b", "c"]]], 3, "columns that make 3 inputs"),
        ([], 3, "columns that make 3 inputs"),
    ],
)
def test_what_cannot_be_is_refused(given, n, message):
    with pytest.raises(ValueError, match=f"expected .*{message}"):
        of_json(given, n)
