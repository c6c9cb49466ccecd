"""Costs: the error that each sends back, against differences and two automatic derivatives; its targets."""

import array_api_compat
import numpy as np
import own
import pytest
from compare import assert_on, relative_difference
from conftest import need
from recipes import PAIRS, Torch, targets_for, torch_gradients

from anynet import SGD, Cost, Network, costs
from anynet.activations import ACTIVATIONS
from anynet.costs import COSTS

NAMES = ", ".join(dict.fromkeys(name for _, name in COSTS))  # of costs, as errors list them

ALL = [*COSTS.values(), own.SMOOTH]


@pytest.mark.parametrize("pair", COSTS)
def test_cost_values_and_deltas_have_one_row_per_example(pair, backend):
    output, _ = pair
    xp = backend.xp
    z = backend.copy_to_device([[0.5, -1.0, 2.0], [3.0, 0.0, -2.0]])
    y = backend.copy_to_device([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    a = ACTIVATIONS[output].value(xp, z)
    assert_on(backend, COSTS[pair].value(xp, z, a, y), (2,))
    assert_on(backend, costs.completed(COSTS[pair], ACTIVATIONS[output]).delta(xp, z, a, y), (2, 3))


def test_default_costs():
    assert costs.get(None, "softmax").name == "cross_entropy"
    assert {costs.get(None, output).name for output in ("sigmoid", "tanh", "identity")} == {"quadratic"}
    assert costs.get(None, "step") is None


def test_illegal_pair_is_refused_with_the_legal_ones():
    with pytest.raises(ValueError, match=r"pairs sigmoid with quadratic, .* got tanh with cross_entropy"):
        costs.get("cross_entropy", "tanh")


def test_the_books_learning_rates():
    assert {cost.learning_rate for (_, name), cost in COSTS.items() if name == "quadratic"} == {3.0}
    assert {cost.learning_rate for (_, name), cost in COSTS.items() if name == "cross_entropy"} == {0.5}
    assert Network([2, 3]).book_learning_rate == 3.0
    assert Network([2, 3], output="softmax").book_learning_rate == 0.5


# The error dC/dz: of whatever the table holds.


def total(cost, xp, z, y):
    """Return the sum of the costs, as a function of z alone."""
    return xp.sum(cost.value(xp, z, ACTIVATIONS[cost.output].value(xp, z), y))


def delta(cost, xp, z, y):
    f = ACTIVATIONS[cost.output]
    return np.asarray(costs.completed(cost, f).delta(xp, z, f.value(xp, z), y))


def host_case(cost):
    rng = np.random.default_rng(3)
    return rng.standard_normal((4, 3)), targets_for(cost, 4, 3, rng)


@pytest.mark.parametrize("cost", ALL, ids=lambda c: f"{c.output}, {c.name}")
def test_deltas_equal_differences(cost):
    z, y = host_case(cost)
    xp, h = array_api_compat.array_namespace(z), 1e-5
    expected = np.zeros_like(z)
    for at in np.ndindex(*z.shape):
        step = np.zeros_like(z)
        step[at] = h
        expected[at] = (total(cost, xp, z + step, y) - total(cost, xp, z - step, y)) / (2 * h)
    assert relative_difference(delta(cost, xp, z, y), expected) <= 1e-8


@pytest.mark.parametrize("cost", ALL, ids=lambda c: f"{c.output}, {c.name}")
def test_deltas_equal_those_of_pytorch(cost):
    need("torch")
    import torch

    z, y = map(torch.tensor, host_case(cost))
    xp = Torch()
    (expected,) = torch_gradients(lambda z: total(cost, xp, z, y), [z])
    assert relative_difference(delta(cost, xp, z, y), expected) <= 1e-12


@pytest.mark.parametrize("cost", ALL, ids=lambda c: f"{c.output}, {c.name}")
def test_deltas_equal_those_of_jax(cost):
    need("jax")
    import jax
    import jax.numpy as xp

    z, y = map(xp.asarray, host_case(cost))
    expected = jax.jit(jax.grad(lambda z: total(cost, xp, z, y)))(z)
    assert relative_difference(delta(cost, xp, z, y), expected) <= 1e-12


def test_no_cost_of_the_table_escapes():
    assert {(cost.output, cost.name) for cost in ALL} >= set(COSTS)
    assert all(COSTS[output, name].name == name and COSTS[output, name].output == output for output, name in PAIRS)
    assert {output for output, _ in COSTS} <= set(ACTIVATIONS)


ERRORS = [[0.25, -3.0, 0.0], [1.0, -1.0, 2.0]]  # a - y


@pytest.mark.parametrize(
    ("name", "values", "deltas"),
    [
        ("absolute", [3.25, 4.0], [[1, -1, 0], [1, -1, 1]]),
        ("huber", [0.03125 + 2.5, 0.5 + 0.5 + 1.5], [[0.25, -1, 0], [1, -1, 1]]),
    ],
)
def test_costs_that_outliers_do_not_rule(name, values, deltas, backend32):
    xp, cost = backend32.xp, COSTS["identity", name]
    y = backend32.copy_to_device([[2.0, -1.0, 4.0], [0.0, 0.5, 1.0]])
    z = y + backend32.copy_to_device(ERRORS)
    assert backend32.to_numpy(cost.value(xp, z, z, y)).tolist() == values
    assert backend32.to_numpy(cost.delta(xp, z, z, y)).tolist() == deltas
    far = backend32.copy_to_device([[1e30]])
    assert backend32.to_numpy(cost.value(xp, far, far, -far)).tolist() == pytest.approx([2e30])


@pytest.mark.parametrize("name", ["absolute", "huber"])
def test_costs_are_those_of_pytorch(name, rng):
    need("torch")
    import torch

    of_torch = {"absolute": torch.nn.functional.l1_loss, "huber": torch.nn.functional.huber_loss}[name]
    a, y = 2 * rng.standard_normal((2, 5, 3))
    expected = of_torch(torch.tensor(a), torch.tensor(y), reduction="none").sum(dim=1)
    assert relative_difference(COSTS["identity", name].value(np, a, a, y), expected) <= 1e-14


@pytest.mark.parametrize("name", ["absolute", "huber"])
def test_an_outlier_hardly_moves_the_line(name, rng):
    x = rng.uniform(-1, 1, (200, 1))
    y = 2.0 * x[:, 0] + 0.5
    y[::20] += 100.0
    net = Network([1, 1], output="identity", cost=name, dtype="float64")
    net.fit(x, y, epochs=60, optimizer=SGD(0.02))
    assert net.weights[0][0, 0] == pytest.approx(2.0, abs=0.3)
    assert net.biases[0][0, 0] == pytest.approx(0.5, abs=0.3)


# Targets.


@pytest.mark.parametrize(
    ("output", "y", "message"),
    [
        ("softmax", [[0.5, 0.6], [1.0, 0.0]], "targets that sum to 1 for softmax"),
        ("softmax", [[2, -1], [1, 0]], "shares from 0 to 1 for cross-entropy, got numbers from -1 to 2"),
        ("sigmoid", [[0.5, 1.5], [1.0, 0.0]], "shares from 0 to 1 for cross-entropy"),
    ],
)
def test_targets_that_cross_entropy_is_not_defined_for(backend, output, y, message):
    net = Network([2, 2], backend, output=output, cost="cross_entropy")
    for use in (lambda x, t: net.fit((x, t), epochs=1, batch_size=1), net.gradients):
        with pytest.raises(ValueError, match=message):
            use(np.ones((2, 2)), np.asarray(y))


@pytest.mark.parametrize(
    ("total_of_row", "is_allowed"), [(1.0005, True), (0.9995, True), (1.002, False), (0.998, False)]
)
def test_softmax_targets_may_err_by_rounding_alone(backend, total_of_row, is_allowed):
    y = backend.copy_to_device([[1.0, 0.0], [0.5, total_of_row - 0.5]])
    check = COSTS["softmax", "cross_entropy"].check_targets
    if is_allowed:
        check(y)
    else:
        with pytest.raises(ValueError, match=r"that sum to 1 for softmax, got sums that differ by 0.00[12]"):
            check(y)


def test_any_targets_will_do_for_the_quadratic_cost(backend):
    for (_, name), cost in COSTS.items():
        if name == "quadratic":
            cost.check_targets(backend.copy_to_device([[-7.0, 1e6]]))


# By name, or as a value.


def test_a_cost_of_ones_own_goes_with_its_output():
    assert costs.get(own.SMOOTH, "identity") is own.SMOOTH
    with pytest.raises(ValueError, match="cost: expected one for the output sigmoid, got smooth, for identity"):
        costs.get(own.SMOOTH, "sigmoid")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            "quadratik",
            ValueError,
            f"cost: expected one of {NAMES}, got .* Did you mean 'quadratic'",
        ),
        (Cost, TypeError, r"cost: expected a name or a value Cost\(...\), got the class Cost. Make a value of it"),
        (3, TypeError, "cost: expected a name or a value"),
    ],
)
def test_what_is_no_cost(given, error, message):
    with pytest.raises(error, match=message):
        costs.get(given, "sigmoid")


@pytest.mark.parametrize("large", [1e30, 1.6e38, 3.3e38])
def test_softmax_with_cross_entropy_knows_no_nan_however_large_z_is(large, backend32):
    xp, cost = backend32.xp, COSTS["softmax", "cross_entropy"]
    z = backend32.copy_to_device([[large, -large, 0.0], [-large, large, 0.0], [large, large, large]])
    y = backend32.copy_to_device([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    with np.errstate(over="ignore"):  # of the outputs, which are right none the less
        a = ACTIVATIONS["softmax"].value(xp, z)
    right, wrong, undecided = backend32.to_numpy(cost.value(xp, z, a, y)).tolist()
    assert right == 0.0
    assert 1e30 <= wrong * (1 + 1e-6) < np.inf
    assert undecided == pytest.approx(np.log(3), rel=1e-6)


@pytest.mark.parametrize("large", [1e30, 1.6e38, 3.3e38])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_sigmoids_with_cross_entropy_know_no_infinity_however_large_z_is(large, is_weighted, backend32):
    xp, cost = backend32.xp, COSTS["sigmoid", "cross_entropy"]
    if is_weighted:
        cost = cost.with_positive_weights(backend32.copy_to_device([100.0, 1.0, 10.0]))
    z = backend32.copy_to_device([[large, -large, 0.0], [-large, large, 0.0], [-large, large, -large]])
    y = backend32.copy_to_device([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 1.0]])
    with np.errstate(over="ignore"):  # of the outputs, which are right none the less
        a = ACTIVATIONS["sigmoid"].value(xp, z)
    right, wrong, all_wrong = backend32.to_numpy(cost.value(xp, z, a, y)).tolist()
    assert right == pytest.approx(np.log(2), rel=1e-6)
    assert 9e29 < wrong < all_wrong < np.inf
    assert np.isfinite(backend32.to_numpy(cost.delta(xp, z, a, y))).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own, of the outputs, which are right none the less
@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_a_network_that_is_sure_of_all_that_is_wrong_goes_on(output, backend32):
    net = Network([1, 3], backend32, output=output, cost="cross_entropy")
    net.weights, net.biases = [np.array([[-3e38], [3e38], [3e38]], "f4")], [np.zeros((3, 1), "f4")]
    x, y = np.ones((200, 1), "f4"), np.zeros(200, int)
    history = net.fit(x, y, epochs=1, batch_size=200, validation=(x, y), optimizer="sgd")
    assert 9e29 < history["cost"][0] < np.inf
    assert 9e29 < history["validation_cost"][0] < np.inf
