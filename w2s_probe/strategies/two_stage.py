"""Two stages: learn from the rows that a committee agrees on, then label the other rows anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from typing import Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.core.types import Float, Rows
from w2s_probe.strategies.base import FurtherHead, Scorer, Student, W2SProblem, need_classes
from w2s_probe.strategies.committee import Votes, bootstrap_heads, bootstrap_rows, check_votes, votes_of

NAME = "two_stage"
TWO_CLASSES = (0.6, 0.7, 0.8, 0.9, 1.0)  # of the paper; a majority of two classes always has more than half the votes
MORE_CLASSES = (0.5, 0.6, 0.7, 0.8, 0.9)  # the paper: 0.5 to 0.8; 0.9 shows where too few rows are left
CAUTION = (
    "Ridge heads hardly overfit wrong labels, which the filter is meant to prevent; fine-tuned language models do."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoStageConfig:
    """How many heads vote, and which share of them must agree.

    Parameters
    ----------
    tau : sequence of float, float or None
        Smallest share of the votes that keeps a label, in [0, 1]. The student has the first value; the others are
        variants. None is 0.6, 0.7, 0.8, 0.9, 1 for two classes, and 0.5, 0.6, 0.7, 0.8, 0.9 for more.
    votes : int
        Heads of each committee; 1 is the teacher and the student themselves.
    second : {"yes", "no"}
        Whether the new labels of the other rows are filtered, too; a bool is as good. The other value is a variant.
    """

    tau: Sequence[float] | float | None = None
    votes: int = 11
    second: Literal["yes", "no"] | bool = "yes"

    def __post_init__(self) -> None:
        check_votes(f"{NAME}.votes", self.votes, usual=11)
        if not isinstance(self.second, bool) and self.second not in ("yes", "no"):
            msg = f"{NAME}.second must be yes or no: got {self.second!r:.60}. Use yes."
            raise ConfigError(msg)
        if self.tau is not None:
            taus = self.taus(2) if isinstance(self.tau, int | float | list | tuple) else ()
            if not taus or len({f"{tau:g}" for tau in taus if _is_share(tau)}) < len(taus):
                msg = f"{NAME}.tau must be distinct numbers from 0 to 1: got {self.tau!r:.60}. Use [0.6, 0.8]."
                raise ConfigError(msg)

    def taus(self, classes: int) -> tuple[float, ...]:
        """Return the values of tau for a number of classes.

        Parameters
        ----------
        classes : int
            Number of classes.
        """
        if self.tau is None:
            return TWO_CLASSES if classes == 2 else MORE_CLASSES
        return (self.tau,) if isinstance(self.tau, int | float) else tuple(self.tau)


def two_stage(problem: W2SProblem, config: TwoStageConfig) -> Student:
    """Return the student of the rows that the teacher's committee agrees on, and of other rows, labeled anew.

    1. A committee of bootstrap heads of the first teacher votes on the pool. Part A are the rows on which a share of at
       least tau agrees. The student learns their labels.
    2. A committee of bootstrap heads of this student votes on the other rows. Part B are those on which a share of at
       least tau agrees; without the second filter, all of them. The student is fitted anew to A and B.

    All labels are hard. A bootstrap head has the strength of the head that it repeats, and its rows are drawn within
    each class, so that no class is lost. A committee of one is the teacher's, or the student's, own head. With tau = 0,
    A is the whole pool. If B is empty, the student is that of A. If A is empty or has one class, tau is not applicable.
    Variants with ``stages=1`` are the students of A alone. Softmax students have the strength of the student of the
    committee's labels of the whole pool: cross-validation on rows that are agreed on would hardly regularize.

    `fitted` has the shares of the pool in A and in B and the share whose label the second stage changed.
    ``difficulty_shift`` of kept rows is the pool's mean margin of the teacher minus theirs, in standard deviations: it
    is negative where the kept rows are easier than the pool.

    References
    ----------
    .. [1] Shi et al. (2025), How to Mitigate Overfitting in Weak-to-strong Generalization?, arXiv 2503.04249.
    """
    need_classes(problem, NAME)
    seed = int(problem.rng.integers(2**63))  # of the students' committees: every tau has the same random numbers
    fits = _Fits(problem=problem, committee=votes_of(bootstrap_heads(problem, config.votes)))
    first = cache(partial(_first_stage, fits, config.votes, seed))
    own, *others = _settings(config, problem.Y_labeled.shape[1])
    student = partial(_student, fits, first, own)
    return replace(student(own), variants={other.key(own): partial(student, other) for other in others})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """One student of the grid: tau, whether new labels are filtered, and the number of stages."""

    tau: float
    second: Literal["yes", "no"]
    stages: Literal[1, 2] = 2

    def key(self, own: _Setting) -> str:
        """Return the fields that differ from those of the strategy's own student, in the order of the config."""
        names = ("tau", "second", "stages")
        shown = {"tau": f"{self.tau:g}", "second": self.second, "stages": str(self.stages)}
        return ",".join(f"{name}={shown[name]}" for name in names if getattr(self, name) != getattr(own, name))


@dataclass(frozen=True, eq=False, kw_only=True)
class _Fits:
    """Fits students to rows of the pool, with the labels of the teacher's committee or with others."""

    problem: W2SProblem
    committee: Votes

    @cached_property
    def whole(self) -> Scorer:
        """The student of the committee's labels of the whole pool."""
        return self.problem.fit(self.problem.X_unlabeled, self.committee.labels)

    def fit(self, kept: NDArray[np.bool_], targets: Float | None = None) -> Scorer:
        """Return the student of the kept rows; the targets are the committee's labels by default."""
        X, options = self.problem.X_unlabeled, self.problem.options
        if targets is None and kept.all():
            return self.whole
        if options.kind == "softmax":
            options = replace(options, alpha=self.whole.alpha)
        labels = self.committee.labels if targets is None else targets
        if kept.all():
            return self.problem.fit(X, labels, options=options)  # the pool itself, whose eigendecomposition is shared
        return self.problem.fit(X[kept], labels[kept], options=options)


@dataclass(frozen=True, eq=False, kw_only=True)
class _FirstStage:
    """Part A, its student, and the votes of this student's committee on the other rows; None if there are none."""

    A: NDArray[np.bool_]
    head: Scorer
    votes: Votes | None


def _settings(config: TwoStageConfig, classes: int) -> list[_Setting]:
    """Return all students of the grid: first the strategy's own."""
    second: Literal["yes", "no"] = "yes" if config.second in ("yes", True) else "no"
    other: Literal["yes", "no"] = "no" if second == "yes" else "yes"
    return [
        setting
        for tau in config.taus(classes)
        for setting in (
            _Setting(tau=tau, second=second),
            _Setting(tau=tau, second=other),
            _Setting(tau=tau, second=second, stages=1),
        )
    ]


def _student(fits: _Fits, first: Callable[[float], _FirstStage], own: _Setting, setting: _Setting) -> Student:
    """Return the student of one setting; `own` is the setting of the strategy's own student."""
    stage, tau, problem, committee = first(setting.tau), setting.tau, fits.problem, fits.committee
    A, targets, B = stage.A, committee.labels.copy(), np.zeros_like(stage.A)
    agree = f"rows with a vote share of at least {tau:g} (A)"
    anew = "as many votes for new labels (B)" if setting.second == "yes" else "all others with new labels (B)"
    fitted = {"share_A": float(A.mean()), "difficulty_shift_A": _difficulty_shift(problem, A)}
    if setting.stages == 1:
        parts = {"A": A}
        return Student(head=stage.head, kept=A, rule=agree, refit=fits.fit, targets=targets, parts=parts, fitted=fitted)
    if stage.votes is not None:
        B[~A] = stage.votes.shares >= tau if setting.second == "yes" else True
        targets[~A] = stage.votes.labels
    changed = B & (targets.argmax(axis=1) != committee.decisions)
    return Student(
        head=fits.fit(A | B, targets) if B.any() else stage.head,
        kept=A | B,
        rule=f"{agree}; {anew}",
        refit=fits.fit,
        targets=targets,
        refit_targets=committee.labels,
        parts={"A": A, "B": B},
        fitted={
            **fitted,
            "share_B": float(B.mean()),
            "difficulty_shift_A_and_B": _difficulty_shift(problem, A | B),
            "changed": float(changed.mean()),
        },
        rivals=(_name(replace(setting, second="no"), own),) if setting.second == "yes" else (),
        caution=CAUTION if problem.options.kind == "ridge" else "",
    )


def _name(setting: _Setting, own: _Setting) -> str:
    key = setting.key(own)
    return f"{NAME}/{key}" if key else NAME


def _first_stage(fits: _Fits, votes: int, seed: int, tau: float) -> _FirstStage:
    A = fits.committee.shares >= tau
    present = np.unique(fits.committee.decisions[A])
    if len(present) < 2:
        _refuse(fits.problem, fits.committee, present, tau)
    head = fits.fit(A)
    if A.all():
        return _FirstStage(A=A, head=head, votes=None)
    return _FirstStage(A=A, head=head, votes=votes_of(_students(fits.problem, fits.committee, A, head, votes, seed)))


def _refuse(problem: W2SProblem, committee: Votes, present: Rows, tau: float) -> NoReturn:
    """Raise `NotApplicableError` for a part A without two classes."""
    names = problem.classes or ()
    got = f"the class {names[present[0]]} only" if len(present) else "no row"
    several = len(np.unique(committee.decisions)) > 1
    advice = f"Use a smaller {NAME}.tau." if several else "Label more rows, or use another teacher."
    msg = f"the strategy {NAME} needs rows of two classes with a vote share of at least {tau:g}: got {got}. {advice}"
    raise NotApplicableError(msg)


def _students(
    problem: W2SProblem, committee: Votes, A: NDArray[np.bool_], head: Scorer, votes: int, seed: int
) -> list[FurtherHead]:
    """Return the committee of the student `head` of A, with its scores on the other rows."""
    others = problem.X_unlabeled[~A]
    if votes == 1:
        return [FurtherHead(head=head, scores=head.scores(others))]
    options, rng, members = replace(problem.options, alpha=head.alpha), np.random.default_rng(seed), np.flatnonzero(A)
    heads = []
    for _ in range(votes):
        drawn, counts = bootstrap_rows(committee.decisions[members], rng)
        rows = members[drawn]
        again = problem.fit(problem.X_unlabeled[rows], committee.labels[rows], sample_weight=counts, options=options)
        heads.append(FurtherHead(head=again, scores=again.scores(others)))
    return heads


def _difficulty_shift(problem: W2SProblem, kept: NDArray[np.bool_]) -> float:
    """Return how much harder kept rows are than the pool, by the first teacher's margins; 0 if all are equal."""
    top = np.sort(problem.teachers[0].scores, axis=1)
    margins = top[:, -1] - top[:, -2]
    spread = float(margins.std())
    return float(margins.mean() - margins[kept].mean()) / spread if spread > 0 else 0.0


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
