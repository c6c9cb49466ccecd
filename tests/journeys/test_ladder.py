"""The ladder of the book, a few steps of each rung: what it prints is what it saw, and it goes on from there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

LADDER = Path(__file__).parents[2] / "scripts" / "ladder.py"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
FEW = ["--epochs", "2", "--examples", "60"]
pytestmark = pytest.mark.slow


def command(rung, *options):
    return [sys.executable, LADDER, "--rung", rung, *map(str, options)]


def lines_of(rung, *options):
    done = subprocess.run(command(rung, *options), env=ENVIRONMENT, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def seen_in(lines):
    """Return the accuracies on the validation and on the test images, epoch by epoch."""
    seen = re.findall(r"^epoch \d+: validation (.*)%, test (.*)%$", "\n".join(lines), re.MULTILINE)
    return ([float(each) for each in column] for column in zip(*seen, strict=True))


@pytest.mark.parametrize(
    ("rung", "figure", "options"),
    [
        ("1", "95.42%", ["--epochs", "1", "--examples", "300"]),
        ("2", "96.59%", FEW),
        ("3", "98.04%", ["--epochs", "20", "--examples", "300"]),  # enough that not the last is the best
        ("softmax", "97.80%", FEW),
        ("conv", "98.78%", FEW),
        ("conv2", "99.06%", FEW),
        ("relu", "99.23%", ["--epochs", "3", "--examples", "300"]),
        ("expanded", "99.37%", FEW),
        ("dropout", "99.60%", FEW),
    ],
)
def test_a_rung_shows_the_books_figure_beside_two_of_ours(rung, figure, options):
    lines = lines_of(rung, *options)
    validated, tested = seen_in(lines)
    assert len(validated) == int(options[1])
    best, chosen = tested.index(max(tested)), validated.index(max(validated))
    assert re.fullmatch(f"the book, chapter .*: {figure}", lines[-3])
    assert lines[-2:] == [
        f"ours, at the best test epoch ({best}): {tested[best]:.2f}%",
        f"ours, at the epoch that validation chose ({chosen}): {tested[chosen]:.2f}%",
    ]


@pytest.mark.parametrize("rung", ["dense", "best", "deep"])
def test_a_recipe_of_ours_asks_the_test_images_once(rung):
    lines = lines_of(rung, "--epochs", "5", "--examples", "200")
    seen = [float(each) for each in re.findall(r"^epoch \d+: validation (.*)%$", "\n".join(lines), re.MULTILINE)]
    assert len(seen) == 5
    assert lines[-1].startswith(f"ours, at the epoch that validation chose ({seen.index(max(seen))}): ")
    assert "test" not in "\n".join(lines)


def test_an_ensemble_is_told_beside_each_of_its_members():
    lines = lines_of("ensemble", "--epochs", "1", "--examples", "100")
    assert sum(line.startswith("ours, at the epoch that validation chose (0): ") for line in lines) == 5
    assert lines[-3] == "the book, chapter 6, the vote of 5: 99.67%"
    for line, how in zip(lines[-2:], ("votes", "average"), strict=True):
        assert re.fullmatch(rf"ours together, by {how}: validation \d+\.00%, test \d+\.00%", line)


def test_a_rung_that_is_stopped_and_killed_ends_as_one_that_was_not(tmp_path):
    options = ["--epochs", "20", "--examples", "300"]
    whole = lines_of("softmax", *options)
    options += ["--resume", tmp_path / "run"]
    parts = lines_of("softmax", *options, "--seconds", "0")
    assert "not run to its end: 1 of 20 epochs" in parts
    with subprocess.Popen(command("softmax", *options), env=ENVIRONMENT, stdout=-1, stderr=-3, text=True) as running:
        for line in running.stdout:
            parts.append(line.rstrip())
            if line.startswith("epoch 3:"):
                running.kill()
    parts += lines_of("softmax", *options)
    epochs = [[line for line in lines if line.startswith("epoch ")] for lines in (whole, parts)]
    assert list(dict.fromkeys(epochs[1])) == epochs[0]
    assert parts[-3:] == whole[-3:]


def test_an_epoch_that_a_kill_kept_from_the_test_images_is_shown_to_them_later(tmp_path):
    options = ["--epochs", "3", "--examples", "100", "--resume", tmp_path]
    whole, diary = lines_of("softmax", *options), tmp_path / "diary.jsonl"
    kept = [line for line in diary.read_text(encoding="utf-8").splitlines() if '"epoch": 2' not in line]
    diary.write_text("\n".join(kept), encoding="utf-8")
    again = lines_of("softmax", *options)
    assert [line for line in again if line.startswith("epoch ")] == [line for line in whole if "epoch 2:" in line]
    assert again[-3:] == whole[-3:]
