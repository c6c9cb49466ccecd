"""Where chance comes from: independent random streams, all spawned from one seed.

Each purpose has a stream of its own, so that drawing more for one of them does not change
what the others see. Numbers are drawn on the host: the same seed starts every backend
from identical bits. Global generators are never touched.
"""

from typing import NamedTuple, TypeAlias

import numpy as np

Generator: TypeAlias = np.random.Generator


class Streams(NamedTuple):
    """The random streams of a network, one generator per purpose."""

    initial: Generator
    order: Generator


def spawn(seed: int | None) -> Streams:
    """Return the streams of a seed; None takes fresh entropy from the operating system.

    A stream added at the end of `Streams` leaves those before it unchanged.
    """
    children = np.random.SeedSequence(seed).spawn(len(Streams._fields))
    return Streams(*map(np.random.default_rng, children))
