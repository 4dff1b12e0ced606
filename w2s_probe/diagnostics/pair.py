"""All measures of a teacher-student pair: one pass for moments, one neighbor graph for each space."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from functools import partial
from typing import TypeVar, get_type_hints

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.core.arrays import as_matrix, check_same_rows
from w2s_probe.core.config import DiagnoseConfig
from w2s_probe.core.errors import ShapeError
from w2s_probe.core.foreign_arrays import check_one_order
from w2s_probe.core.near_copies import TOLERANCE, near_copies
from w2s_probe.core.types import Features, Progress, Rows
from w2s_probe.diagnostics.dimension import SpectralDimension, ridge_df, spectral_dimension
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
from w2s_probe.linalg.threads import shared_threads
from w2s_probe.results.diagnosis import (
    AgainstChance,
    Alignment,
    CumulativeEnergy,
    Diagnosis,
    EnergyRank,
    PairDiagnosis,
    PatternShares,
    SharedDimensions,
    SpaceDiagnosis,
    SpaceDimensions,
    TeacherError,
)

T = TypeVar("T")
UNDEFINED = (math.nan, math.nan)
STEPS = ("moments", "neighbors", "ridge heads", "dimensions", "overlap and similarity")  # as progress shows them


@dataclass(frozen=True, eq=False, kw_only=True)
class _Pair:
    """Inputs of all measures, and the notes on undefined ones."""

    config: DiagnoseConfig
    features: dict[str, Features]
    moments: PairedMoments
    sample: Rows
    labels: LabeledRows | None
    notes: list[str] = field(default_factory=list)

    def attempt(self, what: str, measure: Callable[[], T], otherwise: T) -> T:
        """Return the measure; where it is undefined for these features, note the reason and return `otherwise`."""
        try:
            return measure()
        except ShapeError as error:
            self.notes.append(f"{what}: {error}")
            return otherwise

    def generator(self, purpose: int) -> np.random.Generator:
        """Return the random generator of one purpose, so that no measure changes the draws of another."""
        return np.random.default_rng([self.config.seed, purpose])


@shared_threads()
def diagnose(
    teacher_features: ArrayLike,
    student_features: ArrayLike,
    *,
    targets: ArrayLike | None = None,
    labeled: Rows | None = None,
    config: DiagnoseConfig | None = None,
    on_progress: Progress | None = None,
) -> Diagnosis:
    """Return dimensions, overlap and similarity of two feature spaces.

    A measure that these features leave undefined is NaN or None, with a note that gives the reason; the
    other measures do not change.

    Parameters
    ----------
    teacher_features : array of shape (m, d_t)
        Teacher features, one row per example.
    student_features : array of shape (m, d_s)
        Student features of the same examples, in the same order.
    targets : array of shape (n, K), optional
        One-hot rows, or numbers (K = 1), of the labeled rows. They choose the strengths of the ridge
        heads; teacher-error energy and overlap density need them.
    labeled : array of shape (n,), optional
        Positions of the labeled rows; by default all.
    config : DiagnoseConfig, optional
        Settings.
    on_progress : callable, optional
        Called with the number of finished steps and of all steps, and the step in work.

    Raises
    ------
    ShapeError
        If the numbers of rows differ or a number is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 5))
    >>> pair = diagnose(X, X @ np.linalg.qr(rng.standard_normal((5, 5)))[0]).pair
    >>> round(pair.correlation_dimension.corrected, 6), round(pair.mutual_knn.value, 6)
    (5.0, 1.0)
    """
    config = config or DiagnoseConfig()
    show = partial(_show, on_progress)
    given = {"teacher features": teacher_features, "student features": student_features}
    check_one_order({**given, **({"targets": targets} if labeled is None else {})})
    features = {name.split()[0]: as_matrix(X, name) for name, X in given.items()}
    m = len(features["teacher"])
    check_same_rows("student features", len(features["student"]), "teacher features", m)
    show("moments")
    rows = _neighbor_rows(m, config)
    distinct, notes = _distinct(features, rows)
    pair = _Pair(
        config=config,
        features=features,
        moments=paired_moments(*features.values(), rng=np.random.default_rng([config.seed, 1])),
        sample=distinct,
        labels=None if targets is None else labeled_rows(targets, labeled, m),
        notes=notes,
    )
    show("neighbors")
    graphs = {name: _graph(pair, name) for name in features}
    show("ridge heads")
    heads = {name: _head(pair, name) for name in features}
    show("dimensions")
    spaces = {name: _space(pair, name, graphs[name], heads[name]) for name in features}
    show("overlap and similarity")
    return Diagnosis(
        config=config.to_dict(),
        teacher=SpaceDiagnosis(intrinsic_dimension=spaces["teacher"]),
        student=SpaceDiagnosis(intrinsic_dimension=spaces["student"]),
        pair=_pair(pair, graphs, heads["teacher"], {name: space.ridge_alpha for name, space in spaces.items()}),
        rows=m,
        sample=len(pair.sample),
        dropped_duplicates=len(rows) - len(distinct),
        n_labeled=0 if pair.labels is None else len(pair.labels.rows),
        notes=tuple(pair.notes),
    )


def _show(on_progress: Progress | None, step: str) -> None:
    if on_progress:
        on_progress("diagnosis", STEPS.index(step), len(STEPS), step)


def _neighbor_rows(m: int, config: DiagnoseConfig) -> Rows:
    """Return the rows for neighbors: all, or a sorted sample."""
    if m <= config.sample:
        return np.arange(m)
    return np.sort(np.random.default_rng([config.seed, 0]).choice(m, config.sample, replace=False))


def _distinct(features: dict[str, Features], rows: Rows) -> tuple[Rows, list[str]]:
    """Return the rows that no earlier one equals in either space, also up to rounding, and a note on near-copies."""
    exact = rows[distinct_rows(*(X[rows] for X in features.values()))]
    first = near_copies(*(X[exact] for X in features.values()), everywhere=False)
    distinct = exact[first == np.arange(len(exact))]
    copies = len(exact) - len(distinct)
    if not copies:
        return distinct, []
    note = (
        f"{copies:,} of {len(rows):,} rows repeat an earlier row in one of the spaces to within {TOLERANCE:g} of its "
        "distance from the mean row: measures from neighbors leave them out."
    )
    return distinct, [note]


def _graph(pair: _Pair, name: str) -> Neighbors | None:
    X, k = pair.features[name][pair.sample], pair.config.neighbors
    return pair.attempt(f"neighbors of the {name}", lambda: nearest_neighbors(X, k=k), None)


def _head(pair: _Pair, name: str) -> ChosenHead | None:
    labels = pair.labels
    if labels is None:
        return None
    return pair.attempt(f"ridge head of the {name}", lambda: choose_head(pair.features[name], labels), None)


def _space(pair: _Pair, name: str, graph: Neighbors | None, head: ChosenHead | None) -> SpaceDimensions:
    moments, columns = pair.moments.whole, pair.features[name].shape[1]

    def degrees() -> tuple[float, float]:
        s = pair.moments.axes(name).eigenvalues
        alpha = s.sum() / columns if head is None else head.alpha * moments.n / len(head.labels.rows)
        return ridge_df(s, alpha), float(alpha)

    df, alpha = pair.attempt(f"ridge_df of the {name}", degrees, UNDEFINED)
    spectrum = pair.attempt(f"spectral dimensions of the {name}", lambda: spectral_dimension(moments, name), None)
    return SpaceDimensions(
        energy99=_energy_rank(spectrum, 99),
        energy95=_energy_rank(spectrum, 95),
        energy90=_energy_rank(spectrum, 90),
        cumulative_energy=_cumulative_energy(spectrum),
        participation_ratio=math.nan if spectrum is None else spectrum.participation_ratio,
        effective_rank=math.nan if spectrum is None else spectrum.effective_rank,
        rank=None if spectrum is None else spectrum.rank,
        ridge_df=df,
        ridge_alpha=alpha,
        twonn=_from_graph(pair, f"twonn of the {name}", graph, twonn_dimension),
        mle=_from_graph(pair, f"mle of the {name}", graph, mle_dimension),
        columns=columns,
    )


def _energy_rank(spectrum: SpectralDimension | None, percent: int) -> EnergyRank:
    if spectrum is None:
        return EnergyRank(centered=None, uncentered=None)
    return EnergyRank(centered=spectrum.centered[percent], uncentered=spectrum.uncentered[percent])


def _cumulative_energy(spectrum: SpectralDimension | None) -> CumulativeEnergy | None:
    if spectrum is None:
        return None
    shares = spectrum.cumulative_energy
    return CumulativeEnergy(ranks=tuple(shares), centered=tuple(shares.values()))


def _from_graph(pair: _Pair, what: str, graph: Neighbors | None, measure: Callable[[Neighbors], float]) -> float:
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
    cka = attempt("cka", lambda: linear_cka(moments), None)
    gap = attempt(
        "representation_gap",
        lambda: representation_gap(moments.whole, teacher_alpha=alphas["teacher"], student_alpha=alphas["student"]),
        None,
    )
    return PairDiagnosis(
        correlation_dimension=_printed(SharedDimensions, shared),
        principal_angles=tuple(angles.tolist()),
        smallest_angle_chance=math.nan
        if shared is None
        else smallest_angle_by_chance(moments.whole.n, shared.d_teacher, shared.d_student),
        cka=_printed(Alignment, cka),
        mutual_knn=_mutual(pair, graphs["teacher"], graphs["student"]),
        procrustes=rotated[0],
        procrustes_chance=rotated[1],
        representation_gap=math.nan if gap is None else gap.value,
        representation_gap_orthogonal=math.nan if gap is None else gap.orthogonal,
        overlap_uncalibrated=published[0],
        overlap_uncalibrated_chance=published[1],
        teacher_error_energy=_printed(TeacherError, _teacher_error(pair, head)),
        overlap_density=_printed(PatternShares, _overlap_density(pair, head)),
    )


def _printed(kind: type[T], measure: object | None) -> T:
    """Return a measure in its printed form; where it is undefined, numbers are NaN and counts None."""
    types = get_type_hints(kind)
    names = [field.name for field in fields(kind) if field.default is MISSING]  # type: ignore[arg-type]
    if measure is None:
        return kind(**{name: math.nan if types[name] is float else None for name in names})
    return kind(**{name: getattr(measure, name) for name in names})


def _mutual(pair: _Pair, teacher: Neighbors | None, student: Neighbors | None) -> AgainstChance:
    if teacher is None or student is None:
        return AgainstChance(value=math.nan, chance=math.nan)
    k = pair.config.mutual_neighbors
    return AgainstChance(value=mutual_knn(teacher, student, k=k), chance=k / (len(pair.sample) - 1))


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
