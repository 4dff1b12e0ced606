r"""Heads of an early-stopped gradient descent on labels and pseudolabels.

The objective is that of `w2s_probe.heads.tempered`; for ridge heads each loss is half the squared error. The weights
of labels and pseudolabels may change from step to step. The features are scaled and centered as for a fit, and the
intercept is not penalized; its constant column has the size of the leading axis.

The step length is 1 over a bound of the curvature that holds for all row weights with mean 1: the largest eigenvalue of
the Gram of the labeled rows alone, or of the pool alone if that is larger, times 1 (ridge), 1/4 (two classes) or 1/2,
plus the strength. With enough steps at the last weights the descent ends at the converged head, from any start.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from w2s_probe.core.fit_options import FitOptions, Head
from w2s_probe.core.types import Float
from w2s_probe.heads.coordinates import with_both_classes
from w2s_probe.heads.linear import LinearHead
from w2s_probe.heads.tempered import JointRows, free


def early_stopped(
    rows: JointRows,
    options: FitOptions,
    *,
    alpha: float,
    weights: Iterable[Float],
    start: LinearHead | None = None,
) -> LinearHead:
    """Return the head after some gradient steps on all rows; it depends on its start and on the weights of each step.

    Parameters
    ----------
    rows : JointRows
        Labels, pseudolabels and temperature; its weights scale and center the features.
    options : FitOptions
        Kind, scaling, and whether the head has an intercept.
    alpha : float
        Strength, at least 0.
    weights : iterable of arrays of shape (n + N,)
        Row weights with mean 1 for each step; they are equal within the labeled rows, and within the pool.
    start : LinearHead, optional
        Head of the same kind at which the descent starts; zero by default.
    """
    frame = _frame(rows, options)
    V = frame.start(start)
    penalty = np.full(len(V), alpha)[:, None]
    penalty[-1] = 0.0
    length = 1 / (frame.bend * _largest(frame.A, rows.n) + alpha)
    for of_rows in weights:
        slope = of_rows[:, None] * frame.slope(rows, frame.A @ V)
        V = V - length * (frame.A.T @ slope + penalty * V)
    return frame.head(V, alpha)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Frame:
    """Scaled, centered features with a constant column, A, and the way between heads and their weights on A."""

    kind: Head
    K: int
    divisor: Float
    mean: Float
    constant: float
    A: Float

    @property
    def binary(self) -> bool:
        """Whether one column holds the log-odds of two classes."""
        return self.kind == "softmax" and self.K == 2

    @property
    def bend(self) -> float:
        """Largest curvature of a row's loss."""
        return 1.0 if self.kind == "ridge" else 0.25 if self.binary else 0.5

    def slope(self, rows: JointRows, scores: Float) -> Float:
        """Return the gradient of each row's loss in its scores, before its weight."""
        if self.kind == "ridge":
            return scores - rows.Y
        _, slope = rows.loss(with_both_classes(scores) if self.binary else scores, rows.Y)
        return free(slope) / 2 if self.binary else slope

    def start(self, head: LinearHead | None) -> Float:
        """Return the weights of a head on A, shape (d + 1, columns); zeros without one."""
        if head is None:
            return np.zeros((self.A.shape[1], 1 if self.binary else self.K))
        coef, intercept = head.coef * self.divisor[:, None], head.intercept
        if self.binary:
            coef, intercept = free(coef), free(intercept)
        shifted = intercept + self.mean @ coef
        return np.vstack([coef, shifted / self.constant if self.constant else 0.0 * shifted])

    def head(self, V: Float, alpha: float) -> LinearHead:
        """Return the head with the weights V on A."""
        coef, intercept = V[:-1], self.constant * V[-1]
        if self.binary:
            coef, intercept = with_both_classes(coef), with_both_classes(intercept)
        return LinearHead(
            kind=self.kind,
            coef=coef / self.divisor[:, None],
            intercept=intercept - self.mean @ coef,
            alpha=alpha,
            rule="given",
            at_edge=False,
        )


def _frame(rows: JointRows, options: FitOptions) -> _Frame:
    divisor = rows.divisor(options)
    X = rows.X.astype(np.float64) / divisor
    mean = np.average(X, axis=0, weights=rows.weights) if options.intercept else np.zeros(X.shape[1])
    Z = X - mean
    constant = float(np.sqrt(_largest(Z, rows.n) / len(Z))) if options.intercept else 0.0
    A = np.column_stack([Z, np.full(len(Z), constant)])
    return _Frame(kind=options.kind, K=rows.Y.shape[1], divisor=divisor, mean=mean, constant=constant, A=A)


def _largest(A: Float, n: int) -> float:
    """Return the largest eigenvalue of the Gram of labeled rows or pool, each weighted to the size of both."""
    values = []
    for part in (A[:n], A[n:]):
        gram = part.T @ part if part.shape[1] <= len(part) else part @ part.T
        top = len(gram) - 1
        values.append(len(A) / len(part) * linalg.eigvalsh(gram, subset_by_index=[top, top])[0])
    return float(max(values))
