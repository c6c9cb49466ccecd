"""What a step of training may cost a CUDA device: launches, copies, synchronisations. Counts, never seconds."""

import runpy
from pathlib import Path

import cuda_device
import pytest

from anynet import Network

cuda_device.require(emulated_only=True)
import cuda_cost  # noqa: E402

SCRIPT = Path(__file__).parents[1] / "scripts" / "gpu" / "cuda_budget.py"
BOOK = [784, 30, 10]
BUDGETS = [(BOOK, 12, 7), ([784, 512, 512, 10], 18, 11)]  # launches and matrix products of a step


@pytest.mark.parametrize(("sizes", "launches", "products"), BUDGETS)
def test_training_keeps_its_budget(sizes, launches, products):
    net = Network(sizes, backend="cupy")
    cuda_cost.check(net, launches)
    assert cuda_cost.of_step(net).products == products


@pytest.mark.parametrize("validate", [False, True])
def test_an_epoch_copies_its_order_and_its_verdict(validate):
    assert cuda_cost.of_epoch(Network(BOOK, backend="cupy"), validate=validate).copies == 2


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
    epoch = cuda_cost.of_epoch(Network(BOOK, backend="cupy"), ROWS, validate, limit)
    assert epoch.copies == 2 + copies
    assert epoch.synchronisations <= 2


# Negative controls: each of these mistakes must break the check.


def careless(mistake):
    """Return the book's network with a step that does one thing more."""

    class Careless(Network):
        def _step(self, *args):
            state = super()._step(*args)
            mistake(self, self.parameters[0].biases)
            return state

    return Careless(BOOK, backend="cupy")


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda net, biases: float(biases[0]), "1 copies per step"),
        (lambda net, biases: net.backend.asarray([0.5]), "1 copies per step"),
        (lambda net, biases: net.backend.synchronize(), "22 synchronisations per epoch"),
        (lambda net, biases: biases + 1.0, "13 launches per step"),
    ],
    ids=["a hidden float()", "a copy to the device", "a wait", "a launch"],
)
def test_a_careless_step_is_over_the_budget(mistake, words):
    with pytest.raises(AssertionError, match=words):
        cuda_cost.check(careless(mistake), 12)


def test_the_tables_are_printed(capsys):
    runpy.run_path(str(SCRIPT), run_name="__main__")
    printed = capsys.readouterr().out
    assert "| `[784, 30, 10]` | 12 | 7 | 0 | 2 |" in printed
    assert "| `Dense`, sigmoid | 6 | 4 |" in printed
