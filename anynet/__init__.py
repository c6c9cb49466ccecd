"""anynet: a neural-network library written once, against the Python array API standard.

The same backpropagation runs on NumPy, CuPy, PyTorch, JAX and array-api-strict:
`Network([784, 30, 10], backend="cupy")`. Names are imported when they are first used, so
that the command line can answer, or be interrupted, before NumPy is loaded.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anynet import (
        activations,
        augmentation,
        backends,
        costs,
        datasets,
        initializers,
        layers,
        metrics,
        optimizers,
        plots,
        schedules,
    )
    from anynet.activations import Activation
    from anynet.callbacks import Checkpoint, EarlyStopping
    from anynet.costs import Cost
    from anynet.ensemble import Ensemble
    from anynet.examples import Dataset
    from anynet.formula import array_namespace, function, grad, pp
    from anynet.history import History, Report
    from anynet.initializers import Initializer
    from anynet.layers import (
        AveragePool2D,
        BatchNorm,
        Conv2D,
        Dense,
        Dropout,
        Flatten,
        GlobalAveragePool2D,
        Layer,
        LayerNorm,
        MaxPool2D,
        Standardize,
    )
    from anynet.metrics import Metric
    from anynet.network import Network
    from anynet.optimizers import SGD, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSProp
    from anynet.schedules import Schedule

__version__ = "0.1.0"

_ROOMS = {  # what is public, and where it lies; a room that is public itself has None
    "SGD": "optimizers",
    "Activation": "activations",
    "Adam": "optimizers",
    "AdamW": "optimizers",
    "AveragePool2D": "layers",
    "BatchNorm": "layers",
    "Checkpoint": "callbacks",
    "Conv2D": "layers",
    "Cost": "costs",
    "Dataset": "examples",
    "Dense": "layers",
    "EarlyStopping": "callbacks",
    "Ensemble": "ensemble",
    "Dropout": "layers",
    "Flatten": "layers",
    "GlobalAveragePool2D": "layers",
    "History": "history",
    "Initializer": "initializers",
    "Layer": "layers",
    "LayerNorm": "layers",
    "MaxPool2D": "layers",
    "Momentum": "optimizers",
    "Nesterov": "optimizers",
    "Metric": "metrics",
    "Network": "network",
    "Optimizer": "optimizers",
    "RMSProp": "optimizers",
    "Report": "history",
    "Schedule": "schedules",
    "Standardize": "layers",
    "activations": None,
    "array_namespace": "formula",
    "augmentation": None,
    "backends": None,
    "costs": None,
    "datasets": None,
    "function": "formula",
    "grad": "formula",
    "initializers": None,
    "layers": None,
    "metrics": None,
    "optimizers": None,
    "plots": None,
    "pp": "formula",
    "schedules": None,
}

__all__ = list(_ROOMS)


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'anynet' has no attribute {name!r}")
    room = _ROOMS[name]
    return import_module(f"anynet.{name}") if room is None else getattr(import_module(f"anynet.{room}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
