"""Checkpoints as files: networks that open, whole or not at all, and refused when they are not what they should be."""

import errno
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recipes import clusters
from test_training import set_chunk_bytes

from anynet import Checkpoint, Network
from anynet.formats import npz
from anynet.optimizers import Adam
from anynet.saving import checkpoint


@pytest.fixture
def folder(tmp_path):
    """A folder of checkpoints after two and after three epochs."""
    net = Network([12, 5, 4], seed=3)
    net.class_names = tuple("abcd")
    how = {"optimizer": Adam(0.01), "checkpoint": Checkpoint(tmp_path / "run")}
    net.fit(*clusters(np.random.default_rng(1)), epochs=3, **how)
    return tmp_path / "run"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def rewritten(path, change):
    """Write a checkpoint with another header."""
    arrays, header = npz.read(path)
    change(header)
    npz.write(path, arrays, header)


def with_history(path, history):
    arrays, header = npz.read(path)
    npz.write(path, arrays | {"checkpoint_history": history}, header)


def resumed(folder, epochs=4):
    net = Network([12, 5, 4], seed=3)
    net.fit(*clusters(np.random.default_rng(1)), epochs=epochs, optimizer=Adam(0.01), resume=folder)
    return net


def test_the_newest_are_kept_and_open_as_networks(folder):
    assert names(folder) == ["step-000000040.npz", "step-000000060.npz"]
    net = Network.load(folder / "step-000000060.npz")
    assert net.sizes == [12, 5, 4]
    assert net.class_names == tuple("abcd")
    assert np.array_equal(net.weights[0], resumed(folder, 3).weights[0])
    with np.load(folder / "step-000000060.npz", allow_pickle=False) as file:
        assert {"w1", "b2", "checkpoint_optimizer0", "checkpoint_optimizer7"} <= set(file.files)


@pytest.mark.parametrize("keep", [1, 3])
def test_as_many_are_kept_as_are_wished(keep, tmp_path, rng):
    Network([12, 4]).fit(*clusters(rng), epochs=5, checkpoint=Checkpoint(tmp_path, keep=keep))
    assert names(tmp_path) == [f"step-{20 * epoch:09}.npz" for epoch in (1, 2, 3, 4, 5)[-keep:]]


def test_they_come_when_they_are_due_and_at_the_end(tmp_path, rng):
    data, net = clusters(rng), Network([12, 4])
    net.fit(data, epochs=5, checkpoint=Checkpoint(tmp_path / "a", every=2, keep=9))
    assert names(tmp_path / "a") == [f"step-{20 * epoch:09}.npz" for epoch in (2, 4, 5)]
    net.fit(data, epochs=5, checkpoint=Checkpoint(tmp_path / "b", every=None, every_steps=50, keep=9))
    assert names(tmp_path / "b") == [f"step-{20 * epoch:09}.npz" for epoch in (3, 5)]


DAMAGES = {
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "empty": lambda path: path.write_bytes(b""),
    "a bit that fell": lambda path: path.write_bytes(_flipped(path.read_bytes())),
    "no checkpoint": lambda path: Network([12, 5, 4]).save(path),
    "no epoch": lambda path: rewritten(path, lambda header: header["checkpoint"].pop("epoch")),
    "an epoch below 0": lambda path: rewritten(path, lambda header: header["checkpoint"].update(epoch=-1)),
    "a text for an epoch": lambda path: rewritten(path, lambda header: header["checkpoint"].update(epoch="two")),
    "another history": lambda path: with_history(path, np.frombuffer(b'{"a": 1}\n', "u1")),
    "a history of numbers": lambda path: with_history(path, np.ones(3)),
    "a history of rows": lambda path: with_history(path, np.ones((2, 3), "u1")),
    "no network": lambda path: rewritten(path, lambda header: header.update(layers=[])),
}


def _flipped(data):
    changed = bytearray(data)
    changed[200] ^= 1  # among the numbers of the first array
    return bytes(changed)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_one_gives_way_to_an_older_one_and_an_error_comes_if_there_is_none(damage, folder):
    whole = resumed(folder)
    DAMAGES[damage](folder / "step-000000060.npz")
    with pytest.warns(UserWarning, match=r"step-000000060.npz.* goes on from an older .*step-000000040.npz"):
        net = resumed(folder)
    assert np.array_equal(net.weights[0], whole.weights[0])
    DAMAGES[damage](folder / "step-000000040.npz")
    with pytest.raises(ValueError, match=r"step-000000060.npz: .* No older checkpoint is whole: start afresh"):
        resumed(folder)


@pytest.mark.parametrize(
    "change", [lambda header: header["checkpoint"].update(version=9), lambda header: header.update(format_version=9)]
)
def test_one_of_a_newer_version_is_refused_and_no_older_one_taken(change, folder):
    rewritten(folder / "step-000000060.npz", change)
    with pytest.raises(ValueError, match=r"60.npz: expected a checkpoint of version [13], got 9\. A newer version"):
        resumed(folder)


@pytest.mark.parametrize(
    "streams",
    [{}, {"order": 3}, {"bit_generator": "MT19937"}, {"state": {"state": 2**128, "inc": 1}}, {"uinteger": "x"}],
)
def test_random_streams_that_cannot_be_are_refused(streams, folder):
    def change(header):
        known = header["checkpoint"]["streams"]
        known["order"] = known["order"] | streams if streams else {}

    rewritten(folder / "step-000000060.npz", change)
    if "order" in streams:  # no more than NumPy knows, and passed over
        resumed(folder)
    else:
        with pytest.raises(ValueError, match="expected the state"):
            resumed(folder)


@pytest.mark.parametrize(
    "told",
    [
        {"seconds": 10**99},
        {"seconds": 2**63, "epoch": 2**63},
        {"seconds": float("nan")},
        {"seconds": -1.0},
        {"examples": 2**63},
        {"n_steps": True},
        {"version": None},
        {"exact_on": {}},
        {"exact_on": {"backend": 1}},
        {"made_of": {"network": 1}},
        {"stopping": [None, 0.0, 0.0, 0.5]},
        {"stopping": [-1, 0.0, 0.0, 0]},
        {"stopping": [1, "0", 0.0, 0]},
        {"stopping": [1, 0.0, 0.0, 0, [0, 0.0]]},
        {"stopping": [1, 0.0, 0.0, 0, None, None]},
        {"stopping": []},
        {"watched": [0, 0.0, 0, 0]},
        {"watched": [0, None, 0]},
        {"watched": ["0", 0.0, 0]},
    ],
)
def test_what_cannot_be_is_refused(told, folder):
    path = folder / "step-000000060.npz"
    rewritten(path, lambda header: header["checkpoint"].update(told))
    with pytest.raises(ValueError, match=r"60\.npz: expected a whole checkpoint, got (a faulty one: \w|one without ')"):
        checkpoint.read(path)


@pytest.mark.parametrize("text", ["\x1b[31m", "x" * 10_000])
def test_what_a_stranger_wrote_is_shown_and_short(text, folder):
    for path in folder.iterdir():
        rewritten(path, lambda header: header["checkpoint"]["made_of"].update(shuffle=text))
    with pytest.raises(ValueError, match="resume: expected the shuffle of the checkpoint") as caught:
        resumed(folder)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000
    for path in folder.iterdir():
        rewritten(path, lambda header: header["checkpoint"]["made_of"].update(shuffle="True"))
        rewritten(path, lambda header: header["checkpoint"]["exact_on"].update(backend=text))
    with pytest.warns(UserWarning, match="resume: the checkpoint was written on backend") as warned:
        resumed(folder)
    assert str(warned[0].message).isprintable()
    assert len(str(warned[0].message)) < 500


@pytest.mark.parametrize("network", [None, "", "[]", "9" * 5000, "[" * 100_000])
def test_a_network_that_is_none_is_another(network, folder):
    def change(header):
        header["checkpoint"]["made_of"].pop("network")
        header["checkpoint"]["made_of"] |= {} if network is None else {"network": network}

    for path in folder.iterdir():
        rewritten(path, change)
    with pytest.raises(ValueError, match="resume: expected the network of the checkpoint, one that is none, got"):
        resumed(folder)


@pytest.mark.parametrize("told", [{"examples": 10**18}, {"examples": 100}, {"examples": 1}, {"n_steps": 3}])
def test_what_no_training_of_these_data_comes_to_is_refused(told, folder):
    for path in folder.iterdir():
        rewritten(path, lambda header: header["checkpoint"].update(told))
    with pytest.raises(ValueError, match=r"resume: expected a moment of a training on [0-9]+ examples, got another"):
        resumed(folder)


def test_a_former_version_had_its_history_in_the_header(folder):
    for path in folder.iterdir():
        arrays, header = npz.read(path)
        lines = arrays.pop("checkpoint_history").tobytes().decode().splitlines()
        header["checkpoint"].update(version=2, history=list(map(json.loads, lines)))
        npz.write(path, arrays, header)
    assert resumed(folder).history["epoch"] == [0, 1, 2, 3]


def test_a_history_may_be_longer_than_a_header(folder, monkeypatch):
    moment = checkpoint.read(folder / "step-000000060.npz")
    reports = 50 * moment.history
    monkeypatch.setattr("anynet.formats.json.MAX_LENGTH", 10_000)
    moment = replace(moment, history=reports)
    assert checkpoint.read(checkpoint.write(folder, 80, moment, 3)).history == reports


def test_the_file_is_read_once(folder, monkeypatch):
    calls, once = [], npz.read
    monkeypatch.setattr(npz, "read", lambda *given: calls.append(given) or once(*given))
    checkpoint.read(folder / "step-000000060.npz")
    assert len(calls) == 1


def test_other_arrays_are_refused(folder):
    path = folder / "step-000000060.npz"
    arrays, header = npz.read(path)
    arrays["checkpoint_optimizer1"] = np.zeros((2, 2))
    npz.write(path, arrays, header)
    with pytest.raises(ValueError, match=r"resume: expected arrays of floats \(optimizer\) of the shapes"):
        resumed(folder)


def test_what_a_program_that_died_left_half_goes(folder, rng):
    (folder / ".anynet-abcdefgh").write_bytes(b"half")
    net = Network([12, 5, 4], seed=3)
    how = {"optimizer": Adam(0.01), "checkpoint": Checkpoint(folder), "resume": folder}
    net.fit(*clusters(np.random.default_rng(1)), epochs=4, **how)
    assert names(folder) == ["step-000000060.npz", "step-000000080.npz"]


def test_a_disk_that_fills_leaves_what_was_there(folder, monkeypatch):
    before, data = names(folder), clusters(np.random.default_rng(1))

    def full(file, **arrays):
        file.write(b"some")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(npz.np, "savez", full)
    net = Network([12, 5, 4], seed=3)
    how = {"optimizer": Adam(0.01), "checkpoint": Checkpoint(folder), "resume": folder}
    with pytest.raises(OSError, match="No space left on device") as caught:
        net.fit(data, epochs=5, **how)
    assert names(folder) == before
    assert len(caught.value.history) == 4
    monkeypatch.undo()
    assert len(net.fit(data, epochs=5, **how)) == 5


def test_a_formula_of_ones_own_is_told_of_before_training(tmp_path, rng):
    own = pytest.importorskip("own")
    net = Network([12, 4, 4], hidden=own.LEAKY)
    with pytest.raises(ValueError, match="exists in this program alone"):
        net.fit(*clusters(rng), epochs=1, checkpoint=Checkpoint(tmp_path))


def test_the_header_is_json_that_anyone_can_read(folder):
    with np.load(folder / "step-000000060.npz", allow_pickle=False) as file:
        told = json.loads(str(file["header"]))["checkpoint"]
    assert (told["version"], told["epoch"], told["examples"], told["n_steps"]) == (3, 3, 0, 60)
    assert set(told["exact_on"]) == {"backend", "dtype", "threads"}
    assert told["exact_on"]["backend"] == "numpy"


def test_no_folder_is_no_checkpoint(tmp_path):
    assert checkpoint.newest(tmp_path / "none") is None
    assert checkpoint.newest(Path(tmp_path)) is None


def test_a_damaged_one_does_not_crowd_out_what_is_written_after_it(folder, monkeypatch):
    set_chunk_bytes(monkeypatch, 12 * 4 * 40)  # chunks of four mini-batches
    DAMAGES["cut short"](folder / "step-000000060.npz")

    def stop(report, net):
        raise KeyboardInterrupt

    net = Network([12, 5, 4], seed=3)
    how = {"optimizer": Adam(0.01), "checkpoint": Checkpoint(folder, keep=1, every_steps=1), "resume": folder}
    with pytest.warns(UserWarning, match="goes on from an older checkpoint"), pytest.raises(KeyboardInterrupt):
        net.fit(*clusters(np.random.default_rng(1)), epochs=4, callbacks=[stop], **how)
    assert names(folder) == ["step-000000044.npz"]
    assert resumed(folder).history["epoch"] == [0, 1, 2, 3]
