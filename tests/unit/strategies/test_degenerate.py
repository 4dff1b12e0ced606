"""Degenerate teachers: every strategy returns a finite student, or says in one line why it does not apply."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import feature_set
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split, draw_splits
from w2s_probe.experiments.run.protocol import run_w2s

N = 300
RNG = np.random.default_rng(4)
CORE = RNG.standard_normal((N, 6))
TRUTH = (CORE[:, :3] + 0.6 * RNG.standard_normal((N, 3))).argmax(axis=1)
LABELS = Labels(values=TRUTH, classes=("a", "b", "c"))
PLAIN = CORE @ RNG.standard_normal((6, 8)) + RNG.standard_normal((N, 8))
STRONG = feature_set(CORE @ RNG.standard_normal((6, 20)) + 0.3 * RNG.standard_normal((N, 20)), "student")
(SPLIT,) = draw_splits(LABELS, seeds=[0], n_labeled=60, n_unlabeled=140, n_test=100)
SETTINGS = {  # few variants of each kind, for speed
    "two_stage.votes": 3,
    "two_stage.tau": [0.6, 1],
    "traces.votes": 3,
    "distill.soft_weight": [0, 1],
    "distill.teacher_rows": [25],
}


@pytest.fixture(autouse=True)
def _few(few_resamples: None) -> None:
    """Limits of intervals are finite or not, however many resamples there are."""


def flipped(X: NDArray[Any]) -> NDArray[Any]:
    """Return features that say the opposite outside the labeled rows: the teacher decides against its own view."""
    other = -X
    other[SPLIT.labeled] = X[SPLIT.labeled]
    return other


def without_a_class(X: NDArray[Any]) -> NDArray[Any]:
    """Return features in which no pool or test row looks like class c."""
    other = np.where(np.isin(np.arange(N), SPLIT.labeled)[:, None], X, 0.1 * X)
    other[:, 0] = np.where(np.isin(np.arange(N), SPLIT.labeled), 10.0 * (TRUTH == 2), -5.0)
    return other


TEACHERS: dict[str, list[NDArray[Any]]] = {
    "one teacher": [PLAIN],
    "equal teachers": [PLAIN, PLAIN],
    "contradictory teachers": [PLAIN, flipped(PLAIN)],
    "a teacher without one class": [PLAIN, without_a_class(PLAIN)],
    "a first teacher without one class": [without_a_class(PLAIN), PLAIN],
    "a nearly constant teacher": [PLAIN, np.full((N, 2), 3.0) + 1e-9 * RNG.standard_normal((N, 2))],
    "a first teacher that is nearly constant": [np.full((N, 2), 3.0) + 1e-9 * RNG.standard_normal((N, 2)), PLAIN],
    "noise": [RNG.standard_normal((N, 5)), RNG.standard_normal((N, 70))],
}


OTHERS: dict[str, dict[str, Any]] = {
    "hard": {"pseudolabels": "hard"},
    "softmax": {"head": "softmax", "alphas": 3},
    "scaled": {"scale": "standard"},
}


@pytest.mark.parametrize("case", TEACHERS)
def test_every_strategy_gives_a_finite_student_or_one_line(case: str) -> None:
    check_students(case, {})


@pytest.mark.slow
@pytest.mark.parametrize("case", ["contradictory teachers", "a first teacher that is nearly constant"])
@pytest.mark.parametrize("kind", OTHERS)
def test_so_it_does_with_other_heads_and_labels(case: str, kind: str) -> None:
    check_students(case, OTHERS[kind])


def check_students(case: str, settings: dict[str, Any]) -> None:
    first, *more = (feature_set(X, f"t{k}") for k, X in enumerate(TEACHERS[case]))
    result, outcomes = measured(LABELS, SPLIT, first, more, settings)
    students = {f"{n}/{k}": v for n, s in result.students.items() for k, v in (s.variants or {}).items()}
    for student in (students | dict(result.students)).values():
        assert np.isfinite(student.scores["accuracy"].value)
        assert all(
            np.isfinite([number.mean, number.low, number.high]).all() for number in (student.fitted or {}).values()
        )
    for name, reason in (result.skipped or {}).items():
        assert "\n" not in reason
        assert re.search(r"(Use|Add|Label|Install|Leave|Try|Set|Give|Remove) [^.]+.*\.$", reason), (name, reason)
    assert outcomes[0].students["vanilla"].kept.all()


def measured(
    labels: Labels, split: Split, first: FeatureSet, more: list[FeatureSet], settings: dict[str, Any]
) -> tuple[Any, Any]:
    config = W2SConfig(strategies=("all",), settings=SETTINGS, seeds=1, **settings)
    return run_w2s(first, STRONG, labels, splits=[split], config=config, more_teachers=more)


def test_strategies_of_numbers_are_those_that_need_no_class() -> None:
    labels = Labels(values=CORE[:, 0] + 0.2 * RNG.standard_normal(N), classes=None)
    (split,) = draw_splits(labels, seeds=[0], n_labeled=60, n_unlabeled=140, n_test=100)
    teachers = [feature_set(PLAIN, "a"), feature_set(CORE[:, :2], "b")]
    config = W2SConfig(strategies=("all",), seeds=1, task="regression")
    result, _ = run_w2s(teachers[0], STRONG, labels, splits=[split], config=config, more_teachers=teachers[1:])
    assert {"vanilla", "mean_teacher", "best_teacher", "stacked", "anchored", "average"} <= set(result.students)
    assert {"majority", "two_stage", "trust", "high_confidence"} <= set(result.skipped or {})
    assert all("needs classes" in reason for name, reason in (result.skipped or {}).items() if name == "majority")
    assert result.teachers is not None
    assert result.teachers["together"].held_out_r2 is not None
