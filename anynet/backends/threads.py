"""Threads: on how many of them matrices are multiplied, by a fixed rule where nobody asked.

A product that is shared among threads waits for the last of them. Beside other work that is
long: a step takes 5 to 30 times as long on two threads as on one, whatever its size. Alone,
two threads gain nothing, or 15 %, below some five million multiply-adds, and 40 % and more
from twelve million on. So smaller steps get one thread, and so do convolutions, unless parts of a mini-batch are large
enough for a thread each, which wait for nobody in between. The number is never found by timing: bits depend on it.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from anynet.backends.interface import NO_CONTEXT
from anynet.checks import whole_number

if TYPE_CHECKING:
    from anynet.backends import Backend

T = TypeVar("T")

SHARED_FROM = 10_000_000  # multiply-adds of the largest product of a step

# Of the libraries that follow the rule, by name: what threadpoolctl calls their pools of threads.
_POOLS = {"numpy": ("blas",), "torch": ("blas", "openmp")}


class Threads(NamedTuple):
    """How many threads a training computes on; None where the library cannot be told, or it is not known."""

    number: int | None
    is_asked: bool = False  # else it is no more than a limit


ONE_EACH = Threads(1, is_asked=True)  # for products, where there are several threads that multiply


def threads_for(backend: "Backend", multiply_adds: float, asked: int | None = None) -> Threads:
    """Return on how many threads to train.

    Args:
        backend: Which computes.
        multiply_adds: Of the largest matrix product of a step.
        asked: What the user asked for, which wins; None follows the rule: one thread below
            `SHARED_FROM`, else as many as there are now.

    Raises:
        ValueError: The number is below 1, or the backend cannot be told.
        TypeError: It is no whole number.
    """
    if asked is not None:
        whole_number("threads", asked)
        if _now(backend) is None:
            raise ValueError(
                f"threads: expected a backend that can be told, got {backend.label}. Leave threads out: None."
            )
        return Threads(int(asked), is_asked=True)
    return Threads(1 if multiply_adds < SHARED_FROM and _now(backend) is not None else _now(backend))


def iterate(backend: "Backend", threads: Threads, made: Iterator[T]) -> Iterator[T]:
    """Yield what an iterator makes, each item made on so many threads; the consumer never sees the limit."""
    end = object()
    try:
        while True:
            with _limit(backend, threads):
                item: Any = next(made, end)
            if item is end:
                return
            yield item
    finally:
        getattr(made, "close", lambda: None)()  # what a generator has to do at its end is done now


def _limit(backend: "Backend", threads: Threads) -> AbstractContextManager[Any]:
    """Return a context with so many threads; a smaller number that somebody set is left, unless it was asked for."""
    now = _now(backend)
    if (
        threads.number is None
        or now is None
        or now == threads.number
        or (now < threads.number and not threads.is_asked)
    ):
        return NO_CONTEXT
    limit: AbstractContextManager[Any] = _pools(backend.name).limit(limits=threads.number)
    return limit


def _now(backend: "Backend") -> int | None:
    """Return how many threads the library computes on now, the most of its pools; None if it does not say."""
    if backend.name not in _POOLS or str(backend.device) != "cpu":
        return None
    return max((pool.num_threads for pool in _pools(backend.name).lib_controllers), default=None)


@lru_cache
def _pools(name: str) -> Any:
    """Return threadpoolctl's controller of a library, which has been loaded; it takes milliseconds to make."""
    from threadpoolctl import ThreadpoolController

    found = ThreadpoolController()
    return found.select(user_api=list(_POOLS[name]))
