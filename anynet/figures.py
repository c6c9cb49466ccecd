"""Figures of matplotlib: made, drawn, saved or shown, and closed. It is imported when first needed.

What is written in them are names, a user's often: they stand as they are, and are no formulas;
in a font that has their characters, if one is installed; and no wider than their place.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from anynet.checks import path_of, warn
from anynet.formats.replacing import replace_file
from anynet.shortening import shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 150  # of a picture that is saved
_MOST_PIXELS = 2**16 - 1  # of a side: matplotlib draws no more
_EVERYTHING = "Last Resort"  # a font that has a box for each character


class PictureNameError(ValueError):
    """A file has a name that is none of a picture."""


def drawn(draw: Callable[["Figure"], None], path: str | Path | BinaryIO | None, names: Iterable[str] = ()) -> "Figure":
    """Return a figure, which is what a notebook shows, saved or shown in a window.

    Args:
        draw: Draws into a figure, and gives it its size.
        path: Where to save the picture, whole or not at all; or a file that is open for that, whose name tells the
            kind. Without one a window shows it, where matplotlib has one to open.
        names: What of a user's is written in it: a warning tells where no font has its characters.

    Raises:
        ImportError: matplotlib is not installed; the error has the install line.
        PictureNameError: The ending of the path is that of no kind of picture.
        ValueError: It is too large.
    """
    try:
        from matplotlib import pyplot, rc_context
    except ImportError:
        raise ImportError("matplotlib is not installed. Install it with: pip install 'anynet-nn[plot]'") from None
    with rc_context({"text.parse_math": False, "text.usetex": False, "font.family": _families(names)}):
        figure: Figure = pyplot.figure(layout="constrained")
        try:
            kind = _kind(figure, path)
            draw(figure)
            if path is not None:
                _save(figure, path, kind)
            elif figure.canvas.required_interactive_framework is not None:
                pyplot.show()
        finally:
            pyplot.close(figure)  # or a notebook would show it twice
    return figure


def _kind(figure: "Figure", path: Any) -> str:
    """Return the kind of a picture, as its name says it; PictureNameError if that is of another kind of file."""
    name = path if isinstance(path, (str, os.PathLike)) else getattr(path, "name", "")
    ending = Path(name).suffix[1:].lower() if isinstance(name, (str, os.PathLike)) else ""
    known = figure.canvas.get_supported_filetypes()
    if ending and ending not in known:
        raise PictureNameError(
            f"path: expected the name of a picture, got {name}. Let it end in {', '.join(sorted(known))}."
        )
    return ending or str(figure.canvas.get_default_filetype())


def _save(figure: "Figure", path: str | Path | BinaryIO, kind: str) -> None:
    """Save a figure as a picture of a kind, which a name without an ending gets as its ending."""
    save = partial(figure.savefig, dpi=DPI, format=kind)
    try:
        if hasattr(path, "write"):
            save(path)
            return
        path = path_of(path)
        replace_file(path if path.suffix[1:] else Path(f"{str(path).rstrip('.')}.{kind}"), save)
    except RuntimeError as error:  # of a program that makes this kind, which is not installed
        why = " ".join(str(error).split())[:200].rstrip(".")
        raise RuntimeError(
            f"picture: expected one of {kind}, got none: {why}. Take another ending, .png say."
        ) from error


def resize(figure: "Figure", width: float, height: float) -> None:
    """Give a figure a size in inches; ValueError if a picture of it would have too many pixels."""
    pixels = [round(side * DPI) for side in (width, height)]
    if max(pixels) > _MOST_PIXELS:
        raise ValueError(
            f"picture: expected at most {_MOST_PIXELS:,} pixels a side, got {pixels[0]:,} x {pixels[1]:,}. Draw fewer."
        )
    figure.set_size_inches(width, height)


# What is written.


def fitted(names: Sequence[str], inches: float, size: float) -> list[str]:
    """Return names as they can be drawn, by `draw` of `drawn`: no wider than that, and told apart where they differ.

    Args:
        names: What characters they have that no font has is written as Python escapes it.
        inches: How wide each may be.
        size: Of the font.
    """
    from matplotlib import rcParams

    lacking = _lacking(names, rcParams["font.family"])
    escaped = ["".join(ascii(c)[1:-1] if c in lacking else c for c in name) for name in names]
    return shortened(escaped, inches, ruler(size))


def ruler(size: float) -> Callable[[str], float]:
    """Return what tells how wide a text is in inches, its longest line, at a size of the font."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    papers = [Figure(dpi=dpi) for dpi in {rcParams["figure.dpi"], DPI}]  # each has characters end at pixels of its own
    widths: dict[str, float] = {}

    def extent(text: str, paper: Figure) -> float:
        written = Text(0, 0, text, fontsize=size, parse_math=False, usetex=False)
        written.set_figure(paper)
        return float(written.get_window_extent().width) / paper.dpi

    def width(character: str) -> float:  # each is measured once, which is faster, and kerning makes none wider
        if character not in widths:  # blanks have no extent alone
            lines = f"|{character * 8}|"
            widths[character] = max(extent(lines, paper) - extent("||", paper) for paper in papers) / 8
        return widths[character]

    return lambda text: max(sum(map(width, line)) for line in text.split("\n"))


def _families(names: Iterable[str]) -> list[str]:
    """Return the fonts that are used, and what else is installed that has characters of the names that they lack."""
    from matplotlib import rcParams

    families = list(rcParams["font.family"])
    lacking = _lacking(names, families)
    if lacking:
        families += _installed(lacking)
        lacking = _lacking(lacking, families)
    if lacking:
        few = sorted(lacking)[:5]
        told = f"{' '.join(few)}{' and others' * (len(lacking) > len(few))}"
        warn(
            f"picture: expected a font that has the characters of the names, got none with {told}, which are drawn as "
            f"{ascii(few[0])[1:-1]}. Install one, Noto Sans CJK say, or name the classes in other characters."
        )
    return families


def _lacking(names: Iterable[str], families: Sequence[str]) -> set[str]:
    """Return the characters of names that no font of these families has."""
    lacking = {c for name in names if not name.isascii() for c in name}
    if not lacking:
        return lacking
    from matplotlib.font_manager import FontProperties, findfont, get_font

    paths = []
    for family in families:
        with suppress(ValueError):  # it is not installed
            paths.append(findfont(FontProperties(family=[family]), fallback_to_default=False))
    for path in paths or [findfont(FontProperties())]:
        font = get_font(path)
        lacking = {c for c in lacking if not font.get_char_index(ord(c))}
    return lacking


def _installed(lacking: set[str]) -> list[str]:
    """Return the names of as few installed fonts as have what is lacking, as far as any has."""
    from matplotlib.font_manager import fontManager
    from matplotlib.ft2font import FT2Font

    has: dict[str, set[str]] = {}
    upright = [font for font in fontManager.ttflist if font.style == "normal" and _EVERYTHING not in font.name]
    for font in sorted(upright, key=lambda font: (font.name, font.weight not in (400, "normal", "regular"))):
        with suppress(OSError, RuntimeError):  # it is no longer there
            opened = FT2Font(font.fname)
            has.setdefault(font.name, {c for c in lacking if opened.get_char_index(ord(c))})
    chosen = []
    while has and (best := max(has, key=lambda name: len(has[name] & lacking))) and has[best] & lacking:
        chosen.append(best)
        lacking = lacking - has[best]
    return chosen
