"""Digits as text, and in figures."""

import sys

import numpy as np
import pytest
from PIL import Image

from anynet import plots

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


def ring():
    """A light ring on black, 28 x 28."""
    y, x = np.indices((28, 28)) - 13.5
    return np.where(abs(np.hypot(y, x) - 8) < 1.5, 255, 0).astype(np.uint8)


@pytest.mark.parametrize("width", [1, 14, 28, 56, 60])
@pytest.mark.parametrize("encoding", ["utf-8", "cp437", "ascii", "latin-1", "no such encoding"])
def test_text_fits_and_can_be_printed(width, encoding):
    lines = plots.as_text(ring(), width, encoding).split("\n")
    assert len(lines) == max(1, round(width / 2))
    assert max(map(len, lines)) <= width
    "".join(lines).encode("ascii" if " " in encoding else encoding)


def test_text_shows_the_ink():
    image = np.zeros((4, 4), np.uint8)
    image[0, 0] = image[3, 1] = image[:2, 2] = 255
    assert plots.as_text(image, 4, "utf-8") == "\u2580 \u2588\n \u2584"
    assert plots.as_text(image, 4, "ascii") == "= @\n ="


def test_text_takes_the_encoding_of_standard_output(monkeypatch):
    class Stream:
        encoding = "ascii"

    monkeypatch.setattr(sys, "stdout", Stream())
    assert plots.as_text(ring()) == plots.as_text(ring(), encoding="ascii")


def test_all_forms_of_an_image_look_the_same():
    image = ring()
    expected = plots.as_text(image)
    for same in (image.reshape(784), image / 255, image[None, :, :, None], image.reshape(1, 784), image > 0):
        assert plots.as_text(same) == expected


def test_text_of_several_images_or_of_none_is_refused():
    with pytest.raises(ValueError, match="image: expected one image, got 2"):
        plots.as_text(np.zeros((2, 784)))
    with pytest.raises(ValueError, match="width: expected at least 1, got 0"):
        plots.as_text(ring(), 0)
    for x in (np.zeros((0, 784)), np.array(["a"]), np.zeros((1, 2, 3, 4)), np.zeros((2, 2), complex)):
        with pytest.raises(ValueError, match="x: expected images, "):
            plots.show(x)


@pytest.mark.parametrize(("n", "rows", "columns"), [(1, 1, 1), (3, 1, 3), (10, 1, 10), (23, 3, 10)])
def test_figures_show_the_images_in_a_grid(n, rows, columns, tmp_path, mnist):
    images, labels = mnist[2].x[:n], mnist[2].y[:n]
    figure = plots.show(images, labels, tmp_path / "digits.png")
    seen = [axis for axis in figure.axes if axis.get_visible()]
    assert [axis.get_title() for axis in seen] == [str(label) for label in labels]
    assert figure.axes[0].get_gridspec().get_geometry() == (rows, columns)
    for axis, image in zip(seen, images, strict=True):
        np.testing.assert_allclose(axis.images[0].get_array(), image.reshape(28, 28) / 255, atol=1e-6)
    with Image.open(tmp_path / "digits.png") as picture:
        grey = np.asarray(picture.convert("L"))
    assert grey[0, 0] == 255  # paper
    assert grey.min() < 40  # ink
    assert picture.width > picture.height * columns / rows / 2
    assert not matplotlib.pyplot.get_fignums()


def test_figures_need_no_titles_and_take_one(mnist):
    assert plots.show(mnist[2].x[:2]).axes[0].get_title() == ""
    assert plots.show(mnist[2].x[0], "seven").axes[0].get_title() == "seven"
    with pytest.raises(ValueError, match="y: expected 2 titles, one per image, got 3"):
        plots.show(mnist[2].x[:2], [1, 2, 3])


def test_without_matplotlib_the_install_line_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'anynet-nn\[plot\]'"):
        plots.show(ring())
