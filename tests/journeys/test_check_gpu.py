"""The script for a person with a GPU: what it prints, and that it fails when something is wrong."""

import runpy
import sys
from pathlib import Path

import cuda_device
import pytest

cuda_device.require()
pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parents[2] / "scripts" / "gpu" / "check_gpu.py"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["check_gpu.py", "--small"])
    return runpy.run_path(str(SCRIPT))


def test_the_report(script, capsys):
    assert script["main"]() == 0
    printed = capsys.readouterr().out
    for words in ("* product: works", "| CuPy | ", "| `[784, 30, 10]` | float64 | ", " | ok |", "NumPy / CuPy"):
        assert words in printed
    assert "FAILED" not in printed
    assert ("not yet run on a physical GPU" in printed) == cuda_device.is_emulated()


def test_a_difference_fails(script, capsys):
    script["BARS"]["float32"] = 0.0
    assert script["main"]() == 1
    assert "**FAILED**: the weights differ" in capsys.readouterr().out


def test_an_error_is_part_of_the_report(script, capsys, monkeypatch):
    monkeypatch.setattr(script["Network"], "fit", lambda *args, **kwargs: 1 / 0)
    assert script["print_checks"](0, steps=1) is False
    assert "**FAILED**: ZeroDivisionError" in capsys.readouterr().out


def test_a_device_that_is_not_there(script, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["check_gpu.py", "--device", "99"])
    with pytest.raises(SystemExit):
        script["main"]()
    assert "got 99" in capsys.readouterr().err


def test_without_a_gpu_it_says_what_is_missing(script, capsys, monkeypatch):
    monkeypatch.setattr(
        script["backends"], "diagnose_cupy", lambda: [("import", None), ("driver", "no driver. Install it")]
    )
    assert script["main"]() == 1
    assert "* driver: no driver. Install it" in capsys.readouterr().out
