"""Folders of pictures: a folder for each class, and in it the pictures of that class.

All are read once, so that what is wrong with one of them is told before a training begins.
What is larger than a limit stays on disk after that, and is read again whenever it is needed.
"""

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

from anynet.checks import names_of_classes, warn, whole_number
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
    an animation its first. It is turned as its EXIF data say, what is transparent is laid on white,
    or on black where that alone shows it, and 16 bits become 8. Hidden files and folders,
    `__MACOSX` and files that are no pictures are left out, and a warning counts them.

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
            changes while it is read.
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
    """
    folder, limit = Path(path), IN_MEMORY
    if memory_limit is not None:
        limit = whole_number("memory_limit", memory_limit, least=0, limits="a number of bytes from 0")
    wanted = how.asked_for(size, mode, fit)
    files, labels, names = _listed(folder, names_of_classes(class_names))
    pictures = _made(folder, files, *wanted) if pictures is None else pictures
    x, is_whole = _read(folder, np.array(files, object), pictures, limit, skip_broken, progress)
    if not is_whole.all():
        _tell_broken(folder, np.array(files, object)[~is_whole].tolist(), names, labels[is_whole])
    return Dataset(x, labels[is_whole], names, pictures=pictures)


def train_and_test(path: str | Path) -> tuple[Path, Path] | None:
    """Return the folders `train` and `test` in a folder, each with folders of classes; None if it has no two such."""
    train, test = Path(path) / TRAIN, Path(path) / TEST
    for folder in (train, test):
        if not folder.is_dir() or not _entries(folder)[0]:
            return None
    beside = sorted({*_entries(Path(path))[0]} - {TRAIN, TEST})
    if beside:
        shown = f"{', '.join(beside[:10])}{', ...' * (len(beside) > 10)}"
        warn(f"{path}: left out of the folders in it, beside {TRAIN} and {TEST} ({len(beside)}): {shown}.")
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
                (folders if entry.is_dir() else files).append(entry.name)
    return sorted(folders), sorted(files), n_hidden


def _listed(folder: Path, known: tuple[str, ...] | None) -> tuple[list[str], HostArray, tuple[str, ...]]:
    """Return the files of pictures in a folder, the class of each, and the names of the classes."""
    classes, beside, n_hidden = _entries(folder)
    left_out = Counter({"hidden": n_hidden, "beside the folders of classes": len(beside)})
    # One system takes names as they were typed, another takes accents apart.
    names = {name: unicodedata.normalize("NFC", name) for name in classes}
    found = names_of_classes(sorted(names.values())) or ()
    _check_classes(folder, found, known, beside)
    files, labels, numbers = [], [], {name: i for i, name in enumerate(known or found)}
    for name in sorted(classes, key=names.__getitem__):
        inner, given, n_hidden = _entries(folder / name)
        pictures = [file for file in given if _is_picture(folder / name, file)]
        if not pictures:
            cure = "Name one of those: the classes are folders in it" if inner else "Add some, or take the folder away"
            got = f"folders, {', '.join(inner)[:100]}" if inner else "none"
            raise ValueError(f"{folder / name}: expected pictures of a class, got {got}. {cure}.")
        files += [f"{name}/{picture}" for picture in pictures]
        labels += [numbers[names[name]]] * len(pictures)
        others = {"hidden": n_hidden, "folders in folders": len(inner), "no pictures": len(given) - len(pictures)}
        left_out.update(others)
    said = [f"{kind}: {n}" for kind, n in left_out.items() if n]
    if said:
        warn(f"{folder}: left out of the files and folders in it ({', '.join(said)}).")
    return files, np.array(labels), known or found


def _check_classes(folder: Path, found: tuple[str, ...], known: tuple[str, ...] | None, beside: list[str]) -> None:
    if not found:
        got = f"files alone, {len(beside)} of them" if beside else "nothing"
        raise ValueError(f"{folder}: expected a folder of pictures for each class, got {got}. Sort them into folders.")
    if known is None and len(found) < 2:
        raise ValueError(f"{folder}: expected at least two classes, got only {found[0]}. Add a folder of another.")
    unknown = [name for name in found if known is not None and name not in known]
    if unknown:
        raise ValueError(
            f"{folder / unknown[0]}: expected a class among {', '.join(known or ())[:100]}, got {unknown[0]}. "
            "Rename the folder, or take it away."
        )


def _is_picture(folder: Path, name: str) -> bool:
    """Return whether a file is to be read: by its name, which is quick for many, or else by its first bytes."""
    if name.lower().endswith(ENDINGS):
        return True
    with regular(folder / name) as file:
        return kind_of(file.read(1000)).endswith("picture")


def _changed(path: Path) -> ValueError:
    return ValueError(
        f"{path}: expected a picture as it was when the folder was listed, got none, or another: it changes while it "
        "is read. Wait until it is whole, and read it again."
    )


# What is in it.


def _made(folder: Path, files: list[str], size: tuple[int, int] | None, mode: str, fit: str) -> Pictures:
    """Return what is done to pictures: where no size is asked for, they have that of the first that can be read."""
    if size is not None:
        return Pictures(*size, mode, fit)
    for file in files:
        with _opened(folder / file) as (picture, _), suppress(images.BrokenError):
            return Pictures(*images.size_of(picture, folder / file), mode)
    return Pictures(1, 1, mode)  # none can be read, which is told when they are


def _read(
    folder: Path, files: HostArray, pictures: Pictures, limit: int, skip_broken: bool, progress: bool | None
) -> tuple[HostArray | PicturesOnDisk, HostArray]:
    """Return the images of all pictures that are whole, in memory or on disk, and which are, a mask (n,)."""
    keeps = len(files) * math.prod(pictures.shape) <= limit
    x = np.empty((len(files) if keeps else 0, *pictures.shape), np.uint8)
    seen, is_whole, n = np.zeros((len(files), 2), np.int64), np.zeros(len(files), bool), 0
    for i, file in enumerate(counted(files.tolist(), "Reading pictures", progress)):
        try:
            with _opened(folder / file) as (picture, seen[i]):
                image = images.read_picture(picture, folder / file, pictures)
        except images.BrokenError:
            if not skip_broken:
                raise
            continue
        if keeps:
            x[n] = image
        n, is_whole[i] = n + 1, True
    if keeps:
        return x[:n], is_whole
    return PicturesOnDisk(folder, files[is_whole], seen[is_whole], pictures), is_whole


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, tuple[int, int]]]:
    """Open a file for a `with` statement; how it stands comes with it, its bytes and when it was changed."""
    try:
        file = regular(path)
    except FileNotFoundError:
        raise _changed(path) from None
    with file:
        status = os.fstat(file.fileno())
        yield file, (status.st_size, status.st_mtime_ns)


def _tell_broken(folder: Path, files: list[str], names: tuple[str, ...], labels: HostArray) -> None:
    """Warn of broken pictures that are left out; ValueError if none of a class is left."""
    warn(f"{folder}: left out as broken ({len(files)}): {', '.join(files[:10])}{', ...' * (len(files) > 10)}.")
    for file in files:
        name = file.partition("/")[0]
        if names.index(unicodedata.normalize("NFC", name)) not in labels:
            raise ValueError(f"{folder / name}: expected pictures of a class, got broken ones alone. Add some.")
