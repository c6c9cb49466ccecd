"""Figures of matplotlib: made, drawn, saved or shown, and closed. It is imported when first needed."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def drawn(draw: Callable[["Figure"], None], path: str | Path | None) -> "Figure":
    """Return a figure, which is what a notebook shows, saved or shown in a window.

    Args:
        draw: Draws into a figure, and gives it its size.
        path: Where to save the picture. Without one a window shows it, where matplotlib has one to open.

    Raises:
        ImportError: matplotlib is not installed; the error has the install line.
    """
    try:
        from matplotlib import pyplot
    except ImportError:
        raise ImportError("matplotlib is not installed. Install it with: pip install 'anynet-nn[plot]'") from None
    figure: Figure = pyplot.figure(layout="constrained")
    try:
        draw(figure)
        if path is not None:
            figure.savefig(path, dpi=150)
        elif figure.canvas.required_interactive_framework is not None:
            pyplot.show()
    finally:
        pyplot.close(figure)  # or a notebook would show it twice
    return figure
