"""Scores by group, and what a selection of pseudolabels did: grids and figures."""

from __future__ import annotations

from collections.abc import Sequence

from w2s_probe.core.text import shorten, visible
from w2s_probe.report.charts.lines import Mark, Series, frame, line_chart
from w2s_probe.report.numbers import METRIC_NAMES, estimate_text
from w2s_probe.report.page import Grid, Section
from w2s_probe.results.estimate import Estimate, GroupEstimate, PriorMean, WorstGroup
from w2s_probe.results.run import CoveragePoint, StudentResult, SystemResult, W2SResult

NAME = 24


def group_sections(result: W2SResult) -> list[Section]:
    """Return what the page says of groups and selections; nothing where there are neither."""
    sections = []
    if result.systems["teacher"].groups:
        text = [cue_text(result)] if result.config.get("cue") else []
        sections.append(
            Section(
                name="Groups",
                grid=group_grid(result),
                text=[
                    *text,
                    "The worst group is the one that did worst here; its interval is one for the group that is worst, "
                    "and allows for the choice.",
                ],
                user=(0,),
            )
        )
    changes = change_grid(result)
    if changes.rows:
        sections.append(Section(name="Remedies", grid=changes, user=(0,), text=[CONTROL]))
    for name, student in result.students.items():
        if student.coverage:
            sections.append(_coverage_section(name, student.coverage, student))
    return sections


CONTROL = (
    "The control is the same student on as many rows of the pool drawn at random, class by class: what it gains too is "
    "not due to the choice. Differences are paired by row and seed. Strategies named oracle_… see the pool's true "
    "groups, as no user can."
)


def group_grid(result: W2SResult) -> Grid:
    """Return the score of each group, the worst, and the means over groups, for every system."""
    systems: dict[str, SystemResult] = {
        "teacher": result.systems["teacher"],
        **{visible(name): student for name, student in result.students.items()},
        "baseline": result.systems["baseline"],
        "ceiling": result.systems["ceiling"],
    }
    groups = list(result.systems["teacher"].groups or {})
    rows = [[_sized(name, result), *(_of_group(each, name) for each in systems.values())] for name in groups]
    rows.append(["worst group", *(_worst(each) for each in systems.values())])
    rows.append(["mean over groups", *(_shown(each.mean_over_groups) for each in systems.values())])
    rows.append(["weighted by the data's shares", *(_shown(each.prior_mean_over_groups) for each in systems.values())])
    return Grid(header=["group", *systems], rows=rows)


def change_grid(result: W2SResult) -> Grid:
    """Return what each strategy changed against the plain student and against its control."""
    main = METRIC_NAMES[result.score]
    rows = []
    for name, student in result.students.items():
        for other, found in {"vanilla": student.versus_vanilla, "random control": student.versus_control}.items():
            if found:
                worst = found.get("worst_group_accuracy")
                rows.append(
                    [
                        visible(name),
                        other,
                        estimate_text(found[result.score], signed=True),
                        estimate_text(worst, signed=True) if worst else "–",
                    ]
                )
    return Grid(header=["strategy", "against", f"in {main}", "in the worst group"], rows=rows)


def cue_text(result: W2SResult) -> str:
    """Return which group value is usual for each label, and how much of each part conflicts."""
    said = ", ".join(f"{visible(label)} → {visible(value)}" for label, value in result.config["cue"].items())
    etas = [result.config.get(f"eta_{part}") for part in ("labeled", "unlabeled", "test")]
    asked = ", ".join(
        f"{part} {eta:g}" for part, eta in zip(("labeled", "pool", "test"), etas, strict=True) if eta is not None
    )
    return f"Usual value of each label: {said}." + (f" Conflicting rows asked for: {asked}." if asked else "")


def _coverage_section(name: str, points: Sequence[CoveragePoint], student: StudentResult) -> Section:
    kinds = _kinds(points)
    header = ["kept", "true labels", *(["conflicting"] if points[0].conflicting is not None else [])]
    for kind in kinds:
        header += [kind, "control"]
    return Section(
        name=f"Coverage of {shorten(visible(name), NAME)}",
        figures=coverage_figures(points),
        caption="The student, and its random control, if it had kept another fraction of the pool; one band is the "
        f"interval. It kept {student.selection.fraction:.0%}. This curve is seen with the ground truth of the test "
        "rows: a fraction chosen by it is an oracle's.",
        grid=Grid(header=header, rows=[_coverage_row(point, kinds) for point in points]),
        folded=True,
    )


def coverage_figures(points: Sequence[CoveragePoint]) -> list[str]:
    """Return student and random control over the share of the pool that is kept: accuracy, and the worst group's."""
    return [_coverage_figure(i, kind, points) for i, kind in enumerate(_kinds(points))]


def _kinds(points: Sequence[CoveragePoint]) -> list[str]:
    worst = points[0].worst_group_accuracy is not None
    return ["accuracy", *(["worst group's accuracy"] if worst else [])]


def _coverage_row(point: CoveragePoint, kinds: Sequence[str]) -> list[str]:
    row = [f"{point.keep:.0%}", f"{point.label_precision:.3f}"]
    row += [f"{point.conflicting:.3f}"] if point.conflicting is not None else []
    return [*row, *(estimate_text(each) for kind in kinds for each in _both(point, kind))]


def _both(point: CoveragePoint, kind: str) -> tuple[Estimate, Estimate]:
    """Return the student's and the control's estimate of one kind."""
    student, control = point.worst_group_accuracy, point.control_worst_group_accuracy
    if kind == "accuracy" or student is None or control is None:
        return point.accuracy, point.control
    return _plain(student), _plain(control)


def _coverage_figure(at: int, kind: str, points: Sequence[CoveragePoint]) -> str:
    pairs = [_both(point, kind) for point in points]
    low, high = frame([each for pair in pairs for each in pair])
    said = "; ".join(
        f"at {point.keep:.0%}: student {estimate_text(student)}, control {estimate_text(control)}"
        for point, (student, control) in zip(points, pairs, strict=True)
    )
    series = [
        Series(
            system=system,
            name=name,
            marks=[Mark(at=100 * p.keep, estimate=pair[side]) for p, pair in zip(points, pairs, strict=True)],
        )
        for side, (system, name) in enumerate((("student", "student"), ("ceiling", "random control")))
    ]
    return line_chart(
        f"coverage{at}",
        series,
        title=f"{kind} over the share of the pool that is kept",
        subject=kind,
        axis="% of the pool kept",
        said=f"{said}.",
        limits=(low, high),
        sizes=[round(100 * point.keep) for point in points],
        log="none",
    )


def _sized(name: str, result: W2SResult) -> str:
    found = (result.systems["teacher"].groups or {})[name]
    return f"{shorten(visible(name), NAME)} (n = {found.n:,.0f})"


def _of_group(system: SystemResult, name: str) -> str:
    return _shown((system.groups or {}).get(name))


def _worst(system: SystemResult) -> str:
    found = system.worst_group_accuracy or system.worst_group_squared_error
    return _shown(found)


def _shown(found: Estimate | GroupEstimate | PriorMean | WorstGroup | None) -> str:
    return "–" if found is None else estimate_text(_plain(found))


def _plain(found: Estimate | GroupEstimate | PriorMean | WorstGroup) -> Estimate:
    return Estimate(value=found.value, low=found.low, high=found.high)
