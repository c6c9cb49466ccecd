"""NumPy: the host itself. Nothing is moved, and nothing has to be waited for."""

from functools import partial
from typing import Any

import numpy as np

from anynet.backends import traced
from anynet.backends.dtypes import STANDARD, named, widened
from anynet.backends.errors import no_such_device
from anynet.backends.interface import Library
from anynet.backends.line import NumpyLine
from anynet.typing import DeviceLike, Namespace


def _load(dtype: str) -> Namespace:
    import array_api_compat.numpy as xp

    return xp


def _device(xp: Namespace, device: DeviceLike) -> Any:
    if device not in (None, "cpu"):
        raise no_such_device("numpy", device, "None or 'cpu'")
    return "cpu"


_DTYPES = STANDARD | named("float16", "longdouble")

LIBRARY = Library(
    name="numpy",
    load=_load,
    device=_device,
    device_name=str,
    is_array=lambda x: isinstance(x, np.ndarray),
    from_numpy=lambda backend, x: x,
    plain=lambda x, argument: widened(np.asarray(x)),
    dtypes=lambda: _DTYPES,
    out_of_memory=("Unable to allocate",),
    to_numpy=np.array,
    compile=partial(traced.compiled, NumpyLine),
    scan=partial(traced.scan, NumpyLine),
)
