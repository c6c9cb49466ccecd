"""What is drawn: where it is saved, and that it takes the name of no file that is there."""

import argparse
import io
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anynet.commands.errors import UsageError
from anynet.commands.keeping import as_new
from anynet.commands.options import check_folder, free_path, is_folder
from anynet.figures import PictureNameError
from anynet.formats.replacing import replace_file


def add_picture(parser: argparse.ArgumentParser, default: Path) -> None:
    """Add `--output`, of a picture that is drawn."""
    where = f"where to save the picture (PNG, PDF, SVG); by default {default}, numbered if it exists"
    parser.add_argument("--output", "--out", metavar="FILE", help=where)


class Picture(io.BytesIO):
    """A picture, drawn into memory, for a figure takes its kind from its name; and then saved, whole and anew.

    Args:
        path: What it is to be called.
        is_given: By who wants it; else it is numbered if another has taken the name by then.
    """

    def __init__(self, path: Path, is_given: bool) -> None:
        super().__init__()
        self.name, self._is_given = str(path), is_given

    def save(self) -> None:
        """Write what was drawn, and know from then on where it is."""
        path, content = Path(self.name), self.getvalue()
        if not self._is_given:
            self.name = str(as_new(lambda file: file.write(content), path))
            return
        try:
            replace_file(path, lambda file: file.write(content), is_new=True)
        except FileExistsError:
            raise _taken(path) from None


def picture(given: str | None, default: Path) -> Picture:
    """Return a picture to draw: to be called as was given, or as the default, numbered if it exists."""
    return _begun(free_path(default), is_given=False) if given is None else picture_of(given)


def picture_of(given: str) -> Picture:
    """Return a picture to draw, to be called as was given, with an ending; nothing may be called so."""
    if is_folder(given):
        raise UsageError(f"--output: expected a file, got the folder {given!r}. Name a file in it.")
    path = Path(given)
    path = path if path.suffix or not path.name else path.with_suffix(".png")
    if os.path.lexists(path):
        raise _taken(path)
    return _begun(path, is_given=True)


def _begun(path: Path, is_given: bool) -> Picture:
    check_folder("--output", path.parent)
    return Picture(path, is_given)


def _taken(path: Path) -> UsageError:
    return UsageError(f"--output: expected a new file, got {path}, which exists. Give another name.")


@contextmanager
def saved(picture: Picture) -> Iterator[None]:
    """Save what is drawn in the `with` statement; a name that is none of a picture is told as what was typed."""
    logging.getLogger("matplotlib").addHandler(logging.NullHandler())  # what it says of kinds of pictures is not ours
    try:
        yield
    except PictureNameError as error:
        raise UsageError(str(error).replace("path:", "--output:", 1)) from None
    picture.save()
