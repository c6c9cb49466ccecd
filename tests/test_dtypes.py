"""Every dtype, into every library, through every door: it works, or it is refused in our words."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import need

from anynet import SGD, Network, backends, function

pytestmark = pytest.mark.slow  # every library, dtype and door: long, and it knows what it guards

REAL = [*["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "g"], ">f8", ">i4", "bfloat16"]
OTHERS = ["c8", "c16", "O", "U3", "M8[s]", "V4", "i4,f4"]
ROWS = [[0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 0, 1]]
LABELS = [0, 1, 1, 0]


def made(numbers, dtype):
    if dtype == "bfloat16":
        return np.asarray(numbers).astype(pytest.importorskip("ml_dtypes").bfloat16)
    if np.dtype(dtype).kind in "VM":
        return np.zeros(np.shape(numbers), dtype)
    return np.asarray(numbers).astype(dtype)


DOORS = {
    "asarray": lambda backend, net, dtype: backend.asarray(made(ROWS, dtype)),
    "copy_to_device": lambda backend, net, dtype: backend.copy_to_device(made(ROWS, dtype)),
    "feedforward": lambda backend, net, dtype: net.feedforward(made(ROWS, dtype)),
    "predict": lambda backend, net, dtype: net.predict(made(ROWS, dtype)),
    "fit's x": lambda backend, net, dtype: net.fit((made(ROWS, dtype), LABELS), epochs=1, batch_size=2),
    "fit's y": lambda backend, net, dtype: net.fit(
        (np.asarray(ROWS, "f4"), made(LABELS, dtype)), epochs=1, batch_size=2
    ),
    "evaluate": lambda backend, net, dtype: net.evaluate((made(ROWS, dtype), made(LABELS, dtype))),
    "gradients": lambda backend, net, dtype: net.gradients(made(ROWS, dtype), LABELS),
    "function": lambda backend, net, dtype: function(double, backend)(made(ROWS, dtype)),
}


def double(x):
    return x * 2.0


@pytest.mark.slow_on("jax")
@pytest.mark.filterwarnings("ignore:x. uint8 means pixels")
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("dtype", REAL)
def test_real_numbers_of_every_dtype_are_taken(backend32, dtype, door):
    net = Network([3, 2], backend32)
    DOORS[door](backend32, net, dtype)
    assert all(np.isfinite(w).all() for w in net.weights)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("dtype", OTHERS)
def test_what_is_no_real_number_is_refused_at_every_door(backend32, dtype, door):
    if dtype == "U3" and door == "fit's y":
        pytest.skip("strings are names of classes there")
    with pytest.raises(TypeError, match=r"^[xy]: expected "):
        DOORS[door](backend32, Network([3, 2], backend32), dtype)


def test_a_network_answers_alike_whatever_dtype_its_inputs_came_in(backend32):
    net = Network([3, 2], backend32)
    expected = net.feedforward(np.asarray(ROWS, "f4"))
    for dtype in set(REAL) - {"u1"}:  # pixels
        assert np.array_equal(net.feedforward(made(ROWS, dtype)), expected), dtype


# Natively: tensors and arrays that NumPy has no dtype for, or hides.


def torch_tensors():
    import torch

    rows = torch.tensor(ROWS, dtype=torch.float32)
    negative = torch.complex(torch.zeros(4, 3), -rows).conj().imag  # only a bit says that it is negated
    assert negative.is_neg()
    whole = torch.tensor(ROWS)
    narrow = [whole.to(t) for t in (torch.bool, torch.uint16, torch.uint32, torch.uint64, torch.int8)]
    return [rows.bfloat16(), rows.half(), rows.requires_grad_(), negative, *narrow]


def jax_arrays():
    import jax.numpy as jnp

    return [jnp.asarray(ROWS, t) for t in (jnp.bool_, jnp.uint16, jnp.uint32, jnp.float16, jnp.bfloat16)]


NATIVE = {"torch": torch_tensors, "jax": jax_arrays}


@pytest.mark.parametrize("name", NATIVE)
def test_so_are_the_librarys_own_and_they_come_out(name):
    need(name)
    net = Network([3, 2], name)
    expected = net.feedforward(np.asarray(ROWS, "f4"))
    for x in NATIVE[name]():
        assert np.array_equal(backends.to_numpy(x).astype(float), ROWS), x.dtype
        assert np.array_equal(net.backend.to_numpy(net.backend.copy_to_device(x)), ROWS), x.dtype
        assert np.array_equal(net.backend.to_numpy(net.feedforward(x)), expected), x.dtype
        net.fit((x, net.backend.asarray(LABELS)), epochs=1, batch_size=2)
        net.predict(x)
        net = Network([3, 2], name)


@pytest.mark.parametrize("kind", ["sparse", "quantized", "complex"])
def test_a_tensor_that_no_network_takes_is_refused_with_the_cure(kind):
    need("torch")
    import torch

    rows = torch.tensor(ROWS, dtype=torch.float32)
    x = {"sparse": rows.to_sparse, "complex": lambda: rows + 1j}.get(kind, lambda: None)()
    if kind == "quantized":
        x = SimpleNamespace(layout=torch.strided, is_quantized=True, is_nested=False)
        with pytest.raises(TypeError, match=r"x: expected a dense tensor.*dequantize"):
            backends.LIBRARIES["torch"].plain(x, "x")
        return
    with pytest.raises(TypeError, match=r"x: expected (a dense tensor.*x.to_dense|real numbers)"):
        Network([3, 2], "torch").feedforward(x)


# Nothing is narrowed in silence.


@pytest.mark.parametrize("dtype", ["float64", "longdouble"])
@pytest.mark.parametrize("is_native", [False, True], ids=["host", "native"])
def test_numbers_beyond_the_networks_dtype_are_refused(backend32, dtype, is_native):
    x = np.asarray(ROWS, dtype)
    x[1, 2] = -1e300
    if is_native:
        x = replace(backend32, dtype="float64").asarray(x)
    net = Network([3, 2], backend32)
    for use in (
        lambda: net.feedforward(x),
        lambda: net.predict(x),
        lambda: net.fit((x, LABELS), epochs=1, batch_size=2),
        lambda: backend32.copy_to_device(x),
        lambda: net.gradients(x, LABELS),
        lambda: function(double, backend32)(x),
    ):
        with pytest.raises(
            ValueError, match=r"x: expected numbers that float32 holds, up to 3.4e38, got 1e\+300 in size"
        ):
            use()
    Network([3, 2], replace(backend32, dtype="float64")).feedforward(x)


def test_so_are_those_beyond_float64(backend):
    x = np.asarray(ROWS, "longdouble")
    if np.finfo("longdouble").max == np.finfo("float64").max:
        pytest.skip("longdouble is float64 here")
    x[0, 0] = np.longdouble("1e4000")
    with pytest.raises(ValueError, match=r"x: expected numbers that float64 holds, up to 1.8e308, got more in size"):
        Network([3, 2], backend).feedforward(x)


def test_infinity_is_no_number_beyond_a_dtype(backend32):
    assert np.isfinite(Network([3, 2], backend32).feedforward(np.array([[np.inf, 1.0, 1.0]]))).all()


@pytest.mark.parametrize("number", [3_000_000_000, -3_000_000_000, 2**63 + 2**40, 2**63 - 2**40])
def test_whole_numbers_keep_their_size(backend32, number):
    found = backend32.to_numpy(backend32.asarray(np.array([number])))
    assert float(found[0]) == pytest.approx(number, rel=1e-6)
    assert function(double, backend32)(number) == pytest.approx(2.0 * number, rel=1e-6)


NARROW_JAX = """
import numpy as np
from anynet import Network, backends, function
jax = backends.get("jax")
for number in (3_000_000_000, -2**40, 2**63 + 2**40, 7):
    found = jax.asarray(np.array([number]))
    assert np.isclose(float(found[0]), number, rtol=1e-6), number
    assert np.isclose(function(lambda x: x, "jax", "float32")(number), number, rtol=1e-6), number
assert str(jax.asarray(np.array([7])).dtype) == "int32"
x = np.full((4, 3), 3_000_000_000)
found = [Network([3, 2], name, initializer="zeros").feedforward(x) for name in ("numpy", "jax")]
assert np.allclose(*found)
nets = [Network([3, 1], name, output="identity") for name in ("numpy", "jax")]
costs = [net.gradients(np.ones((4, 3)), np.full(4, 3_000_000_000))[0] for net in nets]
assert np.isclose(*costs), costs
print("kept")
"""


def test_so_they_do_on_jax_without_x64():
    need("jax")
    import subprocess
    import sys

    code = NARROW_JAX.replace(', initializer="zeros"', "")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.stdout == "kept\n", done.stderr


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", np.float16, "half"])
def test_a_network_in_half_precision_is_refused_with_a_reason(dtype):
    with pytest.raises(ValueError, match=r"dtype: expected one of float32, float64, got .*need more digits"):
        backends.get("numpy", dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype("float32")])
def test_a_dtype_may_be_given_as_numpy_has_it(dtype):
    assert backends.get("numpy", dtype=dtype).dtype == "float32"
    assert Network([2, 1], dtype=dtype).weights[0].dtype == np.float32


def test_or_as_pytorch_has_it():
    need("torch")
    import torch

    assert backends.get("torch", dtype=torch.float64).dtype == "float64"


def test_training_on_wide_numbers_is_training_on_narrow_ones(backend32):
    nets = [Network([3, 2], backend32) for _ in range(2)]
    for net, dtype in zip(nets, ("float32", "longdouble"), strict=True):
        net.fit((np.asarray(ROWS, dtype), np.asarray(LABELS, "u8")), epochs=2, batch_size=2, optimizer=SGD(1.0))
    assert np.array_equal(nets[0].weights[0], nets[1].weights[0])
