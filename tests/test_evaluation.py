"""Evaluation: exact counts, costs that are means, and memory that follows the widest layer alone."""

import tracemalloc

import numpy as np
import pytest
from compare import relative_difference

from anynet import SGD, Metric, Network, batches, evaluation
from anynet.activations import ACTIVATIONS
from anynet.data import to_device
from anynet.metrics import TASKS, chosen

N = 53


def examples(n=N, n_in=4, n_out=3):
    rng = np.random.default_rng(9)
    return rng.standard_normal((n, n_in)), np.arange(n) % n_out


def trained(net):
    return evaluation.Trained(net.backend, net.architecture, net.parameters, net.state)


@pytest.fixture
def in_blocks(monkeypatch):
    """Blocks of ten rows of five numbers in float64."""
    monkeypatch.setattr(batches, "BLOCK_BYTES", 10 * 5 * 8)


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("limit", [np.inf, 0], ids=["resident", "streamed"])
@pytest.mark.parametrize("task", TASKS)
def test_totals_are_sums_over_all_blocks(backend, task, limit, in_blocks):
    output = "identity" if task == "regression" else "sigmoid"
    net = Network([4, 5, 3], backend, output=output, task=task)
    x, y = examples()
    data = to_device(backend, (x, y), net.architecture, limit)
    found = evaluation.totals(trained(net), data)
    outputs, targets = net.feedforward(x), np.eye(3)[y]
    assert float(found.cost) == pytest.approx(0.5 * ((outputs - targets) ** 2).sum(), rel=1e-12)
    right = {
        "classification": outputs.argmax(axis=1) == y,
        "multilabel": ((outputs > 0.5) == targets).all(axis=1),
    }
    assert found.n_correct is None if task == "regression" else int(found.n_correct) == right[task].sum()


@pytest.mark.slow_on("jax")
def test_an_epochs_measures_are_those_sums(backend, in_blocks):
    net = Network([4, 5, 3], backend)
    data = to_device(backend, examples(), net.architecture)
    last = data.x[:7, ...], data.y[:7]
    besides = backend.copy_to_device([2.0, -3.0])
    found = evaluation.measure(trained(net), data, last, besides)
    total = evaluation.totals(trained(net), data)
    costs = 0.5 * ((net.feedforward(examples()[0]) - np.eye(3)[examples()[1]]) ** 2).sum(axis=1)
    validation_cost, cost = pytest.approx(float(total.cost) / N, rel=1e-12), pytest.approx(costs[:7].mean(), rel=1e-12)
    assert found == (True, int(total.n_correct), cost, validation_cost, [2.0, -3.0], {}, None, None)
    assert evaluation.measure(trained(net), None, last) == (True, None, cost, None, [], {}, None, None)
    both = evaluation.measure(trained(net), data, last, besides, data)
    assert both == found._replace(training_cost=both.validation_cost)


@pytest.mark.parametrize("n_correct", [0, 1, 2**16 - 1, 2**16, 2**24 + 1, 2**31 - 1])
def test_counts_are_exact_beyond_what_float32_counts_to(n_correct, monkeypatch, backend32):
    net = Network([2, 3], backend32)
    xp, device = backend32.xp, backend32.device
    count = xp.asarray(n_correct, dtype=xp.int32, device=device)
    total = evaluation.Totals(count, backend32.copy_to_device(1.0))
    monkeypatch.setattr(evaluation, "totals", lambda *args: total)
    data = to_device(backend32, (np.ones((2, 2)), [0, 1]), net.architecture)
    assert evaluation.measure(trained(net), data, (data.x, data.y)).n_correct == n_correct


@pytest.mark.slow_on("jax")
def test_validation_metrics_are_those_of_the_faces(backend):
    x, y = examples()
    net = Network([4, 8, 3], backend)
    (report,) = net.fit((x, y), epochs=1, batch_size=10, validation=(x[:50], y[:50]))
    assert (
        report.metrics["validation_accuracy"] == net.accuracy((x[:50], y[:50])) == net.evaluate((x[:50], y[:50])) / 50
    )
    assert report.metrics["validation_cost"] == pytest.approx(net.gradients(x[:50], y[:50])[0], rel=1e-10)
    assert report.n_correct == net.evaluate((x[:50], y[:50]))


def test_regression_reports_its_cost_alone(rng):
    x = rng.standard_normal((100, 3))
    net = Network([3, 1], output="identity", dtype="float64")
    y = x @ [1.0, -2.0, 0.5] + 4.0
    history = net.fit((x, y), epochs=60, batch_size=10, optimizer=SGD(0.1), validation=(x, y))
    assert set(history[-1].metrics) == {"validation_cost", "cost"}
    assert history[-1].n_correct is None
    assert history[-1].metrics["validation_cost"] < 1e-12
    assert net.weights[0][0] == pytest.approx([1, -2, 0.5])
    with pytest.raises(ValueError, match="evaluate: expected a network whose answers are right or wrong"):
        net.evaluate((x, y))


@pytest.mark.parametrize("keywords", [{"output": "identity"}, {"task": "multi_label"}, {"task": "multilabel"}])
@pytest.mark.parametrize("n", [4, 50])
def test_labels_will_do_where_targets_are_compared(keywords, n):
    x, y = examples(n)
    net = Network([4, 3], **keywords)
    (by_label,) = net.fit((x, y), epochs=1, batch_size=2, optimizer=SGD(0.01), validation=(x, y))
    targets = np.eye(3)[y]
    (by_target,) = Network([4, 3], **keywords).fit(
        (x, targets), epochs=1, batch_size=2, optimizer=SGD(0.01), validation=(x, targets)
    )
    assert by_label.metrics == by_target.metrics
    if net.task == "multilabel":
        assert net.evaluate((x, y)) == net.evaluate((x, targets))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.slow_on("jax")
def test_a_validation_cost_that_is_not_finite_stops_training(backend32, rng):
    x = rng.standard_normal((20, 2))
    net = Network([2, 1], backend32, output="identity")
    with pytest.raises(FloatingPointError, match="finite parameters and costs"):
        net.fit((x, x[:, 0]), epochs=1, batch_size=10, optimizer=SGD(0.01), validation=(x * 1e30, x[:, 0]))


# The confusion matrix.


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("targets", [False, True], ids=["labels", "targets"])
@pytest.mark.parametrize("n_out", [1, 3])
def test_the_confusion_matrix_counts_as_a_loop_does(backend, n_out, targets, in_blocks):
    net = Network([4, 5, n_out], backend)
    x, y = examples(n_out=max(n_out, 2))
    given = y[:, None].astype(float) if n_out == 1 else np.eye(3)[y]
    expected = np.zeros((max(n_out, 2),) * 2, int)
    for label, taken in zip(y, net.predict(x), strict=True):
        expected[label, taken] += 1
    matrix = net.confusion_matrix((x, given if targets else y))
    assert type(matrix) is np.ndarray
    assert matrix.tolist() == expected.tolist()


def test_the_confusion_matrix_counts_beyond_32_bits(backend, in_blocks, monkeypatch):
    def many(xp, predicted, y, n_classes):
        return xp.full((3, 3), 2**30, dtype=xp.int32, device=backend.device)

    monkeypatch.setattr(evaluation.metrics, "confusion_matrix", many)
    assert Network([4, 5, 3], backend).confusion_matrix(examples(53)).tolist() == [[6 * 2**30] * 3] * 3


# Memory.


def peak_megabytes(f):
    tracemalloc.start()
    try:
        f()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "sizes", [[1, 100, 1], [1, 100, 100, 100, 1], pytest.param([1, 1000, 1], marks=pytest.mark.slow)], ids=str
)
@pytest.mark.parametrize("hidden", [name for name in ("sigmoid", "relu") if name in ACTIVATIONS])
def test_memory_follows_the_widest_layer_and_not_the_input(sizes, hidden):
    """0.4 MB of validation data: blocks of a million rows would make arrays of 40 MB and more of each layer."""
    n = 100_000
    x, y = np.zeros((n, 1), np.float32), np.zeros((n, 1), np.float32)
    net = Network(sizes, hidden=hidden, output="identity")
    data = to_device(net.backend, (x, y), net.architecture)
    assert peak_megabytes(lambda: evaluation.totals(trained(net), data)) < 40
    assert peak_megabytes(lambda: net.feedforward(x)) < 40
    assert peak_megabytes(lambda: net.predict(x)) < 40


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("use", ["feedforward", "predict", "activations"])
def test_host_data_larger_than_the_device_go_there_a_block_at_a_time(backend, use, in_blocks, monkeypatch, rng):
    """A pretended device takes no array of more than a few blocks."""
    net = Network([4, 5, 3], backend)
    x = rng.standard_normal((200, 4))
    whole = getattr(Network([4, 5, 3], dtype="float64"), use)(x)
    sizes = []

    def asarray(self, a, argument="x"):
        if isinstance(a, np.ndarray):
            sizes.append(a.nbytes)
            if a.nbytes > 2 * 10 * 5 * 8:
                raise MemoryError("the device is full")
        return original(self, a, argument)

    original = type(backend).asarray
    monkeypatch.setattr(type(backend), "asarray", asarray)
    found = getattr(net, use)(x)
    if backend.name != "numpy":
        assert len(sizes) == 20
    for a, b in zip(found, whole, strict=True):
        assert relative_difference(a, b) <= 1e-12


@pytest.mark.parametrize("n", [0, 1, 9, 10, 11, 53])
def test_any_number_of_rows_comes_back(backend, n, in_blocks):
    net = Network([4, 5, 3], backend)
    x = np.ones((n, 4))
    assert net.feedforward(x).shape == (n, 3)
    assert net.predict(x).shape == (n,)
    assert [a.shape for a in net.activations(x)] == [(n, 5), (n, 3)]


def test_what_is_asked_is_a_value_by_which_it_is_kept():
    net, same = Network([4, 3]), Network([4, 3], seed=5)
    for question in (evaluation.Outputs, evaluation.Activations, evaluation.Verdicts, evaluation.MeanGradients):
        one, other = question(net.architecture, "float32"), question(same.architecture, "float32")
        assert one == other
        assert hash(one) == hash(other)
        assert one != question(net.architecture, "float64")


# Scores.


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("limit", [np.inf, 0], ids=["resident", "streamed"])
def test_scores_are_of_all_blocks(backend, limit, in_blocks):
    net = Network([4, 5, 3], backend)
    x, y = examples()
    data = to_device(backend, (x, y), net.architecture, limit)
    found = evaluation.scores(
        trained(net), data, chosen(["accuracy", "top_2", "f1", "mean_squared_error"], net.task, 3)
    )
    outputs = net.feedforward(x)
    assert found["accuracy"] == net.accuracy(x, y)
    assert found["top_2"] == np.mean([label in np.argsort(-row)[:2] for row, label in zip(outputs, y, strict=True)])
    assert found["mean_squared_error"] == pytest.approx(((outputs - np.eye(3)[y]) ** 2).mean(), rel=1e-12)
    assert found["f1"] == net.score((x, y), metrics="f1")["f1"]
    assert evaluation.scores(trained(net), data, ()) == {}
    assert all(type(number) is float for number in found.values())


def test_the_device_is_waited_for_once(monkeypatch):
    net = Network([4, 5, 3])
    read = []
    monkeypatch.setattr(type(net.backend), "to_numpy", lambda self, a: read.append(a) or np.asarray(a))
    net.score(*examples(), ["accuracy", "f1", "balanced_accuracy", "mean_absolute_error", "top_2"])
    assert len(read) == 1


@pytest.mark.parametrize("count", [0, 2**16 - 1, 2**16, 2**24 + 1, 2**31 - 1])
def test_counts_of_metrics_are_exact_beyond_what_float32_counts_to(count, backend32):
    net = Network([2, 3], backend32)
    many = Metric(
        "many",
        lambda xp, given: xp.asarray([count, 1], dtype=xp.int32, device=backend32.device),
        more_is_better=True,
        value=lambda numbers, n: numbers[0] + numbers[1] * 0.5 + n,
    )
    assert net.score(np.ones((2, 2)), [0, 1], many) == {"many": count + 2.5}


@pytest.mark.slow_on("jax")
def test_metrics_of_ones_own(backend):
    net = Network([4, 1], backend, output="identity")
    x, _ = examples()
    y = x[:, 0] + 3.0
    furthest = Metric("furthest", lambda xp, given: xp.max(xp.abs(given.outputs - given.targets)), more_is_better=False)
    wide = Metric("wide", lambda xp, given: xp.abs(given.outputs - given.targets), more_is_better=False)
    plain = Metric("plain", lambda xp, given: 0.5, more_is_better=True)
    outputs = net.predict(x)
    assert net.score(x, y, [furthest, plain]) == pytest.approx({"furthest": np.abs(outputs - y).max(), "plain": 0.5})
    with pytest.raises(
        ValueError, match=r"metrics: expected one number from wide, got an array of the shape \(53, 1\)"
    ):
        net.score(x, y, wide)
    assert set(net.score((x, y))) == {"mean_squared_error", "r2"}


TASKS_TO_LEARN = {
    "regression": ([3, 8, 1], {"output": "identity", "hidden": "tanh"}, "r2", 0.8),
    "regression, absolute": ([3, 8, 1], {"output": "identity", "hidden": "tanh", "cost": "absolute"}, "r2", 0.8),
    "regression, huber": ([3, 8, 2], {"output": "identity", "hidden": "tanh", "cost": "huber"}, "r2", 0.8),
    "binary": ([3, 8, 1], {"cost": "cross_entropy"}, "roc_auc", 0.95),
    "multi-class": ([3, 8, 3], {"output": "softmax"}, "balanced_accuracy", 0.85),
    "multi-label": ([3, 8, 3], {"task": "multilabel", "cost": "cross_entropy"}, "f1", 0.85),
}


@pytest.mark.parametrize("name", TASKS_TO_LEARN)
def test_every_task_works_from_fit_to_score(name, rng):
    sizes, keywords, metric, least = TASKS_TO_LEARN[name]
    x = rng.standard_normal((400, 3))
    y = {
        "regression": x[:, 0] - 2.0 * x[:, 1],
        "binary": (x[:, 0] > x[:, 1]) * 1,
        "multi-class": x.argmax(axis=1),
        "multi-label": (x > 0.2) * 1,
    }[name.partition(",")[0]]
    y = np.stack([y, 1.0 - y], axis=1) if name.endswith("huber") else y
    net = Network(sizes, **keywords)
    net.fit(x, y, epochs=60, optimizer=SGD(0.05 if "regression" in name else 0.5), validation=(x, y))
    assert net.score(x, y, metric)[metric] >= least
    assert all(np.isfinite(list(net.score(x, y).values())))
