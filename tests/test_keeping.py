"""What was learnt is kept, though the file that was named cannot be written."""

import errno
import os
import tempfile
from pathlib import Path

import pytest

from anynet.commands import keeping
from anynet.commands.keeping import keep


def write(file):
    file.write(b"learnt")


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Let the current folder, that of the user, and that of what is temporary be in the test's."""
    for name in ("out", "here", "home", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    return tmp_path


@pytest.fixture
def refuse(monkeypatch):
    """Let no file be written whose path a function knows."""

    def refuse(is_refused):
        replace_file = keeping.replace_file

        def refusing(path, write, is_new=False):
            if is_refused(path, is_new):
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
            replace_file(path, write, is_new)

        monkeypatch.setattr(keeping, "replace_file", refusing)

    return refuse


def test_a_name_that_is_taken_is_numbered_and_one_that_is_to_be_replaced_is(places):
    path = places / "out" / "net.npz"
    assert keep(write, path, replaces=False) == path
    path.write_bytes(b"of another run")
    assert keep(write, path, replaces=False) == path.with_name("net-1.npz")
    assert path.read_bytes() == b"of another run"
    assert keep(write, path, replaces=True) == path
    assert path.read_bytes() == b"learnt"


def test_what_may_not_be_replaced_is_kept_beside_it(places, refuse, capsys):
    path = places / "out" / "net.npz"
    path.write_bytes(b"of somebody else, in a folder where each replaces what is his")
    refuse(lambda path, is_new: not is_new)
    kept = keep(write, path, replaces=True)
    assert (kept, kept.read_bytes()) == (path.with_name("net-1.npz"), b"learnt")
    told = f"anynet: {path}: No space left on device. It was written to {kept} instead.\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_full_disk_is_left_for_the_next_place(n, places, refuse):
    order = [places / name for name in ("here", "home", "temporary")]
    (order[n] / "network.npz").write_bytes(b"of yesterday")
    refuse(lambda path, is_new: path.parent not in order[n:])
    kept = keep(write, places / "out" / "net.npz", replaces=False)
    assert (kept, kept.read_bytes()) == (order[n] / "network-1.npz", b"learnt")


def test_who_has_no_folder_of_his_own_finds_it_among_what_is_temporary(places, refuse, monkeypatch):
    def raising(error):
        def call():
            raise error

        return call

    monkeypatch.setattr(Path, "cwd", raising(FileNotFoundError("gone")))
    monkeypatch.setattr(Path, "home", raising(RuntimeError("Could not determine home directory.")))
    refuse(lambda path, is_new: path.parent.name == "out")
    kept = keep(write, places / "out" / "net.npz", replaces=False)
    assert (kept, kept.read_bytes()) == (places / "temporary" / "network.npz", b"learnt")


def test_a_name_that_the_disk_does_not_take_is_another(places):
    kept = keep(write, places / "out" / f"{300 * 'n'}.npz", replaces=False)
    assert kept == places / "out" / "network.npz"


def test_where_nothing_can_be_written_the_first_error_is_told(places, refuse):
    refuse(lambda path, is_new: True)
    with pytest.raises(OSError, match=r"No space left on device: .*out/net\.npz"):
        keep(write, places / "out" / "net.npz", replaces=False)


def of_a_device(path):
    path.symlink_to("/dev/null")


def leading_nowhere(path):
    path.symlink_to("nowhere/file")


@pytest.mark.parametrize("takes", [os.mkfifo, os.mkdir, of_a_device, leading_nowhere])
@pytest.mark.parametrize("replaces", [True, False])
def test_whatever_has_taken_the_name_meanwhile_the_network_is_beside_it(takes, replaces, places, capsys):
    path = places / "out" / "net.npz"
    takes(path)
    before = path.lstat().st_mode
    kept = keep(write, path, replaces)
    assert (kept, kept.read_bytes(), path.lstat().st_mode) == (path.with_name("net-1.npz"), b"learnt", before)
    assert (f"It was written to {kept} instead.\n" in capsys.readouterr().err) is replaces


def test_no_pipe_or_link_in_a_place_for_the_rest_ends_the_search(places, refuse):
    for name in ("here", "home"):
        os.mkfifo(places / name / "network.npz")
    leading_nowhere(places / "home" / "network-1.npz")
    refuse(lambda path, is_new: path.parent.name in ("out", "here"))
    kept = keep(write, places / "out" / "net.npz", replaces=True)
    assert (kept, kept.read_bytes()) == (places / "home" / "network-2.npz", b"learnt")


def test_a_mistake_of_whoever_writes_is_told_as_it_is(places):
    def mistaken(file):
        raise KeyError("epoch")

    with pytest.raises(KeyError, match="epoch"):
        keep(mistaken, places / "out" / "net.npz", replaces=True)
