"""The report of a diagnosis: dimensions of each space, what both share, and what chance would show."""

from __future__ import annotations

import math

from w2s_probe.diagnostics.output import DiagnosisOutput
from w2s_probe.plain import plain
from w2s_probe.report import diagnosis_figures as figures
from w2s_probe.report.diagnosis import WHY_THEY_DIFFER, diagnosis_headline, dimension_rows, pair_rows
from w2s_probe.report.grids import Grid
from w2s_probe.report.page import Page, Section
from w2s_probe.report.tables import config_rows, taught
from w2s_probe.text import visible

__all__ = ["diagnosis_page"]


def diagnosis_page(found: DiagnosisOutput) -> Page:
    """Return what the report of a diagnosis says.

    Parameters
    ----------
    found : DiagnosisOutput
        What was measured.
    """
    config = found.config
    title = taught(str(config["teacher"]), str(config["student"])) if "teacher" in config else "Two feature spaces"
    return Page(
        kind="Diagnosis",
        title=title,
        headline=[visible(line) for line in diagnosis_headline(found)],
        notes=found.notes,
        sections=[_dimensions(found), _angles(found), _pair(found)],
        settings=config_rows(config),
    )


def _dimensions(found: DiagnosisOutput) -> Section:
    drawn = figures.spectrum_figure(found)
    spaces = [plain(space.intrinsic_dimension) for space in (found.teacher, found.student)]
    return Section(
        name="Dimensions of the spaces",
        figures=[drawn] if drawn else [],
        caption="Share of the centered energy that the first principal axes hold; dashed lines at 90, 95 and 99 %.",
        grid=Grid(header=["dimension", "teacher", "student"], rows=dimension_rows(*spaces)),
        text=[WHY_THEY_DIFFER],
    )


def _angles(found: DiagnosisOutput) -> Section:
    drawn = figures.angles_figure(found)
    pair, shared = found.pair, found.pair.correlation_dimension
    chance = pair.smallest_angle_chance
    if not pair.principal_angles or math.isnan(chance) or math.isnan(shared.corrected):
        said = "Angles are undefined here: see the notes."
    else:
        below = sum(angle < chance for angle in pair.principal_angles)
        said = (
            f"Of {len(pair.principal_angles):,} angles {below:,} lie below {math.degrees(chance):.1f}°, the smallest "
            f"that unrelated spaces would show. Their squared cosines sum to {shared.value:.1f} shared dimensions, "
            f"{shared.corrected:.1f} without what chance adds: the teacher's variance there is handed on to the "
            "student, and more pseudolabels lower the rest only."
        )
    return Section(
        name="Principal angles",
        figures=[drawn] if drawn else [],
        caption="Smallest angles are directions that both spaces hold; below the dashed line there are more than "
        "chance makes.",
        text=[said],
    )


def _pair(found: DiagnosisOutput) -> Section:
    return Section(
        name="The pair against chance",
        figures=[figures.chance_figure(found)],
        caption="Marks are measured, dashed strokes are what unrelated features of these sizes would show. Shared "
        "dimensions are a share of the smaller space.",
        grid=Grid(header=["pair", "value", "chance", "what it says"], rows=pair_rows(plain(found.pair))),
    )
