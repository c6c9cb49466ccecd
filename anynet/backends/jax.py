"""JAX: whole programs. A chunk of mini-batches is one call, and so is a block of inference.

A step is compiled once per batch size: the number of steps, their order and their numbers are
run-time values. Nothing is donated: an interrupt between a call and its assignment would
leave a network with deleted buffers.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

import array_api_compat
import numpy as np

from anynet.backends.dtypes import STANDARD, DTypes, named, widened
from anynet.backends.errors import culprit_of, entered, first_line, imported, no_such_device
from anynet.backends.interface import NO_CONTEXT, Library, Noise, Run, Step
from anynet.typing import Array, Batch, DeviceLike, HostArray, Namespace, Numbers, Order, Shape, TrainState, Tree
from anynet.windows import Pair, taps_of

if TYPE_CHECKING:
    from anynet.backends import Backend

R = TypeVar("R")

_PROGRAMS_KEPT = 64


def _load(dtype: str) -> Namespace:
    xp = imported("jax.numpy", "JAX", "anynet-nn[jax]")
    _check_x64(dtype)
    return xp


def _check_x64(dtype: str) -> None:
    import jax

    if dtype == "float64" and not jax.config.jax_enable_x64:
        raise ValueError(
            "dtype: expected float32, got float64, which JAX silently truncates unless told not to. "
            'Call jax.config.update("jax_enable_x64", True) first, or set JAX_ENABLE_X64=1 in the environment.'
        )


def _device(xp: Namespace, device: DeviceLike) -> Any:
    import jax

    devices = jax.devices()
    if device is None:
        return devices[0]
    names: dict[Any, Any] = {_device_name(d): d for d in devices}
    names |= dict(enumerate(devices)) | {d: d for d in devices}
    if device not in names:
        existing = ", ".join(name for name in names if isinstance(name, str))
        raise no_such_device("jax", device, f"an index or one of {existing}")
    return names[device]


def _device_name(device: Any) -> str:
    if not hasattr(device, "platform"):  # an array over several devices has a sharding instead
        return ", ".join(sorted(map(_device_name, device.device_set)))
    return f"{device.platform}:{device.id}"


def _from_numpy(backend: "Backend", x: HostArray) -> Array:
    import jax

    return jax.device_put(x, backend.device)


def _to_numpy(x: Array) -> HostArray:
    x = _plain(x, "x")
    with entered(_unguarded()):
        return widened(np.array(x))


def _dtypes() -> DTypes:
    import jax

    return _DTYPES if jax.config.jax_enable_x64 else _DTYPES_OF_32_BITS


_DTYPES = STANDARD | named("float16")
_DTYPES_OF_32_BITS = _DTYPES - named("int64", "uint64", "float64")


def _plain(x: Array, argument: str) -> Array:
    import jax

    if isinstance(x, jax.core.Tracer):
        raise TypeError(
            f"{argument}: expected an array with values, got one that JAX traces. Transformations of a network, "
            "jax.jit, jax.grad or jax.vmap of its methods, are not offered: call them as they are, for they are "
            "compiled already, and take whole batches; net.gradients(x, y) gives gradients."
        )
    return x


def _active(backend: "Backend") -> AbstractContextManager[Any]:
    """Return a context with the promotion and the transfers that formulas count on, whatever the user's own says.

    The default device needs none: arrays were put on the backend's, and what is made of them follows.
    """
    import jax

    _check_x64(backend.dtype)
    contexts = _unguarded()
    if jax.config.jax_numpy_dtype_promotion != "standard":
        contexts.append(jax.numpy_dtype_promotion("standard"))
    if jax.config.jax_numpy_rank_promotion != "allow":
        contexts.append(jax.numpy_rank_promotion("allow"))
    return entered(contexts) if contexts else NO_CONTEXT


def _unguarded() -> list[AbstractContextManager[Any]]:
    """Return what lets arrays pass between host and device, if a guard is up: which pass is for anynet to say."""
    import jax

    config = jax.config
    guards = (
        config.jax_transfer_guard_host_to_device,
        config.jax_transfer_guard_device_to_device,
        config.jax_transfer_guard_device_to_host,
    )
    return [jax.transfer_guard("allow")] if any(guard not in (None, "allow") for guard in guards) else []


def _synchronize(device: Any, made: Tree) -> None:
    import jax

    jax.block_until_ready(made)  # programs run side by side: there is no end of the line to wait for


# What is compiled, kept by the values that it was made from.


@lru_cache(_PROGRAMS_KEPT)
def compiled(backend: "Backend", f: Callable[..., Tree]) -> Callable[..., Tree]:
    """Return f(xp, ...) as one program per shape of its arguments."""
    return _told(backend, _program_of(f))


@lru_cache(_PROGRAMS_KEPT)
def _program_of(f: Callable[..., Tree]) -> Callable[..., Tree]:
    import jax

    program: Callable[..., Tree] = jax.jit(partial(f, _Compiled()))
    return program


class _Compiled:
    """JAX's namespace where programs are compiled, with windows in the form that XLA makes the most of."""

    has_windows = True

    def __getattr__(self, name: str) -> Any:
        import jax

        return getattr(jax.numpy, name)

    @staticmethod
    def windows(a: Array, size: Pair, stride: Pair) -> Array:
        """Return all windows of images: their elements joined along the channels, twice as fast as stacked."""
        import jax

        taps = [a[tap] for tap in taps_of(a.shape[1:3], size, stride)]
        n, down, across, channels = taps[0].shape
        return jax.numpy.concatenate(taps, axis=-1).reshape(n, down, across, *size, channels)

    @staticmethod
    def overlap_add(*taps: Array, size: Pair, stride: Pair, shape: Shape) -> Array:
        """Return the sum of the elements of windows, each where it was taken from: first along rows."""

        def summed(parts: Sequence[Array], axis: int) -> Array:
            return sum(_put(part, axis, start, stride[axis - 1], shape[axis]) for start, part in enumerate(parts))

        rows = [summed(taps[i * size[1] : (i + 1) * size[1]], 2) for i in range(size[0])]
        return summed(rows, 1)


def _put(a: Array, axis: int, start: int, stride: int, n: int) -> Array:
    """Return an array with zeros between and round it, by the one operation that XLA has for that."""
    import jax

    reach = stride * (a.shape[axis] - 1) + 1
    around = [(0, 0, 0)] * a.ndim
    around[axis] = start, n - start - reach, stride - 1
    return jax.lax.pad(a, jax.numpy.zeros((), a.dtype), around)


def scan(backend: "Backend", step: Step) -> Run:
    """Return a run that takes a chunk of mini-batches as one program, and a short last one as another."""
    gather, steps = _chunk_programs(step)

    def run(
        train_state: TrainState,
        data: tuple[Array, Array],
        order: Order | None,
        noise: Noise,
        numbers: Sequence[Numbers],
        size: int,
    ) -> TrainState:
        n = data[0].shape[0] if order is None else order.stop - order.start
        n_whole, rest = divmod(n, size)
        rows = backend.chunk_rows(step.widest_shape, size)  # the same for every chunk, and so is the program
        chunk = gather(data, order and order.indices, order.start if order else 0, n, noise, rows=rows)
        if n_whole > 0:
            table = np.zeros((rows // size, len(numbers[0])), backend.dtype)
            table[:n_whole] = numbers[:n_whole]
            train_state = steps(train_state, chunk, table, 0, n_whole, size=size)
        if rest > 0:
            last = np.asarray(numbers[n_whole:], backend.dtype)
            train_state = steps(train_state, chunk, last, n_whole * size, 1, size=rest)
        return train_state

    return _told(backend, run)


@lru_cache(_PROGRAMS_KEPT)
def _chunk_programs(step: Step) -> tuple[Callable[..., Any], Callable[..., TrainState]]:
    """Return (gather, steps): what forms the rows of a chunk, and what takes some steps over them."""
    import jax

    xp: Any = _Compiled()

    @partial(jax.jit, static_argnames="rows")
    def gather(data: tuple[Array, Array], order: Array | None, start: int, n: int, noise: Noise, rows: int) -> Any:
        # Whatever the chunk's length, so many rows: those past its end repeat the last, and no step sees them.
        within = xp.minimum(xp.arange(rows), n - 1)
        take = partial(xp.take, axis=0, mode="clip")  # all are within: JAX need not look
        chosen = within if order is None else take(order, start + within)
        x, y = (take(a, chosen) for a in data)
        return x, step.targets(xp, y, None), tuple(r if r is None else take(r, within) for r in noise)

    @partial(jax.jit, static_argnames="size")
    def steps(train_state: TrainState, chunk: Tree, numbers: Array, offset: int, n_steps: int, size: int) -> TrainState:
        def take_step(i: Array, train_state: TrainState) -> TrainState:
            begin = offset + i * size
            x, y, noise = jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, begin, size), chunk)
            batch = Batch(step.inputs(xp, x), y, noise)  # pixels travel as bytes, and are scaled here
            return step(xp, train_state, batch, tuple(numbers[i, j] for j in range(numbers.shape[1])))

        after: TrainState = jax.lax.fori_loop(0, n_steps, take_step, train_state)
        return after

    return gather, steps


def padded_rows(n: int) -> int:
    """Return the next of a few numbers from n on, at most an eighth larger: each new one compiles anew."""
    unit = 1 << max(0, n.bit_length() - 4)
    return -(-n // unit) * unit


# What goes wrong, in our words.


def _told(backend: "Backend", program: Callable[..., R]) -> Callable[..., R]:
    """Return a program whose errors are in our words."""
    import jax

    def run(*arguments: Any, **keywords: Any) -> R:
        try:
            return program(*arguments, **keywords)
        except jax.errors.JaxRuntimeError:  # the device's, its memory for one
            raise
        except Exception as error:
            culprit = culprit_of(error)
            if culprit is None:
                raise
            asked_a_tracer = isinstance(error, (jax.errors.JAXTypeError, jax.errors.JAXIndexError))
            if asked_a_tracer or "Tracer" in str(error) or "immutable" in str(error):
                raise _not_compiled(backend, culprit, error) from error
            error.add_note(f"It arose in {culprit}, as {backend.label} compiled it.")
            raise

    return run


def _not_compiled(backend: "Backend", culprit: str, error: Exception) -> TypeError:
    return TypeError(
        f"{backend.label}: expected formulas that can be compiled, got {culprit}: {first_line(error)}. "
        "A formula may use operators and the functions of the namespace xp that it is handed, and decide by xp.where; "
        "it cannot ask for a value, as `if`, float() and NumPy's functions do. "
        'backend="numpy" takes it as it is.'
    )


LIBRARY = Library(
    name="jax",
    load=_load,
    device=_device,
    device_name=_device_name,
    is_array=array_api_compat.is_jax_array,
    from_numpy=_from_numpy,
    to_numpy=_to_numpy,
    plain=_plain,
    dtypes=_dtypes,
    out_of_memory=("RESOURCE_EXHAUSTED",),
    active=_active,
    synchronize=_synchronize,
    compile=compiled,
    scan=scan,
    chunk_bytes=2**23,  # pixels are converted in the loop, and a chunk costs some calls
    padded_rows=padded_rows,
    threads_can_be_set=False,
)
