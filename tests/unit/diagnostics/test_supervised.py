"""The representation gap against its definition; teacher errors and overlap density against planted truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from tests.unit.diagnostics.planted import Float, related
from w2s_probe.core.errors import ShapeError
from w2s_probe.diagnostics import teacher_error_energy
from w2s_probe.diagnostics.labeled import choose_head, labeled_rows
from w2s_probe.diagnostics.overlap_density import change_point, confidence_margins, overlap_density
from w2s_probe.diagnostics.representation_gap import representation_gap
from w2s_probe.linalg.moments import moments_of


@pytest.mark.parametrize("m", [60, 15])
def test_the_representation_gap_is_the_norm_of_the_kernels_product(m: int) -> None:
    T, S = related(m, np.random.default_rng(0))
    found = representation_gap(moments_of({"teacher": T, "student": S}), teacher_alpha=30.0, student_alpha=5.0)

    def projection(X: Float, alpha: float) -> Float:
        K = (X - X.mean(axis=0)) @ (X - X.mean(axis=0)).T
        return K @ np.linalg.inv(K + alpha * np.eye(m))

    P_s, P_t = projection(S, 5.0), projection(T, 30.0)
    assert found.value == pytest.approx(np.linalg.norm(P_s @ (np.eye(m) - P_t), 2), abs=1e-9)
    assert found.orthogonal == pytest.approx(np.linalg.norm(P_s, 2), abs=1e-9)


def test_teacher_error_energy_is_that_of_explicit_refits() -> None:
    rng = np.random.default_rng(1)
    T, S = related(200, rng)
    Y = rng.standard_normal((200, 2)) + S[:, :2]
    found = teacher_error_energy(T, S, Y, alpha=8.0, rng=np.random.default_rng(3), energy=1.0)
    fold = np.random.default_rng(3).permuted(np.arange(200) % 2)
    inside = total = 0.0
    for part in (0, 1):
        fit, held = fold == part, fold != part
        E = Y[held] - Ridge(alpha=4.0).fit(T[fit], Y[fit]).predict(T[held])
        E -= E.mean(axis=0)
        basis = np.linalg.svd(S[held] - S[held].mean(axis=0), full_matrices=False)[0]
        inside, total = inside + ((basis.T @ E) ** 2).sum(), total + (E**2).sum()
    assert found.value == pytest.approx(inside / total, abs=1e-9)
    assert found.chance == pytest.approx(20 / 99, abs=1e-9)
    assert found.rows == 200


def test_errors_are_imitated_fully_or_by_chance() -> None:
    rng = np.random.default_rng(2)
    T, S = rng.standard_normal((2000, 6)), rng.standard_normal((2000, 20))
    seen = teacher_error_energy(T, S, S @ rng.standard_normal((20, 1)), alpha=1e9, rng=rng, energy=1.0)
    unseen = teacher_error_energy(T, S, rng.standard_normal((2000, 1)), alpha=1e9, rng=rng, energy=1.0)
    assert seen.corrected == pytest.approx(1, abs=1e-6)
    assert unseen.corrected == pytest.approx(0, abs=4 * np.sqrt(2 * 20 / 2) / 1000)


def test_teacher_errors_need_rows() -> None:
    rng = np.random.default_rng(3)
    with pytest.raises(ShapeError, match="plus 1: got 20"):
        teacher_error_energy(*related(40, rng), rng.standard_normal((40, 1)), alpha=1.0, rng=rng, energy=1.0)


@given(st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.25, 0.6, 0.7, 1.0]), min_size=2, max_size=12))
def test_the_change_point_minimizes_the_sum_of_squares(values: list[float]) -> None:
    v = np.array(values)
    if np.ptp(v) == 0:
        with pytest.raises(ShapeError, match="needs values that differ"):
            change_point(v)
        return

    def cost(cut: float) -> float:
        return sum(float(((part - part.mean()) ** 2).sum()) for part in (v[v <= cut], v[v > cut]))

    assert cost(change_point(v)) == pytest.approx(min(cost(cut) for cut in np.unique(v)[:-1]), abs=1e-12)


def test_margins_are_burns_for_two_classes() -> None:
    p = np.array([0.5, 0.9, 0.2])
    np.testing.assert_allclose(confidence_margins(np.stack([p, 1 - p], axis=1)), 2 * np.abs(p - 0.5))
    scores = np.array([[-1.0, -2.0, -0.5], [0.6, 0.2, -0.3], [0.2, 0.5, 0.3]])
    np.testing.assert_allclose(confidence_margins(scores), [0.0, 0.5, 0.2], atol=1e-12)


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_planted_overlap_rows_are_found(share: float) -> None:
    rng = np.random.default_rng(4)
    kind = rng.choice(3, 900, p=[0.3, 0.7 - share, share])  # hard, easy, overlap
    hard_pattern, easy_pattern = kind != 1, kind != 0
    X = np.column_stack([3 * hard_pattern, 3 * easy_pattern, 0.3 * rng.standard_normal((900, 8))])
    confidence = np.where(easy_pattern, 0.9, 0.1) + 0.05 * rng.standard_normal(900)
    found = overlap_density(confidence, X, rng=rng)
    assert found.value == pytest.approx((kind == 2).mean(), abs=0.01)
    assert found.hard == pytest.approx((kind == 0).mean(), abs=1e-12)
    assert found.hard + found.easy + found.value == pytest.approx(1)
    assert abs(found.chance - found.value) > 0.1


def test_scores_of_labeled_rows_have_not_seen_them() -> None:
    rng = np.random.default_rng(5)
    X = related(80, rng)[0]
    known = rng.permutation(80)[:50]
    Y = np.eye(2)[(X[known, 0] > X[:, 0].mean()).astype(int)]
    head = choose_head(X, labeled_rows(Y, known, 80))
    asked = np.array([known[3], np.setdiff1d(np.arange(80), known)[0]])
    scores = head.unseen_scores(X, asked)
    for row, found in zip(asked, scores, strict=True):
        others = known != row
        refit = Ridge(alpha=head.alpha).fit(X[known[others]], Y[others])
        np.testing.assert_allclose(found, refit.predict(X[[row]])[0], atol=1e-9)


def test_labeled_rows_must_exist() -> None:
    with pytest.raises(ShapeError, match="between 0 and 9"):
        labeled_rows(np.ones((2, 1)), np.array([0, 10]), 10)
    with pytest.raises(ShapeError, match="got 2 rows and 10"):
        labeled_rows(np.ones((2, 1)), None, 10)
