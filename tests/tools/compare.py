"""What it takes for two arrays to be the same: kind, dtype, shape and device, then values."""

from typing import Any

import array_api_compat
import numpy as np

from anynet.backends import Backend


def assert_on(backend: Backend, array: Any, shape: tuple[int, ...]) -> None:
    """Assert that an array is the backend's: namespace, dtype, device, and the shape given."""
    assert backend.is_native(array), type(array)
    assert array.dtype == getattr(backend.xp, backend.dtype)
    assert array_api_compat.device(array) == backend.device
    assert tuple(array.shape) == shape


def relative_difference(actual: Any, expected: Any) -> float:
    """Return the largest difference over the largest magnitude, of two host arrays."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    return float(np.abs(actual - expected).max() / max(np.abs(expected).max(), 1e-300))
