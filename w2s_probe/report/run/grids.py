"""Tables of a run: page, Markdown and terminal show the same cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from w2s_probe.core.text import visible
from w2s_probe.report.numbers import METRIC_NAMES, estimate_text, score_text
from w2s_probe.report.page import Grid
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import CurvePoint, StudentResult, W2SResult

IMITATION = {
    "teacher_right": ("agreement", "where the teacher is right"),
    "teacher_wrong": ("agreement", "where the teacher is wrong"),
    "teacher_error": ("repeated error", "share of the teacher's error"),
}
RULES = {
    "loo": "leave-one-out on its labels",
    "gcv": "generalized cross-validation on its targets",
    "cv": "cross-validation on its targets",
    "given": "set by the user",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRow:
    """One fitted system: its kind, its name in tables, its training labels, its scores."""

    system: str
    name: str
    trained_on: str
    scores: Mapping[str, Estimate]


def system_rows(result: W2SResult) -> list[SystemRow]:
    """Return teacher, students, baseline and ceiling, in this order."""
    n, N = result.config["n_labeled"], result.config["n_unlabeled"]
    labels = {
        "teacher": f"{n:,} labels",
        "baseline": f"{n:,} labels",
        "ceiling": f"{N:,} labels" if result.config["ceiling"] == "U" else f"{n:,} + {N:,} labels",
    }
    teacher, baseline, ceiling = (
        SystemRow(system=name, name=name, trained_on=labels[name], scores=system.scores)
        for name, system in result.systems.items()
    )
    students = [
        SystemRow(
            system="student",
            name="student" if len(result.students) == 1 else visible(name),
            trained_on=f"{student.selection.kept:,.0f} pseudolabels",
            scores=student.scores,
        )
        for name, student in result.students.items()
    ]
    return [teacher, *students, baseline, ceiling]


def systems_grid(result: W2SResult) -> Grid:
    """Return every score of every system."""
    metrics = list(result.systems["teacher"].scores)
    return Grid(
        header=["system", "trained on", *(METRIC_NAMES.get(metric, metric) for metric in metrics)],
        rows=[
            [row.name, row.trained_on, *(score_text(metric, row.scores[metric]) for metric in metrics)]
            for row in system_rows(result)
        ],
    )


def strength_grid(result: W2SResult) -> Grid:
    """Return the strength of each system's heads: geometric mean over seeds, smallest and largest."""
    systems = {**result.systems, **result.students}
    rows = [
        [
            visible(name),
            f"{strength.geometric_mean:.3g} [{strength.low:.3g}, {strength.high:.3g}]",
            RULES.get(strength.rule, strength.rule),
            f"{strength.at_edge:.0%}",
        ]
        for name, system in systems.items()
        if (strength := system.strength)
    ]
    return Grid(
        header=["system", "strength (alpha)", "chosen by", "seeds at an end of the grid"],
        rows=rows,
        caption="Geometric mean over seeds; in brackets the smallest and the largest strength.",
        folded="in Markdown",
    )


def count_grid(result: W2SResult) -> Grid:
    """Return the rows of each class in each part."""
    rows = [
        [visible(name), f"{count.labeled:,}", f"{count.unlabeled:,}", f"{count.test:,}"]
        for name, count in result.class_counts.items()
    ]
    folded: Literal["in Markdown", "always"] = "in Markdown" if len(rows) <= 10 else "always"
    return Grid(header=["class", "labeled", "pool", "test"], rows=rows, folded=folded, user=range(1))


def comparison_grids(result: W2SResult) -> list[Grid]:
    """Return the comparisons of each student, titled by strategy where there are several."""
    return [
        Grid(
            header=["measure", "definition", f"in {METRIC_NAMES[result.score]}"],
            rows=list(_comparisons(student)),
            title=visible(name) if len(result.students) > 1 else "",
        )
        for name, student in result.students.items()
    ]


def _comparisons(student: StudentResult) -> Iterator[list[str]]:
    yield ["gain", "student - teacher", estimate_text(student.gain, signed=True)]
    yield [
        "student - baseline",
        "against using the labels directly",
        estimate_text(student.versus_baseline, signed=True),
    ]
    yield ["PGR", "share of the gap to the ceiling", estimate_text(student.pgr)]
    yield ["OPR", "baseline's error / student's error", estimate_text(student.opr)]
    yield ["agreement", "of student and teacher", estimate_text(student.agreement)]
    for key, estimate in student.error_imitation.items():
        yield [*IMITATION[key], estimate_text(estimate)]


def curve_grid(result: W2SResult) -> Grid:
    """Return the systems at smaller sizes."""
    header = ["n, N", "teacher", "student", "baseline", "ceiling", "gain", "student - baseline"]
    return Grid(header=header, rows=[_point(point) for point in result.curve or ()], folded="always")


def _point(point: CurvePoint) -> list[str]:
    systems = (point.teacher, point.student, point.baseline, point.ceiling)
    differences = (point.gain, point.versus_baseline)
    return [
        f"{point.n:,}, {point.N:,}",
        *(estimate_text(estimate) for estimate in systems),
        *(estimate_text(estimate, signed=True) for estimate in differences),
    ]


def selection_grid(result: W2SResult) -> Grid:
    """Return the pseudolabels that each strategy kept: rule, rows, share, and for classes the share of true ones."""
    rows = []
    for name, student in result.students.items():
        chosen = student.selection
        precision = [f"{chosen.label_precision:.3f}"] if result.classes else []
        rows.append([visible(name), visible(chosen.rule), f"{chosen.kept:,.0f}", f"{chosen.fraction:.0%}", *precision])
    header = [
        "strategy",
        "rule",
        "rows kept",
        "share of the pool",
        *(["share with true label"] if result.classes else []),
    ]
    return Grid(header=header, rows=rows, folded="in Markdown")


def class_grid(result: W2SResult) -> Grid:
    """Return each class's share among the pseudolabels that each strategy kept."""
    classes = result.classes or ()
    mixes = {visible(name): student.selection.class_mix for name, student in result.students.items()}
    return Grid(
        header=["class", *mixes],
        rows=[[visible(name), *(f"{mix.get(name, 0.0):.3f}" for mix in mixes.values())] for name in classes],
        title="Classes of the kept pseudolabels",
        folded="in Markdown" if len(classes) <= 10 else "always",
        user=(0,),
    )
