"""The CUDA device of this process, for the tests that need one: emulated on the CPU, or a physical GPU.

EMULATE_CUDA=1 asks for the emulated one (see emulated_cuda/README.md). Without any device such tests skip and say why;
with `cupy` named in ANYNET_REQUIRE_BACKENDS, or with ANYNET_REQUIRE_GPU=1, they fail instead.
"""

import importlib
import os
import warnings

import emulated_cuda
import pytest

from anynet import backends


def is_emulated():
    """Tell whether this process was asked to emulate CUDA."""
    return os.environ.get("EMULATE_CUDA", "0") not in ("", "0")


def why_not(emulated_only=False):
    """Return None if CuPy works here, else the reason in one line; installs the emulator if asked to emulate."""
    if is_emulated():
        if os.environ.get("ANYNET_REQUIRE_GPU") == "1":
            return "ANYNET_REQUIRE_GPU=1 asks for a physical GPU, EMULATE_CUDA for an emulated one. Unset one of them."
        reason = emulated_cuda.why_not()
        if reason is None:
            _install()
        return reason
    if emulated_only:
        return "needs the emulated device: set EMULATE_CUDA=1"
    reason = backends.unavailable_reason("cupy")
    return reason and f"{reason} Or set EMULATE_CUDA=1."


def _install():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that CuPy finds no CUDA directory
        emulated_cuda.install()
        importlib.import_module("cupy")


def require(emulated_only=False):
    """Return the cupy module, or skip the tests of the calling module, or fail where they are required.

    Tests of the emulator are required only where CUDA is emulated.
    """
    reason = why_not(emulated_only)
    if reason is None:
        return importlib.import_module("cupy")
    if is_required() and (is_emulated() or not emulated_only):  # a physical GPU is no emulated one
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)


def is_required():
    """Tell whether a missing device must fail the tests."""
    named = os.environ.get("ANYNET_REQUIRE_BACKENDS", "").replace(",", " ").split()
    return os.environ.get("ANYNET_REQUIRE_GPU") == "1" or "cupy" in named
