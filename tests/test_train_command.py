"""`anynet train`: the epoch that is saved, and trainings that are stopped and gone on with."""

import json
from pathlib import Path

import numpy as np
import pytest
from recipes import clusters

from anynet import History, Network, datasets, random
from anynet.cli import main
from anynet.history import read


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    x, y = clusters(rng, n=200)
    np.savez("data.npz", x=x + 2 * rng.standard_normal(x.shape), y=y)


TRAIN = "train --data data.npz --validation-fraction 0.25 --learning-rate 5"


def trained(options):
    assert main([*TRAIN.split(), *options.split()]) == 0


def test_the_file_holds_the_epoch_that_validation_chose(capsys):
    trained("--epochs 40 --history lines --output net.npz")
    history = read("lines")
    best = int(np.argmax(history["n_correct"]))
    assert best < 39
    said = f"Saved the network of epoch {best}, {max(history['n_correct'])} / 50 on the validation data, the best, "
    assert capsys.readouterr().out.splitlines()[-1] == f"{said}to net.npz"
    _, held_out = datasets.split(datasets.read_data("data.npz"), 0.25, random.spawn(0).split)
    assert Network.load("net.npz").evaluate(held_out) == max(history["n_correct"])


def test_it_stops_early():
    trained("--epochs 100 --early-stopping 4 --history lines")
    right = read("lines")["n_correct"]
    assert len(right) == int(np.argmax(right)) + 5 < 100


def test_it_goes_on_where_it_was_stopped(capsys):
    how = "--checkpoint run --resume run --history lines"
    trained(f"--epochs 3 {how} --output first.npz")
    trained(f"--epochs 7 {how} --output halved.npz")
    said = capsys.readouterr().out.splitlines()[-1]
    trained("--epochs 7 --output whole.npz --history whole")
    assert capsys.readouterr().out.splitlines()[-1] == said.replace("halved", "whole")
    halved, whole = Network.load("halved.npz"), Network.load("whole.npz")
    assert all(np.array_equal(a, b) for a, b in zip(halved.weights, whole.weights, strict=True))
    lines, others = ([json.loads(line) for line in Path(name).read_text().splitlines()] for name in ("lines", "whole"))
    for each in (*lines, *others):
        del each["seconds"]
        each.pop("epochs")
    assert lines == others
    trained(f"--epochs 7 {how} --output again.npz")  # it is finished
    assert np.array_equal(Network.load("again.npz").weights[0], whole.weights[0])


def test_what_does_not_go_together_is_told(capsys):
    assert main(["train", "--data", "data.npz", "--early-stopping", "3"]) == 2
    assert "--early-stopping: expected data to judge each epoch by, got none. Add" in capsys.readouterr().err
    trained("--epochs 1 --checkpoint run --output a.npz")
    assert main([*TRAIN.split(), "--epochs", "1", "--checkpoint", "run", "--output", "b.npz"]) == 2
    assert "checkpoint: expected a folder without checkpoints, got run" in capsys.readouterr().err


def test_what_test_images_would_choose_they_do_not_judge(monkeypatch, capsys):
    parts = [datasets.Dataset(np.zeros((n, 784), np.uint8), np.zeros(n, int)) for n in (30, 20, 10)]
    seen = {}

    def iter_fit(net, data, validation, early_stopping, **how):
        seen.update(n=len(validation), early=early_stopping)
        return iter(History())

    monkeypatch.setattr(datasets, "mnist", lambda: parts)
    monkeypatch.setattr(Network, "iter_fit", iter_fit)
    for options, n in (("", 10), ("--early-stopping 3", 20)):
        main(f"train {options} --quiet --force --output net.npz".split())
        assert seen["n"] == n
        assert (seen["early"] is None) == (options == "")
