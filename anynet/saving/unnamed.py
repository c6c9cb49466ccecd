"""Weights and biases without names, as `np.savez(path, *net.weights, *net.biases)` or a pickled list has them.

Which is which, their shapes tell: weights (n_out, n_in) follow one another from layer to layer, and biases, (n_out, 1)
or (n_out,), fit them. Biases of one dimension may go with weights (n_in, n_out) as well, as Saito's do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from anynet.layers import MAX_LAYERS
from anynet.saving.saved import SavedNetwork, assumed, dense_network
from anynet.typing import HostArray

_MOST = 2 * MAX_LAYERS + 1  # arrays: the weights and biases, and the sizes
_CURE = "Name them: np.savez(path, s=np.array(net.sizes), w1=..., w2=..., b1=..., b2=...)."


def flattened(content: Any, name: str) -> list[HostArray]:
    """Return the arrays in nested lists, tuples and dicts, in their order; a list of whole numbers is one array.

    A list may be met in many places, each of which counts; none is unfolded more often than a network has arrays.

    Args:
        content: What a pickle holds.
        name: Of the file, for errors.

    Raises:
        ValueError: There are more arrays than any network has.
    """
    known: dict[int, list[HostArray]] = {}

    def of(value: Any) -> list[HostArray]:
        if id(value) not in known:
            found: list[HostArray] = []
            for part in _parts(value):
                found += of(part) if isinstance(part, (list, tuple, dict)) else [np.asarray(part)]
                if len(found) > _MOST:
                    raise ValueError(f"{name}: expected at most {_MOST:,} weights and biases, got more. {_CURE}")
            known[id(value)] = found
        return known[id(value)]

    return of(content)


def _parts(value: Any) -> Iterable[Any]:
    """Return what a list, a tuple or a dict holds; a list of whole numbers as an array of them."""
    if isinstance(value, dict):
        return value.values()
    is_one = value and all(isinstance(item, (int, np.integer)) for item in value)
    return [np.asarray(value)] if is_one else value


def network_of(arrays: Sequence[HostArray], name: str) -> SavedNetwork:
    """Return the network that arrays without names are.

    Args:
        arrays: The weights and biases of each layer, in one of the usual orders; the sizes may be among them.
        name: Of the file, for errors.

    Raises:
        ValueError: Their shapes do not tell what they are.
    """
    sizes = [a for a in arrays if a.ndim == 1 and a.dtype.kind in "iu"]
    others = [a for a in arrays if not (a.ndim == 1 and a.dtype.kind in "iu")]
    found = _found(others) if len(others) <= 2 * MAX_LAYERS else []
    if len(found) != 1 or not all(np.array_equal(a, _sizes(found[0][0])) for a in sizes):
        shapes = ", ".join(str(a.shape) for a in arrays[:8]) or "no arrays"
        why = "which more than one network has" if len(found) > 1 else "which no network has"
        raise ValueError(
            f"{name}: expected weights (n_out, n_in) and biases (n_out, 1) that fit one another, got {shapes}, "
            f"{why}. {_CURE}"
        )
    [(weights, biases)] = found
    dtype = "float64" if any(a.dtype == np.float64 for a in others) else "float32"
    saved = dense_network(_sizes(weights), weights, biases, "sigmoid", "quadratic", dtype)
    told = "no names, which the shapes told, and no activations; sigmoid and the quadratic cost"
    return replace(saved, assumption=assumed(told, _sizes(weights)))


def _sizes(weights: Sequence[HostArray]) -> list[int]:
    return [weights[0].shape[1], *map(len, weights)]


def _found(arrays: Sequence[HostArray]) -> list[tuple[list[HostArray], list[HostArray]]]:
    """Return the different (weights, biases) that arrays can be, the weights (n_out, n_in)."""
    n = len(arrays) // 2
    if n == 0 or len(arrays) % 2 or any(a.dtype.kind != "f" or 0 in a.shape for a in arrays):
        return []
    halves, turns = (arrays[:n], arrays[n:]), (arrays[::2], arrays[1::2])
    found: dict[Any, tuple[list[HostArray], list[HostArray]]] = {}
    for first, second in (halves, turns):
        for weights, biases in ((first, second), (second, first)):
            for turned in (weights, [w.T for w in weights]):
                is_turned = turned is not weights
                if _fit(turned, biases) and not (is_turned and any(b.ndim == 2 for b in biases)):
                    found[is_turned, tuple(map(id, weights))] = list(turned), list(biases)
    return list(found.values())


def _fit(weights: Sequence[HostArray], biases: Sequence[HostArray]) -> bool:
    """Return whether weights (n_out, n_in) follow one another, and biases are as long as they put out."""
    if any(w.ndim != 2 for w in weights) or any(b.shape not in ((b.shape[:1]), (*b.shape[:1], 1)) for b in biases):
        return False
    fits = all(len(w) == len(b) for w, b in zip(weights, biases, strict=True))
    return fits and all(len(below) == above.shape[1] for below, above in pairwise(weights))
