"""Ridge heads of a diagnosis: fitted to the labeled rows, strength chosen by leave-one-out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from w2s_probe.core.arrays import as_matrix, check_same_rows
from w2s_probe.core.errors import ShapeError
from w2s_probe.core.types import Features, Float, Rows
from w2s_probe.linalg.choice import choose_strength
from w2s_probe.linalg.loo import loo_residuals, loo_score
from w2s_probe.linalg.ridge import RidgePath, ridge_path


@dataclass(frozen=True, eq=False, kw_only=True)
class LabeledRows:
    """Positions of the n labeled rows and their targets, one-hot rows or numbers of shape (n, K)."""

    rows: Rows
    targets: Float


@dataclass(frozen=True, eq=False, kw_only=True)
class ChosenHead:
    """A ridge path on the labeled rows, and the strength with the least leave-one-out error."""

    labels: LabeledRows
    path: RidgePath
    index: int

    @property
    def alpha(self) -> float:
        """Strength of the head on the labeled rows."""
        return float(self.path.alphas[self.index])

    def unseen_scores(self, X: Features, rows: Rows) -> Float:
        """Return scores of the rows at these m positions, shape (m, K): leave-one-out scores for labeled rows."""
        W, b = self.path.coefficients(self.index)
        scores = X[rows] @ W + b
        labeled, targets = self.labels.rows, self.labels.targets
        place = np.full(len(X), -1)
        place[labeled] = np.arange(len(labeled))
        at = place[rows]
        left_out = targets - loo_residuals(self.path, X[labeled], targets, index=self.index)
        return np.where(at[:, None] >= 0, left_out[at], scores)


def labeled_rows(targets: ArrayLike, rows: Rows | None, m: int) -> LabeledRows:
    """Return checked targets with their positions among m rows, by default all rows.

    `ShapeError` if targets and positions differ in number, or a position does not exist.
    """
    Y = as_matrix(targets, "targets").astype(np.float64)
    positions = np.arange(m) if rows is None else np.asarray(rows, dtype=np.intp)
    check_same_rows("targets", len(Y), "the labeled rows", len(positions))
    if len(positions) and not (positions.min() >= 0 and positions.max() < m):
        msg = (
            f"positions of labeled rows must lie between 0 and {m - 1}: got {positions.min()} to {positions.max()}. "
            "Count rows from 0."
        )
        raise ShapeError(msg)
    return LabeledRows(rows=positions, targets=Y)


def choose_head(X: Features, labels: LabeledRows) -> ChosenHead:
    """Return the ridge head with the smallest leave-one-out error; in a tie, with the larger strength.

    X, shape (m, d), are the features of all rows. `ShapeError` if the labeled rows all have the same features.
    """
    own = X[labels.rows]
    choice = choose_strength(ridge_path(own, labels.targets), lambda path: loo_score(path, own, labels.targets))
    return ChosenHead(labels=labels, path=choice.path, index=choice.index)
