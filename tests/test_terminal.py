"""What is printed: a name in it, a stranger's perhaps, moves no cursor and begins no line of its own."""

import io
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from anynet import Network
from anynet.checks import path_shown, shown
from anynet.cli import main
from anynet.commands import errors
from anynet.commands.terminal import called, say, tell

NAME = "x\x1b[2J\rgone\u202e\nanynet: all is well"
ONE_LINE = r"x\x1b[2J\rgone\u202e\nanynet: all is well"


def test_a_name_in_a_message_begins_no_line_of_its_own():
    assert path_shown(NAME) == shown(NAME, in_one_line=True) == ONE_LINE
    assert shown(NAME) == ONE_LINE.replace(r"\n", "\n")


def test_a_complaint_is_one_line_that_a_terminal_shows_all_of(capsys):
    errors.complain(NAME)
    assert capsys.readouterr().err == f"anynet: {ONE_LINE}\n"


def test_what_is_said_is_one_line_that_a_terminal_shows_all_of(capsys):
    say(NAME)
    assert capsys.readouterr().out == f"{ONE_LINE}\n"


def test_a_table_has_lines_and_nothing_else_that_a_terminal_obeys(capsys):
    tell(f"a  b\n{NAME}")
    assert capsys.readouterr().out == "a  b\n" + ONE_LINE.replace(r"\n", "\n") + "\n"


def test_what_is_folded_begins_no_line_as_ours_do(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")
    say(f"{NAME} {NAME}")
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("x\\x1b")
    assert rest
    assert all(line.startswith("  ") for line in rest)


def test_another_name_is_shown_as_carefully(capsys):
    with called("/tmp/input", NAME):
        say("/tmp/input: 7")
        errors.complain("/tmp/input: no picture")
    out, err = capsys.readouterr()
    assert (out, err) == (f"{ONE_LINE}: 7\n", f"anynet: {ONE_LINE}: no picture\n")


@pytest.mark.parametrize(
    "words", [["info", NAME], ["evaluate", NAME], ["fly", NAME], ["train", NAME], ["curves", NAME]]
)
def test_a_name_that_was_typed_is_one_line_of_an_error(words, capsys):
    with suppress(SystemExit):
        assert main(words) > 0
    [line] = capsys.readouterr().err.split("\n")[:-1]
    assert line.startswith("anynet")
    assert line.isprintable()


def test_a_file_that_bears_a_line_of_ours_tells_none(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"{NAME}.csv"
    path.write_text("a,b,y\n" + "1,2,0\n3,4,1\n" * 10)
    assert main(["train", "--data", path.name, "--epochs", "1", "--output", f"{NAME}.npz"]) == 0
    assert main(["predict", f"{NAME}.npz", path.name]) == 0
    assert main(["evaluate", f"{NAME}.npz", "--data", path.name]) == 0
    assert main(["predict", f"{NAME}.npz", f"{NAME}.npz"]) == 2
    out, err = capsys.readouterr()
    assert not [line for line in out.splitlines() if line.startswith("anynet")]
    assert "\x1b" not in out + err
    assert [line.partition(": ")[0] for line in err.splitlines()] == ["anynet"]


def test_of_a_damaged_tiff_our_line_alone_is_told(tmp_path):
    """libtiff prints by itself; a program of its own, as what is told to libtiff holds for a whole process."""
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (50, 60), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, "TIFF", compression="tiff_lzw")
    data = bytearray(buffer.getvalue())
    data[40:80] = bytes(byte ^ 0x5A for byte in data[40:80])
    (tmp_path / "a.tif").write_bytes(data)
    net = Network([784, 10]).save(tmp_path / "net")
    command = [sys.executable, "-m", "anynet", "predict", net, "a.tif"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stderr.splitlines()
    assert [line.partition(":")[0] for line in said] == ["anynet", "anynet"]
    assert "got a damaged TIFF picture" in said[0]
