"""What is trained where anynet is measured: the networks, their data, and where everybody starts."""

from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from anynet import Conv2D, Dropout, MaxPool2D, Network

COMMAND = ("train", "--epochs", "1", "--quiet", "--force", "--output")  # of anynet: an epoch, and where to keep it


@dataclass(frozen=True)
class Recipe:
    """What every contestant trains, and how.

    Sigmoid outputs go with the quadratic cost, softmax with the cross-entropy; `hidden` is sigmoid or relu. The rate of
    a step is learning_rate * decay^(step / DECAY_STEPS), `optimizer` one of sgd, momentum and adam, and `dropout` the
    share of each hidden layer's values that training leaves out. These three, anynet, PyTorch and optax know alone.
    """

    sizes: tuple[int, ...]
    batch_size: int
    learning_rate: float
    hidden: str = "sigmoid"
    output: str = "sigmoid"
    initializer: str = "lecun_normal"
    optimizer: str = "sgd"
    decay: float = 1.0
    dropout: float = 0.0
    dtype: str = "float32"
    seed: int = 0
    tells_threads: bool = False

    def network(self, backend: str = "numpy") -> Network:
        """Return anynet's network; its weights, the same on every backend, are where everybody starts."""
        first, *hidden, last = self.sizes
        dropped = [(n, Dropout(self.dropout)) if self.dropout else (n,) for n in hidden]
        return Network(
            [first, *chain.from_iterable(dropped), last],
            backend=backend,
            dtype=self.dtype,
            seed=self.seed,
            hidden_activation=self.hidden,
            output_activation=self.output,
            initializer=self.initializer,
        )

    def start(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (weights (n_out, n_in), biases (n_out,)) of each layer."""
        net = self.network()
        return [(w, b[:, 0]) for w, b in zip(net.weights, net.biases, strict=True)]

    def floats(self, pixels: np.ndarray) -> np.ndarray:
        """Return images in the recipe's dtype, scaled to [0, 1]."""
        x = pixels.astype(self.dtype)
        x /= 255.0
        return x

    def one_hot(self, labels: np.ndarray) -> np.ndarray:
        """Return labels (n,) as targets (n, n_out)."""
        return np.eye(self.sizes[-1], dtype=self.dtype)[labels]


@dataclass(frozen=True)
class LeNet(Recipe):
    """Two convolutions of 5x5, each with a pooling behind it, and two dense layers (the book's chapter 6).

    anynet is told how many threads there are, as PyTorch is.
    """

    tells_threads: bool = True

    def network(self, backend: str = "numpy") -> Network:
        """Return anynet's network, likewise."""
        layers = [(28, 28, 1), Conv2D(20, 5), MaxPool2D(2), Conv2D(40, 5), MaxPool2D(2), 100, 10]
        return Network(layers, backend, dtype=self.dtype, seed=self.seed, hidden="relu", output="softmax")


BETA = 0.9  # of momentum
DECAY_STEPS = 1000
BOOK = Recipe((784, 30, 10), 10, 3.0)
WIDE = Recipe((784, 512, 512, 10), 128, 0.1, hidden="relu", output="softmax", initializer="he_normal")
CONVERGE = Recipe((784, 128, 10), 64, 0.3, hidden="relu", output="softmax", initializer="he_normal")
ADAM = Recipe((784, 100, 10), 64, 0.001, hidden="relu", output="softmax", initializer="he_normal", optimizer="adam")
LENET = LeNet((784, 100, 10), 10, 0.05, hidden="relu", output="softmax")
LENET_64 = replace(LENET, batch_size=64, learning_rate=0.1)
MOMENTUM = replace(ADAM, learning_rate=0.05, optimizer="momentum", decay=0.9, dropout=0.5)
