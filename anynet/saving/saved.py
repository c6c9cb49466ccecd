"""A network as it lies in a file: all that makes it but the backend and the random streams."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from anynet.architecture import Architecture, build
from anynet.formats.columns import Columns
from anynet.formats.pictures import Pictures
from anynet.layers.dense import DenseParameters
from anynet.typing import HostArray, Parameters

REFUSAL = "The file is no whole network."


@dataclass(frozen=True, eq=False)
class SavedNetwork:
    """What a file says of a network, checked; its arrays are host arrays.

    `input_scale` is that of what it has learnt from, `is_column` says that y came as (n, 1) there,
    `columns` are those of the table that it was, if it was one, and `pictures` say what was done to those that it
    was; `assumption` is what the file did not say.
    """

    architecture: Architecture
    dtype: str
    class_names: tuple[str, ...] | None
    parameters: Parameters
    state: list[Any]
    input_scale: str | None = None
    is_column: bool = False
    columns: Columns | None = None
    pictures: Pictures | None = None
    assumption: str | None = None


def assumed(what: str, sizes: Sequence[int]) -> str:
    """Return what had to be assumed of a network in a file, and how to say otherwise."""
    shown = list(sizes) if len(sizes) <= 10 else "sizes"
    return f"{what} are assumed. Otherwise: net = Network({shown}, hidden=..., output=...); net.load_weights(path)"


def dense_network(
    sizes: Sequence[int],
    weights: Sequence[HostArray],
    biases: Sequence[HostArray],
    output: str,
    cost: str,
    dtype: str,
) -> SavedNetwork:
    """Return a network of dense layers, sigmoid between them: weights (n_out, n_in), biases (n_out, 1) or (n_out,)."""
    architecture = build(sizes, "sigmoid", output, cost, "lecun_normal", None)
    parameters = [DenseParameters(w, b.reshape(-1)) for w, b in zip(weights, biases, strict=True)]
    return SavedNetwork(architecture, dtype, None, parameters, [()] * len(parameters))
