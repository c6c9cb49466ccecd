"""Layers as they are typed: what becomes of each item, and what is said of those that are none."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from anynet import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    LayerNorm,
    MaxPool2D,
    Network,
    Standardize,
)
from anynet.cli import main
from anynet.commands.layer_texts import EXAMPLE, KINDS, layers_of
from anynet.layers import LAYERS

MADE = {
    "conv 20x5": Conv2D(20, 5),
    "conv 4x3/2": Conv2D(4, 3, stride=2),
    "conv 4x3 same": Conv2D(4, 3, padding="same"),
    "conv  4x3/2  same relu": Conv2D(4, 3, 2, "same", activation="relu"),
    "conv 4x3 tanh": Conv2D(4, 3, activation="tanh"),
    "pool 2": MaxPool2D(2),
    "pool 3/2": MaxPool2D(3, 2),
    "average-pool 2": AveragePool2D(2),
    "average-pool 3/1": AveragePool2D(3, 1),
    "global-average-pool": GlobalAveragePool2D(),
    "batch-norm": BatchNorm(),
    "batch-norm relu": BatchNorm(activation="relu"),
    "layer-norm": LayerNorm(),
    "flatten": Flatten(),
    "dropout 0.25": Dropout(0.25),
    "dropout .5": Dropout(0.5),
    "standardize": Standardize(),
    "dense 100": Dense(100),
    "dense 7 relu": Dense(7, activation="relu"),
}


@pytest.mark.parametrize("text", MADE)
def test_an_item_is_a_layer(text):
    assert layers_of(text, (8, 8, 3)) == [(8, 8, 3), MADE[text]]


def test_every_kind_of_layer_can_be_typed():
    assert {type(layer) for layer in MADE.values()} == set(LAYERS.values())
    assert {text.split()[0] for text in MADE} == set(KINDS)


@pytest.mark.parametrize(
    ("text", "example", "shape"),
    [
        (EXAMPLE, (784,), (28, 28, 1)),
        ("standardize, dropout 0.1, pool 2", (28, 28), (28, 28, 1)),
        ("dense 3, dense 3", (784,), (784,)),
        ("dense 3", (28, 28), (784,)),
        ("dense 3", (4, 4, 3), (4, 4, 3)),
        ("pool 2", (6, 5, 3), (6, 5, 3)),
    ],
)
def test_the_input_is_an_image_where_a_layer_asks_for_one(text, example, shape):
    assert layers_of(text, example)[0] == shape


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "conv 20x5, pol 2",
            "item 2, 'pol 2': expected one of conv, .*, got 'pol'. Did you mean 'pool'.*'conv 20x5, p",
        ),
        ("conv 20", "item 1, 'conv 20': expected conv FILTERSxKERNEL.* The kinds are: conv .*, dense NEURONS"),
        ("conv 2x3 relu same", "item 1, 'conv 2x3 relu same': expected conv FILTERSxKERNEL"),
        ("pool 2 relu", "item 1, 'pool 2 relu': expected pool SIZE"),
        ("pool 2,, dense 3", "item 2, '': expected one of conv"),
        ("", "item 1, '': expected one of conv"),
        ("dense", "item 1, 'dense': expected dense NEURONS"),
        ("dense -3", "item 1, 'dense -3': expected dense NEURONS"),
        ("dense \u0663", "item 1, 'dense \u0663': expected dense NEURONS"),
        ("dense 0", "item 1, 'dense 0': .*expected at least 1"),
        ("dense 9, dense 10 softmax", "item 2, .*hidden layers, got softmax.* --output-activation softmax"),
        ("dropout 1.5", "item 1, 'dropout 1.5': Dropout: expected a rate"),
        ("pool 0", "item 1, 'pool 0': MaxPool2D: expected a size of at least 1"),
        ("conv 2x3, pool 9", r"item 2, 'pool 9': MaxPool2D: .*got the shape \(6, 6, 2\)"),
        ("dense 9, conv 2x3", r"item 2, 'conv 2x3': Conv2D: expected images .*got the shape \(9,\)"),
    ],
)
def test_what_is_no_layer_is_named_with_its_place(text, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", x=np.zeros((4, 64)), y=[0, 1, 0, 1])
    assert main(["train", "--data", "data.npz", "--layers", text]) == 2
    error = capsys.readouterr().err
    assert error.startswith("anynet: --layers: ")
    assert re.search(told, error)


def test_rows_that_are_no_images_are_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", x=np.zeros((4, 63)), y=[0, 1, 0, 1])
    assert main(["train", "--data", "data.npz", "--layers", "dropout 0.1, pool 2"]) == 2
    told = "--layers: item 2, 'pool 2': expected data that are images, got rows of 63 numbers."
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        ("--sizes 64 2", "no --sizes beside it, got both. Leave one of them out."),
        ("--standardize", "no --standardize beside it, got both. Write standardize as an item of it."),
        ("--dropout 0.5", "no --dropout beside it, got both. Write dropout as an item of it."),
    ],
)
def test_layers_are_given_in_one_way(options, cure, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", x=np.zeros((4, 64)), y=[0, 1, 0, 1])
    assert main(["train", "--data", "data.npz", "--layers", "dense 3", *options.split()]) == 2
    assert f"--layers: expected {cure}" in capsys.readouterr().err


def test_a_network_of_layers_is_trained_saved_and_asked(tmp_path, monkeypatch, capsys, rng):
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", x=rng.random((40, 36)), y=np.arange(40) % 3)
    Path("run.toml").write_text('layers = "conv 2x3 relu, pool 2, dense 5"\nfreeze = "1"\nmicro-batch-size = 3\n')
    seen = {}
    fit = Network.iter_fit
    monkeypatch.setattr(Network, "iter_fit", lambda net, data, **how: seen.update(how) or fit(net, data, **how))
    options = ["--data", "data.npz", "--epochs", "1", "--config", "run.toml", "--output", "net.npz"]
    assert main(["train", *options]) == 0
    assert "Training [6x6x1, 4x4x2, 2x2x2, 8, 5, 3] on numpy" in capsys.readouterr().out
    assert (seen["freeze"], seen["micro_batch_size"]) == ((1,), 3)
    net, untrained = Network.load("net.npz"), Network([(6, 6, 1), Conv2D(2, 3, activation="relu"), 5, 3])
    assert [type(layer) for layer in net.layers] == [Conv2D, MaxPool2D, Flatten, Dense, Dense]
    assert np.array_equal(net.weights[0], untrained.weights[0])  # frozen
    resolved = tomllib.loads(Path("net.npz.toml").read_text())
    assert {name: resolved[name] for name in ("layers", "freeze", "micro-batch-size")} == {
        "layers": "conv 2x3 relu, pool 2, dense 5",
        "freeze": "1",
        "micro-batch-size": 3,
    }
    assert main(["train", "--config", "net.npz.toml", "--output", "again.npz", "--quiet"]) == 0
    again = Network.load("again.npz")
    assert all(np.array_equal(a, b) for a, b in zip(net.weights, again.weights, strict=True))
    assert main(["evaluate", "net.npz", "--data", "data.npz"]) == 0
    assert main(["predict", "net.npz", "data.npz"]) == 0
    assert main(["find-rate", "--data", "data.npz", "--layers", "conv 2x3, dense 5"]) == 0


@pytest.mark.parametrize("text", ["", "1,", "one", "-1", "1.5"])
def test_positions_that_are_none_are_told(text, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["train", f"--freeze={text}"])
    assert caught.value.code == 2
    assert f"expected whole numbers with commas between them, got {text!r}" in capsys.readouterr().err
