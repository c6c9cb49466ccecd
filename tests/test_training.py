"""Training: the same on every backend, honest reports, and streamed data to the same bits."""

import pickle
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import own
import pytest
from compare import relative_difference
from conftest import need
from hypothesis import given, settings
from hypothesis import strategies as st
from recipes import FOR_HIDDEN, PAIRS, clusters, is_same, targets_for

from anynet import SGD, Checkpoint, History, Network, Optimizer, backends, data, optimizers, random, training
from anynet.backends import Backend
from anynet.batches import Chunk
from anynet.evaluation import Measured
from anynet.optimizers import OPTIMIZERS
from anynet.trees import arrays_of

CASES = {
    "book": ([12, 8, 4], {}),
    "relu, softmax": ([12, 8, 4], {"hidden": "relu", "output": "softmax"}),
    "tanh": ([12, 8, 6, 4], {"hidden": "tanh", "output": "tanh"}),
    "identity": ([12, 4], {"output": "identity"}),
    "sigmoid, cross-entropy": ([12, 8, 4], {"cost": "cross_entropy"}),
}


def set_chunk_bytes(monkeypatch, n_bytes):
    """Let chunks hold so many bytes, whatever the library."""
    for name, library in backends.LIBRARIES.items():
        monkeypatch.setitem(backends.LIBRARIES, name, replace(library, chunk_bytes=n_bytes))


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("case", CASES)
def test_fifty_steps_end_at_the_weights_of_numpy(backend, case, rng):
    sizes, keywords = CASES[case]
    data = clusters(rng)
    net, reference = (Network(sizes, b, dtype="float64", seed=3, **keywords) for b in (backend, "numpy"))
    for n in (net, reference):
        assert len(n.fit(data, epochs=5, batch_size=20, optimizer=SGD(0.3), progress=False)) == 5
    for a, b in zip((*net.weights, *net.biases), (*reference.weights, *reference.biases), strict=True):
        assert relative_difference(a, b) <= 1e-10


@pytest.mark.slow_on("jax", "array_api_strict")
@pytest.mark.parametrize("case", CASES)
def test_networks_learn(backend32, case, rng):
    sizes, keywords = CASES[case]
    x, y = clusters(rng)
    targets = np.eye(4)[y]
    net = Network(sizes, backend32, **keywords)
    first, *_, last = net.fit((x, targets), epochs=20, batch_size=10, optimizer=SGD(0.1), validation=(x, targets))
    assert last.metrics["validation_cost"] < 0.7 * first.metrics["validation_cost"]
    if net.task == "classification":
        assert net.accuracy((x, y)) > 0.9


@pytest.mark.slow_on("jax", "array_api_strict")
def test_reports_tell_how_far_training_has_come(backend32, rng, monkeypatch):
    set_chunk_bytes(monkeypatch, 2**21)
    x = rng.standard_normal((5000, 400))
    net = Network([400, 2], backend32)
    reports = list(
        net.iter_fit(
            (x, np.zeros(5000, int)),
            epochs=2,
            batch_size=100,
            optimizer=SGD(0.1),
            validation=(x[:10], np.zeros(10, int)),
        )
    )
    ends = [r for r in reports if r.metrics is not None]
    assert len(reports) > 4
    assert [r.is_epoch_end for r in reports] == [r.examples == 5000 for r in reports]
    assert [r.n_correct for r in ends] == [round(10 * r.metrics["validation_accuracy"]) for r in ends]
    assert [r.epoch for r in ends] == [0, 1]
    assert all(r.examples == r.total == 5000 for r in ends)
    for epoch in (0, 1):
        seen = [r.examples for r in reports if r.epoch == epoch]
        assert seen == sorted(set(seen))
        seconds = [r.seconds for r in reports if r.epoch == epoch]
        assert seconds == sorted(seconds)
    assert list(ends[0].metrics) == ["validation_accuracy", "validation_cost", "cost"]
    assert all(type(value) is float for value in ends[0].metrics.values())


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("limit", [None, 0], ids=["resident", "streamed"])
@pytest.mark.parametrize(("size", "n_last"), [(10, 3), (60, 53), (500, 256)])
def test_the_cost_is_that_of_the_last_mini_batch(size, n_last, limit, backend, rng):
    n = 53 if size < 500 else 500
    x, y = clusters(rng, n=n)
    net = Network([12, 4], backend)
    [report] = net.fit(x, y, epochs=1, batch_size=min(size, n), optimizer=SGD(0.1), memory_limit=limit)
    last = random.spawn(0).order.permutation(n)[-n_last:]
    assert report.metrics == {"cost": pytest.approx(net.gradients(x[last], y[last])[0], rel=1e-12)}


def test_seconds_are_those_of_training_and_not_of_who_looks_or_measures(monkeypatch):
    now = 0.0

    def takes(seconds, returned=None):
        nonlocal now
        now += seconds
        return returned

    net = Network([2, 3])
    journey = training.prepare(
        net.backend, net.architecture, SGD(1.0), net.streams, (np.ones((12, 2)), np.zeros(12, int)), 2, 2, None, None
    )
    monkeypatch.setattr(training.time, "perf_counter", lambda: now)
    monkeypatch.setattr(training.batches, "shuffled", lambda *args: iter([Chunk(None, None, 6)] * 2))
    monkeypatch.setattr(training, "take_steps", lambda *args: lambda state, *chunk: takes(3, state))
    monkeypatch.setattr(Backend, "synchronize", lambda self, made: takes(10))
    monkeypatch.setattr(training, "_measured", lambda *args, looks: takes(100, Measured(True, None, 0.5, None, [])))
    seen = []
    for report in training.run(journey, net):
        takes(1000)
        seen.append((report.epoch, report.examples, report.seconds))
    assert seen == [(0, 6, 3), (0, 12, 16), (1, 6, 3), (1, 12, 16)]


def test_a_run_trains_whoever_holds_a_train_state(rng):
    """The journey knows no network."""
    net = Network([12, 4], dtype="float64")
    journey = training.prepare(net.backend, net.architecture, SGD(0.5), net.streams, clusters(rng), 2, 10, None, None)
    learner = SimpleNamespace(train_state=net.to("numpy").train_state)
    reports = list(training.run(journey, learner))
    assert [list(r.metrics) for r in reports] == [["cost"], ["cost"]]
    net_again = Network([12, 4], dtype="float64")
    net_again.fit(clusters(np.random.default_rng(20260101)), epochs=2, batch_size=10, optimizer=SGD(0.5))
    assert np.array_equal(learner.train_state.parameters[0].weights, net_again.weights[0])


@pytest.mark.filterwarnings("ignore:outputs")  # zeros answer the same to all
def test_what_is_assigned_between_two_reports_is_trained_on(backend, rng):
    net = Network([12, 4], backend)
    zeros = [np.zeros((4, 12))]
    for report in net.iter_fit(clusters(rng), epochs=2, batch_size=200, optimizer=SGD(1e-9)):
        if report.epoch == 0:
            net.weights = zeros
    assert np.abs(net.weights[0]).max() < 1e-6


def test_training_may_be_stopped_in_between_and_goes_on_where_it_stands(rng):
    data = clusters(rng)
    whole, halved = Network([12, 4]), Network([12, 4])
    whole.fit(data, epochs=4, batch_size=10)
    halved.fit(data, epochs=2, batch_size=10)
    halved.fit(data, epochs=2, batch_size=10)
    assert np.array_equal(whole.weights[0], halved.weights[0])


@pytest.mark.parametrize(
    ("numbers", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "epochs: expected at least 1, got 0"),
        ({"epochs": 1.5}, TypeError, "epochs: expected a whole number, got 1.5"),
        ({"batch_size": 0}, ValueError, "batch_size: expected at least 1, got 0"),
        ({"batch_size": True}, TypeError, "batch_size: expected a whole number"),
        ({"optimizer": "sgdd"}, ValueError, "optimizer: expected one of sgd.* got 'sgdd'"),
        ({"optimizer": SGD}, TypeError, r"optimizer: expected a name or a value such as SGD\(0.5\)"),
    ],
)
def test_numbers_that_do_not_suit(numbers, error, message):
    with pytest.raises(error, match=message):
        Network([2, 3]).fit((np.ones((6, 2)), np.zeros(6, int)), **numbers)


def test_batches_larger_than_the_data_are_one_batch(backend, rng):
    """As the book's slices are; who has chosen the size is told."""
    data = clusters(rng, n=7)
    nets = [Network([12, 4], backend) for _ in range(4)]
    default, chosen, book, whole = nets
    default.fit(data, epochs=2)  # a warning would be an error
    said = "batch_size: expected 1 to 7, as many as there are examples, got 10. All of them are one batch."
    with pytest.warns(UserWarning, match=said):
        chosen.fit(data, epochs=2, batch_size=10)
    with pytest.warns(UserWarning, match=said):
        book.SGD(data, 2, 10, whole.book_learning_rate)
    for _ in range(2):
        whole.update_mini_batch(data, whole.book_learning_rate)
    for net in nets:
        assert net.weights[0] == pytest.approx(whole.weights[0], rel=1e-12)


@pytest.mark.slow_on("jax")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own, of the overflow on the way
@pytest.mark.parametrize("rate", [1e3, 1e30])
def test_parameters_that_are_no_longer_finite_stop_training_at_the_last_good_epoch(backend32, rate, rng):
    x, y = clusters(rng)
    net = Network([12, 8, 1], backend32, hidden="relu", output="identity")
    targets = y.astype(float)
    net.fit((x, targets), epochs=1, batch_size=10, optimizer=SGD(0.01))
    good = net.weights
    with pytest.raises(
        FloatingPointError,
        match=r"epoch 0: expected finite parameters and costs.*take a tenth.*SGD\(learning_rate=.*before training\.",
    ) as caught:
        net.fit((x, targets), epochs=3, batch_size=10, optimizer=SGD(rate))
    assert all(np.array_equal(a, b) for a, b in zip(net.weights, good, strict=True))
    assert np.isfinite(net.feedforward(x)).all()
    assert caught.value.history is net.history
    assert net.history == []


# Whose optimizer it is.


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("optimizer", [own.Momentum(0.1), own.Adam(0.02)], ids=["one slot", "two slots, two numbers"])
def test_users_own_values_train_to_numpys_weights_on_every_backend(backend, optimizer, rng):
    x, y = clusters(rng, n=53)
    targets = np.eye(4)[y]
    keywords = {"hidden": own.LEAKY, "output": "identity", "cost": own.SMOOTH, "initializer": own.SMALL}
    nets = [Network([12, 6, 4], b, dtype="float64", seed=3, **keywords) for b in (backend, "numpy")]
    for net in nets:
        first, *_, last = net.fit((x, targets), epochs=5, batch_size=10, optimizer=optimizer, validation=(x, targets))
        assert last.metrics["validation_cost"] < first.metrics["validation_cost"]
        assert len(net.train_state.optimizer) == optimizer.slots
    for a, b in zip(*([*net.weights, *net.biases] for net in nets), strict=True):
        assert relative_difference(a, b) <= 1e-10


def test_users_own_values_train_on_jax_as_on_numpy(rng):
    """The quick form of the test above."""
    need("jax")
    test_users_own_values_train_to_numpys_weights_on_every_backend(
        backends.get("jax", dtype="float64"), own.Adam(0.02), rng
    )


def test_the_numbers_of_a_step_count_on_over_chunks_and_epochs(monkeypatch, rng):
    set_chunk_bytes(monkeypatch, 12 * 8 * 20)  # two mini-batches
    asked = []

    class Counting(SGD):
        def numbers(self, step):
            asked.append(step)
            return super().numbers(step)

    Network([12, 4], dtype="float64").fit(clusters(rng, n=53), epochs=2, batch_size=10, optimizer=Counting(0.1))
    assert asked == list(range(12))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_may_be_named(name, rng):
    cases = clusters(rng)
    named, made = Network([12, 4]), Network([12, 4])
    named.fit(cases, epochs=2, batch_size=10, optimizer=name)
    made.fit(cases, epochs=2, batch_size=10, optimizer=optimizers.get(name, made.book_learning_rate))
    assert np.array_equal(named.weights[0], made.weights[0])


# Data that do not fit the device, or the limit, are streamed.

N = 200


@pytest.fixture
def few_rows_in_a_chunk(monkeypatch):
    """Chunks of sixty examples of float64, so that an epoch of N has a few."""
    set_chunk_bytes(monkeypatch, 64 * 60 * 8)


def examples(rng, dtype, targets):
    """Return x (N, 60) in a few chunks, and labels or targets of four classes."""
    x = rng.integers(0, 256, (N, 60), dtype=np.uint8) if dtype == "uint8" else rng.standard_normal((N, 60))
    y = np.arange(N) % 4
    return x.astype(dtype), np.eye(4)[y] if targets else y


def trained(backend, data, **keywords):
    """Return the network after two epochs, and the metrics."""
    net = Network([60, 5, 4], backend, seed=2)
    reports = list(net.iter_fit(data, epochs=2, batch_size=10, optimizer=SGD(0.1), **keywords))
    assert len(reports) > 4  # a few chunks in each
    return net, [r.metrics for r in reports if r.is_epoch_end]


@pytest.mark.slow_on("jax")
@pytest.mark.usefixtures("few_rows_in_a_chunk")
@pytest.mark.parametrize("targets", [False, True], ids=["labels", "targets"])
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_streamed_data_train_to_the_same_bits(backend, dtype, targets, rng):
    x, y = examples(rng, dtype, targets)
    whole = trained(backend, (x, y), validation=(x, y))
    bytes_of_y = N * (4 * 8 if targets else 4)  # labels are kept as int32
    for limit in (0, bytes_of_y):
        assert is_same(trained(backend, (x, y), validation=(x, y), memory_limit=limit), whole)


@settings(max_examples=8, derandomize=True, deadline=None)
@given(
    st.lists(st.integers(1, 6), min_size=2, max_size=3),
    st.sampled_from(FOR_HIDDEN),
    st.sampled_from(PAIRS),
    st.integers(1, 30),
    st.integers(1, 30),
)
def test_streamed_equals_resident_for_random_architectures(sizes, hidden, pair, n, size):
    nets = []
    for limit in (None, 0):
        net = Network(sizes, hidden=hidden, output=pair[0], cost=pair[1])
        x = np.random.default_rng(1).standard_normal((n, sizes[0]))
        y = targets_for(net.cost, n, sizes[-1], np.random.default_rng(2))
        report = net.fit(
            (x, y), epochs=2, batch_size=min(size, n), optimizer=SGD(0.01), validation=(x, y), memory_limit=limit
        )
        nets.append((net, [r.metrics for r in report]))
    assert is_same(*nets)


@pytest.mark.parametrize("keywords", [{}, {"memory_limit": 0}], ids=["resident", "streamed"])
def test_weights_that_come_transposed_train_to_the_same_bits(keywords, rng):
    """A copy on the device lies row by row, whatever it was copied from."""
    x, y = clusters(rng, n=60)
    weights = [rng.standard_normal((50, 12)), rng.standard_normal((4, 50))]
    nets = []
    for order in ("C", "F"):
        net = Network([12, 50, 4])
        net.weights = [np.asarray(w, order=order) for w in weights]
        assert all(a.flags.c_contiguous for a in arrays_of(net.parameters))
        nets.append((net, [r.metrics for r in net.fit((x, y), epochs=2, batch_size=10, validation=(x, y), **keywords)]))
    assert is_same(*nets)


@pytest.mark.slow_on("jax")
def test_validation_data_get_the_room_that_training_data_leave(backend, rng, monkeypatch):
    x, y = examples(rng, "uint8", targets=False)
    rooms = []
    original = data.to_device
    monkeypatch.setattr(data, "to_device", lambda *args, **how: (rooms.append(args[3]), original(*args, **how))[1])
    net = Network([60, 4], backend)
    net.fit((x, y), epochs=1, batch_size=10, validation=(x, y), memory_limit=2**20)
    net.fit((x, y), epochs=1, batch_size=10, validation=(x, y))
    rest, bytes_of_data = rooms[0], x.nbytes + 4 * N
    assert rooms == [rest, rest - bytes_of_data, np.inf, np.inf]
    traces = backend.name in ("numpy", "torch", "cupy")  # what a step holds: gradients, and what a batch becomes
    assert 8 * 60 * 4 <= 2**20 - rest <= 12 * 60 * 4 if traces else rest == 2**20


@pytest.mark.slow_on("jax")
@pytest.mark.usefixtures("few_rows_in_a_chunk")
def test_a_device_that_is_full_streams(backend, rng, monkeypatch):
    x, y = examples(rng, "float64", targets=False)
    monkeypatch.setattr("anynet.batches.BLOCK_BYTES", x.nbytes // 2)
    whole = trained(backend, (x, y), validation=(x, y))
    refused = []

    def asarray(self, a, argument="x"):
        if isinstance(a, np.ndarray) and a.nbytes >= x.nbytes:
            refused.append(argument)
            raise MemoryError("full")
        return original(self, a, argument)

    original = type(backend).asarray
    monkeypatch.setattr(type(backend), "asarray", asarray)
    assert is_same(trained(backend, (x, y), validation=(x, y)), whole)
    assert refused == ["x", "x"]


def test_two_trainings_of_one_network_are_told_apart(backend, rng):
    data, net = clusters(rng), Network([12, 4], backend)
    one = net.iter_fit(data, epochs=2, batch_size=200, optimizer=own.Momentum(0.1))
    other = net.iter_fit(data, epochs=2, batch_size=200, optimizer=own.Momentum(0.1))  # made, not begun
    next(one)
    next(other)
    with pytest.raises(RuntimeError, match="expected one training of a network at a time"):
        next(one)
    next(other)


def test_a_network_without_parameters_has_nothing_to_learn(backend, rng):
    with pytest.raises(ValueError, match="layers: expected one with parameters"):
        Network([3, own.Halve()], backend).fit(
            (rng.standard_normal((4, 3)), rng.standard_normal((4, 3))), epochs=1, batch_size=2
        )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own, of the infinity on the way
def test_a_state_that_is_not_finite_stops_training(rng):
    x = rng.standard_normal((20, 3))
    net = Network([3, own.Centre(), 2])
    net.train_state = net.train_state._replace(state=[type(s)(*[a + np.inf for a in s]) if s else s for s in net.state])
    with pytest.raises(FloatingPointError, match="finite parameters"):
        net.fit((x, np.arange(20) % 2), epochs=1, batch_size=10)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own, of the overflow on the way
def test_the_reports_stay_when_training_stops(rng):
    x, y = clusters(rng)
    net = Network([12, 1], output="identity")
    assert net.fit((x, y.astype(float)), epochs=2, batch_size=50, optimizer=SGD(0.01)) == net.history
    rates = iter([0.01] * 8 + [1e30] * 99)

    class Growing(Optimizer):
        def numbers(self, step):
            return (next(rates),)

        rule = staticmethod(SGD.rule)

    with pytest.raises(FloatingPointError) as caught:
        net.fit((x, y.astype(float)), epochs=5, batch_size=50, optimizer=Growing())
    assert [report.epoch for report in caught.value.history] == [0, 1]
    assert net.history is caught.value.history


def test_a_network_keeps_its_history(rng):
    net = Network([12, 4])
    assert type(net.history) is History
    assert net.fit(*clusters(rng), epochs=2) is net.history
    assert type(net.history) is History
    assert pickle.loads(pickle.dumps(net.history)) == net.history


@pytest.mark.parametrize("has_checkpoint", [True, False])
def test_who_stops_an_epoch_that_has_diverged_finds_what_was_finite(has_checkpoint, tmp_path, rng, monkeypatch):
    set_chunk_bytes(monkeypatch, 4000)
    x, y = rng.standard_normal((2000, 5)), rng.standard_normal((2000, 1))
    net = Network([5, 4, 1], hidden="relu", output="identity", seed=1)
    how = {"checkpoint": Checkpoint(tmp_path)} if has_checkpoint else {}
    reports = net.iter_fit(x, y, epochs=9, batch_size=1, optimizer=SGD(0.001), **how)
    while not next(reports).is_epoch_end:
        pass
    before = net.weights
    next(reports)  # into the second epoch
    net.weights = [np.full_like(w, np.nan) for w in net.weights]
    with pytest.warns(
        UserWarning, match=r"epoch 1: expected finite parameters, got NaN .* as it was before this epoch"
    ):
        reports.close()
    assert all(np.array_equal(a, b) for a, b in zip(net.weights, before, strict=True))
    assert all(np.isfinite(w).all() for path in tmp_path.iterdir() for w in Network.load(path).weights)


def test_who_stops_an_epoch_finds_what_was_learnt_in_it(rng, monkeypatch):
    set_chunk_bytes(monkeypatch, 4000)
    net = Network([5, 4, 1], output="identity", seed=1)
    reports = net.iter_fit(rng.standard_normal((2000, 5)), rng.standard_normal((2000, 1)), epochs=9, batch_size=1)
    next(reports)
    learnt = net.weights
    reports.close()
    assert all(np.array_equal(a, b) for a, b in zip(net.weights, learnt, strict=True))
