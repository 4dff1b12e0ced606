"""The page of a forecast: verdict, systems, differences, sizes, and a comparison with label-free numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator

from w2s_probe.core.text import visible
from w2s_probe.report.forecast import figures
from w2s_probe.report.forecast.text import expected_text, half_text, needed_lines, observed_text, systems_grid
from w2s_probe.report.numbers import METRIC_NAMES, config_rows, estimate_text, pair_title
from w2s_probe.report.page import Grid, Page, Section
from w2s_probe.report.read import read_sections
from w2s_probe.report.suspects import suspect_sections
from w2s_probe.report.verdict import verdict_headline
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.forecast import ErrorPart, ErrorParts, Forecast, ForecastPoint, ForecastResult


def forecast_page(result: ForecastResult) -> Page:
    """Return the report of a forecast."""
    best = result.best
    return Page(
        kind="Forecast of weak-to-strong",
        title=pair_title(best.teacher_backbone, best.student_backbone),
        headline=[
            f"Forecast from n = {best.n:,} labels and a pool of N = {best.N:,}; no other label was read",
            f"{result.level:.0%} intervals",
        ],
        data=str(result.config["data"]),
        advice=best.verdict.advice,
        call=verdict_headline(best.verdict, best.versus_baseline),
        notes=best.notes,
        sections=[*_sections(result), *suspect_sections(result.suspects), *read_sections(result.read)],
        settings=config_rows(result.config, result.fingerprint),
    )


def _sections(result: ForecastResult) -> Iterator[Section]:
    best, level = result.best, f"{result.level:.0%}"
    if result.pairs is not None:
        yield _ranking(result.pairs, level)
    yield Section(
        name="Systems",
        figures=[figures.systems_figure(best), figures.differences_figure(best)],
        caption=f"Marks are expected values, thick bars their {level} intervals. Thin bars are intervals of the "
        f"difference on a test set of {best.n_test:,} rows; the dashed stroke marks no difference. The ceiling, a "
        "student trained on the pool's true labels, is extrapolated from the baseline's curve.",
        grids=[systems_grid(best)],
    )
    yield Section(name="Comparisons", grids=[_differences(best)])
    yield from _learning(best, level)
    if best.error_parts is not None:
        yield _parts(best, best.error_parts)
    yield _label_free(best)


def _ranking(pairs: tuple[Forecast, ...], level: str) -> Section:
    score = METRIC_NAMES[pairs[0].score]
    count = min(len(pairs), figures.MOST_RANKED)
    return Section(
        name="Pairs",
        figures=figures.ranking_figures(pairs),
        caption=f"{'All' if count == len(pairs) else f'The first {count}'} pairs by the expected {score} of the better "
        f"of student and baseline, with {level} intervals; thin bars are intervals on a test set. The sections below "
        "describe the first pair.",
        grids=[
            Grid(
                header=[
                    "teacher",
                    "student",
                    f"student's {score}",
                    f"baseline's {score}",
                    "gain",
                    "student - baseline",
                    "verdict",
                ],
                rows=[
                    [
                        visible(pair.teacher_backbone),
                        visible(pair.student_backbone),
                        estimate_text(pair.student),
                        estimate_text(pair.baseline),
                        expected_text(pair.gain),
                        expected_text(pair.versus_baseline),
                        verdict_headline(pair.verdict, pair.versus_baseline),
                    ]
                    for pair in pairs
                ],
                user=range(2),
            )
        ],
    )


def _differences(best: Forecast) -> Grid:
    other, scores = next(iter(best.others.items()))
    error = METRIC_NAMES[other]
    rows = [
        [
            "gain",
            "student - teacher",
            expected_text(best.gain),
            observed_text(best.gain),
            estimate_text(scores.gain, signed=True),
        ],
        [
            "student - baseline",
            "against using the labels directly",
            expected_text(best.versus_baseline),
            observed_text(best.versus_baseline),
            estimate_text(scores.versus_baseline, signed=True),
        ],
        ["PGR", "share of the gap to the ceiling", estimate_text(best.pgr), "-", "-"],
        ["OPR", "baseline's error / student's error", estimate_text(best.opr), "-", "-"],
    ]
    header = [
        "measure",
        "definition",
        f"in {METRIC_NAMES[best.score]}",
        "on a test set",
        f"in {error} (less is better)",
    ]
    return Grid(header=header, rows=rows)


def _learning(best: Forecast, level: str) -> Iterator[Section]:
    points = [point for size in ("n", "N") for point in figures.points_over(best, size)]
    yield Section(
        name="Learning curves",
        figures=figures.forecast_curves(best),
        caption="Full marks and solid lines: heads were fitted at these sizes. Hollow marks and dashed lines: "
        f"extrapolated. Bands are {level} intervals from today's labels, cut at the edge of the figure.",
        grids=[
            Grid(
                title="Systems at each size",
                header=["n, N", *figures.SYSTEMS, "source"],
                rows=[_scores(point) for point in points],
                folded="always",
            ),
            Grid(
                title="Differences at each size",
                header=["n, N", "gain", "gain then", "student - baseline", "student - baseline then"],
                rows=[_gaps(point) for point in points],
                caption="Intervals show how uncertain each size is today. Then: half-width of the interval that one "
                "would have with n labels and N pseudolabels.",
                folded="always",
            ),
        ],
        text=needed_lines(best),
    )


def _scores(point: ForecastPoint) -> list[str]:
    scores = [estimate_text(getattr(point, system)) for system in figures.SYSTEMS]
    return [_sizes(point), *scores, "fitted" if point.measured else "extrapolated"]


def _gaps(point: ForecastPoint) -> list[str]:
    pairs = [(point.gain, point.gain_then), (point.versus_baseline, point.versus_baseline_then)]
    cells = [(_estimate_or_dash(today), half_text(then)) for today, then in pairs]
    return [_sizes(point), *cells[0], *cells[1]]


def _sizes(point: ForecastPoint) -> str:
    return f"{point.n:,}, {point.N:,}"


def _estimate_or_dash(estimate: Estimate) -> str:
    """Return a difference with its interval; results of an older version lack some."""
    return "-" if math.isnan(estimate.value) else estimate_text(estimate, signed=True)


def _parts(best: Forecast, parts: ErrorParts) -> Section:
    figure = figures.parts_figure(best)
    rows = [
        ["inherited variance", *_part(parts.inherited)],
        ["reduced variance", *_part(parts.reduced)],
        ["bias and label noise", *_part(parts.bias)],
    ]
    return Section(
        name="Parts of the student's squared error",
        figures=[figure] if figure else [],
        caption="Squared error of the student on fresh rows, summed over classes.",
        grids=[Grid(header=["part", "squared error", "halved by n =", "halved by N ="], rows=rows)],
        text=[
            "Inherited variance: the teacher's variance in directions that the student's features contain. More "
            "labels lower it, more pseudolabels do not. Reduced variance: what remains of the teacher's variance in "
            "other directions. More labels or more pseudolabels lower it. Bias and label noise: the rest, which "
            "neither lowers."
        ],
    )


def _part(part: ErrorPart) -> list[str]:
    sizes = [f"{size:,.0f}" if math.isfinite(size) else "none" for size in (part.n_to_halve, part.N_to_halve)]
    return [_number(part.value), *sizes]


def _label_free(best: Forecast) -> Section:
    gain = best.misfit
    rows = [
        ["misfit", "mean squared difference of student and teacher", _number(gain.misfit)],
        ["correction", "the part that needs labels", _number(gain.correction, "+")],
        ["gain in squared error", "misfit plus correction, on the labeled rows", _number(gain.gain, "+")],
        ["representation gap", "what the student expresses and the teacher cannot", _number(best.representation_gap)],
    ]
    return Section(
        name="Label-free predictors of the gain",
        grids=[Grid(header=["measure", "definition", "value"], rows=rows)],
        text=[
            "The gain in squared error equals the misfit if the student's errors are uncorrelated with the difference "
            "of student and teacher. The correction measures this correlation.",
            "The representation gap is computed from features only: the smaller it is, the better a student it "
            "predicts, whatever the labels are.",
        ],
    )


def _number(value: float, sign: str = "") -> str:
    return "undefined" if math.isnan(value) else f"{value:{sign}.4g}"
