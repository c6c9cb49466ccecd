"""The book's face: what its network.py can be asked to do, and that today's answers alike."""

import numpy as np
import pytest
from compare import relative_difference
from recipes import clusters

from anynet import Network


@pytest.mark.slow_on("jax")
def test_training_prints_the_books_lines(backend, capsys, rng):
    data, net = clusters(rng), Network([12, 5, 4], backend)
    net.SGD(data, 1, 10, 3.0, test_data=data)
    net.SGD(data, 1, 10, 3.0)
    counted, bare = capsys.readouterr().out.splitlines()
    assert counted.startswith("Epoch 0: ")
    assert counted.endswith(f" / {len(data[1])}")
    assert bare == "Epoch 0 complete"


@pytest.mark.slow_on("jax")
def test_the_gradient_of_one_example_has_the_books_shapes(backend, rng):
    x, y = clusters(rng, n=1)
    net = Network([12, 5, 4], backend)
    nabla_b, nabla_w = net.backprop(x[0][:, None], int(y[0]))
    assert [a.shape for a in nabla_b] == [(5, 1), (4, 1)]
    assert [a.shape for a in nabla_w] == [(5, 12), (4, 5)]
    [a1, a2] = net.activations(x)
    error = net.cost_derivative(a2, np.eye(4)[y]) * a2 * (1 - a2)  # BP1, by hand
    assert nabla_b[1][:, 0] == pytest.approx(error[0], rel=1e-12)
    assert relative_difference(nabla_w[1], error.T @ a1) < 1e-12


def test_the_books_derivative_is_of_the_quadratic_cost(rng):
    with pytest.raises(ValueError, match="cost"):
        Network([4, 3], cost="cross_entropy").cost_derivative(np.ones((1, 3)), np.zeros((1, 3)))


@pytest.mark.slow_on("jax")
def test_right_answers_are_counted_and_shared_out(backend, rng):
    x, y = clusters(rng)
    net = Network([12, 5, 4], backend)
    n = int((net.predict(x) == y).sum())
    assert net.evaluate(x, y) == n
    assert net.accuracy(x, y) == n / len(y)


@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_the_confusion_matrix_is_for_classes(task, rng):
    with pytest.raises(ValueError, match=f"confusion_matrix: expected a network that classifies, got .* {task}"):
        Network([12, 4], task=task).confusion_matrix(clusters(rng))
