"""Panels: what tiles and bars look like, and that they have the size they say."""

import numpy as np
import pytest

from anynet import panels

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


def drawn(*given):
    figure = matplotlib.figure.Figure(layout="constrained")
    panels.stack(figure, given)
    return figure


def test_tiles_stand_in_rows_with_lines_between_them():
    images = np.array([[[0.0, 1.0]], [[1.0, 1.0]], [[0.5, 3.0]]])
    [axes] = drawn(panels.Tiles("three", images, 2, 0.5, "gray_r", 0.0, 2.0)).axes
    picture = np.asarray(axes.images[0].get_array())
    line, width = 1, 50
    assert picture.shape == (2 * (25 + line) + line, 2 * (width + line) + line, 3)
    assert (picture[0, :] == 209).all()
    grey = picture[..., 0]
    assert [grey[1, 1], grey[1, 26], grey[1, width + 2]] == [255, 127, 127]  # 0, half, half
    assert [grey[27, 1], grey[27, 26]] == [191, 0]  # a quarter; and what is above the scale
    assert (picture[27:-1, width + 2 :] == 255).all()  # no tile, and so paper
    assert axes.get_title("left") == "three"


def test_colours_stay_as_they_are_and_what_is_all_0_is_drawn():
    images = np.array([[[[1.0, 0.5, 0.0]]]])
    picture = drawn(panels.Tiles("one", images, 1, 0.1)).axes[0].images[0].get_array()
    assert picture[5, 5].tolist() == [255, 128, 0]
    nothing = drawn(panels.Tiles("none", np.zeros((1, 2, 2)), 1, 0.1, "gray_r", 0.0, 0.0)).axes[0].images[0].get_array()
    assert (nothing[2:8, 2:8] == 255).all()


def test_bars_are_as_long_as_their_values_and_named():
    [axes] = drawn(panels.Bars("answer", ["cat", "dog"], [0.25, 0.75], (0.0, 1.0), True)).axes
    assert [bar.get_width() for bar in axes.patches] == [0.25, 0.75]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    assert [text.get_text() for text in axes.texts] == ["25.0 %", "75.0 %"]
    assert axes.yaxis_inverted()
    [axes] = drawn(panels.Bars("values", ["0"], [-1.23456], (-2.0, 0.0), False)).axes
    assert axes.texts[0].get_text() == "-1.235"


@pytest.mark.parametrize("n", [1, 2, 20, 40, 200, 1000])
@pytest.mark.parametrize("aspect", [0.5, 1.0, 2.0])
def test_a_grid_is_not_wider_than_the_figure(n, aspect):
    columns, width = panels.grid(n, aspect, 0.15, 1.3, 11.25)
    assert columns * width <= 7.5 + 1e-9
    assert 0.15 <= width <= 1.3
    rows = -(-n // columns)
    assert rows * columns - n < rows or rows == 1  # rows are filled evenly
