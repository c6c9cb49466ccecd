"""How far the array libraries differ: the same seed, the same steps, on each of them.

Prints a Markdown table: the largest difference of gradients from the book's loop over single
examples (of float64; relative to the largest gradient of its array), and of the weights after a
number of steps from NumPy's (relative likewise), in float64 and float32.

    python scripts/gpu/parity.py --steps 1000
    EMULATE_CUDA=1 PYTHONPATH=tests/tools python scripts/gpu/parity.py

With EMULATE_CUDA=1 CuPy takes part on the emulated device of the tests, else on a GPU if there is one.
"""

import argparse
import os
import sys
from pathlib import Path

import emulated
import numpy as np

from anynet import SGD, Network, backends, datasets

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "measure"))
from book_loop import BookNetwork
from report import relative_difference

DEVICES = {"array_api_strict": "device1"}
BATCH_SIZE = 10


def gradients_against_the_books_loop(name: str) -> float:
    """Return the largest relative difference of the gradients of a small network."""
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((7, 4)), rng.uniform(0.1, 0.9, (7, 3))
    net = Network([4, 5, 6, 3], name, DEVICES.get(name), "float64", seed=1)
    _, gradients = net.gradients(x, y)
    book = BookNetwork(net.weights, net.biases)
    nablas = [book.backprop(one[:, None], target[:, None]) for one, target in zip(x, y, strict=True)]
    differences = []
    for l, got in enumerate(gradients):
        differences.append(relative_difference(got.weights, sum(nabla_w[l] for nabla_w, _ in nablas) / len(x)))
        differences.append(relative_difference(got.biases, sum(nabla_b[l][:, 0] for _, nabla_b in nablas) / len(x)))
    return max(differences)


def weights_after(steps: int, name: str, dtype: str) -> list[np.ndarray]:
    """Train the book's network on the first images of MNIST, one epoch of so many steps."""
    train, _, _ = datasets.mnist()
    n = steps * BATCH_SIZE
    net = Network([784, 30, 10], name, DEVICES.get(name), dtype)
    net.fit((train.x[:n], train.y[:n]), epochs=1, batch_size=BATCH_SIZE, optimizer=SGD(3.0), progress=False)
    return [*net.weights, *net.biases]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=1000, metavar="N", help="of batch 10 (1000)")
    steps = parser.parse_args().steps
    is_emulated = os.environ.get("EMULATE_CUDA", "0") not in ("", "0")
    if is_emulated:
        emulated.install("scripts/gpu/parity.py")
    if "jax" in sys.modules or backends.unavailable_reason("jax") is None:
        import jax

        jax.config.update("jax_enable_x64", True)

    reference = {dtype: weights_after(steps, "numpy", dtype) for dtype in backends.DTYPES}
    print(f"| backend | gradients, float64 | weights after {steps} steps, float64 | float32 |")
    print("|---|---|---|---|")
    for name, reason in backends.available().items():
        shown = f"{name}, on the emulated device" if name == "cupy" and is_emulated else name
        if reason is not None:
            print(f"| {shown} | absent: {reason} | | |")
            continue
        differences = [
            max(map(relative_difference, weights_after(steps, name, dtype), reference[dtype]))
            for dtype in ("float64", "float32")
        ]
        cells = [gradients_against_the_books_loop(name), *differences]
        print(f"| {shown} | {' | '.join(f'{cell:.1e}' for cell in cells)} |", flush=True)


if __name__ == "__main__":
    main()
