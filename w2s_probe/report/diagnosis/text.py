"""A diagnosis as text of 80 columns."""

from __future__ import annotations

import math

from w2s_probe.report.numbers import pair_line
from w2s_probe.report.page import Grid
from w2s_probe.report.render.terminal import columns, wrapped
from w2s_probe.results.diagnosis import Diagnosis, SpaceDimensions

WHY_THEY_DIFFER = (
    "Spectral dimensions count directions; the theory of weak-to-strong generalization uses them. Neighbor "
    "dimensions (twonn, mle) measure how fast the number of rows grows with distance: they are lower where the "
    "features lie on a curved or clustered set, and above about ten they are too low anyway, because no sample is "
    "dense enough."
)


def diagnosis_text(diagnosis: Diagnosis) -> str:
    """Return a table of the spaces, a table of the pair with chance levels, and the notes."""
    config, spaces, pair = diagnosis.config, dimension_grid(diagnosis), pair_grid(diagnosis)
    parts = [
        *([pair_line(config, str(config["teacher"]), str(config["student"]))] if "data" in config else []),
        *diagnosis_headline(diagnosis),
        "",
        columns(spaces.header, spaces.rows, right=(1, 2)),
        "",
        wrapped(WHY_THEY_DIFFER),
        "",
        columns(pair.header, pair.rows, right=(1, 2)),
        *(["", *(wrapped(f"Note: {note}") for note in diagnosis.notes)] if diagnosis.notes else []),
    ]
    return "\n".join(parts)


def diagnosis_headline(diagnosis: Diagnosis) -> list[str]:
    """Return the numbers of rows."""
    dropped, seed = diagnosis.dropped_duplicates, diagnosis.config["seed"]
    without = f" ({dropped:,} duplicates left out)" if dropped else ""
    return [
        f"{diagnosis.rows:,} rows, {diagnosis.n_labeled:,} labeled",
        f"neighbors: {diagnosis.sample:,} distinct rows, seed {seed}{without}",
    ]


def dimension_grid(diagnosis: Diagnosis) -> Grid:
    """Return every dimension of both spaces."""
    teacher, student = map(_dimensions, (diagnosis.teacher.intrinsic_dimension, diagnosis.student.intrinsic_dimension))
    return Grid(
        header=["dimension", "teacher", "student"], rows=[[name, teacher[name], student[name]] for name in teacher]
    )


def _dimensions(space: SpaceDimensions) -> dict[str, str]:
    energies = {99: space.energy99, 95: space.energy95, 90: space.energy90}
    return {
        "features": _number(space.columns, 0),
        "rank, centered": _number(space.rank, 0),
        **{
            f"{percent} % of energy, {about}": _number(getattr(rank, about), 0)
            for percent, rank in energies.items()
            for about in ("centered", "uncentered")
        },
        "participation ratio": _number(space.participation_ratio, 1),
        "effective rank": _number(space.effective_rank, 1),
        "ridge degrees of freedom": _number(space.ridge_df, 1),
        "twonn, from neighbors": _number(space.twonn, 1),
        "mle, from neighbors": _number(space.mle, 1),
    }


def pair_grid(diagnosis: Diagnosis) -> Grid:
    """Return every measure of the pair with its chance level."""
    pair = diagnosis.pair
    shared, cka, neighbors = pair.correlation_dimension, pair.cka, pair.mutual_knn
    error, density = pair.teacher_error_energy, pair.overlap_density
    angles = pair.principal_angles
    near = sum(angle < pair.smallest_angle_chance for angle in angles) if angles else None
    axes = f"of {_number(shared.d_teacher, 0)} and {_number(shared.d_student, 0)} axes"
    gap, orthogonal = pair.representation_gap, pair.representation_gap_orthogonal
    overlap, overlap_chance = pair.overlap_uncalibrated, pair.overlap_uncalibrated_chance
    measures = [
        ("correlation dimension", shared.value, shared.chance, f"shared dimensions {axes}"),
        ("  corrected for chance", shared.corrected, 0.0, "the estimate to use"),
        ("  cross-fitted", shared.cross_fitted, 0.0, "a check; too low for few rows"),
        ("angles below chance", near, 0.0, "shared directions"),
        ("CKA, debiased", cka.debiased, 0.0, "1: same geometry"),
        ("CKA, biased", cka.biased, cka.biased_chance, "published estimate"),
        ("mutual neighbors", neighbors.value, neighbors.chance, "share of neighbors in common"),
        ("Procrustes", pair.procrustes, pair.procrustes_chance, "0: a rotated copy"),
        ("representation gap", gap, orthogonal, "0: teacher spans student"),
        ("teacher-error energy", error.value, error.chance, "share the student can imitate"),
        ("overlap density", density.value, density.chance, "share of rows with both patterns"),
        ("overlap, uncalibrated", overlap, overlap_chance, "published; ignores pairing"),
    ]
    return Grid(
        header=["pair", "value", "chance", "meaning"],
        rows=[[name, _number(value, 3), _number(chance, 3), meaning] for name, value, chance, meaning in measures],
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:,.{digits}f}"
