"""Examples: what is like an array is one from the door on, and what is none is told for what it is."""

import dataclasses

import numpy as np
import pytest
from recipes import clusters

from anynet import SGD, Dataset, Network, backends
from anynet.backends import library_of
from anynet.datasets import as_dataset, split


class Frame:
    """A frame, or a series, as pandas has it: by `[]` it answers by label, in the order of its index."""

    def __init__(self, values, index, columns=None):
        self.values, self.index = np.asarray(values), list(index)
        if columns is not None:
            self.columns = columns

    shape = property(lambda frame: frame.values.shape)
    dtype = property(lambda frame: frame.values.dtype)
    iloc = property(lambda frame: frame.values)

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)

    def __getitem__(self, labels):
        return self.values[[self.index.index(label) for label in labels]]


class Sparse:
    """A sparse matrix as SciPy has it."""

    def __init__(self, a):
        self.a = np.asarray(a)

    shape = property(lambda sparse: sparse.a.shape)
    dtype = property(lambda sparse: sparse.a.dtype)

    def tocsr(self):
        return self

    def toarray(self):
        return self.a

    def __getitem__(self, rows):
        return Sparse(self.a[rows])


class OnDisk:
    """A file as HDF5 has it: indices must increase."""

    chunks = None

    def __init__(self, a):
        self.a = np.asarray(a)

    shape = property(lambda file: file.a.shape)
    dtype = property(lambda file: file.a.dtype)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.a, dtype)

    def __getitem__(self, rows):
        if not isinstance(rows, slice) and (np.diff(rows) <= 0).any():
            raise TypeError("Indexing elements must be in increasing order")
        return self.a[rows]


def test_a_data_set_knows_its_length_and_checks_its_rows():
    assert len(Dataset(np.zeros((3, 2)), np.zeros(3))) == 3
    with pytest.raises(ValueError, match="y: expected labels"):
        Dataset(np.zeros((3, 2)), np.zeros((3, 1, 1)))


def test_what_examples_must_have_in_common():
    with pytest.raises(ValueError, match=r"x: expected examples of one shape, got \(2, 1\) and \(3, 1\)"):
        as_dataset([(np.ones((2, 1)), 0), (np.ones((3, 1)), 1)])
    with pytest.raises(ValueError, match="x: expected numbers in equal rows, got rows of different lengths"):
        as_dataset(([[1.0, 2.0], [3.0]], [0, 1]))
    strict = pytest.importorskip("array_api_strict")
    with pytest.raises(TypeError, match="y: expected arrays of one library, got array_api_strict and numpy"):
        as_dataset([(np.ones((2, 1)), np.ones((1, 1))), (np.ones((2, 1)), strict.ones((1, 1)))])


def test_a_data_set_is_made_of_lists_too():
    data = Dataset([[0.0, 1.0], [1.0, 0.0]], [0, 1], ["no", "yes"])
    assert data.x.shape == (2, 2)
    assert data.class_names == ("no", "yes")


def test_names_of_classes_are_kept_as_text_and_have_a_former_name():
    x, y = np.ones((2, 3)), [0, 1]
    for names in (("3", "8"), [3, 8], np.array([3, 8])):
        assert Dataset(x, y, names).class_names == ("3", "8")
        assert Dataset(x, y, class_names=names).class_names == ("3", "8")
        assert Dataset(x, y, classes=names).class_names == ("3", "8")
    assert Dataset(x, y).class_names is None
    for keyword in ("class_names", "classes"):
        with pytest.raises(TypeError, match="class_names: expected a sequence of names, got the text 'ab'"):
            Dataset(x, y, **{keyword: "ab"})


@pytest.mark.parametrize("data", [None, 7, [1, 2, 3], [(1, 2, 3)], "text", []])
def test_what_is_no_data(data):
    with pytest.raises((TypeError, ValueError), match="data: expected"):
        as_dataset(data)


# Some of a data set.


@pytest.mark.parametrize(
    "rows",
    [
        slice(3, 9), slice(-4, None), slice(None, None, 3), slice(None, None, -2), np.arange(20) % 3 == 1,
        [5, 0, -1, 5], np.array([7], np.uint8),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("kind", ["array", "list", "native", Sparse, OnDisk, "memmap", "h5py"])
def test_a_part_of_a_data_set_is_one(rows, kind, tmp_path, rng, backend32):
    x, y = clusters(rng, n=20)
    x = x.astype(np.float32)
    given = {"array": x, "list": x.tolist()}.get(kind) if isinstance(kind, str) else kind(x)
    if kind == "native":
        given = backend32.asarray(x)
    elif kind == "memmap":
        np.save(tmp_path / "x.npy", x)
        given = np.load(tmp_path / "x.npy", mmap_mode="r")
    elif kind == "h5py":
        given = pytest.importorskip("h5py").File(tmp_path / "x.h5", "w").create_dataset("x", data=x)
    data = Dataset(given, backend32.asarray(y) if kind == "native" else y, ("a", "b", "c", "d"))
    part = data[rows]
    found = part.x.toarray() if kind is Sparse else backends.to_numpy(part.x)
    assert np.array_equal(found, np.asarray(x)[rows])
    assert np.array_equal(backends.to_numpy(part.y), y[rows])
    assert (len(part), part.class_names) == (len(y[rows]), data.class_names)
    if kind in ("native", "memmap"):
        assert library_of(part.x) == library_of(given)


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (3, TypeError, "data: expected a slice, a mask, or indices .*, got 3. One example alone is"),
        (np.int64(3), TypeError, "One example alone"),
        ("x", TypeError, "data: expected a slice"),
        ([0.5], TypeError, "got an array of float64"),
        (np.ones((4, 2), bool), TypeError, "data: expected a slice"),
        ([4], IndexError, "data: expected indices of 4 examples, or a mask of as many, got others: index 4 is out of"),
        ([-5], IndexError, "data: expected indices of 4 examples"),
        (np.ones(3, bool), IndexError, "or a mask of as many, got others: boolean index did not match"),
        (slice(9, 9), ValueError, "at least one example"),
        ([], (TypeError, ValueError), "expected"),
    ],
)
def test_what_chooses_no_examples(rows, error, message):
    with pytest.raises(error, match=message):
        Dataset(np.ones((4, 3)), [0, 1, 0, 1])[rows]


@pytest.mark.parametrize(
    ("y", "names", "counts"),
    [
        ([2, 0, 2], None, {0: 1, 2: 2}),
        ([2.0, 0.0, 2.0], ("a", "b", "c"), {"a": 1, "b": 0, "c": 2}),
        ([[2], [0], [2]], None, {0: 1, 2: 2}),
        (np.eye(3)[[2, 0, 2]], ("a", "b", "c"), {"a": 1, "b": 0, "c": 2}),
        (["c", "a", "c"], None, {"a": 1, "c": 2}),
        ([-1, 1, 1], ("no", "yes"), {"no": 1, "yes": 2}),
        ([True, False, True], None, {0: 1, 1: 2}),
    ],
)
def test_examples_are_counted_by_class(y, names, counts, backend):
    data = Dataset(np.ones((3, 2)), y, names)
    assert data.counts() == counts
    assert list(data.counts()) == list(counts)
    assert Dataset(np.ones((3, 2)), backend.asarray(data.y), data.class_names).counts() == counts


@pytest.mark.parametrize("y", [[0.5, 1.0, 2.0], np.ones((3, 2)), [[0.2, 0.8]] * 3])
def test_values_are_no_classes_to_count(y):
    with pytest.raises(ValueError, match="y: expected classes, labels or one-hot rows, got values"):
        Dataset(np.ones((3, 2)), y).counts()


def test_a_data_set_shows_what_it_is_and_no_numbers():
    data = Dataset(np.ones((3, 784), np.uint8), ["b", "a", "b"])
    assert repr(data) == "<Dataset of 3: x (3, 784) of uint8, y (3,) of int64, classes a, b>"
    many = Dataset(np.ones((30, 2)), [f"{i:02}" for i in range(30)])
    assert repr(many).endswith("classes 00, 01, 02, 03, 04, 05, 06, 07, 08, 09, ...>")


def test_a_data_set_is_changed_by_making_another():
    data = Dataset(np.ones((3, 2)), ["b", "a", "b"])
    for name in ("x", "y", "class_names"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(data, name, None)
    other = dataclasses.replace(data, x=np.zeros((3, 5)))
    assert (other.x.shape, other.class_names) == ((3, 5), ("a", "b"))
    assert np.array_equal(other.y, data.y)
    assert dataclasses.replace(data, class_names=("no", "yes")).class_names == ("no", "yes")


# x and y in two arguments.

DOORS = {
    "fit": lambda net: net.fit,
    "iter_fit": lambda net: lambda *data: list(net.iter_fit(*data)),
    "evaluate": lambda net: net.evaluate,
    "accuracy": lambda net: net.accuracy,
    "confusion_matrix": lambda net: net.confusion_matrix,
}


@pytest.mark.slow_on("jax")
def test_x_and_y_in_two_arguments_give_the_same_bits_as_in_one(backend, rng):
    x, y = clusters(rng, n=40)
    found = []
    for data in ((x, y), ((x, y),), (Dataset(x, y),), (x.tolist(), y.tolist()), (Frame(x, range(40)), iter(y))):
        net = Network([12, 5, 4], backend)
        reports = net.fit(*data, epochs=2, batch_size=7, validation=(x, y))
        list(net.iter_fit(x, y, epochs=1))
        found.append([[report.metrics for report in reports], net.weights[0].tolist(), net.biases[1].tolist()])
        for door in ("evaluate", "accuracy", "confusion_matrix"):
            assert np.array_equal(getattr(net, door)(x, y), getattr(net, door)(Dataset(x, y)))
    assert all(one == found[0] for one in found)


@pytest.mark.parametrize("door", DOORS)
def test_two_arguments_go_through_the_same_door_as_a_pair(door, rng, tmp_path):
    pandas = pytest.importorskip("pandas")
    x, y = clusters(rng, n=20)
    names = np.array(["a", "b", "c", "d"])[y]
    frame = pandas.DataFrame(x).assign(name=names).sample(frac=1.0, random_state=0)
    masked = np.ma.masked_greater(x, 1.0)
    for given in (
        (frame[list(range(12))], frame["name"]),
        (Sparse(x), y),
        (OnDisk(x), OnDisk(y)),
        (x, names),
        ((row for row in x), (int(label) for label in y)),
    ):
        DOORS[door](Network([12, 4]))(*given)
    for given, message in (
        ((masked, y), "x: expected numbers all of which count"),
        ((x, np.ma.masked_equal(y, 1)), "y: expected numbers all of which count"),
        ((x, y[1:]), "y: expected 20 rows, as in x, got 19"),
        ((frame, y), "with '.' in column 'name'"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            DOORS[door](Network([12, 4]))(*given)


@pytest.mark.parametrize("door", DOORS)
def test_what_is_no_y_is_told_where_it_belongs(door, rng):
    x, y = clusters(rng, n=20)
    data = Dataset(x, y)
    use = DOORS[door](Network([12, 4]))
    for number in (30, np.int64(30)):
        with pytest.raises(TypeError, match=r"y: expected what should come out .* All else goes by its name: epochs="):
            use(data, number)
    with pytest.raises(TypeError, match=r"x: expected an array of its own, got a Dataset, .*validation="):
        use(data, data)
    with pytest.raises(TypeError, match="y: expected an array of its own, got a Dataset"):
        use(x, data)
    with pytest.raises(TypeError, match=r"data: expected x and y, .*, got ndarray"):
        use(x)


# What is like an array.


@pytest.mark.slow_on("jax")
def test_a_shuffled_frame_pairs_x_and_y_by_position(backend, rng):
    x, y = clusters(rng, n=40)
    index = rng.permutation(40)
    frame = Frame(x, index), Frame(y, index)
    for part in split(Dataset(*frame), 0.25, 3):
        for row, label in zip(part.x, part.y, strict=True):
            assert y[(x == row).all(axis=1)].tolist() == [label]
    nets = [Network([12, 4], backend) for _ in range(2)]
    for net, data in zip(nets, (frame, (x, y)), strict=True):
        net.fit(data, epochs=2, batch_size=10, validation=data)
        net.update_mini_batch(data, 0.5)
    assert np.array_equal(nets[0].weights[0], nets[1].weights[0])
    for use in ("evaluate", "accuracy"):
        assert getattr(nets[0], use)(frame) == getattr(nets[1], use)((x, y))
    for use in ("predict", "feedforward"):
        assert np.array_equal(getattr(nets[0], use)(frame[0]), getattr(nets[1], use)(x))
    assert nets[0].gradients(*frame)[0] == nets[1].gradients(x, y)[0]


def test_frames_of_pandas_do_as_they_should(rng):
    pandas = pytest.importorskip("pandas")
    x, y = clusters(rng, n=40)
    frame = pandas.DataFrame(x).assign(label=y, flag=y > 1).sample(frac=1.0, random_state=0).iloc[::2]
    data = Dataset(frame[[0, 1, "flag"]], frame["label"])  # of numbers and truth values pandas makes objects
    assert library_of(data.x) == library_of(data.y) == "numpy"
    assert data.x.dtype == np.float64
    assert np.array_equal(data.x[:, 0], frame[0].to_numpy())
    with pytest.raises(TypeError, match="x: expected real numbers, got an array of object, with 'f' in column 'sex'"):
        Dataset(frame.assign(sex="f"), frame["label"])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            np.array([[1, "a"], [2, "b"]], object),
            r"with 'a' in column 1, row 0. Make numbers of it, .* pandas.get_dummies does, or leave it out",
        ),
        (Frame(np.array([[1, None], [2, 3]], object), [0, 1], ["age", "sex"]), "with None in column 'sex'"),
        (np.ones((2, 2), object), r"object. Convert it: x.astype\('float32'\)"),
        (np.array([["1"], ["2"]]), "<U1, with '1' in column 0"),
    ],
)
def test_columns_that_hold_no_numbers_are_named(x, message):
    with pytest.raises(TypeError, match="x: expected real numbers, got an array of .*" + message):
        Dataset(x, [0, 1])
    with pytest.raises(TypeError, match="x: expected real numbers"):
        Network([2, 2]).predict(x)


def test_what_is_masked_is_refused_at_every_door(backend, rng):
    x, y = clusters(rng, n=20)
    masked, label = np.ma.masked_greater(x, 1.0), np.ma.masked_equal(y, 1)
    net = Network([12, 4], backend)
    for data in ((masked, y), (list(masked), y), [(a[:, None], t) for a, t in zip(masked, y, strict=True)]):
        for use in (net.fit, net.evaluate, net.accuracy, net.confusion_matrix, lambda d: net.SGD(d, 1, 5, 1.0)):
            with pytest.raises(ValueError, match=r"x: expected numbers all of which count, .* masked. .*x.filled\(0\)"):
                use(data)
    for use in (net.predict, net.feedforward, net.activations, lambda x: net.gradients(x, y)):
        with pytest.raises(ValueError, match="x: expected numbers all of which count"):
            use(masked)
    for use in (net.fit, lambda d: net.gradients(*d), lambda d: net.update_mini_batch(d, 1.0)):
        with pytest.raises(ValueError, match="y: expected numbers all of which count, got an array with 5 of them"):
            use((x, label))
    weights, biases = np.ma.masked_greater(net.weights[0], 0.0), np.ma.masked_less(net.biases[0], 1e9)
    for door, use in {
        r"weights\[0\]": lambda: setattr(net, "weights", [weights]),
        r"biases\[0\]": lambda: setattr(net, "biases", [biases]),
        "x": lambda: backend.asarray(masked),
        "given": lambda: backend.asarray(list(masked), "given"),
        "copied": lambda: backend.copy_to_device(masked, "copied"),
        "x ": lambda: backends.to_numpy(masked),
        " x": lambda: net.predict(masked[0]),
    }.items():
        with pytest.raises(ValueError, match=rf"^{door.strip()}: expected numbers all of which count, .*filled\(0\)"):
            use()
    fields = np.ma.array([(1.0, 2.0)], dtype=[("a", float), ("b", float)])
    with pytest.raises(TypeError, match="x: expected real numbers"):
        net.predict(fields)
    whole = np.ma.masked_greater(x, 1e9)  # of which nothing is masked
    assert type(Dataset(whole, y).x) is np.ndarray
    for found in (net.feedforward(whole), backend.to_numpy(backend.asarray(whole))):
        assert type(found) is np.ndarray


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("kind", [Sparse, OnDisk, "csr_matrix", "coo_array", "h5py"])
def test_rows_of_sparse_matrices_and_files_do_as_arrays_do(backend, kind, tmp_path, rng, monkeypatch):
    x, y = clusters(rng, n=60)
    if kind == "h5py":
        given = pytest.importorskip("h5py").File(tmp_path / "x.h5", "w").create_dataset("x", data=x)
    else:
        given = getattr(pytest.importorskip("scipy.sparse"), kind)(x) if isinstance(kind, str) else kind(x)
    x = x.astype(given.dtype)
    nets = [Network([12, 5, 4], backend) for _ in range(2)]
    assert not Dataset(given, y).in_memory
    for net, a in zip(nets, (given, x), strict=True):
        net.fit((a, y), epochs=2, batch_size=7, optimizer=SGD(0.5), validation=split(Dataset(a, y), 0.5, 0)[0])
        net.update_mini_batch((a, y), 0.5)
    assert np.array_equal(nets[0].weights[0], nets[1].weights[0])
    monkeypatch.setattr("anynet.batches.BLOCK_BYTES", 25 * 12 * 8)
    net = nets[0]
    assert (net.evaluate((given, y)), net.confusion_matrix((given, y)).tolist()) == (
        net.evaluate((x, y)),
        net.confusion_matrix((x, y)).tolist(),
    )
    assert np.array_equal(net.predict(given), net.predict(x))
    assert np.array_equal(net.feedforward(given), net.feedforward(x))
    assert [a.shape for a in net.activations(given)] == [(60, 5), (60, 4)]
    assert net.gradients(given, y)[0] == net.gradients(x, y)[0]
    with pytest.raises(ValueError, match=r"x: expected the shape \(n, 11\), got \(60, 12\)"):
        Network([11, 4], backend).predict(given)


def test_sparse_targets_and_labels_on_disk_are_read(rng):
    x, y = clusters(rng, n=20)
    one_hot = np.eye(4)[y]
    assert np.array_equal(Dataset(x, Sparse(one_hot)).y, one_hot)
    assert np.array_equal(Dataset(x, OnDisk(y)).y, y)
    net = Network([12, 4])
    assert net.gradients(x, Sparse(one_hot))[0] == net.gradients(x, y)[0]


def test_what_can_be_read_once_and_what_yields_batches_is_told_so():
    pairs = iter([(np.ones((2, 1)), 0)])
    assert len(as_dataset(pairs)) == 1
    with pytest.raises(
        ValueError, match=r"data: .* an iterator with none left. It can be read once: .* list\(\.\.\.\)"
    ):
        as_dataset(pairs)
    rows = iter([[0.0, 1.0], [1.0, 0.0]])
    assert as_dataset(rows, iter([0, 1])).x.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    with pytest.raises(ValueError, match="x: expected at least one example, got an iterator with none left"):
        as_dataset(rows, [0, 1])

    class DataLoader:
        batch_size = 2

        def __iter__(self):
            return iter([(np.ones((2, 3)), np.zeros(2))])

    with pytest.raises(TypeError, match=r"data: expected x and y, .* got DataLoader. It yields batches"):
        as_dataset(DataLoader())


def test_a_tuple_of_two_pairs_is_a_list_of_pairs(rng):
    pairs = [(rng.standard_normal((3, 1)), label) for label in (1, 0)]
    for given in (pairs, tuple(pairs), tuple((x, np.eye(2)[y][:, None]) for x, y in pairs)):
        assert np.array_equal(as_dataset(given).x, np.stack([x[:, 0] for x, _ in pairs]))


# Names of classes.


@pytest.mark.parametrize("kind", [str, "S", object])
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_names_in_y_are_classes(kind, shape):
    y = np.array(["dog", "cat", "dog"]).astype(kind).reshape(shape)
    data = Dataset(np.ones((3, 2)), y)
    assert (data.y.tolist(), data.class_names) == ([1, 0, 1], ("cat", "dog"))
    data = Dataset(np.ones((3, 2)), y, ["dog", "cat", "bird"])
    assert (data.y.tolist(), data.class_names) == ([0, 1, 0], ("dog", "cat", "bird"))
    with pytest.raises(ValueError, match="y: expected names among bird, cat, got 'dog'"):
        Dataset(np.ones((3, 2)), y, ["bird", "cat"])


@pytest.mark.parametrize("y", [np.array(["a", 1, 2.0], object), np.array([["a", "b"]] * 3)])
def test_y_that_is_neither_numbers_nor_names(y):
    with pytest.raises(TypeError, match=r"y: expected .* classes, y = np.unique\(y, return_inverse=True\)"):
        Dataset(np.ones((3, 2)), y)


@pytest.mark.parametrize("door", ["predict", "feedforward", "activations"])
def test_a_data_set_is_not_taken_for_its_x(door):
    with pytest.raises(TypeError, match=r"x: expected an array, got a Dataset, which holds x and y\. Give data\.x\."):
        getattr(Network([3, 2]), door)(Dataset(np.zeros((4, 3)), [0, 1, 0, 1]))


@pytest.mark.parametrize(
    ("made_of", "message"),
    [
        ({"columns": [["a", None], ["a\x07", None]]}, "columns: expected printable names"),
        ({"columns": [["a", None]]}, "columns: expected such as make 2 inputs"),
        ({"columns": 3}, "columns: expected pairs of a name and categories"),
        ({"pictures": 3}, "pictures: expected height, width"),
    ],
)
def test_what_x_is_made_of_is_checked_at_once(made_of, message):
    with pytest.raises(ValueError, match=message):
        Dataset(np.ones((3, 2)), [0, 1, 0], **made_of)


def test_columns_from_json_are_columns(tmp_path):
    data = Dataset(np.eye(2), [0, 1], columns=[["a", None], ["b", None]])
    assert data.columns[0].name == "a"
    net = Network([2, 2])
    net.fit(data, epochs=1)
    assert Network.load(net.save(tmp_path / "net")).columns == data.columns == data[:1].columns
