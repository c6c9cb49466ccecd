"""Tables: with a header or none, of any of the three marks; what is no number is told with its line."""

import gzip

import numpy as np
import pytest

from anynet.datasets import read_data
from anynet.formats import csv
from anynet.formats.columns import Column, told

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
    x, target, *_ = csv.read(written(tmp_path, pack(text.encode())))
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
        ("1,2,3\n4,,6\n", -1, "table.csv: line 2: expected a value in the column number 1, got none. Fill"),
        ("a,2,3\n4,5,6\n", -1, "table.csv: line 1: expected a number in the column number 0, got 'a'"),
        ("1,2,3\n4,5\n", -1, "table.csv: line 2: expected 3 values, as in the first, got 2"),
        ("a,b\n1,2\n", "z", "target: expected a column of .*table.csv, a, b, or its number, 0 to 1, got 'z'"),
        ("a,b\n1,2\n", 2, "target: expected a column of .*got 2"),
        ('"a\n\x1b",b\n1,2\n', 2, r"target: expected a column of .*table.csv, a\\n\\x1b, b, or its number"),
        ("1,2\n", "z", "target: expected a column of"),
        ("\n\n", -1, "table.csv: expected a CSV file, got an empty one"),
        (b"a,b\n\xff,2\n", -1, "table.csv: expected a CSV file in UTF-8, got other bytes"),
    ],
)
def test_what_is_no_table_is_told(text, target, message, tmp_path):
    with pytest.raises(ValueError, match=message) as caught:
        csv.read(written(tmp_path, text), target)
    assert "\n" not in str(caught.value)


def test_a_header_without_rows_is_told(tmp_path):
    with pytest.raises(ValueError, match="expected examples of at least one number"):
        read_data(written(tmp_path, "size,colour,kind\n"))


def test_lines_have_a_length_though_they_are_one_record(tmp_path, monkeypatch):
    monkeypatch.setattr(csv, "MAX_LINE", 20)
    for block in (1, 7, 30):
        monkeypatch.setattr(csv, "_BLOCK", block)
        longest = "a,b,c\n" + 9 * "12345678,12345678,2\n" + 9 * '"12\n\n\n\n\n\n\n\n\n\n",2,3\n'
        assert len(csv.read(written(tmp_path, longest)).x) == 18
        beyond = 20 + 2 * block  # a row may end in the block that it goes too far in
        for long in ("a,b\n1," + beyond * "2", 'a,b\n"1\n' + beyond * "2,3\n"):
            with pytest.raises(ValueError, match="expected lines of at most 20 characters, got a longer one"):
                csv.read(written(tmp_path, long))


@pytest.mark.parametrize("block", [1, 7, 2**12])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_is_the_same_however_much_of_it_is_read_at_once(block, end, tmp_path, monkeypatch):
    monkeypatch.setattr(csv, "_BLOCK", block)
    lines = ["a,b,c", "1,u,0", "", '2,"v""1""",1', ",,", ' 3,w,"', '2"', "4,u,1"]
    x, target, _, numbers = csv.read(written(tmp_path, end.join(lines)))
    assert x.tolist() == [[1, 1, 0, 0], [2, 0, 1, 0], [3, 0, 0, 1], [4, 1, 0, 0]]
    assert (target, list(numbers)) == (["0", "1", "2", "1"], [2, 4, 7, 8])


@pytest.mark.parametrize("block", [1, 2**12])
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["1,2", "x,2", "1,2,3"], "line 5: expected a number in the column number 0, got 'x'"),
        (["1,2", "1,2,3", "x,2"], "line 5: expected 2 values, as in the first, got 3"),
        (["x,2", f"{'1' * 200_000},2"], "line 4: expected a number in the column number 0, got 'x'"),  # csv's bound
        (["1,2", f"{'1' * 200_000},2"], "line 5: expected values, got what is none: field larger than"),
    ],
)
def test_the_first_fault_in_a_table_is_told(rows, message, block, tmp_path, monkeypatch):
    monkeypatch.setattr(csv, "_BLOCK", block)
    with pytest.raises(ValueError, match=message):
        csv.read(written(tmp_path, "\n".join(["1,2"] * 3 + rows)))


def test_a_number_has_no_underscores(tmp_path):
    with pytest.raises(ValueError, match="line 2: expected a number in the column number 0, got '1_0'"):
        csv.read(written(tmp_path, "1,2\n1_0,2\n"))
    assert csv.read(written(tmp_path, "1_0,2\n2_0,2\n")).columns[0].categories == ("1_0", "2_0")
    assert read_data(written(tmp_path, "1,1_0\n2,2_0\n")).class_names == ("1_0", "2_0")


def test_no_more_is_unpacked_than_is_allowed(tmp_path):
    with pytest.raises(ValueError, match="expected at most 100 bytes once unpacked"):
        csv.read(written(tmp_path, gzip.compress(b"1,2\n" * 1000)), max_bytes=100)


CLOTHES = "size,colour,price,sold\n2,red,1.5,yes\n3,blue,2,no\n4,Red,-1,no\n"
COLUMNS = (Column("size"), Column("colour", ("Red", "blue", "red")), Column("price"))
X = [[2, 0, 0, 1, 1.5], [3, 0, 1, 0, 2], [4, 1, 0, 0, -1]]


def test_a_column_of_texts_is_an_input_of_0_and_1_per_category_in_the_order_of_code_points(tmp_path):
    table = csv.read(written(tmp_path, CLOTHES))
    assert table.x.tolist() == X
    assert table.columns == COLUMNS
    assert (table.target, list(table.lines)) == (["yes", "no", "no"], [2, 3, 4])
    assert told(table.columns) == "Columns: 2 of numbers; colour of 3 categories (Red, blue, red)"
    nameless = csv.read(written(tmp_path, "b,1\na,2\nb,3\n"))
    assert nameless.x.tolist() == [[0, 1], [1, 0], [0, 1]]
    assert told(nameless.columns) == "Columns: number 0 of 2 categories (a, b)"


@pytest.mark.parametrize(
    ("text", "target", "x"),
    [
        (CLOTHES, -1, X),
        ("sold,price,id,colour,size\nno,2,7,blue,3\n", "sold", X[1:2]),  # found by their names
        ("price,colour,size\n2,blue,3\n", -1, X[1:2]),
        ("2,red,1.5\n", -1, X[:1]),
        ("2,red,1.5,yes\n4,Red,-1,\n", -1, [X[0], X[2]]),
        ("yes,2,red,1.5\n", 0, X[:1]),
    ],
)
def test_what_a_network_has_learnt_from_is_found_again(text, target, x, tmp_path):
    table = csv.read(written(tmp_path, text), target, columns=COLUMNS)
    assert table.x.tolist() == x
    assert table.columns == COLUMNS


def test_a_line_of_categories_alone_is_no_header_where_they_are_known(tmp_path):
    columns = (Column("size", ("1a", "2", "large", "small")), Column("colour", ("blue", "red")))
    for text in ("small,red\n2,red\n", "size,colour\nsmall,red\n2,red\n", "small,red,yes\n2,red,no\n"):
        x = csv.read(written(tmp_path, text), columns=columns).x
        assert x.tolist() == [[0, 0, 0, 1, 0, 1], [0, 1, 0, 0, 0, 1]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,c\n1,u,0\n2,,1\n", "table.csv: line 3: expected a value in the column b, got none. Fill it in"),
        ("a,b,c\n1,u,0\n2,NaN,1\n", "table.csv: line 3: expected a value in the column b, got none"),
        ("a,b,c\n1,u,0\nNaN,v,1\n", "table.csv: line 3: expected a value in the column a, got none"),
        ("a,b,c\n,u,0\n5,v,1\n", "table.csv: line 2: expected a value in the column a, got none"),
        ("a,b,c\n1,u,0\n\n-inf,v,1\n", "table.csv: line 4: expected a finite number in the column a, got -inf"),
        ("a,b,c\n1,u,0\nNA,v,1\n", "table.csv: line 3: expected a number in the column a, got 'NA'. Leave the line"),
        ("a,b,c\nNA,u,0\n1,v,1\n", "table.csv: line 2: expected a number in the column a, got 'NA'"),
        ("a,b,c\n1,u\x07,0\n", r"table.csv: line 2: expected a printable text .* column b, got 'u\\x07'. Rename"),
        (
            "a,\x07,c\n1,u,0\n",
            r"table.csv: line 1: expected printable names of columns, .*got '\\x07', which holds U.0007 .*Rename",
        ),
        ("a,a,c\n1,u,0\n", "table.csv: line 1: expected different names of columns, got 'a' twice. Rename one"),
        ("u,v,c\nu,w,d\n", "table.csv: line 1: expected the names of the columns, got 'u', which stands below"),
        (
            "a,b\n" + "".join(f"n{i},0\n" for i in range(1001)),
            "table.csv: expected at most 1,000 categories in the column a, got more. Leave the column out",
        ),
    ],
)
def test_what_is_no_category_is_told_with_its_line_and_column(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        csv.read(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "size,colour,price\n2,red,1\n2,green,1\n",
            "table.csv: line 3: expected one of the categories that the network has learnt from, Red, blue, red, in "
            "the column colour, got 'green'. Leave the line out",
        ),
        ("size,color,price\n2,red,1\n", "table.csv: line 1: expected a column colour, as the .*, got size, color, pri"),
        ("2,red\n", "table.csv: expected 3 columns, as the network has learnt from, got 1 and the target. Give"),
        ("size,colour,price\n2,red,1\nx,red,1\n", "table.csv: line 3: expected a number in the column size, got 'x'"),
        ("size,colour,price\nx,red,1\n", "table.csv: line 2: expected a number in the column size, got 'x'"),
    ],
)
def test_what_a_network_has_not_learnt_from_is_told(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        csv.read(written(tmp_path, text), columns=COLUMNS)


def test_where_no_categories_are_known_texts_are_no_inputs(tmp_path):
    with pytest.raises(ValueError, match="line 1: expected a number in the column number 1, got 'red'"):
        csv.read(written(tmp_path, "1,red\n2,blue\n"), n_features=2)


N_COLUMNS = 100_000
NAMES = [f"c{i}" for i in range(N_COLUMNS)]


def test_a_name_that_stands_twice_among_a_hundred_thousand_is_told(tmp_path):
    text = ",".join([*NAMES, "c7", "y"]) + "\n" + ",".join(["1"] * (N_COLUMNS + 2)) + "\n"
    with pytest.raises(ValueError, match="line 1: expected different names of columns, got 'c7' twice"):
        csv.read(written(tmp_path, text))


def test_a_hundred_thousand_columns_of_texts_are_read_and_found_again(tmp_path):
    lines = [",".join([*NAMES, "y"]), ",".join(["a"] * N_COLUMNS + ["1"]), ",".join(["b"] * N_COLUMNS + ["0"])]
    table = csv.read(written(tmp_path, "\n".join(lines)))
    assert table.x.shape == (2, 2 * N_COLUMNS)
    assert table.columns[-1] == ("c99999", ("a", "b"))
    turned = [",".join(line.split(",")[-2::-1] + line.split(",")[-1:]) for line in lines]
    again = csv.read(written(tmp_path, "\n".join(turned)), columns=table.columns)
    assert np.array_equal(again.x, table.x)


def test_texts_make_no_more_numbers_than_there_may_be_bytes(tmp_path, monkeypatch):
    table = written(tmp_path, "".join(f"{i},n{i % 10},{i % 2}\n" for i in range(50)))
    monkeypatch.setattr(csv, "MAX_BYTES", 8 * 50 * 10)
    assert csv.read(table).x.shape == (50, 11)
    monkeypatch.setattr(csv, "MAX_BYTES", 8 * 50 * 10 - 1)
    message = "expected texts that make at most 499 numbers, .*, got 10 categories in 50 lines. Leave columns of many"
    with pytest.raises(ValueError, match=message):
        csv.read(table)


def test_columns_of_numbers_and_texts_stand_as_they_stood(tmp_path):
    x = csv.read(written(tmp_path, "a,b,c,d,y\n1,u,2,p,0\n3,v,4,p,1\n5,u,6,q,1\n")).x
    assert x.tolist() == [[1, 1, 0, 2, 1, 0], [3, 0, 1, 4, 1, 0], [5, 1, 0, 6, 0, 1]]


def test_a_table_is_read_no_further_than_until_a_column_has_too_many_categories(tmp_path, monkeypatch):
    monkeypatch.setattr(csv, "MAX_CATEGORIES", 3)
    table = written(tmp_path, "".join(f"n{i},a,0\n" for i in range(8)) + "one,cell\n")
    with pytest.raises(ValueError, match="at most 3 categories in the column number 0, got more"):
        csv.read(table)
    names = "".join(f"n{i},1,0\n" for i in range(8))
    for below in ("n8,inf,0\n", f"{'n' * 200_000},1,0\n"):  # which csv has a bound on
        with pytest.raises(ValueError, match="at most 3 categories in the column number 0, got more"):
            csv.read(written(tmp_path, names + below))
    table = written(tmp_path, "".join(f"n{i},a,0\n" for i in range(8)) + "one,cell\n")
    known = (Column(None, tuple(f"n{i}" for i in range(8))), Column(None, ("a",)))
    with pytest.raises(ValueError, match="line 9: expected 3 values"):
        csv.read(table, columns=known)
