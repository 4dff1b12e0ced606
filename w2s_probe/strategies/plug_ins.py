"""Strategies of other packages: what they return is checked before it is used, and what they raise names them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.arrays import read_only
from w2s_probe.core.fit_options import FitOptions
from w2s_probe.core.plug_ins import calls_to, refuse
from w2s_probe.core.types import Features, Float
from w2s_probe.heads import LinearHead
from w2s_probe.strategies.base import Scorer, Stage, Strategy, Student, W2SProblem

LONGEST_RULE = 200  # characters
LONGEST_KEY = 60
MOST_KEYS = 200
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


def _student(title: str, student: object, problem: W2SProblem, *, variant: bool = False) -> Student:
    """Return a copy of a student with its own arrays and a checked head."""
    if not isinstance(student, Student):
        refuse(title, "return a Student", f"{type(student).__name__}", RETURN)
    rows, classes = len(problem.X_unlabeled), problem.Y_labeled.shape[1]
    with calls_to(title):  # fields may be properties
        own = {field.name: getattr(student, field.name) for field in fields(Student)}
    kept = _mask(title, "kept", own["kept"], rows, least=1)
    refit = own["refit"]
    if refit is not None and not callable(refit):
        refuse(title, "return refit as a function or None", type(refit).__name__, "Leave it out.")
    shape = (problem.X_labeled.shape[1], classes)

    def checked_refit(mask: NDArray[np.bool_]) -> Scorer:
        with calls_to(title):
            again = refit(read_only(mask.copy()))
        return _head(title, again, shape)

    parts = _mapping(title, "parts", own["parts"], "Give each part of the pool a short name.")
    fitted = _mapping(title, "fitted", own["fitted"], "Give each number a short name.")
    variants = _mapping(title, "variants", own["variants"], "Give each variant a key such as keep=0.5.")
    stages = _mapping(title, "stages", own["stages"], "Give each stage a key such as round1.student.")
    if variant and variants:
        refuse(title, "return variants without variants of their own", f"{len(variants)}", "Leave them out.")
    checked_variants: dict[str, Student | Callable[[], Student]] = {
        key: partial(_variant, title, value, problem) for key, value in variants.items()
    }
    return Student(
        head=_head(title, own["head"], shape),
        kept=kept,
        rule=_text(title, "rule", own["rule"]),
        refit=None if refit is None else checked_refit,
        enters=_optional(title, "enters", own["enters"], (rows,), "Give each row the share at which it is added."),
        targets=_optional(title, "targets", own["targets"], (rows, classes), "Give each row of the pool its target."),
        weights=_weights(title, own["weights"], rows),
        refit_targets=_optional(
            title, "refit_targets", own["refit_targets"], (rows, classes), "Give each row of the pool its target."
        ),
        parts={key: _mask(title, f"the part {key:.40}", value, rows) for key, value in parts.items()},
        fitted={key: _number(title, key, value) for key, value in fitted.items()},
        uses_labels=_flag(title, own["uses_labels"]),
        variants=checked_variants,
        rivals=_rivals(title, own["rivals"]),
        caution=_text(title, "caution", own["caution"]),
        stages={key: _stage(title, key, stage, problem) for key, stage in stages.items()},
        options=_options(title, own["options"]),
    )


def _options(title: str, options: object) -> FitOptions | None:
    if options is not None and not isinstance(options, FitOptions):
        refuse(title, "return options as FitOptions or None", type(options).__name__, "Leave them out.")
    return options


def _variant(title: str, variant: object, problem: W2SProblem) -> Student:
    """Return a checked variant: a student, or the return value of a function without arguments."""
    if callable(variant):
        with calls_to(title):
            variant = variant()
    return _student(title, variant, problem, variant=True)


def _stage(title: str, key: str, stage: object, problem: W2SProblem) -> Stage:
    """Return a copy of a stage with a checked head, on the features that it names."""
    if not isinstance(stage, Stage):
        refuse(title, f"return stages as Stage, {key:.40} too", type(stage).__name__, RETURN)
    with calls_to(title):
        head, teacher = stage.head, stage.teacher
    columns, classes = problem.X_labeled.shape[1], problem.Y_labeled.shape[1]
    if teacher is not None:
        if type(teacher) is not int or not 0 <= teacher < len(problem.teachers):
            duty = (
                f"return the stage {key:.40} with a teacher's position, from 0 to {len(problem.teachers) - 1}, or None"
            )
            refuse(title, duty, _shown(teacher), "Leave it out for a head on the student's features.")
        columns = len(cast("LinearHead", problem.teachers[teacher].head).coef)
    return Stage(head=_head(title, head, (columns, classes)), teacher=teacher)


def _mask(title: str, name: str, returned: object, rows: int, *, least: int = 0) -> NDArray[np.bool_]:
    """Return a copy of a mask of the pool, which has at least this many True."""
    right = isinstance(returned, np.ndarray) and returned.dtype == np.bool_ and returned.shape == (rows,)
    if not right or np.count_nonzero(returned) < least:  # type: ignore[call-overload]  # an array
        more = " with at least one True" if least else ""
        duty = f"return {name}, an array of bool of shape ({rows},){more}"
        refuse(title, duty, _shown(returned), "Set True for each row of the pool that it trained on.")
    return np.array(returned, dtype=np.bool_)


def _optional(title: str, name: str, returned: object, shape: tuple[int, ...], advice: str) -> Float | None:
    return None if returned is None else _array(title, name, returned, shape=shape, advice=advice)


def _weights(title: str, returned: object, rows: int) -> Float | None:
    advice = "Give each row of the pool its weight."
    weights = _optional(title, "weights", returned, (rows,), advice)
    if weights is not None and (weights.min() < 0 or not weights.sum() > 0):
        got = f"values from {weights.min():.3g} to {weights.max():.3g}"
        refuse(title, "return weights of at least 0 with a positive sum", got, advice)
    return weights


def _mapping(title: str, name: str, returned: object, advice: str) -> dict[str, Any]:
    """Return a copy of a mapping with short texts as keys."""
    if not isinstance(returned, Mapping):
        refuse(title, f"return {name} as a mapping", type(returned).__name__, advice)
    with calls_to(title):
        copy = dict(returned)
    if len(copy) > MOST_KEYS:
        refuse(title, f"return {name} with at most {MOST_KEYS} keys", f"{len(copy):,}", "Return fewer.")
    for key in copy:
        if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY:
            duty = f"return {name} with texts of 1 to {LONGEST_KEY} characters as keys"
            refuse(title, duty, _shown(key), advice)
    return copy


def _text(title: str, name: str, returned: object) -> str:
    if not isinstance(returned, str) or len(returned) > LONGEST_RULE:
        got = f"{len(returned):,} characters" if isinstance(returned, str) else type(returned).__name__
        refuse(title, f"return {name} as a text of at most {LONGEST_RULE} characters", got, "Use a few words.")
    return str(returned)


def _number(title: str, key: str, returned: object) -> float:
    right = isinstance(returned, int | float | np.integer | np.floating) and math.isfinite(returned)
    if not right or isinstance(returned, bool):
        refuse(title, f"return fitted with finite numbers, {key:.40} too", _shown(returned), "Leave it out.")
    return float(returned)  # type: ignore[arg-type]  # checked above


def _flag(title: str, returned: object) -> bool:
    if not isinstance(returned, bool | np.bool_):
        refuse(title, "return uses_labels as True or False", _shown(returned), RETURN)
    return bool(returned)


def _rivals(title: str, returned: object) -> tuple[str, ...]:
    if not isinstance(returned, tuple) or not all(isinstance(rival, str) for rival in returned):
        refuse(title, "return rivals as a tuple of names", _shown(returned), "Name strategies.")
    return returned


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
