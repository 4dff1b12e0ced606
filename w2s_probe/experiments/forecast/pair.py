r"""The forecast of one teacher and one student from n labeled rows and a pool without labels.

No label of the pool or of a test set is read. The labeled rows give held-out predictions of teacher, student and
baseline: no part of the pipeline saw the row's label (`linalg.teacher_student`). Two estimates of every score follow:
counting on the labeled rows, and a calibrated model averaged over the pool (`calibration`), where the student never
saw the row's pseudolabel (`held_out`). Both are combined (`evidence`).

Smaller n and N are measured on parts of the labeled rows and of the pool. Larger sizes are extrapolated with
:math:`a + c\,m^{-1/2}` (`curve`), and so is the ceiling, from the baseline's curve. The labels needed to resolve a
difference follow from the curve and from the errors at other n (`needed`).

Of several teachers, the student learns the mean of their scores. The system ``teacher`` is the first one, in the gain,
the PGR and the misfit too. All sizes train all teachers.

Where a teacher is predictions, nothing of it is fitted, and all scores are counted (`given`): they are explicit counts
on the labeled rows. The learning curve holds such a teacher constant in n.

References
----------
.. [1] Charikar, Pabbaraju and Shiragur (2024), Quantifying the Gain in Weak-to-Strong Generalization.
.. [2] Xue, Li and Mirzasoleiman (2025), arXiv 2502.00620.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.config import W2SConfig
from w2s_probe.core.folds import stratified_part
from w2s_probe.core.types import Features, Float, Progress, Rows
from w2s_probe.diagnostics.representation_gap import representation_gap
from w2s_probe.experiments.forecast.advice import forecast_verdict
from w2s_probe.experiments.forecast.curve import (
    BOUNDS,
    DIFFERENCES,
    LEAST_POINTS,
    SYSTEMS,
    Point,
    averaged_point,
    bounded,
    curve_points,
    expected_over,
    extrapolate,
)
from w2s_probe.experiments.forecast.data import ForecastData
from w2s_probe.experiments.forecast.evidence import CombinedEstimate, MeanEstimate, weighted_sum
from w2s_probe.experiments.forecast.given import SEEN, GivenRows, counted_estimates, held_constant
from w2s_probe.experiments.forecast.held_out import train_pipeline
from w2s_probe.experiments.forecast.needed import RANGE_LEVEL, needed_labels
from w2s_probe.experiments.forecast.notes import forecast_notes
from w2s_probe.experiments.forecast.pipeline import PipelineScores, Trained, score_pool
from w2s_probe.experiments.forecast.sizes import SUBSETS, label_sizes, pipeline_counter, pool_sizes
from w2s_probe.heads import LinearHead
from w2s_probe.linalg.moments import Moments
from w2s_probe.linalg.threads import shared_threads
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import (
    CountedRows,
    ErrorParts,
    Forecast,
    Misfit,
    Needed,
    NeededLabels,
    OtherScore,
    Outlook,
)
from w2s_probe.theory import decompose_held_out

REPEATS = 10  # deals of all labeled rows into folds
UNDEFINED = Estimate(value=math.nan, low=math.nan, high=math.nan, resolved=False)


@shared_threads()
def forecast_pair(  # noqa: PLR0913  # two feature spaces of labeled rows and pool, settings and links
    X_teacher: NDArray[np.floating],
    X_student: NDArray[np.floating],
    Y: Float,
    *,
    pool_teacher: NDArray[np.floating],
    pool_student: NDArray[np.floating],
    config: W2SConfig,
    more_teachers: Sequence[tuple[Features, Features]] = (),
    links: Rows | None = None,
    given: GivenRows | None = None,
    n_test: int = 2000,
    names: tuple[str, str] = ("teacher features", "student features"),
    on_progress: Progress | None = None,
) -> Forecast:
    """Return the expected result of weak-to-strong training for one pair, or for a committee and a student.

    Parameters
    ----------
    X_teacher, X_student : arrays of shape (n, d_t) and (n, d_s)
        Features of the labeled rows.
    Y : array of shape (n, K)
        Labels of these rows: one-hot rows, or numbers (n, 1).
    pool_teacher, pool_student : arrays of shape (N, d_t) and (N, d_s)
        Features of the pool.
    config : W2SConfig
        The run to forecast: task, head, scaling, pseudolabels, strengths, ceiling, level, seed.
    more_teachers : sequence of pairs of arrays
        Features of further teachers, of the labeled rows and of the pool: the student learns the mean of the scores of
        all teachers. The system ``teacher`` is the first one.
    links : array of int, shape (n, 2), optional
        Two numbers for each labeled row, where rows are preference pairs: pairs with a common number share an item.
    given : GivenRows, optional
        Which teachers are predictions, and the labeled rows that they speak on and saw. Their features are raw scores
        of heads of the run's kind, and they speak on the whole pool.
    n_test : int
        Rows of the test set in the interval of the observed differences.
    names : tuple of str
        Names of the backbones: of the teacher, or of the committee, and of the student.
    on_progress : callable, optional
        Called with the number of trained pipelines and of all pipelines, and the sizes in work.
    """
    T, S = (np.asarray(X, dtype=np.float64) for X in (X_teacher, X_student))
    n, N = len(Y), len(pool_teacher)
    more = [(np.asarray(X, dtype=np.float64), pool) for X, pool in more_teachers]
    count = pipeline_counter(on_progress, Y, N)
    data = ForecastData(T, S, Y, pool_teacher, pool_student, more, config.label_task, count, links, given)
    scores, full, over_n, over_N = _over_sizes(data, config)
    ceiling = _ceiling(over_n, n + N if config.ceiling == "L+U" else N, data.score)
    outlooks = {name: _outlook(full[name], config.level, n_test) for name in DIFFERENCES}
    misfit = _misfit(scores, Y, given)
    needed = _needed(over_n, full, config.level)
    return Forecast(
        teacher_backbone=names[0],
        student_backbone=names[1],
        score=data.score,
        n=n,
        N=N,
        n_test=n_test,
        gain=outlooks["gain"],
        versus_baseline=outlooks["versus_baseline"],
        **{name: bounded(full[name].estimate(config.level), data.score) for name in SYSTEMS},
        ceiling=UNDEFINED if ceiling is None else bounded(ceiling.estimate(config.level), data.score),
        pgr=_pgr(full["gain"], full["teacher"], ceiling, config.level),
        opr=_opr(full["baseline"], full["student"], config.level),
        others={"brier" if data.score == "accuracy" else "squared_error": _other(scores, config.level, given)},
        curve=curve_points(over_n, over_N, full, score=data.score, level=config.level),
        needed=needed,
        misfit=misfit,
        representation_gap=math.nan if more or given else _representation_gap(data.pool, n, scores.alphas),
        alphas=scores.alphas,
        verdict=forecast_verdict(scores, **outlooks, needed=needed, config=config, same_features=data.same_features),
        error_parts=None if more or given else _error_parts(scores, data.pool, config),
        counted=None if given is None else _counted_rows(given),
        notes=tuple(forecast_notes(scores, data, misfit, full["gain"], config)),
    )


def _over_sizes(
    data: ForecastData, config: W2SConfig
) -> tuple[PipelineScores, Mapping[str, CombinedEstimate], list[Point], list[Point]]:
    """Return the scores at the full sizes with their estimates, and the points at smaller n and at smaller N.

    Both lists of points have the full sizes at their end. All pipelines are scored in one pass over the pool.
    """
    n, N = len(data.Y), len(data.pool_teacher)
    rng = np.random.default_rng([config.seed, 4])
    trained = [_trained(data, config, np.arange(n), _fold_rng(config), repeats=REPEATS)]
    n_sizes, N_sizes = label_sizes(data.Y), pool_sizes(N)
    for size in n_sizes:
        for _ in range(SUBSETS):
            rows = stratified_part(data.Y, size, rng)
            trained.append(_trained(data, config, rows, rng, repeats=1, student=trained[0].heads["student"]))
    order = rng.permutation(N) if N_sizes else np.arange(0)
    for size, pool in zip(N_sizes, data.smaller_pools(order, N_sizes), strict=True):
        smaller = (np.sort(order[:size]), pool)
        trained.append(_trained(data, config, np.arange(n), _fold_rng(config), repeats=REPEATS, smaller=smaller))
    more_pools = [pool for _, pool in data.more_teachers]
    scored = trained if data.given is None else trained[:1]  # counts need no sums over the pool
    scores = score_pool(scored, data.pool_teacher, data.pool_student, more_pools=more_pools, sums=data.score)
    every = scores if data.given is None else trained
    full, *others = (_estimates(one, data.score, data.given) for one in every)
    last = Point(n=n, N=N, parts=full)
    over_n = [
        averaged_point(size, N, others[SUBSETS * at : SUBSETS * (at + 1)], of=n) for at, size in enumerate(n_sizes)
    ]
    unchanged = {name: full[name] for name in ("teacher", "baseline")}  # they have no pool
    of_pools = zip(N_sizes, others[SUBSETS * len(n_sizes) :], strict=True)
    over_N = [Point(n=n, N=size, parts={**parts, **unchanged}) for size, parts in of_pools]
    over_n = over_n if data.given is None else held_constant([*over_n, last], data.given)[:-1]
    return scores[0], full, [*over_n, last], [*over_N, last]


def _trained(
    data: ForecastData,
    config: W2SConfig,
    rows: Rows,
    rng: np.random.Generator,
    *,
    repeats: int,
    smaller: tuple[Rows, Moments] | None = None,
    student: LinearHead | None = None,
) -> Trained:
    """Return the pipeline trained on some labeled rows, and on the whole pool or on rows with their moments.

    `student` is that of the whole pool; it is the same for all labeled rows, if all teachers are predictions.
    """
    pool_rows, pool, spectrum = (*smaller, None) if smaller else (None, data.pool, data.spectrum)
    pool_size = len(data.pool_teacher if pool_rows is None else pool_rows)
    data.count(f"n = {len(rows):,}, N = {pool_size:,}")
    return train_pipeline(
        data.X_teacher,
        data.X_student,
        data.Y,
        rows=rows,
        pool=pool,
        pool_teacher=data.pool_teacher,
        pool_student=data.pool_student,
        config=config,
        rng=rng,
        repeats=repeats,
        pool_rows=pool_rows,
        spectrum=spectrum,
        more_teachers=data.more_teachers,
        links=data.links,
        given=() if data.given is None else data.given.which,
        student=student,
    )


def _outlook(difference: MeanEstimate, level: float, n_test: int) -> Outlook:
    estimate, (low, high) = difference.estimate(level), difference.observed(level, n_test)
    return Outlook(
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        resolved=bool(estimate.low > 0 or estimate.high < 0),
        low_observed=low,
        high_observed=high,
        reason=SEEN if math.isnan(estimate.value) else None,
    )


def _fold_rng(config: W2SConfig) -> np.random.Generator:
    """Return the generator that deals all labeled rows into folds: the same folds for every pool."""
    return np.random.default_rng([config.seed, 3])


def _estimates(scores: Trained, score: str, given: GivenRows | None) -> Mapping[str, CombinedEstimate]:
    if given is not None or not isinstance(scores, PipelineScores):
        return counted_estimates(scores, cast("GivenRows", given), score)
    return {name: scores.expected(score, weights) for name, weights in {**SYSTEMS, **DIFFERENCES}.items()}


def _ceiling(over_n: list[Point], size: int, score: str) -> MeanEstimate | None:
    """Return the baseline's curve at another size; None without a smaller size to extrapolate from."""
    if len(over_n) == 1:
        return None
    ceiling = extrapolate([(point.n, point.parts["baseline"]) for point in over_n], size)
    return replace(ceiling, value=min(ceiling.value, BOUNDS[score][1]))


def _pgr(gain: MeanEstimate, teacher: MeanEstimate, ceiling: MeanEstimate | None, level: float) -> Estimate:
    """Return gain over gap, unresolved unless the gap's interval lies above 0."""
    if ceiling is None:
        return UNDEFINED
    gap = weighted_sum([ceiling, teacher], np.array([1.0, -1.0]))
    if not gap.estimate(level).low > 0:
        return UNDEFINED
    ratio = gain.value / gap.value
    part = weighted_sum([gain, gap], np.array([1.0, -ratio]) / gap.value)
    return _ratio(ratio, part, level)


def _opr(baseline: MeanEstimate, student: MeanEstimate, level: float) -> Estimate:
    """Return the baseline's error over the student's, unresolved if the student's may be 0."""
    error = 1 - student.value
    if not 1 - student.estimate(level).high > 0:
        return UNDEFINED
    ratio = (1 - baseline.value) / error
    part = weighted_sum([baseline, student], np.array([-1.0, ratio]) / error)
    return _ratio(ratio, part, level)


def _ratio(value: float, part: MeanEstimate, level: float) -> Estimate:
    """Return a ratio with the interval of its linearization."""
    linear = part.estimate(level)
    half = linear.high - linear.value
    return Estimate(value=value, low=value - half, high=value + half, resolved=True)


def _other(scores: PipelineScores, level: float, given: GivenRows | None) -> OtherScore:
    score = "brier" if scores.task == "classification" else "squared_error"
    estimates = {name: part.estimate(level) for name, part in _estimates(scores, score, given).items()}
    return OtherScore(
        **{name: bounded(value, score) if name in SYSTEMS else value for name, value in estimates.items()}
    )


def _needed(over_n: list[Point], full: Mapping[str, CombinedEstimate], level: float) -> Needed:
    """Return the labels at which each difference is expected to be resolved; the last point is the present one."""
    needed = {
        name: NeededLabels(n=None, low=None, high=None, reason=SEEN)
        if math.isnan(full[name].value)
        else needed_labels(
            full[name].estimate(level),
            over_n[-1].n,
            curve=partial(expected_over, over_n, name, level=RANGE_LEVEL) if len(over_n) >= LEAST_POINTS else None,
            half_width=partial(full[name].errors.half_width, level=level),
        )
        for name in DIFFERENCES
    }
    return Needed(**needed)


def _counted_rows(given: GivenRows) -> CountedRows:
    return CountedRows(
        rows=int(given.counted.sum()),
        abstains=int((~given.speaks).sum()),
        saw=int(given.saw.sum()),
        unlabeled_left_out=0,
    )


def _misfit(scores: PipelineScores, Y: Float, given: GivenRows | None) -> Misfit:
    """Return the gain in squared error and its two parts, averaged over the deals into folds.

    It is NaN if predictions have no row that can judge them.
    """
    if given is not None and not given.judged:
        return Misfit(misfit=math.nan, correction=math.nan, gain=math.nan)
    parts = []
    rows = slice(None) if given is None else given.counted
    for held_out in scores.held_out:
        difference = (held_out.teacher - held_out.student)[rows]
        correction = 2 * (difference * (held_out.student - Y)[rows]).sum(axis=1).mean()
        parts.append(((difference**2).sum(axis=1).mean(), correction))
    misfit, correction = np.mean(parts, axis=0)
    return Misfit(misfit=float(misfit), correction=float(correction), gain=float(misfit + correction))


def _error_parts(scores: PipelineScores, pool: Moments, config: W2SConfig) -> ErrorParts | None:
    """Return the parts of the student's squared error; None for heads that the theory does not cover."""
    if (config.head, config.pseudolabels, config.scale) != ("ridge", "soft", "none"):
        return None
    return decompose_held_out(
        pool,
        scores.Y,
        teacher=scores.leave_one_out.teacher,
        student=scores.leave_one_out.student,
        teacher_alpha=scores.alphas["teacher"],
        student_alpha=scores.alphas["student"],
    )


def _representation_gap(pool: Moments, n: int, alphas: dict[str, float]) -> float:
    """Return the label-free representation gap at the fitted strengths, each per row of its training set."""
    return representation_gap(pool, teacher_alpha=alphas["teacher"] * pool.n / n, student_alpha=alphas["student"]).value
