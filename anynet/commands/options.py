"""What several commands take: where to compute, on how many threads, and where to write."""

import argparse
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from anynet import backends
from anynet.agreement import MOST_THREADS
from anynet.backends import Backend
from anynet.checks import is_name, typed_number
from anynet.commands.errors import UsageError
from anynet.ensemble import COMBINE, Ensemble
from anynet.formats import npz
from anynet.network import Network

AUGMENT = "done to images: 'shift 1' (pixels), 'rotate 10' (degrees), 'scale 10' or 'brightness 20' (%%), 'flip'"
AUGMENT += ", several with commas"
DEFAULT_OUTPUT = Path("network.npz")


# Where to compute.


def add_backend(parser: Any) -> None:
    """Add `--backend`, `--device` and `--threads`."""
    add = parser.add_argument
    names = f"{', '.join(backends.LIBRARIES)} or auto (numpy)"
    add("--backend", default="numpy", metavar="NAME", help=f"array library: {names}")
    add("--device", type=_device, metavar="DEVICE", help="which of its devices: an index, or what it is called")
    threads = "of the processor, for matrix products; by default one to train small layers, else the library's choice"
    threads += "; another number may give other last digits"
    add("--threads", type=_thread_count, metavar="N", help=threads)


def add_saved_network(parser: argparse.ArgumentParser, nargs: str | None = None) -> None:
    """Add the file of a saved network, and where it is to compute."""
    parser.add_argument(
        "file", nargs=nargs, metavar="FILE", help="a saved network, such as train wrote; - is standard input"
    )
    add_backend(parser)


def load_network(arguments: argparse.Namespace) -> Network:
    """Return the network in the file that was named, where it is to compute."""
    backends.get(arguments.backend, arguments.device)  # what was typed comes before what is in the file
    return Network.load(arguments.file, arguments.backend, arguments.device)


def add_combine(parser: Any) -> None:
    """Add `--combine`."""
    ways = ", ".join(f"{name}: {what}" for name, what in COMBINE.items())
    parser.add_argument("--combine", metavar="HOW", help=f"how several networks answer together, by {ways} (average)")


def load_together(paths: Sequence[str], arguments: argparse.Namespace) -> Network | Ensemble:
    """Return the network in a file, or what those in several files are together, where they are to compute."""
    backends.get(arguments.backend, arguments.device)
    if len(paths) > 1:
        return Ensemble.load(paths, arguments.backend, arguments.device, arguments.combine or "average")
    if arguments.combine is not None:
        raise UsageError("--combine: expected several networks to answer together, got one. Leave it out.")
    return Network.load(paths[0], arguments.backend, arguments.device)


def one_of(net: Network | Ensemble) -> Network:
    """Return a network itself, or of several together one that knows the names of classes, if any does."""
    if isinstance(net, Network):
        return net
    return next((each for each in net.networks if each.class_names is not None), net.networks[0])


def is_network(path: str) -> bool:
    """Return whether a file that a command takes for data as well is an .npz file of a network."""
    try:
        arrays, header = npz.read(path, {npz.HEADER, "s"})
    except (OSError, ValueError):
        return False
    return header is not None or "s" in arrays


def add_names(parser: Any) -> None:
    """Add `--names`."""
    help_ = "of the classes, in their order: cat,dog (those of the data, or of the network; else numbers)"
    parser.add_argument("--names", type=_names, metavar="NAME,...", help=help_)


def names(given: tuple[str, ...] | None, known: Sequence[str] | None, n_classes: int | None) -> tuple[str, ...] | None:
    """Return the names of the classes: those that were given, if there are any, or those that are known.

    Raises:
        UsageError: They are too few or too many, name values, or would rename what has names.
    """
    if given is None:
        return None if known is None else tuple(known)
    if n_classes is None:
        raise UsageError("--names: expected classes to name, got values, which have none. Leave it out.")
    if len(given) != n_classes:
        raise UsageError(f"--names: expected {n_classes}, a name for each class, got {len(given)}.")
    if known is not None and not are_numbers(known):
        raise UsageError(f"--names: expected classes without names, got {', '.join(known)[:100]}. Leave it out.")
    return given


def are_numbers(names: Sequence[str]) -> bool:
    """Return whether these names of classes are whole numbers."""
    return all(name.lstrip("-").isdecimal() for name in names)


def _names(text: str) -> tuple[str, ...]:
    """Return names that were typed with commas between them."""
    given = tuple(name.strip() for name in text.split(","))
    if not all(map(is_name, given)) or len(set(given)) < len(given):
        raise argparse.ArgumentTypeError(f"expected different names with commas between them, got {text[:100]!r}")
    return given


def whole(text: str) -> int:
    """Return a whole number that was typed."""
    return int(_typed_number(text, is_whole=True))


def number(text: str) -> float:
    """Return a number that was typed."""
    return _typed_number(text, is_whole=False)


def _typed_number(text: str, is_whole: bool) -> float:
    try:
        return typed_number(text, is_whole)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _device(text: str) -> int | str:
    return whole(text) if text.isdecimal() else text


@contextmanager
def threads(n: int | None, backend: Backend) -> Iterator[None]:
    """Let the libraries that multiply matrices use so many threads; None leaves them as they are.

    The backend comes first: only a library that has been loaded can be told.
    """
    if n is None:
        yield
        return
    if not backend.threads_can_be_set:
        raise UsageError(
            f"--threads: expected a backend that can be told, got {backend.name}, which takes every core it may use."
        )
    with threadpool_limits(n):
        yield


def _thread_count(text: str) -> int:
    try:
        n = whole(text)
    except argparse.ArgumentTypeError:
        n = 0
    if not 1 <= n <= MOST_THREADS:
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 to {MOST_THREADS}, got {text[:100]!r}")
    return n


def positions(text: str) -> tuple[int, ...]:
    """Return whole numbers that were typed with commas between them."""
    if not re.fullmatch(r"\s*\d{1,9}\s*(,\s*\d{1,9}\s*)*", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"expected whole numbers with commas between them, got {text[:100]!r}")
    return tuple(map(int, text.split(",")))


def n_bytes(text: str) -> int:
    """Return a size such as 100MB in bytes; a KB is 1,000 of them."""
    found = re.fullmatch(r"(\d{1,18}(?:\.\d{1,18})?)\s*([KMG]?B)?", text.strip(), re.ASCII | re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(f"expected a number of bytes, or one with KB, MB or GB, got {text[:100]!r}")
    number, unit = found.groups()
    return int(float(number) * 1000 ** ("B", "KB", "MB", "GB").index((unit or "B").upper()))


def add_switch(add: Callable[..., Any], name: str, help_: str) -> None:
    """Add what is on or off; it can be typed either way, as a file of options may have said the other."""
    add(name, action=argparse.BooleanOptionalAction, help=help_)


# Where to write.


def output_path(given: str | None, force: bool) -> Path:
    """Return where to write, found writable: what was given, or `DEFAULT_OUTPUT`, numbered if it exists."""
    if given is None:
        path = free_path(DEFAULT_OUTPUT)
        check_folder("--output", path.parent)
    else:
        if is_folder(given):
            raise ValueError(f"--output: expected a file, got the folder {given!r}. Name a file in it, or another.")
        if given == "-":
            raise ValueError("--output: expected a file, got '-', and standard output takes no network. Name a file.")
        path = npz.with_suffix(given)
        check_file("--output", path, force)
    return path


def check_file(option: str, path: Path, replaces: bool) -> None:
    """Check that a file can be written: that it is new, or may be replaced, in a folder that can be written to."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{option}: expected a file, got {path}, a folder, a pipe or a device. Give another name.")
    if os.path.lexists(path) and not replaces:
        raise ValueError(f"{option}: expected a new file, got {path}, which exists. Add --force to replace it.")
    check_folder(option, path.parent)


def check_differ(paths: dict[str, Path]) -> None:
    """Check that options do not name one file, or folder, for two things."""
    taken: dict[str, str] = {}
    for option, path in paths.items():
        other = taken.setdefault(os.path.normcase(os.path.realpath(path)), option)
        if other != option:
            raise UsageError(f"{option}: expected another file than that of {other}, got {path} for both. Rename one.")


def check_folder(option: str, folder: Path) -> None:
    """Check that a folder can be written to, by what writes nothing that stays."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"{option}: expected a folder that can be written to, got {folder}: {error.strerror}."
        ) from None


def is_folder(given: str) -> bool:
    """Return whether what was given names a folder, one that does not exist among them."""
    return given.endswith(tuple(filter(None, (os.sep, os.altsep)))) or Path(given).is_dir()


def free_path(path: Path) -> Path:
    """Return the path, or the first of its numbered forms that does not exist."""
    return next(free for free in numbered(path) if not os.path.lexists(free))


def numbered(path: Path) -> Iterator[Path]:
    """Yield a path, and then its numbered forms."""
    yield path
    yield from (path.with_stem(f"{path.stem}-{number}") for number in count(1))
