"""The commands of `anynet`: train, evaluate, predict, show, info.

Results go to standard output, progress and errors to standard error. A user's mistake is
one line that says what was expected and what to do; it is never a traceback.
"""

import argparse
import json
import platform
import re
import shutil
import sys
import tempfile
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from anynet import __version__, backends, datasets, plots, random, signals
from anynet.activations import ACTIVATIONS
from anynet.costs import COSTS
from anynet.datasets import Dataset
from anynet.datasets.mnist import mnist_test_images, mnist_training_images
from anynet.formats import npz
from anynet.network import Network
from anynet.optimizers import SGD
from anynet.progress import with_progress as shown

FAILURE, USAGE = 1, 2
LEADING = 3  # so many outputs are shown for an image
MANY_LABELS = 1_000  # more than there are examples would be a mistake


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit code; errors are told in one line."""
    arguments = _parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            is_quiet = getattr(arguments, "quiet", False)
            warnings.simplefilter("ignore", Warning if is_quiet else RuntimeWarning)  # training tells of overflow
            arguments.command(arguments)
    except _UsageError as error:
        return _complain(error, USAGE)
    except BrokenPipeError:  # the door knows what to do
        raise
    except (OSError, ImportError, RuntimeError, ValueError, TypeError, MemoryError, FloatingPointError) as error:
        return _complain(error, FAILURE)
    return 0


def _say(text: str) -> None:
    """Print, folded to the width of the terminal where there is one, and at once."""
    if sys.stdout.isatty():
        columns = shutil.get_terminal_size().columns
        wrapper = textwrap.TextWrapper(  # what is to be copied, a path or an option, stays whole
            columns, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
        )
        text = "\n".join(map(wrapper.fill, text.split("\n")))
    print(text, flush=True)


def _be_silent(text: str) -> None:
    pass


# train


def _train(arguments: argparse.Namespace) -> None:
    say = _be_silent if arguments.quiet else _say
    with _usage_errors():
        out = _free_path(arguments.out, arguments.force)
        train, held_out, of_what = _data_to_train(arguments)
        net = _network_to_train(arguments, train)
        rate = arguments.learning_rate
        optimizer = SGD(net.book_learning_rate if rate is None else rate)
        reports = net.iter_fit(
            train,
            arguments.epochs,
            arguments.batch_size,
            optimizer,
            validation=held_out,
            memory_limit=arguments.memory_limit,
        )
    right: list[int] = []
    seconds = examples = 0.0
    with _threads(arguments.threads, net), signals.held_back() as check_for_interrupt:
        say(f"Training {net.sizes} on {net.backend.label}, {net.backend.dtype}\n{len(train):,} examples; out: {out}")
        try:
            for report in shown(reports, False if arguments.quiet else None, keep=False):
                if report.metrics is not None:
                    seconds += report.seconds
                    examples += report.total
                    say(f"Epoch {report.epoch}{_result(held_out, report.metrics, right)}")
                check_for_interrupt()
        except (KeyboardInterrupt, Exception) as stopped:  # whatever it is, what was learnt is worth keeping
            path = net.save(_still_free(out, arguments.force))
            why = "Interrupted" if isinstance(stopped, KeyboardInterrupt) else "Stopped"
            print(f"{why}. What was learnt so far is in {path}.", file=sys.stderr)
            raise
        path = net.save(_still_free(out, arguments.force))
        if right and held_out is not None:
            say(f"Best: {max(right)} / {len(held_out)}, epoch {right.index(max(right))}, chosen on {of_what}")
        say(f"{seconds:.1f} s of training, {examples / seconds:,.0f} examples per second")
        say(f"Saved the network to {path}")
        check_for_interrupt()


def _result(held_out: Dataset | None, metrics: dict[str, float], right: list[int]) -> str:
    """Return the rest of the book's line, and note how many answers were right."""
    if held_out is None:
        return " complete"
    if "validation_accuracy" not in metrics:  # regression
        return f": cost {metrics['validation_cost']:.6g}"
    right.append(round(metrics["validation_accuracy"] * len(held_out)))
    return f": {right[-1]} / {len(held_out)}"


def _data_to_train(arguments: argparse.Namespace) -> tuple[Dataset, Dataset | None, str]:
    """Return the data to train on, those to judge by if there are any, and what they are called."""
    if arguments.data is None:
        if arguments.validation_fraction is not None:
            raise ValueError("--validation-fraction: expected --data with it, for MNIST has its own test images.")
        train, _, test = datasets.mnist()
        return train, test, "the test images"
    if len(arguments.data) > 2:
        raise ValueError("--data: expected one .npz file, or IDX files of images and of labels, got more files.")
    data = datasets.read_data(*arguments.data)
    if arguments.validation_fraction is None:
        return data, None, ""
    split = random.spawn(arguments.seed).split
    return *datasets.split(data, arguments.validation_fraction, split), "the validation data"


def _network_to_train(arguments: argparse.Namespace, train: Dataset) -> Network:
    return Network(
        arguments.sizes or [int(np.prod(train.x.shape[1:])), 30, _n_out(train.y, arguments.output_activation)],
        arguments.backend,
        arguments.device,
        arguments.dtype,
        arguments.seed,
        hidden=arguments.hidden_activation,
        output=arguments.output_activation,
        cost=arguments.cost,
    )


def _n_out(y: Any, output: str) -> int:
    """Return how many outputs suit y: its columns, or one for values, or one per label."""
    if y.ndim == 2:
        return int(y.shape[1])
    if output == "identity":
        return 1
    highest = int(y.max())
    if highest >= max(len(y), MANY_LABELS):
        raise ValueError(
            f"y: expected labels from 0 on, without large gaps, got {highest} among {len(y):,} examples. "
            "Number the classes, or give the --sizes."
        )
    return max(1, highest + 1)


def _free_path(out: str | None, force: bool) -> Path:
    """Return where to write, found writable: `out`, or brain.npz, numbered if it exists."""
    if out is None:
        path = _numbered(Path("brain.npz"))
    else:
        path = npz.with_suffix(out)
        if path.is_dir():
            raise ValueError(f"--out: expected a file, got the folder {path}.")
        if path.exists() and not force:
            raise ValueError(f"--out: expected a new file, got {path}, which exists. Add --force to replace it.")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ValueError(
            f"--out: expected a folder that can be written to, got {path.parent}: {error.strerror}."
        ) from None
    return path


def _still_free(path: Path, force: bool) -> Path:
    """Return the path, numbered if another run has taken it since this one began."""
    return path if force else _numbered(path)


def _numbered(path: Path) -> Path:
    """Return the path, or the first of its numbered forms that does not exist."""
    free, number = path, 1
    while free.exists():
        free, number = path.with_stem(f"{path.stem}-{number}"), number + 1
    return free


# evaluate


def _evaluate(arguments: argparse.Namespace) -> None:
    net = _loaded(arguments)
    data = datasets.read_data(*arguments.data) if arguments.data else datasets.mnist()[2]
    with _threads(arguments.threads, net):
        confusion = net.confusion_matrix(data)
    right, total = int(np.trace(confusion)), int(confusion.sum())
    if arguments.json:
        result = {"file": arguments.file, "right": right, "total": total, "accuracy": right / total}
        print(json.dumps(result | {"confusion": confusion.tolist()}))
        return
    _say(f"{arguments.file}: {right} / {total} right, {100 * right / total:.2f} %")
    print("\n" + _table(confusion, net.class_names))


def _loaded(arguments: argparse.Namespace) -> Network:
    with _usage_errors():
        backends.get(arguments.backend, arguments.device)
    return Network.load(arguments.file, arguments.backend, arguments.device)


def _table(confusion: Any, classes: Sequence[str] | None) -> str:
    """Return a confusion matrix as text: rows are what the digits are, columns what they were taken for."""
    names = [str(name)[:12] for name in classes or range(len(confusion))]
    side = max(map(len, names))
    width = max(side, len(str(confusion.max())))
    lines = [" " * side + "".join(f" {name:>{width}}" for name in names)]
    lines += [
        f"{name:>{side}}" + "".join(f" {n or '.':>{width}}" for n in row)
        for name, row in zip(names, confusion, strict=True)
    ]
    return "\n".join(lines) + "\n(rows: what they are; columns: what they are taken for)"


# predict


def _predict(arguments: argparse.Namespace) -> None:
    net = _loaded(arguments)
    if net.sizes[0] != 28 * 28 or net.task != "classification":
        raise ValueError(
            f"{arguments.file}: expected a network that classifies images of 28 x 28, got one of {net.sizes[0]} "
            f"inputs whose task is {net.task}."
        )
    failures = 0
    with _threads(arguments.threads, net):
        for path in arguments.images:
            try:
                images = datasets.read_images(path)
                for i, image in enumerate(images):
                    _tell(net, path if len(images) == 1 else f"{path}[{i}]", image, arguments.json)
            except (OSError, ValueError) as error:
                failures += 1
                _complain(error, FAILURE)
    if failures:
        raise ValueError(f"{failures} of {len(arguments.images)} files could not be read as images of a digit.")


def _tell(net: Network, name: str, image: Any, as_json: bool) -> None:
    """Print what the network takes one image for, and its leading outputs."""
    try:
        x = datasets.to_mnist(image).reshape(1, -1)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    outputs = net.feedforward(x)[0]
    if len(outputs) == 1:  # it tells the second class from the first
        outputs = np.array([1 - outputs[0], outputs[0]])
    names = net.class_names or [str(i) for i in range(len(outputs))]
    leading = np.argsort(-outputs)[:LEADING]
    kind = "probabilities" if net.layers[-1].activation == "softmax" else "outputs"
    if as_json:
        values = {names[i]: round(float(outputs[i]), 6) for i in range(len(outputs))}
        print(json.dumps({"image": name, "answer": names[leading[0]], kind: values}))
    else:
        shares = ", ".join(f"{names[i]} {100 * outputs[i]:.1f} %" for i in leading)
        _say(f"{name}: {names[leading[0]]}  ({kind}: {shares})")


# show


def _show(arguments: argparse.Namespace) -> None:
    kind, (x, y) = ("training", mnist_training_images()) if arguments.train else ("test", mnist_test_images())
    i = arguments.index
    with _usage_errors():
        if not 0 <= i < len(x):
            raise ValueError(f"INDEX: expected 0 to {len(x) - 1}, for there are {len(x):,} {kind} images, got {i}.")
        if arguments.out is not None and Path(arguments.out).exists():
            raise ValueError(f"--out: expected a new file, got {arguments.out}, which exists. Give another name.")
    _say(f"{kind} image {i}: {y[i]}")
    print(plots.as_text(x[i]), flush=True)
    if arguments.out is not None:
        plots.show(x[i], [y[i]], arguments.out)
        _say(f"Saved the picture to {arguments.out}")


# info


def _info(arguments: argparse.Namespace) -> None:
    _say(f"anynet {__version__}, Python {platform.python_version()}, {platform.platform()}")
    _say(f"NumPy {np.__version__}, {_blas()}")
    _say(f"array-api-compat {_version('array-api-compat')}, tqdm {_version('tqdm')}")
    _say("\nbackends")
    distributions = packages_distributions()
    for name, reason in backends.available().items():
        installed = " ".join(f"{d} {version(d)}" for d in distributions.get(name, []))
        _say(f"  {name:<18}{f'usable: {installed}' if reason is None else reason}")
    _say("\nCuPy, rung by rung")
    for rung, reason in backends.diagnose_cupy():
        _say(f"  {rung:<18}{'works' if reason is None else reason}")


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
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return f"{name} (for its threads: pip install 'anynet-nn[threads]')"
    threads = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return f"{name}, {threads[0]} threads" if threads else name


# Threads


@contextmanager
def _threads(count: int | None, net: Network) -> Iterator[None]:
    """Let the libraries that multiply matrices use so many threads; None leaves them as they are.

    The network comes first: only a library that has been loaded can be told.
    """
    if count is None:
        yield
        return
    if net.backend.name == "jax":  # it has no such setting
        raise _UsageError("--threads: expected a backend that can be told, got jax, which takes every core it may use.")
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise ImportError("threadpoolctl is not installed. Install it with: pip install 'anynet-nn[threads]'") from None
    with threadpool_limits(count):
        yield


def _thread_count(text: str) -> int:
    count = int(text) if text.isdecimal() else 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number, at least 1, got {text!r}")
    return count


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


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="anynet", description="Train and use neural networks on any array library.")
    parser.add_argument("--version", action="version", version=f"anynet {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_train(commands)

    evaluate = commands.add_parser("evaluate", help="count the right answers of a saved network")
    _add_saved_network(evaluate)
    evaluate.add_argument("--data", nargs="+", metavar="FILE", help="as for train; by default MNIST's test images")
    evaluate.add_argument("--json", action="store_true", help="print one JSON object")
    evaluate.set_defaults(command=_evaluate)

    predict = commands.add_parser("predict", help="say which digits images show")
    _add_saved_network(predict)
    predict.add_argument("images", nargs="+", metavar="IMAGE", help="a picture (PNG, JPEG, ...) or an IDX file")
    predict.add_argument("--json", action="store_true", help="print one JSON object per image")
    predict.set_defaults(command=_predict)

    show = commands.add_parser("show", help="draw an image of MNIST, with its label, in the terminal")
    show.add_argument("index", type=int, metavar="INDEX", help="which of the test images, from 0")
    show.add_argument("--train", action="store_true", help="of the 60,000 training images")
    show.add_argument("--out", metavar="FILE", help="save it as a picture too (PNG, PDF, SVG; needs matplotlib)")
    show.set_defaults(command=_show)

    info = commands.add_parser("info", help="versions, and which backends are usable, with the cure if not")
    info.set_defaults(command=_info)
    return parser


def _add_train(commands: Any) -> None:
    train = commands.add_parser(
        "train",
        help="train a network and save it",
        description="Without options: the book's network, [784, 30, 10], on the 50,000 training images of MNIST.",
    )
    add = train.add_argument
    add("--data", nargs="+", metavar="FILE", help="an .npz of x and y, or IDX files of images and of labels (MNIST)")
    add("--validation-fraction", type=float, metavar="F", help="share of --data that is kept to judge by")
    add("--sizes", type=int, nargs="+", metavar="N", help="inputs, then neurons of each layer (784 30 10)")
    add("--hidden-activation", default="sigmoid", metavar="NAME", help=f"{', '.join(ACTIVATIONS)} (sigmoid)")
    add("--output-activation", default="sigmoid", metavar="NAME", help="of the output layer (sigmoid)")
    add("--cost", metavar="NAME", help="quadratic or cross_entropy; by default what suits the output")
    add("--epochs", type=int, default=30, metavar="N", help="passes over the training data (30)")
    add("--batch-size", type=int, default=10, metavar="N", help="examples in a mini-batch (10)")
    rates = ", ".join(f"{rate} with {cost}" for cost, rate in {c.name: c.learning_rate for c in COSTS.values()}.items())
    add("--learning-rate", "--eta", type=float, metavar="RATE", help=f"step size; by default {rates}")
    add("--seed", type=int, default=0, metavar="N", help="of initial values and order (0)")
    _add_backend(train)
    add("--dtype", default="float32", metavar="NAME", help="float32 or float64 (float32)")
    limit = "of data kept on the device, such as 100MB; the rest is streamed (as much as fits)"
    add("--memory-limit", type=_bytes, metavar="SIZE", help=limit)
    add("--out", metavar="FILE", help="where to save the network; by default brain.npz, numbered if it exists")
    add("--force", action="store_true", help="replace the file if it exists")
    add("--quiet", action="store_true", help="print nothing but errors")
    train.set_defaults(command=_train)


def _add_saved_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a saved network")
    _add_backend(parser)


def _add_backend(parser: argparse.ArgumentParser) -> None:
    names = "numpy, cupy, torch, jax, array_api_strict or auto (numpy)"
    parser.add_argument("--backend", default="numpy", metavar="NAME", help=names)
    parser.add_argument("--device", type=_device, metavar="DEVICE", help="an index, or what the library calls it")
    threads = "of the processor, for matrix products; by default the library's choice"
    parser.add_argument("--threads", type=_thread_count, metavar="N", help=threads)


def _bytes(text: str) -> int:
    """Return a size such as 100MB in bytes; a KB is 1,000 of them."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?B)?", text.strip(), re.ASCII | re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(f"expected a number of bytes, or one with KB, MB or GB, got {text!r}")
    number, unit = found.groups()
    return int(float(number) * 1000 ** ("B", "KB", "MB", "GB").index((unit or "B").upper()))


def _device(text: str) -> int | str:
    return int(text) if text.isdigit() else text
