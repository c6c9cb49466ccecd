"""What is trained where anynet is measured: the networks, their data, and where everybody starts."""

from dataclasses import dataclass

import numpy as np

from anynet import Network

COMMAND = ("train", "--epochs", "1", "--quiet", "--force", "--output")  # of anynet: an epoch, and where to keep it


@dataclass(frozen=True)
class Recipe:
    """What every contestant trains, and how.

    Sigmoid outputs go with the quadratic cost, softmax with the cross-entropy; `hidden` is sigmoid or relu.
    """

    sizes: tuple[int, ...]
    batch_size: int
    learning_rate: float
    hidden: str = "sigmoid"
    output: str = "sigmoid"
    initializer: str = "lecun_normal"
    dtype: str = "float32"
    seed: int = 0

    def network(self, backend: str = "numpy") -> Network:
        """Return anynet's network; its weights, the same on every backend, are where everybody starts."""
        return Network(
            self.sizes,
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


BOOK = Recipe((784, 30, 10), 10, 3.0)
WIDE = Recipe((784, 512, 512, 10), 128, 0.1, hidden="relu", output="softmax", initializer="he_normal")
CONVERGE = Recipe((784, 128, 10), 64, 0.3, hidden="relu", output="softmax", initializer="he_normal")
