"""The confusion matrix, against a loop, on every library."""

import array_api_compat
import numpy as np
import pytest

from anynet import backends, metrics


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
