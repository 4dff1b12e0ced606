r"""Gradient descent of one ridge head toward several teachers, whose weights follow their gradients.

With centered features and targets, teacher m's loss is
:math:`\tfrac12\lVert XW - T_m\rVert^2 + \tfrac{\alpha}{2}\lVert W\rVert^2`. Along the axes of the features, whose
eigenvalues are s, its gradient at the head v, shape (r, K), is :math:`g_m = (s + \alpha)(v - v_m)`, where
:math:`v_m` is the ridge head of teacher m alone. A step therefore costs M r K operations and reads no row.

Each step moves v by :math:`-\sum_m w_m g_m / L`, :math:`L = \max s + \alpha`, where w are the min-norm weights
(`w2s_probe.linalg.min_norm`) of the gradients. Every point of the capped hull of the heads :math:`v_m` is stationary,
so that the end depends on the start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from w2s_probe.core.types import Float
from w2s_probe.linalg.min_norm import min_norm_weights

Gradient = Literal["weights", "normalized", "logits"]
TOLERANCE = 1e-3  # distance to the head of the weighted targets at which the descent ends
MOST_STEPS = 10_000
EPS = np.finfo(np.float64).eps


@dataclass(frozen=True, eq=False, kw_only=True)
class Descent:
    """The weights along a descent, and how far its last head is from the head of the weighted targets.

    Parameters
    ----------
    trajectory : array of shape (steps + 1, M)
        Weights of the teachers at each head of the descent, from the start to the end.
    distance : float
        Norm of the difference between the last head and the ridge head of the targets with the last weights, relative
        to the mean norm of the teachers' own heads.
    """

    trajectory: Float
    distance: float

    @property
    def steps(self) -> int:
        """Number of gradient steps."""
        return len(self.trajectory) - 1

    @property
    def weights(self) -> Float:
        """Weights at the end, shape (M,)."""
        return np.asarray(self.trajectory[-1])

    def at(self, step: int) -> Float:
        """Return the weights at a step, shape (M,): those of the end, if it came earlier."""
        return np.asarray(self.trajectory[min(step, self.steps)])


def teacher_descent(
    eigenvalues: Float,
    loadings: Float,
    *,
    alpha: float,
    cap: float,
    gradient: Literal["weights", "normalized"] = "weights",
    start: Float | None = None,
    tol: float = TOLERANCE,
) -> Descent:
    r"""Return the descent of one head toward M teachers [1]_.

    Parameters
    ----------
    eigenvalues : array of shape (r,)
        Positive eigenvalues of the centered Gram of the student's features.
    loadings : array of shape (M, r, K)
        Targets of each teacher along the axes, as in `w2s_probe.linalg.ridge.RidgePath`.
    alpha : float
        Ridge strength, at least 0.
    cap : float
        Upper bound of each weight, at least 1/M: 1/M is the plain average.
    gradient : {"weights", "normalized"}
        ``"normalized"`` finds the weights of gradients of length 1, divides them by the lengths, and makes their sum 1
        again; they may then exceed `cap`.
    start : array of shape (r, K), optional
        Head along the axes at which the descent starts; 0 by default.
    tol : float
        The descent ends when the distance is at most this, or after 10,000 steps.

    References
    ----------
    .. [1] Du et al. (2020), Agree to Disagree: Adaptive Ensemble Knowledge Distillation in Gradient Space, NeurIPS 33.
    """
    curvature = eigenvalues[:, None] + alpha
    pulls = np.sqrt(eigenvalues)[:, None] * loadings
    heads = pulls / curvature
    flat = len(pulls), -1
    size = float(np.linalg.norm(heads.reshape(flat), axis=1).mean())
    v = np.zeros_like(pulls[0]) if start is None else start
    weights: Float | None = None
    trajectory = []
    for step in range(MOST_STEPS + 1):
        gradients = (curvature * v - pulls).reshape(flat)
        weights, used = _weights(gradients, cap, weights, normalized=gradient == "normalized")
        trajectory.append(used)
        end = (used @ heads.reshape(flat)).reshape(v.shape)
        gap = float(np.linalg.norm(v - end))
        if gap <= tol * size or step == MOST_STEPS:
            break
        v = v - (used @ gradients).reshape(v.shape) / curvature.max()
    return Descent(trajectory=np.array(trajectory), distance=gap / size if size else gap)


def _weights(gradients: Float, cap: float, start: Float | None, *, normalized: bool) -> tuple[Float, Float]:
    """Return the min-norm weights, where the next search starts, and the weights that are used, both (M,)."""
    gram = gradients @ gradients.T
    if not normalized:
        weights = min_norm_weights(gram, cap=cap, start=start)
        return weights, weights
    lengths = np.sqrt(gram.diagonal())
    lengths = np.maximum(lengths, EPS * lengths.max()) if lengths.any() else np.ones(len(gram))
    weights = min_norm_weights(gram / np.outer(lengths, lengths), cap=cap, start=start)
    used = weights / lengths
    return weights, used / used.sum()


def logit_weights(target_means: Float, *, cap: float) -> Float:
    r"""Return the weights that gradients in the logits, averaged over all rows, give to M teachers, shape (M,).

    The authors of [1]_ take the gradients in the logits, averaged over a batch. With squared loss and the whole pool
    as batch, teacher m's gradient at the zero head is minus the mean :math:`\bar t_m` of its targets: all that it has
    of a teacher are the shares of the classes. The first weights stay along the whole path. The mean logits move from 0
    towards :math:`p = \sum_m w_m \bar t_m`, the point of the hull that is nearest to 0. By
    :math:`\langle p, t - p\rangle \ge 0` for each t of the hull, p is also the nearest point to each
    :math:`\tau p`, :math:`0 \le \tau \le 1`.

    Parameters
    ----------
    target_means : array of shape (M, K)
        Mean of each teacher's targets over the pool.
    cap : float
        Upper bound of each weight.

    References
    ----------
    .. [1] Du et al. (2020), Agree to Disagree: Adaptive Ensemble Knowledge Distillation in Gradient Space, NeurIPS 33.
    """
    return min_norm_weights(target_means @ target_means.T, cap=cap)
