"""The page of a forecast: verdict, systems, differences, sizes, and a comparison with label-free numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator

from w2s_probe.core.text import visible
from w2s_probe.report.forecast import figures
from w2s_probe.report.forecast.text import expected_text, needed_text, observed_text
from w2s_probe.report.numbers import METRIC_NAMES, config_rows, estimate_text, pair_title, score_text
from w2s_probe.report.page import Grid, Page, Section
from w2s_probe.report.suspects import suspect_sections
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
        verdict=best.verdict,
        notes=best.notes,
        sections=[*_sections(result), *suspect_sections(result.suspects)],
        settings=config_rows(result.config, result.fingerprint),
    )


def _sections(result: ForecastResult) -> Iterator[Section]:
    best, level = result.best, f"{result.level:.0%}"
    if result.pairs is not None:
        yield _ranking(result.pairs, level)
    yield Section(
        name="Systems",
        figures=[figures.systems_figure(best), figures.differences_figure(best)],
        caption=f"Marks are expected values, thick bars their {level} intervals; thin bars hold what a test set of "
        f"{best.n_test:,} rows will show, and the dashed stroke is no difference. The ceiling is a student trained on "
        "true labels of the pool, extrapolated from the baseline's curve.",
        grids=[_systems(best)],
    )
    yield Section(name="Comparisons", grids=[_differences(best)])
    yield from _learning(best, level)
    if best.error_parts is not None:
        yield _parts(best, best.error_parts)
    yield _label_free(best)


def _ranking(pairs: tuple[Forecast, ...], level: str) -> Section:
    count = min(len(pairs), figures.MOST_RANKED)
    return Section(
        name="Pairs",
        figures=[figures.ranking_figure(pairs)],
        caption=f"{'All' if count == len(pairs) else f'The first {count}'} pairs by expected gain, with {level} "
        "intervals; thin bars hold what a test set will show. What follows is about the first.",
        grids=[
            Grid(
                header=["teacher", "student", "expected gain", "student - baseline", "teacher alone", "verdict"],
                rows=[
                    [
                        visible(pair.teacher_backbone),
                        visible(pair.student_backbone),
                        expected_text(pair.gain),
                        expected_text(pair.versus_baseline),
                        estimate_text(pair.teacher),
                        f"{pair.verdict.call}; {pair.verdict.recommend.replace('_', ' ')}",
                    ]
                    for pair in pairs
                ],
                user=range(2),
            )
        ],
    )


def _systems(best: Forecast) -> Grid:
    other, scores = next(iter(best.others.items()))
    trained_on = {
        "teacher": f"{best.n:,} labels",
        "student": f"{best.N:,} pseudolabels",
        "baseline": f"{best.n:,} labels",
    }
    rows = [
        [
            system,
            labels,
            score_text(best.score, getattr(best, system)),
            score_text(other, getattr(scores, system)),
            f"{best.alphas[system]:.3g}" if system in best.alphas else "-",
        ]
        for system, labels in trained_on.items()
    ]
    top = ["ceiling", "extrapolated", score_text(best.score, best.ceiling), "-", "-"]
    names = [METRIC_NAMES[name] for name in (best.score, other)]
    return Grid(header=["system", "trained on", *names, "alpha"], rows=[*rows, top])


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
        ["PGR", "of the teacher-to-ceiling gap", estimate_text(best.pgr), "-", "-"],
        ["OPR", "baseline's error / student's", estimate_text(best.opr), "-", "-"],
    ]
    header = ["what", "of what", f"in {METRIC_NAMES[best.score]}", "on a test set", f"in {error} (less is better)"]
    return Grid(header=header, rows=rows)


def _learning(best: Forecast, level: str) -> Iterator[Section]:
    curves = figures.forecast_curves(best)
    needed = needed_text(best)
    if not curves and not needed:
        return
    yield Section(
        name="Learning curves",
        figures=curves,
        caption=f"Full marks and solid lines: heads of these sizes were tried. Hollow marks and dashed lines are "
        f"extrapolated. Bands are {level} intervals, cut where they leave the frame.",
        grids=[
            Grid(
                header=["n, N", "teacher", "student", "baseline", "gain", "how known"],
                rows=[_point(point) for size in ("n", "N") for point in figures.points_over(best, size)],
                folded="always",
            )
        ],
        text=[needed] if needed else [],
    )


def _point(point: ForecastPoint) -> list[str]:
    return [
        f"{point.n:,}, {point.N:,}",
        *(estimate_text(estimate) for estimate in (point.teacher, point.student, point.baseline)),
        estimate_text(point.gain, signed=True),
        "tried" if point.measured else "extrapolated",
    ]


def _parts(best: Forecast, parts: ErrorParts) -> Section:
    figure = figures.parts_figure(best)
    rows = [
        ["inherited variance", *_part(parts.inherited)],
        ["reduced variance", *_part(parts.reduced)],
        ["bias and label noise", *_part(parts.bias)],
    ]
    return Section(
        name="What the student's error is made of",
        figures=[figure] if figure else [],
        caption="Squared error of the student on fresh rows, summed over classes.",
        grids=[Grid(header=["part", "squared error", "halved by n =", "halved by N ="], rows=rows)],
        text=[
            "Inherited variance is the teacher's own, in directions that the student's features hold too: more "
            "pseudolabels leave it, more labels lower it. Reduced variance is what is left of the teacher's in other "
            "directions: either lowers it. The rest, label noise and what both heads cannot fit, stays."
        ],
    )


def _part(part: ErrorPart) -> list[str]:
    sizes = [f"{size:,.0f}" if math.isfinite(size) else "no size" for size in (part.n_to_halve, part.N_to_halve)]
    return [_number(part.value), *sizes]


def _label_free(best: Forecast) -> Section:
    gain = best.misfit
    rows = [
        ["misfit", "mean squared difference of student and teacher", _number(gain.misfit)],
        ["correction", "what the label-free form leaves out", _number(gain.correction, "+")],
        ["gain in squared error", "their sum, on the labeled rows", _number(gain.gain, "+")],
        ["representation gap", "what the student expresses and the teacher cannot", _number(best.representation_gap)],
    ]
    return Section(
        name="Against numbers that need no label",
        grids=[Grid(header=["what", "of what", "value"], rows=rows)],
        text=[
            "The gain in squared error is the misfit between student and teacher, where the student's errors do not "
            "correlate with that difference; the correction says how far they do.",
            "The representation gap looks at features only: a smaller one promises a better student, whatever the "
            "labels say.",
        ],
    )


def _number(value: float, sign: str = "") -> str:
    return "undefined" if math.isnan(value) else f"{value:{sign}.4g}"
