"""Enhanced weak-to-strong: retrain the student on the pseudolabels it is surest of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from w2s_probe.core.errors import ConfigError, SplitError
from w2s_probe.core.types import Float, Rows
from w2s_probe.heads import fit_ridge, fit_softmax
from w2s_probe.strategies.base import Scorer, Student, W2SProblem
from w2s_probe.strategies.keep_rule import best_keep

CHOICES: dict[str, tuple[Any, ...]] = {
    "confidence": ("student", "teacher"),
    "labels": ("teacher", "student"),
    "loss": ("gce", "ce", "ridge"),
    "quota": (True, False),
}
TIE = 12  # decimals of entropy; what differs by less differs by rounding, and with it by the order of classes


@dataclass(frozen=True, slots=True, kw_only=True)
class HighConfidenceConfig:
    """Which pseudolabels are kept, and how the student is fitted to them.

    Parameters
    ----------
    keep : float or "auto"
        Fraction of the pool to keep, in (0, 1]. ``"auto"`` chooses it by the cross-fitted accuracy on the labeled
        rows, which cannot see a minority that is rare among them: look at the coverage curve too.
    confidence : {"student", "teacher"}
        Whose entropy ranks the rows.
    labels : {"teacher", "student"}
        Whose decisions the kept rows are labeled with.
    loss : {"gce", "ce", "ridge"}
        A softmax head under generalized cross-entropy or cross-entropy, or a ridge head on one-hot rows.
    exponent : float
        Of ``gce``, in (0, 1].
    quota : bool
        Whether the fraction is kept of each class that the ranking head decides on, which keeps the mix of classes.
    """

    keep: float | Literal["auto"] = 0.6
    confidence: Literal["student", "teacher"] = "student"
    labels: Literal["teacher", "student"] = "teacher"
    loss: Literal["gce", "ce", "ridge"] = "gce"
    exponent: float = 0.2
    quota: bool = True

    def __post_init__(self) -> None:
        given = asdict(self)
        keep = given["keep"]
        if keep != "auto" and (not isinstance(keep, int | float) or isinstance(keep, bool) or not 0 < keep <= 1):
            msg = f"high_confidence.keep must be a fraction above 0, at most 1, or auto: got {keep!r}. Try 0.6."
            raise ConfigError(msg)
        if not isinstance(given["exponent"], int | float) or not 0 < given["exponent"] <= 1:
            msg = f"high_confidence.exponent must lie above 0 and be at most 1: got {given['exponent']!r}. Try 0.2."
            raise ConfigError(msg)
        for name, known in CHOICES.items():
            if given[name] not in known:
                said = ", ".join(str(one).lower() for one in known)
                msg = f"high_confidence.{name} must be one of {said}: got {given[name]!r}. Choose one."
                raise ConfigError(msg)


def high_confidence(problem: W2SProblem, config: HighConfidenceConfig) -> Student:
    """Return the student refitted to hard pseudolabels of the rows whose predictive entropy is lowest.

    The refit has the strength of the plain softmax head; after a ridge student, that of a softmax head fitted to
    the hard pseudolabels of the whole pool.

    References
    ----------
    .. [1] Liu, Dong and Lei (2026), weak-to-strong generalization under spurious correlations, arXiv 2509.24005.
    """
    if problem.classes is None:
        msg = "strategy 'high_confidence' needs classes: got --task regression. Use vanilla."
        raise ConfigError(msg)
    student, taught = problem.vanilla(), problem.teacher_scores[0]
    labeled = _hard_labels(problem, student, taught, config)
    codes = labeled.argmax(axis=1)
    if len(np.unique(codes)) < 2:
        msg = f"the {config.labels} must name two classes in the pool to retrain on: it names one. Use vanilla."
        raise SplitError(msg)
    keep = best_keep(problem, partial(_trial, problem, config)) if config.keep == "auto" else config.keep
    enters = _enters(problem, student, taught, config)
    said = "" if config.quota else ", of the whole pool"
    if len(np.unique(codes[enters <= keep])) < 2:
        enters = _by_class(_order(problem, student, taught, config)[0], codes)
        said = ", class by class of the labels since one class alone would be left"
    kept = enters <= keep
    refit = partial(_refit, problem, config, labeled, _strength(problem, student, labeled, config))
    rule = f"the {keep:.0%} that the {config.confidence} is surest of{said}; {config.labels}'s labels, {config.loss}"
    return Student(head=refit(kept), kept=kept, rule=rule, refit=refit, enters=enters)


def surest_first(probabilities: Float, scores: Float) -> Rows:
    """Return rows by ascending entropy; equal ones by descending margin, then as they stand.

    Parameters
    ----------
    probabilities, scores : arrays of shape (N, K)
        What a head says. Ridge heads can be sure of many rows; their margins go on.

    Examples
    --------
    >>> import numpy as np
    >>> P = np.array([[0.5, 0.5], [1.0, 0.0], [0.1, 0.9], [0.0, 1.0]])
    >>> surest_first(P, np.array([[0.5, 0.5], [1.1, 0.0], [0.1, 0.9], [-0.2, 1.2]]))
    array([3, 1, 2, 0])
    """
    entropy = np.round(entr(np.sort(probabilities, axis=1)).sum(axis=1), TIE)
    top = np.sort(scores, axis=1)
    margin = np.round(top[:, -1] - top[:, -2], TIE)
    return np.lexsort((-margin, entropy))


def _hard_labels(problem: W2SProblem, student: Scorer, taught: Float, config: HighConfidenceConfig) -> Float:
    scores = taught if config.labels == "teacher" else student.scores(problem.X_unlabeled)
    return np.eye(scores.shape[1])[scores.argmax(axis=1)]


def _order(problem: W2SProblem, student: Scorer, taught: Float, config: HighConfidenceConfig) -> tuple[Rows, Rows]:
    """Return rows from the surest on, and what the head that is sure of them decides."""
    scores = taught if config.confidence == "teacher" else student.scores(problem.X_unlabeled)
    return surest_first(student.probabilities(scores), scores), scores.argmax(axis=1)  # heads are of one kind


def _enters(problem: W2SProblem, student: Scorer, taught: Float, config: HighConfidenceConfig) -> Float:
    """Return the fraction to keep at which each row comes in, of its decided class or of the whole pool."""
    order, decided = _order(problem, student, taught, config)
    return _by_class(order, decided if config.quota else np.zeros_like(decided))


def _by_class(order: Rows, codes: Rows) -> Float:
    """Return when rows come in if each class keeps the rounded fraction of its rows, and at least one."""
    enters = np.empty(len(order))
    for code in np.unique(codes).tolist():
        own = order[codes[order] == code]
        enters[own] = (np.arange(len(own)) + 0.5) / len(own)
        enters[own[0]] = 0.0
    return enters


def _strength(problem: W2SProblem, student: Scorer, labeled: Float, config: HighConfidenceConfig) -> float | None:
    """Return the strength of every refit: the plain softmax head's; None lets ridge heads choose by GCV.

    On the kept rows alone, which the student agrees on, cross-validation would hardly regularize.
    """
    if config.loss == "ridge":
        return None
    return student.alpha if problem.options.kind == "softmax" else fit_softmax(problem.X_unlabeled, labeled).alpha


def _refit(
    problem: W2SProblem,
    config: HighConfidenceConfig,
    labeled: Float,
    alpha: float | None,
    kept: NDArray[np.bool_],
) -> Scorer:
    X, targets = problem.X_unlabeled[kept], labeled[kept]
    if config.loss == "ridge":
        return problem.fit(X, targets) if problem.options.kind == "ridge" else fit_ridge(X, targets, rule="gcv")
    if problem.options.kind == "ridge":
        return fit_softmax(X, targets, loss=config.loss, exponent=config.exponent, alpha=alpha)
    options = replace(problem.options, loss=config.loss, exponent=config.exponent, alpha=alpha)
    return problem.fit(X, targets, options=options)


def _trial(
    problem: W2SProblem, config: HighConfidenceConfig, taught: list[Float], student: Scorer
) -> Callable[[float], Scorer]:
    """Return how the student at a fraction is fitted if the teachers had said this of the pool."""
    labeled = _hard_labels(problem, student, taught[0], config)
    enters = _enters(problem, student, taught[0], config)
    alpha = _strength(problem, student, labeled, config)
    return lambda keep: _refit(problem, config, labeled, alpha, enters <= keep)
