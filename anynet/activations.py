"""Activation functions: what a neuron makes of its weighted input, a = f(z).

Each is written once, from operators and the namespace it is handed, in a form that cannot
overflow for any finite z; its derivative stands beside it. Both take and return arrays of
shape (n, n_out). A value of your own goes wherever a name does: `Activation("mine", f, df)`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from array_api_compat import array_namespace

from anynet.checks import check_own, value_of
from anynet.derived import Outline, derivative_of, is_elementwise, why_not
from anynet.operations import dtype_name, isdtype
from anynet.typing import Array, Namespace

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "elu",
    "gelu",
    "get",
    "identity",
    "leaky_relu",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "step",
    "tanh",
]


@dataclass(frozen=True)
class Activation:
    """A named activation function, and its derivative.

    Called with an array of any library, it finds the namespace itself.

    Args:
        name: What it is called, in tables, files and errors.
        value: `value(xp, z) -> a`, both of the shape (n, n_out). It must not write into z.
        derivative: `derivative(xp, z, a) -> da/dz`, of the same shape. None takes it from value,
            by the graph.
        learns: Whether training can use the derivative. A network with a hidden layer for which it
            cannot, as for step, computes, but does not learn.
        is_for_outputs_only: Whether hidden layers are refused it, as softmax is: there its
            cost supplies the error dC/dz.
        initializer: The name of what suits layers below it where none is named; he_normal for
            those that let about half of what they are given pass, as relu does, glorot_normal for
            tanh, of which its paper treats.

    Raises:
        ValueError: There is no derivative, and value is no element-wise formula that it can be
            taken from.

    Example:
        >>> import numpy as np
        >>> sigmoid(np.asarray([0.0]))
        array([0.5])
        >>> leaky = Activation("leaky", lambda xp, z: xp.maximum(z, 0.1 * z))
        >>> leaky(np.asarray([-1.0, 2.0]))
        array([-0.1,  2. ])
    """

    name: str
    value: Callable[[Namespace, Array], Array]
    derivative: Callable[[Namespace, Array, Array], Array] | None = None
    learns: bool = True
    is_for_outputs_only: bool = False
    initializer: str = "lecun_normal"

    def __post_init__(self) -> None:
        check_own(self, ("value",), ("derivative",))
        if self.derivative is None and self.learns and not self.is_for_outputs_only:
            object.__setattr__(self, "derivative", self._derived())

    def _derived(self) -> Callable[[Namespace, Array, Array], Array]:
        derivative, z = derivative_of(self.value), Outline((2, 3), "float64")
        reason = why_not(derivative, z, z)
        if reason is None and not is_elementwise(self.value):
            reason = "an element of its value depends on several of z"
        if reason is not None:
            raise ValueError(
                f"activation: expected a derivative for {self.name}, or a value that it can be derived from, got one "
                f"that cannot: {reason}. Write derivative(xp, z, a); or say learns=False, or is_for_outputs_only=True."
            )
        return derivative

    def __call__(self, z: Array) -> Array:
        """Return the activation of z, in the same shape; of whole numbers in the library's own floats."""
        try:
            xp = array_namespace(z)
        except TypeError:
            raise TypeError(
                f"z: expected an array, got {type(z).__name__}. Make one of it first: np.asarray(z), say."
            ) from None
        if isdtype(dtype_name(z), ("bool", "integral")):  # -z of unsigned numbers is none that is below 0
            z = xp.astype(z, xp.__array_namespace_info__().default_dtypes()["real floating"])
        return self.value(xp, z)


def _sigmoid(xp: Namespace, z: Array) -> Array:
    # Nielsen, equation 3, exact in both tails. Where exp(-z) would overflow, a is no normal number.
    return 1.0 / (1.0 + xp.exp(xp.minimum(-z, 88.0 if z.dtype == xp.float32 else 709.0)))


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


def _leaky_relu(xp: Namespace, z: Array) -> Array:
    return xp.maximum(z, 0.01 * z)


def _leaky_relu_derivative(xp: Namespace, z: Array, a: Array) -> Array:
    return 0.01 + 0.99 * xp.astype(z > 0.0, z.dtype)


def _elu(xp: Namespace, z: Array) -> Array:
    return xp.maximum(z, 0.0) + xp.expm1(xp.minimum(z, 0.0))


def _elu_derivative(xp: Namespace, z: Array, a: Array) -> Array:
    return xp.minimum(a, 0.0) + 1.0  # exp(z) below 0


# SiLU and GELU are z times a sigmoid. Far below 0 that is next to nothing, whatever z is; but the sigmoid is kept from
# becoming 0 there, so that z is kept from growing as well.


def _silu(xp: Namespace, z: Array) -> Array:
    return xp.maximum(z, -709.0) * _sigmoid(xp, z)


def _silu_derivative(xp: Namespace, z: Array, a: Array) -> Array:
    s = _sigmoid(xp, z)
    return s + a * (1.0 - s)


_FAR = 21.0  # from where on the sigmoid within GELU has come to its end, and z^3 might overflow


def _gelu(xp: Namespace, z: Array) -> Array:
    # z/2 (1 + tanh(u)), as z times the sigmoid of 2u, which is exact in both tails.
    return xp.maximum(z, -_FAR) * _sigmoid(xp, _gelu_exponent(xp, z))


def _gelu_exponent(xp: Namespace, z: Array) -> Array:
    """2u = 2 sqrt(2 / pi) (z + 0.044715 z^3)."""
    z = xp.minimum(xp.maximum(z, -_FAR), _FAR)
    return 2.0 * math.sqrt(2.0 / math.pi) * z * (1.0 + 0.044715 * z * z)


def _gelu_derivative(xp: Namespace, z: Array, a: Array) -> Array:
    s = _sigmoid(xp, _gelu_exponent(xp, z))
    z = xp.minimum(xp.maximum(z, -_FAR), _FAR)
    return s + a * (1.0 - s) * (2.0 * math.sqrt(2.0 / math.pi) * (1.0 + 3.0 * 0.044715 * z * z))


def _softplus(xp: Namespace, z: Array) -> Array:
    # ln(1 + exp(z)), where no exponential overflows and no logarithm loses digits.
    return xp.maximum(z, 0.0) + xp.log1p(xp.exp(-xp.abs(z)))


def _softplus_derivative(xp: Namespace, z: Array, a: Array) -> Array:
    return -xp.expm1(-a)  # the sigmoid of z


def _identity(xp: Namespace, z: Array) -> Array:
    return z


def _identity_derivative(xp: Namespace, z: Array, a: Array) -> float:
    return 1.0


def _softmax(xp: Namespace, z: Array) -> Array:
    # Shifting z changes nothing in the quotient and keeps exp below 1 (Saito, 3.5.2).
    a = xp.exp(z - xp.max(z, axis=-1, keepdims=True))
    return a / xp.sum(a, axis=-1, keepdims=True)


def _step(xp: Namespace, z: Array) -> Array:
    return xp.astype(z > 0.0, z.dtype)  # 0 at 0 (Saito, equation 3.3)


sigmoid = Activation("sigmoid", _sigmoid, _sigmoid_derivative)
tanh = Activation("tanh", _tanh, _tanh_derivative, initializer="glorot_normal")
relu = Activation("relu", _relu, _relu_derivative, initializer="he_normal")
leaky_relu = Activation("leaky_relu", _leaky_relu, _leaky_relu_derivative, initializer="he_normal")
elu = Activation("elu", _elu, _elu_derivative, initializer="he_normal")
silu = Activation("silu", _silu, _silu_derivative, initializer="he_normal")
# The form with tanh (Hendrycks and Gimpel, 2016).
gelu = Activation("gelu", _gelu, _gelu_derivative, initializer="he_normal")
softplus = Activation("softplus", _softplus, _softplus_derivative, initializer="he_normal")
identity = Activation("identity", _identity, _identity_derivative)
softmax = Activation("softmax", _softmax, is_for_outputs_only=True)
step = Activation("step", _step, learns=False)

ACTIVATIONS = {f.name: f for f in (sigmoid, tanh, relu, leaky_relu, elu, gelu, silu, softplus, identity, softmax, step)}


def get(activation: str | Activation, where: str = "activation") -> Activation:
    """Return an activation by its name, or the value itself.

    Args:
        activation: A name of `ACTIVATIONS`, or an `Activation` of your own.
        where: What asks for it, for errors.

    Returns:
        The activation.

    Raises:
        ValueError: There is none of that name; the error lists those that exist.
        TypeError: It is neither a name nor a value.

    Example:
        >>> get("relu") is relu
        True
    """
    return value_of(ACTIVATIONS, activation, Activation, where)
