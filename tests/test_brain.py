"""The brain: what is assigned to a network acts, or is refused; what is loaded goes on by chance of its own."""

import copy
import json
import pickle
import re
import tracemalloc

import numpy as np
import pytest
from recipes import clusters

from anynet import Dataset, Network


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("learning_rate", r"fit\(x, y, optimizer=SGD\(learning_rate\)\)"),
        ("eta", r"optimizer=SGD\(eta\)"),
        ("epochs", r"fit\(x, y, epochs=...\)"),
        ("batch_size", r"fit\(x, y, batch_size=...\)"),
        ("mini_batch_size", r"fit\(x, y, batch_size=...\)"),
        ("optimizer", r"fit\(x, y, optimizer=...\)"),
        ("sizes", r"Network\(sizes, sizes=...\)"),
        ("layers", "Make a network of it"),
        ("shapes", "Make a network of it"),
        ("cost", r"Network\(sizes, cost=...\)"),
        ("output", r"Network\(sizes, output=...\)"),
        ("hidden_activation", r"Network\(sizes, hidden_activation=...\)"),
        ("seed", r"Network\(sizes, seed=...\)"),
        ("backend", r"net.to\(backend"),
        ("dtype", r"net.to\(.*dtype=...\)"),
        ("device", r"net.to\(.*device=..."),
        ("parameters", "Assign to net.weights and net.biases"),
    ],
)
def test_what_would_not_act_cannot_be_assigned(name, cure):
    net = Network([3, 2])
    with pytest.raises(AttributeError, match=f"^{name}: expected an attribute that acts, got .*{cure}"):
        setattr(net, name, 0.1)
    assert name not in vars(net) or name == "backend"
    assert net.backend.name == "numpy"


def test_whoever_makes_a_network_of_their_own_has_attributes_of_their_own():
    class Own(Network):
        lmbda = eta = 0.5

        def __init__(self, sizes):
            super().__init__(sizes)
            self.note = "mine"
            self.eta = 0.1

    net = Own([3, 2])
    assert (net.note, net.eta, net.lmbda) == ("mine", 0.1, 0.5)
    for other in (copy.deepcopy(net), net.to("numpy")):
        assert (type(other), other.note, other.eta) == (Own, "mine", 0.1)
    with pytest.raises(AttributeError, match="epochs: expected an attribute that acts"):
        net.epochs = 3


def test_what_is_settled_cannot_be_changed_from_within():
    """Sizes are a list for the books' sake: one of its own each time."""
    net = Network([4, 5, 3])
    net.sizes[0] = 7
    assert net.sizes == [4, 5, 3]
    for settled in (net.layers, net.shapes, net.weights, net.biases):
        assert type(settled) is tuple


def order_of(net):
    """Return what a training of one epoch makes of a network, which depends on the order of the examples."""
    net.fit(clusters(np.random.default_rng(0), n=40), epochs=1)
    return net.weights[0].tolist()


def test_what_is_loaded_takes_examples_in_an_order_of_its_own(tmp_path):
    path = Network([12, 4]).save(tmp_path / "net")
    orders = [order_of(Network.load(path)) for _ in range(3)]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    settled = [order_of(Network.load(path, seed=seed)) for seed in (0, 0, 1)]
    assert settled[0] == settled[1] != settled[2]
    assert settled[0] == order_of(Network([12, 4]))  # whose seed is 0
    with pytest.raises(ValueError, match="seed: expected a number from 0"):
        Network.load(path, seed=-1)


def test_what_is_loaded_or_moved_is_held_once(tmp_path):
    path = Network([1000, 2000, 2]).save(tmp_path / "net")
    net = Network.load(path)
    for call, times in ((lambda: Network.load(path), 1.5), (lambda: net.to("numpy"), 1.1)):
        tracemalloc.start()
        try:
            call()
            assert tracemalloc.get_traced_memory()[1] < times * path.stat().st_size
        finally:
            tracemalloc.stop()


def test_a_network_that_knows_its_classes_answers_by_name(backend, tmp_path, rng):
    x, y = clusters(rng, n=60)
    names = np.array(["ant", "bee", "cat", "dog"])
    net = Network([12, 4], backend)
    net.fit(Dataset(x, names[y]), epochs=5)
    expected = tuple(names[net.predict(x)].tolist())
    assert len(set(expected)) == 4
    for known in (net, Network.load(net.save(tmp_path / "net")), net.to("numpy")):
        assert known.predict_names(x) == expected
        assert known.predict_names(x[7]) == known.predict_names(x[7][:, None]) == expected[7]
        assert type(known.predict_names(x[7])) is type(expected[7]) is str
    assert net.predict_names(backend.asarray(x[:3])) == expected[:3]


def test_of_two_classes_that_one_output_tells_apart_the_name_is_told():
    net = Network([2, 1])
    net.fit(Dataset([[0.0, 1.0], [1.0, 0.0]] * 5, ["no", "yes"] * 5), epochs=60)
    assert net.predict_names([[0.0, 1.0], [1.0, 0.0]]) == ("no", "yes")


def test_names_are_told_where_there_are_some():
    with pytest.raises(ValueError, match=r"predict_names: expected a network that knows .* net.class_names = "):
        Network([2, 2]).predict_names([[0.0, 1.0]])
    with pytest.raises(ValueError, match=r"predict_names: expected a network that classifies, got .* regression"):
        Network([2, 2], output="identity").predict_names([[0.0, 1.0]])


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (("a", "b"), ValueError, "class_names: expected 3, as many as the network tells apart, got 2: a, b."),
        (("a", "b", "a"), ValueError, "class_names: expected different names, got 'a' twice."),
        ("abc", TypeError, "class_names: expected a sequence of names, got the text 'abc'."),
        (3, TypeError, "class_names: expected a sequence of names, got 3."),
        (("a", "b", "c\n"), ValueError, "class_names: expected printable names of at most 200 characters"),
        (("a", "b", 201 * "c"), ValueError, "class_names: expected printable names of at most 200 characters"),
    ],
)
def test_names_that_no_file_could_bring_back_are_refused(names, error, message, rng):
    net = Network([4, 3])
    net.class_names = ["x", "y", "z"]
    with pytest.raises(error, match=re.escape(message)):
        net.class_names = names
    assert net.class_names == ("x", "y", "z")
    if not isinstance(names, int) and len(names) == 3 and not isinstance(names, str):
        x = rng.standard_normal((6, 4))
        with pytest.raises(error, match=re.escape(message)):
            Dataset(x, [0, 1, 2] * 2, names)


def test_names_of_any_kind_are_assigned_as_text(tmp_path):
    net = Network([4, 3])
    net.class_names = np.asarray([10, 20, 30])
    assert Network.load(net.save(tmp_path / "net")).class_names == net.class_names == ("10", "20", "30")
    net.class_names = None
    assert Network.load(net.save(tmp_path / "net")).class_names is None


def test_names_in_persian_and_of_emoji_come_back(tmp_path):
    names = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\U0001f468\u200d\U0001f52c", 200 * "n"
    net = Network([4, 3])
    net.class_names = names
    assert Network.load(net.save(tmp_path / "net")).class_names == names
    assert Dataset(np.ones((3, 4)), [0, 1, 2], names).class_names == names


def test_names_in_y_are_such_as_a_file_takes(rng):
    with pytest.raises(ValueError, match="class_names: expected printable names"):
        Network([4, 2]).fit(rng.standard_normal((4, 4)), ["yes", "n\to"] * 2, epochs=1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_are_predicted_in_the_shape_of_y(backend, dtype, tmp_path):
    """So that predict(x) - y broadcasts nothing, whichever y came; a file and a copy know it too."""
    x = np.linspace(0, 1, 20)[:, None]
    y = (2 * x[:, 0] + 1).astype(dtype)
    for given, shape in ((y, (20,)), (y[:, None], (20, 1))):
        net = Network([1, 4, 1], backend, output="identity")
        net.fit(x, given, epochs=1)
        for same in (
            net,
            net.to("numpy"),
            Network.load(net.save(tmp_path / "net"), backend),
            pickle.loads(pickle.dumps(net)),
        ):
            assert same.predict(x).shape == shape
            assert same.predict(x[:1]).shape == (1, *shape[1:])
            assert same.predict(x[0]).shape == shape[1:]


def test_a_file_that_says_no_such_thing_is_refused(tmp_path):
    net = Network([1, 1], output="identity")
    path = net.save(tmp_path / "net")
    arrays = dict(np.load(path))
    header = json.loads(str(arrays["header"]))
    arrays["header"] = json.dumps(header | {"is_column": 1})
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="expected is_column to be true or false, got 1"):
        Network.load(path)
