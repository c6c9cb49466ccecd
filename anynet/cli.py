"""The command `anynet`: the door.

It stands ready before NumPy is loaded, so that an interrupt at any moment ends quietly;
what the commands do is in commands/.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from anynet import signals

INTERRUPTED = 130  # 128 + SIGINT, as shells say


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 is success, 1 a failure, 2 wrong usage, 70 a mistake of anynet's own, and 130 an
    interrupt: Ctrl-C, SIGTERM, or a terminal that went away.
    """
    for stream in ("stdout", "stderr"):  # one that was closed by who started us is None
        if getattr(sys, stream) is None:
            setattr(sys, stream, Path(os.devnull).open("w"))  # noqa: SIM115 - as long as the process
    try:
        with signals.handled(_leave):
            from anynet.commands import run

            code = run(sys.argv[1:] if argv is None else argv)
            sys.stdout.flush()
            return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _leave(number: int, frame: object) -> None:
    """End at once: as long as nothing has been learnt, there is nothing to save."""
    os._exit(INTERRUPTED)
