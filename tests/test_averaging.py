"""The moving average of the parameters: what it is, who holds it, and who goes on from what."""

from dataclasses import dataclass

import numpy as np
import pytest
from test_resuming import StopAt, assert_same, data, fitted
from test_training import set_chunk_bytes

from anynet import SGD, Checkpoint, EarlyStopping, Network
from anynet.optimizers import Adam, AdamW, Optimizer
from anynet.schedules import Cosine

SIZES = [12, 8, 4]


def arrays(net):
    return [np.array(a) for a in (*net.weights, *net.biases)]


def assert_close(some, others, most=1e-12):
    for a, b in zip(some, others, strict=True):
        np.testing.assert_allclose(a, b, rtol=most, atol=most)


def trajectory(optimizer, epochs, **how):
    """Return the parameters before training and after each step of it, without an average: one batch is an epoch."""
    net, (train, _) = Network(SIZES, dtype="float64", seed=5), data()
    seen = [arrays(net)]
    net.fit(train, epochs=epochs, batch_size=205, optimizer=optimizer, callbacks=[lambda _, n: seen.append(arrays(n))])
    return seen


def average_of(steps, d):
    """Return their moving average, which starts at the first."""
    average = steps[0]
    for step in steps[1:]:
        average = [d * a + (1 - d) * p for a, p in zip(average, step, strict=True)]
    return average


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("optimizer", [SGD(0.5), AdamW(0.05, decay=0.5), Adam(Cosine(0.1))])
def test_after_fit_the_network_holds_the_average_of_all_steps(backend, optimizer):
    net, (train, _) = Network(SIZES, backend, dtype="float64", seed=5), data()
    net.fit(train, epochs=6, batch_size=205, optimizer=optimizer, average=0.75)
    assert_close(arrays(net), average_of(trajectory(optimizer, 6), 0.75), most=1e-10)


def test_the_average_is_what_is_validated():
    net, (train, validation) = Network(SIZES, dtype="float64", seed=5), data()
    history = net.fit(train, epochs=3, batch_size=205, optimizer=SGD(2.0), average=0.9, validation=validation)
    steps, judge = trajectory(SGD(2.0), 3), Network(SIZES, dtype="float64", seed=5)
    for epoch in range(3):
        average = average_of(steps[: epoch + 2], 0.9)
        judge.weights, judge.biases = average[:2], average[2:]
        assert history[epoch].n_correct == judge.evaluate(validation)
        outputs, y = judge.feedforward(validation[0]), np.eye(4)[validation[1]]
        cost = ((outputs - y) ** 2).sum(axis=1).mean() / 2
        assert history[epoch].metrics["validation_cost"] == pytest.approx(cost, rel=1e-12)


def test_partial_fit_goes_on_from_the_raw_ones():
    net, (train, _) = Network(SIZES, dtype="float64", seed=5), data()
    net.fit(train, epochs=2, batch_size=205, optimizer=Adam(0.1), average=0.75)
    for _ in range(2):
        net.partial_fit(train, batch_size=205)
    assert_close(arrays(net), average_of(trajectory(Adam(0.1), 4), 0.75))
    moved = net.to("numpy")
    for each in (net, moved):
        each.partial_fit(train, batch_size=205)
        assert_close(arrays(each), average_of(trajectory(Adam(0.1), 5), 0.75))


def test_fit_starts_afresh_from_the_average():
    net, (train, _) = Network(SIZES, dtype="float64", seed=5), data()
    net.fit(train, epochs=2, batch_size=205, optimizer=SGD(0.5), average=0.75)
    other = Network(SIZES, dtype="float64", seed=5)
    other.weights, other.biases = net.weights, net.biases
    for each in (net, other):
        each.fit(train, epochs=2, batch_size=205, optimizer=SGD(0.5))
    assert_close(arrays(net), arrays(other))


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("stop", [1, 9])
def test_a_training_that_averages_resumes_to_the_same_bits(backend, stop, tmp_path, monkeypatch):
    set_chunk_bytes(monkeypatch, 12 * 4 * 40)
    how = {"backend": backend, "average": 0.9, "early_stopping": EarlyStopping(patience=50)}
    whole = fitted(**how)
    with pytest.raises(KeyboardInterrupt):
        fitted(callbacks=[StopAt(stop)], checkpoint=Checkpoint(tmp_path), **how)
    assert_same(fitted(resume=tmp_path, checkpoint=Checkpoint(tmp_path), **how), whole)
    assert_same(fitted(resume=tmp_path, **how), whole)  # it is finished
    with pytest.raises(ValueError, match="resume: expected the optimizer of the checkpoint"):
        fitted(resume=tmp_path, **how | {"average": 0.8})


def test_the_best_epoch_is_left_as_its_average_and_gone_on_from_as_it_was():
    train, validation = data()
    rising = EarlyStopping(patience=2, metric="validation_cost")
    net = Network(SIZES, dtype="float64", seed=5)
    how = {"batch_size": 205, "optimizer": SGD(60.0), "validation": validation, "early_stopping": rising}
    history = net.fit(train, epochs=20, average=0.5, **how)
    costs = history["validation_cost"]
    best = int(np.argmin(costs))
    assert best < len(costs) - 1
    steps = trajectory(SGD(60.0), best + 2)
    assert_close(arrays(net), average_of(steps[: best + 2], 0.5))
    net.partial_fit(train, batch_size=205)
    assert_close(arrays(net), average_of(steps, 0.5), most=1e-9)


@dataclass(frozen=True)
class Halved(Optimizer):
    """One of a user's own, which holds another."""

    optimizer: Optimizer

    def numbers(self, step):
        return self.optimizer.numbers(step)

    @staticmethod
    def rule(xp, p, g, rate):
        return (p - rate / 2 * g,)


@pytest.mark.parametrize("average", [None, 0.75])
def test_an_optimizer_that_holds_another_goes_on_as_itself(average):
    net, (train, _) = Network(SIZES, dtype="float64", seed=5), data()
    net.fit(train, epochs=2, batch_size=205, optimizer=Halved(SGD(1.0)), average=average)
    net.partial_fit(train, batch_size=205)
    steps = trajectory(SGD(0.5), 3)
    assert_close(arrays(net), steps[-1] if average is None else average_of(steps, average))


def test_what_stops_training_leaves_the_average_too():
    train, _ = data()
    net = Network(SIZES, dtype="float64", seed=5)
    with pytest.raises(KeyboardInterrupt):
        net.fit(train, epochs=9, batch_size=205, optimizer=SGD(0.5), average=0.75, callbacks=[StopAt(3)])
    assert_close(arrays(net), average_of(trajectory(SGD(0.5), 3), 0.75))


@dataclass(frozen=True)
class Faulty(SGD):
    @staticmethod
    def rule(xp, p, g, rate):
        return p - rate * g


def test_what_does_not_suit_is_told():
    train, _ = data()
    for average in (0, 1, -0.5, float("nan")):
        with pytest.raises(ValueError, match="average: expected a share above 0 and below 1"):
            Network(SIZES).fit(train, average=average)
    with pytest.raises(TypeError, match="average: expected a number, got 'much'"):
        Network(SIZES).fit(train, average="much")
    with pytest.raises(TypeError, match="optimizer: expected a rule that returns a tuple of p"):
        Network(SIZES).fit(train, optimizer=Faulty(0.1), average=0.9)
    net = Network(SIZES)
    net.fit(train, epochs=1, optimizer=SGD(0.1))
    with pytest.raises(ValueError, match="average: expected a training that averages from its start"):
        net.partial_fit(train, average=0.9)
    net.fit(train, epochs=1, optimizer=SGD(0.1), average=0.9)
    with pytest.raises(ValueError, match="optimizer: expected one of the class SGD"):
        net.partial_fit(train, optimizer=Adam(0.1))
    assert net.partial_fit(train, optimizer=SGD(0.2))[0].rate == 0.2
