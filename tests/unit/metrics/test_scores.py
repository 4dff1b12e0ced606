"""Scores by row against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, log_loss, r2_score

from w2s_probe.metrics import RowScore, classification_rows, regression_rows


def value(row: RowScore) -> float:
    return float(row.numerator.mean() / row.denominator.mean())


@given(seed=st.integers(0, 10**6), classes=st.integers(2, 6))
def test_classification_scores_equal_their_definitions(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(classes, 0.4), size=50)
    y = rng.integers(classes, size=50)
    rows = classification_rows(p, p, y)
    assert value(rows["accuracy"]) == pytest.approx(accuracy_score(y, p.argmax(axis=1)))
    assert value(rows["log_loss"]) == pytest.approx(log_loss(y, p, labels=range(classes)), rel=1e-9)
    assert value(rows["brier"]) == pytest.approx(((p - np.eye(classes)[y]) ** 2).sum(axis=1).mean())
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    bins = np.minimum((confidence * 15).astype(int), 14)
    gaps = [abs((confidence - right)[bins == b].sum()) for b in range(15)]
    assert value(rows["ece"]) == pytest.approx(sum(gaps) / 50)


def test_a_certain_and_wrong_prediction_has_a_finite_log_loss() -> None:
    p = np.array([[1.0, 0.0]])
    assert value(classification_rows(p, p, np.array([1]))["log_loss"]) == pytest.approx(-np.log(2.0**-52))


def test_ties_go_to_the_lower_class() -> None:
    scores = np.array([[0.5, 0.5]])
    assert value(classification_rows(scores, scores, np.array([0]))["accuracy"]) == 1.0


@given(seed=st.integers(0, 10**6))
def test_regression_scores_equal_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.standard_normal(40)
    predicted = y + rng.standard_normal(40)
    rows = regression_rows(predicted, y)
    assert value(rows["r2"]) == pytest.approx(r2_score(y, predicted))
    assert value(rows["squared_error"]) == pytest.approx(((y - predicted) ** 2).mean())
