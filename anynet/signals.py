"""Interrupts: Ctrl-C, SIGTERM and a terminal that goes away, which ask a program to end.

Held back, they wait for a moment at which nothing is half done. NumPy is not needed here, so
that the command line can stand ready before it is loaded.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE = 0.5  # seconds between two Ctrl-C that a person means as two


def exit_code(number: int = signal.SIGINT) -> int:
    """Return the exit code of a program that a signal has ended, as shells say it: 130, 143, 129."""
    return 128 + number


@contextmanager
def handled(handler: Callable[[int, Any], None], for_good: bool = False) -> Iterator[None]:
    """Let a function handle the signals that ask to end, but for those that are ignored, as by nohup.

    Args:
        handler: It is called with the number of the signal, and the frame.
        for_good: Whether it goes on to handle them after the `with` statement, as a program that ends at once wants.
    """
    names = ("SIGINT", "SIGTERM", "SIGHUP")  # the last is not everywhere
    signals = [getattr(signal, name) for name in names if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():  # Python lets no other one handle them
        signals = []
    previous = {s: signal.signal(s, handler) for s in signals if signal.getsignal(s) != signal.SIG_IGN}
    try:
        yield
    finally:
        for s, before in () if for_good else previous.items():
            signal.signal(s, before)


class Interrupts:
    """The signals that have come and are held back; called, it raises KeyboardInterrupt if one has.

    It carries the number of the first, for the exit code. A terminal that closes sends its signal twice within a
    millisecond, so that only a second Ctrl-C, as a person presses it, is not held back.
    """

    def __init__(self) -> None:
        self._received: list[int] = []
        self._first_ctrl_c = math.inf
        self._holds_all = False

    def __call__(self) -> None:
        if self._received:
            raise KeyboardInterrupt(self._received[0])

    def hold_all(self) -> None:
        """Hold a second Ctrl-C back as well: what comes now must not be cut short."""
        self._holds_all = True

    def remember(self, number: int, frame: Any) -> None:
        """Hold a signal back, as its handler."""
        self._received.append(number)
        if number != signal.SIGINT:
            return
        now = time.monotonic()
        if now - self._first_ctrl_c >= PATIENCE and not self._holds_all:
            raise KeyboardInterrupt(number)
        self._first_ctrl_c = min(self._first_ctrl_c, now)


@contextmanager
def held_back() -> Iterator[Interrupts]:
    """Yield what holds signals back, for the `with` statement, and raises KeyboardInterrupt when it is called."""
    interrupts = Interrupts()
    with handled(interrupts.remember):
        yield interrupts
