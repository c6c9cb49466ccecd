"""Norms: the numbers of their definitions, and PyTorch's, forward and backward, on every library."""

import numpy as np
import pytest
from compare import relative_difference
from conftest import need
from images import computed

from anynet import SGD, BatchNorm, Conv2D, Dense, LayerNorm, Network
from anynet.layers.derived import with_backward
from anynet.layers.normalization import NormParameters, Running

SHAPES = [(7, 3), (4, 5, 3, 2), (2, 1, 1, 3)]


def case(shape, rng):
    channels = shape[-1]
    parameters = NormParameters(rng.uniform(0.5, 2.0, channels), rng.standard_normal(channels))
    state = Running(rng.standard_normal(channels), rng.uniform(0.5, 2.0, channels))
    return parameters, state, rng.standard_normal(shape) + 0.5, rng.standard_normal(shape)


def by_torch(layer, parameters, state, a, delta, training):
    import torch

    scale, shift, given = (torch.tensor(each, requires_grad=True) for each in (*parameters, a))
    after = [torch.tensor(each) for each in state]
    if isinstance(layer, BatchNorm):
        by_channel = given.reshape(-1, a.shape[-1])
        z = torch.nn.functional.batch_norm(by_channel, *after, scale, shift, training, 1 - layer.momentum, layer.eps)
    else:
        z = torch.nn.functional.layer_norm(given, a.shape[-1:], scale, shift, layer.eps)
    z = z.reshape(a.shape)
    return [z.detach(), *torch.autograd.grad(z, [scale, shift, given], torch.tensor(delta)), *after]


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize(
    "layer", [BatchNorm(), BatchNorm(eps=0.1, momentum=0.7), LayerNorm(), LayerNorm(eps=0.5)], ids=str
)
def test_forward_and_backward_equal_pytorchs(layer, backend, rng):
    need("torch")
    for shape in SHAPES:
        parameters, state, a, delta = case(shape, rng)
        state = state if isinstance(layer, BatchNorm) else ()
        for training in (True, False):
            expected = by_torch(layer, parameters, state, a, delta, training)
            for found in computed(backend, with_backward(layer), parameters, state, a, delta, training=training):
                for value, right in zip(found, expected, strict=True):
                    assert relative_difference(value, right.numpy()) <= 1e-10, (layer, shape, training)


def test_the_numbers_of_a_batch_norm(backend):
    """In training the biased variance of the batch, in asking the running ones, which keep the unbiased one."""
    net = Network([1, BatchNorm(), Dense(1)], backend, seed=1)
    x = [[1.0], [2.0], [3.0], [4.0]]
    state = net.state[0]
    with backend.active():
        z, _, after = net.architecture.stages[0].layer.forward(
            backend.xp, net.parameters[0], state, backend.asarray(np.asarray(x)), True, None
        )
    z, mean, variance = (backend.to_numpy(each).ravel() for each in (z, *after))
    assert z == pytest.approx([-1.341635420, -0.447211807, 0.447211807, 1.341635420], abs=1e-9)
    assert [*mean, *variance] == pytest.approx([0.25, 1.066666667], abs=1e-9)
    net.update_mini_batch((x, [[0.0]] * 4), 1e-300)  # nothing is learnt
    assert [float(a[0]) for a in net.state[0]] == pytest.approx([0.25, 1.066666667], abs=1e-9)
    asked = net.activations(x)[0].ravel()
    assert (asked[0], asked[3]) == pytest.approx((0.726180974, 3.630904867), abs=1e-9)


def test_statistics_are_taken_over_all_places_of_all_images(rng):
    net = Network([(4, 3, 2), BatchNorm(), 1], dtype="float64")
    x = rng.standard_normal((5, 4, 3, 2))
    net.update_mini_batch((x, np.zeros((5, 1))), 1e-300)
    mean, variance = net.state[0]
    assert relative_difference(mean, 0.1 * x.mean(axis=(0, 1, 2))) <= 1e-14
    assert relative_difference(variance, 0.9 + 0.1 * x.reshape(60, 2).var(axis=0, ddof=1)) <= 1e-14


def test_asking_moves_nothing_and_one_example_is_answered_alone(rng):
    net = Network([3, 5, BatchNorm(), 2], dtype="float64", seed=2)
    x, y = rng.standard_normal((20, 3)), np.arange(20) % 2
    net.fit((x, y), epochs=2, batch_size=10, optimizer=SGD(0.1))
    before = [np.array(a) for a in net.state[1]]
    together = net.feedforward(x)
    assert relative_difference(np.stack([net.feedforward(one) for one in x]), together) <= 1e-14
    net.evaluate((x, y)), net.accuracy(x, y)
    assert all(map(np.array_equal, net.state[1], before))


def test_a_batch_norm_says_that_it_couples_examples():
    net = Network([(5, 5, 1), Conv2D(2, 3), BatchNorm(), 3], hidden="relu")
    assert "couples the examples of a batch" in net.summary().splitlines()[3]
    assert "couples" not in Network([4, 5, LayerNorm(), 3]).summary()
    assert net.architecture.couples == ("BatchNorm",)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: BatchNorm(eps=0.0), ValueError, "BatchNorm: expected eps above 0 and at most 1, got 0.0"),
        (lambda: BatchNorm(momentum=1.5), ValueError, "BatchNorm: expected momentum above 0 and at most 1, got 1.5"),
        (lambda: BatchNorm("relu"), TypeError, "BatchNorm: expected eps, a number, got 'relu'"),
        (lambda: BatchNorm(momentum=True), TypeError, "BatchNorm: expected momentum, a number, got True"),
        (lambda: LayerNorm(eps=float("nan")), ValueError, "LayerNorm: expected eps above 0"),
    ],
)
def test_hyper_parameters_that_make_no_norm(make, error, message):
    with pytest.raises(error, match=message):
        make()
