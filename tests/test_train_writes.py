"""What `anynet train` writes: over nothing that is somebody's, and what was learnt whatever happens meanwhile."""

import errno
import os
import re
import signal
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recipes import clusters

from anynet import Network, backends, resuming
from anynet.cli import main
from anynet.commands import train
from anynet.history import Lines, read

TRAIN = "train --data data.npz --validation-fraction 0.25 --learning-rate 5"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = clusters(np.random.default_rng(1), n=200)
    np.savez("data.npz", x=x, y=y)


@pytest.mark.parametrize(
    ("options", "other"),
    [
        ("--history net.npz", "--output"),
        ("--history folder/lines --checkpoint folder/../folder/lines", "--history"),
        ("--checkpoint net.npz", "--output"),
        ("--config run.toml --history net.npz.toml", "--config"),
    ],
)
def test_no_two_things_are_written_to_one_place(options, other, capsys):
    Path("run.toml").write_text("epochs = 1")
    Path("folder").mkdir()
    before = sorted(Path().iterdir())
    assert main([*TRAIN.split(), "--force", "--output", "net", *options.split()]) == 2
    assert f"expected another file than that of {other}, got" in capsys.readouterr().err
    assert sorted(Path().iterdir()) == before


def test_a_history_that_exists_is_replaced_only_when_it_is_gone_on_with_or_by_force(capsys):
    precious = "a diary\n"
    Path("lines").write_text(precious)
    words = [*TRAIN.split(), "--epochs", "1", "--output", "net.npz", "--history", "lines"]
    assert main(words) == 2
    assert "--history: expected a new file, got lines, which exists. Add --force to" in capsys.readouterr().err
    assert main([*words, "--checkpoint", "run", "--resume", "run"]) == 1
    assert "lines: expected a report of an epoch in line 1, got another line" in capsys.readouterr().err
    assert (Path("lines").read_text(), Path("net.npz").exists()) == (precious, False)
    assert main([*words, "--force"]) == 0
    assert len(read("lines")) == 1


@pytest.mark.parametrize("how", ["", "--checkpoint run --resume run"])
def test_a_history_whose_name_another_has_taken_meanwhile_is_no_other_s(how, monkeypatch, capsys):
    read_data = train.training_data
    monkeypatch.setattr(train, "training_data", lambda given: Path("lines").write_text("") or read_data(given))
    words = [*TRAIN.split(), "--epochs", "1", "--output", "net.npz", "--history", "lines", *how.split()]
    assert main(words) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "anynet: lines: File exists."
    assert main([*words, "--force"]) == 0
    assert len(read("lines")) == 1


def test_a_history_goes_into_no_pipe_or_device(capsys):
    os.mkfifo("pipe")
    for lines in ("pipe", "/dev/full"):
        assert main([*TRAIN.split(), "--force", "--output", "net.npz", "--history", lines]) == 2
        assert f"--history: expected a file, got {lines}, a folder, a pipe or a device." in capsys.readouterr().err
    assert not Path("net.npz").exists()


def test_a_link_that_leads_nowhere_is_followed_by_force_alone(capsys):
    Path("net.npz").symlink_to("there.npz")
    words = [*TRAIN.split(), "--epochs", "1", "--output", "net.npz"]
    assert main(words) == 2
    assert "--output: expected a new file, got net.npz, which exists" in capsys.readouterr().err
    assert main([*words, "--force"]) == 0
    assert (Path("net.npz").is_symlink(), Path("there.npz").is_symlink()) == (True, False)


def a_folder(path):
    path.mkdir()


def a_file(path):
    path.write_text("precious")


def meanwhile(monkeypatch, do):
    """Let something happen while the first epoch is trained, and an interrupt come after it."""
    line = train._line

    def told(*of):
        do()
        os.kill(os.getpid(), signal.SIGTERM)
        return line(*of)

    monkeypatch.setattr(train, "_line", told)


@pytest.mark.parametrize("appears", [a_folder, a_file, os.mkfifo])
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_options_that_cannot_be_written_are_told_and_the_network_is_saved(appears, force, monkeypatch, capsys):
    Path("run.toml").write_text("epochs = 9")
    path = Path("net.npz.toml")
    meanwhile(monkeypatch, lambda: appears(path))
    code = main([*TRAIN.split(), "--config", "run.toml", "--output", "net.npz", *force])
    told = capsys.readouterr().err
    assert (code, "net.npz.toml: " in told) == (128 + signal.SIGTERM, appears is not a_file or not force)
    assert re.search("Interrupted. The network of epoch 0, .*, is in net.npz.\n$", told)
    assert Network.load("net.npz").sizes == [12, 30, 4]
    if appears is a_file and not force:
        assert path.read_text() == "precious"
        assert "File exists. So the options were not written; the network is in net.npz.\n" in told


@pytest.mark.parametrize("appears", [a_folder, os.mkfifo, lambda path: path.symlink_to("/dev/null")])
def test_an_interrupted_training_is_kept_beside_what_has_taken_its_name(appears, monkeypatch, capsys):
    meanwhile(monkeypatch, lambda: appears(Path("net.npz")))
    assert main([*TRAIN.split(), "--epochs", "9", "--output", "net.npz", "--force"]) == 128 + signal.SIGTERM
    assert "It was written to net-1.npz instead." in capsys.readouterr().err
    assert Network.load("net-1.npz").sizes == [12, 30, 4]


def test_a_history_whose_name_a_pipe_takes_ends_the_training_and_not_its_network(monkeypatch, capsys):
    replace_by_a_pipe = [lambda: Path("lines").unlink(), lambda: os.mkfifo("lines")]
    line = train._line

    def told(*of):
        while replace_by_a_pipe:
            replace_by_a_pipe.pop(0)()
        return line(*of)

    monkeypatch.setattr(train, "_line", told)
    assert main([*TRAIN.split(), "--epochs", "9", "--output", "net.npz", "--history", "lines"]) == 1
    told = capsys.readouterr().err
    assert re.fullmatch("Stopped. The network of epoch 1, .*, is in net.npz.\nanynet: lines: No such device.*\n", told)
    assert Network.load("net.npz").sizes == [12, 30, 4]


def test_nothing_is_saved_of_a_training_that_has_not_begun(monkeypatch, capsys):
    def refused(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "lines")

    monkeypatch.setattr(resuming, "Lines", refused)
    assert main([*TRAIN.split(), "--epochs", "9", "--output", "net.npz", "--history", "lines"]) == 1
    assert capsys.readouterr().err == (
        "Stopped. Nothing was learnt, and nothing saved.\nanynet: lines: No space left on device.\n"
    )
    assert not Path("net.npz").exists()


@pytest.mark.filterwarnings("always::UserWarning")
def test_an_interrupt_in_an_epoch_that_has_diverged_saves_what_was_finite_and_says_so(monkeypatch, capsys):
    small = replace(backends.LIBRARIES["numpy"], chunk_bytes=2000)
    monkeypatch.setitem(backends.LIBRARIES, "numpy", small)
    iter_fit, before = Network.iter_fit, []

    def diverging(net, *given, **how):
        with closing(iter_fit(net, *given, **how)) as reports:
            for report in reports:
                if report.is_epoch_end:
                    before[:] = net.weights
                elif report.epoch == 1:
                    net.weights = [np.full_like(w, np.nan) for w in net.weights]
                    os.kill(os.getpid(), signal.SIGINT)
                yield report

    monkeypatch.setattr(Network, "iter_fit", diverging)
    words = ["train", "--data", "data.npz", "--batch-size", "1", "--epochs", "9", "--output", "net.npz"]
    assert main(words) == 128 + signal.SIGINT
    warned, last = capsys.readouterr().err.splitlines()
    assert warned.startswith("anynet: epoch 1: expected finite parameters, got NaN ")
    assert " as it was before this epoch." in warned
    assert last == "Interrupted. What was learnt so far is in net.npz."
    saved = Network.load("net.npz").weights
    assert all(np.array_equal(a, b) for a, b in zip(saved, before, strict=True))


@pytest.mark.parametrize("door", ["history", "checkpoint"])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "there"), "there: No space left on device."),
        (MemoryError("no room"), "no room"),
        (ValueError("there: expected a regular file"), "there: expected a regular file"),
    ],
    ids=["disk", "room", "pipe"],
)
def test_an_epoch_that_can_be_told_nowhere_is_kept(door, error, told, monkeypatch, capsys):
    def full(*_):
        raise error

    monkeypatch.setattr(*((Lines, "append") if door == "history" else (resuming.files, "write")), full)
    words = ["--epochs", "2", "--batch-size", "100", "--output", "net.npz", "--quiet", f"--{door}", "there"]
    assert main([*TRAIN.split(), *words]) in (1, 70)  # a ValueError of nobody's is a mistake of ours
    assert "What was learnt so far is in net.npz." in (err := capsys.readouterr().err)
    assert told in err
    started = Network([2, 30, 3], seed=0)
    assert not np.array_equal(Network.load("net.npz").weights[-1], started.weights[-1])
