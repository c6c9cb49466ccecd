"""Theano's language: expressions first, then functions of them, compiled and run on any backend.

A program of Theano's runs with its import lines changed: `import anynet.books.theano as theano`,
`import anynet.books.theano.tensor as T`, `from anynet.books.theano import function, pp`.

>>> from anynet.books.theano import tensor as T
>>> x, y = T.dscalars("x", "y")
>>> z = x + y
>>> function([x, y], z)(2, 3), pp(z)
(array(5.), '(x + y)')
"""

from anynet.books.theano import tensor
from anynet.books.theano.functions import In, function
from anynet.books.theano.tensor import grad
from anynet.books.theano.variables import config, pp, shared

__all__ = ["In", "config", "function", "grad", "pp", "shared", "tensor"]
