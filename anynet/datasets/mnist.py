"""MNIST: 70,000 images of handwritten digits, 28 x 28 pixels (LeCun, Cortes and Burges).

The four published files lie beside this one, gzipped, under CC BY-SA 3.0. The book's split
is kept: the last 10,000 of the 60,000 training images are for validation.
"""

from pathlib import Path
from typing import Any

import array_api_compat.numpy as xp
import numpy as np

from anynet.datasets.mnist_pickle import read_mnist_pickle
from anynet.examples import Dataset
from anynet.formats.bounded import MAX_BYTES
from anynet.formats.idx import read_idx
from anynet.pixels import to_unit_interval
from anynet.typing import HostArray

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
    """Return MNIST, split as in Nielsen's book.

    The 60,000 training images are shared out: the last 10,000 of them are for validation.

    Returns:
        (train, validation, test): 50,000, 10,000 and 10,000 examples, whose x is (n, 784)
        uint8, pixels from 0 black to 255 white, row by row, and y (n,) int64, the digits.
        Both are read-only. The classes are named "0" to "9".

    Raises:
        ValueError: A file that was installed with this package is damaged.

    Example:
        >>> from anynet import datasets
        >>> train, validation, test = datasets.mnist()
        >>> train.x.shape, validation.x.shape, test.x.shape
        ((50000, 784), (10000, 784), (10000, 784))
        >>> train.y[:10].tolist()
        [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]

    References:
        LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998.
    """
    x, y = mnist_training_images()
    x_test, y_test = mnist_test_images()
    return (
        Dataset(x[:N_TRAINING], y[:N_TRAINING], CLASSES),
        Dataset(x[N_TRAINING:], y[N_TRAINING:], CLASSES),
        Dataset(x_test, y_test, CLASSES),
    )


def load_data(path: str | Path | None = None, max_bytes: int = MAX_BYTES) -> tuple[tuple[HostArray, HostArray], ...]:
    """Return MNIST as arrays, in the form of Nielsen's book.

    Args:
        path: The book's mnist.pkl.gz, which is read as data, for no pickle is to be trusted.
            By default the same images come from the files that were installed with this
            package: theirs are pixels / 255, the book's pixels / 256.
        max_bytes: How many bytes of that file, once unpacked, may arrive. The default,
            512 MiB, holds the book's twice and bounds what a hostile one can cost.

    Returns:
        (training_data, validation_data, test_data), each a pair (x, y): x (n, 784) float32
        from 0 to 1, y (n,) int64, the digits; n is 50,000, 10,000 and 10,000.

    Raises:
        OSError: The file cannot be read.
        ValueError: It holds anything else, or more than `max_bytes` once unpacked.
        ValueError: Without a path: a file that was installed with this package is damaged.

    Example:
        >>> from anynet import datasets
        >>> (x, y), validation_data, test_data = datasets.load_data()
        >>> x.shape, x.dtype, y.shape
        ((50000, 784), dtype('float32'), (50000,))

    References:
        Nielsen, "Neural Networks and Deep Learning", 2015, mnist_loader.load_data.
    """
    if path is not None:
        return read_mnist_pickle(path, max_bytes)
    return tuple((_floats(data.x), data.y) for data in mnist())


def load_data_wrapper(
    path: str | Path | None = None, max_bytes: int = MAX_BYTES
) -> tuple[list[tuple[HostArray, Any]], ...]:
    """Return MNIST as lists of columns, in the form that Nielsen's network trains on.

    Args:
        path: The book's mnist.pkl.gz; by default the files that were installed with this
            package. `load_data` says how they differ.
        max_bytes: How many bytes of that file, once unpacked, may arrive. The default,
            512 MiB, holds the book's twice and bounds what a hostile one can cost.

    Returns:
        (training_data, validation_data, test_data), each a list of pairs (x, y): x (784, 1)
        float32 from 0 to 1; y (10, 1), a one-hot column, in the training data, where it is
        what should come out, and a digit in the others, where it is compared.

    Raises:
        OSError: The file cannot be read.
        ValueError: It holds anything else, or more than `max_bytes` once unpacked.
        ValueError: Without a path: a file that was installed with this package is damaged.

    Example:
        >>> from anynet import datasets
        >>> training_data, validation_data, test_data = datasets.load_data_wrapper()
        >>> x, y = training_data[0]
        >>> x.shape, y.shape, int(y.argmax())
        ((784, 1), (10, 1), 5)

    References:
        Nielsen, "Neural Networks and Deep Learning", 2015, mnist_loader.load_data_wrapper.
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
    """Return MNIST as arrays, in the form of Saito's book.

    The arguments and their defaults are the book's.

    Args:
        normalize: Whether pixels become numbers from 0 to 1, which networks learn from more
            easily than from 0 to 255.
        flatten: Whether an image is a row of 784 pixels, as layers of neurons take it,
            instead of (1, 28, 28): channels, height, width.
        one_hot_label: Whether a label is a row of ten, 1 at the digit, instead of the digit.

    Returns:
        (x_train, t_train), (x_test, t_test) of 60,000 and 10,000 examples: x (n, 784) or
        (n, 1, 28, 28), float32 or, unless `normalize`, uint8; t (n,) int64 or (n, 10) float64.

    Raises:
        ValueError: A file that was installed with this package is damaged.

    Example:
        >>> from anynet import datasets
        >>> (x_train, t_train), (x_test, t_test) = datasets.load_mnist(normalize=False, flatten=False)
        >>> x_train.shape, x_train.dtype, t_test.shape
        ((60000, 1, 28, 28), dtype('uint8'), (10000,))

    References:
        Saito, "Deep Learning from Scratch", 2016, section 3.6.1.
    """

    def prepared(x: HostArray, t: HostArray) -> tuple[HostArray, HostArray]:
        x = _floats(x) if normalize else x
        return x if flatten else x.reshape(-1, 1, 28, 28), np.eye(10)[t] if one_hot_label else t

    return prepared(*mnist_training_images()), prepared(*mnist_test_images())


def vectorized_result(j: int) -> HostArray:
    """Return what a network should put out for a digit.

    Args:
        j: The digit, 0 to 9.

    Returns:
        A column (10, 1) float64: 1.0 in row j, 0.0 elsewhere.

    Raises:
        IndexError: j is above 9.

    Example:
        >>> from anynet import datasets
        >>> datasets.vectorized_result(3).T
        array([[0., 0., 0., 1., 0., 0., 0., 0., 0., 0.]])

    References:
        Nielsen, "Neural Networks and Deep Learning", 2015, mnist_loader.vectorized_result.
    """
    e = np.zeros((10, 1))
    e[j] = 1.0
    return e


def mnist_training_images() -> tuple[HostArray, HostArray]:
    """Return all 60,000 training images and their labels, as published.

    Returns:
        x (60,000, 784) uint8 and y (60,000,) int64, both read-only.

    Raises:
        ValueError: A file that was installed with this package is damaged.
    """
    return _read("train-images-idx3-ubyte"), _read("train-labels-idx1-ubyte")


def mnist_test_images() -> tuple[HostArray, HostArray]:
    """Return the 10,000 test images and their labels, as published.

    Returns:
        x (10,000, 784) uint8 and y (10,000,) int64, both read-only.

    Raises:
        ValueError: A file that was installed with this package is damaged.
    """
    return _read("t10k-images-idx3-ubyte"), _read("t10k-labels-idx1-ubyte")


def _read(name: str) -> HostArray:
    """Return the array in an installed file: images as rows, labels as int64; read-only."""
    array = read_idx(Path(__file__).parent / f"{name}.gz", sha256=_SHA256[name])
    if array.ndim == 1:
        labels = array.astype(np.int64)
        labels.flags.writeable = False
        return labels
    return array.reshape(len(array), -1)


def _floats(x: HostArray) -> HostArray:
    """Return pixels as float32 from 0 to 1."""
    floats: HostArray = to_unit_interval(xp, x, xp.float32)
    return floats


def _columns(x: HostArray) -> HostArray:
    """Return rows (n, n_in) as columns (n, n_in, 1)."""
    return x[:, :, None]
