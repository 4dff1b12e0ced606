"""Scores by group and effects of a selection of pseudolabels: tables and figures of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from w2s_probe.core.text import shorten, visible
from w2s_probe.report.charts.lines import Mark, Series, frame, line_chart
from w2s_probe.report.numbers import METRIC_NAMES, Interval, estimate_of, estimate_text
from w2s_probe.report.page import Grid, Section
from w2s_probe.report.run.strategies import featured, is_ranked
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import W2SResult
from w2s_probe.results.student import CoveragePoint, SystemResult

NAME = 24  # cells of a group's or a strategy's name
CONTROL = (
    "The random control is the same student, trained on as many pool rows drawn at random within each class: a change "
    "that the control shows as well is not an effect of the selection. Differences are paired by row and seed. "
    "Strategies named oracle_… read the pool's true groups, which are unknown in practice."
)
WORST = "The worst group is the group with the worst observed score. Its interval accounts for having picked the worst."


def group_sections(result: W2SResult) -> Iterator[Section]:
    """Yield the sections on groups and selections; nothing where there are neither."""
    if result.systems["teacher"].groups:
        cue = [cue_text(result)] if result.config.get("cue") else []
        every = [worst_grid(result)] if is_ranked(result) else []
        yield Section(name="Groups", grids=[group_grid(result), *every], text=[*cue, WORST])
    changes = change_grid(result)
    if changes.rows:
        yield Section(name="Effect of each strategy", grids=[changes], text=[CONTROL])
    for name, student in result.students.items():
        if student.coverage:
            yield _coverage(name, student.coverage, student.selection.fraction)


def group_grid(result: W2SResult) -> Grid:
    """Return the score of each group, the worst, and the means over groups, for systems that are shown in full."""
    systems: dict[str, SystemResult] = {
        "teacher": result.systems["teacher"],
        **{visible(name): student for name, student in featured(result).items()},
        "baseline": result.systems["baseline"],
        "ceiling": result.systems["ceiling"],
    }
    rows = [
        [
            f"{shorten(visible(name), NAME)} (n = {group.n:,.0f})",
            *(_score((system.groups or {}).get(name)) for system in systems.values()),
        ]
        for name, group in (result.systems["teacher"].groups or {}).items()
    ]
    worst = [system.worst_group_accuracy or system.worst_group_squared_error for system in systems.values()]
    rows.append(["worst group", *map(_score, worst)])
    rows.append(["mean over groups", *(_score(system.mean_over_groups) for system in systems.values())])
    prior = [system.prior_mean_over_groups for system in systems.values()]
    rows.append(["weighted by the data's shares", *map(_score, prior)])
    return Grid(header=["group", *systems], rows=rows, user=(0,))


def worst_grid(result: W2SResult) -> Grid:
    """Return the worst group's score of every system, its name, and the means over groups."""
    rows = []
    for name, system in {**result.systems, **result.students}.items():
        worst = system.worst_group_accuracy or system.worst_group_squared_error
        means = (system.mean_over_groups, system.prior_mean_over_groups)
        group = shorten(visible(worst.group), NAME) if worst else "–"
        rows.append([visible(name), _score(worst), group, *map(_score, means)])
    return Grid(
        header=["system", "worst group", "its name", "mean over groups", "weighted by the data's shares"],
        rows=rows,
        title="Every strategy",
        folded="in Markdown",
        user=(0, 2),
    )


def _score(interval: Interval | None) -> str:
    return "–" if interval is None else estimate_text(estimate_of(interval))


def change_grid(result: W2SResult) -> Grid:
    """Return the change that each strategy makes, against the plain student and against its control."""
    rows = []
    for name, student in result.students.items():
        for other, change in (("vanilla", student.versus_vanilla), ("random control", student.versus_control)):
            if change:
                worst = change.get("worst_group_accuracy")
                main = estimate_text(change[result.score], signed=True)
                rows.append([visible(name), other, main, estimate_text(worst, signed=True) if worst else "–"])
    header = ["strategy", "against", f"in {METRIC_NAMES[result.score]}", "in the worst group"]
    return Grid(header=header, rows=rows, user=(0,))


def worst_change_grid(result: W2SResult) -> Grid:
    """Return the worst group's score of each strategy with its changes; without groups, the change to its control."""
    if not result.systems["teacher"].groups or not result.classes:
        rows = [row for row in change_grid(result).rows if row[1] == "random control"]
        return Grid(header=["strategy", "against", f"in {METRIC_NAMES[result.score]}"], rows=[row[:3] for row in rows])
    rows = []
    for name, student in result.students.items():
        worst = student.worst_group_accuracy
        changes = [
            (change or {}).get("worst_group_accuracy") for change in (student.versus_vanilla, student.versus_control)
        ]
        shown = ["–" if change is None else estimate_text(change, signed=True) for change in changes]
        rows.append([visible(name), f"{worst.value:.3f}" if worst else "–", *shown])
    return Grid(header=["strategy", "worst group", "versus vanilla", "versus control"], rows=rows)


def cue_text(result: W2SResult) -> str:
    """Return the usual group value of each label, and the share of conflicting rows in each part."""
    usual = ", ".join(f"{visible(label)} → {visible(value)}" for label, value in result.config["cue"].items())
    parts = {"labeled": "eta_labeled", "pool": "eta_unlabeled", "test": "eta_test"}
    etas = {part: result.config.get(key) for part, key in parts.items()}
    shares = ", ".join(f"{part} {eta:g}" for part, eta in etas.items() if eta is not None)
    return f"Usual group value of each label: {usual}." + (
        f" Share of conflicting rows, as set: {shares}." if shares else ""
    )


def _coverage(name: str, points: Sequence[CoveragePoint], fraction: float) -> Section:
    metrics = _metrics(points)
    header = ["kept", "share with true label", *(["conflicting"] if points[0].conflicting is not None else [])]
    for metric in metrics:
        header += [metric, "control"]
    return Section(
        name=f"Coverage of {shorten(visible(name), NAME)}",
        figures=coverage_figures(points),
        caption="Student and random control at other kept fractions of the pool; bands are intervals. The student "
        f"kept {fraction:.0%}. The curve needs the true labels of the test rows: a fraction chosen from it is an "
        "oracle's choice.",
        grids=[Grid(header=header, rows=[_coverage_row(point, metrics) for point in points], folded="always")],
    )


def coverage_figures(points: Sequence[CoveragePoint]) -> list[str]:
    """Return student and random control over the share of the pool that is kept: accuracy, and the worst group's."""
    return [_coverage_figure(f"coverage{i}", metric, points) for i, metric in enumerate(_metrics(points))]


def _metrics(points: Sequence[CoveragePoint]) -> list[str]:
    return ["accuracy", *(["worst group's accuracy"] if points[0].worst_group_accuracy is not None else [])]


def _coverage_row(point: CoveragePoint, metrics: Sequence[str]) -> list[str]:
    conflicting = [] if point.conflicting is None else [f"{point.conflicting:.3f}"]
    scores = [estimate_text(estimate) for metric in metrics for estimate in _student_and_control(point, metric)]
    return [f"{point.keep:.0%}", f"{point.label_precision:.3f}", *conflicting, *scores]


def _student_and_control(point: CoveragePoint, metric: str) -> tuple[Estimate, Estimate]:
    """Return the student's and the control's estimate on one metric."""
    student, control = point.worst_group_accuracy, point.control_worst_group_accuracy
    if metric == "accuracy" or student is None or control is None:
        return point.accuracy, point.control
    return estimate_of(student), estimate_of(control)


def _coverage_figure(name: str, metric: str, points: Sequence[CoveragePoint]) -> str:
    pairs = [_student_and_control(point, metric) for point in points]
    description = "; ".join(
        f"at {point.keep:.0%}: student {estimate_text(student)}, control {estimate_text(control)}"
        for point, (student, control) in zip(points, pairs, strict=True)
    )
    series = [
        Series(
            system=system,
            name=label,
            marks=[Mark(at=100 * p.keep, estimate=pair[side]) for p, pair in zip(points, pairs, strict=True)],
        )
        for side, (system, label) in enumerate((("student", "student"), ("ceiling", "random control")))
    ]
    return line_chart(
        name,
        series,
        title=f"{metric} over the share of the pool that is kept",
        subject=metric,
        axis="% of the pool kept",
        description=f"{description}.",
        limits=frame([estimate for pair in pairs for estimate in pair]),
        sizes=[round(100 * point.keep) for point in points],
        log="none",
    )
