"""Panels: tiles and bars, each under its title, one below the other in a figure of matplotlib; and sheets of images."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from anynet.figures import fitted, resize, ruler
from anynet.typing import HostArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, FRAME = "#1a1a1a", "#d1d5db"
_BAR, _LINE = "#9ca3af", 156  # grey, of bars, and of the lines round tiles
_WIDTH, _MARGIN, _TITLE, _BETWEEN = 7.5, 0.2, 0.26, 0.12  # inches
_BAR_HEIGHT, _BAR_WIDTH, _NAMES = 0.22, 3.5, 3.2  # of bars, and how wide the names beside them are at most
_PER_INCH = 100  # of the picture that tiles make, at least; a line round one is a hundredth of an inch
_GAP, _GAPS = 0.08, (2, 5)  # between tiles: of the width of one, and so many hundredths of an inch
_TITLE_SIZE, _NAME_SIZE = 9.5, 9
# Of a sheet, in inches: how wide it is at most, and a title; how wide and how high an image is at most.
_SHEET, _SHEET_TITLE, _IMAGE = 10.5, 1.75, (2.6, 2.4)
_AREA, _AREA_OF_FEW = 0.85, 5.0  # square inches, of an image, and together of a few
_HEADING, _LINE_HEIGHT, _SHEET_SIZE, _APART = 0.26, 0.165, 10, 0.1


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
        """Return all as one picture in colour, uint8, with a line round each, and paper between them."""
        from matplotlib import colormaps

        shown = np.clip((self.images - self.low) / ((self.high - self.low) or 1.0), 0.0, 1.0)
        if shown.ndim == 3:
            shown = colormaps[self.colours](shown)[..., :3]
        times = math.ceil(self.width * _PER_INCH / shown.shape[2])
        tiles = np.round(shown * 255).astype(np.uint8).repeat(times, axis=1).repeat(times, axis=2)
        n, height, width, _ = tiles.shape
        line = math.ceil(width / (self.width * _PER_INCH))
        between = line * round(min(max(self.width * _PER_INCH * _GAP, _GAPS[0]), _GAPS[1]))
        across, down, edge = self.n_columns, math.ceil(n / self.n_columns), 2 * line + between
        paper = np.full((down * (height + edge) - between, across * (width + edge) - between, 3), 255, np.uint8)
        for i, tile in enumerate(tiles):
            row, column = i // across * (height + edge), i % across * (width + edge)
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
        names = fitted(self.names, _NAMES, _NAME_SIZE)
        wide = max(map(ruler(_NAME_SIZE), names)) + _APART
        axes = _axes(figure, top, _MARGIN + wide, _BAR_WIDTH, self.height, self.title, -wide)
        places = range(len(self.names))
        axes.barh(places, self.values, color=_BAR, height=0.7)
        low, high = self.reach
        axes.set(xlim=(low, high), ylim=(len(self.names) - 0.5, -0.5), xticks=[])
        axes.set_yticks(places, names, fontsize=_NAME_SIZE, color=INK)
        axes.tick_params(left=False)
        axes.spines[["top", "right", "bottom"]].set_visible(False)
        for place, value in zip(places, self.values, strict=True):
            told = f"{100 * value:.1f} %" if self.percent else f"{value:.4g}"
            x = max(value, min(0.0, high)) + 0.02 * (high - low)
            axes.text(x, place, told, va="center", fontsize=_NAME_SIZE, color=INK)


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
    resize(figure, _WIDTH + 2 * _MARGIN, height + 2 * _MARGIN)
    top = _MARGIN
    for panel in panels:
        panel.draw(figure, top + _TITLE)
        top += _TITLE + panel.height + _BETWEEN


def _axes(figure: "Figure", top: float, left: float, width: float, height: float, title: str, shift: float = 0) -> Any:
    """Return axes of a place and a size in inches, under a title, which begins so far to the right of them."""
    in_all = figure.get_size_inches()
    axes = figure.add_axes((left / in_all[0], 1 - (top + height) / in_all[1], width / in_all[0], height / in_all[1]))
    [title] = fitted([title], _WIDTH, _TITLE_SIZE)
    axes.set_title(title, loc="left", x=shift / width, fontsize=_TITLE_SIZE, color=INK, pad=3)
    return axes


# A sheet.


def sheet(
    figure: "Figure",
    images: HostArray,
    titles: Sequence[Sequence[str]] | None,
    colours: str = "gray_r",
    heading: str = "",
    per_row: int | None = None,
) -> None:
    """Draw images of one size in rows, each under its title, and give the figure the size that they take.

    Args:
        figure: Where.
        images: From 0 to 1, (n, height, width), or in colour (n, height, width, 3); n may be 0.
        titles: Of each image the names that are written above it, in one line, or, where there is no
            room for that, in a line each; None draws none.
        colours: The colour map of images of one channel.
        heading: What stands above all.
        per_row: How many stand in a row; by default so many as are legible.
    """
    figure.set_layout_engine("none")
    n, aspect = len(images), images.shape[1] / images.shape[2]
    most = (_SHEET / per_row if per_row else max(_SHEET_TITLE, _SHEET / max(n, 1))) - _APART
    wide = min(math.sqrt(max(_AREA, _AREA_OF_FEW / max(n, 1)) / aspect), _IMAGE[0], _IMAGE[1] / aspect, most)
    lines, across = _title_lines(titles, wide, most)
    across += _APART
    n_columns = per_row or max(1, min(n, int(_SHEET / across + 1e-9)))
    high = wide * aspect
    down = _LINE_HEIGHT * max((line.count("\n") + 1 for line in lines), default=0) + _APART + high
    width = max(n_columns * across, ruler(_SHEET_SIZE)(heading)) + _APART
    above = _HEADING * bool(heading)
    height = above + math.ceil(n / n_columns) * down + _APART
    resize(figure, width, height)
    if heading:
        figure.suptitle(heading, y=1 - 0.08 / height, fontsize=_SHEET_SIZE, color=INK)
    for i, (image, line) in enumerate(zip(images, lines or [""] * n, strict=True)):
        x = width / 2 + (i % n_columns + 0.5 - n_columns / 2) * across - wide / 2
        y = height - above - (i // n_columns + 1) * down
        axes = figure.add_axes((x / width, y / height, wide / width, high / height))
        axes.imshow(image, cmap=colours, vmin=0, vmax=1, interpolation="nearest", aspect="auto")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color=FRAME, linewidth=0.6)
        axes.set_title(line, fontsize=_SHEET_SIZE, color=INK, pad=4)


def _title_lines(titles: Sequence[Sequence[str]] | None, wide: float, most: float) -> tuple[list[str], float]:
    """Return titles that fit, and how wide they and the images are, at least so wide and no wider than is said."""
    if not titles:
        return [], wide
    width = ruler(_SHEET_SIZE)
    parts = [fitted(part, most, _SHEET_SIZE) for part in zip(*titles, strict=True)]
    lines = [" ".join(each) for each in zip(*parts, strict=True)]
    if max(map(width, lines)) > max(wide, _SHEET / 10 - _APART):
        lines = ["\n".join(each) for each in zip(*parts, strict=True)]
    return lines, max(wide, *map(width, lines))
