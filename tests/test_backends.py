"""Backends: found by name, moving data, and saying what is wrong."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from compare import assert_on
from conftest import need, why_absent

from anynet import Network, backends
from anynet.backends import Backend


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
    with pytest.raises(ValueError, match=r"numpy, cupy, torch, jax, array_api_strict, auto.*Did you mean 'numpy'"):
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
    assert list(found) == ["numpy", "cupy", "torch", "jax", "array_api_strict"]
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


def test_auto_is_numpy_where_cupy_does_not_work():
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
        "net.fit((np.ones((8, 4)), np.zeros(8, int)), 2, 4, validation=(np.ones((8, 4)), np.zeros(8, int)))\n"
        "net.to('numpy'); net.summary()\n"
        "print(*sorted({m.split('.')[0] for m in sys.modules}))\n"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    allowed = set(sys.stdlib_module_names) | {"anynet", "numpy", "array_api_compat", "__main__", "__mp_main__"}
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
def test_synchronize_and_place(name):
    backend = backends.get(name)
    backend.synchronize()
    assert backend.label.startswith(f"{name} (")
