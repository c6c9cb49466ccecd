"""The abstract layer: what a network asks of each kind.

A layer is a frozen value that holds hyper-parameters, never arrays. Parameters, state,
gradients and what backward needs are handed in and returned; nothing is kept on the layer.
The step applies the layer's activation, if it has one, to what `forward` returns, and
multiplies by its derivative before `backward`, so `delta` is always dC/dz of this layer.
Arrays are batch-first: a (n, *input_shape), z and delta (n, *output_shape).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

from anynet.typing import Array, Generator, HostArray, Namespace, Shape


class Layer(ABC):
    """What a network asks of a layer, a frozen dataclass of hyper-parameters.

    A kind whose output goes through an activation has a field `activation`: a name, an
    `Activation`, or None for the network's own. A kind without such a field has none: nothing
    is applied to its output. A field `initializer` that is None takes the network's as well.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Halve(Layer):
        ...     def output_shape(self, input_shape):
        ...         return input_shape
        ...
        ...     def forward(self, xp, parameters, state, a, training, noise):
        ...         return 0.5 * a, None, state
        ...
        ...     def backward(self, xp, parameters, residuals, delta):
        ...         return (), 0.5 * delta
        >>> from anynet import Network
        >>> Network([4, 3, Halve(), 2]).sizes
        [4, 3, 3, 2]
    """

    activation: ClassVar[Any] = None
    couples: ClassVar[bool] = False  # whether what comes of an example in training hangs on the others of its batch
    gives_way_to_norm: ClassVar[bool] = False  # whether a norm directly behind it takes the network's activation
    is_norm: ClassVar[bool] = False  # whether it takes that only then

    @abstractmethod
    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one example's output.

        Args:
            input_shape: That of its input.

        Raises:
            ValueError: The layer takes no such input.
        """

    def widest_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the largest array that it makes of an example, its output or one on the way there."""
        return self.output_shape(input_shape)

    def least_examples(self, input_shape: Shape) -> int:
        """Return how many examples a mini-batch must have, so that the layer can learn from it."""
        return 1

    def remark(self, input_shape: Shape) -> str:
        """Return what a summary should say of the layer besides, if anything."""
        return ""

    def parameter_shapes(self, input_shape: Shape) -> tuple[Any, Any]:
        """Return the shapes of the parameters and of the state, in the named tuples of `initialize`.

        Args:
            input_shape: Of one example.

        Returns:
            Two named tuples of shapes, `()` where there are none: what a file must hold.
        """
        return (), ()

    def initialize(self, input_shape: Shape, rng: Generator) -> tuple[Any, Any]:
        """Return the parameters and the state before training.

        Args:
            input_shape: Of one example.
            rng: The stream of initial values.

        Returns:
            Two named tuples of host arrays, `()` where there are none: what gradients move,
            and what they do not.
        """
        return (), ()

    def noise(self, input_shape: Shape, n: int, rng: Generator) -> HostArray | None:
        """Return the random numbers that training needs for n examples, (n, ...), or None.

        They may be decisions: `forward` is handed them in the dtype of the network, as 0 and 1.

        Args:
            input_shape: Of one example.
            n: How many examples.
            rng: The stream of noise.
        """
        return None

    def prepare(self, xp: Namespace, state: Any, chunks: Iterable[Array]) -> Any:
        """Return the state to begin a training with; most layers leave it as it is.

        It is asked once per training, before the first epoch.

        Args:
            xp: The array namespace.
            state: The layer's, as `initialize` made it, or an earlier training left it.
            chunks: All that comes in from the training data, (n, *input_shape) at a time. It may be
                gone through several times, and is computed each time.
        """
        return state

    @abstractmethod
    def forward(
        self, xp: Namespace, parameters: Any, state: Any, a: Array, training: bool, noise: Array | None
    ) -> tuple[Array, Any, Any]:
        """Return the output, what backward needs of this moment, and the next state.

        Args:
            xp: The array namespace.
            parameters: The layer's, as `initialize` made them.
            state: The layer's, likewise.
            a: What comes in, (n, *input_shape). It must not be written into.
            training: Whether this is a training step, after which `backward` follows.
            noise: What `noise` returned for these examples; None where none was drawn.

        Returns:
            (z, residuals, state): z is (n, *output_shape), residuals any tree of arrays.
        """

    def backward(self, xp: Namespace, parameters: Any, residuals: Any, delta: Array) -> tuple[Any, Array]:
        """Return the gradients of the parameters and the error of what came in.

        A layer may leave it out: it is derived from `forward` then, for which that must be a
        formula of xp, and stay one without noise.

        Args:
            xp: The array namespace.
            parameters: The layer's.
            residuals: What `forward` returned besides z.
            delta: dC/dz, (n, *output_shape).

        Returns:
            (gradients, dC/da): gradients in the structure of the parameters; dC/da of the shape
            (n, *input_shape).
        """
        raise NotImplementedError
