"""JAX: a chunk of mini-batches as one program, compiled once, and equal to one step after the other."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from compare import relative_difference
from conftest import need
from test_resuming import StopAt

from anynet import SGD, Activation, Checkpoint, Cost, Dropout, Layer, Network, Optimizer, Standardize, backends
from anynet.backends import interface
from anynet.optimizers import Adam, AdamW, Momentum
from anynet.schedules import Cosine, OneCycle, Warmup
from anynet.stepping import Step


@pytest.fixture
def jax():
    need("jax")
    import jax

    return jax


@pytest.fixture
def counted():
    """Return an activation that counts how often it is traced, and the list that it counts in."""
    traced = []

    def value(xp, z):
        traced.append(tuple(z.shape))
        return xp.tanh(z)

    return Activation("counted", value, lambda xp, z, a: 1.0 - a * a), traced


def examples(rng, n, n_in=5, n_out=3):
    return rng.integers(0, 256, (n, n_in), dtype=np.uint8), rng.integers(0, n_out, n)


def test_two_programs_serve_every_epoch_fit_rate_and_chunk(jax, counted, rng):
    f, traced = counted
    net = Network([5, 4, 3], "jax", hidden_activation=f)
    data = examples(rng, 203)
    net.fit(data, epochs=1, batch_size=10, optimizer=SGD(0.1))
    # Whole mini-batches, the short last, and what is looked at for symptoms.
    assert sorted(set(traced)) == [(3, 4), (10, 4), (256, 4)]
    once = len(traced)
    net.fit(data, epochs=3, batch_size=10, optimizer=SGD(0.3))  # other epochs, another fit, another rate
    net.fit(data, epochs=1, batch_size=10, optimizer=SGD(0.2), memory_limit=0)  # streamed
    net.fit(examples(rng, 93), epochs=1, batch_size=10, optimizer=SGD(0.2))  # another length, of chunks too
    Network([5, 4, 3], "jax", seed=1, hidden_activation=f).fit(
        data, epochs=1, batch_size=10, optimizer=SGD(0.1)
    )  # the same as a value
    assert len(traced) == once
    net.fit(data, epochs=1, batch_size=20, optimizer=SGD(0.1))  # another batch size
    assert sorted(set(traced)) == [(3, 4), (10, 4), (20, 4), (256, 4)]


@pytest.fixture
def programs(jax, monkeypatch):
    """Return a function that tells how many programs of steps have been compiled since it was last asked."""
    made, told, original = [], 0, backends.jax._chunk_programs

    def chunk_programs(step):
        found = original(step)
        made.extend([] if any(found is one for one in made) else [found])
        return found

    def compiled():
        nonlocal told
        before, told = told, sum(steps._cache_size() for _, steps in made)
        return told - before

    chunk_programs.forget = original.cache_clear
    original.cache_clear()
    monkeypatch.setattr(backends.jax, "_chunk_programs", chunk_programs)
    monkeypatch.setitem(
        backends.LIBRARIES, "jax", replace(backends.LIBRARIES["jax"], chunk_bytes=8 * 4 * 40)
    )  # several chunks of four mini-batches, and a shorter one
    return compiled


SCHEDULED = {
    "dropout": ([5, 8, Dropout(0.5), 3], {"optimizer": Adam(Cosine(0.1))}),
    "regularized": (
        [5, Standardize(), 8, 3],
        {"optimizer": AdamW(Warmup(Cosine(0.1), steps=3)), "average": 0.9, "l2": 0.1, "clip_norm": 1.0},
    ),
    "weights": ([5, 8, 3], {"optimizer": Momentum(Cosine(0.1)), "class_weight": {0: 1, 1: 2, 2: 3}}),
    "a transform": ([5, 8, 3], {"optimizer": SGD(OneCycle(0.1)), "transform": lambda x, rng: x[:, ::-1]}),
}


@pytest.mark.parametrize("case", SCHEDULED)
def test_a_schedule_compiles_one_program_a_resumed_run_one_and_a_second_fit_none(programs, case, rng, tmp_path):
    """What changes from step to step is handed in as numbers; the data are divisible by the batch."""
    sizes, how = SCHEDULED[case]
    data = examples(rng, 180)
    how = {"batch_size": 10, "validation": data} | how
    net = Network(sizes, "jax", output="softmax")
    with pytest.raises(KeyboardInterrupt):
        net.fit(data, epochs=3, checkpoint=Checkpoint(tmp_path), callbacks=[StopAt(7)], **how)
    assert programs() == 1
    backends.jax._chunk_programs.forget()  # as a program that begins does
    net = Network(sizes, "jax", output="softmax")
    assert len(set(net.fit(data, epochs=3, resume=tmp_path, **how)["rate"])) > 1
    assert programs() == 1
    net.fit(data, epochs=2, **how)
    net.partial_fit(data, epochs=1, **how | {"optimizer": None, "average": None})
    assert programs() == 0


def test_inference_is_compiled_once_per_number_of_rows(jax, counted, rng):
    f, traced = counted
    net = Network([5, 4, 3], "jax", hidden_activation=f)
    x, y = examples(rng, 203)
    for _ in range(3):
        net.feedforward(x)
        net.evaluate((x, y))
    assert len(traced) == 2
    for n in range(201, 209):  # host rows are filled up to one of a few numbers
        assert net.feedforward(x[:n]).shape == (min(n, 203), 3)
    assert len(traced) == 2


def test_a_chunk_by_program_is_one_step_after_the_other(jax, rng, monkeypatch):
    data = examples(rng, 1253)
    found = []
    for scan in (backends.LIBRARIES["jax"].scan, interface.loop):
        library = backends.LIBRARIES["jax"]
        monkeypatch.setitem(backends.LIBRARIES, "jax", type(library)(**{**vars(library), "scan": scan}))
        net = Network([5, 6, 3], "jax", dtype="float64", hidden="relu", output="softmax")
        for _ in range(2):  # fits of two epochs, ragged: some 1000 steps in all
            net.fit(data, epochs=2, batch_size=5, optimizer=SGD(0.3), validation=data)
        found.append([*net.weights, *net.biases])
    for by_program, one_by_one in zip(*found, strict=True):
        assert relative_difference(by_program, one_by_one) <= 1e-12


def test_nothing_is_donated(jax, rng):
    net = Network([5, 4, 3], "jax")
    before = [*net.weights]
    held = net.train_state
    net.fit(examples(rng, 40), epochs=1, batch_size=10)
    for kept, then in zip(held.parameters, before, strict=True):
        assert np.array_equal(np.asarray(kept.weights), then)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (lambda xp, z: z if float(xp.max(z)) > 0 else -z, "Attempted boolean conversion|concrete value"),
        (lambda xp, z: np.tanh(z), "numpy"),
        (lambda xp, z: z[z > 0], "boolean"),
        (lambda xp, z: z.fill(0.0), "fill"),
    ],
    ids=["asks for a value", "hands it to NumPy", "takes what is above", "writes into it"],
)
def test_a_formula_that_cannot_be_compiled_is_named(jax, value, said, rng):
    f = Activation("mine", value, lambda xp, z, a: 1.0 - a * a)
    x, y = examples(rng, 20)
    net = Network([5, 4, 3], "jax", hidden_activation=f)
    for use in (
        lambda: net.fit((x, y), epochs=1, batch_size=10),
        lambda: net.feedforward(x),
        lambda: net.gradients(x, y),
    ):
        with pytest.raises(TypeError, match=f"expected formulas that can be compiled.*({said})") as caught:
            use()
        assert "test_jax.py" in str(caught.value)
        assert "decide by xp.where" in str(caught.value)
        assert 'backend="numpy" takes it' in str(caught.value)


class Impatient(Layer):
    """A layer that asks for a value."""

    def output_shape(self, input_shape):
        return input_shape

    def forward(self, xp, parameters, state, a, training, noise):
        return a * float(xp.max(a)), None, state

    def backward(self, xp, parameters, residuals, delta):
        return (), delta


@dataclass(frozen=True)
class ImpatientSGD(Optimizer):
    def numbers(self, step):
        return (0.1,)

    @staticmethod
    def rule(xp, p, g, rate):
        return (p - rate * g if bool(xp.all(g < 1.0)) else p,)


IMPATIENT_COST = Cost(
    "impatient", "sigmoid", lambda xp, z, a, y: xp.sum(a, axis=1), lambda xp, z, a, y: a - y if a[0, 0] > 0 else y - a
)


@pytest.mark.parametrize(
    ("sizes", "keywords", "optimizer", "name"),
    [
        ([5, 4, dataclass(frozen=True)(Impatient)(), 3], {}, None, "Impatient.forward"),
        ([5, 4, 3], {"cost": IMPATIENT_COST}, None, "<lambda>"),
        ([5, 4, 3], {}, ImpatientSGD(), "ImpatientSGD.rule"),
    ],
)
def test_so_is_a_layer_a_cost_and_an_optimizer(jax, sizes, keywords, optimizer, name, rng):
    with pytest.raises(TypeError, match=f"expected formulas that can be compiled, got {name}"):
        Network(sizes, "jax", **keywords).fit(examples(rng, 20), epochs=1, batch_size=10, optimizer=optimizer)


def test_another_error_of_a_formula_stays_what_it_is(jax, rng):
    def value(xp, z):
        raise ValueError("my own refusal")

    with pytest.raises(ValueError, match="my own refusal") as caught:
        Network([5, 4, 3], "jax", hidden_activation=Activation("mine", value, learns=False)).feedforward(
            examples(rng, 4)[0]
        )
    assert any("test_jax.py" in note for note in caught.value.__notes__)


def test_a_chunk_of_narrow_examples_is_no_million_rows(jax):
    backend = backends.get("jax")
    for shape in ((1,), (10,)):
        assert backend.chunk_rows(shape, 10) <= 2**13
    assert backend.chunk_rows((300,), 10) * 300 * 4 <= 2**23


def test_numpy_takes_what_jax_cannot_compile(rng):
    f = Activation("mine", lambda xp, z: np.tanh(z), lambda xp, z, a: 1.0 - a * a)
    with pytest.warns(UserWarning, match=r"formulas that can be traced, got .*call by call.*xp.where"):
        Network([5, 4, 3], hidden_activation=f).fit(examples(rng, 20), epochs=1, batch_size=10)


def test_a_chunk_that_does_not_fit_is_a_memory_error_with_the_cure(jax, rng, monkeypatch):
    def full(*args, **kwargs):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 99 bytes.")

    monkeypatch.setattr(backends.jax, "_chunk_programs", lambda step: (full, full))
    net = Network([5, 4, 3], "jax")
    with pytest.raises(MemoryError, match=r"out of device memory.*smaller batch_size"):
        net.fit(examples(rng, 20), epochs=1, batch_size=10)


def test_a_step_is_equal_by_value(jax):
    one, other = (Network([5, 4, 3], "jax") for _ in range(2))
    steps = [Step(net.architecture, SGD.rule, "float32") for net in (one, other)]
    assert steps[0] == steps[1]
    assert hash(steps[0]) == hash(steps[1])


@pytest.mark.parametrize("n", [1, 2, 7, 15, 16, 17, 100, 1337, 5000])
def test_rows_are_filled_up_to_a_few_numbers(n):
    m = backends.jax.padded_rows(n)
    assert n <= m <= n * 9 / 8 + 1
    assert backends.jax.padded_rows(m) == m
