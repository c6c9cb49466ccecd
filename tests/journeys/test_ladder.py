"""The ladder of the book, a few steps of it: what it prints is what it saw."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

LADDER = Path(__file__).parents[2] / "scripts" / "ladder.py"


@pytest.mark.parametrize(
    ("rung", "figure"), [(1, "95.42%"), pytest.param(2, "96.59%", marks=pytest.mark.slow), (3, "98.04%")]
)
def test_a_rung_shows_the_books_figure_beside_two_of_ours(rung, figure):
    epochs = 1 if rung == 1 else 20  # enough that not the last is the best
    command = [sys.executable, LADDER, "--rung", str(rung), "--epochs", str(epochs), "--examples", "300"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    seen = re.findall(r"^epoch \d+: validation (.*), test (.*)$", done.stdout, re.MULTILINE)
    assert len(seen) == epochs
    validated, tested = ([float(each.rstrip("%")) for each in column] for column in zip(*seen, strict=True))
    best, chosen = tested.index(max(tested)), validated.index(max(validated))
    told = done.stdout.splitlines()[-3:]
    assert told[0].startswith("the book, chapter ")
    assert told[0].endswith(figure)
    assert told[1:] == [
        f"ours, by the book's protocol, the best test epoch ({best}): {tested[best]:.2f}%",
        f"ours, at the epoch that validation chose ({chosen}): {tested[chosen]:.2f}%",
    ]


def test_the_dense_rung_asks_the_test_images_once():
    command = [sys.executable, LADDER, "--rung", "dense", "--epochs", "5", "--examples", "300"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    seen = [float(each) for each in re.findall(r"^epoch \d+: validation (.*)%$", done.stdout, re.MULTILINE)]
    assert len(seen) == 5
    *_, size, told = done.stdout.splitlines()
    assert size.startswith("396,210 parameters, trained and validated in ")
    assert told.startswith(f"ours, at the epoch that validation chose ({seen.index(max(seen))}): ")
    assert done.stdout.count("test") == 0
