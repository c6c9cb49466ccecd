"""`anynet show-layers`, `show-filters` and `show-errors`: what reaches the drawing, and what is said."""

import sys

import numpy as np
import pytest
from PIL import Image

from anynet import Conv2D, Ensemble, Network, datasets, plots
from anynet.cli import main
from anynet.formats.pictures import Pictures

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def in_a_folder_with_pictures(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(3):
            pixels = rng.integers(0, 256, (9, 12, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{i}.png")


@pytest.fixture
def net():
    net = Network([(8, 8, 3), Conv2D(4, 3), 2], output="softmax")
    net.fit(datasets.image_folder("pets", size=8), epochs=1)
    net.save("net.npz")
    return net


@pytest.fixture
def drawn(monkeypatch):
    """What the functions of plots are called with."""
    seen = []
    for name in ("show_layers", "show_filters", "show_errors"):
        original = getattr(plots, name)

        def called(*args, original=original, **keywords):
            seen.append((args, keywords))
            return original(*args, **keywords)

        monkeypatch.setattr(plots, name, called)
    return seen


def test_a_picture_is_drawn_as_the_network_has_learnt_from_it(net, drawn, capsys, tmp_path):
    assert main(["show-layers", "net.npz", "pets/dog/1.png", "--output", "seen"]) == 0
    assert capsys.readouterr().out == "Saved the picture of pets/dog/1.png in the layers of net.npz to seen.png\n"
    [((loaded, x, picture), _)] = drawn
    assert picture.name == "seen.png"
    np.testing.assert_array_equal(x, datasets.image_folder("pets", size=8).x[4:5])
    np.testing.assert_array_equal(loaded.feedforward(x), net.feedforward(x))
    with Image.open("seen.png") as picture:
        assert picture.width > 1000


def test_of_several_rows_the_first_is_drawn(drawn):
    Network([4, 3]).save("rows.npz")
    np.savez("data.npz", x=np.arange(8.0).reshape(2, 4))
    assert main(["show-layers", "rows.npz", "data.npz"]) == 0
    assert drawn[0][0][1].tolist() == [[0.0, 1.0, 2.0, 3.0]]


def test_digits_are_drawn_as_mnist_has_them(drawn, mnist):
    Network([784, 10]).save("digits.npz")
    Image.fromarray(mnist[2].x[3].reshape(28, 28)).resize((140, 140)).save("digit.png")
    assert main(["show-layers", "digits.npz", "digit.png"]) == 0
    assert drawn[0][0][1].shape == (1, 784)


def test_filters_are_drawn(net, drawn, capsys):
    assert main(["show-filters", "net.npz"]) == main(["show-filters", "net.npz"]) == 0
    assert capsys.readouterr().out == "Saved the picture to filters.png\nSaved the picture to filters-1.png\n"
    np.testing.assert_array_equal(drawn[0][0][0].weights[0], net.weights[0])


def test_errors_are_drawn_of_a_folder(net, drawn, capsys):
    wrong = 6 - net.evaluate(datasets.image_folder("pets", size=8))
    assert main(["show-errors", "net.npz", "--data", "pets", "--limit", "1"]) == 0
    drawn_of = ", 1 of them" * (wrong > 1)
    assert capsys.readouterr().out == f"{wrong} of 6 wrong{drawn_of}; saved the picture to errors.png\n"
    assert drawn[0][1]["limit"] == 1


def test_errors_are_mnists_unless_other_data_are_named_and_may_be_those_of_several_networks(
    drawn, capsys, monkeypatch, mnist
):
    few = mnist[2][:500]
    monkeypatch.setattr(datasets, "mnist", lambda: (None, None, few))
    for seed in range(2):
        Network([784, 10], seed=seed).save(f"{seed}.npz")
    assert main(["show-errors", "0.npz", "1.npz", "--combine", "votes", "--out", "errors.png"]) == 0
    both = Ensemble.load(["0.npz", "1.npz"], combine="votes")
    wrong = 500 - both.evaluate(few)
    assert capsys.readouterr().out == f"{wrong:,} of 500 wrong, 50 of them; saved the picture to errors.png\n"


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("show-layers net.npz nothing.png", 1, "nothing.png: No such file or directory"),
        ("show-layers net.npz pets/cat/0.png --out pets", 2, "--output: expected a file, got the folder 'pets'"),
        ("show-layers net.npz pets/cat/0.png --out net.npz", 2, "--output: expected a new file, got net.npz"),
        (
            "show-layers net.npz pets/cat/0.png --out a.xyz",
            2,
            "--output: expected the name of a picture, got a.xyz. Let ",
        ),
        ("show-filters net.npz --out a.xyz", 2, "--output: expected the name of a picture, got a.xyz. Let it end in"),
        ("show-errors net.npz --data pets --out a.xyz", 2, "--output: expected the name of a picture, got a.xyz. Let "),
        (
            "show-layers odd.npz pets/cat/0.png",
            1,
            "pets/cat/0.png: expected 8 x 8 pixels, as others have, got 9 x 12. Br",
        ),
        (
            "show-layers net.npz pets/cat",
            1,
            "pets/cat: expected a picture, or a file of rows, got a folder. Name files",
        ),
        ("show-layers pets pets/cat/0.png", 1, "pets: expected a file, got a folder. Name a file in it."),
        ("show-filters pets", 1, "pets: expected a file, got a folder. Name a file in it."),
        ("show-errors pets --data pets", 1, "pets: expected a file, got a folder. Name a file in it."),
        ("show-filters flat.npz", 1, "net: expected a network with a layer that looks at images, got <Network [5, 2]"),
        ("show-errors net.npz --data pets --limit 0", 2, "--limit: expected at least 1, got 0"),
        ("show-errors net.npz", 2, "--data: expected data for a network that takes 192 numbers"),
        ("show-errors net.npz --combine votes --data pets", 2, "--combine: expected several networks"),
    ],
)
def test_what_cannot_be_drawn_is_told(command, code, told, net, capsys):
    Network([5, 2]).save("flat.npz")
    odd = Network([(8, 8, 3), 2])
    odd.pictures = Pictures(8, 8)
    odd.save("odd.npz")
    assert main(command.split()) == code
    seen = capsys.readouterr().err
    assert f"anynet: {told}" in seen
    assert "size=" not in seen  # which is no option


def test_what_matplotlib_refuses_is_not_called_a_bad_name_of_a_file(net, monkeypatch, capsys):
    def draw(net, path):
        float("no number")

    monkeypatch.setattr(plots, "show_filters", draw)
    assert main(["show-filters", "net.npz"]) == 70
    assert "this is a mistake of anynet's own, not yours: ValueError: could not" in capsys.readouterr().err


@pytest.mark.parametrize("names", [("a$\\foo$b", "$5 to $6"), ("W" * 180 + "a", "W" * 180 + "b")])
def test_classes_of_any_names_are_drawn(names, net, capsys):
    net.class_names = names
    net.save("names.npz")
    np.savez("data.npz", x=np.zeros((4, 8, 8, 3), np.uint8), y=[0, 1, 0, 1], classes=names)
    assert main(["show-layers", "names.npz", "data.npz"]) == 0
    assert main(["show-errors", "names.npz", "--data", "data.npz"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.filterwarnings("always::UserWarning")
def test_characters_that_no_font_has_are_told_in_one_line(net, capsys):
    net.class_names = ("\u732b", "\u72d7")
    net.save("names.npz")
    assert main(["show-layers", "names.npz", "pets/cat/0.png"]) == 0
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "anynet: picture: expected a font that has the characters of the names, got none with \u72d7 \u732b"
    )


@pytest.mark.parametrize("command", ["show-layers net.npz pets/cat/0.png", "show-filters net.npz"])
def test_without_matplotlib_the_install_line_is_told(command, net, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(command.split()) == 1
    assert capsys.readouterr().err == (
        "anynet: matplotlib is not installed. Install it with: pip install 'anynet-nn[plot]'\n"
    )
