"""Figures: they are saved where it is said, and closed whatever happens."""

import sys
import unicodedata

import pytest

from anynet import figures

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


def test_a_figure_is_drawn_saved_and_closed(tmp_path):
    figures.drawn(lambda figure: figure.set_size_inches(2, 1), tmp_path / "empty.png")
    with pytest.importorskip("PIL.Image").open(tmp_path / "empty.png") as picture:
        assert picture.size == (300, 150)
    assert figures.drawn(lambda figure: figure.suptitle("shown"), None).get_suptitle() == "shown"
    assert not matplotlib.pyplot.get_fignums()


def test_what_cannot_be_drawn_is_closed_too():
    with pytest.raises(ZeroDivisionError):
        figures.drawn(lambda figure: 1 / 0, None)
    assert not matplotlib.pyplot.get_fignums()


def test_without_matplotlib_the_install_line_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'anynet-nn\[plot\]'"):
        figures.drawn(lambda figure: None, None)


# What is written.

LACKING = "\u732b"  # which no font has that comes with matplotlib


def extent(text, size, dpi):
    """The width of a text in inches, as matplotlib draws it."""
    written = matplotlib.text.Text(0, 0, text, fontsize=size)
    written.set_figure(matplotlib.figure.Figure(dpi=dpi))
    return written.get_window_extent().width / dpi


@pytest.mark.parametrize("name", ["a$\\foo$b", "$5 to $6", "x^2 $y$"])
def test_a_name_is_no_formula(name, tmp_path):
    def draw(figure):
        figure.suptitle(name)
        figure.subplots().set_yticks([0], [name])

    figure = figures.drawn(draw, tmp_path / "name.png")
    texts = [figure.get_children()[-1], *figure.axes[0].get_yticklabels()]
    assert [(text.get_text(), text.get_parse_math()) for text in texts] == [(name, False)] * 2
    assert matplotlib.rcParams["text.parse_math"]


def test_what_a_file_is_called_is_judged_before_anything_is_drawn(tmp_path):
    def draw(figure):
        raise AssertionError

    with pytest.raises(
        figures.PictureNameError, match=r"path: expected the name of a picture, got .*a\.xyz\. Let it end"
    ):
        figures.drawn(draw, tmp_path / "a.xyz")
    figures.drawn(lambda figure: None, tmp_path / "a.PDF")
    assert (tmp_path / "a.PDF").read_bytes().startswith(b"%PDF")
    figures.drawn(lambda figure: None, str(tmp_path / "none"))
    assert (tmp_path / "none.png").exists()


def test_a_picture_of_too_many_pixels_is_refused():
    for size in ((1, 437), (437, 1)):
        with pytest.raises(
            ValueError, match=r"picture: expected at most 65,535 pixels a side, got .*65,550.* Draw fewer"
        ):
            figures.drawn(lambda figure, size=size: figures.resize(figure, *size), None)


@pytest.mark.parametrize("size", [9, 10])
@pytest.mark.parametrize("dpi", [72, 100, 220])
def test_texts_are_no_wider_than_the_ruler_says(size, dpi):
    with matplotlib.rc_context({"figure.dpi": dpi}):
        ruler = figures.ruler(size)
    for text in (
        "W" * 50,
        "i" * 50,
        "AVAVAV To. fi",
        "class number 007",
        "a b  c",
        "\u2192 \u2026",
        "$5",
        "l" * 9 + "W" * 9,
    ):
        for drawn_at in (dpi, figures.DPI):
            assert (
                extent(text, size, drawn_at) <= 1.001 * ruler(text) + 0.01 <= 1.3 * extent(text, size, drawn_at) + 0.02
            )
    assert ruler("a\nWWW\nb") == ruler("WWW")
    assert ruler("") == 0


def test_names_are_fitted_by_their_widths():
    made = figures.fitted(["W" * 20, "i" * 18, "class number 1", "class number 2"], 0.9, 10)
    assert made[1] == "i" * 18
    assert "\u2026" in made[0]
    assert len(made[0]) < 10
    assert len(set(made)) == 4
    assert all(extent(text, 10, figures.DPI) <= 0.9 for text in made)


def test_what_no_font_has_is_told_once_and_written_as_python_escapes_it(recwarn):
    made = []

    def draw(figure):
        made.extend(figures.fitted([LACKING, f"a {LACKING * 2}"], 5.0, 10))
        figure.suptitle(" ".join(made))

    figures.drawn(draw, None, [LACKING, f"a {LACKING * 2}", "\u72d7"]).draw_without_rendering()
    assert made == ["\\u732b", "a \\u732b\\u732b"]
    [warning] = recwarn
    assert str(warning.message) == (
        "picture: expected a font that has the characters of the names, got none with \u72d7 \u732b, which are drawn "
        "as \\u72d7. Install one, Noto Sans CJK say, or name the classes in other characters."
    )
    assert warning.filename == __file__


def test_another_font_is_taken_for_what_the_first_lacks():
    """STIX comes with matplotlib, and has letters that DejaVu Sans lacks."""
    letter = "\N{LATIN SMALL LETTER D WITH PALATAL HOOK}"
    usual = matplotlib.font_manager.get_font(matplotlib.font_manager.findfont("DejaVu Sans"))
    assert not usual.get_char_index(ord(letter))
    figure = figures.drawn(
        lambda figure: figure.suptitle(*figures.fitted([f"{letter}og"], 5.0, 10)), None, [f"{letter}og"]
    )
    figure.draw_without_rendering()  # which would warn
    assert figure.get_suptitle() == f"{letter}og"
    assert len(matplotlib.rcParams["font.family"]) == 1
    assert unicodedata.category(letter) == "Ll"


def test_a_font_that_is_gone_or_has_a_box_for_everything_is_not_taken(monkeypatch, tmp_path):
    fonts = matplotlib.font_manager.fontManager.ttflist
    gone = matplotlib.font_manager.FontEntry(fname=str(tmp_path / "gone.ttf"), name="A", style="normal", weight=400)
    boxes = [font for font in fonts if "Last Resort" in font.name]
    monkeypatch.setattr(matplotlib.font_manager.fontManager, "ttflist", [gone, *boxes])
    assert figures._installed({LACKING}) == []
