"""The bar: drawn where it is asked for, or on a terminal; reports pass it unchanged."""

import io
import os
import pickle
import sys
from itertools import pairwise

import numpy as np
import pytest

from anynet import Network, evaluation
from anynet.backends import Backend
from anynet.history import Report
from anynet.progress import Figures, counted, epoch_line, metrics_line, with_progress

REPORTS = [
    Report(0, 2, 60, 100, 1.0),
    Report(0, 2, 100, 100, 2.0, {"validation_accuracy": 0.5}),
    Report(1, 2, 60, 100, 1.0),
    Report(1, 2, 100, 100, 2.0, {"validation_accuracy": 0.75}),
]


def test_a_bar_is_drawn_only_where_asked_for_or_on_a_terminal(capsys, rng):
    data = rng.standard_normal((40, 12)), np.arange(40) % 4
    net = Network([12, 4])
    net.fit(data, epochs=1, batch_size=10)
    net.fit(data, epochs=1, batch_size=10, progress=False)
    assert capsys.readouterr() == ("", "")
    net.fit(data, epochs=1, batch_size=10, progress=True)
    assert "Epoch 0: cost 0." in capsys.readouterr().err
    net.fit(data, epochs=1, batch_size=10, progress=True, validation=data)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Epoch 0:   0%" in err
    assert "Epoch 0: validation_accuracy 0." in err
    assert err.endswith("\r")  # the bar is wiped, the line stays


@pytest.mark.parametrize("show", [True, False, None])
def test_reports_pass_unchanged(show, capsys):
    assert list(with_progress(REPORTS, show)) == REPORTS
    assert ("\rEpoch 1: validation_accuracy 0.75\n" in capsys.readouterr().err) is (show is True)


def test_on_a_terminal_a_bar_need_not_be_asked_for(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    list(with_progress(REPORTS, None, keep=False))
    assert "Epoch 0: " in sys.stderr.getvalue()
    assert "accuracy" not in sys.stderr.getvalue()
    assert sys.stderr.getvalue().endswith("\r")  # wiped: nothing stays
    before = sys.stderr.getvalue()
    list(with_progress(REPORTS, False))
    assert sys.stderr.getvalue() == before


def test_a_terminal_whose_size_is_not_known_shows_a_bar_too(monkeypatch):
    class Terminal(io.StringIO):
        def fileno(self):
            return 2

    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((0, 0)))
    monkeypatch.setattr(sys, "stderr", Terminal())
    list(with_progress(REPORTS, True))
    assert "Epoch 0:   0%|" in sys.stderr.getvalue()
    assert "Epoch 1: validation_accuracy 0.75\n" in sys.stderr.getvalue()


def test_what_takes_more_than_a_second_is_counted(capsys, monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr("tqdm.std.time", lambda: next(clock))
    assert list(counted([5, 6, 7], "Reading", True)) == [5, 6, 7]
    assert "Reading:  33%|" in capsys.readouterr().err
    monkeypatch.setattr("tqdm.std.time", lambda: 0.0)
    for show in (True, False, None):
        assert list(counted([5, 6, 7], "Reading", show)) == [5, 6, 7]
    assert not capsys.readouterr().err.strip("\r ")


def test_a_bar_is_closed_when_training_is_left(capsys):
    reports = with_progress(REPORTS, True)
    next(reports)
    reports.close()
    err = capsys.readouterr().err
    assert "Epoch 0:   0%" in err
    assert err.endswith("\r")


def test_there_is_one_bar_for_a_training_and_it_is_wiped_where_an_epoch_ends(capsys):
    shown = []
    for report in with_progress(REPORTS, True, keep=False):
        if report.is_epoch_end:
            shown.append(capsys.readouterr().err)
    assert "Epoch 0:  50%" not in shown[0].rpartition("\r")[2]
    assert all(text.endswith("\r") for text in shown)
    assert not any("\n" in text for text in shown)


def test_a_notebook_shows_the_plain_bar(monkeypatch):
    """Its stream is no terminal; the bar of widgets would warn that ipywidgets are missing."""

    class OutStream(io.StringIO):
        __module__ = "ipykernel.iostream"

    monkeypatch.setattr(sys, "stderr", OutStream())
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setitem(sys.modules, "tqdm.notebook", None)
    list(with_progress(REPORTS, None))
    assert "Epoch 1: validation_accuracy 0.75\n" in sys.stderr.getvalue()


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (80, "Epoch 12: validation_accuracy 0.9045, validation_cost 0.01234, cost 0.0009877"),
        (77, "Epoch 12: validation_accuracy 0.9045, validation_cost 0.01234, cost 0.0009877"),
        (76, "Epoch 12: validation_accuracy 0.9045, validation_cost 0.01234"),
        (61, "Epoch 12: validation_accuracy 0.9045, validation_cost 0.01234"),
        (60, "Epoch 12: accuracy 0.9045, cost 0.01234"),
        (38, "Epoch 12: accuracy 0.9045"),
        (10, "Epoch 12: accuracy 0.9045"),
    ],
)
def test_the_line_of_an_epoch_fits(columns, line):
    metrics = {"validation_accuracy": 0.9045, "validation_cost": 0.012341, "cost": 0.00098765}
    assert metrics_line(Report(12, 30, 50, 50, 1.0, metrics), columns) == line


@pytest.mark.parametrize("columns", [80, 10])
def test_without_validation_data_the_line_tells_the_cost_in_training(columns):
    assert metrics_line(Report(12, 30, 50, 50, 1.0, {"cost": 0.00098765}), columns) == "Epoch 12: cost 0.0009877"


def test_an_error_passes_the_bar(capsys):
    def failing():
        yield REPORTS[0]
        raise FloatingPointError("too far")

    with pytest.raises(FloatingPointError, match="too far"):
        list(with_progress(failing(), True))


@pytest.mark.parametrize(
    ("metrics", "n_correct", "line"),
    [
        ({"validation_accuracy": 0.9045, "validation_cost": 0.5}, 9045, "Epoch 3: 9045 / 10000"),
        ({"validation_accuracy": 0.0, "validation_cost": 0.5}, 0, "Epoch 3: 0 / 10000"),
        ({"validation_cost": 0.0123}, None, "Epoch 3: cost 0.0123"),
        ({"cost": 0.0123}, None, "Epoch 3 complete"),
    ],
)
def test_the_line_of_an_epoch_is_the_books(metrics, n_correct, line):
    assert epoch_line(Report(3, 30, 50, 50, 1.0, metrics, n_correct), 10_000) == line


class Clock:
    """A clock that goes on by 0.4 seconds whenever it is asked."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 0.4
        return self.now


def test_the_bar_tells_the_cost_of_the_batch_and_the_last_metric_at_most_once_a_second(monkeypatch):
    asked = []

    def cost():
        asked.append(clock.now)
        return len(asked) / 8

    clock = Clock()
    monkeypatch.setattr("anynet.progress.monotonic", clock)
    reports = []
    for epoch in range(3):
        reports += [Report(epoch, 3, n, 100, 1.0, batch_cost=cost) for n in range(10, 100, 10)]
        metrics = {"validation_accuracy": (1 + epoch) / 4, "cost": 0.75}
        reports += [Report(epoch, 3, 100, 100, 1.0, metrics)]
    figures = Figures()
    shown = [figures.told(report) for report in reports]
    assert len(asked) < 12
    assert all(b - a >= 1 for a, b in pairwise(asked))
    assert shown[0] == ""
    assert shown[4] == "cost 0.125"
    assert shown[-1].startswith("cost ")
    assert shown[-1].endswith((", accuracy 0.5", ", accuracy 0.75"))


def test_nobody_asks_for_the_cost_of_a_batch_where_no_bar_is_drawn(rng, monkeypatch):
    def refuse():
        raise AssertionError

    list(with_progress([Report(0, 1, 60, 100, 1.0, batch_cost=refuse)] * 3, False))
    measured, measure = [], evaluation.measure
    monkeypatch.setattr(evaluation, "measure", lambda *args: measured.append(args) or measure(*args))
    monkeypatch.setattr(Backend, "chunk_rows", lambda *_: 10)
    Network([12, 4]).fit(rng.standard_normal((40, 12)), np.arange(40) % 4, epochs=2, batch_size=10)
    assert len(measured) == 2  # at the end of each epoch


def test_a_report_tells_the_cost_of_the_batch_that_was_learnt_from_last(backend, rng, monkeypatch):
    monkeypatch.setattr(type(backend), "chunk_rows", lambda *_: 40)
    x, y = rng.standard_normal((100, 12)), np.arange(100) % 4
    net = Network([12, 4], backend)
    reports = net.iter_fit(x, y, epochs=1, batch_size=10, shuffle=False)
    report = next(reports)
    assert 0 < report.examples < 100
    last = slice(report.examples - 10, report.examples)
    assert report.batch_cost() == pytest.approx(net.gradients(x[last], y[last])[0], rel=1e-12)
    assert pickle.loads(pickle.dumps(report)) == report
    *_, end = reports
    assert end.batch_cost is None
    assert end.metrics["cost"] > 0


def test_the_bar_shows_them(monkeypatch, capsys):
    monkeypatch.setattr("anynet.progress.SECONDS_BETWEEN_LOOKS", 0)
    monkeypatch.setattr("tqdm.tqdm.update", lambda bar, n: bar.refresh())
    ends = {"validation_accuracy": 0.5, "cost": 0.75}
    reports = [Report(0, 1, 60, 100, 1.0, batch_cost=lambda: 0.125), Report(0, 1, 100, 100, 1.0, ends)]
    list(with_progress(reports, True))
    err = capsys.readouterr().err
    assert "Epoch 0:   0%|" in err
    assert "0: :" not in err
    assert " left, cost 0.125, " in err
    assert " left, cost 0.75, accuracy 0.5, " in err
