"""network2's JSON (Nielsen, chapter 3): {"sizes": [784, 30, 10], "weights": [...], "biases": [...], "cost": "..."}.

A file may lack the cost. It is not trusted: what it says is checked against what it holds before
anything is made of it, and memory stays within a few times the file's size.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from anynet.checks import path_of
from anynet.formats.bounded import MAX_BYTES, Source, opened
from anynet.formats.replacing import replace_file
from anynet.layers import MAX_LAYERS
from anynet.saving.saved import REFUSAL, SavedNetwork, dense_network
from anynet.typing import HostArray

# Its names of costs, which are both for sigmoid outputs.
_COSTS = {"QuadraticCost": "quadratic", "CrossEntropyCost": "cross_entropy"}


def is_mine(head: bytes, is_packed: bool) -> bool:
    """Return whether a file that begins so, unpacked, is JSON."""
    return head.lstrip()[:1] == b"{"


def read(path: Source, max_bytes: int = MAX_BYTES) -> SavedNetwork:
    """Return the network in a file that network2 saved: sigmoid throughout, float64.

    Args:
        path: The file, plain or gzipped.
        max_bytes: How much may be unpacked of it, arrays included.

    Raises:
        OSError: It cannot be read.
        ValueError: It holds no whole network, or more than `max_bytes`; the error has the place.
    """
    with opened(path, max_bytes) as reader:
        document = _Document(reader.rest(), reader.name, max_bytes)
    sizes = document.sizes()
    content: dict[str, Any] = {}
    for key in document.keys():  # noqa: SIM118 - it reads on, one key at a time
        if key in content:
            raise document.refused("each key once", f"{key} twice")
        content[key] = document.value(key, sizes)
    missing = [key for key in _KEYS if key not in content and key != "cost"]
    if missing:
        raise document.refused(f"the keys {', '.join(_KEYS)}", f"none named {', '.join(missing)}")
    cost = content.get("cost", "cross_entropy")
    saved = dense_network(sizes, content["weights"], content["biases"], output="sigmoid", cost=cost, dtype="float64")
    return saved if "cost" in content else replace(saved, assumption=_ASSUMED)


def write(
    path: Any, sizes: Sequence[int], weights: Sequence[HostArray], biases: Sequence[HostArray], cost: str
) -> Path | None:
    """Write a network as network2 does, but whole or not at all, and return the path of the file.

    Args:
        path: The file; or one that is open for writing bytes.
        sizes: Of the network.
        weights: (n_out, n_in) of each layer.
        biases: (n_out, 1) likewise.
        cost: The name of the class of the cost.

    Raises:
        OSError: It cannot be written; what was there is then still there.
    """
    arrays = {"weights": [w.tolist() for w in weights], "biases": [b.tolist() for b in biases]}
    text = json.dumps({"sizes": list(sizes), **arrays, "cost": cost}).encode()
    if hasattr(path, "write"):
        path.write(text)
        return None
    replace_file(path_of(path), lambda file: file.write(text))
    return Path(path)


_ASSUMED = "no cost; cross-entropy, network2's own, is assumed"
_PIECE = 2**16  # bytes of a row that are made numbers at a time
_KEYS = ("sizes", "weights", "biases", "cost")
_SIZES = re.compile(rb'"sizes"\s*+:\s*+\[([^\[\]{}"]*+)\]')
_SPACE = re.compile(rb"[ \t\r\n]*+")
_TEXT = re.compile(rb'"([^"\\\x00-\x1f]{0,64})"')
_INTEGER = re.compile(rb"[1-9][0-9]{0,8}")
_JSON_NUMBER = rb"-?(?:0|[1-9][0-9]{0,31})(?:\.[0-9]{1,64})?(?:[eE][-+]?[0-9]{1,4})?"
_NUMBER = re.compile(_JSON_NUMBER)
_NUMBERS_BUT_LAST = re.compile(rb"(?:[ \t\r\n]*+" + _JSON_NUMBER + rb"[ \t\r\n]*+,)*+")


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
        return ValueError(f"{self.name}: expected {expected} at {place}, got {got}. {REFUSAL}")

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
        parts = []
        while begin < end:  # each number is an object for a while, ten times as large
            comma = self.data.find(b",", begin + _PIECE, end)
            stop = end if comma < 0 else comma
            parts.append(np.array(list(map(float, self.data[begin:stop].split(b",")))))
            begin = stop + 1
        return np.concatenate(parts)

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
