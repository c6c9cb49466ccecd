"""Metrics: what outputs say, which answers are right, and numbers of a data set against scikit-learn's."""

import array_api_compat
import numpy as np
import pytest

from anynet import Metric, backends, metrics
from anynet.metrics import METRICS, NUMBERED, USUAL, Answers


def count(backend, right):
    assert backend.is_native(right)
    return int(backend.xp.count_nonzero(right))


def test_answers_and_right_ones(backend):
    xp = backend.xp
    outputs = backend.copy_to_device([[0.1, 0.9, 0.6], [0.8, 0.7, 0.2], [0.3, 0.2, 0.1]])
    one_hot = backend.copy_to_device([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    labels = backend.asarray(np.array([1, 1, 0]))
    several = backend.copy_to_device([[0.0, 1.0, 1.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])

    assert backend.to_numpy(metrics.decide(xp, outputs, "classification")).tolist() == [1, 0, 0]
    assert backend.to_numpy(metrics.decide(xp, outputs, "multilabel")).tolist() == [[0, 1, 1], [1, 1, 0], [0, 0, 0]]
    assert metrics.decide(xp, outputs, "regression") is outputs
    assert backend.to_numpy(metrics.is_right(xp, outputs, labels, "classification")).tolist() == [True, False, True]
    assert count(backend, metrics.is_right(xp, outputs, one_hot, "classification")) == 2
    assert count(backend, metrics.is_right(xp, outputs, several, "multilabel")) == 2


def test_one_output_answers_whether_it_exceeds_one_half(backend):
    outputs = backend.copy_to_device([[0.4], [0.6]])
    y = backend.copy_to_device([[1.0], [1.0]])
    assert backend.to_numpy(metrics.decide(backend.xp, outputs, "classification")).tolist() == [0, 1]
    assert backend.to_numpy(metrics.is_right(backend.xp, outputs, y, "classification")).tolist() == [False, True]


@pytest.mark.parametrize("task", ["classification", "multilabel"])
def test_whole_targets_are_decided_as_others_are(backend, task):
    y = backend.asarray(np.array([[0, 1, 0], [1, 0, 0]]))
    expected = [1, 0] if task == "classification" else [[0, 1, 0], [1, 0, 0]]
    assert backend.to_numpy(metrics.decide(backend.xp, y, task)).tolist() == expected


def test_outputs_between_minus_one_and_one_are_told_apart_at_zero(backend):
    outputs = backend.copy_to_device([[-0.4], [0.4]])
    for y in (np.array([[-1], [1]]), np.array([[-1.0], [1.0]])):
        right = metrics.is_right(backend.xp, outputs, backend.asarray(y), "classification", 0.0)
        assert backend.to_numpy(right).tolist() == [True, True]
    assert [metrics.threshold(name) for name in ("tanh", "sigmoid", "identity", "relu", "mine")] == [0.0, *[0.5] * 4]
    assert metrics.reach("mine") == (-np.inf, np.inf)


def test_the_values_of_one_output_are_a_row(backend):
    values = metrics.decide(backend.xp, backend.copy_to_device([[0.4], [0.6]]), "regression")
    assert backend.to_numpy(values).tolist() == [0.4, 0.6]


def test_a_confusion_matrix_counts_beyond_what_float32_counts_to():
    y = np.zeros(2**24 + 3, np.uint8)
    assert metrics.confusion_matrix(backends.get("numpy").xp, y, y, 2).tolist() == [[2**24 + 3, 0], [0, 0]]


def test_every_task_has_an_answer(backend):
    outputs = backend.copy_to_device([[0.1, 0.9], [0.8, 0.7]])
    for task in metrics.TASKS:
        assert metrics.decide(backend.xp, outputs, task).shape[0] == 2
    assert set(metrics.FORMER_NAMES.values()) <= set(metrics.TASKS)


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_confusion_matrix_counts_as_a_loop_does(dtype, backend, rng):
    y, predicted = rng.integers(0, 5, (2, 300)).astype(dtype)
    expected = np.zeros((5, 5), int)
    for i, j in zip(y, predicted, strict=True):
        expected[i, j] += 1
    matrix = metrics.confusion_matrix(backend.xp, backend.asarray(predicted), backend.asarray(y), 5)
    assert backend.is_native(matrix)
    assert matrix.dtype == backend.xp.int32
    assert array_api_compat.device(matrix) == backend.device
    assert backend.to_numpy(matrix).tolist() == expected.tolist()


def test_labels_of_no_class_are_not_counted():
    y, predicted = np.asarray([0, 1, 7, -1, 1]), np.asarray([0, 2, 1, 1, 9])
    matrix = metrics.confusion_matrix(backends.get("numpy").xp, predicted, y, 3)
    assert matrix.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]


# Numbers of a data set.


def value(name, backend, outputs, y, task="classification", threshold=0.5):
    """Return a metric of outputs (n, n_out) and labels (n,) or targets."""
    xp, metric = backend.xp, metrics.get(name)
    (metric,) = metrics.chosen([name], task, len(outputs[0]))
    outputs, y = backend.copy_to_device(outputs), np.asarray(y)
    targets = y if y.ndim == 2 else y[:, None] == np.arange(outputs.shape[1])
    given = Answers.of(xp, outputs, backend.asarray(y), backend.copy_to_device(targets * 1.0), task, threshold)
    numbers = backend.to_numpy(metric.compute(xp, given))
    return metric.value(numbers.reshape(-1).tolist(), len(y)) if metric.value else float(numbers)


def one_hot(labels, n):
    return np.eye(n)[labels].tolist()


def test_f1_of_a_class_that_is_never_predicted(backend):
    y, outputs = [0, 0, 1, 2], one_hot([0, 0, 0, 2], 3)
    found = {name: value(name, backend, outputs, y) for name in ("f1_0", "f1_1", "f1_2", "f1", "precision_1")}
    assert found == {"f1_0": 0.8, "f1_1": 0.0, "f1_2": 1.0, "f1": pytest.approx(0.6, rel=1e-15), "precision_1": 0.0}
    assert value("recall_1", backend, outputs, y) == 0.0
    assert value("balanced_accuracy", backend, outputs, y) == pytest.approx(2 / 3)
    assert value("accuracy", backend, outputs, y) == 0.75


def test_r2_is_the_mean_of_each_outputs(backend):
    y, predicted = [[1.0, 10], [2, 20], [3, 10]], [[1.0, 12], [2, 18], [4, 12]]
    assert value("r2", backend, predicted, y, "regression") == pytest.approx(0.66, rel=1e-14)
    each = [
        value("r2", backend, *([[row[k]] for row in rows] for rows in (predicted, y)), "regression") for k in (0, 1)
    ]
    assert each == pytest.approx([0.5, 0.82], rel=1e-14)


def test_r2_of_what_is_constant(backend32):
    y = [[0.1, 1.0], [0.1, 2.0], [0.1, 3.0]]
    assert value("r2", backend32, y, y, "regression") == 1.0
    assert value("r2", backend32, [[0.1 + 1e-6, second] for _, second in y], y, "regression") == 0.5
    for n in (1, 3, 1000):  # whose mean is 0.1 but for rounding
        assert value("r2", backend32, [[0.1]] * n, [[0.1]] * n, "regression") == 1.0
        assert value("r2", backend32, [[0.2]] + [[0.1]] * (n - 1), [[0.1]] * n, "regression") == 0.0


def cases(seed):
    """Return random answers to 300 questions, with ties; class 2 is never decided for, 5 never expected, 6 neither."""
    rng = np.random.default_rng(seed)
    outputs, y = rng.integers(0, 4, (300, 7)) / 4, rng.integers(0, 5, 300)
    outputs[:, [2, 6]] = -1.0
    outputs[np.arange(300), y] += rng.integers(0, 2, 300) * (y != 2)
    return outputs, y


@pytest.mark.parametrize("seed", range(3))
def test_of_classes_as_scikit_learn_finds_them(backend, seed):
    of_sklearn = pytest.importorskip("sklearn.metrics")
    outputs, y = cases(seed)
    decided = outputs.argmax(axis=1)
    expected = {
        "accuracy": of_sklearn.accuracy_score(y, decided),
        "balanced_accuracy": of_sklearn.recall_score(y, decided, average=None, labels=range(5)).mean(),
        "precision": of_sklearn.precision_score(y, decided, average="macro", zero_division=0),
        "recall": of_sklearn.recall_score(y, decided, average="macro", zero_division=0),
        "f1": of_sklearn.f1_score(y, decided, average="macro"),
        "mean_squared_error": of_sklearn.mean_squared_error(np.eye(7)[y], outputs),
        "mean_absolute_error": of_sklearn.mean_absolute_error(np.eye(7)[y], outputs),
        **{
            f"{name}_{c}": of(y, decided, average=None, labels=range(7), zero_division=0)[c]
            for name, of in (
                ("precision", of_sklearn.precision_score),
                ("recall", of_sklearn.recall_score),
                ("f1", of_sklearn.f1_score),
            )
            for c in range(7)
        },
    }
    found = {name: value(name, backend, outputs.tolist(), y) for name in expected}
    assert found == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("k", [1, 2, 5, 6])
def test_top_k_is_a_place_among_the_first_k(backend, k):
    outputs, y = cases(1)
    first = np.argsort(-outputs, axis=1, kind="stable")[:, :k]
    found = value(f"top_{k}", backend, outputs.tolist(), y)
    assert found == (first == y[:, None]).any(axis=1).mean()
    assert k != 1 or found == value("accuracy", backend, outputs.tolist(), y)


def test_of_values_as_scikit_learn_finds_them(backend, rng):
    of_sklearn = pytest.importorskip("sklearn.metrics")
    y = rng.standard_normal((200, 3)) * [1, 10, 1e-3] + [0, 1e4, 5]
    outputs = y + 0.1 * rng.standard_normal((200, 3)) * [1, 10, 1e-3]
    expected = {
        "mean_squared_error": of_sklearn.mean_squared_error(y, outputs),
        "mean_absolute_error": of_sklearn.mean_absolute_error(y, outputs),
        "r2": of_sklearn.r2_score(y, outputs),
    }
    assert {name: value(name, backend, outputs.tolist(), y, "regression") for name in expected} == pytest.approx(
        expected, rel=1e-9
    )


@pytest.mark.parametrize("n_scores", [2, 7, 10**6])
def test_the_area_under_the_curve_is_scikit_learns_with_ties(backend, n_scores, rng):
    of_sklearn = pytest.importorskip("sklearn.metrics")
    y, scores = rng.integers(0, 2, 1000), rng.integers(0, n_scores, 1000) / n_scores
    scores = np.round((scores + 0.3 * y) * n_scores) / n_scores
    expected = of_sklearn.roc_auc_score(y, scores)
    assert value("roc_auc", backend, scores[:, None].tolist(), y[:, None]) == pytest.approx(expected, rel=1e-14)
    assert value("roc_auc", backend, [[0.5]] * 4, [[0], [1], [1], [0]]) == 0.5
    assert value("roc_auc", backend, [[0.1], [0.9]], [[0], [1]]) == 1.0


def test_the_area_under_the_curve_of_many_is_exact_in_32_bits():
    n = 300_000
    scores, y = np.arange(n)[:, None] / n, (np.arange(n) >= n // 2)[:, None] * 1.0
    given = Answers.of(np, scores, y, y, "classification")
    digits = METRICS["roc_auc"].compute(backends.get("numpy").xp, given)
    assert digits.max() < 2**31
    assert METRICS["roc_auc"].value(digits.tolist(), n) == 1.0


def test_of_several_labels_as_scikit_learn_finds_them(backend, rng):
    of_sklearn = pytest.importorskip("sklearn.metrics")
    y, outputs = rng.integers(0, 2, (100, 4)), rng.random((100, 4))
    decided = (outputs > 0.5) * 1
    expected = {
        "accuracy": of_sklearn.accuracy_score(y, decided),
        "f1": of_sklearn.f1_score(y, decided, average="macro"),
        "precision": of_sklearn.precision_score(y, decided, average="macro"),
        "recall_3": of_sklearn.recall_score(y, decided, average=None)[3],
    }
    found = {name: value(name, backend, outputs.tolist(), y, "multilabel") for name in expected}
    assert found == pytest.approx(expected, rel=1e-13)


def test_whether_more_is_better_stands_in_the_table():
    less = {"mean_squared_error", "mean_absolute_error"}
    more = {"accuracy", "balanced_accuracy", "precision", "recall", "f1", "roc_auc", "r2"}
    assert not any(METRICS[name].more_is_better for name in less)
    assert all(METRICS[name].more_is_better for name in more)
    assert all(make(1).more_is_better for make in NUMBERED.values())
    assert all(name == metric.name for name, metric in METRICS.items())
    assert all(make(3).name == f"{name}_3" == metrics.get(f"{name}_3").name for name, make in NUMBERED.items())
    assert set(USUAL) == set(metrics.TASKS)
    for task, names in USUAL.items():
        assert tuple(metric.name for metric in metrics.chosen(None, task, 3)) == names
    with pytest.raises(TypeError, match="more_is_better"):
        Metric("mine", lambda xp, given: 0.0)


@pytest.mark.parametrize(
    ("asked", "task", "n_out", "message"),
    [
        ("acuracy", "classification", 3, "metrics: expected one of accuracy, .*, top_1, .*Did you mean 'accuracy'"),
        (
            "top_4",
            "classification",
            3,
            "metrics: top_4 expected a network that has an output for 4 classes, got one of 3",
        ),
        ("top_0", "classification", 3, "top_0 expected"),
        (
            "f1_3",
            "classification",
            3,
            "f1_3 expected a network that has a class 3, counted from 0, got one of 3 outputs",
        ),
        ("f1_01", "classification", 3, "metrics: expected one of"),
        ("roc_auc", "classification", 2, "roc_auc expected a network of one output that tells two classes apart"),
        (
            "f1",
            "regression",
            1,
            "f1 expected a network whose .* right or wrong, got one of 1 output whose task is regression",
        ),
        ("balanced_accuracy", "multilabel", 3, "balanced_accuracy expected a network that classifies"),
        (["f1", "f1"], "classification", 3, "metrics: expected different names, got f1, f1"),
    ],
)
def test_metrics_that_do_not_exist_or_suit(asked, task, n_out, message):
    with pytest.raises(ValueError, match=message):
        metrics.chosen(asked, task, n_out)


@pytest.mark.parametrize("asked", [3, [None], Metric, len])
def test_what_is_no_metric(asked):
    with pytest.raises(TypeError, match="metrics: expected a name or a value"):
        metrics.chosen(asked, "classification", 3)


def test_the_area_under_no_curve(backend):
    with pytest.raises(ValueError, match="roc_auc: expected examples of both classes, got those of one"):
        value("roc_auc", backend, [[0.5], [0.4]], [[1], [1]])


@pytest.mark.parametrize("name", ["", "a\tb", "\x1b[31m", "x" * 201, None])
def test_a_metric_has_a_name_that_can_be_shown_and_read_again(name):
    with pytest.raises(ValueError, match="name: expected one of printable names"):
        Metric(name, lambda xp, given: 0.0, more_is_better=True)
