"""Training: a loop over epochs, chunks and mini-batches that works on what it is handed.

It yields a report per chunk, so that whoever runs it can draw a bar, keep a history, save,
or stop; it prints nothing, and it knows no network.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from numbers import Integral

from anynet.batches import Batch


@dataclass(frozen=True)
class Report:
    """How far training has come; the last report of an epoch carries its metrics.

    `epoch` counts from 0; `examples` of `total` have been seen in it, in `seconds` of
    training, evaluation not counted. `metrics` is None until the epoch is over.
    """

    epoch: int
    epochs: int
    examples: int
    total: int
    seconds: float
    metrics: dict[str, float] | None = None


def run(
    epochs: int,
    total: int,
    chunks: Callable[[], Iterable[list[Batch]]],
    step: Callable[[Batch], None],
    synchronize: Callable[[], None],
    measure: Callable[[int], dict[str, float]],
) -> Iterator[Report]:
    """Train for a number of epochs of `total` examples.

    Each epoch takes the mini-batches of `chunks()` one by one through `step`, waits for the
    device with `synchronize` so that the clock is honest, and then calls `measure(epoch)`.
    """
    for epoch in range(epochs):
        examples, seconds = 0, 0.0
        begin = time.perf_counter()
        for chunk in chunks():
            for batch in chunk:
                step(batch)
            examples += sum(x.shape[0] for x, _ in chunk)
            if examples == total:
                synchronize()
            seconds += time.perf_counter() - begin
            if examples < total:
                yield Report(epoch, epochs, examples, total, seconds)
            begin = time.perf_counter()
        yield Report(epoch, epochs, total, total, seconds, measure(epoch))


def check_counts(epochs: object, batch_size: object, n: int) -> None:
    """Raise unless epochs >= 1 and 1 <= batch_size <= n: TypeError or ValueError."""
    for name, count, most in (("epochs", epochs, math.inf), ("batch_size", batch_size, n)):
        if isinstance(count, bool) or not isinstance(count, Integral):
            raise TypeError(f"{name}: expected a whole number, got {count!r}.")
        if not 1 <= int(count) <= most:
            limits = "at least 1" if most == math.inf else f"1 to {n}, as many as there are examples"
            raise ValueError(f"{name}: expected {limits}, got {count}.")
