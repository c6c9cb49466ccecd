"""Parameters: what a network has learnt, a tree of arrays.

Parameters, gradients, the layers' state and an optimizer's slots have one structure: a list
with an entry per layer, a named tuple of arrays, `()` for a layer without.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from anynet.trees import arrays_of
from anynet.typing import Array, HostArray, Namespace, Numbers, Parameters, Rule, Shape, Tree


def count(tree: Tree) -> int:
    """Return how many numbers the arrays of a tree hold."""
    return sum(math.prod(array.shape) for array in arrays_of(tree))


def all_finite(xp: Namespace, tree: Tree) -> Array:
    """Return, as a 0-d array, whether all numbers of a tree are finite."""
    return xp.all(xp.stack([xp.all(xp.isfinite(array)) for array in arrays_of(tree)]))


def with_decay(rule: Rule) -> Rule:
    """Mark a rule whose last number is a decay: of what is no weight it is 0."""
    rule.decays = True  # type: ignore[attr-defined]
    return rule


def updated(
    xp: Namespace,
    rule: Rule,
    parameters: Parameters,
    gradients: Sequence[Any],
    slots: tuple[Tree, ...],
    numbers: Numbers,
) -> tuple[Parameters, tuple[Tree, ...]]:
    """Return the next parameters and slots: an optimizer's rule, applied to each array.

    Args:
        xp: The array namespace.
        rule: `rule(xp, p, g, *slots, *numbers) -> (p, *slots)`, for one array; see `with_decay`.
        parameters: What is to change.
        gradients: In the structure of the parameters.
        slots: The optimizer's own trees, in the same structure.
        numbers: Those of this step.

    Raises:
        TypeError: The rule returns something else.
    """
    trees: list[Parameters] = [[] for _ in range(1 + len(slots))]
    for layer in zip(parameters, gradients, *slots, strict=True):
        of_each = zip(getattr(layer[0], "_fields", ()), *layer, strict=True)
        stepped = [rule(xp, *arrays, *_numbers_for(field, rule, numbers)) for field, *arrays in of_each]
        if stepped and not (isinstance(stepped[0], tuple) and len(stepped[0]) == len(trees)):
            raise TypeError(
                f"optimizer: expected a rule that returns a tuple of p and {len(slots)} slots, "
                f"got {type(stepped[0]).__name__}. Write (p,) where there is no slot."
            )
        columns = zip(*stepped, strict=True)
        for tree in trees:
            tree.append(type(layer[0])(*next(columns, ())))
    return trees[0], tuple(trees[1:])


def _numbers_for(field: str, rule: Rule, numbers: Numbers) -> Numbers:
    """Return a rule's numbers for a field of a layer's parameters: only weights decay."""
    return (*numbers[:-1], 0.0) if getattr(rule, "decays", False) and field != "weights" else numbers


def field_of(parameters: Parameters, field: str) -> list[Array]:
    """Return a field of each layer that has it, `weights` say."""
    return [getattr(p, field) for p in parameters if field in getattr(p, "_fields", ())]


def as_column(biases: Array) -> Array:
    """Return biases (n,) as the book's column (n, 1); any other shape as it is."""
    return biases[:, None] if biases.ndim == 1 else biases


def read_only(copies: Iterable[HostArray]) -> tuple[HostArray, ...]:
    """Return host arrays that refuse to be written into: they are copies, and it would change nothing."""
    arrays = tuple(copies)
    for array in arrays:
        array.setflags(write=False)
    return arrays


def with_field(
    parameters: Parameters, field: str, new: Any, copy: Callable[[Any, str], Array], sizes: Sequence[int]
) -> Parameters:
    """Return the parameters with one field of each layer that has it replaced.

    Args:
        parameters: The parameters as they are.
        field: The field, `weights` say.
        new: One array per layer that has the field.
        copy: `copy(array, name)` returns a copy of one beside the parameters.
        sizes: Of the network, for errors.

    Raises:
        TypeError: `new` is no list of arrays.
        ValueError: There are too many or too few of them, or one has another shape.
    """
    current = field_of(parameters, field)
    try:
        given = list(new)
    except TypeError:
        raise TypeError(
            f"{field}: expected {len(current)} arrays, one per layer, got {type(new).__name__}. Give a list."
        ) from None
    if len(given) != len(current):
        raise ValueError(
            f"{field}: expected {len(current)} arrays, one per layer, got {len(given)}. "
            f"Give those of a network of the sizes {list(sizes)}."
        )
    copies = [copy(array, f"{field}[{i}]") for i, array in enumerate(given)]
    fitting = iter(
        [
            _fitted(array, tuple(like.shape), f"{field}[{i}]", sizes)
            for i, (array, like) in enumerate(zip(copies, current, strict=True))
        ]
    )
    return [p._replace(**{field: next(fitting)}) if field in getattr(p, "_fields", ()) else p for p in parameters]


def _fitted(array: Array, shape: Shape, argument: str, sizes: Sequence[int]) -> Array:
    """Return the array in a shape; the book's column of biases (n, 1) has that of (n,)."""
    if tuple(array.shape) == (*shape, 1):
        array = array[..., 0]
    if tuple(array.shape) != shape:
        is_transposed = len(shape) == 2 and tuple(array.shape) == shape[::-1]
        cure = "Transpose it" if is_transposed else f"Give that of a network of the sizes {list(sizes)}"
        raise ValueError(f"{argument}: expected the shape {shape}, got {tuple(array.shape)}. {cure}.")
    return array
