"""Saito's pickled weights: read as a network, or refused by one clear line."""

import pickle
import re

import numpy as np
import pytest
from hostile import changed, described, file_of, outcome, saitos_weights

from anynet import Network, saving
from anynet.saving import saito


@pytest.mark.parametrize("protocol", range(6))
def test_saitos_weights(tmp_path, protocol):
    content = saitos_weights((784, 50, 100, 10))
    data = pickle.dumps(content, protocol=protocol).replace(b"numpy._core.", b"numpy.core.")  # as NumPy 1 wrote it
    if protocol > 3:
        data = pickle.dumps(content, protocol=protocol)
    path = file_of(tmp_path, data, "sample_weight.pkl")
    for saved in (saito.read(path), saving.read(path)):
        assert described(saved) == ([784, 50, 100, 10], ["sigmoid", "sigmoid", "softmax"], "cross_entropy", "float32")
        for i, (weights, biases) in enumerate(saved.parameters, 1):
            assert np.array_equal(weights, content[f"W{i}"].T)
            assert np.array_equal(biases, content[f"b{i}"])


def test_a_native_file_is_not_taken_for_saitos(tmp_path):
    np.savez(tmp_path / "swb.npz", s=[1, 2])
    assert not saito.is_mine((tmp_path / "swb.npz").read_bytes()[:64], False)


def test_what_is_assumed_is_told_and_how_to_say_otherwise(tmp_path, rng):
    """The weights of a network of ReLU, as those of chapter 5 are."""
    net = Network([6, 5, 4, 3], hidden="relu", output="softmax", seed=1)
    content = {f"W{i}": w.T for i, w in enumerate(net.weights, 1)}
    content |= {f"b{i}": b[:, 0] for i, b in enumerate(net.biases, 1)}
    path = file_of(tmp_path, pickle.dumps(content), "sample_weight.pkl")
    told = (
        f"{path}: no activations; sigmoid, and softmax at the output, are assumed. Otherwise: "
        "net = Network([6, 5, 4, 3], hidden=..., output=...); net.load_weights(path)."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(told)}$"):
        loaded = Network.load(path)
    x = rng.random((7, 6))
    assert not np.allclose(loaded.feedforward(x), net.feedforward(x))
    other = Network([6, 5, 4, 3], hidden="relu", output="softmax")
    other.load_weights(path)  # in which nothing is assumed
    assert np.array_equal(other.feedforward(x), net.feedforward(x))


OTHERS = {
    "an empty dict": {},
    "a tuple": (1, 2),
    "one weight missing": changed(saitos_weights((5, 4, 3)), W2=None),
    "one bias missing": changed(saitos_weights((5, 4, 3)), b1=None),
    "another name": changed(saitos_weights((5, 4, 3)), gamma1=np.ones(4)),
    "a gap": {"W1": np.ones((5, 4)), "b1": np.ones(4), "W3": np.ones((4, 3)), "b3": np.ones(3)},
    "weights that do not fit": changed(saitos_weights((5, 4, 3)), W2=np.ones((5, 3))),
    "a bias that does not fit": changed(saitos_weights((5, 4, 3)), b2=np.ones(4)),
    "a bias that is a column": changed(saitos_weights((5, 4, 3)), b2=np.ones((3, 1))),
    "weights of one dimension": changed(saitos_weights((5, 4, 3)), W1=np.ones(20)),
    "kernels": changed(saitos_weights((5, 4, 3)), W1=np.ones((5, 2, 2))),
    "whole numbers": changed(saitos_weights((5, 4, 3)), W1=np.ones((5, 4), int)),
    "NaN": changed(saitos_weights((5, 4, 3)), W1=np.full((5, 4), np.nan)),
    "infinity": changed(saitos_weights((5, 4, 3)), b1=np.full(4, -np.inf)),
    "text": changed(saitos_weights((5, 4, 3)), b1="b1"),
    "1,100 layers": saitos_weights((1,) * 1_101),
}


@pytest.mark.parametrize(
    "what", [pytest.param(what, marks=[pytest.mark.slow] * (what == "1,100 layers")) for what in OTHERS]
)
def test_what_are_not_saitos_weights_is_refused(tmp_path, what):
    path = file_of(tmp_path, pickle.dumps(OTHERS[what], protocol=3))
    assert outcome(lambda: saito.read(path), str(path)) == "refused"


def test_a_missing_file_is_an_os_error(tmp_path):
    for load in (saito.read, saving.read):
        with pytest.raises(FileNotFoundError):
            load(tmp_path / "missing")
        with pytest.raises(IsADirectoryError):
            load(tmp_path)
