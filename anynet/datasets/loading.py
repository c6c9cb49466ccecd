"""A user's own data, from disk: an `.npz` of x and y, a CSV file, or a pair of IDX files.

What a file declares is checked before its contents are unpacked, and nothing is unpickled.
"""

import math
from collections import Counter
from pathlib import Path

import numpy as np

from anynet.checks import NAMES, as_code, is_name, no_name, path_of, path_shown
from anynet.data import check_finite
from anynet.examples import Dataset
from anynet.formats import csv, npz
from anynet.formats.bounded import opened
from anynet.formats.columns import Column, Columns
from anynet.formats.contents import got, kind_of
from anynet.formats.idx import is_idx, read_idx
from anynet.typing import HostArray

_CURE = "Save the data with np.savez(path, x=x, y=y)"


def kind(path: str | Path) -> str:
    """Return which kind of data a file holds, by its first bytes: "npz", "idx", "csv", "pickle", or "" for another."""
    head = _beginning(path)
    kinds = {"a zip archive": "npz", "a CSV file": "csv", "a pickle": "pickle"}
    return "idx" if is_idx(head[:4]) else kinds.get(kind_of(head), "")


def instead(path: str | Path) -> str:
    """Return how an error ends that met a file of another kind: what it is, and what to do."""
    return got(_beginning(path), _CURE)


def _beginning(path: str | Path) -> bytes:
    with opened(path) as reader:
        return bytes(reader.peek()[:1000])


def read_data(
    path: str | Path, labels_path: str | Path | None = None, target: str | int = -1, columns: Columns | None = None
) -> Dataset:
    r"""Read a data set from disk: an `.npz` of x and y, a CSV file, or a pair of IDX files.

    What a file is, its first bytes say, whatever its name.

    Args:
        path: An `.npz` file with the arrays x (n, ...) and y (n,) or (n, n_out); a CSV file,
            with a header or none; or an IDX file of images (n, height, width). The latter two
            may be gzipped.
        labels_path: The IDX file of the labels (n,) that go with IDX images. By default
            there is none, for other files hold their own.
        target: The column of y in a CSV file, by its name in the header or by its number from
            0; by default the last. All others are x: numbers, or texts, of which a column of 0
            and 1 is made for each that there is, in the order of their code points.
        columns: What columns of a CSV file are to be made into, `net.columns` of a network that
            has learnt from such a table; by default that is told from their values.

    Returns:
        The data set. x is as in the `.npz` file, or (n, height * width); bytes mean pixels.
        Of names of classes in y labels are made. `columns` are those of a CSV file.

    Raises:
        OSError: A file cannot be read.
        ValueError: A file is of no such kind, is damaged, holds no finite numbers or arrays
            that do not fit one another; or there are labels too few or too many.
        TypeError: A path or columns are none.

    Example:
        >>> import pathlib, tempfile
        >>> from anynet import datasets
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "flowers.csv"
        ...     size = path.write_text("length,width,species\n1.4,0.2,setosa\n4.7,1.4,versicolor\n")
        ...     data = datasets.read_data(path)
        >>> data.x.tolist(), data.y.tolist(), data.class_names
        ([[1.4, 0.2], [4.7, 1.4]], [0, 1], ('setosa', 'versicolor'))
    """
    found = kind(path)
    labels_path = None if labels_path is None else path_of(labels_path, "labels_path")
    if columns is not None and not (isinstance(columns, tuple) and all(isinstance(c, Column) for c in columns)):
        raise TypeError(f"columns: expected net.columns, got {as_code(columns)}.")
    if found == "idx":
        if labels_path is None:
            raise ValueError(
                f"{path_shown(path)}: expected a file of labels with this IDX file of images, got none. Name both."
            )
        return _read_idx_pair(path, labels_path)
    if found not in ("npz", "csv"):
        raise ValueError(f"{path_shown(path)}: expected an .npz, CSV or IDX file, {instead(path)}")
    if labels_path is not None:
        raise ValueError(
            f"{path_shown(labels_path)}: expected no file of labels, for {path_shown(path)} holds its own y. Leave it "
            "out."
        )
    return read_npz_dataset(path) if found == "npz" else _read_table(path, target, columns)


def read_inputs(path: str | Path, n_in: int, target: str | int = -1, columns: Columns | None = None) -> HostArray:
    """Return the inputs alone, for a network of `n_in` of them: (n, ...), those that `read_data` returns as x.

    Args:
        path: As for `read_data`; an `.npz` file needs no y, and a CSV file no column of it.
        n_in: How many numbers an example has.
        target: As for `read_data`.
        columns: Likewise; without them all columns of a CSV file are numbers.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is of no such kind, or has another number of values.
    """
    found = kind(path)
    if found == "npz":
        x = _of_numbers(npz.read(path, names=("x", "s"))[0], "x", path)
    elif found == "csv":
        x = csv.read(path, target, n_in, columns).x
    elif found == "idx":
        x = read_idx(path)
    else:
        raise ValueError(f"{path_shown(path)}: expected examples in an .npz, CSV or IDX file, {instead(path)}")
    check_finite(x, f"{path_shown(path)}: x")
    if x.ndim < 2 or math.prod(x.shape[1:]) != n_in:
        raise ValueError(
            f"{path_shown(path)}: expected rows of {n_in} numbers, as many as the network takes, got {x.shape[1:]}."
        )
    return x.reshape(len(x), n_in)


def read_npz_dataset(path: str | Path) -> Dataset:
    """Read a data set from an `.npz` file.

    Args:
        path: The file, as `np.savez(path, x=x, y=y)` writes it, compressed or not. An array
            `classes` holds the names of the classes; others are left alone.

    Returns:
        The data set of the arrays x (n, ...) and y (n,) or (n, n_out), which may be names.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no `.npz` file or damaged; x or y is missing, is not of real, finite
            numbers, or does not fit the other.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from anynet import datasets
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "line.npz"
        ...     np.savez(path, x=[[0.0], [1.0], [2.0]], y=[[1.0], [3.0], [5.0]])
        ...     data = datasets.read_npz_dataset(path)
        >>> data.x.shape, data.y.shape
        ((3, 1), (3, 1))
    """
    arrays, _ = npz.read(path, names=("x", "y", "classes", "s"))
    x, y = _of_numbers(arrays, "x", path), _of_numbers(arrays, "y", path, or_names=True)
    names = arrays.get("classes")
    if names is not None and names.ndim != 1:
        raise ValueError(f"{path_shown(path)}: classes: expected a name per class, (n,), got the shape {names.shape}.")
    return _checked(x, y, path, None if names is None else [str(name) for name in names.tolist()])


def _of_numbers(arrays: dict[str, HostArray], name: str, path: str | Path, or_names: bool = False) -> HostArray:
    """Return an array of a file, found to be there and to hold what it should."""
    if name not in arrays and "s" in arrays:
        raise ValueError(f"{path_shown(path)}: expected arrays x and y, got a saved network. Give the data.")
    if name not in arrays:
        raise ValueError(
            f"{path_shown(path)}: expected arrays x and y, got no {name}. Save them with np.savez(path, x=x, y=y)."
        )
    a = arrays[name]
    if a.dtype.kind not in ("biufU" if or_names else "biuf"):
        raise ValueError(f"{path_shown(path)}: {name}: expected real numbers, got {a.dtype}. Convert it first.")
    return a


def _read_table(path: str | Path, target: str | int, known: Columns | None) -> Dataset:
    """Return the data set of a CSV file."""
    x, cells, columns, lines = csv.read(path, target, columns=known)
    if cells is None:
        raise ValueError(
            f"target: expected a column of {path_shown(path)} besides those that are inputs, got none. Add one of y."
        )
    missing = {cell for cell in set(cells) if cell.casefold() in csv.MISSING}
    if missing:
        line = next(line for line, cell in zip(lines, cells, strict=True) if cell in missing)
        raise ValueError(
            f"{path_shown(path)}: line {line}: expected a target, got none. Fill it in, or leave the line out."
        )
    names = None
    try:
        y = csv.numbers(cells)
        y = y.astype(np.int64) if (np.abs(y) < 2**53).all() and (y == np.round(y)).all() else y
    except ValueError:  # names, then
        if not csv.are_texts(cells):
            line, cell = next((n, c) for n, c in zip(lines, cells, strict=True) if not csv.is_number(c))
            raise ValueError(
                f"{path_shown(path)}: line {line}: expected a number as target, as in most lines, got {cell[:40]!r}. "
                "Leave the line out, or make numbers, or names, of all."
            ) from None
        names = sorted(set(cells))
        number = {name: i for i, name in enumerate(names)}
        y = np.array([number[cell] for cell in cells])
    return _checked(x, y, path, names, columns)


def _read_idx_pair(path: str | Path, labels_path: str | Path) -> Dataset:
    """Return the data set of a file of images and one of labels."""
    x, y = read_idx(path), read_idx(labels_path)
    if x.ndim < 2:
        raise ValueError(
            f"{path_shown(path)}: expected images, (n, height, width), got the shape {x.shape}. Name them first."
        )
    if y.ndim != 1:
        raise ValueError(
            f"{path_shown(labels_path)}: expected labels, (n,), got the shape {y.shape}. Name them second."
        )
    return _checked(x.reshape(len(x), math.prod(x.shape[1:])), y, path)


def _checked(
    x: HostArray,
    y: HostArray,
    path: str | Path,
    class_names: list[str] | None = None,
    columns: Columns | None = None,
) -> Dataset:
    """Return the data set of two arrays; what is wrong with them is told with the path."""
    for name, array in (("x", x), ("y", y)):
        if array.dtype.kind == "f":
            check_finite(array, f"{path_shown(path)}: {name}")
    if x.size == 0:
        raise ValueError(f"{path_shown(path)}: x: expected examples of at least one number, got the shape {x.shape}.")
    for name in {*(class_names or ()), *(y.ravel().tolist() if y.dtype.kind == "U" else ())}:
        if not is_name(name):
            raise ValueError(f"{path_shown(path)}: classes: expected {NAMES}, got {no_name(name)}. Rename it.")
    try:
        return Dataset(x, *_labels(y, class_names), columns=columns)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path_shown(path)}: {error}") from None


def _labels(y: HostArray, class_names: list[str] | None) -> tuple[HostArray, tuple[str, ...] | None]:
    """Return labels for names of classes, and the names; numbers come back as they are, with their names."""
    if class_names is not None and len(set(class_names)) < len(class_names):
        raise ValueError(
            f"classes: expected different names, got {as_code(Counter(class_names).most_common(1)[0][0])} twice."
        )
    if y.dtype.kind == "U":
        names = class_names or sorted(set(y.ravel().tolist()))
        unknown = set(y.ravel().tolist()) - set(names)
        if unknown:
            raise ValueError(f"y: expected names among classes, {', '.join(names)[:100]}, got {as_code(min(unknown))}.")
        number = {name: i for i, name in enumerate(names)}
        return np.array([number[name] for name in y.ravel().tolist()]), tuple(names)
    if class_names is None:
        return y, None
    if y.ndim == 1 and y.dtype.kind in "iu" and y.size and int(y.max()) >= len(class_names):
        raise ValueError(f"classes: expected a name for each label up to {y.max()}, got {len(class_names)}.")
    return y, tuple(class_names)
