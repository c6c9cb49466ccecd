"""The compiled function, as Theano had it: formulas written once, compiled, run and printed.

python scripts/texts/compiled_function.py --backend torch
"""

import argparse
import os

import numpy as np

from anynet import array_namespace, function, pp

os.environ["JAX_ENABLE_X64"] = "1"  # JAX reads it when it is imported: float64 only then


def add(x, y):
    return x + y


def product(x, y):
    return x @ y.T


def logistic(x):
    return 1 / (1 + array_namespace(x).exp(-x))


def differences(a, b):
    difference = a - b
    return difference, abs(difference), difference * 2


def weighted(x, y=1, weight=2):
    return (x + y) * weight


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="numpy")
    backend = parser.parse_args().backend

    f = function(add, backend)
    print(f(2, 3))
    print(pp(f))

    x, y = np.arange(12).reshape((3, 4)), 10 * np.ones((3, 4))
    print(f(x, y))
    print(function(product, backend)(x, y))

    f = function(logistic, backend)
    print(f([[0, 1], [2, 3]]))
    print(pp(f))

    f = function(differences, backend)
    for output in f(np.ones((2, 2)), np.arange(4).reshape((2, 2))):
        print(output)
    print(*pp(f), sep=", ")

    f = function(weighted, backend)
    print(f(23, 2))
    print(f(23, 2, weight=4))
    print(pp(f))


if __name__ == "__main__":
    main()
