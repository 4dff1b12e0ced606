r"""Will weak-to-strong help? Forecast from n labels, a pool without labels, and two sets of features.

No label of the pool or of a test set is read. Of each labeled row it is known what teacher, student and
baseline say when the whole pipeline never saw its label (`linalg.pipeline`). From this two estimates of
every score are made, by counting and by a calibrated model averaged over the pool (`metrics.choice`), and
combined (`metrics.evidence`).

Smaller n and N are tried on parts of the labeled rows and of the pool; larger ones are extrapolated with
:math:`a + c\,m^{-1/2}`, which is also how the ceiling is reached from the baseline's curve.

References
----------
.. [1] Charikar, Pabbaraju and Shiragur (2024), Quantifying the Gain in Weak-to-Strong Generalization.
.. [2] Xue, Li and Mirzasoleiman (2025), arXiv 2502.00620.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w2s_probe.config import W2SConfig
from w2s_probe.diagnostics.overlap import representation_gap
from w2s_probe.labels import Task
from w2s_probe.linalg.moments import Moments, moments_of
from w2s_probe.metrics.evidence import Evidence, weighted_sum
from w2s_probe.metrics.verdict import decide
from w2s_probe.reading import Reading, read_pipeline
from w2s_probe.results import Estimate, Forecast, ForecastPoint, Misfit, Needed, OtherScore, Outlook

__all__ = ["forecast_pair"]

Float = NDArray[np.float64]
Index = NDArray[np.intp]
SHARES = (8, 4, 2)
SUBSETS = 4  # of the labeled rows, for each smaller n
LEAST = 16  # labeled rows of a smaller n
BEYOND = (2, 4, 8)  # sizes to extrapolate to
FURTHEST = 100  # times as many rows, for `needed`
EXTRAPOLATED = 0.01  # standard deviation of the curve's own error, in units of the score
SIGNS = {"gain": (-1, 1, 0), "versus_baseline": (0, 1, -1)}
EACH = {"teacher": (1, 0, 0), "student": (0, 1, 0), "baseline": (0, 0, 1)}


@dataclass(frozen=True, eq=False, kw_only=True)
class _Data:
    """What a forecast may see, and how wide the score's unit is."""

    X_teacher: Float
    X_student: Float
    Y: Float
    pool_teacher: NDArray[np.floating]
    pool_student: NDArray[np.floating]
    task: Task

    @property
    def score(self) -> str:
        return "accuracy" if self.task == "classification" else "r2"


def forecast_pair(
    X_teacher: NDArray[np.floating],
    X_student: NDArray[np.floating],
    Y: Float,
    *,
    pool_teacher: NDArray[np.floating],
    pool_student: NDArray[np.floating],
    config: W2SConfig,
    task: Task = "classification",
    n_test: int = 2000,
    names: tuple[str, str] = ("teacher features", "student features"),
) -> Forecast:
    """Return what weak-to-strong is expected to do.

    Parameters
    ----------
    X_teacher, X_student : arrays of shape (n, d_t) and (n, d_s)
        Features of the labeled rows.
    Y : array of shape (n, K)
        Their labels: one-hot rows, or numbers (n, 1).
    pool_teacher, pool_student : arrays of shape (N, d_t) and (N, d_s)
        Features of the pool.
    config : W2SConfig
        The run that is forecast: head, scaling, pseudolabels, strengths, ceiling, level, seed.
    task : {"classification", "regression"}
        What the labels are.
    n_test : int
        Rows of the test set whose outcome is forecast.
    names : tuple of str
        What the two backbones are called.
    """
    data = _Data(
        X_teacher=np.asarray(X_teacher, dtype=np.float64),
        X_student=np.asarray(X_student, dtype=np.float64),
        Y=Y,
        pool_teacher=pool_teacher,
        pool_student=pool_student,
        task=task,
    )
    n, N = len(Y), len(pool_teacher)
    pool = moments_of({"teacher": pool_teacher, "student": pool_student})
    rng = np.random.default_rng([config.seed, 3])
    reading = _read(data, config, pool, np.arange(n), rng, repeats=5)
    found = _differences(reading, data.score, config.level, n_test)
    over_n = _over_n(data, config, pool, reading, rng)
    over_N = _over_N(data, config, reading, rng)
    top = n + N if config.ceiling == "L+U" else N
    ceiling = _extrapolate([(m, parts["baseline"]) for (m, _), parts in over_n], top)
    each = {name: reading.evidence(data.score, weights) for name, weights in EACH.items()}
    gain, versus = (reading.evidence(data.score, SIGNS[name]) for name in ("gain", "versus_baseline"))
    misfit = _misfit(reading, Y)
    return Forecast(
        teacher_backbone=names[0],
        student_backbone=names[1],
        score=data.score,
        n=n,
        N=N,
        n_test=n_test,
        **found,
        **{name: part.estimate(config.level) for name, part in {**each, "ceiling": ceiling}.items()},
        pgr=_pgr(gain, weighted_sum([ceiling, each["teacher"]], np.array([1.0, -1.0])), config.level),
        opr=_opr(each["baseline"], each["student"], config.level),
        others={"brier" if data.score == "accuracy" else "squared_error": _other(reading, config.level)},
        curve=_curve(over_n, over_N, (n, N), config.level),
        needed=_needed(gain, versus, over_n, over_N, config.level),
        misfit=misfit,
        representation_gap=representation_gap(pool, alpha_teacher=None, alpha_student=None),
        alphas=reading.alphas,
        verdict=_verdict(found, n, data.score),
        notes=_notes(misfit, gain),
    )


def _read(
    data: _Data, config: W2SConfig, pool: Moments, rows: Index, rng: np.random.Generator, *, repeats: int
) -> Reading:
    return read_pipeline(
        data.X_teacher,
        data.X_student,
        data.Y,
        rows=rows,
        pool=pool,
        pool_teacher=data.pool_teacher,
        pool_student=data.pool_student,
        config=config,
        task=data.task,
        rng=rng,
        repeats=repeats,
    )
