"""The commands of `anynet`, one file each, and how one is found and run.

Results go to standard output, progress and errors to standard error. A command is added by
a file with `add_options(parser)` and `run(arguments)`, and a line in the table here. Only the
file of the command that is asked for is loaded: `anynet --help` answers before NumPy is there.
"""

import argparse
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import NoReturn

from anynet import __version__
from anynet.checks import file_read, shown
from anynet.commands import errors
from anynet.commands.standard_input import taken_for_a_dash
from anynet.commands.terminal import OutputError

COMMANDS = {
    "train": "train a network and save it",
    "evaluate": "count the right answers of a saved network, or tell its error",
    "predict": "say what pictures show, or what a network answers to rows",
    "find-rate": "try learning rates, and suggest one to train with",
    "curves": "draw the costs and metrics that a training wrote by --history",
    "show-digit": "draw an image of MNIST, with its label, in the terminal",
    "show-data": "draw a contact sheet of data, and of what augments them",
    "show-layers": "draw what each layer of a saved network makes of a picture",
    "show-filters": "draw what a saved network looks for in pictures",
    "show-errors": "draw pictures that a saved network takes for what they are not",
    "info": "versions and usable backends; or the layers of a saved network",
}

EXIT_CODES = """\
exit codes:
  0    done
  1    failed: a file or a library is not as it should be
  2    wrong usage: a command, an option or its value
  70   a mistake of anynet's own
  130  stopped by Ctrl-C; 143 by SIGTERM, 129 by a terminal that went away"""


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit code; what goes wrong is told in one line."""
    arguments = argparse.Namespace(traceback="--traceback" in argv, quiet=False)  # until they are read
    with ExitStack() as stack:
        try:
            _parse(argv, arguments)
            stack.enter_context(_warnings_told(arguments.quiet))
            stack.enter_context(taken_for_a_dash(arguments))
            arguments.run(arguments)
        except (BrokenPipeError, OutputError):  # the door knows what to do
            raise
        except Exception as error:
            return errors.tell(error, arguments)
    return 0


def _parse(argv: Sequence[str], arguments: argparse.Namespace) -> None:
    """Read what was typed into the arguments; where nothing was, what a file of options says."""
    parser = _parser(argv)
    options = argv[: argv.index("--")] if "--" in argv else argv
    for name in (word.removesuffix("=--") for word in options if word.startswith("--") and word.endswith("=--")):
        parser.error(f"argument {name}: expected a value, got --")  # which argparse would take for none
    parser.parse_args(argv, arguments)
    if getattr(arguments, "config", None) is not None:  # it has made itself the defaults
        parser.parse_args(argv, arguments)
        arguments.resolved = dict(vars(arguments))  # before standard input becomes a file


class _Parser(argparse.ArgumentParser):
    """A parser that tells what was typed wrongly in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(errors.USAGE, f"{self.prog}: {shown(message, 1000, in_one_line=True)}. See {self.prog} --help.\n")


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser: it knows every command by name, and the options of the one that is asked for."""
    parser = _Parser(
        prog="anynet",
        usage="anynet COMMAND [OPTIONS]",
        description="Train and use neural networks on any array library.",
        epilog=f"commands:\n{_table()}\n\nanynet COMMAND --help lists the options of a command.\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"anynet {__version__}")
    _add_traceback(parser)
    commands = parser.add_subparsers(prog="anynet", metavar="COMMAND", required=True, help=argparse.SUPPRESS)
    asked_for = next((word for word in argv if word in COMMANDS), None)  # what may stand before it takes no value
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, description=f"{purpose[0].upper()}{purpose[1:]}.")
        if name == asked_for:
            module = import_module(f"anynet.commands.{name.replace('-', '_')}")
            module.add_options(command)
            _add_traceback(command)
            command.set_defaults(run=module.run)
    return parser


def _table() -> str:
    """Return what the commands are for, a line each."""
    width = max(map(len, COMMANDS)) + 2
    return "\n".join(f"  {name:<{width}}{purpose}" for name, purpose in COMMANDS.items())


def _add_traceback(parser: argparse.ArgumentParser) -> None:
    """Add the option that every command takes, before its name or after it."""
    told = "with an error, show where in the program it arose"
    parser.add_argument("--traceback", action="store_true", default=argparse.SUPPRESS, help=told)


@contextmanager
def _warnings_told(is_quiet: bool) -> Iterator[None]:
    """Tell warnings in one line, or not at all."""
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        warnings.simplefilter("ignore", Warning if is_quiet else RuntimeWarning)  # training tells of overflow
        yield


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Print a warning; what it is called with is what Python hands to `warnings.showwarning`."""
    where = f"{file_read()}: " * bool(file_read())  # which a library that is given an open file does not know
    errors.complain(where + " ".join(str(message).split()))
