"""The interface of strategies: the problem that a strategy receives and the student that it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax

from w2s_probe.core.errors import NotApplicableError
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
        """How the strength was chosen: loo, gcv, cv or given; mean for the mean of two heads."""

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
class FurtherHead:
    """A further head on a teacher's features, and its raw scores on the pool.

    Parameters
    ----------
    head : Scorer
        The fitted head.
    scores : array of shape (N, K)
        Its raw scores on the pool.
    labeled : array of shape (n, K), optional
        Its raw scores on the labeled rows, also on those that it was fitted to; `FitTeacher` returns them.
    """

    head: Scorer
    scores: Float
    labeled: Float | None = None


class FitTeacher(Protocol):
    """Fits further heads on a teacher's features, to labeled rows, to rows of the pool, or to both."""

    def __call__(
        self,
        *,
        labels: ArrayLike | None = None,
        targets: ArrayLike | None = None,
        rows: Rows | None = None,
        sample_weight: ArrayLike | None = None,
        alpha: float | None = None,
    ) -> FurtherHead:
        """Return a head with its raw scores on the pool.

        `labels`, (n, k), are targets of the labeled rows, and `targets`, (N, k), those of the pool; with both, the head
        is fitted to all labeled rows followed by rows of the pool. With neither, the targets are the true labels of the
        labeled rows. `rows` are positions among the rows of the pool, without `targets` among the labeled rows; they
        may repeat, and are all rows by default. `sample_weight` has one weight for each fitted row. Without `alpha`, a
        rule chooses the strength: the student's on targets of the pool alone, else the teacher's.
        """


@dataclass(frozen=True, eq=False, kw_only=True)
class Teacher:
    """One teacher: its head, its scores on the pool, and its held-out scores on the labeled rows.

    Parameters
    ----------
    name : str
        Its backbone; a repeated name ends with " (2)".
    head : Scorer
        Its head, fitted to all labeled rows.
    scores : array of shape (N, K)
        Raw scores on the pool.
    pseudolabels : array of shape (N, K)
        The student's training targets from this teacher: soft or hard, as the run is configured.
    held_out : callable
        ``held_out()`` returns raw scores on the labeled rows, shape (n, K), by heads that never saw the row's label,
        computed once: exact leave-one-out of ridge heads, five folds of softmax heads, folds of items for preference
        pairs. The strength stays that of `head`.
    fit : callable
        ``fit(…)`` returns a further head on this teacher's features, see `FitTeacher`.
    """

    name: str
    head: Scorer
    scores: Float
    pseudolabels: Float
    held_out: Callable[[], Float]
    fit: FitTeacher


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
    teachers : tuple of Teacher
        At least one teacher, in the order of ``--teacher``.
    options : FitOptions
        The run's options for fitting students; the rule that chooses the strength reads no ground truth.
    fit : callable
        ``fit(X, targets)`` returns a head with these options; it also takes other options and row weights.
    vanilla : callable
        ``vanilla()`` returns the head of the vanilla student, fitted once for all strategies.
    baseline : callable
        ``baseline()`` returns the head on student features that is fitted to the labeled rows.
    pseudolabels_of : callable
        ``pseudolabels_of(scores)`` returns the student's training targets, shape (N, K), from raw scores of a head of
        the run's kind: soft or hard, as the run is configured.
    student_of : callable
        ``student_of(scores)`` returns the head of the vanilla student of other teacher scores, shape (N, K).
    held_out : callable
        ``held_out()`` returns the vanilla student's raw scores on the labeled rows, shape (n, K). Each row's label is
        left out of the teacher too: exact leave-one-out for ridge heads on soft pseudolabels, else five folds. The
        strengths stay those of all rows.
    label_map : callable
        ``label_map()`` returns S, shape (n, n): ``S @ Y_labeled`` are the vanilla student's scores on the labeled
        rows. None unless heads are ridge heads on soft pseudolabels.
    classes : tuple of str, or None
        Names of the K classes; None for regression.
    rng : numpy.random.Generator
        The only source of randomness.
    oracle : Oracle or None
        Ground truth of the pool; None unless the strategy's name begins with ``oracle_``.
    links : array of int, shape (n, 2), or None
        Two numbers for each labeled preference pair: pairs with a common number share an item. None for other rows.
    """

    X_labeled: Features
    Y_labeled: Float
    X_unlabeled: Features
    teachers: tuple[Teacher, ...]
    options: FitOptions
    fit: Fit
    vanilla: Callable[[], Scorer]
    baseline: Callable[[], Scorer]
    pseudolabels_of: Callable[[Float], Float]
    student_of: Callable[[Float], Scorer]
    held_out: Callable[[], Float]
    label_map: Callable[[], Float | None]
    classes: tuple[str, ...] | None
    rng: np.random.Generator
    oracle: Oracle | None = None
    links: Rows | None = None

    @property
    def teacher_scores(self) -> list[Float]:
        """Raw scores of each teacher on the pool, arrays of shape (N, K)."""
        return [teacher.scores for teacher in self.teachers]

    @property
    def pseudolabels(self) -> list[Float]:
        """The student's training targets from each teacher, arrays of shape (N, K)."""
        return [teacher.pseudolabels for teacher in self.teachers]

    def retaught(self, rows: Rows) -> list[Float]:
        """Return the raw scores on the pool of teachers trained on a part of the labeled rows.

        Parameters
        ----------
        rows : array of int
            Positions among the n labeled rows, which may repeat.
        """
        return [teacher.fit(rows=rows).scores for teacher in self.teachers]

    def soft(self, scores: Float) -> Float:
        """Return soft pseudolabels: raw scores as they are for ridge heads, probabilities for softmax heads.

        Parameters
        ----------
        scores : array of shape (m, K)
            Raw scores of a head of the run's kind.
        """
        return softmax(scores, axis=1) if self.options.kind == "softmax" else scores

    def hard(self, scores: Float) -> Float:
        """Return hard pseudolabels: one-hot rows, shape (m, K), of the decisions; the lower class wins a tie.

        Parameters
        ----------
        scores : array of shape (m, K)
            Raw scores, probabilities or votes.
        """
        return np.eye(scores.shape[1])[scores.argmax(axis=1)]


@dataclass(frozen=True, eq=False, kw_only=True)
class Stage:
    """A head on the way to a student: of the student or of a teacher, after a step of the strategy.

    Parameters
    ----------
    head : Scorer
        The head at this step.
    teacher : int or None
        Position in `W2SProblem.teachers` of the teacher whose features the head reads; None for the student's.
    """

    head: Scorer
    teacher: int | None = None


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
    targets : array of shape (N, K), optional
        The targets that the head was trained on, if they are not the first teacher's pseudolabels. Label precision
        and class mix of the result are those of these targets.
    weights : array of shape (N,), optional
        Weights of the rows, at least 0 with a positive sum.
    refit_targets : array of shape (N, K), optional
        The targets that `refit` uses, if they are not `targets`.
    parts : mapping of str to array of bool, shape (N,)
        Named parts of the pool; the result has the label precision of each part.
    fitted : mapping of str to float
        Numbers about the fit, by name; the result has their mean and range over seeds.
    uses_labels : bool
        Whether true labels of the labeled rows are among the targets of the head itself.
    variants : mapping of str to Student, or to a function without arguments that returns one
        The students of other settings, by ``FIELD=VALUE``, in the order of the config's fields. They are judged as
        students. A function is called only where variants are wanted.
    rivals : tuple of str
        Strategies, or ``STRATEGY/VARIANT``, with which the result compares this student if they are run too.
    caution : str
        A sentence that follows the note if this student is worse than a rival: why it may be.
    stages : mapping of str to Stage
        Heads on the way to the student, in the order in which they were fitted, such as ``round1.student`` and
        ``round1.teacher.NAME``. A run scores them on the test rows, and compares each with the first one on the same
        features. For classes only.
    options : FitOptions, optional
        How the head was fitted, if not with the run's options for students; a fine-tune uses its loss.
    """

    head: Scorer
    kept: NDArray[np.bool_]
    rule: str
    refit: Callable[..., Scorer] | None = None
    enters: Float | None = None
    targets: Float | None = None
    weights: Float | None = None
    refit_targets: Float | None = None
    parts: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    fitted: Mapping[str, float] = field(default_factory=dict)
    uses_labels: bool = False
    variants: Mapping[str, Student | Callable[[], Student]] = field(default_factory=dict)
    rivals: tuple[str, ...] = ()
    caution: str = ""
    stages: Mapping[str, Stage] = field(default_factory=dict)
    options: FitOptions | None = None


def need_classes(problem: W2SProblem, name: str) -> None:
    """Raise `NotApplicableError` for regression.

    Parameters
    ----------
    problem : W2SProblem
        The problem that a strategy received.
    name : str
        The strategy's name.
    """
    if problem.classes is None:
        msg = f"the strategy {name} needs classes: got `task` regression. Use the strategy vanilla."
        raise NotApplicableError(msg)


def need_teachers(problem: W2SProblem, name: str) -> None:
    """Raise `NotApplicableError` unless there are two teachers or more.

    Parameters
    ----------
    problem : W2SProblem
        The problem that a strategy received.
    name : str
        The strategy's name.
    """
    if len(problem.teachers) < 2:
        msg = f"the strategy {name} needs two teachers or more: got one. Add teachers: `teacher` A+B."
        raise NotApplicableError(msg)


def need_rows(problem: W2SProblem, name: str, why: str, instead: str = "the strategy vanilla") -> None:
    """Raise `NotApplicableError` for preference pairs, whose heads have no intercept.

    Parameters
    ----------
    problem : W2SProblem
        The problem that a strategy received.
    name : str
        The strategy's name, with the setting that pairs do not have.
    why : str
        What would depend on the order of a pair's sides.
    instead : str
        What to use instead.
    """
    if not problem.options.intercept:
        msg = f"the strategy {name} does not apply to `task` preference: {why}. Use {instead}."
        raise NotApplicableError(msg)


class Strategy(Protocol):  # numpydoc ignore=PR01
    """A function from a problem and its own frozen config to a student."""

    def __call__(self, problem: W2SProblem, config: Any) -> Student:
        """Fit a student; `config` is annotated with the strategy's own frozen dataclass.

        A strategy that cannot work here raises `NotApplicableError`, which says why.
        """
