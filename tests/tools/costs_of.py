"""What a call takes: seconds, and megabytes at its peak, those of C code among them; on Linux alone."""

import contextlib
import ctypes
import re
import time
from pathlib import Path


def _resident(kind):
    return int(re.search(rf"{kind}:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def can_be_measured():
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def costs_of(call):
    """Return (megabytes above what the process had before, seconds, what came back or was raised)."""
    with contextlib.suppress(AttributeError):  # what was freed before is not there to be used again
        ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is from now on
    before, begin = _resident("VmRSS"), time.perf_counter()
    try:
        result = call()
    except Exception as error:
        result = error
    seconds = time.perf_counter() - begin
    return _resident("VmHWM") - before, seconds, result
