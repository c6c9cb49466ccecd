"""Panels: tiles and bars, each under its title, one below the other in a figure of matplotlib."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from anynet.typing import HostArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, FRAME = "#1a1a1a", "#d1d5db"
_BAR, _LINE = "#9ca3af", 209  # grey, of lines between tiles
_WIDTH, _MARGIN, _TITLE, _BETWEEN = 7.5, 0.2, 0.26, 0.12  # inches
_BAR_HEIGHT, _NAMES = 0.22, 1.5  # of a bar, and how wide the names beside bars are
_PER_INCH = 100  # of the picture that tiles make, at least; a line between them is a hundredth of an inch


class Tiles(NamedTuple):
    """Images of one size, (n, height, width) or in colour (n, height, width, 3) from 0 to 1, in rows of so many."""

    title: str
    images: HostArray
    n_columns: int
    width: float  # of a tile, in inches
    colours: str = "gray_r"
    low: float = 0.0
    high: float = 1.0

    @property
    def height(self) -> float:
        """That of all, in inches."""
        n, height, width = self.images.shape[:3]
        return float(math.ceil(n / self.n_columns) * self.width * height / width)

    def draw(self, figure: "Figure", top: float) -> None:
        """Draw them as one picture, so many inches below the top of the figure."""
        axes = _axes(figure, top, _MARGIN, self.n_columns * self.width, self.height, self.title)
        axes.imshow(self._as_one())
        axes.set_anchor("NW")
        axes.set_axis_off()

    def _as_one(self) -> HostArray:
        """Return all as one picture in colour, uint8, with a line round each."""
        from matplotlib import colormaps

        shown = np.clip((self.images - self.low) / ((self.high - self.low) or 1.0), 0.0, 1.0)
        if shown.ndim == 3:
            shown = colormaps[self.colours](shown)[..., :3]
        times = math.ceil(self.width * _PER_INCH / shown.shape[2])
        tiles = np.round(shown * 255).astype(np.uint8).repeat(times, axis=1).repeat(times, axis=2)
        n, height, width, _ = tiles.shape
        line = math.ceil(width / (self.width * _PER_INCH))
        across, down = self.n_columns, math.ceil(n / self.n_columns)
        paper = np.full((down * (height + line) + line, across * (width + line) + line, 3), 255, np.uint8)
        for i, tile in enumerate(tiles):
            row, column = i // across * (height + line), i % across * (width + line)
            paper[row : row + height + 2 * line, column : column + width + 2 * line] = _LINE
            paper[row + line : row + line + height, column + line : column + line + width] = tile
        return paper


class Bars(NamedTuple):
    """A bar for each number, and its name before it."""

    title: str
    names: Sequence[str]
    values: Sequence[float]
    reach: tuple[float, float]  # from where to where bars may go
    percent: bool

    @property
    def height(self) -> float:
        """That of all, in inches."""
        return len(self.names) * _BAR_HEIGHT

    def draw(self, figure: "Figure", top: float) -> None:
        """Draw them, so many inches below the top of the figure."""
        axes = _axes(figure, top, _MARGIN + _NAMES, 3.5, self.height, self.title, -_NAMES)
        places = range(len(self.names))
        axes.barh(places, self.values, color=_BAR, height=0.7)
        low, high = self.reach
        axes.set(xlim=(low, high), ylim=(len(self.names) - 0.5, -0.5), xticks=[])
        axes.set_yticks(places, self.names, fontsize=9, color=INK)
        axes.tick_params(left=False)
        axes.spines[["top", "right", "bottom"]].set_visible(False)
        for place, value in zip(places, self.values, strict=True):
            told = f"{100 * value:.1f} %" if self.percent else f"{value:.4g}"
            x = max(value, min(0.0, high)) + 0.02 * (high - low)
            axes.text(x, place, told, va="center", fontsize=9, color=INK)


def grid(n: int, aspect: float, smallest: float, largest: float, area: float) -> tuple[int, float]:
    """Return how many tiles stand in a row, and how wide each is, in inches.

    Args:
        n: How many there are.
        aspect: The height of one by its width.
        smallest: How wide one is at least.
        largest: How wide at most.
        area: What they should take together, in square inches, if these bounds let them.

    Example:
        >>> grid(20, 1.0, 0.36, 1.3, 11.25)
        (10, 0.75)
    """
    width = min(max(math.sqrt(area / (n * aspect)), smallest), largest)
    rows = math.ceil(n / int(_WIDTH / width + 1e-9))
    return math.ceil(n / rows), width


def fitting(n_columns: int, largest: float) -> float:
    """Return how wide each of so many tiles in a row is, in inches."""
    return min(_WIDTH / n_columns, largest)


def stack(figure: "Figure", panels: Sequence[Tiles | Bars]) -> None:
    """Draw panels one below the other, and give the figure the size that they take."""
    figure.set_layout_engine("none")  # places are worked out here
    height = sum(_TITLE + panel.height + _BETWEEN for panel in panels)
    figure.set_size_inches(_WIDTH + 2 * _MARGIN, height + 2 * _MARGIN)
    top = _MARGIN
    for panel in panels:
        panel.draw(figure, top + _TITLE)
        top += _TITLE + panel.height + _BETWEEN


def _axes(figure: "Figure", top: float, left: float, width: float, height: float, title: str, shift: float = 0) -> Any:
    """Return axes of a place and a size in inches, under a title, which begins so far to the right of them."""
    in_all = figure.get_size_inches()
    axes = figure.add_axes((left / in_all[0], 1 - (top + height) / in_all[1], width / in_all[0], height / in_all[1]))
    axes.set_title(title, loc="left", x=shift / width, fontsize=9.5, color=INK, pad=3)
    return axes
