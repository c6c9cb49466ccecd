"""Theano's `tensor.nnet`: what neurons compute, and what they cost.

>>> from anynet.books.theano import tensor as T
>>> print(T.pp(sigmoid(-T.dvector("x"))))
sigmoid((-x))
"""

from typing import Any

from anynet.books.theano.variables import Variable, expression

__all__ = ["binary_crossentropy", "categorical_crossentropy", "relu", "sigmoid", "softmax"]


def sigmoid(x: Any) -> Variable:
    """Return 1 / (1 + exp(-x)), which overflows nowhere.

    Args:
        x: A variable or an array.

    Example:
        >>> sigmoid([0.0]).operation
        'sigmoid'
    """
    return expression("sigmoid", x)


def softmax(x: Any) -> Variable:
    """Return rows of numbers that sum to 1.

    Args:
        x: A matrix; a vector becomes its only row.

    Example:
        >>> softmax([[0.0, 1.0]]).operation
        'softmax'
    """
    return expression("softmax", x)


def relu(x: Any) -> Variable:
    """Return what of x is larger than 0, and 0 elsewhere.

    Args:
        x: A variable or an array.

    Example:
        >>> relu([-1.0, 1.0]).operation
        'maximum'
    """
    return expression("maximum", x, 0)


def binary_crossentropy(output: Any, target: Any) -> Variable:
    """Return -(t log o + (1 - t) log(1 - o)), element by element.

    Args:
        output: Between 0 and 1.
        target: 0 or 1, or between.

    Example:
        >>> binary_crossentropy([0.5], [1]).operation
        'binary_crossentropy'
    """
    return expression("binary_crossentropy", output, target)


def categorical_crossentropy(coding_dist: Any, true_dist: Any) -> Variable:
    """Return what each row costs: -log of what it gives to its class.

    Args:
        coding_dist: Rows that sum to 1.
        true_dist: Such rows, or the numbers of classes.

    Example:
        >>> categorical_crossentropy([[0.5, 0.5]], [1]).operation
        'categorical_crossentropy'
    """
    return expression("categorical_crossentropy", coding_dist, true_dist)
