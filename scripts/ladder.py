"""The ladder of Nielsen's book: its networks trained, and its figures beside ours.

    python scripts/ladder.py --rung 1

Two figures of ours, both on the 10,000 test images. By the book's protocol: the best of all epochs, chosen by the test
images themselves, which flatters. And at the epoch that the 10,000 validation images chose: what one may expect of
images that nobody has seen. The book's third figure is of its validation images.
"""

import argparse
from dataclasses import dataclass

from anynet import SGD, Network, datasets
from anynet.history import Report


@dataclass(frozen=True)
class Rung:
    """A network of the book, how it trains it, and the accuracy it tells, in percent."""

    sizes: tuple[int, ...]
    cost: str
    l2: float | None
    eta: float
    epochs: int
    figure: float
    where: str


BATCH_SIZE = 10
RUNGS = {
    1: Rung((784, 30, 10), "quadratic", None, 3.0, 30, 95.42, "chapter 1"),
    2: Rung((784, 100, 10), "quadratic", None, 3.0, 30, 96.59, "chapter 1"),
    3: Rung((784, 100, 10), "cross_entropy", 5.0, 0.1, 60, 98.04, "chapter 3, on its validation images"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rung", type=int, choices=RUNGS, required=True)
    parser.add_argument("--epochs", type=int, help="for a quick look; default: as many as the book's")
    parser.add_argument("--eta", type=float, help="another learning rate than the book's")
    parser.add_argument("--initializer", default="standard_normal", help="default: the book's at that place")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--examples", type=int, help="train, choose and test on so many images only")
    arguments = parser.parse_args()
    rung = RUNGS[arguments.rung]
    epochs = rung.epochs if arguments.epochs is None else arguments.epochs
    eta = rung.eta if arguments.eta is None else arguments.eta
    of_l2 = "" if rung.l2 is None else f", L2 with lambda {rung.l2}"
    print(f"rung {arguments.rung}: {list(rung.sizes)}, {rung.cost}{of_l2}, eta {eta}, from {arguments.initializer},")
    print(f"{epochs} epochs of mini-batches of {BATCH_SIZE}, seed {arguments.seed}, {arguments.backend}\n")

    parts = [few(part, arguments.examples) for part in datasets.mnist()]
    made = {"cost": rung.cost, "initializer": arguments.initializer, "seed": arguments.seed}
    net = Network(rung.sizes, arguments.backend, **made)
    validated, tested = climb(net, parts, rung.l2, eta, epochs)
    tell(rung, validated, tested)


def few(data: datasets.Dataset, n: int | None) -> datasets.Dataset:
    return datasets.Dataset(data.x[:n], data.y[:n], data.class_names)


def climb(
    net: Network, parts: list[datasets.Dataset], l2: float | None, eta: float, epochs: int
) -> tuple[list[float], list[float]]:
    """Train, and return the accuracy on the validation and on the test images after each epoch."""
    train, validation, test = parts
    validated, tested = [], []

    def look(report: Report, net: Network) -> None:
        if report.is_epoch_end:
            validated.append(report.metrics["validation_accuracy"])
            tested.append(net.accuracy(test))
            print(f"epoch {report.epoch}: validation {validated[-1]:.2%}, test {tested[-1]:.2%}", flush=True)

    how = {"epochs": epochs, "batch_size": BATCH_SIZE, "optimizer": SGD(eta), "l2": l2}
    net.fit(train, validation=validation, progress=False, callbacks=[look], **how)
    return validated, tested


def tell(rung: Rung, validated: list[float], tested: list[float]) -> None:
    """Print the book's figure beside ours."""
    best, chosen = (accuracies.index(max(accuracies)) for accuracies in (tested, validated))
    print(f"\nthe book, {rung.where}: {rung.figure:.2f}%")
    print(f"ours, by the book's protocol, the best test epoch ({best}): {tested[best]:.2%}")
    print(f"ours, at the epoch that validation chose ({chosen}): {tested[chosen]:.2%}")


if __name__ == "__main__":
    main()
