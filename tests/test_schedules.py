"""Schedules: the rates that their sources name, in steps and in epochs; and what a plateau remembers."""

import json
import math
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from anynet import SGD, Network
from anynet.optimizers import Adam
from anynet.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    Exponential,
    Linear,
    OneCycle,
    Plateau,
    StepDecay,
    Warmup,
    Watched,
)


def rates(schedule, n):
    return [schedule.at(step) for step in range(n)]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(0.1), [0.1, 0.1, 0.1]),
        (Warmup(0.1, steps=4), [0.025, 0.05, 0.075, 0.1, 0.1]),
        (Cosine(0.1, steps=4), [0.1, 0.085355339059, 0.05, 0.014644660941, 0.0, 0.0, 0.0]),
        (Cosine(0.1, end=0.02, steps=2), [0.1, 0.06, 0.02, 0.02]),
        (Linear(0.1, steps=4), [0.1, 0.075, 0.05, 0.025, 0.0, 0.0]),
        (Linear(0.1, end=0.3, steps=2), [0.1, 0.2, 0.3, 0.3]),
        (StepDecay(0.1, steps=2), [0.1, 0.1, 0.01, 0.01, 0.001]),
        (Exponential(0.1, 0.25, steps=2), [0.1, 0.05, 0.025, 0.0125]),
        (Warmup(Cosine(0.1, steps=4), steps=2), [0.05, 0.1, 0.1, 0.085355339059, 0.05]),
        (Warmup(Warmup(0.1, steps=2), steps=1), [0.05, 0.05, 0.1, 0.1]),
    ],
)
def test_rates_step_by_step(schedule, expected):
    assert rates(schedule, len(expected)) == pytest.approx(expected, abs=1e-12)


def test_the_ends_are_exact():
    """No cosine leaves a rest, nor ever goes below its end."""
    assert rates(Cosine(0.1, steps=4), 7)[4:] == [0.0, 0.0, 0.0]
    assert rates(Linear(0.1, end=0.02, steps=3), 5)[3:] == [0.02, 0.02]
    assert rates(Warmup(0.1, steps=4), 5)[3:] == [0.1, 0.1]


PYTORCHS = {
    "cosine": (Cosine(0.1, steps=30, end=0.01), 31, lambda s, o: s.CosineAnnealingLR(o, T_max=30, eta_min=0.01)),
    "step": (StepDecay(0.1, 0.3, steps=7), 40, lambda s, o: s.StepLR(o, 7, 0.3)),
    "exponential": (Exponential(0.1, 0.9, steps=1), 40, lambda s, o: s.ExponentialLR(o, 0.9)),
    "linear": (Linear(0.1, end=0.03, steps=20), 40, lambda s, o: s.LinearLR(o, 1.0, 0.3, total_iters=20)),
    "one_cycle": (OneCycle(0.1, steps=37), 37, lambda s, o: s.OneCycleLR(o, max_lr=0.1, total_steps=37)),
}


@pytest.mark.parametrize("name", PYTORCHS)
def test_rates_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    ours, n, make = PYTORCHS[name]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    theirs, found = make(torch.optim.lr_scheduler, optimizer), []
    for _ in range(n):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(found) < n:
            theirs.step()
    assert rates(ours, n) == pytest.approx(found, rel=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_a_short_cycle_stays_between_its_ends(n):
    assert all(0.1 / 250_001 < rate <= 0.1 for rate in rates(OneCycle(0.1, steps=n), n + 2))


# Lengths.


@pytest.mark.parametrize("kind", [Linear, Cosine, OneCycle, Exponential])
def test_a_length_in_epochs_is_one_in_steps(kind):
    assert kind(0.1, epochs=3).settled(50, 1000) == kind(0.1, steps=150)
    assert kind(0.1, steps=3).settled(50, 1000) == kind(0.1, steps=3)
    assert kind(0.1).settled(50, 1000) == kind(0.1, steps=1000)
    assert kind(0.1).is_tied_to_length
    assert not kind(0.1, epochs=3).is_tied_to_length


def test_what_follows_a_warmup_has_the_rest_of_the_training():
    schedule = Warmup(Cosine(0.1), epochs=2)
    assert schedule.is_tied_to_length
    assert schedule.settled(50, 1000) == Warmup(Cosine(0.1, steps=900), steps=100)
    assert schedule.settled(50, 1000).at(1000) == 0.0
    assert not Warmup(0.1, steps=2).is_tied_to_length


def test_a_length_that_is_not_in_steps_yet_is_said():
    for schedule in (Cosine(0.1), Linear(0.1, epochs=2), Warmup(0.1, epochs=1)):
        with pytest.raises(ValueError, match=r"expected its length in steps, got .* Ask settled"):
            schedule.at(0)


# A plateau.

COSTS = [1.0, 0.9, *[0.95] * 7]


def epochs_of(schedule, costs, step=5):
    """Return the rate of each epoch, and what was watched: a value that JSON takes, and that is handed back."""
    found, watched = [], None
    for cost in costs:
        found.append(schedule.settled(10, 100, watched).at(step))
        watched = Watched(*json.loads(json.dumps(schedule.after_epoch(watched, cost))))
    return found, watched


def test_a_plateau_lowers_the_rate():
    found, watched = epochs_of(Plateau(0.1, factor=0.1, patience=2, threshold=0.0), COSTS)
    assert found == pytest.approx([0.1] * 5 + [0.01] * 3 + [0.001], rel=1e-12)
    assert watched == Watched(2, 0.9, 1)


def test_a_plateau_behind_a_warmup():
    schedule = Warmup(Plateau(0.1, patience=2), steps=4)
    found, _ = epochs_of(schedule, COSTS)
    assert found == pytest.approx([0.1] * 5 + [0.01] * 3 + [0.001], rel=1e-12)
    assert schedule.settled(10, 100).at(0) == pytest.approx(0.025)


def test_an_improvement_lies_below_the_threshold_and_nan_is_none():
    for cost in (0.9, math.nan, math.inf):
        assert Plateau(0.1, patience=1, threshold=0.1).after_epoch(Watched(0, 1.0, 0), cost) == Watched(0, 1.0, 1)
    assert Plateau(0.1, threshold=0.1).after_epoch(Watched(0, 1.0, 0), 0.89) == Watched(0, 0.89, 0)
    assert Plateau(0.1, patience=0).after_epoch(None, math.nan) == Watched(1, math.inf, 0)


def test_other_schedules_remember_nothing():
    for schedule in (Cosine(0.1), Constant(0.1), Warmup(0.1, steps=1)):
        assert schedule.after_epoch(None, 1.0) is None


# Values.

MADE = {
    "constant": Constant(0.1),
    "step": StepDecay(0.1, steps=2),
    "exponential": Exponential(0.1),
    "linear": Linear(0.1),
    "cosine": Cosine(0.1),
    "one_cycle": OneCycle(0.1),
    "warmup": Warmup(0.1, steps=2),
    "plateau": Plateau(0.1),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_frozen_values_whose_rates_are_pythons(name):
    schedule = MADE[name] if name in MADE else SCHEDULES[name](0.1)
    assert type(schedule) is SCHEDULES[name]
    assert hash(schedule) == hash(replace(schedule))
    settled = schedule.settled(10, 100)
    assert all(type(settled.at(step)) is float for step in (0, 1, 99, 100, 1000))
    with pytest.raises(FrozenInstanceError):
        schedule.rate = 0.2


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Constant(0.0), ValueError, "rate: expected a finite number above 0, got 0.0"),
        (lambda: Cosine("fast"), TypeError, "rate: expected a number, got 'fast'"),
        (lambda: Cosine(0.1, end=-1), ValueError, "end: expected a finite number, at least 0, got -1"),
        (lambda: Linear(0.1, end=math.inf), ValueError, "end: expected a finite number, at least 0, got inf"),
        (lambda: Cosine(0.1, steps=0), ValueError, "steps: expected at least 1, got 0"),
        (lambda: Cosine(0.1, epochs=1.5), TypeError, "epochs: expected a whole number, got 1.5"),
        (lambda: Cosine(0.1, steps=1, epochs=1), ValueError, "Cosine: expected steps or epochs, got both"),
        (lambda: StepDecay(0.1), ValueError, "StepDecay: expected a length, got none"),
        (lambda: StepDecay(0.1, 0, steps=1), ValueError, "factor: expected a finite number above 0, got 0"),
        (lambda: Exponential(0.1, -1), ValueError, "factor: expected a finite number above 0, got -1"),
        (lambda: OneCycle(0.1, rise=1.0), ValueError, "rise: expected a number above 0 and below 1, got 1.0"),
        (lambda: Warmup(0.1), ValueError, "Warmup: expected a length, got none"),
        (lambda: Warmup(-0.1, steps=1), ValueError, "then: expected a finite number above 0, got -0.1"),
        (lambda: Plateau(0.1, factor=1.0), ValueError, "factor: expected a number above 0 and below 1, got 1.0"),
        (lambda: Plateau(0.1, patience=-1), ValueError, "patience: expected at least 0, got -1"),
        (lambda: Plateau(0.1, threshold=-0.1), ValueError, "threshold: expected a finite number, at least 0"),
    ],
)
def test_what_is_out_of_its_domain(make, error, message):
    with pytest.raises(error, match=message):
        make()


# In a training.


def recording(kind, *arguments):
    """Return an optimizer that writes down the numbers of each step, and what it writes."""
    seen = []

    class Recording(kind):
        def numbers(self, step):
            seen.append(self.rate(step))
            return super().numbers(step)

    return Recording(*arguments), seen


def examples(rng, n=20):
    return rng.standard_normal((n, 3)), np.arange(n) % 2


def test_a_training_says_how_long_it_is(rng):
    optimizer, seen = recording(SGD, Warmup(Linear(0.4, epochs=1), steps=2))
    Network([3, 2]).fit(examples(rng, 35), epochs=2, batch_size=10, optimizer=optimizer)
    assert seen[-8:] == pytest.approx([0.2, 0.4, 0.4, 0.3, 0.2, 0.1, 0.0, 0.0])
    optimizer, seen = recording(Adam, Linear(0.4))
    Network([3, 2]).fit(examples(rng), epochs=2, batch_size=10, optimizer=optimizer)
    assert seen[-4:] == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_a_plateau_is_told_how_each_epoch_ended(rng):
    """Of the validation data, if there are any: of them a network that is trained on the opposite knows less."""
    x, y = examples(rng)
    optimizer, seen = recording(SGD, Plateau(1e-3, factor=0.5, patience=0))
    net = Network([3, 2], dtype="float64")
    net.fit((x, y), epochs=4, batch_size=20, optimizer=optimizer, validation=(x, 1 - y))
    assert seen[-4:] == pytest.approx([1e-3, 1e-3, 5e-4, 2.5e-4])
    optimizer, seen = recording(SGD, Plateau(1e-3, factor=0.5, patience=0))
    Network([3, 2], dtype="float64").fit((x, y), epochs=4, batch_size=20, optimizer=optimizer)
    assert seen[-4:] == [1e-3] * 4


def test_a_second_training_starts_its_schedule_afresh(rng):
    optimizer, seen = recording(SGD, Linear(0.4))
    net = Network([3, 2])
    for _ in range(2):
        net.fit(examples(rng), epochs=1, batch_size=10, optimizer=optimizer)
    assert seen[-2:] == pytest.approx([0.4, 0.2])
