"""One suite for all array libraries: the `backend` fixture runs a test on each of them.

A library that is not installed is skipped and named in the summary, unless
ANYNET_REQUIRE_BACKENDS=torch,jax says that it must be there: then it is an error.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cuda_device
import numpy as np
import pytest

from anynet import backends, datasets
from anynet.backends import Backend
from anynet.datasets import Dataset

if cuda_device.is_emulated():
    cuda_device.why_not()  # before anything imports CuPy: it finds the emulated device

# The `test` extra installs array_api_strict, so it is always required.
REQUIRED = {"numpy", "array_api_strict", *filter(None, os.environ.get("ANYNET_REQUIRE_BACKENDS", "").split(","))}
if cuda_device.is_required():  # by ANYNET_REQUIRE_GPU=1 as well
    REQUIRED.add("cupy")


class ReadOnlyNumPy(Backend):
    """NumPy whose data are read-only, so that writing into an input raises."""

    def asarray(self, x: Any, argument: str = "x") -> Any:
        array = np.array(super().asarray(x, argument))
        array.flags.writeable = False
        return array


@dataclass(frozen=True)
class Setting:
    """A library as the suite uses it: on a device that is not its default, where it has one."""

    name: str
    device: Any = None
    strictest: bool = False
    read_only: bool = False

    def get(self) -> Backend:
        backend = backends.get(self.name, self.device, "float64")
        if self.read_only:
            return ReadOnlyNumPy(backend.name, backend.xp, backend.device, backend.dtype)
        return backend


JOURNEYS = Path(__file__).parent / "journeys"  # whole sessions, commands and scripts, as people go through them

SETTINGS = {
    "numpy": Setting("numpy"),
    "numpy (read-only)": Setting("numpy", read_only=True),
    "array_api_strict": Setting("array_api_strict", "device1"),
    "array_api_strict (strictest)": Setting("array_api_strict", "device1", strictest=True),
    "torch": Setting("torch", "cpu"),
    "jax": Setting("jax", "cpu:0"),
    "cupy (emulated)" if cuda_device.is_emulated() else "cupy": Setting("cupy"),
}
KNOWN = {setting.name for setting in SETTINGS.values()}
SETTINGS |= {
    name: Setting(name) for name in backends.LIBRARIES if name not in KNOWN
}  # one that is added joins as it is

_absent: dict[str, str] = {}


def why_absent(name: str) -> str | None:
    """Return None if the library works here, else the reason in one line."""
    if name not in _absent:
        _PREPARE.get(name, lambda: None)()
        _absent[name] = backends.unavailable_reason(name) or ""
    return _absent[name] or None


def _prepare_jax() -> None:
    """Let JAX compute in float64, and keep what it compiles for the next run of the tests."""
    try:
        import jax
    except ImportError:
        return
    jax.config.update("jax_enable_x64", True)
    # A folder per process: JAX writes into it without a lock.
    kept = Path(__file__).parents[1] / ".pytest_cache" / "jax" / os.environ.get("PYTEST_XDIST_WORKER", "alone")
    jax.config.update("jax_compilation_cache_dir", str(kept))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _prepare_torch() -> None:
    """Let PyTorch compute small networks on one thread: several processes share the machine."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)


_PREPARE = {"jax": _prepare_jax, "torch": _prepare_torch}


def need(name: str) -> None:
    """Skip the running test if a library is absent; fail if it is required."""
    reason = why_absent(name)
    if reason is not None:
        if name in REQUIRED:
            pytest.fail(f"{name} is required here: {reason}", pytrace=False)
        pytest.skip(f"{name}: {reason}")


@pytest.fixture(params=SETTINGS)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Each array library in turn, in float64."""
    setting = SETTINGS[request.param]
    need(setting.name)
    with _strictest_flags() if setting.strictest else nullcontext():
        yield setting.get()


@pytest.fixture
def backend32(backend: Backend) -> Backend:
    """Each array library in turn, in float32."""
    return replace(backend, dtype="float32")


def _strictest_flags() -> Any:
    import array_api_strict

    return array_api_strict.ArrayAPIStrictFlags(
        api_version="2024.12", boolean_indexing=False, data_dependent_shapes=False, enabled_extensions=()
    )


@pytest.fixture(scope="session")
def mnist() -> tuple[Dataset, Dataset, Dataset]:
    """The real data: (train, validation, test)."""
    return datasets.mnist()


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20260101)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow_on(*libraries): slow where the `backend` is one of these, which compile")
    config.addinivalue_line("markers", "no_cover: not counted in coverage, which makes a test take half as long again")
    # An entry that was half written when a run was interrupted is compiled anew.
    config.addinivalue_line("filterwarnings", "ignore:Error (reading|writing) persistent compilation cache")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell lets what it runs in the background ignore it
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow every journey, and what a test says is slow on a library; coverage is that of all others."""
    for item in items:
        if JOURNEYS in item.path.parents:
            item.add_marker(pytest.mark.slow)
        setting = SETTINGS.get(getattr(item, "callspec", None) and item.callspec.params.get("backend"))
        if setting is not None and any(setting.name in mark.args for mark in item.iter_markers("slow_on")):
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("slow") is not None:
            item.add_marker(pytest.mark.no_cover)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the libraries that did not join."""
    for name, reason in _absent.items():
        if reason:
            terminalreporter.write_line(f"not tested here: {name}: {reason}")


def pytest_report_header() -> str:
    return f"required backends: {', '.join(sorted(REQUIRED))}"
