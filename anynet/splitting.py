"""Splitting: a mini-batch is learnt from in parts, and a network but for its frozen layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from anynet.architecture import Architecture
from anynet.backends import Backend
from anynet.checks import whole_number


@dataclass(frozen=True)
class Split:
    """From how many examples at a time gradients are taken, None: from the batch; and which layers have none."""

    size: int | None = None
    frozen: tuple[int, ...] = ()


WHOLE = Split()


def split_of(
    backend: Backend, architecture: Architecture, batch_size: int, micro_batch_size: int | None, freeze: Any
) -> Split:
    """Return how a step is split; the arguments, and what is raised, are those of `Network.fit`."""
    return Split(_size(backend, architecture, batch_size, micro_batch_size), _frozen(architecture, freeze))


def _size(backend: Backend, architecture: Architecture, batch_size: int, given: int | None) -> int | None:
    """Return the size of micro-batches; by default so that what kernels see stays in the cache, if that is faster."""
    if given is None:
        has_windows = architecture.working_shape not in architecture.shapes
        most = (
            backend.micro_batch_rows(architecture.working_shape) if has_windows and not architecture.couples else None
        )
        n_parts = -(-batch_size // (most or batch_size))
        return None if n_parts == 1 else -(-batch_size // n_parts)
    size = whole_number("micro_batch_size", given)
    if size >= batch_size:
        return None
    if architecture.couples:
        raise ValueError(
            f"micro_batch_size: expected a network whose batches can be split, got one with {architecture.couples[0]}, "
            "which couples the examples of a batch. Take a smaller batch_size, or LayerNorm."
        )
    return size


def _frozen(architecture: Architecture, freeze: Any) -> tuple[int, ...]:
    """Return which layers are frozen, counted from 0; they are given as a summary numbers them, from 1."""
    n = len(architecture.stages)
    if isinstance(freeze, str) or not isinstance(freeze, Sequence):
        raise TypeError(f"freeze: expected a list of positions, as summary() numbers layers, got {freeze!r}.")
    for position in freeze:
        if isinstance(position, bool) or not isinstance(position, int) or not 1 <= position <= n:
            raise ValueError(
                f"freeze: expected positions from 1 to {n}, as summary() numbers layers, got {position!r}."
            )
    frozen = tuple(sorted({position - 1 for position in freeze}))
    if not any(p and l not in frozen for l, p in enumerate(architecture.parameter_shapes()[0])):
        raise ValueError("freeze: expected a layer that is left to learn, got all of them. Leave one out.")
    return frozen
