"""The emulated CUDA device of the tests, for the scripts that count or compare on it.

It lives with the tests, in tests/tools/emulated_cuda, and scripts import nothing of theirs: whoever wants it names the
folder in PYTHONPATH.
"""

import importlib
import sys
import warnings

CURE = "It lies with the tests. Run: PYTHONPATH=tests/tools python {script}"


def install(script: str) -> None:
    """Make CuPy find the emulated device; end the program with what is missing, and the cure, if that cannot be."""
    try:
        device = importlib.import_module("emulated_cuda")
    except ModuleNotFoundError:
        sys.exit(f"{script}: expected emulated_cuda to be importable. {CURE.format(script=script)}")
    reason = device.why_not()
    if reason is not None:
        sys.exit(reason)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that CuPy finds no CUDA directory
        device.install()
        importlib.import_module("cupy")
