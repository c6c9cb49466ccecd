"""Histories: lists by name, a table, a picture, and lines of JSON that outlive the program."""

import errno
import gzip
import io
import json
import os
from dataclasses import replace

import numpy as np
import pytest

from anynet import History, Network, Report
from anynet.history import Lines, as_record, from_record, read

FIRST = Report(0, 2, 60, 60, 1.25, {"validation_cost": 0.1 + 0.2, "cost": 0.5}, n_correct=7)
LAST = Report(1, 2, 60, 60, 0.5, {"validation_cost": 0.25, "accuracy": 0.75, "cost": 0.125})


def test_a_history_is_a_list_that_can_be_read():
    first = Report(0, 2, 60, 60, 1.25, {"cost": 0.5})
    last = Report(1, 2, 60, 60, 0.5, {"validation_accuracy": 0.75, "<b>": 0.25, "cost": 0.125})
    history = History([first, last])
    assert history == [first, last]
    assert history[1:] == [last]
    assert repr(history) == "<History of 2 epochs, the last with validation_accuracy 0.75, <b> 0.25, cost 0.125>"
    assert repr(History()) == "<History of no epochs>"
    html = history._repr_html_()
    assert "<th>validation_accuracy</th><th>&lt;b&gt;</th></tr>" in html
    assert "<tr><td>0</td><td>1.25</td><td>0.5</td><td></td><td></td></tr>" in html
    assert "<tr><td>1</td><td>0.50</td><td>0.125</td><td>0.75</td><td>0.25</td></tr>" in html


def test_what_happened_is_there_by_its_name():
    history = History([FIRST, LAST])
    assert history.metrics == ("validation_cost", "cost", "accuracy")
    assert history["cost"] == [0.5, 0.125]
    assert history["accuracy"] == [None, 0.75]
    assert history["epoch"] == [0, 1]
    assert history["n_correct"] == [7, None]
    with pytest.raises(KeyError, match=r"one of epoch, seconds, rate, n_correct, validation_cost.* got 'loss'"):
        history["loss"]


def test_it_prints_as_a_table():
    assert str(History([FIRST, LAST])).splitlines() == [
        "epoch  seconds  validation_cost   cost  accuracy",
        "    0     1.25              0.3    0.5          ",
        "    1     0.50             0.25  0.125      0.75",
    ]
    assert str(History()) == "epoch  seconds"


def test_it_draws_costs_and_others_in_pictures_of_their_own(tmp_path):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    figure = History([FIRST, LAST]).plot(tmp_path / "curves.png")
    lines = [{line.get_label(): list(line.get_ydata()) for line in axes.lines} for axes in figure.axes]
    assert lines == [{"validation_cost": [0.1 + 0.2, 0.25], "cost": [0.5, 0.125]}, {"accuracy": [None, 0.75]}]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="history: expected at least one epoch"):
        History().plot()


@pytest.mark.filterwarnings("always::UserWarning")
def test_metrics_of_any_names_are_drawn(tmp_path, recwarn):
    pytest.importorskip("matplotlib.pyplot").switch_backend("agg")
    metrics = {"$a$_\\foo": 0.25, "\u732b": 0.5, "W" * 200: 0.75}
    figure = History([replace(FIRST, metrics=metrics)]).plot(tmp_path / "curves.png")
    [axes] = figure.axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[:2] == ["$a$_\\foo", "\\u732b"]
    box = axes.get_legend().get_window_extent()
    assert axes.bbox.x0 <= box.x0 < box.x1 <= axes.bbox.x1
    [warning] = recwarn
    assert "got none with \u732b, which are drawn as \\u732b" in str(warning.message)


def test_lines_come_back_to_the_last_bit(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text("what was there\n")
    lines = Lines(path, [FIRST])
    assert read(path) == [FIRST]
    lines.append(LAST)
    assert read(path) == [FIRST, LAST]
    assert [json.loads(line)["validation_cost"] for line in path.read_text().splitlines()] == [0.1 + 0.2, 0.25]
    assert [p.name for p in tmp_path.iterdir()] == ["history.jsonl"]
    path.write_text(path.read_text() + '{"epoch": 2, "ep')
    assert read(path) == [FIRST, LAST]


@pytest.mark.parametrize(
    "line",
    [
        "nothing",
        "[1]",
        "{}",
        "[" * 100_000,
        json.dumps(as_record(FIRST) | {"cost": "low"}),
        json.dumps(as_record(FIRST) | {"epoch": 0.5}),
        json.dumps(as_record(FIRST) | {"n_correct": "7"}),
        json.dumps(as_record(FIRST) | {"n_correct": -1}),
        json.dumps(as_record(FIRST) | {"epoch": 2**63}),
        json.dumps(as_record(FIRST) | {"epochs": True}),
        json.dumps(as_record(FIRST) | {"seconds": float("nan")}),
        json.dumps(as_record(FIRST) | {"seconds": -0.5}),
        json.dumps(as_record(FIRST) | {"cost": 10**101}),
        json.dumps(as_record(FIRST) | {"rate": 10**400}),
        json.dumps(as_record(FIRST) | {"x" * 201: 0.5}),
        json.dumps(as_record(FIRST) | {"\x1b[31m": 0.5}),
        json.dumps(as_record(FIRST) | {"\ud800": 0.5}),
        json.dumps(as_record(FIRST) | {"": 0.5}),
    ],
)
def test_other_lines_are_refused(line, tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text(json.dumps(as_record(FIRST)) + "\n" + line + "\n")
    with pytest.raises(ValueError, match="expected a report of an epoch in line 2") as caught:
        read(path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500 + len(str(path))


def test_a_file_is_read_no_further_than_its_first_line_that_is_none(tmp_path, monkeypatch):
    asked = []

    class Asked(io.BytesIO):
        def readline(self, n=-1):
            asked.append(n)
            return super().readline(n)

    monkeypatch.setattr("anynet.history.regular", lambda path: Asked(b"\n" * 1000))
    with pytest.raises(ValueError, match="expected a report of an epoch in line 1"):
        read(tmp_path / "lines")
    assert len(asked) == 1
    assert 0 < asked[0] <= 2**23
    (tmp_path / "packed").write_bytes(gzip.compress(b"\n" * 1000))  # no training writes it so
    monkeypatch.undo()
    with pytest.raises(ValueError, match="expected a report of an epoch in line 1"):
        read(tmp_path / "packed")


def test_a_line_without_an_end_is_passed_over_unless_it_is_longer_than_any(tmp_path, monkeypatch):
    monkeypatch.setattr("anynet.history.MAX_LENGTH", 1000)
    line = json.dumps(as_record(FIRST)) + "\n"
    (tmp_path / "lines").write_text(line + "{" + 998 * " ")
    assert read(tmp_path / "lines") == [FIRST]
    (tmp_path / "lines").write_text(line + "{" + 999 * " " + "\n")
    with pytest.raises(ValueError, match="expected a report of an epoch in line 2"):
        read(tmp_path / "lines")


def test_a_terminal_obeys_no_name_of_a_metric():
    shown = History([replace(FIRST, metrics={"\x1b[31m": 0.5, "x" * 5000: 0.5})])
    for text in (str(shown), repr(shown)):
        assert all(line.isprintable() for line in text.split("\n"))
        assert "\\x1b[31m" in text
        assert len(text) < 500


def test_what_is_no_file_is_refused_and_a_number_of_many_digits_is(tmp_path):
    (tmp_path / "zero").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match="zero: expected a file, got a pipe or a device"):
        read(tmp_path / "zero")
    line = json.dumps(as_record(Report(0, 1, 2, 2, 0.5, {"cost": 10**400}))) + "\n"
    (tmp_path / "lines").write_text(line)
    with pytest.raises(ValueError, match="lines: expected a report of an epoch in line 1"):
        read(tmp_path / "lines")


def test_a_record_is_of_one_level():
    assert from_record(as_record(LAST)) == LAST
    assert not any(isinstance(value, dict) for value in as_record(LAST).values())


def test_that_of_a_network_is_a_history():
    history = Network([2, 3]).fit(np.eye(2), np.array([0, 1]), epochs=2, batch_size=1)
    assert len(history["cost"]) == 2


@pytest.mark.parametrize("takes", [5, 10**6])
def test_a_line_is_appended_whole_or_not_at_all(takes, tmp_path, monkeypatch):
    report, write, room = Report(0, 1, 4, 4, 0.1, {"cost": 0.5}), os.write, [0]

    def nearly_full(file, content):
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        room[0] -= 1
        return write(file, content[:takes])

    lines = Lines(tmp_path / "history", [])
    monkeypatch.setattr(os, "write", nearly_full)
    room[0] = 10**6
    lines.append(report)
    room[0] = int(takes < 100)
    with pytest.raises(OSError, match="No space left on device") as told:
        lines.append(report)
    assert told.value.filename == str(tmp_path / "history")
    room[0] = 10**6
    lines.append(report)
    assert list(read(tmp_path / "history")) == [report, report]


def test_names_of_metrics_are_looked_for_once_per_table(monkeypatch):
    looks, found = [], History.metrics.fget
    monkeypatch.setattr(History, "metrics", property(lambda self: looks.append(1) or found(self)))
    assert len(str(History([FIRST] * 9)).split("\n")) == 10
    assert len(looks) == 1
