"""Pictures that commands draw: whole, under a name that nobody has, and told by it."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from anynet import History, Report, plots
from anynet.cli import main
from anynet.commands.drawing import picture, picture_of, saved
from anynet.commands.errors import UsageError
from anynet.formats import replacing
from anynet.history import Lines

pytest.importorskip("matplotlib").use("Agg")

DEFAULT = Path("curves.png")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def names():
    return sorted(path.name for path in Path().iterdir())


def test_of_pictures_that_are_drawn_at_once_each_has_a_name_of_its_own():
    begun = [picture(None, DEFAULT) for _ in range(3)]  # each has found the name free
    for i, each in enumerate(begun):
        with saved(each):
            each.write(b"%d" % i)
    assert {each.name: Path(each.name).read_bytes() for each in begun} == {
        "curves.png": b"0",
        "curves-1.png": b"1",
        "curves-2.png": b"2",
    }


def test_a_name_that_was_given_and_is_taken_meanwhile_is_told():
    begun = picture_of("mine")
    Path("mine.png").write_bytes(b"of another")
    with pytest.raises(UsageError, match=r"--output: expected a new file, got mine\.png, which exists"), saved(begun):
        begun.write(b"drawn")
    assert Path("mine.png").read_bytes() == b"of another"


def test_no_link_is_followed():
    for name in ("curves.png", "mine.png"):
        Path(name).symlink_to("elsewhere.png")
    begun = picture(None, DEFAULT)
    with saved(begun):
        begun.write(b"drawn")
    assert begun.name == "curves-1.png"
    with pytest.raises(UsageError, match=r"got mine\.png, which exists"):
        picture_of("mine.png")
    assert "elsewhere.png" not in names()


def test_nothing_is_left_of_a_picture_that_fails():
    begun = picture(None, DEFAULT)
    with pytest.raises(ZeroDivisionError), saved(begun):
        begun.write(1 // 0)
    assert names() == []


def write_history():
    report = Report(0, 1, examples=60, total=60, seconds=0.1, metrics={"cost": 0.25})
    Lines("lines", [report])
    return History([report])


def test_a_full_disk_is_told_with_the_name_of_the_picture(monkeypatch, capsys):
    write_history()

    def full(*_):
        raise OSError(errno.EFBIG, "File too large")

    monkeypatch.setattr(replacing.os, "fsync", full)
    for options, name in (([], "curves.png"), (["--output", "mine.svg"], "mine.svg")):
        assert main(["curves", "lines", *options]) == 1
        assert capsys.readouterr().err == f"anynet: {name}: File too large.\n"
    assert names() == ["lines"]


@pytest.mark.parametrize("output", ["no/such/mine.png", "."])
def test_a_place_that_takes_no_picture_is_told_before_anything_is_drawn(output, monkeypatch, capsys):
    write_history()
    monkeypatch.setattr(History, "plot", None)
    assert main(["curves", "lines", "--output", output]) == 2
    assert "--output: expected a" in capsys.readouterr().err


@pytest.mark.slow
def test_programs_that_draw_at_once_leave_as_many_pictures():
    write_history()
    command = [sys.executable, "-m", "anynet", "curves", "lines"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    told = [process.communicate(timeout=120)[0].splitlines()[-1] for process in running]
    expected = ["curves-1.png", "curves-2.png", "curves-3.png", "curves.png"]
    assert sorted(line.removeprefix("Saved the picture to ") for line in told) == expected
    assert names() == [*expected, "lines"]


# What a figure writes.

BEGINNINGS = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml", "jpg": b"\xff\xd8", "eps": b"%!PS"}


@pytest.mark.parametrize(("kind", "begins"), BEGINNINGS.items())
def test_a_picture_is_of_the_kind_that_its_name_says(kind, begins):
    history = write_history()
    history.plot(f"path.{kind}")
    begun = picture_of(f"file.{kind}")
    with saved(begun):
        history.plot(begun)
    for stem in ("path", "file"):
        assert Path(f"{stem}.{kind}").read_bytes().startswith(begins)


def test_a_picture_of_a_name_without_an_ending_gets_one_and_a_file_without_a_name_is_a_png():
    history, file = write_history(), io.BytesIO()
    history.plot("plain")
    history.plot(file)
    assert Path("plain.png").read_bytes()[:4] == file.getvalue()[:4] == b"\x89PNG"


def test_a_kind_that_another_program_makes_is_told_where_that_is_missing(monkeypatch, capsys):
    write_history()
    monkeypatch.setenv("PATH", "")
    assert main(["curves", "lines", "--output", "mine.pgf"]) == 1
    assert "picture: expected one of pgf, got none: 'xelatex' not found; install it" in capsys.readouterr().err
    assert names() == ["lines"]


def test_a_picture_is_replaced_whole_or_not_at_all(monkeypatch):
    Path("old.png").write_bytes(b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(replacing.os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: 'old\.png'"):
        plots.show([[0.0, 1.0]], path="old.png")
    assert (Path("old.png").read_bytes(), names()) == (b"old", ["old.png"])
    os.mkfifo("pipe.png")
    with pytest.raises(ValueError, match=r"pipe\.png: expected a regular file to replace"):
        plots.show([[0.0, 1.0]], path="pipe.png")


def test_of_other_kinds_of_pictures_matplotlib_says_nothing_of_its_own():
    Lines("history", [Report(0, 1, 4, 4, 0.1, {"cost": 0.5})])
    told = subprocess.run(
        [sys.executable, "-m", "anynet", "curves", "history", "--output", "x.ps"], capture_output=True, text=True
    )
    assert (told.returncode, told.stderr) == (0, "")
