"""The page of ``theory spurious``: risks by every form, their meaning, and their change with the fractions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from w2s_probe.report.numbers import config_rows
from w2s_probe.report.page import Grid, Page, Section
from w2s_probe.report.read import read_sections
from w2s_probe.report.theory_spurious import figures
from w2s_probe.report.theory_spurious.text import (
    form_grid,
    law_reason,
    move_grid,
    risk_text,
    spurious_headline,
    spurious_meaning,
)
from w2s_probe.theory.spurious.output import EtaPoint, SpuriousOutput


def spurious_page(output: SpuriousOutput) -> Page:
    """Return the report of ``theory spurious``."""
    simulation = {} if output.simulation is None else asdict(output.simulation)
    return Page(
        kind="Theory",
        title="Teacher and student under a spurious correlation",
        headline=[*spurious_headline(output), "Theory of Liu, Dong and Lei (2026): least squares"],
        notes=output.notes,
        sections=[*_sections(output), *read_sections(output.read)],
        settings=config_rows({**asdict(output.config), **simulation}),
    )


def spurious_rows(output: SpuriousOutput) -> Iterator[dict[str, Any]]:
    """Yield the tidy rows: the risks by each form at each pair of fractions."""
    for point in output.curve or ():
        etas = {"eta_labeled": point.eta_labeled, "eta_unlabeled": point.eta_unlabeled}
        for form in figures.FORMS:
            risks = getattr(point, form)
            yield {**etas, "form": form, "teacher": risks.teacher, "student": risks.student}


def _sections(output: SpuriousOutput) -> Iterator[Section]:
    yield Section(name="Meaning", text=spurious_meaning(output))
    yield Section(
        name="Risks",
        grids=[form_grid(output)],
        text=[
            "Squared errors against the truth, without label noise. The published formula holds at small gamma, for an "
            "infinite pool and for one cloud whose mean moves with eta; second moments hold at small gamma and nu, for "
            f"this law; the fixed point holds at any gamma and nu.{_simulation(output)}",
            *law_reason(output),
        ],
    )
    yield Section(name="Other fractions", grids=[move_grid(output)])
    lines = figures.fraction_figures(output)
    if lines:
        bar = " The bar is the simulated risk, two standard errors to either side." if output.simulation else ""
        yield Section(
            name="Over the minority's fractions",
            figures=lines,
            caption="First figure: the student by every form, with eta_labeled fixed. Second figure: both systems by "
            f"the fixed point, with eta_unlabeled fixed. Dashed: the fractions that were set.{bar}",
            grids=[_points(output.curve or ())],
        )


def _simulation(output: SpuriousOutput) -> str:
    made = output.simulation
    if made is None:
        return ""
    return (
        f" Simulated: mean of {made.trials:,} draws ± its standard error, at core dimension {made.core_dimension}, "
        f"n = {made.n:,} and N = {made.N:,}."
    )


def _points(points: Sequence[EtaPoint]) -> Grid:
    students = [f"{name}, student" for name in figures.FORMS.values()]
    return Grid(
        header=["labeled, pool", *students, "fixed point, teacher"],
        rows=[
            [
                f"{point.eta_labeled:g}, {point.eta_unlabeled:g}",
                *(risk_text(getattr(point, form).student) for form in figures.FORMS),
                risk_text(point.fixed_point.teacher),
            ]
            for point in points
        ],
        folded="always",
    )
