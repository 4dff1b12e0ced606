"""The figures of a sweep: heat maps over two fractions, and lines over one fraction or over sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from w2s_probe.report.charts.heatmap import Heat, Scale, heat_map
from w2s_probe.report.charts.lines import Mark, Series, frame, line_chart
from w2s_probe.report.numbers import METRIC_NAMES, estimate_of, estimate_text
from w2s_probe.report.sweep.slices import AXES, Eta, Slice, eta_text
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.sweep import PairTheory, SweepPoint

SYSTEMS = ("teacher", "student", "baseline", "ceiling")
MOST_FIXED = 4  # values of the other fraction at which lines are drawn
UNDEFINED = Estimate(value=math.nan, low=math.nan, high=math.nan)
Getter = Callable[[SweepPoint], Estimate | None]


def heat_maps(part: Slice, name: str) -> list[str]:
    """Return maps of gain, the theory's gain, PGR and the worst group; none unless both fractions vary.

    `name` occurs once in the page.
    """
    if any(len(part.etas(axis)) == 1 for axis in AXES):
        return []
    maps = [_map(part, f"{name}gain", "measured gain: student - teacher", _field("gain"))]
    if part.theory is not None:
        maps.append(_theory(part.theory, part, f"{name}theory"))
    maps.append(_map(part, f"{name}pgr", "PGR: share of the gap to the ceiling", _field("pgr"), frames=False))
    if part.points[0].worst_groups is not None:
        student = "accuracy of the student's worst group"
        maps.append(_map(part, f"{name}worst", student, _worst_of("student"), scale="level", frames=False))
        maps.append(_map(part, f"{name}change", "worst group: student - teacher", _field("worst_group_gain")))
    return maps


def eta_lines(part: Slice, axis: str, name: str, *, score: str) -> list[str]:
    """Return lines over the fraction `axis`, at several values of the other one: systems, worst groups, then gains.

    `name` occurs once in the page; `score` is the main score.
    """
    other = AXES[1 - AXES.index(axis)]
    systems, gains = [], []
    for i, fixed in enumerate(fixed_values(part, other)):
        points = _along(part, axis, fixed)
        if len(points) < 2:
            continue
        label = f"{axis}, at {other} {eta_text(fixed)}"
        curves = {f"{name}systems{i}": (METRIC_NAMES[score], {system: _field(system) for system in SYSTEMS[:3]})}
        if points[0].worst_groups is not None:
            worst = {system: _worst_of(system) for system in SYSTEMS[:3]}
            curves[f"{name}worst{i}"] = ("worst group's accuracy", worst)
        systems += [
            _lines(figure, points, getters, axis=axis, label=label, subject=subject, log="none")
            for figure, (subject, getters) in curves.items()
        ]
        gains.append(_gain_lines(f"{name}gain{i}", points, axis=axis, label=label))
    return [*systems, *gains]


def fixed_values(part: Slice, axis: str) -> list[Eta]:
    """Return the values of a fraction at which lines over the other one are drawn: all, or four spread over them."""
    etas = part.etas(axis)
    if len(etas) <= MOST_FIXED:
        return etas
    return [etas[round(i * (len(etas) - 1) / (MOST_FIXED - 1))] for i in range(MOST_FIXED)]


def size_lines(part: Slice, name: str, *, score: str) -> list[str]:
    """Return the systems over n and over N, where a size has several values.

    `name` occurs once in the page; `score` is the main score.
    """
    figures = []
    for axis, other, unit in (("n", "N", "labels"), ("N", "n", "pseudolabels")):
        points = part.sizes(axis)
        if len(points) > 1:
            label = f"{axis} {unit}, at {other} = {getattr(points[0], other):,}"
            getters = {system: _field(system) for system in SYSTEMS}
            figures.append(
                _lines(f"{name}{axis}", points, getters, axis=axis, label=label, subject=METRIC_NAMES[score])
            )
    return figures


def _along(part: Slice, axis: str, fixed: Eta) -> list[SweepPoint]:
    """Return the points along a fraction, the other one fixed; the data's own fraction has no place on the axis."""
    other = AXES[1 - AXES.index(axis)]
    points = [
        point
        for point in part.at_largest().values()
        if getattr(point, other) == fixed and getattr(point, axis) is not None
    ]
    return sorted(points, key=lambda point: float(getattr(point, axis)))


def _lines(
    name: str,
    points: Sequence[SweepPoint],
    getters: Mapping[str, Getter],
    *,
    axis: str,
    label: str,
    subject: str,
    log: Literal["x", "none"] = "x",
) -> str:
    """Return a line for each system over the field `axis` of the points, which `label` names."""
    curves = {system: [get(point) or UNDEFINED for point in points] for system, get in getters.items()}
    return line_chart(
        name,
        [_series(system, system, points, curve, axis) for system, curve in curves.items()],
        title=f"{subject} over {label}",
        subject=subject,
        axis=label,
        description=_numbers(points, curves, axis),
        limits=frame([estimate for curve in curves.values() for estimate in curve]),
        sizes=[getattr(point, axis) for point in points],
        log=log,
    )


def _gain_lines(name: str, points: Sequence[SweepPoint], *, axis: str, label: str) -> str:
    """Return the gain over a fraction, with a dashed line at 0."""
    gains = [point.gain for point in points]
    return line_chart(
        name,
        [_series("student", "gain", points, gains, axis)],
        title=f"gain over {label}",
        subject="gain",
        axis=label,
        description=_numbers(points, {"gain": gains}, axis, signed=True),
        limits=frame([Estimate(value=0.0, low=0.0, high=0.0), *gains]),
        sizes=[getattr(point, axis) for point in points],
        log="none",
        levels=[0.0],
    )


def _series(system: str, name: str, points: Sequence[SweepPoint], curve: Sequence[Estimate], axis: str) -> Series:
    marks = [Mark(at=getattr(point, axis), estimate=estimate) for point, estimate in zip(points, curve, strict=True)]
    return Series(system=system, name=name, marks=marks)


def _numbers(
    points: Sequence[SweepPoint], curves: Mapping[str, Sequence[Estimate]], axis: str, *, signed: bool = False
) -> str:
    texts = [
        ", ".join(f"{name} {estimate_text(curve[i], signed=signed)}" for name, curve in curves.items())
        for i in range(len(points))
    ]
    return "; ".join(f"at {getattr(point, axis):g}: {text}" for point, text in zip(points, texts, strict=True)) + "."


def _map(part: Slice, name: str, title: str, get: Getter, *, scale: Scale = "difference", frames: bool = True) -> str:
    cells, texts = {}, {}
    for etas, point in part.at_largest().items():
        estimate = get(point)
        if estimate is not None:
            cells[etas] = Heat(value=estimate.value, sure=frames and (estimate.low > 0 or estimate.high < 0))
            texts[etas] = estimate_text(estimate, signed=scale == "difference")
    return _grid(part, name, title, cells, texts, scale=scale)


def _theory(theory: PairTheory, part: Slice, name: str) -> str:
    values = {(point.eta_labeled, point.eta_unlabeled): Heat(value=point.gain) for point in theory.points}
    texts = {etas: f"{heat.value:+.3f}" for etas, heat in values.items()}
    return _grid(part, name, "theory: share of the excess risk spared", values, texts)


def _grid(
    part: Slice,
    name: str,
    title: str,
    cells: Mapping[tuple[Eta, Eta], Heat],
    texts: Mapping[tuple[Eta, Eta], str],
    *,
    scale: Scale = "difference",
) -> str:
    rows, columns = (part.etas(axis) for axis in AXES)
    description = "; ".join(
        f"labeled {eta_text(labeled)}, pool {eta_text(pool)}: {text}" for (labeled, pool), text in texts.items()
    )
    return heat_map(
        name,
        {(rows.index(labeled), columns.index(pool)): heat for (labeled, pool), heat in cells.items()},
        title=title,
        description=f"{description}.",
        rows=[eta_text(eta) for eta in rows],
        columns=[eta_text(eta) for eta in columns],
        axes=AXES,
        scale=scale,
        undefined="unresolved",
    )


def _field(name: str) -> Getter:
    return lambda point: getattr(point, name)


def _worst_of(system: str) -> Getter:
    """Return the function that gives a point's worst group of one system."""

    def worst(point: SweepPoint) -> Estimate | None:
        group = (point.worst_groups or {}).get(system)
        return None if group is None else estimate_of(group)

    return worst
