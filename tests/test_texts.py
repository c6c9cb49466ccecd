"""The five texts: each block of code and each printed output, run with its import lines changed.

scripts/texts/README.md lists them, and says where one differs, and why.
"""

import inspect
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from book_loop import BookNetwork

import anynet.books.theano as theano
import anynet.books.theano.tensor as T  # noqa: N812 - as Theano's programs call it
from anynet.books import mnist_loader, network
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
from anynet.books.network import Network
from anynet.books.theano import function, pp

TABLE = Path(__file__).parents[1] / "scripts" / "texts" / "README.md"
PAIRS = [(np.random.default_rng(i).random((4, 1)), np.eye(3)[:, [i % 3]]) for i in range(20)]
TEST = [(x, int(y.argmax())) for x, y in PAIRS]


def test_the_table_lists_the_tests_and_the_tests_are_those_of_the_table():
    listed = re.findall(r"^\| \d+ \|.*`(test_\w+)`", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    prefixes = ("test_brain_", "test_lines_", "test_scratch_", "test_neuron_", "test_digits_")
    assert listed == [name for name in globals() if name.startswith(prefixes)]


# 1. The saved brain.


def test_brain_1_the_head_of_network():
    sizes = [2, 3, 1]
    net = network.Network(sizes)
    assert (net.num_layers, net.sizes) == (len(sizes), sizes)
    assert [b.shape for b in net.biases] == [(y, 1) for y in sizes[1:]]
    assert [w.shape for w in net.weights] == [(y, x) for x, y in itertools.pairwise(sizes)]
    drawn = network.Network([300, 300]).weights[0]
    assert (drawn.mean(), drawn.var()) == (pytest.approx(0, abs=0.02), pytest.approx(1, rel=0.03))


def test_brain_2_arrays_of_lists():
    np = network.np
    x = np.array([2, 3, 1, 0])
    assert x.tolist() == [2, 3, 1, 0]
    x = np.array([[1, 2.0], [0, 0], (1 + 1j, 3.0)])
    assert np.array_equal(x, np.array([[1.0 + 0.0j, 2.0 + 0.0j], [0.0 + 0.0j, 0.0 + 0.0j], [1.0 + 1.0j, 3.0 + 0.0j]]))


def test_brain_3_the_session(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = network.Network([784, 30, 10])
    s = network.np.array(net.sizes)
    w1 = net.weights[0]
    w2 = net.weights[1]
    b1 = net.biases[0]
    b2 = net.biases[1]
    network.np.savez("swb", s=s, w1=w1, w2=w2, b1=b1, b2=b2)
    npzfile = network.np.load("swb.npz")
    assert sorted(npzfile.files) == sorted(["s", "b2", "w2", "w1", "b1"])
    assert list(npzfile["s"]) == [784, 30, 10]
    assert all(np.array_equal(npzfile[f"w{i}"], w) for i, w in enumerate(net.weights, 1))
    npzfile.close()


# 2. The network of 74 lines.


def test_lines_1_the_printed_epochs(capsys):
    net = Network([4, 3])
    net.SGD(PAIRS, 30, 10, 3.0, test_data=TEST)
    lines = capsys.readouterr().out.splitlines()
    assert [re.fullmatch(r"Epoch (\d+): \d+ / 20", line)[1] for line in lines] == [str(j) for j in range(30)]


LISTED = {  # the functions of network.py with the names of their arguments, as both listings have them
    "__init__": ["sizes"],
    "feedforward": ["a"],
    "SGD": ["training_data", "epochs", "mini_batch_size", "eta", "test_data"],
    "update_mini_batch": ["mini_batch", "eta"],
    "backprop": ["x", "y"],
    "evaluate": ["test_data"],
    "cost_derivative": ["output_activations", "y"],
}


def check_the_listing():
    for name, arguments in LISTED.items():
        parameters = list(inspect.signature(getattr(Network, name)).parameters.values())[1:]
        assert [p.name for p in parameters[: len(arguments)]] == arguments
        assert all(p.default is not p.empty for p in parameters[len(arguments) :])  # today's, which the book leaves out
    net = Network([4, 5, 3])
    plain = BookNetwork(map(np.array, net.weights), map(np.array, net.biases))
    x, y = PAIRS[0]
    np.testing.assert_allclose(net.feedforward(x), plain.feedforward(x), rtol=1e-12)
    for got, expected in zip(net.backprop(x, y), plain.backprop(x, y)[::-1], strict=True):
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    net.update_mini_batch(PAIRS[:10], 3.0)
    plain.update_mini_batch(PAIRS[:10], 3.0)
    np.testing.assert_allclose(net.weights[0], plain.weights[0], rtol=1e-12)
    assert net.evaluate(TEST) == sum(int(np.argmax(plain.feedforward(x)) == y) for x, y in TEST)
    assert np.array_equal(net.cost_derivative(x, x), 0 * x)
    z = np.array([-1.0, 0.0, 2.0])
    np.testing.assert_allclose(network.sigmoid(z), 1.0 / (1.0 + np.exp(-z)), rtol=1e-15)
    np.testing.assert_allclose(network.sigmoid_prime(z), network.sigmoid(z) * (1 - network.sigmoid(z)), rtol=1e-15)


def test_lines_2_the_listing():
    check_the_listing()


# 3. Deep learning from scratch.


def test_scratch_1_a_number_and_an_array():
    x = np.array([1.0, 2.0, 3.0])
    assert repr(x / 2.0) == "array([0.5, 1. , 1.5])"


def test_scratch_2_broadcasting():
    A = np.array([[1, 2], [3, 4]])  # noqa: N806
    B = np.array([10, 20])  # noqa: N806
    assert repr(A * B) == "array([[10, 40],\n       [30, 80]])"


def test_scratch_3_elements(capsys):
    X = np.array([[51, 55], [14, 19], [0, 4]])  # noqa: N806
    print(X)
    for row in X:
        print(row)
    assert repr(X[0]) == "array([51, 55])"
    assert X[0][1] == 55
    X = X.flatten()  # noqa: N806
    print(X)
    assert repr(X[np.array([0, 2, 4])]) == "array([51, 14,  0])"
    assert (X > 15).tolist() == [True, True, False, True, False, False]
    assert repr(X[X > 15]) == "array([51, 55, 19])"
    assert capsys.readouterr().out == "[[51 55]\n [14 19]\n [ 0  4]]\n[51 55]\n[14 19]\n[0 4]\n[51 55 14 19  0  4]\n"


def test_scratch_4_perceptrons():
    for gate, expected in ((AND, [0, 0, 0, 1]), (NAND, [1, 1, 1, 0]), (OR, [0, 1, 1, 1]), (XOR, [0, 1, 1, 0])):
        assert [gate(0, 0), gate(1, 0), gate(0, 1), gate(1, 1)] == expected


def test_scratch_5_step():
    x = np.array([-1.0, 1.0, 2.0])
    y = x > 0
    assert y.tolist() == [False, True, True]
    assert y.astype(int).tolist() == step_function(x).tolist() == [0, 1, 1]
    assert step_function(x).dtype.kind == "i"
    x = np.arange(-5.0, 5.0, 0.1)
    assert x[0] == -5.0
    assert x[-1] == pytest.approx(4.9)
    assert sorted(set(step_function(x).tolist())) == [0, 1]


def test_scratch_6_sigmoid():
    assert str(sigmoid(np.array([-1.0, 1.0, 2.0]))) == "[0.26894142 0.73105858 0.88079708]"
    t = np.array([1.0, 2.0, 3.0])
    assert (1.0 + t).tolist() == [2.0, 3.0, 4.0]
    assert str(1.0 / t) == "[1.         0.5        0.33333333]"


def test_scratch_7_relu():
    assert relu(np.array([-2.0, 0.0, 3.0])).tolist() == [0.0, 0.0, 3.0]


def test_scratch_8_products():
    A = np.array([1, 2, 3, 4])  # noqa: N806
    assert (np.ndim(A), A.shape) == (1, (4,))
    assert np.dot(np.array([[1, 2], [3, 4], [5, 6]]), np.array([7, 8])).tolist() == [23, 53, 83]


def test_scratch_9_three_layers():
    network = init_network()
    X, W1, B1 = np.array([1.0, 0.5]), network["W1"], network["b1"]  # noqa: N806
    A1 = np.dot(X, W1) + B1  # noqa: N806
    Z1 = sigmoid(A1)  # noqa: N806
    assert pytest.approx([0.3, 0.7, 1.1]) == A1
    assert str(Z1) == "[0.57444252 0.66818777 0.75026011]"
    A2 = np.dot(Z1, network["W2"]) + network["b2"]  # noqa: N806
    A3 = np.dot(sigmoid(A2), network["W3"]) + network["b3"]  # noqa: N806
    assert str(identity_function(A3)) == str(forward(network, X)) == "[0.31682708 0.69627909]"


def test_scratch_10_softmax():
    a = np.array([0.3, 2.9, 4.0])
    exp_a = np.exp(a)
    np.testing.assert_allclose(exp_a / np.sum(exp_a), softmax(a), rtol=1e-15)
    assert softmax(a).round(3).tolist() == [0.018, 0.245, 0.737]
    assert np.sum(softmax(a)) == 1.0
    a = np.array([1010, 1000, 990])
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.isnan(np.exp(a) / np.sum(np.exp(a))).all()
    assert (a - np.max(a)).tolist() == [0, -10, -20]
    assert str(softmax(a)) == "[9.99954600e-01 4.53978686e-05 2.06106005e-09]"


@pytest.fixture(scope="module")
def digits():
    return load_mnist(normalize=True, flatten=True, one_hot_label=False)


def test_scratch_11_load_mnist(digits):
    (x_train, t_train), (x_test, t_test) = digits
    assert [a.shape for a in (x_train, t_train, x_test, t_test)] == [(60000, 784), (60000,), (10000, 784), (10000,)]
    assert (x_train.min(), x_train.max()) == (0.0, 1.0)
    (images, _), (_, one_hot) = load_mnist(normalize=False, flatten=False, one_hot_label=True)
    assert (images.shape[1:], images.max(), one_hot[0].tolist()) == ((1, 28, 28), 255, [0] * 7 + [1, 0, 0])


def test_scratch_12_img_show(monkeypatch):
    Image = pytest.importorskip("PIL.Image")  # noqa: N806
    shown = []
    monkeypatch.setattr(Image.Image, "show", lambda self: shown.append(self.size))
    (x_train, t_train), _ = load_mnist(flatten=True, normalize=False)
    img = x_train[0]
    assert (t_train[0], img.shape) == (5, (784,))
    img = img.reshape(28, 28)
    img_show(img)
    assert shown == [(28, 28)]


@pytest.fixture(scope="module")
def sample_network():
    rng, sizes = np.random.default_rng(0), [784, 50, 100, 10]
    shapes = list(itertools.pairwise(sizes))
    weights = {f"W{i}": rng.normal(0, 0.1, shape) for i, shape in enumerate(shapes, 1)}
    return weights | {f"b{i}": rng.normal(0, 0.1, n) for i, (_, n) in enumerate(shapes, 1)}


def one_by_one(network, x, t):
    accuracy_cnt = 0
    for i in range(len(x)):
        y = predict(network, x[i])
        p = np.argmax(y)
        if p == t[i]:
            accuracy_cnt += 1
    return accuracy_cnt


def test_scratch_13_inference(digits, sample_network):
    x, t = (a[:300] for a in digits[1])
    y = predict(sample_network, x[0])
    assert y.sum() == pytest.approx(1)
    assert 0 <= one_by_one(sample_network, x, t) / len(x) <= 1


def test_scratch_14_shapes(digits, sample_network):
    x, _ = digits[1]
    assert x[0].shape == (784,)
    assert [sample_network[f"W{i}"].shape for i in (1, 2, 3)] == [(784, 50), (50, 100), (100, 10)]
    assert predict(sample_network, x[0]).shape == (10,)
    assert predict(sample_network, x[:100]).shape == (100, 10)


def test_scratch_15_batches(digits, sample_network):
    x, t = (a[:300] for a in digits[1])
    assert list(range(0, 10, 3)) == [0, 3, 6, 9]
    batch_size = 100
    accuracy_cnt = 0
    for i in range(0, len(x), batch_size):
        x_batch = x[i : i + batch_size]
        y_batch = predict(sample_network, x_batch)
        p = np.argmax(y_batch, axis=1)
        accuracy_cnt += np.sum(p == t[i : i + batch_size])
    assert accuracy_cnt == one_by_one(sample_network, x, t)


# 4. Neurons, and Theano.


def test_neuron_1_a_threshold():
    net = Network([5, 1], initializer="uniform")
    weights = net.weights[0][0]
    assert np.abs(weights).max() <= 1
    neuron = Network([5, 1])
    neuron.weights, neuron.biases = [weights[None]], [[[-1.0]]]
    for x in np.random.default_rng(0).integers(0, 2, (20, 5)):
        fires = np.dot(weights, x) > 1.0
        assert (neuron.feedforward(x[:, None])[0, 0] > 0.5) == fires
        assert step_function(np.dot(weights, x) - 1.0) == fires


def test_neuron_2_and():
    net = Network([2, 1])
    net.weights, net.biases = [[[20.0, 20.0]]], [[[-30.0]]]
    outputs = net.feedforward(np.array([[0, 0, 1, 1], [0, 1, 0, 1]]))
    assert outputs.round().tolist() == [[0, 0, 0, 1]]


def test_neuron_3_numbers():
    x = T.dscalar("x")
    y = T.dscalar("y")
    z = x + y
    f = function([x, y], z)
    assert str(f(2, 3)) == "5.0"
    assert pp(z) == "(x + y)"


def test_neuron_4_matrices():
    x = T.dmatrix("x")
    y = T.dmatrix("y")
    z = x + y
    f = function([x, y], z)
    printed = str(f(np.arange(12).reshape((3, 4)), 10 * np.ones((3, 4))))
    assert printed == "[[10. 11. 12. 13.]\n [14. 15. 16. 17.]\n [18. 19. 20. 21.]]"


def test_neuron_5_products():
    x = T.dmatrix("x")
    y = T.dmatrix("y")
    z = T.dot(x, y)
    a, b = np.arange(12).reshape((3, 4)), 10 * np.ones((4, 3))
    assert np.array_equal(function([x, y], z)(a, b), a @ b)


def test_neuron_6_logistic():
    x = T.dmatrix("x")
    s = 1 / (1 + T.exp(-x))
    logistic = theano.function([x], s)
    assert str(logistic([[0, 1], [2, 3]])) == "[[0.5        0.73105858]\n [0.88079708 0.95257413]]"


def test_neuron_7_several_outputs():
    a, b = T.dmatrices("a", "b")
    diff = a - b
    abs_diff = abs(diff)
    diff_squared = diff * 2
    f = theano.function([a, b], [diff, abs_diff, diff_squared])
    x1, x2, x3 = f(np.ones((2, 2)), np.arange(4).reshape((2, 2)))
    assert str(x1) == "[[ 1.  0.]\n [-1. -2.]]"
    assert str(x2) == "[[1. 0.]\n [1. 2.]]"
    assert str(x3) == "[[ 2.  0.]\n [-2. -4.]]"


def test_neuron_8_defaults():
    x, y, w = T.dscalars("x", "y", "w")
    z = (x + y) * w
    f = theano.function([x, theano.In(y, value=1), theano.In(w, value=2, name="weight")], z)
    assert str(f(23, 2)) == "50.0"
    assert str(f(23, 2, weight=4)) == "100.0"


# 5. Handwritten digits.


def test_digits_1_a_network():
    net = Network([2, 3, 1])
    assert (net.num_layers, len(net.weights), len(net.biases)) == (3, 2, 2)


def test_digits_2_feedforward():
    net = Network([2, 3, 1])
    a = np.array([[0.5], [0.25]])
    expected = a
    for b, w in zip(net.biases, net.weights, strict=True):
        expected = network.sigmoid(np.dot(w, expected) + b)
    np.testing.assert_allclose(net.feedforward(a), expected, rtol=1e-14)


def test_digits_3_sgd(capsys):
    net = Network([4, 3])
    net.SGD(PAIRS, 2, 10, 3.0)
    net.SGD(PAIRS, 1, 10, 3.0, TEST)
    assert capsys.readouterr().out == f"Epoch 0 complete\nEpoch 1 complete\nEpoch 0: {net.evaluate(TEST)} / 20\n"


def test_digits_4_update_mini_batch():
    net, mini_batch, eta = Network([4, 5, 3]), PAIRS[:10], 3.0
    nabla_b = [np.zeros(b.shape) for b in net.biases]
    nabla_w = [np.zeros(w.shape) for w in net.weights]
    for x, y in mini_batch:
        delta_nabla_b, delta_nabla_w = net.backprop(x, y)
        nabla_b = [nb + dnb for nb, dnb in zip(nabla_b, delta_nabla_b, strict=True)]
        nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, delta_nabla_w, strict=True)]
    weights = [w - (eta / len(mini_batch)) * nw for w, nw in zip(net.weights, nabla_w, strict=True)]
    biases = [b - (eta / len(mini_batch)) * nb for b, nb in zip(net.biases, nabla_b, strict=True)]
    net.update_mini_batch(mini_batch, eta)
    for a, b in zip((*net.weights, *net.biases), (*weights, *biases), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_digits_5_the_listing():
    check_the_listing()


@pytest.fixture(scope="module")
def columns():
    return mnist_loader.load_data_wrapper()


def test_digits_6_mnist_loader(columns):
    tr_d, va_d, te_d = mnist_loader.load_data()
    training_data, validation_data, test_data = columns
    assert [x.shape for x, _ in (tr_d, va_d, te_d)] == [(50_000, 784), (10_000, 784), (10_000, 784)]
    for i in (0, 1, 49_999):
        assert np.array_equal(training_data[i][0], np.reshape(tr_d[0][i], (784, 1)))
        assert np.array_equal(training_data[i][1], mnist_loader.vectorized_result(tr_d[1][i]))
    for data, (x, y) in ((validation_data, va_d), (test_data, te_d)):
        assert np.array_equal(data[-1][0], np.reshape(x[-1], (784, 1)))
        assert [digit for _, digit in data] == y.tolist()


def test_digits_7_the_session(columns, capsys):
    training_data, _, test_data = columns
    net = network.Network([784, 10])
    net.SGD(training_data[:300], 5, 10, 5.0, test_data=test_data)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [f"Epoch {j}" for j in range(5)]
    assert lines[-1] == f"Epoch 4: {net.evaluate(test_data)} / 10000"
