"""Progress: a bar for people who wait, and a line per epoch, made from the reports of training as they pass."""

import os
import shutil
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from anynet import signals

if TYPE_CHECKING:
    from anynet.history import History, Report

SECONDS_BETWEEN_LOOKS = 1.0
Reports: TypeAlias = Generator["Report", None, None]
T = TypeVar("T")
# What a narrow terminal cuts off stands last.
_BAR = "{desc}: {percentage:3.0f}%|{bar}| {remaining} left{postfix}, {rate_fmt}"


def epoch_line(report: "Report", n_validation: int) -> str:
    """Return the book's line for an epoch that is over.

    It is "Epoch 0: 9045 / 10000", the right answers among so many validation data, "Epoch 0:
    cost 0.0123" where no answer is right or wrong, or "Epoch 0 complete" without such data.
    """
    metrics = report.metrics or {}
    if report.n_correct is not None:
        return f"Epoch {report.epoch}: {report.n_correct} / {n_validation}"
    if "validation_cost" in metrics:
        return f"Epoch {report.epoch}: cost {metrics['validation_cost']:.6g}"
    return f"Epoch {report.epoch} complete"


def with_progress(reports: Iterable["Report"], show: bool | None, keep: bool = True) -> Reports:
    """Yield the reports; meanwhile draw one bar for the whole training on standard error.

    `show` None means where somebody watches: on a terminal or in a notebook. A line per epoch
    with its metrics stays on the screen, unless `keep` is false. Whoever prints at the end of an
    epoch finds the bar wiped.
    """
    if show or (show is None and _is_watched()):
        return _with_bar(reports, keep)
    return _plainly(reports)


def _plainly(reports: Iterable["Report"]) -> Reports:
    yield from reports


def _is_watched() -> bool:
    """Return whether standard error is a terminal, or what a notebook shows."""
    return sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel")


def _with_bar(reports: Iterable["Report"], keep: bool) -> Reports:
    # Imported when first needed: it is not quick to load. The plain bar, for that of notebooks asks for ipywidgets.
    from tqdm import tqdm

    bar, figures = None, Figures()
    try:
        for report in reports:
            name = f"Epoch {report.epoch}"
            if bar is None:
                total, (columns, lines) = report.epochs * report.total, _size_of_screen()
                how = {"unit": " examples", "unit_scale": True, "leave": False, "bar_format": _BAR}
                bar = tqdm(desc=name, total=total, ncols=columns, nrows=lines, **how)
                bar.dynamic_ncols = _size_of_screen  # tqdm's own draws nothing where the size is not known
            bar.set_description_str(name, refresh=False)
            bar.set_postfix_str(figures.told(report), refresh=False)
            bar.update(report.epoch * report.total + report.examples - bar.n)
            if report.is_epoch_end:
                bar.clear()
                if keep:
                    bar.write(metrics_line(report, _size_of_screen()[0]), file=sys.stderr)
                    bar.clear()
            yield report
    finally:
        if bar is not None:
            bar.close()
        getattr(reports, "close", lambda: None)()


def counted(items: Sequence[T], what: str, show: bool | None) -> Iterator[T]:
    """Yield the items; where somebody watches, or `show` says so, a bar tells how many, once a second has passed."""
    from tqdm import tqdm

    is_drawn = _is_watched() if show is None else show
    how = {"desc": what, "delay": 1.0, "leave": False, "disable": not is_drawn, "ncols": _size_of_screen()[0]}
    yield from tqdm(items, **how)


def _size_of_screen(_: object = None) -> tuple[int, int]:
    """Return how many columns and lines there are where the bar is drawn; some terminals say 0, and mean unknown."""
    try:
        columns, lines = os.get_terminal_size(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        columns, lines = 0, 0
    known = shutil.get_terminal_size()
    return columns or known.columns, lines or known.lines


class Figures:
    """What the bar tells of costs and metrics, looked at no more than once a second: it may mean to wait."""

    def __init__(self) -> None:
        self.since, self.shown, self.metric = monotonic(), "", ""

    def told(self, report: "Report") -> str:
        """Return the cost of the current mini-batch, and the last metric of the validation data."""
        metrics = report.metrics or {}
        judged = next((name for name in metrics if name.startswith("validation_")), None)
        if judged is not None:
            name = judged if judged.endswith("cost") else judged.removeprefix("validation_")
            self.metric = f"{name} {metrics[judged]:.4g}"
        if monotonic() - self.since >= SECONDS_BETWEEN_LOOKS:
            cost = metrics.get("cost") if report.batch_cost is None else report.batch_cost()
            costs = [] if cost is None else [f"cost {cost:.4g}"]
            self.since, self.shown = monotonic(), ", ".join([*costs, *filter(None, [self.metric])])
        return self.shown


def metrics_line(report: "Report", columns: int) -> str:
    """Return an epoch's metrics in a line of at most so many columns: what finds no room is shortened, or left out.

    The cost in training, the least of them, goes first.
    """
    values = {name: f"{value:.4g}" for name, value in (report.metrics or {}).items()}
    judged = {name: value for name, value in values.items() if name.startswith("validation_")} or values
    shortened = {name.removeprefix("validation_"): value for name, value in judged.items()}
    fewer = [dict(list(shortened.items())[:n]) for n in range(len(shortened), 0, -1)]
    for shown in (values, judged, *fewer):
        line = f"Epoch {report.epoch}: " + ", ".join(f"{name} {value}" for name, value in shown.items())
        if len(line) <= columns:
            break
    return line


def collect(reports: Reports, history: "History", callbacks: Any, learner: Any, holds_back: bool) -> "History":
    """Return the history of a training, which keeps it itself; what stops training on the way carries it too.

    Args:
        reports: Of the training.
        history: Of it.
        callbacks: Are called with each report and the learner.
        learner: Who learns.
        holds_back: Whether whoever asks the program to end waits until a chunk is over, and for
            the checkpoint that is written then.
    """
    idle: AbstractContextManager[Callable[[], None]] = nullcontext(lambda: None)
    try:
        with signals.held_back() if holds_back else idle as check_for_interrupt, closing(reports):
            for report in reports:
                for callback in callbacks:
                    callback(report, learner)
                check_for_interrupt()
    except BaseException as stopped:  # Ctrl-C as well
        stopped.history = history  # type: ignore[attr-defined]
        raise
    return history
