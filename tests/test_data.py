"""Data: what x and y may be, how they are checked, and where they are put."""

import math

import numpy as np
import pytest
from recipes import clusters, is_same

from anynet import SGD, Conv2D, Dataset, Network, backends
from anynet.architecture import build
from anynet.data import Streamed, budget_of, rows_of, shaped, to_batch, to_device

N = 200


def architecture(sizes, **keywords):
    return build(sizes, "sigmoid", keywords.get("output", "sigmoid"), keywords.get("cost"), "lecun_normal", None)


def examples(rng, dtype):
    """Return x (N, 60) and labels of four classes."""
    x = rng.integers(0, 256, (N, 60), dtype=np.uint8) if dtype == "uint8" else rng.standard_normal((N, 60))
    return x.astype(dtype), np.arange(N) % 4


def trained(backend, data, n_in=60, **keywords):
    net = Network([n_in, 5, 4], backend, seed=2)
    return net, [report.metrics for report in net.fit(data, epochs=2, batch_size=50, optimizer=SGD(0.1), **keywords)]


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (np.ones((4, 3)), np.zeros(4, int), ValueError, r"x: expected the shape \(n, 2\), got \(4, 3\)"),
        (np.ones(4), np.zeros(4, int), ValueError, "x: expected examples in rows"),
        (np.ones((4, 2)), np.zeros(5, int), ValueError, "y: expected 4 rows, as in x, got 5"),
        (np.ones((0, 2)), np.zeros(0, int), ValueError, "at least one example"),
        (np.full((4, 2), np.nan), np.zeros(4, int), ValueError, "x: expected finite numbers"),
        (np.full((4, 2), np.inf), np.zeros(4, int), ValueError, "x: expected finite numbers"),
        (np.ones((4, 2)), np.array([0, 1, 2, 3]), ValueError, "y: expected whole labels from 0 to 2.* from 0 to 3 of"),
        (np.ones((4, 2)), np.array([0, -1, 2, 1]), ValueError, "y: expected whole labels"),
        (np.ones((4, 2)), np.array([0, 0.5, 2, 1]), ValueError, "y: expected whole labels"),
        (np.ones((4, 2)), np.ones((4, 2)), ValueError, r"y: expected targets of the shape \(n, 3\), got \(4, 2\)"),
        (np.ones((4, 2)), np.full((4, 3), np.nan), ValueError, "y: expected finite numbers"),
        (np.ones((4, 2)) * 1j, np.zeros(4, int), TypeError, "x: expected real numbers"),
        (np.array([["a", "b"]] * 4), np.zeros(4, int), TypeError, "x: expected real numbers"),
        (np.ones((4, 2), object), np.zeros(4, int), TypeError, "x: expected real numbers"),
        (np.ones((4, 2)), np.array(["a", 1, "c", 2], object), TypeError, "y: expected real numbers"),
    ],
)
def test_data_that_do_not_suit(backend, x, y, error, message):
    net = Network([2, 3], backend)
    for use in (net.fit, net.evaluate, net.accuracy):
        with pytest.raises(error, match=message):
            use((x, y))


@pytest.mark.slow_on("jax")
def test_one_output_tells_two_classes_apart(backend, rng):
    x = rng.standard_normal((20, 3))
    for y in (np.arange(20) % 2 + 1, np.arange(20) % 3, np.arange(20, dtype=np.uint8) % 2 * 255):
        for use in (Network([3, 1], backend).fit, Network([3, 1], backend).evaluate):
            with pytest.raises(ValueError, match="y: expected 0 and 1, for one output tells two classes apart"):
                use((x, y))
        Network([3, 1], backend, output="identity").fit((x, y), epochs=1, batch_size=10, optimizer=SGD(1e-6))  # values
    for y in (np.arange(20) % 2, np.arange(20) % 2 == 1, np.arange(20) % 2 * 2 - 1):
        Network([3, 1], backend, output="tanh").fit((x, y), epochs=1, batch_size=10)


def test_the_limit_counts_what_is_put_on_the_device(backend, rng):
    x, y = examples(rng, "uint8")
    places = []
    for room in (x.nbytes + 4 * N, x.nbytes + 4 * N - 1, 4 * N, 4 * N - 1):
        data = to_device(backend, Dataset(x, y), architecture([60, 4]), room)
        kept = [backend.is_native(a) for a in (data.x, data.y)]
        assert data.kept == kept[0] * x.nbytes + kept[1] * 4 * N <= room
        places.append(kept)
    assert places == [[True, True], [False, True], [False, True], [False, False]]


@pytest.mark.slow_on("jax")
def test_arrays_of_the_backend_stay_where_they_are(backend, rng):
    x, y = examples(rng, "float32")
    x, y = (backend.asarray(a) for a in (x, np.eye(4)[y]))
    data = to_device(backend, Dataset(x, y), architecture([60, 4]), 0)
    if backend.name != "numpy":
        assert data.kept == 0
        assert backend.is_native(data.x)
        assert backend.is_native(data.y)
    assert is_same(trained(backend, (x, y)), trained(backend, (x, y), memory_limit=0))


@pytest.mark.parametrize("shape", [(784,), (28, 28), (28, 28, 1)])
def test_memory_mapped_inputs_take_the_shape_of_the_network(shape, tmp_path, rng):
    x, y = rng.integers(0, 256, (N, 784), dtype=np.uint8), np.arange(N) % 4
    np.save(tmp_path / "x.npy", x.reshape(N, *shape))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    nets = [trained("numpy", (inputs, y), 784, validation=(inputs, y)) for inputs in (mapped, x)]
    assert is_same(*nets)
    few = Dataset(mapped[:20], y[:20])
    assert not few.in_memory
    nets = [Network([784, 4]) for _ in range(2)]
    for net, inputs in zip(nets, (few, (x[:20], y[:20])), strict=True):
        net.update_mini_batch(inputs, 0.5)
    assert np.array_equal(nets[0].weights[0], nets[1].weights[0])
    with pytest.raises(ValueError, match=r"x: expected the shape \(n, 783\), got"):
        Network([783, 4]).fit((mapped, y))


def test_memory_mapped_inputs_that_are_not_finite_stop_at_their_chunk(tmp_path, rng):
    x, y = examples(rng, "float32")
    x[-1, 0] = np.nan
    np.save(tmp_path / "x.npy", x)
    net = Network([60, 4])
    with pytest.raises(ValueError, match="x: expected finite numbers, got NaN or infinity"):
        net.fit((np.load(tmp_path / "x.npy", mmap_mode="r"), y), epochs=1)
    assert np.isfinite(net.weights[0]).all()


def test_memory_mapped_inputs_train_the_same(tmp_path, rng):
    x, y = clusters(rng)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    nets = []
    for inputs in (x, mapped):
        net = Network([12, 4])
        net.fit((inputs, y), epochs=3, batch_size=10, validation=(inputs, y))
        nets.append(net)
    assert not Dataset(mapped, y).in_memory
    assert np.array_equal(nets[0].weights[0], nets[1].weights[0])


@pytest.mark.parametrize(
    ("limit", "error", "message"),
    [
        (-1, ValueError, "memory_limit: expected a number of bytes from 0, got -1"),
        (1e6, TypeError, "memory_limit: expected a whole number, got 1000000.0"),
        ("100MB", TypeError, "memory_limit: expected a whole number, got '100MB'"),
        (True, TypeError, "memory_limit: expected a whole number"),
    ],
)
def test_limits_that_do_not_suit(limit, error, message):
    with pytest.raises(error, match=message):
        Network([2, 3]).fit((np.ones((6, 2)), np.zeros(6, int)), memory_limit=limit)


@pytest.mark.slow_on("jax")
def test_every_form_of_data_trains_alike(backend, rng):
    x, y = clusters(rng, n=30)
    one_hot = np.eye(4)[y]
    pairs = [(a[:, None], t[:, None]) for a, t in zip(x, one_hot, strict=True)]
    forms = [
        Dataset(x, y),
        (x, y),
        (x, one_hot),
        (x.tolist(), y.tolist()),
        (backend.asarray(x), backend.asarray(y)),
        pairs,
        tuple(pairs),
        iter(pairs),
        [(a[:, None], int(t)) for a, t in zip(x, y, strict=True)],
    ]
    trained = []
    for data in forms:
        net = Network([12, 4], backend)
        net.fit(data, epochs=2, batch_size=7)
        trained.append(net.weights[0])
    assert all(np.array_equal(w, trained[0]) for w in trained)


@pytest.mark.slow_on("jax")
def test_the_callers_data_are_not_touched(backend, rng):
    x, y = clusters(rng, n=40)
    pairs = [(a[:, None], t) for a, t in zip(x, y, strict=True)]
    before_x, before_order = x.copy(), [id(pair) for pair in pairs]
    Network([12, 4], backend).SGD(pairs, 2, 8, 3.0)
    assert np.array_equal(x, before_x)
    assert [id(pair) for pair in pairs] == before_order


# On the device.


def test_what_is_on_the_device_stays_and_what_is_checked_is_not_checked_again(backend, rng):
    x, y = examples(rng, "uint8")
    data = to_device(backend, Dataset(x, y, tuple("abcd")), architecture([60, 4]))
    assert to_device(backend, data, architecture([60, 4])) is data
    assert data.class_names == ("a", "b", "c", "d")
    assert len(data) == N
    assert data.x.dtype == backend.xp.uint8
    assert data.y.dtype == backend.xp.int32
    assert data.kept == (x.nbytes + 4 * N)


def test_labels_and_targets_come_in_their_own_forms(backend):
    x = np.ones((3, 2))
    forms = {"labels": [0, 2, 1], "targets": np.eye(3)[[0, 2, 1]]}
    placed = {form: to_device(backend, (x, y), architecture([2, 3])).y for form, y in forms.items()}
    assert [tuple(y.shape) for y in placed.values()] == [(3,), (3, 3)]
    values = to_device(backend, (x, [0.5, 2.0, -1.0]), architecture([2, 1], output="identity")).y
    assert tuple(values.shape) == (3, 1)


def test_a_budget_is_a_number_of_bytes():
    assert budget_of(None) == math.inf
    assert budget_of(0) == 0
    assert type(budget_of(np.int64(7))) is int


def test_streamed_rows_are_read_where_they_lie_and_checked(rng):
    source = rng.standard_normal((10, 2, 3))
    rows = Streamed(source, (10, 6), "x").read([4, 1])
    assert np.array_equal(rows, source[[4, 1]].reshape(2, 6))
    source[4] = np.inf
    with pytest.raises(ValueError, match="x: expected finite numbers"):
        Streamed(source, (10, 6), "x").read([4, 1])
    assert Streamed(source, (10, 6), "x").read([1]).shape == (1, 6)


@pytest.mark.parametrize("limit", [None, 0])
@pytest.mark.parametrize("is_on_disk", [False, True])
def test_rows_are_judged_in_the_dtype_too(limit, is_on_disk, tmp_path):
    x = np.full((4, 2), 1e39)
    if is_on_disk:
        np.save(tmp_path / "x.npy", x)
        x = np.load(tmp_path / "x.npy", mmap_mode="r")
    said = pytest.raises(ValueError, match=r"x: expected numbers that float32 holds, up to 3.4e38, got 1e\+39 in size")
    for use in (lambda net: net.fit((x, [0] * 4), epochs=1, memory_limit=limit), lambda net: net.predict(x)):
        with said:
            use(Network([2, 3]))
    assert Network([2, 3], dtype="float64").predict(x).shape == (4,)


# One batch at the door.


@pytest.mark.parametrize(
    ("given", "batch", "back"),
    [
        ((5, 4), (5, 4), (5, 3)),
        ((4,), (1, 4), (3,)),
        ((4, 1), (1, 4), (3, 1)),
        ((5, 2, 2), (5, 4), (5, 3)),
        ((0, 4), (0, 4), (0, 3)),
    ],
)
def test_a_batch_comes_back_in_the_form_that_came_in(backend, given, batch, back):
    x, restore = to_batch(backend, backend.asarray(np.ones(given)), (4,))
    assert tuple(x.shape) == batch
    assert tuple(restore(backend.asarray(np.ones((batch[0], 3)))).shape) == back


@pytest.mark.parametrize(
    ("given", "input_shape", "n"),
    [
        ((5, 28, 28), (28, 28, 1), 5),
        ((5, 1, 28, 28), (28, 28, 1), 5),
        ((5, 784), (28, 28, 1), 5),
        ((5, 28, 28, 1), (784,), 5),
        ((5, 4, 6, 3), (72,), 5),
        ((28, 28), (28, 28, 1), None),
        ((28, 28, 1), (784,), None),
        ((784,), (28, 28, 1), None),
        ((1, 28, 28), (28, 28, 1), 1),
        ((4, 6), (4, 6, 1), None),
        ((4, 6, 3), (4, 6, 3), None),
        ((72,), (4, 6, 3), None),
    ],
)
def test_images_come_in_rows_or_along_their_axes_one_of_them_alone_as_well(given, input_shape, n):
    values = np.arange(math.prod(given), dtype="float64")
    x, restore = to_batch(backends.get("numpy"), values.reshape(given), input_shape)
    assert np.array_equal(x, values.reshape(n or 1, *input_shape))
    assert restore(np.ones((n or 1, 3))).shape == ((3,) if n is None else (n, 3))
    if n is not None:
        assert np.array_equal(shaped(np, values.reshape(given), input_shape), x)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((5, 3, 4, 6), r"got \(5, 3, 4, 6\), which looks channels-first. Write x.transpose\(0, 2, 3, 1\)\.$"),
        ((3, 4, 6), r"got \(3, 4, 6\), which looks channels-first. Write x.transpose\(1, 2, 0\)\.$"),
        ((5, 6, 4, 3), r"If its values lie in that order, write x.reshape\(-1, 4, 6, 3\)\.$"),
        ((5, 4, 18), r"If its values lie in that order, write x.reshape\(-1, 4, 6, 3\)\.$"),
        ((5, 4, 6, 1), r"x: expected the shape \(n, 4, 6, 3\), got \(5, 4, 6, 1\)\.$"),
        ((5, 4, 6), r"x: expected the shape \(n, 4, 6, 3\), got \(5, 4, 6\)\.$"),
        ((5, 8, 12, 3), r"x: expected the shape \(n, 4, 6, 3\), got \(5, 8, 12, 3\)\.$"),
    ],
)
def test_images_of_another_shape_are_refused_though_their_numbers_might_suffice(given, message, tmp_path):
    net, x = Network([(4, 6, 3), Conv2D(2, 3), 2]), np.ones(given)
    np.save(tmp_path / "x.npy", x)
    on_disk = np.load(tmp_path / "x.npy", mmap_mode="r")
    for use in (net.predict, lambda x: net.fit(x, np.zeros(len(x), int), epochs=1)):
        for each in (x, on_disk):
            if each is x or len(given) == 4:
                with pytest.raises(ValueError, match=message):
                    use(each)


@pytest.mark.parametrize("y", [2, [2], [[0.0, 0.0, 1.0]], [0.0, 0.0, 1.0], [[0.0], [0.0], [1.0]]])
def test_of_one_example_y_is_one_row(backend, y):
    rows = rows_of(backend, y, 1, 3)
    assert rows.shape[0] == 1
    assert backend.to_numpy(rows).ravel().tolist() in ([2], [0, 0, 1])
    assert rows_of(backend, [2, 0], 2, 3).shape == (2,)
