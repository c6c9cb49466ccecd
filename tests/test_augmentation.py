"""Augmentation: what a network learns from is made anew in each epoch, to the same bits wherever it was stopped."""

import pickle
import re
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image
from test_resuming import SIZES, StopAt, assert_same, data, fitted
from test_training import set_chunk_bytes

from anynet import SGD, Checkpoint, Dataset, Network, Standardize, random
from anynet.augmentation import AUGMENTATIONS, Brightness, Flip, Rotate, Scale, Shift, typed
from anynet.random import Streams
from anynet.saving import checkpoint as files


@dataclass(frozen=True)
class Noisy:
    """Draws for a row after the other, so that chunks of another length draw the same."""

    strength: float = 0.1

    def __call__(self, x, rng):
        return x + self.strength * rng.standard_normal(x.shape)


@dataclass
class Recorder:
    """Keeps what it is handed and what it returns."""

    transform: object

    def __post_init__(self):
        self.seen, self.made = [], []

    def __call__(self, x, rng):
        self.seen.append(x.copy())
        self.made.append(self.transform(x, rng))
        return self.made[-1]


# Images that are moved.


def shifted(image, by, axis):
    """Return an image moved along an axis, by a plain loop; what comes in is 0."""
    moved = np.zeros_like(image)
    for place in np.ndindex(image.shape):
        source = list(place)
        source[axis] -= by
        if 0 <= source[axis] < image.shape[axis]:
            moved[place] = image[tuple(source)]
    return moved


@pytest.mark.parametrize("shape", [(16,), (4, 4), (3, 5), (3, 5, 2)])
@pytest.mark.parametrize("pixels", [1, 2])
def test_each_image_is_moved_in_one_of_the_ways_all_as_likely(shape, pixels, rng):
    x = rng.integers(1, 256, shape).astype(np.uint8)
    image = x.reshape(4, 4) if len(shape) == 1 else x
    known = [x.tobytes()]
    known += [
        shifted(image, sign * by, axis).tobytes() for by in range(1, pixels + 1) for sign in (-1, 1) for axis in (0, 1)
    ]
    n = 400 * len(known)
    made = Shift(pixels)(np.stack([x] * n), np.random.default_rng(0))
    assert made.shape == (n, *shape)
    assert made.dtype == np.uint8
    counts = dict.fromkeys(known, 0)
    for row in made:
        counts[row.tobytes()] += 1
    assert len(counts) == len(known)
    for times in counts.values():
        assert abs(times - 400) < 110


@pytest.mark.parametrize(
    ("most", "beyond", "shape"),
    [
        (Shift(4), Shift(5), (8, 5, 3)),
        (Shift(4), Shift(5), (25,)),
        (Scale(80), Scale(81), (5, 8)),
        (Scale(90), Scale(91), (10, 10)),
    ],
)
def test_what_leaves_nothing_of_an_image_is_refused(most, beyond, shape, rng):
    assert most(np.ones((2, *shape)), rng).shape == (2, *shape)
    height, width = (5, 5) if len(shape) == 1 else shape[:2]
    told = f"transform: expected one that leaves something of images of {height} x {width} pixels, got {beyond}. Take"
    with pytest.raises(ValueError, match=re.escape(told)):
        beyond(np.ones((2, *shape)), rng)
    if len(shape) > 1:
        net = Network([shape, 2])
        before = [w.copy() for w in net.weights]
        with pytest.raises(ValueError, match=re.escape(told)):
            net.fit((np.ones((4, *shape)), [0, 1, 0, 1]), epochs=1, transform=beyond)
        assert all(np.array_equal(*pair) for pair in zip(before, net.weights, strict=True))


def smooth(rng, height, width):
    small = Image.fromarray(rng.integers(0, 256, (4, 4), dtype=np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("side", [20, 21])
def test_images_are_turned_as_another_program_turns_them(side, rng):
    image = smooth(rng, side, side)
    made = Rotate(90)(np.stack([image] * 500), np.random.default_rng(5))
    drawn = np.random.default_rng(5).integers(0, 65, 500)
    angles = np.linspace(-90, 90, 65)
    for way in range(65):
        turned = np.asarray(Image.fromarray(image).rotate(angles[way], Image.Resampling.BILINEAR)).astype(int)
        for one in made[drawn == way]:
            assert np.abs(one - turned)[4:-4, 4:-4].max() <= 2
    assert np.array_equal(made[drawn == 0][0], np.rot90(image, -1))
    assert np.array_equal(made[drawn == 32][0], image)


@pytest.mark.parametrize("shape", [(18, 24), (18, 24, 3), (24, 24, 1)])
def test_images_are_scaled_as_another_program_scales_them(shape, rng):
    image = np.stack([smooth(rng, *shape[:2]) for _ in range(3)], axis=2)[..., : (*shape, 1)[2]].reshape(shape)
    made = Scale(20)(np.stack([image] * 300), np.random.default_rng(5))
    drawn, (height, width) = np.random.default_rng(5).integers(0, 65, 300), shape[:2]
    for way, factor in enumerate(np.linspace(0.8, 1.2, 65)):
        how = (1 / factor, 0, width / 2 * (1 - 1 / factor), 0, 1 / factor, height / 2 * (1 - 1 / factor))
        first = image if image.ndim == 2 else np.ascontiguousarray(image[..., 0])
        scaled = Image.fromarray(first).transform(
            (width, height), Image.Transform.AFFINE, how, Image.Resampling.BILINEAR
        )
        for one in made[drawn == way]:
            one = one if one.ndim == 2 else one[..., 0]
            assert np.abs(one.astype(int) - np.asarray(scaled))[4:-4, 4:-4].max() <= 2
    assert made.shape == (300, *shape)


@pytest.mark.parametrize("make", [Rotate, Scale])
def test_what_comes_in_repeats_the_edge(make):
    x = np.zeros((200, 9, 9, 2), np.float32)
    x[:, 0] = x[:, -1] = 1
    made = make(45)(x, np.random.default_rng(0))
    assert made.min() >= 0
    assert made.max() <= 1
    assert (make(45)(1 - 0 * x, np.random.default_rng(0)) >= 1 - 1e-6).all()


def test_brightness_keeps_bytes_within_their_bounds(rng):
    x = rng.integers(0, 256, (500, 4, 4, 3), dtype=np.uint8)
    made = Brightness(50)(x, np.random.default_rng(5))
    factors = 1 + 0.5 * (2 * np.random.default_rng(5).random(500, np.float32) - 1)
    wanted = np.minimum(np.round(x * factors[:, None, None, None].astype(float)), 255)
    assert np.abs(made - wanted).max() <= 1
    assert 0.5 <= factors.min() < 0.6 < 1.4 < factors.max() <= 1.5
    assert np.allclose(Brightness(50)(x / 255, np.random.default_rng(5)), x / 255 * factors[:, None, None, None])


@pytest.mark.parametrize("shape", [(16,), (3, 5), (3, 5, 2)])
def test_every_second_image_is_flipped_at_random(shape, rng):
    x = rng.integers(0, 256, (1000, *shape), dtype=np.uint8)
    images = x.reshape(1000, *(shape if len(shape) > 1 else (4, 4)))
    made = Flip()(x, np.random.default_rng(0)).reshape(images.shape)
    is_flipped = (made != images).reshape(1000, -1).any(axis=1)
    assert np.array_equal(made[is_flipped], images[is_flipped, :, ::-1])
    assert 400 < is_flipped.sum() < 600


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_rows_stay_what_they_are(name, dtype, rng):
    """In shape, in dtype and in their memory; and the same generator makes the same of them."""
    x = rng.integers(0, 256, (50, 5, 5, 3)).astype(dtype)
    before, transform = x.copy(), AUGMENTATIONS[name]()
    made = transform(x, np.random.default_rng(1))
    assert (made.shape, made.dtype) == (x.shape, x.dtype)
    assert np.array_equal(x, before)
    assert not np.shares_memory(made, x)
    assert np.array_equal(made, transform(x, np.random.default_rng(1)))
    assert not np.array_equal(made, x)
    assert transform(x[:0], rng).shape == (0, 5, 5, 3)
    assert pickle.loads(pickle.dumps(transform)) == transform
    assert transform(np.ones((3, 2, 2), dtype), rng).shape == (3, 2, 2)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("shift 1", (Shift(1),)),
        ("shift 2, rotate 10, flip", (Shift(2), Rotate(10), Flip())),
        (" scale 7.5,brightness 20 ", (Scale(7.5), Brightness(20))),
    ],
)
def test_transforms_are_typed_by_name(text, values):
    assert typed(text) == values


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "augment: expected one of shift, rotate, scale, brightness, flip, got ''"),
        ("turn 1", "augment: expected one of shift"),
        ("rotate", "augment: expected a number after rotate, rotate 10 say, got 'rotate'"),
        ("flip 1", "augment: expected flip alone, got '1'"),
        ("rotate 181", "augment: rotate: degrees: expected above 0 and up to 180, got 181"),
        ("rotate 0", "augment: rotate: degrees: expected above 0"),
        ("rotate nan", "augment: rotate: expected a number, got 'nan'"),
        ("scale 100", "augment: scale: percent: expected above 0 and up to 99, got 100"),
        ("brightness 1 2", "augment: brightness: expected a number, got '1 2'"),
        ("shift 1.5", "augment: shift: pixels: expected"),
        ("shift 1001", "augment: shift: pixels: expected 1 to 1000, got 1001"),
        (f"rotate {'9' * 5000}", f"augment: rotate: expected a number, got '{'9' * 40}'"),
        ("shift 1, turn 1", "augment: expected one of shift"),
    ],
)
def test_what_is_typed_wrongly_is_told(text, words):
    with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
        typed(text)


# In training.


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("limit", [None, 0])
def test_a_network_learns_from_what_a_transform_returns(backend, limit, rng):
    """Whose rows are fed to another network, batch after batch."""
    x, y = rng.integers(0, 256, (40, 16), dtype=np.uint8), np.arange(40) % 3
    given = Dataset(x, y) if limit == 0 else (backend.asarray(x), y)
    nets = [Network([16, 5, 3], backend, seed=1) for _ in range(2)]
    recorder = Recorder(Shift(1))
    how = {"batch_size": 8, "optimizer": SGD(0.5), "shuffle": False}
    nets[0].fit(given, epochs=2, transform=recorder, memory_limit=limit, validation=(x, y), **how)
    assert np.array_equal(np.concatenate(recorder.seen), np.concatenate([x, x]))
    made = np.concatenate(recorder.made).reshape(2, 40, 16)
    assert not np.array_equal(*made)
    for epoch in made:
        nets[1].partial_fit(epoch, y, **how)
    for a, b in zip((*nets[0].weights, *nets[0].biases), (*nets[1].weights, *nets[1].biases), strict=True):
        assert np.abs(a - b).max() <= 1e-12
    assert nets[0].history[-1].metrics["validation_accuracy"] == nets[1].accuracy(x, y)


def test_several_are_applied_in_order_and_layers_that_see_the_data_see_them_as_they_are(rng):
    x, y = rng.standard_normal((30, 4)), np.arange(30) % 2
    one, other, plain = (Network([4, Standardize(), 3, 2], seed=1) for _ in range(3))
    one.fit(x, y, epochs=2, transform=[lambda x, rng: 2 * x, lambda x, rng: x + 1])
    other.fit(x, y, epochs=2, transform=lambda x, rng: 2 * x + 1)
    plain.fit(x, y, epochs=2)
    assert np.abs(one.weights[0] - other.weights[0]).max() < 1e-5
    assert np.abs(one.weights[0] - plain.weights[0]).max() > 1e-3
    assert all(np.array_equal(a, b) for a, b in zip(one.state[0], plain.state[0], strict=True))


@pytest.mark.parametrize("n_bytes", [1, 12 * 4 * 40, 2**20])
def test_chunks_of_any_length_draw_the_same(n_bytes, monkeypatch):
    first, _ = fitted(transform=Noisy())
    set_chunk_bytes(monkeypatch, n_bytes)
    again, _ = fitted(transform=Noisy())
    assert np.abs(first.weights[0] - again.weights[0]).max() < 1e-5


def test_no_other_stream_sees_it():
    nets = [fitted(epochs=1, transform=transform)[0] for transform in (None, Noisy(0.0))]
    assert np.array_equal(nets[0].weights[0], nets[1].weights[0])


@pytest.mark.slow_on("jax", "array_api_strict")
@pytest.mark.parametrize("how", [{}, {"memory_limit": 0}], ids=["in memory", "streamed"])
def test_stopped_in_mid_epoch_it_ends_at_the_same_bits(backend, how, tmp_path, monkeypatch):
    set_chunk_bytes(monkeypatch, 12 * 4 * 40)
    how = {"backend": backend, "transform": [Noisy(0.5), Noisy(0.1)]} | how
    whole = fitted(**how)
    kept = {"checkpoint": Checkpoint(tmp_path), "resume": tmp_path}
    for n in (3, 2, 7, 4):
        with pytest.raises(KeyboardInterrupt):
            fitted(callbacks=[StopAt(n)], **kept, **how)
    assert_same(fitted(**kept, **how), whole)
    assert not np.array_equal(whole[0].weights[0], fitted(backend=backend)[0].weights[0])


@pytest.mark.parametrize("other", [None, Noisy(0.2), [Noisy(), Noisy()], Shift()])
def test_another_transform_is_refused_in_a_resume(other, tmp_path):
    fitted(epochs=1, transform=Noisy(), checkpoint=Checkpoint(tmp_path))
    with pytest.raises(ValueError, match=r"resume: expected the transform of the checkpoint, Noisy\(strength=0.1\)"):
        fitted(transform=other, resume=tmp_path)


# What was written before there were transforms.


def test_a_checkpoint_without_the_stream_is_gone_on_from(tmp_path, monkeypatch):
    whole = fitted()
    with monkeypatch.context() as patch:
        patch.setattr(files, "write", without_the_stream(files.write))
        with pytest.raises(KeyboardInterrupt):
            fitted(checkpoint=Checkpoint(tmp_path), callbacks=[StopAt(2)])
    assert_same(fitted(resume=tmp_path), whole)
    with pytest.raises(ValueError, match="resume: expected the transform of the checkpoint, none, got Noisy"):
        fitted(resume=tmp_path, transform=Noisy())


def without_the_stream(write):
    def written(folder, number, moment, keep):
        moment.streams.pop("augmentation")
        moment.made_of.pop("transform", None)  # one value, which all checkpoints of a training share
        return write(folder, number, moment, keep)

    return written


def test_what_was_pickled_without_the_stream_has_the_one_of_its_seed():
    net, fresh = Network(SIZES, seed=5), random.spawn(5)
    attributes = net.__getstate__() | {"streams": pickle.loads(pickle.dumps(Streams(*net.streams[:4])))}
    old = object.__new__(Network)
    old.__setstate__(attributes)
    assert random.states(old.streams)["augmentation"] == random.states(fresh)["augmentation"]


# What does not suit.


@pytest.mark.parametrize(
    ("transform", "error", "words"),
    [
        (lambda x, rng: x[:-1], ValueError, r"transform: expected as many rows of the same shape, \(10, 12\), got"),
        (lambda x, rng: x.T, ValueError, "transform: expected as many rows of the same shape"),
        (lambda x, rng: x > 0, ValueError, "transform: expected numbers of x's dtype, float64, got bool"),
        (lambda x, rng: x / 0.0, ValueError, "transform: expected finite numbers"),
        ("shift", TypeError, "transform: expected a function of x and a generator .* got .shift"),
        (Shift, TypeError, r"transform: expected .* got the class Shift. Make a value of it: Shift\(\)"),
        ([Shift(), 3], TypeError, "transform: expected a function of x and a generator .* got 3"),
        (Shift(), ValueError, r"transform: expected images, .* got \(10, 12\)"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's own, of the infinity
def test_what_is_no_transform(transform, error, words):
    (x, y), _ = data()
    with pytest.raises(error, match=words):
        Network([12, 4]).fit(x[:10], y[:10], epochs=1, transform=transform)


@pytest.mark.parametrize(("pixels", "error"), [(0, ValueError), (1.5, TypeError), (True, TypeError)])
def test_pixels_are_a_whole_number(pixels, error):
    with pytest.raises(error, match="pixels: expected"):
        Shift(pixels)
