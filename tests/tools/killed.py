"""A training that is killed at random moments and resumed: `python tests/tools/killed.py numpy 50`.

Each of them ends by SIGKILL, at a moment that is drawn over the time that the training takes, or
in the middle of writing a checkpoint; what the resumed training has learnt and reported at its
end is compared, bit for bit, with one that was never stopped.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

KILLS = 2  # of one training
KILLED = -signal.SIGKILL


def train(backend, folder, writes_left):
    """Train, and leave what was learnt and reported in the folder; die in the middle of that write, from 1."""
    from anynet import Checkpoint, Dropout, EarlyStopping, Network
    from anynet.formats import npz
    from anynet.history import as_record
    from anynet.optimizers import Adam
    from anynet.schedules import Plateau

    whole = npz.np.savez

    def savez(file, **arrays):
        nonlocal writes_left
        writes_left -= 1
        if writes_left == 0:
            whole(file, **arrays)
            file.truncate(file.tell() // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        whole(file, **arrays)

    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((6000, 100)), rng.integers(0, 10, 6000)
    net = Network([100, 50, Dropout(0.2), 10], backend, output="softmax", seed=2)
    how = {"validation": (x[:500], y[:500]), "batch_size": 20, "optimizer": Adam(Plateau(0.01, patience=0))}
    how |= {"early_stopping": EarlyStopping(patience=20), "history_file": folder / "lines"}
    if folder.name != "whole":
        npz.np.savez = savez
        how |= {"checkpoint": Checkpoint(folder / "run", every_steps=70), "resume": folder / "run"}
    print("begins", flush=True)
    history = net.fit(x, y, epochs=10, **how)
    npz.np.savez = whole
    told = [{k: v for k, v in as_record(report).items() if k != "seconds"} for report in history]
    arrays = {f"a{i}": a for i, a in enumerate((*net.weights, *net.biases))}
    np.savez(folder / "result.npz", told=json.dumps(told), **arrays)


def run(backend, folder, moment=None, writes=0):
    """Run the training as a program, killed so many seconds after it begins; return its code, and how long it took."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, __file__, "--train", backend, str(folder), str(writes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        begin = time.perf_counter()
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        return process.wait(), time.perf_counter() - begin


def result(folder):
    """Return what a training has left: arrays, and reports, by name; and the lines of its history, but for seconds."""
    with np.load(folder / "result.npz") as file:
        found = {name: file[name].tobytes() for name in file.files}
    lines = [json.loads(line) for line in (folder / "lines").read_text().splitlines()]
    return found, [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


def kill_and_resume(backend, n, seed=0, tell=lambda text: None):
    """Return, of at least n kills, how many there were, how many in a write, and how many trainings differ."""
    rng, n_kills, n_in_writes, differing = np.random.default_rng(seed), 0, 0, 0
    with tempfile.TemporaryDirectory() as home:
        code, seconds = run(backend, Path(home) / "whole")
        assert code == 0
        expected = result(Path(home) / "whole")
        for i in range(n):
            if n_kills >= n:
                break
            folder = Path(home) / str(i)
            for _ in range(min(KILLS, n - n_kills)):
                in_write = rng.uniform() < 0.3
                how = {"writes": rng.integers(1, 15)} if in_write else {"moment": rng.uniform(0, seconds)}
                code, _ = run(backend, folder, **how)
                n_kills, n_in_writes = n_kills + (code == KILLED), n_in_writes + (in_write and code == KILLED)
            code, _ = run(backend, folder)
            differing += code != 0 or result(folder) != expected
            tell(f"{n_kills} kills, {n_in_writes} in the middle of a write; trainings that differ: {differing}")
    return n_kills, n_in_writes, differing


if __name__ == "__main__":
    if sys.argv[1] == "--train":
        train(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        kill_and_resume(sys.argv[1], int(sys.argv[2]), tell=lambda text: print(text, flush=True))
