"""Ridge on labels and pseudolabels together, against explicit refits of teacher and student."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from w2s_probe.linalg.distilled import Distilled, distilled_ridge, joint_weights, reach_of
from w2s_probe.linalg.loo import loo_score
from w2s_probe.linalg.ridge import ridge_path

Array = NDArray[np.float64]
TEACHER = 0.7  # strength
SHAPES = [(40, 8, 12), (30, 60, 45), (25, 10, 90)]  # n, d_t, d_s: the last has more features than all 85 rows
N = 60


@dataclass(frozen=True, kw_only=True)
class Data:
    """Features of both models on n labeled rows and on the pool, and the labels; the teacher learned some rows."""

    X_t: Array
    X_s: Array
    Y: Array
    learned: NDArray[np.intp]

    @property
    def n(self) -> int:
        return len(self.Y)

    def teacher(self, rows: NDArray[np.intp]) -> Ridge:
        return Ridge(alpha=TEACHER).fit(self.X_t[rows], self.Y[rows])

    def pseudolabels(self, rows: NDArray[np.intp]) -> Array:
        return np.asarray(self.teacher(rows).predict(self.X_t[self.n :])).reshape(N, -1)

    def refitted(self, weights: Array, alpha: float, left_out: int | None = None) -> Ridge:
        """Return the student; a row that is left out is in no fit, and the weights of the others stay."""
        learned = self.learned[self.learned != left_out]
        targets = np.vstack([self.Y, self.pseudolabels(learned)])
        keep = np.arange(len(targets)) != (-1 if left_out is None else left_out)
        return Ridge(alpha=alpha, solver="svd").fit(self.X_s[keep], targets[keep], sample_weight=weights[keep])

    def distilled(self, soft_weight: float, alpha: float | None = None) -> Distilled:
        maps, residuals = np.zeros((N, self.n)), np.zeros_like(self.Y)
        unit = np.eye(len(self.learned))
        maps[:, self.learned] = Ridge(alpha=TEACHER).fit(self.X_t[self.learned], unit).predict(self.X_t[self.n :])
        for i in self.learned:
            model = self.teacher(self.learned[self.learned != i])
            residuals[i] = self.Y[i] - model.predict(self.X_t[i : i + 1]).ravel()
        return distilled_ridge(
            self.X_s,
            np.vstack([self.Y, self.pseudolabels(self.learned)]),
            weights=joint_weights(self.n, N, soft_weight),
            reach=reach_of(self.X_s[self.n :], maps),
            teacher_residuals=residuals,
            alpha=alpha,
        )


def data(n: int, d_t: int, d_s: int, *, K: int = 2, learned: int | None = None) -> Data:
    rng = np.random.default_rng(n)
    core = rng.standard_normal((n + N, 6)) + 0.5
    X_t = core @ rng.standard_normal((6, d_t)) + rng.standard_normal((n + N, d_t))
    X_s = core @ rng.standard_normal((6, d_s)) + 0.5 * rng.standard_normal((n + N, d_s)) + 2
    X_s[:n] += 0.5  # the means of labeled rows and pool differ
    Y = core[:, :1] + rng.standard_normal((n + N, 1))
    if K > 1:
        Y = np.eye(K)[np.argmax(core[:, :K] + rng.standard_normal((n + N, K)), axis=1)]
    rows = np.arange(n) if learned is None else np.sort(rng.permutation(n)[:learned])
    return Data(X_t=X_t, X_s=X_s, Y=Y[:n], learned=rows)


@pytest.mark.parametrize("alpha", [1e-6, 20.0])
@pytest.mark.parametrize(("n", "d_t", "d_s"), SHAPES)
@pytest.mark.parametrize(("K", "soft_weight"), [(1, 1.0), (2, 0.25), (2, 4.0), (5, 1.0), (5, 0.0)])
def test_held_out_scores_equal_refits_without_the_row_in_student_and_teacher(
    n: int, d_t: int, d_s: int, K: int, soft_weight: float, alpha: float
) -> None:
    rows = data(n, d_t, d_s, K=K)
    ours, weights = rows.distilled(soft_weight, alpha).held_out, joint_weights(n, N, soft_weight)
    for i in range(0, n, 3):
        theirs = rows.refitted(weights, alpha, i).predict(rows.X_s[i : i + 1]).ravel()
        np.testing.assert_allclose(ours[i], theirs, atol=1e-9)  # the bound


def test_a_row_that_the_teacher_did_not_learn_leaves_the_student_only() -> None:
    rows = data(*SHAPES[0], K=5, learned=18)
    ours, weights = rows.distilled(1.0, 3.0).held_out, joint_weights(rows.n, N, 1.0)
    assert not set(range(0, rows.n, 2)) <= set(rows.learned.tolist())
    for i in range(0, rows.n, 2):
        theirs = rows.refitted(weights, 3.0, i).predict(rows.X_s[i : i + 1]).ravel()
        np.testing.assert_allclose(ours[i], theirs, atol=1e-9)


@pytest.mark.parametrize("soft_weight", [0.0, 0.25, 4.0])
@pytest.mark.parametrize(("n", "d_t", "d_s"), SHAPES)
def test_the_head_is_ridge_with_row_weights(n: int, d_t: int, d_s: int, soft_weight: float) -> None:
    rows = data(n, d_t, d_s, K=5)
    choice = rows.distilled(soft_weight, 5.0).choice
    W, b = choice.path.coefficients(choice.index)
    theirs = rows.refitted(joint_weights(n, N, soft_weight), 5.0)
    np.testing.assert_allclose(rows.X_s @ W + b, theirs.predict(rows.X_s), atol=1e-8)  # the bound


def test_the_chosen_strength_has_the_least_error_of_refits() -> None:
    rows = data(*SHAPES[1])
    ours, weights = rows.distilled(1.0), joint_weights(rows.n, N, 1.0)
    alpha = float(ours.choice.path.alphas[ours.choice.index])

    def error(strength: float) -> float:
        missed = [
            rows.Y[i] - rows.refitted(weights, strength, i).predict(rows.X_s[i : i + 1])[0] for i in range(rows.n)
        ]
        return float((np.array(missed) ** 2).sum(axis=1).mean())

    assert ours.score == pytest.approx(error(alpha), abs=1e-9)
    assert ours.score < min(error(alpha * factor) for factor in (0.5, 2))
    assert ours.choice.end == ""


@pytest.mark.parametrize(("n", "d_t", "d_s"), SHAPES)
def test_without_pseudolabels_the_score_is_that_of_the_labels_alone(n: int, d_t: int, d_s: int) -> None:
    rows = data(n, d_t, d_s)
    ours = rows.distilled(0.0)
    share = n / (n + N)  # weights have mean 1 over all rows: strengths are larger by 1 / share
    path = ridge_path(rows.X_s[:n], rows.Y, alphas=[share * ours.choice.path.alphas[ours.choice.index]])
    assert ours.score == pytest.approx(float(loo_score(path, rows.X_s[:n], rows.Y)[0]), rel=1e-8)


def test_weights_have_mean_1_and_the_stated_ratio() -> None:
    weights = joint_weights(20, 300, 0.25)
    assert weights.mean() == pytest.approx(1)
    assert weights[20:].sum() == pytest.approx(0.25 * weights[:20].sum())
