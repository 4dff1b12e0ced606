r"""Scores of groups, and of the worst of them, with intervals that allow for its having been picked.

Rows of a group's score are its linearization: :math:`a_g + 1[i \in g]\,(c_i - a_g) / \hat P(g)`. Their mean is
the group's accuracy :math:`a_g`, their scatter its influence function, and so differences, PGR and means over
groups are what they are for whole test parts.

The smallest of several estimates lies below the smallest of what they estimate, the more the closer the groups
are. A tenth of the error first rules out groups that others are plainly worse than (differences to each other
group, by Bonferroni). With G groups left, the interval of the worst accuracy :math:`\min_g \theta_g` is

.. math:: [\min_g L_g,\ \min_g U_g],

:math:`L_g` at half the remaining error, since the group that is truly worst alone decides whether it holds, and
:math:`U_g` at a G-th of that (Bonferroni), since any group can break it. The difference of two systems' worst
accuracies is :math:`\min_g \max_h (\theta_g - \varphi_h)`, a monotone function of the differences between the
left one's groups g and the right one's h that are left; those with the row of the true minimum decide about the
lower end, those with its column about the upper one, so that an H-th and a G-th of the error are enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from w2s_probe.core.types import Float, Rows
from w2s_probe.metrics.gaps import difference, performance_gap_recovered
from w2s_probe.metrics.intervals import Draws, ratio_of_means
from w2s_probe.metrics.scores import RowScore
from w2s_probe.results.estimate import Estimate, GroupEstimate, WorstGroup

RULED_OUT = 0.1  # share of the error that is spent on which groups can be worst


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupRows:
    """One system's accuracy, or squared error, by group.

    Parameters
    ----------
    rows : tuple of RowScore
        Linearized score of each group that has test rows.
    names : tuple of str
        Of these groups.
    sizes : tuple of int
        Test rows of each, over all seeds.
    shares : array of shape (G,)
        Share of each group in all rows of the data; they sum to 1.
    smaller_is_worse : bool
        True for accuracies, False for errors.
    """

    rows: tuple[RowScore, ...]
    names: tuple[str, ...]
    sizes: tuple[int, ...]
    shares: Float
    smaller_is_worse: bool = True

    @classmethod
    def of(
        cls,
        score: RowScore,
        groups: Rows,
        names: Sequence[str],
        shares: Float,
        *,
        smaller_is_worse: bool = True,
    ) -> GroupRows:
        """Return the score by group.

        Parameters
        ----------
        score : RowScore
            A mean over R results.
        groups : array of int, shape (R,)
            Position of each result's group among the names.
        names : sequence of str
            Of all groups.
        shares : array of shape (len(names),)
            Of the groups in all rows of the data.
        smaller_is_worse : bool
            As for the class.
        """
        counts = np.bincount(groups, minlength=len(names))
        present = np.flatnonzero(counts)
        rows = []
        for g in present.tolist():
            inside = groups == g
            value = float(score.numerator[inside].mean())
            spread = np.where(inside, (score.numerator - value) * (len(groups) / counts[g]), 0.0)
            rows.append(replace(score, numerator=value + spread, denominator=np.ones(len(groups))))
        return cls(
            rows=tuple(rows),
            names=tuple(names[g] for g in present.tolist()),
            sizes=tuple(counts[present].tolist()),
            shares=shares[present] / shares[present].sum(),
            smaller_is_worse=smaller_is_worse,
        )

    @property
    def worst_at(self) -> int:
        """Position of the worst group; the first in a tie."""
        values = [float(row.numerator.mean()) for row in self.rows]
        return int(np.argmin(values) if self.smaller_is_worse else np.argmax(values))

    def estimates(self, draws: Draws) -> dict[str, GroupEstimate]:
        """Return each group's score with its interval and its test rows by seed.

        Parameters
        ----------
        draws : Draws
            Where each result comes from.
        """
        seeds = len(draws.rows)
        found = {}
        for name, row, size in zip(self.names, self.rows, self.sizes, strict=True):
            e = _mean(row, draws)
            found[name] = GroupEstimate(value=e.value, low=e.low, high=e.high, n=size / seeds)
        return found

    def worst(self, draws: Draws) -> WorstGroup:
        """Return the worst group's score, with an interval for the score of the group that is truly worst.

        Parameters
        ----------
        draws : Draws
            Where each result comes from.
        """
        at, left = self.worst_at, self.plausible(draws)
        rest = _at_level(draws, 1 - RULED_OUT)
        pointwise = [_mean(self.rows[g], rest) for g in left]
        joint = [_mean(self.rows[g], _at_level(draws, (1 - RULED_OUT) / len(left))) for g in left]
        if self.smaller_is_worse:
            low, high = min(e.low for e in pointwise), min(e.high for e in joint)
        else:
            low, high = max(e.low for e in joint), max(e.high for e in pointwise)
        value = float(self.rows[at].numerator.mean())
        return WorstGroup(value=value, low=low, high=high, group=self.names[at], n=self.sizes[at] / len(draws.rows))

    def plausible(self, draws: Draws, share: float = RULED_OUT) -> list[int]:
        """Return positions of the groups that can be worst, the one that did worst first.

        Others are compared with that one only, at a level that would do for comparisons with any.

        Parameters
        ----------
        draws : Draws
            Where each result comes from.
        share : float
            Of the error of `draws`, with which the worst group is ruled out.
        """
        others = max(len(self.rows) - 1, 1)
        # a difference of one sign only: one-sided limits at a share of the error, two-sided ones at twice of it
        strict = _at_level(draws, 2 * share / others)
        found = [self.worst_at]
        for g, row in enumerate(self.rows):
            if g != self.worst_at:
                gap = difference(row, self.rows[self.worst_at], strict)
                if not (gap.low > 0 if self.smaller_is_worse else gap.high < 0):
                    found.append(g)
        return found

    def mean(self, draws: Draws) -> Estimate:
        """Return the mean over groups, each with the same weight.

        Parameters
        ----------
        draws : Draws
            Where each result comes from.
        """
        return self._weighted(np.full(len(self.rows), 1 / len(self.rows)), draws)

    def prior_mean(self, draws: Draws) -> Estimate:
        """Return the mean over groups, weighted by their shares in the data.

        Parameters
        ----------
        draws : Draws
            Where each result comes from.
        """
        return self._weighted(self.shares, draws)

    def _weighted(self, weights: Float, draws: Draws) -> Estimate:
        numerator = weights @ np.array([row.numerator for row in self.rows])
        return _mean(replace(self.rows[0], numerator=numerator), draws)


def worst_difference(left: GroupRows, right: GroupRows, draws: Draws) -> Estimate:
    """Return the left system's worst accuracy minus the right one's, paired by row.

    Parameters
    ----------
    left, right : GroupRows
        Accuracies of the same groups on the same rows.
    draws : Draws
        Where each result comes from.
    """
    ours, theirs = (each.plausible(draws, RULED_OUT / 2) for each in (left, right))
    lower, upper = (_at_level(draws, (1 - RULED_OUT) / len(side)) for side in (theirs, ours))
    value = left.rows[left.worst_at].numerator.mean() - right.rows[right.worst_at].numerator.mean()
    return Estimate(
        value=float(value),
        low=min(max(difference(left.rows[g], right.rows[h], lower).low for h in theirs) for g in ours),
        high=min(max(difference(left.rows[g], right.rows[h], upper).high for h in theirs) for g in ours),
    )


def worst_gap_recovered(*, teacher: GroupRows, student: GroupRows, ceiling: GroupRows, draws: Draws) -> Estimate:
    """Return PGR between each system's own worst group; unresolved unless the ceiling's lies above the teacher's.

    The interval takes each system's worst group as known.

    Parameters
    ----------
    teacher, student, ceiling : GroupRows
        Accuracies of the same groups on the same rows.
    draws : Draws
        Where each result comes from.
    """
    at = {"teacher": teacher, "student": student, "ceiling": ceiling}
    estimate = performance_gap_recovered(**{k: each.rows[each.worst_at] for k, each in at.items()}, draws=draws)
    return estimate if worst_difference(ceiling, teacher, draws).low > 0 else estimate.unresolved()


def _mean(row: RowScore, draws: Draws) -> Estimate:
    return ratio_of_means(row.numerator, row.denominator, draws, bounds=row.bounds)


def _at_level(draws: Draws, share: float) -> Draws:
    """Return draws whose intervals err by this share of the error."""
    return replace(draws, level=1 - share * (1 - draws.level))
