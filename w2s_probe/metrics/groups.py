r"""Scores by group and of the worst group, with intervals that account for having picked the worst group.

The score of group g is written as one number for each test row i, its linearization
:math:`a_g + 1[i \in g]\,(c_i - a_g) / \hat P(g)`. The mean of these numbers is the group's accuracy :math:`a_g`, and
their deviations from it are its influence function. So differences, PGR and means over groups use the same
functions as scores of all test rows.

The smallest of several estimates is biased low as an estimate of the smallest true value, more so when the groups
are close. A tenth of the error probability is spent on excluding groups that are clearly better than the observed
worst group (a difference to each other group, Bonferroni). With G groups left, the interval of the worst accuracy
:math:`\min_g \theta_g` is

.. math:: [\min_g L_g,\ \min_g U_g].

:math:`L_g` has half of the remaining error: the lower limit can only fail at the group that is truly worst.
:math:`U_g` has a G-th of that half (Bonferroni): the upper limit can fail at any group. The difference of two
systems' worst accuracies is :math:`\min_g \max_h (\theta_g - \varphi_h)`, which grows with every difference between
one of the G groups g left for the left system and one of the H groups h left for the right system. The lower limit
depends on the H differences in the row of the true minimum g, the upper limit on the G differences in the column of
the true minimum h, so that an H-th and a G-th of the error are enough.
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

RULED_OUT = 0.1  # share of the error probability that is spent on excluding groups that cannot be the worst


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupRows:
    """One system's accuracy, or squared error, by group.

    Parameters
    ----------
    rows : tuple of RowScore
        Linearized score of each group that has test rows.
    names : tuple of str
        Names of these groups.
    sizes : tuple of int
        Test rows of each group, summed over all seeds.
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
            Position of each result's group in `names`.
        names : sequence of str
            Names of all groups.
        shares : array of shape (len(names),)
            Share of each group in all rows of the data.
        smaller_is_worse : bool
            True for accuracies, False for errors.
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
        """Return each group's score with its interval and its mean number of test rows over seeds.

        Parameters
        ----------
        draws : Draws
            Seed and table row of each result.
        """
        seeds = len(draws.rows)
        estimates = {}
        for name, row, size in zip(self.names, self.rows, self.sizes, strict=True):
            e = _mean(row, draws)
            estimates[name] = GroupEstimate(value=e.value, low=e.low, high=e.high, n=size / seeds)
        return estimates

    def worst(self, draws: Draws) -> WorstGroup:
        """Return the score of the observed worst group, with an interval for the score of the truly worst group.

        Parameters
        ----------
        draws : Draws
            Seed and table row of each result.
        """
        at, candidates = self.worst_at, self.plausible(draws)
        rest = _at_level(draws, 1 - RULED_OUT)
        pointwise = [_mean(self.rows[g], rest) for g in candidates]
        joint = [_mean(self.rows[g], _at_level(draws, (1 - RULED_OUT) / len(candidates))) for g in candidates]
        if self.smaller_is_worse:
            low, high = min(e.low for e in pointwise), min(e.high for e in joint)
        else:
            low, high = max(e.low for e in joint), max(e.high for e in pointwise)
        value = float(self.rows[at].numerator.mean())
        return WorstGroup(value=value, low=low, high=high, group=self.names[at], n=self.sizes[at] / len(draws.rows))

    def plausible(self, draws: Draws, share: float = RULED_OUT) -> list[int]:
        """Return positions of the groups that can be the worst, the observed worst group first.

        Each other group is compared with the observed worst group only, at the level of comparisons with any group.

        Parameters
        ----------
        draws : Draws
            Seed and table row of each result.
        share : float
            Share of the error probability of `draws` with which the truly worst group may be excluded.
        """
        comparisons = max(len(self.rows) - 1, 1)
        # only one sign counts: a one-sided limit at this share of the error is a two-sided one at twice the share
        strict = _at_level(draws, 2 * share / comparisons)
        candidates = [self.worst_at]
        for g, row in enumerate(self.rows):
            if g != self.worst_at:
                gap = difference(row, self.rows[self.worst_at], strict)
                if not (gap.low > 0 if self.smaller_is_worse else gap.high < 0):
                    candidates.append(g)
        return candidates

    def mean(self, draws: Draws) -> Estimate:
        """Return the mean over groups with equal weights.

        Parameters
        ----------
        draws : Draws
            Seed and table row of each result.
        """
        return self._weighted(np.full(len(self.rows), 1 / len(self.rows)), draws)

    def prior_mean(self, draws: Draws) -> Estimate:
        """Return the mean over groups weighted by their shares in the data.

        Parameters
        ----------
        draws : Draws
            Seed and table row of each result.
        """
        return self._weighted(self.shares, draws)

    def _weighted(self, weights: Float, draws: Draws) -> Estimate:
        # not a matrix product, whose rounding may differ between rows of the same pattern
        numerator = np.sum([w * row.numerator for w, row in zip(weights, self.rows, strict=True)], axis=0)
        return _mean(replace(self.rows[0], numerator=numerator), draws)


def worst_difference(left: GroupRows, right: GroupRows, draws: Draws) -> Estimate:
    """Return the worst-group accuracy of the left system minus that of the right system, paired by row.

    Parameters
    ----------
    left, right : GroupRows
        Accuracies of the same groups on the same rows.
    draws : Draws
        Seed and table row of each result.
    """
    G, H = (system.plausible(draws, RULED_OUT / 2) for system in (left, right))
    lower, upper = (_at_level(draws, (1 - RULED_OUT) / len(groups)) for groups in (H, G))
    value = left.rows[left.worst_at].numerator.mean() - right.rows[right.worst_at].numerator.mean()
    return Estimate(
        value=float(value),
        low=min(max(difference(left.rows[g], right.rows[h], lower).low for h in H) for g in G),
        high=min(max(difference(left.rows[g], right.rows[h], upper).high for h in H) for g in G),
    )


def worst_gap_recovered(*, teacher: GroupRows, student: GroupRows, ceiling: GroupRows, draws: Draws) -> Estimate:
    """Return PGR of worst-group accuracies; unresolved unless the ceiling's is clearly above the teacher's.

    Each system has its own worst group. The interval treats the observed worst group as the truly worst group.

    Parameters
    ----------
    teacher, student, ceiling : GroupRows
        Accuracies of the same groups on the same rows.
    draws : Draws
        Seed and table row of each result.
    """
    systems = {"teacher": teacher, "student": student, "ceiling": ceiling}
    worst = {name: groups.rows[groups.worst_at] for name, groups in systems.items()}
    estimate = performance_gap_recovered(**worst, draws=draws)
    return estimate if worst_difference(ceiling, teacher, draws).low > 0 else estimate.unresolved()


def _mean(row: RowScore, draws: Draws) -> Estimate:
    return ratio_of_means(row.numerator, row.denominator, draws, bounds=row.bounds)


def _at_level(draws: Draws, share: float) -> Draws:
    """Return draws with an error probability of `share` times that of `draws`."""
    return replace(draws, level=1 - share * (1 - draws.level))
