r"""Variance of a weak-to-strong student for given rows: any features, any strengths.

Both heads are linear in the labels of the n labeled rows. With A the teacher's map from labels to
coefficients and B the student's,

.. math::
    A = (X_L^\top X_L + \alpha_t I)^{-1} X_L^\top, \qquad
    B = (X_U^\top X_U + \alpha_s I)^{-1} X_U^\top Z_U A,

Z teacher and X_U student features of the pool, labels with independent noise of variance
:math:`\sigma^2` give predictions on test rows with the mean variance
:math:`\sigma^2 \lVert X_T B \rVert_F^2 / |T|` [1]_. Heads here have an unpenalized intercept: features
are centered by the mean of the rows a head is fitted on, the labels' mean adds :math:`\sigma^2 / n`,
and the distance between means of the parts counts. Only moments of the three parts are needed.

References
----------
.. [1] Dong et al. (2025), arXiv 2502.05075, section 3, before expectations are taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from w2s_probe.core.arrays import as_matrix
from w2s_probe.core.errors import ConfigError
from w2s_probe.core.types import Features, Float
from w2s_probe.linalg.moments import Moments, moments_of


@dataclass(frozen=True, eq=False, kw_only=True)
class _Part:
    """Rows, means and Grams as a head sees them: centered, or as they are."""

    moments: Moments
    fit_intercept: bool

    def mean(self, name: str) -> Float:
        """Return the mean that is subtracted, 0 without an intercept."""
        mean = self.moments.mean_of(name)
        return mean if self.fit_intercept else np.zeros_like(mean)

    def gram(self, name: str, other: str, *, origin: Float | None = None) -> Float:
        """Return the Gram around what is subtracted, or of a block around another origin."""
        left, right = self.moments.mean_of(name), self.moments.mean_of(other)
        left, right = (left - self.mean(name), right - self.mean(other)) if origin is None else (left - origin,) * 2
        return self.moments.gram(name, other) + self.moments.n * np.outer(left, right)


def student_variance(
    labeled: Moments,
    pool: Moments,
    test: Moments,
    *,
    teacher_alpha: float,
    student_alpha: float,
    noise_variance: float = 1.0,
    fit_intercept: bool = True,
) -> float:
    """Return the mean variance of the student's predictions on the test rows.

    Parameters
    ----------
    labeled, pool, test : Moments
        Of the blocks ``"teacher"`` (labeled, pool) and ``"student"`` (pool, test).
    teacher_alpha, student_alpha : float
        Strengths, 0 for least squares of minimum norm.
    noise_variance : float
        Of each label; for several target columns the sum over them.
    fit_intercept : bool
        Whether both heads have an intercept, as everywhere else in this package.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.eye(2)
    >>> part = moments_of({"teacher": X, "student": X})
    >>> round(student_variance(part, part, part, teacher_alpha=0, student_alpha=0, fit_intercept=False), 12)
    1.0
    """
    _check(teacher_alpha=teacher_alpha, student_alpha=student_alpha, noise_variance=noise_variance)
    L, U, T = (_Part(moments=part, fit_intercept=fit_intercept) for part in (labeled, pool, test))
    values, axes = _eigen(L.gram("teacher", "teacher"), L.moments.n)
    root = axes * (np.sqrt(values) / (values + teacher_alpha))  # root @ root.T = A @ A.T
    values, axes = _eigen(U.gram("student", "student"), U.moments.n)
    heads = (axes / (values + student_alpha)) @ (axes.T @ (U.gram("student", "teacher") @ root))

    spread = T.gram("student", "student", origin=U.mean("student")) / T.moments.n
    shift = root.T @ (U.mean("teacher") - L.mean("teacher"))
    offset = heads.T @ (T.moments.mean_of("student") - U.mean("student"))
    sums = np.einsum("ij,ik,kj->", heads, spread, heads, optimize=True) + shift @ shift + 2 * shift @ offset
    return noise_variance * float(sums + (1 / L.moments.n if fit_intercept else 0))


def student_variance_of_rows(
    teacher_labeled: Features,
    teacher_pool: Features,
    student_pool: Features,
    student_test: Features,
    *,
    teacher_alpha: float,
    student_alpha: float,
    noise_variance: float = 1.0,
    fit_intercept: bool = True,
) -> float:
    """Return `student_variance` from features.

    Parameters
    ----------
    teacher_labeled : array of shape (n, d_t)
        Features the teacher was trained on.
    teacher_pool, student_pool : arrays of shape (N, d_t) and (N, d_s)
        Features of the pool.
    student_test : array of shape (m, d_s)
        Features of the test rows.
    teacher_alpha, student_alpha, noise_variance : float
        As for `student_variance`.
    fit_intercept : bool
        As for `student_variance`.
    """
    return student_variance(
        moments_of({"teacher": as_matrix(teacher_labeled, "teacher features")}),
        moments_of({"teacher": as_matrix(teacher_pool, "teacher features"), "student": student_pool}),
        moments_of({"student": as_matrix(student_test, "student features")}),
        teacher_alpha=teacher_alpha,
        student_alpha=student_alpha,
        noise_variance=noise_variance,
        fit_intercept=fit_intercept,
    )


def _eigen(gram: Float, n: int) -> tuple[Float, Float]:
    """Return positive eigenvalues and their vectors, without what rounding leaves of zeros."""
    values, axes = linalg.eigh(gram, driver="evd", check_finite=False)
    kept = values > max(n, len(values)) * np.finfo(np.float64).eps * values[-1]
    return values[kept], axes[:, kept]


def _check(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value < np.inf:
            msg = f"{name} must be finite and at least 0: got {value}. Give the number a head was fitted with."
            raise ConfigError(msg)
