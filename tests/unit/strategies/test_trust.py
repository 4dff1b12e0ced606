"""Trust in the teacher: its model, what it keeps, and that it learns from the labels and from nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from tests.unit.strategies.problems import SEED, U, rows_of
from w2s_probe.core.errors import NotApplicableError
from w2s_probe.strategies import W2SProblem
from w2s_probe.strategies.selection import hard_pseudolabels
from w2s_probe.strategies.trust import TrustConfig, evidence, trust


def kept_precision(problem: W2SProblem, truth: np.ndarray) -> float:
    """Return the label precision of the kept rows minus that of the pool."""
    right = problem.teachers[0].scores.argmax(axis=1) == truth
    return float(right[trust(problem, TrustConfig()).kept].mean() - right.mean())


@pytest.mark.parametrize("head", ["ridge", "softmax"])
@pytest.mark.parametrize("classes", [2, 3])
def test_trust_is_scikit_learns_model_of_the_two_margins(head: str, classes: int) -> None:
    problem = rows_of(SEED, head=head, classes=classes).problem
    (teacher,) = problem.teachers
    held_out = teacher.held_out()
    right = held_out.argmax(axis=1) == problem.Y_labeled.argmax(axis=1)
    known = evidence(held_out, problem.held_out())
    scaler = StandardScaler().fit(known)
    model = LogisticRegression(C=1.0, tol=1e-10).fit(scaler.transform(known), right)
    pool = evidence(teacher.scores, problem.vanilla().scores(problem.X_unlabeled))
    trusted = model.predict_proba(scaler.transform(pool))[:, 1]
    student = trust(problem, TrustConfig(keep=0.3))
    codes = teacher.scores.argmax(axis=1)
    for code in range(classes):
        own = codes == code
        assert student.kept[own].sum() == np.floor(0.3 * own.sum() + 0.5)
        assert trusted[own & student.kept].min() >= trusted[own & ~student.kept].max() - 1e-6
    slopes = [student.fitted[name] for name in ("slope_of_teacher_margin", "slope_of_student_support")]
    np.testing.assert_allclose(slopes, model.coef_[0], atol=1e-4)  # scikit-learn stops at its gradient


def test_the_student_learns_the_hard_labels_of_the_rows_it_trusts() -> None:
    problem = rows_of(SEED).problem
    student = trust(problem, TrustConfig())
    targets = hard_pseudolabels(problem, "trust")
    again = problem.fit(problem.X_unlabeled[student.kept], targets[student.kept])
    np.testing.assert_array_equal(student.head.scores(problem.X_labeled), again.scores(problem.X_labeled))
    assert student.targets is not None
    np.testing.assert_array_equal(student.targets, targets)
    assert student.refit is not None
    np.testing.assert_array_equal(
        student.refit(student.kept).scores(problem.X_labeled), student.head.scores(problem.X_labeled)
    )


def test_trusted_labels_are_more_often_right_unless_trust_learns_from_permuted_labels() -> None:
    own, permuted = [], []
    for seed in range(5, 15):  # of seed 4 the teacher decides one class everywhere
        given = rows_of(seed)
        shuffled = np.random.default_rng(seed).permutation(given.problem.Y_labeled)
        own.append(kept_precision(given.problem, given.Y[U].argmax(axis=1)))
        permuted.append(kept_precision(replace(given.problem, Y_labeled=shuffled), given.Y[U].argmax(axis=1)))
    errors = [np.std(found, ddof=1) / np.sqrt(10) for found in (own, permuted)]
    assert np.mean(own) > 3 * errors[0]
    assert abs(np.mean(permuted)) < 3 * errors[1]


@pytest.mark.parametrize("right", [True, False])
def test_a_teacher_without_errors_or_without_hits_gives_nothing_to_learn(right: bool) -> None:
    problem = rows_of(SEED).problem
    decided = problem.hard(problem.teachers[0].held_out())
    Y = decided if right else 1 - decided
    with pytest.raises(NotApplicableError, match=f"it is {'right' if right else 'wrong'} on all 80. Use more labeled"):
        trust(replace(problem, Y_labeled=Y), TrustConfig())
