"""Files written whole or not at all: whatever happens meanwhile, a path holds what it held before, or the new file.

It is written beside the path, under a name of its own, and locked as long as that takes: so what a program that was
killed has left there can be told from what another one is writing.
"""

import errno
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

fcntl: Any = None  # only Unix has it; elsewhere nothing is locked, and nothing swept
with suppress(ImportError):
    fcntl = import_module("fcntl")

TEMPORARY = ".anynet-"  # so begin the names of files that are being written; short, for a name may be long
_TEMPORARY = re.compile(re.escape(TEMPORARY) + "[0-9a-z_]{8}")
_OPEN = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def replace_file(path: Path, write: Callable[[BinaryIO], Any], is_new: bool = False) -> None:
    """Write a file whole or not at all, and remove what programs that were killed have left in its folder.

    Args:
        path: The file. Where it is a symbolic link, what that leads to is replaced; other hard links to it keep what
            they held. Its permissions are kept, but for the bits that let it run as somebody else; a new file has
            those that the process gives any.
        write: `write(file)` writes it.
        is_new: Replace nothing: whatever has the name, a link that leads nowhere too, keeps it.

    Raises:
        OSError: It cannot be written; a FileExistsError if it should be new, and is not.
        ValueError: What is there is no regular file, but a pipe or a device, say.
    """
    target = Path(os.path.realpath(path)) if path.is_symlink() and not is_new else path
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder; create it first", str(target.parent))
    mode = None if is_new else _mode(target)
    sweep(target.parent)
    try:
        _write_beside(target, write, mode, is_new)
    except OSError as error:  # which names the temporary file, or none
        raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from None


def sweep(folder: Path) -> None:
    """Remove what programs that died while they wrote have left half; what a living one writes stays."""
    if fcntl is None:
        return
    with suppress(OSError), os.scandir(folder) as entries:
        for name in [entry.name for entry in entries if _TEMPORARY.fullmatch(entry.name)]:
            with suppress(OSError):
                _remove_dead(folder / name)


@contextmanager
def temporary_file(content: bytes) -> Iterator[Path]:
    """Yield the path of a file of bytes, for the `with` statement, and remove what killed programs have left of such.

    Raises:
        OSError: There is no place for it.
    """
    folder = Path(tempfile.gettempdir())
    sweep(folder)
    descriptor, path = _begun(folder, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:  # open, and so locked, as long as it is wanted
            try:
                file.write(content)
                file.flush()
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(folder)) from None
            yield path
    finally:
        path.unlink(missing_ok=True)


def _write_beside(target: Path, write: Callable[[BinaryIO], Any], mode: int | None, is_new: bool) -> None:
    """Write a file under a name of its own, and then give it the target's."""
    descriptor, name = _begun(target.parent, 0o666 if mode is None else mode)
    try:
        file = os.fdopen(descriptor, "w+b")
        try:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            if mode is not None:
                with suppress(OSError):  # a file of other permissions is better than none
                    name.chmod(mode)
            if fcntl is None:
                file.close()  # Windows moves no file that is open
            _move(name, target, is_new)
        finally:
            with suppress(OSError):  # of the rest, which closing tries to write again
                file.close()
    except BaseException:
        name.unlink(missing_ok=True)
        raise
    _sync(target.parent)


def _mode(path: Path) -> int | None:
    """Return the permissions of the file that is replaced; None if there is none."""
    try:
        found = path.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found):
        raise ValueError(f"{path}: expected a regular file to replace, got a pipe or a device. Give another name.")
    return stat.S_IMODE(found) & 0o777


def _begun(folder: Path, mode: int) -> tuple[int, Path]:
    """Return a new file, open and locked, and its path; the kernel takes from the mode what the umask says."""
    while True:
        name = folder / f"{TEMPORARY}{secrets.token_hex(4)}"
        try:
            descriptor = os.open(name, _OPEN, mode)
        except FileExistsError:
            continue
        if fcntl is None or _is_locked(descriptor, name):
            return descriptor, name
        os.close(descriptor)


def _is_locked(descriptor: int, name: Path) -> bool:
    """Lock a file, and return whether it is still there: another program may have taken it for a dead one's."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # this file system has no locks: then nobody sweeps it either
        return True
    try:
        return os.path.samestat(os.fstat(descriptor), name.stat())
    except FileNotFoundError:
        return False


def _remove_dead(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    finally:
        os.close(descriptor)


def _move(name: Path, target: Path, is_new: bool) -> None:
    if not is_new:
        name.replace(target)
        return
    try:
        os.link(name, target)
    except FileExistsError:
        raise
    except (OSError, AttributeError, NotImplementedError):  # no hard links here: an empty file holds the name
        target.touch(exist_ok=False)
        name.replace(target)
    else:
        name.unlink()


def _sync(folder: Path) -> None:
    """Let the disk keep the name as well, where a folder can be asked to."""
    if hasattr(os, "O_DIRECTORY"):
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
