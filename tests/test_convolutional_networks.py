"""Networks of convolutions, from the first check of their gradients to a training that is resumed."""

import json
import pickle
import tracemalloc

import numpy as np
import pytest
from compare import assert_on, relative_difference

from anynet import (
    SGD,
    AveragePool2D,
    BatchNorm,
    Checkpoint,
    Conv2D,
    Dataset,
    Dropout,
    GlobalAveragePool2D,
    LayerNorm,
    MaxPool2D,
    Network,
)
from anynet.optimizers import Momentum
from anynet.trees import arrays_of

SIZES = [
    (8, 7, 2),
    *(Conv2D(3, 3), BatchNorm(), MaxPool2D(2)),
    *(Conv2D(4, 2, (1, 2), "same"), LayerNorm(), Dropout(0.25)),
    *(6, 4),
]
SHAPES = [(6, 5, 3), (6, 5, 3), (3, 2, 3), (3, 1, 4), (3, 1, 4), (3, 1, 4), (12,), (6,), (4,)]


def net_of(backend="numpy", sizes=SIZES, **keywords):
    return Network(sizes, backend, hidden="relu", output="softmax", seed=3, **keywords)


def data(n=60):
    """Return images of four classes: where there is light."""
    rng, y = np.random.default_rng(5), np.arange(n) % 4
    x = 0.3 * rng.standard_normal((n, 8, 7, 2))
    for i, k in enumerate(y):
        x[i, 4 * (k // 2) : 4 * (k // 2) + 4, 3 * (k % 2) : 3 * (k % 2) + 4, :] += 1.0
    return x, y


def learnt(net):
    return [net.backend.to_numpy(a) for a in arrays_of([net.parameters, net.state])]


def is_same(net, other):
    return all(map(np.array_equal, learnt(net), learnt(other)))


@pytest.mark.parametrize(
    "sizes",
    [
        SIZES,
        [(6, 6, 1), Conv2D(2, (3, 2), 2, "same", "tanh"), AveragePool2D(2, 1), Conv2D(3, 2), GlobalAveragePool2D(), 3],
        [
            (7, 6, 2),
            Conv2D(3, 3),
            BatchNorm(),
            Conv2D(2, 3, padding="same"),
            MaxPool2D((3, 2), (2, 1)),
            BatchNorm(),
            5,
            3,
        ],
    ],
)
def test_gradients_equal_finite_differences(sizes, rng):
    for hidden in ("tanh", "relu"):
        net = Network(sizes, hidden=hidden, output="softmax", seed=2)
        x = rng.standard_normal((5, *net.shapes[0]))
        found = net.check_gradients(x, np.arange(5) % net.sizes[-1])
        assert found.error < 1e-6, found


@pytest.mark.slow_on("jax", "cupy")
def test_it_learns_the_same_on_every_library(backend):
    net, reference = net_of(backend), net_of(dtype="float64")
    (x, y), how = data(), {"epochs": 2, "batch_size": 10, "optimizer": Momentum(0.05)}
    for each in (net, reference):
        each.fit(x, y, validation=(x, y), **how)
    assert all(relative_difference(a, b) <= 1e-9 for a, b in zip(learnt(net), learnt(reference), strict=True))
    assert relative_difference(net.feedforward(x), reference.feedforward(x)) <= 1e-9
    with backend.active():
        assert_on(backend, net.parameters[0].weights, (3, 3, 3, 2))


def test_it_learns_where_there_is_light():
    (x, y), net = data(), net_of()
    net.fit(x, y, epochs=80, batch_size=10)
    assert net.accuracy(*data(200)) >= 0.95


def test_a_loop_and_lines_from_memory_and_not_come_to_the_same_numbers():
    (x, y), nets = data(), []
    for how in ({}, {"compiled": False}, {"memory_limit": 0}):
        nets.append(net_of(dtype="float64"))
        nets[-1].fit(x, y, epochs=2, batch_size=10, optimizer=SGD(0.1), **how)
    for other in nets[1:]:
        assert all(relative_difference(a, b) <= 1e-11 for a, b in zip(learnt(nets[0]), learnt(other), strict=True))


def test_no_image_one_image_pixels_and_rows_are_answered(backend):
    sizes = [(6, 6, 1), Conv2D(2, 3, padding="same"), BatchNorm(), MaxPool2D(2), GlobalAveragePool2D(), 3]
    net = net_of(backend, sizes)
    assert net.feedforward(np.ones((0, 6, 6, 1))).shape == (0, 3)
    together = net.feedforward(np.ones((2, 6, 6)))
    for x in (np.full((2, 6, 6, 1), 255, "uint8"), np.ones((2, 36)), np.ones((2, 1, 6, 6))):
        assert np.array_equal(net.feedforward(x), together)
    for x in (np.ones((6, 6)), np.ones((6, 6, 1)), np.ones(36)):
        assert relative_difference(net.feedforward(x), together[0]) <= 1e-14


def test_activations_are_the_maps_of_each_layer(rng):
    net, x = net_of(), data(5)[0]
    maps = net.activations(x)
    assert [a.shape for a in maps] == [(5, *shape) for shape in SHAPES]
    assert [a.shape for a in net.activations(x[0])] == SHAPES
    assert relative_difference(net.activations(x[2])[3], maps[3][2]) <= 1e-6
    assert np.array_equal(maps[-1], net.feedforward(x))
    assert maps[1].min() >= 0  # relu, behind the norm


def test_it_is_saved_loaded_pickled_and_moved(tmp_path):
    (x, y), net = data(), net_of()
    net.fit(Dataset(x, y, tuple("abcd")), epochs=2, batch_size=10)
    path = net.save(tmp_path / "net")
    for other in (
        Network.load(path),
        pickle.loads(pickle.dumps(net)),
        net.to("numpy"),
        net.to("numpy", dtype="float64"),
    ):
        assert is_same(net, other)
        assert other.architecture == net.architecture
        assert relative_difference(other.feedforward(x), net.feedforward(x)) <= 1e-5
        assert other.summary().splitlines()[:-1] == net.summary().splitlines()[:-1]
    with np.load(path) as file:
        assert file["w1"].shape == (3, 3, 3, 2)
        assert file["b2"].shape == (4, 1)
        assert {"layer2_scale", "layer2_shift", "layer2_running_mean", "layer2_running_variance"} < set(file.files)
        assert "s" not in file.files
        layers = json.loads(str(file["header"]))["layers"]
    assert layers[0] | {"initializer": None} == {
        "kind": "Conv2D",
        "filters": 3,
        "kernel": [3, 3],
        "stride": [1, 1],
        "padding": "valid",
        "activation": None,
        "initializer": None,
    }
    assert layers[1]["activation"] == "relu"
    assert Network.load(path).class_names == net.class_names


def test_weights_are_taken_over_and_assigned(tmp_path):
    net, other = net_of(), Network(SIZES, hidden="relu", output="softmax", seed=8)
    assert [w.shape for w in net.weights] == [(3, 3, 3, 2), (4, 2, 2, 3), (6, 12), (4, 6)]
    assert [b.shape for b in net.biases] == [(3, 1), (4, 1), (6, 1), (4, 1)]
    other.load_weights(net.save(tmp_path / "net"))
    assert all(map(np.array_equal, [*other.weights, *other.biases], [*net.weights, *net.biases]))
    with pytest.raises(ValueError, match=r"weights.0.: .*\(3, 3, 3, 2\)"):
        other.weights = [np.ones((3, 3, 2, 3)), *net.weights[1:]]


def test_the_books_printed_line_and_its_step(capsys):
    (x, y), net = data(), net_of()
    net.SGD((x, y), 2, 10, 0.1, test_data=(x, y))
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["Epoch 0", "Epoch 1"]
    net.update_mini_batch((x[:10], y[:10]), 0.1)
    assert net.evaluate((x, y)) == round(net.accuracy(x, y) * 60)


@pytest.mark.parametrize("chunks", [1, 4])
def test_a_training_that_is_stopped_goes_on_to_the_same_bits(chunks, tmp_path):
    (x, y), how = data(), {"batch_size": 10, "optimizer": Momentum(0.05), "validation": data(20)}
    whole, left = net_of(), net_of()
    expected = whole.fit(x, y, epochs=6, **how)
    left.fit(x, y, epochs=chunks, checkpoint=Checkpoint(tmp_path), **how)
    resumed = net_of()
    history = resumed.fit(x, y, epochs=6, resume=tmp_path, **how)
    assert is_same(resumed, whole)
    assert [r.metrics for r in history] == [r.metrics for r in expected]


@pytest.mark.parametrize(
    ("layers", "input_shape", "message"),
    [
        ([{"kind": "Conv2D", "filters": 10**9, "kernel": 3}], (28, 28, 1), r"expected w1 .* \(1000000000, 3, 3, 1\)"),
        (
            [{"kind": "Conv2D", "filters": 1, "kernel": 10**6, "padding": "same"}],
            (9, 9, 1),
            r"expected w1 .* 1000000, 1\)",
        ),
        ([{"kind": "BatchNorm"}], (10**5, 10**5, 10**9), "expected an entry 'layer1_scale'"),
        (
            [{"kind": "MaxPool2D", "size": 10**5}, {"kind": "Conv2D", "filters": 2, "kernel": 1}],
            (10**9, 10**9, 4),
            "w1",
        ),
        ([{"kind": "MaxPool2D", "size": [2, 0]}], (28, 28, 1), "MaxPool2D: expected a size of at least 1, got 0"),
        ([{"kind": "Conv2D", "filters": 2, "kernel": None}], (28, 28, 1), "Conv2D: expected a whole number, got None"),
        ([{"kind": "Conv2D", "filters": 2, "kernel": [3] * 9}], (28, 28, 1), "a kernel that is a number or"),
        ([{"kind": "Conv2D", "filters": 2, "kernel": 3, "padding": {}}], (28, 28, 1), "a padding of valid or same"),
        ([{"kind": "BatchNorm", "eps": "0"}], (28, 28, 1), "BatchNorm: expected eps, a number"),
    ],
)
def test_a_file_whose_header_asks_for_too_much_is_refused_and_nothing_is_made_of_it(
    layers, input_shape, message, tmp_path
):
    net = Network([(3, 3, 1), Conv2D(2, 2), 2])
    with np.load(net.save(tmp_path / "net")) as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(str(arrays["header"]))
    header |= {"input_shape": input_shape, "layers": [*layers, {"kind": "GlobalAveragePool2D"}, header["layers"][-1]]}
    np.savez(tmp_path / "hostile.npz", **arrays | {"header": json.dumps(header)})
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            Network.load(tmp_path / "hostile.npz")
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
