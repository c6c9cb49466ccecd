"""What is done to pictures: it travels with a network, and is told where it cannot be, or is another."""

import json
from functools import partial

import numpy as np
import pytest

from anynet import Dataset, Network
from anynet.formats.pictures import Pictures, asked_for, checked

SEEN = Pictures(4, 6, "colour", "crop")


@pytest.fixture
def pictures(rng):
    return Dataset(rng.integers(0, 256, (12, *SEEN.shape), np.uint8), np.arange(12) % 2, ["cat", "dog"], pictures=SEEN)


@pytest.mark.parametrize("how", [SEEN, Pictures(4, 6, "colour", "squeeze"), Pictures(4, 18, "grey")])
def test_it_travels_with_a_saved_network(how, pictures, tmp_path):
    net = Network([72, 5, 2])
    net.fit(Dataset(pictures.x, pictures.y, ["cat", "dog"], pictures=how), epochs=1)
    assert Network.load(net.save(tmp_path / "net")).pictures == net.pictures == how
    assert net.to("numpy").pictures == how


def with_header(path, **changed):
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(str(arrays.pop("header"))) | changed
    np.savez(path, header=np.array(json.dumps({k: v for k, v in header.items() if v != "absent"})), **arrays)
    return path


def test_files_of_before_have_none(tmp_path):
    assert Network.load(with_header(Network([72, 2]).save(tmp_path / "net"), pictures="absent")).pictures is None


@pytest.mark.parametrize(
    "faulty",
    [
        5, [], {}, {"height": 4}, SEEN._asdict() | {"x": 1}, SEEN._asdict() | {"height": 5},
        SEEN._asdict() | {"height": 0}, SEEN._asdict() | {"height": True}, SEEN._asdict() | {"width": 10**12},
        SEEN._asdict() | {"width": 6.0}, SEEN._asdict() | {"mode": "sepia"}, SEEN._asdict() | {"mode": ["grey"]},
        SEEN._asdict() | {"fit": "stretch"}, SEEN._asdict() | {"resampling": "nearest"},
        SEEN._asdict() | {"fit": "\x1b[2J"},
    ],
)  # fmt: skip
def test_faulty_headers_are_refused(faulty, tmp_path):
    path = with_header(Network([72, 2]).save(tmp_path / "net"), pictures=faulty)
    with pytest.raises(ValueError, match=r"net.npz: pictures: expected"):
        Network.load(path)


def test_what_is_assigned_is_checked():
    net = Network([72, 2])
    net.pictures = SEEN
    with pytest.raises(ValueError, match="pictures: expected such as make 72 inputs, got 4 x 7 pixels in colour"):
        net.pictures = Pictures(4, 7)
    assert net.pictures == SEEN
    assert checked(None, 72) is None


@pytest.mark.parametrize("door", ["fit", "evaluate", "score", "confusion_matrix", "validation"])
def test_others_are_told_at_every_door(door, pictures):
    net, others = Network([72, 5, 2]), Dataset(pictures.x, pictures.y, pictures=SEEN._replace(fit="squeeze"))
    net.fit(pictures, epochs=1)
    ask = partial(Network([72, 5, 2]).fit, pictures, validation=others) if door == "validation" else getattr(net, door)
    with pytest.raises(ValueError, match=r"x: expected pictures as .*, cropped, got .*, squeezed\. Read them so"):
        ask(*[others] * (door != "validation"))
    net.evaluate(pictures)
    net.evaluate((pictures.x, pictures.y))  # arrays, of which nothing is known
    net.fit(pictures.x, pictures.y, epochs=1)
    assert net.pictures == SEEN


@pytest.mark.parametrize(
    ("asked", "error", "told"),
    [
        ((32, "color", "crop"), ValueError, "mode: expected colour or grey, got 'color'"),
        ((32, "grey", "stretch"), ValueError, "fit: expected crop or squeeze, got 'stretch'"),
        ((0, "grey", "crop"), ValueError, "size: expected from 1 to 67,108,864 pixels, got 0 x 0"),
        (((9000, 9000), "grey", "crop"), ValueError, "size: expected from 1 to"),
        ((3.5, "grey", "crop"), TypeError, "size: expected a number of pixels, or .height, width., got 3.5"),
        (((1, 2, 3), "grey", "crop"), TypeError, "size: expected a number"),
        (("32", "grey", "crop"), TypeError, "size: expected a number"),
    ],
)
def test_what_cannot_be_done_is_told(asked, error, told):
    with pytest.raises(error, match=told):
        asked_for(*asked)
