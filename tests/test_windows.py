"""Windows: what a kernel sees at each place, and the way back, on every library."""

from itertools import product

import numpy as np
import pytest

from anynet.tracing import replay, traced
from anynet.windows import overlap_add, places, put, windows

GRID = list(product([(1, 1), (2, 3), (3, 2), (4, 5)], [(1, 1), (1, 2), (3, 2), (4, 5)]))
IMAGES = np.arange(2.0 * 6 * 7 * 3).reshape(2, 6, 7, 3)


def seen(a, size, stride):
    """Return the same as windows(), one slice at a time."""
    down, across = ((n - k) // s + 1 for n, k, s in zip(a.shape[1:3], size, stride, strict=True))
    found = np.empty((len(a), down, across, *size, a.shape[3]))
    for i, j in product(range(down), range(across)):
        top, left = i * stride[0], j * stride[1]
        found[:, i, j] = a[:, top : top + size[0], left : left + size[1], :]
    return found


@pytest.mark.slow_on("jax")
def test_windows_and_back(backend):
    """There and back each pixel comes as often as windows see it; that is windows of ones, added."""
    for size, stride in GRID:
        expected = seen(IMAGES, size, stride)
        taps = [expected[:, :, :, i, j, :] for i, j in product(range(size[0]), range(size[1]))]
        added = np.zeros(IMAGES.shape)
        for i, j in product(*map(range, expected.shape[1:3])):
            top, left = i * stride[0], j * stride[1]
            added[:, top : top + size[0], left : left + size[1], :] += expected[:, i, j]
        given, *taps = (backend.asarray(a) for a in (IMAGES, *taps))
        forward = lambda xp, a, size=size, stride=stride: windows(xp, a, size, stride)  # noqa: E731
        back = lambda xp, *taps, size=size, stride=stride: overlap_add(xp, taps, size, stride, IMAGES.shape)  # noqa: E731
        with backend.active():
            for f, arguments, right in ((forward, [given], expected), (back, taps, added)):
                found = [backend.compile(f)(*arguments)]
                if backend.name != "jax":  # which compiles each call
                    found.append(f(backend.xp, *arguments))
                for value in found:
                    assert np.array_equal(backend.to_numpy(value), right), (size, stride)


def test_a_trace_knows_both_as_one_operation_and_takes_them_apart_again():
    import array_api_compat.numpy as xp

    program, _ = traced(lambda xp, a: windows(xp, a, (2, 2), (2, 1)), IMAGES)
    assert [symbol.name for symbol in program.operations] == ["windows"]
    assert np.array_equal(replay(xp, program, [IMAGES])[0], seen(IMAGES, (2, 2), (2, 1)))
    taps = [np.ones((2, 3, 6, 3))] * 4
    program, _ = traced(lambda xp, *taps: overlap_add(xp, taps, (2, 2), (2, 1), IMAGES.shape), *taps)
    assert [symbol.name for symbol in program.operations] == ["overlap_add"]
    assert replay(xp, program, taps)[0][0, 0, :, 0].tolist() == [1, 2, 2, 2, 2, 2, 1]


def test_how_many_places_there_are():
    assert places((6, 7), (2, 3), (1, 1)) == (5, 5)
    assert places((6, 7), (2, 3), (4, 5)) == (2, 1)
    assert places((3, 3), (3, 3), (1, 1)) == (1, 1)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (range(1, 4), [0, 1, 2, 3, 0, 0]),
        (range(0, 6, 2), [1, 0, 2, 0, 3, 0]),
        (range(1, 6, 2), [0, 1, 0, 2, 0, 3]),
    ],
)
def test_what_is_put_stands_where_it_was_taken_from(where, expected, backend):
    g = backend.asarray(np.asarray([1.0, 2.0, 3.0]))
    with backend.active():
        found = put(backend.xp, g, 0, where, 6)
    assert backend.to_numpy(found).tolist() == expected


def test_what_was_taken_backwards_is_put_backwards():
    """Where a library can do that: PyTorch has no such slices."""
    import array_api_compat.numpy as xp

    assert put(xp, np.asarray([1.0, 2.0, 3.0]), 0, range(5, 0, -2), 6).tolist() == [0, 3, 0, 2, 0, 1]
