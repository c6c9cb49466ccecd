"""The picture of the book's training step: a bar for each contestant, the fastest first, ours in colour.

A rival's ratio is the one that its duel gave: how many times as long as anynet on the same library it takes; who has no
library of ours is held against anynet on NumPy. The bare matrix products, which learn nothing, are left out.
"""

from pathlib import Path
from typing import Any, NamedTuple

from peers import CONTESTANTS, OURS
from report import Row

INK, OURS_COLOUR, RIVAL_COLOUR = "#333333", "#1f5fa8", "#b8b8b8"


class Bar(NamedTuple):
    """A contestant's bar: its name, the microseconds of a step, what stands beside it, and whether it is ours."""

    who: str
    microseconds: float
    words: str
    is_ours: bool


def bars(rows: list[Row]) -> list[Bar]:
    """Return a bar for each contestant of the rows, the fastest first."""
    found: dict[str, Bar] = {}
    kin_first = sorted(rows, key=lambda row: row["against"] != _kin(row["name"]))
    for row in kin_first:
        name, microseconds = row["name"], row["seconds"] * 1e6
        if name != "products" and name not in found:
            words = f"{microseconds:,.0f} us"
            if name not in OURS:
                words += f"   {_two_digits(row['ratio'])} x {CONTESTANTS[row['against']].label.replace(',', '')}"
            found[name] = Bar(row["who"], microseconds, words, name in OURS)
    return sorted(found.values(), key=lambda bar: bar.microseconds)


def _two_digits(ratio: float) -> str:
    """Return 0.88, 1.9, 15."""
    return f"{ratio:.{0 if ratio >= 10 else 1 if ratio >= 1 else 2}f}"


def _kin(name: str) -> str:
    """Return which of ours a contestant is to be held against."""
    library = CONTESTANTS[name].distribution
    return next((ours for ours in OURS if CONTESTANTS[ours].distribution == library), OURS[0])


def draw(rows: list[Row], where: Row, path: Path) -> None:
    """Draw the rows of the workload `book`, about 700 pixels wide."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    shown = bars(rows)
    with mpl.rc_context({"font.size": 9, "text.color": INK, "axes.edgecolor": INK}):
        figure = Figure(figsize=(7.2, 0.7 + 0.3 * len(shown)), layout="constrained")
        panel = figure.subplots()
        draw_bars(panel, shown)
        panel.set_title("A training step of [784, 30, 10], batch 10, in microseconds", loc="left", fontsize=10)
        place = f"{where['processor']}, {where['cores']} cores"
        figure.text(0.995, 0.01, place, ha="right", fontsize=7, color="#777777")
        figure.savefig(path, dpi=200)  # sharp on a dense screen; shown at half of that


def draw_bars(panel: Any, shown: list[Bar]) -> None:
    """Draw horizontal bars, the first on top, with their names to the left and their words behind them."""
    longest = max(bar.microseconds for bar in shown)
    colours = [OURS_COLOUR if bar.is_ours else RIVAL_COLOUR for bar in shown]
    panel.barh(range(len(shown)), [bar.microseconds for bar in shown], height=0.68, color=colours)
    panel.set_yticks(range(len(shown)), [bar.who for bar in shown])
    for label, bar in zip(panel.get_yticklabels(), shown, strict=True):
        label.set(color=OURS_COLOUR if bar.is_ours else INK, fontweight="bold" if bar.is_ours else "normal")
    for place, bar in enumerate(shown):
        end = bar.microseconds, place
        panel.annotate(bar.words, end, (4, 0), textcoords="offset points", va="center", fontsize=8)
    panel.set_xlim(0, 1.5 * longest)  # room for the words of the longest
    panel.set_xticks([])
    panel.tick_params(length=0)
    panel.invert_yaxis()
    panel.spines[["top", "right", "bottom"]].set_visible(False)
