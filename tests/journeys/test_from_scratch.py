"""Saito's Deep Learning from Scratch, chapters 2 and 3: gates, softmax, his three layers, his pickled weights."""

import pickle

import numpy as np
import pytest

from anynet import Network, activations, datasets

INPUTS = [[0, 0], [1, 0], [0, 1], [1, 1]]
AND, NAND, OR = ([0.5, 0.5], -0.7), ([-0.5, -0.5], 0.7), ([0.5, 0.5], -0.2)
GATES = {
    "AND": ([[AND]], [0, 0, 0, 1]),
    "NAND": ([[NAND]], [1, 1, 1, 0]),
    "OR": ([[OR]], [0, 1, 1, 1]),
    "XOR": ([[NAND, OR], [AND]], [0, 1, 1, 0]),
}


def gate(backend, layers):
    net = Network([2, *map(len, layers)], backend, hidden="step", output="step")
    net.weights = [[w for w, _ in neurons] for neurons in layers]
    net.biases = [[b for _, b in neurons] for neurons in layers]
    return net


@pytest.mark.parametrize("name", GATES)
def test_gates(backend, backend32, name):
    layers, expected = GATES[name]
    for b in (backend, backend32):
        net = gate(b, layers)
        outputs = net.feedforward(INPUTS)
        assert (outputs.shape, outputs.dtype) == ((4, 1), b.dtype)
        assert outputs[:, 0].tolist() == expected
        assert net.predict(INPUTS).tolist() == expected
        assert [net.feedforward(x)[0] for x in INPUTS] == expected  # one by one
        assert net.evaluate((INPUTS, expected)) == 4


def test_step_is_0_at_0(backend):
    z = backend.copy_to_device([-5e-324, -0.0, 0.0, 5e-324, -np.inf, np.inf, -2.0, 2.0])
    with backend.active():
        a = activations.step(z)
    assert backend.to_numpy(a)[[0, 1, 2, 4, 5, 6, 7]].tolist() == [0, 0, 0, 0, 1, 0, 1]
    assert a.dtype == z.dtype


@pytest.mark.parametrize(("hidden", "output"), [("step", "step"), ("step", "sigmoid"), ("sigmoid", "step")])
def test_a_network_with_step_computes_but_does_not_learn(backend, hidden, output, tmp_path):
    net = Network([2, 3, 1], backend, hidden=hidden, output=output)
    before, data = net.weights, (INPUTS, [0, 1, 1, 0])
    for learn in (
        lambda: net.fit(data, epochs=1, batch_size=1),
        lambda: net.SGD(data, 1, 1, 1.0),
        lambda: net.update_mini_batch(data, 1.0),
        lambda: net.gradients(*data),
        lambda: net.backprop(INPUTS[0], 0),
    ):
        with pytest.raises(ValueError, match=r"^activation: expected ones with a useful derivative, got step\."):
            learn()
    assert all(np.array_equal(a, b) for a, b in zip(net.weights, before, strict=True))
    loaded = Network.load(net.save(tmp_path / "net"), backend)
    assert np.array_equal(loaded.feedforward(INPUTS), net.feedforward(INPUTS))


@pytest.mark.parametrize(
    ("z", "expected", "atol"),
    [
        ([1010, 1000, 990], [0.9999546, 4.5398e-05, 2.0611e-09], 5e-8),
        ([0.3, 2.9, 4.0], [0.018, 0.245, 0.737], 5e-4),
        ([0.3, 2.9, 4.0], [0.01821127, 0.24519181, 0.73659691], 5e-9),
    ],
)
def test_softmax(backend, z, expected, atol):
    with backend.active():
        y = backend.to_numpy(activations.softmax(backend.copy_to_device(z)))
    np.testing.assert_allclose(y, expected, rtol=0, atol=atol)
    np.testing.assert_allclose(y, expected, rtol=max(expected) * atol / min(expected))
    assert y.sum() == pytest.approx(1, abs=1e-15)


def test_three_layers(backend, backend32):
    w1, w2, w3 = [[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]], [[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]], [[0.1, 0.3], [0.2, 0.4]]
    for b in (backend, backend32):
        net = Network([2, 3, 2, 2], b, output="identity")
        net.weights = [np.transpose(w) for w in (w1, w2, w3)]  # his are (inputs, outputs)
        net.biases = [[0.1, 0.2, 0.3], [0.1, 0.2], [0.1, 0.2]]
        y = net.feedforward([1.0, 0.5])
        assert y.shape == (2,)
        np.testing.assert_allclose(y, [0.31682708, 0.69627909], rtol=0, atol=5e-9 if b is backend else 1e-7)


# His load_mnist.


@pytest.mark.slow
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("flatten", [True, False])
@pytest.mark.parametrize("one_hot_label", [True, False])
def test_load_mnist(normalize, flatten, one_hot_label, mnist):
    parts = datasets.load_mnist(normalize=normalize, flatten=flatten, one_hot_label=one_hot_label)
    for (x, t), n in zip(parts, (60_000, 10_000), strict=True):
        assert x.shape == ((n, 784) if flatten else (n, 1, 28, 28))
        assert x.dtype == (np.float32 if normalize else np.uint8)
        assert (x[:100].min(), x[:100].max()) == (0, 1 if normalize else 255)
        assert t.shape == ((n, 10) if one_hot_label else (n,))
    (x_train, t_train), (x_test, t_test) = parts
    for t, first in ((t_train, [5, 0, 4, 1, 9]), (t_test, [7, 2, 1, 0, 4])):
        digits = t.argmax(axis=1) if one_hot_label else t
        assert digits[:5].tolist() == first
        assert not one_hot_label or (np.sort(t[:100], axis=1) == [0] * 9 + [1]).all()
    scale = np.float32(255 if normalize else 1)
    assert np.array_equal(np.round(x_test[:100] * scale), mnist[2].x[:100].reshape(x_test[:100].shape))
    assert np.array_equal(np.round(x_train[-100:] * scale), mnist[1].x[-100:].reshape(x_train[-100:].shape))


def test_load_mnists_defaults_are_his():
    (x_train, t_train), (x_test, t_test) = datasets.load_mnist()
    assert [a.shape for a in (x_train, t_train, x_test, t_test)] == [(60_000, 784), (60_000,), (10_000, 784), (10_000,)]
    assert (x_train.dtype, x_train.max()) == (np.float32, 1.0)


# His sample_weight.pkl, and the inference of 3.6.


@pytest.fixture(scope="module")
def sample_weight(tmp_path_factory):
    """Return weights as he pickled them, learnt from some images: W1 to W3 (in, out) and b1 to b3, and their file."""
    (x_train, t_train), _ = datasets.load_mnist()
    net = Network([784, 50, 100, 10], hidden="sigmoid", output="softmax")
    net.fit((x_train[:10_000], t_train[:10_000]), epochs=5, batch_size=10, progress=False)
    content = {f"W{i}": np.ascontiguousarray(w.T) for i, w in enumerate(net.weights, 1)}
    content |= {f"b{i}": b[:, 0] for i, b in enumerate(net.biases, 1)}
    path = tmp_path_factory.mktemp("weights") / "sample_weight.pkl"
    path.write_bytes(pickle.dumps(content, protocol=3))
    return content, path


def his_predict(network, x):
    """Return what his predict returns (3.6.2)."""
    a = x
    for i in (1, 2):
        a = 1 / (1 + np.exp(-(np.dot(a, network[f"W{i}"]) + network[f"b{i}"])))
    a = np.dot(a, network["W3"]) + network["b3"]
    a = np.exp(a - a.max(axis=-1, keepdims=True))
    return a / a.sum(axis=-1, keepdims=True)


@pytest.mark.slow
def test_his_inference(backend32, sample_weight):
    content, path = sample_weight
    with pytest.warns(UserWarning, match="no activations; sigmoid, and softmax at the output, are assumed"):
        net = Network.load(path, backend32)
    assert net.sizes == [784, 50, 100, 10]
    assert [layer.activation for layer in net.layers] == ["sigmoid", "sigmoid", "softmax"]
    _, (x, t) = datasets.load_mnist(normalize=True, flatten=True, one_hot_label=False)
    x, t = x[:1000], t[:1000]

    y = net.feedforward(x)
    np.testing.assert_allclose(y, his_predict(content, x), rtol=0, atol=1e-5)
    assert y.sum(axis=1) == pytest.approx(1, abs=1e-5)
    one_by_one = [int(np.argmax(net.feedforward(x_i))) for x_i in x]
    in_batches = np.concatenate([net.predict(x[i : i + 100]) for i in range(0, len(x), 100)])
    assert in_batches.tolist() == one_by_one
    accuracy = net.accuracy((x, t))
    assert type(accuracy) is float
    assert accuracy == np.mean(his_predict(content, x).argmax(axis=1) == t)
    assert accuracy > 0.85


@pytest.mark.slow
def test_his_network_without_a_backend_named(sample_weight):
    with pytest.warns(UserWarning, match="no activations"):
        net = Network.load(sample_weight[1])
    assert net.backend.dtype == "float32"  # as in the file
    _, test = datasets.load_mnist()
    assert net.accuracy(test) > 0.85
