"""How one head is fitted: kind, scaling, strength and loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Head = Literal["ridge", "softmax"]
LossName = Literal["ce", "reverse_kl", "gce", "confidence"]  # of softmax heads: `w2s_probe.heads.losses`
Rule = Literal["loo", "gcv", "cv"]  # how a strength is chosen
Scale = Literal["none", "standard"]

RIDGE_POINTS = 33  # strengths tried for a ridge head: four a decade, over eight decades
SOFTMAX_POINTS = 13  # and for a softmax head
MANY_CLASSES = 50  # with more classes, the grid of a softmax head has `MANY_CLASSES_POINTS` over the same range
MANY_CLASSES_POINTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """How one head is fitted.

    Parameters
    ----------
    kind : {"ridge", "softmax"}
        Linear head on the frozen features.
    scale : {"none", "standard"}
        Scaling of features, fitted on the head's own training rows.
    points : int or None
        Number of strengths tried; None is `default_points`.
    alpha : float or None
        A given strength; None chooses it by `rule`.
    rule : {"loo", "gcv", "cv"}
        Score that the chosen strength minimizes: exact leave-one-out or GCV (ridge), cross-validation (softmax).
    loss : {"ce", "reverse_kl", "gce", "confidence"}
        Loss of a softmax head.
    exponent, confidence : float
        Parameter of the loss ``gce``, and of the loss ``confidence``.
    intercept : bool
        Whether the head has an intercept. Without one it is a Bradley–Terry head: its rows are differences of the two
        sides of preference pairs, and its kind is softmax.
    """

    kind: Head = "ridge"
    scale: Scale = "none"
    points: int | None = None
    alpha: float | None = None
    rule: Rule = "loo"
    loss: LossName = "ce"
    exponent: float = 0.2
    confidence: float = 0.5
    intercept: bool = True


def default_points(kind: Head, classes: int | None) -> int:
    """Return the number of strengths tried for a head.

    Parameters
    ----------
    kind : {"ridge", "softmax"}
        Kind of the head.
    classes : int or None
        Number of classes; None for regression.

    Examples
    --------
    >>> default_points("softmax", 50), default_points("softmax", 51), default_points("ridge", 51)
    (13, 5, 33)
    """
    if kind == "ridge":
        return RIDGE_POINTS
    return SOFTMAX_POINTS if classes is None or classes <= MANY_CLASSES else MANY_CLASSES_POINTS


def coarse_grid_notes(kind: Head, classes: int | None, points: int | None) -> tuple[str, ...]:
    """Return a note if the grid of strengths is coarser than usual because there are many classes.

    Parameters
    ----------
    kind : {"ridge", "softmax"}
        Kind of the heads.
    classes : int or None
        Number of classes; None for regression.
    points : int or None
        Number of strengths that was asked for; None is `default_points`.
    """
    used = default_points(kind, classes)
    if points is not None or kind == "ridge" or used == SOFTMAX_POINTS:
        return ()
    return (
        f"Softmax heads of {classes:,} classes: {used} strengths are tried instead of {SOFTMAX_POINTS}, over the same "
        f"range (above {MANY_CLASSES} classes). The best strength may lie between two of them.",
    )
