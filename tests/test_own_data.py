"""A user's own data at the command line, from end to end: trained on, judged by, asked about."""

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest
from idx_writer import idx

from anynet import Dataset, Network
from anynet.cli import main
from anynet.commands.data import asked_of


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def flowers(rng):
    """Three classes that are easily told apart: x (90, 3), labels (90,)."""
    y = np.arange(90) % 3
    return 3 * np.eye(3)[y] + 0.3 * rng.standard_normal((90, 3)), y


NAMES = np.array(["setosa", "versicolor", "virginica"])


def table(x, y, header="a,b,c,kind"):
    lines = [",".join([*(f"{v:.4f}" for v in row), str(target)]) for row, target in zip(x, y, strict=True)]
    return "\n".join([header] * bool(header) + lines)


def write(kind, x, y, tmp_path):
    """Write data in a form; return what `--data` takes, and what `predict` does."""
    if kind == "csv":
        (tmp_path / "own.csv").write_text(table(x, NAMES[y]))
    elif kind == "csv without a header":
        (tmp_path / "own.csv").write_text(table(x, NAMES[y], header=""))
    elif kind == "npz of names":
        np.savez("own.npz", x=x, y=NAMES[y])
    elif kind == "npz with classes":
        np.savez("own.npz", x=x, y=y, classes=NAMES)
    elif kind == "labels from 1":
        np.savez("own.npz", x=x, y=y + 1)
    elif kind == "labels 10 to 30":
        np.savez("own.npz", x=x, y=10.0 * (y + 1))
    elif kind == "a column":
        np.savez("own.npz", x=x, y=y[:, None])
    else:
        (tmp_path / "x").write_bytes(gzip.compress(idx(x.astype("f4"), 13)))
        (tmp_path / "y").write_bytes(idx(y.astype("u1")))
    files = [["own.csv"], ["own.npz"], ["x", "y"]][("csv" not in kind) + (kind == "idx")]
    return files, files[:1]


EXPECTED = {
    "csv": NAMES,
    "csv without a header": NAMES,
    "npz of names": NAMES,
    "npz with classes": NAMES,
    "labels from 1": ["1", "2", "3"],
    "labels 10 to 30": ["10", "20", "30"],
    "a column": ["0", "1", "2"],
    "idx": ["0", "1", "2"],
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_classes_are_trained_on_judged_and_told_by_their_names(kind, flowers, capsys, tmp_path):
    x, y = flowers
    data, rows = write(kind, x, y, tmp_path)
    assert main(["train", "--data", *data, "--validation-fraction", "0.2", "--epochs", "20", "--output", "net"]) == 0
    assert "Training [3, 30, 3]" in capsys.readouterr().out
    assert main(["evaluate", "--data", *data, "net", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["total"], result["accuracy"] > 0.95) == (90, True)
    assert np.trace(result["confusion"]) == result["right"]
    assert main(["predict", "net", *rows, "--json"]) == 0
    answers = [json.loads(line)["answer"] for line in capsys.readouterr().out.splitlines()]
    assert np.mean([answer == EXPECTED[kind][label] for answer, label in zip(answers, y, strict=True)]) > 0.95
    assert main(["predict", "net", *rows]) == 0
    assert re.match(rf"{rows[0]}\[0\]: {EXPECTED[kind][0]}  \(outputs: ", capsys.readouterr().out)


def test_a_part_of_the_classes_is_judged_by_their_names(flowers, capsys):
    x, y = flowers
    np.savez("all.npz", x=x, y=10 * (y + 1))
    np.savez("some.npz", x=x[y > 0], y=10 * (y[y > 0] + 1))
    np.savez("other.npz", x=x, y=y)
    assert main(["train", "--data", "all.npz", "--epochs", "20", "--quiet", "--output", "net"]) == 0
    assert main(["evaluate", "net", "--data", "some.npz", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] > 0.95
    assert main(["evaluate", "net", "--data", "other.npz"]) == 1
    assert "y: expected classes among 10, 20, 30, got 0." in capsys.readouterr().err


@pytest.mark.parametrize("form", ["npz", "column", "csv", "whole"])
def test_values_make_a_regression_and_say_so(form, capsys, tmp_path, rng):
    x = rng.standard_normal((200, 3))
    y = x @ [1.0, 2.0, 3.0]
    if form == "whole":  # like those of diabetes: whole, and many
        y = np.round(100 * y)
    if form == "csv":
        (tmp_path / "own.csv").write_text(table(x, y))
    else:
        np.savez("own.npz", x=x, y=y[:, None] if form == "column" else y)
    data = "own.csv" if form == "csv" else "own.npz"
    options = "--sizes 3 1 --eta 0.05 --epochs 20 --output net --validation-fraction 0.1"
    assert main(["train", "--data", data, *options.split()]) == 0
    out = capsys.readouterr().out
    assert re.search(
        r"^y has \d+ different values among 200 examples: they are taken for values \(regression", out, re.M
    )
    assert re.search(r"Saved the network of epoch 1\d, cost \S+ on the validation data, the best, to net.npz", out)
    net = Network.load("net")
    assert (net.task, net.sizes) == ("regression", [3, 1])
    assert main(["evaluate", "net", "--data", data, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    expected = np.mean((net.feedforward(x)[:, 0] - y) ** 2)
    assert told["mean_squared_error"] == pytest.approx(expected, rel=1e-3, abs=1e-6)
    assert told["cost"] == pytest.approx(expected / 2, rel=1e-3, abs=1e-6)
    assert main(["evaluate", "net", "--data", data]) == 0
    assert re.match(r"net: mean squared error \S+, cost \S+, over 200 examples", capsys.readouterr().out)
    assert main(["predict", "net", data]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert float(first.removeprefix(f"{data}[0]: ")) == pytest.approx(y[0], rel=0.1, abs=0.2)


@pytest.mark.parametrize("first", [0, 1])
def test_names_are_given_to_numbers_and_printed(first, flowers, capsys):
    x, y = flowers
    np.savez("own.npz", x=x, y=y + first)
    names = ["--names", "setosa, versicolor,virginica"]
    assert main(["train", "--data", "own.npz", "--epochs", "20", "--quiet", "--output", "net", *names]) == 0
    assert main(["train", "--data", "own.npz", "--epochs", "20", "--quiet", "--output", "numbers"]) == 0
    told = []
    for words in (["net"], ["numbers", *names]):
        assert main(["predict", words[0], "own.npz", *words[1:]]) == 0
        told.append(capsys.readouterr().out)
        assert main(["evaluate", *words, "--data", "own.npz"]) == 0
        told.append(capsys.readouterr().out.partition("right")[2])
    assert told[0].startswith("own.npz[0]: setosa  (outputs: setosa ")
    assert "virginica          .          .         30" in told[1]
    assert told[:2] == told[2:]


@pytest.mark.parametrize(
    ("command", "names", "message"),
    [
        ("train --data own.npz", "a,b", "--names: expected 3, a name for each class, got 2."),
        ("train --data own.npz", "a,b,", "--names: expected different names with commas between them, got 'a,b,'"),
        ("train --data own.npz", "a,b,a", "--names: expected different names"),
        ("train --data own.npz --output-activation identity", "a,b,c", "--names: expected classes to name, got values"),
        ("train --data named.npz", "a,b,c", "--names: expected classes without names, got setosa, versicolor"),
        ("train", "a,b,c", "--names: expected 10, a name for each class, got 3."),
        ("predict net own.npz", "a", "--names: expected 2, a name for each class, got 1."),
        ("evaluate net --data own.npz", "a,b", "--names: expected classes without names, got no, yes."),
    ],
)
def test_names_that_do_not_suit_are_told(command, names, message, flowers, capsys):
    x, y = flowers
    np.savez("own.npz", x=x, y=y)
    np.savez("named.npz", x=x, y=NAMES[y])
    net = Network([3, 1])
    net.class_names = ("no", "yes")
    net.save("net")
    try:
        assert main([*command.split(), "--names", names]) == 2
    except SystemExit as end:
        assert end.code == 2  # noqa: PT017
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train --data net.npz", "net.npz: expected arrays x and y, got a saved network. Give the data."),
        ("evaluate own.npz", "own.npz: expected an entry 's', got x, y. These are data, not a network."),
        ("predict own.npz net.npz", "own.npz: expected an entry 's', got x, y. These are data, not a network."),
    ],
)
def test_data_and_network_that_are_taken_for_each_other_are_told(command, message, flowers, capsys):
    np.savez("own.npz", x=flowers[0], y=flowers[1])
    Network([3, 3]).save("net.npz")
    assert main(command.split()) == 1
    assert capsys.readouterr().err.startswith(f"anynet: {message}")


@pytest.mark.parametrize(("n_in", "task", "answers"), [(7, None, "classes"), (784, "regression", "values")])
def test_what_is_not_for_mnist_is_not_judged_by_it(n_in, task, answers, capsys):
    Network([n_in, 3], output="identity" if task else "sigmoid", task=task).save("net")
    assert main(["evaluate", "net"]) == 2
    expected = f"anynet: --data: expected data for a network that takes {n_in} numbers and answers with {answers}"
    assert capsys.readouterr().err.startswith(expected)


@pytest.mark.parametrize("y", ["a", "7"])
def test_one_class_is_nothing_to_learn(y, capsys, tmp_path):
    (tmp_path / "own.csv").write_text(f"1,2,{y}\n3,4,{y}\n")
    assert main(["train", "--data", "own.csv"]) == 1
    assert f"y: expected at least two classes, got only {y}." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("y", "n_outputs", "task"),
    [
        (np.arange(20), 20, None),
        (np.arange(209) % 21, 1, "regression"),  # many, and few of each
        (np.arange(210) % 21, 21, None),
        (np.eye(3), 3, None),
        ([[0.0, 1.01]], 2, "regression"),
        ([[-0.01, 1.0]], 2, "regression"),
    ],
)
def test_what_y_holds_tells_classes_from_values(y, n_outputs, task):
    data, asked = asked_of(Dataset(np.ones((len(y), 1)), y), None, None)
    assert (asked.n_outputs, asked.task, data.class_names) == (n_outputs, task, None)


@pytest.mark.parametrize(("labels", "names"), [([0, 2], None), ([-1, 2], ("-1", "2")), ([0, 3], ("0", "3"))])
def test_labels_within_the_sizes_stay_as_they_are(labels, names):
    data, asked = asked_of(Dataset(np.ones((2, 1)), labels), [1, 3], None)
    assert (asked.n_outputs, data.class_names) == (3 if names is None else 2, names)


def test_values_are_learnt_with_what_train_does_by_itself(capsys, rng):
    x = rng.standard_normal((300, 3))
    np.savez("own.npz", x=x, y=100 * x @ [1.0, 2.0, 3.0])
    assert main(["train", "--data", "own.npz", "--validation-fraction", "0.2", "--output", "net"]) == 0
    assert main(["evaluate", "net", "--data", "own.npz", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["mean_squared_error"] < 0.1 * 100**2 * 14


@pytest.mark.parametrize(("bias", "answer"), [(0.3, "yes"), (-0.3, "no")])
def test_one_output_of_tanh_tells_by_what_lies_nearest(bias, answer, capsys):
    net = Network([2, 1], output="tanh")
    net.class_names, net.weights, net.biases = ("no", "yes"), [np.zeros((1, 2))], [[[bias]]]
    net.save("net")
    np.savez("own.npz", x=np.ones((1, 2)))
    assert main(["predict", "net", "own.npz", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answer"] == answer


def test_whole_numbers_are_classes_where_the_output_says_so(capsys, rng):
    np.savez("own.npz", x=rng.standard_normal((60, 2)), y=np.arange(60) % 30)
    assert main(["train", "--data", "own.npz", "--epochs", "1"]) == 0
    assert "Training [2, 30, 1]" in capsys.readouterr().out
    assert main(["train", "--data", "own.npz", "--epochs", "1", "--output-activation", "softmax"]) == 0
    assert "Training [2, 30, 30]" in capsys.readouterr().out


@pytest.mark.parametrize("target", ["kind", "0"])
def test_the_column_of_the_target_is_chosen(target, flowers, capsys, tmp_path):
    x, y = flowers
    lines = [f"{NAMES[label]},{a},{b},{c}" for label, (a, b, c) in zip(y, x, strict=True)]
    (tmp_path / "own.csv").write_text("\n".join(["kind,a,b,c", *lines]))
    assert main(f"train --data own.csv --target {target} --epochs 1 --quiet".split()) == 0
    assert Network.load("network").class_names == tuple(NAMES)
    assert main(f"evaluate network --data own.csv --target {target}".split()) == 0
    assert main(f"predict network own.csv --target {target}".split()) == 0
    for command in ("train --data own.csv", "evaluate network --data own.csv", "predict network own.csv"):
        assert main([*command.split(), "--target", "size"]) == 2
        assert "anynet: --target: expected a column of own.csv, kind, a, b, c" in capsys.readouterr().err


def test_what_was_trained_on_images_of_8_by_8_is_asked_about_them(capsys, tmp_path, rng):
    images = rng.integers(0, 256, (40, 8, 8)).astype("u1")
    np.savez("digits.npz", x=images, y=np.arange(40) % 10)
    (tmp_path / "images").write_bytes(idx(images))
    (tmp_path / "digits.csv").write_text(table(images.reshape(40, 64) / 255, np.arange(40) % 10, header=""))
    assert main(["train", "--data", "digits.npz", "--epochs", "1", "--quiet", "--output", "net"]) == 0
    told = []
    for file in ("digits.npz", "images", "digits.csv"):
        assert main(["predict", "net", file, "--json"]) == 0
        told.append([json.loads(line)["answer"] for line in capsys.readouterr().out.splitlines()])
    assert len(told[0]) == 40
    assert told[0] == told[1] == told[2]
    (tmp_path / "digit.png").write_bytes(b"\x89PNG\r\n")
    assert main(["predict", "net", "digit.png"]) == 1
    assert "to classify, but 64 numbers for classification, got a PNG picture." in capsys.readouterr().err


def test_rows_of_another_width_are_told(capsys, flowers):
    np.savez("own.npz", x=flowers[0], y=flowers[1])
    Network([7, 3]).save("net")
    assert main(["predict", "net", "own.npz"]) == 1
    assert "own.npz: expected rows of 7 numbers, as many as the network takes, got (3,)" in capsys.readouterr().err


def test_an_example_with_several_labels_is_answered_with_their_names(capsys, rng):
    net = Network([2, 3], task="multilabel")
    net.class_names, net.biases = ("a", "b", "c"), [[[9.0], [-9.0], [9.0]]]
    net.weights = [np.zeros((3, 2))]
    net.save("net")
    np.savez("own.npz", x=np.ones((2, 2)), y=[[1, 0, 1], [1, 1, 1]])
    assert main(["predict", "net", "own.npz"]) == 0
    assert capsys.readouterr().out.startswith("own.npz[0]: a, c  (outputs: ")
    assert main(["evaluate", "net", "--data", "own.npz"]) == 0
    assert capsys.readouterr().out == "net: 1 / 2 right, 50.00 %\n"


def test_the_books_pickle_is_trained_on_and_judged_by(capsys, tmp_path, rng, monkeypatch):
    import pickle

    parts = tuple((rng.random((n, 784)).astype(np.float32), rng.integers(0, 10, n)) for n in (40, 10, 20))
    (tmp_path / "mnist.pkl.gz").write_bytes(gzip.compress(pickle.dumps(parts, 2)))
    assert main(["train", "--data", "mnist.pkl.gz", "--epochs", "1"]) == 0
    out = capsys.readouterr().out
    assert "40 examples" in out
    assert re.search(r"^Epoch 0: \d+ / 20$", out, re.M)
    assert main(["evaluate", "network", "--data", "mnist.pkl.gz", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == 20


@pytest.mark.parametrize(
    "command", ["train --data page", "evaluate net --data page", "predict net page", "evaluate page"]
)
def test_a_web_page_is_told_as_one(command, capsys, tmp_path):
    Network([3, 2]).save("net")
    Network([784, 2]).save("seven")
    (tmp_path / "page").write_text("<!DOCTYPE html><html><body>Sign in, please</body></html>")
    assert main(command.split()) in (1, 2)
    err = capsys.readouterr().err
    assert re.match(r"anynet: page: expected .* got a web page\. Download the file itself", err)


@pytest.mark.filterwarnings("default::UserWarning")
@pytest.mark.parametrize("factors", [[1000, 1000, 1000], [1, 1, 10_000]])
def test_who_trains_on_a_file_of_another_scale_is_told_what_to_do_with_it(factors, flowers, capsys):
    np.savez("own.npz", x=flowers[0] * factors, y=flowers[1])
    assert main(["train", "--data", "own.npz", "--epochs", "1"]) == 0
    told = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("anynet: x: expected"))
    assert "train with --standardize" in told
    assert "Network(" not in told
    assert main(["train", "--data", "own.npz", "--epochs", "1", "--standardize", "--output", "other.npz"]) == 0
    assert "x: expected" not in capsys.readouterr().err
    assert [type(layer).__name__ for layer in Network.load("other.npz").layers] == ["Standardize", "Dense", "Dense"]


@pytest.mark.filterwarnings("default::UserWarning")
def test_who_trains_a_network_that_fell_silent_is_told_options(flowers, capsys):
    np.savez("own.npz", x=flowers[0], y=flowers[1])
    options = ["--hidden-activation", "relu", "--output-activation", "softmax", "--learning-rate", "100"]
    assert main(["train", "--data", "own.npz", "--epochs", "5", *options]) == 0
    told = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("anynet: layer 1"))
    assert "with a smaller --learning-rate, or with --hidden-activation tanh;" in told
    assert main(["train", "--data", "own.npz", "--epochs", "200", "--learning-rate", "200"]) == 0
    told = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("anynet: outputs"))
    assert "Train with --standardize if the inputs are not of one scale" in told


@pytest.fixture
def clothes(rng):
    """A table of numbers and categories, `clothes.csv`: what is red sells, and what is large and blue."""
    lines = [
        f"{price:.2f},{colour},{size},{'yes' if colour == 'red' or (colour, size) == ('blue', 'L') else 'no'}"
        for price, colour, size in zip(
            rng.random(200), rng.choice(["red", "green", "blue"], 200), rng.choice(["S", "L"], 200), strict=True
        )
    ]
    Path("clothes.csv").write_text("\n".join(["price,colour,size,sold", *lines]))
    train = ["train", "--data", "clothes.csv", "--optimizer", "adam", "--learning-rate", "0.05", "--epochs", "30"]
    assert main([*train, "--output", "net"]) == 0
    return train


def test_categories_of_a_table_are_learnt_from_and_known_again(clothes, capsys):
    assert main([*clothes, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "Training [6, 30, 2]" in out
    assert "Columns: 1 of numbers; colour of 3 categories (blue, green, red); size of 2 categories (L, S)\n" in out
    assert main(["evaluate", "net", "--data", "clothes.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == 1
    Path("some.csv").write_text("sold,size,colour,price\nno,S,blue,0.5\nyes,L,blue,0.1\n")
    assert main(["evaluate", "net", "--data", "some.csv", "--target", "sold", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["right"] == 2
    for text in ("size,colour,price\nS,blue,0.5\nL,blue,0.1\n", "0.5,blue,S\n0.1,blue,L\n"):
        Path("rows.csv").write_text(text)
        assert main(["predict", "net", "rows.csv", "--json"]) == 0
        assert [json.loads(line)["answer"] for line in capsys.readouterr().out.splitlines()] == ["no", "yes"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("price,colour,size\n1,red,S\n1,pink,S\n", "rows.csv: line 3: expected one of .* column colour, got 'pink'"),
        ("price,color,size\n1,red,S\n", "rows.csv: line 1: expected a column colour, as the network has learnt from"),
        ("price,colour,size\n1,red,S\n\n,red,S\n", "rows.csv: line 4: expected a value in the column price, got none"),
        ("price,colour,size\n1,red,S\ncheap,red,S\n", "line 3: expected a number in the column price, got 'cheap'"),
    ],
)
@pytest.mark.parametrize("command", ["predict net rows.csv", "evaluate net --target 0 --data sold.csv"])
def test_what_is_unknown_in_a_table_is_told_with_its_line_and_column(command, text, message, clothes, capsys):
    Path("rows.csv").write_text(text)
    Path("sold.csv").write_text(re.sub(r"(?m)^(?=.)", "yes,", text).replace("yes", "sold", 1))
    assert main(command.split()) == 1
    assert re.search(message.replace("rows", "sold" if "sold" in command else "rows"), capsys.readouterr().err)


def test_who_has_learnt_from_numbers_knows_no_categories(clothes, capsys):
    assert Network([6, 2]).save("numbers") == Path("numbers.npz")
    capsys.readouterr()
    assert main(["evaluate", "numbers", "--data", "clothes.csv"]) == 1
    assert "x: expected columns as the network has learnt from them, none, got 1 of" in capsys.readouterr().err
    assert main(["predict", "numbers", "clothes.csv"]) == 1
    assert "expected a number in the column" in capsys.readouterr().err
