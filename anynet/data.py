"""Data: checked once against a network, and placed as far as there is room.

A user hands over a `Dataset`, a pair of arrays or the book's list of column pairs; a network
is given `DeviceData`: x (n, *input_shape) in its own dtype and y, labels (n,) or targets
(n, n_out), each on the device, or left where it is and read a chunk at a time.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import array_namespace

from anynet import pixels
from anynet import targets as targets_of
from anynet.backends import is_on_host
from anynet.backends.dtypes import refuse_masked
from anynet.checks import warn, whole_number
from anynet.examples import (
    Dataset,
    array_of,
    as_dataset,
    is_read_by_rows,
    is_sparse,
    labels_of_names,
    rows_at,
    y_of,
)
from anynet.formats.columns import Columns
from anynet.formats.pictures import Pictures
from anynet.typing import Array, ArrayLike, HostArray, Namespace, Shape

if TYPE_CHECKING:
    from anynet.architecture import Architecture
    from anynet.backends import Backend


@dataclass(frozen=True, eq=False)
class Streamed:
    """Rows that stay where they are, on the host or on disk, and are read a chunk at a time.

    Of `source`, n rows, no more is needed than `source[rows]`; they come in the `shape`
    (n, ...), which may be another than that of the source. `argument` names it in errors.
    """

    source: Any
    shape: Shape
    argument: str

    def read(self, rows: Any) -> HostArray:
        """Return the rows as a host array; ValueError if they are not finite."""
        a = rows_at(self.source, rows) if isinstance(rows, np.ndarray) else self.source[rows]
        a = a.toarray() if is_sparse(a) else np.asarray(refuse_masked(a, self.argument))
        check_finite(a, self.argument)
        return a.reshape(a.shape[0], *self.shape[1:])


@dataclass(frozen=True, eq=False)
class DeviceData:
    """A data set, checked, and put where batches are made from it.

    Each of x and y is an array on the device, or `Streamed`. `kept` is how many bytes were
    put on the device, to stay there; `scale` is that of x, as in `pixels.scale_of`; `is_column`
    says that y came as (n, 1); `columns` are those of the table that x is made of, and
    `pictures` what was done to the pictures that it is made of.
    """

    x: Array | Streamed
    y: Array | Streamed
    class_names: tuple[str, ...] | None
    kept: int
    scale: str | None
    is_column: bool
    columns: Columns | None = None
    pictures: Pictures | None = None
    weights: Array | None = None  # (n,) of mean 1, of data to be judged by; None: all count alike

    def __len__(self) -> int:
        return int(self.x.shape[0])


# To the device.


def to_device(
    backend: "Backend",
    data: Any,
    architecture: "Architecture",
    budget: float = math.inf,
    learnt_scale: str | None = None,
    keeps_x: bool = True,
) -> DeviceData:
    """Return data in any of their forms, checked and on the device: x (n, *input_shape), y labels or targets.

    Args:
        backend: Where they go.
        data: As for `as_dataset`; what is `DeviceData` already comes back as it is.
        architecture: Of the network that they are for.
        budget: How many bytes may be put on the device to stay, y before x; what does not fit
            there, or is not in memory, is streamed.
        learnt_scale: Of what the network has learnt from, or will have; None is any.
        keeps_x: Whether x may be put on the device to stay; if not, it is streamed from the host in any case.

    Raises:
        ValueError: Shapes, labels or numbers are not what the network takes.
        TypeError: An array is of another library, or holds no real numbers.
    """
    if isinstance(data, DeviceData):
        return data
    data, shape = as_dataset(data), architecture.input_shape
    y = backend.checked(data.y, "y")
    check_finite(y, "y")
    if data.in_memory:
        x = backend.checked(data.x, "x")
        check_finite(x, "x")
        x = shaped(array_namespace(x), x, shape)
    else:
        _check_shape(tuple(data.x.shape), shape)
        x = Streamed(data.x, (len(data), *shape), "x")
    is_column = tuple(y.shape[1:]) == (1,)
    y = targets_of.checked(array_namespace(y), y, architecture)
    if learnt_scale is not None:
        warn_of_scale(x, learnt_scale)
    scale = pixels.scale_of(_first(x)) if _is_seen(x) else None
    y, kept_of_y = _keep(backend, y, "y", budget)
    if not keeps_x and not isinstance(x, Streamed):
        x = Streamed(x if is_on_host(x) else backend.to_numpy(x), tuple(x.shape), "x")
    x, kept_of_x = _keep(backend, x, "x", budget - kept_of_y)
    read_as = data.columns, data.pictures
    return DeviceData(x, y, data.class_names, kept_of_x + kept_of_y, scale, is_column, *read_as)


def _keep(backend: "Backend", a: Array | Streamed, argument: str, budget: float) -> tuple[Array | Streamed, int]:
    """Return the array on the device if there is room for it, else streamed, and the bytes it takes there."""
    if isinstance(a, Streamed) or not is_on_host(a):  # the latter is on the device from the start
        return a, 0
    if a.nbytes <= budget:
        try:
            return backend.asarray(a, argument), a.nbytes
        except MemoryError:  # the device has less room than it was said to have
            pass
    return Streamed(a, tuple(a.shape), argument), 0


def budget_of(memory_limit: int | None) -> float:
    """Return a limit in bytes as a number, infinity for None; ValueError or TypeError if it is none."""
    if memory_limit is None:
        return math.inf
    return whole_number("memory_limit", memory_limit, least=0, limits="a number of bytes from 0")


def warn_of_scale(x: Array | Streamed, learnt: str) -> None:
    """Warn if the first examples of x are on another scale than what the network has learnt from."""
    mistake = pixels.of_another_scale(_first(x), learnt) if _is_seen(x) else None
    if mistake is not None:
        warn(mistake)


def _is_seen(x: Array | Streamed) -> bool:
    """Return whether x may be looked at: floats that are on a device already would be waited for."""
    return isinstance(x, Streamed) or is_on_host(x) or not array_namespace(x).isdtype(x.dtype, "real floating")


def _first(x: Array | Streamed) -> Array:
    """Return the first hundred examples, by which others are judged."""
    n = min(100, x.shape[0])
    if isinstance(x, Streamed):
        return x.read(slice(0, n))
    return x if n == x.shape[0] else x[:n, ...]


def warn_of_pixels(data: DeviceData) -> bool:
    """Warn if the first examples look as if what uint8 means had been forgotten; return whether they do."""
    mistake = pixels.mistaken(_first(data.x))
    if mistake is not None:
        warn(mistake)
    return mistake is not None


def shaped(xp: Namespace, x: Array, input_shape: Shape) -> Array:
    """Return a batch x as (n, *input_shape): flat rows are folded, and axes of size 1 do not count."""
    if tuple(x.shape[1:]) == input_shape:
        return x
    _check_shape(tuple(x.shape), input_shape)
    return xp.reshape(x, (x.shape[0], *input_shape))


def _fits(example: Shape, input_shape: Shape) -> bool:
    """Return whether the values of an example lie in the order of the input: in one row, or along the same axes."""
    given, wanted = ([n for n in shape if n != 1] for shape in (example, input_shape))
    return given == wanted or (math.prod(given) == math.prod(wanted) and 1 in (len(given), len(wanted)))


def _check_shape(given: Shape, input_shape: Shape) -> None:
    if len(given) < 2 or not _fits(given[1:], input_shape):
        expected = ", ".join(map(str, input_shape))
        cure = _cure(given, input_shape, f"(-1, {expected})")
        raise ValueError(f"x: expected the shape (n, {expected}), got {given}{cure}.")


def _cure(given: Shape, input_shape: Shape, wanted: str) -> str:
    """Return what may be wrong with a shape, and what to do."""
    channels_first = (input_shape[-1], *input_shape[:-1])
    for axes in ((0, 2, 3, 1), (1, 2, 0)):
        if len(input_shape) == 3 and len(given) == len(axes) and given[-3:] == channels_first:
            return f", which looks channels-first. Write x.transpose{axes}"
    if _fits(given, input_shape):
        return ". One example alone is x[None, ...]"
    if math.prod(input_shape) in (math.prod(given), math.prod(given[1:])):
        return f". If its values lie in that order, write x.reshape{wanted}"
    return ""


def check_finite(a: Array, argument: str) -> None:
    """Raise ValueError if the array holds NaN or infinity; a device waits for this."""
    xp = array_namespace(a)
    if xp.isdtype(a.dtype, "real floating") and not bool(xp.all(xp.isfinite(a))):
        raise ValueError(f"{argument}: expected finite numbers, got NaN or infinity. Clean the data first.")


def by_name(data: Dataset, class_names: tuple[str, ...] | None, architecture: "Architecture") -> Dataset:
    """Return a data set whose classes have the numbers that a network gives them: they are matched by their names.

    Args:
        data: Of which nothing is changed if it names no classes, or those of the network in
            their order.
        class_names: Of the network; None if it has none yet.
        architecture: Of the network.

    Raises:
        ValueError: A class is unknown to the network, or there are not as many names as classes.
    """
    given, n, is_regression = data.class_names, architecture.n_classes, architecture.task == "regression"
    if given is None or given == class_names:
        return data
    if is_regression and architecture.n_out == 1:
        raise ValueError(
            f"y: expected values, for the network's task is regression, got the classes {', '.join(given[:10])}. "
            "Leave class_names out, or take another output_activation."
        )
    if class_names is None:
        if len(given) != n and not is_regression:
            raise ValueError(
                f"class_names: expected {n}, as many as the network tells apart, got {len(given)}: "
                f"{', '.join(given[:10])}. Name each class, or take an output for each."
            )
        return data
    known = set(class_names)
    unknown = [name for name in given if name not in known]
    if unknown or len(set(given)) < len(given) or len(known) < n:
        raise ValueError(
            f"class_names: expected those of the network, {', '.join(class_names[:10])}, got "
            f"{', '.join((unknown or list(given))[:10])}. Take a network of its own for other classes."
        )
    numbered = targets_of.renumbered(array_namespace(data.y), data.y, given, class_names, architecture)
    return replace(data, y=numbered, class_names=class_names)


# On the device, as a network takes them.


def inputs(xp: Namespace, x: Array, dtype: str) -> Array:
    """Return inputs in a dtype, pixels scaled to [0, 1]."""
    return pixels.to_unit_interval(xp, x, getattr(xp, dtype))


def targets(xp: Namespace, y: Array, n_out: int, dtype: str, device: Any) -> Array:
    """Return y as targets (n, n_out) in a dtype: labels become one-hot rows."""
    if y.ndim == 1:
        y = y[:, None] == xp.arange(n_out, dtype=y.dtype, device=device)
    return xp.astype(y, getattr(xp, dtype), copy=False)


# One batch at the door: x in one of its forms, and the way back to it.


def to_batch(backend: "Backend", x: ArrayLike, input_shape: Shape) -> tuple[Array | Streamed, Callable[[Array], Array]]:
    """Return x as a batch (n, *input_shape) where it is, and a function that gives results its form.

    One example (n_in,), or an image alone, loses the axis of the batch again, the book's
    column (n_in, 1) comes back as a column. What came as no array of the backend comes back
    as a NumPy array. What is read from disk, or sparse, is streamed.
    """
    if isinstance(x, np.ndarray) or not backend.is_native(x):  # a tensor is one, and one example must not wait
        x = array_of(x)
        if is_read_by_rows(x) or is_sparse(x):
            _check_shape(tuple(x.shape), input_shape)
            return Streamed(x, (x.shape[0], *input_shape), "x"), lambda result: result
    is_native = backend.is_native(x)
    x = backend.checked(x)
    xp = backend.xp if is_native else np
    given, is_one, is_column = tuple(x.shape), False, False
    if given[1:] != input_shape:
        is_column = given == (math.prod(input_shape), 1)
        if not is_column and not (len(given) > 1 and _fits(given[1:], input_shape)) and _fits(given, input_shape):
            is_one = given == input_shape or len(given) == 1 or len(input_shape) > 1 or pixels.is_square(given)
        x = xp.reshape(x, (1, *input_shape)) if is_one or is_column else shaped(xp, x, input_shape)

    def restore(result: Array) -> Array:
        if is_one or (is_column and result.ndim == 1):
            result = result[0, ...]
        elif is_column:
            result = result.T
        return result

    return x, restore


def rows_of(backend: "Backend", y: ArrayLike, n: int, n_out: int, class_names: tuple[str, ...] | None = None) -> Array:
    """Return y as n rows: that of one example may be a digit or a column. Names of classes become their numbers."""
    y = backend.asarray(labels_of_names(y_of(y), class_names), "y")
    if n != 1 or tuple(y.shape) in ((1,), (1, n_out)):
        return y
    return backend.xp.reshape(y, (1, -1) if len(y.shape) > 0 else (1,))
