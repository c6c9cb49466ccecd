"""The words of the house's signatures: what an array, a namespace, a shape or a tree is called.

Arrays may be of any library, so most of these are names for people rather than for a type
checker. Nothing here is imported for its value but the names themselves.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Array: TypeAlias = Any  # an array of whichever library
Namespace: TypeAlias = Any  # the module of functions that goes with it: xp
HostArray: TypeAlias = np.ndarray[Any, Any]  # an array of NumPy, in the memory of the host
ArrayLike: TypeAlias = Any  # an array, or what NumPy makes one of
Generator: TypeAlias = np.random.Generator
Shape: TypeAlias = tuple[int, ...]  # of one example, the batch left out
DeviceLike: TypeAlias = Any  # an index, or what the library calls a device; None is its default
Formula: TypeAlias = Callable[..., Any]  # f(xp, *arrays)
Tree: TypeAlias = Any  # arrays in lists, tuples and named tuples; None and () where there is none
Parameters: TypeAlias = list[Any]  # of a network: a named tuple of arrays per layer, () for one without
Rule: TypeAlias = Callable[..., tuple[Array, ...]]  # an optimizer's: (xp, p, g, *slots, *numbers) -> (p, *slots)
Numbers: TypeAlias = tuple[float, ...]  # what changes from step to step, but not from example to example


class TrainState(NamedTuple):
    """All that a training step changes: one tree, which files, copies and compilers walk."""

    parameters: Parameters
    state: list[Any]  # of the layers: what no gradient moves
    optimizer: Tree  # its slots, each in the structure of the parameters


class Batch(NamedTuple):
    """A mini-batch: all that differs from step to step, examples first."""

    x: Array  # (n, *input_shape)
    y: Array  # (n, n_out)
    noise: tuple[Array | None, ...] = ()  # per layer (n, ...), or None
    weights: Array | None = None  # (n,) how much each example counts; None: alike
    label_weights: Array | None = None  # (n, n_out) how much what says yes counts for each label; None: as what says no


class Order(NamedTuple):
    """The rows of a chunk: those from start to stop of an order that lies on the device."""

    indices: Array  # (n,) of the whole epoch
    start: int
    stop: int
