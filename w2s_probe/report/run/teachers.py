"""Teachers: the table of several of them and of all together, and where those that are predictions speak."""

from __future__ import annotations

from collections.abc import Iterator

from w2s_probe.core.text import visible
from w2s_probe.report.numbers import METRIC_NAMES, estimate_text, score_text
from w2s_probe.report.page import Grid, Section
from w2s_probe.results.run import W2SResult
from w2s_probe.results.student import TeacherResult

TOGETHER = (
    "together: the weighted mean of the teachers' soft pseudolabels, without a student. Its weights were chosen on the "
    "labeled rows, so its held-out score there is a little too high. Students are compared with it, and with the "
    "teacher that has the best held-out score in each seed."
)


def teacher_grid(result: W2SResult) -> Grid:
    """Return the scores of each teacher and of all together, with held-out scores and weights."""
    main = METRIC_NAMES[result.score]
    teachers = result.teachers or {}
    weights = next((teacher.weights for teacher in teachers.values() if teacher.weights), {})
    return Grid(
        header=["teacher", main, f"held-out {main}", "weight in together"],
        rows=[
            [
                visible(name),
                score_text(result.score, teacher.scores[result.score]),
                _held_out(teacher),
                f"{weights[name]:.2f}" if name in weights else "–",
            ]
            for name, teacher in teachers.items()
        ],
        user=(0,),
    )


def teacher_section(result: W2SResult) -> Section:
    """Return the section of a page on several teachers."""
    return Section(name="Teachers", grids=[teacher_grid(result)], text=[TOGETHER], lead=True)


def coverage_lines(result: W2SResult) -> Iterator[str]:
    """Yield a sentence on the rows on which each teacher that is predictions abstains, if there are any."""
    for name, teacher in (result.teachers or {}).items():
        coverage = teacher.coverage
        if coverage is None or min(coverage.labeled, coverage.unlabeled, coverage.test) == 1:
            continue
        elsewhere = coverage.student_elsewhere
        student = (
            "" if elsewhere is None else f" Where it abstains, the student has accuracy {estimate_text(elsewhere)}."
        )
        yield (
            f"{visible(name)} speaks on {coverage.unlabeled:.1%} of the pool and {coverage.test:.1%} of the test rows: "
            f"scores are those of these rows.{student}"
        )


def _held_out(teacher: TeacherResult) -> str:
    value = teacher.held_out_r2 if teacher.held_out_accuracy is None else teacher.held_out_accuracy
    return "–" if value is None else f"{value:.3f}"
