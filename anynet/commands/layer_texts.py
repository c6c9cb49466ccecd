"""Layers as they are typed: "conv 20x5, pool 2, dense 100", an item of the list for each."""

import re
from collections.abc import Callable, Sequence
from math import isqrt, prod
from typing import Any, NamedTuple

from anynet.activations import ACTIVATIONS
from anynet.checks import look_up
from anynet.commands.errors import UsageError
from anynet.layers import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool2D,
    Layer,
    LayerNorm,
    MaxPool2D,
    Standardize,
)
from anynet.typing import Shape

EXAMPLE = "conv 20x5, pool 2, conv 40x5, pool 2, dense 100"


class Kind(NamedTuple):
    """A kind of layer as it is typed: its name, what follows it, and what is made of that."""

    form: str  # as people are told it
    pattern: str  # of what stands between the name and an activation
    make: Callable[..., Layer]
    of_images: bool = False
    has_activation: bool = False


def _conv(filters: str, kernel: str, stride: str | None, same: str | None, **activation: str) -> Layer:
    return Conv2D(int(filters), int(kernel), int(stride or 1), "same" if same else "valid", **activation)


def _pool(kind: Callable[..., Layer], size: str, stride: str | None) -> Layer:
    return kind(int(size), None if stride is None else int(stride))


_FILTERS, _SIZE = r"(\d{1,9})x(\d{1,9})(?:/(\d{1,9}))?( same)?", r"(\d{1,9})(?:/(\d{1,9}))?"
KINDS = {
    "conv": Kind("conv FILTERSxKERNEL[/STRIDE] [same]", _FILTERS, _conv, of_images=True, has_activation=True),
    "pool": Kind("pool SIZE[/STRIDE]", _SIZE, lambda *given: _pool(MaxPool2D, *given), of_images=True),
    "average-pool": Kind("average-pool SIZE[/STRIDE]", _SIZE, lambda *g: _pool(AveragePool2D, *g), of_images=True),
    "global-average-pool": Kind("global-average-pool", "", GlobalAveragePool2D, of_images=True),
    "batch-norm": Kind("batch-norm", "", BatchNorm, has_activation=True),
    "layer-norm": Kind("layer-norm", "", LayerNorm, has_activation=True),
    "flatten": Kind("flatten", "", Flatten),
    "dropout": Kind("dropout RATE", r"(\d{0,9}\.?\d{1,9})", lambda rate: Dropout(float(rate))),
    "standardize": Kind("standardize", "", Standardize),
    "dense": Kind(
        "dense NEURONS", r"(\d{1,9})", lambda n, **activation: Dense(int(n), **activation), has_activation=True
    ),
}
GRAMMAR = ", ".join(kind.form for kind in KINDS.values())


def layers_of(text: str, example: Shape) -> list[Any]:
    """Return the shape of the input and the layers that a text lists, found to go together.

    Args:
        text: Such as `EXAMPLE`.
        example: The shape of an example of the data. Rows that are square images are taken for such
            if a layer asks for images.

    Raises:
        UsageError: An item is no layer, or does not go with what stands before it; it is named with its place.
    """
    items = [" ".join(item.split()) for item in text.split(",")]
    layers = [_layer(place, item) for place, item in enumerate(items, 1)]
    shape = start = _input_shape(items, example)
    for place, (item, layer) in enumerate(zip(items, layers, strict=True), 1):
        shape = (prod(shape),) if isinstance(layer, Dense) else shape  # as a network does it
        try:
            shape = layer.output_shape(shape)
        except ValueError as error:
            raise UsageError(f"{_where(place, item)}: {error}") from None
    return [start, *layers]


def _where(place: int, item: str) -> str:
    return f"--layers: item {place}, {item[:40]!r}"


def _layer(place: int, item: str) -> Layer:
    """Return the layer that an item stands for."""
    where, (name, *words) = _where(place, item), item.split(" ")
    if name not in KINDS:
        try:
            look_up(KINDS, name, where)
        except ValueError as error:
            raise UsageError(f"{error} Write for example {EXAMPLE!r}.") from None
    kind = KINDS[name]
    f = ACTIVATIONS.get(words[-1]) if kind.has_activation and words else None
    if f is not None and f.is_for_outputs_only:
        cure = f"The layer of outputs is added by itself: leave the item out, and give --output-activation {f.name}."
        raise UsageError(f"{where}: expected an activation for hidden layers, got {f.name}. {cure}")
    activation = {} if f is None else {"activation": words.pop()}
    found = re.fullmatch(kind.pattern, " ".join(words), re.ASCII)
    if found is None:
        ending = " [ACTIVATION]" * kind.has_activation
        raise UsageError(f"{where}: expected {kind.form}{ending}, got other words. The kinds are: {GRAMMAR}.")
    try:
        return kind.make(*found.groups(), **activation)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from None


def _input_shape(items: Sequence[str], example: Shape) -> Shape:
    """Return the shape of what goes in: of images (height, width, channels) if a layer asks for images."""
    asking = [(place, item) for place, item in enumerate(items, 1) if KINDS[item.split(" ")[0]].of_images]
    if not asking or len(example) == 3:
        return example if len(example) == 3 else (prod(example),)
    if len(example) == 2:
        return (*example, 1)
    side = isqrt(prod(example))
    if side * side != prod(example):
        raise UsageError(
            f"{_where(*asking[0])}: expected data that are images, got rows of {prod(example)} numbers. "
            "Take dense layers, or give pictures."
        )
    return side, side, 1
