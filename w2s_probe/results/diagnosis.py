"""Every measure of a teacher-student pair, as ``diagnose --json`` prints it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from w2s_probe.core.config import DiagnoseConfig
from w2s_probe.core.serialize import SCHEMA, Keys, Mark, Printed, plain
from w2s_probe.core.text_settings import TextSettings
from w2s_probe.results.estimate import in_brief
from w2s_probe.results.read import Read


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyRank:
    """Fewest principal axes that hold a given share of the energy.

    Parameters
    ----------
    centered, uncentered : int or None
        Energy around the mean, and energy around zero; None if undefined.
    """

    centered: int | None
    uncentered: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CumulativeEnergy:
    """Share of the energy that the first principal axes hold.

    Parameters
    ----------
    ranks : tuple of int
        Numbers of axes, each larger than the one before by about the same factor.
    centered : tuple of float
        Share of the energy around the mean, one for each rank.
    """

    ranks: tuple[int, ...]
    centered: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceDimensions:
    """Intrinsic dimension of one feature space by several definitions; null where undefined.

    Parameters
    ----------
    energy99, energy95, energy90 : EnergyRank
        Axes that hold 99, 95 and 90 % of the energy.
    cumulative_energy : CumulativeEnergy or None
        Share of the energy by number of axes.
    participation_ratio, effective_rank : float
        Computed from the centered eigenvalues.
    rank : int or None
        Number of positive centered eigenvalues.
    ridge_df : float
        Degrees of freedom of a ridge head of strength `ridge_alpha`, without its intercept.
    ridge_alpha : float
        Strength for as many rows as the diagnosis has. With labels: the leave-one-out choice on the labeled rows
        times rows over labeled rows; without: the mean eigenvalue of the Gram matrix.
    twonn, mle : float
        Estimates from distances between neighbors, on the sample.
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
class SpaceDiagnosis:
    """Measures of one feature space.

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
    value, chance, corrected : float
        Estimate, its expectation for unrelated spaces, and the estimate minus that expectation.
    cross_fitted : float
        Estimate between halves of the rows.
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
class Alignment:
    """Linear centered kernel alignment (CKA); null where undefined.

    Parameters
    ----------
    biased, biased_chance : float
        Published estimate, and its expectation for unrelated features.
    debiased, debiased_chance : float
        Estimate without bias, and its expectation for unrelated features, which is 0.
    """

    biased: float
    biased_chance: float
    debiased: float
    debiased_chance: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstChance:
    """A measure with its expectation for unrelated features; null where undefined.

    Parameters
    ----------
    value, chance : float
        Estimate and expectation.
    """

    value: float
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherError:
    """Share of the teacher's errors that the student can imitate; null where undefined.

    Parameters
    ----------
    value, chance, corrected : float
        Estimate, its expectation for an unrelated student, and the estimate corrected for that expectation.
    rows : int or None
        Number of labeled rows used.
    """

    value: float
    chance: float
    corrected: float
    rows: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternShares:
    """Shares of rows with easy patterns, hard patterns, and both (overlap density); null where undefined.

    Parameters
    ----------
    value, chance : float
        Share of rows with both patterns, and its expectation for scores without a relation to the student.
    hard, easy : float
        Shares of rows with one pattern only.
    """

    value: float
    chance: float
    hard: float
    easy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairDiagnosis:
    """Overlap and similarity of two feature spaces of the same rows; null where undefined.

    Parameters
    ----------
    correlation_dimension : SharedDimensions
        Number of shared dimensions.
    principal_angles : tuple of float
        Radians, largest first.
    smallest_angle_chance : float
        Smallest principal angle expected for unrelated spaces, in radians.
    cka : Alignment
        Linear centered kernel alignment.
    mutual_knn : AgainstChance
        Fraction of nearest neighbors that both spaces share, on the sample.
    procrustes, procrustes_chance : float
        Squared distance after rotation and scaling, in [0, 1], and its expectation for unrelated features.
    representation_gap, representation_gap_orthogonal : float
        Size of what the student expresses and the teacher cannot, and its size for spaces that share nothing.
    overlap_uncalibrated, overlap_uncalibrated_chance : float
        Published estimate of the correlation dimension, which ignores the pairing, and its expectation for
        unrelated features.
    teacher_error_energy : TeacherError
        Share of the teacher's errors that the student can imitate; needs labels.
    overlap_density : PatternShares
        Shares of rows with easy and hard patterns, on the sample; needs labels of classes.
    """

    correlation_dimension: SharedDimensions
    principal_angles: tuple[float, ...]
    smallest_angle_chance: float
    cka: Alignment
    mutual_knn: AgainstChance
    procrustes: float
    procrustes_chance: float
    representation_gap: float
    representation_gap_orthogonal: float
    overlap_uncalibrated: float
    overlap_uncalibrated_chance: float
    teacher_error_energy: TeacherError
    overlap_density: PatternShares


@dataclass(frozen=True, kw_only=True, repr=False)
class Diagnosis(Printed):
    """Every number about a teacher-student pair, with chance levels and sizes.

    Parameters
    ----------
    config : mapping
        Every setting.
    read : Read or None
        Rows, classes and features that were read; None in results of schema 1 and of arrays.
    teacher, student : SpaceDiagnosis
        Measures of each space.
    pair : PairDiagnosis
        Measures of both spaces together.
    rows : int
        Number of rows, used by all measures but those from neighbors and cosines.
    sample : int
        Number of distinct rows for measures from neighbors and cosines.
    dropped_duplicates : int
        Drawn rows left out because they equal an earlier row in either space, also up to rounding.
    n_labeled : int
        Rows with labels.
    notes : tuple of str
        Undefined measures with the reason, one sentence each.
    """

    config: Annotated[
        Mapping[str, Any],
        Mark.AS_GIVEN,
        Keys("data", "teacher", "student", "pool", "label", "task", TextSettings, DiagnoseConfig),
    ]
    read: Annotated[Read | None, Mark.UNLESS_NONE] = None
    teacher: SpaceDiagnosis
    student: SpaceDiagnosis
    pair: Annotated[PairDiagnosis, Mark.UNIT]
    rows: int
    sample: int
    dropped_duplicates: int
    n_labeled: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        return {"schema": SCHEMA, **plain(self)}

    def to_record(self) -> Iterator[dict[str, Any]]:
        """Yield tidy rows: of (teacher, student, pair), measure with dots, value, rows, sample."""
        for name in ("teacher", "student", "pair"):
            for measure, value in _leaves(plain(getattr(self, name), exact=True), ()):
                yield {"of": name, "measure": measure, "value": value, "rows": self.rows, "sample": self.sample}

    def decisive(self) -> Iterator[str]:
        """Yield the dimensions of both spaces and those that they share, and their similarity."""
        shared, pair = self.pair.correlation_dimension, self.pair
        spaces = {"teacher": self.teacher, "student": self.student}
        sizes = (f"{name} {space.intrinsic_dimension.participation_ratio:.1f}" for name, space in spaces.items())
        yield f"participation ratio: {', '.join(sizes)}"
        yield f"correlation dimension {shared.value:.1f} (chance {shared.chance:.1f})"
        yield f"debiased CKA {in_brief(pair.cka.debiased)}"
        yield f"{self.rows} rows, {self.n_labeled} with labels"

    def conditions(self) -> Mapping[str, bool]:
        """Return what must hold beyond the types of the fields, and whether it does."""
        names = {"data", "teacher", "student"} & self.config.keys()
        claims = {
            "config must hold seed, and data, teacher and student or none of them": (
                "seed" in self.config and len(names) in (0, 3)
            )
        }
        for name, space in (("teacher", self.teacher), ("student", self.student)):
            energy = space.intrinsic_dimension.cumulative_energy
            claims[f"{name} must hold a share of energy for each rank above 0"] = energy is None or _is_spectrum(energy)
        return claims


def _is_spectrum(energy: CumulativeEnergy) -> bool:
    shares = all(0 <= share <= 1 for share in energy.centered)
    return shares and 0 < len(energy.ranks) == len(energy.centered) and min(energy.ranks) > 0


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    """Yield every number with its path, names and positions joined by dots; None is NaN."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(item, (*path, name))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _leaves(item, (*path, str(i)))
    else:
        yield ".".join(path), math.nan if value is None else float(value)
