"""MNIST: 70,000 images of handwritten digits, 28 x 28 pixels (LeCun, Cortes and Burges).

The four published files lie beside this one, gzipped, under CC BY-SA 3.0. The book's split
is kept: the last 10,000 of the 60,000 training images are for validation.
"""

from pathlib import Path
from typing import Any

import array_api_compat.numpy as xp
import numpy as np

from anynet.datasets.dataset import Dataset
from anynet.datasets.mnist_pickle import read_book
from anynet.formats.bounded import MAX_BYTES
from anynet.formats.idx import read_idx
from anynet.pixels import to_unit_interval

HostArray = np.ndarray[Any, Any]

N_TRAINING = 50_000
CLASSES = tuple("0123456789")

# SHA-256 of the published files, unpacked.
_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def mnist() -> tuple[Dataset, Dataset, Dataset]:
    """Return (train, validation, test): 50,000, 10,000 and 10,000 examples.

    x is (n, 784) uint8 pixels, y (n,) integer labels; both read-only. Raises ValueError if
    an embedded file is damaged.
    """
    x, y = mnist_training_images()
    x_test, y_test = mnist_test_images()
    return (
        Dataset(x[:N_TRAINING], y[:N_TRAINING], CLASSES),
        Dataset(x[N_TRAINING:], y[N_TRAINING:], CLASSES),
        Dataset(x_test, y_test, CLASSES),
    )


def load_data(path: str | Path | None = None, max_bytes: int = MAX_BYTES) -> tuple[tuple[HostArray, HostArray], ...]:
    """Return the book's (training_data, validation_data, test_data), each a pair (x, y).

    x is (n, 784) float32 in [0, 1], y (n,) the digits (Nielsen, mnist_loader.load_data).
    `path` is the book's mnist.pkl.gz, or None for the same images from the embedded files:
    theirs are pixels / 255, the book's pixels / 256. The file is not trusted: OSError if it
    cannot be read, ValueError if it holds anything else or more than `max_bytes`.
    """
    if path is not None:
        return read_book(path, max_bytes)
    return tuple((_floats(data.x), data.y) for data in mnist())


def load_data_wrapper(
    path: str | Path | None = None, max_bytes: int = MAX_BYTES
) -> tuple[list[tuple[HostArray, Any]], ...]:
    """Return the book's (training_data, validation_data, test_data), each a list of (x, y).

    x is a column (784, 1) of float32 in [0, 1]; y is a one-hot column (10, 1) in the
    training data and a digit in the others (Nielsen, mnist_loader.load_data_wrapper).
    The arguments, and what is raised, are those of `load_data`.
    """
    training, validation, test = load_data(path, max_bytes)
    return (
        list(zip(_columns(training[0]), map(vectorized_result, training[1]), strict=True)),
        list(zip(_columns(validation[0]), validation[1], strict=True)),
        list(zip(_columns(test[0]), test[1], strict=True)),
    )


def load_mnist(
    normalize: bool = True, flatten: bool = True, one_hot_label: bool = False
) -> tuple[tuple[HostArray, HostArray], ...]:
    """Return (x_train, t_train), (x_test, t_test): 60,000 and 10,000 examples.

    x is (n, 784), or (n, 1, 28, 28) unless `flatten`: float32 in [0, 1], or uint8 pixels
    unless `normalize`. t is (n,) digits, or (n, 10) one-hot rows (Saito, Deep Learning from
    Scratch, 3.6.1).
    """

    def prepared(x: HostArray, t: HostArray) -> tuple[HostArray, HostArray]:
        x = _floats(x) if normalize else x
        return x if flatten else x.reshape(-1, 1, 28, 28), np.eye(10)[t] if one_hot_label else t

    return prepared(*mnist_training_images()), prepared(*mnist_test_images())


def vectorized_result(j: int) -> HostArray:
    """Return the column (10, 1) with 1.0 in row j, the desired output for the digit j."""
    e = np.zeros((10, 1))
    e[j] = 1.0
    return e


def mnist_training_images() -> tuple[HostArray, HostArray]:
    """Return all 60,000 training images (n, 784) and their labels (n,)."""
    return _read("train-images-idx3-ubyte"), _read("train-labels-idx1-ubyte")


def mnist_test_images() -> tuple[HostArray, HostArray]:
    """Return the 10,000 test images (n, 784) and their labels (n,)."""
    return _read("t10k-images-idx3-ubyte"), _read("t10k-labels-idx1-ubyte")


def _read(name: str) -> HostArray:
    array = read_idx(Path(__file__).parent / f"{name}.gz", sha256=_SHA256[name])
    if array.ndim == 1:
        labels = array.astype(np.int64)
        labels.flags.writeable = False
        return labels
    return array.reshape(len(array), -1)


def _floats(x: HostArray) -> HostArray:
    floats: HostArray = to_unit_interval(xp, x, xp.float32)
    return floats


def _columns(x: HostArray) -> HostArray:
    return x[:, :, None]
