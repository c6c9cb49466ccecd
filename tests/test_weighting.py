"""Weights of examples: what each counts, whatever the size of a batch."""

import numpy as np
import pytest

from anynet import SGD, Checkpoint, Dataset, Metric, Network, batches
from anynet.activations import sigmoid
from anynet.costs import COSTS
from anynet.weighting import weights_for, weights_of, with_weights

LABELS = np.asarray([0, 0, 0, 1, 2, 2])


def test_weights_have_the_mean_1():
    assert weights_of([1.0, 3.0], None, 2, None, 2).tolist() == [0.5, 1.5]
    balanced = weights_of(None, "balanced", 6, LABELS, 3)
    assert [balanced[k == LABELS].sum() for k in range(3)] == pytest.approx([2.0, 2.0, 2.0])
    by_name = weights_of(None, {"a": 1, "b": 2, "c": 4}, 6, LABELS, 3, ("a", "b", "c"))
    assert by_name.tolist() == weights_of(None, {0: 1, 1: 2, 2: 4}, 6, LABELS, 3).tolist()
    both = weights_of([1, 1, 1, 1, 0, 2], {0: 1, 1: 2, 2: 4}, 6, LABELS, 3)
    assert both.tolist() == pytest.approx((np.asarray([1, 1, 1, 2, 0, 8]) / (13 / 6)).tolist())
    assert weights_of(None, None, 2, None, 2) is None


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (
            {"sample_weight": [1.0]},
            ValueError,
            r"sample_weight: expected the shape \(6,\), one per example, got \(1,\)",
        ),
        ({"sample_weight": [-1.0] * 6}, ValueError, r"sample_weight: expected finite numbers from 0"),
        ({"sample_weight": [np.nan] * 6}, ValueError, r"sample_weight: expected finite numbers from 0"),
        ({"sample_weight": [0.0] * 6}, ValueError, r"sample_weight: expected some above 0"),
        ({"sample_weight": ["a"] * 6}, TypeError, r"sample_weight: expected 6 numbers, got list"),
        (
            {"class_weight": "even"},
            ValueError,
            r"class_weight: expected \"balanced\" or a number per class, got 'even'",
        ),
        (
            {"class_weight": {0: 1.0, 1: 1.0}},
            ValueError,
            r"class_weight: expected a number for each class, got none for 2",
        ),
        (
            {"class_weight": {0: 1, 1: 1, 2: 1, 7: 1}},
            ValueError,
            r"class_weight: expected classes of the network, got 7",
        ),
        ({"class_weight": [1, 2, 3]}, TypeError, r"class_weight: expected \"balanced\" or a dict, got list"),
    ],
)
def test_weights_that_are_none(given, error, words):
    with pytest.raises(error, match=words):
        Network([2, 3]).fit(np.ones((6, 2)) * [[1.0, 0.5]], LABELS, epochs=1, batch_size=6, **given)


def examples(rng, n=24):
    return rng.normal(size=(n, 5)), rng.integers(0, 3, n)


@pytest.mark.parametrize("limit", [None, 0])
def test_a_step_is_that_of_weighted_gradients(backend, limit, rng):
    """The oracle: the gradients of each example alone, summed with their weights."""
    x, y = examples(rng)
    given = rng.uniform(0, 2, 24)
    net = Network([5, 4, 3], backend, cost="cross_entropy", seed=1)
    before = net.to("numpy")
    net.fit(x, y, epochs=1, batch_size=24, optimizer=SGD(0.5), sample_weight=given, memory_limit=limit)
    alone = [before.gradients(x[i : i + 1], y[i : i + 1])[1] for i in range(24)]
    weights = given / given.mean()
    for l, (got, w) in enumerate(zip(net.weights, before.weights, strict=True)):
        gradient = sum(weight * g[l].weights for weight, g in zip(weights, alone, strict=True)) / 24
        assert np.abs(got - (w - 0.5 * gradient)).max() <= 1e-12


def test_integers_as_weights_are_repeated_examples(backend, rng):
    """With all in one batch; the weights' mean is divided out, and so is the number of examples."""
    x, y = examples(rng)
    times = rng.integers(0, 3, 24)
    one, other = (Network([5, 4, 3], backend, seed=1) for _ in range(2))
    one.fit(x, y, epochs=3, batch_size=24, optimizer=SGD(0.5), sample_weight=times)
    repeated = np.repeat(np.arange(24), times)
    other.fit(x[repeated], y[repeated], epochs=3, batch_size=len(repeated), optimizer=SGD(0.5))
    for a, b in zip(one.weights, other.weights, strict=True):
        assert np.abs(a - b).max() <= 1e-12


def test_examples_that_count_nothing_move_nothing(backend, rng):
    x, y = examples(rng)
    weights = np.asarray([1.0] * 12 + [0.0] * 12)
    one, other = (Network([5, 4, 3], backend, seed=1) for _ in range(2))
    one.fit(x, y, epochs=2, batch_size=24, optimizer=SGD(0.5), sample_weight=weights)
    x[12:] = 1e3 * rng.normal(size=(12, 5))
    with pytest.warns(UserWarning, match="inputs"):
        other.fit(x, y, epochs=2, batch_size=24, optimizer=SGD(0.5), sample_weight=weights)
    for a, b in zip(one.weights, other.weights, strict=True):
        assert np.abs(a - b).max() <= 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("size", [10, 200, 1000])
def test_balanced_means_the_same_at_every_size_of_batch(size):
    """A neuron that has a bias alone, 1,000 examples of which 10 are positive: it says 1/2 for both."""
    x, y = np.zeros((1000, 1)), np.asarray([1] * 10 + [0] * 990)
    net = Network([1, 1], cost="cross_entropy", dtype="float64", seed=1)
    net.fit(x, y, epochs=400, batch_size=size, optimizer=SGD(0.02 if size < 1000 else 0.5), class_weight="balanced")
    assert float(net.feedforward([[0.0]])[0, 0]) == pytest.approx(0.5, abs=0.05)


def test_names_of_classes_have_their_weights(rng):
    x, y = examples(rng)
    data = Dataset(x, y, class_names=("a", "b", "c"))
    one, other = Network([5, 4, 3], seed=1), Network([5, 4, 3], seed=1)
    one.fit(data, epochs=1, class_weight={"c": 4, "a": 1, "b": 2})
    other.fit(x, y, epochs=1, class_weight={0: 1, 1: 2, 2: 4})
    assert all(map(np.array_equal, one.weights, other.weights))


def test_validation_is_never_weighted(rng):
    x, y = examples(rng)
    net = Network([5, 4, 3], seed=1)
    [report] = net.fit(x, y, epochs=1, batch_size=24, validation=(x, y), sample_weight=[1e-3] * 23 + [5.0])
    assert report.metrics["validation_accuracy"] == net.accuracy(x, y)


@pytest.fixture(scope="module")
def zeros_and_eights(mnist):
    """The zeros and eights of MNIST's training images, of the zeros but one to fifty eights; and of its test images."""
    train, _, test = (Dataset(part.x[at], part.y[at] // 8) for part in mnist for at in [np.isin(part.y, (0, 8))])
    zeros, eights = np.flatnonzero(train.y == 0), np.flatnonzero(train.y == 1)
    kept = np.sort(np.concatenate([zeros[: len(eights) // 50], eights]))
    return Dataset(train.x[kept], train.y[kept]), test


def test_one_digit_to_fifty_is_told_apart_at_every_batch_size(zeros_and_eights):
    train, test = zeros_and_eights
    reached = []
    for size in (10, 200):
        net = Network([784, 30, 2], cost="cross_entropy")
        how = {"optimizer": SGD(0.1), "class_weight": "balanced", "progress": False}
        net.fit(train, epochs=10, batch_size=size, **how)
        reached += net.score(test, metrics="balanced_accuracy").values()
    assert min(reached) >= 0.98
    assert max(reached) - min(reached) <= 0.005


# Validation data that have weights of their own.

TASKS = {
    "classification": ({"output": "softmax"}, ["balanced_accuracy", "precision_1", "recall", "f1", "top_2"]),
    "multilabel": ({"task": "multilabel"}, ["f1", "precision", "recall_0"]),
    "regression": ({"output": "identity"}, ["r2", "mean_squared_error", "mean_absolute_error"]),
}


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("task", TASKS)
def test_integers_as_validation_weights_are_repeated_examples(backend, task, rng, monkeypatch):
    monkeypatch.setattr(batches, "BLOCK_BYTES", 7 * 5 * 4)  # of several blocks
    keywords, metrics = TASKS[task]
    x, y = examples(rng)
    y = y if task == "classification" else rng.normal(size=(24, 3)) if task == "regression" else np.eye(3)[y]
    times = rng.integers(0, 4, 24)
    repeated = np.repeat(np.arange(24), times)
    ways = [(x, y, times.tolist()), (x[repeated], y[repeated])]
    reports = [
        Network([5, 4, 3], backend, seed=1, **keywords).fit(
            x, y, epochs=1, optimizer=SGD(0.1), metrics=metrics, validation=validation
        )[0]
        for validation in ways
    ]
    weighted, plain = (report.metrics for report in reports)
    assert weighted == pytest.approx(plain, rel=1e-12)
    assert len(weighted) == len(metrics) + (2 if task == "regression" else 3)


def test_weights_of_validation_data_leave_the_count_and_the_training_alone(rng):
    x, y = examples(rng)
    weights = np.asarray([0.0] * 23 + [5.0])
    plain, judged = Network([5, 4, 3], seed=1), Network([5, 4, 3], seed=1)
    [one] = plain.fit(x, y, epochs=1, validation=(x, y))
    [other] = judged.fit(x, y, epochs=1, validation=(x, y, weights))
    assert np.array_equal(plain.weights[0], judged.weights[0])
    assert one.n_correct == other.n_correct
    assert other.metrics["validation_accuracy"] == float(judged.predict(x)[-1] == y[-1])
    assert other.metrics["validation_cost"] == pytest.approx(judged.gradients(x[-1:], y[-1:])[0], rel=1e-6)


def test_three_pairs_of_the_book_are_no_weighted_data(rng):
    x, y = examples(rng, 3)
    pairs = tuple((row[:, None], int(label)) for row, label in zip(x, y, strict=True))
    for given in (pairs, list(pairs)):
        data, weights = with_weights(given)
        assert weights is None
        assert np.array_equal(data.x, x)


@pytest.mark.parametrize(
    ("weights", "error", "words"),
    [
        ([1.0], ValueError, r"validation weights: expected the shape \(24,\), one per example, got \(1,\)"),
        (np.ones((24, 1)), ValueError, r"validation weights: expected the shape \(24,\)"),
        ([-1.0] * 24, ValueError, "validation weights: expected finite numbers from 0"),
        ([np.inf] * 24, ValueError, "validation weights: expected finite numbers from 0"),
        ([0.0] * 24, ValueError, "validation weights: expected some above 0, got 0 for all examples"),
        (["a"] * 24, TypeError, "validation weights: expected 24 numbers, got list"),
    ],
)
def test_validation_weights_that_are_none(weights, error, words, rng):
    x, y = examples(rng)
    with pytest.raises(error, match=words):
        Network([5, 3]).fit(x, y, epochs=1, validation=(x, y, weights))


def test_metrics_in_which_weights_cannot_count_are_refused(rng):
    x, y = rng.normal(size=(24, 5)), np.arange(24) % 2
    blunt = Metric("blunt", lambda xp, given: xp.mean(given.outputs), more_is_better=True)
    with pytest.raises(
        ValueError, match="metrics: expected some that weights of examples can count in, got roc_auc, b"
    ):
        Network([5, 1]).fit(x, y, validation=(x, y, np.ones(24)), metrics=["accuracy", "roc_auc", blunt])


def test_a_training_that_goes_on_is_judged_by_the_same_weights(rng, tmp_path):
    x, y = examples(rng)
    how = {"validation": (x, y, np.arange(24.0)), "batch_size": 8}
    Network([5, 3]).fit(x, y, epochs=1, checkpoint=Checkpoint(tmp_path), **how)
    assert len(Network([5, 3]).fit(x, y, epochs=2, resume=tmp_path, **how)) == 2
    with pytest.raises(ValueError, match="resume: expected the validation data of the checkpoint"):
        Network([5, 3]).fit(x, y, epochs=2, resume=tmp_path, **how | {"validation": (x, y)})


# Labels of a multi-label task.


def test_the_positive_term_of_each_label_counts_so_much(backend):
    """The numbers are worked out by hand: 3 ln(1 + exp(-0.3)) + ln(1 + exp(-1.2)); and without weights."""
    xp, f = backend.xp, sigmoid.value
    z, y = backend.copy_to_device([[0.3, -1.2]]), backend.copy_to_device([[1.0, 0.0]])
    plain = COSTS["sigmoid", "cross_entropy"]
    weighted = plain.with_positive_weights(backend.copy_to_device([3.0, 1.0]))
    assert float(plain.value(xp, z, f(xp, z), y)[0]) == pytest.approx(0.817637711807, abs=1e-12)
    assert float(weighted.value(xp, z, f(xp, z), y)[0]) == pytest.approx(1.926348200744, abs=1e-12)


def test_weighted_deltas_equal_differences(backend, rng):
    xp, h = backend.xp, 1e-5
    z, y = rng.normal(size=(4, 3)), rng.uniform(0, 1, (4, 3))  # smoothed targets, too
    weights = backend.copy_to_device([0.5, 3.0, 1.0])
    cost = COSTS["sigmoid", "cross_entropy"].with_positive_weights(weights)

    def of(function, at):
        at = backend.copy_to_device(at)
        return backend.to_numpy(function(xp, at, sigmoid.value(xp, at), backend.copy_to_device(y)))

    delta = of(cost.delta, z)
    for j in range(3):
        step = h * np.eye(3)[j]
        slopes = (of(cost.value, z + step) - of(cost.value, z - step)) / (2 * h)
        assert delta[:, j] == pytest.approx(slopes, abs=1e-9)


def labelled(rng, n=24):
    return rng.normal(size=(n, 5)), (rng.uniform(size=(n, 3)) < [0.2, 0.5, 0.7]).astype(float)


def mean_cost(net, x, y, weights):
    """Return the weighted cost, from what the network answers."""
    a = net.feedforward(x)
    return -(weights * y * np.log(a) + (1 - y) * np.log(1 - a)).sum(axis=1).mean()


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("smoothing", [None, 0.2])
def test_a_step_descends_the_cost_of_weighted_labels(backend, smoothing, rng):
    """The oracle: differences of the cost along a weight and a bias of each layer."""
    (x, y), weights, h = labelled(rng), np.asarray([4.0, 0.5, 1.0]), 1e-5
    net = Network([5, 4, 3], backend, cost="cross_entropy", task="multilabel", seed=1)
    before = net.to("numpy")
    how = {"class_weight": {0: 4, 1: 0.5, 2: 1}, "label_smoothing": smoothing}
    net.fit(x, y, epochs=1, batch_size=24, optimizer=SGD(1.0), **how)
    targets = y if smoothing is None else y * (1 - smoothing) + smoothing / 2
    for l in range(2):
        moved = before.weights[l] - net.weights[l]
        for place in ((0, 0), (1, 2), (2, 3)):
            costs = []
            for by in (h, -h):
                near = [w.copy() for w in before.weights]
                near[l][place] += by
                at = before.to("numpy")
                at.weights = near
                costs.append(mean_cost(at, x, targets, weights))
            assert moved[place] == pytest.approx((costs[0] - costs[1]) / (2 * h), abs=1e-8)


@pytest.mark.slow_on("jax")
def test_weights_of_examples_and_of_labels_go_together(backend, rng):
    (x, y), times = labelled(rng), rng.integers(1, 3, 24)
    repeated = np.repeat(np.arange(24), times)
    one, other = (Network([5, 4, 3], backend, cost="cross_entropy", task="multilabel", seed=1) for _ in range(2))
    how = {"epochs": 2, "optimizer": SGD(0.5), "class_weight": {0: 4, 1: 0.5, 2: 1}}
    one.fit(x, y, batch_size=24, sample_weight=times, **how)
    other.fit(x[repeated], y[repeated], batch_size=len(repeated), **how)
    assert np.abs(one.weights[0] - other.weights[0]).max() <= 1e-12


def test_balanced_labels_say_half_where_nothing_else_is_known():
    """A bias alone, and labels that 5, 50 and 90 of 100 examples have: each says 1/2."""
    y = np.stack([np.arange(100) < n for n in (5, 50, 90)], axis=1).astype(float)
    net = Network([1, 3], cost="cross_entropy", task="multilabel", dtype="float64", seed=1)
    net.fit(np.zeros((100, 1)), y, epochs=600, batch_size=100, optimizer=SGD(1.0), class_weight="balanced")
    assert net.feedforward([[0.0]])[0] == pytest.approx([0.5] * 3, abs=1e-3)
    weights = weights_for(net.architecture, 100, lambda: y * [1, 1, 0], None, "balanced", None)
    assert weights.labels.tolist() == [19, 1, 1]  # none has the last
    assert weights.examples is None


def test_labels_have_their_names_and_validation_is_not_weighted(rng):
    x, y = labelled(rng)
    nets = [Network([5, 3], cost="cross_entropy", task="multilabel", seed=1) for _ in range(2)]
    nets[0].fit(x, y, epochs=1, class_weight={0: 4, 1: 1, 2: 1}, validation=(x, y))
    nets[1].fit(Dataset(x, y, ("a", "b", "c")), epochs=1, class_weight={"b": 1, "a": 4, "c": 1})
    assert np.array_equal(nets[0].weights[0], nets[1].weights[0])
    cost = nets[0].history[0].metrics["validation_cost"]
    assert cost == pytest.approx(nets[0].gradients(x, y)[0], rel=1e-6)


@pytest.mark.parametrize(
    ("cost", "given", "error", "words"),
    [
        ("quadratic", "balanced", ValueError, "class_weight: expected, of a multi-label task, a cost whose positive"),
        ("cross_entropy", "even", ValueError, 'class_weight: expected "balanced" or a number per class'),
        ("cross_entropy", {0: 1, 1: 1}, ValueError, "class_weight: expected a number for each class, got none for 2"),
        ("cross_entropy", {0: 1, 1: 1, 2: -1}, ValueError, "class_weight: expected finite numbers from 0"),
        ("cross_entropy", {0: 1, 1: 1, 2: "x"}, TypeError, "class_weight: expected 3 numbers"),
        ("cross_entropy", [1, 2, 3], TypeError, 'class_weight: expected "balanced" or a dict, got list'),
    ],
)
def test_weights_of_labels_that_are_none(cost, given, error, words, rng):
    with pytest.raises(error, match=words):
        Network([5, 3], cost=cost, task="multilabel").fit(*labelled(rng), epochs=1, class_weight=given)
