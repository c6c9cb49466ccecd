"""Networks in files: those that earlier versions saved open and answer as they did."""

import json
import warnings
from pathlib import Path

import at_random
import numpy as np
import own
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recipes import FOR_HIDDEN, PAIRS

from anynet import Network, metrics, saving
from anynet.initializers import FORMER_NAMES, INITIALIZERS
from anynet.layers import LAYERS, MAX_LAYERS
from anynet.trees import arrays_of

SAVED = Path(__file__).parent / "fixtures" / "first_format"  # saved by 0.1.0, at commit 0a0dac5
EXPECTED = json.loads((SAVED / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", EXPECTED["networks"])
def test_what_was_saved_before_opens_and_answers_the_same(name):
    expected = EXPECTED["networks"][name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if name == "without_header" else "error")
        net = Network.load(SAVED / f"{name}.npz")
    x = np.asarray(EXPECTED["x"])
    assert net.sizes == expected["sizes"]
    assert net.backend.dtype == expected["dtype"]
    assert net.task == metrics.FORMER_NAMES.get(expected["task"], expected["task"])
    assert net.architecture.cost_name == expected["cost"]
    assert [f.name for _, f in net.architecture.stages] == expected["activations"]
    # To the last bits: another processor's BLAS may add up in another order.
    assert np.allclose(net.feedforward(x), expected["outputs"], rtol=1e-5, atol=1e-7)
    assert np.allclose(net.predict(x), expected["answers"], rtol=1e-5, atol=1e-7)
    assert net.class_names == (expected["class_names"] and tuple(expected["class_names"]))


@settings(max_examples=12, derandomize=True, deadline=None)
@given(
    st.lists(st.integers(1, 6), min_size=2, max_size=5),
    st.sampled_from(FOR_HIDDEN),
    st.sampled_from(PAIRS),
    st.sampled_from([*INITIALIZERS, *FORMER_NAMES]),
    st.sampled_from([None, *metrics.TASKS]),
    st.sampled_from(["float32", "float64"]),
    st.integers(0, 100),
)
def test_what_is_saved_is_what_is_loaded(tmp_path_factory, sizes, hidden, pair, initializer, task, dtype, seed):
    output, cost = pair
    net = Network(
        sizes,
        dtype=dtype,
        seed=seed,
        hidden=hidden,
        output=output,
        cost=cost,
        initializer=initializer,
        task=task,
    )
    net.class_names = None if sizes[-1] < 2 else tuple(f"class {i}" for i in range(sizes[-1]))
    loaded = Network.load(net.save(tmp_path_factory.mktemp("saved") / "net"))
    assert loaded.architecture == net.architecture
    assert (loaded.class_names, loaded.backend) == (net.class_names, net.backend)
    assert all(np.array_equal(a, b) for a, b in zip(loaded.weights, net.weights, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(loaded.biases, net.biases, strict=True))
    x = np.random.default_rng(seed).standard_normal((3, sizes[0]))
    assert np.array_equal(loaded.feedforward(x), net.feedforward(x))


def test_any_network_that_can_be_made_and_saved_is_loaded_equal(tmp_path):
    rng, n, named = np.random.default_rng(0), 0, 0
    while n < 60:
        net = at_random.network(rng)
        if net is not None:
            assert at_random.is_same(Network.load(net.save(tmp_path / "net")), net), net.architecture
            n, named = n + 1, named + (net.class_names is not None)
    assert 0 < named < n


@pytest.mark.parametrize(
    ("attribute", "value", "error"), [("input_scale", "pixels", ValueError), ("is_column", 1, TypeError)]
)
def test_what_no_file_could_bring_back_is_not_assigned(attribute, value, error):
    net = Network([2, 3])
    with pytest.raises(error, match=f"{attribute}: expected .* got {value!r}"):
        setattr(net, attribute, value)


def test_a_network_has_no_more_layers_than_a_file_may_have(tmp_path):
    net = Network([1] * (MAX_LAYERS + 1))
    assert len(Network.load(net.save(tmp_path / "deep")).layers) == MAX_LAYERS
    with pytest.raises(ValueError, match="sizes: expected at most 1,000 layers, got 1,001"):
        Network([1] * (MAX_LAYERS + 2))


def test_fields_of_any_name_have_their_entries_in_the_file(tmp_path, monkeypatch):
    for kind in (own.Halve, own.Centre):
        monkeypatch.setitem(LAYERS, kind.__name__, kind)
    net = Network([4, own.Centre(), 5, own.Halve(), own.Centre("tanh"), 2], dtype="float64")
    net.fit((np.random.default_rng(1).standard_normal((12, 4)), np.arange(12) % 2), epochs=1, batch_size=4)
    path = net.save(tmp_path / "net")
    with np.load(path) as file:
        entries = {name: file[name] for name in file.files if name != "header"}
    fields = {f"layer{l}_{field}" for l in (1, 4) for field in ("scale", "running")}
    assert set(entries) - {"header"} == {"s", "w1", "b1", "w2", "b2"} | fields
    assert np.array_equal(entries["layer4_running"], net.state[3].running)
    loaded = Network.load(path)
    for a, b in zip(arrays_of(list(loaded.train_state)), arrays_of(list(net.train_state)), strict=False):
        assert np.array_equal(a, b)
    del entries["layer4_scale"]
    with np.load(path) as file:
        np.savez(path, header=file["header"], **entries)
    with pytest.raises(ValueError, match="got no entry 'layer4_scale', which its header names"):
        Network.load(path)


@pytest.mark.parametrize("name", ["brain", "brain.npz", "brain.v2", "./brain"])
def test_what_was_saved_is_loaded_by_the_name_that_was_given(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved = Network([2, 3])
    saved.save(name)
    assert Network.load(name).sizes == [2, 3]
    other = Network([2, 3], seed=1)
    other.load_weights(name)
    assert np.array_equal(other.weights[0], saved.weights[0])


def test_an_older_file_of_the_bare_name_does_not_stand_for_what_was_saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Network([5, 6]).save("older")
    Path("older.npz").rename("brain")
    assert Network.load("brain").sizes == [5, 6]  # as long as it is the only one
    Network([2, 3]).save("brain")
    with pytest.warns(UserWarning, match=r"brain: there is brain.npz too, which save\('brain'\) writes"):
        assert Network.load("brain").sizes == [2, 3]


def test_a_file_that_is_absent_is_told_by_the_name_that_was_given(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"brain'$"):
        Network.load(tmp_path / "brain")


def test_every_program_is_asked_and_the_last_takes_what_is_left():
    *others, last = saving.PROGRAMS
    assert last == "native"
    for name in others:
        assert not saving.PROGRAMS[name][0](b"PK\x03\x04 an archive", False)
    assert saving.PROGRAMS[last][0](b"anything", False)
