"""The book's network in plain Python: single examples, single numbers, the chain rule.

Nothing here is shared with the library: no arrays, no matrix form, other formulas. The
derivative of the cost with respect to each output is taken first, and goes through the
output activation's full Jacobian, so that no simplification is assumed.
"""

import math

Vector = list[float]
Matrix = list[Vector]


def activate(name: str, z: Vector) -> Vector:
    if name == "softmax":
        exps = [math.exp(v) for v in z]
        return [e / math.fsum(exps) for e in exps]
    return [_SCALAR[name](v) for v in z]


def jacobian(name: str, z: Vector) -> Matrix:
    """Return da_i/dz_j."""
    a = activate(name, z)
    if name == "softmax":
        return [[a[i] * ((i == j) - a[j]) for j in range(len(z))] for i in range(len(z))]
    slopes = [_SLOPE[name](v) for v in z]
    return [[slopes[i] if i == j else 0.0 for j in range(len(z))] for i in range(len(z))]


_SCALAR = {
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
    "tanh": lambda v: (math.exp(v) - math.exp(-v)) / (math.exp(v) + math.exp(-v)),
    "relu": lambda v: v if v > 0 else 0.0,
    "identity": lambda v: v,
}
_SLOPE = {
    "sigmoid": lambda v: math.exp(-v) / (1 + math.exp(-v)) ** 2,
    "tanh": lambda v: 1 / math.cosh(v) ** 2,
    "relu": lambda v: 1.0 if v > 0 else 0.0,
    "identity": lambda v: 1.0,
}


# Of each cost, by its name and the output that it is for: its share of one output p for the target t, and dC/dp.
_COSTS = {
    ("quadratic", None): (lambda p, t: (p - t) ** 2 / 2, lambda p, t: p - t),
    ("cross_entropy", "softmax"): (lambda p, t: -t * math.log(p), lambda p, t: -t / p),
    ("cross_entropy", "sigmoid"): (
        lambda p, t: -(t * math.log(p) + (1 - t) * math.log(1 - p)),
        lambda p, t: -t / p + (1 - t) / (1 - p),
    ),
}


def knows_activation(name: str) -> bool:
    return name in _SCALAR or name == "softmax"


def knows_cost(name: str, output: str) -> bool:
    return knows_activation(output) and ((name, None) in _COSTS or (name, output) in _COSTS)


def _cost(name: str, output: str):
    """Return a cost and its derivative; KeyError for one that this oracle does not know."""
    return _COSTS[(name, None) if (name, None) in _COSTS else (name, output)]


def cost(name: str, output: str, a: Vector, y: Vector) -> float:
    return sum(_cost(name, output)[0](p, t) for p, t in zip(a, y, strict=True))


def cost_slope(name: str, output: str, a: Vector, y: Vector) -> Vector:
    """Return dC/da."""
    return [_cost(name, output)[1](p, t) for p, t in zip(a, y, strict=True)]


def backprop(
    weights: list[Matrix], biases: list[Vector], names: list[str], cost_name: str, x: Vector, y: Vector
) -> tuple[float, list[Matrix], list[Vector]]:
    """Return (cost, nabla_w, nabla_b) of one example; `names` are the activations."""
    activations, zs = [x], []
    for w, b, name in zip(weights, biases, names, strict=True):
        z = [
            sum(wij * aj for wij, aj in zip(row, activations[-1], strict=True)) + bi
            for row, bi in zip(w, b, strict=True)
        ]
        zs.append(z)
        activations.append(activate(name, z))
    slope = cost_slope(cost_name, names[-1], activations[-1], y)
    nabla_w, nabla_b = [], []
    for layer in reversed(range(len(weights))):
        full = jacobian(names[layer], zs[layer])
        delta = [sum(slope[i] * full[i][j] for i in range(len(slope))) for j in range(len(zs[layer]))]
        nabla_w.insert(0, [[d * a for a in activations[layer]] for d in delta])
        nabla_b.insert(0, delta)
        slope = [
            sum(weights[layer][i][j] * delta[i] for i in range(len(delta))) for j in range(len(activations[layer]))
        ]
    return cost(cost_name, names[-1], activations[-1], y), nabla_w, nabla_b


def mean_gradients(
    weights: list[Matrix], biases: list[Vector], names: list[str], cost_name: str, xs: Matrix, ys: Matrix
) -> tuple[float, list[Matrix], list[Vector]]:
    """Return the mean of `backprop` over examples."""
    each = [backprop(weights, biases, names, cost_name, x, y) for x, y in zip(xs, ys, strict=True)]
    n = len(each)
    mean_w = [
        [[sum(e[1][l][i][j] for e in each) / n for j in range(len(w[0]))] for i in range(len(w))]
        for l, w in enumerate(weights)
    ]
    mean_b = [[sum(e[2][l][i] for e in each) / n for i in range(len(b))] for l, b in enumerate(biases)]
    return sum(e[0] for e in each) / n, mean_w, mean_b
