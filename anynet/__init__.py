"""anynet: a neural-network library written once, against the Python array API standard.

The same backpropagation runs on NumPy, CuPy, PyTorch, JAX and array-api-strict:
`Network([784, 30, 10], backend="cupy")`. Names are imported when they are first used, so
that the command line can answer, or be interrupted, before NumPy is loaded.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anynet import activations, backends, costs, datasets, initializers
    from anynet.datasets import Dataset
    from anynet.formula import array_namespace, function, pp
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

_ROOMS = {
    "SGD": "optimizers",
    "Dataset": "datasets",
    "Dense": "layers",
    "Network": "network",
    "Report": "training",
    "array_namespace": "formula",
    "function": "formula",
    "pp": "formula",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'anynet' has no attribute {name!r}")
    if name in _ROOMS:
        return getattr(import_module(f"anynet.{_ROOMS[name]}"), name)
    return import_module(f"anynet.{name}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
