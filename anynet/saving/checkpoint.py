"""Checkpoints: a training as it stands between two chunks, on disk.

Each is a native file, of the network as it stands, with more in it: the optimizer's slots and
the best parameters as arrays, all else as JSON in the header. What a file says is checked here;
whether it belongs to a training is seen where that goes on.
"""

import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from anynet import history
from anynet.checks import path_shown, shown, warn
from anynet.formats import npz
from anynet.history import Report
from anynet.saving import native
from anynet.saving.saved import SavedNetwork
from anynet.typing import HostArray

VERSION = 3  # 1 kept no slots of the best epoch, 2 had its history in the header
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


_HISTORY = "checkpoint_history"  # bytes of lines of JSON, of which there may be more than a header holds
_OF_HEADER: dict[str, Any] = {  # of which types they are
    "epoch": int,
    "examples": int,
    "seconds": (int, float),
    "n_steps": int,
    "streams": dict,
    "stopping": list,
    "watched": (list, type(None)),
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
    arrays[_HISTORY] = np.asarray(bytearray(history.as_lines(moment.history)))
    told = {name: getattr(moment, name) for name in _OF_HEADER}
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
            warn(f"{refused[0].rstrip('.')}. Training goes on from an older checkpoint, {path_shown(path)}.")
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
        raise ValueError(f"{path_shown(path)}: expected a checkpoint, got a file that holds none.")
    for found, known in ((told.get("version"), VERSION), ((header or {}).get("format_version"), native.FORMAT_VERSION)):
        if type(found) is int and found > known:
            raise NewerError(
                f"{path_shown(path)}: expected a checkpoint of version {known}, got {str(found)[:20]}. A newer version "
                "of anynet has written it: pip install --upgrade anynet-nn"
            )
    network = native.of(arrays, header, path_shown(path))
    try:
        return _checked(network, arrays, told)
    except KeyError as error:
        raise ValueError(f"{path_shown(path)}: expected a whole checkpoint, got one without {error}.") from None
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(
            f"{path_shown(path)}: expected a whole checkpoint, got a faulty one: {shown(str(error), 200)}"
        ) from None


def _checked(network: SavedNetwork, arrays: dict[str, HostArray], told: dict[str, Any]) -> Moment:
    if type(told["version"]) is not int:
        raise ValueError("a version that is none")
    for name, kind in _OF_HEADER.items():
        if not isinstance(told[name], kind) or isinstance(told[name], bool):
            raise ValueError(f"{name} of another kind")
    if not all(map(_is_whole, (told["epoch"], told["examples"], told["n_steps"]))):
        raise ValueError("numbers of epochs, examples or steps that cannot be")
    if not 0 <= told["seconds"] < 2**63:
        raise ValueError("seconds that cannot be")
    if not all(isinstance(value, str) for value in [*told["made_of"].values(), told["exact_on"]["backend"]]):
        raise ValueError("made_of or exact_on without texts")
    _check_seen(told["stopping"], told["watched"])
    listed = {kind: _listed(arrays, f"checkpoint_{kind}") for kind in ("optimizer", "best")}
    values = {name: told[name] for name in _OF_HEADER} | listed
    return Moment(network, **values | {"seconds": float(told["seconds"]), "history": _history(arrays, told)})


def _history(arrays: dict[str, HostArray], told: dict[str, Any]) -> list[Report]:
    """Return the reports so far, which a former version had in the header."""
    if told["version"] < 3:
        return [history.from_record(record) for record in told["history"]]
    lines = arrays[_HISTORY]
    if lines.dtype != np.uint8 or lines.ndim != 1:
        raise ValueError("a history of another kind")
    return history.from_lines(BytesIO(lines.tobytes()), "history")


def _check_seen(stopping: list[Any], watched: list[Any] | None) -> None:
    """Check what early stopping and a schedule have seen: numbers, in an order."""
    epoch, value, passed, waited, *more = stopping
    are_numbers = (epoch is None or _is_whole(epoch)) and _is_whole(waited) and all(map(_is_float, (value, passed)))
    if not are_numbers or len(more) > 1 or not all(map(_is_watched, (watched, *more))):
        raise ValueError("stopping or watched that cannot be")


def _is_watched(seen: Any) -> bool:
    if seen is None:
        return True
    is_list = isinstance(seen, list) and len(seen) == 3
    return is_list and _is_whole(seen[0]) and _is_float(seen[1]) and _is_whole(seen[2])


def _is_whole(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_float(value: object) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < 2**63)


def _listed(arrays: dict[str, HostArray], name: str) -> list[HostArray]:
    """Return the arrays called name0, name1, ... as far as they go."""
    listed: list[HostArray] = []
    while f"{name}{len(listed)}" in arrays:
        listed.append(arrays[f"{name}{len(listed)}"])
    return listed
