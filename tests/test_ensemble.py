"""Ensembles: what several networks say together, against what is worked out by hand."""

import re
from pathlib import Path

import numpy as np
import pytest

from anynet import Conv2D, Dataset, Ensemble, Network
from anynet.cli import main
from anynet.formats.columns import Column
from anynet.formats.pictures import Pictures


def fixed(*outputs, n_in=2, **keywords):
    """Return a network of one layer that puts out these numbers whatever it is given."""
    net = Network([n_in, len(outputs)], dtype="float64", output="identity", task="classification", **keywords)
    net.weights, net.biases = [np.zeros((len(outputs), n_in))], [np.array(outputs, float)[:, None]]
    return net


def networks(n=3, sizes=(4, 5, 3), **keywords):
    return [Network(list(sizes), seed=seed, **keywords) for seed in range(n)]


@pytest.mark.parametrize("output", ["sigmoid", "tanh", "softmax", "identity"])
def test_outputs_are_averaged(output, rng):
    nets, x = networks(output=output, task="classification"), rng.standard_normal((7, 4))
    expected = sum(net.feedforward(x).astype("float64") for net in nets) / 3
    both = Ensemble(nets)
    np.testing.assert_allclose(both.feedforward(x), expected, rtol=1e-12)
    assert both.predict(x).tolist() == np.argmax(expected, axis=1).tolist()


def test_the_average_may_answer_as_no_majority_does():
    nets = [fixed(0.9, 0.0, 0.1), fixed(0.3, 0.4, 0.1), fixed(0.3, 0.4, 0.1)]
    x = [[1.0, 2.0], [3.0, 4.0]]
    np.testing.assert_allclose(Ensemble(nets).feedforward(x)[0], [0.5, 0.8 / 3, 0.1])
    assert Ensemble(nets).predict(x).tolist() == [0, 0]
    np.testing.assert_allclose(Ensemble(nets, "votes").feedforward(x)[0], [1 / 3, 2 / 3, 0])
    assert Ensemble(nets, "votes").predict(x).tolist() == [1, 1]


def test_of_equally_many_votes_the_lowest_class_wins():
    first, second, third = fixed(0, 0, 1), fixed(0, 1, 0), fixed(1, 0, 0)
    assert Ensemble([first, second], "votes").predict([[0.0, 0.0]]).tolist() == [1]
    assert Ensemble([first, second, third], "votes").predict([[0.0, 0.0]]).tolist() == [0]
    assert Ensemble([first, second, third, first], "votes").predict([[0.0, 0.0]]).tolist() == [2]


@pytest.mark.parametrize(
    ("output", "yes", "no", "mean"), [("sigmoid", 4.0, -1.0, 1), ("tanh", 4.0, -1.0, 0), ("tanh", 4.0, -0.2, 1)]
)
def test_one_output_votes_for_one_of_two_classes(output, yes, no, mean):
    def voter(z):
        net = Network([2, 1], output=output)
        net.weights, net.biases = [np.zeros((1, 2))], [np.array([[z]])]
        return net

    x = [[0.0, 0.0], [1.0, 1.0]]
    assert Ensemble([voter(yes), voter(no), voter(no)]).predict(x).tolist() == [mean, mean]
    assert Ensemble([voter(yes), voter(no), voter(no)], "votes").predict(x).tolist() == [0, 0]
    assert Ensemble([voter(yes), voter(yes), voter(no)], "votes").predict(x).tolist() == [1, 1]
    assert Ensemble([voter(yes), voter(no)], "votes").predict(x).tolist() == [0, 0]  # a tie
    assert Ensemble([voter(yes), voter(yes), voter(no)], "votes").evaluate(x, [1, 0]) == 1


def test_labels_are_voted_for_one_by_one():
    def voter(*z):
        net = Network([2, 3], task="multilabel")
        net.weights, net.biases = [np.zeros((3, 2))], [np.array(z, float)[:, None]]
        return net

    both = Ensemble([voter(1, 1, -1), voter(1, -1, -1), voter(9, -1, -1), voter(-1, 1, 1)], "votes")
    np.testing.assert_allclose(both.feedforward([[0.0, 0.0]]), [[0.75, 0.5, 0.25]])
    assert both.predict([[0.0, 0.0]]).tolist() == [[1, 0, 0]]  # a tie is none
    assert both.evaluate([[0.0, 0.0]] * 2, [[1, 0, 0], [1, 1, 0]]) == 1


@pytest.mark.parametrize("combine", ["average", "votes"])
def test_an_ensemble_of_one_is_asked_as_the_network_is(combine, rng):
    x, y = rng.standard_normal((50, 4)), rng.integers(0, 3, 50)
    [net] = networks(1)
    net.class_names = ("a", "b", "c")
    alone = Ensemble([net], combine)
    assert np.array_equal(alone.predict(x), net.predict(x))
    assert alone.predict_names(x) == net.predict_names(x)
    assert alone.predict_names(x[0]) == net.predict_names(x[0])
    for given in ((x, y), (Dataset(x, y, ("c", "b", "a")),), (x, np.eye(3)[y])):
        assert alone.evaluate(*given) == net.evaluate(*given)
        assert alone.accuracy(*given) == net.accuracy(*given)
        assert np.array_equal(alone.confusion_matrix(*given), net.confusion_matrix(*given))
    names = ["accuracy", "f1", "precision"]
    assert alone.score(x, y, names) == pytest.approx(net.score(x, y, names))


@pytest.mark.parametrize("combine", ["average", "votes"])
def test_the_form_of_what_comes_out_is_a_networks(combine, rng):
    for nets in (networks(), networks(sizes=((2, 2, 1), Conv2D(2, 1), 3)), networks(sizes=(4, 1))):
        both, x = Ensemble(nets, combine), rng.standard_normal((5, 4))
        for form in (x, x[0], x[0][:, None], x[:1], x.reshape(5, 2, 2)):
            assert both.feedforward(form).shape == nets[0].feedforward(form).shape
            assert both.predict(form).shape == nets[0].predict(form).shape


def test_values_are_averaged_and_scored(rng):
    x = rng.standard_normal((20, 2))
    y = x @ [1.0, 2.0]
    nets = networks(2, (2, 1), output="identity", dtype="float64")
    both = Ensemble(nets)
    expected = (nets[0].predict(x) + nets[1].predict(x)) / 2
    np.testing.assert_allclose(both.predict(x), expected)
    assert both.score(x, y)["mean_squared_error"] == pytest.approx(np.mean((expected - y) ** 2))
    with pytest.raises(ValueError, match="evaluate: expected a network whose answers are right or wrong"):
        both.evaluate(x, y)
    with pytest.raises(ValueError, match='combine: expected "average" for networks that answer with values'):
        Ensemble(nets, "votes")


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (Network([5, 3]), "the number of inputs of number 2 as of number 1, 4, got 5. Leave one of the two out."),
        (Network([4, 2]), "the number of outputs of number 2 as of number 1, 3, got 2"),
        (
            Network([4, 3], task="multilabel"),
            "the task of number 2 as of number 1, classification, got multilabel",
        ),
        (
            Network([4, 3], output="tanh"),
            "the range of outputs of number 2 as of number 1, from 0 to 1, got from -1 to 1",
        ),
    ],
)
def test_networks_that_do_not_go_together_are_told(other, told):
    with pytest.raises(ValueError, match=f"networks: expected such as go together, {told}"):
        Ensemble([Network([4, 3]), other])


def test_classes_and_pictures_are_the_same():
    one, other, nameless = networks(3, ((2, 2, 1), 3))
    one.class_names, other.class_names = ("a", "b", "c"), ("a", "c", "b")
    with pytest.raises(ValueError, match="the order of classes of number 2 as of number 1, a, b, c, got a, c, b"):
        Ensemble([one, other])
    assert Ensemble([nameless, one]).class_names == Ensemble([one, nameless]).class_names == ("a", "b", "c")
    with pytest.raises(ValueError, match="the order of classes of number 3 as of number 1, a, b, c, got a, c, b"):
        Ensemble([one, nameless, other])
    with pytest.raises(ValueError, match="the order of classes of number 3 as of number 2"):
        Ensemble([nameless, one, other])
    other.class_names = ("a", "b", "d")
    with pytest.raises(ValueError, match="the classes of number 2 as of number 1, a, b, c, got a, b, d"):
        Ensemble([one, other])
    nameless.pictures = Pictures(2, 2, "grey")
    with pytest.raises(ValueError, match="the pictures of number 2 as of number 1, none, got 2 x 2 pixels in grey"):
        Ensemble([one, nameless])


def test_what_is_no_network_is_told():
    with pytest.raises(ValueError, match="networks: expected at least one, got none"):
        Ensemble([])
    with pytest.raises(TypeError, match=r"networks: expected networks, got 'a.npz'. Ensemble.load opens files"):
        Ensemble(["a.npz"])
    [net] = networks(1)
    for given in (net, 5):
        with pytest.raises(
            TypeError, match=r"networks: expected several in a list, got .* alone\. Write \[it, \.\.\.\]\.$"
        ):
            Ensemble(given)
    for given in ("a.npz", Path("a.npz")):
        with pytest.raises(TypeError, match=r"networks: expected several in a list, .* Ensemble\.load opens files"):
            Ensemble(given)
        with pytest.raises(
            TypeError, match=r"paths: expected several in a list, got .*'a\.npz'\)? alone\. Write \[it, \.\.\.\]"
        ):
            Ensemble.load(given)
    with pytest.raises(ValueError, match="combine: expected one of average, votes, got 'mean'"):
        Ensemble(networks(), "mean")
    with pytest.raises(ValueError, match="predict_names: expected networks that know the names"):
        Ensemble(networks()).predict_names([[0.0] * 4])


def test_files_are_opened(tmp_path, rng):
    nets = networks(2)
    paths = [net.save(tmp_path / f"{i}.npz") for i, net in enumerate(nets)]
    x = rng.standard_normal((3, 4))
    both = Ensemble.load(paths, combine="votes")
    assert np.array_equal(both.feedforward(x), Ensemble(nets, "votes").feedforward(x))
    assert repr(both) == "<Ensemble of 2 networks, by votes>"


def changed(net, what):
    if what == "order":
        net.class_names = ("b", "a", "c")
    elif what == "pictures":
        net.pictures = Pictures(2, 2, "grey", "crop")
    return net


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("sizes", r"the number of inputs of {} as of {}, 4, got 5\. Leave one of the two out"),
        ("order", "the order of classes of {} as of {}, a, b, c, got b, a, c"),
        ("pictures", "the pictures of {} as of {}, none, got 2 x 2 pixels in grey, cropped"),
    ],
)
def test_files_that_do_not_go_together_are_named(what, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    one, same, other = [Network([5 if what == "sizes" and i == 2 else 4, 3]) for i in range(3)]
    one.class_names, same.class_names, other.class_names = [("a", "b", "c")] * 3
    changed(other, what)
    for name, net in (("one.npz", one), ("same.npz", same), ("other.npz", other)):
        net.save(name)
    told = f"networks: expected such as go together, {told.format('other.npz', 'one.npz')}"
    with pytest.raises(ValueError, match=told):
        Ensemble.load(["one.npz", "same.npz", Path("other.npz")])
    np.savez("rows.npz", x=np.zeros((3, 4)), y=[0, 1, 2])
    for words in ("evaluate {} --data rows.npz", "predict {} rows.npz", "show-errors {} --data rows.npz"):
        assert main(words.format("one.npz same.npz other.npz").split()) == 1
        assert re.search(told, capsys.readouterr().err)


def test_what_was_done_to_data_is_what_was_done_for_the_networks():
    nets = networks(2, ((2, 2, 3), 2))
    for net in nets:
        net.pictures = Pictures(2, 2)
    grey = Dataset(np.zeros((4, 2, 2, 1), np.uint8), [0, 1, 0, 1], pictures=Pictures(2, 2, "grey"))
    squeezed = Dataset(np.zeros((4, 2, 2, 3), np.uint8), [0, 1, 0, 1], pictures=Pictures(2, 2, "colour", "squeeze"))
    for data in (grey, squeezed):
        for judge in (Ensemble(nets).evaluate, Ensemble(nets).score, Ensemble(nets, "votes").confusion_matrix):
            with pytest.raises(ValueError, match="x: expected pictures as the network has learnt from them"):
                judge(data)
    table = Dataset(np.zeros((4, 12)), [0, 1, 0, 1], columns=tuple(Column(f"{i}", ("a",)) for i in range(12)))
    with pytest.raises(ValueError, match="x: expected columns as the network has learnt from them"):
        Ensemble(networks(2, (12, 2))).evaluate(table)
