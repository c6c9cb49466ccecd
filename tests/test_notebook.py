"""Notebooks: texts by their lines, tables as tables, and nothing that a browser would obey."""

from html.parser import HTMLParser

from anynet import Network, notebook


class Cells(HTMLParser):
    """What a browser shows, by tag."""

    def __init__(self, html):
        super().__init__()
        self.found, self.open = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.found.append((self.open[-1], data))


def test_a_text_shows_by_its_lines():
    text = notebook.Shown("a < b\nc")
    assert text == "a < b\nc"
    assert repr(text) == "a < b\nc"
    assert Cells(text._repr_html_()).found == [("pre", "a < b\nc")]


def test_a_table_shows_its_cells_and_obeys_none_of_them():
    html = notebook.table([("name", "n"), ("<script>", "1 & 2")], 'of "<b>"')
    assert "<script>" not in html
    assert "<b>" not in html
    assert Cells(html).found == [
        ("caption", 'of "<b>"'), ("th", "name"), ("th", "n"), ("td", "<script>"), ("td", "1 & 2"),
    ]  # fmt: skip


def test_a_network_shows_as_its_summary_does():
    net = Network([784, 30, 10])
    said = net.summary()
    assert repr(said) == said
    assert len(repr(said).splitlines()) == 5
    cells = [text for _, text in Cells(net._repr_html_()).found]
    assert cells[0] == said.splitlines()[-1] == "23,860 parameters of float32 on numpy (cpu), cost quadratic"
    assert cells[1:] == [word for line in said.splitlines()[:-1] for word in line.split()]
