"""What becomes of the tests that need a CUDA device, where there is none and where it is required."""

import cuda_device
import pytest

NEITHER = {"EMULATE_CUDA": "", "ANYNET_REQUIRE_GPU": "", "ANYNET_REQUIRE_BACKENDS": "torch,jax"}
EMULATED = {"EMULATE_CUDA": "1"}
GPU = {"ANYNET_REQUIRE_GPU": "1"}
CUPY = {"ANYNET_REQUIRE_BACKENDS": "torch,cupy"}


@pytest.mark.parametrize(
    ("variables", "emulated_only", "outcome"),
    [
        ({}, False, pytest.skip.Exception),
        ({}, True, pytest.skip.Exception),
        (GPU, False, pytest.fail.Exception),
        (CUPY, False, pytest.fail.Exception),
        (GPU, True, pytest.skip.Exception),
        (CUPY, True, pytest.skip.Exception),
        (EMULATED, True, pytest.skip.Exception),
        (EMULATED | CUPY, False, pytest.fail.Exception),
        (EMULATED | CUPY, True, pytest.fail.Exception),
        (EMULATED | GPU, False, pytest.fail.Exception),
        (EMULATED | GPU, True, pytest.fail.Exception),
    ],
)
def test_a_missing_device_skips_or_fails(variables, emulated_only, outcome, monkeypatch):
    for name, value in (NEITHER | variables).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cuda_device.emulated_cuda, "why_not", lambda: "no compiler")
    monkeypatch.setattr(cuda_device.backends, "unavailable_reason", lambda name: "no GPU")
    with pytest.raises(outcome):
        cuda_device.require(emulated_only)
