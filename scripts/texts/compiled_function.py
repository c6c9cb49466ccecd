"""The compiled function: the text's session with Theano, of which only the imports are changed, and its backend chosen.

python scripts/texts/compiled_function.py --backend torch
"""

import argparse
import os

import numpy as np

import anynet.books.theano as theano
import anynet.books.theano.tensor as T  # noqa: N812 - as Theano's programs call it
from anynet.books.theano import function, pp

os.environ["JAX_ENABLE_X64"] = "1"  # JAX reads it when it is imported: float64 only then


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="numpy")
    backend = parser.parse_args().backend

    x = T.dscalar("x")
    y = T.dscalar("y")
    z = x + y
    f = function([x, y], z, backend=backend)
    print(f(2, 3))
    print(pp(z))

    x = T.dmatrix("x")
    y = T.dmatrix("y")
    a, b = np.arange(12).reshape((3, 4)), 10 * np.ones((3, 4))
    print(function([x, y], x + y, backend=backend)(a, b))
    z = T.dot(x, y.T)
    print(function([x, y], z, backend=backend)(a, b))
    print(pp(z))

    x = T.dmatrix("x")
    s = 1 / (1 + T.exp(-x))
    logistic = theano.function([x], s, backend=backend)
    print(logistic([[0, 1], [2, 3]]))
    print(pp(s))

    a, b = T.dmatrices("a", "b")
    diff = a - b
    abs_diff = abs(diff)
    diff_squared = diff * 2
    f = theano.function([a, b], [diff, abs_diff, diff_squared], backend=backend)
    x1, x2, x3 = f(np.ones((2, 2)), np.arange(4).reshape((2, 2)))
    print(x1)
    print(x2)
    print(x3)
    print(pp(abs_diff))

    x, y, w = T.dscalars("x", "y", "w")
    z = (x + y) * w
    f = theano.function([x, theano.In(y, value=1), theano.In(w, value=2, name="weight")], z, backend=backend)
    print(f(23, 2))
    print(f(23, 2, weight=4))


if __name__ == "__main__":
    main()
