"""`Backend.fuse`: the same formula, called in the same way, on every library; compiled where that is possible."""

import numpy as np
import pytest

from anynet import activations, backends, costs

FORMULAS = [("z", f.value) for f in activations.ACTIVATIONS.values() if f.fusible]
FORMULAS += [("za", f.derivative) for f in activations.ACTIVATIONS.values() if f.fusible and f.derivative]
FORMULAS += [("zay", cost.delta) for cost in costs.COSTS.values()]


def test_numpy_runs_the_formula_itself():
    formula = activations.sigmoid.value
    assert backends.get("numpy").fuse(formula) is formula


@pytest.mark.parametrize(("arguments", "formula"), FORMULAS)
def test_a_fused_formula_computes_the_formula(arguments, formula, backend):
    host = [np.random.default_rng(i).normal(size=(4, 5)).astype(backend.dtype) for i in range(len(arguments))]
    arrays = [backend.asarray(a) for a in host]
    expected = formula(backends.get("numpy").xp, *host)
    for _ in range(2):  # traced, then called
        got = backend.fuse(formula)(backend.xp, *arrays)
        assert backend.is_native(got)
        assert got.dtype == getattr(backend.xp, backend.dtype)
        np.testing.assert_allclose(backend.to_numpy(got), expected, rtol=1e-12, atol=1e-12)
