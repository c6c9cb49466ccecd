"""anynet: a neural-network library written once, against the Python array API standard.

The same backpropagation runs on NumPy, CuPy, PyTorch, JAX and array-api-strict:
`Network([784, 30, 10], backend="cupy")`.
"""

from anynet import activations, backends, costs, datasets, initializers
from anynet.datasets import Dataset
from anynet.functions import array_namespace, function, pp
from anynet.layers import Dense
from anynet.network import Network
from anynet.optimizers import SGD
from anynet.training import Report

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "Dataset",
    "Dense",
    "Network",
    "Report",
    "activations",
    "array_namespace",
    "backends",
    "costs",
    "datasets",
    "function",
    "initializers",
    "pp",
]
