"""Ctrl-C, SIGTERM and a terminal that goes away: `anynet train` as a process, watched from outside."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time

import numpy as np
import pytest

from anynet import Network

pytestmark = pytest.mark.slow

TRAIN = [sys.executable, "-m", "anynet", "train"]
INTERRUPTED = 128 + signal.SIGINT
COLUMNS = 60


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# Signals do what they do by default in what is run so, even if whoever runs the tests ignores them, as nohup does.
PREPARED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.signal(signal.SIGHUP, getattr(signal, sys.argv[1]))
os.execv(sys.argv[2], sys.argv[2:])
"""


def prepared(command, hangup="SIG_DFL"):
    return [sys.executable, "-c", PREPARED, hangup, *command]


def started(*arguments, command=TRAIN, hangup="SIG_DFL"):
    command = prepared([*command, *arguments], hangup)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def assert_saved(process, folder, number=signal.SIGINT):
    """Assert that an interrupted process says where it saved, and saved a whole network there."""
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert err == "Interrupted. What was learnt so far is in network.npz.\n"
    assert [p.name for p in folder.iterdir()] == ["network.npz"]
    assert Network.load(folder / "network.npz").sizes == [784, 30, 10]


@pytest.mark.parametrize("moment", range(20))
def test_an_interrupt_at_any_moment_after_the_first_line_saves(moment, tmp_path):
    delay = np.random.default_rng(moment).uniform(0, 1.0)
    with started() as process:
        assert process.stdout.readline().startswith("Training")
        time.sleep(delay)
        number = (signal.SIGINT, signal.SIGINT, signal.SIGHUP, signal.SIGTERM)[moment % 4]
        process.send_signal(number)
        assert_saved(process, tmp_path, number)


def until(process, beginning):
    while not process.stdout.readline().startswith(beginning):
        assert process.poll() is None


def test_a_terminal_that_goes_away_does_not_end_what_nohup_runs(tmp_path):
    with started(hangup="SIG_IGN") as process:
        assert process.stdout.readline().startswith("Training")
        process.send_signal(signal.SIGHUP)
        until(process, "Epoch 1:")
        process.send_signal(signal.SIGTERM)
        assert_saved(process, tmp_path, signal.SIGTERM)


AT_THE_DOOR = "import sys; from anynet.cli import main; print('here', flush=True); sys.exit(main(['train']))"


@pytest.mark.parametrize("delay", [0.01, 0.05, 0.1, 0.2, 0.3])  # NumPy is loaded, then MNIST
def test_an_interrupt_before_the_first_line_leaves_nothing(delay, tmp_path):
    with started(command=[sys.executable, "-c", AT_THE_DOOR]) as process:
        until(process, "here\n")
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    if out:
        pytest.skip("this machine was faster: training had begun")
    assert (process.returncode, err) == (INTERRUPTED, "")
    assert list(tmp_path.iterdir()) == []


SLOW_SAVE = """
import os, sys, time
from anynet.formats import npz
from anynet.cli import main

def slow(fd, fsync=os.fsync):
    print("saving", flush=True)
    time.sleep(0.5)
    fsync(fd)

npz.os.fsync = slow
sys.exit(main(["train", "--epochs", "1"]))
"""


def test_an_interrupt_during_the_final_save_lets_it_end(tmp_path):
    with started(command=[sys.executable, "-c", SLOW_SAVE]) as process:
        until(process, "saving\n")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert out.endswith(", to network.npz\n")
    assert err == ""
    assert Network.load(tmp_path / "network.npz").sizes == [784, 30, 10]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_no_second_signal_cuts_the_save_short(number, tmp_path):
    with started(command=[sys.executable, "-c", SLOW_SAVE]) as process:
        until(process, "saving\n")
        for _ in range(3):
            process.send_signal(number)
            time.sleep(0.2)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (128 + number, "")
    assert Network.load(tmp_path / "network.npz").sizes == [784, 30, 10]
    assert [path.name for path in tmp_path.iterdir()] == ["network.npz"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_signals_that_come_twice_at_once_lose_nothing(number, tmp_path):
    with started() as process:
        until(process, "Epoch 0:")
        process.send_signal(number)
        time.sleep(0.001)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert err.startswith("Interrupted. ")
    assert err.endswith(" is in network.npz.\n")
    assert Network.load(tmp_path / "network.npz").sizes == [784, 30, 10]


def on_a_terminal(arguments, interrupt_at=None):
    """Run `anynet train` on a terminal of `COLUMNS` columns; return (exit code, what it showed)."""
    terminal, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    command = prepared([*TRAIN, *arguments])
    told_nothing = {name: value for name, value in os.environ.items() if name != "COLUMNS"}  # which pytest-xdist sets
    with subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside, env=told_nothing) as process:
        os.close(inside)
        shown = b""
        while True:
            try:
                shown += os.read(terminal, 4096)
            except OSError:  # the other end is closed
                break
            if interrupt_at is not None and interrupt_at in shown:
                process.send_signal(signal.SIGINT)
                interrupt_at = None
    os.close(terminal)
    return process.returncode, shown.decode()


@pytest.mark.parametrize("delay", [0.0, 0.2, 0.4])
def test_a_terminal_that_is_closed_loses_nothing(delay, tmp_path):
    terminal, inside = pty.openpty()
    run = {"stdin": inside, "stdout": inside, "stderr": inside, "start_new_session": True}
    make_it_theirs = (
        "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    )
    with subprocess.Popen([sys.executable, "-c", make_it_theirs, *prepared(TRAIN)], **run) as process:
        os.close(inside)
        shown = b""
        while b"examples" not in shown:
            shown += os.read(terminal, 4096)
        time.sleep(delay)
        os.close(terminal)
    assert process.returncode == 128 + signal.SIGHUP
    assert [path.name for path in tmp_path.iterdir()] == ["network.npz"]
    assert Network.load(tmp_path / "network.npz").sizes == [784, 30, 10]


def test_on_a_terminal_there_is_a_bar_that_fits_and_leaves_no_trace():
    code, shown = on_a_terminal(["--epochs", "2"])
    assert code == 0
    assert re.search(r"Epoch 0: +\d+%", shown)
    columns = [len(part.strip("\n")) for part in re.split(r"[\r\n]", re.sub(r"\x1b\[[A-Z]", "", shown))]
    assert max(columns) <= COLUMNS
    assert re.search(r"\r *\rEpoch 0: \d{4} / 10000\r\n", shown)  # the bar is wiped before the line is printed


def test_an_interrupted_terminal_is_left_clean():
    code, shown = on_a_terminal([], interrupt_at=b"Epoch 1: ")
    assert code == INTERRUPTED
    assert shown.endswith("network.npz.\r\n")
    last = re.split(r"[\r\n]+", shown.rstrip())[-1]
    assert "%" not in last
