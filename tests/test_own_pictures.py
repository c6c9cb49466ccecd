"""Folders of a user's own pictures at the command line: trained on, judged by, asked about, by the names of classes."""

import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from idx_writer import idx
from PIL import Image, ImageDraw

from anynet import Network, datasets
from anynet.cli import main
from anynet.datasets import images
from anynet.formats.pictures import Pictures

TRAIN = "train --epochs 2 --batch-size 4 --output net --force"
COLOURS = {"blue": (0, 0, 1), "green": (0, 1, 0), "red": (1, 0, 0)}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(folder, rng, n=8, size=None, names=COLOURS):
    """Write so many pictures of each class, all of one size or each of its own."""
    for name in names:
        Path(folder, name).mkdir(parents=True)
        for i in range(n):
            height, width = size or rng.integers(9, 20, 2)
            pixels = rng.integers(100, 256, (height, width, 1)) * np.array(COLOURS[name])
            Image.fromarray(pixels.astype(np.uint8)).save(f"{folder}/{name}/{i}.png")


def run(words, capsys):
    assert main(words.split()) == 0
    return capsys.readouterr().out


def test_train_and_test_below_a_folder(capsys, rng):
    write("own/train", rng)
    write("own/test", rng, n=6, names=["red"])  # which keeps its number, alone too
    out = run(f"{TRAIN} --data own --image-size 8 --epochs 20 --learning-rate 1", capsys)
    assert "Pictures: 8 x 8 pixels in colour, cropped; classes: blue (8), green (8), red (8)\n" in out
    assert "Epoch 19: 6 / 6\n" in out
    assert "6 / 6 on the test images" in out
    net = Network.load("net.npz")
    assert (net.class_names, net.shapes[0]) == (("blue", "green", "red"), (8, 8, 3))
    assert run("evaluate net --data own", capsys).startswith("net: 6 / 6 right")
    told = json.loads(run("evaluate net --data own --json", capsys))
    assert told["confusion"] == [[0, 0, 0], [0, 0, 0], [0, 0, 6]]
    assert run("evaluate net --data own/train", capsys).startswith("net: 24 / 24 right")
    out = run("predict net own/test/red/0.png own/train/blue/1.png --top 2", capsys)
    lines = re.findall(r"^own/\w+/(\w+)/\d\.png: (\w+)  \(outputs: (\w+) [\d.]+ %, \w+ [\d.]+ %\)$", out, re.MULTILINE)
    assert lines == [("red",) * 3, ("blue",) * 3]


@pytest.mark.parametrize("how", ["", "--image-mode grey", "--image-size 6", "--image-size 5x7 --image-fit squeeze"])
def test_each_training_file_is_answered_as_its_row_bit_for_bit(how, capsys, rng, monkeypatch):
    write("own", rng, size=None if "size" in how else (8, 6))
    run(f"{TRAIN} --data own {how}", capsys)
    seen, feedforward = [], Network.feedforward
    monkeypatch.setattr(Network, "feedforward", lambda net, x: seen.append(feedforward(net, x)[0]) or seen[-1][None])
    files = sorted(map(str, Path("own").glob("*/*")))
    run(f"predict net {' '.join(files)}", capsys)
    net = Network.load("net.npz")
    x = datasets.image_folder("own", pictures=net.pictures).x
    assert len(seen) == len(x) == 24
    for outputs, row in zip(seen, x, strict=True):
        assert np.array_equal(outputs, feedforward(net, row[None])[0])


def test_validation_data_are_of_each_class_in_its_proportion(capsys, rng):
    write("own", rng, n=10)
    write("more", rng, n=30, names=["red"])
    Path("more/red").rename("own/red2")
    out = run(f"{TRAIN} --data own --image-size 8 --validation-fraction 0.2", capsys)
    assert "classes: blue (8), green (8), red (8), red2 (24)\n" in out
    assert re.search(r"Epoch 0: \d+ / 12\n", out)
    Path("both").mkdir()
    Path("own").rename("both/train")
    write("both/test", rng)
    out = run(f"{TRAIN} --data both --image-size 8 --validation-fraction 0.2 --early-stopping 1", capsys)
    assert " / 12 on the validation data" in out


def test_a_folder_of_mnists_digits_is_mnist(mnist):
    x, y = mnist[2].x[:200], mnist[2].y[:200]
    for i, (row, digit) in enumerate(zip(x, y, strict=True)):
        Path(f"digits/{digit}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(row.reshape(28, 28)).save(f"digits/{digit}/{i:03}.png")
    data, order = datasets.image_folder("digits", mode="grey"), np.argsort(y, kind="stable")
    assert np.array_equal(data.x.reshape(200, 784), x[order])
    assert np.array_equal(data.y, y[order])
    assert data.class_names == tuple("0123456789")
    net = Network([784, 10], output="softmax")
    net.fit(x[order], y[order], epochs=20, progress=False)
    again = Network([(28, 28, 1), 10], output="softmax")
    again.fit(data, epochs=20, progress=False)
    assert np.array_equal(net.weights[0], again.weights[0])
    assert again.evaluate(data) == net.evaluate(x, y) > 150


def draw_shapes(folder, rng, n):
    """Draw discs, squares and triangles of any bright colour, somewhere on a dark one."""
    for name in ("disc", "square", "triangle"):
        Path(folder, name).mkdir(parents=True)
        for i in range(n):
            side = int(rng.integers(14, 20))
            left, top = (int(rng.integers(1, 31 - side)) for _ in range(2))
            right, bottom, middle = left + side, top + side, left + side // 2
            picture = Image.new("RGB", (32, 32), tuple(map(int, rng.integers(0, 60, 3))))
            draw, ink = ImageDraw.Draw(picture), tuple(map(int, rng.integers(150, 256, 3)))
            if name == "triangle":
                draw.polygon([(left, bottom), (right, bottom), (middle, top)], ink)
            else:
                (draw.ellipse if name == "disc" else draw.rectangle)((left, top, right, bottom), ink)
            picture.save(f"{folder}/{name}/{i}.{('png', 'bmp', 'tif')[i % 3]}")


def test_shapes_in_colour_are_told_apart(capsys, rng):
    draw_shapes("shapes/train", rng, 90)
    draw_shapes("shapes/test", rng, 20)
    words = "train --data shapes --image-size 16 --epochs 40 --output-activation softmax --hidden-activation relu"
    words = [*words.split(), "--layers", "conv 5x8, pool 2, dense 20", "--output", "net"]
    assert main(words) == 0
    capsys.readouterr()
    told = json.loads(run("evaluate net --data shapes --json", capsys))
    assert told["total"] == 60
    assert told["right"] >= 45
    files = sorted(map(str, Path("shapes/test").glob("*/*")))
    lines = run(f"predict net {' '.join(files)}", capsys).splitlines()
    assert (
        sum(line.split()[1] == Path(file).parent.name for line, file in zip(lines, files, strict=True)) == told["right"]
    )


@pytest.mark.parametrize("limit", ["1KB", "1GB"])
def test_pictures_stay_on_disk_beyond_a_limit_with_the_same_results(limit, capsys, rng):
    write("own", rng, size=(9, 9))
    lines = [
        [
            re.sub("[0-9.]+ s of.*", "", line)
            for line in run(f"{TRAIN} --data own --validation-fraction 0.3 {given}", capsys).splitlines()
        ]
        for given in ("", f"--memory-limit {limit}")
    ]
    assert lines[0] == lines[1]


def test_options_of_pictures_go_with_layers_and_augmentations(capsys, rng):
    write("own", rng)
    words = "--image-size 12 --image-mode grey --layers conv_2x3,pool_2,dense_5 --augment shift_1,rotate_9,scale_9,flip"
    assert main([word.replace("_", " ").replace(",", ", ") for word in f"{TRAIN} --data own {words}".split()]) == 0
    assert Network.load("net.npz").shapes[0] == (12, 12, 1)
    assert "learning rate" in run("find-rate --data own --image-size 8", capsys)


def test_options_of_pictures_are_written_and_read_again(capsys, rng):
    write("own", rng)
    Path("run.toml").write_text("data = 'own'\nimage-size = '5x7'\nimage-fit = 'squeeze'\naugment = 'flip'\n")
    run(f"{TRAIN} --config run.toml", capsys)
    first = Path("net.npz").read_bytes()
    run(f"{TRAIN} --config net.npz.toml", capsys)
    assert Path("net.npz").read_bytes() == first
    assert Network.load("net").shapes[0] == (5, 7, 3)


def test_rows_are_read_as_they_are_by_a_network_of_pictures(capsys, rng):
    write("own", rng, size=(28, 28))
    run(f"{TRAIN} --data own --image-mode grey", capsys)
    x = datasets.image_folder("own", mode="grey").x[..., 0]
    Path("rows").write_bytes(idx(x[:2]))
    rows = [json.loads(line) for line in run("predict net rows --json", capsys).splitlines()]
    files = [json.loads(line) for line in run("predict net own/blue/0.png own/blue/1.png --json", capsys).splitlines()]
    assert [row["outputs"] for row in rows] == [file["outputs"] for file in files]


def code_of(words):
    try:
        return main(words.split())
    except SystemExit as stopped:
        return stopped.code


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (f"{TRAIN} --data own", 1, "expected 8 x 8 pixels, as others have, got 9 x 8. Read all in one size: --image-s"),
        (f"{TRAIN} --data own --image-size 0", 2, "--image-size: expected a number of pixels, or two such as 32x48"),
        (f"{TRAIN} --data own --image-size {'9' * 5000}", 2, "--image-size: expected a number of pixels, or two"),
        (f"{TRAIN} --data own --image-size 99999999", 1, "size: expected from 1 to 67,108,864 pixels"),
        (f"{TRAIN} --data own --image-size 3x4x5", 2, "--image-size: expected a number of pixels"),
        (f"{TRAIN} --data own other", 2, "--data: expected one folder, or files, got 2 with the folder own among them"),
        ("evaluate net --data text.png own", 2, "--data: expected one folder, or files, got 2 with the folder own amo"),
        (f"{TRAIN} --data own --image-size 8 --early-stopping 2", 2, "--early-stopping: expected data to judge each"),
        (f"{TRAIN} --data absent", 1, "absent: No such file or directory"),
        ("evaluate net --data other", 1, "other/pink: expected a class among blue, green, red, got pink."),
        ("evaluate net --data own", 1, "expected 8 x 8 pixels, as others have, got 9 x 8. Bring it to that size"),
        ("predict net own/red/odd.png", 1, "expected 8 x 8 pixels, as others have, got 9 x 8. Bring it to that size"),
        ("predict net own/red", 1, "own/red: expected a picture, or a file of rows, got a folder. Name files in it"),
        ("show-layers net own/red", 1, "own/red: expected a picture, or a file of rows, got a folder. Name files in"),
        ("predict net same/red/0.png --top 0", 2, "--top: expected at least 1, got 0"),
        ("evaluate digits --data own", 2, "--data: expected a file, for digits has not learnt from a folder of pictu"),
        ("predict net text.png", 1, "text.png: expected an image .* got text"),
    ],
)
def test_what_is_wrong_is_told(words, code, told, capsys, rng):
    write("own", rng, n=2, size=(8, 8))
    Image.new("RGB", (8, 9)).save("own/red/odd.png")
    write("same", rng, n=2, size=(8, 8))
    write("other", rng, n=1, size=(8, 8))
    Path("other/red").rename("other/pink")
    Path("text.png").write_text("no picture")
    run("train --epochs 1 --data same --output net", capsys)
    Network([784, 10]).save("digits")
    assert code_of(words) == code
    assert re.search(told.replace("(", r"\("), capsys.readouterr().err)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (f"{TRAIN} --image-size 3", "--image-size: expected a folder of pictures as data, got MNIST. Leave it out."),
        (f"{TRAIN} --skip-broken", "--skip-broken: expected a folder of pictures as data, got MNIST."),
        (f"{TRAIN} --target 3", "--target: expected a CSV file as data, got MNIST."),
        (f"{TRAIN} --data x.npz --image-size 4", "--image-size: expected a folder of pictures as data, got x.npz."),
        (f"{TRAIN} --data x.npz --image-mode colour", "--image-mode: expected a folder of pictures as data, got x.npz"),
        (f"{TRAIN} --data own --target 3", "--target: expected a CSV file as data, got own. Leave it out."),
        (f"{TRAIN} --data own --image-fit squeeze", "--image-fit: expected a size to bring pictures to, got none. Add"),
        (f"{TRAIN} --config run.toml", "--image-fit: expected a folder of pictures as data, got MNIST."),
        (f"{TRAIN} --data x.npz --sizes 4 2 --hidden-activation relu", "--hidden-activation: expected a hidden layer"),
        ("find-rate --data x.npz --image-fit crop", "--image-fit: expected a folder of pictures as data, got x.npz."),
        ("show-data x.npz --image-size 4", "--image-size: expected a folder of pictures as data, got x.npz."),
        ("show-data x.npz --target 1", "--target: expected a CSV file as data, got x.npz."),
        ("show-data own --seed 1", "--seed: expected --augment beside it, without which nothing is drawn, got none."),
        ("evaluate net --data x.npz --skip-broken", "--skip-broken: expected a folder of pictures as data, got x.npz."),
        ("evaluate net --data own --target 1", "--target: expected a CSV file as data, got own."),
        ("show-errors net --skip-broken", "--skip-broken: expected a folder of pictures as data, got MNIST."),
        ("predict net own/red/0.png --target 1", "--target: expected a CSV file, got own/red/0.png. Leave it out."),
        ("show-layers net own/red/0.png --target 1", "--target: expected a CSV file, got own/red/0.png. Leave it out."),
        ("predict net own/red/0.png --json --top 2", "--top: expected no --json beside it, which prints all outputs"),
        ("predict values x.npz --top 2", "--top: expected a network that tells classes apart, got one of values."),
    ],
)
def test_an_option_that_would_be_of_no_effect_is_told(words, told, capsys, rng):
    write("own", rng, n=1, size=(8, 8))
    np.savez("x.npz", x=rng.random((4, 4)), y=[0, 1, 0, 1])
    Path("run.toml").write_text("image-fit = 'crop'\n")
    net = Network([(8, 8, 3), 3])
    net.class_names, net.pictures = sorted(COLOURS), Pictures(8, 8)
    net.save("net")
    Network([4, 1], output="identity").save("values")
    assert code_of(words) == 2
    assert capsys.readouterr().err.startswith(f"anynet: {told}")


@pytest.mark.parametrize("augment", ["shift 8", "scale 90", "flip, shift 9"])
def test_what_leaves_nothing_of_the_pictures_is_told_before_a_training(augment, capsys, rng):
    write("own", rng, n=2, size=(8, 9))
    for words in (TRAIN.split(), ["train", "--memory-limit", "0", "--output", "net"]):
        assert main([*words, "--data", "own", "--augment", augment]) == 2
        told = capsys.readouterr()
        assert "--augment: transform: expected one that leaves something of images of 8 x 9 pixels, got S" in told.err
        assert not told.out
    assert not Path("net.npz").exists()


@pytest.mark.parametrize("folder", ["outer", "onlytrain", "bare"])
def test_the_folder_to_name_is_told(folder, capsys, rng):
    write("outer/pets", rng, n=2, size=(8, 8))
    write("onlytrain/train", rng, n=2, size=(8, 8))
    write("bare/train", rng, n=2, size=(8, 8))
    Path("bare/test").mkdir()
    Path("bare/train/red/0.png").rename("bare/test/0.png")
    assert main(f"{TRAIN} --data {folder}".split()) == 1
    assert {
        "outer": "a folder of pictures for each class, got only pets, which holds folders, blue, green, red. Name "
        "outer/pets.",
        "onlytrain": "Name onlytrain/train, or add a folder test beside it, with a folder for each class.",
        "bare": "Name bare/train, or sort the pictures of bare/test into a folder for each class.",
    }[folder] in capsys.readouterr().err


def test_train_and_test_are_found_in_any_case(capsys, rng):
    write("own/Train", rng, size=(8, 8))
    write("own/TEST", rng, n=2, size=(8, 8))
    assert " / 6 on the test images" in run(f"{TRAIN} --data own", capsys)
    assert " / 6 right" in run("evaluate net --data own", capsys)
    Path("own/Train").rename("Train")
    assert main(["evaluate", "net", "--data", "own"]) == 1
    assert "got only TEST, which holds folders, blue, green, red. Name own/TEST." in capsys.readouterr().err


def test_a_class_of_the_test_pictures_that_is_not_learnt_is_told(capsys, rng):
    write("own/train", rng, n=2, size=(8, 8), names=["blue", "red"])
    write("own/test", rng, n=2, size=(8, 8))
    assert main(f"{TRAIN} --data own".split()) == 1
    told = capsys.readouterr().err
    assert told == (
        "anynet: own/test/green: expected a class among blue, red, got green. Rename the folder, or take it away.\n"
    )
    assert not Path("net.npz").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", [f"{TRAIN} --data own", "evaluate net --data own"])
def test_an_interrupt_while_a_folder_is_read_is_told(command, number, capsys, rng, monkeypatch):
    write("own", rng, n=2, size=(8, 8))
    run(f"{TRAIN} --data own", capsys)
    Path("net.npz").rename("net")
    read = images.read_picture
    monkeypatch.setattr(images, "read_picture", lambda *given: os.kill(os.getpid(), number) or read(*given))
    before = signal.getsignal(number)
    assert main(command.split()) == 128 + number
    assert capsys.readouterr() == ("", "Interrupted.\n")
    assert not Path("net.npz").exists()
    assert signal.getsignal(number) is before


@pytest.mark.filterwarnings("always::UserWarning")
def test_a_broken_picture_is_left_out_only_when_asked(capsys, rng):
    write("own", rng, n=3, size=(8, 8))
    Path("own/red/1.png").write_bytes(Path("own/red/0.png").read_bytes()[:60])
    assert main(f"{TRAIN} --data own".split()) == 1
    assert "own/red/1.png: expected an image" in capsys.readouterr().err
    assert main(f"{TRAIN} --data own --skip-broken".split()) == 0
    told = capsys.readouterr()
    assert "8 examples\n" in told.out
    assert "anynet: own: left out as broken (1): red/1.png." in told.err
    assert code_of("evaluate net --data own") == 1
    assert code_of("evaluate net --data own --skip-broken") == 0


@pytest.mark.filterwarnings("always::UserWarning")
def test_nobody_is_told_of_damaged_exif_data_in_a_whole_picture(capsys, rng):
    write("own", rng, n=3, size=(8, 8))
    exif = b"Exif\0\0II*\0\x08\0\0\0" + b"\x05\0" + b"\x0f\x01\x02\0"  # five entries are told, half of one is there
    Image.new("RGB", (8, 8)).save("own/red/odd\n.jpg", exif=exif)
    assert main(f"{TRAIN} --data own".split()) == 0
    assert main(["predict", "net", "own/red/odd\n.jpg"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert "odd" in told.out


@pytest.mark.filterwarnings("always::UserWarning")
def test_names_of_files_that_a_terminal_obeys_are_told_in_one_line(capsys, rng):
    write("own", rng, n=3, size=(8, 8))
    Path("own/red/x\n\x1b[31m.png").write_text("")
    assert main(f"{TRAIN} --data own --skip-broken".split()) == 0
    told = capsys.readouterr()
    assert "left out as broken (1): red/x\\n\\x1b[31m.png. red/x\\n\\x1b[31m.png: got an empty file" in told.err
    assert main(["predict", "net", "own/red/x\n\x1b[31m.png", "y\n"]) == 1
    assert "anynet: own/red/x\\n\\x1b[31m.png: expected an image" in (said := capsys.readouterr().err)
    assert "anynet: y\\n: No such file or directory.\n" in said
