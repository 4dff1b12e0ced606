"""The auxiliary confidence loss as a strategy; the loss itself is tested with the heads."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from tests.unit.strategies.problems import SEED, T, rows_of
from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.heads import LinearHead
from w2s_probe.strategies.confidence_loss import ConfidenceLossConfig, confidence_loss


def test_weight_zero_is_the_vanilla_student() -> None:
    given = rows_of(SEED, head="softmax")
    student = confidence_loss(given.problem, ConfidenceLossConfig(weight=0))
    found, vanilla = (head.scores(given.strong[T]) for head in (student.head, given.problem.vanilla()))
    np.testing.assert_array_equal(found, vanilla)
    assert student.kept.all()


def test_the_student_is_the_cross_entropy_head_of_its_own_mixed_targets() -> None:
    given = rows_of(SEED, head="softmax")
    problem = given.problem
    student = confidence_loss(problem, ConfidenceLossConfig(weight=0.5))
    assert isinstance(student.head, LinearHead)
    scores, P = student.head.scores(problem.X_unlabeled), problem.pseudolabels[0]
    count = round(P[:, 1].sum())  # Burns et al.: a quantile, for two classes
    own = np.eye(2)[np.isin(np.arange(300), np.argsort(scores[:, 0] - scores[:, 1])[:count]).astype(int)]
    deviation = problem.X_unlabeled.std(axis=0)
    X = (problem.X_unlabeled / deviation).astype(np.float64)
    log_odds = (student.head.coef[:, 1] - student.head.coef[:, 0]) * deviation
    misfit = softmax(scores, axis=1) - (P + own) / 2
    assert np.abs(X.T @ misfit[:, 1] + student.head.alpha * log_odds).max() < 1e-2  # its two terms are above 1
    assert np.abs(X.T @ misfit[:, 1]).max() > 1


def test_ridge_heads_have_no_such_loss() -> None:
    with pytest.raises(NotApplicableError, match=r"needs softmax heads: got ridge\. Use `head` softmax"):
        confidence_loss(rows_of(SEED).problem, ConfidenceLossConfig())


@pytest.mark.parametrize("weight", [-0.1, 1.1, "all", True])
def test_odd_weights_are_refused(weight: object) -> None:
    with pytest.raises(ConfigError, match=f"must be a number between 0 and 1: got {weight!r}. Use 0.5"):
        ConfidenceLossConfig(weight=weight)  # type: ignore[arg-type]
