"""Data: what x and y may be. Taken in any form, checked once, and placed as far as there is room.

A user hands over a `Dataset`, a pair of arrays or the book's list of column pairs; a network
is given `DeviceData`: x (n, *input_shape) in its own dtype and y, labels (n,) or targets
(n, n_out), each on the device, or left where it is and read a chunk at a time.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import InitVar, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import array_namespace

from anynet import pixels
from anynet.backends import is_on_host, library_of
from anynet.checks import warn, whole_number
from anynet.typing import Array, ArrayLike, Generator, HostArray, Namespace, Shape

if TYPE_CHECKING:
    from anynet.architecture import Architecture
    from anynet.backends import Backend


@dataclass(frozen=True, eq=False)
class Dataset:
    """n examples: inputs x, what should come out, y, and the names of the classes.

    Args:
        x: Inputs, (n, ...). uint8 means pixels, 0 to 255. No more is needed of it than
            `shape`, `dtype` and `x[indices]`, so that a memory-mapped file will do; of lists
            arrays are made.
        y: Labels (n,) or targets (n, n_out).
        class_names: Of the classes, in the order of their labels; of any kind, kept as text.
        classes: The same, by its former name.

    Raises:
        ValueError: x and y do not have as many rows, or have none.
        TypeError: The names of the classes are one text.

    Example:
        >>> len(Dataset([[0.0, 1.0], [1.0, 0.0]], [0, 1], ["no", "yes"]))
        2
    """

    x: Any
    y: Any
    class_names: tuple[str, ...] | None = None
    classes: InitVar[Any] = None

    def __post_init__(self, classes: Any) -> None:
        names = self.class_names if classes is None else classes
        object.__setattr__(self, "x", _as_array(self.x, "x"))
        object.__setattr__(self, "y", _as_array(self.y, "y"))
        if isinstance(names, str):
            raise TypeError(f"class_names: expected a sequence of names, got the text {names!r}.")
        if names is not None:  # those of np.unique(y) are NumPy's, and a file takes plain text
            object.__setattr__(self, "class_names", tuple(map(str, names)))
        if len(self.x.shape) < 2:
            raise ValueError(
                f"x: expected examples in rows, (n, n_in), got the shape {tuple(self.x.shape)}. "
                "One example alone is x[None, :]; n examples of one number are x[:, None]."
            )
        if len(self.y.shape) not in (1, 2):
            raise ValueError(f"y: expected labels (n,) or targets (n, n_out), got the shape {tuple(self.y.shape)}.")
        if self.x.shape[0] != self.y.shape[0]:
            raise ValueError(f"y: expected {self.x.shape[0]} rows, as in x, got {self.y.shape[0]}.")
        if self.x.shape[0] == 0:
            raise ValueError("x: expected at least one example, got an empty data set.")

    def __len__(self) -> int:
        return int(self.x.shape[0])

    @property
    def in_memory(self) -> bool:
        """Whether x is a plain array; anything else is read a chunk at a time."""
        return library_of(self.x) is not None and not isinstance(self.x, np.memmap)


del Dataset.classes  # type: ignore[attr-defined] # the default of an argument, which would otherwise be read as an attribute


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
        a = np.asarray(self.source[rows])
        if a.dtype.kind == "f" and not np.isfinite(a).all():
            raise ValueError(_not_finite(self.argument))
        return a.reshape(a.shape[0], *self.shape[1:])


@dataclass(frozen=True, eq=False)
class DeviceData:
    """A data set, checked, and put where batches are made from it.

    Each of x and y is an array on the device, or `Streamed`. `kept` is how many bytes were
    put on the device, to stay there.
    """

    x: Array | Streamed
    y: Array | Streamed
    class_names: tuple[str, ...] | None
    kept: int

    def __len__(self) -> int:
        return int(self.x.shape[0])


def as_dataset(data: Any) -> Dataset:
    """Return data in any of their forms as a Dataset.

    Args:
        data: A `Dataset`, an (x, y) pair of arrays, or the book's list of (x, y) column pairs,
            where y is a one-hot column or a digit.

    Returns:
        The data set; one that is given comes back as it is.

    Raises:
        TypeError: It is anything else.
        ValueError: Rows do not match, or there are none.

    Example:
        >>> as_dataset(([[0.0, 1.0], [1.0, 0.0]], [0, 1])).x.shape
        (2, 2)
    """
    if isinstance(data, Dataset):
        return data
    if isinstance(data, tuple) and len(data) == 2:
        return Dataset(*data)
    if isinstance(data, Iterable) and library_of(data) is None:
        pairs = list(data)
        if not pairs:
            raise ValueError("data: expected at least one example, got an empty list.")
        if all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
            return Dataset(_stacked([x for x, _ in pairs], "x"), _stacked([y for _, y in pairs], "y"))
    raise TypeError(
        "data: expected a Dataset, an (x, y) pair of arrays, or a list of (x, y) column pairs, "
        f"got {type(data).__name__}."
    )


def split(data: Dataset, fraction: float, rng: Generator) -> tuple[Dataset, Dataset]:
    """Return (train, validation), chosen at random.

    Args:
        data: Host arrays; x and y are copied.
        fraction: The share of the examples that is for validation, between 0 and 1.
        rng: Where the choice comes from.

    Returns:
        Two data sets that have every example once.

    Raises:
        ValueError: The fraction leaves no example on one side.

    Example:
        >>> data = Dataset(np.ones((10, 3)), np.arange(10) % 2)
        >>> [len(part) for part in split(data, 0.2, np.random.default_rng(0))]
        [8, 2]
    """
    n = len(data)
    n_validation = round(n * fraction) if 0 < fraction < 1 else 0
    if not 0 < n_validation < n:
        raise ValueError(
            f"validation fraction: expected a number between 0 and 1 that leaves examples on either side, "
            f"got {fraction!r} of {n} examples. Take 0.1, say, or more data."
        )
    order = rng.permutation(n)
    validation, train = (
        Dataset(data.x[rows], data.y[rows], data.class_names) for rows in (order[:n_validation], order[n_validation:])
    )
    return train, validation


def _as_array(x: ArrayLike, argument: str) -> Any:
    """Return x as it is if it has a shape, else what NumPy makes of it."""
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        return x
    try:
        return np.asarray(x)
    except ValueError:
        raise ValueError(f"{argument}: expected numbers in equal rows, got rows of different lengths.") from None


def _stacked(columns: Sequence[Any], argument: str) -> Any:
    """Return the book's columns (n_in, 1) as the rows of (n, n_in), and digits as (n,)."""
    rows = [_as_array(column, argument) for column in columns]
    libraries = sorted({library_of(row) or "numpy" for row in rows})
    if len(libraries) > 1:
        raise TypeError(
            f"{argument}: expected arrays of one library, got {' and '.join(libraries)} among them. "
            "Convert them with backends.to_numpy."
        )
    shapes = {tuple(row.shape) for row in rows}
    if len(shapes) > 1:
        raise ValueError(
            f"{argument}: expected examples of one shape, got {' and '.join(map(str, sorted(shapes)[:2]))} among them."
        )
    xp = array_namespace(*rows)
    stacked = xp.stack(rows)
    return stacked[..., 0] if stacked.ndim == 3 and stacked.shape[2] == 1 else stacked


# To the device.


def to_device(backend: "Backend", data: Any, architecture: "Architecture", budget: float = math.inf) -> DeviceData:
    """Return data in any of their forms, checked and on the device: x (n, *input_shape), y labels or targets.

    Args:
        backend: Where they go.
        data: As for `as_dataset`; what is `DeviceData` already comes back as it is.
        architecture: Of the network that they are for.
        budget: How many bytes may be put on the device to stay, y before x; what does not fit
            there, or is not in memory, is streamed.

    Raises:
        ValueError: Shapes, labels or numbers are not what the network takes.
        TypeError: An array is of another library, or holds no real numbers.
    """
    if isinstance(data, DeviceData):
        return data
    data, shape = as_dataset(data), architecture.input_shape
    y = backend.checked(data.y, "y")
    if data.in_memory:
        x = backend.checked(data.x, "x")
        check_finite(x, "x")
        x = shaped(array_namespace(x), x, shape)
    else:
        _check_shape(tuple(data.x.shape), shape)
        x = Streamed(data.x, (len(data), *shape), "x")
    y = _labels_or_targets(array_namespace(y), y, architecture)
    y, kept_of_y = _keep(backend, y, "y", budget)
    x, kept_of_x = _keep(backend, x, "x", budget - kept_of_y)
    return DeviceData(x, y, data.class_names, kept_of_x + kept_of_y)


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
    if isinstance(memory_limit, bool) or not isinstance(memory_limit, (int, np.integer)):
        raise TypeError(f"memory_limit: expected a whole number of bytes or None, got {memory_limit!r}.")
    if memory_limit < 0:
        raise ValueError(f"memory_limit: expected a number of bytes from 0, got {memory_limit}.")
    return whole_number("memory_limit", memory_limit, least=0)


def warn_of_pixels(data: DeviceData) -> None:
    """Warn if the first examples look as if what uint8 means had been forgotten."""
    first = slice(0, min(100, len(data)))
    mistake = pixels.mistaken(data.x.read(first) if isinstance(data.x, Streamed) else data.x[first, ...])
    if mistake is not None:
        warn(mistake)


def shaped(xp: Namespace, x: Array, input_shape: Shape) -> Array:
    """Return a batch x as (n, *input_shape), flattened or folded if the numbers suffice."""
    if tuple(x.shape[1:]) == input_shape:
        return x
    _check_shape(tuple(x.shape), input_shape)
    return xp.reshape(x, (x.shape[0], *input_shape))


def _check_shape(given: Shape, input_shape: Shape) -> None:
    if len(given) < 2 or math.prod(given[1:]) != math.prod(input_shape):
        raise ValueError(f"x: expected the shape (n, {', '.join(map(str, input_shape))}), got {given}.")


def _labels_or_targets(xp: Namespace, y: Array, architecture: "Architecture") -> Array:
    n_out = architecture.n_out
    if xp.isdtype(y.dtype, "bool"):
        y = xp.astype(y, xp.int32)
    check_finite(y, "y")
    if y.ndim == 2 and y.shape[1] != n_out:
        raise ValueError(f"y: expected targets of the shape (n, {n_out}), got {tuple(y.shape)}.")
    if y.ndim == 1 and n_out > 1:
        return _labels(xp, y, n_out)
    if y.ndim == 1:  # values, or 0 and 1, or -1 and 1 for tanh
        if architecture.task == "classification" and xp.isdtype(y.dtype, "integral"):
            _check_two_classes(int(xp.min(y)), int(xp.max(y)))
        y = y[:, None]
    if architecture.cost is not None:
        architecture.cost.check_targets(y)
    return y


def _check_two_classes(low: int, high: int) -> None:
    if not -1 <= low <= high <= 1:
        raise ValueError(
            f"y: expected 0 and 1, for one output tells two classes apart, got numbers from {low} "
            f"to {high}. Number the classes from 0, or take an output for each."
        )


def _labels(xp: Namespace, y: Array, n_out: int) -> Array:
    labels = xp.astype(y, xp.int32)
    low, high = float(xp.min(y)), float(xp.max(y))
    if low < 0 or high >= n_out or bool(xp.any(xp.astype(labels, y.dtype) != y)):
        raise ValueError(
            f"y: expected whole labels from 0 to {n_out - 1}, as many as there are outputs, "
            f"got numbers from {low:g} to {high:g} of dtype {y.dtype}."
        )
    return labels


def check_finite(a: Array, argument: str) -> None:
    """Raise ValueError if the array holds NaN or infinity; a device waits for this."""
    xp = array_namespace(a)
    if xp.isdtype(a.dtype, "real floating") and not bool(xp.all(xp.isfinite(a))):
        raise ValueError(_not_finite(argument))


def _not_finite(argument: str) -> str:
    return f"{argument}: expected finite numbers, got NaN or infinity. Clean the data first."


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


def to_batch(backend: "Backend", x: ArrayLike, input_shape: Shape) -> tuple[Array, Callable[[Array], Array]]:
    """Return x as a batch (n, *input_shape) where it is, and a function that gives results its form.

    One example (n_in,) loses the axis of the batch again, the book's column (n_in, 1) comes
    back as a column. What came as no array of the backend comes back as a NumPy array.
    """
    is_native = backend.is_native(x)
    x = backend.checked(x)
    xp = backend.xp if is_native else np
    given, is_one, is_column = tuple(x.shape), False, False
    if given[1:] != input_shape:
        n_in = math.prod(input_shape)
        is_one, is_column = given in (input_shape, (n_in,)), given == (n_in, 1)
        x = xp.reshape(x, (1, *input_shape)) if is_one or is_column else shaped(xp, x, input_shape)

    def restore(result: Array) -> Array:
        if is_one or (is_column and result.ndim == 1):
            result = result[0, ...]
        elif is_column:
            result = result.T
        return result

    return x, restore


def rows_of(backend: "Backend", y: ArrayLike, n: int, n_out: int) -> Array:
    """Return y as n rows: that of one example may be a digit or a column."""
    y = backend.asarray(y, "y")
    if n != 1 or tuple(y.shape) in ((1,), (1, n_out)):
        return y
    return backend.xp.reshape(y, (1, -1) if len(y.shape) > 0 else (1,))
