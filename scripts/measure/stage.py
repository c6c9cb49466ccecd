"""Where one contestant performs: a process of its own, so that no library disturbs another's threads or memory.

`Stage` is the handle to such a process. Clocks run inside it: what travels between the processes is never timed.
"""

import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from peers import CONTESTANTS
from recipe import Recipe
from resident import peak_mb

from anynet import datasets

# Threads of a matrix library spin for a while before they sleep; the next contestant should not meet them.
SETTLE_S = 0.03

# Some machines set these for all processes. They make OpenBLAS choose kernels and blocks for another processor, which
# slows NumPy's products by half, and nobody else's: no process that is measured may inherit them.
SLOWING_NUMPY = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")

_performance: "Performance"  # of this process, if it is a stage


def forget_blas_settings() -> None:
    """Take from this process's environment, and from all that it starts, what slows NumPy."""
    for name in SLOWING_NUMPY:
        os.environ.pop(name, None)


class Stage:
    """A contestant in a process of its own; a context manager that ends the process."""

    def __init__(self, name: str, recipe: Recipe, threads: int) -> None:
        forget_blas_settings()
        self.name, self.label = name, CONTESTANTS[name].label
        self._process = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        self._beginning = self._process.submit(_begin, name, recipe, threads)

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.shutdown()

    def wait(self) -> None:
        """Wait until the contestant is ready; raise what it raised if it failed."""
        self._beginning.result()

    def ask(self, what: str, *args: Any) -> Any:
        """Return what the method `what` of the process's `Performance` does."""
        self.wait()
        time.sleep(SETTLE_S)
        return self._process.submit(_perform, what, args).result()


def _begin(name: str, recipe: Recipe, threads: int) -> None:
    global _performance
    _performance = Performance(name, recipe, threads)


def _perform(what: str, args: tuple[Any, ...]) -> Any:
    return getattr(_performance, what)(*args)


class Performance:
    """A contestant, the data, and what is measured of them."""

    def __init__(self, name: str, recipe: Recipe, threads: int) -> None:
        from threadpoolctl import threadpool_limits

        # JAX reads these when it is imported.
        os.environ |= {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": str(int(recipe.dtype == "float64"))}
        # JAX has no number of threads to set: it takes as many as the process has cores.
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        self.name, self.recipe = name, recipe
        self.data, self.validation, _ = datasets.mnist()
        self.threads = threads if recipe.tells_threads and name in ("anynet", "anynet_torch") else None
        self.contestant = self._made(recipe)
        threadpool_limits(threads)  # after the contestant's libraries have been loaded
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(threads)

    def restart(self, seed: int) -> None:
        """Begin anew, from another seed."""
        self.recipe = replace(self.recipe, seed=seed)
        self.contestant = self._made(self.recipe)

    def _made(self, recipe: Recipe) -> Any:
        contestant = CONTESTANTS[self.name].make(recipe, self.data)
        if self.threads is not None:
            contestant.threads = self.threads
        return contestant

    def train(self, start: int, stop: int) -> float:
        """Return the seconds of one pass over those examples."""
        begin = time.perf_counter()
        self.contestant.train(start, stop)
        return time.perf_counter() - begin

    def first_step(self) -> float:
        """Return the seconds of a network's first mini-batch: what it traces and compiles, its library being awake."""
        if "jax" in sys.modules:
            (sys.modules["jax"].numpy.zeros(3) + 1.0).block_until_ready()
        return self.train(0, self.recipe.batch_size)

    def infer(self, n: int, times: int) -> float:
        """Return the seconds of the outputs for n images, the mean of so many calls."""
        x = self.contestant.place(self.recipe.floats(self.validation.x[:n]))
        self.contestant.forward(x)
        begin = time.perf_counter()
        for _ in range(times):
            self.contestant.forward(x)
        return (time.perf_counter() - begin) / times

    def accuracy(self) -> float | None:
        """Return the share of the validation images answered rightly; None from who gives no answers."""
        if not hasattr(self.contestant, "forward"):
            return None
        x = self.contestant.place(self.recipe.floats(self.validation.x))
        outputs = np.asarray(self.contestant.forward(x))
        return float(np.mean(np.argmax(outputs, axis=1) == self.validation.y))

    def peak_memory(self) -> float:
        """Return the most memory that this process has had resident so far, in MB."""
        return peak_mb()

    def blas(self) -> list[dict[str, Any]]:
        """Return what multiplies matrices here, and with how many threads."""
        from threadpoolctl import threadpool_info

        keys = ("internal_api", "version", "architecture", "num_threads")
        return [{key: pool.get(key) for key in keys} for pool in threadpool_info()]
