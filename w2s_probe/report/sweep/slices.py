"""A sweep cut into what one figure can show: one pair, head, strategy and pair of strengths at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from w2s_probe.core.text import visible
from w2s_probe.experiments.sweep import EtaContrast, PairTheory, SweepPoint, SweepResult
from w2s_probe.report.numbers import taught

AXES = ("eta_labeled", "eta_unlabeled")
Eta = float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """What varies sizes and fractions only.

    Parameters
    ----------
    title : str
        Pair, head, strategy, and strengths that were given.
    points : tuple of SweepPoint
        In the order of the axes.
    contrasts : tuple of EtaContrast
        Of the same.
    theory : PairTheory or None
        Of the pair.
    """

    title: str
    points: tuple[SweepPoint, ...]
    contrasts: tuple[EtaContrast, ...]
    theory: PairTheory | None

    def etas(self, axis: str) -> list[Eta]:
        """Return the fractions of an axis in order, the data's own first."""
        return sorted({getattr(point, axis) for point in self.points}, key=lambda eta: -1.0 if eta is None else eta)

    def at_largest(self) -> dict[tuple[Eta, Eta], SweepPoint]:
        """Return the points of the largest sizes, by their fractions."""
        ordered = sorted(self.points, key=lambda point: (point.n, point.N))
        return {(point.eta_labeled, point.eta_unlabeled): point for point in ordered}

    def sizes(self, axis: str) -> list[SweepPoint]:
        """Return the points along n or N, all else as at the first pair of fractions and the largest other size."""
        etas = (self.points[0].eta_labeled, self.points[0].eta_unlabeled)
        here = [point for point in self.points if (point.eta_labeled, point.eta_unlabeled) == etas]
        other = "N" if axis == "n" else "n"
        most = max(getattr(point, other) for point in here)
        found = {getattr(point, axis): point for point in here if getattr(point, other) == most}
        return [found[size] for size in sorted(found)]


def slices_of(result: SweepResult) -> list[Slice]:
    """Return the slices of a sweep in the order of its axes.

    Parameters
    ----------
    result : SweepResult
        What was found.
    """
    theory = {(each.teacher_backbone, each.student_backbone): each for each in result.theory}
    points: dict[tuple[object, ...], list[SweepPoint]] = {}
    contrasts: dict[tuple[object, ...], list[EtaContrast]] = {}
    for point in result.points:
        points.setdefault(_key(point), []).append(point)
    for contrast in result.contrasts:
        contrasts.setdefault(_key(contrast), []).append(contrast)
    return [
        Slice(
            title=_title(of[0]),
            points=tuple(of),
            contrasts=tuple(contrasts.get(key, ())),
            theory=theory.get((of[0].teacher_backbone, of[0].student_backbone)),
        )
        for key, of in points.items()
    ]


def eta_text(eta: Eta) -> str:
    """Return a fraction as people read it; the data's own is ``own``."""
    return "own" if eta is None else f"{eta:g}"


def point_text(point: SweepPoint, shown: Sequence[str]) -> str:
    """Return where a point lies on the axes that are shown.

    Parameters
    ----------
    point : SweepPoint
        Of the grid.
    shown : sequence of str
        ``"n"``, ``"N"`` and names of `AXES`.
    """
    etas = [f"{axis} {eta_text(getattr(point, axis))}" for axis in AXES if axis in shown]
    return ", ".join([*(f"{size} {getattr(point, size):,}" for size in ("n", "N") if size in shown), *etas])


def _key(one: SweepPoint | EtaContrast) -> tuple[object, ...]:
    return one.teacher_backbone, one.student_backbone, one.head, one.strategy, one.teacher_alpha, one.student_alpha


def _title(point: SweepPoint) -> str:
    given = (("teacher alpha", point.teacher_alpha), ("student alpha", point.student_alpha))
    strengths = [f"{name} {alpha:g}" for name, alpha in given if alpha is not None]
    pair = taught(point.teacher_backbone, point.student_backbone)
    return ", ".join([pair, point.head, visible(point.strategy), *strengths])
