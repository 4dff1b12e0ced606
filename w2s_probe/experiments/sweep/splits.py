"""Draws the splits of every cell; checks before the first fit that the data can supply all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.composition import composition_of
from w2s_probe.core.errors import SplitError
from w2s_probe.core.groups import Groups
from w2s_probe.core.labels import Labels
from w2s_probe.core.splits import Part, Split, SplitGrid, draw_grid
from w2s_probe.core.sweep_config import SweepConfig
from w2s_probe.core.types import Rows


@dataclass(frozen=True, eq=False, kw_only=True)
class SplitSource:
    """The data from which splits are drawn.

    Parameters
    ----------
    labels : Labels
        Ground truth of all n rows.
    groups : Groups, optional
        Group of each of the n rows.
    blocks : array of int, shape (n,), optional
        Block of each row; all drawn rows of a block are in one part.
    fixed : mapping of part to rows
        Parts that the user fixed.
    splits : tuple of Split
        The user's own splits, one for each seed; they replace drawn ones.
    links : array of int, shape (n, 2), optional
        Two numbers for each row, where rows are preference pairs: pairs with a common number depend on each other.
    drawn : tuple of Split
        Pairs that were drawn for the largest sizes, one split for each seed: smaller parts are their first pairs.
    speaks : array of bool, shape (n,), optional
        Rows on which all teachers that are predictions speak: others leave pools and test parts.
    saw : array of bool, shape (n,), optional
        Rows whose labels such a teacher was trained on: they are in no test part.
    """

    labels: Labels
    groups: Groups | None = None
    blocks: Rows | None = None
    fixed: Mapping[Part, Rows] = field(default_factory=dict)
    splits: tuple[Split, ...] = ()
    links: Rows | None = None
    drawn: tuple[Split, ...] = ()
    speaks: NDArray[np.bool_] | None = None
    saw: NDArray[np.bool_] | None = None

    def grid(self, seed: int, config: SweepConfig, eta: tuple[int, int] = (0, 0)) -> SplitGrid:
        """Return the splits of one seed at all sizes.

        Parameters
        ----------
        seed : int
            One seed of the axis.
        config : SweepConfig
            Sizes and fractions of conflicting rows.
        eta : tuple of int
            Positions of the two fractions of conflicting rows on their axes.
        """
        for split in self.splits:
            if split.seed == seed:
                own = SplitGrid(
                    labeled=(split.labeled,), pools=(split.unlabeled,), pool_of=((0,),), test=split.test, seed=seed
                )
                return self._heard(own)
        for split in self.drawn:
            if split.seed == seed:
                return _first_pairs(split, config)
        return self._heard(self._draw(seed, config, config.n_labeled, config.n_unlabeled, eta))

    def _heard(self, grid: SplitGrid) -> SplitGrid:
        """Return a grid without the rows that teachers that are predictions leave out."""
        if self.speaks is None:
            return grid
        tested = self.speaks if self.saw is None else self.speaks & ~self.saw
        pools = tuple(pool[self.speaks[pool]] for pool in grid.pools)
        return replace(grid, pools=pools, test=grid.test[tested[grid.test]])

    def check(self, config: SweepConfig) -> list[Rows]:
        """Return the test rows of each seed.

        Parameters
        ----------
        config : SweepConfig
            Sizes, seeds and fractions of conflicting rows.

        Raises
        ------
        SplitError
            If the data cannot supply a cell; the message gives the largest possible size.
        """
        test = []
        for seed in config.seeds:
            for eta in product(range(len(config.eta_labeled)), range(len(config.eta_unlabeled))):
                try:
                    rows = self.grid(seed, config, eta).test
                except SplitError as error:
                    raise self._refusal(seed, config, eta, error) from error
            test.append(rows)  # test rows are drawn first, so that they do not depend on eta
        return test

    def fingerprint(self) -> str:
        """Return a hash of all data that splits depend on, without seeds and sizes."""
        digest = hashlib.sha256(repr(self.labels.classes).encode())
        digest.update(self.labels.values.tobytes())
        for array in (self.blocks, *self.fixed.values(), *(part for split in self.splits for part in _parts(split))):
            digest.update(b"none" if array is None else array.astype(np.int64).tobytes())
        more: list[NDArray[Any] | None] = [self.speaks, self.saw, self.links]
        for array in (*more, *(part for split in self.drawn for part in _parts(split))):
            if array is not None:
                digest.update(array.astype(np.int64).tobytes())
        if self.groups is not None:
            digest.update(repr((self.groups.names, dict(self.groups.cue))).encode() + self.groups.codes.tobytes())
        digest.update(repr((list(self.fixed), [split.seed for split in self.splits])).encode())
        return digest.hexdigest()

    def _draw(
        self,
        seed: int,
        config: SweepConfig,
        ns: Sequence[int | None],
        Ns: Sequence[int | None],
        eta: tuple[int, int],
    ) -> SplitGrid:
        etas = (config.eta_labeled[eta[0]], config.eta_unlabeled[eta[1]])
        run = config.run_config(config.head[0], None, None, etas)
        composition = (
            composition_of(self.labels, self.groups, etas=run.etas, balance_classes=run.balance_classes)
            if run.composed
            else None
        )
        return draw_grid(
            self.labels,
            seed=seed,
            n_labeled=ns,
            n_unlabeled=Ns,
            n_test=config.n_test,
            blocks=self.blocks,
            fixed=self.fixed,
            composition=composition,
            untestable=None if self.saw is None or self.saw.all() else self.saw,
        )

    def _refusal(self, seed: int, config: SweepConfig, eta: tuple[int, int], error: SplitError) -> SplitError:
        """Return the error of the first cell that cannot be drawn, with the largest size that fits."""
        for n in config.n_labeled:
            for N in config.n_unlabeled:
                if self._fits(seed, config, n, N, eta):
                    continue
                advice = self._advice(seed, config, n, N, eta)
                settings = {
                    "n_labeled": n,
                    "n_unlabeled": N,
                    "eta_labeled": config.eta_labeled[eta[0]],
                    "eta_unlabeled": config.eta_unlabeled[eta[1]],
                }
                cell = " ".join(f"`{name}` {value}" for name, value in settings.items() if value is not None)
                msg = f"every cell must fit the data: {cell} cannot be drawn at seed {seed}. {advice}"
                return SplitError(msg) if advice else error
        return error

    def _advice(self, seed: int, config: SweepConfig, n: int | None, N: int | None, eta: tuple[int, int]) -> str:
        if N is not None and (most := self._largest(N, lambda size: self._fits(seed, config, n, size, eta))):
            return f"The largest `n_unlabeled`{_with('n_labeled', n)} is {most:,}."
        if n is not None and (most := self._largest(n, lambda size: self._fits(seed, config, size, N, eta))):
            return f"The largest `n_labeled`{_with('n_unlabeled', N)} is {most:,}."
        return ""

    def _fits(self, seed: int, config: SweepConfig, n: int | None, N: int | None, eta: tuple[int, int]) -> bool:
        try:
            self._draw(seed, config, [n], [N], eta)
        except SplitError:
            return False
        return True

    @staticmethod
    def _largest(size: int, fits: Callable[[int], bool]) -> int:
        """Return the largest size below `size` that fits, 0 if there is none; by bisection."""
        low, high = 0, min(size, 2**40)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return low


def _parts(split: Split) -> Sequence[Rows]:
    return list(split.parts().values())


def _with(name: str, size: int | None) -> str:
    return "" if size is None else f" with `{name}` {size}"


def _first_pairs(split: Split, config: SweepConfig) -> SplitGrid:
    """Return the parts of all sizes: the first pairs of the largest ones."""
    labeled = tuple(split.labeled[:n] for n in config.n_labeled)
    pools = tuple(split.unlabeled[:N] for N in config.n_unlabeled)
    every = tuple(range(len(pools)))
    return SplitGrid(labeled=labeled, pools=pools, pool_of=(every,) * len(labeled), test=split.test, seed=split.seed)
