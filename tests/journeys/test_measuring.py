"""The scripts that measure: that they run, and measure what they say. No test asserts a time."""

import copy
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import breakdown
import numpy as np
import pytest
from conftest import need
from duels import Settings, Side, ratio_row
from peers import AnyNet, Torch
from recipe import ADAM, BOOK, MOMENTUM, WIDE
from speed_picture import bars
from stage import Stage

from anynet import SGD, Dataset

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.mark.slow
def test_the_benchmark_shows_anynet_beside_a_peer_and_keeps_the_numbers(tmp_path):
    kept = tmp_path / "numbers.json"
    options = ["--quick", "--threads", "1", "--only", "book", "--backends", "numpy", "--peers", "products", "book"]
    options += ["--json", str(kept), "--picture", str(tmp_path / "speed.png")]
    done = subprocess.run(
        [sys.executable, SCRIPTS / "measure" / "benchmark.py", *options], capture_output=True, text=True, check=True
    )
    assert "x anynet" in done.stdout
    ours, floor, book = json.loads(kept.read_text())["results"]["book"]
    assert [ours["who"], floor["who"]] == ["anynet, on NumPy", "floor: bare matrix products"]
    assert floor["accuracy"] is None
    assert ours["accuracy"] > 0.9
    assert book["accuracy"] > 0.9
    assert book["peak_mb"] > 0
    low, high = book["quartiles"]
    assert low <= book["ratio"] <= high
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [BOOK, replace(WIDE, sizes=(784, 20, 20, 10), batch_size=50)])
def test_jax_written_out_by_hand_learns_what_anynet_learns(recipe, mnist):
    need("jax")
    from jax_peers import JaxByHand

    data = Dataset(mnist[0].x[:2000], mnist[0].y[:2000])
    net, rival = recipe.network(), JaxByHand(recipe, data)
    order = copy.deepcopy(net.streams.order).permutation(len(data))
    net.fit(data, epochs=1, batch_size=recipe.batch_size, optimizer=SGD(recipe.learning_rate), progress=False)
    rival.run(order)
    for (weights, biases), w, b in zip(rival.parameters, net.weights, net.biases, strict=True):
        np.testing.assert_allclose(weights, w, rtol=0, atol=1e-5)
        np.testing.assert_allclose(biases, b[:, 0], rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [ADAM, replace(MOMENTUM, dropout=0.0)])
def test_rivals_move_by_the_optimizers_that_anynet_has(recipe, mnist):
    """Over two passes, between which all go on; PyTorch draws an order of its own, hence one batch."""
    pytest.importorskip("optax")
    need("jax")
    need("torch")
    from jax_peers import Optax

    recipe = replace(recipe, batch_size=1000, learning_rate=10 * recipe.learning_rate, decay=recipe.decay**100)
    data = Dataset(mnist[0].x[:1000], mnist[0].y[:1000])
    ours, optax, torch = AnyNet(recipe, data), Optax(recipe, data), Torch(recipe, data)
    for _ in range(4):
        for each in (ours, optax, torch):
            each.train(0, 1000)
    theirs = [[np.asarray(w) for w, _ in optax.parameters], [torch.net[i].weight.detach().numpy() for i in (0, 2)]]
    for weights in theirs:
        for w, expected in zip(weights, ours.net.weights, strict=True):
            np.testing.assert_allclose(w, expected, rtol=0, atol=1e-3 * np.abs(expected).max())


@pytest.mark.slow
def test_a_contestant_starts_anew_without_what_slows_numpy(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    with Stage("anynet", BOOK, 1) as stage:
        (blas,) = [pool for pool in stage.ask("blas") if pool["internal_api"] == "openblas"]
        assert blas["num_threads"] == 1
        assert stage.ask("train", 0, 1000) > 0
    assert "OPENBLAS_CORETYPE" not in os.environ


def test_watching_a_step_times_its_lines_and_changes_nothing_in_it(mnist, capsys):
    recipe = replace(WIDE, sizes=(784, 5, 5, 10), batch_size=10)
    data = Dataset(mnist[0].x[:100], mnist[0].y[:100])
    alike = recipe.network()
    watched, line, parts = breakdown.watched_epoch(data, recipe)
    breakdown.epoch(alike, data, recipe)
    for trained, other in zip(watched.weights, alike.weights, strict=True):
        np.testing.assert_array_equal(trained, other)
    assert all(seconds >= 0 for seconds in parts.values())
    assert len(line.ticks) == 10 * (len(line.lines) + 2)
    assert len(line.seconds()) == len(line.lines)
    assert sum("matmul(" in each for each in line.lines) == 3 + 3 + 2  # BP4 of each layer, and no error of the inputs
    breakdown.print_lines(list(zip(line.lines, line.seconds(), strict=True)))
    shown = capsys.readouterr().out
    assert "(10, 784) (784, 5)" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_each_of_ours_meets_the_rivals_that_are_there():
    settings = Settings(True, 1, "float32", 1, ours=["anynet", "anynet_torch"], peers=["book", "jax_scan"])
    pairings = {"anynet": ("products", "book"), "anynet_torch": ("torch",), "anynet_jax": ("jax_scan",)}
    assert settings.choose(pairings) == {"anynet": ["book"]}


def test_a_ratio_is_that_of_the_pairs():
    ours, theirs = Side("anynet", [1.0, 2.0, 4.0]), Side("torch", [3.0, 4.0, 20.0])
    assert ratio_row(ours, theirs) == {"ratio": 3.0, "quartiles": (2.5, 4.0), "pairs": 3}


def test_the_picture_shows_the_fastest_first_and_each_against_ours_of_its_library():
    duels = [("anynet", "anynet", 3e-5, None), ("torch", "anynet", 3e-4, 10.0), ("products", "anynet", 1e-5, 0.3)]
    duels += [("anynet_torch", "anynet_torch", 1e-4, None), ("torch", "anynet_torch", 2.9e-4, 2.9)]
    duels += [("book", "anynet", 4.5e-4, 15.2)]
    rows = [
        {"who": name, "name": name, "against": ours, "seconds": seconds, "ratio": ratio}
        for name, ours, seconds, ratio in duels
    ]
    assert [(bar.who, bar.words, bar.is_ours) for bar in bars(rows)] == [
        ("anynet", "30 us", True),
        ("anynet_torch", "100 us", True),
        ("torch", "290 us   2.9 x anynet on PyTorch", False),
        ("book", "450 us   15 x anynet on NumPy", False),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cuda_budget", "parity"])
def test_without_the_emulated_device_a_script_says_where_it_is(name):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"EMULATE_CUDA": "1"}
    command = [sys.executable, SCRIPTS / "gpu" / f"{name}.py"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"scripts/gpu/{name}.py: expected emulated_cuda to be importable. "
        f"It lies with the tests. Run: PYTHONPATH=tests/tools python scripts/gpu/{name}.py\n"
    )
