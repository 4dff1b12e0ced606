"""A sweep as text."""

from __future__ import annotations

from collections.abc import Sequence

from w2s_probe.experiments.sweep import EtaContrast, SweepPoint, SweepResult
from w2s_probe.report.numbers import METRIC_NAMES, estimate_text
from w2s_probe.report.render.terminal import columns
from w2s_probe.report.sweep.slices import slices_of

MOST = 40  # lines that a person reads


def sweep_text(result: SweepResult) -> str:
    """Return a table of the grid's points for each pair, head, strategy and pair of strengths."""
    slices = slices_of(result)
    lines = [
        f"{result.cells:,} cells, {result.rows:,} rows; {METRIC_NAMES[result.score]} on {result.n_test:,} test rows."
    ]
    shown = 0
    for one in slices:
        if shown + len(one.points) > max(MOST, len(result.points) // len(slices)):
            lines.append(f"… and {len(result.points) - shown:,} more points: see --out or --json.")
            break
        shown += len(one.points)
        lines += ["", one.title, _table(one.points)]
        if one.contrasts:
            lines += [_moved(one.contrasts)]
    return "\n".join(lines)


def _moved(contrasts: Sequence[EtaContrast]) -> str:
    """Return what the axis of `eta_labeled` changes from end to end; pools and test rows are the same."""
    first = contrasts[0]
    rows = [
        (
            "own" if each.eta_unlabeled is None else f"{each.eta_unlabeled:g}",
            *(estimate_text(one, signed=True) for one in (each.gain, each.teacher, each.student)),
        )
        for each in contrasts
    ]
    said = f"eta L {first.from_eta_labeled:g} → {first.to_eta_labeled:g}, same pools and test rows: change of"
    return f"{said}\n{columns(('eta U', 'gain', 'teacher', 'student'), rows, right=range(1))}"


def _table(points: Sequence[SweepPoint]) -> str:
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


def _table_of_etas(points: Sequence[SweepPoint]) -> str:
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
