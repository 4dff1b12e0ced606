"""Marks of several seeds as scores with intervals, paired by problem, and the result of ``reason``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from w2s_probe import metrics
from w2s_probe.core.reason_config import ReasonConfig
from w2s_probe.core.types import Float, Rows
from w2s_probe.datasets.arithmetic import Chain, all_facts
from w2s_probe.finetune.chains import Marks
from w2s_probe.finetune.lab import Problems
from w2s_probe.finetune.reason_marks import SeedMarks
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

LEAST_CEILING = 0.9


def reason_result(config: ReasonConfig, seeds: Sequence[SeedMarks]) -> ReasonResult:
    """Return the result of all seeds."""
    scores = _Scores(config=config, seeds=seeds)
    names = list(seeds[0].marks)
    return ReasonResult(
        config=config.to_dict(),
        task=Task(steps=config.steps, modulus=config.modulus, facts=len(all_facts(modulus=config.modulus))),
        level=config.level,
        seeds=tuple(config.all_seeds),
        pretraining={side: _learned(seeds, side) for side in seeds[0].pretraining},
        pool_accuracy=scores.of_pool([seed.pool for seed in seeds]),
        systems={name: scores.of(name) for name in SYSTEMS},
        students={name: scores.of(name) for name in names if name not in SYSTEMS},
        rows={name: float(np.mean([seed.rows[name] for seed in seeds])) for name in seeds[0].rows},
        curve=tuple(scores.point(k) for k in range(len(seeds[0].curve))),
        rounds=tuple(scores.round(k) for k in range(len(seeds[0].rounds))) or None,
        notes=tuple(_notes(scores)),
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
        """Return the scores of a system or student."""
        marks = [seed.marks[name] for seed in self.seeds]
        own = _right(marks)
        return ReasonScores(
            accuracy=self._mean(own),
            valid_steps=self._valid(marks),
            follows=self._mean(_rows(marks, lambda each: each.follows)),
            rgr=self._rgr(own),
            versus_teacher=self._versus(own, "teacher"),
            versus_baseline=self._versus(own, "baseline"),
            versus_answers=self._versus(own, "answers") if "answers" in self.seeds[0].marks else None,
            versus_random=self._versus(own, "random") if "random" in self.seeds[0].marks else None,
        )

    def of_pool(self, marks: Sequence[Marks]) -> Estimate:
        """Return the accuracy of marks on the pools."""
        pools = [Problems.draw(self.config, seed=seed).pool for seed in self.config.all_seeds]
        row = _right(marks)
        return metrics.ratio_of_means(row.numerator, row.denominator, self._draws(pools), bounds=row.bounds)

    def point(self, k: int) -> TeacherPoint:
        """Return one teacher of the curve."""
        points = [seed.curve[k] for seed in self.seeds]
        teacher, student = (_right(marks) for marks in ([p.teacher for p in points], [p.traces for p in points]))
        return TeacherPoint(
            axis=points[0].axis,
            value=points[0].value,
            facts=float(np.mean([point.facts for point in points])),
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

    def _versus(self, own: RowScore, name: str) -> Estimate:
        return metrics.difference(own, _right([seed.marks[name] for seed in self.seeds]), self.draws)

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


def _learned(seeds: Sequence[SeedMarks], side: str) -> Learned:
    each = [seed.pretraining[side] for seed in seeds]
    facts, copying, steps = (
        float(np.mean([getattr(one, name) for one in each])) for name in ("facts", "copying", "steps")
    )
    return Learned(facts=facts, copying=copying, steps=steps)


def _notes(scores: _Scores) -> Iterator[str]:
    """Yield what makes a comparison hard to read."""
    config = scores.config
    for side, wanted in (("student", config.student_accuracy), ("teacher", config.teacher_accuracy[0])):
        names = [name for name in scores.seeds[0].pretraining if name.startswith(side)]
        short = sum(seed.pretraining[name].facts < wanted for seed in scores.seeds for name in names)
        if short:
            yield (
                f"{short} of {len(names) * len(scores.seeds)} pre-trained {side}s did not reach an accuracy of "
                f"{wanted:g} on facts. Use a larger --{side}-size."
            )
    if scores.of("ceiling").accuracy.value < LEAST_CEILING:
        yield "The ceiling is below 0.9: the student cannot do the task yet. Use more --updates, or a larger -N."
