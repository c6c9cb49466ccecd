"""The array libraries: the only room that names them.

`get("cupy", device=0, dtype="float32")` returns a `Backend`, a small frozen value that
holds the library's array API namespace and moves data to and from it. It holds no
mathematics: formulas are written once, elsewhere, against the namespace. A library is
imported when it is first asked for, so that `import anynet` loads NumPy alone.
"""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, TypeAlias, TypeVar

import array_api_compat
import numpy as np

from anynet.checks import look_up

Array: TypeAlias = Any  # an array of whichever library
Namespace: TypeAlias = Any  # the module of functions that goes with it
Formula: TypeAlias = Callable[..., Any]  # f(xp, *arrays)
Fuse: TypeAlias = Callable[[Formula], Formula]

T = TypeVar("T")

DTYPES = ("float32", "float64")


def as_it_is(f: Formula) -> Formula:
    """Return the formula itself: what `fuse` is where nothing is compiled."""
    return f


@dataclass(frozen=True)
class Backend:
    """An array library, a device of it, and the dtype to compute in.

    `xp` is the array API namespace, `device` is what its functions take as `device=`, and
    `dtype` is "float32" or "float64". Compares, pickles and copies as (name, device,
    dtype), because a module cannot be pickled. Made by `get`.

    `fuse(f)` returns the element-wise formula `f(xp, *arrays)` compiled where the library
    can, to be called as f is. On CuPy it is one kernel, and an array that f changes in
    place is changed, and returned as a copy; on JAX it is compiled by `jax.jit`; elsewhere
    it is f itself, so that a step pays next to nothing for asking. Arguments after xp are
    arrays or Python floats, the result is an array or a tuple of arrays. f is a function of
    a module: what is compiled is kept.
    """

    name: str
    xp: Namespace = field(repr=False, compare=False)
    device: Any
    dtype: str
    fuse: Fuse = field(default=as_it_is, repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return get, (self.name, _LIBRARIES[self.name].device_name(self.device), self.dtype)

    def asarray(self, x: Any, argument: str = "x") -> Array:
        """Return x on this backend's device, in its own dtype; nothing is copied needlessly.

        x is a NumPy array, anything that NumPy makes a numeric array of, or an array of
        this backend. `argument` names it in errors: TypeError if it belongs to another
        library or holds no real numbers, ValueError if it lives on another device.
        """
        library = _LIBRARIES[self.name]
        if library.is_array(x):
            return self._own(x, argument)
        host = self._on_host(x, argument)
        with self.active():
            return library.from_numpy(self, host)

    def admitted(self, x: Any, argument: str = "x") -> Array:
        """Return x where it is, on the host or on this backend's device; raise as `asarray`."""
        return self._own(x, argument) if self.owns(x) else self._on_host(x, argument)

    def _on_host(self, x: Any, argument: str) -> np.ndarray[Any, Any]:
        foreign = library_of(x)
        if foreign not in (None, "numpy"):
            ours = "numpy" if self.name == "numpy" else f"numpy or {self.name}"
            raise TypeError(
                f"{argument}: expected arrays of {ours}, for the network's backend is "
                f"{self.name}, got an array of {foreign}. Convert it with "
                f"backends.to_numpy({argument}), or move the network with net.to({foreign!r})."
            )
        return _as_numpy(x, argument)

    def _own(self, x: Array, argument: str) -> Array:
        if x.device != self.device:
            raise ValueError(
                f"{argument}: expected an array on {self.place}, where the network is, got one on "
                f"{self._place_of(x.device)}. Move one to the other, the network by net.to({self.name!r}, device=...)."
            )
        _check_real(self.xp, x, argument)
        return _LIBRARIES[self.name].plain(x)

    def parameter(self, x: Any, argument: str = "x") -> Array:
        """Return a copy of x on this backend's device, in this backend's dtype.

        That of a host array lies row by row: the same numbers give the same sums, to the last
        bit, whether they came transposed or not.
        """
        dtype = getattr(self.xp, self.dtype)
        if library_of(x) in (None, "numpy"):
            x = np.asarray(_as_numpy(x, argument), order="C")
        with self.active():
            return self.xp.astype(self.asarray(x, argument), dtype, copy=True)

    def to_numpy(self, x: Array) -> np.ndarray[Any, Any]:
        """Return a copy of an array of this backend as a NumPy array, never a view of it."""
        return to_numpy(x)

    def owns(self, x: Any) -> bool:
        """Tell whether x is an array of this backend's library."""
        return _LIBRARIES[self.name].is_array(x)

    @property
    def place(self) -> str:
        """The backend and its device, for people: "cupy (device 0)"."""
        return self._place_of(self.device)

    def _place_of(self, device: Any) -> str:
        name = _LIBRARIES[self.name].device_name(device)
        return f"{self.name} ({f'device {name}' if isinstance(name, int) else name})"

    def active(self) -> AbstractContextManager[Any]:
        """Return a context in which to compute: its device is the current one.

        Some libraries compute on the current device and not on that of the arrays. Running
        out of the device's memory, or mixing in arrays of NumPy or of another device, is
        then reported in our words, with the cure: MemoryError, TypeError or ValueError.
        """
        return _LIBRARIES[self.name].active(self)

    def each(self, made: Iterator[T]) -> Iterator[T]:
        """Yield what an iterator makes, each item made in `active()`, which the consumer never sees."""
        end = object()
        while True:
            with self.active():
                item = next(made, end)
            if item is end:
                return
            yield item  # type: ignore[misc]

    def compile(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of arrays compiled where the library has a compiler, else itself."""
        return _LIBRARIES[self.name].compile(f)

    def synchronize(self) -> None:
        """Wait until the device has done all it was asked to do; for clocks."""
        _LIBRARIES[self.name].synchronize(self.device)


def get(name: str, device: Any = None, dtype: str = "float32") -> Backend:
    """Return the backend of that name: numpy, cupy, torch, jax, array_api_strict or auto.

    "auto" is CuPy where a GPU really works, else NumPy. `device` is an int or what the
    library calls it ("cuda:0", "device1"); None is the library's default. Raises
    ValueError for a name, device or dtype that does not exist, ImportError with the
    install line where the library is absent, RuntimeError where it does not work.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {dtype!r}.")
    if name == "auto":
        name = "cupy" if why_not("cupy") is None else "numpy"
    library = look_up({**_LIBRARIES, "auto": None}, name, "backend")
    assert library is not None
    xp = library.load(dtype)
    return Backend(name, xp, library.device(xp, device), dtype, library.fuse)


def available() -> dict[str, str | None]:
    """Return, for each backend by name, None if it is usable, else the reason in one line."""
    return {name: why_not(name) for name in _LIBRARIES}


def why_not(name: str) -> str | None:
    """Return None if the backend of that name is usable, else the reason in one line."""
    try:
        get(name)
    except (ImportError, RuntimeError, ValueError) as error:
        return str(error)
    return None


def library_of(x: Any) -> str | None:
    """Return the name of the library that the array x belongs to; None if x is no array."""
    for name, library in _LIBRARIES.items():
        if library.is_array(x):
            return name
    return None


def is_on_host(x: Array) -> bool:
    """Tell whether x is an array of the host, that is, of NumPy."""
    return isinstance(x, np.ndarray)


def to_numpy(x: Array) -> np.ndarray[Any, Any]:
    """Return a copy of an array of any of the libraries as a NumPy array."""
    library = library_of(x)
    return np.array(x) if library is None else _LIBRARIES[library].to_numpy(x)


def _as_numpy(x: Any, argument: str) -> np.ndarray[Any, Any]:
    """Return what NumPy makes of x, in the machine's byte order; TypeError if it is no real numbers."""
    try:
        a = np.asarray(x)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{argument}: expected numbers in equal rows, got {error}.") from None
    _check_real(np, a, argument)
    return a.astype(a.dtype.newbyteorder("="), copy=False)


def _check_real(xp: Namespace, x: Array, argument: str) -> None:
    kind = getattr(x.dtype, "kind", None)  # quicker to ask, where there is one
    if not (kind in "biuf" if kind else xp.isdtype(x.dtype, ("bool", "integral", "real floating"))):
        raise TypeError(
            f"{argument}: expected real numbers, got an array of {x.dtype}. Convert it to a float dtype first."
        )


# What each library does in its own way. The rest of anynet sees `Backend` alone.


_NO_CONTEXT: AbstractContextManager[Any] = nullcontext()


@dataclass(frozen=True)
class _Library:
    load: Callable[[str], Namespace]  # dtype -> namespace, proved to work
    device: Callable[[Namespace, Any], Any]  # what the user calls a device -> what xp takes
    device_name: Callable[[Any], Any]  # and back, to something that pickles
    is_array: Callable[[Any], bool]
    from_numpy: Callable[[Backend, np.ndarray[Any, Any]], Array]
    to_numpy: Callable[[Array], np.ndarray[Any, Any]]
    synchronize: Callable[[Any], None]
    plain: Callable[[Array], Array] = lambda x: x  # without what a subclass or a recorded gradient adds
    active: Callable[[Backend], AbstractContextManager[Any]] = lambda backend: _NO_CONTEXT
    fuse: Fuse = as_it_is
    compile: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda f: f


def _nothing_to_wait_for(device: Any) -> None:
    pass


def _no_such_device(name: str, device: object, existing: str) -> ValueError:
    return ValueError(f"device: expected {existing} for {name}, got {device!r}.")


def _missing(package: str, extra: str) -> ImportError:
    return ImportError(f"{package} is not installed. Install it with: pip install '{extra}'")


def _load_numpy(dtype: str) -> Namespace:
    import array_api_compat.numpy as xp

    return xp


def _numpy_device(xp: Namespace, device: Any) -> Any:
    if device not in (None, "cpu"):
        raise _no_such_device("numpy", device, "None or 'cpu'")
    return "cpu"


def _load_array_api_strict(dtype: str) -> Namespace:
    try:
        import array_api_strict as xp
    except ImportError:
        raise _missing("array-api-strict", "array-api-strict") from None
    return xp


def _array_api_strict_device(xp: Namespace, device: Any) -> Any:
    devices = {str(d).split("'")[1]: d for d in xp.__array_namespace_info__().devices()}
    if device is None:
        return xp.__array_namespace_info__().default_device()
    if device not in devices and device not in devices.values():
        raise _no_such_device("array_api_strict", device, f"one of {', '.join(devices)}")
    return devices.get(device, device)


def _array_api_strict_to_numpy(x: Array) -> np.ndarray[Any, Any]:
    import array_api_strict

    return np.array(x.to_device(array_api_strict.Device("CPU_DEVICE")))


def _load_torch(dtype: str) -> Namespace:
    try:
        import array_api_compat.torch as xp
    except ImportError:
        raise _missing("PyTorch", "anynet-nn[torch]") from None
    return xp


def _torch_device(xp: Namespace, device: Any) -> Any:
    if isinstance(device, int):
        device = f"cuda:{device}"
    try:
        found = xp.device("cpu" if device is None else device)
        if found.type == "meta":
            raise RuntimeError("a meta tensor holds no numbers")
        return xp.empty(0, device=found).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise _no_such_device("torch", device, f"a device that works ({reason})") from None


def _torch_from_numpy(backend: Backend, x: np.ndarray[Any, Any]) -> Array:
    # A tensor may not share memory that is read-only, or that runs backwards.
    shareable = x if x.flags.writeable and all(s >= 0 for s in x.strides) else x.copy()
    return backend.xp.asarray(shareable, device=backend.device)


def _torch_synchronize(device: Any) -> None:
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)


def _load_jax(dtype: str) -> Namespace:
    try:
        import jax
        import jax.numpy as xp
    except ImportError:
        raise _missing("JAX", "anynet-nn[jax]") from None
    if dtype == "float64" and not jax.config.jax_enable_x64:
        raise ValueError(
            "dtype: expected float32, got float64, which JAX silently truncates unless told not to. "
            'Call jax.config.update("jax_enable_x64", True) first.'
        )
    return xp


def _jax_device(xp: Namespace, device: Any) -> Any:
    import jax

    devices = jax.devices()
    if device is None:
        return devices[0]
    names: dict[Any, Any] = {f"{d.platform}:{d.id}": d for d in devices}
    names |= dict(enumerate(devices)) | {d: d for d in devices}
    if device not in names:
        existing = ", ".join(name for name in names if isinstance(name, str))
        raise _no_such_device("jax", device, f"an index or one of {existing}")
    return names[device]


def _jax_from_numpy(backend: Backend, x: np.ndarray[Any, Any]) -> Array:
    import jax

    if x.dtype.itemsize == 8 and not jax.config.jax_enable_x64:
        x = x.astype(f"{x.dtype.kind}4")  # JAX would truncate it too, with a warning
    return backend.xp.array(x, device=backend.device)


@cache
def _jax_fuse(f: Formula) -> Formula:
    import jax

    compiled: Formula = jax.jit(f, static_argnums=0)  # xp
    return compiled


def _jax_compile(f: Callable[..., Any]) -> Callable[..., Any]:
    import jax

    compiled: Callable[..., Any] = jax.jit(f)
    return compiled


def _jax_synchronize(device: Any) -> None:
    import jax

    jax.device_put(0.0, device).block_until_ready()


def _load_cupy(dtype: str) -> Namespace:
    for rung, reason in climb_cupy():
        if reason is not None:
            raise (ImportError if rung == "import" else RuntimeError)(reason)
    import array_api_compat.cupy as xp

    return xp


def climb_cupy() -> list[tuple[str, str | None]]:
    """Try CuPy rung by rung: import, driver, kernel, product.

    Returns the rungs climbed, each with None or, for the last one if it failed, the
    reason and the cure in one line. `cupy.is_available()` alone would not tell: the bare
    wheel ships neither the compiler that kernels need nor the library of matrix products.
    """
    rungs: list[tuple[str, str | None]] = []
    for rung, attempt in _CUPY_RUNGS.items():
        try:
            attempt()
        except Exception as error:
            return [*rungs, (rung, f"CuPy fails at the {rung}: {_first_line(error)}. {_CUPY_CURES[rung]}")]
        rungs.append((rung, None))
    return rungs


def _cupy_import() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no CUDA path was found: the later rungs tell
        import cupy  # noqa: F401


def _cupy_driver() -> None:
    import cupy

    count = cupy.cuda.runtime.getDeviceCount()  # raises where there is no driver
    if count == 0:
        raise RuntimeError("no CUDA device was found.")


def _cupy_kernel() -> None:
    import cupy

    if float((cupy.ones(2, dtype="float32") + 1.0).sum()) != 4.0:
        raise RuntimeError("1 + 1 came out wrong on the device.")


def _cupy_product() -> None:
    import cupy

    a = cupy.ones((2, 2), dtype="float32")
    if float((a @ a)[0, 0]) != 2.0:
        raise RuntimeError("a matrix product came out wrong on the device.")


_CUPY_RUNGS = {
    "import": _cupy_import,
    "driver": _cupy_driver,
    "kernel": _cupy_kernel,
    "product": _cupy_product,
}
_CUPY_CURES = {
    "import": "Install it with: pip install 'anynet-nn[cuda12]' (or cuda13)",
    "driver": "Install the NVIDIA driver, and see that nvidia-smi lists a GPU.",
    "kernel": "Install the CUDA libraries with: pip install 'cupy-cuda12x[ctk]'",
    "product": "Install the CUDA libraries with: pip install 'cupy-cuda12x[ctk]'",
}


def _cupy_device(xp: Namespace, device: Any) -> Any:
    import cupy

    count = cupy.cuda.runtime.getDeviceCount()
    if isinstance(device, cupy.cuda.Device):
        device = device.id
    if device is None:
        return cupy.cuda.Device()
    if not isinstance(device, int) or not 0 <= device < count:
        raise _no_such_device("cupy", device, f"an index below {count}")
    return cupy.cuda.Device(device)


@contextmanager
def _cupy_active(backend: Backend) -> Iterator[None]:
    import cupy

    try:
        with backend.device:  # CuPy launches kernels on the current device, wherever the arrays are
            yield
    except cupy.cuda.memory.OutOfMemoryError as error:
        raise MemoryError(
            f"{backend.place}: out of device memory ({_first_line(error)}). Use a smaller batch_size, or "
            "fewer examples at once, or limit the data that are kept on the device: fit(..., memory_limit=BYTES). "
            "What was trained so far is kept."
        ) from error
    except (TypeError, ValueError) as error:
        mistake = next((m for words, m in _CUPY_MISTAKES.items() if words in str(error)), None)
        if mistake is None:
            raise
        raise type(error)(f"{backend.place}: {mistake}") from error


_ONLY_CUPY = "expected arrays of cupy, got one of NumPy among them. Put it on the device with backend.asarray(x)."
_CUPY_MISTAKES = {  # what CuPy says -> what we say
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


@cache
def _cupy_fuse(f: Formula) -> Formula:
    import array_api_compat.cupy
    import cupy

    # A kernel needs a name; and xp is bound first, for the proxies that CuPy traces with have no namespace.
    kernel_name = "anynet_" + f.__name__.strip("_")
    kernel = cupy.fuse(kernel_name=kernel_name)(partial(f, array_api_compat.cupy))

    def fused(xp: Namespace, *arrays: Any) -> Any:
        try:
            return kernel(*arrays)
        except AssertionError:  # all that cupy.fuse says of a NumPy array beside those of CuPy
            raise TypeError(_ONLY_CUPY) from None

    return fused


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def _cupy_from_numpy(backend: Backend, x: np.ndarray[Any, Any]) -> Array:
    return backend.xp.asarray(x, device=backend.device)


def _cupy_to_numpy(x: Array) -> np.ndarray[Any, Any]:
    return np.asarray(x.get())


_LIBRARIES = {
    "numpy": _Library(
        load=_load_numpy,
        device=_numpy_device,
        device_name=str,
        is_array=lambda x: isinstance(x, np.ndarray),
        from_numpy=lambda backend, x: x,
        plain=np.asarray,
        to_numpy=np.array,
        synchronize=_nothing_to_wait_for,
    ),
    "cupy": _Library(
        load=_load_cupy,
        device=_cupy_device,
        device_name=lambda device: device.id,
        is_array=array_api_compat.is_cupy_array,
        from_numpy=_cupy_from_numpy,
        to_numpy=_cupy_to_numpy,
        synchronize=lambda device: device.synchronize(),
        active=_cupy_active,
        fuse=_cupy_fuse,
    ),
    "torch": _Library(
        load=_load_torch,
        device=_torch_device,
        device_name=str,
        is_array=array_api_compat.is_torch_array,
        from_numpy=_torch_from_numpy,
        to_numpy=lambda x: np.array(x.detach().cpu().numpy()),
        synchronize=_torch_synchronize,
        plain=lambda x: x.detach(),
    ),
    "jax": _Library(
        load=_load_jax,
        device=_jax_device,
        device_name=lambda device: f"{device.platform}:{device.id}",
        is_array=array_api_compat.is_jax_array,
        from_numpy=_jax_from_numpy,
        to_numpy=np.array,
        synchronize=_jax_synchronize,
        fuse=_jax_fuse,
        compile=_jax_compile,
    ),
    "array_api_strict": _Library(
        load=_load_array_api_strict,
        device=_array_api_strict_device,
        device_name=lambda device: str(device).split("'")[1],
        is_array=lambda x: "array_api_strict" in sys.modules and type(x).__module__.startswith("array_api_strict"),
        from_numpy=lambda backend, x: backend.xp.asarray(x, device=backend.device),
        to_numpy=_array_api_strict_to_numpy,
        synchronize=_nothing_to_wait_for,
    ),
}
