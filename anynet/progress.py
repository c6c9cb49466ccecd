"""Progress: a bar for people who wait, and a line per epoch, made from the reports of training as they pass."""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anynet.training import Report

_BAR = "{desc}: {percentage:3.0f}%|{bar}| {remaining} left, {rate_fmt}"  # what a narrow terminal cuts off stands last


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


def with_progress(reports: Iterable["Report"], show: bool | None, keep: bool = True) -> Iterator["Report"]:
    """Yield the reports; meanwhile draw a bar per epoch on standard error.

    `show` None means on a terminal only. A bar that is finished stays on the screen, with
    the metrics of its epoch, unless `keep` is false.
    """
    if show or (show is None and sys.stderr.isatty()):
        return _with_bars(reports, keep)
    return iter(reports)


def _with_bars(reports: Iterable["Report"], keep: bool) -> Iterator["Report"]:
    from tqdm.auto import tqdm  # imported when first needed: it is not quick to load

    bar = None
    try:
        for report in reports:
            if bar is None:
                bar = tqdm(
                    desc=f"Epoch {report.epoch}",
                    total=report.total,
                    unit=" examples",
                    unit_scale=True,
                    leave=keep,
                    dynamic_ncols=True,
                    bar_format=_BAR,
                )
            bar.update(report.examples - bar.n)
            if report.is_epoch_end:
                metrics = "".join(f"{name} {value:.4g}, " for name, value in (report.metrics or {}).items())
                bar.bar_format = f"{{desc}}: {metrics}{{rate_fmt}}"
                bar.close()
                bar = None
            yield report
    finally:
        if bar is not None:
            bar.close()
