"""The scripts, one per text: what they print, on NumPy and on PyTorch, shortened."""

import gzip
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import need
from python2_pickle import dumps

from anynet import Network, plots

TEXTS = Path(__file__).parents[2] / "scripts" / "texts"
pytestmark = pytest.mark.slow


@pytest.fixture(params=["numpy", "torch"])
def run(request):
    """Return a function that runs a script on a library, and gives the lines that it printed."""
    need(request.param)

    def run_script(name, *options):
        done = subprocess.run(
            [sys.executable, TEXTS / f"{name}.py", "--backend", request.param, *map(str, options)],
            # One thread: at these sizes, more of them wait for each other.
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")  # no warning either
        return done.stdout.splitlines()

    return run_script


def counts(lines, total):
    """Return the right answers in lines such as "Epoch 0: 9045 / 10000", whose epochs must follow one another."""
    matches = [re.fullmatch(rf"Epoch (\d+): (\d+) / {total}", line) for line in lines]
    assert [int(match[1]) for match in matches] == list(range(len(lines)))
    return [int(match[2]) for match in matches]


def test_book_network(run):
    right = counts(run("book_network", "--epochs", 2, "--examples", 2000, "--seed", 0), 2000)
    assert len(right) == 2
    assert right[-1] > 1000  # the start of chapter 1 takes its time


def test_book_network_without_a_hidden_layer(run):
    right = counts(run("book_network", "--no-hidden", "--examples", 500), 500)
    assert len(right) == 5  # its accuracy varies wildly
    assert right[-1] > 100


def test_book_network_from_another_start(run):
    starts = [run("book_network", "--epochs", 1, "--examples", 1000, "--seed", 0, *how) for how in STARTS]
    assert len({counts(lines, 1000)[0] for lines in starts}) == 3


STARTS = (), ("--initializer", "uniform"), ("--initializer", "lecun_normal")


def test_book_network_on_the_books_file(run, mnist, tmp_path):
    parts = tuple(((part.x[:1000] / np.float32(256)).astype("f4"), part.y[:1000]) for part in mnist)
    (tmp_path / "mnist.pkl.gz").write_bytes(gzip.compress(dumps(parts), 1))
    right = counts(run("book_network", "--epochs", 4, "--seed", 0, "--data", tmp_path / "mnist.pkl.gz"), 1000)
    assert right[-1] > 450


def test_saved_brain(run, tmp_path):
    lines = run("saved_brain", "--epochs", 2, "--examples", 2000, "--out", tmp_path / "swb")
    right = counts(lines[:2], 2000)[-1]
    assert right > 500
    another = re.fullmatch(r"another network: (\d+) / 2000", lines[7])[1]
    assert int(another) < 600
    assert lines[2:] == [
        "['s', 'w1', 'w2', 'b1', 'b2']",
        "[784, 30, 10]",
        "swb.npz: no header; sigmoid and the quadratic cost are assumed. Otherwise: "
        "net = Network([784, 30, 10], hidden=..., output=...); net.load_weights(path).",
        f"loaded: {right} / 2000",
        "the same outputs to the last bit: True",
        f"another network: {another} / 2000",
        f"with the brain transplanted: {right} / 2000",
    ]
    with np.load(tmp_path / "swb.npz") as npzfile:
        assert npzfile["s"].tolist() == [784, 30, 10]


FROM_SCRATCH = """\
AND: [0, 0, 0, 1]
NAND: [1, 1, 1, 0]
OR: [0, 1, 1, 1]
XOR: [0, 1, 1, 0]
step: [0 1 1]
sigmoid: [0.26894142 0.73105858 0.88079708]
relu: [0. 1. 2.]
softmax: [0.01821127 0.24519181 0.73659691], sum 1.0
softmax: [9.99954600e-01 4.53978686e-05 2.06106005e-09], sum 1.0
three layers: [0.31682708 0.69627909]
(60000, 784)
(60000,)
(10000, 784)
(10000,)
5
"""


def test_from_scratch(run, mnist):
    *lines, agreement, accuracy = run("from_scratch", "--epochs", 2, "--examples", 2000)
    assert "\n".join(lines) == FROM_SCRATCH + plots.as_text(mnist[0].x[0], encoding="utf-8")
    assert agreement == "one by one and in batches of 100 agree: True"
    assert float(re.fullmatch(r"Accuracy:(0\.\d+)", accuracy)[1]) > 0.7


def test_from_scratch_draws_the_chapters_graphs(run, tmp_path):
    pytest.importorskip("matplotlib")
    lines = run("from_scratch", "--epochs", 1, "--examples", 100, "--figures", tmp_path / "figures")
    assert lines[-1] == "drawn: activations.png"
    assert (tmp_path / "figures" / "activations.png").stat().st_size > 10_000


def test_autoencoder(run, tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "autoencoder.png"
    mean, through = run("autoencoder", "--epochs", 3, "--examples", 5000, "--out", picture)
    errors = [
        float(re.fullmatch(rf"{what}: error (0\.\d{{4}}) per pixel", line)[1])
        for what, line in (("always answering with the mean image", mean), ("through 32 neurons", through))
    ]
    assert errors[1] < errors[0] / 1.5
    assert picture.stat().st_size > 10_000


def test_from_scratch_with_his_weights(run, mnist, tmp_path):
    net = Network([784, 50, 100, 10], output="softmax")
    net.fit((mnist[0].x[:2000], mnist[0].y[:2000]), epochs=2, batch_size=10, progress=False)
    content = {f"W{i}": w.T for i, w in enumerate(net.weights, 1)}
    content |= {f"b{i}": b[:, 0] for i, b in enumerate(net.biases, 1)}
    (tmp_path / "sample_weight.pkl").write_bytes(pickle.dumps(content, 3))
    lines = run("from_scratch", "--weights", tmp_path / "sample_weight.pkl", "--examples", 300)
    expected = net.accuracy((mnist[2].x[:300], mnist[2].y[:300]))
    assert lines[-2:] == ["one by one and in batches of 100 agree: True", f"Accuracy:{expected}"]


COMPILED_FUNCTION = """\
5.0
(x + y)
[[10. 11. 12. 13.]
 [14. 15. 16. 17.]
 [18. 19. 20. 21.]]
[[ 60.  60.  60.]
 [220. 220. 220.]
 [380. 380. 380.]]
(x \\dot y.T)
[[0.5        0.73105858]
 [0.88079708 0.95257413]]
(TensorConstant{1} / (TensorConstant{1} + exp((-x))))
[[ 1.  0.]
 [-1. -2.]]
[[1. 0.]
 [1. 2.]]
[[ 2.  0.]
 [-2. -4.]]
|(a - b)|
50.0
100.0"""


def test_compiled_function(run):
    assert "\n".join(run("compiled_function")) == COMPILED_FUNCTION


NEURON = """\
[1, 0, 1, 0, 0]: activation 1.6, fires
[1, 1, 1, 0, 1]: activation 0.4, does not fire
[0, 0, 0, 1, 0]: activation 0.2, does not fire
[1, 0, 1, 1, 0]: activation 1.8, fires
0 AND 0: 0.00000, that is 0
0 AND 1: 0.00005, that is 0
1 AND 0: 0.00005, that is 0
1 AND 1: 0.99995, that is 1"""


def test_neuron(run):
    *lines, always_no, none, one, many = run("neuron", "--epochs", 2, "--examples", 2000)
    assert "\n".join(lines) == NEURON
    assert always_no == "always saying no: accuracy 0.8915, 0 of 217 fours found"
    for line, name in (
        (none, r"no hidden layer, \[784, 1\]"),
        (one, r"one hidden layer, \[784, 30, 1\]"),
        (many, r"many hidden layers, \[784, 30, 20, 10, 1\]"),
    ):
        match = re.fullmatch(rf"{name}: accuracy (0\.\d{{4}}), (\d+) of 217 fours found", line)
        assert float(match[1]) > 0.92
        assert int(match[2]) > 70
