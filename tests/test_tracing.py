"""Tracing: what a formula did, recorded from symbols, computes what the formula computes."""

import math
import re

import array_api_compat.numpy as xp
import numpy as np
import pytest
from array_api_compat import array_namespace

from anynet.operations import NUMBER, TraceError
from anynet.tracing import Symbol, Trace, replay, traced
from anynet.trees import arrays_of

A = np.linspace(0.1, 0.9, 6).reshape(2, 3)
B = np.linspace(0.9, 0.2, 6).reshape(2, 3)


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "**", "@", "<", "<=", "==", "!=", ">", ">="])
def test_operators_on_either_side(operator):
    f = eval(
        f"lambda xp, a: (a {operator} a.T, 0.5 {operator} a, a {operator} 0.5)"
        if operator != "@"
        else "lambda xp, a: a @ a.T"
    )
    square = A[:, :2]
    program, _ = traced(f, square)
    for value, expected in zip(replay(xp, program, [square]), arrays_of(f(xp, square)), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_what_nobody_needs_is_left_out_and_what_is_asked_twice_computed_once():
    def f(xp, a, b):
        xp.exp(b)
        return (1.0 - a) * b + (1.0 - a)

    program, _ = traced(f, A, B)
    assert [symbol.name for symbol in program.operations] == ["subtract", "multiply", "add"]


def test_numbers_take_the_dtype_of_arrays():
    program, result = traced(lambda xp, a, rate: a * (1.0 - rate) ** 2, A.astype("float32"), 0.5)
    assert result.dtype == "float32"
    assert [s.dtype for s in program.operations] == [NUMBER, NUMBER, "float32"]
    (value,) = replay(xp, program, [A.astype("float32"), 0.25])
    np.testing.assert_array_equal(value, A.astype("float32") * 0.5625)


def test_a_number_and_an_array_of_another_kind_are_told_apart():
    program, _ = traced(lambda xp, a: (a * 1.0, a * 2.0, a - 0.0, a - (-0.0)), A)
    assert len(program.operations) == 4


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda xp, a: a if a > 0 else -a, "a value is asked for"),
        (lambda xp, a: float(a), "a value is asked for"),
        (lambda xp, a: list(a), "a value is asked for"),
        (lambda xp, a: np.exp(a), "__array_ufunc__"),
        (lambda xp, a: np.dot(a, a), "a value is asked for"),
        (lambda xp, a: np.asarray(a), "a value is asked for"),
        (lambda xp, a: xp.linalg.norm(a), "linalg is no function"),
        (lambda xp, a: a.sum(), "sum"),
        (lambda xp, a: a.at[0].set(1.0), "at"),
        (lambda xp, a: a * np.random.default_rng().random(3), "each time"),
        (lambda xp, a: a * len(CALLS.append(0) or CALLS), "each time"),
        (lambda xp, a: a + KEPT, "kept from one call"),
        (lambda xp, a: a @ a, "are no product"),
        (lambda xp, a: a + a.T, "do not go together"),
        (lambda xp, a: (a > 0) * 1.5, "no standard says"),
        (lambda xp, a: xp.exp(a > 0), "array of floats"),
        (lambda xp, a: a[[0, 1]], "indexed by list"),
        (lambda xp, a: a[5, 0], "range"),
    ],
)
def test_what_cannot_be_traced_says_why(f, reason):
    with pytest.raises(TraceError, match=re.escape(reason)):
        traced(f, A)


CALLS = []
KEPT = Trace().argument((2, 3), "float64")


def test_arrays_that_a_formula_brings_along_are_its_own():
    program, _ = traced(lambda xp, a: B * a, A)
    np.testing.assert_array_equal(replay(xp, program, [A])[0], A * B)


def test_empty_arrays_and_those_without_dimensions():
    def f(xp, a):
        return xp.sum(a, axis=0), xp.sum(a) + 1.0, xp.exp(a)

    for a in (np.ones((0, 3)), np.ones((2, 0))):
        program, result = traced(f, a)
        for symbol, value, expected in zip(result, replay(xp, program, [a]), f(xp, a), strict=True):
            np.testing.assert_array_equal(value, expected)
            assert symbol.shape == expected.shape


def test_a_namespace_is_found_from_a_symbol():
    program, _ = traced(lambda xp, a: array_namespace(a).tanh(a), A)
    assert program.operations[0].name == "tanh"


def test_twenty_thousand_operations_meet_no_limit():
    def f(xp, a):
        for i in range(20_000):
            a = a + float(i % 7) * 1e-6
        return a

    program, _ = traced(f, A)
    assert len(program.operations) == 20_000
    assert math.isclose(replay(xp, program, [A])[0][0, 0], f(xp, A)[0, 0])


def test_the_tree_of_the_results_holds_symbols():
    _, result = traced(lambda xp, tree: {"no tree": 0} and [(tree[0], None), tree[1][0] + 1.0], [A, (B,)])
    assert isinstance(result[0][0], Symbol)
    assert result[0][1] is None
