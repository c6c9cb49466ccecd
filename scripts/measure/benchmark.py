"""Measure anynet beside what a user would pick instead, on the same data, in the same minutes.

    python scripts/measure/benchmark.py                       everything, in about a quarter of an hour
    python scripts/measure/benchmark.py --quick               a rough picture of everything, in some minutes
    python scripts/measure/benchmark.py --only book wide      some workloads
    python scripts/measure/benchmark.py --backends numpy      one of anynet's backends, and its rivals
    python scripts/measure/benchmark.py --json FILE           keep the numbers
    python scripts/measure/benchmark.py --picture FILE        draw the book's step, by contestant

Each contestant has a process of its own, with the same threads, data, sizes, batch, dtype and initial weights, and its
memory is that process's. anynet takes part on NumPy, on PyTorch and on JAX, and duels with one peer at a time: after a
warm-up they take turns, A B A B, a block of training steps each. Times are medians over the blocks. A ratio, "x
anynet", is against the anynet that heads the paragraph: the median of the ratios within the pairs, between its
quartiles, so that what the machine does besides weighs on both sides. Accuracy, on the validation images after the same
number of training steps for both, shows whether what was fast was right. The peers are described in `peers.py`; those
that are not installed are named and left out: pip install 'anynet-nn[benchmark]'.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from duels import N_TRAINING, Settings, Side, duels, first_steps, races, ratio_row, side_row
from peers import CONTESTANTS, OURS
from recipe import ADAM, BOOK, COMMAND, CONVERGE, LENET, LENET_64, MOMENTUM, WIDE, Recipe
from report import Row, aligned, installed, machine, readable
from speed_picture import draw
from stage import SLOWING_NUMPY, Stage, forget_blas_settings

# Who of ours meets whom.
BOOK_DUELS = {
    "anynet": ("products", "numpy_by_hand", "book", "torch", "sklearn", "jax_scan"),
    "anynet_torch": ("torch",),
    "anynet_jax": ("jax", "jax_scan", "jax_by_hand", "torch", "book"),
}
MIDDLE_DUELS = {"anynet": ("products", "torch", "jax_scan"), "anynet_torch": ("torch",), "anynet_jax": ("jax_scan",)}
WIDE_DUELS = {
    "anynet": ("products", "torch", "jax_scan"),
    "anynet_torch": ("torch",),
    "anynet_jax": ("jax", "jax_scan", "jax_by_hand", "torch"),
}
OPTIMIZER_DUELS = {"anynet": ("torch",), "anynet_torch": ("torch",), "anynet_jax": ("optax", "torch")}
LENET_DUELS = {
    "anynet": ("lenet_torch",),
    "anynet_torch": ("lenet_torch",),
    "anynet_jax": ("lenet_jax", "lenet_torch"),
}
LENET_RACES = {"anynet": ("lenet_torch",), "anynet_jax": ("lenet_torch",)}
ONE_IMAGE_DUELS = {"anynet": ("book", "torch", "jax"), "anynet_torch": ("torch",), "anynet_jax": ("jax",)}
MANY_IMAGES_DUELS = {"anynet": ("torch",), "anynet_torch": ("torch",), "anynet_jax": ("jax",)}
FIRST_STEPS = {"anynet_jax": ("jax", "jax_scan", "jax_by_hand")}
RACES = {"anynet": ("torch",), "anynet_jax": ("torch",)}


# The workloads. Each returns its rows.


def training(
    settings: Settings,
    recipe: Recipe,
    pairings: Mapping[str, Sequence[str]],
    quick_steps: int,
    steps: int | None = None,
) -> list[Row]:
    """Train in blocks: so many steps, whole epochs by default, or fewer where it must be quick."""
    steps = quick_steps if settings.quick else steps or N_TRAINING // recipe.batch_size
    size = steps * recipe.batch_size

    def turn(k: int) -> tuple[Any, ...]:
        start = k % (N_TRAINING // size) * size
        return "train", start, start + size

    rows = duels(settings, recipe, pairings, turn, steps)
    return [row | {"epoch_seconds": row["seconds"] * N_TRAINING / recipe.batch_size} for row in rows]


def book(settings: Settings) -> list[Row]:
    """[784, 30, 10], sigmoid, quadratic, batch 10: training."""
    return training(settings, BOOK, BOOK_DUELS, 500)


def middle(settings: Settings) -> list[Row]:
    """[784, 128, 10], ReLU, softmax, batch 64: training."""
    return training(settings, CONVERGE, MIDDLE_DUELS, 50)


def wide(settings: Settings) -> list[Row]:
    """[784, 512, 512, 10], ReLU, softmax, batch 128: training."""
    return training(settings, WIDE, WIDE_DUELS, 10)


def adam(settings: Settings) -> list[Row]:
    """[784, 100, 10], ReLU, softmax, batch 64, Adam: training."""
    return training(settings, ADAM, OPTIMIZER_DUELS, 50)


def momentum(settings: Settings) -> list[Row]:
    """[784, 100, 10], ReLU, dropout 0.5, softmax, batch 64, momentum under an exponential schedule: training."""
    return training(settings, MOMENTUM, OPTIMIZER_DUELS, 50)


def lenet(settings: Settings) -> list[Row]:
    """LeNet (20@5x5, pool, 40@5x5, pool, 100, 10), ReLU, softmax, batch 10: training, 10,000 images a turn."""
    return training(settings, LENET, LENET_DUELS, 50, 1000)


def lenet_64(settings: Settings) -> list[Row]:
    """LeNet, batch 64: training, 9,984 images a turn."""
    return training(settings, LENET_64, LENET_DUELS, 10, 156)


def lenet_images(settings: Settings) -> list[Row]:
    """10,000 images through LeNet (untrained: all must have the same accuracy)."""
    return duels(settings, LENET, LENET_DUELS, lambda k: ("infer", 10_000, 1), 1)


def lenet_race(settings: Settings) -> list[Row]:
    """LeNet, batch 10, SGD at 0.05: time to 99.0 % (quick: 95 %) of the validation images."""
    settings = replace(settings, enough=0.99)
    rivals = settings.choose(LENET_RACES).items()
    return [row for ours, names in rivals for name in names for row in races(settings, LENET, (ours, name), cold=False)]


def one_image(settings: Settings) -> list[Row]:
    """One image through [784, 30, 10], sigmoid (untrained: all must have the same accuracy)."""
    return duels(settings, BOOK, ONE_IMAGE_DUELS, lambda k: ("infer", 1, 1000), 1)


def many_images(settings: Settings) -> list[Row]:
    """10,000 images through [784, 512, 512, 10], ReLU, softmax (untrained: all must have the same accuracy)."""
    return duels(settings, WIDE, MANY_IMAGES_DUELS, lambda k: ("infer", 10_000, 1), 1)


def first_step(settings: Settings) -> list[Row]:
    """[784, 30, 10], batch 10: a network's first mini-batch in a fresh process, what it compiles included."""
    return first_steps(settings, BOOK, FIRST_STEPS)


def progress_bar(settings: Settings) -> list[Row]:
    """[784, 30, 10], batch 10: an epoch with the progress bar against one without."""
    settings = replace(settings, peers=["anynet_bar"])
    turn = "train", 0, N_TRAINING
    return duels(settings, BOOK, {"anynet": ("anynet_bar",)}, lambda k: turn, N_TRAINING // BOOK.batch_size)


def converge(settings: Settings) -> list[Row]:
    """[784, 128, 10], ReLU, softmax, batch 64, SGD at 0.3: time to 97.5 % (quick: 95 %) of the validation images."""
    rows = []
    for ours, rivals in settings.choose(RACES).items():
        for name in rivals:
            rows += races(settings, CONVERGE, (ours, name), cold=False)
            if ours == "anynet_jax":
                cold = races(settings, CONVERGE, (ours, name), cold=True)
                rows += [row | {"who": f"{row['who']}, compiling included", "against": f"{ours}, cold"} for row in cold]
    return rows


def memory(settings: Settings) -> list[Row]:
    """Take the peak memory of a whole process: `anynet train` for an epoch, PyTorch training for a fifth."""
    with tempfile.TemporaryDirectory() as folder:
        command = (str(Path(__file__).with_name("resident.py")), *COMMAND, f"{folder}/network.npz")
        _, printed = run_command(*command, threads=settings.threads)
    peak = float(printed)
    rows = [{"who": "anynet train", "peak_mb": peak}]
    for name in [name for name in ("torch_uint8", "torch") if name in settings.peers]:
        with Stage(name, replace(BOOK, dtype=settings.dtype), settings.threads) as stage:
            stage.ask("train", 0, N_TRAINING // 5)
            theirs = stage.ask("peak_memory")
        rows.append({"who": stage.label, "peak_mb": theirs, "ratio": theirs / peak})
    return rows


def process(settings: Settings) -> list[Row]:
    """Time a whole process, `anynet train` for one epoch, against `import torch` plus an epoch of PyTorch's."""
    if "torch" not in settings.peers:
        return []
    ours, theirs = Side("anynet"), Side("torch")
    parts = 10 if settings.quick else 1  # of PyTorch's epoch, of which one is then taken
    with (
        Stage("torch", replace(BOOK, dtype=settings.dtype), settings.threads) as stage,
        tempfile.TemporaryDirectory() as folder,
    ):
        for _ in range(2 if settings.quick else 5):
            seconds, _ = run_command("-m", "anynet", *COMMAND, f"{folder}/network.npz", threads=settings.threads)
            start, _ = run_command("-c", "import torch", threads=settings.threads)
            ours.seconds.append(seconds)
            theirs.seconds.append(start + parts * stage.ask("train", 0, N_TRAINING // parts))
    command, epoch = "anynet train", "python -c 'import torch', and an epoch of PyTorch, eager"
    rows = side_row(ours, 1, "anynet"), side_row(theirs, 1, "anynet")
    return [rows[0] | {"who": command}, rows[1] | {"who": epoch} | ratio_row(ours, theirs)]


def run_command(*arguments: str, threads: int) -> tuple[float, str]:
    """Run Python with those arguments; return its seconds, from start to end, and what it printed."""
    environment = {name: value for name, value in os.environ.items() if name not in SLOWING_NUMPY}
    environment |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    if done.returncode != 0:
        *_, reason = done.stderr.strip().splitlines() or ["no message"]
        raise RuntimeError(f"python {' '.join(arguments)}: expected exit status 0, got {done.returncode}: {reason}")
    return seconds, done.stdout


WORKLOADS = {
    workload.__name__: workload
    for workload in (
        *(book, middle, wide, adam, momentum, converge),
        *(lenet, lenet_64, lenet_images, lenet_race),
        *(one_image, many_images, first_step, memory, process, progress_bar),
    )
}


# What people read.

COLUMNS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "": ("who", str),
    "time": ("seconds", readable),
    "s per epoch": ("epoch_seconds", "{:.3f}".format),
    "epochs": ("epochs", "{:g}".format),
    "x anynet": ("ratio", "{:.2f}".format),
    "quartiles": ("quartiles", lambda both: "{:.2f}-{:.2f}".format(*both)),
    "pairs": ("pairs", str),
    "accuracy": ("accuracy", "{:.2%}".format),
    "peak MB": ("peak_mb", "{:.0f}".format),
}


def table(rows: list[Row]) -> str:
    """Return rows as aligned text, a paragraph for each of ours, without the columns that nobody has a number for."""
    spaced: list[Row] = []
    for row in rows:
        if spaced and row.get("against") != spaced[-1].get("against"):
            spaced.append({})
        spaced.append(row)
    columns = []
    for title, (key, render) in COLUMNS.items():
        cells = ["" if row.get(key) is None else render(row[key]) for row in spaced]
        if any(cells):
            columns.append((title, *cells))
    return aligned(columns) if columns else "nobody to measure"


def about(settings: Settings) -> Row:
    """Return where and with what the numbers are taken."""
    with Stage("products", BOOK, settings.threads) as stage:
        blas = stage.ask("blas")
    return machine() | {"versions": installed([c.distribution for c in CONTESTANTS.values()]), "blas": blas}


def measured(settings: Settings, names: Sequence[str]) -> tuple[dict[str, list[Row]], bool]:
    """Measure those workloads, and print each when it is done; return their rows, and whether all could be measured."""
    results, complete = {}, True
    for name in names:
        print(f"\n{name}: {WORKLOADS[name].__doc__}", flush=True)
        begin = time.perf_counter()
        try:
            results[name] = WORKLOADS[name](settings)
            print(table(results[name]))
        except RuntimeError as error:
            print(f"not measured: {error}")
            complete = False
        print(f"({time.perf_counter() - begin:.0f} s)")
    return results, complete


def settings_of(options: argparse.Namespace) -> Settings:
    """Return what is wanted of what is installed, and name what is left out."""
    present = installed([contestant.distribution for contestant in CONTESTANTS.values()])
    ours = [name for name in OURS if CONTESTANTS[name].distribution in options.backends]
    for name in (*ours, *options.peers):
        if CONTESTANTS[name].distribution not in present:
            print(f"{CONTESTANTS[name].label}: left out, {CONTESTANTS[name].distribution} is not installed.")
    ours, peers = (
        [name for name in names if CONTESTANTS[name].distribution in present] for names in (ours, options.peers)
    )
    return Settings(options.quick, options.threads, options.dtype, options.pairs, ours, peers)


def main() -> int:
    options = parser().parse_args()
    if find_spec("threadpoolctl") is None:
        print("threadpoolctl is not installed. Install it with: pip install 'anynet-nn[benchmark]'", file=sys.stderr)
        return 1
    if options.picture and "book" not in options.only:
        parser().error("--picture: expected the workload `book`, which it shows, to be measured. Add it to --only.")
    forget_blas_settings()
    settings = settings_of(options)
    where = about(settings)
    print(json.dumps(where, indent=2), f"\n{options.threads} threads, {options.dtype}, {options.pairs} pairs")
    results, complete = measured(settings, options.only)
    if options.json:
        kept = {"machine": where, "settings": asdict(settings), "results": results}
        options.json.write_text(json.dumps(kept, indent=2) + "\n")
    if options.picture and results.get("book"):
        draw(results["book"], where, options.picture)
    return int(not complete)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    backends = [CONTESTANTS[name].distribution for name in OURS]
    rivals = [name for name in CONTESTANTS if name not in OURS]
    parser.add_argument("--quick", action="store_true", help="short blocks instead of whole epochs")
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, default=list(WORKLOADS), help="workloads")
    parser.add_argument("--backends", nargs="+", choices=backends, default=backends, help="of anynet")
    parser.add_argument("--peers", nargs="+", choices=rivals, default=rivals, help="rivals")
    parser.add_argument("--threads", type=int, choices=range(1, cores + 1), default=min(2, cores), help="2")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32", help="float32")
    parser.add_argument("--pairs", type=int, default=15, help="turns of each duel: 15")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the book's training step there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
