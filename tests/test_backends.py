"""Backends: found by name, moving data, and saying what is wrong."""

import copy
import pickle
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from compare import assert_on
from conftest import SETTINGS, need, why_absent

from anynet import Network, backends
from anynet.backends import LIBRARIES, Backend
from anynet.typing import Order


class Pair(NamedTuple):
    left: Any
    right: Any


def test_round_trip_keeps_dtype_and_values_and_never_aliases(backend):
    for dtype in ("float64", "float32", "int64", "uint8"):
        host = np.arange(6, dtype=dtype).reshape(2, 3)
        back = backend.to_numpy(backend.asarray(host))
        assert type(back) is np.ndarray
        assert back.dtype == host.dtype
        assert np.array_equal(back, host)
        assert not np.shares_memory(back, host)
        back[...] = 9
        assert np.array_equal(backend.to_numpy(backend.asarray(host)), host)


def test_parameter_is_a_writable_copy_in_the_backends_dtype(backend32):
    host = np.ones((2, 3))
    host.flags.writeable = False
    array = backend32.copy_to_device(host)
    assert_on(backend32, array, (2, 3))
    array += 1.0
    assert host.sum() == 6


def test_what_is_nobody_elses_is_placed_as_a_copy_would_be(backend32):
    host = np.random.default_rng(1).standard_normal((5, 7))
    fixed = host.astype(np.float32)
    fixed.flags.writeable = False
    odd = np.frombuffer(bytearray(1 + fixed.nbytes), np.float32, offset=1).reshape(5, 7)
    assert not odd.flags.aligned
    for given in (host, host.T, fixed, odd, fixed.copy()):
        placed = backend32.placed(given)
        assert_on(backend32, placed, given.shape)
        assert np.array_equal(backend32.to_numpy(placed), given.astype(np.float32))
        if backend32.name == "numpy":
            assert placed.flags.carray
    if backend32.name == "numpy":  # only what lies otherwise is copied
        assert np.shares_memory(backend32.placed(own := fixed.copy()), own)
    with pytest.raises(ValueError, match="parameters: expected"):
        backend32.placed(np.array([1e300]))


def test_read_only_and_reversed_arrays_are_taken(backend):
    host = np.arange(6.0)
    host.flags.writeable = False
    assert backend.to_numpy(backend.asarray(host[::-1])).tolist() == [5, 4, 3, 2, 1, 0]


def test_pickles_and_copies_as_name_device_dtype(backend):
    if type(backend) is not Backend:
        pytest.skip("the read-only NumPy exists in this suite alone")
    for copied in (pickle.loads(pickle.dumps(backend)), copy.deepcopy(backend), copy.copy(backend)):
        assert copied == backend
        assert copied.xp is backend.xp


def test_a_foreign_array_is_a_type_error_that_names_both_libraries_and_the_cure():
    need("torch")
    import torch

    net = Network([3, 2])
    with pytest.raises(TypeError, match=r"x: expected arrays of numpy, for .* got an array of torch") as caught:
        net.feedforward(torch.ones(4, 3))
    assert "net.to('torch')" in str(caught.value)


def test_an_array_on_another_device_is_a_value_error():
    other = backends.get("array_api_strict", "device2")
    net = Network([3, 2], "array_api_strict", "device1")
    with pytest.raises(ValueError, match=r"x: expected an array on .*device1.*device2"):
        net.feedforward(other.asarray(np.ones((4, 3))))


@pytest.mark.parametrize("x", [["a", "b"], [1j, 2], [object(), 1]])
def test_what_is_no_real_number_is_refused(backend, x):
    with pytest.raises(TypeError, match="x: expected real numbers"):
        backend.asarray(x)


def test_ragged_rows_are_refused(backend):
    with pytest.raises(ValueError, match="x: expected numbers in equal rows"):
        backend.asarray([[1, 2], [3]])


def test_unknown_names_list_those_that_exist():
    with pytest.raises(ValueError, match=r"numpy, cupy, torch, jax, array_api_strict, .*auto.*Did you mean 'numpy'"):
        backends.get("numpi")
    with pytest.raises(ValueError, match="dtype: expected one of float32, float64, got 'int8'"):
        backends.get("numpy", dtype="int8")


@pytest.mark.parametrize(
    ("name", "device", "message"),
    [
        ("numpy", 1, "None or 'cpu'"),
        ("array_api_strict", "device7", "CPU_DEVICE, device1"),
        ("torch", 99, "a device that works"),
        ("torch", "meta", "a device that works"),
        ("torch", "nonsense", "a device that works"),
        ("jax", 99, "an index or one of cpu:0"),
    ],
)
def test_a_device_that_does_not_exist(name, device, message):
    need(name)
    with pytest.raises(ValueError, match=f"device: expected .*{message}"):
        backends.get(name, device)


def test_available_gives_none_or_a_reason_in_one_line():
    found = backends.available()
    assert list(found) == list(LIBRARIES)
    assert {"numpy", "cupy", "torch", "jax", "array_api_strict"} <= set(found)
    assert found["numpy"] is None
    assert all(reason is None or (reason and "\n" not in reason) for reason in found.values())


def test_cupy_that_does_not_work_says_on_which_rung_and_what_cures_it():
    if why_absent("cupy") is None:
        pytest.skip("CuPy works here")
    rung, reason = backends.diagnose_cupy()[-1]
    assert rung in ("import", "driver", "kernel", "product")
    cure = {"import": "pip install", "driver": "driver", "kernel": "pip install", "product": "pip install"}[rung]
    assert cure in reason
    with pytest.raises((ImportError, RuntimeError)) as caught:
        backends.get("cupy")
    assert str(caught.value) == reason


def test_auto_is_numpy_where_cupy_does_not_work_and_says_why_if_it_was_installed():
    is_told = why_absent("cupy") is not None and backends.cupy.wheels()
    with pytest.warns(UserWarning, match="auto is numpy here. CuPy fails at the ") if is_told else nullcontext():
        chosen = Network([3, 2], "auto")
    expected = "cupy" if why_absent("cupy") is None else "numpy"
    assert chosen.backend.name == expected
    assert expected in repr(chosen)


def test_jax_refuses_float64_it_would_truncate():
    need("jax")
    code = "from anynet import backends\ntry:\n backends.get('jax', dtype='float64')\nexcept ValueError as e: print(e)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "jax_enable_x64" in said
    assert "got float64" in said


@pytest.mark.parametrize("library", ["torch", "jax", "cupy", "array_api_strict"])
def test_a_library_that_is_not_installed_says_how_to_install_it(library, monkeypatch):
    for module in (library, f"array_api_compat.{library}", f"{library}.numpy"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match="pip install"):
        backends.get(library)


def test_importing_and_training_on_numpy_loads_no_other_library():
    code = (
        "import sys, anynet, numpy as np\n"
        "assert 'numpy' in sys.modules\n"
        "net = anynet.Network([4, 3, 2])\n"
        "net.fit((np.ones((8, 4)), np.zeros(8, int)), epochs=2, validation=(np.ones((8, 4)), np.zeros(8, int)))\n"
        "net.to('numpy'); net.summary()\n"
        "print(*sorted({m.split('.')[0] for m in sys.modules}))\n"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    allowed = set(sys.stdlib_module_names) | {"anynet", "numpy", "array_api_compat", "threadpoolctl"}
    allowed |= {"__main__", "__mp_main__"}
    # What site starts in every interpreter of an environment is not ours.
    baseline = subprocess.run(
        [sys.executable, "-c", "import sys; print(*{m.split('.')[0] for m in sys.modules})"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    compiled = {name for name in loaded if name.startswith("_") or name == "cython_runtime"}  # parts of NumPy
    assert set(loaded) - allowed - set(baseline) - compiled == set()


@pytest.mark.parametrize("name", ["numpy", "array_api_strict"])
def test_synchronize_and_label(name):
    backend = backends.get(name)
    backend.synchronize([backend.asarray([1.0]), ()])
    assert backend.label.startswith(f"{name} (")


def test_the_suite_runs_on_every_library():
    assert {setting.name for setting in SETTINGS.values()} == set(LIBRARIES)
    assert all(library.name == name for name, library in LIBRARIES.items())


def test_every_library_says_which_arrays_are_its(backend):
    array = backend.asarray(np.ones(3))
    assert [name for name, library in LIBRARIES.items() if library.is_array(array)] == [backend.name]
    assert backends.library_of(array) == backend.name
    assert backends.is_on_host(array) is (backend.name == "numpy")


def test_a_copy_lies_row_by_row_whatever_it_was_copied_from(backend32):
    """Else the same numbers, come transposed, would be summed in another order, and give other last bits."""
    host = np.random.default_rng(1).standard_normal((50, 70)).astype(np.float32)
    straight, turned = backend32.copy_to_device(host), backend32.copy_to_device(np.asarray(host, order="F"))
    assert np.array_equal(backend32.to_numpy(straight), backend32.to_numpy(turned))
    contiguous = {"numpy": lambda a: a.flags.c_contiguous, "torch": lambda a: a.is_contiguous()}
    if backend32.name in contiguous:
        assert contiguous[backend32.name](turned)
        assert contiguous[backend32.name](backend32.copy_to_device(host.T))
    x = backend32.asarray(np.ones((3, 70), np.float32))
    products = [backend32.to_numpy(x @ w.T) for w in (straight, turned)]
    assert np.array_equal(*products)


@dataclass(frozen=True)
class Tracing:
    """A step that learns what it was handed: sums that depend on the order of the mini-batches."""

    widest_shape = (3,)
    threads = 1

    def inputs(self, xp, x):
        return xp.astype(x, xp.float64) * 2.0

    def targets(self, xp, y, device):
        return xp.astype(y, xp.float64)[:, None]

    def __call__(self, xp, train_state, batch, numbers):
        (a,) = train_state
        scale, shift = numbers
        drawn = 0.0 if batch.noise[1] is None else xp.sum(batch.noise[1] * batch.x)
        return (a * scale + xp.sum(batch.x * batch.y) + shift * batch.x.shape[0] + drawn,)


@pytest.mark.parametrize("is_noisy", [False, True], ids=["quiet", "noisy"])
@pytest.mark.parametrize("ordered", [False, True], ids=["as they stand", "in an order"])
@pytest.mark.parametrize(("n", "size"), [(10, 5), (13, 5), (3, 5), (5, 1)])
def test_scan_takes_mini_batches_in_their_order(backend, n, size, ordered, is_noisy, rng):
    """Each with its own numbers, and its own rows of noise; the last may be smaller."""
    x, y, noise = rng.standard_normal((20, 3)), np.arange(20), rng.standard_normal((n, 3))
    indices = rng.permutation(20) if ordered else np.arange(20)
    start = 4 if ordered else 0
    rows = indices[start : start + n]
    data = [backend.asarray(a if ordered else a[rows]) for a in (x, y)]
    order = Order(backend.asarray(indices), start, start + n) if ordered else None
    numbers = [(0.5 + i, 0.25 * i) for i in range(-(-n // size))]
    drawn = (None, backend.asarray(noise) if is_noisy else None)
    run = backend.scan(Tracing())
    (found,) = run((backend.copy_to_device(1.0),), tuple(data), order, drawn, numbers, size)
    expected = 1.0
    for i, (scale, shift) in enumerate(numbers):
        part = rows[i * size : (i + 1) * size]
        of_x = 2 * x[part]
        expected = expected * scale + (of_x * y[part][:, None]).sum() + shift * len(part)
        expected += (noise[i * size : i * size + len(part)] * of_x).sum() if is_noisy else 0.0
    assert float(found) == pytest.approx(expected, rel=1e-12)


@dataclass(frozen=True)
class Sum:
    factor: float

    def __call__(self, xp, tree, x):
        return [xp.sum(x) * self.factor, tree[0] + tree[1].left]


def test_compile_binds_the_namespace_and_takes_trees(backend):
    f = backend.compile(Sum(2.0))
    tree = [backend.asarray([1.0]), Pair(backend.asarray([2.0]), None)]
    for x in (np.ones(3), np.ones((2, 4))):
        total, other = f(tree, backend.asarray(x))
        assert float(total) == 2.0 * x.size
        assert backend.to_numpy(other).tolist() == [3.0]


def test_rows_and_chunks_are_bounded_by_bytes(backend32):
    assert backend32.rows_within(1000, (5, 5)) == 10
    assert backend32.rows_within(1, (5, 5)) == 1
    n_bytes = backends.LIBRARIES[backend32.name].chunk_bytes
    assert backend32.chunk_rows((1024,), 10) == n_bytes // 4096 // 10 * 10  # of float32, in whole mini-batches
    assert backend32.chunk_rows((1024,), 10**6) == 10**6
    for n in (0, 1, 7, 8, 9, 100, 1000):
        assert n <= backend32.padded_rows(n) <= n + max(1, n // 8)


def test_items_are_made_on_the_device_and_consumed_off_it():
    entered = []

    class Watched(Backend):
        def active(self):
            entered.append("in")
            return super().active()

    numpy = backends.get("numpy")
    made = Watched(numpy.name, numpy.xp, numpy.device, numpy.dtype).iterate_active(iter("ab"))
    assert next(made) == "a"
    assert entered == ["in"]
    assert list(made) == ["b"]
    assert entered == ["in"] * 3


class Own(np.ndarray):
    """An array of a class of its own, whose products are others, as those of a matrix are."""

    def __mul__(self, other):
        raise AssertionError


def test_arrays_of_a_class_of_their_own_are_taken_as_plain_ones():
    x = np.ones((3, 4)).view(Own)
    assert type(backends.get("numpy").asarray(x)) is np.ndarray
    assert np.array_equal(Network([4, 2]).feedforward(x), Network([4, 2]).feedforward(np.ones((3, 4))))
