"""Convolution: against a plain loop on every library, and that loop against PyTorch and JAX."""

from itertools import product

import numpy as np
import pytest
from compare import relative_difference
from conftest import need
from images import computed, convolution

from anynet import Conv2D, Network
from anynet.layers.convolution import ConvParameters

# (kernel, stride, padding, channels): kernels of 1 to 5, square ones and others.
GRID = list(product((1, 2, 3, 4, 5), (1, 2, 3), ("valid", "same"), (1, 3)))
PAIRS = [((2, 5), (3, 1), "same", 2), ((5, 1), (1, 2), "valid", 2), ((1, 4), (4, 3), "same", 1)]


def case(kernel, stride, padding, channels, rng, n=2, image=(6, 5), filters=2):
    layer = Conv2D(filters, kernel, stride, padding)
    shape = (*image, channels)
    (kernels, biases), _ = layer.parameter_shapes(shape)
    arrays = [rng.standard_normal(size) for size in (kernels, biases, (n, *shape), (n, *layer.output_shape(shape)))]
    return layer, *arrays


def cases(rng):
    for each in [*GRID, *PAIRS]:
        yield case(*each, rng)


@pytest.mark.slow_on("jax")
def test_forward_and_backward_equal_a_plain_loop(backend, rng):
    for layer, kernels, biases, a, delta in cases(rng):
        expected = convolution(a, kernels, biases, layer.stride, layer.padding, delta)
        for found in computed(backend, layer, ConvParameters(kernels, biases), (), a, delta):
            for value, right in zip(found, expected, strict=True):
                assert relative_difference(value, right) <= 1e-12, layer


def test_on_jax_a_few_of_them(rng):
    need("jax")
    from conftest import SETTINGS

    for each in PAIRS:
        layer, kernels, biases, a, delta = case(*each, rng)
        expected = convolution(a, kernels, biases, layer.stride, layer.padding, delta)
        [found] = computed(SETTINGS["jax"].get(), layer, ConvParameters(kernels, biases), (), a, delta)
        assert all(relative_difference(f, e) <= 1e-12 for f, e in zip(found, expected, strict=True)), layer


def test_the_plain_loop_is_pytorchs_convolution_on_input_padded_by_hand(rng):
    need("torch")
    import torch

    for layer, *arrays in cases(rng):
        kernels, biases, a, delta = (torch.tensor(each, requires_grad=True) for each in arrays)
        image = a.permute(0, 3, 1, 2)
        if layer.padding == "same":
            sides = []
            for n, k, s in zip(a.shape[1:3], layer.kernel, layer.stride, strict=True):
                missing = max((-(-n // s) - 1) * s + k - n, 0)
                sides = [missing // 2, missing - missing // 2, *sides]  # PyTorch wants the last axis first
            image = torch.nn.functional.pad(image, sides)
        z = torch.nn.functional.conv2d(image, kernels.permute(0, 3, 1, 2), biases, layer.stride).permute(0, 2, 3, 1)
        gradients = torch.autograd.grad(z, [kernels, biases, a], delta)
        found = convolution(arrays[2], *arrays[:2], layer.stride, layer.padding, arrays[3])
        for value, right in zip(found, [z, *gradients], strict=True):
            assert relative_difference(value, right.detach().numpy()) <= 1e-10, layer


def test_the_plain_loop_is_jaxs_convolution(rng):
    need("jax")
    import jax

    how = ("NHWC", "OHWI", "NHWC")
    for layer, kernels, biases, a, _ in list(cases(rng))[::3]:
        with jax.default_device(jax.devices("cpu")[0]):
            z = jax.lax.conv_general_dilated(a, kernels, layer.stride, layer.padding.upper(), dimension_numbers=how)
        found = convolution(a, kernels, biases, layer.stride, layer.padding)[0]
        assert relative_difference(found, np.asarray(z) + biases) <= 1e-12, layer


@pytest.mark.parametrize(
    ("n", "kernel", "stride", "sums"),
    [(6, 3, 2, [6, 12, 11]), (6, 5, 2, [10, 20, 15]), (5, 2, 1, [3, 5, 7, 9, 5])],
)
def test_same_has_the_odd_zero_at_the_bottom_and_at_the_right(n, kernel, stride, sums, backend):
    values = np.arange(1.0, n + 1)
    for axis in (0, 1):
        kernels = (kernel, 1) if axis == 0 else (1, kernel)
        strides = (stride, 1) if axis == 0 else (1, stride)
        net = Network(
            [(n, 1, 1) if axis == 0 else (1, n, 1), Conv2D(1, kernels, strides, "same", "identity"), 1], backend
        )
        net.parameters[0] = ConvParameters(*(backend.asarray(a) for a in (np.ones((1, *kernels, 1)), np.zeros(1))))
        assert net.activations(values)[0].ravel().tolist() == sums


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 3), ValueError, "Conv2D: expected at least 1 filter, got 0"),
        ((3, 0), ValueError, "Conv2D: expected a kernel of at least 1, got 0"),
        ((3, 3, 0), ValueError, "Conv2D: expected a stride of at least 1, got 0"),
        ((3, (3, 0)), ValueError, "Conv2D: expected a kernel of at least 1, got 0"),
        (
            (3, (3, 3, 3)),
            ValueError,
            r"Conv2D: expected a kernel that is a number or \(rows, columns\), got \(3, 3, 3\)",
        ),
        ((3, 2.5), TypeError, "Conv2D: expected a whole number, got 2.5"),
        ((3, "5"), TypeError, "Conv2D: expected a whole number, got '5'"),
        ((3, 3, 1, "full"), ValueError, "Conv2D: expected a padding of valid or same, got 'full'"),
        ((3, 3, 1, ["same"]), ValueError, "Conv2D: expected a padding of valid or same"),
    ],
)
def test_hyper_parameters_that_make_no_convolution(arguments, error, message):
    with pytest.raises(error, match=message):
        Conv2D(*arguments)


def test_sizes_are_pairs_of_pythons_own_numbers():
    assert Conv2D(np.int64(2), np.int32(3), [2, np.int8(1)]) == Conv2D(2, (3, 3), (2, 1))
    assert all(type(n) is int for n in (*Conv2D(2, np.int32(3)).kernel, Conv2D(np.int64(2), 3).filters))


def test_kernels_start_as_a_dense_layer_of_as_many_inputs(rng):
    layer = Conv2D(4000, (3, 2), initializer="he")
    (kernels, biases), state = layer.initialize((6, 6, 5), rng)
    assert kernels.std() == pytest.approx((2 / (3 * 2 * 5)) ** 0.5, rel=0.02)
    assert (biases.shape, state) == ((4000,), ())
