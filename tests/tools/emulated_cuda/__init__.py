"""Runs the real CuPy on an emulated CUDA device, for tests on machines without an NVIDIA driver.

    import emulated_cuda
    emulated_cuda.install()          # before the first `import cupy`
    import cupy

    with emulated_cuda.count() as counted:
        cupy.arange(3) + 1
    counted.launches                 # 2

or, without touching the program:  python -m emulated_cuda -m pytest tests
"""

import collections
import contextlib
import ctypes
import os
import shutil
import sys
from importlib import metadata

from . import build

__all__ = ["Counts", "count", "install", "installed", "snapshot", "why_not"]

SUPPORTED_CUPY = "14.2.0"
_FIELDS = ("launches", "gemms", "h2d", "d2h", "d2d", "h2d_bytes", "d2h_bytes", "d2d_bytes", "syncs")
_library = None
_library_calls = collections.Counter()


class Counts:
    """What the device did. `kernels` maps kernel names to numbers of launches.

    A sort done by the stand-in for Thrust shows up in `kernels` only.
    """

    def __init__(self, numbers=None, kernels=()):
        vars(self).update(zip(_FIELDS, numbers or [0] * len(_FIELDS), strict=True))
        self.kernels = collections.Counter(kernels)

    def __sub__(self, earlier):
        return Counts(
            [getattr(self, name) - getattr(earlier, name) for name in _FIELDS], self.kernels - earlier.kernels
        )

    def __repr__(self):
        return f"Counts({', '.join(f'{name}={getattr(self, name)}' for name in _FIELDS)}, kernels={dict(self.kernels)})"


def installed():
    """Tell whether this process has the emulated devices."""
    return _library is not None


def install(devices=2, memory_bytes=8 << 30, check_with_nvrtc=None):
    """Make `import cupy` find emulated devices. Must run before cupy is imported; a second call does nothing.

    check_with_nvrtc (default: environment variable EMULATED_CUDA_NVRTC=1) also compiles every kernel with the
    real NVRTC, for which cupy-cuda12x[ctk] must be installed. Raises RuntimeError, with the cure, if something
    that it needs is missing (see `why_not`) or CuPy has been imported.
    """
    global _library
    if installed():
        return
    if "cupy" in sys.modules:
        raise RuntimeError("emulated_cuda.install() must be called before cupy is imported")
    reason = why_not()
    if reason is not None:
        raise RuntimeError(reason)
    if check_with_nvrtc is None:
        check_with_nvrtc = os.environ.get("EMULATED_CUDA_NVRTC") == "1"
    os.environ["CUPY_ACCELERATORS"] = ""  # CUB and cuTENSOR are precompiled device code

    from . import kernels, runtime, toolkit

    library = runtime.install(devices, memory_bytes)
    toolkit.load_cublas()
    toolkit.replace_pathfinder(allowed=("nvrtc",) if check_with_nvrtc else ())
    kernels.install(check_with_nvrtc)
    toolkit.replace_thrust(lambda name: _library_calls.update([name]))
    toolkit.refuse_cub()
    toolkit.replace_random()
    library.emulated_kernel_count.restype = ctypes.c_size_t
    library.emulated_kernel_name.restype = ctypes.c_char_p
    library.emulated_kernel_launches.restype = ctypes.c_uint64
    _library = library


def why_not():
    """Return None if the emulator can be installed here, else what is missing, and the cure, in one line."""
    try:
        found = metadata.version("cupy-cuda12x")
    except metadata.PackageNotFoundError:
        found = "none"
    if found != SUPPORTED_CUPY:  # it relies on CuPy's internals
        return (
            f"emulated_cuda: expected cupy-cuda12x {SUPPORTED_CUPY}, got {found}. "
            f"Install it with: pip install cupy-cuda12x=={SUPPORTED_CUPY}"
        )
    missing = [tool for tool in (build.COMPILER[0], "nm") if shutil.which(tool) is None]
    if missing:
        return f"emulated_cuda: expected {' and '.join(missing)} to be installed. Install g++ and binutils, or set CXX."
    return None


def snapshot():
    """The counts since installation."""
    numbers = (ctypes.c_uint64 * len(_FIELDS)).in_dll(_library, "emulated_counters")
    kernels = collections.Counter(_library_calls)
    for i in range(_library.emulated_kernel_count()):
        index = ctypes.c_size_t(i)
        kernels[_library.emulated_kernel_name(index).decode()] += _library.emulated_kernel_launches(index)
    return Counts(list(numbers), kernels)


@contextlib.contextmanager
def count():
    """Counts of the with block; complete when the block ends."""
    counts, before = Counts(), snapshot()
    try:
        yield counts
    finally:
        vars(counts).update(vars(snapshot() - before))
