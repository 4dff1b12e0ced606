"""The figures of a spurious correlation: risks over the minority's fraction in the pool, and in the labeled rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from w2s_probe.report.charts.lines import CELL, LEFT, RIGHT, WIDTH
from w2s_probe.report.charts.svg import Axis, dot, group, line, panel, ticks, words
from w2s_probe.report.theory_spurious.text import risk_text
from w2s_probe.theory.spurious.output import EtaPoint, SpuriousOutput

FORMS = {"published": "published", "general": "second moments", "fixed_point": "fixed point"}
LOOKS = {"published": "baseline", "general": "ceiling", "fixed_point": "student"}  # color and mark of a system's
BOTTOM, TOP = 226, 58


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line with its legend, the places that are marked, and one where it was measured, with limits."""

    look: str
    name: str
    points: Sequence[tuple[float, float]]
    marks: Sequence[tuple[float, float]] = ()
    measured: tuple[float, float, float] | None = None


def fraction_figures(output: SpuriousOutput) -> list[str]:
    """Return risks over the pool's minority fraction, and over the labeled rows'; none without a curve."""
    if not output.curve:
        return []
    return [_over_pool(output), _over_labeled(output)]


def points_over(output: SpuriousOutput, name: str) -> list[EtaPoint]:
    """Return the points along one axis, ``"eta_unlabeled"`` or ``"eta_labeled"``, by fraction."""
    other = "eta_labeled" if name == "eta_unlabeled" else "eta_unlabeled"
    fixed = getattr(output.config, other)
    at = {getattr(point, name): point for point in output.curve or () if getattr(point, other) == fixed}
    return [at[eta] for eta in sorted(at)]


def _over_pool(output: SpuriousOutput) -> str:
    points, c = points_over(output, "eta_unlabeled"), output.config
    lines = []
    for form, name in FORMS.items():
        best = output.best[form]
        lines.append(
            _Line(
                look=LOOKS[form],
                name=name,
                points=[(point.eta_unlabeled, getattr(point, form).student) for point in points],
                marks=[] if math.isnan(best.eta_unlabeled) else [(best.eta_unlabeled, best.student)],
                measured=_measured(output, "student", c.eta_unlabeled) if form == "fixed_point" else None,
            )
        )
    said = "; ".join(
        f"{name} least at {_fraction(output.best[form].eta_unlabeled)}: {risk_text(output.best[form].student)}, "
        f"from {risk_text(getattr(points[0], form).student)} at {points[0].eta_unlabeled:g} "
        f"to {risk_text(getattr(points[-1], form).student)} at {points[-1].eta_unlabeled:g}"
        for form, name in FORMS.items()
    )
    return _chart(
        "pool",
        lines,
        title="Student's risk over the pool's minority",
        subject="student's risk; a mark where it is least",
        axis=f"eta_unlabeled, at eta_labeled {c.eta_labeled:g}",
        said=f"{said}.",
        own=c.eta_unlabeled,
    )


def _over_labeled(output: SpuriousOutput) -> str:
    points, c = points_over(output, "eta_labeled"), output.config
    lines = [
        _Line(
            look=who,
            name=who,
            points=[(point.eta_labeled, getattr(point.fixed_point, who)) for point in points],
            marks=[(c.eta_labeled, getattr(output.fixed_point, who))],
            measured=_measured(output, who, c.eta_labeled),
        )
        for who in ("student", "teacher")
    ]
    said = "; ".join(
        f"at {point.eta_labeled:g}: teacher {risk_text(point.fixed_point.teacher)}, "
        f"student {risk_text(point.fixed_point.student)}"
        for point in (points[0], points[-1])
    )
    return _chart(
        "labeled",
        lines,
        title="Risks over the labeled rows' minority",
        subject="risk by the fixed point",
        axis=f"eta_labeled, at eta_unlabeled {c.eta_unlabeled:g}",
        said=f"{said}.",
        own=c.eta_labeled,
    )


def _chart(name: str, lines: Sequence[_Line], *, title: str, subject: str, axis: str, said: str, own: float) -> str:
    """Return lines over fractions, with a dashed stroke at the model's own."""
    low, high = _limits(lines)
    y = Axis(low=low, high=high, start=BOTTOM, end=TOP)
    labels = {tick: f"{tick:g}" for tick in ticks(low, high)}
    left = max(LEFT, 6 + CELL * max(map(len, labels.values())))
    places = [at for at, _ in lines[0].points]
    x = Axis(low=min(places), high=max(places), start=left + 10, end=WIDTH - 20)
    marks = [words(4, TOP - 12, subject, kind="soft")]
    legend = 12.0
    for each in lines:
        marks += [group(each.look, [dot(each.look, legend, 12)]), words(legend + 10, 16, each.name)]
        legend += CELL * len(each.name) + 28
    for tick, label in labels.items():
        marks.append(line([(left, y.at(tick)), (RIGHT, y.at(tick))], kind="grid"))
        marks.append(words(left - 4, y.at(tick) + 4, label, anchor="end"))
    marks += [words(x.at(tick), BOTTOM + 18, f"{tick:g}", anchor="middle") for tick in ticks(x.low, x.high, most=6)]
    marks.append(words((left + RIGHT) / 2, BOTTOM + 37, axis, anchor="middle", kind="soft"))
    marks.append(line([(x.at(own), BOTTOM), (x.at(own), TOP)], kind="ideal"))
    marks += [_drawn(each, x, y) for each in lines]
    return panel(name, size=(WIDTH, 270), title=title, said=said, marks=marks)


def _drawn(each: _Line, x: Axis, y: Axis) -> str:
    marks = [line([(x.at(at), y.at(value)) for at, value in each.points])]
    marks += [dot(each.look, x.at(at), y.at(value)) for at, value in each.marks]
    if each.measured:
        at, low, high = each.measured
        marks.append(line([(x.at(at), y.at(low)), (x.at(at), y.at(high))], kind="interval"))
    return group(each.look, marks)


def _limits(lines: Sequence[_Line]) -> tuple[float, float]:
    values = [value for each in lines for _, value in (*each.points, *each.marks)]
    values += [limit for each in lines if each.measured for limit in each.measured[1:]]
    margin = 0.06 * (max(values) - min(values)) or 0.05 * max(values) or 1.0
    return min(values) - margin, max(values) + margin


def _measured(output: SpuriousOutput, who: str, at: float) -> tuple[float, float, float] | None:
    """Return where a risk was simulated, and twice its standard error to either side."""
    if not output.simulated:
        return None
    found = output.simulated[who]
    return at, found.value - 2 * found.se, found.value + 2 * found.se


def _fraction(eta: float) -> str:
    return "any fraction" if math.isnan(eta) else f"{eta:.3f}"
