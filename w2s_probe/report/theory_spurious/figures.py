"""The figures of ``theory spurious``: risks over the minority's fraction in the pool, and in the labeled rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from w2s_probe.report.charts.lines import CELL, LEFT, RIGHT, WIDTH
from w2s_probe.report.charts.svg import Axis, dot, group, line, panel, ticks, words
from w2s_probe.report.theory_spurious.text import risk_text
from w2s_probe.theory.spurious.output import EtaPoint, SpuriousOutput

FORMS = {"published": "published", "general": "second moments", "fixed_point": "fixed point"}
STYLES = {"published": "baseline", "general": "ceiling", "fixed_point": "student"}  # system with this color and mark
BOTTOM, TOP = 226, 58


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line with its name in the legend, its marks, and a bar: its place, its lower and its upper end."""

    style: str
    name: str
    points: Sequence[tuple[float, float]]
    marks: Sequence[tuple[float, float]] = ()
    bar: tuple[float, float, float] | None = None


def fraction_figures(output: SpuriousOutput) -> list[str]:
    """Return risks over the pool's minority fraction, and over the labeled rows'; none without a curve."""
    if not output.curve:
        return []
    return [_over_pool(output), _over_labeled(output)]


def points_over(output: SpuriousOutput, axis: str) -> list[EtaPoint]:
    """Return the points along one axis, ``"eta_unlabeled"`` or ``"eta_labeled"``, by fraction."""
    other = "eta_labeled" if axis == "eta_unlabeled" else "eta_unlabeled"
    fixed = getattr(output.config, other)
    points = {getattr(point, axis): point for point in output.curve or () if getattr(point, other) == fixed}
    return [points[eta] for eta in sorted(points)]


def _over_pool(output: SpuriousOutput) -> str:
    points, c = points_over(output, "eta_unlabeled"), output.config
    lines, texts = [], []
    for form, name in FORMS.items():
        best = output.best[form]
        risks = [(point.eta_unlabeled, getattr(point, form).student) for point in points]
        lines.append(
            _Line(
                style=STYLES[form],
                name=name,
                points=risks,
                marks=[] if math.isnan(best.eta_unlabeled) else [(best.eta_unlabeled, best.student)],
                bar=_simulated(output, "student", c.eta_unlabeled) if form == "fixed_point" else None,
            )
        )
        (first, least), (last, most) = risks[0], risks[-1]
        texts.append(
            f"{name} least at {_fraction(best.eta_unlabeled)}: {risk_text(best.student)}, "
            f"from {risk_text(least)} at {first:g} to {risk_text(most)} at {last:g}"
        )
    return _chart(
        "pool",
        lines,
        title="Student's risk over the pool's minority",
        subject="student's risk; a mark where it is least",
        axis=f"eta_unlabeled, at eta_labeled {c.eta_labeled:g}",
        description=f"{'; '.join(texts)}.",
        own=c.eta_unlabeled,
    )


def _over_labeled(output: SpuriousOutput) -> str:
    points, c = points_over(output, "eta_labeled"), output.config
    lines = [
        _Line(
            style=system,
            name=system,
            points=[(point.eta_labeled, getattr(point.fixed_point, system)) for point in points],
            marks=[(c.eta_labeled, getattr(output.fixed_point, system))],
            bar=_simulated(output, system, c.eta_labeled),
        )
        for system in ("student", "teacher")
    ]
    ends = "; ".join(
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
        description=f"{ends}.",
        own=c.eta_labeled,
    )


def _chart(
    name: str, lines: Sequence[_Line], *, title: str, subject: str, axis: str, description: str, own: float
) -> str:
    """Return lines over fractions, with a dashed stroke at the model's own fraction."""
    low, high = _limits(lines)
    y = Axis(low=low, high=high, start=BOTTOM, end=TOP)
    labels = {tick: f"{tick:g}" for tick in ticks(low, high)}
    left = max(LEFT, 6 + CELL * max(map(len, labels.values())))
    etas = [eta for eta, _ in lines[0].points]
    x = Axis(low=min(etas), high=max(etas), start=left + 10, end=WIDTH - 20)
    marks = [words(4, TOP - 12, subject, kind="soft")]
    legend = 12.0
    for entry in lines:
        marks += [group(entry.style, [dot(entry.style, legend, 12)]), words(legend + 10, 16, entry.name)]
        legend += CELL * len(entry.name) + 28
    for tick, label in labels.items():
        marks.append(line([(left, y.at(tick)), (RIGHT, y.at(tick))], kind="grid"))
        marks.append(words(left - 4, y.at(tick) + 4, label, anchor="end"))
    marks += [words(x.at(tick), BOTTOM + 18, f"{tick:g}", anchor="middle") for tick in ticks(x.low, x.high, most=6)]
    marks.append(words((left + RIGHT) / 2, BOTTOM + 37, axis, anchor="middle", kind="soft"))
    marks.append(line([(x.at(own), BOTTOM), (x.at(own), TOP)], kind="ideal"))
    marks += [_shapes(entry, x, y) for entry in lines]
    return panel(name, size=(WIDTH, 270), title=title, description=description, marks=marks)


def _shapes(entry: _Line, x: Axis, y: Axis) -> str:
    shapes = [line([(x.at(eta), y.at(risk)) for eta, risk in entry.points])]
    shapes += [dot(entry.style, x.at(eta), y.at(risk)) for eta, risk in entry.marks]
    if entry.bar:
        eta, low, high = entry.bar
        shapes.append(line([(x.at(eta), y.at(low)), (x.at(eta), y.at(high))], kind="interval"))
    return group(entry.style, shapes)


def _limits(lines: Sequence[_Line]) -> tuple[float, float]:
    values = [risk for entry in lines for _, risk in (*entry.points, *entry.marks)]
    values += [limit for entry in lines if entry.bar for limit in entry.bar[1:]]
    margin = 0.06 * (max(values) - min(values)) or 0.05 * max(values) or 1.0
    return min(values) - margin, max(values) + margin


def _simulated(output: SpuriousOutput, system: str, eta: float) -> tuple[float, float, float] | None:
    """Return a bar at `eta`: the simulated risk minus and plus two standard errors."""
    if not output.simulated:
        return None
    risk = output.simulated[system]
    return eta, risk.value - 2 * risk.se, risk.value + 2 * risk.se


def _fraction(eta: float) -> str:
    return "any fraction" if math.isnan(eta) else f"{eta:.3f}"
