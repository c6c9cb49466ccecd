"""The architecture: a network as a value, without what it has learnt.

Its stages, each a layer and the activation on top of it, the shape of an example, the cost
and the task. It is frozen and hashable: whatever is compiled for a network is kept by it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

from anynet import activations, costs, initializers, metrics
from anynet.activations import Activation
from anynet.checks import as_code, look_up, whole_number
from anynet.costs import COSTS, Cost
from anynet.initializers import Initializer
from anynet.layers import MAX_DIMENSIONS, MAX_LAYERS, Dense, Flatten, Layer
from anynet.layers.derived import WithBackward, with_backward
from anynet.optimizers import SGD, Adam, Optimizer
from anynet.typing import Generator, Shape


class Stage(NamedTuple):
    """A layer and the activation on top of it, None where there is none."""

    layer: Layer
    activation: Activation | None


@dataclass(frozen=True)
class Architecture:
    """A network but for what it has learnt."""

    input_shape: Shape
    stages: tuple[Stage, ...]
    cost: Cost | None
    task: str

    def __hash__(self) -> int:
        return self._hash  # asked for whenever something compiled is looked up

    @cached_property
    def _hash(self) -> int:
        return hash((self.input_shape, self.stages, self.cost, self.task))

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, with the activations and initializers that they take."""
        return tuple(layer.layer if isinstance(layer, WithBackward) else layer for layer, _ in self.stages)

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape of one example, and of what each layer makes of it."""
        shapes = [self.input_shape]
        for layer, _ in self.stages:
            shapes.append(layer.output_shape(shapes[-1]))
        return tuple(shapes)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many values go in, and come out of each layer."""
        return tuple(math.prod(shape) for shape in self.shapes)

    @property
    def n_out(self) -> int:
        """How many outputs there are."""
        return self.sizes[-1]

    @property
    def n_classes(self) -> int:
        """How many classes the outputs tell apart: one output tells two."""
        return max(self.n_out, 2)

    @property
    def output_name(self) -> str:
        """The name of the output activation."""
        return _name_of(self.stages[-1].activation)

    @cached_property
    def reach(self) -> tuple[float, float]:
        """Between which numbers the outputs lie."""
        return metrics.reach(self.output_name)

    @cached_property
    def threshold(self) -> float:
        """What an output exceeds that says yes."""
        return metrics.threshold(self.output_name)

    @property
    def has_known_cost(self) -> bool:
        """Whether what the cost takes for targets is known: it is none of the user's own."""
        return self.cost is None or (self.cost.output, self.cost.name) in COSTS

    @property
    def cost_name(self) -> str | None:
        """The name of the cost, None where there is none."""
        return self.cost.name if self.cost else None

    def learnable_cost(self) -> Cost:
        """Return the cost to learn by; ValueError if the network cannot learn."""
        for _, f in self.stages[:-1]:
            if f is not None and not f.learns:
                raise ValueError(_cannot_learn(f.name))
        if self.cost is None:
            raise ValueError(_cannot_learn(self.output_name))
        if not any(self.parameter_shapes()[0]):
            raise ValueError("layers: expected one with parameters, got none that could learn. Add a Dense, say.")
        return self.cost

    @cached_property
    def widest_shape(self) -> Shape:
        """The shape of the largest array that one example becomes on its way."""
        return max(self.shapes, key=math.prod)

    @cached_property
    def working_shape(self) -> Shape:
        """The shape of the largest array that a layer makes of an example on the way to what comes out of it."""
        shapes = [layer.widest_shape(shape) for layer, shape in zip(self.layers, self.shapes, strict=False)]
        return max([self.input_shape, *shapes], key=math.prod)

    @property
    def couples(self) -> tuple[str, ...]:
        """The kinds of those layers whose batch cannot be split: one example hangs on the others."""
        return tuple(type(layer).__name__ for layer in self.layers if layer.couples)

    @property
    def has_windows(self) -> bool:
        """Whether a layer makes more of an example than comes out of any: what kernels see."""
        return self.working_shape not in self.shapes

    @property
    def shared_multiply_adds(self) -> float:
        """Of the largest product, as far as it is worth sharing: of a convolution's step products are but the half."""
        return self.multiply_adds / (10 if self.has_windows else 1)

    @cached_property
    def multiply_adds(self) -> int:
        """Of the largest matrix product that one example goes through."""
        products = [
            math.prod(shape[1:]) * size  # weights (n_out, ...) meet each of the outputs
            for shapes, size in zip(self.parameter_shapes()[0], self.sizes[1:], strict=True)
            for shape in shapes
        ]
        return max(products, default=0)

    def check_can_be_right(self) -> None:
        """Raise ValueError unless answers are right or wrong."""
        if self.task == "regression":
            raise ValueError(
                "evaluate: expected a network whose answers are right or wrong, got one whose task is "
                "regression. Compare feedforward(x) with y."
            )

    @property
    def book_learning_rate(self) -> float:
        """The learning rate that the book uses with the cost; ValueError if the network cannot learn."""
        return self.learnable_cost().learning_rate

    @property
    def is_the_books(self) -> bool:
        """Whether it is a network as in the book: sigmoid throughout, with one of its costs."""
        known = [COSTS["sigmoid", name] for name in ("quadratic", "cross_entropy")]
        parameters = self.parameter_shapes()[0]
        stages = [stage for stage, p in zip(self.stages, parameters, strict=True) if p or stage.activation is not None]
        return self.cost in known and all(type(layer) is Dense and f is activations.sigmoid for layer, f in stages)

    @cached_property
    def default_optimizer(self) -> Optimizer:
        """The optimizer that suits: the book's for the book's networks, whose rates others diverge at, else Adam."""
        return SGD(self.book_learning_rate) if self.is_the_books else Adam()

    def check_quadratic(self) -> None:
        """Raise ValueError unless the cost is quadratic: of others the error is taken from z, where it is simpler."""
        if self.cost_name != "quadratic":
            raise ValueError(f"cost_derivative: expected the quadratic cost, got {self.cost_name}. Use backprop(x, y).")

    def check_classifies(self, what: str) -> None:
        """Raise ValueError, in the name of what is asked for, unless answers are classes."""
        if self.task != "classification":
            raise ValueError(f"{what}: expected a network that classifies, got one whose task is {self.task}.")

    def with_outputs(self, n: int) -> "Architecture":
        """Return the architecture with another number of outputs; ValueError unless a Dense gives them."""
        *others, (last, f) = self.stages
        if not isinstance(last, Dense):
            raise ValueError(f"with_outputs: expected a Dense as the last layer, got {type(last).__name__}.")
        return replace(self, stages=(*others, Stage(replace(last, units=n), f)))

    def initialize(self, rng: Generator) -> tuple[list[Any], list[Any]]:
        """Return the initial parameters and state of each layer, as host arrays."""
        drawn = [layer.initialize(shape, rng) for (layer, _), shape in zip(self.stages, self.shapes, strict=False)]
        for layer, made, shapes in zip(self.layers, drawn, zip(*self.parameter_shapes(), strict=True), strict=True):
            _check_made(type(layer).__name__, made, shapes)
        return [parameters for parameters, _ in drawn], [state for _, state in drawn]

    def parameter_shapes(self) -> tuple[list[Any], list[Any]]:
        """Return the shapes of the parameters and state of each layer, in the same structure."""
        asked = [layer.parameter_shapes(shape) for (layer, _), shape in zip(self.stages, self.shapes, strict=False)]
        return [parameters for parameters, _ in asked], [state for _, state in asked]

    def rows(self) -> list[tuple[str, ...]]:
        """Return the names of a table's columns, and a row of it for the input and each layer, by its position."""
        rows = [
            ("", "layer", "output", "activation", "parameters", ""),
            ("0", "input", str(self.input_shape), "", "", ""),
        ]
        made = zip(self.layers, self.stages, self.shapes, self.shapes[1:], self.parameter_shapes()[0], strict=False)
        for l, (layer, (_, f), given, shape, p) in enumerate(made, 1):
            n = f"{sum(map(math.prod, p)):,}"
            rows.append((str(l), type(layer).__name__, str(shape), f.name if f else "", n, layer.remark(given)))
        width = len(rows[0]) - (not any(row[-1] for row in rows))
        return [row[:width] for row in rows]

    def table(self) -> str:
        """Return the layers, the shapes of their outputs and their parameters as text."""
        rows = self.rows()
        columns = zip((1, 9, 15, 11, 12, 0), zip(*rows, strict=True), strict=False)
        widths = [max(floor, *map(len, column)) for floor, column in columns]
        sides = "<<<<><"
        lines = [
            " ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=False))
            for row in rows
        ]
        return "\n".join(map(str.rstrip, lines))


def _check_made(name: str, made: tuple[Any, Any], shapes: tuple[Any, Any]) -> None:
    """Raise TypeError unless a layer has made the named tuples that it says it makes."""
    fields = [_shapes_of(part) for part in made]
    if fields != [_shapes_of(part, are_shapes=True) for part in shapes]:
        raise TypeError(
            f"{name}: expected initialize and parameter_shapes to tell of the same named tuples, got arrays of the "
            f"shapes {fields} and the shapes {list(shapes)}. Return NamedTuples, () where there is nothing."
        )
    if set(fields[0]) & set(fields[1]):
        raise TypeError(f"{name}: expected different names for parameters and state, got {sorted(fields[0])} for both.")


def _shapes_of(values: Any, are_shapes: bool = False) -> dict[str, Shape]:
    """Return field -> shape of a named tuple of arrays, or of shapes; an entry for what is no named tuple."""
    if not hasattr(values, "_fields"):
        return {} if values == () else {f"{type(values).__name__} without names": ()}
    return {
        field: tuple(value) if are_shapes else tuple(value.shape)
        for field, value in zip(values._fields, values, strict=True)
    }


def _cannot_learn(name: str) -> str:
    return (
        f"activation: expected ones with a useful derivative, got {name}. Such a network computes "
        "with the weights it is given, but cannot learn. Take sigmoid, say."
    )


def build(
    sizes: Sequence[Any],
    hidden: str | Activation,
    output: str | Activation,
    cost: str | Cost | None,
    initializer: str | Initializer | None,
    task: str | None,
) -> Architecture:
    """Return the architecture that a user describes; the arguments are those of `Network`.

    Raises:
        ValueError: A name does not exist, or the parts do not go together.
        TypeError: Something is of another kind.
    """
    for f, where in ((hidden, "hidden_activation"), (output, "output_activation")):
        activations.get(f, where)  # refused even where no layer takes it
    if initializer is not None:
        initializers.get(initializer)
    input_shape, layers = parse_layers(sizes)
    stages = _stages(_fitted(input_shape, layers), hidden, output, initializer)
    if len(stages) > MAX_LAYERS:
        raise ValueError(f"sizes: expected at most {MAX_LAYERS:,} layers, got {len(stages):,}. Leave some out.")
    output_name = _name_of(stages[-1].activation)
    task = task or ("regression" if output_name == "identity" else "classification")
    task = metrics.FORMER_NAMES.get(task, task) if isinstance(task, str) else task
    look_up(metrics.TASKS, task, "task")
    cost = costs.completed(costs.get(cost, output_name), stages[-1].activation)
    architecture = Architecture(input_shape, stages, cost, task)
    for (layer, _), shape in zip(stages, architecture.shapes, strict=False):  # which refuses what does not fit
        if isinstance(layer, WithBackward):
            layer.check(shape)
    return architecture


def _fitted(input_shape: Shape, layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers, a Flatten between an image and a Dense; ValueError if they do not go together."""
    fitted: list[Layer] = []
    shape = input_shape
    for layer in layers:
        for each in [Flatten(), layer] if isinstance(layer, Dense) and len(shape) > 1 else [layer]:
            fitted.append(each)
            try:
                shape = each.output_shape(shape)
            except ValueError as error:
                raise ValueError(f"layer {len(fitted)}, {error}") from None
    if len(shape) > 1:
        raise ValueError(
            f"layers: expected the last one to give a row of values, got {type(layers[-1]).__name__}, which gives the "
            f"shape {shape}. Let a Dense follow, or Flatten()."
        )
    return fitted


def _takers(layers: Sequence[Layer]) -> list[int]:
    """Return which layers take an activation of the network, if they say none: a convolution leaves it to its norm."""
    takers: list[int] = []
    leaves_it = False
    for l, layer in enumerate(layers):
        if _has(layer, "activation") and (leaves_it or not layer.is_norm):
            takers = takers[:-1] if leaves_it and layer.is_norm else takers
            takers.append(l)
        leaves_it = layer.gives_way_to_norm and layer.activation is None
    last = layers[takers[-1]] if takers else None
    if last is not None and (last.is_norm or last.gives_way_to_norm):
        raise ValueError(
            f"layers: expected a Dense to take the output's activation, got {type(last).__name__} as the last layer "
            "that has one. Let a Dense follow, one neuron per output."
        )
    return takers


def _stages(
    layers: Sequence[Layer], hidden: str | Activation, output: str | Activation, initializer: str | Initializer | None
) -> tuple[Stage, ...]:
    """Return the layers with their activations: those that take the network's own are given it."""
    takers = _takers(layers)
    networks_own = dict.fromkeys(takers, hidden) | dict.fromkeys(takers[-1:], output)
    stages = []
    for l, layer in enumerate(layers):
        layer = _completed(layer, activation=networks_own.get(l))
        f = None if layer.activation is None else activations.get(layer.activation)
        layer = _completed(layer, initializer=initializer or (f or activations.identity).initializer)
        if f is not None and f.is_for_outputs_only and l < len(layers) - 1:
            raise ValueError(
                f"hidden_activation: expected an activation for hidden layers, got {f.name}, for outputs only."
            )
        stages.append(Stage(with_backward(layer), f))
    return tuple(stages)


def _name_of(activation: Activation | None) -> str:
    return "identity" if activation is None else activation.name


def parse_layers(sizes: Sequence[Any]) -> tuple[Shape, list[Layer]]:
    """Return the input's shape and the layers that `sizes` stands for.

    Raises:
        ValueError: There are too few sizes, or one is below 1.
        TypeError: One is neither a whole number nor a layer.
    """
    if isinstance(sizes, str) or not isinstance(sizes, Iterable):
        raise TypeError(f"sizes: expected a list such as [784, 30, 10], got {as_code(sizes)}.")
    given = list(sizes)
    if len(given) < 2:
        raise ValueError(f"sizes: expected an input and at least one layer, got {as_code(given)}.")
    first, *rest = given
    shape = first if isinstance(first, (tuple, list)) else (first,)
    if len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"sizes: expected an input of at most {MAX_DIMENSIONS} dimensions, got {len(shape):,}.")
    input_shape = tuple(whole_number("sizes", n) for n in shape)
    return input_shape, [_parsed(layer) for layer in rest]


def _parsed(layer: Any) -> Layer:
    if isinstance(layer, type):
        raise TypeError(
            f"sizes: expected a layer's value, got the class {layer.__name__}. Write {layer.__name__}(...)."
        )
    if not isinstance(layer, Layer):
        return Dense(layer)
    try:
        fields(layer)  # type: ignore[arg-type]
        hash(layer)
    except TypeError as error:
        raise TypeError(
            f"sizes: expected layers that are frozen values, got {as_code(layer)}: {error}. "
            "Make it a dataclass(frozen=True) of numbers, texts and tuples."
        ) from None
    return layer


def _has(layer: Layer, field: str) -> bool:
    return any(f.name == field for f in fields(layer))  # type: ignore[arg-type]


def _completed(layer: Layer, **defaults: Any) -> Layer:
    """Return the layer with each of the defaults that it has a field for and left None."""
    missing = {name: value for name, value in defaults.items() if _has(layer, name) and getattr(layer, name) is None}
    return replace(layer, **missing)  # type: ignore[type-var]
