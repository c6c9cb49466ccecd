"""Measure how training scales: time against arithmetic, memory against epochs and against the size of the data.

    python scripts/measure/scaling.py                         everything, in some minutes: prints tables
    python scripts/measure/scaling.py --quick                 fewer and smaller settings, in a minute
    python scripts/measure/scaling.py --out scripts/measure   writes scaling.md, with the tables, and scaling.png too

Time per example is that of training alone, on synthetic images, over mini-batches of one size, width, depth and number
of examples after another, on one thread unless told otherwise. In turns with it, the bare matrix products of the same
steps are timed: the arithmetic that no library can do without. Rounds go through all settings of a sweep, so that what
the machine does besides weighs on all of them; figures are medians over the rounds. Every sweep, and every measurement
of memory, has a process of its own.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from peers import BareProducts
from recipe import Recipe
from report import Row, markdown, processor, readable
from resident import anonymous_mb
from scaling_picture import draw

from anynet import SGD, Dataset

PARTS = ("sweeps", "threads", "memory")
N_IN, N_OUT = 784, 10
MAPPED_LIMIT_MB = 300
SAMPLING_S = 0.02


@dataclass(frozen=True)
class Settings:
    """What the command line asked for."""

    quick: bool
    threads: int

    def choose(self, full: Any, quick: Any) -> Any:
        return quick if self.quick else full


@dataclass(frozen=True)
class Point:
    """One setting of a sweep: what varies, the recipe, and how many examples a turn takes (0: what suits a turn)."""

    x: int
    recipe: Recipe
    n: int = 0

    @property
    def flops(self) -> int:
        """Multiplications and additions per example: three products a layer, but two in the first."""
        products = [n_in * n_out for n_in, n_out in pairwise(self.recipe.sizes)]
        return 6 * sum(products) - 2 * products[0]

    def examples(self, turn_s: float) -> int:
        """Return how many examples a turn of about so many seconds takes: whole mini-batches, two at least."""
        batch = self.recipe.batch_size
        guess = 50e-6 / batch + self.flops / 50e9  # a step's overhead and a processor's speed, roughly
        return self.n or max(2, min(int(turn_s / guess), 50_000) // batch) * batch


def book(batch_size: int) -> Recipe:
    return Recipe((N_IN, 30, N_OUT), batch_size, 3.0)


def rectified(hidden: Sequence[int], batch_size: int = 128) -> Recipe:
    return Recipe((N_IN, *hidden, N_OUT), batch_size, 0.01, hidden="relu", output="softmax", initializer="he")


@dataclass(frozen=True)
class Sweep:
    """What varies, the network, and the points."""

    what: str
    network: str
    points: list[Point]


def sweeps(settings: Settings) -> list[Sweep]:
    """Return the four sweeps: batch size, width, depth, number of examples."""
    batches = settings.choose([2**k for k in range(13)], [1, 8, 64, 512, 4096])
    widths = settings.choose([10, 20, 50, 100, 200, 500, 1000, 2048, 4096], [10, 100, 1000])
    depths = settings.choose(range(1, 11), [1, 3, 10])
    numbers = settings.choose([10**k * j for k in (3, 4, 5) for j in (1, 3)] + [10**6], [1_000, 10_000, 100_000])
    return [
        Sweep("batch size", "[784, 30, 10], sigmoid", [Point(b, book(b)) for b in batches]),
        Sweep("width", "[784, width, width, 10], ReLU, batch 128", [Point(w, rectified([w, w])) for w in widths]),
        Sweep("depth", "[784, depth x 256, 10], ReLU, batch 128", [Point(d, rectified([256] * d)) for d in depths]),
        Sweep("examples", "[784, 30, 10], sigmoid, batch 10", [Point(n, book(10), n) for n in numbers]),
    ]


# What is measured, each in a process of its own.


def in_a_process_of_its_own(measure: Callable[..., Any], *arguments: Any) -> Any:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(measure, *arguments).result()


def synthetic(n: int) -> Dataset:
    """Return n images of noise, uint8 (n, 784), with labels."""
    rng = np.random.default_rng(0)
    return Dataset(rng.integers(0, 256, (n, N_IN), dtype=np.uint8), rng.integers(0, N_OUT, n))


def timed(settings: Settings, sweep: Sweep) -> list[Row]:
    """Return seconds per example at each point, anynet's and those of the bare products."""
    from threadpoolctl import threadpool_limits

    turn_s = settings.choose(0.1, 0.03)
    numbers = [point.examples(turn_s) for point in sweep.points]
    data = synthetic(max(numbers))
    turns = [
        (training(point, data, n), products(point, data, n)) for point, n in zip(sweep.points, numbers, strict=True)
    ]
    seconds: list[list[tuple[float, float]]] = [[] for _ in turns]
    with threadpool_limits(settings.threads):
        for _ in range(settings.choose(8, 5)):
            for (ours, floor), taken in zip(turns, seconds, strict=True):
                taken.append((ours(), floor()))
    return [scaled(*each) for each in zip(sweep.points, numbers, seconds, strict=True)]


def training(point: Point, data: Dataset, n: int) -> Callable[[], float]:
    """Return what trains for an epoch of n examples, and returns the seconds of training alone."""
    net, part, optimizer = point.recipe.network(), Dataset(data.x[:n], data.y[:n]), SGD(point.recipe.learning_rate)

    def turn() -> float:
        (report,) = net.fit(part, epochs=1, batch_size=point.recipe.batch_size, optimizer=optimizer, progress=False)
        return report.seconds

    return turn


def products(point: Point, data: Dataset, n: int) -> Callable[[], float]:
    """Return what multiplies the matrices of an epoch of n examples, and returns the seconds."""
    floor = BareProducts(point.recipe, data)
    part = 20_000 if point.n else n  # the length of an epoch does not change them: turns of one length compare best

    def turn() -> float:
        begin = time.perf_counter()
        floor.train(0, part)
        return (time.perf_counter() - begin) * n / part

    return turn


def scaled(point: Point, n: int, seconds: list[tuple[float, float]]) -> Row:
    ours, floor = zip(*seconds[1:], strict=True)  # the first round is the warm-up
    ratios = [a / b for a, b in zip(ours, floor, strict=True)]
    low, _, high = statistics.quantiles(ours, n=4, method="inclusive")
    return {
        "x": point.x,
        "flops": point.flops,
        "ours": statistics.median(ours) / n,
        "low": low / n,
        "high": high / n,
        "floor": statistics.median(floor) / n,
        "ratio": statistics.median(ratios),
    }


def threaded(settings: Settings) -> list[Row]:
    """Return how long a step takes on one thread and on two, in turns."""
    from threadpoolctl import threadpool_limits

    recipes = [book(10), Recipe((784, 100, 10), 10, 0.5), book(128)]
    recipes += [rectified([128], 64), rectified([128]), rectified([512, 512])]
    data, rows = synthetic(20_000), []
    for recipe in recipes:
        n = Point(0, recipe).examples(settings.choose(0.1, 0.03))
        turn, taken = training(Point(0, recipe), data, n), []
        for _ in range(settings.choose(11, 7)):
            pair = []
            for threads in (1, 2):
                with threadpool_limits(threads):
                    pair.append(turn() / (n / recipe.batch_size))
            taken.append(pair)
        one, two = zip(*taken[1:], strict=True)
        ratio = statistics.median(a / b for a, b in zip(one, two, strict=True))
        rows.append({"recipe": recipe, "one": statistics.median(one), "two": statistics.median(two), "ratio": ratio})
    return rows


def over_epochs(settings: Settings) -> list[float]:
    """Return the anonymous memory after each epoch, in MB."""
    data, validation = synthetic(10_000), synthetic(1_000)
    net = book(10).network()
    reports = net.iter_fit(
        data, epochs=settings.choose(100, 20), batch_size=10, optimizer=SGD(3.0), validation=validation
    )
    return [anonymous_mb() or 0.0 for report in reports if report.metrics is not None]


def write_mapped(path: Path, n: int) -> None:
    """Write n examples of noise, float32 (n, 784), block by block."""
    rng, block = np.random.default_rng(0), 10_000
    x = np.lib.format.open_memmap(path, "w+", "float32", (n, N_IN))
    for start in range(0, n, block):
        x[start : start + block] = rng.random((min(block, n - start), N_IN), dtype="float32")
    x.flush()


def mapped(settings: Settings, path: Path) -> Row:
    """Train for an epoch on a memory-mapped file; return the seconds, and the anonymous memory as it went."""
    from threadpoolctl import threadpool_limits

    x = np.load(path, mmap_mode="r")
    data = Dataset(x, np.random.default_rng(0).integers(0, N_OUT, len(x)))
    net, samples, done = book(128).network(), [], threading.Event()
    begin = time.perf_counter()

    def sample() -> None:
        while not done.wait(SAMPLING_S):
            samples.append((time.perf_counter() - begin, anonymous_mb() or 0.0))

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        with threadpool_limits(settings.threads):
            (report,) = net.fit(data, epochs=1, batch_size=128, optimizer=SGD(3.0), progress=False)
    finally:
        done.set()
        sampler.join()
    return {"n": len(x), "file_mb": path.stat().st_size / 1e6, "seconds": report.seconds, "samples": samples}


def measured(settings: Settings, only: Sequence[str]) -> Row:
    """Measure what is wanted, and can be measured here."""
    results: Row = {"sweeps": []}
    if "sweeps" in only:
        for sweep in sweeps(settings):
            begin = time.perf_counter()
            results["sweeps"].append((sweep, in_a_process_of_its_own(timed, settings, sweep)))
            print(f"{sweep.what}: {time.perf_counter() - begin:.0f} s", file=sys.stderr)
    if "threads" in only and (os.cpu_count() or 1) > 1:
        results["threads"] = in_a_process_of_its_own(threaded, settings)
    if "memory" in only and anonymous_mb() is None:
        print("memory: not measured, for it needs Linux's /proc/self/status.", file=sys.stderr)
    elif "memory" in only:
        results["epochs"] = in_a_process_of_its_own(over_epochs, settings)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.npy"
            write_mapped(path, settings.choose(640_000, 160_000))
            results["mapped"] = in_a_process_of_its_own(mapped, settings, path)
    return results


# What people read.


def sweep_text(sweep: Sweep, rows: list[Row]) -> str:
    """Return a sweep as a table, and how time and arithmetic grew from its first row to its last."""
    first, last = rows[0], rows[-1]
    titles = (sweep.what, "kflop / example", "time / example", "bare products", "time / products", "Gflop/s")
    cells = [
        (
            f"{row['x']:,}",
            f"{row['flops'] / 1e3:,.0f}",
            readable(row["ours"]),
            readable(row["floor"]),
            f"{row['ratio']:.2f}",
            f"{row['flops'] / row['ours'] / 1e9:.1f}",
        )
        for row in rows
    ]
    grown = [last[key] / first[key] for key in ("flops", "floor", "ours")]
    summary = "From first to last, per example: arithmetic x {:.3g}, bare products x {:.3g}, training x {:.3g}."
    return f"### {sweep.what.capitalize()}: {sweep.network}\n\n{markdown(titles, cells)}\n\n{summary.format(*grown)}"


def threads_text(rows: list[Row]) -> str:
    titles = ("network, batch", "1 thread", "2 threads", "1 / 2")
    cells = [
        (
            f"{list(row['recipe'].sizes)}, {row['recipe'].batch_size}",
            readable(row["one"]),
            readable(row["two"]),
            f"{row['ratio']:.2f}",
        )
        for row in rows
    ]
    return f"### Threads: time of a step\n\n{markdown(titles, cells)}"


def memory_text(results: Row) -> str:
    epochs, data = results["epochs"], results["mapped"]
    peak = max(mb for _, mb in data["samples"])
    verdict = "below" if peak < MAPPED_LIMIT_MB else "ABOVE"
    return "\n\n".join(
        [
            "### Memory",
            f"Anonymous memory after epoch 1: {epochs[0]:.1f} MB, after epoch {len(epochs)}: {epochs[-1]:.1f} MB, "
            f"at most {max(epochs):.1f} MB (10,000 images, 1,000 for validation).",
            f"An epoch over a memory-mapped `.npy` of {data['file_mb'] / 1e3:.1f} GB ({data['n']:,} examples, "
            f"float32, batch 128): {data['seconds']:.1f} s, {readable(data['seconds'] / data['n'])} per example; "
            f"anonymous memory at most {peak:.0f} MB, {verdict} {MAPPED_LIMIT_MB} MB.",
        ]
    )


def text(results: Row) -> str:
    parts = [sweep_text(*pair) for pair in results["sweeps"]]
    parts += [threads_text(results["threads"])] if "threads" in results else []
    parts += [memory_text(results)] if "mapped" in results else []
    return "\n\n".join(parts) + "\n"


def heading(settings: Settings) -> str:
    """Return the beginning of the file: what is shown, and where it was taken."""
    load = f", load average {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    return f"""# How training scales

![Time per example against arithmetic, and memory](scaling.png)

Written by `python scripts/measure/scaling.py --out scripts/measure`.
NumPy {np.__version__}, float32, threads: {settings.threads}.
Taken on: {processor()}, {os.cpu_count()} cores{load}.

Times are medians of training alone; "bare products" are the matrix products of the same steps and nothing else, timed
in turns with it. kflop counts those products.

"""


def main() -> int:
    options = parser().parse_args()
    if options.out is not None and len(options.only) < len(PARTS):
        parser().error("--out: expected everything to be measured for the file. Leave --only out.")
    settings = Settings(options.quick, options.threads)
    begin = time.perf_counter()
    results = measured(settings, options.only)
    print(text(results))
    print(f"{time.perf_counter() - begin:.0f} s", file=sys.stderr)
    if options.out is not None:
        (options.out / "scaling.md").write_text(heading(settings) + text(results), encoding="utf-8")
        draw(results, MAPPED_LIMIT_MB, options.out / "scaling.png")
    return 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    cores = os.cpu_count() or 1
    parser.add_argument("--quick", action="store_true", help="fewer and smaller settings")
    parser.add_argument("--threads", type=int, choices=range(1, cores + 1), default=1, help="1")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write scaling.md and scaling.png there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
