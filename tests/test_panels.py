"""Panels: what tiles and bars look like, and that they have the size they say."""

import numpy as np
import pytest

from anynet import figures, panels

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


def drawn(*given):
    return figures.drawn(lambda figure: panels.stack(figure, given), None)


def test_tiles_stand_in_rows_with_lines_between_them():
    images = np.array([[[0.0, 1.0]], [[1.0, 1.0]], [[0.5, 3.0]]])
    [axes] = drawn(panels.Tiles("three", images, 2, 0.5, "gray_r", 0.0, 2.0)).axes
    picture = np.asarray(axes.images[0].get_array())
    line, gap, width, height = 1, 4, 50, 25
    below, beside = height + 2 * line + gap, width + 2 * line + gap  # where the next tile begins
    assert picture.shape == (below + height + 2 * line, beside + width + 2 * line, 3)
    grey = picture[..., 0]
    for row, column in ((0, 0), (0, beside), (below, 0)):  # a line round each tile
        framed = grey[row : row + height + 2 * line, column : column + width + 2 * line]
        assert (framed[[0, -1]] == 156).all()
        assert (framed[:, [0, -1]] == 156).all()
    assert (grey[below - gap : below] == 255).all()  # and paper between them
    assert (grey[:, beside - gap : beside] == 255).all()
    assert [grey[1, 1], grey[1, 26], grey[1, beside + 1]] == [255, 127, 127]  # 0, half, half
    assert [grey[below + 1, 1], grey[below + 1, 26]] == [191, 0]  # a quarter; and what is above the scale
    assert (picture[below:, beside:] == 255).all()  # no tile, and so paper
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


def test_names_beside_bars_and_titles_are_cut_where_there_is_no_room():
    names = ["W" * 180 + "a", "W" * 180 + "b", "cat"]
    figure = drawn(panels.Bars(f"the answer is {names[0]} (of many)", names, [0.1, 0.2, 0.7], (0.0, 1.0), True))
    figure.draw_without_rendering()
    [axes] = figure.axes
    labels = axes.get_yticklabels()
    assert len({label.get_text() for label in labels}) == 3
    assert labels[2].get_text() == "cat"
    width = figure.get_size_inches()[0] * figure.dpi
    written = [*labels, *axes.texts, axes._left_title]
    assert all(0 <= text.get_window_extent().x0 < text.get_window_extent().x1 <= width for text in written)
    assert axes.get_title("left").startswith("the answer is W")
    assert axes.get_title("left").endswith("W" * 5 + "a (of many)")
    short = drawn(panels.Bars("answer", ["0", "1"], [0.1, 0.9], (0.0, 1.0), True)).axes[0]
    assert short.get_position().x0 * 7.9 < 0.5  # inches: names take the room that they need


# Sheets.

NAMES = {
    "short": ["cat", "dog"],
    "many": [f"class number {i:03}" for i in range(13)],
    "wide": ["W" * 180 + "a", "W" * 180 + "b", "W" * 90 + "c" + "W" * 90],
    "dollar": ["a$\\foo$b", "$5 to $6"],
}


def sheet(titles, n=60, height=20, width=20, **keywords):
    """A sheet that is drawn, as `figures.drawn` draws it."""
    images = np.zeros((n, height, width))
    figure = figures.drawn(lambda figure: panels.sheet(figure, images, titles, **keywords), None)
    figure.draw_without_rendering()
    return figure


def overlap(a, b):
    return a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("n", [1, 2, 13])
@pytest.mark.parametrize("are_two", [False, True])
def test_titles_are_told_apart_and_lie_on_nothing(kind, n, are_two):
    names = [NAMES[kind][i % len(NAMES[kind])] for i in range(n)]
    figure = sheet(
        [(name, f"\u2192 {name}") if are_two else (name,) for name in names], n, heading="all of them" * are_two
    )
    titles = [axes.title for axes in figure.axes]
    made = [title.get_text() for title in titles]
    assert len(set(made)) == len(set(names))
    assert not any(title.get_parse_math() for title in titles)
    assert figure.get_size_inches()[0] < 10.7  # they are cut, and no page grows as wide as they are
    boxes = [title.get_window_extent() for title in titles]
    boxes += [axes.get_window_extent() for axes in figure.axes] + [text.get_window_extent() for text in figure.texts]
    width, height = figure.get_size_inches() * figure.dpi
    assert all(box.x0 >= -1 and box.y0 >= 0 and box.x1 <= width + 1 and box.y1 <= height for box in boxes)
    assert not any(overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
    if kind in ("short", "dollar"):
        assert made[0].split() == f"{names[0]} \u2192 {names[0]}".split() if are_two else made[0] == names[0]


@pytest.mark.parametrize(("height", "width"), [(120, 12), (12, 120), (30, 10), (28, 28), (1000, 10)])
def test_a_page_keeps_its_proportion_and_images_theirs(height, width):
    figure = sheet([(str(i),) for i in range(40)], 40, height, width)
    wide, high = figure.get_size_inches()
    assert 5 < wide <= 10.7
    assert 0.25 < high / wide < 1.5
    box = figure.axes[0].get_window_extent()
    assert box.height / box.width == pytest.approx(height / width)
    assert {axes.get_aspect() for axes in figure.axes} == {"auto"}


def test_so_many_stand_in_a_row():
    for titles in (None, [("W" * 50,)] * 20, [("0",)] * 20):
        places = [axes.get_position().x0 for axes in sheet(titles, 20, 30, 10, per_row=10).axes]
        assert places[:10] == pytest.approx(places[10:])
        assert len({round(place, 3) for place in places}) == 10
    assert not sheet([], 0, heading="nothing").axes


def test_a_title_too_many_or_too_few_is_a_mistake():
    with pytest.raises(ValueError, match="zip"):
        sheet([("a",)] * 3, 4)
