"""Interrupts: Ctrl-C, SIGTERM and a terminal that goes away, which ask a program to end.

Held back, they wait for a moment at which nothing is half done. NumPy is not needed here, so
that the command line can stand ready before it is loaded.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def exit_code(number: int = signal.SIGINT) -> int:
    """Return the exit code of a program that a signal has ended, as shells say it: 130, 143, 129."""
    return 128 + number


@contextmanager
def handled(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Let a function handle the signals that ask to end, but for those that are ignored, as by nohup."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")  # the last is not everywhere
    signals = [getattr(signal, name) for name in names if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():  # Python lets no other one handle them
        signals = []
    previous = {s: signal.signal(s, handler) for s in signals if signal.getsignal(s) != signal.SIG_IGN}
    try:
        yield
    finally:
        for s, before in previous.items():
            signal.signal(s, before)


@contextmanager
def held_back() -> Iterator[Callable[[], None]]:
    """Yield a function that raises KeyboardInterrupt if an interrupt has come.

    A second interrupt raises it at once. It carries the number of the signal, for the exit code.
    """
    received: list[int] = []

    def remember(number: int, frame: Any) -> None:
        received.append(number)
        if len(received) > 1:
            raise KeyboardInterrupt(number)

    def check() -> None:
        if received:
            raise KeyboardInterrupt(received[0])

    with handled(remember):
        yield check
