"""What a training must agree with to go on from a checkpoint, and what it is told otherwise."""

import numpy as np
import pytest
from test_resuming import PLATEAU, SIZES, data, fitted

from anynet import SGD, Checkpoint, EarlyStopping, Network
from anynet.examples import Dataset
from anynet.formats.columns import Column
from anynet.formats.pictures import Pictures
from anynet.optimizers import Adam
from anynet.schedules import Plateau


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"optimizer": SGD(0.1)}, "the optimizer of the checkpoint, Adam"),
        ({"optimizer": Adam(Plateau(0.04, patience=0))}, "the optimizer of the checkpoint"),
        ({"batch_size": 20}, "the batch_size of the checkpoint, 10, got 20"),
        ({"shuffle": False}, "the shuffle of the checkpoint"),
        ({"early_stopping": EarlyStopping(patience=3)}, "the early_stopping of the checkpoint"),
        ({"l2": 0.1}, "the regularization of the checkpoint"),
        ({"class_weight": {0: 1, 1: 1, 2: 1, 3: 2}}, "the training data of the checkpoint"),
        ({"validation": data()[0]}, "the validation data of the checkpoint"),
        (
            {"net": Network([12, 9, 4], output="softmax")},
            'the network of the checkpoint, layers .*"units": 8, .*, got layers .*"units": 9, ',
        ),
    ],
)
def test_what_is_not_the_same_is_refused(other, message, tmp_path):
    fitted(epochs=1, checkpoint=Checkpoint(tmp_path))
    with pytest.raises(ValueError, match=f"resume: expected {message}"):
        fitted(**{"resume": tmp_path} | other)


@pytest.mark.parametrize("change", ["rows", "dtype", "labels", "fewer"])
def test_other_data_are_refused(change, tmp_path):
    fitted(epochs=1, checkpoint=Checkpoint(tmp_path))
    (x, y), validation = data()
    changed = {
        "rows": (x + 1e-9, y),
        "dtype": (x.astype("float32"), y),
        "labels": (x, np.roll(y, 1)),
        "fewer": (x[:-1], y[:-1]),
    }[change]
    net = Network(SIZES, output="softmax", seed=5)
    how = {"optimizer": PLATEAU, "validation": validation, "early_stopping": EarlyStopping(patience=50)}
    with pytest.raises(ValueError, match="resume: expected the training data of the checkpoint"):
        net.fit(changed, epochs=2, resume=tmp_path, **how)


def test_a_folder_of_another_training_is_not_written_into(tmp_path):
    fitted(epochs=1, checkpoint=Checkpoint(tmp_path))
    with pytest.raises(ValueError, match="checkpoint: expected a folder without checkpoints"):
        fitted(epochs=1, checkpoint=Checkpoint(tmp_path))


COLUMNS = (Column("a"), Column("b"), Column("c"), Column("d"))
READ_AS = {"class_names": ("no", "yes"), "columns": COLUMNS, "pictures": Pictures(2, 2, "grey")}


def read_as(how, **resumed):
    rng = np.random.default_rng(4)
    x, y = rng.integers(0, 256, (20, 2, 2, 1), dtype=np.uint8), np.arange(20) % 2
    net = Network([(2, 2, 1), 2], seed=1)
    net.fit(Dataset(x, y, **how), epochs=2, **resumed)
    return net


@pytest.mark.parametrize("given", [["class_names", "columns"], ["class_names", "pictures"]])
def test_names_and_how_x_was_made_stand_in_a_checkpoint_and_stay(given, tmp_path):
    how = {name: READ_AS[name] for name in given}
    read_as(how, checkpoint=Checkpoint(tmp_path))
    of_checkpoint = Network.load(max(tmp_path.iterdir()))
    for net in (of_checkpoint, read_as(how, resume=tmp_path), read_as({}, resume=tmp_path)):
        assert {name: getattr(net, name) for name in given} == how


@pytest.mark.parametrize(
    "other",
    [
        {"class_names": ("yes", "no")},
        {"columns": (*COLUMNS[:3], Column("e"))},
        {"pictures": Pictures(2, 2, "grey", "squeeze")},
    ],
)
def test_nothing_is_renamed_or_made_otherwise_by_going_on(other, tmp_path):
    [name] = other
    how = {each: READ_AS[each] for each in {"class_names", name}}
    read_as(how, checkpoint=Checkpoint(tmp_path))
    with pytest.raises(ValueError, match=f"resume: expected the {name.replace('_', ' ')} of the checkpoint, "):
        read_as(how | other, resume=tmp_path)
