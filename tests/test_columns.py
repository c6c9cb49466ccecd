"""Columns of tables: told in a line, compared, and of a file from strangers only such as can be."""

import pytest

from anynet import Checkpoint, Network, datasets
from anynet.formats import npz
from anynet.formats.columns import Column, check_same, checked, told

COLUMNS = (Column("size"), Column("colour", ("blue", "red")))


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
    with pytest.raises(ValueError, match=r"x: expected columns as the network has learnt from them, .*, got"):
        check_same(given, learnt)


def test_what_a_file_says_of_columns_comes_back():
    assert checked([["size", None], ["colour", ["blue", "red"]]], 3) == COLUMNS
    assert checked([[None, None]], 1) == (Column(None),)
    assert checked(None, 3) is None


@pytest.mark.parametrize(
    ("given", "n", "message"),
    [
        ("size", 1, "pairs"),
        ({"size": None}, 1, "pairs"),
        (["ab"], 1, "pairs"),
        ([["size"]], 1, "pairs"),
        ([[1, None]], 1, "printable names"),
        ([[0, None]], 1, "printable names"),
        ([["", None]], 1, "printable names"),
        ([["\x1b[2J", None]], 1, "printable names"),
        ([["a" * 201, None]], 1, "printable names"),
        ([["a", ["\x07"]]], 1, "printable names"),
        ([["a", [1]]], 1, "printable names"),
        ([["a", [[]]]], 1, "printable names"),
        ([[{}, None]], 1, "printable names"),
        ([["a", "bc"]], 2, "pairs"),
        ([["a", 2]], 2, "pairs"),
        ([["a", []]], 0, "different categories"),
        ([["a", ["b", "b"]]], 2, "different categories"),
        ([["a", ["c", "b"]]], 2, "different categories"),
        ([["a", ["b", "c"]]], 3, "such as make 3 inputs"),
        ([], 3, "such as make 3 inputs"),
    ],
)
def test_what_cannot_be_is_refused(given, n, message):
    with pytest.raises(ValueError, match=f"columns: expected .*{message}"):
        checked(given, n)


@pytest.fixture
def clothes(tmp_path):
    """A table whose sizes and colours tell what sold."""
    rows = [f"{size},{colour},{'yes' if colour == 'red' else 'no'}" for size in (1, 2, 3) for colour in ("blue", "red")]
    path = tmp_path / "clothes.csv"
    path.write_text("\n".join(["size,colour,sold", *rows * 5]))
    return path


def test_a_network_keeps_the_columns_that_it_has_learnt_from(clothes, tmp_path):
    data, net = datasets.read_data(clothes), Network([3, 4, 2])
    assert net.columns is None
    net.fit(data, epochs=1, validation=data, checkpoint=Checkpoint(tmp_path / "there"))
    path = net.save(tmp_path / "net.npz")
    newest = max((tmp_path / "there").iterdir())
    for kept in (net, Network.load(path), net.to("numpy", dtype="float64"), Network.load(newest)):
        assert kept.columns == COLUMNS
    other = tmp_path / "other.csv"
    other.write_text("sold,colour,size\nno,blue,2\nyes,red,3\n")
    assert net.accuracy(datasets.read_data(other, target="sold", columns=net.columns)) >= 0
    for use in (net.evaluate, net.score, lambda d: net.fit(d, epochs=1), lambda d: net.fit(data, validation=d)):
        with pytest.raises(ValueError, match=r"columns as the network has learnt from them, .*\(size, colour\), got"):
            use(datasets.read_data(other, target="sold"))
    net.fit((data.x, data.y), epochs=1)
    assert net.columns == COLUMNS


def test_only_columns_that_a_file_could_bring_back_are_assigned():
    net = Network([3, 2])
    net.columns = COLUMNS
    assert net.columns == COLUMNS
    with pytest.raises(ValueError, match="columns: expected such as make 3 inputs"):
        net.columns = COLUMNS[:1]


def test_a_file_from_before_knows_no_columns_and_one_of_strangers_is_checked(tmp_path):
    path = Network([3, 2]).save(tmp_path / "net.npz")
    arrays, header = npz.read(path)
    npz.write(path, arrays, {name: value for name, value in header.items() if name != "columns"})
    assert Network.load(path).columns is None
    npz.write(path, arrays, header | {"columns": [["\x1b[2J", None]] * 3})
    with pytest.raises(ValueError, match=r"net.npz: columns: expected printable names"):
        Network.load(path)


def test_columns_are_no_more_than_a_file_takes():
    names = [[f"column {i}", None] for i in range(100_000)]
    assert len(checked(names, 100_000)) == 100_000
    with pytest.raises(ValueError, match=r"columns: expected such as .*, got 50,000, JSON of .* characters"):
        checked([[f"{i:0100}", None] for i in range(50_000)], 50_000)
    with pytest.raises(ValueError, match=r"columns: expected such as .*, got 180,000, JSON of more than 524,288 v"):
        checked([[None, None]] * 180_000, 180_000)
