"""Learning curves: scores of the four systems with fewer labeled rows and with smaller pools.

Rows are nested: with one seed, a smaller size has the first rows of a larger one, and all sizes share their test
rows. Heads of equal rows are fitted once: teacher and baseline do not depend on N, the ceiling on U not on n.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from w2s_probe.core.config import W2SConfig
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import smaller_split
from w2s_probe.core.types import Progress, Rows
from w2s_probe.experiments.run.outcome import SeedOutcome
from w2s_probe.experiments.run.protocol import fit_seed, seeds_at_once
from w2s_probe.experiments.run.summary import summarize
from w2s_probe.heads import PoolFits
from w2s_probe.linalg.threads import map_in_order, shared_threads
from w2s_probe.results.run import CurvePoint, W2SResult
from w2s_probe.strategies import chosen_strategies

SHARES = (8, 4, 2, 1)
LEAST = 8  # rows of the smallest size


@shared_threads()
def learning_curve(
    teacher: FeatureSet,
    student: FeatureSet,
    labels: Labels,
    *,
    outcomes: Sequence[SeedOutcome],
    config: W2SConfig,
    groups: Groups | None = None,
    more_teachers: Sequence[FeatureSet] = (),
    links: Rows | None = None,
    on_progress: Progress | None = None,
) -> tuple[tuple[CurvePoint, ...], list[dict[str, Any]]]:
    """Return the main score at an eighth, a quarter, half and all of n, and of N; and the tidy rows of these points.

    `outcomes` come from `run_w2s`, one for each seed; see there for the other arguments. The first strategy makes the
    student. With groups, smaller parts keep the shares of conflicting rows. Points come by n at the full N,
    then by N at the full n, with the full run once between them. Tidy rows have the part ``"curve"``. `on_progress` is
    called with the number of measured sizes and of all sizes, and the size in work.
    """
    first = replace(config, strategies=chosen_strategies(config.strategies)[:1])
    n = min(len(outcome.split.labeled) for outcome in outcomes)
    N = min(len(outcome.split.unlabeled) for outcome in outcomes)
    sizes = [(size, N) for size in curve_sizes(n, labels)] + [(n, size) for size in curve_sizes(N, labels)]
    at_once = seeds_at_once(student, [outcome.split for outcome in outcomes])
    shared: dict[str, Any] = {"config": first, "groups": groups, "more_teachers": more_teachers, "fits": PoolFits()}
    shared["links"] = links
    points, rows = [], []
    for done, (smaller_n, smaller_N) in enumerate(sorted(set(sizes))):
        if on_progress:
            on_progress("learning curve", done, len(set(sizes)), f"n = {smaller_n:,}, N = {smaller_N:,}")
        refit = partial(_refit, teacher, student, labels, n=smaller_n, N=smaller_N, **shared)
        smaller = list(map_in_order(refit, outcomes, at_once=at_once))
        result = summarize(smaller, labels, config=first, links=links)
        points.append(_point(result, n=smaller_n, N=smaller_N))
        rows += list(_tidy(result))
    return tuple(points), rows


def curve_sizes(size: int, labels: Labels) -> list[int]:
    """Return an eighth, a quarter, half and all of `size`, without sizes that are too small.

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
    outcome: SeedOutcome,
    *,
    n: int,
    N: int,
    config: W2SConfig,
    groups: Groups | None,
    **shared: Any,
) -> SeedOutcome:
    """Return one split's outcome at sizes n and N; heads of the same rows are not fitted again."""
    same_n = n == len(outcome.split.labeled)
    same_N = len(outcome.split.unlabeled) == N
    if same_n and same_N:
        return outcome
    conflict = groups if config.composed else None
    split = smaller_split(outcome.split, labels, n_labeled=n, n_unlabeled=N, groups=conflict)
    same = {"teacher": same_n, "baseline": same_n, "ceiling": same_N and (same_n or config.ceiling == "U")}
    heads = {name: head for name, head in outcome.heads.items() if same[name]}
    return fit_seed(teacher, student, labels, split=split, fitted=heads, config=config, groups=groups, **shared)


def _point(result: W2SResult, *, n: int, N: int) -> CurvePoint:
    (student,) = result.students.values()
    return CurvePoint(
        n=n,
        N=N,
        **{name: system.scores[result.score] for name, system in result.systems.items()},
        student=student.scores[result.score],
        gain=student.gain,
        versus_baseline=student.versus_baseline,
    )


def _tidy(result: W2SResult) -> Iterator[dict[str, Any]]:
    (first,) = result.students  # outcomes of the full run hold all strategies
    for cell in result.cells:
        if cell["part"] == "test" and cell["metric"] == result.score and cell["strategy"] in (None, first):
            yield {**cell, "part": "curve"}
