"""What a training must agree with to go on from a checkpoint: the same data, network, optimizer and settings."""

import hashlib
import json
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anynet import backends
from anynet.backends.threads import Threads
from anynet.callbacks import Checkpoint
from anynet.checks import path_of, shown, warn
from anynet.examples import Dataset, is_sparse, rows_at
from anynet.formats.json import parsed
from anynet.formats.replacing import sweep
from anynet.saving import checkpoint as files
from anynet.saving import native
from anynet.saving.checkpoint import Moment
from anynet.saving.saved import SavedNetwork
from anynet.typing import HostArray

if TYPE_CHECKING:
    from anynet.training import Training

_WITHOUT = {"transform": "none"}  # what trainings were made of when their checkpoints did not say so
N_ROWS = 100  # of x, by which data are known
MOST_THREADS = 1024  # that a file can ask for


def found(training: "Training", data: Dataset, validation: Any) -> "Training":
    """Return a training that knows what it is made of, and the checkpoint that it goes on from, if there is one.

    Raises:
        ValueError: The folder of new checkpoints holds those of another training, or the
            checkpoint is of other data, another network, another optimizer, other settings, or
            a newer version; or none of them is whole.
        OSError: A folder cannot be read, or not made.
    """
    conduct = training.conduct
    if conduct.checkpoint is None and conduct.resume is None:
        return training
    if conduct.checkpoint is not None:
        check_free(conduct.checkpoint, conduct.resume)
    made_of = _made_of(training, data, validation)
    moment = None if conduct.resume is None else files.newest(path_of(conduct.resume, "resume"))
    if moment is not None:
        _check(moment, made_of, training)
        training = _read_alike(moment.network, replace(training, threads=_as_before(moment, training)))
        if moment.exact_on != (now := exact_on(training)):
            then = ", ".join(f"{name} {value}" for name, value in moment.exact_on.items())
            here = ", ".join(f"{name} {value}" for name, value in now.items())
            warn(
                f"resume: the checkpoint was written on {shown(then, 100)}, and training goes on on {here}. Its "
                "numbers will be those of an uninterrupted training but for rounding, no longer bit for bit."
            )
    if conduct.checkpoint is not None:
        folder = Path(conduct.checkpoint.folder)
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
    return replace(training, made_of=made_of, moment=moment)


def is_same_folder(wanted: Checkpoint | None, resumed: str | Path | None) -> bool:
    """Return whether new checkpoints are wanted in the folder that a training goes on from."""
    return wanted is not None and resumed is not None and Path(wanted.folder).resolve() == Path(resumed).resolve()


def check_free(wanted: Checkpoint, resumed: str | Path | None) -> None:
    """Raise ValueError if where checkpoints are to be written holds those of another training."""
    folder = Path(wanted.folder)
    if folder.is_dir() and files.numbered(folder) and not is_same_folder(wanted, resumed):
        raise ValueError(
            f"checkpoint: expected a folder without checkpoints, got {folder}, which holds those of another "
            "training. Go on from them with resume=..., or take another folder."
        )


def _as_before(moment: Moment, training: "Training") -> Threads:
    """Return on how many threads to go on: as before, for bits depend on it, unless another number was asked for."""
    then, now = moment.exact_on.get("threads"), training.threads
    is_told = (
        isinstance(then, int) and 1 <= then <= MOST_THREADS and moment.exact_on.get("backend") == training.backend.name
    )
    return Threads(then, is_asked=True) if is_told and now.number is not None and not now.is_asked else now


def _read_alike(then: SavedNetwork, training: "Training") -> "Training":
    """Return a training whose classes are called, and whose x is made, as before: what is not said now is so still."""
    now, class_names = training.examples, training.conduct.class_names
    pairs = {
        "class names": (then.class_names, class_names),
        "columns": (then.columns, now.columns),
        "pictures": (then.pictures, now.pictures),
    }
    for name, (before, given) in pairs.items():
        if given not in (None, before) and before is not None:
            raise _other(name, before, given)
    examples = replace(now, columns=now.columns or then.columns, pictures=now.pictures or then.pictures)
    conduct = replace(training.conduct, class_names=class_names or then.class_names)
    return replace(training, examples=examples, conduct=conduct)


def _other(name: str, then: Any, now: Any) -> ValueError:
    if name == "network":
        then, now = _different(str(then), now)
    got = f"expected the {name} of the checkpoint, {shown(str(then), 300)}, got {shown(str(now), 300)}"
    return ValueError(f"resume: {got}. Go on with the same, or start afresh in another folder.")


def _different(then: str, now: str) -> tuple[str, str]:
    """Return what two networks, described in JSON, do not have in common."""
    try:
        both = parsed(then), json.loads(now)
    except (ValueError, RecursionError):
        both = None, json.loads(now)
    if not isinstance(both[0], dict):
        return "one that is none", now
    names = [name for name in both[1] if both[0].get(name) != both[1][name]]
    one, other = (", ".join(f"{name} {json.dumps(each.get(name))[:100]}" for name in names) for each in both)
    return one, other


def _check(moment: Moment, made_of: dict[str, str], training: "Training") -> None:
    for name, now in made_of.items():
        then = moment.made_of.get(name, _WITHOUT.get(name))
        if name == "epochs" and then is not None and then != now:
            raise ValueError(
                f"resume: expected epochs={shown(then, 20)}, got {now}: the learning rate is tied to the length of the "
                "training. Give its schedule a length in steps or epochs from the start, or keep to that number."
            )
        if then != now:
            raise _other(name, then, now)
    n, size = len(training.examples), training.batch_size
    n_steps = moment.epoch * -(-n // size) + moment.examples // size
    if moment.examples >= n or moment.examples % size or moment.n_steps < n_steps:
        raise ValueError(f"resume: expected a moment of a training on {n} examples, got another. Start afresh.")
    if moment.epoch > training.epochs:
        raise ValueError(
            f"epochs: expected at least {moment.epoch}, for so many are over, got {training.epochs}. "
            "It is the total, those before the checkpoint counted."
        )


def _made_of(training: "Training", data: Dataset, validation: Any) -> dict[str, str]:
    """Return what must be the same to go on, as texts, by what it is called."""
    weights = training.weights
    tied = training.optimizer.schedule is not None and training.optimizer.schedule.is_tied_to_length
    return {
        "training data": _fingerprint(data) + _told(weights.examples) + _told(weights.labels, " of labels"),
        "network": json.dumps(native.described(training.architecture)),
        "optimizer": _described(training.optimizer),
        "validation data": "none" if validation is None else _fingerprint(validation) + _told(weights.validation),
        "batch_size": str(training.batch_size),
        "shuffle": str(training.conduct.shuffle),
        "freeze": str([l + 1 for l in training.split.frozen]),
        "transform": ", ".join(map(_described, training.conduct.transforms)) or "none",
        "early_stopping": _described(training.conduct.early_stopping),
        "regularization": _described(training.regularization),
    } | ({"epochs": str(training.epochs)} if tied else {})


def _described(value: Any) -> str:
    """Return a value by its class and its fields, and those in it; a function by its name, all else by its class."""
    if not is_dataclass(value):
        plain = value is None or isinstance(value, (bool, int, float, str, tuple))
        return repr(value) if plain else getattr(value, "__qualname__", type(value).__qualname__)
    told = ", ".join(f"{each.name}={_described(getattr(value, each.name))}" for each in fields(value))
    return f"{type(value).__name__}({told})"


def exact_on(training: "Training") -> dict[str, Any]:
    """Return on what a training runs: elsewhere its numbers are others in their last digits."""
    backend = training.backend
    split = {} if training.split.size is None else {"micro_batch_size": training.split.size}
    return {"backend": backend.name, "dtype": backend.dtype, "threads": training.threads.number} | split


def _fingerprint(data: Dataset) -> str:
    """Return by what data are known: shapes, dtypes, and a checksum of y and of rows spread over x."""
    n = len(data)
    spread = np.unique(np.linspace(0, n - 1, min(n, N_ROWS)).round().astype(int))
    rows = rows_at(data.x, spread)
    rows = rows.toarray() if is_sparse(rows) else backends.to_numpy(rows)
    y = backends.to_numpy(data.y)
    told = [f"{a.dtype} {tuple(a.shape)}" for a in (data.x, data.y)]
    return f"x {told[0]}, y {told[1]}, checksum {_checksum(rows, y)}"


def _told(weights: HostArray | None, of: str = "") -> str:
    return "" if weights is None else f", weights{of} {_checksum(weights)}"


def _checksum(*arrays: HostArray) -> str:
    digest = hashlib.sha256()
    for a in arrays:
        digest.update(np.ascontiguousarray(a).tobytes())
    return digest.hexdigest()[:16]
