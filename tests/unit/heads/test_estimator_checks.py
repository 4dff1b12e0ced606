"""Scikit-learn's own checks of estimators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.utils.estimator_checks import parametrize_with_checks

from w2s_probe.heads import RidgeHead, SoftmaxHead

WEIGHTS = "check_sample_weight_equivalence_on_dense_data"


def expected(estimator: Any) -> dict[str, str]:
    """Return why a weight of 2 may differ from a row given twice: rules count rows, as scikit-learn's RidgeCV does."""
    if estimator.alpha == "loo":
        return {WEIGHTS: "leaving out one of two equal rows leaves the other"}
    if estimator.alpha == "gcv":
        return {WEIGHTS: "GCV charges degrees of freedom to the number of rows, whatever their weights"}
    if isinstance(estimator, SoftmaxHead) and estimator.loss == "confidence":
        return {WEIGHTS: "decisions are counted in rows, and two equal rows can be decided differently"}
    return {}


SHELLS = [
    RidgeHead(),
    RidgeHead(alpha="gcv"),
    RidgeHead(alpha=1.0, scale="standard"),
    SoftmaxHead(),
    SoftmaxHead(loss="gce", exponent=0.5),
    SoftmaxHead(loss="confidence", scale="standard"),
]


@parametrize_with_checks(SHELLS, expected_failed_checks=expected)  # type: ignore[untyped-decorator]
def test_shells_are_estimators(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)
