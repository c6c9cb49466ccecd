"""Data sets: host arrays that wait to be taken to a device.

`mnist()` gives today's form, `load_data_wrapper()` that of Nielsen's book and `load_mnist()`
that of Saito's; `read_data(path)` reads a user's own, `read_idx(path)` any file in the
format that MNIST was published in. `image_folder(path)` reads a folder of pictures for each
class, `read_images(path)` one picture, and `to_mnist(image)` frames a digit as MNIST does.
"""

from anynet.datasets.folders import image_folder
from anynet.datasets.framing import to_mnist
from anynet.datasets.images import read_images
from anynet.datasets.loading import read_data, read_npz_dataset
from anynet.datasets.mnist import load_data, load_data_wrapper, load_mnist, mnist, vectorized_result
from anynet.datasets.parting import split
from anynet.examples import Dataset, as_dataset
from anynet.formats.idx import read_idx

__all__ = [
    "Dataset",
    "as_dataset",
    "image_folder",
    "load_data",
    "load_data_wrapper",
    "load_mnist",
    "mnist",
    "read_data",
    "read_idx",
    "read_images",
    "read_npz_dataset",
    "split",
    "to_mnist",
    "vectorized_result",
]
