"""Saito's Deep Learning from Scratch, chapters 2 and 3: perceptrons, activations, inference.

His lines, of which only the imports are changed. Give his own sample_weight.pkl with --weights; without it, a network
of the same form is trained, on any backend. --figures draws the chapter's graphs of step, sigmoid and ReLU.

    python scripts/texts/from_scratch.py --backend torch --epochs 1 --figures .
"""

import argparse
from pathlib import Path

import numpy as np

from anynet import Network, plots
from anynet.books.deep_learning_from_scratch import (
    AND,
    NAND,
    OR,
    XOR,
    forward,
    init_network,
    load_mnist,
    predict,
    relu,
    sigmoid,
    softmax,
    step_function,
)


def print_gates() -> None:
    for gate in (AND, NAND, OR, XOR):
        print(f"{gate.__name__}: {[gate(x1, x2) for x1, x2 in ((0, 0), (1, 0), (0, 1), (1, 1))]}")


def print_activations() -> None:
    x = np.array([-1.0, 1.0, 2.0])
    print(f"step: {step_function(x)}")
    print(f"sigmoid: {sigmoid(x)}")
    print(f"relu: {relu(x)}")
    for a in (np.array([0.3, 2.9, 4.0]), np.array([1010, 1000, 990])):
        y = softmax(a)
        print(f"softmax: {y}, sum {np.sum(y)}")


def print_three_layers() -> None:
    network = init_network()
    x = np.array([1.0, 0.5])
    y = forward(network, x)
    print(f"three layers: {y}")


def print_inference(network: dict[str, np.ndarray], x: np.ndarray, t: np.ndarray) -> None:
    one_by_one = [int(np.argmax(predict(network, x[i]))) for i in range(len(x))]
    batch_size, accuracy_cnt, in_batches = 100, 0, []
    for i in range(0, len(x), batch_size):
        x_batch = x[i : i + batch_size]
        y_batch = predict(network, x_batch)
        p = np.argmax(y_batch, axis=1)
        accuracy_cnt += np.sum(p == t[i : i + batch_size])
        in_batches += p.tolist()
    print(f"one by one and in batches of 100 agree: {one_by_one == in_batches}")
    print("Accuracy:" + str(float(accuracy_cnt) / len(x)))


def trained(x: np.ndarray, t: np.ndarray, backend: str, epochs: int) -> dict[str, np.ndarray]:
    """Return a network of the form of his, [784, 50, 100, 10], as he keeps it: weights (inputs, outputs)."""
    net = Network([784, 50, 100, 10], backend, output="softmax")
    net.fit((x, t), epochs=epochs)
    weights = {f"W{i}": w.T for i, w in enumerate(net.weights, 1)}
    return weights | {f"b{i}": b[:, 0] for i, b in enumerate(net.biases, 1)}


def draw_figures(folder: Path) -> Path:
    """Draw step, sigmoid and ReLU as his figures 3-6 to 3-9 do, and return the picture's path."""
    from matplotlib.figure import Figure

    x = np.arange(-5.0, 5.0, 0.1)
    figure = Figure(figsize=(9, 3), layout="constrained")
    named = (("step", step_function, (-0.1, 1.1)), ("sigmoid", sigmoid, (-0.1, 1.1)), ("ReLU", relu, (-0.25, 5.25)))
    for axes, (name, f, limits) in zip(figure.subplots(1, 3), named, strict=True):
        axes.plot(x, f(x), color="#1d4ed8")
        axes.set(title=name, ylim=limits, xlabel="x")
        axes.grid(color="#e5e7eb")
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "activations.png", dpi=120)
    return folder / "activations.png"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", default="numpy", help="where a network is trained")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--examples", type=int, help="train and test on so many images only")
    parser.add_argument("--weights", metavar="PATH", help="his sample_weight.pkl")
    parser.add_argument("--figures", metavar="FOLDER", type=Path, help="draw the activation functions there")
    arguments = parser.parse_args()
    n = arguments.examples

    print_gates()
    print_activations()
    print_three_layers()

    (x_train, t_train), (x_test, t_test) = load_mnist(normalize=True, flatten=True, one_hot_label=False)
    print(x_train.shape)
    print(t_train.shape)
    print(x_test.shape)
    print(t_test.shape)
    print(t_train[0])
    print(plots.as_text(x_train[0]))
    if arguments.weights:
        network = init_network(arguments.weights)
    else:
        network = trained(x_train[:n], t_train[:n], arguments.backend, arguments.epochs)
    print_inference(network, x_test[:n], t_test[:n])
    if arguments.figures:
        print(f"drawn: {draw_figures(arguments.figures).name}")


if __name__ == "__main__":
    main()
