"""The saved brain: a network's sizes, weights and biases in an archive, and out of it again.

A network is trained, its brain is kept by the text's lines, of which only the imports are changed, opened by
`Network.load`, and then transplanted into a network that has learnt nothing.

    python scripts/texts/saved_brain.py --backend torch --epochs 1 --out swb
"""

import argparse
import os
import tempfile
import warnings
from pathlib import Path

from anynet.books import mnist_loader, network

os.environ["JAX_ENABLE_X64"] = "1"  # JAX reads it when it is imported: float64, as in the book, only then


def load_and_tell(path: Path, backend: str) -> network.Network:
    """Return the network in a file, and print what had to be assumed of it."""
    with warnings.catch_warnings(record=True) as assumed:
        warnings.simplefilter("always")
        net = network.Network.load(path, backend=backend)
    for warning in assumed:
        print(str(warning.message).replace(str(path), path.name))
    return net


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--examples", type=int, help="train and test on so many images only")
    parser.add_argument("--out", metavar="FILE", type=Path, help="keep the brain there; default: nowhere")
    arguments = parser.parse_args()

    training_data, _, test_data = (part[: arguments.examples] for part in mnist_loader.load_data_wrapper())
    net = network.Network([784, 30, 10], arguments.backend)
    net.SGD(training_data, arguments.epochs, 10, 3.0, test_data=test_data)

    with tempfile.TemporaryDirectory() as folder:
        path = (arguments.out or Path(folder) / "swb").with_suffix(".npz")  # which np.savez would add
        s = network.np.array(net.sizes)
        w1 = net.weights[0]
        w2 = net.weights[1]
        b1 = net.biases[0]
        b2 = net.biases[1]
        network.np.savez(path, s=s, w1=w1, w2=w2, b1=b1, b2=b2)
        npzfile = network.np.load(path)
        print(npzfile.files)
        print(npzfile["s"].tolist())
        npzfile.close()
        loaded = load_and_tell(path, arguments.backend)

    x = test_data[0][0]
    print(f"loaded: {loaded.evaluate(test_data)} / {len(test_data)}")
    print(f"the same outputs to the last bit: {network.np.array_equal(loaded.feedforward(x), net.feedforward(x))}")

    other = network.Network([784, 30, 10], arguments.backend)
    print(f"another network: {other.evaluate(test_data)} / {len(test_data)}")
    other.weights, other.biases = net.weights, net.biases
    print(f"with the brain transplanted: {other.evaluate(test_data)} / {len(test_data)}")


if __name__ == "__main__":
    main()
