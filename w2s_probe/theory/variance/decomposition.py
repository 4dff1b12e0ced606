r"""What a real student's expected error is made of, and what n and N would do about it.

A teacher's head errs by noise :math:`\delta` with covariance :math:`\sigma^2 K`. The student inherits the
part of :math:`x_t^\top\delta` that is linear in its own features, whatever N is; of the rest it keeps
the share q, which N lowers. For whitened Gaussian features and least squares these are
:math:`\tau^2 d_{st}` and :math:`\tau^2 q (d_t - d_{st})` of `intrinsic_dimension`. For other features and
strengths, limits of ridge regression [1]_ take the place of inverse Wishart means: a ridge head of m rows
acts as the population's with a strength :math:`\kappa` that solves
:math:`\alpha = \kappa (m - \mathrm{df}_1(\kappa))`, where
:math:`\mathrm{df}_j(\kappa) = \mathrm{tr}[\Sigma^j (\Sigma + \kappa I)^{-j}]`, and fits the share
:math:`\mathrm{df}_2 / (m - \mathrm{df}_2 - 1)` of what it cannot hold. On the pool itself, with
:math:`H` the student's smoother and :math:`T_j = \mathrm{tr} H^j`, for any target y

.. math::
    \frac{y^\top(I - H)^2 y}{N - 2T_1 + T_2}, \qquad \frac{y^\top(I - H) y}{N - T_1}, \qquad
    \mathrm{df}_2 = \frac{N T_2 - T_1^2}{N + T_2 - 2T_1}

estimate the population's mean squared misfit, its counterpart of first order, and df without bias. Both
heads have an intercept, which takes one row of each part. The covariance of the teacher's features is
the pool's: a pool smaller than n makes the variance too small (on pixels of digits by 3 % with 60 rows
for n = 200, by 1 % and less for N at least n), and so do unpenalized heads on nearly constant columns.

References
----------
.. [1] Hastie, Montanari, Rosset and Tibshirani (2022), Annals of Statistics 50; Bach (2024), SIAM Journal
   on Mathematics of Data Science 6. The trace identities follow by differentiating the equation of kappa.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg, optimize

from w2s_probe.core.errors import ConfigError, ShapeError
from w2s_probe.core.types import Float
from w2s_probe.linalg.moments import Moments
from w2s_probe.results.forecast import ErrorPart, ErrorParts


def decompose(
    pool: Moments,
    *,
    n: int,
    teacher_alpha: float,
    student_alpha: float,
    noise_variance: float,
    N: int | None = None,
    squared_error: float | None = None,
    label_noise: float = 0.0,
) -> ErrorParts:
    """Return the parts of a student's expected squared error on fresh points.

    Parameters
    ----------
    pool : Moments
        Of the blocks ``"teacher"`` and ``"student"``, both of the pool's rows.
    n : int
        Labeled rows of the teacher.
    teacher_alpha : float
        Strength of the teacher's head at n rows.
    student_alpha : float
        Strength of the student's head at the rows of `pool`.
    noise_variance : float
        Variance of labels around the head that teachers of this strength approach with many rows: label
        noise and what such a head cannot fit, summed over target columns. A held-out or leave-one-out
        squared error of the teacher is a little above it.
    N : int, optional
        Rows of the pool to speak of, those of `pool` by default. The student's strength then grows with N
        so that it shrinks as much as before.
    squared_error : float, optional
        Expected squared error against labels, from a forecast or a run, summed over target columns.
    label_noise : float
        Variance of labels around the truth, as far as it is known; what is not known counts as bias.

    Returns
    -------
    ErrorParts
        A part is halved at sizes with strengths that shrink as much as now.

    Raises
    ------
    ConfigError
        If strengths or variances are negative, or sizes too small for an expectation.
    ShapeError
        If the pool's features do not vary.
    """
    _check(n=n, teacher_alpha=teacher_alpha, student_alpha=student_alpha, noise_variance=noise_variance)
    sizes = {"n": n, "N": pool.n if N is None else N}
    teacher = _teacher(pool.gram("teacher") / (pool.n - 1), rows=n - 1, alpha=teacher_alpha)
    misfit = _student_misfit(pool, teacher.root, student_alpha).for_fresh_noise(rows=pool.n - 1, df=teacher.df)
    if misfit.spare(sizes["N"]) <= 0:
        least = sizes["N"] - misfit.spare(sizes["N"])
        msg = f"N must be above {least:.1f}, what the student's degrees of freedom take: got {sizes['N']}. Enlarge it."
        raise ConfigError(msg)

    def constant(n: float) -> float:  # means of the labels and of the labeled rows: the student repeats them
        return (1 + misfit.total * teacher.scale(n)) / n

    def inherited(n: float) -> float:
        return noise_variance * (misfit.held * teacher.scale(n) + constant(n))

    def reduced(n: float, N: float) -> float:
        return noise_variance * misfit.second * teacher.scale(n) * misfit.share(N)

    n, N = sizes["n"], sizes["N"]
    rest = math.nan if squared_error is None else squared_error - label_noise - inherited(n) - reduced(n, N)
    return ErrorParts(
        inherited=ErrorPart(value=inherited(n), n_to_halve=_halving(inherited, n), N_to_halve=math.inf),
        reduced=ErrorPart(
            value=reduced(n, N),
            n_to_halve=_halving(lambda size: reduced(size, N), n),
            N_to_halve=_halving(lambda size: reduced(n, size), N),
        ),
        bias=ErrorPart(value=rest, n_to_halve=math.inf, N_to_halve=math.inf),
        teacher_variance=noise_variance * (misfit.total + constant(n)),
        correlation_dimension=teacher.df * misfit.held / misfit.total,
    )


def _halving(value: Callable[[float], float], size: float) -> float:
    """Return the size in [size, 2 size] at which a value that falls at least as 1 / size is half."""
    half = value(size) / 2
    return float(optimize.brentq(lambda larger: value(larger) - half, size, 2 * size)) if half > 0 else math.inf


def _spare(rows: float, df1: float, df2: float) -> float:
    """Return rows beyond degrees of freedom: one less than their difference for least squares.

    Limits for many dimensions know nothing of the one. Its fading with the strength was found by
    simulation: within 3 % at 50 rows, for 16 to 80 dimensions.
    """
    return rows - df2 - (df2 / df1) ** 2


@dataclass(frozen=True, eq=False, kw_only=True)
class _Teacher:
    """A ridge head in expectation: degrees of freedom, and a root of the covariance of its noise."""

    df1: float
    df: float
    rows: int
    root: Float

    def scale(self, n: float) -> float:
        """Return the covariance at `n` labels, relative to what it is now."""
        return _spare(self.rows, self.df1, self.df) / _spare(n - 1, self.df1, self.df)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Misfit:
    """The teacher's noise on the population: all of it, what a student with an endless pool holds, and its misfit."""

    total: float
    second: float
    df1: float
    df: float
    held: float

    def for_fresh_noise(self, *, rows: int, df: float) -> _Misfit:
        """Return what holds where the teacher's covariance is not that of the very rows of the pool.

        Of `df` directions that the pool's rows weigh themselves, chance hides more of those held: canonical
        correlations of 1 or 0 show ``held (1 - (df - held) / rows)``, in expectation.
        """
        shown = self.held * df / self.total
        more = self.held * (1 / (1 - (df - shown) / rows) - 1) if df - shown < rows else 0.0
        more = min(more, self.total - self.held, self.second)
        return replace(self, held=self.held + more, second=self.second - more)

    def spare(self, N: float) -> float:
        """Return rows of a pool beyond intercept and degrees of freedom."""
        return _spare(N - 1, self.df1, self.df)

    def share(self, N: float) -> float:
        """Return the share of the misfit that the student fits; the pool's mean is a fit, too."""
        return 1 / N + (1 + 1 / N) * self.df / self.spare(N)


def _teacher(covariance: Float, *, rows: int, alpha: float) -> _Teacher:
    """Return the limit of ridge regression on `rows` centered rows with this covariance."""
    s, axes = _positive(covariance, "teacher")
    kappa = _limiting_strength(s, rows=rows, alpha=alpha)
    df1, df = float((s / (s + kappa)).sum()), float(((s / (s + kappa)) ** 2).sum())
    spare = _spare(rows, df1, df)
    if spare <= 0:
        msg = (
            f"n must be above {rows + 1 - spare:.1f}, what the teacher's degrees of freedom take: got {rows + 1}. "
            "Raise teacher_alpha."
        )
        raise ConfigError(msg)
    return _Teacher(df1=df1, df=df, rows=rows, root=axes * (np.sqrt(s / spare) / (s + kappa)))


def _limiting_strength(s: Float, *, rows: int, alpha: float) -> float:
    """Return kappa >= 0 with alpha = kappa (rows - df_1(kappa)), for eigenvalues `s` of the covariance."""

    def excess(logarithm: float) -> float:
        kappa = math.exp(logarithm)
        return kappa * (rows - float((s / (s + kappa)).sum())) - alpha

    if alpha == 0 and rows >= len(s):
        return 0.0
    high = math.log((alpha + float(s.sum())) / rows) + 1e-9  # there df_1 <= sum(s) / kappa
    low = high
    while excess(low) > 0:
        low -= 1.0
    return math.exp(optimize.brentq(excess, low, high, xtol=1e-12))


def _student_misfit(pool: Moments, root: Float, alpha: float) -> _Misfit:
    """Return how much of the columns ``X_t @ root`` a ridge head on the student's features holds."""
    rows = pool.n - 1
    s, axes = _positive(pool.gram("student"), "student")
    s, axes = s[-rows:], axes[:, -rows:]
    kept = s / (s + alpha)
    first, second = float(kept.sum()), float((kept**2).sum())
    if rows - first < 1e-9 * rows:
        msg = (
            f"the student must keep degrees of freedom: got {rows} centered rows and as many directions. "
            "Raise student_alpha or enlarge the pool."
        )
        raise ConfigError(msg)
    total = float(np.einsum("ij,ik,kj->", root, pool.gram("teacher"), root, optimize=True))
    energy = ((axes.T @ (pool.gram("student", "teacher") @ root)) ** 2).sum(axis=1) / s
    outside = max(total - float(energy.sum()), 0.0)
    total, rest = total / rows, (outside + float((1 - kept) @ energy)) / (rows - first)
    misfit = (outside + float((1 - kept) ** 2 @ energy)) / (rows - 2 * first + second)
    return _Misfit(
        total=total,
        second=misfit,
        df1=first,
        df=(rows * second - first**2) / (rows + second - 2 * first),
        held=min(max(total - 2 * rest + misfit, 0.0), total),
    )


def _positive(symmetric: Float, name: str) -> tuple[Float, Float]:
    values, axes = linalg.eigh(symmetric, driver="evd", check_finite=False)
    kept = values > len(values) * 1e-13 * values[-1]
    if values[-1] <= 0:
        msg = f"{name} features must differ between rows of the pool: they do not. Check how they were made."
        raise ShapeError(msg)
    return values[kept], axes[:, kept]


def _check(*, n: int, **values: float) -> None:
    if n < 3:
        msg = f"n must be at least 3: got {n}. Give the number of labeled rows."
        raise ConfigError(msg)
    for name, value in values.items():
        if not 0 <= value < math.inf:
            msg = f"{name} must be finite and at least 0: got {value}. Give the value used or estimated."
            raise ConfigError(msg)
