"""What three systems say of rows they never saw: without refits, with refits, and by scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from tests.conftest import pair_of_views
from w2s_probe.core.config import W2SConfig
from w2s_probe.core.folds import stratified_folds, stratified_part
from w2s_probe.experiments.forecast.held_out import (
    _Refitted,
    pipeline_scores,
    train_pipeline,
)
from w2s_probe.experiments.forecast.pipeline import PipelineScores, score_pool
from w2s_probe.experiments.forecast.pool_sums import Smooth
from w2s_probe.linalg.moments import moments_of
from w2s_probe.linalg.teacher_student import HeldOut
from w2s_probe.metrics import classification_rows, regression_rows

Array = NDArray[np.float64]
Index = NDArray[np.intp]
GIVEN = W2SConfig(teacher_alpha=30.0, student_alpha=7.0)


def views(n: int, N: int, K: int) -> tuple[Array, Array, Array, Array, Array]:
    """Return X_teacher, X_student and Y of labeled rows, then both features of the pool."""
    weak, strong, labels = pair_of_views(n + N, classes=max(K, 2))
    T, S = np.asarray(weak.X, dtype=np.float64), np.asarray(strong.X, dtype=np.float64)
    Y = labels.targets(np.arange(n)) if K > 1 else S[:n, :1] + T[:n, :1]
    return T[:n], S[:n], Y, T[n:], S[n:]


def read(
    data: tuple[Array, Array, Array, Array, Array],
    config: W2SConfig = GIVEN,
    *,
    rows: Index | None = None,
    pool_rows: Index | None = None,
    repeats: int = 1,
) -> PipelineScores:
    T, S, Y, P, Q = data
    used = slice(None) if pool_rows is None else pool_rows
    return pipeline_scores(
        T,
        S,
        Y,
        rows=np.arange(len(Y)) if rows is None else rows,
        pool=moments_of({"teacher": P[used], "student": Q[used]}),
        pool_teacher=P,
        pool_student=Q,
        config=replace(config, task="classification" if Y.shape[1] > 1 else "regression"),
        rng=np.random.default_rng(0),
        repeats=repeats,
        pool_rows=pool_rows,
    )


def systems(held: HeldOut) -> list[Array]:
    return [held.teacher, held.student, held.baseline]


def assert_alike(found: PipelineScores, other: PipelineScores) -> None:
    for held, again in zip(found.held_out, other.held_out, strict=True):
        np.testing.assert_allclose(systems(held), systems(again), atol=1e-8)
    for mine, theirs in zip(found.pool, other.pool, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-8)


@pytest.mark.parametrize("part", [False, True])
@pytest.mark.parametrize(("n", "N"), [(60, 200), (12, 200), (60, 20)])
@pytest.mark.parametrize("K", [1, 2, 4])
def test_the_route_without_refits_equals_the_one_with(K: int, n: int, N: int, part: bool) -> None:
    T, S, Y, P, Q = data = views(n, N, K)
    rows = np.arange(n)[:: 2 if part else 1]
    others = np.setdiff1d(np.arange(n), rows)
    found = read(data, rows=rows)
    fitted = _Refitted.fit([T[rows]], S[rows], Y[rows], [P], Q, GIVEN)
    held = found.held_out[0]
    again = fitted.held_out(stratified_folds(Y[rows], min(10, len(rows)), np.random.default_rng(0)))
    np.testing.assert_allclose([F[rows] for F in systems(held)], systems(again), atol=1e-8)
    for mine, theirs in zip(systems(held), fitted.scores(T[others], S[others]), strict=True):
        np.testing.assert_allclose(mine[others], theirs, atol=1e-8)
    teacher, _, baseline = fitted.scores(P, Q)
    for mine, theirs in ((found.pool[0], teacher), (found.pool[2], baseline)):
        np.testing.assert_allclose(mine, theirs, atol=1e-8)
    for row in (0, 7, N - 1):
        rest = np.arange(N) != row
        student = fitted.student_of(np.flatnonzero(rest))
        np.testing.assert_allclose(found.pool[1][[row]], student.scores(Q[[row]]), atol=1e-8)


@pytest.mark.parametrize("K", [1, 3])
def test_leave_one_out_equals_scikit_learns_ridge_without_each_row(K: int) -> None:
    T, S, Y, P, Q = data = views(30, 100, K)
    found = read(data).leave_one_out
    for row in (0, 11, 29):
        rest = np.arange(30) != row
        teacher = Ridge(alpha=30.0).fit(T[rest], Y[rest])
        student = Ridge(alpha=7.0).fit(Q, teacher.predict(P))
        baseline = Ridge(alpha=7.0).fit(S[rest], Y[rest])
        said = [head.predict(X[[row]]).ravel() for head, X in ((teacher, T), (student, S), (baseline, S))]
        np.testing.assert_allclose([F[row] for F in systems(found)], said, atol=1e-8)


@pytest.mark.parametrize("settings", [{"head": "softmax"}, {"pseudolabels": "hard"}, {"scale": "standard"}])
def test_other_heads_are_fitted_again_without_each_fold(settings: dict[str, str]) -> None:
    T, S, Y, P, Q = data = views(50, 80, 3)
    config = W2SConfig(**settings)  # type: ignore[arg-type]
    found = read(data, config)
    assert len(found.held_out) == 1
    assert found.leave_one_out is found.held_out[0]
    fitted = _Refitted.fit([T], S, Y, [P], Q, config)
    assert fitted.alphas == found.alphas
    blocks = stratified_folds(Y, 5, np.random.default_rng(0))
    heads = fitted.refit(np.setdiff1d(np.arange(50), blocks[0]))
    for F, head, X in zip(systems(found.held_out[0]), heads, (T, S, S), strict=True):
        np.testing.assert_allclose(F[blocks[0]], head.scores(X[blocks[0]]), atol=1e-12)


def test_hard_pseudolabels_are_decisions() -> None:
    T, _, Y, P, Q = data = views(50, 80, 3)
    found = read(data, W2SConfig(pseudolabels="hard", teacher_alpha=30.0, student_alpha=7.0))
    decisions = np.eye(3)[Ridge(alpha=30.0).fit(T, Y).predict(P).argmax(axis=1)]
    for fold in range(5):
        away = np.arange(80) % 5 != fold
        student = Ridge(alpha=7.0).fit(Q[away], decisions[away])
        np.testing.assert_allclose(found.pool[1][~away], student.predict(Q[~away]), atol=1e-8)


@pytest.mark.parametrize("settings", [{}, {"pseudolabels": "hard"}])
def test_a_part_of_the_pool_trains_and_all_of_it_is_averaged_over(settings: dict[str, str]) -> None:
    T, S, Y, P, Q = data = views(50, 120, 3)
    config = replace(GIVEN, **settings)  # type: ignore[arg-type]
    rows = np.arange(0, 120, 3)
    found, alone = read(data, config, pool_rows=rows), read((T, S, Y, P[rows], Q[rows]), config)
    assert_alike(replace(found, pool=[F[rows] for F in found.pool]), alone)
    assert len(found.pool[0]) == 120


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 80), folds=st.integers(1, 12), K=st.integers(1, 5))
def test_folds_are_disjoint_cover_all_rows_and_share_the_classes(seed: int, n: int, folds: int, K: int) -> None:
    rng = np.random.default_rng(seed)
    Y = np.eye(K)[rng.integers(K, size=n)] if K > 1 else rng.standard_normal((n, 1))
    dealt = stratified_folds(Y, folds, rng)
    assert sorted(np.concatenate(dealt).tolist()) == list(range(n))
    sizes = [len(fold) for fold in dealt]
    assert max(sizes) - min(sizes) <= 1
    # a class is a run of the order; a fold has one row of each whole round of the deal, up to two of a cut one
    shares = np.array([Y[fold].sum(axis=0) for fold in dealt]) if K > 1 else np.zeros((1, 1))
    assert (np.ptp(shares, axis=0) <= 2).all()


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 80), share=st.floats(0.01, 1), K=st.integers(1, 5))
def test_a_part_has_distinct_rows_and_the_classes_shares(seed: int, n: int, share: float, K: int) -> None:
    rng = np.random.default_rng(seed)
    size = max(int(share * n), 1)
    Y = np.eye(K)[rng.integers(K, size=n)] if K > 1 else rng.standard_normal((n, 1))
    rows = stratified_part(Y, size, rng)
    assert len(np.unique(rows)) == size
    assert rows.min() >= 0
    assert rows.max() < n
    if K > 1:
        assert (np.abs(Y[rows].sum(axis=0) - Y.sum(axis=0) * size / n) < 1).all()


def test_every_row_is_as_likely_to_be_in_a_part() -> None:
    Y = np.eye(2)[np.arange(30) % 3 // 2]
    rng = np.random.default_rng(0)
    drawn = np.bincount(np.concatenate([stratified_part(Y, 12, rng) for _ in range(4000)]), minlength=30) / 4000
    np.testing.assert_allclose(drawn, 0.4, atol=0.04)  # five standard errors


@pytest.mark.parametrize(("settings", "K"), [({}, 2), ({}, 4), ({"head": "softmax"}, 3)])
def test_accuracy_and_brier_are_those_of_a_run(settings: dict[str, str], K: int) -> None:
    found = read(views(60, 100, K), W2SConfig(**settings))  # type: ignore[arg-type]
    truth = found.Y.argmax(axis=1)
    for weights, F in zip(np.eye(3), systems(found.held_out[0]), strict=True):
        rows = classification_rows(F, found.probabilities(F), truth)
        for score in ("accuracy", "brier"):
            values = found._at_labels(score, tuple(weights), systems(found.held_out[0]))
            np.testing.assert_allclose(values, rows[score].numerator, atol=1e-12)


def test_r2_and_squared_errors_are_those_of_a_run() -> None:
    found = read(views(60, 100, 1))
    y = found.Y[:, 0]
    for weights, F in zip(np.eye(3), systems(found.held_out[0]), strict=True):
        rows = regression_rows(F[:, 0], y)
        at = {score: found._at_labels(score, tuple(weights), systems(found.held_out[0])) for score in rows}
        np.testing.assert_allclose(at["squared_error"], rows["squared_error"].numerator, atol=1e-12)
        assert at["r2"].mean() == pytest.approx(rows["r2"].numerator.mean() / rows["r2"].denominator.mean())


def test_the_influence_on_r2_counts_that_the_spread_of_labels_is_estimated() -> None:
    found = read(views(60, 100, 1))
    f, y = found.held_out[0].teacher[:, 0], found.Y[:, 0]
    nothing = Smooth(mean=0.0, influence=np.zeros(60), sampled=0.0, squares=0.0)
    both, _ = found._with_spread(1 - (f - y) ** 2 / y.var(), nothing, 1.0)

    def r2(w: Array) -> float:
        return float(
            1 - np.average((f - y) ** 2, weights=w) / np.average((y - np.average(y, weights=w)) ** 2, weights=w)
        )

    for row in (0, 31, 59):
        h = 1e-5 * (np.arange(60) == row)
        assert (both[row] - both.mean()) / 60 == pytest.approx((r2(1 + h) - r2(1 - h)) / 2e-5, abs=1e-7)


def test_r2_does_not_depend_on_the_unit_or_the_zero_of_labels() -> None:
    T, S, Y, P, Q = views(60, 100, 1)
    here, there = (read((T, S, labels, P, Q)).expected("r2", (-1, 1, 0)) for labels in (Y, 40 * Y + 9000))
    assert there.value == pytest.approx(here.value, abs=1e-6)
    assert there.error == pytest.approx(here.error, abs=1e-6)


@pytest.mark.parametrize("K", [1, 2, 4])
def test_sums_over_the_pool_say_what_its_scores_say(K: int) -> None:
    """Two pipelines in one pass: the second one keeps no scores of single rows."""
    T, S, Y, P, Q = data = views(60, 5000, K)
    score = "accuracy" if K > 1 else "r2"
    config = replace(GIVEN, task="classification" if K > 1 else "regression")
    pool = moments_of({"teacher": P, "student": Q})
    one, two = (
        train_pipeline(
            *(T, S, Y),
            rows=np.arange(0, 60, step),
            pool=pool,
            pool_teacher=P,
            pool_student=Q,
            config=config,
            rng=np.random.default_rng(0),
            repeats=2,
        )
        for step in (1, 2)
    )
    first, second = score_pool([one, two], P, Q, sums=score)
    assert len(first.pool) == 3
    assert not second.pool
    (whole,) = score_pool([two], P, Q)
    weights = (-1.0, 1.0, 0.0)
    found, alone = second.expected(score, weights), whole.expected(score, weights)
    assert (found.value, found.error) == pytest.approx((alone.value, alone.error), rel=1e-12)
    assert first.expected(score, weights).value == pytest.approx(read(data, repeats=2).expected(score, weights).value)


@pytest.mark.parametrize("K", [1, 3])
def test_expectations_over_the_pool_are_means_over_rows_and_models(K: int) -> None:
    """Against a loop over models: mean, spread between rows, and mean square of a difference of systems."""
    found = read(views(60, 5000, K), repeats=3)
    score = "brier" if K > 1 else "squared_error"
    weights = (-1.0, 1.0, 0.5)
    values = np.sum([w * found.values(score, F) for w, F in zip(weights, found.pool, strict=True)], axis=0)
    rows, squares = [], []
    for model in found.models:
        F = np.stack(found.pool, axis=2) / model.scale
        if K > 1:
            p = np.exp(F @ model.beta)
            p /= p.sum(axis=1, keepdims=True)
        else:
            y = model.beta[0] + F[:, 0] @ model.beta[1:]
            p = np.column_stack([np.ones(len(y)), y, y**2 + model.noise])
        rows.append((p * values).sum(axis=1))
        squares.append((p * values**2).sum(axis=1).mean())
    smooth = found._sums(score).smooth(weights)
    mean = np.mean(rows, axis=0)
    assert smooth.mean == pytest.approx(mean.mean(), rel=1e-10)
    assert smooth.sampled == pytest.approx(mean.std() / np.sqrt(5000), rel=1e-10)
    if K > 1:
        assert smooth.squares == pytest.approx(np.mean(squares), rel=1e-10)
