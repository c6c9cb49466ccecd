"""Saito's sample_weight.pkl (Deep Learning from Scratch, 3.6.2): W1, W2, ... (n_in, n_out) and b1, b2, ... (n_out,).

The file is not trusted: it is read as data, and checked before anything is made of it.
"""

import re
from dataclasses import replace
from typing import Any

import numpy as np

from anynet.formats import pickle
from anynet.formats.bounded import MAX_BYTES, Source, opened
from anynet.layers import MAX_LAYERS
from anynet.saving import unnamed
from anynet.saving.saved import REFUSAL, SavedNetwork, assumed, dense_network

_BEGINNINGS = re.compile(rb"\x80|[(\])}]")  # of a pickled dict, list or tuple


def is_mine(head: bytes, is_packed: bool) -> bool:
    """Return whether a file that begins so, unpacked, is a pickled dict, list or tuple, or packed at all."""
    return is_packed or _BEGINNINGS.match(head) is not None


def read(path: Source, max_bytes: int = MAX_BYTES) -> SavedNetwork:
    """Return the network in Saito's pickle: sigmoid, and softmax at the output. Lists of weights open as well.

    Args:
        path: The file, plain or gzipped.
        max_bytes: How much may be unpacked of it.

    Raises:
        OSError: It cannot be read.
        ValueError: It holds no whole network, or more than `max_bytes`; the error has the place.
    """
    with opened(path, max_bytes) as reader:
        content, name = pickle.read(reader), reader.name
    if isinstance(content, (list, tuple)) or (isinstance(content, dict) and {"weights", "biases"} <= content.keys()):
        return unnamed.network_of(unnamed.flattened(content, name), name)
    weights, biases = checked(content, name)
    dtype = "float64" if any(a.dtype == np.float64 for a in weights + biases) else "float32"
    sizes = [len(weights[0]), *map(len, biases)]
    saved = dense_network(sizes, [w.T for w in weights], biases, "softmax", "cross_entropy", dtype)
    return replace(saved, assumption=assumed("no activations; sigmoid, and softmax at the output,", sizes))


def checked(content: Any, name: str) -> tuple[list[Any], list[Any]]:
    """Return the weights and the biases, found to fit one another."""
    n = len(content) // 2 if isinstance(content, dict) else 0
    expected = [f"{letter}{i}" for letter in "Wb" for i in range(1, n + 1)]
    if not 1 <= n <= MAX_LAYERS or sorted(content) != sorted(expected):
        got = ", ".join(sorted(content)[:8]) if isinstance(content, dict) else type(content).__name__
        raise ValueError(
            f"{name}: expected a dict of the weights W1, W2, ... and the biases b1, b2, ..., got {got[:200]!r}. "
            "Give a file of a network's weights."
        )
    weights, biases = ([content[f"{letter}{i}"] for i in range(1, n + 1)] for letter in "Wb")
    sizes: list[int | None] = [None]
    for i, (w, b) in enumerate(zip(weights, biases, strict=True), 1):
        _check_parameters(w, f"{name}: W{i}", (sizes[-1], None))
        sizes[-1:] = w.shape
        _check_parameters(b, f"{name}: b{i}", (sizes[-1],))
    return weights, biases


def _check_parameters(a: Any, where: str, shape: tuple[int | None, ...]) -> None:
    """Raise ValueError unless a is an array of finite floats of that shape; None is any number."""
    described = f"({', '.join('n' if n is None else str(n) for n in shape)}{',' * (len(shape) == 1)})"
    if not isinstance(a, np.ndarray) or a.dtype.kind != "f":
        got = a.dtype if isinstance(a, np.ndarray) else type(a).__name__
        raise ValueError(f"{where}: expected an array of floats of the shape {described}, got {got}. {REFUSAL}")
    if len(a.shape) != len(shape) or any(n not in (None, m) for n, m in zip(shape, a.shape, strict=True)):
        raise ValueError(f"{where}: expected the shape {described}, got {a.shape}. {REFUSAL}")
    if not (np.isfinite(a.min()) and np.isfinite(a.max())):
        raise ValueError(f"{where}: expected finite numbers, got NaN or infinity. {REFUSAL}")
