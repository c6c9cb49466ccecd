"""Several saved networks at the command line: evaluate A.npz B.npz, predict A.npz B.npz IMAGE."""

import json

import numpy as np
import pytest

from anynet import Ensemble, Network, datasets
from anynet.cli import main


@pytest.fixture(autouse=True)
def in_a_folder_with_networks(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate("abc"):
        net = Network([4, 6, 3], seed=seed)
        net.class_names = None if name == "a" else ("x", "y", "z")
        net.save(f"{name}.npz")
    np.savez("data.npz", x=rng.standard_normal((60, 4)), y=np.array(["x", "y", "z"])[np.arange(60) % 3])


FILES = ["a.npz", "b.npz", "c.npz"]


@pytest.mark.parametrize("combine", ["average", "votes"])
def test_several_networks_are_evaluated_together(combine, capsys):
    assert main(["evaluate", *FILES, "--data", "data.npz", "--combine", combine, "--json"]) == 0
    told, data = json.loads(capsys.readouterr().out), datasets.read_data("data.npz")
    both = Ensemble.load(FILES, combine=combine)
    assert told["files"] == FILES
    assert (told["right"], told["total"]) == (both.evaluate(data), 60)
    assert told["confusion"] == both.confusion_matrix(data).tolist()
    assert main(["evaluate", *FILES, "--data", "data.npz", "--combine", combine]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"a.npz, b.npz, c.npz: {told['right']} / 60 right")
    assert out.splitlines()[2].split() == ["x", "y", "z"]


@pytest.mark.parametrize(("combine", "kind"), [("average", "outputs"), ("votes", "votes")])
def test_several_networks_answer_together(combine, kind, capsys):
    assert main(["predict", *FILES, "data.npz", "--combine", combine, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    x, both = datasets.read_data("data.npz").x, Ensemble.load(FILES, combine=combine)
    assert [line["answer"] for line in lines] == list(both.predict_names(x))
    assert [line[kind]["y"] for line in lines] == pytest.approx(both.feedforward(x)[:, 1].tolist(), abs=1e-6)


def test_one_output_is_told_as_two(capsys):
    for name, bias in (("a", 1.0), ("b", 1.0), ("c", -9.0)):
        net = Network([4, 1], output="tanh")
        net.weights, net.biases = [np.zeros((1, 4))], [np.array([[bias]])]
        net.save(f"{name}.npz")
    np.savez("data.npz", x=np.zeros((1, 4)))
    assert main(["predict", *FILES, "data.npz", "--combine", "votes"]) == 0
    assert capsys.readouterr().out == "data.npz[0]: 1  (votes: 1 66.7 %, 0 33.3 %)\n"
    assert main(["predict", *FILES, "data.npz"]) == 0
    assert capsys.readouterr().out.startswith("data.npz[0]: 1  (outputs: 1 17.4 %, 0 -17.4 %)")


def test_values_have_an_error_together(capsys):
    for name in "ab":
        Network([4, 1], output="identity", seed=ord(name)).save(f"{name}.npz")
    x = np.ones((5, 4))
    np.savez("data.npz", x=x, y=np.arange(5) / 2)
    assert main(["evaluate", "a.npz", "b.npz", "--data", "data.npz"]) == 0
    error = np.mean((Ensemble.load(["a.npz", "b.npz"]).predict(x) - np.arange(5) / 2) ** 2)
    assert capsys.readouterr().out == f"a.npz, b.npz: mean squared error {error:.6g}, over 5 examples\n"


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("evaluate a.npz --combine votes", 2, "--combine: expected several networks to answer together, got one."),
        ("evaluate a.npz b.npz --combine mean", 2, "--combine: expected one of average, votes, got 'mean'."),
        ("predict a.npz b.npz", 2, "IMAGE: expected a picture or rows to answer to, got a saved network."),
        (
            "evaluate a.npz d.npz",
            1,
            "networks: expected such as go together, the number of inputs of d.npz as of a.npz",
        ),
        ("evaluate b.npz e.npz", 1, "the order of classes of e.npz as of b.npz, x, y, z, got y, x, z."),
        ("predict b.npz e.npz data.npz", 1, "the order of classes of e.npz as of b.npz, x, y, z, got y, x, z."),
    ],
)
def test_what_does_not_go_together_is_told(command, code, told, capsys):
    Network([5, 3]).save("d.npz")
    net = Network([4, 3])
    net.class_names = ("y", "x", "z")
    net.save("e.npz")
    assert main(command.split()) == code
    assert told in capsys.readouterr().err
