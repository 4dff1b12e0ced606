"""What a strategy may see, and what it must return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from w2s_probe.core.config import FitOptions
from w2s_probe.core.types import Features, Float, Rows


# The signature that numpydoc sees of a protocol is not the protocol's.
class Scorer(Protocol):  # numpydoc ignore=PR01
    """What a fitted head must offer; `w2s_probe.heads.LinearHead` does."""

    @property
    def alpha(self) -> float:
        """Strength it was fitted with."""

    @property
    def at_edge(self) -> bool:
        """Whether the strength is an end of its grid."""

    @property
    def converged(self) -> bool:
        """Whether the fit reached its minimum."""

    def scores(self, X: Features) -> Float:
        """Return raw scores of shape (m, K).

        Parameters
        ----------
        X : array of shape (m, d)
            Features.
        """

    def probabilities(self, scores: Float) -> Float:
        """Return class probabilities of shape (m, K) for raw scores.

        Parameters
        ----------
        scores : array of shape (m, K)
            What `scores` returned.
        """


class Fit(Protocol):
    """Fits a head as the run does, unless other options are given."""

    def __call__(
        self,
        X: Features,
        targets: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        options: FitOptions | None = None,
    ) -> Scorer:
        """Return a head on features (m, d) and targets (m, K)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Oracle:
    """What no student may know; given to strategies whose names begin with ``oracle_``, as references.

    Parameters
    ----------
    targets : array of shape (N, K)
        True labels of the pool.
    groups : array of int, shape (N,), or None
        Group of each row of the pool, if groups are known.
    """

    targets: Float
    groups: Rows | None


@dataclass(frozen=True, eq=False, kw_only=True)
class W2SProblem:
    """Everything a student may learn from; no ground truth on the pool, no test rows.

    Parameters
    ----------
    X_labeled : array of shape (n, d)
        Student features of the labeled rows.
    Y_labeled : array of shape (n, K)
        Their true labels: one-hot rows, or numbers (n, 1).
    X_unlabeled : array of shape (N, d)
        Student features of the pool.
    teacher_scores : list of arrays of shape (N, K)
        Each teacher's raw scores on the pool.
    pseudolabels : list of arrays of shape (N, K)
        The same as training targets: soft, or hard if the run says so.
    options : FitOptions
        How the run fits its students; the rule for the strength reads no ground truth.
    fit : callable
        ``fit(X, targets)`` returns a head by these options; other options and row weights can be given.
    vanilla : callable
        ``vanilla()`` returns the plain student's head, fitted once for all strategies.
    student_of : callable
        ``student_of(scores)`` returns the plain student's head if a teacher had said this of the pool.
    retaught : callable
        ``retaught(rows)`` returns each teacher's raw scores on the pool, trained on these labeled rows
        (positions among the n, which may repeat) only.
    classes : tuple of str, or None
        Names of the K classes; None for regression.
    rng : numpy.random.Generator
        The only source of chance.
    oracle : Oracle or None
        For strategies named ``oracle_…`` only.
    """

    X_labeled: Features
    Y_labeled: Float
    X_unlabeled: Features
    teacher_scores: list[Float]
    pseudolabels: list[Float]
    options: FitOptions
    fit: Fit
    vanilla: Callable[[], Scorer]
    student_of: Callable[[Float], Scorer]
    retaught: Callable[[Rows], list[Float]]
    classes: tuple[str, ...] | None
    rng: np.random.Generator
    oracle: Oracle | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Student:
    """A fitted student and the pseudolabels it was trained on.

    Parameters
    ----------
    head : Scorer
        The fitted head.
    kept : array of bool, shape (N,)
        Rows of the pool it was trained on.
    rule : str
        How they were chosen, in a few words.
    refit : callable, optional
        ``refit(kept)`` returns the head this strategy would have fitted had it kept these rows; it
        makes the random control that stands beside every selection.
    enters : array of shape (N,), optional
        Fraction of the pool to keep at which each row comes in, for strategies that rank rows: with it the
        whole coverage curve can be drawn.
    """

    head: Scorer
    kept: NDArray[np.bool_]
    rule: str
    refit: Callable[..., Scorer] | None = None
    enters: Float | None = None


# As above.
class Strategy(Protocol):  # numpydoc ignore=PR01
    """A function from a problem and its own frozen config to a student."""

    def __call__(self, problem: W2SProblem, config: Any) -> Student:
        """Fit a student; `config` is annotated with the strategy's own frozen dataclass."""
