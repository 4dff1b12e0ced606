"""Fits and scores all cells of one pair, one seed and one kind of head.

Ridge heads on unscaled features come from moments: one pass over the features for all pools, and one
eigendecomposition for each pool, which all n and strengths share. Other strategies and kinds of head are fitted by
`fit_seed`, which receives the heads that are fitted already.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import cast

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.config import System, W2SConfig
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.fit_options import Head
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.linked_rows import LinkedRows
from w2s_probe.core.predictions import Predictions, raw_scores
from w2s_probe.core.row_view import row_view
from w2s_probe.core.splits import SplitGrid
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.core.types import Float, Rows
from w2s_probe.experiments.run.outcome import SeedOutcome
from w2s_probe.experiments.run.protocol import check_labeled, fit_seed
from w2s_probe.experiments.sweep.cells import CellScores, text_bytes
from w2s_probe.experiments.sweep.pools import blocks_of, pool_moments, with_rows
from w2s_probe.heads import LinearHead, PoolFits
from w2s_probe.heads.given import given_head
from w2s_probe.heads.ridge import Rule, chosen_head, head_of_path
from w2s_probe.linalg.loo import loo_score_of_rows
from w2s_probe.linalg.moments import Moments
from w2s_probe.linalg.ridge import RidgePath, path_of_gram
from w2s_probe.linalg.spectra import Spectrum, spectrum_of_gram
from w2s_probe.linalg.teacher_student import student_path
from w2s_probe.metrics import RowScore, classification_rows, regression_rows
from w2s_probe.strategies import Scorer, chosen_strategies
from w2s_probe.strategies.registry import ALL

HeadScores = tuple[float, bool, Float, Float]  # strength, whether at an edge, scores, rows of the main score


def fit_cells(
    teacher: FeatureSet,
    student: FeatureSet,
    labels: Labels,
    *,
    more_teachers: Sequence[FeatureSet] = (),
    groups: Groups | None,
    links: Rows | None = None,
    grid: SplitGrid,
    config: SweepConfig,
    head: Head,
    sizes: Collection[tuple[int, int]],
) -> Iterator[tuple[tuple[int, int], CellScores]]:
    """Yield each cell of one seed's splits once it is fitted; `sizes` are the positions of the cells among n and N.

    Strategies see `more_teachers` too; the vanilla student and the cell's teacher are those of `teacher`.
    """
    shared = _SharedHeads(teacher, student, labels, more_teachers, groups, links, grid, config, head)
    for at, moments in shared.pools():
        cells = [(i, j) for i, j in sorted(sizes) if grid.pool_of[i][j] == at]
        if cells:
            pool = _PoolCells(shared, at, moments)
            for i, j in cells:
                yield (i, j), pool.cell(i, j)


class _SharedHeads:
    """Data of all pools: settings of each strength, features of the test rows, heads on the labeled rows."""

    def __init__(
        self,
        teacher: FeatureSet,
        student: FeatureSet,
        labels: Labels,
        more_teachers: Sequence[FeatureSet],
        groups: Groups | None,
        links: Rows | None,
        grid: SplitGrid,
        config: SweepConfig,
        head: Head,
    ) -> None:
        self.teacher, *self.more_teachers = (raw_scores(features, head) for features in (teacher, *more_teachers))
        self.student, self.labels, self.groups, self.grid = student, labels, groups, grid
        self.links = links
        self.configs = [
            [config.run_config(head, weak, strong) for strong in config.student_alpha] for weak in config.teacher_alpha
        ]
        self.base = self.configs[0][0]
        self.from_moments = head == "ridge" and self.base.scale == "none"
        vanilla_from_moments = self.from_moments and self.base.pseudolabels == "soft"
        self.strategies = chosen_strategies(config.strategies)
        self.by_protocol = tuple(n for n in self.strategies if not (vanilla_from_moments and n == "vanilla"))
        named = tuple(name for name in config.strategies if name in self.by_protocol)
        self.to_fit = (
            (*named, ALL) if ALL in config.strategies else named
        )  # those that only ``all`` names may be skipped
        self.fits = PoolFits()
        self.truth = labels.values[grid.test]
        self._heads: dict[tuple[System, int], list[LinearHead]] = {}
        self._scores: dict[tuple[System, int], list[HeadScores]] = {}

    @cached_property
    def pairs(self) -> LinkedRows | None:
        """Return which items the pairs of all sizes have; None for other rows."""
        if self.links is None:
            return None
        grid, spaces = self.grid, (self.teacher, *self.more_teachers, self.student)
        both = [
            np.concatenate([rows, grid.pools[pool]])
            for rows, pools in zip(grid.labeled, grid.pool_of, strict=True)
            for pool in pools
        ]
        own = [*grid.labeled, *grid.pools, *both]
        used = np.unique(np.concatenate(own))
        parts = [np.searchsorted(used, rows) for rows in own]
        return LinkedRows(self.links[used], [row_view(features.X, used) for features in spaces], parts=parts)

    @cached_property
    def arrays(self) -> dict[str, NDArray[np.floating]]:
        return blocks_of(self.teacher, self.student, self.labels)

    @cached_property
    def test_features(self) -> dict[str, Float]:
        return {
            "teacher": self.teacher.X[self.grid.test].astype(np.float64),
            "student": self.student.X[self.grid.test].astype(np.float64),
        }

    def pools(self) -> Iterator[tuple[int, Moments | None]]:
        """Yield the position of every pool with its moments; None where heads do not come from moments."""
        if self.from_moments:
            yield from pool_moments(self.arrays, self.grid.pools)
        else:
            yield from ((at, None) for at in range(len(self.grid.pools)))

    def configs_of(self, system: System) -> list[W2SConfig]:
        """Return the settings of a system, one for each of its strengths."""
        return [row[0] for row in self.configs] if system == "teacher" else self.configs[0]

    def labeled_heads(self, system: System, i: int) -> list[LinearHead]:
        """Return the heads of a system on the labeled rows of the i-th n, one for each strength."""
        if (system, i) not in self._heads:
            features = self.teacher if system == "teacher" else self.student
            rows = self.grid.labeled[i]
            Y = self.labels.targets(rows)
            if self.links is None:
                check_labeled(Y, self.grid.seed)
            self._heads[system, i] = self.fit(system, features.X[rows], Y)
        return self._heads[system, i]

    def labeled_scores(self, system: System, i: int) -> list[HeadScores]:
        """Return the test scores of the heads of a system on the labeled rows of the i-th n."""
        if (system, i) not in self._scores:
            space = "teacher" if system == "teacher" else "student"
            self._scores[system, i] = self.test(self.labeled_heads(system, i), space)
        return self._scores[system, i]

    def fit(self, system: System, X: NDArray[np.floating], Y: Float) -> list[LinearHead]:
        """Return the heads of a system on features and targets; ridge heads share a spectrum."""
        options = [config.fit_options(system) for config in self.configs_of(system)]
        if system == "teacher" and isinstance(self.teacher, Predictions):
            return [given_head(option.kind, Y.shape[1]) for option in options]
        self.fits.pairs = self.pairs  # `fit_seed` leaves those of its own split
        spectrum = self.fits.spectrum(X, options[0].scale) if options[0].kind == "ridge" else None
        return [self.fits.fit(X, Y, option, spectrum=spectrum) for option in options]

    def test(self, heads: Sequence[LinearHead], space: str) -> list[HeadScores]:
        """Return the test scores of several heads on one feature space, their raw scores as one product."""
        coef, intercept = (np.hstack([getattr(head, name) for head in heads]) for name in ("coef", "intercept"))
        raw = (coef.T @ self.test_features[space].T).T + intercept  # column by column: fast sums over few classes
        columns = np.split(raw, len(heads), axis=1)
        return [self.head_scores(head, scores) for head, scores in zip(heads, columns, strict=True)]

    def head_scores(self, head: Scorer, raw: Float) -> HeadScores:
        """Return the test scores of a head with these raw scores on the test rows."""
        rows = (
            regression_rows(raw[:, 0], self.truth)
            if self.labels.classes is None
            else classification_rows(raw, head.probabilities(raw), self.truth)
        )
        main = next(iter(rows.values()))
        return float(head.alpha), bool(head.at_edge), np.array([_mean(row) for row in rows.values()]), main.numerator


class _PoolCells:
    """Fits and scores the cells of one pool."""

    def __init__(self, shared: _SharedHeads, at: int, moments: Moments | None) -> None:
        self.shared, self.at, self.moments = shared, at, moments
        self.rows = shared.grid.pools[at]
        self._ceilings: dict[int, tuple[list[LinearHead], list[HeadScores]]] = {}

    def cell(self, i: int, j: int) -> CellScores:
        """Return the scores of all heads at the i-th n and the j-th N."""
        shared = self.shared
        heads, ceilings = self.ceilings(i)
        students, skipped = self.by_protocol(i, j, heads) if shared.by_protocol else ({}, {})
        if len(shared.by_protocol) < len(shared.strategies):
            students["vanilla"] = self.vanilla(i)
        scores = [*shared.labeled_scores("teacher", i), *shared.labeled_scores("baseline", i), *ceilings]
        for name in shared.strategies:
            scores += students[name]
        alpha, at_edge, values, numerators = zip(*scores, strict=True)
        rows = np.array(numerators)
        return CellScores(
            values=np.array(values),
            alpha=np.array(alpha),
            at_edge=np.array(at_edge),
            rows=rows if shared.labels.classes is None else np.packbits(rows.astype(np.bool_), axis=1),
            sizes=np.array([len(shared.grid.labeled[i]), len(self.rows)]),
            skipped=text_bytes(skipped),
        )

    @cached_property
    def spectrum(self) -> Spectrum:
        pool = cast("Moments", self.moments)
        return spectrum_of_gram(pool.gram("student"), n=pool.n, mean=pool.mean_of("student"))

    def vanilla(self, i: int) -> list[HeadScores]:
        """Return the test scores of the vanilla students of each teacher; pseudolabels are never computed."""
        pool = cast("Moments", self.moments)
        heads = []
        for weak in self.shared.labeled_heads("teacher", i):
            make = partial(student_path, pool, weak.coef, weak.intercept, spectrum=self.spectrum)
            heads += _heads(make, self.shared.configs_of("student"), lambda path: path.gcv, "gcv")
        return self.shared.test(heads, "student")

    def ceilings(self, i: int) -> tuple[list[LinearHead], list[HeadScores]]:
        """Return the ceiling's heads, one for each strength, and their test scores."""
        own = i if self.shared.base.ceiling == "L+U" else -1
        if own not in self._ceilings:
            labeled = self.shared.grid.labeled[i] if own >= 0 else np.empty(0, dtype=np.intp)
            heads = self._ceiling_heads(labeled)
            self._ceilings[own] = heads, self.shared.test(heads, "student")
        return self._ceilings[own]

    def _ceiling_heads(self, labeled: Rows) -> list[LinearHead]:
        shared = self.shared
        rows = np.concatenate([labeled, self.rows])
        if self.moments is None:
            X = row_view(shared.student.X, rows) if len(labeled) else shared.fits.hold(shared.student.X, rows)
            return shared.fit("ceiling", X, shared.labels.targets(rows))
        top = with_rows(self.moments, shared.arrays, labeled) if len(labeled) else self.moments
        make = partial(
            path_of_gram,
            top.gram("student"),
            top.gram("student", "labels"),
            n=top.n,
            mean=top.mean_of("student"),
            target_mean=top.mean_of("labels"),
            total=float(np.trace(top.gram("labels"))),
            spectrum=None if len(labeled) else self.spectrum,
        )
        in_order = np.sort(rows)

        def error(path: RidgePath) -> Float:
            return loo_score_of_rows(path, shared.student.X, in_order, shared.labels.targets)

        return _heads(make, shared.configs_of("ceiling"), error, "loo")

    def by_protocol(
        self, i: int, j: int, ceilings: Sequence[LinearHead]
    ) -> tuple[dict[str, list[HeadScores]], dict[str, str]]:
        """Return the test scores of strategies that do not come from moments, each teacher with each strength.

        A strategy that does not apply has scores of NaN; its reason is in the second mapping.
        """
        shared = self.shared
        skipped: dict[str, str] = {}
        scores: dict[str, list[HeadScores]] = {name: [] for name in shared.by_protocol}
        baselines = shared.labeled_heads("baseline", i)
        for teacher, row in zip(shared.labeled_heads("teacher", i), shared.configs, strict=True):
            for baseline, ceiling, config in zip(baselines, ceilings, row, strict=True):
                outcome = fit_seed(
                    shared.teacher,
                    shared.student,
                    shared.labels,
                    split=shared.grid.split(i, j),
                    config=replace(config, strategies=shared.to_fit),
                    groups=shared.groups,
                    more_teachers=shared.more_teachers,
                    links=shared.links,
                    fitted={"teacher": teacher, "baseline": baseline, "ceiling": ceiling},
                    fits=shared.fits,
                )
                skipped |= outcome.skipped
                for name, of_strategy in scores.items():
                    of_strategy.append(self._own(outcome, name, i))
        return scores, skipped

    def _own(self, outcome: SeedOutcome, name: str, i: int) -> HeadScores:
        """Return the test scores of a strategy's student; NaN if it was skipped."""
        if name not in outcome.students:
            return _nothing(self.shared.labeled_scores("baseline", i)[0])
        return self.shared.head_scores(outcome.students[name].head, outcome.test_scores[name])


def _heads(
    make: Callable[..., RidgePath],
    configs: Sequence[W2SConfig],
    score: Callable[[RidgePath], Float],
    rule: Rule,
) -> list[LinearHead]:
    """Return the heads at the strengths of these settings; all fixed strengths share one path."""
    alphas = [config.student_alpha for config in configs if isinstance(config.student_alpha, float)]
    fixed = make(alphas=alphas) if alphas else None
    position = iter(range(len(alphas)))
    heads = []
    for config in configs:
        if isinstance(config.student_alpha, float) and fixed is not None:
            heads.append(head_of_path(fixed, next(position)))
        else:
            path = make(points=config.alphas)
            heads.append(chosen_head(path, score, rule=rule))
    return heads


def _nothing(like: HeadScores) -> HeadScores:
    """Return the scores of a head that does not exist: NaN, with the shapes of those of another head."""
    return math.nan, False, np.full_like(like[2], np.nan), np.zeros_like(like[3])


def _mean(row: RowScore) -> float:
    return float(row.numerator.mean() / row.denominator.mean())
