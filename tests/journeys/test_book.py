"""The book's face: Nielsen's lines, names, shapes and printed output."""

import copy
import gzip
import json
import re

import numpy as np
import oracle
import pytest
from book_loop import BookNetwork
from compare import relative_difference
from python2_pickle import dumps

from anynet import Network, data, datasets


@pytest.fixture(scope="module")
def book_data():
    training_data, validation_data, test_data = datasets.load_data_wrapper()
    return training_data, validation_data, test_data


@pytest.mark.slow
def test_the_books_session_with_only_the_imports_changed(capsys):
    from anynet import datasets as mnist_loader
    from anynet import network

    training_data, _validation_data, test_data = mnist_loader.load_data_wrapper()
    net = network.Network([784, 30, 10])
    net.SGD(training_data, 30, 10, 3.0, test_data=test_data)
    lines = capsys.readouterr().out.splitlines()
    counts = [int(re.fullmatch(rf"Epoch {j}: (\d+) / 10000", line)[1]) for j, line in enumerate(lines)]
    assert len(counts) == 30
    assert counts[0] > 9000  # the text prints 9045 first, 9476 last, and 9489 at best
    assert counts[-1] > 9400
    assert max(counts) >= 9489


@pytest.mark.slow
def test_the_books_session_prints_the_books_lines(backend32, book_data, capsys):
    training_data, _, test_data = book_data
    net = Network([784, 30, 10], backend32)
    net.SGD(training_data[:2000], 2, 10, 3.0, test_data=test_data[:500])
    lines = capsys.readouterr().out.splitlines()
    assert [re.fullmatch(r"Epoch (\d): (\d+) / 500", line)[1] for line in lines] == ["0", "1"]
    assert int(lines[1].split()[2]) == net.evaluate(test_data[:500]) > 300


@pytest.mark.slow
@pytest.mark.parametrize(("sizes", "epochs", "eta"), [([784, 10], 5, 5.0), ([784, 30, 10], 2, 3.0)])
def test_training_is_that_of_a_plain_loop_over_examples(backend, book_data, capsys, sizes, epochs, eta):
    training_data, test_data = book_data[0][:1000], book_data[2][:500]
    net = Network(sizes, backend)
    plain = BookNetwork(net.weights, net.biases)
    order = copy.deepcopy(net.streams.order)
    orders = [order.permutation(1000) for _ in range(epochs)]
    net.SGD(training_data, epochs, 10, eta, test_data=test_data)
    counts = plain.SGD(training_data, orders, 10, eta, test_data)
    assert capsys.readouterr().out == "".join(f"Epoch {j}: {count} / 500\n" for j, count in enumerate(counts))
    for got, expected in zip((*net.weights, *net.biases), (*plain.weights, *plain.biases), strict=True):
        assert relative_difference(got, expected) <= 1e-10


def test_without_test_data_an_epoch_is_complete(book_data, capsys):
    Network([784, 10]).SGD(book_data[0][:100], 2, 10, 3.0)
    assert capsys.readouterr().out == "Epoch 0 complete\nEpoch 1 complete\n"


def test_test_data_are_checked_and_moved_once(book_data, monkeypatch):
    to_device, calls = data.to_device, []
    monkeypatch.setattr(data, "to_device", lambda *of, **how: calls.append(1) or to_device(*of, **how))
    for epochs in (1, 4):
        Network([784, 10]).SGD(book_data[0][:100], epochs, 10, 3.0, test_data=book_data[2][:50])
    assert len(calls) == 2 * 2  # training and test data, whatever the epochs


def test_test_data_need_answers_that_are_right_or_wrong():
    net, data = Network([2, 1], output="identity"), (np.ones((4, 2)), np.ones(4))
    before = net.weights
    with pytest.raises(ValueError, match="right or wrong"):
        net.SGD(data, 1, 2, 0.1, test_data=data)
    assert np.array_equal(net.weights[0], before[0])


@pytest.mark.slow
def test_validation_and_test_data_in_every_form_count_alike(backend32, book_data, mnist):
    net = Network([784, 30, 10], backend32)
    train = mnist[0]
    net.fit((train.x[:3000], train.y[:3000]), epochs=1, batch_size=10)
    pairs = book_data[2][:400]
    x, y = mnist[2].x[:400], mnist[2].y[:400]
    one_hot = [(a, datasets.vectorized_result(j)) for a, j in pairs]
    counts = {net.evaluate(form) for form in (pairs, one_hot, (x, y), datasets.Dataset(x, y))}
    assert len(counts) == 1
    assert counts.pop() == sum(int(np.argmax(net.feedforward(a)) == j) for a, j in pairs)


def test_backprop_is_that_of_one_example(backend, rng):
    net = Network([4, 5, 3], backend)
    x, y = rng.uniform(0, 1, (4, 1)), np.array([[0.0], [1.0], [0.0]])
    nabla_b, nabla_w = net.backprop(x, y)
    assert [b.shape for b in nabla_b] == [b.shape for b in net.biases]
    assert [w.shape for w in nabla_w] == [w.shape for w in net.weights]
    _, expected_w, expected_b = oracle.backprop(
        [w.tolist() for w in net.weights],
        [b[:, 0].tolist() for b in net.biases],
        ["sigmoid", "sigmoid"],
        "quadratic",
        x[:, 0].tolist(),
        y[:, 0].tolist(),
    )
    for got, expected in zip((*nabla_w, *(b[:, 0] for b in nabla_b)), (*expected_w, *expected_b), strict=True):
        assert relative_difference(got, expected) <= 1e-12
    digit_b, _ = net.backprop(x, 1)
    assert np.array_equal(digit_b[0], nabla_b[0])


def test_update_mini_batch_is_equations_20_and_21(backend, rng):
    net = Network([4, 5, 3], backend)
    pairs = [(rng.uniform(0, 1, (4, 1)), np.eye(3)[:, [j]]) for j in (0, 1, 2, 1, 0)]
    weights, biases = net.weights, net.biases
    nablas = [net.backprop(x, y) for x, y in pairs]
    net.update_mini_batch(pairs, 0.7)
    for l in range(2):
        assert relative_difference(net.weights[l], weights[l] - 0.7 / 5 * sum(n[1][l] for n in nablas)) <= 1e-12
        assert relative_difference(net.biases[l], biases[l] - 0.7 / 5 * sum(n[0][l] for n in nablas)) <= 1e-12


def test_cost_derivative_is_the_difference(backend):
    net = Network([4, 3], backend)
    a, y = backend.copy_to_device([[0.2], [0.7], [0.1]]), backend.copy_to_device([[0.0], [1.0], [0.0]])
    assert backend.to_numpy(net.cost_derivative(a, y))[:, 0] == pytest.approx([0.2, -0.3, 0.1])
    with pytest.raises(ValueError, match="cost_derivative: expected the quadratic cost"):
        Network([4, 3], backend, output="softmax").cost_derivative(a, y)


def test_names_of_the_book():
    net = Network([2, 3, 1])
    assert net.num_layers == 3
    assert net.sizes == [2, 3, 1]
    assert [b.shape for b in net.biases] == [(3, 1), (1, 1)]
    assert [w.shape for w in net.weights] == [(3, 2), (1, 3)]


def test_a_digit_is_vectorized():
    for j in range(10):
        e = datasets.vectorized_result(j)
        assert e.shape == (10, 1)
        assert np.flatnonzero(e).tolist() == [j]
        assert e.sum() == 1.0


# The book's files.


def books_file(folder, mnist, n):
    """Write the first n images of each part as the book's mnist.pkl.gz, whose pixels are divided by 256."""
    path = folder / "mnist.pkl.gz"
    parts = tuple(((part.x[:n] / np.float32(256)).astype("f4"), part.y[:n]) for part in mnist)
    path.write_bytes(gzip.compress(dumps(parts), 1))
    return path


@pytest.mark.slow
def test_the_books_file_teaches_as_much_as_the_embedded_images(tmp_path, mnist, book_data, capsys):
    parts = datasets.load_data_wrapper(books_file(tmp_path, mnist, 5000))
    embedded = tuple(part[:5000] for part in book_data)
    x, y = parts[0][0]
    assert (x.shape, x.dtype, y.argmax()) == ((784, 1), np.float32, 5)
    assert np.array_equal(x * 256, mnist[0].x[0][:, None])
    accuracies = []
    for training_data, _, test_data in (parts, embedded):
        net = Network([784, 30, 10])
        net.SGD(training_data, 5, 10, 3.0, test_data=test_data)
        accuracies.append(net.accuracy(test_data))
    assert capsys.readouterr().out.count("/ 5000\n") == 10
    assert min(accuracies) > 0.85
    assert abs(accuracies[0] - accuracies[1]) < 0.01  # the files differ by a 256th


@pytest.mark.parametrize(("name", "cost"), [("CrossEntropyCost", "cross_entropy"), ("QuadraticCost", "quadratic")])
def test_networks_of_network2_load(backend, tmp_path, rng, name, cost):
    net = Network([784, 30, 10], backend, cost=cost, seed=3)
    content = {
        "sizes": net.sizes,
        "weights": [w.tolist() for w in net.weights],
        "biases": [b.tolist() for b in net.biases],
        "cost": name,
    }
    (tmp_path / "net.json").write_text(json.dumps(content))
    loaded = Network.load(tmp_path / "net.json", backend)
    assert (loaded.sizes, loaded.cost.name, loaded.backend) == (net.sizes, cost, backend)
    x = rng.uniform(0, 1, (784, 1))
    assert np.array_equal(loaded.feedforward(x), net.feedforward(x))
    plain = BookNetwork(map(np.array, content["weights"]), map(np.array, content["biases"]))
    assert relative_difference(loaded.feedforward(x), plain.feedforward(x)) <= 1e-12
    assert Network.load(tmp_path / "net.json").backend.dtype == "float64"
