"""Saito's Deep Learning from Scratch, chapters 2 and 3, under its names: gates, activations, inference, MNIST.

`from anynet.books.deep_learning_from_scratch import ...` is the one line of a reader's program that changes. A network
is a dict, as there: W1, W2, ... are (inputs, outputs), b1, b2, ... (outputs,), and x is (n_in,) or (n, n_in).

>>> network = init_network()
>>> forward(network, np.array([1.0, 0.5]))
array([0.31682708, 0.69627909])
"""

from pathlib import Path
from typing import Any

import array_api_compat.numpy as xp
import numpy as np

from anynet import activations
from anynet.activations import Activation
from anynet.backends import to_numpy
from anynet.checks import as_code
from anynet.datasets import load_mnist
from anynet.formats import pickle
from anynet.formats.bounded import MAX_BYTES, opened
from anynet.saving.saito import checked
from anynet.typing import ArrayLike, HostArray

__all__ = [
    "AND",
    "NAND",
    "OR",
    "XOR",
    "forward",
    "identity_function",
    "img_show",
    "init_network",
    "load_mnist",
    "np",
    "predict",
    "relu",
    "sigmoid",
    "softmax",
    "step_function",
]


# Chapter 2: perceptrons.


def _fires(gate: str, x: tuple[Any, Any], weights: tuple[float, float], bias: float) -> int:
    """Return 1 if the weighted inputs and the bias exceed 0, else 0."""
    if any(np.ndim(value) or isinstance(value, str) for value in x):
        raise TypeError(
            f"{gate}: expected two numbers, 0 or 1, got {as_code(x[0])} and {as_code(x[1])}. Call it for each pair."
        )
    return int(step_function(np.dot(x, weights) + bias))


def AND(x1: float, x2: float) -> int:
    """Return 1 if both are 1, else 0 (2.3.1).

    Args:
        x1: 0 or 1.
        x2: Likewise.

    Example:
        >>> [AND(0, 0), AND(1, 0), AND(0, 1), AND(1, 1)]
        [0, 0, 0, 1]
    """
    return _fires("AND", (x1, x2), (0.5, 0.5), -0.7)


def NAND(x1: float, x2: float) -> int:
    """Return 0 if both are 1, else 1 (2.3.3).

    Args:
        x1: 0 or 1.
        x2: Likewise.

    Example:
        >>> [NAND(0, 0), NAND(1, 0), NAND(0, 1), NAND(1, 1)]
        [1, 1, 1, 0]
    """
    return _fires("NAND", (x1, x2), (-0.5, -0.5), 0.7)


def OR(x1: float, x2: float) -> int:
    """Return 0 if both are 0, else 1 (2.3.3).

    Args:
        x1: 0 or 1.
        x2: Likewise.

    Example:
        >>> [OR(0, 0), OR(1, 0), OR(0, 1), OR(1, 1)]
        [0, 1, 1, 1]
    """
    return _fires("OR", (x1, x2), (0.5, 0.5), -0.2)


def XOR(x1: float, x2: float) -> int:
    """Return 1 if they differ, else 0: two layers of the others (2.5.2).

    Args:
        x1: 0 or 1.
        x2: Likewise.

    Example:
        >>> [XOR(0, 0), XOR(1, 0), XOR(0, 1), XOR(1, 1)]
        [0, 1, 1, 0]
    """
    return AND(NAND(x1, x2), OR(x1, x2))


# Chapter 3: activation functions, of numbers, lists and arrays.


def _array(x: ArrayLike) -> HostArray:
    a = to_numpy(x)
    if a.dtype.kind not in "biuf":
        raise TypeError(f"x: expected numbers, got {x!r:.80}.")
    return a


def _activated(function: Activation, x: ArrayLike) -> Any:
    """Return a number for a number, else an array; floats keep their dtype."""
    a = _array(x)
    return function.value(xp, a if a.dtype.kind == "f" else a.astype(np.float64))[()]


def step_function(x: ArrayLike) -> Any:
    """Return 1 where x is above 0, else 0: whole numbers (3.2.2).

    Args:
        x: A number, a list or an array.

    Example:
        >>> step_function(np.array([-1.0, 1.0, 2.0]))
        array([0, 1, 1])
    """
    return _activated(activations.step, x).astype(np.int64)


def sigmoid(x: ArrayLike) -> Any:
    """Return 1 / (1 + exp(-x)) (3.2.4).

    Args:
        x: A number, a list or an array.

    Example:
        >>> sigmoid(np.array([-1.0, 1.0, 2.0]))
        array([0.26894142, 0.73105858, 0.88079708])
    """
    return _activated(activations.sigmoid, x)


def relu(x: ArrayLike) -> Any:
    """Return x where it is above 0, else 0, in the dtype of x (3.2.7).

    Args:
        x: A number, a list or an array.

    Example:
        >>> relu([-1, 0, 2])
        array([0, 0, 2])
    """
    return _activated(activations.relu, x).astype(_array(x).dtype)


def identity_function(x: Any) -> Any:
    """Return x as it is, as the outputs of a regression are (3.4.3).

    Args:
        x: Anything.

    Example:
        >>> identity_function([1, 2])
        [1, 2]
    """
    return x


def softmax(a: ArrayLike) -> Any:
    """Return exp(a) / sum(exp(a)), so that nothing overflows; of a matrix row by row (3.5.2).

    Args:
        a: A list or an array of one dimension, or a matrix, a row per example.

    Example:
        >>> softmax([1010, 1000, 990])
        array([9.99954600e-01, 4.53978686e-05, 2.06106005e-09])
    """
    a = _array(a)
    return _activated(activations.softmax, a.reshape(1, -1) if a.ndim < 2 else a).reshape(a.shape)[()]


# Chapter 3: networks.


def init_network(path: str | Path | None = None, max_bytes: int = MAX_BYTES) -> dict[str, HostArray]:
    """Return the network of 3.4.3, [2, 3, 2, 2], or that in a file, as 3.6.2 opens it. No pickle is run.

    Args:
        path: His sample_weight.pkl, or one like it; None is the network of 3.4.3.
        max_bytes: At most so much is unpacked of the file.

    Raises:
        OSError: The file cannot be read.
        ValueError: It holds no network.

    Example:
        >>> init_network()["W1"].shape
        (2, 3)
    """
    if path is None:
        return {
            "W1": np.array([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]]),
            "b1": np.array([0.1, 0.2, 0.3]),
            "W2": np.array([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]]),
            "b2": np.array([0.1, 0.2]),
            "W3": np.array([[0.1, 0.3], [0.2, 0.4]]),
            "b3": np.array([0.1, 0.2]),
        }
    with opened(path, max_bytes) as reader:
        content, name = pickle.read(reader), reader.name
    checked(content, name)
    return content  # type: ignore[no-any-return]


def forward(network: dict[str, HostArray], x: ArrayLike) -> Any:
    """Return the outputs of a network for a regression: sigmoid, and the identity at the output (3.4.3).

    Args:
        network: W1, b1, W2, b2, ...
        x: (n_in,), or (n, n_in) for several examples.

    Raises:
        ValueError: x has another shape.

    Example:
        >>> forward(init_network(), [1.0, 0.5])
        array([0.31682708, 0.69627909])
    """
    return identity_function(_outputs("forward", network, x))


def predict(network: dict[str, HostArray], x: ArrayLike) -> Any:
    """Return the probabilities of classes: sigmoid, and softmax at the output (3.6.2).

    Args:
        network: W1, b1, W2, b2, ...
        x: (n_in,), or (n, n_in) for several examples, whose rows each sum to 1.

    Raises:
        ValueError: x has another shape.

    Example:
        >>> predict(init_network(), [1.0, 0.5]).round(3)
        array([0.406, 0.594])
    """
    return softmax(_outputs("predict", network, x))


def _outputs(what: str, network: dict[str, HostArray], x: ArrayLike) -> HostArray:
    """Return the weighted inputs of the last layer."""
    n_layers, z = len(network) // 2, _array(x)
    for i in range(1, n_layers + 1):
        try:
            weights, biases = network[f"W{i}"], network[f"b{i}"]
        except (KeyError, TypeError):
            raise ValueError(
                f"{what}: expected a network of W1, b1, W2, b2, ..., got one without W{i}, b{i}."
            ) from None
        if z.ndim not in (1, 2) or z.shape[-1] != len(weights):
            n_in = len(weights)
            raise ValueError(f"x: expected the shape ({n_in},) or (n, {n_in}), got {z.shape}.")
        z = np.dot(sigmoid(z) if i > 1 else z, weights) + biases
    return z


def img_show(img: ArrayLike) -> None:
    """Show an image in a window, as 3.6.1 does.

    Args:
        img: (height, width), pixels from 0 black to 255 white.

    Raises:
        ImportError: Pillow is not installed; the error has the install line.
        ValueError: It is no image.

    Example:
        >>> img_show(np.zeros(784))
        Traceback (most recent call last):
        ValueError: img: expected (height, width), got the shape (784,). Reshape it: img.reshape(28, 28).
    """
    a = _array(img)
    if a.ndim != 2:
        raise ValueError(f"img: expected (height, width), got the shape {a.shape}. Reshape it: img.reshape(28, 28).")
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("Pillow is not installed. Install it with: pip install 'anynet-nn[images]'") from None
    Image.fromarray(np.uint8(a)).show()
