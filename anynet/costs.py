"""Costs: how wrong the outputs are, and the error they send back.

A cost goes with an output activation, and each legal pair is written out. `value` is the
cost of each example, shape (n,); `delta` is dC/dz of each example's cost, shape
(n, n_out), with the product of the two derivatives already simplified: cross-entropy
cancels the derivative of its activation exactly. Targets y have the shape of a.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from array_api_compat import array_namespace

from anynet.activations import Activation, identity, softplus
from anynet.checks import as_code, check_own, positive_number, shown, value_of
from anynet.derived import Outline, delta_of, why_not
from anynet.typing import Array, Namespace

__all__ = ["COSTS", "Cost", "get"]


# As far as weighted inputs are told apart by cross-entropy: costs of any number of outputs and examples can be added.
_FAR = 1e30


def _accept(y: Array) -> None:
    """Accept any targets."""


@dataclass(frozen=True)
class Cost:
    """A cost on top of one output activation.

    Args:
        name: What it is called, in tables, files and errors.
        output: The name of the output activation that it goes with.
        value: `value(xp, z, a, y) -> C` of each example, (n,), from the weighted inputs z,
            the outputs a and the targets y, each (n, n_out).
        delta: `delta(xp, z, a, y) -> dC/dz` of each example, (n, n_out): BP1. None takes it from
            value and the output activation, by the graph.
        learning_rate: The step size that suits it where none is given; 0.5 is the book's
            for cross-entropy (Nielsen, chapter 3).
        check_targets: `check_targets(y)` raises ValueError for targets (n, n_out) that it is
            not defined for. By default all will do.

    Example:
        >>> fourth = Cost(
        ...     "fourth", "identity",
        ...     lambda xp, z, a, y: xp.sum((a - y) ** 4, axis=1),
        ... )
        >>> get(fourth, "identity").name
        'fourth'
    """

    name: str
    output: str
    value: Callable[[Namespace, Array, Array, Array], Array]
    delta: Callable[[Namespace, Array, Array, Array], Array] | None = None
    learning_rate: float = 0.5
    check_targets: Callable[[Array], None] = _accept

    def __post_init__(self) -> None:
        check_own(self, ("value", "check_targets"), ("delta",))
        if not isinstance(self.output, str):
            raise TypeError(f"output: expected the name of an activation, got {as_code(self.output)}.")
        positive_number("learning_rate", self.learning_rate)

    def with_positive_weights(self, weights: Array) -> "Cost":
        """Return the cost with its positive terms weighted; one for which `has_positive_terms` holds.

        Args:
            weights: How much the positive term of each output counts, (n_out,), or (n, n_out).
        """
        return replace(
            self,
            value=lambda xp, z, a, y: _weighted_binary_cross_entropy(xp, z, a, y, weights),
            delta=lambda xp, z, a, y: _weighted_difference(xp, z, a, y, weights),
        )


def _quadratic(xp: Namespace, z: Array, a: Array, y: Array) -> Array:
    """1/2 ||a - y||^2 (Nielsen, equation 6, for one example)."""
    error = a - y
    return 0.5 * xp.sum(error * error, axis=1)


def _quadratic_delta_of_sigmoid(xp: Namespace, z: Array, a: Array, y: Array) -> Array:
    return (a - y) * a * (1.0 - a)


def _quadratic_delta_of_tanh(xp: Namespace, z: Array, a: Array, y: Array) -> Array:
    return (a - y) * (1.0 - a * a)


def _absolute(xp: Namespace, z: Array, a: Array, y: Array) -> Array:
    """Sum |a - y|: outputs become medians, which no outlier moves."""
    return xp.sum(xp.abs(a - y), axis=1)


def _absolute_delta(xp: Namespace, z: Array, a: Array, y: Array) -> Array:
    return xp.sign(a - y)


def _huber(xp: Namespace, z: Array, a: Array, y: Array) -> Array:
    """1/2 (a - y)^2 up to a distance of 1, from there on |a - y| - 1/2, summed (Huber, 1964)."""
    distance = xp.abs(a - y)
    near = xp.minimum(distance, 1.0)
    return xp.sum(near * (distance - 0.5 * near), axis=1)


def _huber_delta(xp: Namespace, z: Array, a: Array, y: Array) -> Array:
    return xp.minimum(xp.maximum(a - y, -1.0), 1.0)


def _binary_cross_entropy(xp: Namespace, z: Array, a: Array, y: Array) -> Array:
    """-sum(y ln a + (1 - y) ln(1 - a)), from z, where no logarithm can be infinite.

    Nielsen, equation 63. With a = 1 / (1 + exp(-z)), each term is ln(1 + exp(z)) - y z.
    """
    z = _within_reach(xp, z)
    return xp.sum(softplus.value(xp, z) - y * z, axis=1)


def _weighted_binary_cross_entropy(xp: Namespace, z: Array, a: Array, y: Array, weights: Array) -> Array:
    """-sum(w y ln a + (1 - y) ln(1 - a)): what says yes counts w times, for each label its own."""
    z = _within_reach(xp, z)
    return xp.sum(weights * y * softplus.value(xp, -z) + (1.0 - y) * softplus.value(xp, z), axis=1)


def _weighted_difference(xp: Namespace, z: Array, a: Array, y: Array, weights: Array) -> Array:
    return a * (1.0 - y + weights * y) - weights * y


def _within_reach(xp: Namespace, z: Array) -> Array:
    return xp.minimum(xp.maximum(z, -_FAR), _FAR)


def _categorical_cross_entropy(xp: Namespace, z: Array, a: Array, y: Array) -> Array:
    """-sum(y ln a), from z: y . (ln sum(exp(z)) - z), shifted so that exp cannot overflow."""
    half = 0.5 * z  # whose differences cannot overflow; and none is infinite, which 0 times would be NaN
    z = 2.0 * xp.maximum(half - xp.max(half, axis=1, keepdims=True), -0.5 * _FAR)
    log_sum = xp.log(xp.sum(xp.exp(z), axis=1, keepdims=True))
    return xp.sum(y * (log_sum - z), axis=1)


def _difference(xp: Namespace, z: Array, a: Array, y: Array) -> Array:
    return a - y


def _check_shares(y: Array) -> None:
    xp = array_namespace(y)
    lowest, highest = float(xp.min(y)), float(xp.max(y))
    if lowest < 0 or highest > 1:
        raise ValueError(
            f"y: expected shares from 0 to 1 for cross-entropy, got numbers from {lowest:g} to {highest:g}."
        )


def _check_distributions(y: Array) -> None:
    """Raise ValueError unless each row is of shares that sum to 1: else a - y were not the derivative."""
    _check_shares(y)
    xp = array_namespace(y)
    totals = xp.sum(xp.astype(y, xp.float32), axis=1)
    furthest = float(xp.max(xp.abs(totals - 1.0)))
    if furthest > 1e-3:  # of rounding, in float32
        raise ValueError(f"y: expected targets that sum to 1 for softmax, got sums that differ by {furthest:g}.")


# The learning rates are those that the book uses with each cost (Nielsen, chapters 1 and 3); it has none for the costs
# whose error does not shrink with the distance, which are taken in small steps.
COSTS = {
    (cost.output, cost.name): cost
    for cost in (
        Cost("quadratic", "sigmoid", _quadratic, _quadratic_delta_of_sigmoid, 3.0),
        Cost("quadratic", "tanh", _quadratic, _quadratic_delta_of_tanh, 3.0),
        Cost("quadratic", "identity", _quadratic, _difference, 3.0),
        Cost("absolute", "identity", _absolute, _absolute_delta, 0.05),
        Cost("huber", "identity", _huber, _huber_delta, 0.05),
        Cost("cross_entropy", "sigmoid", _binary_cross_entropy, _difference, 0.5, _check_shares),
        Cost("cross_entropy", "softmax", _categorical_cross_entropy, _difference, 0.5, _check_distributions),
    )
}


def get(cost: "str | Cost | None", output: str) -> Cost | None:
    """Return the cost that goes with an output activation.

    Args:
        cost: A name of `COSTS`, or a `Cost` of your own. None is cross_entropy for softmax,
            no cost at all for step, which cannot learn, else quadratic.
        output: The name of the output activation.

    Returns:
        The cost, or None for step.

    Raises:
        ValueError: The name is unknown, or the pair is not in the table: the error lists the
            pairs that are. Or a cost of your own is for another output.
        TypeError: It is neither a name nor a value.

    Example:
        >>> get(None, "softmax").name
        'cross_entropy'
    """
    if cost is None and output == "step":
        return None
    if cost is None:
        cost = "cross_entropy" if output == "softmax" else "quadratic"
    if isinstance(cost, Cost):
        if cost.output != output:
            got = shown(f"{cost.name}, for {cost.output}", 200, in_one_line=True)
            raise ValueError(f"cost: expected one for the output {output}, got {got}.")
        return cost
    cost = value_of({known.name: known for known in COSTS.values()}, cost, Cost, "cost").name
    if (output, cost) not in COSTS:
        legal = ", ".join(f"{o} with {c}" for o, c in COSTS)
        raise ValueError(
            f"cost: expected one of the pairs {legal}, got {output} with {cost}. For another, make a Cost of your own."
        )
    return COSTS[output, cost]


def has_positive_terms(cost: Cost | None) -> bool:
    """Return whether a cost has a term of its own for what says yes, which can count more, or less."""
    return cost is not None and cost.value is _binary_cross_entropy


def completed(cost: Cost | None, output: Activation | None) -> Cost | None:
    """Return a cost with its delta: where it has none, that which value and the output activation imply.

    Args:
        cost: The cost; None for a network that has none.
        output: The activation of the last layer, which it goes with; None is the identity.

    Returns:
        The cost.

    Raises:
        ValueError: It is no formula that the graph can derive.

    Example:
        >>> from anynet.activations import sigmoid
        >>> mine = Cost("mine", "sigmoid", lambda xp, z, a, y: xp.sum((a - y) ** 4, axis=1))
        >>> completed(mine, sigmoid).delta is None
        False
    """
    if cost is None or cost.delta is not None:
        return cost
    delta = delta_of(cost.value, (output or identity).value)
    reason = why_not(delta, *[Outline((2, 3), "float64")] * 3)
    if reason is not None:
        raise ValueError(
            f"cost: expected a delta for {cost.name}, or a value that it can be derived from, got one that cannot: "
            f"{reason}. Write delta(xp, z, a, y)."
        )
    return replace(cost, delta=delta)
