"""The network at its door: what goes in, in which form, and what comes back."""

import copy
import pickle

import numpy as np
import pytest
from compare import assert_on, relative_difference
from conftest import need

from anynet import SGD, Dataset, Network, backends


@pytest.mark.slow_on("jax")
def test_feedforward_takes_a_batch_one_example_and_the_books_column(backend, rng):
    net = Network([4, 5, 3], backend)
    x = rng.standard_normal((6, 4))
    batch = net.feedforward(backend.asarray(x))
    assert_on(backend, batch, (6, 3))
    one = net.feedforward(backend.asarray(x[2]))
    assert_on(backend, one, (3,))
    column = net.feedforward(backend.asarray(x[2][:, None]))
    assert_on(backend, column, (3, 1))
    host = backend.to_numpy(batch)
    assert backend.to_numpy(one) == pytest.approx(host[2], rel=1e-12)
    assert backend.to_numpy(column)[:, 0] == pytest.approx(host[2], rel=1e-12)


@pytest.mark.slow_on("jax")
def test_what_comes_back_is_of_the_kind_that_came_in(backend, rng):
    net = Network([4, 3], backend)
    x = rng.standard_normal((6, 4))
    for result in (net.feedforward(x), net.predict(x), *net.activations(x), net.feedforward(x.tolist())):
        assert type(result) is np.ndarray
    for result in (net.feedforward(backend.asarray(x)), net.predict(backend.asarray(x))):
        assert backend.is_native(result)
    _, gradients = net.gradients(x, np.zeros(6, int))
    assert type(gradients[0].weights) is np.ndarray


def test_feedforward_is_the_equation(backend, rng):
    net = Network([4, 5, 3], backend, hidden="tanh", output="identity")
    x = rng.standard_normal((6, 4))
    (w1, w2), (b1, b2) = net.weights, net.biases
    a1 = np.tanh(x @ w1.T + b1.T)
    assert relative_difference(net.feedforward(x), a1 @ w2.T + b2.T) < 1e-14
    hidden, output = net.activations(x)
    assert relative_difference(hidden, a1) < 1e-14
    assert np.array_equal(output, net.feedforward(x))


@pytest.mark.slow_on("jax")
def test_large_batches_are_worked_off_in_blocks_with_the_same_result(backend32, rng):
    net = Network([784, 3], backend32)
    x = rng.integers(0, 256, (1500, 784), dtype=np.uint8)
    whole = net.feedforward(x)
    parts = np.concatenate([net.feedforward(x[:700]), net.feedforward(x[700:])])
    assert whole.shape == (1500, 3)
    assert relative_difference(whole, parts) < 1e-6


@pytest.mark.slow_on("jax")
def test_dtypes_are_kept_all_the_way(backend32, rng):
    net = Network([4, 5, 3], backend32, hidden="relu", output="softmax")
    x, y = rng.standard_normal((8, 4)), np.arange(8) % 3  # float64 and int64 go in
    net.fit((x, y), epochs=2, batch_size=4, optimizer=SGD(np.float64(0.1)), validation=(x, y))
    _, gradients = net.gradients(backend32.asarray(x), backend32.asarray(y))
    for p, g in zip(net.parameters, gradients, strict=True):
        assert_on(backend32, p.weights, g.weights.shape)
        assert_on(backend32, p.biases, g.biases.shape)
        assert_on(backend32, g.weights, p.weights.shape)
    assert_on(backend32, net.feedforward(backend32.asarray(x)), (8, 3))
    assert all(a.dtype == np.float32 for a in (*net.weights, *net.biases))


@pytest.mark.slow_on("jax")
def test_predict_answers_as_the_task_says(backend, rng):
    x = rng.standard_normal((6, 4))
    for n_out in (2, 3):
        net = Network([4, n_out], backend)
        assert net.predict(x).tolist() == np.argmax(net.feedforward(x), 1).tolist()
    one = Network([4, 1], backend)
    assert one.predict(x).tolist() == (one.feedforward(x)[:, 0] > 0.5).astype(int).tolist()
    for task in ("multilabel", "multi_label"):
        several = Network([4, 3], backend, task=task)
        assert several.predict(x).tolist() == (several.feedforward(x) > 0.5).astype(int).tolist()
    line = Network([4, 2], backend, output="identity")
    assert line.task == "regression"
    assert np.array_equal(line.predict(x), line.feedforward(x))
    value = Network([4, 1], backend, output="identity")
    assert np.array_equal(value.predict(x), value.feedforward(x)[:, 0])  # as y comes, (n,)
    assert value.predict(x[0]).shape == value.predict(x[0][:, None]).shape == ()
    assert Network([4, 3], backend).predict(x[0]).shape == ()
    assert Network([4, 3], backend).predict(x[0][:, None]).shape == ()


@pytest.mark.slow_on("jax")
def test_pickles_and_deep_copies(backend, rng):
    net = Network([4, 5, 3], backend)
    x, y = rng.standard_normal((20, 4)), np.arange(20) % 3
    net.fit((x, y), epochs=1, batch_size=4)
    for other in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert np.array_equal(other.feedforward(x), net.feedforward(x))
        other.fit((x, y), epochs=1, batch_size=4)  # the streams went along, so both go on alike
    net.fit((x, y), epochs=1, batch_size=4)
    assert np.array_equal(other.feedforward(x), net.feedforward(x))


@pytest.mark.slow_on("jax")
def test_to_another_backend_leaves_the_original_untouched(backend, rng):
    net = Network([4, 5, 3], backend)
    x, y = rng.standard_normal((20, 4)), np.arange(20) % 3
    moved = net.to("numpy", dtype="float32")
    assert moved.weights[0].dtype == np.float32
    host = net.to("numpy")
    before = net.weights
    host.fit((x, y), epochs=1, batch_size=4)
    assert all(np.array_equal(a, b) for a, b in zip(net.weights, before, strict=True))
    net.fit((x, y), epochs=1, batch_size=4)  # the same streams: the same order
    assert relative_difference(net.weights[0], host.weights[0]) < 1e-12


@pytest.mark.parametrize("shape", [(5,), (7, 5), (5, 1), (2, 2, 3), ()])
def test_x_of_the_wrong_width(backend, shape):
    with pytest.raises(ValueError, match=r"x: expected the shape \(n, 4\), got"):
        Network([4, 3], backend).feedforward(np.ones(shape))


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1), (784,), (784, 1)])
def test_an_image_alone_is_one_example(backend, shape, rng):
    net, x = Network([784, 3], backend), rng.integers(0, 256, (1, 784), dtype=np.uint8)
    assert net.predict(x.reshape(shape)) == net.predict(x)[0]
    assert net.feedforward(x.reshape(shape)).ravel() == pytest.approx(net.feedforward(x)[0], rel=1e-12)


def test_numbers_that_the_dtype_does_not_hold_are_refused(backend32, rng):
    net, x, y = Network([4, 3], backend32), rng.standard_normal((6, 4)), np.arange(6) % 3
    x[2, 1] = -1e39
    for use in (lambda: net.fit((x, y), epochs=1, batch_size=2), lambda: net.evaluate((x, y)), lambda: net.predict(x)):
        with pytest.raises(
            ValueError, match=r"x: expected numbers that float32 holds, up to 3.4e38, got 1e\+39 in size"
        ):
            use()
    with pytest.raises(ValueError, match="y: expected numbers that float32 holds"):
        Network([4, 1], backend32, output="identity").fit((np.ones((6, 4)), x[:, 1]), epochs=1, batch_size=2)


def test_predict_refuses_nan(backend):
    with pytest.raises(ValueError, match="x: expected finite numbers"):
        Network([2, 3], backend).predict([[1.0, np.nan]])


def test_a_network_of_torch_tensors_does_not_take_their_graph(rng):
    need("torch")
    import torch

    net = Network([4, 3], "torch")
    assert not net.feedforward(torch.ones((2, 4), requires_grad=True)).requires_grad


def test_backend_values_are_taken_as_they_are():
    backend = backends.get("array_api_strict", "device2", "float64")
    assert Network([3, 2], backend).backend is backend


def test_no_examples_give_no_outputs(backend):
    x = np.ones((0, 4))
    assert Network([4, 3], backend).feedforward(x).shape == (0, 3)
    assert Network([4, 3], backend).predict(x).shape == (0,)
    assert Network([4, 1], backend).predict(x).shape == (0,)
    with pytest.raises(ValueError, match="x: expected at least one example"):
        Network([4, 3], backend).gradients(x, [])


@pytest.mark.slow_on("jax")
def test_a_batch_of_one_example_takes_its_label_in_any_form(backend, rng):
    net, x = Network([4, 3], backend), rng.standard_normal((1, 4))
    cost, _ = net.gradients(x, np.array([[0.0, 1.0, 0.0]]))
    for y in (np.array([1]), [1], 1, np.array([0.0, 1.0, 0.0])):
        assert net.gradients(x, y)[0] == cost


def test_gradients_change_nothing(backend, rng):
    net = Network([4, 3], backend)
    x, y = rng.standard_normal((6, 4)), np.arange(6) % 3
    before, order = net.weights, pickle.dumps(net.streams)
    net.gradients(x, y)
    assert np.array_equal(net.weights[0], before[0])
    assert pickle.dumps(net.streams) == order


def test_classes_are_kept_from_the_data(rng):
    net = Network([4, 2])
    net.fit(Dataset(rng.standard_normal((6, 4)), np.arange(6) % 2, ("cat", "dog")), epochs=1, batch_size=2)
    assert net.class_names == ("cat", "dog")


def test_classes_of_any_kind_are_kept_as_text_and_only_if_they_are_as_many_as_classes(rng, tmp_path):
    x, y = rng.standard_normal((6, 4)), np.arange(6) % 2
    for names in (np.array(["cat", "dog"]), [3, 8], np.array([3, 8])):
        for n_out in (2, 1):
            net = Network([4, n_out])
            net.fit(Dataset(x, y, names), epochs=1, batch_size=2)
            assert Network.load(net.save(tmp_path / "net")).class_names == tuple(map(str, names))


@pytest.mark.parametrize(
    ("n_out", "n_names", "is_kept"),
    [(1, 1, False), (1, 2, True), (1, 3, False), (2, 1, False), (2, 3, False), (3, 3, True)],
)
def test_names_are_kept_if_there_is_one_for_each_class_else_refused(n_out, n_names, is_kept, rng):
    """One output tells two classes apart."""
    names = tuple("abc"[:n_names])
    net = Network([4, n_out])
    data = Dataset(rng.standard_normal((6, 4)), np.zeros(6, int), names)
    if is_kept:
        net.fit(data, epochs=1, batch_size=2)
        assert net.class_names == names
    else:
        with pytest.raises(ValueError, match=f"class_names: expected {max(n_out, 2)}, .* got {n_names}: a"):
            net.fit(data, epochs=1, batch_size=2)


def test_names_that_were_kept_stay_where_other_data_bring_none(rng):
    net = Network([4, 2])
    x, y = rng.standard_normal((6, 4)), np.arange(6) % 2
    net.fit(Dataset(x, y, ("cat", "dog")), epochs=1, batch_size=2)
    net.fit((x, y), epochs=1, batch_size=2)
    net.fit(Dataset(x, y, ("dog", "cat")), epochs=1, batch_size=2)
    assert net.class_names == ("cat", "dog")
    assert net.to("numpy").class_names == ("cat", "dog")
