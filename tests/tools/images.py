"""Convolution and pooling in plain Python: one number after the other, forward and backward at once.

Nothing here is shared with the library: no windows, no products of matrices, no padding either, as a kernel that
reaches beyond its image sees nothing there.
"""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from anynet import backends

Pair = tuple[int, int]


def starts(n: int, kernel: int, stride: int, padding: str) -> list[int]:
    """Return where windows begin along one axis of a length n, those before the image at negative places."""
    if padding == "valid":
        return list(range(0, n - kernel + 1, stride))
    n_places = math.ceil(n / stride)
    missing = max((n_places - 1) * stride + kernel - n, 0)
    return [place * stride - missing // 2 for place in range(n_places)]


def seen(
    shape: Any, size: Pair, stride: Pair, padding: str = "valid"
) -> Iterator[tuple[Pair, list[tuple[Pair, Pair]]]]:
    """Yield each place, and what a window sees from there: (element of the window, pixel of the image)."""
    rows, columns = (starts(n, k, s, padding) for n, k, s in zip(shape[1:3], size, stride, strict=True))
    for (i, top), (j, left) in product(enumerate(rows), enumerate(columns)):
        elements = [((u, v), (top + u, left + v)) for u, v in product(range(size[0]), range(size[1]))]
        inside = [(e, (r, c)) for e, (r, c) in elements if 0 <= r < shape[1] and 0 <= c < shape[2]]
        yield (i, j), inside


def convolution(a: Any, kernels: Any, biases: Any, stride: Pair, padding: str, delta: Any = None) -> list[Any]:
    """Return z and, of the cost sum(z delta), its gradients by the kernels, the biases and a."""
    places = list(seen(a.shape, kernels.shape[1:3], stride, padding))
    down, across = (1 + max(place[axis] for place, _ in places) for axis in (0, 1))
    z = np.zeros((len(a), down, across, len(kernels)))
    delta = np.ones(z.shape) if delta is None else delta
    of_kernels, of_biases, of_a = (np.zeros(each.shape) for each in (kernels, biases, a))
    for n, ((i, j), inside), f in product(range(len(a)), places, range(len(kernels))):
        z[n, i, j, f] += biases[f]
        of_biases[f] += delta[n, i, j, f]
        for (u, v), (r, c) in inside:
            for channel in range(a.shape[3]):
                z[n, i, j, f] += kernels[f, u, v, channel] * a[n, r, c, channel]
                of_kernels[f, u, v, channel] += delta[n, i, j, f] * a[n, r, c, channel]
                of_a[n, r, c, channel] += delta[n, i, j, f] * kernels[f, u, v, channel]
    return [z, of_kernels, of_biases, of_a]


def pooling(kind: str, a: Any, size: Pair, stride: Pair, delta: Any = None) -> list[Any]:
    """Return z and, of the cost sum(z delta), its gradient by a; of equal values the first is the largest."""
    places = list(seen(a.shape, size, stride))
    down, across = (1 + max(place[axis] for place, _ in places) for axis in (0, 1))
    z, of_a = np.zeros((len(a), down, across, a.shape[3])), np.zeros(a.shape)
    delta = np.ones(z.shape) if delta is None else delta
    for n, ((i, j), inside), channel in product(range(len(a)), places, range(a.shape[3])):
        values = [float(a[n, r, c, channel]) for _, (r, c) in inside]
        taking = [values.index(max(values))] if kind == "max" else range(len(values))
        for k in taking:
            r, c = inside[k][1]
            z[n, i, j, channel] += values[k] / len(taking)
            of_a[n, r, c, channel] += delta[n, i, j, channel] / len(taking)
    return [z, of_a]


def both_ways(xp: Any, layer: Any, parameters: Any, state: Any, a: Any, delta: Any, training: bool = True) -> list[Any]:
    """Return all that a layer makes of an input and of an error: z, its gradients, dC/da and the next state."""
    z, residuals, after = layer.forward(xp, parameters, state, a, training, None)
    gradients, error = layer.backward(xp, parameters, residuals, delta)
    return [z, *gradients, error, *after]


class BothWays:
    """The same as a formula that a library compiles."""

    def __init__(self, layer: Any, training: bool = True) -> None:
        self.layer, self.training = layer, training

    def __call__(self, xp: Any, *arguments: Any) -> list[Any]:
        return both_ways(xp, self.layer, *arguments, self.training)


def computed(backend: backends.Backend, layer: Any, *arguments: Any, training: bool = True) -> list[list[Any]]:
    """Return what a layer makes of host arrays on a library: compiled and, but on JAX, call by call."""
    from anynet.trees import map_arrays

    arguments = map_arrays(lambda a: backend.asarray(np.asarray(a)), list(arguments))
    with backend.active():
        found = [backend.compile(BothWays(layer, training))(*arguments)]
        if backend.name != "jax":  # which compiles each call
            found.append(both_ways(backend.xp, layer, *arguments, training))
    return [[backend.to_numpy(a) for a in each] for each in found]
