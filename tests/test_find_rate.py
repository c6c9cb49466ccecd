"""`anynet find-rate`: it suggests what the network would, and writes nothing."""

import numpy as np
import pytest

from anynet import Network
from anynet.cli import main


@pytest.fixture(autouse=True)
def in_a_folder_with_data(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    y = np.arange(60) % 4
    np.savez("data.npz", x=rng.standard_normal((60, 6)) + y[:, None], y=y)


def test_it_suggests_what_the_network_would_and_writes_nothing(capsys, tmp_path):
    typed = "--sizes 6 8 4 --hidden-activation relu --output-activation softmax --seed 3 --batch-size 20"
    assert main(["find-rate", "--data", "data.npz", *typed.split(), "--optimizer", "momentum"]) == 0
    net = Network([6, 8, 4], seed=3, hidden="relu", output="softmax")
    with np.load("data.npz") as data:
        found = net.find_learning_rate(data["x"], data["y"], batch_size=20, optimizer="momentum")
    told = capsys.readouterr()
    assert " ".join(told.out.split()) == str(found)  # which is folded to the width of a terminal
    assert told.err == ""
    assert [path.name for path in tmp_path.iterdir()] == ["data.npz"]


def test_values_are_learnt_by_sgd_as_train_does(capsys, rng):
    x = rng.standard_normal((40, 2))
    np.savez("values.npz", x=x, y=x @ [1.5, -2.25])
    assert main(["find-rate", "--data", "values.npz", "--sizes", "2", "1"]) == 0
    net = Network([2, 1], output="identity")
    with np.load("values.npz") as data:
        found = net.find_learning_rate(data["x"], data["y"], optimizer="sgd")
    assert " ".join(capsys.readouterr().out.split()) == str(found)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("--optimizer nope", "--optimizer: expected one of sgd, "),
        ("--batch-size 0", "--batch-size: expected at least 1, got 0."),
        ("--data nope.npz", "nope.npz: No such file or directory."),
    ],
)
def test_what_cannot_be_tried_is_told_of(typed, told, capsys):
    assert main(["find-rate", "--data", "data.npz", *typed.split()]) in (1, 2)
    assert capsys.readouterr().err.startswith(f"anynet: {told}")
