"""Digits framed as MNIST's: a network that has seen MNIST alone reads them."""

import math
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from anynet import Network, datasets
from anynet.datasets import framing, read_images, to_mnist
from anynet.typing import HostArray


@pytest.fixture(scope="module")
def digits() -> tuple[HostArray, HostArray]:
    _, _, test = datasets.mnist()
    return test.x.reshape(-1, 28, 28), test.y


@pytest.fixture(scope="module")
def net() -> Network:
    train, _, _ = datasets.mnist()
    net = Network([784, 50, 10], output="softmax")
    net.fit((train.x[:10_000], train.y[:10_000]), epochs=3, progress=False)
    return net


def accuracy(net: Network, images: list[HostArray], y: HostArray) -> float:
    return float(np.mean(net.predict(np.stack(images).reshape(-1, 784)) == y[: len(images)]))


def enlarged(image: HostArray, k: int) -> HostArray:
    return np.repeat(np.repeat(image, k, axis=0), k, axis=1)


def on_canvas(image: HostArray, height: int, width: int, rng: np.random.Generator) -> HostArray:
    canvas = np.zeros((height, width), np.uint8)
    top, left = rng.integers(height - image.shape[0] + 1), rng.integers(width - image.shape[1] + 1)
    canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
    return canvas


def encoded(image: HostArray, kind: str, mode: str = "L", **options: Any) -> BytesIO:
    file = BytesIO()
    Image.fromarray(image).convert(mode).save(file, kind, **options)
    file.seek(0)
    return file


def compressed(image: HostArray) -> HostArray:
    return np.array(Image.open(encoded(image, "JPEG", quality=75)))


def photographed(image: HostArray, rng: np.random.Generator) -> HostArray:
    """The digit in ink on grey paper, light falling from one side and off towards the corners."""
    soft = np.array(Image.fromarray(image).resize((224, 224), Image.Resampling.BICUBIC))
    ink = on_canvas(soft, 300, 360, rng) / 255
    v, u = np.linspace(-0.5, 0.5, 300)[:, None], np.linspace(-0.5, 0.5, 360)
    light = 170 + rng.uniform(-60, 60) * u + rng.uniform(-60, 60) * v - 60 * (u * u + v * v)
    return np.clip(light * (1 - 0.6 * ink) + rng.normal(0, 6, ink.shape), 0, 255).astype(np.uint8)


def noisy(image: HostArray, deviation: float, rng: np.random.Generator) -> HostArray:
    return np.clip(image + rng.normal(0, deviation, image.shape), 0, 255).astype(np.uint8)


VIEWS: dict[str, Callable[[HostArray, np.random.Generator], HostArray]] = {
    "enlarged 3 times": lambda image, rng: enlarged(image, 3),
    "enlarged 10 times": lambda image, rng: enlarged(image, 10),
    "dark on light": lambda image, rng: 255 - image,
    "off centre": lambda image, rng: on_canvas(enlarged(image, 4), 200, 300, rng),
    "off centre, dark on light": lambda image, rng: 255 - on_canvas(enlarged(image, 5), 300, 200, rng),
    "faint": lambda image, rng: 200 - on_canvas(enlarged(image, 3), 120, 100, rng) // 6,
    "noisy": lambda image, rng: noisy(image, 20, rng),
    "noisy, on grey": lambda image, rng: noisy(60 + on_canvas(enlarged(image, 4), 200, 200, rng) // 2, 20, rng),
    "noisier than faint": lambda image, rng: noisy(60 + on_canvas(enlarged(image, 5), 200, 200, rng) // 2, 40, rng),
    "specked": lambda image, rng: np.where(
        rng.random((160, 160)) < 0.01, np.uint8(255), on_canvas(enlarged(image, 4), 160, 160, rng)
    ),
    "black and white": lambda image, rng: np.uint8(255) * (on_canvas(enlarged(image, 4), 160, 160, rng) > 127),
    "compressed": lambda image, rng: compressed(255 - on_canvas(image, 40, 36, rng)),
    "photographed": photographed,
}


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_views_of_mnist_digits_are_read_as_the_digits_are(view: str, net: Network, digits: Any) -> None:
    x, y = digits[0][:200], digits[1]
    rng = np.random.default_rng(1)
    seen = accuracy(net, [to_mnist(VIEWS[view](image, rng)) for image in x], y)
    assert seen > accuracy(net, list(x), y) - 0.03


@pytest.mark.slow
def test_what_is_in_the_form_stays_nearly_as_it_is(net: Network, digits: Any) -> None:
    x, y = digits[0][:1000], digits[1]
    framed = [to_mnist(image) for image in x]
    assert np.mean(np.abs(np.stack(framed).astype(float) - x)) < 1.5  # of 255
    assert abs(accuracy(net, framed, y) - accuracy(net, list(x), y)) < 0.005
    again = [to_mnist(image) for image in framed]
    assert np.mean([np.array_equal(a, b) for a, b in zip(framed, again, strict=True)]) > 0.95


def arc(x: float, y: float, across: float, down: float, begin: int, end: int) -> list[tuple[float, float]]:
    angles = [math.radians(a) for a in np.linspace(begin, end, 24)]
    return [(x + across * math.cos(a), y + down * math.sin(a)) for a in angles]


# Strokes in the unit square, y downwards.
STROKES = {
    0: [arc(0.5, 0.5, 0.3, 0.45, 0, 360)],
    1: [[(0.5, 0.05), (0.5, 0.95)]],
    2: [[*arc(0.5, 0.3, 0.28, 0.25, 180, 400), (0.25, 0.92), (0.8, 0.92)]],
    3: [arc(0.48, 0.28, 0.25, 0.23, 200, 450) + arc(0.48, 0.72, 0.28, 0.23, -90, 160)],
    4: [[(0.6, 0.05), (0.2, 0.6), (0.85, 0.6)], [(0.62, 0.3), (0.62, 0.95)]],
    5: [[(0.75, 0.08), (0.35, 0.08), (0.32, 0.45), *arc(0.48, 0.67, 0.28, 0.26, -120, 140)]],
    6: [arc(0.75, 0.55, 0.5, 0.5, -110, -180) + arc(0.5, 0.7, 0.25, 0.24, 180, 540)],
    7: [[(0.2, 0.1), (0.8, 0.1), (0.45, 0.95)]],
    8: [arc(0.5, 0.28, 0.22, 0.22, 90, 450) + arc(0.5, 0.73, 0.27, 0.23, -90, 270)],
    9: [[*arc(0.5, 0.3, 0.25, 0.23, 0, 360), (0.75, 0.3), (0.7, 0.6), (0.6, 0.95)]],
}


def drawn(digit: int, side: int, pen: int, rng: np.random.Generator, dark: bool = True) -> HostArray:
    picture = Image.new("L", (side, side), 255 if dark else 0)
    draw = ImageDraw.Draw(picture)
    size = rng.uniform(0.5, 0.75) * side
    left, top = rng.uniform(pen, side - size - pen), rng.uniform(pen, side - size - pen)
    slant = rng.uniform(-0.1, 0.2)
    for stroke in STROKES[digit]:
        points = [(left + size * (0.8 * x + slant * (0.5 - y)), top + size * y) for x, y in stroke]
        draw.line(points, fill=0 if dark else 255, width=pen, joint="curve")
    return np.array(picture)


@pytest.mark.slow
@pytest.mark.parametrize(("side", "pen"), [(64, 5), (300, 12), (300, 24), (600, 60)])
def test_drawn_digits_are_read(side: int, pen: int, net: Network) -> None:
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(10), 5)
    assert accuracy(net, [to_mnist(drawn(digit, side, pen, rng)) for digit in y], y) >= 0.9


drawings = st.builds(
    lambda digit, side, pen, seed, dark: drawn(digit, side, pen, np.random.default_rng(seed), dark),
    st.integers(0, 9),
    st.integers(40, 200),
    st.integers(2, 5),
    st.integers(0, 1000),
    st.booleans(),
)


@settings(max_examples=40, deadline=None)
@given(drawings)
def test_the_form(image: HostArray) -> None:
    digit = to_mnist(image)
    assert digit.shape == (28, 28)
    assert digit.dtype == np.uint8
    assert digit.max() == 255
    rows, columns = (np.flatnonzero(digit.any(axis)) for axis in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    for indices, place in zip(np.indices(digit.shape), (rows, columns), strict=True):
        has_no_room = place[0] == 0 or place[-1] == 27
        assert abs(np.average(indices, weights=digit) - 14) <= 0.5 or has_no_room


@settings(max_examples=40, deadline=None)
@given(drawings)
def test_inverting_changes_nothing_and_framing_twice_little(image: HostArray) -> None:
    digit = to_mnist(image)
    assert np.array_equal(to_mnist(255 - image), digit)
    # A faint outermost row may be taken for paper the second time, and what is left grows by a pixel.
    again = to_mnist(digit)
    shifted = [np.roll(again, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    assert max(np.corrcoef(digit.ravel(), other.ravel())[0, 1] for other in shifted) > 0.85


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32), st.sampled_from([2, 17, 256]))
def test_any_pixels_give_a_digit_or_a_clear_error(height: int, width: int, seed: int, greys: int) -> None:
    image = np.random.default_rng(seed).integers(0, greys, (height, width)).astype(np.uint8)
    try:
        digit = to_mnist(image)
    except ValueError as error:
        assert "blank" in str(error)  # noqa: PT017
    else:
        assert digit.shape == (28, 28)
        assert digit.any()


def test_parts_are_those_that_a_flood_would_fill() -> None:
    rng = np.random.default_rng(0)
    for shape in [(1, 1), (1, 9), (9, 1), (12, 17), (40, 40)]:
        for density in (0.1, 0.4, 0.6, 1.0):
            mask = rng.random(shape) < density
            parts, n = framing._connected(mask)
            expected = flooded(mask)
            pairs = set(zip(parts.ravel().tolist(), expected.ravel().tolist(), strict=True))
            assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})  # one to one
            assert n == expected.max()


def flooded(mask: HostArray) -> HostArray:
    parts = np.zeros(mask.shape, int)
    for start in zip(*np.nonzero(mask), strict=True):
        if parts[start]:
            continue
        name, front = parts.max() + 1, [start]
        while front:
            i, j = front.pop()
            if not (0 <= i < mask.shape[0] and 0 <= j < mask.shape[1]) or parts[i, j] or not mask[i, j]:
                continue
            parts[i, j] = name
            front += [(i + di, j + dj) for di in (-1, 0, 1) for dj in (-1, 0, 1)]
    return parts


@pytest.mark.parametrize(("height", "width"), [(6, 6), (3, 4), (12, 6), (5, 7), (1, 1)])
def test_resampling_takes_means_of_areas(height: int, width: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (6, 12)).astype(np.float32)
    by_least_multiple = np.kron(image, np.ones((height, width)))  # each new pixel is a whole block of 6 x 12
    expected = by_least_multiple.reshape(height, 6, width, 12).mean(axis=(1, 3))
    np.testing.assert_allclose(framing.resampled(image, height, width), expected, rtol=1e-5)


def test_the_two_ways_to_reduce_agree() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60)).astype(np.uint8)
    np.testing.assert_allclose(framing._reduced(image, 4), framing.resampled(image, 10, 15), rtol=1e-5)
    assert framing._reduced(image[:, :59], 4).shape == (10, 14)
    assert framing._reduced(image[:1], 4).shape == (1, 15)


@pytest.mark.slow
def test_a_large_photo(net: Network, digits: Any) -> None:
    x, y = digits
    photo = 255 - on_canvas(enlarged(x[0], 60), 3000, 4000, np.random.default_rng(0))
    assert net.predict(to_mnist(photo).reshape(784)) == y[0]


@pytest.mark.parametrize(
    "blank",
    [
        np.zeros((28, 28), np.uint8),
        np.full((100, 80), 255, np.uint8),
        np.full((1, 1), 7, np.uint8),
        noisy(np.full((300, 200), 180, np.uint8), 10, np.random.default_rng(0)),
        noisy(np.full((28, 28), 180, np.uint8), 30, np.random.default_rng(0)),
        (np.arange(200) // 2 + np.arange(150)[:, None] // 3).astype(np.uint8),  # light from a corner
    ],
)
def test_blank_images_are_refused(blank: HostArray) -> None:
    with pytest.raises(ValueError, match="got a blank image"):
        to_mnist(blank)


@pytest.mark.parametrize("shape", [(784,), (1, 28, 28), (0, 28), (28, 0)])
def test_shapes_that_are_no_image_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"image: expected the shape \(height, width\), got"):
        to_mnist(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("image", [np.zeros((28, 28)), np.zeros((28, 28), bool), [[0, 255]], None])
def test_what_are_no_pixels_is_refused(image: Any) -> None:
    with pytest.raises(TypeError, match="expected pixels, a NumPy array of uint8, got"):
        to_mnist(image)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "1"])
def test_a_picture_from_disk_is_read_as_the_digit_it_shows(
    mode: str, tmp_path: Path, net: Network, digits: Any
) -> None:
    x, y = digits
    rng = np.random.default_rng(0)
    framed = []
    for image in x[:60]:
        picture = Image.fromarray(255 - on_canvas(enlarged(image, 5), 180, 220, rng)).convert(mode)
        picture.save(tmp_path / "digit.png")
        framed.append(to_mnist(read_images(tmp_path / "digit.png")[0]))
    assert accuracy(net, framed, y) >= accuracy(net, list(x[:60]), y) - 0.05
