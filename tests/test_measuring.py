"""The scripts that measure: that they run, and measure what they say. No test asserts a time."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))


def test_the_benchmark_shows_anynet_beside_a_peer_and_keeps_the_numbers(tmp_path):
    kept = tmp_path / "numbers.json"
    options = ["--quick", "--threads", "1", "--only", "book", "--peers", "products", "book", "--json", str(kept)]
    done = subprocess.run(
        [sys.executable, SCRIPTS / "benchmark.py", *options], capture_output=True, text=True, check=True
    )
    assert "x anynet" in done.stdout
    ours, floor, book = json.loads(kept.read_text())["results"]["book"]
    assert [ours["who"], floor["who"]] == ["anynet", "floor: bare matrix products"]
    assert floor["accuracy"] is None
    assert ours["accuracy"] > 0.9
    assert book["accuracy"] > 0.9
    assert book["peak_mb"] > 0
    low, high = book["quartiles"]
    assert low <= book["ratio"] <= high


def test_watching_a_step_names_its_parts_and_changes_nothing_in_it(scripts):
    import breakdown
    from anynet import SGD, datasets

    recipe = replace(breakdown.WIDE, sizes=(784, 5, 5, 10), batch_size=10)
    train, _, _ = datasets.mnist()
    data = datasets.Dataset(train.x[:100], train.y[:100])
    net, alike = recipe.network(), recipe.network()
    parts = breakdown.watched_epoch(net, data, recipe)
    alike.fit(data, 1, 10, SGD(recipe.learning_rate), progress=False)
    assert set(parts) == {
        "forming the batches",
        "layers",
        "activations and their derivatives",
        "the cost's error",
        "the optimizer",
    }
    assert all(seconds > 0 for seconds in parts.values())
    for trained, other in zip(net.weights, alike.weights, strict=True):
        np.testing.assert_array_equal(trained, other)
