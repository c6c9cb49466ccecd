"""Splitting: a mini-batch is learnt from in parts, and a network but for its frozen layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from anynet.architecture import Architecture
from anynet.backends import Backend
from anynet.checks import as_code, whole_number


@dataclass(frozen=True)
class Split:
    """From how many examples at a time gradients are taken, None: from the batch; and which layers have none."""

    size: int | None = None
    frozen: tuple[int, ...] = ()
    threads: int = 1  # on which parts are learnt from side by side


WHOLE = Split()


def split_of(
    backend: Backend,
    architecture: Architecture,
    batch_size: int,
    micro_batch_size: int | None,
    freeze: Any,
    threads: int | None = None,
) -> Split:
    """Return how a step is split; the arguments, and what is raised, are those of `Network.fit`."""
    frozen = _frozen(architecture, freeze)
    most = None if architecture.couples else _rows_in_cache(backend, architecture)
    has_state = any(architecture.parameter_shapes()[1])  # which each part would change for the next
    side_by_side = 1 if most is None or has_state else threads or 1
    if side_by_side > 1 and 2 * (batch_size // side_by_side) < (most or 1):
        side_by_side = 1  # sharing out products is faster than parts so small
    if micro_batch_size is None:
        n_parts = max(-(-batch_size // (most or batch_size)), side_by_side)
        size = -(-batch_size // n_parts)
    else:
        size = _checked(architecture, batch_size, micro_batch_size)
    return Split(None if size >= batch_size else size, frozen, 1 if size >= batch_size else side_by_side)


def _rows_in_cache(backend: Backend, architecture: Architecture) -> int | None:
    """Return of how many examples what kernels see stays in the cache, where that is faster; None is any number."""
    return backend.micro_batch_rows(architecture.working_shape) if architecture.has_windows else None


def _checked(architecture: Architecture, batch_size: int, given: int) -> int:
    """Return the size of micro-batches that is asked for."""
    size = whole_number("micro_batch_size", given)
    if size < batch_size and architecture.couples:
        raise ValueError(
            f"micro_batch_size: expected a network whose batches can be split, got one with {architecture.couples[0]}, "
            "which couples the examples of a batch. Take a smaller batch_size, or LayerNorm."
        )
    return size


def _frozen(architecture: Architecture, freeze: Any) -> tuple[int, ...]:
    """Return which layers are frozen, counted from 0; they are given as a summary numbers them, from 1."""
    n = len(architecture.stages)
    if isinstance(freeze, str) or not isinstance(freeze, Sequence):
        raise TypeError(f"freeze: expected a list of positions, as summary() numbers layers, got {as_code(freeze)}.")
    for position in freeze:
        if isinstance(position, bool) or not isinstance(position, int) or not 1 <= position <= n:
            raise ValueError(
                f"freeze: expected positions from 1 to {n}, as summary() numbers layers, got {as_code(position)}."
            )
    frozen = tuple(sorted({position - 1 for position in freeze}))
    if not any(p and l not in frozen for l, p in enumerate(architecture.parameter_shapes()[0])):
        raise ValueError("freeze: expected a layer that is left to learn, got all of them. Leave one out.")
    return frozen
