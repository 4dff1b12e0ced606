"""Tables of a fine-tune: frozen and fine-tuned systems side by side, and the systems after each epoch."""

from __future__ import annotations

from collections.abc import Iterator

from w2s_probe.core.text import visible
from w2s_probe.report.numbers import estimate_text, score_text
from w2s_probe.report.page import Grid
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.finetune import TUNED, FinetuneResult
from w2s_probe.results.student import StudentResult, SystemResult

BY_TEACHER = "student of the fine-tuned teacher"
CHOSEN = {
    "given": "given",
    "held_out_pseudolabels": "held-out pseudolabels",
    "held_out_labels": "held-out labels",
}


def side_grid(result: FinetuneResult) -> Grid:
    """Return the accuracy of each fine-tuned system beside that of the frozen one, and their difference."""
    rows = [
        [shown, _score(frozen), _score(tuned), _change(tuned.versus_frozen), f"{tuned.epochs:.3g}"]
        for shown, frozen, tuned in _beside(result)
    ]
    return Grid(
        header=["system", "frozen", "fine-tuned", "fine-tuned - frozen", "epochs"],
        rows=[["teacher", _score(result.systems["teacher"]), "–", "–", "–"], *rows]
        if f"{TUNED}_teacher" not in result.systems
        else rows,
        caption="Accuracy on the same test rows; differences are paired by row and seed.",
        user=(0,),
    )


def difference_grid(result: FinetuneResult) -> Grid:
    """Return gain and the difference to the baseline of each student, frozen and fine-tuned."""
    rows = []
    for shown, frozen, tuned in _beside(result):
        if isinstance(frozen, StudentResult) and isinstance(tuned, StudentResult):
            pairs = ((frozen.gain, tuned.gain), (frozen.versus_baseline, tuned.versus_baseline))
            names = ("teacher", "baseline")
            rows += [
                [f"{shown} - {name}", *(_change(each) for each in pair)]
                for name, pair in zip(names, pairs, strict=True)
            ]
    return Grid(
        header=["difference", "frozen", "fine-tuned"],
        rows=rows,
        caption="The fine-tuned student is compared with the same teacher, and with the fine-tuned baseline.",
        user=(0,),
    )


def epoch_grid(result: FinetuneResult) -> Grid:
    """Return the accuracy of each fine-tuned system after each epoch."""
    named = [(name, system) for name, system in result.named() if system.curve]
    most = max(len(system.curve or ()) for _, system in named)
    return Grid(
        header=["system", *(f"epoch {epoch}" if epoch else "frozen" for epoch in range(most)), "epochs chosen by"],
        rows=[
            [
                _short(name),
                *(score_text("accuracy", point.accuracy) for point in system.curve or ()),
                CHOSEN.get(system.chosen_by or "", "–"),
            ]
            for name, system in named
        ],
        folded="in Markdown",
        user=(0,),
    )


def _beside(result: FinetuneResult) -> Iterator[tuple[str, SystemResult, SystemResult]]:
    """Yield name, frozen and fine-tuned result of each pair."""
    for name in ("teacher", "baseline", "ceiling"):
        if f"{TUNED}_{name}" in result.systems:
            yield name, result.systems[name], result.systems[f"{TUNED}_{name}"]
    for name, student in result.students.items():
        if name.startswith(TUNED):
            own = name.removeprefix(TUNED).removeprefix("/") or "vanilla"
            by_teacher = own == f"{TUNED}_teacher"
            frozen = result.students["vanilla" if by_teacher else own]
            yield _short(name), frozen, student


def _short(name: str) -> str:
    """Return the name of a fine-tuned system in tables."""
    own = name.removeprefix(TUNED).lstrip("_/")
    return BY_TEACHER if own == f"{TUNED}_teacher" else visible(own) or "student"


def _score(system: SystemResult) -> str:
    return score_text("accuracy", system.scores["accuracy"])


def _change(change: Estimate | None) -> str:
    return "–" if change is None else estimate_text(change, signed=True)
