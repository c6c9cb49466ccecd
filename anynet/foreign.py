"""Networks in other programs' files: network2's JSON (Nielsen) and pickled weights (Saito).

`read(path)` returns what both come to: arrays by the names of the native file, w1 (n_out,
n_in), b1 (n_out, 1), w2, ..., and a description, the keywords that make the network. The
files are not trusted: what they say is checked against what they hold before anything is
made of it, and memory stays within a few times the file's size. No network is made here.
"""

import math
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from anynet.formats import pickle
from anynet.formats.bounded import MAX_BYTES, opened

HostArray = np.ndarray[Any, Any]
Foreign = tuple[dict[str, HostArray], dict[str, Any]]

MAX_LAYERS = 1_000  # of a file; those of the books have three and four

# network2's names of its costs, which are both for sigmoid outputs.
_COSTS = {"QuadraticCost": "quadratic", "CrossEntropyCost": "cross_entropy"}
_BEGINNINGS = re.compile(rb"\s*\{|\x80|\(d|\}|\x1f\x8b")  # of JSON, of a pickled dict, of gzip


def is_foreign(path: str | Path) -> bool:
    """Tell whether a file begins as those that `read` reads; OSError if it cannot be read."""
    with Path(path).open("rb") as file:
        return _BEGINNINGS.match(file.read(64)) is not None


def read(path: str | Path, max_bytes: int = MAX_BYTES) -> Foreign:
    """Return (arrays, description) of the network in another program's file.

    The description has `sizes`, `hidden`, `output`, `cost` and `dtype`, as `Network` takes
    them. The file may be gzipped. Raises OSError if it cannot be read, ValueError, with the
    place, if it holds no whole network or more than `max_bytes` once unpacked.
    """
    with opened(path, max_bytes) as reader:
        if reader.peek().lstrip()[:1] == b"{":
            return _network2(_Document(reader.rest(), reader.name, max_bytes))
        return _saito(pickle.read(reader), reader.name)


def _named(weights: list[HostArray], biases: list[HostArray]) -> dict[str, HostArray]:
    arrays = {f"w{i}": w for i, w in enumerate(weights, 1)}
    return arrays | {f"b{i}": b for i, b in enumerate(biases, 1)}


# Saito's sample_weight.pkl: a dict of W1, W2, ... (n_in, n_out) and b1, b2, ... (n_out,).


def _saito(content: Any, name: str) -> Foreign:
    """Return the network in the content of Saito's pickle: sigmoid, and softmax at the output."""
    n = len(content) // 2 if isinstance(content, dict) else 0
    expected = [f"{letter}{i}" for letter in "Wb" for i in range(1, n + 1)]
    if not 1 <= n <= MAX_LAYERS or sorted(content) != sorted(expected):
        got = ", ".join(sorted(content)[:8]) if isinstance(content, dict) else type(content).__name__
        raise ValueError(
            f"{name}: expected a dict of the weights W1, W2, ... and the biases b1, b2, ..., got {got[:200]!r}. "
            "Give a file of a network's weights."
        )
    weights, biases = ([content[f"{letter}{i}"] for i in range(1, n + 1)] for letter in "Wb")
    sizes: list[int | None] = [None]
    for i, (w, b) in enumerate(zip(weights, biases, strict=True), 1):
        _check_parameters(w, f"{name}: W{i}", (sizes[-1], None))
        sizes[-1:] = w.shape
        _check_parameters(b, f"{name}: b{i}", (sizes[-1],))
    is_double = any(a.dtype == np.float64 for a in weights + biases)
    return _named([w.T for w in weights], [b[:, None] for b in biases]), {
        "sizes": sizes,
        "hidden": "sigmoid",
        "output": "softmax",
        "cost": "cross_entropy",
        "dtype": "float64" if is_double else "float32",
    }


def _check_parameters(a: Any, where: str, shape: tuple[int | None, ...]) -> None:
    """Raise ValueError unless a is an array of finite floats of that shape; None is any number."""
    described = f"({', '.join('n' if n is None else str(n) for n in shape)}{',' * (len(shape) == 1)})"
    if not isinstance(a, np.ndarray) or a.dtype.kind != "f":
        got = a.dtype if isinstance(a, np.ndarray) else type(a).__name__
        raise ValueError(f"{where}: expected an array of floats of the shape {described}, got {got}. {_REFUSAL}")
    if len(a.shape) != len(shape) or any(n not in (None, m) for n, m in zip(shape, a.shape, strict=True)):
        raise ValueError(f"{where}: expected the shape {described}, got {a.shape}. {_REFUSAL}")
    if not (np.isfinite(a.min()) and np.isfinite(a.max())):
        raise ValueError(f"{where}: expected finite numbers, got NaN or infinity. {_REFUSAL}")


_REFUSAL = "The file is no whole network."


# network2's JSON: {"sizes": [784, 30, 10], "weights": [...], "biases": [...], "cost": "CrossEntropyCost"}.


def _network2(document: "_Document") -> Foreign:
    """Return the network in a file that network2 saved: sigmoid throughout."""
    sizes = document.sizes()
    content: dict[str, Any] = {}
    for key in document.keys():  # noqa: SIM118 - it reads on, one key at a time
        if key in content:
            raise document.refused("each key once", f"{key} twice")
        content[key] = document.value(key, sizes)
    missing = [key for key in _KEYS if key not in content]
    if missing:
        raise document.refused(f"the keys {', '.join(_KEYS)}", f"none named {', '.join(missing)}")
    return _named(content["weights"], content["biases"]), {
        "sizes": sizes,
        "hidden": "sigmoid",
        "output": "sigmoid",
        "cost": content["cost"],
        "dtype": "float64",
    }


_KEYS = ("sizes", "weights", "biases", "cost")
_SIZES = re.compile(rb'"sizes"\s*+:\s*+\[([^\[\]{}"]*+)\]')
_SPACE = re.compile(rb"[ \t\r\n]*+")
_TEXT = re.compile(rb'"([^"\\\x00-\x1f]{0,64})"')
_INTEGER = re.compile(rb"[1-9][0-9]{0,8}")
_JSON_NUMBER = rb"-?(?:0|[1-9][0-9]{0,31})(?:\.[0-9]{1,64})?(?:[eE][-+]?[0-9]{1,4})?"
_NUMBER = re.compile(_JSON_NUMBER)
_NUMBERS_BUT_LAST = re.compile(rb"(?:[ \t\r\n]*+" + _JSON_NUMBER + rb"[ \t\r\n]*+,)*+")
_BETWEEN_COMMAS = re.compile(rb"[^, \t\r\n]++")


class _Document:
    """The text of one of network2's files, read from front to back, number by number.

    The parser of the standard library would build whatever nests in the text first, at
    thirty times its size and as deep as it goes; this one knows what has to come next.
    """

    def __init__(self, data: bytearray, name: str, max_bytes: int) -> None:
        self.data = data
        self.name = name
        self.max_bytes = max_bytes
        self.at = 0
        self.where = ""

    def refused(self, expected: str, got: str) -> ValueError:
        place = f"{self.where}, byte {self.at}" if self.where else f"byte {self.at}"
        return ValueError(f"{self.name}: expected {expected} at {place}, got {got}. {_REFUSAL}")

    def sizes(self) -> list[int]:
        """Return the sizes, wherever they stand: all else is measured against them."""
        found = _SIZES.search(self.data)
        if found is None:
            raise self.refused('"sizes", a list of whole numbers', "none")
        n = found[1].count(b",") + 1
        self.where, self.at = "sizes", found.start(1)
        if not 2 <= n <= MAX_LAYERS:
            raise self.refused(f"2 to {MAX_LAYERS} sizes", f"{n}")
        sizes = [int(self.match(_INTEGER, "a whole number above 0")[0]) for _ in self.items(n)]
        n_numbers = sum(n_out * (n_in + 1) for n_in, n_out in pairwise(sizes))
        if 2 * n_numbers > len(self.data):  # each takes a digit and what follows it
            raise self.refused(f"sizes of at most {len(self.data) // 2} weights and biases", f"{n_numbers}")
        if len(self.data) + 8 * n_numbers > self.max_bytes:
            raise self.refused(f"no more than {self.max_bytes} bytes with the arrays", "more; give a larger max_bytes")
        self.where, self.at = "", 0
        return sizes

    def keys(self) -> Iterator[str]:
        """Yield the keys of the outermost object; the value must be read in between."""
        self.token(b"{")
        while True:
            key = self.match(_TEXT, f"one of the keys {', '.join(_KEYS)}")[1].decode("latin-1")
            if key not in _KEYS:
                raise self.refused(f"one of the keys {', '.join(_KEYS)}", repr(key))
            self.where = key
            self.token(b":")
            yield key
            self.where = ""
            if self.token(b",", b"}") == b"}":
                break
        self.skip_space()
        if self.at < len(self.data):
            raise self.refused("the end of the file", "more after it")

    def value(self, key: str, sizes: list[int]) -> Any:
        """Return the value of a key as the network needs it, checked against the sizes."""
        if key == "sizes":
            self.token(b"[")
            return self.listed([int(self.match(_INTEGER, "a whole number")[0]) for _ in self.items(len(sizes))])
        if key == "cost":
            cost = self.match(_TEXT, "the name of a cost")[1].decode("latin-1")
            if cost not in _COSTS:
                raise self.refused(f"one of the costs {', '.join(_COSTS)}", repr(cost))
            return _COSTS[cost]
        self.token(b"[")
        shapes = [(n_out, n_in if key == "weights" else 1) for n_in, n_out in pairwise(sizes)]
        return self.listed([self.matrix(*shapes[i], f"{key}[{i}]") for i in self.items(len(shapes))])

    def matrix(self, n_rows: int, n_columns: int, where: str) -> HostArray:
        """Return the next list of lists of numbers as an array of that shape."""
        a = np.empty((n_rows, n_columns))
        self.token(b"[")
        for i in self.items(n_rows):
            self.where = f"{where}[{i}]"
            a[i] = self.row(n_columns)
        self.where = where
        self.token(b"]")
        if not (math.isfinite(a.min()) and math.isfinite(a.max())):
            raise self.refused("finite numbers", "one beyond all floats")
        return a

    def row(self, n: int) -> HostArray:
        """Return the next list of numbers, n of them."""
        self.token(b"[")
        begin = self.at
        self.match(_NUMBERS_BUT_LAST, "numbers")  # it takes as many as there are, perhaps none
        self.match(_NUMBER, "a number")
        end = self.at
        self.token(b"]")
        if self.data.count(b",", begin, end) + 1 != n:
            raise self.refused(f"{n} numbers", f"{self.data.count(b',', begin, end) + 1}")
        return np.fromiter((float(m[0]) for m in _BETWEEN_COMMAS.finditer(self.data, begin, end)), np.float64, n)

    def items(self, n: int) -> Iterator[int]:
        """Yield 0 to n - 1, with a comma in the text between one and the next."""
        for i in range(n):
            if i > 0:
                self.token(b",")
            yield i

    def listed(self, values: list[Any]) -> list[Any]:
        """Return the values, after whose last one the list must close."""
        self.token(b"]")
        return values

    def token(self, *tokens: bytes) -> bytes:
        """Take the next character, which must be one of those given."""
        self.skip_space()
        token = bytes(self.data[self.at : self.at + 1])
        if token not in tokens:
            raise self.refused(" or ".join(repr(t.decode()) for t in tokens), self.what_comes())
        self.at += 1
        return token

    def match(self, pattern: re.Pattern[bytes], expected: str) -> re.Match[bytes]:
        """Take what matches a pattern, which must come next."""
        self.skip_space()
        match = pattern.match(self.data, self.at)
        if match is None:
            raise self.refused(expected, self.what_comes())
        self.at = match.end()
        return match

    def skip_space(self) -> None:
        match = _SPACE.match(self.data, self.at)
        self.at = match.end() if match else self.at

    def what_comes(self) -> str:
        coming = self.data[self.at : self.at + 20].decode("latin-1")
        return repr(coming) if coming else "the end of the file: it is truncated"
