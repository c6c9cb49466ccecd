"""What a user hands over: names, values and numbers, and the sentences about those that will not do."""

import numpy as np
import pytest

from anynet import (
    Activation,
    Checkpoint,
    Cost,
    Dataset,
    EarlyStopping,
    Ensemble,
    Initializer,
    Metric,
    Network,
    datasets,
    grad,
    plots,
)
from anynet.checks import (
    MAX_SHOWN,
    look_up,
    names_of_classes,
    number_in,
    positive_number,
    shown,
    typed_number,
    value_of,
    whole_number,
)
from anynet.formats.pictures import asked_for
from anynet.layers import BatchNorm, Conv2D, Dropout

TABLE = {"sigmoid": 1, "tanh": 2}


def test_names_are_looked_up():
    assert look_up(TABLE, "tanh", "it") == 2
    assert look_up(TABLE, np.str_("tanh"), "it") == 2


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("sigmod", ValueError, r"^it: expected one of sigmoid, tanh, got 'sigmod'. Did you mean 'sigmoid'\?$"),
        ("Tanh", ValueError, r"Did you mean 'tanh'\?$"),
        ("nothing", ValueError, r"^it: expected one of sigmoid, tanh, got 'nothing'.$"),
        (3, TypeError, r"^it: expected a name, got 3. Give one of sigmoid, tanh.$"),
        (None, TypeError, r"^it: expected a name, got None."),
        (["tanh"], TypeError, r"^it: expected a name, got \['tanh'\]."),
    ],
)
def test_names_that_do_not_exist(name, error, message):
    with pytest.raises(error, match=message):
        look_up(TABLE, name, "it")


def test_a_value_may_stand_for_a_name():
    assert value_of(TABLE, "tanh", int, "it") == 2
    assert value_of(TABLE, 7, int, "it") == 7


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("tan", ValueError, r"^it: expected one of sigmoid, tanh, got 'tan'. Did you mean 'tanh'\?$"),
        (
            int,
            TypeError,
            r"^it: expected a name or a value int\(...\), got the class int. Make a value of it: int\(...\).",
        ),
        (1.5, TypeError, r"got 1.5. Give one of sigmoid, tanh, or a value of your own.$"),
        (None, TypeError, r"got None. Give one of sigmoid, tanh, or a value of your own.$"),
    ],
)
def test_what_is_neither_a_name_nor_a_value(given, error, message):
    with pytest.raises(error, match=message):
        value_of(TABLE, given, int, "it")


@pytest.mark.parametrize("number", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_become_pythons(number):
    assert type(whole_number("n", number)) is int
    assert whole_number("n", number, least=3, most=3) == 3


@pytest.mark.parametrize(
    ("number", "bounds", "error", "message"),
    [
        (0, {}, ValueError, "^n: expected at least 1, got 0.$"),
        (-1, {"least": 0}, ValueError, "^n: expected at least 0, got -1.$"),
        (11, {"most": 10}, ValueError, "^n: expected 1 to 10, got 11.$"),
        (11, {"most": 10, "limits": "as many as fingers"}, ValueError, "^n: expected as many as fingers, got 11.$"),
        (True, {}, TypeError, "^n: expected a whole number, got True of type bool.$"),
        (3.0, {}, TypeError, "^n: expected a whole number, got 3.0 of type float.$"),
        ("3", {}, TypeError, "^n: expected a whole number, got '3' of type str.$"),
        (None, {}, TypeError, "^n: expected a whole number, got None"),
    ],
)
def test_what_is_no_whole_number(number, bounds, error, message):
    with pytest.raises(error, match=message):
        whole_number("n", number, **bounds)


@pytest.mark.parametrize("number", [3, 0.5, np.float32(0.5), np.int64(2)])
def test_positive_numbers_become_pythons(number):
    assert type(positive_number("rate", number)) is float
    assert positive_number("rate", number) == number


@pytest.mark.parametrize(
    ("number", "error", "message"),
    [
        (0, ValueError, "^rate: expected a finite number above 0, got 0.$"),
        (-0.5, ValueError, "above 0, got -0.5"),
        (float("inf"), ValueError, "finite number above 0, got inf"),
        (float("nan"), ValueError, "finite number above 0, got nan"),
        (True, TypeError, "^rate: expected a number, got True.$"),
        ("0.5", TypeError, "^rate: expected a number, got '0.5'.$"),
        (1j, TypeError, "^rate: expected a number, got 1j.$"),
    ],
)
def test_what_is_no_positive_number(number, error, message):
    with pytest.raises(error, match=message):
        positive_number("rate", number)


def test_a_warning_names_the_line_that_called_however_deep_it_is_told():
    x = np.zeros((30, 64), np.uint8)
    net = Network([64, 2])
    for call in (
        lambda: net.fit((x, [0, 1] * 15), epochs=1, batch_size=10),
        lambda: list(net.iter_fit((x, [0, 1] * 15), epochs=1, batch_size=10)),
    ):
        with pytest.warns(UserWarning, match="uint8 means pixels") as caught:
            call()
        assert [w.filename for w in caught] == [__file__]


def test_what_a_terminal_would_obey_is_shown_escaped_and_cut():
    assert (
        shown("plain \u00e9, \u4e2d, \u0645\u06cc\u200c\u062e\nnext")
        == "plain \u00e9, \u4e2d, \u0645\u06cc\u200c\u062e\nnext"
    )
    assert shown("a\x1b[2J\r\t\u202e\ud800\0") == r"a\x1b[2J\r\t\u202e\ud800\x00"
    assert (shown("a\n\u200d\u1234"), shown("a\nb", in_one_line=True)) == ("a\n\u200d\u1234", r"a\nb")
    assert shown(10**6 * "a", 5) == "aaaaa..."
    assert len(shown(10**6 * "a")) == MAX_SHOWN + 3


@pytest.mark.parametrize("number", [10**400, -(10**5000)], ids=["hundreds", "thousands"])
def test_whole_numbers_of_any_length_are_refused_in_a_line(number):
    with pytest.raises(ValueError, match=r"^n: expected 1 to 5, got .{1,120}\.$"):
        whole_number("n", number, 1, 5)
    with pytest.raises(ValueError, match=r"^n: expected a rate, got .{1,120}\.$"):
        number_in("n", number, "a rate", lambda n: True)


@pytest.mark.parametrize("text", ["7", "+7", " 7 ", "007"])
def test_a_whole_number_is_typed_in_digits(text):
    assert typed_number(text, is_whole=True) == typed_number(text) == 7
    assert type(typed_number(text, is_whole=True)) is int


@pytest.mark.parametrize("text", ["0.5", ".5", "5e-1", "50E-2", "+0.5"])
def test_a_number_is_typed_as_one_is_written(text):
    assert typed_number(text) == 0.5
    with pytest.raises(ValueError, match="expected a whole number, got "):
        typed_number(text, is_whole=True)


def test_what_is_infinite_or_none_is_left_to_who_knows_the_domain():
    assert typed_number("1.") == 1.0
    assert [*map(typed_number, ("inf", "-Infinity"))] == [np.inf, -np.inf]
    assert np.isnan(typed_number("NaN"))


@pytest.mark.parametrize("text", ["\u0663", "1_0", "\xb2", "", "-", "1 2", "0x10", "1\n2", "e5", "--1", 5000 * "9"])
def test_what_python_reads_besides_is_no_number_that_is_typed(text):
    for is_whole in (False, True):
        with pytest.raises(ValueError, match=r"^expected a (whole )?number, got .{1,120}$"):
            typed_number(text, is_whole)


def test_what_is_counted_has_an_end():
    assert whole_number("n", 2**63 - 1) == 2**63 - 1
    with pytest.raises(ValueError, match="n: expected 1 to 9223372036854775807, got 9223372036854775808"):
        whole_number("n", 2**63)
    with pytest.raises(ValueError, match="n: expected 1 to 9223372036854775807, got one of int of many digits"):
        whole_number("n", 10**5000)


def test_numbers_of_many_digits_are_refused_where_networks_are_built_and_trained(tmp_path):
    net, data = Network([2, 3]), (np.eye(2), np.array([0, 1]))
    for how in (
        {"batch_size": 10**5000},
        {"epochs": 10**5000},
        {"epochs": 10**5000, "checkpoint": Checkpoint(tmp_path)},
    ):
        with pytest.raises(ValueError, match=r"(batch_size|epochs): expected 1 to 9.*, got one of int of many digits"):
            net.fit(*data, **how)
    with pytest.raises(ValueError, match=r"sizes: expected 1 to 9.*, got one of int of many digits"):
        Network([10**5000, 2])


def test_a_name_is_as_long_as_it_may_be_and_what_joins_its_characters_may_be_in_it():
    names = "n" * 200, "\u0646\u0645\u06cc\u200c\u062f\u0627\u0646\u0645", "\U0001f469\u200d\U0001f4bb"
    assert names_of_classes(names) == names
    with pytest.raises(ValueError, match=r"class_names: expected printable names of at most 200 .* of 201\. Rename it"):
        names_of_classes(["n" * 201])


def test_names_of_classes_are_no_more_than_a_file_takes():
    names = [f"{i:020}" for i in range(2**20 // 20)]
    assert names_of_classes(names) == tuple(names)
    with pytest.raises(ValueError, match="class_names: expected at most 1,048,576 characters in all, got 1,048,580"):
        names_of_classes([*names, "x" * 20])
    with pytest.raises(ValueError, match="class_names: expected at most 1,048,576 characters in all"):
        names_of_classes([f"{',' * 100}{i}" for i in range(2600)])  # each comma might be a value of its own
    twice = [*map(str, range(100_000)), "7"]
    with pytest.raises(ValueError, match="class_names: expected different names, got '7' twice"):
        names_of_classes(twice)


@pytest.mark.parametrize(
    "given",
    [
        lambda n: Network([2, 2], seed=-n),
        lambda n: Dropout(n),
        lambda n: BatchNorm(eps=n),
        lambda n: BatchNorm(momentum=n),
        lambda n: datasets.split((np.eye(2), [0, 1]), n),
        lambda n: datasets.read_idx(__file__, max_bytes=-n),
    ],
)
def test_numbers_of_many_digits_are_refused_in_a_line(given):
    with pytest.raises(ValueError, match=r"expected .*, got one of int of many digits"):
        given(10**5000)


X, Y = np.zeros((4, 3), "float32"), np.arange(4) % 2
HUGE = 10**5000  # Python writes no whole number of so many digits


def bad_path(given):
    return "a\0b" if isinstance(given, str) else given or HUGE


@pytest.mark.parametrize("given", [HUGE, "\x1b[31m", [1], None], ids=["huge", "escape", "list", "none"])
@pytest.mark.parametrize(
    "door",
    [
        lambda given: Network([3, 2], dtype=given),
        lambda given: Network([3, 2], device=given or HUGE),
        lambda given: Network([3, 2], cost=given or HUGE),
        lambda given: Network([3, 2], hidden=given or HUGE),
        lambda given: Conv2D(2, given),
        lambda given: Conv2D(2, 3, padding=given),
        lambda given: Network([3, 2]).fit(X, Y, shuffle=given),
        lambda given: Network([3, 2]).fit(X, Y, early_stopping=given or HUGE),
        lambda given: Network([3, 2]).fit(X, Y, freeze=[given]),
        lambda given: Network([3, 2]).fit(X, Y, freeze=given or HUGE),
        lambda given: Network([3, 2]).fit(X, Y, callbacks=given),
        lambda given: Network([3, 2]).fit(X, Y, transform=given or HUGE),
        lambda given: Network([3, 2]).fit(X, Y, sample_weight=given or HUGE),
        lambda given: Network([3, 2]).fit(X, Y, optimizer=given or HUGE),
        lambda given: Network([3, 2]).predict(given),
        lambda given: Network([3, 2]).predict([[given, 1, 2]]),
        lambda given: Network(given),
        lambda given: Network([3, 2]).fit(X, Y, class_weight=given or HUGE),
        lambda given: Network([3, 2]).fit(X, Y, class_weight={0: 1, str(given)[:9] if given != HUGE else given: 2}),
        lambda given: Network([3, 2]).fit(X, Y, resume=bad_path(given)),
        lambda given: Network([3, 2]).fit(X, Y, history_file=bad_path(given)),
        lambda given: Network([3, 2]).partial_fit(X, Y, **{f"{given if given != HUGE else 9999 * chr(27)}": 1}),
        lambda given: Network([3, 2]).save(bad_path(given)),
        lambda given: Network.load(bad_path(given)),
        lambda given: setattr(Network([3, 2]), "class_names", [given, *range(99)]),
        lambda given: setattr(Network([3, 2]), "input_scale", [given]),
        lambda given: Ensemble(given),
        lambda given: Ensemble([given]),
        lambda given: Ensemble.load(given if given != [1] else "x"),
        lambda given: Dataset(X, Y, class_names=[given, given]),
        lambda given: Dataset(X, Y)[given if given != [1] else [[1], [2, 3]]],
        lambda given: datasets.read_data(__file__, columns=given or HUGE),
        lambda given: datasets.read_data(bad_path(given)),
        lambda given: datasets.read_images(bad_path(given)),
        lambda given: datasets.read_images(__file__, given or HUGE),
        lambda given: datasets.read_idx(__file__, max_bytes=given if given != HUGE else -HUGE),
        lambda given: datasets.image_folder(bad_path(given)),
        lambda given: Initializer(given, len, 1.0) if not isinstance(given, str) else Initializer("i", given, 1.0),
        lambda given: Initializer("i", len, given),
        lambda given: Activation("a", abs, given or HUGE),
        lambda given: Cost(given, "sigmoid", abs) if not isinstance(given, str) else Cost("c", "sigmoid", given),
        lambda given: Network([3, 2], cost=Cost("c", "\x1b", abs, abs) if given is None else Cost("c", "", abs, given)),
        lambda given: Metric("m", given, more_is_better=True),
        lambda given: Metric(given, abs, more_is_better=True),
        lambda given: grad(given),
        lambda given: grad(lambda x: x, argnums=given),
        lambda given: plots.as_text(X, width=given),
        lambda given: plots.show(X, n=given or HUGE),
        lambda given: plots.show_filters(given),
        lambda given: plots.show_errors(given, X, Y),
        lambda given: plots.show_layers(given, X),
        lambda given: EarlyStopping(3, metric=[given]),
        lambda given: Checkpoint([given]),
        lambda given: Checkpoint(bad_path(given)),
        lambda given: asked_for(given or HUGE, "colour", "crop"),
        lambda given: asked_for((2, given), "colour", "crop"),
        lambda given: asked_for(8, given, "crop"),
        lambda given: asked_for(8, "colour", given),
        lambda given: asked_for(None, "colour", "crop", given or HUGE),
    ],
)
def test_what_belongs_nowhere_is_refused_in_our_words(door, given):
    with pytest.raises((ValueError, TypeError), match="expected") as told:
        door(given)
    assert told.value.args[0].isprintable()
    assert len(told.value.args[0]) < 500
