"""Callbacks: who watches a training; early stopping by the numbers, and what it leaves behind."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from compare import relative_difference
from recipes import clusters, is_same

from anynet import SGD, Checkpoint, Dropout, EarlyStopping, Network, Optimizer, optimizers
from anynet.callbacks import Stopping
from anynet.optimizers import Adam, Momentum
from anynet.schedules import Exponential, Plateau

COSTS = 1.0, 0.9, 0.95, 0.92, 0.91, 0.93


def after(early, values, more_is_better=False):
    """Return what is seen after these values, up to where patience ends."""
    seen = Stopping()
    for epoch, value in enumerate(values):
        seen = early.after_epoch(seen, epoch, value, f"learnt in {epoch}", more_is_better)
        if early.is_over(seen):
            return seen, epoch
    return seen, None


@pytest.mark.parametrize(
    ("how", "values", "best", "end"),
    [
        ({"patience": 3}, COSTS, 1, 4),
        ({"patience": 5}, COSTS, 1, None),
        ({"patience": 2}, (1.0, 1.0, 1.0), 0, 2),  # the first among equals
        ({"patience": 2}, (math.nan, 0.5, math.nan, math.nan), 1, 3),
        ({"patience": 2}, (math.nan, math.nan), None, 1),
        ({"patience": 2, "min_delta": 0.1}, (1.0, 0.95, 0.92, 0.5), 2, 2),  # the strictly best is kept all the same
        ({"patience": 2, "min_delta": 0.1}, (1.0, 0.95, 0.89, 0.88, 0.9), 3, 4),
    ],
)
def test_when_it_stops_and_what_it_keeps(how, values, best, end):
    for sign in (1, -1):
        seen, stopped = after(EarlyStopping(**how), [sign * value for value in values], more_is_better=sign < 0)
        assert (seen.epoch, stopped) == (best, end)
        assert seen.learnt == (None if best is None else f"learnt in {best}")


@pytest.mark.parametrize(
    ("made", "error", "message"),
    [
        (lambda: EarlyStopping(patience=0), ValueError, "patience: expected at least 1, got 0"),
        (lambda: EarlyStopping(patience=1.5), TypeError, "patience: expected a whole number"),
        (lambda: EarlyStopping(min_delta=-1), ValueError, "min_delta: expected a finite number, at least 0, got -1"),
        (lambda: EarlyStopping(metric=3), TypeError, "metric: expected a name, got 3"),
        (lambda: Checkpoint("run", keep=0), ValueError, "keep: expected at least 1, got 0"),
        (lambda: Checkpoint("run", every=0), ValueError, "every: expected at least 1, got 0"),
        (lambda: Checkpoint("run", every_steps=0.5), TypeError, "every_steps: expected a whole number"),
        (lambda: Checkpoint(None), TypeError, "folder: expected a path, got None"),
    ],
)
def test_values_that_cannot_be(made, error, message):
    with pytest.raises(error, match=message):
        made()


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"early_stopping": EarlyStopping()}, ValueError, r"a metric among cost, got 'validation_cost'\. Give valid"),
        ({"early_stopping": 5}, TypeError, r"early_stopping: expected a value such as EarlyStopping\(patience=5\)"),
        ({"checkpoint": "run"}, TypeError, r"checkpoint: expected a value such as Checkpoint\('run'\), got 'run'"),
        ({"callbacks": [3]}, TypeError, "callbacks: expected functions"),
        ({"shuffle": 1}, TypeError, "shuffle: expected True or False, got 1"),
        ({"metrics": "f1"}, ValueError, "metrics: expected validation data to take f1 of, got none"),
    ],
)
def test_arguments_that_do_not_suit_are_told_before_training(how, error, message, rng):
    net = Network([12, 4])
    before = net.weights[0]
    with pytest.raises(error, match=message):
        net.fit(*clusters(rng), epochs=1, **how)
    assert np.array_equal(net.weights[0], before)


def test_iterators_take_the_arguments_of_fit_and_no_others(rng):
    with pytest.raises(TypeError, match="fit: expected arguments that it has, got 'epoch'"):
        Network([12, 4]).iter_fit(*clusters(rng), epoch=3)


class Kept:
    """A callback that keeps what the network had learnt after each epoch."""

    def __init__(self):
        self.weights = []

    def __call__(self, report, net):
        if report.is_epoch_end:
            self.weights.append(net.weights[0])


def overfitted(rng):
    """Return few examples to learn by heart, and others to judge by, whose answers are half chance."""
    x, y = clusters(rng, n=40)
    other, labels = clusters(rng, n=40)
    return (x, y), (other, np.where(rng.uniform(size=40) < 0.5, labels, (labels + 1) % 4))


@pytest.mark.parametrize("metric", ["validation_cost", "validation_accuracy", "validation_f1"])
def test_it_ends_with_the_best_epoch(metric, rng):
    data, validation = overfitted(rng)
    net, kept = Network([12, 4], output="softmax"), Kept()
    how = {"optimizer": SGD(3.0), "validation": validation, "metrics": "f1"}
    early = EarlyStopping(patience=3, metric=metric)
    history = net.fit(data, epochs=40, early_stopping=early, callbacks=[kept], **how)
    best = int(np.argmin(history[metric]) if metric.endswith("cost") else np.argmax(history[metric]))
    assert len(history) == best + 4 < 40
    assert np.array_equal(net.weights[0], kept.weights[best])
    assert not np.array_equal(net.weights[0], kept.weights[-1])


@pytest.mark.parametrize("stopped", [KeyboardInterrupt, ValueError])
def test_and_on_an_interrupt_or_an_error_too(stopped, rng):
    data, validation = overfitted(rng)
    net, kept = Network([12, 4], output="softmax"), Kept()

    def stop(report, net):
        if report.epoch == 8:
            raise stopped("mine")

    how = {"optimizer": SGD(3.0), "validation": validation, "early_stopping": EarlyStopping(patience=50)}
    with pytest.raises(stopped, match="mine") as caught:
        net.fit(data, epochs=40, callbacks=[kept, stop], **how)
    best = int(np.argmin(caught.value.history["validation_cost"]))
    assert caught.value.history is net.history
    assert len(net.history) == 9
    assert best < 7
    assert np.array_equal(net.weights[0], kept.weights[best])
    assert caught.traceback[-1].name == "stop"


def test_callbacks_get_each_report_and_the_network(rng):
    net, seen = Network([12, 4]), []
    net.fit(*clusters(rng), epochs=2, callbacks=[lambda report, of: seen.append((report, of is net))])
    assert [report for report, _ in seen if report.is_epoch_end] == net.history
    assert all(is_it for _, is_it in seen)


def test_who_stops_iterating_has_the_best_too(rng):
    data, validation = overfitted(rng)
    net, kept = Network([12, 4], output="softmax"), Kept()
    how = {"optimizer": SGD(3.0), "validation": validation, "early_stopping": EarlyStopping(patience=50)}
    for report in net.iter_fit(data, epochs=40, **how):
        kept(report, net)
        if report.epoch == 8:
            break
    del report
    assert np.array_equal(net.weights[0], kept.weights[int(np.argmin(net.history["validation_cost"]))])


# Going on with an optimizer.


GRADIENTS = 1.0, -0.5, 0.25, 1.0


def stepped(net, gradients, go_on):
    """Return the weight after a step each: x is 1, and the absolute cost would be flat, so targets make gradients."""
    after = []
    for i, g in enumerate(gradients):
        [[w]], [[b]] = net.weights[0], net.biases[0]
        target = w + b - g  # of the quadratic cost: a - y
        fit = net.partial_fit if go_on(i) else net.fit
        fit([[1.0]], [target], epochs=1, batch_size=1, **({} if go_on(i) else {"optimizer": optimizers.Adam(0.1)}))
        after.append(net.weights[0][0, 0])
    return after


@pytest.mark.filterwarnings("ignore")  # one example tells nothing
def test_adam_goes_on_and_starts_afresh(backend):
    for go_on, expected in (
        (lambda i: i > 0, [0.9, 0.873366, 0.839323, 0.780083]),
        (lambda i: i in (1, 3), [0.9, 0.873366, 0.773366, 0.684929]),
    ):
        net = Network([1, 1], backend, output="identity")
        net.weights, net.biases = [np.ones((1, 1))], [np.zeros((1, 1))]
        assert relative_difference(stepped(net, GRADIENTS, go_on), expected) < 2e-6


def test_two_halves_are_a_whole(rng):
    data = clusters(rng)
    whole, halved = Network([12, 4], seed=1), Network([12, 4], seed=1)
    whole.fit(data, epochs=4, optimizer=optimizers.Adam(0.01))
    halved.fit(data, epochs=2, optimizer=optimizers.Adam(0.01))
    halved = halved.to("numpy")  # which takes along how far the optimizer has come
    halved.partial_fit(data, epochs=2)
    assert is_same((whole, []), (halved, []))
    assert halved.learnt.n_steps == whole.learnt.n_steps == 4 * 20


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize(
    ("optimizer", "ends"),
    [
        (Adam(0.2), "early"),
        (Momentum(Exponential(0.5, steps=50)), "interrupted"),
        (Adam(Plateau(0.3, patience=0)), "resumed"),
    ],
)
def test_after_the_best_epoch_training_goes_on_as_if_it_had_ended_there(backend, optimizer, ends, rng, tmp_path):
    """Parameters, slots, steps and schedule belong together; examples stand in their order, for that goes on."""
    (x, y), validation = clusters(rng), (rng.standard_normal((40, 12)), np.arange(40) % 4)
    how = {"batch_size": 20, "shuffle": False, "validation": validation}
    net, plain = (Network([12, 8, 4], backend, seed=2) for _ in range(2))
    early = how | {"optimizer": optimizer, "early_stopping": EarlyStopping(patience=4), "epochs": 60}
    if ends == "early":
        net.fit(x, y, **early)
    else:
        with pytest.raises(KeyboardInterrupt):
            net.fit(x, y, callbacks=[AtEpoch(3)], checkpoint=Checkpoint(tmp_path, every=None), **early)
    if ends == "resumed":
        net = Network([12, 8, 4], backend, seed=2)
        net.fit(x, y, resume=tmp_path, **early)
    best = costs_of(net).index(min(costs_of(net)))
    assert best < len(costs_of(net)) - 1
    plain.fit(x, y, epochs=best + 1, optimizer=optimizer, **how)
    assert net.learnt == plain.learnt
    for each in (net, plain):
        each.partial_fit(x, y, epochs=2, **how)
    assert is_same((net, costs_of(net)), (plain, costs_of(plain)))


class AtEpoch:
    """A callback that stops training after an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def __call__(self, report, net):
        if report.epoch == self.epoch and report.is_epoch_end:
            raise KeyboardInterrupt


def costs_of(net):
    return net.history["validation_cost"]


def test_going_on_takes_another_rate_but_no_other_kind(rng):
    data, net = clusters(rng), Network([12, 4])
    net.partial_fit(data, optimizer=optimizers.Adam(0.01))
    net.partial_fit(data, optimizer=optimizers.Adam(0.001))
    assert net.history["rate"] == [0.001]
    with pytest.raises(ValueError, match="optimizer: expected one of the class Adam, for its slots go on, got SGD"):
        net.partial_fit(data, optimizer=SGD(0.1))


def test_examples_may_stay_in_their_order(rng):
    x, y = clusters(rng, n=30)
    by_hand, net = Network([12, 4], dtype="float64"), Network([12, 4], dtype="float64")
    net.fit(x, y, epochs=1, batch_size=10, optimizer=SGD(0.5), shuffle=False)
    for start in (0, 10, 20):
        by_hand.update_mini_batch((x[start : start + 10], y[start : start + 10]), 0.5)
    assert relative_difference(net.weights[0], by_hand.weights[0]) < 1e-12


def test_metrics_besides_come_along(rng):
    x, y = clusters(rng)
    net = Network([12, 4], output="softmax")
    history = net.fit(x, y, epochs=2, validation=(x, y), metrics=["balanced_accuracy", "top_2"])
    assert history.metrics[-3:] == ("validation_balanced_accuracy", "validation_top_2", "cost")
    assert history["validation_top_2"][-1] == net.score(x, y, "top_2")["top_2"]


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("limit", [None, 0])
def test_the_training_cost_is_that_of_all_training_data_as_the_epoch_leaves_the_network(backend, limit, rng):
    """As if they were validated on: without dropout, penalties, smoothing, weights and transforms."""
    x, y = clusters(rng)
    net = Network([12, 6, Dropout(0.5), 4], backend, output="softmax")
    how = {"l2": 5.0, "label_smoothing": 0.1, "class_weight": {0: 5, 1: 1, 2: 1, 3: 1}, "memory_limit": limit}
    how |= {"transform": lambda x, rng: x + 1.0, "training_cost": True}
    net.fit(x, y, epochs=2, batch_size=20, optimizer=SGD(0.5), **how)
    assert net.history["training_cost"][1] == pytest.approx(net.gradients(x, y)[0], rel=1e-12)  # of inference
    [report] = net.fit(x, y, epochs=1, optimizer=Still(), validation=(x, y), **how)  # which moves nothing
    assert report.metrics["training_cost"] == report.metrics["validation_cost"]
    assert list(report.metrics) == ["validation_accuracy", "validation_cost", "training_cost", "cost"]


def test_the_training_cost_of_an_average_is_the_averages(rng):
    x, y = clusters(rng)
    net = Network([12, 4])
    [report] = net.fit(x, y, epochs=1, average=0.9, validation=(x, y), training_cost=True)
    assert report.metrics["training_cost"] == report.metrics["validation_cost"]


def test_training_stops_early_by_the_training_cost_too(rng):
    x, y = clusters(rng)
    early = EarlyStopping(patience=1, metric="training_cost")
    with pytest.raises(ValueError, match="early_stopping: expected a metric among cost, got 'training_cost'"):
        Network([12, 4]).fit(x, y, early_stopping=early)
    history = Network([12, 4]).fit(x, y, epochs=3, optimizer=Still(), early_stopping=early, training_cost=True)
    assert len(history) == 2
    with pytest.raises(TypeError, match="training_cost: expected True or False, got 1"):
        Network([12, 4]).fit(x, y, training_cost=1)


@dataclass(frozen=True)
class Still(Optimizer):
    """Leaves the network as it is."""

    def numbers(self, step):
        return ()

    @staticmethod
    def rule(xp, p, g):
        return (p + 0.0 * g,)
