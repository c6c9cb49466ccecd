"""What a step of training may cost a CUDA device: launches, copies, synchronisations. Counts, never seconds."""

import runpy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cuda_device
import pytest

from anynet import SGD, Conv2D, MaxPool2D, Network, training
from anynet.layers import Dense
from anynet.optimizers import Adam, Momentum
from anynet.schedules import Cosine
from anynet.splitting import WHOLE

cp = cuda_device.require(emulated_only=True)
import cuda_cost  # noqa: E402

SCRIPT = Path(__file__).parents[1] / "scripts" / "gpu" / "cuda_budget.py"
BOOK = [784, 30, 10]
BUDGETS = [(BOOK, 6, 5), ([784, 512, 512, 10], 9, 8)]  # launches and matrix products of a step


@pytest.mark.parametrize(("sizes", "launches", "products"), BUDGETS)
def test_training_keeps_its_budget(sizes, launches, products):
    net = Network(sizes, backend="cupy")
    cuda_cost.check(net, launches)
    assert cuda_cost.of_step(net).products == products


def test_a_convolution_launches_as_much_whatever_the_batch():
    lenet = [(28, 28, 1), Conv2D(20, 5), MaxPool2D(2), Conv2D(40, 5), MaxPool2D(2), 100, 10]
    nets = [Network(lenet, "cupy", hidden="relu", output="softmax") for _ in range(2)]
    small, large = (cuda_cost.of_step(net, 1, batch_size=n) for net, n in zip(nets, (10, 20), strict=True))
    assert small == large
    assert (small.launches, small.products, small.copies) == (33, 11, 0)


@pytest.mark.parametrize("validate", [False, True])
def test_an_epoch_copies_its_order_and_its_verdict(validate):
    assert cuda_cost.of_epoch(Network(BOOK, backend="cupy"), validate=validate).copies == 2


@pytest.mark.parametrize("validate", [False, True])
def test_the_training_cost_comes_with_the_verdict(validate):
    """It launches kernels, and waits no more often."""
    plain, asked = (
        cuda_cost.of_epoch(Network(BOOK, backend="cupy"), validate=validate, training_cost=asked)
        for asked in (False, True)
    )
    assert (asked.copies, asked.synchronisations) == (plain.copies, plain.synchronisations)
    assert asked.launches > plain.launches


@pytest.mark.parametrize("optimizer", [Adam(1e-4), Adam(Cosine(1e-4)), Momentum(0.01)])
def test_a_step_launches_no_more_for_what_an_optimizer_remembers(optimizer):
    plain = cuda_cost.of_step(Network(BOOK, backend="cupy"))
    step = cuda_cost.of_step(Network(BOOK, backend="cupy"), optimizer=optimizer)
    assert step.launches == plain.launches
    assert (step.copies, step.synchronisations) == (0, 0)


CHUNKS, BLOCKS = 4, 2  # of training, 660 rows or 66 mini-batches each; of validation, 1337 rows each
ROWS = 2300
LABELS = 4 * ROWS  # bytes, as int32


@pytest.mark.parametrize(
    ("limit", "validate", "copies"),
    [
        (None, False, 0),
        (LABELS, False, CHUNKS),
        (0, False, 2 * CHUNKS),  # labels too
        (LABELS, True, CHUNKS + 2 * BLOCKS),  # no room for the labels of the validation data
        (2 * LABELS, True, CHUNKS + BLOCKS),
    ],
)
def test_what_is_streamed_is_copied_once_per_chunk(limit, validate, copies):
    net = Network(BOOK, backend="cupy")
    if limit:  # what a step holds for itself has its room first
        limit += training._held_bytes(net.backend, net.architecture, SGD(1.0), 10, WHOLE)
    epoch = cuda_cost.of_epoch(net, ROWS, validate, limit)
    assert epoch.copies == 2 + copies
    assert epoch.synchronisations <= 2


# Negative controls: each of these mistakes must break the check.


@dataclass(frozen=True)
class Careless(Dense):
    """A dense layer that does one thing more in a training step."""

    mistake: Callable = abs

    def forward(self, xp, parameters, state, a, training, noise):
        z, a, state = super().forward(xp, parameters, state, a, training, noise)
        return (z + self.mistake(xp, z) if training else z), a, state


LOOP = 50  # launches: more than a step takes that cannot be traced


@pytest.mark.parametrize(
    ("mistake", "allowed", "words"),
    [
        (lambda xp, z: xp.max(z), BUDGETS[0][1], f"{BUDGETS[0][1] + 2} launches per step"),  # and what it comes between
        (lambda xp, z: float(z[0, 0]), BUDGETS[0][1], "launches per step"),
        (lambda xp, z: float(z[0, 0]), LOOP, "1 copies per step"),
        (lambda xp, z: cp.asarray([0.5], z.dtype), LOOP, "1 copies per step"),
        (lambda xp, z: z.device.synchronize() or 0.0, LOOP, "22 synchronisations per epoch"),
    ],
    ids=["a launch", "no program", "a hidden float()", "a copy to the device", "a wait"],
)
@pytest.mark.filterwarnings("ignore:.*can be traced")
def test_a_careless_step_is_over_the_budget(mistake, allowed, words):
    with pytest.raises(AssertionError, match=words):
        cuda_cost.check(Network([784, Careless(30, mistake=mistake), 10], backend="cupy"), allowed)


def test_the_tables_are_printed(capsys):
    runpy.run_path(str(SCRIPT), run_name="__main__")
    printed = capsys.readouterr().out
    assert "| `[784, 30, 10]` | 6 | 5 | 0 | 2 |" in printed
    assert "| `Dense`, sigmoid | 3 | 3 |" in printed
