"""Programs that end at any moment: `python scripts/attack/ends.py kills 300 1`, with a seed; see WAYS for the others.

Nothing that was learnt is lost, nothing is printed but our own lines, and what is left beside a file is swept by the
next save in its folder.
"""

import os
import pty
import random
import re
import select
import signal
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

import numpy as np

from anynet import Network
from anynet.cli import main

OURS = r"Training \[|4,000 examples$|Epoch \d+(: |$)|(Interrupted|Stopped)\. |anynet: "  # so begin lines of a training


def program(run, folder):
    """Start a program as a child of this one, which has loaded all that it needs; return it, and what it tells."""
    told, tells = os.pipe()
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        os.setsid()
        heed_signals()
        for number in (1, 2):
            os.dup2(tells, number)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
        code = 1
        try:
            code = run()
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(tells)
    return child, told


def heed_signals():
    """Let signals be what they are at a terminal: a shell lets what it runs in the background ignore some."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def save_for_ever():
    nets = [Network([200, 100, 10], seed=seed) for seed in (0, 1)]
    print("ready", flush=True)
    while True:
        for net in nets:
            net.save("net.npz")


def training(folder, *options):
    """Return what trains on small data in a folder as a program, for long unless options say otherwise."""
    rng = np.random.default_rng(0)
    if not (folder / "data.npz").exists():
        np.savez(folder / "data.npz", x=rng.standard_normal((4000, 20)), y=np.arange(4000) % 3)

    def run():
        sys.argv = ["anynet", "train", "--data", "data.npz", "--epochs", "100000", *options]
        return main()

    return run


def end(child, told):
    """Return the code of a program that ends, and all that it told."""
    with os.fdopen(told, errors="replace") as file:
        text = file.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text


def opened(path):
    """Whether a file holds a whole network."""
    try:
        return bool(Network.load(path).sizes)
    except (OSError, ValueError):
        return False


def kills(n, rng):
    """Kill a program that saves all the time; return what was lost, and what is left after one more save."""
    lost = 0
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        path = Network([200, 100, 10]).save(folder / "net.npz")
        for _ in range(n):
            child, told = program(save_for_ever, folder)
            os.read(told, 1)
            time.sleep(rng.uniform(0, 0.03))
            os.kill(child, signal.SIGKILL)
            end(child, told)
            lost += not opened(path)
        left = len([*folder.iterdir()]) - 1
        Network([3, 2]).save(folder / "other")
        return {"kills": n, "lost": lost, "left by the last": left, "after one more save": len([*folder.iterdir()]) - 2}


def signals(n, rng, gaps=()):
    """Send a training a signal, or two so far apart; return what was lost."""
    counts = {"signals": 0, "lost": 0, "tracebacks": 0, "other codes": 0, "left": 0}
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        run = training(folder)
        for i in range(n):
            number = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[i % 3]
            child, told = program(run, folder)
            begun = b""
            while b"examples" not in begun:  # the second line
                begun += os.read(told, 4096)
            time.sleep(rng.uniform(0, 0.4))
            os.kill(child, number)
            if gaps:
                time.sleep(rng.uniform(*gaps))
                os.kill(child, number)
            code, text = end(child, told)
            judge(folder, counts, code, 128 + number, text)
    return counts


def judge(folder, counts, code, expected, err):
    """Count what became of a training that was asked to end, and remove its network."""
    path = folder / "network.npz"
    counts["signals"] += 1
    counts["lost"] += not opened(path)
    counts["tracebacks"] += "Traceback" in err or "Exception ignored" in err
    counts["other codes"] += code != expected
    if code != expected:
        print(f"code {code} and not {expected}: {err[-300:]!r}", flush=True)
    path.unlink(missing_ok=True)
    counts["left"] += len([*folder.iterdir()]) - 1
    for other in folder.glob("network*"):
        other.unlink()


def terminals(n, rng):
    """Close the terminal on which a network is trained; return what was lost, and what else than our lines was told.

    What a program tells of an end is told to a terminal that is gone: so every other one tells a file of it.
    """
    counts = {"signals": 0, "lost": 0, "tracebacks": 0, "other codes": 0, "left": 0, "lines not ours": 0}
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        training(folder)
        command = [sys.executable, "-m", "anynet", "train", "--data", "data.npz", "--epochs", "100000"]
        for i in range(n):
            with tempfile.TemporaryFile() as told:
                child, terminal = pty.fork()
                if child == 0:
                    heed_signals()
                    os.chdir(folder)
                    if i % 2:
                        os.dup2(told.fileno(), 2)
                    os.execv(command[0], command)
                text = watched(terminal, rng.uniform(0, 0.4))
                os.close(terminal)  # which hangs up
                _, status = os.waitpid(child, 0)
                told.seek(0)
                text += "\n" + told.read().decode(errors="replace")
            counts["lines not ours"] += len(others := not_ours(text))
            if others:
                print(f"not ours: {others[:3]}", flush=True)
            judge(folder, counts, os.waitstatus_to_exitcode(status), 128 + signal.SIGHUP, text)
    return counts


def watched(terminal, seconds):
    """Return what a training shows on a terminal until so long after its second line."""
    shown, until = b"", None
    while until is None or time.monotonic() < until:
        if select.select([terminal], [], [], 0.01)[0]:
            shown += os.read(terminal, 4096)
        if until is None and b"examples" in shown:
            until = time.monotonic() + seconds
    return shown.decode(errors="replace")


def not_ours(text):
    """Return the lines that training does not tell; a bar draws itself anew, and the last line may be cut short."""
    lines = [line for line in re.split(r"[\r\n]+|\x1b\[A", text) if line.strip()]
    return [line for line in lines if not re.match(OURS, line) and not "Epoch ".startswith(line)]


def at_once(n, rng, together=6):
    """Train several networks at once to one name; return how many files there are, and what they lack."""
    counts = {"rounds": 0, "files": 0, "not told of": 0, "no network": 0}
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        for _ in range(n):
            runs = [program(training(folder, "--epochs", "1", "--seed", str(seed)), folder) for seed in range(together)]
            told = {re.search(r"to (\S+\.npz)", end(*run)[1].splitlines()[-1])[1] for run in runs}
            files = {path.name for path in folder.glob("*") if path.name != "data.npz"}
            counts["rounds"] += 1
            counts["files"] += len(told)
            counts["not told of"] += len(files ^ told)
            counts["no network"] += sum(not opened(folder / name) for name in files)
            for name in files:
                (folder / name).unlink()
    return counts


WAYS = {
    "kills": kills,
    "signals": signals,
    "doubles": lambda n, rng: signals(n, rng, gaps=(0.0003, 0.008)),
    "terminals": terminals,
    "at-once": at_once,
}

if __name__ == "__main__":
    import_module("anynet.commands.train")  # before programs begin
    way, n, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    begin = time.perf_counter()
    print(f"{way}, seed {seed}: {WAYS[way](n, random.Random(seed))} in {time.perf_counter() - begin:.0f} s")
