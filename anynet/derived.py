"""Formulas derived from others: what an activation, a cost or a layer leaves unsaid.

They are called as those that are written by hand, with symbols or with arrays of any library: for arrays
they are traced once for their shapes and dtypes, and the program is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from anynet.derivatives import gradients
from anynet.operations import NUMBER, OPERATIONS, TraceError, dtype_name, is_number
from anynet.tracing import Program, Symbol, Trace, replay, traced
from anynet.trees import arrays_of, filled, map_arrays
from anynet.typing import Array, Namespace, Shape, Tree


@dataclass(frozen=True)
class Derived:
    """A formula that takes gradients of others: called as they are, equal where they are.

    Args:
        formula: `formula(*of, xp, *arguments)`, written for symbols; it calls `gradients`.
        of: The formulas that it is derived from, and how.
    """

    formula: Callable[..., Tree]
    of: tuple[Any, ...]

    def __call__(self, xp: Namespace, *arguments: Tree) -> Tree:
        """Return its value: symbols in a trace, else arrays of xp, by a program kept per shapes and dtypes."""
        formula = partial(self.formula, *self.of)
        if isinstance(xp, Trace):
            return within(xp, formula, *arguments)
        outline = map_arrays(lambda a: 0.0 if is_number(a) else Outline(tuple(a.shape), dtype_name(a)), arguments)
        key = self, repr(outline)
        if (known := PROGRAMS.get(key)) is None:
            if len(PROGRAMS) >= _PROGRAMS_KEPT:
                PROGRAMS.clear()
            known = PROGRAMS[key] = traced(formula, *outline)
        program, result = known
        return filled(result, replay(xp, program, arrays_of(arguments)))


@dataclass(frozen=True)
class Outline:
    """What is to be known of an array before it is there: its shape, and the name of its dtype."""

    shape: Shape
    dtype: str


PROGRAMS: dict[tuple[Derived, str], tuple[Program, Tree]] = {}
_PROGRAMS_KEPT = 64


def within(trace: Trace, formula: Callable[..., Tree], *arguments: Tree) -> Tree:
    """Return the value of a formula that takes gradients, in a trace where more is going on.

    Its arguments stand for themselves while it is differentiated: one array given twice is two, and one that
    comes from another no function of it. Afterwards they are what they were, and all is computed once.

    Args:
        trace: What the arguments belong to.
        formula: `formula(xp, *arguments)`.
        *arguments: Trees of symbols, arrays and numbers.
    """
    outer, fresh = list(trace.symbols), []

    def enter(a: Any) -> Symbol:
        fresh.append(trace.argument(*(((), NUMBER) if is_number(a) else (tuple(a.shape), dtype_name(a)))))
        return fresh[-1]

    result = formula(trace, *map_arrays(enter, arguments))
    made = trace.symbols[len(outer) + len(fresh) :]
    trace.symbols[len(outer) :] = made
    program = Program([*outer, *fresh], made, arrays_of(result))
    values = replay(trace, program, [*outer, *arrays_of(arguments)])
    trace.derived |= {id(s) for s in trace.symbols[len(outer) + len(made) :]} & {id(value) for value in values}
    return filled(result, values)


def is_elementwise(value: Callable[[Namespace, Array], Array]) -> bool:
    """Return whether each element of a formula's result comes from the same element of its argument alone.

    Args:
        value: `value(xp, z)`.

    Raises:
        TraceError: It cannot be traced.

    Example:
        >>> is_elementwise(lambda xp, z: z / (1.0 + xp.exp(-z)))
        True
        >>> is_elementwise(lambda xp, z: z - xp.max(z, axis=1, keepdims=True))
        False
    """
    kinds = {OPERATIONS[name] for name in ("abs", "divide", "exp", "equal", "where", "astype", "zeros_like")}
    program, result = traced(value, Outline((2, 3), "float64"))
    return getattr(result, "shape", ()) == (2, 3) and all(OPERATIONS[s.name] in kinds for s in program.operations)


def why_not(derived: Derived, *arguments: Tree) -> str | None:
    """Return why a formula cannot be derived for arguments of such outlines; None if it can.

    Example:
        >>> why_not(derivative_of(lambda xp, z: xp.exp(z)), *[Outline((2, 3), "float64")] * 2) is None
        True
    """
    try:
        traced(derived, *arguments)
    except TraceError as error:
        return str(error)
    return None


def derivative_of(value: Callable[[Namespace, Array], Array]) -> Derived:
    """Return `derivative(xp, z, a) -> da/dz` of an element-wise activation `value(xp, z) -> a`."""
    return Derived(_slope, (value,))


def _slope(value: Callable[..., Array], xp: Trace, z: Array, a: Array) -> Array:
    a = value(xp, z)
    return gradients(a, [z], seed=xp.ones_like(a))[0]


def delta_of(cost: Callable[..., Array], activation: Callable[[Namespace, Array], Array]) -> Derived:
    """Return `delta(xp, z, a, y) -> dC/dz` of each example; cost(xp, z, a, y) is C, (n,), and a activation(xp, z)."""
    return Derived(_delta, (cost, activation))


def _delta(cost: Callable[..., Array], f: Callable[..., Array], xp: Trace, z: Array, a: Array, y: Array) -> Array:
    costs = cost(xp, z, f(xp, z), y)
    return gradients(costs, [z], seed=xp.ones_like(costs))[0]


def backward_of(forward: Callable[..., tuple[Array, Any, Any]], training: bool) -> Derived:
    """Return `backward(xp, parameters, state, a, noise, delta) -> (gradients, dC/da)` of a layer's `forward`."""
    return Derived(_backward, (forward, training))


def _backward(
    forward: Callable[..., Any],
    training: bool,
    xp: Trace,
    parameters: Tree,
    state: Tree,
    a: Symbol,
    noise: Any,
    delta: Symbol,
) -> Tree:
    z = forward(xp, parameters, state, a, training, noise)[0]
    *of_parameters, error = gradients(z, [*arrays_of(parameters), a], seed=delta)
    return filled(parameters, of_parameters), error
