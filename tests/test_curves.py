"""`anynet curves`: a picture and a table of what a training wrote, and what it says where there is none."""

import io
import sys

import numpy as np
import pytest

from anynet import Network, history
from anynet.cli import main

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def in_a_folder_with_a_history(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    x, y = rng.standard_normal((40, 6)), np.arange(40) % 4
    Network([6, 4]).fit(x, y, epochs=3, validation=(x, y), history_file="run.jsonl")


def test_the_picture_shows_what_was_told(capsys, tmp_path, monkeypatch):
    drawn = []
    original = history.History.plot
    monkeypatch.setattr(history.History, "plot", lambda *args: drawn.append(original(*args)))
    assert main(["curves", "run.jsonl", "--out", "curves.png"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["epoch", "seconds", "validation_accuracy", "validation_cost", "cost"]
    assert [line.split()[0] for line in lines[1:4]] == ["0", "1", "2"]
    assert lines[4:] == ["Saved the picture to curves.png"]
    told = history.read("run.jsonl")
    curves = {line.get_label(): list(line.get_ydata()) for axes in drawn[0].axes for line in axes.lines}
    assert curves == {name: told[name] for name in told.metrics}
    with pytest.importorskip("PIL.Image").open(tmp_path / "curves.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    assert pixels[0, 0] == 255  # paper
    assert pixels.min() < 100  # ink


def test_a_name_is_found_or_completed_and_nothing_is_replaced(capsys):
    for given, saved in [([], "curves.png"), ([], "curves-1.png"), (["--out", "mine"], "mine.png")]:
        assert main(["curves", "run.jsonl", *given]) == 0
        assert capsys.readouterr().out.splitlines()[-1] == f"Saved the picture to {saved}"
    assert main(["curves", "run.jsonl", "--out", "mine"]) == 2
    assert capsys.readouterr().err == (
        "anynet: --output: expected a new file, got mine.png, which exists. Give another name.\n"
    )


def test_a_history_comes_from_standard_input_too(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "run.jsonl").read_bytes())))
    assert main(["curves", "-"]) == 0
    assert (tmp_path / "curves.png").exists()


@pytest.mark.parametrize(
    ("content", "code", "told"),
    [
        (b"", 1, "given: expected at least one epoch, got none. Let train write it by --history."),
        (b"\xff\xfe\x00\n", 1, "given: expected a report of an epoch in line 1, got another line: "),
        (b"{}\n", 1, "given: expected a report of an epoch in line 1, got another line: "),
        (None, 1, "given: No such file or directory."),
    ],
)
def test_what_is_no_history_is_told_of(content, code, told, capsys, tmp_path):
    if content is not None:
        (tmp_path / "given").write_bytes(content)
    assert main(["curves", "given"]) == code
    assert capsys.readouterr().err.startswith(f"anynet: {told}")
    assert not (tmp_path / "curves.png").exists()


def test_what_cannot_be_drawn_is_told_of(capsys, tmp_path, monkeypatch):
    for given, told in [
        ("run.xyz", "--output: expected the name of a picture, got run.xyz. Let it end in"),
        (".", "--output: "),
    ]:
        assert main(["curves", "run.jsonl", "--out", given]) == 2
        assert capsys.readouterr().err.startswith(f"anynet: {told}")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["curves", "run.jsonl"]) == 1
    assert "matplotlib is not installed. Install it with: pip install 'anynet-nn[plot]'" in capsys.readouterr().err
    assert not (tmp_path / "curves.png").exists()
