"""Networks at random: whatever layers go together, and names as strange as a network takes."""

import numpy as np
from recipes import FOR_HIDDEN, PAIRS

from anynet import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    LayerNorm,
    MaxPool2D,
    Network,
    Standardize,
)
from anynet.formats.columns import Column
from anynet.initializers import INITIALIZERS
from anynet.pixels import SCALES
from anynet.trees import arrays_of

# Persian with its joiner, emoji that are joined, quotes, combining marks, an escape, a tab, half of a pair, and more.
SCRAPS = [
    "a",
    "7",
    " ",
    "\u0645\u06cc\u200c\u062e",
    "\U0001f468\u200d\U0001f52c",
    "\u2764\ufe0f",
    '"',
    "\\",
    "e\u0301",
    "\u4e2d",
]
SCRAPS += ["\x1b[2J", "\t", "\ud800", "\u202e", "\0", "\x7f", "\ue000", 201 * "n"]


def name(rng):
    """Return a name of a class or a column, three of four such as can be shown."""
    n = 10 if rng.random() < 0.75 else len(SCRAPS)
    return "".join(rng.choice(SCRAPS[:n], rng.integers(1, 5)))


def layer(rng):
    """Return a layer of any kind."""
    f = None if rng.random() < 0.5 else str(rng.choice(FOR_HIDDEN))
    start = None if rng.random() < 0.5 else str(rng.choice([*INITIALIZERS]))
    n, k = int(rng.integers(1, 7)), int(rng.integers(1, 4))
    kinds = [
        lambda: n,
        lambda: Dense(n, f, start),
        lambda: Dropout(float(rng.uniform(0, 0.9))),
        lambda: Conv2D(n, k, activation=f),
        lambda: MaxPool2D(k),
        lambda: AveragePool2D((k, 1)),
        GlobalAveragePool2D,
        lambda: BatchNorm(momentum=float(rng.uniform(0.1, 0.9))),
        LayerNorm,
        Standardize,
        Flatten,
    ]
    return kinds[rng.integers(len(kinds))]()


def network(rng):
    """Return a network at random, with names; None where what was drawn does not go together."""
    first = (
        int(rng.integers(1, 8)) if rng.random() < 0.6 else (*map(int, rng.integers(3, 9, 2)), int(rng.integers(1, 4)))
    )
    output, cost = PAIRS[rng.integers(len(PAIRS))]
    how = {"output": output, "cost": cost, "dtype": str(rng.choice(["float32", "float64"]))}
    how |= {"hidden": str(rng.choice(FOR_HIDDEN)), "seed": int(rng.integers(1000))}
    try:
        net = Network([first, *(layer(rng) for _ in range(rng.integers(0, 6))), int(rng.integers(1, 6))], **how)
    except ValueError:
        return None
    for attribute, value in (
        ("class_names", [name(rng) for _ in range(net.architecture.n_classes or 1)]),
        ("columns", [Column(name(rng)) for _ in range(net.sizes[0])]),
        ("input_scale", [None, *SCALES, "pixels"][rng.integers(4)]),
    ):
        try:
            setattr(net, attribute, value)
        except ValueError:  # what no file could bring back is refused here
            continue
    return net


def is_same(a, b):
    """Whether two networks are the same, and answer to the same bits."""
    x = np.random.default_rng(0).standard_normal((2, *a.shapes[0]))
    arrays = [arrays_of([net.parameters, net.state]) for net in (a, b)]
    told = ("architecture", "backend", "class_names", "columns", "input_scale", "is_column")
    return (
        all(getattr(a, each) == getattr(b, each) for each in told)
        and all(np.array_equal(one, other) for one, other in zip(*arrays, strict=True))
        and np.array_equal(a.feedforward(x), b.feedforward(x))
    )
