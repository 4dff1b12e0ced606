"""The arms of the strategies traces and oracle_traces in one table, with RGR."""

from __future__ import annotations

from collections.abc import Iterator

from w2s_probe.report.numbers import METRIC_NAMES, estimate_text, score_text
from w2s_probe.report.page import Grid
from w2s_probe.results.run import W2SResult
from w2s_probe.results.student import StudentResult

STRATEGIES = ("traces", "oracle_traces")
ARM = "arm="
CAPTION = (
    "RGR: share recovered of the gap between an untrained student, which always decides the majority class of the "
    "labeled rows, and the ceiling. P and N: rows that the teacher labels right or wrong (oracle). The control has as "
    "many random rows of each class."
)


def trace_grid(result: W2SResult) -> Grid:
    """Return accuracy, RGR and one difference of each arm; without rows if no strategy of traces was run."""
    main = METRIC_NAMES[result.score]
    return Grid(
        header=["arm", main, "RGR", "against", f"in {main}"],
        rows=[_row(result, arm, student) for arm, student in _arms(result)],
        title="Traces",
        caption=CAPTION,
    )


def _arms(result: W2SResult) -> Iterator[tuple[str, StudentResult]]:
    """Yield each arm's name and student; the config of a run names the own arm of a strategy."""
    settings = result.config.get("settings") or {}
    for name, usual in zip(STRATEGIES, ("soft", "P"), strict=True):
        if name in result.students:
            own = result.students[name]
            yield str(settings.get(f"{name}.arm", usual)), own
            yield from ((key.removeprefix(ARM), student) for key, student in (own.variants or {}).items())


def _row(result: W2SResult, arm: str, student: StudentResult) -> list[str]:
    """Return the row of an arm, compared with its control if it has one, else with hard labels."""
    against, change = "–", None
    if student.versus_control:
        against, change = "control", student.versus_control[result.score]
    elif student.versus_rivals:
        against, change = "hard", next(iter(student.versus_rivals.values()))
    return [
        arm,
        score_text(result.score, student.scores[result.score]),
        "–" if student.rgr is None else estimate_text(student.rgr),
        against,
        "–" if change is None else estimate_text(change, signed=True),
    ]
