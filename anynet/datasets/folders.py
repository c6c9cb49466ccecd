"""Folders of pictures: a folder for each class, and in it the pictures of that class.

All are read once, so that what is wrong with one of them is told before a training begins.
What is larger than a limit stays on disk after that, and is read again whenever it is needed.
"""

import errno
import math
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from anynet.checks import NAMES, is_name, names_of_classes, no_name, path_of, path_shown, warn, whole_number
from anynet.datasets import images
from anynet.examples import Dataset
from anynet.formats import pictures as how
from anynet.formats.bounded import regular
from anynet.formats.contents import kind_of
from anynet.formats.pictures import Pictures
from anynet.progress import counted
from anynet.typing import HostArray

ENDINGS = (".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".heic", ".heif")
IN_MEMORY = 2**30  # bytes of pixels
TRAIN, TEST = "train", "test"
AGAIN = "Fetch it again."  # the end of what is said of a picture that is broken indeed


@dataclass(frozen=True, eq=False)
class PicturesOnDisk:
    """Images (n, height, width, channels) of uint8 that are read from their files whenever rows are asked for.

    `folder` is that of the data set, `files` are those of the pictures in it, (n,) of texts, and
    `seen` is how each stood when it was read first: none may have changed since.
    """

    folder: Path
    files: HostArray
    seen: HostArray
    pictures: Pictures

    dtype = np.dtype(np.uint8)

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, height, width, channels)."""
        return len(self.files), *self.pictures.shape

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, rows: Any) -> HostArray:
        """Return the images that a slice, a mask or indices choose, as an array; of one index an image alone."""
        if isinstance(rows, (int, np.integer)):
            image: HostArray = self[[rows]][0]
            return image
        chosen = self.chosen(rows)
        x = np.empty(chosen.shape, np.uint8)
        for i, file in enumerate(chosen.files.tolist()):
            with _opened(self.folder / file) as (picture, seen):
                if seen != tuple(chosen.seen[i]):
                    raise _changed(self.folder / file)
                x[i] = images.read_picture(picture, self.folder / file, self.pictures)
        return x

    def chosen(self, rows: Any) -> "PicturesOnDisk":
        """Return those of the pictures that a slice, a mask or indices choose, still on disk."""
        return replace(self, files=self.files[rows], seen=self.seen[rows])


def image_folder(
    path: str | Path,
    size: int | tuple[int, int] | None = None,
    mode: str = "colour",
    fit: str = "crop",
    skip_broken: bool = False,
    class_names: Sequence[str] | None = None,
    pictures: Pictures | None = None,
    memory_limit: int | None = None,
    progress: bool | None = None,
) -> Dataset:
    """Read a folder that has a folder for each class, and in it the pictures of that class.

    A picture is what is one by its content: PNG, JPEG, BMP, GIF, WebP, TIFF or PPM; of
    an animation its first. It is turned as its EXIF data say, and what is transparent is laid on
    white, or on black where that alone shows it. Of 16 bits the upper 8 are taken, and floats lie
    between 0 and 1, so that pictures can be compared; whole numbers of 32 bits are refused, for
    no file says which of them is white. Hidden files and folders, `__MACOSX` and files that are
    no pictures are left out, and a warning counts them.

    Args:
        path: The folder. Classes are numbered in the order of their names' code points.
        size: To which pictures are brought, in pixels: a side, or (height, width). None leaves
            them as they are; then all have to have one size.
        mode: "colour", or "grey" of one channel.
        fit: How a picture of other proportions is brought to the size: "crop" keeps the middle
            of it, "squeeze" all of it, in other proportions.
        skip_broken: Whether a picture that cannot be read is left out, with a warning that names
            it; otherwise it is an error.
        class_names: The classes as numbered by a network or by other data, of which some may be missing here;
            by default they are told by the folders.
        pictures: What was done to those that a network has learnt from, `net.pictures`, to be
            done to these, in the place of size, mode and fit.
        memory_limit: In bytes of pixels: of more than this, each is read from its file whenever it
            is needed. None is 1 GiB.
        progress: Whether a bar counts the pictures of a folder that takes more than a second; None:
            where somebody watches, on a terminal or in a notebook.

    Returns:
        The data set: x (n, height, width, channels) of uint8, labels, and the names of the classes.

    Raises:
        OSError: A folder or a file cannot be read.
        ImportError: Pillow is not installed.
        ValueError: There is no folder of a class, or one alone, or an empty one, or one of a name that
            is not among `class_names`; a picture is broken, or has another size; the folder
            changes while it is read; there is a fit without a size, or one of them beside `pictures`.
        TypeError: A size is no whole number.

    Example:
        >>> import pathlib, tempfile
        >>> from anynet import datasets
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name, grey in (("day", 250), ("night", 5)):
        ...         path = pathlib.Path(folder) / name / "1.pgm"
        ...         path.parent.mkdir()
        ...         size = path.write_bytes(b"P5 2 2 255 " + bytes([grey] * 4))
        ...     data = datasets.image_folder(folder, size=8, mode="grey")
        >>> data.x.shape, data.y.tolist(), data.class_names
        ((2, 8, 8, 1), [0, 1], ('day', 'night'))

        Where a folder holds `train` and `test`, the former is read first, and says how the latter is:

        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("train/day", "train/night", "test/night"):
        ...         path = pathlib.Path(folder) / name / "1.pgm"
        ...         path.parent.mkdir(parents=True)
        ...         size = path.write_bytes(b"P5 2 2 255 " + bytes(4))
        ...     train = datasets.image_folder(f"{folder}/train", size=8)
        ...     test = datasets.image_folder(
        ...         f"{folder}/test", class_names=train.class_names, pictures=train.pictures
        ...     )
        >>> test.x.shape, test.y.tolist()
        ((1, 8, 8, 3), [1])
    """
    folder, limit = path_of(path), IN_MEMORY
    if memory_limit is not None:
        limit = whole_number("memory_limit", memory_limit, least=0, limits="a number of bytes from 0")
    wanted = how.asked_for(size, mode, fit, pictures)
    files, labels, names = _listed(folder, names_of_classes(class_names))
    pictures = _made(folder, files, *wanted) if pictures is None else pictures
    x, is_whole, broken = _read(folder, np.array(files, object), pictures, limit, skip_broken, progress)
    if broken:
        _tell_broken(folder, broken, names, labels[is_whole])
    return Dataset(x, labels[is_whole], names, pictures=pictures)


def train_and_test(path: str | Path) -> tuple[Path, Path] | None:
    """Return the folders `train` and `test` in a folder, in any case, each with folders of classes; None without."""
    folder = Path(path)
    inner = _entries(folder)[0]
    named = {name.casefold(): name for name in inner}  # of several that of small letters, the last
    if not {TRAIN, TEST} <= named.keys():
        return None
    train, test = folder / named[TRAIN], folder / named[TEST]
    if not _entries(train)[0] or not _entries(test)[0]:
        return None
    beside = [name for name in inner if name not in (train.name, test.name)]
    if beside:
        shown = f"{', '.join(map(path_shown, beside[:10]))}{', ...' * (len(beside) > 10)}"
        left_out = f"left out of the folders in it, beside {train.name} and {test.name} ({len(beside)})"
        warn(f"{path_shown(path)}: {left_out}: {shown}.")
    return train, test


# What is there.


def _entries(folder: Path) -> tuple[list[str], list[str], int]:
    """Return the names of the folders and of the files in a folder, sorted, and how many hidden ones there are."""
    folders: list[str] = []
    files: list[str] = []
    n_hidden = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                n_hidden += 1
            else:
                (folders if _is_folder(entry) else files).append(entry.name)
    return sorted(folders), sorted(files), n_hidden


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _listed(folder: Path, known: tuple[str, ...] | None) -> tuple[list[str], HostArray, tuple[str, ...]]:
    """Return the files of pictures in a folder, the class of each, and the names of the classes."""
    classes, beside, n_hidden = _entries(folder)
    left_out = Counter({"hidden": n_hidden, "beside the folders of classes": len(beside)})
    names = _names(folder, classes)
    found = tuple(sorted(names.values()))
    _check_classes(folder, found, known, beside)
    files, labels, numbers = [], [], {name: i for i, name in enumerate(known or found)}
    for name in sorted(classes, key=names.__getitem__):
        inner, given, n_hidden = _entries(folder / name)
        pictures = [file for file in given if _is_picture(folder / name, file)]
        if not pictures:
            raise ValueError(f"{path_shown(folder / name)}: expected pictures of a class, {_instead(folder / name)}.")
        files += [f"{name}/{picture}" for picture in pictures]
        labels += [numbers[names[name]]] * len(pictures)
        others = {"hidden": n_hidden, "folders in folders": len(inner), "no pictures": len(given) - len(pictures)}
        left_out.update(others)
    said = [f"{kind}: {n}" for kind, n in left_out.items() if n]
    if said:
        warn(f"{path_shown(folder)}: left out of the files and folders in it ({', '.join(said)}).")
    return files, np.array(labels), known or found


def _names(folder: Path, classes: list[str]) -> dict[str, str]:
    """Return the names of classes by those of their folders: one system takes accents apart, another does not."""
    names = {name: unicodedata.normalize("NFC", name) for name in classes}
    for name in classes:
        if not is_name(names[name]):
            cure = "Rename the folder"
            raise ValueError(f"{path_shown(folder / name)}: expected {NAMES}, got {no_name(names[name])}. {cure}.")
    first: dict[str, str] = {}
    for name in classes:
        if (other := first.setdefault(names[name], name)) != name:
            raise ValueError(
                f"{path_shown(folder)}: expected folders of different names, got {names[name]} twice, its accents "
                f"written as {other!a} and as {name!a}. Put the pictures of both into one of the two."
            )
    return names


def _check_classes(folder: Path, found: tuple[str, ...], known: tuple[str, ...] | None, beside: list[str]) -> None:
    where = path_shown(folder)
    if not found:
        got = f"files alone, {len(beside)} of them" if beside else "nothing"
        raise ValueError(f"{where}: expected a folder of pictures for each class, got {got}. Sort them into folders.")
    unknown = [name for name in found if known is not None and name not in known]
    is_one_too_high = len(found) == 1 and (known is None or bool(unknown))
    if is_one_too_high and (inner := _folders_alone(folder)):
        raise ValueError(f"{where}: expected a folder of pictures for each class, got only {found[0]}, {inner}.")
    if known is None and len(found) < 2:
        raise ValueError(f"{where}: expected at least two classes, got only {found[0]}. Add a folder of another.")
    if unknown:
        raise ValueError(
            f"{path_shown(folder / unknown[0])}: expected a class among {', '.join(known or ())[:100]}, got "
            f"{unknown[0]}. Rename the folder, or take it away."
        )


def _folders_alone(folder: Path) -> str:
    """Return what is said of the one folder in a folder where it holds folders and no pictures; else nothing."""
    [name], _, _ = _entries(folder)
    inner, files, _ = _entries(folder / name)
    if not inner or any(_is_picture(folder / name, file) for file in files):
        return ""
    train = f", or add a folder {TEST} beside it, with a folder for each class" * (name.casefold() == TRAIN)
    return f"which holds folders, {_some(inner)}. Name {path_shown(folder / name)}{train}"


def _instead(folder: Path) -> str:
    """Return what is in a folder of no pictures, and what to do."""
    inner = _entries(folder)[0]
    if not inner:
        return "got none. Add some, or take the folder away"
    got, above = f"got folders, {_some(inner)}", folder.parent
    named = {name.casefold(): above / name for name in _entries(above)[0]}
    if not {TRAIN, TEST} <= named.keys():
        return f"{got}. Name {path_shown(folder)} if those are the classes"
    bare = [path for path in (named[TRAIN], named[TEST]) if not _entries(path)[0]]
    if bare:
        cure = f"sort the pictures of {path_shown(bare[0])} into a folder for each class"
        return f"{got}. Name {path_shown(folder)}, or {cure}"
    return f"{got}. Read {path_shown(named[TRAIN])} first, and then {path_shown(named[TEST])}"


def _some(names: list[str]) -> str:
    return path_shown(", ".join(names))[:100]


def _is_picture(folder: Path, name: str) -> bool:
    """Return whether a file is to be read: by its name, which is quick for many, or else by its first bytes."""
    if name.lower().endswith(ENDINGS):
        return True
    try:
        with regular(folder / name) as file:
            return kind_of(file.read(1000)).endswith("picture")
    except (OSError, ValueError):  # a link to nothing, a pipe: it may be one, and is told when it is read
        return True


def _changed(path: Path) -> ValueError:
    return ValueError(
        f"{path_shown(path)}: expected a picture as it was when the folder was listed, got none, or another: it "
        "changes while it is read. Wait until it is whole, and read it again."
    )


# What is in it.


def _made(folder: Path, files: list[str], size: tuple[int, int] | None, mode: str, fit: str) -> Pictures:
    """Return what is done to pictures: where no size is asked for, they have that of the first that can be read."""
    if size is not None:
        return Pictures(*size, mode, fit)
    for file in files:
        with _opened(folder / file) as (picture, _), suppress(images.BrokenError):
            return Pictures(*images.size_of(picture, folder / file, mode), mode)
    return Pictures(1, 1, mode)  # none can be read, which is told when they are


def _read(
    folder: Path, files: HostArray, pictures: Pictures, limit: int, skip_broken: bool, progress: bool | None
) -> tuple[HostArray | PicturesOnDisk, HostArray, dict[str, str]]:
    """Return the images of all pictures that are whole, in memory or on disk, and what was said of the others."""
    keeps = len(files) * math.prod(pictures.shape) <= limit
    x = np.empty((len(files) if keeps else 0, *pictures.shape), np.uint8)
    seen, is_whole, n = np.zeros((len(files), 2), np.int64), np.zeros(len(files), bool), 0
    broken: dict[str, str] = {}
    for i, file in enumerate(counted(files.tolist(), "Reading pictures", progress)):
        try:
            with _opened(folder / file) as (picture, seen[i]):
                image = images.read_picture(picture, folder / file, pictures)
        except images.BrokenError as error:
            if not skip_broken:
                raise
            broken[file] = str(error)
            continue
        if keeps:
            x[n] = image
        n, is_whole[i] = n + 1, True
    if keeps:
        return x[:n], is_whole, broken
    return PicturesOnDisk(folder, files[is_whole], seen[is_whole], pictures), is_whole, broken


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, tuple[int, int]]]:
    """Open a file for a `with` statement; how it stands comes with it, its bytes and when it was changed."""
    expected = f"{path_shown(path)}: expected a picture, got"
    try:
        file = regular(path)
    except FileNotFoundError:
        if path.is_symlink():
            raise images.BrokenError(f"{expected} a link to what is not there. Fetch that, or take it away.") from None
        raise _changed(path) from None
    except ValueError:
        raise images.BrokenError(f"{expected} a pipe or a device. Save what it holds in a file.") from None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise images.BrokenError(f"{expected} a link to itself. Take it away.") from None
    with file:
        status = os.fstat(file.fileno())
        yield file, (status.st_size, status.st_mtime_ns)


def _tell_broken(folder: Path, broken: dict[str, str], names: tuple[str, ...], labels: HostArray) -> None:
    """Warn of broken pictures that are left out, by what was said of each; ValueError if none of a class is left."""
    files = [path_shown(file) for file in broken]
    said = f"left out as broken ({len(files)}): {', '.join(files[:10])}{', ...' * (len(files) > 10)}."
    reasons: dict[str, str] = {}  # and a file of each, but where nothing is to be done but to fetch it again
    for file, words in broken.items():
        reason = words.partition(", got ")[2]
        if not reason.endswith(AGAIN):
            reasons.setdefault(reason, path_shown(file))
    cures = [f" {file}: got {reason}" for reason, file in list(reasons.items())[:3]]
    warn(f"{path_shown(folder)}: {said}{''.join(cures)}")
    left = {names[label] for label in set(labels.tolist())}
    for name in dict.fromkeys(file.partition("/")[0] for file in broken):
        if unicodedata.normalize("NFC", name) not in left:
            where = path_shown(folder / name)
            raise ValueError(f"{where}: expected pictures of a class, got broken ones alone. Add some.")
