"""The problem of a strategy: held-out scores and further heads are those of explicit refits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from tests.conftest import feature_set, pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.folds import stratified_folds
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Split, draw_splits
from w2s_probe.experiments.run.problem import FOLDS, SplitFits, distinct_names
from w2s_probe.heads import LinearHead, PoolFits, fit_softmax
from w2s_probe.strategies import W2SProblem

Array = NDArray[np.float64]
WEAK, STRONG, LABELS = pair_of_views(400, classes=3, seed=3)
OTHER = feature_set(np.random.default_rng(7).standard_normal((400, 90)) + STRONG.X[:, :1], "wider than the labels")
(SPLIT,) = draw_splits(LABELS, seeds=[0], n_labeled=50, n_unlabeled=200, n_test=100)


@dataclass(frozen=True, kw_only=True)
class Made:
    problem: W2SProblem
    heads: list[LinearHead]
    Y: Array


def made(labels: Labels = LABELS, split: Split = SPLIT, **settings: Any) -> Made:
    config, fits = W2SConfig(alphas=5, **settings), PoolFits()
    teachers = [WEAK, OTHER]
    Y = labels.targets(split.labeled)
    heads = [fits.fit(t.X[split.labeled], Y, config.fit_options("teacher")) for t in teachers]
    fitted = SplitFits(
        teachers=teachers,
        student=STRONG,
        Y=Y,
        classes=labels.classes,
        heads=heads,
        baseline=fits.fit(STRONG.X[split.labeled], Y, config.fit_options("baseline")),
        split=split,
        config=config,
        fits=fits,
    )
    return Made(problem=fitted.problem(copies=True), heads=heads, Y=Y)


def scaled(X: Array, rows: Array, scale: str) -> Array:
    return X / rows.std(axis=0) if scale == "standard" else X


@pytest.mark.parametrize("scale", ["none", "standard"])
@pytest.mark.parametrize("at", [0, 1])
def test_held_out_scores_of_a_ridge_teacher_are_those_of_heads_without_each_row(at: int, scale: str) -> None:
    case = made(scale=scale)
    features: FeatureSet = (WEAK, OTHER)[at]
    X = features.X[SPLIT.labeled].astype(np.float64)
    X = scaled(X, X, scale)
    expected = np.empty_like(case.Y)
    for i in range(len(X)):
        rest = np.arange(len(X)) != i
        expected[i] = Ridge(alpha=case.heads[at].alpha, solver="svd").fit(X[rest], case.Y[rest]).predict(X[[i]])[0]
    np.testing.assert_allclose(case.problem.teachers[at].held_out(), expected, atol=1e-9)


@pytest.mark.parametrize("scale", ["none", "standard"])
def test_held_out_scores_of_the_vanilla_student_are_those_of_pipelines_without_each_row(scale: str) -> None:
    case = made(scale=scale)
    L, U = SPLIT.labeled, SPLIT.unlabeled
    T_L, T_U = (scaled(WEAK.X[rows].astype(np.float64), WEAK.X[L].astype(np.float64), scale) for rows in (L, U))
    S_L, S_U = (scaled(STRONG.X[rows].astype(np.float64), STRONG.X[U].astype(np.float64), scale) for rows in (L, U))
    alpha = case.problem.vanilla().alpha

    def pipeline(rest: NDArray[np.bool_]) -> Array:
        teacher = Ridge(alpha=case.heads[0].alpha, solver="svd").fit(T_L[rest], case.Y[rest])
        predicted = Ridge(alpha=alpha, solver="svd").fit(S_U, teacher.predict(T_U)).predict(S_L)
        return np.asarray(predicted)

    everyone = np.arange(len(L))
    expected = np.array([pipeline(everyone != i)[i] for i in everyone])
    np.testing.assert_allclose(case.problem.held_out(), expected, atol=1e-9)
    S = case.problem.label_map()
    assert S is not None
    np.testing.assert_allclose(S @ case.Y, pipeline(everyone >= 0), atol=1e-9)
    np.testing.assert_allclose(S @ case.Y, case.problem.vanilla().scores(case.problem.X_labeled), atol=1e-9)


@pytest.mark.parametrize("settings", [{"head": "softmax"}, {"pseudolabels": "hard"}], ids=["softmax", "hard"])
def test_other_students_are_held_out_in_five_folds(settings: dict[str, Any]) -> None:
    problem = made(**settings).problem
    assert problem.label_map() is None
    F, X = problem.held_out(), problem.X_labeled
    rows = {tuple(row) for row in F.round(9).tolist()}
    assert len(rows) > FOLDS  # of several heads, none of which is the vanilla student
    assert not np.allclose(F, problem.vanilla().scores(X))
    assert problem.held_out() is F
    held_out = problem.teachers[0].held_out()
    assert (held_out.argmax(axis=1) == problem.Y_labeled.argmax(axis=1)).mean() < 1


def test_a_softmax_teacher_is_held_out_by_heads_without_each_fold() -> None:
    case = made(head="softmax", teacher_alpha=1.0)
    X = WEAK.X[SPLIT.labeled]
    scores = case.problem.teachers[0].held_out()
    for B in stratified_folds(case.Y, FOLDS, np.random.default_rng([SPLIT.seed, 5])):
        rest = np.setdiff1d(np.arange(50), B)
        head = fit_softmax(X[rest], case.Y[rest], alpha=1.0, scale="standard")
        np.testing.assert_allclose(scores[B], head.scores(X[B]), atol=1e-9)


def test_further_heads_of_a_teacher_are_fitted_to_labeled_rows_or_to_the_pool() -> None:
    case = made()
    teacher = case.problem.teachers[0]
    X, P = WEAK.X[SPLIT.labeled].astype(np.float64), WEAK.X[SPLIT.unlabeled].astype(np.float64)
    counts = np.random.default_rng(0).multinomial(50, np.full(50, 0.02))
    on_labels = Ridge(alpha=2.0).fit(X, case.Y, sample_weight=counts).predict(P)
    np.testing.assert_allclose(teacher.fit(sample_weight=counts, alpha=2.0).scores, on_labels, atol=1e-8)
    rows = np.array([3, 3, 8, 20, 31])
    np.testing.assert_allclose(
        teacher.fit(rows=rows, alpha=2.0).scores, Ridge(alpha=2.0).fit(X[rows], case.Y[rows]).predict(P), atol=1e-8
    )
    targets = np.random.default_rng(1).standard_normal((200, 3))
    on_pool = Ridge(alpha=2.0).fit(P[rows], targets[rows]).predict(P)
    np.testing.assert_allclose(teacher.fit(targets=targets, rows=rows, alpha=2.0).scores, on_pool, atol=1e-8)
    np.testing.assert_array_equal(case.problem.retaught(np.arange(50))[1], case.problem.teachers[1].scores)


def test_further_heads_learn_other_labels_and_labeled_rows_together_with_the_pool() -> None:
    case = made()
    L, U = SPLIT.labeled, SPLIT.unlabeled
    teacher, alpha = case.problem.teachers[0], case.heads[0].alpha
    on_units = teacher.fit(labels=np.eye(len(L)), alpha=alpha).scores  # the map from labels to scores on the pool
    np.testing.assert_allclose(on_units @ case.Y, teacher.scores, atol=1e-9)
    rows, weights = np.arange(0, len(U), 3), np.linspace(0.5, 2, len(L) + len(range(0, len(U), 3)))
    targets = case.problem.pseudolabels[0]
    both = teacher.fit(labels=case.Y, targets=targets, rows=rows, sample_weight=weights, alpha=2.0)
    X, Y = np.concatenate([WEAK.X[L], WEAK.X[U[rows]]]), np.concatenate([case.Y, targets[rows]])
    expected = Ridge(alpha=2.0, solver="svd").fit(X.astype(np.float64), Y, sample_weight=weights)
    np.testing.assert_allclose(both.scores, expected.predict(WEAK.X[U].astype(np.float64)), atol=1e-9)


def test_a_further_head_chooses_its_strength_as_the_student_on_pseudolabels_alone() -> None:
    case = made()
    teacher, targets = case.problem.teachers[0], case.problem.pseudolabels[0]
    both = teacher.fit(labels=case.Y, targets=targets)
    assert [one.head.rule for one in (teacher.fit(), both, teacher.fit(targets=targets))] == ["loo", "loo", "gcv"]


def test_the_first_teacher_alone_makes_the_vanilla_student() -> None:
    both = made().problem
    alone = replace(both, teachers=both.teachers[:1])
    assert alone.pseudolabels[0] is both.pseudolabels[0]
    fitted = both.fit(both.X_unlabeled, both.pseudolabels[0])
    X = both.X_labeled
    np.testing.assert_allclose(both.vanilla().scores(X), fitted.scores(X), atol=1e-12)


def test_equal_names_are_numbered() -> None:
    assert distinct_names(["a", "b", "a", "a"]) == ["a", "b", "a (2)", "a (3)"]
