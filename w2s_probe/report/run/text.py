"""A run as text of 80 columns."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator

from w2s_probe.core.text import shorten, visible
from w2s_probe.report.numbers import METRIC_NAMES, pair_line
from w2s_probe.report.render.terminal import WIDTH, columns, size_table, wrapped
from w2s_probe.report.run.grids import comparison_grids, systems_grid
from w2s_probe.report.run.groups import change_grid, cue_text, group_grid, worst_change_grid
from w2s_probe.report.run.strategies import featured, is_ranked, plain_student
from w2s_probe.report.run.strategies_text import strategies_text, teachers_text
from w2s_probe.report.run.teachers import coverage_lines
from w2s_probe.report.suspects import suspects_text
from w2s_probe.report.verdict import verdict_headline
from w2s_probe.results.run import W2SResult

MOST_CLASSES = 5


def run_text(result: W2SResult) -> str:
    """Return tables of systems, comparisons, groups and smaller sizes, then verdict and notes."""
    result = result.as_printed()  # so that the text of the numbers in result.json is the same
    error = "brier" if result.score == "accuracy" else "squared_error"
    systems = systems_grid(result, featured(result))
    systems = systems.select("system", "trained on", METRIC_NAMES[result.score], METRIC_NAMES[error])
    pair = run_pair(result)
    parts = [
        *([wrapped(pair)] if pair else []),
        *run_headline(result),
        *class_lines(result),
        "",
        columns(systems.header, systems.rows),
        "",
    ]
    if result.several_teachers:
        parts += [teachers_text(result), ""]
    for line in coverage_lines(result):
        parts += [wrapped(line), ""]
    for grid in comparison_grids(result):
        parts += [columns((grid.title, "", grid.header[-1]), grid.rows), ""]
    parts += strategies_text(result)
    parts += _groups(result)
    if result.suspects is not None:
        parts += [suspects_text(result.suspects), ""]
    if result.curve is not None:
        parts += [size_table(result.curve, ("teacher", "student", "baseline", "ceiling")), ""]
    parts += [f"Weak-to-strong: {run_verdict_headline(result)}", wrapped(result.verdict.advice)]
    parts += [wrapped(f"Note: {note}") for note in result.notes]
    return "\n".join(parts)


def run_pair(result: W2SResult) -> str:
    """Return data, teacher and student; empty where the result does not name them."""
    config = result.config
    return pair_line(config, teacher_name(result), str(config["student"])) if "data" in config else ""


def teacher_name(result: W2SResult) -> str:
    """Return the teacher's name, or the number of teachers: their table names each one."""
    several = result.teachers if result.several_teachers else None
    return f"{len(several) - 1} teachers" if several else str(result.config["teacher"])


def run_verdict_headline(result: W2SResult) -> str:
    """Return the headline of the verdict, which judges the plain student if there is one."""
    student = result.students[plain_student(result)]
    return verdict_headline(result.verdict, student.versus_baseline)


def run_headline(result: W2SResult) -> list[str]:
    """Return sizes and intervals, as lines of at most 80 cells."""
    config, seeds = result.config, len(result.seeds)
    if config.get("task") == "preference":
        return [
            f"n = {config['n_labeled']:,} pairs, N = {config['n_unlabeled']:,} pseudolabels, "
            f"{result.n_test:,} test pairs, Bradley-Terry heads",
            f"{result.level:.0%} intervals, {seeds} seed{'s' if seeds > 1 else ''}; "
            "pairs that share an item are dependent",
        ]
    majority = (
        "" if math.isnan(result.majority_rate) else f"; the largest class has {result.majority_rate:.3f} of the rows"
    )
    units = f"; squared error in squares of {_label(result)}" if result.score == "r2" else ""
    return [
        f"n = {config['n_labeled']:,} labels, N = {config['n_unlabeled']:,} pseudolabels, "
        f"{result.n_test:,} test rows, {visible(config['head'])} heads",
        f"{result.level:.0%} intervals, {seeds} seed{'s' if seeds > 1 else ''}{majority}{units}",
    ]


def class_lines(result: W2SResult) -> list[str]:
    """Return the rows of each class in each part, as lines of at most 80 cells; of many classes only the range."""
    counts = result.class_counts
    if not counts:
        return []
    if result.config.get("task") == "preference":
        texts = [f"{name} {c.labeled:,}/{c.unlabeled:,}/{c.test:,}" for name, c in counts.items()]
        return textwrap.wrap(f"preferred side in labeled/pool/test pairs: {', '.join(texts)}", WIDTH)
    if len(counts) <= MOST_CLASSES:
        texts = [f"{shorten(visible(name), 20)} {c.labeled:,}/{c.unlabeled:,}/{c.test:,}" for name, c in counts.items()]
        return textwrap.wrap(f"labeled/pool/test rows: {', '.join(texts)}", WIDTH)
    few, many = (pick(count.labeled for count in counts.values()) for pick in (min, max))
    return [f"{len(counts)} classes with {few:,} to {many:,} labeled rows each"]


def _label(result: W2SResult) -> str:
    name = visible(str(result.config.get("label", "")))
    return f"{name}'s units" if 0 < len(name) <= 20 else "the label's units"


def _groups(result: W2SResult) -> Iterator[str]:
    """Yield the scores by group without intervals, and what each strategy changed."""
    if result.systems["teacher"].groups:
        grid = group_grid(result)
        rows = [[row[0], *(cell.partition(" [")[0] for cell in row[1:])] for row in grid.rows]
        if result.config.get("cue"):
            yield wrapped(cue_text(result))
        yield from ("", columns([shorten(name, 13) for name in grid.header], rows), "")
    changes = worst_change_grid(result) if is_ranked(result) else change_grid(result)
    if changes.rows:
        yield from (columns(changes.header, changes.rows), "")
