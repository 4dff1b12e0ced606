"""What a diagnosis of a teacher-student pair holds, and the object that ``--json`` prints."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from w2s_probe.core.serialize import SCHEMA, plain
from w2s_probe.core.text import json_text
from w2s_probe.diagnostics.dimension import SpectralDimension
from w2s_probe.diagnostics.overlap import CorrelationDimension
from w2s_probe.diagnostics.overlap_density import OverlapDensity
from w2s_probe.diagnostics.representation_gap import RepresentationGap
from w2s_probe.diagnostics.similarity import LinearCKA
from w2s_probe.diagnostics.teacher_error import TeacherErrorEnergy


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceDiagnosis:
    """How many dimensions one feature space fills.

    Parameters
    ----------
    columns : int
        Number of features.
    spectral : SpectralDimension or None
        From the spectrum of all rows; None if undefined.
    ridge_df : float
        Degrees of freedom of a ridge head of strength `ridge_alpha`, intercept not counted.
    ridge_alpha : float
        Strength on as many rows as the diagnosis has: the labeled rows' leave-one-out choice times
        rows over labeled rows, else the mean eigenvalue of the Gram.
    twonn, mle : float
        From the neighbors of the sample.
    """

    columns: int
    spectral: SpectralDimension | None
    ridge_df: float
    ridge_alpha: float
    twonn: float
    mle: float

    def to_dict(self) -> dict[str, Any]:
        """Return the object of one space."""
        held = _values(SpectralDimension, self.spectral)
        energies = {
            f"energy{percent}": {kind: (held[kind] or {}).get(percent) for kind in ("centered", "uncentered")}
            for percent in (99, 95, 90)
        }
        shares = held["cumulative_energy"]
        spectrum = {"ranks": list(shares), "centered": list(shares.values())} if shares else None
        rest = {name: held[name] for name in ("participation_ratio", "effective_rank", "rank")}
        neighbors = {"ridge_df": self.ridge_df, "ridge_alpha": self.ridge_alpha, "twonn": self.twonn, "mle": self.mle}
        return {
            "intrinsic_dimension": plain(
                {**energies, "cumulative_energy": spectrum, **rest, **neighbors, "columns": self.columns}
            )
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PairDiagnosis:
    """How two feature spaces of the same rows relate; None and NaN where undefined.

    Parameters
    ----------
    correlation_dimension : CorrelationDimension or None
        Shared dimensions.
    principal_angles : tuple of float
        Radians, largest first.
    smallest_angle_chance : float
        The smallest that unrelated spaces would show.
    cka : LinearCKA or None
        Linear kernel alignment.
    mutual_knn, mutual_knn_chance : float
        Fraction of nearest neighbors shared in the sample.
    procrustes, procrustes_chance : float
        Squared distance after rotation and scaling, in [0, 1].
    representation_gap : RepresentationGap or None
        What the student expresses and the teacher cannot.
    overlap_uncalibrated, overlap_uncalibrated_chance : float
        The published estimate of the correlation dimension, which ignores the pairing.
    teacher_error : TeacherErrorEnergy or None
        Needs labels.
    overlap_density : OverlapDensity or None
        Needs labels of classes; on the sample.
    """

    correlation_dimension: CorrelationDimension | None
    principal_angles: tuple[float, ...]
    smallest_angle_chance: float
    cka: LinearCKA | None
    mutual_knn: float
    mutual_knn_chance: float
    procrustes: float
    procrustes_chance: float
    representation_gap: RepresentationGap | None
    overlap_uncalibrated: float
    overlap_uncalibrated_chance: float
    teacher_error: TeacherErrorEnergy | None
    overlap_density: OverlapDensity | None

    def to_dict(self) -> dict[str, Any]:
        """Return the object of the pair."""
        gap = _values(RepresentationGap, self.representation_gap)
        return plain(
            {
                "correlation_dimension": _values(CorrelationDimension, self.correlation_dimension),
                "principal_angles": self.principal_angles,
                "smallest_angle_chance": self.smallest_angle_chance,
                "cka": {**_values(LinearCKA, self.cka), "debiased_chance": 0.0},
                "mutual_knn": {"value": self.mutual_knn, "chance": self.mutual_knn_chance},
                "procrustes": self.procrustes,
                "procrustes_chance": self.procrustes_chance,
                "representation_gap": gap["value"],
                "representation_gap_orthogonal": gap["orthogonal"],
                "overlap_uncalibrated": self.overlap_uncalibrated,
                "overlap_uncalibrated_chance": self.overlap_uncalibrated_chance,
                "teacher_error_energy": _values(TeacherErrorEnergy, self.teacher_error),
                "overlap_density": _values(OverlapDensity, self.overlap_density),
            }
        )


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Every number about a teacher-student pair, with chance levels and sizes.

    Parameters
    ----------
    config : mapping
        Every setting.
    teacher, student : SpaceDiagnosis
        Of each space.
    pair : PairDiagnosis
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

    config: Mapping[str, Any]
    teacher: SpaceDiagnosis
    student: SpaceDiagnosis
    pair: PairDiagnosis
    rows: int
    sample: int
    dropped_duplicates: int
    n_labeled: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        return {
            "schema": SCHEMA,
            "config": plain(self.config),
            "teacher": self.teacher.to_dict(),
            "student": self.student.to_dict(),
            "pair": self.pair.to_dict(),
            "rows": self.rows,
            "sample": self.sample,
            "dropped_duplicates": self.dropped_duplicates,
            "n_labeled": self.n_labeled,
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        """Return `to_dict` as one line of JSON, NaN written as null."""
        return json_text(self.to_dict())

    def to_record(self) -> Iterator[dict[str, Any]]:
        """Yield tidy rows: of (teacher, student, pair), measure with dots, value."""
        whole = self.to_dict()
        for of in ("teacher", "student", "pair"):
            for measure, value in _leaves(whole[of], ()):
                yield {"of": of, "measure": measure, "value": value, "rows": self.rows, "sample": self.sample}


def _values(kind: type[Any], measured: Any) -> dict[str, Any]:
    """Return the fields of a measure, or None for each field of one that is undefined."""
    return {field.name: None if measured is None else getattr(measured, field.name) for field in fields(kind)}


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(item, (*path, name))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _leaves(item, (*path, str(i)))
    else:
        yield ".".join(path), math.nan if value is None else float(value)
