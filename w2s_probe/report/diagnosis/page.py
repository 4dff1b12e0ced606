"""The report of a diagnosis: dimensions of each space, what both share, and what chance would show."""

from __future__ import annotations

import math

from w2s_probe.core.serialize import plain
from w2s_probe.report.diagnosis import figures
from w2s_probe.report.diagnosis.text import WHY_THEY_DIFFER, diagnosis_headline, dimension_rows, pair_rows
from w2s_probe.report.numbers import config_rows, taught
from w2s_probe.report.page import Grid, Page, Section
from w2s_probe.results.diagnosis import Diagnosis


def diagnosis_page(found: Diagnosis) -> Page:
    """Return what the report of a diagnosis says.

    Parameters
    ----------
    found : Diagnosis
        What was measured.
    """
    config = found.config
    title = taught(str(config["teacher"]), str(config["student"])) if "teacher" in config else "Two feature spaces"
    return Page(
        kind="Diagnosis",
        title=title,
        headline=diagnosis_headline(found),
        data=str(config["data"]) if "data" in config else None,
        notes=found.notes,
        sections=[_dimensions(found), _pair(found)],
        settings=config_rows(config),
    )


def _dimensions(found: Diagnosis) -> Section:
    drawn = figures.spectrum_figure(found)
    spaces = [plain(space.intrinsic_dimension) for space in (found.teacher, found.student)]
    return Section(
        name="Dimensions of the spaces",
        figures=[drawn] if drawn else [],
        caption="Share of the centered energy that the first principal axes hold; dashed lines at 90, 95 and 99 %.",
        grid=Grid(header=["dimension", "teacher", "student"], rows=dimension_rows(*spaces)),
        text=[WHY_THEY_DIFFER],
    )


def _pair(found: Diagnosis) -> Section:
    angles = figures.angles_figure(found)
    return Section(
        name="What both spaces share",
        figures=[*([angles] if angles else []), figures.chance_figure(found)],
        caption="Angles: small ones are directions that both spaces hold; the dashed line is the smallest angle that "
        "unrelated spaces would show. Measures: dashed strokes are what unrelated features of these sizes would show; "
        "shared dimensions are a share of the smaller space."
        if angles
        else "Dashed strokes are what unrelated features of these sizes would show.",
        grid=Grid(header=["pair", "value", "chance", "what it says"], rows=pair_rows(plain(found.pair))),
        text=[_shared(found)],
    )


def _shared(found: Diagnosis) -> str:
    pair, shared = found.pair, found.pair.correlation_dimension
    chance = pair.smallest_angle_chance
    if not pair.principal_angles or math.isnan(chance) or math.isnan(shared.corrected):
        return "Principal angles are undefined here: the notes say why."
    below = sum(angle < chance for angle in pair.principal_angles)
    return (
        f"Of {len(pair.principal_angles):,} principal angles {below:,} lie below {math.degrees(chance):.1f}°, the "
        f"smallest that unrelated spaces would show. Their squared cosines sum to {shared.value:.1f} dimensions, "
        f"{shared.corrected:.1f} without what chance adds. In these the student inherits its teacher's variance; "
        "elsewhere more pseudolabels lower it."
    )
