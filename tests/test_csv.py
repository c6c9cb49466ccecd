"""Tables: with a header or none, of any of the three marks; what is no number is told with its line."""

import gzip

import numpy as np
import pytest

from anynet.formats import csv

ROWS = np.asarray([[0.5, 1.5, 2.5], [3.5, 4.5, 5.5]])


def written(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
@pytest.mark.parametrize("header", ["", "\ufeffa,b,c\n", '"a","b","c"\n'])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_what_the_standard_library_writes_is_read(mark, end, header, pack, tmp_path):
    text = (header + "1,2.5,yes\n-3e1,4,no").replace(",", mark).replace("\n", end or "\n") + end
    x, target = csv.read(written(tmp_path, pack(text.encode())))
    assert np.array_equal(x, [[1, 2.5], [-30, 4]])
    assert target == ["yes", "no"]


@pytest.mark.parametrize(
    ("target", "expected"), [("a", ["1"]), ("0", ["1"]), (1, ["2"]), ("-1", ["3"]), (-3, ["1"]), ("2", ["3"])]
)
def test_the_target_is_a_name_or_a_number(target, expected, tmp_path):
    table = csv.read(written(tmp_path, "a,b,c\n1,2,3\n"), target)
    assert table.target == expected
    assert table.x.shape == (1, 2)


@pytest.mark.parametrize(
    ("frame", "columns"),
    [
        (lambda pd: pd.DataFrame(ROWS).assign(label=[1, 0]), 3),
        (lambda pd: pd.DataFrame(ROWS, columns=[2019, 2020, 2021]).assign(price=[1.5, 0.5]), 3),
        (lambda pd: pd.DataFrame(np.column_stack([ROWS, [1, 0]])), 3),
        (lambda pd: pd.DataFrame(np.column_stack([ROWS, [1, 0]])).assign(name=["yes", "no"]), 4),
    ],
)
def test_columns_that_pandas_numbers_are_no_example(frame, columns, tmp_path):
    pd = pytest.importorskip("pandas")
    table = csv.read(written(tmp_path, frame(pd).to_csv(index=False)))
    assert table.x.shape == (2, columns)
    assert np.array_equal(table.x[:, :3], ROWS)
    with pytest.raises(
        ValueError, match=r"line 1: expected a name for each column, got none for column 0.*index=False"
    ):
        csv.read(written(tmp_path, frame(pd).to_csv()))


@pytest.mark.parametrize("text", ["0,1,2\n1,2,3\n", "0,1,2,0\n1,2,3,1\n", "1,2,\n3,4,5\n", "0,1,yes\n1,2,no\n"])
def test_numbers_that_happen_to_count_are_an_example(text, tmp_path):
    assert csv.read(written(tmp_path, text)).x.shape[0] == 2


def test_a_table_of_just_the_features_has_no_target(tmp_path):
    path = written(tmp_path, "1,2,3\n4,5,6\n")
    assert csv.read(path, n_features=3).target is None
    assert csv.read(path, n_features=3).x.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert csv.read(path, n_features=2).x.tolist() == [[1, 2], [4, 5]]


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("a,b,c\n1,2,3\n\n4,x,6\n", -1, "table.csv: line 4: expected a number in the column b, got 'x'"),
        ("1,2,3\n4,,6\n", -1, "table.csv: line 2: expected a number in the column number 1, got ''"),
        ("a,2,3\n4,5,6\n", -1, "table.csv: line 1: expected a number in the column number 0, got 'a'"),
        ("1,2,3\n4,5\n", -1, "table.csv: line 2: expected 3 values, as in the first, got 2"),
        ("a,b\n1,2\n", "z", "target: expected a column of .*table.csv, a, b, or its number, 0 to 1, got 'z'"),
        ("a,b\n1,2\n", 2, "target: expected a column of .*got 2"),
        ("1,2\n", "z", "target: expected a column of"),
        ("\n\n", -1, "table.csv: expected a CSV file, got an empty one"),
        (b"a,b\n\xff,2\n", -1, "table.csv: expected a CSV file in UTF-8, got other bytes"),
    ],
)
def test_what_is_no_table_is_told(text, target, message, tmp_path):
    with pytest.raises(ValueError, match=message) as caught:
        csv.read(written(tmp_path, text), target)
    assert "\n" not in str(caught.value)


def test_no_more_is_unpacked_than_is_allowed(tmp_path):
    with pytest.raises(ValueError, match="expected at most 100 bytes once unpacked"):
        csv.read(written(tmp_path, gzip.compress(b"1,2\n" * 1000)), max_bytes=100)
