"""Saito's chapters 2 and 3 under their own names: the values that he prints, of numbers, lists and arrays."""

import itertools
import pickle
import sys

import numpy as np
import pytest

from anynet.books import deep_learning_from_scratch as book
from anynet.books.deep_learning_from_scratch import (
    AND,
    NAND,
    OR,
    XOR,
    forward,
    identity_function,
    img_show,
    init_network,
    load_mnist,
    predict,
    relu,
    sigmoid,
    softmax,
    step_function,
)

INPUTS = [(0, 0), (1, 0), (0, 1), (1, 1)]


@pytest.mark.parametrize(
    ("gate", "expected"), [(AND, [0, 0, 0, 1]), (NAND, [1, 1, 1, 0]), (OR, [0, 1, 1, 1]), (XOR, [0, 1, 1, 0])]
)
def test_gates(gate, expected):
    found = [gate(*x) for x in INPUTS]
    assert found == expected
    assert all(type(y) is int for y in found)
    assert gate(True, np.float64(1.0)) == expected[3]
    for wrong in ([0, 1], np.zeros(2), "1"):
        with pytest.raises(
            TypeError, match=rf"^X?[ANDOR]*{'' if gate is XOR else gate.__name__}: expected two numbers"
        ):
            gate(wrong, 1)


def test_step_function_gives_whole_numbers():
    y = step_function(np.array([-1.0, 1.0, 2.0]))
    assert (y.tolist(), y.dtype) == ([0, 1, 1], np.int64)
    assert step_function([[-1], [3]]).tolist() == [[0], [1]]
    assert (step_function(3.0), step_function(0), step_function(-2)) == (1, 0, 0)
    x = np.arange(-5.0, 5.0, 0.1)
    assert step_function(x).sum() == (x > 0).sum()


def test_sigmoid():
    assert str(sigmoid(np.array([-1.0, 1.0, 2.0]))) == "[0.26894142 0.73105858 0.88079708]"
    assert sigmoid(0) == 0.5
    assert sigmoid([0, 0]).tolist() == [0.5, 0.5]
    assert sigmoid(np.float32(1)).dtype == np.float32
    assert (sigmoid(1000), sigmoid(-1000)) == (1.0, pytest.approx(0.0, abs=1e-300))


def test_relu():
    assert relu(np.array([-1.5, 0.0, 2.5])).tolist() == [0.0, 0.0, 2.5]
    assert (relu(3), relu(-3), relu(-0.5)) == (3, 0, 0.0)
    assert relu([-1, 2]).dtype.kind == "i"


def test_softmax():
    y = softmax(np.array([0.3, 2.9, 4.0]))
    assert str(y) == "[0.01821127 0.24519181 0.73659691]"
    assert np.sum(y) == 1.0
    assert str(softmax([1010, 1000, 990])) == "[9.99954600e-01 4.53978686e-05 2.06106005e-09]"
    rows = softmax([[0.3, 2.9, 4.0], [1010, 1000, 990]])
    assert np.array_equal(rows[0], y)
    assert rows.sum(axis=1) == pytest.approx(1)


def test_identity_function():
    x = np.ones(3)
    assert identity_function(x) is x


@pytest.mark.parametrize("function", [step_function, sigmoid, relu, softmax])
def test_what_is_no_number_is_refused(function):
    with pytest.raises(TypeError, match=r"^x: expected numbers, got 'text'"):
        function("text")


# Networks.


def test_three_layers():
    network = init_network()
    assert {name: a.shape for name, a in network.items()} == {
        "W1": (2, 3), "b1": (3,), "W2": (3, 2), "b2": (2,), "W3": (2, 2), "b3": (2,),
    }  # fmt: skip
    x = np.array([1.0, 0.5])
    a1 = np.dot(x, network["W1"]) + network["b1"]
    assert a1 == pytest.approx([0.3, 0.7, 1.1])
    assert str(sigmoid(a1)) == "[0.57444252 0.66818777 0.75026011]"
    assert str(forward(network, x)) == "[0.31682708 0.69627909]"
    assert forward(network, [x, x]).shape == (2, 2)


@pytest.fixture(scope="module")
def sample_weight(tmp_path_factory):
    rng = np.random.default_rng(0)
    sizes = (784, 50, 100, 10)
    content = {f"W{i}": rng.normal(0, 0.1, s).astype("f4") for i, s in enumerate(itertools.pairwise(sizes), 1)}
    content |= {f"b{i}": rng.normal(0, 0.1, n).astype("f4") for i, n in enumerate(sizes[1:], 1)}
    path = tmp_path_factory.mktemp("weights") / "sample_weight.pkl"
    path.write_bytes(pickle.dumps(content, 3))
    return path, content


def test_predict_has_his_orientation(sample_weight):
    path, content = sample_weight
    network = init_network(path)
    assert network["W1"].shape == (784, 50)
    x = np.random.default_rng(1).random((7, 784))
    y = predict(network, x)
    a = x
    for i in (1, 2, 3):
        a = a @ content[f"W{i}"] + content[f"b{i}"]
        a = 1 / (1 + np.exp(-a)) if i < 3 else np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(y, a, rtol=1e-6)
    assert predict(network, x[0]).shape == (10,)
    np.testing.assert_allclose(predict(network, x[0]), y[0], rtol=1e-6)


def test_networks_and_inputs_that_do_not_fit(sample_weight, tmp_path):
    network = init_network()
    with pytest.raises(ValueError, match=r"^x: expected the shape \(2,\) or \(n, 2\), got \(3,\)"):
        forward(network, [1, 2, 3])
    with pytest.raises(ValueError, match=r"^predict: expected a network of W1, b1, .* got one without W2, b2"):
        predict({name: a for name, a in network.items() if name != "W2"}, [1, 2])
    (tmp_path / "net.pkl").write_bytes(pickle.dumps({"W1": np.ones((2, 3))}))
    with pytest.raises(ValueError, match=r"net\.pkl: expected a dict of the weights W1"):
        init_network(tmp_path / "net.pkl")


def test_load_mnist_is_his():
    (x_train, t_train), (x_test, t_test) = load_mnist(flatten=True, normalize=False)
    assert [a.shape for a in (x_train, t_train, x_test, t_test)] == [(60_000, 784), (60_000,), (10_000, 784), (10_000,)]
    assert t_train[0] == 5


def test_img_show(monkeypatch):
    Image = pytest.importorskip("PIL.Image")  # noqa: N806
    shown = []
    monkeypatch.setattr(Image.Image, "show", lambda self: shown.append(np.asarray(self)))
    (x_train, _), _ = load_mnist(flatten=True, normalize=False)
    img_show(x_train[0].reshape(28, 28))
    assert np.array_equal(shown[0], x_train[0].reshape(28, 28))
    with pytest.raises(ValueError, match=r"img: expected \(height, width\), got the shape \(784,\)"):
        img_show(x_train[0])
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"anynet-nn\[images\]"):
        img_show(x_train[0].reshape(28, 28))


def test_its_names():
    assert book.np is np
    assert set(book.__all__) >= {"AND", "forward", "img_show", "init_network", "predict"}
