"""The network at its door: what goes in, in which form, and what comes back."""

import copy
import pickle

import numpy as np
import pytest
from compare import assert_on, relative_difference
from conftest import need

from anynet import SGD, Dataset, Dense, Network, backends


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


def test_large_batches_are_worked_off_in_blocks_with_the_same_result(backend32, rng):
    net = Network([784, 3], backend32)
    x = rng.integers(0, 256, (1500, 784), dtype=np.uint8)
    whole = net.feedforward(x)
    parts = np.concatenate([net.feedforward(x[:700]), net.feedforward(x[700:])])
    assert whole.shape == (1500, 3)
    assert relative_difference(whole, parts) < 1e-6


def test_uint8_means_pixels_and_nothing_else_does(backend):
    net = Network([2, 3], backend)
    pixels = np.array([[0, 255], [51, 102]], np.uint8)
    assert relative_difference(net.feedforward(pixels), net.feedforward(pixels / 255)) < 1e-14
    assert relative_difference(net.feedforward(pixels.astype(int)), net.feedforward(pixels.astype(float))) == 0
    assert relative_difference(net.feedforward(pixels), net.feedforward(pixels.astype(float))) > 0.01


def test_dtypes_are_kept_all_the_way(backend32, rng):
    net = Network([4, 5, 3], backend32, hidden="relu", output="softmax")
    x, y = rng.standard_normal((8, 4)), np.arange(8) % 3  # float64 and int64 go in
    net.fit((x, y), 2, 4, SGD(np.float64(0.1)), validation=(x, y))
    _, gradients = net.gradients(backend32.asarray(x), backend32.asarray(y))
    for p, g in zip(net.parameters, gradients, strict=True):
        assert_on(backend32, p.weights, g.weights.shape)
        assert_on(backend32, p.biases, g.biases.shape)
        assert_on(backend32, g.weights, p.weights.shape)
    assert_on(backend32, net.feedforward(backend32.asarray(x)), (8, 3))
    assert all(a.dtype == np.float32 for a in (*net.weights, *net.biases))


def test_the_same_seed_starts_every_backend_from_identical_bits(backend32):
    reference = Network([20, 10, 5], seed=7)
    net = Network([20, 10, 5], backend32, seed=7)
    assert all(np.array_equal(a, b) for a, b in zip(net.weights, reference.weights, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(net.biases, reference.biases, strict=True))
    assert not np.array_equal(Network([20, 10, 5], seed=8).weights[0], reference.weights[0])


def test_seed_none_starts_from_chance_and_global_generators_are_untouched():
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    a, b = Network([3, 2], seed=None), Network([3, 2], seed=None)
    assert not np.array_equal(a.weights[0], b.weights[0])
    assert np.array_equal(np.random.get_state()[1], before)


def test_predict_answers_as_the_task_says(backend, rng):
    x = rng.standard_normal((6, 4))
    for n_out in (2, 3):
        net = Network([4, n_out], backend)
        assert net.predict(x).tolist() == np.argmax(net.feedforward(x), 1).tolist()
    one = Network([4, 1], backend)
    assert one.predict(x).tolist() == (one.feedforward(x)[:, 0] > 0.5).astype(int).tolist()
    several = Network([4, 3], backend, task="multi_label")
    assert several.predict(x).tolist() == (several.feedforward(x) > 0.5).astype(int).tolist()
    line = Network([4, 2], backend, output="identity")
    assert line.task == "regression"
    assert np.array_equal(line.predict(x), line.feedforward(x))
    assert Network([4, 3], backend).predict(x[0]).shape == ()
    assert Network([4, 3], backend).predict(x[0][:, None]).shape == ()


def test_weights_and_biases_are_copies_in_the_books_shapes(backend):
    net = Network([4, 5, 3], backend)
    assert [w.shape for w in net.weights] == [(5, 4), (3, 5)]
    assert [b.shape for b in net.biases] == [(5, 1), (3, 1)]
    assert isinstance(net.weights, tuple)
    net.weights[0][...] = 9
    assert not (net.weights[0] == 9).any()


def test_assigned_weights_are_copied_in(backend, rng):
    net = Network([2, 3, 1], backend)
    w, b = [rng.standard_normal((3, 2)), rng.standard_normal((1, 3))], [np.zeros((3, 1)), np.zeros(1)]
    net.weights, net.biases = w, b
    w[0][...] = 7
    assert not (net.weights[0] == 7).any()
    assert_on(backend, net.parameters[0].weights, (3, 2))
    assert_on(backend, net.parameters[1].biases, (1,))


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ([np.ones((3, 2))], r"weights: expected 2 arrays, one per layer, got 1"),
        ([np.ones((3, 2)), np.ones((3, 1))], r"weights\[1\]: expected the shape \(1, 3\), got \(3, 1\)"),
        ([np.ones((3, 2)), [["a", "b", "c"]]], r"weights\[1\]: expected real numbers"),
    ],
)
def test_assigning_what_does_not_fit(new, message):
    net = Network([2, 3, 1])
    before = net.weights
    with pytest.raises((ValueError, TypeError), match=message):
        net.weights = new
    assert all(np.array_equal(a, b) for a, b in zip(net.weights, before, strict=True))


def test_pickles_and_deep_copies(backend, rng):
    net = Network([4, 5, 3], backend)
    x, y = rng.standard_normal((20, 4)), np.arange(20) % 3
    net.fit((x, y), 1, 4)
    for other in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert np.array_equal(other.feedforward(x), net.feedforward(x))
        other.fit((x, y), 1, 4)  # the streams went along, so both go on alike
    net.fit((x, y), 1, 4)
    assert np.array_equal(other.feedforward(x), net.feedforward(x))


def test_to_another_backend_leaves_the_original_untouched(backend, rng):
    net = Network([4, 5, 3], backend)
    x, y = rng.standard_normal((20, 4)), np.arange(20) % 3
    moved = net.to("numpy", dtype="float32")
    assert moved.weights[0].dtype == np.float32
    host = net.to("numpy")
    before = net.weights
    host.fit((x, y), 1, 4)
    assert all(np.array_equal(a, b) for a, b in zip(net.weights, before, strict=True))
    net.fit((x, y), 1, 4)  # the same streams: the same order
    assert relative_difference(net.weights[0], host.weights[0]) < 1e-12


def test_sizes_computed_with_numpy_become_plain_numbers(tmp_path):
    for i, sizes in enumerate(
        ([np.int64(4), np.int32(5), 3], np.array([4, 5, 3]), [(np.int64(4),), Dense(np.int8(5)), 3])
    ):
        net = Network(sizes)
        assert [type(n) for n in net.sizes] == [int] * 3
        assert Network.load(net.save(tmp_path / f"{i}")).sizes == [4, 5, 3]


def test_layer_values_may_stand_among_sizes():
    net = Network([4, Dense(5, activation="relu"), Dense(6), 3], hidden="tanh", output="softmax")
    assert [layer.activation for layer in net.layers] == ["relu", "tanh", "softmax"]
    assert net.sizes == [4, 5, 6, 3]
    assert net.num_layers == 4


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ([], ValueError, "sizes: expected an input"),
        ([784], ValueError, "at least one layer"),
        ([784, 0], ValueError, "Dense: expected sizes of at least 1, got 0"),
        ([-1, 3], ValueError, "at least 1, got -1"),
        ([784, 2.5], TypeError, "expected whole numbers, got 2.5"),
        ([784, True], TypeError, "got True"),
        ([784, "10"], TypeError, "got '10'"),
        ("784", TypeError, "expected a list"),
        (7, TypeError, "expected a list"),
        ([(28, 28, 1), 10], ValueError, "Give the number of inputs, 784"),
        ([784, Dense], TypeError, "Dense: expected whole numbers, got <class"),
    ],
)
def test_sizes_that_make_no_network(sizes, error, message):
    with pytest.raises(error, match=message):
        Network(sizes)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"hidden": "sigmod"}, "activation: expected one of .* Did you mean 'sigmoid'"),
        ({"output": "nothing"}, "activation: expected one of sigmoid"),
        ({"hidden": "softmax"}, "hidden: expected an activation for hidden layers, got softmax"),
        ({"cost": "quadratik"}, "cost: expected one of quadratic, cross_entropy, .* Did you mean 'quadratic'"),
        ({"initializer": "zeros"}, "initializer: expected one of scaled_normal"),
        ({"task": "guess"}, "task: expected one of classification"),
    ],
)
def test_unknown_names_list_those_that_exist(keywords, message):
    with pytest.raises(ValueError, match=message):
        Network([4, 3, 2], **keywords)


@pytest.mark.parametrize("keyword", ["hidden", "output", "initializer"])
def test_names_that_no_layer_takes_are_checked_too(keyword):
    with pytest.raises(ValueError, match=r"expected one of .* got 'none'"):
        Network([4, Dense(2, "tanh", "he")], **{keyword: "none"})
    with pytest.raises(TypeError, match="expected a name, got None"):
        Network([4, 2], **{keyword: None})


@pytest.mark.parametrize("shape", [(5,), (7, 5), (5, 1), (2, 2, 3), ()])
def test_x_of_the_wrong_width(backend, shape):
    with pytest.raises(ValueError, match=r"x: expected the shape \(n, 4\), got"):
        Network([4, 3], backend).feedforward(np.ones(shape))


def test_predict_refuses_nan(backend):
    with pytest.raises(ValueError, match="x: expected finite numbers"):
        Network([2, 3], backend).predict([[1.0, np.nan]])


def test_summary_and_repr_say_what_it_is():
    net = Network([784, 30, 10])
    assert "23,860 parameters of float32 on numpy (cpu), cost quadratic" in net.summary()
    assert repr(net) == "<Network [784, 30, 10] on numpy (cpu), float32>"


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
    net.fit(Dataset(rng.standard_normal((6, 4)), np.arange(6) % 2, ("cat", "dog")), 1, 2)
    assert net.class_names == ("cat", "dog")


def test_classes_of_any_kind_are_kept_as_text_and_only_if_they_are_as_many_as_outputs(rng, tmp_path):
    x, y = rng.standard_normal((6, 4)), np.arange(6) % 2
    for classes in (np.array(["cat", "dog"]), [3, 8], np.array([3, 8])):
        for n_out in (2, 1):
            net = Network([4, n_out])
            net.fit(Dataset(x, y, classes), 1, 2)
            assert Network.load(net.save(tmp_path / "net")).class_names == tuple(map(str, classes))
    net = Network([4, 3])
    net.fit(Dataset(x, y, ("cat", "dog")), 1, 2)
    assert net.class_names is None
    with pytest.raises(TypeError, match="classes: expected a sequence of names, got the text 'ab'"):
        Dataset(x, y, "ab")
