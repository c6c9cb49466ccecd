"""Files written whole or not at all, and what others have left beside them."""

import errno
import os
import re
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from anynet import Network
from anynet.formats import replacing
from anynet.formats.replacing import replace_file, sweep


def writing(data):
    return lambda file: file.write(data)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    replace_file(path, writing(b"old"))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(replacing.os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*file'$"):
        replace_file(path, writing(b"new"))
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["file"])


def test_what_was_written_is_on_its_way_to_the_disk_before_it_takes_the_name_and_then_the_name(tmp_path, monkeypatch):
    told = []

    def fsync(descriptor):
        found = os.fstat(descriptor)
        told.append((stat.S_ISDIR(found.st_mode), found.st_size * stat.S_ISREG(found.st_mode), names(tmp_path)))

    monkeypatch.setattr(replacing.os, "fsync", fsync)
    replace_file(tmp_path / "file", writing(b"new"))
    (is_folder, size, then), after = told
    assert (is_folder, size, "file" in then) == (False, 3, False)
    assert after == (True, 0, ["file"])


def test_replacing_keeps_permissions_but_for_those_that_run_as_somebody_else(tmp_path):
    path = tmp_path / "file"
    replace_file(path, writing(b"old"))
    path.chmod(0o6666)  # more than the mask gives any
    replace_file(path, writing(b"new"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o666


def test_permissions_that_cannot_be_kept_lose_no_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def refused(*_, **__):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refused)
    replace_file(path, writing(b"new"))
    assert path.read_bytes() == b"new"


def test_a_new_file_has_the_permissions_of_any_other_and_the_mask_is_never_touched(tmp_path, monkeypatch):
    before = os.umask(0o027)
    try:
        monkeypatch.setattr(replacing.os, "umask", None)
        replace_file(tmp_path / "file", writing(b"new"))
        assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640
    finally:
        monkeypatch.undo()
        os.umask(before)


def test_nobody_else_reads_what_replaces_a_private_file(tmp_path):
    path, modes = tmp_path / "file", []
    path.write_bytes(b"old")
    path.chmod(0o600)
    replace_file(path, lambda file: modes.append(stat.S_IMODE(os.fstat(file.fileno()).st_mode)))
    assert modes == [0o600]


def test_what_a_link_leads_to_is_replaced_and_other_hard_links_keep_what_they_held(tmp_path):
    target, link, other = tmp_path / "folder" / "file", tmp_path / "link", tmp_path / "other"
    target.parent.mkdir()
    target.write_bytes(b"old")
    link.symlink_to("folder/file")
    os.link(target, other)
    replace_file(link, writing(b"new"))
    assert (link.is_symlink(), target.read_bytes(), other.read_bytes()) == (True, b"new", b"old")
    (tmp_path / "dangling").symlink_to("folder/fresh")
    replace_file(tmp_path / "dangling", writing(b"first"))
    assert (target.parent / "fresh").read_bytes() == b"first"


def test_a_new_file_is_none_that_a_link_leads_to(tmp_path):
    (tmp_path / "link").symlink_to("fresh")
    with pytest.raises(FileExistsError):
        replace_file(tmp_path / "link", writing(b"new"), is_new=True)
    assert names(tmp_path) == ["link"]


def test_what_is_no_regular_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(ValueError, match=f"{name}|/dev/zero: expected a regular file to replace, got a pipe"):
            replace_file(tmp_path / name, writing(b"new"))
    with pytest.raises(IsADirectoryError):
        replace_file(tmp_path, writing(b"new"))
    assert names(tmp_path) == ["pipe", "zero"]


@pytest.mark.parametrize("has_links", [True, False])
def test_a_new_file_takes_no_name_that_is_taken(has_links, tmp_path, monkeypatch):
    if not has_links:
        monkeypatch.delattr(replacing.os, "link")
    replace_file(tmp_path / "file", writing(b"first"), is_new=True)
    with pytest.raises(FileExistsError):
        replace_file(tmp_path / "file", writing(b"second"), is_new=True)
    assert ((tmp_path / "file").read_bytes(), names(tmp_path)) == (b"first", ["file"])


def test_of_many_who_write_at_once_one_has_the_name(tmp_path):
    taken, begun = [], threading.Barrier(8)

    def run(i):
        begun.wait()
        try:
            replace_file(tmp_path / "file", writing(b"%d" % i), is_new=True)
            taken.append(b"%d" % i)
        except FileExistsError:
            pass

    threads = [threading.Thread(target=run, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (taken, names(tmp_path)) == ([(tmp_path / "file").read_bytes()], ["file"])


WRITES = """
import sys, time
from pathlib import Path
from anynet.formats.replacing import replace_file

def write(file):
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    time.sleep(60)

replace_file(Path(sys.argv[1]), write)
"""


def test_what_a_killed_program_left_is_swept_and_not_what_a_living_one_writes(tmp_path):
    with subprocess.Popen([sys.executable, "-c", WRITES, tmp_path / "theirs"], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        replace_file(tmp_path / "ours", writing(b"whole"))
        assert len(names(tmp_path)) == 2
        process.kill()
    assert [name[:8] for name in names(tmp_path)] == [".anynet-", "ours"]
    (tmp_path / ".anynet-of-the-user").write_bytes(b"no name of ours")
    (tmp_path / ".anynet-123456789").write_bytes(b"nor this")
    (tmp_path / ".anynet-12345678").mkdir()
    os.mkfifo(tmp_path / ".anynet-aaaaaaaa")
    (tmp_path / ".anynet-bbbbbbbb").symlink_to("ours")
    replace_file(tmp_path / "ours", writing(b"whole"))
    left = ["12345678", "123456789", "aaaaaaaa", "bbbbbbbb", "of-the-user"]
    assert names(tmp_path) == [*(f".anynet-{name}" for name in left), "ours"]


def test_a_name_that_is_there_already_is_none_of_its_own(tmp_path, monkeypatch):
    (tmp_path / ".anynet-0").mkdir()
    drawn = iter("01")
    monkeypatch.setattr(replacing.secrets, "token_hex", lambda n: next(drawn))
    replace_file(tmp_path / "file", writing(b"new"))
    assert names(tmp_path) == [".anynet-0", "file"]


def test_a_name_that_is_taken_for_a_dead_ones_is_given_up(tmp_path, monkeypatch):
    begun, flock = [], replacing.fcntl.flock

    def swept_before(descriptor, how):
        begun.append(descriptor)
        if len(begun) == 1:
            for path in tmp_path.iterdir():
                path.unlink()
        if len(begun) == 2:
            raise BlockingIOError
        flock(descriptor, how)

    monkeypatch.setattr(replacing.fcntl, "flock", swept_before)
    replace_file(tmp_path / "file", writing(b"new"))
    assert (tmp_path / "file").read_bytes() == b"new"
    assert len(begun) == 3


def test_without_locks_a_file_is_written_and_nothing_swept(tmp_path, monkeypatch):
    (tmp_path / ".anynet-12345678").write_bytes(b"of somebody")

    def refused(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(replacing.fcntl, "flock", refused)
    replace_file(tmp_path / "file", writing(b"new"))
    assert names(tmp_path) == [".anynet-12345678", "file"]


ELSEWHERE = """
import os, signal, sys
sys.modules["fcntl"] = None
for room, names in ((signal, ["SIGHUP"]), (os, ["O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "umask"])):
    for name in names:
        delattr(room, name)
os.O_BINARY, real, move = 2**30, os.open, os.replace  # which Windows has: without it, ends of lines are translated

def opened(path, flags, *more, **named):
    assert flags & os.O_BINARY or path == os.devnull, path
    return real(path, flags & ~os.O_BINARY, *more, **named)

def moved(path, target):
    for number in range(99):
        with suppress(OSError):
            assert not os.path.samestat(os.fstat(number), os.stat(path)), f"{path} is open, and stays where it is"
    move(path, target)

os.open, os.replace = opened, moved
from contextlib import suppress
from pathlib import Path
import numpy as np
from anynet import Checkpoint, Network, history
from anynet.cli import main
from anynet.commands.drawing import picture, saved
from anynet.commands.keeping import keep
from anynet.formats.replacing import sweep, temporary_file
from anynet.signals import held_back
Path(".anynet-12345678").write_bytes(b"that stays, for nobody can tell whose it is")
with held_back():
    path = Network([3, 2]).save("network")
    path = Network([3, 2], seed=1).save("network")
sweep(Path())
x, y = np.eye(4, 3), [0, 1, 0, 1]
for epochs, resume in ((1, None), (2, "run")):
    net = Network([3, 2])
    net.fit(x, y, epochs=epochs, checkpoint=Checkpoint("run"), resume=resume, history_file="lines")
print(len(history.read("lines")), Network.load(path).sizes, keep(net.save, path, replaces=False))
begun = picture(None, Path("drawn.png"))
with saved(begun), temporary_file(b"drawn") as file:
    begun.write(file.read_bytes())
np.savez("data.npz", x=x, y=y)
print(main(["train", "--data", "data.npz", "--epochs", "1", "--quiet", "--output", "trained"]))
"""


def test_where_there_is_nothing_that_only_unix_has_all_is_written_and_read(tmp_path):
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.stdout, done.stderr) == ("2 [3, 2] network-1.npz\n0\n", "")
    written = ["data.npz", "drawn.png", "lines", "network-1.npz", "network.npz", "run", "trained.npz"]
    assert names(tmp_path) == [".anynet-12345678", *written]


def test_a_folder_that_cannot_be_listed_is_not_swept(tmp_path):
    sweep(tmp_path / "absent")
    assert re.fullmatch(r"network\.npz", Network([3, 2]).save(tmp_path / "network").name)
