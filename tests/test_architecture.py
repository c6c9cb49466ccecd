"""Architectures: what a user describes becomes a value, or a sentence that says why not."""

import pickle
from typing import Any

import numpy as np
import own
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recipes import FOR_HIDDEN, PAIRS

from anynet import (
    SGD,
    Activation,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Cost,
    Dense,
    Flatten,
    GlobalAveragePool2D,
    Initializer,
    Layer,
    LayerNorm,
    MaxPool2D,
    Network,
)
from anynet.activations import ACTIVATIONS
from anynet.architecture import build
from anynet.costs import COSTS
from anynet.initializers import FORMER_NAMES, INITIALIZERS
from anynet.metrics import TASKS
from anynet.saving.described import cost_to_name, layer_from_dict, layer_to_dict

NAMES = ", ".join(dict.fromkeys(name for _, name in COSTS))  # of costs, as errors list them


def described(sizes: Any, hidden: Any = "sigmoid", output: Any = "sigmoid", cost: Any = None, task: Any = None) -> Any:
    return build(sizes, hidden, output, cost, "lecun_normal", task)


# Sizes.


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
        ([784, 0], ValueError, "Dense: expected at least 1 neuron, got 0"),
        ([-1, 3], ValueError, "sizes: expected at least 1, got -1"),
        ([784, 2.5], TypeError, "Dense: expected a whole number, got 2.5"),
        ([784, True], TypeError, "got True"),
        ([784, "10"], TypeError, "got '10'"),
        ("784", TypeError, "sizes: expected a list"),
        (7, TypeError, "sizes: expected a list"),
        ([784, Dense], TypeError, r"sizes: expected a layer's value, got the class Dense. Write Dense\(...\)"),
        ([4, Dense, 2], TypeError, r"sizes: expected a layer's value, got the class Dense. Write Dense\(...\)"),
        ([784, None], TypeError, "got None"),
    ],
)
def test_sizes_that_make_no_network(sizes, error, message):
    with pytest.raises(error, match=message):
        Network(sizes)


def test_an_image_becomes_a_row_before_a_dense_layer():
    architecture = described([(6, 6, 2), Conv2D(3, 3), MaxPool2D(2), 5, 4])
    assert [type(layer).__name__ for layer in architecture.layers] == [
        "Conv2D",
        "MaxPool2D",
        "Flatten",
        "Dense",
        "Dense",
    ]
    assert architecture.shapes == ((6, 6, 2), (4, 4, 3), (2, 2, 3), (12,), (5,), (4,))
    assert described([(6, 6, 2), Conv2D(3, 3), MaxPool2D(2), Flatten(), 5, 4]) == architecture
    assert described([(6, 6, 2), 5]).shapes == ((6, 6, 2), (72,), (5,))
    assert described([(28, 28, 1), 30, 10]).default_optimizer == described([784, 30, 10]).default_optimizer == SGD(3.0)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (
            [(4, 4, 1), MaxPool2D(2), Conv2D(8, 3), 2],
            r"layer 2, Conv2D: expected an image as large as its kernel, \(3, 3\), "
            r"got the shape \(2, 2, 1\). Take a smaller one, or padding=\"same\".",
        ),
        (
            [(4, 4, 1), MaxPool2D((1, 5)), 2],
            r"layer 1, MaxPool2D: expected an image as large as its window, \(1, 5\), got the "
            r"shape \(4, 4, 1\). Take a smaller one.",
        ),
        ([(3, 32, 32), Conv2D(8, 5), 2], r"got the shape \(3, 32, 32\). It looks channels-first: give \(32, 32, 3\)."),
        (
            [(28, 28), Conv2D(8, 5), 2],
            r"layer 1, Conv2D: expected images .* got the shape \(28, 28\). Give \(28, 28, 1\)",
        ),
        (
            [(6, 6, 1), 5, Conv2D(8, 5), 2],
            r"layer 3, Conv2D: expected images \(height, width, channels\), got the shape "
            r"\(5,\). Give the network images, and let it stand before",
        ),
        ([784, AveragePool2D(2), 2], r"layer 1, AveragePool2D: expected images .* got the shape \(784,\)"),
        ([784, GlobalAveragePool2D(), 2], r"layer 1, GlobalAveragePool2D: expected images .* got the shape \(784,\)"),
        (
            [(6, 6, 1), Conv2D(2, 3)],
            r"layers: expected the last one to give a row of values, got Conv2D, which gives the shape",
        ),
        (
            [(6, 6, 1), Conv2D(2, 3), GlobalAveragePool2D()],
            "layers: expected a Dense to take the output's activation, got C",
        ),
    ],
)
def test_layers_that_do_not_go_together_are_named_with_what_they_get_and_need(sizes, message):
    with pytest.raises(ValueError, match=message):
        Network(sizes)


# Which activation a layer takes.


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([Conv2D(2, 3), Flatten(), Dense(5), Dense(3)], ["relu", None, "relu", "softmax"]),
        (
            [Conv2D(2, 3), MaxPool2D(2), AveragePool2D(1), GlobalAveragePool2D(), 3],
            ["relu", None, None, None, "softmax"],
        ),
        ([Conv2D(2, 3), BatchNorm(), Flatten(), 3], [None, "relu", None, "softmax"]),
        ([Conv2D(2, 3), LayerNorm(), Flatten(), 3], [None, "relu", None, "softmax"]),
        ([Conv2D(2, 3), BatchNorm(), LayerNorm(), Flatten(), 3], [None, "relu", None, None, "softmax"]),
        ([Conv2D(2, 3), MaxPool2D(2), BatchNorm(), Flatten(), 3], ["relu", None, None, None, "softmax"]),
        ([Conv2D(2, 3, activation="tanh"), BatchNorm(), Flatten(), 3], ["tanh", None, None, "softmax"]),
        ([Conv2D(2, 3), BatchNorm(activation="tanh"), Flatten(), 3], [None, "tanh", None, "softmax"]),
        ([Conv2D(2, 3), Conv2D(2, 1), LayerNorm(), Flatten(), 3], ["relu", None, "relu", None, "softmax"]),
        ([BatchNorm(), Flatten(), Dense(4), LayerNorm(), 3], [None, None, "relu", None, "softmax"]),
        ([Flatten(), Dense(4, "identity"), LayerNorm(activation="relu"), 3], [None, "identity", "relu", "softmax"]),
    ],
)
def test_a_layer_that_says_none_takes_the_networks_activation_or_leaves_it_to_its_norm(layers, expected):
    net = Network([(6, 6, 1), *layers], hidden="relu", output="softmax")
    assert [f and f.name for _, f in net.architecture.stages] == expected
    names, _, *lines, _ = net.summary().splitlines()
    assert [line[names.index("activation") :].split(" ")[0] for line in lines] == [name or "" for name in expected]


# Names and values.


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"hidden": "sigmod"}, "hidden_activation: expected one of .* Did you mean 'sigmoid'"),
        ({"output": "nothing"}, "output_activation: expected one of sigmoid"),
        ({"hidden": "softmax"}, "hidden_activation: expected an activation for hidden layers, got softmax"),
        (
            {"cost": "quadratik"},
            f"cost: expected one of {NAMES}, got .* Did you mean 'quadratic'",
        ),
        ({"initializer": "zeros"}, "initializer: expected one of lecun_normal"),
        ({"task": "guess"}, "task: expected one of classification"),
    ],
)
def test_unknown_names_list_those_that_exist(keywords, message):
    with pytest.raises(ValueError, match=message):
        Network([4, 3, 2], **keywords)


@pytest.mark.parametrize("keyword", ["hidden_activation", "output_activation", "hidden", "output", "initializer"])
def test_names_that_no_layer_takes_are_checked_too(keyword):
    with pytest.raises(ValueError, match=r"expected one of .* got 'none'"):
        Network([4, Dense(2, "tanh", "he")], **{keyword: "none"})
    if keyword in ("hidden", "output", "initializer"):  # None is what the long one says, or what suits
        Network([4, 2], **{keyword: None})
    else:
        with pytest.raises(TypeError, match=r"expected a name or a value .* got None"):
            Network([4, 2], **{keyword: None})


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"hidden_activation": Activation}, r"hidden_activation: expected a name or a value Activation\(...\)"),
        ({"output_activation": Activation}, r"output_activation: expected a name or a value Activation\(...\)"),
        (
            {"cost": Cost},
            r"cost: expected a name or a value Cost\(...\), got the class Cost. Make a value of it: Cost\(",
        ),
        (
            {"initializer": Initializer},
            r"initializer: expected a name or a value .*, got the class Initializer. Make a",
        ),
        ({"hidden": np.tanh}, "hidden_activation: expected a name or a value .* or a value of your own"),
        ({"task": 3}, "task: expected a name, got 3"),
    ],
)
def test_a_class_is_no_value(keywords, message):
    with pytest.raises(TypeError, match=message):
        Network([4, 3, 2], **keywords)


def test_a_class_is_no_optimizer():
    with pytest.raises(TypeError, match=r"optimizer: expected a name or a value such as SGD\(0.5\), got <class"):
        Network([4, 3, 2]).fit((np.ones((4, 4)), [0, 1, 0, 1]), epochs=1, batch_size=2, optimizer=SGD)


def test_long_names_and_short_ones_say_the_same():
    long = Network([4, 3, 2], hidden_activation="tanh", output_activation="softmax")
    assert long.architecture == Network([4, 3, 2], hidden="tanh", output="softmax").architecture
    assert [f.name for _, f in long.architecture.stages] == ["tanh", "softmax"]


def test_values_stand_where_names_do():
    net = Network([4, 3, 2], hidden=own.LEAKY, output="identity", cost=own.SMOOTH, initializer=own.SMALL)
    assert net.architecture.stages[0].activation is own.LEAKY
    assert net.cost is own.SMOOTH
    assert net.layers[0].initializer is own.SMALL
    by_value = Network([4, 3, 2], hidden=ACTIVATIONS["tanh"], initializer=INITIALIZERS["he_normal"])
    assert [f.name for _, f in by_value.architecture.stages] == ["tanh", "sigmoid"]
    assert np.array_equal(by_value.weights[0], Network([4, 3, 2], initializer="he_normal").weights[0])
    with pytest.raises(ValueError, match="cost: expected one for the output sigmoid, got smooth, for identity"):
        Network([4, 3, 2], cost=own.SMOOTH)


# Tasks.


@pytest.mark.parametrize("task", TASKS)
def test_each_task_is_taken(task):
    assert Network([4, 3], task=task).task == task


def test_the_task_follows_from_the_output_and_has_a_former_name():
    assert Network([4, 3], task="multi_label").task == "multilabel"
    assert {name: Network([4, 3], output=name).task for name in ("sigmoid", "softmax", "identity")} == {
        "sigmoid": "classification",
        "softmax": "classification",
        "identity": "regression",
    }


def test_one_output_tells_two_classes_apart():
    assert [described([4, n]).n_classes for n in (1, 2, 3)] == [2, 2, 3]


# A value.


def test_architectures_compare_and_hash_as_values():
    one, same, other = described([4, 3, 2]), described([4, 3, 2]), described([4, 3, 2], hidden="tanh")
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert len({one, same, other}) == 2
    assert pickle.loads(pickle.dumps(layer_to_dict(one.stages[0].layer))) == layer_to_dict(one.stages[0].layer)


def test_summary_and_repr_say_what_it_is():
    net = Network([784, 30, 10])
    assert "23,860 parameters of float32 on numpy (cpu), cost quadratic" in net.summary()
    assert repr(net) == "<Network [784, 30, 10] on numpy (cpu), float32>"


def test_the_table_has_a_line_per_layer():
    lines = described([4, own.Halve(), 5, own.Centre(), 3]).table().splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        [str(l), kind] for l, kind in enumerate(["input", "Halve", "Dense", "Centre", "Dense"])
    ]
    assert [line.split()[-1] for line in lines[2:]] == ["0", "25", "5", "18"]
    assert "identity" in lines[4]


# What cannot learn.


@pytest.mark.parametrize("keywords", [{"hidden": "step"}, {"output": "step"}])
def test_a_network_of_steps_computes_but_does_not_learn(keywords, backend):
    net = Network([2, 3, 2], backend, **keywords)
    x, y = np.ones((4, 2)), np.array([0, 1, 0, 1])
    assert net.predict(x).shape == (4,)
    for use in (lambda: net.fit((x, y)), lambda: net.gradients(x, y), lambda: net.update_mini_batch((x, y), 1.0)):
        with pytest.raises(ValueError, match="activation: expected ones with a useful derivative, got step"):
            use()


# To a file and back.


@pytest.mark.parametrize(
    "layer", [Dense(3), Dense(3, "relu", "he"), Dense(3, ACTIVATIONS["tanh"], INITIALIZERS["he_normal"])]
)
def test_layers_go_to_a_file_and_back(layer):
    description = layer_to_dict(layer)
    assert all(isinstance(value, (str, int, type(None))) for value in description.values())
    back = layer_from_dict(description)
    assert layer_to_dict(back) == description
    assert back.units == layer.units


ONLY_HERE = "save: expected what anynet's tables hold, got {}, which exists in this program alone. Keep the program"
SAME_NAME = Activation("tanh", own.LEAKY.value, own.LEAKY.derivative)


@pytest.mark.parametrize(
    ("keywords", "what"),
    [
        ({"hidden": own.LEAKY}, "the activation 'leaky_relu'"),
        ({"hidden": SAME_NAME}, "the activation 'tanh'"),
        ({"output": "identity", "cost": own.SMOOTH}, "the cost 'smooth'"),
        ({"initializer": own.SMALL}, "the initializer 'small'"),
        ({"sizes": [4, own.Halve(), 2]}, "the layer Halve"),
        ({"sizes": [4, Dense(3, own.LEAKY), 2]}, "the activation 'leaky_relu'"),
    ],
)
def test_what_no_table_holds_cannot_be_saved(keywords, what, tmp_path):
    net = Network(**{"sizes": [4, 3, 2]} | keywords)
    with pytest.raises(ValueError, match=ONLY_HERE.format(what)):
        net.save(tmp_path / "net")
    assert list(tmp_path.iterdir()) == []
    assert np.array_equal(net.to("numpy").feedforward(np.ones((2, 4))), net.feedforward(np.ones((2, 4))))


def test_costs_have_names():
    assert cost_to_name(None) is None
    assert cost_to_name(described([4, 2]).cost) == "quadratic"


@pytest.mark.parametrize(
    ("description", "error", "message"),
    [
        ({"kind": "Danse", "units": 3}, ValueError, "layer: expected one of Dense.*Did you mean"),
        ({"units": 3}, TypeError, "layer: expected a name, got None"),
        ({"kind": "Dense", "units": 3, "shape": 1, "x": 2}, ValueError, "layer: Dense has no "),
        ({"kind": "Dense", "units": "3"}, TypeError, "Dense: expected a whole number"),
    ],
)
def test_descriptions_of_no_layer(description, error, message):
    with pytest.raises(error, match=message):
        layer_from_dict(description)


# Shapes, through random architectures.


@settings(max_examples=15, derandomize=True, deadline=None)
@given(
    st.lists(st.integers(1, 7), min_size=2, max_size=5),
    st.sampled_from(FOR_HIDDEN),
    st.sampled_from(PAIRS),
    st.sampled_from([*INITIALIZERS, *FORMER_NAMES]),
    st.integers(0, 4),
)
def test_shapes_run_through_random_architectures(sizes, hidden, pair, initializer, n):
    output, cost = pair
    net = Network(sizes, hidden=hidden, output=output, cost=cost, initializer=initializer)
    assert net.sizes == sizes
    assert net.shapes == tuple((size,) for size in sizes)
    assert [tuple(w.shape) for w in net.weights] == list(zip(sizes[1:], sizes[:-1], strict=True))
    assert net.architecture.parameter_shapes()[0] == [tuple(a.shape for a in p) for p in net.parameters]
    assert net.architecture.widest_shape == (max(sizes),)
    x = np.zeros((n, sizes[0]), np.float32)
    assert [a.shape for a in net.activations(x)] == [(n, size) for size in sizes[1:]]
    assert net.feedforward(x).shape == (n, sizes[-1])
    assert net.architecture.cost_name == cost


def test_a_layer_of_no_dataclass_is_refused():
    class Plain(Layer):
        output_shape, forward, backward = own.Halve.output_shape, own.Halve.forward, own.Halve.backward

    with pytest.raises(TypeError, match=r"sizes: expected layers that are frozen values, got .* Make it a dataclass"):
        Network([4, Plain(), 2])


@pytest.mark.parametrize("n", [32, 1001, 100_000])
def test_an_input_has_no_more_dimensions_than_arrays_have(n, tmp_path):
    with pytest.raises(ValueError, match=f"sizes: expected an input of at most 31 dimensions, got {n:,}"):
        Network([(1,) * n, 2])
    net = Network([(1,) * 31, 2])
    assert Network.load(net.save(tmp_path / "net")).architecture == net.architecture
