"""The book's network.py under its own names: held to a plain loop, live, and what a reader overrides is what runs."""

import copy
import pickle
import re

import numpy as np
import pytest
from book_loop import BookNetwork
from compare import relative_difference

import anynet
from anynet import datasets
from anynet.books import network

X = np.random.default_rng(0).random((60, 6))
PAIRS = [(x[:, None], np.eye(3)[:, [i % 3]]) for i, x in enumerate(X)]
TEST = [(x, int(y.argmax())) for x, y in PAIRS[:20]]


@pytest.fixture(scope="module")
def book_data():
    return datasets.load_data_wrapper()


def plain_loop_of(net, n, epochs):
    """Return a plain loop that starts where a network stands, and the orders in which that will take n examples."""
    order = copy.deepcopy(net.streams.order)
    weights, biases = ([np.array(a) for a in arrays] for arrays in (net.weights, net.biases))
    return BookNetwork(weights, biases), [order.permutation(n) for _ in range(epochs)]


def differs(net, plain):
    pairs = zip((*net.weights, *net.biases), (*plain.weights, *plain.biases), strict=True)
    return max(relative_difference(a, b) for a, b in pairs)


# The start.


def test_it_starts_as_the_book_starts_it():
    net = network.Network([400, 300, 10])
    assert net.backend.dtype == "float64"
    assert [w.shape for w in net.weights] == [(300, 400), (10, 300)]
    assert [b.shape for b in net.biases] == [(300, 1), (10, 1)]
    assert net.weights[0].std() == pytest.approx(1, rel=0.02)
    assert net.biases[0].std() == pytest.approx(1, rel=0.2)
    assert not np.array_equal(net.weights[0], network.Network([400, 300, 10]).weights[0])  # from chance
    first, again = (network.Network([4, 3], seed=5).weights[0] for _ in range(2))
    assert np.array_equal(first, again)
    assert network.Network([4, 3], dtype="float32", initializer="uniform").weights[0].dtype == np.float32
    assert (net.num_layers, net.sizes) == (3, [400, 300, 10])


# Learning, held to a plain loop.


@pytest.mark.slow_on("jax")
def test_the_run_without_a_hidden_layer_prints_a_plain_loops_lines(backend, book_data, capsys):
    """[784, 10], eta 5.0: after 30 and 60 steps."""
    training_data, _, test_data = book_data
    net = network.Network([784, 10], backend, seed=1)  # of some starts this rate makes 1e-11 of a last digit
    plain, orders = plain_loop_of(net, 300, 2)
    net.SGD(training_data[:300], 2, 10, 5.0, test_data=test_data)
    counts = plain.SGD(training_data, orders, 10, 5.0, test_data)
    assert capsys.readouterr().out == "".join(f"Epoch {j}: {count} / 10000\n" for j, count in enumerate(counts))
    assert differs(net, plain) <= 1e-12


@pytest.mark.slow_on("jax")
def test_in_float32_it_counts_nearly_the_same(backend32, book_data, capsys):
    training_data, _, test_data = book_data
    net = network.Network(
        [784, 10], backend32, seed=0
    )  # of twenty starts one ends 6 apart: many outputs are near 0 or 1
    plain, orders = plain_loop_of(net, 300, 2)
    plain.weights, plain.biases = ([a.astype(float) for a in arrays] for arrays in (plain.weights, plain.biases))
    net.SGD(training_data[:300], 2, 10, 5.0, test_data=test_data)
    counts = plain.SGD(training_data, orders, 10, 5.0, test_data)
    for j, line in enumerate(capsys.readouterr().out.splitlines()):
        assert abs(int(re.fullmatch(rf"Epoch {j}: (\d+) / 10000", line)[1]) - counts[j]) <= 5


@pytest.mark.slow
def test_a_thousand_steps_end_where_a_plain_loop_ends(book_data):
    net = network.Network([784, 30, 10], seed=1)
    plain, orders = plain_loop_of(net, 10_000, 1)
    net.SGD(book_data[0][:10_000], 1, 10, 3.0)
    plain.SGD(book_data[0], orders, 10, 3.0, [])
    assert differs(net, plain) <= 1e-12


def test_backprop_and_update_mini_batch_are_the_plain_loops(backend):
    net = network.Network([6, 5, 4, 3], backend)
    plain, _ = plain_loop_of(net, 1, 1)
    nabla_b, nabla_w = net.backprop(*PAIRS[0])
    of_w, of_b = plain.backprop(*PAIRS[0])
    for got, expected in zip((*nabla_b, *nabla_w), (*of_b, *of_w), strict=True):
        assert isinstance(got, np.ndarray)
        assert relative_difference(got, expected) <= 1e-12
    assert np.array_equal(net.backprop(PAIRS[1][0], 1)[0][0], net.backprop(*PAIRS[1])[0][0])  # a digit will do
    for batch in (PAIRS[:7], PAIRS[:1]):
        net.update_mini_batch(batch, 0.7)
        plain.update_mini_batch(batch, 0.7)
    assert differs(net, plain) <= 1e-12


# What a reader overrides.


class Difference(network.Network):
    """The book's own cost_derivative, written once more."""

    def cost_derivative(self, output_activations, y):
        return output_activations - y


class Passed(network.Network):
    def backprop(self, x, y):
        return super().backprop(x, y)


class Stepwise(network.Network):
    """The book's own update_mini_batch, written once more."""

    def update_mini_batch(self, mini_batch, eta):
        nablas = [self.backprop(x, y) for x, y in mini_batch]
        rate = eta / len(mini_batch)
        self.weights = [w - rate * sum(n[1][l] for n in nablas) for l, w in enumerate(self.weights)]
        self.biases = [b - rate * sum(n[0][l] for n in nablas) for l, b in enumerate(self.biases)]


@pytest.mark.parametrize("kind", [Difference, Passed, Stepwise])
def test_the_books_own_formulas_overridden_give_the_same(backend, kind):
    mine, net = (made([6, 5, 3], backend, seed=3) for made in (kind, network.Network))
    for each in (mine, net):
        each.SGD(PAIRS, 2, 7, 1.5)
    assert differs(mine, net) <= 1e-12


def test_an_overridden_cost_derivative_is_what_is_learnt_by(backend):
    class Doubled(network.Network):
        def cost_derivative(self, output_activations, y):
            assert output_activations.shape == y.shape == (3, 1)
            return 2 * (output_activations - y)

    doubled, net = Doubled([6, 5, 3], backend, seed=3), network.Network([6, 5, 3], backend, seed=3)
    doubled.SGD(PAIRS, 2, 7, 1.0)
    net.SGD(PAIRS, 2, 7, 2.0)
    assert differs(doubled, net) <= 1e-12
    assert (
        relative_difference(doubled.backprop(*PAIRS[0])[1][0], 2 * Difference.backprop(doubled, *PAIRS[0])[1][0] / 2)
        == 0
    )
    on_itself = network.Network([6, 5, 3], backend, seed=3)
    on_itself.cost_derivative = lambda a, y: 2 * (a - y)
    on_itself.SGD(PAIRS, 2, 7, 1.0)
    assert differs(on_itself, doubled) <= 1e-12


def test_overridden_questions_are_asked(capsys):
    class Asked(network.Network):
        def evaluate(self, test_data):
            return 100 + len(test_data)

    class Silent(network.Network):
        def feedforward(self, a):
            return np.eye(3)[:, [2]]

    Asked([6, 3]).SGD(PAIRS, 1, 10, 1.0, test_data=TEST)
    net = Silent([6, 3])
    net.SGD(PAIRS, 1, 10, 1.0, test_data=zip(*zip(*TEST, strict=True), strict=True))
    twos = sum(digit == 2 for _, digit in TEST)
    assert capsys.readouterr().out == f"Epoch 0: 120 / 20\nEpoch 0: {twos} / 20\n"
    assert net.accuracy(TEST) == twos / 20


@pytest.mark.parametrize(
    ("method", "made", "message"),
    [
        ("cost_derivative", np.zeros(3), r"cost_derivative: expected a column \(3, 1\) to be returned, got \(3,\)"),
        (
            "backprop",
            ([np.zeros((3, 1))], [np.zeros((6, 3))]),
            r"backprop: expected nabla_w to be a list of the shapes",
        ),
    ],
)
def test_what_a_reader_returns_is_checked(method, made, message):
    net = network.Network([6, 3])
    before = pickle.dumps(net.weights)
    setattr(net, method, lambda *_: made)
    with pytest.raises(ValueError, match=message):
        net.SGD(PAIRS, 1, 10, 1.0)
    assert pickle.dumps(net.weights) == before


# Live weights and biases.


def test_weights_and_biases_are_written_in_place():
    net = network.Network([6, 5, 3])
    x, before = PAIRS[0][0], net.feedforward(PAIRS[0][0])
    net.weights[0][2, 3] += 1.0
    changed = net.feedforward(x)
    assert not np.array_equal(changed, before)
    net.biases[1][0] = 5.0
    net.biases[1] += 0.5
    assert net.biases[1][0] == 5.5
    assert net.feedforward(x)[0] > changed[0]
    net.weights[1] = np.zeros((3, 5))
    assert np.array_equal(net.feedforward(x), network.sigmoid(net.biases[1]))
    net.weights[1][0, 0] = 2.0  # what was put in is live as well
    assert net.to("numpy").weights[1][0, 0] == net.weights[1][0, 0] == 2.0
    net.update_mini_batch(PAIRS, 1.0)
    assert not np.array_equal(net.weights[1], [[2.0] + [0.0] * 4, [0.0] * 5, [0.0] * 5])


def test_gradients_are_checked_as_readers_check_them():
    net, h = network.Network([6, 5, 3], seed=1), 1e-5
    x, y = PAIRS[0]
    nabla_b, nabla_w = net.backprop(x, y)
    for arrays, nablas in ((net.weights, nabla_w), (net.biases, nabla_b)):
        for a, nabla in zip(arrays, nablas, strict=True):
            for index in np.ndindex(a.shape):
                kept, costs = a[index], []
                for step in (h, -h):
                    a[index] = kept + step
                    costs.append(0.5 * np.sum((net.feedforward(x) - y) ** 2))
                a[index] = kept
                assert (costs[0] - costs[1]) / (2 * h) == pytest.approx(nabla[index], abs=1e-9)


def test_what_was_handed_out_before_a_training_stays():
    net = network.Network([6, 3])
    kept, weights = net.weights, net.weights[0].copy()
    net.SGD(PAIRS, 1, 10, 1.0)
    assert np.array_equal(kept[0], weights)
    assert not np.array_equal(net.weights[0], weights)


def test_what_does_not_fit_is_refused_and_forgotten():
    net = network.Network([6, 5, 3])
    before = net.feedforward(PAIRS[0][0])
    net.weights[1] = np.ones((5, 3))
    with pytest.raises(ValueError, match=r"weights\[1\]: expected the shape \(3, 5\), got \(5, 3\)\. Transpose it"):
        net.feedforward(PAIRS[0][0])
    assert np.array_equal(net.feedforward(PAIRS[0][0]), before)
    with pytest.raises(ValueError, match=r"biases: expected 2 arrays"):
        net.biases = [np.ones((5, 1))]


def test_copies_share_nothing():
    net = network.Network([6, 3])
    assert net.weights
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net.to("numpy")):
        assert type(twin) is network.Network
        before = twin.weights[0].copy()
        net.weights[0] += 1.0
        assert np.array_equal(twin.weights[0], before)


def test_on_other_libraries_they_are_copies_and_assigning_acts(backend):
    net = network.Network([6, 3], backend)
    if backend.name != "numpy":
        with pytest.raises(ValueError, match="read-only"):
            net.weights[0][0, 0] = 1.0
    net.weights = [np.full((3, 6), 0.5)]
    assert np.array_equal(net.weights[0], np.full((3, 6), 0.5))


# Calls that the book allows.


def test_feedforward_takes_a_column_and_a_matrix_of_columns(backend):
    net, columns = network.Network([6, 5, 3], backend), X[:6].T  # as many as there are inputs
    outputs = net.feedforward(columns)
    assert outputs.shape == (3, 6)
    plain, _ = plain_loop_of(net, 1, 1)
    for i in range(6):
        assert net.feedforward(columns[:, [i]]).shape == (3, 1)
        assert relative_difference(outputs[:, [i]], plain.feedforward(columns[:, [i]])) <= 1e-12
    assert net.feedforward(X[0].tolist()).shape == (3,)
    with pytest.raises(ValueError, match=r"a: expected columns, \(6, 1\) or \(6, n\), got \(60, 6\)\. .* a\.T"):
        net.feedforward(X)


@pytest.mark.parametrize("kind", [network.Network, Difference])
def test_calls_that_the_book_allows(kind, capsys):
    net = kind([6, 3], seed=1)
    before = pickle.dumps((net.weights, net.biases))
    net.SGD(PAIRS, 0, 10, 1.0)
    net.SGD(PAIRS, 1, 10, 0.0, test_data=[])
    assert pickle.dumps((net.weights, net.biases)) == before
    assert net.evaluate([]) == 0
    xs, ys = zip(*PAIRS, strict=True)
    net.SGD(zip(xs, ys, strict=True), 2, 1000, 1)
    whole = kind([6, 3], seed=1)
    for _ in range(2):
        whole.update_mini_batch(PAIRS, 1.0)
    assert differs(net, whole) <= 1e-12
    assert capsys.readouterr().out == "Epoch 0 complete\n" * 2 + "Epoch 1 complete\n"
    net.SGD(PAIRS, 1, 10, 1.0, test_data=zip(*zip(*TEST, strict=True), strict=True))
    assert capsys.readouterr().out == f"Epoch 0: {net.evaluate(TEST)} / 20\n"


@pytest.mark.parametrize("kind", [network.Network, Difference])
@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda net: net.SGD(PAIRS, -1, 10, 1.0), ValueError, "^epochs: expected at least 0, got -1"),
        (lambda net: net.SGD(PAIRS, 1, 0, 1.0), ValueError, "^mini_batch_size: expected at least 1, got 0"),
        (lambda net: net.SGD(PAIRS, 1, 10, float("nan")), ValueError, "^eta: expected a finite number, got nan"),
        (lambda net: net.SGD(PAIRS, 1, 10, "3"), TypeError, "^eta: expected a number, got '3'"),
        (lambda net: net.SGD(iter(()), 1, 10, 1.0), ValueError, "^data: .* got an iterator with none left"),
        (lambda net: net.SGD([], 1, 10, 1.0), ValueError, "^data: expected at least one"),
        (lambda net: net.SGD(3, 1, 10, 1.0), TypeError, "^data: expected x and y"),
        (lambda net: net.backprop(X[0], PAIRS[0][1]), ValueError, r"^x: expected a column \(6, 1\)"),
        (lambda net: net.backprop(PAIRS[0][0], np.ones(3)), ValueError, r"^y: expected a column \(3, 1\)"),
        (lambda net: net.backprop(PAIRS[0][0], 3), ValueError, "^y: expected 0 to 2, got 3"),
        (lambda net: net.update_mini_batch([], 1.0), ValueError, "^data: expected at least one"),
    ],
)  # fmt: skip
def test_what_no_book_allows(kind, call, error, message):
    with pytest.raises(error, match=message):
        call(kind([6, 3]))


def test_sigmoid_and_its_derivative():
    assert network.sigmoid(0) == 0.5
    assert network.sigmoid([0, 0]).tolist() == [0.5, 0.5]
    z = np.linspace(-5, 5, 11)
    h = 1e-6
    assert network.sigmoid_prime(z) == pytest.approx((network.sigmoid(z + h) - network.sigmoid(z - h)) / (2 * h))
    assert network.sigmoid_prime(0) == 0.25
    assert network.np is np


def test_todays_face_is_there_too(tmp_path):
    net = network.Network([6, 5, 3])
    history = net.fit(X, np.arange(60) % 3, epochs=2, progress=False)
    assert len(history) == 2
    loaded = network.Network.load(net.save(tmp_path / "net"))
    assert isinstance(loaded, network.Network)
    loaded.weights[0][0, 0] = 9.0
    assert anynet.Network.load(tmp_path / "net").weights[0][0, 0] == net.weights[0][0, 0] != 9.0
