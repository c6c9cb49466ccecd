"""JAX as a rival: as its users write it, and written out by hand by somebody who knows it well."""

from typing import Any

import numpy as np
from recipe import BETA, DECAY_STEPS, Recipe

from anynet import Dataset

# Of a chunk's converted rows: large enough that the calls of JAX cost nothing beside; its bytes stay in a cache.
CHUNK_BYTES = 8 << 20


class Jax:
    """JAX, jitted, with donated parameters; the pass's batches are gathered on the device, once.

    A step is one compiled call, its gradients from `jax.grad`; with `scan`, the whole pass is one compiled call.
    """

    def __init__(self, recipe: Recipe, train: Dataset, scan: bool = False) -> None:
        import jax

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
        """Train for one pass over those examples, whole mini-batches."""
        order = self.rng.permutation(np.arange(start, stop, dtype=np.int32)).reshape(-1, self.recipe.batch_size)
        if self.scan:
            self.parameters = self.epoch(self.parameters, self.x, self.y, order)
        else:
            xs, ys = self.gather(self.x, self.y, order)
            for i in range(len(order)):
                self.parameters = self.step(self.parameters, xs, ys, i)
        self.jax.block_until_ready(self.parameters)

    def place(self, x: np.ndarray) -> Any:
        """Return images as an array of JAX's."""
        return self.jax.device_put(x)

    def forward(self, x: Any) -> Any:
        """Return the outputs (logits, where they are softmax)."""
        return self.outputs(self.parameters, x).block_until_ready()


class Optax(Jax):
    """optax, as its users write it: `optax.apply_updates`, dropout by `jax.random`, and a pass one `lax.scan`."""

    def __init__(self, recipe: Recipe, train: Dataset) -> None:
        super().__init__(recipe, train, scan=True)
        import optax

        rate = recipe.learning_rate
        scheduled = rate if recipe.decay == 1.0 else optax.exponential_decay(rate, DECAY_STEPS, recipe.decay)
        is_adam, momentum = recipe.optimizer == "adam", BETA if recipe.optimizer == "momentum" else None
        self.optimizer = optax.adam(scheduled) if is_adam else optax.sgd(scheduled, momentum=momentum)
        self.apply_updates = optax.apply_updates
        self.state = self.jax.device_put((self.parameters, self.optimizer.init(self.parameters)))
        self.key = self.jax.random.key(recipe.seed)

    def _dropped(self, key: Any, a: Any) -> Any:
        keep = 1.0 - self.recipe.dropout
        return self.jax.numpy.where(self.jax.random.bernoulli(key, keep, a.shape), a / keep, 0.0)

    def _cost_of_training(self, parameters: Any, x: Any, y: Any, key: Any) -> Any:
        *hidden, (weights, biases) = parameters
        for w, b in hidden:
            x = getattr(self.jax.nn, self.recipe.hidden)(x @ w.T + b)
            if self.recipe.dropout:
                key, used = self.jax.random.split(key)
                x = self._dropped(used, x)
        return -(y * self.jax.nn.log_softmax(x @ weights.T + biases)).sum(axis=1).mean()

    def _stepped(self, carried: Any, batch: Any) -> Any:
        parameters, state = carried
        gradients = self.jax.grad(self._cost_of_training)(parameters, *batch)
        updates, state = self.optimizer.update(gradients, state, parameters)
        return (self.apply_updates(parameters, updates), state), None

    def _epoch(self, carried: Any, x: Any, y: Any, order: Any, key: Any) -> Any:
        keys = self.jax.random.split(key, len(order))
        return self.jax.lax.scan(self._stepped, carried, (*self._gather(x, y, order), keys))[0]

    def train(self, start: int, stop: int) -> None:
        """Train for one pass over those examples, whole mini-batches."""
        self.run(self.rng.permutation(stop - start) + start)

    def run(self, order: np.ndarray) -> None:
        """Train on the examples in that order."""
        order = order.astype(np.int32).reshape(-1, self.recipe.batch_size)
        self.key, used = self.jax.random.split(self.key)
        self.state = self.epoch(self.state, self.x, self.y, order, used)
        self.jax.block_until_ready(self.state)
        self.parameters = self.state[0]


class JaxByHand:
    """JAX, with backpropagation written out and one program per chunk of mini-batches.

    Pixels stay bytes on the device. A jitted gather brings a chunk's rows together, still bytes; a jitted loop runs its
    mini-batches one after another, and scales their pixels when it meets them. How many there are is a value, not a
    shape, so that a short last chunk compiles nothing anew. The order is drawn by NumPy, a pass at a time.
    """

    def __init__(self, recipe: Recipe, train: Dataset) -> None:
        import jax

        self.jax, self.recipe, self.rng = jax, recipe, np.random.default_rng(recipe.seed)
        row_bytes = recipe.sizes[0] * np.dtype(recipe.dtype).itemsize
        self.steps_per_chunk = max(1, CHUNK_BYTES // row_bytes // recipe.batch_size)
        self.x, self.y = jax.device_put((train.x, recipe.one_hot(train.y)))
        self.parameters = jax.device_put(recipe.start())
        self.gather = jax.jit(lambda x, y, order: (x[order], y[order]))
        self.chunk = jax.jit(self._chunk)
        self.outputs = jax.jit(lambda parameters, x: self._activations(parameters, x)[-1])

    def train(self, start: int, stop: int) -> None:
        """Train for one pass over those examples, whole mini-batches."""
        self.run(self.rng.permutation(stop - start) + start)

    def run(self, order: np.ndarray) -> None:
        """Train on the examples in that order."""
        order = order.astype(np.int32).reshape(-1, self.recipe.batch_size)
        for k in range(0, len(order), self.steps_per_chunk):
            chosen = order[k : k + self.steps_per_chunk]
            padded = np.zeros((self.steps_per_chunk, self.recipe.batch_size), np.int32)
            padded[: len(chosen)] = chosen
            self.parameters = self.chunk(self.parameters, *self.gather(self.x, self.y, padded), len(chosen))
        self.jax.block_until_ready(self.parameters)

    def _chunk(self, parameters: Any, xs: Any, ys: Any, n_steps: Any) -> Any:
        def step(i: Any, parameters: Any) -> Any:
            return self._updated(parameters, xs[i].astype(self.recipe.dtype) / 255.0, ys[i])

        return self.jax.lax.fori_loop(0, n_steps, step, parameters)

    def _updated(self, parameters: Any, x: Any, y: Any) -> Any:
        activations, rate = self._activations(parameters, x), self.recipe.learning_rate
        delta, updated = self._error(activations[-1], y) / len(x), []  # BP1, of the mean over the mini-batch
        for l in reversed(range(len(parameters))):
            (w, b), a = parameters[l], activations[l]
            updated.insert(0, (w - rate * (delta.T @ a), b - rate * self.jax.numpy.sum(delta, axis=0)))  # BP4, BP3
            if l > 0:
                delta = (delta @ w) * self._slope(a)  # BP2
        return updated

    def _activations(self, parameters: Any, x: Any) -> list[Any]:
        """Return the input and each layer's activations (n, n_out)."""
        names = [self.recipe.hidden] * (len(parameters) - 1) + [self.recipe.output]
        activations = [x]
        for (w, b), name in zip(parameters, names, strict=True):
            activations.append(self._value(name, activations[-1] @ w.T + b))
        return activations

    def _value(self, name: str, z: Any) -> Any:
        jnp = self.jax.numpy
        if name == "sigmoid":
            return 0.5 * jnp.tanh(0.5 * z) + 0.5
        return jnp.maximum(z, 0.0) if name == "relu" else self.jax.nn.softmax(z)

    def _error(self, a: Any, y: Any) -> Any:
        return a - y if self.recipe.output == "softmax" else (a - y) * (a * (1.0 - a))

    def _slope(self, a: Any) -> Any:
        return a * (1.0 - a) if self.recipe.hidden == "sigmoid" else (a > 0.0).astype(a.dtype)

    def place(self, x: np.ndarray) -> Any:
        """Return images as an array of JAX's."""
        return self.jax.device_put(x)

    def forward(self, x: Any) -> Any:
        """Return the outputs."""
        return self.outputs(self.parameters, x).block_until_ready()
