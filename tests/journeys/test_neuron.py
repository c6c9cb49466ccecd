"""The neuron as the text draws it: a threshold, logic, layers of them, and "is it a 4 or not"."""

import math

import numpy as np
import pytest

from anynet import SGD, Dataset, Network


def test_a_neuron_fires_above_its_threshold(backend, backend32, rng):
    weights = [0.75, -0.5, 1.0, 0.25, -1.0]  # between -1 and 1, and exact in binary
    for b in (backend, backend32):
        neuron = Network([5, 1], b, output="step")
        neuron.weights, neuron.biases = [[weights]], [[-1.0]]
        inputs = [*rng.integers(0, 2, (20, 5)).tolist(), [0, 0, 1, 0, 0], [1, 0, 0, 1, 0], [1, 0, 0, 1.0625, 0]]
        totals = [sum(w * x for w, x in zip(weights, xs, strict=True)) for xs in inputs]
        assert totals[-3:] == [1.0, 1.0, 1.015625]
        outputs = neuron.feedforward(inputs)[:, 0].tolist()
        assert outputs == [1.0 if total > 1.0 else 0.0 for total in totals]  # at the threshold it does not fire
        assert set(outputs) == {0.0, 1.0}


def test_and_by_ngs_weights(backend, backend32):
    inputs = [[0, 0], [0, 1], [1, 0], [1, 1]]
    for b in (backend, backend32):
        net = Network([2, 1], b)
        net.biases, net.weights = [[-30.0]], [[[20.0, 20.0]]]
        outputs = net.feedforward(inputs)[:, 0]
        assert outputs == pytest.approx([1 / (1 + math.exp(-z)) for z in (-30, -10, -10, 10)], abs=1e-7)
        assert np.round(outputs).tolist() == net.predict(inputs).tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("y", [[0, 0, 0, 1], [False, False, False, True], [0.0, 0.0, 0.0, 1.0]])
def test_yes_and_no_are_counted_in_every_dtype(backend, y):
    net = Network([2, 1], backend)
    net.biases, net.weights = [[-30.0]], [[[20.0, 20.0]]]
    data = ([[0, 0], [0, 1], [1, 0], [1, 1]], y)
    assert (net.evaluate(data), net.accuracy(data)) == (4, 1.0)
    assert net.confusion_matrix(data).tolist() == [[3, 0], [0, 1]]


# Is it a 4 or not? Nine in ten are not: always saying no is right for 90.2 % of the test images.


def fours(data, n=None):
    return Dataset(data.x[:n], data.y[:n] == 4)


def check_tells_fours(net, test):
    is_four, said = test.y, net.predict(test.x)
    always_no = np.mean(~is_four)
    assert always_no == pytest.approx(0.902, abs=5e-4)
    assert net.accuracy(test) == np.mean(said == is_four) > 0.96
    assert np.mean(said[is_four]) > 0.7  # of the fours are found
    outputs = net.feedforward(test.x)[:, 0]
    assert outputs[is_four].mean() > 0.7  # they tend to 1 for a 4, to 0 for what is none
    assert outputs[~is_four].mean() < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [[], [30], [30, 20, 10]])
def test_is_it_a_four_with_no_hidden_layer_one_or_many(hidden, mnist):
    net = Network([784, *hidden, 1], cost="cross_entropy")
    assert net.num_layers == len(hidden) + 2
    net.fit(fours(mnist[0], 5000), epochs=3, batch_size=10, optimizer=SGD(0.5), progress=False)
    check_tells_fours(net, fours(mnist[2]))


@pytest.mark.slow
def test_is_it_a_four_on_every_library(backend32, mnist):
    net = Network([784, 1], backend32, cost="cross_entropy")
    net.fit(fours(mnist[0], 2000), epochs=2, batch_size=10, optimizer=SGD(0.5), progress=False)
    check_tells_fours(net, fours(mnist[2]))
