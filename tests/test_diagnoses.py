"""What goes wrong with a library or a device, told in our words with the cure."""

import pickle
import subprocess
import sys
from importlib import metadata
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import need

from anynet import Activation, Network, backends
from anynet.backends import errors

X, Y = np.ones((4, 3), np.float32), np.array([0, 1, 1, 0])


def jax_error(text):
    import jax

    return jax.errors.JaxRuntimeError(text)


def torch_error(text):
    import torch

    return torch.OutOfMemoryError(text)


FULL = [  # what each library says
    ("numpy", lambda text: np._core._exceptions._ArrayMemoryError((2**40,), np.dtype("f4")), ""),
    ("array_api_strict", MemoryError, "Unable to allocate 4.00 TiB for an array"),
    ("torch", torch_error, "CUDA out of memory. Tried to allocate 9 GiB (all of it)."),
    ("torch", RuntimeError, "[enforce fail] . DefaultCPUAllocator: can't allocate memory: you tried"),
    ("torch", RuntimeError, "MPS backend out of memory (MPS allocated: 9 GB)."),
    ("jax", jax_error, "RESOURCE_EXHAUSTED: Out of memory allocating 99 bytes."),
]


@pytest.mark.parametrize(("name", "error", "text"), FULL)
def test_out_of_memory_is_a_memory_error_with_the_cure(name, error, text):
    need(name)

    def full(xp, z):
        raise error(text)

    net = Network([3, 4, 2], name, hidden=Activation("full", full, lambda xp, z, a: a))
    for use in (
        lambda: net.fit((X, Y), epochs=1, batch_size=2),
        lambda: net.feedforward(X),
        lambda: net.gradients(X, Y),
    ):
        with pytest.raises(MemoryError, match=r"out of device memory \(.*smaller batch_size.*another device") as caught:
            use()
        assert type(caught.value) is MemoryError
        assert str(caught.value).startswith(net.backend.label)
        assert str(caught.value).count("out of device memory") == 1


@pytest.mark.parametrize(("name", "error", "text"), FULL)
def test_a_network_too_large_for_the_device_is_not_told_of_batches(name, error, text, monkeypatch):
    need(name)

    def full(backend, x):
        raise error(text)

    library = backends.LIBRARIES[name]
    monkeypatch.setitem(backends.LIBRARIES, name, type(library)(**{**vars(library), "from_numpy": full}))
    with pytest.raises(MemoryError, match=r"out of device memory.*Take a smaller network, or another device") as caught:
        Network([3, 2], name)
    assert "batch_size" not in str(caught.value)


def test_it_is_told_once_however_deep_it_arose():
    numpy = backends.get("numpy")
    with pytest.raises(MemoryError) as caught, numpy.active(), numpy.active():
        raise MemoryError("Unable to allocate 9 GiB")
    assert str(caught.value).count("out of device memory") == 1


def test_another_memory_error_stays_what_it_is():
    with pytest.raises(MemoryError, match=r"^mine$"), backends.get("numpy").active():
        raise MemoryError("mine")


@pytest.mark.parametrize(
    "text",
    [
        "Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, you must use 'spawn'",
        "cudaErrorInitializationError: initialization error",
    ],
)
def test_a_gpu_after_a_fork_says_spawn(text, monkeypatch):
    said = r"numpy \(cpu\): CUDA was started before .* forked.*'spawn'"
    with pytest.raises(RuntimeError, match=said), backends.get("numpy").active():
        raise RuntimeError(text)

    def forked():
        raise RuntimeError(text)

    monkeypatch.setattr(backends.cupy, "_RUNGS", {"driver": forked})
    assert "get_context('spawn')" in backends.unavailable_reason("cupy")
    assert "Install the NVIDIA driver" not in backends.unavailable_reason("cupy")
    need("torch")
    import array_api_compat.torch as xp

    monkeypatch.setattr(xp, "empty", lambda *args, **kwargs: forked())
    with pytest.raises(RuntimeError, match=r"PyTorch: CUDA was started before .*'spawn'"):
        backends.get("torch", 0)


def test_an_error_without_words_has_a_first_line(monkeypatch):
    need("torch")
    import array_api_compat.torch as xp

    def wordless(*args, **kwargs):
        raise AssertionError

    monkeypatch.setattr(xp, "empty", wordless)
    with pytest.raises(ValueError, match=r"device: expected a device that works \(AssertionError\) for torch"):
        backends.get("torch", 0)


@pytest.mark.parametrize("device", [[0], 0.5, {"cuda": 0}])
@pytest.mark.parametrize("name", ["numpy", "torch", "jax", "array_api_strict"])
def test_what_is_no_device_at_all_is_a_value_error(name, device):
    need(name)
    with pytest.raises(ValueError, match=f"device: expected .* for {name}, got "):
        backends.get(name, device)


def distributions(monkeypatch, *names):
    found = [SimpleNamespace(metadata={"Name": name}) for name in (*names, "numpy", "cupyx-like", "cupy_backends")]
    monkeypatch.setattr(metadata, "distributions", lambda: found)


def test_two_wheels_of_cupy_are_named(monkeypatch):
    def fails():
        raise RuntimeError("no.")

    distributions(monkeypatch, "cupy-cuda13x", "CuPy-cuda12x")
    monkeypatch.setattr(backends.cupy, "_RUNGS", {"driver": fails})
    [(_, reason)] = backends.diagnose_cupy()
    assert "cupy-cuda12x and cupy-cuda13x are installed together" in reason
    assert "pip uninstall cupy-cuda12x cupy-cuda13x; pip install" in reason
    assert backends.unavailable_reason("cupy") == reason


def test_two_wheels_that_work_are_warned_of_once(monkeypatch):
    distributions(monkeypatch, "cupy-cuda13x", "cupy-cuda12x")
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.setattr(backends.cupy, "_RUNGS", {"import": backends.cupy._RUNGS["import"]})
    monkeypatch.setitem(sys.modules, "cupy", None)
    del sys.modules["cupy"]
    monkeypatch.syspath_prepend(str(_a_package_called_cupy(monkeypatch)))
    with pytest.warns(UserWarning, match="CuPy: cupy-cuda12x and cupy-cuda13x are installed together"):
        assert backends.diagnose_cupy() == [("import", None)]
    assert backends.diagnose_cupy() == [("import", None)]  # and no warning, which would be an error


def _a_package_called_cupy(monkeypatch):
    import tempfile
    from pathlib import Path

    folder = Path(tempfile.mkdtemp())
    (folder / "cupy.py").write_text("")
    return folder


def test_auto_warns_only_where_cupy_was_installed(monkeypatch):
    def fails():
        raise RuntimeError("no device.")

    monkeypatch.setattr(backends.cupy, "_RUNGS", {"driver": fails})
    distributions(monkeypatch)
    assert backends.get("auto").name == "numpy"
    distributions(monkeypatch, "cupy-cuda12x")
    with pytest.warns(UserWarning, match=r"backend: auto is numpy here. CuPy fails at the driver: no device"):
        assert backends.get("auto").name == "numpy"


@pytest.mark.parametrize(("name", "device"), [("numpy", "gpu"), ("array_api_strict", "device9"), ("torch", "cuda:7")])
def test_a_network_pickled_on_a_device_that_is_not_here_says_the_way_out(name, device):
    need(name)
    pickled = pickle.dumps(Network([3, 2], name), protocol=2)
    here = {"numpy": "cpu", "array_api_strict": "CPU_DEVICE", "torch": "cpu"}[name]
    here, there = (b"X" + len(s).to_bytes(4, "little") + s.encode() for s in (here, device))  # as pickle writes text
    elsewhere = pickled.replace(here, there)
    assert elsewhere != pickled
    with pytest.raises(ValueError, match=f"pickle: expected .* {name} on device {device}") as caught:
        pickle.loads(elsewhere)
    for way in ("net.to('numpy')", "net.save(path)", "Network.load(path, backend=...)"):
        assert way in str(caught.value)


def test_a_library_that_does_not_load_is_not_said_to_be_absent(tmp_path):
    (tmp_path / "jax").mkdir()
    (tmp_path / "jax" / "__init__.py").write_text("raise OSError('libsomething.so.3: cannot open shared object file')")
    (tmp_path / "torch.py").write_text("import what_it_needs")
    code = "from anynet import backends\nfor n in ('jax', 'torch'): print(backends.unavailable_reason(n))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    jax, torch = done.stdout.splitlines()
    assert jax.startswith("JAX is installed and does not load: libsomething.so.3: cannot open shared object file.")
    assert torch.startswith("PyTorch is installed and does not load: No module named 'what_it_needs'.")
    assert all("pip install --force-reinstall 'anynet-nn[" in reason for reason in (jax, torch))


def test_first_lines():
    assert errors.first_line(ValueError("one.\ntwo")) == "one"
    assert errors.first_line(ValueError()) == "ValueError"
