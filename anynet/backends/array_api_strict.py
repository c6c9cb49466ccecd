"""array-api-strict: for tests. It refuses all that is not in the standard, and its devices stand for GPUs."""

import sys
from typing import Any

import numpy as np

from anynet.backends.errors import imported, no_such_device
from anynet.backends.interface import Library
from anynet.typing import Array, DeviceLike, HostArray, Namespace


def _load(dtype: str) -> Namespace:
    return imported("array_api_strict", "array-api-strict", "array-api-strict")


def _device(xp: Namespace, device: DeviceLike) -> Any:
    devices = {_device_name(d): d for d in xp.__array_namespace_info__().devices()}
    if device is None:
        return xp.__array_namespace_info__().default_device()
    if device not in devices and device not in devices.values():
        raise no_such_device("array_api_strict", device, f"one of {', '.join(devices)}")
    return devices.get(device, device)


def _device_name(device: Any) -> str:
    return str(device).split("'")[1]


def _to_numpy(x: Array) -> HostArray:
    import array_api_strict

    return np.array(x.to_device(array_api_strict.Device("CPU_DEVICE")))


LIBRARY = Library(
    name="array_api_strict",
    load=_load,
    device=_device,
    device_name=_device_name,
    is_array=lambda x: "array_api_strict" in sys.modules and type(x).__module__.startswith("array_api_strict"),
    from_numpy=lambda backend, x: backend.xp.asarray(x, device=backend.device),
    to_numpy=_to_numpy,
    out_of_memory=("Unable to allocate",),  # it is made of NumPy
)
