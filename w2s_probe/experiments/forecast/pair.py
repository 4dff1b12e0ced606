r"""Will weak-to-strong help? Forecast from n labels, a pool without labels, and two sets of features.

No label of the pool or of a test set is read. Of each labeled row it is known what teacher, student and
baseline say when the whole pipeline never saw its label (`linalg.pipeline`). From this two estimates of
every score are made, by counting and by a calibrated model averaged over the pool (`metrics.choice`), where
the student never saw the row's pseudolabel either (`reading`), and combined (`metrics.evidence`).

Smaller n and N are tried on parts of the labeled rows and of the pool; larger ones are extrapolated with
:math:`a + c\,m^{-1/2}`, which is also how the ceiling is reached from the baseline's curve.

References
----------
.. [1] Charikar, Pabbaraju and Shiragur (2024), Quantifying the Gain in Weak-to-Strong Generalization.
.. [2] Xue, Li and Mirzasoleiman (2025), arXiv 2502.00620.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.config import W2SConfig
from w2s_probe.core.labels import Task
from w2s_probe.core.types import Float, Rows
from w2s_probe.diagnostics.representation_gap import representation_gap
from w2s_probe.experiments.forecast.evidence import Evidence, weighted_sum
from w2s_probe.experiments.forecast.held_out import Reading, read_pipeline, stratified_part
from w2s_probe.linalg.moments import Moments, moments_of
from w2s_probe.metrics.verdict import decide
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import ErrorParts, Forecast, ForecastPoint, Misfit, Needed, OtherScore, Outlook
from w2s_probe.results.run import Verdict
from w2s_probe.theory import decompose_held_out

SHARES = (8, 4, 2)
REPEATS = 10  # ways of dealing all labeled rows into folds
SUBSETS = 4  # of the labeled rows, for each smaller n
LEAST = 16  # labeled rows of a smaller n
BEYOND = (2, 4, 8)  # sizes to extrapolate to
FURTHEST = 100  # times as many rows, for `needed`
EXTRAPOLATED = 0.01  # standard deviation of the curve's own error, in units of the score
SMALL_MISFIT = 1e-3  # of the labels' variance: nothing to speak of
BOUNDS = {"accuracy": (0.0, 1.0), "brier": (0.0, 2.0), "r2": (-math.inf, 1.0), "squared_error": (0.0, math.inf)}
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
        The run that is forecast: task, head, scaling, pseudolabels, strengths, ceiling, level, seed.
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
        task=config.task,
    )
    n, N = len(Y), len(pool_teacher)
    pool = moments_of({"teacher": pool_teacher, "student": pool_student})
    rng = np.random.default_rng([config.seed, 4])
    reading = _read(data, config, pool, np.arange(n), _dealer(config), repeats=REPEATS)
    found = _differences(reading, data.score, config.level, n_test)
    over_n = _over_labels(data, config, pool, reading, rng)
    over_N = _over_pool(data, config, reading, rng)
    top = n + N if config.ceiling == "L+U" else N
    ceiling = _ceiling(over_n, top, data.score)
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
        gain=found["gain"],
        versus_baseline=found["versus_baseline"],
        **{name: _bounded(part.estimate(config.level), data.score) for name, part in each.items()},
        ceiling=UNDEFINED if ceiling is None else _bounded(ceiling.estimate(config.level), data.score),
        pgr=_pgr(gain, each["teacher"], ceiling, config.level),
        opr=_opr(each["baseline"], each["student"], config.level),
        others={"brier" if data.score == "accuracy" else "squared_error": _other(reading, config.level)},
        curve=_curve(over_n, over_N, (n, N), data.score, config.level),
        needed=_needed(gain, versus, over_n, over_N, config.level),
        misfit=misfit,
        representation_gap=_representation_gap(pool, n, reading.alphas),
        alphas=reading.alphas,
        verdict=_verdict(found, n, data.score),
        error_parts=_error_parts(reading, pool, config),
        notes=_notes(misfit, gain, score=data.score, spread=float(Y.var(axis=0).sum())),
    )


def _read(
    data: _Data,
    config: W2SConfig,
    pool: Moments,
    rows: Rows,
    rng: np.random.Generator,
    *,
    repeats: int,
    pool_rows: Rows | None = None,
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
        rng=rng,
        repeats=repeats,
        pool_rows=pool_rows,
    )


def _differences(reading: Reading, score: str, level: float, n_test: int) -> dict[str, Outlook]:
    found = {}
    for name, weights in SIGNS.items():
        part = reading.evidence(score, weights)
        estimate, (low, high) = part.estimate(level), part.observed(level, n_test)
        found[name] = Outlook(
            value=estimate.value,
            low=estimate.low,
            high=estimate.high,
            resolved=bool(estimate.low > 0 or estimate.high < 0),
            low_observed=low,
            high_observed=high,
        )
    return found


UNDEFINED = Estimate(value=math.nan, low=math.nan, high=math.nan, resolved=False)
Point = tuple[tuple[int, int], dict[str, Evidence]]


def _over_labels(
    data: _Data, config: W2SConfig, pool: Moments, reading: Reading, rng: np.random.Generator
) -> list[Point]:
    """Return the forecast at fewer labels, each averaged over several parts of them, then at all."""
    n, N = len(data.Y), len(data.pool_teacher)
    points = []
    for size in sorted({n // share for share in SHARES}):
        if size < max(LEAST, 4 * data.Y.shape[1]):
            continue
        tried = []
        for _ in range(SUBSETS):
            rows = stratified_part(data.Y, size, rng)
            tried.append(_parts(_read(data, config, pool, rows, rng, repeats=1), data.score))
        mean = np.full(SUBSETS, 1 / SUBSETS)
        points.append(((size, N), {name: weighted_sum([parts[name] for parts in tried], mean) for name in tried[0]}))
    return [*points, ((n, N), _parts(reading, data.score))]


def _over_pool(data: _Data, config: W2SConfig, reading: Reading, rng: np.random.Generator) -> list[Point]:
    """Return the forecast with smaller pools, nested, then with all of it; teacher and baseline need no pool."""
    n, N = len(data.Y), len(data.pool_teacher)
    order, here = rng.permutation(N), _parts(reading, data.score)
    points = []
    for size in sorted({N // share for share in SHARES}):
        if size < LEAST:
            continue
        rows = np.sort(order[:size])
        part = moments_of({"teacher": data.pool_teacher[rows], "student": data.pool_student[rows]})
        found = _read(data, config, part, np.arange(n), _dealer(config), repeats=REPEATS, pool_rows=rows)
        parts = {**_parts(found, data.score), **{name: here[name] for name in ("teacher", "baseline")}}
        points.append(((n, size), parts))
    return [*points, ((n, N), here)]


def _dealer(config: W2SConfig) -> np.random.Generator:
    """Return what deals all labeled rows into folds: the same ones for every pool."""
    return np.random.default_rng([config.seed, 3])


def _parts(reading: Reading, score: str) -> dict[str, Evidence]:
    return {name: reading.evidence(score, weights) for name, weights in {**EACH, **SIGNS}.items()}


def _extrapolate(points: list[tuple[int, Evidence]], size: int) -> Evidence:
    r"""Return a score at another size from :math:`a + c\,m^{-1/2}` through the points, larger sizes weighing more.

    A single point stays what it is. The curve's own error is added.
    """
    if len(points) == 1:
        return weighted_sum([points[0][1]], np.ones(1), bias=2 * EXTRAPOLATED)
    sizes = np.array([m for m, _ in points], dtype=np.float64)
    design = np.column_stack([np.ones(len(sizes)), sizes**-0.5])
    at = np.array([1.0, size**-0.5])
    weights = at @ np.linalg.pinv(np.sqrt(sizes)[:, None] * design) * np.sqrt(sizes)
    return weighted_sum([part for _, part in points], weights, bias=EXTRAPOLATED)


def _ceiling(over_n: list[Point], size: int, score: str) -> Evidence | None:
    """Return the baseline's curve at another size, or None if no smaller size says how it goes on."""
    if len(over_n) == 1:
        return None
    found = _extrapolate([(m, parts["baseline"]) for (m, _), parts in over_n], size)
    return replace(found, value=min(found.value, BOUNDS[score][1]))


def _bounded(found: Estimate, score: str) -> Estimate:
    """Return an estimate inside the range of its score."""
    low, value, high = np.clip((found.low, found.value, found.high), *BOUNDS[score]).tolist()
    return Estimate(value=value, low=low, high=high)


def _pgr(gain: Evidence, teacher: Evidence, ceiling: Evidence | None, level: float) -> Estimate:
    """Return gain over gap, unresolved unless the gap's interval lies above 0."""
    if ceiling is None:
        return UNDEFINED
    gap = weighted_sum([ceiling, teacher], np.array([1.0, -1.0]))
    if not gap.estimate(level).low > 0:
        return UNDEFINED
    ratio = gain.value / gap.value
    part = weighted_sum([gain, gap], np.array([1.0, -ratio]) / gap.value)
    return _ratio(ratio, part, level)


def _opr(baseline: Evidence, student: Evidence, level: float) -> Estimate:
    """Return the baseline's error over the student's, unresolved if the student's may be 0."""
    error = 1 - student.value
    if not 1 - student.estimate(level).high > 0:
        return UNDEFINED
    ratio = (1 - baseline.value) / error
    part = weighted_sum([baseline, student], np.array([-1.0, ratio]) / error)
    return _ratio(ratio, part, level)


def _ratio(value: float, part: Evidence, level: float) -> Estimate:
    around = part.estimate(level)
    reach = around.high - around.value
    return Estimate(value=value, low=value - reach, high=value + reach, resolved=True)


def _other(reading: Reading, level: float) -> OtherScore:
    score = "brier" if reading.task == "classification" else "squared_error"
    found = {name: part.estimate(level) for name, part in _parts(reading, score).items()}
    return OtherScore(**{name: _bounded(one, score) if name in EACH else one for name, one in found.items()})


def _curve(
    over_n: list[Point], over_N: list[Point], here: tuple[int, int], score: str, level: float
) -> tuple[ForecastPoint, ...]:
    n, N = here
    points = [*over_n, *_beyond(over_n, 0, here), *over_N[:-1], *_beyond(over_N, 1, here)]
    return tuple(
        ForecastPoint(
            n=size[0],
            N=size[1],
            measured=size[0] <= n and size[1] <= N,
            gain=parts["gain"].estimate(level),
            **{name: _bounded(parts[name].estimate(level), score) for name in EACH},
        )
        for size, parts in points
    )


def _beyond(points: list[Point], axis: int, here: tuple[int, int]) -> list[Point]:
    """Return the points at larger sizes of one axis, extrapolated; none from fewer than three."""
    if len(points) < 3:
        return []
    out = []
    for times in BEYOND:
        size = (here[0] * times, here[1]) if axis == 0 else (here[0], here[1] * times)
        parts = {name: _extrapolate([(m[axis], p[name]) for m, p in points], size[axis]) for name in points[0][1]}
        out.append((size, parts))
    return out


def _needed(gain: Evidence, versus: Evidence, over_n: list[Point], over_N: list[Point], level: float) -> Needed:
    """Return how many labels or pseudolabels it takes until the answer resolves or changes."""
    estimate = gain.estimate(level)
    n = over_n[-1][0][0]
    if estimate.low <= 0 <= estimate.high:
        reach = estimate.high - estimate.value
        bound = (reach / abs(gain.value)) ** 2 if gain.value else math.inf
        labels = math.ceil(n * bound) if bound <= FURTHEST else None
    else:
        labels = _crossing([(size[0], parts["versus_baseline"].value) for size, parts in over_n])
    return Needed(n=labels, N=_crossing([(size[1], parts["versus_baseline"].value) for size, parts in over_N]))


def _crossing(points: list[tuple[int, float]]) -> int | None:
    r"""Return the larger size at which :math:`a + c\,m^{-1/2}` through the points is 0, if it is near enough."""
    if len(points) < 3:
        return None
    sizes = np.array([m for m, _ in points], dtype=np.float64)
    root = np.sqrt(sizes)
    c, a = np.polyfit(sizes**-0.5, [value for _, value in points], 1, w=root**0.5)
    if a * points[-1][1] >= 0 or a == 0:  # what is approached has the sign of today
        return None
    size = math.ceil((c / a) ** 2)
    return size if sizes[-1] < size <= FURTHEST * sizes[-1] else None


def _misfit(reading: Reading, Y: Float) -> Misfit:
    """Return the gain in squared error and its parts, averaged over the ways of holding out."""
    parts = []
    for held in reading.held:
        apart = held.teacher - held.student
        parts.append(((apart**2).sum(axis=1).mean(), 2 * (apart * (held.student - Y)).sum(axis=1).mean()))
    misfit, correction = np.mean(parts, axis=0)
    return Misfit(misfit=float(misfit), correction=float(correction), gain=float(misfit + correction))


def _error_parts(reading: Reading, pool: Moments, config: W2SConfig) -> ErrorParts | None:
    """Return what the student's squared error is made of, where theory speaks of such heads."""
    if (config.head, config.pseudolabels, config.scale) != ("ridge", "soft", "none"):
        return None
    alone, alphas = reading.leave_one_out, reading.alphas
    return decompose_held_out(
        pool,
        reading.Y,
        teacher=alone.teacher,
        student=alone.student,
        teacher_alpha=alphas["teacher"],
        student_alpha=alphas["student"],
    )


def _representation_gap(pool: Moments, n: int, alphas: dict[str, float]) -> float:
    """Return the label-free competitor at the strengths in use, each per row of what it was fitted to."""
    found = representation_gap(pool, teacher_alpha=alphas["teacher"] * pool.n / n, student_alpha=alphas["student"])
    return found.value


def _notes(misfit: Misfit, gain: Evidence, *, score: str, spread: float) -> tuple[str, ...]:
    """Say where the label-free forms would mislead."""
    notes = []
    if misfit.misfit > SMALL_MISFIT * spread and misfit.gain < 0.5 * misfit.misfit:
        notes.append(
            f"The misfit, which needs no label, is {misfit.misfit:.3g}, but the gain in squared error is "
            f"{misfit.gain:+.3g}: its label-free form does not hold here."
        )
    if abs(misfit.gain) > SMALL_MISFIT * spread and misfit.gain * gain.value < 0:
        notes.append(
            f"In squared error the student {'gains' if misfit.gain > 0 else 'loses'} ({misfit.gain:+.3g}), in "
            f"{'decisions' if score == 'accuracy' else 'R²'} it {'gains' if gain.value > 0 else 'loses'} "
            f"({gain.value:+.3f})."
        )
    return tuple(notes)


def _verdict(found: dict[str, Outlook], n: int, score: str) -> Verdict:
    gain, versus = (
        Estimate(value=one.value, low=one.low, high=one.high) for one in (found["gain"], found["versus_baseline"])
    )
    return decide(gain=gain, versus_baseline=versus, n_labeled=n, score=score)
