"""How one head is fitted: kind, scaling, strength and loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Head = Literal["ridge", "softmax"]
LossName = Literal["ce", "reverse_kl", "gce", "confidence"]  # of softmax heads: `w2s_probe.heads.losses`
Rule = Literal["loo", "gcv", "cv"]  # how a strength is chosen
Scale = Literal["none", "standard"]

RIDGE_POINTS = 33  # strengths tried for a ridge head: four a decade, over eight decades


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """How one head is fitted.

    Parameters
    ----------
    kind : {"ridge", "softmax"}
        Linear head on the frozen features.
    scale : {"none", "standard"}
        Scaling of features, fitted on the head's own training rows.
    points : int
        Number of strengths tried.
    alpha : float or None
        A given strength; None chooses it by `rule`.
    rule : {"loo", "gcv", "cv"}
        Score that the chosen strength minimizes: exact leave-one-out or GCV (ridge), cross-validation (softmax).
    loss : {"ce", "reverse_kl", "gce", "confidence"}
        Loss of a softmax head.
    exponent, confidence : float
        Parameter of the loss ``gce``, and of the loss ``confidence``.
    """

    kind: Head = "ridge"
    scale: Scale = "none"
    points: int = RIDGE_POINTS
    alpha: float | None = None
    rule: Rule = "loo"
    loss: LossName = "ce"
    exponent: float = 0.2
    confidence: float = 0.5
