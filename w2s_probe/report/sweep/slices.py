"""Slices of a sweep: the points of one pair, head, strategy and pair of strengths, as figures show them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from w2s_probe.core.text import visible
from w2s_probe.report.numbers import pair_title
from w2s_probe.results.sweep import EtaContrast, PairTheory, SweepPoint, SweepResult

AXES = ("eta_labeled", "eta_unlabeled")
Eta = float | None  # None is the data's own fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Points that differ in sizes and fractions only.

    Parameters
    ----------
    title : str
        Pair, head, strategy, and strengths that were set.
    points : tuple of SweepPoint
        In the order of the axes.
    contrasts : tuple of EtaContrast
        Contrasts of these points.
    theory : PairTheory or None
        Theory of the pair.
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
        """Return the points along n or N, at the first pair of fractions and the largest other size."""
        etas = (self.points[0].eta_labeled, self.points[0].eta_unlabeled)
        points = [point for point in self.points if (point.eta_labeled, point.eta_unlabeled) == etas]
        other = "N" if axis == "n" else "n"
        most = max(getattr(point, other) for point in points)
        by_size = {getattr(point, axis): point for point in points if getattr(point, other) == most}
        return [by_size[size] for size in sorted(by_size)]


def slices_of(result: SweepResult) -> list[Slice]:
    """Return the slices of a sweep in the order of its axes."""
    theory = {(pair.teacher_backbone, pair.student_backbone): pair for pair in result.theory}
    points: dict[tuple[object, ...], list[SweepPoint]] = {}
    contrasts: dict[tuple[object, ...], list[EtaContrast]] = {}
    backbones = {name: None for point in result.points for name in (point.teacher_backbone, point.student_backbone)}
    for point in result.points:
        points.setdefault(_key(point), []).append(point)
    for contrast in result.contrasts:
        contrasts.setdefault(_key(contrast), []).append(contrast)
    return [
        Slice(
            title=_title(first, backbones),
            points=(first, *rest),
            contrasts=tuple(contrasts.get(key, ())),
            theory=theory.get((first.teacher_backbone, first.student_backbone)),
        )
        for key, (first, *rest) in points.items()
    ]


def eta_text(eta: Eta) -> str:
    """Return a fraction as text, ``own`` for the data's own."""
    return "own" if eta is None else f"{eta:g}"


def point_text(point: SweepPoint, axes: Sequence[str]) -> str:
    """Return the point's values on some of the axes n, N, eta_labeled and eta_unlabeled."""
    etas = [f"{axis} {eta_text(getattr(point, axis))}" for axis in AXES if axis in axes]
    return ", ".join([*(f"{size} {getattr(point, size):,}" for size in ("n", "N") if size in axes), *etas])


def _key(point: SweepPoint | EtaContrast) -> tuple[object, ...]:
    strengths = (point.teacher_alpha, point.student_alpha)
    return point.teacher_backbone, point.student_backbone, point.head, point.strategy, *strengths


def _title(point: SweepPoint, backbones: Iterable[str]) -> str:
    alphas = (("teacher alpha", point.teacher_alpha), ("student alpha", point.student_alpha))
    strengths = [f"{name} {alpha:g}" for name, alpha in alphas if alpha is not None]
    pair = pair_title(point.teacher_backbone, point.student_backbone, among=backbones)
    return ", ".join([pair, point.head, visible(point.strategy), *strengths])
