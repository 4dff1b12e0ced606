"""The page of a diagnosis: dimensions of each space, overlap of both, and chance levels."""

from __future__ import annotations

import math

from w2s_probe.report.diagnosis import figures
from w2s_probe.report.diagnosis.text import WHY_THEY_DIFFER, diagnosis_headline, dimension_grid, pair_grid
from w2s_probe.report.numbers import config_rows, pair_title
from w2s_probe.report.page import Page, Section
from w2s_probe.report.read import read_sections
from w2s_probe.results.diagnosis import Diagnosis


def diagnosis_page(diagnosis: Diagnosis) -> Page:
    """Return the report of a diagnosis."""
    config = diagnosis.config
    title = pair_title(str(config["teacher"]), str(config["student"])) if "teacher" in config else "Two feature spaces"
    return Page(
        kind="Diagnosis",
        title=title,
        headline=diagnosis_headline(diagnosis),
        data=str(config["data"]) if "data" in config else None,
        notes=diagnosis.notes,
        sections=[_dimensions(diagnosis), _pair(diagnosis), *read_sections(diagnosis.read)],
        settings=config_rows(config),
    )


def _dimensions(diagnosis: Diagnosis) -> Section:
    spectrum = figures.spectrum_figure(diagnosis)
    return Section(
        name="Dimensions of the spaces",
        figures=[spectrum] if spectrum else [],
        caption="Share of the centered energy that the first principal axes hold; dashed lines at 90, 95 and 99 %.",
        grids=[dimension_grid(diagnosis)],
        text=[WHY_THEY_DIFFER],
    )


def _pair(diagnosis: Diagnosis) -> Section:
    angles = figures.angles_figure(diagnosis)
    return Section(
        name="What both spaces share",
        figures=[*([angles] if angles else []), figures.chance_figure(diagnosis)],
        caption="Angles: a small angle is a direction that both spaces share; the dashed line is the smallest angle "
        "expected for unrelated spaces. Measures: dashed strokes are the values expected for unrelated features of "
        "these sizes; shared dimensions are divided by the dimensions of the smaller space."
        if angles
        else "Dashed strokes are the values expected for unrelated features of these sizes.",
        grids=[pair_grid(diagnosis)],
        text=[_shared(diagnosis)],
    )


def _shared(diagnosis: Diagnosis) -> str:
    pair, shared = diagnosis.pair, diagnosis.pair.correlation_dimension
    chance = pair.smallest_angle_chance
    if not pair.principal_angles or math.isnan(chance) or math.isnan(shared.corrected):
        return "Principal angles are undefined here; the notes give the reason."
    below = sum(angle < chance for angle in pair.principal_angles)
    return (
        f"Of {len(pair.principal_angles):,} principal angles, {below:,} lie below {math.degrees(chance):.1f}°, the "
        f"smallest angle expected for unrelated spaces. The squared cosines of all angles sum to {shared.value:.1f} "
        f"shared dimensions, {shared.corrected:.1f} after correction for chance. In the shared dimensions the student "
        "inherits its teacher's variance; in the others more pseudolabels lower it."
    )
