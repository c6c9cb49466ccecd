"""PyTorch: eager, on any device that holds numbers. Gradients that a tensor records are left behind."""

from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np

from anynet.backends.interface import Library, missing, no_such_device
from anynet.typing import Array, DeviceLike, HostArray, Namespace, Tree

if TYPE_CHECKING:
    from anynet.backends import Backend


def _load(dtype: str) -> Namespace:
    try:
        import array_api_compat.torch as xp
    except ImportError:
        raise missing("PyTorch", "anynet-nn[torch]") from None
    return xp


def _device(xp: Namespace, device: DeviceLike) -> Any:
    if isinstance(device, int):
        device = f"cuda:{device}"
    try:
        found = xp.device("cpu" if device is None else device)
        if found.type == "meta":
            raise RuntimeError("a meta tensor holds no numbers")
        return xp.empty(0, device=found).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise no_such_device("torch", device, f"a device that works ({reason})") from None


def _from_numpy(backend: "Backend", x: HostArray) -> Array:
    # A tensor may not share memory that is read-only, or that runs backwards.
    shareable = x if x.flags.writeable and all(s >= 0 for s in x.strides) else x.copy()
    return backend.xp.asarray(shareable, device=backend.device)


def _synchronize(device: Any, made: Tree) -> None:
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)


LIBRARY = Library(
    name="torch",
    load=_load,
    device=_device,
    device_name=str,
    is_array=array_api_compat.is_torch_array,
    from_numpy=_from_numpy,
    to_numpy=lambda x: np.array(x.detach().cpu().numpy()),
    synchronize=_synchronize,
    plain=lambda x: x.detach(),
)
