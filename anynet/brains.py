"""Brains: what a network has learnt, as it lies in a file.

The native file is the saved brain of the text: `s` holds the sizes, `w1`, `b1`, `w2`, `b2`,
... the weights (n_out, n_in) and biases (n_out, 1) of the layers that have some, and
`header` describes the rest in JSON. An archive without a header was saved by hand from the
book's network; sigmoid and the quadratic cost are assumed for it. Files of the books' own
programs are read as well (foreign.py). Everything that a file says is checked here, before
a network is made of it.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from anynet import foreign
from anynet.backends import DTYPES
from anynet.formats import npz
from anynet.formats.bounded import MAX_BYTES
from anynet.layers import Layer, Shape, described, from_description, read_sizes
from anynet.typing import HostArray

FORMAT_VERSION = 1
MAX_NAME = 200  # characters of a class's name


@dataclass(frozen=True, eq=False)
class Brain:
    """All that makes a network but the backend and the random streams."""

    input_shape: Shape
    layers: Sequence[Layer]
    cost: str | None
    task: str
    dtype: str
    classes: tuple[str, ...] | None
    weights: Sequence[HostArray]
    biases: Sequence[HostArray]


def write(path: str | Path, brain: Brain) -> Path:
    """Write a brain to an `.npz` file, atomically, and return its path; OSError if it cannot be."""
    arrays: dict[str, Any] = {"s": [np.prod(brain.input_shape), *(len(w) for w in brain.weights)]}
    arrays |= {f"w{i}": w for i, w in enumerate(brain.weights, 1)}
    arrays |= {f"b{i}": b for i, b in enumerate(brain.biases, 1)}
    header = {
        "format_version": FORMAT_VERSION,
        "input_shape": brain.input_shape,
        "layers": [described(layer) for layer in brain.layers],
        "cost": brain.cost,
        "task": brain.task,
        "dtype": brain.dtype,
        "inputs": "uint8 is pixels, divided by 255; any other dtype is taken as it is",
        "classes": brain.classes,
    }
    return npz.write(path, arrays, header)


def read(path: str | Path, max_bytes: int = MAX_BYTES, arrays_only: bool = False, dtype: str | None = None) -> Brain:
    """Return the brain in a file, checked; of a foreign one at most `max_bytes` are unpacked.

    Its arrays come in `dtype`, one of `DTYPES`; None is the file's. Raises OSError if the
    file cannot be read, ValueError if it holds no network. Warns of what had to be assumed,
    unless only the arrays are wanted, and of numbers that are not finite.
    """
    if foreign.is_foreign(path):
        return _in_dtype(_foreign(*foreign.read(path, max_bytes)), dtype, path)
    arrays, header = npz.read(path)
    try:
        brain = _by_hand(arrays) if header is None else _with_header(arrays, header)
        _check_shapes(brain)
    except KeyError as error:
        raise ValueError(f"{path}: expected an entry {error}, got {', '.join(arrays)[:200] or 'none'}.") from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        is_ours = "expected" in str(error)
        raise ValueError(
            f"{path}: {'' if is_ours else 'expected a header of a network, got a faulty one: '}{error}"
        ) from None
    if header is None and not arrays_only:
        warnings.warn(f"{path}: no header; sigmoid and the quadratic cost are assumed.", stacklevel=3)
    return _in_dtype(brain, dtype, path)


def _in_dtype(brain: Brain, dtype: str | None, path: str | Path) -> Brain:
    """Return the brain with its arrays in a dtype, and warn if numbers are then not finite."""
    dtype = dtype or brain.dtype
    with np.errstate(over="ignore"):  # what is too large for float32 is told of here
        weights, biases = ([a.astype(dtype, copy=False) for a in part] for part in (brain.weights, brain.biases))
    if not all(np.isfinite(a).all() for a in (*weights, *biases)):
        warnings.warn(f"{path}: there are NaN or infinite numbers among the parameters.", stacklevel=4)
    return replace(brain, dtype=dtype, weights=weights, biases=biases)


def _foreign(arrays: dict[str, HostArray], description: dict[str, Any]) -> Brain:
    input_shape, layers = read_sizes(
        description["sizes"], description["hidden"], description["output"], "scaled_normal"
    )
    weights, biases = _numbered(arrays, len(layers))
    return Brain(
        input_shape, layers, description["cost"], "classification", description["dtype"], None, weights, biases
    )


def _by_hand(arrays: dict[str, HostArray]) -> Brain:
    if arrays["s"].ndim != 1:
        raise ValueError(f"expected s to be the sizes, such as [784, 30, 10], got the shape {arrays['s'].shape}.")
    input_shape, layers = read_sizes(arrays["s"].tolist(), "sigmoid", "sigmoid", "scaled_normal")
    dtype = str(arrays["w1"].dtype)
    weights, biases = _numbered(arrays, len(layers))
    return Brain(input_shape, layers, "quadratic", "classification", dtype, None, weights, biases)


def _with_header(arrays: dict[str, HostArray], header: dict[str, Any]) -> Brain:
    if header["format_version"] != FORMAT_VERSION:
        raise ValueError(
            f"expected format version {FORMAT_VERSION}, got {str(header['format_version'])[:20]}. "
            "A newer version of anynet may have written it: pip install --upgrade anynet-nn"
        )
    described_layers = [from_description(description) for description in header["layers"]]
    input_shape, layers = read_sizes(
        [tuple(header["input_shape"]), *described_layers], "sigmoid", "sigmoid", "scaled_normal"
    )
    n_classes = max(math.prod(layers[-1].output_shape(input_shape)), 2)
    return Brain(
        input_shape,
        layers,
        header["cost"],
        header["task"],
        header["dtype"],
        _classes(header["classes"], n_classes),
        *_numbered(arrays, len(layers)),
    )


def _classes(names: Any, n: int) -> tuple[str, ...] | None:
    """Return the names of n classes, fit to be shown on a terminal, which obeys some characters."""
    if names is None:
        return None
    if not isinstance(names, list) or len(names) != n:
        got = f"{len(names)} of them" if isinstance(names, list) else type(names).__name__
        raise ValueError(f"expected the names of {n} classes, got {got}.")
    if not all(isinstance(name, str) and name.isprintable() and len(name) <= MAX_NAME for name in names):
        raise ValueError(f"expected names of classes, printable and of at most {MAX_NAME} characters, got others.")
    return tuple(names)


def _numbered(arrays: dict[str, HostArray], n: int) -> tuple[list[HostArray], list[HostArray]]:
    return [arrays[f"w{i}"] for i in range(1, n + 1)], [arrays[f"b{i}"] for i in range(1, n + 1)]


def _check_shapes(brain: Brain) -> None:
    """Raise ValueError unless the arrays are those of the layers.

    Layers alone could ask for more memory than there is: nothing is made of them until
    the arrays have been seen to be there.
    """
    if brain.dtype not in DTYPES:
        raise ValueError(f"expected numbers of {' or '.join(DTYPES)}, got {str(brain.dtype)[:20]}.")
    shape = brain.input_shape
    for i, (layer, w, b) in enumerate(zip(brain.layers, brain.weights, brain.biases, strict=True), 1):
        (n_in,), (n_out,) = shape, layer.output_shape(shape)
        if w.shape != (n_out, n_in) or w.dtype.kind != "f":
            raise ValueError(f"expected w{i} of floats and the shape {(n_out, n_in)}, got {w.dtype}, {w.shape}.")
        if b.shape not in ((n_out, 1), (n_out,)) or b.dtype.kind != "f":
            raise ValueError(f"expected b{i} of floats and the shape {(n_out, 1)}, got {b.dtype}, {b.shape}.")
        shape = (n_out,)
