"""The report of `theory variance`: errors and ratios, what they mean, and how sizes change them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict

from w2s_probe.report.numbers import config_rows
from w2s_probe.report.page import Grid, Page, Section
from w2s_probe.report.theory_variance import figures
from w2s_probe.report.theory_variance.text import error_grid, meaning, ratio_grid, variance_headline
from w2s_probe.theory.variance.output import SizePoint, VarianceOutput


def variance_page(output: VarianceOutput) -> Page:
    """Return what the report of `theory variance` says.

    Parameters
    ----------
    output : VarianceOutput
        What is expected.
    """
    simulation = {} if output.simulation is None else asdict(output.simulation)
    return Page(
        kind="Theory",
        title="What linear heads are expected to err",
        headline=[*variance_headline(output), "Theory of Dong et al. (2025): Gaussian features, least squares"],
        notes=output.expected.notes,
        sections=list(_sections(output)),
        settings=config_rows({**asdict(output.config), **simulation}),
    )


def _sections(output: VarianceOutput) -> Iterator[Section]:
    beside = (
        ""
        if output.simulation is None
        else f" Simulated: mean of {output.simulation.trials:,} draws ± its standard error."
    )
    yield Section(name="What it means", text=meaning(output.expected))
    yield Section(
        name="Errors",
        grid=error_grid(output),
        text=[f"Squared errors against the truth, without label noise.{beside}"],
    )
    yield Section(
        name="Ratios",
        grid=ratio_grid(output),
        text=["PGR is the share of the gap from teacher to ceiling that the student closes; OPR the baseline's error "
              "over the student's."],
    )  # fmt: skip
    drawn = figures.errors_figures(output)
    if drawn:
        points = (
            " Marks are simulated means, bars twice their standard error; below, they stand in brackets."
            if output.simulation
            else ""
        )
        yield Section(
            name="Over sizes",
            figures=drawn,
            caption=f"Lines are the closed forms, on logarithmic scales.{points}",
            grid=Grid(
                header=["n, N", *figures.NAMES.values()],
                rows=[_point(point) for name in ("n", "N") for point in figures.points_over(output, name)],
            ),
            folded=True,
        )


def _point(point: SizePoint) -> list[str]:
    return [f"{point.n:,}, {point.N:,}", *(_cell(point, name) for name in figures.NAMES)]


def _cell(point: SizePoint, name: str) -> str:
    value = getattr(point.expected, name)
    said = "undefined" if math.isnan(value) else f"{value:.4g}"
    found = (point.simulated or {}).get(name)
    return said if found is None or math.isnan(found.value) else f"{said} [{found.value:.4g} ± {found.se:.2g}]"
