"""`anynet info`: versions, and which backends are usable, with the cure if not."""

import argparse
import platform
import warnings
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from anynet import __version__, backends
from anynet.commands.terminal import say


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add no options: there are none."""


def run(arguments: argparse.Namespace) -> None:
    """Print what works here."""
    say(f"anynet {__version__}, Python {platform.python_version()}, {platform.platform()}")
    say(f"NumPy {np.__version__}, {_blas()}")
    say(f"array-api-compat {_version('array-api-compat')}, tqdm {_version('tqdm')}")
    say("\nbackends")
    distributions = packages_distributions()
    for name, reason in backends.available().items():
        installed = " ".join(f"{d} {version(d)}" for d in distributions.get(name, []))
        say(f"  {name:<18}{f'usable: {installed}' if reason is None else reason}", hanging=20)
    say(f"  {'auto':<18}{_automatic()}", hanging=20)
    say("\nCuPy, rung by rung")
    for rung, reason in backends.diagnose_cupy():
        say(f"  {rung:<18}{'works' if reason is None else reason}", hanging=20)


def _automatic() -> str:
    """Return which backend `auto` is, and why if it is NumPy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is said here
        name = backends.get("auto").name
    return f"{name}, for CuPy is not usable: the reason stands above" if name == "numpy" else name


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "(not installed)"


def _blas() -> str:
    """Return which BLAS NumPy was built with, and how many threads it uses if that can be told."""
    config: Any = np.show_config(mode="dicts")
    blas = config.get("Build Dependencies", {}).get("blas", {})  # NumPy leaves out what it does not know
    name = " ".join(["BLAS", blas.get("name", "unknown"), blas.get("version", "")]).rstrip()
    threads = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return f"{name}, {threads[0]} {'thread' if threads[0] == 1 else 'threads'}" if threads else name
