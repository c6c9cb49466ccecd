"""NumPy: the host itself. Nothing is moved, and nothing has to be waited for."""

from typing import Any

import numpy as np

from anynet.backends.interface import Library, no_such_device
from anynet.typing import DeviceLike, Namespace


def _load(dtype: str) -> Namespace:
    import array_api_compat.numpy as xp

    return xp


def _device(xp: Namespace, device: DeviceLike) -> Any:
    if device not in (None, "cpu"):
        raise no_such_device("numpy", device, "None or 'cpu'")
    return "cpu"


LIBRARY = Library(
    name="numpy",
    load=_load,
    device=_device,
    device_name=str,
    is_array=lambda x: isinstance(x, np.ndarray),
    from_numpy=lambda backend, x: x,
    plain=np.asarray,
    to_numpy=np.array,
)
