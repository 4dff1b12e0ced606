"""Marks of several seeds as scores with intervals, paired by problem, and the result of ``reason``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from w2s_probe import metrics
from w2s_probe.core.reason_config import ReasonConfig
from w2s_probe.core.types import Float, Rows
from w2s_probe.datasets.arithmetic import Chain, all_facts
from w2s_probe.finetune.reasoning.chains import Marks
from w2s_probe.finetune.reasoning.lab import Problems
from w2s_probe.finetune.reasoning.marks import SeedMarks
from w2s_probe.finetune.reasoning.notes import learned, reason_notes
from w2s_probe.metrics import Draws, RowScore
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.reason import (
    SYSTEMS,
    Learned,
    MutualRound,
    ReasonResult,
    ReasonScores,
    Side,
    Task,
    TeacherPoint,
)

UNDEFINED = Estimate(value=np.nan, low=np.nan, high=np.nan)  # of a student without traces


def reason_result(config: ReasonConfig, seeds: Sequence[SeedMarks], *, device: str) -> ReasonResult:
    """Return the result of all seeds."""
    scores = _Scores(config=config, seeds=seeds)
    return ReasonResult(
        config=config.to_dict(),
        task=Task(steps=config.steps, modulus=config.modulus, facts=len(all_facts(modulus=config.modulus))),
        device=device,
        level=config.level,
        seeds=tuple(config.all_seeds),
        pretraining={
            side: Learned(**learned([seed.pretraining[side] for seed in seeds])) for side in seeds[0].pretraining
        },
        pool_accuracy=scores.of_pool([seed.pool for seed in seeds]),
        systems={name: scores.of(name) for name in SYSTEMS},
        students={name: scores.of(name) for name in seeds[0].rows},
        rows={name: float(np.mean([seed.rows[name] for seed in seeds])) for name in seeds[0].rows},
        curve=tuple(scores.point(k) for k in range(len(seeds[0].curve))),
        rounds=tuple(scores.round(k) for k in range(len(seeds[0].rounds))) or None,
        notes=tuple(reason_notes(seeds, ceiling=scores.of("ceiling").accuracy.value)),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Scores:
    """Marks of all seeds; a problem of several seeds is one row."""

    config: ReasonConfig
    seeds: Sequence[SeedMarks]

    @cached_property
    def draws(self) -> Draws:
        """Seed and test problem of each result."""
        return self._draws([seed.test for seed in self.seeds])

    def of(self, name: str) -> ReasonScores:
        """Return the scores of a system or student over the seeds that have it; NaN where none has."""
        return ReasonScores(
            **self.having(name).alone(name),
            versus_teacher=self._versus(name, "teacher"),
            versus_baseline=self._versus(name, "baseline"),
            versus_answers=self._versus(name, "answers") if "answers" in self.seeds[0].rows else None,
            versus_random=self._versus(name, "random") if "random" in self.seeds[0].rows else None,
        )

    def having(self, *names: str) -> _Scores:
        """Return the marks of the seeds that have all of these decoders."""
        seeds = [seed for seed in self.seeds if all(name in seed.marks for name in names)]
        return self if len(seeds) == len(self.seeds) else replace(self, seeds=seeds)

    def alone(self, name: str) -> dict[str, Estimate]:
        """Return the scores of a decoder that are no differences; NaN without seeds."""
        marks = [seed.marks[name] for seed in self.seeds]
        if not marks:
            return dict.fromkeys(("accuracy", "valid_steps", "follows", "rgr"), UNDEFINED)
        own = _right(marks)
        return {
            "accuracy": self._mean(own),
            "valid_steps": self._valid(marks),
            "follows": self._mean(_rows(marks, lambda each: each.follows)),
            "rgr": self._rgr(own),
        }

    def of_pool(self, marks: Sequence[Marks]) -> Estimate:
        """Return the accuracy of marks on the pools."""
        pools = [Problems.draw(self.config, seed=seed).pool for seed in self.config.all_seeds]
        row = _right(marks)
        return metrics.ratio_of_means(row.numerator, row.denominator, self._draws(pools), bounds=row.bounds)

    def point(self, k: int) -> TeacherPoint:
        """Return one teacher of the curve."""
        points = [seed.curve[k] for seed in self.seeds]
        teacher, student = (_right(marks) for marks in ([p.teacher for p in points], [p.traces for p in points]))
        reached = learned([point.pretraining for point in points])
        same = {point.same_as for point in points}
        return TeacherPoint(
            axis=points[0].axis,
            value=points[0].value,
            parameters=reached["parameters"],
            facts=reached["facts"],
            short=reached["short"],
            beyond=reached["beyond"],
            same_as=same.pop() if len(same) == 1 else None,
            pool_accuracy=self.of_pool([point.pool for point in points]),
            teacher=self._mean(teacher),
            traces=self._mean(student),
            valid_steps=self._valid([point.teacher for point in points]),
            versus_teacher=metrics.difference(student, teacher, self.draws),
            rgr=self._rgr(student),
        )

    def round(self, k: int) -> MutualRound:
        """Return both sides after one round."""
        teachers = [name for name in self.seeds[0].rounds[k].marks if name != "student"]
        return MutualRound(
            round=k, student=self._side("student", k), teachers=tuple(self._side(name, k) for name in teachers)
        )

    def _side(self, name: str, k: int) -> Side:
        marks = [seed.rounds[k].marks[name] for seed in self.seeds]
        start = _right([seed.rounds[0].marks[name] for seed in self.seeds])
        counts = np.array([seed.rounds[k].pairs.get(name, 0) for seed in self.seeds])
        right = sum(c * seed.rounds[k].right[name] for c, seed in zip(counts, self.seeds, strict=True) if c)
        return Side(
            accuracy=self._mean(_right(marks)),
            valid_steps=self._valid(marks),
            change=metrics.difference(_right(marks), start, self.draws),
            pairs=float(counts.mean()),
            right_pairs=float(right / counts.sum()) if counts.sum() else np.nan,
        )

    def _rgr(self, own: RowScore) -> Estimate:
        untrained, ceiling = (_right([seed.marks[name] for seed in self.seeds]) for name in ("untrained", "ceiling"))
        return metrics.reasoning_gap_recovered(untrained=untrained, student=own, ceiling=ceiling, draws=self.draws)

    def _versus(self, name: str, other: str) -> Estimate:
        both = self.having(name, other)
        if not both.seeds:
            return UNDEFINED
        own, others = (_right([seed.marks[each] for seed in both.seeds]) for each in (name, other))
        return metrics.difference(own, others, both.draws)

    def _mean(self, row: RowScore) -> Estimate:
        return metrics.ratio_of_means(row.numerator, row.denominator, self.draws, bounds=row.bounds)

    def _valid(self, marks: Sequence[Marks]) -> Estimate:
        steps = np.concatenate([each.steps for each in marks])
        return metrics.ratio_of_means(np.concatenate([m.valid for m in marks]), steps, self.draws, bounds=(0, 1))

    def _draws(self, parts: Sequence[Sequence[Chain]]) -> Draws:
        numbers: dict[Chain, int] = {}
        rows: list[Rows] = [
            np.array([numbers.setdefault(c, len(numbers)) for c in part], dtype=np.intp) for part in parts
        ]
        return Draws(rows=rows, level=self.config.level)


def _right(marks: Sequence[Marks]) -> RowScore:
    return _rows(marks, lambda each: each.right)


def _rows(marks: Sequence[Marks], get: Callable[[Marks], Float]) -> RowScore:
    """Return a share of the problems of all seeds, row by row."""
    values = np.concatenate([get(each) for each in marks])
    return RowScore(numerator=values, denominator=np.ones(len(values)), bounds=(0.0, 1.0))
