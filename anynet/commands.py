"""The commands of `anynet`: train, evaluate, info.

Results go to standard output, progress and errors to standard error. A user's mistake is
one line that says what was expected and what to do; it is never a traceback.
"""

import argparse
import platform
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from anynet import backends, datasets, files
from anynet.activations import ACTIVATIONS
from anynet.network import BOOK_LEARNING_RATES, Network
from anynet.optimizers import SGD
from anynet.progress import shown

FAILURE, USAGE = 1, 2


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit code; errors are told in one line."""
    arguments = _parser().parse_args(argv)
    warnings.showwarning = _show_warning
    warnings.simplefilter("ignore", RuntimeWarning)  # of overflow: training tells at the end of the epoch
    try:
        arguments.command(arguments)
    except _UsageError as error:
        return _complain(error, USAGE)
    except BrokenPipeError:  # the door knows what to do
        raise
    except (OSError, ImportError, RuntimeError, ValueError, TypeError, MemoryError, FloatingPointError) as error:
        return _complain(error, FAILURE)
    return 0


# train


def _train(arguments: argparse.Namespace) -> None:
    with _usage_errors():
        net, optimizer = _network_to_train(arguments)
        out = _free_path(arguments.out, arguments.force)
    train, _, test = datasets.mnist()
    with _usage_errors():
        reports = net.training(train, arguments.epochs, arguments.batch_size, optimizer)
    say = _silence if arguments.quiet else print
    right: list[int] = []
    seconds = images = 0.0
    with _interrupts_held_back() as check_for_interrupt:
        say(f"Training {net.sizes} on {net.backend.place}, {net.backend.dtype}: {len(train):,} images.", flush=True)
        try:
            for report in shown(reports, False if arguments.quiet else None, keep=False):
                if report.metrics is not None:
                    right.append(net.evaluate(test))
                    seconds += report.seconds
                    images += report.total
                    say(f"Epoch {report.epoch}: {right[-1]} / {len(test)}", flush=True)
                check_for_interrupt()
        except (KeyboardInterrupt, FloatingPointError, MemoryError) as stopped:
            path = net.save(out)
            why = "Interrupted" if isinstance(stopped, KeyboardInterrupt) else "Stopped"
            print(f"{why}. What was learnt so far is in {path}.", file=sys.stderr)
            raise
        path = net.save(out)
        best = max(right)
        say(f"Best: {best} / {len(test)} after epoch {right.index(best)} (chosen on the test images, as in the book).")
        say(f"{seconds:.1f} s of training, {images / seconds:,.0f} images per second.")
        say(f"Saved the network to {path}.", flush=True)
        check_for_interrupt()


def _network_to_train(arguments: argparse.Namespace) -> tuple[Network, SGD]:
    net = Network(
        arguments.sizes,
        arguments.backend,
        arguments.device,
        arguments.dtype,
        arguments.seed,
        hidden=arguments.hidden_activation,
        output=arguments.output_activation,
        cost=arguments.cost,
    )
    rate = arguments.learning_rate
    return net, SGD(BOOK_LEARNING_RATES[net.cost.name] if rate is None else rate)


def _free_path(out: str | None, force: bool) -> Path:
    """Return where to write, found writable: `out`, or brain.npz, numbered if it exists."""
    if out is None:
        path, number = Path("brain.npz"), 1
        while path.exists():
            path, number = Path(f"brain-{number}.npz"), number + 1
    else:
        path = files.with_suffix(out)
        if path.exists() and not force:
            raise ValueError(f"--out: expected a new file, got {path}, which exists. Add --force to replace it.")
    if path.is_dir():
        raise ValueError(f"--out: expected a file, got the folder {path}.")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ValueError(f"--out: expected a folder that can be written to, got {path.parent}: {error}.") from None
    return path


@contextmanager
def _interrupts_held_back() -> Iterator[Callable[[], None]]:
    """Hold Ctrl-C and SIGTERM back until asked for, when the network is whole.

    Yields the function that raises KeyboardInterrupt if one came. A second one ends at once.
    """
    received: list[int] = []

    def remember(number: int, frame: object) -> None:
        received.append(number)
        for s in (signal.SIGINT, signal.SIGTERM):
            signal.signal(s, signal.default_int_handler)

    def check() -> None:
        if received:
            raise KeyboardInterrupt

    previous = {s: signal.signal(s, remember) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield check
    finally:
        for s, handler in previous.items():
            signal.signal(s, handler)


# evaluate


def _evaluate(arguments: argparse.Namespace) -> None:
    net = Network.load(arguments.file, arguments.backend, arguments.device)
    _, _, test = datasets.mnist()
    right = net.evaluate(test)
    print(f"{arguments.file}: {right} / {len(test)} of MNIST's test images, {100 * right / len(test):.2f} %")


# info


def _info(arguments: argparse.Namespace) -> None:
    print(f"anynet {_version('anynet-nn')}, Python {platform.python_version()}, {platform.platform()}")
    print(f"NumPy {np.__version__}, {_blas()}")
    print("\nbackends")
    for name, reason in backends.available().items():
        print(f"  {name:<18}{'usable' if reason is None else reason}")
    print("\nCuPy, rung by rung")
    for rung, reason in backends.climb_cupy():
        print(f"  {rung:<18}{'works' if reason is None else reason}")


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "(not installed)"


def _blas() -> str:
    """Return which BLAS NumPy was built with, and how many threads it uses if that can be told."""
    config: Any = np.show_config(mode="dicts")
    blas = config["Build Dependencies"]["blas"]
    name = f"BLAS {blas['name']} {blas['version']}"
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return f"{name} (for its threads: pip install threadpoolctl)"
    threads = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return f"{name}, {threads[0]} threads" if threads else name


# The parser, and how errors are told


class _UsageError(Exception):
    """A mistake in what was typed, as opposed to a failure of what it asked for."""


@contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError) as error:
        raise _UsageError(str(error)) from None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}. See {self.prog} --help.\n")


def _complain(error: BaseException, code: int) -> int:
    if isinstance(error, OSError) and error.filename is not None:
        message = f"{error.filename}: {error.strerror}."
    else:
        message = " ".join(str(error).split()) or type(error).__name__
    print(f"anynet: {message}", file=sys.stderr)
    return code


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"anynet: {message}", file=sys.stderr)


def _silence(*_: object, **__: object) -> None:
    pass


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="anynet", description="Train and use neural networks on any array library.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    train = commands.add_parser(
        "train",
        help="train a network on MNIST and save it",
        description="Without options: the book's network, [784, 30, 10], on the 50,000 training images of MNIST.",
    )
    add = train.add_argument
    add(
        "--sizes",
        type=int,
        nargs="+",
        default=[784, 30, 10],
        metavar="N",
        help="inputs, then neurons of each layer (784 30 10)",
    )
    add(
        "--hidden-activation",
        default="sigmoid",
        metavar="NAME",
        help=f"of hidden layers: {', '.join(ACTIVATIONS)} (sigmoid)",
    )
    add("--output-activation", default="sigmoid", metavar="NAME", help="of the output layer (sigmoid)")
    add("--cost", metavar="NAME", help="quadratic or cross_entropy; by default what suits the output")
    add("--epochs", type=int, default=30, metavar="N", help="passes over the training images (30)")
    add("--batch-size", type=int, default=10, metavar="N", help="examples in a mini-batch (10)")
    rates = ", ".join(f"{rate} with {cost}" for cost, rate in BOOK_LEARNING_RATES.items())
    add("--learning-rate", "--eta", type=float, metavar="RATE", help=f"step size; by default {rates}")
    add("--seed", type=int, default=0, metavar="N", help="of initial values and order (0)")
    add("--backend", default="numpy", metavar="NAME", help="numpy, cupy, torch, jax, array_api_strict or auto (numpy)")
    add("--device", type=_device, metavar="DEVICE", help="an index, or what the library calls it")
    add("--dtype", default="float32", metavar="NAME", help="float32 or float64 (float32)")
    add("--out", metavar="FILE", help="where to save the network; by default brain.npz, numbered if it exists")
    add("--force", action="store_true", help="replace the file if it exists")
    add("--quiet", action="store_true", help="print nothing but errors")
    train.set_defaults(command=_train)

    evaluate = commands.add_parser("evaluate", help="count the right answers of a saved network on MNIST's test images")
    evaluate.add_argument("file", metavar="FILE", help="a saved network")
    evaluate.add_argument("--backend", default="numpy", metavar="NAME", help="where to compute")
    evaluate.add_argument("--device", type=_device, metavar="DEVICE", help="an index, or what the library calls it")
    evaluate.set_defaults(command=_evaluate)

    info = commands.add_parser("info", help="versions, and which backends are usable, with the cure if not")
    info.set_defaults(command=_info)
    return parser


def _device(text: str) -> int | str:
    return int(text) if text.isdigit() else text
