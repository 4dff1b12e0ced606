"""The page of traces: shares of variance against scikit-learn, and bold only where an interval excludes 0."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from docs.traces import ARMS, NUMBERS, _interval, explained, traces_page

CELLS = json.loads(NUMBERS.read_text(encoding="utf-8"))


def test_explained_shares_are_the_r2_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((7, 3)), rng.standard_normal(7)
    assert explained(X.T.tolist(), y.tolist()) == pytest.approx(LinearRegression().fit(X, y).score(X, y), abs=1e-12)
    collinear = [*X.T.tolist(), X[:, 0].tolist()]
    assert explained(collinear, y.tolist()) == pytest.approx(explained(X.T.tolist(), y.tolist()), abs=1e-9)


def test_an_interval_is_bold_if_it_excludes_0() -> None:
    assert _interval([0.01, 0.002, 0.02], "+.3f") == "**+0.010 [+0.002, +0.020]**"
    assert _interval([-0.01, -0.02, -0.002], "+.3f").startswith("**-0.010")
    assert _interval([0.01, -0.002, 0.02], "+.3f") == "+0.010 [-0.002, +0.020]"
    assert _interval([0.7, 0.6, 0.8], ".2f") == "0.70 [0.60, 0.80]"
    assert _interval(None, ".2f") == "–"


def test_correct_rows_are_above_random_ones_and_wrong_rows_below_for_every_teacher() -> None:
    for cell in CELLS:
        assert cell["arms"]["P"]["versus"][1] > 0
        assert cell["arms"]["N"]["versus"][2] < 0
        assert set(cell["arms"]) == set(ARMS)
        assert f"| {cell['teacher']} |" in traces_page(CELLS)
