"""PyTorch: eager, on any device that holds numbers. Gradients that a tensor records are left behind."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np

from anynet.backends.dtypes import STANDARD, named
from anynet.backends.errors import SPAWN, entered, first_line, imported, is_forked, no_such_device
from anynet.backends.interface import NO_CONTEXT, Library
from anynet.typing import Array, DeviceLike, HostArray, Namespace, Tree

if TYPE_CHECKING:
    from anynet.backends import Backend


def _load(dtype: str) -> Namespace:
    return imported("array_api_compat.torch", "PyTorch", "anynet-nn[torch]")


def _device(xp: Namespace, device: DeviceLike) -> Any:
    if isinstance(device, int):
        device = f"cuda:{device}"
    try:
        found = xp.device("cpu" if device is None else device)
        if found.type == "meta":
            raise RuntimeError("a meta tensor holds no numbers")
        return xp.empty(0, device=found).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        if is_forked(error):
            raise RuntimeError(f"PyTorch: {SPAWN}") from error
        raise no_such_device("torch", device, f"a device that works ({first_line(error)})") from None


def _from_numpy(backend: "Backend", x: HostArray) -> Array:
    # A tensor may not share memory that is read-only, or that runs backwards.
    shareable = x if x.flags.writeable and all(s >= 0 for s in x.strides) else x.copy()
    return backend.xp.asarray(shareable, device=backend.device)


def _synchronize(device: Any, made: Tree) -> None:
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)


def _plain(x: Array, argument: str) -> Array:
    import torch

    if x.layout is not torch.strided or x.is_quantized or x.is_nested:
        raise TypeError(
            f"{argument}: expected a dense tensor, got one of the layout {x.layout}. "
            "Make it dense: x.to_dense(), or x.dequantize()."
        )
    x = x.detach()
    if x.dtype in (torch.uint16, torch.uint32):  # few functions take these
        return x.to(torch.int32 if x.dtype == torch.uint16 else torch.int64)
    if x.dtype == torch.uint64:
        is_large = bool((x.view(torch.int64) < 0).any())
        return x.to(torch.float64 if is_large else torch.int64)
    return x


def _to_numpy(x: Array) -> HostArray:
    import torch

    plain = x.detach().cpu().resolve_conj().resolve_neg()  # signs that are still to be put on
    return np.array((plain.float() if plain.dtype == torch.bfloat16 else plain).numpy())


def _active(backend: "Backend") -> AbstractContextManager[Any]:
    """Return a context in which tensors can be trained, and keep their dtype, whatever the user's own one says."""
    import torch

    contexts: list[AbstractContextManager[Any]] = []
    if torch.is_inference_mode_enabled():  # what is made there can never be written into elsewhere
        contexts.append(torch.inference_mode(False))
    if torch.is_autocast_enabled(backend.device.type):
        contexts.append(torch.autocast(backend.device.type, enabled=False))
    return entered(contexts) if contexts else NO_CONTEXT


_DTYPES = STANDARD - named("uint16", "uint32", "uint64") | named("float16")

LIBRARY = Library(
    name="torch",
    load=_load,
    device=_device,
    device_name=str,
    is_array=array_api_compat.is_torch_array,
    from_numpy=_from_numpy,
    to_numpy=_to_numpy,
    synchronize=_synchronize,
    plain=_plain,
    dtypes=lambda: _DTYPES,
    out_of_memory=("out of memory", "can't allocate memory"),
    active=_active,
)
