"""Enhanced weak-to-strong: retrain the student on its most confident pseudolabels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.core.types import Float, Rows
from w2s_probe.heads import fit_ridge, fit_softmax
from w2s_probe.strategies.base import Scorer, Student, W2SProblem, need_classes, need_rows
from w2s_probe.strategies.keep_rule import best_keep
from w2s_probe.strategies.selection import TIE, by_class

CHOICES: dict[str, tuple[Any, ...]] = {
    "confidence": ("student", "teacher"),
    "labels": ("teacher", "student"),
    "loss": ("gce", "ce", "ridge"),
    "quota": (True, False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HighConfidenceConfig:
    """Which pseudolabels the strategy keeps, and how it fits the student to them.

    Parameters
    ----------
    keep : float or "auto"
        Fraction of the pool to keep, in (0, 1]. ``"auto"`` chooses it by cross-fitted accuracy on the labeled
        rows. That accuracy hardly depends on a minority that is rare among them: see the coverage curve too.
    confidence : {"student", "teacher"}
        Whose entropy ranks the rows.
    labels : {"teacher", "student"}
        Whose decisions label the kept rows.
    loss : {"gce", "ce", "ridge"}
        A softmax head with generalized cross-entropy or cross-entropy, or a ridge head on one-hot rows.
    exponent : float
        Exponent of ``gce``, in (0, 1].
    quota : bool
        Whether the fraction applies to each class of the ranking head's decisions, so that the mix of classes stays.
    """

    keep: float | Literal["auto"] = 0.6
    confidence: Literal["student", "teacher"] = "student"
    labels: Literal["teacher", "student"] = "teacher"
    loss: Literal["gce", "ce", "ridge"] = "gce"
    exponent: float = 0.2
    quota: bool = True

    def __post_init__(self) -> None:
        values = asdict(self)
        keep, exponent = values["keep"], values["exponent"]
        if keep != "auto" and (not isinstance(keep, int | float) or isinstance(keep, bool) or not 0 < keep <= 1):
            msg = f"high_confidence.keep must be auto, or a number above 0 and at most 1: got {keep!r}. Use 0.6."
            raise ConfigError(msg)
        if not isinstance(exponent, int | float) or not 0 < exponent <= 1:
            msg = f"high_confidence.exponent must be a number above 0 and at most 1: got {exponent!r}. Use 0.2."
            raise ConfigError(msg)
        for name, choices in CHOICES.items():
            if values[name] not in choices:
                words = [str(choice).lower() for choice in choices]
                msg = f"high_confidence.{name} must be one of {', '.join(words)}: got {values[name]!r}. Use {words[0]}."
                raise ConfigError(msg)


def high_confidence(problem: W2SProblem, config: HighConfidenceConfig) -> Student:
    """Return the student refitted to hard pseudolabels of the rows with the lowest predictive entropy.

    The refit has the strength of the vanilla softmax student. If that student is a ridge head, the refit has the
    strength of a softmax head on the hard pseudolabels of the whole pool.

    References
    ----------
    .. [1] Liu, Dong and Lei (2026), weak-to-strong generalization under spurious correlations, arXiv 2509.24005.
    """
    need_classes(problem, "high_confidence")
    if config.loss == "ridge":
        need_rows(
            problem, "high_confidence with loss ridge", "ridge heads have an intercept", "high_confidence.loss gce"
        )
    student, teacher = problem.vanilla(), problem.teacher_scores[0]
    targets = _hard_labels(problem, student, teacher, config)
    codes = targets.argmax(axis=1)
    if len(np.unique(codes)) < 2:
        msg = (
            f"the {config.labels}'s decisions on the pool must have at least two classes: got one. "
            "Use the strategy vanilla."
        )
        raise NotApplicableError(msg)
    keep = best_keep(problem, partial(_trial, problem, config)) if config.keep == "auto" else config.keep
    enters = _enters(problem, student, teacher, config)
    scope = "each decided class" if config.quota else "the pool"
    if len(np.unique(codes[enters <= keep])) < 2:
        enters = by_class(_order(problem, student, teacher, config)[0], codes)
        scope = "each label class, since one class alone would be left,"
    kept = enters <= keep
    refit = partial(_refit, problem, config, targets, _strength(problem, student, targets, config))
    rule = f"top {keep:.0%} of {scope} by the {config.confidence}'s confidence; {config.labels}'s labels, {config.loss}"
    return Student(head=refit(kept), kept=kept, rule=rule, refit=refit, enters=enters)


def surest_first(probabilities: Float, scores: Float) -> Rows:
    """Return the positions of the rows by ascending entropy; equal rows by descending margin, then in their order.

    `probabilities` and `scores` of a head have shape (N, K). A ridge head can give many rows the entropy 0; their
    margins still differ.

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


def _hard_labels(problem: W2SProblem, student: Scorer, teacher: Float, config: HighConfidenceConfig) -> Float:
    """Return one-hot rows, shape (N, K), of the decisions that label the pool; `teacher` holds its scores."""
    scores = teacher if config.labels == "teacher" else student.scores(problem.X_unlabeled)
    return np.eye(scores.shape[1])[scores.argmax(axis=1)]


def _order(problem: W2SProblem, student: Scorer, teacher: Float, config: HighConfidenceConfig) -> tuple[Rows, Rows]:
    """Return the rows by descending confidence of the ranking head, and its decision on each row of the pool."""
    scores = teacher if config.confidence == "teacher" else student.scores(problem.X_unlabeled)
    return surest_first(student.probabilities(scores), scores), scores.argmax(axis=1)  # both heads are of one kind


def _enters(problem: W2SProblem, student: Scorer, teacher: Float, config: HighConfidenceConfig) -> Float:
    """Return the smallest fraction to keep that includes each row: of its decided class, or of the whole pool."""
    order, decisions = _order(problem, student, teacher, config)
    return by_class(order, decisions if config.quota else np.zeros_like(decisions))


def _strength(problem: W2SProblem, student: Scorer, targets: Float, config: HighConfidenceConfig) -> float | None:
    """Return the strength of every refit: the vanilla softmax student's; None lets ridge heads choose it by GCV.

    Cross-validation on the kept rows alone, on which the student agrees, would hardly regularize.
    """
    if config.loss == "ridge":
        return None
    return student.alpha if problem.options.kind == "softmax" else fit_softmax(problem.X_unlabeled, targets).alpha


def _refit(
    problem: W2SProblem,
    config: HighConfidenceConfig,
    targets: Float,
    alpha: float | None,
    kept: NDArray[np.bool_],
) -> Scorer:
    X, Y = problem.X_unlabeled[kept], targets[kept]
    if config.loss == "ridge":
        return problem.fit(X, Y) if problem.options.kind == "ridge" else fit_ridge(X, Y, rule="gcv")
    if problem.options.kind == "ridge":
        return fit_softmax(X, Y, loss=config.loss, exponent=config.exponent, alpha=alpha)
    options = replace(problem.options, loss=config.loss, exponent=config.exponent, alpha=alpha)
    return problem.fit(X, Y, options=options)


def _trial(
    problem: W2SProblem, config: HighConfidenceConfig, teachers: list[Float], student: Scorer
) -> Callable[[float], Scorer]:
    """Return a function from a fraction to the head fitted to it, for these teacher scores and vanilla student."""
    targets = _hard_labels(problem, student, teachers[0], config)
    enters = _enters(problem, student, teachers[0], config)
    alpha = _strength(problem, student, targets, config)
    return lambda keep: _refit(problem, config, targets, alpha, enters <= keep)
