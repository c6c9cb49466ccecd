"""What training costs a CUDA device, whatever its speed: kernels launched, copies and synchronisations, counted on the
emulated device through the public face alone."""

from dataclasses import dataclass

import emulated_cuda
import numpy as np

BATCH_SIZE = 10


@dataclass(frozen=True)
class Cost:
    """Launches, copies within the device among them but not matrix products; products; copies between host and device;
    times that the host waits."""

    launches: float
    products: float
    copies: float
    synchronisations: float

    def __sub__(self, other):
        return Cost(*(a - b for a, b in zip(self._numbers, other._numbers, strict=True)))

    def __truediv__(self, n):
        return Cost(*(a / n for a in self._numbers))

    @property
    def _numbers(self):
        return self.launches, self.products, self.copies, self.synchronisations


def _of_fit(net, n, epochs, validate, memory_limit=None):
    rng = np.random.default_rng(0)
    data = rng.integers(0, 255, (n, net.sizes[0]), dtype="uint8"), rng.integers(0, net.sizes[-1], n)
    validation = data if validate else None
    with emulated_cuda.count() as counted:
        net.fit(data, epochs, BATCH_SIZE, validation=validation, progress=False, memory_limit=memory_limit)
    return Cost(counted.launches + counted.d2d, counted.gemms, counted.h2d + counted.d2h, counted.syncs)


def of_epoch(net, n=200, validate=True, memory_limit=None):
    """Return the cost of one more epoch of n examples, evaluation included."""
    _of_fit(net, BATCH_SIZE, 1, validate)  # constants of this batch size are made once, and not counted
    once = _of_fit(net, n, 1, validate, memory_limit)
    return _of_fit(net, n, 2, validate, memory_limit) - once


def of_step(net, steps=10):
    """Return the cost of one more mini-batch: what a chunk of them has in common cancels."""
    few = of_epoch(net, steps * BATCH_SIZE, validate=False)
    return (of_epoch(net, 2 * steps * BATCH_SIZE, validate=False) - few) / steps


def check(net, launches):
    """Assert that a step launches no more than so many kernels and copies nothing, and an epoch waits at most twice."""
    step, epoch = of_step(net), of_epoch(net)
    assert step.launches <= launches, f"{step.launches:g} launches per step, expected at most {launches}"
    assert step.copies == 0, f"{step.copies:g} copies per step, expected none"
    assert epoch.synchronisations <= 2, f"{epoch.synchronisations:g} synchronisations per epoch, expected at most 2"
