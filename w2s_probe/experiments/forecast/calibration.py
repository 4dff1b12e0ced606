r"""Calibrated model of the label given the systems' scores: a conditional logit or a line with few coefficients.

Classification: the conditional logit :math:`P(y = k) \propto \exp(\sum_p \beta_p f_{pk})` on the scores
:math:`f_p` of the systems. Regression: :math:`E[y] = \beta_0 + \sum_p \beta_p f_p`. The model is fitted to the
labeled rows, on held-out scores, and its expectation is averaged over rows without labels. This has less variance
than counting, and a bias if the model is wrong. A squared error also needs :math:`E[y^2] = E[y]^2 + \sigma^2`;
:math:`\sigma^2` is the mean squared residual. The labels' own second moment would belong to other rows and would
depend on the zero of the labels.

Each estimate comes with the influence of every labeled row, so that estimates can be combined and have one
standard error: the root of the sum of squared influences.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from w2s_probe.core.types import Float

# Prior precision of the coefficients, for scores scaled to unit spread: a share of the precision that maximizes the
# evidence (MacKay 1992, Bayesian Interpolation), within bounds. With uninformative scores, a strong prior lowers the
# variance of the gain. With informative scores, a strong prior shrinks student - baseline towards 0; the full
# evidence precision does so in tests/statistical/test_forecast_coverage.py. Share and upper bound come from the
# development cells of tests/fidelity and from other pairs on the same data, the lower bound from that test.
EVIDENCE = 0.3
WEAK, STRONG = 0.04, 3.0
SETTLED = 30  # Newton steps after which the precision stays fixed
STEPS = 80


@dataclass(frozen=True, eq=False, kw_only=True)
class ChoiceModel:
    """A fitted model of the label given the systems' scores.

    Parameters
    ----------
    beta : array of shape (p,)
        Coefficients of the scaled scores; for regression, the constant first.
    scale : array of shape (P,)
        Divisor of each system's scores.
    influence : array of shape (n, p)
        Influence of each labeled row on the coefficients, at a fixed prior.
    precision : float
        Precision of the coefficients' prior.
    classes : bool
        Whether labels are classes.
    noise : float
        Mean squared residual, for regression.
    noise_influence : array of shape (n,)
        Influence of each labeled row on `noise`.
    """

    beta: Float
    scale: Float
    influence: Float
    precision: float
    classes: bool
    noise: float
    noise_influence: Float


def fit_choice(scores: list[Float], Y: Float) -> ChoiceModel:
    """Return the conditional logit of one-hot labels (n, K) on the P systems' held-out scores, each (n, K).

    References
    ----------
    .. [1] McFadden (1974), Conditional logit analysis of qualitative choice behavior.
    """
    scale = _spreads(scores)
    F = _stacked(scores, scale)
    beta, precision = np.zeros(F.shape[2]), STRONG
    for number in range(STEPS):
        p = softmax(F @ beta, axis=1)
        slopes = np.einsum("nk,nkp->np", Y - p, F)
        centered = F - np.einsum("nk,nkp->np", p, F)[:, None]
        curvature = np.einsum("nk,nkp,nkq->pq", p, centered, centered) + precision * np.eye(len(beta))
        step = np.linalg.solve(curvature, slopes.sum(axis=0) - precision * beta)
        beta = beta + step
        next_precision = _precision(beta, curvature, precision) if number < SETTLED else precision
        if np.abs(step).max() < 1e-9 and abs(next_precision - precision) < 1e-9:
            break
        precision = next_precision
    return ChoiceModel(
        beta=beta,
        scale=scale,
        influence=np.linalg.solve(curvature, slopes.T).T,
        precision=precision,
        classes=True,
        noise=0.0,
        noise_influence=np.zeros(len(Y)),
    )


def _precision(beta: Float, curvature: Float, precision: float) -> float:
    """Return the next precision: a share of (number of well-determined coefficients) / (sum of squares)."""
    determined = len(beta) - precision * float(np.trace(np.linalg.inv(curvature)))
    return float(np.clip(EVIDENCE * determined / max(float(beta @ beta), 1e-12), WEAK, STRONG))


def fit_line(scores: list[Float], Y: Float) -> ChoiceModel:
    """Return the ridge regression of numbers (n, 1) on the P systems' held-out scores, each (n, 1)."""
    scale = _spreads(scores)
    F = _stacked(scores, scale)[:, 0]
    design = np.column_stack([np.ones(len(F)), F])
    curvature = design.T @ design + np.diag([0.0, *[WEAK] * F.shape[1]])
    beta = np.linalg.solve(curvature, design.T @ Y[:, 0])
    residuals = Y[:, 0] - design @ beta
    influence = np.linalg.solve(curvature, (design * residuals[:, None]).T).T
    noise = float((residuals**2).mean())
    from_beta = influence @ (-2 * residuals @ design) / len(F)  # not 0, because of the prior
    return ChoiceModel(
        beta=beta,
        scale=scale,
        influence=influence,
        precision=WEAK,
        classes=False,
        noise=noise,
        noise_influence=(residuals**2 - noise) / len(F) + from_beta,
    )


def _spreads(scores: list[Float]) -> Float:
    """Return the root mean square of each system's scores, centered within each row if there are several classes."""
    centered = [S - S.mean(axis=1 if S.shape[1] > 1 else 0, keepdims=True) for S in scores]
    return np.array([float(np.sqrt((C**2).mean())) or 1.0 for C in centered])


def _stacked(scores: list[Float], scale: Float) -> Float:
    return np.stack([S / s for S, s in zip(scores, scale, strict=True)], axis=2)
