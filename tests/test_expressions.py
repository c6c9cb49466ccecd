"""Expressions: written down and computed, at any depth, each once."""

import operator

import numpy as np
import pytest

from anynet.expressions import PYTHON, Expression, Spelling, evaluated, in_order, written

X, Y = Expression("argument", name="x"), Expression("argument", name="y")


def compute(operation, *args, **how):
    return getattr(operator, {"getitem": "getitem", "multiply": "mul", "subtract": "sub"}.get(operation, operation))(
        *args, **how
    )


def test_an_expression_is_worth_what_its_operations_make_of_values():
    z = (X - Y) * 2 + X
    assert evaluated([z, (X, 3)], {id(X): 5, id(Y): 1}, compute) == [13, (5, 3)]


def test_what_is_used_twice_is_computed_once_and_what_is_known_not_at_all():
    calls = []

    def counted(operation, *args, **how):
        calls.append(operation)
        return compute(operation, *args, **how)

    shared = X - Y
    z = shared * shared
    assert evaluated(z * (z + z), {id(X): 3, id(Y): 1}, counted) == 32
    assert sorted(calls) == ["add", "multiply", "multiply", "subtract"]
    assert evaluated(z, {id(shared): 7}, counted) == 49
    assert len(calls) == 5


def test_expressions_in_lists_tuples_slices_and_keywords_come_first():
    z = Expression("getitem", (X,), {"key": (slice(Y, None), [X])})
    assert [e.name or e.operation for e in in_order([z])] in (["x", "y", "getitem"], ["y", "x", "getitem"])
    assert written(z) == "x[y:, [x]]"


def test_another_form_is_computed_and_the_expression_written():
    z = X * 2
    form = {id(z): ("add", (X, X), {})}
    assert evaluated(z, {id(X): 4}, compute, lambda e: form.get(id(e), (e.operation, e.args, e.how))) == 8
    assert evaluated(z, {id(X): "ab"}, compute, lambda e: form[id(e)]) == "abab"


def test_no_depth_is_too_deep():
    z = X
    for _ in range(100_000):
        z = z - 1
    assert evaluated(z, {id(X): 0}, compute) == -100_000
    with pytest.raises(ValueError, match=r"at most 100,000 characters, got 100,00\d\."):
        written(z)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (1 - X[0, ..., None], "(1 - x[0, ..., None])"),
        (X * np.float64(0.5) + np.asarray(2.0), "((x * 0.5) + 2.0)"),
        (-abs(+X) // ~Y, "((-abs((+x))) // (~y))"),
        (Expression("sum", (X,), {"axis": (0, 1)}), "sum(x, axis=(0, 1))"),
        (Expression("concat", ([X, Y],)), "concat([x, y])"),
        (Expression("T", (X,)), "x.T"),
        (2.5, "2.5"),
    ],
)
def test_texts(made, text):
    assert written(made) == text


def test_another_spelling():
    spelling = Spelling({"add": "{1} plus {0}", "abs": "|{0}|"}, {"sqrt": "root"}, "<{0}>")
    assert written(abs(X + 2) + Expression("sqrt", (Y,)), spelling) == "root(y) plus |<2> plus x|"
    assert written(X @ Y, PYTHON) == "(x @ y)"


@pytest.mark.parametrize("x", [np.ones(2), {"x": X}, object()])
def test_what_has_no_text_is_refused(x):
    with pytest.raises(TypeError, match=f"got {type(x).__name__}"):
        written(X + x if not isinstance(x, dict) else x)
