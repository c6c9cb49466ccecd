"""The contestants: one recipe of training in several libraries, each as its own users would write it.

A contestant is made from a `Recipe` and MNIST's training images, uint8 (n, 784) with labels (n,). It starts from the
weights that anynet draws for the recipe's seed, and has three verbs:

    train(start, stop)   one pass, in a fresh order, over those examples; done when it returns
    place(x)             float images (n, 784) as the library's users would keep them
    forward(x)           the outputs (n, n_out) for images so placed; done when it returns

anynet takes part on each of its backends. It keeps pixels as bytes while it trains, as do the rivals that say so; the
others are given what they are used to, converted beforehand. Loading and converting are not timed. scikit-learn has no
quadratic cost: it always trains softmax outputs with the cross-entropy. `BareProducts` is no contestant but the floor:
the matrix products of a training step, alone.
"""

import os
import pty
import sys
import termios
import threading
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, TextIO

import numpy as np
from book_loop import BookNetwork
from jax_peers import Jax, JaxByHand, Optax
from recipe import BETA, DECAY_STEPS, Recipe

from anynet import SGD, Adam, Dataset, Momentum
from anynet.optimizers import Optimizer
from anynet.schedules import Exponential

BOOK_LEARNING_RATE_OF_CROSS_ENTROPY = 0.5


class AnyNet:
    """anynet through its public face, on one of its backends: `fit` on bytes, `feedforward`, on the backend's arrays.

    An optimizer that keeps arrays of its own goes on from pass to pass, by `partial_fit`. With `bar`, progress is drawn
    on a terminal that nobody looks at.
    """

    def __init__(self, recipe: Recipe, train: Dataset, backend: str = "numpy", bar: bool = False) -> None:
        if bar:
            sys.stderr = _terminal()
        self.recipe, self.bar, self.is_jax = recipe, bar, backend == "jax"
        self.net = recipe.network(backend)
        self.data = Dataset(self.place(train.x), self.place(train.y))  # beforehand, as the others' are
        self.parts = {(0, len(self.data)): self.data}
        self.optimizer = self._optimizer()
        self.threads: int | None = None

    def _optimizer(self) -> Optimizer:
        recipe, rate = self.recipe, self.recipe.learning_rate
        if recipe.optimizer == "sgd":
            return SGD(rate)
        scheduled = rate if recipe.decay == 1.0 else Exponential(rate, recipe.decay, steps=DECAY_STEPS)
        return Adam(scheduled) if recipe.optimizer == "adam" else Momentum(scheduled, BETA)

    def train(self, start: int, stop: int) -> None:
        if (start, stop) not in self.parts:  # JAX copies what it cuts out
            self.parts[start, stop] = Dataset(self.data.x[start:stop], self.data.y[start:stop])
        how = {"epochs": 1, "batch_size": self.recipe.batch_size, "optimizer": self.optimizer, "progress": self.bar}
        how["threads"] = self.threads
        train = self.net.partial_fit if self.optimizer.slots else self.net.fit
        train(self.parts[start, stop], **how)

    def place(self, x: np.ndarray) -> Any:
        return self.net.backend.asarray(x)

    def forward(self, x: Any) -> Any:
        outputs = self.net.feedforward(x)
        return outputs.block_until_ready() if self.is_jax else outputs


def _terminal() -> TextIO:
    """Return a terminal of the usual size; what is written to it is read, and lost."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    threading.Thread(target=lambda: all(iter(lambda: os.read(ours, 4096), b"")), daemon=True).start()
    return os.fdopen(theirs, "w")


class Torch:
    """PyTorch, eager: `nn.Sequential`, autograd, `torch.optim`; batches by `index_select` from one float tensor.

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
        parameters, rate = self.net.parameters(), recipe.learning_rate
        is_adam, momentum = recipe.optimizer == "adam", BETA if recipe.optimizer == "momentum" else 0.0
        optim = torch.optim
        self.optimizer = optim.Adam(parameters, rate) if is_adam else optim.SGD(parameters, rate, momentum)
        decay, exponential = recipe.decay ** (1 / DECAY_STEPS), optim.lr_scheduler.ExponentialLR
        self.schedule = None if recipe.decay == 1.0 else exponential(self.optimizer, decay)

    def _network(self) -> Any:
        nn, kinds = self.torch.nn, {"sigmoid": self.torch.nn.Sigmoid, "relu": self.torch.nn.ReLU}
        layers: list[Any] = []
        for weights, biases in self.recipe.start():
            if layers:
                layers += [kinds[self.recipe.hidden]()]
                layers += [nn.Dropout(self.recipe.dropout)] if self.recipe.dropout else []
            dense = nn.Linear(*weights.shape[::-1], dtype=self.dtype)
            dense.weight.data, dense.bias.data = (
                self.torch.from_numpy(weights.copy()),
                self.torch.from_numpy(biases.copy()),
            )
            layers += [dense]
        # Cross-entropy takes logits, as is usual: the softmax is in the cost.
        layers += [] if self.recipe.output == "softmax" else [nn.Sigmoid()]
        return nn.Sequential(*layers)

    def _quadratic(self, a: Any, y: Any) -> Any:
        return self.torch.nn.functional.mse_loss(a, y, reduction="sum") * (0.5 / len(y))

    def train(self, start: int, stop: int) -> None:
        self.net.train()
        order = self.torch.randperm(stop - start) + start
        for chosen in order.split(self.recipe.batch_size):
            x, y = self.x.index_select(0, chosen), self.y.index_select(0, chosen)
            if self.pixels:
                x = x.to(self.dtype).div_(255.0)
            self.optimizer.zero_grad()
            self.cost(self.net(x), y).backward()
            self.optimizer.step()
            if self.schedule is not None:
                self.schedule.step()

    def place(self, x: np.ndarray) -> Any:
        return self.torch.from_numpy(x)

    def forward(self, x: Any) -> Any:
        self.net.eval()
        with self.torch.no_grad():
            return self.net(x)


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


class Book:
    """The book's way: its shuffled list of pairs (x, y), and its loop over single examples."""

    def __init__(self, recipe: Recipe, train: Dataset) -> None:
        if (recipe.hidden, recipe.output) != ("sigmoid", "sigmoid"):
            raise ValueError(f"Book: expected a recipe of sigmoids, got {recipe.hidden} and {recipe.output}.")
        self.recipe, self.rng = recipe, np.random.default_rng(recipe.seed)
        weights, biases = zip(*recipe.start(), strict=True)
        self.net = BookNetwork(weights, [b[:, None] for b in biases])
        self.pairs = list(zip(recipe.floats(train.x)[:, :, None], recipe.one_hot(train.y)[:, :, None], strict=True))

    def train(self, start: int, stop: int) -> None:
        pairs, size = self.pairs[start:stop], self.recipe.batch_size
        self.rng.shuffle(pairs)
        with np.errstate(over="ignore"):  # of exp(-z), of which the book's program would warn
            for k in range(0, len(pairs), size):
                self.net.update_mini_batch(pairs[k : k + size], self.recipe.learning_rate)

    def place(self, x: np.ndarray) -> list[np.ndarray]:
        return list(x[:, :, None])

    def forward(self, x: list[np.ndarray]) -> np.ndarray:
        return np.stack([self.net.feedforward(column)[:, 0] for column in x])


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


class NumPyByHand:
    """Two layers of sigmoids on NumPy as one writes them who minds every microsecond: results go where they are told.

    The formulas are anynet's. A pass's rows are gathered at once, as bytes, and scaled when their batch is met.
    """

    def __init__(self, recipe: Recipe, train: Dataset) -> None:
        n, (_, n_hidden, n_out), dtype = recipe.batch_size, recipe.sizes, recipe.dtype
        self.recipe, self.rng = recipe, np.random.default_rng(recipe.seed)
        self.x, self.y = train.x, recipe.one_hot(train.y)
        (self.w1, self.b1), (self.w2, self.b2) = ((w.copy(), b.copy()) for w, b in recipe.start())
        self.ones = np.ones(n, dtype)
        shapes = [(n, recipe.sizes[0]), (n, n_hidden), (n, n_hidden), (n, n_out), (n, n_out)]
        self.storage = [np.empty(shape, dtype) for shape in shapes]
        self.gradients = [np.empty_like(p) for p in (self.w1, self.b1, self.w2, self.b2)]

    def train(self, start: int, stop: int) -> None:
        """Train for one pass over those examples, whole mini-batches."""
        n, rate, lowest = self.recipe.batch_size, self.recipe.learning_rate, 88.0
        order = self.rng.permutation(stop - start) + start
        xs, ys, ones, mean = self.x[order], self.y[order], self.ones, 1.0 / n
        x, a1, d1, a2, d2 = self.storage
        w1, b1, w2, b2 = self.w1, self.b1, self.w2, self.b2
        g1, h1, g2, h2 = self.gradients
        w1t, w2t, d1t, d2t = w1.T, w2.T, d1.T, d2.T
        copyto, matmul, dot, add, subtract, multiply = np.copyto, np.matmul, np.dot, np.add, np.subtract, np.multiply
        divide, negative, minimum, exp = np.divide, np.negative, np.minimum, np.exp
        for at in range(0, len(xs), n):
            copyto(x, xs[at : at + n])
            divide(x, 255.0, x)
            for a, b, previous, w in ((a1, b1, x, w1t), (a2, b2, a1, w2t)):
                matmul(previous, w, a)
                add(a, b, a)
                negative(a, a)
                minimum(a, lowest, out=a)
                exp(a, a)
                add(a, 1.0, a)
                divide(1.0, a, a)
            subtract(a2, ys[at : at + n], d2)
            multiply(d2, a2, d2)
            subtract(1.0, a2, a2)
            multiply(d2, a2, d2)
            multiply(d2, mean, d2)
            matmul(d2t, a1, g2)
            dot(ones, d2, h2)
            matmul(d2, w2, d1)
            multiply(d1, a1, d1)
            subtract(1.0, a1, a1)
            multiply(d1, a1, d1)
            matmul(d1t, x, g1)
            dot(ones, d1, h1)
            for p, g in ((w1, g1), (b1, h1), (w2, g2), (b2, h2)):
                multiply(g, rate, g)
                subtract(p, g, p)

    def place(self, x: np.ndarray) -> np.ndarray:
        """Return images as they are."""
        return x

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs."""
        for w, b in ((self.w1, self.b1), (self.w2, self.b2)):
            x = 1.0 / (1.0 + np.exp(-(x @ w.T + b)))
        return x


class Contestant(NamedTuple):
    """A contestant's name in tables, the distribution it needs, and how it is made."""

    label: str
    distribution: str
    make: Callable[[Recipe, Dataset], Any]


def _lenet(name: str) -> Any:
    import lenet_peers  # which builds on this room

    return getattr(lenet_peers, name)


CONTESTANTS = {
    "anynet": Contestant("anynet, on NumPy", "numpy", AnyNet),
    "anynet_torch": Contestant("anynet, on PyTorch", "torch", partial(AnyNet, backend="torch")),
    "anynet_jax": Contestant("anynet, on JAX", "jax", partial(AnyNet, backend="jax")),
    "anynet_bar": Contestant("anynet, with a progress bar", "tqdm", partial(AnyNet, bar=True)),
    "book": Contestant("the book's per-example loop", "numpy", Book),
    "torch": Contestant("PyTorch, eager", "torch", Torch),
    "torch_uint8": Contestant("PyTorch, eager, pixels kept as bytes", "torch", partial(Torch, pixels=True)),
    "sklearn": Contestant("scikit-learn, MLPClassifier", "scikit-learn", SkLearn),
    "jax": Contestant("JAX, a jitted step", "jax", Jax),
    "jax_scan": Contestant("JAX, lax.scan over the block", "jax", partial(Jax, scan=True)),
    "optax": Contestant("optax, lax.scan over the block", "optax", Optax),
    "jax_by_hand": Contestant("JAX, written out by hand", "jax", JaxByHand),
    "numpy_by_hand": Contestant("NumPy, written out by hand", "numpy", NumPyByHand),
    "lenet_torch": Contestant("PyTorch, eager", "torch", lambda *of: _lenet("TorchLeNet")(*of)),
    "lenet_jax": Contestant("JAX, lax.scan over the block", "jax", lambda *of: _lenet("JaxLeNet")(*of)),
    "products": Contestant("floor: bare matrix products", "numpy", BareProducts),
}
OURS = ("anynet", "anynet_torch", "anynet_jax")
