"""What training costs a CUDA device, whatever its speed: kernels launched, copies and synchronisations.

Counted on the emulated device (`emulated.py`), through the public face alone: an epoch more, or a mini-batch more, of
a network that trains already. The tests hold training to a budget of them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from anynet import SGD, Network

BATCH_SIZE = 10


@dataclass(frozen=True)
class Cost:
    """How often something happens, on the average."""

    launches: float  # copies within the device among them, but not matrix products
    products: float
    copies: float  # between host and device
    synchronisations: float  # times that the host waits

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(*(a - b for a, b in zip(self._numbers, other._numbers, strict=True)))

    def __truediv__(self, n: float) -> "Cost":
        return Cost(*(a / n for a in self._numbers))

    @property
    def _numbers(self) -> tuple[float, ...]:
        return self.launches, self.products, self.copies, self.synchronisations


def _of_fit(
    net: Network,
    n: int,
    epochs: int,
    validate: bool,
    memory_limit: int | None = None,
    batch_size: int = BATCH_SIZE,
    **how: Any,
) -> Cost:
    import emulated_cuda  # there once CuPy has been given the device

    rng = np.random.default_rng(0)
    data = rng.integers(0, 255, (n, net.sizes[0]), dtype="uint8"), rng.integers(0, net.sizes[-1], n)
    validation = data if validate else None
    how = {"optimizer": SGD(0.1)} | how  # at the book's rate wide networks stick, and say so
    with emulated_cuda.count() as counted:
        net.fit(
            data,
            epochs=epochs,
            batch_size=batch_size,
            validation=validation,
            progress=False,
            memory_limit=memory_limit,
            **how,
        )
    return Cost(counted.launches + counted.d2d, counted.gemms, counted.h2d + counted.d2h, counted.syncs)


def of_epoch(net: Network, n: int = 200, validate: bool = True, memory_limit: int | None = None, **how: Any) -> Cost:
    """Return the cost of one more epoch of n examples, evaluation included; the rest are arguments of `fit`."""
    size = how.get("batch_size", BATCH_SIZE)
    _of_fit(net, size, 1, validate, **how)  # constants of this batch size are made once, and not counted
    once = _of_fit(net, n, 1, validate, memory_limit, **how)
    return _of_fit(net, n, 2, validate, memory_limit, **how) - once


def of_step(net: Network, steps: int = 10, **how: Any) -> Cost:
    """Return the cost of one more mini-batch: what a chunk of them has in common cancels."""
    n = steps * how.get("batch_size", BATCH_SIZE)
    return (of_epoch(net, 2 * n, validate=False, **how) - of_epoch(net, n, validate=False, **how)) / steps


def check(net: Network, launches: int) -> None:
    """Assert that a step launches no more than so many kernels and copies nothing, and an epoch waits at most twice."""
    step, epoch = of_step(net), of_epoch(net)
    assert step.launches <= launches, f"{step.launches:g} launches per step, expected at most {launches}"
    assert step.copies == 0, f"{step.copies:g} copies per step, expected none"
    assert epoch.synchronisations <= 2, f"{epoch.synchronisations:g} synchronisations per epoch, expected at most 2"
