"""The anchored head against explicit refits of teacher, vanilla student and anchored head, and at its limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression, Ridge

from w2s_probe.linalg.anchored import Anchored, anchored_ridge
from w2s_probe.linalg.loo import BOUND, loo_residuals
from w2s_probe.linalg.moments import moments_of
from w2s_probe.linalg.ridge import ridge_path
from w2s_probe.linalg.strengths import covering_grid
from w2s_probe.linalg.teacher_student import student_map, student_path

Array = NDArray[np.float64]
TEACHER, STUDENT = 0.7, 3.0  # strengths
SHAPES = [(40, 8, 12), (30, 60, 45)]  # n, d_t, d_s: more rows than features, and fewer
UNCHANGED = 1e-8  # of the issue; rounding of scores about 1 through normal equations of condition 1e4


@dataclass(frozen=True, kw_only=True)
class Data:
    """Features of both models on labeled rows and on the pool, and the labels."""

    X_t: Array
    X_s: Array
    P_t: Array
    P_s: Array
    Y: Array

    @property
    def n(self) -> int:
        return len(self.Y)

    def vanilla(self, rows: NDArray[np.intp] | None = None) -> tuple[Array, Array]:
        """Return the vanilla student's weights and intercept, its teacher fitted to these labeled rows."""
        rows = np.arange(self.n) if rows is None else rows
        teacher = Ridge(alpha=TEACHER).fit(self.X_t[rows], self.Y[rows])
        student = Ridge(alpha=STUDENT).fit(self.P_s, teacher.predict(self.P_t).reshape(len(self.P_t), -1))
        return np.atleast_2d(student.coef_).T, np.atleast_1d(student.intercept_)

    def refitted(self, alpha: float, rows: NDArray[np.intp] | None = None) -> tuple[Array, Array]:
        """Return weights and intercept of an anchored head that never read another row."""
        rows = np.arange(self.n) if rows is None else rows
        W, _ = self.vanilla(rows)
        model = Ridge(alpha=alpha) if alpha else LinearRegression()  # the smallest of all best fits
        head = model.fit(self.X_s[rows], self.Y[rows] - self.X_s[rows] @ W)
        return W + np.atleast_2d(head.coef_).T, np.atleast_1d(head.intercept_)

    def anchored(self, alpha: float | None = None) -> Anchored:
        teacher = ridge_path(self.X_t, self.Y, alphas=[TEACHER])
        pool = moments_of({"teacher": self.P_t, "student": self.P_s})
        student = student_path(pool, *teacher.coefficients(0), alphas=[STUDENT])
        S = student_map(
            teacher.spectrum,
            student.spectrum,
            pool,
            X_teacher=self.X_t,
            X_student=self.X_s,
            strengths=(TEACHER, STUDENT),
        )
        W, b = student.coefficients(0)
        c = loo_residuals(teacher, self.X_t, self.Y, index=0)
        return anchored_ridge(self.X_s, self.Y, coef=W, intercept=b, label_map=S, teacher_residuals=c, alpha=alpha)


def data(n: int, d_t: int, d_s: int, *, K: int = 2, N: int = 300, seed: int = 0, noise: float = 1.0) -> Data:
    rng = np.random.default_rng(seed)
    core = rng.standard_normal((n + N, 6)) + 0.5
    X_t = core @ rng.standard_normal((6, d_t)) + rng.standard_normal((n + N, d_t))
    X_s = core @ rng.standard_normal((6, d_s)) + 0.5 * rng.standard_normal((n + N, d_s)) + 2
    Y = core[:, :1] + noise * rng.standard_normal((n + N, 1))
    if K > 1:
        Y = np.eye(K)[np.argmax(core[:, :K] + noise * rng.standard_normal((n + N, K)), axis=1)]
    return Data(X_t=X_t[:n], X_s=X_s[:n], P_t=X_t[n:], P_s=X_s[n:], Y=Y[:n])


@pytest.mark.parametrize("alpha", [0.0, 0.3, 20.0, 1e6, np.inf])
@pytest.mark.parametrize(("n", "d_t", "d_s"), SHAPES)
@pytest.mark.parametrize("K", [1, 2, 5])
def test_held_out_scores_equal_refits_of_the_whole_pipeline(n: int, d_t: int, d_s: int, K: int, alpha: float) -> None:
    rows = data(n, d_t, d_s, K=K)
    held_out = rows.anchored(alpha).held_out
    for i in range(n):
        rest = np.delete(np.arange(n), i)
        W, b = rows.vanilla(rest) if np.isinf(alpha) else rows.refitted(alpha, rest)
        np.testing.assert_allclose(held_out[i], rows.X_s[i] @ W + b, atol=1e-9)  # the bound; 1e-12 is met


@pytest.mark.parametrize("alpha", [0.0, 1e-9, 0.3])
def test_a_row_that_is_alone_in_a_direction_has_the_held_out_score_of_a_refit(alpha: float) -> None:
    rows = data(*SHAPES[0])
    rows.X_s[:, 0] = 0
    rows.X_s[3, 0] = 2.0  # at strength 0 every head fits this row exactly
    rest = np.delete(np.arange(rows.n), 3)
    W, b = rows.refitted(alpha, rest)
    np.testing.assert_allclose(
        rows.anchored(alpha).held_out[3], rows.X_s[3] @ W + b, atol=1e-8
    )  # rounding through its leverage of 1


@pytest.mark.parametrize("alpha", [0.3, 20.0])
@pytest.mark.parametrize(("n", "d_t", "d_s"), SHAPES)
def test_the_head_minimizes_squared_errors_plus_the_distance_to_the_vanilla_weights(
    n: int, d_t: int, d_s: int, alpha: float
) -> None:
    rows = data(n, d_t, d_s, K=5)
    ours, (W_0, _) = rows.anchored(alpha), rows.vanilla()
    design = np.vstack([np.c_[rows.X_s, np.ones(n)], np.c_[np.sqrt(alpha) * np.eye(d_s), np.zeros(d_s)]])
    theirs = np.linalg.lstsq(design, np.vstack([rows.Y, np.sqrt(alpha) * W_0]), rcond=None)[0]
    np.testing.assert_allclose(np.vstack([ours.coef, ours.intercept]), theirs, atol=UNCHANGED)


@pytest.mark.parametrize(("n", "d_t", "d_s"), SHAPES)
def test_infinite_strength_is_the_vanilla_student(n: int, d_t: int, d_s: int) -> None:
    rows = data(n, d_t, d_s)
    W, b = rows.vanilla()
    ours = rows.anchored(np.inf)
    np.testing.assert_allclose(ours.coef, W, atol=UNCHANGED)
    np.testing.assert_allclose(ours.intercept, b, atol=UNCHANGED)
    assert ours.share == 0
    large = rows.anchored(1e16)  # its weights too; the intercept fits the labels' mean
    np.testing.assert_allclose(large.coef, W, atol=UNCHANGED)
    fitted = rows.X_s @ large.coef + large.intercept
    np.testing.assert_allclose(fitted.mean(axis=0), rows.Y.mean(axis=0), atol=UNCHANGED)


def test_strength_0_is_least_squares_where_rows_outnumber_features() -> None:
    rows = data(*SHAPES[0])
    ours = rows.anchored(0.0)
    theirs = np.linalg.lstsq(np.c_[rows.X_s, np.ones(rows.n)], rows.Y, rcond=None)[0]
    np.testing.assert_allclose(np.vstack([ours.coef, ours.intercept]), theirs, atol=UNCHANGED)
    assert ours.share == 1


def test_strength_0_fits_fewer_rows_exactly_and_keeps_the_vanilla_head_elsewhere() -> None:
    rows = data(*SHAPES[1])
    ours, (W_0, _) = rows.anchored(0.0), rows.vanilla()
    np.testing.assert_allclose(rows.X_s @ ours.coef + ours.intercept, rows.Y, atol=UNCHANGED)
    centered = rows.X_s - rows.X_s.mean(axis=0)
    outside = np.eye(45) - np.linalg.pinv(centered) @ centered
    np.testing.assert_allclose(outside @ ours.coef, outside @ W_0, atol=UNCHANGED)
    assert np.abs(ours.coef - W_0).max() > 0.01


@pytest.mark.parametrize(("n", "d_t", "d_s"), SHAPES)
@pytest.mark.parametrize("noise", [0.1, 1.0, 3.0])
def test_the_strength_has_the_least_held_out_error_of_0_a_grid_and_infinity(
    n: int, d_t: int, d_s: int, noise: float
) -> None:
    rows = data(n, d_t, d_s, noise=noise)
    grid = [0.0, *covering_grid(ridge_path(rows.X_s, rows.Y).spectrum), np.inf]
    most = BOUND**2 * ((rows.Y - rows.Y.mean(axis=0)) ** 2).sum(axis=1).max()

    def error(head: Anchored) -> float:
        return float(np.minimum(((rows.Y - head.held_out) ** 2).sum(axis=1), most).mean())

    assert error(rows.anchored()) <= min(error(rows.anchored(alpha)) for alpha in grid) + 1e-12  # rounding


def fixed_student(X: Array, Y: Array, *, coef: Array, intercept: Array, points: int = 33) -> Anchored:
    """Return the anchored head of a vanilla student that depends on no label."""
    S, c = np.zeros((len(X), len(X))), np.zeros_like(Y)
    return anchored_ridge(X, Y, coef=coef, intercept=intercept, label_map=S, teacher_residuals=c, points=points)


def test_labels_that_the_vanilla_student_predicts_exactly_leave_it_as_it_is() -> None:
    rows = data(*SHAPES[0])
    W, b = rows.vanilla()
    head = fixed_student(rows.X_s, rows.X_s @ W + b, coef=W, intercept=b)
    assert head.alpha == np.inf
    np.testing.assert_array_equal(head.coef, W)
    np.testing.assert_array_equal(head.intercept, b)
    assert np.isfinite(head.largest)


def test_labels_that_the_vanilla_student_contradicts_replace_it() -> None:
    X, W = data(400, 8, 12).X_s, np.random.default_rng(1).standard_normal((12, 1))
    head = fixed_student(X, X @ W, coef=-5 * W, intercept=np.zeros(1))
    assert head.share > 0.999
    np.testing.assert_allclose(head.coef, W, atol=1e-4)  # errors within 1e-13 tie, and the larger strength wins
    assert fixed_student(X, X @ W, coef=-5 * W, intercept=np.zeros(1), points=1).alpha == 0


@pytest.mark.parametrize("seed", [1, 4])
def test_one_row_that_no_head_predicts_hardly_moves_the_strength(seed: int) -> None:
    rows = data(200, 8, 12, noise=0.3, seed=seed)
    W, b = rows.vanilla()
    far = rows.X_s.copy()
    far[0] *= 1e6  # every head that was fitted without this row predicts it as badly as it likes
    usual, outlier = (fixed_student(X, rows.Y, coef=W, intercept=b).alpha for X in (rows.X_s, far))
    assert 0.5 < outlier / usual < 2  # unbounded, this one error moves the strength by a factor of 3 and of 7
