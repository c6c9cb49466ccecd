"""The neuron: inputs, weights, a threshold; then logic; then networks of them that learn.

A neuron of the simplest kind fires when its weighted inputs exceed 1.0. With a sigmoid and
Ng's weights it computes AND. With no hidden layer, one or many, neurons learn to tell
whether a handwritten digit is a 4 or not.

    python scripts/texts/neuron.py --backend torch --epochs 1
"""

import argparse

import numpy as np

from anynet import SGD, Network, datasets

THRESHOLD = 1.0


def print_neuron(backend: str) -> None:
    net = Network([5, 1], backend, output="step")
    weights = [0.9, -0.4, 0.7, 0.2, -0.8]
    net.weights, net.biases = [[weights]], [[-THRESHOLD]]
    for x in ([1, 0, 1, 0, 0], [1, 1, 1, 0, 1], [0, 0, 0, 1, 0], [1, 0, 1, 1, 0]):
        fires = net.feedforward(np.array(x))[0] == 1
        print(f"{x}: activation {np.dot(weights, x):.1f}, {'fires' if fires else 'does not fire'}")


def print_and(backend: str) -> None:
    net = Network([2, 1], backend)
    net.weights, net.biases = [[[20.0, 20.0]]], [[-30.0]]
    for x in ([0, 0], [0, 1], [1, 0], [1, 1]):
        a = net.feedforward(np.array(x))[0]
        print(f"{x[0]} AND {x[1]}: {a:.5f}, that is {round(a)}")


def print_is_it_a_four(backend: str, epochs: int, examples: int | None) -> None:
    train, _, test = datasets.mnist()
    x, y = train.x[:examples], (train.y == 4)[:examples]
    x_test, y_test = test.x[:examples], (test.y == 4)[:examples]
    print(f"always saying no: accuracy {np.mean(~y_test):.4f}, 0 of {y_test.sum()} fours found")
    for name, hidden in (("no hidden layer", []), ("one hidden layer", [30]), ("many hidden layers", [30, 20, 10])):
        net = Network([784, *hidden, 1], backend, cost="cross_entropy")
        net.fit(
            (x, y), epochs=epochs, batch_size=10, optimizer=SGD(3.0)
        )  # shorter steps leave many layers asleep for long
        found = int(net.predict(x_test)[y_test].sum())
        print(
            f"{name}, {net.sizes}: accuracy {net.accuracy((x_test, y_test)):.4f}, {found} of {y_test.sum()} fours found"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--examples", type=int, help="train and test on so many images only")
    arguments = parser.parse_args()
    print_neuron(arguments.backend)
    print_and(arguments.backend)
    print_is_it_a_four(arguments.backend, arguments.epochs, arguments.examples)


if __name__ == "__main__":
    main()
