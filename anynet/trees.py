"""Trees: arrays nested in lists, tuples and named tuples, with None and () where there is none.

Parameters, gradients, the layers' state and an optimizer's slots are such trees, and so is all
that a training step changes.
"""

from collections.abc import Callable, Iterable
from typing import Any

from anynet.typing import Array, Tree


def map_arrays(f: Callable[[Array], Any], tree: Tree) -> Tree:
    """Return the tree with f applied to each array."""
    if tree is None:
        return None
    if isinstance(tree, (list, tuple)):
        mapped = [map_arrays(f, part) for part in tree]
        return type(tree)(*mapped) if hasattr(tree, "_fields") else type(tree)(mapped)
    return f(tree)


def filled(tree: Tree, arrays: Iterable[Array]) -> Tree:
    """Return the tree with other arrays in the places of its own, in order."""
    others = iter(arrays)
    return map_arrays(lambda _: next(others), tree)


def arrays_of(tree: Tree) -> list[Array]:
    """Return the arrays of a tree, in order."""
    found: list[Array] = []
    _gather((tree,), found)
    return found


def _gather(tree: Tree, found: list[Array]) -> None:
    for part in tree:
        if isinstance(part, (list, tuple)):
            _gather(part, found)
        elif part is not None:
            found.append(part)
