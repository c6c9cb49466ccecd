"""Standard input where a command takes a file, named `-`."""

import errno
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from anynet import Network
from anynet.cli import main
from anynet.commands import evaluate, standard_input
from anynet.formats import replacing


@pytest.fixture(autouse=True)
def in_folders_of_its_own(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    np.savez("own.npz", x=rng.standard_normal((20, 3)), y=np.arange(20) % 2)
    lines = [f"{a},{b},{c},{'ab'[i % 2]}" for i, (a, b, c) in enumerate(rng.standard_normal((20, 3)))]
    (tmp_path / "own.csv").write_text("\n".join(["one,two,three,kind", *lines]))
    Network([3, 2]).save("net")
    yield
    assert not any((tmp_path / "temporary").iterdir())


@pytest.fixture
def given(monkeypatch):
    """Let bytes arrive on standard input."""

    def give(content):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return give


@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("evaluate net.npz --data {} --json", "own.npz"),
        ("evaluate --data {} net.npz --json", "own.npz"),
        ("evaluate {} --data own.npz --json", "net.npz"),
        ("predict net.npz {}", "own.npz"),
        ("predict net.npz {} own.npz --json", "own.csv"),
        ("predict {} own.npz", "net.npz"),
        ("train --data {} --epochs 2 --seed 1 --output a --force", "own.csv"),
    ],
)
def test_what_arrives_is_read_as_the_file_would_be(command, file, given, capsys, tmp_path):
    assert main(command.format(file).split()) == 0
    expected = capsys.readouterr().out.replace(file, standard_input.NAME)
    given((tmp_path / file).read_bytes())
    assert main(command.format("-").split()) == 0
    told = capsys.readouterr().out
    if command.startswith("train"):  # its last lines tell the time it took
        expected, told = expected.partition(" s of ")[0][:-4], told.partition(" s of ")[0][:-4]
    assert told == expected != ""


@pytest.mark.parametrize(
    ("content", "command", "code", "message"),
    [
        (b"", "train --data -", 1, "standard input: expected a file, got nothing."),
        (b"<!doctype html>", "train --data -", 1, "standard input: expected an .npz, CSV or IDX file, got a web page."),
        (b"<!doctype html>", "evaluate -", 1, "standard input: expected an .npz file of plain arrays, got a web page."),
        (b"12345678901", "evaluate -", 1, "standard input: expected at most 10 bytes, got more."),
        (b"x", "predict - -", 2, "-: expected it once, for standard input can be read once, got it 2 times."),
        (b"x", "train --data - -", 2, "-: expected it once"),
    ],
)
def test_what_is_of_no_use_is_told(content, command, code, message, given, capsys, monkeypatch):
    given(content)
    if b"123" in content:
        monkeypatch.setattr(standard_input, "MAX_BYTES", 10)
    assert main(command.split()) == code
    assert capsys.readouterr().err.startswith(f"anynet: {message}")


@pytest.mark.parametrize("kind", ["a terminal", "none"])
def test_a_terminal_is_not_waited_for(kind, monkeypatch, capsys):
    stdin = io.StringIO()
    stdin.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", stdin if kind == "a terminal" else None)
    assert main(["train", "--data", "-"]) == 2
    assert f"-: expected a file on standard input, got {kind}. Add < FILE" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_an_end_in_the_middle_leaves_no_file(tmp_path):
    program = (
        "import os, signal; from anynet import cli; from anynet.commands import evaluate;"
        "evaluate.run = lambda arguments: os.kill(os.getpid(), signal.SIGTERM);"
        "raise SystemExit(cli.main(['evaluate', '-']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=b"x",
        check=False,
        env=os.environ | {"TMPDIR": str(tmp_path / "temporary")},
    )
    assert done.returncode == 143


@pytest.mark.skipif(os.name != "posix", reason="locks files")
def test_what_a_killed_program_left_goes_with_the_next_and_what_a_living_one_reads_stays(given, tmp_path):
    left, read = (tmp_path / "temporary" / f".anynet-{name}" for name in ("12345678", "abcdefgh"))
    left.write_bytes(b"left")
    given((tmp_path / "own.npz").read_bytes())
    with read.open("wb") as file:
        replacing.fcntl.flock(file, replacing.fcntl.LOCK_EX)
        assert main(["evaluate", "net.npz", "--data", "-"]) == 0
        assert [*(tmp_path / "temporary").iterdir()] == [read]
    read.unlink()


def test_what_arrives_is_for_nobody_else_to_read(given, tmp_path, monkeypatch):
    modes = []
    monkeypatch.setattr(
        evaluate, "run", lambda arguments: modes.append(Path(arguments.files[0]).stat().st_mode & 0o777)
    )
    given(b"x")
    assert main(["evaluate", "-"]) == 0
    assert modes == [0o600]


def test_a_place_that_is_full_is_told(given, monkeypatch, capsys, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    given(b"x")
    monkeypatch.setattr(replacing.os, "fdopen", lambda descriptor, _: os.close(descriptor) or Full(full))
    assert main(["evaluate", "-"]) == 1
    assert capsys.readouterr().err == f"anynet: {tmp_path / 'temporary'}: No space left on device.\n"


class Full(io.BytesIO):
    """A file on a disk that is full."""

    def __init__(self, write):
        super().__init__()
        self.flush = write
