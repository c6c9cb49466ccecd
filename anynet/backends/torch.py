"""PyTorch: eager, on any device that holds numbers. Gradients that a tensor records are left behind."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import array_api_compat
import numpy as np

from anynet.backends import traced
from anynet.backends.dtypes import STANDARD, named
from anynet.backends.errors import SPAWN, entered, first_line, imported, is_forked, no_such_device
from anynet.backends.interface import NO_CONTEXT, Library
from anynet.backends.line import StraightLine
from anynet.operations import NUMBER, is_number
from anynet.tracing import Program, Symbol, call_of
from anynet.typing import Array, DeviceLike, HostArray, Namespace, Shape, Tree
from anynet.windows import Pair, taps_of

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
    if torch._C._functorch.is_functorch_wrapped_tensor(x):
        raise TypeError(
            f"{argument}: expected a tensor with values, got one that PyTorch transforms. Transformations of a "
            "network, torch.vmap or torch.func.grad of its methods, are not offered: call them as they are, for they "
            "take whole batches; net.gradients(x, y) gives gradients."
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


class TorchLine(StraightLine):
    """The line of a program: PyTorch's own functions, which write to where they are told to."""

    def __init__(self, program: Program, size: int | None = None, n_held: int = 0, device: Any = None) -> None:
        self._device = device
        super().__init__(program, size, n_held)

    def namespace(self) -> Namespace:
        """Return PyTorch's."""
        return array_api_compat.array_namespace(self._torch.empty(0))

    @property
    def _torch(self) -> Any:
        import torch

        return torch

    def names(self) -> dict[str, Any]:
        """Return what moves numbers."""
        torch, device = self._torch, self._device

        def empty(shape: Shape, dtype: str) -> Array:
            return torch.empty(shape, dtype=getattr(torch, dtype), device=device)

        return {"empty": empty, "copy": torch.clone, "copyto": torch.Tensor.copy_}

    def is_elementwise(self, symbol: Symbol) -> bool:
        """Return whether it is one of the functions that may write over an argument."""
        return symbol.name in _ELEMENTWISE

    def calls(self, symbol: Symbol, args: list[str]) -> tuple[list[str], str]:
        """Return what writes an operation's result to OUT, if there is such, and what returns it."""
        name, how = symbol.name, symbol.how
        numbers = [is_number(a) for a in symbol.args]
        if name in ("add", "multiply") and numbers[0]:
            args, numbers = args[::-1], numbers[::-1]
        if name == "matmul" and len(symbol.args[0].shape) == 1:  # told where to write, it makes a row of a vector
            return [], self._call(symbol, args)
        if name in _COMPOSED:
            call = f"{self.constant(partial(_COMPOSED[name], **how), name)}({', '.join(args)}"
            return [f"{call}, out=OUT)"], f"{call}, out=empty({symbol.shape}, {symbol.dtype!r}))"
        if name == "astype":
            return [f"copyto(OUT, {args[0]})"], self._call(symbol, args)
        if name in ("maximum", "minimum") and numbers == [False, True]:
            f, given = self.constant(self._torch.clamp, "clamp"), "min" if name == "maximum" else "max"
            call = f"{f}({args[0]}, {given}={args[1]}"
        elif name == "divide" and numbers == [True, False] and args[0] == "1.0":
            call = f"{self.constant(self._torch.reciprocal, 'reciprocal')}({args[1]}"
        elif name in _ELEMENTWISE | {"matmul": "matmul"} and symbol.dtype != NUMBER and not any(numbers[:1]):
            call = f"{self.constant(getattr(self._torch, _ELEMENTWISE.get(name, name)), name)}({', '.join(args)}"
        elif name in _REDUCTIONS:
            axes = range(len(symbol.args[0].shape)) if how.get("axis") is None else how["axis"]
            f = self.constant(getattr(self._torch, _REDUCTIONS[name]), name)
            call = f"{f}({args[0]}, {axes if isinstance(axes, int) else tuple(axes)}, {how.get('keepdims', False)}"
        else:
            return [], self._call(symbol, args)
        return [f"{call}, out=OUT)"], f"{call})"

    def _call(self, symbol: Symbol, args: list[str]) -> str:
        return f"{self.constant(call_of(self.xp, symbol), symbol.name)}({', '.join(args)})"


def _windows(a: Array, size: Pair, stride: Pair, out: Array) -> Array:
    """Write all windows of images: one copy, from a view in which they overlap."""
    n, by_row, by_column, by_channel = a.stride()
    strides = n, by_row * stride[0], by_column * stride[1], by_row, by_column, by_channel
    return out.copy_(a.as_strided(out.shape, strides, a.storage_offset()))


def _overlap_add(*taps: Array, size: Pair, stride: Pair, shape: Shape, out: Array) -> Array:
    """Write the sum of the elements of windows, each where it was taken from."""
    out.zero_()
    for tap, where in zip(taps, taps_of(shape[1:3], size, stride), strict=True):
        out[where].add_(tap)
    return out


_COMPOSED: dict[str, Any] = {"windows": _windows, "overlap_add": _overlap_add}
_ELEMENTWISE = {  # of the standard -> of PyTorch: they take numbers in the second place, and write to `out`
    "abs": "abs",
    "add": "add",
    "cos": "cos",
    "divide": "div",
    "equal": "eq",
    "exp": "exp",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "log": "log",
    "log1p": "log1p",
    "maximum": "maximum",
    "minimum": "minimum",
    "multiply": "mul",
    "negative": "neg",
    "reciprocal": "reciprocal",
    "sin": "sin",
    "sqrt": "sqrt",
    "square": "square",
    "subtract": "sub",
    "tanh": "tanh",
}
_REDUCTIONS = {"sum": "sum", "mean": "mean", "max": "amax", "min": "amin"}


@cache
def _line_on(device: Any) -> Callable[..., TorchLine]:
    """Return what makes lines for a device; the same for the same, for what is made is kept by it."""
    return partial(TorchLine, device=device)


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
    compile=lambda backend, f: traced.compiled(_line_on(backend.device), backend, f),
    scan=lambda backend, step: traced.scan(_line_on(backend.device), backend, step),
    held_bytes=lambda backend, *of_scan: traced.held_bytes(_line_on(backend.device), backend, *of_scan),
)
