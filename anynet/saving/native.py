"""The native file: the saved brain of the text, an `.npz` that `np.load` reads.

`s` holds the sizes, `w1`, `b1`, `w2`, `b2`, ... the weights (n_out, n_in) and biases
(n_out, 1) of the layers that have some, `layer3_scale` any other field of the third layer,
and `header` describes the rest in JSON. An archive without a header was saved by hand from
the book's network; sigmoid and the quadratic cost are assumed for it. Everything that a file
says is checked here, before a network is made of it.
"""

import math
from dataclasses import replace
from io import TextIOBase
from pathlib import Path
from typing import Any

import numpy as np

from anynet.architecture import Architecture, build
from anynet.backends import DTYPES
from anynet.checks import names_of_classes, path_shown, shown
from anynet.formats import columns, npz, pictures
from anynet.formats.bounded import MAX_BYTES, Source
from anynet.formats.columns import Columns
from anynet.formats.pictures import Pictures
from anynet.layers import MAX_LAYERS
from anynet.parameters import as_column
from anynet.pixels import SCALES
from anynet.saving import unnamed
from anynet.saving.described import cost_to_name, layer_from_dict, layer_to_dict
from anynet.saving.saved import SavedNetwork, assumed
from anynet.typing import HostArray, Shape

FORMAT_VERSION = 1


class ImpossibleNetworkError(ValueError):
    """What a header says cannot be."""


def is_mine(head: bytes, is_packed: bool) -> bool:
    """Return whether to read a file that begins so: what no other program knows is told of here."""
    return True


def write(path: str | Path, saved: SavedNetwork) -> Path:
    """Write a network to an `.npz` file, atomically, and return its path; OSError if it cannot be."""
    return npz.write(path, *entries(saved))


def write_into(file: Any, saved: SavedNetwork) -> None:
    """Write a network into an open file; OSError if it cannot be, TypeError if it was opened for text."""
    if isinstance(file, TextIOBase):
        raise TypeError(
            'path: expected a file opened for writing bytes, got one for text. Open it so: open(path, "wb").'
        )
    npz.write_into(file, *entries(saved))


def entries(saved: SavedNetwork) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arrays and the header that are a network's file; ValueError for a formula that none can hold."""
    architecture = saved.architecture
    arrays: dict[str, Any] = {}
    if all(len(shape) == 1 for shape in architecture.shapes):
        arrays["s"] = [architecture.sizes[0], *(len(p.weights) for p in saved.parameters if "weights" in _fields(p))]
    for values, names in zip(
        _layers(saved.parameters, saved.state), _names(saved.parameters, saved.state), strict=True
    ):
        for field, name in names.items():
            array = np.asarray(getattr(values, field))
            arrays[name] = as_column(array) if field == "biases" else array
    header = {
        "format_version": FORMAT_VERSION,
        **described(architecture),
        "dtype": saved.dtype,
        "inputs": "uint8 is pixels, divided by 255; any other dtype is taken as it is",
        "input_scale": saved.input_scale,
        "is_column": saved.is_column,
        "classes": saved.class_names,
        "columns": saved.columns,
        "pictures": None if saved.pictures is None else saved.pictures._asdict(),
    }
    return arrays, header


def described(architecture: Architecture) -> dict[str, Any]:
    """Return what a header says of an architecture; ValueError if it holds a formula of the user's own."""
    return {
        "input_shape": architecture.input_shape,
        "layers": [layer_to_dict(layer) for layer in architecture.layers],
        "cost": cost_to_name(architecture.cost),
        "task": architecture.task,
    }


def _layers(parameters: list[Any], state: list[Any]) -> list[Any]:
    """Return the named tuples of a network in one list: each layer's parameters, then each one's state."""
    return [*parameters, *state]


def _names(parameters: list[Any], state: list[Any]) -> list[dict[str, str]]:
    """Return, for each entry of `_layers`, field -> name in the file; w1 and b1 count the layers that have weights."""
    names, n_weights = [], 0
    for l, p in enumerate(parameters, 1):
        n_weights += "weights" in _fields(p)
        counted = {"weights": f"w{n_weights}", "biases": f"b{n_weights}"} if "weights" in _fields(p) else {}
        names.append({field: counted.get(field, f"layer{l}_{field}") for field in _fields(p)})
    return names + [{field: f"layer{l}_{field}" for field in _fields(s)} for l, s in enumerate(state, 1)]


def _fields(values: Any) -> tuple[str, ...]:
    """Return the fields of a named tuple; none of `()`."""
    return getattr(values, "_fields", ())


def read(path: Source, max_bytes: int = MAX_BYTES) -> SavedNetwork:
    """Return the network in a native file, or in one saved by hand.

    Raises:
        OSError: The file cannot be read.
        ValueError: It holds no network.
    """
    return of(*npz.read(path), path_shown(path))


def of(arrays: dict[str, HostArray], header: dict[str, Any] | None, path: str) -> SavedNetwork:
    """Return the network that the arrays and the header of a file are; ValueError, which names it, if they are none."""
    try:
        return _by_hand(arrays, path) if header is None else _with_header(arrays, header)
    except KeyError as error:
        cure = " These are data, not a network." if "x" in arrays else ""
        raise ValueError(
            f"{path}: expected an entry {error}, got {shown(', '.join(arrays), 200) or 'none'}.{cure}"
        ) from None
    except ImpossibleNetworkError as error:
        raise ValueError(f"{path}: {shown(str(error), 500)}") from None
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(
            f"{path}: expected a header of a network, got a faulty one: {shown(str(error), 300)}"
        ) from None


def _by_hand(arrays: dict[str, HostArray], name: str) -> SavedNetwork:
    if arrays and arrays.keys() == {f"arr_{i}" for i in range(len(arrays))}:  # as np.savez names what has no name
        return unnamed.network_of([arrays[f"arr_{i}"] for i in range(len(arrays))], name)
    if arrays["s"].ndim != 1:
        raise ImpossibleNetworkError(
            f"expected s to be the sizes, such as [784, 30, 10], got the shape {arrays['s'].shape}."
        )
    _check_layers(arrays["s"].size - 1)
    architecture = build(arrays["s"].tolist(), "sigmoid", "sigmoid", "quadratic", "lecun_normal", None)
    saved = _filled(architecture, str(arrays["w1"].dtype), None, arrays)
    return replace(saved, assumption=assumed("no header; sigmoid and the quadratic cost", architecture.sizes))


def _with_header(arrays: dict[str, HostArray], header: dict[str, Any]) -> SavedNetwork:
    if header["format_version"] != FORMAT_VERSION:
        raise ImpossibleNetworkError(
            f"expected format version {FORMAT_VERSION}, got {str(header['format_version'])[:20]}. "
            "A newer version of anynet may have written it: pip install --upgrade anynet-nn"
        )
    if not isinstance(header["layers"], list) or not isinstance(header["input_shape"], list):
        raise ImpossibleNetworkError("expected lists of the layers and of an input's shape, got others.")
    _check_layers(len(header["layers"]))
    layers = [layer_from_dict(description) for description in header["layers"]]
    sizes = [tuple(header["input_shape"]), *layers]
    architecture = build(sizes, "sigmoid", "sigmoid", header["cost"], "lecun_normal", header["task"])
    scale = header.get("input_scale")  # earlier versions have not written it
    if scale is not None and scale not in SCALES:
        raise ImpossibleNetworkError(f"expected an input scale of {' or '.join(SCALES)}, got {str(scale)[:20]}.")
    is_column = header.get("is_column", False)  # likewise
    if not isinstance(is_column, bool):
        raise ImpossibleNetworkError(f"expected is_column to be true or false, got {str(is_column)[:20]}.")
    names = _class_names(header["classes"], architecture.n_classes)
    filled = _filled(architecture, header["dtype"], names, arrays)
    table, seen = _made_of(header, math.prod(architecture.input_shape))
    return replace(filled, input_scale=scale, is_column=is_column, columns=table, pictures=seen)


def _check_layers(n_layers: int) -> None:
    """Raise ImpossibleNetworkError if a file says to have more layers than a network can, before any is made."""
    if n_layers > MAX_LAYERS:
        raise ImpossibleNetworkError(f"expected at most {MAX_LAYERS:,} layers, got {n_layers:,}.")


def _made_of(header: dict[str, Any], n_inputs: int) -> tuple[Columns | None, Pictures | None]:
    """Return what inputs were made of: the columns of a table, or pictures; earlier versions have written neither."""
    try:
        return columns.checked(header.get("columns"), n_inputs), pictures.checked(header.get("pictures"), n_inputs)
    except ValueError as error:
        raise ImpossibleNetworkError(str(error)) from None


def _class_names(names: Any, n: int) -> tuple[str, ...] | None:
    """Return the names of n classes, found to be such as are assigned to a network."""
    if names is None:
        return None
    if not isinstance(names, list) or len(names) != n:
        got = f"{len(names)} of them" if isinstance(names, list) else type(names).__name__
        raise ImpossibleNetworkError(f"expected the names of {n} classes, got {got}.")
    if not all(isinstance(name, str) for name in names):
        raise ImpossibleNetworkError("expected names of classes, got others.")
    try:
        return names_of_classes(names)
    except ValueError as error:
        raise ImpossibleNetworkError(str(error)) from None


def _filled(
    architecture: Architecture, dtype: str, class_names: tuple[str, ...] | None, arrays: dict[str, HostArray]
) -> SavedNetwork:
    """Return the network with the arrays that its layers ask for, each seen to be there and to fit.

    Layers alone could ask for more memory than there is: nothing is made of them before.
    """
    if dtype not in DTYPES:
        raise ImpossibleNetworkError(f"expected numbers of {' or '.join(DTYPES)}, got {str(dtype)[:20]}.")
    parameters, state = architecture.parameter_shapes()
    filled = [
        type(asked)(*[_fitting(name, arrays[name], getattr(asked, field)) for field, name in names.items()])
        for asked, names in zip(_layers(parameters, state), _names(parameters, state), strict=True)
    ]
    return SavedNetwork(architecture, dtype, class_names, filled[: len(parameters)], filled[len(parameters) :])


def _fitting(name: str, a: HostArray, shape: Shape) -> HostArray:
    """Return an array in a shape; one of one dimension may come as a column, as biases do."""
    is_column = len(shape) == 1 and a.shape == (*shape, 1)
    if not (is_column or a.shape == shape) or a.dtype.kind != "f":
        wanted = (*shape, 1) if name[0] == "b" and len(shape) == 1 else shape
        raise ImpossibleNetworkError(f"expected {name} of floats and the shape {wanted}, got {a.dtype}, {a.shape}.")
    return a.reshape(shape)
