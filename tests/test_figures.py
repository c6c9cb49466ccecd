"""Figures: they are saved where it is said, and closed whatever happens."""

import sys

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
