"""Saito's Deep Learning from Scratch, chapters 2 and 3: perceptrons, activations, inference.

His gates and his three-layer pass are networks whose weights are given. His weights are
(inputs, outputs), ours (outputs, inputs): hence the transposes. Give his own
sample_weight.pkl with --weights; without it, a network of the same form is trained.

    python scripts/texts/from_scratch.py --backend torch --epochs 1
"""

import argparse
import os

import numpy as np

from anynet import Network, activations, backends, datasets, plots
from anynet.backends import Backend

os.environ["JAX_ENABLE_X64"] = "1"  # JAX reads it when it is imported: float64 only then

INPUTS = [[0, 0], [1, 0], [0, 1], [1, 1]]
GATES = {  # weights and bias of each neuron, layer by layer (2.3 and 2.5)
    "AND": [[([0.5, 0.5], -0.7)]],
    "NAND": [[([-0.5, -0.5], 0.7)]],
    "OR": [[([0.5, 0.5], -0.2)]],
    "XOR": [[([-0.5, -0.5], 0.7), ([0.5, 0.5], -0.2)], [([0.5, 0.5], -0.7)]],
}


def print_gates(backend: Backend) -> None:
    for name, layers in GATES.items():
        net = Network([2, *map(len, layers)], backend, hidden="step", output="step")
        net.weights = [[w for w, _ in neurons] for neurons in layers]
        net.biases = [[b for _, b in neurons] for neurons in layers]
        print(f"{name}: {net.feedforward(INPUTS)[:, 0].astype(int).tolist()}")


def print_softmax(backend: Backend) -> None:
    for a in ([0.3, 2.9, 4.0], [1010, 1000, 990]):
        y = backend.to_numpy(activations.softmax(backend.copy_to_device(a)))
        print(f"softmax: {y}, sum {y.sum()}")


def print_three_layers(backend: Backend) -> None:
    net = Network([2, 3, 2, 2], backend, output="identity")
    w1, w2, w3 = [[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]], [[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]], [[0.1, 0.3], [0.2, 0.4]]
    net.weights = [np.transpose(w) for w in (w1, w2, w3)]
    net.biases = [[0.1, 0.2, 0.3], [0.1, 0.2], [0.1, 0.2]]
    print(f"three layers: {net.feedforward([1.0, 0.5])}")


def print_inference(net: Network, x: np.ndarray, t: np.ndarray) -> None:
    one_by_one = [int(np.argmax(net.feedforward(x_i))) for x_i in x]
    in_batches = np.concatenate([net.predict(x[i : i + 100]) for i in range(0, len(x), 100)])
    print(f"one by one and in batches of 100 agree: {one_by_one == in_batches.tolist()}")
    print(f"Accuracy:{net.accuracy((x, t))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--examples", type=int, help="train and test on so many images only")
    parser.add_argument("--weights", metavar="PATH", help="his sample_weight.pkl")
    arguments = parser.parse_args()

    backend = backends.get(arguments.backend, dtype="float64")
    print_gates(backend)
    print_softmax(backend)
    print_three_layers(backend)

    (x_train, t_train), (x_test, t_test) = datasets.load_mnist(normalize=True, flatten=True, one_hot_label=False)
    for a in (x_train, t_train, x_test, t_test):
        print(a.shape)
    print(t_train[0])
    print(plots.as_text(x_train[0]))
    if arguments.weights:
        net = Network.load(arguments.weights, arguments.backend)
    else:
        net = Network([784, 50, 100, 10], arguments.backend, output="softmax")
        net.fit((x_train[: arguments.examples], t_train[: arguments.examples]), epochs=arguments.epochs)
    print_inference(net, x_test[: arguments.examples], t_test[: arguments.examples])


if __name__ == "__main__":
    main()
