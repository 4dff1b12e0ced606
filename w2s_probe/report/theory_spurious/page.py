"""The report of `theory spurious`: risks by every form, what they mean, and how the minority's fractions move them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from w2s_probe.report.numbers import config_rows
from w2s_probe.report.page import Grid, Page, Section
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
    """Return what the report of `theory spurious` says.

    Parameters
    ----------
    output : SpuriousOutput
        What is expected.
    """
    simulation = {} if output.simulation is None else asdict(output.simulation)
    return Page(
        kind="Theory",
        title="Teacher and student under a spurious correlation",
        headline=[*spurious_headline(output), "Theory of Liu, Dong and Lei (2026): least squares"],
        notes=output.notes,
        sections=list(_sections(output)),
        settings=config_rows({**asdict(output.config), **simulation}),
    )


def _sections(output: SpuriousOutput) -> Iterator[Section]:
    made = output.simulation
    beside = (
        ""
        if made is None
        else f" Simulated: mean of {made.trials:,} draws ± its standard error, at core dimension "
        f"{made.core_dimension}, n = {made.n:,} and N = {made.N:,}."
    )
    yield Section(name="What it means", text=spurious_meaning(output))
    yield Section(
        name="Risks",
        grid=form_grid(output),
        text=[
            "Squared errors against the truth, without label noise. The published formula holds at small gamma, with "
            "an endless pool and for one cloud whose mean moves with eta; second moments hold at small gamma and nu "
            f"for this law; the fixed point at any.{beside}",
            *law_reason(output),
        ],
    )
    yield Section(name="Other fractions", grid=move_grid(output))
    drawn = figures.fraction_figures(output)
    if drawn:
        bar = " The bar is the simulation, two standard errors to either side." if made else ""
        yield Section(
            name="Over the minority's fractions",
            figures=drawn,
            caption="First the student by every form, the labeled rows as they are; then both systems by the fixed "
            "point, the pool as it is. "
            f"Dashed: the fractions asked for.{bar}",
            grid=Grid(
                header=["labeled, pool", "published, student", "second moments, student", "fixed point, student",
                        "fixed point, teacher"],
                rows=[_point(point) for point in output.curve or ()],
            ),
            folded=True,
        )  # fmt: skip


def _point(point: EtaPoint) -> list[str]:
    students = [risk_text(getattr(point, form).student) for form in figures.FORMS]
    return [f"{point.eta_labeled:g}, {point.eta_unlabeled:g}", *students, risk_text(point.fixed_point.teacher)]
