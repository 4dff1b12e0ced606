"""The interface of strategies: the problem that a strategy receives and the student that it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from w2s_probe.core.fit_options import FitOptions
from w2s_probe.core.types import Features, Float, Rows


# numpydoc reads a signature that is not the protocol's.
class Scorer(Protocol):  # numpydoc ignore=PR01
    """Interface of a fitted head; `w2s_probe.heads.LinearHead` has it."""

    @property
    def alpha(self) -> float:
        """Strength of the fit."""

    @property
    def rule(self) -> str:
        """How the strength was chosen: loo, gcv, cv or given."""

    @property
    def at_edge(self) -> bool:
        """Whether the strength is an end of the grid."""

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
            Return value of `scores`.
        """


class Fit(Protocol):
    """Fits a head with the run's options for students, or with other options."""

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
    """Ground truth of the pool; only strategies named ``oracle_…``, which serve as references, receive it.

    Parameters
    ----------
    targets : array of shape (N, K)
        True labels of the pool.
    groups : array of int, shape (N,), or None
        Group of each row of the pool; None without groups.
    """

    targets: Float
    groups: Rows | None


@dataclass(frozen=True, eq=False, kw_only=True)
class W2SProblem:
    """All data that a student may learn from: no ground truth of the pool, no test rows.

    Strategies of one run share the arrays, which are read-only: copy an array before you change it.

    Parameters
    ----------
    X_labeled : array of shape (n, d)
        Student features of the labeled rows.
    Y_labeled : array of shape (n, K)
        True labels of the labeled rows: one-hot rows, or numbers (n, 1).
    X_unlabeled : array of shape (N, d)
        Student features of the pool.
    teacher_scores : list of arrays of shape (N, K)
        Raw scores of each teacher on the pool.
    pseudolabels : list of arrays of shape (N, K)
        The student's training targets from each teacher: soft or hard, as the run is configured.
    options : FitOptions
        The run's options for fitting students; the rule that chooses the strength reads no ground truth.
    fit : callable
        ``fit(X, targets)`` returns a head with these options; it also takes other options and row weights.
    vanilla : callable
        ``vanilla()`` returns the head of the vanilla student, fitted once for all strategies.
    student_of : callable
        ``student_of(scores)`` returns the head of the vanilla student of other teacher scores, shape (N, K).
    retaught : callable
        ``retaught(rows)`` returns the raw scores on the pool of teachers trained on a part of the labeled rows:
        positions among the n, which may repeat.
    classes : tuple of str, or None
        Names of the K classes; None for regression.
    rng : numpy.random.Generator
        The only source of randomness.
    oracle : Oracle or None
        Ground truth of the pool; None unless the strategy's name begins with ``oracle_``.
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
        Rows of the pool that the head was trained on.
    rule : str
        How these rows were selected, in a few words.
    refit : callable, optional
        ``refit(kept)`` returns the head of this strategy for another selection, a mask of shape (N,). The random
        control of a selection needs it.
    enters : array of shape (N,), optional
        For strategies that rank rows: a row is kept if the fraction to keep is at least this large. The coverage
        curve needs it.
    """

    head: Scorer
    kept: NDArray[np.bool_]
    rule: str
    refit: Callable[..., Scorer] | None = None
    enters: Float | None = None


class Strategy(Protocol):  # numpydoc ignore=PR01
    """A function from a problem and its own frozen config to a student."""

    def __call__(self, problem: W2SProblem, config: Any) -> Student:
        """Fit a student; `config` is annotated with the strategy's own frozen dataclass."""
