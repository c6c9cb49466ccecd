"""The picture of how training scales: four sweeps of time per example, and memory twice, in six panels."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from report import Row

INK, OURS, FLOOR, ARITHMETIC = "#333333", "#1f5fa8", "#d9822b", "#9a9a9a"


def draw(results: Row, limit_mb: int, path: Path) -> None:
    """Draw the sweeps and the memory, six panels in two rows."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style = {"font.size": 9, "axes.edgecolor": INK, "text.color": INK, "axes.labelcolor": INK, "axes.titlesize": 10}
    style |= {"xtick.color": INK, "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False}
    with mpl.rc_context(style):
        figure = Figure(figsize=(12, 7.2), layout="constrained")
        panels = figure.subplots(2, 3)
        for panel, (sweep, rows) in zip(panels.T.flat, results["sweeps"], strict=False):
            draw_sweep(panel, sweep.what, sweep.network, rows)
        if "mapped" in results:
            draw_epochs(panels[0, 2], results["epochs"])
            draw_mapped(panels[1, 2], results["mapped"], limit_mb)
        lines, labels = panels[0, 0].get_legend_handles_labels()
        figure.legend(lines, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=10)
        figure.savefig(path, dpi=130)


def draw_sweep(panel: Any, what: str, network: str, rows: list[Row]) -> None:
    x = [row["x"] for row in rows]
    rate = max(row["flops"] / row["floor"] for row in rows)
    microseconds = {key: [1e6 * row[key] for row in rows] for key in ("ours", "floor", "low", "high")}
    arithmetic = [1e6 * row["flops"] / rate for row in rows]
    panel.fill_between(x, microseconds["low"], microseconds["high"], color=OURS, alpha=0.18, linewidth=0)
    panel.plot(x, microseconds["ours"], color=OURS, marker="o", markersize=4, linewidth=1.8, label="anynet, training")
    panel.plot(
        x, microseconds["floor"], color=FLOOR, marker="s", markersize=3, linewidth=1.2, label="its bare matrix products"
    )
    panel.plot(x, arithmetic, color=ARITHMETIC, linestyle="--", linewidth=1.2, label="arithmetic, at the best rate")
    decades = [f(math.log10(g(arithmetic + microseconds["high"]))) for f, g in ((math.floor, min), (math.ceil, max))]
    panel.set(xscale="log", yscale="log", ylim=[10**d for d in decades], xlabel=what, ylabel="us per example")
    panel.set_title(network, loc="left")
    panel.grid(which="major", color="#e6e6e6", linewidth=0.6)
    plain_numbers(panel.yaxis)
    plain_numbers(panel.xaxis)
    named = with_room(x)
    panel.set_xticks(named, [short(value) for value in named])


def plain_numbers(axis: Any) -> None:
    """Name the numbers of a logarithmic axis as they are, not as powers, and more of them where few powers stand."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_locator(NullLocator())


def with_room(x: Sequence[int]) -> list[int]:
    """Return those of the ascending numbers whose names do not touch on a logarithmic axis, the last among them."""
    named = [x[-1]]
    for value in reversed(x):
        if math.log(named[-1] / value) > 0.1 * math.log(x[-1] / x[0]):
            named.append(value)
    return named


def short(value: int) -> str:
    for unit, scale in (("M", 10**6), ("k", 10**3)):
        if value % scale == 0:
            return f"{value // scale}{unit}"
    return str(value)


def draw_epochs(panel: Any, megabytes: list[float]) -> None:
    panel.plot(range(1, len(megabytes) + 1), megabytes, color=OURS, linewidth=1.8)
    panel.set(xlabel="epoch", ylabel="anonymous memory, MB", ylim=(0, 1.5 * max(megabytes)))
    panel.set_title("[784, 30, 10], batch 10", loc="left")
    panel.grid(color="#e6e6e6", linewidth=0.6)


def draw_mapped(panel: Any, data: Row, limit_mb: int) -> None:
    seconds, megabytes = zip(*data["samples"], strict=True)
    panel.plot(seconds, megabytes, color=OURS, linewidth=1.8)
    for level, name in ((data["file_mb"], "the file"), (limit_mb, "the limit")):
        panel.axhline(level, color=ARITHMETIC, linestyle="--", linewidth=1.2)
        panel.annotate(f"{name}, {level:,.0f} MB", (0, level), (2, 3), textcoords="offset points", color=INK)
    panel.set(xlabel="seconds of an epoch", ylabel="anonymous memory, MB", yscale="log", ylim=(10, 5000))
    panel.set_title("[784, 30, 10], batch 128, memory-mapped", loc="left")
    plain_numbers(panel.yaxis)
    panel.grid(color="#e6e6e6", linewidth=0.6)
