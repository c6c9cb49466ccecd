"""Whether the gradients of a network are right: compared with central finite differences of its cost, in float64.

An entry p of the parameters is moved by h and by h / 2 to either side. The two differences, extrapolated, are exact to
h^4; where their curvatures disagree, the cost has a kink there (that of relu, say) or rounding is larger than what is
looked for, and the entry tells nothing. That depends on the cost alone: no wrong gradient is excused by it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from anynet import random
from anynet.typing import ArrayLike, HostArray

H = 1e-4  # for entries of up to 1; larger ones are moved by this share of their size
MOST = 32  # entries of an array that are looked at
SMALL = 1e-4  # of the cost or of the largest gradient: what is smaller is compared to that
UNSURE = 1e-7  # likewise: curvatures that differ by more than this


@dataclass(frozen=True)
class GradientCheck:
    """The entry of the parameters whose gradient is farthest from what finite differences say; prints as a text.

    Args:
        error: The largest relative error, |gradient - expected| / max(|gradient|, |expected|). What is below 1e-4 of
            the cost, and of the largest gradient, is compared to that instead.
        layer: Where it is, by its number in `net.layers`, from 0.
        field: Likewise, of that layer's parameters: "weights".
        index: Likewise, in that array.
        gradient: What the network says there.
        expected: What finite differences say.
        kind: The name of the layer's class.
        n_checked: How many entries were compared.
        n_unsure: How many were looked at, and passed over, as finite differences tell nothing there: at a kink.
        n_entries: How many there are.

    Example:
        >>> GradientCheck(0.5, 1, "weights", (2, 0), 0.2, 0.1, "Dense", 64, 0, 500).field
        'weights'
    """

    error: float
    layer: int
    field: str
    index: tuple[int, ...]
    gradient: float
    expected: float
    kind: str
    n_checked: int
    n_unsure: int
    n_entries: int

    def __str__(self) -> str:
        where = f"{self.field}[{', '.join(map(str, self.index))}] of layers[{self.layer}], {self.kind}"
        share = "all" if self.n_checked == self.n_entries else f"{self.n_checked:,} of"
        unsure = f"; {self.n_unsure:,} more stand at a kink, and tell nothing" if self.n_unsure else ""
        return (
            f"largest relative error {self.error:.2g}, in {where}: the gradient is {self.gradient:.6g}, "
            f"by finite differences {self.expected:.6g} ({share} {self.n_entries:,} entries compared{unsure})"
        )


def check_gradients(net: Any, x: ArrayLike, y: ArrayLike) -> GradientCheck:
    """Compare the network's gradients with central finite differences of its cost, and return the largest error.

    It tells who adds a layer, an activation or a cost whether what backpropagation makes of it is
    right: 1e-6 or less. All is computed in float64, on a copy, without noise: of `Dropout` nothing
    is seen. Of an array of more than 32 entries 32 are compared, those of the largest gradients
    and others by chance.

    Args:
        net: The network; it stays as it is.
        x: As in `gradients`; a few examples will do.
        y: Likewise.

    Returns:
        The error and where it is, which prints as a text.

    Raises:
        ValueError: Finite differences tell of no entry; or x and y do not suit the network.

    Example:
        >>> from anynet import Network
        >>> found = Network([2, 3, 2]).check_gradients([[1.0, 0.0], [0.5, 1.0]], [0, 1])
        >>> found.error < 1e-6
        True
    """
    copy = net.to("numpy", dtype="float64")
    x, y = (net.backend.to_numpy(a) if net.backend.is_native(a) else a for a in (x, y))
    cost, gradients = copy.gradients(x, y)
    arrays = list(_arrays(copy.parameters, gradients))
    scale = max(abs(cost), *(float(np.max(np.abs(g))) for _, _, _, g in arrays))
    worst = -1.0
    where: tuple[int, str, tuple[int, ...], float, float]
    n_checked = n_unsure = 0
    for layer, field, p, g in arrays:
        for index in _sample(g):
            expected, doubt = _difference(copy, (layer, field, index), float(p[index]), (x, y))
            if doubt > UNSURE * scale:
                n_unsure += 1
                continue
            n_checked += 1
            error = _relative(float(g[index]), expected, SMALL * scale)
            if not error <= worst:  # NaN is the worst
                worst, where = error, (layer, field, index, float(g[index]), expected)
    if n_checked == 0:
        raise ValueError(
            f"check_gradients: expected a cost that is smooth, got one with a kink at each of {n_unsure} entries. "
            "Give fewer examples, or others."
        )
    kind, n_entries = type(net.layers[where[0]]).__name__, sum(g.size for _, _, _, g in arrays)
    return GradientCheck(worst, *where, kind, n_checked, n_unsure, n_entries)


def _arrays(parameters: list[Any], gradients: list[Any]) -> Iterator[tuple[int, str, HostArray, HostArray]]:
    """Yield the layer, the field, the parameters and the gradients of each array."""
    for layer, (p, g) in enumerate(zip(parameters, gradients, strict=True)):
        for field in getattr(p, "_fields", ()):
            yield layer, field, getattr(p, field), getattr(g, field)


def _sample(g: HostArray) -> list[tuple[int, ...]]:
    """Return the indices of all entries, or of `MOST`: half of them those of the largest gradients."""
    order = np.arange(g.size)
    if g.size > MOST:
        by_size = np.argsort(-np.abs(g), axis=None, kind="stable")
        rest = by_size[MOST // 2 :]
        chance = random.order(rest.size, random.spawn(0).order)[: MOST - MOST // 2]
        order = np.concatenate([by_size[: MOST // 2], rest[chance]])
    return [tuple(map(int, np.unravel_index(flat, g.shape))) for flat in order]


def _difference(copy: Any, entry: tuple[int, str, tuple[int, ...]], p: float, examples: Any) -> tuple[float, float]:
    """Return dC/dp of an entry whose value is p, and by how much curvatures differ, times h."""
    h = H * max(1.0, abs(p))
    high, half_high, middle, half_low, low = (
        _cost(copy, entry, p + step * h, examples) for step in (1, 0.5, 0, -0.5, -1)
    )
    wide, narrow = (high - low) / (2 * h), (half_high - half_low) / h
    bends = (high - 2 * middle + low) / h, (half_high - 2 * middle + half_low) / (h / 2)
    return (4 * narrow - wide) / 3, abs(2 * bends[1] - bends[0])


def _cost(copy: Any, entry: tuple[int, str, tuple[int, ...]], value: float, examples: Any) -> float:
    """Return the mean cost with an entry of the parameters at another value; the copy is left as it was."""
    layer, field, index = entry
    before = copy.train_state
    moved = np.array(getattr(before.parameters[layer], field))
    moved[index] = value
    parameters = list(before.parameters)
    parameters[layer] = parameters[layer]._replace(**{field: moved})
    copy.train_state = before._replace(parameters=parameters)
    try:
        return float(copy.gradients(*examples)[0])
    finally:
        copy.train_state = before


def _relative(gradient: float, expected: float, least: float) -> float:
    """Return how far two numbers differ, relative to the larger, or to the least that counts."""
    size = max(abs(gradient), abs(expected), least)
    return abs(gradient - expected) / size if size > 0 else 0.0
