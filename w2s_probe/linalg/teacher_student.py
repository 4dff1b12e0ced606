r"""Exact held-out predictions of the whole pipeline, teacher and student, without a refit.

With ridge heads everything is linear in the n labels. Let :math:`\theta` be the teacher's weights,
:math:`M = (G_{ss} + \alpha_s)^{-1} G_{st}` the student's map on the pool (no labels in it) and
:math:`\mu` means of the labeled rows L or of the pool U. On the labeled rows

.. math::
    f_t = H_t Y, \quad f_s = S Y, \quad f_b = H_b Y, \qquad
    S = \tfrac1n 11^\top + \left[(X_s - \mu_{s,U}) M + 1 (\mu_{t,U} - \mu_{t,L})^\top\right]
        A^{-1} \tilde X_t^\top

with :math:`A = \tilde X_t^\top \tilde X_t + \alpha_t`. A ridge head fitted without the rows of a block B
equals one fitted to labels in which those of B are replaced by its own held-out predictions, whatever
the weights of the rows (which multiply the columns of all three maps). The held-out residuals are
:math:`E = (I - H_{BB})^{-1}(Y - HY)_B`, hence

.. math::
    \text{teacher: } Y_B - E, \qquad \text{student: } (SY)_B - S_{BB} E .

A block of one row gives leave-one-out. Strengths are held at their values.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.linalg.moments import Moments
from w2s_probe.linalg.ridge import RidgePath, path_of_gram
from w2s_probe.linalg.spectra import Spectrum


@dataclass(frozen=True, eq=False, kw_only=True)
class HeldOut:
    """Predictions for labeled rows by heads that never saw their labels, each of shape (n, K)."""

    teacher: Float
    student: Float
    baseline: Float


@dataclass(frozen=True, eq=False, kw_only=True)
class Pipeline:
    """Labels to predictions on the labeled rows, for teacher, student and baseline.

    Parameters
    ----------
    H_teacher, S, H_baseline : array of shape (n, n)
        The three linear maps.
    """

    H_teacher: Float
    S: Float
    H_baseline: Float

    def held_out(self, Y: ArrayLike, blocks: Iterable[Rows] | None = None) -> HeldOut:
        """Return held-out predictions for each block of rows; leave-one-out without blocks.

        Parameters
        ----------
        Y : array of shape (n, K)
            True labels of the labeled rows.
        blocks : iterable of index arrays, optional
            Disjoint sets that cover all rows.
        """
        targets = np.asarray(Y, dtype=np.float64)
        if blocks is None:
            teacher = self._left_out(self.H_teacher, targets)
            student = self.S @ targets - np.diag(self.S)[:, None] * (targets - teacher)
            return HeldOut(teacher=teacher, student=student, baseline=self._left_out(self.H_baseline, targets))
        out = HeldOut(teacher=np.empty_like(targets), student=self.S @ targets, baseline=np.empty_like(targets))
        for B in blocks:
            E = _held_out_residuals(self.H_teacher, targets, B)
            out.teacher[B] = targets[B] - E
            out.student[B] -= self.S[np.ix_(B, B)] @ E
            out.baseline[B] = targets[B] - _held_out_residuals(self.H_baseline, targets, B)
        return out

    @staticmethod
    def _left_out(H: Float, Y: Float) -> Float:
        return Y - (Y - H @ Y) / (1 - np.diag(H))[:, None]


def pipeline_of(
    teacher: RidgePath,
    baseline: RidgePath,
    student: RidgePath,
    pool: Moments,
    *,
    X_teacher: Features,
    X_student: Features,
    strengths: tuple[int, int, int],
) -> Pipeline:
    """Return the three maps for chosen strengths.

    Parameters
    ----------
    teacher, baseline : RidgePath
        Fitted to the labeled rows with the same weights, on teacher and on student features.
    student : RidgePath
        Of the pool's student features; its targets do not matter.
    pool : Moments
        Of the pool, with blocks ``teacher`` and ``student``.
    X_teacher, X_student : array of shape (n, d)
        Features of the labeled rows.
    strengths : tuple of int
        Positions of the strengths of teacher, student and baseline on their paths.
    """
    a_t, a_s, a_b = strengths
    U_t, decay_t = _rows(teacher, X_teacher), _decay(teacher, a_t)
    s_t = teacher.spectrum.eigenvalues
    to_weights = teacher.spectrum.axes * (np.sqrt(s_t) / (s_t + teacher.alphas[a_t]))  # (d_t, r): A^-1 X~' = this @ U'
    M = student.spectrum.axes @ (
        (student.spectrum.axes.T @ pool.gram("student", "teacher"))
        / (student.spectrum.eigenvalues + student.alphas[a_s])[:, None]
    )
    reach = (np.asarray(X_student, dtype=np.float64) - pool.mean_of("student")) @ M
    reach += pool.mean_of("teacher") - teacher.spectrum.mean
    U_b = _rows(baseline, X_student)
    w = teacher.spectrum.weights
    mean = w / w.sum()
    return Pipeline(
        H_teacher=mean + ((U_t * decay_t) @ U_t.T) * w,
        S=mean + ((reach @ to_weights) @ U_t.T) * w,
        H_baseline=mean + ((U_b * _decay(baseline, a_b)) @ U_b.T) * w,
    )


def student_path(
    pool: Moments,
    W: Float,
    b: Float,
    *,
    alphas: ArrayLike | None = None,
    points: int = 33,
    spectrum: Spectrum | None = None,
) -> RidgePath:
    """Return the student's path on pseudolabels ``X_teacher @ W + b`` that never need to exist.

    Parameters
    ----------
    pool : Moments
        Of the pool, with blocks ``teacher`` and ``student``.
    W, b : arrays of shape (d_t, K) and (K,)
        The teacher's head.
    alphas : array of shape (A,), optional
        Strengths; by default the usual grid.
    points : int
        Length of that grid.
    spectrum : Spectrum, optional
        Of the pool's student features, if it is known already.
    """
    total = float(np.einsum("ik,ij,jk->", W, pool.gram("teacher"), W, optimize=True))
    return path_of_gram(
        pool.gram("student"),
        pool.gram("student", "teacher") @ W,
        n=pool.n,
        mean=pool.mean_of("student"),
        target_mean=pool.mean_of("teacher") @ W + b,
        total=total,
        alphas=alphas,
        points=points,
        spectrum=spectrum,
    )


def _rows(path: RidgePath, X: Features) -> Float:
    """Return centered rows along the scaled axes, without the weights of the rows; shape (n, r)."""
    spectrum = path.spectrum
    return (X - spectrum.mean) @ (spectrum.axes / np.sqrt(spectrum.eigenvalues))


def _decay(path: RidgePath, index: int) -> Float:
    s = path.spectrum.eigenvalues
    return s / (s + path.alphas[index])


def _held_out_residuals(H: Float, Y: Float, B: Rows) -> Float:
    inside = np.eye(len(B)) - H[np.ix_(B, B)]
    return np.asarray(np.linalg.solve(inside, Y[B] - H[B] @ Y), dtype=np.float64)
