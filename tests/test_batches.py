"""Batches: every example once in an epoch, in a fresh order, in mini-batches of one size; blocks in order."""

import math
from dataclasses import dataclass

import numpy as np
import pytest

from anynet import Dataset, backends, batches
from anynet.architecture import build
from anynet.data import inputs, targets, to_device
from anynet.stepping import Step


def architecture(n_in, n_out=2):
    return build([n_in, n_out], "sigmoid", "sigmoid", None, "lecun_normal", None)


def rows_of(backend, chunk):
    """Return the rows x and y of a chunk, in its order, as host arrays."""
    host = [backend.to_numpy(a) for a in chunk.data]
    if chunk.order is None:
        assert all(len(a) == chunk.n for a in host)
        return host
    rows = backend.to_numpy(chunk.order.indices)[chunk.order.start : chunk.order.stop]
    assert len(rows) == chunk.n
    return [a[rows] for a in host]


@dataclass(frozen=True)
class Recorder(Step):
    """A step that learns nothing but what it was handed: how many examples each time, and a trace of x and y.

    The trace depends on the order. Both are arithmetic, which a library may compile.
    """

    def __call__(self, xp, train_state, batch, numbers):
        sizes, trace = train_state
        trace = 0.5 * trace + xp.sum(batch.x) + 3.0 * xp.sum(batch.y[:, 0])
        return sizes * 64.0 + batch.x.shape[0] * numbers[0], trace


def traced(x, y, size):
    """Return what a Recorder makes of rows x and targets y, in plain Python."""
    sizes, trace = 0.0, 0.0
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        sizes, trace = sizes * 64 + len(x[part]), 0.5 * trace + x[part].sum() + 3.0 * y[part, 0].sum()
    return sizes, trace


@pytest.mark.parametrize("limit", [math.inf, 0], ids=["resident", "streamed"])
def test_every_example_is_seen_once_in_an_epoch_in_a_fresh_order(backend, limit, rng):
    x = np.arange(53.0)[:, None] * np.ones((1, 3))
    shape = architecture(3)
    data = to_device(backend, Dataset(x, np.arange(53) % 2), shape, limit)
    run = backend.scan(Recorder(shape, None, backend.dtype))
    seen = []
    for _ in range(2):
        rows = []
        for chunk in batches.shuffled(backend, data, 10, data.x.shape[1:], rng):
            begin = tuple(backend.copy_to_device(0.0) for _ in range(2))
            after = run(begin, chunk.data, chunk.order, (), [(1.0,)] * math.ceil(chunk.n / 10), 10)
            of_x, of_y = rows_of(backend, chunk)
            assert np.array_equal(of_y, of_x[:, 0].astype(int) % 2)
            sizes, trace = traced(of_x, np.eye(2)[of_y], 10)
            assert [float(a) for a in after] == pytest.approx([sizes, trace], rel=1e-12)
            rows.append(of_x[:, 0])
        rows = np.concatenate(rows)
        assert [len(rows[start : start + 10]) for start in range(0, 53, 10)] == [10, 10, 10, 10, 10, 3]
        seen.append(rows)
    assert sorted(seen[0]) == sorted(seen[1]) == x[:, 0].tolist()
    assert seen[0].tolist() != seen[1].tolist() != sorted(seen[1])


@pytest.mark.parametrize("limit", [math.inf, 0], ids=["resident", "streamed"])
@pytest.mark.parametrize("batch_size", [1, 7, 64, 5000])
def test_chunks_and_batch_sizes_change_nothing_in_what_is_seen(batch_size, limit, rng):
    x = rng.integers(0, 256, (5000, 784), dtype=np.uint8)
    backend = backends.get("numpy")
    data = to_device(backend, Dataset(x, np.zeros(5000, int)), architecture(784), limit)
    chunks = list(batches.shuffled(backend, data, batch_size, (784,), np.random.default_rng(1)))
    assert all(chunk.n % batch_size == 0 for chunk in chunks[:-1])
    assert sum(chunk.n for chunk in chunks) == 5000
    order = np.random.default_rng(1).permutation(5000)
    seen = np.concatenate([inputs(backend.xp, rows_of(backend, chunk)[0], "float32") for chunk in chunks])
    assert np.array_equal(seen, x[order] / np.float32(255))


@pytest.mark.parametrize("limit", [math.inf, 0], ids=["resident", "streamed"])
def test_blocks_are_the_data_as_they_stand(backend, limit, rng, monkeypatch):
    monkeypatch.setattr(batches, "BLOCK_BYTES", 10 * 3 * 8)  # ten rows of three numbers
    x, y = rng.standard_normal((53, 3)), np.arange(53) % 2
    data = to_device(backend, Dataset(x, y), architecture(3), limit)
    blocks = list(batches.in_order(backend, data, (3,)))
    assert [block[0].shape[0] for block in blocks] == [10, 10, 10, 10, 10, 3]
    assert all(backend.is_native(a) for block in blocks for a in block)
    for i, expected in enumerate((x, y)):
        assert np.array_equal(np.concatenate([backend.to_numpy(block[i]) for block in blocks]), expected)
    few = list(batches.in_order(backend, data, (300,)))  # a row at a time: something wider is made of it
    assert [block[0].shape[0] for block in few] == [1] * 53


def test_rows_end_where_the_array_ends(backend):
    a = backend.asarray(np.arange(12.0).reshape(4, 3))
    assert [batches.rows(a, start, start + 3).shape for start in (0, 3)] == [(3, 3), (1, 3)]


def test_targets_are_one_hot_rows_of_labels(backend):
    labels = backend.asarray(np.array([2, 0, 1]))
    made = targets(backend.xp, labels, 3, "float64", backend.device)
    assert np.array_equal(backend.to_numpy(made), np.eye(3)[[2, 0, 1]])
    assert targets(backend.xp, made, 3, "float64", backend.device).shape == (3, 3)
