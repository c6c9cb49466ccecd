"""History: the reports of a training, and what is made of them: lists, a table, a picture, lines of JSON."""

import json
import math
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, SupportsIndex, overload

from anynet import figures, notebook
from anynet.checks import as_code, is_name, no_name, path_of, path_shown, shown
from anynet.formats.bounded import regular
from anynet.formats.json import MAX_LENGTH, parsed
from anynet.formats.replacing import replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["History", "Report"]


@dataclass(frozen=True)
class Report:
    """How far training has come; the last report of an epoch carries its metrics.

    Args:
        epoch: Which epoch, from 0.
        epochs: How many there will be.
        examples: How many have been seen in it.
        total: How many there are.
        seconds: Of training in this epoch, evaluation not counted.
        metrics: By name; None until the epoch is over. "validation_accuracy" and "validation_cost"
            are means over the validation data, where there are some, "training_cost" is one over all
            training data, where it is asked for, and "cost" is one over the epoch's last mini-batch,
            of which no more than the last 256 examples are taken.
        n_correct: How many of the validation data are answered rightly, where that can be said.
        rate: The learning rate of the last step, where the optimizer has one.
        batch_cost: Tells, when it is called, the cost of the mini-batch that was learnt from last,
            for which the device is waited for; None when the epoch is over, and `metrics` tell it.

    Example:
        >>> Report(0, 2, examples=30, total=60, seconds=0.1).is_epoch_end
        False
    """

    epoch: int
    epochs: int
    examples: int
    total: int
    seconds: float
    metrics: dict[str, float] | None = None
    n_correct: int | None = None
    rate: float | None = None
    batch_cost: Callable[[], float] | None = field(default=None, repr=False, compare=False)

    @property
    def is_epoch_end(self) -> bool:
        """Whether the epoch is over."""
        return self.metrics is not None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"batch_cost": None}  # which is of this moment


class History(list[Report]):
    """The reports of a training's epochs: a list, and lists per epoch by name.

    `print` and notebooks show it as a table.

    Args:
        iterable: Of reports, as for a list.

    Example:
        >>> history = History([Report(0, 1, examples=60, total=60, seconds=0.1, metrics={"cost": 0.25})])
        >>> history
        <History of 1 epoch, the last with cost 0.25>
        >>> history["cost"]
        [0.25]
        >>> print(history)
        epoch  seconds  cost
            0     0.10  0.25
    """

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics."""
        return tuple(dict.fromkeys(name for report in self for name in report.metrics or {}))

    @overload
    def __getitem__(self, key: str) -> list[Any]: ...
    @overload
    def __getitem__(self, key: SupportsIndex) -> Report: ...
    @overload
    def __getitem__(self, key: slice) -> list[Report]: ...
    def __getitem__(self, key: str | SupportsIndex | slice) -> Any:
        if not isinstance(key, str):
            return super().__getitem__(key)
        if key in _OF_REPORTS:
            return [getattr(report, key) for report in self]
        if key not in self.metrics:
            names = ", ".join([*_OF_REPORTS, *self.metrics])
            raise KeyError(f"history: expected one of {names}, got {as_code(key)}. Ask for one of them.")
        return [(report.metrics or {}).get(key) for report in self]

    def plot(self, path: str | Path | BinaryIO | None = None) -> "Figure":
        """Draw the metrics over the epochs, costs in one picture and the others in one beside it.

        Args:
            path: Where to save the picture. Without one a window shows it, where matplotlib has
                one to open.

        Returns:
            The figure, which is what a notebook shows.

        Raises:
            ImportError: matplotlib is not installed; the error has the install line.
            ValueError: There are no epochs.
        """
        if not self.metrics:
            raise ValueError("history: expected at least one epoch, got none. Train first.")
        return figures.drawn(self._draw, path, self.metrics)

    def _draw(self, figure: "Figure") -> None:
        from matplotlib.ticker import MaxNLocator

        costs = [name for name in self.metrics if name.endswith("cost")]
        pictures = [names for names in (costs, [name for name in self.metrics if name not in costs]) if names]
        figure.set_size_inches(4.8 * len(pictures), 3.6)
        for axes, names in zip(figure.subplots(1, len(pictures), squeeze=False)[0], pictures, strict=True):
            for name, label in zip(names, figures.fitted(names, 3.0, 10), strict=True):
                axes.plot(self["epoch"], self[name], marker=".", label=label)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
            axes.legend(frameon=False, fontsize=10)

    def __repr__(self) -> str:
        if not self:
            return "<History of no epochs>"
        found = (self[-1].metrics or {}).items()
        told = ", ".join(f"{shown(name, 80, in_one_line=True)} {value:.4g}" for name, value in found)
        return f"<History of {len(self)} epoch{'s' * (len(self) > 1)}, the last with {told}>"

    def __str__(self) -> str:
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(map(str.rjust, row, widths)) for row in rows)

    def _repr_html_(self) -> str:
        return notebook.table(self._rows(), f"{len(self)} epoch{'s' * (len(self) != 1)}")

    def _rows(self) -> list[list[str]]:
        """Return the table, the names of its columns first."""
        names = self.metrics  # each look at them goes through all epochs
        rows = [["epoch", "seconds", *(shown(name, 80, in_one_line=True) for name in names)]]
        for report in self:
            told = {name: f"{value:.4g}" for name, value in (report.metrics or {}).items()}
            rows.append([str(report.epoch), f"{report.seconds:.2f}", *(told.get(name, "") for name in names)])
        return rows


_OF_REPORTS = ("epoch", "seconds", "rate", "n_correct")


# On disk.


def as_record(report: Report) -> dict[str, Any]:
    """Return the report of an epoch as JSON takes it: one level, so that tables are made of it, metrics last."""
    record = dict(vars(report))
    metrics: dict[str, float] = record.pop("metrics")
    del record["batch_cost"]
    return record | metrics


def from_record(record: dict[str, Any]) -> Report:
    """Return the report of a record; ValueError if it is none."""
    record = dict(record)
    try:
        epoch, epochs, examples, total = (record.pop(name) for name in ("epoch", "epochs", "examples", "total"))
        seconds, n_correct, rate = (record.pop(name) for name in ("seconds", "n_correct", "rate"))
    except KeyError as error:
        raise ValueError(f"expected a report of an epoch, got one without {error}") from None
    for name in record:
        if not is_name(name):
            raise ValueError(f"expected printable names of metrics, got {no_name(name)}")
    whole = [epoch, epochs, examples, total, 0 if n_correct is None else n_correct]
    numbers = [seconds, *record.values(), 0 if rate is None else rate]
    are_numbers = all(type(n) in (int, float) for n in numbers) and 0 <= seconds < math.inf
    if not are_numbers or not all(type(n) is int and 0 <= n < 2**63 for n in whole):
        raise ValueError("expected a report of an epoch in numbers, got others")
    metrics = {sys.intern(name): float(value) for name, value in record.items()}  # many lines have the same names
    rate = None if rate is None else float(rate)
    return Report(epoch, epochs, examples, total, float(seconds), metrics, n_correct, rate)


class Lines:
    """A file of a line of JSON per epoch, which grows while a network trains."""

    def __init__(self, path: str | Path, known: Iterable[Report]) -> None:
        self.path = path_of(path)
        replace_file(self.path, lambda file: file.write(as_lines(known)))

    def append(self, report: Report) -> None:
        """Write the line of an epoch, at once and whole."""
        how = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # a pipe may have taken the name
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | how, 0o666)
        try:
            n_bytes, left = os.fstat(file).st_size, _line(report).encode()
            try:
                while left:  # a disk that is nearly full takes a part
                    left = left[os.write(file, left) :]
            except OSError as error:
                with suppress(OSError):
                    os.ftruncate(file, n_bytes)  # what comes after it would be no line either
                raise OSError(error.errno, error.strerror, str(self.path)) from None
        finally:
            os.close(file)


def _line(report: Report) -> str:
    return json.dumps(as_record(report)) + "\n"


def as_lines(reports: Iterable[Report]) -> bytes:
    """Return the reports of epochs as a file of them holds them, a line of JSON each."""
    return "".join(map(_line, reports)).encode()


def read(path: str | Path) -> History:
    """Return the history in a file of lines of JSON; one that a program that died has left half is passed over.

    Args:
        path: What `fit(..., history_file=path)` wrote.

    Raises:
        OSError: It cannot be read.
        ValueError: It holds something else; the error has the line.
    """
    with regular(path) as file:
        return from_lines(file, path)


def from_lines(file: BinaryIO, path: object) -> History:
    """Return the history in an open file, read line by line, as `read` does; errors name the path."""
    history = History()
    for number, line in enumerate(iter(partial(file.readline, MAX_LENGTH), b""), 1):
        if line.startswith(b"{") and not line.endswith(b"\n") and len(line) < MAX_LENGTH:
            break
        try:
            history.append(from_record(parsed(line.decode("utf-8", "replace"))))  # what is no text is no report
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise ValueError(
                f"{path_shown(path)}: expected a report of an epoch in line {number}, got another line: "
                f"{shown(str(error), 200)}. Give a file that a training wrote its history to."
            ) from None
    return history
