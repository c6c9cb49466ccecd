"""Data sets: host arrays that wait to be taken to a device.

`mnist()` gives today's form, `load_data_wrapper()` that of Nielsen's book and `load_mnist()`
that of Saito's; `read_idx(path)` reads any file in the format that MNIST was published in.
"""

from anynet.datasets.dataset import Dataset, as_dataset
from anynet.datasets.digits import load_data, load_data_wrapper, load_mnist, mnist, vectorized_result
from anynet.datasets.idx import read_idx

__all__ = [
    "Dataset",
    "as_dataset",
    "load_data",
    "load_data_wrapper",
    "load_mnist",
    "mnist",
    "read_idx",
    "vectorized_result",
]
