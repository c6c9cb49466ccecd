"""Learning without labels, the text's other half: a network learns to give back what it is shown.

784 pixels go through a layer of few neurons, and come out as 784 pixels: what is in the middle is what the network has
found out by itself, for it is told nothing but the images. No digit is shown to it as a number.

    python scripts/texts/autoencoder.py --backend torch --epochs 1 --out autoencoder.png
"""

import argparse
from pathlib import Path

import numpy as np

from anynet import Adam, Network, datasets, plots


def draw(x: np.ndarray, back: np.ndarray, path: Path) -> None:
    """Draw ten inputs in a row, and what came back of them in the row below."""
    plots.show(np.concatenate([x[:10], back[:10]]), ["in"] * 10 + ["back"] * 10, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--hidden", type=int, default=32, help="how many neurons an image must go through")
    parser.add_argument("--examples", type=int, help="train and test on so many images only")
    parser.add_argument("--out", metavar="FILE", type=Path, help="draw inputs and what came back there")
    arguments = parser.parse_args()

    train, _, test = datasets.mnist()
    x, x_test = (np.float32(part.x[: arguments.examples]) / 255 for part in (train, test))
    mean = np.mean((x_test - x.mean(axis=0)) ** 2)
    print(f"always answering with the mean image: error {mean:.4f} per pixel")

    sizes, how = [784, arguments.hidden, 784], {"hidden": "relu", "cost": "cross_entropy", "task": "multilabel"}
    net = Network(sizes, arguments.backend, **how)
    net.fit(x, x, epochs=arguments.epochs, batch_size=64, optimizer=Adam(0.003))
    back = net.feedforward(x_test)
    print(f"through {arguments.hidden} neurons: error {np.mean((back - x_test) ** 2):.4f} per pixel")
    if arguments.out:
        draw(x_test, back, arguments.out)


if __name__ == "__main__":
    main()
