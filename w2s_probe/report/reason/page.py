"""The page of ``reason``: scores, differences, further teachers and rounds."""

from __future__ import annotations

from collections.abc import Iterator

from w2s_probe.report.numbers import config_rows
from w2s_probe.report.page import Grid, Page, Section
from w2s_probe.report.reason.grids import curve_grid, difference_grid, meaning, round_grid, score_grid
from w2s_probe.report.reason.text import headline
from w2s_probe.results.reason import ReasonResult

PAPERS = {
    "w2sr": "Yuan et al. (2025), Incentivizing Strong Reasoning from Weak Supervision, arXiv 2505.20072",
    "mutual": "Lyu et al. (2024), MACPO: Weak-to-Strong Alignment via Multi-Agent Contrastive Preference Optimization, "
    "arXiv 2410.07672",
}


def reason_page(result: ReasonResult) -> Page:
    """Return the report of ``reason``."""
    return Page(
        kind="Reasoning",
        title="Traces of a weak teacher",
        headline=[*headline(result), PAPERS[result.config["method"]]],
        notes=result.notes,
        sections=list(_sections(result)),
        settings=config_rows(result.config),
    )


def _sections(result: ReasonResult) -> Iterator[Section]:
    yield Section(name="Meaning", text=list(meaning(result)))
    yield Section(
        name="Scores",
        grids=[score_grid(result)],
        text=[
            "Valid steps: share of right arithmetic among the steps that were written. Follows: share of traces whose "
            "steps are those of the problem. RGR: share of the gap from untrained to ceiling that is closed."
        ],
    )
    yield Section(name="Differences", grids=[difference_grid(result)], text=["Accuracy, paired by problem."])
    yield Section(
        name="Pre-training", grids=[_pretraining(result)], text=["On facts and on copying, without problems."]
    )
    if result.curve:
        yield Section(name="Other teachers", grids=[curve_grid(result)])
    if result.rounds:
        yield Section(name="Rounds", grids=[round_grid(result)])


def _pretraining(result: ReasonResult) -> Grid:
    rows = [
        [
            side,
            f"{learned.parameters:,}",
            f"{learned.facts:.3f}",
            f"{learned.copying:.3f}",
            f"{learned.steps:,.0f}",
        ]
        for side, learned in result.pretraining.items()
    ]
    return Grid(header=["decoder", "parameters", "facts", "copying", "updates"], rows=rows)
