"""Optimizers: each is its recurrence, and reaches the minimum of a parabola on every library."""

import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import own
import pytest
from compare import assert_on, relative_difference

from anynet import SGD, Network, Optimizer, backends, optimizers
from anynet.layers.dense import DenseParameters
from anynet.optimizers import OPTIMIZERS, Adam, AdamW, Momentum, Nesterov, RMSProp
from anynet.parameters import updated
from anynet.schedules import Cosine, Schedule
from anynet.trees import arrays_of


def parameters(backend, weights, biases):
    return [DenseParameters(backend.copy_to_device(weights), backend.copy_to_device(biases)), ()]


def stepped(backend, optimizer, p, g, slots=None, step=0):
    slots = optimizers.initialize(backend.xp, optimizer, p) if slots is None else slots
    return updated(backend.xp, type(optimizer).rule, p, g, slots, optimizer.numbers(step))


def test_sgd_is_its_recurrence(backend):
    p, g = parameters(backend, [[1.0, 2.0]], [3.0]), parameters(backend, [[10.0, 20.0]], [30.0])
    (dense, nothing), slots = stepped(backend, SGD(0.5), p, g)
    assert backend.to_numpy(dense.weights).tolist() == [[-4.0, -8.0]]
    assert backend.to_numpy(dense.biases).tolist() == [-12.0]
    assert (nothing, slots) == ((), ())


def test_sgd_keeps_float32_with_a_numpy_rate(backend32):
    p, g = parameters(backend32, [[1.0]], [1.0]), parameters(backend32, [[1.0]], [1.0])
    (dense, _), _ = stepped(backend32, SGD(np.float64(0.5)), p, g)
    assert_on(backend32, dense.weights, (1, 1))


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf])
def test_sgd_refuses_rates_that_cannot_learn(rate):
    with pytest.raises(ValueError, match="learning_rate: expected a finite number above 0"):
        SGD(rate)


@pytest.mark.parametrize("rate", ["3", None, True, 1j])
def test_a_learning_rate_is_a_number(rate):
    with pytest.raises(TypeError, match="learning_rate: expected a number, got"):
        SGD(rate)


# The recurrences, number by number.

GRADIENTS, RATES = (1.0, -0.5, 0.25, 1.0), (0.1, 0.1, 0.05, 0.02)


@dataclass(frozen=True)
class Listed(Schedule):
    """The rates of a list."""

    rates: tuple[float, ...]

    def at(self, step):
        return self.rates[step]


def walk(backend, optimizer, p, slopes, afresh_at=()):
    """Return each p (a scalar weight) after steps with these slopes; where it starts afresh, slots and count do."""
    (p, slots, step), seen = (parameters(backend, [[p]], [0.0]), None, 0), []
    for i, slope in enumerate(slopes):
        if i in afresh_at:
            slots, step = None, 0
        g = parameters(backend, [[slope]], [0.0])
        p, slots = stepped(backend, optimizer, p, g, slots, step)
        step += 1
        seen.append(float(backend.to_numpy(p[0].weights)[0, 0]))
    return seen


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (Momentum(Listed(RATES), 0.9), [0.9, 0.86, 0.8295, 0.79852]),
        (Nesterov(Listed(RATES), 0.9), [0.81, 0.824, 0.78405, 0.736168]),
        (Adam(Listed(RATES), eps=0.1), [0.909090909, 0.885448241, 0.870662914, 0.860192011]),
        (RMSProp(Listed(RATES), 0.9, eps=0.1), [0.759746927, 0.873611926, 0.844628796, 0.807988150]),
        (AdamW(Listed(RATES), eps=0.1, decay=0.5), [0.859090909, 0.792493696, 0.757896026, 0.739846163]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Optimizer) else "",
)
def test_each_is_its_recurrence(optimizer, expected, backend):
    assert walk(backend, optimizer, 1.0, GRADIENTS) == pytest.approx(expected, abs=6e-10)


def test_adam_goes_on_or_starts_afresh(backend):
    """What `partial_fit` continues are the slots and the count of steps; `fit` starts both afresh."""
    continued, afresh = (walk(backend, Adam(0.1), 1.0, GRADIENTS, at) for at in ((), (2,)))
    assert continued == pytest.approx([0.9, 0.873366, 0.839323, 0.780083], abs=6e-7)
    assert afresh == pytest.approx([0.9, 0.873366, 0.773366, 0.684929], abs=6e-7)


PYTORCHS = {
    SGD: ("SGD", {}, {}),
    Momentum: ("SGD", {"beta": 0.8}, {"momentum": 0.8}),
    Nesterov: ("SGD", {"beta": 0.8}, {"momentum": 0.8, "nesterov": True}),
    RMSProp: ("RMSprop", {"beta": 0.8, "eps": 0.1}, {"alpha": 0.8, "eps": 0.1}),
    Adam: ("Adam", {"beta1": 0.8, "beta2": 0.95, "eps": 0.1}, {"betas": (0.8, 0.95), "eps": 0.1}),
    AdamW: (
        "AdamW",
        {"beta1": 0.8, "beta2": 0.95, "eps": 0.1, "decay": 0.3},
        {"betas": (0.8, 0.95), "eps": 0.1, "weight_decay": 0.3},
    ),
}


def pytorchs(kind, start, slopes, rates):
    """Return where PyTorch's optimizer of the same name comes to; biases have no decay."""
    torch = pytest.importorskip("torch")
    name, _, keywords = PYTORCHS[kind]
    p = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in start]
    groups = [{"params": [p[0]]}, {"params": [p[1]], **({"weight_decay": 0.0} if kind is AdamW else {})}]
    theirs = getattr(torch.optim, name)(groups, lr=rates[0], **keywords)
    for g, rate in zip(slopes, rates, strict=True):
        for group in theirs.param_groups:
            group["lr"] = rate
        for a, slope in zip(p, g, strict=True):
            a.grad = torch.tensor(slope, dtype=torch.float64)
        theirs.step()
    return [a.detach().numpy() for a in p]


@pytest.mark.parametrize("kind", OPTIMIZERS.values(), ids=list(OPTIMIZERS))
def test_a_hundred_steps_are_pytorchs(kind, backend, rng):
    """With a rate that changes and a large eps: at a fixed rate and a small one, other formulas pass too."""
    start = rng.standard_normal((2, 3)), rng.standard_normal(2)
    slopes = [(rng.standard_normal((2, 3)), rng.standard_normal(2)) for _ in range(100)]
    rates = tuple(0.1 * (0.2 + rng.random()) for _ in range(100))
    optimizer = kind(Listed(rates), **PYTORCHS[kind][1])
    p, slots = parameters(backend, *start), None
    for step, g in enumerate(slopes):
        p, slots = stepped(backend, optimizer, p, parameters(backend, *g), slots, step)
    for ours, theirs in zip(p[0], pytorchs(kind, start, slopes, rates), strict=True):
        assert relative_difference(backend.to_numpy(ours), theirs) <= 1e-10


class Scaled(NamedTuple):
    scale: Any
    shift: Any


def test_weights_alone_decay(backend):
    """Neither biases, nor what a norm scales and shifts by."""
    ones = backend.copy_to_device([1.0, 1.0])
    p = [DenseParameters(ones, ones), Scaled(ones, ones), ()]
    g = [DenseParameters(0.0 * ones, 0.0 * ones), Scaled(0.0 * ones, 0.0 * ones), ()]
    (dense, scaled, _), _ = stepped(backend, AdamW(0.1, decay=0.5), p, g)
    assert [backend.to_numpy(a).tolist() for a in dense] == [[0.95, 0.95], [1.0, 1.0]]
    assert [backend.to_numpy(a).tolist() for a in scaled] == [[1.0, 1.0], [1.0, 1.0]]


# Whatever the table holds, and a user's own.

KINDS = {**OPTIMIZERS, "own, one slot": own.Momentum, "own, two slots and numbers": own.Adam}


def minimizer(name, rate):
    """Return an optimizer that goes to the minimum itself: without decay, which draws weights towards 0."""
    optimizer = KINDS[name](rate)
    return replace(optimizer, decay=0.0) if hasattr(optimizer, "decay") else optimizer


@pytest.mark.parametrize("name", KINDS)
def test_each_reaches_the_minimum_of_a_parabola(name, backend):
    """Of the sum of (p - target)^2, from a few starting points; gradients are new arrays in each step."""
    optimizer = minimizer(name, 0.05)
    p, slots = parameters(backend, [[5.0, -3.0]], [0.25]), None
    targets = [backend.copy_to_device(t) for t in ([[1.0, 2.0]], [-1.0])]
    for step in range(300):
        slopes = [2.0 * (a - t) for a, t in zip(p[0], targets, strict=True)]
        p, slots = stepped(backend, optimizer, p, [DenseParameters(*slopes), ()], slots, step)
    for a, t in zip(arrays_of(p), targets, strict=True):
        assert_on(backend, a, t.shape)
        assert relative_difference(backend.to_numpy(a), backend.to_numpy(t)) <= 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_each_reaches_the_minimum_of_rosenbrocks_valley(name):
    """(1 - a)^2 + 100 (b - a^2)^2, from (-1.2, 1), the usual start."""
    backend = backends.get("numpy", dtype="float64")
    optimizer, p, slots = minimizer(name, 0.001), parameters(backend, [[-1.2]], [1.0]), None
    for step in range(12_000):
        a, b = float(p[0].weights[0, 0]), float(p[0].biases[0])
        slopes = [[-2.0 * (1.0 - a) - 400.0 * a * (b - a * a)]], [200.0 * (b - a * a)]
        p, slots = stepped(backend, optimizer, p, parameters(backend, *slopes), slots, step)
    assert [float(p[0].weights[0, 0]), float(p[0].biases[0])] == pytest.approx([1.0, 1.0], abs=0.02)


@pytest.mark.parametrize("name", KINDS)
def test_slots_start_at_zero_in_the_structure_of_the_parameters(name, backend32):
    optimizer = KINDS[name](0.05)
    p = parameters(backend32, [[5.0, -3.0]], [0.25])
    slots = optimizers.initialize(backend32.xp, optimizer, p)
    assert len(slots) == optimizer.slots
    for tree in slots:
        assert [type(part) for part in tree] == [DenseParameters, tuple]
        for slot, like in zip(arrays_of(tree), arrays_of(p), strict=True):
            assert_on(backend32, slot, like.shape)
            assert not backend32.to_numpy(slot).any()


@pytest.mark.parametrize("name", KINDS)
def test_numbers_are_pythons_and_values_hash(name):
    optimizer = KINDS[name](0.05)
    assert all(type(number) is float for step in (0, 1, 10_000) for number in optimizer.numbers(step))
    assert len({len(optimizer.numbers(step)) for step in (0, 1, 10_000)}) == 1
    assert hash(optimizer) == hash(KINDS[name](0.05))
    assert optimizer != KINDS[name](0.06)


# By name, or as a value.


def test_a_name_has_its_usual_rate_and_a_value_is_itself():
    assert optimizers.get("sgd", 0.5) == SGD(0.5)
    for name, make in OPTIMIZERS.items():
        assert optimizers.get(name, 0.25) == (make(0.25) if name == "sgd" else make())
    mine = own.Momentum(0.1)
    assert optimizers.get(mine, 0.5) is mine


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Momentum(0.1, beta=1.0), "beta: expected a number from 0 up to, but not including, 1, got 1.0"),
        (lambda: Nesterov(0.1, beta=-0.1), "beta: expected a number from 0 up to"),
        (lambda: RMSProp(eps=0.0), "eps: expected a finite number above 0, got 0.0"),
        (lambda: Adam(beta2=math.nan), "beta2: expected a number from 0 up to"),
        (lambda: Adam(-1), "learning_rate: expected a finite number above 0, got -1"),
        (lambda: AdamW(decay=-1.0), "decay: expected a finite number, at least 0, got -1.0"),
        (lambda: AdamW(beta1=2), "beta1: expected a number from 0 up to"),
    ],
)
def test_what_is_out_of_its_domain(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_another_optimizer_takes_schedules_by_its_rate():
    scheduled = Adam(Cosine(0.1))
    assert scheduled.schedule == Cosine(0.1)
    assert Adam(0.1).schedule is None
    assert Adam(0.1).settled(10, 100) == Adam(0.1)
    settled = scheduled.settled(10, 100)
    assert settled == Adam(Cosine(0.1, steps=100))
    assert settled.rate(50) == pytest.approx(0.05)
    assert settled.numbers(50)[0] < Adam(0.1).numbers(50)[0]
    with pytest.raises(ValueError, match="Cosine: expected its length in steps"):
        scheduled.numbers(0)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("sgdd", ValueError, "optimizer: expected one of sgd.*, got 'sgdd'. Did you mean 'sgd'"),
        (SGD, TypeError, r"optimizer: expected a name or a value such as SGD\(0.5\), got <class"),
        (0.5, TypeError, r"optimizer: expected a name or a value such as SGD\(0.5\), got 0.5"),
    ],
)
def test_what_is_no_optimizer(given, error, message):
    with pytest.raises(error, match=message):
        optimizers.get(given, 0.5)


def test_an_optimizer_must_have_numbers_and_a_rule():
    class Half(Optimizer):
        def numbers(self, step):
            return ()

    with pytest.raises(TypeError, match="abstract"):
        Half()


class Bare(Optimizer):
    """An optimizer whose rule returns no tuple."""

    def numbers(self, step):
        return (0.1,)

    @staticmethod
    def rule(xp, p, g, rate):
        return p - rate * g


def test_a_rule_that_returns_no_tuple_is_refused(backend, rng):
    with pytest.raises(TypeError, match=r"optimizer: expected a rule that returns a tuple of p and 0 slots, got"):
        Network([3, 2], backend).fit(
            (rng.standard_normal((4, 3)), [0, 1, 0, 1]), epochs=1, batch_size=2, optimizer=Bare()
        )
