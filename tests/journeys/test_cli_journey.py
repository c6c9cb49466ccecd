"""The command line, as a person meets it: trained on MNIST, as a process, with pipes, and on other libraries."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import why_absent

from anynet import Network, datasets, plots
from anynet.cli import main

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def anynet(*arguments, **keywords):
    return subprocess.run(
        [sys.executable, "-m", "anynet", *arguments], capture_output=True, text=True, check=False, **keywords
    )


def test_train_shows_the_books_lines_and_saves_a_network_that_evaluate_counts_alike(capsys):
    assert main(["train", "--epochs", "2"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[:2] == ["Training [784, 30, 10] on numpy (cpu), float32; output: network.npz", "50,000 examples"]
    assert re.fullmatch(r"Epoch 0: \d{4} / 10000", lines[2])
    last = re.fullmatch(r"Epoch 1: (\d{4}) / 10000", lines[3])[1]
    assert int(last) > 9000
    assert re.fullmatch(r"[\d.]+ s of training, [\d,]+ examples per second", lines[4])
    assert lines[5].startswith(f"Saved the network of epoch 1, {last} / 10000 on the test images, ")
    assert len(lines) == 6
    assert main(["evaluate", "network.npz"]) == 0
    assert f"network.npz: {last} / 10000 right, {int(last) / 100:.2f} %" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_network_and_files_are_numbered(tmp_path):
    for seed in ("1", "1", "2"):
        assert main(["train", "--epochs", "1", "--quiet", "--seed", seed]) == 0
    a, b, c = (Network.load(tmp_path / f"{name}.npz") for name in ("network", "network-1", "network-2"))
    assert np.array_equal(a.weights[0], b.weights[0])
    assert not np.array_equal(a.weights[0], c.weights[0])


def test_streaming_changes_nothing_in_what_train_prints_and_saves(capsys):
    printed = []
    for options in ((), ("--memory-limit", "10MB")):
        assert main(["train", "--epochs", "1", "--output", f"net{len(options)}", *options]) == 0
        printed.append(re.sub(r"net\d.npz|[\d.]+ s of training, [\d,]+", "", capsys.readouterr().out))
    assert printed[0] == printed[1]
    assert all(
        np.array_equal(a, b) for a, b in zip(*(Network.load(f"net{i}.npz").weights for i in (0, 2)), strict=True)
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A network that has seen 10,000 images of MNIST, in a file."""
    train, _, _ = datasets.mnist()
    net = Network([784, 30, 10], output="softmax")
    net.fit(datasets.Dataset(train.x[:10_000], train.y[:10_000], train.class_names), epochs=2, batch_size=10)
    return net.save(tmp_path_factory.mktemp("trained") / "network.npz")


def test_evaluate_prints_the_confusion_matrix_and_json(trained, capsys, mnist):
    assert main(["evaluate", str(trained)]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines()[1:])) <= 60
    assert main(["evaluate", str(trained), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    confusion, test = np.array(result["confusion"]), mnist[2]
    assert confusion.sum(axis=1).tolist() == np.bincount(test.y).tolist()
    predicted = Network.load(trained).predict(test.x)
    assert confusion[4, 9] == np.count_nonzero((test.y == 4) & (predicted == 9))
    assert result["right"] == np.trace(confusion) == np.count_nonzero(predicted == test.y)
    assert result["accuracy"] == result["right"] / 10_000
    row = next(line for line in out.splitlines() if line.startswith("4 "))
    assert [int(n.replace(".", "0")) for n in row.split()[1:]] == confusion[4].tolist()


def save_png(path, digit, scale=5):
    """Save a digit of MNIST as a picture of dark ink on light paper, `scale` times as large."""
    image = pytest.importorskip("PIL.Image")
    pixels = 255 - np.kron(digit.reshape(28, 28), np.ones((scale, scale), np.uint8))
    image.fromarray(pixels).save(path)


def test_predict_says_which_digits_pictures_show(trained, capsys, mnist, tmp_path):
    x, y = mnist[2].x[:20], mnist[2].y[:20]
    names = [f"digit{i}.png" for i in range(20)]
    for name, digit in zip(names, x, strict=True):
        save_png(tmp_path / name, digit)
    assert main(["predict", str(trained), *names]) == 0
    lines = capsys.readouterr().out.splitlines()
    pattern = r"digit\d+\.png: (\d)  \(probabilities: (\d) [\d.]+ %, \d [\d.]+ %, \d [\d.]+ %\)"
    answers = [re.fullmatch(pattern, line) for line in lines]
    assert all(a[1] == a[2] for a in answers)
    assert sum(int(a[1]) == j for a, j in zip(answers, y, strict=True)) >= 17
    assert main(["predict", str(trained), "digit0.png", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["image"], told["answer"]) == ("digit0.png", "7")
    assert sum(told["probabilities"].values()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("command", "label", "of_all"),
    [
        ("show-digit 0", "test image 0: 7", ("test", 0)),
        ("show-digit 9999", "test image 9999: 6", ("test", 9999)),
        ("show-digit 0 --train", "training image 0: 5", ("train", 0)),
        ("show-digit 59999 --train", "training image 59999: 8", ("validation", 9999)),
    ],
)
def test_show_draws_an_image_with_its_label(command, label, of_all, capsys, mnist, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # text needs none
    part, i = of_all
    image = dict(zip(("train", "validation", "test"), mnist, strict=True))[part].x[i]
    assert main(command.split()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == label
    assert lines[1:] == plots.as_text(image).split("\n")
    inked = [line.strip() != "" for line in lines[1:]]
    assert inked == [bool(rows.max() > 80) for rows in image.reshape(14, 56)]


def test_show_saves_a_picture(capsys, mnist, tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    assert main(["show-digit", "4", "--output", "digit.png"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Saved the picture to digit.png"
    with pytest.importorskip("PIL.Image").open(tmp_path / "digit.png") as picture:
        grey = np.asarray(picture.convert("L").resize((60, 60)))
    assert (grey[0, 0], grey.min() < 40) == (255, True)
    assert main(["show-digit", "5", "--output", "digit.png"]) == 2
    assert "digit.png, which exists. Give another name." in capsys.readouterr().err
    assert main(["show-digit", "5", "--output", "digit.xyz"]) == 2
    assert "got digit.xyz. Let it end in " in capsys.readouterr().err
    assert main(["show-digit", "5", "--output", "digit"]) == 2
    assert "digit.png, which exists. Give another name." in capsys.readouterr().err
    assert main(["show-digit", "5", "--output", "five"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Saved the picture to five.png"
    assert (tmp_path / "five.png").exists()


def test_four_runs_at_once_lose_no_network(tmp_path):
    command = [sys.executable, "-m", "anynet", "train", "--epochs", "1"]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    told = {re.search(r"to (network\S*\.npz)", run.communicate()[0].splitlines()[-1])[1] for run in runs}
    assert told == {"network.npz", "network-1.npz", "network-2.npz", "network-3.npz"}
    assert all(Network.load(tmp_path / name).sizes == [784, 30, 10] for name in told)


def test_threads_of_jax_cannot_be_set(capsys):
    if why_absent("jax") is not None:
        pytest.skip("JAX is not installed")
    assert main(["train", "--backend", "jax", "--threads", "1"]) == 2
    assert "--threads: expected a backend that can be told, got jax" in capsys.readouterr().err


def test_output_that_cannot_be_written_loses_no_network(tmp_path):
    command = [sys.executable, "-m", "anynet", "train", "--epochs", "30"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not process.stdout.readline().startswith("Epoch 0"):
            assert process.poll() is None
        process.stdout.close()  # as `| head` does, once it has seen enough
        assert process.stderr.read() == "Stopped. What was learnt so far is in network.npz.\n"
    assert Network.load(tmp_path / "network.npz").sizes == [784, 30, 10]


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_error(closed, tmp_path):
    done = subprocess.run(
        f"{sys.executable} -m anynet train --epochs 1 {closed}", shell=True, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert Network.load(tmp_path / "network.npz").sizes == [784, 30, 10]


def test_cupy_without_a_gpu_is_one_line_with_the_cure(capsys):
    reason = why_absent("cupy")
    if reason is None:
        pytest.skip("CuPy works here")
    assert main(["train", "--backend", "cupy"]) == 1
    assert capsys.readouterr().err == f"anynet: {reason}\n"


def test_info_names_versions_and_the_rungs_of_cupy(capsys):
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert f"NumPy {np.__version__}, BLAS" in out
    assert re.search(r"^  array_api_strict  usable: array.api.strict \d", out, re.M)
    assert re.search(r"^  import +(works|CuPy fails)", out, re.M)


def test_output_to_a_pipe_has_no_bar():
    done = anynet("train", "--epochs", "1")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\r" not in done.stdout


def test_a_reader_that_stops_early_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m anynet info | head -1", shell=True, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.startswith("anynet ")
