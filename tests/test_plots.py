"""Digits as text, and in figures."""

import math
import sys
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from anynet import Conv2D, Dataset, Dropout, GlobalAveragePool2D, LayerNorm, MaxPool2D, Network, Standardize, plots
from anynet.formats.columns import Column
from anynet.formats.pictures import Pictures

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
    places = [axis.get_position() for axis in seen]
    assert len({round(place.y0, 4) for place in places}) == rows
    assert len({round(place.x0, 4) for place in places}) == columns
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


# The examples of a data set.


def shown(figure):
    """The images of a figure."""
    return np.array([axes.images[0].get_array() for axes in figure.axes])


@pytest.mark.parametrize("shape", [(64,), (8, 8), (8, 8, 1), (8, 3), (8, 3, 1), (8, 8, 3), (3, 3), (5, 3), (2, 2)])
@pytest.mark.parametrize("n", [1, 3, 8, 64])
def test_what_an_image_is_is_told_by_the_shape_of_one_whatever_their_number(shape, n, rng, drawn_sheets):
    x = rng.random((n, *shape))
    plots.show(Dataset(x, np.arange(n)), n=n)
    [(images, titles)] = drawn_sheets
    expected = x.reshape(n, 8, 8) if shape == (64,) else x.reshape(n, *shape[:2]) if shape[2:] == (1,) else x
    np.testing.assert_allclose(images, expected, atol=1e-6)
    assert [title for (title,) in titles] == [str(i) for i in range(n)]


def test_rows_of_a_table_are_no_images(rng):
    columns = tuple(Column(f"number {i}") for i in range(64))
    for data, got in (
        (Dataset(rng.random((9, 13)), np.zeros(9)), "rows of 13 numbers"),
        (Dataset(rng.random((9, 4)), np.zeros(9)), "rows of 4 numbers"),
        (Dataset(rng.random((9, 64)), np.zeros(9), columns=columns), "rows of a table of 64 columns"),
        (Dataset(rng.random((9, 4, 4, 2)), np.zeros(9)), r"the shape \(9, 4, 4, 2\)"),
    ):
        with pytest.raises(
            ValueError, match=rf"x: expected images, got {got}\. Give x as \(n, height, width\), or a fo"
        ):
            plots.show(data, 5)


def test_a_number_says_how_many_of_a_data_set_are_drawn(rng, drawn_sheets):
    data = Dataset(rng.random((70, 8, 8)), np.arange(70) - 1, [str(i) for i in range(80)])
    for given, named in (((data, 5), {}), ((data,), {"n": 5}), ((data,), {})):
        plots.show(*given, **named)
    assert [len(images) for images, _ in drawn_sheets] == [5, 5, 60]
    assert drawn_sheets[0][1] == [("-1",), ("16",), ("33",), ("51",), ("68",)]  # below 0 there is no name
    with pytest.raises(
        TypeError, match=r"n: expected a Dataset with it, got ndarray\. Choose images yourself: x\[:5\]"
    ):
        plots.show(data.x, n=5)
    with pytest.raises(TypeError, match="y: expected nothing beside n, got both"):
        plots.show(data, ["a"], n=1)
    with pytest.raises(ValueError, match="n: expected at least 1, got 0"):
        plots.show(data, n=0)


def test_numbers_beyond_1_are_drawn_from_the_least_to_the_highest(drawn_sheets):
    x = np.linspace(-2, 6, 2 * 64).reshape(2, 64)
    plots.show(Dataset(x, [0, 1]))
    np.testing.assert_allclose(drawn_sheets[0][0], ((x + 2) / 8).reshape(2, 8, 8), atol=1e-6)
    plots.show(np.array([[0.25, 0.5], [0.5, 0.75]]))
    np.testing.assert_allclose(drawn_sheets[1][0], [[[0.25, 0.5], [0.5, 0.75]]])
    plots.show(np.full((2, 2), np.inf))
    assert (drawn_sheets[2][0] == 1).all()


def test_sparse_examples_are_drawn(drawn_sheets):
    sparse = pytest.importorskip("scipy.sparse")
    x = np.eye(64)[:5]
    plots.show(Dataset(sparse.csr_array(x), np.arange(5)))
    net = Network([64, 2])
    net.biases = [np.array([[9.0], [0.0]])]
    plots.show_errors(net, sparse.csr_array(x), np.ones(5, int))
    for images, _ in drawn_sheets:
        np.testing.assert_array_equal(images, x.reshape(5, 8, 8))


def test_errors_of_narrow_images_are_no_picture_in_colour(rng, drawn_sheets):
    net = Network([(5, 3), 2])
    net.biases = [np.array([[9.0], [0.0]])]
    x = rng.random((4, 5, 3))
    plots.show_errors(net, x, np.ones(4, int))
    np.testing.assert_allclose(drawn_sheets[0][0], x, atol=1e-6)
    assert drawn_sheets[0][1] == [("1", "\u2192 0")] * 4


@pytest.fixture
def drawn_sheets(monkeypatch):
    """The images and titles of the sheets that are drawn."""
    seen = []
    monkeypatch.setattr(plots, "sheet", lambda figure, images, titles, *_, **__: seen.append((images, titles)))
    return seen


def test_without_matplotlib_the_install_line_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'anynet-nn\[plot\]'"):
        plots.show(ring())


@pytest.fixture
def drawn(monkeypatch):
    """The panels that are drawn."""
    seen = []
    monkeypatch.setattr(plots, "stack", lambda figure, panels: seen.extend(panels))
    return seen


def test_what_each_layer_makes_of_an_image_is_drawn(drawn, rng):
    net = Network([(12, 12, 1), Conv2D(20, 5), MaxPool2D(2), Conv2D(4, 3, activation="tanh"), 9, Dropout(0.5), 10])
    x = rng.integers(0, 256, (12, 12)).astype(np.uint8)
    for form in (x, x.reshape(-1), x.reshape(-1, 1), x[None], x[..., None], x[None, ..., None]):
        drawn.clear()
        plots.show_layers(net, form)
        image, first, pooled, second, dense, answer = drawn
        made = net.activations(x.reshape(1, -1))
        np.testing.assert_allclose(image.images[0], x / 255, atol=1e-6)
        for panel, a in ((first, made[0]), (pooled, made[1]), (second, made[2])):
            np.testing.assert_array_equal(panel.images, a[0].transpose(2, 0, 1))
        np.testing.assert_array_equal(dense.images.ravel(), made[4][0])
        np.testing.assert_allclose(answer.values, made[-1][0], rtol=1e-6)
    assert [panel.title.partition("  (")[0] for panel in drawn] == [
        "input: 12 x 12",
        "1 Conv2D: 20 maps of 8 x 8",
        "2 MaxPool2D: 20 maps of 4 x 4",
        "3 Conv2D: 4 maps of 2 x 2",
        "5 Dense: 9 values",
        f"7 Dense: the answer is {np.argmax(made[-1])}",
    ]
    assert (first.low, first.high, first.colours) == (0.0, made[0].max(), "gray_r")  # of a sigmoid
    most = abs(made[2]).max()
    assert (second.low, second.high, second.colours) == (-most, most, "RdBu_r")
    assert second.title.endswith(f"  (blue {-most:.3g}, white 0, red {most:.3g})")


@pytest.mark.parametrize(
    ("sizes", "titles"),
    [
        ([4, 3, 2], ["input: 4 values", "1 Dense: 3 values", "2 Dense: the answer is no"]),
        ([64, 2], ["input: 8 x 8", "1 Dense: the answer is no"]),
        ([(5, 6, 3), 2], ["input: 5 x 6 in colour", "2 Dense: the answer is no"]),
        ([(5, 6, 4), 2], ["input: 4 maps of 5 x 6", "2 Dense: the answer is no"]),
        ([(8, 8), LayerNorm(), 2], ["input: 8 x 8", "1 LayerNorm: 1 map of 8 x 8", "3 Dense: the answer is no"]),
        (
            [(8, 8, 1), Conv2D(250, 3), 2],
            ["input: 8 x 8", "1 Conv2D: 200 of 250 maps of 6 x 6", "3 Dense: the answer is no"],
        ),
        ([4, 2001, 2], ["input: 4 values", "1 Dense: 2000 of 2001 values", "2 Dense: the answer is no"]),
        ([4, 1], ["input: 4 values", "1 Dense: the answer is no"]),
    ],
)
def test_the_layers_of_any_network_are_drawn(sizes, titles, drawn):
    net = Network(sizes)
    net.class_names = ("no", "yes")
    net.biases = [*net.biases[:-1], np.array([[5.0], [-5.0]] if net.sizes[-1] == 2 else [[-5.0]])]
    plots.show_layers(net, np.zeros(net.shapes[0]))
    assert [panel.title.partition("  (")[0] for panel in drawn] == titles
    assert drawn[-1].names == ["no", "yes"]
    assert drawn[-1].values[0] > 0.9 > 0.1 > drawn[-1].values[1]


def test_answers_are_told_as_the_task_has_them(drawn):
    for keywords, n, biases, told, names in (
        ({"task": "multilabel"}, 3, [9, -9, 9], "0, 2", [0, 1, 2]),
        ({"task": "multilabel"}, 3, [-9, -9, -9], "none", [0, 1, 2]),
        ({"output": "identity"}, 2, [-1.5, 2.25], "-1.5, 2.25", [0, 1]),
        ({"output": "tanh"}, 1, [-0.5], "0", [0, 1]),
        ({"output": "softmax"}, 12, range(12), "11  (the leading 10 of 12 outputs)", range(11, 1, -1)),
    ):
        net = Network([2, n], **keywords)
        net.weights, net.biases = [np.zeros((n, 2))], [np.array(biases, float)[:, None]]
        plots.show_layers(net, [0.0, 0.0])
        assert drawn[-1].title == f"1 Dense: the answer is {told}"
        assert drawn[-1].names == [str(name) for name in names]
    net = Network([2, 1], output="tanh")
    net.weights, net.biases = [np.zeros((1, 2))], [np.array([[-0.5]])]
    plots.show_layers(net, [0.0, 0.0])
    np.testing.assert_allclose(drawn[-1].values, [math.tanh(0.5), math.tanh(-0.5)], rtol=1e-6)


def test_layers_are_drawn_of_one_example():
    for x in (np.zeros((2, 784)), np.zeros(3)):
        with pytest.raises(ValueError, match=r"x: expected one example of the shape \(784,\), got"):
            plots.show_layers(Network([784, 10]), x)


def test_kernels_are_drawn_and_weights_that_see_the_image(drawn):
    net = Network([(12, 12, 3), Standardize(), Conv2D(2, 5), Conv2D(3, 2), Conv2D(50, 2), 10])
    plots.show_filters(net)
    kernels = [p.weights for p in (net.parameters[1], net.parameters[2], net.parameters[3])]
    first, second, third = drawn
    assert [panel.title.partition("  (")[0] for panel in drawn] == [
        "2 Conv2D: 2 filters of 5 x 5 in colour",  # and what dark and bright are of its colours
        "3 Conv2D: 3 filters of 2 x 2 (across), on 2 maps (down)",
        "4 Conv2D: 40 of 50 filters of 2 x 2 (across), on 3 maps (down)",
    ]
    np.testing.assert_allclose((first.images - 0.5) * 2 * abs(kernels[0]).max(), kernels[0], atol=1e-6)
    most = abs(kernels[0]).max()
    assert first.title.endswith(f"  (dark {-most:.3g}, grey 0, bright {most:.3g} of red, green and blue)")
    assert second.n_columns == 3
    np.testing.assert_array_equal(second.images[3 * 1 + 0], kernels[1][0, :, :, 1])
    assert third.images.shape == (3 * 40, 2, 2)
    drawn.clear()
    plots.show_filters(Network([64, Dropout(0.1), 7, 64, 3]))
    [panel] = drawn
    assert panel.title.startswith("2 Dense: 7 filters of 8 x 8  (blue ")
    with pytest.raises(ValueError, match="net: expected a network with a layer that looks at images, got <Network"):
        plots.show_filters(Network([5, 3]))


def test_wrong_answers_are_drawn_with_truth_and_answer(rng, tmp_path):
    net = Network([(8, 8, 3), 3])
    net.biases = [np.array([[0.0], [9.0], [0.0]])]
    net.class_names = ("cat", "dog", "an animal of a long name")
    x = rng.integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)
    figure = plots.show_errors(net, x, [1, 0, 2, 1, 2, 0], tmp_path / "errors.png", limit=3)
    assert figure.get_suptitle() == "4 of 6 wrong, 3 of them; what it is \u2192 what it was taken for"
    seen = [axes for axes in figure.axes if axes.get_visible()]
    titles = [axes.get_title() for axes in seen]
    assert titles == ["cat\n\u2192 dog", "an animal of a long name\n\u2192 dog", "cat\n\u2192 dog"]
    for axes, i in zip(seen, (1, 4, 5), strict=True):
        np.testing.assert_allclose(axes.images[0].get_array(), x[i] / 255, atol=1e-6)
    assert (tmp_path / "errors.png").stat().st_size > 1000
    named = Dataset(x, [0, 1, 2, 0, 2, 1], ("dog", "cat", "an animal of a long name"))
    assert plots.show_errors(net, named).get_suptitle().startswith("4 of 6 wrong; ")
    assert plots.show_errors(net, x, np.eye(3)[[1, 1, 1, 1, 1, 1]]).get_suptitle() == "0 of 6 wrong"
    with pytest.raises(ValueError, match="show_errors: expected a network that classifies"):
        plots.show_errors(Network([64, 1], output="identity"), x[..., 0], np.zeros(6))
    with pytest.raises(ValueError, match=r"net: expected a network that takes images, got one that takes \(5,\)"):
        plots.show_errors(Network([5, 2]), np.zeros((2, 5)), [0, 1])


def test_pictures_in_colour_are_drawn_in_colour(rng):
    x = rng.integers(0, 256, (4, 6, 5, 3)).astype(np.uint8)
    figure = plots.show(x)
    np.testing.assert_allclose(figure.axes[1].images[0].get_array(), x[1] / 255, atol=1e-6)
    np.testing.assert_allclose(plots.show(x[0]).axes[0].images[0].get_array(), x[0] / 255, atol=1e-6)
    grey = np.repeat(ring()[..., None], 3, axis=2)
    assert plots.as_text(grey) == plots.as_text(ring())


@pytest.mark.parametrize("n", [1, 20, 200])
def test_pictures_of_layers_are_saved(n, tmp_path, rng):
    net = Network([(12, 12, 1), Conv2D(n, 5), GlobalAveragePool2D(), 10 * n, 10], output="softmax")
    figure = plots.show_layers(net, rng.random((12, 12)), tmp_path / "layers.png")
    width, height = figure.get_size_inches()
    assert width == pytest.approx(7.9)
    assert height < 17
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    assert all(below.y1 < above.y0 for above, below in pairwise(boxes))  # none lies on another
    assert all(box.x0 >= 0 and box.x1 <= width * figure.dpi and box.y0 >= 0 for box in boxes)
    for axes in figure.axes[:-1]:  # not squeezed
        rows, columns = axes.images[0].get_array().shape[:2]
        box = axes.get_window_extent()
        assert box.width / box.height == pytest.approx(columns / rows, rel=0.02)
    with Image.open(tmp_path / "layers.png") as picture:
        assert picture.width == 1185


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("names", [("a", "b"), ("an animal of a long name", "another animal of one")])
def test_few_errors_are_drawn_with_all_that_is_written(n, names):
    net = Network([64, 2])
    net.class_names, net.biases = names, [np.array([[9.0], [0.0]])]
    figure = plots.show_errors(net, np.zeros((n, 64)), np.ones(n, int))
    figure.draw_without_rendering()
    width = figure.get_size_inches()[0] * figure.dpi
    written = [text.get_window_extent() for text in figure.texts]
    written += [axes.title.get_window_extent() for axes in figure.axes if axes.get_visible()]
    assert all(box.x0 >= 0 and box.x1 <= width for box in written)
    assert all(a.x1 < b.x0 for a, b in pairwise(written[1:]) if a.y0 == b.y0)


def test_errors_are_drawn_of_pictures_as_the_network_has_learnt_from_them():
    net = Network([(2, 2, 3), 2])
    net.pictures = Pictures(2, 2)
    for other in (Pictures(2, 2, "grey"), Pictures(2, 2, "colour", "squeeze")):
        data = Dataset(np.full((4, *other.shape), 200, np.uint8), [0, 1, 0, 1], pictures=other)
        with pytest.raises(ValueError, match="x: expected pictures as the network has learnt from them"):
            plots.show_errors(net, data)
