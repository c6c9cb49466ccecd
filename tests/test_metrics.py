"""Metrics: what outputs say, which answers are right, and the confusion matrix against a loop."""

import array_api_compat
import numpy as np
import pytest

from anynet import backends, metrics


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
