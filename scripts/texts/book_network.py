"""Nielsen's network.py and mnist_loader.py: handwritten digits, learnt by a network of 74 lines.

The book's session, of which only the imports are changed: 30 hidden neurons, 30 epochs, mini-batches of 10, eta 3.0.
With --no-hidden, the shorter run: no hidden layer, 5 epochs, eta 5.0.

    python scripts/texts/book_network.py --backend torch --epochs 3
"""

import argparse
import os

from anynet.books import mnist_loader, network
from anynet.initializers import INITIALIZERS

os.environ["JAX_ENABLE_X64"] = "1"  # JAX reads it when it is imported: float64, as in the book, only then


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, help="default: 30, or 5 without a hidden layer")
    parser.add_argument("--examples", type=int, help="train and test on so many images only")
    parser.add_argument("--no-hidden", action="store_true", help="connect the pixels to the digits")
    parser.add_argument(
        "--initializer", choices=INITIALIZERS, help="where it starts; default: the book's standard_normal"
    )
    parser.add_argument(
        "--seed", type=int, help="of the start and of the order of images; default: chance, as in the book"
    )
    parser.add_argument("--data", metavar="PATH", help="the book's mnist.pkl.gz; default: the embedded images")
    arguments = parser.parse_args()
    sizes, epochs, eta = ([784, 10], 5, 5.0) if arguments.no_hidden else ([784, 30, 10], 30, 3.0)
    n = arguments.examples

    training_data, _, test_data = mnist_loader.load_data_wrapper(arguments.data)
    how = {"backend": arguments.backend, "seed": arguments.seed, "initializer": arguments.initializer}
    net = network.Network(sizes, **how)
    net.SGD(training_data[:n], arguments.epochs or epochs, 10, eta, test_data=test_data[:n])


if __name__ == "__main__":
    main()
