"""Several teachers: the table of each one and of all together, on page, Markdown and terminal."""

from __future__ import annotations

from w2s_probe.core.text import visible
from w2s_probe.report.numbers import METRIC_NAMES, score_text
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


def _held_out(teacher: TeacherResult) -> str:
    value = teacher.held_out_r2 if teacher.held_out_accuracy is None else teacher.held_out_accuracy
    return "–" if value is None else f"{value:.3f}"
