"""Weights and biases without names: opened where their shapes tell what they are, refused where they do not."""

import io
import json
import pickle
import re

import numpy as np
import pytest

from anynet import Network
from anynet.books import network, network2
from anynet.saving import unnamed

SIZES = [6, 5, 4]
NET = Network(SIZES, dtype="float64", seed=2)
W, B = NET.weights, NET.biases
X = np.random.default_rng(0).random((7, 6))
ORDERS = {
    "weights, biases": [*W, *B],
    "biases, weights": [*B, *W],
    "layer by layer": [W[0], B[0], W[1], B[1]],
    "layer by layer, biases first": [B[0], W[0], B[1], W[1]],
    "sizes first": [np.array(SIZES), *W, *B],
    "sizes last": [*W, *B, np.array(SIZES)],
    "flat biases": [*W, *(b[:, 0] for b in B)],
    "as Saito has them": [W[0].T, B[0][:, 0], W[1].T, B[1][:, 0]],
}
TOLD = (
    "no names, which the shapes told, and no activations; sigmoid and the quadratic cost are assumed. Otherwise: "
    "net = Network([6, 5, 4], hidden=..., output=...); net.load_weights(path)."
)


def opened(path):
    with pytest.warns(UserWarning, match=re.escape(TOLD)):
        return Network.load(path)


@pytest.mark.parametrize("order", ORDERS)
def test_an_archive_without_names(tmp_path, order):
    np.savez(tmp_path / "swb", *ORDERS[order])
    loaded = opened(tmp_path / "swb.npz")
    assert loaded.sizes == SIZES
    assert np.array_equal(loaded.feedforward(X), NET.feedforward(X))
    other = Network(SIZES, dtype="float64")
    other.load_weights(tmp_path / "swb.npz")  # in which nothing is assumed
    assert np.array_equal(other.weights[1], W[1])


PICKLED = {
    "a pair of lists": (list(W), list(B)),
    "sizes, weights, biases": [SIZES, W, B],
    "one list": [*W, *B],
    "a dict": {"weights": list(W), "biases": list(B), "sizes": SIZES},
    "layers": [(w, b) for w, b in zip(W, B, strict=True)],
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("form", PICKLED)
def test_lists_that_were_pickled_by_hand(tmp_path, form, protocol):
    (tmp_path / "net.pkl").write_bytes(pickle.dumps(PICKLED[form], protocol))
    assert np.array_equal(opened(tmp_path / "net.pkl").feedforward(X), NET.feedforward(X))


def test_a_list_that_is_met_many_times_is_unfolded_as_far_as_a_network_has_arrays(tmp_path):
    shared, path = [1, 2, 3], tmp_path / "net.pkl"
    for _ in range(5):
        shared = 10 * [shared]
    path.write_bytes(pickle.dumps(shared))
    with pytest.raises(ValueError, match=r"net\.pkl: expected at most 2,001 weights and biases, got more\. Name them"):
        Network.load(path)


def test_a_list_that_is_met_many_times_is_looked_at_once(tmp_path, monkeypatch):
    shared, looked, once = [], [], unnamed._parts
    for _ in range(5):
        shared = 10 * [shared]
    (tmp_path / "net.pkl").write_bytes(pickle.dumps(shared))
    monkeypatch.setattr(unnamed, "_parts", lambda value: looked.append(value) or once(value))
    with pytest.raises(ValueError, match="got no arrays, which no network has"):
        Network.load(tmp_path / "net.pkl")
    assert len(looked) == 6


def test_what_two_layers_share_is_in_both(tmp_path):
    w, b = np.eye(3), np.zeros((3, 1))
    (tmp_path / "net.pkl").write_bytes(pickle.dumps([[w, w], [b, b]]))
    with pytest.warns(UserWarning, match="shapes told"):
        assert Network.load(tmp_path / "net.pkl").sizes == [3, 3, 3]


def test_a_column_of_weights_is_told_from_biases(tmp_path):
    net = Network([1, 5, 1], dtype="float64")
    np.savez(tmp_path / "net", *net.weights, *net.biases)
    with pytest.warns(UserWarning, match="shapes told"):
        loaded = Network.load(tmp_path / "net.npz")
    assert loaded.sizes == [1, 5, 1]


SQUARE = [np.ones((3, 3)), np.zeros(3)]
REFUSED = {
    "no network": ([W[0], B[1]], "got .*, which no network has"),
    "too many": ([*W, *B, B[0]], "which no network has"),
    "whole numbers": ([np.ones((4, 6), int), np.zeros((4, 1))], "which no network has"),
    "other sizes": ([np.array([6, 4]), *W, *B], "which no network has"),
    "one more dimension": ([np.ones((4, 6, 1)), np.zeros((4, 1))], "which no network has"),
    "both ways round": (SQUARE, "which more than one network has"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_shapes_do_not_tell_is_refused(tmp_path, what):
    arrays, message = REFUSED[what]
    np.savez(tmp_path / "net", *arrays)
    (tmp_path / "net.pkl").write_bytes(pickle.dumps(arrays))
    for name in ("net.npz", "net.pkl"):
        with pytest.raises(ValueError, match=rf"{name}: expected weights \(n_out, n_in\).*{message}\. Name them: "):
            Network.load(tmp_path / name)


def test_other_names_are_no_names(tmp_path):
    np.savez(tmp_path / "net", first=W[0], second=B[0])
    with pytest.raises(ValueError, match="expected an entry 's'"):
        Network.load(tmp_path / "net.npz")


# Files that are open.


@pytest.mark.parametrize("kind", [Network, network.Network])
def test_a_network_goes_into_an_open_file_and_out_of_it(tmp_path, kind):
    net = kind(SIZES, seed=3)
    buffer = io.BytesIO()
    assert net.save(buffer) is None
    buffer.seek(0)
    for source in (buffer, io.BytesIO(buffer.getvalue())):
        loaded = kind.load(source)
        assert type(loaded) is kind
        assert np.array_equal(loaded.weights[0], net.weights[0])
    with (tmp_path / "net.bin").open("wb") as file:
        net.save(file)
    with (tmp_path / "net.bin").open("rb") as file:
        other = kind(SIZES, seed=4)
        other.load_weights(file)
    assert np.array_equal(other.weights[1], net.weights[1])
    assert np.array_equal(kind.load(tmp_path / "net.bin").weights[0], net.weights[0])


def test_other_programs_files_may_be_open_too(tmp_path):
    net = network2.Network(SIZES)
    buffer = io.BytesIO()
    assert net.save(buffer) is None
    assert json.loads(buffer.getvalue())["sizes"] == SIZES
    buffer.seek(0)
    assert np.array_equal(network2.load(buffer).weights[0], net.weights[0])
    np.savez(tmp_path / "swb", *W, *B)
    with (tmp_path / "swb.npz").open("rb") as file:
        assert np.array_equal(opened(file).feedforward(X), NET.feedforward(X))
    assert np.array_equal(opened(io.BytesIO(pickle.dumps([*W, *B]))).feedforward(X), NET.feedforward(X))


def test_files_opened_for_text_are_refused(tmp_path):
    path = NET.save(tmp_path / "net.npz")
    with path.open(encoding="latin-1") as file, pytest.raises(TypeError, match=r"net\.npz: .*reading bytes, got str"):
        Network.load(file)
    for save in (NET.save, network2.Network(SIZES).save):
        with (tmp_path / "text").open("w") as file, pytest.raises(TypeError, match="bytes"):
            save(file)
    with pytest.raises(ValueError, match="BytesIO: expected at most 10 bytes, got more"):
        Network.load(io.BytesIO(path.read_bytes()), max_bytes=10)
    with pytest.raises(ValueError, match="BytesIO"):
        Network.load(io.BytesIO(b"nonsense"))
