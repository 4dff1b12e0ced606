"""Do the 95 % intervals of a forecast with a teacher that is predictions hold what its heads do?

``python -m tests.statistical.test_given_coverage`` runs the whole simulation: 2,000 draws at n = 100 and 400.

Each draw has its own labels, pool and old model from a Gaussian population with known truth. The old model is a ridge
head on weak features of 120 rows; nothing of it is fitted by the forecast. Its truth, and those of its student and of
the baseline, are their accuracies on 40,000 new rows: the very heads of this draw. Three cases:

- ``fresh``: the old model was trained on no labeled row;
- ``undeclared``: half of the labeled rows were among its training rows, and nobody says so;
- ``declared``: the same, and these rows are named.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from w2s_probe.core.config import W2SConfig
from w2s_probe.experiments.forecast.given import GivenRows, counted_estimates
from w2s_probe.experiments.forecast.held_out import train_pipeline
from w2s_probe.heads.linear import ridge_probabilities
from w2s_probe.heads.ridge import fit_ridge
from w2s_probe.linalg.moments import moments_of

Array = NDArray[np.float64]
Case = Literal["fresh", "undeclared", "declared"]
OLD, POOL, NEW, CI_DRAWS, DRAWS = 120, 500, 40_000, 250, 2000
LEVEL, DIFFERENCES = 0.95, ("gain", "versus_baseline")
CONFIG = W2SConfig()


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Share of draws whose interval holds the truth, and the mean error of the estimate with its standard error."""

    share: float
    bias: float
    bias_error: float


def coverage(n: int, case: Case, draws: int) -> dict[str, Coverage]:
    with threadpool_limits(limits=1):
        found = [_draw(n, case, number) for number in range(draws)]
    out = {}
    for name in DIFFERENCES:
        errors = np.array([one[name][0] for one in found])
        spread = float(errors.std() / math.sqrt(draws))
        held = float(np.mean([one[name][1] for one in found]))
        out[name] = Coverage(share=held, bias=float(errors.mean()), bias_error=spread)
    return out


def _rows(count: int, rng: np.random.Generator) -> tuple[Array, Array, NDArray[np.intp]]:
    """Return features of the old model and of the student, and labels, from the population."""
    fixed = np.random.default_rng(5)
    A_t, A_s, b = (fixed.standard_normal(shape) for shape in ((6, 40), (10, 25), 10))
    core = rng.standard_normal((count, 10))
    T = core[:, :6] @ A_t + 2.5 * rng.standard_normal((count, 40))
    S = core @ A_s + 0.5 * rng.standard_normal((count, 25))
    return T, S, (core @ b + 1.5 * rng.standard_normal(count) > 0).astype(np.intp)


@cache
def _new_rows() -> tuple[Array, Array, NDArray[np.intp]]:
    return _rows(NEW, np.random.default_rng(6))


def _draw(n: int, case: Case, number: int) -> dict[str, tuple[float, bool]]:
    T, S, y = _rows(n + OLD + POOL, np.random.default_rng([n, number]))
    L, old, U = np.split(np.arange(len(y)), np.cumsum([n, OLD]))
    saw = np.zeros(n, dtype=np.bool_)
    if case != "fresh":
        saw[: n // 2] = True
    own = np.concatenate([L[saw], old])
    model = fit_ridge(T[own], np.eye(2)[y[own]], alpha=50.0)
    P = ridge_probabilities(model.scores(T))
    trained = train_pipeline(
        P[L], S[L], np.eye(2)[y[L]],
        rows=np.arange(n), pool=moments_of({"teacher": P[U], "student": S[U]}),
        pool_teacher=P[U], pool_student=S[U],
        config=CONFIG, rng=np.random.default_rng(number), repeats=1, given=(True,),
    )  # fmt: skip
    known = saw if case == "declared" else np.zeros(n, dtype=np.bool_)
    given = GivenRows(which=(True,), speaks=np.ones(n, dtype=np.bool_), saw=known)
    estimates = counted_estimates(trained, given, "accuracy")
    T_new, S_new, y_new = _new_rows()
    new = {"teacher": ridge_probabilities(model.scores(T_new)), "student": S_new, "baseline": S_new}
    accuracy = {
        name: float((head.scores(new[name]).argmax(axis=1) == y_new).mean()) for name, head in trained.heads.items()
    }
    truths = (accuracy["student"] - accuracy["teacher"], accuracy["student"] - accuracy["baseline"])
    out = {}
    for name, truth in zip(DIFFERENCES, truths, strict=True):
        interval = estimates[name].estimate(LEVEL)
        out[name] = (interval.value - truth, interval.low <= truth <= interval.high)
    return out


@pytest.mark.statistical
@pytest.mark.parametrize("case", ["fresh", "declared"])
def test_intervals_hold_what_the_heads_do(case: Case) -> None:
    error = math.sqrt(LEVEL * (1 - LEVEL) / CI_DRAWS)
    for name, found in coverage(100, case, CI_DRAWS).items():
        assert LEVEL - 3 * error <= found.share <= LEVEL + 3 * error, (name, found)
        assert abs(found.bias) <= 3 * found.bias_error + 0.01, (name, found)  # leave-one-out chose the strength


@pytest.mark.statistical
def test_a_teacher_that_saw_half_of_the_labels_looks_too_good_unless_it_is_declared() -> None:
    gain = coverage(100, "undeclared", CI_DRAWS)["gain"]
    assert gain.bias < -10 * gain.bias_error
    assert gain.share < 0.85


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=DRAWS)
    draws = parser.parse_args().draws
    cases: tuple[Case, ...] = ("fresh", "undeclared", "declared")
    for n in (100, 400):
        for case in cases:
            for name, found in coverage(n, case, draws).items():
                print(f"n = {n}, {case}, {name}: {found.share:.3f}, bias {found.bias:+.4f} ± {found.bias_error:.4f}")


if __name__ == "__main__":
    main()
