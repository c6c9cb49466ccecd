"""Errors: what a library says, told in our words with the cure; and computing, whatever mode the user is in."""

import importlib
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from anynet.checks import as_code

if TYPE_CHECKING:
    from anynet.backends import Backend
    from anynet.backends.interface import Library

SPAWN = (
    "CUDA was started before this process was forked, and cannot be used in the child. Start processes by "
    "multiprocessing.get_context('spawn') (a DataLoader: multiprocessing_context='spawn'), or use the GPU in one alone."
)
_FORKED = ("re-initialize CUDA in forked subprocess", "cudaErrorInitializationError")
_AS_NUMPY_IS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}


def no_such_device(name: str, device: object, existing: str) -> ValueError:
    """Return the error for a device that does not exist."""
    return ValueError(f"device: expected {existing} for {name}, got {as_code(device)}.")


def missing(package: str, extra: str) -> ImportError:
    """Return the error for a library that is not installed."""
    return ImportError(f"{package} is not installed. Install it with: pip install '{extra}'")


def imported(module: str, package: str, extra: str) -> Any:
    """Return a library's module; ImportError, with the cure, if it is not installed or does not load."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name in (module, module.partition(".")[0], module.rpartition(".")[2]):
            raise missing(package, extra) from None
        raise _broken(package, extra, error) from error
    except Exception as error:  # a shared library that it needs is not there, or it does not go with this NumPy
        raise _broken(package, extra, error) from error


def _broken(package: str, extra: str, error: Exception) -> ImportError:
    return ImportError(
        f"{package} is installed and does not load: {first_line(error)}. "
        f"Install it anew with: pip install --force-reinstall '{extra}'"
    )


def first_line(error: BaseException) -> str:
    """Return what an error says in its first line, without a full stop."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def is_forked(error: BaseException) -> bool:
    """Return whether an error says that CUDA was started before a fork."""
    return any(words in str(error) for words in _FORKED)


def culprit_of(error: BaseException) -> str | None:
    """Return the function nearest to an error that is of no library: its name, file and line. None if there is none."""
    causes = [error, *([error.__cause__] if error.__cause__ else [])]
    frames = [frame for cause in causes for frame, _ in traceback.walk_tb(cause.__traceback__)]
    libraries = ("jax", "jaxlib", "numpy", "anynet", "contextlib", "functools")
    own = [f for f in frames if str(f.f_globals.get("__name__", "")).partition(".")[0] not in libraries]
    if not own:
        return None
    code = own[-1].f_code
    return f"{code.co_qualname} ({code.co_filename}, line {code.co_firstlineno})"


def calm() -> AbstractContextManager[Any]:
    """Return a context in which numbers overflow, or become NaN, without a warning; in this thread alone."""
    return np.errstate(all="ignore")


@contextmanager
def entered(contexts: list[AbstractContextManager[Any]]) -> Iterator[None]:
    """Enter several contexts as one."""
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context)
        yield


class Active:
    """A context in which a backend computes: its device is the current one, and errors are told in our words.

    What NumPy was told to raise (`np.seterr(all="raise")`) is there as NumPy has it by itself:
    a formula may underflow, and FloatingPointError means divergence. A class, for it is
    entered in every call, and a generator would take twice as long.
    """

    __slots__ = ("_backend", "_calm", "_library", "_own")

    def __init__(self, library: "Library", backend: "Backend") -> None:
        self._library, self._backend = library, backend

    def __enter__(self) -> None:
        told = np.geterr()
        self._calm: np.errstate | None = None
        if "raise" in told.values():
            calm = {name: _AS_NUMPY_IS[name] for name, how in told.items() if how == "raise"}
            self._calm = np.errstate(**calm)  # type: ignore[arg-type]
            self._calm.__enter__()
        try:
            self._own = self._library.active(self._backend)
            self._own.__enter__()
        except BaseException as error:
            self._leave(error)
            raise

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            self._own.__exit__(kind, error, trace)
        except Exception as told:  # in the library's own file
            self._leave(told)
            raise
        self._leave(error)

    def _leave(self, error: BaseException | None) -> None:
        if self._calm is not None:
            self._calm.__exit__(None, None, None)
        ours = isinstance(error, Exception) and _told(self._library, self._backend, error)
        if ours:
            raise ours from error


def _told(library: "Library", backend: "Backend", error: Exception) -> Exception | None:
    """Return the error that says in our words what one of a library says; None if there is none."""
    if not isinstance(error, (MemoryError, RuntimeError)):
        return None
    label = backend.label
    if str(error).startswith(f"{label}: "):  # told before, nearer to where it arose
        return None
    if is_forked(error):
        return RuntimeError(f"{label}: {SPAWN}")
    if not any(words in str(error) for words in library.out_of_memory):
        return None
    return MemoryError(
        f"{label}: out of device memory ({first_line(error)}). Use a smaller batch_size, or "
        "fewer examples at once, or limit the data that are kept on the device by memory_limit. "
        "A network that is too large itself: take a smaller one, or another device. "
        "What was trained so far is kept."
    )


def not_placed(label: str, argument: str, shape: tuple[int, ...], n_bytes: int, error: MemoryError) -> MemoryError:
    """Return the error for an array, of a network most often, that a device has no room for."""
    told = str(error)
    reason = told[told.find("(") + 1 : told.find(")")] if told.startswith(label) else first_line(error)
    return MemoryError(
        f"{label}: out of device memory ({reason}) for {argument}, {shape}, {n_bytes:,} bytes. "
        "Take a smaller network, or another device, with more memory."
    )
