r"""Scores as ratios of means over test rows: what each row contributes to numerator and denominator.

For most scores each row's denominator is 1. For :math:`R^2` a row contributes
:math:`(y_i - \bar y)^2 - (y_i - \hat y_i)^2` over :math:`(y_i - \bar y)^2`. The expected
calibration error over 15 bins is the mean of :math:`\pm(\text{confidence}_i -
\text{correct}_i)` with the sign of the row's bin, so that its interval is the interval of a mean. Like every
estimate of this error it is biased upwards in small samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from w2s_probe.core.types import Float
from w2s_probe.results.run import ReliabilityBin

ECE_BINS = 15


@dataclass(frozen=True, eq=False, kw_only=True)
class RowScore:
    """One score as a ratio of means over rows.

    Parameters
    ----------
    numerator, denominator : arrays of shape (m,)
        Contribution of each row to the numerator and to the denominator.
    bounds : tuple of float
        Smallest and largest possible value of the score.
    """

    numerator: Float
    denominator: Float
    bounds: tuple[float, float]


def classification_rows(scores: Float, probabilities: Float, truth: NDArray[np.int64]) -> dict[str, RowScore]:
    r"""Return accuracy, Brier score, log loss and calibration error by row.

    Parameters
    ----------
    scores : array of shape (m, K)
        Raw scores; the predicted class has the largest score, the first class in a tie.
    probabilities : array of shape (m, K)
        Rows sum to 1.
    truth : array of shape (m,)
        Codes of the true classes.

    Returns
    -------
    dict
        ``accuracy`` in [0, 1]; ``brier`` = :math:`\sum_k (p_k - y_k)^2` in [0, 2], Brier's sum over all classes
        (scikit-learn halves it for two classes); ``log_loss`` in nats, with probabilities of at least machine
        epsilon; ``ece`` in [0, 1].
    """
    correct = (scores.argmax(axis=1) == truth).astype(np.float64)
    of_truth = probabilities[np.arange(len(truth)), truth]
    squares = (probabilities**2).sum(axis=1) - 2 * of_truth + 1
    log_loss = -np.log(np.maximum(of_truth, np.finfo(np.float64).eps))
    return {
        "accuracy": _mean(correct, 0, 1),
        "brier": _mean(squares, 0, 2),
        "log_loss": _mean(log_loss, 0, np.inf),
        "ece": _mean(_calibration_gap(probabilities.max(axis=1), correct), 0, 1),
    }


def regression_rows(predictions: Float, truth: Float) -> dict[str, RowScore]:
    """Return squared error and R² by row.

    Parameters
    ----------
    predictions : array of shape (m,)
        Predictions in the units of the label.
    truth : array of shape (m,)
        True labels.
    """
    errors = (truth - predictions) ** 2
    spread = (truth - truth.mean()) ** 2
    return {
        "r2": RowScore(numerator=spread - errors, denominator=spread, bounds=(-np.inf, 1.0)),
        "squared_error": _mean(errors, 0, np.inf),
    }


def reliability_bins(confidence: Float, correct: Float) -> tuple[ReliabilityBin, ...]:
    """Return mean confidence, accuracy and row count of each bin of the calibration error that has rows.

    Parameters
    ----------
    confidence : array of shape (R,)
        Top probability of each row.
    correct : array of shape (R,)
        1 where the predicted class is right, else 0.

    Examples
    --------
    >>> import numpy as np
    >>> (low, high) = reliability_bins(np.array([0.5, 0.52, 1.0]), np.array([0.0, 1.0, 1.0]))
    >>> low
    ReliabilityBin(bin=7, confidence=0.51, accuracy=0.5, rows=2)
    >>> high.bin
    14
    """
    bins = _bins(confidence)
    return tuple(
        ReliabilityBin(
            bin=int(k),
            confidence=float(confidence[bins == k].mean()),
            accuracy=float(correct[bins == k].mean()),
            rows=int((bins == k).sum()),
        )
        for k in np.unique(bins)
    )


def _mean(values: Float, low: float, high: float) -> RowScore:
    return RowScore(numerator=values, denominator=np.ones(len(values)), bounds=(float(low), float(high)))


def _calibration_gap(confidence: Float, correct: Float) -> Float:
    bins = _bins(confidence)
    gap = confidence - correct
    return np.sign(np.bincount(bins, weights=gap, minlength=ECE_BINS))[bins] * gap


def _bins(confidence: Float) -> NDArray[np.int64]:
    return np.minimum((confidence * ECE_BINS).astype(np.int64), ECE_BINS - 1)
