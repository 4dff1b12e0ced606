"""Heads on the way to a student: a table of the student and the teachers after each round."""

from __future__ import annotations

import re
from collections.abc import Iterator

from w2s_probe.core.text import visible
from w2s_probe.report.numbers import estimate_text, score_text
from w2s_probe.report.page import Grid, Section
from w2s_probe.report.run.strategies import all_students
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import W2SResult

KEY = re.compile(r"round(\d+)\.(?:(student)|teacher\.(.+))", re.DOTALL)
STAGES = (
    "Accuracy on the test rows of student and teachers after each round. The change is the difference to the first "
    "head on the same features, paired by row and seed: of the student, or of the same teacher, whose first head "
    "learned the labels alone. A dash stands for a first head."
)


def stage_grids(result: W2SResult) -> dict[str, Grid]:
    """Return a table for each student with stages, variants included: one line for each head, in the order of rounds.

    Parameters
    ----------
    result : W2SResult
        Result of a run.
    """
    return {
        name: Grid(
            header=["when", "head", "accuracy", "change since its first head"],
            rows=[
                [*_words(key), score_text("accuracy", stage.accuracy), _change(stage.versus_start)]
                for key, stage in (student.stages or {}).items()
            ],
            title=f"Rounds of {visible(name)}",
            folded="in Markdown" if name in result.students else "always",
            user=(0, 1),
        )
        for name, student in all_students(result).items()
        if student.stages
    }


def stage_sections(result: W2SResult) -> Iterator[Section]:
    """Yield the section of a page on the rounds, if a student has stages.

    Parameters
    ----------
    result : W2SResult
        Result of a run.
    """
    grids = stage_grids(result)
    if grids:
        yield Section(name="Rounds", grids=list(grids.values()), text=[STAGES])


def _words(key: str) -> tuple[str, str]:
    """Return after which round, and whose head; of other keys, the key alone."""
    match = KEY.fullmatch(key)
    if not match:
        return visible(key), "–"
    when = f"round {match[1]}" if int(match[1]) else "start"
    return when, match[2] or f"teacher {visible(match[3])}"


def _change(change: Estimate) -> str:
    """Return a difference with its interval; a dash for a first head, or one that decides as the first head does."""
    return estimate_text(change, signed=True) if change.low or change.high else "–"
