"""`anynet train`: the epoch that is saved, and trainings that are stopped and gone on with."""

import json
import re
import tomllib
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from recipes import clusters

from anynet import Dropout, History, Network, datasets, random
from anynet.augmentation import Shift
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


def test_what_is_saved_though_training_is_stopped_is_said(monkeypatch, capsys):
    train = Network.iter_fit

    def stopped(net, *args, **how):
        with closing(train(net, *args, **how)) as reports:
            for report in reports:
                yield report
                if report.epoch == 30:
                    raise KeyboardInterrupt

    monkeypatch.setattr(Network, "iter_fit", stopped)
    assert (
        main([*TRAIN.split(), "--epochs", "40", "--history", "lines", "--checkpoint", "run", "--output", "net.npz"])
        == 130
    )
    right = read("lines")["n_correct"]
    best = int(np.argmax(right))
    assert best < 30
    said = f"Interrupted. The network of epoch {best}, {max(right)} / 50 on the validation data, is in net.npz."
    assert capsys.readouterr().err == f"{said} To go on, add --resume run.\n"
    _, held_out = datasets.split(datasets.read_data("data.npz"), 0.25, random.spawn(0).split)
    assert Network.load("net.npz").evaluate(held_out) == max(right)


def test_without_data_to_judge_by_the_last_epoch_is_saved_and_said_to_be_that(capsys):
    assert main(["train", "--data", "data.npz", "--epochs", "3", "--output", "net.npz"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Saved the network of epoch 2, the last, to net.npz"


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


def tried(monkeypatch, options):
    """Return what the options make of a network, its first hidden layers, and of the arguments of its training."""
    seen = {}

    def iter_fit(net, data, **how):
        seen.update(how, layers=net.architecture.layers)
        return iter(History())

    monkeypatch.setattr(Network, "iter_fit", iter_fit)
    main([*TRAIN.split(), *options.split(), "--quiet", "--force", "--output", "net.npz"])
    return seen


def test_how_it_learns_is_an_option(monkeypatch):
    how = (
        "--l1 0.5 --l2 0.25 --clip-norm 2 --label-smoothing 0.1 --average 0.9 --class-weight balanced "
        "--metrics f1 top_2 --no-shuffle --training-cost"
    )
    seen = tried(monkeypatch, how)
    numbers = ("l1", "l2", "clip_norm", "label_smoothing", "average")
    assert [seen[name] for name in numbers] == [0.5, 0.25, 2.0, 0.1, 0.9]
    assert [seen[name] for name in ("class_weight", "metrics", "shuffle")] == ["balanced", ["f1", "top_2"], False]
    assert seen["training_cost"] is True
    plain = tried(monkeypatch, "")
    assert [plain[name] for name in (*numbers, "class_weight")] == [None] * 6
    assert (plain["metrics"], plain["shuffle"], plain["training_cost"], plain["transform"]) == ((), True, False, None)


def test_images_are_augmented_as_was_asked_for(monkeypatch, capsys, rng):
    np.savez("data.npz", x=rng.random((200, 16)), y=np.arange(200) % 3)
    assert main([*TRAIN.split(), "--augment", "shift 2", "--epochs", "1", "--training-cost"]) == 0
    assert ", training_cost " in capsys.readouterr().out
    seen = {}
    monkeypatch.setattr(Network, "iter_fit", lambda net, data, **how: seen.update(how) or iter(History()))
    main([*TRAIN.split(), "--augment", "shift 2", "--force"])
    assert seen["transform"] == (Shift(2),)


@pytest.mark.parametrize("text", ["shift", "shift 0", "shift one", "shift 1 2", "turn 1", ""])
def test_what_augments_nothing_is_told(text, capsys, rng):
    np.savez("data.npz", x=rng.random((200, 16)), y=np.arange(200) % 3)
    assert main([*TRAIN.split(), "--augment", text]) == 2
    assert re.match(
        r"anynet: --augment: expected (one of shift|a number)|anynet: --augment: shift: ", capsys.readouterr().err
    )


def test_what_is_no_image_is_not_augmented(capsys, rng):
    np.savez("data.npz", x=rng.random((200, 15)), y=np.arange(200) % 3)
    assert main([*TRAIN.split(), "--augment", "shift 1"]) == 2
    assert "--augment: expected square images in rows, got 15 numbers" in capsys.readouterr().err


def test_dropout_follows_each_hidden_layer(monkeypatch):
    n_in, n_out = datasets.read_data("data.npz").x.shape[1], Network.load(saved()).sizes[-1]
    layers = tried(monkeypatch, f"--dropout 0.25 --sizes {n_in} 7 5 {n_out}")["layers"]
    assert [isinstance(layer, Dropout) for layer in layers] == [False, True, False, True, False]
    assert layers[1].rate == 0.25


def saved():
    trained("--epochs 1 --quiet --output saved.npz")
    return "saved.npz"


def test_metrics_stand_in_the_line_of_an_epoch(capsys):
    trained("--epochs 1 --metrics f1 top_2 --history lines --output net.npz")
    [report] = read("lines")
    said = f", f1 {report.metrics['validation_f1']:.4g}, top_2 {report.metrics['validation_top_2']:.4g}"
    assert f"Epoch 0: {report.n_correct} / 50{said}" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--l1 -1", "--l1: expected a finite number above 0, got -1.0"),
        ("--l2 0", "--l2: expected a finite number above 0, got 0.0"),
        ("--clip-norm nan", "--clip-norm: expected a finite number above 0, got nan"),
        ("--label-smoothing 1", "--label-smoothing: expected a share above 0 and below 1, got 1"),
        ("--label-smoothing 0.1 --output-activation tanh", "--label-smoothing: expected an output of softmax or sigm"),
        ("--average 1", "--average: expected a share above 0 and below 1, such as 0.999, got 1.0"),
        ("--class-weight even", "--class-weight: expected balanced, got 'even'"),
        ("--class-weight balanced --output-activation identity", "--class-weight: expected data of one class per exam"),
        ("--metrics f2_", "--metrics: expected one of accuracy"),
        ("--dropout 1", "--dropout: expected a rate from 0 to below 1, got 1.0"),
        ("--dropout nan", "--dropout: expected a rate from 0 to below 1, got nan"),
        ("--dropout 0.5 --sizes 2 3", "--dropout: expected a hidden layer"),
        ("--history .", "--history: expected a file, got the folder '.'"),
        ("--history none/lines", "--history: expected a folder that can be written to, got none: No such file"),
    ],
)
def test_values_out_of_their_domain_are_told(options, told, capsys):
    n_in = str(datasets.read_data("data.npz").x.shape[1])
    words = [*TRAIN.split(), "--epochs", "1", "--output", "net.npz", *options.replace(" 2 3", f" {n_in} 4").split()]
    assert main(words) == 2
    assert told in capsys.readouterr().err
    assert not Path("net.npz").exists()


def test_metrics_ask_for_data_to_judge_by(capsys):
    assert main(["train", "--data", "data.npz", "--metrics", "f1"]) == 2
    assert "--metrics: expected data to judge each epoch by, got none. Add" in capsys.readouterr().err


def test_a_dry_run_writes_nothing_and_says_so(capsys):
    before = sorted(Path().iterdir())
    trained("--dry-run --batch-size 20 --checkpoint run --resume run --history lines --metrics f1 --output net.npz")
    assert sorted(Path().iterdir()) == before
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("Dry run: one batch of 20 was trained on, to a cost of 0.")
    assert said.endswith(", and nothing was written.")


def test_a_dry_run_trains_on_the_first_batch_alone(monkeypatch):
    seen, iter_fit = [], Network.iter_fit
    monkeypatch.setattr(
        Network, "iter_fit", lambda net, data, **how: seen.append(len(data)) or iter_fit(net, data, **how)
    )
    trained("--dry-run --batch-size 20 --quiet")
    assert seen == [150, 20]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--learning-rate -1", "expected a finite number above 0"),
        ("--checkpoint run", "checkpoint: expected a folder without checkpoints, got run"),
        ("--resume run --epochs 2 --hidden-activation tanh", "resume: expected"),
        ("--checkpoint data.npz/run", "--checkpoint: expected a folder that can be written to, got "),
        ("--metrics nothing", "--metrics: expected one of"),
        ("--output none/net.npz", "--output: expected a folder"),
    ],
)
def test_a_dry_run_finds_what_training_would(options, told, capsys):
    trained("--epochs 1 --checkpoint run --quiet --output net.npz")
    before = sorted(Path().rglob("*"))
    assert main([*TRAIN.split(), "--dry-run", *options.split()]) in (1, 2)
    assert told in capsys.readouterr().err
    assert sorted(Path().rglob("*")) == before


RUN = """
data = "data.npz"
validation-fraction = 0.25
epochs = 4
batch-size = 20
eta = 5
shuffle = false
metrics = ["f1"]
names = "a,b,c"
"""


def configured(text, options=""):
    Path("run.toml").write_text(text)
    return main(["train", *options.split(), "--config", "run.toml", "--output", "net.npz"])


def test_a_file_of_options_says_what_is_not_typed_and_what_came_of_both_is_written(capsys):
    n = len(np.unique(datasets.read_data("data.npz").y))
    text = RUN.replace("a,b,c", ",".join("abcdefghij"[:n]))
    assert configured(text, "--epochs 2 --shuffle") == 0
    assert "Epoch 1: " in capsys.readouterr().out
    resolved = tomllib.loads(Path("net.npz.toml").read_text())
    asked = tomllib.loads(text)
    del asked["eta"]
    asked |= {"data": ["data.npz"], "epochs": 2, "shuffle": True, "learning-rate": 5.0}
    assert {name: resolved[name] for name in asked} == asked
    assert resolved["hidden-activation"] == "sigmoid"
    assert not {"output", "config", "run"} & resolved.keys()
    assert main(["train", "--config", "net.npz.toml", "--output", "again.npz", "--quiet"]) == 0
    assert tomllib.loads(Path("again.npz.toml").read_text()) == resolved
    one, other = Network.load("net.npz"), Network.load("again.npz")
    assert all(np.array_equal(a, b) for a, b in zip(one.weights, other.weights, strict=True))
    assert sorted(path.name for path in Path().iterdir() if path.name.startswith(".")) == []


def test_what_is_typed_wins_wherever_it_stands_though_it_be_the_default(monkeypatch):
    Path("run.toml").write_text("epochs = 4\nstandardize = true\nno-shuffle = true")
    for options in ("--epochs 30 --config run.toml", "--config run.toml --epochs 30"):
        seen = tried(monkeypatch, options)
        assert (seen["epochs"], seen["shuffle"], len(seen["layers"])) == (30, False, 3)
    assert len(tried(monkeypatch, "--config run.toml --no-standardize")["layers"]) == 2
    assert tried(monkeypatch, "--config run.toml")["epochs"] == 4


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("batch_size = 3", "run.toml: expected one of config_known, got 'batch_size'. Did you mean 'batch-size'?"),
        ("config = 'other.toml'", "got 'config'"),
        ("[training]\nepochs = 3", "got 'training'"),
        ("epochs = 2.5", "run.toml: epochs: expected a whole number, got '2.5'"),
        ("epochs = true", "run.toml: epochs: expected a text or a number, got True"),
        ("l2 = 'much'", "run.toml: l2: expected a number, got 'much'"),
        ("l2 = -1", "--l2: expected a finite number above 0"),
        (r'history = "a\u0000"', r"history: expected what can be typed, got 'a\x00', which holds U+0000"),
        ("sizes = []", "run.toml: sizes: expected a text or a number, or a list of such, got []"),
        ("seed = [1, 2]", "run.toml: seed: expected a text or a number, got [1, 2]"),
        ("standardize = 1", "run.toml: standardize: expected true or false, got '1'"),
        ("memory-limit = 'big'", "run.toml: memory-limit: expected a number of bytes"),
        ("eta = 1\nlearning-rate = 2", "run.toml: expected each option once"),
        ("epochs =", "run.toml: expected TOML, such as epochs = 30"),
        ("x = " + "[" * 5000, "run.toml: expected TOML"),
        ("# " + "x" * 2**18, "run.toml: expected at most 262,144 bytes"),
        ("a" + ".a" * 30 + " = 1", "run.toml: expected names of options, such as epochs = 30, got one of many parts"),
        ("[a" + " . \"b, ]\" . 'c'" * 15 + "]", "got one of many parts"),
        ("sizes = {a" + ".a" * 30 + " = 1}", "got one of many parts"),
        ("epochs = 0x" + "f" * 5000, "run.toml: epochs: expected a text or a number, got one of many digits"),
        (
            "standardize = [0x" + "f" * 5000 + "]",
            "run.toml: standardize: expected true or false, got 'one of many digits'",
        ),
        ("a.a = 1", "run.toml: expected one of config_known, got 'a'"),
        ("epochs = '\x1b[31m'", "run.toml: expected TOML"),
    ],
)
def test_what_a_file_of_options_cannot_say_is_told(text, told, capsys):
    assert configured(text, TRAIN.removeprefix("train")) == 2
    error = capsys.readouterr().err
    for part in told.split("config_known"):
        assert part in error
    assert "Traceback" not in error


def test_a_file_of_options_that_is_not_there_or_would_be_lost_is_told(capsys):
    assert main(["train", "--config", "none.toml"]) == 1
    assert "none.toml: No such file" in capsys.readouterr().err
    Path("net.npz.toml").write_text(f"# mine\n{RUN}")
    assert main(["train", "--config", "net.npz.toml", "--output", "net.npz"]) == 2
    assert "got net.npz.toml, which exists. Add --force" in capsys.readouterr().err
    assert Path("net.npz.toml").read_text().startswith("# mine")
