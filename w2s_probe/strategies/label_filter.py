"""Published filters of wrong pseudolabels: four rules, each with a quality by which rows are kept."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, get_args

import numpy as np

from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.core.folds import stratified_folds
from w2s_probe.core.install import install_line
from w2s_probe.core.types import Float, Rows
from w2s_probe.diagnostics.neighbors import nearest_neighbors
from w2s_probe.heads import fit_ridge
from w2s_probe.strategies.base import Student, W2SProblem, need_rows
from w2s_probe.strategies.selection import best_of_each_class, check_keep, hard_pseudolabels, refit_options, support

Rule = Literal["knn", "cleanlab", "probe", "representation"]
KEEP: dict[Rule, float] = {"probe": 0.9}  # of rules whose default is not HALF
HALF = 0.5
NEIGHBORS = 20  # as EleutherAI's
FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFilterConfig:
    """Which pseudolabels the strategy keeps.

    Parameters
    ----------
    rule : {"knn", "cleanlab", "probe", "representation"}
        The rule of the student itself; the other rules are variants.
    keep : float, optional
        Fraction of each pseudolabel class to keep, in (0, 1]. By default half, and 0.9 for ``probe``.
    """

    rule: Rule = "knn"
    keep: float | None = None

    def __post_init__(self) -> None:
        rules = get_args(Rule)
        if self.rule not in rules:
            msg = f"label_filter.rule must be one of {', '.join(rules)}: got {self.rule!r:.60}. Use {rules[0]}."
            raise ConfigError(msg)
        if self.keep is not None:
            check_keep("label_filter", self.keep)


def label_filter(problem: W2SProblem, config: LabelFilterConfig) -> Student:
    r"""Return the student refitted to the hard pseudolabels that a rule takes for right.

    Of each pseudolabel class, each rule keeps the rows with the largest quality:

    - ``knn``: the mean probability that the teacher gives this class among the 20 nearest rows in student space [1]_.
    - ``cleanlab``: the probability that the student gives this class, cross-fitted and less the mean probability of the
      class, as the package cleanlab computes it (confident learning [2]_).
    - ``probe``: the support for this class by a head fitted to all pseudolabels. EleutherAI drops 10 % [1]_.
    - ``representation``: :math:`\lVert[P_s(I - P_t)\hat y]_i\rVert`, how much of the labels is explained in student
      space and not in teacher space [3]_. :math:`P_t` is cross-fitted, :math:`P_s` a ridge head. It looks for labels
      that teach something, not for right ones.

    References
    ----------
    .. [1] EleutherAI, github.com/EleutherAI/w2s.
    .. [2] Northcutt, Jiang and Chuang (2021), Confident Learning, arXiv 1911.00068.
    .. [3] Xue, Li and Mirzasoleiman (2025), Representations Shape Weak-to-Strong Generalization, arXiv 2502.00620.
    """
    targets = hard_pseudolabels(problem, "label_filter")
    students = {rule: partial(_filtered, problem, targets, rule, config.keep) for rule in get_args(Rule)}
    variants = {f"rule={rule}": student for rule, student in students.items() if rule != config.rule}
    return replace(students[config.rule](), variants=variants)


def _filtered(problem: W2SProblem, targets: Float, rule: Rule, keep: float | None) -> Student:
    quality = {"knn": _knn, "cleanlab": _cleanlab, "probe": _probe, "representation": _representation}[rule]
    share = KEEP.get(rule, HALF) if keep is None else keep
    return best_of_each_class(problem, targets, quality(problem, targets), keep=share, rule=rule)


def _knn(problem: W2SProblem, targets: Float) -> Float:
    """Return the mean probability of each row's pseudolabel among the nearest other rows, shape (N,)."""
    teacher = problem.teachers[0]
    P = teacher.head.probabilities(teacher.scores)
    nearest = nearest_neighbors(problem.X_unlabeled, k=min(NEIGHBORS, len(P) - 1)).indices
    return (P[nearest].mean(axis=1) * targets).sum(axis=1)


def _probe(problem: W2SProblem, targets: Float) -> Float:
    """Return the support for each pseudolabel by the head fitted to all of them, shape (N,)."""
    probe = problem.fit(problem.X_unlabeled, targets, options=refit_options(problem))
    return support(probe.scores(problem.X_unlabeled), targets.argmax(axis=1))


def _cleanlab(problem: W2SProblem, targets: Float) -> Float:
    """Return cleanlab's quality of each pseudolabel from cross-fitted probabilities, shape (N,)."""
    if importlib.util.find_spec("cleanlab") is None:
        msg = (
            "label_filter.rule cleanlab needs the Python package cleanlab: it is not installed. "
            f"Use label_filter.rule knn, or run: {install_line('filters')}."
        )
        raise NotApplicableError(msg)
    from cleanlab.rank import get_label_quality_scores

    X, P, options = problem.X_unlabeled, np.empty_like(targets), refit_options(problem)
    for rows, rest in _folds(targets):
        head = problem.fit(X[rest], targets[rest], options=options)
        P[rows] = head.probabilities(head.scores(X[rows]))
    used = np.flatnonzero(targets.any(axis=0))  # cleanlab wants labels of each column
    P = P[:, used] / P[:, used].sum(axis=1, keepdims=True)
    codes = np.searchsorted(used, targets.argmax(axis=1))
    return np.asarray(get_label_quality_scores(codes, P, adjust_pred_probs=True), dtype=np.float64)


def _representation(problem: W2SProblem, targets: Float) -> Float:
    """Return the norm of each row of the labels' part that only student space explains, shape (N,)."""
    why = "its ridge heads have an intercept"
    need_rows(problem, "label_filter with rule representation", why, "label_filter.rule knn")
    residuals = np.empty_like(targets)
    for rows, rest in _folds(targets):
        head = problem.teachers[0].fit(targets=targets, rows=rest)
        residuals[rows] = (targets - problem.soft(head.scores))[rows]
    ridge = problem.options.kind == "ridge"
    smoother = fit_ridge(
        problem.X_unlabeled,
        residuals,
        rule="gcv",
        alpha=problem.options.alpha if ridge else None,
        scale=problem.options.scale,
    )
    return np.linalg.norm(smoother.scores(problem.X_unlabeled), axis=1)


def _folds(targets: Float) -> list[tuple[Rows, Rows]]:
    """Return disjoint sets of rows with similar shares of every class, and the other rows for each."""
    folds = stratified_folds(targets, min(FOLDS, len(targets)), np.random.default_rng(0))
    return [(rows, np.setdiff1d(np.arange(len(targets)), rows)) for rows in folds]
