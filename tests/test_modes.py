"""Modes that the caller is in: a network computes alike in all of them, and outlives them."""

import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from conftest import need

from anynet import Network, array_namespace, backends, function

pytestmark = pytest.mark.slow  # every library, dtype and door: long, and it knows what it guards

X = np.random.default_rng(1).random((12, 3)).astype(np.float32) * 60 - 30  # far enough that a sigmoid underflows
Y = np.arange(12) % 3


def session(name, folder, output="sigmoid", hidden="sigmoid", dtype="float32"):
    """Return all numbers of a network's life, and the network."""
    net = Network([3, 5, 3], name, hidden=hidden, output=output, dtype=dtype)
    reports = net.fit((X, Y), epochs=2, batch_size=5, validation=(X, Y))
    again = Network.load(net.save(folder / "net.npz"), name, seed=2)  # chance may be stuck, and would be warned of
    numbers = [*again.weights, *again.biases, again.feedforward(X), again.predict(X), again.activations(X)[0]]
    cost, gradients = net.gradients(X, Y)
    numbers += [cost, *gradients[0], again.evaluate((X, Y)), again.confusion_matrix((X, Y))]
    return [*numbers, reports[-1].metrics["validation_cost"]], again


@contextmanager
def raising():
    with np.errstate(all="raise"):
        yield


def torch_modes():
    import torch

    @contextmanager
    def default_device():
        torch.set_default_device("meta")
        try:
            yield
        finally:
            torch.set_default_device(None)

    @contextmanager
    def default_dtype():
        torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(torch.float32)

    return {
        "inference": torch.inference_mode,
        "no_grad": torch.no_grad,
        "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
        "default device": default_device,
        "default dtype": default_dtype,
    }


def jax_modes():
    import jax

    return {
        "transfer_guard": lambda: jax.transfer_guard("disallow"),
        "host to device": lambda: jax.transfer_guard_host_to_device("disallow_explicit"),
        "strict promotion": lambda: jax.numpy_dtype_promotion("strict"),
        "rank promotion": lambda: jax.numpy_rank_promotion("raise"),
        "default_device": lambda: jax.default_device(jax.devices()[0]),
    }


MODES = {
    "torch": ("inference", "no_grad", "autocast", "default device", "default dtype"),
    "jax": ("transfer_guard", "host to device", "strict promotion", "rank promotion", "default_device"),
}
ALL = [(name, mode) for name, modes in MODES.items() for mode in modes]


def mode_of(name, mode):
    return {"torch": torch_modes, "jax": jax_modes}[name]()[mode]()


def same(numbers, others):
    return all(np.array_equal(a, b) for a, b in zip(numbers, others, strict=True))


@pytest.mark.parametrize(("name", "mode"), ALL)
@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_a_network_computes_alike_in_a_mode_and_trains_on_outside(name, mode, output, tmp_path):
    need(name)
    expected, _ = session(name, tmp_path, output, "relu")
    with mode_of(name, mode):
        found, made_inside = session(name, tmp_path, output, "relu")
        assert found[4].dtype == np.float32
    assert same(found, expected)
    before = made_inside.weights[0]
    made_inside.fit((X, Y), epochs=1, batch_size=5)
    made_inside.update_mini_batch((X, Y), 1.0)
    assert not np.array_equal(made_inside.weights[0], before)


def test_a_users_formula_may_mix_dtypes_in_jaxs_strict_promotion():
    need("jax")
    import jax

    f = function(lambda x: x * array_namespace(x).arange(3), "jax", "float32")
    with jax.numpy_dtype_promotion("strict"):
        assert f([1.0, 2.0, 3.0]).tolist() == [0.0, 2.0, 6.0]


@pytest.mark.parametrize(("name", "mode"), ALL)
def test_reports_may_be_consumed_in_a_mode(name, mode):
    need(name)
    net = Network([3, 5, 3], name)
    with mode_of(name, mode):
        reports = net.iter_fit((X, Y), epochs=1, batch_size=5)
        for _ in reports:
            pass
    net.fit((X, Y), epochs=1, batch_size=5)
    assert np.isfinite(net.weights[0]).all()


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("output", ["sigmoid", "softmax", "tanh"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numpys_raise_is_not_divergence(backend, output, dtype, tmp_path):
    name = backend.name
    expected, _ = session(name, tmp_path, output, dtype=dtype)
    with raising():
        found, net = session(name, tmp_path, output, dtype=dtype)
        net.feedforward(X.astype(np.float64) * 1e-300)  # becomes 0 in float32
        net.feedforward(X * 1e6)
        assert np.geterr()["under"] == "raise"
    assert same(found, expected)


def test_what_numpy_was_told_to_ignore_or_warn_of_stays():
    with np.errstate(all="ignore"), backends.get("numpy").active():
        assert np.geterr() == {"divide": "ignore", "over": "ignore", "under": "ignore", "invalid": "ignore"}
    with np.errstate(all="raise", under="call"), backends.get("numpy").active():
        assert np.geterr() == {"divide": "warn", "over": "warn", "under": "call", "invalid": "warn"}


TWO_DEVICES = """
import jax, numpy as np
from anynet import Network
x, y = np.ones((6, 3), np.float32), np.arange(6) % 2
first, second = jax.devices()
for device in (0, 1):
    net = Network([3, 4, 2], "jax", device)
    with jax.default_device(jax.devices()[1 - device]):
        net.fit((x, y), epochs=1, batch_size=4, validation=(x, y))
        made = Network([3, 4, 2], "jax", device)
        made.fit((x, y), epochs=1, batch_size=4)
        assert np.array_equal(made.weights[0], net.weights[0])
    for n in (net, made):
        assert {a.device for p in n.parameters for a in p} == {jax.devices()[device]}
sharded = jax.device_put(np.ones((2, 3), np.float32), jax.sharding.PositionalSharding([first, second]) if False else
    jax.sharding.NamedSharding(jax.sharding.Mesh(np.array([first, second]), ("n",)), jax.sharding.PartitionSpec("n")))
try:
    net.feedforward(sharded)
except ValueError as error:
    print(error)
"""


def test_jaxs_default_device_is_not_the_networks_and_an_array_over_two_is_told_so():
    need("jax")
    code = "import os; os.environ['XLA_FLAGS'] = '--xla_force_host_platform_device_count=2'\n" + TWO_DEVICES
    code = code.replace("jax.sharding.PositionalSharding([first, second]) if False else\n    ", "")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "x: expected an array on jax (cpu:1), where the network is, got one on jax (cpu:0, cpu:1)" in done.stdout, (
        done.stderr
    )


def test_float64_that_jax_has_stopped_offering_is_refused_and_not_truncated():
    need("jax")
    import jax

    net = Network([3, 2], "jax", dtype="float64")
    with jax.enable_x64(False), pytest.raises(ValueError, match=r"got float64, which JAX silently truncates"):
        net.feedforward(X)
    assert net.feedforward(X).dtype == np.float64


def test_jaxs_transformations_are_refused_in_our_words():
    need("jax")
    import jax

    net, x = Network([3, 2], "jax"), jax.numpy.asarray(X)
    data = (x, jax.numpy.asarray(Y % 2))
    for transformed in (
        jax.jit(net.feedforward),
        jax.vmap(net.feedforward),
        jax.grad(lambda x: net.feedforward(x).sum()),
        jax.jit(net.predict),
        jax.jit(lambda x: net.evaluate((x, data[1]))),
        jax.jit(lambda x: net.fit((x, data[1]), epochs=1, batch_size=4)),
        jax.jit(lambda x: net.gradients(x, data[1])),
        jax.jit(net.backend.copy_to_device),
        jax.jit(backends.to_numpy),
        jax.jit(Network([3, 2]).feedforward),
    ):
        with pytest.raises(TypeError, match=r"x: expected an array with values.*are not offered"):
            transformed(x)


def test_so_are_pytorchs():
    need("torch")
    import torch

    net, x = Network([3, 2], "torch"), torch.asarray(X)
    for transformed in (
        torch.vmap(net.feedforward),
        torch.vmap(net.predict),
        torch.vmap(lambda row: net.fit(row[None, :], torch.asarray([0]), epochs=1)),
        torch.func.grad(lambda x: net.feedforward(x).sum()),
        torch.func.jacrev(net.feedforward),
        torch.func.functionalize(net.feedforward),
    ):
        with pytest.raises(
            TypeError, match=r"expected a tensor with values, got .* that PyTorch transforms.*gradients"
        ):
            transformed(x)
    assert net.feedforward(x).shape == (12, 2)
