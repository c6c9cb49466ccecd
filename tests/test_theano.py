"""Theano's language: its tutorials' programs, with their imports changed, against plain NumPy."""

import numpy as np
import pytest

import anynet.books.theano as theano
import anynet.books.theano.tensor as T  # noqa: N812 - as Theano's programs call it
from anynet.books.theano import In, function, grad, pp, shared

M, V = np.asarray([[1.0, -2.0, 3.0], [0.5, 0.0, -1.5]]), np.asarray([2.0, -1.0, 0.25])


# The source text's session.


def test_scalars_and_their_expression(backend):
    x, y = T.dscalar("x"), T.dscalar("y")
    z = x + y
    found = function([x, y], z, backend=backend)(2, 3)
    assert (type(found), found.shape, found.dtype, str(found), pp(z)) == (np.ndarray, (), np.float64, "5.0", "(x + y)")


def test_matrices(backend):
    x, y = T.dmatrix("x"), T.dmatrix("y")
    a, b = np.arange(12).reshape((3, 4)), 10 * np.ones((3, 4))
    np.testing.assert_array_equal(function([x, y], x + y, backend=backend)(a, b), a + b)
    np.testing.assert_array_equal(function([x, y], T.dot(x, y.T), backend=backend)(a, b), a @ b.T)


def test_logistic_of_lists_and_of_a_number_where_a_matrix_is_asked_for():
    x = T.dmatrix("x")
    logistic = theano.function([x], 1 / (1 + T.exp(-x)))
    np.testing.assert_allclose(logistic([[0, 1], [2, 3]]), 1 / (1 + np.exp(-np.asarray([[0, 1], [2, 3]]))), rtol=1e-15)
    with pytest.raises(TypeError, match=r"^x: expected TensorType\(float64, matrix\), got an array of the shape \(\)"):
        logistic(0)


def test_several_outputs_are_a_list(backend):
    a, b = T.dmatrices("a", "b")
    diff = a - b
    found = function([a, b], [diff, abs(diff), diff * 2], backend=backend)(np.ones((2, 2)), np.arange(4).reshape(2, 2))
    assert type(found) is list
    assert [o.tolist() for o in found] == [[[1, 0], [-1, -2]], [[1, 0], [1, 2]], [[2, 0], [-2, -4]]]


def test_defaults_and_names():
    x, y, w = T.dscalars("x", "y", "w")
    f = function([x, In(y, value=1), In(w, value=2, name="weight")], (x + y) * w)
    assert (f(23, 2), f(23, 2, weight=4), f(23), f(x=1, y=0), f(0, weight=3)) == (50.0, 100.0, 48.0, 2.0, 3.0)


# Theano's tutorials.


def numpy_loop(x, y, w, steps):
    b = 0.0
    for _ in range(steps):
        p = 1 / (1 + np.exp(-x @ w - b))
        error = (p - y) / len(y)
        w, b = w - 0.1 * (x.T @ error + 0.02 * w), b - 0.1 * error.sum()
    return w, b, 1 / (1 + np.exp(-x @ w - b)) > 0.5


@pytest.mark.parametrize("kind", ["dvector", "ivector", "bvector"])
def test_the_logistic_regression_of_the_tutorial(backend, kind):
    rng, n, feats, steps = np.random.RandomState(0), 400, 784, 60
    data = rng.randn(n, feats), rng.randint(size=n, low=0, high=2).astype("int8")
    x, y = T.dmatrix("x"), getattr(T, kind)("y")
    w, b = theano.shared(rng.randn(feats), name="w"), theano.shared(0.0, name="b")
    start = w.get_value()
    p_1 = 1 / (1 + T.exp(-T.dot(x, w) - b))
    prediction = p_1 > 0.5
    xent = -y * T.log(p_1) - (1 - y) * T.log(1 - p_1)
    cost = xent.mean() + 0.01 * (w**2).sum()
    gw, gb = T.grad(cost, [w, b])
    train = theano.function(
        inputs=[x, y],
        outputs=[prediction, xent],
        updates=((w, w - 0.1 * gw), (b, b - 0.1 * gb)),
        backend=backend,
    )
    predict = theano.function(inputs=[x], outputs=prediction, backend=backend)
    for _ in range(steps):
        _, errors = train(*data)
    assert np.isfinite(errors).all()  # where p_1 rounds to 0 or 1 as well
    weights, bias, expected = numpy_loop(*data, start, steps)
    np.testing.assert_allclose(w.get_value(), weights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(b.get_value(), bias, rtol=0, atol=1e-12)
    assert predict(data[0]).tolist() == expected.tolist()


def test_an_accumulator_and_two_functions_of_the_same_shared(backend):
    state, inc = shared(0, name="state"), T.iscalar("inc")
    add = function([inc], state, updates=[(state, state + inc)], backend=backend)
    subtract = function([inc], state, updates={state: state - inc})
    assert [add(1).item(), add(10).item(), subtract(3).item(), state.get_value().item()] == [0, 1, 11, 8]
    state.set_value(-1)
    assert (add(3).item(), state.get_value().item(), state.get_value().dtype) == (-1, 2, np.int64)


def test_givens_stand_in_a_variables_place():
    state, inc, foo = shared(0), T.lscalar("inc"), T.lscalar("foo")
    f = function([inc, foo], state * 2 + inc, givens=[(state, foo)])
    assert (f(1, 3).item(), state.get_value().item()) == (7, 0)
    x, index = T.dvector("x"), T.iscalar("index")
    rows = shared(M)
    assert function([index], x * 2, givens={x: rows[index]})(1).tolist() == (M[1] * 2).tolist()


def test_a_gradient_takes_what_is_given_in_a_variables_place(backend):
    x, z, w = T.dvector("x"), T.dvector("z"), shared(V, "w")
    f = function([z], grad(T.sum(w * x * x), [w, x]), givens={x: z * 2}, backend=backend)
    assert [o.tolist() for o in f(M[0])] == [(4 * M[0] ** 2).tolist(), (2 * V * 2 * M[0]).tolist()]


def test_inputs_of_one_name_are_two():
    a, b = T.dscalar("x"), T.dscalar("x")
    assert function([a, b], a - b)(5, 3) == 2.0
    assert function([T.dscalar(), c := T.dscalar()], c, on_unused_input="ignore")(1, 2) == 2.0


def test_sizes_and_numbers_are_outputs_too(backend):
    found = function([m], [m.shape, m.shape[0] * 2, m.size, T.exp(0), 3], backend=backend)(M)
    assert [o.tolist() for o in found] == [[2, 3], 4, 6, 1.0, 3]
    assert function([], T.arange(3), backend=backend)().tolist() == [0, 1, 2]


def test_an_input_of_no_use_warns_where_that_is_asked_for():
    with pytest.warns(UserWarning, match="^function: expected inputs that something hangs on, got y besides"):
        f = function([x, y], x, on_unused_input="warn")
    assert f(V, V).tolist() == V.tolist()


def test_a_named_result_and_a_variable_are_keys_of_dictionaries():
    z = x + y
    z.name = "z"
    assert ({x: 1, z: 2}[z], x == x, x == y, pp(z), str(T.dscalar())) == (
        2, True, False, "(x + y)", "<TensorType(float64, scalar)>",
    )  # fmt: skip


def test_updates_are_made_of_old_values(backend):
    a, b = shared(V, "a"), shared(M[0], "b")
    function([], updates=[(a, b), (b, a)], backend=backend)()
    assert (a.get_value().tolist(), b.get_value().tolist()) == (M[0].tolist(), V.tolist())


def test_classes_by_the_rows_that_they_are_in(backend):
    """Of the tutorial on MNIST: p_y_given_x[T.arange(y.shape[0]), y], its gradient, and the share of errors."""
    x, y, w = T.dmatrix("x"), T.ivector("y"), shared(np.linspace(-1, 1, 12).reshape(3, 4), "w")
    start = w.get_value()
    p = T.nnet.softmax(T.dot(x, w))
    cost = -T.mean(T.log(p)[T.arange(y.shape[0]), y])
    errors = T.mean(T.neq(T.argmax(p, axis=1), y))
    classes = np.asarray([3, 0], "int32")
    f = function([x, y], [cost, errors], updates=[(w, w - 0.5 * T.grad(cost, w))], backend=backend)
    found = f(M, classes)
    e = np.exp(M @ start)
    expected = e / e.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found[0], -np.log(expected[[0, 1], classes]).mean(), rtol=1e-13)
    assert found[1] == (expected.argmax(axis=1) != classes).mean()
    slope = M.T @ (expected - np.eye(4)[classes]) / 2
    np.testing.assert_allclose(w.get_value(), start - 0.5 * slope, rtol=0, atol=1e-13)


# Values, against NumPy's.

x, y, m, i, k, s = T.dvector("x"), T.dvector("y"), T.dmatrix("m"), T.ivector("i"), T.iscalar("k"), T.fvector("s")
I, S = np.asarray([1, 0, -1], "int32"), np.asarray([0.5, 0.1, 3.0], "float32")
GIVEN = {x: V, y: M[0], m: M, i: I, k: 1, s: S}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


VALUES = {
    "signs": (-x + 2 * y - x / y * 3, -V + 2 * M[0] - V / M[0] * 3),
    "whole": (i // 2 + i % 2 - 1, I // 2 + I % 2 - 1),
    "powers": (x**2 + 2**x + T.sqr(y) + T.sqrt(abs(x)), V**2 + 2**V + M[0] ** 2 + np.sqrt(abs(V))),
    "functions": (T.log(T.exp(x)) + T.tanh(y) + T.abs_(y) + T.sgn(x), V + np.tanh(M[0]) + abs(M[0]) + np.sign(V)),
    "whole to floats": (T.exp(i), np.exp(I)),
    "a quotient of whole": (k / (i.sum() + 2) + i / k, 1 / np.float64(2) + I / np.int32(1)),
    "int and float": (i * x + (1 - i), I * V + 1 - I),
    "int32 and float32": (i + s, I + S),
    "float32 stays": (s * 2 + 0.5, S * np.float32(2) + np.float32(0.5)),
    "0.1 is of float64": (s * 0.1, S * np.float64(0.1)),
    "truth": ((x > 0) * 2.5 + (1 - T.eq(x, y)), (V > 0) * np.float32(2.5) + (1 - (M[0] == V)).astype("int8")),
    "switch": (T.switch(x > 0, 1, 0) + T.switch(i, x, y), np.where(V > 0, 1, 0) + np.where(I, V, M[0])),
    "larger": (T.maximum(x, 0) - T.minimum(i, x), np.maximum(V, 0) - np.minimum(I, V)),
    "sums": (m.sum(axis=0) + i.sum() + T.sum(m, 1, keepdims=True)[0], M.sum(0) + I.sum() + M.sum(1)[0]),
    "means": (m.mean(axis=1) + T.mean(i) + T.mean(m), M.mean(1) + I.mean() + M.mean()),
    "extremes": (m.max(axis=0) + T.min(m) + T.argmax(m, axis=0) + m.argmin(), M.max(0) + M.min() + M.argmax(0) + 1),
    "a vector times a matrix": (T.dot(m, x) * 2, M @ V * 2),
    "whole matrices": (T.dot(i, i) + m.dot(i), I @ I + M @ I),
    "by numbers": (m[0] + m[1, 2] + m[:, 1:][1, 0], M[0] + M[1, 2] + M[1, 1]),
    "by a variable": (m[k] + m[:, k][0], M[1] + M[0, 1]),
    "by several": (x[i] + m[k, i] + m[:, i][0], V[I] + M[1, I] + M[:, I][0]),
    "by a list": (x[[2, 0]], V[[2, 0]]),
    "in pairs": (m[i[:2], i[1:]] + m[1, i][:2], M[I[:2], I[1:]] + M[1, I][:2]),
    "slices": (m[1:, ::2] * m[..., None][:, 1], M[1:, ::2] * M[..., None][:, 1]),
    "reshaped": (m.reshape((3, 2)).T + T.reshape(m, (m.shape[0], -1))[:, :1] * 0, M.reshape(3, 2).T),
    "flat": (m.flatten() + T.arange(m.size), M.ravel() + np.arange(6)),
    "counted": (T.arange(1, x.shape[0] * 2, 2) * i, np.arange(1, 6, 2) * I),
    "cast": (T.cast(x, "int32") + i.astype("float32"), V.astype("int32") + I.astype("float32")),
    "alike": (T.zeros_like(i, "float64") + T.ones_like(x), np.ones(3)),
    "constants": (np.asarray([1.0, 2.0, 3.0]) * x + [1, 2, 3] + np.float64(2), np.asarray([1, 2, 3]) * (V + 1) + 2),
    "neurons": (T.nnet.sigmoid(i) + T.nnet.relu(x), sigmoid(I) + np.maximum(V, 0)),
    "rows": (T.nnet.softmax(x), np.exp(V)[None] / np.exp(V).sum()),
    "crossentropy": (
        T.nnet.binary_crossentropy(T.nnet.sigmoid(x), i),
        -(I * np.log(sigmoid(V)) + (1 - I) * np.log(1 - sigmoid(V))),
    ),
    "logarithms": (
        T.log(T.nnet.sigmoid(x)) + T.log(1 - T.nnet.sigmoid(y)) + T.log(1 / (T.exp(x) + 1)),
        np.log(sigmoid(V)) + np.log(1 - sigmoid(M[0])) + np.log(sigmoid(-V)),
    ),
    "classes": (
        T.nnet.categorical_crossentropy(T.nnet.softmax(m), i[:2])
        + T.nnet.categorical_crossentropy(T.nnet.softmax(m), T.nnet.softmax(m)),
        None,
    ),
}


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", VALUES)
def test_values_and_dtypes_are_numpys(name, backend):
    made, expected = VALUES[name]
    if name == "classes":
        p = softmax(M)
        expected = -np.log(p[[0, 1], I[:2]]) - (p * np.log(p)).sum(axis=1)
    inputs = list(GIVEN)
    f = function(inputs, made, on_unused_input="ignore", backend=backend)
    found = f(*GIVEN.values())
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert found.dtype == np.asarray(expected).dtype


GRADIENTS = {
    "of a sum": (T.sum(x * y * x), x, 2 * V * M[0]),
    "of a list": (T.sum(x * y), [x, y], [M[0], V]),
    "by one that is made of others": ((lambda z: (T.sum(z * z * x), z))(x + 1), None, 2 * (V + 1) * V),
    "by one of two that are equal": ((lambda a, b: (T.sum(a * b), a))(x + 1, x + 1), None, V + 1),
    "by p in log(p)": ((lambda p: (T.sum(T.log(p)), p))(T.nnet.sigmoid(x)), None, 1 / sigmoid(V)),
    "whole numbers are no hindrance": (T.sum(i * x), x, I),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name, backend):
    cost, wrt, expected = GRADIENTS[name]
    cost, wrt = cost if wrt is None else (cost, wrt)
    made = grad(cost, wrt)
    found = function(list(GIVEN), made, on_unused_input="ignore", backend=backend)(*GIVEN.values())
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_a_gradient_far_out_is_no_nan():
    cost = T.sum(-T.log(1 - 1 / (1 + T.exp(-x))))
    f = function([x], [cost, grad(cost, x)])
    assert [o.tolist() for o in f([40.0, -40.0, 700.0])] == [740.0, [1.0, np.exp(-40.0), 1.0]]


def test_twenty_thousand_operations_meet_no_limit():
    x = T.dscalar("x")
    z = x
    for _ in range(20_000):
        z = z + 1
    assert function([x], z)(0.0) == 20_000.0
    with pytest.raises(ValueError, match="at most 100,000 characters"):
        pp(z)


# What is printed.


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (T.sum(m), "sum(m)"),
        (abs(x - y), "|(x - y)|"),
        (T.dot(m, x), r"(m \dot x)"),
        (m.T.dot(m), r"(m.T \dot m)"),
        (T.nnet.sigmoid(-x), "sigmoid((-x))"),
        (x * 2 > 0.5, "gt((x * TensorConstant{2}), TensorConstant{0.5})"),
        (T.switch(T.eq(x, y), x, 0), "switch(eq(x, y), x, TensorConstant{0})"),
        (m.max(axis=(0, 1)) + m[0, ::2, k], "(max(m, axis=(0, 1)) + m[0, ::2, k])"),
        (x + np.asarray([1.0, 2.0, 3.0]), "(x + TensorConstant{[1., 2., 3.]})"),
        (T.dscalar() ** 2, "(<TensorType(float64, scalar)> ** TensorConstant{2})"),
        (grad(T.sum(x * y), x) + 1, "(grad(sum((x * y)), x) + TensorConstant{1})"),
    ],
)
def test_expressions_as_theano_spells_them(made, text):
    assert pp(made) == text


# What is refused.


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: function([x], x + y), ValueError, "^function: expected all variables among the inputs, got y besides"),
        (lambda: function([x, y], x), ValueError, "^function: expected inputs that something hangs on, got y"),
        (lambda: function([x, y], x, on_unused_input="no"), ValueError, "^on_unused_input: expected one of"),
        (lambda: function([x + y], x), TypeError, r"^function: expected variables as inputs, got \(x \+ y\)"),
        (lambda: function([shared(1.0, "w")], x), TypeError, "^function: expected variables as inputs, got w"),
        (lambda: function([x], x, updates=[(x, x)]), TypeError, "^function: expected updates of shared variables"),
        (lambda: function([x], x, updates=[x]), TypeError, "^function: expected updates as pairs"),
        (lambda: function([x], x, givens={x * 2: y}), TypeError, "^function: expected givens of variables"),
        (lambda: function([x], "x"), TypeError, "^theano: expected variables, numbers and arrays .* got str"),
        (lambda: function([x, y], x + y)(V), TypeError, "^function: expected a value for y, got none"),
        (lambda: function([x], x, name="f")(V, V), TypeError, "^f: expected values for x, got 2 values"),
        (lambda: function([x], x)(V, x=V), TypeError, "^function: expected values for x, got x besides"),
        (lambda: function([x], x)(M), TypeError, r"^x: expected TensorType\(float64, vector\), .* shape \(2, 3\)"),
        (lambda: function([i], i)(V), TypeError, r"^i: expected TensorType\(int32, vector\), got float64"),
        (lambda: function([i], i)([0.5]), TypeError, r"^i: expected TensorType\(int32, vector\), got float64"),
        (lambda: function([s], s)(np.ones(2)), TypeError, "^s: .* got float64.* allow_input_downcast"),
        (lambda: function([x], x)("abc"), TypeError, "^x: expected real numbers"),
        (lambda: grad(x * 2, x) and None, TypeError, "^theano: expected an expression, got a decision"),
        (lambda: function([x], grad(x * 2, x))(V), TypeError, "^grad: expected a cost, one array of floats without"),
        (lambda: function([i], grad(T.sum(i * 0.5), i))(I), TypeError, "^grad: expected an array of floats"),
        (lambda: grad(T.sum(x), y), ValueError, "^grad: expected a cost that hangs on .* got one without y"),
        (lambda: grad(1.0, x), TypeError, "^grad: expected a cost and variables, got float"),
        (lambda: function([x], grad(T.sum(grad(T.sum(x**3), x)), x))(V), TypeError, "second order"),
        (lambda: 1 if x > 0 else 0, TypeError, r"^theano: .* a decision, .* of gt\(x, TensorConstant\{0\}\)"),
        (lambda: float(x), TypeError, "^theano: expected an expression"),
        (lambda: list(x), TypeError, "^theano: expected an expression"),
        (lambda: np.exp(x), TypeError, "ufunc"),
        (lambda: T.exp(x, y), TypeError, "^T.exp: expected 1 argument, got 2"),
        (lambda: x + "y", TypeError, "^theano: expected variables, numbers and arrays"),
        (lambda: pp(function([x], x)), TypeError, "^pp: expected an expression, got Function"),
        (lambda: shared(V).set_value(M), TypeError, "expected TensorType"),
        (lambda: shared("three"), TypeError, "^shared: expected real numbers"),
        (lambda: function([x, k], x[k : k + 2])(V, 0), TypeError, "Hand over the rows"),
    ],
)
def test_what_is_refused_and_why(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_an_update_of_another_type_is_refused_and_nothing_is_updated():
    state = shared(0, "state")
    f = function([x], updates=[(state, state + T.sum(x))])
    with pytest.raises(TypeError, match=r"^function: expected TensorType\(int64, scalar\) for state in updates"):
        f(V)
    assert state.get_value() == 0


def test_whole_lists_are_taken_where_the_dtype_holds_them():
    assert function([i], i)([1.0, 2.0]).dtype == np.int32
    assert function([s], s)([0.1]).tolist() == [np.float32(0.1)]
    assert function([i], i, allow_input_downcast=True)([1.5]).tolist() == [1]


def test_what_is_handed_over_and_out_is_nobody_elses(backend):
    given, w = V.copy(), shared(V, "w")
    kept = function([x], [x, w], updates=[(w, x)], backend=backend)(given)
    given[:] = 0.0
    for array in kept:
        array[:] = 7.0
    w.get_value()[:] = 7.0
    assert w.get_value().tolist() == V.tolist()


def test_floatx_is_what_types_without_a_letter_are_of(monkeypatch):
    assert (T.matrix("x").dtype, T.scalars("a", "b")[1].dtype) == ("float64", "float64")
    monkeypatch.setattr(theano.config, "floatX", "float32")
    v = T.vector("v")
    assert (v.dtype, function([v], v * 0.1)([1.0]).dtype) == ("float32", np.float32)
