"""A diagnosis as text of 80 columns."""

from __future__ import annotations

import math
import textwrap
from typing import Any

from w2s_probe.core.serialize import plain
from w2s_probe.core.text import visible
from w2s_probe.report.numbers import asked
from w2s_probe.report.render.terminal import WIDTH, columns
from w2s_probe.results.diagnosis import Diagnosis

WHY_THEY_DIFFER = (
    "Spectral dimensions count directions and are what the theory of weak-to-strong generalization uses. "
    "Neighbor dimensions (twonn, mle) look at how fast the number of rows grows with distance: they are lower "
    "where the features lie on a curved or clustered set, and above about ten they fall short anyway, because "
    "no sample is dense enough."
)


def diagnosis_text(diagnosis: Diagnosis) -> str:
    """Return one table of the spaces, one of the pair with chance levels, and the notes."""
    whole = plain(diagnosis)
    spaces = [whole[name]["intrinsic_dimension"] for name in ("teacher", "student")]
    notes = [visible(f"Note: {note}") for note in diagnosis.notes]
    config = diagnosis.config
    parts = [
        *(asked(config, str(config["teacher"]), str(config["student"])) if "data" in config else []),
        *diagnosis_headline(diagnosis),
        "",
        columns(("dimension", "teacher", "student"), dimension_rows(*spaces), right=(1, 2)),
        "",
        textwrap.fill(WHY_THEY_DIFFER, WIDTH),
        "",
        columns(("pair", "value", "chance", "what it says"), pair_rows(whole["pair"]), right=(1, 2)),
        *(["", *(textwrap.fill(note, WIDTH) for note in notes)] if notes else []),
    ]
    return "\n".join(parts)


def diagnosis_headline(diagnosis: Diagnosis) -> list[str]:
    """Return how many rows were compared."""
    dropped, seed = diagnosis.dropped_duplicates, diagnosis.config["seed"]
    without = f" ({dropped:,} duplicates left out)" if dropped else ""
    return [
        f"{diagnosis.rows:,} rows, {diagnosis.n_labeled:,} labeled",
        f"neighbors: {diagnosis.sample:,} distinct rows, seed {seed}{without}",
    ]


def dimension_rows(teacher: dict[str, Any], student: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return every dimension of both spaces, as text."""
    flat = [{**space, **_energies(space)} for space in (teacher, student)]
    labels = {
        "columns": ("features", 0),
        "rank": ("rank, centered", 0),
        **{label: (label, 0) for label in _energies(teacher)},
        "participation_ratio": ("participation ratio", 1),
        "effective_rank": ("effective rank", 1),
        "ridge_df": ("ridge degrees of freedom", 1),
        "twonn": ("twonn, from neighbors", 1),
        "mle": ("mle, from neighbors", 1),
    }
    return [
        (label, _number(flat[0][key], digits), _number(flat[1][key], digits)) for key, (label, digits) in labels.items()
    ]


def _energies(space: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{percent} % of energy, {kind}": space[f"energy{percent}"][kind]
        for percent in (99, 95, 90)
        for kind in ("centered", "uncentered")
    }


def pair_rows(pair: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Return every measure of the pair with its chance level, as text."""
    shared, angles = pair["correlation_dimension"], pair["principal_angles"]
    near = sum(angle < pair["smallest_angle_chance"] for angle in angles) if angles else None
    kept = f"of {_number(shared['d_teacher'], 0)} and {_number(shared['d_student'], 0)} kept"
    density, error = pair["overlap_density"], pair["teacher_error_energy"]
    measured = [
        ("correlation dimension", shared["value"], shared["chance"], f"shared dimensions {kept}"),
        ("  corrected for chance", shared["corrected"], 0.0, "the number to use"),
        ("  cross-fitted", shared["cross_fitted"], 0.0, "a check; low if rows are few"),
        ("angles below chance", near, 0.0, "shared directions"),
        ("CKA, debiased", pair["cka"]["debiased"], 0.0, "1: same geometry"),
        ("CKA, biased", pair["cka"]["biased"], pair["cka"]["biased_chance"], "as published"),
        ("mutual neighbors", pair["mutual_knn"]["value"], pair["mutual_knn"]["chance"], "fraction shared"),
        ("Procrustes", pair["procrustes"], pair["procrustes_chance"], "0: a rotated copy"),
        (
            "representation gap",
            pair["representation_gap"],
            pair["representation_gap_orthogonal"],
            "0: teacher spans student",
        ),
        ("teacher-error energy", error["value"], error["chance"], "that student can imitate"),
        ("overlap density", density["value"], density["chance"], "rows with both patterns"),
        (
            "overlap, uncalibrated",
            pair["overlap_uncalibrated"],
            pair["overlap_uncalibrated_chance"],
            "published; ignores pairing",
        ),
    ]
    return [(label, _number(value, 3), _number(chance, 3), said) for label, value, chance, said in measured]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:,.{digits}f}"
