"""The command `anynet`: the door.

It stands ready before NumPy is loaded, so that an interrupt at any moment ends quietly;
what the commands do is in commands/.
"""

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from anynet import signals


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 is success, 1 a failure, 2 wrong usage, 70 a mistake of anynet's own, and 128 and its
    number a signal: 130 Ctrl-C, 143 SIGTERM, 129 a terminal that went away.
    """
    _prepare_streams()
    try:
        with signals.handled(_leave, for_good=argv is None):  # a program ends quietly to its last moment
            from anynet.commands import run

            try:
                return run(sys.argv[1:] if argv is None else argv)
            finally:
                sys.stdout.flush()
    except KeyboardInterrupt as error:
        return signals.exit_code(*error.args[:1])
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        _give_up_output()
    except OSError as error:  # only of the output, for what else fails is told by the commands
        with suppress(OSError):
            sys.stderr.write(f"anynet: standard output: {error.strerror or error}.\n")
        _give_up_output()
    return 1


def _prepare_streams() -> None:
    """See to it that there is somewhere to print, and that what a terminal cannot show is shown escaped."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by who started us
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - as long as the process
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _give_up_output() -> None:
    """Let what is not yet written go nowhere, or Python would try again as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _leave(number: int, frame: object) -> None:
    """End at once: as long as nothing has been learnt, there is nothing to save."""
    os._exit(signals.exit_code(number))
