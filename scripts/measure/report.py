"""What several measurements say alike: units, tables, differences, and the machine that they were taken on."""

import os
import platform
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

Row = dict[str, Any]


def readable(seconds: float) -> str:
    """Return a time with the unit that suits it."""
    unit, scale = next(((u, s) for u, s in (("s", 1.0), ("ms", 1e-3)) if seconds >= s), ("us", 1e-6))
    return f"{seconds / scale:.1f} {unit}"


def relative_difference(actual: Any, expected: Any) -> float:
    """Return the largest difference of two arrays of one shape, relative to the largest number expected."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        raise ValueError(f"relative_difference: expected the shape {expected.shape}, got {actual.shape}.")
    return float(np.max(np.abs(actual - expected)) / np.max(np.abs(expected)))


def aligned(columns: Sequence[Sequence[str]]) -> str:
    """Return columns of text side by side, the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for first, *others in zip(*columns, strict=True):
        cells = [first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(others, widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, its columns to the right."""
    lines = [titles, ["---:"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def processor() -> str:
    """Return the processor's name, where the operating system tells."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def machine() -> Row:
    """Return where numbers are taken: the system, the processor, its cores and how busy they are, and Python."""
    return {
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
    }


def installed(distributions: Sequence[str]) -> dict[str, str]:
    """Return the versions of those of the distributions that are there."""
    versions = {}
    for distribution in sorted(set(distributions)):
        with suppress(PackageNotFoundError):
            versions[distribution] = version(distribution)
    return versions
