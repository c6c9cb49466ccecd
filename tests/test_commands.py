"""The commands, run in this process on small files: what the options do, and how mistakes are told."""

import io
import json
import re
import signal
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl

import anynet
from anynet import SGD, Network, backends, batches, datasets, random, signals
from anynet.activations import ACTIVATIONS
from anynet.cli import main
from anynet.commands import COMMANDS, errors, options
from anynet.commands.terminal import say
from anynet.costs import COSTS
from anynet.datasets.mnist import mnist_test_images
from anynet.history import Report
from anynet.optimizers import OPTIMIZERS, Adam, AdamW, Momentum
from anynet.schedules import SCHEDULES, Cosine, Linear, Plateau, StepDecay, Warmup

NAMES = ", ".join(dict.fromkeys(name for _, name in COSTS))  # of costs, as errors list them

DATA = "data.npz"  # 40 examples of 6 numbers, in 4 classes
TRAIN = f"train --data {DATA}"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    np.savez(DATA, x=rng.standard_normal((40, 6)), y=np.arange(40) % 4)


def test_quiet_prints_nothing(capsys):
    assert main([*TRAIN.split(), "--epochs", "1", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_options_reach_the_network(tmp_path):
    options = "--sizes 6 20 15 4 --hidden-activation relu --output-activation softmax --cost cross_entropy"
    options += " --batch-size 20 --eta 0.2 --dtype float64 --backend array_api_strict --device device1"
    assert main([*TRAIN.split(), "--epochs", "1", "--quiet", "--output", "net", *options.split()]) == 0
    net = Network.load(tmp_path / "net.npz")
    assert net.sizes == [6, 20, 15, 4]
    assert [layer.activation for layer in net.layers] == ["relu", "relu", "softmax"]
    assert (net.cost.name, net.backend.dtype) == ("cross_entropy", "float64")


@pytest.mark.parametrize(
    ("text", "limit"),
    [("0", 0), ("100", 100), ("7B", 7), ("20kb", 20_000), ("100MB", 10**8), ("1.5 GB", 15 * 10**8)],
)
def test_a_memory_limit_reaches_the_training(text, limit, monkeypatch):
    given = []
    original = Network.iter_fit

    def iter_fit(self, *args, memory_limit, **keywords):
        given.append(memory_limit)
        return original(self, *args, memory_limit=memory_limit, **keywords)

    monkeypatch.setattr(Network, "iter_fit", iter_fit)
    options = ["--epochs", "1", "--batch-size", "2", "--quiet"]
    assert main([*TRAIN.split(), *options, "--memory-limit", text]) == 0
    assert given == [limit]


def test_an_existing_file_needs_force(tmp_path, capsys):
    (tmp_path / "mine.npz").write_bytes(b"precious")
    assert main([*TRAIN.split(), "--epochs", "1", "--output", "mine.npz"]) == 2
    assert "mine.npz, which exists. Add --force" in capsys.readouterr().err
    assert (tmp_path / "mine.npz").read_bytes() == b"precious"
    assert main([*TRAIN.split(), "--epochs", "1", "--quiet", "--output", "mine.npz", "--force"]) == 0
    assert Network.load(tmp_path / "mine.npz").sizes == [6, 30, 4]


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("", 2, "required: COMMAND"),
        ("fly", 2, "invalid choice: 'fly'"),
        ("train --sizes 784 ten", 2, "--sizes: expected a whole number, got 'ten'"),
        (f"{TRAIN} --sizes 6", 2, "--sizes: expected an input and at least one layer"),
        (f"{TRAIN} --sizes 6 0 10", 2, "--sizes: expected whole numbers, at least 1 neuron in each layer, got 0"),
        (f"{TRAIN} --sizes 100 10", 2, "--sizes: expected 6 first, for so many numbers has an example, got 100."),
        (f"{TRAIN} --sizes 6 3", 2, "--sizes: expected 4 last, an output for each of what y asks, got 3."),
        (f"{TRAIN} --hidden-activation sigmod", 2, "anynet: --hidden-activation: expected one of"),
        (f"{TRAIN} --output-activation tanh --cost cross_entropy", 2, "anynet: --cost: expected one of the pairs"),
        (
            f"{TRAIN} --cost cubic",
            2,
            f"anynet: --cost: expected one of {NAMES}, got",
        ),
        (f"{TRAIN} --epochs 0", 2, "anynet: --epochs: expected at least 1, got 0"),
        (f"{TRAIN} --batch-size 0", 2, "anynet: --batch-size: expected "),
        (f"{TRAIN} --batch-size -3", 2, "anynet: --batch-size: expected "),
        (f"{TRAIN} --learning-rate -1", 2, "anynet: --learning-rate: expected a finite number above 0, got -1.0"),
        (f"{TRAIN} --learning-rate nan", 2, "--learning-rate: expected a finite number above 0"),
        (f"{TRAIN} --learning-rate 0", 2, "--learning-rate: expected a finite number above 0"),
        (f"{TRAIN} --backend numpi", 2, "anynet: --backend: expected one of numpy, cupy, torch"),
        (f"{TRAIN} --backend array_api_strict --device device9", 2, "--device: expected one of CPU_DEVICE"),
        (f"{TRAIN} --dtype float16", 2, "--dtype: expected one of float32, float64"),
        ("train --output no/such/folder/x.npz", 2, "--output: expected a folder that can be written to"),
        (f"{TRAIN} --seed -1", 2, "--seed: expected"),
        ("train --threads 0", 2, "--threads: expected a whole number, 1 to 1024, got '0'"),
        ("train --threads 99999999999999999999", 2, "--threads: expected a whole number, 1 to 1024, got '9999"),
        (
            f"train --memory-limit {400 * '9'}",
            2,
            "--memory-limit: expected a number of bytes, or one with KB, MB or GB",
        ),
        (f"train --batch-size {9000 * '9'}", 2, "9999..."),
        ("train --batch-size \x1b[2J", 2, r"--batch-size: expected a whole number, got '\x1b[2J'"),
        ("train --epochs \u0663", 2, "--epochs: expected a whole number, got '\u0663'"),
        ("train --epochs 1_0", 2, "--epochs: expected a whole number, got '1_0'"),
        ("train --epochs 2.5", 2, "--epochs: expected a whole number, got '2.5'"),
        ("train --learning-rate 0_1", 2, "--learning-rate/--eta: expected a number, got '0_1'"),
        ("train --l2 \u0663.5", 2, "--l2: expected a number, got '\u0663.5'"),
        ("train --device \xb2", 2, "--device: expected None or 'cpu' for numpy, got '\xb2'."),
        ("train --device \u0663", 2, "--device: expected a whole number, got '\u0663'"),
        (f"train --device {5000 * '9'}", 2, "--device: expected a whole number, got '999"),
        ("train --threads \u0663", 2, "--threads: expected a whole number, 1 to 1024, got '\u0663'"),
        (
            "train --image-size \u0663",
            2,
            "--image-size: expected a number of pixels, or two such as 32x48, got '\u0663'",
        ),
        ("train --threads -2", 2, "--threads: expected a whole number, 1 to 1024, got '-2'"),
        ("evaluate x.npz --threads 1.5", 2, "--threads: expected a whole number, 1 to 1024, got '1.5'"),
        ("predict x.npz x.png --threads two", 2, "--threads: expected a whole number, 1 to 1024, got 'two'"),
        (
            "train --memory-limit much",
            2,
            "--memory-limit: expected a number of bytes, or one with KB, MB or GB, got 'much'",
        ),
        ("train --memory-limit 100TB", 2, "got '100TB'"),
        ("train --memory-limit=-5MB", 2, "got '-5MB'"),
        ("train --validation-fraction 0.1", 2, "--validation-fraction: expected other --data with it"),
        ("train --data absent.npz", 1, "absent.npz: No such file or directory"),
        (
            f"train --data {DATA} {DATA}",
            2,
            "--data: expected data.npz alone, for it holds its own y, got data.npz too.",
        ),
        ("train --data a b c", 2, "--data: expected one file, or IDX files"),
        ("predict absent.npz x.png", 1, "absent.npz: No such file or directory"),
        ("predict", 2, "required: FILE, IMAGE"),
        ("show-digit", 2, "required: INDEX"),
        ("show-digit x", 2, "INDEX: expected a whole number, got 'x'"),
        ("show-digit -1", 2, "INDEX: expected 0 to 9999, for there are 10,000 test images, got -1."),
        ("show-digit 10000", 2, "INDEX: expected 0 to 9999, for there are 10,000 test images, got 10000."),
        ("show-digit 60000 --train", 2, "INDEX: expected 0 to 59999, for there are 60,000 training images, got 60000."),
        ("show-digit 0 --output .", 2, "--output: expected a file, got the folder '.'"),
        ("evaluate absent.npz", 1, "absent.npz: No such file or directory"),
        ("evaluate .", 1, ".: expected a file, got a folder. Name a file in it."),
        ("evaluate x.npz --backend strict", 2, "--backend: expected one of numpy"),
        ("predict x.npz x.png --device 7", 2, "--device: expected None or 'cpu' for numpy, got 7"),
        (f"{TRAIN} --output .", 2, "--output: expected a file, got the folder '.'"),
        (f"{TRAIN} --output ..", 2, "--output: expected a file, got the folder '..'"),
        (f"{TRAIN} --output sub/", 2, "--output: expected a file, got the folder 'sub/'"),
        ("show-digit 0 --output sub/", 2, "--output: expected a file, got the folder 'sub/'"),
        ("evaluate", 2, "FILE: expected a saved network"),
        ("evaluate --data iris.npz", 2, "FILE: expected a saved network"),
        ("evaluate --data data.npz absent.npz", 1, "absent.npz: No such file"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(command, code, message, capsys, tmp_path):
    try:
        assert main(command.split()) == code
    except SystemExit as exit_:
        assert exit_.code == code  # noqa: PT017
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
    assert err.startswith("anynet")
    assert [p.name for p in tmp_path.iterdir()] == [DATA]


def function_of_ours(body):
    """Return a function that stands in a file of anynet, as far as Python can tell."""
    namespace = {"__name__": "anynet.somewhere"}
    exec(f"def ours(*arguments, **keywords):\n    {body}", namespace)
    return namespace["ours"]


BUGS = {  # some of them in words much like ours
    "one, two = [1, 2, 3]": "ValueError: too many values to unpack (expected 2)",
    "len(None)": "TypeError: object of type 'NoneType' has no len()",
    "import numpy; numpy.ones(2) + numpy.ones(3)": "ValueError: operands could not be broadcast together",
    "from anynet.network import Nonsense": "ImportError: cannot import name 'Nonsense'",
    "raise ValueError(f'x: expected {keywords.nothing}')": "AttributeError: 'dict' object has no attribute 'nothing'",
    "{}['w3']": "KeyError: 'w3'",
    "raise KeyError('w3')": "KeyError: 'w3'",
    "assert not keywords and not arguments": "AssertionError: AssertionError",
    "ours()": "RecursionError: maximum recursion depth exceeded",
}


@pytest.mark.parametrize(("body", "words"), BUGS.items())
@pytest.mark.parametrize("command", [TRAIN, "evaluate four.npz --data data.npz"])
def test_a_mistake_of_ours_is_not_told_as_the_users(command, body, words, monkeypatch, capsys):
    Network([6, 4]).save("four.npz")
    monkeypatch.setattr(datasets, "read_data", function_of_ours(body))
    assert main(command.split()) == errors.OUR_MISTAKE == 70
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"anynet: this is a mistake of anynet's own, not yours: {words}")
    assert err.endswith(". Run again with --traceback, and report it.\n")
    assert err.count("\n") == 1


REFUSALS = {
    "raise ValueError('x: expected 1, got 2.')": "x: expected 1, got 2.",
    "raise TypeError('x: expected a number.') from None": "x: expected a number.",
    "raise ImportError('Pillow is not installed.')": "Pillow is not installed.",
    "raise RuntimeError('no CUDA device was found.')": "no CUDA device was found.",
    "raise FloatingPointError('epoch 0: expected finite parameters.')": "epoch 0: expected finite parameters.",
    "import numpy; numpy.ones(2**50)": "Unable to allocate 8.00 PiB",  # the machine's state, whoever tells it
    "open('absent')": "absent: No such file or directory.",
}


@pytest.mark.parametrize(("body", "words"), REFUSALS.items())
def test_a_refusal_and_a_full_machine_are_told_in_their_words(body, words, monkeypatch, capsys):
    Network([6, 4]).save("four.npz")
    monkeypatch.setattr(datasets, "read_data", function_of_ours(body))
    assert main(["evaluate", "four.npz", "--data", DATA]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"anynet: {words}")
    assert err.count("\n") == 1


def test_a_bug_while_training_loses_nothing(monkeypatch, capsys):
    bug = function_of_ours("len(None)")
    for works, told in (
        ([], "Nothing was learnt, and nothing saved."),
        ([batches.shuffled], "What was learnt so far is in network.npz."),
    ):
        rest = iter(works)
        with monkeypatch.context() as patched:
            patched.setattr(batches, "shuffled", lambda *given, rest=rest: next(rest, bug)(*given))
            assert main(TRAIN.split()) == 70
        first, second = capsys.readouterr().err.splitlines()
        assert first == f"Stopped. {told}"
        assert second.startswith("anynet: this is a mistake of anynet's own")
        assert Path("network.npz").exists() is bool(works)
    assert Network.load("network.npz").sizes == [6, 30, 4]


def test_a_bug_is_not_taken_for_a_picture_that_cannot_be_read(seven, monkeypatch, capsys, tmp_path):
    save_png(tmp_path / "digit.png", mnist_test_images()[0][0])
    monkeypatch.setattr(datasets, "to_mnist", function_of_ours("one, two = [1, 2, 3]"))
    assert main(["predict", str(seven), "digit.png"]) == 70
    assert "could not be read" not in capsys.readouterr().err


def test_a_command_that_does_not_load_is_told_too(monkeypatch, capsys):
    monkeypatch.setattr("anynet.commands.import_module", function_of_ours("from anynet.network import Nonsense"))
    assert main(["info"]) == 70
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["info", "--traceback"]) == 70
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("position", ["before", "after"])
@pytest.mark.parametrize(
    ("command", "code", "last"),
    [
        (f"{TRAIN} --epochs 0", 2, "anynet: --epochs: expected at least 1, got 0."),
        ("evaluate absent.npz", 1, "anynet: absent.npz: No such file or directory."),
        (
            f"{TRAIN} --cost bug",
            70,
            "anynet: this is a mistake of anynet's own, not yours: KeyError: 'w3'. Report it, with the lines above.",
        ),
    ],
)
def test_a_traceback_is_shown_where_it_is_asked_for(command, code, last, position, monkeypatch, capsys):
    if "bug" in command:
        monkeypatch.setattr(Network, "__init__", function_of_ours("{}['w3']"))
    words = command.split()
    assert main(["--traceback", *words] if position == "before" else [*words, "--traceback"]) == code
    err = capsys.readouterr().err.splitlines()
    assert err[0] == "Traceback (most recent call last):"
    assert any(line.strip().startswith("File ") and ", in run" in line for line in err)
    assert err[-1] == last


def test_the_table_names_each_file_that_holds_a_command():
    folder = Path(anynet.__file__).parent / "commands"
    modules = {path.stem: import_module(f"anynet.commands.{path.stem}") for path in folder.glob("[a-z]*.py")}
    found = {name.replace("_", "-") for name, m in modules.items() if hasattr(m, "run") and hasattr(m, "add_options")}
    assert found == set(COMMANDS)


def help_of(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as caught:
        main([*command.split(), "--help"])
    assert caught.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_a_terminal(command, capsys, monkeypatch):
    text = help_of(command, capsys, monkeypatch)
    assert text.startswith(f"usage: anynet {command or 'COMMAND'}")
    assert "--traceback" in text
    assert max(map(len, text.splitlines())) <= 80


def test_help_lists_every_command_with_its_purpose(capsys, monkeypatch):
    lines = [line.split(maxsplit=1) for line in help_of("", capsys, monkeypatch).splitlines()]
    assert all([name, purpose] in lines for name, purpose in COMMANDS.items())


def test_help_lists_the_exit_codes(capsys, monkeypatch):
    listed = {int(n) for n in re.findall(r"\b\d+\b", help_of("", capsys, monkeypatch).partition("exit codes:")[2])}
    ends = {signals.exit_code(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    assert listed == {0, errors.FAILURE, errors.USAGE, errors.OUR_MISTAKE} | ends


def test_help_of_train_lists_what_the_tables_hold(capsys, monkeypatch):
    text = " ".join(help_of("train", capsys, monkeypatch).split())
    names = {*backends.LIBRARIES, *backends.DTYPES, *ACTIVATIONS, *(cost.name for cost in COSTS.values())}
    assert [name for name in names if not re.search(rf"\b{name}\b", text)] == []
    assert all(f"{cost.learning_rate} with {cost.name}" in text for cost in COSTS.values())
    assert [
        name for name in (*OPTIMIZERS, *SCHEDULES) if not re.search(rf"\b{name}\b", text) and name != "warmup"
    ] == []
    assert "0.01 for values" in text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", SGD(3.0)),
        ("--cost cross_entropy", SGD(0.5)),
        ("--eta 0.25", SGD(0.25)),
        ("--hidden-activation relu --output-activation softmax", Adam()),
        ("--hidden-activation relu --eta 0.25", SGD(0.25)),
        ("--optimizer adamw", AdamW()),
        ("--optimizer momentum --eta 0.02 --schedule cosine", Momentum(Cosine(0.02))),
        ("--optimizer adam --schedule linear --schedule-epochs 5", Adam(Linear(0.001, epochs=5))),
        ("--schedule step", SGD(StepDecay(3.0, epochs=10))),
        ("--schedule plateau --warmup-steps 4", SGD(Warmup(Plateau(3.0), steps=4))),
        ("--warmup-steps 4 --schedule constant", SGD(Warmup(3.0, steps=4))),
    ],
)
def test_train_learns_by_what_was_asked_for_or_suits(options, expected, monkeypatch):
    seen, iter_fit = [], Network.iter_fit

    def watched(net, *data, **how):
        seen.append(how["optimizer"])
        return iter_fit(net, *data, **how)

    monkeypatch.setattr(Network, "iter_fit", watched)
    assert main([*TRAIN.split(), "--epochs", "1", "--quiet", *options.split()]) == 0
    assert seen == [expected]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--optimizer adm", "--optimizer: expected one of sgd, momentum, nesterov, rmsprop, adam, adamw, got 'adm'"),
        ("--schedule warmup", "--schedule: expected one of constant, step, exponential, linear, cosine"),
        ("--schedule cosine --schedule-epochs 0", "--schedule-epochs: expected at least 1, got 0"),
        ("--schedule-epochs 3", "--schedule-epochs: expected a schedule that has a length, got constant"),
        ("--schedule plateau --schedule-epochs 3", "--schedule-epochs: expected a schedule that has a length"),
        ("--warmup-steps 0", "--warmup-steps: expected at least 1, got 0"),
        ("--optimizer adam --eta 0", "--learning-rate: expected a finite number above 0"),
    ],
)
def test_what_no_optimizer_or_schedule_is_made_of(options, message, capsys):
    assert main([*TRAIN.split(), *options.split()]) == 2
    assert capsys.readouterr().err.startswith(f"anynet: {message}")


@pytest.mark.parametrize("option", ["--output", "--out"])
@pytest.mark.parametrize("rate", ["--learning-rate", "--eta"])
def test_options_have_the_words_of_before_and_of_the_book(option, rate):
    assert main([*TRAIN.split(), "--epochs", "1", "--quiet", option, "mine", rate, "0.1"]) == 0
    assert Path("mine.npz").exists()


def test_the_network_is_saved_under_a_name_that_is_free(capsys):
    for name in ("network.npz", "network-1.npz", "network-2.npz"):
        assert main([*TRAIN.split(), "--epochs", "1"]) == 0
        assert capsys.readouterr().out.endswith(f"Saved the network of epoch 0, to {name}\n")
        assert Path(name).exists()


def save_png(path, digit, scale=5):
    """Save a digit of MNIST as a picture of dark ink on light paper, `scale` times as large."""
    image = pytest.importorskip("PIL.Image")
    pixels = 255 - np.kron(digit.reshape(28, 28), np.ones((scale, scale), np.uint8))
    image.fromarray(pixels).save(path)


@pytest.fixture
def seven():
    """A network that takes everything for a 7, in a file."""
    net = Network([784, 10], output="softmax")
    net.weights, net.biases = [np.zeros((10, 784))], [5.0 * (np.arange(10) == 7)[:, None]]
    return net.save("seven.npz")


def test_predict_reads_idx_files_image_by_image(seven, capsys, tmp_path):
    header = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (3, 28, 28))
    (tmp_path / "digits").write_bytes(header + mnist_test_images()[0][:3].tobytes())
    assert main(["predict", str(seven), "digits"]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [f"digits[{i}]" for i in range(3)]


@pytest.mark.parametrize(
    ("command", "owner", "name"),
    [
        (f"{TRAIN} --epochs 1 --quiet", batches, "shuffled"),
        ("evaluate four.npz --data data.npz", Network, "confusion_matrix"),
        ("predict seven.npz digit.png", Network, "feedforward"),
    ],
)
def test_threads_are_limited_while_a_command_computes(command, owner, name, seven, monkeypatch, tmp_path):
    save_png(tmp_path / "digit.png", mnist_test_images()[0][0])
    Network([6, 4]).save("four.npz")
    seen, plain = set(), getattr(owner, name)

    def blas_threads():
        return {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}

    def watched(*arguments, **keywords):
        seen.update(blas_threads())
        return plain(*arguments, **keywords)

    monkeypatch.setattr(owner, name, watched)
    with threadpoolctl.threadpool_limits(2):
        before = blas_threads()
        assert main([*command.split(), "--threads", "1"]) == 0
        assert seen == {1}
        assert blas_threads() == before


def test_predict_goes_on_after_what_is_no_image(seven, capsys, tmp_path):
    (tmp_path / "text.png").write_text("hello")
    save_png(tmp_path / "digit.png", mnist_test_images()[0][0])
    assert main(["predict", str(seven), "text.png", "absent.png", "digit.png"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("digit.png: 7")
    lines = err.splitlines()
    assert lines[0].startswith("anynet: text.png: expected an image")
    assert lines[1].startswith("anynet: absent.png: No such file")
    assert lines[2] == "anynet: 2 of 3 files could not be read as what the network takes."


def test_predict_needs_a_network_for_images(capsys):
    path = Network([4, 3]).save("small.npz")
    save_png("digit.png", mnist_test_images()[0][0])
    assert main(["predict", str(path), "digit.png"]) == 1
    err = capsys.readouterr().err
    assert "digit.png: expected an .npz, CSV or IDX file of rows, for small.npz takes no images of 28 x 28 " in err
    assert "got a PNG picture" in err


def test_show_without_matplotlib_is_text_and_tells_what_a_picture_needs(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["show-digit", "4", "--output", "digit.png"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("test image 4: 4\n")
    assert err == "anynet: matplotlib is not installed. Install it with: pip install 'anynet-nn[plot]'\n"
    assert [p.name for p in tmp_path.iterdir()] == [DATA]


def own_data(rng, n=300):
    y = np.arange(n) % 3
    return 3 * np.eye(3)[y] + rng.standard_normal((n, 3)), y


def test_train_on_ones_own_data(capsys, rng):
    x, y = own_data(rng)
    np.savez("own.npz", x=x, y=y)
    assert (
        main(["train", "--data", "own.npz", "--validation-fraction", "0.2", "--epochs", "20", "--output", "own-net"])
        == 0
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Training [3, 30, 3] on numpy (cpu), float32; output: own-net.npz", "240 examples"]
    assert re.fullmatch(r"Epoch 19: \d+ / 60", lines[21])
    right = [int(line.split(": ")[1].split(" / ")[0]) for line in lines[2:22]]
    said = (
        f"Saved the network of epoch {right.index(max(right))}, {max(right)} / 60 on the validation data, the best, to "
    )
    assert lines[-1] == f"{said}own-net.npz"
    assert main(["evaluate", "own-net.npz", "--data", "own.npz", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] > 0.9


def test_the_first_epoch_with_most_right_answers_is_saved(capsys, monkeypatch):
    right = [3, 9, 9, 5]
    reports = [Report(epoch, 4, 30, 30, 0.25, {"validation_accuracy": n / 10}, n) for epoch, n in enumerate(right)]
    monkeypatch.setattr(Network, "iter_fit", lambda *arguments, **keywords: iter(reports))
    assert main([*TRAIN.split(), "--validation-fraction", "0.25"]) == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        *(f"Epoch {epoch}: {n} / 10" for epoch, n in enumerate(right)),
        "1.0 s of training, 120 examples per second",
        "Saved the network of epoch 1, 9 / 10 on the validation data, the best, to network.npz",
    ]


@pytest.mark.parametrize(
    ("costs", "end"),
    [
        ([3.0, 0.5, 0.25], "epoch 2, cost 0.25 on the validation data, the best, to network.npz"),
        ([3.0, 0.25, 0.5], "epoch 1, cost 0.25 on the validation data, the best, to network.npz"),
        ([0.5, 0.5, 0.5], "epoch 0, cost 0.5 on the validation data, the best, to network.npz"),
    ],
)
def test_what_is_said_to_be_saved_is_what_the_file_holds(costs, end, capsys, monkeypatch):
    reports = [Report(epoch, 3, 30, 30, 0.25, {"validation_cost": cost}) for epoch, cost in enumerate(costs)]
    monkeypatch.setattr(Network, "iter_fit", lambda *arguments, **keywords: iter(reports))
    assert main([*TRAIN.split(), "--validation-fraction", "0.25"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"Saved the network of {end}"


def test_the_data_to_judge_by_are_those_of_the_seeds_stream(capsys, rng):
    x, y = own_data(rng)
    np.savez("own.npz", x=x / 3, y=y)  # not too easy
    assert main(["train", "--data", "own.npz", "--validation-fraction", "0.25", "--seed", "3", "--epochs", "1"]) == 0
    told = re.search(r"Epoch 0: (\d+) / 75", capsys.readouterr().out)[1]
    _, held_out = datasets.split(datasets.read_data("own.npz"), 0.25, random.spawn(3).split)
    assert Network.load("network.npz").evaluate(held_out) == int(told)


def test_train_without_validation_tells_the_cost_in_training(capsys, rng):
    x, y = own_data(rng)
    np.savez("own.npz", x=x, y=y)
    assert main(["train", "--data", "own.npz", "--epochs", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()[2:4]
    assert [re.sub(r"0\.\d+$", "...", line) for line in lines] == ["Epoch 0: cost ...", "Epoch 1: cost ..."]


def test_train_a_regression_reports_its_cost(capsys, rng):
    x = rng.standard_normal((200, 2))
    np.savez("own.npz", x=x, y=x @ [[1.0], [2.0]])
    options = "--sizes 2 1 --output-activation identity --eta 0.1 --epochs 30 --validation-fraction 0.1"
    assert main(f"train --data own.npz {options}".split()) == 0
    last = capsys.readouterr().out.splitlines()[31]
    assert float(re.fullmatch(r"Epoch 29: cost (\S+)", last)[1]) < 1e-6


def test_train_on_idx_files(capsys, tmp_path):
    x, y = (a[:500].astype(np.uint8) for a in mnist_test_images())
    sizes = b"".join(n.to_bytes(4, "big") for n in (500, 28, 28))
    (tmp_path / "images").write_bytes(b"\0\0\x08\x03" + sizes + x.tobytes())
    (tmp_path / "labels").write_bytes(b"\0\0\x08\x01" + sizes[:4] + y.tobytes())
    assert main(["train", "--data", "images", "labels", "--epochs", "1", "--validation-fraction", "0.1"]) == 0
    assert "Training [784, 30, 10]" in capsys.readouterr().out


def test_training_that_diverges_at_once_says_so_in_one_line_and_saves_nothing(capsys, rng):
    x = rng.standard_normal((200, 2))
    np.savez("own.npz", x=x, y=x @ [[1.0], [2.0]])
    options = "--sizes 2 9 1 --hidden-activation relu --output-activation identity --eta 1e30 --epochs 3"
    assert main(f"train --data own.npz {options}".split()) == 1
    err = capsys.readouterr().err.splitlines()
    assert err[0] == "Stopped. Nothing was learnt, and nothing saved."
    assert re.match(
        r"anynet: epoch 0: expected finite parameters and costs, got NaN or infinity\. .*learning rate", err[1]
    )
    assert len(err) == 2
    assert not Path("network.npz").exists()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_training_that_diverges_later_saves_the_last_good_epoch(capsys, rng, monkeypatch):
    x = rng.standard_normal((200, 2))
    np.savez("own.npz", x=x, y=x @ [[1.0], [2.0]])
    monkeypatch.setattr(SGD, "numbers", lambda optimizer, step: (0.1 if step < 40 else 1e30,))
    command = "train --data own.npz --sizes 2 1 --output-activation identity --epochs 5"
    assert main(command.split()) == 1
    assert capsys.readouterr().err.startswith("Stopped. What was learnt so far is in network.npz.\n")
    assert Network.load("network.npz").weights[0][0] == pytest.approx([1, 2], abs=0.1)


def test_values_need_one_output_and_labels_may_have_gaps(capsys, rng):
    x = rng.standard_normal((50, 2))
    np.savez("values.npz", x=x, y=x[:, 0] + 3)
    assert (
        main(["train", "--data", "values.npz", "--output-activation", "identity", "--eta", "0.1", "--epochs", "1"]) == 0
    )
    assert "Training [2, 30, 1]" in capsys.readouterr().out
    for highest in (20, 10**9, 2**63):
        np.savez("labels.npz", x=x, y=np.where(np.arange(50) % 2, highest, 10).astype(np.uint64))
        assert main(["train", "--data", "labels.npz", "--epochs", "1", "--quiet", "--output", "n", "--force"]) == 0
        net = Network.load("n")
        assert (net.sizes, net.class_names) == ([2, 30, 2], ("10", str(highest)))


@pytest.mark.filterwarnings("default::UserWarning")
def test_quiet_is_silent_about_warnings_too(capsys, rng):
    np.savez("bits.npz", x=np.ones((50, 2), np.uint8), y=np.arange(50) % 2)
    assert main(["train", "--data", "bits.npz", "--epochs", "1", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["train", "--data", "bits.npz", "--epochs", "1"]) == 0
    assert "no value here exceeds 1" in capsys.readouterr().err


def test_a_network_of_one_output_tells_two_classes_apart(capsys, tmp_path):
    net = Network([784, 1])
    for bias, answer in ((5.0, "1"), (-5.0, "0")):
        net.weights, net.biases = [np.zeros((1, 784))], [[[bias]]]
        (tmp_path / "image").write_bytes(
            b"\0\0\x08\x02" + bytes([0, 0, 0, 28] * 2) + mnist_test_images()[0][0].tobytes()
        )
        assert main(["predict", str(net.save("net")), "image", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["answer"] == answer


def test_a_name_as_long_as_they_may_be_holds_a_network(tmp_path):
    assert main([*TRAIN.split(), "--epochs", "1", "--quiet", "--output", "a" * 251]) == 0
    assert Network.load(tmp_path / f"{'a' * 251}.npz").sizes == [6, 30, 4]


def test_two_runs_at_once_keep_a_network_each(tmp_path, monkeypatch):
    iter_fit = Network.iter_fit

    def and_another_run_meanwhile(self, *arguments, **keywords):
        (tmp_path / "network.npz").write_bytes(b"precious")
        return iter_fit(self, *arguments, **keywords)

    monkeypatch.setattr(Network, "iter_fit", and_another_run_meanwhile)
    assert main([*TRAIN.split(), "--epochs", "1", "--quiet"]) == 0
    assert (tmp_path / "network.npz").read_bytes() == b"precious"
    assert Network.load(tmp_path / "network-1.npz").sizes == [6, 30, 4]


def test_runs_that_save_at_the_same_moment_lose_nothing(tmp_path, monkeypatch):
    """Each has found the name free before any of them has saved."""
    monkeypatch.setattr(options, "free_path", lambda path: path)
    for seed in range(4):
        assert main([*TRAIN.split(), "--epochs", "1", "--quiet", "--seed", str(seed)]) == 0
    assert len([*tmp_path.glob("network*.npz")]) == 4


def test_the_network_may_stand_behind_the_data(capsys):
    Network([6, 4]).save("four.npz")
    assert main(["evaluate", "four.npz", "--data", DATA, "--json"]) == 0
    assert main(["evaluate", "--data", DATA, "four.npz", "--json"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == second


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_a_confusion_matrix_fits_the_terminal(columns, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    net = Network([6, 4])
    net.class_names = ("setosa", "versicolor", "virginica", "another")
    net.save("four.npz")
    assert main(["evaluate", "four.npz", "--data", DATA]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= max(columns, 22)  # a name and one column at the least
    table = out.split("\n\n", 1)[1]
    assert [table.split().count(name) for name in net.class_names] == [1 + {20: 4, 40: 2, 80: 1}[columns]] * 4


@pytest.mark.parametrize(
    ("encoding", "names"), [("ascii", ("\\xe9t\\xe9", "\\u732b")), ("utf-8", ("\u00e9t\u00e9", "\u732b"))]
)
def test_a_confusion_matrix_stands_straight_whatever_the_terminal_shows(encoding, names, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    net = Network([6, 4])
    net.class_names = ("\u00e9t\u00e9", "\u732b", "dog", "bird")
    net.save("four.npz")
    assert main(["evaluate", "four.npz", "--data", DATA]) == 0
    table = stream.buffer.getvalue().decode(encoding).split("\n\n", 1)[1].splitlines()
    assert (table[1].split()[0], table[2].split()[0]) == names
    widths = {len(line) + line.count("\u732b") for line in table[:5]}  # that character takes two columns
    assert len(widths) == 1


@pytest.mark.parametrize("given", [["class number 1", "class number 2", "class number 3", "x"], None])
def test_a_matrix_names_classes_so_that_they_are_told_apart_and_json_names_them_whole(given, capsys):
    net = Network([6, 4])
    net.class_names = given
    net.save("four.npz")
    assert main(["evaluate", "four.npz", "--data", DATA]) == 0
    header = capsys.readouterr().out.split("\n\n", 1)[1].splitlines()[0]
    seen = [header[place : place + 13].strip() for place in range(12, 64, 13)] if given else header.split()
    assert seen == (
        ["class\u2026mber 1", "class\u2026mber 2", "class\u2026mber 3", "x"] if given else ["0", "1", "2", "3"]
    )
    assert main(["evaluate", "four.npz", "--data", DATA, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == given


def test_of_many_classes_the_most_frequent_confusions_are_listed(capsys, rng):
    names = [f"class number {i:03}" for i in range(30)]
    net = Network([3, 30])
    net.weights, net.biases = [np.zeros((30, 3))], [np.eye(30)[:, [7]] * 9]  # all is taken for one
    net.class_names = names
    net.save("many.npz")
    y = np.repeat(np.arange(30), np.arange(30) + 1)
    np.savez("many-data.npz", x=np.zeros((len(y), 3)), y=y)
    assert main(["evaluate", "many.npz", "--data", "many-data.npz"]) == 0
    first, *listed, last = capsys.readouterr().out.splitlines()
    assert first == "many.npz: 8 / 465 right, 1.72 %"
    wrong = [i for i in range(29, -1, -1) if i != 7][:20]
    assert listed == [f"  {names[i]} -> {names[7]}: {i + 1}" for i in wrong]
    assert last == "(what they are -> what they are taken for, 20 of 29 confusions; --json prints all)"
    np.savez("many-data.npz", x=np.zeros((4, 3)), y=[7, 7, 7, 7])
    assert main(["evaluate", "many.npz", "--data", "many-data.npz"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "(what they are -> what they are taken for, 0 of 0 confusions; --json prints all)"
    ]


def test_help_says_that_nothing_is_judged_without_a_fraction(capsys, monkeypatch):
    assert "by default none, and nothing is judged" in " ".join(help_of("train", capsys, monkeypatch).split())


def test_one_thread_is_one(monkeypatch, capsys):
    pools = [{"user_api": "blas", "num_threads": 1}]
    monkeypatch.setattr("anynet.commands.info.threadpool_info", lambda: pools)
    assert main(["info"]) == 0
    assert re.search(r", 1 thread$", capsys.readouterr().out, re.M)


@pytest.mark.parametrize(
    ("name", "told"), [("cupy", "cupy"), ("numpy", "numpy, for CuPy is not usable: the reason stands above")]
)
def test_info_says_what_auto_is(name, told, monkeypatch, capsys):
    found = replace(backends.get("numpy"), name=name)
    monkeypatch.setattr(backends, "get", lambda asked: found if asked == "auto" else None)
    assert main(["info"]) == 0
    assert f"\n  auto              {told}\n" in capsys.readouterr().out


def test_what_is_told_is_folded_to_the_terminal_and_what_is_copied_stays_whole(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")
    say("  cupy  Install it with: pip install 'anynet-nn[cuda12-a-long-name]'", hanging=8)
    say("")
    say("next")
    assert capsys.readouterr().out.splitlines() == [
        "  cupy  Install it",
        "        with: pip",
        "        install",
        "        'anynet-nn[cuda12-a-long-name]'",
        "",
        "next",
    ]


@pytest.mark.parametrize("option", ["--output", "--history", "--epochs", "--names"])
def test_two_dashes_are_no_value_of_an_option(option, capsys):
    with pytest.raises(SystemExit) as told:
        main(["train", f"{option}=--"])
    assert told.value.code == 2
    assert f"argument {option}: expected a value, got --." in capsys.readouterr().err
    main(["info", "--", "--output=--"])  # a file that is called so
    assert "--output=--: No such file" in capsys.readouterr().err
