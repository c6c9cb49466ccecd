"""Examples: x and y in whatever form a user has them, made arrays once, here at the door.

What is array-like, a list or a frame say, becomes an array before anything is taken out of
it by position: a frame would answer by label. What lies on disk stays there, and is read a
chunk at a time. Names of classes in y become labels. Whether a network can learn from them
is not asked here.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from anynet.backends import library_of, to_numpy
from anynet.backends.dtypes import refuse_masked
from anynet.checks import as_code, names_of_classes
from anynet.formats.columns import Columns
from anynet.formats.columns import checked as checked_columns
from anynet.formats.pictures import Pictures
from anynet.formats.pictures import checked as checked_pictures
from anynet.typing import ArrayLike, HostArray

_TO_LABELS = "Make labels of them: classes, y = np.unique(y, return_inverse=True)"


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Dataset:
    """n examples: inputs x, what should come out, y, and the names of the classes.

    Args:
        x: Inputs, (n, ...). uint8 means pixels, 0 to 255. No more is needed of it than
            `shape`, `dtype` and `x[indices]`, so that a memory-mapped or an HDF5 file will
            do; rows of a sparse matrix are made dense when they are used; of lists, frames
            and whatever else is like an array, arrays are made.
        y: Labels (n,), targets (n, n_out), or the names of classes (n,), which become labels.
        class_names: Of the classes, in the order of their labels; of any kind, kept as text.
            By default those in y, if it holds names, in alphabetical order.
        classes: The same, by its former name.
        columns: Of the table that x is made of, as `read_data` tells them; a network keeps them.
        pictures: What was done to those that x is made of, as `image_folder` tells; likewise.

    Raises:
        ValueError: x and y do not have as many rows, or have none; something is masked; y has
            a name that `class_names` lacks; two names are the same, or one cannot be shown; or x cannot be
            made of such columns or pictures.
        TypeError: The names of the classes are one text; x or y holds something else than
            numbers.

    Example:
        >>> len(Dataset([[0.0, 1.0], [1.0, 0.0]], [0, 1], ["no", "yes"]))
        2
        >>> Dataset([[0.0, 1.0], [1.0, 0.0]], ["yes", "no"]).y.tolist()
        [1, 0]
    """

    x: Any
    y: Any
    class_names: tuple[str, ...] | None
    columns: Columns | None
    pictures: Pictures | None

    def __init__(
        self, x: Any, y: Any, class_names: Any = None, classes: Any = None, columns: Any = None, pictures: Any = None
    ) -> None:
        names = names_of_classes(class_names if classes is None else classes)
        x, y = array_of(x), y_of(y)
        if names is None and is_text(y):
            names = names_of_classes(np.unique(_texts(y)).tolist())
        y = labels_of_names(y, names)
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "y", y)
        object.__setattr__(self, "class_names", names)
        if len(x.shape) < 2:
            raise ValueError(
                f"x: expected examples in rows, (n, n_in), got the shape {tuple(x.shape)}. "
                "One example alone is x[None, :]; n examples of one number are x[:, None]."
            )
        if len(y.shape) not in (1, 2):
            raise ValueError(f"y: expected labels (n,) or targets (n, n_out), got the shape {tuple(y.shape)}.")
        if x.shape[0] != y.shape[0]:
            raise ValueError(f"y: expected {x.shape[0]} rows, as in x, got {y.shape[0]}.")
        if x.shape[0] == 0:
            raise ValueError("x: expected at least one example, got an empty data set.")
        n_inputs = math.prod(x.shape[1:])
        object.__setattr__(self, "columns", checked_columns(columns, n_inputs))
        object.__setattr__(self, "pictures", checked_pictures(pictures, n_inputs))

    def __len__(self) -> int:
        return int(self.x.shape[0])

    def __getitem__(self, rows: Any) -> "Dataset":
        """Return the examples that a slice, a mask (n,) or indices choose, as a data set; of a file they are read."""
        key = _chosen(rows, len(self))
        return replace(self, x=rows_at(self.x, key), y=rows_at(self.y, key))

    def __repr__(self) -> str:
        x, y = (f"{tuple(a.shape)} of {a.dtype}" for a in (self.x, self.y))
        names = self.class_names or ()
        said = f", classes {', '.join(names[:10])}{', ...' * (len(names) > 10)}" * bool(names)
        return f"<Dataset of {len(self)}: x {x}, y {y}{said}>"

    def counts(self) -> dict[Any, int]:
        """Return how many examples there are of each class, by its name where names are known, else by its label.

        Raises:
            ValueError: y holds values, and no classes.

        Example:
            >>> Dataset([[0.0], [1.0], [2.0]], ["yes", "no", "yes"]).counts()
            {'no': 1, 'yes': 2}
        """
        labels = _labels(self.y)
        names = self.class_names if self.class_names and labels.max() < len(self.class_names) else ()
        found, counts = np.unique(labels, return_counts=True)
        by_label = dict(zip(found.tolist(), counts.tolist(), strict=True))
        return {name: by_label.get(label, 0) for label, name in enumerate(names)} or by_label

    @property
    def in_memory(self) -> bool:
        """Whether x is a plain array; anything else is read a chunk at a time."""
        return is_in_memory(self.x)


def _chosen(rows: Any, n: int) -> HostArray | slice:
    """Return what chooses some of n rows as a slice that every library takes, or as indices from 0."""
    if isinstance(rows, slice):
        start, stop, step = rows.indices(n)
        return slice(start, stop, step) if step > 0 else np.arange(n)[rows]
    a = to_numpy(rows)
    if a.ndim != 1 or a.dtype.kind not in "biu":
        got = as_code(rows) if a.ndim == 0 else f"an array of {a.dtype} of the shape {a.shape}"
        raise TypeError(
            f"data: expected a slice, a mask, or indices (n,), got {got}. One example alone is data[i:i + 1], or "
            "data.x[i] and data.y[i]."
        )
    try:
        chosen: HostArray = np.arange(n)[a]
    except IndexError as error:
        raise IndexError(f"data: expected indices of {n} examples, or a mask of as many, got others: {error}") from None
    return chosen


def _labels(y: Any) -> HostArray:
    """Return the class of each example as a whole number, of labels or of one-hot rows; -1 and 1 are 0 and 1."""
    rows = to_numpy(y)
    is_one_hot = rows.ndim == 2 and rows.shape[1] > 1
    if is_one_hot and ((rows == 0) | (rows == 1)).all() and (rows.sum(axis=1) == 1).all():
        return np.asarray(rows.argmax(axis=1))
    if is_one_hot or not (rows == np.round(rows)).all():
        raise ValueError("y: expected classes, labels or one-hot rows, got values. Count them with np.histogram, say.")
    rows = rows.ravel().astype(np.int64)
    return (rows + 1) // 2 if rows.min() == -1 and (abs(rows) == 1).all() else rows


def as_dataset(data: Any, y: Any = None) -> Dataset:
    """Return data in any of their forms as a Dataset.

    Args:
        data: A `Dataset`, an (x, y) pair of arrays, or the book's list of (x, y) column pairs,
            where y is a one-hot column or a digit; or x alone, if y is given.
        y: As in a `Dataset`; None if `data` holds it.

    Returns:
        The data set; one that is given comes back as it is.

    Raises:
        TypeError: It is anything else.
        ValueError: Rows do not match, or there are none.

    Example:
        >>> as_dataset(([[0.0, 1.0], [1.0, 0.0]], [0, 1])).x.shape
        (2, 2)
    """
    if y is not None:
        return _of_two(data, y)
    if isinstance(data, Dataset):
        return data
    if isinstance(data, tuple) and len(data) == 2 and not all(map(_is_column_pair, data)):
        return Dataset(*data)
    is_loader = hasattr(type(data), "__iter__") and hasattr(data, "batch_size")
    if isinstance(data, Iterable) and library_of(data) is None and not is_loader:
        pairs = _listed(data, "data") if isinstance(data, Iterator) else list(data)
        if not pairs:
            raise ValueError("data: expected at least one example, got an empty list.")
        if all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
            return Dataset(_stacked([x for x, _ in pairs], "x"), _stacked([y for _, y in pairs], "y"))
    cure = " It yields batches: join them to one x and one y, or hand over the arrays it is made of." * is_loader
    raise TypeError(
        "data: expected x and y, a Dataset, an (x, y) pair of arrays, or a list of (x, y) column pairs, "
        f"got {type(data).__name__}.{cure}"
    )


def _of_two(x: Any, y: Any) -> Dataset:
    """Return x and y as a Dataset; TypeError if one of them is what belongs elsewhere."""
    if isinstance(y, Integral):
        got = as_code(y)
        raise TypeError(
            f"y: expected what should come out for each example, got {got}. All else goes by its name: epochs={got}."
        )
    if isinstance(x, Dataset) or isinstance(y, Dataset):
        raise TypeError(
            f"{'x' if isinstance(x, Dataset) else 'y'}: expected an array of its own, got a Dataset, which holds "
            "x and y. Hand it over alone; data to be judged by go by their name: validation=..."
        )
    return Dataset(x, y)


# What is like an array, made one.


def array_of(x: ArrayLike, argument: str = "x") -> Any:
    """Return x as an array, a sparse matrix of rows, or what is read from disk a chunk at a time.

    Args:
        x: Anything like an array.
        argument: Its name, for errors.

    Raises:
        TypeError: It holds something else than numbers; the column is named.
        ValueError: Some of it is masked, or rows are of different lengths.
    """
    a = _as_array(x, argument)
    if isinstance(a, np.ndarray) and a.dtype.kind in "OSUT":
        return _numbers(x, a, argument)
    return a


def _as_array(x: ArrayLike, argument: str) -> Any:
    if type(x) is np.ndarray:  # at once: a single example takes tens of microseconds in all
        return x
    if isinstance(x, Dataset):
        raise TypeError(f"{argument}: expected an array, got a Dataset, which holds x and y. Give data.x.")
    if isinstance(x, Iterator):
        x = _listed(x, argument)
    refuse_masked(x, argument)
    if is_sparse(x):
        return x.tocsr()
    if is_read_by_rows(x):
        return x
    if library_of(x) not in (None, "numpy") or isinstance(x, np.memmap):
        return x
    try:
        return np.asarray(x)
    except ValueError:
        raise ValueError(f"{argument}: expected numbers in equal rows, got rows of different lengths.") from None


def is_read_by_rows(x: Any) -> bool:
    """Tell whether rows are read from x when they are needed: a file, or what knows its rows alone."""
    if (
        isinstance(x, np.ndarray)
        or library_of(x) is not None
        or not all(hasattr(x, name) for name in ("shape", "dtype", "__getitem__"))
    ):
        return False
    kind = type(x)  # of a frame's value `chunks` may be a column
    return not hasattr(kind, "__array__") or hasattr(kind, "chunks") or hasattr(kind, "chunking")


def is_sparse(x: Any) -> bool:
    """Tell whether x is a sparse matrix, such as SciPy's."""
    return hasattr(type(x), "tocsr")


def is_in_memory(x: Any) -> bool:
    """Tell whether x is a plain array."""
    return library_of(x) is not None and not isinstance(x, np.memmap)


def rows_at(source: Any, rows: HostArray | slice) -> Any:
    """Return rows of whatever has rows, in the order asked for; a file is read in its own, as HDF5 demands."""
    library = library_of(source)
    if isinstance(rows, slice):
        return source[rows] if library is None else source[rows, ...]
    if library == "numpy" or is_sparse(source):
        return source[rows]
    if library is not None:
        xp = array_namespace(source)
        return xp.take(source, xp.asarray(np.ascontiguousarray(rows), device=device(source)), axis=0)
    increasing, back = np.unique(rows, return_inverse=True)
    return np.asarray(refuse_masked(source[increasing], "x"))[back]


def _is_real(value: Any) -> bool:
    if isinstance(value, int):
        return value.bit_length() < 1024  # else no float is so large
    return isinstance(value, (Real, np.bool_))


def _numbers(x: Any, a: HostArray, argument: str) -> HostArray:
    """Return an array of objects as numbers, if a frame's columns hold nothing else; else say which does not."""
    columns = a.T if a.ndim == 2 else a[None]
    cells = ((i, j, v) for j, column in enumerate(columns) for i, v in enumerate(np.ravel(column).tolist()))
    wrong = next((cell for cell in cells if not _is_real(cell[2])), None)
    if wrong is None and not isinstance(x, np.ndarray):
        return a.astype(np.float64)
    where, cure = "", f"Convert it: {argument}.astype('float32')"
    if wrong is not None:
        i, j, v = wrong
        where = f", with {as_code(v)} in column {_name_of(x, j)!r}, row {i}" * (a.ndim == 2)
        cure = "Make numbers of it, a column of 0 and 1 per category say, as pandas.get_dummies does, or leave it out"
    raise TypeError(f"{argument}: expected real numbers, got an array of {a.dtype}{where}. {cure}.")


def _name_of(x: Any, column: int) -> Any:
    names = getattr(x, "columns", None)
    return column if names is None else str(list(names)[column])


def _stacked(columns: Sequence[Any], argument: str) -> Any:
    """Return the book's columns (n_in, 1) as the rows of (n, n_in), and digits as (n,)."""
    if all(isinstance(column, (int, np.integer)) for column in columns):  # digits: of tens of thousands each is asked
        return np.asarray(columns)
    are_numpys = all(type(column) is np.ndarray for column in columns)  # likewise, once
    rows = columns if are_numpys else [_as_array(column, argument) for column in columns]
    libraries = ["numpy"] if are_numpys else sorted({library_of(row) or "numpy" for row in rows})
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
    if are_numpys and rows[0].ndim > 0:
        stacked = np.concatenate(rows).reshape(len(rows), *rows[0].shape)  # twice as fast as np.stack
    else:
        stacked = array_namespace(*rows).stack(rows)
    return stacked[..., 0] if stacked.ndim == 3 and stacked.shape[2] == 1 else stacked


def _listed(iterator: Iterator[Any], argument: str) -> list[Any]:
    """Return what an iterator yields, which is read here, once; ValueError if it is used up."""
    if not (found := list(iterator)):
        raise ValueError(
            f"{argument}: expected at least one example, got an iterator with none left. It can be read once: "
            "make a list of it, list(...), and hand that over each time."
        )
    return found


def _is_column_pair(pair: Any) -> bool:
    """Tell whether something is one of the book's pairs, whose x is a column."""
    if not (isinstance(pair, (tuple, list)) and len(pair) == 2 and library_of(pair[0])):
        return False
    return len(pair[0].shape) == 2 and pair[0].shape[1] == 1


# y, and the names of classes in it.


def y_of(y: ArrayLike) -> Any:
    """Return y as an array; it is never left on disk."""
    y = _as_array(y, "y")
    if is_sparse(y):
        return y.toarray()
    return rows_at(y, np.arange(y.shape[0])) if is_read_by_rows(y) else y


def is_text(y: Any) -> bool:
    """Tell whether an array is of objects or texts, and of no numbers."""
    return isinstance(y, np.ndarray) and y.dtype.kind in "OSUT"


def labels_of_names(y: Any, class_names: tuple[str, ...] | None) -> Any:
    """Return y, (n,) or (n, 1), as labels if it holds names of classes, as it is if it holds numbers.

    Raises:
        TypeError: There is something else than text in it, or nothing is known of the names.
        ValueError: `class_names` lacks one.
    """
    if not is_text(y):
        return y
    given, names = _texts(y), class_names or ()
    if not names:
        raise TypeError(f"y: expected numbers, got names of classes, such as {as_code(given[0])}. {_TO_LABELS}.")
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise ValueError(f"y: expected names among {', '.join(names)}, got {as_code(unknown[0])}. Name all classes.")
    number = {name: i for i, name in enumerate(names)}
    return np.asarray([number[name] for name in given], np.int64)


def _texts(y: HostArray) -> list[str]:
    given = [v.decode() if isinstance(v, bytes) else v for v in y.ravel().tolist()]
    if (y.ndim == 2 and y.shape[1] != 1) or not all(isinstance(v, str) for v in given):
        raise TypeError(
            f"y: expected real numbers or names of classes, (n,), got an array of {y.dtype} of the shape {y.shape}. "
            f"{_TO_LABELS}."
        )
    return given
