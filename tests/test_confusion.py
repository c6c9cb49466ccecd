"""The confusion matrix, against a loop, on several libraries."""

import numpy as np
import pytest

from anynet import backends, metrics


@pytest.mark.parametrize(
    ("name", "device", "module"),
    [
        ("numpy", None, "numpy"),
        ("array_api_strict", "device1", "array_api_strict"),
        ("torch", None, "torch"),
        ("jax", None, "jax"),
    ],
)
def test_confusion_matrix_counts_as_a_loop_does(name: str, device: str | None, module: str) -> None:
    pytest.importorskip(module)
    backend = backends.get(name, device)
    rng = np.random.default_rng(0)
    for dtype in ("uint8", "int32"):
        y, predicted = rng.integers(0, 5, (2, 300)).astype(dtype)
        expected = np.zeros((5, 5), int)
        for i, j in zip(y, predicted, strict=True):
            expected[i, j] += 1
        matrix = metrics.confusion_matrix(backend.xp, backend.asarray(predicted), backend.asarray(y), 5)
        assert matrix.dtype == backend.xp.int32
        assert matrix.device == backend.asarray(y).device
        assert backend.to_numpy(matrix).tolist() == expected.tolist()


def test_labels_of_no_class_are_not_counted() -> None:
    y, predicted = np.asarray([0, 1, 7, -1, 1]), np.asarray([0, 2, 1, 1, 9])
    matrix = metrics.confusion_matrix(backends.get("numpy").xp, predicted, y, 3)
    assert matrix.tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
