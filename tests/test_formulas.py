"""Activations, costs, initializers, optimizers and metrics, one by one."""

import math

import numpy as np
import pytest
from compare import assert_on

from anynet import activations, costs, initializers, metrics
from anynet.activations import ACTIVATIONS
from anynet.costs import COSTS
from anynet.layers import DenseParameters
from anynet.optimizers import SGD

EXTREME = [-1e30, -1e4, -745.0, -1.0, -1e-30, 0.0, 1e-30, 1.0, 745.0, 1e4, 1e30]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_finite_input_overflows(name, backend32):
    xp = backend32.xp
    z = backend32.copy_to_device([EXTREME])
    a = ACTIVATIONS[name].value(xp, z)
    assert_on(backend32, a, (1, len(EXTREME)))
    assert np.isfinite(backend32.to_numpy(a)).all()


def test_values(backend):
    z = backend.copy_to_device([[-2.0, 0.0, 3.0]])
    expected = {
        "sigmoid": [1 / (1 + math.exp(2)), 0.5, 1 / (1 + math.exp(-3))],
        "tanh": [math.tanh(-2), 0, math.tanh(3)],
        "relu": [0, 0, 3],
        "identity": [-2, 0, 3],
        "step": [0, 0, 1],
        "softmax": [math.exp(v) / (math.exp(-2) + 1 + math.exp(3)) for v in (-2, 0, 3)],
    }
    assert set(expected) == set(ACTIVATIONS)
    for name, values in expected.items():
        a = ACTIVATIONS[name](z)
        assert_on(backend, a, (1, 3))
        assert backend.to_numpy(a)[0].tolist() == pytest.approx(values, rel=1e-14)


def test_relu_is_flat_at_zero_as_elsewhere(backend):
    z = backend.copy_to_device([[-2.0, 0.0, 3.0]])
    slope = activations.relu.derivative(backend.xp, z, activations.relu(z))
    assert backend.to_numpy(slope)[0].tolist() == [0, 0, 1]


def test_activations_do_not_write_into_z(backend):
    z = backend.copy_to_device([[-2.0, 0.5, 3.0]])
    before = backend.to_numpy(z)
    for f in ACTIVATIONS.values():
        a = f.value(backend.xp, z)
        if f.derivative is not None:
            f.derivative(backend.xp, z, a)
        assert np.array_equal(backend.to_numpy(z), before)


def test_saito_softmax_does_not_overflow(backend):
    a = activations.softmax(backend.copy_to_device([1010.0, 1000.0, 990.0]))
    assert backend.to_numpy(a).tolist() == pytest.approx([0.9999546, 4.5398e-05, 2.0611e-09], rel=1e-4)


@pytest.mark.parametrize("pair", COSTS)
def test_cost_values_and_deltas_have_one_row_per_example(pair, backend):
    output, _ = pair
    xp = backend.xp
    z = backend.copy_to_device([[0.5, -1.0, 2.0], [3.0, 0.0, -2.0]])
    y = backend.copy_to_device([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    a = ACTIVATIONS[output].value(xp, z)
    assert_on(backend, COSTS[pair].value(xp, z, a, y), (2,))
    assert_on(backend, COSTS[pair].delta(xp, z, a, y), (2, 3))


def test_default_costs():
    assert costs.get(None, "softmax").name == "cross_entropy"
    assert {costs.get(None, output).name for output in ("sigmoid", "tanh", "identity")} == {"quadratic"}


def test_illegal_pair_is_refused_with_the_legal_ones():
    with pytest.raises(ValueError, match=r"pairs sigmoid with quadratic, .* got tanh with cross_entropy"):
        costs.get("cross_entropy", "tanh")


@pytest.mark.parametrize(
    ("name", "weights_std", "biases_std"),
    [
        ("scaled_normal", 1 / 20, 1),
        ("standard_normal", 1, 1),
        ("xavier", math.sqrt(2 / 700), 0),
        ("he", math.sqrt(2 / 400), 0),
    ],
)
def test_initializers_have_their_standard_deviations(name, weights_std, biases_std, rng):
    weights, biases = initializers.get(name).draw(rng, (300, 400), fan_in=400, fan_out=300)
    assert weights.shape == (300, 400)
    assert biases.shape == (300,)
    assert weights.std() == pytest.approx(weights_std, rel=0.02)  # 120,000 draws: 0.2 % is one sigma
    assert biases.std() == pytest.approx(biases_std, rel=0.2)  # 300 draws: 4 % is one sigma
    assert abs(weights.mean()) < 0.02 * weights_std


def test_sgd_is_its_recurrence(backend):
    p = [DenseParameters(backend.copy_to_device([[1.0, 2.0]]), backend.copy_to_device([3.0])), ()]
    g = [DenseParameters(backend.copy_to_device([[10.0, 20.0]]), backend.copy_to_device([30.0])), ()]
    (dense, nothing), state = SGD(0.5).update(backend.xp, p, g, SGD(0.5).initialize(backend.xp, p), backend.fuse)
    assert backend.to_numpy(dense.weights).tolist() == [[-4.0, -8.0]]
    assert backend.to_numpy(dense.biases).tolist() == [-12.0]
    assert (nothing, state) == ((), ())


def test_sgd_keeps_float32_with_a_numpy_rate(backend32):
    p = [DenseParameters(backend32.copy_to_device([[1.0]]), backend32.copy_to_device([1.0]))]
    g = [DenseParameters(backend32.copy_to_device([[1.0]]), backend32.copy_to_device([1.0]))]
    (dense,), _ = SGD(np.float64(0.5)).update(backend32.xp, p, g, (), backend32.fuse)
    assert_on(backend32, dense.weights, (1, 1))


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf])
def test_sgd_refuses_rates_that_cannot_learn(rate):
    with pytest.raises(ValueError, match="learning_rate: expected a finite number above 0"):
        SGD(rate)


def test_answers_and_right_ones(backend):
    xp = backend.xp
    outputs = backend.copy_to_device([[0.1, 0.9, 0.6], [0.8, 0.7, 0.2], [0.3, 0.2, 0.1]])
    one_hot = backend.copy_to_device([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    labels = backend.asarray(np.array([1, 1, 0]))
    several = backend.copy_to_device([[0.0, 1.0, 1.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])

    assert backend.to_numpy(metrics.decide(xp, outputs, "classification")).tolist() == [1, 0, 0]
    assert backend.to_numpy(metrics.decide(xp, outputs, "multi_label")).tolist() == [[0, 1, 1], [1, 1, 0], [0, 0, 0]]
    assert metrics.decide(xp, outputs, "regression") is outputs
    assert int(metrics.count_correct(xp, outputs, labels, "classification")) == 2
    assert int(metrics.count_correct(xp, outputs, one_hot, "classification")) == 2
    assert int(metrics.count_correct(xp, outputs, several, "multi_label")) == 2


def test_one_output_answers_whether_it_exceeds_one_half(backend):
    outputs = backend.copy_to_device([[0.4], [0.6]])
    y = backend.copy_to_device([[1.0], [1.0]])
    assert backend.to_numpy(metrics.decide(backend.xp, outputs, "classification")).tolist() == [0, 1]
    assert int(metrics.count_correct(backend.xp, outputs, y, "classification")) == 1
