"""Whole tables as a header and rows of text: the page and the Markdown show the same."""

from __future__ import annotations

from w2s_probe.core.text import visible
from w2s_probe.report.numbers import METRIC_NAMES, comparisons, estimate_text, score_text, system_rows
from w2s_probe.report.page import Grid
from w2s_probe.results.run import CurvePoint, W2SResult


def systems_grid(result: W2SResult) -> Grid:
    """Return every score of every system."""
    metrics = list(result.systems["teacher"].scores)
    return Grid(
        header=["system", "trained on", *(METRIC_NAMES.get(metric, metric) for metric in metrics)],
        rows=[
            [row.name, row.trained_on, *(score_text(metric, row.scores[metric]) for metric in metrics)]
            for row in system_rows(result)
        ],
    )


def comparison_grids(result: W2SResult) -> dict[str, Grid]:
    """Return for each strategy what its student is compared with."""
    header = ["what", "of what", f"in {METRIC_NAMES[result.score]}"]
    return {
        name: Grid(header=header, rows=[[row.name, row.said, row.text] for row in rows])
        for name, rows in comparisons(result).items()
    }


def curve_grid(result: W2SResult) -> Grid:
    """Return the systems at smaller sizes."""
    header = ["n, N", "teacher", "student", "baseline", "ceiling", "gain", "student - baseline"]
    return Grid(header=header, rows=[_point(point) for point in result.curve or ()])


def selection_grid(result: W2SResult) -> Grid:
    """Return which pseudolabels each strategy kept."""
    header = ["strategy", "rule", "rows kept", "of the pool", "true among them"]
    chosen = {name: student.selection for name, student in result.students.items()}
    return Grid(
        header=header if result.classes else header[:-1],
        rows=[
            [visible(name), visible(one.rule), f"{one.kept:,.0f}", f"{one.fraction:.0%}", f"{one.label_precision:.3f}"][
                : None if result.classes else -1
            ]
            for name, one in chosen.items()
        ],
    )


def class_grid(result: W2SResult) -> Grid:
    """Return the classes, and their share among the pseudolabels each strategy kept."""
    return Grid(
        header=["class", *(visible(name) for name in result.students)],
        rows=[
            [visible(name), *(f"{one.selection.class_mix.get(name, 0.0):.3f}" for one in result.students.values())]
            for name in result.classes or ()
        ],
    )


def _point(point: CurvePoint) -> list[str]:
    systems = [estimate_text(one) for one in (point.teacher, point.student, point.baseline, point.ceiling)]
    gaps = [estimate_text(one, signed=True) for one in (point.gain, point.versus_baseline)]
    return [f"{point.n:,}, {point.N:,}", *systems, *gaps]
