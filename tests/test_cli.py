"""The command line, as a person meets it: output, files, exit codes, one line per mistake."""

import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import why_absent

from anynet import Network
from anynet.cli import main


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
    assert lines[0] == "Training [784, 30, 10] on numpy (cpu), float32: 50,000 images."
    assert re.fullmatch(r"Epoch 0: \d{4} / 10000", lines[1])
    last = re.fullmatch(r"Epoch 1: (\d{4}) / 10000", lines[2])[1]
    assert int(last) > 9000
    assert "chosen on the test images" in lines[3]
    assert re.fullmatch(r"[\d.]+ s of training, [\d,]+ images per second\.", lines[4])
    assert lines[5] == "Saved the network to brain.npz."
    assert main(["evaluate", "brain.npz"]) == 0
    assert f"brain.npz: {last} / 10000 of MNIST's test images" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_network_and_files_are_numbered(tmp_path):
    for seed in ("1", "1", "2"):
        assert main(["train", "--epochs", "1", "--quiet", "--seed", seed]) == 0
    a, b, c = (Network.load(tmp_path / f"{name}.npz") for name in ("brain", "brain-1", "brain-2"))
    assert np.array_equal(a.weights[0], b.weights[0])
    assert not np.array_equal(a.weights[0], c.weights[0])


def test_quiet_prints_nothing(capsys):
    assert main(["train", "--epochs", "1", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_options_reach_the_network(tmp_path):
    options = "--sizes 784 20 15 10 --hidden-activation relu --output-activation softmax --cost cross_entropy"
    options += " --batch-size 50 --eta 0.2 --dtype float64 --backend array_api_strict --device device1"
    assert main(["train", "--epochs", "1", "--quiet", "--out", "net", *options.split()]) == 0
    net = Network.load(tmp_path / "net.npz")
    assert net.sizes == [784, 20, 15, 10]
    assert [layer.activation for layer in net.layers] == ["relu", "relu", "softmax"]
    assert (net.cost.name, net.backend.dtype) == ("cross_entropy", "float64")


def test_an_existing_file_needs_force(tmp_path, capsys):
    (tmp_path / "mine.npz").write_bytes(b"precious")
    assert main(["train", "--epochs", "1", "--out", "mine.npz"]) == 2
    assert "mine.npz, which exists. Add --force" in capsys.readouterr().err
    assert (tmp_path / "mine.npz").read_bytes() == b"precious"
    assert main(["train", "--epochs", "1", "--quiet", "--out", "mine.npz", "--force"]) == 0
    assert Network.load(tmp_path / "mine.npz").sizes == [784, 30, 10]


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("", 2, "required: COMMAND"),
        ("fly", 2, "invalid choice: 'fly'"),
        ("train --sizes 784 ten", 2, "--sizes: invalid int value: 'ten'"),
        ("train --sizes 784", 2, "expected an input and at least one layer"),
        ("train --sizes 784 0 10", 2, "at least 1, got 0"),
        ("train --sizes 100 10", 2, "x: expected the shape (n, 100), got (50000, 784)"),
        ("train --sizes 784 3", 2, "y: expected whole labels from 0 to 2"),
        ("train --hidden-activation sigmod", 2, "Did you mean 'sigmoid'?"),
        ("train --output-activation tanh --cost cross_entropy", 2, "cost: expected one of the pairs"),
        ("train --cost cubic", 2, "cost: expected one of quadratic, cross_entropy"),
        ("train --epochs 0", 2, "epochs: expected at least 1, got 0"),
        ("train --batch-size 0", 2, "batch_size: expected 1 to 50000"),
        ("train --batch-size 60000", 2, "batch_size: expected 1 to 50000"),
        ("train --learning-rate -1", 2, "learning_rate: expected a finite number above 0, got -1.0"),
        ("train --learning-rate nan", 2, "learning_rate: expected a finite number above 0"),
        ("train --learning-rate 0", 2, "learning_rate: expected a finite number above 0"),
        ("train --backend numpi", 2, "backend: expected one of numpy, cupy, torch"),
        ("train --backend array_api_strict --device device9", 2, "device: expected one of CPU_DEVICE"),
        ("train --dtype float16", 2, "dtype: expected one of float32, float64"),
        ("train --out no/such/folder/x.npz", 2, "--out: expected a folder that can be written to"),
        ("train --seed -1", 2, "seed: expected"),
        ("evaluate absent.npz", 1, "absent.npz: No such file or directory"),
        ("evaluate .", 1, "Is a directory"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(command, code, message, capsys, tmp_path):
    try:
        assert main(command.split()) == code
    except SystemExit as exit_:
        assert exit_.code == code  # noqa: PT017
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
    assert err.startswith("anynet")
    assert list(tmp_path.iterdir()) == []


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
    assert re.search(r"^  array_api_strict  usable$", out, re.M)
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
