"""The byte order of numbers in a file: swapped where they lie."""

import numpy as np
import pytest

from anynet.formats.byte_order import native


@pytest.mark.parametrize("kind", ["u1", "i2", "f4", "f8", "U3"])
@pytest.mark.parametrize("order", "<>")
def test_the_order_is_this_machines_and_the_memory_the_same(kind, order):
    known = np.array([1, 20, 200]).astype(kind)
    given = np.frombuffer(bytearray(known.astype(order + kind).tobytes()), order + kind)
    read = native(given)
    assert read.dtype == known.dtype
    assert read.dtype.isnative
    assert np.array_equal(read, known)
    assert np.shares_memory(read, given)
