"""Contact sheets: which examples are drawn, as what, and what augmentation makes of each."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anynet import Dataset, Network, plots, random
from anynet.augmentation import Flip, Shift
from anynet.cli import main
from anynet.datasets import image_folder
from anynet.formats.pictures import Pictures


@pytest.fixture
def sheets(tmp_path, monkeypatch, rng):
    """Forty pictures of two classes, and the calls of `plots.contact_sheet`."""
    monkeypatch.chdir(tmp_path)
    for name in ("cat", "dog"):
        for i in range(20):
            Path("own", name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).save(f"own/{name}/{i:02}.png")
    seen, draw = [], plots.contact_sheet
    monkeypatch.setattr(plots, "contact_sheet", lambda *given: seen.append(given) or draw(*given))
    return seen


def drawn(figure):
    """Return the images and titles of a figure."""
    axes = [axis for axis in figure.axes if axis.get_visible()]
    return np.array([axis.images[0].get_array() for axis in axes]), [axis.get_title() for axis in axes]


def test_examples_are_drawn_evenly_below_their_classes(sheets, capsys):
    assert main(["show-data", "own", "--count", "4", "--output", "sheet"]) == 0
    assert capsys.readouterr().out == "4 of 40 examples. Saved the picture to sheet.png\n"
    assert Path("sheet.png").read_bytes().startswith(b"\x89PNG")
    [(data, n, _, per_row)] = sheets
    assert per_row is None
    whole = image_folder("own")
    images, titles = drawn(plots.show(data, n))
    assert np.allclose(images, whole.x[[0, 13, 26, 39]] / 255)
    assert titles == ["cat", "cat", "dog", "dog"]
    images, titles = drawn(plots.show(whole, 2))
    assert np.allclose(images, whole.x[[0, 39]] / 255)
    assert len(drawn(plots.show(whole))[1]) == 40


def test_what_augmentation_makes_of_each_stands_behind_it(sheets, capsys):
    assert main(["show-data", "own", "--count", "3", "--augment", "flip, shift 1", "--seed", "7"]) == 0
    assert "Saved the picture to data.png" in capsys.readouterr().out
    [(data, n, _, per_row)] = sheets
    assert n == len(data) == 30
    assert per_row == 10  # below one another
    x = image_folder("own").x[[0, 20, 39]]
    chance = random.spawn(7).augmentation
    made = Shift(1)(Flip()(np.repeat(x, 10, axis=0), chance), chance)
    assert np.array_equal(data.x[::10], x)
    others = np.arange(30) % 10 > 0
    assert np.array_equal(data.x[others], made[others])


def test_options_of_pictures_are_taken(sheets):
    assert (
        main(["show-data", "own", "--image-size", "5", "--image-mode", "grey", "--count", "2", "--out", "a.png"]) == 0
    )
    [(data, *_)] = sheets
    assert data.pictures == Pictures(5, 5, "grey", "crop")
    assert plots.show(data).axes[0].images[0].cmap.name == "gray"  # as the picture looks


def test_other_data_are_drawn_too(sheets, rng):
    np.savez("rows.npz", x=rng.random((20, 64)), y=np.arange(20) / 7)
    assert main(["show-data", "rows.npz", "--count", "3", "--out", "b.png"]) == 0
    images, titles = drawn(plots.show(*sheets[0][:2]))
    assert images.shape == (3, 8, 8)
    assert titles == ["0", "1.429", "2.714"]
    figure = plots.show(Dataset(rng.random((5, 64)), np.eye(5)), 2)
    assert drawn(figure)[1] == ["", ""]
    assert figure.axes[0].images[0].cmap.name == "gray_r"  # ink on paper


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("own --count 0", 2, "--count: expected at least 1, got 0"),
        ("own --augment turn", 2, "--augment: expected one of shift"),
        ("rows.npz --augment flip", 2, "--augment: transform: expected images"),
        ("rows.npz", 1, "x: expected images, got the shape (6, 2, 2, 5). Give x as (n, height, width), or a folder"),
        ("table.csv", 1, "x: expected images, got rows of a table of 4 columns. Give x as"),
        ("own --output a.xyz", 2, "--output: expected the name of a picture, got a.xyz. Let it end in"),
        ("own --output own", 2, "--output: expected a file"),
        ("absent", 1, "absent: No such file or directory"),
    ],
)
def test_what_cannot_be_drawn_is_told(words, code, told, sheets, capsys, rng):
    np.savez("rows.npz", x=rng.random((6, 2, 2, 5)), y=np.arange(6) % 2)
    lines = [f"{i},{i + 1},{i + 2},{i + 3},{'ab'[i % 2]}" for i in range(9)]
    Path("table.csv").write_text("\n".join(["length,width,height,depth,kind", *lines]))
    if "augment" in words:
        np.savez("rows.npz", x=rng.random((6, 7)), y=np.arange(6) % 2)
    assert main(["show-data", *words.split()]) == code
    assert told in capsys.readouterr().err
    assert not list(Path().glob("*.png"))


def test_a_saved_network_is_no_data(sheets, capsys):
    Network([2, 2]).save("net")
    assert main(["show-data", "net.npz"]) == 1
    assert "expected arrays x and y, got a saved network" in capsys.readouterr().err


def test_as_many_rows_as_pixels_are_so_many_images(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    np.savez("digits.npz", x=rng.random((64, 64)), y=np.arange(64) % 10)
    seen = []
    monkeypatch.setattr(plots, "sheet", lambda figure, images, titles, *_, **__: seen.extend((images, titles)))
    assert main(["show-data", "digits.npz", "--count", "64"]) == 0
    images, titles = seen
    assert images.shape == (64, 8, 8)
    assert titles == [(str(i % 10),) for i in range(64)]


def test_names_of_classes_are_no_formulas(sheets, capsys):
    Path("own/cat").rename("own/$5 to $6")
    Path("own/dog").rename("own/a$\\foo$b")
    assert main(["show-data", "own", "--count", "4"]) == 0
    assert capsys.readouterr().err == ""
    assert drawn(plots.show(*sheets[0][:2]))[1] == ["$5 to $6"] * 2 + ["a$\\foo$b"] * 2
