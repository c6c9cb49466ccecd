"""The check of gradients: right networks pass it, and what is wrong is found and named."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from recipes import FOR_HIDDEN, PAIRS

from anynet import Activation, Dense, Dropout, Network, Standardize
from anynet.activations import ACTIVATIONS
from anynet.gradient_check import MOST
from anynet.random import states


@dataclass(frozen=True)
class Forgetful(Dense):
    """A dense layer that forgets an example where it sums what its biases get."""

    def backward(self, xp, parameters, residuals, delta):
        gradients, error = super().backward(xp, parameters, residuals, delta)
        return gradients._replace(biases=xp.sum(delta[1:, ...], axis=0)), error


@dataclass(frozen=True)
class Slip(Dense):
    """A dense layer, one of whose weights gets twice what it should."""

    def backward(self, xp, parameters, residuals, delta):
        gradients, error = super().backward(xp, parameters, residuals, delta)
        twice = np.ones(gradients.weights.shape)
        twice[2, 1] = 2.0
        return gradients._replace(weights=gradients.weights * twice), error


def examples(rng, output="sigmoid", n_out=3, n=12):
    y = rng.standard_normal((n, n_out)) if output == "identity" else np.eye(n_out)[np.arange(n) % n_out]
    return rng.standard_normal((n, 5)), y


@pytest.mark.parametrize("hidden", FOR_HIDDEN)
@pytest.mark.parametrize(("output", "cost"), PAIRS)
def test_gradients_of_every_activation_and_cost_are_right(hidden, output, cost, rng):
    net = Network([5, 4, 4, 3], hidden=hidden, output=output, cost=cost)
    assert net.check_gradients(*examples(rng, output)).error <= 1e-6


def test_layers_besides_dense_are_looked_through(rng):
    net = Network([5, Standardize(), 4, Dropout(0.5), 3])
    assert net.check_gradients(*examples(rng)).error <= 1e-6


def test_a_sum_that_forgets_an_example_is_found_and_named(rng):
    found = Network([5, 4, Forgetful(4), 3]).check_gradients(*examples(rng))
    assert (found.layer, found.field, found.kind) == (1, "biases", "Forgetful")
    assert found.error > 0.01
    assert found.error == pytest.approx(
        abs(found.gradient - found.expected) / max(abs(found.gradient), abs(found.expected))
    )
    text = f"biases[{found.index[0]}] of layers[1], Forgetful: the gradient is {found.gradient:.6g}, "
    assert text in str(found)


@pytest.mark.filterwarnings("ignore:.*formulas that can be traced")
def test_one_entry_that_is_wrong_is_found(rng):
    found = Network([5, 4, Slip(4), 3]).check_gradients(*examples(rng))
    assert (found.layer, found.field, found.index) == (1, "weights", (2, 1))
    assert found.error == pytest.approx(0.5)
    assert found.gradient == pytest.approx(2 * found.expected)


def test_a_wrong_derivative_is_found(rng):
    wrong = replace(ACTIVATIONS["tanh"], derivative=lambda xp, z, a: 1.0 - a)
    assert isinstance(wrong, Activation)
    found = Network([5, 4, 3], hidden=wrong).check_gradients(*examples(rng))
    assert found.layer == 0
    assert found.error > 0.01


def test_of_many_entries_some_are_compared_and_it_says_so(rng):
    found = Network([5, 40, 3]).check_gradients(*examples(rng))
    assert (found.n_checked, found.n_entries) == (3 * MOST + 3, 5 * 40 + 40 + 40 * 3 + 3)
    assert str(found).endswith(f"({3 * MOST + 3} of 363 entries compared)")
    few = Network([5, 3]).check_gradients(*examples(rng))
    assert str(few).endswith("(all 18 entries compared)")


def test_a_kink_is_no_error(rng):
    """Where z is 0, relu has two slopes: what lies between them says nothing about the gradient."""
    x, y = examples(rng)
    net = Network([5, 4, 3], hidden="relu")
    net.biases = [np.zeros((4, 1)), np.zeros((3, 1))]
    found = net.check_gradients(np.vstack([x, np.zeros((1, 5))]), np.vstack([y, y[:1]]))
    assert found.error <= 1e-6
    assert found.n_unsure == 4
    assert "; 4 more stand at a kink, and tell nothing)" in str(found)
    net = Network([5, 3], output="identity", cost="absolute")
    net.weights, net.biases = [np.zeros((3, 5))], [np.zeros((3, 1))]
    with pytest.raises(
        ValueError, match="check_gradients: expected a cost that is smooth, got one with a kink at each"
    ):
        net.check_gradients(x, np.zeros((12, 3)))


def test_it_is_one_check_for_all_libraries_and_dtypes_and_changes_nothing(backend32, rng):
    net = Network([5, 4, 3], backend32)
    before, streams, (x, y) = [w.tobytes() for w in net.weights], states(net.streams), examples(rng)
    found = net.check_gradients(net.backend.copy_to_device(x), net.backend.copy_to_device(y))
    assert found.error <= 1e-6
    assert [w.tobytes() for w in net.weights] == before
    assert states(net.streams) == streams
