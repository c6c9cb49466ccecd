"""Pixels: what uint8 means, and what looks as if that had been forgotten."""

import copy

import numpy as np
import pytest
from compare import assert_on, relative_difference

from anynet import Network, pixels


def test_uint8_is_scaled_and_nothing_else_is(backend32):
    xp, dtype = backend32.xp, backend32.xp.float32
    host = np.array([[0, 255], [51, 102]])
    scaled = pixels.to_unit_interval(xp, backend32.asarray(host.astype(np.uint8)), dtype)
    assert_on(backend32, scaled, (2, 2))
    assert relative_difference(backend32.to_numpy(scaled), host / 255) < 1e-7
    for other in (np.int32, np.float32):
        taken = pixels.to_unit_interval(xp, backend32.asarray(host.astype(other)), dtype)
        assert_on(backend32, taken, (2, 2))
        assert np.array_equal(backend32.to_numpy(taken), host)


def test_uint8_means_pixels_and_nothing_else_does(backend):
    net = Network([2, 3], backend)
    image = np.array([[0, 255], [51, 102]], np.uint8)
    assert relative_difference(net.feedforward(image), net.feedforward(image / 255)) < 1e-14
    assert relative_difference(net.feedforward(image.astype(int)), net.feedforward(image.astype(float))) == 0
    assert relative_difference(net.feedforward(image), net.feedforward(image.astype(float))) > 0.01


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.tile(np.array([0, 1], np.uint8), (30, 32)), "uint8 means pixels.*no value here exceeds 1"),
        (np.tile(np.arange(64.0) * 4, (30, 1)), "whole numbers from 0 to 252, which look like pixels"),
        (np.tile(np.arange(64) * 4, (30, 1)), "look like pixels"),
    ],
)
def test_pixels_that_seem_mistaken_are_warned_of(backend, x, message):
    with pytest.warns(UserWarning, match=message):
        Network([64, 2], backend).fit((x, np.arange(30) % 2), epochs=1, batch_size=10)


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize(
    "x", [np.tile(np.arange(64, dtype=np.uint8) * 4, (30, 1)), np.ones((30, 64)), np.full((30, 64), 200.5)]
)
@pytest.mark.filterwarnings("ignore:x. expected inputs of about 1 in size, got 200")  # pixels or not, they are large
def test_pixels_and_features_in_order_are_not_warned_of(backend, x):
    Network([64, 2], backend).fit((x, np.arange(30) % 2), epochs=1, batch_size=10)  # a warning would be an error


# On which scale a network has learnt.

AGES = np.tile(np.arange(20, 80, 6, dtype=np.int64), (20, 1))
DOORS = {
    "predict": lambda net, x, y: net.predict(x),
    "one example": lambda net, x, y: net.predict(x[0]),
    "feedforward": lambda net, x, y: net.feedforward(x),
    "activations": lambda net, x, y: net.activations(x),
    "gradients": lambda net, x, y: net.gradients(x, y),
    "evaluate": lambda net, x, y: net.evaluate(x, y),
    "accuracy": lambda net, x, y: net.accuracy(x, y),
    "confusion_matrix": lambda net, x, y: net.confusion_matrix(x, y),
    "update_mini_batch": lambda net, x, y: net.update_mini_batch((x, y), 1e-9),
    "validation": lambda net, x, y: net.fit(x.astype(np.uint8), y, epochs=1, validation=(x, y)),
}


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.float32])
def test_who_has_learnt_from_pixels_is_told_of_whole_numbers(backend32, door, dtype):
    y = np.arange(20) % 2
    net = Network([10, 2], backend32)
    net.fit(AGES.astype(np.uint8), y, epochs=1)
    said = rf"x: expected pixels .*, got whole numbers above 1 of {np.dtype(dtype)}, .*Make uint8 of them"
    with pytest.warns(UserWarning, match=said) as found:
        DOORS[door](net, AGES.astype(dtype), y)
    assert len(found) == 1
    DOORS["predict"](net, AGES.astype(np.uint8), y)  # a warning would be an error
    for use in (door for name, door in DOORS.items() if name != "validation"):
        use(net, AGES / 255, y)


@pytest.mark.filterwarnings("ignore:x. expected inputs of about 1 in size")
@pytest.mark.parametrize("door", [door for door in DOORS if door != "validation"])
def test_who_has_learnt_from_whole_numbers_is_told_of_pixels(door):
    y = np.arange(20) % 2
    net = Network([10, 2])
    net.fit(AGES, y, epochs=1, validation=(AGES.astype(float), y))
    with pytest.warns(UserWarning, match="x: expected whole numbers .*, got uint8, which is divided by 255"):
        DOORS[door](net, AGES.astype(np.uint8), y)
    DOORS[door](net, AGES.astype(np.float32), y)
    digits = Network([64, 2])
    x = np.tile(np.arange(64) % 17.0, (20, 1))
    digits.fit(x, y, epochs=1)
    with pytest.warns(UserWarning, match="x: expected whole numbers .*, got numbers up to 1"):
        DOORS[door](digits, x / 16, y)
    digits.fit(x / 16, y, epochs=1)  # and is of that scale from here on
    with pytest.warns(UserWarning, match="x: expected pixels as the network has learnt from them"):
        DOORS[door](digits, x, y)


def test_the_scale_goes_where_the_network_goes(tmp_path):
    net = Network([10, 2])
    net.fit(AGES.astype(np.uint8), np.arange(20) % 2, epochs=1)
    for other in (Network.load(net.save(tmp_path / "net")), net.to("numpy", dtype="float64"), copy.deepcopy(net)):
        with pytest.warns(UserWarning, match="x: expected pixels"):
            other.predict(AGES)
    fresh = Network([10, 2])
    assert Network.load(fresh.save(tmp_path / "net")).input_scale is fresh.input_scale is None


@pytest.mark.parametrize(
    ("x", "scale"),
    [
        (np.zeros((3, 4), np.uint8), "[0, 1]"),
        (np.array([[0, 2]]), "[0, 255]"),
        (np.array([[0.0, 255.0]]), "[0, 255]"),
        (np.array([[0.0, 256.0]]), None),
        (np.array([[-1.0, 255.0]]), None),
        (np.array([[0.5, 255.0]]), None),
        (np.array([[0, 1]]), None),
        (np.array([[0, 0]]), None),
        (np.array([[0.5, 1.0]]), None),  # features
        (np.full((3, 64), 0.5), "[0, 1]"),  # an image
        (np.full((3, 64), 1.0), None),
        (np.array([[False, True]]), None),
    ],
)
def test_the_scale_is_told_where_it_can_be(x, scale, backend):
    assert pixels.scale_of(backend.asarray(x)) == scale


def test_whole_numbers_up_to_two_are_on_another_scale_than_pixels_up_to_one():
    assert pixels.of_another_scale(np.array([[0.0, 1.0]]), pixels.UNIT) is None
    assert "got whole numbers above 1" in pixels.of_another_scale(np.array([[0.0, 2.0]]), pixels.UNIT)


def image(highest, lowest=0, shape=(3, 64)):
    x = np.zeros(shape)
    x[0, 0, ...], x[-1, -1, ...] = lowest, highest
    return x


@pytest.mark.parametrize(
    ("x", "is_mistaken"),
    [
        (image(127), False),
        (image(128), True),
        (image(255), True),
        (image(256), False),
        (image(255, lowest=-1), False),
        (image(200.5), False),
        (image(255, shape=(3, 63)), False),  # no square
        (image(255, shape=(3, 49)), False),  # a small one
        (image(255, shape=(3, 5, 7)), True),  # rows and columns
        (image(1).astype(np.uint8), True),
        (image(2).astype(np.uint8), False),
        (image(0).astype(np.uint8), True),
    ],
)
def test_what_looks_like_a_mistake(x, is_mistaken, backend):
    found = pixels.mistaken(backend.asarray(x))
    assert (found is not None) is is_mistaken


@pytest.mark.parametrize(("at", "is_warned"), [(99, False), (100, True)])
def test_the_first_hundred_examples_are_looked_at(at, is_warned, recwarn):
    x = np.zeros((150, 64), np.uint8)
    x[at] = 200
    Network([64, 2]).fit((x, np.arange(150) % 2), epochs=1, batch_size=50)
    assert ["uint8 means pixels" in str(w.message) for w in recwarn] == [True] * is_warned


@pytest.mark.parametrize(("at", "is_warned"), [(99, False), (100, True)])
def test_so_are_those_of_data_that_are_streamed(at, is_warned, recwarn):
    x = np.full((150, 64), 200.0)
    x[at] = 0.5
    Network([64, 2]).fit((x, np.arange(150) % 2), epochs=1, batch_size=50, memory_limit=0)
    assert sum("which look like pixels" in str(w.message) for w in recwarn) == is_warned


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((8, 8), True),
        ((7, 7), False),
        ((8, 9), False),
        ((8, 8, 3), True),
        ((8, 8, 4), True),
        ((8, 8, 2), False),
        ((8, 8, 1, 1), False),
    ],
)
def test_what_may_be_one_square_image(shape, expected):
    assert pixels.is_square(shape) is expected


@pytest.mark.parametrize(
    ("shape", "are_images"), [((64,), True), ((49,), False), ((65,), False), ((2, 3), True), ((2, 3, 1), True)]
)
def test_examples_in_the_shape_of_images_look_like_pixels(shape, are_images):
    x = np.full((3, *shape), 200.0)
    x[0].flat[0] = 0.0
    assert (pixels.mistaken(x) is not None) is are_images
