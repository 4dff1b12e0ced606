"""What parts are made of: the share of each class, and of conflicting rows within each class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w2s_probe.errors import SplitError
from w2s_probe.groups import Groups
from w2s_probe.labels import Labels

__all__ = ["Composition", "composition_of"]

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Composition:
    """Rows by class and conflict, and the mix that each part is asked to have.

    Parameters
    ----------
    strata : array of int, shape (n,)
        Twice the class, plus 1 for a row that conflicts with what is usual for its class.
    class_shares : array of shape (K,)
        Share of each class in every part; they sum to 1.
    minority : mapping of part to array of shape (K,)
        Share of conflicting rows within each class of that part.
    stratum_names : tuple of str
        Names of the strata for messages.
    """

    strata: NDArray[np.int64]
    class_shares: NDArray[np.float64]
    minority: Mapping[str, NDArray[np.float64]]
    stratum_names: tuple[str, ...]

    def quotas(self, part: str, size: int) -> Counts:
        """Return how many rows of each stratum a part of this size has, shape (2K,).

        Classes share the size by largest remainder; conflicting rows are rounded within each class.

        Parameters
        ----------
        part : str
            labeled, unlabeled or test.
        size : int
            Rows of the part.
        """
        exact = size * self.class_shares
        of_class = np.floor(exact + 1e-9).astype(np.int64)
        rest = np.argsort(of_class - exact, kind="stable")[: size - int(of_class.sum())]
        of_class[rest] += 1
        minority = np.floor(of_class * self.minority[part] + 0.5 + 1e-9).astype(np.int64)
        return np.column_stack([of_class - minority, minority]).ravel()

    def shares(self, part: str) -> NDArray[np.float64]:
        """Return the share of each stratum in a part that is as asked for, shape (2K,).

        Parameters
        ----------
        part : str
            labeled, unlabeled or test.
        """
        minority = self.minority[part]
        return np.column_stack([self.class_shares * (1 - minority), self.class_shares * minority]).ravel()

    def counts(self, rows: NDArray[np.intp]) -> Counts:
        """Return how many of these rows each stratum has, shape (2K,)."""
        return np.bincount(self.strata[rows], minlength=2 * len(self.class_shares))

    def largest(self, part: str, available: Counts, *, most: int) -> int:
        """Return the largest size of a part that these rows can supply; by bisection.

        Parameters
        ----------
        part : str
            As in `quotas`.
        available : array of int, shape (2K,)
            Rows of each stratum.
        most : int
            No larger size is looked for.
        """
        low, high = 0, most + 1
        while high - low > 1:
            middle = (low + high) // 2
            fits = bool((self.quotas(part, middle) <= available).all())
            low, high = (middle, high) if fits else (low, middle)
        return low

    def checked_quotas(self, part: str, size: int, available: Counts) -> Counts:
        """Return `quotas`, or raise `SplitError` with the largest size that these rows can supply.

        Parameters
        ----------
        part, size, available
            As in `quotas` and `largest`.
        """
        quotas = self.quotas(part, size)
        of_class = quotas.reshape(-1, 2).sum(axis=1)
        short = np.flatnonzero(quotas > available)
        if not len(short) and of_class.all():
            return quotas
        most = self.largest(part, available, most=size)
        if not len(short):
            msg = f"the {part} part must hold every class: {size} rows are too few for {len(of_class)}. Ask for more."
            raise SplitError(msg)
        worst = int(short[(quotas[short] - available[short]).argmax()])
        msg = (
            f"the {part} part needs {quotas[worst]} rows of {self.stratum_names[worst]} to have {size} rows in the "
            f"shares asked for: {available[worst]} are left. The largest size that fits is {most}."
        )
        raise SplitError(msg)


def composition_of(
    labels: Labels, groups: Groups | None, *, etas: Mapping[str, float | None], balance_classes: bool
) -> Composition:
    """Return the composition that is asked for; what is not asked for is as in all rows.

    Parameters
    ----------
    labels : Labels
        Ground truth, with classes.
    groups : Groups or None
        With a cue, if any eta is given.
    etas : mapping of part to float or None
        Fraction of conflicting rows within each class; None is the data's own.
    balance_classes : bool
        Whether all classes have the same share.
    """
    classes = labels.classes or ()
    codes = labels.values
    totals = np.bincount(codes, minlength=len(classes))
    conflicting = np.zeros(len(codes), dtype=np.bool_) if groups is None else groups.conflicting
    own = np.bincount(codes[conflicting], minlength=len(classes)) / totals
    minority = {part: own if eta is None else np.full(len(classes), eta) for part, eta in etas.items()}
    uniform = np.full(len(classes), 1 / len(classes))
    names = tuple(f"class {label!r}{side}" for label in classes for side in _sides(groups, label))
    return Composition(
        strata=2 * codes + conflicting,
        class_shares=uniform if balance_classes else totals / totals.sum(),
        minority=minority,
        stratum_names=names,
    )


def _sides(groups: Groups | None, label: str) -> tuple[str, str]:
    usual = groups.cue.get(label) if groups else None
    return (f" with {usual!r}", f" without {usual!r}") if usual else ("", "")
