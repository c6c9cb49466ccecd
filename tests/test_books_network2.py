"""The book's network2.py under its own names: its lines, its four lists, its counts, its files."""

import copy
import json
import re

import numpy as np
import pytest
from compare import relative_difference

import anynet
from anynet import datasets
from anynet.books import network2
from anynet.books.network2 import CrossEntropyCost, QuadraticCost

X = np.random.default_rng(0).random((60, 6))
PAIRS = [(x[:, None], np.eye(3)[:, [i % 3]]) for i, x in enumerate(X)]
OTHERS = [(x, int(y.argmax())) for x, y in PAIRS[:20]]


class PlainLoop:
    """network2 in a plain loop, one example at a time, from equations 63, 85 and 95 and BP1 to BP4."""

    def __init__(self, net, cost=CrossEntropyCost):
        self.weights, self.biases = ([np.array(a) for a in arrays] for arrays in (net.weights, net.biases))
        self.is_quadratic = cost is QuadraticCost

    def activations(self, a):
        found = [a]
        for w, b in zip(self.weights, self.biases, strict=True):
            found.append(1 / (1 + np.exp(-(w @ found[-1] + b))))
        return found

    def step(self, batch, eta, lmbda, n):
        nablas = [self.backprop(x, y) for x, y in batch]
        shrunk, rate = 1 - eta * lmbda / n, eta / len(batch)
        self.weights = [shrunk * w - rate * sum(one[0][l] for one in nablas) for l, w in enumerate(self.weights)]
        self.biases = [b - rate * sum(one[1][l] for one in nablas) for l, b in enumerate(self.biases)]

    def backprop(self, x, y):
        a = self.activations(x)
        delta = (a[-1] - y) * (a[-1] * (1 - a[-1]) if self.is_quadratic else 1.0)
        nabla_w, nabla_b = [delta @ a[-2].T], [delta]
        for l in range(len(self.weights) - 1, 0, -1):
            delta = (self.weights[l].T @ delta) * a[l] * (1 - a[l])
            nabla_w, nabla_b = [delta @ a[l - 1].T, *nabla_w], [delta, *nabla_b]
        return nabla_w, nabla_b

    def cost(self, data, lmbda):
        total = 0.0
        for x, y in data:
            a = self.activations(x)[-1]
            total += (
                0.5 * np.sum((a - y) ** 2) if self.is_quadratic else -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a))
            )
        return total / len(data) + lmbda / (2 * len(data)) * sum(np.sum(w**2) for w in self.weights)

    def accuracy(self, data):
        return sum(int(self.activations(x)[-1].argmax() == y) for x, y in data)

    def epochs(self, pairs, others, orders, size, eta, lmbda):
        """Return the four lists."""
        columns = [(x, np.eye(len(self.biases[-1]))[:, [y]]) for x, y in others]
        digits = [(x, y.argmax()) for x, y in pairs]
        found = [], [], [], []
        for order in orders:
            for k in range(0, len(order), size):
                self.step([pairs[i] for i in order[k : k + size]], eta, lmbda, len(pairs))
            figures = self.cost(columns, lmbda), self.accuracy(others), self.cost(pairs, lmbda), self.accuracy(digits)
            for values, figure in zip(found, figures, strict=True):
                values.append(figure)
        return found


ALL = {f"monitor_{data}_{what}": True for data in ("evaluation", "training") for what in ("cost", "accuracy")}


def orders_of(net, n, epochs):
    order = copy.deepcopy(net.streams.order)
    return [order.permutation(n) for _ in range(epochs)]


def differs(net, plain):
    pairs = zip((*net.weights, *net.biases), (*plain.weights, *plain.biases), strict=True)
    return max(relative_difference(a, b) for a, b in pairs)


# Held to the plain loop.


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("cost", [CrossEntropyCost, QuadraticCost])
def test_it_learns_and_monitors_as_a_plain_loop(backend, cost, capsys):
    net = network2.Network([6, 5, 3], cost, backend=backend)
    plain, orders = PlainLoop(net, cost), orders_of(net, 60, 3)
    found = net.SGD(PAIRS, 3, 7, 0.5, 2.0, OTHERS, True, True, True, True)
    expected = plain.epochs(PAIRS, OTHERS, orders, 7, 0.5, 2.0)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert all(type(count) is int for count in found[1] + found[3])
    assert differs(net, plain) <= 1e-12
    lines = capsys.readouterr().out.splitlines()
    for j in range(3):
        assert lines[6 * j : 6 * j + 6] == [
            f"Epoch {j} training complete",
            f"Cost on training data: {found[2][j]}",
            f"Accuracy on training data: {found[3][j]} / 60",
            f"Cost on evaluation data: {found[0][j]}",
            f"Accuracy on evaluation data: {found[1][j]} / 20",
            "",
        ]


@pytest.mark.slow
def test_the_session_of_chapter_3(capsys):
    """30 epochs, lambda 5, on a fiftieth of the images."""
    training_data, validation_data, _ = datasets.load_data_wrapper()
    pairs, others = training_data[:1000], validation_data[:1000]
    net = network2.Network([784, 30, 10], cost=CrossEntropyCost, seed=1)
    plain, orders = PlainLoop(net), orders_of(net, 1000, 30)
    found = net.SGD(pairs, 30, 10, 0.5, lmbda=5.0, evaluation_data=others, **ALL)
    expected = plain.epochs(pairs, others, orders, 10, 0.5, 5.0)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert len(capsys.readouterr().out.splitlines()) == 30 * 6


@pytest.mark.slow
@pytest.mark.parametrize("cost", [CrossEntropyCost, QuadraticCost])
def test_a_thousand_steps_with_l2_end_where_a_plain_loop_ends(cost):
    training_data = datasets.load_data_wrapper()[0][:10_000]
    net = network2.Network([784, 30, 10], cost, seed=1)
    plain, [order] = PlainLoop(net, cost), orders_of(net, 10_000, 1)
    assert net.SGD(training_data, 1, 10, 0.5, lmbda=5.0) == ([], [], [], [])
    for k in range(0, 10_000, 10):
        plain.step([training_data[i] for i in order[k : k + 10]], 0.5, 5.0, 10_000)
    assert differs(net, plain) <= 1e-12


def test_update_mini_batch_is_one_step_with_l2(backend):
    net = network2.Network([6, 5, 3], backend=backend)
    plain = PlainLoop(net)
    net.update_mini_batch(PAIRS[:7], 0.5, 5.0, 60)
    plain.step(PAIRS[:7], 0.5, 5.0, 60)
    assert differs(net, plain) <= 1e-12


# Costs.


def test_the_two_costs():
    z, y = np.linspace(-3, 3, 4)[:, None], np.array([[0.0], [1.0], [0.3], [1.0]])
    h, a = 1e-6, network2.sigmoid(np.linspace(-3, 3, 4)[:, None])
    assert QuadraticCost.fn(a, y) == pytest.approx(0.5 * np.linalg.norm(a - y) ** 2)
    assert CrossEntropyCost.fn(a, y) == pytest.approx(-np.sum(y * np.log(a) + (1 - y) * np.log(1 - a)))
    for cost in (QuadraticCost, CrossEntropyCost):
        delta = cost.delta(z, a, y)
        for i in range(4):
            step = h * np.eye(4)[:, [i]]
            up, down = (cost.fn(network2.sigmoid(z + s), y) for s in (step, -step))
            assert delta[i, 0] == pytest.approx((up - down) / (2 * h), rel=1e-6)
    assert CrossEntropyCost.fn(np.array([[1.0], [0.0]]), np.array([[1.0], [0.0]])) == 0.0
    assert CrossEntropyCost.fn(np.array([[0.0]]), np.array([[1.0]])) == np.finfo(float).max


class Fourth:
    """A cost of a reader's own: 1/4 sum((a - y)^4)."""

    @staticmethod
    def fn(a, y):
        return 0.25 * np.sum((a - y) ** 4)

    @staticmethod
    def delta(z, a, y):
        return (a - y) ** 3 * network2.sigmoid_prime(z)


def test_a_cost_of_ones_own(capsys):
    cost = anynet.Cost("fourth", "sigmoid", lambda xp, z, a, y: 0.25 * xp.sum((a - y) ** 4, axis=1))
    expected = anynet.Network([6, 5, 3], dtype="float64", cost=cost)
    net = network2.Network([6, 5, 3], Fourth)
    net.weights, net.biases = expected.weights, expected.biases
    expected.fit(PAIRS, epochs=1, batch_size=60, shuffle=False, optimizer=anynet.SGD(2.0), progress=False)
    costs = net.SGD(PAIRS, 1, 60, 2.0, monitor_training_cost=True)[2]
    assert differs(net, expected) <= 1e-12
    assert costs == [pytest.approx(np.mean([Fourth.fn(net.feedforward(x), y) for x, y in PAIRS]))]
    assert (net.cost, net.accuracy(OTHERS)) == (Fourth, expected.evaluate(OTHERS))
    for learn in (lambda: net.fit(X, np.arange(60) % 3), lambda: net.gradients(X, np.arange(60) % 3)):
        with pytest.raises(ValueError, match=r"expected CrossEntropyCost or QuadraticCost, got .*Fourth"):
            learn()
    net.cost = QuadraticCost
    assert net.architecture.cost.name == "quadratic"


# What a reader overrides.


def test_what_is_overridden_is_what_runs(capsys):
    class Mine(network2.Network):
        def default_weight_initializer(self):
            self.biases = [np.zeros((n, 1)) for n in self.sizes[1:]]
            self.weights = [
                np.full((n_out, n_in), 0.1) for n_in, n_out in zip(self.sizes, self.sizes[1:], strict=False)
            ]

        def backprop(self, x, y):
            nabla_b, nabla_w = super().backprop(x, y)
            return [2 * b for b in nabla_b], [2 * w for w in nabla_w]

        def accuracy(self, data, convert=False):
            return len(data) + convert

    mine, net = Mine([6, 5, 3]), network2.Network([6, 5, 3])
    assert np.array_equal(mine.weights[0], np.full((5, 6), 0.1))
    net.weights, net.biases = mine.weights, mine.biases
    found = mine.SGD(PAIRS, 1, 60, 0.5, 5.0, OTHERS, monitor_evaluation_accuracy=True, monitor_training_accuracy=True)
    net.SGD(PAIRS, 1, 60, 1.0, 2.5)
    assert differs(mine, net) <= 1e-12
    assert found == ([], [20], [], [61])


def test_feedforward_overridden_is_judged_by():
    class Always(network2.Network):
        def feedforward(self, a):
            return np.array([[0.1], [0.1], [0.8]])

    net = Always([6, 3])
    twos = sum(digit == 2 for _, digit in OTHERS)
    assert net.accuracy(OTHERS) == twos
    assert net.accuracy(PAIRS[:20], convert=True) == twos
    expected = np.mean([CrossEntropyCost.fn(net.feedforward(x), np.eye(3)[:, [y]]) for x, y in OTHERS])
    assert net.total_cost(OTHERS, 0.0, convert=True) == pytest.approx(expected)


# Starts, early stopping, calls that the book allows.


def test_the_two_starts():
    net = network2.Network([400, 300, 10])
    assert net.cost is CrossEntropyCost
    assert net.weights[0].std() == pytest.approx(1 / 20, rel=0.02)
    before = net.weights[0].copy()
    net.large_weight_initializer()
    assert net.weights[0].std() == pytest.approx(1, rel=0.02)
    assert net.biases[0].std() == pytest.approx(1, rel=0.2)
    net.default_weight_initializer()
    assert net.weights[0].std() == pytest.approx(1 / 20, rel=0.02)
    assert not np.array_equal(net.weights[0], before)


@pytest.mark.parametrize(
    ("accuracies", "patience", "epochs"),
    [([3, 4, 4, 5, 5, 4, 9], 2, 6), ([3, 4, 4, 5, 5, 4, 9], 3, 7), ([0, 0, 1], 2, 2), ([5, 4], 0, 2)],
)
@pytest.mark.parametrize("data", ["evaluation", "training"])
def test_early_stopping(accuracies, patience, epochs, data, capsys):
    class Told(network2.Network):
        def accuracy(self, data, convert=False):
            return next(left)

    left = iter(accuracies)
    how = {f"monitor_{data}_accuracy": True, "early_stopping_n": patience}
    found = Told([6, 3]).SGD(PAIRS, len(accuracies), 60, 0.5, evaluation_data=OTHERS, **how)
    assert found[1 if data == "evaluation" else 3] == accuracies[:epochs]


def test_calls_that_the_book_allows(capsys):
    net = network2.Network([6, 3])
    before = net.weights[0].copy()
    assert net.SGD(PAIRS, 0, 10, 1.0) == ([], [], [], [])
    net.SGD(zip(*zip(*PAIRS, strict=True), strict=True), 1, 1000, 0, evaluation_data=[])
    assert np.array_equal(net.weights[0], before)
    assert net.accuracy([]) == 0
    assert net.accuracy(zip(*zip(*OTHERS, strict=True), strict=True)) == net.accuracy(OTHERS)
    assert capsys.readouterr().out == "Epoch 0 training complete\n\n"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda net: net.SGD(PAIRS, 1, 10, 1.0, -1.0), ValueError, "^lmbda: expected a finite number, at least 0"),
        (lambda net: net.SGD(PAIRS, 1, 10, 1.0, monitor_evaluation_cost=True), ValueError, "^evaluation_data: exp"),
        (lambda net: net.SGD(PAIRS, 1, 10, 1.0, early_stopping_n=1), ValueError, "^early_stopping_n: expected an acc"),
        (lambda net: net.SGD(PAIRS, 1, 10, 1.0, early_stopping_n=-1), ValueError, "^early_stopping_n: expected at le"),
        (lambda net: net.accuracy(PAIRS), ValueError, "^accuracy: expected digits as y, got columns. Say convert=True"),
        (lambda net: net.accuracy(OTHERS, True), ValueError, "^accuracy: .* got digits. Say convert=False"),
        (lambda net: net.total_cost(OTHERS, 0.0), ValueError, "^total_cost: .* got digits. Say convert=True"),
        (lambda net: net.total_cost(PAIRS, 0.0, True), ValueError, "^total_cost: .* got columns. Say convert=False"),
        (lambda net: net.total_cost([], 0.0), ValueError, "^data: expected at least one"),
        (lambda net: setattr(net, "cost", "quadratic"), TypeError, "^cost: expected CrossEntropyCost, "),
        (lambda net: network2.Network([6, 3], None), TypeError, "^cost: expected CrossEntropyCost"),
    ],
)  # fmt: skip
def test_what_no_book_allows(call, error, message):
    with pytest.raises(error, match=message):
        call(network2.Network([6, 3]))


# Files.


@pytest.mark.parametrize("cost", [CrossEntropyCost, QuadraticCost])
def test_saved_and_loaded(tmp_path, cost):
    net = network2.Network([6, 5, 3], cost)
    assert net.save(tmp_path / "net") == tmp_path / "net"
    content = json.loads((tmp_path / "net").read_text())
    assert content["cost"] == cost.__name__
    assert content["sizes"] == [6, 5, 3]
    assert [np.shape(b) for b in content["biases"]] == [(5, 1), (3, 1)]
    loaded = network2.load(tmp_path / "net")
    assert (type(loaded), loaded.cost) == (network2.Network, cost)
    for a, b in zip((*net.weights, *net.biases), (*loaded.weights, *loaded.biases), strict=True):
        assert np.array_equal(a, b)
    loaded.weights[0][0, 0] = 1.0  # live


def test_a_file_without_a_cost_is_cross_entropys(tmp_path):
    net = network2.Network([6, 5, 3], QuadraticCost)
    content = json.loads(net.save(tmp_path / "net").read_text())
    del content["cost"]
    (tmp_path / "net").write_text(json.dumps(content))
    with pytest.warns(UserWarning, match=re.escape("net: no cost; cross-entropy, network2's own, is assumed.")):
        assert network2.load(tmp_path / "net").cost is CrossEntropyCost


def test_a_save_that_fails_leaves_what_was_there(tmp_path):
    net = network2.Network([6, 3])
    with pytest.raises(FileNotFoundError):
        net.save(tmp_path / "absent" / "net")
    (tmp_path / "net").mkdir()
    with pytest.raises(OSError, match="net"):
        net.save(tmp_path / "net")
    assert [path.name for path in tmp_path.iterdir()] == ["net"]
