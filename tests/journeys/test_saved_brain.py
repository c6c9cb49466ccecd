"""The saved brain: the text's lines, its archives on every library, and brains transplanted."""

import json
import pickle

import numpy as np
import pytest
from book_loop import BookNetwork
from compare import relative_difference

from anynet import Network, backends
from anynet.backends import Backend

ASSUMED = r"swb\.npz: no header; sigmoid and the quadratic cost are assumed\. Otherwise: net = Network\(.*"


def saved_by_hand(path, net):
    """Save a network of any number of layers as the text does."""
    weights = {f"w{i}": w for i, w in enumerate(net.weights, 1)}
    biases = {f"b{i}": b for i, b in enumerate(net.biases, 1)}
    np.savez(path, s=np.array(net.sizes), **weights, **biases)
    return path


def test_the_texts_session(backend32, tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    net = Network([784, 30, 10], backend32)
    s = np.array(net.sizes)
    w1 = net.weights[0]
    w2 = net.weights[1]
    b1 = net.biases[0]
    b2 = net.biases[1]
    np.savez("swb", s=s, w1=w1, w2=w2, b1=b1, b2=b2)
    npzfile = np.load("swb.npz")
    assert sorted(npzfile.files) == ["b1", "b2", "s", "w1", "w2"]
    assert list(npzfile["s"]) == [784, 30, 10]
    npzfile.close()
    with pytest.warns(UserWarning, match=rf"^{ASSUMED}$"):
        loaded = Network.load("swb.npz", backend32)
    x = rng.uniform(0, 1, (20, 784))
    assert np.array_equal(loaded.feedforward(x), net.feedforward(x))


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [[5, 3], [5, 4, 3], [6, 5, 4, 3], [5] * 12])
def test_brains_of_any_number_of_layers(backend, backend32, sizes, tmp_path, rng):
    x = rng.standard_normal((sizes[0], 1))
    for b in (backend, backend32):
        net = Network(sizes, b, seed=5)
        path = saved_by_hand(tmp_path / "swb.npz", net)
        with pytest.warns(UserWarning, match=ASSUMED):
            loaded = Network.load(path, b)
        assert loaded.sizes == sizes
        assert (loaded.cost.name, {layer.activation for layer in loaded.layers}) == ("quadratic", {"sigmoid"})
        assert np.array_equal(loaded.feedforward(x), net.feedforward(x))
        with pytest.warns(UserWarning, match=ASSUMED):
            assert Network.load(path).backend.dtype == b.dtype
    plain = BookNetwork(map(np.float64, net.weights), map(np.float64, net.biases))
    assert relative_difference(net.feedforward(x), plain.feedforward(x)) < 1e-5


def test_the_books_own_brain_of_float64_loads_as_float64(tmp_path, rng):
    shapes = [((30, 784), (30, 1)), ((10, 30), (10, 1))]
    plain = BookNetwork(*zip(*[map(rng.standard_normal, pair) for pair in shapes], strict=True))
    (w1, w2), (b1, b2) = plain.weights, plain.biases
    np.savez(tmp_path / "swb", s=[784, 30, 10], w1=w1, w2=w2, b1=b1, b2=b2)
    with pytest.warns(UserWarning, match=ASSUMED):
        loaded = Network.load(tmp_path / "swb.npz")
    x = rng.uniform(0, 1, (784, 1))
    assert loaded.feedforward(x).dtype == np.float64
    assert relative_difference(loaded.feedforward(x), plain.feedforward(x)) < 1e-13


# Transplants.


def test_a_brain_is_transplanted_by_assigning(backend, rng):
    donor, other = (Network([6, 5, 4], backend, seed=seed) for seed in (1, 2))
    x = rng.standard_normal((3, 6))
    assert not np.array_equal(other.feedforward(x), donor.feedforward(x))
    other.weights, other.biases = list(donor.weights), list(donor.biases)
    assert np.array_equal(other.feedforward(x), donor.feedforward(x))
    other.biases = [b[:, 0].tolist() for b in donor.biases]  # rows will do too
    assert np.array_equal(other.feedforward(x), donor.feedforward(x))


def test_what_is_assigned_is_copied(backend, rng):
    net = Network([6, 5, 4], backend)
    given = [np.ones((5, 6)), np.ones((4, 5))]
    net.weights = given
    net.update_mini_batch((rng.standard_normal((3, 6)), np.arange(3)), 1.0)
    assert all((w == 1).all() for w in given)
    learnt = net.weights
    given[0][:] = 7
    assert np.array_equal(net.weights[0], learnt[0])


def test_numbers_are_the_same_to_the_last_bit_however_they_lie_in_memory(backend, backend32, rng):
    for b in (backend, backend32):
        donor, other = (Network([50, 30, 10], b, seed=seed) for seed in (1, 2))
        x = rng.standard_normal((7, 50))
        other.weights, other.biases = [np.asfortranarray(w) for w in donor.weights], donor.biases
        assert np.array_equal(other.feedforward(x), donor.feedforward(x))


def brain_files(folder, net):
    """Save a network in every form that is read."""
    sizes, weights, biases = net.sizes, net.weights, net.biases
    content = {"sizes": sizes, "weights": weights, "biases": biases, "cost": "CrossEntropyCost"}
    (folder / "net.json").write_text(json.dumps(content, default=lambda a: [r.tolist() for r in a]))
    saito = {f"W{i}": np.ascontiguousarray(w.T) for i, w in enumerate(weights, 1)}
    saito |= {f"b{i}": b[:, 0] for i, b in enumerate(biases, 1)}
    (folder / "weights.pkl").write_bytes(pickle.dumps(saito, 3))
    return [
        net.save(folder / "net"),
        saved_by_hand(folder / "swb.npz", net),
        folder / "net.json",
        folder / "weights.pkl",
    ]


def test_a_brain_is_transplanted_from_every_file(backend, tmp_path, rng):
    donor = Network([6, 5, 4], backend, seed=1)
    x = rng.standard_normal((3, 6))
    for path in brain_files(tmp_path, donor):
        net = Network([6, 5, 4], backend, seed=2)
        net.load_weights(path)  # nothing has to be assumed, so nothing is warned of
        assert np.array_equal(net.feedforward(x), donor.feedforward(x)), path


def test_only_the_arrays_are_transplanted(tmp_path, rng):
    path = Network([6, 5, 4], seed=1).save(tmp_path / "net")
    net = Network([6, 5, 4], dtype="float64", hidden="tanh", output="softmax")
    net.load_weights(path)
    assert (net.backend.dtype, net.layers[0].activation, net.cost.name) == ("float64", "tanh", "cross_entropy")
    assert np.array_equal(net.weights[0], Network.load(path).weights[0])


@pytest.mark.parametrize(
    ("field", "new", "error", "message"),
    [
        ("weights", 3, TypeError, r"^weights: expected 2 arrays, one per layer, got int\. Give a list\.$"),
        ("biases", None, TypeError, r"^biases: expected 2 arrays, one per layer, got NoneType\."),
        (
            "weights",
            [np.ones((5, 6))],
            ValueError,
            r"^weights: expected 2 arrays, one per layer, got 1\. Give those of a network of the sizes \[6, 5, 4\]\.$",
        ),
        ("biases", [], ValueError, r"^biases: expected 2 arrays, one per layer, got 0\."),
        (
            "weights",
            [np.ones((5, 6)), np.ones((4, 4))],
            ValueError,
            r"^weights\[1\]: expected the shape \(4, 5\), got \(4, 4\)\. Give that of a network of the sizes \[6,",
        ),
        (
            "weights",
            [np.ones((6, 5)), np.ones((5, 4))],
            ValueError,
            r"^weights\[0\]: expected the shape \(5, 6\), got \(6, 5\)\. Transpose it\.$",
        ),
        ("biases", [np.ones((1, 5)), np.ones(4)], ValueError, r"^biases\[0\]: expected the shape \(5,\), got \(1, 5\)"),
        ("biases", [np.ones(5), [1, 2, 3, "4"]], TypeError, r"^biases\[1\]: expected real numbers, got an array of <U"),
        ("weights", [np.ones((5, 6)), [[1, 2], [3]]], ValueError, r"^weights\[1\]: expected numbers in equal rows"),
    ],
)  # fmt: skip
def test_assigning_what_does_not_fit_leaves_the_network_as_it_was(backend, field, new, error, message):
    net = Network([6, 5, 4], backend)
    before = pickle.dumps((net.weights, net.biases))
    with pytest.raises(error, match=message):
        setattr(net, field, new)
    assert pickle.dumps((net.weights, net.biases)) == before


MISMATCHES = {
    "one layer": ([6, 4], r"weights: expected 2 arrays, one per layer, got 1\."),
    "three layers": ([6, 5, 5, 4], r"weights: expected 2 arrays, one per layer, got 3\."),
    "more inputs": ([7, 5, 4], r"weights\[0\]: expected the shape \(5, 6\), got \(5, 7\)\."),
    "fewer hidden": ([6, 3, 4], r"weights\[0\]: expected the shape \(5, 6\), got \(3, 6\)\."),
    "more outputs": ([6, 5, 9], r"weights\[1\]: expected the shape \(4, 5\), got \(9, 5\)\."),
}


@pytest.mark.parametrize("mismatch", MISMATCHES)
def test_files_of_other_sizes_leave_the_network_as_it_was(backend, mismatch, tmp_path):
    sizes, message = MISMATCHES[mismatch]
    net = Network([6, 5, 4], backend)
    before = pickle.dumps((net.weights, net.biases))
    for path in brain_files(tmp_path, Network(sizes)):
        with pytest.raises(ValueError, match=rf"{path.name}: {message} Give .* of the sizes \[6, 5, 4\]\.$"):
            net.load_weights(path)
        assert pickle.dumps((net.weights, net.biases)) == before


def test_a_device_that_runs_full_leaves_the_network_as_it_was(tmp_path):
    class Full(Backend):
        def copy_to_device(self, x, argument="x"):
            if argument == "biases[1]":
                raise MemoryError("out of device memory")
            return super().copy_to_device(x, argument)

    numpy = backends.get("numpy")
    net = Network([6, 5, 4], Full(numpy.name, numpy.xp, numpy.device, numpy.dtype))
    before = pickle.dumps((net.weights, net.biases))
    path = Network([6, 5, 4], seed=1).save(tmp_path / "net")
    with pytest.raises(MemoryError, match=r"net\.npz: out of device memory"):
        net.load_weights(path)
    assert pickle.dumps((net.weights, net.biases)) == before


FIT = r"of floats and the shape"
SPOILED = {
    "no biases": ({"b2": None}, r"expected an entry 'b2', got s, w1, w2, b1"),
    "no sizes": ({"s": None}, r"expected an entry 's', got w1, w2, b1, b2"),
    "biases that do not fit": ({"b1": np.ones((4, 1))}, rf"expected b1 {FIT} \(5, 1\), got float64, \(4, 1\)"),
    "weights that do not fit": ({"w2": np.ones((5, 4))}, rf"expected w2 {FIT} \(4, 5\), got float64, \(5, 4\)"),
    "whole numbers": ({"w1": np.ones((5, 6), int)}, r"expected numbers of float32 or float64, got int64"),
    "other sizes": ({"s": np.array([6, 4, 4])}, rf"expected w1 {FIT} \(4, 6\), got float32, \(5, 6\)"),
    "sizes in rows": ({"s": np.array([[6, 5, 4]])}, r"expected s to be the sizes, .*got the shape \(1, 3\)"),
    "sizes with a point": ({"s": np.array([6.0, 5, 4])}, r"expected a whole number, got 6\.0"),
    "objects": ({"w1": np.array([[None]])}, r"'w1\.npy' of object, which would need pickle"),
}


@pytest.mark.parametrize("what", SPOILED)
def test_spoiled_brains_are_refused_and_leave_the_network_as_it_was(what, tmp_path):
    changes, message = SPOILED[what]
    net = Network([6, 5, 4])
    with np.load(saved_by_hand(tmp_path / "swb.npz", net)) as whole:
        arrays = {**whole, **changes}
    np.savez(tmp_path / "swb.npz", **{name: a for name, a in arrays.items() if a is not None})
    before = pickle.dumps((net.weights, net.biases))
    for load in (net.load_weights, Network.load):
        with pytest.raises(ValueError, match=rf"swb\.npz: .*{message}"):
            load(tmp_path / "swb.npz")
    with pytest.raises(FileNotFoundError):
        net.load_weights(tmp_path / "absent.npz")
    assert pickle.dumps((net.weights, net.biases)) == before
