r"""Simulated errors of teacher, student, baseline and ceilings on Gaussian features with planted overlap.

A least-squares head depends on its rows only through the triangle R of their QR decomposition. For Gaussian rows R
has independent entries, normal above the diagonal and chi on it (Bartlett 1933 [1]_). So R is drawn instead of
the rows, and the cost of a trial depends on the dimensions but not on n and N.

References
----------
.. [1] Bartlett (1933), Proceedings of the Royal Society of Edinburgh 53; Anderson (2003), An Introduction
   to Multivariate Statistical Analysis, theorem 7.2.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from scipy import linalg

from w2s_probe.core.errors import ConfigError, require_setting
from w2s_probe.core.types import Float, Progress
from w2s_probe.theory.progress import counted
from w2s_probe.theory.variance.intrinsic_dimension import IntrinsicDimension, SystemErrors

MOST_FEATURES = 5_000  # of both spaces
SYSTEMS = tuple(field.name for field in fields(SystemErrors))


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """A mean over trials, or a ratio of such means, with its jackknife standard error.

    Parameters
    ----------
    value, se : float
        The mean or ratio, and its standard error.
    """

    value: float
    se: float


@dataclass(frozen=True, eq=False, kw_only=True)
class _World:
    r"""A truth and two feature spaces with the dimensions and residuals of a config.

    Teacher features are ``g_s @ C + z * own`` with z independent of the student features g_s. The truth is
    ``b g_t[0] + w u + h`` with u the part of ``g_s[0]`` that is orthogonal to the teacher's first feature,
    and h orthogonal to both spaces.
    """

    config: IntrinsicDimension
    C: Float
    own: Float
    b: float
    w: float
    h: float

    @property
    def beta_student(self) -> Float:
        """Projection of the truth on the student's features."""
        beta = np.zeros(self.config.d_student)
        c = self.C[0, 0]
        beta[0] = c * self.b + math.sqrt(1 - c**2) * self.w
        return beta

    @property
    def beta_teacher(self) -> Float:
        """Projection of the truth on the teacher's features."""
        beta = np.zeros(self.config.d_teacher)
        beta[0] = self.b
        return beta


def simulate_errors(
    config: IntrinsicDimension, *, trials: int, rng: np.random.Generator, on_progress: Progress | None = None
) -> dict[str, Simulated]:
    """Return mean errors and ratios over trials, under the names of `SystemErrors.to_dict`.

    Each trial draws labeled rows and a pool, fits teacher, student, baseline and ceilings, and computes
    their exact error on the population; only the in-sample error is a mean over the pool.

    Parameters
    ----------
    config : IntrinsicDimension
        Dimensions, sizes and noise.
    trials : int
        Number of draws, at least 2.
    rng : numpy.random.Generator
        Source of all randomness.
    on_progress : callable, optional
        Called with the number of finished trials and of all trials.

    Raises
    ------
    ConfigError
        If there are too few trials, too many features, or spaces of these dimensions have no room for overlap and
        biases together.
    """
    require_setting(trials >= 2, "trials", "at least 2", trials, "Use 400 for standard errors of a few percent.")
    width = config.d_student + config.d_teacher
    if width > MOST_FEATURES:
        msg = (
            f"`d_student` + `d_teacher` must be at most {MOST_FEATURES:,} for a simulation: got {width:,}. Use smaller "
            "dimensions, or remove --simulate."
        )
        raise ConfigError(msg)
    world = _plant(config)
    errors = np.array([_trial(world, rng) for _ in counted(range(trials), on_progress, "simulation")])
    left_out = (errors.sum(axis=0) - errors) / (trials - 1)
    whole = _named(errors.mean(axis=0))
    parts = [_named(row) for row in left_out]
    return {
        name: Simulated(value=value, se=_jackknife(np.array([part[name] for part in parts])))
        for name, value in whole.items()
    }


def _named(row: Float) -> dict[str, float]:
    return SystemErrors(**dict(zip(SYSTEMS, row.tolist(), strict=True))).to_dict()


def _jackknife(left_out: Float) -> float:
    return float(np.sqrt((len(left_out) - 1) * left_out.var()))


def _plant(config: IntrinsicDimension) -> _World:
    """Return spaces with canonical correlations of 1 or 0, except a fractional one and the one of the truth's pair."""
    k, m = config.unseen_signal, config.misalignment
    cross = (config.teacher_residual + k - m - config.rho_student) / 2  # beta_t' C' (beta_s - C beta_t)
    squared = cross**2 / (cross**2 + k * m) if k * m > 0 else 0.0
    squared = squared if squared > 1e-12 else 0.0  # rounding of an implied residual
    C = np.zeros((config.d_student, config.d_teacher))
    rest = config.correlation_dimension - squared
    correlations = _correlations(rest)
    room = min(config.d_student - (m > 0 or squared > 0), config.d_teacher - (k > 0 or squared > 0))
    if rest < 0 or len(correlations) > room:
        msg = (
            f"`correlation_dimension` must lie between {squared:.3g} and {squared + room:.6g} to simulate this "
            f"`misalignment` and `unseen_signal`: got {config.correlation_dimension}. Use a number in this range"
            f"{', or remove `student_residual`' if config.student_residual is not None else ''}."
        )
        raise ConfigError(msg)
    for i, c in enumerate(correlations, start=1):
        C[-i, -i] = c
    C[0, 0] = math.copysign(math.sqrt(squared), cross) if squared else C[0, 0]
    w = math.sqrt(m / (1 - squared))
    return _World(
        config=config,
        C=C,
        own=np.sqrt(np.clip(1 - (C**2).sum(axis=0), 0, None)),
        b=math.sqrt(k / (1 - squared)),
        w=w,
        h=math.sqrt(max(config.teacher_residual - w**2, 0.0)),
    )


def _correlations(total: float) -> list[float]:
    ones = math.floor(total)
    fraction = total - ones
    return [1.0] * ones + ([math.sqrt(fraction)] if fraction > 0 else [])


def _trial(world: _World, rng: np.random.Generator) -> list[float]:
    """Return the errors of one draw, in the order of `SystemErrors`."""
    c = world.config
    S_l, T_l, _, y_l = _rows(world, c.n, rng)
    S_u, T_u, f_u, y_u = _rows(world, c.N, rng)
    theta = _least_squares(T_l, y_l)
    w2s = _least_squares(S_u, T_u @ theta)
    ceiling = _least_squares(np.concatenate([S_l, S_u]), np.concatenate([y_l, y_u]))

    def error(w: Float) -> float:
        return c.rho_student + float(((w - world.beta_student) ** 2).sum())

    return [
        c.teacher_residual + float(((theta - world.beta_teacher) ** 2).sum()),
        error(_least_squares(S_l, y_l)) if c.n > c.d_student + 1 else math.nan,
        error(ceiling),
        error(_least_squares(S_u, y_u)),
        error(w2s),
        float(((S_u @ w2s - f_u) ** 2).sum()) / c.N,
    ]


def _rows(world: _World, rows: int, rng: np.random.Generator) -> tuple[Float, Float, Float, Float]:
    """Return student features, teacher features, truth and labels of the triangle of `rows` rows."""
    d_s, d_t = world.C.shape
    R = _triangle(rows, d_s + d_t + 2, rng)
    S = R[:, :d_s]
    T = S @ world.C + R[:, d_s:-2] * world.own
    c = world.C[0, 0] if world.b and world.w else 0.0
    truth = world.b * T[:, 0] + world.w * (S[:, 0] - c * T[:, 0]) / math.sqrt(1 - c**2) + world.h * R[:, -2]
    return S, T, truth, truth + math.sqrt(world.config.noise_variance) * R[:, -1]


def _triangle(rows: int, columns: int, rng: np.random.Generator) -> Float:
    """Return R of the QR decomposition of `rows` x `columns` independent standard normals."""
    k = min(rows, columns)
    R = np.triu(rng.standard_normal((k, columns)), 1)
    R[np.arange(k), np.arange(k)] = np.sqrt(rng.chisquare(rows - np.arange(k)))
    return R


def _least_squares(X: Float, y: Float) -> Float:
    return linalg.cho_solve(linalg.cho_factor(X.T @ X, check_finite=False), X.T @ y, check_finite=False)
