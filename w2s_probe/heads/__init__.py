"""Linear heads on frozen features, and scikit-learn estimators that fit them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from w2s_probe.heads.bradley_terry import fit_bradley_terry
from w2s_probe.heads.linear import LinearHead, ridge_probabilities
from w2s_probe.heads.pool import PoolFits
from w2s_probe.heads.ridge import fit_ridge
from w2s_probe.heads.softmax import fit_softmax

if TYPE_CHECKING:
    from w2s_probe.heads.estimators import RidgeHead, SoftmaxHead

__all__ = [
    "LinearHead",
    "PoolFits",
    "RidgeHead",
    "SoftmaxHead",
    "fit_bradley_terry",
    "fit_ridge",
    "fit_softmax",
    "ridge_probabilities",
]


def __getattr__(name: str) -> Any:
    """Import the estimators, and with them scikit-learn, on first use only."""
    if name in ("RidgeHead", "SoftmaxHead"):
        from w2s_probe.heads import estimators

        return getattr(estimators, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
