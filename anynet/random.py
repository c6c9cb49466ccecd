"""Where chance comes from: independent random streams, all spawned from one seed.

Each purpose has a stream of its own, so that drawing more for one of them does not change
what the others see. Numbers are drawn on the host: the same seed starts every backend
from identical bits. Global generators are never touched.
"""

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from anynet.checks import as_code
from anynet.typing import Generator, HostArray


class Streams(NamedTuple):
    """The random streams of a network, one generator per purpose."""

    initial: Generator
    order: Generator
    split: Generator  # of data into training and validation
    noise: Generator  # of layers, while they train
    augmentation: Generator = None  # type: ignore[assignment]  # of training data; None in what was pickled before it


def spawn(seed: Any) -> Streams:
    """Return the streams of a seed; None takes fresh entropy from the operating system.

    A stream added at the end of `Streams` leaves those before it unchanged. Raises
    ValueError for a negative seed, TypeError for one that is no whole number.
    """
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, Integral)):
        raise TypeError(f"seed: expected a whole number or None, got {as_code(seed)}.")
    if seed is not None and seed < 0:
        raise ValueError(f"seed: expected a number from 0, got {as_code(seed)}.")
    children = np.random.SeedSequence(None if seed is None else int(seed)).spawn(len(Streams._fields))
    return Streams(*map(np.random.default_rng, children))


def completed(streams: Streams) -> Streams:
    """Return streams with that which those of a former version lack, as their seed would have spawned it."""
    given: Any = streams
    if given.augmentation is not None:
        return streams
    known = given.initial.bit_generator.seed_seq
    place = Streams._fields.index("augmentation")
    child = np.random.SeedSequence(entropy=known.entropy, spawn_key=(*known.spawn_key[:-1], place))
    return streams._replace(augmentation=np.random.default_rng(child))


def order(n: int, rng: Generator | None) -> HostArray:
    """Return the numbers from 0 to n - 1 in an order that is drawn; None leaves them as they stand."""
    return np.arange(n) if rng is None else rng.permutation(n)


def states(streams: Streams) -> dict[str, Any]:
    """Return where the streams stand, by name, as JSON takes it."""
    return {name: stream.bit_generator.state for name, stream in streams._asdict().items()}


def restore(streams: Streams, states: dict[str, Any]) -> None:
    """Let the streams stand where `states` found them; ValueError if that is nothing that it returns.

    One that a former version did not have stays where it is.
    """
    names = [name for name in streams._fields if name != "augmentation" or name in states]
    try:
        checked = [_checked(states[name]) for name in names]
    except (KeyError, TypeError):
        raise ValueError("expected the states of random streams, got others") from None
    for name, state in zip(names, checked, strict=True):
        getattr(streams, name).bit_generator.state = state


def _checked(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state of a generator, found to be one of a PCG64: NumPy itself checks little of it."""
    inner, rest = state["state"], (state["has_uint32"], state["uinteger"])
    numbers = [*((inner[name], 128) for name in ("state", "inc")), *zip(rest, (1, 32), strict=True)]
    if state["bit_generator"] != "PCG64" or not all(type(n) is int and 0 <= n < 2**bits for n, bits in numbers):
        raise ValueError("expected the state of a PCG64, got another")
    return state
