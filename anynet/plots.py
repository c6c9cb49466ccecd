"""Pictures for people: a digit as text for a terminal, images in a figure of matplotlib.

Images are uint8, 0 to 255, or numbers, in [0, 1], or else from the least to the highest, drawn dark
where they are high: (28, 28) or flat (784,) for one, with a leading n for several; (n, m) is flat if m
is a square number other than n. What a data set holds, and what a network takes, is judged by the shape
of an example alone. Matplotlib is imported when first needed.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from anynet import figures
from anynet.backends import to_numpy
from anynet.checks import as_code, check_network, whole_number
from anynet.data import by_name
from anynet.datasets.framing import resampled
from anynet.examples import Dataset, as_dataset, is_sparse, rows_at
from anynet.formats import columns as tables
from anynet.formats import pictures
from anynet.layers import Conv2D, Dense, Dropout, Flatten, Standardize
from anynet.metrics import decide
from anynet.panels import Bars, Tiles, fitting, grid, sheet, stack
from anynet.typing import HostArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from anynet.ensemble import Ensemble
    from anynet.network import Network

__all__ = ["as_text", "show", "show_errors", "show_filters", "show_layers"]

# By the ink in the upper and in the lower half of a character, each none, half or full.
_BLOCKS = np.array([[" ", "\u2591", "\u2584"], ["\u2591", "\u2592", "\u2584"], ["\u2580", "\u2580", "\u2588"]])
_ASCII = np.array(list(" .:-=+*#%@"))

_SHOWN = 60  # of a data set


def as_text(image: Any, width: int = 28, encoding: str | None = None) -> str:
    """Return an image as lines of text, ink as filled characters.

    Args:
        image: One image: (height, width) or flat and square; uint8, or numbers in [0, 1].
        width: In characters, each taken to be twice as high as wide; 28 is a pixel of MNIST each.
        encoding: Block characters are used where it has them, else plain ASCII; None is that of
            standard output.

    Returns:
        Lines of text, without blanks at their ends.

    Raises:
        ValueError: It is no single image, or the width is below 1.

    Example:
        >>> import numpy as np
        >>> print(as_text(np.asarray([[0, 255], [255, 0]], np.uint8), width=4, encoding="ascii"))
          @@
        @@
    """
    whole_number("width", width)
    images = _as_images(image)
    if len(images) != 1:
        raise ValueError(f"image: expected one image, got {len(images)}. Give them one at a time.")
    if images.ndim == 4:
        images = images @ np.array([0.299, 0.587, 0.114], np.float32)  # luminance
    height = max(1, round(width * images.shape[1] / images.shape[2] / 2))
    if _takes_blocks(encoding):
        half = np.clip(np.round(resampled(images[0], 2 * height, width) * 2), 0, 2).astype(int)
        characters = _BLOCKS[half[::2], half[1::2]]
    else:
        characters = _ASCII[np.round(resampled(images[0], height, width) * (len(_ASCII) - 1)).astype(int)]
    return "\n".join("".join(row).rstrip() for row in characters)


def _takes_blocks(encoding: str | None) -> bool:
    try:
        "".join(_BLOCKS.flat).encode(encoding or getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def show(
    x: Any,
    y: Sequence[Any] | HostArray | int | None = None,
    path: str | Path | BinaryIO | None = None,
    n: int | None = None,
) -> "Figure":
    """Draw one image or several in a grid, or n of a data set: `show(data, n=20)`.

    Args:
        x: Images, (n, height, width), (n, height, width, 3) in colour, (height, width), or flat and
            square; uint8, or numbers in [0, 1], drawn dark where they are high. Or a `Dataset`, whose images
            are drawn below their classes; those of pictures look as these do.
        y: A label or text above each, drawn as it stands; None draws none. Of a data set n: `show(data, 20)`.
        path: Where to save the picture. Without one a window shows it, where matplotlib has one
            to open.
        n: How many of a data set are drawn, evenly from the first to the last; None is 60.

    Returns:
        The figure, which is what a notebook shows.

    Raises:
        ImportError: matplotlib is not installed; the error has the install line.
        ValueError: They are no images, or y has another length.
        TypeError: n is given, and x is no data set; or x is one, and y are titles.

    Example:
        >>> import numpy as np
        >>> from anynet import Dataset
        >>> figure = show(np.zeros((2, 8, 8)), ["a", "b"])
        >>> data = Dataset(np.zeros((100, 8, 8)), np.arange(100) % 2, ["cat", "dog"])
        >>> figure = show(data, n=12)
        >>> len(figure.axes), figure.axes[0].get_title()
        (12, 'cat')
    """
    if isinstance(x, Dataset):
        if n is not None and y is not None:
            raise TypeError("y: expected nothing beside n, got both. The titles are the classes of the data set.")
        asked = n if y is None else y
        return contact_sheet(x, _SHOWN if asked is None else whole_number("n", asked), path)
    if n is not None:
        raise TypeError(
            f"n: expected a Dataset with it, got {type(x).__name__}. Choose images yourself: x[:{as_code(n)}]."
        )
    images = _as_images(x)
    titles = None if y is None else [(str(label),) for label in np.atleast_1d(to_numpy(y))]
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"y: expected {len(images)} titles, one per image, got {len(titles)}.")
    return _drawn_sheet(path, images, titles)


def contact_sheet(data: Dataset, n: int, path: str | Path | BinaryIO | None, per_row: int | None = None) -> "Figure":
    """Draw so many examples of a data set, each below its class, or below its value.

    Raises:
        ValueError: They are no images.
    """
    shape = tuple(data.x.shape[1:])
    image = _image_of(shape, data.columns)
    if image is None:
        got = f"rows of {shape[0]} numbers" if len(shape) == 1 else f"the shape {(len(data), *shape)}"
        got = f"rows of a table of {len(data.columns)} columns" if data.columns else got
        raise ValueError(f"x: expected images, got {got}. Give x as (n, height, width), or a folder of pictures.")
    shown = data[evenly(len(data), n)]
    y, titles = to_numpy(shown.y), None
    if y.ndim == 1:
        names, is_label = data.class_names or (), y.dtype.kind in "iu" and int(y.min()) >= 0
        is_named = is_label and int(y.max()) < len(names)
        titles = [(names[i] if is_named else f"{i:.4g}",) for i in y.tolist()]
    return _drawn_sheet(path, _pixels_of(shown.x, image), titles, _inks(data), per_row=per_row)


def _drawn_sheet(
    path: str | Path | BinaryIO | None,
    images: HostArray,
    titles: Sequence[Sequence[str]] | None,
    *how: Any,
    **named: Any,
) -> "Figure":
    words = {word for title in titles or [] for word in title}
    return figures.drawn(lambda figure: sheet(figure, images, titles, *how, **named), path, words)


def show_layers(net: "Network", x: Any, path: str | Path | BinaryIO | None = None) -> "Figure":
    """Draw what each layer of a network makes of one example: maps of convolutions, values of dense layers, the answer.

    All maps or values of a layer are drawn on one scale, which stands beside its name. Layers that let
    everything through as it is where a network is asked, `Flatten` and `Dropout`, are left out.

    Args:
        net: The network.
        x: One example, as `Network.feedforward` takes it.
        path: As in `show`.

    Returns:
        The figure, which is what a notebook shows.

    Raises:
        ImportError: matplotlib is not installed; the error has the install line.
        ValueError: x is no single example.

    Example:
        >>> import numpy as np
        >>> from anynet import Conv2D, Network
        >>> figure = show_layers(Network([(8, 8, 1), Conv2D(20, 3), 10]), np.zeros((8, 8)))
        >>> [axes.get_title("left").partition("  (")[0] for axes in figure.axes[:2]]
        ['input: 8 x 8', '1 Conv2D: 20 maps of 6 x 6']
    """
    check_network(net)
    a, shape = to_numpy(x), net.shapes[0]
    if a.size != math.prod(shape):
        raise ValueError(f"x: expected one example of the shape {shape}, got {a.shape}. Give them one at a time.")
    a = a.reshape(1, *a.shape[-3:]) if a.ndim > 2 else a.reshape(1, -1)
    made = [to_numpy(layer)[0] for layer in net.activations(a)]
    panels: list[Tiles | Bars] = [_of_input(net, a[0])]
    for l, (layer, values) in enumerate(zip(net.layers[:-1], made, strict=False), 1):
        if not isinstance(layer, (Flatten, Dropout)):
            panels.append(_of_values(f"{l} {type(layer).__name__}", values))
    answer = _of_outputs(f"{len(made)} {type(net.layers[-1]).__name__}", net, made[-1])
    return figures.drawn(lambda figure: stack(figure, [*panels, answer]), path, [answer.title, *answer.names])


def show_filters(net: "Network", path: str | Path | BinaryIO | None = None) -> "Figure":
    """Draw what a network looks for in images: the kernels of its convolutions, and weights that see an image itself.

    Of a convolution that sees many maps, each column is a filter, and each row what it takes of a map.

    Args:
        net: The network.
        path: As in `show`.

    Returns:
        The figure, which is what a notebook shows.

    Raises:
        ImportError: matplotlib is not installed; the error has the install line.
        ValueError: No layer of the network looks at images.

    Example:
        >>> from anynet import Conv2D, Network
        >>> [axes] = show_filters(Network([(8, 8, 1), Conv2D(20, 3), 10])).axes
        >>> axes.get_title("left").partition("  (")[0]
        '1 Conv2D: 20 filters of 3 x 3'
    """
    panels, image = [], _image_shape(net)
    sees_input = image is not None
    for l, (layer, parameters) in enumerate(zip(net.layers, net.parameters, strict=True), 1):
        if isinstance(layer, Conv2D):
            panels.append(_of_kernels(f"{l} Conv2D", to_numpy(parameters.weights), sees_input))
        elif isinstance(layer, Dense) and sees_input and image is not None:
            weights = to_numpy(parameters.weights)
            panels.append(_of_kernels(f"{l} Dense", weights.reshape(len(weights), *image), sees_input))
        sees_input = sees_input and isinstance(layer, (Flatten, Dropout, Standardize))
    if not panels:
        raise ValueError(
            f"net: expected a network with a layer that looks at images, got {net!r}. Give one with a Conv2D, or "
            "one that takes images."
        )
    return figures.drawn(lambda figure: stack(figure, panels), path)


def show_errors(
    net: "Network | Ensemble", x: Any, y: Any = None, path: str | Path | BinaryIO | None = None, limit: int = 50
) -> "Figure":
    """Draw images that a network takes for what they are not, each with the truth and the answer.

    Args:
        net: A network that classifies, or an ensemble.
        x: Images and
        y: their labels, as `Network.fit` takes them.
        path: As in `show`.
        limit: How many are drawn at most, evenly from the first to the last in the order of the data.

    Returns:
        The figure, which is what a notebook shows.

    Raises:
        ImportError: matplotlib is not installed; the error has the install line.
        ValueError: The network does not classify images, or data do not suit it.

    Example:
        >>> import numpy as np
        >>> from anynet import Network
        >>> figure = show_errors(Network([64, 3]), np.zeros((5, 64)), [0, 1, 2, 2, 2])
        >>> figure.get_suptitle()
        '4 of 5 wrong; what it is → what it was taken for'
    """
    limit = whole_number("limit", limit)
    shape = _image_shape(net)
    net.architecture.check_classifies("show_errors")
    if shape is None:
        raise ValueError(
            f"net: expected a network that takes images, got one that takes {net.shapes[0]}. Ask net.predict(x) which "
            "answers are wrong."
        )
    given = as_dataset(x, y)
    tables.check_same(given.columns, net.columns)
    pictures.check_same(given.pictures, net.pictures)
    data = by_name(given, net.class_names, net.architecture)
    truth, answers = to_numpy(data.y), to_numpy(net.predict(data.x))
    truth = decide(np, truth, "classification", net.architecture.threshold) if truth.ndim == 2 else truth
    wrong = np.flatnonzero(answers != truth)
    names = [str(name) for name in net.class_names or data.class_names or range(net.architecture.n_classes)]
    heading = f"{len(wrong):,} of {len(data):,} wrong"
    if len(wrong) > 0:
        heading += f", {limit} of them" * (len(wrong) > limit) + "; what it is \u2192 what it was taken for"
    shown = wrong[evenly(len(wrong), limit)]
    titles = [(names[int(truth[i])], f"\u2192 {names[int(answers[i])]}") for i in shown]
    return _drawn_sheet(path, _pixels_of(rows_at(data.x, shown), shape), titles, _inks(net), heading)


# What layers make of an example, as tiles.

_DRAWN = 200  # maps, or filters, of a layer
_DRAWN_VALUES = 2000
_ACROSS = 40  # filters, and maps, of a convolution that sees many
_BARS = 10
_MAPS, _VALUES = (0.36, 1.3, 11.25), (0.15, 0.3, 7.5)  # inches: smallest and largest tile; the area of all
_SMALLEST_IMAGE = 64  # values in a row that are a square image


def _image_shape(net: Any) -> tuple[int, int, int] | None:
    """Return (height, width, channels) of the images that a network takes, flat squares too; None if it takes none."""
    check_network(net)
    return _image_of(net.shapes[0], net.columns)


def _image_of(shape: Sequence[int], columns: Any) -> tuple[int, int, int] | None:
    """Return (height, width, channels) of examples of a shape that are images; None if they are none."""
    if len(shape) == 3 and shape[2] in (1, 3):
        return shape[0], shape[1], shape[2]
    if len(shape) == 2:
        return shape[0], shape[1], 1
    side = math.isqrt(math.prod(shape))
    is_square = len(shape) == 1 and side * side == shape[0] and shape[0] >= _SMALLEST_IMAGE and columns is None
    return (side, side, 1) if is_square else None


def _of_input(net: "Network", a: HostArray) -> Tiles:
    """Return the example as it came, of the shape (...)."""
    shape = _image_shape(net)
    if shape is None:
        return _of_values("input", a.reshape(net.shapes[0]))
    height, width, channels = shape
    title = f"input: {height} x {width}{' in colour' * (channels == 3)}"
    return Tiles(title, _pixels_of(a[None], shape), 1, 1.3 * min(1.0, width / height), _inks(net))


def _of_values(name: str, a: HostArray) -> Tiles:
    """Return what a layer makes of an example: maps (height, width, n), or values (n,)."""
    a = a[..., None] if a.ndim == 2 else a
    maps = a.transpose(2, 0, 1) if a.ndim == 3 else a.reshape(-1, 1, 1)
    n, height, width = maps.shape
    limit, sizes = (_DRAWN, _MAPS) if a.ndim == 3 else (_DRAWN_VALUES, _VALUES)
    what = f"{_count(n, limit, 'map')} of {height} x {width}" if a.ndim == 3 else _count(n, limit, "value")
    return _tiles(f"{name}: {what}", maps, limit, *grid(min(n, limit), height / width, *sizes))


def _of_kernels(name: str, kernels: HostArray, see_input: bool) -> Tiles:
    """Return kernels (filters, height, width, channels) as tiles, in colour where they see an input in colour."""
    n, height, width, channels = kernels.shape
    is_colour = see_input and channels == 3
    across, down = (_DRAWN if is_colour or channels == 1 else _ACROSS), _ACROSS
    title = f"{name}: {_count(n, across, 'filter')} of {height} x {width}"
    if channels == 1:
        return _tiles(title, kernels[..., 0], _DRAWN, *grid(min(n, _DRAWN), height / width, *_MAPS))
    if is_colour:
        highest = float(np.max(np.abs(kernels)))
        shown = 0.5 + kernels[:_DRAWN] / (2 * highest or 1.0)
        title += f" in colour  (dark {-highest:.3g}, grey 0, bright {highest:.3g} of red, green and blue)"
        return Tiles(title, shown, *grid(min(n, _DRAWN), height / width, *_MAPS))
    tiles = kernels[:across, ..., :down].transpose(3, 0, 1, 2).reshape(-1, height, width)
    title += f" (across), on {_count(channels, down, 'map')} (down)"
    return _tiles(title, tiles, len(tiles), min(n, across), fitting(min(n, across), _MAPS[0]))


def _count(n: int, most: int, name: str) -> str:
    """Return how many there are, and of how many they are the first, if not all are drawn."""
    return f"{most} of {n} {name}s" if n > most else f"{n} {name}{'s' * (n > 1)}"


def _tiles(title: str, tiles: HostArray, limit: int, n_columns: int, width: float) -> Tiles:
    """Return tiles on one scale, which the title tells; where some are below 0, white is 0."""
    low, high = float(tiles.min()), float(tiles.max())
    if low >= 0:
        return Tiles(f"{title}  (white 0, black {high:.3g})", tiles[:limit], n_columns, width, "gray_r", 0.0, high)
    most = max(-low, high)
    return Tiles(
        f"{title}  (blue {-most:.3g}, white 0, red {most:.3g})", tiles[:limit], n_columns, width, "RdBu_r", -most, most
    )


def _of_outputs(name: str, net: "Network", outputs: HostArray) -> Bars:
    """Return the outputs as bars, the leading ones if they are many, and the answer that they are."""
    task, threshold, (low, high) = net.task, net.architecture.threshold, net.architecture.reach
    if task == "classification" and len(outputs) == 1:  # it tells the second class from the first
        outputs = np.array([2 * threshold - outputs[0], outputs[0]])
    known = None if task == "regression" else net.class_names
    names = [str(name) for name in known or range(len(outputs))]
    if task == "classification":
        said = names[int(np.argmax(outputs))]
    elif task == "multilabel":
        said = ", ".join(names[i] for i in np.flatnonzero(outputs > threshold)) or "none"
    else:
        said = ", ".join(f"{value:.4g}" for value in outputs[:6]) + ", ..." * (len(outputs) > 6)
    in_order = task == "regression" or len(outputs) <= _BARS
    leading = range(min(len(outputs), _BARS)) if in_order else np.argsort(-outputs, kind="stable")[:_BARS].tolist()
    few = f"  (the {'first' if in_order else 'leading'} {_BARS} of {len(outputs)} outputs)"
    values = [float(outputs[i]) for i in leading]
    ends = (low if math.isfinite(low) else min(0.0, *values)), high if math.isfinite(high) else max(1e-9, *values)
    title = f"{name}: the answer is {said}{few * (len(outputs) > _BARS)}"
    return Bars(title, [names[i] for i in leading], values, ends, (low, high) == (0.0, 1.0))


def _inks(seen: Any) -> str:
    """Return how one channel of a network's or a data set's is drawn: pictures as they are, else dark if it is high."""
    return "gray_r" if seen.pictures is None else "gray"


# Images in a grid.


def evenly(n: int, most: int) -> HostArray:
    """Return which of n examples are drawn, so many at most: evenly from the first to the last."""
    return np.linspace(0, n - 1, min(n, most)).round().astype(int)


def _as_images(x: Any) -> HostArray:
    """Return one image or several as (n, height, width), or in colour (n, height, width, 3), in [0, 1], float32."""
    a = to_numpy(x)
    if a.dtype.kind not in "buif" or a.size == 0:
        raise ValueError(f"x: expected images, got {a.dtype} of the shape {a.shape}. Give their pixels.")
    if a.ndim == 4 and a.shape[3] == 1:
        a = a[..., 0]
    if a.ndim == 3 and a.shape[2] == 3 and min(a.shape[:2]) > 3:  # one in colour
        a = a[None]
    a = np.atleast_1d(a)
    side = math.isqrt(a.shape[-1])
    if side * side == a.shape[-1] and (a.ndim == 1 or (a.ndim == 2 and a.shape[0] != a.shape[1])):
        a = a.reshape(-1, side, side)
    if a.ndim == 2:
        a = a[None]
    if a.ndim != 3 and a.shape[3:] != (3,):
        raise ValueError(
            f"x: expected images, (n, height, width), (n, height, width, 3) or flat squares, got the shape {a.shape}."
        )
    return _scaled(a)


def _pixels_of(x: Any, shape: tuple[int, int, int]) -> HostArray:
    """Return examples as images of a shape (height, width, channels), as `_as_images` returns them."""
    images = to_numpy(x.toarray() if is_sparse(x) else x).reshape(-1, *shape)
    return _scaled(images[..., 0] if shape[2] == 1 else images)


def _scaled(a: HostArray) -> HostArray:
    """Return pixels in [0, 1]: bytes of 255, and numbers as they are, or from the least to the highest."""
    if a.dtype == np.uint8:
        return np.asarray(a / 255, np.float32)
    low, high = (0.0, 1.0) if a.size == 0 else (float(a.min()), float(a.max()))
    if low < high and math.isfinite(low) and math.isfinite(high) and (low < 0 or high > 1):
        a = (a - low) / (high - low)
    return np.asarray(np.clip(a, 0, 1), np.float32)
