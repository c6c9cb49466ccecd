"""A user's own data: what is read, and what is refused."""

import gzip
import tracemalloc

import numpy as np
import pytest
from idx_writer import idx

from anynet import Network
from anynet.datasets import read_data, read_npz_dataset, split
from anynet.datasets.loading import read_inputs
from anynet.formats.columns import Column


def written(path, data):
    path.write_bytes(data)
    return path


@pytest.fixture
def pair(rng):
    return rng.integers(0, 256, (20, 4, 3)).astype("u1"), rng.integers(0, 3, 20).astype("u1")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", ["u1", "f4", ">f8", "f2", "?"])
def test_npz(save, dtype, pair, tmp_path):
    x, y = pair[0].astype(dtype), pair[1]
    save(tmp_path / "own", x=np.asfortranarray(x), y=y, z=np.zeros(7))
    data = read_data(tmp_path / "own.npz")
    assert np.array_equal(data.x, x)
    assert data.x.dtype == np.dtype(dtype).newbyteorder("=")
    assert np.array_equal(data.y, y)


@pytest.mark.parametrize(("content", "told"), [(b"", "an empty file"), (b"a,b\n1,\n", "expected a target")])
def test_a_path_in_an_error_is_shown_in_one_line(content, told, tmp_path):
    with pytest.raises(ValueError, match=rf"x\\n\\x1b\[31m: .*{told}") as raised:
        read_data(written(tmp_path / "x\n\x1b[31m", content))
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_idx_pair(pack, pair, tmp_path):
    x, y = pair
    images, labels = written(tmp_path / "images", pack(idx(x))), written(tmp_path / "labels", pack(idx(y)))
    data = read_data(images, labels)
    assert np.array_equal(data.x, x.reshape(20, 12))
    assert data.x.dtype == np.uint8
    assert np.array_equal(data.y, y)


def test_a_network_trains_on_them(pair, tmp_path, rng):
    np.savez(tmp_path / "own.npz", x=pair[0], y=pair[1])
    train, validation = split(read_data(tmp_path / "own.npz"), 0.25, rng)
    reports = Network([12, 5, 3]).fit(train, epochs=1, batch_size=5, validation=validation, progress=False)
    assert reports[0].metrics


ARRAYS = {"x": np.ones((4, 3)), "y": np.zeros(4)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": None}, "expected arrays x and y, got no x"),
        ({"y": None}, "got no y"),
        ({"x": None, "y": None}, "got no x"),
        ({"x": np.array([[object()]])}, "'x.npy' of object, which would need pickle"),
        ({"x": np.array([["a"]] * 4)}, "x: expected real numbers, got <U1"),
        ({"y": np.array(["a", "b", "c", "\n"])}, "classes: expected printable names .*, got '.n', which holds U.000A"),
        (
            {"y": np.array([0, 1, 2, 3]), "classes": ["a", "b"]},
            "classes: expected a name for each label up to 3, got 2",
        ),
        ({"classes": ["a", "b", "a"]}, "classes: expected different names, got 'a' twice"),
        ({"y": np.array([b"a", b"b", b"a", b"b"])}, r"'y.npy' of .S1, which is bytes: save names with .astype.str."),
        ({"classes": [["a", "b"]]}, "classes: expected a name per class"),
        ({"x": np.ones((4, 3), complex)}, "'x.npy' of complex128"),
        ({"x": np.ones((4, 3), "M8[s]")}, "'x.npy' of datetime64"),
        ({"x": np.ones(4)}, "x: expected examples in rows"),
        ({"x": np.ones((5, 3))}, "y: expected 5 rows, as in x, got 4"),
        ({"y": np.ones((4, 1, 1))}, "y: expected labels"),
        ({"x": np.array([[1, np.nan]] * 4)}, "x: expected finite numbers"),
        ({"y": np.array([1, 2, 3, np.inf])}, "y: expected finite numbers"),
        ({"x": np.ones((0, 3)), "y": np.ones(0)}, "x: expected examples of at least one number"),
        ({"x": np.ones((4, 0))}, "x: expected examples of at least one number"),
    ],
)
def test_arrays_that_are_no_data(changes, message, tmp_path):
    np.savez(tmp_path / "own.npz", **{name: a for name, a in (ARRAYS | changes).items() if a is not None})
    with pytest.raises(ValueError, match=message) as caught:
        read_data(tmp_path / "own.npz")
    assert str(caught.value).startswith(str(tmp_path / "own.npz"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected an .npz, CSV or IDX file, got an empty file. Save the data with"),
        (b"hello", "got text. Save"),
        (b"\7\7\7\7", "got bytes that begin with 07070707"),
        (b"<!doctype html>\n<p>", "got a web page. Download the file itself"),
        (b"\n <HTML><head>, ,", "got a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\n", "got a Git LFS pointer. .* git lfs pull"),
        (
            gzip.compress(b"1,2\n" * 999, mtime=0)[:-9],
            "expected a whole gzip file, got a truncated one. Fetch it again",
        ),
        (b"\x80\2]q\0.", "got a pickle"),
        (b"\x89HDF\r\n", "got an HDF5 file. Read it with h5py"),
        (b"PK nothing", "expected an .npz file of plain arrays, got one that is cut short"),
    ],
)
def test_files_from_strangers(data, message, tmp_path):
    path = written(tmp_path / "own.npz", data)
    with pytest.raises(ValueError, match=message) as caught:
        read_data(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_names_of_classes_come_with_the_labels_or_as_them(tmp_path):
    np.savez(tmp_path / "own.npz", x=np.ones((3, 2)), y=[1, 0, 1], classes=["no", "yes"])
    data = read_data(tmp_path / "own.npz")
    assert (data.y.tolist(), data.class_names) == ([1, 0, 1], ("no", "yes"))
    np.savez(tmp_path / "own.npz", x=np.ones((3, 2)), y=["yes", "no", "yes"])
    data = read_data(tmp_path / "own.npz")
    assert (data.y.tolist(), data.class_names) == ([1, 0, 1], ("no", "yes"))


@pytest.mark.parametrize(
    ("text", "target", "y", "names"),
    [
        ("a,b,c\n1,2,3\n4,5,6\n", -1, [3, 6], None),
        ("a,b,c\n1,2,3\n4,5,6\n", "a", [1, 4], None),
        ("a,b,c\n1,2,3\n4,5,6\n", "1", [2, 5], None),
        ("1,2,3.5\n4,5,6\n", -1, [3.5, 6], None),
        ("1,2,x\n4,5,w\n", -1, [1, 0], ("w", "x")),
    ],
)
def test_csv(text, target, y, names, tmp_path):
    data = read_data(written(tmp_path / "own.csv", text.encode()), target=target)
    assert (data.y.tolist(), data.class_names) == (y, names)
    assert data.x.shape == (2, 2)
    assert data.y.dtype.kind == ("f" if 3.5 in y else "i")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n\n4,5,\n", "own.csv: line 3: expected a target, got none. Fill it in, or leave the line out"),
        ("a,b,c\n1,2,no\n4,5,NaN\n", "own.csv: line 3: expected a target, got none"),
        ("1,2,3\n4,5,x\n4,5,6\n", "own.csv: line 2: expected a number as target, as in most lines, got 'x'. Leave"),
    ],
)
def test_a_target_that_is_none_is_told_with_its_line(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_data(written(tmp_path / "own.csv", text.encode()))


def test_the_columns_of_a_table_stay_with_its_examples(tmp_path):
    train = read_data(written(tmp_path / "own.csv", b"a,b,c\n1,u,0\n2,v,1\n3,w,1\n4,u,0\n"))
    columns = (Column("a"), Column("b", ("u", "v", "w")))
    parts = [train, train[:2], train[[0, 1]], *split(train, 0.5, 0)]
    assert [part.columns for part in parts] == [columns] * 5
    again = read_data(written(tmp_path / "more.csv", b"c,b,a\n1,v,7\n"), target="c", columns=train.columns)
    assert (again.x.tolist(), again.y.tolist(), again.columns) == ([[7, 0, 1, 0]], [1], columns)
    assert read_inputs(written(tmp_path / "x.csv", b"b,a\nv,7\n"), 4, columns=columns).tolist() == [[7, 0, 1, 0]]
    with pytest.raises(ValueError, match=r"target: expected a column of .*x.csv besides those that are inputs, got"):
        read_data(tmp_path / "x.csv", columns=columns)


def test_inputs_alone(pair, tmp_path):
    x, _ = pair
    np.savez(tmp_path / "own.npz", x=x)
    assert np.array_equal(read_inputs(tmp_path / "own.npz", 12), x.reshape(20, 12))
    assert np.array_equal(read_inputs(written(tmp_path / "idx", gzip.compress(idx(x))), 12), x.reshape(20, 12))
    for text in (b"1,2\n3,4\n", b"1,2,yes\n3,4,no\n", b"a,b\n1,2\n3,4\n"):
        assert read_inputs(written(tmp_path / "own.csv", text), 2).tolist() == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match=r"own.csv: expected rows of 7 numbers, as many as the network takes"):
        read_inputs(tmp_path / "own.csv", 7)
    with pytest.raises(ValueError, match=r"page: expected examples in .*, got a web page"):
        read_inputs(written(tmp_path / "page", b"<html>"), 7)


def test_any_damage_is_told_or_harmless(pair, tmp_path, rng):
    np.savez(tmp_path / "whole.npz", x=pair[0], y=pair[1])
    whole = (tmp_path / "whole.npz").read_bytes()
    path = tmp_path / "own.npz"
    for _ in range(300):
        mutated = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 4)):
            mutated[place] = rng.integers(256)
        path.write_bytes(mutated[: rng.integers(1, len(whole))] if rng.random() < 0.2 else mutated)
        try:
            data = read_npz_dataset(path)
        except ValueError as error:
            assert str(error).startswith(str(path))  # noqa: PT017
        else:
            assert data.x.size == pair[0].size


def test_pairs_of_files_that_do_not_fit(pair, tmp_path):
    images, labels = written(tmp_path / "images", idx(pair[0])), written(tmp_path / "labels", idx(pair[1]))
    np.savez(tmp_path / "own.npz", **ARRAYS)
    for paths, message in [
        ((images,), "images: expected a file of labels with this IDX file of images, got none"),
        ((labels, images), "labels: expected images"),
        ((images, images), "images: expected labels"),
        ((tmp_path / "own.npz", labels), "labels: expected no file of labels"),
        ((images, written(tmp_path / "few", idx(pair[1][:7]))), "images: y: expected 20 rows, as in x, got 7"),
    ]:
        with pytest.raises(ValueError, match=message):
            read_data(*paths)
    with pytest.raises(FileNotFoundError):
        read_data(tmp_path / "absent")
    with pytest.raises(FileNotFoundError):
        read_data(images, tmp_path / "absent")


@pytest.mark.parametrize("length", [200, 20_000])
def test_one_long_name_makes_no_others_as_long(length, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,t\n1," + "x" * length + "\n" + "1,b\n" * (10**8 // (8 * length)))
    tracemalloc.start()
    try:
        if length > 200:
            with pytest.raises(ValueError, match=r"classes: expected printable names .*, of 20000. Rename it"):
                read_data(path)
        else:
            assert read_data(path).class_names == ("b", "x" * length)
        assert tracemalloc.get_traced_memory()[1] < 35e6  # as text of one width they would take 50 MB
    finally:
        tracemalloc.stop()


def test_a_name_that_stands_twice_among_very_many_classes_is_told(tmp_path):
    names = [f"n{i}" for i in range(100_000)]
    np.savez(tmp_path / "own.npz", x=np.zeros((5, 1)), y=np.arange(5), classes=[*names, "n7"])
    with pytest.raises(ValueError, match=r"own\.npz: classes: expected different names, got 'n7' twice"):
        read_data(tmp_path / "own.npz")
