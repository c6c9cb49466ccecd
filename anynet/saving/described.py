"""Layers and costs in a header: by their kind, their hyper-parameters and their names in the tables, and back."""

from dataclasses import fields
from numbers import Integral, Real
from typing import Any

from anynet.activations import ACTIVATIONS, Activation
from anynet.checks import as_code, look_up
from anynet.costs import COSTS, Cost
from anynet.initializers import INITIALIZERS, Initializer
from anynet.layers import LAYERS, Layer

_TABLES: dict[type[Any], dict[str, Any]] = {Activation: ACTIVATIONS, Initializer: INITIALIZERS}


def layer_to_dict(layer: Layer) -> dict[str, Any]:
    """Return a layer's kind and hyper-parameters, as JSON takes them.

    Raises:
        ValueError: It is of a kind, or holds a value, that no table has.
    """
    kind = type(layer)
    if LAYERS.get(kind.__name__) is not kind:
        raise ValueError(_only_here(f"the layer {kind.__name__}"))
    values = {f.name: getattr(layer, f.name) for f in fields(layer)}  # type: ignore[arg-type]
    return {"kind": kind.__name__} | {name: _by_name(value) for name, value in values.items()}


def _by_name(value: Any) -> Any:
    """Return a hyper-parameter as JSON takes it, a value of a table as its name; ValueError for anything else."""
    for kind, table in _TABLES.items():
        if isinstance(value, kind):
            names = [name for name, known in table.items() if known is value]
            if not names:
                raise ValueError(_only_here(f"the {kind.__name__.lower()} {as_code(value.name)}"))
            return names[0]
    if isinstance(value, tuple):
        return [_by_name(part) for part in value]
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise ValueError(_only_here(f"{as_code(value)} in a layer"))


def _only_here(what: str) -> str:
    return (
        f"save: expected what anynet's tables hold, got {what}, which exists in this program alone. Keep the program, "
        "save net.weights and net.biases with np.savez, and assign them to the network that the program builds."
    )


def cost_to_name(cost: Cost | None) -> str | None:
    """Return the name of a cost; ValueError if no table has it."""
    if cost is None:
        return None
    if COSTS.get((cost.output, cost.name)) is not cost:
        raise ValueError(_only_here(f"the cost {as_code(cost.name)}"))
    return cost.name


def layer_from_dict(description: dict[str, Any]) -> Layer:
    """Return the layer that `layer_to_dict` described.

    Raises:
        ValueError: There is no such kind, or it has no such hyper-parameters.
        TypeError: One of them is of another type.
    """
    hyper_parameters = dict(description)
    kind = look_up(LAYERS, hyper_parameters.pop("kind", None), "layer")
    unknown = set(hyper_parameters) - {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if unknown:
        raise ValueError(f"layer: {kind.__name__} has no {', '.join(map(str, unknown))}.")
    return kind(**{name: _with_tuples(value) for name, value in hyper_parameters.items()})


def _with_tuples(value: Any) -> Any:
    """Return what JSON made a list of as the tuple that it was."""
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value
