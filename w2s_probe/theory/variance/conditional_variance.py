r"""Variance of a weak-to-strong student conditional on the rows, for any features and strengths.

Both heads are linear in the labels of the n labeled rows. With A the teacher's map from labels to
coefficients and B the student's,

.. math::
    A = (X_L^\top X_L + \alpha_t I)^{-1} X_L^\top, \qquad
    B = (X_U^\top X_U + \alpha_s I)^{-1} X_U^\top Z_U A,

where :math:`Z_U` and :math:`X_U` are teacher and student features of the pool. Labels with independent noise of
variance :math:`\sigma^2` give predictions on the test rows T with the mean variance
:math:`\sigma^2 \lVert X_T B \rVert_F^2 / |T|` [1]_. Heads here have an unpenalized intercept: features
are centered by the mean of a head's training rows, the mean of the labels adds :math:`\sigma^2 / n`,
and differences between the means of the parts add variance. Only moments of the three parts are needed.

References
----------
.. [1] Dong et al. (2025), arXiv 2502.05075, section 3, before taking expectations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from w2s_probe.core.errors import require_setting
from w2s_probe.core.types import Float
from w2s_probe.linalg.moments import Moments


@dataclass(frozen=True, eq=False, kw_only=True)
class _Part:
    """Means and Grams of a part, centered if the heads have an intercept."""

    moments: Moments
    fit_intercept: bool

    def mean(self, name: str) -> Float:
        """Return the mean to subtract; 0 without an intercept."""
        mean = self.moments.mean_of(name)
        return mean if self.fit_intercept else np.zeros_like(mean)

    def gram(self, name: str, other: str, *, origin: Float | None = None) -> Float:
        """Return the Gram of two blocks around the means to subtract, or of one block around `origin`."""
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
        Moments with blocks ``"teacher"`` (labeled, pool) and ``"student"`` (pool, test).
    teacher_alpha, student_alpha : float
        Strengths of the heads; 0 is least squares of minimum norm.
    noise_variance : float
        Noise variance of each label, summed over target columns.
    fit_intercept : bool
        Whether both heads have an intercept, as all other heads of this package do.

    Examples
    --------
    >>> import numpy as np
    >>> from w2s_probe.linalg.moments import moments_of
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


def _eigen(gram: Float, n: int) -> tuple[Float, Float]:
    """Return positive eigenvalues and their vectors, without zero eigenvalues that rounding made positive."""
    values, axes = linalg.eigh(gram, driver="evd", check_finite=False)
    positive = values > max(n, len(values)) * np.finfo(np.float64).eps * values[-1]
    return values[positive], axes[:, positive]


def _check(**values: float) -> None:
    for name, value in values.items():
        require_setting(0 <= value < np.inf, name, "finite and at least 0", value, "Use 0 or a positive number.")
