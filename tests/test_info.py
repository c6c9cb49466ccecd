"""`anynet info FILE`: of which layers a saved network is."""

from anynet import Conv2D, Network
from anynet.cli import main
from anynet.formats.columns import Column
from anynet.formats.pictures import Pictures


def test_it_tells_the_layers_of_a_network(tmp_path, capsys):
    net = Network([(6, 6, 1), Conv2D(2, 3), 5, 3])
    path = net.save(tmp_path / "net.npz")
    assert main(["info", str(path)]) == 0
    assert capsys.readouterr().out == f"{net.summary()}\ntask classification\n"
    net.class_names = ("cat", "dog", "fish")
    net.save(path)
    assert main(["info", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "task classification, classes cat, dog, fish"


def test_what_is_no_network_is_told(tmp_path, capsys):
    (tmp_path / "text.npz").write_text("no network")
    assert main(["info", str(tmp_path / "text.npz")]) == 1
    assert "text.npz" in capsys.readouterr().err


def test_it_tells_what_is_done_to_pictures_and_to_columns(tmp_path, capsys):
    net = Network([(6, 8, 3), 2])
    net.pictures = Pictures(6, 8, "colour", "squeeze")
    assert main(["info", str(net.save(tmp_path / "net.npz"))]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Pictures: 6 x 8 pixels in colour, squeezed"
    net = Network([3, 2])
    net.columns = (Column("width"), Column("kind", ("a", "b")))
    assert main(["info", str(net.save(tmp_path / "table.npz"))]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Columns: 1 of numbers; kind of 2 categories (a, b)"
