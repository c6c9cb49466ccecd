"""NumPy's straight line: bit for bit what the same calls give, in storage that nobody else sees."""

import itertools
import threading
import warnings
from functools import partial
from types import SimpleNamespace

import array_api_compat.numpy as xp
import numpy as np
import own
import pytest
import recipes
from conftest import need

from anynet import SGD, Dense, Network, backends
from anynet.backends.interface import loop
from anynet.backends.numpy import NumpyLine
from anynet.backends.traced import scan
from anynet.stepping import Step
from anynet.tracing import replay, traced
from anynet.trees import arrays_of, map_arrays
from anynet.windows import taps_of, windows

A = np.linspace(-2.0, 2.0, 12).reshape(4, 3)


def line_of(f, *arguments):
    program, result = traced(f, *arguments)
    return NumpyLine(program), program, result


def computed(f, *arguments):
    line, _, _ = line_of(f, *arguments)
    return line.run(line.make(), *arrays_of(arguments))


def adding_as_the_line_does(namespace):
    """Return the namespace, but that it adds in the line's order: over a batch, and where kernels see something."""

    def total(a, /, *, axis=None, keepdims=False):
        if axis == 0 and not keepdims and a.ndim == 2:
            return np.ones(a.shape[0], a.dtype) @ a
        return namespace.sum(a, axis=axis, keepdims=keepdims)

    def seen(a, *, size, stride):
        """In memory element by element, as the line has them of few channels: their product adds so."""
        by_element = np.ascontiguousarray(windows(namespace, a, size, stride).transpose(3, 4, 5, 0, 1, 2))
        return by_element.transpose(3, 4, 5, 0, 1, 2)

    def added(*taps, size, stride, shape):
        out = np.zeros(shape, taps[0].dtype)
        for tap, where in zip(taps, taps_of(shape[1:3], size, stride), strict=True):
            out[where] += tap
        return out

    names = {name: getattr(namespace, name) for name in dir(namespace)}
    names |= {"has_windows": True, "sum": total, "windows": seen, "overlap_add": added}
    return SimpleNamespace(**names)


# The step.

NETWORKS = {
    f"{hidden}, {output}, {cost}": {"sizes": [5, 4, 3], "hidden": hidden, "output": output, "cost": cost}
    for hidden, (output, cost) in itertools.product(recipes.FOR_HIDDEN, recipes.PAIRS)
}
NETWORKS |= {kind.__name__: {"sizes": recipes.sizes_with(kind)} for kind in recipes.LAYERS.values()}
NETWORKS |= {
    "layers of one's own": {"sizes": [5, own.Noisy(), own.Halve(), Dense(4), own.Centre(), own.Noisy(), 3]},
    "one layer": {"sizes": [5, 3]},
}


def trained(net, backend, scan, x, y, optimizer, n_steps, size, xp=None):
    """Return the train state after some steps, a chunk of 23 examples at a time."""
    if xp is not None:
        backend = SimpleNamespace(xp=xp, device=backend.device)
    run = scan(backend, Step(net.architecture, optimizer.rule, net.backend.dtype))
    rng, state = np.random.default_rng(7), net.train_state
    state = state._replace(optimizer=tuple(map_arrays(np.zeros_like, state.parameters) for _ in range(optimizer.slots)))
    shapes = net.shapes[:-1]
    for _ in range(0, n_steps, -(-len(x) // size)):
        drawn = [layer.noise(s, len(x), rng) for layer, s in zip(net.layers, shapes, strict=True)]
        noise = tuple(None if r is None else np.asarray(r, net.backend.dtype) for r in drawn)
        state = run(state, (x, y), None, noise, [optimizer.numbers(0)] * -(-len(x) // size), size)
    return arrays_of(state)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_thousand_steps_are_bit_for_bit_those_of_the_loop(name, dtype, rng):
    net = Network(**NETWORKS[name], dtype=dtype, seed=3)
    x = rng.normal(size=(23, *net.shapes[0])).astype(dtype)
    y = recipes.targets_for(net.cost, 23, net.sizes[-1], rng).astype(dtype)
    size = 6 if net.architecture.couples else 5  # of the last 3, two batch norms make 1 % of any weight's last digit
    for optimizer in (SGD(0.05), own.Momentum(0.05)):
        how = x, y, optimizer, 1000, size
        lines = trained(net, net.backend, lambda b, s: b.scan(s), *how)
        exact = trained(net, net.backend, loop, *how, adding_as_the_line_does(xp))
        plain = trained(net, net.backend, loop, *how)
        for a, same, near in zip(lines, exact, plain, strict=True):
            assert (a.dtype, a.shape) == (same.dtype, same.shape)
            assert np.array_equal(a, same)
            assert np.allclose(a, near, rtol=0, atol=1e-11 if dtype == "float64" else 2e-3)


def test_steps_write_into_nothing_that_was_handed_over(rng):
    net = Network([5, 4, 3], seed=3)
    x, y = rng.normal(size=(40, 5)).astype("float32"), np.eye(3, dtype="float32")[rng.integers(0, 3, 40)]
    run = net.backend.scan(Step(net.architecture, SGD.rule, "float32"))
    states = [net.train_state]
    for array in [x, y, *arrays_of(states[0])]:
        array.setflags(write=False)
    for _ in range(4):
        states.append(run(states[-1], (x, y), None, (None, None), [(0.1,)] * 4, 10))
        for array in arrays_of(states[-1]):
            array.setflags(write=False)
    assert len({float(arrays_of(state)[0][0, 0]) for state in states}) == 5


def test_two_networks_that_share_a_program_share_no_storage(rng):
    x, y = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)
    alone, one, other = (Network([5, 4, 3], seed=seed) for seed in (1, 1, 2))
    alone.fit(x, y, epochs=3)
    for reports in zip(one.iter_fit(x, y, epochs=3), other.iter_fit(x, y, epochs=3), strict=True):
        assert reports[0].examples == reports[1].examples
    assert all(map(np.array_equal, alone.weights, one.weights))
    assert not np.array_equal(one.weights[0], other.weights[0])


def test_threads_ask_the_same_network_at_once(rng):
    net = Network([30, 200, 10])
    inputs = [rng.normal(size=(50, 30)) for _ in range(8)]
    expected = [net.feedforward(x) for x in inputs]
    wrong = []

    def ask(i):
        for _ in range(200):
            if not np.array_equal(net.feedforward(inputs[i]), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_interrupt_between_two_steps_of_a_chunk_leaves_the_parameters_of_the_last(rng):
    x, y = rng.normal(size=(40, 5)).astype("float32"), rng.integers(0, 3, 40)
    net = Network([5, 4, 3], seed=3)
    net.fit(x, y, epochs=1)
    make = partial(scan, InterruptedLine)
    run = make(net.backend, Step(net.architecture, SGD.rule, "float32"))
    before = [array.copy() for array in arrays_of(net.train_state)]
    with pytest.raises(KeyboardInterrupt):
        run(net.train_state, (x, y), None, (None, None), [(0.1,)] * 4, 10)
    assert all(map(np.array_equal, before, arrays_of(net.train_state)))


class InterruptedLine(NumpyLine):
    """Ctrl-C after the third step."""

    def __init__(self, *args):
        super().__init__(*args)
        run = self.run

        def interrupted(storage, held, new, rows, numbers):
            run(storage, held, new, rows, numbers[:2])
            if len(numbers) > 2:
                raise KeyboardInterrupt

        self.run = interrupted


def test_held_arrays_that_change_places():
    def step(xp, p, q, r, x, rate):
        return q, p, r, rate * xp.sum(x, axis=0)

    p, q, r, s = (np.full(3, float(i)) for i in range(4))
    program, _ = traced(lambda xp, held, x, rate: step(xp, *held[:3], x, rate), [p, q, r, s], A[:2], 0.5)
    line = NumpyLine(program, 2, 4)
    new = [np.empty(3) for _ in range(4)]
    line.run(line.make(), [p, q, r, s], new, [A[:2]], [(0.5,)])
    np.testing.assert_array_equal(new, [q, p, r, 0.5 * A[:2].sum(axis=0)])
    line.run(line.make(), new, new, [A], [(0.5,), (0.5,)])
    np.testing.assert_array_equal(new, [q, p, r, 0.5 * A[2:].sum(axis=0)])
    line.run(line.make(), new, new, [A[:2]], [(0.5,)])
    np.testing.assert_array_equal(new[:2], [p, q])


# Any program.


def test_twenty_thousand_operations():
    def f(xp, a):
        for i in range(20_000):
            a = a + float(i % 7) * 1e-6
        return a

    (value,) = computed(f, A)
    np.testing.assert_array_equal(value, f(xp, A))


FORMULAS = {
    "integers": lambda xp, a: xp.astype(a, xp.int32) * 3 // 2,
    "booleans": lambda xp, a: ((a > 0.0) & (a < 1.0), xp.any(a > 1.9), xp.all(a > 0.0, axis=1)),
    "no dimensions": lambda xp, a: xp.exp(xp.sum(a) * 0.5) + 1.0,
    "powers": lambda xp, a: (a**2, a**3, xp.abs(a) ** 0.5, 2.0**a),
    "views of what comes in": lambda xp, a: (a.T, a[1:, :], xp.reshape(a, (2, 6)), a),
    "views of storage": lambda xp, a: ((a + 1.0).T, xp.reshape((a + 1.0).T, (12,)), xp.sum((2.0 * a)[1:, :], axis=0)),
    "a result used again": lambda xp, a: ((b := xp.exp(a)), b * 2.0, b),
    "a choice": lambda xp, a: xp.where(a > 0.0, a, 0.5 * a),
    "rows": lambda xp, a: xp.take(a, xp.argmax(a, axis=0), axis=0),
    "constants": lambda xp, a: (xp.ones((3,), dtype=a.dtype), a * xp.arange(3, dtype=a.dtype)),
    "reductions": lambda xp, a: (xp.mean(a, axis=1), xp.max(a, axis=-1, keepdims=True), xp.prod(a), xp.sum(a, axis=1)),
    "many arrays": lambda xp, a: (xp.concat([a, a + 1.0]), xp.stack([a, a])),
    "an infinite number": lambda xp, a: xp.minimum(a, float("inf")),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_programs_give_what_the_calls_give_again_and_again(name):
    f = FORMULAS[name]
    line, program, _ = line_of(f, A)
    results = [line.run(storage := line.make(), a) for a in (A, A + 0.25)]
    again = [line.run(storage, a) for a in (A, A + 0.25)]
    for a, first, second in zip((A, A + 0.25), results, again, strict=True):
        for value, same, expected in zip(first, second, replay(xp, program, [a]), strict=True):
            np.testing.assert_array_equal(value, expected)
            np.testing.assert_array_equal(same, expected)
            assert (value.dtype, np.shape(value)) == (expected.dtype, np.shape(expected))


def random_formula(seed):
    """Return a formula of square matrices, whose results are used again, flipped, late and more than once."""
    rng = np.random.default_rng(seed)
    plan = [(int(rng.integers(0, 9)), *map(int, rng.integers(0, 100, 2))) for _ in range(12)]
    ends = [int(k) for k in rng.integers(0, 100, 3)]

    def f(xp, p, q, x, rate):
        made = [p, q, x]
        for kind, i, j in plan:
            a, b = made[i % len(made)], made[j % len(made)]
            made.append(
                [
                    lambda a, b: a - rate * b,
                    lambda a, b: xp.tanh(a),
                    lambda a, b: 0.5 * (a @ b),
                    lambda a, b: a.T,
                    lambda a, b: xp.reshape(xp.reshape(a, (9,)), (3, 3)),
                    lambda a, b: xp.where(a > b, a, 0.5 * b),
                    lambda a, b: xp.minimum(a, 0.7) + b,
                    lambda a, b: a * xp.max(b, axis=1, keepdims=True),
                    lambda a, b: xp.tanh(a + b.T),
                ][kind](a, b)
            )
        return [xp.tanh(made[k % len(made)]) if n < 2 else made[k % len(made)] for n, k in enumerate(ends)]

    return f


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_reused_nobody_needs(seed):
    """Random programs, called and in a loop, against the same operations one by one."""
    f, rng = random_formula(seed), np.random.default_rng(seed)
    p, q = rng.normal(size=(2, 3, 3))
    rows, numbers = rng.normal(size=(12, 3)), [(0.3,), (0.2,), (0.1,), (0.4,)]
    program, _ = traced(f, p, q, rows[:3], 0.1)
    line = NumpyLine(program)
    for _ in range(2):
        for value, right in zip(line.run(line.make(), p, q, rows[:3], 0.3), f(xp, p, q, rows[:3], 0.3), strict=True):
            np.testing.assert_array_equal(value, right)
    step, _ = traced(lambda xp, *of: f(xp, *of)[:2], p, q, rows[:3], 0.1)
    loop_line, new = NumpyLine(step, 3, 2), [np.empty((3, 3)), np.empty((3, 3))]
    storage, before = loop_line.make(), (p.copy(), q.copy())
    loop_line.run(storage, [p, q], new, [rows[:3]], numbers[:1])
    loop_line.run(storage, new, new, [rows[3:]], numbers[1:])
    held = before
    for k, (rate,) in enumerate(numbers):
        held = f(xp, *held, rows[3 * k : 3 * k + 3], rate)[:2]
    np.testing.assert_array_equal(new, held)
    np.testing.assert_array_equal([p, q], before)


def test_no_line_of_pytorch_writes_over_what_it_sees_flipped():
    """NumPy would notice, and compute it elsewhere first; PyTorch refuses, or computes something else."""
    need("torch")
    backend, a = backends.get("torch", dtype="float64"), A[:3]
    flipped = backend.compile(lambda xp, a: xp.sum((a + 1.0) * (a + 1.0).T, axis=1))
    np.testing.assert_allclose(backend.to_numpy(flipped(backend.asarray(a))), ((a + 1.0) * (a + 1.0).T).sum(axis=1))
    program, _ = traced(lambda xp, p, x, rate: [p - rate * p.T + 0.0 * xp.sum(x)], a, a, 0.5)
    line, new = backends.torch.TorchLine(program, 3, 1), [backend.asarray(np.empty((3, 3)))]
    line.run(line.make(), [backend.asarray(a)], new, [backend.asarray(a)], [(0.5,)])
    line.run(line.make(), new, new, [backend.asarray(a)], [(0.5,)])
    once = a - 0.5 * a.T
    np.testing.assert_allclose(backend.to_numpy(new[0]), once - 0.5 * once.T)
    shown, _ = traced(lambda xp, p, x, rate: [p * p.T], a, a, 0.5)
    line = backends.torch.TorchLine(shown, 3, 1)
    new = [backend.asarray(once.copy())]
    line.run(line.make(), new, new, [backend.asarray(a)], [(0.5,)])
    np.testing.assert_allclose(backend.to_numpy(new[0]), once * once.T)


@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (1, 1)])
def test_empty_arrays(shape):
    a = np.ones(shape)
    f = lambda xp, a: (xp.exp(a) @ xp.ones((a.shape[1], 2), dtype=a.dtype), xp.sum(a, axis=0))  # noqa: E731
    for value, expected in zip(computed(f, a), f(xp, a), strict=True):
        np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize(
    ("f", "words"),
    [(lambda xp, a: 1.0 / (a - a), "divide by zero"), (lambda xp, a: xp.exp(a * 1e6), "overflow encountered in exp")],
)
def test_what_eager_code_warns_of_a_program_warns_of(f, words):
    with pytest.warns(RuntimeWarning, match=words):
        f(xp, A)
    with pytest.warns(RuntimeWarning, match=words):
        computed(f, A)


def test_storage_is_used_again_where_nobody_needs_it():
    def f(xp, a):
        for _ in range(50):
            a = xp.tanh(a @ xp.ones((3, 3), dtype=a.dtype)) * 0.5
        return xp.sum(a)

    line, _, _ = line_of(f, A)
    assert line.n_bytes <= 3 * A.nbytes


def test_what_is_returned_is_the_callers():
    line, _, _ = line_of(lambda xp, a: xp.exp(a), A)
    storage = line.make()
    (first,) = line.run(storage, A)
    kept = first.copy()
    line.run(storage, A + 1.0)
    np.testing.assert_array_equal(first, kept)


def test_no_backend_warns_of_the_librarys_own_ways(rng):
    """Positional results of `maximum`, say, are deprecated in NumPy 2.4."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Network([5, 4, 3], hidden="relu", output="softmax").fit(
            rng.normal(size=(20, 5)), rng.integers(0, 3, 20), epochs=1
        )
    assert backends.get("numpy").name == "numpy"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "maximum", "minimum", "greater", "equal"])
def test_many_rows_meet_a_few_numbers(name, dtype, rng):
    """Several rows at a time: the same numbers come out, whatever the operation makes of them."""

    def f(xp, a, b):
        met = getattr(xp, name)(a * 2.0, b)  # into storage, for it is not what comes out
        return xp.astype(met, a.dtype) + a

    a, b = rng.integers(1, 9, (600, 12)).astype(dtype), rng.integers(1, 9, 12).astype(dtype)
    got, expected = backends.get("numpy").compile(f)(a, b), f(xp, a, b)
    assert got.dtype == expected.dtype
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_many_elements_meet_a_limit(name, dtype, rng):
    def f(xp, a):
        return getattr(xp, name)(a + a, 3) + a

    a = rng.integers(0, 5, 5000).astype(dtype)
    got = backends.get("numpy").compile(f)(a)
    assert got.dtype == a.dtype
    assert np.array_equal(got, f(xp, a))
