"""Functions of expressions: compiled once for a backend, called with values, updating what is shared."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from anynet import backends
from anynet.backends import Backend
from anynet.books.theano.computing import values_of
from anynet.books.theano.variables import Constant, Shared, Variable, operand
from anynet.checks import as_code, look_up, warn
from anynet.expressions import in_order, within
from anynet.operations import TraceError, dtype_name
from anynet.typing import Array, HostArray, Namespace


@dataclass(frozen=True, eq=False)
class In:
    """An input of a function with a value of its own, or a name.

    Args:
        variable: What it stands for.
        value: What it is unless the call says otherwise; None if the call must.
        name: By which a call may give it; the variable's, unless told otherwise.

    Example:
        >>> from anynet.books.theano import tensor as T
        >>> x, y = T.dscalars("x", "y")
        >>> function([x, In(y, value=1, name="more")], x + y)(2)
        array(3.)
    """

    variable: Variable
    value: Any = None
    name: str | None = None


@dataclass(frozen=True, eq=False)
class Graph:
    """What a function computes, of which variables: called with a namespace and their values.

    Args:
        outputs: Expressions.
        updates: Shared variables and what they become.
        givens: Variables and what stands in their place.
        arguments: The variables whose values come in.
    """

    outputs: list[Any]
    updates: dict[Shared, Any]
    givens: dict[Variable, Any]
    arguments: list[Variable]

    def __call__(self, xp: Namespace, *values: Array) -> tuple[list[Any], list[Any]]:
        """Return the outputs, and the new values of what is shared."""
        known = {id(v): value for v, value in zip(self.arguments, values, strict=True)}
        given: dict[int, Any] = {}
        for v, made in self.givens.items():
            given[id(v)] = _converted(xp, v, values_of(xp, made, known), "givens")
        outputs, after = values_of(xp, (self.outputs, list(self.updates.values())), known | given)
        return outputs, [_converted(xp, v, new, "updates") for v, new in zip(self.updates, after, strict=True)]


def _converted(xp: Namespace, v: Variable, value: Any, where: str) -> Array:
    """Return a value as the variable has it, whose place it takes; TypeError if it is of another type."""
    assert v.type is not None
    shape, dtype = tuple(value.shape), dtype_name(value)
    if len(shape) != v.type.ndim or not np.can_cast(dtype, v.type.dtype):
        raise TraceError(
            f"function: expected {v.type} for {v} in {where}, got an array of {dtype} of the shape {shape}. "
            f"Convert it with T.cast, or reshape it."
        )
    return value if dtype == v.type.dtype else xp.astype(value, getattr(xp, v.type.dtype))


@dataclass(frozen=True, eq=False)
class Function:
    """A function of arrays, compiled for a backend. Made by `function`.

    Args:
        name: What errors call it.
        backend: Where it computes.
        inputs: What it takes.
        graph: What it computes.
        constants: Arrays that stand in it.
        returns: How outputs are returned.
        downcast: Whether inputs of any dtype are converted.
    """

    name: str
    backend: Backend
    inputs: list[In]
    graph: Graph
    constants: list[Array]
    returns: Callable[[list[HostArray]], Any]
    downcast: bool
    _compiled: Callable[..., Any]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the outputs as NumPy arrays, computed before anything shared is updated.

        Args:
            *args: Numbers, lists or arrays, in the order of the inputs.
            **kwargs: Likewise, by the names of the inputs.

        Raises:
            TypeError: One is missing, there are more, or one is not of its input's type.
        """
        values = self._placed(args, kwargs)
        stored = [v.on(self.backend) for v in self.graph.arguments if isinstance(v, Shared)]
        with self.backend.active():
            outputs, after = self._compiled(*values, *stored, *self.constants)
            found = [np.asarray(backends.to_numpy(output)) for output in outputs]
        for v, new in zip(self.graph.updates, after, strict=True):
            v.hold(new)
        return self.returns(found)

    def _placed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Array]:
        names = [each.name or each.variable.name or f"input {i}" for i, each in enumerate(self.inputs)]
        unknown = [name for name in kwargs if name not in names[len(args) :]]
        if len(args) > len(names) or unknown:
            got = f"{unknown[0]} besides" if unknown else f"{len(args)} values"
            raise TypeError(f"{self.name}: expected values for {', '.join(names) or 'nothing'}, got {got}.")
        values = []
        for i, (name, each) in enumerate(zip(names, self.inputs, strict=True)):
            value = args[i] if i < len(args) else kwargs.get(name, each.value)
            if value is None:
                raise TypeError(
                    f"{self.name}: expected a value for {name}, got none. "
                    "Give it in the call, or one for all calls in In(variable, value=...)."
                )
            assert each.variable.type is not None
            values.append(each.variable.type.placed(value, name, self.backend, self.downcast))
        return values


def function(
    inputs: Iterable[Variable | In],
    outputs: Any = None,
    updates: Any = (),
    givens: Any = (),
    name: str | None = None,
    allow_input_downcast: bool | None = None,
    on_unused_input: str = "raise",
    backend: str | Backend = "numpy",
) -> Function:
    """Return a function of values, compiled from expressions.

    Args:
        inputs: Variables; as `In(variable, value=..., name=...)` with a default or a name.
        outputs: An expression, for which the function returns an array; or a list of them, for a list.
        updates: Pairs, or a dictionary, of shared variables and expressions: what they become after each call, all
            computed from what they were.
        givens: Likewise of variables and what stands in their place.
        name: What errors call it.
        allow_input_downcast: Whether inputs of any dtype are converted; otherwise those whose numbers theirs holds.
        on_unused_input: "raise", "warn" or "ignore", of an input that nothing hangs on.
        backend: As in `anynet.backends.get`, or a value of that, which says the device.

    Returns:
        The function.

    Raises:
        TypeError: An input is no variable, an output no expression, or what is updated is not shared.
        ValueError: A variable is missing among the inputs, or nothing hangs on one of them.

    Example:
        >>> from anynet.books.theano import shared
        >>> state = shared(0, "state")
        >>> count = function([], state, updates=[(state, state + 1)])
        >>> count(), count(), state.get_value()
        (array(0), array(1), array(2))
    """
    taken = [_input(each) for each in inputs]
    results = [] if outputs is None else list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    returns = (
        (lambda found: found) if outputs is None or isinstance(outputs, (list, tuple)) else (lambda found: found[0])
    )
    after, given = _pairs(updates, "updates"), _pairs(givens, "givens")
    for v in after:
        if not isinstance(v, Shared):
            raise TypeError(f"function: expected updates of shared variables, got one of {v}. Make it with shared().")
    graph = Graph([_output(r) for r in results], after, given, [])
    leaves = [e for e in in_order(within((graph.outputs, [*after.values()]))) if e.operation == "argument"]
    needed = [e for e in leaves if e not in given]
    needed += [e for e in in_order(within([*given.values()])) if e.operation == "argument" and e not in needed]
    variables = [each.variable for each in taken]
    _check(variables, needed, on_unused_input)
    constants = [e for e in needed if isinstance(e, Constant)]
    graph.arguments.extend([*variables, *(e for e in needed if isinstance(e, Shared)), *constants])
    found = backends.get(backend, dtype="float64")
    placed = [found.asarray(e.value) for e in constants]
    return Function(
        name or "function", found, taken, graph, placed, returns, bool(allow_input_downcast), found.compile(graph)
    )


def _input(x: Any) -> In:
    found = x if isinstance(x, In) else In(x)
    v = found.variable
    if not isinstance(v, Variable) or v.operation != "argument" or isinstance(v, (Shared, Constant)):
        got = f"{v}, which has a value or comes of others" if isinstance(v, Variable) else type(v).__name__
        raise TypeError(f"function: expected variables as inputs, got {got}. Use T.dmatrix('x') and the like.")
    return found


def _output(x: Any) -> Any:
    made = operand(x)
    return made if isinstance(made, Variable) else Constant(np.asarray(made))


def _pairs(given: Any, where: str) -> dict[Any, Any]:
    pairs = list(given.items() if isinstance(given, Mapping) else given or ())
    found: dict[Any, Any] = {}
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not isinstance(pair[0], Variable):
            raise TypeError(
                f"function: expected {where} as pairs of a variable and an expression, got {as_code(pair)}."
            )
        v, made = pair
        if v.operation != "argument" or isinstance(v, Constant):
            raise TypeError(f"function: expected {where} of variables, got one of the expression {v}.")
        if v in found:
            raise ValueError(f"function: expected one of the {where} for each variable, got two for {v}.")
        found[v] = _output(made)
    return found


def _check(variables: list[Variable], needed: list[Any], on_unused: str) -> None:
    """Raise ValueError if a variable has no value, or an input no use."""
    look_up({"raise": 0, "warn": 0, "ignore": 0}, on_unused, "on_unused_input")
    missing = [str(e) for e in needed if e not in variables and not isinstance(e, (Shared, Constant))]
    if missing:
        raise ValueError(
            f"function: expected all variables among the inputs, got {', '.join(missing)} besides. "
            "Give it in inputs, or in givens."
        )
    unused = [str(v) for v in variables if v not in needed]
    if unused and on_unused != "ignore":
        message = (
            f"function: expected inputs that something hangs on, got {', '.join(unused)} besides. "
            "Leave it out, or say on_unused_input='ignore'."
        )
        if on_unused == "raise":
            raise ValueError(message)
        warn(message)
