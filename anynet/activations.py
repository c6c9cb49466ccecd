"""Activation functions: what a neuron makes of its weighted input, a = f(z).

Each is written once, from operators and the namespace it is handed, in a form that cannot
overflow for any finite z; its derivative stands beside it. Both take and return arrays of
shape (n, n_out). Called with an array alone, an activation finds the namespace itself:

>>> import numpy as np
>>> sigmoid(np.asarray([0.0]))
array([0.5])
"""

from collections.abc import Callable
from dataclasses import dataclass

from array_api_compat import array_namespace

from anynet.backends import Array, Namespace
from anynet.checks import look_up


@dataclass(frozen=True)
class Activation:
    """A named activation function: `value(xp, z)` and `derivative(xp, z, a)`, da/dz.

    `derivative` is None where there is none that training could use: for step, and for
    softmax, which is for outputs only, where its cost supplies the error dC/dz. Both are handed to
    `Backend.fuse` if the activation is `fusible`: element-wise, and not trivial.
    """

    name: str
    value: Callable[[Namespace, Array], Array]
    derivative: Callable[[Namespace, Array, Array], Array] | None
    fusible: bool = True
    is_for_outputs_only: bool = False

    def __call__(self, z: Array) -> Array:
        """Return the activation of z, an array of any library, in the same shape."""
        return self.value(array_namespace(z), z)


def _sigmoid(xp: Namespace, z: Array) -> Array:
    # 1 / (1 + exp(-z)) as a tanh: the same function, with nothing that can overflow.
    a = xp.tanh(0.5 * z)
    a *= 0.5
    a += 0.5
    return a


def _sigmoid_derivative(xp: Namespace, z: Array, a: Array) -> Array:
    return a * (1.0 - a)


def _tanh(xp: Namespace, z: Array) -> Array:
    return xp.tanh(z)


def _tanh_derivative(xp: Namespace, z: Array, a: Array) -> Array:
    return 1.0 - a * a


def _relu(xp: Namespace, z: Array) -> Array:
    return xp.maximum(z, 0.0)


def _relu_derivative(xp: Namespace, z: Array, a: Array) -> Array:
    return xp.astype(z > 0.0, z.dtype)


def _identity(xp: Namespace, z: Array) -> Array:
    return z


def _identity_derivative(xp: Namespace, z: Array, a: Array) -> float:
    return 1.0


def _softmax(xp: Namespace, z: Array) -> Array:
    # Shifting z changes nothing in the quotient and keeps exp below 1 (Saito, 3.5.2).
    a = xp.exp(z - xp.max(z, axis=-1, keepdims=True))
    a /= xp.sum(a, axis=-1, keepdims=True)
    return a


def _step(xp: Namespace, z: Array) -> Array:
    return xp.astype(z > 0.0, z.dtype)  # 0 at 0 (Saito, equation 3.3)


sigmoid = Activation("sigmoid", _sigmoid, _sigmoid_derivative)
tanh = Activation("tanh", _tanh, _tanh_derivative)
relu = Activation("relu", _relu, _relu_derivative)
identity = Activation("identity", _identity, _identity_derivative, fusible=False)
softmax = Activation("softmax", _softmax, None, fusible=False, is_for_outputs_only=True)
step = Activation("step", _step, None)

ACTIVATIONS = {f.name: f for f in (sigmoid, tanh, relu, identity, softmax, step)}


def get(name: str) -> Activation:
    """Return the activation of that name; ValueError lists those that exist."""
    return look_up(ACTIVATIONS, name, "activation")
