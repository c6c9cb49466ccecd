"""The learning-rate finder: it tries what it says, suggests what suits, and leaves the network as it was."""

import pickle
import warnings
from dataclasses import dataclass, replace

import numpy as np
import pytest
from recipes import clusters

from anynet import Cost, Dataset, Dropout, Network, Optimizer, Standardize
from anynet.formats.columns import Column
from anynet.formats.pictures import Pictures
from anynet.optimizers import OPTIMIZERS, get
from anynet.random import states
from anynet.rate_finder import STEPS, FoundRate


def all_of(net):
    """Return all that a network holds, bit by bit."""
    held = net.__getstate__()
    held["streams"], held["history"] = states(net.streams), str(net.history)
    return pickle.dumps({name: held[name] for name in sorted(held) if name not in ("backend", "architecture")})


@pytest.mark.parametrize("optimizer", [None, *OPTIMIZERS])
def test_the_network_its_streams_and_its_optimizer_stay_as_they_were(optimizer, rng):
    leaves_it_as_it_was("numpy", optimizer, *clusters(rng))


def test_so_they_do_on_every_library(backend32, rng):
    leaves_it_as_it_was(backend32, "adam", *clusters(rng))


def leaves_it_as_it_was(backend, optimizer, x, y):
    net = Network([12, Standardize(), 8, Dropout(0.2), 4], backend)
    net.fit(x, y, epochs=1, optimizer=optimizer)
    twin, before = net.to(net.backend), all_of(net)
    found = net.find_learning_rate(x, y, optimizer=optimizer)
    assert len(found.rates) == len(found.costs) > STEPS / 2
    assert all_of(net) == before
    for goes_on in (net, twin):
        goes_on.partial_fit(x, y)
    assert [w.tobytes() for w in net.weights] == [w.tobytes() for w in twin.weights]


def test_costs_are_those_of_a_step_at_each_rate(backend, rng):
    """Of one batch that holds all examples: a plain loop of steps finds the same."""
    x, y = clusters(rng)
    net = Network([12, 6, 4], backend)
    found = net.find_learning_rate(x, y, batch_size=len(x), optimizer="sgd")
    assert (found.rates[0], found.rates[-1]) == pytest.approx((1e-6, 10.0))
    assert np.diff(np.log(found.rates)) == pytest.approx(np.log(1e7) / (STEPS - 1))
    loop, costs = net.to("numpy"), []
    for rate in found.rates:
        loop.update_mini_batch((x, y), rate)
        costs.append(loop.gradients(x, y)[0])
    assert found.costs == pytest.approx(costs, rel=1e-9)


def test_where_it_diverges_nobody_is_warned_and_no_filters_are_touched_which_are_those_of_all_threads(rng):
    x, y = clusters(rng)
    steep = Cost("steep", "identity", lambda xp, z, a, y: xp.sum(xp.exp(3.0 * xp.abs(a - y)), axis=1))  # soon infinite
    net = Network([12, 30, 4], hidden="relu", output="identity", cost=steep)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(warnings, "catch_warnings", None)
        found = net.find_learning_rate(x, np.eye(4)[y], optimizer="sgd")
    assert len(found.rates) < STEPS


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("hidden", ["sigmoid", "relu"])
def test_what_is_suggested_learns(hidden, optimizer, rng):
    x, y = clusters(rng)
    net = Network([12, 8, 4], hidden=hidden, output="softmax")
    found = net.find_learning_rate(x, y, optimizer=optimizer)
    assert found.suggestion in found.rates
    before = net.gradients(x, y)[0]
    net.fit(x, y, epochs=20, optimizer=replace(get(optimizer, 1.0), learning_rate=found.suggestion))
    assert net.gradients(x, y)[0] < before / 3


def test_it_ends_where_the_cost_diverges(rng):
    x = rng.standard_normal((50, 3))
    found = Network([3, 1], output="identity").find_learning_rate(x, x @ [1.0, 2.0, 3.0], optimizer="sgd")
    assert len(found.rates) == len(found.costs) < STEPS
    assert np.isfinite(found.costs).all()
    assert 0.001 < found.suggestion < found.rates[-1] < 10


def test_it_prints_as_a_short_text(rng):
    found = Network([12, 4]).find_learning_rate(*clusters(rng))
    assert str(found).startswith(f"learning rate {found.suggestion:.2g}: there the cost falls most steeply; ")
    assert str(FoundRate((0.1, 1.0), (1.0, 2.0), None)) == "no learning rate: the cost falls at none of 2 rates " + (
        "from 0.1 to 1"
    )


def test_a_network_that_cannot_get_better_is_suggested_nothing():
    net = Network([2, 1], output="identity")
    net.weights, net.biases = [np.zeros((1, 2))], [np.zeros((1, 1))]
    assert net.find_learning_rate(np.ones((4, 2)), np.zeros((4, 1)), optimizer="sgd").suggestion is None


@dataclass(frozen=True)
class Fixed(Optimizer):
    """One that has no rate."""

    def numbers(self, step):
        return ()

    @staticmethod
    def rule(xp, p, g):
        return (p - g,)


def test_what_cannot_be_tried_is_refused(rng):
    x, y = clusters(rng)
    with pytest.raises(TypeError, match=r"optimizer: expected one that has a learning_rate, got Fixed\(\)"):
        Network([12, 4]).find_learning_rate(x, y, optimizer=Fixed())
    net = Network([12, 4])
    net.weights = [np.full((4, 12), np.nan)]
    with pytest.raises(ValueError, match="find_learning_rate: expected a network whose cost is finite"):
        net.find_learning_rate(x, y)
    with pytest.raises(ValueError, match="x: expected"):
        net.find_learning_rate(x[:, :5], y)


def test_what_was_done_to_data_is_what_was_done_to_those_that_were_learnt_from():
    net, x = Network([(2, 2, 1), 2]), np.full((8, 2, 2, 1), 200, np.uint8)
    net.pictures = Pictures(2, 2, "grey", "crop")
    assert net.find_learning_rate(Dataset(x, [0, 1] * 4, pictures=net.pictures))
    for data in (
        Dataset(x, [0, 1] * 4, pictures=Pictures(2, 2, "grey", "squeeze")),
        Dataset(np.full((8, 2, 2, 3), 200, np.uint8), [0, 1] * 4, pictures=Pictures(2, 2)),
    ):
        with pytest.raises(ValueError, match="x: expected pictures as the network has learnt from them"):
            net.find_learning_rate(data)
    table = Dataset(np.eye(4)[[0, 1] * 4], [0, 1] * 4, columns=(Column("a", tuple("abcd")),))
    assert Network([4, 2]).find_learning_rate(table)
    net = Network([4, 2])
    net.columns = (Column("a", tuple("abce")),)
    with pytest.raises(ValueError, match="x: expected columns as the network has learnt from them"):
        net.find_learning_rate(table)
