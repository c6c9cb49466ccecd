"""Nielsen's network.py and mnist_loader.py: handwritten digits, learnt by a network of 74 lines.

The book's session, with the imports alone changed: 30 hidden neurons, 30 epochs, mini-batches
of 10, eta 3.0. With --no-hidden, the shorter run: no hidden layer, 5 epochs, eta 5.0.

    python scripts/texts/book_network.py --backend torch --epochs 3
"""

import argparse

from anynet import Network, datasets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, help="default: 30, or 5 without a hidden layer")
    parser.add_argument("--examples", type=int, help="train and test on so many images only")
    parser.add_argument("--no-hidden", action="store_true", help="connect the pixels to the digits")
    parser.add_argument("--data", metavar="PATH", help="the book's mnist.pkl.gz; default: the embedded images")
    arguments = parser.parse_args()
    sizes, epochs, eta = ([784, 10], 5, 5.0) if arguments.no_hidden else ([784, 30, 10], 30, 3.0)

    training_data, _, test_data = (part[: arguments.examples] for part in datasets.load_data_wrapper(arguments.data))
    net = Network(sizes, backend=arguments.backend)
    net.SGD(training_data, arguments.epochs or epochs, 10, eta, test_data=test_data)


if __name__ == "__main__":
    main()
