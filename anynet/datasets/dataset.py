"""A data set: inputs x and what should come out, y, row by row."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from anynet.backends import library_of
from anynet.random import Generator


@dataclass(frozen=True, eq=False)
class Dataset:
    """n examples: x (n, ...), y labels (n,) or targets (n, n_out), and the classes' names.

    uint8 in x means pixels, 0 to 255. Of x no more is needed than `shape`, `dtype` and
    `x[indices]`, so that a memory-mapped file will do; of lists arrays are made. `classes`
    may be any sequence, of numbers too. Raises ValueError unless x and y have as many rows,
    at least one.
    """

    x: Any
    y: Any
    classes: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", _as_array(self.x, "x"))
        object.__setattr__(self, "y", _as_array(self.y, "y"))
        if isinstance(self.classes, str):
            raise TypeError(f"classes: expected a sequence of names, got the text {self.classes!r}.")
        if self.classes is not None:  # those of np.unique(y) are NumPy's, and a file takes plain text
            object.__setattr__(self, "classes", tuple(map(str, self.classes)))
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


@dataclass(frozen=True, eq=False)
class Streamed:
    """Rows that stay where they are, on the host or on disk, and are read a chunk at a time.

    Of `source`, n rows, no more is needed than `source[rows]`; they come in the `shape`
    (n, ...), which may be another than that of the source. `argument` names it in errors.
    """

    source: Any
    shape: tuple[int, ...]
    argument: str

    def read(self, rows: Any) -> np.ndarray[Any, Any]:
        """Return the rows as a host array; ValueError if they are not finite."""
        a = np.asarray(self.source[rows])
        if a.dtype.kind == "f" and not np.isfinite(a).all():
            raise ValueError(f"{self.argument}: expected finite numbers, got NaN or infinity. Clean the data first.")
        return a.reshape(a.shape[0], *self.shape[1:])


def as_dataset(data: Any) -> Dataset:
    """Return data in any of their forms as a Dataset.

    They are one already, an (x, y) pair of arrays, or the book's list of (x, y) column
    pairs, where y is a one-hot column or a digit. Raises TypeError for anything else,
    ValueError for rows that do not match.
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


def _as_array(x: Any, argument: str) -> Any:
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


def split(data: Dataset, fraction: float, rng: Generator) -> tuple[Dataset, Dataset]:
    """Return (train, validation): `fraction` of the examples, chosen at random, are for validation.

    Arrays are host arrays; x and y are copied. Raises ValueError unless 0 < fraction < 1
    leaves at least one example on either side.
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
        Dataset(data.x[rows], data.y[rows], data.classes) for rows in (order[:n_validation], order[n_validation:])
    )
    return train, validation
