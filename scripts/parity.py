"""How far the array libraries differ: the same seed, the same steps, on each of them.

Prints a Markdown table: the largest difference of gradients from a plain-Python loop over
single examples (of float64; relative to the largest gradient of its array), and of the
weights after a number of steps from NumPy's (relative likewise), in float64 and float32.

    EMULATE_CUDA=1 python scripts/parity.py --steps 1000

With EMULATE_CUDA=1 CuPy takes part on the emulated device of the tests, else on a GPU if there is one.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from anynet import SGD, Network, backends, datasets

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import cuda_device
import oracle
from compare import relative_difference

DEVICES = {"array_api_strict": "device1"}
BATCH_SIZE = 10


def gradients_against_the_plain_loop(name: str) -> float:
    """Return the largest relative difference of the gradients of a small network."""
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((7, 4)), rng.uniform(0.1, 0.9, (7, 3))
    net = Network([4, 5, 6, 3], name, DEVICES.get(name), "float64", seed=1)
    _, gradients = net.gradients(x, y)
    _, nabla_w, nabla_b = oracle.mean_gradients(
        [w.tolist() for w in net.weights],
        [b[:, 0].tolist() for b in net.biases],
        ["sigmoid"] * 3,
        "quadratic",
        x.tolist(),
        y.tolist(),
    )
    return max(
        relative_difference(got, expected)
        for g, w, b in zip(gradients, nabla_w, nabla_b, strict=True)
        for got, expected in ((g.weights, w), (g.biases, b))
    )


def weights_after(steps: int, name: str, dtype: str) -> list[np.ndarray]:
    """Train the book's network on the first images of MNIST, one epoch of so many steps."""
    train, _, _ = datasets.mnist()
    n = steps * BATCH_SIZE
    net = Network([784, 30, 10], name, DEVICES.get(name), dtype)
    net.fit((train.x[:n], train.y[:n]), 1, BATCH_SIZE, SGD(3.0), progress=False)
    return [*net.weights, *net.biases]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=1000, metavar="N", help="of batch 10 (1000)")
    steps = parser.parse_args().steps
    if cuda_device.is_emulated() and (missing := cuda_device.why_not()) is not None:
        sys.exit(missing)
    if "jax" in sys.modules or backends.why_not("jax") is None:
        import jax

        jax.config.update("jax_enable_x64", True)

    reference = {dtype: weights_after(steps, "numpy", dtype) for dtype in backends.DTYPES}
    print(f"| backend | gradients, float64 | weights after {steps} steps, float64 | float32 |")
    print("|---|---|---|---|")
    for name, reason in backends.available().items():
        shown = f"{name}, on the emulated device" if name == "cupy" and cuda_device.is_emulated() else name
        if reason is not None:
            print(f"| {shown} | absent: {reason} | | |")
            continue
        differences = [
            max(map(relative_difference, weights_after(steps, name, dtype), reference[dtype]))
            for dtype in ("float64", "float32")
        ]
        cells = [gradients_against_the_plain_loop(name), *differences]
        print(f"| {shown} | {' | '.join(f'{cell:.1e}' for cell in cells)} |", flush=True)


if __name__ == "__main__":
    main()
