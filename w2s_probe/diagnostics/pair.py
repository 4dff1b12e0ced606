"""Everything about a teacher-student pair: one pass for moments, one neighbor graph for each space."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.core.arrays import as_matrix, check_same_rows
from w2s_probe.core.config import DiagnoseConfig
from w2s_probe.core.errors import ShapeError
from w2s_probe.core.types import Features, Rows
from w2s_probe.diagnostics.diagnosis import Diagnosis, PairDiagnosis, SpaceDiagnosis
from w2s_probe.diagnostics.dimension import ridge_df, spectral_dimension
from w2s_probe.diagnostics.labeled import ChosenHead, LabeledRows, choose_head, labeled_rows
from w2s_probe.diagnostics.neighbor_dimension import mle_dimension, twonn_dimension
from w2s_probe.diagnostics.neighbors import Neighbors, distinct_rows, nearest_neighbors
from w2s_probe.diagnostics.overlap import (
    correlation_dimension,
    overlap_uncalibrated,
    principal_angles,
    smallest_angle_by_chance,
)
from w2s_probe.diagnostics.overlap_density import OverlapDensity, confidence_margins, overlap_density
from w2s_probe.diagnostics.paired import PairedMoments, paired_moments
from w2s_probe.diagnostics.representation_gap import representation_gap
from w2s_probe.diagnostics.similarity import linear_cka, mutual_knn, procrustes, procrustes_by_chance
from w2s_probe.diagnostics.teacher_error import TeacherErrorEnergy, teacher_error_energy

T = TypeVar("T")
UNDEFINED = (math.nan, math.nan)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Pair:
    """What all measures are computed from."""

    config: DiagnoseConfig
    features: dict[str, Features]
    moments: PairedMoments
    sample: Rows
    labels: LabeledRows | None
    notes: list[str] = field(default_factory=list)

    def attempt(self, what: str, measure: Callable[[], T], otherwise: T) -> T:
        """Return the measure; where these features leave it undefined, note why and return `otherwise`."""
        try:
            return measure()
        except ShapeError as error:
            self.notes.append(f"{what}: {error}")
            return otherwise

    def generator(self, purpose: int) -> np.random.Generator:
        """Return a generator of its own for each purpose, so that no measure disturbs another."""
        return np.random.default_rng([self.config.seed, purpose])


def diagnose(
    teacher_features: ArrayLike,
    student_features: ArrayLike,
    *,
    targets: ArrayLike | None = None,
    labeled: Rows | None = None,
    config: DiagnoseConfig | None = None,
) -> Diagnosis:
    """Return dimensions, overlap and similarity of two feature spaces.

    A measure that these features leave undefined is NaN or None, with a note that says why; the
    others are not touched.

    Parameters
    ----------
    teacher_features : array of shape (m, d_t)
        Teacher features, one row per example.
    student_features : array of shape (m, d_s)
        Student features of the same examples, in the same order.
    targets : array of shape (n, K), optional
        One-hot rows, or numbers (K = 1), of the labeled rows. They choose the strengths of ridge
        heads, and two measures need them.
    labeled : array of shape (n,), optional
        Positions of the labeled rows; by default all.
    config : DiagnoseConfig, optional
        Settings.

    Raises
    ------
    ShapeError
        If the arrays do not fit together or hold anything but finite numbers.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 5))
    >>> found = diagnose(X, X @ np.linalg.qr(rng.standard_normal((5, 5)))[0])
    >>> round(found.pair.correlation_dimension.corrected, 6), round(found.pair.mutual_knn, 6)
    (5.0, 1.0)
    """
    config = config or DiagnoseConfig()
    features = {
        "teacher": as_matrix(teacher_features, "teacher features"),
        "student": as_matrix(student_features, "student features"),
    }
    m = len(features["teacher"])
    check_same_rows("student features", len(features["student"]), "teacher features", m)
    drawn = _drawn(m, config)
    distinct = distinct_rows(*(X[drawn] for X in features.values()))
    pair = _Pair(
        config=config,
        features=features,
        moments=paired_moments(*features.values(), rng=np.random.default_rng([config.seed, 1])),
        sample=drawn[distinct],
        labels=None if targets is None else labeled_rows(targets, labeled, m),
    )
    graphs = {name: _graph(pair, name) for name in features}
    heads = {name: _head(pair, name) for name in features}
    spaces = {name: _space(pair, name, graphs[name], heads[name]) for name in features}
    return Diagnosis(
        config=config.to_dict(),
        teacher=spaces["teacher"],
        student=spaces["student"],
        pair=_pair(pair, graphs, heads["teacher"], {name: space.ridge_alpha for name, space in spaces.items()}),
        rows=m,
        sample=len(pair.sample),
        dropped_duplicates=len(drawn) - len(distinct),
        n_labeled=0 if pair.labels is None else len(pair.labels.rows),
        notes=tuple(pair.notes),
    )


def _drawn(m: int, config: DiagnoseConfig) -> Rows:
    """Return the rows for neighbors: all, or a sorted sample."""
    if m <= config.sample:
        return np.arange(m)
    return np.sort(np.random.default_rng([config.seed, 0]).choice(m, config.sample, replace=False))


def _graph(pair: _Pair, name: str) -> Neighbors | None:
    X, k = pair.features[name][pair.sample], pair.config.neighbors
    return pair.attempt(f"neighbors of the {name}", lambda: nearest_neighbors(X, k=k), None)


def _head(pair: _Pair, name: str) -> ChosenHead | None:
    labels = pair.labels
    if labels is None:
        return None
    return pair.attempt(f"ridge head of the {name}", lambda: choose_head(pair.features[name], labels), None)


def _space(pair: _Pair, name: str, graph: Neighbors | None, head: ChosenHead | None) -> SpaceDiagnosis:
    moments, columns = pair.moments.whole, pair.features[name].shape[1]

    def degrees() -> tuple[float, float]:
        s = pair.moments.axes(name).eigenvalues
        alpha = s.sum() / columns if head is None else head.alpha * moments.n / len(head.labels.rows)
        return ridge_df(s, alpha), float(alpha)

    df, alpha = pair.attempt(f"ridge_df of the {name}", degrees, UNDEFINED)
    return SpaceDiagnosis(
        columns=columns,
        spectral=pair.attempt(f"spectral dimensions of the {name}", lambda: spectral_dimension(moments, name), None),
        ridge_df=df,
        ridge_alpha=alpha,
        twonn=_of_graph(pair, f"twonn of the {name}", graph, twonn_dimension),
        mle=_of_graph(pair, f"mle of the {name}", graph, mle_dimension),
    )


def _of_graph(pair: _Pair, what: str, graph: Neighbors | None, measure: Callable[[Neighbors], float]) -> float:
    return math.nan if graph is None else pair.attempt(what, lambda: measure(graph), math.nan)


def _pair(
    pair: _Pair, graphs: dict[str, Neighbors | None], head: ChosenHead | None, alphas: dict[str, float]
) -> PairDiagnosis:
    moments, energy, attempt = pair.moments, pair.config.energy, pair.attempt
    shared = attempt("correlation_dimension", lambda: correlation_dimension(moments, energy=energy), None)
    angles = attempt("principal_angles", lambda: principal_angles(moments, energy=energy), np.empty(0))
    rotated = attempt(
        "procrustes", lambda: (procrustes(moments), procrustes_by_chance(moments, rng=pair.generator(2))), UNDEFINED
    )
    published = attempt(
        "overlap_uncalibrated",
        lambda: overlap_uncalibrated(moments, rng=pair.generator(3), energy=energy),
        UNDEFINED,
    )
    mutual = _mutual(pair, graphs["teacher"], graphs["student"])
    return PairDiagnosis(
        correlation_dimension=shared,
        principal_angles=tuple(angles.tolist()),
        smallest_angle_chance=math.nan
        if shared is None
        else smallest_angle_by_chance(moments.whole.n, shared.d_teacher, shared.d_student),
        cka=attempt("cka", lambda: linear_cka(moments), None),
        mutual_knn=mutual[0],
        mutual_knn_chance=mutual[1],
        procrustes=rotated[0],
        procrustes_chance=rotated[1],
        representation_gap=attempt(
            "representation_gap",
            lambda: representation_gap(moments.whole, teacher_alpha=alphas["teacher"], student_alpha=alphas["student"]),
            None,
        ),
        overlap_uncalibrated=published[0],
        overlap_uncalibrated_chance=published[1],
        teacher_error=_teacher_error(pair, head),
        overlap_density=_overlap_density(pair, head),
    )


def _mutual(pair: _Pair, teacher: Neighbors | None, student: Neighbors | None) -> tuple[float, float]:
    if teacher is None or student is None:
        return UNDEFINED
    k = pair.config.mutual_neighbors
    return mutual_knn(teacher, student, k=k), k / (len(pair.sample) - 1)


def _teacher_error(pair: _Pair, head: ChosenHead | None) -> TeacherErrorEnergy | None:
    if head is None:
        return None
    X, Y, rows = pair.features, head.labels.targets, head.labels.rows
    return pair.attempt(
        "teacher_error_energy",
        lambda: teacher_error_energy(
            X["teacher"][rows],
            X["student"][rows],
            Y,
            alpha=head.alpha,
            rng=pair.generator(4),
            energy=pair.config.energy,
        ),
        None,
    )


def _overlap_density(pair: _Pair, head: ChosenHead | None) -> OverlapDensity | None:
    if head is None or head.labels.targets.shape[1] < 2:
        return None
    confidence = confidence_margins(head.unseen_scores(pair.features["teacher"], pair.sample))
    student = pair.features["student"][pair.sample]
    return pair.attempt("overlap_density", lambda: overlap_density(confidence, student, rng=pair.generator(5)), None)
