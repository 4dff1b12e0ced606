"""A sweep as text, and as files."""

from __future__ import annotations

import io
import json
from pathlib import Path

from w2s_probe.report.save import installed_versions, write_files
from w2s_probe.report.tables import METRIC_NAMES, estimate_text
from w2s_probe.report.terminal import columns
from w2s_probe.results import to_json
from w2s_probe.sweep import SweepPoint, SweepResult
from w2s_probe.sweep.summary import COLUMNS

__all__ = ["save_sweep", "sweep_text"]

MOST = 40  # lines that a person reads


def save_sweep(result: SweepResult, folder: Path) -> None:
    """Write ``sweep.parquet``, one row a cell, head and score, and ``sweep.json`` into `folder`.

    Parameters
    ----------
    result : SweepResult
        What was found.
    folder : Path
        Made if it is not there.

    Raises
    ------
    ConfigError
        If the folder cannot be written to.
    """
    import polars as pl

    types = {str: pl.String, int: pl.Int64, float: pl.Float64}
    frame = pl.DataFrame(result.table, schema={name: types[kind] for name, kind in COLUMNS.items()})
    rows = io.BytesIO()
    frame.write_parquet(rows)
    whole = {**json.loads(to_json(result)), "versions": installed_versions()}
    content = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_files(folder, {"sweep.json": content.encode(errors="backslashreplace"), "sweep.parquet": rows.getvalue()})


def sweep_text(result: SweepResult) -> str:
    """Return a table of the grid's points for each pair, head, strategy and pair of strengths."""
    groups: dict[str, list[SweepPoint]] = {}
    for point in result.points:
        groups.setdefault(_title(point), []).append(point)
    lines = [
        f"{result.cells:,} cells, {result.rows:,} rows; {METRIC_NAMES[result.score]} on {result.n_test:,} test rows."
    ]
    shown = 0
    for title, points in groups.items():
        if shown + len(points) > max(MOST, len(result.points) // len(groups)):
            lines.append(f"… and {len(result.points) - shown:,} more points: see --out or --json.")
            break
        shown += len(points)
        lines += ["", title, _table(points)]
    return "\n".join(lines)


def _title(point: SweepPoint) -> str:
    given = (("teacher alpha", point.teacher_alpha), ("student alpha", point.student_alpha))
    strengths = [f"{name} {alpha:g}" for name, alpha in given if alpha is not None]
    return ", ".join([f"{point.teacher_backbone} → {point.student_backbone}", point.head, point.strategy, *strengths])


def _table(points: list[SweepPoint]) -> str:
    if any(eta is not None for point in points for eta in (point.eta_labeled, point.eta_unlabeled)):
        return _table_of_etas(points)
    rows = [
        (
            f"{point.n:,}",
            f"{point.N:,}",
            *(f"{one.value:.3f}" for one in (point.teacher, point.student, point.baseline, point.ceiling)),
            estimate_text(point.gain, signed=True),
        )
        for point in points
    ]
    return columns(("n", "N", "teacher", "student", "baseline", "ceiling", "gain"), rows, right=range(6))


def _table_of_etas(points: list[SweepPoint]) -> str:
    """Return a table whose axes are the fractions of conflicting rows; worst groups are the teacher's → student's."""
    sizes = len({(point.n, point.N) for point in points}) > 1
    rows = []
    for point in points:
        etas = ("own" if eta is None else f"{eta:g}" for eta in (point.eta_labeled, point.eta_unlabeled))
        worst = point.worst_groups or {}
        rows.append(
            (
                *([f"{point.n:,}, {point.N:,}"] if sizes else []),
                *etas,
                *(f"{one.value:.3f}" for one in (point.teacher, point.student, point.baseline)),
                estimate_text(point.gain, signed=True),
                *([f"{worst['teacher'].value:.3f} → {worst['student'].value:.3f}"] if worst else []),
            )
        )
    header = (
        *(["n, N"] if sizes else []),
        "eta L",
        "eta U",
        "teacher",
        "student",
        "base.",
        "gain",
        *(["worst group"] if points[0].worst_groups else []),
    )
    return columns(header, rows, right=range(2 + sizes))
