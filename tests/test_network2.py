"""network2's JSON: read as a network to the last bit, or refused by one clear line, with the place."""

import json
import random
import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hostile import MB, N_MUTATED, changed, described, file_of, is_same, mutated, outcome, report

from anynet import saving
from anynet.saving.network2 import is_mine, read


def network2(sizes=(3, 4, 2), seed=0, cost="CrossEntropyCost"):
    """Return what network2 saves, before it becomes JSON."""
    rng = np.random.default_rng(seed)
    return {
        "sizes": list(sizes),
        "weights": [rng.standard_normal((b, a)).tolist() for a, b in pairwise(sizes)],
        "biases": [rng.standard_normal((b, 1)).tolist() for b in sizes[1:]],
        "cost": cost,
    }


@pytest.mark.parametrize("order", [("sizes", "weights", "biases", "cost"), ("biases", "cost", "weights", "sizes")])
@pytest.mark.parametrize("indent", [None, 1])
def test_network2s_json(tmp_path, order, indent):
    content = network2((20, 7, 5, 3), cost="QuadraticCost")
    text = json.dumps({key: content[key] for key in order}, indent=indent)
    path = file_of(tmp_path, text.encode(), "net.json")
    for saved in (read(path), saving.read(path)):
        assert described(saved) == ([20, 7, 5, 3], ["sigmoid"] * 3, "quadratic", "float64")
        for parameters, weights, biases in zip(saved.parameters, content["weights"], content["biases"], strict=True):
            assert parameters.weights.tolist() == weights  # to the last bit
            assert parameters.biases[:, None].tolist() == biases


@pytest.mark.parametrize("piece", [1, 5, 20, 63, 1000])
def test_a_row_is_read_in_pieces(tmp_path, monkeypatch, piece):
    monkeypatch.setattr("anynet.saving.network2._PIECE", piece)
    content = network2((20, 7))
    content["weights"][0][0] = [0.5, 1, 2.25] * 6 + [3, 4]
    for separators in ((", ", ": "), (",", ":")):
        saved = read(file_of(tmp_path, json.dumps(content, separators=separators).encode(), "net.json"))
        assert saved.parameters[0].weights.tolist() == content["weights"][0]


def test_a_file_may_lack_the_cost(tmp_path):
    path = file_of(tmp_path, json_of(cost=None).encode())
    saved = read(path)
    assert described(saved) == ([3, 4, 2], ["sigmoid"] * 2, "cross_entropy", "float64")
    assert saved.assumption == "no cost; cross-entropy, network2's own, is assumed"
    assert read(file_of(tmp_path, GOOD_JSON.encode())).assumption is None


@pytest.mark.parametrize(("head", "expected"), [(b'{"sizes"', True), (b" \n\t{", True), (b"[{", False), (b"", False)])
def test_its_first_bytes_tell_its_file(head, expected):
    assert is_mine(head, False) is expected


GOOD_JSON = json.dumps(network2())


def edited(old, new):
    assert old in GOOD_JSON
    return GOOD_JSON.replace(old, new, 1)


def with_weight(number):
    """Return a file whose first weight is replaced."""
    return re.sub(r'(?<="weights": \[\[\[)[^,]*', number, GOOD_JSON)


def json_of(**changes):
    return json.dumps(changed(network2(), **changes))


@pytest.mark.parametrize("number", ["-0", "0.0", "1E5", "1e-400", "12.5e+2"])
def test_numbers_in_every_form_that_json_has(tmp_path, number):
    path = file_of(tmp_path, with_weight(number).encode())
    assert read(path).parameters[0].weights[0, 0] == float(number)


CRAFTED_JSON = {
    "ten million layers": '{"sizes": [' + "1," * 9_999_999 + '1], "weights": [], "biases": []}',
    "a million layers, whole": '{"sizes": [' + "1," * 999_999 + '1], "weights": [' + "[[0]]," * 999_998
    + '[[0]]], "biases": [' + "[[0]]," * 999_998 + '[[0]]], "cost": "QuadraticCost"}',
    "1,001 layers": json.dumps(network2((1,) * 1_002)),
    "no layers": json_of(sizes=[3], weights=[], biases=[]),
    "no sizes": json_of(sizes=None),
    "no weights": json_of(weights=None),
    "no biases": json_of(biases=None),
    "empty sizes": json_of(sizes=[]),
    "sizes of billions": json_of(sizes=[999_999_999, 999_999_999]),
    "sizes of many digits": json_of(sizes=[int("9" * 4_000), 2]),
    "a size of 0": json_of(sizes=[3, 0, 2]),
    "a size below 0": json_of(sizes=[3, -4, 2]),
    "a size of 4.0": json_of(sizes=[3, 4.0, 2]),
    "a size that is true": json_of(sizes=[3, True, 2]),
    "a size that is text": json_of(sizes=[3, "4", 2]),
    "sizes in sizes": json_of(sizes=[[3], [4], [2]]),
    "sizes of another network": json_of(sizes=[3, 5, 2]),
    "one size too many": json_of(sizes=[3, 4, 2, 1]),
    "one size too few": json_of(sizes=[3, 4]),
    "weights transposed": json_of(weights=[np.ones((3, 4)).tolist(), np.ones((4, 2)).tolist()]),
    "weights flat": json_of(weights=[[1.0] * 12, [1.0] * 8]),
    "weights one too many": json_of(weights=[*network2()["weights"], [[1.0]]]),
    "weights as an object": json_of(weights={"0": 1}),
    "weights as text": json_of(weights="weights"),
    "weights of null": json_of(weights=[None, None]),
    "a row too short": json_of(weights=[[[1.0] * 2] * 4, [[1.0] * 4] * 2]),
    "a row too long": json_of(weights=[[[1.0] * 4] * 4, [[1.0] * 4] * 2]),
    "a row that is empty": json_of(weights=[[[]] * 4, [[1.0] * 4] * 2]),
    "a weight that is text": json_of(weights=[[["1"] * 3] * 4, [[1.0] * 4] * 2]),
    "a weight that is true": json_of(weights=[[[True] * 3] * 4, [[1.0] * 4] * 2]),
    "biases flat": json_of(biases=[[1.0] * 4, [1.0] * 2]),
    "biases in rows": json_of(biases=[[[1.0] * 4], [[1.0] * 2]]),
    "NaN": json_of(weights=[np.full((4, 3), np.nan).tolist(), np.ones((2, 4)).tolist()]),
    "infinity": json_of(biases=[np.full((4, 1), np.inf).tolist(), np.ones((2, 1)).tolist()]),
    "minus infinity": json_of(biases=[np.full((4, 1), -np.inf).tolist(), np.ones((2, 1)).tolist()]),
    "1e999": with_weight("1e999"),
    "a number beyond floats": with_weight("9" * 400),
    "an exponent of many digits": with_weight("1e" + "9" * 100_000),
    "a number of a megabyte": with_weight("0." + "1" * MB),
    "a number in hex": with_weight("0x10"),
    "a number with a plus": with_weight("+1"),
    "a number with zeros first": with_weight("01"),
    "a number without digits": with_weight("-"),
    "a number that ends in a point": with_weight("1."),
    "a number with underscores": with_weight("1_0"),
    "two commas": edited(", ", ",, "),
    "a comma at the end": edited("]]]", "]],]"),
    "a comma after all": GOOD_JSON[:-1] + ",}",
    "more after the end": GOOD_JSON + "{}",
    "two networks": GOOD_JSON + GOOD_JSON,
    "lists a million deep": edited('"weights": [', '"weights": ' + "[" * 1_000_000),
    "lists a million deep, alone": "[" * 1_000_000,
    "objects 100,000 deep": '{"weights":' * 100_000,
    "a million empty lists": edited('"weights": [', '"weights": [' + "[]," * 1_000_000),
    "a key twice": GOOD_JSON[:-1] + ', "cost": "QuadraticCost"}',
    "sizes twice": GOOD_JSON[:-1] + ', "sizes": [3, 4, 2]}',
    "weights twice": GOOD_JSON[:-1] + ', "weights": ' + json.dumps(network2()["weights"]) + "}",
    "another key": json_of(epochs=30),
    "a key with an escape": edited('"cost"', '"c\\u006fst"'),
    "a key without quotes": edited('"cost"', "cost"),
    "a key in single quotes": edited('"cost"', "'cost'"),
    "a key of a megabyte": edited('"cost"', '"' + "c" * MB + '"'),
    "an unknown cost": json_of(cost="LogLikelihoodCost"),
    "a cost that calls": json_of(cost="__import__('os').system('boom')"),
    "a cost that is a list": json_of(cost=["QuadraticCost"]),
    "a cost that is null": edited('"CrossEntropyCost"', "null"),
    "sizes within the cost": json_of(sizes=None, cost='"sizes": [3, 4, 2]'),
    "a list": f"[{GOOD_JSON}]",
    "an empty object": "{}",
    "an empty list": "[]",
    "null": "null",
    "a comment": edited("{", "{// sizes\n"),
    "a byte order mark": "\ufeff" + GOOD_JSON,
    "nothing but spaces": " " * MB,
    "spaces and a brace": " " * MB + "{",
    "nothing": "",
    "a zero byte": edited(", ", ",\0 "),
}  # fmt: skip


@pytest.mark.parametrize("what", CRAFTED_JSON)
def test_crafted_json_is_refused(tmp_path, what):
    path = file_of(tmp_path, CRAFTED_JSON[what].encode())
    assert outcome(lambda: read(path), str(path)) == "refused"


@pytest.mark.parametrize(
    ("what", "place"),
    [
        ("a row too short", r"expected 3 numbers at weights\[0\]\[0\], byte \d+, got 2"),
        ("NaN", r"expected a number at weights\[0\]\[0\], byte \d+, got 'NaN, NaN, NaN\], \[NaN'"),
        ("ten million layers", "expected 2 to 1000 sizes at sizes, byte 11, got 10000000"),
        ("sizes of billions", "expected sizes of at most .* weights and biases at sizes"),
        ("a cost that calls", 'at cost, byte .*, got "__import__'),
        ("a key twice", "expected each key once at cost, byte .*, got cost twice"),
        ("no biases", "expected the keys sizes, weights, biases, cost at byte .*, got none named biases"),
    ],
)
def test_json_is_refused_with_the_place(tmp_path, what, place):
    with pytest.raises(ValueError, match=place):
        read(file_of(tmp_path, CRAFTED_JSON[what].encode()))


def test_utf16_is_refused(tmp_path):
    path = file_of(tmp_path, GOOD_JSON.encode("utf-16"))
    assert outcome(lambda: read(path), str(path)) == "refused"


def test_the_arrays_of_json_are_bounded_too(tmp_path):
    path = file_of(tmp_path, GOOD_JSON.encode())
    read(path, len(GOOD_JSON) + 8 * 26)
    with pytest.raises(ValueError, match="larger max_bytes"):
        read(path, len(GOOD_JSON) + 8 * 26 - 1)


def json_agrees(data):
    def agrees(saved):
        content = json.loads(data)
        weights, biases = ([np.array(a, float) for a in content[key]] for key in ("weights", "biases"))
        parameters = [(w, b[:, 0]) for w, b in zip(weights, biases, strict=True)]
        return is_same([tuple(p) for p in saved.parameters], parameters) and described(saved)[0] == content["sizes"]

    return agrees


def test_mutated_json(tmp_path):
    rng = random.Random(4)
    counts = Counter()
    for i in range(N_MUTATED):
        data = mutated(GOOD_JSON.encode(), rng, b'0123456789.-eE,[]{}": \n' if i % 2 else None)
        path = file_of(tmp_path, data)
        counts[outcome(lambda path=path: saving.read(path), str(path), json_agrees(data))] += 1
    report("JSON", counts)
