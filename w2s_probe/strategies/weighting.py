"""Students of weighted teachers: their targets, and the names of the weights in the result."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.core.types import Float
from w2s_probe.strategies.base import Scorer, Student, W2SProblem
from w2s_probe.strategies.committee import weighted_pseudolabels

Targets = Literal["soft", "hard"]
ROUNDS = 8  # most changes of a strength
TARGETS: tuple[Targets, ...] = ("soft", "hard")


def check_choice(setting: str, value: object, choices: Sequence[str]) -> None:
    """Raise `ConfigError` unless the value of a setting, such as ``stacked.targets``, is one of `choices`."""
    if value not in choices:
        msg = f"{setting} must be one of {', '.join(choices)}: got {value!r:.60}. Use {choices[0]}."
        raise ConfigError(msg)


def need_soft(problem: W2SProblem, name: str, targets: Targets) -> None:
    """Raise `NotApplicableError` for hard targets of numbers; `name` is the strategy's."""
    if problem.classes is None and targets == "hard":
        msg = f"hard targets of the strategy {name} need classes: got `task` regression. Use --set {name}.targets=soft."
        raise NotApplicableError(msg)


def with_variant(problem: W2SProblem, targets: Targets, student_of: Callable[[Targets], Student]) -> Student:
    """Return ``student_of(targets)``; the student of the other value of `targets` is its variant.

    Numbers have no hard targets and hence no variant.
    """
    student = student_of(targets)
    if problem.classes is None:
        return student
    other: Targets = "hard" if targets == "soft" else "soft"
    return replace(student, variants={f"targets={other}": partial(student_of, other)})


def settled(
    problem: W2SProblem, targets: Sequence[Float], weigh: Callable[[float], Float], *, rounds: int = ROUNDS
) -> tuple[Scorer, Float, Float]:
    """Return a student of weighted targets, these targets (N, K), and the weights (M,), all at one strength.

    ``weigh(alpha)`` returns the weights of M arrays of targets for students of a strength. The strength begins as that
    of the mean of the targets. It then becomes that of the weighted targets, until it stays, which takes two or three
    rounds; after at most `rounds` the last one stays. A given strength stays at once.
    """
    head = problem.fit(problem.X_unlabeled, np.mean(targets, axis=0))
    for _ in range(rounds):
        alpha = head.alpha
        weights = weigh(alpha)
        Y = weighted_pseudolabels(targets, weights)
        head = problem.fit(problem.X_unlabeled, Y)
        if math.isclose(head.alpha, alpha, rel_tol=1e-9):
            return head, Y, weights
    return problem.fit(problem.X_unlabeled, Y, options=replace(problem.options, alpha=alpha)), Y, weights


def named_weights(problem: W2SProblem, weights: Float, at: str = "") -> dict[str, float]:
    """Return the weights (M,) of the teachers by the key ``weight NAME``, which ends with `at`."""
    names = [teacher.name for teacher in problem.teachers]
    return {f"weight {name}{at}": float(w) for name, w in zip(names, weights, strict=True)}


def all_rows(problem: W2SProblem) -> NDArray[np.bool_]:
    """Return the mask of a student that is trained on the whole pool."""
    return np.ones(len(problem.X_unlabeled), dtype=np.bool_)
