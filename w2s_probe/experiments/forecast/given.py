r"""Forecast with teachers that are predictions: nothing of them is fitted, so that scores are counted on labeled rows.

A student of such teachers never sees a labeled row, and its pseudolabels hold no label of one. Teacher and student are
therefore functions that do not depend on the labels, and counting on the labeled rows is unbiased: no model is needed.
The baseline is fitted to these labels, and each row is left out of it: exact leave-one-out for ridge heads, else folds.

The gain is the mean of paired differences :math:`d_i \in \{-1, 0, 1\}` of m rows. Its interval adds half a row to each
of the four cells of the table of both systems (Agresti and Min 2005), with :math:`D = \sum_i d_i`:

.. math:: \frac{D}{m + 2} \pm z \sqrt{\frac{1}{(m + 2)^2} \left(\sum_i d_i^2 + 1 - \frac{D^2}{m + 2}\right)} .

An accuracy adds two rows of each kind (Agresti and Coull 1998). Held-out predictions share their training rows, which
widens errors that contain them by (1 + 30/n)^(1/2), as in `evidence`. Simulated coverage with known truth:
tests/statistical/test_given_coverage.py.

Rows whose labels the teacher was trained on are counted for no system. Its own accuracy there is too good, and so is
the student's: the label of the row has reached the pseudolabels.

References
----------
.. [1] Agresti and Min (2005), Statistics in Medicine 24.
.. [2] Agresti and Coull (1998), The American Statistician 52.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from w2s_probe.core.types import Float
from w2s_probe.experiments.forecast.curve import DIFFERENCES, SYSTEMS, Point
from w2s_probe.experiments.forecast.evidence import SMALL, CombinedEstimate, ErrorModel
from w2s_probe.experiments.forecast.pipeline import Trained, Weights, systems_of
from w2s_probe.results.estimate import Estimate

SEEN = "the teacher was trained on every labeled row"
ADDED = {"difference": (0.0, 1.0, 2.0), "score": (2.0, 2.0, 4.0)}  # to the sum, to the sum of squares, to the rows
NO_ROWS = (0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class GivenRows:
    """What is known of teachers that are predictions, on the n labeled rows.

    Parameters
    ----------
    which : tuple of bool
        For each teacher, whether it is predictions.
    speaks : array of bool, shape (n,)
        Rows on which none of them abstains.
    saw : array of bool, shape (n,)
        Rows whose labels one of them was trained on.
    """

    which: tuple[bool, ...]
    speaks: NDArray[np.bool_]
    saw: NDArray[np.bool_]

    @property
    def judged(self) -> bool:
        """Whether there are rows that can judge the teacher."""
        return bool((self.speaks & ~self.saw).any())

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Rows that are counted: the teacher speaks and did not see them; if it saw all, those where it speaks."""
        return self.speaks & ~self.saw if self.judged else self.speaks

    @property
    def all_given(self) -> bool:
        """Whether the student depends on no label: all teachers are predictions."""
        return all(self.which)


@dataclass(frozen=True, kw_only=True)
class CountErrors(ErrorModel):
    """Standard error of a count as a function of the number of labeled rows.

    Parameters
    ----------
    mean, squares : float
        Mean and mean square of the counted quantity.
    share : float
        Counted rows as a share of the labeled rows.
    added : tuple of float
        What the interval adds to sum, sum of squares and rows.
    held_out : bool
        Whether the quantity contains held-out predictions.
    """

    mean: float
    squares: float
    rows_share: float
    added: tuple[float, float, float]
    held_out: bool

    def half_width(self, n: Float, level: float) -> Float:
        """Return the half-width of the interval of this level at n labels."""
        return ndtri(0.5 + level / 2) * self.error(n)

    def error(self, n: Float) -> Float:
        """Return the standard error at n labels."""
        m = n * self.rows_share
        return standard_error(m * self.mean, m * self.squares, m, n, added=self.added, held_out=self.held_out)


@dataclass(frozen=True, eq=False, kw_only=True)
class CountedEstimate(CombinedEstimate):
    """A mean over counted rows; its interval lies around `center`, which a few added rows pull towards 0 or 1/2.

    Parameters
    ----------
    center, standard : float
        Center of the interval, and the standard error.
    z_rows : int
        Rows of the t quantile; 0 for a normal one, for counts.
    """

    center: float
    standard: float
    z_rows: int

    @property
    def error(self) -> float:
        """Standard error of the estimate."""
        return self.standard

    def quantile(self, level: float) -> float:
        """Return the quantile for an interval of this level."""
        upper = 0.5 + level / 2
        return float(stdtrit(max(self.z_rows - 1, 1), upper) if self.z_rows else ndtri(upper))

    def estimate(self, level: float) -> Estimate:
        """Return the estimate with its interval of this level."""
        half = self.quantile(level) * self.standard
        low, high = min(self.center - half, self.value), max(self.center + half, self.value)
        return Estimate(value=self.value, low=low, high=high)

    def observed(self, level: float, n_test: int) -> tuple[float, float]:
        """Return the prediction interval of the mean on `n_test` test rows."""
        half = self.quantile(level) * math.sqrt(self.standard**2 + self.row_variance / n_test)
        return self.center - half, self.center + half


def standard_error(
    total: Float, squares: Float, m: Float, n: Float, *, added: tuple[float, float, float], held_out: bool
) -> Float:
    """Return the standard error of a mean of m rows out of n labeled rows, from their sum and sum of squares."""
    more, more_squares, rows = added
    mean = (total + more) / (m + rows)
    variance = ((squares + more_squares) / (m + rows) - mean**2) / (m + rows)
    return np.sqrt(np.maximum(variance, 0.0) * ((1 + SMALL / n) if held_out else 1.0))


def counted_estimates(trained: Trained, given: GivenRows, score: str) -> dict[str, CountedEstimate]:
    """Return teacher, student, baseline and both differences, counted on the labeled rows.

    `score` is accuracy or brier. Where no row can judge the teacher, its score and the gain are NaN.
    """
    return {name: _counted(trained, given, score, weights) for name, weights in {**SYSTEMS, **DIFFERENCES}.items()}


def _counted(trained: Trained, given: GivenRows, score: str, weights: Weights) -> CountedEstimate:
    rows, n = np.flatnonzero(given.counted), len(trained.Y)
    d = np.mean([_at_labels(trained, score, weights, systems_of(one)) for one in trained.held_out], axis=0)[rows]
    if weights[0] and not given.judged:
        d = np.full(len(rows), np.nan)
    held_out = bool(weights[2]) or (bool(weights[1]) and not given.all_given)
    if weights[0] and not given.which[0]:
        held_out = True
    added = NO_ROWS if score != "accuracy" else ADDED["score" if sum(weights) else "difference"]
    total, squares, m = float(d.sum()), float((d**2).sum()), len(d)
    influence = np.zeros(n)
    influence[rows] = (d - total / m) / m
    own = np.array([total, squares, m, n], dtype=np.float64)
    return CountedEstimate(
        value=total / m,
        influence=influence,
        bias=0.0,
        row_variance=max(squares / m - (total / m) ** 2, 0.0),
        errors=CountErrors(
            counted=0.0, smooth=0.0, shared=0.0, sampled=0.0, unit=1.0,
            mean=total / m, squares=squares / m, rows_share=m / n, added=added, held_out=held_out,
        ),
        center=(total + added[0]) / (m + added[2]),
        standard=float(standard_error(*own, added=added, held_out=held_out)),
        z_rows=0 if score == "accuracy" else m,
    )  # fmt: skip


def _at_labels(trained: Trained, score: str, weights: Weights, systems: Sequence[Float]) -> Float:
    """Return the weighted sum of the systems' scores of each labeled row at its own label, shape (n,)."""
    used = [(w, F) for w, F in zip(weights, systems, strict=True) if w]
    return (np.sum([w * trained.values(score, F) for w, F in used], axis=0) * trained.Y).sum(axis=1)


def constant_in_n(given: GivenRows) -> tuple[str, ...]:
    """Return the scores and differences that do not depend on the number of labels."""
    return ("teacher", "student", "gain") if given.all_given else ("teacher",) if given.which[0] else ()


def held_constant(points: list[Point], given: GivenRows) -> list[Point]:
    """Return the points of a curve over n, in which what does not depend on n is that of the last point."""
    full = points[-1].parts
    fixed = {name: full[name] for name in constant_in_n(given)}
    return [replace(point, parts={**point.parts, **fixed}) for point in points]
