"""The page of a run: systems, comparisons, groups, suspects, curves, calibration, pseudolabels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from w2s_probe.report.numbers import config_rows, pair_title
from w2s_probe.report.page import Page, Section
from w2s_probe.report.run import figures, grids
from w2s_probe.report.run.groups import group_sections
from w2s_probe.report.run.text import run_headline, run_pair
from w2s_probe.report.suspects import suspect_sections
from w2s_probe.results.run import W2SResult


def run_page(result: W2SResult) -> Page:
    """Return the report of a run."""
    config = result.config
    names = "teacher" in config
    return Page(
        kind="Weak-to-strong",
        title=pair_title(str(config["teacher"]), str(config["student"])) if names else "Weak-to-strong",
        headline=run_headline(result),
        data=str(config["data"]) if names else None,
        pair_line=run_pair(result),
        verdict=result.verdict,
        notes=result.notes,
        sections=list(_sections(result)),
        settings=config_rows(config, result.fingerprint),
    )


def _sections(result: W2SResult) -> Iterator[Section]:
    yield _systems(result)
    yield _comparisons(result)
    yield from group_sections(result)
    yield from suspect_sections(result.suspects)
    if result.curve:
        yield _curve(result)
    reliability = figures.reliability_figures(result)
    if reliability:
        yield Section(
            name="Calibration",
            figures=reliability,
            small=True,
            caption="Accuracy over what a system says of itself, its top probability, in 15 bins; on the dashed line "
            "it is right as often as it says. Bars and the size of the dots show how many rows a bin has.",
        )
    strengths, counts = grids.strength_grid(result), grids.count_grid(result)
    if strengths.rows:  # results of older versions have none
        yield Section(name="Strengths", grids=[strengths])
    if counts.rows:
        yield Section(name="Rows of each class", grids=[counts])
    classes = [grids.class_grid(result)] if result.classes else []
    yield Section(name="Pseudolabels", grids=[grids.selection_grid(result), *classes])


def _systems(result: W2SResult) -> Section:
    caption = f"Marks are estimates, bars {result.level:.0%} intervals."
    agreement = []
    if result.classes is not None:
        agreement = [figures.agreement_figure(result)]
        caption += " A student that decides as its teacher where that is wrong has learned its errors."
    return Section(
        name="Systems",
        figures=[figures.systems_figure(result), *agreement],
        caption=caption,
        grids=[grids.systems_grid(result)],
        lead=True,
    )


def _comparisons(result: W2SResult) -> Section:
    seeds = (
        "; with one seed, over test rows only"
        if len(result.seeds) == 1
        else ". Seeds that re-split one table share training rows: the interval of a single system's score is too "
        "narrow where the labeled rows are few, those of gain and PGR hold"
    )
    caption = (
        "An interval covers the expected value over training draws of these sizes and test rows from the population"
        f"{seeds}. PGR is unresolved unless the interval of ceiling minus teacher lies above 0."
    )
    *first, last = grids.comparison_grids(result)
    return Section(name="Comparisons", grids=[*first, replace(last, caption=caption)], lead=True)


def _curve(result: W2SResult) -> Section:
    student = f" The student is that of {next(iter(result.students))}." if len(result.students) > 1 else ""
    return Section(
        name="Learning curves",
        figures=figures.curve_figures(result),
        caption="Smaller sizes are parts of the larger ones, scored on the same test rows; bands are "
        f"{result.level:.0%} intervals, cut where they leave the frame.{student}",
        grids=[grids.curve_grid(result)],
    )
