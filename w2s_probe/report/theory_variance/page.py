"""The page of ``theory variance``: errors and ratios, their meaning, and their change with the sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from w2s_probe.report.numbers import config_rows
from w2s_probe.report.page import Grid, Page, Section
from w2s_probe.report.theory_variance import figures
from w2s_probe.report.theory_variance.text import error_grid, meaning, ratio_grid, variance_headline
from w2s_probe.theory.variance.output import VarianceOutput


def variance_page(output: VarianceOutput) -> Page:
    """Return the report of ``theory variance``."""
    simulation = {} if output.simulation is None else asdict(output.simulation)
    return Page(
        kind="Theory",
        title="Expected errors of linear heads",
        headline=[*variance_headline(output), "Theory of Dong et al. (2025): Gaussian features, least squares"],
        notes=output.expected.notes,
        sections=list(_sections(output)),
        settings=config_rows({**asdict(output.config), **simulation}),
    )


def variance_rows(output: VarianceOutput) -> Iterator[dict[str, Any]]:
    """Yield the tidy rows: each error at each pair of sizes, expected and simulated."""
    for point in output.curve or ():
        for name, value in point.expected.to_dict().items():
            mean = point.simulated[name] if point.simulated else None
            simulated = {"simulated": mean.value if mean else None, "se": mean.se if mean else None}
            yield {"n": point.n, "N": point.N, "what": name, "expected": value, **simulated}


def _sections(output: VarianceOutput) -> Iterator[Section]:
    trials = output.simulation.trials if output.simulation else 0
    simulated = f" Simulated: mean of {trials:,} draws ± its standard error." if trials else ""
    yield Section(name="Meaning", text=meaning(output.expected))
    yield Section(
        name="Errors",
        grids=[error_grid(output)],
        text=[f"Squared errors against the truth, without label noise.{simulated}"],
    )
    yield Section(
        name="Ratios",
        grids=[ratio_grid(output)],
        text=[
            "PGR is the share of the teacher-to-ceiling gap that the student closes; OPR is the baseline's error over "
            "the student's."
        ],
    )
    lines = figures.errors_figures(output)
    if lines:
        marks = (
            " Marks are simulated means, bars two standard errors to either side; the table has them in brackets."
            if trials
            else ""
        )
        yield Section(
            name="Over sizes",
            figures=lines,
            caption=f"Lines are the closed forms, on logarithmic scales.{marks}",
            grids=[_points(output)],
        )


def _points(output: VarianceOutput) -> Grid:
    points = [point for size in ("n", "N") for point in figures.points_over(output, size)]
    return Grid(
        header=["n, N", *figures.NAMES.values()],
        rows=[
            [f"{point.n:,}, {point.N:,}", *(figures.error_text(point, system) for system in figures.NAMES)]
            for point in points
        ],
        folded="always",
    )
