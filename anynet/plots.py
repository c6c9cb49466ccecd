"""Pictures for people: a digit as text for a terminal, images in a figure of matplotlib.

Images are uint8, 0 to 255, or numbers in [0, 1], drawn dark where they are high: (28, 28)
or flat (784,) for one, with a leading n for several; (n, m) is flat if m is a square number
other than n. Matplotlib is imported when first needed.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anynet import figures
from anynet.backends import to_numpy
from anynet.datasets.framing import resampled
from anynet.typing import HostArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["as_text", "show"]

# By the ink in the upper and in the lower half of a character, each none, half or full.
_BLOCKS = np.array([[" ", "\u2591", "\u2584"], ["\u2591", "\u2592", "\u2584"], ["\u2580", "\u2580", "\u2588"]])
_ASCII = np.array(list(" .:-=+*#%@"))

_PER_ROW = 10  # images in a figure
_INK, _FRAME = "#1a1a1a", "#d1d5db"


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
    if width < 1:
        raise ValueError(f"width: expected at least 1, got {width}. 28 to 56 show a digit well.")
    images = _as_images(image)
    if len(images) != 1:
        raise ValueError(f"image: expected one image, got {len(images)}. Give them one at a time.")
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


def show(x: Any, y: Sequence[Any] | HostArray | None = None, path: str | Path | None = None) -> "Figure":
    """Draw one image or several in a grid.

    Args:
        x: Images, (n, height, width), (height, width), or flat and square; uint8, or numbers in
            [0, 1], drawn dark where they are high.
        y: A label or text above each; None draws none.
        path: Where to save the picture. Without one a window shows it, where matplotlib has one
            to open.

    Returns:
        The figure, which is what a notebook shows.

    Raises:
        ImportError: matplotlib is not installed; the error has the install line.
        ValueError: They are no images, or y has another length.

    Example:
        >>> import numpy as np
        >>> figure = show(np.zeros((2, 8, 8)), ["a", "b"])
        >>> len(figure.axes)
        2
    """
    images = _as_images(x)
    titles = None if y is None else [str(label) for label in np.atleast_1d(np.asarray(y))]
    if titles is not None and len(titles) != len(images):
        raise ValueError(f"y: expected {len(images)} titles, one per image, got {len(titles)}.")
    return figures.drawn(lambda figure: _draw(figure, images, titles), path)


def _draw(figure: "Figure", images: HostArray, titles: list[str] | None) -> None:
    n_columns = min(len(images), _PER_ROW)
    n_rows = math.ceil(len(images) / n_columns)
    side = max(0.9, 2.4 / n_columns)  # inches
    figure.set_size_inches(n_columns * side, n_rows * (side * images.shape[1] / images.shape[2] + 0.24 * bool(titles)))
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axis in axes[len(images) :]:
        axis.set_visible(False)
    for i, axis in enumerate(axes[: len(images)]):
        axis.imshow(images[i], cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set(color=_FRAME, linewidth=0.6)
        if titles:
            axis.set_title(titles[i], fontsize=10, color=_INK, pad=3)


def _as_images(x: Any) -> HostArray:
    """Return one image or several as (n, height, width) in [0, 1], float32."""
    a = to_numpy(x)
    if a.dtype.kind not in "buif" or a.size == 0:
        raise ValueError(f"x: expected images, got {a.dtype} of the shape {a.shape}. Give their pixels.")
    if a.ndim == 4 and a.shape[3] == 1:
        a = a[..., 0]
    a = np.atleast_1d(a)
    side = math.isqrt(a.shape[-1])
    if side * side == a.shape[-1] and (a.ndim == 1 or (a.ndim == 2 and a.shape[0] != a.shape[1])):
        a = a.reshape(-1, side, side)
    if a.ndim == 2:
        a = a[None]
    if a.ndim != 3:
        raise ValueError(f"x: expected images, (n, height, width) or flat squares, got the shape {a.shape}.")
    scale = 255 if a.dtype == np.uint8 else 1
    return np.asarray(np.clip(a / scale, 0, 1), np.float32)
