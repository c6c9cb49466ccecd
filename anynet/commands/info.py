"""`anynet info`: versions, and which backends are usable, with the cure if not; or what a saved network is."""

import argparse
import platform
import warnings
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from anynet import __version__, backends
from anynet.commands.terminal import say, tell
from anynet.formats import columns, pictures
from anynet.network import Network


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="a saved network, to tell its layers instead")


def run(arguments: argparse.Namespace) -> None:
    """Print what works here, or of which layers a network is."""
    if arguments.file is not None:
        _tell_network(Network.load(arguments.file))
        return
    say(f"anynet {__version__}, Python {platform.python_version()}, {platform.platform()}")
    say(f"NumPy {np.__version__}, {_blas()}")
    say(f"array-api-compat {_version('array-api-compat')}, tqdm {_version('tqdm')}")
    say("")
    say("backends")
    distributions = packages_distributions()
    for name, reason in backends.available().items():
        installed = " ".join(f"{d} {version(d)}" for d in distributions.get(name, []))
        say(f"  {name:<18}{f'usable: {installed}' if reason is None else reason}", hanging=20)
    say(f"  {'auto':<18}{_automatic()}", hanging=20)
    say("")
    say("CuPy, rung by rung")
    for rung, reason in backends.diagnose_cupy():
        say(f"  {rung:<18}{'works' if reason is None else reason}", hanging=20)


def _tell_network(net: Network) -> None:
    """Print the table of a network's layers, what it answers with, and what is done to what it is asked."""
    tell(str(net.summary()))
    if net.class_names is None:
        say(f"task {net.task}")
    else:
        say(f"task {net.task}, classes {', '.join(net.class_names)}")
    if net.pictures is not None:
        say(f"Pictures: {pictures.told(net.pictures)}")
    if net.columns is not None:
        say(columns.told(net.columns))


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
