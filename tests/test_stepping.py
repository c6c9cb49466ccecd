"""Steps: what one mini-batch does to a network."""

import own
import pytest
from compare import relative_difference
from recipes import clusters

from anynet import SGD, Network


@pytest.mark.slow_on("jax")
def test_one_step_by_hand_is_a_step_of_training(backend, rng):
    x, y = clusters(rng, n=10)
    by_hand, trained_net = Network([12, 5, 4], backend), Network([12, 5, 4], backend)
    by_hand.update_mini_batch((x, y), 0.5)
    trained_net.fit((x, y), epochs=1, batch_size=10, optimizer=SGD(0.5))
    for a, b in zip(by_hand.weights, trained_net.weights, strict=True):
        assert relative_difference(a, b) <= 1e-12  # the order of the sum is another


def test_numbers_of_numpy_do_not_make_float32_float64(backend32, rng):
    net = Network([12, 4], backend32)
    net.fit(clusters(rng), epochs=1, batch_size=50, optimizer=own.NumPyRate())
    assert str(net.parameters[0].weights.dtype).endswith("float32")
    with pytest.raises(TypeError, match=r"optimizer: expected numbers\(step\) to return a tuple of floats, got 0.1"):
        net.fit(clusters(rng), epochs=1, batch_size=50, optimizer=own.NumPyRate(bare=True))
