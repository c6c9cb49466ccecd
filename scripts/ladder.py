"""The ladder of Nielsen's book: its networks trained, and its figures beside ours; and a dense network of today.

    python scripts/ladder.py --rung 1
    python scripts/ladder.py --rung dense

Two figures of ours, both on the 10,000 test images. By the book's protocol: the best of all epochs, chosen by the test
images themselves, which flatters. And at the epoch that the 10,000 validation images chose: what one may expect of
images that nobody has seen. The book's third figure is of its validation images. The rung `dense` is not of the book:
it asks the test images once, at the epoch that validation chose.
"""

import argparse
import time
from dataclasses import dataclass, field, replace
from typing import Any

from anynet import SGD, Adam, Dropout, EarlyStopping, Network, datasets
from anynet.history import Report
from anynet.schedules import OneCycle


@dataclass(frozen=True)
class Rung:
    """A network, how it is trained, and the accuracy that the book tells of it, in percent."""

    sizes: tuple[Any, ...]
    eta: float
    epochs: int
    batch_size: int = 10
    made: dict[str, Any] = field(default_factory=dict)  # of the network, beside its sizes
    how: dict[str, Any] = field(default_factory=dict)  # it is trained, besides
    figure: float | None = None
    where: str = ""

    @property
    def optimizer(self) -> Any:
        """What trains it: the book's SGD, or Adam, whose rate rises to eta and falls."""
        return Adam(OneCycle(self.eta)) if self.figure is None else SGD(self.eta)

    @property
    def training(self) -> dict[str, Any]:
        """What `fit` is told."""
        return {"epochs": self.epochs, "batch_size": self.batch_size, "optimizer": self.optimizer} | self.how

    def __str__(self) -> str:
        words = [str(list(self.sizes)), *(f"{name} {value}" for name, value in (self.made | self.how).items())]
        return f"{', '.join(words)}, {self.optimizer},\n{self.epochs} epochs of mini-batches of {self.batch_size}"


QUADRATIC = {"cost": "quadratic", "initializer": "standard_normal"}
CROSS_ENTROPY = {"cost": "cross_entropy", "initializer": "standard_normal"}
DENSE = (784, Dropout(0.2), 400, Dropout(0.3), 200, Dropout(0.3), 10)
RELU = {"hidden": "relu", "output": "softmax"}
RUNGS = {
    "1": Rung((784, 30, 10), 3.0, 30, made=QUADRATIC, figure=95.42, where="chapter 1"),
    "2": Rung((784, 100, 10), 3.0, 30, made=QUADRATIC, figure=96.59, where="chapter 1"),
    "3": Rung((784, 100, 10), 0.1, 60, 10, CROSS_ENTROPY, {"l2": 5.0}, 98.04, "chapter 3, on its validation images"),
    "dense": Rung(DENSE, 0.002, 40, 100, RELU, {"average": 0.999}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rung", choices=RUNGS, required=True)
    parser.add_argument("--epochs", type=int, help="for a quick look; default: as many as the rung's")
    parser.add_argument("--eta", type=float, help="another learning rate than the rung's")
    parser.add_argument("--initializer", help="default: the book's at that place")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--examples", type=int, help="train, choose and test on so many images only")
    arguments = parser.parse_args()
    rung = RUNGS[arguments.rung]
    asked = {name: getattr(arguments, name) for name in ("epochs", "eta") if getattr(arguments, name) is not None}
    rung = replace(rung, **asked)
    if arguments.initializer is not None:
        rung = replace(rung, made=rung.made | {"initializer": arguments.initializer})
    print(f"rung {arguments.rung}: {rung}, seed {arguments.seed}, {arguments.backend}\n")

    parts = [few(part, arguments.examples) for part in datasets.mnist()]
    net = Network(rung.sizes, arguments.backend, seed=arguments.seed, **rung.made)
    if rung.figure is None:
        choose(net, parts, rung)
    else:
        tell(rung, *climb(net, parts, rung))


def few(data: datasets.Dataset, n: int | None) -> datasets.Dataset:
    return datasets.Dataset(data.x[:n], data.y[:n], data.class_names)


def climb(net: Network, parts: list[datasets.Dataset], rung: Rung) -> tuple[list[float], list[float]]:
    """Train, and return the accuracy on the validation and on the test images after each epoch."""
    train, validation, test = parts
    validated, tested = [], []

    def look(report: Report, net: Network) -> None:
        if report.is_epoch_end:
            validated.append(report.metrics["validation_accuracy"])
            tested.append(net.accuracy(test))
            print(f"epoch {report.epoch}: validation {validated[-1]:.2%}, test {tested[-1]:.2%}", flush=True)

    net.fit(train, validation=validation, progress=False, callbacks=[look], **rung.training)
    return validated, tested


def choose(net: Network, parts: list[datasets.Dataset], rung: Rung) -> None:
    """Train, keep the epoch that validation chose, and print what it makes of the test images."""
    train, validation, test = parts

    def look(report: Report, net: Network) -> None:
        if report.is_epoch_end:
            print(f"epoch {report.epoch}: validation {report.metrics['validation_accuracy']:.2%}", flush=True)

    best = EarlyStopping(patience=rung.epochs, metric="validation_accuracy")
    begin = time.perf_counter()
    history = net.fit(
        train, validation=validation, progress=False, callbacks=[look], early_stopping=best, **rung.training
    )
    seconds, accuracies = time.perf_counter() - begin, history["validation_accuracy"]
    n = sum(array.size for layer in (net.weights, net.biases) for array in layer)
    print(f"\n{n:,} parameters, trained and validated in {seconds:.0f} s")
    print(f"ours, at the epoch that validation chose ({accuracies.index(max(accuracies))}): {net.accuracy(test):.2%}")


def tell(rung: Rung, validated: list[float], tested: list[float]) -> None:
    """Print the book's figure beside ours."""
    best, chosen = (accuracies.index(max(accuracies)) for accuracies in (tested, validated))
    print(f"\nthe book, {rung.where}: {rung.figure:.2f}%")
    print(f"ours, by the book's protocol, the best test epoch ({best}): {tested[best]:.2%}")
    print(f"ours, at the epoch that validation chose ({chosen}): {tested[chosen]:.2%}")


if __name__ == "__main__":
    main()
