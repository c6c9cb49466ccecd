"""What is traced once and kept: when programs are made, and what happens where none can be."""

import warnings
from dataclasses import dataclass, replace

import numpy as np
import own
import pytest

from anynet import SGD, Network, activations, backends
from anynet.activations import Activation
from anynet.backends import traced
from anynet.backends.numpy import NumpyLine


@pytest.fixture
def lines(monkeypatch):
    """The programs made from now on."""
    made = []

    class Counted(NumpyLine):
        def __init__(self, program, size=None, n_held=0):
            made.append(size)
            super().__init__(program, size, n_held)

    for cached in (traced._loops, traced.kept_lines):
        cached.cache_clear()
    library = backends.LIBRARIES["numpy"]
    counted = replace(
        library,
        scan=lambda backend, step: traced.scan(Counted, backend, step),
        compile=lambda backend, f: traced.compiled(Counted, backend, f),
    )
    monkeypatch.setitem(backends.LIBRARIES, "numpy", counted)
    return made


def examples(rng, n=24):
    return rng.normal(size=(n, 5)), rng.integers(0, 3, n)


def test_programs_are_made_once_per_shape_and_kept_by_value(lines, rng):
    x, y = examples(rng)
    Network([5, 4, 3]).fit(x, y, epochs=2, batch_size=10)
    assert sorted(size for size in lines if size) == [4, 10]
    made = len(lines)
    net = Network([5, 4, 3], seed=5)
    net.fit(x, y, epochs=3, batch_size=10, optimizer=SGD(0.7))
    net.fit(x, y, epochs=1, batch_size=10, optimizer=SGD(0.1))
    net.predict(x)
    assert len(lines) == made + 1  # the outputs
    net.predict(x), net.accuracy(x, y), net.accuracy(x, y)
    assert len(lines) == made + 2


def test_a_large_block_keeps_no_storage():
    backend, x = backends.get("numpy"), np.zeros((2**22 + 1,), "float32")
    backend.compile(_twice)(x)
    (found,) = traced.kept_lines(NumpyLine, backend, _twice)._found.values()
    line, _, spare = found
    assert line.n_bytes > 2**24
    assert not spare


def _twice(xp, x):
    return 2.0 * xp.exp(x + 1.0)


UNTRACEABLE = {
    "decides": lambda xp, z: z if float(xp.max(z)) > 1e9 else 0.5 * z,
    "NumPy's function": lambda xp, z: np.tanh(z),
    "a random number": lambda xp, z: z * np.random.default_rng(1).random(z.shape[-1]).astype("float32"),
    "a method": lambda xp, z: z.clip(-1.0, 1.0),
}


@pytest.mark.parametrize("name", UNTRACEABLE)
def test_what_cannot_be_traced_is_run_as_it_is_written_and_named_once(name, rng):
    f = Activation("mine", UNTRACEABLE[name], lambda xp, z, a: np.ones_like(z))
    x, y = examples(rng)
    net = Network([5, 4, 3], hidden_activation=f, seed=2)
    with pytest.warns(
        UserWarning,
        match=r"numpy \(cpu\): expected formulas that can be traced, got (.*test_traced\.py|a formula: it does)",
    ):
        net.fit(x, y, epochs=1)
    again = Network([5, 4, 3], hidden_activation=f, seed=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again.fit(x, y, epochs=1)
    assert all(map(np.array_equal, net.weights, again.weights))


@dataclass(frozen=True)
class Odd(own.Halve):
    """A layer that does what no layer should."""

    how: str = "prints"

    def forward(self, xp, parameters, state, a, training, noise):
        if self.how == "prints":
            print("forward")
        if self.how == "allocates":
            room = np.empty(a.shape, "float32")
            room[...] = a
            a = room
        if self.how == "keeps":
            KEPT.append(a)
        return 0.5 * a, None, state


KEPT = []


@pytest.mark.parametrize("how", ["prints", "allocates", "keeps"])
def test_layers_that_do_more_than_they_should_compute_the_same(how, rng):
    x, y = examples(rng)
    KEPT.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nets = [Network([5, layer, 4, 3], seed=2) for layer in (Odd(how), own.Halve())]
        for net in nets:
            net.fit(x, y, epochs=2)
    for a, b in zip(*(net.weights for net in nets), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_a_layer_of_another_shape_at_another_batch_size_fails_as_it_does_untraced(rng):
    @dataclass(frozen=True)
    class Fickle(own.Halve):
        def forward(self, xp, parameters, state, a, training, noise):
            return (a if a.shape[0] == 10 else a[:, :2]), None, state

    x, y = examples(rng)
    with pytest.raises((ValueError, TypeError)):
        Network([5, Fickle(), 4, 3]).fit(x, y, epochs=1, batch_size=10)


def test_a_formula_of_ones_own_is_traced_as_those_of_the_table(lines, rng):
    x, y = examples(rng)
    sigmoid = replace(activations.sigmoid, name="mine")
    nets = [Network([5, 4, 3], hidden_activation=f, seed=2) for f in (sigmoid, "sigmoid")]
    for net in nets:
        net.fit(x, y, epochs=2, optimizer=SGD(3.0))
    assert all(map(np.array_equal, nets[0].weights, nets[1].weights))
    assert lines


def test_untraced_every_step_calls_the_formulas(backend32, rng):
    calls = []

    def value(xp, z):
        calls.append(type(z))
        return xp.tanh(z)

    f = Activation("mine", value, activations.tanh.derivative)
    x, y = examples(rng)
    nets = [Network([5, 4, 3], backend32, hidden_activation=f, seed=2) for _ in range(2)]
    nets[0].fit(x, y, epochs=2, batch_size=10)
    calls.clear()
    nets[1].fit(x, y, epochs=2, batch_size=10, compiled=False)
    array = type(backend32.asarray([1.0]))
    assert sum(issubclass(kind, array) for kind in calls) >= 6  # steps: in two epochs of 24 examples, 10 at a time
    for a, b in zip(*(net.weights for net in nets), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_step_that_changes_what_it_learns_into_something_else_takes_the_loop(rng):
    class Forgetful(own.Momentum):
        @staticmethod
        def rule(xp, p, g, v, rate, *rest):
            return p - rate * g, 0.0

    x, y = examples(rng, 10)
    net = Network([5, 4, 3])
    with pytest.warns(UserWarning, match="what is learnt changes its form"):
        net.fit(x, y, epochs=1, batch_size=10, optimizer=Forgetful(0.1))
