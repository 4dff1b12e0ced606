"""Mutual learning in rounds: the student learns labels of its teachers, and they learn the student's labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from w2s_probe.core.errors import ConfigError, NotApplicableError
from w2s_probe.core.types import Float, Rows
from w2s_probe.strategies.base import FurtherHead, Scorer, Stage, Student, W2SProblem, need_classes
from w2s_probe.strategies.selection import TIE, check_keep, refit_options
from w2s_probe.strategies.weighting import check_choice

NAME = "mutual"
MOST_ROUNDS = 20
MOST_TEACHERS = 3  # of variants
Pick = Literal["familiar", "random", "all", "margin"]
WORDS: dict[Pick, str] = {
    "familiar": "the {keep:.0%} with the student's lowest loss",
    "random": "{keep:.0%} at random",
    "all": "all",
    "margin": "the {keep:.0%} with the teacher's smallest margin",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MutualConfig:
    """How many rounds student and teachers learn from each other, and which labels the student adds.

    Parameters
    ----------
    rounds : int
        Rounds, and disjoint parts of the pool, from 1 to 20.
    keep : float
        Fraction of each teacher's labels of a part that the student adds, in (0, 1].
    teachers : int or None
        How many of the teachers, the first ones; None is all. Variants have one, two and three.
    pick : {"familiar", "random", "all", "margin"}
        Labels that are added: those of the student's lowest loss, as many random ones, all of them, or as many of the
        teacher's smallest margin, the hard ones. The other values are variants.
    """

    rounds: int = 3
    keep: float = 0.5
    teachers: int | None = None
    pick: Pick = "familiar"

    def __post_init__(self) -> None:
        check_keep(NAME, self.keep)
        check_choice(f"{NAME}.pick", self.pick, get_args(Pick))
        if not _is_count(self.rounds) or self.rounds > MOST_ROUNDS:
            msg = f"{NAME}.rounds must be a whole number from 1 to {MOST_ROUNDS}: got {self.rounds!r:.60}. Use 3."
            raise ConfigError(msg)
        if self.teachers is not None and not _is_count(self.teachers):
            msg = (
                f"{NAME}.teachers must be a whole number of at least 1: got {self.teachers!r:.60}. Leave it out to use "
                "all teachers."
            )
            raise ConfigError(msg)


def mutual(problem: W2SProblem, config: MutualConfig) -> Student:
    r"""Return the student of labels that it added in rounds, between which its teachers learned the student's labels.

    The pool is cut at random into R disjoint parts :math:`U_1, …, U_R` of equal size, up to one row.

    1. Round 1: the student is fitted to the first teacher's labels of :math:`U_1`, as the vanilla student is.
    2. After round r < R, each teacher is refitted to the labeled rows with their true labels and to :math:`U_R` with
       the student's labels. The student learns from :math:`U_R` in round R only, so that it never labels rows on which
       it was trained.
    3. Round r > 1: the refitted teachers label :math:`U_r`. Of each teacher's labels the student adds the fraction
       `keep` on which its own present loss is lowest, the familiar ones, to the labels that it has, and is refitted to
       all of them. The loss is cross-entropy for softmax heads and squared distance for ridge heads.

    A row may be added once for each teacher. Labels of one row are one target, their mean, with their number as the
    weight, which has the same loss as repeated rows. With one round, the student is the vanilla student. Softmax
    students have the vanilla student's strength in all rounds, since cross-validation on labels that a student agrees
    with would hardly regularize, and since the arms of the comparison then differ in nothing but their labels.

    Variants: ``rounds=0``, the first teacher's labels on all rows that were used, without rounds; ``teachers=1``, 2
    and 3; other values of `pick`. All have the same parts. `parts` has the rows that each round added, and ``stages``
    student and teachers after each round; a run scores them on the test rows.

    The paper's agents also learn from negative answers. A head on differences of pairs that was fitted to flipped pairs
    is the positive one with the opposite sign, so that nothing is left of this here.

    Raises
    ------
    NotApplicableError
        For regression, for fewer teachers than asked for, and if a part has fewer rows than there are classes or the
        first part has one label only.

    References
    ----------
    .. [1] Lyu et al. (2024), MACPO: Weak-to-Strong Alignment via Multi-Agent Contrastive Preference Optimization,
       ICLR 2025, arXiv 2410.07672.
    """
    need_classes(problem, NAME)
    given = len(problem.teachers)
    if config.teachers is not None and config.teachers > given:
        msg = (
            f"the strategy {NAME} needs as many teachers as {NAME}.teachers says, {config.teachers}: got {given}. "
            "Use a smaller number, or add teachers: `teacher` A+B."
        )
        raise NotApplicableError(msg)
    parts = _cut(problem, config.rounds)
    rounds = _Rounds(problem=problem, keep=config.keep, parts=parts, seed=int(problem.rng.integers(2**63)))
    own = _Setting(teachers=config.teachers or given, pick=config.pick)
    student = rounds.student(own)
    if config.rounds == 1:  # nothing was picked
        return student
    others = [replace(own, teachers=m) for m in range(1, min(given, MOST_TEACHERS) + 1)]
    others += [replace(own, pick=pick) for pick in get_args(Pick)]
    variants = {other.key(own): partial(rounds.student, other) for other in others if other != own}
    rivals = ("rounds=0", *(key for key in variants if key in ("pick=familiar", "pick=random", "pick=all")))
    return replace(
        student,
        variants={"rounds=0": partial(_without_rounds, problem, student.kept), **variants},
        rivals=tuple(f"{NAME}/{key}" for key in rivals),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """One student: how many teachers it has, and which labels it adds."""

    teachers: int
    pick: Pick

    def key(self, own: _Setting) -> str:
        """Return the field that differs from the setting of the strategy's own student."""
        return f"teachers={self.teachers}" if self.teachers != own.teachers else f"pick={self.pick}"


@dataclass(frozen=True, eq=False, kw_only=True)
class _Added:
    """Labels that the student has: how many of each row of the pool, shape (N,), and their sum, shape (N, K)."""

    times: NDArray[np.intp]
    total: Float

    @classmethod
    def first(cls, labels: Float, part: Rows) -> _Added:
        """Return the labels, of shape (N, K), of one part alone."""
        added = cls(times=np.zeros(len(labels), dtype=np.intp), total=np.zeros(labels.shape))
        added.add(part, labels)
        return added

    def add(self, rows: Rows, labels: Float) -> None:
        """Add the labels, of shape (N, K), of these rows."""
        self.times[rows] += 1
        self.total[rows] += labels[rows]

    @property
    def targets(self) -> Float:
        """The mean label of each row, shape (N, K); zeros for rows without labels."""
        return self.total / np.maximum(self.times, 1)[:, None]


@dataclass(frozen=True, eq=False, kw_only=True)
class _Rounds:
    """The rounds of every setting, on the same parts; `seed` decides random picks."""

    problem: W2SProblem
    keep: float
    parts: list[Rows]
    seed: int

    def student(self, setting: _Setting) -> Student:
        """Return the student after all rounds."""
        problem, rng = self.problem, np.random.default_rng(self.seed)
        names = [teacher.name for teacher in problem.teachers[: setting.teachers]]
        added, head = _Added.first(problem.pseudolabels[0], self.parts[0]), self.first
        parts = {"round 1": added.times > 0}
        stages = {
            f"round0.teacher.{name}": Stage(head=problem.teachers[m].head, teacher=m) for m, name in enumerate(names)
        }
        stages["round1.student"] = Stage(head=head)
        for r, part in enumerate(self.parts[1:], start=2):
            refits = [self.first_refit(m) if r == 2 else self.refit(m, head) for m in range(len(names))]
            stages |= {
                f"round{r - 1}.teacher.{name}": Stage(head=refits[m].head, teacher=m) for m, name in enumerate(names)
            }
            before, own = added.times.copy(), head.scores(problem.X_unlabeled[part])
            for refit in refits:
                labels = problem.pseudolabels_of(refit.scores)
                added.add(part[self.picked(setting.pick, own, labels[part], refit.scores[part], rng)], labels)
            parts[f"round {r}"] = added.times > before
            head = self.fit(added)
            stages[f"round{r}.student"] = Stage(head=head)
        return Student(
            head=head,
            kept=added.times > 0,
            rule=self.rule(setting),
            targets=added.targets,
            weights=added.times.astype(np.float64) if added.times.max() > 1 else None,
            parts=parts,
            stages=stages,
        )

    def rule(self, setting: _Setting) -> str:
        """Return in a few words which labels the student has."""
        if len(self.parts) == 1:
            return "all pseudolabels, in one round"
        words = WORDS[setting.pick].format(keep=self.keep)
        whose = "the teacher's" if setting.teachers == 1 else f"each of {setting.teachers} teachers'"
        return f"part 1, then in {len(self.parts) - 1} rounds {words} of {whose} labels of a part"

    @cached_property
    def first(self) -> Scorer:
        """The student after round 1, the same one in every setting."""
        if len(self.parts) == 1:
            return self.problem.vanilla()
        return self.fit(_Added.first(self.problem.pseudolabels[0], self.parts[0]))

    @cached_property
    def first_refit(self) -> Callable[[int], FurtherHead]:
        """A function from a teacher's position to its head after round 1, fitted once for all settings."""
        return cache(lambda m: self.refit(m, self.first))

    def fit(self, added: _Added) -> Scorer:
        """Return the student of the labels that were added."""
        kept, options = np.flatnonzero(added.times), refit_options(self.problem)
        weights = added.times[kept] if added.times.max() > 1 else None
        X = self.problem.X_unlabeled  # as it is if all rows are kept: its eigendecomposition is shared
        X = X if len(kept) == len(X) else X[kept]
        return self.problem.fit(X, added.targets[kept], sample_weight=weights, options=options)

    def refit(self, m: int, student: Scorer) -> FurtherHead:
        """Return teacher m, refitted to the labeled rows and to the student's labels of the last part."""
        problem, part = self.problem, self.parts[-1]
        targets = np.zeros(problem.pseudolabels[0].shape)
        targets[part] = problem.pseudolabels_of(student.scores(problem.X_unlabeled[part]))
        return problem.teachers[m].fit(labels=problem.Y_labeled, targets=targets, rows=part)

    def picked(self, pick: Pick, own: Float, labels: Float, raw: Float, rng: np.random.Generator) -> Rows:
        """Return the positions within a part of the rows whose labels are added.

        `own` are the student's scores, `labels` the teacher's labels and `raw` its scores, all of shape (m, K).
        """
        if pick == "all":
            return np.arange(len(own))
        size = max(round(self.keep * len(own)), 1)
        if pick == "random":
            return np.sort(rng.permutation(len(own))[:size])
        if pick == "margin":
            top = np.sort(raw, axis=1)
            quality = top[:, -1] - top[:, -2]
        else:
            quality = _loss(own, labels, softmax=self.problem.options.kind == "softmax")
        return np.sort(np.argsort(np.round(quality, TIE), kind="stable")[:size])


def _loss(scores: Float, labels: Float, *, softmax: bool) -> Float:
    """Return the loss of raw scores on labels, both of shape (m, K), for each row."""
    if softmax:
        return np.asarray(-(labels * log_softmax(scores, axis=1)).sum(axis=1))
    return np.asarray(((scores - labels) ** 2).sum(axis=1))


def _without_rounds(problem: W2SProblem, kept: NDArray[np.bool_]) -> Student:
    """Return the student of the first teacher's own labels on the kept rows, shape (N,)."""
    X, labels = problem.X_unlabeled[kept], problem.pseudolabels[0][kept]
    head = problem.vanilla() if kept.all() else problem.fit(X, labels, options=refit_options(problem))
    return Student(head=head, kept=kept, rule="the same rows, labels of the first teacher before it was refitted")


def _cut(problem: W2SProblem, rounds: int) -> list[Rows]:
    """Return the disjoint parts of the pool; raise `NotApplicableError` if one has too few rows or labels."""
    (N, K), labels = problem.pseudolabels[0].shape, problem.pseudolabels[0]
    if rounds * K > N:
        msg = (
            f"the strategy {NAME} needs {K} rows of the pool or more for each round: got {N} rows for {rounds} rounds. "
            f"Use a smaller {NAME}.rounds, or a larger `n_unlabeled`."
        )
        raise NotApplicableError(msg)
    parts = [np.sort(part) for part in np.array_split(problem.rng.permutation(N), rounds)]
    if problem.options.intercept and np.ptp(labels[parts[0]], axis=0).max() == 0:
        msg = (
            f"the strategy {NAME} needs different labels in the first part of the pool: the first teacher gives its "
            f"{len(parts[0]):,} rows one label. Use a smaller {NAME}.rounds, or another `teacher`."
        )
        raise NotApplicableError(msg)
    return parts


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
