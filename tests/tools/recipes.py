"""How a test gets hold of whatever stands in a table, without knowing what it is.

The oracles here iterate the tables of the library: a thing that is added to one is tested
without a change of any test.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from anynet import Dense, Layer, Network
from anynet.activations import ACTIVATIONS
from anynet.costs import COSTS, Cost
from anynet.layers import LAYERS
from anynet.trees import arrays_of, map_arrays

DIFFERENTIABLE = [name for name, f in ACTIVATIONS.items() if f.derivative is not None]
FOR_HIDDEN = [name for name in DIFFERENTIABLE if not ACTIVATIONS[name].is_for_outputs_only]
PAIRS = list(COSTS)  # (output, cost)
SHAPES = [(5,), (6, 6, 1), (1, 6, 6), (6, 6)]  # of inputs, one of which any layer takes


def layer_of(kind: type[Layer]) -> Layer:
    """Return a layer of a kind: without arguments, else of 3, as in Dense(3), or of two, as in Conv2D(3, 3)."""
    for arguments in ((), (3,)):
        try:
            return kind(*arguments)
        except TypeError:
            pass
    return kind(3, 3)


def takes(layer: Layer, shape: tuple[int, ...]) -> bool:
    try:
        layer.output_shape(shape)
    except ValueError:
        return False
    return True


def sizes_with(kind: type[Layer], n_out: int = 2) -> list[Any]:
    """Return the sizes of a small network that has a layer of a kind in its midst, and ends in n_out numbers."""
    layer = layer_of(kind)
    shape = next(shape for shape in SHAPES if takes(layer, shape))
    sizes: list[Any] = [4, Dense(shape[0])] if len(shape) == 1 else [shape]
    sizes.append(layer)
    after = layer.output_shape(shape)
    if takes(layer, after):  # so that one of them must send an error back
        sizes.append(layer)
        after = layer.output_shape(after)
    if len(after) > 1:
        flatten = (layer_of(other) for other in LAYERS.values())
        sizes.append(next(other for other in flatten if takes(other, after) and len(other.output_shape(after)) == 1))
    return [*sizes, Dense(n_out)]


def targets_for(cost: Cost, n: int, n_out: int, rng: np.random.Generator) -> np.ndarray:
    """Return targets (n, n_out) that a cost allows, none of them a plain one-hot row."""
    y = rng.uniform(0.1, 0.9, (n, n_out))
    for targets in (y, y / y.sum(axis=1, keepdims=True)):
        try:
            cost.check_targets(targets)
        except ValueError:
            continue
        return targets
    raise AssertionError(f"no targets are known that {cost.name} allows")


def inputs_for(net: Network, n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((n, *net.shapes[0]))


def like(tree: Any, f: Callable[[Any], Any]) -> Any:
    """Return a tree of host arrays, each made by f of an array of another tree."""
    return map_arrays(lambda a: f(np.asarray(a)), tree)


def combined(f: Callable[..., Any], *trees: Any) -> Any:
    """Return the tree of f of the arrays of several trees, one by one."""
    each = iter(zip(*map(arrays_of, trees), strict=True))
    return map_arrays(lambda a: f(*next(each)), trees[0])


def moved(net: Network, directions: Any, t: float) -> Network:
    """Return a copy of the network whose parameters are moved along directions."""
    other = net.to(net.backend)
    parameters = combined(lambda p, d: p + t * d, net.parameters, directions)
    other.train_state = net.train_state._replace(parameters=parameters)
    return other


def slope(net: Network, x: Any, y: Any, directions: Any, h: float = 1e-5) -> float:
    """Return the derivative of the mean cost along directions, by central differences.

    They err by h^2 C'''/6, about 1e-10 here, and by rounding, 1e-16 / h.
    """
    ahead, behind = (moved(net, directions, t).gradients(x, y)[0] for t in (h, -h))
    return (ahead - behind) / (2 * h)


def dot(tree: Any, other: Any) -> float:
    """Return the sum of the products of two trees' numbers."""
    return float(sum(np.vdot(a, b) for a, b in zip(arrays_of(tree), arrays_of(other), strict=True)))


class Torch:
    """PyTorch's namespace, with copies of what its functions return: formulas write into what they have made."""

    def __getattr__(self, name: str) -> Any:
        import array_api_compat.torch

        found = getattr(array_api_compat.torch, name)
        return (lambda *args, **keywords: found(*args, **keywords).clone()) if callable(found) else found


def torch_gradients(f: Callable[..., Any], arrays: list[Any]) -> list[Any]:
    """Return the gradients of the number f(*arrays), as PyTorch finds them."""
    import torch

    arrays = [a.detach().clone().requires_grad_(True) for a in arrays]
    return list(torch.autograd.grad(f(*arrays), arrays))


def clusters(rng: np.random.Generator, n: int = 200, n_in: int = 12, n_out: int = 4) -> tuple[Any, Any]:
    """Return examples that a network can learn, one cluster per label."""
    y = np.arange(n) % n_out
    return rng.standard_normal((n_out, n_in))[y] + 0.3 * rng.standard_normal((n, n_in)), y


def is_same(one: tuple[Network, Any], other: tuple[Network, Any]) -> bool:
    """Return whether two networks have learnt the same, to the last bit, and their reports say the same."""
    each = zip(*([*net.weights, *net.biases] for net, _ in (one, other)), strict=True)
    return one[1] == other[1] and all(np.array_equal(a, b) for a, b in each)
