"""The book's network in today's Python: one example at a time, columns of NumPy, sums over the mini-batch.

Written from the equations BP1 to BP4 (Nielsen, chapter 2); nothing is shared with the library. What chance decides is
handed in: the initial weights (n_out, n_in) and biases (n_out, 1), and the order of the examples. The numbers keep the
dtype of the weights. The benchmark measures it as a rival; the tests hold the library to it.
"""

from collections.abc import Iterable, Sequence

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]  # x (n_in, 1), y (n_out, 1)


class BookNetwork:
    """A network of sigmoids with the quadratic cost, under the book's names."""

    def __init__(self, weights: Iterable[np.ndarray], biases: Iterable[np.ndarray]) -> None:
        self.weights, self.biases = list(weights), list(biases)

    def feedforward(self, a: np.ndarray) -> np.ndarray:
        """Return the output (n_out, 1) for an input (n_in, 1)."""
        return self._activations(a)[-1]

    def SGD(
        self,
        training_data: Sequence[Pair],
        orders: Iterable[Sequence[int]],
        mini_batch_size: int,
        eta: float,
        test_data: Sequence[tuple[np.ndarray, int]],
    ) -> list[int]:
        """Train for an epoch per order; return the right answers after each."""
        counts = []
        for order in orders:
            for k in range(0, len(order), mini_batch_size):
                self.update_mini_batch([training_data[i] for i in order[k : k + mini_batch_size]], eta)
            counts.append(sum(int(np.argmax(self.feedforward(x)) == y) for x, y in test_data))
        return counts

    def update_mini_batch(self, mini_batch: Sequence[Pair], eta: float) -> None:
        """Take one step of gradient descent."""
        nabla_w, nabla_b = [np.zeros_like(w) for w in self.weights], [np.zeros_like(b) for b in self.biases]
        for x, y in mini_batch:
            delta_w, delta_b = self.backprop(x, y)
            nabla_w = [total + one for total, one in zip(nabla_w, delta_w, strict=True)]
            nabla_b = [total + one for total, one in zip(nabla_b, delta_b, strict=True)]
        rate = eta / len(mini_batch)
        self.weights = [w - rate * nabla for w, nabla in zip(self.weights, nabla_w, strict=True)]
        self.biases = [b - rate * nabla for b, nabla in zip(self.biases, nabla_b, strict=True)]

    def backprop(self, x: np.ndarray, y: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return (nabla_w, nabla_b) of one example."""
        activations = self._activations(x)
        delta = (activations[-1] - y) * activations[-1] * (1 - activations[-1])  # BP1
        nabla_w, nabla_b = [delta @ activations[-2].T], [delta]  # BP4, BP3
        for l in range(len(self.weights) - 1, 0, -1):
            delta = (self.weights[l].T @ delta) * activations[l] * (1 - activations[l])  # BP2
            nabla_w.insert(0, delta @ activations[l - 1].T)
            nabla_b.insert(0, delta)
        return nabla_w, nabla_b

    def _activations(self, a: np.ndarray) -> list[np.ndarray]:
        activations = [a]
        for w, b in zip(self.weights, self.biases, strict=True):
            activations.append(1 / (1 + np.exp(-(w @ activations[-1] + b))))
        return activations
