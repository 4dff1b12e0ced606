"""The students of one split: each strategy's, its variants, random controls and coverage curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from w2s_probe.core.config import W2SConfig
from w2s_probe.core.errors import NotApplicableError
from w2s_probe.core.types import Features, Rows
from w2s_probe.experiments.run.progress import HeadProgress
from w2s_probe.experiments.run.stages import stage_decisions
from w2s_probe.strategies import Oracle, Scorer, Student, W2SProblem, chosen_strategies, load_strategy
from w2s_probe.strategies.control import CONTROL, CoverageScores, coverage_scores, random_control
from w2s_probe.strategies.registry import ORACLE


class Students:
    """Fits the students of one split, their variants, random controls and coverage curves.

    Parameters
    ----------
    problem : W2SProblem
        The problem of the split.
    seed : int
        Its seed.
    oracle : Oracle
        Ground truth of the pool, for strategies that may see it.
    X_test : array of shape (m, d)
        Student features of the test rows.
    coverage : sequence of float
        Fractions of the pool of the coverage curves.
    variants : bool
        Whether to fit the variants too, and to score the stages of all students.
    X_teachers : sequence of arrays of shape (m, d_t)
        Features of the test rows for each teacher.
    """

    def __init__(
        self,
        problem: W2SProblem,
        seed: int,
        oracle: Oracle,
        X_test: Features,
        *,
        coverage: Sequence[float],
        variants: bool,
        X_teachers: Sequence[Features] = (),
    ) -> None:
        self.problem, self.seed, self.oracle = problem, seed, oracle
        self.X_test, self.coverage, self.variants = X_test, coverage, variants
        self.X_teachers = X_teachers
        self.stages: dict[str, dict[str, Rows]] = {}
        self.fitted: dict[str, Student] = {}
        self.curves: dict[str, tuple[CoverageScores, ...]] = {}
        self.skipped: dict[str, str] = {}

    def learn_all(self, config: W2SConfig, progress: HeadProgress) -> None:
        """Fit the students of all strategies of a run."""
        for name in chosen_strategies(config.strategies):
            progress.begin(name, self.seed)
            self.learn(name, config.settings, skips=name not in config.strategies)
            progress.end()
        if not self.fitted:
            msg = f"at least one strategy must apply: got none. {next(iter(self.skipped.values()))}"
            raise NotApplicableError(msg)

    @property
    def heads(self) -> dict[str, Scorer]:
        """The head of each student, variant and control."""
        return {name: student.head for name, student in self.fitted.items()}

    def learn(self, name: str, settings: Mapping[str, Any], *, skips: bool) -> None:
        """Fit the student of a strategy; one that does not apply is left out with `skips`, else it is an error."""
        strategy, own = load_strategy(name, settings)
        try:
            student = strategy(_own(self.problem, self.seed, self.oracle if name.startswith(ORACLE) else None), own)
        except NotApplicableError as error:
            if not skips:
                raise NotApplicableError(_named(error, name), field=error.field) from error
            self.skipped[name] = _named(error, name)
            return
        self._add(name, student, self.coverage)
        for key, variant in student.variants.items() if self.variants else ():
            try:
                self._add(f"{name}/{key}", variant() if callable(variant) else variant, ())
            except NotApplicableError as error:
                self.skipped[f"{name}/{key}"] = _named(error, f"{name}/{key}")

    def _add(self, name: str, student: Student, coverage: Sequence[float]) -> None:
        self.fitted[name] = student
        rng = np.random.default_rng([self.seed, 3])
        targets = self.problem.pseudolabels[0] if student.targets is None else student.targets
        control = random_control(student, targets, rng)
        if control is not None:
            self.fitted[name + CONTROL] = control
        self.curves[name] = coverage_scores(student, targets, coverage, self.X_test, rng)
        if self.variants and self.problem.classes is not None:
            self.stages[name] = stage_decisions(student, self.X_test, self.X_teachers)


def _named(error: NotApplicableError, name: str) -> str:
    """Return why a strategy does not apply, with its name where the reason comes from a teacher."""
    return str(error).replace("this strategy", f"the strategy {name}", 1)


def _own(problem: W2SProblem, seed: int, oracle: Oracle | None) -> W2SProblem:
    """Return the problem of one strategy: with its own random numbers, and ground truth for oracles only."""
    return replace(problem, rng=np.random.default_rng([seed, 1]), oracle=oracle)
