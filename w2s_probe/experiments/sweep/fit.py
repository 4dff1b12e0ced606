"""All cells of one pair, one seed and one kind of head.

Ridge heads on unscaled features come from moments: one pass over the features for all pools, one
eigendecomposition a pool, shared by every n and strength. What moments cannot say, other strategies
and kinds of head, is fitted by the protocol, which is given every head that is known already.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.config import Head, SweepConfig, System, W2SConfig
from w2s_probe.core.features import FeatureSet
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import SplitGrid
from w2s_probe.core.types import Float, Rows
from w2s_probe.experiments.run.protocol import check_labeled, fit_seed
from w2s_probe.experiments.sweep.cells import CellScores
from w2s_probe.experiments.sweep.pools import blocks_of, pool_moments, with_rows
from w2s_probe.heads import LinearHead, PoolFits
from w2s_probe.heads.ridge import chosen_head, head_of_path
from w2s_probe.linalg.loo import loo_error_of_rows
from w2s_probe.linalg.moments import Moments
from w2s_probe.linalg.ridge import RidgePath, path_of_gram
from w2s_probe.linalg.spectra import Spectrum, spectrum_of_gram
from w2s_probe.linalg.teacher_student import student_path
from w2s_probe.metrics import RowScore, classification_rows, regression_rows
from w2s_probe.strategies import Scorer

Scored = tuple[float, bool, Float, Float]  # strength, whether at an edge, scores, rows of the main score


def fit_cells(
    teacher: FeatureSet,
    student: FeatureSet,
    labels: Labels,
    *,
    groups: Groups | None,
    grid: SplitGrid,
    config: SweepConfig,
    head: Head,
    wanted: Collection[tuple[int, int]],
) -> Iterator[tuple[tuple[int, int], CellScores]]:
    """Yield the cells that are wanted, by their positions among n and N, as they are finished.

    Parameters
    ----------
    teacher, student : FeatureSet
        Features of the same rows.
    labels : Labels
        Ground truth of all rows.
    groups : Groups or None
        Of all rows.
    grid : SplitGrid
        Splits of one seed.
    config : SweepConfig
        The axes.
    head : {"ridge", "softmax"}
        Kind of the heads.
    wanted : collection of tuple of int
        Positions of n and N.
    """
    unit = _Unit(teacher, student, labels, groups, grid, config, head)
    for at, moments in unit.pools():
        cells = [(i, j) for i, j in sorted(wanted) if grid.pool_of[i][j] == at]
        if cells:
            pool = _Pool(unit, at, moments)
            for i, j in cells:
                yield (i, j), pool.cell(i, j)


class _Unit:
    """What all pools share: heads on labeled rows, test rows, settings at each strength."""

    def __init__(
        self,
        teacher: FeatureSet,
        student: FeatureSet,
        labels: Labels,
        groups: Groups | None,
        grid: SplitGrid,
        config: SweepConfig,
        head: Head,
    ) -> None:
        self.teacher, self.student, self.labels, self.groups, self.grid = teacher, student, labels, groups, grid
        self.configs = [
            [config.run_config(head, weak, strong) for strong in config.student_alpha] for weak in config.teacher_alpha
        ]
        self.base = self.configs[0][0]
        self.from_moments = head == "ridge" and self.base.scale == "none"
        direct = self.from_moments and self.base.pseudolabels == "soft"
        self.others = tuple(name for name in config.strategies if not (direct and name == "vanilla"))
        self.fits = PoolFits()
        self.truth = labels.values[grid.test]
        self._fitted: dict[tuple[System, int], list[LinearHead]] = {}
        self._scored: dict[tuple[System, int], list[Scored]] = {}

    @cached_property
    def arrays(self) -> dict[str, NDArray[np.floating]]:
        return blocks_of(self.teacher, self.student, self.labels)

    @cached_property
    def tested(self) -> dict[str, Float]:
        return {
            "teacher": self.teacher.X[self.grid.test].astype(np.float64),
            "student": self.student.X[self.grid.test].astype(np.float64),
        }

    def pools(self) -> Iterator[tuple[int, Moments | None]]:
        """Yield every pool with its moments, if they are of use."""
        if self.from_moments:
            yield from pool_moments(self.arrays, self.grid.pools)
        else:
            yield from ((at, None) for at in range(len(self.grid.pools)))

    def over(self, system: System) -> list[W2SConfig]:
        """Return the settings along the strengths of a system."""
        return [row[0] for row in self.configs] if system == "teacher" else self.configs[0]

    def labeled(self, system: System, i: int) -> list[LinearHead]:
        """Return the heads of a system on the labeled rows, one a strength."""
        if (system, i) not in self._fitted:
            features = self.teacher if system == "teacher" else self.student
            rows = self.grid.labeled[i]
            Y = self.labels.targets(rows)
            check_labeled(Y, self.grid.seed)
            self._fitted[system, i] = self.fitted(system, features.X[rows], Y)
        return self._fitted[system, i]

    def fitted(self, system: System, X: NDArray[np.floating], Y: Float) -> list[LinearHead]:
        """Return the heads of a system on some rows; ridge heads share a spectrum."""
        options = [config.fit_options(system) for config in self.over(system)]
        spectrum = self.fits.spectrum(X, options[0].scale) if options[0].kind == "ridge" else None
        return [self.fits.fit(X, Y, option, spectrum=spectrum) for option in options]

    def scored(self, system: System, i: int) -> list[Scored]:
        """Return what the heads of a system on the labeled rows score."""
        if (system, i) not in self._scored:
            of = "teacher" if system == "teacher" else "student"
            self._scored[system, i] = self.test(self.labeled(system, i), of)
        return self._scored[system, i]

    def test(self, heads: Sequence[LinearHead], of: str) -> list[Scored]:
        """Return what several heads score, their raw scores as one product."""
        coef, intercept = (np.hstack([getattr(head, name) for head in heads]) for name in ("coef", "intercept"))
        raw = (coef.T @ self.tested[of].T).T + intercept  # column by column: sums over few classes are then fast
        columns = np.split(raw, len(heads), axis=1)
        return [self.judged(head, scores) for head, scores in zip(heads, columns, strict=True)]

    def judged(self, head: Scorer, raw: Float) -> Scored:
        """Return what a head with these raw scores on the test rows scores."""
        rows = (
            regression_rows(raw[:, 0], self.truth)
            if self.labels.classes is None
            else classification_rows(raw, head.probabilities(raw), self.truth)
        )
        main = next(iter(rows.values()))
        return float(head.alpha), bool(head.at_edge), np.array([_mean(row) for row in rows.values()]), main.numerator


class _Pool:
    """The cells of one pool."""

    def __init__(self, unit: _Unit, at: int, moments: Moments | None) -> None:
        self.unit, self.at, self.moments = unit, at, moments
        self.rows = unit.grid.pools[at]
        self._ceilings: dict[int, tuple[list[LinearHead], list[Scored]]] = {}

    def cell(self, i: int, j: int) -> CellScores:
        """Return the scores of all heads at the i-th n."""
        unit = self.unit
        heads, ceilings = self.ceilings(i)
        of_strategy = self.by_protocol(i, j, heads) if unit.others else {}
        if len(unit.others) < len(unit.base.strategies):
            of_strategy["vanilla"] = self.vanilla(i)
        found = [*unit.scored("teacher", i), *unit.scored("baseline", i), *ceilings]
        for name in unit.base.strategies:
            found += of_strategy[name]
        alpha, at_edge, values, rows = zip(*found, strict=True)
        kept = np.array(rows)
        return CellScores(
            values=np.array(values),
            alpha=np.array(alpha),
            at_edge=np.array(at_edge),
            rows=kept if unit.labels.classes is None else np.packbits(kept.astype(np.bool_), axis=1),
            sizes=np.array([len(unit.grid.labeled[i]), len(self.rows)]),
        )

    @cached_property
    def spectrum(self) -> Spectrum:
        pool = cast("Moments", self.moments)
        return spectrum_of_gram(pool.gram("student"), n=pool.n, mean=pool.mean_of("student"))

    def vanilla(self, i: int) -> list[Scored]:
        """Return the plain students of each teacher, whose pseudolabels never exist."""
        heads = []
        for weak in self.unit.labeled("teacher", i):
            make = _along(
                student_path, cast("Moments", self.moments), weak.coef, weak.intercept, spectrum=self.spectrum
            )
            heads += _heads(make, self.unit.over("student"), lambda path: path.gcv, "gcv")
        return self.unit.test(heads, "student")

    def ceilings(self, i: int) -> tuple[list[LinearHead], list[Scored]]:
        """Return the ceiling's heads, one a strength, and what they score."""
        own = i if self.unit.base.ceiling == "L+U" else -1
        if own not in self._ceilings:
            labeled = self.unit.grid.labeled[i] if own >= 0 else np.empty(0, dtype=np.intp)
            heads = self._ceiling_heads(labeled)
            self._ceilings[own] = heads, self.unit.test(heads, "student")
        return self._ceilings[own]

    def _ceiling_heads(self, labeled: Rows) -> list[LinearHead]:
        unit = self.unit
        rows = np.concatenate([labeled, self.rows])
        if self.moments is None:
            X = unit.student.X
            return unit.fitted(
                "ceiling", X[rows] if len(labeled) else unit.fits.hold(X, rows), unit.labels.targets(rows)
            )
        top = with_rows(self.moments, unit.arrays, labeled) if len(labeled) else self.moments
        make = _along(
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
            return loo_error_of_rows(path, unit.student.X, in_order, unit.labels.targets)

        return _heads(make, unit.over("ceiling"), error, "loo")

    def by_protocol(self, i: int, j: int, ceilings: Sequence[LinearHead]) -> dict[str, list[Scored]]:
        """Return the students of the strategies that moments cannot fit, each teacher with each strength."""
        unit = self.unit
        found: dict[str, list[Scored]] = {name: [] for name in unit.others}
        baselines = unit.labeled("baseline", i)
        for teacher, row in zip(unit.labeled("teacher", i), unit.configs, strict=True):
            for baseline, ceiling, config in zip(baselines, ceilings, row, strict=True):
                outcome = fit_seed(
                    unit.teacher,
                    unit.student,
                    unit.labels,
                    split=unit.grid.split(i, j),
                    config=replace(config, strategies=unit.others),
                    groups=unit.groups,
                    known={"teacher": teacher, "baseline": baseline, "ceiling": ceiling},
                    fits=unit.fits,
                )
                for name in unit.others:
                    found[name].append(unit.judged(outcome.students[name].head, outcome.test_scores[name]))
        return found


def _along(make: Callable[..., RidgePath], *args: object, **kwargs: object) -> Callable[..., RidgePath]:
    return lambda **grid: make(*args, **kwargs, **grid)


def _heads(
    make: Callable[..., RidgePath],
    configs: Sequence[W2SConfig],
    score: Callable[[RidgePath], Float],
    rule: str,
) -> list[LinearHead]:
    """Return the heads at the strengths of some settings: those that are given share a path."""
    given = [config.student_alpha for config in configs if isinstance(config.student_alpha, float)]
    path = make(alphas=given) if given else None
    at = iter(range(len(given)))
    heads = []
    for config in configs:
        if isinstance(config.student_alpha, float) and path is not None:
            heads.append(head_of_path(path, next(at)))
        else:
            own = make(points=config.alphas)
            heads.append(chosen_head(own, score(own), rule="loo" if rule == "loo" else "gcv"))
    return heads


def _mean(row: RowScore) -> float:
    return float(row.numerator.mean() / row.denominator.mean())
