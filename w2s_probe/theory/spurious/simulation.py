"""Simulated risks under a spurious correlation: least squares on drawn rows, over many trials.

Labels are the truth plus noise, and the truth is linear in the features of both systems. So every error is linear in
the noise, and its mean square over the noise is a trace over the fitted heads, computed exactly. Only the rows vary
between trials.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from w2s_probe.core.arrays import row_blocks
from w2s_probe.core.errors import ConfigError, require_setting
from w2s_probe.core.types import Float, Progress
from w2s_probe.theory.progress import counted
from w2s_probe.theory.spurious.model import SpuriousModel, second_moment
from w2s_probe.theory.variance.simulation import Simulated

MOST_ROWS = 10_000_000
MOST_FEATURES = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SpuriousSizes:
    """Sizes of a simulation.

    Parameters
    ----------
    core_dimension : int
        Dimension of z.
    n, N : int
        Labeled rows and pool rows.
    """

    core_dimension: int
    n: int
    N: int


def simulated_sizes(model: SpuriousModel, *, core_dimension: int) -> SpuriousSizes:
    """Return the numbers of labeled and pool rows for gamma and nu of a model, rounded.

    Parameters
    ----------
    model : SpuriousModel
        Only gamma, nu and the widths are used.
    core_dimension : int
        Dimension of z, at least 1.

    Raises
    ------
    ConfigError
        If there are too few rows for least squares, or more rows or features than the limits of a simulation.
    """
    advice = "Use 40: theory and simulation then agree within a few percent."
    require_setting(core_dimension >= 1, "core_dimension", "at least 1", core_dimension, advice)
    require_setting(model.nu > 0, "nu", "above 0 for a simulation", model.nu, "Use a small number such as 0.0025.")
    rows = {}
    for name, rate, p in (("gamma", model.gamma, model.p_teacher), ("nu", model.nu, model.p_student)):
        features = core_dimension * p
        if features > MOST_FEATURES or core_dimension / rate > MOST_ROWS:
            msg = (
                f"a simulation must have at most {MOST_FEATURES:,} features and {MOST_ROWS:,} rows: got {features:,} "
                f"and {core_dimension / rate:,.0f} for `{name}` {rate:g} and `core_dimension` {core_dimension}. "
                "Use a smaller `core_dimension`."
            )
            raise ConfigError(msg)
        rows[name] = round(core_dimension / rate)
        if rows[name] < features + 2:
            msg = (
                f"a simulation must have at least {features + 2} rows, 2 more than features: got {rows[name]}, "
                f"`core_dimension` / `{name}`. Use a larger `core_dimension` or a smaller `{name}`."
            )
            raise ConfigError(msg)
    return SpuriousSizes(core_dimension=core_dimension, n=rows["gamma"], N=rows["nu"])


def simulate_risks(
    model: SpuriousModel,
    *,
    core_dimension: int,
    trials: int,
    rng: np.random.Generator,
    on_progress: Progress | None = None,
) -> dict[str, Simulated]:
    """Return the mean risks of ``teacher`` and ``student`` over trials, with standard errors.

    Parameters
    ----------
    model : SpuriousModel
        Law, directions, fractions, and sizes relative to the core dimension.
    core_dimension : int
        Dimension of z. For large dimensions the mean tends to the fixed point; at 40 the difference is at most a few
        percent.
    trials : int
        Number of draws of all rows, at least 2.
    rng : numpy.random.Generator
        Source of all randomness.
    on_progress : callable, optional
        Called with the number of finished trials and of all trials.

    Raises
    ------
    ConfigError
        If there are too few trials, or `simulated_sizes` rejects the sizes.
    """
    require_setting(trials >= 2, "trials", "at least 2", trials, "Use 20 for standard errors of a few percent.")
    sizes = simulated_sizes(model, core_dimension=core_dimension)
    risks = np.array([_trial(model, sizes, rng) for _ in counted(range(trials), on_progress, "simulation")])
    errors = risks.std(axis=0, ddof=1) / math.sqrt(trials)
    return {
        name: Simulated(value=float(value), se=float(se))
        for name, value, se in zip(("teacher", "student"), risks.mean(axis=0), errors, strict=True)
    }


def _trial(model: SpuriousModel, sizes: SpuriousSizes, rng: np.random.Generator) -> tuple[float, float]:
    """Return the risks of teacher and student on one draw of the rows, averaged over all label noise."""
    d, p_t, p_s = sizes.core_dimension, model.p_teacher, model.p_student
    labeled = _gram(model, model.eta_labeled, sizes.n, d, rng)[: d * p_t, : d * p_t]
    pool = _gram(model, model.eta_unlabeled, sizes.N, d, rng)
    C_t, S_t = second_moment(model, model.eta_test, of="teacher"), second_moment(model, model.eta_test, of="student")
    # the teacher's error is this root times white noise; the student's error is linear in the teacher's error
    root = linalg.solve_triangular(linalg.cholesky(labeled, lower=True), np.eye(d * p_t), lower=True).T
    inherited = linalg.solve(pool[d * p_t :, d * p_t :], pool[d * p_t :, : d * p_t] @ root, assume_a="pos")
    return (
        model.noise_variance * _square(root, C_t, d),
        model.noise_variance * _square(inherited.reshape(d * p_s, -1), S_t, d),
    )


def _gram(model: SpuriousModel, eta: float, rows: int, d: int, rng: np.random.Generator) -> Float:
    """Return the Gram matrix of drawn rows: the teacher's features, then the student's."""
    parts = model.components(eta)
    directions = np.concatenate([model.T, model.S], axis=1)
    width = d * (model.p_teacher + model.p_student)
    gram = np.zeros((width, width))
    for block in row_blocks(rows):
        m = len(range(rows)[block])
        z = rng.standard_normal((m, d))
        at = np.array([part.at for part in parts])
        group = at[rng.choice(len(parts), size=m, p=[part.share for part in parts])]
        xi = np.outer(group, model.mu / model.sigma) + rng.standard_normal((m, len(model.mu)))
        t, s = np.split(xi @ directions, [model.p_teacher - 1], axis=1)
        constant = np.ones((m, 1))
        w = np.concatenate([constant, t, constant, s], axis=1)
        features = (w[:, :, None] * z[:, None, :]).reshape(m, width)
        gram += features.T @ features
    return gram


def _square(heads: Float, second: Float, d: int) -> float:
    """Return the sum over columns of the mean square of ``z (x) w`` times the column, from the second moment of w."""
    split = heads.reshape(len(second), d, -1)
    return float((np.tensordot(second, split, axes=1) * split).sum())
