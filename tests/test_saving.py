"""Networks in files: those that earlier versions saved open and answer as they did."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from anynet import Network

SAVED = Path(__file__).parent / "fixtures" / "first_format"  # saved by 0.1.0, at commit 0a0dac5
EXPECTED = json.loads((SAVED / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", EXPECTED["networks"])
def test_what_was_saved_before_opens_and_answers_the_same(name):
    expected = EXPECTED["networks"][name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if name == "without_header" else "error")
        net = Network.load(SAVED / f"{name}.npz")
    x = np.asarray(EXPECTED["x"])
    assert net.sizes == expected["sizes"]
    assert net.backend.dtype == expected["dtype"]
    assert net.task == expected["task"]
    # To the last bits: another processor's BLAS may add up in another order.
    assert np.allclose(net.feedforward(x), expected["outputs"], rtol=1e-5, atol=1e-7)
    assert np.allclose(net.predict(x), expected["answers"], rtol=1e-5, atol=1e-7)
    assert net.class_names == (expected["class_names"] and tuple(expected["class_names"]))
