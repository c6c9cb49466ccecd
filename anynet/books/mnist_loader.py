"""Nielsen's mnist_loader.py (Neural Networks and Deep Learning, chapter 1), under its names.

`import anynet.books.mnist_loader as mnist_loader` is the one line of a reader's program that changes. The images are
those that were installed with this package; the book's mnist.pkl.gz, or the file of expand_mnist.py, is read where a
path is given: `load_data_wrapper("mnist_expanded.pkl.gz", max_bytes=2**32)`.

>>> training_data, validation_data, test_data = load_data_wrapper()
>>> x, y = training_data[0]
>>> x.shape, y.shape
((784, 1), (10, 1))
"""

import numpy as np

from anynet.datasets import load_data, load_data_wrapper, vectorized_result

__all__ = ["load_data", "load_data_wrapper", "np", "vectorized_result"]
