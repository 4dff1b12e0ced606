r"""Exact held-out predictions of teacher, student and baseline, without a refit.

With ridge heads every prediction is linear in the n labels Y. Let
:math:`M = (G_{ss} + \alpha_s)^{-1} G_{st}` be the student's map on the pool, which depends on no label, and
:math:`\mu` the means of the labeled rows L or of the pool U. On the labeled rows teacher, student and baseline predict

.. math::
    f_t = H_t Y, \quad f_s = S Y, \quad f_b = H_b Y, \qquad
    S = \tfrac1n 11^\top + \left[(X_s - \mu_{s,U}) M + 1 (\mu_{t,U} - \mu_{t,L})^\top\right]
        A^{-1} \tilde X_t^\top

with :math:`A = \tilde X_t^\top \tilde X_t + \alpha_t`. Fit a ridge head without the rows of a block B, and replace
the labels of B by that head's predictions: a head fitted to all rows with these labels is the same head. This holds
for any weights of the rows, which multiply the columns of all three maps. The teacher's held-out residuals are
:math:`E = (I - H_{BB})^{-1}(Y - HY)_B`, and the held-out predictions

.. math::
    \text{teacher: } Y_B - E, \qquad \text{student: } (SY)_B - S_{BB} E .

A block of one row gives leave-one-out. The strengths stay fixed.

A student of the mean of several teachers' scores predicts the mean of what the students of each teacher predict, at
equal strengths of the students: its map is the mean of their maps S, and each teacher has its own E.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.core.fit_options import RIDGE_POINTS
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.linalg.moments import Moments
from w2s_probe.linalg.ridge import RidgePath, path_of_gram
from w2s_probe.linalg.spectra import Spectrum


@dataclass(frozen=True, eq=False, kw_only=True)
class HeldOut:
    """Held-out predictions on the labeled rows, each of shape (n, K)."""

    teacher: Float
    student: Float
    baseline: Float


@dataclass(frozen=True, eq=False, kw_only=True)
class Pipeline:
    """Linear maps from labels to predictions on the labeled rows.

    Parameters
    ----------
    H_teacher, S, H_baseline : array of shape (n, n)
        The maps of teacher, student and baseline.
    """

    H_teacher: Float
    S: Float
    H_baseline: Float

    def held_out(self, Y: ArrayLike, blocks: Iterable[Rows] | None = None) -> HeldOut:
        """Return held-out predictions for each block of rows; leave-one-out without blocks.

        Y, shape (n, K), are the labels; the blocks are disjoint sets of positions that cover all n rows.
        """
        targets = np.asarray(Y, dtype=np.float64)
        if blocks is None:
            teacher = self._left_out(self.H_teacher, targets)
            student = self.S @ targets - np.diag(self.S)[:, None] * (targets - teacher)
            return HeldOut(teacher=teacher, student=student, baseline=self._left_out(self.H_baseline, targets))
        scores = HeldOut(teacher=np.empty_like(targets), student=self.S @ targets, baseline=np.empty_like(targets))
        for B in blocks:
            E = _held_out_residuals(self.H_teacher, targets, B)
            scores.teacher[B] = targets[B] - E
            scores.student[B] -= self.S[np.ix_(B, B)] @ E
            scores.baseline[B] = targets[B] - _held_out_residuals(self.H_baseline, targets, B)
        return scores

    @staticmethod
    def _left_out(H: Float, Y: Float) -> Float:
        return Y - (Y - H @ Y) / (1 - np.diag(H))[:, None]


def held_out_of_mean(pipelines: Sequence[Pipeline], Y: ArrayLike, blocks: Iterable[Rows] | None = None) -> HeldOut:
    """Return held-out predictions of the first teacher, of the student of all teachers' mean, and of the baseline.

    Each of `pipelines` is the one of a single teacher; all have the student's strength. A row's label is left out of
    all teachers. `Y` and `blocks` are those of `Pipeline.held_out`.
    """
    dealt = None if blocks is None else list(blocks)
    first, *others = (pipeline.held_out(Y, dealt) for pipeline in pipelines)
    return (
        replace(first, student=np.mean([first.student, *(one.student for one in others)], axis=0)) if others else first
    )


def teacher_blocks(count: int) -> list[str]:
    """Return the names of the blocks of moments that hold the features of this many teachers."""
    return ["teacher", *(f"teacher {number}" for number in range(2, count + 1))]


def pipeline_of(
    teacher: RidgePath,
    baseline: RidgePath,
    student: RidgePath,
    pool: Moments,
    *,
    X_teacher: Features,
    X_student: Features,
    strengths: tuple[int, int, int],
    block: str = "teacher",
) -> Pipeline:
    """Return the three maps for the strengths at these positions on the paths of teacher, student and baseline.

    The paths of teacher and baseline are fitted to the n labeled rows with the same weights, on teacher and on
    student features, `X_teacher` and `X_student`. The student's path has the spectrum of the pool's student
    features; its targets are not used. `pool` has the teacher's `block` and the block ``student``.
    """
    a_t, a_s, a_b = strengths
    U_t, decay_t = teacher.spectrum.coordinates(X_teacher), _decay(teacher, a_t)
    U_b = baseline.spectrum.coordinates(X_student)
    w = teacher.spectrum.weights
    mean = w / w.sum()
    return Pipeline(
        H_teacher=mean + ((U_t * decay_t) @ U_t.T) * w,
        S=student_map(
            teacher.spectrum,
            student.spectrum,
            pool,
            X_teacher=X_teacher,
            X_student=X_student,
            strengths=(teacher.alphas[a_t], student.alphas[a_s]),
            block=block,
        ),
        H_baseline=mean + ((U_b * _decay(baseline, a_b)) @ U_b.T) * w,
    )


def student_map(
    teacher: Spectrum,
    student: Spectrum,
    pool: Moments,
    *,
    X_teacher: Features,
    X_student: Features,
    strengths: tuple[float, float],
    block: str = "teacher",
) -> Float:
    """Return S, shape (m, n): ``S @ Y`` are the student's predictions on m rows for labels Y of the n labeled rows.

    Parameters
    ----------
    teacher : Spectrum
        Of the teacher features of the labeled rows.
    student : Spectrum
        Of the student features of the pool.
    pool : Moments
        Moments of the pool, with the teacher's `block` and the block ``student``.
    X_teacher : array of shape (n, d_t)
        Teacher features of the labeled rows.
    X_student : array of shape (m, d_s)
        Student features of the rows to predict.
    strengths : tuple of float
        Strengths of teacher and student.
    block : str
        Name of the block of teacher features.
    """
    s_t, s_s, w = teacher.eigenvalues, student.eigenvalues, teacher.weights
    to_weights = teacher.axes * (np.sqrt(s_t) / (s_t + strengths[0]))  # (d_t, r): A^-1 X~' = to_weights @ U'
    M = student.axes @ ((student.axes.T @ pool.gram("student", block)) / (s_s + strengths[1])[:, None])
    reach = (np.asarray(X_student, dtype=np.float64) - pool.mean_of("student")) @ M
    reach += pool.mean_of(block) - teacher.mean
    return w / w.sum() + ((reach @ to_weights) @ teacher.coordinates(X_teacher).T) * w


def student_path(
    pool: Moments,
    W: Float,
    b: Float,
    *,
    alphas: ArrayLike | None = None,
    points: int = RIDGE_POINTS,
    spectrum: Spectrum | None = None,
    blocks: Sequence[str] = ("teacher",),
) -> RidgePath:
    """Return the student's path on the pseudolabels ``X_teacher @ W + b``, which are never computed.

    `pool` has the blocks ``teacher`` and ``student``; W, shape (d_t, K), and b, shape (K,), are the teacher's head.
    `alphas` and `points` are those of `ridge_path`. `spectrum` is that of the pool's student features; it is
    computed if None. With several neighboring `blocks`, X_teacher has their columns side by side: a mean of several
    teachers' heads is one head on them.
    """
    columns = slice(pool.columns(blocks[0]).start, pool.columns(blocks[-1]).stop)
    total = float(np.einsum("ik,ij,jk->", W, pool.scatter[columns, columns], W, optimize=True))
    return path_of_gram(
        pool.gram("student"),
        pool.scatter[pool.columns("student"), columns] @ W,
        n=pool.n,
        mean=pool.mean_of("student"),
        target_mean=pool.mean[columns] @ W + b,
        total=total,
        alphas=alphas,
        points=points,
        spectrum=spectrum,
    )


def _decay(path: RidgePath, index: int) -> Float:
    s = path.spectrum.eigenvalues
    return s / (s + path.alphas[index])


def _held_out_residuals(H: Float, Y: Float, B: Rows) -> Float:
    inside = np.eye(len(B)) - H[np.ix_(B, B)]
    return np.asarray(np.linalg.solve(inside, Y[B] - H[B] @ Y), dtype=np.float64)
