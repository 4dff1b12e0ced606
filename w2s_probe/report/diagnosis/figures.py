"""The figures of a diagnosis; each has its numbers in words for screen readers."""

from __future__ import annotations

import math
from collections.abc import Mapping

from w2s_probe.report.charts.lines import Mark, Row, Series, interval_chart, line_chart
from w2s_probe.results.diagnosis import Diagnosis, SpaceDimensions
from w2s_probe.results.estimate import Estimate

MOST_ANGLES = 64


def spectrum_figure(diagnosis: Diagnosis) -> str | None:
    """Return the share of each space's energy in its first principal axes; None where neither space varies."""
    spaces = {"teacher": diagnosis.teacher.intrinsic_dimension, "student": diagnosis.student.intrinsic_dimension}
    series = [_spectrum(name, space) for name, space in spaces.items() if space.cumulative_energy is not None]
    if not series:
        return None
    most = max(int(mark.at) for curve in series for mark in curve.marks)
    ranks = "; ".join(f"{name}: {_energy_ranks(space)}" for name, space in spaces.items())
    return line_chart(
        "spectrum",
        series,
        title="Energy in the first principal axes",
        subject="share of the energy",
        axis="principal axes",
        description=f"{ranks}.",
        limits=(0.0, 1.0),
        sizes=[*(10**power for power in range(math.ceil(math.log10(most + 1)))), most],
        levels=(0.9, 0.95, 0.99),
    )


def angles_figure(diagnosis: Diagnosis) -> str | None:
    """Return the principal angles, smallest first, with the smallest angle expected for unrelated spaces."""
    angles = [math.degrees(angle) for angle in reversed(diagnosis.pair.principal_angles) if not math.isnan(angle)]
    if not angles:
        return None
    chance = math.degrees(diagnosis.pair.smallest_angle_chance)
    ranks = sorted({round(len(angles) ** (i / (MOST_ANGLES - 1))) for i in range(MOST_ANGLES)})
    marks = [Mark(at=rank, estimate=_exactly(angles[rank - 1])) for rank in ranks]
    below = sum(angle < chance for angle in angles)
    by_chance = "" if math.isnan(chance) else f"; {below} lie below {chance:.1f}, the smallest by chance"
    powers = [10**power for power in range(math.ceil(math.log10(len(angles) + 1)))]
    return line_chart(
        "angles",
        [Series(system="student", name="angle", marks=marks, dots=False)],
        title="Principal angles between the spaces",
        subject="angle in degrees",
        axis="angles, smallest first",
        description=f"{len(angles)} angles, from {angles[0]:.1f} to {angles[-1]:.1f} degrees{by_chance}.",
        limits=(0.0, 90.0),
        sizes=[*powers, len(angles)],
        levels=[] if math.isnan(chance) else [chance],
    )


def chance_figure(diagnosis: Diagnosis) -> str:
    """Return the measures between 0 and 1, each with its value expected for unrelated features."""
    rows = [
        Row(
            system="student",
            name=name,
            estimate=_exactly(value),
            text="undefined" if math.isnan(value) else f"{value:.3f}, by chance {chance:.3f}",
            chance=chance,
        )
        for name, (value, chance) in _measures(diagnosis).items()
    ]
    return interval_chart("chance", rows, title="From nothing shared (0) to everything (1)", low=-0.02, high=1.02)


def _measures(diagnosis: Diagnosis) -> Mapping[str, tuple[float, float]]:
    """Return value and chance level of each measure."""
    pair = diagnosis.pair
    shared, error = pair.correlation_dimension, pair.teacher_error_energy
    fewer = min(shared.d_teacher or 0, shared.d_student or 0) or math.nan
    measures = {
        "shared dimensions": (shared.value / fewer, shared.chance / fewer),
        "CKA, biased": (pair.cka.biased, pair.cka.biased_chance),
        "mutual neighbors": (pair.mutual_knn.value, pair.mutual_knn.chance),
        "1 - Procrustes": (1 - pair.procrustes, 1 - pair.procrustes_chance),
        "1 - representation gap": (1 - pair.representation_gap, 1 - pair.representation_gap_orthogonal),
    }
    return measures if math.isnan(error.value) else {**measures, "teacher-error energy": (error.value, error.chance)}


def _spectrum(name: str, space: SpaceDimensions) -> Series:
    energy = space.cumulative_energy
    pairs = [] if energy is None else zip(energy.ranks, energy.centered, strict=True)
    return Series(
        system=name, name=name, marks=[Mark(at=rank, estimate=_exactly(share)) for rank, share in pairs], dots=False
    )


def _energy_ranks(space: SpaceDimensions) -> str:
    ranks = {99: space.energy99, 95: space.energy95, 90: space.energy90}
    texts = [f"{percent} % in {rank.centered} axes" for percent, rank in ranks.items() if rank.centered is not None]
    return ", ".join(texts) or "undefined"


def _exactly(value: float) -> Estimate:
    return Estimate(value=value, low=value, high=value)
