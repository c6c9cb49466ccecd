"""CuPy: NVIDIA GPUs. Whether it works is proved rung by rung, and its errors are told in our words."""

import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import metadata
from threading import Lock
from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np

from anynet.backends import traced
from anynet.backends.dtypes import STANDARD, named
from anynet.backends.errors import SPAWN, first_line, is_forked, no_such_device
from anynet.backends.interface import Library
from anynet.backends.kernels import CudaLine
from anynet.checks import warn
from anynet.typing import Array, DeviceLike, HostArray, Namespace

if TYPE_CHECKING:
    from anynet.backends import Backend

_FIRST = Lock()


def _load(dtype: str) -> Namespace:
    for rung, reason in diagnose_cupy():
        if reason is not None:
            raise (ImportError if rung == "import" else RuntimeError)(reason)
    import array_api_compat.cupy as xp

    return xp


def diagnose_cupy() -> list[tuple[str, str | None]]:
    """Try CuPy rung by rung: import, driver, kernel, product.

    `cupy.is_available()` alone would not tell: the bare wheel ships neither the compiler that
    kernels need nor the library of matrix products.

    Returns:
        The rungs tried, each with None or, for the last one if it failed, the reason and the
        cure in one line.

    Example:
        >>> diagnose_cupy()[0][0]
        'import'
    """
    rungs: list[tuple[str, str | None]] = []
    for rung, attempt in _RUNGS.items():
        try:
            attempt()
        except Exception as error:
            return [*rungs, (rung, f"CuPy fails at the {rung}: {first_line(error)}. {_cure(rung, error)}")]
        rungs.append((rung, None))
    return rungs


def _cure(rung: str, error: Exception) -> str:
    """Return what to do about an error, on one line."""
    if is_forked(error):
        return SPAWN
    return _together() or _CURES[rung]


def _together() -> str | None:
    """Return what to do about two wheels of CuPy, whose files lie in one folder; None where there is one at most."""
    found = wheels()
    if len(found) < 2:
        return None
    return (
        f"{' and '.join(found)} are installed together, and overwrite each other's files. Uninstall all of them, "
        f"then install one: pip uninstall {' '.join(found)}; pip install 'anynet-nn[cuda12]' (or cuda13)"
    )


def wheels() -> list[str]:
    """Return the names of the installed distributions that are CuPy."""
    names = {str(found.metadata["Name"]).lower() for found in metadata.distributions()}
    return sorted(name for name in names if re.fullmatch(r"cupy(-cuda\w+|-rocm[\w-]+)?", name))


def _try_import() -> None:
    with _FIRST:  # filters are the process's: two threads that put them back at once would leave these there
        if sys.modules.get("cupy") is not None:  # None stands for one that cannot be imported
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that no CUDA path was found: the later rungs tell
            import cupy  # noqa: F401
    together = _together()
    if together is not None:  # it may work all the same, or fail much later
        warn(f"CuPy: {together}.")


def _try_driver() -> None:
    import cupy

    count = cupy.cuda.runtime.getDeviceCount()  # raises where there is no driver
    if count == 0:
        raise RuntimeError("no CUDA device was found.")


def _try_kernel() -> None:
    import cupy

    if float((cupy.ones(2, dtype="float32") + 1.0).sum()) != 4.0:
        raise RuntimeError("1 + 1 came out wrong on the device.")


def _try_product() -> None:
    import cupy

    a = cupy.ones((2, 2), dtype="float32")
    if float((a @ a)[0, 0]) != 2.0:
        raise RuntimeError("a matrix product came out wrong on the device.")


_RUNGS = {
    "import": _try_import,
    "driver": _try_driver,
    "kernel": _try_kernel,
    "product": _try_product,
}
_CURES = {
    "import": "Install it with: pip install 'anynet-nn[cuda12]' (or cuda13)",
    "driver": "Install the NVIDIA driver, and see that nvidia-smi lists a GPU.",
    "kernel": "Install the CUDA libraries with: pip install 'cupy-cuda12x[ctk]'",
    "product": "Install the CUDA libraries with: pip install 'cupy-cuda12x[ctk]'",
}


def _device(xp: Namespace, device: DeviceLike) -> Any:
    import cupy

    count = cupy.cuda.runtime.getDeviceCount()
    if isinstance(device, cupy.cuda.Device):
        device = device.id
    if device is None:
        return cupy.cuda.Device()
    if not isinstance(device, int) or not 0 <= device < count:
        raise no_such_device("cupy", device, f"an index below {count}")
    return cupy.cuda.Device(device)


@contextmanager
def _active(backend: "Backend") -> Iterator[None]:
    try:
        with backend.device:  # CuPy launches kernels on the current device, wherever the arrays are
            yield
    except (TypeError, ValueError) as error:
        mistake = next((m for words, m in _MISTAKES.items() if words in str(error)), None)
        if mistake is None:
            raise
        raise type(error)(f"{backend.label}: {mistake}") from error


_ONLY_CUPY = "expected arrays of cupy, got one of NumPy among them. Put it on the device with backend.asarray(x)."
_MISTAKES = {  # what CuPy says -> what we say
    "Unsupported type <class 'numpy.": _ONLY_CUPY,
    "expected cupy._core.core._ndarray_base, got numpy.": _ONLY_CUPY,
    "Implicit conversion to a NumPy array": (
        "expected an array of NumPy, got one of cupy, which is not converted silently. "
        "Copy it to the host with backends.to_numpy(x)."
    ),
    "The device where the array resides": (
        "expected arrays on this device, got one on another. Move it with backend.asarray(backends.to_numpy(x))."
    ),
}


def _to_numpy(x: Array) -> HostArray:
    return np.asarray(x.get())


_DTYPES = STANDARD | named("float16")

LIBRARY = Library(
    name="cupy",
    load=_load,
    device=_device,
    device_name=lambda device: device.id,
    is_array=array_api_compat.is_cupy_array,
    from_numpy=lambda backend, x: backend.xp.asarray(x, device=backend.device),
    to_numpy=_to_numpy,
    dtypes=lambda: _DTYPES,
    out_of_memory=("Out of memory allocating", "out of memory"),
    synchronize=lambda device, made: device.synchronize(),
    active=_active,
    compile=partial(traced.compiled, CudaLine),
    scan=partial(traced.scan, CudaLine),
    held_bytes=partial(traced.held_bytes, CudaLine),
)
