"""Costs: how wrong the outputs are, and the error they send back.

A cost goes with an output activation, and each legal pair is written out. `value` is the
cost of each example, shape (n,); `delta` is dC/dz of each example's cost, shape
(n, n_out), with the product of the two derivatives already simplified: cross-entropy
cancels the derivative of its activation exactly. Targets y have the shape of a.
"""

from collections.abc import Callable
from dataclasses import dataclass

from array_api_compat import array_namespace

from anynet.backends import Array, Namespace
from anynet.checks import look_up


@dataclass(frozen=True)
class Cost:
    """A cost on top of one output activation: `value` and `delta`, of (xp, z, a, y)."""

    name: str
    output: str
    value: Callable[[Namespace, Array, Array, Array], Array]
    delta: Callable[[Namespace, Array, Array, Array], Array]


def _quadratic(xp: Namespace, z: Array, a: Array, y: Array) -> Array:
    """1/2 ||a - y||^2 (Nielsen, equation 6, for one example)."""
    error = a - y
    return 0.5 * xp.sum(error * error, axis=1)


def _quadratic_delta_of_sigmoid(xp: Namespace, z: Array, a: Array, y: Array) -> Array:
    return (a - y) * a * (1.0 - a)


def _quadratic_delta_of_tanh(xp: Namespace, z: Array, a: Array, y: Array) -> Array:
    return (a - y) * (1.0 - a * a)


def _binary_cross_entropy(xp: Namespace, z: Array, a: Array, y: Array) -> Array:
    """-sum(y ln a + (1 - y) ln(1 - a)), from z, where no logarithm can be infinite.

    Nielsen, equation 63. With a = 1 / (1 + exp(-z)), each term is ln(1 + exp(z)) - y z.
    """
    softplus = xp.maximum(z, 0.0) + xp.log1p(xp.exp(-xp.abs(z)))
    return xp.sum(softplus - y * z, axis=1)


def _categorical_cross_entropy(xp: Namespace, z: Array, a: Array, y: Array) -> Array:
    """-sum(y ln a), from z: y . (ln sum(exp(z)) - z), shifted so that exp cannot overflow."""
    z = z - xp.max(z, axis=1, keepdims=True)
    log_sum = xp.log(xp.sum(xp.exp(z), axis=1, keepdims=True))
    return xp.sum(y * (log_sum - z), axis=1)


def _difference(xp: Namespace, z: Array, a: Array, y: Array) -> Array:
    return a - y


# Softmax's delta is a - y only for targets that sum to 1: see `check_targets`.
COSTS = {
    (cost.output, cost.name): cost
    for cost in (
        Cost("quadratic", "sigmoid", _quadratic, _quadratic_delta_of_sigmoid),
        Cost("quadratic", "tanh", _quadratic, _quadratic_delta_of_tanh),
        Cost("quadratic", "identity", _quadratic, _difference),
        Cost("cross_entropy", "sigmoid", _binary_cross_entropy, _difference),
        Cost("cross_entropy", "softmax", _categorical_cross_entropy, _difference),
    )
}


def check_targets(cost: Cost | None, y: Array) -> None:
    """Raise ValueError unless targets y (n, n_out) are what cross-entropy is defined for.

    Each a share in [0, 1], and after softmax together 1: else the error that is sent back
    would not be the derivative of the cost.
    """
    if cost is None or cost.name != "cross_entropy":
        return
    xp = array_namespace(y)
    lowest, highest = float(xp.min(y)), float(xp.max(y))
    if lowest < 0 or highest > 1:
        raise ValueError(
            f"y: expected shares from 0 to 1 for cross-entropy, got numbers from {lowest:g} to {highest:g}."
        )
    totals = xp.sum(xp.astype(y, xp.float32), axis=1)
    furthest = float(xp.max(xp.abs(totals - 1.0)))
    if cost.output == "softmax" and furthest > 1e-3:  # of rounding, in float32
        raise ValueError(f"y: expected targets that sum to 1 for softmax, got sums that differ by {furthest:g}.")


def get(name: str | None, output: str) -> Cost | None:
    """Return the cost of that name for an output activation.

    None is cross-entropy for softmax, no cost at all for step, which cannot learn, else
    quadratic. Raises ValueError for an unknown name, or a pair that is not in the table, with
    the pairs that are.
    """
    if name is None and output == "step":
        return None
    if name is None:
        name = "cross_entropy" if output == "softmax" else "quadratic"
    look_up({cost.name: cost for cost in COSTS.values()}, name, "cost")
    if (output, name) not in COSTS:
        legal = ", ".join(f"{o} with {c}" for o, c in COSTS)
        raise ValueError(f"cost: expected one of the pairs {legal}, got {output} with {name}.")
    return COSTS[output, name]
