"""The ladder of Nielsen's book: its networks trained, and its figures beside ours; and better recipes of today.

    python scripts/ladder.py --rung 1
    nohup nice python scripts/ladder.py --rung relu --resume runs/relu > relu.log &

Two figures of ours, both on the 10,000 test images. That of the best of all epochs, chosen by the test images
themselves, flatters: it is the book's protocol in chapter 1. That at the epoch which the 10,000 validation images chose
is its protocol in chapter 6, and what one may expect of images that nobody has seen. The rungs `dense`, `best`, `deep`
and `ensemble` are trained by no recipe of the book: they ask the test images once, at the epoch that validation chose.

Long ones go on from where they were stopped: the same command with `--resume FOLDER`, a folder for each rung and seed.
"""

import argparse
import json
import math
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from anynet import (
    SGD,
    Adam,
    BatchNorm,
    Checkpoint,
    Conv2D,
    Dropout,
    EarlyStopping,
    Ensemble,
    MaxPool2D,
    Network,
    datasets,
)
from anynet.augmentation import Rotate, Scale, Shift
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
    members: int = 1  # networks, of one seed after another, that answer together
    of_today: bool = False  # the recipe: not the book's

    @property
    def optimizer(self) -> Any:
        """What trains it: the book's SGD, or Adam, whose rate rises to eta and falls."""
        return Adam(OneCycle(self.eta)) if self.of_today else SGD(self.eta)

    @property
    def training(self) -> dict[str, Any]:
        """What `fit` is told."""
        best = EarlyStopping(patience=1_000, metric="validation_accuracy")  # never early: the best is kept
        told = {"epochs": self.epochs, "batch_size": self.batch_size, "optimizer": self.optimizer}
        return told | {"early_stopping": best} | self.how

    def __str__(self) -> str:
        words = [*(f"{name} {value}" for name, value in (self.made | self.how).items()), str(self.optimizer)]
        return f"{', '.join(words)},\n{self.epochs} epochs of mini-batches of {self.batch_size}"


QUADRATIC = {"cost": "quadratic", "initializer": "standard_normal"}
CROSS_ENTROPY = {"cost": "cross_entropy", "initializer": "standard_normal"}
DENSE = (784, Dropout(0.2), 400, Dropout(0.3), 200, Dropout(0.3), 10)
SOFTMAX = {"output": "softmax"}
RELU = {"hidden": "relu", "output": "softmax"}
IMAGE = (28, 28, 1)
TWO_CONV = (IMAGE, Conv2D(20, 5), MaxPool2D(2), Conv2D(40, 5), MaxPool2D(2))
WIDE = (*TWO_CONV, Dropout(0.5), 1000, Dropout(0.5), 1000, Dropout(0.5), 10)
BEST = (
    *(IMAGE, Conv2D(24, 5), BatchNorm(), MaxPool2D(2), Conv2D(48, 5), BatchNorm(), MaxPool2D(2)),
    *(Dropout(0.4), 200, Dropout(0.4), 10),
)
DEEP = (
    *(IMAGE, Conv2D(32, 5), BatchNorm(), MaxPool2D(2), Conv2D(64, 3), BatchNorm(), Conv2D(64, 3), BatchNorm()),
    *(MaxPool2D(2), Dropout(0.4), 256, Dropout(0.4), 10),
)
MOVED = [Shift(2), Rotate(10), Scale(10)]
TODAY = Rung(BEST, 0.004, 18, 100, RELU, {"average": 0.998, "transform": MOVED}, of_today=True)
# network3.py divides its lambda by the number of mini-batches of 10, not of images: its 0.1 is 1.0 here; and 0.2
# where each of our epochs is a fifth of one of its 250,000 images.
RUNGS = {
    "1": Rung((784, 30, 10), 3.0, 30, made=QUADRATIC, figure=95.42, where="chapter 1"),
    "2": Rung((784, 100, 10), 3.0, 30, made=QUADRATIC, figure=96.59, where="chapter 1"),
    "3": Rung((784, 100, 10), 0.1, 60, 10, CROSS_ENTROPY, {"l2": 5.0}, 98.04, "chapter 3, on its validation images"),
    "softmax": Rung((784, 100, 10), 0.1, 60, 10, SOFTMAX, {}, 97.80, "chapter 6"),
    "conv": Rung((IMAGE, Conv2D(20, 5), MaxPool2D(2), 100, 10), 0.1, 60, 10, SOFTMAX, {}, 98.78, "chapter 6"),
    "conv2": Rung((*TWO_CONV, 100, 10), 0.1, 60, 10, SOFTMAX, {}, 99.06, "chapter 6"),
    "relu": Rung((*TWO_CONV, 100, 10), 0.03, 60, 10, RELU, {"l2": 1.0}, 99.23, "chapter 6"),
    "expanded": Rung((*TWO_CONV, 100, 10), 0.03, 300, 10, RELU, {"l2": 0.2, "transform": Shift(1)}, 99.37, "chapter 6"),
    "dropout": Rung(WIDE, 0.03, 200, 10, RELU, {"transform": Shift(1)}, 99.60, "chapter 6"),
    "dense": Rung(DENSE, 0.002, 40, 100, RELU, {"average": 0.999}, of_today=True),
    "best": TODAY,
    "deep": replace(TODAY, sizes=DEEP, epochs=32),
    "ensemble": replace(TODAY, sizes=DEEP, epochs=32, figure=99.67, where="chapter 6", members=5),
}


class TimeIsOverError(Exception):
    """The time that was asked for is over."""


class Diary:
    """What the test images made of each epoch, and the processor's time: beside the checkpoints, if there are any."""

    def __init__(self, folder: Path | None) -> None:
        self.file = folder and folder / "diary.jsonl"
        self.lines: list[dict[str, Any]] = []
        self.since = time.process_time()
        if self.file is not None and self.file.is_file():
            self.lines = [json.loads(line) for line in self.file.read_text(encoding="utf-8").splitlines()]

    def write(self, **told: Any) -> None:
        """Add what is told, and the processor's seconds since the last line."""
        self.lines.append(told | {"processor": time.process_time() - self.since})
        if self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            whole = self.file.with_suffix(".new")  # so that a kill leaves the one or the other
            whole.write_text("".join(json.dumps(line) + "\n" for line in self.lines), encoding="utf-8")
            whole.replace(self.file)
        self.since = time.process_time()

    @property
    def tested(self) -> dict[int, float]:
        """The accuracy on the test images by epoch, of those that they were asked after."""
        return {line["epoch"]: line["test"] for line in self.lines if "test" in line}

    @property
    def seconds(self) -> float:
        """What the processor has spent."""
        return sum(line["processor"] for line in self.lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rung", choices=RUNGS, required=True)
    parser.add_argument("--epochs", type=int, help="for a quick look; default: as many as the rung's")
    parser.add_argument("--seconds", type=float, default=math.inf, help="stop after so many, of each network")
    parser.add_argument("--resume", type=Path, metavar="FOLDER", help="keep checkpoints there, and go on from them")
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
    print(f"rung {arguments.rung}: {rung}\n")
    parts = [few(part, arguments.examples) for part in datasets.mnist()]
    seeds = range(arguments.seed, arguments.seed + rung.members)
    nets = [one(rung, parts, seed, arguments) for seed in seeds]
    if rung.members > 1:
        print(f"\nthe book, {rung.where}, the vote of {rung.members}: {rung.figure:.2f}%")
        for how in ("votes", "average"):
            validated, tested = (Ensemble(nets, how).accuracy(part) for part in parts[1:])
            print(f"ours together, by {how}: validation {validated:.2%}, test {tested:.2%}")


def one(rung: Rung, parts: list[datasets.Dataset], seed: int, arguments: argparse.Namespace) -> Network:
    """Train a network, and tell what came of it."""
    net, folder = Network(rung.sizes, arguments.backend, seed=seed, **rung.made), arguments.resume
    print(f"{net.summary()}, seed {seed}\n", flush=True)
    if folder is not None and rung.members > 1:
        folder = folder / f"seed-{seed}"
    tell(rung, net, parts[2], climb(net, parts, rung, folder, arguments.seconds))
    return net


def few(data: datasets.Dataset, n: int | None) -> datasets.Dataset:
    return datasets.Dataset(data.x[:n], data.y[:n], data.class_names)


def climb(net: Network, parts: list[datasets.Dataset], rung: Rung, folder: Path | None, seconds: float) -> Diary:
    """Train until the end, or for so long: the network is then that of the epoch which validation chose."""
    diary, end = Diary(folder), time.monotonic() + seconds
    how = rung.training | {"validation": parts[1], "progress": False}

    def look(report: Report, net: Network) -> None:
        if report.is_epoch_end:
            ask(rung, net, parts[2], diary, report.epoch, report.metrics["validation_accuracy"])
        if time.monotonic() > end:
            raise TimeIsOverError

    if folder is not None:
        how |= {"checkpoint": Checkpoint(folder), "resume": folder}
        catch_up(rung, parts, folder, diary)
    try:
        net.fit(parts[0], callbacks=[look], **how)
    except TimeIsOverError:
        pass
    finally:
        diary.write()
    return diary


def ask(rung: Rung, net: Network, test: datasets.Dataset, diary: Diary, epoch: int, validated: float) -> None:
    """Note down what validation and, for a rung of the book, the test images make of an epoch."""
    seen = {"validation": validated} | ({} if rung.of_today else {"test": net.accuracy(test)})
    diary.write(epoch=epoch, **seen)
    print(f"epoch {epoch}: {', '.join(f'{name} {accuracy:.2%}' for name, accuracy in seen.items())}", flush=True)


def catch_up(rung: Rung, parts: list[datasets.Dataset], folder: Path, diary: Diary) -> None:
    """Ask for the epoch whose checkpoint was the last thing that a killed training wrote."""
    newest = max(folder.glob("step-*.npz"), default=None)
    if newest is None or rung.of_today:
        return
    epochs, rest = divmod(int(newest.stem.removeprefix("step-")), math.ceil(len(parts[0]) / rung.batch_size))
    if rest == 0 and epochs - 1 not in diary.tested:
        net = Network.load(newest)
        ask(rung, net, parts[2], diary, epochs - 1, net.accuracy(parts[1]))


def tell(rung: Rung, net: Network, test: datasets.Dataset, diary: Diary) -> None:
    """Print what came of it, and the book's figure beside ours."""
    validated = net.history["validation_accuracy"] if net.history else []
    seconds = sum(report.seconds for report in net.history)
    print(f"\ntrained in {seconds:.0f} s; with all that was looked at, {diary.seconds:.0f} s of the processor's")
    if len(validated) < rung.epochs:
        print(f"not run to its end: {len(validated)} of {rung.epochs} epochs")
    if rung.figure is not None and rung.members == 1:
        print(f"the book, {rung.where}: {rung.figure:.2f}%")
    if diary.tested:
        best = max(diary.tested, key=diary.tested.__getitem__)
        print(f"ours, at the best test epoch ({best}): {diary.tested[best]:.2%}")
    if validated:
        print(f"ours, at the epoch that validation chose ({validated.index(max(validated))}): {net.accuracy(test):.2%}")


if __name__ == "__main__":
    main()
