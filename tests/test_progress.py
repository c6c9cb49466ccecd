"""The bar: drawn where it is asked for, or on a terminal; reports pass it unchanged."""

import io
import sys

import numpy as np
import pytest

from anynet import Network
from anynet.history import Report
from anynet.progress import epoch_line, metrics_line, with_progress

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
