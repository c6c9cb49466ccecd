"""Training: the same on every backend, honest reports, and data taken in every form."""

import numpy as np
import pytest
from compare import relative_difference

from anynet import SGD, Dataset, Network, batches, training
from anynet.datasets import as_dataset

CASES = {
    "book": ([12, 8, 4], {}),
    "relu, softmax": ([12, 8, 4], {"hidden": "relu", "output": "softmax"}),
    "tanh": ([12, 8, 6, 4], {"hidden": "tanh", "output": "tanh"}),
    "identity": ([12, 4], {"output": "identity"}),
    "sigmoid, cross-entropy": ([12, 8, 4], {"cost": "cross_entropy"}),
}


def separable(rng, n=200, n_in=12, n_out=4):
    """Return examples that a network can learn, one cluster per label."""
    y = np.arange(n) % n_out
    return rng.standard_normal((n_out, n_in))[y] + 0.3 * rng.standard_normal((n, n_in)), y


@pytest.mark.parametrize("case", CASES)
def test_fifty_steps_end_at_the_weights_of_numpy(backend, case, rng):
    sizes, keywords = CASES[case]
    data = separable(rng)
    net, reference = (Network(sizes, b, dtype="float64", seed=3, **keywords) for b in (backend, "numpy"))
    for n in (net, reference):
        assert len(n.fit(data, epochs=5, batch_size=20, optimizer=SGD(0.3), progress=False)) == 5
    for a, b in zip((*net.weights, *net.biases), (*reference.weights, *reference.biases), strict=True):
        assert relative_difference(a, b) <= 1e-10


@pytest.mark.parametrize("case", CASES)
def test_networks_learn(backend32, case, rng):
    sizes, keywords = CASES[case]
    x, y = separable(rng)
    targets = np.eye(4)[y]
    net = Network(sizes, backend32, **keywords)
    first, *_, last = net.fit((x, targets), 20, 10, SGD(0.1), validation=(x, targets))
    assert last.metrics["validation_cost"] < 0.7 * first.metrics["validation_cost"]
    if net.task == "classification":
        assert net.accuracy((x, y)) > 0.9


def test_every_form_of_data_trains_alike(backend, rng):
    x, y = separable(rng, n=30)
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
        net.fit(data, 2, 7)
        trained.append(net.weights[0])
    assert all(np.array_equal(w, trained[0]) for w in trained)


def test_reports_tell_how_far_training_has_come(backend32, rng):
    x = rng.standard_normal((5000, 400))
    net = Network([400, 2], backend32)
    reports = list(net.iter_fit((x, np.zeros(5000, int)), 2, 100, SGD(0.1), validation=(x[:10], np.zeros(10, int))))
    ends = [r for r in reports if r.metrics is not None]
    assert len(reports) > 4
    assert [r.epoch for r in ends] == [0, 1]
    assert all(r.examples == r.total == 5000 for r in ends)
    for epoch in (0, 1):
        seen = [r.examples for r in reports if r.epoch == epoch]
        assert seen == sorted(set(seen))
        seconds = [r.seconds for r in reports if r.epoch == epoch]
        assert seconds == sorted(seconds)
    assert set(ends[0].metrics) == {"validation_accuracy", "validation_cost"}
    assert all(type(value) is float for value in ends[0].metrics.values())


def test_seconds_are_those_of_training_and_not_of_who_looks_or_measures(monkeypatch):
    now = 0.0

    def takes(seconds):
        nonlocal now
        now += seconds

    monkeypatch.setattr(training.time, "perf_counter", lambda: now)
    chunk = [(np.zeros((2, 1)), np.zeros((2, 1)))] * 3  # three mini-batches of two
    reports = training.run(
        epochs=2,
        total=12,
        chunks=lambda: [chunk, chunk],
        step=lambda batch: takes(1),
        synchronize=lambda: takes(10),
        measure=lambda epoch: takes(100),
    )
    seen = []
    for report in reports:
        takes(1000)
        seen.append((report.epoch, report.examples, report.seconds))
    assert seen == [(0, 6, 3), (0, 12, 16), (1, 6, 3), (1, 12, 16)]


def test_training_may_be_stopped_in_between_and_goes_on_where_it_stands(rng):
    data = separable(rng)
    whole, halved = Network([12, 4]), Network([12, 4])
    whole.fit(data, 4, 10)
    halved.fit(data, 2, 10)
    halved.fit(data, 2, 10)
    assert np.array_equal(whole.weights[0], halved.weights[0])


def test_validation_metrics_are_those_of_the_faces(backend, rng):
    x, y = separable(rng)
    net = Network([12, 8, 4], backend)
    (report,) = net.fit((x, y), 1, 10, validation=(x[:50], y[:50]))
    assert (
        report.metrics["validation_accuracy"] == net.accuracy((x[:50], y[:50])) == net.evaluate((x[:50], y[:50])) / 50
    )
    assert report.metrics["validation_cost"] == pytest.approx(net.gradients(x[:50], y[:50])[0], rel=1e-10)


def test_regression_reports_its_cost_alone(rng):
    x = rng.standard_normal((100, 3))
    net = Network([3, 1], output="identity", dtype="float64")
    y = x @ [1.0, -2.0, 0.5] + 4.0
    history = net.fit((x, y), 60, 10, SGD(0.1), validation=(x, y))
    assert set(history[-1].metrics) == {"validation_cost"}
    assert history[-1].metrics["validation_cost"] < 1e-12
    assert net.weights[0][0] == pytest.approx([1, -2, 0.5])
    with pytest.raises(ValueError, match="evaluate: expected a network whose answers are right or wrong"):
        net.evaluate((x, y))


@pytest.mark.parametrize("keywords", [{"output": "identity"}, {"task": "multi_label"}])
@pytest.mark.parametrize("n", [4, 50])
def test_labels_will_do_where_targets_are_compared(keywords, n, rng):
    x, y = separable(rng, n=n)
    net = Network([12, 4], **keywords)
    (by_label,) = net.fit((x, y), 1, 2, SGD(0.01), validation=(x, y))
    (by_target,) = Network([12, 4], **keywords).fit((x, np.eye(4)[y]), 1, 2, SGD(0.01), validation=(x, np.eye(4)[y]))
    assert by_label.metrics == by_target.metrics
    if net.task == "multi_label":
        assert net.evaluate((x, y)) == net.evaluate((x, np.eye(4)[y]))


def test_every_example_is_seen_once_in_an_epoch_in_a_fresh_order(backend, rng):
    x = np.arange(53.0)[:, None] * np.ones((1, 3))
    data = batches.placed(backend, Dataset(x, np.arange(53) % 2), (3,), 2)
    seen = []
    for _ in range(2):
        epoch = [b for chunk in batches.shuffled(backend, data, 10, 2, rng) for b in chunk]
        assert [b[0].shape[0] for b in epoch] == [10, 10, 10, 10, 10, 3]
        rows = np.concatenate([backend.to_numpy(bx)[:, 0] for bx, _ in epoch])
        targets = np.concatenate([backend.to_numpy(by) for _, by in epoch])
        assert np.array_equal(np.argmax(targets, axis=1), rows.astype(int) % 2)
        seen.append(rows)
    assert sorted(seen[0]) == sorted(seen[1]) == x[:, 0].tolist()
    assert seen[0].tolist() != seen[1].tolist() != sorted(seen[1])


@pytest.mark.parametrize("batch_size", [1, 7, 64, 5000])
def test_chunks_and_batch_sizes_change_nothing_in_what_is_seen(batch_size, rng):
    from anynet import backends

    x = rng.integers(0, 256, (5000, 784), dtype=np.uint8)
    backend = backends.get("numpy")
    data = batches.placed(backend, Dataset(x, np.zeros(5000, int)), (784,), 2)
    epoch = [b for chunk in batches.shuffled(backend, data, batch_size, 2, np.random.default_rng(1)) for b in chunk]
    order = np.random.default_rng(1).permutation(5000)
    assert np.array_equal(np.concatenate([b[0] for b in epoch]), x[order] / np.float32(255))


def test_memory_mapped_inputs_train_the_same(tmp_path, rng):
    x, y = separable(rng)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    nets = []
    for inputs in (x, mapped):
        net = Network([12, 4])
        net.fit((inputs, y), 3, 10, validation=(inputs, y))
        nets.append(net)
    assert not Dataset(mapped, y).in_memory
    assert np.array_equal(nets[0].weights[0], nets[1].weights[0])


def test_the_callers_data_are_not_touched(backend, rng):
    x, y = separable(rng, n=40)
    pairs = [(a[:, None], t) for a, t in zip(x, y, strict=True)]
    before_x, before_order = x.copy(), [id(pair) for pair in pairs]
    Network([12, 4], backend).SGD(pairs, 2, 8, 3.0)
    assert np.array_equal(x, before_x)
    assert [id(pair) for pair in pairs] == before_order


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
        (np.ones((4, 2)), np.array(list("abca")), TypeError, "y: expected real numbers"),
    ],
)
def test_data_that_do_not_suit(backend, x, y, error, message):
    net = Network([2, 3], backend)
    for use in (net.fit, net.evaluate, net.accuracy):
        with pytest.raises(error, match=message):
            use((x, y))


def test_one_output_tells_two_classes_apart(backend, rng):
    x = rng.standard_normal((20, 3))
    for y in (np.arange(20) % 2 + 1, np.arange(20) % 3, np.arange(20, dtype=np.uint8) % 2 * 255):
        for use in (Network([3, 1], backend).fit, Network([3, 1], backend).evaluate):
            with pytest.raises(ValueError, match="y: expected 0 and 1, for one output tells two classes apart"):
                use((x, y))
        Network([3, 1], backend, output="identity").fit((x, y), 1, 10, SGD(1e-6))  # values
    for y in (np.arange(20) % 2, np.arange(20) % 2 == 1, np.arange(20) % 2 * 2 - 1):
        Network([3, 1], backend, output="tanh").fit((x, y), 1, 10)


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


@pytest.mark.parametrize(
    ("output", "y", "message"),
    [
        ("softmax", [[0.5, 0.6], [1.0, 0.0]], "targets that sum to 1 for softmax"),
        ("softmax", [[2, -1], [1, 0]], "shares from 0 to 1 for cross-entropy, got numbers from -1 to 2"),
        ("sigmoid", [[0.5, 1.5], [1.0, 0.0]], "shares from 0 to 1 for cross-entropy"),
    ],
)
def test_targets_that_cross_entropy_is_not_defined_for(backend, output, y, message):
    net = Network([2, 2], backend, output=output, cost="cross_entropy")
    for use in (lambda x, t: net.fit((x, t), 1, 1), net.gradients):
        with pytest.raises(ValueError, match=message):
            use(np.ones((2, 2)), np.asarray(y))


@pytest.mark.parametrize("data", [None, 7, [1, 2, 3], [(1, 2, 3)], "text", []])
def test_what_is_no_data(data):
    with pytest.raises((TypeError, ValueError), match="data: expected"):
        as_dataset(data)


@pytest.mark.parametrize(
    ("numbers", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs: expected at least 1, got 0"),
        ({"epochs": 1.5}, TypeError, "epochs: expected a whole number, got 1.5"),
        ({"batch_size": 0}, ValueError, "batch_size: expected 1 to 6, as many as there are examples, got 0"),
        ({"batch_size": 7}, ValueError, "batch_size: expected 1 to 6"),
        ({"batch_size": True}, TypeError, "batch_size: expected a whole number"),
        ({"optimizer": "sgd"}, TypeError, r"optimizer: expected a value such as SGD\(0.5\), got 'sgd'"),
        ({"optimizer": SGD}, TypeError, "optimizer: expected a value"),
    ],
)
def test_numbers_that_do_not_suit(numbers, error, message):
    with pytest.raises(error, match=message):
        Network([2, 3]).fit((np.ones((6, 2)), np.zeros(6, int)), **numbers)


@pytest.mark.parametrize("rate", ["3", None, True, 1j])
def test_a_learning_rate_is_a_number(rate):
    with pytest.raises(TypeError, match="learning_rate: expected a number, got"):
        SGD(rate)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own, of the overflow on the way
@pytest.mark.parametrize("rate", [1e3, 1e30])
def test_parameters_that_are_no_longer_finite_stop_training_at_the_last_good_epoch(backend32, rate, rng):
    x, y = separable(rng)
    net = Network([12, 8, 1], backend32, hidden="relu", output="identity")
    targets = y.astype(float)
    net.fit((x, targets), 1, 10, SGD(0.01))
    good = net.weights
    with pytest.raises(
        FloatingPointError, match=r"epoch 0: expected finite parameters and costs.*learning rate.*SGD\(learning_rate="
    ):
        net.fit((x, targets), 3, 10, SGD(rate))
    assert all(np.array_equal(a, b) for a, b in zip(net.weights, good, strict=True))
    assert np.isfinite(net.feedforward(x)).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_validation_cost_that_is_not_finite_stops_training(backend32, rng):
    x = rng.standard_normal((20, 2))
    net = Network([2, 1], backend32, output="identity")
    with pytest.raises(FloatingPointError, match="finite parameters and costs"):
        net.fit((x, x[:, 0]), 1, 10, SGD(0.01), validation=(x * 1e30, x[:, 0]))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.tile(np.array([0, 1], np.uint8), (30, 32)), "uint8 means pixels.*no value here exceeds 1"),
        (np.tile(np.arange(64.0) * 4, (30, 1)), "whole numbers from 0 to 252, which look like pixels"),
        (np.tile(np.arange(64) * 4, (30, 1)), "look like pixels"),
    ],
)
def test_pixels_that_seem_mistaken_are_warned_of(backend, x, message):
    with pytest.warns(UserWarning, match=message):
        Network([64, 2], backend).fit((x, np.arange(30) % 2), 1, 10)


@pytest.mark.parametrize(
    "x", [np.tile(np.arange(64, dtype=np.uint8) * 4, (30, 1)), np.ones((30, 64)), np.full((30, 64), 200.5)]
)
def test_pixels_and_features_in_order_are_not_warned_of(backend, x):
    Network([64, 2], backend).fit((x, np.arange(30) % 2), 1, 10)  # a warning would be an error


def test_a_bar_is_drawn_only_where_asked_for_or_on_a_terminal(capsys, rng):
    data = separable(rng, n=40)
    net = Network([12, 4])
    net.fit(data, 1, 10)
    net.fit(data, 1, 10, progress=False)
    assert capsys.readouterr() == ("", "")
    net.fit(data, 1, 10, progress=True, validation=data)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Epoch 0: 100%" in err
    assert "validation_accuracy" in err


# Data that do not fit the device, or the limit, are streamed.

N = 1000


def examples(rng, dtype, targets):
    """Return x (N, 784) in a few chunks, and labels or targets of four classes."""
    x = rng.integers(0, 256, (N, 784), dtype=np.uint8) if dtype == "uint8" else rng.standard_normal((N, 784))
    y = np.arange(N) % 4
    return x.astype(dtype), np.eye(4)[y] if targets else y


def trained(backend, data, **keywords):
    """Return the parameters after two epochs, and the metrics."""
    net = Network([784, 5, 4], backend, seed=2)
    reports = net.fit(data, 2, 50, SGD(0.1), **keywords)
    return [*net.weights, *net.biases, [r.metrics for r in reports]]


def is_same(one, other):
    return one[-1] == other[-1] and all(np.array_equal(a, b) for a, b in zip(one[:-1], other[:-1], strict=True))


@pytest.mark.parametrize("targets", [False, True], ids=["labels", "targets"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_streamed_data_train_to_the_same_bits(backend, dtype, targets, rng):
    x, y = examples(rng, dtype, targets)
    whole = trained(backend, (x, y), validation=(x, y))
    bytes_of_y = N * (4 * 8 if targets else 4)  # labels are kept as int32
    for limit in (0, bytes_of_y):
        assert is_same(trained(backend, (x, y), validation=(x, y), memory_limit=limit), whole)


def test_the_limit_counts_what_is_put_on_the_device(backend, rng):
    x, y = examples(rng, "uint8", targets=False)
    places = []
    for room in (x.nbytes + 4 * N, x.nbytes + 4 * N - 1, 4 * N, 4 * N - 1):
        data = batches.placed(backend, Dataset(x, y), (784,), 4, room)
        kept = [backend.is_native(a) for a in (data.x, data.y)]
        assert data.kept == kept[0] * x.nbytes + kept[1] * 4 * N <= room
        places.append(kept)
    assert places == [[True, True], [False, True], [False, True], [False, False]]


def test_validation_data_get_the_room_that_training_data_leave(backend, rng, monkeypatch):
    x, y = examples(rng, "uint8", targets=False)
    rooms = []
    original = batches.placed
    monkeypatch.setattr(batches, "placed", lambda *args: (rooms.append(args[4]), original(*args))[1])
    net = Network([784, 4], backend)
    net.fit((x, y), 1, 10, validation=(x, y), memory_limit=2**20)
    net.fit((x, y), 1, 10, validation=(x, y))
    bytes_of_data = x.nbytes + 4 * N
    assert rooms == [2**20, 2**20 - bytes_of_data, np.inf, np.inf]


def test_arrays_of_the_backend_stay_where_they_are(backend, rng):
    x, y = (backend.asarray(a) for a in examples(rng, "float32", targets=True))
    data = batches.placed(backend, Dataset(x, y), (784,), 4, 0)
    if backend.name != "numpy":
        assert data.kept == 0
        assert backend.is_native(data.x)
        assert backend.is_native(data.y)
    assert is_same(trained(backend, (x, y)), trained(backend, (x, y), memory_limit=0))


def test_a_device_that_is_full_streams(backend, rng, monkeypatch):
    x, y = examples(rng, "float64", targets=False)
    whole = trained(backend, (x, y), validation=(x, y))
    refused = []

    def asarray(self, a, argument="x"):
        if isinstance(a, np.ndarray) and a.nbytes > 4 * 2**20:
            refused.append(argument)
            raise MemoryError("full")
        return original(self, a, argument)

    original = type(backend).asarray
    monkeypatch.setattr(type(backend), "asarray", asarray)
    assert is_same(trained(backend, (x, y), validation=(x, y)), whole)
    assert refused == ["x", "x"]


@pytest.mark.parametrize("shape", [(784,), (28, 28), (28, 28, 1)])
def test_memory_mapped_inputs_take_the_shape_of_the_network(shape, tmp_path, rng):
    x, y = examples(rng, "uint8", targets=False)
    np.save(tmp_path / "x.npy", x.reshape(N, *shape))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert is_same(trained("numpy", (mapped, y), validation=(mapped, y)), trained("numpy", (x, y), validation=(x, y)))
    few = Dataset(mapped[:20], y[:20])
    assert not few.in_memory
    nets = [Network([784, 4]) for _ in range(2)]
    for net, inputs in zip(nets, (few, (x[:20], y[:20])), strict=True):
        net.update_mini_batch(inputs, 0.5)
    assert np.array_equal(nets[0].weights[0], nets[1].weights[0])
    with pytest.raises(ValueError, match=r"x: expected the shape \(n, 783\), got"):
        Network([783, 4]).fit((mapped, y))


def test_memory_mapped_inputs_that_are_not_finite_stop_at_their_chunk(tmp_path, rng):
    x, y = examples(rng, "float32", targets=False)
    x[-1, 0] = np.nan
    np.save(tmp_path / "x.npy", x)
    net = Network([784, 4])
    with pytest.raises(ValueError, match="x: expected finite numbers, got NaN or infinity"):
        net.fit((np.load(tmp_path / "x.npy", mmap_mode="r"), y), 1)
    assert np.isfinite(net.weights[0]).all()


@pytest.mark.parametrize(
    ("limit", "error", "message"),
    [
        (-1, ValueError, "memory_limit: expected a number of bytes from 0, got -1"),
        (1e6, TypeError, "memory_limit: expected a whole number of bytes or None, got 1000000.0"),
        ("100MB", TypeError, "memory_limit: expected a whole number of bytes or None, got '100MB'"),
        (True, TypeError, "memory_limit: expected a whole number of bytes"),
    ],
)
def test_limits_that_do_not_suit(limit, error, message):
    with pytest.raises(error, match=message):
        Network([2, 3]).fit((np.ones((6, 2)), np.zeros(6, int)), memory_limit=limit)
