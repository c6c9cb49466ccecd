"""Killed at random moments, in the middle of writing a checkpoint among them, and resumed to the same bits.

`KILLS=50` in the environment is how many.
"""

import os
import signal
import subprocess
import sys

import killed
import numpy as np
import pytest
from conftest import need

from anynet import Network

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_kills_and_resumes_end_at_the_same_bits(backend):
    need(backend)
    few = {"numpy": 10, "jax": 3}[backend]  # each start on JAX compiles for five seconds
    n_kills, _, differing = killed.kill_and_resume(backend, int(os.environ.get("KILLS", few)))
    assert n_kills >= few // 3
    assert differing == 0


def test_a_write_that_is_cut_off_loses_no_checkpoint(tmp_path):
    for write in (1, 2, 3, 9):
        code, _ = killed.run("numpy", tmp_path / "run", writes=write)
        assert code == killed.KILLED
    assert killed.run("numpy", tmp_path / "run")[0] == 0
    assert killed.run("numpy", tmp_path / "whole")[0] == 0
    assert killed.result(tmp_path / "run") == killed.result(tmp_path / "whole")


ASKED = """
import signal, sys
import numpy as np
from anynet import Checkpoint, Network
for name in ("SIGINT", "SIGTERM"):
    signal.signal(getattr(signal, name), signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)
x, y = np.random.default_rng(1).standard_normal((20000, 100)), np.arange(20000) % 10
net = Network([100, 30, 10])
try:
    net.fit(x, y, epochs=1000, checkpoint=Checkpoint(sys.argv[1], every=None),
            callbacks=[lambda report, net: print("chunk", flush=True)])
except KeyboardInterrupt as stopped:
    np.savez(sys.argv[1] + "/left.npz", w=net.weights[0])
    sys.exit(128 + stopped.args[0])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_asks_it_to_end_finds_a_checkpoint_of_the_chunk(number, tmp_path):
    command = [sys.executable, "-c", ASKED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == 128 + number
    [path] = tmp_path.glob("step-*.npz")
    with np.load(tmp_path / "left.npz") as left:
        assert np.array_equal(Network.load(path).weights[0], left["w"])
