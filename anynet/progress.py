"""Progress: a bar for people who wait, drawn from the reports of training as they pass."""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anynet.training import Report


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
                    desc=f"Epoch {report.epoch}", total=report.total, unit=" examples", leave=keep, dynamic_ncols=True
                )
            bar.update(report.examples - bar.n)
            if report.is_epoch_end:
                bar.set_postfix(report.metrics)
                bar.close()
                bar = None
            yield report
    finally:
        if bar is not None:
            bar.close()
