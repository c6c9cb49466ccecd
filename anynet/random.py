"""Where chance comes from: independent random streams, all spawned from one seed.

Each purpose has a stream of its own, so that drawing more for one of them does not change
what the others see. Numbers are drawn on the host: the same seed starts every backend
from identical bits. Global generators are never touched.
"""

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from anynet.typing import Generator


class Streams(NamedTuple):
    """The random streams of a network, one generator per purpose."""

    initial: Generator
    order: Generator
    split: Generator  # of data into training and validation
    noise: Generator  # of layers, while they train


def spawn(seed: Any) -> Streams:
    """Return the streams of a seed; None takes fresh entropy from the operating system.

    A stream added at the end of `Streams` leaves those before it unchanged. Raises
    ValueError for a negative seed, TypeError for one that is no whole number.
    """
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, Integral)):
        raise TypeError(f"seed: expected a whole number or None, got {seed!r}.")
    if seed is not None and seed < 0:
        raise ValueError(f"seed: expected a number from 0, got {seed}.")
    children = np.random.SeedSequence(None if seed is None else int(seed)).spawn(len(Streams._fields))
    return Streams(*map(np.random.default_rng, children))
