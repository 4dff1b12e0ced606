"""What the cells of a grid say: one tidy table, and for each point the intervals over seeds that `run` gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe import metrics
from w2s_probe.core.config import SweepConfig
from w2s_probe.core.types import Float, Rows
from w2s_probe.experiments.sweep.cells import CellScores, Place, Slot, slots
from w2s_probe.experiments.sweep.splits import SplitSource
from w2s_probe.metrics import Draws, GroupRows, RowScore
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.sweep import EtaContrast, SweepPoint, SweepResult

# one row a cell, head and score
COLUMNS: dict[str, type] = {
    "teacher_backbone": str,
    "student_backbone": str,
    "head": str,
    "n": int,
    "N": int,
    "eta_labeled": float,
    "eta_unlabeled": float,
    "teacher_alpha": float,
    "student_alpha": float,
    "seed": int,
    "system": str,
    "strategy": str,
    "group": str,
    "metric": str,
    "value": float,
    "alpha": float,
    "n_test": int,
}
METRICS = {"classification": ("accuracy", "brier", "log_loss", "ece"), "regression": ("r2", "squared_error")}


def summarize_sweep(
    cells: Iterable[tuple[Place, CellScores]],
    *,
    config: SweepConfig,
    source: SplitSource,
    test: Sequence[Rows],
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
    contrasts: list[EtaContrast] = []
    table: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    edges = np.zeros(2, dtype=np.int64)
    judge = _Judge(config, source, test)
    named = iter(pairs)
    count = 0
    for _, of_pair in groupby(cells, key=lambda found: found[0].pair):
        pair = next(named)
        ends = _Ends(judge)
        for (head, eta, _, _), of_point in groupby(of_pair, key=_point_of):
            seeds = [cell for _, cell in of_point]
            where = {
                "teacher_backbone": pair[0],
                "student_backbone": pair[1],
                "head": config.head[head],
                "eta_labeled": config.eta_labeled[eta[0]],
                "eta_unlabeled": config.eta_unlabeled[eta[1]],
            }
            points += judge.points(seeds, where)
            contrasts += ends.add(seeds, where)
            for place, cell in enumerate(seeds):
                judge.add_rows(table, cell, place, {**where, "seed": config.seeds[place]})
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
        contrasts=tuple(contrasts),
        notes=tuple(_notes(edges, config)),
        table=table,
    )


def _point_of(found: tuple[Place, CellScores]) -> tuple[int, tuple[int, int], int, int]:
    place = found[0]
    return place.head, place.eta, place.n, place.N


class _Judge:
    """Scores of a point's seeds as rows that can be compared, and as lines of the table."""

    def __init__(self, config: SweepConfig, source: SplitSource, test: Sequence[Rows]) -> None:
        self.config = config
        self.metrics = METRICS[config.task]
        self.score = self.metrics[0]
        self.draws = Draws(rows=list(test), level=config.level, seed=min(config.seeds))
        self.sizes = [len(rows) for rows in test]
        self.groups = source.groups
        codes = np.zeros(len(source.labels), dtype=np.intp) if self.groups is None else self.groups.codes
        self.tested = codes[np.concatenate(list(test))]
        self.slots = slots(config)
        self.at = {slot: position for position, slot in enumerate(self.slots)}
        self.bounds = (0.0, 1.0) if source.labels.classes else (-np.inf, 1.0)
        self.denominator = np.ones(sum(self.sizes))
        if source.labels.classes is None:
            truth = [source.labels.values[rows] for rows in test]
            self.denominator = np.concatenate([(y - y.mean()) ** 2 for y in truth])

    def points(self, seeds: Sequence[CellScores], where: Mapping[str, Any]) -> Iterator[SweepPoint]:
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
                **self.worst({"teacher": teacher, "student": student, "baseline": baseline, "ceiling": ceiling}),
            )

    def contrasts(
        self, before: Sequence[CellScores], after: Sequence[CellScores], where: Mapping[str, Any]
    ) -> Iterator[EtaContrast]:
        """Yield for each strategy and pair of strengths what changed from the seeds' first cells to others."""
        n, N = after[0].sizes.tolist()
        for slot in self.slots:
            if slot.strategy is None or slot.weak is None or slot.strong is None:
                continue
            wanted = {
                "teacher": Slot("teacher", None, slot.weak, None),
                "student": slot,
                "baseline": Slot("baseline", None, None, slot.strong),
            }
            old, new = (
                {system: self._rows(seeds, self.at[each]) for system, each in wanted.items()}
                for seeds in (before, after)
            )
            gain_after, gain_before = (
                replace(rows["student"], numerator=rows["student"].numerator - rows["teacher"].numerator)
                for rows in (new, old)
            )
            worst_after, worst_before = self.by_group(new), self.by_group(old)
            changes = {system: metrics.difference(new[system], old[system], self.draws) for system in wanted}
            yield EtaContrast(
                **where,
                n=n,
                N=N,
                teacher_alpha=self.config.teacher_alpha[slot.weak],
                student_alpha=self.config.student_alpha[slot.strong],
                strategy=slot.strategy,
                teacher=changes["teacher"],
                student=changes["student"],
                baseline=changes["baseline"],
                gain=metrics.difference(gain_after, gain_before, self.draws),
                worst_groups={
                    system: metrics.worst_difference(row, worst_before[system], self.draws)
                    for system, row in worst_after.items()
                }
                or None,
            )

    def by_group(self, rows: Mapping[str, RowScore]) -> dict[str, GroupRows]:
        """Return each system's accuracy by group, if there are groups of classes."""
        if self.groups is None or self.config.task == "regression":
            return {}
        return {
            system: GroupRows.of(row, self.tested, self.groups.names, self.groups.shares)
            for system, row in rows.items()
        }

    def worst(self, rows: Mapping[str, RowScore]) -> dict[str, Any]:
        """Return what a point says of worst groups, if there are groups of classes."""
        found = self.by_group(rows)
        if not found:
            return {}
        return {
            "worst_groups": {system: each.worst(self.draws) for system, each in found.items()},
            "worst_group_gain": metrics.worst_difference(found["student"], found["teacher"], self.draws),
            "pgr_worst_group": metrics.worst_gap_recovered(
                teacher=found["teacher"], student=found["student"], ceiling=found["ceiling"], draws=self.draws
            ),
        }

    def _rows(self, seeds: Sequence[CellScores], at: int) -> RowScore:
        numerators = [
            np.unpackbits(cell.rows[at], count=m) if cell.rows.dtype == np.uint8 else cell.rows[at]
            for cell, m in zip(seeds, self.sizes, strict=True)
        ]
        whole = np.concatenate(numerators).astype(np.float64)
        return RowScore(numerator=whole, denominator=self.denominator, bounds=self.bounds)

    def add_rows(self, table: dict[str, list[Any]], cell: CellScores, seed: int, where: Mapping[str, Any]) -> None:
        """Add the lines of one cell: those of each pair of strengths together, shared heads repeated in each."""
        n, N = cell.sizes.tolist()
        of_groups, by_group = self._by_group(cell, seed)
        columns = [(metric, None, self.sizes[seed]) for metric in self.metrics] + of_groups
        values, alpha = np.hstack([cell.values, by_group]).tolist(), cell.alpha.tolist()
        for weak, teacher_alpha in enumerate(self.config.teacher_alpha):
            for strong, student_alpha in enumerate(self.config.student_alpha):
                own = [s for s in self.slots if s.weak in (None, weak) and s.strong in (None, strong)]
                lines = [(slot, self.at[slot], k) for slot in own for k in range(len(columns))]
                table["n"] += [n] * len(lines)
                table["N"] += [N] * len(lines)
                table["teacher_alpha"] += [teacher_alpha] * len(lines)
                table["student_alpha"] += [student_alpha] * len(lines)
                table["system"] += [slot.system for slot, _, _ in lines]
                table["strategy"] += [slot.strategy for slot, _, _ in lines]
                for name, column in zip(("metric", "group", "n_test"), zip(*columns, strict=True), strict=True):
                    table[name] += [column[k] for _, _, k in lines]
                table["value"] += [values[at][k] for _, at, k in lines]
                table["alpha"] += [alpha[at] for _, at, _ in lines]
                for name, value in where.items():
                    table[name] += [value] * len(lines)

    def _by_group(self, cell: CellScores, seed: int) -> tuple[list[tuple[str, str, int]], Float]:
        """Return metric, name and rows of each tested group, and the accuracy of each head in it."""
        if self.groups is None or self.config.task == "regression":
            return [], np.empty((len(cell.values), 0))
        start = sum(self.sizes[:seed])
        codes = self.tested[start : start + self.sizes[seed]]
        right = np.unpackbits(cell.rows.astype(np.uint8), axis=1, count=len(codes)).astype(np.float64)
        present = np.unique(codes)
        members = codes[:, None] == present
        named = [
            (self.score, self.groups.names[code], int(rows))
            for code, rows in zip(present.tolist(), members.sum(axis=0), strict=True)
        ]
        return named, right @ members / members.sum(axis=0)


class _Ends:
    """Cells at both ends of the axis of `eta_labeled`, kept until the other end has come."""

    def __init__(self, judge: _Judge) -> None:
        self.judge = judge
        etas = [eta for eta in judge.config.eta_labeled if eta is not None]
        self.ends = (min(etas), max(etas)) if len(etas) > 1 else None
        self.kept: dict[object, dict[float, Sequence[CellScores]]] = {}

    def add(self, seeds: Sequence[CellScores], where: Mapping[str, Any]) -> Iterator[EtaContrast]:
        """Yield what changed between the ends, once both are there, with pools of one size."""
        if self.ends is None or where["eta_labeled"] not in self.ends:
            return
        shared = {name: value for name, value in where.items() if name != "eta_labeled"}
        sizes = tuple(tuple(cell.sizes.tolist()) for cell in seeds)
        found = self.kept.setdefault((*shared.values(), sizes), {})
        found[where["eta_labeled"]] = seeds
        if len(found) == len(self.ends):
            low, high = self.ends
            named = {**shared, "from_eta_labeled": low, "to_eta_labeled": high}
            yield from self.judge.contrasts(found[low], found[high], named)


def _notes(edges: NDArray[np.int64], config: SweepConfig) -> Iterator[str]:
    at_edge, fitted = edges.tolist()
    if at_edge:
        yield (
            f"In {at_edge:,} of {fitted:,} fitted heads the best strength is an end of its grid; a better one may lie "
            "outside."
        )
    if len(config.seeds) == 1:
        yield "One seed: the intervals cover the choice of test rows only, not that of the training rows."
