"""Forecasts of several pairs: one baseline for each student, and the order of the pairs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import Forecast


def with_equal_baselines(forecasts: Iterable[Forecast]) -> list[Forecast]:
    """Return the forecasts with one baseline for each student, its mean estimate over the teachers.

    The baseline has no teacher: it is the same head in all pairs of one student. Its estimates differ a little, since
    the model that averages scores over the pool reads the teacher's scores too. Where a teacher is predictions, the
    baseline stays as it was counted, on the rows on which this teacher speaks.
    """
    pairs = list(forecasts)
    fitted = [pair for pair in pairs if pair.counted is None]
    return [
        _with_mean_baseline(pair, [other for other in fitted if _same_student(pair, other)])
        if pair.counted is None
        else pair
        for pair in pairs
    ]


def ranking(pairs: Sequence[Forecast]) -> list[int]:
    """Return the positions of the pairs by what one would do: use the better of student and baseline.

    The first pair has the largest expected score of the better one; among equals, that of the student decides.
    Undefined scores come last, and pairs with equal scores stay in their order.
    """
    return sorted(range(len(pairs)), key=lambda place: _promise(pairs[place]))


def _promise(pair: Forecast) -> tuple[float, float]:
    student, baseline = (-math.inf if math.isnan(e.value) else e.value for e in (pair.student, pair.baseline))
    return -max(student, baseline), -student


def _same_student(pair: Forecast, other: Forecast) -> bool:
    return pair.student_backbone == other.student_backbone


def _with_mean_baseline(pair: Forecast, alike: Sequence[Forecast]) -> Forecast:
    """Return a forecast whose baseline is the mean of those of `alike`, on every score and at every size."""
    if len(alike) == 1:
        return pair
    baseline = _mean([other.baseline for other in alike])
    error = 1 - pair.student.value
    shift = (pair.baseline.value - baseline.value) / error if error else 0.0  # of the ratio of both errors
    ratio = (pair.opr.value, pair.opr.low, pair.opr.high)
    value, low, high = (limit + shift for limit in ratio)
    return replace(
        pair,
        baseline=baseline,
        opr=replace(pair.opr, value=value, low=low, high=high),
        others={
            score: replace(other, baseline=_mean([one.others[score].baseline for one in alike]))
            for score, other in pair.others.items()
        },
        curve=tuple(
            replace(point, baseline=_mean([other.curve[place].baseline for other in alike]))
            for place, point in enumerate(pair.curve)
        ),
    )


def _mean(estimates: Sequence[Estimate]) -> Estimate:
    value, low, high = np.mean([(e.value, e.low, e.high) for e in estimates], axis=0).tolist()
    return Estimate(value=value, low=low, high=high)
