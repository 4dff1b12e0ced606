"""A sweep as text."""

from __future__ import annotations

from collections.abc import Sequence

from w2s_probe.report.numbers import METRIC_NAMES, estimate_text
from w2s_probe.report.render.terminal import columns, size_table, wrapped
from w2s_probe.report.run.strategies_text import skipped_lines
from w2s_probe.report.sweep.slices import AXES, eta_text, slices_of
from w2s_probe.results.sweep import EtaContrast, SweepPoint, SweepResult

MOST = 40  # lines that a person reads


def sweep_text(result: SweepResult) -> str:
    """Return a table of the grid's points for each pair, head, strategy and pair of strengths."""
    slices = slices_of(result)
    lines = [
        f"{result.cells:,} cells, {result.rows:,} rows; {METRIC_NAMES[result.score]} on {result.n_test:,} test rows."
    ]
    if any(len(part.etas(axis)) > 1 for part in slices for axis in AXES):
        lines.append("eta L, eta U: share of conflicting rows among the labeled rows, and in the pool.")
    if any(point.versus_vanilla_adjusted for point in result.points):
        lines.append("* the interval adjusted for the number of strategies excludes 0, too.")
    count = 0
    for part in slices:
        if count + len(part.points) > max(MOST, len(result.points) // len(slices)):
            lines.append(f"… and {len(result.points) - count:,} more points: use --out DIR or --json to see them.")
            break
        count += len(part.points)
        lines += ["", wrapped(part.title), _points(part.points)]
        if part.contrasts:
            lines.append(_contrasts(part.contrasts))
    lines += ["", *reasons] if (reasons := list(skipped_lines(result.skipped))) else []
    return "\n".join([*lines, *(wrapped(f"Note: {note}") for note in result.notes)])


def _contrasts(contrasts: Sequence[EtaContrast]) -> str:
    """Return the change from the first value of `eta_labeled` to the last, on the same pools and test rows."""
    first = contrasts[0]
    rows = [
        (
            eta_text(contrast.eta_unlabeled),
            *(estimate_text(e, signed=True) for e in (contrast.gain, contrast.teacher, contrast.student)),
        )
        for contrast in contrasts
    ]
    title = f"Change from eta L {first.from_eta_labeled:g} to {first.to_eta_labeled:g}, same pools and test rows:"
    return f"{title}\n{columns(('eta U', 'gain', 'teacher', 'student'), rows, right=range(1))}"


def _points(points: Sequence[SweepPoint]) -> str:
    if any(eta is not None for point in points for eta in (point.eta_labeled, point.eta_unlabeled)):
        return _points_with_etas(points)
    if any(point.versus_vanilla for point in points):
        return _points_of_strategy(points)
    return size_table(points, ("teacher", "student", "baseline", "ceiling"))


def _points_of_strategy(points: Sequence[SweepPoint]) -> str:
    """Return the student beside baseline and vanilla student; a star marks adjusted intervals that exclude 0."""
    rows = []
    for point in points:
        change, adjusted = point.versus_vanilla, point.versus_vanilla_adjusted
        differs = adjusted is not None and not adjusted.low <= 0 <= adjusted.high
        rows.append(
            (
                f"{point.n:,}",
                f"{point.N:,}",
                *(f"{system.value:.3f}" for system in (point.student, point.baseline)),
                "–" if change is None else estimate_text(change, signed=True) + (" *" if differs else ""),
            )
        )
    return columns(("n", "N", "student", "baseline", "versus vanilla"), rows, right=range(4))


def _points_with_etas(points: Sequence[SweepPoint]) -> str:
    """Return a table by fractions of conflicting rows; worst groups are the teacher's → the student's."""
    sizes = len({(point.n, point.N) for point in points}) > 1
    rows = []
    for point in points:
        worst = point.worst_groups or {}
        rows.append(
            (
                *([f"{point.n:,}, {point.N:,}"] if sizes else []),
                *map(eta_text, (point.eta_labeled, point.eta_unlabeled)),
                *(f"{system.value:.3f}" for system in (point.teacher, point.student, point.baseline)),
                estimate_text(point.gain, signed=True),
                *([f"{worst['teacher'].value:.3f} → {worst['student'].value:.3f}"] if worst else []),
            )
        )
    header = (
        *(["n, N"] if sizes else []),
        *("eta L", "eta U", "teacher", "student", "base.", "gain"),
        *(["worst group"] if points[0].worst_groups else []),
    )
    return columns(header, rows, right=range(2 + sizes))
