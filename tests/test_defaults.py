"""What a network starts from and learns by where nothing is named: it learns, whatever it is made of.

The book's own networks keep the book's rates; with others these diverge.
"""

import os

import numpy as np
import own
import pytest
from recipes import FOR_HIDDEN, PAIRS

from anynet import SGD, Adam, Cost, Dense, Network, Standardize, datasets

# An absolute cost is for values: of a class that is likely to less than a half, its best answer is 0, for all of them.
FOR_CLASSES = [pair for pair in PAIRS if pair[1] != "absolute"]
# Every fourth, so that each activation and each pair is among them: all take minutes. `ALL=1` asks all.
ASKED = [(hidden, *pair) for pair in FOR_CLASSES for hidden in FOR_HIDDEN][:: 1 if os.environ.get("ALL") else 4]
FOR_VALUES = [cost for output, cost in PAIRS if output == "identity"]


@pytest.mark.parametrize(
    ("net", "expected"),
    [
        (Network([4, 3, 2]), SGD(3.0)),
        (Network([4, 2], cost="cross_entropy"), SGD(0.5)),
        (Network([4, Dense(3, "sigmoid"), own.Halve(), 2]), SGD(3.0)),
        (Network([4, Standardize(), 3, 2]), SGD(3.0)),
        (Network([4, 3, 2], hidden="relu"), Adam()),
        (Network([4, Dense(3, "tanh"), 2]), Adam()),
        (Network([4, 3, 2], output="softmax"), Adam()),
        (Network([4, 3, 2], output="identity"), Adam()),
        (Network([4, 3, 2], cost=Cost("fourth", "sigmoid", lambda xp, z, a, y: xp.sum((a - y) ** 4, axis=1))), Adam()),
        (Network([4, 3, own.Centre(), 2]), Adam()),
    ],
    ids=lambda value: "",
)
def test_the_books_networks_learn_at_the_books_rate_and_others_by_adam(net, expected, monkeypatch, rng):
    asked = net.architecture.default_optimizer
    assert asked == expected
    seen, numbers = [], type(expected).numbers
    monkeypatch.setattr(type(expected), "numbers", lambda self, step: seen.append(self) or numbers(self, step))
    net.fit(rng.standard_normal((4, 4)), [0, 1, 0, 1], epochs=1, batch_size=4)
    assert set(seen) == {expected}


def bar(hidden, output, cost):
    """Return what share of MNIST's validation data is asked for: an identity in between makes a linear network."""
    return 0.93 if hidden != "identity" else 0.9 if cost == "cross_entropy" else 0.8


@pytest.mark.slow
@pytest.mark.parametrize(("hidden", "output", "cost"), ASKED)
def test_two_epochs_of_mnist_teach_any_network(hidden, output, cost):
    """On validation data, from one seed; where that misses, two others: all three take six minutes of a processor."""
    train, validation, _ = datasets.mnist()
    found = []
    for seed in range(3):
        net = Network([784, 30, 10], hidden=hidden, output=output, cost=cost, task="classification", seed=seed)
        net.fit(train, epochs=2, progress=False)
        found.append(net.accuracy(validation) >= bar(hidden, output, cost))
        if found in ([True], [False, True, True]):
            return
    raise AssertionError(found)


@pytest.mark.slow
@pytest.mark.parametrize(("hidden", "output", "cost"), ASKED)
def test_small_digits_are_told_apart(hidden, output, cost):
    """Those of scikit-learn, on a quarter that was kept; their pixels go from 0 to 16."""
    x, y = pytest.importorskip("sklearn.datasets").load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order] / 16, y[order]
    net = Network([64, 30, 10], hidden=hidden, output=output, cost=cost, task="classification")
    net.fit(x[:1350], y[:1350], progress=False)
    assert net.accuracy(x[1350:], y[1350:]) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("hidden", FOR_HIDDEN)
@pytest.mark.parametrize("cost", FOR_VALUES)
def test_a_line_is_learnt(hidden, cost, rng):
    """Where the slope of the cost does not fade, steps of one size leave some of it: |a - y| of a few of them."""
    x = rng.uniform(-1, 1, (1000, 1))
    net = Network([1, 10, 1], hidden=hidden, output="identity", cost=cost)
    history = net.fit(x, 2 * x + 1, epochs=100, validation=(x, 2 * x + 1), progress=False)
    assert history[-1].metrics["validation_cost"] <= (0.03 if cost == "absolute" else 1e-3)
