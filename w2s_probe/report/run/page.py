"""The page of a run: systems, comparisons, groups, suspects, curves, calibration, pseudolabels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from w2s_probe.report.numbers import config_rows, pair_title
from w2s_probe.report.page import Page, Section
from w2s_probe.report.read import read_sections
from w2s_probe.report.run import figures, grids
from w2s_probe.report.run.groups import group_sections
from w2s_probe.report.run.stages import stage_sections
from w2s_probe.report.run.strategies import (
    featured,
    fitted_grid,
    is_ranked,
    part_grid,
    ranking_grid,
    ranking_text,
    strategy_sections,
)
from w2s_probe.report.run.teachers import coverage_lines, teacher_section
from w2s_probe.report.run.text import run_headline, run_pair, run_verdict_headline, teacher_name
from w2s_probe.report.run.traces import trace_grid
from w2s_probe.report.suspects import suspect_sections
from w2s_probe.results.run import W2SResult


def run_page(result: W2SResult) -> Page:
    """Return the report of a run."""
    config = result.config
    names = "teacher" in config
    return Page(
        kind="Weak-to-strong",
        title=pair_title(teacher_name(result), str(config["student"])) if names else "Weak-to-strong",
        headline=run_headline(result),
        data=str(config["data"]) if names else None,
        pair_line=run_pair(result),
        advice=result.verdict.advice,
        call=run_verdict_headline(result),
        notes=result.notes,
        sections=list(_sections(result)),
        settings=config_rows(config, result.fingerprint),
    )


def _sections(result: W2SResult) -> Iterator[Section]:
    yield _systems(result)
    if result.several_teachers:
        yield teacher_section(result)
    if lines := list(coverage_lines(result)):
        yield Section(name="Where the teacher speaks", text=lines, lead=True)
    if is_ranked(result):
        yield Section(
            name="Ranking",
            figures=figures.ranking_figures(result),
            grids=[ranking_grid(result)],
            text=[ranking_text(result)],
            lead=True,
        )
    yield _comparisons(result)
    if is_ranked(result):
        yield _every_strategy(result)
    yield from strategy_sections(result)
    yield from stage_sections(result)
    traces = trace_grid(result)
    if traces.rows:
        yield Section(name="Traces", grids=[traces])
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
            caption="Accuracy against top probability, in 15 bins. On the dashed line both are equal. Bars and the "
            "sizes of the dots show the number of rows in a bin.",
        )
    strengths, counts = grids.strength_grid(result), grids.count_grid(result)
    fits = [grid for grid in (strengths, fitted_grid(result)) if grid.rows]
    if fits:  # results of older versions have none
        yield Section(name="Strengths", grids=fits)
    if counts.rows:
        yield Section(name="Rows of each class", grids=[counts])
    parts = part_grid(result)
    classes = [grids.class_grid(result)] if result.classes else []
    yield Section(name="Pseudolabels", grids=[grids.selection_grid(result), *([parts] if parts.rows else []), *classes])
    yield from read_sections(result.read)


def _systems(result: W2SResult) -> Section:
    caption = f"Marks are estimates, bars are {result.level:.0%} confidence intervals."
    agreement = []
    if result.classes is not None:
        agreement = [figures.agreement_figure(result)]
        caption += " High agreement where the teacher is wrong means that the student has learned the teacher's errors."
    return Section(
        name="Systems",
        figures=[figures.systems_figure(result), *agreement],
        caption=caption,
        grids=[grids.systems_grid(result, featured(result))],
        lead=True,
    )


def _comparisons(result: W2SResult) -> Section:
    coverage = (
        "Intervals cover the choice of test rows only, since there is one seed."
        if len(result.seeds) == 1
        else "Intervals cover the choice of training rows and of test rows. All seeds split the same table, so that "
        "their training rows overlap: where labeled rows are few, the interval of a single system's score is too "
        "narrow; the intervals of gain and PGR are not."
    )
    caption = f"{coverage} PGR is unresolved unless the interval of ceiling minus teacher lies above 0."
    *first, last = grids.comparison_grids(result)
    return Section(name="Comparisons", grids=[*first, replace(last, caption=caption)], lead=True)


def _every_strategy(result: W2SResult) -> Section:
    every = grids.systems_grid(result, result.students)
    return Section(
        name="Every strategy", grids=[grids.beside_teachers_grid(result), grids.agreement_grid(result), every]
    )


def _curve(result: W2SResult) -> Section:
    student = f" The student is trained by {next(iter(result.students))}." if len(result.students) > 1 else ""
    return Section(
        name="Learning curves",
        figures=figures.curve_figures(result),
        caption="Smaller sizes are subsets of the larger sizes, scored on the same test rows. Bands are "
        f"{result.level:.0%} intervals, cut at the edge of the figure.{student}",
        grids=[grids.curve_grid(result)],
    )
