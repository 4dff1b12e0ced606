"""The result of a grid from its finished cells: a tidy table, and each point with the intervals of `run`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe import metrics
from w2s_probe.core.fit_options import coarse_grid_notes
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.core.types import Float, Rows
from w2s_probe.experiments.sweep.cells import CellScores, Place, Slot, slots
from w2s_probe.experiments.sweep.splits import SplitSource
from w2s_probe.metrics import Draws, GroupRows, RowScore
from w2s_probe.results.estimate import Estimate
from w2s_probe.results.sweep import COLUMNS, EtaContrast, SweepPoint, SweepResult

CLASS_METRICS = ("accuracy", "brier", "log_loss", "ece")
METRICS = {"classification": CLASS_METRICS, "preference": CLASS_METRICS, "regression": ("r2", "squared_error")}


def summarize_sweep(
    cells: Iterable[tuple[Place, CellScores]],
    *,
    config: SweepConfig,
    source: SplitSource,
    test: Sequence[Rows],
    pairs: Sequence[tuple[str, str]],
) -> SweepResult:
    """Return the result of a grid from its finished cells, given in the order of `places`.

    `test` are the test rows of each seed; `pairs` are the names of teacher and student, in the order of the cells.
    """
    points: list[SweepPoint] = []
    contrasts: list[EtaContrast] = []
    table: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    edges = np.zeros(2, dtype=np.int64)
    scorer = _Scorer(config, source, test)
    names = iter(pairs)
    count = 0
    skipped = _Skipped()
    for _, of_pair in groupby(cells, key=lambda cell: cell[0].pair):
        pair = next(names)
        ends = _Ends(scorer)
        for (head, eta, _, _), of_point in groupby(of_pair, key=_point_of):
            seeds = [cell for _, cell in of_point]
            where = {
                "teacher_backbone": pair[0],
                "student_backbone": pair[1],
                "head": config.head[head],
                "eta_labeled": config.eta_labeled[eta[0]],
                "eta_unlabeled": config.eta_unlabeled[eta[1]],
            }
            points += scorer.points(seeds, where)
            contrasts += ends.add(seeds, where)
            for place, cell in enumerate(seeds):
                scorer.add_rows(table, cell, place, {**where, "seed": config.seeds[place]})
                edges += [int(cell.at_edge.sum()), int(np.isfinite(cell.alpha).sum())]
            skipped.add(seeds)
            count += len(seeds)
    return SweepResult(
        config=config.to_dict(),
        score=scorer.score,
        level=config.level,
        n_test=len(test[0]),
        classes=source.labels.classes,
        cells=count * len(config.teacher_alpha) * len(config.student_alpha),
        rows=len(table["value"]),
        points=tuple(points),
        contrasts=tuple(contrasts),
        skipped=skipped.reasons(count) or None,
        notes=tuple(_notes(edges, config, len(source.labels.classes or ()))),
        table=table,
    )


def _point_of(cell: tuple[Place, CellScores]) -> tuple[int, tuple[int, int], int, int]:
    place = cell[0]
    return place.head, place.eta, place.n, place.N


class _Scorer:
    """Turns the cells of a point's seeds into estimates with intervals and into lines of the table."""

    def __init__(self, config: SweepConfig, source: SplitSource, test: Sequence[Rows]) -> None:
        self.config = config
        self.metrics = METRICS[config.task]
        self.score = self.metrics[0]
        items = None if source.links is None else [source.links[rows] for rows in test]
        self.draws = Draws(rows=list(test), level=config.level, seed=min(config.seeds), items=items)
        self.sizes = [len(rows) for rows in test]
        self.groups = source.groups
        codes = np.zeros(len(source.labels), dtype=np.intp) if self.groups is None else self.groups.codes
        self.test_groups = codes[np.concatenate(list(test))]
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

        @cache
        def score_of(slot: Slot) -> tuple[RowScore, Estimate]:
            row = self._rows(seeds, slot)
            return row, metrics.ratio_of_means(row.numerator, row.denominator, self.draws, bounds=row.bounds)

        for slot, settings in self._students(seeds):
            systems = {name: score_of(of_system) for name, of_system in _systems(slot).items()}
            rows = {name: row for name, (row, _) in systems.items()}
            estimates: dict[str, Any] = {name: estimate for name, (_, estimate) in systems.items()}
            yield SweepPoint(
                **where,
                n=n,
                N=N,
                **settings,
                **estimates,
                gain=metrics.difference(rows["student"], rows["teacher"], self.draws),
                pgr=metrics.performance_gap_recovered(
                    teacher=rows["teacher"], student=rows["student"], ceiling=rows["ceiling"], draws=self.draws
                ),
                versus_baseline=metrics.difference(rows["student"], rows["baseline"], self.draws),
                **self._versus_vanilla(seeds, slot, rows["student"], lambda other: score_of(other)[0]),
                **self.worst(rows),
            )

    def contrasts(
        self, before: Sequence[CellScores], after: Sequence[CellScores], where: Mapping[str, Any]
    ) -> Iterator[EtaContrast]:
        """Yield the change between two cells of each seed, for each strategy and pair of strengths."""
        n, N = after[0].sizes.tolist()
        for slot, settings in self._students([*before, *after]):
            systems = {name: of_system for name, of_system in _systems(slot).items() if name != "ceiling"}
            old, new = (
                {name: self._rows(seeds, of_system) for name, of_system in systems.items()} for seeds in (before, after)
            )
            gain_after, gain_before = (
                replace(rows["student"], numerator=rows["student"].numerator - rows["teacher"].numerator)
                for rows in (new, old)
            )
            worst_after, worst_before = self.by_group(new), self.by_group(old)
            changes: dict[str, Any] = {name: metrics.difference(new[name], old[name], self.draws) for name in systems}
            yield EtaContrast(
                **where,
                n=n,
                N=N,
                **settings,
                **changes,
                gain=metrics.difference(gain_after, gain_before, self.draws),
                worst_groups={
                    system: metrics.worst_difference(row, worst_before[system], self.draws)
                    for system, row in worst_after.items()
                }
                or None,
            )

    def _versus_vanilla(
        self, seeds: Sequence[CellScores], slot: Slot, own: RowScore, row_of: Callable[[Slot], RowScore]
    ) -> dict[str, Any]:
        """Return a student minus the vanilla student, also at the level at which all such intervals hold together."""
        plain = replace(slot, strategy="vanilla")
        others = {other.strategy for other, _ in self._students(seeds)} - {"vanilla"}
        if slot == plain or plain not in self.at:
            return {}
        joint = replace(self.draws, level=1 - (1 - self.draws.level) / len(others))
        by_level = {"versus_vanilla": self.draws, "versus_vanilla_adjusted": joint}
        return {name: metrics.difference(own, row_of(plain), draws) for name, draws in by_level.items()}

    def _students(self, seeds: Sequence[CellScores]) -> Iterator[tuple[Slot, dict[str, Any]]]:
        """Yield the slot of each student that all these cells have, with strategy and strengths of its point."""
        for slot in self.slots:
            if any(np.isnan(cell.alpha[self.at[slot]]) for cell in seeds):
                continue
            if slot.strategy is not None and slot.weak is not None and slot.strong is not None:
                teacher_alpha = self.config.teacher_alpha[slot.weak]
                student_alpha = self.config.student_alpha[slot.strong]
                strengths = {"teacher_alpha": teacher_alpha, "student_alpha": student_alpha}
                yield slot, {"strategy": slot.strategy, **strengths}

    def by_group(self, rows: Mapping[str, RowScore]) -> dict[str, GroupRows]:
        """Return each system's accuracy by group; empty without groups, and for regression."""
        if self.groups is None or self.config.task == "regression":
            return {}
        return {
            system: GroupRows.of(row, self.test_groups, self.groups.names, self.groups.shares)
            for system, row in rows.items()
        }

    def worst(self, rows: Mapping[str, RowScore]) -> dict[str, Any]:
        """Return a point's fields about worst groups; empty without groups, and for regression."""
        groups = self.by_group(rows)
        if not groups:
            return {}
        return {
            "worst_groups": {system: by_group.worst(self.draws) for system, by_group in groups.items()},
            "worst_group_gain": metrics.worst_difference(groups["student"], groups["teacher"], self.draws),
            "pgr_worst_group": metrics.worst_gap_recovered(
                teacher=groups["teacher"], student=groups["student"], ceiling=groups["ceiling"], draws=self.draws
            ),
        }

    def _rows(self, seeds: Sequence[CellScores], slot: Slot) -> RowScore:
        """Return the main score of one head, row by row, over all seeds."""
        at = self.at[slot]
        numerators = [
            np.unpackbits(cell.rows[at], count=m) if cell.rows.dtype == np.uint8 else cell.rows[at]
            for cell, m in zip(seeds, self.sizes, strict=True)
        ]
        numerator = np.concatenate(numerators).astype(np.float64)
        return RowScore(numerator=numerator, denominator=self.denominator, bounds=self.bounds)

    def add_rows(self, table: dict[str, list[Any]], cell: CellScores, seed: int, where: Mapping[str, Any]) -> None:
        """Add the lines of one cell to the table, pair of strengths by pair; each pair repeats shared heads."""
        n, N = cell.sizes.tolist()
        of_groups, by_group = self._group_accuracy(cell, seed)
        columns = [(metric, None, self.sizes[seed]) for metric in self.metrics] + of_groups
        values, alpha = np.hstack([cell.values, by_group]).tolist(), cell.alpha.tolist()
        fitted = [slot for slot in self.slots if not math.isnan(alpha[self.at[slot]])]
        for weak, teacher_alpha in enumerate(self.config.teacher_alpha):
            for strong, student_alpha in enumerate(self.config.student_alpha):
                own = [s for s in fitted if s.weak in (None, weak) and s.strong in (None, strong)]
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

    def _group_accuracy(self, cell: CellScores, seed: int) -> tuple[list[tuple[str, str, int]], Float]:
        """Return metric, name and rows of each group of the test rows, and accuracies of shape (heads, groups)."""
        if self.groups is None or self.config.task == "regression":
            return [], np.empty((len(cell.values), 0))
        start = sum(self.sizes[:seed])
        codes = self.test_groups[start : start + self.sizes[seed]]
        right = np.unpackbits(cell.rows.astype(np.uint8), axis=1, count=len(codes)).astype(np.float64)
        present = np.unique(codes)
        members = codes[:, None] == present
        columns = [
            (self.score, self.groups.names[code], int(rows))
            for code, rows in zip(present.tolist(), members.sum(axis=0), strict=True)
        ]
        return columns, right @ members / members.sum(axis=0)


def _systems(student: Slot) -> dict[str, Slot]:
    """Return the slots of a student and of its teacher, baseline and ceiling."""
    return {
        "teacher": Slot("teacher", None, student.weak, None),
        "student": student,
        "baseline": Slot("baseline", None, None, student.strong),
        "ceiling": Slot("ceiling", None, None, student.strong),
    }


class _Ends:
    """Collects the cells at both ends of the axis of `eta_labeled` and contrasts them."""

    def __init__(self, scorer: _Scorer) -> None:
        self.scorer = scorer
        etas = [eta for eta in scorer.config.eta_labeled if eta is not None]
        self.ends = (min(etas), max(etas)) if len(etas) > 1 else None
        self.cells: dict[object, dict[float, Sequence[CellScores]]] = {}

    def add(self, seeds: Sequence[CellScores], where: Mapping[str, Any]) -> Iterator[EtaContrast]:
        """Add the cells of one point; yield the contrasts if the other end, with pools of the same size, is present."""
        if self.ends is None or where["eta_labeled"] not in self.ends:
            return
        shared = {name: value for name, value in where.items() if name != "eta_labeled"}
        sizes = tuple(tuple(cell.sizes.tolist()) for cell in seeds)
        cells = self.cells.setdefault((*shared.values(), sizes), {})
        cells[where["eta_labeled"]] = seeds
        if len(cells) == len(self.ends):
            low, high = self.ends
            fields = {**shared, "from_eta_labeled": low, "to_eta_labeled": high}
            yield from self.scorer.contrasts(cells[low], cells[high], fields)


class _Skipped:
    """Collects why strategies do not apply."""

    def __init__(self) -> None:
        self._reasons: dict[str, list[str]] = {}

    def add(self, cells: Iterable[CellScores]) -> None:
        """Add the reasons of some cells."""
        for name, reason in (item for cell in cells for item in cell.reasons().items()):
            self._reasons.setdefault(name, []).append(reason)

    def reasons(self, cells: int) -> dict[str, str]:
        """Return a reason for each strategy, with the number of cells unless it applies in none of all `cells`."""
        return {
            name: own[0] if len(own) == cells else f"in {len(own):,} of {cells:,} cells: {own[0]}"
            for name, own in self._reasons.items()
        }


def _notes(edges: NDArray[np.int64], config: SweepConfig, classes: int) -> Iterator[str]:
    for head in config.head:
        yield from coarse_grid_notes(head, classes, config.alphas)
    at_edge, fitted = edges.tolist()
    if at_edge:
        yield (
            f"In {at_edge:,} of {fitted:,} fitted heads the chosen strength is an end of its widest grid. A better one "
            "may lie outside: give `teacher_alpha` or `student_alpha`, use `scale` standard, or other features."
        )
    if len(config.seeds) == 1:
        yield "One seed: the intervals cover the choice of test rows only, not the choice of training rows."
