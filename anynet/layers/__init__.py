"""Layers: frozen values that hold hyper-parameters, never arrays; a file per kind.

`layer.py` says what a network asks of each. A kind that is added has its file here, and its
line in the table, by which saved networks find it.
"""

from anynet.layers.convolution import Conv2D
from anynet.layers.dense import Dense
from anynet.layers.dropout import Dropout
from anynet.layers.flatten import Flatten
from anynet.layers.layer import Layer
from anynet.layers.normalization import BatchNorm, LayerNorm
from anynet.layers.pooling import AveragePool2D, GlobalAveragePool2D, MaxPool2D
from anynet.layers.standardize import Standardize

__all__ = [
    "LAYERS",
    "AveragePool2D",
    "BatchNorm",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePool2D",
    "Layer",
    "LayerNorm",
    "MaxPool2D",
    "Standardize",
]

MAX_LAYERS = 1_000  # of a network, and so of a file; those of the books have three and four
MAX_DIMENSIONS = 31  # of an input: arrays of several have one more, and no library takes less than 32
LAYERS: dict[str, type[Layer]] = {
    "Dense": Dense,
    "Dropout": Dropout,
    "Standardize": Standardize,
    "Conv2D": Conv2D,
    "MaxPool2D": MaxPool2D,
    "AveragePool2D": AveragePool2D,
    "GlobalAveragePool2D": GlobalAveragePool2D,
    "BatchNorm": BatchNorm,
    "LayerNorm": LayerNorm,
    "Flatten": Flatten,
}
