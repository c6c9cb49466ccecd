"""Measure anynet beside what a user would pick instead, on the same data, in the same minutes.

    python scripts/benchmark.py                     everything, in about ten minutes
    python scripts/benchmark.py --quick             a rough picture of everything, in two minutes
    python scripts/benchmark.py --only book wide    some workloads
    python scripts/benchmark.py --json FILE         keep the numbers

Each contestant has a process of its own, with the same threads, data, sizes, batch, dtype and initial weights, and its
memory is that process's. anynet duels with one peer at a time: after a warm-up they take turns, A B A B, a block of
training steps each. Times are medians over the blocks; a ratio is the median of the ratios within the pairs, between
its quartiles, so that what the machine does besides weighs on both sides. Accuracy, on the validation images after
the same number of training steps for both, shows whether what was fast was right. The peers are described in
`peers.py`; those that are not installed are named and left out: pip install 'anynet-nn[benchmark]'.
"""

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from peers import CONTESTANTS, Recipe
from stage import Stage

N_TRAINING = 50_000
ENOUGH, ENOUGH_IF_QUICK = 0.975, 0.95  # of the validation images
MOST_EPOCHS = 40
# So that --quick is quick on a busy machine too, with fewer pairs, and a race that may not arrive.
LONGEST_QUICK_DUEL_S, LONGEST_QUICK_RACE_S = 2.0, 10.0
COMMAND = ("train", "--epochs", "1", "--quiet", "--force", "--out")

BOOK = Recipe((784, 30, 10), 10, 3.0)
WIDE = Recipe((784, 512, 512, 10), 128, 0.1, hidden="relu", output="softmax", initializer="he")
CONVERGE = Recipe((784, 128, 10), 64, 0.3, hidden="relu", output="softmax", initializer="he")

Row = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What the command line asked for."""

    quick: bool
    threads: int
    dtype: str
    pairs: int
    peers: Sequence[str]

    def choose(self, *names: str) -> list[str]:
        """Return those of the contestants that are wanted and installed."""
        return [name for name in names if name in self.peers]


@dataclass
class Side:
    """One side of a duel: who, the seconds of each block, and how it stood at the end."""

    who: str
    seconds: list[float] = field(default_factory=list)
    accuracy: float | None = None
    peak_mb: float | None = None


# A turn is a question to a stage that is answered in seconds; it may differ from block to block.
Turn = Callable[[int], tuple[Any, ...]]


def duel(settings: Settings, stages: tuple[Stage, Stage], turn: Turn) -> tuple[Side, Side]:
    """Let two contestants take turns, each in its own process, and return both sides."""
    sides = Side(stages[0].label), Side(stages[1].label)
    for stage in stages:
        stage.wait()
    begin = time.perf_counter()
    for k in range(settings.pairs + 1):
        if settings.quick and k > 2 and time.perf_counter() - begin > LONGEST_QUICK_DUEL_S:
            break
        for side, stage in zip(sides, stages, strict=True):
            side.seconds.append(stage.ask(*turn(k)))
    for side, stage in zip(sides, stages, strict=True):
        del side.seconds[0]  # the warm-up
        side.peak_mb, side.accuracy = stage.ask("peak_memory"), stage.ask("accuracy")
    return sides


def ratio_row(ours: Side, theirs: Side) -> Row:
    """Return how many times as long as ours their side takes, and how much that varies."""
    ratios = [b / a for a, b in zip(ours.seconds, theirs.seconds, strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return {"ratio": statistics.median(ratios), "quartiles": (low, high), "pairs": len(ratios)}


def side_row(side: Side, per: int) -> Row:
    """Return a side's own numbers, its time per step or call."""
    seconds = statistics.median(side.seconds)
    return {"who": side.who, "seconds": seconds / per, "accuracy": side.accuracy, "peak_mb": side.peak_mb}


def duels(settings: Settings, recipe: Recipe, peers: list[str], turn: Turn, per: int) -> list[Row]:
    """Return a row for anynet and one for each of the peers, after a duel with each."""
    recipe, rows = replace(recipe, dtype=settings.dtype), []
    duels_of_ours: list[Side] = []
    with Stage("anynet", recipe, settings.threads) as our_stage:
        for name in peers:
            with Stage(name, recipe, settings.threads) as stage:
                our_stage.ask("restart", recipe.seed)
                ours, theirs = duel(settings, (our_stage, stage), turn)
            duels_of_ours.append(ours)
            rows.append(side_row(theirs, per) | ratio_row(ours, theirs))
    if not peers:
        return []
    # The first duel's peak: after it, its accuracy has been asked for, which takes memory of its own.
    ours = replace(duels_of_ours[0], seconds=[s for side in duels_of_ours for s in side.seconds])
    return [side_row(ours, per), *rows]


# The workloads. Each returns its rows.


def training(settings: Settings, recipe: Recipe, peers: list[str], quick_steps: int) -> list[Row]:
    """Train in blocks: whole epochs, or so many steps of one where it must be quick."""
    steps_of_epoch = N_TRAINING // recipe.batch_size
    steps = quick_steps if settings.quick else steps_of_epoch
    size = steps * recipe.batch_size

    def turn(k: int) -> tuple[Any, ...]:
        start = k % (N_TRAINING // size) * size
        return "train", start, start + size

    rows = duels(settings, recipe, peers, turn, steps)
    return [row | {"epoch_seconds": row["seconds"] * N_TRAINING / recipe.batch_size} for row in rows]


def book(settings: Settings) -> list[Row]:
    """[784, 30, 10], sigmoid, quadratic, batch 10: training."""
    return training(settings, BOOK, settings.choose("products", "book", "torch", "sklearn", "jax", "jax_scan"), 500)


def wide(settings: Settings) -> list[Row]:
    """[784, 512, 512, 10], ReLU, softmax, batch 128: training."""
    return training(settings, WIDE, settings.choose("products", "torch", "jax", "jax_scan"), 10)


def one_image(settings: Settings) -> list[Row]:
    """One image through [784, 30, 10], sigmoid (untrained: all must have the same accuracy)."""
    return duels(settings, BOOK, settings.choose("torch", "jax"), lambda k: ("infer", 1, 1000), 1)


def many_images(settings: Settings) -> list[Row]:
    """10,000 images through [784, 512, 512, 10], ReLU, softmax (untrained: all must have the same accuracy)."""
    return duels(settings, WIDE, settings.choose("torch"), lambda k: ("infer", 10_000, 1), 1)


def progress_bar(settings: Settings) -> list[Row]:
    """[784, 30, 10], batch 10: an epoch with the progress bar against one without."""
    return duels(settings, BOOK, ["anynet_bar"], lambda k: ("train", 0, N_TRAINING), N_TRAINING // BOOK.batch_size)


def converge(settings: Settings) -> list[Row]:
    """[784, 128, 10], ReLU, softmax, batch 64, SGD at 0.3: time to 97.5 % (quick: 95 %) of the validation images."""
    recipe, rows = replace(CONVERGE, dtype=settings.dtype), []
    goal, longest = (ENOUGH_IF_QUICK, LONGEST_QUICK_RACE_S) if settings.quick else (ENOUGH, math.inf)
    for name in settings.choose("torch"):
        with Stage("anynet", recipe, settings.threads) as ours, Stage(name, recipe, settings.threads) as theirs:
            races = [race((ours, theirs), seed, goal, longest) for seed in range(1 if settings.quick else 5)]
        sides = [Side(runners[0].stage.label, [r.seconds for r in runners]) for runners in zip(*races, strict=True)]
        for side, runners in zip(sides, zip(*races, strict=True), strict=True):
            side.accuracy = statistics.median(r.accuracy for r in runners)
            rows.append(side_row(side, 1) | {"epochs": statistics.median(r.epochs for r in runners)})
        if all(runner.has_arrived for runners in races for runner in runners):
            rows[-1] |= ratio_row(*sides)
    return rows


@dataclass
class Runner:
    """One side of a race: how far it is, in seconds of training and in epochs."""

    stage: Stage
    goal: float
    seconds: float = 0.0
    epochs: int = 0
    accuracy: float = 0.0

    @property
    def has_arrived(self) -> bool:
        return self.accuracy >= self.goal

    def run(self) -> None:
        """Train for an epoch, unless the goal is reached."""
        if not self.has_arrived:
            self.seconds += self.stage.ask("train", 0, N_TRAINING)
            self.epochs += 1
            self.accuracy = self.stage.ask("accuracy")


def race(stages: Sequence[Stage], seed: int, goal: float, longest: float) -> list[Runner]:
    """Train both, an epoch each in turn, from the same weights, until both arrive or it has taken too long.

    The seconds are of training alone.
    """
    for stage in stages:
        stage.ask("train", 0, 100 * CONVERGE.batch_size)  # the warm-up
        stage.ask("restart", seed)
    runners, begin = [Runner(stage, goal) for stage in stages], time.perf_counter()
    for _ in range(MOST_EPOCHS):
        if time.perf_counter() - begin > longest:
            break
        for runner in runners:
            runner.run()
    return runners


def memory(settings: Settings) -> list[Row]:
    """Take the peak memory of a whole process: `anynet train` for an epoch, PyTorch training for a fifth."""
    with tempfile.TemporaryDirectory() as folder:
        command = (str(Path(__file__).with_name("resident.py")), *COMMAND, f"{folder}/brain.npz")
        _, printed = run_command(*command, threads=settings.threads)
    peak = float(printed)
    rows = [{"who": "anynet train", "peak_mb": peak}]
    for name in settings.choose("torch_uint8", "torch"):
        with Stage(name, replace(BOOK, dtype=settings.dtype), settings.threads) as stage:
            stage.ask("train", 0, N_TRAINING // 5)
            theirs = stage.ask("peak_memory")
        rows.append({"who": stage.label, "peak_mb": theirs, "ratio": theirs / peak})
    return rows


def process(settings: Settings) -> list[Row]:
    """Time a whole process, `anynet train` for one epoch, against `import torch` plus an epoch of PyTorch's."""
    sides = Side("anynet train"), Side("python -c 'import torch', and an epoch of PyTorch, eager")
    for name in settings.choose("torch"):
        with (
            Stage(name, replace(BOOK, dtype=settings.dtype), settings.threads) as stage,
            tempfile.TemporaryDirectory() as folder,
        ):
            parts = 10 if settings.quick else 1  # of PyTorch's epoch, of which one is then taken
            for _ in range(2 if settings.quick else 5):
                ours, _ = run_command("-m", "anynet", *COMMAND, f"{folder}/brain.npz", threads=settings.threads)
                start, _ = run_command("-c", "import torch", threads=settings.threads)
                sides[0].seconds.append(ours)
                sides[1].seconds.append(start + parts * stage.ask("train", 0, N_TRAINING // parts))
        return [side_row(sides[0], 1), side_row(sides[1], 1) | ratio_row(*sides)]
    return []


def run_command(*arguments: str, threads: int) -> tuple[float, str]:
    """Run Python with those arguments; return its seconds, from start to end, and what it printed."""
    limits = {name: str(threads) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], env=os.environ | limits, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - begin
    if done.returncode != 0:
        *_, reason = done.stderr.strip().splitlines() or ["no message"]
        raise RuntimeError(f"python {' '.join(arguments)}: expected exit status 0, got {done.returncode}: {reason}")
    return seconds, done.stdout


WORKLOADS = {
    workload.__name__: workload
    for workload in (book, wide, converge, one_image, many_images, memory, process, progress_bar)
}


# What people read.

COLUMNS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "": ("who", str),
    "time": ("seconds", lambda seconds: readable(seconds)),
    "s per epoch": ("epoch_seconds", "{:.3f}".format),
    "epochs": ("epochs", "{:g}".format),
    "x anynet": ("ratio", "{:.2f}".format),
    "quartiles": ("quartiles", lambda both: "{:.2f}-{:.2f}".format(*both)),
    "pairs": ("pairs", str),
    "accuracy": ("accuracy", "{:.2%}".format),
    "peak MB": ("peak_mb", "{:.0f}".format),
}


def readable(seconds: float) -> str:
    """Return a time with the unit that suits it."""
    unit, scale = next(((u, s) for u, s in (("s", 1.0), ("ms", 1e-3)) if seconds >= s), ("us", 1e-6))
    return f"{seconds / scale:.1f} {unit}"


def table(rows: list[Row]) -> str:
    """Return rows as aligned text, without the columns that nobody has a number for."""
    columns = []
    for title, (key, render) in COLUMNS.items():
        cells = ["" if row.get(key) is None else render(row[key]) for row in rows]
        if any(cells):
            columns.append((title, *cells))
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for who, *numbers in zip(*columns, strict=True):
        lines.append("  ".join([who.ljust(widths[0]), *(n.rjust(w) for n, w in zip(numbers, widths[1:], strict=True))]))
    return "\n".join(lines)


def installed() -> dict[str, str]:
    """Return the versions of the distributions that contestants need, of those that are there."""
    versions = {}
    for distribution in sorted({contestant.distribution for contestant in CONTESTANTS.values()}):
        with suppress(PackageNotFoundError):
            versions[distribution] = version(distribution)
    return versions


def machine(versions: dict[str, str], settings: Settings) -> Row:
    """Return where and with what the numbers were taken."""
    with Stage("products", BOOK, settings.threads) as stage:
        blas = stage.ask("blas")
    return {
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": versions,
        "blas": blas,
        "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
    }


def processor() -> str:
    """Return the processor's name, where the operating system tells."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def main() -> int:
    options = parser().parse_args()
    if find_spec("threadpoolctl") is None:
        print("threadpoolctl is not installed. Install it with: pip install 'anynet-nn[benchmark]'", file=sys.stderr)
        return 1
    versions = installed()
    peers = [name for name in options.peers if CONTESTANTS[name].distribution in versions]
    for name in sorted(set(options.peers) - set(peers)):
        print(f"{CONTESTANTS[name].label}: left out, {CONTESTANTS[name].distribution} is not installed.")
    settings = Settings(options.quick, options.threads, options.dtype, options.pairs, peers)
    about = machine(versions, settings)
    print(json.dumps(about, indent=2), f"\n{options.threads} threads, {options.dtype}, {options.pairs} pairs")

    results, failed = {}, False
    for name in options.only:
        print(f"\n{name}: {WORKLOADS[name].__doc__}", flush=True)
        begin = time.perf_counter()
        try:
            results[name] = WORKLOADS[name](settings)
            print(table(results[name]))
        except RuntimeError as error:
            print(f"not measured: {error}")
            failed = True
        print(f"({time.perf_counter() - begin:.0f} s)")
    if options.json:
        kept = {"machine": about, "settings": asdict(settings), "results": results}
        options.json.write_text(json.dumps(kept, indent=2) + "\n")
    return int(failed)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("--quick", action="store_true", help="short blocks instead of whole epochs")
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, default=list(WORKLOADS), help="workloads")
    parser.add_argument("--peers", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS), help="contestants")
    parser.add_argument("--threads", type=int, choices=range(1, cores + 1), default=min(2, cores), help="2")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="float32")
    parser.add_argument("--pairs", type=int, default=15, help="turns of each duel: 15")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
