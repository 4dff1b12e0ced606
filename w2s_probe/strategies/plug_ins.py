"""Strategies of other packages: what they return is checked before it is used, and what they raise names them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import read_only
from w2s_probe.core.plug_ins import calls_to, refuse
from w2s_probe.core.types import Features, Float
from w2s_probe.heads import LinearHead
from w2s_probe.strategies.base import Scorer, Strategy, Student, W2SProblem

LONGEST_RULE = 200  # characters
RETURN = "Return a Student with the fields that docs/extending.md describes."


@dataclass(frozen=True, eq=False, kw_only=True)
class PlugInHead:
    """A head of a plug-in; its scores and probabilities are checked each time.

    Parameters
    ----------
    title : str
        How messages call the plug-in.
    head : Scorer
        Its head.
    columns : int
        K, the number of columns that scores have.
    alpha : float
        Strength of the fit.
    rule : str
        How the strength was chosen.
    at_edge, converged : bool
        Whether the strength is an end of the grid, and whether the fit reached its minimum.
    """

    title: str
    head: Scorer
    columns: int
    alpha: float
    rule: str
    at_edge: bool
    converged: bool

    def scores(self, X: Features) -> Float:
        """Return raw scores of shape (m, K).

        Parameters
        ----------
        X : array of shape (m, d)
            Features.
        """
        with calls_to(self.title):
            returned = self.head.scores(read_only(X))
        return self._numbers("scores", returned, rows=len(X))

    def probabilities(self, scores: Float) -> Float:
        """Return class probabilities of shape (m, K) for raw scores.

        Parameters
        ----------
        scores : array of shape (m, K)
            Return value of `scores`.
        """
        with calls_to(self.title):
            returned = self.head.probabilities(read_only(scores))
        P = self._numbers("probabilities", returned, rows=len(scores))
        if P.min() < 0 or P.max() > 1 + 1e-6:
            got = f"values from {P.min():.3g} to {P.max():.3g}"
            refuse(self.title, "return probabilities between 0 and 1", got, "Normalize them.")
        return P

    def _numbers(self, name: str, returned: object, *, rows: int) -> Float:
        shape, advice = (rows, self.columns), "Return one row for each row of features, one column for each class."
        return _array(self.title, f"{name} of its head", returned, shape=shape, advice=advice)


def plug_in_strategy(title: str, strategy: Strategy) -> Strategy:
    """Return a strategy of a plug-in whose student is checked; `title` names the plug-in in errors."""

    def checked(problem: W2SProblem, config: Any) -> Student:
        with calls_to(title):
            student = strategy(problem, config)
        return _student(title, student, problem)

    return checked


def _student(title: str, student: object, problem: W2SProblem) -> Student:
    """Return a copy of a student with its own arrays and a checked head."""
    if not isinstance(student, Student):
        refuse(title, "return a Student", f"{type(student).__name__}", RETURN)
    rows = len(problem.X_unlabeled)
    with calls_to(title):  # fields may be properties
        kept, enters, rule, refit, head = student.kept, student.enters, student.rule, student.refit, student.head
    if not isinstance(kept, np.ndarray) or kept.dtype != np.bool_ or kept.shape != (rows,) or not kept.any():
        duty = f"return kept, an array of bool of shape ({rows},) with at least one True"
        refuse(title, duty, _shown(kept), "Set True for each row of the pool that it trained on.")
    if enters is not None:
        advice = "Give each row the share of the pool at which it is added."
        enters = _array(title, "enters", enters, shape=(rows,), advice=advice)
    if not isinstance(rule, str) or len(rule) > LONGEST_RULE:
        got = f"{len(rule):,} characters" if isinstance(rule, str) else type(rule).__name__
        refuse(title, f"return rule as a text of at most {LONGEST_RULE} characters", got, "Use a few words.")
    if refit is not None and not callable(refit):
        refuse(title, "return refit as a function or None", type(refit).__name__, "Leave it out.")
    shape = (problem.X_labeled.shape[1], problem.Y_labeled.shape[1])

    def checked_refit(mask: NDArray[np.bool_]) -> Scorer:
        with calls_to(title):
            again = refit(read_only(mask.copy()))  # type: ignore[misc]  # only used if there is one
        return _head(title, again, shape)

    return Student(
        head=_head(title, head, shape),
        kept=kept.copy(),
        rule=rule,
        refit=None if refit is None else checked_refit,
        enters=enters,
    )


def _head(title: str, head: Any, shape: tuple[int, int]) -> Scorer:
    """Return a head whose scores are checked, after a check of its other attributes; `shape` is (d, K)."""
    with calls_to(title):
        alpha, rule, at_edge, converged = (
            getattr(head, name, None) for name in ("alpha", "rule", "at_edge", "converged")
        )
        methods = [callable(getattr(head, name, None)) for name in ("scores", "probabilities")]
    advice = "Return the head that problem.fit returns, or one with the same attributes."
    if not all(methods):
        refuse(title, "return a head with methods scores and probabilities", type(head).__name__, advice)
    strength = float(alpha) if isinstance(alpha, int | float | np.integer | np.floating) else math.nan
    if isinstance(alpha, bool) or not 0 <= strength < math.inf:
        refuse(title, "return a head whose alpha is a finite number of at least 0", _shown(alpha), advice)
    if not isinstance(rule, str) or len(rule) > LONGEST_RULE:
        refuse(title, "return a head whose rule is a short text", _shown(rule), advice)
    for name, value in (("at_edge", at_edge), ("converged", converged)):
        if not isinstance(value, bool | np.bool_):
            refuse(title, f"return a head whose {name} is True or False", _shown(value), advice)
    if type(head) is LinearHead:  # its scores are finite if its weights are
        advice = "Fit it with problem.fit to features of the problem."
        _array(title, "a head with coef", head.coef, shape=shape, advice=advice)
        _array(title, "a head with intercept", head.intercept, shape=shape[1:], advice=advice)
        return head
    return PlugInHead(
        title=title,
        head=head,
        columns=shape[1],
        alpha=strength,
        rule=rule,
        at_edge=bool(at_edge),
        converged=bool(converged),
    )


def _array(title: str, name: str, returned: object, *, shape: tuple[int, ...], advice: str) -> Float:
    """Return a copy of an array of finite numbers, which has this shape."""
    right = isinstance(returned, np.ndarray) and returned.dtype.kind in "fiu" and returned.shape == shape
    if not right or not np.isfinite(returned).all():  # type: ignore[call-overload]
        got = f"{_shown(returned)}{' with NaN or infinity' if right else ''}"
        refuse(title, f"return {name}, finite numbers of shape {shape}", got, advice)
    return np.array(returned, dtype=np.float64)


def _shown(value: object) -> str:
    """Return a plain value, the type and shape of an array, or the type of another object."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype!s:.40} of shape {value.shape}"
    return f"{value!r:.60}" if type(value) in (int, float, bool, str) or value is None else type(value).__name__
