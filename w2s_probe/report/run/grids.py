"""Tables of a run: page, Markdown and terminal show the same cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from w2s_probe.core.text import visible
from w2s_probe.report.numbers import METRIC_NAMES, estimate_text, score_text
from w2s_probe.report.page import Grid
from w2s_probe.report.run.strategies import featured, is_ranked
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.run import CurvePoint, W2SResult
from w2s_probe.results.student import StudentResult

IMITATION = {
    "teacher_right": ("agreement", "where the teacher is right"),
    "teacher_wrong": ("agreement", "where the teacher is wrong"),
    "teacher_error": ("repeated error", "share of the teacher's error"),
}
TEACHERS = {
    "best": ("student - best", "teacher by held-out score"),
    "together": ("student - together", "all teachers without a student"),
}
MOST_COLUMNS = 6
RULES = {
    "loo": "leave-one-out on its labels",
    "gcv": "generalized cross-validation on its targets",
    "cv": "cross-validation on its targets",
    "given": "set by the user",
    "mean": "geometric mean of two heads",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRow:
    """One fitted system: its kind, its name in tables, its training labels, its scores."""

    system: str
    name: str
    trained_on: str
    scores: Mapping[str, Estimate]


def system_rows(result: W2SResult, students: Mapping[str, StudentResult]) -> list[SystemRow]:
    """Return teacher, these students, baseline and ceiling, in this order."""
    n, N = result.config["n_labeled"], result.config["n_unlabeled"]
    first = next(iter((result.teachers or {}).values()), None)
    labels = {
        "teacher": f"{n:,} labels" if first is None or first.coverage is None else "given predictions",
        "baseline": f"{n:,} labels",
        "ceiling": f"{N:,} labels" if result.config["ceiling"] == "U" else f"{n:,} + {N:,} labels",
    }
    teacher, baseline, ceiling = (
        SystemRow(system=name, name=name, trained_on=labels[name], scores=system.scores)
        for name, system in result.systems.items()
    )
    rows = [
        SystemRow(
            system="student",
            name="student" if len(result.students) == 1 else visible(name),
            trained_on="labels, pseudolabels" if student.uses_labels else f"{student.selection.kept:,.0f} pseudolabels",
            scores=student.scores,
        )
        for name, student in students.items()
    ]
    return [teacher, *rows, baseline, ceiling]


def systems_grid(result: W2SResult, students: Mapping[str, StudentResult]) -> Grid:
    """Return every score of teacher, these students, baseline and ceiling."""
    every = is_ranked(result) and len(students) == len(result.students)
    metrics = list(result.systems["teacher"].scores)
    return Grid(
        header=["system", "trained on", *(METRIC_NAMES.get(metric, metric) for metric in metrics)],
        rows=[
            [row.name, row.trained_on, *(score_text(metric, row.scores[metric]) for metric in metrics)]
            for row in system_rows(result, students)
        ],
        title="All scores of every strategy" if every else "",
        folded="always" if every else "never",
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
    """Return the comparisons of each student that is shown in full, titled by strategy where there are several."""
    return [
        Grid(
            header=["measure", "definition", f"in {METRIC_NAMES[result.score]}"],
            rows=list(_comparisons(student)),
            title=visible(name) if len(result.students) > 1 else "",
        )
        for name, student in featured(result).items()
    ]


def beside_teachers_grid(result: W2SResult) -> Grid:
    """Return each student's differences to its teacher or teachers, PGR and OPR."""
    several = [key for key in TEACHERS if result.several_teachers]
    return Grid(
        header=["strategy", "gain", *(f"- {key}" for key in several), "PGR", "OPR"],
        rows=[
            [
                visible(name),
                estimate_text(student.gain, signed=True),
                *(estimate_text((student.versus_teachers or {})[key], signed=True) for key in several),
                *map(estimate_text, (student.pgr, student.opr)),
            ]
            for name, student in result.students.items()
        ],
        title="Every strategy beside its teachers" if several else "Every strategy beside its teacher",
        folded="in Markdown",
        user=(0,),
    )


def agreement_grid(result: W2SResult) -> Grid:
    """Return how far each student agrees with its teacher."""
    keys = next(iter(result.students.values())).error_imitation
    return Grid(
        header=["strategy", "agreement", *(" ".join(IMITATION[key]) for key in keys)],
        rows=[
            [visible(name), *map(estimate_text, (student.agreement, *student.error_imitation.values()))]
            for name, student in result.students.items()
        ],
        title="Agreement of every strategy with its teacher",
        folded="always",
        user=(0,),
    )


def _comparisons(student: StudentResult) -> Iterator[list[str]]:
    yield ["gain", "student - teacher", estimate_text(student.gain, signed=True)]
    yield [
        "student - baseline",
        "against using the labels directly",
        estimate_text(student.versus_baseline, signed=True),
    ]
    for key, estimate in (student.versus_teachers or {}).items():
        yield [*TEACHERS[key], estimate_text(estimate, signed=True)]
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
    if is_ranked(result) and len(classes) <= MOST_COLUMNS:
        return Grid(
            header=["strategy", *map(visible, classes)],
            rows=[[name, *(f"{mix.get(one, 0.0):.3f}" for one in classes)] for name, mix in mixes.items()],
            title="Classes of the kept pseudolabels",
            folded="in Markdown",
            user=(0,),
        )
    if is_ranked(result):
        mixes = {visible(name): student.selection.class_mix for name, student in featured(result).items()}
    return Grid(
        header=["class", *mixes],
        rows=[[visible(name), *(f"{mix.get(name, 0.0):.3f}" for mix in mixes.values())] for name in classes],
        title="Classes of the kept pseudolabels",
        folded="in Markdown" if len(classes) <= 10 else "always",
        user=(0,),
    )
