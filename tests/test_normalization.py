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


ONE_VALUE = {
    "rows": [3, Dense(4), BatchNorm(), 2],
    "images of one pixel": [(3, 3, 1), Conv2D(4, 3), BatchNorm(), 2],
}


@pytest.mark.parametrize("sizes", ONE_VALUE.values(), ids=ONE_VALUE)
def test_a_batch_in_which_a_channel_has_a_single_value_is_refused_before_training(sizes, rng):
    net = Network(sizes, seed=2)
    x, y = rng.standard_normal((101, *net.shapes[0])), np.arange(101) % 2
    before = [np.array(a) for a in net.parameters[0]]
    said = r"batch_size: expected at least 2 examples in each mini-batch, as BatchNorm, layer 2, .*"
    cure = r"got 101 in batches of 10, which leave 1. Take another batch_size, 11 say, or leave 1 out\.$"
    with pytest.raises(ValueError, match=said + cure):
        net.fit(x, y, epochs=1, batch_size=10)
    with pytest.raises(ValueError, match=said + cure):
        net.find_learning_rate(x, y, batch_size=10)
    with pytest.raises(ValueError, match=said + r"got 101 in batches of 1, which leave 1. .* 3 say"):
        net.fit(x, y, epochs=1, batch_size=1)
    alone = said + r"got 1\. Give more examples\.$"
    for use in (net.gradients, net.check_gradients, lambda *data: net.update_mini_batch(data, 0.1)):
        with pytest.raises(ValueError, match=alone):
            use(x[:1], y[:1])
    assert all(map(np.array_equal, net.parameters[0], before))
    net.fit(x, y, epochs=1, batch_size=11)
    net.fit(x[1:], y[1:], epochs=1, batch_size=10)
    net.fit(x, y, epochs=1, batch_size=10, freeze=[2])  # it learns nothing there


def test_one_image_has_many_values_of_each_channel(rng):
    net = Network([(4, 4, 1), Conv2D(4, 3), BatchNorm(), 2])
    net.fit(rng.standard_normal((11, 4, 4, 1)), np.arange(11) % 2, epochs=1, batch_size=5)
    assert np.isfinite(net.gradients(rng.standard_normal((1, 4, 4, 1)), [1])[0])


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
