r"""Odd ridge heads for preference pairs, and held-out predictions that leave out all pairs with a common item.

Rows are differences :math:`\delta` of two sides, and targets are one-hot rows minus 1/2. Nothing is centered, so that
swapped sides swap the sign of :math:`f - 1/2`: this is the squared-error counterpart of a Bradley–Terry head. All maps
of `teacher_student` hold without their terms from the means. For a pair i with the linked pairs :math:`B \ni i`, the
held-out residual is the entry of i in :math:`(I - H_{BB})^{-1}(Y - HY)_B`, at every strength from one
eigendecomposition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.core.types import Float, Rows
from w2s_probe.linalg.moments import Moments
from w2s_probe.linalg.ridge import RidgePath, ridge_path
from w2s_probe.linalg.spectra import centered_spectrum
from w2s_probe.linalg.teacher_student import HeldOut, Pipeline

HALF = 0.5  # the score of both sides where the features of the sides are equal


def odd_path(X: Float, Y: Float, *, alphas: ArrayLike | None = None, points: int) -> RidgePath:
    """Return the ridge path of targets Y, shape (n, 2), on differences X, shape (n, d), through 1/2 at 0.

    `alphas` and `points` are those of `ridge_path`.
    """
    targets, weights = Y - HALF, np.ones(len(X))
    spectrum, loadings = centered_spectrum(X, targets, weights, mean=np.zeros(X.shape[1]))
    path = ridge_path(X, targets, alphas=alphas, points=points, spectrum=spectrum)
    total = float((targets**2).sum())
    return replace(path, loadings=loadings, target_mean=np.full(Y.shape[1], HALF), total=total)


def about_zero(pool: Moments) -> Moments:
    """Return moments whose scatter is about 0 and not about the mean."""
    return replace(pool, mean=np.zeros_like(pool.mean), scatter=pool.scatter + pool.n * np.outer(pool.mean, pool.mean))


def linked_rows(links: Rows) -> list[Rows]:
    """Return for each pair the positions of all pairs that have a number in common with it, itself included.

    `links` has shape (n, 2): two numbers for each pair.
    """
    numbers = np.unique(links, return_inverse=True)[1]
    numbers = numbers.reshape(links.shape)
    order, ends = np.argsort(numbers.ravel(), kind="stable"), np.cumsum(np.bincount(numbers.ravel()))[:-1]
    of_number = np.split(order // 2, ends)  # the pairs of each number
    return [np.unique(np.concatenate([of_number[number] for number in own])) for own in numbers]


def linked_score(path: RidgePath, X: Float, Y: Float, linked: Sequence[Rows]) -> Float:
    """Return the mean squared held-out residual of each strength, shape (A,); linked pairs are left out together."""
    U = path.spectrum.coordinates(X)
    decay = path.spectrum.eigenvalues[:, None] / (path.spectrum.eigenvalues[:, None] + path.alphas)  # (r, A)
    fitted = np.einsum("nr,ra,rk->ank", U, decay, path.loadings, optimize=True)
    residuals = Y - HALF - fitted  # (A, n, K)
    total = np.zeros(len(path.alphas))
    for row, B in enumerate(linked):
        inside = np.eye(len(B)) - np.einsum("br,ra,cr->abc", U[B], decay, U[B], optimize=True)
        E = np.linalg.solve(inside, residuals[:, B])
        total += (E[:, np.searchsorted(B, row)] ** 2).sum(axis=1)
    return total / len(Y)


def without_means(pipeline: Pipeline) -> Pipeline:
    """Return the maps of a pipeline of odd heads from those that `teacher_student.pipeline_of` makes of its paths."""
    share = 1 / len(pipeline.S)
    return Pipeline(H_teacher=pipeline.H_teacher - share, S=pipeline.S - share, H_baseline=pipeline.H_baseline - share)


def linked_held_out(pipelines: Sequence[Pipeline], Y: Float, linked: Sequence[Rows]) -> HeldOut:
    """Return the predictions of each pair, shape (n, K), by odd heads that saw no pair linked to it.

    Each pipeline is the one of a single teacher: teacher and baseline are those of the first one, and the student is
    that of all teachers' mean.
    """
    targets, first = Y - HALF, pipelines[0]
    student = np.mean([one.S for one in pipelines], axis=0) @ targets + HALF
    teacher, baseline = np.empty_like(targets), np.empty_like(targets)
    for row, B in enumerate(linked):
        at = np.searchsorted(B, row)
        residuals = [_residuals(one.H_teacher, targets, B) for one in pipelines]
        teacher[row] = Y[row] - residuals[0][at]
        student[row] -= np.mean([one.S[row, B] @ E for one, E in zip(pipelines, residuals, strict=True)], axis=0)
        baseline[row] = Y[row] - _residuals(first.H_baseline, targets, B)[at]
    return HeldOut(teacher=teacher, student=student, baseline=baseline)


def _residuals(H: Float, Y: Float, B: Rows) -> Float:
    return np.asarray(np.linalg.solve(np.eye(len(B)) - H[np.ix_(B, B)], Y[B] - H[B] @ Y))
