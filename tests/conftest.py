"""One suite for all array libraries: the `backend` fixture runs a test on each of them.

A library that is not installed is skipped and named in the summary, unless
ANYNET_REQUIRE_BACKENDS=torch,jax says that it must be there: then it is an error.
"""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
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


SETTINGS = {
    "numpy": Setting("numpy"),
    "numpy (read-only)": Setting("numpy", read_only=True),
    "array_api_strict": Setting("array_api_strict", "device1"),
    "array_api_strict (strictest)": Setting("array_api_strict", "device1", strictest=True),
    "torch": Setting("torch", "cpu"),
    "jax": Setting("jax", "cpu:0"),
    "cupy (emulated)" if cuda_device.is_emulated() else "cupy": Setting("cupy"),
}

_absent: dict[str, str] = {}


def why_absent(name: str) -> str | None:
    """Return None if the library works here, else the reason in one line."""
    if name not in _absent:
        if name == "jax":
            _let_jax_compute_in_float64()
        _absent[name] = backends.unavailable_reason(name) or ""
    return _absent[name] or None


def _let_jax_compute_in_float64() -> None:
    try:
        import jax
    except ImportError:
        return
    jax.config.update("jax_enable_x64", True)


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


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the libraries that did not join."""
    for name, reason in _absent.items():
        if reason:
            terminalreporter.write_line(f"not tested here: {name}: {reason}")


def pytest_report_header() -> str:
    return f"required backends: {', '.join(sorted(REQUIRED))}"
