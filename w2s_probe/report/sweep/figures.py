"""The figures of a sweep: heat maps over two fractions, and lines over one of them or over sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from w2s_probe.experiments.sweep import PairTheory, SweepPoint
from w2s_probe.report.charts.heatmap import Heat, Scale, heat_map
from w2s_probe.report.charts.lines import Level, Mark, Series, frame, line_chart
from w2s_probe.report.numbers import METRIC_NAMES, estimate_text
from w2s_probe.report.sweep.slices import AXES, Slice, eta_text
from w2s_probe.results.estimate import Estimate, WorstGroup

SYSTEMS = ("teacher", "student", "baseline", "ceiling")
MOST_FIXED = 4  # values of the other fraction at which lines are drawn
Of = Callable[[SweepPoint], Estimate | None]
Shown = Sequence[tuple[str, str, Of]]  # system, name in the legend, what of a point


def heat_maps(one: Slice, name: str) -> list[str]:
    """Return gain, the theory's beside it, PGR, and the worst group; none where not both fractions vary.

    Parameters
    ----------
    one : Slice
        What is shown.
    name : str
        Distinct in the page.
    """
    if any(len(one.etas(axis)) == 1 for axis in AXES):
        return []
    drawn = [_map(one, f"{name}gain", "measured gain: student - teacher", _system("gain"))]
    if one.theory is not None:
        drawn.append(_theory(one.theory, one, f"{name}theory"))
    drawn.append(_map(one, f"{name}pgr", "PGR: share of the gap to the ceiling", _system("pgr"), frames=False))
    if one.points[0].worst_groups is not None:
        student = "accuracy of the student's worst group"
        drawn.append(_map(one, f"{name}worst", student, lambda p: _worst(p, "student"), scale="level", frames=False))
        drawn.append(_map(one, f"{name}change", "worst group: student - teacher", _system("worst_group_gain")))
    return drawn


def eta_lines(one: Slice, axis: str, name: str, *, score: str) -> list[str]:
    """Return lines over one fraction for each value of the other that is held fixed: systems, worst groups, gains.

    Parameters
    ----------
    one : Slice
        What is shown.
    axis : {"eta_labeled", "eta_unlabeled"}
        What moves.
    name : str
        Distinct in the page.
    score : str
        Main score.
    """
    other = AXES[1 - AXES.index(axis)]
    systems, gains = [], []
    for i, fixed in enumerate(held_fixed(one, other)):
        points = _along(one, axis, fixed)
        if len(points) < 2:
            continue
        draw = partial(_lines, points=points, axis=axis, said=f"{axis}, at {other} {eta_text(fixed)}", log="none")
        own = [(each, each, _system(each)) for each in SYSTEMS[:3]]
        systems.append(draw(f"{name}systems{i}", lines=own, subject=METRIC_NAMES[score]))
        if points[0].worst_groups is not None:
            worst = [(each, each, _worst_of(each)) for each in SYSTEMS[:3]]
            systems.append(draw(f"{name}worst{i}", lines=worst, subject="worst group's accuracy"))
        gains.append(draw(f"{name}gain{i}", lines=[("student", "gain", _system("gain"))], subject="gain"))
    return [*systems, *gains]


def held_fixed(one: Slice, axis: str) -> list[float | None]:
    """Return the values of a fraction at which lines are drawn: all, or as many as there is room for.

    Parameters
    ----------
    one : Slice
        What is shown.
    axis : {"eta_labeled", "eta_unlabeled"}
        What is held fixed.
    """
    etas = one.etas(axis)
    if len(etas) <= MOST_FIXED:
        return etas
    return [etas[round(i * (len(etas) - 1) / (MOST_FIXED - 1))] for i in range(MOST_FIXED)]


def size_lines(one: Slice, name: str, *, score: str) -> list[str]:
    """Return the systems over n and over N, where there are several.

    Parameters
    ----------
    one, name, score
        As for `eta_lines`.
    """
    drawn = []
    for axis, other, said in (("n", "N", "labels"), ("N", "n", "pseudolabels")):
        points = one.sizes(axis)
        if len(points) > 1:
            at = f"{axis} {said}, at {other} = {getattr(points[0], other):,}"
            lines: Shown = [(each, each, _system(each)) for each in SYSTEMS]
            drawn.append(
                _lines(f"{name}{axis}", points=points, lines=lines, axis=axis, said=at, subject=METRIC_NAMES[score])
            )
    return drawn


def _along(one: Slice, axis: str, fixed: float | None) -> list[SweepPoint]:
    """Return the points along a fraction, the other fixed; the data's own has no place on the axis."""
    other = AXES[1 - AXES.index(axis)]
    there = [
        point
        for point in one.at_largest().values()
        if getattr(point, other) == fixed and getattr(point, axis) is not None
    ]
    return sorted(there, key=lambda point: float(getattr(point, axis)))


def _lines(
    name: str,
    points: Sequence[SweepPoint],
    lines: Shown,
    *,
    axis: str,
    said: str,
    subject: str,
    log: Literal["x", "none"] = "x",
) -> str:
    places = [getattr(point, axis) for point in points]
    found = {
        (system, label): [of(point) or Estimate(value=math.nan, low=math.nan, high=math.nan) for point in points]
        for system, label, of in lines
    }
    levels = [Level(value=0.0)] if subject == "gain" else []
    zero = [Estimate(value=0.0, low=0.0, high=0.0)] if levels else []
    numbers = "; ".join(
        f"at {place:g}: "
        + ", ".join(f"{label} {estimate_text(of[i], signed=bool(levels))}" for (_, label), of in found.items())
        for i, place in enumerate(places)
    )
    series = [
        Series(
            system=system,
            name=label,
            marks=[Mark(at=place, estimate=estimate) for place, estimate in zip(places, of, strict=True)],
        )
        for (system, label), of in found.items()
    ]
    return line_chart(
        name,
        series,
        title=f"{subject} over {said}",
        subject=subject,
        axis=said,
        said=f"{numbers}.",
        limits=frame([*zero, *(estimate for of in found.values() for estimate in of)]),
        sizes=places,
        log=log,
        levels=levels,
    )


def _map(one: Slice, name: str, title: str, of: Of, *, scale: Scale = "difference", frames: bool = True) -> str:
    cells, texts = {}, {}
    for at, point in one.at_largest().items():
        found = of(point)
        if found is not None:
            cells[at] = Heat(value=found.value, sure=frames and (found.low > 0 or found.high < 0))
            texts[at] = estimate_text(found, signed=scale == "difference")
    return _grid(one, name, title, cells, texts, scale=scale)


def _theory(theory: PairTheory, one: Slice, name: str) -> str:
    values = {(point.eta_labeled, point.eta_unlabeled): Heat(value=point.gain) for point in theory.points}
    texts = {at: f"{heat.value:+.3f}" for at, heat in values.items()}
    return _grid(one, name, "theory: share of the excess risk spared", values, texts)


def _grid(
    one: Slice,
    name: str,
    title: str,
    cells: dict[tuple[float | None, float | None], Heat],
    texts: dict[tuple[float | None, float | None], str],
    *,
    scale: Scale = "difference",
) -> str:
    rows, columns = (one.etas(axis) for axis in AXES)
    said = "; ".join(f"labeled {eta_text(at[0])}, pool {eta_text(at[1])}: {text}" for at, text in texts.items())
    return heat_map(
        name,
        {(rows.index(at[0]), columns.index(at[1])): heat for at, heat in cells.items()},
        title=title,
        said=f"{said}.",
        rows=[eta_text(eta) for eta in rows],
        columns=[eta_text(eta) for eta in columns],
        axes=AXES,
        scale=scale,
        undefined="unresolved",
    )


def _system(name: str) -> Of:
    return lambda point: getattr(point, name)


def _worst_of(name: str) -> Of:
    return lambda point: _worst(point, name)


def _worst(point: SweepPoint, system: str) -> Estimate | None:
    found: WorstGroup | None = (point.worst_groups or {}).get(system)
    return None if found is None else Estimate(value=found.value, low=found.low, high=found.high)
