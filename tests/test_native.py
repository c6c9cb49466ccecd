"""The native file of a network: saved on one backend, it opens on any other, and it says what it is."""

import json

import numpy as np
import pytest

from anynet import Network
from anynet.formats import npz


def test_saved_anywhere_opens_everywhere(backend, backend32, tmp_path, rng):
    x = rng.standard_normal((5, 4))
    for b in (backend, backend32):
        net = Network([4, 5, 3], b, hidden="tanh", output="softmax", seed=4)
        net.class_names = ("a", "b", "c")
        path = net.save(tmp_path / "net.npz")
        for other in (Network.load(path), Network.load(path, b)):
            assert other.backend.dtype == b.dtype
            assert all(np.array_equal(v, w) for v, w in zip(other.weights, net.weights, strict=True))
            assert all(np.array_equal(v, w) for v, w in zip(other.biases, net.biases, strict=True))
            assert other.layers == net.layers
            assert (other.cost, other.task, other.class_names) == (net.cost, net.task, net.class_names)
        assert np.array_equal(Network.load(path, b).feedforward(x), net.feedforward(x))


def test_the_file_is_the_texts_brain(tmp_path):
    net = Network([4, 5, 3])
    with np.load(net.save(tmp_path / "brain"), allow_pickle=False) as brain:
        assert set(brain.files) == {"s", "w1", "b1", "w2", "b2", "header"}
        assert brain["s"].tolist() == [4, 5, 3]
        assert np.array_equal(brain["w2"], net.weights[1])
        assert brain["b1"].shape == (5, 1)
        header = json.loads(str(brain["header"]))
    assert header["format_version"] == 1
    assert header["cost"] == "quadratic"
    assert [layer["activation"] for layer in header["layers"]] == ["sigmoid", "sigmoid"]


def test_a_scale_that_cannot_be_is_refused_and_none_is_none(tmp_path):
    path = Network([2, 3]).save(tmp_path / "net.npz")
    arrays, header = npz.read(path)
    npz.write(path, arrays, header | {"input_scale": ["[0, 1]"]})
    with pytest.raises(ValueError, match=r"expected an input scale of \[0, 1\] or \[0, 255\], got "):
        Network.load(path)
    del header["input_scale"]  # as earlier versions have it
    npz.write(path, arrays, header)
    assert Network.load(path).input_scale is None


def test_an_archive_saved_by_hand_loads_with_a_warning(tmp_path, rng):
    net = Network([4, 5, 3], dtype="float64")
    (w1, w2), (b1, b2) = net.weights, net.biases
    np.savez(tmp_path / "swb", s=np.array(net.sizes), w1=w1, w2=w2, b1=b1, b2=b2)
    with pytest.warns(UserWarning, match="sigmoid and the quadratic cost are assumed"):
        loaded = Network.load(tmp_path / "swb.npz")
    x = rng.standard_normal((5, 4))
    assert loaded.backend.dtype == "float64"
    assert np.array_equal(loaded.feedforward(x), net.feedforward(x))


def test_dtype_can_be_chosen_when_loading(tmp_path):
    path = Network([4, 3]).save(tmp_path / "net.npz")
    assert Network.load(path, dtype="float64").weights[0].dtype == np.float64


def test_what_is_no_network_file(tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(b"hello")
    with pytest.raises(ValueError, match=r"x.npz: expected an .npz file"):
        Network.load(path)
    np.savez(path, a=np.ones(3))
    with pytest.raises(ValueError, match=r"x.npz: expected an entry 's', got a"):
        Network.load(path)
    with pytest.raises(FileNotFoundError):
        Network.load(tmp_path / "absent.npz")
    with pytest.raises(FileNotFoundError, match="no such folder; create it first"):
        Network([4, 3]).save(tmp_path / "absent" / "x.npz")


def test_layers_are_counted_before_any_is_made(tmp_path):
    path = Network([4, 3]).save(tmp_path / "x.npz")
    arrays, header = npz.read(path)
    npz.write(path, arrays, header | {"layers": [None] * 1001})
    with pytest.raises(ValueError, match=r"x\.npz: expected at most 1,000 layers, got 1,001"):
        Network.load(path)
    np.savez(path, s=np.ones(1002, int))
    with pytest.raises(ValueError, match=r"x\.npz: expected at most 1,000 layers, got 1,001"):
        Network.load(path)


def test_a_newer_format_says_how_to_upgrade(tmp_path):
    npz.write(tmp_path / "x.npz", {"s": [4, 3]}, {"format_version": 99})
    with pytest.raises(ValueError, match=r"expected format version 1, got 99.*pip install --upgrade"):
        Network.load(tmp_path / "x.npz")
