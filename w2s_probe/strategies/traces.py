"""Traces: the student learns from more than the teacher's decisions, or, as oracles, from its right or wrong rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Literal, get_args

import numpy as np

from w2s_probe.core.errors import ConfigError, NotApplicableError, ShapeError
from w2s_probe.core.types import Float
from w2s_probe.strategies.base import FurtherHead, Student, W2SProblem, need_classes
from w2s_probe.strategies.committee import bootstrap_heads, check_votes, held_out_score
from w2s_probe.strategies.selection import best_of_each_class, refit_to
from w2s_probe.strategies.weighting import all_rows, check_choice

NAME, ORACLE = "traces", "oracle_traces"
Arm = Literal["soft", "hard", "votes", "bagged", "random"]
Part = Literal["P", "N"]
ARMS: tuple[Arm, ...] = get_args(Arm)
PARTS: tuple[Part, ...] = get_args(Part)
RULES = {
    "soft": "all rows, the teacher's scores",
    "hard": "all rows, the teacher's decisions",
    "votes": "all rows, vote shares of bootstrap heads",
    "bagged": "all rows, mean scores of bootstrap heads",
    "P": "rows that the teacher labels right (oracle)",
    "N": "rows that the teacher labels wrong (oracle)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TracesConfig:
    """What the student learns of the teacher.

    Parameters
    ----------
    arm : {"soft", "hard", "votes", "bagged", "random"}
        The teacher's scores, its decisions, the vote shares or the mean scores of bootstrap heads, or the decisions on
        random rows, as many as the teacher is expected to label right. The other arms are variants.
    votes : int
        Bootstrap heads of ``votes`` and ``bagged``; 1 is the teacher itself.
    """

    arm: Arm = "soft"
    votes: int = 10

    def __post_init__(self) -> None:
        if str(self.arm) in PARTS:
            msg = (
                f"{NAME}.arm must be one of {', '.join(ARMS)}: got {self.arm}, which needs ground truth of the pool. "
                f"Use the strategy {ORACLE}."
            )
            raise ConfigError(msg)
        check_choice(f"{NAME}.arm", self.arm, ARMS)
        check_votes(f"{NAME}.votes", self.votes, usual=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleTracesConfig:
    """Which rows the student learns from.

    Parameters
    ----------
    arm : {"P", "N"}
        Rows that the teacher labels right (P) or wrong (N). The other arm is a variant.
    """

    arm: Part = "P"

    def __post_init__(self) -> None:
        check_choice(f"{ORACLE}.arm", self.arm, PARTS)


def traces(problem: W2SProblem, config: TracesConfig) -> Student:
    r"""Return the student of the teacher's trace: its scores, its decisions, or the output of a committee.

    Yuan et al. train a strong model on the reasoning of a weak one and not on its answer alone [1]_. The trace of a
    frozen-feature teacher is what its head says beyond the decision. The arms are

    ======  ========================================================================================
    soft    the teacher's probabilities (softmax heads) or raw scores (ridge heads): the default
    hard    its decisions as one-hot rows
    votes   the mean of the one-hot decisions of K bootstrap heads
    bagged  the mean of the soft outputs of K bootstrap heads
    random  hard, on a random share of the rows of each class: the teacher's held-out accuracy
    ======  ========================================================================================

    A bootstrap head has the teacher's strength, and its rows are drawn within each class; a committee of one is the
    teacher itself. A ridge student is linear in its targets: at one strength, the student of the mean of K outputs is
    the mean of their K students. Only other losses can learn more from a trace than from its mean. ``random`` is as
    large as P of `oracle_traces` can be expected to be. A teacher that decides one class everywhere, as poor teachers
    of softmax heads do, has a constant student.

    Raises
    ------
    NotApplicableError
        For regression.

    References
    ----------
    .. [1] Yuan et al. (2025), Incentivizing Strong Reasoning from Weak Supervision, arXiv 2505.20072.
    """
    need_classes(problem, NAME)
    seeds = [int(seed) for seed in problem.rng.integers(2**63, size=2)]
    made = _Traces(problem=problem, votes=config.votes, seeds=(seeds[0], seeds[1]), own=config.arm)
    others = [arm for arm in ARMS if arm != config.arm]
    return replace(made.student(config.arm), variants={f"arm={arm}": partial(made.student, arm) for arm in others})


def oracle_traces(problem: W2SProblem, config: OracleTracesConfig) -> Student:
    """Return the student of the rows that the teacher labels right (P), or of those that it labels wrong (N).

    All labels are the teacher's decisions: P holds true labels only, N none. With two classes the student of N learns
    exactly the inverted labels. Each student has a random control: as many rows of each of the teacher's classes. A
    softmax student has the strength of the vanilla student. Rows of one class have a constant student.

    Raises
    ------
    NotApplicableError
        If the teacher is right on all rows, for N, or on none, for P; and for regression.

    References
    ----------
    .. [1] Yuan et al. (2025), Incentivizing Strong Reasoning from Weak Supervision, arXiv 2505.20072.
    """
    need_classes(problem, ORACLE)
    targets = problem.hard(problem.teachers[0].scores)
    others = [arm for arm in PARTS if arm != config.arm]
    student = partial(_of_part, problem, targets)
    return replace(student(config.arm), variants={f"arm={arm}": partial(student, arm) for arm in others})


def mean_output(outputs: Sequence[Float]) -> Float:
    """Return the mean, shape (N, K), of the outputs of several heads: the trace that a student of all of them learns.

    Parameters
    ----------
    outputs : sequence of arrays of shape (N, K)
        Scores, probabilities or votes of each head on the same rows.

    Raises
    ------
    ShapeError
        If the outputs do not have one shape.

    Examples
    --------
    >>> import numpy as np
    >>> mean_output([np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])])
    array([[0.5, 0.5]])
    """
    shapes = list(dict.fromkeys(output.shape for output in outputs))
    if len(shapes) != 1:
        msg = (
            f"heads of one trace must have outputs of one shape (rows, classes): got {shapes or 'no head'}. "
            "Score the same rows with each head."
        )
        raise ShapeError(msg)
    return np.mean(outputs, axis=0)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Traces:
    """Makes the student of each arm; the arms share one committee. `own` is the arm of the strategy's own student."""

    problem: W2SProblem
    votes: int
    seeds: tuple[int, int]
    own: Arm

    @cached_property
    def heads(self) -> list[FurtherHead]:
        """The committee of the first teacher."""
        return bootstrap_heads(replace(self.problem, rng=np.random.default_rng(self.seeds[0])), self.votes)

    def student(self, arm: Arm) -> Student:
        """Return the student of one arm."""
        rivals = () if arm == "hard" else (NAME if self.own == "hard" else f"{NAME}/arm=hard",)
        if arm == "random":
            return replace(self._random(), rivals=rivals)
        problem, targets = self.problem, self._targets(arm)
        plain = np.array_equal(targets, problem.pseudolabels[0])  # the vanilla student's, which is fitted once
        return Student(
            head=problem.vanilla() if plain else problem.fit(problem.X_unlabeled, targets),
            kept=all_rows(problem),
            rule=RULES[arm] + (f" ({self.votes})" if arm in ("votes", "bagged") else ""),
            targets=targets,
            fitted={"mean_top_target": float(targets.max(axis=1).mean())} if arm == "votes" else {},
            rivals=rivals,
        )

    def _targets(self, arm: Arm) -> Float:
        problem = self.problem
        if arm == "soft":
            return problem.soft(problem.teachers[0].scores)
        if arm == "hard":
            return problem.hard(problem.teachers[0].scores)
        form = problem.hard if arm == "votes" else problem.soft
        return mean_output([form(head.scores) for head in self.heads])

    def _random(self) -> Student:
        targets = self._targets("hard")
        share = held_out_score(self.problem, self.problem.teachers[0])
        order = np.random.default_rng(self.seeds[1]).random(len(targets))
        student = best_of_each_class(self.problem, targets, order, keep=share, rule="chance")
        return replace(
            student, rule=f"random {share:.0%} of each pseudolabel class; hard labels", refit=None, enters=None
        )


def _of_part(problem: W2SProblem, targets: Float, arm: Part) -> Student:
    """Return the student of the rows that the teacher labels right or wrong; `targets` are its decisions."""
    if problem.oracle is None:
        msg = f"the strategy {ORACLE} needs ground truth of the pool: got none. Use the strategy {NAME}."
        raise NotApplicableError(msg)
    right = (targets * problem.oracle.targets).sum(axis=1) == 1
    kept = right if arm == "P" else ~right
    if not kept.any():
        state = "right" if arm == "P" else "wrong"
        msg = (
            f"the arm {arm} of the strategy {ORACLE} needs rows that the teacher labels {state}: got none. "
            "Use another `teacher`."
        )
        raise NotApplicableError(msg)
    refit = partial(refit_to, problem, targets)
    return Student(head=refit(kept), kept=kept, rule=RULES[arm], refit=refit, targets=targets)
