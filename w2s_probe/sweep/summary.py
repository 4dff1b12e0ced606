"""What the cells of a grid say: one tidy table, and for each point the intervals over seeds that `run` gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe import metrics
from w2s_probe.config import DataConfig, SweepConfig
from w2s_probe.metrics import Draws, RowScore
from w2s_probe.plain import Keys, Mark
from w2s_probe.results import Estimate
from w2s_probe.sweep.cells import CellScores, Place, Slot, slots
from w2s_probe.sweep.draws import SplitSource

__all__ = ["COLUMNS", "SweepPoint", "SweepResult", "summarize_sweep"]

# one row a cell, head and score
COLUMNS: dict[str, type] = {
    "teacher_backbone": str,
    "student_backbone": str,
    "head": str,
    "n": int,
    "N": int,
    "teacher_alpha": float,
    "student_alpha": float,
    "seed": int,
    "system": str,
    "strategy": str,
    "metric": str,
    "value": float,
    "alpha": float,
    "n_test": int,
}
METRICS = {"classification": ("accuracy", "brier", "log_loss", "ece"), "regression": ("r2", "squared_error")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbones:
    """The axes of a sweep that are no settings of a run: every teacher is paired with every student.

    Parameters
    ----------
    teachers, students : tuple of str
        Names of the backbones.
    """

    teachers: tuple[str, ...]
    students: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPoint:
    """One point of the grid and one strategy, all seeds together.

    Parameters
    ----------
    teacher_backbone, student_backbone : str
        The pair.
    head : str
        Kind of the heads.
    n, N : int
        Labeled rows, and rows of the pool, at the first seed.
    teacher_alpha, student_alpha : float or None
        Strengths that were given; None where they were chosen.
    strategy : str
        How the student learned.
    teacher, student, baseline, ceiling : Estimate
        Their main score.
    gain : Estimate
        Student minus teacher.
    pgr : Estimate
        Fraction of the teacher-to-ceiling gap recovered; NaN unless that gap is resolved.
    versus_baseline : Estimate
        Student minus baseline.
    """

    teacher_backbone: str
    student_backbone: str
    head: str
    n: int
    N: int
    teacher_alpha: float | None
    student_alpha: float | None
    strategy: str
    teacher: Estimate
    student: Estimate
    baseline: Estimate
    ceiling: Estimate
    gain: Estimate
    pgr: Estimate
    versus_baseline: Estimate


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """What a sweep found.

    Parameters
    ----------
    config : mapping
        The axes, and what all cells share.
    score : str
        Main score.
    level : float
        Level of the intervals.
    n_test : int
        Test rows of each seed.
    classes : tuple of str, or None
        Names of the classes.
    cells : int
        Points of the grid times seeds; strengths count, strategies do not.
    rows : int
        Rows of the tidy table.
    points : tuple of SweepPoint
        In the order of the axes.
    notes : tuple of str
        What is right but surprising, one sentence each.
    table : mapping of column to list
        The tidy table; it goes into its own file and is no part of ``--json``.
    """

    config: Annotated[Mapping[str, Any], Keys(Backbones, DataConfig, SweepConfig)]
    score: str
    level: float
    n_test: int
    classes: tuple[str, ...] | None
    cells: int
    rows: int
    points: tuple[SweepPoint, ...]
    notes: tuple[str, ...] = ()
    table: Annotated[Mapping[str, list[Any]], Mark.HIDDEN] = field(default_factory=dict, repr=False, compare=False)


def summarize_sweep(
    cells: Iterable[tuple[Place, CellScores]],
    *,
    config: SweepConfig,
    source: SplitSource,
    test: Sequence[NDArray[np.intp]],
    pairs: Sequence[tuple[str, str]],
) -> SweepResult:
    """Return the result of a grid whose cells are finished; nothing is fitted here.

    Parameters
    ----------
    cells : iterable of (Place, CellScores)
        All cells, the seeds of one point one after the other.
    config : SweepConfig
        The axes.
    source : SplitSource
        With the labels.
    test : sequence of int arrays
        Test rows of each seed.
    pairs : sequence of tuple of str
        Names of teacher and student of each pair, in the order of the cells.
    """
    points: list[SweepPoint] = []
    table: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    edges = np.zeros(2, dtype=np.int64)
    judge = _Judge(config, source, test)
    named = iter(pairs)
    count = 0
    for _, of_pair in groupby(cells, key=lambda found: found[0].pair):
        pair = next(named)
        for (head, _, _), of_point in groupby(of_pair, key=lambda found: (found[0].head, found[0].n, found[0].N)):
            seeds = [cell for _, cell in of_point]
            where = {"teacher_backbone": pair[0], "student_backbone": pair[1], "head": config.head[head]}
            points += judge.points(seeds, where)
            for place, cell in enumerate(seeds):
                judge.add_rows(table, cell, {**where, "seed": config.seeds[place], "n_test": len(test[place])})
                edges += [int(cell.at_edge.sum()), len(cell.at_edge)]
            count += len(seeds)
    return SweepResult(
        config=config.to_dict(),
        score=judge.score,
        level=config.level,
        n_test=len(test[0]),
        classes=source.labels.classes,
        cells=count * len(config.teacher_alpha) * len(config.student_alpha),
        rows=len(table["value"]),
        points=tuple(points),
        notes=tuple(_notes(edges, config)),
        table=table,
    )


class _Judge:
    """Scores of a point's seeds as rows that can be compared, and as lines of the table."""

    def __init__(self, config: SweepConfig, source: SplitSource, test: Sequence[NDArray[np.intp]]) -> None:
        self.config = config
        self.metrics = METRICS[config.task]
        self.score = self.metrics[0]
        self.draws = Draws(rows=list(test), level=config.level, seed=min(config.seeds))
        self.sizes = [len(rows) for rows in test]
        self.slots = slots(config)
        self.at = {slot: position for position, slot in enumerate(self.slots)}
        self.bounds = (0.0, 1.0) if source.labels.classes else (-np.inf, 1.0)
        self.denominator = np.ones(sum(self.sizes))
        if source.labels.classes is None:
            truth = [source.labels.values[rows] for rows in test]
            self.denominator = np.concatenate([(y - y.mean()) ** 2 for y in truth])

    def points(self, seeds: Sequence[CellScores], where: Mapping[str, str]) -> Iterator[SweepPoint]:
        """Yield a point for each strategy and pair of strengths."""
        n, N = seeds[0].sizes.tolist()
        known: dict[int, tuple[RowScore, Estimate]] = {}

        def of(slot: Slot) -> tuple[RowScore, Estimate]:
            at = self.at[slot]
            if at not in known:
                row = self._rows(seeds, at)
                known[at] = row, metrics.ratio_of_means(row.numerator, row.denominator, self.draws, bounds=row.bounds)
            return known[at]

        for slot in self.slots:
            if slot.strategy is None or slot.weak is None or slot.strong is None:
                continue
            (student, student_score), (teacher, teacher_score), (baseline, baseline_score), (ceiling, ceiling_score) = (
                of(slot),
                of(Slot("teacher", None, slot.weak, None)),
                of(Slot("baseline", None, None, slot.strong)),
                of(Slot("ceiling", None, None, slot.strong)),
            )
            yield SweepPoint(
                **where,
                n=n,
                N=N,
                teacher_alpha=self.config.teacher_alpha[slot.weak],
                student_alpha=self.config.student_alpha[slot.strong],
                strategy=slot.strategy,
                teacher=teacher_score,
                student=student_score,
                baseline=baseline_score,
                ceiling=ceiling_score,
                gain=metrics.difference(student, teacher, self.draws),
                pgr=metrics.performance_gap_recovered(
                    teacher=teacher, student=student, ceiling=ceiling, draws=self.draws
                ),
                versus_baseline=metrics.difference(student, baseline, self.draws),
            )

    def _rows(self, seeds: Sequence[CellScores], at: int) -> RowScore:
        numerators = [
            np.unpackbits(cell.rows[at], count=m) if cell.rows.dtype == np.uint8 else cell.rows[at]
            for cell, m in zip(seeds, self.sizes, strict=True)
        ]
        whole = np.concatenate(numerators).astype(np.float64)
        return RowScore(numerator=whole, denominator=self.denominator, bounds=self.bounds)

    def add_rows(self, table: dict[str, list[Any]], cell: CellScores, where: Mapping[str, Any]) -> None:
        """Add the lines of one cell: those of each pair of strengths together, shared heads repeated in each."""
        n, N = cell.sizes.tolist()
        values, alpha = cell.values.tolist(), cell.alpha.tolist()
        for weak, teacher_alpha in enumerate(self.config.teacher_alpha):
            for strong, student_alpha in enumerate(self.config.student_alpha):
                own = [s for s in self.slots if s.weak in (None, weak) and s.strong in (None, strong)]
                lines = [(slot, self.at[slot], k) for slot in own for k in range(len(self.metrics))]
                table["n"] += [n] * len(lines)
                table["N"] += [N] * len(lines)
                table["teacher_alpha"] += [teacher_alpha] * len(lines)
                table["student_alpha"] += [student_alpha] * len(lines)
                table["system"] += [slot.system for slot, _, _ in lines]
                table["strategy"] += [slot.strategy for slot, _, _ in lines]
                table["metric"] += [self.metrics[k] for _, _, k in lines]
                table["value"] += [values[at][k] for _, at, k in lines]
                table["alpha"] += [alpha[at] for _, at, _ in lines]
                for name, value in where.items():
                    table[name] += [value] * len(lines)


def _notes(edges: NDArray[np.int64], config: SweepConfig) -> Iterator[str]:
    at_edge, fitted = edges.tolist()
    if at_edge:
        yield (
            f"In {at_edge:,} of {fitted:,} fitted heads the best strength is an end of its grid; a better one may lie "
            "outside."
        )
    if len(config.seeds) == 1:
        yield "One seed: the intervals cover the choice of test rows only, not that of the training rows."
