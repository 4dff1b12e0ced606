"""Learning curves: the four systems on fewer labels, and on a smaller pool.

Rows are nested: a smaller size is the beginning of a larger one with the same seed, and all sizes
share their test rows. What is equal is fitted once: teacher and baseline do not depend on N, and
the ceiling on U does not depend on n.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from w2s_probe.core.config import W2SConfig
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import smaller_split
from w2s_probe.experiments.run.outcome import SeedOutcome
from w2s_probe.experiments.run.protocol import fit_seed, suitable_threads
from w2s_probe.experiments.run.summary import summarize
from w2s_probe.heads import PoolFits
from w2s_probe.results.run import CurvePoint, W2SResult

SHARES = (8, 4, 2, 1)
LEAST = 8  # rows; fewer say nothing about a head


def learning_curve(
    teacher: FeatureSet,
    student: FeatureSet,
    labels: Labels,
    *,
    outcomes: Sequence[SeedOutcome],
    config: W2SConfig,
    groups: Groups | None = None,
) -> tuple[tuple[CurvePoint, ...], list[dict[str, Any]]]:
    """Return the main score at an eighth, a quarter and half of n, of N, and at both in full.

    Parameters
    ----------
    teacher, student : FeatureSet
        Features of shapes (rows, d_t) and (rows, d_s), as `run_w2s` had them.
    labels : Labels
        Ground truth of all rows.
    outcomes : sequence of SeedOutcome
        What `run_w2s` fitted, one for each seed.
    config : W2SConfig
        The same experiment; its first strategy makes the student.
    groups : Groups, optional
        Of all rows: smaller parts keep the shares of conflicting rows.

    Returns
    -------
    points : tuple of CurvePoint
        By n at the full N, then by N at the full n; the full run stands between them once.
    rows : list of dict
        Tidy rows of each seed with part ``"curve"``, `n_labeled` and `n_unlabeled`.
    """
    first = replace(config, strategies=config.strategies[:1])
    n = min(len(outcome.split.labeled) for outcome in outcomes)
    N = min(len(outcome.split.unlabeled) for outcome in outcomes)
    sizes = [(size, N) for size in curve_sizes(n, labels)] + [(n, size) for size in curve_sizes(N, labels)]
    fits = PoolFits()
    points, rows = [], []
    with suitable_threads(config):
        for smaller_n, smaller_N in sorted(set(sizes)):
            fitted = [
                _refit(
                    teacher,
                    student,
                    labels,
                    outcome=outcome,
                    n=smaller_n,
                    N=smaller_N,
                    config=first,
                    groups=groups,
                    fits=fits,
                )
                for outcome in outcomes
            ]
            found = summarize(fitted, labels, config=first)
            points.append(_point(found, n=smaller_n, N=smaller_N))
            rows += list(_tidy(found))
    return tuple(points), rows


def curve_sizes(size: int, labels: Labels) -> list[int]:
    """Return an eighth, a quarter, half and all of `size`, without what is too small.

    Examples
    --------
    >>> import numpy as np
    >>> curve_sizes(100, Labels(values=np.arange(10), classes=tuple("abcdefghij")))
    [25, 50, 100]
    """
    least = max(LEAST, 2 * len(labels.classes or ()))
    return sorted({size // share for share in SHARES if size // share >= least} | {size})


def _refit(
    teacher: FeatureSet,
    student: FeatureSet,
    labels: Labels,
    *,
    outcome: SeedOutcome,
    n: int,
    N: int,
    config: W2SConfig,
    groups: Groups | None,
    fits: PoolFits,
) -> SeedOutcome:
    kept = groups if config.composed else None
    split = smaller_split(outcome.split, labels, n_labeled=n, n_unlabeled=N, groups=kept)
    same_n = n == len(outcome.split.labeled)
    same_N = len(outcome.split.unlabeled) == N
    same = {"teacher": same_n, "baseline": same_n, "ceiling": same_N and (same_n or config.ceiling == "U")}
    if same_n and same_N:
        return outcome
    known = {name: head for name, head in outcome.heads.items() if same[name]}
    return fit_seed(teacher, student, labels, split=split, config=config, groups=groups, known=known, fits=fits)


def _point(found: W2SResult, *, n: int, N: int) -> CurvePoint:
    (student,) = found.students.values()
    return CurvePoint(
        n=n,
        N=N,
        **{system: each.scores[found.score] for system, each in found.systems.items()},
        student=student.scores[found.score],
        gain=student.gain,
        versus_baseline=student.versus_baseline,
    )


def _tidy(found: W2SResult) -> Iterator[dict[str, Any]]:
    (first,) = found.students  # the run itself may have fitted more
    for cell in found.cells:
        if cell["part"] == "test" and cell["metric"] == found.score and cell["strategy"] in (None, first):
            yield {**cell, "part": "curve"}
