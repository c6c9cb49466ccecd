"""python -m emulated_cuda [-m module | script.py] arguments..."""

import runpy
import sys
from pathlib import Path

from . import install

USAGE = "usage: python -m emulated_cuda [-m module | script.py] [arguments ...]"


def main():
    """Install the emulator, then become the program named on the command line."""
    arguments = sys.argv[1:]
    if not arguments or arguments == ["-m"] or arguments[0] in ("-h", "--help"):
        sys.exit(USAGE)
    install()
    if arguments[0] == "-m":  # the current directory heads sys.path already
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path[0] = str(Path(arguments[0]).resolve().parent)
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main()
