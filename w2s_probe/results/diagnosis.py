"""The object that ``diagnose --json`` prints, as dataclasses: to be read back, shown, and described by a schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from w2s_probe.core.config import DiagnoseConfig
from w2s_probe.core.serialize import Keys, Printed


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyRank:
    """Fewest principal axes that hold a share of the energy.

    Parameters
    ----------
    centered, uncentered : int or None
        Around the mean, and around zero; None if undefined.
    """

    centered: int | None
    uncentered: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CumulativeEnergy:
    """How much of the energy the first principal axes hold.

    Parameters
    ----------
    ranks : tuple of int
        Numbers of axes, growing by about the same factor.
    centered : tuple of float
        Share of the energy around the mean.
    """

    ranks: tuple[int, ...]
    centered: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceDimensions:
    """How many dimensions one feature space fills; null where undefined.

    Parameters
    ----------
    energy99, energy95, energy90 : EnergyRank
        Axes that hold 99, 95 and 90 % of the energy.
    cumulative_energy : CumulativeEnergy or None
        The whole spectrum.
    participation_ratio, effective_rank : float
        Of the centered eigenvalues.
    rank : int or None
        Number of positive centered eigenvalues.
    ridge_df, ridge_alpha : float
        Degrees of freedom of a ridge head, and its strength.
    twonn, mle : float
        From neighbors.
    columns : int
        Number of features.
    """

    energy99: EnergyRank
    energy95: EnergyRank
    energy90: EnergyRank
    cumulative_energy: CumulativeEnergy | None
    participation_ratio: float
    effective_rank: float
    rank: int | None
    ridge_df: float
    ridge_alpha: float
    twonn: float
    mle: float
    columns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceOutput:
    """One feature space.

    Parameters
    ----------
    intrinsic_dimension : SpaceDimensions
        By several definitions.
    """

    intrinsic_dimension: SpaceDimensions


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedDimensions:
    """Correlation dimension of two spaces; null where undefined.

    Parameters
    ----------
    value, chance, corrected, cross_fitted : float
        As measured, by chance, without what chance adds, and between halves of the rows.
    d_teacher, d_student : int or None
        Principal axes kept of each space.
    """

    value: float
    chance: float
    corrected: float
    cross_fitted: float
    d_teacher: int | None
    d_student: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentOutput:
    """Linear kernel alignment; null where undefined.

    Parameters
    ----------
    biased, biased_chance : float
        As published, and what unrelated features would show.
    debiased, debiased_chance : float
        Without its bias, and 0.
    """

    biased: float
    biased_chance: float
    debiased: float
    debiased_chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstChance:
    """A number beside what unrelated features would show.

    Parameters
    ----------
    value, chance : float
        Null where undefined.
    """

    value: float
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherErrorOutput:
    """Share of the teacher's errors that the student can imitate; null where undefined.

    Parameters
    ----------
    value, chance, corrected : float
        As measured, by chance, and without what chance adds.
    rows : int or None
        Labeled rows it was measured on.
    """

    value: float
    chance: float
    corrected: float
    rows: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapDensityOutput:
    """Rows that hold easy and hard patterns; null where undefined.

    Parameters
    ----------
    value, chance : float
        Share of rows, and what scores without a relation would show.
    hard, easy : float
        Shares of rows with one pattern only.
    """

    value: float
    chance: float
    hard: float
    easy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOutput:
    """How two feature spaces of the same rows relate; null where undefined.

    Parameters
    ----------
    correlation_dimension : SharedDimensions
        Shared dimensions.
    principal_angles : tuple of float
        Radians, largest first.
    smallest_angle_chance : float
        The smallest that unrelated spaces would show.
    cka : AlignmentOutput
        Linear kernel alignment.
    mutual_knn : AgainstChance
        Fraction of nearest neighbors shared.
    procrustes, procrustes_chance : float
        Squared distance after rotation and scaling, in [0, 1].
    representation_gap, representation_gap_orthogonal : float
        What the student expresses and the teacher cannot, and the same for spaces that share nothing.
    overlap_uncalibrated, overlap_uncalibrated_chance : float
        The published estimate of the correlation dimension, which ignores the pairing.
    teacher_error_energy : TeacherErrorOutput
        Needs labels.
    overlap_density : OverlapDensityOutput
        Needs labels of classes.
    """

    correlation_dimension: SharedDimensions
    principal_angles: tuple[float, ...]
    smallest_angle_chance: float
    cka: AlignmentOutput
    mutual_knn: AgainstChance
    procrustes: float
    procrustes_chance: float
    representation_gap: float
    representation_gap_orthogonal: float
    overlap_uncalibrated: float
    overlap_uncalibrated_chance: float
    teacher_error_energy: TeacherErrorOutput
    overlap_density: OverlapDensityOutput


@dataclass(frozen=True, kw_only=True)
class DiagnosisOutput(Printed):
    """Every number about a teacher-student pair, with chance levels and sizes.

    Parameters
    ----------
    config : mapping
        Every setting.
    teacher, student : SpaceOutput
        Of each space.
    pair : PairOutput
        Of both.
    rows : int
        Rows that everything but neighbors and cosines is computed on.
    sample : int
        Distinct rows that neighbors and cosines are computed on.
    dropped_duplicates : int
        Drawn rows left out because they equal an earlier one in either space.
    n_labeled : int
        Rows with labels.
    notes : tuple of str
        What is undefined and why, one sentence each.
    """

    config: Annotated[Mapping[str, Any], Keys("data", "teacher", "student", "pool", "label", "task", DiagnoseConfig)]
    teacher: SpaceOutput
    student: SpaceOutput
    pair: PairOutput
    rows: int
    sample: int
    dropped_duplicates: int
    n_labeled: int
    notes: tuple[str, ...] = ()

    def conditions(self) -> Mapping[str, bool]:
        """Return what else must hold of a diagnosis, and whether it does."""
        named = {"data", "teacher", "student"} & self.config.keys()
        held = {
            "config must hold seed, and data, teacher and student or none of them": (
                "seed" in self.config and len(named) in (0, 3)
            )
        }
        for name, space in (("teacher", self.teacher), ("student", self.student)):
            energy = space.intrinsic_dimension.cumulative_energy
            held[f"{name} must hold a share of energy for each rank above 0"] = energy is None or _is_spectrum(energy)
        return held


def _is_spectrum(energy: CumulativeEnergy) -> bool:
    shares = all(0 <= share <= 1 for share in energy.centered)
    return shares and 0 < len(energy.ranks) == len(energy.centered) and min(energy.ranks) > 0
