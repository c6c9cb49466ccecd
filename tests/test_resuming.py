"""Resuming: to the same bits wherever training was stopped, and refused with whatever is not the same."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from compare import relative_difference
from conftest import need
from recipes import clusters
from test_training import set_chunk_bytes

from anynet import SGD, Checkpoint, Dropout, EarlyStopping, Network, backends, training
from anynet.history import read
from anynet.optimizers import Adam, Momentum
from anynet.saving import checkpoint as files
from anynet.schedules import Cosine, Plateau

SIZES = [12, 8, Dropout(0.2), 4]
PLATEAU = Adam(Plateau(0.05, patience=0))


def told(history):
    """Return what reports say, but for wall-clock."""
    return [(r.epoch, r.examples, r.total, r.metrics, r.n_correct, r.rate) for r in history]


def data():
    rng = np.random.default_rng(7)
    return clusters(rng, n=205), clusters(rng, n=30)


def fitted(backend="numpy", epochs=6, net=None, **how):
    train, validation = data()
    net = net or Network(SIZES, backend, output="softmax", seed=5)
    early = EarlyStopping(patience=50)
    how = {"optimizer": PLATEAU, "batch_size": 10, "validation": validation, "early_stopping": early} | how
    history = net.fit(train, epochs=epochs, **how)
    return net, told(history)


class StopAt:
    """A callback that stops at the n-th report."""

    def __init__(self, n):
        self.left = n

    def __call__(self, report, net):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def stopped(n, **how):
    with pytest.raises(KeyboardInterrupt):
        fitted(callbacks=[StopAt(n)], **how)


def assert_same(one, other):
    (net, history), (again, history_again) = one, other
    assert history == history_again
    for a, b in zip((*net.weights, *net.biases), (*again.weights, *again.biases), strict=True):
        assert np.array_equal(a, b)


@pytest.fixture(autouse=True)
def few_rows_in_a_chunk(monkeypatch):
    set_chunk_bytes(monkeypatch, 12 * 4 * 40)


@pytest.mark.slow_on("jax", "array_api_strict")
def test_stopped_again_and_again_it_ends_at_the_same_bits(backend, tmp_path):
    """Between two chunks and at ends of epochs; dropout, a schedule that watches, early stopping."""
    whole = fitted(backend)
    how = {"checkpoint": Checkpoint(tmp_path / "run", every=2), "resume": tmp_path / "run", "backend": backend}
    for n in (3, 2, 7, 4):
        stopped(n, **how)
    last = fitted(**how)
    assert_same(last, whole)
    assert len({rate for *_, rate in whole[1]}) > 1


@pytest.mark.parametrize("moment", range(1, 34, 5))
def test_at_any_chunk(moment, tmp_path):
    how = {"checkpoint": Checkpoint(tmp_path / "run", every=None), "resume": tmp_path / "run"}
    stopped(moment, **how)
    assert_same(fitted(**how), fitted())


def test_streamed_and_weighted_data_and_other_settings_too(tmp_path):
    settings = {"memory_limit": 0, "class_weight": "balanced", "label_smoothing": 0.1, "l2": 0.1, "clip_norm": 1.0}
    settings |= {"optimizer": Momentum(Cosine(0.1))}
    how = {"checkpoint": Checkpoint(tmp_path / "run"), "resume": tmp_path / "run"} | settings
    stopped(8, **how)
    assert_same(fitted(**how), fitted(**settings))


def test_more_epochs_go_on_and_a_finished_run_trains_none_and_rewrites_nothing(tmp_path):
    how = {"checkpoint": Checkpoint(tmp_path / "run"), "resume": tmp_path / "run"}
    fitted(epochs=3, **how)
    assert_same(fitted(**how), fitted())
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()}
    assert_same(fitted(**how, callbacks=[StopAt(1)]), fitted())
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()} == before
    with pytest.raises(ValueError, match="epochs: expected at least 6, for so many are over, got 5"):
        fitted(epochs=5, **how)


def test_a_run_that_was_stopped_early_is_finished(tmp_path):
    how = {"checkpoint": Checkpoint(tmp_path), "resume": tmp_path, "early_stopping": EarlyStopping(patience=1)}
    once = fitted(**how, epochs=200, optimizer=SGD(3.0))
    assert len(once[1]) < 200
    assert_same(fitted(**how, epochs=200, optimizer=SGD(3.0), callbacks=[StopAt(1)]), once)


def test_lines_of_the_history_are_those_of_an_uninterrupted_run(tmp_path):
    how = {"checkpoint": Checkpoint(tmp_path / "run", every=3), "resume": tmp_path / "run"}
    stopped(22, **how, history_file=tmp_path / "lines")
    for path in (tmp_path / "run").glob("*"):  # those of an epoch's end alone
        if int(path.stem[5:]) % 21:
            path.unlink()
    fitted(**how, history_file=tmp_path / "lines")
    assert told(read(tmp_path / "lines")) == fitted()[1]


def test_a_checkpoint_of_the_former_version_is_gone_on_from(tmp_path, monkeypatch):
    """It held parameters and state of the best epoch, and not what the optimizer remembered then."""
    write, n_kept = files.write, 4

    def former(folder, number, moment, keep):
        return write(folder, number, replace(moment, best=moment.best[:n_kept], stopping=moment.stopping[:4]), keep)

    whole = fitted()
    with monkeypatch.context() as patch:
        patch.setattr(files, "write", former)
        stopped(8, checkpoint=Checkpoint(tmp_path))
    assert_same(fitted(resume=tmp_path), whole)
    with monkeypatch.context() as patch:
        n_kept = 3
        patch.setattr(files, "write", former)
        stopped(8, checkpoint=Checkpoint(tmp_path / "other"))
    with pytest.raises(ValueError, match=r"resume: expected arrays of floats \(best\)"):
        fitted(resume=tmp_path / "other")


def test_a_schedule_tied_to_the_length_keeps_it(tmp_path):
    fitted(epochs=2, optimizer=Adam(Cosine(0.1)), checkpoint=Checkpoint(tmp_path))
    with pytest.raises(ValueError, match="resume: expected epochs=2, got 3: the learning rate is tied to the length"):
        fitted(epochs=3, optimizer=Adam(Cosine(0.1)), resume=tmp_path)


@pytest.mark.parametrize("other", ["torch", "jax", "cupy", "array_api_strict"])
def test_it_goes_on_elsewhere_and_says_that_it_is_no_longer_exact(other, tmp_path):
    need(other)
    there = backends.get(other, dtype="float64")
    ways = [("numpy", there), (there, "numpy")]
    whole, _ = fitted(net=Network(SIZES, output="softmax", seed=5, dtype="float64"))
    for i, (first, second) in enumerate(ways):
        folder = tmp_path / str(i)
        net = Network(SIZES, first, output="softmax", seed=5, dtype="float64")
        with pytest.raises(KeyboardInterrupt):
            fitted(net=net, checkpoint=Checkpoint(folder), callbacks=[StopAt(8)])
        net = Network(SIZES, second, output="softmax", seed=5, dtype="float64")
        with pytest.warns(UserWarning, match=r"resume: the checkpoint was written on backend .* no longer bit for bit"):
            fitted(net=net, resume=folder)
        for a, b in zip(net.weights, whole.weights, strict=True):
            assert relative_difference(a, b) <= 1e-10


def test_another_dtype_goes_on_too(tmp_path):
    stopped(8, checkpoint=Checkpoint(tmp_path))
    net = Network(SIZES, output="softmax", seed=5, dtype="float64")
    with pytest.warns(UserWarning, match="dtype float32, .* goes on on .* dtype float64"):
        fitted(net=net, resume=tmp_path)
    for a, b in zip(net.weights, fitted()[0].weights, strict=True):
        assert a.dtype == np.float64
        assert relative_difference(a, b) <= 1e-3


def test_going_on_without_resuming_goes_on_from_the_last_step(tmp_path):
    net, _ = fitted(epochs=2, checkpoint=Checkpoint(tmp_path), early_stopping=None)
    again, _ = fitted(epochs=2, resume=tmp_path, early_stopping=None)
    train, _ = data()
    for each in (net, again):
        each.partial_fit(train, epochs=2)
    assert_same((net, told(net.history)), (again, told(again.history)))
    assert again.learnt.n_steps == 4 * 21


def test_a_training_that_goes_on_with_an_optimizer_resumes_too(tmp_path):
    train, _ = data()
    nets = [Network(SIZES, output="softmax", seed=5) for _ in range(2)]
    for net in nets:
        net.fit(train, epochs=2, optimizer=Adam(0.01))
    whole, halved = nets
    whole.partial_fit(train, epochs=3)
    with pytest.raises(KeyboardInterrupt):
        halved.partial_fit(train, epochs=3, checkpoint=Checkpoint(tmp_path), callbacks=[StopAt(9)])
    again = Network(SIZES, output="softmax")
    again.partial_fit(train, epochs=3, optimizer=Adam(0.01), resume=tmp_path)
    assert_same((again, told(again.history)), (whole, told(whole.history)))
    assert again.learnt == whole.learnt


@pytest.mark.parametrize(("asked", "goes_on"), [(None, 2), (1, 1)])
def test_threads_are_those_of_before_unless_others_are_asked_for(asked, goes_on, tmp_path, monkeypatch):
    """By the rule it would be one, for so small a step; bits depend on the number."""
    seen = []
    original = training.run
    monkeypatch.setattr(
        training, "run", lambda journey, *rest: (seen.append(journey.threads), original(journey, *rest))[1]
    )
    fitted(epochs=1, threads=2, checkpoint=Checkpoint(tmp_path))
    with pytest.warns(UserWarning, match="no longer bit for bit") if asked else nullcontext():
        fitted(epochs=2, threads=asked, resume=tmp_path)
    assert [threads.number for threads in seen] == [2, goes_on]
