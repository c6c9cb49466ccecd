"""Splitting: a step from micro-batches is the step from the batch, and what is frozen does not move."""

import numpy as np
import pytest
from conftest import need

from anynet import (
    SGD,
    Activation,
    Adam,
    BatchNorm,
    Checkpoint,
    Conv2D,
    Dense,
    Dropout,
    MaxPool2D,
    Network,
    Standardize,
    training,
)
from anynet.backends import get as get_backend
from anynet.backends.threads import SHARED_FROM, threads_for
from anynet.backends.traced import kept_lines
from anynet.splitting import Split, split_of
from anynet.trees import arrays_of

IMAGES = [(12, 12, 2), Conv2D(3, 3), MaxPool2D(2), Conv2D(4, 3), Dropout(0.3), 20, 4]
WITH_NORM = [(12, 12, 2), Conv2D(3, 3), BatchNorm(), MaxPool2D(2), 20, 4]


def data(n=50):
    rng = np.random.default_rng(5)
    return rng.standard_normal((n, 12, 12, 2)), rng.integers(0, 4, n)


def net_of(sizes, backend="numpy", dtype="float64"):
    return Network(sizes, backend, dtype=dtype, hidden="relu", output="softmax")


def largest_difference(one, other):
    return max(np.abs(w - v).max() for w, v in zip(one.weights + one.biases, other.weights + other.biases, strict=True))


def test_parts_are_added_and_divided_once():
    """x = 1, 2 | 3 and y = 1 at weight 0: the errors are -1, the gradient of the mean (-1 - 2 - 3) / 3."""
    net = Network([1, 1], output="identity", dtype="float64", initializer="standard_normal")
    net.weights, net.biases = [np.zeros((1, 1))], [np.zeros((1, 1))]
    x, y = [[1.0], [2.0], [3.0]], [[1.0], [1.0], [1.0]]
    net.fit(x, y, epochs=1, batch_size=3, micro_batch_size=2, optimizer=SGD(1.0), shuffle=False)
    assert net.weights[0].item() == pytest.approx(2.0, abs=1e-15)  # and not 2.25, by a mean of means


@pytest.mark.parametrize("backend", ["numpy", "array_api_strict", "torch", "jax", "cupy"])
def test_four_and_four_and_two_are_ten(backend):
    need(backend)
    if backend == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
    x, y = data(23)  # the last batch is of 3, less than a part
    how = {"epochs": 2, "batch_size": 10, "optimizer": Adam(0.01), "l2": 1.0, "clip_norm": 1.0}
    how["sample_weight"] = np.linspace(0.0, 2.0, 23)
    whole, parts = net_of(IMAGES, backend), net_of(IMAGES, backend)
    whole.fit(x, y, **how)
    parts.fit(x, y, **how, micro_batch_size=4)
    assert largest_difference(whole, net_of(IMAGES, backend)) > 0.0
    assert largest_difference(whole, parts) <= 1e-12


def test_labels_of_several_are_weighed_in_parts_too():
    x, y = data(10)[0], np.eye(4)[np.arange(10) % 4]
    nets = [Network(IMAGES, dtype="float64", task="multilabel", cost="cross_entropy") for _ in range(2)]
    for net, size in zip(nets, (None, 4), strict=True):
        net.fit(
            x, y, epochs=2, optimizer=SGD(0.1), class_weight={0: 3.0, 1: 1.0, 2: 1.0, 3: 2.0}, micro_batch_size=size
        )
    assert largest_difference(*nets) <= 1e-12


def test_convolutions_are_learnt_in_parts_that_stay_in_the_cache():
    lenet = [(28, 28, 1), Conv2D(20, 5), MaxPool2D(2), Conv2D(40, 5), MaxPool2D(2), 100, 10]
    numpy = get_backend("numpy", None, "float32")

    def size(sizes, batch_size):
        return split_of(numpy, net_of(sizes, dtype="float32").architecture, batch_size, None, ()).size

    assert size(lenet, 10) is None
    assert size(lenet, 64) == 16  # four even parts
    assert size([784, 100, 10], 5000) is None  # no kernel looks at anything
    assert size([*lenet[:3], BatchNorm(), *lenet[3:]], 64) is None
    need("torch")
    assert split_of(get_backend("torch", None, "float32"), net_of(lenet).architecture, 64, None, ()) == Split()


def test_what_is_frozen_does_not_move():
    """No gradient, decay, penalty, mean or running statistic: as it is asked, so it is learnt behind it."""
    x, y = data()
    net = net_of([(12, 12, 2), Conv2D(3, 3), BatchNorm(), MaxPool2D(2), 20, 4])
    net.fit(x, y, epochs=1, optimizer=Adam(0.01))  # running statistics that are not those of a batch
    before = [np.array(a) for a in arrays_of([net.parameters[:2], net.state])]
    rest = [np.array(a) for a in arrays_of(net.parameters[2:])]
    net.fit(x, y, epochs=2, optimizer=Adam(0.01), freeze=[1, 2], l2=1.0, average=0.9)
    assert all(map(np.array_equal, before, arrays_of([net.parameters[:2], net.state])))
    assert not any(map(np.array_equal, rest, arrays_of(net.parameters[2:])))


def test_layers_behind_frozen_ones_learn_as_from_what_these_put_out():
    x, y = data()
    net = net_of(WITH_NORM)
    net.fit(x, y, epochs=1, optimizer=Adam(0.01))
    tail = Network([(5, 5, 3), Dense(20, "relu"), 4], dtype="float64", output="softmax")
    tail.weights, tail.biases = net.weights[1:], net.biases[1:]
    seen = net.activations(x)[2]
    how = {"epochs": 2, "optimizer": SGD(0.1), "clip_norm": 0.1, "shuffle": False}
    net.fit(x, y, **how, freeze=(1, 2, 3))
    tail.fit(seen, y, **how)
    assert max(map(lambda w, v: np.abs(w - v).max(), net.weights[1:], tail.weights)) <= 1e-14


@pytest.mark.parametrize(
    ("how", "error", "told"),
    [
        ({"freeze": [0]}, ValueError, "from 1 to 6, as summary.. numbers layers, got 0"),
        ({"freeze": [True]}, ValueError, "got True"),
        ({"freeze": "1"}, TypeError, "a list of positions, .*got '1'"),
        ({"freeze": range(1, 7)}, ValueError, "a layer that is left to learn"),
        ({"micro_batch_size": 4}, ValueError, "BatchNorm, which couples .* LayerNorm"),
        ({"micro_batch_size": 0}, ValueError, "micro_batch_size"),
    ],
)
def test_what_cannot_be_split(how, error, told):
    with pytest.raises(error, match=told):
        net_of(WITH_NORM).fit(*data(), epochs=1, **how)


def test_another_freeze_is_another_training(tmp_path):
    net, x, y = net_of(WITH_NORM), *data()
    net.fit(x, y, epochs=1, optimizer=SGD(0.1), checkpoint=Checkpoint(tmp_path), freeze=[1])
    with pytest.raises(ValueError, match="freeze"):
        net_of(WITH_NORM).fit(x, y, epochs=2, optimizer=SGD(0.1), resume=tmp_path)


def test_parts_on_two_threads_are_the_parts_on_one():
    """To rounding, for one by one the products are summed otherwise; and to the bit from run to run."""
    x, y = data(70)
    how = {"epochs": 2, "batch_size": 32, "micro_batch_size": 7, "optimizer": Adam(0.01), "l2": 1.0}
    how |= {"label_smoothing": 0.1, "sample_weight": np.linspace(0.5, 1.5, 70)}
    nets = [net_of(IMAGES) for _ in range(3)]
    for net, threads in zip(nets, (1, 2, 2), strict=True):
        net.fit(x, y, **how, threads=threads)
    assert largest_difference(nets[0], nets[1]) <= 1e-12
    assert largest_difference(nets[1], nets[2]) == 0.0


def test_what_goes_wrong_on_a_thread_is_told():
    def odd(xp, z):
        if z.shape[0] == 3:  # the last part, which another thread takes
            raise ArithmeticError("three")
        return z * 1.0

    odd = Activation("odd", odd, lambda xp, z, a: xp.ones_like(z))
    net = Network([(12, 12, 2), Conv2D(3, 3, activation=odd), 4], output="softmax", dtype="float64")
    with pytest.raises(ArithmeticError, match="three"):
        net.fit(*data(10), epochs=1, batch_size=10, micro_batch_size=7, threads=2)


def test_products_of_a_convolution_are_not_shared_by_themselves():
    """Half the step is none, and waiting for another thread beside other work takes many times as long."""
    lenet = [(28, 28, 1), Conv2D(20, 5), MaxPool2D(2), Conv2D(40, 5), MaxPool2D(2), 100, 10]
    architecture, backend = net_of(lenet, dtype="float32").architecture, get_backend("numpy", None, "float32")
    assert 10 * architecture.multiply_adds > SHARED_FROM
    assert threads_for(backend, 10 * architecture.shared_multiply_adds).number == 1
    assert threads_for(backend, 10 * architecture.shared_multiply_adds, 2).number == 2
    dense = net_of([784, 512, 10]).architecture
    assert dense.shared_multiply_adds == dense.multiply_adds


def test_small_parts_are_not_worth_a_thread():
    numpy, lenet = get_backend("numpy", None, "float32"), [(28, 28, 1), Conv2D(20, 5), MaxPool2D(2), Conv2D(40, 5), 10]
    architecture = net_of(lenet, dtype="float32").architecture
    assert split_of(numpy, architecture, 10, None, (), threads=2) == Split()
    assert split_of(numpy, architecture, 64, None, (), threads=2) == Split(16, (), 2)
    with_state = net_of([(28, 28, 1), Standardize(), *lenet[1:]], dtype="float32").architecture
    assert split_of(numpy, with_state, 64, None, (), threads=2).threads == 1


def test_other_classes_are_learnt_from_what_was_learnt():
    x, y = data()
    net = net_of(WITH_NORM)
    net.fit(x, y, epochs=1, optimizer=Adam(0.01))
    other = net.with_outputs(3)
    assert other.sizes == [*net.sizes[:-1], 3]
    seen = net.activations(x)[-2]
    assert np.array_equal(other.activations(x)[-2], seen)
    last = other.weights[-1]
    other.fit(x, y % 3, epochs=1, optimizer=Adam(0.05), freeze=range(1, len(other.layers)))
    assert np.array_equal(other.activations(x)[-2], seen)
    assert not np.array_equal(other.weights[-1], last)
    assert net.sizes[-1] == 4
    with pytest.raises(ValueError, match="a Dense as the last layer, got Dropout"):
        Network([4, 3, Dropout(0.5)]).with_outputs(3)


def test_lines_of_parts_are_kept_from_fit_to_fit():
    net, (x, y) = net_of(IMAGES), data(20)
    how = {"epochs": 1, "batch_size": 20, "micro_batch_size": 10, "threads": 2, "optimizer": SGD(0.1)}
    net.fit(x, y, **how)
    before = kept_lines.cache_info()
    net.fit(x, y, **how)
    after = kept_lines.cache_info()
    assert after.misses == before.misses
    assert after.hits > before.hits


def test_each_thread_holds_storage():
    architecture = net_of(IMAGES).architecture
    of_step = get_backend("numpy", None, "float64"), architecture, SGD(0.1), 32
    one, two = (training._held_bytes(*of_step, Split(16, (), threads)) for threads in (1, 2))
    assert two == 2 * one > 0
