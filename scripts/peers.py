"""The contestants: one recipe of training in several libraries, each as its own users would write it.

A contestant is made from a `Recipe` and MNIST's training images, uint8 (n, 784) with labels (n,). It starts from the
weights that anynet draws for the recipe's seed, and has three verbs:

    train(start, stop)   one pass, in a fresh order, of plain SGD over those examples; done when it returns
    place(x)             float images (n, 784) as the library's users would keep them
    forward(x)           the outputs (n, n_out) for images so placed; done when it returns

Only anynet keeps pixels as bytes while it trains: the others are given what they are used to, converted beforehand.
Loading, converting and compiling are not timed. scikit-learn has no quadratic cost: it always trains softmax outputs
with the cross-entropy. `BareProducts` is no contestant but the floor: the matrix products of a training step, alone.
"""

import os
import pty
import sys
import termios
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, TextIO

import numpy as np

from anynet import SGD, Network
from anynet.datasets import Dataset

BOOK_LEARNING_RATE_OF_CROSS_ENTROPY = 0.5


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
    initializer: str = "scaled_normal"
    dtype: str = "float32"
    seed: int = 0

    def network(self) -> Network:
        """Return anynet's network; its weights are where everybody starts."""
        return Network(
            self.sizes,
            dtype=self.dtype,
            seed=self.seed,
            hidden=self.hidden,
            output=self.output,
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
        return np.eye(self.sizes[-1], dtype=self.dtype)[labels]


class AnyNet:
    """anynet through its public face: `fit` and `feedforward` on NumPy arrays.

    With `bar`, it draws its progress on a terminal that nobody looks at.
    """

    def __init__(self, recipe: Recipe, train: Dataset, bar: bool = False) -> None:
        self.recipe, self.data, self.bar = recipe, train, bar
        if bar:
            sys.stderr = _terminal()
        self.net = recipe.network()
        self.optimizer = SGD(recipe.learning_rate)

    def train(self, start: int, stop: int) -> None:
        part = Dataset(self.data.x[start:stop], self.data.y[start:stop])
        self.net.fit(part, 1, self.recipe.batch_size, self.optimizer, progress=self.bar)

    def place(self, x: np.ndarray) -> np.ndarray:
        return x

    def forward(self, x: np.ndarray) -> np.ndarray:
        return self.net.feedforward(x)


def _terminal() -> TextIO:
    """Return a terminal of the usual size; what is written to it is read, and lost."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    threading.Thread(target=lambda: all(iter(lambda: os.read(ours, 4096), b"")), daemon=True).start()
    return os.fdopen(theirs, "w")


class Torch:
    """PyTorch, eager: `nn.Sequential`, autograd, `optim.SGD`; batches by `index_select` from one float tensor.

    With `pixels`, the tensor is uint8 instead, and each batch is converted when it is formed.
    """

    def __init__(self, recipe: Recipe, train: Dataset, pixels: bool = False) -> None:
        import torch

        self.torch, self.recipe, self.pixels = torch, recipe, pixels
        self.dtype = getattr(torch, recipe.dtype)
        torch.manual_seed(recipe.seed)
        self.x = torch.from_numpy(train.x.copy() if pixels else recipe.floats(train.x))
        is_softmax = recipe.output == "softmax"
        self.y = torch.from_numpy(train.y.copy() if is_softmax else recipe.one_hot(train.y))
        self.cost = torch.nn.functional.cross_entropy if is_softmax else self._quadratic
        self.net = self._network()
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=recipe.learning_rate)

    def _network(self) -> Any:
        nn, kinds = self.torch.nn, {"sigmoid": self.torch.nn.Sigmoid, "relu": self.torch.nn.ReLU}
        layers: list[Any] = []
        for weights, biases in self.recipe.start():
            dense = nn.Linear(*weights.shape[::-1], dtype=self.dtype)
            dense.weight.data, dense.bias.data = self.torch.from_numpy(weights), self.torch.from_numpy(biases)
            layers += [dense, kinds[self.recipe.hidden]()]
        # Cross-entropy takes logits, as is usual: the softmax is in the cost.
        layers[-1:] = [] if self.recipe.output == "softmax" else [nn.Sigmoid()]
        return nn.Sequential(*layers)

    def _quadratic(self, a: Any, y: Any) -> Any:
        return self.torch.nn.functional.mse_loss(a, y, reduction="sum") * (0.5 / len(y))

    def train(self, start: int, stop: int) -> None:
        order = self.torch.randperm(stop - start) + start
        for chosen in order.split(self.recipe.batch_size):
            x, y = self.x.index_select(0, chosen), self.y.index_select(0, chosen)
            if self.pixels:
                x = x.to(self.dtype).div_(255.0)
            self.optimizer.zero_grad()
            self.cost(self.net(x), y).backward()
            self.optimizer.step()

    def place(self, x: np.ndarray) -> Any:
        return self.torch.from_numpy(x)

    def forward(self, x: Any) -> Any:
        with self.torch.no_grad():
            return self.net(x)


class Jax:
    """JAX, jitted, with donated parameters; the pass's batches are gathered on the device, once.

    A step is one compiled call; with `scan`, the whole pass is.
    """

    def __init__(self, recipe: Recipe, train: Dataset, scan: bool = False) -> None:
        import jax

        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_enable_x64", recipe.dtype == "float64")
        self.jax, self.recipe, self.scan = jax, recipe, scan
        self.rng = np.random.default_rng(recipe.seed)
        self.x, self.y = jax.device_put((recipe.floats(train.x), recipe.one_hot(train.y)))
        self.parameters = jax.device_put(recipe.start())
        self.outputs = jax.jit(self._outputs)
        self.gather = jax.jit(self._gather)
        self.step = jax.jit(lambda p, xs, ys, i: self._updated(p, xs[i], ys[i]), donate_argnums=0)
        self.epoch = jax.jit(self._epoch, donate_argnums=0)

    def _outputs(self, parameters: Any, a: Any) -> Any:
        *hidden, (weights, biases) = parameters
        for w, b in hidden:
            a = getattr(self.jax.nn, self.recipe.hidden)(a @ w.T + b)
        z = a @ weights.T + biases
        return z if self.recipe.output == "softmax" else self.jax.nn.sigmoid(z)

    def _cost(self, parameters: Any, x: Any, y: Any) -> Any:
        a = self._outputs(parameters, x)
        if self.recipe.output == "softmax":
            return -(y * self.jax.nn.log_softmax(a)).sum(axis=1).mean()
        return 0.5 * ((a - y) ** 2).sum(axis=1).mean()

    def _updated(self, parameters: Any, x: Any, y: Any) -> Any:
        gradients = self.jax.grad(self._cost)(parameters, x, y)
        return self.jax.tree.map(lambda p, g: p - self.recipe.learning_rate * g, parameters, gradients)

    def _gather(self, x: Any, y: Any, order: Any) -> Any:
        return x[order], y[order]  # (batches, batch_size, ...)

    def _epoch(self, parameters: Any, x: Any, y: Any, order: Any) -> Any:
        batches = self._gather(x, y, order)
        return self.jax.lax.scan(lambda p, batch: (self._updated(p, *batch), None), parameters, batches)[0]

    def train(self, start: int, stop: int) -> None:
        order = self.rng.permutation(np.arange(start, stop, dtype=np.int32)).reshape(-1, self.recipe.batch_size)
        if self.scan:
            self.parameters = self.epoch(self.parameters, self.x, self.y, order)
        else:
            xs, ys = self.gather(self.x, self.y, order)
            for i in range(len(order)):
                self.parameters = self.step(self.parameters, xs, ys, i)
        self.jax.block_until_ready(self.parameters)

    def place(self, x: np.ndarray) -> Any:
        return self.jax.device_put(x)

    def forward(self, x: Any) -> Any:
        return self.outputs(self.parameters, x).block_until_ready()


class SkLearn:
    """scikit-learn's MLPClassifier: `partial_fit` by plain SGD, without momentum or penalty."""

    def __init__(self, recipe: Recipe, train: Dataset) -> None:
        from sklearn.neural_network import MLPClassifier

        is_softmax = recipe.output == "softmax"
        self.x, self.y = recipe.floats(train.x), train.y
        self.net = MLPClassifier(
            recipe.sizes[1:-1],
            activation={"sigmoid": "logistic", "relu": "relu"}[recipe.hidden],
            solver="sgd",
            alpha=0.0,
            batch_size=recipe.batch_size,
            learning_rate_init=recipe.learning_rate if is_softmax else BOOK_LEARNING_RATE_OF_CROSS_ENTROPY,
            momentum=0.0,
            random_state=recipe.seed,
        )
        first = slice(recipe.batch_size)
        self.net.partial_fit(self.x[first], self.y[first], classes=range(recipe.sizes[-1]))  # makes the arrays
        for (weights, biases), w, b in zip(recipe.start(), self.net.coefs_, self.net.intercepts_, strict=True):
            w[...], b[...] = weights.T, biases

    def train(self, start: int, stop: int) -> None:
        self.net.partial_fit(self.x[start:stop], self.y[start:stop])

    def place(self, x: np.ndarray) -> np.ndarray:
        return x

    def forward(self, x: np.ndarray) -> np.ndarray:
        return self.net.predict_proba(x)


class BookLoop:
    """The book's way: columns, one example at a time, gradients summed over the mini-batch.

    Written from the equations BP1 to BP4 (Nielsen, chapter 2), in plain NumPy, with its shuffled list of pairs (x, y).
    """

    def __init__(self, recipe: Recipe, train: Dataset) -> None:
        if (recipe.hidden, recipe.output) != ("sigmoid", "sigmoid"):
            raise ValueError(f"BookLoop: expected a recipe of sigmoids, got {recipe.hidden} and {recipe.output}.")
        self.recipe, self.rng = recipe, np.random.default_rng(recipe.seed)
        self.weights = [w for w, _ in recipe.start()]
        self.biases = [b[:, None] for _, b in recipe.start()]
        self.pairs = list(zip(recipe.floats(train.x)[:, :, None], recipe.one_hot(train.y)[:, :, None], strict=True))

    def train(self, start: int, stop: int) -> None:
        pairs = self.pairs[start:stop]
        self.rng.shuffle(pairs)
        with np.errstate(over="ignore"):  # of exp(-z), of which the book's program would warn
            for k in range(0, len(pairs), self.recipe.batch_size):
                self._update(pairs[k : k + self.recipe.batch_size])

    def _update(self, mini_batch: list[tuple[np.ndarray, np.ndarray]]) -> None:
        nabla_w, nabla_b = [np.zeros_like(w) for w in self.weights], [np.zeros_like(b) for b in self.biases]
        for x, y in mini_batch:
            delta_w, delta_b = self._backprop(x, y)
            nabla_w = [total + one for total, one in zip(nabla_w, delta_w, strict=True)]
            nabla_b = [total + one for total, one in zip(nabla_b, delta_b, strict=True)]
        rate = self.recipe.learning_rate / len(mini_batch)
        self.weights = [w - rate * nabla for w, nabla in zip(self.weights, nabla_w, strict=True)]
        self.biases = [b - rate * nabla for b, nabla in zip(self.biases, nabla_b, strict=True)]

    def _backprop(self, x: np.ndarray, y: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        activations = self._activations(x)
        delta = (activations[-1] - y) * activations[-1] * (1 - activations[-1])  # BP1
        delta_w, delta_b = [delta @ activations[-2].T], [delta]  # BP4, BP3
        for l in range(len(self.weights) - 1, 0, -1):
            delta = (self.weights[l].T @ delta) * activations[l] * (1 - activations[l])  # BP2
            delta_w.insert(0, delta @ activations[l - 1].T)
            delta_b.insert(0, delta)
        return delta_w, delta_b

    def _activations(self, a: np.ndarray) -> list[np.ndarray]:
        activations = [a]
        for w, b in zip(self.weights, self.biases, strict=True):
            activations.append(1 / (1 + np.exp(-(w @ activations[-1] + b))))
        return activations

    def place(self, x: np.ndarray) -> list[np.ndarray]:
        return list(x[:, :, None])

    def forward(self, x: list[np.ndarray]) -> np.ndarray:
        return np.stack([self._activations(column)[-1][:, 0] for column in x])


class BareProducts:
    """The floor: per step the products x W^T, delta^T a and delta W of each layer, and nothing else.

    Operands are made beforehand, in the orientation in which anynet has them; the first layer's input needs no
    gradient. It learns nothing, so it has no accuracy.
    """

    def __init__(self, recipe: Recipe, train: Dataset) -> None:
        n, sizes, rng = recipe.batch_size, recipe.sizes, np.random.default_rng(recipe.seed)
        self.batch_size = n
        self.weights = [rng.random((n_out, n_in)).astype(recipe.dtype) for n_in, n_out in pairwise(sizes)]
        self.inputs, self.deltas = (
            [rng.random((n, width)).astype(recipe.dtype) for width in widths] for widths in (sizes[:-1], sizes[1:])
        )

    def train(self, start: int, stop: int) -> None:
        forward = list(zip(self.inputs, self.weights, strict=True))
        backward = list(zip(self.deltas, self.inputs, self.weights, strict=True))
        (first_delta, first_input, _), *others = backward
        for _ in range(start, stop, self.batch_size):
            for a, w in forward:
                a @ w.T
            for delta, a, w in reversed(others):
                delta.T @ a
                delta @ w
            first_delta.T @ first_input


class Contestant(NamedTuple):
    """A contestant's name in tables, the distribution it needs, and how it is made."""

    label: str
    distribution: str
    make: Callable[[Recipe, Dataset], Any]


CONTESTANTS = {
    "anynet": Contestant("anynet", "numpy", AnyNet),
    "anynet_bar": Contestant("anynet, with a progress bar", "tqdm", partial(AnyNet, bar=True)),
    "book": Contestant("the book's per-example loop", "numpy", BookLoop),
    "torch": Contestant("PyTorch, eager", "torch", Torch),
    "torch_uint8": Contestant("PyTorch, eager, pixels kept as bytes", "torch", partial(Torch, pixels=True)),
    "sklearn": Contestant("scikit-learn, MLPClassifier", "scikit-learn", SkLearn),
    "jax": Contestant("JAX, a jitted step", "jax", Jax),
    "jax_scan": Contestant("JAX, lax.scan over the block", "jax", partial(Jax, scan=True)),
    "products": Contestant("floor: bare matrix products", "numpy", BareProducts),
}
