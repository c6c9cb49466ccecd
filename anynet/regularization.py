"""Regularization: what keeps a network from learning its examples by heart, or a step from being too large.

Each formula acts at one place of a step: on targets before the error is taken, on the gradients
of weights, or on all gradients, in this order. What is asked for is a `Regularization`; its
numbers are handed to the step with the optimizer's, so that no other value is compiled anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from anynet.checks import positive_number
from anynet.trees import arrays_of, map_arrays
from anynet.typing import Array, Namespace, Numbers, Parameters

__all__ = ["Regularization"]


@dataclass(frozen=True)
class Regularization:
    """What a training is regularized by; None is without.

    Args:
        label_smoothing: A share e of each target goes to all outputs alike, in training only:
            y becomes y (1 - e) + e / K for softmax, y (1 - e) + e / 2 for sigmoid. Below 1.
        l1: The book's lambda of a penalty lambda / n * sum(|w|) on the mean cost, where n is
            the number of training examples.
        l2: That of lambda / (2 n) * sum(w^2) (Nielsen, chapter 3, equation 85). Neither
            touches biases.
        clip_norm: All gradients together are scaled down to this norm where theirs is larger.

    Raises:
        ValueError: One is not above 0, or the smoothing not below 1.
        TypeError: One is no number.

    Example:
        >>> Regularization(l2=5.0).numbers(50_000)
        (0.0001,)
    """

    label_smoothing: float | None = None
    l1: float | None = None
    l2: float | None = None
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        for name in self.names:
            object.__setattr__(self, name, positive_number(name, getattr(self, name)))
        if self.label_smoothing is not None and self.label_smoothing >= 1:
            raise ValueError(f"label_smoothing: expected a share above 0 and below 1, got {self.label_smoothing:g}.")

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are asked for, in the order in which they act."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name) is not None)

    def check(self, output: str) -> None:
        """Raise ValueError if it does not suit an output activation, by its name."""
        if self.label_smoothing is not None and output not in SMOOTHED:
            raise ValueError(
                f"label_smoothing: expected an output of {' or '.join(SMOOTHED)}, got {output}. Leave it out."
            )

    def numbers(self, n: int) -> Numbers:
        """Return their numbers for n training examples, Python floats, as a step takes them."""
        return tuple(getattr(self, name) / (n if name in PENALTIES else 1) for name in self.names)


def _smoothed_shares(xp: Namespace, y: Array, e: float) -> Array:
    return y * (1.0 - e) + e * (1.0 / y.shape[1])


def _smoothed_answers(xp: Namespace, y: Array, e: float) -> Array:
    return y * (1.0 - e) + e * 0.5


def _l1(xp: Namespace, w: Array, g: Array, strength: float) -> Array:
    return g + strength * xp.sign(w)


def _l2(xp: Namespace, w: Array, g: Array, strength: float) -> Array:
    return g + strength * w


SMOOTHED = {"softmax": _smoothed_shares, "sigmoid": _smoothed_answers}  # by the output activation
PENALTIES: dict[str, Callable[[Namespace, Array, Array, float], Array]] = {"l1": _l1, "l2": _l2}


NOTHING = Regularization()


def smoothed(xp: Namespace, output: str, y: Array, names: Sequence[str], numbers: Numbers) -> Array:
    """Return targets (n, n_out) as training sees them."""
    for name, number in zip(names, numbers, strict=True):
        if name == "label_smoothing":
            y = SMOOTHED[output](xp, y, number)
    return y


def regularized(
    xp: Namespace, parameters: Parameters, gradients: Sequence[Any], names: Sequence[str], numbers: Numbers
) -> list[Any]:
    """Return gradients with what penalties add to those of weights, and clipped."""
    gradients = list(gradients)
    for name, number in zip(names, numbers, strict=True):
        if name in PENALTIES:
            gradients = [
                _penalized(xp, PENALTIES[name], *layer, number) for layer in zip(parameters, gradients, strict=True)
            ]
        if name == "clip_norm":
            gradients = clipped(xp, gradients, number)
    return gradients


def _penalized(xp: Namespace, penalty: Callable[..., Array], parameters: Any, gradients: Any, strength: float) -> Any:
    if "weights" not in getattr(gradients, "_fields", ()):
        return gradients
    return gradients._replace(weights=penalty(xp, parameters.weights, gradients.weights, strength))


def clipped(xp: Namespace, gradients: list[Any], most: float) -> list[Any]:
    """Return gradients scaled down together where their norm is larger; zeros stay zeros.

    Args:
        xp: The array namespace.
        gradients: A tree of arrays.
        most: The largest norm.

    Returns:
        The tree, its arrays times min(1, most / norm). The norm is taken of entries divided by
        the largest one, so that no square overflows.

    Example:
        >>> import array_api_compat.numpy as xp
        >>> clipped(xp, [(xp.asarray([0.0, 3.0]), xp.asarray([4.0]))], 2.5)
        [(array([0. , 1.5]), array([2.]))]
    """
    arrays = arrays_of(gradients)
    largest = xp.max(xp.stack([xp.max(xp.abs(g)) for g in arrays]))
    unit = xp.where(largest > 0.0, largest, xp.ones_like(largest))
    norm = unit * xp.sqrt(xp.sum(xp.stack([xp.sum((g / unit) ** 2) for g in arrays])))
    scale = 1.0 / xp.maximum(norm / most, 1.0)  # min(1, most / norm), but that nothing is divided by 0
    return list(map_arrays(lambda g: scale * g, gradients))
