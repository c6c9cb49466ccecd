"""The network on CuPy, on the emulated device or on a physical GPU: the same numbers as on NumPy, on the device that
was asked for, and every mistake answered in our words with the cure."""

import copy
import math
import os
import pickle
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cuda_device
import numpy as np
import pytest
from compare import relative_difference

from anynet import SGD, Dataset, Network, activations, array_namespace, backends, costs, datasets, function

cp = cuda_device.require()
if cuda_device.is_emulated():
    import emulated_cuda.kernels

TESTS = Path(__file__).parent
ELSEWHERE = {"PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS / "tools")])}  # for another process
TOLERANCE = {"float64": 1e-10, "float32": 1e-4}
DTYPES = sorted(TOLERANCE)
NETWORKS = {
    "the book's": {"sizes": [784, 30, 10]},
    "softmax": {"sizes": [784, 100, 10], "output": "softmax", "cost": "cross_entropy"},
    "ReLU": {"sizes": [784, 20, 20, 10], "hidden": "relu", "output": "softmax", "initializer": "lecun_normal"},
    "tanh": {"sizes": [784, 20, 10], "hidden": "tanh", "output": "tanh"},
}
on_emulator = pytest.mark.skipif(not cuda_device.is_emulated(), reason="needs the emulated device")
on_two_devices = pytest.mark.skipif(cp.cuda.runtime.getDeviceCount() < 2, reason="needs two devices")


@pytest.fixture(scope="module")
def train():
    data, _, _ = datasets.mnist()
    return Dataset(data.x[:2000], data.y[:2000])


@pytest.fixture(scope="module")
def few(train):
    return Dataset(train.x[:100], train.y[:100])


def difference(got, expected):
    """The largest difference of two lists of arrays, relative to the largest number of each array."""
    return max(relative_difference(a, b) for a, b in zip(got, expected, strict=True))


def check_steps(name, dtype, data):
    """Assert that an epoch on CuPy gives the weights, the biases and the metrics that it gives on NumPy."""
    nets = [Network(backend=backend, dtype=dtype, seed=1, **NETWORKS[name]) for backend in ("numpy", "cupy")]
    # Long steps amplify differences of rounding where ReLU bends and tanh is steep.
    optimizer = SGD(0.1) if name in ("ReLU", "tanh") else None
    reports = [
        net.fit(data, epochs=1, batch_size=10, optimizer=optimizer, validation=data, progress=False) for net in nets
    ]
    on_numpy, on_cupy = nets
    assert {str(p.weights.dtype) for p in on_cupy.parameters} == {dtype}
    assert difference(on_cupy.weights, on_numpy.weights) <= TOLERANCE[dtype]
    assert difference(on_cupy.biases, on_numpy.biases) <= TOLERANCE[dtype]
    for metric, value in reports[0][-1].metrics.items():
        assert reports[1][-1].metrics[metric] == pytest.approx(value, rel=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NETWORKS)
def test_200_steps_are_those_of_numpy(name, dtype, train):
    check_steps(name, dtype, train)


@pytest.fixture
def wrong_sign(monkeypatch):
    """Let the compiler turn the minus of every subtraction in our kernels into a plus."""
    original = emulated_cuda.kernels.host_source

    def with_wrong_sign(source, name_expressions):
        return original(re.sub(r"( t\d+ = [\w()\[\].]+) - ", r"\1 + ", source), name_expressions)

    monkeypatch.setattr(emulated_cuda.kernels, "host_source", with_wrong_sign)
    forget_compiled_formulas()
    yield
    forget_compiled_formulas()


def forget_compiled_formulas():
    backends.traced._loops.cache_clear()
    cp.clear_memo()


@on_emulator
@pytest.mark.filterwarnings("ignore:outputs", "ignore:layer")  # which is another way to notice
def test_a_kernel_with_a_wrong_sign_is_noticed(wrong_sign, few):
    with pytest.raises(AssertionError):
        check_steps("the book's", "float64", few)


def with_stray_function(backend, device=None):
    def stray(xp, z):
        return 1.0 / (1.0 + np.exp(-z))

    return Network([784, 30, 10], backend, device, hidden_activation=replace(activations.sigmoid, value=stray))


def test_a_stray_numpy_function_is_noticed(few):
    with pytest.raises((TypeError, RuntimeError)):
        with_stray_function("array_api_strict", "device1").fit(few, epochs=1, progress=False)
    with pytest.warns(UserWarning, match="__array_ufunc__"):  # CuPy lets NumPy's functions call its own
        with_stray_function("cupy").fit(few, epochs=1, progress=False)


def same(net, other):
    return all(
        np.array_equal(a, b) for a, b in zip(net.weights + net.biases, other.weights + other.biases, strict=True)
    )


@pytest.mark.parametrize(("here", "there"), [("cupy", "numpy"), ("numpy", "cupy")])
def test_a_network_crosses_over(here, there, few, tmp_path):
    net = Network([784, 30, 10], backend=here)
    net.fit(few, epochs=1, progress=False)
    for other in (net.to(there), Network.load(net.save(tmp_path / "network.npz"), backend=there)):
        assert other.backend.name == there
        assert all(other.backend.is_native(array) for p in other.parameters for array in p)
        assert same(net, other)
        assert np.array_equal(net.predict(few.x), other.predict(few.x))
        assert net.evaluate(few) == other.evaluate(few)


@pytest.mark.parametrize("copied", [lambda net: pickle.loads(pickle.dumps(net)), copy.deepcopy])
def test_a_copy_trains_on_as_the_original(copied, few):
    net = Network([784, 30, 10], backend="cupy")
    net.fit(few, epochs=1, progress=False)
    other = copied(net)
    for one in (net, other):
        one.fit(few, epochs=1, progress=False)
    assert other.backend == net.backend
    assert same(net, other)


def test_what_comes_back_is_what_came_in(few):
    net = Network([784, 30, 10], backend="cupy")
    assert isinstance(net.predict(few.x), np.ndarray)
    assert isinstance(net.predict(cp.asarray(few.x)), cp.ndarray)
    assert isinstance(net.evaluate((cp.asarray(few.x), cp.asarray(few.y))), int)


# Devices.


@on_two_devices
def test_a_network_lives_on_the_device_it_was_given(few, tmp_path):
    net = Network([784, 30, 10], backend="cupy", device=1)
    net.fit(few, epochs=1, validation=few, progress=False)
    net.update_mini_batch(few, 1.0)
    for other in (net, copy.deepcopy(net), Network.load(net.save(tmp_path / "brain"), backend="cupy", device=1)):
        arrays = [array for p in other.parameters for array in p]
        assert {array.device.id for array in arrays} == {1}
    assert cp.cuda.runtime.getDevice() == 0
    on_numpy = Network([784, 30, 10])
    on_numpy.fit(few, epochs=1, progress=False)
    on_numpy.update_mini_batch(few, 1.0)
    assert difference(net.weights, on_numpy.weights) <= 1e-4
    assert np.array_equal(net.predict(few.x), on_numpy.predict(few.x))
    assert net.gradients(few.x, few.y)[0] == pytest.approx(on_numpy.gradients(few.x, few.y)[0], rel=1e-5)
    assert net.to("cupy", device=0).parameters[0].weights.device.id == 0


DOORS = {
    "predict": lambda net, x, y: net.predict(x),
    "feedforward": lambda net, x, y: net.feedforward(x[0, :, None]),
    "activations": lambda net, x, y: net.activations(x)[0],
    "gradients": lambda net, x, y: net.gradients(x, y)[1][0].weights,
    "backprop": lambda net, x, y: net.backprop(x[0, :, None], y[0])[1][0],
    "evaluate": lambda net, x, y: net.evaluate((x, y)),
    "accuracy": lambda net, x, y: net.accuracy((x, y)),
    "weights": lambda net, x, y: net.weights[0],
    "biases": lambda net, x, y: net.biases[0],
    "SGD": lambda net, x, y: net.SGD((x, y), 1, 10, 1.0, test_data=(x, y)),
    "fit": lambda net, x, y: net.fit((x, y), epochs=1, progress=False, validation=(x, y))[-1].metrics[
        "validation_cost"
    ],
    "assigning": lambda net, x, y: (setattr(net, "weights", net.weights), net.predict(x))[1],
}


@on_two_devices
@pytest.mark.parametrize("door", DOORS)
def test_every_door_opens_on_the_second_device(door, few):
    on_numpy, on_cupy = (
        DOORS[door](Network([784, 30, 10], *where), few.x, few.y) for where in (["numpy"], ["cupy", 1])
    )
    if on_numpy is not None:
        np.testing.assert_allclose(on_cupy, on_numpy, rtol=1e-4, atol=1e-5)
    assert cp.cuda.runtime.getDevice() == 0


@on_two_devices
def test_a_compiled_function_runs_on_the_second_device(monkeypatch):
    def logistic(x):
        return 1 / (1 + array_namespace(x).exp(-x))

    def watched(self, storage, x):
        results = run(self, storage, x)
        seen.extend(a.device.id for a in (x, *results))
        return results

    seen, run = [], backends.kernels.CudaLine.run
    monkeypatch.setattr(backends.kernels.CudaLine, "run", watched)
    on_cupy = function(logistic, "cupy", device=1)
    np.testing.assert_allclose(on_cupy([[0, 1], [2, 3]]), function(logistic)([[0, 1], [2, 3]]), rtol=1e-15)
    assert seen == [1, 1]
    assert cp.cuda.runtime.getDevice() == 0


def test_numpy_within_a_compiled_function_is_answered_in_our_words():
    with pytest.raises(TypeError, match=r"expected arrays of cupy, got one of NumPy"):
        function(lambda x: x + np.ones(2), "cupy")([1, 2])


@on_two_devices
def test_arrays_of_the_second_device_are_answered_there(few):
    net = Network([784, 30, 10], "cupy", 1)
    with cp.cuda.Device(1):
        x, y = cp.asarray(few.x), cp.asarray(few.y)
    for answer in (net.predict(x), net.feedforward(x), net.gradients(x, y)[1][0].weights, net.activations(x)[0]):
        assert answer.device.id == 1


@on_two_devices
def test_who_watches_a_training_keeps_their_own_device(few):
    seen = [cp.cuda.runtime.getDevice() for _ in Network([784, 30, 10], "cupy", 1).iter_fit(few, epochs=2)]
    assert seen == [0, 0]


@on_two_devices
def test_arrays_of_another_device_are_refused(few):
    net = Network([784, 30, 10], backend="cupy", device=1)
    with pytest.raises(ValueError, match=r"x: expected an array on cupy \(device 1\).*got one on cupy \(device 0\)"):
        net.predict(cp.asarray(few.x))


@on_two_devices
def test_mixing_devices_is_a_clear_error():
    backend = backends.get("cupy", 0)
    with cp.cuda.Device(1):
        elsewhere = cp.ones(3)
    words = r"cupy \(device 0\): expected arrays on this device, got one on another"
    with pytest.raises(ValueError, match=words), backend.active():
        elsewhere + 1.0


# What CuPy says, in our words.


def test_a_device_that_is_not_there():
    count = cp.cuda.runtime.getDeviceCount()
    for device in (count, 99, -1, "gpu"):
        with pytest.raises(ValueError, match=f"device: expected an index below {count} for cupy, got {device!r}"):
            Network([2, 1], backend="cupy", device=device)


@pytest.fixture
def full_device():
    """Leave only 64 kB of the device to whoever asks from now on."""
    pool = cp.get_default_memory_pool()
    pool.free_all_blocks()
    pool.set_limit(size=pool.total_bytes() + 2**16)
    yield
    pool.set_limit(size=0)


def test_out_of_memory_loses_nothing(train, few, request):
    net = Network([784, 30, 10], backend="cupy")
    net.fit(few, epochs=1, progress=False)
    before, right = copy.deepcopy(net), net.evaluate(few)
    request.getfixturevalue("full_device")
    for attempt in (lambda: net.fit(train, epochs=1, progress=False), lambda: net.predict(train.x)):
        with pytest.raises(MemoryError, match=r"cupy \(device 0\): out of device memory .* smaller batch_size"):
            attempt()
    cp.get_default_memory_pool().set_limit(size=0)
    assert same(net, before)
    assert net.evaluate(few) == right


ON_A_SMALL_DEVICE = """
import sys
import warnings

import emulated_cuda
import numpy as np

warnings.simplefilter("ignore")
emulated_cuda.install(devices=1, memory_bytes=16 << 20)
from anynet import Network

rng = np.random.default_rng(0)
x, y = rng.standard_normal((4000, 784)), rng.integers(0, 10, 4000)  # 25 MB
on_numpy, on_cupy = (Network([784, 30, 10], backend, dtype="float64") for backend in ("numpy", "cupy"))


def difference():
    pairs = zip(on_cupy.weights + on_cupy.biases, on_numpy.weights + on_numpy.biases, strict=True)
    return max(np.max(np.abs(a - b)) / np.max(np.abs(b)) for a, b in pairs)


def fit(net, batch_size, **keywords):
    return net.fit((x, y), epochs=1, batch_size=batch_size, progress=False, **keywords)[0].metrics


metrics = fit(on_numpy, 10, validation=(x, y))
with emulated_cuda.count() as counted:
    assert fit(on_cupy, 10, validation=(x, y)).keys() == metrics.keys()
print(counted.h2d, difference(), on_cupy.evaluate((x, y)) - on_numpy.evaluate((x, y)))
try:
    fit(on_cupy, len(x))  # a chunk of all the data
except MemoryError as error:
    print(error)
print(difference())
on_numpy.streams.order.permutation(len(x))  # the order of the epoch that failed was drawn, too
fit(on_numpy, 10)
fit(on_cupy, 10, memory_limit=0)
print(difference())
"""


@on_emulator
def test_data_larger_than_the_device_are_streamed_and_too_large_a_chunk_loses_nothing():
    command = [sys.executable, "-c", ON_A_SMALL_DEVICE]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | ELSEWHERE)
    assert done.stderr == ""
    streamed, message, afterwards, later = done.stdout.splitlines()
    copies, difference, miscounted = streamed.split()
    chunks = math.ceil(4000 / 330) + math.ceil(4000 / 668)  # of training, of validation
    assert int(copies) == chunks + 3  # and the labels of either, and the order
    assert float(difference) <= 1e-10
    assert int(miscounted) == 0
    assert re.match(r"cupy \(device 0\): out of device memory .* smaller batch_size.*by memory_limit", message)
    assert float(afterwards) == float(difference)
    assert float(later) <= 1e-10


def test_cupy_and_numpy_do_not_mix():
    backend = backends.get("cupy")
    z, a, y = cp.ones((2, 3)), cp.ones((2, 3)), np.ones((2, 3))
    delta = costs.get("quadratic", "sigmoid").delta
    words = r"expected arrays of cupy, got one of NumPy.*backend.asarray\(x\)"
    for mixed in (lambda: z + y, lambda: z @ y.T, lambda: delta(backend.xp, z, a, y)):
        with pytest.raises(TypeError, match=words), backend.active():
            mixed()


def test_no_silent_copy_to_the_host():
    words = r"expected an array of NumPy, got one of cupy.*backends.to_numpy\(x\)"
    with pytest.raises(TypeError, match=words), backends.get("cupy").active():
        np.asarray(cp.ones(3))


def test_a_cupy_array_in_a_numpy_network(few):
    with pytest.raises(
        TypeError, match=r"x: expected arrays of numpy, for .* got an array of cupy. Convert it with backends.to_numpy"
    ):
        Network([784, 30, 10]).predict(cp.asarray(few.x))


def test_other_errors_pass():
    for error in (ValueError("mine"), TypeError("mine"), KeyError("mine")):
        with pytest.raises(type(error)) as caught, backends.get("cupy").active():
            raise error
        assert caught.value is error


WITHOUT_NVRTC = """
import emulated_cuda
emulated_cuda.install()
from cuda import pathfinder
from cupy.cuda import compiler

def not_found(*args, **kwargs):
    raise pathfinder.DynamicLibNotFoundError('Failure finding "libnvrtc.so"')

compiler._compile_with_cache_cuda = not_found
"""
WITHOUT_CUBLAS = """
import emulated_cuda.toolkit
emulated_cuda.toolkit.load_cublas = lambda: None
emulated_cuda.install()
"""


@on_emulator
@pytest.mark.parametrize(
    ("machine", "rung", "cure"),
    [
        ("", "driver", "Install the NVIDIA driver"),
        (WITHOUT_NVRTC, "kernel", "pip install 'cupy-cuda12x[ctk]'"),
        (WITHOUT_CUBLAS, "product", "pip install 'cupy-cuda12x[ctk]'"),
    ],
    ids=["no driver", "no NVRTC", "no cuBLAS"],
)
def test_a_machine_that_lacks_something(machine, rung, cure):
    if rung == "driver" and Path("/proc/driver/nvidia").exists():
        pytest.skip("this machine has a driver")
    question = (
        "from anynet import Network, backends\n"
        "print(backends.unavailable_reason('cupy'), '|', backends.get('auto').name)\n"
        "Network([2, 1], backend='cupy')"
    )
    command = [sys.executable, "-W", "ignore", "-c", machine + question]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | ELSEWHERE)
    reason, fallback = done.stdout.strip().split(" | ")
    assert reason.startswith(f"CuPy fails at the {rung}: ")
    assert cure in reason
    assert fallback == "numpy"
    assert done.stderr.splitlines()[-1] == f"RuntimeError: {reason}"
