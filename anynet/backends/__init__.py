"""The array libraries: the only room that names them, a file for each.

`get("cupy", device=0, dtype="float32")` returns a `Backend`, a small frozen value that
holds the library's array API namespace and moves data to and from it. It holds no
mathematics: formulas are written once, elsewhere, against the namespace. A library is
imported when it is first asked for.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import numpy as np

from anynet.backends import array_api_strict, cupy, jax, numpy, torch
from anynet.backends.cupy import diagnose_cupy
from anynet.backends.dtypes import DTYPES, as_numpy, check_range, check_real, computed_in, held, refuse_masked
from anynet.backends.errors import Active, no_such_device, not_placed
from anynet.backends.interface import Library, Run, Step, loop
from anynet.checks import as_code, look_up, warn
from anynet.typing import (
    Array,
    ArrayLike,
    Batch,
    DeviceLike,
    HostArray,
    Namespace,
    Numbers,
    Shape,
    TrainState,
    Tree,
)

__all__ = [
    "DTYPES",
    "Backend",
    "available",
    "diagnose_cupy",
    "get",
    "library_of",
    "to_numpy",
    "unavailable_reason",
]

T = TypeVar("T")
P = ParamSpec("P")
S = TypeVar("S", bound="_HasBackend")

MOST_CHUNK_ROWS = 2**13  # of a chunk: so that a few narrow examples do not become a million

LIBRARIES: dict[str, Library] = {
    module.LIBRARY.name: module.LIBRARY for module in (numpy, cupy, torch, jax, array_api_strict)
}


@dataclass(frozen=True)
class Backend:
    """An array library, a device of it, and the dtype to compute in. Made by `get`.

    Compares, pickles and copies as (name, device, dtype), because a module cannot be pickled.

    Args:
        name: Of the library.
        xp: Its array API namespace.
        device: What the functions of xp take as `device=`.
        dtype: "float32" or "float64".

    Example:
        >>> get("numpy").asarray([1.0, 2.0])
        array([1., 2.])
    """

    name: str
    xp: Namespace = field(repr=False, compare=False)
    device: Any
    dtype: str

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self.name, self._library.device_name(self.device), self.dtype)

    def __hash__(self) -> int:
        return hash((self.name, self._library.device_name(self.device), self.dtype))  # no device of CuPy has one

    @cached_property
    def _library(self) -> Library:
        return LIBRARIES[self.name]

    # Data, to the device and back.

    def asarray(self, x: ArrayLike, argument: str = "x") -> Array:
        """Return x on this backend's device, in its own dtype; nothing is copied needlessly.

        What the library has no dtype for comes in one that holds its numbers: uint16 is int32
        on PyTorch, and whole numbers beyond 32 bits are floats on JAX without x64.

        Args:
            x: A NumPy array, anything that NumPy makes a numeric array of, or an array of this
                backend.
            argument: Its name, for errors.

        Raises:
            TypeError: It belongs to another library, or holds no real numbers.
            ValueError: It lives on another device, holds numbers beyond this backend's dtype, or
                some of it is masked.
        """
        checked = self.checked(x, argument)
        if self.is_native(checked):
            return checked
        with self.active():
            return self._library.from_numpy(self, held(self, checked, self._library.dtypes()))

    def checked(self, x: ArrayLike, argument: str = "x") -> Array:
        """Return x where it is, on the host or on this backend's device; raise as `asarray`."""
        if type(x) is not np.ndarray:
            refuse_masked(x, argument)
        if not self.is_native(x):
            return self._on_host(x, argument)
        x = self._library.plain(x, argument)
        if x.device != self.device:
            raise ValueError(
                f"{argument}: expected an array on {self.label}, where the network is, got one on "
                f"{self._label_of(x.device)}. Move one to the other, the network by net.to({self.name!r}, device=...)."
            )
        check_real(self.xp, x, argument)
        check_range(self.xp, x, self.dtype, argument)
        return x

    def _on_host(self, x: ArrayLike, argument: str) -> HostArray:
        foreign = library_of(x)
        if foreign not in (None, "numpy"):
            LIBRARIES[foreign].plain(x, argument)  # it may be one that no network takes
            ours = "numpy" if self.name == "numpy" else f"numpy or {self.name}"
            raise TypeError(
                f"{argument}: expected arrays of {ours}, for the network's backend is "
                f"{self.name}, got an array of {foreign}. Convert it with "
                f"backends.to_numpy({argument}), or move the network with net.to({foreign!r})."
            )
        a = as_numpy(x, argument)
        check_range(np, a, self.dtype, argument)
        return a

    def copy_to_device(self, x: ArrayLike, argument: str = "x") -> Array:
        """Return a copy of x on this backend's device, in this backend's dtype.

        That of a host array lies row by row: the same numbers give the same sums, to the last
        bit, whether they came transposed or not.
        """
        checked = self.checked(x, argument)
        with self._placing(checked, argument):
            if self.is_native(checked) and not is_on_host(checked):
                return self.xp.astype(checked, getattr(self.xp, self.dtype), copy=True)
            return self._library.from_numpy(self, np.array(checked, self.dtype, order="C"))

    def placed(self, a: HostArray) -> Array:
        """Return a host array that is nobody else's as `copy_to_device` would, but copied only where it must be."""
        checked = self.checked(a, "parameters")
        with self._placing(checked, "parameters"):
            return self._library.from_numpy(self, np.require(checked, self.dtype, ["C", "A", "W"]))

    @contextmanager
    def _placing(self, x: Array, argument: str) -> Iterator[None]:
        """Compute on the device, and say which array its memory does not hold."""
        try:
            with self.active():
                yield
        except MemoryError as error:
            shape = tuple(x.shape)
            raise not_placed(self.label, argument, shape, math.prod(shape) * DTYPES[self.dtype], error) from error

    def to_numpy(self, x: Array) -> HostArray:
        """Return a copy of an array of this backend as a NumPy array, never a view of it."""
        return self._library.to_numpy(x)

    def is_native(self, x: Any) -> bool:
        """Return whether x is an array of this backend's library."""
        return self._library.is_array(x)

    @property
    def label(self) -> str:
        """The backend and its device, for people: "cupy (device 0)"."""
        return self._label_of(self.device)

    def _label_of(self, device: Any) -> str:
        name = self._library.device_name(device)
        return f"{self.name} ({f'device {name}' if isinstance(name, int) else name})"

    # Computing on it.

    def active(self) -> AbstractContextManager[Any]:
        """Return a context in which to compute: its device is the current one.

        Some libraries compute on the current device and not on that of the arrays. Running
        out of the device's memory, or mixing in arrays of NumPy or of another device, is
        then reported in our words, with the cure: MemoryError, TypeError or ValueError.
        """
        return Active(self._library, self)

    def iterate_active(self, made: Iterator[T]) -> Iterator[T]:
        """Yield what an iterator makes, each item made in `active()`, which the consumer never sees."""
        end = object()
        try:
            while True:
                with self.active():
                    item = next(made, end)
                if item is end:
                    return
                yield item  # type: ignore[misc]
        finally:
            getattr(made, "close", lambda: None)()  # what a generator has to do at its end is done now

    def synchronize(self, made: Tree) -> None:
        """Wait until these arrays are made; for clocks."""
        self._library.synchronize(self.device, made)

    # Speed. Nothing here contains a formula.

    def scan(self, step: Step, compiled: bool = True) -> Run:
        """Return what runs a chunk of mini-batches through a step, as the library does it best.

        Args:
            step: `step(xp, train_state, batch, numbers) -> train_state`, with `inputs` and
                `targets`, which form a batch's x and y; a hashable value, by which what is
                compiled is kept.
            compiled: False calls it for each mini-batch, on any library.

        Returns:
            `run(train_state, data, order, noise, numbers, size) -> train_state`. data are x
            and y on the device, in their own dtypes; order says which of their rows make up
            the chunk, None all of them as they stand; noise is, per layer, a row per example
            of the chunk, or None; numbers are those of each step; size is the batch's, and
            the last mini-batch may be smaller.
        """
        return (self._library.scan if compiled else loop)(self, step)

    def held_bytes(self, step: Step, train_state: TrainState, batch: Batch, numbers: Numbers) -> int:
        """Return how many bytes a run of `scan` holds besides the arrays that come in and go out.

        Args:
            step: As in `scan`.
            train_state: In place of arrays, what has their shapes and dtypes.
            batch: Likewise, a mini-batch.
            numbers: Those of a step.
        """
        return self._library.held_bytes(self, step, train_state, batch, numbers)

    def compile(self, f: Callable[..., Tree]) -> Callable[..., Tree]:
        """Return f(xp, ...) with the namespace bound, compiled where the library has a compiler.

        Args:
            f: A pure function of xp and trees of arrays; a hashable value, by which what is
                compiled is kept.
        """
        return self._library.compile(self, f)

    def padded_rows(self, n: int) -> int:
        """Return how many rows to hand over for n, where each new number is compiled anew."""
        return self._library.padded_rows(n)

    def chunk_rows(self, shape: Shape, size: int) -> int:
        """Return how many examples, of that shape at their widest, make up a chunk of mini-batches of a size."""
        rows = min(self.rows_within(self._library.chunk_bytes, shape), MOST_CHUNK_ROWS)
        return max(size, rows // size * size)

    def rows_within(self, n_bytes: int, shape: Shape) -> int:
        """Return how many examples of a shape, in this backend's dtype, take so many bytes; at least 1."""
        return max(1, n_bytes // (math.prod(shape) * DTYPES[self.dtype]))

    def micro_batch_rows(self, shape: Shape) -> int | None:
        """Return how many examples, of which kernels see arrays of a shape, are learnt from at a time; None is any."""
        n_bytes = self._library.window_bytes
        return None if n_bytes is None else self.rows_within(n_bytes, shape)

    @property
    def threads_can_be_set(self) -> bool:
        """Whether threadpoolctl can say how many threads it computes with."""
        return self._library.threads_can_be_set


class _HasBackend(Protocol):
    backend: Backend


def on_device(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Return a method of what has a `backend`, run with that backend active."""

    @wraps(method)
    def run(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.backend.active():
            return method(self, *args, **kwargs)

    return run


def get(name: str | Backend, device: DeviceLike = None, dtype: str = "float32") -> Backend:
    """Return a backend by its name, or the value itself.

    It computes alike whatever mode the caller is in. Of no effect on it are: of NumPy `seterr`
    to "raise"; of PyTorch `inference_mode`, `no_grad`, autocast, and the default device and
    dtype; of JAX `default_device`, `transfer_guard`, and the promotion rules. Honoured are the
    other settings of `np.seterr`, PyTorch's deterministic algorithms, CuPy's current stream
    and allocator, and JAX's `disable_jit` and `debug_nans`.

    Args:
        name: numpy, cupy, torch, jax, array_api_strict, or auto: CuPy where a GPU really
            works, else NumPy, with a warning where CuPy is installed and does not work.
        device: An index or what the library calls it ("cuda:0", "device1"); None is the
            library's default.
        dtype: What to compute in, float32 or float64. The default is twice as fast, and
            enough to train by.

    Returns:
        The backend.

    Raises:
        ValueError: A name, device or dtype does not exist.
        ImportError: The library is not installed; the error has the install line.
        RuntimeError: The library does not work here; the error says why.

    Example:
        >>> get("numpy")
        Backend(name='numpy', device='cpu', dtype='float32')
    """
    if isinstance(name, Backend):
        return name
    dtype = computed_in(dtype)
    name = _automatic() if isinstance(name, str) and name == "auto" else name
    library = look_up({**LIBRARIES, "auto": None}, name, "backend")
    assert library is not None
    xp = library.load(dtype)
    try:
        found = library.device(xp, device)
    except TypeError:  # a list, say, which is in no table
        raise no_such_device(name, device, "an index or a name") from None
    return Backend(name, xp, found, dtype)


def _automatic() -> str:
    """Return which backend "auto" is; warn where one that was installed for it does not work."""
    reason = unavailable_reason("cupy")
    if reason is not None and cupy.wheels():
        warn(f"backend: auto is numpy here. {reason}")
    return "numpy" if reason else "cupy"


def _unpickled(name: str, device: DeviceLike, dtype: str) -> Backend:
    """Return the backend of a pickled network; say the way out if there is none such here."""
    try:
        return get(name, device, dtype)
    except (ValueError, ImportError, RuntimeError) as error:
        raise type(error)(
            f"pickle: expected the backend that it was pickled on, {name} on device {device}, got a machine that has "
            f"none such. {error} Or pickle net.to('numpy') there; or net.save(path) there, and "
            "Network.load(path, backend=...) here."
        ) from error


def available() -> dict[str, str | None]:
    """Return which backends are usable here.

    Returns:
        For each backend, by name, None if it is usable, else the reason in one line.

    Example:
        >>> available()["numpy"] is None
        True
    """
    return {name: unavailable_reason(name) for name in LIBRARIES}


def unavailable_reason(name: str) -> str | None:
    """Return why a backend is not usable here.

    Args:
        name: As in `get`.

    Returns:
        None if it is usable, else the reason in one line.

    Example:
        >>> unavailable_reason("numpy") is None
        True
    """
    try:
        get(name)
    except (ImportError, RuntimeError, ValueError) as error:
        return str(error)
    return None


def library_of(x: Any) -> str | None:
    """Return which library an array belongs to.

    Args:
        x: Anything.

    Returns:
        The name of its backend; None if x is no array of any of them.

    Example:
        >>> import numpy as np
        >>> library_of(np.ones(3)), library_of([1.0])
        ('numpy', None)
    """
    for name, library in LIBRARIES.items():
        if library.is_array(x):
            return name
    return None


def is_on_host(x: Array) -> bool:
    """Return whether x is an array of the host, that is, of NumPy."""
    return isinstance(x, np.ndarray)


def to_numpy(x: ArrayLike) -> HostArray:
    """Return a copy of an array of any of the libraries as a NumPy array.

    Args:
        x: An array of any library, on any device, or what NumPy makes one of.

    Returns:
        A NumPy array of the same shape and dtype, which shares no memory with x.

    Raises:
        ValueError: Some of x is masked, or no array can be made of it.

    Example:
        >>> to_numpy([1.0, 2.0])
        array([1., 2.])
    """
    library = library_of(x)
    refuse_masked(x, "x")
    if library is not None:
        return LIBRARIES[library].to_numpy(x)
    try:
        return np.array(x)
    except ValueError:
        raise ValueError(f"x: expected what an array can be made of, got {as_code(x)}. Make its rows alike.") from None
