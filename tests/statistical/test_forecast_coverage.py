"""Do a forecast's 95 % intervals hold what its heads do, and what a test set shows, in 95 of 100 experiments?

Each experiment draws labels, a pool and new rows from a Gaussian population with known truth, forecasts
from labels and pool, and compares with the same heads on 10,000 new rows (the expectation for these very
labels) and on 500 of them (a test). The factor is the error's spread over the influences' root mean
square, what `experiments.forecast.evidence.SMALL` stands for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from w2s_probe.core.config import W2SConfig
from w2s_probe.experiments.forecast.held_out import pipeline_scores
from w2s_probe.experiments.forecast.pipeline import PipelineScores
from w2s_probe.linalg.moments import moments_of
from w2s_probe.metrics import classification_rows, regression_rows

Array = NDArray[np.float64]
Index = NDArray[np.intp]
EXPERIMENTS, NEW, TEST = 250, 10_000, 500
WEIGHTS = {"gain": (-1, 1, 0), "versus_baseline": (0, 1, -1)}
LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One experiment on one difference."""

    value: float
    error: float
    bias: float
    influence: float
    expected: float
    shown: float
    observed: tuple[float, float]


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("n", "N", "classes"), [(100, 1000, 2), (100, 100, 2), (200, 1000, 4), (100, 1000, 1)], ids=str
)
def test_intervals_hold_in_about_95_of_100_experiments(n: int, N: int, classes: int) -> None:
    with threadpool_limits(limits=1):
        found = [experiment(n, N, classes, number) for number in range(EXPERIMENTS)]
    for name in WEIGHTS:
        each = [outcomes[name] for outcomes in found]
        of_expectation = np.mean([abs(one.value - one.expected) < 1.96 * one.error for one in each])
        of_test = np.mean([one.observed[0] <= one.shown <= one.observed[1] for one in each])
        squares = float(np.mean([(one.value - one.expected) ** 2 - one.bias**2 for one in each]))
        factor = np.sqrt(max(squares, 0.0) / np.mean([one.influence**2 for one in each]))
        said = f"{name}: expectation {of_expectation:.3f}, test {of_test:.3f}, factor {factor:.2f}"
        # the binomial standard error is .014
        assert 0.90 <= of_expectation <= 0.995, said
        assert 0.91 <= of_test <= 0.995, said
        assert 0.8 <= factor <= 1.35, said


def experiment(n: int, N: int, classes: int, number: int) -> dict[str, Outcome]:
    rng, fixed = np.random.default_rng([n, N, number]), np.random.default_rng(5)
    A_t, A_s, B = (fixed.standard_normal(shape) for shape in ((5, 15), (10, 25), (10, classes)))
    core = rng.standard_normal((n + N + NEW, 10))
    T = core[:, :5] @ A_t + 1.5 * rng.standard_normal((len(core), 15))
    S = core @ A_s + 0.5 * rng.standard_normal((len(core), 25))
    Y = core @ B + 0.7 * rng.standard_normal((len(core), classes))
    if classes > 1:
        Y = np.eye(classes)[Y.argmax(axis=1)]
    L, U, new = slice(n), slice(n, n + N), slice(n + N, None)
    config = W2SConfig(task="classification" if classes > 1 else "regression")
    pool = moments_of({"teacher": T[U], "student": S[U]})

    def read(rows: slice, pool_rows: Index | None = None) -> PipelineScores:
        return pipeline_scores(
            T[L],
            S[L],
            Y[L],
            rows=np.arange(n),
            pool=pool,
            pool_teacher=T[rows],
            pool_student=S[rows],
            config=config,
            rng=np.random.default_rng(number),
            repeats=5,
            pool_rows=pool_rows,
        )

    forecast, heads = read(U), read(slice(n, None), np.arange(N))
    score = "accuracy" if classes > 1 else "r2"
    out = {}
    for name, weights in WEIGHTS.items():
        part = forecast.expected(score, weights)
        expected, shown = (
            float(sum(w * score_of(F[N:][:rows], Y[new][:rows]) for w, F in zip(weights, heads.pool, strict=True)))
            for rows in (NEW, TEST)
        )
        out[name] = Outcome(
            value=part.value,
            error=part.error,
            bias=part.bias,
            influence=float(np.linalg.norm(part.influence)),
            expected=expected,
            shown=shown,
            observed=part.observed(LEVEL, TEST),
        )
    return out


def score_of(F: Array, Y: Array) -> float:
    if Y.shape[1] > 1:
        row = classification_rows(F, np.full_like(F, 1 / F.shape[1]), Y.argmax(axis=1))["accuracy"]
    else:
        row = regression_rows(F[:, 0], Y[:, 0])["r2"]
    return float(row.numerator.mean() / row.denominator.mean())
