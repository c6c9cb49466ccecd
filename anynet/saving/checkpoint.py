"""Checkpoints: a training as it stands between two chunks, on disk.

Each is a native file, of the network as it stands, with more in it: the optimizer's slots and
the best parameters as arrays, all else as JSON in the header. What a file says is checked here;
whether it belongs to a training is seen where that goes on.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anynet import history
from anynet.checks import warn
from anynet.formats import npz
from anynet.history import Report
from anynet.saving import native
from anynet.saving.saved import SavedNetwork
from anynet.typing import HostArray

VERSION = 2  # 1 kept no slots of the best epoch
NAME = re.compile(r"step-(\d{1,18})\.npz")


class NewerError(ValueError):
    """A checkpoint of a newer version: it is whole, and an older one is no substitute."""


@dataclass(frozen=True, eq=False)
class Moment:
    """All that a training is between two chunks, in what JSON takes, and in host arrays."""

    network: SavedNetwork
    optimizer: list[HostArray]  # its slots, in the order of their tree
    best: list[HostArray]  # the train state of the best epoch, likewise; none if there is none
    epoch: int
    examples: int  # seen in it
    seconds: float  # of it
    n_steps: int  # of the optimizer
    streams: dict[str, Any]
    stopping: list[Any]  # what early stopping has seen, but for the best arrays
    watched: list[Any] | None  # what the schedule has seen
    history: list[Report]
    made_of: dict[str, str]  # what must be the same to go on
    exact_on: dict[str, Any]  # what must be the same to go on to the same bits


_OF_HEADER: dict[str, Any] = {  # of which types they are
    "epoch": int,
    "examples": int,
    "seconds": (int, float),
    "n_steps": int,
    "streams": dict,
    "stopping": list,
    "watched": (list, type(None)),
    "history": list,
    "made_of": dict,
    "exact_on": dict,
}


def write(folder: Path, number: int, moment: Moment, keep: int) -> Path:
    """Write a checkpoint, whole or not at all, and remove those but the newest; return its path.

    Args:
        folder: Where; it must exist.
        number: How many steps into the training it is.
        moment: What it holds.
        keep: How many stay. What bears a higher number is none of this training's, and goes too.

    Raises:
        OSError: It cannot be written; those that were there still are.
        ValueError: The network holds a formula of the user's own.
    """
    arrays, header = native.entries(moment.network)
    for kind in ("optimizer", "best"):
        arrays |= {f"checkpoint_{kind}{i}": a for i, a in enumerate(getattr(moment, kind))}
    told = {name: getattr(moment, name) for name in _OF_HEADER}
    told["history"] = [history.as_record(report) for report in moment.history]
    path = npz.write(folder / f"step-{number:09}.npz", arrays, header | {"checkpoint": {"version": VERSION, **told}})
    numbers = numbered(folder)
    kept = sorted(n for n in numbers if n <= number)[-keep:]
    for n in numbers.keys() - set(kept):
        numbers[n].unlink(missing_ok=True)
    return path


def numbered(folder: Path) -> dict[int, Path]:
    """Return the checkpoints in a folder by their numbers."""
    found = ((NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return {int(name[1]): path for name, path in found if name is not None}


def newest(folder: Path) -> Moment | None:
    """Return the newest checkpoint in a folder that is whole; None if there is none at all.

    Raises:
        ValueError: None of those that are there is whole, or one is of a newer version.
        OSError: The folder cannot be read.
    """
    paths = sorted(numbered(folder).items(), reverse=True) if folder.exists() else []
    refused: list[str] = []
    for _, path in paths:
        try:
            moment = read(path)
        except NewerError:
            raise
        except (ValueError, OSError) as error:
            refused.append(str(error))
            continue
        if refused:
            warn(f"{refused[0].rstrip('.')}. Training goes on from an older checkpoint, {path}.")
        return moment
    if refused:
        raise ValueError(f"{refused[0].rstrip('.')}. No older checkpoint is whole: start afresh in another folder.")
    return None


def read(path: Path) -> Moment:
    """Return a checkpoint.

    Raises:
        OSError: It cannot be read.
        ValueError: It is damaged, or none; a `NewerError` if a newer version wrote it.
    """
    arrays, header = npz.read(path)
    told = (header or {}).get("checkpoint")
    if not isinstance(told, dict):
        raise ValueError(f"{path}: expected a checkpoint, got a file that holds none.")
    for found, known in ((told.get("version"), VERSION), ((header or {}).get("format_version"), native.FORMAT_VERSION)):
        if type(found) is int and found > known:
            raise NewerError(
                f"{path}: expected a checkpoint of version {known}, got {str(found)[:20]}. A newer version of anynet "
                "has written it: pip install --upgrade anynet-nn"
            )
    network = native.read(path)
    try:
        return _checked(network, arrays, told)
    except (KeyError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{path}: expected a whole checkpoint, got a faulty one: {str(error)[:200]}") from None


def _checked(network: SavedNetwork, arrays: dict[str, HostArray], told: dict[str, Any]) -> Moment:
    for name, kind in _OF_HEADER.items():
        if not isinstance(told[name], kind) or isinstance(told[name], bool):
            raise ValueError(f"{name} of another kind, {str(told[name])[:40]}")
    if min(told["epoch"], told["examples"], told["n_steps"]) < 0:
        raise ValueError("numbers below 0")
    if not all(isinstance(value, str) for value in told["made_of"].values()):
        raise ValueError("made_of without texts")
    listed = {kind: _listed(arrays, f"checkpoint_{kind}") for kind in ("optimizer", "best")}
    values = {name: told[name] for name in _OF_HEADER} | listed
    return Moment(network, **values | {"history": [history.from_record(record) for record in told["history"]]})


def _listed(arrays: dict[str, HostArray], name: str) -> list[HostArray]:
    """Return the arrays called name0, name1, ... as far as they go."""
    listed: list[HostArray] = []
    while f"{name}{len(listed)}" in arrays:
        listed.append(arrays[f"{name}{len(listed)}"])
    return listed
