"""Layers: frozen values that hold hyper-parameters, never arrays; a file per kind.

`layer.py` says what a network asks of each. A kind that is added has its file here, and its
line in the table, by which saved networks find it.
"""

from anynet.layers.dense import Dense
from anynet.layers.dropout import Dropout
from anynet.layers.layer import Layer
from anynet.layers.standardize import Standardize

__all__ = ["LAYERS", "Dense", "Dropout", "Layer", "Standardize"]

LAYERS: dict[str, type[Layer]] = {
    "Dense": Dense,
    "Dropout": Dropout,
    "Standardize": Standardize,
}
