"""Several teachers and strategies as text of 80 columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from w2s_probe.core.text import visible
from w2s_probe.report.numbers import METRIC_NAMES, estimate_text
from w2s_probe.report.render.terminal import columns, wrapped
from w2s_probe.report.run.crossed import crossed_text
from w2s_probe.report.run.stages import stage_grids
from w2s_probe.report.run.strategies import (
    FEW,
    LEGEND,
    MOST_ROWS,
    RankedRow,
    is_ranked,
    part_grid,
    ranked_rows,
    rival_grid,
    variant_grids,
)
from w2s_probe.report.run.teachers import teacher_grid
from w2s_probe.report.run.traces import CAPTION, STRATEGIES, trace_grid
from w2s_probe.results.run import W2SResult
from w2s_probe.results.student import StudentResult

MOST_VARIANTS = 8  # rows of their tables; more variants have one sentence for each strategy
MOST_LABELS = 24  # rows of the table of learned labels with its parts
MORE = "… and {:,} more: use --out DIR or --json to see them."


def teachers_text(result: W2SResult) -> str:
    """Return the table of several teachers, with their held-out scores and weights together."""
    grid = teacher_grid(result)
    return columns(("teacher", grid.header[1], "held-out", "weight together"), grid.rows)


def strategies_text(result: W2SResult) -> Iterator[str]:
    """Yield ranking, variants, labels that were learned, rivals, and what did not apply; each with an empty line."""
    if is_ranked(result):
        yield from (_ranking(result), "")
    yield from _variants(result)
    yield from _rounds(result)
    yield from _traces(result)
    labels = _labels(result)
    if labels:
        yield from (columns(("learned from", "rows", "share of the pool", "true labels"), labels), "")
    elsewhere = ("vanilla", "traces", "traces/arm=hard")  # other tables have these differences
    rivals = [row for row in rival_grid(result).rows if row[1] not in elsewhere]
    if rivals:
        header = ("strategy", "rival", f"difference in {METRIC_NAMES[result.score]}")
        yield from (columns(header, rivals[:MOST_ROWS]), *_more(len(rivals)), "")
    lines = list(skipped_lines(result.skipped))
    yield from (*lines, *([""] if lines else []))


def _ranking(result: W2SResult) -> str:
    """Return the ranking; a star marks a difference whose adjusted interval excludes 0."""
    main, rows = METRIC_NAMES[result.score], ranked_rows(result)
    versus = ["versus vanilla"] if "vanilla" in result.students else []
    lines = [
        [
            row.title,
            f"{row.score.value:.3f}",
            *([_signed(row) + (" *" if row.differs else "")] if versus else []),
            "–" if row.versus_baseline is None else estimate_text(row.versus_baseline, signed=True),
        ]
        for row in rows
    ]
    table = columns(("strategy", main, *versus, "versus baseline"), lines)
    marks = []
    if any(row.differs for row in rows):
        marks.append(f"* also with intervals adjusted for {len(result.ranking or ())} strategies.")
    if any(row.student and row.student.uses_labels for row in rows):
        marks.append(LEGEND)
    return "\n".join([table, *([wrapped(" ".join(marks))] if marks else [])])


def _signed(row: RankedRow) -> str:
    return "–" if row.versus_vanilla is None else estimate_text(row.versus_vanilla, signed=True)


def _variants(result: W2SResult) -> Iterator[str]:
    """Yield a table of each strategy's variants, or a sentence for each where there are many.

    If few strategies have variants, crossed settings have a table in any case.
    """
    owners = {name: own for name, own in result.students.items() if own.variants and name not in STRATEGIES}
    if sum(len(student.variants or {}) for student in owners.values()) > MOST_VARIANTS:
        yield from (*(wrapped(_range(result, name, student)) for name, student in owners.items()), "")
        for name, student in owners.items() if len(owners) <= FEW else ():
            yield from crossed_text(result, name, student)
        return
    for grid in variant_grids(result, without=STRATEGIES):
        rows = [[row[0], row[1].partition(" [")[0], *row[2:4]] for row in grid.rows]
        header = ("variant", METRIC_NAMES[result.score], "versus vanilla", "versus baseline")
        yield from (wrapped(f"{grid.title}:"), columns(header, rows), "")


def _rounds(result: W2SResult) -> Iterator[str]:
    """Yield a table of student and teachers after each round, for each student with stages."""
    for name, grid in stage_grids(result).items():
        if name in result.students:
            rows = [[*row[:2], row[2].partition(" [")[0], row[3]] for row in grid.rows]
            yield from (wrapped(f"{grid.title}:"), columns(("when", "head", "accuracy", "change"), rows), "")


def _traces(result: W2SResult) -> Iterator[str]:
    """Yield the table of the arms of traces, if they were run."""
    grid = trace_grid(result)
    if grid.rows:
        rows = [[row[0], row[1].partition(" [")[0], *row[2:]] for row in grid.rows]
        yield from (columns(("arm", *grid.header[1:]), rows), wrapped(CAPTION), "")


def _range(result: W2SResult, name: str, student: StudentResult) -> str:
    scores = {key: variant.scores[result.score].value for key, variant in (student.variants or {}).items()}
    low, high = min(scores, key=lambda key: scores[key]), max(scores, key=lambda key: scores[key])
    own, baseline = (one.scores[result.score].value for one in (student, result.systems["baseline"]))
    extent = f"{METRIC_NAMES[result.score]} {scores[low]:.3f} ({visible(low)})"
    if len(scores) > 1:
        extent += f" to {scores[high]:.3f} ({visible(high)})"
    count = "1 variant" if len(scores) == 1 else f"{len(scores)} variants"
    return f"{visible(name)}, {count}: {extent}; own setting {own:.3f}, baseline {baseline:.3f}."


def _labels(result: W2SResult) -> list[list[str]]:
    """Return rows and label precision of each student that learned other labels than the plain one, and of parts."""
    if not result.classes:
        return [[f"{row[0]}: {row[1]}", row[2], row[3], "–"] for row in part_grid(result, variants=False).rows]
    plain = result.students.get("vanilla")
    lines, parts = [], sum(len(student.parts or {}) for student in result.students.values())
    shows_parts = parts + len(result.students) <= MOST_LABELS
    for name, student in result.students.items():
        chosen = student.selection
        others = plain is not None and chosen.label_precision != plain.selection.label_precision
        if not (others or chosen.fraction < 1 or student.parts):
            continue
        lines.append(_line(name, chosen.kept, chosen.fraction, chosen.label_precision))
        for key, part in (student.parts or {}).items() if shows_parts else ():
            lines.append(_line(f"{name}: {key}", part.rows, part.fraction, part.label_precision))
    if lines and plain is not None:
        chosen = plain.selection
        lines.insert(0, _line("vanilla", chosen.kept, chosen.fraction, chosen.label_precision))
    return lines


def _line(name: str, rows: float, fraction: float, precision: float) -> list[str]:
    return [visible(name), f"{rows:,.0f}", f"{fraction:.0%}", "–" if math.isnan(precision) else f"{precision:.3f}"]


def _more(rows: int) -> list[str]:
    return [MORE.format(rows - MOST_ROWS)] if rows > MOST_ROWS else []


def skipped_lines(skipped: Mapping[str, str] | None) -> Iterator[str]:
    """Yield what did not apply and why; strategies with the same reason share a sentence."""
    shared: dict[str, list[str]] = {}
    for name, reason in (skipped or {}).items():
        shared.setdefault(reason.replace(f"the strategy {name} ", "it "), []).append(visible(name))
    for reason, names in shared.items():
        yield wrapped(f"Did not apply: {', '.join(names)}. Reason: {visible(reason)}")
