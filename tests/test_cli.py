"""The command line, as a person meets it: output, files, exit codes, one line per mistake."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import why_absent

from anynet import Network, __version__, datasets, plots
from anynet.cli import main


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def anynet(*arguments, **keywords):
    return subprocess.run(
        [sys.executable, "-m", "anynet", *arguments], capture_output=True, text=True, check=False, **keywords
    )


def test_train_shows_the_books_lines_and_saves_a_network_that_evaluate_counts_alike(capsys):
    assert main(["train", "--epochs", "2"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[:2] == ["Training [784, 30, 10] on numpy (cpu), float32", "50,000 examples; out: brain.npz"]
    assert re.fullmatch(r"Epoch 0: \d{4} / 10000", lines[2])
    last = re.fullmatch(r"Epoch 1: (\d{4}) / 10000", lines[3])[1]
    assert int(last) > 9000
    assert re.fullmatch(r"Best: \d{4} / 10000, epoch [01], chosen on the test images", lines[4])
    assert re.fullmatch(r"[\d.]+ s of training, [\d,]+ examples per second", lines[5])
    assert lines[6:] == ["Saved the network to brain.npz"]
    assert main(["evaluate", "brain.npz"]) == 0
    assert f"brain.npz: {last} / 10000 right, {int(last) / 100:.2f} %" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_network_and_files_are_numbered(tmp_path):
    for seed in ("1", "1", "2"):
        assert main(["train", "--epochs", "1", "--quiet", "--seed", seed]) == 0
    a, b, c = (Network.load(tmp_path / f"{name}.npz") for name in ("brain", "brain-1", "brain-2"))
    assert np.array_equal(a.weights[0], b.weights[0])
    assert not np.array_equal(a.weights[0], c.weights[0])


def test_quiet_prints_nothing(capsys):
    assert main(["train", "--epochs", "1", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_options_reach_the_network(tmp_path):
    options = "--sizes 784 20 15 10 --hidden-activation relu --output-activation softmax --cost cross_entropy"
    options += " --batch-size 50 --eta 0.2 --dtype float64 --backend array_api_strict --device device1"
    assert main(["train", "--epochs", "1", "--quiet", "--out", "net", *options.split()]) == 0
    net = Network.load(tmp_path / "net.npz")
    assert net.sizes == [784, 20, 15, 10]
    assert [layer.activation for layer in net.layers] == ["relu", "relu", "softmax"]
    assert (net.cost.name, net.backend.dtype) == ("cross_entropy", "float64")


@pytest.mark.parametrize(
    ("text", "limit"),
    [("0", 0), ("100", 100), ("7B", 7), ("20kb", 20_000), ("100MB", 10**8), ("1.5 GB", 15 * 10**8)],
)
def test_a_memory_limit_reaches_the_training(text, limit, monkeypatch):
    given = []
    original = Network.training

    def training(self, *args, memory_limit, **keywords):
        given.append(memory_limit)
        return original(self, *args, memory_limit=memory_limit, **keywords)

    monkeypatch.setattr(Network, "training", training)
    np.savez("data.npz", x=np.eye(4, dtype="float32"), y=np.arange(4))
    options = ["--data", "data.npz", "--epochs", "1", "--batch-size", "2", "--quiet"]
    assert main(["train", *options, "--memory-limit", text]) == 0
    assert given == [limit]


def test_streaming_changes_nothing_in_what_train_prints_and_saves(capsys):
    printed = []
    for options in ((), ("--memory-limit", "10MB")):
        assert main(["train", "--epochs", "1", "--out", f"net{len(options)}", *options]) == 0
        printed.append(re.sub(r"net\d.npz|[\d.]+ s of training, [\d,]+", "", capsys.readouterr().out))
    assert printed[0] == printed[1]
    assert all(
        np.array_equal(a, b) for a, b in zip(*(Network.load(f"net{i}.npz").weights for i in (0, 2)), strict=True)
    )


def test_an_existing_file_needs_force(tmp_path, capsys):
    (tmp_path / "mine.npz").write_bytes(b"precious")
    assert main(["train", "--epochs", "1", "--out", "mine.npz"]) == 2
    assert "mine.npz, which exists. Add --force" in capsys.readouterr().err
    assert (tmp_path / "mine.npz").read_bytes() == b"precious"
    assert main(["train", "--epochs", "1", "--quiet", "--out", "mine.npz", "--force"]) == 0
    assert Network.load(tmp_path / "mine.npz").sizes == [784, 30, 10]


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("", 2, "required: COMMAND"),
        ("fly", 2, "invalid choice: 'fly'"),
        ("train --sizes 784 ten", 2, "--sizes: invalid int value: 'ten'"),
        ("train --sizes 784", 2, "expected an input and at least one layer"),
        ("train --sizes 784 0 10", 2, "at least 1, got 0"),
        ("train --sizes 100 10", 2, "x: expected the shape (n, 100), got (50000, 784)"),
        ("train --sizes 784 3", 2, "y: expected whole labels from 0 to 2"),
        ("train --hidden-activation sigmod", 2, "Did you mean 'sigmoid'?"),
        ("train --output-activation tanh --cost cross_entropy", 2, "cost: expected one of the pairs"),
        ("train --cost cubic", 2, "cost: expected one of quadratic, cross_entropy"),
        ("train --epochs 0", 2, "epochs: expected at least 1, got 0"),
        ("train --batch-size 0", 2, "batch_size: expected 1 to 50000"),
        ("train --batch-size 60000", 2, "batch_size: expected 1 to 50000"),
        ("train --learning-rate -1", 2, "learning_rate: expected a finite number above 0, got -1.0"),
        ("train --learning-rate nan", 2, "learning_rate: expected a finite number above 0"),
        ("train --learning-rate 0", 2, "learning_rate: expected a finite number above 0"),
        ("train --backend numpi", 2, "backend: expected one of numpy, cupy, torch"),
        ("train --backend array_api_strict --device device9", 2, "device: expected one of CPU_DEVICE"),
        ("train --dtype float16", 2, "dtype: expected one of float32, float64"),
        ("train --out no/such/folder/x.npz", 2, "--out: expected a folder that can be written to"),
        ("train --seed -1", 2, "seed: expected"),
        ("train --threads 0", 2, "--threads: expected a whole number, at least 1, got '0'"),
        ("train --threads -2", 2, "--threads: expected a whole number, at least 1, got '-2'"),
        ("evaluate x.npz --threads 1.5", 2, "--threads: expected a whole number, at least 1, got '1.5'"),
        ("predict x.npz x.png --threads two", 2, "--threads: expected a whole number, at least 1, got 'two'"),
        (
            "train --memory-limit much",
            2,
            "--memory-limit: expected a number of bytes, or one with KB, MB or GB, got 'much'",
        ),
        ("train --memory-limit 100TB", 2, "got '100TB'"),
        ("train --memory-limit=-5MB", 2, "got '-5MB'"),
        ("train --validation-fraction 0.1", 2, "--validation-fraction: expected --data with it"),
        ("train --data absent.npz", 1, "absent.npz: No such file or directory"),
        ("train --data a b c", 2, "--data: expected one .npz file, or IDX files"),
        ("predict absent.npz x.png", 1, "absent.npz: No such file or directory"),
        ("predict", 2, "required: FILE, IMAGE"),
        ("show", 2, "required: INDEX"),
        ("show x", 2, "INDEX: invalid int value: 'x'"),
        ("show -1", 2, "INDEX: expected 0 to 9999, for there are 10,000 test images, got -1."),
        ("show 10000", 2, "INDEX: expected 0 to 9999, for there are 10,000 test images, got 10000."),
        ("show 60000 --train", 2, "INDEX: expected 0 to 59999, for there are 60,000 training images, got 60000."),
        ("show 0 --out .", 2, "--out: expected a new file, got ., which exists"),
        ("evaluate absent.npz", 1, "absent.npz: No such file or directory"),
        ("evaluate .", 1, "Is a directory"),
        ("evaluate x.npz --backend strict", 2, "backend: expected one of numpy"),
        ("predict x.npz x.png --device 7", 2, "device: expected None or 'cpu' for numpy, got 7"),
        ("train --out .", 2, "path: expected the name of a file, got '.'"),
        ("train --out ..", 2, "path: expected the name of a file, got '..'"),
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
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def brain(tmp_path_factory):
    """A network that has seen 10,000 images of MNIST, in a file."""
    train, _, _ = datasets.mnist()
    net = Network([784, 30, 10], output="softmax")
    net.fit(datasets.Dataset(train.x[:10_000], train.y[:10_000], train.classes), 2, 10)
    return net.save(tmp_path_factory.mktemp("brain") / "brain.npz")


def test_evaluate_prints_the_confusion_matrix_and_json(brain, capsys, mnist):
    assert main(["evaluate", str(brain)]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines()[1:])) <= 60
    assert main(["evaluate", str(brain), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    confusion, test = np.array(result["confusion"]), mnist[2]
    assert confusion.sum(axis=1).tolist() == np.bincount(test.y).tolist()
    predicted = Network.load(brain).predict(test.x)
    assert confusion[4, 9] == np.count_nonzero((test.y == 4) & (predicted == 9))
    assert result["right"] == np.trace(confusion) == np.count_nonzero(predicted == test.y)
    assert result["accuracy"] == result["right"] / 10_000
    row = next(line for line in out.splitlines() if line.startswith("4 "))
    assert [int(n.replace(".", "0")) for n in row.split()[1:]] == confusion[4].tolist()


def save_png(path, digit, scale=5):
    """Save a digit of MNIST as a picture of dark ink on light paper, `scale` times as large."""
    image = pytest.importorskip("PIL.Image")
    pixels = 255 - np.kron(digit.reshape(28, 28), np.ones((scale, scale), np.uint8))
    image.fromarray(pixels).save(path)


def test_predict_says_which_digits_pictures_show(brain, capsys, mnist, tmp_path):
    x, y = mnist[2].x[:20], mnist[2].y[:20]
    names = [f"digit{i}.png" for i in range(20)]
    for name, digit in zip(names, x, strict=True):
        save_png(tmp_path / name, digit)
    assert main(["predict", str(brain), *names]) == 0
    lines = capsys.readouterr().out.splitlines()
    pattern = r"digit\d+\.png: (\d)  \(probabilities: (\d) [\d.]+ %, \d [\d.]+ %, \d [\d.]+ %\)"
    answers = [re.fullmatch(pattern, line) for line in lines]
    assert all(a[1] == a[2] for a in answers)
    assert sum(int(a[1]) == j for a, j in zip(answers, y, strict=True)) >= 17
    assert main(["predict", str(brain), "digit0.png", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["image"], told["answer"]) == ("digit0.png", "7")
    assert sum(told["probabilities"].values()) == pytest.approx(1, abs=1e-4)


def test_predict_reads_idx_files_image_by_image(brain, capsys, mnist, tmp_path):
    header = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (3, 28, 28))
    (tmp_path / "digits").write_bytes(header + mnist[2].x[:3].tobytes())
    assert main(["predict", str(brain), "digits"]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [f"digits[{i}]" for i in range(3)]


@pytest.mark.parametrize("command", ["train --epochs 1 --quiet", "evaluate {brain}", "predict {brain} digit.png"])
def test_threads_are_limited_while_a_command_computes(brain, mnist, monkeypatch, tmp_path, command):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    save_png(tmp_path / "digit.png", mnist[2].x[0])
    seen, plain = set(), Network._forward if command[0] != "t" else Network._step

    def blas_threads():
        return {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}

    def watched(self, *arguments):
        if not seen:
            seen.update(blas_threads())
        return plain(self, *arguments)

    monkeypatch.setattr(Network, plain.__name__, watched)
    with threadpoolctl.threadpool_limits(2):
        before = blas_threads()
        assert main([*command.format(brain=brain).split(), "--threads", "1"]) == 0
        assert seen == {1}
        assert blas_threads() == before


def test_threads_without_threadpoolctl_are_one_line_with_the_cure(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert main(["train", "--threads", "1"]) == 1
    message = "anynet: threadpoolctl is not installed. Install it with: pip install 'anynet-nn[threads]'\n"
    assert capsys.readouterr() == ("", message)
    assert list(tmp_path.iterdir()) == []


def test_threads_of_jax_cannot_be_set(capsys):
    if why_absent("jax") is not None:
        pytest.skip("JAX is not installed")
    assert main(["train", "--backend", "jax", "--threads", "1"]) == 2
    assert "--threads: expected a backend that can be told, got jax" in capsys.readouterr().err


def test_predict_goes_on_after_what_is_no_image(brain, capsys, mnist, tmp_path):
    (tmp_path / "text.png").write_text("hello")
    save_png(tmp_path / "digit.png", mnist[2].x[0])
    assert main(["predict", str(brain), "text.png", "absent.png", "digit.png"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("digit.png: 7")
    lines = err.splitlines()
    assert lines[0].startswith("anynet: text.png: expected an image")
    assert lines[1].startswith("anynet: absent.png: No such file")
    assert lines[2] == "anynet: 2 of 3 files could not be read as images of a digit."


def test_predict_needs_a_network_for_images(capsys):
    path = Network([4, 3]).save("small.npz")
    assert main(["predict", str(path), "digit.png"]) == 1
    assert "expected a network that classifies images of 28 x 28, got one of 4 inputs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "label", "of_all"),
    [
        ("show 0", "test image 0: 7", ("test", 0)),
        ("show 9999", "test image 9999: 6", ("test", 9999)),
        ("show 0 --train", "training image 0: 5", ("train", 0)),
        ("show 59999 --train", "training image 59999: 8", ("validation", 9999)),
    ],
)
def test_show_draws_an_image_with_its_label(command, label, of_all, capsys, mnist, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # text needs none
    part, i = of_all
    image = dict(zip(("train", "validation", "test"), mnist, strict=True))[part].x[i]
    assert main(command.split()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == label
    assert lines[1:] == plots.as_text(image).split("\n")
    inked = [line.strip() != "" for line in lines[1:]]
    assert inked == [bool(rows.max() > 80) for rows in image.reshape(14, 56)]


def test_show_saves_a_picture(capsys, mnist, tmp_path):
    pytest.importorskip("matplotlib").use("Agg")
    assert main(["show", "4", "--out", "digit.png"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Saved the picture to digit.png"
    with pytest.importorskip("PIL.Image").open(tmp_path / "digit.png") as picture:
        grey = np.asarray(picture.convert("L").resize((60, 60)))
    assert (grey[0, 0], grey.min() < 40) == (255, True)
    assert main(["show", "5", "--out", "digit.png"]) == 2
    assert "digit.png, which exists. Give another name." in capsys.readouterr().err
    assert main(["show", "5", "--out", "digit.xyz"]) == 1
    assert capsys.readouterr().err.startswith("anynet: Format 'xyz' is not supported")


def test_show_without_matplotlib_is_text_and_tells_what_a_picture_needs(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["show", "4", "--out", "digit.png"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("test image 4: 4\n")
    assert err == "anynet: matplotlib is not installed. Install it with: pip install 'anynet-nn[plot]'\n"
    assert list(tmp_path.iterdir()) == []


def own_data(rng, n=300):
    y = np.arange(n) % 3
    return 3 * np.eye(3)[y] + rng.standard_normal((n, 3)), y


def test_train_on_ones_own_data(capsys, rng):
    x, y = own_data(rng)
    np.savez("own.npz", x=x, y=y)
    assert (
        main(["train", "--data", "own.npz", "--validation-fraction", "0.2", "--epochs", "20", "--out", "own-brain"])
        == 0
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Training [3, 30, 3] on numpy (cpu), float32", "240 examples; out: own-brain.npz"]
    assert re.fullmatch(r"Epoch 19: \d+ / 60", lines[21])
    assert lines[22].endswith("chosen on the validation data")
    assert main(["evaluate", "own-brain.npz", "--data", "own.npz", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] > 0.9


def test_train_without_validation_completes_epochs(capsys, rng):
    x, y = own_data(rng)
    np.savez("own.npz", x=x, y=y)
    assert main(["train", "--data", "own.npz", "--epochs", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[2:4] == ["Epoch 0 complete", "Epoch 1 complete"]


def test_train_a_regression_reports_its_cost(capsys, rng):
    x = rng.standard_normal((200, 2))
    np.savez("own.npz", x=x, y=x @ [[1.0], [2.0]])
    options = "--sizes 2 1 --output-activation identity --eta 0.1 --epochs 30 --validation-fraction 0.1"
    assert main(f"train --data own.npz {options}".split()) == 0
    last = capsys.readouterr().out.splitlines()[31]
    assert float(re.fullmatch(r"Epoch 29: cost (\S+)", last)[1]) < 1e-6


def test_train_on_idx_files(capsys, mnist, tmp_path):
    x, y = mnist[2].x[:500], mnist[2].y[:500].astype(np.uint8)
    sizes = b"".join(n.to_bytes(4, "big") for n in (500, 28, 28))
    (tmp_path / "images").write_bytes(b"\0\0\x08\x03" + sizes + x.tobytes())
    (tmp_path / "labels").write_bytes(b"\0\0\x08\x01" + sizes[:4] + y.tobytes())
    assert main(["train", "--data", "images", "labels", "--epochs", "1", "--validation-fraction", "0.1"]) == 0
    assert "Training [784, 30, 10]" in capsys.readouterr().out


def test_training_that_diverges_stops_in_one_line_and_saves_the_last_good_epoch(capsys, rng):
    x = rng.standard_normal((200, 2))
    np.savez("own.npz", x=x, y=x @ [[1.0], [2.0]])
    options = "--sizes 2 9 1 --hidden-activation relu --output-activation identity --eta 1e30 --epochs 3"
    assert main(f"train --data own.npz {options}".split()) == 1
    err = capsys.readouterr().err.splitlines()
    assert err[0] == "Stopped. What was learnt so far is in brain.npz."
    assert re.match(
        r"anynet: epoch 0: expected finite parameters and costs, got NaN or infinity\. .*learning rate", err[1]
    )
    assert len(err) == 2
    assert np.isfinite(Network.load("brain.npz").weights[0]).all()


def test_values_need_one_output_and_labels_no_gaps(capsys, rng):
    x = rng.standard_normal((50, 2))
    np.savez("values.npz", x=x, y=x[:, 0] + 3)
    assert (
        main(["train", "--data", "values.npz", "--output-activation", "identity", "--eta", "0.1", "--epochs", "1"]) == 0
    )
    assert "Training [2, 30, 1]" in capsys.readouterr().out
    for highest in (10**9, 2**63):
        np.savez("labels.npz", x=x, y=np.full(50, highest, np.uint64))
        assert main(["train", "--data", "labels.npz"]) == 2
        assert f"y: expected labels from 0 on, without large gaps, got {highest}" in capsys.readouterr().err


@pytest.mark.filterwarnings("default::UserWarning")
def test_quiet_is_silent_about_warnings_too(capsys, rng):
    np.savez("bits.npz", x=np.ones((50, 2), np.uint8), y=np.arange(50) % 2)
    assert main(["train", "--data", "bits.npz", "--epochs", "1", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["train", "--data", "bits.npz", "--epochs", "1"]) == 0
    assert "no value here exceeds 1" in capsys.readouterr().err


def test_a_network_of_one_output_tells_two_classes_apart(capsys, mnist, tmp_path):
    net = Network([784, 1])
    for bias, answer in ((5.0, "1"), (-5.0, "0")):
        net.weights, net.biases = [np.zeros((1, 784))], [[[bias]]]
        (tmp_path / "image").write_bytes(b"\0\0\x08\x02" + bytes([0, 0, 0, 28] * 2) + mnist[2].x[0].tobytes())
        assert main(["predict", str(net.save("net")), "image", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["answer"] == answer


def test_a_name_as_long_as_they_may_be_holds_a_network(tmp_path):
    assert main(["train", "--epochs", "1", "--quiet", "--out", "a" * 251]) == 0
    assert Network.load(tmp_path / f"{'a' * 251}.npz").sizes == [784, 30, 10]


def test_two_runs_at_once_keep_a_network_each(tmp_path, monkeypatch):
    training = Network.training

    def and_another_run_meanwhile(self, *arguments, **keywords):
        (tmp_path / "brain.npz").write_bytes(b"precious")
        return training(self, *arguments, **keywords)

    monkeypatch.setattr(Network, "training", and_another_run_meanwhile)
    assert main(["train", "--epochs", "1", "--quiet"]) == 0
    assert (tmp_path / "brain.npz").read_bytes() == b"precious"
    assert Network.load(tmp_path / "brain-1.npz").sizes == [784, 30, 10]


def test_output_that_cannot_be_written_loses_no_network(tmp_path):
    command = [sys.executable, "-m", "anynet", "train", "--epochs", "30"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not process.stdout.readline().startswith("Epoch 0"):
            assert process.poll() is None
        process.stdout.close()  # as `| head` does, once it has seen enough
        assert process.stderr.read() == "Stopped. What was learnt so far is in brain.npz.\n"
    assert Network.load(tmp_path / "brain.npz").sizes == [784, 30, 10]


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_error(closed, tmp_path):
    done = subprocess.run(
        f"{sys.executable} -m anynet train --epochs 1 {closed}", shell=True, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert Network.load(tmp_path / "brain.npz").sizes == [784, 30, 10]


def test_cupy_without_a_gpu_is_one_line_with_the_cure(capsys):
    reason = why_absent("cupy")
    if reason is None:
        pytest.skip("CuPy works here")
    assert main(["train", "--backend", "cupy"]) == 1
    assert capsys.readouterr().err == f"anynet: {reason}\n"


def test_the_version_is_the_package_s(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"anynet {__version__}\n"


def test_info_names_versions_and_the_rungs_of_cupy(capsys):
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert f"NumPy {np.__version__}, BLAS" in out
    assert re.search(r"^  array_api_strict  usable: array.api.strict \d", out, re.M)
    assert re.search(r"^  import +(works|CuPy fails)", out, re.M)


def test_output_to_a_pipe_has_no_bar():
    done = anynet("train", "--epochs", "1")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\r" not in done.stdout


def test_a_reader_that_stops_early_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m anynet info | head -1", shell=True, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.startswith("anynet ")
