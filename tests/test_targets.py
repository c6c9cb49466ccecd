"""Targets: one rule for every form of y, at every door."""

import numpy as np
import pytest

from anynet import SGD, Activation, Cost, Dataset, Network, targets
from anynet.activations import ACTIVATIONS
from anynet.metrics import REACH

N = 24
X = np.random.default_rng(5).standard_normal((N, 3))
BITS = np.arange(N) % 2
THREE = np.arange(N) % 3
VALUES = 109.0 + 128.0 * np.linspace(0.0, 1.0, N)

IN_A_COLUMN = {"as it is": lambda y: y, "in a column": lambda y: y[:, None]}
AS = {"int64": np.int64, "float64": np.float64, "float32": np.float32}


def doors(net):
    return {
        "fit": lambda y: net.fit((X, y), epochs=1, batch_size=8, optimizer=SGD(1e-6)),
        "validation": lambda y: net.fit(
            (X, np.zeros(N)), epochs=1, batch_size=8, optimizer=SGD(1e-6), validation=(X, y)
        ),
        "evaluate": lambda y: net.evaluate((X, y)),
        "accuracy": lambda y: net.accuracy((X, y)),
        "confusion_matrix": lambda y: net.confusion_matrix((X, y)),
        "gradients": lambda y: net.gradients(X, y),
        "update_mini_batch": lambda y: net.update_mini_batch((X, y), 1e-6),
        "SGD": lambda y: net.SGD((X, y), 1, 8, 1e-6),
    }


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("form", IN_A_COLUMN)
def test_what_an_output_cannot_reach_is_refused_at_every_door_in_every_form(backend, form):
    net = Network([3, 1], backend)
    refused = r"y: expected 0 and 1, for one output tells two classes apart, .*output=\"identity\""
    for dtype in AS.values():
        for door in doors(net).values():
            with pytest.raises(ValueError, match=refused):
                door(IN_A_COLUMN[form](THREE.astype(dtype)))
    for door in doors(net).values():
        with pytest.raises(ValueError, match=r"y: expected targets from 0 to 1, which sigmoid .*output=\"identity\""):
            door(IN_A_COLUMN[form](VALUES))
        with pytest.raises(ValueError, match=r"expected 0 and 1, .* from 1 to 2. Number the classes from 0, y - 1"):
            door(IN_A_COLUMN[form](BITS + 1))
        with pytest.raises(ValueError, match=r"expected 0 and 1, .* from -1 to 1. Take \(y \+ 1\) / 2"):
            door(IN_A_COLUMN[form](2 * BITS - 1))


@pytest.mark.parametrize("output", ["sigmoid", "tanh"])
@pytest.mark.parametrize("y", [np.full(N, 2), np.full(N, 3.5), THREE - 1, VALUES], ids=["2", "3.5", "three", "values"])
def test_one_rule_for_whole_numbers_and_others(output, y):
    for given in (y, y[:, None]):
        with pytest.raises(ValueError, match=r"y: expected .*output=\"identity\""):
            Network([3, 1], output=output).fit((X, given), epochs=1)
        Network([3, 1], output="identity").fit((X, given), epochs=1, batch_size=8, optimizer=SGD(1e-6))


def test_targets_of_several_outputs_are_within_their_reach_too():
    for output in ("sigmoid", "tanh", "softmax"):
        with pytest.raises(ValueError, match="y: expected"):
            Network([3, 2], output=output).fit((X, 3.0 * np.eye(2)[BITS]), epochs=1)
    rounded = np.nextafter(np.float32(1.0), np.float32(2.0)) * np.eye(2, dtype=np.float32)[BITS]
    Network([3, 2]).fit((X, rounded), epochs=1)  # of scaled values the largest may be 1 but for rounding


def test_a_cost_of_ones_own_takes_its_own_targets():
    hinge = Cost(
        "hinge",
        "identity",
        lambda xp, z, a, y: xp.sum(xp.maximum(1.0 - y * a, 0.0), axis=1),
        lambda xp, z, a, y: xp.where(y * a < 1.0, -y, 0.0),
    )
    for keywords, error in (({"cost": hinge}, None), ({}, "expected 0 and 1, .* Take")):
        net = Network([3, 1], output="identity", task="classification", **keywords)
        if error is None:
            net.fit((X, 2.0 * BITS - 1.0), epochs=1)
        else:
            with pytest.raises(ValueError, match=error):
                net.fit((X, 2.0 * BITS - 1.0), epochs=1)


@pytest.mark.slow_on("jax")
def test_labels_train_alike_in_every_form(backend):
    one_hot, forms = np.eye(3)[THREE], [THREE, THREE[:, None], THREE.astype(float), THREE[:, None].astype(np.float32)]
    nets = []
    for y in (one_hot, *forms, np.array(["ant", "bee", "cat"])[THREE]):
        net = Network([3, 3], backend)
        net.fit((X, y), epochs=2, batch_size=8, validation=(X, y))
        assert net.evaluate((X, y)) == net.evaluate((X, THREE))
        assert net.gradients(X, y)[0] == net.gradients(X, THREE)[0]
        assert net.confusion_matrix((X, y)).tolist() == net.confusion_matrix((X, THREE)).tolist()
        nets.append(net)
    assert all(np.array_equal(net.weights[0], nets[0].weights[0]) for net in nets)
    assert nets[-1].class_names == ("ant", "bee", "cat")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (THREE + 1, "Number the classes from 0: y - 1"),
        ((THREE + 1.0)[:, None], "Number the classes from 0: y - 1"),
        (THREE * 10, r"Number the classes from 0: np.unique\(y, return_inverse=True\)"),
        (THREE + 0.5, "For values"),
    ],
)
def test_labels_that_do_not_suit_come_with_their_cure(backend, y, message):
    for door in doors(Network([3, 3], backend)).values():
        with pytest.raises(ValueError, match="y: expected whole labels from 0 to 2, .*" + message):
            door(y)


# What lies nearest.


@pytest.mark.slow_on("jax")
@pytest.mark.parametrize("output", ["tanh", "sigmoid"])
def test_two_classes_are_told_apart_in_the_middle_of_what_the_output_reaches(backend, output):
    net = Network([1, 1], backend, output=output)
    net.weights, net.biases = [[[1.0]]], [[0.0]]
    x, right = np.array([[-0.3], [-0.1], [0.1], [0.3]]), np.array([0, 0, 1, 1])
    assert net.predict(x).tolist() == right.tolist()
    forms = [right, right == 1, right.astype(float), right[:, None], right[:, None].astype(np.uint8)]
    if output == "tanh":
        forms += [2 * right - 1, (2.0 * right - 1)[:, None]]
    costs = set()
    for y in forms:
        assert net.evaluate((x, y)) == 4
        assert net.confusion_matrix((x, y)).tolist() == [[2, 0], [0, 2]]
        costs.add(net.gradients(x, y)[0])
    assert len(costs) == 1
    several = Network([1, 2], backend, output=output, task="multilabel")
    several.weights, several.biases = [[[1.0], [-1.0]]], [[0.0, 0.0]]
    assert several.predict(x).tolist() == [[0, 1], [0, 1], [1, 0], [1, 0]]
    assert several.evaluate((x, np.stack([right, 1 - right], axis=1))) == 4
    assert several.evaluate((x, 1 - right)) == 4  # as labels


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_outputs_lie_in_their_reach(name):
    low, high = REACH.get(name, (-np.inf, np.inf))
    a = ACTIVATIONS[name](np.linspace(-50.0, 50.0, 99)[:, None] * [1.0, -1.0])
    assert low <= a.min() <= low + 1e-6 or low == -np.inf
    assert high - 1e-6 <= a.max() <= high or high == np.inf


def test_of_an_activation_of_ones_own_no_reach_is_known():
    mine = Activation("mine", lambda xp, z: z)
    net = Network([3, 1], output=mine, cost=Cost("mine", "mine", lambda *a: a[2][:, 0], lambda *a: a[2]))
    assert net.architecture.reach == (-np.inf, np.inf)
    assert net.architecture.threshold == 0.5


# By name.


def test_classes_are_renumbered_in_every_form(backend):
    given, names = ("b", "c", "a"), ("a", "b", "c")
    labels = backend.asarray(np.array([0, 1, 2, 0]))
    one_hot = backend.asarray(np.eye(3)[[0, 1, 2, 0]])
    several, one = Network([2, 3], backend).architecture, Network([2, 1], backend).architecture
    xp = backend.xp
    assert backend.to_numpy(targets.renumbered(xp, labels, given, names, several)).tolist() == [1, 2, 0, 1]
    renumbered = targets.renumbered(xp, one_hot, given, names, several)
    assert backend.to_numpy(renumbered).tolist() == np.eye(3)[[1, 2, 0, 1]].tolist()
    for y in ([0, 1], [-1, 1], [[0.0], [1.0]], [[0.25], [0.75]]):
        y = backend.asarray(np.array(y))
        flipped = backend.to_numpy(targets.renumbered(xp, y, ("b", "a"), ("a", "b"), one))
        assert flipped.tolist() == backend.to_numpy(xp.flip(y, axis=0)).tolist()


@pytest.mark.slow_on("jax")
def test_classes_are_matched_by_name_wherever_they_meet(backend):
    names, order = ("a", "b", "c"), [2, 0, 1]
    other, y = tuple(names[i] for i in order), np.argsort(order)[THREE]
    nets = [Network([3, 3], backend) for _ in range(2)]
    nets[0].fit(Dataset(X, THREE, names), epochs=3, batch_size=8, validation=Dataset(X, THREE, names))
    (*_, last) = nets[1].fit(Dataset(X, THREE, names), epochs=3, batch_size=8, validation=Dataset(X, y, other))
    net = nets[0]
    right = net.evaluate((X, THREE))
    assert last.n_correct == right
    for same in (Dataset(X, y, other), Dataset(X, np.eye(3)[y], other), (X, np.array(names)[THREE])):
        assert net.evaluate(same) == right
        assert net.confusion_matrix(same).tolist() == net.confusion_matrix((X, THREE)).tolist()
    of_c = THREE == 2
    assert net.evaluate(Dataset(X[of_c], ["c"] * of_c.sum())) == net.evaluate((X[of_c], THREE[of_c]))
    assert net.gradients(X, np.array(names)[THREE])[0] == net.gradients(X, THREE)[0]
    nets[0].fit(Dataset(X, THREE, names), epochs=1, batch_size=8)
    nets[1].fit(Dataset(X, y, other), epochs=1, batch_size=8)
    nets[0].update_mini_batch(Dataset(X, THREE, names), 0.1)
    nets[1].update_mini_batch(Dataset(X, y, other), 0.1)
    assert np.array_equal(nets[0].weights[0], nets[1].weights[0])
    assert nets[1].class_names == names


def test_classes_are_matched_where_a_regression_meets_their_one_hot_rows():
    net = Network([3, 2], output="identity")
    net.fit(Dataset(X, BITS, ("a", "b")), epochs=1, batch_size=8, optimizer=SGD(1e-3))
    cost, _ = net.gradients(X, BITS)
    (report,) = net.fit(
        (X, BITS), epochs=1, batch_size=8, optimizer=SGD(1e-9), validation=Dataset(X, 1 - BITS, ("b", "a"))
    )
    assert report.metrics["validation_cost"] == pytest.approx(cost, rel=1e-4)
    net.fit(Dataset(X, 1 - BITS, ("b", "a")), epochs=1, batch_size=8, optimizer=SGD(1e-9))
    assert net.class_names == ("a", "b")


def test_classes_that_the_network_does_not_know_are_refused():
    net = Network([3, 3])
    net.fit(Dataset(X, THREE, ["a", "b", "c"]), epochs=1)
    for door in (net.fit, net.evaluate, net.accuracy, net.confusion_matrix):
        with pytest.raises(ValueError, match="class_names: expected those of the network, a, b, c, got bird"):
            door(Dataset(X, THREE, ("a", "b", "bird")))
    with pytest.raises(ValueError, match="class_names: expected 3, as many as the network tells apart, got 2: a, b"):
        Network([3, 3]).fit((X, np.array(["a", "b"])[BITS]), epochs=1)
    with pytest.raises(ValueError, match="y: expected values, for the network's task is regression, got the classes a"):
        Network([3, 1], output="identity").fit((X, np.array(["a", "b"])[BITS]), epochs=1)
    with pytest.raises(TypeError, match=r"y: expected numbers, got names of classes, such as 'a'. Make labels of them"):
        Network([3, 3]).gradients(X, np.array(["a", "b"])[BITS])
