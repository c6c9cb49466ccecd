"""Pooling: against a plain loop on every library, and that loop against PyTorch."""

from itertools import product

import numpy as np
import pytest
from conftest import need
from images import computed, pooling

from anynet import AveragePool2D, Flatten, GlobalAveragePool2D, MaxPool2D, Network

KINDS = {"max": MaxPool2D, "average": AveragePool2D}
GRID = list(product((1, 2, 3, 4, 5), (None, 1, 2, 3), (1, 3)))  # (size, stride, channels)
ODD = [((2, 3), (3, 1), 2), ((1, 4), (2, 2), 1), ((3, 1), None, 3)]
IMAGE = 6, 5
FEW = [*GRID[::5], *ODD]  # for libraries that compile: each size, each stride


def cases(rng, grid=(*GRID, *ODD)):
    for kind, (size, stride, channels) in product(KINDS, grid):
        layer = KINDS[kind](size, stride)
        a = rng.standard_normal((2, *IMAGE, channels))
        yield kind, layer, a, rng.standard_normal((2, *layer.output_shape(a.shape[1:])))


def assert_equal_to_the_loop(backend, rng, grid):
    for kind, layer, a, delta in cases(rng, grid):
        expected = pooling(kind, a, layer.size, layer.stride, delta)
        for found in computed(backend, layer, (), (), a, delta):
            for value, right in zip(found, expected, strict=True):
                assert np.allclose(value, right, rtol=0, atol=1e-12), layer


@pytest.mark.slow_on("jax")
def test_forward_and_backward_equal_a_plain_loop(backend, rng):
    assert_equal_to_the_loop(backend, rng, FEW if backend.name in ("jax", "cupy") else [*GRID, *ODD])


def test_on_jax_a_few_of_them(rng):
    need("jax")
    from conftest import SETTINGS

    assert_equal_to_the_loop(SETTINGS["jax"].get(), rng, ODD)


def test_the_plain_loop_is_pytorchs_pooling(rng):
    need("torch")
    import torch

    of_torch = {"max": torch.nn.functional.max_pool2d, "average": torch.nn.functional.avg_pool2d}
    for kind, layer, a, delta in cases(rng):
        given = torch.tensor(a, requires_grad=True)
        z = of_torch[kind](given.permute(0, 3, 1, 2), layer.size, layer.stride).permute(0, 2, 3, 1)
        expected = [z, *torch.autograd.grad(z, [given], torch.tensor(delta))]
        for value, right in zip(pooling(kind, a, layer.size, layer.stride, delta), expected, strict=True):
            assert np.allclose(value, right.detach().numpy(), rtol=0, atol=1e-12), layer


def test_of_equal_values_the_first_takes_the_error_alone_and_overlapping_windows_add(backend):
    a = np.asarray([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]).reshape(1, 3, 3, 1)
    delta = np.asarray([[1.0, 10.0], [100.0, 1000.0]]).reshape(1, 2, 2, 1)
    for _, error in computed(backend, MaxPool2D(2, 1), (), (), a, delta):
        assert error[0, :, :, 0].tolist() == [[1.0, 10.0, 0.0], [100.0, 1000.0, 0.0], [0.0, 0.0, 0.0]]
    a = np.asarray([0.0, 0.0, 5.0, 0.0, 0.0]).reshape(1, 1, 5, 1)
    for z, error in computed(
        backend, MaxPool2D((1, 3), (1, 1)), (), (), a, np.asarray([1.0, 10.0, 100.0]).reshape(1, 1, 3, 1)
    ):
        assert z.ravel().tolist() == [5.0, 5.0, 5.0]
        assert error.ravel().tolist() == [0.0, 0.0, 111.0, 0.0, 0.0]


def test_the_mean_of_whole_images_and_their_values_in_a_row(backend, rng):
    a, delta = rng.standard_normal((3, 4, 5, 2)), rng.standard_normal((3, 2))
    for z, error in computed(backend, GlobalAveragePool2D(), (), (), a, delta):
        assert np.allclose(z, a.reshape(3, 20, 2).mean(axis=1), rtol=0, atol=1e-14)
        assert np.allclose(error, np.broadcast_to(delta[:, None, None, :] / 20, a.shape), rtol=0, atol=1e-15)
    delta = rng.standard_normal((3, 40))
    for z, error in computed(backend, Flatten(), (), (), a, delta):
        assert np.array_equal(z, a.reshape(3, 40))
        assert np.array_equal(error, delta.reshape(a.shape))


def test_what_fills_no_window_is_left_out_and_the_summary_says_so():
    layer = MaxPool2D(2)
    assert layer.output_shape((5, 4, 3)) == (2, 2, 3)
    assert layer.remark((5, 4, 3)) == "1 row left out"
    assert MaxPool2D((2, 3)).remark((4, 5, 1)) == "2 columns left out"
    assert AveragePool2D(3, 2).remark((6, 8, 1)) == "1 row and 1 column left out"
    assert AveragePool2D(2, 3).remark((5, 8, 1)) == ""
    lines = Network([(5, 5, 1), MaxPool2D(2), 3]).summary().splitlines()
    assert lines[2].endswith("1 row and 1 column left out")
    assert lines[2].split()[:2] == ["1", "MaxPool2D"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0,), ValueError, "MaxPool2D: expected a size of at least 1, got 0"),
        ((2, 0), ValueError, "MaxPool2D: expected a stride of at least 1, got 0"),
        ((2, (1, 0)), ValueError, "MaxPool2D: expected a stride of at least 1, got 0"),
        (
            ((2, 2, 2),),
            ValueError,
            r"MaxPool2D: expected a size that is a number or \(rows, columns\), got \(2, 2, 2\)",
        ),
        (("2",), TypeError, "MaxPool2D: expected a whole number, got '2'"),
    ],
)
def test_hyper_parameters_that_make_no_pooling(arguments, error, message):
    with pytest.raises(error, match=message):
        MaxPool2D(*arguments)
